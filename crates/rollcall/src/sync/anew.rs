//! A terminal that was registered before comes back, maybe in another school: nobody knows what happened to it meanwhile, and
//! whom it held then is none of the new school's business.
//!
//! The ledger and the PIN history stay, because they say whom it may hold still and which PINs are never given again.

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

/// Nothing that the terminal told of its people counts any more: it is read again as if it never had been.
pub async fn begin(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    reconcile::lock(tx, Scope::Device(device)).await?;
    tx.execute(FORGET_PEOPLE, [device.into()]).await?;
    tx.execute(FORGET_READINGS, [device.into()]).await?;
    tx.execute(END_DRIFT, [device.into(), now.into()]).await?;
    Ok(())
}
