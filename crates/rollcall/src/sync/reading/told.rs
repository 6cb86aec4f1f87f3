//! Lines about people, whatever brought them: answers to a query before or after its result, a change at the keypad, a
//! whole dump. Each is kept with the event at which it came.
//!
//! A line that answers no question of ours verifies a person whom it shows as wanted; one that differs, or that names
//! somebody unknown, only leads to a question (rule 16).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use push_protocol::{
    record::{Operation, User},
    request::Packet,
    text::{Charset, Pin},
};

use super::{Cause, begin, packets};
use crate::{
    devices::{DeviceId, held},
    school::StudentId,
    store::{Instant, Result, Tx},
    sync::{
        event, pins,
        plan::Wanted,
        reconcile::{self, Scope},
        repair::{self, Shown},
        verdict::{self, Told},
    },
};

/// What a terminal told about people in one upload.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub users: &'a [User],
    /// People whom a template or a picture proves to be there.
    pub pins: &'a [Pin],
    pub operations: &'a [Operation],
    /// The lines are a packet of a table, in answer to the command with this number.
    pub packet: Option<(i64, Packet)>,
}

impl Line<'_> {
    pub fn is_empty(&self) -> bool {
        self.packet.is_none()
            && self.users.is_empty()
            && self.pins.is_empty()
            && self.operations.iter().all(|line| sign(line).is_none())
    }
}

/// What a line of the operation log says about people (ATT5.8 App. 3).
#[derive(Clone, PartialEq, Eq, Debug)]
enum Sign {
    /// Somebody with this PIN was added, changed or removed.
    Person(String),
    /// Everybody may be gone.
    Everybody,
}

fn sign(line: &Operation) -> Option<Sign> {
    match line.code {
        13 | 22 => Some(Sign::Everybody),
        // New, changed, deleted, enrolled; name, privilege, card, face changed.
        6..=12 | 30 | 36 | 70 | 71 | 100 | 101 | 106 | 114 => {
            // Objects pass through a C integer: a negative or empty one is no PIN (FWSRC).
            let pin = line.objects.first().filter(|pin| pin.parse().is_ok_and(|number: u32| number > 0))?;
            Some(Sign::Person(pin.clone()))
        }
        _ => None,
    }
}

const LISTENED: &str = "UPDATE readings SET last_line_at = $2 WHERE device_id = $1 AND state = 'running'";

/// Keeps what a terminal told. Answers whether something is to be asked now.
pub async fn keep(tx: &mut Tx, device: DeviceId, line: Line<'_>, charset: Charset, now: Timestamp) -> Result<bool> {
    pins::ensure_rows(tx, Some(device), None).await?;
    reconcile::lock(tx, Scope::Device(device)).await?;
    let at = event::next(tx, device, 1).await?;
    let expected = expected(tx, device).await?;
    if let Some((wire_id, packet)) = line.packet {
        packets::arrived(tx, device, wire_id, packet).await?;
    }
    held::keep(tx, device, line.users, at, expected.began.unwrap_or(i64::MAX), now).await?;
    held::keep_presence(tx, device, line.pins, at, now).await?;
    let mentioned: Vec<Pin> = line.users.iter().map(|user| user.pin.clone()).chain(line.pins.iter().cloned()).collect();
    pins::saw(tx, device, &mentioned).await?;
    if expected.began.is_some() {
        tx.execute(LISTENED, [device.into(), now.into()]).await?;
    }
    let spontaneous: BTreeMap<&str, &User> = line
        .users
        .iter()
        .filter(|user| !expected.everybody && !expected.pins.contains(user.pin.as_str()))
        .map(|user| (user.pin.as_str(), user))
        .collect();
    let mut doubtful: BTreeSet<String> = doubtful(tx, device, &spontaneous, at, charset, now).await?;
    let mut asks = false;
    for sign in line.operations.iter().filter_map(sign) {
        match sign {
            Sign::Person(pin) => drop(doubtful.insert(pin)),
            Sign::Everybody => {
                begin::want(tx, device, Cause::Count, now).await?;
                asks = true;
            }
        }
    }
    if !doubtful.is_empty() {
        asks |= begin::look_into(tx, device, &doubtful, now).await?;
    }
    Ok(asks)
}

/// What the running reading is waiting to hear.
#[derive(Default)]
struct Expected {
    began: Option<i64>,
    everybody: bool,
    pins: BTreeSet<String>,
}

const RUNNING: &str = "
    SELECT r.began_event, r.phase IN ('dump', 'list', 'recount') AS everybody FROM readings r
    WHERE r.device_id = $1 AND r.state = 'running'";
const ASKED_PINS: &str = "
    SELECT DISTINCT s.pin FROM reading_steps s JOIN readings r ON r.id = s.reading_id
    WHERE r.device_id = $1 AND r.state = 'running' AND s.pin IS NOT NULL AND s.asked_event IS NOT NULL";

async fn expected(tx: &mut Tx, device: DeviceId) -> Result<Expected> {
    let Some((began, everybody)) = tx.optional::<(i64, bool), 1>(RUNNING, [device.into()]).await? else {
        return Ok(Expected::default());
    };
    let pins: Vec<(String,)> = tx.all(ASKED_PINS, [device.into()]).await?;
    Ok(Expected { began: Some(began), everybody, pins: pins.into_iter().map(|(pin,)| pin).collect() })
}

#[derive(Debug, sqlx::FromRow)]
struct Wish {
    pin: String,
    student_id: Option<StudentId>,
    is_wanted: Option<bool>,
    wanted_name: Option<String>,
    wanted_card: Option<String>,
    is_settled: Option<bool>,
    unverified_since: Option<Instant>,
    is_known: bool,
}

/// Of somebody whose command is under way a line is no news: it may be from before, or an echo.
const WISHES: &str = "
    WITH v(pin) AS (VALUES {rows})
    SELECT v.pin, l.student_id, l.is_wanted, l.wanted_name, l.wanted_card,
      CASE WHEN l.verified_version <> l.wanted_version THEN l.wanted_at END AS unverified_since,
      (l.confirmed_version = l.wanted_version AND NOT EXISTS (SELECT 1 FROM device_commands c
        WHERE c.device_id = l.device_id AND c.student_id = l.student_id AND c.status IN ('pending', 'sent'))) AS is_settled,
      EXISTS (SELECT 1 FROM terminal_users u WHERE u.device_id = $1 AND u.pin = v.pin AND u.told_event < $2
        AND u.told_event > 0) AS is_known
    FROM v LEFT JOIN device_user_sync_status l ON l.device_id = (SELECT $1) AND l.device_pin = v.pin";

/// Those of the people told who are not as they should be. Those who are, are verified.
async fn doubtful(
    tx: &mut Tx,
    device: DeviceId,
    told: &BTreeMap<&str, &User>,
    at: i64,
    charset: Charset,
    now: Timestamp,
) -> Result<BTreeSet<String>> {
    let rows = told.keys().map(|pin| vec![(*pin).into()]).collect();
    let wishes: Vec<Wish> = tx.all_rows(WISHES, &[device.into(), at.into()], rows).await?;
    let mut doubtful = BTreeSet::new();
    let mut verified = Vec::new();
    for wish in wishes {
        let Some(user) = told.get(wish.pin.as_str()) else { continue };
        match (wish.student_id, wish.is_settled) {
            (Some(student), Some(true)) => {
                let wanted = Wanted::of(wish.is_wanted == Some(true), wish.wanted_name, wish.wanted_card);
                if is_as_wanted(&wanted, user, at, charset) {
                    let unverified_since = wish.unverified_since.map(|since| since.0);
                    verified.push(Shown { student, pin: wish.pin, unverified_since });
                } else {
                    doubtful.insert(wish.pin);
                }
            }
            (Some(_), _) => {}
            (None, _) => {
                if !wish.is_known {
                    doubtful.insert(wish.pin);
                }
            }
        }
    }
    repair::verified(tx, device, verified, now).await?;
    Ok(doubtful)
}

fn is_as_wanted(wanted: &Wanted, user: &User, at: i64, charset: Charset) -> bool {
    let told = Told {
        at,
        name: user.name.clone(),
        card: user.card.and_then(|card| i64::try_from(card.number()).ok()),
        privilege: user.privilege,
        is_disputed: false,
    };
    match wanted {
        Wanted::Present { name, card } => verdict::differences(name, card, &told, charset).is_empty(),
        Wanted::Absent => false,
    }
}
