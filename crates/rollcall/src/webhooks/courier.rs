//! The loop that sends. A tick looks which endpoints have something to be told, claims them and sets a round going for each,
//! without waiting for it: a slow receiver holds up nobody but itself.
//!
//! A claim is a conditional UPDATE with an end, so that of several servers one talks to an endpoint, and that a server which
//! died in the middle is followed by another. What it had sent and not written down is sent once more, under the same id.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use super::{
    EndpointId, body,
    messages::{self, Due, Fate, Outcome},
    post::{Letter, Post},
    secret::Secret,
    target,
};
use crate::{
    clock::{Clock, Stopwatch},
    meters::{Delivered, Meters},
    networks::Networks,
    store::{Db, Instant, Result, Tx},
};

/// Sends messages. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Courier {
    db: Db,
    clock: Clock,
    post: Post,
    places: Arc<Semaphore>,
    is_stopping: Arc<AtomicBool>,
    tasks: TaskTracker,
}

/// Endpoints that one server talks to at a time.
const PLACES: usize = 64;
/// Requests that one endpoint gets in a minute.
pub const PER_MINUTE: i64 = 120;
/// A claim lasts so long unless it is given back; a request takes ten seconds at most.
pub const CLAIM: SignedDuration = SignedDuration::from_secs(60);
/// After that a round takes no further message, so that it ends before its claim does.
const ROUND: Duration = Duration::from_secs(30);

impl Courier {
    /// `tasks` is where the rounds run: what must have ended before the database may be closed.
    pub fn new(db: Db, clock: Clock, networks: Networks, tasks: TaskTracker) -> Courier {
        let places = Arc::new(Semaphore::new(PLACES));
        Courier { db, clock, post: Post::new(networks), places, is_stopping: Arc::default(), tasks }
    }

    /// Sets a round going for each endpoint that has something to be told. Answers how many.
    pub async fn tick(&self, now: Timestamp) -> Result<usize> {
        let places = self.places.available_permits();
        if places == 0 || self.is_stopping.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let mut tx = self.db.read().await?;
        let fixed = [
            now.into(),
            (now - MINUTE).into(),
            PER_MINUTE.into(),
            messages::MOST_WAITING.into(),
            (places as i64).into(),
            (now + CLAIM * 2).into(),
            (now + messages::WAITS_AT_MOST).into(),
            (now + messages::LINGERS_AT_MOST).into(),
        ];
        let mut due: Vec<(EndpointId,)> = tx.all_rows(DUE, &fixed, messages::kinds()).await?;
        drop(tx);
        // Claims are taken in the same order by every server.
        due.sort_unstable();
        if due.is_empty() {
            return Ok(0);
        }
        let claimed_by = format!("{:016x}", rand::random::<u64>());
        let mut tx = self.db.write().await?;
        let mut claimed = Vec::new();
        for (endpoint,) in due {
            let values = [
                endpoint.into(),
                claimed_by.as_str().into(),
                (now + CLAIM).into(),
                now.into(),
                (now + CLAIM * 2).into(),
            ];
            if tx.execute(CLAIM_IT, values).await? > 0 {
                claimed.push(endpoint);
            }
        }
        tx.commit().await?;
        let rounds = claimed.len();
        for endpoint in claimed {
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { break };
            let round = Round { courier: self.clone(), endpoint, claimed_by: claimed_by.clone(), _place: place };
            self.tasks.spawn(round.run());
        }
        Ok(rounds)
    }

    /// Waits until no round is going.
    pub async fn idle(&self) {
        drop(self.places.acquire_many(u32::try_from(PLACES).unwrap_or(u32::MAX)).await);
    }

    /// From now on no further request leaves; those that are on their way are waited for by whoever waits for the tasks.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Those that may get a request now. Whoever had no turn for longest comes first, so that many slow ones starve nobody.
/// Times that lie too far ahead were written before the clock was stepped back, and hold up nothing.
const DUE: &str = "
    WITH v(kind) AS (VALUES {rows})
    SELECT e.id FROM webhook_endpoints e
    WHERE e.is_active AND (e.claimed_until IS NULL OR e.claimed_until <= $1 OR e.claimed_until > $6)
      AND (e.minute_requests < $3 OR e.minute_began IS NULL OR e.minute_began <= $2 OR e.minute_began > $1)
      AND (EXISTS (SELECT 1 FROM webhook_messages m WHERE m.endpoint_id = e.id AND m.state = 'waiting'
          AND (m.next_attempt_at <= $1 OR m.next_attempt_at > $7))
        OR EXISTS (SELECT 1 FROM (
            SELECT v.kind, (SELECT w.ready_at FROM webhook_events w WHERE w.endpoint_id = e.id AND w.kind = v.kind
              AND w.message IS NULL ORDER BY w.id LIMIT 1) AS ready_at FROM v) r
          WHERE (r.ready_at <= $1 OR r.ready_at > $8)
            AND (SELECT COUNT(*) FROM webhook_messages m
              WHERE m.endpoint_id = e.id AND m.kind = r.kind AND m.state = 'waiting') < $4))
    ORDER BY COALESCE(e.turn_at, e.created_at), e.id LIMIT $5";
const CLAIM_IT: &str = "
    UPDATE webhook_endpoints SET claimed_by = $2, claimed_until = $3, turn_at = $4
    WHERE id = $1 AND is_active AND (claimed_until IS NULL OR claimed_until <= $4 OR claimed_until > $5)";

/// One endpoint is talked to.
struct Round {
    courier: Courier,
    endpoint: EndpointId,
    claimed_by: String,
    _place: OwnedSemaphorePermit,
}

/// A request that leaves now.
struct Leaving {
    due: Due,
    to: Receiver,
    body: String,
}

#[derive(sqlx::FromRow)]
struct Receiver {
    url: String,
    secret: String,
    former_secret: Option<String>,
    former_secret_until: Option<Instant>,
}

impl Round {
    async fn run(self) {
        let started = Stopwatch::start();
        loop {
            match self.next().await {
                Ok(true) if started.elapsed() < ROUND && !self.courier.is_stopping.load(Ordering::Relaxed) => {}
                Ok(_) => break,
                Err(error) => {
                    let endpoint_id = self.endpoint.0;
                    tracing::error!(
                        endpoint_id,
                        error = &error as &dyn std::error::Error,
                        "a webhook could not be sent"
                    );
                    break;
                }
            }
        }
        if let Err(error) = self.give_back().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the claim of a webhook ends by itself");
        }
    }

    /// Sends the next message. Whether there may be another.
    async fn next(&self) -> Result<bool> {
        let Courier { db, clock, post, .. } = &self.courier;
        let Some(leaving) = self.leave(clock.now()).await? else { return Ok(false) };
        let Leaving { due, to, body } = leaving;
        if body.is_empty() {
            self.record(&due, &Outcome::Empty, "").await?;
            return Ok(true);
        }
        let now = clock.now();
        let signatures = to.sign(&due.message_id, now, &body);
        let (url, id, timestamp) = (to.url.as_str(), due.message_id.as_str(), now.as_second());
        let answer = post.send(Letter { url, id, timestamp, signatures: &signatures, body }).await;
        let outcome = match answer {
            Ok(answer) if answer.status.is_success() => Outcome::Delivered { status: answer.status.as_u16().into() },
            Ok(answer) if answer.status.as_u16() == 410 => Outcome::Gone,
            Ok(answer) => Outcome::Failed {
                status: Some(answer.status.as_u16().into()),
                words: format!("it answered {}", answer.status.as_u16()),
                not_before: answer.retry_after,
            },
            Err(error) => Outcome::Failed { status: None, words: error.to_string(), not_before: None },
        };
        let fate = self.record(&due, &outcome, &target::origin(&to.url)).await?;
        count(db.meters(), fate, &outcome);
        Ok(fate == Fate::Delivered)
    }

    /// Takes the message whose turn it is, as long as the claim is ours and the minute has room.
    async fn leave(&self, now: Timestamp) -> Result<Option<Leaving>> {
        let mut tx = self.courier.db.write().await?;
        let values = [
            self.endpoint.into(),
            self.claimed_by.as_str().into(),
            (now + CLAIM).into(),
            now.into(),
            (now - MINUTE).into(),
            PER_MINUTE.into(),
        ];
        let Some(to) = tx.optional::<Receiver, 6>(GO_ON, values).await? else { return Ok(None) };
        let mut due = messages::due(&mut tx, self.endpoint, now).await?;
        if due.is_none() {
            let message_id = format!("msg_{:032x}", rand::random::<u128>());
            messages::gather(&mut tx, self.endpoint, &message_id, now).await?;
            due = messages::due(&mut tx, self.endpoint, now).await?;
        }
        // Dropped, the transaction leaves the minute's count as it was.
        let Some(due) = due else { return Ok(None) };
        let body = body::render(&mut tx, &due).await?.unwrap_or_default();
        tx.commit().await?;
        Ok(Some(Leaving { due, to, body }))
    }

    async fn record(&self, due: &Due, outcome: &Outcome, origin: &str) -> Result<Fate> {
        let now = self.courier.clock.now();
        let mut tx = self.courier.db.write().await?;
        let fate = messages::record(&mut tx, self.endpoint, due, outcome, rand::random(), now).await?;
        tx.commit().await?;
        let (endpoint_id, message_id) = (self.endpoint.0, due.message_id.as_str());
        match (fate, outcome) {
            (Fate::Off, _) => {
                tracing::warn!(endpoint_id, origin, "a webhook was switched off: nothing arrives there any more");
            }
            (Fate::GivenUp, Outcome::Failed { words, .. }) => {
                tracing::warn!(endpoint_id, origin, message_id, words, "a message of a webhook was given up");
            }
            (Fate::Waits, Outcome::Failed { words, .. }) => {
                tracing::debug!(endpoint_id, origin, message_id, words, "a message of a webhook did not arrive");
            }
            _ => {}
        }
        Ok(fate)
    }

    async fn give_back(&self) -> Result<()> {
        let mut tx: Tx = self.courier.db.write().await?;
        tx.execute(GIVE_BACK, [self.endpoint.into(), self.claimed_by.as_str().into()]).await?;
        tx.commit().await
    }
}

/// The claim is prolonged, and the request counted in its minute.
const GO_ON: &str = "
    UPDATE webhook_endpoints SET claimed_until = $3,
      minute_requests = CASE WHEN minute_began > $5 AND minute_began <= $4 THEN minute_requests + 1 ELSE 1 END,
      minute_began = CASE WHEN minute_began > $5 AND minute_began <= $4 THEN minute_began ELSE $4 END
    WHERE id = $1 AND claimed_by = $2 AND is_active
      AND (minute_began IS NULL OR minute_began <= $5 OR minute_began > $4 OR minute_requests < $6)
    RETURNING url, secret, former_secret, former_secret_until";
const GIVE_BACK: &str = "
    UPDATE webhook_endpoints SET claimed_by = NULL, claimed_until = NULL WHERE id = $1 AND claimed_by = $2";

impl Receiver {
    fn sign(&self, id: &str, now: Timestamp, body: &str) -> String {
        let signature = Secret::stored(self.secret.clone()).sign(id, now, body);
        let former = self.former_secret.clone().filter(|_| self.former_secret_until.is_some_and(|until| now < until.0));
        match former {
            Some(former) => format!("{signature} {}", Secret::stored(former).sign(id, now, body)),
            None => signature,
        }
    }
}

fn count(meters: &Meters, fate: Fate, outcome: &Outcome) {
    match (fate, outcome) {
        (Fate::Delivered, _) => meters.webhook(Delivered::Yes),
        (Fate::GivenUp, _) => meters.webhook(Delivered::GivenUp),
        (Fate::Off, _) => meters.webhook(Delivered::SwitchedOff),
        (_, Outcome::Failed { status: Some(_), .. }) => meters.webhook(Delivered::Refused),
        _ => meters.webhook(Delivered::Unreachable),
    }
}
