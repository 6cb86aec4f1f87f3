//! People on a terminal who are nobody of the roster, as far as they stand in the way of somebody who is.

use std::collections::BTreeMap;

use crate::{
    devices::DeviceId,
    school::search::fold,
    store::{Result, Tx, Value},
};

/// Somebody on a terminal whom Rollcall did not write.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Other {
    #[sqlx(rename = "device_id")]
    pub(in crate::sync) device: DeviceId,
    pub pin: String,
    pub name: String,
    /// As names are compared. Everybody new is compared with everybody there, so it is folded once.
    #[sqlx(skip)]
    pub folded: String,
    /// 0: none.
    pub card: i64,
    /// He may be one of the students, and an admin has not said yet.
    pub is_undecided: bool,
}

impl Other {
    /// For tests of what it leads to.
    #[cfg(test)]
    pub(in crate::sync) fn new(pin: &str, name: &str, card: i64) -> Other {
        let (pin, name, folded) = (pin.to_owned(), name.to_owned(), fold(name));
        Other { device: DeviceId(1), pin, name, folded, card, is_undecided: false }
    }
}

/// A reading found a stranger under this PIN of this terminal, and none since has shown that he is gone.
macro_rules! has_stranger {
    ($device:literal, $pin:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM device_drift w WHERE w.device_id = ",
            $device,
            " AND w.device_pin = ",
            $pin,
            " AND w.kind = 'stranger' AND w.ended_at IS NULL LIMIT 1 OFFSET 0)"
        )
    };
}
pub(in crate::sync) use has_stranger;

/// Of somebody `u` on a terminal and the ledger's row `l` of his PIN: Rollcall did not write him, or a reading found him after
/// the one whom it had written was gone.
macro_rules! is_other {
    () => {
        concat!(
            "(l.id IS NULL OR (NOT l.is_held AND (l.written_event = 0 OR ",
            $crate::sync::adopt::others::has_stranger!("u.device_id", "u.pin"),
            ")))"
        )
    };
}
pub(in crate::sync) use is_other;

macro_rules! others {
    ($undecided:literal, $from:literal) => {
        concat!(
            "SELECT u.device_id, u.pin, COALESCE(u.name, '') AS name, COALESCE(u.card_number, 0) AS card, ",
            $undecided,
            " AS is_undecided FROM ",
            $from,
            " LEFT JOIN device_user_sync_status l ON l.device_id = u.device_id AND l.device_pin = u.pin
             WHERE u.told_event > 0 AND ",
            is_other!()
        )
    };
}
const WITH_CARD: &str = concat!(
    "WITH v(device_id, card_number) AS (VALUES {rows}) ",
    others!(
        "FALSE",
        "v JOIN terminal_users u ON u.device_id = v.device_id AND u.card_number = v.card_number AND u.card_number > 0"
    )
);
const WITH_PIN: &str = concat!(
    "WITH v(device_id, pin) AS (VALUES {rows}) ",
    others!("FALSE", "v JOIN terminal_users u ON u.device_id = v.device_id AND u.pin = v.pin")
);
/// Where students are linked, whoever may be one of them is waited for.
const UNDECIDED: &str = concat!(
    "WITH v(device_id) AS (VALUES {rows}) ",
    others!(
        "TRUE",
        "v JOIN devices d ON d.id = v.device_id AND d.takeover = 'link_cards'
         JOIN terminal_users u ON u.device_id = v.device_id"
    ),
    " AND NOT EXISTS (SELECT 1 FROM device_drift f WHERE f.device_id = u.device_id AND f.device_pin = u.pin
        AND f.kind = 'stranger' AND f.ended_at IS NULL AND f.decision IS NOT NULL)"
);

/// Somebody who is about to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Newcomer {
    pub device: DeviceId,
    pub pin: String,
    pub card: Option<i64>,
}

/// Whoever has one of these PINs or cards on the terminals, or may be one of the students.
pub async fn in_the_way(tx: &mut Tx, newcomers: &[Newcomer]) -> Result<BTreeMap<DeviceId, Vec<Other>>> {
    let card =
        |newcomer: &Newcomer| -> Option<Vec<Value>> { Some(vec![newcomer.device.into(), newcomer.card?.into()]) };
    let mut others: Vec<Other> = tx.all_rows(WITH_CARD, &[], newcomers.iter().filter_map(card).collect()).await?;
    let pins = newcomers.iter().map(|newcomer| vec![newcomer.device.into(), newcomer.pin.clone().into()]);
    others.extend(tx.all_rows::<Other>(WITH_PIN, &[], pins.collect()).await?);
    let mut devices: Vec<DeviceId> = newcomers.iter().map(|newcomer| newcomer.device).collect();
    devices.dedup();
    others.extend(
        tx.all_rows::<Other>(UNDECIDED, &[], devices.iter().map(|device| vec![(*device).into()]).collect()).await?,
    );
    let mut by_device: BTreeMap<DeviceId, Vec<Other>> = BTreeMap::new();
    for mut other in others {
        other.folded = fold(&other.name);
        by_device.entry(other.device).or_default().push(other);
    }
    Ok(by_device)
}
