//! Students with the terminals that hold them: a page of all, or one of them terminal by terminal.

use crate::{
    devices::DeviceId,
    school::{
        SchoolId, StudentId, search,
        students::{Filter, Student, matching_students},
    },
    store::{Instant, Result, Tx},
};

/// A student, and on how many terminals he is.
#[derive(Clone, PartialEq, Debug, sqlx::FromRow)]
pub struct Placed {
    #[sqlx(flatten)]
    pub student: Student,
    pub school_name: String,
    /// Terminals on which he belongs.
    pub wanted: i64,
    /// Of them, those that acknowledged him as he is wanted.
    pub synced: i64,
    /// Of them, those that refused him.
    pub failed: i64,
    /// Terminals that he should leave and that still have him.
    pub leaving: i64,
    total: i64,
}

// The page is cut first, so that terminals are looked at for its hundred rows only.
const PEOPLE: &str = matching_students!(
    "
WITH page AS (
  SELECT students.id, students.school_id, schools.name AS school_name, students.class_id, students.section_id, class_name,
    section_name, full_name, rfid_card_id, roll_number, is_active, students.created_at, students.updated_at,
    COALESCE(search_text, full_name) AS rank, COUNT(*) OVER () AS total",
    "
  ORDER BY rank, students.id LIMIT $7 OFFSET $8
)
SELECT page.*,
  (SELECT COUNT(*) FROM belonging b WHERE b.student_id = page.id) AS wanted,
  (SELECT COUNT(*) FROM belonging b JOIN device_user_sync_status l ON l.device_id = b.device_id AND l.student_id = page.id
    WHERE b.student_id = page.id AND l.is_wanted AND l.sync_status = 'synced') AS synced,
  (SELECT COUNT(*) FROM belonging b JOIN device_user_sync_status l ON l.device_id = b.device_id AND l.student_id = page.id
    WHERE b.student_id = page.id AND l.is_wanted AND l.sync_status = 'failed') AS failed,
  (SELECT COUNT(*) FROM device_user_sync_status l JOIN devices d ON d.id = l.device_id
    WHERE l.student_id = page.id AND l.is_held AND NOT l.is_wanted AND d.deleted_at IS NULL) AS leaving
FROM page ORDER BY page.rank, page.id"
);

/// A page of students by name, and how many there are on all pages.
pub async fn people(tx: &mut Tx, filter: &Filter, limit: i64, offset: i64) -> Result<(Vec<Placed>, i64)> {
    let [school, class, section, active, folded, raw] = filter.values();
    let rows: Vec<Placed> =
        tx.all(PEOPLE, [school, class, section, active, folded, raw, limit.into(), offset.into()]).await?;
    let total = rows.first().map_or(0, |row| row.total);
    Ok((rows, total))
}

/// A terminal of the school, and what it has of a student.
#[derive(Clone, PartialEq, Debug, sqlx::FromRow)]
pub struct OnTerminal {
    pub id: DeviceId,
    pub device_name: String,
    pub is_online: bool,
    pub dialect: Option<String>,
    /// He belongs there.
    pub is_wanted: bool,
    /// The terminal has him, as far as it said.
    pub is_held: bool,
    /// As in [`super::StudentState`].
    pub sync_status: String,
    pub error_message: Option<String>,
    pub device_pin: Option<String>,
    pub verified_at: Option<Instant>,
}

const TERMINALS: &str = "
SELECT d.id, d.device_name, d.is_online, d.dialect, b.student_id IS NOT NULL AS is_wanted,
  COALESCE(l.is_held, FALSE) AS is_held,
  CASE WHEN l.is_wanted OR l.is_held THEN l.sync_status ELSE 'not_synced' END AS sync_status, l.error_message, l.device_pin,
  CASE WHEN l.is_wanted AND l.sync_status = 'synced' AND l.verified_version = l.wanted_version
    THEN l.verified_at END AS verified_at
FROM devices d
LEFT JOIN belonging b ON b.device_id = d.id AND b.student_id = $2
LEFT JOIN device_user_sync_status l ON l.device_id = d.id AND l.student_id = $2
WHERE d.school_id = $1 AND d.deleted_at IS NULL AND d.is_active
ORDER BY d.device_name, d.id";

/// The terminals of a school by name, the ninth door before the tenth, with what each has of a student.
pub async fn terminals_of(tx: &mut Tx, school: SchoolId, student: Option<StudentId>) -> Result<Vec<OnTerminal>> {
    let mut terminals: Vec<OnTerminal> = tx.all(TERMINALS, [school.into(), student.into()]).await?;
    terminals.sort_by_cached_key(|terminal| search::order(&terminal.device_name));
    Ok(terminals)
}

impl Placed {
    /// Everywhere where he belongs, and nowhere else.
    pub fn is_in_step(&self) -> bool {
        self.synced == self.wanted && self.leaving == 0
    }
}
