//! The lines of an upload, sorted by what becomes of them: a portion at a time, as much as one transaction stores. However
//! long an upload is, what is held beside its bytes is a portion and the last of the lines that nobody could read.

use std::{collections::VecDeque, mem};

use bytes::Bytes;
use push_protocol::{
    record::{Lines, Operation, Punch, Record, User},
    text::{Card, Charset, Pin},
};
use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};

use super::Caller;
use crate::attendance::{quarantine, recorder, unread};

/// More than this is read on a thread of its own, so that no other terminal waits for it: some thousand punches.
const LONG: usize = 256 * 1024;
/// Long uploads that are read at once.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// An upload that is being read.
#[derive(Debug)]
pub(super) struct Portions {
    /// What a line without tag is.
    table: String,
    charset: Charset,
    rest: Bytes,
    worth: Worth,
    /// Lines read so far, of any kind.
    received: usize,
    /// The last lines that nobody could read, and how many there were.
    unread: VecDeque<Vec<u8>>,
    unread_lines: usize,
}

/// What is held of an upload, by who brings it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Worth {
    Everything,
    /// What it says of people does not count.
    Punches,
    /// No more than the quarantine takes at most.
    Quarantine,
    /// It may leave nothing here.
    Nothing,
}

/// Lines by what becomes of them.
#[derive(Default, Debug)]
pub(super) struct Brought {
    pub punches: Vec<Punch>,
    pub users: Vec<User>,
    /// People whom a template or a picture proves to be there. Templates and pictures themselves are dropped.
    pub pins: Vec<Pin>,
    pub operations: Vec<Operation>,
    /// The last card that nobody knows.
    pub unknown_card: Option<Card>,
    /// With the last portion: the last of the whole upload, as many as are kept.
    pub unread: Vec<Vec<u8>>,
    /// More punches than its caller may bring at all: nothing of them is stored.
    pub is_too_much: bool,
    /// Whether nothing follows, and whether nothing went before either.
    pub is_last: bool,
    pub is_whole: bool,
}

impl Portions {
    pub fn of(caller: &Caller, body: &Bytes, lines: &Lines<'_>, charset: Charset) -> Portions {
        let worth = match caller {
            Caller::Known(_) => Worth::Everything,
            Caller::Suspected(_) => Worth::Punches,
            Caller::Unknown { is_remembered: true } => Worth::Quarantine,
            Caller::Unknown { is_remembered: false } => Worth::Nothing,
        };
        Portions {
            table: lines.table().to_owned(),
            charset,
            rest: body.slice_ref(lines.rest()),
            worth,
            received: 0,
            unread: VecDeque::new(),
            unread_lines: 0,
        }
    }

    /// Lines of the portions so far.
    pub fn received(&self) -> usize {
        self.received
    }

    pub fn unread_lines(&self) -> usize {
        self.unread_lines
    }

    pub async fn next(mut self) -> Result<(Portions, Brought), JoinError> {
        if self.rest.len() <= LONG {
            let brought = self.take();
            return Ok((self, brought));
        }
        // Closing is the only way to fail, and nobody closes it.
        let _permit = AT_ONCE.acquire().await.ok();
        spawn_blocking(move || {
            let brought = self.take();
            (self, brought)
        })
        .await
    }

    fn take(&mut self) -> Brought {
        let body = mem::take(&mut self.rest);
        let mut brought = Brought { is_whole: self.received == 0, ..Brought::default() };
        let mut lines = Lines::new(&self.table, &body, self.charset);
        for record in lines.by_ref() {
            self.received += 1;
            match record {
                Record::Punch(punch) => brought.punches.push(punch),
                Record::Unread(line) => self.keep_unread(line),
                Record::UnknownCard(card) => brought.unknown_card = Some(card),
                Record::Error { .. } | Record::State | Record::Other { .. } => {}
                Record::User(_) | Record::Biometric { .. } | Record::Operation(_) if !self.counts_people() => {}
                Record::User(user) => brought.users.push(user),
                Record::Biometric { pin, .. } => brought.pins.extend(pin),
                Record::Operation(operation) => brought.operations.push(operation),
            }
            if self.is_enough(&mut brought) {
                break;
            }
        }
        self.rest = body.slice_ref(lines.rest());
        brought.is_last = self.rest.is_empty();
        brought.is_whole &= brought.is_last;
        if brought.is_last {
            brought.unread = mem::take(&mut self.unread).into();
        }
        brought
    }

    fn counts_people(&self) -> bool {
        self.worth == Worth::Everything
    }

    /// Whether a portion ends here.
    fn is_enough(&self, brought: &mut Brought) -> bool {
        let punches = brought.punches.len();
        brought.is_too_much = match self.worth {
            Worth::Everything | Worth::Punches => {
                let people = brought.users.len() + brought.pins.len() + brought.operations.len();
                return punches + people >= recorder::LINES_PER_GROUP;
            }
            Worth::Quarantine => punches > quarantine::PER_SERIAL,
            Worth::Nothing => punches + self.unread.len() > 0,
        };
        brought.is_too_much
    }

    fn keep_unread(&mut self, line: &[u8]) {
        self.unread_lines += 1;
        if self.unread.len() >= unread::PER_SERIAL {
            self.unread.pop_front();
        }
        self.unread.push_back(line[..line.len().min(unread::BYTES)].to_vec());
    }
}

#[cfg(test)]
mod tests {
    use push_protocol::{
        record::{self, Content},
        request::Upload,
    };

    use super::*;

    fn portions(worth: Worth, body: impl Into<Bytes>) -> Portions {
        let body = body.into();
        let Content::Records(lines) = record::parse(&Upload::default(), &body, Charset::Utf8) else { panic!() };
        Portions { worth, ..Portions::of(&Caller::Unknown { is_remembered: true }, &body, &lines, Charset::Utf8) }
    }

    /// What each portion holds, and what is held beside it.
    fn held(portions: &mut Portions) -> Vec<(usize, usize)> {
        let mut held = Vec::new();
        loop {
            let brought = portions.take();
            let lines = brought.punches.len() + brought.users.len() + brought.pins.len() + brought.operations.len();
            held.push((lines, brought.unread.len() + portions.unread.len()));
            if brought.is_last || brought.is_too_much {
                return held;
            }
        }
    }

    #[test]
    fn of_sixteen_megabytes_of_short_lines_a_thousand_are_held() {
        for (worth, lines) in
            [(Worth::Everything, 8 * 1024 * 1024), (Worth::Punches, 5_000), (Worth::Quarantine, 5_000)]
        {
            let mut portions = portions(worth, b"x\n".repeat(lines));
            assert_eq!(held(&mut portions), [(0, unread::PER_SERIAL)], "{worth:?}");
            assert_eq!((portions.received(), portions.unread_lines()), (lines, lines));
        }
    }

    #[test]
    fn a_portion_is_what_one_transaction_stores() {
        for line in ["7\t2026-3-2 8:0\n", "USER PIN=7\n", "OPLOG 4\n", "FP PIN=7\n"] {
            let mut portions = portions(Worth::Everything, line.repeat(12_000));
            assert_eq!(held(&mut portions), [(5_000, 0), (5_000, 0), (2_000, 0)], "{line}");
            assert_eq!(portions.received(), 12_000);
        }
    }

    #[test]
    fn of_whoever_is_not_trusted_less_is_held() {
        let people = "USER PIN=7\nOPLOG 4\nFP PIN=7\n".repeat(4_000);
        for worth in [Worth::Punches, Worth::Quarantine, Worth::Nothing] {
            let mut portions = portions(worth, people.clone());
            assert_eq!((held(&mut portions), portions.received()), (vec![(0, 0)], 12_000), "{worth:?}");
        }
        let punches = "7\t2026-3-2 8:0\n".repeat(400_000);
        let mut quarantined = portions(Worth::Quarantine, punches.clone());
        assert_eq!(held(&mut quarantined), [(quarantine::PER_SERIAL + 1, 0)]);
        let mut nobodys = portions(Worth::Nothing, punches);
        assert_eq!(held(&mut nobodys), [(1, 0)]);
    }

    #[test]
    fn a_line_is_held_as_far_as_it_is_kept() {
        let mut portions = portions(Worth::Everything, "ऊ".repeat(100_000));
        let line = portions.take().unread.remove(0);
        assert_eq!(unread::escape_line(&line), unread::escape_line("ऊ".repeat(100_000).as_bytes()));
        assert!(line.len() < 3_000);
    }
}
