//! Everything that is known of one student, for whoever may ask for it.

use super::{
    adopt::others::has_stranger,
    traces::{self, Traces},
};
use crate::{
    attendance::unread::Unread,
    school::{
        StudentId,
        import::drafts::{self, Waiting},
    },
    store::{Instant, Result, Tx},
};

/// All of it.
#[derive(Debug, serde::Serialize)]
pub struct Export {
    pub student: Option<Student>,
    pub terminals: Vec<OnTerminal>,
    pub commands: Vec<Told>,
    pub found: Vec<Difference>,
    pub days: Vec<Day>,
    pub punches: Vec<Punch>,
    pub changes: Vec<Change>,
    /// Lines of terminals that nobody could read and that name him.
    pub unread_lines: Vec<Unread>,
    /// Files that wait to be imported and may name him: they go within an hour.
    pub files_waiting: Vec<Waiting>,
}

#[derive(Debug, serde::Serialize, sqlx::FromRow)]
pub struct Student {
    pub id: StudentId,
    pub school: String,
    pub class_name: Option<String>,
    pub section_name: Option<String>,
    pub full_name: String,
    pub rfid_card_id: Option<String>,
    pub roll_number: Option<String>,
    pub oneroster_id: Option<String>,
    pub is_active: bool,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub deleted_at: Option<Instant>,
}

const STUDENT: &str = "
    SELECT s.id, k.name AS school, c.class_name, e.section_name, s.full_name, s.rfid_card_id, s.roll_number, s.oneroster_id,
      s.is_active, s.created_at, s.updated_at, s.deleted_at
    FROM students s JOIN schools k ON k.id = s.school_id
    LEFT JOIN classes c ON c.id = s.class_id LEFT JOIN sections e ON e.id = s.section_id WHERE s.id = $1";

/// What a terminal should hold, and what it said that it holds.
#[derive(Debug, serde::Serialize, sqlx::FromRow)]
pub struct OnTerminal {
    pub serial_number: String,
    pub device_name: String,
    pub device_pin: String,
    pub pin_from: Instant,
    pub pin_to: Option<Instant>,
    pub sync_status: Option<String>,
    pub wanted_name: Option<String>,
    pub wanted_card: Option<String>,
    pub told_name: Option<String>,
    pub told_card: Option<i64>,
    pub acknowledged_at: Option<Instant>,
    pub verified_at: Option<Instant>,
}

const TERMINALS: &str = concat!(
    "SELECT d.serial_number, d.device_name, m.device_pin, m.valid_from AS pin_from, m.valid_to AS pin_to, l.sync_status,
      l.wanted_name, l.wanted_card, u.name AS told_name, u.card_number AS told_card, l.acknowledged_at, l.verified_at
    FROM device_user_mappings m JOIN devices d ON d.id = m.device_id
    LEFT JOIN device_user_sync_status l ON l.device_id = m.device_id AND l.student_id = m.student_id
    LEFT JOIN terminal_users u ON u.device_id = m.device_id AND u.pin = m.device_pin AND NOT ",
    has_stranger!("u.device_id", "u.pin"),
    " WHERE m.student_id = $1 ORDER BY m.id"
);

#[derive(Debug, serde::Serialize, sqlx::FromRow)]
pub struct Told {
    pub serial_number: String,
    pub command_type: String,
    pub command_string: String,
    pub status: String,
    pub created_at: Instant,
    pub completed_at: Option<Instant>,
    pub error_message: Option<String>,
}

const COMMANDS: &str = "
    SELECT d.serial_number, c.command_type, c.command_string, c.status, c.created_at, c.completed_at, c.error_message
    FROM device_commands c JOIN devices d ON d.id = c.device_id WHERE c.student_id = $1 ORDER BY c.id";

#[derive(Debug, serde::Serialize, sqlx::FromRow)]
pub struct Difference {
    pub serial_number: String,
    pub kind: String,
    pub field: Option<String>,
    pub ours: Option<String>,
    pub theirs: Option<String>,
    pub found_at: Instant,
    pub ended_at: Option<Instant>,
}

const FOUND: &str = "
    SELECT d.serial_number, r.kind, r.field, r.ours, r.theirs, r.found_at, r.ended_at
    FROM device_drift r JOIN devices d ON d.id = r.device_id WHERE r.student_id = $1 ORDER BY r.id";

#[derive(Debug, serde::Serialize, sqlx::FromRow)]
pub struct Day {
    pub date: crate::store::Day,
    pub check_in_time: Instant,
    pub status: String,
}

const DAYS: &str = "SELECT date, check_in_time, status FROM attendance_logs WHERE student_id = $1 ORDER BY date";

#[derive(Debug, serde::Serialize, sqlx::FromRow)]
pub struct Punch {
    pub serial_number: String,
    pub pin: String,
    /// By the terminal's clock.
    pub punched_at: String,
    pub status: String,
    pub verify: String,
    pub work_code: String,
    pub received_at: Instant,
}

const PUNCHES: &str = "
    SELECT serial_number, pin, punched_at, status, verify, work_code, received_at FROM punches
    WHERE student_id = $1 ORDER BY punched_at, id";

/// Who changed something about him.
#[derive(Debug, serde::Serialize, sqlx::FromRow)]
pub struct Change {
    pub at: Instant,
    pub actor: String,
    pub action: String,
    pub details: Option<String>,
}

const CHANGES: &str = "
    SELECT at, actor, action, details FROM audit_logs WHERE entity = 'student' AND entity_id = $1 ORDER BY id";

/// `None`: nothing is known of anybody with this id.
pub async fn export(tx: &mut Tx, student: StudentId) -> Result<Option<Export>> {
    let traces = Traces::of(tx, student).await?;
    let export = Export {
        student: tx.optional(STUDENT, [student.into()]).await?,
        terminals: tx.all(TERMINALS, [student.into()]).await?,
        commands: tx.all(COMMANDS, [student.into()]).await?,
        found: tx.all(FOUND, [student.into()]).await?,
        days: tx.all(DAYS, [student.into()]).await?,
        punches: tx.all(PUNCHES, [student.into()]).await?,
        changes: tx.all(CHANGES, [student.to_string().into()]).await?,
        unread_lines: traces::unread(tx, &traces).await?,
        files_waiting: match traces.school {
            Some(school) => drafts::waiting(tx, school).await?,
            None => Vec::new(),
        },
    };
    let is_known = export.student.is_some() || !export.terminals.is_empty() || !export.punches.is_empty();
    Ok(is_known.then_some(export))
}
