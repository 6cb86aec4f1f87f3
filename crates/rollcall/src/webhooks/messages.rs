//! Requests: gathered once out of what waits, and what became of each.

use jiff::{SignedDuration, Timestamp};

use super::{
    EndpointId, Kind,
    endpoints::{self, Off},
};
use crate::{
    school::search,
    store::{Instant, Result, Tx, Value},
};

/// Events of one request.
pub const MOST_EVENTS: i64 = 1_000;
/// Requests of one endpoint and kind that wait for another try. What comes after them waits ungathered, and fills fewer
/// requests; a receiver that refuses one kind hears of the others.
pub(super) const MOST_WAITING: i64 = 5;

/// A request that is due.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Due {
    pub id: i64,
    pub message_id: String,
    #[sqlx(try_from = "String")]
    pub kind: StoredKind,
    pub attempts: i64,
    pub created_at: Instant,
}

/// A kind as a newer or older version of the program may have stored it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StoredKind(pub Option<Kind>);

impl From<String> for StoredKind {
    fn from(text: String) -> StoredKind {
        StoredKind(Kind::parse(&text))
    }
}

/// Punches are many and give way: a terminal that fell silent must not wait behind a day of them.
const READY: &str = "
    WITH v(kind) AS (VALUES {rows}), r AS (
      SELECT v.kind, (SELECT w.ready_at FROM webhook_events w WHERE w.endpoint_id = $1 AND w.kind = v.kind
          AND w.message IS NULL ORDER BY w.id LIMIT 1) AS ready_at,
        (SELECT COUNT(*) FROM webhook_messages m WHERE m.endpoint_id = $1 AND m.kind = v.kind AND m.state = 'waiting')
          AS waiting
      FROM v)
    SELECT r.kind FROM r WHERE (r.ready_at <= $2 OR r.ready_at > $3) AND r.waiting < $4
    ORDER BY CASE r.kind WHEN 'punch.stored' THEN 1 ELSE 0 END, r.ready_at LIMIT 1";
const OF_KIND: &str = "
    SELECT id, number FROM webhook_events WHERE endpoint_id = $1 AND message IS NULL AND kind = $2 ORDER BY id LIMIT $3";
const CREATE: &str = "
    INSERT INTO webhook_messages (endpoint_id, message_id, kind, number, next_attempt_at, created_at)
    VALUES ($1, $2, $3, $4, $5, $5) RETURNING id";
const PUT_INTO: &str = "
    WITH v(id) AS (VALUES {rows})
    UPDATE webhook_events SET message = $1 FROM v WHERE webhook_events.id = v.id AND webhook_events.message IS NULL";

/// Makes a request of what is ready, if anything is. The caller has claimed the endpoint.
pub(super) async fn gather(tx: &mut Tx, endpoint: EndpointId, message_id: &str, now: Timestamp) -> Result<()> {
    let fixed = [endpoint.into(), now.into(), (now + LINGERS_AT_MOST).into(), MOST_WAITING.into()];
    let ready: Vec<(String,)> = tx.all_rows(READY, &fixed, kinds()).await?;
    let Some((kind,)) = ready.into_iter().next() else { return Ok(()) };
    let rows: Vec<(i64, i64)> = tx.all(OF_KIND, [endpoint.into(), kind.as_str().into(), MOST_EVENTS.into()]).await?;
    let mut number = 0;
    let fit = |(_, events): &&(i64, i64)| {
        number += events;
        number <= MOST_EVENTS
    };
    let rows: Vec<&(i64, i64)> = rows.iter().take_while(fit).collect();
    let number: i64 = rows.iter().map(|(_, events)| events).sum();
    let values = [endpoint.into(), message_id.into(), kind.as_str().into(), number.into(), now.into()];
    let (id,): (i64,) = tx.one(CREATE, values).await?;
    tx.execute_rows(PUT_INTO, &[id.into()], rows.iter().map(|(event, _)| vec![(*event).into()]).collect()).await?;
    Ok(())
}

/// Every kind that there is, as rows of a statement.
pub(super) fn kinds() -> Vec<Vec<Value>> {
    Kind::all().map(|kind| vec![kind.as_str().into()]).collect()
}

/// What is to become due later than this was written before the clock was stepped back.
pub(super) const LINGERS_AT_MOST: SignedDuration = SignedDuration::from_mins(1);
/// The same of another try.
pub(super) const WAITS_AT_MOST: SignedDuration = SignedDuration::from_hours(12);

const DUE: &str = "
    SELECT id, message_id, kind, attempts, created_at FROM webhook_messages
    WHERE endpoint_id = $1 AND state = 'waiting' AND (next_attempt_at <= $2 OR next_attempt_at > $3)
    ORDER BY next_attempt_at, id LIMIT 1";

/// The request whose turn it is.
pub(super) async fn due(tx: &mut Tx, endpoint: EndpointId, now: Timestamp) -> Result<Option<Due>> {
    tx.optional(DUE, [endpoint.into(), now.into(), (now + WAITS_AT_MOST).into()]).await
}

/// What became of a try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Delivered {
        status: i64,
    },
    /// It may work later; not before so long, where the receiver said so.
    Failed {
        status: Option<i64>,
        words: String,
        not_before: Option<SignedDuration>,
    },
    /// The receiver wants nothing any more.
    Gone,
    /// What it told of is not there any more.
    Empty,
}

/// What became of the request itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Delivered,
    /// It is tried again.
    Waits,
    GivenUp,
    /// The endpoint was switched off with it.
    Off,
    Dropped,
}

/// A request is tried for so long, and so often: time alone says little of a receiver when it was this server that was off,
/// or whose clock jumped.
pub const TRIED_FOR: SignedDuration = SignedDuration::from_hours(72);
pub const TRIES: i64 = 10;
/// An endpoint at which nothing arrived for so long, and at so many tries, is switched off.
pub const OFF_AFTER: SignedDuration = SignedDuration::from_hours(120);
pub const FAILURES: i64 = 5;
/// An endpoint failed for so long before what waits is hurried after the first success.
const FAILED_FOR: SignedDuration = SignedDuration::from_mins(1);

/// Endpoint first, then its messages: in the order in which a person who switches it off takes them.
const LOCK: &str = "SELECT id FROM webhook_endpoints WHERE id = $1";
const DELIVERED: &str = "
    UPDATE webhook_messages SET state = 'delivered', attempts = attempts + 1, last_status = $2, last_error = NULL,
      finished_at = $3 WHERE id = $1 AND state = 'waiting'";
const FAILED: &str = "
    UPDATE webhook_messages SET state = $2, attempts = attempts + 1, last_status = $3, last_error = $4,
      next_attempt_at = $5, finished_at = CASE WHEN $2 = 'given_up' THEN $6 END WHERE id = $1 AND state = 'waiting'";
const TOLD: &str = "DELETE FROM webhook_events WHERE message = $1";
const DROP: &str = "DELETE FROM webhook_messages WHERE id = $1";
const FAILING_SINCE: &str = "SELECT failing_since FROM webhook_endpoints WHERE id = $1";
const WORKS: &str = "
    UPDATE webhook_endpoints SET failing_since = NULL, failures = 0, last_success_at = $2, last_error = NULL
    WHERE id = $1";
const FAILS: &str = "
    UPDATE webhook_endpoints SET failing_since = COALESCE(failing_since, $2), failures = failures + 1, last_error = $3
    WHERE id = $1 RETURNING failing_since, failures";
/// Writes down what became of a try. `chance` is between 0 and 1: receivers that failed together are not all tried together.
pub(super) async fn record(
    tx: &mut Tx,
    endpoint: EndpointId,
    due: &Due,
    outcome: &Outcome,
    chance: f64,
    now: Timestamp,
) -> Result<Fate> {
    tx.lock(LOCK, [endpoint.into()]).await?;
    match outcome {
        Outcome::Empty => {
            tx.execute(TOLD, [due.id.into()]).await?;
            tx.execute(DROP, [due.id.into()]).await?;
            Ok(Fate::Dropped)
        }
        Outcome::Delivered { status } => {
            tx.execute(DELIVERED, [due.id.into(), (*status).into(), now.into()]).await?;
            tx.execute(TOLD, [due.id.into()]).await?;
            let since: Option<(Option<Instant>,)> = tx.optional(FAILING_SINCE, [endpoint.into()]).await?;
            let since = since.and_then(|(since,)| since);
            tx.execute(WORKS, [endpoint.into(), now.into()]).await?;
            if since.is_some_and(|since| now.duration_since(since.0) >= FAILED_FOR) {
                hurry(tx, endpoint, now).await?;
            }
            Ok(Fate::Delivered)
        }
        Outcome::Gone => {
            fail(tx, due, Some(410), "it answered 410: it wants nothing any more", now, now, true).await?;
            tx.execute(FAILS, [endpoint.into(), now.into(), "it answered 410".into()]).await?;
            endpoints::switch_off(tx, endpoint, Off::Gone, now).await?;
            Ok(Fate::Off)
        }
        Outcome::Failed { status, words, not_before } => {
            let wait = backoff(due.attempts + 1, chance).max(not_before.unwrap_or_default().min(LONGEST_WAIT));
            let is_over = due.attempts + 1 >= TRIES && now.duration_since(due.created_at.0) >= TRIED_FOR;
            fail(tx, due, *status, words, now + wait, now, is_over).await?;
            let failing: Option<(Instant, i64)> =
                tx.optional(FAILS, [endpoint.into(), now.into(), words.as_str().into()]).await?;
            let is_hopeless =
                |(since, tries): (Instant, i64)| tries >= FAILURES && now.duration_since(since.0) >= OFF_AFTER;
            if failing.is_some_and(is_hopeless) {
                endpoints::switch_off(tx, endpoint, Off::Failing, now).await?;
                return Ok(Fate::Off);
            }
            Ok(if is_over { Fate::GivenUp } else { Fate::Waits })
        }
    }
}

async fn fail(
    tx: &mut Tx,
    due: &Due,
    status: Option<i64>,
    words: &str,
    next: Timestamp,
    now: Timestamp,
    is_over: bool,
) -> Result<()> {
    let state = if is_over { "given_up" } else { "waiting" };
    let values = [due.id.into(), state.into(), status.into(), words.into(), next.into(), now.into()];
    tx.execute(FAILED, values).await?;
    if is_over {
        tx.execute(TOLD, [due.id.into()]).await?;
    }
    Ok(())
}

const HURRY: &str = "
    UPDATE webhook_messages SET next_attempt_at = $2
    WHERE endpoint_id = $1 AND state = 'waiting' AND next_attempt_at > $2";

/// What waits for another try is due: its receiver is back, or somebody wants to see whether it is.
pub async fn hurry(tx: &mut Tx, endpoint: EndpointId, now: Timestamp) -> Result<()> {
    tx.lock(LOCK, [endpoint.into()]).await?;
    tx.execute(HURRY, [endpoint.into(), now.into()]).await?;
    Ok(())
}

const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(8);

/// After so many failures: ten seconds, half a minute, a minute and a half …, eight hours at most, and up to a fifth more.
fn backoff(failures: i64, chance: f64) -> SignedDuration {
    let exponent = u32::try_from((failures - 1).clamp(0, 10)).unwrap_or(0);
    let wait = (FIRST_WAIT * 3_i32.pow(exponent)).min(LONGEST_WAIT);
    wait + SignedDuration::try_from_secs_f64(wait.as_secs_f64() * chance / 5.0).unwrap_or_default()
}

/// A request as people see it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct Delivery {
    /// The `webhook-id` that the receiver sees.
    pub message_id: String,
    /// What it tells of.
    pub event: String,
    /// Events in it.
    pub number: i64,
    /// `waiting`, `delivered` or `given_up`.
    pub state: String,
    pub attempts: i64,
    /// While it waits.
    pub next_attempt_at: Option<Instant>,
    /// The status of the last answer, where there was one.
    pub last_status: Option<i64>,
    /// What went wrong last.
    pub last_error: Option<String>,
    pub created_at: Instant,
    pub finished_at: Option<Instant>,
}

macro_rules! listed {
    ($select:literal, $tail:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM webhook_messages WHERE endpoint_id = $1 AND (CAST($2 AS TEXT) IS NULL
               OR lower(message_id || ' ' || kind || ' ' || COALESCE(last_error, '')) LIKE lower($2) ESCAPE '\\')",
            $tail
        )
    };
}
const LIST: &str = listed!(
    "message_id, kind AS event, number, state, attempts,
     CASE WHEN state = 'waiting' THEN next_attempt_at END AS next_attempt_at, last_status, last_error, created_at, finished_at",
    " ORDER BY id DESC LIMIT $3 OFFSET $4"
);
const COUNT: &str = listed!("COUNT(*)", "");

/// A page of an endpoint's requests, the newest first, and how many there are on all pages. `wanted` is a part of what one
/// tells of, of its id, or of what went wrong.
pub async fn list(
    tx: &mut Tx,
    endpoint: EndpointId,
    wanted: Option<&str>,
    limit: u32,
    offset: i64,
) -> Result<(Vec<Delivery>, i64)> {
    let pattern = wanted.map(search::pattern);
    let rows = tx.all(LIST, [endpoint.into(), pattern.clone().into(), limit.into(), offset.into()]).await?;
    let (total,): (i64,) = tx.one(COUNT, [endpoint.into(), pattern.into()]).await?;
    Ok((rows, total))
}

/// Days after which it is forgotten what became of a request.
pub const KEPT_DAYS: u32 = 30;

const FORGET: &str = "
    DELETE FROM webhook_messages WHERE id IN (
      SELECT id FROM webhook_messages WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)";
const FORGET_FAILURES: &str = "
    DELETE FROM webhook_failures WHERE (device_id, student_id) IN (
      SELECT device_id, student_id FROM webhook_failures WHERE told_at < $1 LIMIT $2)";

/// Of endpoints that were deleted.
const FORGET_ORPHANS: &str = "
    DELETE FROM webhook_messages WHERE id IN (
      SELECT m.id FROM webhook_messages m
      WHERE NOT EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.id = m.endpoint_id) LIMIT $1)";

/// Forgets so many requests that ended before then or are of nobody any more, and failures that were told before. Answers how many.
pub async fn forget(tx: &mut Tx, before: Timestamp, at_most: u32) -> Result<u64> {
    let mut messages = tx.execute(FORGET, [before.into(), at_most.into()]).await?;
    messages += tx.execute(FORGET_ORPHANS, [at_most.into()]).await?;
    Ok(messages + tx.execute(FORGET_FAILURES, [before.into(), at_most.into()]).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_within_three_days() {
        let waits: Vec<i64> = (1..=9).map(|failures| backoff(failures, 0.0).as_secs()).collect();
        assert_eq!(waits, [10, 30, 90, 270, 810, 2_430, 7_290, 21_870, 28_800]);
        assert_eq!(backoff(1, 1.0).as_secs(), 12);
        let (mut passed, mut tries) = (SignedDuration::ZERO, 1);
        while passed < TRIED_FOR {
            passed += backoff(tries, 0.5);
            tries += 1;
        }
        assert!((14..20).contains(&tries), "{tries}");
        assert_eq!(backoff(i64::MAX, 0.0), LONGEST_WAIT);
    }
}
