//! The API's handlers, one file per kind of thing.

pub mod attendance;
pub mod auth;
pub mod devices;
pub mod unknown_devices;
