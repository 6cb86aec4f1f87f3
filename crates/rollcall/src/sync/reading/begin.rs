//! A reading is wanted, or due.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Class, Phase, Question};
use crate::{
    devices::DeviceId,
    store::{Result, Tx},
    sync::{adopt::others::is_other, deadline::later, event},
};

/// Why a reading is wanted: `devices.verify_cause`, `readings.cause`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    Schedule,
    /// A person wants it: what a terminal cannot do is tried again.
    Asked,
    /// The terminal's count of people is not what it should be.
    Count,
    /// What a reading found was written again.
    Repair,
    /// A line that nobody asked for tells of a change.
    Sign,
    /// The terminal held people before anything was written to it.
    Takeover,
}

impl Cause {
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Schedule => "schedule",
            Cause::Asked => "asked",
            Cause::Count => "count",
            Cause::Repair => "repair",
            Cause::Sign => "sign",
            Cause::Takeover => "takeover",
        }
    }

    pub(super) fn parse(word: &str) -> Cause {
        let causes = [Cause::Asked, Cause::Count, Cause::Repair, Cause::Sign, Cause::Takeover];
        causes.into_iter().find(|cause| cause.as_str() == word).unwrap_or(Cause::Schedule)
    }
}

/// So many people are asked for one by one rather than reading everybody.
const FEW: i64 = 20;
/// Readings of a fleet begin this far apart, so that it is not read at once.
const APART: SignedDuration = SignedDuration::from_millis(250);

const WANT: &str = "
    UPDATE devices SET verify_at = $2, verify_cause = $3
    WHERE id = $1 AND (verify_at IS NULL OR verify_at > $2 OR $3 = 'asked')";

/// Wants a reading of a terminal as soon as it calls, or, while one is under way, after that.
pub async fn want(tx: &mut Tx, device: DeviceId, cause: Cause, now: Timestamp) -> Result<()> {
    tx.execute(WANT, [device.into(), now.into(), cause.as_str().into()]).await?;
    Ok(())
}

const EVERYWHERE: &str = "
    SELECT d.id FROM devices d WHERE d.is_active AND d.deleted_at IS NULL AND d.start_state <> 'unknown'
      AND d.verify_at IS NULL AND (CAST($1 AS TEXT) = 'asked' OR NOT EXISTS (
        SELECT 1 FROM readings r WHERE r.device_id = d.id AND r.state = 'running'))
    ORDER BY d.id";
const WANT_AT: &str = "
    WITH v(id, verify_at) AS (VALUES {rows})
    UPDATE devices SET verify_at = v.verify_at, verify_cause = $1 FROM v WHERE devices.id = v.id";

/// Wants a reading of every terminal, a fleet's spread over time. One that is offline is read when it returns.
pub async fn want_everywhere(tx: &mut Tx, cause: Cause, now: Timestamp) -> Result<Vec<DeviceId>> {
    let devices: Vec<(DeviceId,)> = tx.all(EVERYWHERE, [cause.as_str().into()]).await?;
    let rows = devices.iter().zip(0_i32..).map(|((device,), number)| {
        let wait = if number < 4 { SignedDuration::ZERO } else { APART * number };
        vec![(*device).into(), later(now, wait).into()]
    });
    tx.execute_rows(WANT_AT, &[cause.as_str().into()], rows.collect()).await?;
    Ok(devices.into_iter().map(|(device,)| device).collect())
}

/// What decides whether a reading begins.
#[derive(Debug, sqlx::FromRow)]
struct Due {
    verify_cause: Option<String>,
    may_begin: bool,
    is_running: bool,
    has_open: bool,
    to_check: i64,
    readback_class: Option<String>,
    readback_firmware: Option<String>,
    learnt_firmware: Option<String>,
}

/// Who waits for a decision is not about to be written.
const DUE: &str = "
    SELECT d.verify_cause, (d.verify_at IS NOT NULL AND d.verify_at <= $2) AS may_begin, d.readback_class,
      d.readback_firmware, y.learnt_firmware,
      EXISTS (SELECT 1 FROM readings r WHERE r.device_id = d.id AND r.state = 'running') AS is_running,
      EXISTS (SELECT 1 FROM device_user_sync_status l WHERE l.device_id = d.id AND l.obstacle IS NULL
        AND l.confirmed_version <> l.wanted_version AND l.failed_version <> l.wanted_version
        AND COALESCE(l.decision, '') NOT IN ('held', 'kept')) AS has_open,
      (SELECT COUNT(DISTINCT f.device_pin) FROM device_drift f JOIN device_user_sync_status l
        ON l.device_id = f.device_id AND l.student_id = f.student_id
        WHERE f.device_id = d.id AND f.ended_at IS NULL AND l.verified_version <> l.wanted_version
          AND l.confirmed_version = l.wanted_version) AS to_check
    FROM devices d JOIN device_delivery y ON y.device_id = d.id WHERE d.id = $1";
const TO_CHECK: &str = "
    SELECT DISTINCT l.device_pin FROM device_drift f JOIN device_user_sync_status l
      ON l.device_id = f.device_id AND l.student_id = f.student_id
    WHERE f.device_id = $1 AND f.ended_at IS NULL AND l.verified_version <> l.wanted_version
      AND l.confirmed_version = l.wanted_version";
const TAKEN_UP: &str = "UPDATE devices SET verify_at = NULL, verify_cause = NULL WHERE id = $1";
const FORGET_CLASS: &str = "UPDATE devices SET readback_class = NULL, readback_slow = FALSE WHERE id = $1";

/// Begins the reading that is due for a device, if one is and none runs.
pub(super) async fn begin_if_due(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    let due: Due = tx.one(DUE, [device.into(), now.into()]).await?;
    if !due.may_begin {
        return Ok(());
    }
    let cause = Cause::parse(due.verify_cause.as_deref().unwrap_or_default());
    if due.is_running || (cause == Cause::Repair && due.has_open) {
        return Ok(());
    }
    tx.execute(TAKEN_UP, [device.into()]).await?;
    let class = due.readback_class.as_deref().and_then(Class::parse);
    let is_other_firmware = due.readback_firmware != due.learnt_firmware && due.learnt_firmware.is_some();
    let is_tried_again = cause == Cause::Asked && class.is_some_and(|class| !class.tells_people());
    if class.is_some() && (is_other_firmware || is_tried_again) {
        tx.execute(FORGET_CLASS, [device.into()]).await?;
    }
    // A table is one question, and tells whether anything of it is missing.
    if cause == Cause::Repair && class != Some(Class::Table) && (1..=FEW).contains(&due.to_check) {
        let pins: Vec<(String,)> = tx.all(TO_CHECK, [device.into()]).await?;
        let pins = pins.into_iter().map(|(pin,)| pin).collect();
        begin(tx, device, cause, Some(&pins), now).await?;
    } else {
        begin(tx, device, cause, None, now).await?;
    }
    Ok(())
}

const INSERT: &str = "
    INSERT INTO readings (device_id, cause, scope, phase, began_event, started_at)
    VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
const ADD: &str = "INSERT INTO reading_steps (reading_id, device_id, kind, pin) VALUES {rows}";
const SWEPT: &str = "UPDATE readings SET sweeps = sweeps + 1, phase = 'sweep', wake_at = NULL WHERE id = $1";

async fn begin(
    tx: &mut Tx,
    device: DeviceId,
    cause: Cause,
    pins: Option<&BTreeSet<String>>,
    now: Timestamp,
) -> Result<()> {
    let at = event::next(tx, device, 1).await?;
    let scope = if pins.is_some() { "some" } else { "all" };
    let values =
        [device.into(), cause.as_str().into(), scope.into(), Phase::Begin.as_str().into(), at.into(), now.into()];
    let (reading,): (i64,) = tx.one(INSERT, values).await?;
    if let Some(pins) = pins {
        add_people(tx, reading, device, pins.iter()).await?;
    }
    Ok(())
}

/// People between two of whom somebody is asked for who should answer.
const CONTROL_EVERY: usize = 10;

/// Adds the questions of a sweep: people, and controls between them.
pub(super) async fn add_people(
    tx: &mut Tx,
    reading: i64,
    device: DeviceId,
    pins: impl Iterator<Item = &String>,
) -> Result<()> {
    let mut rows = Vec::new();
    for (number, pin) in pins.enumerate() {
        if number > 0 && number.is_multiple_of(CONTROL_EVERY) {
            rows.push(vec![reading.into(), device.into(), Question::Control.as_str().into(), None::<String>.into()]);
        }
        rows.push(vec![reading.into(), device.into(), Question::Person.as_str().into(), pin.clone().into()]);
    }
    rows.push(vec![reading.into(), device.into(), Question::Control.as_str().into(), None::<String>.into()]);
    tx.execute_rows(ADD, &[], rows).await?;
    tx.execute(SWEPT, [reading.into()]).await?;
    Ok(())
}

const ABANDON: &str = "
    UPDATE readings SET state = 'inconclusive', finished_at = $2, words = $3
    WHERE device_id = $1 AND state = 'running'";

async fn abandon(tx: &mut Tx, device: DeviceId, words: &'static str, now: Timestamp) -> Result<()> {
    tx.execute(ABANDON, [device.into(), now.into(), words.into()]).await?;
    Ok(())
}

/// The terminal is another than before, as the words say: what was learnt of it is true no more, and is tried anew.
pub(crate) async fn start_over(tx: &mut Tx, device: DeviceId, words: &'static str, now: Timestamp) -> Result<()> {
    abandon(tx, device, words, now).await?;
    tx.execute(FORGET_CLASS, [device.into()]).await?;
    want(tx, device, Cause::Schedule, now).await
}

const RUNNING: &str = "SELECT id, phase FROM readings WHERE device_id = $1 AND state = 'running'";
const CLASS: &str = "SELECT readback_class, start_state FROM devices WHERE id = $1";
const WAITING_PINS: &str =
    "SELECT pin FROM reading_steps WHERE reading_id = $1 AND state = 'waiting' AND pin IS NOT NULL";

/// Asks for some people soon: within the reading that sweeps already, else in one of its own. Answers whether there is
/// something to ask now.
pub(crate) async fn look_into(tx: &mut Tx, device: DeviceId, pins: &BTreeSet<String>, now: Timestamp) -> Result<bool> {
    let (class, start): (Option<String>, String) = tx.one(CLASS, [device.into()]).await?;
    let class = class.as_deref().and_then(Class::parse);
    if start == "unknown" || class.is_some_and(|class| !class.tells_people()) {
        return Ok(false);
    }
    if pins.len() as i64 > FEW || class == Some(Class::Table) {
        want(tx, device, Cause::Sign, now).await?;
        return Ok(true);
    }
    match tx.optional::<(i64, String), 1>(RUNNING, [device.into()]).await? {
        None => begin(tx, device, Cause::Sign, Some(pins), now).await?,
        Some((reading, phase)) if Phase::parse(&phase) == Phase::Sweep => {
            let waiting: Vec<(String,)> = tx.all(WAITING_PINS, [reading.into()]).await?;
            let waiting: BTreeSet<String> = waiting.into_iter().map(|(pin,)| pin).collect();
            let new: BTreeSet<String> = pins.difference(&waiting).cloned().collect();
            if new.is_empty() {
                return Ok(false);
            }
            add_people(tx, reading, device, new.iter()).await?;
        }
        // It is about to ask for everybody, or just did: another one follows.
        Some(_) => want(tx, device, Cause::Sign, now).await?,
    }
    Ok(true)
}

#[derive(Debug, sqlx::FromRow)]
struct Counted {
    count_looked_into: Option<i64>,
    readback_class: Option<String>,
    has_open: bool,
    held: i64,
    strangers: i64,
    found_last: Option<i64>,
    /// `all`, `some`, or, of one that asks for the count anyway, `count`.
    running: Option<String>,
}

const COUNTED: &str = concat!(
    "SELECT d.count_looked_into, d.readback_class,
      EXISTS (SELECT 1 FROM device_user_sync_status l WHERE l.device_id = d.id
        AND l.confirmed_version <> l.wanted_version AND l.failed_version <> l.wanted_version
        AND COALESCE(l.decision, '') NOT IN ('held', 'kept')) AS has_open,
      (SELECT COUNT(*) FROM device_user_sync_status l WHERE l.device_id = d.id AND l.is_held) AS held,
      (SELECT COUNT(*) FROM terminal_users u
        LEFT JOIN device_user_sync_status l ON l.device_id = u.device_id AND l.device_pin = u.pin
        WHERE u.device_id = d.id AND u.seen_event > 0 AND ",
    is_other!(),
    ") AS strangers,
      (SELECT r.counted FROM readings r WHERE r.device_id = d.id AND r.state <> 'running'
        AND r.counted IS NOT NULL ORDER BY r.id DESC LIMIT 1) AS found_last,
      (SELECT CASE WHEN r.cause = 'count' THEN 'count' ELSE r.scope END FROM readings r
        WHERE r.device_id = d.id AND r.state = 'running') AS running
    FROM devices d WHERE d.id = $1"
);
const LOOKED: &str = "UPDATE devices SET count_looked_into = $2 WHERE id = $1";

/// A poll told how many people the terminal holds. Nobody where there should be somebody leads to a question at once, once;
/// another number than expected to a reading, once.
pub(crate) async fn look_at_count(tx: &mut Tx, device: DeviceId, count: u32, now: Timestamp) -> Result<()> {
    let count = i64::from(count);
    let facts: Counted = tx.one(COUNTED, [device.into()]).await?;
    let running = facts.running.as_deref();
    if running == Some("count") || facts.count_looked_into == Some(count) {
        return Ok(());
    }
    let looked = if count == 0 && facts.held > 0 {
        // Whatever is asked just now can wait.
        abandon(tx, device, "the terminal counted nobody meanwhile", now).await?;
        begin(tx, device, Cause::Count, None, now).await?;
        Some(0)
    } else if count != facts.held + facts.strangers
        && facts.found_last != Some(count)
        && running != Some("all")
        && !facts.has_open
        && facts.readback_class.as_deref().and_then(Class::parse).is_some_and(Class::tells_people)
    {
        want(tx, device, Cause::Count, now).await?;
        Some(count)
    } else if facts.count_looked_into == Some(0) {
        None
    } else {
        return Ok(());
    };
    tx.execute(LOOKED, [device.into(), looked.into()]).await?;
    Ok(())
}
