//! Reading a terminal back: what it itself says it holds.
//!
//! A reading is a few questions (`reading_steps`), asked at polls when nothing of the roster waits, so that it never delays
//! a change. What the terminal tells arrives as uploads of any kind ([`told`]), in any order; the questions' results arrive
//! as any result. When nothing is out, [`script`] says what comes next; at the end [`super::verdict`] says what is proven,
//! and [`super::repair`] writes the consequences. A device has one reading at a time; it survives restarts.
//!
//! | module | what |
//! |---|---|
//! | [`begin`] | a reading is wanted, or due |
//! | [`script`] | what it does next; pure |
//! | [`ask`] | its questions leave with a poll, and are answered |
//! | [`packets`] | the table of an access unit, in pieces |
//! | [`told`] | lines about people, whatever brought them |
//! | [`search`] | who was there before, where there is no list |
//! | [`sentinel`] | somebody who should answer |
//! | [`gather`] | what it knows so far |
//! | [`finish`] | what is proven, and what follows |

mod ask;
mod begin;
mod finish;
mod gather;
mod packets;
pub mod script;
mod search;
mod sentinel;
mod told;

pub use self::{
    ask::wants_dump,
    begin::{Cause, want, want_everywhere},
    packets::counted,
    told::{Line, keep},
};
pub(super) use self::{
    ask::{Questions, READING, answered, ask},
    begin::{look_at_count, look_into, start_over},
};

/// How a terminal can be read back: `devices.readback_class`. docs/terminals.md has the classes of families.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// It reports everybody when asked.
    List,
    /// It reports single people when asked for them.
    PerPin,
    /// Security dialect: a table with a row count.
    Table,
    /// It tells how many it holds and nobody's name.
    Count,
    /// It tells nothing.
    None,
}

/// What is asked: `reading_steps.kind`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Question {
    Count,
    List,
    /// Shake hands again, and be told that nothing of the operation log has arrived.
    Dump,
    Person,
    /// Somebody who should answer.
    Control,
}

/// How far a reading is: `readings.phase`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Begin,
    Count,
    /// Everybody by stamp reset (FWSRC).
    Dump,
    List,
    Recount,
    Sentinel,
    Write,
    Sweep,
    LastCount,
}

impl Class {
    pub const ALL: [Class; 5] = [Class::List, Class::PerPin, Class::Table, Class::Count, Class::None];

    pub fn as_str(self) -> &'static str {
        match self {
            Class::List => "list",
            Class::PerPin => "per_pin",
            Class::Table => "table",
            Class::Count => "count",
            Class::None => "none",
        }
    }

    pub fn parse(word: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.as_str() == word)
    }

    /// Whether what the terminal holds can be told person by person.
    pub fn tells_people(self) -> bool {
        matches!(self, Class::List | Class::PerPin | Class::Table)
    }
}

impl Question {
    fn as_str(self) -> &'static str {
        match self {
            Question::Count => "count",
            Question::List => "list",
            Question::Dump => "dump",
            Question::Person => "person",
            Question::Control => "control",
        }
    }

    fn parse(word: &str) -> Question {
        let kinds = [Question::Count, Question::List, Question::Dump, Question::Control];
        kinds.into_iter().find(|kind| kind.as_str() == word).unwrap_or(Question::Person)
    }
}

impl Phase {
    const ALL: [Phase; 9] = [
        Phase::Begin,
        Phase::Count,
        Phase::Dump,
        Phase::List,
        Phase::Recount,
        Phase::Sentinel,
        Phase::Write,
        Phase::Sweep,
        Phase::LastCount,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Phase::Begin => "begin",
            Phase::Count => "count",
            Phase::Dump => "dump",
            Phase::List => "list",
            Phase::Recount => "recount",
            Phase::Sentinel => "sentinel",
            Phase::Write => "write",
            Phase::Sweep => "sweep",
            Phase::LastCount => "last_count",
        }
    }

    fn parse(word: &str) -> Phase {
        Phase::ALL.into_iter().find(|phase| phase.as_str() == word).unwrap_or(Phase::Begin)
    }
}
