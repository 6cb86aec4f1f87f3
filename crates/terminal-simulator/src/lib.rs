//! A simulated attendance terminal that one can trust to be wrong.
//!
//! It speaks the `ZKTeco` PUSH protocol from the terminal's side and knows nothing of any server: what it believes came over
//! the wire, and what it holds is what its firmware made of the commands that it was handed. Its reading of commands is
//! its own, so that a mistake of a server's writing is not undone by the same mistake here.
//!
//! | module | what |
//! |---|---|
//! | [`Terminal`] | one terminal as a state machine: told the time and the replies, it says what it sends next |
//! | [`Profile`] | how one family of terminals differs from the next |
//! | [`Faults`] | what goes wrong, by seed, with a [`Story`] to print when a test fails |
//! | [`Fleet`] | many terminals on one virtual clock |
//! | [`over_http`] | one terminal against a real address |
//!
//! Sources of protocol facts are named as in `docs/protocol-sources.md`, for example "ATT5.8 §9.1".

mod faults;
mod fleet;
pub mod over_http;
mod profile;
mod terminal;

pub use self::{
    faults::{FaultKind, FaultKinds, Faults, Story},
    fleet::Fleet,
    profile::{
        Access, Acknowledged, Announces, CapacityTold, CardReading, CardWriting, Check, Clock, Codes, Columns, Http,
        List, People, Polling, Profile, Queries, Reader, ResultForm, SameCard, Stamps, Update, Uploads, UserLine,
        Vocabulary,
    },
    terminal::{
        Call, Direction, Exchange, ExchangeId, Failure, Fate, HeldUser, Reply, Statistics, Step, Terminal, Transcript,
    },
};
