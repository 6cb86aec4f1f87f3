//! A terminal says what became of its commands.
//!
//! A result counts for the command of this very device with its number, and confirms that command's version and no other:
//! a late "yes" to version 1 while version 2 is wanted leaves the student pending. Repeated and unknown results change
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use push_protocol::result::{Outcome, meaning};

use super::{
    capacity,
    deadline::{OFFERS, later, wait},
    delivery, errand, event, queue, reading,
    reconcile::{self, Reconciled, Scope},
    rights,
    start::{self, Told},
    strangers, words,
};
use crate::{
    devices::DeviceId,
    meters::{self, Noted},
    school::{SchoolId, StudentId},
    store::{Instant, Result, Tx, Value},
    webhooks::outbox,
};

/// One result, as far as the roster is concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub wire_id: i64,
    pub code: i64,
    /// `UserCount` of an `INFO` result.
    pub user_count: Option<u32>,
    pub firmware: Option<String>,
}

/// A command that a result names, with what its student's ledger row says now.
#[derive(Clone, Debug, sqlx::FromRow)]
struct Asked {
    id: i64,
    wire_id: i64,
    school_id: SchoolId,
    student_id: Option<StudentId>,
    command_type: String,
    word: String,
    step: String,
    device_pin: Option<String>,
    /// The student's.
    pin: Option<String>,
    priority: i64,
    status: String,
    attempts: i64,
    card_number: Option<i64>,
    batch_number: Option<i64>,
    batch_position: Option<i64>,
    wanted_version: Option<i64>,
    now_wanted: Option<i64>,
    /// Since when the version is wanted that no yes has come to yet.
    waits_since: Option<Instant>,
}

/// `CROSS JOIN` has SQLite look for each of them; of many it would read all that the terminal was ever given.
const ASKED: &str = "
    WITH v(wire_id) AS (VALUES {rows})
    SELECT c.id, c.wire_id, c.school_id, c.student_id, c.command_type, c.word, c.step, c.device_pin, l.device_pin AS pin,
      c.priority, c.status, c.attempts, c.card_number, c.batch_number, c.batch_position, c.wanted_version, l.wanted_version AS now_wanted,
      CASE WHEN l.confirmed_version < l.wanted_version THEN l.wanted_at END AS waits_since
    FROM v CROSS JOIN device_commands c
    LEFT JOIN device_user_sync_status l ON l.device_id = c.device_id AND l.student_id = c.student_id
    WHERE c.device_id = (SELECT $1) AND c.wire_id = v.wire_id AND c.status IN ('sent', 'pending', 'superseded')
      AND c.attempts > 0 AND c.return_code IS NULL";

/// Applies all results of one request in one transaction. The answer names the device when it has something to collect.
pub async fn acknowledge(
    tx: &mut Tx,
    device: DeviceId,
    answers: &[Answer],
    first_deadline: SignedDuration,
    now: Timestamp,
) -> Result<Reconciled> {
    reconcile::lock(tx, Scope::Device(device)).await?;
    let codes: BTreeMap<i64, &Answer> = answers.iter().map(|answer| (answer.wire_id, answer)).collect();
    let rows = codes.keys().map(|wire_id| vec![(*wire_id).into()]).collect();
    let asked: Vec<Asked> = tx.all_rows(ASKED, &[device.into()], rows).await?;
    let mut effects = Effects::default();
    if asked.iter().any(|command| command.step == rights::USER) {
        effects.refused_words = words::refused(tx, device).await?.into_iter().map(|(word, _)| word).collect();
    }
    for command in &asked {
        let Some(answer) = codes.get(&command.wire_id) else { continue };
        effects.collect(command, answer, first_deadline, now);
    }
    for noted in std::mem::take(&mut effects.noted) {
        tx.note(noted);
    }
    let has_moved = effects.has_room;
    let concerns_others =
        effects.is_full || !effects.lacking.is_empty() || asked.iter().any(|command| command.student_id.is_none());
    effects.write(tx, device, now).await?;
    if has_moved {
        capacity::look(tx, device, now).await?;
    }
    let students = || asked.iter().filter_map(|command| command.student_id);
    event::wrote(tx, device, students()).await?;
    for command in asked.iter().filter(|command| command.student_id.is_none()) {
        let Some(answer) = codes.get(&command.wire_id) else { continue };
        match (command.step.as_str(), &command.device_pin) {
            (reading::READING, _) => {
                reading::answered(tx, device, answer, first_deadline, now).await?;
            }
            (strangers::STRANGER, Some(pin)) => strangers::answered(tx, device, pin, answer.code, now).await?,
            _ => {
                let is_refused = Outcome::of(answer.code, false) != Outcome::Done;
                errand::answered(tx, device, &command.command_type, is_refused).await?;
            }
        }
        if let Some(count) = answer.user_count {
            capacity::counted(tx, device, count, now).await?;
            start::proceed(tx, device, Told::Count(count), now).await?;
        }
    }
    let mut reconciled = if concerns_others {
        queue::open_rows(tx, Scope::Device(device), now).await?
    } else {
        queue::open_answered(tx, device, students(), now).await?
    };
    reconciled.devices = vec![device];
    Ok(reconciled)
}

/// What a person reads of somebody whom an access unit holds and does not let in.
const WITHOUT_DOOR: &str = "on the terminal, but its door stays closed: the terminal takes no door rights";

/// What the results of one request change, collected so that it takes few statements however many they are.
#[derive(Default)]
struct Effects {
    commands: Vec<Vec<Value>>,
    batches: BTreeMap<i64, (i64, i64)>,
    /// Seconds that the slowest change took from the roster to here.
    reach: Option<i64>,
    confirmed: Vec<Vec<Value>>,
    cleared: Vec<Vec<Value>>,
    failed: Vec<Vec<Value>>,
    unsent: Vec<Vec<Value>>,
    left: Vec<Vec<Value>>,
    /// (student, command): cards that earlier commands may have left on the terminal are not there any more.
    outlived: Vec<Vec<Value>>,
    refused: Vec<Vec<Value>>,
    /// Access units: written, or removed, and the right to the door is still to come.
    halfway: Vec<Vec<Value>>,
    rights: Vec<rights::Due>,
    /// What this terminal refused before.
    refused_words: BTreeSet<String>,
    lacking: BTreeMap<String, i64>,
    is_full: bool,
    has_room: bool,
    /// To be counted.
    noted: Vec<Noted>,
}

impl Effects {
    fn collect(&mut self, command: &Asked, answer: &Answer, first_deadline: SignedDuration, now: Timestamp) {
        let is_delete = matches!(command.command_type.as_str(), "delete_user" | rights::DELETE);
        let outcome = Outcome::of(answer.code, is_delete);
        let is_current = command.wanted_version == command.now_wanted;
        if let (Some(batch), Some(position)) = (command.batch_number, command.batch_position) {
            let (answered, last) = self.batches.entry(batch).or_default();
            *answered += 1;
            *last = (*last).max(position);
        }
        self.noted.extend(counted(outcome).map(|outcome| Noted::Commands(outcome, 1)));
        match outcome {
            // What it was about may be queued anew already, and one command of a student is out at a time.
            Outcome::Held if command.status == "superseded" => {}
            Outcome::TryLater if command.status == "superseded" => {
                self.command(command, "superseded", Some(answer.code), None, Some(meaning(answer.code)));
            }
            Outcome::Held => {
                let deadline = later(now, wait(first_deadline, OFFERS, 1));
                self.command(command, "sent", None, Some(deadline), None);
            }
            // Nobody is there who could use it.
            Outcome::LacksWord | Outcome::Full | Outcome::Refused if command.command_type == rights::DELETE => {
                if outcome == Outcome::LacksWord {
                    self.lacking.insert(command.word.clone(), answer.code);
                }
                self.command(command, "completed", Some(answer.code), None, Some(meaning(answer.code)));
                self.confirm(command, is_delete);
            }
            Outcome::Done => {
                let status = if command.status == "superseded" { "superseded" } else { "completed" };
                self.command(command, status, Some(answer.code), None, None);
                if command.step == rights::USER {
                    self.halfway(command, is_delete, is_current);
                } else {
                    self.confirm(command, is_delete);
                    self.arrived(command, is_current, now);
                }
                self.has_room |= matches!(command.command_type.as_str(), "delete_user" | "add_user");
            }
            // A reading asks again by itself.
            Outcome::TryLater if is_current && command.attempts < OFFERS && command.step != reading::READING => {
                let again = later(now, wait(first_deadline, command.attempts, 0));
                self.command(command, "pending", None, Some(again), Some(meaning(answer.code)));
                self.unsend(command);
            }
            // He is written already: no other word would let him in.
            Outcome::LacksWord if command.step == rights::DOOR_RIGHT => {
                self.lacking.insert(command.word.clone(), answer.code);
                self.command(command, "failed", Some(answer.code), None, Some(meaning(answer.code)));
                self.fail(command, WITHOUT_DOOR);
            }
            Outcome::LacksWord if is_current => {
                self.refused.push(vec![command.id.into()]);
                self.lacking.insert(command.word.clone(), answer.code);
                self.command(command, "failed", Some(answer.code), None, Some(meaning(answer.code)));
                if command.status != "superseded" {
                    self.unsend(command);
                }
            }
            Outcome::TryLater | Outcome::LacksWord | Outcome::Full | Outcome::Refused => {
                let status = if command.status == "superseded" { "superseded" } else { "failed" };
                self.command(command, status, Some(answer.code), None, Some(meaning(answer.code)));
                self.is_full |= outcome == Outcome::Full;
                self.fail(command, &meaning(answer.code));
            }
        }
    }

    /// The last step of what is wanted now was answered with yes.
    fn arrived(&mut self, command: &Asked, is_current: bool, now: Timestamp) {
        if !is_current || command.step == queue::CLEAR_CARD {
            return;
        }
        let waits_since = command.waits_since.map(|since| since.0);
        let took = meters::since(waits_since, now);
        self.noted.extend(took.map(Noted::Acknowledged));
        self.reach = self.reach.max(took.map(|took| took.as_secs().max(0)));
    }

    fn command(
        &mut self,
        command: &Asked,
        status: &str,
        code: Option<i64>,
        deadline: Option<Timestamp>,
        words: Option<String>,
    ) {
        self.commands.push(vec![command.id.into(), status.into(), code.into(), deadline.into(), words.into()]);
    }

    fn confirm(&mut self, command: &Asked, is_delete: bool) {
        let (Some(student), Some(version)) = (command.student_id, command.wanted_version) else { return };
        self.outlived.push(vec![student.into(), command.id.into()]);
        if command.step == queue::CLEAR_CARD {
            self.cleared.push(vec![student.into(), version.into()]);
            return;
        }
        self.confirmed.push(vec![student.into(), version.into(), (!is_delete).into(), command.card_number.into()]);
        if is_delete {
            self.left.push(vec![student.into()]);
        }
    }

    /// An access unit holds him now, or does not any more. His right to the door is the second step, unless something newer
    /// is wanted of him, or is queued already.
    fn halfway(&mut self, command: &Asked, is_delete: bool, is_current: bool) {
        let (Some(student), Some(version)) = (command.student_id, command.wanted_version) else { return };
        self.outlived.push(vec![student.into(), command.id.into()]);
        self.halfway.push(vec![student.into(), version.into(), (!is_delete).into(), command.card_number.into()]);
        let Some(pin) = command.pin.clone().filter(|_| is_current && command.status != "superseded") else { return };
        let lacks = |word: &str| self.refused_words.contains(word);
        match is_delete {
            true if lacks("DATA DELETE userauthorize") => self.confirm(command, is_delete),
            false if lacks("DATA UPDATE userauthorize") => self.fail(command, WITHOUT_DOOR),
            _ => self.rights.push(rights::Due {
                student,
                school: command.school_id,
                pin,
                version,
                card_number: command.card_number,
                priority: command.priority,
                is_delete,
            }),
        }
    }

    /// Fails the student only if this is still what is wanted of him.
    fn fail(&mut self, command: &Asked, words: &str) {
        self.refused.push(vec![command.id.into()]);
        if let (Some(student), Some(version)) = (command.student_id, command.wanted_version) {
            self.failed.push(vec![student.into(), version.into(), words.into()]);
        }
    }

    fn unsend(&mut self, command: &Asked) {
        if let Some(student) = command.student_id {
            self.unsent.push(vec![student.into()]);
        }
    }

    async fn write(self, tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
        let fixed = [device.into(), now.into()];
        tx.execute_rows(COMMANDS, &[now.into()], self.commands).await?;
        let reach = self.reach;
        let batches = self.batches.into_iter();
        let batches = batches.map(|(batch, (n, last))| vec![batch.into(), n.into(), last.into(), reach.into()]);
        tx.execute_rows(BATCH, &[device.into()], batches.collect()).await?;
        tx.execute_rows(HALFWAY, &fixed, self.halfway).await?;
        tx.execute_rows(CONFIRMED, &fixed, self.confirmed).await?;
        tx.execute_rows(CLEARED, &fixed, self.cleared).await?;
        let failed: Vec<(StudentId, String)> = tx.all_rows(FAILED, &fixed, self.failed).await?;
        outbox::failed(tx, device, &failed, now).await?;
        tx.execute_rows(UNSENT, &fixed, self.unsent).await?;
        tx.execute_rows(LEFT, &fixed, self.left).await?;
        tx.execute_rows(OUTLIVED, &[device.into()], self.outlived).await?;
        tx.execute_rows(REFUSED, &[], self.refused).await?;
        if self.is_full {
            tx.execute(FULL, [device.into()]).await?;
        } else if self.has_room {
            tx.execute(delivery::HAS_ROOM, [device.into()]).await?;
        }
        for (word, code) in self.lacking {
            words::is_lacking(tx, device, &word, code, now).await?;
        }
        rights::queue(tx, device, self.rights, now).await
    }
}

/// What a result counts as. One that only says that the command arrived comes to nothing yet.
fn counted(outcome: Outcome) -> Option<meters::Outcome> {
    match outcome {
        Outcome::Held => None,
        Outcome::Done => Some(meters::Outcome::Completed),
        Outcome::TryLater => Some(meters::Outcome::Later),
        Outcome::LacksWord | Outcome::Full | Outcome::Refused => Some(meters::Outcome::Refused),
    }
}

const COMMANDS: &str = "
    WITH v(id, status, return_code, deadline_at, error_message) AS (VALUES {rows})
    UPDATE device_commands SET status = v.status, return_code = v.return_code, deadline_at = v.deadline_at,
      error_message = v.error_message, completed_at = CASE WHEN v.status IN ('sent', 'pending') THEN NULL ELSE $1 END
    FROM v WHERE device_commands.id = v.id";
const BATCH: &str = "
    WITH v(batch_number, answered, last_answered, reach_seconds) AS (VALUES {rows})
    UPDATE device_delivery SET batch_answered = batch_answered + v.answered,
      reach_seconds = COALESCE(v.reach_seconds, device_delivery.reach_seconds),
      batch_last_answered = CASE WHEN v.last_answered > batch_last_answered THEN v.last_answered
        ELSE batch_last_answered END
    FROM v WHERE device_delivery.device_id = $1 AND device_delivery.batch_number = v.batch_number";
/// What is held or kept may have left earlier, in an older version: then there is nothing to decide any more.
const CONFIRMED: &str = "
    WITH v(student_id, version, is_held, card_number) AS (VALUES {rows})
    UPDATE device_user_sync_status SET confirmed_version = v.version, is_held = v.is_held,
      held_card_number = v.card_number, acknowledged_at = $2, updated_at = $2,
      last_sync_success = CASE WHEN wanted_version = v.version THEN $2 ELSE last_sync_success END,
      failed_version = CASE WHEN failed_version = v.version THEN 0 ELSE failed_version END,
      wanted_name = CASE WHEN is_wanted OR v.is_held THEN wanted_name END,
      error_message = CASE WHEN wanted_version = v.version THEN NULL ELSE error_message END,
      decision = CASE WHEN decision IN ('held', 'kept') AND (NOT v.is_held OR v.card_number = wanted_card_number)
        THEN NULL ELSE decision END
    FROM v WHERE device_user_sync_status.device_id = (SELECT $1) AND device_user_sync_status.student_id = v.student_id
      AND device_user_sync_status.confirmed_version < v.version";
const CLEARED: &str = "
    WITH v(student_id, version) AS (VALUES {rows})
    UPDATE device_user_sync_status SET held_card_number = NULL, is_held = TRUE, confirmed_version = v.version - 1,
      updated_at = $2
    FROM v WHERE device_user_sync_status.device_id = (SELECT $1) AND device_user_sync_status.student_id = v.student_id
      AND device_user_sync_status.confirmed_version < v.version";
const HALFWAY: &str = "
    WITH v(student_id, version, is_held, card_number) AS (VALUES {rows})
    UPDATE device_user_sync_status SET is_held = v.is_held, held_card_number = v.card_number, updated_at = $2
    FROM v WHERE device_user_sync_status.device_id = (SELECT $1) AND device_user_sync_status.student_id = v.student_id
      AND device_user_sync_status.confirmed_version < v.version";
const FAILED: &str = "
    WITH v(student_id, version, error_message) AS (VALUES {rows})
    UPDATE device_user_sync_status SET failed_version = v.version, error_message = v.error_message, updated_at = $2
    FROM v WHERE device_user_sync_status.device_id = (SELECT $1) AND device_user_sync_status.student_id = v.student_id
      AND device_user_sync_status.wanted_version = v.version
    RETURNING device_user_sync_status.student_id, device_user_sync_status.error_message";
const UNSENT: &str = "
    WITH v(student_id) AS (VALUES {rows})
    UPDATE device_user_sync_status SET sent_version = 0, sync_retries = sync_retries + 1, updated_at = $2
    FROM v WHERE device_user_sync_status.device_id = (SELECT $1) AND device_user_sync_status.student_id = v.student_id";
/// The PIN stays his for ever; from now on nobody can punch with it.
pub(super) const LEFT: &str = "
    WITH v(student_id) AS (VALUES {rows})
    UPDATE device_user_mappings SET valid_to = $2
    FROM v WHERE device_user_mappings.device_id = (SELECT $1) AND device_user_mappings.student_id = v.student_id
      AND device_user_mappings.valid_to IS NULL
      AND EXISTS (SELECT 1 FROM device_user_sync_status l WHERE l.device_id = (SELECT $1) AND l.student_id = v.student_id
        AND NOT l.is_wanted AND l.confirmed_version = l.wanted_version)";
/// Joined as [`ASKED`].
const OUTLIVED: &str = "
    WITH v(student_id, id) AS (VALUES {rows})
    UPDATE device_commands SET card_number = NULL
    WHERE id IN (SELECT c.id FROM v CROSS JOIN device_commands c WHERE c.device_id = (SELECT $1) AND c.student_id = v.student_id
      AND c.id <= v.id AND c.card_number IS NOT NULL)";
const REFUSED: &str = "
    WITH v(id) AS (VALUES {rows})
    UPDATE device_commands SET card_number = NULL FROM v WHERE device_commands.id = v.id";
const FULL: &str = "UPDATE devices SET is_full = TRUE, full_at_count = user_count WHERE id = $1";
