//! A person on a terminal is a student: the student gets the PIN that the person has.

use std::collections::HashMap;

use jiff::Timestamp;
use push_protocol::{dialect::Dialect, text::Card};

use super::{
    matching::{Match, Person, Student},
    people,
};
use crate::{
    devices::DeviceId,
    school::StudentId,
    store::{Result, Tx},
    sync::{
        event, manner,
        reading::{self, Cause},
        repair::{self, Shown},
        verdict::{self, Told},
    },
};

const HOLD: &str = "
    UPDATE devices SET start_state = 'holds_people', hold_event = $2, verify_at = $3, verify_cause = 'takeover',
      updated_at = $3
    WHERE id = $1";

/// Nothing is written to the terminal until an admin decides. It is read first.
pub(in crate::sync) async fn hold(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    let at = event::next(tx, device, 1).await?;
    tx.execute(HOLD, [device.into(), at.into(), now.into()]).await?;
    Ok(())
}

/// Links every person whose card is one student's, with nothing speaking against it. How many.
pub(in crate::sync) async fn link_cards(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<u64> {
    let students = people::students(tx, device).await?;
    let found = people::find(tx, device, &students).await?;
    let links: Vec<(StudentId, Person)> = found
        .into_iter()
        .filter(|found| found.decision.is_none() && !found.is_leaving)
        .filter_map(|found| match found.matched {
            Match::Card(student) => Some((student, found.person)),
            // His PIN is evidence, too.
            Match::Name(student) if found.person.owner == Some(student) => Some((student, found.person)),
            _ => None,
        })
        .collect();
    link(tx, device, &students, &links, now).await?;
    Ok(links.len() as u64)
}

/// The PIN that he had here, and was never written under, is given to nobody else.
const FREED: &str = "
    WITH v(student_id, pin) AS (VALUES {rows})
    INSERT INTO device_seen_pins (device_id, pin)
    SELECT m.device_id, m.device_pin FROM v
    JOIN device_user_mappings m ON m.device_id = $1 AND m.student_id = v.student_id AND m.device_pin <> v.pin
    WHERE TRUE ON CONFLICT (device_id, pin) DO NOTHING";
/// Reaches back to before there was a Rollcall: what was punched under this PIN is his (rule 2).
const MAP: &str = "
    WITH v(student_id, pin) AS (VALUES {rows})
    INSERT INTO device_user_mappings (device_id, student_id, device_pin, valid_from)
    SELECT CAST($1 AS BIGINT), v.student_id, v.pin, $2 FROM v WHERE TRUE
    ON CONFLICT (device_id, student_id) DO UPDATE SET device_pin = excluded.device_pin, valid_from = excluded.valid_from,
      valid_to = NULL";
const HOLD_THEM: &str = "
    WITH v(student_id, pin, our_card, their_card) AS (VALUES {rows})
    INSERT INTO device_user_sync_status (device_id, student_id, device_pin, school_id, is_wanted, wanted_name, wanted_card,
      wanted_card_number, is_held, held_card_number, wanted_at, created_at, updated_at)
    SELECT CAST($1 AS BIGINT), v.student_id, v.pin, b.school_id, TRUE, b.full_name, b.rfid_card_id, v.our_card, TRUE,
      v.their_card, $2, $2, $2
    FROM v JOIN belonging b ON b.device_id = $1 AND b.student_id = v.student_id WHERE TRUE
    ON CONFLICT (device_id, student_id) DO UPDATE SET device_pin = excluded.device_pin, is_wanted = TRUE,
      school_id = excluded.school_id, wanted_name = excluded.wanted_name, wanted_card = excluded.wanted_card,
      wanted_card_number = excluded.wanted_card_number, is_held = TRUE, held_card_number = excluded.held_card_number,
      wanted_version = device_user_sync_status.wanted_version + 1, wanted_at = excluded.wanted_at, removal_wanted_at = NULL, card_change_wanted_at = NULL,
      decision = NULL, decided_at = NULL, obstacle = NULL, error_message = NULL, sync_retries = 0, repairs = 0,
      priority = 10, updated_at = excluded.updated_at";
const NO_STRANGER: &str = "
    WITH v(pin) AS (VALUES {rows})
    UPDATE device_drift SET ended_at = $2 FROM v
    WHERE device_drift.device_id = (SELECT $1) AND device_drift.device_pin = v.pin AND device_drift.kind = 'stranger'
      AND device_drift.ended_at IS NULL";

/// Links these people. The caller holds the device's lock, has checked that each may be linked, and reconciles afterwards.
/// Whoever stands on the terminal as he is wanted is verified at once; others are written, under the PIN that they have.
pub(super) async fn link(
    tx: &mut Tx,
    device: DeviceId,
    students: &[Student],
    links: &[(StudentId, Person)],
    now: Timestamp,
) -> Result<()> {
    let pairs = || links.iter().map(|(student, person)| vec![(*student).into(), person.pin.clone().into()]);
    tx.execute_rows(FREED, &[device.into()], pairs().collect()).await?;
    tx.execute_rows(MAP, &[device.into(), Timestamp::UNIX_EPOCH.into()], pairs().collect()).await?;
    let by_id: HashMap<StudentId, &Student> = students.iter().map(|student| (student.id, student)).collect();
    let card_of = |student: &StudentId| by_id.get(student).and_then(|student| student.card.as_deref());
    let held = links.iter().map(|(student, person)| {
        let ours = card_of(student).and_then(|card| Card::parse(card).ok()?.number().try_into().ok());
        let theirs = Some(person.card).filter(|card| *card > 0);
        vec![(*student).into(), person.pin.clone().into(), Option::<i64>::into(ours), theirs.into()]
    });
    tx.execute_rows(HOLD_THEM, &[device.into(), now.into()], held.collect()).await?;
    let pins = links.iter().map(|(_, person)| vec![person.pin.clone().into()]);
    tx.execute_rows(NO_STRANGER, &[device.into(), now.into()], pins.collect()).await?;
    let manner = manner::of(tx, device).await?;
    // Whether the door opens to somebody cannot be read from an access unit.
    if manner.dialect != Dialect::Security {
        let as_wanted = links.iter().filter(|(student, person)| {
            let Some(student) = by_id.get(student) else { return false };
            let told = Told {
                at: 0,
                name: person.name.clone(),
                card: Some(person.card),
                privilege: person.privilege,
                is_disputed: false,
            };
            let card = student.card.as_deref().unwrap_or_default();
            verdict::differences(&student.name, card, &told, manner.charset).is_empty()
        });
        let as_wanted = as_wanted
            .map(|(student, person)| Shown { student: *student, pin: person.pin.clone(), unverified_since: None })
            .collect();
        repair::verified(tx, device, as_wanted, now).await?;
    }
    if !links.is_empty() {
        reading::want(tx, device, Cause::Repair, now).await?;
    }
    Ok(())
}
