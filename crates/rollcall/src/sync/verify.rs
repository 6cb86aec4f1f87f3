//! Somebody wants to know whether a terminal holds whom it should: what is known is told at once, those who failed are
//! tried again, and the terminal is read back as soon as it calls.

use jiff::Timestamp;

use super::{
    again,
    proof::{self, Known},
    reading::{self, Cause},
    reconcile::{self, Reconciled, Scope},
    start::Start,
};
use crate::{
    devices::DeviceId,
    store::{Result, Tx, wake},
};

/// What a verification that was asked for begins with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Begun {
    pub device: DeviceId,
    pub state: State,
    /// Why it waits, or when it begins.
    pub words: &'static str,
    /// What earlier readings found and nothing has mended yet.
    pub known: Known,
    /// Students who had failed and are tried again.
    pub retried: i64,
    /// Reconcile further while it is partial.
    pub reconciled: Reconciled,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VerificationState)]
pub enum State {
    /// The terminal is asked what it holds, now or with its next polls.
    Reading,
    /// It cannot be asked yet.
    Waiting,
}

/// Reads one terminal back.
pub async fn verify(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<Begun> {
    reconcile::lock(tx, Scope::Device(device)).await?;
    let facts: Facts = tx.one(FACTS, [device.into()]).await?;
    if facts.is_active {
        reading::want(tx, device, Cause::Asked, now).await?;
    }
    begin(tx, device, &facts, now).await
}

/// The same for one of all terminals, whose readings were wanted by [`want_all`].
pub async fn verify_one_of_all(tx: &mut Tx, device: DeviceId, now: Timestamp) -> Result<Begun> {
    let facts: Facts = tx.one(FACTS, [device.into()]).await?;
    begin(tx, device, &facts, now).await
}

const ALL: &str = "SELECT id FROM devices WHERE is_active AND deleted_at IS NULL ORDER BY id";

/// Wants a reading of every terminal, a fleet's spread over time. Answers the terminals that are served at all; call
/// [`verify_one_of_all`] for each, in a transaction of its own.
pub async fn want_all(tx: &mut Tx, now: Timestamp) -> Result<Vec<DeviceId>> {
    reading::want_everywhere(tx, Cause::Asked, now).await?;
    tx.notify(wake::COMMANDS).await?;
    let devices: Vec<(DeviceId,)> = tx.all(ALL, []).await?;
    Ok(devices.into_iter().map(|(device,)| device).collect())
}

#[derive(Debug, sqlx::FromRow)]
struct Facts {
    is_active: bool,
    is_online: bool,
    start_state: String,
}

const FACTS: &str = "SELECT is_active, is_online, start_state FROM devices WHERE id = $1";

impl Facts {
    fn state(&self) -> (State, &'static str) {
        if !self.is_active {
            (State::Waiting, "the terminal is switched off by an admin: nothing is asked of it")
        } else if Start::parse(&self.start_state) == Start::Unknown {
            (State::Waiting, "the terminal has not said yet how many people it holds: it is read when it has")
        } else if self.is_online {
            (State::Reading, "the terminal is asked with its next polls")
        } else {
            (State::Waiting, "the terminal is offline: it is read back when it calls")
        }
    }
}

async fn begin(tx: &mut Tx, device: DeviceId, facts: &Facts, now: Timestamp) -> Result<Begun> {
    let (retried, reconciled) = again::retry_failed(tx, device, now).await?;
    let known = proof::known(tx, device).await?;
    tx.notify(wake::COMMANDS).await?;
    let (state, words) = facts.state();
    Ok(Begun { device, state, words, known, retried, reconciled })
}
