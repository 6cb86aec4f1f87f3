//! A terminal that was registered before comes back, maybe in another school: nobody knows what happened to it meanwhile, and
//! whom it held then is none of the new school's business.
//!
//! What the ledger says of the school's own students stays, because they may be there still ([`super::adopt::former`]), and so
//! does the PIN history, because it says which PINs are never given again.

use jiff::Timestamp;

use super::reconcile::{self, Scope};
use crate::{
    devices::DeviceId,
    store::{Result, Tx},
};

const FORGET_PEOPLE: &str = "DELETE FROM terminal_users WHERE device_id = $1";
/// Their questions and packets go with them.
const FORGET_READINGS: &str = "DELETE FROM readings WHERE device_id = $1";
const END_DRIFT: &str = "UPDATE device_drift SET ended_at = $2 WHERE device_id = $1 AND ended_at IS NULL";
const FORGET_ANOTHER_SCHOOL: &str = "
    DELETE FROM device_user_sync_status
    WHERE device_id = $1 AND school_id <> (SELECT d.school_id FROM devices d WHERE d.id = $1)
      AND NOT EXISTS (SELECT 1 FROM belonging b WHERE b.device_id = $1 AND b.student_id = device_user_sync_status.student_id)";
/// There is no former card any more that somebody wanted to see first.
const FORGET_HELD: &str = "
    UPDATE device_user_sync_status SET is_held = FALSE, held_card_number = NULL, written_event = 0,
      wanted_card_number = NULL, card_change_wanted_at = NULL, decision = CASE WHEN NOT is_wanted THEN decision END,
      decided_at = CASE WHEN NOT is_wanted THEN decided_at END
    WHERE device_id = $1";

/// Nothing that the terminal told of its people counts any more, nor what it held: it is read as if it never had been.
pub async fn begin(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    reconcile::lock(tx, Scope::Device(device)).await?;
    tx.execute(FORGET_PEOPLE, [device.into()]).await?;
    tx.execute(FORGET_READINGS, [device.into()]).await?;
    tx.execute(END_DRIFT, [device.into(), now.into()]).await?;
    tx.execute(FORGET_ANOTHER_SCHOOL, [device.into()]).await?;
    tx.execute(FORGET_HELD, [device.into()]).await?;
    Ok(())
}
