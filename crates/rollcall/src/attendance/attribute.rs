//! Punches that were stored before their owner was known get him: after a claim, and when a PIN is linked to a student
//! who held it before.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::{
    days::{self, Arrival},
    owners, quarantine, redating,
};
use crate::{
    devices::DeviceId,
    school::SchoolId,
    store::{Db, Instant, Result, Tx},
    sync::pins::Holder,
};

/// Finishes what claims, links and other zones left: one tick of the server. Each transaction is small.
pub async fn tick(db: &Db, zone: &TimeZone, now: Timestamp) -> Result<()> {
    let mut tx = db.read().await?;
    let left = quarantine::left(&mut tx, zone).await?;
    let mut devices: BTreeSet<DeviceId> = attributable(&mut tx).await?.into_iter().collect();
    drop(tx);
    redating::notice(db, now).await?;
    let due = redating::due(db, zone, now).await?;
    for claimed in left {
        release_all(db, &claimed, now).await?;
        devices.insert(claimed.device);
    }
    for terminal in &due {
        redating::date_anew(db, terminal).await?;
        devices.insert(terminal.device);
    }
    for device in devices {
        attribute_all(db, device).await?;
    }
    for terminal in &due {
        redating::done(db, terminal).await?;
    }
    Ok(())
}

/// Everything that a claim has to do about punches, after it was committed.
pub async fn after_claim(db: &Db, claimed: &quarantine::Claimed, now: Timestamp) -> Result<()> {
    release_all(db, claimed, now).await?;
    attribute_all(db, claimed.device).await
}

async fn release_all(db: &Db, claimed: &quarantine::Claimed, now: Timestamp) -> Result<()> {
    loop {
        let mut tx = db.write().await?;
        let more = quarantine::release(&mut tx, claimed, now).await?;
        tx.commit().await?;
        if !more {
            return Ok(());
        }
    }
}

async fn attribute_all(db: &Db, device: DeviceId) -> Result<()> {
    let mut after = Some(0);
    while let Some(id) = after {
        let mut tx = db.write().await?;
        after = attribute(&mut tx, device, id).await?;
        tx.commit().await?;
    }
    Ok(())
}

const ATTRIBUTABLE: &str = "SELECT DISTINCT p.device_id
FROM punches p JOIN device_user_mappings m ON m.device_id = p.device_id AND m.device_pin = p.pin
WHERE p.student_id IS NULL AND p.punched_instant >= m.valid_from
    AND (m.valid_to IS NULL OR p.punched_instant <= m.valid_to)";

/// Terminals that have punches whose owner is known now. It leaves out those that only the tolerance for slow clocks
/// would find: SQL has no word for minutes that both databases know, and the recorder has seen to them.
async fn attributable(tx: &mut Tx) -> Result<Vec<DeviceId>> {
    Ok(tx.all::<(DeviceId,), 0>(ATTRIBUTABLE, []).await?.into_iter().map(|(device,)| device).collect())
}

/// Punches looked at by one transaction.
const PAGE: i64 = 2_000;

const OWNERLESS: &str = "SELECT p.id, p.school_id, p.punched_at, p.punched_instant, p.is_from_future,
    m.device_pin, m.student_id, m.valid_from, m.valid_to
FROM punches p JOIN device_user_mappings m ON m.device_id = p.device_id AND m.device_pin = p.pin
WHERE p.device_id = $1 AND p.student_id IS NULL AND p.id > $2 ORDER BY p.id LIMIT $3";

const GIVE: &str = "WITH v(id, student_id) AS (VALUES {rows})
UPDATE punches SET student_id = v.student_id FROM v WHERE punches.id = v.id AND punches.student_id IS NULL";

/// Gives a terminal's punches after `after` (a row's id) their owners, a page of them. Answers where the next page starts.
pub async fn attribute(tx: &mut Tx, device: DeviceId, after: i64) -> Result<Option<i64>> {
    #[derive(sqlx::FromRow)]
    struct Ownerless {
        id: i64,
        school_id: SchoolId,
        punched_at: String,
        punched_instant: Instant,
        is_from_future: bool,
        #[sqlx(flatten)]
        holder: Holder,
    }
    let page: Vec<Ownerless> = tx.all(OWNERLESS, [device.into(), after.into(), PAGE.into()]).await?;
    let mut owned = Vec::new();
    let mut arrivals = Vec::new();
    for punch in &page {
        let Some(student) = owners::owner(&punch.holder, punch.punched_instant.0) else { continue };
        owned.push(vec![punch.id.into(), student.into()]);
        if let (false, Ok(local)) = (punch.is_from_future, punch.punched_at.parse::<DateTime>()) {
            let (school, instant) = (punch.school_id, punch.punched_instant.0);
            arrivals.push(Arrival { student, school, device, local, instant });
        }
    }
    if !owned.is_empty() {
        tx.execute_rows(GIVE, &[], owned).await?;
        days::enter(tx, arrivals.into_iter()).await?;
    }
    let is_full = i64::try_from(page.len()).is_ok_and(|count| count == PAGE);
    Ok(page.last().filter(|_| is_full).map(|punch| punch.id))
}
