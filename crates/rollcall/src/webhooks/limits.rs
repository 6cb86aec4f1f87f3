//! How much may wait. Whoever is not reached for days, or takes less than there is, must not fill the database. What is left
//! of endpoints that were deleted or switched off is swept, in transactions that nobody has to wait for.

use jiff::Timestamp;
use serde_json::json;

use super::{EndpointId, Kind};
use crate::store::{Db, Result, Tx};

/// Events that may wait for one endpoint.
pub const MOST_WAITING: i64 = 100_000;

const TOO_MANY: &str = "
    SELECT endpoint_id FROM webhook_events WHERE message IS NULL
    GROUP BY endpoint_id HAVING SUM(number) > $1 ORDER BY endpoint_id";

/// Sweeps, and gives up what is too much, the oldest punches first: whoever needs all of them asks for them at the API. The endpoint is
/// told how many, in one event until that has left.
pub async fn tick(db: &Db, most: i64, now: Timestamp) -> Result<()> {
    sweep(db, now).await?;
    let mut tx = db.read().await?;
    let too_many: Vec<(EndpointId,)> = tx.all(TOO_MANY, [most.into()]).await?;
    drop(tx);
    for (endpoint,) in too_many {
        let mut tx = db.write().await?;
        give_up(&mut tx, endpoint, most, now).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Rows of one transaction.
const PORTION: i64 = 1_000;

const NOBODY_WAITS: &str = "
    SELECT DISTINCT w.endpoint_id FROM webhook_events w
    WHERE NOT EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.id = w.endpoint_id AND e.is_active)
    ORDER BY w.endpoint_id";
/// It may have been switched on meanwhile.
const SWEEP: &str = "
    DELETE FROM webhook_events WHERE id IN (
      SELECT w.id FROM webhook_events w WHERE w.endpoint_id = $1
        AND NOT EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.id = w.endpoint_id AND e.is_active) LIMIT $2)";
const OUTDATED: &str = "SELECT id FROM webhook_endpoints WHERE former_secret_until <= $1 ORDER BY id";
const FORGET_SECRET: &str = "
    UPDATE webhook_endpoints SET former_secret = NULL, former_secret_until = NULL
    WHERE id = $1 AND former_secret_until <= $2";

/// What an endpoint that was deleted or switched off was still to be told, also by transactions that ended after that; and
/// secrets that sign no more.
async fn sweep(db: &Db, now: Timestamp) -> Result<()> {
    let mut tx = db.read().await?;
    let left: Vec<(EndpointId,)> = tx.all(NOBODY_WAITS, []).await?;
    let outdated: Vec<(EndpointId,)> = tx.all(OUTDATED, [now.into()]).await?;
    drop(tx);
    for (endpoint,) in left {
        loop {
            let mut tx = db.write().await?;
            tx.lock(LOCK, [endpoint.into()]).await?;
            let swept = tx.execute(SWEEP, [endpoint.into(), PORTION.into()]).await?;
            tx.commit().await?;
            if swept < PORTION as u64 {
                break;
            }
        }
    }
    for (endpoint,) in outdated {
        let mut tx = db.write().await?;
        tx.execute(FORGET_SECRET, [endpoint.into(), now.into()]).await?;
        tx.commit().await?;
    }
    Ok(())
}

const OLDEST: &str = "
    DELETE FROM webhook_events WHERE id IN (
      SELECT w.id FROM (
        SELECT id, number, CAST(SUM(number) OVER (ORDER BY CASE kind WHEN 'punch.stored' THEN 0 ELSE 1 END, id) AS BIGINT)
          AS so_far
        FROM webhook_events WHERE endpoint_id = $1 AND message IS NULL AND kind <> 'webhook.dropped') w
      WHERE w.so_far - w.number < $2)
    RETURNING number";
const COUNT: &str = "UPDATE webhook_endpoints SET dropped = dropped + $2 WHERE id = $1";
const TOLD: &str = "
    SELECT id, details FROM webhook_events WHERE endpoint_id = $1 AND message IS NULL AND kind = 'webhook.dropped'
    ORDER BY id LIMIT 1";
const TELL_MORE: &str = "UPDATE webhook_events SET details = $2 WHERE id = $1";
const TELL: &str = "
    INSERT INTO webhook_events (endpoint_id, kind, school_id, number, details, at, ready_at)
    SELECT id, $2, school_id, 1, $3, $4, $4 FROM webhook_endpoints WHERE id = $1";

/// As everybody does who writes more than one of its rows.
const LOCK: &str = "SELECT id FROM webhook_endpoints WHERE id = $1";

const WAITING: &str = "
    SELECT CAST(COALESCE(SUM(number), 0) AS BIGINT) FROM webhook_events WHERE endpoint_id = $1 AND message IS NULL";

async fn give_up(tx: &mut Tx, endpoint: EndpointId, most: i64, now: Timestamp) -> Result<()> {
    tx.lock(LOCK, [endpoint.into()]).await?;
    // Another server may have given it up just now.
    let (waiting,): (i64,) = tx.one(WAITING, [endpoint.into()]).await?;
    let rows: Vec<(i64,)> = tx.all(OLDEST, [endpoint.into(), (waiting - most).into()]).await?;
    let dropped: i64 = rows.iter().map(|(number,)| number).sum();
    if dropped == 0 {
        return Ok(());
    }
    tracing::warn!(endpoint_id = %endpoint, events = dropped, "too much waited for a webhook, and the oldest was given up");
    tx.execute(COUNT, [endpoint.into(), dropped.into()]).await?;
    let told: Option<(i64, Option<String>)> = tx.optional(TOLD, [endpoint.into()]).await?;
    if let Some((id, details)) = told {
        let before = details.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        let before = before.and_then(|details| details["events"].as_i64()).unwrap_or(0);
        tx.execute(TELL_MORE, [id.into(), details_of(before + dropped).into()]).await?;
    } else {
        let values = [endpoint.into(), Kind::Dropped.as_str().into(), details_of(dropped).into(), now.into()];
        tx.execute(TELL, values).await?;
    }
    Ok(())
}

fn details_of(dropped: i64) -> String {
    json!({"events": dropped}).to_string()
}
