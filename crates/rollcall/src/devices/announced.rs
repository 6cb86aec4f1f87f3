//! What a terminal says of itself in a handshake, and which dialect it therefore speaks (ATT5.8 §3, SEC4.8 §7, SF-repo).
//!
//! It is stored because a terminal that has a session does not announce itself again.

use jiff::Timestamp;
use push_protocol::{
    dialect::{Announcement, Dialect},
    text::CardForm,
};

use super::{DeviceId, trust};
use crate::store::{Result, Tx};

/// What is known of a terminal after its handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    pub dialect: Dialect,
    /// Something differs from what was stored before.
    pub is_new: bool,
    /// It may be another device under the same serial number ([`trust`]): nothing of what it announced was stored.
    pub is_suspected: bool,
}

#[derive(sqlx::FromRow, PartialEq, Eq, Debug)]
struct Stored {
    serial_number: String,
    dialect: Option<String>,
    push_version: Option<String>,
    device_type: Option<String>,
    language: Option<i64>,
    comm_key_digest: Option<String>,
    card_form: Option<String>,
    is_suspected: bool,
}

const STORED: &str = "
SELECT serial_number, dialect, push_version, device_type, language, comm_key_digest, card_form,
  suspicion IS NOT NULL AS is_suspected
FROM devices WHERE id = $1";

const STORE: &str = "
UPDATE devices SET dialect = $2, push_version = $3, device_type = $4, language = $5, comm_key_digest = $6, card_form = $7,
  updated_at = $8
WHERE id = $1";

/// Stores an announcement where it says something new.
pub async fn store(tx: &mut Tx, device: DeviceId, announced: &Announcement, now: Timestamp) -> Result<Known> {
    let stored: Stored = tx.one(STORED, [device.into()]).await?;
    let announced = kept(&stored.serial_number, announced);
    // A bare request for options says nothing of keys.
    let is_another_key = announced.push_version.is_some()
        && stored.comm_key_digest.is_some()
        && announced.comm_key != stored.comm_key_digest;
    if is_another_key {
        trust::another_key(tx, device, announced.comm_key.clone(), now).await?;
    }
    if is_another_key || stored.is_suspected {
        let known = stored.dialect.as_deref().and_then(Dialect::parse);
        let dialect = known.unwrap_or_else(|| Dialect::recognise(&announced));
        return Ok(Known { dialect, is_new: is_another_key, is_suspected: true });
    }
    let repeats = stored.push_version == announced.push_version && stored.device_type == announced.device_type;
    // A terminal that was found to speak another dialect than it announces speaks it until it announces something else.
    let dialect = match stored.dialect.as_deref().and_then(Dialect::parse) {
        Some(found) if repeats => found,
        _ => Dialect::recognise(&announced),
    };
    let told = Stored {
        serial_number: stored.serial_number.clone(),
        dialect: Some(dialect.as_str().to_owned()),
        push_version: announced.push_version.clone(),
        device_type: announced.device_type.clone(),
        language: announced.language.map(i64::from),
        comm_key_digest: announced.comm_key.clone().or_else(|| stored.comm_key_digest.clone()),
        card_form: Some(stored.card_form.clone().unwrap_or_else(|| card_form_word(announced.card_form()).to_owned())),
        is_suspected: false,
    };
    let is_new = told != stored;
    if is_new {
        let Stored { dialect, push_version, device_type, language, comm_key_digest, card_form, .. } = told;
        let values = [
            device.into(),
            dialect.into(),
            push_version.into(),
            device_type.into(),
            language.into(),
            comm_key_digest.into(),
            card_form.into(),
            now.into(),
        ];
        tx.execute(STORE, values).await?;
    }
    Ok(Known { dialect, is_new, is_suspected: false })
}

/// An announcement of a serial number as it is kept: of the key only a digest.
pub(super) fn kept(serial: &str, announced: &Announcement) -> Announcement {
    let text = |text: &Option<String>| text.as_deref().map(|text| super::kept(text).into_owned());
    Announcement {
        push_version: text(&announced.push_version),
        device_type: text(&announced.device_type),
        comm_key: announced.comm_key.as_deref().map(|key| trust::digest(serial, key)),
        ..announced.clone()
    }
}

const SHOWN_OFFSET: &str = "
UPDATE devices SET shown_offset_seconds = $2 WHERE id = $1 AND shown_offset_seconds IS DISTINCT FROM $2";

/// Notes the offset that the handshake's reply tells the terminal to show, so that a change of it (summer time) is seen.
/// Answers whether it is another than before.
pub async fn shown_offset(tx: &mut Tx, device: DeviceId, seconds: Option<i32>) -> Result<bool> {
    Ok(tx.execute(SHOWN_OFFSET, [device.into(), seconds.map(i64::from).into()]).await? > 0)
}

const LOG_BY_STAMP: &str = "UPDATE devices SET log_request = 'answered' WHERE id = $1 AND log_request = 'stamp'";

/// Whether the whole log of a terminal is wanted and a handshake without a stamp is the only way to get it. It is asked for
/// once.
pub async fn wants_log_by_stamp(tx: &mut Tx, device: DeviceId) -> Result<bool> {
    Ok(tx.execute(LOG_BY_STAMP, [device.into()]).await? > 0)
}

const SPEAKS_SECURITY: &str = "
UPDATE devices SET dialect = 'security', updated_at = $2 WHERE id = $1 AND dialect IS DISTINCT FROM 'security'";
/// It was greeted as an access unit: with an offset that no zone has it is made to shake hands again.
const SPEAKS_ATTENDANCE: &str = "
UPDATE devices SET dialect = CASE WHEN push_version IS NULL THEN 'legacy' ELSE 'attendance' END, shown_offset_seconds = 1,
  updated_at = $2
WHERE id = $1 AND dialect = 'security'";

/// A terminal was found to speak the security dialect, or not to, whatever it announced. Answers whether that is news.
pub async fn speaks(tx: &mut Tx, device: DeviceId, dialect: Dialect, now: Timestamp) -> Result<bool> {
    let sql = if dialect == Dialect::Security { SPEAKS_SECURITY } else { SPEAKS_ATTENDANCE };
    Ok(tx.execute(sql, [device.into(), now.into()]).await? > 0)
}

/// How a card form is stored in `devices.card_form`.
pub fn card_form_word(form: CardForm) -> &'static str {
    match form {
        CardForm::Decimal => "decimal",
        CardForm::Bracket => "bracket",
    }
}

pub fn card_form_of_word(word: &str) -> Option<CardForm> {
    [CardForm::Decimal, CardForm::Bracket].into_iter().find(|form| card_form_word(*form) == word)
}
