//! The rows of `schools`.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Time, tz::TimeZone};

use super::{SchoolId, names};
use crate::store::{self, Instant, Tx};

/// A row of `schools`.
#[derive(Clone, PartialEq, Debug, sqlx::FromRow, serde::Serialize, utoipa::ToSchema)]
pub struct School {
    pub id: SchoolId,
    pub name: String,
    /// An IANA name such as `Africa/Nairobi`; without one the server's zone counts.
    pub timezone: Option<String>,
    /// `HH:MM`: who comes later than this and the grace is late.
    pub day_starts_at: String,
    pub grace_minutes: i64,
    /// Removals from one terminal that are held for a person to decide: more than this part of what it holds …
    pub guard_percent: i64,
    /// … and more than this many people.
    pub guard_number: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// What a person may set. `None` takes the default.
#[derive(Clone, Default, Debug)]
pub struct NewSchool {
    pub name: String,
    pub timezone: Option<String>,
    pub day_starts_at: Option<String>,
    pub grace_minutes: Option<i64>,
    pub guard_percent: Option<i64>,
    pub guard_number: Option<i64>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Name(#[from] names::Error),
    #[error("\"{0}\" is no time zone: give an IANA name such as Asia/Kathmandu")]
    Timezone(String),
    #[error("\"{0}\" is no time of day: write HH:MM")]
    TimeOfDay(String),
    #[error("between 0 and {most}")]
    Range { field: &'static str, most: i64 },
    #[error(transparent)]
    Store(#[from] store::Error),
}

const CREATE: &str = "
INSERT INTO schools (name, timezone, day_starts_at, grace_minutes, guard_percent, guard_number, created_at, updated_at)
VALUES ($1, $2, COALESCE(CAST($3 AS TEXT), '08:00'), COALESCE(CAST($4 AS BIGINT), 10), COALESCE(CAST($5 AS BIGINT), 20),
  COALESCE(CAST($6 AS BIGINT), 10), $7, $7)
RETURNING id, name, timezone, day_starts_at, grace_minutes, guard_percent, guard_number, created_at, updated_at";

pub async fn create(tx: &mut Tx, new: NewSchool, now: Timestamp) -> Result<School, Error> {
    let values = [
        names::clean(&new.name)?.into(),
        check_timezone(new.timezone)?.into(),
        new.day_starts_at.as_deref().map(check_time_of_day).transpose()?.into(),
        new.grace_minutes.map(|n| check_range("grace_minutes", n, DAY_OF_MINUTES)).transpose()?.into(),
        new.guard_percent.map(|n| check_range("guard_percent", n, 100)).transpose()?.into(),
        new.guard_number.map(|n| check_range("guard_number", n, MANY)).transpose()?.into(),
        now.into(),
    ];
    Ok(tx.one(CREATE, values).await?)
}

const FIND: &str = "
SELECT id, name, timezone, day_starts_at, grace_minutes, guard_percent, guard_number, created_at, updated_at
FROM schools WHERE id = $1 AND deleted_at IS NULL";

pub async fn find(tx: &mut Tx, id: SchoolId) -> store::Result<Option<School>> {
    tx.optional(FIND, [id.into()]).await
}

const LOCK: &str = "SELECT id FROM schools WHERE id = $1";

/// As [`find`], and nobody else changes the roster of this school before the transaction ends: two people cannot give
/// the same card to two students.
pub async fn lock(tx: &mut Tx, id: SchoolId) -> store::Result<Option<School>> {
    tx.lock(LOCK, [id.into()]).await?;
    find(tx, id).await
}

const LIST: &str = "
SELECT id, name, timezone, day_starts_at, grace_minutes, guard_percent, guard_number, created_at, updated_at
FROM schools WHERE deleted_at IS NULL AND (CAST($1 AS BIGINT) IS NULL OR id = $1)
ORDER BY id";

/// All schools, or the one.
pub async fn list(tx: &mut Tx, school: Option<SchoolId>) -> store::Result<Vec<School>> {
    tx.all(LIST, [school.into()]).await
}

const FIRST: &str = "
SELECT id, name, timezone, day_starts_at, grace_minutes, guard_percent, guard_number, created_at, updated_at
FROM (SELECT * FROM schools WHERE deleted_at IS NULL ORDER BY id LIMIT $1) AS first
UNION
SELECT id, name, timezone, day_starts_at, grace_minutes, guard_percent, guard_number, created_at, updated_at
FROM schools WHERE id = $2 AND deleted_at IS NULL
ORDER BY id";

/// The first so many schools, and this one.
pub async fn first(tx: &mut Tx, most: i64, and: Option<SchoolId>) -> store::Result<Vec<School>> {
    tx.all(FIRST, [most.into(), and.into()]).await
}

const THESE: &str = "
WITH v(id) AS (VALUES {rows})
SELECT k.id, k.name, k.timezone, k.day_starts_at, k.grace_minutes, k.guard_percent, k.guard_number, k.created_at,
  k.updated_at
FROM v JOIN schools k ON k.id = v.id WHERE k.deleted_at IS NULL";

/// Schools by their ids, each once.
pub async fn these(tx: &mut Tx, schools: BTreeSet<SchoolId>) -> store::Result<Vec<School>> {
    tx.all_rows(THESE, &[], schools.into_iter().map(|school| vec![school.into()]).collect()).await
}

const NAMES: &str = "SELECT id, name FROM schools WHERE deleted_at IS NULL";

/// What every school is called, in no order.
pub async fn names(tx: &mut Tx) -> store::Result<Vec<(SchoolId, String)>> {
    tx.all(NAMES, []).await
}

const UPDATE: &str = "
UPDATE schools SET name = $2, timezone = $3, day_starts_at = $4, grace_minutes = $5, guard_percent = $6,
  guard_number = $7, updated_at = $8
WHERE id = $1 AND deleted_at IS NULL
RETURNING id, name, timezone, day_starts_at, grace_minutes, guard_percent, guard_number, created_at, updated_at";

/// Writes the school as given, its id deciding which. `None` when it is gone.
pub async fn update(tx: &mut Tx, school: School, now: Timestamp) -> Result<Option<School>, Error> {
    let values = [
        school.id.into(),
        names::clean(&school.name)?.into(),
        check_timezone(school.timezone)?.into(),
        check_time_of_day(&school.day_starts_at)?.into(),
        check_range("grace_minutes", school.grace_minutes, DAY_OF_MINUTES)?.into(),
        check_range("guard_percent", school.guard_percent, 100)?.into(),
        check_range("guard_number", school.guard_number, MANY)?.into(),
        now.into(),
    ];
    Ok(tx.optional(UPDATE, values).await?)
}

const DELETE: &str = "UPDATE schools SET deleted_at = $2, updated_at = $2 WHERE id = $1 AND deleted_at IS NULL";

/// Hides a school. Its students count as gone from then on, and its users can no longer log in.
pub async fn delete(tx: &mut Tx, id: SchoolId, now: Timestamp) -> store::Result<()> {
    tx.execute(DELETE, [id.into(), now.into()]).await?;
    Ok(())
}

const DAY_OF_MINUTES: i64 = 24 * 60;
/// More people than any terminal holds: a guard that never trips by number.
const MANY: i64 = 1_000_000;

impl Error {
    /// The field that was wrong.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Error::Name(_) => Some("name"),
            Error::Timezone(_) => Some("timezone"),
            Error::TimeOfDay(_) => Some("day_starts_at"),
            Error::Range { field, .. } => Some(field),
            Error::Store(_) => None,
        }
    }
}

fn check_timezone(name: Option<String>) -> Result<Option<String>, Error> {
    let Some(name) = name.filter(|name| !name.trim().is_empty()) else { return Ok(None) };
    // Stored as the zone database spells it, so that `asia/kathmandu` finds its zone everywhere.
    match TimeZone::get(name.trim()) {
        Ok(zone) => Ok(Some(zone.iana_name().unwrap_or(name.trim()).to_owned())),
        Err(_) => Err(Error::Timezone(name)),
    }
}

fn check_time_of_day(text: &str) -> Result<String, Error> {
    match Time::strptime("%H:%M", text.trim()) {
        Ok(time) => Ok(time.strftime("%H:%M").to_string()),
        Err(_) => Err(Error::TimeOfDay(text.to_owned())),
    }
}

fn check_range(field: &'static str, number: i64, most: i64) -> Result<i64, Error> {
    if (0..=most).contains(&number) { Ok(number) } else { Err(Error::Range { field, most }) }
}
