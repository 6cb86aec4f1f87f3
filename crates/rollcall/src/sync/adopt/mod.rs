//! Terminals that hold people before Rollcall writes to them (rule 4).
//!
//! A reading comes before any write. Its people are matched with the students of the school ([`matching`]); an admin sees
//! who is who ([`people`]) and decides ([`decide`]): link, keep as a stranger, remove. A linked student keeps the PIN that
//! he has on this terminal, so that his fingers and his face stay, and what he punched under it before is his ([`link`]).
//!
//! Invariant: nothing is written under a PIN, and no card is given, that somebody else has there ([`others`],
//! [`clash`]).
//!
//! The same holds later, for whoever turns up on a terminal that is in use. On one that was registered before, Rollcall looks
//! first for whom it had written itself ([`former`]).

pub mod clash;
pub mod decide;
pub mod former;
mod link;
pub mod matching;
pub mod others;
pub mod people;
pub mod view;

pub(super) use self::{
    decide::{queue_removals, remove_the_rest},
    former::recognise,
    link::{hold, link_cards},
};
