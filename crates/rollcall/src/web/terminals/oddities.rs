//! Logging what should not happen, without letting those who cause it fill the log.

use std::{
    collections::HashMap,
    error::Error,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use push_protocol::request::{Call, Request};

/// Remembers what was logged of late. Never a query, a body or a person's name: only paths.
#[derive(Default, Debug)]
pub struct Oddities(Mutex<HashMap<String, Said>>);

#[derive(Debug)]
struct Said {
    at: Timestamp,
    suppressed: u64,
}

/// What is logged of a terminal that had to be answered too early.
pub const LATE: &str = "a terminal was answered before its request was dealt with";
/// The same thing is said once in this time.
const EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Different things remembered. More than that within a minute are not logged.
const KINDS: usize = 200;
/// Of a path.
const PATH_CHARS: usize = 80;

impl Oddities {
    /// Logs a request that was answered without being understood.
    pub fn log(&self, request: &Request, address: IpAddr, now: Timestamp, what: &str) {
        let path = shown(match &request.call {
            Call::Unknown { name } | Call::File { name } => name,
            _ => "",
        });
        if let Some(suppressed) = self.is_due(&format!("{what} {path}"), now) {
            let serial = shown(&request.serial_number);
            tracing::info!(path, serial, %address, suppressed, "{what}");
        }
    }

    /// Logs a head that the parser refused.
    pub fn log_refused(&self, path: &str, address: IpAddr, now: Timestamp) {
        let path = shown(path);
        if let Some(suppressed) = self.is_due(&format!("refused {path}"), now) {
            tracing::info!(path, %address, suppressed, "a request head was refused");
        }
    }

    /// Logs that somebody called from where a terminal may not. Answers whether it was said now.
    pub fn log_stray(&self, serial: &str, address: IpAddr, now: Timestamp) -> bool {
        let due = self.is_due(&format!("stray {serial}"), now);
        if let Some(suppressed) = due {
            tracing::warn!(serial, %address, suppressed, "a call from outside a terminal's addresses was refused");
        }
        due.is_some()
    }

    /// Logs that something could not be done.
    pub fn log_failure(&self, what: &str, error: &(dyn Error + 'static), now: Timestamp) {
        if let Some(suppressed) = self.is_due(what, now) {
            tracing::error!(error, suppressed, "could not {what}");
        }
    }

    /// Logs that the database took too long: it is busy or away.
    pub fn log_late(&self, now: Timestamp) {
        if let Some(suppressed) = self.is_due(LATE, now) {
            tracing::warn!(suppressed, "{LATE}");
        }
    }

    /// How often it went unsaid since the last time, if it is to be said now.
    fn is_due(&self, kind: &str, now: Timestamp) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = said.get_mut(kind) {
            if now.duration_since(last.at) < EVERY {
                last.suppressed += 1;
                return None;
            }
            last.at = now;
            return Some(std::mem::take(&mut last.suppressed));
        }
        if said.len() >= KINDS {
            said.retain(|_, last| now.duration_since(last.at) < EVERY);
            if said.len() >= KINDS {
                return None;
            }
        }
        said.insert(kind.to_owned(), Said { at: now, suppressed: 0 });
        Some(0)
    }
}

fn shown(text: &str) -> String {
    text.chars().take(PATH_CHARS).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_a_minute_and_two_hundred_things_at_most() {
        let (oddities, now) = (Oddities::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(oddities.is_due("a", now), Some(0));
        assert_eq!(oddities.is_due("a", now + SignedDuration::from_secs(59)), None);
        assert_eq!(oddities.is_due("a", now + SignedDuration::from_secs(61)), Some(1), "once it went unsaid");
        let later = now + SignedDuration::from_secs(90);
        let said = (0..KINDS * 2).filter(|kind| oddities.is_due(&format!("kind {kind}"), later).is_some()).count();
        assert_eq!(said, KINDS - 1);
        assert_eq!(oddities.is_due("another", later + EVERY), Some(0), "what is over makes room");
    }
}
