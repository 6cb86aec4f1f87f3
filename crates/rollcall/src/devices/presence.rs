//! When each terminal was last seen: collected in memory, written in batches; and who is online.
//!
//! Presence columns (`last_seen`, `last_address`, `firmware_version`, `user_count`, `clock_skew_seconds`, `is_online`) are
//! written here, without moving `updated_at`: a terminal that polls has not been changed by anybody.

use std::{net::IpAddr, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{
    DeviceId,
    missed::{self, Missed},
    registry::Registry,
    trust, unknown,
};
use crate::store::{Db, Result, Tx, Value};

/// What a terminal's calls since the last flush left behind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    pub device: DeviceId,
    pub at: Timestamp,
    pub address: Option<IpAddr>,
    /// As told since the last flush; `None` leaves the column alone.
    pub firmware: Option<Arc<str>>,
    pub user_count: Option<u32>,
    /// How far its clock is ahead.
    pub clock_skew_seconds: Option<i32>,
    /// The address that was found to take turns with the present one.
    pub contested_with: Option<IpAddr>,
    /// Punches that it may not bring by itself.
    pub missed: Option<Missed>,
}

/// Writes who was seen since the last time, known terminals in id order, in one transaction. What could not be written is
/// due again at the next tick.
pub async fn flush(db: &Db, registry: &Registry, now: Timestamp) -> Result<()> {
    let seen = registry.take_presence();
    let callers = registry.callers().take_unsaved();
    if seen.is_empty() && callers.is_empty() {
        return Ok(());
    }
    let written = async {
        let mut tx = db.write().await?;
        missed::want(&mut tx, &seen, registry.silent_after(), now).await?;
        write(&mut tx, &seen, now).await?;
        unknown::write(&mut tx, &callers).await?;
        tx.commit().await
    };
    written.await.inspect_err(|_| {
        registry.put_back(&seen);
        registry.callers().put_back(callers);
    })
}

/// Servers agree about the present better than this. Who was seen later than so much from now was seen before the clock was
/// stepped back: by that time he would count as online until it comes again.
pub(super) const FUTURE: SignedDuration = SignedDuration::from_mins(1);

// Two servers may have seen the same terminal: the later time wins. Each may have seen another address of it, which neither
// would call a turn by itself: so turns are looked for here, too. Should they ever lock in different orders, one of
// them fails and tries again at its next tick.
const WRITE: &str = "
WITH v(id, at, address, firmware, user_count, clock_skew_seconds, contested_with, turn_began) AS (VALUES {rows}),
w AS (
  SELECT v.*, v.address <> d.last_address AS is_moved,
    v.address <> d.last_address AND v.address = d.former_address AND d.former_seen >= v.turn_began
      AND NOT (COALESCE(d.accepted_addresses, '') LIKE '%,' || v.address || ',%'
        AND COALESCE(d.accepted_addresses, '') LIKE '%,' || d.last_address || ',%') AS takes_turns
  FROM v JOIN devices d ON d.id = v.id
)
UPDATE devices SET
  last_seen = CASE WHEN devices.last_seen > w.at AND devices.last_seen <= $1 THEN devices.last_seen ELSE w.at END,
  last_address = COALESCE(w.address, devices.last_address),
  former_address = CASE WHEN w.contested_with IS NOT NULL THEN w.contested_with
    WHEN w.is_moved THEN devices.last_address ELSE devices.former_address END,
  former_seen = CASE WHEN w.contested_with IS NOT NULL THEN w.at
    WHEN w.is_moved THEN devices.last_seen ELSE devices.former_seen END,
  contested_at = CASE WHEN w.contested_with IS NOT NULL OR w.takes_turns THEN w.at ELSE devices.contested_at END,
  suspicion = CASE WHEN devices.suspicion IS NULL AND (w.contested_with IS NOT NULL OR w.takes_turns)
    THEN 'addresses' ELSE devices.suspicion END,
  suspected_at = CASE WHEN devices.suspicion IS NULL AND (w.contested_with IS NOT NULL OR w.takes_turns)
    THEN w.at ELSE devices.suspected_at END,
  updated_at = CASE WHEN devices.suspicion IS NULL AND (w.contested_with IS NOT NULL OR w.takes_turns)
    THEN w.at ELSE devices.updated_at END,
  firmware_version = COALESCE(w.firmware, devices.firmware_version),
  user_count = COALESCE(w.user_count, devices.user_count),
  clock_skew_seconds = COALESCE(w.clock_skew_seconds, devices.clock_skew_seconds),
  is_online = TRUE
FROM w WHERE devices.id = w.id";

async fn write(tx: &mut Tx, seen: &[Seen], now: Timestamp) -> Result<()> {
    let rows = seen.iter().map(|seen| -> Vec<Value> {
        vec![
            seen.device.into(),
            seen.at.into(),
            seen.address.map(|address| address.to_string()).into(),
            seen.firmware.as_deref().map(str::to_owned).into(),
            seen.user_count.into(),
            seen.clock_skew_seconds.map(i64::from).into(),
            seen.contested_with.map(|address| address.to_string()).into(),
            (seen.at - trust::TURN).into(),
        ]
    });
    tx.execute_rows(WRITE, &[(now + FUTURE).into()], rows.collect()).await?;
    Ok(())
}

const SILENT: &str = "
SELECT COUNT(*) FROM devices WHERE is_online AND (last_seen IS NULL OR last_seen < $1 OR last_seen > $2)";

const FALL_OFFLINE: &str = "
UPDATE devices SET is_online = FALSE WHERE is_online AND (last_seen IS NULL OR last_seen < $1 OR last_seen > $2)";

/// Shows those offline that no server has seen for [`online_for`]. Asks before it writes: mostly nobody fell silent, and
/// a reading transaction makes no writer wait.
pub async fn fall_offline(db: &Db, poll_delay: SignedDuration, now: Timestamp) -> Result<u64> {
    let before = now - online_for(poll_delay);
    let mut tx = db.read().await?;
    let (silent,): (i64,) = tx.one(SILENT, [before.into(), (now + FUTURE).into()]).await?;
    drop(tx);
    if silent == 0 {
        return Ok(0);
    }
    let mut tx = db.write().await?;
    let fell = tx.execute(FALL_OFFLINE, [before.into(), (now + FUTURE).into()]).await?;
    tx.commit().await?;
    Ok(fell)
}

/// A terminal counts as online so long after it was seen: three polls, at least a minute and a half.
pub fn online_for(poll_delay: SignedDuration) -> SignedDuration {
    SignedDuration::from_secs(90).max(poll_delay * 3)
}
