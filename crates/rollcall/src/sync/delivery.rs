//! A poll takes commands.

use jiff::{SignedDuration, Timestamp};
use push_protocol::{command::CommandId, text::Charset};

use crate::{
    devices::DeviceId,
    store::{Result, Tx},
};

/// What a poll tells beside its serial number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Poll {
    /// Users that the terminal says it holds, when the poll carries `INFO`.
    pub user_count: Option<u32>,
    pub firmware: Option<String>,
    /// Seconds east of UTC that this terminal should show now; `None` when none is configured.
    pub offset_seconds: Option<i32>,
}

/// What a poll is answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handout {
    /// In order. Empty: answer `OK`.
    pub commands: Vec<(CommandId, String)>,
    pub charset: Charset,
    /// The terminal's flag must stay up although nothing was handed out: its start is undecided.
    pub ask_again: bool,
}

/// Hands out what is due for a terminal, in one transaction. Two servers asked at once: one gets it, the other nothing.
pub async fn hand_out(
    tx: &mut Tx,
    device: DeviceId,
    poll: &Poll,
    first_deadline: SignedDuration,
    now: Timestamp,
) -> Result<Handout> {
    todo!()
}

/// Devices that have commands to hand out or to take back now: one statement per server and tick.
pub async fn due(tx: &mut Tx, now: Timestamp) -> Result<Vec<DeviceId>> {
    todo!()
}

/// A handshake: what was learnt about batches within the last session counts no more.
pub async fn shook_hands(tx: &mut Tx, device: DeviceId) -> Result<()> {
    todo!()
}
