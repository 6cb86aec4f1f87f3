//! Wanted → ledger → commands.

use jiff::Timestamp;

use crate::{
    devices::DeviceId,
    school::{SchoolId, StudentId},
    store::{Result, Tx},
};

/// How wide to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// One student on every terminal.
    Student(StudentId),
    /// Everybody on one terminal.
    Device(DeviceId),
}

/// What a run wrote.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reconciled {
    /// Students for whom a command was queued.
    pub queued: u64,
    /// Terminals that have something to collect. Raise their flags after the commit.
    pub devices: Vec<DeviceId>,
}

/// Writes the consequences of what the database says now, within the caller's transaction.
pub async fn reconcile(tx: &mut Tx, scope: Scope, now: Timestamp) -> Result<Reconciled> {
    todo!()
}

/// Devices of a school, or of all schools, on which something is to be done. Each is then reconciled in a transaction of
/// its own.
pub async fn out_of_step(tx: &mut Tx, school: Option<SchoolId>) -> Result<Vec<DeviceId>> {
    todo!()
}
