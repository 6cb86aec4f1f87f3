//! One bad import must not empty a school's terminals.
//!
//! Each run counts, for every terminal, whom it would remove and whose card it would change, together with those of the
//! last ten minutes: sixty single edits trip it like one import. When it trips, the removals (or the changes of card) of
//! that time that have not left yet become `held` in the ledger: nothing is queued for them until a person decides
//! ([`super::removals`]). Additions and changes of names go on.
//!
//! Invariant: a row that is `held` or `kept` has no command that waits. Neither a tick, a retry nor a full sync changes
//! that; only a decision does, or the roster, when it wants something else of this student.

mod foresee;
mod judge;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use push_protocol::text::Card;
use serde_json::json;

use super::{
    deadline::later,
    scope::{Scope, rows_of_student},
};
use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Result, Tx, Value},
    webhooks::{Kind, outbox},
};

pub use foresee::{Held, foresee, held};
pub use judge::{Numbers, Reason, Share, judge_cards, judge_removals};

/// What is counted together.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

#[derive(Debug, sqlx::FromRow)]
struct Judged {
    device_id: DeviceId,
    serial_number: String,
    /// Removals, and changes of card, that wait for a decision already.
    held_removals: i64,
    held_cards: i64,
    #[sqlx(flatten)]
    numbers: Numbers,
}

/// How many people were removed within the window: they ceased to belong there, or the terminal said that they are gone.
/// Who is kept by decision is neither. Strangers are commands without a student.
macro_rules! removals {
    () => {
        "(SELECT COUNT(*) FROM device_user_sync_status l WHERE l.device_id = d.id AND l.removal_wanted_at > $2
            AND NOT l.is_wanted AND COALESCE(l.decision, '') <> 'kept')
         + (SELECT COUNT(*) FROM device_user_sync_status l WHERE l.device_id = d.id AND l.removal_wanted_at <= $2
            AND l.acknowledged_at > $2 AND NOT l.is_wanted AND l.confirmed_version = l.wanted_version)
         + (SELECT COUNT(DISTINCT c.device_pin) FROM device_commands c
          WHERE c.device_id = d.id AND c.created_at > $2
            AND c.student_id IS NULL AND c.command_type = 'delete_user' AND c.status NOT IN ('superseded', 'failed'))"
    };
}

/// Of a row of the ledger `o`: it would remove somebody, or change a card, and nothing of that has been decided.
macro_rules! is_judged {
    () => {
        " AND o.confirmed_version <> o.wanted_version AND o.failed_version <> o.wanted_version
            AND (o.decision IS NULL OR o.decision = 'kept')
            AND (o.removal_wanted_at IS NOT NULL OR o.card_change_wanted_at IS NOT NULL)"
    };
}
const IS_JUDGED: &str =
    concat!("SELECT EXISTS (SELECT 1 FROM ", rows_of_student!(), " o WHERE o.student_id = $1", is_judged!(), ")");
/// The numbers of terminals on which something in scope is to be judged. Each is counted by an index, however many people a
/// terminal holds; whom it holds is counted when it matters.
macro_rules! judge {
    ($rows:expr, $scope:literal) => {
        concat!(
            "SELECT d.id AS device_id, d.serial_number, k.guard_percent, k.guard_number, CAST(0 AS BIGINT) AS holds, ",
            removals!(),
            " AS removals,
               (SELECT COUNT(*) FROM device_user_sync_status l WHERE l.device_id = d.id AND l.card_change_wanted_at > $2
                 AND l.is_wanted AND COALESCE(l.decision, '') <> 'kept') AS card_changes,
               (SELECT COUNT(*) FROM device_user_sync_status l WHERE l.device_id = d.id
                 AND l.confirmed_version <> l.wanted_version AND l.failed_version <> l.wanted_version
                 AND NOT l.is_wanted AND l.removal_wanted_at IS NOT NULL AND l.school_id <> d.school_id
                 AND (l.decision IS NULL OR l.decision = 'kept')) AS of_former_school,
               (SELECT COUNT(*) FROM device_user_sync_status l WHERE l.device_id = d.id AND l.decision = 'held'
                 AND NOT l.is_wanted) AS held_removals,
               (SELECT COUNT(*) FROM device_user_sync_status l WHERE l.device_id = d.id AND l.decision = 'held'
                 AND l.is_wanted) AS held_cards,
               NOT EXISTS (SELECT 1 FROM belonging b WHERE b.device_id = d.id) AS is_roster_empty
             FROM devices d JOIN schools k ON k.id = d.school_id
             WHERE d.is_active AND d.deleted_at IS NULL AND d.start_state = 'writing' AND d.id IN (
               SELECT o.device_id FROM ",
            $rows,
            " o WHERE ",
            $scope,
            is_judged!(),
            ") ORDER BY d.id"
        )
    };
}
const JUDGE_OF_STUDENT: &str = judge!(rows_of_student!(), "o.student_id = $1");
const JUDGE_ON_DEVICE: &str = judge!("device_user_sync_status", "o.device_id = $1");

/// Holds what is too much, on every terminal in scope. The caller holds the locks of the devices, and what is wanted is in
/// the ledger.
pub(super) async fn hold(tx: &mut Tx, scope: Scope, now: Timestamp) -> Result<()> {
    find_card_changes(tx, scope, now).await?;
    let window = window(now);
    let mut judged: Vec<Judged> = match scope {
        Scope::Student(student) => {
            // Who is merely renamed, as most are who are edited, is asked about no further.
            let (is_judged,): (bool,) = tx.one(IS_JUDGED, [student.into()]).await?;
            if !is_judged {
                return Ok(());
            }
            tx.all(JUDGE_OF_STUDENT, [student.into(), window.into()]).await?
        }
        Scope::Device(device) => tx.all(JUDGE_ON_DEVICE, [device.into(), window.into()]).await?,
    };
    judged.retain(|judged| judge_removals(&judged.numbers).or(judge_cards(&judged.numbers)).is_some());
    count_people(tx, &mut judged, window).await?;
    let removals: Vec<(&Judged, Reason)> =
        judged.iter().filter_map(|judged| Some((judged, judge_removals(&judged.numbers)?))).collect();
    let cards: Vec<(&Judged, Reason)> =
        judged.iter().filter_map(|judged| Some((judged, judge_cards(&judged.numbers)?))).collect();
    if removals.is_empty() && cards.is_empty() {
        return Ok(());
    }
    let rows = |found: &[(&Judged, Reason)]| -> Vec<Vec<Value>> {
        let row = |(judged, reason): &(&Judged, Reason)| {
            vec![judged.device_id.into(), reason.since(window).into(), reason.to_string().into()]
        };
        found.iter().map(row).collect()
    };
    let held: Vec<(DeviceId,)> = tx.all_rows(HOLD_REMOVALS, &[now.into()], rows(&removals)).await?;
    let before = |judged: &Judged| judged.held_removals;
    tell(tx, What::Removals, &removals, &held, before, now).await?;
    let held: Vec<(DeviceId,)> = tx.all_rows(HOLD_CARDS, &[now.into()], rows(&cards)).await?;
    tell(tx, What::Cards, &cards, &held, |judged| judged.held_cards, now).await?;
    let devices = removals.iter().chain(&cards).map(|(judged, _)| vec![judged.device_id.into()]).collect();
    tx.execute_rows(WITHDRAW, &[now.into()], devices).await?;
    Ok(())
}

const PEOPLE: &str = "
    WITH v(device_id) AS (VALUES {rows})
    SELECT l.device_id, COUNT(*) FROM v JOIN device_user_sync_status l ON l.device_id = v.device_id
    WHERE l.is_held OR (NOT l.is_wanted AND (l.removal_wanted_at > $1 OR (l.removal_wanted_at <= $1
      AND l.acknowledged_at > $1)))
    GROUP BY l.device_id";

/// Whom the terminals held when the window began, as far as the ledger knows.
async fn count_people(tx: &mut Tx, judged: &mut [Judged], window: Timestamp) -> Result<()> {
    let devices = judged.iter().map(|judged| vec![judged.device_id.into()]).collect();
    let people: Vec<(DeviceId, i64)> = tx.all_rows(PEOPLE, &[window.into()], devices).await?;
    let people: BTreeMap<DeviceId, i64> = people.into_iter().collect();
    for judged in judged {
        judged.numbers.holds = people.get(&judged.device_id).copied().unwrap_or(0);
    }
    Ok(())
}

fn window(now: Timestamp) -> Timestamp {
    later(now, -WINDOW)
}

#[derive(Debug, sqlx::FromRow)]
struct Carded {
    device_id: DeviceId,
    student_id: StudentId,
    wanted_card: Option<String>,
    held_card_number: Option<i64>,
    is_known: bool,
}

macro_rules! carded {
    ($rows:expr, $scope:literal) => {
        concat!(
            "SELECT device_id, student_id, wanted_card, held_card_number, card_change_wanted_at IS NOT NULL AS is_known
             FROM ",
            $rows,
            " l WHERE ",
            $scope,
            " AND is_wanted AND is_held AND wanted_card_number IS NULL
               AND confirmed_version <> wanted_version AND failed_version <> wanted_version"
        )
    };
}
const CARDED_OF_STUDENT: &str = carded!(rows_of_student!(), "student_id = $1");
const CARDED_ON_DEVICE: &str = carded!("device_user_sync_status", "device_id = $1");
const CHANGES_CARD: &str = "
    WITH v(device_id, student_id, card_number, is_change) AS (VALUES {rows})
    UPDATE device_user_sync_status SET wanted_card_number = v.card_number,
      card_change_wanted_at = CASE WHEN v.is_change THEN COALESCE(card_change_wanted_at, $1) END,
      decision = CASE WHEN v.is_change THEN decision END
    FROM v WHERE device_user_sync_status.device_id = v.device_id AND device_user_sync_status.student_id = v.student_id";

/// Of those whose wanted fields have just changed, finds whose card is another than the terminal's. Cards are compared as
/// numbers, which only Rust can read.
async fn find_card_changes(tx: &mut Tx, scope: Scope, now: Timestamp) -> Result<()> {
    let carded: Vec<Carded> = match scope {
        Scope::Student(student) => tx.all(CARDED_OF_STUDENT, [student.into()]).await?,
        Scope::Device(device) => tx.all(CARDED_ON_DEVICE, [device.into()]).await?,
    };
    let rows = carded.iter().filter_map(|row| {
        let card = Card::parse(row.wanted_card.as_deref()?).ok()?;
        let number = i64::try_from(card.number()).unwrap_or(i64::MAX);
        let is_change = row.held_card_number != Some(number);
        (is_change || row.is_known)
            .then(|| vec![row.device_id.into(), row.student_id.into(), number.into(), is_change.into()])
    });
    tx.execute_rows(CHANGES_CARD, &[now.into()], rows.collect()).await?;
    Ok(())
}

/// What has left, and what was decided, is not held any more.
macro_rules! hold {
    ($which:literal, $decided:literal) => {
        concat!(
            "WITH v(device, since, reason) AS (VALUES {rows})
             UPDATE device_user_sync_status SET decision = 'held', decided_at = $1, error_message = v.reason,
               obstacle = NULL, updated_at = $1
             FROM v WHERE device_id = v.device AND ",
            $which,
            " AND confirmed_version <> wanted_version AND failed_version <> wanted_version AND (decision IS NULL",
            $decided,
            ") AND NOT EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = device_user_sync_status.device_id
                 AND c.student_id = device_user_sync_status.student_id AND c.status IN ('pending', 'sent')
                 AND c.attempts > 0 AND c.wanted_version = device_user_sync_status.wanted_version LIMIT 1 OFFSET 0)
             RETURNING device_id"
        )
    };
}
const HOLD_REMOVALS: &str = hold!(
    "NOT is_wanted AND removal_wanted_at > v.since",
    " OR (decision = 'kept' AND school_id <> (SELECT d.school_id FROM devices d WHERE d.id = v.device))"
);
/// Somebody whose card was taken so that two can swap gets his new one.
const HOLD_CARDS: &str =
    hold!("is_wanted AND is_held AND held_card_number IS NOT NULL AND card_change_wanted_at > v.since", "");
const WITHDRAW: &str = "
    WITH v(device) AS (VALUES {rows})
    UPDATE device_commands SET status = 'superseded', completed_at = $1
    FROM v WHERE device_id = v.device AND status = 'pending' AND attempts = 0 AND EXISTS (
      SELECT 1 FROM device_user_sync_status l WHERE l.device_id = v.device
        AND l.student_id = device_commands.student_id AND l.decision = 'held')";

/// What is held.
#[derive(Clone, Copy, Debug)]
enum What {
    Removals,
    Cards,
}

/// Says it once, in the log and to webhooks: not again while there is something to decide.
async fn tell(
    tx: &mut Tx,
    what: What,
    found: &[(&Judged, Reason)],
    held: &[(DeviceId,)],
    before: fn(&Judged) -> i64,
    now: Timestamp,
) -> Result<()> {
    let (kind, words) = match what {
        What::Removals => ("removals", "removals are held until somebody decides"),
        What::Cards => ("card_changes", "changes of card are held until somebody decides"),
    };
    let mut people: BTreeMap<DeviceId, u64> = BTreeMap::new();
    for (device,) in held {
        *people.entry(*device).or_default() += 1;
    }
    for (judged, reason) in found.iter().filter(|(judged, _)| before(judged) == 0) {
        let Some(people) = people.get(&judged.device_id) else { continue };
        let (device_id, serial) = (judged.device_id, judged.serial_number.as_str());
        tracing::warn!(%device_id, serial, people, holds = judged.numbers.holds, %reason, "{words}");
        let details = json!({"held": kind, "number": people, "reason": reason.to_string()});
        outbox::terminal(tx, Kind::RemovalsHeld, judged.device_id, details, now).await?;
    }
    Ok(())
}

const OTHERS: &str = concat!(
    "SELECT k.guard_percent, k.guard_number, COALESCE(d.user_count, 0) AS counted,
       (SELECT COUNT(*) FROM device_user_sync_status l WHERE l.device_id = d.id AND l.is_held) AS holds, ",
    removals!(),
    " AS removals, NOT EXISTS (SELECT 1 FROM belonging b WHERE b.device_id = d.id) AS is_roster_empty
     FROM devices d JOIN schools k ON k.id = d.school_id WHERE d.id = $1"
);

#[derive(Debug, sqlx::FromRow)]
struct Others {
    guard_percent: i64,
    guard_number: i64,
    counted: i64,
    holds: i64,
    removals: i64,
    is_roster_empty: bool,
}

/// Whether so many strangers may be removed from a terminal now, beside what was removed in the last ten minutes. `None`
/// allows it; else why not. The caller holds the device's lock.
pub async fn strangers_allowed(tx: &mut Tx, device: DeviceId, how_many: i64, now: Timestamp) -> Result<Option<Reason>> {
    let found: Option<Others> = tx.optional(OTHERS, [device.into(), window(now).into()]).await?;
    let Some(found) = found.filter(|_| how_many > 0) else { return Ok(None) };
    Ok(judge_removals(&Numbers {
        // Strangers are on the terminal as well, whether it counted them or not.
        holds: found.counted.max(found.holds + how_many),
        removals: found.removals + how_many,
        is_roster_empty: found.is_roster_empty,
        guard_percent: found.guard_percent,
        guard_number: found.guard_number,
        ..Numbers::default()
    }))
}
