//! Who changed what, and when.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::UserId;
use crate::{
    school::{SchoolId, search},
    store::{Instant, Result, Tx, Value},
};

/// Whoever a change is attributed to.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    pub user_id: Option<UserId>,
    /// The user's e-mail address, or the name of the part of the program.
    pub name: &'a str,
}

impl Actor<'static> {
    /// Somebody at the server's command line.
    pub const COMMAND_LINE: Actor<'static> = Actor { user_id: None, name: "command line" };
    /// Whatever is older than the settings say, at night.
    pub const RETENTION: Actor<'static> = Actor { user_id: None, name: "retention" };
}

/// One change.
#[derive(Clone, Debug)]
pub struct Change {
    /// A verb: `create`, `update`, `delete`, `login`, `approve`, …
    pub action: &'static str,
    /// The kind of thing, in the singular: `student`, `device`, …
    pub entity: &'static str,
    pub entity_id: String,
    /// Decides which school's admins see the row.
    pub school_id: Option<SchoolId>,
    /// What was set, for the person who asks later. Never a secret.
    pub details: Json,
}

const RECORD: &str = "
INSERT INTO audit_logs (at, user_id, actor, action, entity, entity_id, school_id, details)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Writes one row of `audit_logs`, in the transaction of the change itself.
pub async fn record(tx: &mut Tx, actor: Actor<'_>, change: Change, now: Timestamp) -> Result<()> {
    let values = [
        now.into(),
        actor.user_id.into(),
        actor.name.into(),
        change.action.into(),
        change.entity.into(),
        change.entity_id.into(),
        change.school_id.into(),
        (!change.details.is_null()).then(|| change.details.to_string()).into(),
    ];
    tx.execute(RECORD, values).await?;
    Ok(())
}

const FORGET: &str = "
DELETE FROM audit_logs WHERE id IN (SELECT id FROM audit_logs WHERE at < $1 ORDER BY id LIMIT $2)";

/// Forgets so many rows from before then. Answers how many.
pub async fn forget(tx: &mut Tx, before: Timestamp, at_most: u32) -> Result<u64> {
    tx.execute(FORGET, [before.into(), at_most.into()]).await
}

/// A row of `audit_logs`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Record {
    pub id: i64,
    pub at: Instant,
    pub user_id: Option<UserId>,
    pub actor: String,
    pub action: String,
    pub entity: String,
    pub entity_id: Option<String>,
    pub school_id: Option<SchoolId>,
    /// JSON.
    pub details: Option<String>,
}

/// Which rows to list; what is `None` does not narrow.
#[derive(Clone, Default, Debug)]
pub struct Filter {
    pub school_id: Option<SchoolId>,
    pub user_id: Option<UserId>,
    pub entity: Option<String>,
    pub entity_id: Option<String>,
    pub action: Option<String>,
    /// Part of the actor's name.
    pub search: Option<String>,
}

macro_rules! matching {
    ($select:literal, $tail:literal) => {
        concat!(
            $select,
            "
FROM audit_logs
WHERE (CAST($1 AS BIGINT) IS NULL OR school_id = $1) AND (CAST($2 AS BIGINT) IS NULL OR user_id = $2)
  AND (CAST($3 AS TEXT) IS NULL OR entity = $3) AND (CAST($4 AS TEXT) IS NULL OR entity_id = $4)
  AND (CAST($5 AS TEXT) IS NULL OR action = $5)
  AND (CAST($6 AS TEXT) IS NULL OR lower(actor) LIKE $6 ESCAPE '\\')",
            $tail
        )
    };
}

const LIST: &str = matching!(
    "SELECT id, at, user_id, actor, action, entity, entity_id, school_id, details",
    " ORDER BY at DESC, id DESC LIMIT $7 OFFSET $8"
);
const COUNT: &str = matching!("SELECT COUNT(*)", "");

/// A page of rows, newest first, and how many there are on all pages.
pub async fn list(tx: &mut Tx, filter: &Filter, limit: u32, offset: i64) -> Result<(Vec<Record>, i64)> {
    let values = || -> [Value; 6] {
        [
            filter.school_id.into(),
            filter.user_id.into(),
            filter.entity.clone().into(),
            filter.entity_id.clone().into(),
            filter.action.clone().into(),
            filter.search.as_deref().map(|text| search::pattern(&text.to_lowercase())).into(),
        ]
    };
    let [school, user, entity, entity_id, action, actor] = values();
    let page = [school, user, entity, entity_id, action, actor, limit.into(), offset.into()];
    let rows = tx.all(LIST, page).await?;
    let (total,): (i64,) = tx.one(COUNT, values()).await?;
    Ok((rows, total))
}
