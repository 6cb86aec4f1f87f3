//! The register of a day: every student of a school with his first and last punch, and who has none.
//!
//! The day is that of the terminals' own clocks, which show the school's zone. It decides who stands in its register: whoever
//! punched, whatever became of him since, and of the others those who were there to be missed, which are the students of now
//! without those who came later.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::punches::Moment;
use crate::{
    school::{ClassId, SchoolId, StudentId},
    store::{Result, Tx},
};

/// A student's day.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Entry {
    pub student_id: StudentId,
    pub full_name: String,
    pub class_name: Option<String>,
    pub section_name: Option<String>,
    pub roll_number: Option<String>,
    /// Wall clock, `YYYY-MM-DDTHH:MM:SS`.
    pub first_punch: Option<String>,
    pub last_punch: Option<String>,
    pub punches: i64,
    /// `present` or `late`; nothing for who has not come.
    pub status: Option<String>,
    /// He punched on that day and was deleted since.
    pub is_deleted: bool,
    total: i64,
}

/// Which entries. What is `None` does not narrow.
#[derive(Clone, Copy, Default, Debug)]
pub struct Filter {
    pub class: Option<ClassId>,
    pub came: Option<Came>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Came {
    Present,
    Late,
    Absent,
}

/// A class on a day. The first is everybody without a class.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct ClassDay {
    pub class_id: Option<ClassId>,
    pub class_name: Option<String>,
    pub students: i64,
    pub present: i64,
    pub late: i64,
}

macro_rules! day {
    ($select:literal, $where:literal, $tail:literal) => {
        concat!(
            "WITH f AS (
               SELECT p.student_id, MIN(p.punched_at) AS first_punch, MAX(p.punched_at) AS last_punch, COUNT(*) AS punches
               FROM punches p
               WHERE p.school_id = $1 AND p.punched_at >= $2 AND p.punched_at < $3 AND p.student_id IS NOT NULL
                 AND p.device_id IS NOT NULL AND NOT p.is_from_future
               GROUP BY p.student_id)
             SELECT ",
            $select,
            " FROM students s
             LEFT JOIN f ON f.student_id = s.id
             LEFT JOIN attendance_logs a ON a.student_id = s.id AND a.date = $4
             LEFT JOIN classes k ON k.id = s.class_id
             LEFT JOIN sections t ON t.id = s.section_id
             WHERE s.school_id = $1
               AND (f.student_id IS NOT NULL OR s.is_active AND s.deleted_at IS NULL AND s.created_at < $5)",
            $where,
            $tail
        )
    };
}

const ENTRIES: &str = day!(
    "s.id AS student_id, s.full_name, k.class_name, t.section_name, s.roll_number, f.first_punch, f.last_punch,
     COALESCE(f.punches, 0) AS punches, CASE WHEN f.student_id IS NOT NULL THEN COALESCE(a.status, 'present') END AS status,
     s.deleted_at IS NOT NULL AS is_deleted, COUNT(*) OVER () AS total",
    " AND (CAST($6 AS BIGINT) IS NULL OR s.class_id = $6)
      AND (CAST($7 AS TEXT) IS NULL
        OR $7 = CASE WHEN f.student_id IS NULL THEN 'absent' ELSE COALESCE(a.status, 'present') END)",
    " ORDER BY k.class_name NULLS LAST, t.section_name NULLS LAST, COALESCE(s.search_text, s.full_name), s.id
      LIMIT $8 OFFSET $9"
);

/// A page of a day's register by class and name, and how many entries there are on all pages. `zone` is the school's.
pub async fn entries(
    tx: &mut Tx,
    school: SchoolId,
    zone: &TimeZone,
    day: Date,
    filter: Filter,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Entry>, i64)> {
    let (from, to) = bounds(day);
    let came = filter.came.map(Came::as_str);
    let values = [
        school.into(),
        from.into(),
        to.into(),
        day.into(),
        end(day, zone).into(),
        filter.class.into(),
        came.into(),
        limit.into(),
        offset.into(),
    ];
    let rows: Vec<Entry> = tx.all(ENTRIES, values).await?;
    let total = rows.first().map_or(0, |row| row.total);
    Ok((rows, total))
}

const CLASSES: &str = day!(
    "s.class_id, k.class_name, COUNT(*) AS students,
     COUNT(*) FILTER (WHERE f.student_id IS NOT NULL AND COALESCE(a.status, 'present') <> 'late') AS present,
     COUNT(*) FILTER (WHERE f.student_id IS NOT NULL AND a.status = 'late') AS late",
    "",
    " GROUP BY s.class_id, k.class_name ORDER BY k.class_name NULLS LAST, s.class_id"
);

/// The numbers of each class on a day. `zone` is the school's.
pub async fn classes(tx: &mut Tx, school: SchoolId, zone: &TimeZone, day: Date) -> Result<Vec<ClassDay>> {
    let (from, to) = bounds(day);
    tx.all(CLASSES, [school.into(), from.into(), to.into(), day.into(), end(day, zone).into()]).await
}

const LATEST: &str = "
SELECT p.id, p.student_id, s.full_name, p.pin, d.device_name, p.punched_at
FROM punches p JOIN devices d ON d.id = p.device_id LEFT JOIN students s ON s.id = p.student_id
  AND s.school_id = p.school_id
WHERE p.school_id = $1 AND p.punched_at >= $2 AND p.punched_at < $3
ORDER BY p.punched_at DESC, p.id DESC LIMIT $4";

/// A punch with the name of its terminal.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Latest {
    pub id: i64,
    pub student_id: Option<StudentId>,
    pub full_name: Option<String>,
    pub pin: String,
    pub device_name: String,
    pub punched_at: String,
}

/// The latest punches of a day.
pub async fn latest(tx: &mut Tx, school: SchoolId, day: Date, limit: i64) -> Result<Vec<Latest>> {
    let (from, to) = bounds(day);
    tx.all(LATEST, [school.into(), from.into(), to.into(), limit.into()]).await
}

fn bounds(day: Date) -> (String, String) {
    (Moment::Day(day).beginning(), Moment::Day(day).end())
}

/// When the day is over. Whoever was made later could not be missed on it.
fn end(day: Date, zone: &TimeZone) -> Timestamp {
    let next = day.tomorrow().and_then(|next| next.to_zoned(zone.clone()));
    next.map_or(Timestamp::MAX, |next| next.timestamp())
}

impl Came {
    pub fn as_str(self) -> &'static str {
        match self {
            Came::Present => "present",
            Came::Late => "late",
            Came::Absent => "absent",
        }
    }

    pub fn parse(word: &str) -> Option<Came> {
        [Came::Present, Came::Late, Came::Absent].into_iter().find(|came| came.as_str() == word)
    }
}

impl ClassDay {
    /// Students without a punch.
    pub fn absent(&self) -> i64 {
        self.students - self.present - self.late
    }
}
