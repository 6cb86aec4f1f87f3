//! The rows of `students`.
//!
//! Whoever writes here reconciles the student in the same transaction (`sync::reconcile`).

use jiff::Timestamp;
use push_protocol::text::{Card, TextError};

pub use super::derived::derive_columns;
use super::{
    ClassId, SchoolId, SectionId, StudentId,
    derived::{self, Derived, derive_school},
    names,
    placement::{self, Placement},
    schools, search,
};
use crate::store::{self, Instant, Tx, Value};

/// A row of `students`, with the names around it.
#[derive(Clone, PartialEq, Debug, sqlx::FromRow, serde::Serialize, utoipa::ToSchema)]
pub struct Student {
    pub id: StudentId,
    pub school_id: SchoolId,
    pub class_id: Option<ClassId>,
    pub section_id: Option<SectionId>,
    pub class_name: Option<String>,
    pub section_name: Option<String>,
    pub full_name: String,
    /// As it was typed: decimal digits, or hexadecimal with a letter or `0x`.
    pub rfid_card_id: Option<String>,
    pub roll_number: Option<String>,
    pub is_active: bool,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// What a person sets of a student.
#[derive(Clone, PartialEq, Debug)]
pub struct Draft {
    pub school_id: SchoolId,
    pub class_id: Option<ClassId>,
    pub section_id: Option<SectionId>,
    pub full_name: String,
    pub rfid_card_id: Option<String>,
    pub roll_number: Option<String>,
    pub is_active: bool,
}

/// Which students to list; what is `None` does not narrow.
#[derive(Clone, Default, Debug)]
pub struct Filter {
    pub school_id: Option<SchoolId>,
    pub class_id: Option<ClassId>,
    pub section_id: Option<SectionId>,
    pub is_active: Option<bool>,
    /// Part of a name, a card or a roll number, whatever the accents and capitals.
    pub search: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Name(names::Error),
    #[error(transparent)]
    Card(#[from] TextError),
    #[error("{full_name} (student {id}) has this card")]
    CardTaken { id: StudentId, full_name: String },
    #[error("there is no school {0}")]
    NoSuchSchool(SchoolId),
    #[error(transparent)]
    Placement(#[from] placement::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

const CREATE: &str = "
INSERT INTO students (school_id, class_id, section_id, full_name, rfid_card_id, roll_number, is_active, search_text,
  card_number, derived_from, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
RETURNING id";

pub async fn create(tx: &mut Tx, draft: Draft, now: Timestamp) -> Result<Student, Error> {
    let draft = checked(tx, None, draft).await?;
    let derived = Derived::of(&draft.full_name, draft.rfid_card_id.as_deref());
    let values = [
        draft.school_id.into(),
        draft.class_id.into(),
        draft.section_id.into(),
        draft.full_name.into(),
        draft.rfid_card_id.into(),
        draft.roll_number.into(),
        draft.is_active.into(),
        derived.search_text.into(),
        derived.card_number.into(),
        derived.derived_from.into(),
        now.into(),
    ];
    let (id,): (StudentId,) = tx.one(CREATE, values).await?;
    Ok(tx.one(FIND, [id.into()]).await?)
}

const FIND: &str = "
SELECT students.id, students.school_id, students.class_id, students.section_id, class_name, section_name, full_name,
  rfid_card_id, roll_number, is_active, students.created_at, students.updated_at
FROM students
JOIN schools ON schools.id = students.school_id
LEFT JOIN classes ON classes.id = students.class_id
LEFT JOIN sections ON sections.id = students.section_id
WHERE students.id = $1 AND students.deleted_at IS NULL AND schools.deleted_at IS NULL";

pub async fn find(tx: &mut Tx, id: StudentId) -> store::Result<Option<Student>> {
    tx.optional(FIND, [id.into()]).await
}

const LOCK: &str = "SELECT id FROM students WHERE id = $1";

/// As [`find`], and nobody else changes the student before the transaction ends.
pub async fn lock(tx: &mut Tx, id: StudentId) -> store::Result<Option<Student>> {
    tx.lock(LOCK, [id.into()]).await?;
    find(tx, id).await
}

/// The students whom a [`Filter`] leaves, with what their lists show of their class: `$select`, this, `$tail`. The raw texts
/// are searched for rows that another program wrote and whose `search_text` is not made yet.
macro_rules! matching_students {
    ($select:literal, $tail:literal) => {
        concat!(
            $select,
            "
FROM students
JOIN schools ON schools.id = students.school_id
LEFT JOIN classes ON classes.id = students.class_id
LEFT JOIN sections ON sections.id = students.section_id
WHERE students.deleted_at IS NULL AND schools.deleted_at IS NULL
  AND (CAST($1 AS BIGINT) IS NULL OR students.school_id = $1)
  AND (CAST($2 AS BIGINT) IS NULL OR students.class_id = $2)
  AND (CAST($3 AS BIGINT) IS NULL OR students.section_id = $3)
  AND (CAST($4 AS BOOLEAN) IS NULL OR is_active = $4)
  AND (CAST($5 AS TEXT) IS NULL OR search_text LIKE $5 ESCAPE '\\'
    OR lower(full_name) LIKE $6 ESCAPE '\\' OR lower(rfid_card_id) LIKE $6 ESCAPE '\\'
    OR lower(roll_number) LIKE $6 ESCAPE '\\')",
            $tail
        )
    };
}
pub(crate) use matching_students;

const LIST: &str = matching_students!(
    "
SELECT students.id, students.school_id, students.class_id, students.section_id, class_name, section_name, full_name,
  rfid_card_id, roll_number, is_active, students.created_at, students.updated_at",
    "
ORDER BY COALESCE(search_text, full_name), students.id LIMIT $7 OFFSET $8"
);
const COUNT: &str = matching_students!("SELECT COUNT(*)", "");

/// A page of students by name, and how many there are on all pages.
pub async fn list(tx: &mut Tx, filter: &Filter, limit: u32, offset: i64) -> store::Result<(Vec<Student>, i64)> {
    let [school, class, section, active, folded, raw] = filter.values();
    let rows = tx.all(LIST, [school, class, section, active, folded, raw, limit.into(), offset.into()]).await?;
    let (total,): (i64,) = tx.one(COUNT, filter.values()).await?;
    Ok((rows, total))
}

const UPDATE: &str = "
UPDATE students SET school_id = $2, class_id = $3, section_id = $4, full_name = $5, rfid_card_id = $6, roll_number = $7,
  is_active = $8, search_text = $9, card_number = $10, derived_from = $11, updated_at = $12
WHERE id = $1";

/// Writes a student who was [`lock`]ed. A class and section that he keeps and that do not fit his new school or class are
/// cleared.
pub async fn update(tx: &mut Tx, before: &Student, draft: Draft, now: Timestamp) -> Result<Student, Error> {
    let draft = checked(tx, Some(before), draft).await?;
    let derived = Derived::of(&draft.full_name, draft.rfid_card_id.as_deref());
    let values = [
        before.id.into(),
        draft.school_id.into(),
        draft.class_id.into(),
        draft.section_id.into(),
        draft.full_name.into(),
        draft.rfid_card_id.into(),
        draft.roll_number.into(),
        draft.is_active.into(),
        derived.search_text.into(),
        derived.card_number.into(),
        derived.derived_from.into(),
        now.into(),
    ];
    tx.execute(UPDATE, values).await?;
    Ok(tx.one(FIND, [before.id.into()]).await?)
}

const DELETE: &str = "
UPDATE students SET is_active = FALSE, deleted_at = $2, updated_at = $2 WHERE id = $1 AND deleted_at IS NULL";

/// Hides a student. His punches keep him.
pub async fn delete(tx: &mut Tx, id: StudentId, now: Timestamp) -> store::Result<()> {
    tx.execute(DELETE, [id.into(), now.into()]).await?;
    Ok(())
}

const HOLDER: &str = "
SELECT id, full_name FROM students
WHERE school_id = $1 AND card_number = $2 AND is_active AND deleted_at IS NULL
  AND (CAST($3 AS BIGINT) IS NULL OR id <> $3)
ORDER BY id LIMIT 1";

/// The active student of the school who holds a card.
async fn holder(
    tx: &mut Tx,
    school: SchoolId,
    card: i64,
    except: Option<StudentId>,
) -> store::Result<Option<(StudentId, String)>> {
    derive_school(tx, school).await?;
    tx.optional(HOLDER, [school.into(), card.into(), except.into()]).await
}

/// The draft as it may be written; the school is locked until the transaction ends.
async fn checked(tx: &mut Tx, before: Option<&Student>, draft: Draft) -> Result<Draft, Error> {
    if schools::lock(tx, draft.school_id).await?.is_none() {
        return Err(Error::NoSuchSchool(draft.school_id));
    }
    let rfid_card_id = draft.rfid_card_id.as_deref().map(str::trim).filter(|card| !card.is_empty());
    // A card that another program wrote and nobody can read must not hinder a change of the name.
    if rfid_card_id != before.and_then(|before| before.rfid_card_id.as_deref()) {
        rfid_card_id.map(Card::parse).transpose()?;
    }
    if let Some(card) = rfid_card_id.and_then(derived::card_number).filter(|_| draft.is_active)
        && let Some((id, full_name)) = holder(tx, draft.school_id, card, before.map(|before| before.id)).await?
    {
        return Err(Error::CardTaken { id, full_name });
    }
    let Placement { class_id, section_id } = placement::place(tx, before, &draft).await?;
    Ok(Draft {
        school_id: draft.school_id,
        class_id,
        section_id,
        full_name: names::clean(&draft.full_name).map_err(Error::Name)?,
        rfid_card_id: rfid_card_id.map(str::to_owned),
        roll_number: names::clean_optional(draft.roll_number.as_deref()),
        is_active: draft.is_active,
    })
}

impl Filter {
    /// The values of the conditions, in the order of the fields; the search folded, and as it was typed.
    pub fn values(&self) -> [Value; 6] {
        let wanted = self.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
        [
            self.school_id.into(),
            self.class_id.into(),
            self.section_id.into(),
            self.is_active.into(),
            wanted.map(|text| search::pattern(&search::fold(text))).into(),
            wanted.map(|text| search::pattern(&text.to_lowercase())).into(),
        ]
    }
}

impl From<&Student> for Draft {
    fn from(student: &Student) -> Draft {
        Draft {
            school_id: student.school_id,
            class_id: student.class_id,
            section_id: student.section_id,
            full_name: student.full_name.clone(),
            rfid_card_id: student.rfid_card_id.clone(),
            roll_number: student.roll_number.clone(),
            is_active: student.is_active,
        }
    }
}
