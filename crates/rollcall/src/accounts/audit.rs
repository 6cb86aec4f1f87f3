//! Who changed what, and when.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::UserId;
use crate::{
    school::SchoolId,
    store::{Result, Tx},
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
