//! The rows of `sections`.

use jiff::Timestamp;

use super::{ClassId, SchoolId, SectionId, classes, names, schools};
use crate::store::{self, Instant, Tx};

/// A row of `sections`, with the names around it.
#[derive(Clone, PartialEq, Debug, sqlx::FromRow, serde::Serialize, utoipa::ToSchema)]
#[expect(clippy::struct_field_names, reason = "named as the columns")]
pub struct Section {
    pub id: SectionId,
    pub class_id: ClassId,
    pub section_name: String,
    pub school_id: SchoolId,
    pub class_name: String,
    pub created_at: Instant,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Name(#[from] names::Error),
    #[error("there is no class {0}")]
    NoSuchClass(ClassId),
    #[error("the class has a section \"{0}\" already")]
    NameTaken(String),
    #[error(transparent)]
    Store(#[from] store::Error),
}

const CREATE: &str = "INSERT INTO sections (class_id, section_name, created_at) VALUES ($1, $2, $3) RETURNING id";

pub async fn create(tx: &mut Tx, class: ClassId, section_name: &str, now: Timestamp) -> Result<Section, Error> {
    let section_name = names::clean(section_name)?;
    let Some(class) = classes::find(tx, class).await? else { return Err(Error::NoSuchClass(class)) };
    schools::lock(tx, class.school_id).await?;
    if by_name(tx, class.id, &section_name).await?.is_some() {
        return Err(Error::NameTaken(section_name));
    }
    let (id,): (SectionId,) = tx.one(CREATE, [class.id.into(), section_name.into(), now.into()]).await?;
    Ok(tx.one(FIND, [id.into()]).await?)
}

const FIND: &str = "
SELECT sections.id, class_id, section_name, school_id, class_name, sections.created_at
FROM sections JOIN classes ON classes.id = class_id JOIN schools ON schools.id = school_id
WHERE sections.id = $1 AND schools.deleted_at IS NULL";

pub async fn find(tx: &mut Tx, id: SectionId) -> store::Result<Option<Section>> {
    tx.optional(FIND, [id.into()]).await
}

const BY_NAME: &str = "
SELECT sections.id, class_id, section_name, school_id, class_name, sections.created_at
FROM sections JOIN classes ON classes.id = class_id
WHERE class_id = $1 AND section_name = $2 ORDER BY sections.id LIMIT 1";

pub async fn by_name(tx: &mut Tx, class: ClassId, section_name: &str) -> store::Result<Option<Section>> {
    tx.optional(BY_NAME, [class.into(), section_name.into()]).await
}

const LIST: &str = "
SELECT sections.id, class_id, section_name, school_id, class_name, sections.created_at
FROM sections JOIN classes ON classes.id = class_id JOIN schools ON schools.id = school_id
WHERE schools.deleted_at IS NULL AND (CAST($1 AS BIGINT) IS NULL OR school_id = $1)
  AND (CAST($2 AS BIGINT) IS NULL OR class_id = $2)
ORDER BY sections.id";

/// The sections of a class, of a school, or all.
pub async fn list(tx: &mut Tx, school: Option<SchoolId>, class: Option<ClassId>) -> store::Result<Vec<Section>> {
    tx.all(LIST, [school.into(), class.into()]).await
}

const RENAME: &str = "UPDATE sections SET section_name = $2 WHERE id = $1";

/// `None` when the section is gone.
pub async fn rename(tx: &mut Tx, section: &Section, section_name: &str) -> Result<Option<Section>, Error> {
    let section_name = names::clean(section_name)?;
    schools::lock(tx, section.school_id).await?;
    if by_name(tx, section.class_id, &section_name).await?.is_some_and(|other| other.id != section.id) {
        return Err(Error::NameTaken(section_name));
    }
    tx.execute(RENAME, [section.id.into(), section_name.into()]).await?;
    Ok(find(tx, section.id).await?)
}

const DELETE: &str = "DELETE FROM sections WHERE id = $1";

/// Removes a section. Its students stay in their class.
pub async fn delete(tx: &mut Tx, id: SectionId) -> store::Result<()> {
    tx.execute(DELETE, [id.into()]).await?;
    Ok(())
}
