//! The API's handlers, one file per kind of thing. Every change writes its row into the audit log, in its transaction.

pub mod attendance;
pub mod audit;
pub mod auth;
pub mod changes;
pub mod classes;
pub mod devices;
pub mod schools;
pub mod sections;
pub mod students;
pub mod sync;
pub mod tokens;
pub mod unknown_devices;
pub mod users;
