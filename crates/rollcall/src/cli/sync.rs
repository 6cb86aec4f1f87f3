//! `rollcall sync SERIAL`: the admin's button.

use std::{process::ExitCode, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Here, asked_to_stop, terminals};
use crate::{
    accounts::audit::{self, Actor},
    devices::DeviceId,
    sync::{again, overview, removals},
};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The terminal's serial number.
    serial: String,
    /// Stay until the terminal has acknowledged everybody, and show how far it is.
    #[arg(long)]
    wait: bool,
}

/// How often the numbers are looked up while a person watches.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn run(args: Args, here: &Here) -> anyhow::Result<ExitCode> {
    let mut tx = here.db.write().await?;
    let terminal = terminals::by_serial(&mut tx, &args.serial).await?;
    let done = again::full_sync(&mut tx, terminal.id, here.clock.now()).await?;
    let change = audit::Change {
        action: "sync",
        entity: "device",
        entity_id: terminal.id.to_string(),
        school_id: None,
        details: serde_json::Value::Null,
    };
    audit::record(&mut tx, Actor::COMMAND_LINE, change, here.clock.now()).await?;
    tx.commit().await?;
    here.finish(terminal.id, done.reconciled).await?;
    if done.commands_queued == 0 && terminal.start_state != "writing" {
        println!(
            "{}: {} students belong on it; writing has not begun, see `rollcall status {}`",
            terminal.device_name, done.total_students, terminal.serial_number
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}: {} of {} students queued", terminal.device_name, done.commands_queued, done.total_students);
    if args.wait {
        return watch(here, terminal.id, done.total_students).await;
    }
    Ok(ExitCode::SUCCESS)
}

async fn watch(here: &Here, device: DeviceId, total: i64) -> anyhow::Result<ExitCode> {
    let bar = ProgressBar::new(total.unsigned_abs())
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} acknowledged {msg}")?);
    let mut stop = std::pin::pin!(asked_to_stop());
    loop {
        let mut tx = here.db.read().await?;
        let summary = overview::summary(&mut tx, device).await?;
        // They wait for a person, or for nothing at all.
        let counts = removals::counts(&mut tx, device).await?;
        drop(tx);
        bar.set_position(summary.synced.unsigned_abs());
        bar.set_message(if summary.failed > 0 { format!("· {} failed", summary.failed) } else { String::new() });
        if summary.synced + summary.failed + counts.held_cards + counts.kept_cards == summary.total {
            bar.finish();
            return Ok(if summary.failed + counts.held_cards == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = &mut stop => {
                bar.abandon();
                println!("the rest goes on without this window");
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}
