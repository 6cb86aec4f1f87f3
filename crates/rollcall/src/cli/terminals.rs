//! Devices as the command line knows them: by serial number.

use anyhow::Context as _;

use crate::{
    devices::DeviceId,
    school::SchoolId,
    store::{Instant, Tx},
};

/// A registered terminal with what a person wants to know first.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Terminal {
    pub id: DeviceId,
    pub school_id: SchoolId,
    pub serial_number: String,
    pub device_name: String,
    pub school_name: String,
    pub is_active: bool,
    pub is_online: bool,
    pub last_seen: Option<Instant>,
    pub start_state: String,
    pub user_count: Option<i64>,
    pub user_capacity: Option<i64>,
    pub suspicion: Option<String>,
}

const TERMINALS: &str = "
    SELECT d.id, d.school_id, d.serial_number, d.device_name, s.name AS school_name, d.is_active, d.is_online, d.last_seen,
      d.start_state, d.user_count, d.user_capacity, d.suspicion
    FROM devices d JOIN schools s ON s.id = d.school_id
    WHERE d.deleted_at IS NULL AND (CAST($1 AS TEXT) IS NULL OR d.serial_number = $1)
    ORDER BY s.name, d.device_name, d.id";

pub(super) async fn all(tx: &mut Tx) -> anyhow::Result<Vec<Terminal>> {
    Ok(tx.all(TERMINALS, [None::<String>.into()]).await?)
}

pub(super) async fn by_serial(tx: &mut Tx, serial: &str) -> anyhow::Result<Terminal> {
    tx.optional(TERMINALS, [serial.into()])
        .await?
        .with_context(|| format!("no terminal with serial number {serial} is registered"))
}
