//! The zone of a terminal was set or corrected: the punches that it brought before are dated anew.
//!
//! A punch is stored as the terminal's clock showed it, and beside that with the instant which this was in the zone of then.
//! The instant decides whose a punch is: one that a wrong zone puts before its student got his PIN is nobody's. What people
//! are shown, and who was late, goes by the terminal's clock and is the same in every zone.
//!
//! `devices.dated_in` says in which zone punches are dated, so that whoever changes a zone, SQL too, need not say so here;
//! `devices.redate_at` says that they are to be dated anew and since when every server knows the zone. Both outlive a server,
//! and whoever does it twice, or beside another server, changes nothing more.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

use super::{
    days::{self, Arrival},
    quarantine,
    storing::FUTURE,
};
use crate::{
    devices::{DeviceId, zone},
    school::{SchoolId, StudentId},
    store::{Db, Instant, Result, Tx, Value},
};

/// After this no server takes a terminal's punches in its former zone any more: each reads every few seconds what changed.
const KNOWN_EVERYWHERE: SignedDuration = SignedDuration::from_mins(1);

/// Terminals whose zone is noticed by one tick.
const NOTICED: i64 = 1_000;

const CHANGED: &str = "
SELECT d.id FROM devices d JOIN schools s ON s.id = d.school_id
WHERE d.deleted_at IS NULL AND d.dated_in IS DISTINCT FROM COALESCE(d.timezone, s.timezone, '')
ORDER BY d.id LIMIT $1";

/// `updated_at` has every server read the terminal again, however many there are.
const NOTICE: &str = "
UPDATE devices SET dated_in = COALESCE(devices.timezone, s.timezone, ''), redate_at = $2, updated_at = $3
FROM schools s
WHERE devices.id = $1 AND s.id = devices.school_id
  AND devices.dated_in IS DISTINCT FROM COALESCE(devices.timezone, s.timezone, '')";

/// Looks for terminals that have another zone than their punches are dated in. Schools without a zone go by the server's, whose
/// change is none of theirs.
pub(super) async fn notice(db: &Db, now: Timestamp) -> Result<()> {
    let mut tx = db.read().await?;
    let changed: Vec<(DeviceId,)> = tx.all(CHANGED, [NOTICED.into()]).await?;
    drop(tx);
    let redate_at = now + KNOWN_EVERYWHERE;
    for (device,) in changed {
        let mut tx = db.write().await?;
        tx.execute(NOTICE, [device.into(), redate_at.into(), now.into()]).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// A terminal whose punches are to be dated anew.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub device: DeviceId,
    school: SchoolId,
    zone: TimeZone,
    redate_at: Instant,
}

const DUE: &str = "
SELECT d.id, d.school_id, d.timezone AS own, s.timezone AS of_school, d.redate_at
FROM devices d JOIN schools s ON s.id = d.school_id
WHERE d.redate_at <= $1 ORDER BY d.id";

/// `server` is the zone of schools that name none.
pub(super) async fn due(db: &Db, server: &TimeZone, now: Timestamp) -> Result<Vec<Due>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        id: DeviceId,
        school_id: SchoolId,
        own: Option<String>,
        of_school: Option<String>,
        redate_at: Instant,
    }
    let mut tx = db.read().await?;
    let rows: Vec<Row> = tx.all(DUE, [now.into()]).await?;
    let due = rows.into_iter().map(|row| Due {
        device: row.id,
        school: row.school_id,
        zone: zone::of(row.own.as_deref(), row.of_school.as_deref(), server),
        redate_at: row.redate_at,
    });
    Ok(due.collect())
}

/// Dates anew what a terminal brought for the school that it belongs to, page by page. Elsewhere it may have had another zone.
pub(super) async fn date_anew(db: &Db, due: &Due) -> Result<()> {
    let mut after = Some((String::new(), 0));
    while let Some(place) = after {
        let mut tx = db.write().await?;
        after = date_page(&mut tx, due, place).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Punches looked at by one transaction.
const PAGE: i64 = 2_000;

/// Whoever said himself how far his clock is from UTC goes by that, whatever the zone.
const PUNCHES: &str = "
SELECT id, student_id, punched_at, punched_instant, is_from_future, received_at FROM punches
WHERE device_id = $1 AND school_id = $2 AND utc_offset_seconds IS NULL AND (punched_at, id) > ($3, $4)
ORDER BY punched_at, id LIMIT $5";

const DATE: &str = "WITH v(id, punched_instant, is_from_future) AS (VALUES {rows})
UPDATE punches SET punched_instant = v.punched_instant, is_from_future = v.is_from_future
FROM v WHERE punches.id = v.id";

/// Answers where the next page starts: behind this time and row.
async fn date_page(tx: &mut Tx, due: &Due, after: (String, i64)) -> Result<Option<(String, i64)>> {
    #[derive(sqlx::FromRow)]
    struct Stored {
        id: i64,
        student_id: Option<StudentId>,
        punched_at: String,
        punched_instant: Instant,
        is_from_future: bool,
        received_at: Instant,
    }
    // Two servers at once would take the same rows.
    tx.lock_word(&format!("dating the punches of {}", due.device)).await?;
    let values = [due.device.into(), due.school.into(), after.0.into(), after.1.into(), PAGE.into()];
    let page: Vec<Stored> = tx.all(PUNCHES, values).await?;
    let mut dated: Vec<Vec<Value>> = Vec::new();
    let (mut arrivals, mut late_arrivals) = (Vec::new(), Vec::new());
    for punch in &page {
        let instant = quarantine::instant(&punch.punched_at, None, &due.zone);
        if instant == punch.punched_instant.0 {
            continue;
        }
        let is_from_future = instant.duration_since(punch.received_at.0) > FUTURE;
        dated.push(vec![punch.id.into(), instant.into(), is_from_future.into()]);
        let (Some(student), Ok(local)) = (punch.student_id, punch.punched_at.parse::<DateTime>()) else { continue };
        let arrival = Arrival { student, school: due.school, device: due.device, local, instant };
        arrivals.push(arrival);
        if punch.is_from_future && !is_from_future {
            late_arrivals.push(arrival);
        }
    }
    if !dated.is_empty() {
        tx.execute_rows(DATE, &[], dated).await?;
        days::date_anew(tx, due.device, arrivals.into_iter()).await?;
        days::enter(tx, late_arrivals.into_iter()).await?;
    }
    let is_full = i64::try_from(page.len()).is_ok_and(|count| count == PAGE);
    Ok(page.into_iter().next_back().filter(|_| is_full).map(|last| (last.punched_at, last.id)))
}

const DONE: &str = "UPDATE devices SET redate_at = NULL WHERE id = $1 AND redate_at = $2";

/// Nothing is left to be done, unless the zone changed again meanwhile.
pub(super) async fn done(db: &Db, due: &Due) -> Result<()> {
    let mut tx = db.write().await?;
    tx.execute(DONE, [due.device.into(), due.redate_at.into()]).await?;
    tx.commit().await
}
