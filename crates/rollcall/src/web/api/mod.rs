//! The API's handlers, one file per kind of thing.

pub mod auth;
