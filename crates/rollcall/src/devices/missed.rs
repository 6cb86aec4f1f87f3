//! Punches that a terminal may never bring by itself. Some send nothing again of what they could not deliver while the server was
//! away (`SenseFace` 3A), or drop a batch that was answered 503 (`TimeBridge`): they have it in their log, and tell when they are
//! asked. So whoever was silent for so long that he counted as offline, or was refused punches, is asked for those since then
//! (`sync::errand`). What he had brought already is stored once.

use jiff::{SignedDuration, Timestamp};

use super::presence::Seen;
use crate::store::{Instant, Result, Tx, Value};

/// Since when punches of a terminal may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Missed {
    pub since: Timestamp,
    /// It was refused punches. Else this server alone may not have heard it: then the database knows.
    pub was_refused: bool,
}

/// Terminals of a fleet that comes back are asked this far apart, so that not all logs come at once.
const APART: SignedDuration = SignedDuration::from_millis(250);

const LAST: &str = "SELECT MAX(log_at) FROM devices WHERE log_request = 'missed'";

// Of whose whole log is asked for anyway, nothing is missing. What was asked and not answered is asked from its beginning.
const WANT: &str = "
WITH v(id, since, was_refused, silent_before, ask_at) AS (VALUES {rows}),
w AS (
  SELECT v.id, v.ask_at, CASE WHEN v.was_refused THEN v.since ELSE d.last_seen END AS since
  FROM v JOIN devices d ON d.id = v.id
  WHERE d.deleted_at IS NULL AND (v.was_refused OR d.last_seen < v.silent_before)
    AND COALESCE(d.dialect, '') <> 'security' AND COALESCE(d.log_request, '') NOT IN ('wanted', 'stamp')
)
UPDATE devices SET
  log_from = CASE WHEN devices.log_from < w.since THEN devices.log_from ELSE w.since END,
  log_at = CASE WHEN devices.log_request = 'missed' THEN devices.log_at ELSE w.ask_at END,
  log_request = 'missed'
FROM w WHERE devices.id = w.id";

/// Wants the punches that these terminals may have missed to bring. To be called before it is written that they were seen.
pub(super) async fn want(tx: &mut Tx, seen: &[Seen], silent_after: SignedDuration, now: Timestamp) -> Result<()> {
    let missed: Vec<(&Seen, Missed)> = seen.iter().filter_map(|seen| Some((seen, seen.missed?))).collect();
    if missed.is_empty() {
        return Ok(());
    }
    let (last,): (Option<Instant>,) = tx.one(LAST, []).await?;
    let first = last.map_or(now, |last| now.max(last.0 + APART));
    let rows = missed.into_iter().zip(0_i32..).map(|((seen, missed), number)| -> Vec<Value> {
        vec![
            seen.device.into(),
            missed.since.into(),
            missed.was_refused.into(),
            (seen.at - silent_after).into(),
            (first + APART * number).into(),
        ]
    });
    tx.execute_rows(WANT, &[], rows.collect()).await?;
    Ok(())
}
