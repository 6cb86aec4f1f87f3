//! Known terminals in memory, so that an idle poll needs no database.

use super::DeviceId;

/// Serial number → terminal, sharded. Cheap to clone.
#[derive(Clone, Default, Debug)]
pub struct Registry {}

impl Registry {
    /// Commands may be waiting for these devices: their next poll asks the database.
    pub fn raise(&self, _devices: &[DeviceId]) {
        todo!()
    }
}
