//! What is history is forgotten when its time has come, a little at a time. What still decides something is no history: what
//! is under way, cards that a command may have left on a terminal, the last reading of each terminal.

use jiff::Timestamp;

use crate::store::{Result, Tx};

const COMMANDS: &str = "
    DELETE FROM device_commands WHERE id IN (
      SELECT id FROM device_commands WHERE status NOT IN ('pending', 'sent') AND card_number IS NULL
        AND COALESCE(completed_at, created_at) < $1 ORDER BY id LIMIT $2)";

/// Forgets so many commands that ended before then. Answers how many.
pub async fn forget_commands(tx: &mut Tx, before: Timestamp, at_most: u32) -> Result<u64> {
    tx.execute(COMMANDS, [before.into(), at_most.into()]).await
}

const READINGS: &str = "
    DELETE FROM readings WHERE id IN (
      SELECT r.id FROM readings r WHERE r.state <> 'running' AND r.finished_at < $1
        AND EXISTS (SELECT 1 FROM readings n WHERE n.device_id = r.device_id AND n.id > r.id AND n.state <> 'running')
      ORDER BY r.id LIMIT $2)";
const DRIFT: &str = "
    DELETE FROM device_drift WHERE id IN (SELECT id FROM device_drift WHERE ended_at < $1 ORDER BY id LIMIT $2)";

/// Forgets so many readings, and what readings found, that ended before then.
pub async fn forget_readings(tx: &mut Tx, before: Timestamp, at_most: u32) -> Result<u64> {
    let readings = tx.execute(READINGS, [before.into(), at_most.into()]).await?;
    Ok(readings + tx.execute(DRIFT, [before.into(), at_most.into()]).await?)
}
