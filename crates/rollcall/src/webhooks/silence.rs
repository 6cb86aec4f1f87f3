//! Terminals that do not call any more, and those that do again: noted once, and told to whoever wants to know.
//!
//! Level-triggered: what is compared is when a terminal was last seen with what was noted of it, so that nothing is missed
//! however often it comes and goes. On a holiday of its school nobody minds; a terminal that is still silent afterwards is
//! told of then.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::json;

use super::{
    Kind,
    outbox::{self, News},
};
use crate::{
    devices::{DeviceId, zone},
    school::{SchoolId, holidays},
    store::{Db, Instant, Result, Tx},
};

/// A terminal that has not called for so long is silent. It shows as offline sooner; but one that was restarted is no news.
pub const SILENT_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// However often a terminal comes and goes, it is told to be silent at most once in so long.
pub const NOTED_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// Terminals of one transaction; the others are noted at the next tick.
const AT_ONCE: usize = 1_000;

#[derive(Debug, sqlx::FromRow)]
struct Changed {
    id: DeviceId,
    school_id: SchoolId,
    timezone: Option<String>,
    last_seen: Instant,
    /// When it had been seen last before it fell silent, if that was noted and not yet taken back.
    silent_since: Option<Instant>,
}

/// Back is who was seen after it was noted to be silent. What was noted in the future was noted before the clock was stepped
/// back, and mutes nobody.
const CHANGED: &str = "
    SELECT d.id, d.school_id, COALESCE(d.timezone, k.timezone) AS timezone, d.last_seen,
      CASE WHEN s.is_silent THEN s.last_seen END AS silent_since
    FROM devices d JOIN schools k ON k.id = d.school_id LEFT JOIN terminal_silences s ON s.device_id = d.id
    WHERE d.is_active AND d.deleted_at IS NULL AND d.last_seen IS NOT NULL
      AND CASE WHEN COALESCE(s.is_silent, FALSE) THEN d.last_seen >= $1 AND (d.last_seen > s.noted_at OR s.noted_at > $3)
        ELSE d.last_seen < $1 AND (s.noted_at IS NULL OR s.noted_at <= $2 OR s.noted_at > $3) END
    ORDER BY d.id";
/// Another server may have noted it just now.
const FELL_SILENT: &str = "
    INSERT INTO terminal_silences (device_id, is_silent, last_seen, noted_at) VALUES ($1, TRUE, $2, $3)
    ON CONFLICT (device_id) DO UPDATE SET is_silent = TRUE, last_seen = excluded.last_seen, noted_at = excluded.noted_at
    WHERE NOT terminal_silences.is_silent";
const CAME_BACK: &str = "UPDATE terminal_silences SET is_silent = FALSE WHERE device_id = $1 AND is_silent";

/// Notes and tells what changed. `up_for`: since when this server would have heard the terminals, by a clock that nobody
/// stepped; one that has just been started, or whose clock was, knows nothing of who is silent. `zone` is that of schools that name none.
pub async fn tick(db: &Db, zone: &TimeZone, up_for: SignedDuration, now: Timestamp) -> Result<()> {
    if up_for < SILENT_AFTER {
        return Ok(());
    }
    let mut tx = db.read().await?;
    let values = [(now - SILENT_AFTER).into(), (now - NOTED_AGAIN).into(), now.into()];
    let mut changed: Vec<Changed> = tx.all(CHANGED, values).await?;
    if changed.is_empty() {
        return Ok(());
    }
    leave_out_holidays(&mut tx, &mut changed, zone, now).await?;
    drop(tx);
    if changed.is_empty() {
        return Ok(());
    }
    changed.truncate(AT_ONCE);
    let mut tx = db.write().await?;
    let mut news = Vec::new();
    for terminal in &changed {
        news.extend(note(&mut tx, terminal, now).await?);
    }
    outbox::put(&mut tx, &news, now).await?;
    tx.commit().await
}

async fn leave_out_holidays(tx: &mut Tx, changed: &mut Vec<Changed>, zone: &TimeZone, now: Timestamp) -> Result<()> {
    let fell_silent = changed.iter().filter(|terminal| terminal.silent_since.is_none());
    let today = holidays::Today::of(tx, fell_silent.map(|terminal| terminal.school_id), now).await?;
    changed.retain(|terminal| {
        let zone = zone::of(terminal.timezone.as_deref(), None, zone);
        terminal.silent_since.is_some() || !today.is_holiday(terminal.school_id, zone)
    });
    Ok(())
}

async fn note(tx: &mut Tx, terminal: &Changed, now: Timestamp) -> Result<Option<News>> {
    let (kind, touched, details) = match terminal.silent_since {
        None => {
            let values = [terminal.id.into(), terminal.last_seen.into(), now.into()];
            let touched = tx.execute(FELL_SILENT, values).await?;
            (Kind::TerminalSilent, touched, json!({"last_seen": terminal.last_seen}))
        }
        Some(since) => {
            let touched = tx.execute(CAME_BACK, [terminal.id.into()]).await?;
            let seconds = terminal.last_seen.0.duration_since(since.0).as_secs();
            (Kind::TerminalBack, touched, json!({"silent_since": since, "silent_for_seconds": seconds}))
        }
    };
    let (school, device) = (terminal.school_id, Some(terminal.id));
    Ok((touched > 0).then(|| News { kind, school, device, subjects: Vec::new(), details }))
}
