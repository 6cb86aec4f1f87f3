//! `rollcall demo`: the whole product at once, without hardware and without leaving anything behind.
//!
//! A server on SQLite in a temporary folder, a school of 50 students, three simulated terminals that behave like
//! different families of real ones. When all are in step and were read back, things begin to happen by themselves: in the
//! database, and at the terminals.

mod console;
mod deed;
mod school;
mod stage;

use std::{net::SocketAddr, pin::pin, process::ExitCode, time::Duration};

use anyhow::Context as _;
use jiff::SignedDuration;
use rand::RngExt as _;
use tokio_util::sync::CancellationToken;

use self::{school::School, stage::Stage};
use super::asked_to_stop;
use crate::{
    accounts::{
        Role, passwords,
        users::{self, NewUser},
    },
    app::App,
    clock::Clock,
    config::Settings,
    server::{self, Listeners},
};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Where the demo's server listens; another free port is taken when this one is busy.
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDR")]
    listen: SocketAddr,
    /// End by itself after this time.
    #[arg(long = "for", value_parser = super::duration, value_name = "TIME")]
    lasts: Option<SignedDuration>,
}

const EMAIL: &str = "admin@demo.example";

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Heard from here on, so that the folder does not stay.
    let mut stopped = pin!(asked_to_stop());
    let folder =
        tempfile::Builder::new().prefix("rollcall-demo-").tempdir().context("cannot make a temporary folder")?;
    let settings = Settings {
        database_url: format!("sqlite://{}", folder.path().join("rollcall.db").display()),
        command_deadline: SignedDuration::from_secs(5),
        poll_delay: SignedDuration::from_secs(2),
        verify_cron: "0 */3 * * * *".parse()?,
        ..Settings::default()
    };
    let listeners = listen(args.listen).await?;
    let address = listeners.main.local_addr()?;
    let app = App::open(settings, Clock::machine()).await?;
    let password = admin(&app).await?;
    let school = School::found(&app).await?;

    let stop = CancellationToken::new();
    let server = tokio::spawn(server::run(app.clone(), listeners, stop.clone().cancelled_owned()));
    println!("Rollcall is running. Open  http://{address}/");
    println!("Log in as {EMAIL} with the password {password}");
    println!("Ctrl-C ends it; nothing is left behind.\n");

    let stage = Stage::set(&school, address, &stop)?;
    tokio::select! {
        outcome = stage.play(&app, &school) => outcome?,
        () = &mut stopped => {}
        () = end_of(args.lasts) => {}
    }
    stop.cancel();
    stage.clear().await;
    server.await.context("the server did not end well")?;
    folder.close().context("cannot remove the temporary folder")?;
    println!("\nThe demo is over.");
    Ok(ExitCode::SUCCESS)
}

async fn listen(wanted: SocketAddr) -> anyhow::Result<Listeners> {
    if let Ok(listeners) = Listeners::bind(wanted, None).await {
        return Ok(listeners);
    }
    let any_port = SocketAddr::new(wanted.ip(), 0);
    Listeners::bind(any_port, None).await.with_context(|| format!("cannot listen on {}", wanted.ip()))
}

/// Makes the admin; answers a password that nobody had before.
async fn admin(app: &App) -> anyhow::Result<String> {
    let password = format!("demo-{:08}", rand::rng().random_range(0..100_000_000));
    let new = NewUser {
        email: EMAIL.to_owned(),
        password: passwords::hash(password.clone()).await?,
        role: Role::Superadmin,
        school_id: None,
        full_name: Some("Demo".to_owned()),
    };
    let mut tx = app.db.write().await?;
    users::create(&mut tx, new, app.clock.now()).await?;
    tx.commit().await?;
    Ok(password)
}

async fn end_of(time: Option<SignedDuration>) {
    match time.and_then(|time| Duration::try_from(time).ok()) {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}
