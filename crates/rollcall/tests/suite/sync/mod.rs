//! Rules 1 to 13 and 15: what must hold of PINs, versions, batches and cards, on both databases.

mod bench;
mod cards;
mod delivery;
mod pins;
mod unserved;
mod versions;
mod watch;
