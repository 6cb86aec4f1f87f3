//! `POST devicecmd`: what became of commands (ATT5.8 §11, MAN3.2 §10, SEC4.8 §10.4).

use std::sync::Arc;

use push_protocol::{
    limits::Limits,
    result::{self, CommandResult},
};

use super::{Door, Reply, Visit};
use crate::{
    devices::registry::{Terminal, Told},
    store,
    sync::{
        acknowledge::{self, Answer},
        capacity,
    },
};

/// Applies all results of a request. Always `OK`, for unknown ids and repeated results too; unless the database failed,
/// for then the terminal must keep its file.
pub async fn answer(door: &Door, visit: &Visit) -> Reply {
    let Some(terminal) = visit.terminal() else { return Reply::ok() };
    // Whoever speaks from a new address may be another one (`devices::trust`). What is not counted is offered again.
    if door.may_be_elsewhere(terminal, visit.now) {
        return Reply::ok();
    }
    let results = result::parse(&visit.request.query, &visit.body);
    let answers: Vec<Answer> = results.iter().filter_map(answer_of).collect();
    if answers.is_empty() {
        return Reply::ok();
    }
    let limits = results.iter().map(limits_of).find(|limits| !limits.is_empty()).unwrap_or_default();
    match acknowledge(door, visit, terminal, &answers, limits).await {
        Ok(()) => Reply::ok(),
        Err(error) => door.could_not("store the results of commands", &error),
    }
}

async fn acknowledge(
    door: &Door,
    visit: &Visit,
    terminal: &Arc<Terminal>,
    answers: &[Answer],
    limits: Limits,
) -> store::Result<()> {
    let _turn = door.turns.take(terminal.device()).await;
    let mut tx = door.app.db.write().await?;
    let first_deadline = door.app.settings.command_deadline;
    if !limits.is_empty() {
        capacity::told(&mut tx, terminal.device(), limits, visit.now).await?;
    }
    let reconciled = acknowledge::acknowledge(&mut tx, terminal.device(), answers, first_deadline, visit.now).await?;
    tx.commit().await?;
    for answer in answers.iter().filter(|answer| answer.user_count.is_some() || answer.firmware.is_some()) {
        let firmware = answer.firmware.as_deref();
        let told = Told { address: visit.address, firmware, user_count: answer.user_count };
        door.app.registry.seen(terminal, told, visit.now);
    }
    door.app.registry.raise(&reconciled.devices);
    Ok(())
}

/// A result as the roster understands it. Ids that are no numbers were given by another server; a result without a code
/// says nothing.
fn answer_of(result: &CommandResult<'_>) -> Option<Answer> {
    let wire_id = result.id.parse().ok().filter(|id| (1..=999_999_999).contains(id))?;
    let option = |key: &str| option(result, key);
    Some(Answer {
        wire_id,
        code: result.code?,
        user_count: option("UserCount").and_then(|count| count.parse().ok()),
        firmware: option("FWVersion").filter(|firmware| !firmware.is_empty()).map(str::to_owned),
    })
}

/// What `INFO` tells beside counts.
fn limits_of(result: &CommandResult<'_>) -> Limits {
    Limits::told(|key| option(result, key)?.parse().ok())
}

fn option<'a>(result: &CommandResult<'a>, key: &str) -> Option<&'a str> {
    let (_, value) = result.payload.iter().find(|(name, _)| name.eq_ignore_ascii_case(key.as_bytes()))?;
    std::str::from_utf8(value).ok().map(str::trim)
}
