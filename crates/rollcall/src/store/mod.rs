//! The database, and nothing about schools: connections, transactions, migrations, times, what runs at set times, and the
//! waking of those who wait for a change.
//!
//! One SQL text serves SQLite and PostgreSQL. Rooms keep their SQL as constants beside the function that runs it and take
//! `&mut Tx`; only a door or a loop begins and commits one. Nothing outside [`db`] asks which database it is.

pub mod backup;
pub mod db;
pub mod examine;
pub mod ids;
pub mod migrations;
mod rows;
pub mod schedule;
mod server;
pub mod statistics;
pub mod time;
mod trouble;
mod value;
pub mod wake;
pub mod whole;

pub use db::{Db, Error, Record, Result, Tx};
pub use time::{Day, Instant};
pub use trouble::Trouble;
pub use value::Value;
