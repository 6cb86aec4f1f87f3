//! Somebody who is known to be there and should answer: the control of those who stay silent (rule 18).

use jiff::Timestamp;

use crate::{
    devices::DeviceId,
    store::{Result, Tx},
    sync::{queue, scope::Scope},
};

/// A sentinel is one of the wanted whom the terminal said it stored and who was not asked for in vain since (rule 18).
macro_rules! sentinels {
    () => {
        "FROM device_user_sync_status l
         LEFT JOIN terminal_users u ON u.device_id = l.device_id AND u.pin = l.device_pin
         WHERE l.device_id = $1 AND l.is_wanted AND l.is_held AND l.confirmed_version = l.wanted_version
           AND NOT EXISTS (SELECT 1 FROM reading_steps s WHERE s.reading_id = $2 AND s.pin = l.device_pin
             AND s.asked_event > l.written_event AND s.state IN ('answered', 'silent', 'refused')
             AND COALESCE(u.told_event, 0) <= s.asked_event)"
    };
}
const CANDIDATES: &str = concat!(
    "SELECT (SELECT COUNT(*) ",
    sentinels!(),
    ") AS candidates, (SELECT COUNT(*) FROM device_user_sync_status w WHERE w.device_id = $1 AND w.is_wanted
       AND w.confirmed_version = w.wanted_version) AS writable"
);
const SENTINEL: &str = concat!(
    "SELECT l.device_pin ",
    sentinels!(),
    " ORDER BY CASE WHEN COALESCE(u.told_event, 0) > $3 THEN 0 ELSE 1 END, COALESCE(u.told_event, 0) DESC, l.student_id
     LIMIT 1"
);

/// How many could be asked, and how many could be written so that they can be.
pub(super) async fn candidates(tx: &mut Tx, device: DeviceId, reading: i64) -> Result<(i64, i64)> {
    tx.one(CANDIDATES, [device.into(), reading.into()]).await
}

/// Somebody who should answer: best one who did so in this reading.
pub(super) async fn choose(tx: &mut Tx, device: DeviceId, reading: i64, began: i64) -> Result<Option<String>> {
    let pin: Option<(String,)> = tx.optional(SENTINEL, [device.into(), reading.into(), began.into()]).await?;
    Ok(pin.map(|(pin,)| pin))
}

const WRITE_ONE: &str = "
    UPDATE device_user_sync_status SET wanted_version = wanted_version + 1,
      wanted_at = CASE WHEN confirmed_version <> wanted_version THEN wanted_at END, priority = 5, updated_at = $2
    WHERE device_id = $1 AND student_id = (
      SELECT w.student_id FROM device_user_sync_status w WHERE w.device_id = $1 AND w.is_wanted
        AND w.confirmed_version = w.wanted_version ORDER BY w.student_id LIMIT 1)";
const OPEN: &str = "
    SELECT COUNT(*) FROM device_user_sync_status WHERE device_id = $1 AND obstacle IS NULL
      AND confirmed_version <> wanted_version AND failed_version <> wanted_version
      AND COALESCE(decision, '') NOT IN ('held', 'kept')";

/// Writes one of the wanted again, so that there is somebody who must be there.
pub(super) async fn write_somebody(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    tx.execute(WRITE_ONE, [device.into(), now.into()]).await?;
    queue::open_rows(tx, Scope::Device(device), now).await?;
    Ok(())
}

pub(super) async fn write_is_over(tx: &mut Tx, device: DeviceId) -> Result<bool> {
    let (open,): (i64,) = tx.one(OPEN, [device.into()]).await?;
    Ok(open == 0)
}
