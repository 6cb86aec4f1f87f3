//! `rollcall removals SERIAL`: what the guard holds on a terminal, and the decision.

use std::process::ExitCode;

use serde_json::json;

use super::{Here, terminals};
use crate::{
    accounts::audit::{self, Actor},
    school::StudentId,
    sync::removals::{self, Decided, Decision, HeldBack, Removals},
};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The terminal's serial number.
    serial: String,
    /// They are meant: queue them.
    #[arg(long, group = "decision")]
    approve: bool,
    /// They are not: the terminal keeps these people, or their former cards, until the roster changes for them again.
    #[arg(long, group = "decision")]
    reject: bool,
    /// Only this student; may be given several times. Everybody who is held, without it.
    #[arg(long = "student", value_name = "ID", requires = "decision")]
    students: Vec<i64>,
    /// For programs.
    #[arg(long, conflicts_with = "decision")]
    json: bool,
}

pub(super) async fn run(args: Args, here: &Here) -> anyhow::Result<ExitCode> {
    match (args.approve, args.reject) {
        (true, _) => decide(&args, Decision::Approve, here).await,
        (_, true) => decide(&args, Decision::Reject, here).await,
        _ => show(&args, here).await,
    }
}

async fn decide(args: &Args, decision: Decision, here: &Here) -> anyhow::Result<ExitCode> {
    let now = here.clock.now();
    let mut tx = here.db.write().await?;
    let terminal = terminals::by_serial(&mut tx, &args.serial).await?;
    let students: Vec<StudentId> = args.students.iter().copied().map(StudentId).collect();
    let chosen = (!students.is_empty()).then_some(&*students);
    let (people, reconciled) = match removals::decide(&mut tx, terminal.id, decision, chosen, now).await? {
        Decided::Done { people, reconciled } => (people, reconciled),
        Decided::NotHeld(students) => anyhow::bail!(removals::not_held(&students)),
    };
    let change = audit::Change {
        action: decision.verb(),
        entity: "device",
        entity_id: terminal.id.to_string(),
        school_id: Some(terminal.school_id),
        details: json!({"removals": people, "student_ids": chosen}),
    };
    audit::record(&mut tx, Actor::COMMAND_LINE, change, now).await?;
    tx.commit().await?;
    here.finish(terminal.id, reconciled).await?;
    match decision {
        Decision::Approve => println!("{}: approved for {people} people", terminal.device_name),
        Decision::Reject => println!("{}: rejected for {people} people", terminal.device_name),
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(args: &Args, here: &Here) -> anyhow::Result<ExitCode> {
    let mut tx = here.db.read().await?;
    let terminal = terminals::by_serial(&mut tx, &args.serial).await?;
    let removals = removals::list(&mut tx, terminal.id).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&removals)?);
        return Ok(ExitCode::SUCCESS);
    }
    let Removals { held, reason, since, students, kept } = removals;
    match (since, reason) {
        (Some(since), Some(reason)) => {
            println!("{}: {held} held since {}: {reason}", terminal.device_name, since.0);
        }
        _ => println!("{}: nothing is held", terminal.device_name),
    }
    print(&students, "would be removed", "would get another card");
    print(&kept, "is kept by decision", "keeps the former card by decision");
    if held > 0 {
        println!("decide: rollcall removals {} --approve, or --reject", terminal.serial_number);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(people: &[HeldBack], removal: &str, card: &str) {
    for person in people {
        let what = if person.change == "card" { card } else { removal };
        let name = person.full_name.as_deref().unwrap_or("a former student");
        let id = person.student_id.map_or_else(|| "stranger".to_owned(), |id| id.to_string());
        println!("  {id:>8}  PIN {}  {name} {what}", person.device_pin);
    }
}
