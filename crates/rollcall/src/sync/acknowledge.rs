//! A terminal says what became of its commands.

use jiff::Timestamp;

use super::reconcile::Reconciled;
use crate::{
    devices::DeviceId,
    store::{Result, Tx},
};

/// One result, as far as the roster is concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub wire_id: i64,
    pub code: i64,
    /// `UserCount` of an `INFO` result.
    pub user_count: Option<u32>,
    pub firmware: Option<String>,
}

/// Applies all results of one request in one transaction. Only commands of this very device are touched; unknown ids and
/// repeated results change nothing. The answer names the device when it has something to collect now.
pub async fn acknowledge(tx: &mut Tx, device: DeviceId, answers: &[Answer], now: Timestamp) -> Result<Reconciled> {
    todo!()
}
