//! Files between the look at what they would do and the deed.
//!
//! A file is kept here and not in the browser: what is applied is what was looked at, nobody has to send ten megabytes
//! twice, and with several servers any of them has it. Only whoever brought it gets it back, within an hour; he has at
//! most [`KEPT`] of them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};

use crate::{
    accounts::UserId,
    school::SchoolId,
    store::{Instant, Result, Tx},
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

const DROP: &str = "DELETE FROM import_drafts WHERE id = $1 AND user_id = $2";

pub async fn drop(tx: &mut Tx, user: UserId, id: &str) -> Result<()> {
    tx.execute(DROP, [id.into(), user.into()]).await?;
    Ok(())
}

fn oldest(now: Timestamp) -> Timestamp {
    now.checked_sub(LASTS).unwrap_or(Timestamp::MIN)
}
