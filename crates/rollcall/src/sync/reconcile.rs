//! Wanted → ledger → commands.
//!
//! A run locks the devices' rows in `device_pins` and looks whether there is anything to write. Then it gives PINs to those
//! who have none ([`super::pins`]), writes into the ledger what is wanted where that differs, holds what a person should see
//! first ([`super::guard`]), withdraws commands that have not left and say something older, and queues the commands that are
//! missing ([`super::queue`]). Only rows that differ are touched, so a second run does nothing.

use jiff::Timestamp;

pub use super::scope::Scope;
use super::{guard, pins, queue, strangers};
use crate::{
    devices::DeviceId,
    school::{SchoolId, StudentId},
    store::{Result, Tx},
};

/// What a run wrote.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reconciled {
    /// Commands that were queued.
    pub queued: u64,
    /// Terminals that have something to collect. Raise their flags after the commit.
    pub devices: Vec<DeviceId>,
    /// A transaction's worth was planned, and there may be more: commit and run again.
    pub is_partial: bool,
}

/// The ledger says of a student `b` who belongs on a device what the roster does. PostgreSQL looks for each one's row by
/// itself, through an index, as `LIMIT 1 OFFSET 0` says nothing and leaves it no choice. Joined, and before it knows how large
/// the tables are, it would compare every row with every student.
macro_rules! as_wanted {
    ($more:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM device_user_sync_status l WHERE l.device_id = b.device_id AND l.student_id = b.student_id
               AND l.is_wanted AND l.wanted_name = b.full_name AND l.wanted_card = b.rfid_card_id
               AND l.school_id = b.school_id",
            $more,
            " LIMIT 1 OFFSET 0)"
        )
    };
}

/// Whether there is anything to write: somebody who belongs on a terminal has no PIN there, an ended or too wide one, or is
/// not wanted as he is; or more are wanted than belong. When all of those who belong are wanted, as many as belong means
/// that nobody else is. On a terminal that is not written to yet nobody is wanted.
macro_rules! differs {
    ($who_belongs:literal, $who_is_wanted:literal) => {
        concat!(
            "WITH b AS NOT MATERIALIZED (
               SELECT b.*, d.pin_width FROM belonging b JOIN devices d ON d.id = b.device_id WHERE ",
            $who_belongs,
            ")
             SELECT EXISTS (SELECT 1 FROM b WHERE NOT ",
            as_wanted!(
                " AND EXISTS (SELECT 1 FROM device_user_mappings m WHERE m.device_id = b.device_id
                    AND m.student_id = b.student_id AND m.valid_to IS NULL AND m.device_pin = l.device_pin
                    AND (b.pin_width IS NULL OR LENGTH(m.device_pin) <= b.pin_width) LIMIT 1 OFFSET 0)"
            ),
            ") OR (SELECT COUNT(*) FROM b) <> (SELECT COUNT(*) FROM device_user_sync_status w WHERE w.is_wanted AND ",
            $who_is_wanted,
            ")"
        )
    };
}

/// Somebody for whom no PIN is left stands in the ledger without one, so that people see why he is not there. What was
/// decided of a card, or waits to be, stays true while the same card is wanted; `kept` ends with any change. Where there is
/// any question about his card, its number is forgotten: that is how the guard knows whom to look at.
macro_rules! want {
    ($scope:literal) => {
        concat!(
            "INSERT INTO device_user_sync_status (device_id, student_id, device_pin, school_id, is_wanted, wanted_name,
               wanted_card, wanted_at, created_at, updated_at)
             SELECT b.device_id, b.student_id, COALESCE(b.pin, ''), b.school_id, TRUE, b.full_name, b.rfid_card_id, $2, $2, $2
             FROM (
               SELECT b.device_id, b.student_id, b.school_id, b.full_name, b.rfid_card_id, d.pin_width,
                 (SELECT m.device_pin FROM device_user_mappings m
                  WHERE m.device_id = b.device_id AND m.student_id = b.student_id LIMIT 1 OFFSET 0) AS pin
               FROM belonging b JOIN devices d ON d.id = b.device_id AND d.start_state = 'writing'
               WHERE ",
            $scope,
            ") b
             WHERE (b.pin IS NOT NULL OR b.pin_width IS NOT NULL) AND NOT ",
            as_wanted!(" AND l.device_pin = COALESCE(b.pin, '')"),
            "
             ON CONFLICT (device_id, student_id) DO UPDATE SET
               is_wanted = TRUE, device_pin = excluded.device_pin, school_id = excluded.school_id,
               removal_wanted_at = NULL,
               card_change_wanted_at = CASE WHEN ",
            same_card!(),
            " THEN device_user_sync_status.card_change_wanted_at END,
               decided_at = CASE WHEN ",
            same_card!(),
            " THEN device_user_sync_status.decided_at END,
               error_message = CASE WHEN device_user_sync_status.decision = 'held' AND ",
            same_card!(),
            " THEN device_user_sync_status.error_message END,
               decision = CASE WHEN ",
            same_card!(),
            " THEN device_user_sync_status.decision END,
               wanted_card_number = CASE WHEN ",
            same_card!(),
            " AND device_user_sync_status.card_change_wanted_at IS NULL
                 AND device_user_sync_status.held_card_number = device_user_sync_status.wanted_card_number
                 THEN device_user_sync_status.wanted_card_number END,
               wanted_name = excluded.wanted_name, wanted_card = excluded.wanted_card,
               wanted_version = device_user_sync_status.wanted_version + 1, wanted_at = excluded.wanted_at,
               obstacle = NULL, priority = 10, sync_retries = 0, repairs = 0, updated_at = excluded.updated_at"
        )
    };
}
macro_rules! same_card {
    () => {
        "device_user_sync_status.is_wanted AND device_user_sync_status.wanted_card = excluded.wanted_card
           AND COALESCE(device_user_sync_status.decision, '') <> 'kept'"
    };
}

/// The guard counts those whom the terminal may hold: also somebody whose command left and was not answered. The name
/// stays until he is removed: whoever decides about it wants to read it.
macro_rules! unwant {
    ($scope:literal) => {
        concat!(
            "UPDATE device_user_sync_status SET
               is_wanted = FALSE, wanted_card = NULL, wanted_card_number = NULL, wanted_version = wanted_version + 1,
               wanted_at = $2,
               removal_wanted_at = CASE WHEN is_held OR EXISTS (
                 SELECT 1 FROM device_commands c WHERE c.device_id = device_user_sync_status.device_id
                   AND c.student_id = device_user_sync_status.student_id AND c.card_number IS NOT NULL AND c.attempts > 0)
                 THEN $2 END,
               card_change_wanted_at = NULL, decision = NULL, decided_at = NULL,
               obstacle = NULL, priority = 10, sync_retries = 0, repairs = 0, error_message = NULL, updated_at = $2
             WHERE is_wanted AND ",
            $scope,
            " AND EXISTS (SELECT 1 FROM devices d WHERE d.id = device_user_sync_status.device_id
                 AND d.is_active AND d.deleted_at IS NULL AND d.start_state = 'writing')
               AND NOT EXISTS (SELECT 1 FROM belonging b WHERE b.device_id = device_user_sync_status.device_id
                 AND b.student_id = device_user_sync_status.student_id LIMIT 1 OFFSET 0)"
        )
    };
}

/// Who never had a PIN there cannot be there.
macro_rules! forget_pinless {
    ($scope:literal) => {
        concat!("DELETE FROM device_user_sync_status WHERE ", $scope, " AND device_pin = '' AND NOT is_wanted")
    };
}

macro_rules! supersede {
    ($scope:literal) => {
        concat!(
            "UPDATE device_commands SET status = 'superseded', completed_at = $2
             WHERE status = 'pending' AND ",
            $scope,
            " AND EXISTS (SELECT 1 FROM device_user_sync_status l WHERE l.device_id = device_commands.device_id
                 AND l.student_id = device_commands.student_id AND l.wanted_version > device_commands.wanted_version
                 LIMIT 1 OFFSET 0)"
        )
    };
}

/// What is asked and written in one scope, whose id is `$1`; `$2` is now.
struct Statements {
    differs: &'static str,
    want: &'static str,
    unwant: &'static str,
    forget_pinless: &'static str,
    supersede: &'static str,
}
const OF_STUDENT: Statements = Statements {
    differs: differs!("b.student_id = $1", "w.student_id = $1"),
    want: want!("b.student_id = $1"),
    unwant: unwant!("student_id = $1"),
    forget_pinless: forget_pinless!("student_id = $1"),
    supersede: supersede!("student_id = $1"),
};
const ON_DEVICE: Statements = Statements {
    differs: differs!("b.device_id = $1", "w.device_id = $1"),
    want: want!("b.device_id = $1"),
    unwant: unwant!("device_id = $1"),
    forget_pinless: forget_pinless!("device_id = $1"),
    supersede: supersede!("device_id = $1"),
};

/// What `want` does where only the name is another, and nothing waits or is asked for besides. SQLite writes the
/// entry of an index again for each column that is set, though it stays the same, and a terminal has pages of its own in each
/// index: without these columns an edit logs a third of the pages.
const RENAME_STUDENT: &str = "
    UPDATE device_user_sync_status SET wanted_name = (SELECT s.full_name FROM students s WHERE s.id = student_id),
      wanted_version = wanted_version + 1, wanted_at = $2, error_message = NULL, priority = 10, sync_retries = 0, repairs = 0,
      updated_at = $2
    WHERE student_id = $1 AND is_wanted AND removal_wanted_at IS NULL AND card_change_wanted_at IS NULL AND decision IS NULL
      AND obstacle IS NULL AND held_card_number = wanted_card_number AND EXISTS (
        SELECT 1 FROM belonging b JOIN devices d ON d.id = b.device_id AND d.start_state = 'writing'
        JOIN device_user_mappings m ON m.device_id = b.device_id AND m.student_id = b.student_id
        WHERE b.device_id = device_user_sync_status.device_id AND b.student_id = device_user_sync_status.student_id
          AND b.full_name <> wanted_name AND b.rfid_card_id = wanted_card
          AND b.school_id = device_user_sync_status.school_id AND m.device_pin = device_user_sync_status.device_pin
        LIMIT 1 OFFSET 0)";

/// Writes the consequences of what the database says now, within the caller's transaction.
pub async fn reconcile(tx: &mut Tx, scope: Scope, now: Timestamp) -> Result<Reconciled> {
    lock(tx, scope).await?;
    let (sql, id) = match scope {
        Scope::Student(student) => {
            tx.execute(RENAME_STUDENT, [student.into(), now.into()]).await?;
            (OF_STUDENT, student.0)
        }
        Scope::Device(device) => (ON_DEVICE, device.0),
    };
    let (differs,): (bool,) = tx.one(sql.differs, [id.into()]).await?;
    if differs {
        pins::map(tx, scope, now).await?;
        tx.execute(sql.want, [id.into(), now.into()]).await?;
        tx.execute(sql.unwant, [id.into(), now.into()]).await?;
        tx.execute(sql.forget_pinless, [id.into()]).await?;
    }
    guard::hold(tx, scope, now).await?;
    tx.execute(sql.supersede, [id.into(), now.into()]).await?;
    if let Scope::Device(device) = scope {
        strangers::withdraw(tx, device, now).await?;
    }
    queue::open_rows(tx, scope, now).await
}

const LOCK_OF_STUDENT: &str = "
    SELECT device_id FROM device_pins WHERE device_id IN (
      SELECT d.id FROM devices d JOIN students s ON s.school_id = d.school_id WHERE s.id = $1
      UNION SELECT device_id FROM device_user_sync_status WHERE student_id = $1)
    ORDER BY device_id";
const LOCK_DEVICE: &str = "SELECT device_id FROM device_pins WHERE device_id = $1 ORDER BY device_id";

/// Takes the locks of a run, in device id order: whoever reconciles, delivers or acknowledges holds them.
pub(super) async fn lock(tx: &mut Tx, scope: Scope) -> Result<()> {
    match scope {
        Scope::Student(student) => {
            pins::ensure_rows(tx, None, Some(student)).await?;
            tx.lock(LOCK_OF_STUDENT, [student.into()]).await
        }
        Scope::Device(device) => {
            pins::ensure_rows(tx, Some(device), None).await?;
            tx.lock(LOCK_DEVICE, [device.into()]).await
        }
    }
}

const OUT_OF_STEP: &str = concat!(
    "WITH rosters AS (
       SELECT b.device_id, COUNT(*) AS belonging, COUNT(*) FILTER (WHERE NOT ",
    as_wanted!(""),
    ") AS differing
       FROM belonging b
       JOIN devices d ON d.id = b.device_id AND d.start_state = 'writing'
       WHERE (CAST($1 AS BIGINT) IS NULL OR b.school_id = $1)
       GROUP BY b.device_id)
     SELECT d.id FROM devices d LEFT JOIN rosters r ON r.device_id = d.id
     WHERE d.is_active AND d.deleted_at IS NULL AND d.start_state = 'writing' AND (
       (CAST($1 AS BIGINT) IS NULL OR d.school_id = $1) AND (COALESCE(r.differing, 0) > 0 OR COALESCE(r.belonging, 0)
         <> (SELECT COUNT(*) FROM device_user_sync_status w WHERE w.device_id = d.id AND w.is_wanted))
       OR EXISTS (
         SELECT 1 FROM device_user_sync_status l
         WHERE l.device_id = d.id AND l.confirmed_version <> l.wanted_version AND l.failed_version <> l.wanted_version
           AND l.obstacle IS NULL AND COALESCE(l.decision, '') NOT IN ('held', 'kept')
           AND NOT EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = l.device_id
             AND c.student_id = l.student_id AND c.status IN ('pending', 'sent') LIMIT 1 OFFSET 0)
         LIMIT 1 OFFSET 0))
     ORDER BY d.id"
);

/// Devices on which something is to be done because of a school's roster, or anybody's. Each is then reconciled in a
/// transaction of its own.
pub async fn out_of_step(tx: &mut Tx, school: Option<SchoolId>) -> Result<Vec<DeviceId>> {
    let devices: Vec<(DeviceId,)> = tx.all(OUT_OF_STEP, [school.into()]).await?;
    Ok(devices.into_iter().map(|(device,)| device).collect())
}

/// As many are looked after one by one; beyond that terminal by terminal costs less.
const FEW: i64 = 20;

const STUDENTS_OUT_OF_STEP: &str = concat!(
    "SELECT DISTINCT b.student_id FROM belonging b
     JOIN devices d ON d.id = b.device_id AND d.start_state = 'writing'
     WHERE (CAST($1 AS BIGINT) IS NULL OR b.school_id = $1) AND NOT ",
    as_wanted!(""),
    " AND NOT EXISTS (SELECT 1 FROM device_user_sync_status l WHERE l.student_id = b.student_id
         AND (l.school_id <> b.school_id OR COALESCE(l.wanted_card, '') <> b.rfid_card_id) LIMIT 1 OFFSET 0)
     LIMIT $2"
);

/// Those of a school, or of all, who are wanted otherwise than the ledger says, if they are few: each is then reconciled on
/// all of his terminals at once. Nobody whose card or school changed: how many there are the guard wants to see together.
pub async fn few_out_of_step(tx: &mut Tx, school: Option<SchoolId>) -> Result<Vec<StudentId>> {
    let students: Vec<(StudentId,)> = tx.all(STUDENTS_OUT_OF_STEP, [school.into(), (FEW + 1).into()]).await?;
    let are_few = students.len() as i64 <= FEW;
    Ok(students.into_iter().filter(|_| are_few).map(|(student,)| student).collect())
}
