//! `rollcall import FILE`: a roster from a file, with what it does to terminals.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;

use super::open;
use crate::{
    accounts::audit::Actor,
    school::{
        SchoolId,
        import::{
            Mode, Report,
            oneroster::{Cards, Package, Roster, SchoolReport},
            table::Table,
        },
    },
    sync::import::{self, Import},
};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// A CSV file, its first line naming the columns; `-` reads standard input.
    file: PathBuf,
    /// The school's id.
    #[arg(long, value_name = "ID")]
    school: i64,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Deactivate the students who are not in the file.
    #[arg(long)]
    replace: bool,
}

pub(super) async fn run(args: Args, url: &str) -> anyhow::Result<ExitCode> {
    let file = read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let table = Table::read(&file).with_context(|| format!("{} cannot be imported", args.file.display()))?;
    let here = open(url).await?;
    let (school, mode) = (SchoolId(args.school), if args.replace { Mode::Replace } else { Mode::Merge });
    let done = if args.dry_run {
        import::rehearse(&here.db, &here.clock, school, table, mode).await?
    } else {
        import::run(&here.db, &here.clock, Actor::COMMAND_LINE, school, table, mode).await?
    };
    let done = done.with_context(|| format!("there is no school {school}"))?;
    print(&done);
    Ok(if done.report.rejected.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(clap::Args, Debug)]
pub(super) struct OneRosterArgs {
    /// A zip file, or the folder with manifest.csv.
    path: PathBuf,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Deactivate the students of these schools who are not in the files.
    #[arg(long)]
    replace: bool,
    /// The cards are in the column `identifier` of users.csv, not in `metadata.rfid_card_id`.
    #[arg(long)]
    cards_in_identifier: bool,
}

pub(super) async fn run_oneroster(args: OneRosterArgs, url: &str) -> anyhow::Result<ExitCode> {
    let path = &args.path;
    let cannot_read = || format!("cannot read {}", path.display());
    let package = if path.is_dir() {
        Package::of_folder(path).with_context(cannot_read)?
    } else {
        Package::of_zip(&fs::read(path).with_context(cannot_read)?)
    };
    let cards = if args.cards_in_identifier { Cards::Identifier } else { Cards::Metadata };
    let roster = package.and_then(|package| Roster::read(&package, cards));
    let roster = roster.with_context(|| format!("{} cannot be imported", path.display()))?;
    let here = open(url).await?;
    let mode = if args.replace { Mode::Replace } else { Mode::Merge };
    let done = if args.dry_run {
        import::rehearse_oneroster(&here.db, &here.clock, roster, mode).await?
    } else {
        import::run_oneroster(&here.db, &here.clock, Actor::COMMAND_LINE, roster, mode).await?
    };
    for school in &done.schools {
        let SchoolReport { name, added, changed, unchanged, deactivated, left, .. } = school;
        let new = if school.is_new { " (new)" } else { "" };
        println!(
            "{name}{new}: {added} added, {changed} changed, {unchanged} unchanged, {deactivated} deactivated, \
             {left} to another school"
        );
    }
    print(&done.import);
    Ok(if done.import.report.rejected.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    fs::read(file)
}

fn print(done: &Import) {
    let Report {
        added,
        changed,
        unchanged,
        deactivated,
        rejected,
        unknown_columns,
        new_classes,
        new_sections,
        encoding,
    } = &done.report;
    if done.dry_run {
        println!("dry run: nothing was written");
    }
    println!(
        "{added} added, {changed} changed, {unchanged} unchanged, {deactivated} deactivated, {} rejected",
        rejected.len()
    );
    println!("{new_classes} new classes, {new_sections} new sections; the file was read as {encoding}");
    if !unknown_columns.is_empty() {
        println!("columns that mean nothing here: {}", unknown_columns.join(", "));
    }
    for rejected in rejected {
        println!("  line {}: {}", rejected.line, rejected.reason);
    }
    let verb = if done.dry_run { "would hold" } else { "holds" };
    for held in &done.held {
        let (name, serial) = (&held.device_name, &held.serial_number);
        println!("{name} ({serial}): the guard {verb} {}", parts(held.removals, held.card_changes));
        if let Some(reason) = &held.reason {
            println!("  {reason}");
        }
        if !done.dry_run {
            println!("  decide: rollcall removals {serial} --approve, or --reject");
        }
    }
}

fn parts(removals: usize, card_changes: usize) -> String {
    let parts = [(removals, "removals"), (card_changes, "changes of card")];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
    parts.collect::<Vec<_>>().join(" and ")
}
