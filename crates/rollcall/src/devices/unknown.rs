//! Terminals that called and are not registered, so that an admin can see and claim them.
//!
//! Whoever reaches the port can invent serial numbers, so what is remembered is bounded: [`REMEMBERED`] in all,
//! [`PER_ADDRESS`] for one address. When a bound is reached, one that has been silent for [`KEPT`] makes room; if there is
//! none, the new serial number is answered like any other and not remembered, and its punches are refused, so that it
//! keeps them. An inventive caller can thus fill the list for a day; it cannot push out a terminal that keeps calling.
//! The bounds hold for one server.
//!
//! Memory is written to `unknown_terminals` together with presence: an idle poll of an unknown terminal costs no statement.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use push_protocol::{
    dialect::{Announcement, Dialect},
    limits::Limits,
    text::{Charset, SerialNumber},
};

use super::{announced, kept, registry::Told};
use crate::store::{Instant, Result, Tx, Value};

/// Serial numbers remembered.
pub const REMEMBERED: usize = 10_000;
/// Serial numbers remembered of one address.
pub const PER_ADDRESS: usize = 100;
/// So long a silent one keeps its place.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// When everything is full and nobody silent, room is looked for again after this.
const LOOK_FOR_ROOM_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Questions to the database per second for serial numbers that are not registered, all together.
const LOOK_UPS_PER_SECOND: u32 = 200;

/// Unknown terminals in memory.
#[derive(Default, Debug)]
pub struct Callers(Mutex<Memory>);

#[derive(Default, Debug)]
struct Memory {
    callers: HashMap<Box<str>, Caller>,
    addresses: HashMap<IpAddr, HashSet<Box<str>>>,
    /// Callers that called since they were last written.
    unsaved: HashSet<Box<str>>,
    /// Callers that made room or were registered, and have rows still.
    dropped: Vec<Box<str>>,
    full_until: Timestamp,
    /// The second in which look-ups were last counted, and how many there were.
    looked_up: (i64, u32),
}

#[derive(Clone, PartialEq, Debug)]
struct Caller {
    address: IpAddr,
    dialect: Option<Dialect>,
    announcement: Announcement,
    firmware: Option<String>,
    user_count: Option<u32>,
    limits: Limits,
    first_seen: Timestamp,
    last_seen: Timestamp,
}

/// Whether the database is asked for a serial number that is not in the registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookUp {
    Needed,
    /// The registry's tick will do.
    Needless,
    /// It would have to be asked, and has been asked too often of late: let the terminal come again.
    TooMany,
}

/// What is due to be written.
#[derive(Default, Debug)]
pub struct Unsaved {
    callers: Vec<(Box<str>, Caller)>,
    dropped: Vec<Box<str>>,
}

/// An unregistered terminal as an admin sees it. What a claim takes over.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow, serde::Serialize)]
pub struct UnknownTerminal {
    pub serial_number: String,
    /// Where it last called from.
    pub address: String,
    pub dialect: Option<String>,
    pub push_version: Option<String>,
    pub device_type: Option<String>,
    pub language: Option<i64>,
    #[serde(skip)]
    pub comm_key_digest: Option<String>,
    pub firmware_version: Option<String>,
    pub user_count: Option<i64>,
    #[serde(skip)]
    pub user_capacity: Option<i64>,
    #[serde(skip)]
    pub pin_width: Option<i64>,
    pub first_seen: Instant,
    pub last_seen: Instant,
}

/// Those that were remembered, and those whose school was deleted, which belong to nobody either.
macro_rules! callers {
    ($select:literal, $order:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM (
               SELECT serial_number, address, dialect, push_version, device_type, language, comm_key_digest, firmware_version,
                 user_count, user_capacity, pin_width, first_seen, last_seen
               FROM unknown_terminals
               UNION ALL
               SELECT d.serial_number, COALESCE(d.last_address, '') AS address, d.dialect, d.push_version, d.device_type, d.language,
                 d.comm_key_digest, d.firmware_version, d.user_count, d.user_capacity, d.pin_width, d.created_at AS first_seen,
                 d.last_seen
               FROM schools k JOIN devices d ON d.school_id = k.id
               WHERE k.deleted_at IS NOT NULL AND d.deleted_at IS NULL AND d.last_seen IS NOT NULL) c
             WHERE CAST($1 AS TEXT) IS NULL OR UPPER(serial_number) LIKE $1 ",
            $order
        )
    };
}
const LIST: &str = callers!("*", "ORDER BY last_seen DESC, serial_number LIMIT $2 OFFSET $3");
const COUNT: &str = callers!("COUNT(*)", "");

/// One page of those who belong to no school, the latest caller first, and how many there are. `search` is a part of the serial
/// number.
pub async fn list(tx: &mut Tx, search: Option<&str>, limit: i64, offset: i64) -> Result<(Vec<UnknownTerminal>, i64)> {
    let pattern = search.map(|part| format!("%{}%", part.to_uppercase().replace(['%', '_'], "")));
    let (total,): (i64,) = tx.one(COUNT, [pattern.clone().into()]).await?;
    Ok((tx.all(LIST, [pattern.into(), limit.into(), offset.into()]).await?, total))
}

/// How many called and are not registered.
pub async fn count(tx: &mut Tx) -> Result<i64> {
    let (total,) = tx.one(COUNT, [None::<String>.into()]).await?;
    Ok(total)
}

const REMEMBERED_ROWS: &str = "
SELECT serial_number, address, dialect, push_version, device_type, language, comm_key_digest, firmware_version, user_count,
  user_capacity, pin_width, first_seen, last_seen
FROM unknown_terminals ORDER BY last_seen DESC, serial_number LIMIT $1";

const TAKE: &str = "
DELETE FROM unknown_terminals WHERE serial_number = $1
RETURNING serial_number, address, dialect, push_version, device_type, language, comm_key_digest, firmware_version, user_count,
  user_capacity, pin_width, first_seen, last_seen";

// Nobody else forgets rows that a server wrote which is gone: memory holds so many, and drops the rows of its own.
const FORGET: &str = "
DELETE FROM unknown_terminals WHERE last_seen < $1 AND serial_number IN (
  SELECT serial_number FROM unknown_terminals ORDER BY last_seen DESC, serial_number LIMIT $2 OFFSET $3)";

/// Forgets those who were silent since then, beyond as many as one server remembers. Answers how many.
pub async fn forget(tx: &mut Tx, before: Timestamp, at_most: u32) -> Result<u64> {
    let kept = i64::try_from(REMEMBERED).unwrap_or(i64::MAX);
    tx.execute(FORGET, [before.into(), at_most.into(), kept.into()]).await
}

/// Takes one out of the list because it is being claimed or registered. Memory forgets it when the registry learns of the
/// new device.
pub async fn take(tx: &mut Tx, serial: &SerialNumber) -> Result<Option<UnknownTerminal>> {
    tx.optional(TAKE, [serial.as_str().into()]).await
}

const WRITE: &str = "
WITH v(serial_number, address, dialect, push_version, device_type, language, comm_key_digest, firmware_version, user_count,
  user_capacity, pin_width, first_seen, last_seen) AS (VALUES {rows})
INSERT INTO unknown_terminals (serial_number, address, dialect, push_version, device_type, language, comm_key_digest,
  firmware_version, user_count, user_capacity, pin_width, first_seen, last_seen)
SELECT serial_number, address, dialect, push_version, device_type, language, comm_key_digest, firmware_version, user_count,
  user_capacity, pin_width, first_seen, last_seen
FROM v WHERE NOT EXISTS (
  SELECT 1 FROM devices d WHERE d.serial_number = v.serial_number AND d.deleted_at IS NULL
)
ON CONFLICT (serial_number) DO UPDATE SET
  address = excluded.address,
  dialect = COALESCE(excluded.dialect, unknown_terminals.dialect),
  push_version = COALESCE(excluded.push_version, unknown_terminals.push_version),
  device_type = COALESCE(excluded.device_type, unknown_terminals.device_type),
  language = COALESCE(excluded.language, unknown_terminals.language),
  comm_key_digest = COALESCE(excluded.comm_key_digest, unknown_terminals.comm_key_digest),
  firmware_version = COALESCE(excluded.firmware_version, unknown_terminals.firmware_version),
  user_count = COALESCE(excluded.user_count, unknown_terminals.user_count),
  user_capacity = COALESCE(excluded.user_capacity, unknown_terminals.user_capacity),
  pin_width = COALESCE(excluded.pin_width, unknown_terminals.pin_width),
  last_seen = excluded.last_seen";

const DROP: &str = "
WITH v(serial_number) AS (VALUES {rows})
DELETE FROM unknown_terminals WHERE serial_number IN (SELECT serial_number FROM v)";

/// Writes what memory collected. A serial number that was registered meanwhile is left out.
pub async fn write(tx: &mut Tx, unsaved: &Unsaved) -> Result<()> {
    let dropped = unsaved.dropped.iter().map(|serial| -> Vec<Value> { vec![(&**serial).into()] });
    tx.execute_rows(DROP, &[], dropped.collect()).await?;
    let rows = unsaved.callers.iter().map(|(serial, caller)| -> Vec<Value> {
        let announced = &caller.announcement;
        vec![
            (&**serial).into(),
            caller.address.to_string().into(),
            caller.dialect.map(|dialect| dialect.as_str().to_owned()).into(),
            announced.push_version.clone().into(),
            announced.device_type.clone().into(),
            announced.language.into(),
            announced.comm_key.clone().into(),
            caller.firmware.clone().into(),
            caller.user_count.into(),
            caller.limits.people.into(),
            caller.limits.pin_digits.map(i64::from).into(),
            caller.first_seen.into(),
            caller.last_seen.into(),
        ]
    });
    tx.execute_rows(WRITE, &[], rows.collect()).await?;
    Ok(())
}

impl Callers {
    /// Reads what earlier runs remembered.
    pub(super) async fn load(&self, tx: &mut Tx) -> Result<()> {
        let limit = i64::try_from(REMEMBERED).unwrap_or(i64::MAX);
        let rows: Vec<UnknownTerminal> = tx.all(REMEMBERED_ROWS, [limit.into()]).await?;
        let mut memory = self.lock();
        for row in rows {
            let Ok(address) = row.address.parse() else { continue };
            let caller = Caller {
                address,
                dialect: row.dialect.as_deref().and_then(Dialect::parse),
                announcement: Announcement {
                    push_version: row.push_version,
                    device_type: row.device_type,
                    language: row.language.and_then(|language| u32::try_from(language).ok()),
                    comm_key: row.comm_key_digest,
                    push_options_flag: None,
                },
                firmware: row.firmware_version,
                user_count: row.user_count.and_then(|count| u32::try_from(count).ok()),
                limits: Limits {
                    people: row.user_capacity.and_then(|people| u32::try_from(people).ok()),
                    pin_digits: row.pin_width.and_then(|digits| u8::try_from(digits).ok()),
                },
                first_seen: row.first_seen.into(),
                last_seen: row.last_seen.into(),
            };
            memory.insert(row.serial_number.into(), caller);
        }
        Ok(())
    }

    /// Whether to ask the database for a serial number that is not in the registry. A remembered one is known not to be
    /// registered: should it be claimed on another server, the registry's tick brings it, and its idle polls cost nothing.
    /// Handshakes and uploads ask always, so that no punch goes into the quarantine of a terminal that was just claimed.
    pub fn look_up(&self, serial: &SerialNumber, is_poll: bool, now: Timestamp) -> LookUp {
        let mut memory = self.lock();
        if is_poll && memory.callers.contains_key(serial.as_str()) {
            return LookUp::Needless;
        }
        let second = now.as_second();
        let count = if memory.looked_up.0 == second { memory.looked_up.1 } else { 0 };
        memory.looked_up = (second, count + 1);
        match (count < LOOK_UPS_PER_SECOND, is_poll) {
            (true, _) => LookUp::Needed,
            (false, true) => LookUp::Needless,
            (false, false) => LookUp::TooMany,
        }
    }

    /// Notes a call. Answers whether the serial number is remembered.
    pub fn seen(
        &self,
        serial: &SerialNumber,
        told: Told<'_>,
        announcement: Option<&Announcement>,
        now: Timestamp,
    ) -> bool {
        let mut memory = self.lock();
        if !memory.callers.contains_key(serial.as_str()) {
            if !memory.has_room(told.address, now) {
                return false;
            }
            memory.insert(serial.as_str().into(), Caller::new(told.address, now));
        }
        memory.unsaved.insert(serial.as_str().into());
        let Some(caller) = memory.callers.get_mut(serial.as_str()) else { return false };
        caller.last_seen = caller.last_seen.max(now);
        caller.user_count = told.user_count.or(caller.user_count);
        if let Some(firmware) = told.firmware {
            caller.firmware = Some(kept(firmware).into_owned());
        }
        if let Some(announcement) = announcement {
            caller.dialect = Some(Dialect::recognise(announcement));
            caller.announcement = announced::kept(serial.as_str(), announcement);
        }
        let former = std::mem::replace(&mut caller.address, told.address);
        if former != told.address {
            memory.move_address(serial.as_str(), former, told.address);
        }
        true
    }

    /// Notes that a serial number called as only terminals of the security dialect do.
    pub fn speaks_security(&self, serial: &SerialNumber) {
        let mut memory = self.lock();
        if let Some(caller) = memory.callers.get_mut(serial.as_str()) {
            caller.dialect = Some(Dialect::Security);
        }
    }

    /// Notes what a serial number says it can hold.
    pub fn can_hold(&self, serial: &SerialNumber, limits: Limits) {
        let mut memory = self.lock();
        if let Some(caller) = memory.callers.get_mut(serial.as_str()).filter(|_| !limits.is_empty()) {
            caller.limits = limits;
        }
    }

    pub fn charset(&self, serial: &SerialNumber) -> Charset {
        let memory = self.lock();
        Charset::of_language(memory.callers.get(serial.as_str()).and_then(|caller| caller.announcement.language))
    }

    /// The serial number is registered now.
    pub(super) fn forget(&self, serial: &str) {
        let mut memory = self.lock();
        if memory.remove(serial) {
            memory.dropped.push(serial.into());
        }
    }

    /// What is due to be written.
    pub fn take_unsaved(&self) -> Unsaved {
        let mut memory = self.lock();
        let dropped = std::mem::take(&mut memory.dropped);
        let serials = std::mem::take(&mut memory.unsaved);
        let callers = serials.into_iter().filter_map(|serial| {
            let caller = memory.callers.get(&serial)?.clone();
            Some((serial, caller))
        });
        let mut callers: Vec<_> = callers.collect();
        callers.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        Unsaved { callers, dropped }
    }

    /// What was taken could not be written: it is due again.
    pub fn put_back(&self, unsaved: Unsaved) {
        let mut memory = self.lock();
        memory.dropped.extend(unsaved.dropped);
        memory.unsaved.extend(unsaved.callers.into_iter().map(|(serial, _)| serial));
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unsaved {
    pub fn is_empty(&self) -> bool {
        self.callers.is_empty() && self.dropped.is_empty()
    }
}

impl Caller {
    fn new(address: IpAddr, now: Timestamp) -> Caller {
        Caller {
            address,
            dialect: None,
            announcement: Announcement::default(),
            firmware: None,
            user_count: None,
            limits: Limits::default(),
            first_seen: now,
            last_seen: now,
        }
    }
}

impl Memory {
    /// Whether one more caller from this address may be remembered; one that has been silent for long makes room.
    fn has_room(&mut self, address: IpAddr, now: Timestamp) -> bool {
        let is_silent = |caller: &Caller| now.duration_since(caller.last_seen) > KEPT;
        if let Some(serials) = self.addresses.get(&address).filter(|serials| serials.len() >= PER_ADDRESS) {
            let gone = serials.iter().find(|serial| self.callers.get(*serial).is_some_and(is_silent));
            return gone.cloned().is_some_and(|serial| self.drop(&serial));
        }
        if self.callers.len() < REMEMBERED {
            return true;
        }
        if now < self.full_until {
            return false;
        }
        // All that have been silent for long make room at once: looking through everybody is not for every call.
        let silent = self.callers.iter().filter(|(_, caller)| is_silent(caller));
        let gone: Vec<Box<str>> = silent.map(|(serial, _)| serial.clone()).collect();
        for serial in &gone {
            self.drop(serial);
        }
        if gone.is_empty() {
            self.full_until = now + LOOK_FOR_ROOM_EVERY;
        }
        !gone.is_empty()
    }

    fn insert(&mut self, serial: Box<str>, caller: Caller) {
        self.addresses.entry(caller.address).or_default().insert(serial.clone());
        self.callers.insert(serial, caller);
    }

    fn drop(&mut self, serial: &str) -> bool {
        self.dropped.push(serial.into());
        self.remove(serial)
    }

    fn remove(&mut self, serial: &str) -> bool {
        self.unsaved.remove(serial);
        let Some(caller) = self.callers.remove(serial) else { return false };
        self.leave(serial, caller.address);
        true
    }

    fn move_address(&mut self, serial: &str, from: IpAddr, to: IpAddr) {
        self.leave(serial, from);
        self.addresses.entry(to).or_default().insert(serial.into());
    }

    fn leave(&mut self, serial: &str, address: IpAddr) {
        if let Some(serials) = self.addresses.get_mut(&address) {
            serials.remove(serial);
            if serials.is_empty() {
                self.addresses.remove(&address);
            }
        }
    }
}
