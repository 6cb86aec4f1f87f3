//! By hand: everything of a terminal again, one student, or those who failed.
//!
//! All of them raise the wanted version, so that whatever is on its way becomes the older one. Nothing is removed first, and what
//! waits for a decision, or was decided, stays so.

use jiff::Timestamp;

use super::{
    delivery, queue,
    reconcile::{self, Reconciled, Scope},
    repair::{REPAIRS, RETRY},
};
use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Result, Tx},
};

/// What a full sync set going.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FullSync {
    /// Students who belong on this terminal.
    pub total_students: i64,
    /// Of them, those whose command is queued, or waits for the result of an earlier one.
    pub commands_queued: i64,
    pub reconciled: Reconciled,
}

const RAISE: &str = "
    UPDATE device_user_sync_status SET wanted_version = wanted_version + 1,
      wanted_at = CASE WHEN confirmed_version <> wanted_version THEN wanted_at END, obstacle = NULL, sync_retries = 0, repairs = 0,
      error_message = NULL, priority = 5, updated_at = $2
    WHERE device_id = $1 AND (is_wanted OR confirmed_version <> wanted_version)
      AND (confirmed_version = wanted_version OR COALESCE(decision, '') NOT IN ('held', 'kept'))";
const COUNTS: &str = "
    SELECT (SELECT COUNT(*) FROM belonging WHERE device_id = $1) AS total,
      (SELECT COUNT(*) FROM device_user_sync_status WHERE device_id = $1 AND is_wanted
        AND sync_status IN ('pending', 'sent')) AS queued";

/// Queues every student of a device again, whatever the ledger says. Call [`reconcile::reconcile`] in further transactions
/// while the answer is partial.
pub async fn full_sync(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<FullSync> {
    reconcile::lock(tx, Scope::Device(device)).await?;
    tx.execute(delivery::HAS_ROOM, [device.into()]).await?;
    tx.execute(RAISE, [device.into(), now.into()]).await?;
    let reconciled = reconcile::reconcile(tx, Scope::Device(device), now).await?;
    let (total_students, commands_queued) = tx.one(COUNTS, [device.into()]).await?;
    Ok(FullSync { total_students, commands_queued, reconciled })
}

/// What it came to for one student.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Again {
    Queued(Reconciled),
    /// Not in the state that he is in, which is this one.
    Not(String),
    /// He does not belong on this terminal, and never did.
    NotOnTerminal,
}

const STATE: &str = "
    SELECT CASE WHEN l.id IS NULL OR (b.student_id IS NOT NULL AND NOT l.is_wanted) THEN 'not_synced'
      ELSE l.sync_status END AS sync_status,
      EXISTS (SELECT 1 FROM device_drift f WHERE f.device_id = d.id AND f.student_id = $2 AND f.ended_at IS NULL) AS drifted
    FROM devices d
    LEFT JOIN device_user_sync_status l ON l.device_id = d.id AND l.student_id = $2
    LEFT JOIN belonging b ON b.device_id = d.id AND b.student_id = $2
    WHERE d.id = $1 AND (l.id IS NOT NULL OR b.student_id IS NOT NULL)";
const RAISE_ONE: &str = "
    UPDATE device_user_sync_status SET wanted_version = wanted_version + 1,
      wanted_at = CASE WHEN confirmed_version <> wanted_version THEN wanted_at END, obstacle = NULL, sync_retries = 0, repairs = 0,
      error_message = NULL, priority = 10, updated_at = $3
    WHERE device_id = $1 AND student_id = $2";

/// Which students may be queued again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Those who failed, and those of whom a reading found something else and nothing has shown it mended.
    Retry,
    /// Anybody, but not against what waits for a decision or was decided.
    Push,
}

impl Wish {
    pub fn as_str(self) -> &'static str {
        match self {
            Wish::Retry => "retry",
            Wish::Push => "push",
        }
    }

    fn is_about(self, state: &str, has_drifted: bool) -> bool {
        let is_decided = matches!(state, "held" | "kept");
        match self {
            Wish::Retry => state == "failed" || (has_drifted && !is_decided),
            Wish::Push => !is_decided,
        }
    }
}

/// Queues one student again.
pub async fn student(tx: &mut Tx, device: DeviceId, student: StudentId, wish: Wish, now: Timestamp) -> Result<Again> {
    reconcile::lock(tx, Scope::Device(device)).await?;
    let state: Option<(String, bool)> = tx.optional(STATE, [device.into(), student.into()]).await?;
    let Some((state, has_drifted)) = state else { return Ok(Again::NotOnTerminal) };
    if !wish.is_about(&state, has_drifted) {
        return Ok(Again::Not(state));
    }
    tx.execute(RAISE_ONE, [device.into(), student.into(), now.into()]).await?;
    tx.execute(delivery::HAS_ROOM, [device.into()]).await?;
    queue::open_asked(tx, device, student, now).await?;
    let mut reconciled = reconcile::reconcile(tx, Scope::Device(device), now).await?;
    reconciled.devices = vec![device];
    Ok(Again::Queued(reconciled))
}

/// Queues everybody again who failed, as a reading does. Somebody whom the terminal kept changing back, or who cannot be
/// represented, stays failed. Answers how many those are, and what the reconciler did.
pub async fn retry_failed(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<(i64, Reconciled)> {
    reconcile::lock(tx, Scope::Device(device)).await?;
    tx.execute(delivery::HAS_ROOM, [device.into()]).await?;
    let retried = tx.execute(RETRY, [device.into(), now.into(), REPAIRS.into()]).await?;
    let reconciled = reconcile::reconcile(tx, Scope::Device(device), now).await?;
    Ok((retried as i64, reconciled))
}
