//! Something became so: the outbox gets a row for every endpoint that wants to be told, in the transaction in which it
//! became so. One statement, however many events and endpoints; no row where nobody wants it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::Kind;
use crate::{
    devices::DeviceId,
    school::{SchoolId, StudentId},
    store::{Result, Tx, Value},
};

/// Events of one kind that became so together.
#[derive(Clone, PartialEq, Debug)]
pub struct News {
    pub kind: Kind,
    pub school: SchoolId,
    pub device: Option<DeviceId>,
    /// Ids of punches or students, one event each; empty where the event is about the terminal.
    pub subjects: Vec<i64>,
    /// Of all of them. Nothing that names a person.
    pub details: Json,
}

/// Subjects of one row, so that rows of several transactions fill a message.
const SUBJECTS: usize = 100;

const PUT: &str = "
    WITH v(kind, school_id, device_id, subjects, number, details, ready_at) AS (VALUES {rows})
    INSERT INTO webhook_events (endpoint_id, kind, school_id, device_id, subjects, number, details, at, ready_at)
    SELECT e.id, v.kind, v.school_id, v.device_id, v.subjects, v.number, v.details, $1, v.ready_at
    FROM v JOIN webhook_endpoints e ON e.is_active AND (e.school_id IS NULL OR e.school_id = v.school_id)
      AND e.events LIKE '%,' || v.kind || ',%'";

/// Tells whoever wants to be told, when the transaction commits.
pub async fn put(tx: &mut Tx, news: &[News], now: Timestamp) -> Result<()> {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for news in news {
        let mut row = |subjects: Option<&[i64]>| {
            rows.push(vec![
                news.kind.as_str().into(),
                news.school.into(),
                news.device.into(),
                subjects.map(|ids| json!(ids).to_string()).into(),
                subjects.map_or(1, |ids| ids.len() as i64).into(),
                (!news.details.is_null()).then(|| news.details.to_string()).into(),
                (now + news.kind.linger()).into(),
            ]);
        };
        if news.subjects.is_empty() {
            row(None);
        }
        news.subjects.chunks(SUBJECTS).for_each(|ids| row(Some(ids)));
    }
    tx.execute_rows(PUT, &[now.into()], rows).await?;
    Ok(())
}

/// Punches were stored, or came out of quarantine.
pub async fn punches(tx: &mut Tx, stored: impl Iterator<Item = (SchoolId, i64)>, now: Timestamp) -> Result<()> {
    let mut of_schools: BTreeMap<SchoolId, Vec<i64>> = BTreeMap::new();
    for (school, punch) in stored {
        of_schools.entry(school).or_default().push(punch);
    }
    let news = of_schools.into_iter().map(|(school, subjects)| News {
        kind: Kind::PunchStored,
        school,
        device: None,
        subjects,
        details: Json::Null,
    });
    put(tx, &news.collect::<Vec<_>>(), now).await
}

/// Who wants to be told of a terminal: for what takes more than one statement to find.
struct Listeners(Vec<(SchoolId, String)>);

const LISTENERS: &str = "
    SELECT d.school_id, e.events FROM devices d
    JOIN webhook_endpoints e ON e.is_active AND (e.school_id IS NULL OR e.school_id = d.school_id) WHERE d.id = $1";

impl Listeners {
    async fn of(tx: &mut Tx, device: DeviceId) -> Result<Listeners> {
        Ok(Listeners(tx.all(LISTENERS, [device.into()]).await?))
    }

    /// The terminal's school, if anybody wants to be told this of it.
    fn want(&self, kind: Kind) -> Option<SchoolId> {
        let wants = |events: &str| events.split(',').any(|name| name == kind.as_str());
        self.0.iter().find(|(_, events)| wants(events)).map(|(school, _)| *school)
    }
}

const WANTED_ANYWHERE: &str = "
    SELECT COUNT(*) FROM webhook_endpoints WHERE is_active AND events LIKE '%,' || $1 || ',%'";

/// Whether anybody wants to be told this at all.
pub async fn wanted_anywhere(tx: &mut Tx, kind: Kind) -> Result<bool> {
    let (endpoints,): (i64,) = tx.one(WANTED_ANYWHERE, [kind.as_str().into()]).await?;
    Ok(endpoints > 0)
}

const ABOUT_TERMINAL: &str = "SELECT school_id FROM devices WHERE id = $1";

/// Something became so of a terminal.
pub async fn terminal(tx: &mut Tx, kind: Kind, device: DeviceId, details: Json, now: Timestamp) -> Result<()> {
    let (school,): (SchoolId,) = tx.one(ABOUT_TERMINAL, [device.into()]).await?;
    put(tx, &[News { kind, school, device: Some(device), subjects: Vec::new(), details }], now).await
}

/// The same failure is told again after so long.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

const TELL_FAILURES: &str = "
    WITH v(student_id, digest) AS (VALUES {rows})
    INSERT INTO webhook_failures (device_id, student_id, digest, told_at)
    SELECT CAST($1 AS BIGINT), v.student_id, v.digest, $2 FROM v WHERE TRUE
    ON CONFLICT (device_id, student_id) DO UPDATE SET digest = excluded.digest, told_at = excluded.told_at
      WHERE webhook_failures.digest <> excluded.digest OR webhook_failures.told_at <= $3
    RETURNING student_id";

/// Students failed on a terminal, each with the words for a person. Whoever fails again with each try is told once a day.
pub async fn failed(tx: &mut Tx, device: DeviceId, failures: &[(StudentId, String)], now: Timestamp) -> Result<()> {
    if failures.is_empty() {
        return Ok(());
    }
    let Some(school) = Listeners::of(tx, device).await?.want(Kind::StudentFailed) else { return Ok(()) };
    // A student stands once in a statement that writes his row.
    let failures: BTreeMap<StudentId, &str> = failures.iter().map(|(student, words)| (*student, &**words)).collect();
    let rows = failures.iter().map(|(student, words)| vec![(*student).into(), digest(words).into()]).collect();
    let told: Vec<(i64,)> =
        tx.all_rows(TELL_FAILURES, &[device.into(), now.into(), (now - AGAIN).into()], rows).await?;
    let subjects: Vec<i64> = told.into_iter().map(|(student,)| student).collect();
    if subjects.is_empty() {
        return Ok(());
    }
    let details = Json::Null;
    put(tx, &[News { kind: Kind::StudentFailed, school, device: Some(device), subjects, details }], now).await
}

fn digest(words: &str) -> String {
    let digest = Sha256::digest(words.as_bytes());
    digest.iter().take(8).fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

const FORGET_FAILURES: &str = "DELETE FROM webhook_failures WHERE student_id = $1";

/// Nothing is remembered of this student.
pub async fn forget_student(tx: &mut Tx, student: StudentId) -> Result<()> {
    tx.execute(FORGET_FAILURES, [student.into()]).await?;
    Ok(())
}

const FIRST_SHOWN: &str = "
    WITH v(student_id) AS (VALUES {rows})
    SELECT l.student_id, l.is_wanted FROM v
    JOIN device_user_sync_status l ON l.device_id = (SELECT $1) AND l.student_id = v.student_id
    WHERE l.verified_version <> l.wanted_version";
const MENDED: &str = "
    WITH v(student_id) AS (VALUES {rows})
    DELETE FROM webhook_failures WHERE device_id = $1 AND student_id IN (SELECT v.student_id FROM v)";

/// A reading shows these students to be as wanted; to be called before that is written down. Who was known to be so before
/// is no news.
pub async fn verified(
    tx: &mut Tx,
    device: DeviceId,
    students: impl Iterator<Item = StudentId>,
    now: Timestamp,
) -> Result<()> {
    let rows: Vec<Vec<Value>> = students.map(|student| vec![student.into()]).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let listeners = Listeners::of(tx, device).await?;
    if listeners.want(Kind::StudentVerified).or(listeners.want(Kind::StudentFailed)).is_none() {
        return Ok(());
    }
    let first: Vec<(i64, bool)> = tx.all_rows(FIRST_SHOWN, &[device.into()], rows).await?;
    if first.is_empty() {
        return Ok(());
    }
    let mended = first.iter().map(|(student, _)| vec![(*student).into()]).collect();
    tx.execute_rows(MENDED, &[device.into()], mended).await?;
    let Some(school) = listeners.want(Kind::StudentVerified) else { return Ok(()) };
    let mut news = Vec::new();
    for held in [true, false] {
        let subjects: Vec<i64> =
            first.iter().filter(|(_, is_wanted)| *is_wanted == held).map(|(student, _)| *student).collect();
        if !subjects.is_empty() {
            let details = json!({"on_terminal": held});
            news.push(News { kind: Kind::StudentVerified, school, device: Some(device), subjects, details });
        }
    }
    put(tx, &news, now).await
}
