//! The numbers of commands on the wire: one counter per device, 1 to 999,999,999, for commands and queries alike.

use std::collections::{BTreeMap, HashMap};

use push_protocol::command::CommandId;

use crate::{
    devices::DeviceId,
    store::{Result, Tx},
};

/// Numbers taken for some devices, handed out one by one.
pub(super) struct WireIds(HashMap<DeviceId, i64>);

const NEXT: &str = "
    WITH v(device_id) AS (VALUES {rows})
    SELECT p.device_id, p.next_wire_id FROM v JOIN device_pins p ON p.device_id = v.device_id";
const ADVANCE: &str = "
    WITH v(device_id, next_wire_id) AS (VALUES {rows})
    UPDATE device_pins SET next_wire_id = v.next_wire_id FROM v WHERE device_pins.device_id = v.device_id";

/// Takes as many numbers as told for each device. The caller holds the locks of the devices.
pub(super) async fn take(tx: &mut Tx, wanted: &BTreeMap<DeviceId, i64>) -> Result<WireIds> {
    let devices = wanted.keys().map(|device| vec![(*device).into()]).collect();
    let next: Vec<(DeviceId, i64)> = tx.all_rows(NEXT, &[], devices).await?;
    let advanced = next
        .iter()
        .map(|(device, next)| vec![(*device).into(), wrap(next + wanted.get(device).copied().unwrap_or(0)).into()])
        .collect();
    tx.execute_rows(ADVANCE, &[], advanced).await?;
    Ok(WireIds(next.into_iter().collect()))
}

impl WireIds {
    pub(super) fn next(&mut self, device: DeviceId) -> i64 {
        let next = self.0.entry(device).or_insert(1);
        let taken = wrap(*next);
        *next = taken + 1;
        taken
    }
}

/// The number as the wire knows it.
pub(super) fn command_id(wire_id: i64) -> Option<CommandId> {
    u32::try_from(wire_id).ok().and_then(CommandId::new)
}

fn wrap(id: i64) -> i64 {
    (id - 1).rem_euclid(i64::from(CommandId::MAX)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_7_after_the_highest_number_comes_one() {
        let mut ids = WireIds(HashMap::from([(DeviceId(1), 999_999_999)]));
        assert_eq!([ids.next(DeviceId(1)), ids.next(DeviceId(1)), ids.next(DeviceId(1))], [999_999_999, 1, 2]);
    }
}
