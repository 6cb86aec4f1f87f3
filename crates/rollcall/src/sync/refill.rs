//! A terminal that counts nobody is refilled at once. One that is found empty again, and showed nobody in between, may keep
//! nobody, or count wrongly for ever: it is refilled with the next verification, and given up after three refills in vain.

use super::{reading::Cause, repair::REPAIRS};
use crate::{
    devices::DeviceId,
    store::{Result, Tx},
};

/// When a terminal is refilled that counts nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refill {
    /// It held people before: it was wiped.
    AtOnce,
    /// The refill before was in vain, and this is another verification.
    Again,
    /// The refill before was in vain.
    Later,
}

/// It was found empty, and told of nobody and counted nobody ever since.
const IN_VAIN: &str = "
    SELECT EXISTS (SELECT 1 FROM readings w
        WHERE w.device_id = $1 AND w.state = 'done' AND w.counted = 0 AND w.told = 0 AND w.missing > 0
          AND NOT EXISTS (SELECT 1 FROM readings s WHERE s.device_id = w.device_id AND s.id > w.id
            AND (s.counted > 0 OR s.told > 0)))
      AND NOT EXISTS (SELECT 1 FROM device_user_sync_status l WHERE l.device_id = $1 AND l.is_wanted
        AND l.verified_version = l.wanted_version)";

impl Refill {
    /// Asked before what the reading found is written down. A reading that begins with a count does so because the
    /// terminal's polls counted otherwise before, or its log says that all were deleted.
    pub(super) async fn of(tx: &mut Tx, device: DeviceId, cause: Cause) -> Result<Refill> {
        if cause == Cause::Count {
            return Ok(Refill::AtOnce);
        }
        let (is_in_vain,): (bool,) = tx.one(IN_VAIN, [device.into()]).await?;
        Ok(match cause {
            _ if !is_in_vain => Refill::AtOnce,
            Cause::Schedule | Cause::Asked => Refill::Again,
            _ => Refill::Later,
        })
    }

    /// How many repairs somebody may have had and still be written.
    pub(super) fn limit(self) -> i64 {
        match self {
            Refill::AtOnce => i64::MAX,
            Refill::Again => REPAIRS,
            Refill::Later => 0,
        }
    }
}

const LEFT: &str = "
    SELECT COUNT(*) FROM device_user_sync_status WHERE device_id = $1 AND is_wanted AND failed_version <> wanted_version";
/// A look at what was just repaired is a part of the verification that found it.
const SAY: &str = "
    UPDATE readings SET words = $2 WHERE id = (
      SELECT MAX(id) FROM readings WHERE device_id = $1 AND scope = 'all' AND cause <> 'repair')";

/// Says of a terminal's last verification why it is not refilled now.
pub(super) async fn say(tx: &mut Tx, device: DeviceId) -> Result<()> {
    let (left,): (i64,) = tx.one(LEFT, [device.into()]).await?;
    let words = if left > 0 {
        "the terminal counts nobody although it was refilled: it is refilled with the next verification"
    } else {
        "the terminal keeps nobody, however often it is refilled: when it is mended, send all students again"
    };
    tx.execute(SAY, [device.into(), words.into()]).await?;
    Ok(())
}
