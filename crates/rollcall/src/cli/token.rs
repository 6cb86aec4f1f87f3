//! `rollcall token`: secrets with which programs call the API.

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Subcommand;
use jiff::{civil::Date, tz::TimeZone};

use super::Here;
use crate::accounts::{
    audit::{self, Actor},
    tokens, users,
};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Makes a token for a user and prints it, alone. It is shown this once.
    Create(Create),
}

#[derive(clap::Args, Debug)]
struct Create {
    /// Whose rights the token has.
    email: String,
    /// What it is for, to recognise it later.
    #[arg(long, default_value = "command line")]
    name: String,
    /// The day from which it is void, e.g. 2027-07-31.
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
}

pub(super) async fn run(args: Args, here: &Here) -> anyhow::Result<ExitCode> {
    let Command::Create(args) = args.command;
    let now = here.clock.now();
    let until = args.until.map(|date| date.to_zoned(TimeZone::UTC)).transpose()?.map(|at| at.timestamp());
    ensure!(until.is_none_or(|until| until > now), "that day has begun already");
    let mut tx = here.db.write().await?;
    let user =
        users::by_email(&mut tx, &args.email).await?.with_context(|| format!("there is no user {}", args.email))?;
    let (token, secret) = tokens::create(&mut tx, user.id, &args.name, until, now).await?;
    let change = audit::Change {
        action: "create",
        entity: "token",
        entity_id: token.id.to_string(),
        school_id: user.school_id,
        details: serde_json::json!({ "email": user.email, "name": args.name }),
    };
    audit::record(&mut tx, Actor::COMMAND_LINE, change, now).await?;
    tx.commit().await?;
    println!("{}", secret.reveal());
    Ok(ExitCode::SUCCESS)
}
