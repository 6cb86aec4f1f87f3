//! What people are shown of punches.

use jiff::civil::{Date, DateTime};

use super::wall_clock::WallClock;
use crate::{
    devices::DeviceId,
    school::{SchoolId, StudentId, search},
    store::{Instant, Result, Tx, Value},
};

/// A punch of a registered terminal.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow, serde::Serialize, utoipa::ToSchema)]
pub struct Punch {
    pub id: i64,
    pub device_id: DeviceId,
    /// The school that the terminal belonged to at that time.
    pub school_id: SchoolId,
    pub pin: String,
    /// Empty when nobody held the PIN at that time.
    pub student_id: Option<StudentId>,
    pub full_name: Option<String>,
    /// The terminal's own wall clock, `YYYY-MM-DDTHH:MM:SS`.
    pub punched_at: String,
    /// In, out, break and so on, as the terminal numbers them; 255 = nothing chosen.
    pub status: String,
    /// How the person proved who he is, as the terminal numbers it.
    pub verify: String,
    pub work_code: String,
    /// Dated more than a day after it arrived: the terminal's clock was wrong. It makes nobody present.
    pub is_from_future: bool,
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Instant,
}

/// Which punches. What is `None` does not narrow.
#[derive(Clone, Default, Debug)]
pub struct Filter {
    pub school: Option<SchoolId>,
    pub device: Option<DeviceId>,
    pub student: Option<StudentId>,
    /// This moment and later, device-local.
    pub from: Option<Moment>,
    /// Earlier than this moment, device-local.
    pub to: Option<Moment>,
    /// A PIN, or a part of a student's name.
    pub search: Option<String>,
}

impl Filter {
    fn values(&self) -> [Value; 7] {
        // Nothing wanted means all, also the punches of nobody, who is found by no name.
        let search = self.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
        [
            self.school.into(),
            self.device.into(),
            self.student.into(),
            self.from.map_or_else(|| BEFORE_ALL.to_owned(), Moment::beginning).into(),
            self.to.map_or_else(|| AFTER_ALL.to_owned(), Moment::end).into(),
            search.into(),
            search.map(|text| search::pattern(&search::fold(text))).into(),
        ]
    }
}

/// A moment on a terminal's wall clock, as a person gives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    At(DateTime),
    /// As a beginning its first second; as an end it includes the whole day.
    Day(Date),
}

impl Moment {
    /// Reads `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SS`.
    pub fn parse(text: &str) -> Option<Moment> {
        match text.len() {
            10 => text.parse().ok().map(Moment::Day),
            19 => text.parse().ok().map(Moment::At),
            _ => None,
        }
    }

    pub(super) fn beginning(self) -> String {
        match self {
            Moment::At(at) => WallClock(at).to_string(),
            Moment::Day(day) => WallClock(day.to_datetime(jiff::civil::Time::midnight())).to_string(),
        }
    }

    pub(super) fn end(self) -> String {
        match self {
            Moment::At(at) => WallClock(at).to_string(),
            Moment::Day(day) => {
                day.tomorrow().map_or_else(|_| AFTER_ALL.to_owned(), |day| Moment::Day(day).beginning())
            }
        }
    }
}

/// Bounds of an open range. Written like a time, so that text compares with it under any collation.
const BEFORE_ALL: &str = "0000-00-00T00:00:00";
const AFTER_ALL: &str = "9999-99-99T99:99:99";

/// The conditions, with the one by which the rows are found in front: an optional condition finds no index. A terminal that
/// came from another school may bring punches of its students, whom this one is not told.
macro_rules! punches {
    ($select:literal, $found_by:literal, $order:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM punches p
             LEFT JOIN students s ON s.id = p.student_id AND (s.school_id = p.school_id OR CAST($1 AS BIGINT) IS NULL)
             WHERE ",
            $found_by,
            " AND p.device_id IS NOT NULL
               AND (CAST($1 AS BIGINT) IS NULL OR p.school_id = $1)
               AND (CAST($2 AS BIGINT) IS NULL OR p.device_id = $2)
               AND (CAST($3 AS BIGINT) IS NULL OR p.student_id = $3)
               AND p.punched_at >= $4 AND p.punched_at < $5
               AND (CAST($6 AS TEXT) IS NULL OR p.pin = $6 OR s.search_text LIKE $7 ESCAPE '\\') ",
            $order
        )
    };
}
macro_rules! page {
    ($found_by:literal) => {
        punches!(
            "p.id, p.device_id, p.school_id, p.pin, p.student_id, s.full_name, p.punched_at, p.status, p.verify,
               p.work_code, p.is_from_future, p.received_at",
            $found_by,
            "ORDER BY p.punched_at DESC, p.id DESC LIMIT $8 OFFSET $9"
        )
    };
}
macro_rules! count {
    ($found_by:literal) => {
        punches!("COUNT(*)", $found_by, "")
    };
}
const PAGE_OF_STUDENT: &str = page!("p.student_id = $3");
const PAGE_OF_DEVICE: &str = page!("p.device_id = $2");
const PAGE_OF_SCHOOL: &str = page!("p.school_id = $1");
const PAGE_OF_ALL: &str = page!("TRUE");
const COUNT_OF_STUDENT: &str = count!("p.student_id = $3");
const COUNT_OF_DEVICE: &str = count!("p.device_id = $2");
const COUNT_OF_SCHOOL: &str = count!("p.school_id = $1");
const COUNT_OF_ALL: &str = count!("TRUE");

/// One page, the latest punch first, and how many there are. Punches in quarantine are not among them.
pub async fn list(tx: &mut Tx, filter: &Filter, limit: i64, offset: i64) -> Result<(Vec<Punch>, i64)> {
    let (page, count) = match filter {
        Filter { student: Some(_), .. } => (PAGE_OF_STUDENT, COUNT_OF_STUDENT),
        Filter { device: Some(_), .. } => (PAGE_OF_DEVICE, COUNT_OF_DEVICE),
        Filter { school: Some(_), .. } => (PAGE_OF_SCHOOL, COUNT_OF_SCHOOL),
        _ => (PAGE_OF_ALL, COUNT_OF_ALL),
    };
    let (total,): (i64,) = tx.one(count, filter.values()).await?;
    let [school, device, student, from, to, pin, name] = filter.values();
    let values = [school, device, student, from, to, pin, name, limit.into(), offset.into()];
    let rows = tx.all(page, values).await?;
    Ok((rows, total))
}

// Each hour of each school's day is a piece of an index, and nothing but the index is read. `CROSS JOIN` keeps SQLite from
// beginning with the punches: it would read those of all days.
const BY_HOUR: &str = "
    WITH hours(hour, since, until) AS (VALUES
      (0, 'T00', 'T01'), (1, 'T01', 'T02'), (2, 'T02', 'T03'), (3, 'T03', 'T04'), (4, 'T04', 'T05'), (5, 'T05', 'T06'),
      (6, 'T06', 'T07'), (7, 'T07', 'T08'), (8, 'T08', 'T09'), (9, 'T09', 'T10'), (10, 'T10', 'T11'), (11, 'T11', 'T12'),
      (12, 'T12', 'T13'), (13, 'T13', 'T14'), (14, 'T14', 'T15'), (15, 'T15', 'T16'), (16, 'T16', 'T17'), (17, 'T17', 'T18'),
      (18, 'T18', 'T19'), (19, 'T19', 'T20'), (20, 'T20', 'T21'), (21, 'T21', 'T22'), (22, 'T22', 'T23'), (23, 'T23', 'T24'))
    SELECT CAST(h.hour AS BIGINT), (
      SELECT COUNT(*) FROM schools k CROSS JOIN punches p
      WHERE (CAST($1 AS BIGINT) IS NULL OR k.id = $1) AND p.school_id = k.id
        AND p.punched_at >= CAST($2 AS TEXT) || h.since AND p.punched_at < CAST($2 AS TEXT) || h.until)
    FROM hours h ORDER BY h.hour";

/// How many punches each hour of a day brought, by the terminals' own clocks: pairs of hour and number.
pub async fn by_hour(tx: &mut Tx, school: Option<SchoolId>, day: Date) -> Result<Vec<(i64, i64)>> {
    tx.all(BY_HOUR, [school.into(), day.to_string().into()]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_date_as_the_end_includes_that_day() {
        let day = Moment::parse("2026-03-31").unwrap();
        assert_eq!(day.beginning(), "2026-03-31T00:00:00");
        assert_eq!(day.end(), "2026-04-01T00:00:00");
        let noon = Moment::parse("2026-03-31T12:00:00").unwrap();
        assert_eq!(
            (noon.beginning(), noon.end()),
            ("2026-03-31T12:00:00".to_owned(), "2026-03-31T12:00:00".to_owned())
        );
    }

    #[test]
    fn what_is_no_moment() {
        for text in ["", "today", "2026-02-30", "2026-03-31T25:00:00", "2026-03-31T12:00", "2026-03-31 12:00:00Z"] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
