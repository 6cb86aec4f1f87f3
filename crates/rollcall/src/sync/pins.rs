//! Which PIN a student has on a terminal, for ever.
//!
//! Invariant: on one device a PIN is given to one student only, and never to anybody if the terminal was ever seen to use
//! it for somebody else. So a punch that a terminal kept for weeks still finds its student.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map::Entry};

use jiff::Timestamp;
use push_protocol::text::Pin;
use rand::RngExt;

use super::{adopt::others::has_stranger, scope::Scope};
use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Instant, Result, Tx, Value},
};

/// A stretch of the PIN history of a device: who had this PIN, and when. A punch belongs to the student whose stretch
/// contains it.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Holder {
    pub device_pin: String,
    pub student_id: StudentId,
    pub valid_from: Instant,
    pub valid_to: Option<Instant>,
}

/// The highest number given out as a PIN: nine digits, which every terminal takes that does not say otherwise (FWSRC).
const HIGHEST_PIN: i64 = 999_999_999;

/// Of so many digits.
fn highest_pin(width: Option<i64>) -> i64 {
    let width = width.and_then(|width| u32::try_from(width).ok());
    width.and_then(|width| 10_i64.checked_pow(width)).map_or(HIGHEST_PIN, |beyond| HIGHEST_PIN.min(beyond - 1))
}

const SAW: &str = "
    WITH v(pin) AS (VALUES {rows})
    INSERT INTO device_seen_pins (device_id, pin) SELECT CAST($1 AS BIGINT), v.pin FROM v WHERE TRUE
    ON CONFLICT (device_id, pin) DO NOTHING";

/// Remembers that a terminal mentioned these PINs, in whatever way: they are never given to a student there.
pub async fn saw(tx: &mut Tx, device: DeviceId, pins: &[Pin]) -> Result<()> {
    tx.execute_rows(SAW, &[device.into()], pins.iter().map(|pin| vec![pin.as_str().into()]).collect()).await?;
    Ok(())
}

const WITHOUT_ROW: &str = "
    SELECT d.id FROM devices d WHERE d.id IN (SELECT CAST($1 AS BIGINT) UNION
      SELECT o.id FROM devices o JOIN students s ON s.school_id = o.school_id WHERE s.id = $2)
    AND NOT EXISTS (SELECT 1 FROM device_pins p WHERE p.device_id = d.id)";
const NEW_ROW: &str =
    "INSERT INTO device_pins (device_id, next_wire_id) VALUES {rows} ON CONFLICT (device_id) DO NOTHING";

/// Makes the row that is locked, for devices that have none yet. Numbers on the wire start at random, so that a terminal
/// which still answers a former server's commands is not mistaken.
pub(super) async fn ensure_rows(tx: &mut Tx, device: Option<DeviceId>, student: Option<StudentId>) -> Result<()> {
    let without: Vec<(DeviceId,)> = tx.all(WITHOUT_ROW, [device.into(), student.into()]).await?;
    let rows = without.iter().map(|(device,)| vec![(*device).into(), random_wire_id().into()]).collect();
    tx.execute_rows(NEW_ROW, &[], rows).await?;
    Ok(())
}

fn random_wire_id() -> i64 {
    rand::rng().random_range(1..=900_000_000)
}

/// A student who belongs on a device and has no PIN there.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
struct Unmapped {
    device_id: DeviceId,
    student_id: StudentId,
    /// His PIN on his lowest device id.
    elder_pin: Option<String>,
}

macro_rules! unmapped {
    ($scope:literal) => {
        concat!(
            "SELECT b.device_id, b.student_id,
               (SELECT e.device_pin FROM device_user_mappings e WHERE e.student_id = b.student_id
                ORDER BY e.device_id LIMIT 1) AS elder_pin
             FROM belonging b JOIN devices d ON d.id = b.device_id AND d.start_state = 'writing'
             WHERE ",
            $scope,
            " AND NOT EXISTS (
               SELECT 1 FROM device_user_mappings m WHERE m.device_id = b.device_id AND m.student_id = b.student_id
               LIMIT 1 OFFSET 0)
             ORDER BY b.student_id, b.device_id LIMIT 10000"
        )
    };
}
const UNMAPPED_OF_STUDENT: &str = unmapped!("b.student_id = $1");
const UNMAPPED_ON_DEVICE: &str = unmapped!("b.device_id = $1");
const NEXT_PINS: &str = "
    SELECT p.device_id, p.floor_pin, p.next_pin, d.pin_width,
      (SELECT MAX(o.next_pin) FROM device_pins o JOIN devices e ON e.id = o.device_id WHERE e.school_id = d.school_id)
        AS school_next_pin
    FROM device_pins p JOIN devices d ON d.id = p.device_id
    WHERE p.device_id IN (VALUES {rows})";
const TAKEN: &str = "
    WITH v(device_id, pin) AS (VALUES {rows})
    SELECT v.device_id, v.pin FROM v
    WHERE EXISTS (SELECT 1 FROM device_user_mappings m WHERE m.device_id = v.device_id AND m.device_pin = v.pin)
       OR EXISTS (SELECT 1 FROM device_seen_pins s WHERE s.device_id = v.device_id AND s.pin = v.pin)";
const KNOWN: &str = "
    SELECT device_pin FROM device_user_mappings WHERE device_id = $1
    UNION SELECT pin FROM device_seen_pins WHERE device_id = $1";
const MAP: &str = "INSERT INTO device_user_mappings (device_id, student_id, device_pin, valid_from) VALUES {rows}";
const ADVANCE: &str = "
    WITH v(device_id, next_pin) AS (VALUES {rows})
    UPDATE device_pins SET next_pin = v.next_pin FROM v WHERE device_pins.device_id = v.device_id";

/// Of a mapping that has ended: it counts again, from `$2` on where somebody else had the PIN meanwhile.
macro_rules! counts_again {
    () => {
        "valid_to = NULL, valid_from = CASE WHEN EXISTS (
           SELECT 1 FROM device_drift w WHERE w.device_id = device_user_mappings.device_id
             AND w.device_pin = device_user_mappings.device_pin AND w.kind = 'stranger'
             AND w.found_at >= device_user_mappings.valid_to) THEN $2 ELSE device_user_mappings.valid_from END"
    };
}
pub(super) use counts_again;

macro_rules! reopen {
    ($scope:literal) => {
        concat!(
            "UPDATE device_user_mappings SET ",
            counts_again!(),
            " WHERE valid_to IS NOT NULL AND ",
            $scope,
            " AND EXISTS (SELECT 1 FROM belonging b
               WHERE b.device_id = device_user_mappings.device_id AND b.student_id = device_user_mappings.student_id
               LIMIT 1 OFFSET 0)
             AND NOT ",
            has_stranger!("device_user_mappings.device_id", "device_user_mappings.device_pin")
        )
    };
}
const REOPEN_OF_STUDENT: &str = reopen!("student_id = $1");
const REOPEN_ON_DEVICE: &str = reopen!("device_id = $1");

/// PINs that are longer than a terminal takes, as it said when they were given already. It never heard of them, or refused
/// them: they are no history of anybody there.
const FORGET_WIDE: &str = "
    DELETE FROM device_user_mappings WHERE device_id = $1 AND valid_to IS NULL
      AND LENGTH(device_pin) > (SELECT COALESCE(d.pin_width, 24) FROM devices d WHERE d.id = $1)
      AND NOT EXISTS (SELECT 1 FROM device_seen_pins s WHERE s.device_id = $1 AND s.pin = device_user_mappings.device_pin)
      AND NOT EXISTS (SELECT 1 FROM device_user_sync_status l WHERE l.device_id = $1 AND l.is_held
        AND l.student_id = device_user_mappings.student_id)
      AND NOT EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = $1
        AND c.student_id = device_user_mappings.student_id AND c.attempts > 0
        AND (c.return_code IS NULL OR c.return_code >= 0))";

/// Gives a PIN to everybody in scope who belongs on a device and has none there, and opens again the history of those who
/// came back, unless somebody else has their PIN on the terminal meanwhile: he punches with it until he is gone.
/// The caller holds the locks of the devices' rows in `device_pins`.
pub(super) async fn map(tx: &mut Tx, scope: Scope, now: Timestamp) -> Result<()> {
    let unmapped: Vec<Unmapped> = match scope {
        Scope::Student(student) => {
            tx.execute(REOPEN_OF_STUDENT, [student.into(), now.into()]).await?;
            tx.all(UNMAPPED_OF_STUDENT, [student.into()]).await?
        }
        Scope::Device(device) => {
            tx.execute(FORGET_WIDE, [device.into()]).await?;
            tx.execute(REOPEN_ON_DEVICE, [device.into(), now.into()]).await?;
            tx.all(UNMAPPED_ON_DEVICE, [device.into()]).await?
        }
    };
    if unmapped.is_empty() {
        return Ok(());
    }
    let mut numbering = Numbering::of(tx, &unmapped).await?;
    let candidates = numbering.candidates(&unmapped);
    let taken: Vec<(DeviceId, String)> = tx
        .all_rows(
            TAKEN,
            &[],
            candidates.iter().map(|(device, _, pin)| vec![(*device).into(), pin.to_string().into()]).collect(),
        )
        .await?;
    let taken: HashSet<(DeviceId, String)> = taken.into_iter().collect();
    let mut rows = Vec::with_capacity(candidates.len());
    let mut known: HashMap<DeviceId, HashSet<String>> = HashMap::new();
    for (device, student, candidate) in candidates {
        let pin = if numbering.may_give(device, candidate) && !taken.contains(&(device, candidate.to_string())) {
            candidate
        } else {
            let known = match known.entry(device) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let pins: Vec<(String,)> = tx.all(KNOWN, [device.into()]).await?;
                    place.insert(pins.into_iter().map(|(pin,)| pin).collect())
                }
            };
            match numbering.own_next(device, known) {
                Some(pin) => pin,
                // He is wanted there without one, and fails with words (see [`super::plan`]).
                None => continue,
            }
        };
        numbering.give(device, pin);
        rows.push(vec![device.into(), student.into(), pin.to_string().into(), now.into()]);
    }
    tx.execute_rows(MAP, &[], rows).await?;
    tx.execute_rows(ADVANCE, &[], numbering.rows()).await?;
    Ok(())
}

/// The numbers that devices and their schools would give next.
struct Numbering {
    devices: BTreeMap<DeviceId, Numbers>,
}

struct Numbers {
    floor: i64,
    next: i64,
    school_next: i64,
    highest: i64,
    given: HashSet<i64>,
}

impl Numbering {
    async fn of(tx: &mut Tx, unmapped: &[Unmapped]) -> Result<Numbering> {
        let devices: std::collections::BTreeSet<DeviceId> = unmapped.iter().map(|row| row.device_id).collect();
        let rows = devices.into_iter().map(|device| vec![device.into()]).collect();
        let numbers: Vec<(DeviceId, i64, i64, Option<i64>, i64)> = tx.all_rows(NEXT_PINS, &[], rows).await?;
        let devices = numbers
            .into_iter()
            .map(|(device, floor, next, width, school_next)| {
                let highest = highest_pin(width);
                (device, Numbers { floor, next, school_next, highest, given: HashSet::new() })
            })
            .collect();
        Ok(Numbering { devices })
    }

    /// For each student first the PIN that he has elsewhere, else the school's next, the same one on all his devices.
    fn candidates(&self, unmapped: &[Unmapped]) -> Vec<(DeviceId, StudentId, i64)> {
        let mut school_next =
            self.devices.values().map(|numbers| numbers.school_next.max(numbers.floor)).max().unwrap_or(1);
        let mut chosen: HashMap<StudentId, i64> = HashMap::new();
        unmapped
            .iter()
            .map(|row| {
                let pin = *chosen.entry(row.student_id).or_insert_with(|| {
                    row.elder_pin.as_deref().and_then(|pin| pin.parse().ok()).unwrap_or_else(|| {
                        school_next += 1;
                        school_next - 1
                    })
                });
                (row.device_id, row.student_id, pin)
            })
            .collect()
    }

    /// Below the floor other people may live whom nobody has seen yet.
    fn may_give(&self, device: DeviceId, pin: i64) -> bool {
        self.devices
            .get(&device)
            .is_some_and(|numbers| (numbers.floor..=numbers.highest).contains(&pin) && !numbers.given.contains(&pin))
    }

    /// `None` when none is left. Then nobody else is looked for either: that takes long.
    fn own_next(&mut self, device: DeviceId, known: &HashSet<String>) -> Option<i64> {
        let numbers = self.devices.get_mut(&device)?;
        let next = numbers.next.max(numbers.floor).min(numbers.highest + 1);
        let free = (next..=numbers.highest)
            .chain(numbers.floor..next)
            .find(|pin| !numbers.given.contains(pin) && !known.contains(&pin.to_string()));
        if free.is_none() {
            numbers.highest = numbers.floor - 1;
        }
        free
    }

    fn give(&mut self, device: DeviceId, pin: i64) {
        if let Some(numbers) = self.devices.get_mut(&device) {
            numbers.given.insert(pin);
            numbers.next = numbers.next.max(pin + 1);
        }
    }

    fn rows(&self) -> Vec<Vec<Value>> {
        self.devices.iter().map(|(device, numbers)| vec![(*device).into(), numbers.next.into()]).collect()
    }
}
