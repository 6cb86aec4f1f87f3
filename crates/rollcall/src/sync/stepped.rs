//! The wall clock was stepped: times to come that were set by the old one mean nothing.

use jiff::{SignedDuration, Timestamp};

use super::deadline::later;
use crate::store::{Result, Tx};

const ANSWERS: &str = "
    UPDATE device_commands SET deadline_at = $1
    WHERE status = 'sent' OR (status = 'pending' AND deadline_at > $1)";
const STEPS: &str = "
    UPDATE reading_steps SET deadline_at = $1
    WHERE state = 'sent' OR (state = 'waiting' AND deadline_at > $1)";
const READINGS: &str = "UPDATE readings SET wake_at = $1 WHERE state = 'running' AND wake_at > $1";
const WISHES: &str = "UPDATE devices SET verify_at = $1 WHERE verify_at > $1";

/// Each wait for an answer begins again, and nothing that waits for its time waits longer than that.
pub(super) async fn reanchor(tx: &mut Tx, first_deadline: SignedDuration, now: Timestamp) -> Result<()> {
    let then = later(now, first_deadline);
    for waits in [ANSWERS, STEPS, READINGS, WISHES] {
        tx.execute(waits, [then.into()]).await?;
    }
    Ok(())
}
