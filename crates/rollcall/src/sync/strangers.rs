//! People whom a terminal holds and the roster has never known: reported, or removed where the device's policy says so.
//! Administrators of the terminal stay in any case.

use jiff::Timestamp;
use push_protocol::{command::Command, text::Pin};

use super::{
    manner, reading,
    verdict::{ADMINISTRATOR, Finding, Verdict},
    wire,
};
use crate::{
    devices::DeviceId,
    school::SchoolId,
    store::{Result, Tx, wake},
};

/// The stored `step` of a command that removes a stranger.
pub(super) const STRANGER: &str = "stranger";
/// A stranger who comes back after so many removals is only reported.
const REMOVALS: i64 = 3;

const POLICY: &str = "SELECT strangers, school_id FROM devices WHERE id = $1";
const BEING_REMOVED: &str = "
    SELECT device_pin FROM device_commands WHERE device_id = $1 AND step = 'stranger' AND status IN ('pending', 'sent')";
const REMOVED_BEFORE: &str = "
    SELECT device_pin, COUNT(*) FROM device_drift WHERE device_id = $1 AND kind = 'stranger' AND words = 'removed'
    GROUP BY device_pin";
const MARK: &str = "
    WITH v(pin, words) AS (VALUES {rows})
    UPDATE device_drift SET words = v.words FROM v
    WHERE device_drift.device_id = $1 AND device_drift.device_pin = v.pin AND device_drift.kind = 'stranger'
      AND device_drift.ended_at IS NULL";
const COMMANDS: &str = "
    INSERT INTO device_commands (device_id, school_id, wire_id, command_type, command_string, word, step, device_pin,
      priority, created_at) VALUES {rows}";

/// Queues the removal of the strangers that a reading found, as far as the device's policy and the guard allow.
pub(super) async fn remove(tx: &mut Tx, device: DeviceId, found: &[&Finding], now: Timestamp) -> Result<()> {
    let sure: Vec<&str> = found.iter().filter(|finding| is_removable(finding)).map(|finding| &*finding.pin).collect();
    let (policy, school): (String, SchoolId) = tx.one(POLICY, [device.into()]).await?;
    if policy != "remove" || sure.is_empty() {
        return Ok(());
    }
    let being_removed: Vec<(Option<String>,)> = tx.all(BEING_REMOVED, [device.into()]).await?;
    let before: Vec<(String, i64)> = tx.all(REMOVED_BEFORE, [device.into()]).await?;
    let times = |pin: &str| before.iter().find(|(known, _)| known == pin).map_or(0, |(_, times)| *times);
    let is_out = |pin: &str| being_removed.iter().any(|(known,)| known.as_deref() == Some(pin));
    let (again, new): (Vec<&str>, Vec<&str>) =
        sure.into_iter().filter(|pin| !is_out(pin)).partition(|pin| times(pin) >= REMOVALS);
    let words = |pin: &&str, words: &'static str| vec![(*pin).into(), words.into()];
    let again = again.iter().map(|pin| words(pin, "the terminal brings this person back again and again")).collect();
    tx.execute_rows(MARK, &[device.into()], again).await?;

    let manner = manner::of(tx, device).await?;
    let mut wire_ids = wire::take(tx, &[(device, new.len() as i64)].into()).await?;
    let mut rows = Vec::new();
    for pin in &new {
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
            (*pin).into(),
            5_i64.into(),
            now.into(),
        ]);
    }
    if rows.is_empty() {
        return Ok(());
    }
    tracing::info!(device = %device, people = rows.len(), "removes strangers, as the device's policy says");
    tx.execute_rows(COMMANDS, &[], rows).await?;
    tx.execute_rows(MARK, &[device.into()], new.iter().map(|pin| words(pin, "removed")).collect()).await?;
    tx.notify(wake::COMMANDS).await
}

fn is_removable(finding: &Finding) -> bool {
    matches!(&finding.verdict, Verdict::Stranger { told, is_sure: true } if told.privilege != Some(ADMINISTRATOR))
}

/// The terminal took the removal of a stranger: he is asked for.
pub(super) async fn removed(tx: &mut Tx, device: DeviceId, pin: &str, now: Timestamp) -> Result<()> {
    reading::look_into(tx, device, &[pin.to_owned()].into(), now).await?;
    Ok(())
}
