//! The rows of `users`.

use jiff::Timestamp;

use super::{Role, UserId, passwords::PasswordHash};
use crate::{
    school::{SchoolId, schools},
    store::{self, Instant, Tx},
};

/// A row of `users` without its password.
#[derive(Clone, PartialEq, Debug, sqlx::FromRow, serde::Serialize, utoipa::ToSchema)]
pub struct User {
    pub id: UserId,
    pub email: String,
    #[sqlx(try_from = "String")]
    pub role: Role,
    pub school_id: Option<SchoolId>,
    pub full_name: Option<String>,
    pub is_active: bool,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// What makes a user.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub email: String,
    /// From [`super::passwords::hash`], before the transaction began.
    pub password: PasswordHash,
    pub role: Role,
    /// Required for every role but superadmin, which has none.
    pub school_id: Option<SchoolId>,
    pub full_name: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("\"{0}\" is not an e-mail address")]
    Email(String),
    #[error("{0} is the address of another user")]
    EmailTaken(String),
    #[error("a {0} belongs to a school: give its id")]
    SchoolMissing(Role),
    #[error("a superadmin belongs to no school")]
    SchoolGiven,
    #[error("there is no school {0}")]
    NoSuchSchool(SchoolId),
    #[error("this is the last superadmin who can log in")]
    LastSuperadmin,
    #[error(transparent)]
    Store(#[from] store::Error),
}

const CREATE: &str = "
INSERT INTO users (email, password_hash, role, school_id, full_name, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT (email) DO NOTHING
RETURNING id, email, role, school_id, full_name, is_active, created_at, updated_at";

pub async fn create(tx: &mut Tx, new: NewUser, now: Timestamp) -> Result<User, Error> {
    let email = clean_email(&new.email)?;
    check_school(tx, new.role, new.school_id).await?;
    if by_email(tx, &email).await?.is_some() {
        return Err(Error::EmailTaken(email));
    }
    let values = [
        email.as_str().into(),
        new.password.as_str().into(),
        new.role.as_str().into(),
        new.school_id.into(),
        clean_name(new.full_name).into(),
        now.into(),
    ];
    tx.optional(CREATE, values).await?.ok_or(Error::EmailTaken(email))
}

const FIND: &str = "
SELECT id, email, role, school_id, full_name, is_active, created_at, updated_at FROM users WHERE id = $1";

pub async fn find(tx: &mut Tx, id: UserId) -> store::Result<Option<User>> {
    tx.optional(FIND, [id.into()]).await
}

// Rows that another program wrote may have capitals.
const BY_EMAIL: &str = "
SELECT id, email, role, school_id, full_name, is_active, created_at, updated_at FROM users
WHERE lower(email) = $1 ORDER BY id LIMIT 1";

/// The user of an address, however it is capitalised.
pub async fn by_email(tx: &mut Tx, email: &str) -> store::Result<Option<User>> {
    tx.optional(BY_EMAIL, [email.trim().to_lowercase().into()]).await
}

const LIST: &str = "
SELECT id, email, role, school_id, full_name, is_active, created_at, updated_at FROM users
WHERE CAST($1 AS BIGINT) IS NULL OR school_id = $1
ORDER BY email, id";

/// All users, or those of a school.
pub async fn list(tx: &mut Tx, school: Option<SchoolId>) -> store::Result<Vec<User>> {
    tx.all(LIST, [school.into()]).await
}

const ANY: &str = "SELECT EXISTS (SELECT 1 FROM users)";

/// Whether there is any user at all.
pub async fn any(tx: &mut Tx) -> store::Result<bool> {
    let (any,): (bool,) = tx.one(ANY, []).await?;
    Ok(any)
}

const LOCK: &str = "SELECT id FROM users WHERE role = 'superadmin' OR id = $1 ORDER BY id";

/// As [`find`], and nobody else changes the user, or a superadmin, before the transaction ends: two superadmins who demote
/// each other must not both succeed.
pub async fn lock(tx: &mut Tx, id: UserId) -> store::Result<Option<User>> {
    tx.lock(LOCK, [id.into()]).await?;
    find(tx, id).await
}

const UPDATE: &str = "
UPDATE users SET email = $2, role = $3, school_id = $4, full_name = $5, is_active = $6, updated_at = $7
WHERE id = $1
RETURNING id, email, role, school_id, full_name, is_active, created_at, updated_at";

/// Writes a user who was [`lock`]ed.
pub async fn update(tx: &mut Tx, user: User, now: Timestamp) -> Result<User, Error> {
    let email = clean_email(&user.email)?;
    check_school(tx, user.role, user.school_id).await?;
    if by_email(tx, &email).await?.is_some_and(|other| other.id != user.id) {
        return Err(Error::EmailTaken(email));
    }
    if !(user.is_active && user.role == Role::Superadmin) {
        keep_a_superadmin(tx, user.id).await?;
    }
    let values = [
        user.id.into(),
        email.into(),
        user.role.as_str().into(),
        user.school_id.into(),
        clean_name(user.full_name).into(),
        user.is_active.into(),
        now.into(),
    ];
    Ok(tx.one(UPDATE, values).await?)
}

const SET_PASSWORD: &str = "UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1";

pub async fn set_password(tx: &mut Tx, id: UserId, password: &PasswordHash, now: Timestamp) -> store::Result<()> {
    tx.execute(SET_PASSWORD, [id.into(), password.as_str().into(), now.into()]).await?;
    Ok(())
}

const PASSWORD_OF: &str = "SELECT password_hash FROM users WHERE id = $1";

pub async fn password_of(tx: &mut Tx, id: UserId) -> store::Result<Option<PasswordHash>> {
    let row: Option<(String,)> = tx.optional(PASSWORD_OF, [id.into()]).await?;
    Ok(row.map(|(hash,)| PasswordHash::stored(hash)))
}

const DELETE: &str = "DELETE FROM users WHERE id = $1";

/// Removes a user who was [`lock`]ed, and his tokens. What he did stays in the audit log under his address.
pub async fn delete(tx: &mut Tx, id: UserId) -> Result<(), Error> {
    keep_a_superadmin(tx, id).await?;
    tx.execute(DELETE, [id.into()]).await?;
    Ok(())
}

const SUPERADMINS: &str = "SELECT id FROM users WHERE role = 'superadmin' AND is_active";

/// Refuses to lose the last person who can do everything.
async fn keep_a_superadmin(tx: &mut Tx, leaving: UserId) -> Result<(), Error> {
    let superadmins: Vec<(UserId,)> = tx.all(SUPERADMINS, []).await?;
    if superadmins == [(leaving,)] { Err(Error::LastSuperadmin) } else { Ok(()) }
}

async fn check_school(tx: &mut Tx, role: Role, school: Option<SchoolId>) -> Result<(), Error> {
    match (role, school) {
        (Role::Superadmin, None) => Ok(()),
        (Role::Superadmin, Some(_)) => Err(Error::SchoolGiven),
        (_, None) => Err(Error::SchoolMissing(role)),
        (_, Some(school)) => match schools::find(tx, school).await? {
            Some(_) => Ok(()),
            None => Err(Error::NoSuchSchool(school)),
        },
    }
}

fn clean_email(text: &str) -> Result<String, Error> {
    let email = text.trim().to_lowercase();
    let well_formed = email.len() <= 254
        && !email.contains(|c: char| c.is_whitespace() || c.is_control())
        && email
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if well_formed { Ok(email) } else { Err(Error::Email(text.to_owned())) }
}

fn clean_name(name: Option<String>) -> Option<String> {
    name.map(|name| name.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|name| !name.is_empty())
}
