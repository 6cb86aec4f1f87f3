//! The order of what happens on a terminal: a number per device that only grows. Clocks are stepped, of servers and of
//! terminals alike; this is not.

use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Result, Tx, Value},
};

const NEXT: &str = "UPDATE device_pins SET event = event + $2 WHERE device_id = $1 RETURNING event";

/// Takes so many numbers and answers the first. The caller holds the device's lock.
pub(super) async fn next(tx: &mut Tx, device: DeviceId, how_many: i64) -> Result<i64> {
    let (last,): (i64,) = tx.one(NEXT, [device.into(), how_many.into()]).await?;
    Ok(last - how_many + 1)
}

const WROTE: &str = "
    WITH v(student_id) AS (VALUES {rows})
    UPDATE device_user_sync_status SET written_event = $2
    FROM v WHERE device_user_sync_status.device_id = (SELECT $1) AND device_user_sync_status.student_id = v.student_id";

/// Commands for these students leave now, or their results have come: what is asked of them from now on is asked later.
pub(super) async fn wrote(tx: &mut Tx, device: DeviceId, students: impl Iterator<Item = StudentId>) -> Result<()> {
    let rows: Vec<Vec<Value>> = students.map(|student| vec![student.into()]).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let at = next(tx, device, 1).await?;
    tx.execute_rows(WROTE, &[device.into(), at.into()], rows).await?;
    Ok(())
}
