//! Whose punch it is: the student who held the PIN on that terminal at that moment.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Result, Tx},
    sync::pins::Holder,
};

/// How far before a PIN was given a punch may be dated, because the terminal's clock may be slow. Never more: an earlier
/// punch with this PIN was somebody else's.
const SLOW_CLOCK: SignedDuration = SignedDuration::from_mins(15);

/// The holder's, if he held the PIN at that moment.
pub(super) fn owner(holder: &Holder, punched: Timestamp) -> Option<StudentId> {
    let had_it_already = holder.valid_from.0.duration_since(punched) <= SLOW_CLOCK;
    let still_had_it = holder.valid_to.is_none_or(|valid_to| punched <= valid_to.0);
    (had_it_already && still_had_it).then_some(holder.student_id)
}

const HOLDERS: &str = "WITH v(device_id, device_pin) AS (VALUES {rows})
SELECT m.device_id, m.device_pin, m.student_id, m.valid_from, m.valid_to
FROM v JOIN device_user_mappings m ON m.device_id = v.device_id AND m.device_pin = v.device_pin";

/// Who holds or held these PINs, on several terminals at once.
pub(super) async fn holders(
    tx: &mut Tx,
    pins: &BTreeSet<(DeviceId, &str)>,
) -> Result<HashMap<(DeviceId, String), Holder>> {
    #[derive(sqlx::FromRow)]
    struct Held {
        device_id: DeviceId,
        #[sqlx(flatten)]
        holder: Holder,
    }
    let rows: Vec<_> = pins.iter().map(|(device, pin)| vec![(*device).into(), (*pin).into()]).collect();
    let held: Vec<Held> = tx.all_rows(HOLDERS, &[], rows).await?;
    Ok(held.into_iter().map(|held| ((held.device_id, held.holder.device_pin.clone()), held.holder)).collect())
}
