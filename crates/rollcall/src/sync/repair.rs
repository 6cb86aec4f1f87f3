//! What readings find becomes commands, through the one reconciler: missing and different people are written again, people
//! who should have gone are removed again, strangers by the device's policy. What comes back after three repairs is
//! reported instead of fought for ever.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{
    acknowledge::LEFT,
    delivery::HAS_ROOM,
    pins,
    reading::{self, Cause},
    refill::Refill,
    strangers,
    verdict::{ADMINISTRATOR, Difference, Field, Finding, Verdict},
};
use crate::{
    devices::DeviceId,
    meters::{self, Noted},
    school::StudentId,
    store::{Result, Tx, Value},
    webhooks::outbox,
};

/// What was done about a reading's findings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Repaired {
    /// People who are written or removed again.
    pub written: i64,
    /// People who had failed and are tried again.
    pub retried: i64,
}

/// A reading found the same difference so often in a row before it is given up.
pub const REPAIRS: i64 = 3;

/// Who was verified twice since the last repair has come to rest.
const VERIFIED: &str = "
    WITH v(student_id) AS (VALUES {rows})
    UPDATE device_user_sync_status SET verified_at = $2, verified_version = wanted_version,
      repairs = CASE WHEN verified_version = wanted_version THEN 0 ELSE repairs END,
      last_sync_success = CASE WHEN confirmed_version = wanted_version THEN last_sync_success ELSE $2 END,
      confirmed_version = wanted_version, failed_version = 0, obstacle = NULL, error_message = NULL,
      is_held = is_wanted, held_card_number = CASE WHEN is_wanted THEN wanted_card_number END
    FROM v WHERE device_user_sync_status.device_id = (SELECT $1) AND device_user_sync_status.student_id = v.student_id";
/// A wipe is no quarrel about single people: however many there are, they count as one repair.
const WRITE_AGAIN: &str = "
    WITH v(student_id, is_held, has_our_card, card_number) AS (VALUES {rows})
    UPDATE device_user_sync_status SET wanted_version = wanted_version + 1,
      wanted_at = CASE WHEN confirmed_version <> wanted_version THEN wanted_at END,
      repairs = CASE WHEN $3 AND repairs > 0 THEN repairs ELSE repairs + 1 END, is_held = v.is_held,
      held_card_number = CASE WHEN v.has_our_card THEN wanted_card_number ELSE v.card_number END, obstacle = NULL,
      error_message = NULL, sync_retries = 0, priority = 5, updated_at = $2
    FROM v WHERE device_user_sync_status.device_id = (SELECT $1) AND device_user_sync_status.student_id = v.student_id
      AND device_user_sync_status.repairs < $4";
const GIVE_UP: &str = "
    WITH v(student_id, error_message) AS (VALUES {rows})
    UPDATE device_user_sync_status SET failed_version = wanted_version, error_message = v.error_message, updated_at = $2
    FROM v WHERE device_user_sync_status.device_id = (SELECT $1) AND device_user_sync_status.student_id = v.student_id
      AND device_user_sync_status.repairs >= $3 AND device_user_sync_status.failed_version <> wanted_version
    RETURNING device_user_sync_status.student_id, device_user_sync_status.error_message";
const LEAVE_ADMINISTRATORS: &str = "
    WITH v(student_id, error_message) AS (VALUES {rows})
    UPDATE device_user_sync_status SET failed_version = wanted_version, error_message = v.error_message, repairs = $3,
      updated_at = $2
    FROM v WHERE device_user_sync_status.device_id = (SELECT $1) AND device_user_sync_status.student_id = v.student_id
    RETURNING device_user_sync_status.student_id, device_user_sync_status.error_message";
/// He is there after all, and what he punches is his.
const CAN_PUNCH: &str = concat!(
    "WITH v(student_id) AS (VALUES {rows}) UPDATE device_user_mappings SET ",
    pins::counts_again!(),
    "
    FROM v WHERE device_user_mappings.device_id = (SELECT $1) AND device_user_mappings.student_id = v.student_id
      AND device_user_mappings.valid_to IS NOT NULL"
);
const CARDS_IN_DOUBT: &str = "
    SELECT DISTINCT student_id FROM device_commands
    WHERE device_id = $1 AND card_number IS NOT NULL AND student_id IS NOT NULL AND status NOT IN ('pending', 'sent')";
/// What commands of before may have left there is known now.
const CARDS_ARE_KNOWN: &str = "
    WITH v(student_id) AS (VALUES {rows})
    UPDATE device_commands SET card_number = NULL
    FROM v WHERE device_commands.device_id = (SELECT $1) AND device_commands.student_id = v.student_id
      AND device_commands.card_number IS NOT NULL AND device_commands.status NOT IN ('pending', 'sent')";
/// Somebody who failed is tried again, unless the terminal kept changing him back, his card is somebody else's, or the
/// terminal is full: then new people wait until its count falls or a person wants it.
pub(super) const RETRY: &str = "
    UPDATE device_user_sync_status SET wanted_version = wanted_version + 1,
      wanted_at = CASE WHEN confirmed_version <> wanted_version THEN wanted_at END, error_message = NULL, sync_retries = 0,
      priority = 5, updated_at = $2
    WHERE device_id = $1 AND failed_version = wanted_version AND obstacle IS NULL AND repairs < $3
      AND (is_held OR NOT is_wanted OR NOT EXISTS (SELECT 1 FROM devices d WHERE d.id = $1 AND d.is_full))";

/// What kind of reading the findings are of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    /// The terminal counts nobody.
    pub refill: Option<Refill>,
    /// Everybody was asked for.
    pub is_whole: bool,
    /// A person wanted it.
    pub is_asked: bool,
}

/// Writes down what a reading proves and queues what follows from it; the caller reconciles the device afterwards.
pub(super) async fn repair(
    tx: &mut Tx,
    device: DeviceId,
    findings: &[Finding],
    kind: Kind,
    now: Timestamp,
) -> Result<Repaired> {
    let Kind { refill, is_whole, is_asked } = kind;
    let is_wiped = refill == Some(Refill::AtOnce);
    let mut effects = Effects::default();
    for finding in findings {
        effects.collect(finding);
        if let Verdict::Verified | Verdict::Gone = finding.verdict {
            note_verified(tx, finding.unverified_since, now);
        }
    }
    let fixed = [device.into(), now.into()];
    write_drift(tx, device, &effects, now).await?;
    let limited = [device.into(), now.into(), REPAIRS.into()];
    outbox::verified(tx, device, effects.shown.iter().copied(), now).await?;
    let in_doubt: Vec<(StudentId,)> = tx.all(CARDS_IN_DOUBT, [device.into()]).await?;
    let known = in_doubt.into_iter().filter(|(student,)| effects.students.contains(student));
    tx.execute_rows(CARDS_ARE_KNOWN, &[device.into()], known.map(|(student,)| vec![student.into()]).collect()).await?;
    tx.execute_rows(VERIFIED, &fixed, effects.verified).await?;
    tx.execute_rows(VERIFIED, &fixed, effects.gone.clone()).await?;
    tx.execute_rows(LEFT, &fixed, effects.gone).await?;
    tx.execute_rows(CAN_PUNCH, &fixed, effects.still_there).await?;
    let given_up = if is_wiped { Vec::new() } else { effects.given_up };
    let mut failed: Vec<(StudentId, String)> = tx.all_rows(GIVE_UP, &limited, given_up).await?;
    failed.extend(tx.all_rows(LEAVE_ADMINISTRATORS, &limited, effects.administrators).await?);
    outbox::failed(tx, device, &failed, now).await?;
    let limit = refill.map_or(REPAIRS, Refill::limit);
    let written = tx
        .execute_rows(WRITE_AGAIN, &[device.into(), now.into(), is_wiped.into(), limit.into()], effects.again)
        .await?;
    if written > 0 {
        reading::want(tx, device, Cause::Repair, now).await?;
    }
    if is_asked || refill.is_some() {
        tx.execute(HAS_ROOM, [device.into()]).await?;
    }
    let retried = if is_whole { tx.execute(RETRY, limited).await? } else { 0 };
    strangers::remove(tx, device, &effects.strangers, now).await?;
    Ok(Repaired { written: written as i64, retried: retried as i64 })
}

/// Somebody of whom a line that nobody asked for shows that he is as wanted.
pub(super) struct Shown {
    pub student: StudentId,
    pub pin: String,
    /// Since when that is wanted which no reading has shown yet.
    pub unverified_since: Option<Timestamp>,
}

pub(super) async fn verified(tx: &mut Tx, device: DeviceId, people: Vec<Shown>, now: Timestamp) -> Result<()> {
    let fixed = [device.into(), now.into()];
    outbox::verified(tx, device, people.iter().map(|shown| shown.student), now).await?;
    for shown in &people {
        note_verified(tx, shown.unverified_since, now);
    }
    let students = people.iter().map(|shown| vec![shown.student.into()]).collect();
    tx.execute_rows(VERIFIED, &fixed, students).await?;
    tx.execute_rows(ENDED, &fixed, people.into_iter().map(|shown| vec![shown.pin.into()]).collect()).await?;
    Ok(())
}

fn note_verified(tx: &mut Tx, unverified_since: Option<Timestamp>, now: Timestamp) {
    if let Some(took) = meters::since(unverified_since, now) {
        tx.note(Noted::Verified(took));
    }
}

/// What findings lead to, collected so that it takes few statements however many they are.
#[derive(Default)]
struct Effects<'a> {
    /// Those who are as wanted, there or gone.
    shown: Vec<StudentId>,
    verified: Vec<Vec<Value>>,
    gone: Vec<Vec<Value>>,
    again: Vec<Vec<Value>>,
    given_up: Vec<Vec<Value>>,
    administrators: Vec<Vec<Value>>,
    still_there: Vec<Vec<Value>>,
    strangers: Vec<&'a Finding>,
    /// Students and PINs of whom something is proven.
    students: HashSet<StudentId>,
    judged: HashSet<&'a str>,
    drift: Vec<Vec<Value>>,
}

impl<'a> Effects<'a> {
    fn collect(&mut self, finding: &'a Finding) {
        if finding.verdict == Verdict::Unknown {
            return;
        }
        self.judged.insert(&finding.pin);
        self.students.extend(finding.student);
        if let Verdict::Verified | Verdict::Gone = finding.verdict {
            self.shown.extend(finding.student);
        }
        match (&finding.verdict, finding.student) {
            (Verdict::Stranger { told, .. }, _) => {
                self.drift(finding, "stranger", None, &told.name);
                self.strangers.push(finding);
            }
            (_, None) | (Verdict::Unknown, _) => {}
            (Verdict::Verified, Some(student)) => self.verified.push(vec![student.into()]),
            (Verdict::Gone, Some(student)) => self.gone.push(vec![student.into()]),
            (Verdict::Missing, Some(student)) => {
                self.drift(finding, "missing", None, "");
                self.again.push(vec![student.into(), false.into(), false.into(), None::<i64>.into()]);
                self.given_up.push(vec![student.into(), "the terminal loses this person again and again".into()]);
            }
            (Verdict::Different(differences), Some(student)) => {
                for difference in differences {
                    self.drift(finding, "different", Some(difference), &difference.theirs);
                }
                let card = differences.iter().find(|difference| difference.field == Field::Card);
                let theirs: Option<i64> = card.and_then(|card| card.theirs.parse().ok());
                self.again.push(vec![student.into(), true.into(), card.is_none().into(), theirs.into()]);
                self.given_up.push(vec![student.into(), changed_back(differences).into()]);
            }
            (Verdict::StillThere { privilege: Some(ADMINISTRATOR), .. }, Some(student)) => {
                self.drift(finding, "extra", None, "");
                self.still_there.push(vec![student.into()]);
                let words = "an administrator of the terminal: revoke the right there, then retry";
                self.administrators.push(vec![student.into(), words.into()]);
            }
            (Verdict::StillThere { card, .. }, Some(student)) => {
                self.drift(finding, "extra", None, "");
                self.still_there.push(vec![student.into()]);
                self.again.push(vec![student.into(), true.into(), false.into(), (*card).into()]);
                self.given_up.push(vec![student.into(), "the terminal brings this person back again and again".into()]);
            }
        }
    }

    fn drift(&mut self, finding: &Finding, kind: &'static str, difference: Option<&Difference>, theirs: &str) {
        self.drift.push(vec![
            finding.pin.clone().into(),
            finding.student.into(),
            kind.into(),
            difference.map(|difference| difference.field.as_str()).into(),
            difference.map(|difference| difference.ours.clone()).into(),
            theirs.into(),
        ]);
    }
}

/// What somebody at the terminal can do about a card that it does not keep.
pub const CARD_IN_HIDING: &str =
    "somebody of whom the terminal does not tell may have this card: delete that person at its menu, then retry";

fn changed_back(differences: &[Difference]) -> String {
    let fields: Vec<String> = differences
        .iter()
        .map(|d| format!("{} should be \"{}\" and is \"{}\"", d.field.as_str(), d.ours, d.theirs))
        .collect();
    let words = format!("the terminal keeps changing it back: {}", fields.join("; "));
    // Most firmware drops a card that somebody else there has, and says yes. Whom it tells of is known by his card.
    let drops_card = |d: &Difference| d.field == Field::Card && d.theirs.is_empty();
    if differences.iter().any(drops_card) {
        return words + "; " + CARD_IN_HIDING;
    }
    words
}

const FOUND_AGAIN: &str = "
    WITH v(pin, student_id, kind, field, ours, theirs) AS (VALUES {rows})
    UPDATE device_drift SET found_last_at = $2
    FROM v WHERE device_drift.device_id = (SELECT $1) AND device_drift.device_pin = v.pin AND device_drift.ended_at IS NULL
      AND device_drift.kind = v.kind AND device_drift.field IS NOT DISTINCT FROM v.field
      AND device_drift.theirs IS NOT DISTINCT FROM v.theirs";
const FOUND_NEW: &str = "
    WITH v(pin, student_id, kind, field, ours, theirs) AS (VALUES {rows})
    INSERT INTO device_drift (device_id, device_pin, student_id, kind, field, ours, theirs, found_at, found_last_at)
    SELECT CAST($1 AS BIGINT), v.pin, v.student_id, v.kind, v.field, v.ours, v.theirs, $2, $2
    FROM v WHERE NOT EXISTS (SELECT 1 FROM device_drift o WHERE o.device_id = $1 AND o.device_pin = v.pin
      AND o.ended_at IS NULL AND o.found_last_at = $2 AND o.kind = v.kind AND o.field IS NOT DISTINCT FROM v.field)";
const OPEN: &str = "SELECT DISTINCT device_pin FROM device_drift WHERE device_id = $1 AND ended_at IS NULL";
const ENDED: &str = "
    WITH v(pin) AS (VALUES {rows})
    UPDATE device_drift SET ended_at = $2
    FROM v WHERE device_drift.device_id = (SELECT $1) AND device_drift.device_pin = v.pin AND device_drift.ended_at IS NULL
      AND device_drift.found_last_at <> $2";
const ENDED_STRANGERS: &str = "
    UPDATE device_drift SET ended_at = $2 WHERE device_id = $1 AND kind = 'stranger' AND ended_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM terminal_users u WHERE u.device_id = $1 AND u.pin = device_drift.device_pin)";

/// What was found before of the people who are judged now is found again, or has ended.
async fn write_drift(tx: &mut Tx, device: DeviceId, effects: &Effects<'_>, now: Timestamp) -> Result<()> {
    let fixed = [device.into(), now.into()];
    tx.execute_rows(FOUND_AGAIN, &fixed, effects.drift.clone()).await?;
    tx.execute_rows(FOUND_NEW, &fixed, effects.drift.clone()).await?;
    let open: Vec<(String,)> = tx.all(OPEN, [device.into()]).await?;
    let judged = open.into_iter().filter(|(pin,)| effects.judged.contains(pin.as_str()));
    tx.execute_rows(ENDED, &fixed, judged.map(|(pin,)| vec![pin.into()]).collect()).await?;
    tx.execute(ENDED_STRANGERS, fixed).await?;
    Ok(())
}
