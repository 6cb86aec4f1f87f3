//! A terminal takes the place of another: its students keep their PINs.

use jiff::Timestamp;

use super::{
    pins,
    reconcile::{self, Scope},
};
use crate::{
    devices::DeviceId,
    store::{Result, Tx},
};

/// What the new terminal was seen to use for somebody else is not inherited: that student gets another PIN there. The
/// history begins anew, because nothing that the new terminal recorded before is theirs; where it has ended it is copied
/// as an empty stretch, which keeps the PIN for him.
const COPY: &str = "
    INSERT INTO device_user_mappings (device_id, student_id, device_pin, valid_from, valid_to)
    SELECT CAST($2 AS BIGINT), m.student_id, m.device_pin, $3, CASE WHEN m.valid_to IS NULL THEN NULL ELSE $3 END
    FROM device_user_mappings m
    WHERE m.device_id = $1 AND NOT EXISTS (
      SELECT 1 FROM device_seen_pins s WHERE s.device_id = $2 AND s.pin = m.device_pin)
    ON CONFLICT DO NOTHING";
const ADVANCE: &str = "
    UPDATE device_pins SET next_pin = (SELECT o.next_pin FROM device_pins o WHERE o.device_id = $1)
    WHERE device_id = $2 AND next_pin < (SELECT o.next_pin FROM device_pins o WHERE o.device_id = $1)";

/// Copies the PIN history of one terminal to another. The caller holds the lock of the former; nobody has seen the latter
/// yet, or the caller holds its lock too.
pub async fn inherit(tx: &mut Tx, from: DeviceId, to: DeviceId, now: Timestamp) -> Result<()> {
    pins::ensure_rows(tx, Some(to), None).await?;
    reconcile::lock(tx, Scope::Device(to)).await?;
    tx.execute(COPY, [from.into(), to.into(), now.into()]).await?;
    tx.execute(ADVANCE, [from.into(), to.into()]).await?;
    Ok(())
}
