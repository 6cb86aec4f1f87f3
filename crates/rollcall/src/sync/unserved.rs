//! A terminal that was switched off or deleted is handed nothing, so what waits for it ends. The ledger keeps what is
//! wanted: when the terminal is served again, reconciling queues it anew.

use jiff::Timestamp;

use super::reconcile::{self, Scope};
use crate::{
    devices::DeviceId,
    store::{Db, Result, Tx},
};

/// What was handed out may still be answered until its deadline.
const END: &str = "
    UPDATE device_commands SET status = 'superseded', completed_at = $2, deadline_at = NULL,
      error_message = 'the terminal was switched off or deleted'
    WHERE device_id = $1 AND (status = 'pending' OR (status = 'sent' AND deadline_at <= $2))
      AND NOT EXISTS (SELECT 1 FROM devices d WHERE d.id = $1 AND d.is_active AND d.deleted_at IS NULL)";
/// What was not answered is not sent any more.
const UNSEND: &str = "
    UPDATE device_user_sync_status SET sent_version = 0, updated_at = $2
    WHERE device_id = $1 AND sent_version = wanted_version AND confirmed_version <> wanted_version
      AND NOT EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = device_user_sync_status.device_id
        AND c.student_id = device_user_sync_status.student_id AND c.status IN ('pending', 'sent'))";

/// Ends what waits for a terminal, unless it is served. Call it in the transaction that changes that.
pub async fn end(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    reconcile::lock(tx, Scope::Device(device)).await?;
    if tx.execute(END, [device.into(), now.into()]).await? > 0 {
        tx.execute(UNSEND, [device.into(), now.into()]).await?;
    }
    Ok(())
}

const WAITED_FOR: &str = "
    SELECT d.id FROM devices d
    WHERE NOT (d.is_active AND d.deleted_at IS NULL) AND EXISTS (
      SELECT 1 FROM device_commands c WHERE c.device_id = d.id AND c.status IN ('pending', 'sent')
        AND (c.status = 'pending' OR c.deadline_at <= $1))
    ORDER BY d.id";

/// Ends what waits in vain although nobody called [`end`]: another program switched the terminal off, or what it had been
/// handed before was not answered.
pub async fn tick(db: &Db, now: Timestamp) -> Result<()> {
    let mut tx = db.read().await?;
    let devices: Vec<(DeviceId,)> = tx.all(WAITED_FOR, [now.into()]).await?;
    drop(tx);
    for (device,) in devices {
        let mut tx = db.write().await?;
        end(&mut tx, device, now).await?;
        tx.commit().await?;
    }
    Ok(())
}
