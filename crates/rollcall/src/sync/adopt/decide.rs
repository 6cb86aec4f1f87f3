//! What an admin decides about the people whom a terminal holds.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{
    link::link,
    matching::{Conflict, Match, Person, Student},
    people::{self, Found},
};
use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Result, Tx, Value},
    sync::{
        guard, pins,
        reconcile::{self, Reconciled, Scope},
        strangers,
    },
};

/// What is to become of somebody.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// He is a student: of the one whom he matches, or of the one given.
    Link,
    /// He stays on the terminal, as a stranger.
    Keep,
    /// He goes.
    Remove,
}

/// Whom it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whom {
    Pin(String),
    /// Everybody whose match is called so and about whom nothing is decided yet.
    Matched(String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wish {
    pub whom: Whom,
    pub what: What,
    pub student: Option<StudentId>,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Done {
    pub linked: u64,
    pub kept: u64,
    pub removed: u64,
    pub reconciled: Reconciled,
}

#[derive(Debug)]
pub enum Outcome {
    Done(Done),
    /// Nothing was done, for these reasons.
    Refused(Vec<String>),
    /// Nothing was done: these removals have left, and what became of them is not known yet.
    HaveLeft(Vec<String>),
}

/// Whoever stays, or is linked with his fingers, must be there: a removal that waits is withdrawn, of one that left nobody
/// knows yet.
const HAS_LEFT: &str = "the removal has left for the terminal, which has not answered yet: decide again when it has";
const IS_WRITING: &str = "SELECT start_state = 'writing' FROM devices WHERE id = $1";

/// Carries out what an admin wants, all of it or nothing.
pub async fn decide(tx: &mut Tx, device: DeviceId, wishes: &[Wish], now: Timestamp) -> Result<Outcome> {
    pins::ensure_rows(tx, Some(device), None).await?;
    reconcile::lock(tx, Scope::Device(device)).await?;
    let students = people::students(tx, device).await?;
    let found = people::find(tx, device, &students).await?;
    let plan = match Plan::of(wishes, &found, &students) {
        Ok(plan) => plan,
        Err(reasons) => return Ok(Outcome::Refused(reasons)),
    };
    let stays = |pin: &String| plan.stays().any(|person| person.pin == *pin);
    let leaving = found.iter().filter(|found| found.is_leaving).map(|found| &found.person.pin);
    let leaving: Vec<String> = leaving.filter(|pin| stays(pin)).map(|pin| format!("PIN {pin}: {HAS_LEFT}")).collect();
    if !leaving.is_empty() {
        return Ok(Outcome::HaveLeft(leaving));
    }
    let mut done = Done {
        linked: plan.links.len() as u64,
        kept: plan.kept.len() as u64,
        removed: plan.removed.len() as u64,
        ..Done::default()
    };
    link(tx, device, &students, &plan.links, now).await?;
    mark(tx, device, plan.kept, "kept", "stays by decision", now).await?;
    mark(tx, device, plan.removed, "approved", REMOVED, now).await?;
    let (is_writing,): (bool,) = tx.one(IS_WRITING, [device.into()]).await?;
    if is_writing {
        queue_removals(tx, device, now).await?;
    }
    done.reconciled = reconcile::reconcile(tx, Scope::Device(device), now).await?;
    Ok(Outcome::Done(done))
}

/// What the wishes come to.
#[derive(Default)]
struct Plan {
    links: Vec<(StudentId, Person)>,
    kept: Vec<Person>,
    removed: Vec<Person>,
}

impl Plan {
    fn of(wishes: &[Wish], found: &[Found], students: &[Student]) -> Result<Plan, Vec<String>> {
        let by_pin: HashMap<&str, &Found> = found.iter().map(|found| (found.person.pin.as_str(), found)).collect();
        let mut plan = Plan::default();
        let mut reasons = Vec::new();
        for wish in wishes {
            let meant: Vec<&Found> = match &wish.whom {
                Whom::Pin(pin) => by_pin.get(pin.as_str()).copied().into_iter().collect(),
                Whom::Matched(word) => {
                    let is_meant = |found: &&Found| found.matched.as_str() == word && found.decision.is_none();
                    found.iter().filter(is_meant).collect()
                }
            };
            if let (Whom::Pin(pin), true) = (&wish.whom, meant.is_empty()) {
                reasons.push(format!("PIN {pin}: the terminal holds nobody with it whom Rollcall did not write"));
            }
            for found in meant {
                if let Err(reason) = plan.add(wish, found, students) {
                    reasons.push(format!("PIN {}: {reason}", found.person.pin));
                }
            }
        }
        for twice in twice(plan.pins()) {
            reasons.push(format!("PIN {twice}: decided twice"));
        }
        for student in twice(plan.links.iter().map(|(student, _)| student.to_string())) {
            reasons.push(format!("student {student}: linked to two people"));
        }
        if reasons.is_empty() { Ok(plan) } else { Err(reasons) }
    }

    fn add(&mut self, wish: &Wish, found: &Found, students: &[Student]) -> Result<(), String> {
        let person = &found.person;
        match wish.what {
            What::Keep => self.kept.push(person.clone()),
            What::Remove | What::Link if person.is_administrator() => {
                return Err(Conflict::Administrator.to_string());
            }
            What::Remove => self.removed.push(person.clone()),
            What::Link => self.links.push((linkable(wish.student, found, students)?, person.clone())),
        }
        Ok(())
    }

    fn stays(&self) -> impl Iterator<Item = &Person> {
        self.links.iter().map(|(_, person)| person).chain(&self.kept)
    }

    fn pins(&self) -> impl Iterator<Item = String> {
        self.stays().chain(&self.removed).map(|person| person.pin.clone())
    }
}

fn twice(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut times: HashMap<String, usize> = HashMap::new();
    for name in names {
        *times.entry(name).or_default() += 1;
    }
    times.into_iter().filter(|(_, times)| *times > 1).map(|(name, _)| name).collect()
}

/// The student whom a person may be linked to.
fn linkable(wanted: Option<StudentId>, found: &Found, students: &[Student]) -> Result<StudentId, String> {
    let id = match (wanted, &found.matched) {
        (Some(id), _) => id,
        (None, Match::Card(id) | Match::Name(id)) => *id,
        (None, matched) => match matched.students() {
            [id] => *id,
            [] => return Err("matches nobody: say which student it is (student_id)".into()),
            _ => return Err("may be several students: say which one it is (student_id)".into()),
        },
    };
    let student = students
        .iter()
        .find(|student| student.id == id)
        .ok_or_else(|| format!("there is no student {id} in this terminal's school"))?;
    if !student.belongs {
        return Err(format!("{} does not belong on this terminal: not active, or without a card", student.name));
    }
    if let Some(pin) = &student.held_as {
        return Err(format!("{} is on the terminal already, with PIN {pin}", student.name));
    }
    if found.person.owner.is_some_and(|owner| owner != id) {
        return Err("this PIN was another student's on this terminal: its punches belong to that student".into());
    }
    Ok(id)
}

const FOUND: &str = "
    WITH v(pin, theirs) AS (VALUES {rows})
    INSERT INTO device_drift (device_id, device_pin, kind, theirs, found_at, found_last_at)
    SELECT CAST($1 AS BIGINT), v.pin, 'stranger', v.theirs, $2, $2 FROM v
    WHERE NOT EXISTS (SELECT 1 FROM device_drift o WHERE o.device_id = $1 AND o.device_pin = v.pin
      AND o.kind = 'stranger' AND o.ended_at IS NULL)";
const MARK: &str = "
    WITH v(pin) AS (VALUES {rows})
    UPDATE device_drift SET decision = $2, words = $3 FROM v
    WHERE device_drift.device_id = (SELECT $1) AND device_drift.device_pin = v.pin AND device_drift.kind = 'stranger'
      AND device_drift.ended_at IS NULL";

const REMOVED: &str = "is removed by decision";

async fn mark(
    tx: &mut Tx,
    device: DeviceId,
    people: Vec<Person>,
    decision: &'static str,
    words: &str,
    now: Timestamp,
) -> Result<()> {
    let pins: Vec<Vec<Value>> = people.iter().map(|person| vec![person.pin.clone().into()]).collect();
    let found = people.into_iter().map(|person| vec![person.pin.into(), person.name.into()]).collect();
    tx.execute_rows(FOUND, &[device.into(), now.into()], found).await?;
    tx.execute_rows(MARK, &[device.into(), decision.into(), words.into()], pins).await?;
    Ok(())
}

const APPROVED: &str = "
    SELECT f.device_pin FROM device_drift f
    WHERE f.device_id = $1 AND f.kind = 'stranger' AND f.ended_at IS NULL AND f.decision = 'approved'
      AND COALESCE(f.words, '') <> $2
      AND NOT EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = $1 AND c.device_pin = f.device_pin
        AND c.step = 'stranger' AND c.status IN ('pending', 'sent'))";

/// Queues the removals that were decided and are not on their way, nor given up since.
pub(in crate::sync) async fn queue_removals(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    let pins: Vec<(String,)> = tx.all(APPROVED, [device.into(), strangers::GIVEN_UP.into()]).await?;
    strangers::queue(tx, device, pins.into_iter().map(|(pin,)| pin).collect(), now).await
}

/// The terminal shall hold ours and nobody else: everybody who is left goes, but administrators and whom somebody keeps. As
/// many as the guard lets go at once; the others' removal waits for an approval.
pub(in crate::sync) async fn remove_the_rest(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    let students = people::students(tx, device).await?;
    let rest: Vec<Person> = people::find(tx, device, &students)
        .await?
        .into_iter()
        .filter(|found| found.decision.is_none() && !found.person.is_administrator())
        .map(|found| found.person)
        .collect();
    match guard::strangers_allowed(tx, device, rest.len() as i64, now).await? {
        None => mark(tx, device, rest, "approved", REMOVED, now).await,
        Some(reason) => {
            tracing::warn!(device_id = %device, people = rest.len(), %reason, "the removal of strangers is held");
            mark(tx, device, rest, "held", &reason.to_string(), now).await
        }
    }
}
