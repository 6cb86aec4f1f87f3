//! The database is that of a former time: it came back from a backup, and terminals have lived on since.
//!
//! A terminal may hold people whom nobody here has ever written, may still answer commands that nobody here remembers, and
//! has had punches acknowledged that are not here. So nothing that is under way counts any more, numbers of commands and PINs
//! go on far from those that were given meanwhile, every terminal is asked for its whole log, and is read back.

use jiff::Timestamp;
use rand::RngExt as _;

use super::reading::{self, Cause};
use crate::store::{Result, Tx};

/// What followed from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Restored {
    /// Terminals that are read back.
    pub terminals: usize,
    /// Commands that were under way and are queued anew.
    pub withdrawn: u64,
}

/// No terminal was given so many commands between two backups.
const FAR: i64 = 10_000_000;

/// How far the numbers of commands jump. Random, so that two restores of one backup do not meet.
pub fn jump() -> i64 {
    rand::rng().random_range(FAR..10 * FAR)
}

const JUMP: &str = "UPDATE device_pins SET next_wire_id = (next_wire_id + $1 - 1) % 999999999 + 1";
/// PINs that were given meanwhile are other people's.
const LEAVE_PINS_OUT: &str = "
    UPDATE device_pins SET next_pin = next_pin + CASE
      WHEN (SELECT COALESCE(d.pin_width, 9) FROM devices d WHERE d.id = device_pins.device_id) > 5 THEN 10000 ELSE 500 END";
const WITHDRAW: &str = "
    UPDATE device_commands SET status = 'superseded', completed_at = $1, deadline_at = NULL,
      error_message = 'the database came back from a backup'
    WHERE status IN ('pending', 'sent')";
const UNSENT: &str = "
    UPDATE device_user_sync_status SET sent_version = 0, updated_at = $1
    WHERE sent_version = wanted_version AND confirmed_version <> wanted_version";
const UNVERIFIED: &str = "UPDATE device_user_sync_status SET verified_version = 0 WHERE verified_version <> 0";
const END_READINGS: &str = "
    UPDATE readings SET state = 'inconclusive', finished_at = $1, wake_at = NULL,
      words = 'the database came back from a backup'
    WHERE state = 'running'";
const BATCHES: &str = "UPDATE device_delivery SET batch_is_judged = TRUE WHERE NOT batch_is_judged";
const DEVICES: &str = "
    UPDATE devices SET is_online = FALSE, log_request = 'wanted', verify_at = NULL, updated_at = $1
    WHERE deleted_at IS NULL";

/// To be done once, before a server works with a database that came back. The watch queues what is missing.
pub async fn restored(tx: &mut Tx, jump: i64, now: Timestamp) -> Result<Restored> {
    tx.execute(JUMP, [jump.into()]).await?;
    tx.execute(LEAVE_PINS_OUT, []).await?;
    let withdrawn = tx.execute(WITHDRAW, [now.into()]).await?;
    tx.execute(UNSENT, [now.into()]).await?;
    tx.execute(UNVERIFIED, []).await?;
    tx.execute(END_READINGS, [now.into()]).await?;
    tx.execute(BATCHES, []).await?;
    tx.execute(DEVICES, [now.into()]).await?;
    let terminals = reading::want_everywhere(tx, Cause::Schedule, now).await?.len();
    Ok(Restored { terminals, withdrawn })
}
