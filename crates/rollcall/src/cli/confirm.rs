//! `rollcall confirm SERIAL`: a suspected terminal is the one that was claimed.

use std::process::ExitCode;

use serde_json::json;

use super::{Here, terminals};
use crate::{
    accounts::audit::{self, Actor},
    devices::trust,
};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The terminal's serial number.
    serial: String,
}

pub(super) async fn run(args: Args, here: &Here) -> anyhow::Result<ExitCode> {
    let now = here.clock.now();
    let mut tx = here.db.write().await?;
    let terminal = terminals::by_serial(&mut tx, &args.serial).await?;
    let Some(suspected) = trust::confirm(&mut tx, terminal.id, now).await? else {
        println!("nobody doubts {}", terminal.device_name);
        return Ok(ExitCode::SUCCESS);
    };
    let change = audit::Change {
        action: "confirm",
        entity: "device",
        entity_id: terminal.id.to_string(),
        school_id: Some(terminal.school_id),
        details: json!({"was": suspected.says()}),
    };
    audit::record(&mut tx, Actor::COMMAND_LINE, change, now).await?;
    tx.commit().await?;
    println!("{} is believed again; it {}", terminal.device_name, suspected.says());
    Ok(ExitCode::SUCCESS)
}
