//! What is said in the end, and whether it is well.

use std::fmt;

use jiff::{SignedDuration, Unit};

use super::{Arrivals, measure::Logged};

#[derive(Default)]
pub(super) struct Report {
    pub filled_after: SignedDuration,
    pub settled_after: SignedDuration,
    pub edits: u64,
    pub commands: f64,
    pub arrivals: Arrivals,
    pub punched: u64,
    pub acknowledged: u64,
    pub stored: u64,
    /// kB, at the start, in the middle and in the end.
    pub memory: Vec<u64>,
    /// Terminals that hold others than they should.
    pub differing: Vec<String>,
    /// What went wrong here.
    pub errors: Vec<String>,
    /// What the server logged.
    pub logged: Logged,
}

/// What an allocator may keep, and what the database's pages in memory vary by.
const SLACK: u64 = 16 * 1024;

impl Report {
    pub fn is_well(&self) -> bool {
        self.differing.is_empty()
            && self.errors.is_empty()
            && self.logged.errors.is_empty()
            && (self.punched, self.punched) == (self.acknowledged, self.stored)
            && self.is_flat()
    }

    /// Whatever is taken in the first half is used again in the second.
    fn is_flat(&self) -> bool {
        match self.memory[..] {
            [_, middle, end] => end <= middle + middle / 10 + SLACK,
            _ => true,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |part| match self.arrivals.within(part) {
            Some(seconds) if seconds.is_finite() => format!("{seconds:.1} s"),
            Some(_) => "more than the last bucket".to_owned(),
            None => "–".to_owned(),
        };
        let memory: Vec<String> = self.memory.iter().map(|kb| format!("{} MB", kb / 1024)).collect();
        let yes = |is_so| if is_so { "yes" } else { "NO" };
        writeln!(f, "filled              {:#}", rounded(self.filled_after))?;
        writeln!(f, "edits               {}", self.edits)?;
        writeln!(f, "commands            {:.0}", self.commands)?;
        writeln!(f, "edit → acknowledged p50 {}, p99 {}", seconds(0.5), seconds(0.99))?;
        writeln!(f, "settled             {:#} after the last edit", rounded(self.settled_after))?;
        let punches = (self.punched, self.acknowledged, self.stored);
        writeln!(f, "punches             {} made, {} acknowledged, {} stored", punches.0, punches.1, punches.2)?;
        if !memory.is_empty() {
            let (memory, is_flat) = (memory.join(", "), yes(self.is_flat()));
            writeln!(f, "memory              {memory} (start, middle, end), flat: {is_flat}")?;
        }
        let errors = self.errors.len() as u64 + self.logged.errors.values().sum::<u64>();
        writeln!(f, "answered late       {} requests of terminals, which made them again", self.logged.late)?;
        writeln!(f, "errors              {errors}")?;
        for error in self.errors.iter().take(10) {
            writeln!(f, "  {error}")?;
        }
        for (words, times) in self.logged.errors.iter().take(10) {
            writeln!(f, "  {times} × {words}")?;
        }
        writeln!(f, "in step             {}", yes(self.differing.is_empty()))?;
        for terminal in self.differing.iter().take(10) {
            writeln!(f, "  {terminal}")?;
        }
        writeln!(f, "{}", if self.is_well() { "all is well" } else { "NOT well" })
    }
}

/// As people say it.
pub(super) fn rounded(duration: SignedDuration) -> SignedDuration {
    duration.round(Unit::Second).unwrap_or(duration)
}
