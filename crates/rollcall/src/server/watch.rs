//! How long a connection may wait for what, and what its request line was.
//!
//! The stream and the service of a connection say here what happens; the [`Watchdog`] runs out when it has not happened
//! for too long.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

/// What a connection is doing. Shared by its stream, its service and its watchdog.
#[derive(Clone, Debug)]
pub(super) struct Watch(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    waits_for: WaitsFor,
    /// The peer takes nothing of what is written.
    is_stalled: bool,
    /// Moves with every change that starts the time anew.
    revision: u32,
    is_mended: bool,
    line: [u8; LINE],
    line_length: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum WaitsFor {
    /// The rest of a request's head.
    Head,
    /// The next request.
    Request,
    /// Our own answer.
    Answer,
}

/// Runs out when a connection has waited for too long.
#[derive(Debug)]
pub(super) struct Watchdog {
    watch: Watch,
    armed: Option<u32>,
    limit: Option<Pin<Box<Sleep>>>,
}

/// For the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// Between requests.
const IDLE: Duration = Duration::from_secs(15);
/// For the peer to take anything at all of a reply.
const STALLED: Duration = Duration::from_secs(30);
/// Of a request line, for the log.
const LINE: usize = 96;

impl Watch {
    pub fn new() -> Watch {
        Watch(Arc::new(Mutex::new(State {
            waits_for: WaitsFor::Head,
            is_stalled: false,
            revision: 0,
            is_mended: false,
            line: [0; LINE],
            line_length: 0,
        })))
    }

    /// Bytes arrived.
    pub fn received(&self, bytes: &[u8]) {
        let mut state = self.lock();
        match state.waits_for {
            WaitsFor::Request => state.wait_for(WaitsFor::Head),
            WaitsFor::Head if state.line_length == 0 => {}
            WaitsFor::Head | WaitsFor::Answer => return,
        }
        let length = bytes.len().min(LINE);
        state.line[..length].copy_from_slice(&bytes[..length]);
        state.line_length = length;
    }

    /// A request's head is complete and it is being answered.
    pub fn answering(&self) {
        self.lock().wait_for(WaitsFor::Answer);
    }

    pub fn answered(&self) {
        let mut state = self.lock();
        state.line_length = 0;
        state.wait_for(WaitsFor::Request);
    }

    /// Whether the peer took something of what was written.
    pub fn wrote(&self, something: bool) {
        let mut state = self.lock();
        if state.is_stalled == something {
            state.is_stalled = !something;
            state.revision = state.revision.wrapping_add(1);
        }
    }

    /// The request line had to be mended.
    pub fn mended(&self) {
        self.lock().is_mended = true;
    }

    pub fn is_mended(&self) -> bool {
        self.lock().is_mended
    }

    /// The path of the request whose head is being read, without its query: what may be logged.
    pub fn path(&self) -> String {
        let state = self.lock();
        let line = &state.line[..state.line_length];
        let line = line.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        let target = line.splitn(2, |byte| *byte == b' ').nth(1).unwrap_or_default();
        let path = target.split(|byte| matches!(byte, b'?' | b' ')).next().unwrap_or_default();
        String::from_utf8_lossy(path).into_owned()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait_for(&mut self, what: WaitsFor) {
        self.waits_for = what;
        self.revision = self.revision.wrapping_add(1);
    }

    fn limit(&self) -> Option<Duration> {
        match self.waits_for {
            _ if self.is_stalled => Some(STALLED),
            WaitsFor::Head => Some(HEAD),
            WaitsFor::Request => Some(IDLE),
            WaitsFor::Answer => None,
        }
    }
}

impl Watchdog {
    pub fn new(watch: Watch) -> Watchdog {
        Watchdog { watch, armed: None, limit: None }
    }
}

/// Polled by the task that drives the connection, after the connection: whatever happened has been said by then.
impl Future for Watchdog {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (revision, limit) = {
            let state = self.watch.lock();
            (state.revision, state.limit())
        };
        if self.armed != Some(revision) {
            self.armed = Some(revision);
            match (&mut self.limit, limit) {
                // To a later end, as between requests, without the timer's lock.
                (Some(sleeping), Some(limit)) => sleeping.as_mut().reset(sleep(limit).deadline()),
                (_, limit) => self.limit = limit.map(|limit| Box::pin(sleep(limit))),
            }
        }
        match &mut self.limit {
            Some(sleeping) => sleeping.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
