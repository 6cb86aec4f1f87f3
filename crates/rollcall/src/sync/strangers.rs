//! People whom a terminal holds and the roster does not know, or who came under the PIN of somebody who is gone: reported, or
//! removed where the device's policy or an admin says so. Administrators of the terminal stay in any case, and by policy
//! nobody goes who may be a student to be linked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use push_protocol::{
    command::Command,
    result::{Outcome, meaning},
    text::Pin,
};
use serde_json::json;

use super::{
    adopt, guard, manner, reading,
    verdict::{ADMINISTRATOR, Finding, Verdict},
    wire,
};
use crate::{
    devices::DeviceId,
    school::SchoolId,
    store::{Result, Tx, wake},
    webhooks::{Kind, outbox},
};

/// The stored `step` of a command that removes a stranger.
pub(super) const STRANGER: &str = "stranger";
/// A stranger who comes back after so many removals, or whom the terminal keeps although it was told so often, is only
/// reported.
const REMOVALS: i64 = 3;
/// What a finding says of him from then on, until somebody decides about him anew.
pub(super) const GIVEN_UP: &str = "the terminal brings this person back again and again";
/// What it says of somebody whose removal is under way, or was the last that is known of him.
const REMOVED: &str = "removed";

const POLICY: &str = "SELECT strangers = 'remove' AND start_state = 'writing' FROM devices WHERE id = $1";
const SCHOOL: &str = "SELECT school_id FROM devices WHERE id = $1";
/// Open findings of strangers, with how often each was removed before: earlier findings that ended so, and what the terminal
/// answered since this one.
const OPEN: &str = "
    WITH answered AS MATERIALIZED (
      SELECT device_pin, created_at FROM device_commands
      WHERE device_id = $1 AND step = 'stranger' AND return_code IS NOT NULL AND status IN ('completed', 'failed'))
    SELECT d.device_pin, d.decision, COALESCE(d.words, '') = $2 AS is_given_up,
      (SELECT COUNT(*) FROM device_drift o WHERE o.device_id = d.device_id AND o.device_pin = d.device_pin
        AND o.kind = 'stranger' AND o.words = 'removed' AND o.ended_at IS NOT NULL)
      + (SELECT COUNT(*) FROM answered a WHERE a.device_pin = d.device_pin AND a.created_at >= d.found_at) AS removals,
      EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = d.device_id AND c.device_pin = d.device_pin
        AND c.step = 'stranger' AND c.status IN ('pending', 'sent')) AS is_being_removed
    FROM device_drift d WHERE d.device_id = $1 AND d.kind = 'stranger' AND d.ended_at IS NULL";
const MARK: &str = "
    WITH v(pin, words, decision) AS (VALUES {rows})
    UPDATE device_drift SET words = v.words, decision = COALESCE(v.decision, device_drift.decision) FROM v
    WHERE device_drift.device_id = (SELECT $1) AND device_drift.device_pin = v.pin AND device_drift.kind = 'stranger'
      AND device_drift.ended_at IS NULL";
const COMMANDS: &str = "
    INSERT INTO device_commands (device_id, school_id, wire_id, command_type, command_string, word, step, device_pin,
      priority, created_at) VALUES {rows}";

#[derive(Debug, sqlx::FromRow)]
struct Open {
    device_pin: String,
    decision: Option<String>,
    is_given_up: bool,
    removals: i64,
    is_being_removed: bool,
}

/// Queues the removal of the strangers that a reading found, as far as the device's policy and the guard allow.
pub(super) async fn remove(tx: &mut Tx, device: DeviceId, found: &[&Finding], now: Timestamp) -> Result<()> {
    let sure: BTreeSet<&str> =
        found.iter().filter(|finding| is_removable(finding)).map(|finding| &*finding.pin).collect();
    if sure.is_empty() {
        return Ok(());
    }
    let (is_policy,): (bool,) = tx.one(POLICY, [device.into()]).await?;
    let mut open: Vec<Open> = tx.all(OPEN, [device.into(), GIVEN_UP.into()]).await?;
    let is_told = open.iter().any(|row| row.decision.as_deref() == Some("held"));
    open.retain(|row| {
        let is_meant = is_policy || row.decision.as_deref() == Some("approved");
        is_meant && sure.contains(row.device_pin.as_str()) && !row.is_being_removed && !row.is_given_up
    });
    if open.is_empty() {
        return Ok(());
    }
    if is_policy {
        let may_be_ours = adopt::people::may_be_students(tx, device).await?;
        open.retain(|row| row.decision.is_some() || !may_be_ours.contains(&row.device_pin));
    }
    let (again, open): (Vec<Open>, Vec<Open>) = open.into_iter().partition(|row| row.removals >= REMOVALS);
    mark(tx, device, &pins(again), GIVEN_UP, None).await?;
    let (approved, open): (Vec<Open>, Vec<Open>) =
        open.into_iter().partition(|row| row.decision.as_deref() == Some("approved"));
    let new: Vec<String> = pins(open.into_iter().filter(|row| row.decision.is_none()).collect());
    let mut allowed = pins(approved);
    match guard::strangers_allowed(tx, device, new.len() as i64, now).await? {
        None => allowed.extend(new),
        Some(reason) => {
            tracing::warn!(device_id = %device, people = new.len(), %reason, "the removal of strangers is held");
            mark(tx, device, &new, &reason.to_string(), Some("held")).await?;
            if !is_told {
                let details = json!({"held": "strangers", "number": new.len(), "reason": reason.to_string()});
                outbox::terminal(tx, Kind::RemovalsHeld, device, details, now).await?;
            }
        }
    }
    queue(tx, device, allowed, now).await
}

fn pins(rows: Vec<Open>) -> Vec<String> {
    rows.into_iter().map(|row| row.device_pin).collect()
}

async fn mark(
    tx: &mut Tx,
    device: DeviceId,
    pins: &[String],
    words: &str,
    decision: Option<&'static str>,
) -> Result<()> {
    let rows = pins.iter().map(|pin| vec![pin.clone().into(), words.into(), decision.map(str::to_owned).into()]);
    tx.execute_rows(MARK, &[device.into()], rows.collect()).await?;
    Ok(())
}

/// Queues the removal of these people.
pub(super) async fn queue(tx: &mut Tx, device: DeviceId, pins: Vec<String>, now: Timestamp) -> Result<()> {
    if pins.is_empty() {
        return Ok(());
    }
    let (school,): (SchoolId,) = tx.one(SCHOOL, [device.into()]).await?;
    let manner = manner::of(tx, device).await?;
    let mut wire_ids = wire::take(tx, &[(device, pins.len() as i64)].into()).await?;
    let mut rows = Vec::new();
    for pin in &pins {
        let Ok(parsed) = Pin::parse(pin) else { continue };
        let command = Command::DeleteUser { pin: parsed };
        let Ok(text) = command.render(manner) else { continue };
        rows.push(vec![
            device.into(),
            school.into(),
            wire_ids.next(device).into(),
            "delete_user".into(),
            text.into(),
            command.word(manner).into(),
            STRANGER.into(),
            pin.clone().into(),
            5_i64.into(),
            now.into(),
        ]);
    }
    if rows.is_empty() {
        return Ok(());
    }
    tracing::info!(device_id = %device, people = rows.len(), "removes strangers, as the device's policy says");
    tx.execute_rows(COMMANDS, &[], rows).await?;
    mark(tx, device, &pins, REMOVED, None).await?;
    tx.notify(wake::COMMANDS).await
}

const APPROVE: &str = "
    UPDATE device_drift SET decision = 'approved' WHERE device_id = $1 AND kind = 'stranger' AND ended_at IS NULL
      AND decision = 'held' RETURNING device_pin";
const REJECT: &str = "
    UPDATE device_drift SET decision = 'kept', words = 'stays by decision' WHERE device_id = $1 AND kind = 'stranger'
      AND ended_at IS NULL AND decision = 'held' RETURNING device_pin";

/// Somebody decided about all strangers whose removal was held. How many they are.
pub(super) async fn decide(tx: &mut Tx, device: DeviceId, is_approved: bool, now: Timestamp) -> Result<u64> {
    let sql = if is_approved { APPROVE } else { REJECT };
    let pins: Vec<(String,)> = tx.all(sql, [device.into()]).await?;
    let pins: Vec<String> = pins.into_iter().map(|(pin,)| pin).collect();
    let people = pins.len() as u64;
    if is_approved {
        queue(tx, device, pins, now).await?;
    }
    Ok(people)
}

fn is_removable(finding: &Finding) -> bool {
    matches!(&finding.verdict, Verdict::Stranger { told, is_sure: true } if told.privilege != Some(ADMINISTRATOR))
}

const REFUSED: &str = "
    UPDATE device_drift SET words = $3 WHERE device_id = $1 AND device_pin = $2 AND kind = 'stranger' AND ended_at IS NULL
      AND words = 'removed'";

/// The terminal says what became of the removal of a stranger. Whatever it says, he is asked for.
pub(super) async fn answered(tx: &mut Tx, device: DeviceId, pin: &str, code: i64, now: Timestamp) -> Result<()> {
    match Outcome::of(code, true) {
        Outcome::Done => {}
        Outcome::Held | Outcome::TryLater => return Ok(()),
        Outcome::LacksWord | Outcome::Full | Outcome::Refused => {
            tx.execute(REFUSED, [device.into(), pin.into(), meaning(code).into()]).await?;
        }
    }
    reading::look_into(tx, device, &[pin.to_owned()].into(), now).await?;
    Ok(())
}

/// Nobody wants it any more: he is kept or linked, is gone, or the device's policy is another.
const WITHDRAW: &str = "
    UPDATE device_commands SET status = 'superseded', completed_at = $2
    WHERE device_id = $1 AND status = 'pending' AND step = 'stranger' AND NOT EXISTS (
      SELECT 1 FROM device_drift f JOIN devices d ON d.id = f.device_id
      WHERE f.device_id = $1 AND f.device_pin = device_commands.device_pin AND f.kind = 'stranger' AND f.ended_at IS NULL
        AND (f.decision = 'approved' OR (f.decision IS NULL AND d.strangers = 'remove')))";
/// What withdrew it says so itself; where nothing does, he is merely reported again.
const REPORTED: &str = "
    UPDATE device_drift SET words = NULL WHERE device_id = $1 AND kind = 'stranger' AND ended_at IS NULL
      AND words = 'removed' AND decision IS NULL AND NOT EXISTS (
        SELECT 1 FROM device_commands c WHERE c.device_id = $1 AND c.device_pin = device_drift.device_pin
          AND c.step = 'stranger' AND c.status IN ('pending', 'sent'))";

/// Withdraws removals of strangers that have not left and that neither the policy nor a decision wants any more. The caller
/// holds the device's lock.
pub(super) async fn withdraw(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<()> {
    if tx.execute(WITHDRAW, [device.into(), now.into()]).await? > 0 {
        tx.execute(REPORTED, [device.into()]).await?;
    }
    Ok(())
}
