//! Access units: a person is written in two steps, and a version counts when both were answered (rule 14). First the person,
//! then his right to the door; somebody who leaves is removed first, then his right.
//!
//! The second step is queued when the first is answered, so that there is one command per student under way. What becomes
//! of the first only is known too: the terminal holds him, with this card, and the version is not confirmed.

use jiff::Timestamp;
use push_protocol::{command::Command, text::Pin};

use super::{manner, wire};
use crate::{
    devices::DeviceId,
    school::{SchoolId, StudentId},
    store::{Result, Tx, Value, wake},
};

/// The stored `step` of the two.
pub(super) const USER: &str = "user";
pub(super) const DOOR_RIGHT: &str = "door_right";
/// The stored `command_type`s of the second step.
pub(super) const ADD: &str = "add_door_right";
pub(super) const DELETE: &str = "delete_door_right";

/// A first step that was answered, and whose version is still the one that is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Due {
    pub student: StudentId,
    pub school: SchoolId,
    pub pin: String,
    pub version: i64,
    pub card_number: Option<i64>,
    pub priority: i64,
    pub is_delete: bool,
}

const COMMANDS: &str = "
    INSERT INTO device_commands (device_id, school_id, student_id, command_type, command_string, word, step,
      wanted_version, card_number, priority, created_at, wire_id) VALUES {rows}";

/// Queues the second steps.
pub(super) async fn queue(tx: &mut Tx, device: DeviceId, due: Vec<Due>, now: Timestamp) -> Result<()> {
    if due.is_empty() {
        return Ok(());
    }
    let manner = manner::of(tx, device).await?;
    let mut wire_ids = wire::take(tx, &[(device, due.len() as i64)].into()).await?;
    let mut commands: Vec<Vec<Value>> = Vec::new();
    for right in due {
        let Ok(pin) = Pin::parse(&right.pin) else { continue };
        let command = if right.is_delete { Command::DeleteDoorRight { pin } } else { Command::PutDoorRight { pin } };
        // It was found to speak another dialect meanwhile: what is wanted is queued anew.
        let Ok(text) = command.render(manner) else { continue };
        commands.push(vec![
            device.into(),
            right.school.into(),
            right.student.into(),
            if right.is_delete { DELETE } else { ADD }.into(),
            text.into(),
            command.word(manner).into(),
            DOOR_RIGHT.into(),
            right.version.into(),
            right.card_number.into(),
            right.priority.into(),
            now.into(),
            wire_ids.next(device).into(),
        ]);
    }
    if commands.is_empty() {
        return Ok(());
    }
    tx.execute_rows(COMMANDS, &[], commands).await?;
    tx.notify(wake::COMMANDS).await
}
