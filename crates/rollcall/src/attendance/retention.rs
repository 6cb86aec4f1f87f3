//! Punches are kept for ever, unless somebody says how long.

use jiff::Timestamp;

use crate::store::{Result, Tx};

/// By when they were made: a terminal that tells its whole log again brings old ones back.
const PUNCHES: &str = "
    DELETE FROM punches WHERE id IN (SELECT id FROM punches WHERE punched_instant < $1 ORDER BY id LIMIT $2)";
const DAYS: &str = "
    DELETE FROM attendance_logs WHERE id IN (
      SELECT id FROM attendance_logs WHERE check_in_time < $1 ORDER BY id LIMIT $2)";

/// Forgets so many punches, and the days that they stand for, that were made before then. Answers how many.
pub async fn forget(tx: &mut Tx, before: Timestamp, at_most: u32) -> Result<u64> {
    let punches = tx.execute(PUNCHES, [before.into(), at_most.into()]).await?;
    Ok(punches + tx.execute(DAYS, [before.into(), at_most.into()]).await?)
}
