//! How access units answer a question: with packets of a table, or with a count, each under the number of the command and
//! apart from its result (SEC4.8 §12.1). Packets may come twice, and in any order.

use jiff::Timestamp;
use push_protocol::request::{Packet, is_whole};

use crate::{
    devices::DeviceId,
    store::{Result, Tx},
    sync::{
        capacity, pins,
        reconcile::{self, Scope},
        start::{self, Told},
    },
};

const ARRIVED: &str = "
    INSERT INTO reading_packets (reading_id, wire_id, packet_index, packet_count, rows_told, rows_announced)
    SELECT s.reading_id, s.wire_id, CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS BIGINT)
    FROM reading_steps s WHERE s.device_id = $1 AND s.wire_id = $2 AND s.kind = 'list'
    ON CONFLICT (reading_id, wire_id, packet_index) DO UPDATE SET packet_count = excluded.packet_count,
      rows_told = excluded.rows_told, rows_announced = excluded.rows_announced";

/// A packet has arrived; its rows are kept in the same transaction. One that answers no question of a reading is nothing.
pub(super) async fn arrived(tx: &mut Tx, device: DeviceId, wire_id: i64, packet: Packet) -> Result<()> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let values = [
        device.into(),
        wire_id.into(),
        number(packet.index).into(),
        number(packet.of).into(),
        number(packet.rows).into(),
        packet.announced.map(number).into(),
    ];
    tx.execute(ARRIVED, values).await?;
    Ok(())
}

#[derive(Debug, sqlx::FromRow)]
struct Row {
    packet_index: i64,
    packet_count: i64,
    rows_told: i64,
    rows_announced: Option<i64>,
}

const ASKED: &str = "
    SELECT wire_id, return_code FROM reading_steps WHERE reading_id = $1 AND kind = 'list' AND wire_id IS NOT NULL
    ORDER BY asked_event DESC LIMIT 1";
const PACKETS: &str = "
    SELECT packet_index, packet_count, rows_told, rows_announced FROM reading_packets
    WHERE reading_id = $1 AND wire_id = $2";

/// Whether the table that a reading asked for last is all there.
pub(super) async fn are_all(tx: &mut Tx, reading: i64) -> Result<bool> {
    let Some((wire_id, Some(returned))): Option<(i64, Option<i64>)> = tx.optional(ASKED, [reading.into()]).await?
    else {
        return Ok(false);
    };
    let rows: Vec<Row> = tx.all(PACKETS, [reading.into(), wire_id.into()]).await?;
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let packets: Vec<Packet> = rows
        .iter()
        .map(|row| Packet {
            index: number(row.packet_index),
            of: number(row.packet_count),
            rows: number(row.rows_told),
            announced: row.rows_announced.map(number),
        })
        .collect();
    Ok(is_whole(&packets, returned))
}

const COUNTED: &str = "
    UPDATE reading_steps SET counted = $3 WHERE device_id = $1 AND wire_id = $2 AND kind = 'count' RETURNING reading_id";
const COUNT: &str = "UPDATE readings SET counted = $2, wake_at = NULL WHERE id = $1 AND state = 'running'";

/// How many people the unit holds, in answer to this command.
pub async fn counted(tx: &mut Tx, device: DeviceId, wire_id: i64, count: u32, now: Timestamp) -> Result<()> {
    pins::ensure_rows(tx, Some(device), None).await?;
    reconcile::lock(tx, Scope::Device(device)).await?;
    let values = [device.into(), wire_id.into(), i64::from(count).into()];
    if let Some((reading,)) = tx.optional::<(i64,), 3>(COUNTED, values).await? {
        tx.execute(COUNT, [reading.into(), i64::from(count).into()]).await?;
    }
    capacity::counted(tx, device, count, now).await?;
    start::proceed(tx, device, Told::Count(count), now).await?;
    Ok(())
}
