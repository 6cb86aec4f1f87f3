//! How wide a run looks. It is told that, never what changed.

use crate::{devices::DeviceId, school::StudentId};

/// What a run is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// One student on every terminal.
    Student(StudentId),
    /// Everybody on one terminal.
    Device(DeviceId),
}
