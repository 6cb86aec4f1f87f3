//! Requests of one terminal take turns.
//!
//! The database would have them wait for the terminal's lock. But whoever waits there holds a connection, of which there are
//! few for all terminals and people, and on PostgreSQL a snapshot, which keeps it from clearing away what changed since.
//! Servers that share a database still wait for each other there.

use tokio::sync::{Mutex, MutexGuard};

use crate::devices::DeviceId;

/// Many more than there are connections: two terminals that share one hardly ever meet.
const TURNS: usize = 1024;

#[derive(Debug)]
pub struct Turns(Box<[Mutex<()>]>);

impl Default for Turns {
    fn default() -> Turns {
        Turns((0..TURNS).map(|_| Mutex::default()).collect())
    }
}

impl Turns {
    /// Waits until no other request of the terminal is in a transaction. Taken before a connection, never while one is held.
    pub async fn take(&self, device: DeviceId) -> MutexGuard<'_, ()> {
        self.0[usize::try_from(device.0).unwrap_or_default() % TURNS].lock().await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_terminal_waits_for_itself_alone() {
        let turns = Turns::default();
        let is_free = |device| turns.take(DeviceId(device)).now_or_never().is_some();
        let turn = turns.take(DeviceId(7)).await;
        assert!(!is_free(7));
        assert!(is_free(8));
        drop(turn);
        assert!(is_free(7));
    }
}
