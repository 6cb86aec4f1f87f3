//! Who is on a terminal whom Rollcall did not write, and who of the school that may be.

use std::collections::BTreeSet;

use push_protocol::text::Charset;

use super::{
    matching::{self, Match, Person, Student},
    others::is_other,
};
use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Instant, Result, Tx},
    sync::{found, manner},
};

/// Somebody on the terminal, who he may be, and what was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    pub person: Person,
    pub matched: Match,
    pub decision: Option<Decision>,
    /// His removal has left for the terminal, and there is no answer yet.
    pub is_leaving: bool,
}

/// What was decided about somebody who stays nobody of the roster: `device_drift.decision`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AdoptionDecision)]
pub enum Decision {
    /// He stays on the terminal, as a stranger.
    Kept,
    /// He is being removed.
    Removed,
    /// His removal waits for an approval: too many would go at once.
    Held,
}

impl Decision {
    pub fn is_kept(self) -> bool {
        self == Decision::Kept
    }

    fn parse(word: &str) -> Option<Decision> {
        match word {
            "kept" => Some(Decision::Kept),
            "approved" => Some(Decision::Removed),
            "held" => Some(Decision::Held),
            _ => None,
        }
    }
}

#[derive(Debug, sqlx::FromRow)]
struct PersonRow {
    pin: String,
    name: String,
    card: i64,
    privilege: Option<i64>,
    owner: Option<StudentId>,
    decision: Option<String>,
    is_leaving: bool,
}

/// In the order of their PINs as numbers.
const PEOPLE: &str = concat!(
    "SELECT u.pin, COALESCE(u.name, '') AS name, COALESCE(u.card_number, 0) AS card, u.privilege, m.student_id AS owner,
      (SELECT MAX(f.decision) FROM device_drift f WHERE f.device_id = u.device_id AND f.device_pin = u.pin
        AND f.kind = 'stranger' AND f.ended_at IS NULL) AS decision,
      EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = u.device_id AND c.device_pin = u.pin
        AND c.step = 'stranger' AND c.status = 'sent') AS is_leaving
    FROM terminal_users u
    LEFT JOIN device_user_mappings m ON m.device_id = u.device_id AND m.device_pin = u.pin
    LEFT JOIN device_user_sync_status l ON l.device_id = u.device_id AND l.device_pin = u.pin
    WHERE u.device_id = $1 AND u.seen_event > 0 AND ",
    is_other!(),
    " ORDER BY LENGTH(u.pin), u.pin"
);
const STUDENTS: &str = "
    SELECT s.id, s.full_name AS name, s.rfid_card_id AS card,
      EXISTS (SELECT 1 FROM belonging b WHERE b.device_id = d.id AND b.student_id = s.id) AS belongs,
      CASE WHEN l.is_held OR EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = d.id AND c.student_id = s.id
        AND c.status = 'sent') THEN l.device_pin END AS held_as
    FROM devices d JOIN students s ON s.school_id = d.school_id AND s.deleted_at IS NULL
    LEFT JOIN device_user_sync_status l ON l.device_id = d.id AND l.student_id = s.id
    WHERE d.id = $1 ORDER BY s.id";

/// The students of a terminal's school.
pub async fn students(tx: &mut Tx, device: DeviceId) -> Result<Vec<Student>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        id: StudentId,
        name: String,
        card: Option<String>,
        belongs: bool,
        held_as: Option<String>,
    }
    let rows: Vec<Row> = tx.all(STUDENTS, [device.into()]).await?;
    let student = |Row { id, name, card, belongs, held_as }| Student { id, name, card, belongs, held_as };
    Ok(rows.into_iter().map(student).collect())
}

/// Everybody on the terminal whom Rollcall did not write, by PIN.
pub async fn find(tx: &mut Tx, device: DeviceId, students: &[Student]) -> Result<Vec<Found>> {
    let rows: Vec<PersonRow> = tx.all(PEOPLE, [device.into()]).await?;
    let (people, states): (Vec<Person>, Vec<(Option<Decision>, bool)>) = rows
        .into_iter()
        .map(|PersonRow { pin, name, card, privilege, owner, decision, is_leaving }| {
            (Person { pin, name, card, privilege, owner }, (decision.as_deref().and_then(Decision::parse), is_leaving))
        })
        .unzip();
    let matches = matching::matches(&people, students, charset(tx, device).await?);
    let found = people.into_iter().zip(matches).zip(states);
    let found =
        found.map(|((person, matched), (decision, is_leaving))| Found { person, matched, decision, is_leaving });
    Ok(found.collect())
}

pub(super) async fn charset(tx: &mut Tx, device: DeviceId) -> Result<Charset> {
    Ok(manner::of(tx, device).await?.charset)
}

/// How far it is known who is on a terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    pub is_reading: bool,
    /// As many were told as the terminal counted.
    pub is_complete: bool,
    pub counted: Option<i64>,
    pub told: i64,
    pub read_at: Option<Instant>,
}

const IS_READING: &str = "
    SELECT EXISTS (SELECT 1 FROM readings r WHERE r.device_id = d.id AND r.state = 'running') OR d.verify_at IS NOT NULL,
      d.user_count,
      (SELECT COUNT(*) FROM terminal_users u WHERE u.device_id = d.id AND u.seen_event > 0)
    FROM devices d WHERE d.id = $1";

pub async fn known(tx: &mut Tx, device: DeviceId) -> Result<Known> {
    let (is_reading, counted, told): (bool, Option<i64>, i64) = tx.one(IS_READING, [device.into()]).await?;
    let last = found::last_reading(tx, device).await?;
    Ok(Known { is_reading, is_complete: last.complete, counted: last.counted.or(counted), told, read_at: last.read_at })
}

const LINKS: &str = "SELECT takeover = 'link_cards' FROM devices WHERE id = $1 AND takeover IS NOT NULL";

/// PINs of people who may be students, where an admin wants students to be linked and has not decided about these.
pub(in crate::sync) async fn may_be_students(tx: &mut Tx, device: DeviceId) -> Result<BTreeSet<String>> {
    if tx.optional::<(bool,), 1>(LINKS, [device.into()]).await? != Some((true,)) {
        return Ok(BTreeSet::new());
    }
    let students = students(tx, device).await?;
    let found = find(tx, device, &students).await?;
    Ok(found.into_iter().filter(|found| found.matched != Match::Stranger).map(|found| found.person.pin).collect())
}
