//! What a message says: the events of the outbox, with names as they are now. docs/webhooks.md describes it for those who
//! receive it.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{Kind, messages::Due, reason::reason};
use crate::{
    devices::DeviceId,
    school::SchoolId,
    store::{Instant, Record, Result, Tx},
};

/// Rows of the outbox that a message is made of.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    id: i64,
    school_id: Option<SchoolId>,
    school_name: Option<String>,
    device_id: Option<DeviceId>,
    serial_number: Option<String>,
    device_name: Option<String>,
    subjects: Option<String>,
    details: Option<String>,
    at: Instant,
}

const ROWS: &str = "
    SELECT w.id, w.school_id, k.name AS school_name, w.device_id, d.serial_number, d.device_name, w.subjects, w.details, w.at
    FROM webhook_events w LEFT JOIN schools k ON k.id = w.school_id LEFT JOIN devices d ON d.id = w.device_id
    WHERE w.message = $1 ORDER BY w.id";

/// The body of a message; `None` when nothing of it is there any more.
pub(super) async fn render(tx: &mut Tx, due: &Due) -> Result<Option<String>> {
    let Some(kind) = due.kind.0 else { return Ok(None) };
    let rows: Vec<Row> = tx.all(ROWS, [due.id.into()]).await?;
    let events = match kind {
        Kind::PunchStored => punches(tx, due, &rows).await?,
        Kind::StudentVerified | Kind::StudentFailed => students(tx, due, kind, &rows).await?,
        _ => rows.iter().map(|row| row.event(due, &row.id.to_string(), json!({}))).collect(),
    };
    if events.is_empty() {
        return Ok(None);
    }
    let created_at = due.created_at.0;
    Ok(Some(json!({"type": kind.as_str(), "timestamp": utc(created_at), "data": {"events": events}}).to_string()))
}

/// Exact to the second, as webhooks of others.
fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Row {
    fn subjects(&self) -> Vec<i64> {
        self.subjects.as_deref().and_then(|ids| serde_json::from_str(ids).ok()).unwrap_or_default()
    }

    /// A terminal that was moved still has people of its former school, whom the new one need not know.
    fn may_name(&self, student: &Student) -> bool {
        self.school_id == Some(student.school_id)
    }

    /// What every event has, its details, and what is its own. Its id holds that of its message, which is drawn by lot: numbers
    /// of rows come again after a restore.
    fn event(&self, due: &Due, id: &str, own: Json) -> Json {
        let details = self.details.as_deref().and_then(|details| serde_json::from_str(details).ok());
        let mut event =
            json!({"id": format!("evt_{}_{id}", due.message_id.trim_start_matches("msg_")), "at": utc(self.at.0)});
        if let Some(school) = self.school_id {
            event["school"] = json!({"id": school, "name": self.school_name});
        }
        if let Some(device) = self.device_id {
            event["terminal"] = terminal(device, self.serial_number.as_deref(), self.device_name.as_deref());
        }
        for more in [details.unwrap_or(json!({})), own] {
            if let (Json::Object(event), Json::Object(more)) = (&mut event, more) {
                event.extend(more);
            }
        }
        event
    }
}

fn terminal(id: DeviceId, serial_number: Option<&str>, name: Option<&str>) -> Json {
    json!({"id": id, "serial_number": serial_number, "name": name})
}

/// One event for each punch that is still there.
async fn punches(tx: &mut Tx, due: &Due, rows: &[Row]) -> Result<Vec<Json>> {
    let found: HashMap<i64, Punch> = by_id(tx, PUNCHES, rows, |punch: &Punch| punch.id).await?;
    let owners = found.values().filter_map(|punch| punch.student_id);
    let owners: HashMap<i64, Student> = students_by_id(tx, owners.collect()).await?;
    let mut events = Vec::new();
    for row in rows {
        for punch in row.subjects().iter().filter_map(|id| found.get(id)) {
            let student = punch.student_id.and_then(|student| owners.get(&student)).filter(|one| row.may_name(one));
            let device =
                punch.device_id.map(|id| terminal(id, punch.serial_number.as_deref(), punch.device_name.as_deref()));
            let own = json!({
                "terminal": device,
                "student": student,
                "punch": {
                    "id": punch.id, "pin": punch.pin, "punched_at_local": punch.punched_at,
                    "punched_at": utc(punch.punched_instant.0), "status": punch.status, "verify": punch.verify,
                    "work_code": punch.work_code, "is_from_future": punch.is_from_future,
                    "received_at": utc(punch.received_at.0),
                },
            });
            events.push(row.event(due, &format!("{}_{}", row.id, punch.id), own));
        }
    }
    Ok(events)
}

#[derive(Debug, sqlx::FromRow)]
struct Punch {
    id: i64,
    device_id: Option<DeviceId>,
    serial_number: Option<String>,
    device_name: Option<String>,
    student_id: Option<i64>,
    pin: String,
    punched_at: String,
    punched_instant: Instant,
    status: String,
    verify: String,
    work_code: String,
    is_from_future: bool,
    received_at: Instant,
}

const PUNCHES: &str = "
    WITH v(id) AS (VALUES {rows})
    SELECT p.id, p.device_id, p.serial_number, d.device_name, p.student_id, p.pin, p.punched_at, p.punched_instant,
      p.status, p.verify, p.work_code, p.is_from_future, p.received_at
    FROM v JOIN punches p ON p.id = v.id LEFT JOIN devices d ON d.id = p.device_id";

/// A student as a receiver finds him again. No card: whoever knows it could be him.
#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
struct Student {
    id: i64,
    #[serde(skip)]
    school_id: SchoolId,
    full_name: String,
    class_name: Option<String>,
    section_name: Option<String>,
    roll_number: Option<String>,
}

const STUDENTS: &str = "
    WITH v(id) AS (VALUES {rows})
    SELECT s.id, s.school_id, s.full_name, c.class_name, e.section_name, s.roll_number
    FROM v JOIN students s ON s.id = v.id
    LEFT JOIN classes c ON c.id = s.class_id LEFT JOIN sections e ON e.id = s.section_id";
const REASONS: &str = "
    WITH v(device_id, student_id) AS (VALUES {rows})
    SELECT l.device_id, l.student_id, l.obstacle, l.error_message FROM v JOIN device_user_sync_status l
      ON l.device_id = v.device_id AND l.student_id = v.student_id AND l.failed_version = l.wanted_version";

/// One event for each student. Who was deleted by SQL, or is of another school, has his number left.
async fn students(tx: &mut Tx, due: &Due, kind: Kind, rows: &[Row]) -> Result<Vec<Json>> {
    let found = students_by_id(tx, rows.iter().flat_map(Row::subjects).collect()).await?;
    let mut reasons: HashMap<(DeviceId, i64), String> = HashMap::new();
    if kind == Kind::StudentFailed {
        let of_row = |row: &Row| {
            let device = row.device_id;
            row.subjects().into_iter().filter_map(move |student| Some(vec![device?.into(), student.into()]))
        };
        let asked = rows.iter().flat_map(of_row).collect();
        let told: Vec<(DeviceId, i64, Option<String>, Option<String>)> = tx.all_rows(REASONS, &[], asked).await?;
        reasons.extend(told.into_iter().map(|(device, student, obstacle, words)| {
            ((device, student), reason(obstacle.as_deref(), words.as_deref().unwrap_or_default()))
        }));
    }
    let mut events = Vec::new();
    for row in rows {
        for id in row.subjects() {
            let student = found.get(&id).filter(|student| row.may_name(student));
            let student = student.map_or(json!({"id": id}), |student| json!(student));
            let mut own = json!({"student": student});
            if kind == Kind::StudentFailed {
                own["reason"] = json!(row.device_id.and_then(|device| reasons.get(&(device, id))));
            }
            events.push(row.event(due, &format!("{}_{id}", row.id), own));
        }
    }
    Ok(events)
}

async fn students_by_id(tx: &mut Tx, mut ids: Vec<i64>) -> Result<HashMap<i64, Student>> {
    ids.sort_unstable();
    ids.dedup();
    let rows: Vec<Student> = tx.all_rows(STUDENTS, &[], ids.into_iter().map(|id| vec![id.into()]).collect()).await?;
    Ok(rows.into_iter().map(|student| (student.id, student)).collect())
}

async fn by_id<T: Record>(
    tx: &mut Tx,
    sql: &'static str,
    rows: &[Row],
    id: impl Fn(&T) -> i64,
) -> Result<HashMap<i64, T>> {
    let ids = rows.iter().flat_map(Row::subjects).map(|id| vec![id.into()]).collect();
    let found: Vec<T> = tx.all_rows(sql, &[], ids).await?;
    Ok(found.into_iter().map(|row| (id(&row), row)).collect())
}
