//! The new school year: for a limited time, a mass change that an admin has looked through is let go by the guard
//! (docs/decisions/new-school-year.md).

use jiff::{SignedDuration, Timestamp};

use super::SchoolId;
use crate::{
    accounts::UserId,
    store::{Instant, Result, Tx},
};

/// So long it lasts, unless somebody ends it before.
pub const LASTS: SignedDuration = SignedDuration::from_hours(24);

/// A new school year that is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct NewYear {
    pub id: i64,
    pub school_id: SchoolId,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Instant,
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Instant,
}

const OPEN: &str = "
SELECT id, school_id, started_at, ends_at FROM school_years
WHERE school_id = $1 AND ended_at IS NULL AND started_at <= $2 AND ends_at > $2
ORDER BY ends_at DESC, id LIMIT 1";

/// The one that is open now.
pub async fn open(tx: &mut Tx, school: SchoolId, now: Timestamp) -> Result<Option<NewYear>> {
    tx.optional(OPEN, [school.into(), now.into()]).await
}

const START: &str = "
INSERT INTO school_years (school_id, started_by, started_at, ends_at) VALUES ($1, $2, $3, $4)
RETURNING id, school_id, started_at, ends_at";

/// Begins one, from now on. One that is open already goes on as it is.
pub async fn start(tx: &mut Tx, school: SchoolId, by: UserId, now: Timestamp) -> Result<NewYear> {
    if let Some(year) = open(tx, school, now).await? {
        return Ok(year);
    }
    let ends_at = now.checked_add(LASTS).unwrap_or(Timestamp::MAX);
    tx.one(START, [school.into(), by.into(), now.into(), ends_at.into()]).await
}

const END: &str = "UPDATE school_years SET ended_at = $2 WHERE school_id = $1 AND ended_at IS NULL AND ends_at > $2";

/// Ends it. Answers whether there was one.
pub async fn end(tx: &mut Tx, school: SchoolId, now: Timestamp) -> Result<bool> {
    Ok(tx.execute(END, [school.into(), now.into()]).await? > 0)
}
