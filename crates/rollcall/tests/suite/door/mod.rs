//! The terminals' door: the server's half of the protocol's conformance list (protocol §11.1, items 1 to 32), on exact
//! bytes over pipes, and the rules 22 to 26.

mod bench;
mod commands;
mod handshakes;
mod limits;
mod registry;
mod rules;
mod serving;
mod transcripts;
mod transport;
mod trust;
mod uploads;
