//! What a reading proves in the end, and what follows.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Cause, Class, Phase, ask::Row, gather::Gathered, script::Ending};
use crate::{
    devices::DeviceId,
    store::{Result, Tx},
    sync::{
        manner,
        reconcile::{self, Scope},
        refill::{self, Refill},
        repair,
        start::{self, Told},
        verdict::{self, Evidence, Finding, Verdict},
    },
};

const CLASS: &str = "
    UPDATE devices SET readback_class = $2, updated_at = $3, readback_slow = $4,
      readback_firmware = (SELECT y.learnt_firmware FROM device_delivery y WHERE y.device_id = $1)
    WHERE id = $1";
const NOT_THERE: &str = "
    WITH v(pin) AS (VALUES {rows})
    DELETE FROM terminal_users WHERE device_id = $1 AND pin IN (SELECT pin FROM v)";
const NOT_LISTED: &str = "DELETE FROM terminal_users WHERE device_id = $1 AND seen_event <= $2";
/// Of somebody who waits until another one's card is free, too, the terminal may hold what nobody wrote: an acknowledged change
/// that was not stored would let the two wait for each other for ever. Of somebody who is gone there is no former card any more
/// that a decision could be about.
const HOLDS: &str = "
    WITH v(student_id, is_held, card_number) AS (VALUES {rows})
    UPDATE device_user_sync_status SET is_held = v.is_held, held_card_number = v.card_number,
      card_change_wanted_at = CASE WHEN v.is_held THEN card_change_wanted_at END,
      decision = CASE WHEN v.is_held THEN decision END, decided_at = CASE WHEN v.is_held THEN decided_at END,
      error_message = CASE WHEN v.is_held OR decision IS NULL THEN error_message END
    FROM v WHERE device_user_sync_status.device_id = (SELECT $1) AND device_user_sync_status.student_id = v.student_id";
const FINISHED: &str = "
    UPDATE readings SET state = $2, finished_at = $3, is_complete = $4, told = $5, verified = $6, missing = $7,
      different = $8, extra = $9, unknown = $10, repaired = $11, retried = $12, words = $13, wake_at = NULL
    WHERE id = $1";
const FORGET_STEPS: &str = "DELETE FROM reading_steps WHERE reading_id = $1";
const FORGET_PACKETS: &str = "DELETE FROM reading_packets WHERE reading_id = $1";
const FORGET_QUESTIONS: &str = "
    DELETE FROM device_commands WHERE device_id = $1 AND step = 'reading' AND status NOT IN ('pending', 'sent')";
const FORGET_READINGS: &str = "
    DELETE FROM readings WHERE device_id = $1 AND id NOT IN (
      SELECT id FROM readings WHERE device_id = $1 ORDER BY id DESC LIMIT 50)";

/// Ends a reading: what it proves is written down, and what differs is repaired.
pub(super) async fn finish(
    tx: &mut Tx,
    device: DeviceId,
    row: &Row,
    gathered: Gathered,
    ending: Ending,
    now: Timestamp,
) -> Result<()> {
    let Gathered { people, mut reading, told, was_dumped, .. } = gathered;
    if let Some(list) = reading.list.as_mut() {
        list.is_complete = ending.is_complete && matches!(Phase::parse(&row.phase), Phase::Recount);
    }
    let manner = manner::of(tx, device).await?;
    let findings = verdict::findings(&people, &reading, manner.charset);
    // A terminal that lists slowly stays what it is when it is asked for single people by day.
    let is_as_slow = row.readback_slow && ending.class == Some(Class::PerPin);
    if let Some(class) = ending.class.filter(|_| !is_as_slow) {
        let is_slow = class == Class::List && was_dumped;
        tx.execute(CLASS, [device.into(), class.as_str().into(), now.into(), is_slow.into()]).await?;
    }
    let is_absent = |finding: &&Finding| matches!(finding.verdict, Verdict::Missing | Verdict::Gone);
    let gone = findings.iter().filter(is_absent).map(|finding| finding.pin.as_str());
    let gone: BTreeSet<&str> = gone.chain(reading.absent()).collect();
    let gone = gone.into_iter().map(|pin| vec![pin.into()]).collect();
    tx.execute_rows(NOT_THERE, &[device.into()], gone).await?;
    if let Some(list) = reading.list.filter(|list| list.is_complete) {
        tx.execute(NOT_LISTED, [device.into(), list.at.into()]).await?;
    } else if let Some(at) = reading.counted_nobody {
        tx.execute(NOT_LISTED, [device.into(), at.into()]).await?;
    }
    let waiting = people.iter().filter(|person| person.is_waiting).filter_map(|person| {
        let (is_held, card) = match reading.evidence(&person.pin, person.written) {
            Evidence::Seen(told) if person.is_not(told, manner.charset) => return None,
            Evidence::Seen(told) => (true, told.card.filter(|card| *card > 0)),
            Evidence::Absent => (false, None),
            Evidence::Nothing => return None,
        };
        Some(vec![person.student.into(), is_held.into(), card.into()])
    });
    tx.execute_rows(HOLDS, &[device.into()], waiting.collect()).await?;
    let refill = match reading.counted_nobody {
        Some(_) => Some(Refill::of(tx, device, Cause::parse(&row.cause)).await?),
        None => None,
    };
    let kind = repair::Kind { refill, is_whole: row.scope == "all", is_asked: row.cause == "asked" };
    let repaired = repair::repair(tx, device, &findings, kind, now).await?;
    reconcile::reconcile(tx, Scope::Device(device), now).await?;

    let count = |wanted: fn(&Verdict) -> bool| findings.iter().filter(|f| wanted(&f.verdict)).count() as i64;
    let state = if ending.is_conclusive { "done" } else { "inconclusive" };
    let class = ending.class.or_else(|| row.readback_class.as_deref().and_then(Class::parse));
    let extra = count(|verdict| matches!(verdict, Verdict::StillThere { .. } | Verdict::Stranger { .. }));
    let values = [
        row.id.into(),
        state.into(),
        now.into(),
        ending.is_complete.into(),
        told.into(),
        count(|verdict| *verdict == Verdict::Verified).into(),
        count(|verdict| *verdict == Verdict::Missing).into(),
        count(|verdict| matches!(verdict, Verdict::Different(_))).into(),
        extra.into(),
        count(|verdict| *verdict == Verdict::Unknown).into(),
        repaired.written.into(),
        repaired.retried.into(),
        words(ending, class, row.counted, told).into(),
    ];
    tx.execute(FINISHED, values).await?;
    if repaired.written == 0 && refill.is_some_and(|refill| refill != Refill::AtOnce) {
        refill::say(tx, device).await?;
    }
    tx.execute(FORGET_STEPS, [row.id.into()]).await?;
    tx.execute(FORGET_PACKETS, [row.id.into()]).await?;
    tx.execute(FORGET_QUESTIONS, [device.into()]).await?;
    tx.execute(FORGET_READINGS, [device.into()]).await?;
    tracing::info!(
        device_id = %device,
        cause = row.cause,
        state,
        class = class.map(Class::as_str),
        counted = row.counted,
        told,
        repaired = repaired.written,
        "read a terminal back"
    );
    // What waited for this reading goes on.
    let told = if reading.counted_nobody.is_some() { Told::Count(0) } else { Told::Nothing };
    start::proceed(tx, device, told, now).await?;
    Ok(())
}

/// Why a reading proves less than everything.
fn words(ending: Ending, class: Option<Class>, counted: Option<i64>, told: i64) -> Option<String> {
    let unknown = counted.map_or(0, |counted| counted - told);
    match (ending.is_conclusive, class) {
        (true, _) if ending.is_complete => None,
        (true, _) if counted.is_some() && unknown > 0 => {
            Some(format!("the terminal counts {unknown} more people than it reported: nobody can say who they are"))
        }
        (true, _) => None,
        (false, Some(Class::None)) => {
            Some("this terminal cannot be verified: it does not report whom it holds".to_owned())
        }
        (false, Some(Class::Count)) => {
            Some("this terminal cannot be verified: it reports only how many people it holds".to_owned())
        }
        (false, _) => {
            Some("nobody answered who should be there: it is tried again with the next verification".to_owned())
        }
    }
}
