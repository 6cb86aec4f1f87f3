//! The only place that reads the time. Everything else is handed a [`Clock`], or the instant itself.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};

/// Tells the time: the machine's, or one that a test moves by hand.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    /// The machine's clock plus what the database's clock differs by, in microseconds.
    Machine {
        started: std::time::Instant,
        database_ahead: Arc<AtomicI64>,
    },
    Manual(Arc<Manual>),
}

/// A clock that a test moves.
#[derive(Debug)]
struct Manual {
    /// Microseconds since 1970.
    wall: AtomicI64,
    /// Microseconds that have passed.
    monotonic: AtomicI64,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the monotonic clock")]
    pub fn machine() -> Clock {
        Clock(Source::Machine { started: std::time::Instant::now(), database_ahead: Arc::default() })
    }

    pub fn manual(at: Timestamp) -> Clock {
        let wall = AtomicI64::new(at.as_microsecond());
        Clock(Source::Manual(Arc::new(Manual { wall, monotonic: AtomicI64::new(0) })))
    }

    /// The present, cut to microseconds: what both databases can hold.
    pub fn now(&self) -> Timestamp {
        let micros = match &self.0 {
            Source::Machine { database_ahead, .. } => {
                machine_now().as_microsecond() + database_ahead.load(Ordering::Relaxed)
            }
            Source::Manual(manual) => manual.wall.load(Ordering::Relaxed),
        };
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
    }

    /// Time since the clock was made, never stepped by anybody. Its distance to [`Clock::now`] shows that the wall clock
    /// was.
    pub fn monotonic(&self) -> SignedDuration {
        match &self.0 {
            Source::Machine { started, .. } => {
                SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::MAX)
            }
            Source::Manual(manual) => SignedDuration::from_micros(manual.monotonic.load(Ordering::Relaxed)),
        }
    }

    /// Follows the database's clock, so that several servers mean the same by a deadline. A manual clock stays.
    pub fn follow(&self, database_now: Timestamp) {
        if let Source::Machine { database_ahead, .. } = &self.0 {
            database_ahead.store(database_now.as_microsecond() - machine_now().as_microsecond(), Ordering::Relaxed);
        }
    }

    /// Lets time pass on a manual clock; the machine's cannot be moved.
    pub fn advance(&self, by: SignedDuration) {
        self.step(by);
        if let Source::Manual(manual) = &self.0 {
            manual.monotonic.fetch_add(micros(by), Ordering::Relaxed);
        }
    }

    /// Steps a manual clock without any time passing, as an administrator or a time server does.
    pub fn step(&self, by: SignedDuration) {
        if let Source::Manual(manual) = &self.0 {
            manual.wall.fetch_add(micros(by), Ordering::Relaxed);
        }
    }
}

/// Measures how long something took. Never used to decide anything, so no test needs to turn it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the monotonic clock")]
    pub fn start() -> Stopwatch {
        Stopwatch(std::time::Instant::now())
    }

    pub fn elapsed(self) -> std::time::Duration {
        self.0.elapsed()
    }
}

fn micros(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the place that reads the wall clock")]
fn machine_now() -> Timestamp {
    Timestamp::now()
}
