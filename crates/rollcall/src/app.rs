//! What every door and loop of a running server shares.

use std::sync::Arc;

use crate::{attendance::recorder::Recorder, clock::Clock, config::Settings, devices::registry::Registry, store::Db};

/// A running server's parts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub settings: Arc<Settings>,
    /// Known terminals, in memory.
    pub registry: Registry,
    /// Stores what terminals upload.
    pub recorder: Recorder,
}
