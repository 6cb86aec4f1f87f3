//! The rows of `classes`.

use jiff::Timestamp;

use super::{ClassId, SchoolId, names, schools};
use crate::store::{self, Instant, Tx};

/// A row of `classes`.
#[derive(Clone, PartialEq, Debug, sqlx::FromRow, serde::Serialize, utoipa::ToSchema)]
#[expect(clippy::struct_field_names, reason = "named as the columns")]
pub struct Class {
    pub id: ClassId,
    pub school_id: SchoolId,
    pub class_name: String,
    pub created_at: Instant,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Name(#[from] names::Error),
    #[error("there is no school {0}")]
    NoSuchSchool(SchoolId),
    #[error("the school has a class \"{0}\" already")]
    NameTaken(String),
    #[error(transparent)]
    Store(#[from] store::Error),
}

const CREATE: &str = "
INSERT INTO classes (school_id, class_name, created_at) VALUES ($1, $2, $3)
RETURNING id, school_id, class_name, created_at";

pub async fn create(tx: &mut Tx, school: SchoolId, class_name: &str, now: Timestamp) -> Result<Class, Error> {
    let class_name = names::clean(class_name)?;
    if schools::lock(tx, school).await?.is_none() {
        return Err(Error::NoSuchSchool(school));
    }
    if by_name(tx, school, &class_name).await?.is_some() {
        return Err(Error::NameTaken(class_name));
    }
    Ok(tx.one(CREATE, [school.into(), class_name.into(), now.into()]).await?)
}

const FIND: &str = "
SELECT classes.id, school_id, class_name, classes.created_at
FROM classes JOIN schools ON schools.id = school_id
WHERE classes.id = $1 AND schools.deleted_at IS NULL";

pub async fn find(tx: &mut Tx, id: ClassId) -> store::Result<Option<Class>> {
    tx.optional(FIND, [id.into()]).await
}

const BY_NAME: &str = "
SELECT id, school_id, class_name, created_at FROM classes WHERE school_id = $1 AND class_name = $2 ORDER BY id LIMIT 1";

pub async fn by_name(tx: &mut Tx, school: SchoolId, class_name: &str) -> store::Result<Option<Class>> {
    tx.optional(BY_NAME, [school.into(), class_name.into()]).await
}

const LIST: &str = "
SELECT classes.id, school_id, class_name, classes.created_at
FROM classes JOIN schools ON schools.id = school_id
WHERE schools.deleted_at IS NULL AND (CAST($1 AS BIGINT) IS NULL OR school_id = $1)
ORDER BY classes.id";

/// The classes of a school, or all.
pub async fn list(tx: &mut Tx, school: Option<SchoolId>) -> store::Result<Vec<Class>> {
    tx.all(LIST, [school.into()]).await
}

const RENAME: &str = "
UPDATE classes SET class_name = $2 WHERE id = $1 RETURNING id, school_id, class_name, created_at";

/// `None` when the class is gone.
pub async fn rename(tx: &mut Tx, class: &Class, class_name: &str) -> Result<Option<Class>, Error> {
    let class_name = names::clean(class_name)?;
    schools::lock(tx, class.school_id).await?;
    if by_name(tx, class.school_id, &class_name).await?.is_some_and(|other| other.id != class.id) {
        return Err(Error::NameTaken(class_name));
    }
    Ok(tx.optional(RENAME, [class.id.into(), class_name.into()]).await?)
}

const DELETE: &str = "DELETE FROM classes WHERE id = $1";

/// Removes a class and its sections. Its students stay, without a class.
pub async fn delete(tx: &mut Tx, id: ClassId) -> store::Result<()> {
    tx.execute(DELETE, [id.into()]).await?;
    Ok(())
}
