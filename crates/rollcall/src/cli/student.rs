//! `rollcall export-student ID` and `rollcall erase-student ID`: what a family may ask for.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::Here;
use crate::{
    accounts::audit::{self, Actor},
    school::{StudentId, students},
    sync::{
        erase::{self, Punches},
        export,
    },
};

#[derive(clap::Args, Debug)]
pub(super) struct ExportArgs {
    /// The student's id.
    id: i64,
}

#[derive(clap::Args, Debug)]
pub(super) struct EraseArgs {
    /// The student's id.
    id: i64,
    /// What becomes of his punches: they stay and are nobody's, or go.
    #[arg(long, value_enum, default_value = "keep", value_name = "WHAT")]
    punches: Choice,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Choice {
    Keep,
    Delete,
}

pub(super) async fn export(args: ExportArgs, here: &Here) -> anyhow::Result<ExitCode> {
    let mut tx = here.db.read().await?;
    let export = export::export(&mut tx, StudentId(args.id)).await?.with_context(|| unknown(args.id))?;
    println!("{}", serde_json::to_string_pretty(&export)?);
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn erase(args: EraseArgs, here: &Here) -> anyhow::Result<ExitCode> {
    let now = here.clock.now();
    let id = StudentId(args.id);
    let mut tx = here.db.write().await?;
    let student = students::lock(&mut tx, id).await?;
    anyhow::ensure!(student.is_some() || export::export(&mut tx, id).await?.is_some(), unknown(args.id));
    let (punches, verb) = match args.punches {
        Choice::Keep => (Punches::Nobodys, "kept"),
        Choice::Delete => (Punches::Delete, "deleted"),
    };
    let erased = erase::erase(&mut tx, id, punches, now).await?;
    let change = audit::Change {
        action: "erase",
        entity: "student",
        entity_id: id.to_string(),
        school_id: student.map(|student| student.school_id),
        details: json!({"punches": verb, "number": erased.punches}),
    };
    audit::record(&mut tx, Actor::COMMAND_LINE, change, now).await?;
    tx.commit().await?;
    for device in &erased.reconciled.devices {
        here.finish(*device, erased.reconciled.clone()).await?;
    }
    println!("student {id} is erased; {} punches were {verb}", erased.punches);
    if erased.still_held > 0 {
        println!("{} terminals hold the student until they have called: `rollcall status`", erased.still_held);
    }
    if erased.files > 0 {
        println!("{} files that waited to be imported were dropped: they may have held the name", erased.files);
    }
    println!("backups and logs from before still know this student");
    Ok(ExitCode::SUCCESS)
}

fn unknown(id: i64) -> String {
    format!("nothing is known of a student {id}")
}
