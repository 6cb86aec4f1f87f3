//! Which PIN a student has on a terminal, for ever.

use push_protocol::text::Pin;

use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Instant, Result, Tx},
};

/// A stretch of the PIN history of a device: who had this PIN, and when. A punch belongs to the student whose stretch
/// contains it; a PIN is never given to a second student of the same device.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Holder {
    pub device_pin: String,
    pub student_id: StudentId,
    pub valid_from: Instant,
    pub valid_to: Option<Instant>,
}

/// The holders of some PINs of a device.
pub async fn holders(tx: &mut Tx, device: DeviceId, pins: &[Pin]) -> Result<Vec<Holder>> {
    todo!()
}

/// Remembers that a terminal mentioned these PINs, in whatever way: they are never given to a student there.
pub async fn saw(tx: &mut Tx, device: DeviceId, pins: &[Pin]) -> Result<()> {
    todo!()
}
