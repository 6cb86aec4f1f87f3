//! What goes wrong with terminals and with the line to them, by seed.
//!
//! Each [`FaultKind`] is one thing that was seen in the field or that a server must survive. A terminal
//! asks its [`Faults`] at every opportunity whether one strikes. [`Faults::until`] ends them, so that a test can see
//! whether everything heals; [`Faults::once`] makes a single one happen on purpose.

use std::{collections::VecDeque, fmt};

use jiff::{SignedDuration, Timestamp};
use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

use crate::terminal::Call;

/// One thing that goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum FaultKind {
    /// A request never arrives.
    LoseRequest,
    /// A reply never arrives, though the server acted.
    LoseReply,
    /// A request arrives twice.
    RepeatRequest,
    /// A reply takes 1 to 90 s.
    LateReply,
    /// Results are held back while polls go on.
    LateResults,
    /// Results leave before the answers of queries where they usually follow them, or the other way round.
    Reorder,
    /// A reboot between two commands of a batch: the rest is forgotten, what was done is reported later.
    RebootMidBatch,
    /// The same, and the file of results is lost too.
    RebootWithoutResults,
    /// A command is carried out, then the power goes: its result and the rest of the batch never come.
    CrashBeforeResult,
    /// No room for new users for a while: −1001.
    FullMemory,
    /// All users are gone.
    Wipe,
    /// One update is acknowledged and not stored.
    DropUser,
    /// One update is stored with half the name, or without its card.
    CutField,
    /// Counts are off by a few for a while.
    StaleCount,
    /// The clock jumps.
    WrongClock,
    /// The time zone of a handshake is taken for minutes when it means hours.
    MisreadZone,
    /// Somebody adds, changes or removes a person at the keypad. Who is added gets a PIN of 500000 to 599999.
    KeypadEdit,
    /// A list of all users stops early.
    TruncateList,
}

impl FaultKind {
    pub const ALL: [FaultKind; 18] = [
        FaultKind::LoseRequest,
        FaultKind::LoseReply,
        FaultKind::RepeatRequest,
        FaultKind::LateReply,
        FaultKind::LateResults,
        FaultKind::Reorder,
        FaultKind::RebootMidBatch,
        FaultKind::RebootWithoutResults,
        FaultKind::CrashBeforeResult,
        FaultKind::FullMemory,
        FaultKind::Wipe,
        FaultKind::DropUser,
        FaultKind::CutField,
        FaultKind::StaleCount,
        FaultKind::WrongClock,
        FaultKind::MisreadZone,
        FaultKind::KeypadEdit,
        FaultKind::TruncateList,
    ];
}

/// A set of kinds.
///
/// ```
/// use terminal_simulator::{FaultKind, FaultKinds};
///
/// let kinds = FaultKinds::LINE.with(FaultKind::Wipe);
/// assert!(kinds.has(FaultKind::LoseReply) && kinds.has(FaultKind::Wipe) && !kinds.has(FaultKind::CutField));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FaultKinds(u32);

impl FaultKinds {
    pub const NONE: FaultKinds = FaultKinds(0);
    pub const ALL: FaultKinds = FaultKinds::of(&FaultKind::ALL);
    /// Everything between terminal and server, nothing within the terminal.
    pub const LINE: FaultKinds = FaultKinds::of(&[
        FaultKind::LoseRequest,
        FaultKind::LoseReply,
        FaultKind::RepeatRequest,
        FaultKind::LateReply,
        FaultKind::LateResults,
        FaultKind::Reorder,
    ]);

    pub const fn of(kinds: &[FaultKind]) -> FaultKinds {
        let mut bits = 0;
        let mut at = 0;
        while at < kinds.len() {
            bits |= 1 << kinds[at] as u32;
            at += 1;
        }
        FaultKinds(bits)
    }

    #[must_use]
    pub const fn with(self, kind: FaultKind) -> FaultKinds {
        FaultKinds(self.0 | 1 << kind as u32)
    }

    #[must_use]
    pub const fn without(self, kind: FaultKind) -> FaultKinds {
        FaultKinds(self.0 & !(1 << kind as u32))
    }

    pub const fn has(self, kind: FaultKind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }
}

/// Which faults strike a terminal, and when.
///
/// ```
/// use terminal_simulator::{Call, FaultKind, FaultKinds, Faults};
///
/// let quiet_from = "2026-03-02T09:00:00Z".parse().unwrap();
/// let mut faults = Faults::by_seed(7, FaultKinds::ALL).until(quiet_from);
/// faults.once_at(FaultKind::LoseReply, Call::Results);
/// ```
#[derive(Clone, Debug)]
pub struct Faults {
    random: Xoshiro256PlusPlus,
    kinds: FaultKinds,
    /// Chances in a thousand opportunities, by kind.
    chances: [u32; FaultKind::ALL.len()],
    until: Option<Timestamp>,
    ordered: Vec<(FaultKind, Option<Call>)>,
}

impl Faults {
    /// Nothing ever goes wrong, except what is ordered.
    pub fn none() -> Faults {
        Faults::by_seed(0, FaultKinds::NONE)
    }

    /// The seed decides how often each of the kinds strikes, and each time whether it does.
    pub fn by_seed(seed: u64, kinds: FaultKinds) -> Faults {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let chances = FaultKind::ALL.map(|kind| {
            let most = match kind {
                FaultKind::LoseRequest | FaultKind::LoseReply | FaultKind::RepeatRequest => 120,
                FaultKind::LateReply | FaultKind::LateResults | FaultKind::Reorder | FaultKind::TruncateList => 200,
                FaultKind::RebootMidBatch | FaultKind::RebootWithoutResults | FaultKind::CrashBeforeResult => 30,
                FaultKind::DropUser | FaultKind::CutField => 60,
                FaultKind::MisreadZone => 500,
                FaultKind::KeypadEdit => 25,
                FaultKind::FullMemory | FaultKind::StaleCount | FaultKind::WrongClock => 15,
                FaultKind::Wipe => 5,
            };
            random.random_range(most / 5..=most)
        });
        Faults { random, kinds, chances, until: None, ordered: Vec::new() }
    }

    /// No fault of chance strikes from `time` on, and what lasts a while ends then.
    #[must_use]
    pub fn until(self, time: Timestamp) -> Faults {
        Faults { until: Some(time), ..self }
    }

    /// The same chance for every enabled kind, in a thousand opportunities.
    #[must_use]
    pub fn chance(self, per_mille: u32) -> Faults {
        Faults { chances: [per_mille.min(1000); FaultKind::ALL.len()], ..self }
    }

    /// One fault, at the next opportunity, whatever is enabled.
    pub fn once(&mut self, kind: FaultKind) {
        self.ordered.push((kind, None));
    }

    /// As [`Faults::once`], but at the next request of this kind. For the kinds that befall a request.
    pub fn once_at(&mut self, kind: FaultKind, call: Call) {
        self.ordered.push((kind, Some(call)));
    }

    /// Faults that were ordered and have not struck yet.
    pub fn outstanding(&self) -> usize {
        self.ordered.len()
    }

    pub(crate) fn strikes(&mut self, kind: FaultKind, now: Timestamp) -> bool {
        self.strikes_at(kind, None, now)
    }

    pub(crate) fn strikes_at(&mut self, kind: FaultKind, call: Option<Call>, now: Timestamp) -> bool {
        let ordered = self.ordered.iter().position(|&(k, at)| k == kind && (at.is_none() || at == call));
        if let Some(at) = ordered {
            self.ordered.remove(at);
            return true;
        }
        let quiet = self.until.is_some_and(|until| now >= until);
        self.kinds.has(kind) && !quiet && self.random.random_ratio(self.chances[kind as usize], 1000)
    }

    pub(crate) fn number(&mut self, range: std::ops::RangeInclusive<i64>) -> i64 {
        self.random.random_range(range)
    }

    pub(crate) fn index(&mut self, length: usize) -> usize {
        self.random.random_range(0..length.max(1))
    }

    /// When something that lasts `most` seconds at most is over.
    pub(crate) fn end(&mut self, now: Timestamp, most: i64) -> Timestamp {
        let end = now + SignedDuration::from_secs(self.number(30..=most));
        self.until.map_or(end, |until| end.min(until.max(now)))
    }
}

/// What happened to one terminal, a short line per event, for printing when a seed fails. Holds the last
/// [`Story::LINES`] lines.
#[derive(Clone, Default, Debug)]
pub struct Story {
    lines: VecDeque<(Timestamp, String)>,
    forgotten: usize,
}

impl Story {
    pub const LINES: usize = 400;

    pub fn lines(&self) -> impl Iterator<Item = (Timestamp, &str)> {
        self.lines.iter().map(|(at, line)| (*at, line.as_str()))
    }

    pub(crate) fn tell(&mut self, at: Timestamp, line: impl Into<String>) {
        if self.lines.len() == Story::LINES {
            self.lines.pop_front();
            self.forgotten += 1;
        }
        self.lines.push_back((at, line.into()));
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.forgotten > 0 {
            writeln!(f, "({} earlier lines)", self.forgotten)?;
        }
        for (at, line) in self.lines() {
            writeln!(f, "{at:.1} {line}")?;
        }
        Ok(())
    }
}
