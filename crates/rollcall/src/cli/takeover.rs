//! `rollcall takeover SERIAL`: the people whom a terminal held before, and what becomes of them.

use std::process::ExitCode;

use serde_json::json;

use super::{Here, terminals};
use crate::{
    accounts::audit::{self, Actor},
    school::StudentId,
    sync::{
        adopt::{
            decide::{self, Done, Outcome, What, Whom, Wish},
            view::{self, Adoptee, Adoption, Numbers},
        },
        start::{self, Takeover},
    },
};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The terminal's serial number.
    serial: String,
    /// `add` writes the students beside the people who are there; `link_cards` links everybody whose card is one student's;
    /// `replace` does that and removes everybody else.
    #[arg(long, value_parser = mode, group = "decision")]
    mode: Option<Takeover>,
    /// He is a student: PIN, or PIN=ID of the student where the match does not say whom. May be given several times.
    #[arg(long, value_name = "PIN[=ID]", conflicts_with = "mode")]
    link: Vec<String>,
    /// Links everybody whose name is one student's.
    #[arg(long, conflicts_with = "mode")]
    link_names: bool,
    /// He stays, as a stranger. May be given several times.
    #[arg(long, value_name = "PIN", conflicts_with = "mode")]
    keep: Vec<String>,
    /// He goes. May be given several times.
    #[arg(long, value_name = "PIN", conflicts_with = "mode")]
    remove: Vec<String>,
    /// For programs: shows what there is to decide.
    #[arg(long, conflicts_with_all = ["decision", "link", "link_names", "keep", "remove"])]
    json: bool,
}

fn mode(word: &str) -> Result<Takeover, String> {
    Takeover::parse(word).ok_or_else(|| format!("{word:?} is none of add, link_cards, replace"))
}

pub(super) async fn run(args: Args, here: &Here) -> anyhow::Result<ExitCode> {
    let wishes = args.wishes()?;
    match args.mode {
        Some(mode) => take_over(&args.serial, mode, here).await?,
        None if !wishes.is_empty() => decide(&args.serial, &wishes, here).await?,
        None => {}
    }
    let mut tx = here.db.read().await?;
    let terminal = terminals::by_serial(&mut tx, &args.serial).await?;
    let adoption = view::view(&mut tx, terminal.id).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&adoption)?);
    } else {
        print(&terminal.device_name, &adoption);
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn wishes(&self) -> anyhow::Result<Vec<Wish>> {
        let mut wishes = Vec::new();
        for link in &self.link {
            let (pin, student) = match link.split_once('=') {
                None => (link.as_str(), None),
                Some((pin, id)) => match id.parse() {
                    Ok(id) => (pin, Some(StudentId(id))),
                    Err(_) => anyhow::bail!("--link {link}: {id:?} is no student's id"),
                },
            };
            wishes.push(Wish { whom: Whom::Pin(pin.to_owned()), what: What::Link, student });
        }
        if self.link_names {
            wishes.push(Wish { whom: Whom::Matched("name".to_owned()), what: What::Link, student: None });
        }
        for (pins, what) in [(&self.keep, What::Keep), (&self.remove, What::Remove)] {
            wishes.extend(pins.iter().map(|pin| Wish { whom: Whom::Pin(pin.clone()), what, student: None }));
        }
        Ok(wishes)
    }
}

async fn take_over(serial: &str, mode: Takeover, here: &Here) -> anyhow::Result<()> {
    let now = here.clock.now();
    let mut tx = here.db.write().await?;
    let terminal = terminals::by_serial(&mut tx, serial).await?;
    let reconciled = start::take_over(&mut tx, terminal.id, mode, now).await?;
    audit::record(&mut tx, Actor::COMMAND_LINE, change(&terminal, json!({"mode": mode.as_str()})), now).await?;
    tx.commit().await?;
    here.finish(terminal.id, reconciled).await
}

async fn decide(serial: &str, wishes: &[Wish], here: &Here) -> anyhow::Result<()> {
    let now = here.clock.now();
    let mut tx = here.db.write().await?;
    let terminal = terminals::by_serial(&mut tx, serial).await?;
    let Done { linked, kept, removed, reconciled } = match decide::decide(&mut tx, terminal.id, wishes, now).await? {
        Outcome::Done(done) => done,
        Outcome::Refused(reasons) | Outcome::HaveLeft(reasons) => {
            anyhow::bail!("nothing was changed: {}", reasons.join("; "))
        }
    };
    let details = json!({"linked": linked, "kept": kept, "removed": removed});
    audit::record(&mut tx, Actor::COMMAND_LINE, change(&terminal, details), now).await?;
    tx.commit().await?;
    here.finish(terminal.id, reconciled).await?;
    println!("{linked} linked, {kept} kept, {removed} removed");
    Ok(())
}

fn change(terminal: &terminals::Terminal, details: serde_json::Value) -> audit::Change {
    audit::Change {
        action: "takeover",
        entity: "device",
        entity_id: terminal.id.to_string(),
        school_id: Some(terminal.school_id),
        details,
    }
}

fn print(name: &str, adoption: &Adoption) {
    println!("{name}: {}", adoption.words);
    let Numbers { card, name, conflict, former, stranger, kept, removed, held } = adoption.summary;
    let numbers = [
        (card, "by card"),
        (name, "by name"),
        (conflict, "in conflict"),
        (former, "former students"),
        (stranger, "strangers"),
        (kept, "kept"),
        (removed, "being removed"),
        (held, "held"),
    ];
    let numbers: Vec<String> = numbers.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if !numbers.is_empty() {
        println!("  {}", numbers.join(", "));
    }
    for person in adoption.people.iter().filter(|person| person.matched != "card" && person.decision.is_none()) {
        println!("  {}", line(person));
    }
}

fn line(person: &Adoptee) -> String {
    let card = person.card.as_deref().map_or_else(String::new, |card| format!(", card {card}"));
    let name = if person.name.is_empty() { "somebody" } else { &person.name };
    let candidates: Vec<String> =
        person.students.iter().map(|student| format!("{} (student {})", student.full_name, student.id)).collect();
    let who = if candidates.is_empty() { String::new() } else { format!(": {}", candidates.join(" or ")) };
    let why = person.words.as_deref().map_or_else(String::new, |words| format!("; {words}"));
    format!("PIN {:>6}  {name}{card}  {}{who}{why}", person.pin, person.matched)
}
