//! Punches of terminals that nobody registered: kept within bounds until somebody claims the terminal.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use push_protocol::text::Pin;

use super::{recorder::Upload, storing::FUTURE, wall_clock};
use crate::{
    devices::{DeviceId, zone},
    school::SchoolId,
    store::{Instant, Result, Tx, Value},
    sync::pins,
    webhooks::outbox,
};

/// Punches kept of one unregistered serial number. What comes beyond stays in the terminal.
pub const PER_SERIAL: usize = 10_000;

/// Uploads, by index, for which the quarantine has no room.
pub(super) async fn refused(tx: &mut Tx, uploads: &[&Upload]) -> Result<BTreeSet<usize>> {
    let strangers = || {
        let quarantined = |upload: &&Upload| upload.device.is_none() && !upload.punches.is_empty();
        uploads.iter().enumerate().filter(move |(_, upload)| quarantined(upload))
    };
    let serials: BTreeSet<&str> = strangers().map(|(_, upload)| upload.serial.as_str()).collect();
    if serials.is_empty() {
        return Ok(BTreeSet::new());
    }
    let kept = counts(tx, serials.into_iter()).await?;
    let room = |kept: i64| PER_SERIAL.saturating_sub(usize::try_from(kept).unwrap_or(0));
    let mut room: BTreeMap<String, usize> = kept.into_iter().map(|(serial, kept)| (serial, room(kept))).collect();
    let mut refused = BTreeSet::new();
    for (index, upload) in strangers() {
        let room = room.entry(upload.serial.to_string()).or_default();
        let mut wanted = upload.punches.len();
        if wanted > *room {
            // Near the limit it counts how much of the upload is there already: a repeat must not be refused.
            wanted = count_new(tx, upload).await?;
        }
        if wanted > *room {
            refused.insert(index);
        } else {
            *room -= wanted;
        }
    }
    Ok(refused)
}

const COUNTS: &str = "WITH v(serial_number) AS (VALUES {rows})
SELECT v.serial_number, (SELECT COUNT(*) FROM punches p WHERE p.serial_number = v.serial_number AND p.device_id IS NULL)
FROM v";

/// How many punches of each serial number are in quarantine.
pub async fn counts(tx: &mut Tx, serials: impl Iterator<Item = &str>) -> Result<BTreeMap<String, i64>> {
    let rows = serials.map(|serial| vec![serial.into()]).collect();
    Ok(tx.all_rows::<(String, i64)>(COUNTS, &[], rows).await?.into_iter().collect())
}

const COUNT_NEW: &str = "WITH v(pin, punched_at, status, verify, work_code) AS (VALUES {rows})
SELECT COUNT(*) FROM (SELECT DISTINCT v.pin, v.punched_at, v.status, v.verify, v.work_code FROM v
    WHERE NOT EXISTS (SELECT 1 FROM punches p WHERE p.serial_number = $1 AND p.pin = v.pin
        AND p.punched_at = v.punched_at AND p.status = v.status AND p.verify = v.verify AND p.work_code = v.work_code)
) AS new";

async fn count_new(tx: &mut Tx, upload: &Upload) -> Result<usize> {
    let rows = upload.punches.iter().map(|punch| {
        vec![
            punch.pin.as_str().into(),
            wall_clock::WallClock(punch.time).to_string().into(),
            punch.status.as_str().into(),
            punch.verify.as_str().into(),
            punch.work_code.as_str().into(),
        ]
    });
    let counts: Vec<(i64,)> = tx.all_rows(COUNT_NEW, &[upload.serial.as_str().into()], rows.collect()).await?;
    Ok(counts.iter().map(|(count,)| usize::try_from(*count).unwrap_or(0)).sum())
}

const PINS: &str = "SELECT DISTINCT pin FROM punches WHERE serial_number = $1 AND device_id IS NULL ORDER BY pin";

/// Remembers every PIN in the quarantine of a terminal that becomes known, so that none of them is given to a student.
/// To be called in the transaction that makes it known, before the first PIN is given.
pub async fn remember_pins(tx: &mut Tx, serial: &str, device: DeviceId) -> Result<()> {
    let pins: Vec<(String,)> = tx.all(PINS, [serial.into()]).await?;
    saw(tx, device, pins.into_iter().map(|(pin,)| pin)).await
}

async fn saw(tx: &mut Tx, device: DeviceId, pins: impl Iterator<Item = String>) -> Result<()> {
    let pins: BTreeSet<Pin> = pins.filter_map(|pin| Pin::parse(&pin).ok()).collect();
    if pins.is_empty() {
        return Ok(());
    }
    pins::saw(tx, device, &pins.into_iter().collect::<Vec<_>>()).await
}

/// A terminal that has just become known, or of which something is left in quarantine.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub serial: String,
    pub device: DeviceId,
    pub school: SchoolId,
    pub zone: TimeZone,
}

/// Punches released by one transaction.
const PAGE: i64 = 2_000;

const OLDEST: &str = "SELECT id, pin, punched_at, utc_offset_seconds, received_at FROM punches
WHERE serial_number = $1 AND device_id IS NULL ORDER BY id LIMIT $2";

const RELEASE: &str = "WITH v(id, punched_instant, is_from_future) AS (VALUES {rows})
UPDATE punches SET device_id = $1, school_id = $2, punched_instant = v.punched_instant, is_from_future = v.is_from_future
FROM v WHERE punches.id = v.id AND punches.device_id IS NULL
RETURNING punches.id";

/// Hands a page of the quarantined punches to the terminal's row, now that its zone is known. Owners are found by
/// [`super::attribute`]. Answers whether more may be left.
pub async fn release(tx: &mut Tx, claimed: &Claimed, now: Timestamp) -> Result<bool> {
    #[derive(sqlx::FromRow)]
    struct Kept {
        id: i64,
        pin: String,
        punched_at: String,
        utc_offset_seconds: Option<i64>,
        received_at: Instant,
    }
    let kept: Vec<Kept> = tx.all(OLDEST, [claimed.serial.as_str().into(), PAGE.into()]).await?;
    if kept.is_empty() {
        return Ok(false);
    }
    let rows: Vec<Vec<Value>> = kept
        .iter()
        .map(|punch| {
            let instant = instant(&punch.punched_at, punch.utc_offset_seconds, &claimed.zone);
            let is_from_future = instant.duration_since(punch.received_at.0) > FUTURE;
            vec![punch.id.into(), instant.into(), is_from_future.into()]
        })
        .collect();
    let more = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    // Another server may have released some just now, and told of them.
    let released: Vec<(i64,)> = tx.all_rows(RELEASE, &[claimed.device.into(), claimed.school.into()], rows).await?;
    outbox::punches(tx, released.into_iter().map(|(punch,)| (claimed.school, punch)), now).await?;
    saw(tx, claimed.device, kept.into_iter().map(|punch| punch.pin)).await?;
    Ok(more)
}

/// When a stored punch was made: by the offset that the terminal itself gave, else by its zone.
pub(super) fn instant(punched_at: &str, utc_offset_seconds: Option<i64>, zone: &TimeZone) -> Timestamp {
    let local: DateTime = punched_at.parse().unwrap_or(DateTime::ZERO);
    let offset = utc_offset_seconds.and_then(|seconds| i32::try_from(seconds).ok());
    wall_clock::instant(local, offset, Some(zone))
}

const LEFT: &str = "SELECT d.serial_number, d.id, d.school_id, d.timezone AS own, s.timezone AS of_school
FROM devices d JOIN schools s ON s.id = d.school_id
WHERE d.deleted_at IS NULL AND EXISTS (
    SELECT 1 FROM punches p WHERE p.serial_number = d.serial_number AND p.device_id IS NULL)";

/// Registered terminals of which punches are left in quarantine: the claim ended early, or an upload was on its way
/// while the terminal was claimed. `server` is the zone of schools that name none.
pub async fn left(tx: &mut Tx, server: &TimeZone) -> Result<Vec<Claimed>> {
    #[derive(sqlx::FromRow)]
    struct Left {
        serial_number: String,
        id: DeviceId,
        school_id: SchoolId,
        own: Option<String>,
        of_school: Option<String>,
    }
    let left: Vec<Left> = tx.all(LEFT, []).await?;
    let claimed = left.into_iter().map(|left| Claimed {
        zone: zone::of(left.own.as_deref(), left.of_school.as_deref(), server),
        serial: left.serial_number,
        device: left.id,
        school: left.school_id,
    });
    Ok(claimed.collect())
}
