//! The program as people and supervisors start it: exit statuses, what is printed, how it ends, and what survives when it
//! does not end well.

mod accounts;
mod balancer;
mod demo;
mod environment;
mod errors;
mod import;
mod kill;
mod log;
mod plugged;
pub mod program;
mod reckoning;
mod removals;
mod restart;
mod schedule;
mod servers;
mod simulate;
mod status;
mod stop;
mod tls;
pub mod town;
