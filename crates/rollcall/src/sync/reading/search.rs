//! People who were on a terminal before anything was written to it, where it lists nobody: PINs are tried.

use std::collections::BTreeSet;

use super::{ask::Row, gather};
use crate::{
    devices::DeviceId,
    store::{Result, Tx},
};

/// PINs beyond as many as the terminal counts that are tried: people leave, and their PINs stay free.
const BEYOND: i64 = 2;
/// All numbers up to this one are tried at least, and at most.
const LEAST: i64 = 1_000;
const MOST: i64 = 5_000;
/// PINs of nobody in a row, before anybody was told, after which no more are tried.
const NOBODY: i64 = 100;
/// Questions without any answer after which no more are asked.
const SILENT: i64 = 3;

const SEEN: &str = "SELECT pin FROM device_seen_pins WHERE device_id = $1 ORDER BY LENGTH(pin), pin";

/// Those that the terminal ever mentioned, its punches above all, and the low numbers that people give.
pub(super) async fn pins_to_try(tx: &mut Tx, device: DeviceId, row: &Row) -> Result<Vec<String>> {
    let seen: Vec<(String,)> = tx.all(SEEN, [device.into()]).await?;
    let seen: Vec<String> = seen.into_iter().map(|(pin,)| pin).collect();
    let known: BTreeSet<&String> = seen.iter().collect();
    let highest = row.counted.unwrap_or(0).saturating_mul(BEYOND).clamp(LEAST, MOST);
    let low: Vec<String> = (1..=highest).map(|pin| pin.to_string()).filter(|pin| !known.contains(pin)).collect();
    Ok(seen.into_iter().chain(low).collect())
}

const TRIED: &str = "
    SELECT COUNT(*) FILTER (WHERE state = 'answered'), COUNT(*) FILTER (WHERE state = 'silent') FROM reading_steps
    WHERE reading_id = $1 AND kind = 'person'";

/// As many were told as the terminal counts; or it tells nobody, or does not even answer.
pub(super) async fn is_over(tx: &mut Tx, device: DeviceId, row: &Row) -> Result<bool> {
    let told = gather::told_since(tx, device, row.began_event).await?;
    if told > 0 {
        return Ok(row.counted.is_some_and(|counted| told >= counted));
    }
    let (answered, silent): (i64, i64) = tx.one(TRIED, [row.id.into()]).await?;
    Ok(answered >= NOBODY || silent >= SILENT)
}
