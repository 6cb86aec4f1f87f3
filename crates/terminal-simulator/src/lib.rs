//! A simulated ZKTeco terminal that one can trust to be wrong.

mod faults;
mod profile;
mod terminal;

pub use self::{
    faults::{FaultKind, FaultKinds, Faults, Story},
    profile::{
        Acknowledged, Announces, CardReading, CardWriting, Check, Clock, Codes, Columns, Http, List, People, Polling,
        Profile, Queries, Reader, SameCard, Stamps, Update, Uploads, UserLine, Vocabulary,
    },
    terminal::{
        Call, Direction, Exchange, ExchangeId, Failure, Fate, HeldUser, Reply, Statistics, Step, Terminal, Transcript,
    },
};
