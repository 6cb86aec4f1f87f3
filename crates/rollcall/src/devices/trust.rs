//! Whether whoever speaks under a serial number is the terminal that was claimed.
//!
//! Nobody signs anything on the wire: a serial number is a claim. Two things give an impostor away: another communication
//! key than the terminal announced first, and addresses that take turns. Either makes the terminal suspected: its punches
//! are stored, nothing else that it says counts, and it is handed nothing, until an admin confirms that it is his. See
//! docs/decisions/whether-it-is-the-terminal.md.

use std::{fmt::Write as _, net::IpAddr};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use super::DeviceId;
use crate::store::{Result, Tx};

/// Why a terminal is suspected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspicion {
    /// It announced another communication key than before, or none any more.
    CommKey,
    /// It calls from two addresses in turn.
    Addresses,
}

impl Suspicion {
    pub fn as_str(self) -> &'static str {
        match self {
            Suspicion::CommKey => "comm_key",
            Suspicion::Addresses => "addresses",
        }
    }

    pub fn parse(word: &str) -> Option<Suspicion> {
        [Suspicion::CommKey, Suspicion::Addresses].into_iter().find(|suspicion| suspicion.as_str() == word)
    }
}

/// An address that comes back within this time takes turns with the one in between; later it was merely given back. A
/// terminal polls far more often, so however rarely the other one calls, it comes back within this time.
pub const TURN: SignedDuration = SignedDuration::from_mins(15);

/// What is kept of a communication key: enough to see that it is another one, of no use to whoever reads it here.
pub(super) fn digest(serial: &str, key: &str) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(format!("rollcall comm key {serial} {key}")) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

const SUSPECT: &str = "
UPDATE devices SET suspicion = $2, suspected_at = $3, other_key_digest = $4, updated_at = $3
WHERE id = $1 AND (suspicion IS NULL OR other_key_digest IS DISTINCT FROM $4)";

/// A registered terminal announced another key, or none any more.
pub(super) async fn another_key(tx: &mut Tx, device: DeviceId, digest: Option<String>, now: Timestamp) -> Result<()> {
    tx.execute(SUSPECT, [device.into(), Suspicion::CommKey.as_str().into(), now.into(), digest.into()]).await?;
    Ok(())
}

/// What somebody has to know who is to say whether a terminal is his.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Suspected {
    pub suspicion: String,
    pub last_address: Option<String>,
    pub former_address: Option<String>,
}

impl Suspected {
    /// What is wrong, in words.
    pub fn says(&self) -> String {
        let from = |address: &Option<String>| address.clone().unwrap_or_else(|| "an unknown address".to_owned());
        match Suspicion::parse(&self.suspicion) {
            Some(Suspicion::Addresses) => {
                format!("calls from {} and {} in turn", from(&self.last_address), from(&self.former_address))
            }
            _ => format!("announced another communication key than before, calling from {}", from(&self.last_address)),
        }
    }
}

const SUSPECTED: &str = "
SELECT suspicion, last_address, former_address FROM devices
WHERE id = $1 AND suspicion IS NOT NULL AND deleted_at IS NULL";

/// `None`: nobody doubts it.
pub async fn suspected(tx: &mut Tx, device: DeviceId) -> Result<Option<Suspected>> {
    tx.optional(SUSPECTED, [device.into()]).await
}

/// The key that was announced last counts from now on, and the two addresses may change as they like. With an offset that
/// no zone has, the terminal is made to shake hands again: what it said meanwhile was not listened to. An access unit knows no
/// such command: it announces itself when it starts next.
const CONFIRM: &str = "
UPDATE devices SET
  comm_key_digest = CASE WHEN suspicion = 'comm_key' THEN other_key_digest ELSE comm_key_digest END,
  accepted_addresses = CASE WHEN suspicion = 'addresses' THEN $3 ELSE accepted_addresses END,
  shown_offset_seconds = CASE WHEN dialect = 'security' THEN shown_offset_seconds ELSE 1 END,
  suspicion = NULL, suspected_at = NULL, other_key_digest = NULL, updated_at = $2
WHERE id = $1";
const ACCEPTED: &str = "SELECT accepted_addresses FROM devices WHERE id = $1";
/// Addresses of one terminal that may change as they like; the oldest make room.
const ACCEPTED_AT_MOST: usize = 16;

/// Somebody says that it is his terminal. Answers what was doubted; `None`: nothing was.
pub async fn confirm(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<Option<Suspected>> {
    let Some(suspected) = suspected(tx, device).await? else { return Ok(None) };
    let (before,): (Option<String>,) = tx.one(ACCEPTED, [device.into()]).await?;
    let mut accepted = addresses(before.as_deref());
    let both = [&suspected.former_address, &suspected.last_address];
    for address in both.into_iter().flatten().filter_map(|address| address.parse().ok()) {
        accepted.retain(|known| *known != address);
        accepted.push(address);
    }
    let surplus = accepted.len().saturating_sub(ACCEPTED_AT_MOST);
    let mut text = ",".to_owned();
    for address in &accepted[surplus..] {
        let _ = write!(text, "{address},");
    }
    tx.execute(CONFIRM, [device.into(), now.into(), text.into()]).await?;
    Ok(Some(suspected))
}

/// A list as it is stored: with a comma before and after each, so that SQL finds one with LIKE.
pub(super) fn addresses(stored: Option<&str>) -> Vec<IpAddr> {
    stored.unwrap_or_default().split(',').filter_map(|address| address.parse().ok()).collect()
}

const REFUSED: &str = "UPDATE devices SET refused_address = $2, refused_at = $3 WHERE id = $1";

/// Somebody called under a terminal's serial number from where it may not.
pub async fn refused(tx: &mut Tx, device: DeviceId, address: IpAddr, now: Timestamp) -> Result<()> {
    tx.execute(REFUSED, [device.into(), address.to_string().into(), now.into()]).await?;
    Ok(())
}
