//! Stories: what people and terminals do, and what they then see. Every one runs on both databases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod attendance;
mod browser;
mod convergence;
mod databases;
mod devices;
mod door;
mod faults;
mod imports;
mod layers;
mod migrations;
mod openapi;
mod operating;
mod pages;
mod processes;
mod records;
mod roles;
mod roster;
mod rows;
mod schedule;
mod server;
mod shape;
mod stories;
mod sync;
mod webhooks;
mod world;
