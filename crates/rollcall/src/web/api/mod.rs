//! The API's handlers, one file per kind of thing. Every change writes its row into the audit log, in its transaction.

#![expect(unused_qualifications, reason = "utoipa writes full paths for the parameters of a query")]
#![expect(clippy::option_option, reason = "a field that is null is cleared, one that is absent stays")]

pub mod attendance;
pub mod audit;
pub mod auth;
pub mod changes;
pub mod classes;
pub mod devices;
pub mod holidays;
pub mod imports;
pub mod removals;
pub mod schools;
pub mod sections;
pub mod students;
pub mod sync;
pub mod takeover;
pub mod tokens;
pub mod trust;
pub mod unknown_devices;
pub mod users;
pub mod verification;
pub mod webhooks;
pub mod years;
