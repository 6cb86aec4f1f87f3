//! Registered terminals as people see and change them. How a terminal becomes one is in [`super::claim`].

use jiff::Timestamp;
use push_protocol::text::TextError;

use super::{DeviceId, window::Window, zone};
use crate::{
    networks::{Networks, NoNetwork},
    school::{SchoolId, names, search},
    store::{self, Instant, Tx, Value},
    sync::{
        capacity, delivery,
        reconcile::{self, Reconciled, Scope},
        unserved,
    },
};

/// A row of `devices`, with what was learnt about the terminal.
#[derive(Clone, PartialEq, Debug, sqlx::FromRow, serde::Serialize, utoipa::ToSchema)]
#[expect(clippy::struct_field_names, reason = "named as the columns")]
pub struct Device {
    pub id: DeviceId,
    pub school_id: SchoolId,
    pub serial_number: String,
    pub device_name: String,
    /// An inactive terminal is answered and its punches are stored; it is sent nothing.
    pub is_active: bool,
    pub is_online: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Instant>,
    pub last_address: Option<String>,
    pub firmware_version: Option<String>,
    /// People that the terminal says it holds.
    pub user_count: Option<i64>,
    /// People that fit, as the terminal says; empty when it does not say so.
    pub user_capacity: Option<i64>,
    /// Digits of a PIN, as the terminal says.
    pub pin_width: Option<i64>,
    /// An IANA name such as `Asia/Kathmandu`, or an offset such as `+05:45`; without one the school's zone counts.
    pub timezone: Option<String>,
    /// What happens to people whom the terminal holds and the roster does not know: `report` or `remove`.
    pub strangers: String,
    /// What an admin decided about the people whom the terminal held at the start.
    pub takeover: Option<String>,
    /// `unknown`, `holds_people` or `writing`.
    pub start_state: String,
    /// The same in words.
    #[sqlx(skip)]
    pub start: String,
    pub dialect: Option<String>,
    pub push_version: Option<String>,
    pub device_type: Option<String>,
    pub language: Option<i64>,
    /// How the terminal can be read back: `list`, `per_pin`, `table`, `count` or `none`; empty before that was tried.
    pub readback_class: Option<String>,
    /// It tells everybody only when its log is asked for from the beginning, which takes long.
    pub readback_slow: bool,
    /// Hours in which what takes long may be done, as `22:00-04:00` on the terminal's own clock; empty: at any time.
    pub maintenance_window: Option<String>,
    /// Networks from which it may call, as `10.20.0.0/16, 192.0.2.7`; calls from elsewhere are refused. Empty: from anywhere.
    pub allowed_addresses: Option<String>,
    /// Why it may be another device under its serial number: `comm_key` or `addresses`. It is handed nothing until somebody
    /// confirms it.
    pub suspicion: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub suspected_at: Option<Instant>,
    /// A verification is wanted from then on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub verify_at: Option<Instant>,
    /// Commands that it is given per poll, as learnt.
    pub batch_size: i64,
    /// It was shown to handle one command per poll. Set to false to have more tried again.
    pub one_per_poll: bool,
    /// It refused to take more people.
    pub is_full: bool,
    /// What a person should know before it is too late, in words.
    #[sqlx(skip)]
    pub warnings: Vec<String>,
    /// How far its clock is off.
    pub clock_skew_seconds: Option<i64>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Instant,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Instant,
}

/// What happens to people whom a terminal holds and the roster does not know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strangers {
    #[default]
    Report,
    Remove,
}

impl Strangers {
    pub fn as_str(self) -> &'static str {
        match self {
            Strangers::Report => "report",
            Strangers::Remove => "remove",
        }
    }
}

/// Why a terminal was not registered or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Serial(TextError),
    #[error("a serial number cannot be changed: register the other terminal, as the replacement of this one")]
    SerialIsFixed,
    #[error(transparent)]
    Name(#[from] names::Error),
    #[error("\"{0}\" is no time zone: give an IANA name such as Asia/Kathmandu")]
    Timezone(String),
    #[error("\"{0}\" are no hours: write them as 22:00-04:00, when they begin and when they end")]
    Window(String),
    #[error(transparent)]
    Networks(#[from] NoNetwork),
    #[error("\"{0}\" is not possible: \"add\", \"link_cards\" and \"replace\" are")]
    Takeover(String),
    #[error("there is no school {0}")]
    NoSchool(SchoolId),
    #[error("this serial number is registered already")]
    Taken(Registered),
    #[error("no unregistered terminal with this serial number has called")]
    NotCalled,
    #[error("{0}")]
    Replaces(&'static str),
    #[error(
        "the terminal holds {0} people already, and PINs of the one that it replaces may be theirs: empty it first, \
             or claim it as a terminal of its own"
    )]
    ReplacementHoldsPeople(i64),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The terminal that has a serial number already.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Registered {
    pub id: DeviceId,
    pub school_id: SchoolId,
    pub device_name: String,
}

impl Error {
    /// The field whose value was wrong.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Error::Serial(_) | Error::SerialIsFixed => Some("serial_number"),
            Error::Name(_) => Some("device_name"),
            Error::Timezone(_) => Some("timezone"),
            Error::Window(_) => Some("maintenance_window"),
            Error::Networks(_) => Some("allowed_addresses"),
            Error::Takeover(_) => Some("takeover"),
            Error::NoSchool(_) => Some("school_id"),
            Error::Replaces(_) => Some("replaces"),
            Error::Taken(_) | Error::NotCalled | Error::ReplacementHoldsPeople(_) | Error::Store(_) => None,
        }
    }
}

macro_rules! devices {
    ($where:literal) => {
        concat!(
            "SELECT d.id, d.school_id, d.serial_number, d.device_name, d.is_active, d.is_online, d.last_seen,
               d.last_address, d.firmware_version, d.user_count, d.user_capacity, d.pin_width, d.timezone, d.strangers, d.takeover, d.start_state,
               d.dialect, d.push_version, d.device_type, d.language, d.readback_class, d.readback_slow, d.maintenance_window,
               d.allowed_addresses, d.suspicion, d.suspected_at, d.verify_at,
               CASE WHEN y.one_per_poll THEN 1 ELSE COALESCE(y.batch_size, 1) END AS batch_size,
               COALESCE(y.one_per_poll, FALSE) AS one_per_poll, d.is_full, d.clock_skew_seconds, d.created_at,
               d.updated_at
             FROM devices d LEFT JOIN device_delivery y ON y.device_id = d.id
             WHERE d.deleted_at IS NULL AND ",
            $where
        )
    };
}

const FIND: &str = devices!("d.id = $1");

/// A registered terminal.
pub async fn find(tx: &mut Tx, id: DeviceId) -> store::Result<Option<Device>> {
    let mut found: Vec<Device> = tx.optional::<Device, 1>(FIND, [id.into()]).await?.into_iter().collect();
    warn(tx, &mut found).await?;
    Ok(found.pop().map(Device::in_words))
}

const SCHOOL_OF: &str = "SELECT school_id FROM devices WHERE id = $1";

/// The school of a terminal, also of one that was deleted.
pub async fn school_of(tx: &mut Tx, id: DeviceId) -> store::Result<Option<SchoolId>> {
    Ok(tx.optional::<(SchoolId,), 1>(SCHOOL_OF, [id.into()]).await?.map(|(school,)| school))
}

const LIST: &str = devices!(
    "(CAST($1 AS BIGINT) IS NULL OR d.school_id = $1)
      AND (CAST($2 AS TEXT) IS NULL OR LOWER(d.device_name) LIKE $2 ESCAPE '\\' OR LOWER(d.serial_number) LIKE $2 ESCAPE '\\')
    ORDER BY d.id LIMIT $3 OFFSET $4"
);
const COUNT: &str = "
    SELECT COUNT(*) FROM devices d
    WHERE d.deleted_at IS NULL AND (CAST($1 AS BIGINT) IS NULL OR d.school_id = $1)
      AND (CAST($2 AS TEXT) IS NULL OR LOWER(d.device_name) LIKE $2 ESCAPE '\\' OR LOWER(d.serial_number) LIKE $2 ESCAPE '\\')";

/// One page of them in the order in which they were registered, and how many there are. `search` is a part of the name or
/// of the serial number.
pub async fn list(
    tx: &mut Tx,
    school: Option<SchoolId>,
    search: Option<&str>,
    limit: i64,
    offset: i64,
) -> store::Result<(Vec<Device>, i64)> {
    let pattern: Value = search.map(|part| search::pattern(&part.to_lowercase())).into();
    let (total,): (i64,) = tx.one(COUNT, [school.into(), pattern.clone()]).await?;
    let mut rows: Vec<Device> = tx.all(LIST, [school.into(), pattern, limit.into(), offset.into()]).await?;
    warn(tx, &mut rows).await?;
    Ok((rows.into_iter().map(Device::in_words).collect(), total))
}

async fn warn(tx: &mut Tx, devices: &mut [Device]) -> store::Result<()> {
    for (id, warning) in capacity::warnings(tx, devices.iter().map(|device| device.id)).await? {
        if let Some(device) = devices.iter_mut().find(|device| device.id == id) {
            device.warnings.push(warning);
        }
    }
    Ok(())
}

impl Device {
    fn in_words(mut self) -> Device {
        self.start = match (self.start_state.as_str(), self.user_count) {
            ("writing", _) => "is kept in step".to_owned(),
            ("holds_people", Some(count)) => {
                format!("already holds {count} people: nothing is written until somebody decides what becomes of them")
            }
            ("holds_people", None) => {
                "does not say whether it holds people, and PINs that students have from before may be theirs: nothing is \
                 written until somebody decides"
                    .to_owned()
            }
            _ => "waits for the terminal to say how many people it holds".to_owned(),
        };
        self
    }
}

/// What a person changes. `None` leaves a field as it is.
#[derive(Clone, Default, Debug)]
pub struct Change {
    pub school: Option<SchoolId>,
    pub serial_number: Option<String>,
    pub device_name: Option<String>,
    /// `Some(None)`: the school's zone counts again.
    #[expect(clippy::option_option, reason = "null and absence differ")]
    pub timezone: Option<Option<String>>,
    pub strangers: Option<Strangers>,
    /// `Some(None)`: there is none any more.
    #[expect(clippy::option_option, reason = "null and absence differ")]
    pub maintenance_window: Option<Option<String>>,
    /// `Some(None)`: it may call from anywhere.
    #[expect(clippy::option_option, reason = "null and absence differ")]
    pub allowed_addresses: Option<Option<String>>,
    pub is_active: Option<bool>,
    /// False: more commands per poll are tried again.
    pub one_per_poll: Option<bool>,
}

/// Whoever changes a device's row and its commands locks here first, as reconciling and delivery do.
const LOCK: &str = "SELECT device_id FROM device_pins WHERE device_id = $1";

const UPDATE: &str = "
    UPDATE devices SET
      school_id = COALESCE(CAST($2 AS BIGINT), school_id), device_name = COALESCE(CAST($3 AS TEXT), device_name),
      timezone = CASE WHEN $4 THEN CAST($5 AS TEXT) ELSE timezone END,
      strangers = COALESCE(CAST($6 AS TEXT), strangers), is_active = COALESCE(CAST($7 AS BOOLEAN), is_active),
      maintenance_window = CASE WHEN $9 THEN CAST($10 AS TEXT) ELSE maintenance_window END,
      allowed_addresses = CASE WHEN $11 THEN CAST($12 AS TEXT) ELSE allowed_addresses END,
      refused_address = CASE WHEN $11 THEN NULL ELSE refused_address END, updated_at = $8
    WHERE id = $1 AND deleted_at IS NULL
    RETURNING serial_number";

/// Changes a terminal and writes what follows. `None` when it is gone. The students of a former school are removed from the
/// terminal, its punches stay theirs.
pub async fn update(tx: &mut Tx, id: DeviceId, change: Change, now: Timestamp) -> Result<Option<Reconciled>, Error> {
    let device_name = change.device_name.as_deref().map(names::clean).transpose()?;
    let timezone = change.timezone.clone().flatten().map(check_timezone).transpose()?.flatten();
    let window = change.maintenance_window.clone().flatten().map(check_window).transpose()?.flatten();
    let allowed = change.allowed_addresses.clone().flatten().map(|list| check_networks(&list)).transpose()?.flatten();
    if let Some(school) = change.school {
        check_school(tx, school).await?;
    }
    tx.lock(LOCK, [id.into()]).await?;
    let values = [
        id.into(),
        change.school.into(),
        device_name.into(),
        change.timezone.is_some().into(),
        timezone.into(),
        change.strangers.map(Strangers::as_str).into(),
        change.is_active.into(),
        now.into(),
        change.maintenance_window.is_some().into(),
        window.into(),
        change.allowed_addresses.is_some().into(),
        allowed.into(),
    ];
    let Some((serial_number,)) = tx.optional::<(String,), 12>(UPDATE, values).await? else { return Ok(None) };
    if change.serial_number.is_some_and(|given| given != serial_number) {
        return Err(Error::SerialIsFixed);
    }
    if let Some(one_per_poll) = change.one_per_poll {
        delivery::set_one_per_poll(tx, id, one_per_poll).await?;
    }
    unserved::end(tx, id, now).await?;
    Ok(Some(reconcile::reconcile(tx, Scope::Device(id), now).await?))
}

const DELETE: &str = "
    UPDATE devices SET deleted_at = $2, is_active = FALSE, is_online = FALSE, updated_at = $2
    WHERE id = $1 AND deleted_at IS NULL";

/// Hides a terminal. Its PIN history stays with its serial number, its punches stay where they are; the terminal itself
/// keeps whom it holds. Answers whether it was there.
pub async fn delete(tx: &mut Tx, id: DeviceId, now: Timestamp) -> store::Result<bool> {
    tx.lock(LOCK, [id.into()]).await?;
    let was_there = tx.execute(DELETE, [id.into(), now.into()]).await? > 0;
    unserved::end(tx, id, now).await?;
    Ok(was_there)
}

/// Blank text names no zone.
pub(super) fn check_timezone(name: String) -> Result<Option<String>, Error> {
    let trimmed = name.trim();
    if trimmed.is_empty() {
        return Ok(None);
    }
    match zone::parse(trimmed) {
        // As the zone database spells it, so that `asia/kathmandu` finds its zone everywhere.
        Some(zone) => Ok(Some(zone.iana_name().unwrap_or(trimmed).to_owned())),
        None => Err(Error::Timezone(name)),
    }
}

/// Blank text names no hours.
fn check_window(text: String) -> Result<Option<String>, Error> {
    match text.trim() {
        "" => Ok(None),
        hours if Window::parse(hours).is_some() => Ok(Some(hours.to_owned())),
        _ => Err(Error::Window(text)),
    }
}

/// Blank text names no networks.
fn check_networks(list: &str) -> Result<Option<String>, Error> {
    let networks: Networks = list.parse()?;
    Ok((!networks.is_empty()).then(|| networks.to_string()))
}

const SCHOOL: &str = "SELECT id FROM schools WHERE id = $1 AND deleted_at IS NULL";

pub(super) async fn check_school(tx: &mut Tx, school: SchoolId) -> Result<(), Error> {
    let found: Option<(SchoolId,)> = tx.optional(SCHOOL, [school.into()]).await?;
    found.map(|_| ()).ok_or(Error::NoSchool(school))
}
