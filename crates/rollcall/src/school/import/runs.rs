//! An import that somebody agreed to, while it is done and for an hour after: how far it is, and what it came to.
//!
//! The row stands apart from the work, so that every server can show it and no browser has to stay. A run begins once, however
//! often somebody asks for it. That the roster is written is written down in the same transaction: what a server leaves behind
//! that is killed is nothing or all, and the row says which.

use jiff::{SignedDuration, Timestamp};

use super::{
    Report,
    drafts::{self, Draft},
};
use crate::{
    accounts::UserId,
    school::SchoolId,
    store::{Instant, Result, Tx},
};

/// After so long without a sign of life nobody is at it any more.
const PATIENCE: SignedDuration = SignedDuration::from_secs(20);

/// How far an import is.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Run {
    pub id: String,
    /// None for a set of several schools.
    pub school_id: Option<SchoolId>,
    pub file_name: String,
    pub alive_at: Instant,
    /// Since when all of it is in the roster.
    pub written_at: Option<Instant>,
    pub ended_at: Option<Instant>,
    pub added: i64,
    pub changed: i64,
    pub deactivated: i64,
    pub rejected: i64,
    /// Terminals on which something changes, and for how many of them it is queued.
    pub terminals: i64,
    pub terminals_done: i64,
    /// Changes that wait for a decision.
    pub held: i64,
    pub problem: Option<String>,
}

/// [`Run::problem`]: the roster is another than the one that was looked at.
pub const OTHERWISE: &str = "otherwise";

/// What a page says of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State<'a> {
    /// The roster is being written, and nothing of it is seen before all is.
    Writing,
    /// What follows on terminals is being queued.
    Following,
    /// The server that was at it is gone. The roster is written, and the others queue the rest.
    LeftToOthers,
    Done,
    /// The server that was at it is gone, and nothing is written.
    Interrupted,
    /// Nothing is written, because the roster had changed since the look.
    Otherwise,
    /// Nothing is written, for this reason.
    Failed(&'a str),
}

impl Run {
    /// `is_here`: this server is at it itself, whatever it could write down of that.
    pub fn state(&self, now: Timestamp, is_here: bool) -> State<'_> {
        let is_alive = is_here || now.duration_since(self.alive_at.0) <= PATIENCE;
        match (&self.written_at, &self.ended_at, &self.problem) {
            (None, Some(_), Some(problem)) if problem == OTHERWISE => State::Otherwise,
            (None, Some(_), problem) => State::Failed(problem.as_deref().unwrap_or_default()),
            (None, None, _) if is_alive => State::Writing,
            (None, None, _) => State::Interrupted,
            (Some(_), Some(_), _) => State::Done,
            (Some(_), None, _) if is_alive => State::Following,
            (Some(_), None, _) => State::LeftToOthers,
        }
    }
}

/// One that ended, or was left, without writing anything may begin again.
const BEGIN: &str = "
INSERT INTO import_runs (id, user_id, school_id, file_name, begun_at, alive_at) VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT (id) DO UPDATE SET begun_at = excluded.begun_at, alive_at = excluded.alive_at, ended_at = NULL, problem = NULL
WHERE import_runs.written_at IS NULL AND (import_runs.ended_at IS NOT NULL OR import_runs.alive_at < $6)";

/// Whether the import may begin now: `false` when it is under way, or done.
pub async fn begin(tx: &mut Tx, user: UserId, draft: &Draft, now: Timestamp) -> Result<bool> {
    let (school, file_name) = (draft.school, draft.file_name.clone());
    let left = now.checked_sub(PATIENCE).unwrap_or(Timestamp::MIN);
    let values = [draft.id.clone().into(), user.into(), school.into(), file_name.into(), now.into(), left.into()];
    Ok(tx.execute(BEGIN, values).await? > 0)
}

const LIVE: &str = "UPDATE import_runs SET alive_at = $2 WHERE id = $1 AND ended_at IS NULL";

/// Somebody is still at it.
pub async fn live(tx: &mut Tx, id: &str, now: Timestamp) -> Result<()> {
    tx.execute(LIVE, [id.into(), now.into()]).await?;
    Ok(())
}

const OPEN: &str = "SELECT id FROM import_runs WHERE id = $1 AND written_at IS NULL";

/// Whether its roster may still be written, until the transaction ends: an erasure drops files, and whoever was erased must not
/// come back with one that somebody had in hand.
pub async fn is_open(tx: &mut Tx, id: &str) -> Result<bool> {
    tx.lock(OPEN, [id.into()]).await?;
    let open: Option<(String,)> = tx.optional(OPEN, [id.into()]).await?;
    Ok(open.is_some())
}

const WRITTEN: &str = "
UPDATE import_runs SET written_at = $2, alive_at = $2, added = $3, changed = $4, deactivated = $5, rejected = $6
WHERE id = $1 AND written_at IS NULL";

/// The roster is written, in the transaction that writes it. The file is not needed any more.
pub async fn written(tx: &mut Tx, id: &str, report: &Report, now: Timestamp) -> Result<()> {
    let Report { added, changed, deactivated, rejected, .. } = report;
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let numbers = [*added, *changed, *deactivated, rejected.len()].map(|n| count(n).into());
    let [added, changed, deactivated, rejected] = numbers;
    tx.execute(WRITTEN, [id.into(), now.into(), added, changed, deactivated, rejected]).await?;
    drafts::used(tx, id).await
}

const STEP: &str = "UPDATE import_runs SET terminals = $2, terminals_done = $3, alive_at = $4 WHERE id = $1";

/// For so many of the terminals it is queued.
pub async fn step(tx: &mut Tx, id: &str, (done, all): (usize, usize), now: Timestamp) -> Result<()> {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    tx.execute(STEP, [id.into(), count(all).into(), count(done).into(), now.into()]).await?;
    Ok(())
}

const END: &str = "UPDATE import_runs SET ended_at = $2, held = $3, problem = $4 WHERE id = $1";

/// It is over: so many changes are held, or nothing was written, for this reason.
pub async fn end(tx: &mut Tx, id: &str, held: usize, problem: Option<&str>, now: Timestamp) -> Result<()> {
    let held = i64::try_from(held).unwrap_or(i64::MAX);
    tx.execute(END, [id.into(), now.into(), held.into(), problem.into()]).await?;
    Ok(())
}

const FIND: &str = "
SELECT id, school_id, file_name, alive_at, written_at, ended_at, added, changed, deactivated, rejected, terminals,
  terminals_done, held, problem
FROM import_runs WHERE id = $1 AND user_id = $2";

/// The user's own run.
pub async fn find(tx: &mut Tx, user: UserId, id: &str) -> Result<Option<Run>> {
    tx.optional(FIND, [id.into(), user.into()]).await
}

const EXPIRE: &str = "DELETE FROM import_runs WHERE begun_at < $1";

pub(super) async fn expire(tx: &mut Tx, oldest: Timestamp) -> Result<()> {
    tx.execute(EXPIRE, [oldest.into()]).await?;
    Ok(())
}

const DROP_ALL: &str = "DELETE FROM import_runs WHERE school_id = $1 OR school_id IS NULL";

/// A file's name may name somebody.
pub(super) async fn drop_all(tx: &mut Tx, school: SchoolId) -> Result<()> {
    tx.execute(DROP_ALL, [school.into()]).await?;
    Ok(())
}
