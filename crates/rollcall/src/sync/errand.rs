//! Commands that are not about a student: asking for a count, for the punch log, for a new handshake. They follow from
//! facts on the device's row and become a command only when they are handed out, so that commands which wait are the
//! roster and nothing else (rule 8). Each goes alone.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use push_protocol::{
    command::{Command, CommandId},
    dialect::Dialect,
};

use super::{
    deadline::{later, wait},
    delivery, manner, wire,
    words::refuses,
};
use crate::{
    devices::{DeviceId, zone},
    school::SchoolId,
    store::{Instant, Result, Tx},
};

/// An errand: what for, the command, and the fact on the device's row that follows from handing it out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Errand {
    kind: &'static str,
    command: Command,
    leaves: Leaves,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leaves {
    Nothing,
    /// The terminal was asked for its log, or for a part of it.
    LogAsked,
    /// The terminal now has this offset, in seconds.
    Offset(i32),
}

/// The stored `command_type`s.
pub(super) const INFO: &str = "info";
pub(super) const QUERY_PUNCHES: &str = "query_punches";
pub(super) const CHECK: &str = "check";
pub(super) const SET_TIMEZONE: &str = "set_timezone";
pub(super) const RELOAD_OPTIONS: &str = "reload_options";

/// What is due beside the roster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Due {
    Nothing,
    /// Before the roster.
    Now(Errand),
    /// When nothing of the roster leaves, or is out: punches that the terminal may not bring by itself ([`missed`]).
    Missed,
}

#[derive(Debug, sqlx::FromRow)]
struct Facts {
    dialect: Option<String>,
    log_request: Option<String>,
    is_missed: bool,
    shown_offset_seconds: Option<i64>,
    is_out: bool,
}

const FACTS: &str = "
    SELECT d.dialect, d.log_request, COALESCE(d.log_request = 'missed' AND d.log_at <= $2, FALSE) AND NOT EXISTS (
        SELECT 1 FROM device_commands c WHERE c.device_id = d.id AND c.status = 'sent') AS is_missed,
      d.shown_offset_seconds,
      EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = d.id AND c.status = 'sent' AND c.student_id IS NULL)
        AS is_out
    FROM devices d WHERE d.id = $1";

const LOG_COMES: &str = "UPDATE devices SET log_request = 'answered', log_from = NULL WHERE id = $1";

/// The one errand that is due for a device, if any. One is out at a time.
pub(super) async fn due(
    tx: &mut Tx,
    device: DeviceId,
    poll: &delivery::Poll,
    must_ask_count: bool,
    now: Timestamp,
) -> Result<Due> {
    let facts: Facts = tx.one(FACTS, [device.into(), now.into()]).await?;
    if facts.is_out {
        return Ok(Due::Nothing);
    }
    if must_ask_count {
        return Ok(Due::Now(Errand { kind: INFO, command: Command::CountUsers, leaves: Leaves::Nothing }));
    }
    let dialect = facts.dialect.as_deref().and_then(Dialect::parse);
    if dialect == Some(Dialect::Security) {
        // Access units report what happens at their doors by themselves, and ask for the time.
        if matches!(facts.log_request.as_deref(), Some("wanted" | "missed")) {
            tx.execute(LOG_COMES, [device.into()]).await?;
        }
        return Ok(Due::Nothing);
    }
    if facts.log_request.as_deref() == Some("wanted") {
        let (from, to) = (DateTime::constant(2000, 1, 1, 0, 0, 0, 0), DateTime::constant(2099, 12, 31, 23, 59, 59, 0));
        let command = Command::QueryPunches { from, to };
        return Ok(Due::Now(Errand { kind: QUERY_PUNCHES, command, leaves: Leaves::LogAsked }));
    }
    let shown = facts.shown_offset_seconds.and_then(|seconds| i32::try_from(seconds).ok());
    if let Some(wanted) = poll.offset_seconds.filter(|wanted| zone::is_to_be_shown(dialect, Some(*wanted), shown))
        && let Some(errand) = offset_errand(tx, device, wanted, now).await?
    {
        return Ok(Due::Now(errand));
    }
    Ok(if facts.is_missed { Due::Missed } else { Due::Nothing })
}

#[derive(Debug, sqlx::FromRow)]
struct Gap {
    log_from: Option<Instant>,
    shown_offset_seconds: Option<i64>,
    lacks_word: bool,
}

const GAP: &str = concat!(
    "SELECT d.log_from, d.shown_offset_seconds, ",
    refuses!("d.id", "'DATA QUERY ATTLOG'"),
    " AS lacks_word FROM devices d WHERE d.id = $1"
);

/// Asks for the punches since a silence began, or since some were refused ([`crate::devices::presence`] found that), once for each.
/// Whoever lacks the word is not asked.
pub(super) async fn missed(
    tx: &mut Tx,
    device: DeviceId,
    poll: &delivery::Poll,
    now: Timestamp,
) -> Result<Option<Errand>> {
    let gap: Gap = tx.one(GAP, [device.into()]).await?;
    let Some(since) = gap.log_from.filter(|_| !gap.lacks_word) else {
        tx.execute(LOG_COMES, [device.into()]).await?;
        return Ok(None);
    };
    let shown = gap.shown_offset_seconds.and_then(|seconds| i32::try_from(seconds).ok());
    let offset = poll.offset_seconds.or(shown).and_then(|seconds| Offset::from_seconds(seconds).ok());
    // A clock that nobody set is that of some zone.
    let (offset, before) = offset.map_or((Offset::UTC, A_DAY), |offset| (offset, AN_HOUR));
    let from = offset.to_datetime(later(since.0, -before));
    let to = offset.to_datetime(later(now, A_DAY));
    let whole_seconds = |time: DateTime| time.with().subsec_nanosecond(0).build().unwrap_or(time);
    let command = Command::QueryPunches { from: whole_seconds(from), to: whole_seconds(to) };
    Ok(Some(Errand { kind: QUERY_PUNCHES, command, leaves: Leaves::LogAsked }))
}

/// Clocks are off, and may have been set since.
const AN_HOUR: SignedDuration = SignedDuration::from_hours(1);
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, sqlx::FromRow)]
struct Tried {
    is_checking: bool,
    has_checked: bool,
    has_set_offset: bool,
}

/// Reads all that the terminal was sent within the hour, which is much where it was filled: not to be asked at every poll.
const TRIED: &str = "
    SELECT COUNT(*) FILTER (WHERE command_type = 'check' AND created_at > $3) > 0 AS is_checking,
      COUNT(*) FILTER (WHERE command_type = 'check') > 0 AS has_checked,
      COUNT(*) FILTER (WHERE command_type = 'set_timezone') > 0 AS has_set_offset
    FROM device_commands WHERE device_id = $1 AND created_at > $2";

/// A terminal whose offset should change (summer time), or that was told none, is made to shake hands again; if that does not
/// help within a moment, it is told the offset as an option (rule 23).
async fn offset_errand(tx: &mut Tx, device: DeviceId, wanted: i32, now: Timestamp) -> Result<Option<Errand>> {
    let hour_ago = later(now, SignedDuration::from_hours(-1));
    let moment_ago = later(now, SignedDuration::from_mins(-2));
    let tried: Tried = tx.one(TRIED, [device.into(), hour_ago.into(), moment_ago.into()]).await?;
    if tried.is_checking {
        return Ok(None);
    }
    if !tried.has_checked {
        return Ok(Some(Errand { kind: CHECK, command: Command::Check, leaves: Leaves::Nothing }));
    }
    let Ok(offset) = Offset::from_seconds(wanted) else { return Ok(None) };
    if !tried.has_set_offset {
        let command = Command::SetOption { key: "TimeZone", value: push_protocol::reply::time_zone(offset) };
        return Ok(Some(Errand { kind: SET_TIMEZONE, command, leaves: Leaves::Nothing }));
    }
    Ok(Some(Errand { kind: RELOAD_OPTIONS, command: Command::ReloadOptions, leaves: Leaves::Offset(wanted) }))
}

const INSERT: &str = "
    INSERT INTO device_commands (device_id, school_id, wire_id, command_type, command_string, word, step, priority,
      status, attempts, created_at, sent_at, deadline_at)
    VALUES ($1, $2, $3, $4, $5, $6, 'errand', 0, 'sent', 1, $7, $7, $8)";
/// What is missed stays known until it was answered: after another silence it is asked for from the same beginning.
const LOG_ASKED: &str = "
    UPDATE devices SET log_request = 'asked', log_from = CASE WHEN log_request = 'missed' THEN log_from END WHERE id = $1";
const OFFSET_SHOWN: &str = "UPDATE devices SET shown_offset_seconds = $2 WHERE id = $1";

/// Writes an errand as a command that has left.
pub(super) async fn hand_out(
    tx: &mut Tx,
    device: DeviceId,
    school: SchoolId,
    errand: &Errand,
    first_deadline: SignedDuration,
    now: Timestamp,
) -> Result<Option<(CommandId, String)>> {
    let manner = manner::of(tx, device).await?;
    let id = wire::take(tx, &[(device, 1)].into()).await?.next(device);
    // Errands hold no text of ours that could be refused.
    let text = errand.command.render(manner).unwrap_or_default();
    let deadline = later(now, wait(first_deadline, 1, 1));
    tx.execute(
        INSERT,
        [
            device.into(),
            school.into(),
            id.into(),
            errand.kind.into(),
            text.clone().into(),
            errand.command.word(manner).into(),
            now.into(),
            deadline.into(),
        ],
    )
    .await?;
    match errand.leaves {
        Leaves::Nothing => 0,
        Leaves::LogAsked => tx.execute(LOG_ASKED, [device.into()]).await?,
        Leaves::Offset(seconds) => tx.execute(OFFSET_SHOWN, [device.into(), i64::from(seconds).into()]).await?,
    };
    Ok(wire::command_id(id).map(|id| (id, text)))
}

const LOG_ANSWERED: &str = "
    UPDATE devices SET log_request = CASE WHEN $2 AND log_from IS NULL THEN 'stamp' ELSE 'answered' END, log_from = NULL
    WHERE id = $1 AND log_request = 'asked'";

/// What the result of an errand changes on the device.
pub(super) async fn answered(tx: &mut Tx, device: DeviceId, kind: &str, is_refused: bool) -> Result<()> {
    if kind == QUERY_PUNCHES {
        // A terminal without the word sends its whole log when the next handshake shows no stamp. Not for a part of it.
        tx.execute(LOG_ANSWERED, [device.into(), is_refused.into()]).await?;
    }
    Ok(())
}

/// `log_from` stays: after another silence what was missed is asked for from the same beginning.
const LOG_LOST: &str = "
    UPDATE devices SET log_request = CASE WHEN log_from IS NULL THEN 'stamp' ELSE 'answered' END
    WHERE id = $1 AND log_request = 'asked' AND NOT EXISTS (
      SELECT 1 FROM device_commands c WHERE c.device_id = $1 AND c.command_type = $2 AND c.status = 'sent')";

/// Errands may have been given up. Whether the question for the log was lost or its answer nobody knows, so the whole log comes
/// when the next handshake shows no stamp.
pub(super) async fn given_up(tx: &mut Tx, device: DeviceId) -> Result<()> {
    tx.execute(LOG_LOST, [device.into(), QUERY_PUNCHES.into()]).await?;
    Ok(())
}
