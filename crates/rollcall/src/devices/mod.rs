//! Terminals: those that are registered, those that merely called, and when each was last seen.

pub mod registry;
pub mod zone;

use crate::store::ids::id;

id!(
    /// A row of `devices`.
    DeviceId
);
