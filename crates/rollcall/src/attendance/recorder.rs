//! The writer that all uploads go through: a bounded queue, one commit for everything that queued during the last one.

use std::future::Future;

use jiff::tz::TimeZone;
use push_protocol::{record::Punch, text::SerialNumber};

use crate::{clock::Clock, devices::DeviceId, school::SchoolId, store::Db};

/// Stores uploads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {}

/// What one upload of a terminal brought.
#[derive(Clone, Debug)]
pub struct Upload {
    pub serial: SerialNumber,
    /// `None`: the terminal is not registered, its punches go into quarantine.
    pub device: Option<(DeviceId, SchoolId)>,
    /// The zone of the terminal's wall clock; `None` counts as UTC.
    pub zone: Option<TimeZone>,
    pub punches: Vec<Punch>,
    /// Lines that could not be read, with the table that the upload named.
    pub unread: Vec<(String, Vec<u8>)>,
    /// The table and the position that the terminal gave, to be echoed in its next handshake. Ignored in quarantine.
    pub stamp: Option<(String, String)>,
}

/// What became of an upload that was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recorded {
    /// Punches that were not there before.
    pub new: usize,
    /// Punches that were there already.
    pub repeated: usize,
}

/// Why an upload was not stored. Nothing of it was: answer 503, the terminal keeps its data and sends it again.
#[derive(Debug, thiserror::Error)]
pub enum NotStored {
    #[error("too many uploads are waiting to be stored")]
    Busy,
    #[error("the quarantine of this unregistered terminal is full")]
    QuarantineFull,
    #[error("the upload could not be stored")]
    Failed(#[source] std::sync::Arc<crate::store::Error>),
    #[error("the server is stopping")]
    Stopping,
}

impl Recorder {
    /// Starts the writers. The future ends when [`Recorder::stop`] was called and everything that queued before is stored.
    pub fn start(db: Db, clock: Clock) -> (Recorder, impl Future<Output = ()> + Send + 'static) {
        let _ = (db, clock);
        (Recorder {}, async { todo!() })
    }

    /// Waits until the upload is committed. Dropping the future does not take the upload back.
    pub async fn record(&self, upload: Upload) -> Result<Recorded, NotStored> {
        todo!()
    }

    /// From now on every upload is refused with [`NotStored::Stopping`].
    pub fn stop(&self) {
        todo!()
    }
}
