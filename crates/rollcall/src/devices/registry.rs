//! Known terminals in memory, so that an idle poll needs no database.
//!
//! The registry follows the table `devices`: it is loaded at the start, and every few seconds [`Registry::refresh`] reads
//! what changed, so that registrations, claims and deactivations made by other servers or by SQL arrive. A deleted device
//! is not in it; an inactive one is, and is given no commands.
//!
//! Each terminal has a flag: something may be waiting for it. The flag is a generation. A poll notes the generation before
//! it asks the database, and a poll that found nothing settles that generation only: what was raised meanwhile stays up.

mod rare;
mod terminal;

use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use push_protocol::{
    dialect::Dialect,
    text::{Charset, SerialNumber},
};

pub use self::terminal::{Generation, News, Terminal, Told};
use self::{rare::Rare, terminal::Facts};
use super::{
    DeviceId,
    announced::card_form_of_word,
    presence::{self, Seen},
    trust,
    trust::Suspicion,
    unknown::Callers,
    zone,
};
use crate::{
    school::SchoolId,
    store::{Instant, Result, Tx},
    sync::start::Start,
};

/// Serial number → terminal, sharded. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hasher: RandomState,
    shards: [Shard; SHARDS],
    by_device: RwLock<HashSet<ByDevice>>,
    callers: Callers,
    /// The zone of schools that set none.
    default_zone: TimeZone,
    followed: Mutex<Followed>,
    firmwares: Mutex<HashSet<Arc<str>>>,
    /// Seconds after which a terminal that was not heard counts as offline.
    silent_after: AtomicI64,
}

#[derive(Default, Debug)]
struct Shard {
    terminals: Mutex<HashSet<BySerial>>,
    /// Terminals that called since presence was last taken.
    seen: Mutex<Vec<Arc<Terminal>>>,
}

/// How far the table has been followed.
#[derive(Default, Debug)]
struct Followed {
    since: Option<Timestamp>,
    /// The last id of the page that was compared with memory.
    page: i64,
}

const SHARDS: usize = 64;
/// A row's `updated_at` is the time at which its transaction began, and it appears when that one commits.
const LONGEST_TRANSACTION: SignedDuration = SignedDuration::from_mins(1);
/// Devices compared with memory per tick. Up to so many, SQL that forgot `updated_at` is noticed within one tick.
const PAGE: i64 = 2_000;
/// Firmware versions are shared between terminals; whoever invents more than this many shares no longer.
const SHARED_FIRMWARES: usize = 1_000;

macro_rules! device_row {
    ($where:literal) => {
        concat!(
            "SELECT d.id, d.serial_number, d.school_id, d.timezone, s.timezone AS school_timezone, d.shown_offset_seconds,
               d.is_active, d.start_state, d.takeover IS NOT NULL AS is_decided, d.dialect, d.language, d.card_form, d.firmware_version, d.user_count,
               d.last_address, d.last_seen, d.suspicion, d.accepted_addresses, d.allowed_addresses, d.deleted_at IS NOT NULL AS is_deleted
             FROM devices d JOIN schools s ON s.id = d.school_id ",
            $where
        )
    };
}

#[derive(sqlx::FromRow, Debug)]
struct Row {
    id: DeviceId,
    serial_number: String,
    school_id: SchoolId,
    timezone: Option<String>,
    school_timezone: Option<String>,
    shown_offset_seconds: Option<i64>,
    is_active: bool,
    start_state: String,
    is_decided: bool,
    dialect: Option<String>,
    language: Option<i64>,
    card_form: Option<String>,
    firmware_version: Option<String>,
    user_count: Option<i64>,
    last_address: Option<String>,
    last_seen: Option<Instant>,
    suspicion: Option<String>,
    accepted_addresses: Option<String>,
    allowed_addresses: Option<String>,
    is_deleted: bool,
}

impl Default for Registry {
    /// An empty registry in UTC.
    fn default() -> Registry {
        Registry::empty(TimeZone::UTC)
    }
}

const EVERYTHING: &str = device_row!("WHERE d.deleted_at IS NULL");

const CHANGED: &str = device_row!("WHERE d.updated_at >= $1");

const NEXT_PAGE: &str = device_row!("WHERE d.id > $1 ORDER BY d.id LIMIT $2");

const BY_SERIAL: &str = device_row!("WHERE d.serial_number = $1");

const BY_ID: &str = device_row!("WHERE d.id = $1");

impl Registry {
    /// Reads all devices. `default_zone` is the zone of schools that set none; UTC counts as nobody having set one. Flags
    /// of terminals that are written to are down: raise those that have something due.
    pub async fn load(tx: &mut Tx, default_zone: TimeZone) -> Result<Registry> {
        let registry = Registry::empty(default_zone);
        for row in tx.all::<Row, 0>(EVERYTHING, []).await? {
            let raised = row.start() != Start::Writing;
            registry.put(row, raised);
        }
        registry.0.callers.load(tx).await?;
        Ok(registry)
    }

    /// Reads the devices whose `updated_at` moved, and compares the next page of all devices with memory, so that changes
    /// which left `updated_at` alone are found too.
    pub async fn refresh(&self, tx: &mut Tx, now: Timestamp) -> Result<()> {
        let (since, page) = {
            let followed = lock(&self.0.followed);
            (followed.since.unwrap_or(now), followed.page)
        };
        let changed: Vec<Row> = tx.all(CHANGED, [(since - LONGEST_TRANSACTION).into()]).await?;
        let compared: Vec<Row> = tx.all(NEXT_PAGE, [page.into(), PAGE.into()]).await?;
        let is_last_page = i64::try_from(compared.len()).unwrap_or(PAGE) < PAGE;
        let end = if is_last_page { i64::MAX } else { compared.last().map_or(i64::MAX, |row| row.id.0) };
        self.drop_absent(page, end, &compared);
        changed.into_iter().chain(compared).for_each(|row| self.put(row, true));
        *lock(&self.0.followed) = Followed { since: Some(now), page: if is_last_page { 0 } else { end } };
        Ok(())
    }

    /// The terminal of a serial number, if it is registered as far as this server knows.
    pub fn find(&self, serial: &SerialNumber) -> Option<Arc<Terminal>> {
        let terminals = lock(&self.shard(serial.as_str()).terminals);
        terminals.get(serial.as_str()).map(|found| Arc::clone(&found.0))
    }

    /// Asks the database for a serial number that is not in memory: it may have been registered a moment ago.
    pub async fn look_up(&self, tx: &mut Tx, serial: &SerialNumber) -> Result<Option<Arc<Terminal>>> {
        if let Some(row) = tx.optional::<Row, 1>(BY_SERIAL, [serial.as_str().into()]).await? {
            self.put(row, true);
        }
        Ok(self.find(serial))
    }

    /// Takes over what a device's row says now. Call it after the commit that changed the row; what is not called for
    /// arrives with the next [`Registry::refresh`].
    pub async fn reread(&self, tx: &mut Tx, device: DeviceId) -> Result<()> {
        if let Some(row) = tx.optional::<Row, 1>(BY_ID, [device.into()]).await? {
            self.put(row, true);
        }
        Ok(())
    }

    /// Commands may be waiting for these devices: their next poll asks the database.
    pub fn raise(&self, devices: &[DeviceId]) {
        let by_device = self.0.by_device.read().unwrap_or_else(PoisonError::into_inner);
        devices.iter().filter_map(|device| by_device.get(device)).for_each(|found| found.0.raise());
    }

    /// Notes that a terminal called and what it said of itself. Answers its flag: `None` means that nothing waits for it.
    ///
    /// A firmware version that differs from the one remembered raises the flag, and so does a number of users that differs
    /// or that is told while the start is unknown: the next handing-out has to see them.
    pub fn seen(&self, terminal: &Arc<Terminal>, told: Told<'_>, now: Timestamp) -> Option<Generation> {
        let (is_new, waiting) = terminal.see(told, self.silent_after(), now, |firmware| self.share(firmware));
        if is_new {
            self.list(terminal);
        }
        waiting
    }

    /// After such a silence a terminal may have kept punches back that it never brings by itself.
    pub fn silent_after(&self) -> SignedDuration {
        SignedDuration::from_secs(self.0.silent_after.load(Ordering::Relaxed))
    }

    pub fn set_silent_after(&self, silence: SignedDuration) {
        self.0.silent_after.store(silence.as_secs(), Ordering::Relaxed);
    }

    /// Punches of this terminal were refused: it may drop them.
    pub fn missed(&self, terminal: &Arc<Terminal>, now: Timestamp) {
        if terminal.was_refused(now) {
            self.list(terminal);
        }
    }

    /// Everything seen since the last time, in id order.
    pub fn take_presence(&self) -> Vec<Seen> {
        let mut taken = Vec::new();
        for shard in &self.0.shards {
            let terminals = std::mem::take(&mut *lock(&shard.seen));
            taken.extend(terminals.iter().map(|terminal| terminal.take_seen()));
        }
        taken.sort_unstable_by_key(|seen| seen.device);
        taken
    }

    /// What was taken could not be stored: it is due again.
    pub fn put_back(&self, taken: &[Seen]) {
        let by_device = self.0.by_device.read().unwrap_or_else(PoisonError::into_inner);
        for seen in taken {
            let Some(ByDevice(terminal)) = by_device.get(&seen.device) else { continue };
            if terminal.put_back(seen) {
                self.list(terminal);
            }
        }
    }

    fn list(&self, terminal: &Arc<Terminal>) {
        lock(&self.shard(terminal.serial()).seen).push(Arc::clone(terminal));
    }

    /// Terminals that called and are not registered.
    pub fn callers(&self) -> &Callers {
        &self.0.callers
    }

    /// How many terminals are registered.
    pub fn len(&self) -> usize {
        self.0.by_device.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn empty(default_zone: TimeZone) -> Registry {
        Registry(Arc::new(Inner {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Shard::default()),
            by_device: RwLock::default(),
            callers: Callers::default(),
            default_zone,
            followed: Mutex::default(),
            firmwares: Mutex::default(),
            silent_after: AtomicI64::new(presence::online_for(SignedDuration::ZERO).as_secs()),
        }))
    }

    fn shard(&self, serial: &str) -> &Shard {
        // The remainder is below 64.
        #[expect(clippy::cast_possible_truncation, reason = "the remainder of a division by 64 fits")]
        let index = (self.0.hasher.hash_one(serial) % SHARDS as u64) as usize;
        &self.0.shards[index]
    }

    /// Makes memory say what a row says. A terminal that is new to memory has its flag up or down as told.
    fn put(&self, row: Row, raised: bool) {
        if row.is_deleted {
            self.remove(row.id);
            return;
        }
        let (own, school) = (row.timezone.as_deref(), row.school_timezone.as_deref());
        let zone = zone::of(own, school, &self.0.default_zone);
        let is_set = |name: Option<&str>| name.and_then(zone::parse).is_some();
        let zone_is_set = is_set(own) || is_set(school) || self.0.default_zone.iana_name() != Some("UTC");
        let firmware = row.firmware_version.as_deref().map(|firmware| self.share(firmware));
        let start = row.start();
        let facts = Facts {
            school: row.school_id,
            zone,
            zone_is_set,
            shown_offset: row.shown_offset_seconds.and_then(|seconds| i32::try_from(seconds).ok()),
            firmware,
            user_count: row.user_count.and_then(|count| u32::try_from(count).ok()),
            dialect: row.dialect.as_deref().and_then(Dialect::parse),
            card_form: row.card_form.as_deref().and_then(card_form_of_word),
            charset: Charset::of_language(row.language.and_then(|language| u32::try_from(language).ok())),
            is_active: row.is_active,
            start,
            is_decided: row.is_decided,
            rare: row.rare(),
        };
        let mut by_device = self.0.by_device.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(ByDevice(known)) = by_device.get(&row.id)
            && known.serial() == row.serial_number
        {
            known.take_over(facts);
            return;
        }
        // A serial number that SQL changed: the device is another terminal from now on.
        if let Some(ByDevice(former)) = by_device.take(&row.id) {
            self.hide(&former);
        }
        let last = row.last_address.as_deref().and_then(|address| address.parse().ok()).zip(row.last_seen);
        let serial = row.serial_number.into_boxed_str();
        self.0.callers.forget(&serial);
        let terminal = Arc::new(Terminal::new(row.id, serial, facts, raised));
        if let Some((address, at)) = last {
            terminal.was_seen(address, at.into());
        }
        lock(&self.shard(terminal.serial()).terminals).replace(BySerial(Arc::clone(&terminal)));
        by_device.replace(ByDevice(terminal));
    }

    fn remove(&self, device: DeviceId) {
        let mut by_device = self.0.by_device.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(ByDevice(terminal)) = by_device.take(&device) {
            self.hide(&terminal);
        }
    }

    /// Its serial number finds it no more. Should another device have the number by now, that one stays.
    fn hide(&self, terminal: &Arc<Terminal>) {
        let mut terminals = lock(&self.shard(terminal.serial()).terminals);
        if terminals.get(terminal.serial()).is_some_and(|found| Arc::ptr_eq(&found.0, terminal)) {
            terminals.remove(terminal.serial());
        }
    }

    /// Drops the terminals of a page whose rows are gone. A row that was committed after the page was read is dropped
    /// too; the next call of its terminal looks it up.
    fn drop_absent(&self, after: i64, to: i64, page: &[Row]) {
        let present: HashSet<DeviceId> = page.iter().map(|row| row.id).collect();
        let absent: Vec<DeviceId> = {
            let by_device = self.0.by_device.read().unwrap_or_else(PoisonError::into_inner);
            let devices = by_device.iter().map(|found| found.0.device());
            devices.filter(|device| device.0 > after && device.0 <= to && !present.contains(device)).collect()
        };
        for device in absent {
            self.remove(device);
        }
    }

    fn share(&self, firmware: &str) -> Arc<str> {
        let mut firmwares = lock(&self.0.firmwares);
        if let Some(shared) = firmwares.get(firmware) {
            return Arc::clone(shared);
        }
        let shared: Arc<str> = firmware.into();
        if firmwares.len() < SHARED_FIRMWARES {
            firmwares.insert(Arc::clone(&shared));
        }
        shared
    }
}

impl Row {
    fn start(&self) -> Start {
        Start::parse(&self.start_state)
    }

    fn rare(&self) -> Option<Box<Rare>> {
        let rare = Rare {
            suspicion: self.suspicion.as_deref().and_then(Suspicion::parse),
            accepted: trust::addresses(self.accepted_addresses.as_deref()),
            // What somebody wrote by SQL and is no list lets nobody in, rather than everybody.
            allowed: self.allowed_addresses.as_deref().map(|list| list.parse().unwrap_or_default()),
            ..Rare::default()
        };
        (rare != Rare::default()).then(|| Box::new(rare))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct BySerial(Arc<Terminal>);

#[derive(Debug)]
struct ByDevice(Arc<Terminal>);

impl Borrow<str> for BySerial {
    fn borrow(&self) -> &str {
        self.0.serial()
    }
}

impl Hash for BySerial {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.serial().hash(state);
    }
}

impl PartialEq for BySerial {
    fn eq(&self, other: &BySerial) -> bool {
        self.0.serial() == other.0.serial()
    }
}

impl Eq for BySerial {}

impl Borrow<DeviceId> for ByDevice {
    fn borrow(&self) -> &DeviceId {
        self.0.device_ref()
    }
}

impl Hash for ByDevice {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.device().hash(state);
    }
}

impl PartialEq for ByDevice {
    fn eq(&self, other: &ByDevice) -> bool {
        self.0.device() == other.0.device()
    }
}

impl Eq for ByDevice {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_has_that_name_however_it_was_made() {
        assert_eq!(TimeZone::UTC.iana_name(), Some("UTC"));
        assert_eq!(TimeZone::get("UTC").unwrap().iana_name(), Some("UTC"));
    }

    /// An entry of each of two sets (a pointer and a byte, in tables that are half full at worst), what both share with its
    /// two counts, and the serial number with the allocator's own words.
    #[test]
    fn a_terminal_takes_less_than_256_bytes() {
        let entries = 2 * 2 * (size_of::<Arc<Terminal>>() + 1);
        let shared = size_of::<Terminal>() + 2 * size_of::<usize>() + 16;
        let serial = 32;
        assert!(entries + shared + serial < 256, "{entries} + {shared} + {serial}");
    }
}
