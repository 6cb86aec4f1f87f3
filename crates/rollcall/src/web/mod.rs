//! The doors over HTTP: for people and programs the API, the page at `/` and health; for terminals [`terminals`].
//!
//! A handler is a door: it begins a transaction, asks the rooms, commits, and answers. [`router`] has every route on one
//! page. A handler takes [`Caller`](crate::accounts::Caller) (and so is closed without a token), [`extract`]'s `Json`,
//! `Query`, `Path` and `Paging`, and answers [`envelope::Answer`] or [`envelope::Listed`], or an [`error::ApiError`].

pub mod api;
pub mod caller;
mod compression;
pub mod envelope;
pub mod error;
pub mod extract;
mod health;
mod metrics;
pub mod openapi;
pub mod origin;
pub mod pages;
mod router;
mod sheet;
pub mod terminals;
mod trace;

pub use router::router;
