//! Terminals: those that are registered, those that merely called, and when each was last seen.

use crate::store::ids::id;

id!(
    /// A row of `devices`.
    DeviceId
);
