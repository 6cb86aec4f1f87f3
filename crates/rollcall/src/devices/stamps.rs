//! Upload positions (MAN3.2 §2.4.1): what a terminal said in its last accepted upload of a table is said back to it in its
//! next handshake. They are echoes, never identities: punches are recognised by their content.

use std::collections::BTreeMap;

use crate::store::{Result, Tx, Value};

use super::DeviceId;

/// What the handshake of a terminal echoes; `None` = it has not told yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stamps {
    pub punches: Option<String>,
    pub operations: Option<String>,
    pub photos: Option<String>,
}

const OF_DEVICE: &str = "SELECT table_name, stamp FROM device_stamps WHERE device_id = $1";

pub async fn of(tx: &mut Tx, device: DeviceId) -> Result<Stamps> {
    let rows: Vec<(String, String)> = tx.all(OF_DEVICE, [device.into()]).await?;
    let mut stamps = Stamps::default();
    for (table, stamp) in rows {
        match table.as_str() {
            "ATTLOG" => stamps.punches = Some(stamp),
            "OPERLOG" => stamps.operations = Some(stamp),
            "ATTPHOTO" => stamps.photos = Some(stamp),
            _ => {}
        }
    }
    Ok(stamps)
}

const FORGET: &str = "DELETE FROM device_stamps WHERE device_id = $1 AND table_name = $2";

/// From the next handshake on the terminal is told that nothing of a table has arrived, until it uploads again.
pub async fn forget(tx: &mut Tx, device: DeviceId, table: &str) -> Result<()> {
    tx.execute(FORGET, [device.into(), table.into()]).await?;
    Ok(())
}

const KEEP: &str = "
WITH v(device_id, table_name, stamp) AS (VALUES {rows})
INSERT INTO device_stamps (device_id, table_name, stamp)
SELECT device_id, table_name, stamp FROM v WHERE TRUE
ON CONFLICT (device_id, table_name) DO UPDATE SET stamp = excluded.stamp
WHERE device_stamps.stamp <> excluded.stamp";

/// Keeps the stamp of an accepted upload, in the transaction that accepts it.
pub async fn keep(tx: &mut Tx, device: DeviceId, table: &str, stamp: &str) -> Result<()> {
    keep_all(tx, &BTreeMap::from([((device, table), stamp)])).await
}

/// As [`keep`], for uploads of several terminals.
pub async fn keep_all(tx: &mut Tx, stamps: &BTreeMap<(DeviceId, &str), &str>) -> Result<()> {
    let plausible = stamps.iter().filter(|((_, table), stamp)| is_plausible(table) && is_plausible(stamp));
    let rows: Vec<Vec<Value>> =
        plausible.map(|((device, table), stamp)| vec![(*device).into(), (*table).into(), (*stamp).into()]).collect();
    tx.execute_rows(KEEP, &[], rows).await?;
    Ok(())
}

/// Stamps go back into a line of the handshake: a line end in one would add a line of the terminal's choosing.
pub fn is_plausible(text: &str) -> bool {
    !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_graphic())
}
