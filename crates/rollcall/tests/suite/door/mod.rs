//! The terminals' door, on exact bytes over pipes: what the protocol asks of a server, items 1 to 32, and the rules 22 to 26.
//! docs/rules.md has both.

mod bench;
mod commands;
mod handshakes;
mod large;
mod limits;
mod missed;
mod registry;
mod rules;
mod serving;
mod transcripts;
mod transport;
mod trust;
mod uploads;
