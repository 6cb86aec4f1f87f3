//! Rollcall keeps every ZKTeco terminal of a school holding exactly the students that the database says it should hold.
//!
//! ARCHITECTURE.md has the map. Imports point one way: `cli` and `web` use the rooms `school`, `devices`, `sync`,
//! `attendance`, `accounts` and `webhooks`; the rooms use `store`; `store` uses no room.

pub mod accounts;
pub mod app;
pub mod attendance;
pub mod cli;
pub mod clock;
pub mod config;
pub mod devices;
pub mod loops;
pub mod meters;
pub mod networks;
pub mod school;
pub mod server;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod web;
pub mod webhooks;
