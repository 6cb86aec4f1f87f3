//! How wide a run looks. It is told that, never what changed.
//!
//! Where a statement brings rows of one terminal (`VALUES {rows}`), it says `device_id = (SELECT $1)`. `device_id = $1` has
//! PostgreSQL look up what it believes of that terminal. Of one that was filled since it last counted it believes that there
//! is nothing, and then reads all of it for a row.

use crate::{devices::DeviceId, school::StudentId};

/// What a run is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// One student on every terminal.
    Student(StudentId),
    /// Everybody on one terminal.
    Device(DeviceId),
}

/// The ledger's rows of one student, `$1`. PostgreSQL looks for them by the student, whatever it believes of the rest of a
/// question: when many rows changed a moment ago, it takes indexes that hold nearly everybody to hold nearly nobody. Nobody is on as
/// many terminals as `LIMIT` says.
macro_rules! rows_of_student {
    () => {
        "(SELECT * FROM device_user_sync_status WHERE student_id = $1 LIMIT 1000000 OFFSET 0)"
    };
}
pub(super) use rows_of_student;
