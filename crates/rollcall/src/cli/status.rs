//! `rollcall status`: whether terminals are in step, in words or as JSON, and as an exit status.

use std::process::ExitCode;

use super::{
    Here,
    terminals::{self, Terminal},
};
use crate::sync::{
    overview::{self, Summary},
    removals::{self, Counts},
};

/// Out of step, for cron jobs.
const OUT_OF_STEP: u8 = 3;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// One terminal; all without it.
    serial: Option<String>,
    /// For programs.
    #[arg(long)]
    json: bool,
    /// Exit 3 also for terminals that are offline or cannot be verified.
    #[arg(long)]
    strict: bool,
}

/// A terminal's line.
#[derive(serde::Serialize)]
struct Line {
    serial_number: String,
    device_name: String,
    school: String,
    is_online: bool,
    last_seen: Option<jiff::Timestamp>,
    in_step: bool,
    /// What a person should know or do.
    says: String,
    #[serde(flatten)]
    summary: Summary,
    #[serde(flatten)]
    counts: Counts,
}

pub(super) async fn run(args: Args, here: &Here) -> anyhow::Result<ExitCode> {
    let mut tx = here.db.read().await?;
    let terminals = match &args.serial {
        Some(serial) => vec![terminals::by_serial(&mut tx, serial).await?],
        None => terminals::all(&mut tx).await?,
    };
    let mut lines = Vec::with_capacity(terminals.len());
    let mut is_out_of_step = false;
    for terminal in terminals {
        let summary = overview::summary(&mut tx, terminal.id).await?;
        let counts = removals::counts(&mut tx, terminal.id).await?;
        let line = Line::of(terminal, summary, counts, args.strict);
        is_out_of_step |= !line.in_step;
        lines.push(line);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&lines)?);
    } else {
        print(&lines);
    }
    Ok(if is_out_of_step { ExitCode::from(OUT_OF_STEP) } else { ExitCode::SUCCESS })
}

impl Line {
    fn of(terminal: Terminal, summary: Summary, counts: Counts, strict: bool) -> Line {
        let is_whole = is_whole(&summary, &counts) && counts.held_removals == 0;
        let is_known_well = terminal.is_online && terminal.readback_class.is_some();
        Line {
            says: says(&terminal, &summary, &counts),
            in_step: (is_whole || !terminal.is_active) && (is_known_well || !strict),
            serial_number: terminal.serial_number,
            device_name: terminal.device_name,
            school: terminal.school_name,
            is_online: terminal.is_online,
            last_seen: terminal.last_seen.map(Into::into),
            summary,
            counts,
        }
    }
}

/// Whose card is kept by decision is as somebody wants him.
fn is_whole(summary: &Summary, counts: &Counts) -> bool {
    summary.synced + counts.kept_cards == summary.total
}

fn says(terminal: &Terminal, summary: &Summary, counts: &Counts) -> String {
    if !terminal.is_active {
        return "switched off by an admin".to_owned();
    }
    match terminal.start_state.as_str() {
        "writing" => {}
        "holds_people" => {
            let people = terminal.user_count.map_or_else(|| "people".to_owned(), |count| format!("{count} people"));
            return format!("already holds {people}: an admin has to decide (takeover)");
        }
        _ if terminal.last_seen.is_none() => return "has not called yet".to_owned(),
        _ => return "being counted before the first write".to_owned(),
    }
    let mut parts = Vec::new();
    if is_whole(summary, counts) && counts.held_removals == 0 {
        parts.push(if terminal.is_online { "in step" } else { "in step when last seen, offline now" }.to_owned());
    }
    let waiting = summary.pending + summary.sent + summary.not_synced - counts.held_cards - counts.kept_cards;
    if waiting > 0 {
        let when = if terminal.is_online { "on their way" } else { "waiting until it calls" };
        parts.push(format!("{waiting} {when}"));
    }
    if summary.failed > 0 {
        parts.push(format!("{} failed", summary.failed));
    }
    if counts.kept_cards > 0 {
        parts.push(format!("{} with the former card by decision", counts.kept_cards));
    }
    for (held, what) in [(counts.held_removals, "removals"), (counts.held_cards, "changes of card")] {
        if held > 0 {
            parts.push(format!("{held} {what} held: decide with `rollcall removals {}`", terminal.serial_number));
        }
    }
    parts.join(", ")
}

fn print(lines: &[Line]) {
    if lines.is_empty() {
        println!("no terminals are registered");
        return;
    }
    let width = |text: fn(&Line) -> &str| lines.iter().map(|line| text(line).chars().count()).max().unwrap_or(0);
    let (serial, name) = (width(|line| &line.serial_number), width(|line| &line.device_name));
    for line in lines {
        let mark = if line.in_step { "=" } else { "!" };
        let numbers = format!("{}/{}", line.summary.synced, line.summary.total);
        println!(
            "{mark} {:serial$}  {:name$}  {numbers:>9}  {}  ({})",
            line.serial_number, line.device_name, line.says, line.school
        );
    }
}
