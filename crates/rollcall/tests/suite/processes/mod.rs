//! The program as people and supervisors start it: exit statuses, what is printed, how it ends, and what survives when it
//! does not end well.

mod accounts;
mod demo;
mod errors;
mod import;
mod kill;
mod log;
pub mod program;
mod removals;
mod schedule;
mod simulate;
mod status;
mod stop;
mod tls;
