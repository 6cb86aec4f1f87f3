//! What one transaction of the recorder writes: punches with their owners, days, unread lines, stamps. A handful of
//! statements, however many uploads they serve.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use jiff::{SignedDuration, Timestamp};
use push_protocol::{record::Punch, text::Pin};

use super::{
    days::{self, Arrival},
    owners, quarantine,
    recorder::{NotStored, Recorded, Upload},
    unread,
    wall_clock::{self, WallClock},
};
use crate::{
    devices::{DeviceId, stamps},
    school::StudentId,
    store::{Result, Tx, Value},
    sync::pins,
    webhooks::outbox,
};

/// A punch that is dated later than this after its arrival comes from a clock that is wrong.
pub(super) const FUTURE: SignedDuration = SignedDuration::from_hours(24);

/// Stores uploads. The answers come in the order of the uploads; those with an error left nothing behind. `tells`: somebody
/// may want to be told of punches.
pub(super) async fn store(
    tx: &mut Tx,
    uploads: &[&Upload],
    tells: bool,
    now: Timestamp,
) -> Result<Vec<Result<Recorded, NotStored>>> {
    let refused = quarantine::refused(tx, uploads).await?;
    let mut outcomes: Vec<Result<Recorded, NotStored>> = vec![Ok(Recorded::default()); uploads.len()];
    for index in &refused {
        outcomes[*index] = Err(NotStored::QuarantineFull);
    }
    let accepted = || uploads.iter().enumerate().filter(|(index, _)| !refused.contains(index));

    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for (index, upload) in accepted() {
        for punch in &upload.punches {
            if is_storable(punch) {
                rows.push(Row::of(index, upload, punch, now));
            } else {
                lines.push((upload.serial.as_str(), "ATTLOG", Cow::Owned(line_of(punch))));
            }
        }
        for (table, line) in &upload.unread {
            lines.push((upload.serial.as_str(), table, Cow::Borrowed(&line[..])));
        }
    }
    // The order in which rows are written is the order in which they are locked: the same in every transaction.
    rows.sort_by(|a, b| a.key().cmp(&b.key()));
    for row in &rows {
        count(&mut outcomes, row.upload, |recorded| recorded.repeated += 1);
    }
    rows.dedup_by(|a, b| a.key() == b.key());

    find_owners(tx, &mut rows).await?;
    let new = insert(tx, &rows, now).await?;
    if tells {
        let of_school = |row: &Row<'_>| Some((row.from.device?.1, *new.get(&row.key())?));
        outbox::punches(tx, rows.iter().filter_map(of_school), now).await?;
    }
    let new: Vec<&Row<'_>> = rows.iter().filter(|row| new.contains_key(&row.key())).collect();
    for row in &new {
        count(&mut outcomes, row.upload, |recorded| {
            recorded.new += 1;
            recorded.repeated -= 1;
        });
    }
    remember_pins(tx, &new).await?;
    days::enter(tx, new.iter().filter_map(|row| row.arrival())).await?;
    unread::keep(tx, &lines, now).await?;
    keep_stamps(tx, accepted().map(|(_, upload)| *upload)).await?;
    Ok(outcomes)
}

fn count(outcomes: &mut [Result<Recorded, NotStored>], upload: usize, change: impl FnOnce(&mut Recorded)) {
    if let Some(Ok(recorded)) = outcomes.get_mut(upload) {
        change(recorded);
    }
}

/// A punch on its way into the table.
struct Row<'a> {
    /// Index of the upload that brought it.
    upload: usize,
    from: &'a Upload,
    punch: &'a Punch,
    punched_at: String,
    instant: Timestamp,
    is_from_future: bool,
    student: Option<StudentId>,
}

/// What makes a punch the same punch.
type Key<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, &'a str);

impl<'a> Row<'a> {
    fn of(index: usize, upload: &'a Upload, punch: &'a Punch, now: Timestamp) -> Row<'a> {
        let instant = wall_clock::instant(punch.time, punch.utc_offset_seconds, upload.zone.as_ref());
        Row {
            upload: index,
            from: upload,
            punch,
            punched_at: WallClock(punch.time).to_string(),
            instant,
            is_from_future: instant.duration_since(now) > FUTURE,
            student: None,
        }
    }

    fn key(&self) -> Key<'_> {
        let punch = self.punch;
        (
            self.from.serial.as_str(),
            punch.pin.as_str(),
            &self.punched_at,
            &punch.status,
            &punch.verify,
            &punch.work_code,
        )
    }

    fn device(&self) -> Option<DeviceId> {
        self.from.device.map(|(device, _)| device)
    }

    fn arrival(&self) -> Option<Arrival> {
        let (device, school) = self.from.device?;
        let student = self.student.filter(|_| !self.is_from_future)?;
        Some(Arrival { student, school, device, local: self.punch.time, instant: self.instant })
    }

    fn values(&self, now: Timestamp) -> Vec<Value> {
        let punch = self.punch;
        vec![
            self.from.serial.as_str().into(),
            self.device().into(),
            self.from.device.map(|(_, school)| school).into(),
            self.student.into(),
            punch.pin.as_str().into(),
            self.punched_at.as_str().into(),
            self.instant.into(),
            punch.status.as_str().into(),
            punch.verify.as_str().into(),
            punch.work_code.as_str().into(),
            rest_of(punch).into(),
            punch.utc_offset_seconds.map(i64::from).into(),
            self.is_from_future.into(),
            now.into(),
        ]
    }
}

/// The longest status, verify mode and work code that is taken as such. They stand in an index, whose entries PostgreSQL
/// limits.
const MAX_CODE: usize = 100;

/// Bytes kept of the columns after the work code.
const MAX_REST: usize = 4_000;

/// Whether both databases can hold the punch. One that they refuse would be sent again for ever.
fn is_storable(punch: &Punch) -> bool {
    [&punch.status, &punch.verify, &punch.work_code].iter().all(|code| code.len() <= MAX_CODE && !code.contains('\0'))
}

fn rest_of(punch: &Punch) -> String {
    let rest = &punch.rest[..punch.rest.floor_char_boundary(MAX_REST)];
    rest.replace('\0', "\u{2400}")
}

fn line_of(punch: &Punch) -> Vec<u8> {
    let time = punch.time.strftime("%Y-%m-%d %H:%M:%S").to_string();
    [punch.pin.as_str(), &time, &punch.status, &punch.verify, &punch.work_code, &punch.rest].join("\t").into_bytes()
}

async fn find_owners(tx: &mut Tx, rows: &mut [Row<'_>]) -> Result<()> {
    let mentioned: BTreeSet<(DeviceId, &str)> =
        rows.iter().filter_map(|row| Some((row.device()?, row.punch.pin.as_str()))).collect();
    let holders = owners::holders(tx, &mentioned).await?;
    for row in rows {
        let holder = row.device().and_then(|device| holders.get(&(device, row.punch.pin.as_str().to_owned())));
        row.student = holder.and_then(|holder| owners::owner(holder, row.instant));
    }
    Ok(())
}

const INSERT_PUNCHES: &str = "INSERT INTO punches (serial_number, device_id, school_id, student_id, pin, punched_at,
    punched_instant, status, verify, work_code, rest, utc_offset_seconds, is_from_future, received_at)
VALUES {rows}
ON CONFLICT (serial_number, pin, punched_at, status, verify, work_code) DO NOTHING
RETURNING serial_number, pin, punched_at, status, verify, work_code, id";

/// Answers the rows that were not there before, with the ids that they got.
async fn insert<'r>(tx: &mut Tx, rows: &'r [Row<'_>], now: Timestamp) -> Result<HashMap<Key<'r>, i64>> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let values = rows.iter().map(|row| row.values(now)).collect();
    let inserted: Vec<(String, String, String, String, String, String, i64)> =
        tx.all_rows(INSERT_PUNCHES, &[], values).await?;
    let inserted: HashMap<Key<'_>, i64> =
        inserted.iter().map(|(a, b, c, d, e, f, id)| -> (Key<'_>, i64) { ((a, b, c, d, e, f), *id) }).collect();
    Ok(rows.iter().map(Row::key).filter_map(|key| Some((key, *inserted.get(&key)?))).collect())
}

/// PINs that nobody held are never given to anybody on that terminal.
async fn remember_pins(tx: &mut Tx, new: &[&Row<'_>]) -> Result<()> {
    let mut strangers: BTreeMap<DeviceId, BTreeSet<Pin>> = BTreeMap::new();
    for row in new.iter().filter(|row| row.student.is_none()) {
        if let Some(device) = row.device() {
            strangers.entry(device).or_default().insert(row.punch.pin.clone());
        }
    }
    for (device, seen) in strangers {
        pins::saw(tx, device, &seen.into_iter().collect::<Vec<_>>()).await?;
    }
    Ok(())
}

async fn keep_stamps(tx: &mut Tx, uploads: impl Iterator<Item = &Upload>) -> Result<()> {
    let mut latest = BTreeMap::new();
    for upload in uploads {
        if let (Some((device, _)), Some((table, stamp))) = (upload.device, &upload.stamp) {
            latest.insert((device, table.as_str()), stamp.as_str());
        }
    }
    stamps::keep_all(tx, &latest).await
}
