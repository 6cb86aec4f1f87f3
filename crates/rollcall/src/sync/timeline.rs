//! What happened to one student on one terminal: put together from the ledger, the command log, what the terminal told,
//! and what readings found.

use std::cmp::Reverse;

use push_protocol::result::meaning;

use super::{adopt::others::has_stranger, rights};
use crate::{
    devices::DeviceId,
    school::{SchoolId, StudentId},
    store::{Instant, Result, Tx},
};

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct TimelineEvent {
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    pub event: Kind,
    /// The same for a person.
    pub words: String,
    /// The command's number on the wire, where there is one.
    pub command_id: Option<i64>,
    /// The terminal's return code.
    pub code: Option<i64>,
    /// `name` or `card`, where a field differs.
    pub field: Option<String>,
    pub ours: Option<String>,
    pub theirs: Option<String>,
}

/// In the order in which they follow from each other, for what happens at the same moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TimelineEventKind)]
pub enum Kind {
    /// The roster wants something of him on this terminal.
    Wanted,
    /// The terminal said something about his PIN.
    Seen,
    /// The terminal showed him otherwise than wanted.
    #[serde(rename = "drift found")]
    DriftFound,
    /// A command waits for the terminal's next poll.
    Queued,
    /// It was handed to the terminal.
    Sent,
    /// The terminal said yes.
    Acknowledged,
    /// It refused, or never answered.
    Failed,
    /// Something newer took the command's place.
    Superseded,
    /// The terminal itself showed him to be as wanted.
    Verified,
    /// What was found is over.
    #[serde(rename = "drift ended")]
    DriftEnded,
}

#[derive(Debug, sqlx::FromRow)]
struct Ledger {
    device_pin: String,
    is_wanted: bool,
    wanted_name: Option<String>,
    wanted_card: Option<String>,
    error_message: Option<String>,
    created_at: Instant,
    updated_at: Instant,
    wanted_at: Option<Instant>,
    verified_at: Option<Instant>,
    has_command: bool,
}

/// A decision makes the row of whomever it is about the deciding school's, which is told nothing of another one's student.
const LEDGER: &str = "
    SELECT device_pin, is_wanted, wanted_name, wanted_card, error_message, created_at, updated_at, wanted_at,
      verified_at, ((wanted_version = 1 AND error_message IS NULL) OR confirmed_version = wanted_version OR EXISTS (
        SELECT 1 FROM device_commands c WHERE c.device_id = l.device_id AND c.student_id = l.student_id
          AND c.wanted_version = l.wanted_version)) AS has_command
    FROM device_user_sync_status l
    WHERE device_id = $1 AND student_id = $2 AND (CAST($3 AS BIGINT) IS NULL OR (school_id = $3
      AND (COALESCE(decision, 'held') = 'held'
        OR NOT EXISTS (SELECT 1 FROM students s WHERE s.id = l.student_id AND s.school_id <> $3))))";
const BELONGS: &str = "
    SELECT student_id FROM belonging
    WHERE device_id = $1 AND student_id = $2 AND (CAST($3 AS BIGINT) IS NULL OR school_id = $3)";

/// Everything that is known, newest first; `None` when he never had to do with this terminal, or not as a student of `school`,
/// where that is given.
pub async fn timeline(
    tx: &mut Tx,
    device: DeviceId,
    student: StudentId,
    school: Option<SchoolId>,
) -> Result<Option<Vec<TimelineEvent>>> {
    let ledger: Option<Ledger> = tx.optional(LEDGER, [device.into(), student.into(), school.into()]).await?;
    let Some(ledger) = ledger else {
        let belongs: Option<(StudentId,)> =
            tx.optional(BELONGS, [device.into(), student.into(), school.into()]).await?;
        return Ok(belongs.map(|_| Vec::new()));
    };
    let mut events = ledger.events();
    let commands: Vec<Instruction> = tx.all(COMMANDS, [device.into(), student.into()]).await?;
    events.extend(ledger.unwanted(&commands));
    events.extend(commands.iter().flat_map(Instruction::events));
    let seen: Option<Told> = tx.optional(SEEN, [device.into(), ledger.device_pin.into()]).await?;
    events.extend(seen.map(Told::event));
    let drift: Vec<Drift> = tx.all(DRIFT, [device.into(), student.into()]).await?;
    events.extend(drift.iter().flat_map(Drift::events));
    events.sort_by_key(|event| Reverse((event.at, event.event, event.command_id)));
    Ok(Some(events))
}

impl TimelineEvent {
    fn new(at: Instant, event: Kind, words: impl Into<String>) -> TimelineEvent {
        let words = words.into();
        TimelineEvent { at, event, words, command_id: None, code: None, field: None, ours: None, theirs: None }
    }
}

impl Ledger {
    fn events(&self) -> Vec<TimelineEvent> {
        let wanted = match self.device_pin.as_str() {
            "" => "is to be on this terminal".to_owned(),
            pin => format!("is to be on this terminal, under PIN {pin}"),
        };
        let mut events = vec![TimelineEvent::new(self.created_at, Kind::Wanted, wanted)];
        // What is wanted now and has no command tells of itself; all else is told by its command.
        if !self.has_command {
            let wanted = match (&self.wanted_name, &self.wanted_card) {
                (Some(name), Some(card)) if self.is_wanted => format!("is to be there as \"{name}\" with card {card}"),
                _ => "is to be removed".to_owned(),
            };
            let words = match &self.error_message {
                Some(why) => format!("{wanted}; {why}"),
                None => wanted,
            };
            events.push(TimelineEvent::new(self.updated_at, Kind::Wanted, words));
        }
        let shown = if self.is_wanted {
            "the terminal showed that everything is as wanted"
        } else {
            "no longer on the terminal"
        };
        events.extend(self.verified_at.map(|at| TimelineEvent::new(at, Kind::Verified, shown)));
        events
    }

    /// Since when somebody who is being removed, or was, does not belong here. The ledger forgets it when that is repaired; then
    /// the first of the commands in a row that remove this student says it.
    fn unwanted(&self, commands: &[Instruction]) -> Option<TimelineEvent> {
        let removals = commands.iter().rev().take_while(|command| command.is_removal());
        let first = removals.last().filter(|_| !self.is_wanted)?;
        let since = self.wanted_at.unwrap_or(first.created_at);
        Some(TimelineEvent::new(since, Kind::Wanted, "no longer belongs on this terminal"))
    }
}

#[derive(Debug, sqlx::FromRow)]
struct Instruction {
    wire_id: i64,
    command_type: String,
    step: String,
    status: String,
    attempts: i64,
    created_at: Instant,
    sent_at: Option<Instant>,
    completed_at: Option<Instant>,
    return_code: Option<i64>,
    error_message: Option<String>,
}

const COMMANDS: &str = "
    SELECT wire_id, command_type, step, status, attempts, created_at, sent_at, completed_at, return_code, error_message
    FROM device_commands WHERE device_id = $1 AND student_id = $2 ORDER BY device_commands.id";

impl Instruction {
    fn events(&self) -> Vec<TimelineEvent> {
        let mut events =
            vec![self.event(self.created_at, Kind::Queued, format!("a command {} is queued", self.to_do()))];
        if let Some(at) = self.sent_at {
            let words = match self.attempts {
                0 | 1 => "handed to the terminal".to_owned(),
                attempts => format!("handed to the terminal, attempt {attempts}"),
            };
            events.push(self.event(at, Kind::Sent, words));
        }
        let Some(at) = self.completed_at else { return events };
        let answer = || self.return_code.map_or_else(|| "no answer came".to_owned(), meaning);
        let ending = match self.status.as_str() {
            "completed" => self.event(at, Kind::Acknowledged, format!("the terminal answered: {}", answer())),
            "failed" => self.event(at, Kind::Failed, self.error_message.clone().unwrap_or_else(answer)),
            "superseded" => self.event(at, Kind::Superseded, "something newer took the place of this command"),
            _ => return events,
        };
        events.push(TimelineEvent { code: self.return_code, ..ending });
        events
    }

    fn event(&self, at: Instant, event: Kind, words: impl Into<String>) -> TimelineEvent {
        TimelineEvent { command_id: Some(self.wire_id), ..TimelineEvent::new(at, event, words) }
    }

    /// On an access unit in two steps.
    fn is_removal(&self) -> bool {
        ["delete_user", rights::DELETE].contains(&self.command_type.as_str())
    }

    fn to_do(&self) -> &'static str {
        match (self.command_type.as_str(), self.step.as_str()) {
            (rights::ADD, _) => "to open the door",
            (rights::DELETE, _) => "to close the door",
            (_, "clear_card") => "to clear the card first",
            ("delete_user", _) => "to remove the student",
            ("add_user", _) => "to add the student",
            _ => "to update the student",
        }
    }
}

#[derive(Debug, sqlx::FromRow)]
struct Told {
    name: Option<String>,
    card_number: Option<i64>,
    seen_at: Instant,
}

const SEEN: &str = concat!(
    "SELECT u.name, u.card_number, u.seen_at FROM terminal_users u WHERE u.device_id = $1 AND u.pin = $2 AND NOT ",
    has_stranger!("u.device_id", "u.pin")
);

impl Told {
    fn event(self) -> TimelineEvent {
        let words = match (&self.name, self.card_number.filter(|card| *card > 0)) {
            (None, _) => "the terminal mentioned this PIN".to_owned(),
            (Some(name), Some(card)) => format!("the terminal reported \"{name}\" with card {card}"),
            (Some(name), None) => format!("the terminal reported \"{name}\" without a card"),
        };
        TimelineEvent::new(self.seen_at, Kind::Seen, words)
    }
}

#[derive(Debug, sqlx::FromRow)]
struct Drift {
    kind: String,
    field: Option<String>,
    ours: Option<String>,
    theirs: Option<String>,
    found_at: Instant,
    ended_at: Option<Instant>,
}

const DRIFT: &str = "
    SELECT kind, field, ours, CASE WHEN kind = 'different' THEN theirs END AS theirs, found_at, ended_at
    FROM device_drift WHERE device_id = $1 AND student_id = $2";

impl Drift {
    fn events(&self) -> Vec<TimelineEvent> {
        let what = match (self.kind.as_str(), &self.field) {
            ("missing", _) => "is not on the terminal".to_owned(),
            ("extra", _) => "is still on the terminal".to_owned(),
            (_, Some(field)) => {
                let quoted = |value: &Option<String>| match value.as_deref() {
                    Some(value) if !value.is_empty() => format!("\"{value}\""),
                    _ => "nothing".to_owned(),
                };
                format!("{field} is {} there and should be {}", quoted(&self.theirs), quoted(&self.ours))
            }
            (kind, None) => kind.to_owned(),
        };
        let event = |at, event, words| TimelineEvent {
            field: self.field.clone(),
            ours: self.ours.clone(),
            theirs: self.theirs.clone(),
            ..TimelineEvent::new(at, event, words)
        };
        let mut events = vec![event(self.found_at, Kind::DriftFound, what.clone())];
        events.extend(self.ended_at.map(|at| event(at, Kind::DriftEnded, format!("no longer so: {what}"))));
        events
    }
}
