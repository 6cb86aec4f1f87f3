//! Days on which nobody comes to school.

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};

use super::{SchoolId, names};
use crate::store::{self, Tx};

/// A row of `holidays`: from its first day to its last, both included, `YYYY-MM-DD`.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct Holiday {
    pub id: i64,
    pub school_id: SchoolId,
    pub first_day: String,
    pub last_day: String,
    pub name: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Name(#[from] names::Error),
    #[error("the last day is before the first")]
    Order,
    #[error(transparent)]
    Store(#[from] store::Error),
}

const LIST: &str = "
SELECT id, school_id, first_day, last_day, name FROM holidays WHERE school_id = $1 ORDER BY first_day, id";

/// Those of a school, the earliest first.
pub async fn list(tx: &mut Tx, school: SchoolId) -> store::Result<Vec<Holiday>> {
    tx.all(LIST, [school.into()]).await
}

const CREATE: &str = "
INSERT INTO holidays (school_id, first_day, last_day, name, created_at) VALUES ($1, $2, $3, $4, $5)
RETURNING id, school_id, first_day, last_day, name";

pub async fn create(
    tx: &mut Tx,
    school: SchoolId,
    (first, last): (Date, Date),
    name: &str,
    now: Timestamp,
) -> Result<Holiday, Error> {
    if last < first {
        return Err(Error::Order);
    }
    let name = names::clean(name)?;
    let values = [school.into(), first.to_string().into(), last.to_string().into(), name.into(), now.into()];
    Ok(tx.one(CREATE, values).await?)
}

const DELETE: &str = "
DELETE FROM holidays WHERE id = $1 AND school_id = $2 RETURNING id, school_id, first_day, last_day, name";

/// `None` when the school has no such holiday.
pub async fn delete(tx: &mut Tx, school: SchoolId, id: i64) -> store::Result<Option<Holiday>> {
    tx.optional(DELETE, [id.into(), school.into()]).await
}

const ON: &str = "
SELECT name FROM holidays WHERE school_id = $1 AND first_day <= $2 AND last_day >= $2 ORDER BY first_day, id LIMIT 1";

/// The name of the holiday that a day is.
pub async fn on(tx: &mut Tx, school: SchoolId, day: Date) -> store::Result<Option<String>> {
    let name: Option<(String,)> = tx.optional(ON, [school.into(), day.to_string().into()]).await?;
    Ok(name.map(|(name,)| name))
}

const NEAR: &str = "
WITH v(school_id) AS (VALUES {rows})
SELECT h.id, h.school_id, h.first_day, h.last_day, h.name
FROM v JOIN holidays h ON h.school_id = v.school_id
WHERE h.first_day <= $2 AND h.last_day >= $1";

/// Which of some schools have a holiday today. Whose today it is depends on the zone, so the days around it are known, too.
#[derive(Debug)]
pub struct Today {
    now: Timestamp,
    near: Vec<Holiday>,
}

impl Today {
    /// Nothing is asked where there is no school.
    pub async fn of(tx: &mut Tx, schools: impl IntoIterator<Item = SchoolId>, now: Timestamp) -> store::Result<Today> {
        let schools: BTreeSet<SchoolId> = schools.into_iter().collect();
        let rows = schools.into_iter().map(|school| vec![school.into()]).collect();
        let day = now.to_zoned(TimeZone::UTC).date();
        let (from, to) = (day.saturating_sub(1.day()), day.saturating_add(1.day()));
        let near = tx.all_rows(NEAR, &[from.to_string().into(), to.to_string().into()], rows).await?;
        Ok(Today { now, near })
    }

    pub fn is_holiday(&self, school: SchoolId, zone: TimeZone) -> bool {
        let day = self.now.to_zoned(zone).date().to_string();
        self.near.iter().any(|one| one.school_id == school && one.first_day <= day && day <= one.last_day)
    }
}
