//! A person decides about what the guard holds: removals, and changes of card.
//!
//! Approved rows are queued at once and not held again. Rejected ones are `kept`: the terminal keeps what it has of these
//! people until the roster wants something else of them.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    queue,
    reconcile::{self, Reconciled, Scope},
    strangers,
};
use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Instant, Result, Tx, Value},
};

/// What waits for a decision on a terminal, and what was decided against.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Removals {
    /// How many people are held.
    pub held: i64,
    /// Why, in words; `null` when nothing is held.
    pub reason: Option<String>,
    /// Since when the first of them is held.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Instant>,
    /// The people who are held.
    pub students: Vec<HeldBack>,
    /// People whom the terminal keeps as they are, because somebody rejected the change.
    pub kept: Vec<HeldBack>,
}

/// Somebody of whom a terminal keeps what it has.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct HeldBack {
    /// `null` for a stranger, whom the device's policy would remove.
    pub student_id: Option<StudentId>,
    /// `null` when his row is gone and nobody remembers his name, and of another school's student, who is held or kept since the
    /// terminal came from there.
    pub full_name: Option<String>,
    pub device_pin: String,
    /// What is held: `removal`, `card` (the terminal keeps his former card), or `stranger` (the removal of one).
    pub change: String,
    #[serde(skip)]
    decision: String,
    #[serde(skip)]
    reason: Option<String>,
    #[serde(skip)]
    decided_at: Option<Instant>,
}

/// Who has gone to another school is called what this one called him. What was decided of somebody makes his row this school's,
/// whosever he is.
const HELD_BACK: &str = "
    SELECT l.student_id, CASE
        WHEN s.school_id = d.school_id THEN s.full_name
        WHEN l.school_id = d.school_id AND (s.id IS NULL OR l.decision = 'held') THEN COALESCE(l.wanted_name, u.name)
      END AS full_name, l.device_pin,
      CASE WHEN l.is_wanted THEN 'card' ELSE 'removal' END AS change, l.decision, l.error_message AS reason, l.decided_at
    FROM device_user_sync_status l
    JOIN devices d ON d.id = l.device_id
    LEFT JOIN students s ON s.id = l.student_id
    LEFT JOIN terminal_users u ON u.device_id = l.device_id AND u.pin = l.device_pin
    WHERE l.device_id = $1 AND l.sync_status IN ('held', 'kept')
    UNION ALL
    SELECT CAST(NULL AS BIGINT), d.theirs, d.device_pin, 'stranger', d.decision, d.words, d.found_last_at
    FROM device_drift d WHERE d.device_id = $1 AND d.kind = 'stranger' AND d.ended_at IS NULL
      AND d.decision IN ('held', 'kept')
    ORDER BY 2 NULLS LAST, 3";

/// What is held on a terminal, and what is kept.
pub async fn list(tx: &mut Tx, device: DeviceId) -> Result<Removals> {
    let rows: Vec<HeldBack> = tx.all(HELD_BACK, [device.into()]).await?;
    let (students, kept): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.decision == "held");
    // The last to be held saw the most of it.
    let newest = |change: &str| {
        let rows = students.iter().filter(|row| row.change == change);
        rows.max_by_key(|row| row.decided_at.map(|at| at.0)).and_then(|row| row.reason.clone())
    };
    let reasons: Vec<String> = ["removal", "stranger", "card"].into_iter().filter_map(newest).collect();
    Ok(Removals {
        held: students.len() as i64,
        reason: (!reasons.is_empty()).then(|| reasons.join(". ")),
        since: students.iter().filter_map(|row| row.decided_at).min_by_key(|at| at.0),
        students,
        kept,
    })
}

/// How many people a terminal keeps as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, sqlx::FromRow)]
pub struct Counts {
    /// Removals that wait for a decision.
    pub held_removals: i64,
    /// Changes of card that wait for a decision.
    pub held_cards: i64,
    /// Changes of card that somebody rejected.
    pub kept_cards: i64,
    /// Students who wait because somebody whom Rollcall did not write has their PIN or card there, or may be they.
    pub person_there: i64,
}

const COUNTS: &str = "
    SELECT COUNT(*) FILTER (WHERE sync_status = 'held' AND NOT is_wanted)
        + (SELECT COUNT(*) FROM device_drift d WHERE d.device_id = $1 AND d.kind = 'stranger' AND d.ended_at IS NULL
          AND d.decision = 'held') AS held_removals,
      COUNT(*) FILTER (WHERE sync_status = 'held' AND is_wanted) AS held_cards,
      COUNT(*) FILTER (WHERE sync_status = 'kept' AND is_wanted) AS kept_cards,
      (SELECT COUNT(*) FROM device_user_sync_status p WHERE p.device_id = $1 AND p.obstacle = 'person_there'
        AND p.is_wanted AND p.confirmed_version <> p.wanted_version) AS person_there
    FROM device_user_sync_status WHERE device_id = $1 AND decision IS NOT NULL";

/// The numbers of one terminal.
pub async fn counts(tx: &mut Tx, device: DeviceId) -> Result<Counts> {
    tx.one(COUNTS, [device.into()]).await
}

/// What somebody decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It is meant: do it.
    Approve,
    /// It is not: the terminal keeps what it has.
    Reject,
}

impl Decision {
    /// As the audit log has it.
    pub fn verb(self) -> &'static str {
        match self {
            Decision::Approve => "approve",
            Decision::Reject => "reject",
        }
    }
}

/// What a decision came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decided {
    /// So many people were decided about. Those of whom the same was decided before do not count again.
    Done { people: u64, reconciled: Reconciled },
    /// Nothing was ever held of these on this terminal, and nothing is done about the others.
    NotHeld(Vec<StudentId>),
}

/// [`Decided::NotHeld`] in words.
pub fn not_held(students: &[StudentId]) -> String {
    let ids: Vec<String> = students.iter().map(ToString::to_string).collect();
    format!("nothing of these is held on this terminal: {}", ids.join(", "))
}

macro_rules! approve {
    ($from:literal, $which:literal) => {
        concat!(
            "UPDATE device_user_sync_status SET decision = 'approved', decided_at = $2, updated_at = $2,
               error_message = NULL, obstacle = NULL,
               school_id = (SELECT d.school_id FROM devices d WHERE d.id = device_user_sync_status.device_id),
               removal_wanted_at = CASE WHEN removal_wanted_at IS NOT NULL THEN $2 END,
               card_change_wanted_at = CASE WHEN card_change_wanted_at IS NOT NULL THEN $2 END ",
            $from,
            " WHERE device_user_sync_status.device_id = $1 AND ",
            $which
        )
    };
}
const APPROVE_ALL: &str = approve!("", "decision = 'held'");
/// Somebody may think better of what he rejected.
const APPROVE: &str = concat!(
    "WITH v(student_id) AS (VALUES {rows}) ",
    approve!("FROM v", "device_user_sync_status.student_id = v.student_id AND decision IN ('held', 'kept')")
);

macro_rules! reject {
    ($from:literal, $which:literal) => {
        concat!(
            "UPDATE device_user_sync_status SET decision = 'kept', decided_at = $2, updated_at = $2, obstacle = NULL,
               error_message = CASE WHEN is_wanted THEN 'the terminal keeps the former card by decision'
                 ELSE 'kept on the terminal by decision' END,
               school_id = (SELECT d.school_id FROM devices d WHERE d.id = device_user_sync_status.device_id) ",
            $from,
            " WHERE device_user_sync_status.device_id = $1 AND decision = 'held'",
            $which
        )
    };
}
const REJECT_ALL: &str = reject!("", "");
const REJECT: &str = concat!(
    "WITH v(student_id) AS (VALUES {rows}) ",
    reject!("FROM v", " AND device_user_sync_status.student_id = v.student_id")
);

const UNDECIDED: &str = "
    WITH v(student_id) AS (VALUES {rows})
    SELECT v.student_id FROM v WHERE NOT EXISTS (
      SELECT 1 FROM device_user_sync_status l WHERE l.device_id = $1 AND l.student_id = v.student_id
        AND l.decision IS NOT NULL)";

/// Decides about these people, or about everybody who is held, strangers too. Call [`reconcile::reconcile`] in further transactions while
/// the answer is partial.
pub async fn decide(
    tx: &mut Tx,
    device: DeviceId,
    decision: Decision,
    students: Option<&[StudentId]>,
    now: Timestamp,
) -> Result<Decided> {
    reconcile::lock(tx, Scope::Device(device)).await?;
    let fixed: [Value; 2] = [device.into(), now.into()];
    let people = match students {
        None => {
            let all = if decision == Decision::Approve { APPROVE_ALL } else { REJECT_ALL };
            tx.execute(all, fixed).await? + strangers::decide(tx, device, decision == Decision::Approve, now).await?
        }
        Some(students) => {
            let students: BTreeSet<StudentId> = students.iter().copied().collect();
            let rows = || students.iter().map(|student| vec![(*student).into()]).collect();
            let unknown: Vec<(StudentId,)> = tx.all_rows(UNDECIDED, &[device.into()], rows()).await?;
            if !unknown.is_empty() {
                return Ok(Decided::NotHeld(unknown.into_iter().map(|(student,)| student).collect()));
            }
            let some = if decision == Decision::Approve { APPROVE } else { REJECT };
            tx.execute_rows(some, &fixed, rows()).await?
        }
    };
    // Who waits for a card of theirs is told why, or goes on.
    let mut reconciled = queue::open_rows(tx, Scope::Device(device), now).await?;
    reconciled.devices = vec![device];
    Ok(Decided::Done { people, reconciled })
}
