//! Whom Rollcall had written when a terminal was registered before.
//!
//! Nothing is taken for true of it until it has been read ([`crate::sync::anew`]). Then whoever has the PIN of somebody of its
//! school, and his card or his name, is he again: if he left meanwhile, the guard counts him among those who would be removed.
//! The ledger forgets whoever is not there any more, and whoever stands under such a PIN is a stranger. The PINs stay theirs
//! (rule 1).

use std::collections::HashMap;

use super::{
    matching,
    people::{self, Found},
};
use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Result, Tx, Value},
};

/// How much the terminal has told of whom it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// It counts nobody.
    Nobody,
    /// Fewer than it counts, or it did not count.
    Some,
    Everybody,
}

#[derive(Debug, sqlx::FromRow)]
struct Written {
    student: StudentId,
    pin: String,
    name: String,
    card: Option<String>,
    belongs: bool,
    /// He was not seen to be gone.
    is_open: bool,
}

/// Whoever was linked since is known.
const WRITTEN: &str = "
    SELECT l.student_id AS student, l.device_pin AS pin, COALESCE(s.full_name, l.wanted_name, '') AS name,
      COALESCE(s.rfid_card_id, l.wanted_card) AS card,
      EXISTS (SELECT 1 FROM belonging b WHERE b.device_id = l.device_id AND b.student_id = l.student_id) AS belongs,
      l.is_wanted OR l.confirmed_version <> l.wanted_version AS is_open
    FROM device_user_sync_status l LEFT JOIN students s ON s.id = l.student_id
    WHERE l.device_id = $1 AND l.device_pin <> '' AND NOT l.is_held";
const HELD_AGAIN: &str = "
    WITH v(student_id, card_number) AS (VALUES {rows})
    UPDATE device_user_sync_status SET is_held = TRUE, held_card_number = v.card_number
    FROM v WHERE device_user_sync_status.device_id = (SELECT $1) AND device_user_sync_status.student_id = v.student_id";
const GONE: &str = "
    WITH v(student_id) AS (VALUES {rows})
    DELETE FROM device_user_sync_status WHERE device_id = $1 AND student_id IN (SELECT student_id FROM v)";

/// Writing begins: finds again who was written before.
pub(in crate::sync) async fn recognise(tx: &mut Tx, device: DeviceId, seen: Seen) -> Result<()> {
    let written: Vec<Written> = tx.all(WRITTEN, [device.into()]).await?;
    if written.is_empty() {
        return Ok(());
    }
    let charset = people::charset(tx, device).await?;
    let found = match seen {
        Seen::Nobody => Vec::new(),
        Seen::Some | Seen::Everybody => {
            let students = people::students(tx, device).await?;
            people::find(tx, device, &students).await?
        }
    };
    let by_pin: HashMap<&str, &Found> = found.iter().map(|found| (found.person.pin.as_str(), found)).collect();
    let (mut again, mut gone): (Vec<Vec<Value>>, Vec<Vec<Value>>) = (Vec::new(), Vec::new());
    for row in written {
        match by_pin.get(row.pin.as_str()) {
            // Whoever is kept is a stranger from now on, unless he belongs there anyway.
            Some(Found { person, decision, .. })
                if (row.belongs || decision.is_none())
                    && matching::agrees(person, &row.name, row.card.as_deref(), charset) =>
            {
                again.push(vec![row.student.into(), Some(person.card).filter(|card| *card > 0).into()]);
            }
            _ if row.belongs => {}
            // He may be there. The guard counts him.
            None if seen == Seen::Some && row.is_open => {
                again.push(vec![row.student.into(), Option::<i64>::None.into()]);
            }
            _ => gone.push(vec![row.student.into()]),
        }
    }
    tx.execute_rows(HELD_AGAIN, &[device.into()], again).await?;
    tx.execute_rows(GONE, &[device.into()], gone).await?;
    Ok(())
}
