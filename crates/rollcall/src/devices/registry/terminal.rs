//! One registered terminal in memory: what its row says, what it said of itself, and its flag.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{
    SignedDuration, Timestamp,
    tz::{Offset, TimeZone},
};
use push_protocol::{
    dialect::Dialect,
    text::{CardForm, Charset},
};

use super::rare::Rare;
use crate::{
    devices::{
        DeviceId, kept,
        missed::Missed,
        presence::{FUTURE, Seen},
        trust::Suspicion,
        zone,
    },
    school::SchoolId,
    sync::start::Start,
};

/// A registered terminal as the door needs to know it.
#[derive(Debug)]
pub struct Terminal {
    device: DeviceId,
    serial: Box<str>,
    state: Mutex<State>,
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
pub struct Generation(u32);

/// Facts that reached this server and that no handing-out has been told yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct News {
    pub user_count: Option<u32>,
    pub firmware: Option<String>,
}

/// What the row of a device says.
#[derive(Debug)]
pub(super) struct Facts {
    pub school: SchoolId,
    pub zone: TimeZone,
    /// Somebody set the zone. If nobody did, punches are read as the server's time, and the terminal keeps its own.
    pub zone_is_set: bool,
    /// The offset that the terminal was last told to show, in seconds; `None` when it was told none.
    pub shown_offset: Option<i32>,
    pub firmware: Option<Arc<str>>,
    pub user_count: Option<u32>,
    pub dialect: Option<Dialect>,
    pub card_form: Option<CardForm>,
    pub charset: Charset,
    pub is_active: bool,
    pub start: Start,
    /// An admin said what becomes of the people whom it holds.
    pub is_decided: bool,
    pub rare: Option<Box<Rare>>,
}

/// A registry of 100,000 terminals has that many of them: mind the size.
#[derive(Debug)]
struct State {
    facts: Facts,
    address: Option<IpAddr>,
    /// Microseconds since 1970; 0 = never.
    last_seen: i64,
    raised: u32,
    settled: u32,
    /// How far its clock was ahead at its last realtime punch, in seconds.
    skew: Option<i32>,
    /// Already in the list of terminals seen.
    is_listed: bool,
    /// Told since presence was last taken.
    count_is_unsaved: bool,
    firmware_is_unsaved: bool,
    skew_is_unsaved: bool,
    /// Since when punches may be missing, in microseconds since 1970, until that is stored; 0 = none.
    missed_since: i64,
    was_refused: bool,
    /// Told, and no handing-out knows it yet.
    count_is_news: bool,
    firmware_is_news: bool,
}

/// Two punches in a row that agree within so many seconds show a clock that is behind; one alone may have been delayed.
const SKEWS_AGREE: u32 = 60;

impl Terminal {
    /// With its flag up or down.
    pub(super) fn new(device: DeviceId, serial: Box<str>, facts: Facts, raised: bool) -> Terminal {
        let state = State {
            facts,
            address: None,
            last_seen: 0,
            raised: u32::from(raised),
            settled: 0,
            skew: None,
            is_listed: false,
            count_is_unsaved: false,
            firmware_is_unsaved: false,
            skew_is_unsaved: false,
            missed_since: 0,
            was_refused: false,
            count_is_news: false,
            firmware_is_news: false,
        };
        Terminal { device, serial, state: Mutex::new(state) }
    }

    /// Where and when it last called, by the database: a server that starts anew knows an address that is new.
    pub(super) fn was_seen(&self, address: IpAddr, at: Timestamp) {
        let mut state = self.lock();
        state.address = Some(address);
        state.last_seen = at.as_microsecond();
    }

    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// For sets that are asked by it.
    pub(super) fn device_ref(&self) -> &DeviceId {
        &self.device
    }

    pub fn serial(&self) -> &str {
        &self.serial
    }

    pub fn school(&self) -> SchoolId {
        self.lock().facts.school
    }

    /// The zone of the terminal's wall clock: its own, else its school's, else the server's.
    pub fn zone(&self) -> TimeZone {
        self.lock().facts.zone.clone()
    }

    /// The offset that the terminal is to show at an instant; `None` when nobody set a zone for it.
    pub fn offset(&self, at: Timestamp) -> Option<Offset> {
        self.lock().facts.offset(at)
    }

    /// An inactive device is answered and its punches are stored; it is given no commands.
    pub fn is_active(&self) -> bool {
        self.lock().facts.is_active
    }

    pub fn dialect(&self) -> Option<Dialect> {
        self.lock().facts.dialect
    }

    pub fn charset(&self) -> Charset {
        self.lock().facts.charset
    }

    pub fn card_form(&self) -> Option<CardForm> {
        self.lock().facts.card_form
    }

    /// It may be another device under the same serial number: it is handed nothing, and only its punches are kept.
    pub fn is_suspected(&self) -> bool {
        self.lock().is_suspected()
    }

    /// Whether its address is new, and the terminal may still be at the former one: it was there within `silence`.
    pub fn may_be_elsewhere(&self, silence: SignedDuration, now: Timestamp) -> bool {
        let state = self.lock();
        let (Some(rare), Some(address)) = (&state.facts.rare, state.address) else { return false };
        rare.may_be_elsewhere(address, silence, now)
    }

    /// Whether calls from there are answered as this terminal's.
    pub fn may_call_from(&self, address: IpAddr) -> bool {
        let state = self.lock();
        let allowed = state.facts.rare.as_ref().and_then(|rare| rare.allowed.as_ref());
        allowed.is_none_or(|allowed| allowed.contains(address))
    }

    /// What no handing-out was told yet. It stays until [`Terminal::heard`].
    pub fn news(&self) -> News {
        let state = self.lock();
        News {
            user_count: state.facts.user_count.filter(|_| state.count_is_news),
            firmware: state.facts.firmware.as_deref().filter(|_| state.firmware_is_news).map(str::to_owned),
        }
    }

    /// A handing-out that was told these news was committed.
    pub fn heard(&self, news: &News) {
        let mut state = self.lock();
        state.count_is_news &= state.facts.user_count != news.user_count;
        state.firmware_is_news &= state.facts.firmware.as_deref() != news.firmware.as_deref();
    }

    /// Nothing waited at this generation. What was raised since stays up.
    pub fn settle(&self, generation: Generation) {
        self.lock().settled = generation.0;
    }

    pub(super) fn raise(&self) {
        self.lock().raise();
    }

    /// Notes a call. Answers whether the terminal is to be listed as seen, and its flag.
    pub(super) fn see(
        &self,
        told: Told<'_>,
        silent_after: SignedDuration,
        now: Timestamp,
        share: impl FnOnce(&str) -> Arc<str>,
    ) -> (bool, Option<Generation>) {
        let mut state = self.lock();
        let former = state.address.replace(told.address).filter(|former| *former != told.address);
        if let Some(former) = former {
            self.moves(&mut state, former, told.address, now);
        }
        let (seen, now_micros) = (state.last_seen, now.as_microsecond());
        if seen > 0 && SignedDuration::from_micros(now_micros - seen) > silent_after {
            state.miss(seen);
        }
        let is_future = seen > (now + FUTURE).as_microsecond();
        state.last_seen = if is_future { now_micros } else { seen.max(now_micros) };
        if state.is_suspected() {
            return (!std::mem::replace(&mut state.is_listed, true), None);
        }
        if let Some(count) = told.user_count {
            if state.facts.user_count != Some(count) || state.facts.start == Start::Unknown {
                state.count_is_news = true;
                state.raise();
            }
            state.facts.user_count = Some(count);
            state.count_is_unsaved = true;
        }
        if let Some(firmware) = told.firmware.map(kept) {
            if state.facts.firmware.as_deref() != Some(&*firmware) {
                state.facts.firmware = Some(share(&firmware));
                state.firmware_is_news = true;
                state.raise();
            }
            state.firmware_is_unsaved = true;
        }
        // One that waits for an admin's decision is sent nothing, not even the time.
        if state.facts.start != Start::HoldsPeople && state.facts.shows_wrong_time(now) {
            state.raise();
        }
        let is_new = !std::mem::replace(&mut state.is_listed, true);
        (is_new, (state.raised != state.settled).then_some(Generation(state.raised)))
    }

    /// Punches of it were refused. Answers whether the terminal is to be listed as seen.
    pub(super) fn was_refused(&self, now: Timestamp) -> bool {
        let mut state = self.lock();
        state.miss(now.as_microsecond());
        state.was_refused = true;
        !std::mem::replace(&mut state.is_listed, true)
    }

    fn moves(&self, state: &mut State, former: IpAddr, address: IpAddr, now: Timestamp) {
        let at = Timestamp::from_microsecond(state.last_seen).unwrap_or_default();
        let rare = state.facts.rare.get_or_insert_default();
        if rare.moves(former, at, address, now) && rare.suspicion.is_none() {
            rare.suspicion = Some(Suspicion::Addresses);
            rare.contest = Some((former, address));
            self.warn(Suspicion::Addresses);
        }
    }

    fn warn(&self, reason: Suspicion) {
        let (serial, reason) = (&*self.serial, reason.as_str());
        tracing::warn!(serial, device_id = %self.device, reason, "a terminal may be another device: nothing is handed to it");
    }

    /// A punch that was uploaded alone, as terminals do at once, was so many seconds ahead of the server's time. One that
    /// is behind may have waited for the network: it counts when the next one is as late.
    pub fn punched(&self, seconds_ahead: i32) {
        let mut state = self.lock();
        let agrees = state.skew.is_some_and(|last| last.abs_diff(seconds_ahead) <= SKEWS_AGREE);
        state.skew_is_unsaved = seconds_ahead >= 0 || agrees;
        state.skew = Some(seconds_ahead);
    }

    /// Takes over what a row says and keeps what only this server knows.
    pub(super) fn take_over(&self, mut facts: Facts) {
        let mut state = self.lock();
        let is_served_again = facts.is_active && !state.facts.is_active;
        let before = &state.facts;
        let is_started = facts.start != before.start || facts.is_decided != before.is_decided;
        let is_suspected = facts.rare.as_ref().and_then(|rare| rare.suspicion);
        let was_suspected = state.is_suspected();
        if is_served_again || facts.dialect != before.dialect || is_started || was_suspected {
            state.raise();
        }
        if let Some(reason) = is_suspected.filter(|_| !was_suspected) {
            self.warn(reason);
        }
        if let Some(rare) = state.facts.rare.take() {
            facts.rare.get_or_insert_default().keep(*rare);
        }
        if state.count_is_unsaved {
            facts.user_count = state.facts.user_count;
        }
        if state.firmware_is_unsaved {
            facts.firmware = state.facts.firmware.take();
        }
        state.facts = facts;
    }

    /// What is to be written of it. It is listed no more.
    pub(super) fn take_seen(&self) -> Seen {
        let mut state = self.lock();
        state.is_listed = false;
        let count_is_unsaved = std::mem::take(&mut state.count_is_unsaved);
        let firmware_is_unsaved = std::mem::take(&mut state.firmware_is_unsaved);
        let skew_is_unsaved = std::mem::take(&mut state.skew_is_unsaved);
        Seen {
            device: self.device,
            at: Timestamp::from_microsecond(state.last_seen).unwrap_or_default(),
            address: state.address,
            firmware: state.facts.firmware.clone().filter(|_| firmware_is_unsaved),
            user_count: state.facts.user_count.filter(|_| count_is_unsaved),
            clock_skew_seconds: state.skew.filter(|_| skew_is_unsaved),
            contested_with: state.take_contest(),
            missed: state.take_missed(),
        }
    }

    /// What was taken could not be written. Answers whether the terminal is to be listed again.
    pub(super) fn put_back(&self, seen: &Seen) -> bool {
        let mut state = self.lock();
        state.count_is_unsaved |= seen.user_count.is_some();
        state.firmware_is_unsaved |= seen.firmware.is_some();
        state.skew_is_unsaved |= seen.clock_skew_seconds.is_some();
        if let Some(address) = seen.contested_with {
            let present = state.address.unwrap_or(address);
            state.facts.rare.get_or_insert_default().contest = Some((address, present));
        }
        if let Some(missed) = seen.missed {
            state.miss(missed.since.as_microsecond());
            state.was_refused |= missed.was_refused;
        }
        !std::mem::replace(&mut state.is_listed, true)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_suspected(&self) -> bool {
        self.facts.rare.as_ref().is_some_and(|rare| rare.suspicion.is_some())
    }

    /// The address that took turns with the present one.
    fn take_contest(&mut self) -> Option<IpAddr> {
        let (one, other) = self.facts.rare.as_mut()?.contest.take()?;
        Some(if self.address == Some(one) { other } else { one })
    }

    fn miss(&mut self, since: i64) {
        self.missed_since = if self.missed_since == 0 { since } else { self.missed_since.min(since) };
    }

    fn take_missed(&mut self) -> Option<Missed> {
        let (since, was_refused) = (std::mem::take(&mut self.missed_since), std::mem::take(&mut self.was_refused));
        let since = Timestamp::from_microsecond(since).ok().filter(|_| since != 0)?;
        Some(Missed { since, was_refused })
    }

    fn raise(&mut self) {
        self.raised = self.raised.wrapping_add(1);
    }
}

impl Facts {
    fn offset(&self, at: Timestamp) -> Option<Offset> {
        self.zone_is_set.then(|| self.zone.to_offset(at))
    }

    fn shows_wrong_time(&self, now: Timestamp) -> bool {
        zone::is_to_be_shown(self.dialect, self.offset(now).map(Offset::seconds), self.shown_offset)
    }
}
