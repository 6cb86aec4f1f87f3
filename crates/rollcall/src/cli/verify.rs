//! `rollcall verify SERIAL` and `rollcall verify --all`: terminals are read back, and what is known of them is told.

use std::process::ExitCode;

use super::{
    Here,
    terminals::{self, Terminal},
};
use crate::{
    accounts::audit::{self, Actor},
    sync::verify::{self, Begun},
};

#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct Args {
    /// The terminal's serial number.
    serial: Option<String>,
    /// Every terminal.
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(args: Args, here: &Here) -> anyhow::Result<ExitCode> {
    match &args.serial {
        Some(serial) => one(here, serial).await?,
        None => all(here).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn one(here: &Here, serial: &str) -> anyhow::Result<()> {
    let mut tx = here.db.write().await?;
    let terminal = terminals::by_serial(&mut tx, serial).await?;
    let begun = verify::verify(&mut tx, terminal.id, here.clock.now()).await?;
    audit::record(&mut tx, Actor::COMMAND_LINE, change(terminal.id.to_string()), here.clock.now()).await?;
    tx.commit().await?;
    tell(&terminal, &begun);
    here.finish(terminal.id, begun.reconciled).await
}

async fn all(here: &Here) -> anyhow::Result<()> {
    let mut tx = here.db.write().await?;
    let devices = verify::want_all(&mut tx, here.clock.now()).await?;
    audit::record(&mut tx, Actor::COMMAND_LINE, change("all".to_owned()), here.clock.now()).await?;
    let terminals = terminals::all(&mut tx).await?;
    tx.commit().await?;
    for terminal in terminals.iter().filter(|terminal| devices.contains(&terminal.id)) {
        let mut tx = here.db.write().await?;
        let begun = verify::verify_one_of_all(&mut tx, terminal.id, here.clock.now()).await?;
        tx.commit().await?;
        tell(terminal, &begun);
        here.finish(terminal.id, begun.reconciled).await?;
    }
    if devices.is_empty() {
        println!("no terminals are in use");
    }
    Ok(())
}

fn change(entity_id: String) -> audit::Change {
    let details = serde_json::Value::Null;
    audit::Change { action: "verify", entity: "device", entity_id, school_id: None, details }
}

fn tell(terminal: &Terminal, begun: &Begun) {
    let known = match begun.known.in_words() {
        words if words.is_empty() => "nothing is known to differ".to_owned(),
        words => format!("known so far: {words}"),
    };
    let retried = match begun.retried {
        0 => String::new(),
        1 => "; one who failed is tried again".to_owned(),
        many => format!("; {many} who failed are tried again"),
    };
    println!("{} ({}): {}; {known}{retried}", terminal.device_name, terminal.serial_number, begun.words);
}
