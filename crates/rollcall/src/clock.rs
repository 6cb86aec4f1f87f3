//! The only place that reads the time. Everything else is handed a [`Clock`], or the instant itself.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};

/// Tells the time: the machine's, or one that a test moves by hand.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    steady: Arc<Mutex<Steady>>,
}

/// What was seen when somebody asked last whether the clock was stepped.
#[derive(Debug)]
struct Steady {
    wall: Timestamp,
    monotonic: SignedDuration,
    /// By monotonic time.
    since: SignedDuration,
}

/// Wall and monotonic time that part by more than this mean that the wall clock was stepped.
pub const STEP: SignedDuration = SignedDuration::from_mins(1);

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
        Clock::of(Source::Machine { started: std::time::Instant::now(), database_ahead: Arc::default() })
    }

    pub fn manual(at: Timestamp) -> Clock {
        let wall = AtomicI64::new(at.as_microsecond());
        Clock::of(Source::Manual(Arc::new(Manual { wall, monotonic: AtomicI64::new(0) })))
    }

    fn of(source: Source) -> Clock {
        let (wall, monotonic) = (source.now(), source.monotonic());
        Clock { source, steady: Arc::new(Mutex::new(Steady { wall, monotonic, since: SignedDuration::ZERO })) }
    }

    /// The present, cut to microseconds: what both databases can hold.
    pub fn now(&self) -> Timestamp {
        self.source.now()
    }

    /// Time since the clock was made, never stepped by anybody. Its distance to [`Clock::now`] shows that the wall clock
    /// was.
    pub fn monotonic(&self) -> SignedDuration {
        self.source.monotonic()
    }

    /// For how long, at least, nobody has stepped the wall clock. Sees a step when it is asked the next time.
    pub fn steady_for(&self) -> SignedDuration {
        let mut steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, monotonic) = (self.now(), self.monotonic());
        let parted = wall.duration_since(steady.wall) - (monotonic - steady.monotonic);
        let since = if parted.abs() > STEP { monotonic } else { steady.since };
        *steady = Steady { wall, monotonic, since };
        monotonic - since
    }

    /// Follows the database's clock, so that several servers mean the same by a deadline. A manual clock stays.
    pub fn follow(&self, database_now: Timestamp) {
        if let Source::Machine { database_ahead, .. } = &self.source {
            database_ahead.store(database_now.as_microsecond() - machine_now().as_microsecond(), Ordering::Relaxed);
        }
    }

    /// Lets time pass on a manual clock; the machine's cannot be moved.
    pub fn advance(&self, by: SignedDuration) {
        self.step(by);
        if let Source::Manual(manual) = &self.source {
            manual.monotonic.fetch_add(micros(by), Ordering::Relaxed);
        }
    }

    /// Steps a manual clock without any time passing, as an administrator or a time server does.
    pub fn step(&self, by: SignedDuration) {
        if let Source::Manual(manual) = &self.source {
            manual.wall.fetch_add(micros(by), Ordering::Relaxed);
        }
    }
}

impl Source {
    fn now(&self) -> Timestamp {
        let micros = match self {
            Source::Machine { database_ahead, .. } => {
                machine_now().as_microsecond() + database_ahead.load(Ordering::Relaxed)
            }
            Source::Manual(manual) => manual.wall.load(Ordering::Relaxed),
        };
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> SignedDuration {
        match self {
            Source::Machine { started, .. } => {
                SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::MAX)
            }
            Source::Manual(manual) => SignedDuration::from_micros(manual.monotonic.load(Ordering::Relaxed)),
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
