//! `/device/{id}/…`: whether a terminal is in step, and the buttons. The same at `/device-management/{id}/…`.

use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    accounts::{
        Caller,
        audit::{self, Change},
    },
    app::App,
    devices::{
        DeviceId,
        known::{self, Device},
    },
    school::StudentId,
    store::Tx,
    sync::{
        again::{self, Again, Wish},
        overview::{self, LogFilter, LoggedCommand, StudentState, Summary},
        proof::{self, Proof},
        reconcile::{Reconciled, Scope, reconcile},
        removals::{self, Counts},
    },
    web::{
        envelope::{Answer, ListReply, Listed, Reply},
        error::ApiError,
        extract::{Paging, Path, Query, Search},
        openapi::Refusals,
    },
};

#[derive(Serialize, ToSchema)]
pub struct FullSync {
    #[serde(rename = "deviceId")]
    device_id: DeviceId,
    /// Students who belong on this terminal.
    #[serde(rename = "totalStudents")]
    total_students: i64,
    /// Of them, those for whom a command is queued, or waits for the answer to an earlier one.
    #[serde(rename = "commandsQueued")]
    pub commands_queued: i64,
    /// When they will leave, in words.
    message: String,
}

#[derive(Serialize, ToSchema)]
pub struct SyncStatus {
    summary: Summary,
    /// People who do not belong on the terminal any more and whose removal waits for a decision. They are not in `summary`.
    held_removals: i64,
    /// Students whose change of card waits for a decision.
    held_cards: i64,
    /// How much of that the terminal itself has shown to be so.
    proof: Proof,
    students: Vec<StudentState>,
}

/// Whose command was queued again.
#[derive(Serialize, ToSchema)]
pub struct Retried {
    #[serde(rename = "deviceId")]
    device_id: DeviceId,
    #[serde(rename = "studentId")]
    student_id: StudentId,
}

/// Sync all students
///
/// Queues every student of the school for this terminal again, whatever was done before. Nothing is removed first.
#[utoipa::path(post, path = "/{id}/sync-students", tag = "sync", params(("id" = DeviceId, Path)),
    responses((status = 200, body = Answer<FullSync>), Refusals))]
pub async fn sync_students(State(app): State<App>, caller: Caller, Path(id): Path<DeviceId>) -> Reply<FullSync> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let device = to_change(&mut tx, &caller, id).await?;
    let done = again::full_sync(&mut tx, id, now).await?;
    let details = json!({ "students": done.total_students, "commands": done.commands_queued });
    audit::record(&mut tx, caller.actor(), change("sync", &device, details), now).await?;
    tx.commit().await?;
    finish(&app, id, done.reconciled).await?;
    let data = FullSync {
        device_id: id,
        total_students: done.total_students,
        commands_queued: done.commands_queued,
        message: when_they_leave(&device, done.commands_queued),
    };
    Ok(Answer::ok(format!("Full sync queued for device {}", device.device_name), data))
}

/// Is this terminal in step?
#[utoipa::path(get, path = "/{id}/sync-status", tag = "sync", params(("id" = DeviceId, Path)),
    responses((status = 200, body = Answer<SyncStatus>), Refusals))]
pub async fn show_sync_status(State(app): State<App>, caller: Caller, Path(id): Path<DeviceId>) -> Reply<SyncStatus> {
    let mut tx = app.db.read().await?;
    to_see(&mut tx, &caller, id).await?;
    let students = overview::students(&mut tx, id).await?;
    let summary = Summary::of(students.iter().map(|student| (student.sync_status.as_str(), 1)));
    let Counts { held_removals, held_cards, .. } = removals::counts(&mut tx, id).await?;
    let proof = proof::proof(&mut tx, id).await?;
    Ok(Answer::ok("ok", SyncStatus { summary, held_removals, held_cards, proof, students }))
}

/// Retry a student who failed or drifted
///
/// 409 when he did neither, saying what he is.
#[utoipa::path(post, path = "/{id}/students/{student_id}/retry", tag = "sync",
    params(("id" = DeviceId, Path), ("student_id" = StudentId, Path)),
    responses((status = 200, body = Answer<Retried>), Refusals))]
pub async fn retry_student(
    State(app): State<App>,
    caller: Caller,
    Path((id, student)): Path<(DeviceId, StudentId)>,
) -> Reply<Retried> {
    queue_again(&app, &caller, (id, student), Wish::Retry).await
}

/// Send one student again
///
/// Whatever became of him before: he is written as the database has him, or removed if he does not belong there. 409 while a
/// change of his waits for a decision, or was decided against.
#[utoipa::path(post, path = "/{id}/students/{student_id}/push", tag = "sync",
    params(("id" = DeviceId, Path), ("student_id" = StudentId, Path)),
    responses((status = 200, body = Answer<Retried>), Refusals))]
pub async fn push_student(
    State(app): State<App>,
    caller: Caller,
    Path((id, student)): Path<(DeviceId, StudentId)>,
) -> Reply<Retried> {
    queue_again(&app, &caller, (id, student), Wish::Push).await
}

async fn queue_again(app: &App, caller: &Caller, (id, student): (DeviceId, StudentId), wish: Wish) -> Reply<Retried> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let device = to_change(&mut tx, caller, id).await?;
    let reconciled = match again::student(&mut tx, id, student, wish, now).await? {
        Again::Queued(reconciled) => reconciled,
        Again::NotOnTerminal => return Err(ApiError::no_such("student on this device", student)),
        Again::Not(state) => {
            return Err(ApiError::conflict(match wish {
                Wish::Retry => format!("this student is not failed or drifted on this device, but {state}"),
                Wish::Push => format!("this student's change on this device is {state}: approve or reject it first"),
            }));
        }
    };
    let details = json!({ "student_id": student });
    audit::record(&mut tx, caller.actor(), change(wish.as_str(), &device, details), now).await?;
    tx.commit().await?;
    finish(app, id, reconciled).await?;
    Ok(Answer::ok("queued again", Retried { device_id: id, student_id: student }))
}

/// The command log of a terminal
///
/// Newest first.
#[utoipa::path(get, path = "/{id}/commands", tag = "sync", params(("id" = DeviceId, Path), Search, Paging),
    responses((status = 200, body = Listed<LoggedCommand>), Refusals))]
pub async fn list_commands(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DeviceId>,
    Query(Search { search }): Query<Search>,
    paging: Paging,
) -> ListReply<LoggedCommand> {
    let mut tx = app.db.read().await?;
    to_see(&mut tx, &caller, id).await?;
    let filter = LogFilter { school: caller.school_to_list(None)?, text: search.as_deref() };
    let (rows, total) = overview::commands(&mut tx, id, filter, paging.limit.into(), paging.offset()).await?;
    Ok(Listed::page(rows, total, paging))
}

pub(super) async fn to_see(tx: &mut Tx, caller: &Caller, id: DeviceId) -> Result<Device, ApiError> {
    let device = known::find(tx, id).await?.ok_or_else(|| ApiError::no_such("device", id))?;
    caller.may_see_school(device.school_id)?;
    Ok(device)
}

pub(super) async fn to_change(tx: &mut Tx, caller: &Caller, id: DeviceId) -> Result<Device, ApiError> {
    let device = to_see(tx, caller, id).await?;
    caller.may_change()?;
    Ok(device)
}

pub(super) fn change(action: &'static str, device: &Device, details: serde_json::Value) -> Change {
    let (entity_id, school_id) = (device.id.to_string(), Some(device.school_id));
    Change { action, entity: "device", entity_id, school_id, details }
}

/// Queues what one transaction could not hold, and lets the next poll find it.
pub(super) async fn finish(app: &App, device: DeviceId, mut done: Reconciled) -> Result<(), ApiError> {
    while done.is_partial {
        let mut tx = app.db.write().await?;
        done = reconcile(&mut tx, Scope::Device(device), app.clock.now()).await?;
        tx.commit().await?;
    }
    app.registry.raise(&[device]);
    Ok(())
}

fn when_they_leave(device: &Device, queued: i64) -> String {
    match device.start_state.as_str() {
        "writing" if device.is_online => format!("{queued} commands leave with the next polls"),
        "writing" => format!("{queued} commands leave when the terminal connects"),
        "holds_people" => "the terminal already holds people: decide first what happens to them (takeover)".to_owned(),
        _ => "everybody is queued when the terminal has called for the first time".to_owned(),
    }
}
