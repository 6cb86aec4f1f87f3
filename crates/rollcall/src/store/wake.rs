//! Waking those who wait for a change. Waking only shortens waiting: everything here is found by a tick as well.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{Db, Result, server::Server};

/// Sent by the database's trigger when students changed; the payload is the school's id.
pub const ROSTER: &str = "rollcall_roster";
/// Sent by the reconciler when commands were queued.
pub const COMMANDS: &str = "rollcall_commands";
/// Sent by the database's trigger when a terminal was registered, changed or deleted, other than by calling.
pub const DEVICES: &str = "rollcall_devices";

/// What somebody said has changed. A level, not an edge: it stays until it is taken.
#[derive(Clone, Default, Debug)]
pub struct Wake(Arc<Shared>);

#[derive(Default, Debug)]
struct Shared {
    changes: Mutex<Changes>,
    notify: Notify,
}

/// Where to look. Never what changed.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Changes {
    /// Ids of schools whose rosters may have changed.
    pub schools: BTreeSet<i64>,
    /// Something was missed: look everywhere.
    pub everything: bool,
    /// Commands may be waiting for terminals of this server.
    pub commands: bool,
    /// The registry may not know the terminals as they are.
    pub devices: bool,
}

impl Wake {
    pub fn tell(&self, change: impl FnOnce(&mut Changes)) {
        change(&mut self.0.changes.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.notify.notify_one();
    }

    pub fn take(&self) -> Changes {
        std::mem::take(&mut *self.0.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns when there is, or may be, something to take.
    pub async fn changed(&self) {
        self.0.notify.notified().await;
    }
}

/// Listens to PostgreSQL's notifications for ever; on SQLite it returns at once. After each (re)connection everything is
/// looked at, because what was said meanwhile is gone.
pub async fn listen(db: &Db, wake: &Wake) {
    let Some(server) = db.postgres() else { return };
    loop {
        if let Err(error) = listen_once(server, wake).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "listening to the database ended, trying again");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn listen_once(server: &Server, wake: &Wake) -> Result<()> {
    let mut listener = server.listen([ROSTER, COMMANDS, DEVICES]).await?;
    wake.tell(|changes| (changes.everything, changes.commands, changes.devices) = (true, true, true));
    // `try_recv` tells of a lost connection; `recv` would reconnect in silence.
    while let Some(notification) = listener.try_recv().await? {
        wake.tell(|changes| match (notification.channel(), notification.payload().parse()) {
            (ROSTER, Ok(school)) => drop(changes.schools.insert(school)),
            (ROSTER, Err(_)) => changes.everything = true,
            (DEVICES, _) => changes.devices = true,
            _ => changes.commands = true,
        });
    }
    Ok(())
}
