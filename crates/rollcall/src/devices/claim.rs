//! A terminal becomes known: it is registered by hand, or claimed after it called.
//!
//! The PIN history belongs to the serial number. So a serial number that was registered before, in whatever school, gets
//! its row back with its mappings and its next PIN; what is known of the terminal's people starts anew, because nobody
//! knows what happened to it meanwhile. That its school was deleted counts as its own deletion.

use jiff::{Timestamp, tz::TimeZone};
use push_protocol::text::SerialNumber;

use super::{
    DeviceId, cards,
    known::{self, Error, Registered, Strangers},
    unknown::{self, UnknownTerminal},
    zone,
};
use crate::{
    attendance::quarantine::{self, Claimed},
    school::{SchoolId, names},
    store::{self, Tx, Value},
    sync::{
        again, anew, inherit,
        reconcile::{self, Reconciled, Scope},
        start::Takeover,
        unserved,
    },
};

/// What a person says of a terminal.
#[derive(Clone, Debug)]
pub struct NewDevice {
    pub school: SchoolId,
    pub serial_number: String,
    pub device_name: String,
    pub timezone: Option<String>,
    pub strangers: Strangers,
    /// What is to become of the people whom it holds.
    pub takeover: Option<String>,
    /// The terminal whose place it takes: it inherits the PINs, and the other one is switched off.
    pub replaces: Option<DeviceId>,
}

/// A terminal that has just become known.
#[derive(Clone, Debug)]
pub struct Enrolled {
    pub device: DeviceId,
    /// The terminal that was switched off.
    pub replaced: Option<DeviceId>,
    /// What is to be done about its punches after the commit ([`crate::attendance::attribute::after_claim`]).
    pub claimed: Claimed,
    pub reconciled: Reconciled,
}

/// Registers a terminal, whether it called or not. `server` is the zone of schools that name none.
pub async fn create(tx: &mut Tx, new: NewDevice, server: &TimeZone, now: Timestamp) -> Result<Enrolled, Error> {
    let new = Checked::of(tx, new).await?;
    let caller = unknown::take(tx, &new.serial).await?;
    enrol(tx, new, caller, server, now).await
}

/// Registers a terminal that called.
pub async fn claim(tx: &mut Tx, new: NewDevice, server: &TimeZone, now: Timestamp) -> Result<Enrolled, Error> {
    let new = Checked::of(tx, new).await?;
    let caller = unknown::take(tx, &new.serial).await?;
    // One of a deleted school is known still, so its calls are no unknown terminal's.
    if caller.is_none() && tx.optional::<(DeviceId,), 1>(LEFT_OVER, [new.serial.as_str().into()]).await?.is_none() {
        return Err(registered(tx, &new.serial).await?.map_or(Error::NotCalled, Error::Taken));
    }
    enrol(tx, new, caller, server, now).await
}

/// What a person said, as it can be stored.
struct Checked {
    school: SchoolId,
    serial: SerialNumber,
    device_name: String,
    timezone: Option<String>,
    strangers: Strangers,
    takeover: Option<Takeover>,
    replaces: Option<DeviceId>,
}

impl Checked {
    async fn of(tx: &mut Tx, new: NewDevice) -> Result<Checked, Error> {
        known::check_school(tx, new.school).await?;
        let parse = |word: String| Takeover::parse(&word).ok_or(Error::Takeover(word));
        Ok(Checked {
            school: new.school,
            serial: SerialNumber::parse(new.serial_number.trim()).map_err(Error::Serial)?,
            device_name: names::clean(&new.device_name)?,
            timezone: new.timezone.map(known::check_timezone).transpose()?.flatten(),
            strangers: new.strangers,
            takeover: new.takeover.map(parse).transpose()?,
            replaces: new.replaces,
        })
    }
}

async fn enrol(
    tx: &mut Tx,
    new: Checked,
    caller: Option<UnknownTerminal>,
    server: &TimeZone,
    now: Timestamp,
) -> Result<Enrolled, Error> {
    let before = row_of(tx, &new.serial).await?;
    lock(tx, before, new.replaces).await?;
    if let Some(before) = before {
        hide_left_over(tx, before, now).await?;
    }
    if let Some(replaced) = new.replaces {
        check_replaced(tx, &new, replaced).await?;
        let held = caller.as_ref().and_then(|caller| caller.user_count).unwrap_or(0);
        if held > 0 {
            return Err(Error::ReplacementHoldsPeople(held));
        }
    }
    let Some(device) = write(tx, &new, caller.as_ref(), before.is_some(), now).await? else {
        return Err(registered(tx, &new.serial).await?.map_or(Error::NotCalled, Error::Taken));
    };
    if let Some(caller) = &caller {
        tx.execute(LIMITS, [device.into(), caller.user_capacity.into(), caller.pin_width.into()]).await?;
    }
    if before.is_some() {
        anew::begin(tx, device, now).await?;
        cards::forget(tx, device).await?;
    }
    quarantine::remember_pins(tx, new.serial.as_str(), device).await?;
    if let Some(replaced) = new.replaces {
        tx.execute(SWITCH_OFF, [replaced.into(), now.into()]).await?;
        unserved::end(tx, replaced, now).await?;
        inherit::inherit(tx, replaced, device, now).await?;
    }
    let reconciled = if before.is_some() {
        again::full_sync(tx, device, now).await?.reconciled
    } else {
        reconcile::reconcile(tx, Scope::Device(device), now).await?
    };
    let zone = zone::of(new.timezone.as_deref(), school_zone(tx, new.school).await?.as_deref(), server);
    let claimed = Claimed { serial: new.serial.to_string(), device, school: new.school, zone };
    Ok(Enrolled { device, replaced: new.replaces, claimed, reconciled })
}

/// What it said it can hold before it was registered: it may not say so again for weeks.
const LIMITS: &str = "
    UPDATE devices SET user_capacity = COALESCE(CAST($2 AS BIGINT), user_capacity),
      pin_width = COALESCE(CAST($3 AS BIGINT), pin_width)
    WHERE id = $1";

const ROW: &str = "SELECT id FROM devices WHERE serial_number = $1";

/// The row of a serial number, hidden or not.
async fn row_of(tx: &mut Tx, serial: &SerialNumber) -> store::Result<Option<DeviceId>> {
    Ok(tx.optional::<(DeviceId,), 1>(ROW, [serial.as_str().into()]).await?.map(|(id,)| id))
}

const LEFT_OVER: &str = "
    SELECT d.id FROM devices d JOIN schools k ON k.id = d.school_id
    WHERE d.serial_number = $1 AND d.deleted_at IS NULL AND k.deleted_at IS NOT NULL";
const HIDE_LEFT_OVER: &str = "
    UPDATE devices SET deleted_at = $2, is_active = FALSE, updated_at = $2
    WHERE id = $1 AND deleted_at IS NULL
      AND EXISTS (SELECT 1 FROM schools k WHERE k.id = devices.school_id AND k.deleted_at IS NOT NULL)";

/// A terminal whose school was deleted is deleted with whatever waits for it. The caller holds its lock.
async fn hide_left_over(tx: &mut Tx, device: DeviceId, now: Timestamp) -> store::Result<()> {
    if tx.execute(HIDE_LEFT_OVER, [device.into(), now.into()]).await? > 0 {
        unserved::end(tx, device, now).await?;
    }
    Ok(())
}

const LOCK: &str = "SELECT device_id FROM device_pins WHERE device_id IN ($1, $2) ORDER BY device_id";

/// Locks what reconciling and delivery lock, in their order, before any row of `devices` is touched.
async fn lock(tx: &mut Tx, revived: Option<DeviceId>, replaced: Option<DeviceId>) -> store::Result<()> {
    tx.lock(LOCK, [revived.into(), replaced.into()]).await
}

const SCHOOL_OF: &str = "SELECT school_id, serial_number FROM devices WHERE id = $1";

async fn check_replaced(tx: &mut Tx, new: &Checked, replaced: DeviceId) -> Result<(), Error> {
    let row: Option<(SchoolId, String)> = tx.optional(SCHOOL_OF, [replaced.into()]).await?;
    let Some((_, serial)) = row.filter(|(school, _)| *school == new.school) else {
        return Err(Error::Replaces("there is no such terminal in this school"));
    };
    if serial == new.serial.as_str() {
        return Err(Error::Replaces("a terminal cannot replace itself"));
    }
    Ok(())
}

/// A hidden row comes back; a visible one stays as it is and nothing is answered.
const WRITE: &str = "
    INSERT INTO devices (school_id, serial_number, device_name, timezone, strangers, takeover, dialect, push_version,
      device_type, language, comm_key_digest, firmware_version, user_count, last_address, last_seen, log_request, created_at,
      updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
    ON CONFLICT (serial_number) DO UPDATE SET
      school_id = excluded.school_id, device_name = excluded.device_name, timezone = excluded.timezone,
      strangers = excluded.strangers, takeover = excluded.takeover,
      dialect = COALESCE(excluded.dialect, devices.dialect),
      push_version = COALESCE(excluded.push_version, devices.push_version),
      device_type = COALESCE(excluded.device_type, devices.device_type),
      language = COALESCE(excluded.language, devices.language),
      comm_key_digest = COALESCE(excluded.comm_key_digest, devices.comm_key_digest),
      firmware_version = COALESCE(excluded.firmware_version, devices.firmware_version),
      user_count = excluded.user_count,
      last_address = COALESCE(excluded.last_address, devices.last_address),
      last_seen = COALESCE(excluded.last_seen, devices.last_seen),
      log_request = excluded.log_request, shown_offset_seconds = NULL,
      suspicion = NULL, suspected_at = NULL, other_key_digest = NULL, accepted_addresses = NULL,
      allowed_addresses = NULL, refused_address = NULL, refused_at = NULL,
      start_state = 'unknown', start_polls = 0, is_active = TRUE, is_online = FALSE, is_full = FALSE,
      full_at_count = NULL, deleted_at = NULL, updated_at = excluded.updated_at
    WHERE devices.deleted_at IS NOT NULL
    RETURNING id";

async fn write(
    tx: &mut Tx,
    new: &Checked,
    caller: Option<&UnknownTerminal>,
    is_revived: bool,
    now: Timestamp,
) -> store::Result<Option<DeviceId>> {
    let told = |fact: fn(&UnknownTerminal) -> Option<String>| -> Value { caller.and_then(fact).into() };
    // Its quarantine may have been full, so its whole log is asked for once. One that never called sends it by itself.
    let log_request = (is_revived || caller.is_some()).then_some("wanted");
    let values = [
        new.school.into(),
        new.serial.as_str().into(),
        new.device_name.as_str().into(),
        new.timezone.as_deref().into(),
        new.strangers.as_str().into(),
        new.takeover.map(Takeover::as_str).into(),
        told(|caller| caller.dialect.clone()),
        told(|caller| caller.push_version.clone()),
        told(|caller| caller.device_type.clone()),
        caller.and_then(|caller| caller.language).into(),
        told(|caller| caller.comm_key_digest.clone()),
        told(|caller| caller.firmware_version.clone()),
        caller.and_then(|caller| caller.user_count).into(),
        told(|caller| Some(caller.address.clone())),
        caller.map(|caller| caller.last_seen).into(),
        log_request.into(),
        now.into(),
    ];
    Ok(tx.optional::<(DeviceId,), 17>(WRITE, values).await?.map(|(id,)| id))
}

const REGISTERED: &str =
    "SELECT id, school_id, device_name FROM devices WHERE serial_number = $1 AND deleted_at IS NULL";

async fn registered(tx: &mut Tx, serial: &SerialNumber) -> store::Result<Option<Registered>> {
    tx.optional(REGISTERED, [serial.as_str().into()]).await
}

const SWITCH_OFF: &str = "UPDATE devices SET is_active = FALSE, updated_at = $2 WHERE id = $1";

const SCHOOL_ZONE: &str = "SELECT timezone FROM schools WHERE id = $1";

async fn school_zone(tx: &mut Tx, school: SchoolId) -> store::Result<Option<String>> {
    Ok(tx.one::<(Option<String>,), 1>(SCHOOL_ZONE, [school.into()]).await?.0)
}
