//! `/device/{id}/removals…`: what the guard holds, and a person's decision. The same at `/device-management/{id}/…`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::sync::{change, finish, to_change, to_see};
use crate::{
    accounts::{Caller, audit},
    app::App,
    devices::DeviceId,
    school::StudentId,
    sync::removals::{self, Decided, Decision, Removals},
    web::{
        envelope::{Answer, Reply},
        error::ApiError,
        extract::{OptionalJson, Path, not_null},
        openapi::Refusals,
    },
};

/// About whom somebody decides.
// A field that is spelt wrongly must not mean everybody.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// Everybody who is held, unless given.
    #[serde(default, deserialize_with = "not_null")]
    student_ids: Option<Vec<StudentId>>,
}

#[derive(Serialize, ToSchema)]
pub struct Decisions {
    /// How many people were decided about. Who was decided about before does not count again.
    decided: u64,
    /// How many are still held.
    held: i64,
}

/// What waits for a decision
///
/// Removals and changes of card that are too many at once are held until somebody approves or rejects them. Additions and
/// changes of names go on meanwhile.
#[utoipa::path(get, path = "/{id}/removals", tag = "sync", params(("id" = DeviceId, Path)),
    responses((status = 200, body = Answer<Removals>), Refusals))]
pub async fn list_removals(State(app): State<App>, caller: Caller, Path(id): Path<DeviceId>) -> Reply<Removals> {
    let mut tx = app.db.read().await?;
    to_see(&mut tx, &caller, id).await?;
    Ok(Answer::ok("ok", removals::list(&mut tx, id).await?))
}

/// Approve what is held
///
/// It is queued at once, and not held again. Given ids may also name people who are kept since an earlier decision.
#[utoipa::path(post, path = "/{id}/removals/approve", tag = "sync", params(("id" = DeviceId, Path)),
    request_body = Option<Chosen>, responses((status = 200, body = Answer<Decisions>), Refusals))]
pub async fn approve_removals(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DeviceId>,
    OptionalJson(chosen): OptionalJson<Chosen>,
) -> Reply<Decisions> {
    decide(&app, &caller, id, Decision::Approve, chosen).await
}

/// Reject what is held
///
/// The terminal keeps these people, or their former cards, until the roster changes for them again.
#[utoipa::path(post, path = "/{id}/removals/reject", tag = "sync", params(("id" = DeviceId, Path)),
    request_body = Option<Chosen>, responses((status = 200, body = Answer<Decisions>), Refusals))]
pub async fn reject_removals(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DeviceId>,
    OptionalJson(chosen): OptionalJson<Chosen>,
) -> Reply<Decisions> {
    decide(&app, &caller, id, Decision::Reject, chosen).await
}

async fn decide(app: &App, caller: &Caller, id: DeviceId, decision: Decision, chosen: Chosen) -> Reply<Decisions> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let device = to_change(&mut tx, caller, id).await?;
    let (decided, reconciled) =
        match removals::decide(&mut tx, id, decision, chosen.student_ids.as_deref(), now).await? {
            Decided::Done { people, reconciled } => (people, reconciled),
            Decided::NotHeld(students) => return Err(ApiError::invalid("student_ids", removals::not_held(&students))),
        };
    let details = json!({"removals": decided, "student_ids": chosen.student_ids});
    audit::record(&mut tx, caller.actor(), change(decision.verb(), &device, details), now).await?;
    let held = removals::list(&mut tx, id).await?.held;
    tx.commit().await?;
    finish(app, id, reconciled).await?;
    let message = match decision {
        Decision::Approve => format!("approved for {decided} people: their commands leave with the next polls"),
        Decision::Reject => format!("rejected for {decided} people: the terminal keeps them as they are"),
    };
    Ok(Answer::ok(message, Decisions { decided, held }))
}
