//! The simulator's own tests: hand-written replies on one side, the exact bytes of a terminal on the other.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop where a test would")]

mod access;
mod agreement;
mod any_reply;
mod checklist;
mod families;
mod faults;
mod fleet;
mod line;
mod options;
mod over_http;
mod people;
