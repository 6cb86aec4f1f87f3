//! `GET getrequest`: a terminal asks what is to be done (ATT5.8 §10, MAN3.2 §2.4.5).

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use jiff::{SignedDuration, Timestamp, tz::Offset};
use push_protocol::{command::CommandId, reply, request::Info};

use super::{Door, PATIENCE, Reply, Visit};
use crate::{
    devices::{
        presence,
        registry::{Generation, Terminal, Told},
    },
    store,
    sync::delivery::{self, Handout, Poll},
};

/// Lines that answer a query follow its result within this time, or within two polls: no source says how long it takes.
const QUIET: SignedDuration = SignedDuration::from_secs(10);

/// Answers the poll of a registered terminal. When its flag is down, from memory alone.
pub async fn answer(
    door: &Arc<Door>,
    terminal: &Arc<Terminal>,
    info: Option<&Info>,
    address: IpAddr,
    now: Timestamp,
) -> Reply {
    door.app.db.meters().polled();
    let told = Told {
        address,
        firmware: info.and_then(|info| info.firmware.as_deref()),
        user_count: info.and_then(|info| info.user_count),
    };
    let Some(generation) = door.app.registry.seen(terminal, told, now) else { return Reply::ok() };
    let (working, terminal) = (Arc::clone(door), Arc::clone(terminal));
    door.apart(PATIENCE, Reply::ok(), async move { working.give(&terminal, generation, now).await }).await
}

/// Answers the poll of a terminal that was not in memory when it came.
pub async fn dispatched(door: &Door, visit: &Visit) -> Reply {
    let Some(terminal) = visit.terminal() else { return Reply::ok() };
    door.app.db.meters().polled();
    let told = Told { address: visit.address, firmware: None, user_count: None };
    match door.app.registry.seen(terminal, told, visit.now) {
        Some(generation) => door.give(terminal, generation, visit.now).await,
        None => Reply::ok(),
    }
}

impl Door {
    pub(super) fn may_be_elsewhere(&self, terminal: &Terminal, now: Timestamp) -> bool {
        terminal.may_be_elsewhere(presence::online_for(self.app.settings.poll_delay), now)
    }

    async fn give(&self, terminal: &Terminal, generation: Generation, now: Timestamp) -> Reply {
        if !terminal.is_active() {
            terminal.settle(generation);
            return Reply::ok();
        }
        // Its address is new: what waits for it waits until it is seen that the former one fell silent.
        if self.may_be_elsewhere(terminal, now) {
            return Reply::ok();
        }
        let handout = match self.hand_out(terminal, now).await {
            Ok(handout) => handout,
            Err(error) => {
                self.oddities.log_failure("hand out commands", &error, now);
                return Reply::ok();
            }
        };
        if handout.commands.is_empty() {
            if !handout.ask_again {
                terminal.settle(generation);
            }
            return Reply::ok();
        }
        let texts: Vec<(CommandId, Cow<'_, [u8]>)> =
            handout.commands.iter().map(|(id, text)| (*id, handout.charset.encode(text))).collect();
        Reply::text(reply::commands(texts.iter().map(|(id, text)| (*id, &**text))))
    }

    /// The commands count as handed out once they are committed. Should the reply then be lost, or have been given already,
    /// their deadline offers them again.
    async fn hand_out(&self, terminal: &Terminal, now: Timestamp) -> store::Result<Handout> {
        let news = terminal.news();
        let poll = Poll {
            user_count: news.user_count,
            firmware: news.firmware.clone(),
            offset_seconds: terminal.offset(now).map(Offset::seconds),
            quiet: (self.app.settings.poll_delay * 2).max(QUIET),
        };
        let _turn = self.turns.take(terminal.device()).await;
        let mut tx = self.app.db.write().await?;
        let first_deadline = self.app.settings.command_deadline;
        let handout = delivery::hand_out(&mut tx, terminal.device(), &poll, first_deadline, now).await?;
        tx.commit().await?;
        terminal.heard(&news);
        Ok(handout)
    }
}
