//! Rules 1 to 15 and 20: what must hold of PINs, versions, batches, cards and the guard, on both databases.

pub mod bench;
mod capacity;
mod cards;
pub mod counts;
mod decisions;
mod delivery;
mod guard;
mod pins;
mod readings;
mod rights;
mod unserved;
mod versions;
mod watch;
