//! Files between the look at what they would do and the deed.
//!
//! A file is kept here and not in the browser: what is applied is what was looked at, nobody has to send ten megabytes
//! twice, and with several servers any of them has it. Only whoever brought it gets it back, within an hour; he has at
//! most [`KEPT`] of them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};

use super::runs;
use crate::{
    accounts::UserId,
    school::SchoolId,
    store::{Db, Instant, Result, Tx},
};

/// So long a file waits.
pub const LASTS: SignedDuration = SignedDuration::from_hours(1);
/// Files of one user.
const KEPT: u32 = 5;

/// A file that somebody brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    pub id: String,
    /// None for a set of several schools.
    pub school: Option<SchoolId>,
    pub file_name: String,
    pub content: Vec<u8>,
}

const KEEP: &str = "
INSERT INTO import_drafts (id, user_id, school_id, file_name, content, created_at) VALUES ($1, $2, $3, $4, $5, $6)";
const EXPIRED: &str = "
SELECT (SELECT COUNT(*) FROM import_drafts WHERE created_at < $1)
  + (SELECT COUNT(*) FROM import_runs WHERE begun_at < $1)";
const EXPIRE: &str = "DELETE FROM import_drafts WHERE created_at < $1";
const TRIM: &str = "
DELETE FROM import_drafts WHERE user_id = $1 AND id NOT IN (
  SELECT id FROM import_drafts WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2)";

/// Keeps a file under an id that nobody can guess, and drops what has become too old.
pub async fn keep(tx: &mut Tx, user: UserId, draft: Draft, now: Timestamp) -> Result<()> {
    tx.execute(EXPIRE, [oldest(now).into()]).await?;
    let content = BASE64_STANDARD.encode(&draft.content);
    let values =
        [draft.id.into(), user.into(), draft.school.into(), draft.file_name.into(), content.into(), now.into()];
    tx.execute(KEEP, values).await?;
    tx.execute(TRIM, [user.into(), KEPT.into()]).await?;
    Ok(())
}

const FIND: &str = "
SELECT id, school_id, file_name, content, created_at FROM import_drafts
WHERE id = $1 AND user_id = $2 AND created_at >= $3";

/// The user's own file; nothing when it is somebody else's, or gone.
pub async fn find(tx: &mut Tx, user: UserId, id: &str, now: Timestamp) -> Result<Option<Draft>> {
    let row: Option<(String, Option<SchoolId>, String, String, Instant)> =
        tx.optional(FIND, [id.into(), user.into(), oldest(now).into()]).await?;
    Ok(row.and_then(|(id, school, file_name, content, _)| {
        let content = BASE64_STANDARD.decode(content).ok()?;
        Some(Draft { id, school, file_name, content })
    }))
}

/// Drops what has become too old, whether anybody brings another file or not: files, and what became of them.
pub async fn expire(db: &Db, now: Timestamp) -> Result<()> {
    let mut tx = db.read().await?;
    let (expired,): (i64,) = tx.one(EXPIRED, [oldest(now).into()]).await?;
    std::mem::drop(tx);
    if expired > 0 {
        let mut tx = db.write().await?;
        tx.execute(EXPIRE, [oldest(now).into()]).await?;
        runs::expire(&mut tx, oldest(now)).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// A file that waits and may name students of a school.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, sqlx::FromRow)]
pub struct Waiting {
    pub file_name: String,
    pub brought_by: String,
    pub created_at: Instant,
}

const WAITING: &str = "
SELECT f.file_name, u.email AS brought_by, f.created_at FROM import_drafts f JOIN users u ON u.id = f.user_id
WHERE f.school_id = $1 OR f.school_id IS NULL ORDER BY f.created_at, f.id";

/// Files for a school, or for several.
pub async fn waiting(tx: &mut Tx, school: SchoolId) -> Result<Vec<Waiting>> {
    tx.all(WAITING, [school.into()]).await
}

const DROP_ALL: &str = "DELETE FROM import_drafts WHERE school_id = $1 OR school_id IS NULL";

/// Drops the files for a school, or for several, unread: they may name anybody. Whoever brought one brings it again.
pub async fn drop_all(tx: &mut Tx, school: SchoolId) -> Result<u64> {
    runs::drop_all(tx, school).await?;
    tx.execute(DROP_ALL, [school.into()]).await
}

const DROP: &str = "DELETE FROM import_drafts WHERE id = $1 AND user_id = $2";

pub async fn drop(tx: &mut Tx, user: UserId, id: &str) -> Result<()> {
    tx.execute(DROP, [id.into(), user.into()]).await?;
    Ok(())
}

const USED: &str = "DELETE FROM import_drafts WHERE id = $1";

/// It is applied.
pub(super) async fn used(tx: &mut Tx, id: &str) -> Result<()> {
    tx.execute(USED, [id.into()]).await?;
    Ok(())
}

fn oldest(now: Timestamp) -> Timestamp {
    now.checked_sub(LASTS).unwrap_or(Timestamp::MIN)
}
