//! Stories: what people and terminals do, and what they then see. Every one runs on both databases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod attendance;
mod convergence;
mod databases;
mod door;
mod openapi;
mod server;
mod shape;
mod stories;
mod sync;
mod world;
