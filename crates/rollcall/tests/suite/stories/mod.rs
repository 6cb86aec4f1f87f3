//! Whole stories: an admin at the API, an operator at his database, terminals that remember, and one clock for all.
//!
//! Each says what somebody did and what he then saw. That no terminal was emptied, or sent control characters, is asked of
//! every one of them when its [`World`](crate::world::World) ends.

mod access;
mod acknowledged;
mod adoption;
pub mod campus;
mod capacity;
mod claims;
mod confirmations;
mod days;
mod families;
mod guard;
mod journey;
mod many;
mod missed;
mod names;
mod operator;
pub mod people;
mod pins;
mod proof;
mod readback;
mod registered_again;
mod revived;
mod rows;
pub mod statements;
mod strangers;
mod takeover;
mod timeline;
mod zones;
