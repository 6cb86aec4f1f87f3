//! Whom a terminal says it holds: the user lines of its uploads, spontaneous or asked for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use push_protocol::{
    record::User,
    text::{CardForm, Pin},
};

use super::{DeviceId, announced::card_form_word, kept};
use crate::store::{Result, Tx, Value};

const KEEP: &str = "
WITH v(device_id, pin, name, card_number, card_text, privilege, seen_at) AS (VALUES {rows})
INSERT INTO terminal_users (device_id, pin, name, card_number, card_text, privilege, seen_at)
SELECT device_id, pin, name, card_number, card_text, privilege, seen_at FROM v WHERE TRUE
ON CONFLICT (device_id, pin) DO UPDATE SET
  name = excluded.name, card_number = excluded.card_number, card_text = excluded.card_text,
  privilege = excluded.privilege, seen_at = excluded.seen_at";

/// Keeps what a terminal said of people. When a PIN is named twice, the last line counts.
pub async fn keep(tx: &mut Tx, device: DeviceId, users: &[User], now: Timestamp) -> Result<()> {
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
    tx.execute_rows(KEEP, &[], rows.collect()).await?;
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
