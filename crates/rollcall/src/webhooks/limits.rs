//! How much may wait. Whoever is not reached for days, or takes less than there is, must not fill the database.

use jiff::Timestamp;
use serde_json::json;

use super::{EndpointId, Kind};
use crate::store::{Db, Result, Tx};

/// Events that may wait for one endpoint.
pub const MOST_WAITING: i64 = 100_000;

const TOO_MANY: &str = "
    SELECT endpoint_id, CAST(SUM(number) AS BIGINT) FROM webhook_events WHERE message IS NULL
    GROUP BY endpoint_id HAVING SUM(number) > $1 ORDER BY endpoint_id";

/// Gives up what is too much, the oldest punches first: whoever needs all of them asks for them at the API. The endpoint is
/// told how many, in one event until that has left.
pub async fn tick(db: &Db, most: i64, now: Timestamp) -> Result<()> {
    let mut tx = db.read().await?;
    let too_many: Vec<(EndpointId, i64)> = tx.all(TOO_MANY, [most.into()]).await?;
    drop(tx);
    for (endpoint, waiting) in too_many {
        let mut tx = db.write().await?;
        give_up(&mut tx, endpoint, waiting - most, now).await?;
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

async fn give_up(tx: &mut Tx, endpoint: EndpointId, how_many: i64, now: Timestamp) -> Result<()> {
    tx.lock(LOCK, [endpoint.into()]).await?;
    let rows: Vec<(i64,)> = tx.all(OLDEST, [endpoint.into(), how_many.into()]).await?;
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
