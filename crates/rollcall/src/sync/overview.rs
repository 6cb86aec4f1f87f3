//! What people are shown of a terminal: each student's state, the numbers, the command log.

pub mod people;
pub mod roster;
pub mod schools;
pub mod subjects;
pub mod terminals;

use crate::{
    devices::DeviceId,
    school::{SchoolId, StudentId, search},
    store::{Instant, Result, Tx},
};

/// The six numbers; the first is the sum of the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Summary {
    /// Students who belong on this terminal.
    pub total: i64,
    /// The terminal acknowledged what is wanted of them.
    pub synced: i64,
    /// Their command waits for the terminal to call, or their change of card for a decision.
    pub pending: i64,
    /// Their command was handed to the terminal.
    pub sent: i64,
    pub failed: i64,
    /// Nothing is queued for them yet, or the terminal keeps their former card by decision.
    pub not_synced: i64,
}

/// A student's state on a terminal.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct StudentState {
    pub id: StudentId,
    pub full_name: String,
    pub rfid_card_id: Option<String>,
    pub class_name: Option<String>,
    pub section_name: Option<String>,
    /// `not_synced`, `pending`, `sent`, `synced` or `failed`; `held` while a change of card waits for a decision (counted
    /// as pending), `kept` when the terminal keeps the former card by decision (counted as not synced).
    pub sync_status: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_sync_success: Option<Instant>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_sync_attempt: Option<Instant>,
    pub sync_retries: i64,
    /// Why it failed, or what it waits for.
    pub error_message: Option<String>,
    pub device_pin: Option<String>,
    /// When the terminal last said yes to a command for this student.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledged_at: Option<Instant>,
    /// When the terminal itself last showed him to be as wanted; empty when what is wanted is newer than that.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub verified_at: Option<Instant>,
}

const STUDENTS: &str = "
    SELECT b.student_id AS id, b.full_name, b.rfid_card_id, k.class_name, t.section_name,
      CASE WHEN l.is_wanted THEN l.sync_status ELSE 'not_synced' END AS sync_status,
      l.last_sync_success, l.last_sync_attempt, COALESCE(l.sync_retries, 0) AS sync_retries,
      l.error_message, NULLIF(l.device_pin, '') AS device_pin, l.acknowledged_at,
      CASE WHEN l.is_wanted AND l.sync_status = 'synced' AND l.verified_version = l.wanted_version
        THEN l.verified_at END AS verified_at
    FROM belonging b
    JOIN students s ON s.id = b.student_id
    LEFT JOIN device_user_sync_status l ON l.device_id = b.device_id AND l.student_id = b.student_id
    LEFT JOIN classes k ON k.id = b.class_id
    LEFT JOIN sections t ON t.id = b.section_id
    WHERE b.device_id = $1 ORDER BY COALESCE(s.search_text, b.full_name), b.student_id";

/// Everybody who belongs on a terminal, by name.
pub async fn students(tx: &mut Tx, device: DeviceId) -> Result<Vec<StudentState>> {
    tx.all(STUDENTS, [device.into()]).await
}

const SUMMARY: &str = "
    SELECT CASE WHEN l.is_wanted THEN l.sync_status ELSE 'not_synced' END AS sync_status, COUNT(*)
    FROM belonging b
    LEFT JOIN device_user_sync_status l ON l.device_id = b.device_id AND l.student_id = b.student_id
    WHERE b.device_id = $1 GROUP BY 1";

/// The numbers of one terminal.
pub async fn summary(tx: &mut Tx, device: DeviceId) -> Result<Summary> {
    let counts: Vec<(String, i64)> = tx.all(SUMMARY, [device.into()]).await?;
    Ok(Summary::of(counts.iter().map(|(status, count)| (status.as_str(), *count))))
}

impl Summary {
    pub fn of<'a>(counts: impl Iterator<Item = (&'a str, i64)>) -> Summary {
        let mut summary = Summary { total: 0, synced: 0, pending: 0, sent: 0, failed: 0, not_synced: 0 };
        for (status, count) in counts {
            summary.total += count;
            *match status {
                "synced" => &mut summary.synced,
                "pending" | "held" => &mut summary.pending,
                "sent" => &mut summary.sent,
                "failed" => &mut summary.failed,
                _ => &mut summary.not_synced,
            } += count;
        }
        summary
    }
}

/// A row of the command log.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct LoggedCommand {
    /// The number on the wire: `C:<id>:`.
    pub id: i64,
    pub student_id: Option<StudentId>,
    /// `add_user`, `update_user`, `delete_user`, or an errand's kind such as `info`.
    pub command_type: String,
    pub command_string: String,
    /// `pending`, `sent`, `completed`, `failed` or `superseded` (a newer one took its place).
    pub status: String,
    pub priority: i64,
    pub attempts: i64,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sent_at: Option<Instant>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Instant>,
    /// As the terminal sent it.
    pub return_code: Option<i64>,
    /// The code's meaning in words, where it was not a plain yes.
    pub error_message: Option<String>,
}

macro_rules! log {
    ($select:literal, $tail:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM device_commands WHERE device_id = $1
               AND (CAST($2 AS TEXT) IS NULL OR lower(command_string) LIKE lower($2) ESCAPE '\\')
               AND (CAST($3 AS BIGINT) IS NULL OR school_id = $3)",
            $tail
        )
    };
}
const COMMANDS: &str = log!(
    "wire_id AS id, student_id, command_type, command_string, status, priority, attempts, created_at, sent_at, completed_at,
     return_code, error_message",
    " ORDER BY created_at DESC, device_commands.id DESC LIMIT $4 OFFSET $5"
);
const COMMAND_COUNT: &str = log!("COUNT(*)", "");

/// Which part of a command log: all of it, unless something is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogFilter<'a> {
    /// Commands of the time when the terminal was this school's: what was sent for another one is none of its business.
    pub school: Option<SchoolId>,
    /// A part of what was sent.
    pub text: Option<&'a str>,
}

/// A page of the command log, newest first, and how many rows there are in all.
pub async fn commands(
    tx: &mut Tx,
    device: DeviceId,
    filter: LogFilter<'_>,
    limit: i64,
    offset: i64,
) -> Result<(Vec<LoggedCommand>, i64)> {
    let values = || [device.into(), filter.text.map(search::pattern).into(), filter.school.into()];
    let [device, text, school] = values();
    let rows = tx.all(COMMANDS, [device, text, school, limit.into(), offset.into()]).await?;
    let (total,) = tx.one(COMMAND_COUNT, values()).await?;
    Ok((rows, total))
}
