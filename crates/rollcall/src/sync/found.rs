//! Whom a terminal says it holds, and what of that is not as the database wants it.

use super::adopt::others::has_stranger;
use crate::{
    devices::DeviceId,
    school::{StudentId, search},
    store::{Instant, Result, Tx},
};

/// The last reading of a whole terminal that has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, sqlx::FromRow)]
pub struct LastReading {
    /// As many people were told as the terminal counted.
    pub complete: bool,
    /// People that the terminal counted.
    pub counted: Option<i64>,
    pub read_at: Option<Instant>,
}

const LAST_READING: &str = "
    SELECT is_complete AS complete, counted, finished_at AS read_at FROM readings
    WHERE device_id = $1 AND scope = 'all' AND state <> 'running' ORDER BY id DESC LIMIT 1";

/// How much the last reading of a terminal is worth. Never read: not complete, and without a time.
pub async fn last_reading(tx: &mut Tx, device: DeviceId) -> Result<LastReading> {
    Ok(tx.optional(LAST_READING, [device.into()]).await?.unwrap_or_default())
}

/// Somebody on a terminal, as it said itself.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct HeldUser {
    pub pin: String,
    /// Empty when only a template or a picture proved him to be there.
    pub name: Option<String>,
    /// The card's number in decimal digits; empty without a card.
    #[sqlx(skip)]
    pub card: Option<String>,
    #[serde(skip)]
    card_number: Option<i64>,
    /// 14 is a super administrator of the terminal.
    pub privilege: Option<i64>,
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Instant,
    /// Whose PIN it is; empty for strangers.
    pub student_id: Option<StudentId>,
}

const USERS: &str = concat!(
    "SELECT u.pin, u.name, u.card_number, u.privilege, u.seen_at, m.student_id
    FROM terminal_users u
    LEFT JOIN device_user_mappings m ON m.device_id = u.device_id AND m.device_pin = u.pin
      AND NOT ",
    has_stranger!("u.device_id", "u.pin"),
    " WHERE u.device_id = $1 ORDER BY LENGTH(u.pin), u.pin LIMIT $2 OFFSET $3"
);
const USER_COUNT: &str = "SELECT COUNT(*) FROM terminal_users WHERE device_id = $1";

/// A page of the people whom a terminal said it holds, by PIN, and how many there are in all. `wanted` is a part of a name,
/// a PIN or a card; names are compared here, because no database takes accents for nothing.
pub async fn users(
    tx: &mut Tx,
    device: DeviceId,
    wanted: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<(Vec<HeldUser>, i64)> {
    let (read, skipped) = if wanted.is_some() { (i64::MAX, 0) } else { (limit, offset) };
    let mut rows: Vec<HeldUser> = tx.all(USERS, [device.into(), read.into(), skipped.into()]).await?;
    for row in &mut rows {
        row.card = row.card_number.filter(|card| *card > 0).map(|card| card.to_string());
    }
    if wanted.is_none() {
        let (total,) = tx.one(USER_COUNT, [device.into()]).await?;
        return Ok((rows, total));
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    rows.retain(|row| search::finds(wanted, &[&row.pin, &text(&row.name), &text(&row.card)]));
    let total = rows.len() as i64;
    let before = usize::try_from(offset).unwrap_or(usize::MAX);
    Ok((rows.into_iter().skip(before).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect(), total))
}

/// Something that a reading found and nothing has mended yet.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct Drifted {
    pub student_id: Option<StudentId>,
    pub device_pin: String,
    /// As the database has it; `null` for another school's student.
    pub full_name: Option<String>,
    /// `name` or `card`, where a field differs.
    pub field: Option<String>,
    pub ours: Option<String>,
    /// What the terminal said; a stranger's name.
    pub theirs: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub found_at: Instant,
    /// What is done about it, or why nothing is.
    pub words: Option<String>,
    #[serde(skip)]
    kind: String,
}

/// By what is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Drift {
    pub missing: Vec<Drifted>,
    pub different: Vec<Drifted>,
    pub strangers: Vec<Drifted>,
    pub extra: Vec<Drifted>,
}

/// Of a student, what stands in his way: why he failed, or that he is on his way. Of another school's student, because the
/// terminal came from there, neither what he is called nor what the terminal calls him; who went there from here is called what he
/// was here.
const DRIFT: &str = "
    SELECT r.student_id, r.device_pin, r.field, r.found_at, r.kind,
      CASE WHEN s.school_id = d.school_id THEN s.full_name
        WHEN l.school_id = d.school_id AND l.decision IS NULL THEN l.wanted_name END AS full_name,
      CASE WHEN s.school_id = d.school_id THEN r.ours END AS ours,
      CASE WHEN r.kind = 'stranger' OR (r.kind = 'different' AND s.school_id = d.school_id) THEN r.theirs END AS theirs,
      COALESCE(r.words, l.error_message, CASE
        WHEN l.sync_status IN ('pending', 'sent') AND r.kind = 'extra' THEN 'is being removed again'
        WHEN l.sync_status IN ('pending', 'sent') THEN 'is being written again'
        WHEN l.sync_status = 'synced' AND l.acknowledged_at < r.found_last_at THEN 'is written again with the next verification'
        WHEN l.sync_status IN ('synced', 'deleted') THEN 'acknowledged again, not verified yet' END) AS words
    FROM device_drift r
    JOIN devices d ON d.id = r.device_id
    LEFT JOIN students s ON s.id = r.student_id
    LEFT JOIN device_user_sync_status l ON l.device_id = r.device_id AND l.student_id = r.student_id
    WHERE r.device_id = $1 AND r.ended_at IS NULL ORDER BY LENGTH(r.device_pin), r.device_pin, r.field DESC, r.id";

/// What is known to be wrong on a terminal, by PIN.
pub async fn drift(tx: &mut Tx, device: DeviceId) -> Result<Drift> {
    let rows: Vec<Drifted> = tx.all(DRIFT, [device.into()]).await?;
    let mut drift = Drift::default();
    for row in rows {
        let list = match row.kind.as_str() {
            "missing" => &mut drift.missing,
            "different" => &mut drift.different,
            "stranger" => &mut drift.strangers,
            _ => &mut drift.extra,
        };
        list.push(row);
    }
    Ok(drift)
}
