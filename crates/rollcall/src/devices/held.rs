//! Whom a terminal says it holds: the user lines of its uploads, spontaneous or asked for.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use push_protocol::{
    record::User,
    text::{CardForm, Pin},
};

use super::{DeviceId, announced::card_form_word, kept};
use crate::store::{Result, Tx, Value};

const KEEP: &str = "
WITH v(device_id, pin, name, card_number, card_text, privilege, seen_at) AS (VALUES {rows})
INSERT INTO terminal_users (device_id, pin, name, card_number, card_text, privilege, seen_at, seen_event, told_event)
SELECT device_id, pin, name, card_number, card_text, privilege, seen_at, $1, $1 FROM v WHERE TRUE
ON CONFLICT (device_id, pin) DO UPDATE SET
  is_disputed = terminal_users.told_event > $2 AND (terminal_users.name IS DISTINCT FROM excluded.name
    OR COALESCE(terminal_users.card_number, 0) <> COALESCE(excluded.card_number, 0)),
  name = excluded.name, card_number = excluded.card_number, card_text = excluded.card_text,
  privilege = excluded.privilege, seen_at = excluded.seen_at, seen_event = excluded.seen_event,
  told_event = excluded.told_event";

/// Keeps what a terminal said of people at the event `at`. When a PIN is named twice, the last line counts; a line that says
/// something else than one since the event `began` makes what stands there disputed.
pub async fn keep(tx: &mut Tx, device: DeviceId, users: &[User], at: i64, began: i64, now: Timestamp) -> Result<()> {
    let latest: BTreeMap<&Pin, &User> = users.iter().map(|user| (&user.pin, user)).collect();
    let rows = latest.into_values().map(|user| -> Vec<Value> {
        vec![
            device.into(),
            user.pin.as_str().into(),
            kept(&user.name).into_owned().into(),
            user.card.and_then(|card| i64::try_from(card.number()).ok()).into(),
            kept(&user.card_text).into_owned().into(),
            user.privilege.into(),
            now.into(),
        ]
    });
    tx.execute_rows(KEEP, &[at.into(), began.into()], rows.collect()).await?;
    Ok(())
}

const KEEP_PRESENCE: &str = "
WITH v(device_id, pin, seen_at) AS (VALUES {rows})
INSERT INTO terminal_users (device_id, pin, seen_at, seen_event)
SELECT device_id, pin, seen_at, $1 FROM v WHERE TRUE
ON CONFLICT (device_id, pin) DO UPDATE SET seen_at = excluded.seen_at, seen_event = excluded.seen_event";

/// Keeps that these people are there, as templates and pictures prove.
pub async fn keep_presence(tx: &mut Tx, device: DeviceId, pins: &[Pin], at: i64, now: Timestamp) -> Result<()> {
    let pins: BTreeSet<&Pin> = pins.iter().collect();
    let rows = pins.into_iter().map(|pin| vec![device.into(), pin.as_str().into(), now.into()]);
    tx.execute_rows(KEEP_PRESENCE, &[at.into()], rows.collect()).await?;
    Ok(())
}

const LEARN_CARD_FORM: &str = "
UPDATE devices SET card_form = $2, updated_at = $3 WHERE id = $1 AND card_form IS DISTINCT FROM $2";

/// The form in which a terminal writes cards is the form in which it wants them.
pub async fn learn_card_form(tx: &mut Tx, device: DeviceId, form: CardForm, now: Timestamp) -> Result<()> {
    tx.execute(LEARN_CARD_FORM, [device.into(), card_form_word(form).into(), now.into()]).await?;
    Ok(())
}

/// The form that these cards are written in; `None` when none shows one.
pub fn card_form(users: &[User]) -> Option<CardForm> {
    users.iter().rev().find_map(|user| CardForm::of_wire(&user.card_text))
}
