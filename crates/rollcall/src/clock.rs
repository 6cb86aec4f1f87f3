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
    Machine { started: std::time::Instant, database_ahead: Arc<AtomicI64> },
    /// Microseconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the monotonic clock")]
    pub fn machine() -> Clock {
        Clock(Source::Machine { started: std::time::Instant::now(), database_ahead: Arc::default() })
    }

    pub fn manual(at: Timestamp) -> Clock {
        Clock(Source::Manual(Arc::new(AtomicI64::new(at.as_microsecond()))))
    }

    /// The present, cut to microseconds: what both databases can hold.
    pub fn now(&self) -> Timestamp {
        let micros = match &self.0 {
            Source::Machine { database_ahead, .. } => {
                machine_now().as_microsecond() + database_ahead.load(Ordering::Relaxed)
            }
            Source::Manual(micros) => micros.load(Ordering::Relaxed),
        };
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
    }

    /// Time since the clock was made, never stepped by anybody. Its distance to [`Clock::now`] shows that the wall clock
    /// was.
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the monotonic clock")]
    pub fn monotonic(&self) -> SignedDuration {
        match &self.0 {
            Source::Machine { started, .. } => {
                SignedDuration::try_from(std::time::Instant::now() - *started).unwrap_or(SignedDuration::MAX)
            }
            Source::Manual(micros) => SignedDuration::from_micros(micros.load(Ordering::Relaxed)),
        }
    }

    /// Follows the database's clock, so that several servers mean the same by a deadline. A manual clock stays.
    pub fn follow(&self, database_now: Timestamp) {
        if let Source::Machine { database_ahead, .. } = &self.0 {
            database_ahead.store(database_now.as_microsecond() - machine_now().as_microsecond(), Ordering::Relaxed);
        }
    }

    /// Moves a manual clock forward; the machine's cannot be moved.
    pub fn advance(&self, by: SignedDuration) {
        if let Source::Manual(micros) = &self.0 {
            micros.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }

    /// Sets a manual clock to a later or earlier time; the machine's cannot be set.
    pub fn set(&self, at: Timestamp) {
        if let Source::Manual(micros) = &self.0 {
            micros.store(at.as_microsecond(), Ordering::Relaxed);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place that reads the wall clock")]
fn machine_now() -> Timestamp {
    Timestamp::now()
}
