//! One registered terminal in memory: what the table says of it, and what only this server knows.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};
use push_protocol::{
    dialect::Dialect,
    text::{CardForm, Charset},
};

use crate::{
    devices::{DeviceId, presence::Seen},
    school::SchoolId,
};

/// A registered terminal as the door needs to know it.
#[derive(Debug)]
pub struct Terminal {
    pub(super) device: DeviceId,
    pub(super) serial: Box<str>,
    pub(super) state: Mutex<State>,
}

/// What a request said of its terminal, beside calling at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told<'a> {
    pub address: IpAddr,
    pub firmware: Option<&'a str>,
    pub user_count: Option<u32>,
}

/// The flag of a terminal was up: something may be waiting since this generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Generation(pub(super) u32);

/// Facts that reached this server and that no handing-out has been told yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct News {
    pub user_count: Option<u32>,
    pub firmware: Option<String>,
}

/// About 90 bytes; a registry of 100,000 terminals has that many of them.
#[derive(Debug)]
pub(super) struct State {
    pub(super) school: SchoolId,
    pub(super) zone: TimeZone,
    /// Somebody set the zone. If nobody did, punches are read as the server's time, and the terminal keeps its own.
    pub(super) zone_is_set: bool,
    /// The offset that the terminal was last told to show, in seconds.
    pub(super) shown_offset: Option<i32>,
    pub(super) firmware: Option<Arc<str>>,
    pub(super) address: Option<IpAddr>,
    /// Microseconds since 1970; 0 = not since this server started.
    pub(super) last_seen: i64,
    pub(super) user_count: Option<u32>,
    pub(super) raised: u32,
    pub(super) settled: u32,
    pub(super) dialect: Option<Dialect>,
    pub(super) card_form: Option<CardForm>,
    pub(super) charset: Charset,
    pub(super) is_active: bool,
    pub(super) is_writing: bool,
    /// Already in the list of terminals seen.
    pub(super) is_listed: bool,
    /// The count or the firmware was told since presence was last taken.
    pub(super) count_is_unsaved: bool,
    pub(super) firmware_is_unsaved: bool,
    /// The count or the firmware was told and no handing-out knows it yet.
    pub(super) count_is_news: bool,
    pub(super) firmware_is_news: bool,
}

impl Terminal {
    pub fn device(&self) -> DeviceId {
        self.device
    }

    pub fn serial(&self) -> &str {
        &self.serial
    }

    pub fn school(&self) -> SchoolId {
        lock(&self.state).school
    }

    /// The zone of the terminal's wall clock: its own, else its school's, else the server's.
    pub fn zone(&self) -> TimeZone {
        lock(&self.state).zone.clone()
    }

    /// The offset that the terminal is to show at an instant; `None` when nobody set a zone for it.
    pub fn offset(&self, at: Timestamp) -> Option<Offset> {
        lock(&self.state).offset(at)
    }

    /// An inactive device is answered and its punches are stored; it is given no commands.
    pub fn is_active(&self) -> bool {
        lock(&self.state).is_active
    }

    pub fn dialect(&self) -> Option<Dialect> {
        lock(&self.state).dialect
    }

    pub fn charset(&self) -> Charset {
        lock(&self.state).charset
    }

    pub fn card_form(&self) -> Option<CardForm> {
        lock(&self.state).card_form
    }

    /// When it last called this server.
    pub fn last_seen(&self) -> Option<Timestamp> {
        let micros = lock(&self.state).last_seen;
        (micros != 0).then(|| Timestamp::from_microsecond(micros).unwrap_or_default())
    }

    /// What no handing-out was told yet. It stays until [`Terminal::heard`].
    pub fn news(&self) -> News {
        let state = lock(&self.state);
        News {
            user_count: state.user_count.filter(|_| state.count_is_news),
            firmware: state.firmware.as_deref().filter(|_| state.firmware_is_news).map(str::to_owned),
        }
    }

    /// A handing-out that was told these news was committed.
    pub fn heard(&self, news: &News) {
        let mut state = lock(&self.state);
        state.count_is_news &= state.user_count != news.user_count;
        state.firmware_is_news &= state.firmware.as_deref() != news.firmware.as_deref();
    }

    /// Nothing waited at this generation. What was raised since stays up.
    pub fn settle(&self, generation: Generation) {
        lock(&self.state).settled = generation.0;
    }

    pub(super) fn raise(&self) {
        let mut state = lock(&self.state);
        state.raised = state.raised.wrapping_add(1);
    }

    /// Takes over the facts of a row and keeps what only this server knows.
    pub(super) fn take_over(&self, facts: State) {
        let mut state = lock(&self.state);
        let woken = (facts.is_active && !state.is_active) || facts.dialect != state.dialect;
        state.school = facts.school;
        state.zone = facts.zone;
        state.zone_is_set = facts.zone_is_set;
        state.shown_offset = facts.shown_offset;
        state.dialect = facts.dialect;
        state.card_form = facts.card_form;
        state.charset = facts.charset;
        state.is_active = facts.is_active;
        state.is_writing = facts.is_writing;
        if !state.count_is_unsaved {
            state.user_count = facts.user_count;
        }
        if !state.firmware_is_unsaved {
            state.firmware = facts.firmware;
        }
        if woken {
            state.raised = state.raised.wrapping_add(1);
        }
    }

    pub(super) fn take_seen(&self) -> Seen {
        let mut state = lock(&self.state);
        state.is_listed = false;
        let count_is_unsaved = std::mem::take(&mut state.count_is_unsaved);
        let firmware_is_unsaved = std::mem::take(&mut state.firmware_is_unsaved);
        Seen {
            device: self.device,
            at: Timestamp::from_microsecond(state.last_seen).unwrap_or_default(),
            address: state.address,
            firmware: state.firmware.clone().filter(|_| firmware_is_unsaved),
            user_count: state.user_count.filter(|_| count_is_unsaved),
        }
    }
}

impl State {
    fn offset(&self, at: Timestamp) -> Option<Offset> {
        self.zone_is_set.then(|| self.zone.to_offset(at))
    }

    pub(super) fn shows_wrong_time(&self, now: Timestamp) -> bool {
        self.shown_offset.is_some_and(|shown| self.offset(now).is_some_and(|offset| offset.seconds() != shown))
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
