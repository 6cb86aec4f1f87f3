//! What a reading knows so far.

use std::collections::BTreeMap;

use push_protocol::{command::Command, text::Pin};

use super::{Phase, Question, ask::Row, packets, search, sentinel};
use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Instant, Result, Tx},
    sync::{
        adopt::others::has_stranger,
        manner,
        plan::Wanted,
        verdict::{self, Asked, Evidence, Former, Listed, Person, Reading, Told, Verdict},
        words,
    },
};

/// What a reading knows when nothing of it is out.
#[derive(Debug)]
pub(super) struct Gathered {
    pub people: Vec<Person>,
    pub reading: Reading,
    /// Everybody was told by stamp reset.
    pub was_dumped: bool,
    pub told: i64,
    /// Nothing of the last list is known to be missing.
    pub is_whole: bool,
    pub refuses_list: bool,
    pub refuses_people: bool,
    pub somebody_spoke: bool,
    pub sentinels_left: i64,
    pub can_write: bool,
    /// PINs to be asked for one by one.
    pub unresolved: Vec<String>,
}

#[derive(Debug, sqlx::FromRow)]
struct PersonRow {
    student_id: StudentId,
    device_pin: String,
    is_wanted: bool,
    wanted_name: Option<String>,
    wanted_card: Option<String>,
    written_event: i64,
    is_confirmed: bool,
    is_settled: bool,
    is_waiting: bool,
    waits_for_room: bool,
    unverified_since: Option<Instant>,
    is_gone: bool,
    former_name: String,
    former_card: Option<String>,
}

macro_rules! people {
    ($which:literal) => {
        concat!(
            "SELECT l.student_id, l.device_pin, l.is_wanted, l.wanted_name, l.wanted_card, l.written_event,
               CASE WHEN l.verified_version <> l.wanted_version THEN l.wanted_at END AS unverified_since,
               l.confirmed_version = l.wanted_version AS is_confirmed,
               COALESCE(l.obstacle, '') = 'terminal_full' AS waits_for_room,
               ((l.confirmed_version = l.wanted_version OR l.failed_version = l.wanted_version)
                 AND NOT EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = l.device_id
                   AND c.student_id = l.student_id AND c.status IN ('pending', 'sent'))) AS is_settled,
               ((l.obstacle IS NOT NULL OR (l.is_wanted AND COALESCE(l.decision, '') IN ('held', 'kept'))) AND l.confirmed_version <> l.wanted_version AND l.failed_version <> l.wanted_version
                 AND NOT EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = l.device_id
                   AND c.student_id = l.student_id AND c.status IN ('pending', 'sent'))) AS is_waiting,
               (NOT l.is_held AND (l.written_event = 0 OR (NOT l.is_wanted AND l.verified_version = l.wanted_version)
                 OR ",
            has_stranger!("l.device_id", "l.device_pin"),
            ")) AS is_gone,
               COALESCE(s.full_name, l.wanted_name, '') AS former_name, s.rfid_card_id AS former_card
             FROM device_user_sync_status l LEFT JOIN students s ON s.id = l.student_id
             WHERE l.device_id = $1 AND l.device_pin <> '' AND ",
            $which
        )
    };
}
/// Those of whom a reading proved that they are gone need no further proof.
const PEOPLE: &str = people!(
    "(l.is_wanted OR l.verified_version <> l.wanted_version OR EXISTS (
       SELECT 1 FROM terminal_users u WHERE u.device_id = $1 AND u.pin = l.device_pin AND u.told_event > $2))"
);
const PEOPLE_ASKED_FOR: &str =
    people!("l.device_pin IN (SELECT s.pin FROM reading_steps s WHERE s.reading_id = $2 AND s.kind = 'person')");

#[derive(Debug, sqlx::FromRow)]
struct StepRow {
    kind: String,
    pin: Option<String>,
    state: String,
    asked_event: i64,
}

const STEPS: &str = "
    SELECT kind, pin, state, asked_event FROM reading_steps WHERE reading_id = $1 AND asked_event IS NOT NULL
    ORDER BY asked_event";

#[derive(Debug, sqlx::FromRow)]
struct ToldRow {
    pin: String,
    told_event: i64,
    name: Option<String>,
    card_number: Option<i64>,
    privilege: Option<i64>,
    is_disputed: bool,
}

const TOLD: &str = "
    SELECT pin, told_event, name, card_number, privilege, is_disputed FROM terminal_users
    WHERE device_id = $1 AND told_event > $2";
/// Whoever stands there is nobody of whom [`PEOPLE`] wants proof.
const OTHER_PINS: &str = "
    SELECT u.pin FROM terminal_users u WHERE u.device_id = $1 AND NOT EXISTS (
      SELECT 1 FROM device_user_sync_status l WHERE l.device_id = $1 AND l.device_pin = u.pin
        AND (l.is_wanted OR l.verified_version <> l.wanted_version)) ORDER BY u.pin";

/// Sentinels that are tried before one is written.
const SENTINELS: i64 = 3;
/// How often one person is asked for in a reading.
const TIMES: usize = 2;

pub(super) async fn gather(tx: &mut Tx, device: DeviceId, row: &Row) -> Result<Gathered> {
    let reads_table = row.is_access();
    let rows: Vec<PersonRow> = if row.scope == "some" {
        tx.all(PEOPLE_ASKED_FOR, [device.into(), row.id.into()]).await?
    } else {
        tx.all(PEOPLE, [device.into(), row.began_event.into()]).await?
    };
    let told: Vec<ToldRow> = tx.all(TOLD, [device.into(), row.began_event.into()]).await?;
    let told: BTreeMap<String, Told> = told.into_iter().map(ToldRow::told).collect();
    // Whom an access unit refused to let in may well stand in its table: that proves nothing of its door. And nobody misses
    // a person who was not sent because he does not fit.
    let may_settle = |row: &PersonRow| {
        (row.is_confirmed || !reads_table) && (!row.waits_for_room || told.contains_key(&row.device_pin))
    };
    let people: Vec<Person> = rows
        .into_iter()
        .map(|row| PersonRow { is_settled: row.is_settled && may_settle(&row), ..row })
        .map(PersonRow::person)
        .collect();
    let steps: Vec<StepRow> = tx.all(STEPS, [row.id.into()]).await?;

    let manner = manner::of(tx, device).await?;
    let mut reading = Reading { told, ..Reading::default() };
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let refused = words::refused(tx, device).await?;
    let lacks = |command: Command| refused.iter().any(|(word, _)| word == command.word(manner));
    let (mut in_vain, mut somebody_spoke, mut was_dumped) = (0, false, false);
    for step in &steps {
        let spoke = |pin: &String| reading.told.get(pin).is_some_and(|told| told.at > step.asked_event);
        match (Question::parse(&step.kind), &step.pin) {
            (kind @ (Question::List | Question::Dump), _) => {
                was_dumped = kind == Question::Dump;
                reading.list = Some(Listed { at: step.asked_event, is_complete: false });
            }
            (Question::Control, Some(pin)) => {
                let answered = spoke(pin);
                somebody_spoke |= answered;
                in_vain += i64::from(!answered);
                reading.controls.push((pin.clone(), step.asked_event));
            }
            (Question::Person, Some(pin)) => {
                somebody_spoke |= spoke(pin);
                *times.entry(pin.clone()).or_default() += 1;
                let is_answered = step.state == "answered";
                reading.own.insert(pin.clone(), Asked { at: step.asked_event, is_answered });
            }
            (Question::Count, _) if row.counted == Some(0) => reading.counted_nobody = Some(step.asked_event),
            _ => {}
        }
    }
    let since = match (Phase::parse(&row.phase), reading.list) {
        (Phase::List | Phase::Dump | Phase::Recount, Some(list)) => list.at,
        _ => row.began_event,
    };
    let told = reading.told.values().filter(|told| told.at > since).count() as i64;
    if told > 0 {
        reading.counted_nobody = None;
    }
    let is_askable = |pin: &str| times.get(pin).is_none_or(|times| *times < TIMES);
    let mut unresolved: Vec<String> = verdict::findings(&people, &reading, manner.charset)
        .into_iter()
        .zip(people.iter().map(Some).chain(std::iter::repeat(None)))
        .filter(|(finding, person)| {
            let is_open = |person: &&Person| {
                person.is_settled
                    || (person.is_waiting && reading.evidence(&person.pin, person.written) == Evidence::Nothing)
            };
            finding.verdict == Verdict::Unknown && person.as_ref().is_some_and(is_open)
        })
        .map(|(finding, _)| finding.pin)
        .filter(|pin| is_askable(pin))
        .collect();
    if row.scope != "some" && row.sweeps == 0 {
        let others: Vec<(String,)> = tx.all(OTHER_PINS, [device.into()]).await?;
        let others = others.into_iter().map(|(pin,)| pin).filter(|pin| is_askable(pin) && !unresolved.contains(pin));
        let others: Vec<String> = others.collect();
        unresolved.extend(others);
        if row.is_search() {
            unresolved = search::pins_to_try(tx, device, row).await?;
        }
    }
    let (candidates, writable) = sentinel::candidates(tx, device, row.id).await?;
    let most = SENTINELS + i64::from(row.has_written) - in_vain;
    Ok(Gathered {
        people,
        reading,
        was_dumped,
        told,
        is_whole: !reads_table || packets::are_all(tx, row.id).await?,
        refuses_list: lacks(Command::QueryUsers),
        refuses_people: lacks(Command::QueryUser { pin: Pin::from(1) }),
        somebody_spoke,
        sentinels_left: candidates.min(most).max(0),
        can_write: writable > 0 && !row.is_search(),
        unresolved,
    })
}

impl PersonRow {
    fn person(self) -> Person {
        let former = Former { name: self.former_name, card: self.former_card };
        Person {
            is_gone: Some(former).filter(|_| self.is_gone),
            student: self.student_id,
            pin: self.device_pin,
            wanted: Wanted::of(self.is_wanted, self.wanted_name, self.wanted_card),
            written: self.written_event,
            is_settled: self.is_settled,
            is_waiting: self.is_waiting,
            unverified_since: self.unverified_since.map(|since| since.0),
        }
    }
}

impl ToldRow {
    fn told(self) -> (String, Told) {
        let told = Told {
            at: self.told_event,
            name: self.name.unwrap_or_default(),
            card: self.card_number,
            privilege: self.privilege,
            is_disputed: self.is_disputed,
        };
        (self.pin, told)
    }
}

const TOLD_SINCE: &str = "SELECT COUNT(*) FROM terminal_users WHERE device_id = $1 AND told_event > $2";

pub(super) async fn told_since(tx: &mut Tx, device: DeviceId, event: i64) -> Result<i64> {
    let (count,): (i64,) = tx.one(TOLD_SINCE, [device.into(), event.into()]).await?;
    Ok(count)
}

const SILENT: &str = "
    SELECT COUNT(*) FROM reading_steps s LEFT JOIN terminal_users u ON u.device_id = s.device_id AND u.pin = s.pin
    WHERE s.reading_id = $1 AND s.pin IS NOT NULL AND s.state = 'answered' AND COALESCE(u.told_event, 0) <= s.asked_event";

/// Whether everybody who was asked for has answered, so that nothing is to be waited for.
pub(super) async fn everybody_spoke(tx: &mut Tx, reading: i64) -> Result<bool> {
    let (silent,): (i64,) = tx.one(SILENT, [reading.into()]).await?;
    Ok(silent == 0)
}
