//! `rollcall status`: whether terminals are in step, in words or as JSON, and as an exit status.

use std::process::ExitCode;

use super::{
    Here,
    terminals::{self, Terminal},
};
use crate::sync::{
    capacity,
    overview::{self, Summary},
    proof::{self, Known, Proof},
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

/// What is known of a terminal.
struct Facts {
    summary: Summary,
    counts: Counts,
    proof: Proof,
    known: Known,
    warnings: Vec<String>,
}

/// A terminal's line.
#[derive(serde::Serialize)]
struct Line {
    serial_number: String,
    device_name: String,
    school: String,
    is_online: bool,
    last_seen: Option<jiff::Timestamp>,
    /// Never of a terminal that tells nobody whom it holds.
    in_step: bool,
    /// What the exit status tells.
    #[serde(skip)]
    is_alarming: bool,
    /// What a person should know or do.
    says: String,
    #[serde(flatten)]
    summary: Summary,
    #[serde(flatten)]
    counts: Counts,
    proof: Proof,
    drift: Drift,
    /// `comm_key` or `addresses`: it may be another device under its serial number, and is handed nothing.
    suspicion: Option<String>,
    /// How many people fit, as the terminal says.
    user_capacity: Option<i64>,
    warnings: Vec<String>,
}

/// People of whom a reading found something that nothing has mended yet.
#[derive(serde::Serialize)]
struct Drift {
    missing: i64,
    different: i64,
    /// Students who left and are still there.
    extra: i64,
    strangers: i64,
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
        let facts = Facts {
            summary: overview::summary(&mut tx, terminal.id).await?,
            counts: removals::counts(&mut tx, terminal.id).await?,
            proof: proof::proof(&mut tx, terminal.id).await?,
            known: proof::known(&mut tx, terminal.id).await?,
            warnings: capacity::warnings(&mut tx, std::iter::once(terminal.id))
                .await?
                .into_iter()
                .map(|(_, words)| words)
                .collect(),
        };
        let line = Line::of(terminal, facts, args.strict);
        is_out_of_step |= line.is_alarming;
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
    fn of(terminal: Terminal, facts: Facts, strict: bool) -> Line {
        let is_right = (facts.are_right() && terminal.suspicion.is_none()) || !terminal.is_active;
        let says = says(&terminal, &facts);
        let Facts { summary, counts, proof, known, warnings } = facts;
        let is_proven = proof.class.is_some() && !proof.cannot_be_verified();
        Line {
            says,
            in_step: is_right && !proof.cannot_be_verified(),
            is_alarming: !is_right || (strict && !(is_proven && terminal.is_online)),
            serial_number: terminal.serial_number,
            device_name: terminal.device_name,
            school: terminal.school_name,
            is_online: terminal.is_online,
            last_seen: terminal.last_seen.map(Into::into),
            summary,
            counts,
            drift: Drift {
                missing: known.missing,
                different: known.different,
                extra: known.extra - known.strangers,
                strangers: known.strangers,
            },
            proof,
            suspicion: terminal.suspicion,
            user_capacity: terminal.user_capacity,
            warnings,
        }
    }
}

impl Facts {
    /// Whose card is kept by decision is as somebody wants him.
    fn are_acknowledged(&self) -> bool {
        self.summary.synced + self.counts.kept_cards == self.summary.total && self.counts.held_removals == 0
    }

    fn are_right(&self) -> bool {
        self.are_acknowledged() && self.proof.drifted == 0 && !self.known.is_drifted()
    }
}

fn says(terminal: &Terminal, facts: &Facts) -> String {
    let Facts { summary, counts, proof, known, warnings } = facts;
    if !terminal.is_active {
        return "switched off by an admin".to_owned();
    }
    if terminal.suspicion.is_some() {
        let serial = &terminal.serial_number;
        return format!(
            "may be another device: `rollcall doctor` says why; if it is yours, `rollcall confirm {serial}`"
        );
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
    if facts.are_acknowledged() {
        parts.push(in_step(terminal, proof, known).to_owned());
    }
    let decided = counts.held_cards + counts.kept_cards + counts.person_there;
    let waiting = summary.pending + summary.sent + summary.not_synced - decided;
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
    if counts.person_there > 0 {
        let (people, serial) = (counts.person_there, &terminal.serial_number);
        parts.push(format!("{people} wait for people who are there: decide with `rollcall takeover {serial}`"));
    }
    if proof.class.is_none() && proof.verified == 0 {
        parts.push("not verified yet".to_owned());
    } else if !proof.cannot_be_verified() {
        parts.push(format!("{}/{} verified", proof.verified, summary.total));
    }
    let drift = known.in_words();
    if !drift.is_empty() {
        parts.push(format!("found there: {drift}"));
    }
    parts.extend(warnings.iter().cloned());
    parts.join(", ")
}

/// Said of a terminal that acknowledged everybody. One that tells nobody whom it holds is never called in step.
fn in_step(terminal: &Terminal, proof: &Proof, known: &Known) -> &'static str {
    match (proof.cannot_be_verified(), terminal.is_online) {
        (true, true) => "acknowledged, cannot be verified",
        (true, false) => "acknowledged, cannot be verified, offline now",
        (false, _) if known.is_drifted() || proof.drifted > 0 => "acknowledged",
        (false, true) => "in step",
        (false, false) => "in step when last seen, offline now",
    }
}

fn print(lines: &[Line]) {
    if lines.is_empty() {
        println!("no terminals are registered");
        return;
    }
    let width = |text: fn(&Line) -> &str| lines.iter().map(|line| text(line).chars().count()).max().unwrap_or(0);
    let (serial, name) = (width(|line| &line.serial_number), width(|line| &line.device_name));
    for line in lines {
        let mark = match line {
            Line { is_alarming: true, .. } => "!",
            Line { in_step: true, .. } => "=",
            _ => "?",
        };
        let numbers = format!("{}/{}", line.summary.synced, line.summary.total);
        println!(
            "{mark} {:serial$}  {:name$}  {numbers:>9}  {}  ({})",
            line.serial_number, line.device_name, line.says, line.school
        );
    }
}
