//! Everything that names one student goes: from his row, from what terminals were told and told themselves, and from what is
//! remembered of it. His numbers stay where others would take them for theirs: a PIN is never given twice.
//!
//! He leaves terminals as anybody who is deleted; until a terminal has called and said yes, it still holds him.

use jiff::Timestamp;

use super::{
    reconcile::{Reconciled, Scope, reconcile},
    traces::{self, Traces},
};
use crate::{
    attendance::unread,
    school::{SchoolId, StudentId, import::drafts},
    store::{Result, Tx},
    webhooks::outbox,
};

/// What becomes of his punches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Punches {
    /// They stay his, though nothing but his number is left of him.
    His,
    /// They stay and are nobody's.
    Nobodys,
    Delete,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Erased {
    pub punches: u64,
    /// Terminals that hold him until they have called.
    pub still_held: i64,
    /// Files that waited to be imported and may have named him.
    pub files: u64,
    pub reconciled: Reconciled,
}

const CARD: &str = "SELECT card_number FROM students WHERE id = $1 AND card_number IS NOT NULL";
const PRESENTED: &str = "DELETE FROM presented_cards WHERE card_number = $1";
const STUDENT: &str = "
    UPDATE students SET full_name = '(erased)', rfid_card_id = NULL, roll_number = NULL, search_text = NULL,
      card_number = NULL, derived_from = NULL, oneroster_id = NULL, class_id = NULL, section_id = NULL, is_active = FALSE,
      deleted_at = COALESCE(deleted_at, $2), updated_at = $2
    WHERE id = $1";
/// The card that a terminal still holds is known until it has let go of it: another student may be waiting for it.
const LEDGER: &str = "
    UPDATE device_user_sync_status SET wanted_name = NULL, wanted_card = NULL, wanted_card_number = NULL,
      error_message = NULL, held_card_number = CASE WHEN is_held THEN held_card_number END, updated_at = $2
    WHERE student_id = $1";
/// A removal that has not been answered holds nothing but a PIN.
const COMMANDS: &str = "
    UPDATE device_commands SET command_string = '(erased)', error_message = NULL,
      card_number = CASE WHEN EXISTS (SELECT 1 FROM device_user_sync_status l WHERE l.device_id = device_commands.device_id
        AND l.student_id = $1 AND l.confirmed_version <> l.wanted_version) THEN card_number END
    WHERE student_id = $1 AND NOT (status IN ('pending', 'sent') AND command_type LIKE 'delete%')";
const TOLD: &str = "
    UPDATE terminal_users SET name = NULL, card_number = NULL, card_text = NULL
    WHERE EXISTS (SELECT 1 FROM device_user_mappings m WHERE m.student_id = $1 AND m.device_id = terminal_users.device_id
      AND m.device_pin = terminal_users.pin)";
const DRIFT: &str = "
    UPDATE device_drift SET ours = NULL, theirs = NULL, words = NULL
    WHERE student_id = $1 OR EXISTS (SELECT 1 FROM device_user_mappings m WHERE m.student_id = $1
      AND m.device_id = device_drift.device_id AND m.device_pin = device_drift.device_pin)";
const AUDIT: &str = "UPDATE audit_logs SET details = NULL WHERE entity = 'student' AND entity_id = $1";
const DAYS: &str = "DELETE FROM attendance_logs WHERE student_id = $1";
const NOBODYS_PUNCHES: &str = "UPDATE punches SET student_id = NULL WHERE student_id = $1";
const NO_PUNCHES: &str = "DELETE FROM punches WHERE student_id = $1";
/// The rows stay, so that nobody else ever gets the PIN; that they end before they begin to matter makes no punch his.
const MAPPINGS: &str = "UPDATE device_user_mappings SET valid_from = $2, valid_to = $2 WHERE student_id = $1";
const STILL_HELD: &str = "SELECT COUNT(*) FROM device_user_sync_status WHERE student_id = $1 AND is_held";

/// Of those whom nobody has erased, whoever was deleted first, by himself or with his school.
const DELETED_FIRST: &str = "
    SELECT f.id, f.school_id FROM (
      SELECT id, school_id, deleted_at FROM students WHERE deleted_at < $1 AND full_name <> '(erased)'
      UNION ALL
      SELECT s.id, s.school_id, k.deleted_at FROM schools k JOIN students s ON s.school_id = k.id
      WHERE k.deleted_at < $1 AND s.full_name <> '(erased)') f
    ORDER BY f.deleted_at, f.id LIMIT 1";

/// Who was deleted before then, or whose school was, has waited longest, and still has a name. Erase him before you ask again.
pub async fn deleted_first(tx: &mut Tx, before: Timestamp) -> Result<Option<(StudentId, SchoolId)>> {
    tx.optional(DELETED_FIRST, [before.into()]).await
}

/// Erases one student, whether his row is there or SQL has deleted it.
pub async fn erase(tx: &mut Tx, student: StudentId, punches: Punches, now: Timestamp) -> Result<Erased> {
    let traces = Traces::of(tx, student).await?;
    let lines = traces::unread(tx, &traces).await?;
    let card: Option<(i64,)> = tx.optional(CARD, [student.into()]).await?;
    tx.execute(STUDENT, [student.into(), now.into()]).await?;
    // Removals are queued while everything that they need is there.
    let reconciled = reconcile(tx, Scope::Student(student), now).await?;
    tx.execute(LEDGER, [student.into(), now.into()]).await?;
    tx.execute(COMMANDS, [student.into()]).await?;
    tx.execute(TOLD, [student.into()]).await?;
    tx.execute(DRIFT, [student.into()]).await?;
    traces::erase_from_sentences(tx, &traces).await?;
    for line in &lines {
        unread::drop(tx, line).await?;
    }
    if let Some((card,)) = card {
        tx.execute(PRESENTED, [card.into()]).await?;
    }
    let files = match traces.school {
        Some(school) => drafts::drop_all(tx, school).await?,
        None => 0,
    };
    tx.execute(AUDIT, [student.to_string().into()]).await?;
    outbox::forget_student(tx, student).await?;
    let punches = match punches {
        Punches::His => 0,
        Punches::Nobodys => part_from(tx, student, NOBODYS_PUNCHES).await?,
        Punches::Delete => part_from(tx, student, NO_PUNCHES).await?,
    };
    let (still_held,) = tx.one(STILL_HELD, [student.into()]).await?;
    Ok(Erased { punches, still_held, files, reconciled })
}

/// His punches become nobody's, or go, and so do his days. Answers how many punches.
async fn part_from(tx: &mut Tx, student: StudentId, sql: &'static str) -> Result<u64> {
    tx.execute(DAYS, [student.into()]).await?;
    tx.execute(MAPPINGS, [student.into(), Timestamp::UNIX_EPOCH.into()]).await?;
    tx.execute(sql, [student.into()]).await
}
