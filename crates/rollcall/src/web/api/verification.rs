//! `/device/{id}/…`: what a terminal itself says it holds, and what that proves. The same at `/device-management/{id}/…`.

use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::sync::{change, finish, to_change, to_see};
use crate::{
    accounts::{
        Caller,
        audit::{self, Change},
    },
    app::App,
    devices::DeviceId,
    school::{StudentId, search},
    store::Instant,
    sync::{
        found::{self, Drifted, HeldUser},
        proof::{self, Known, Verification},
        timeline::{self, TimelineEvent},
        verify::{self, Begun},
    },
    web::{
        envelope::{Answer, ListReply, Listed, PageOf, PageReply, Reply},
        error::ApiError,
        extract::{Paging, Path, Query, Search},
        openapi::Refusals,
    },
};

/// What is known when a verification begins.
#[derive(Serialize, ToSchema)]
pub struct VerificationBegun {
    #[serde(rename = "deviceId")]
    device_id: DeviceId,
    /// `waiting`: the terminal is offline, or not written to yet.
    pub state: verify::State,
    #[serde(flatten)]
    known: Known,
    /// Students who had failed and are queued again.
    retried: i64,
    /// When it begins, in words.
    message: &'static str,
}

/// Verify a terminal
///
/// Reads the terminal back as soon as it calls, and queues what is missing and what failed at once. Answers what is known
/// now; the outcome is `GET /device/{id}/verification`.
#[utoipa::path(post, path = "/{id}/verify-sync", tag = "verification", params(("id" = DeviceId, Path)),
    responses((status = 202, body = Answer<VerificationBegun>), Refusals))]
pub async fn verify_sync(State(app): State<App>, caller: Caller, Path(id): Path<DeviceId>) -> Reply<VerificationBegun> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let device = to_change(&mut tx, &caller, id).await?;
    let begun = verify::verify(&mut tx, id, now).await?;
    audit::record(&mut tx, caller.actor(), change("verify", &device, json!({ "retried": begun.retried })), now).await?;
    tx.commit().await?;
    let message = format!("Verification of device {}: {}", device.device_name, begun.words);
    let data = VerificationBegun::from(&begun);
    finish(&app, id, begun.reconciled).await?;
    Ok(Answer::accepted(message, data))
}

/// Verify every terminal
///
/// As `verify-sync`, for the terminals of all schools. For the superadmin.
#[utoipa::path(post, path = "/verify-all", tag = "verification",
    responses((status = 202, body = Answer<Vec<VerificationBegun>>), Refusals))]
pub async fn verify_all(State(app): State<App>, caller: Caller) -> Reply<Vec<VerificationBegun>> {
    caller.superadmin()?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let devices = verify::want_all(&mut tx, now).await?;
    let details = json!({ "terminals": devices.len() });
    let (entity_id, school_id) = ("all".to_owned(), None);
    let change = Change { action: "verify", entity: "device", entity_id, school_id, details };
    audit::record(&mut tx, caller.actor(), change, now).await?;
    tx.commit().await?;
    let mut answer = Vec::with_capacity(devices.len());
    for device in devices {
        let mut tx = app.db.write().await?;
        let begun = verify::verify_one_of_all(&mut tx, device, now).await?;
        tx.commit().await?;
        answer.push(VerificationBegun::from(&begun));
        finish(&app, device, begun.reconciled).await?;
    }
    Ok(Answer::accepted(format!("Verification of {} devices begins", answer.len()), answer))
}

/// The last verification of a terminal
///
/// `running` while the terminal is asked. Never verified is `inconclusive`, without numbers. What was repaired because of it
/// is looked at again by itself; what is still wrong after that is in `GET /device/{id}/drift`.
#[utoipa::path(get, path = "/{id}/verification", tag = "verification", params(("id" = DeviceId, Path)),
    responses((status = 200, body = Answer<Verification>), Refusals))]
pub async fn show_verification(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DeviceId>,
) -> Reply<Verification> {
    let mut tx = app.db.read().await?;
    to_see(&mut tx, &caller, id).await?;
    Ok(Answer::ok("ok", proof::verification(&mut tx, id).await?))
}

#[derive(Serialize, ToSchema)]
pub struct HeldUsers {
    /// Everybody who is there is in the list: when the terminal was last read, it told as many as it counted.
    complete: bool,
    /// People that the terminal counted then.
    counted: Option<i64>,
    #[schema(value_type = Option<String>, format = DateTime)]
    read_at: Option<Instant>,
    users: Vec<HeldUser>,
}

/// Whom a terminal says it holds
///
/// In its own words, by PIN.
#[utoipa::path(get, path = "/{id}/users", tag = "verification", params(("id" = DeviceId, Path), Search, Paging),
    responses((status = 200, body = PageOf<HeldUsers>), Refusals))]
pub async fn list_held_users(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DeviceId>,
    Query(Search { search }): Query<Search>,
    paging: Paging,
) -> PageReply<HeldUsers> {
    let mut tx = app.db.read().await?;
    to_see(&mut tx, &caller, id).await?;
    let read = found::last_reading(&mut tx, id).await?;
    let (users, total) = found::users(&mut tx, id, search.as_deref(), paging.limit.into(), paging.offset()).await?;
    let data = HeldUsers { complete: read.complete, counted: read.counted, read_at: read.read_at, users };
    Ok(PageOf::new(data, total, paging))
}

/// What differs on a terminal, as far as readings found it and nothing has mended it.
#[derive(Serialize, ToSchema)]
pub struct ShownDrift {
    /// The last reading of the whole terminal told as many people as it counted.
    complete: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    read_at: Option<Instant>,
    /// Students who should be there and are not.
    missing: Vec<Drifted>,
    /// Fields that are other ones there; a student may be here twice.
    different: Vec<Drifted>,
    /// People who were never students of ours.
    strangers: Vec<Drifted>,
    /// Students who should have gone and are still there.
    extra: Vec<Drifted>,
}

/// What differs on a terminal
#[utoipa::path(get, path = "/{id}/drift", tag = "verification", params(("id" = DeviceId, Path)),
    responses((status = 200, body = Answer<ShownDrift>), Refusals))]
pub async fn show_drift(State(app): State<App>, caller: Caller, Path(id): Path<DeviceId>) -> Reply<ShownDrift> {
    let mut tx = app.db.read().await?;
    to_see(&mut tx, &caller, id).await?;
    let read = found::last_reading(&mut tx, id).await?;
    let found::Drift { missing, different, strangers, extra } = found::drift(&mut tx, id).await?;
    let drift = ShownDrift { complete: read.complete, read_at: read.read_at, missing, different, strangers, extra };
    Ok(Answer::ok("ok", drift))
}

/// What happened to a student on a terminal
///
/// Newest first: what was wanted, queued, sent, acknowledged, and what the terminal itself was seen to hold.
#[utoipa::path(get, path = "/{id}/students/{student_id}/timeline", tag = "verification",
    params(("id" = DeviceId, Path), ("student_id" = StudentId, Path), Search, Paging),
    responses((status = 200, body = Listed<TimelineEvent>), Refusals))]
pub async fn list_timeline(
    State(app): State<App>,
    caller: Caller,
    Path((id, student)): Path<(DeviceId, StudentId)>,
    Query(Search { search }): Query<Search>,
    paging: Paging,
) -> ListReply<TimelineEvent> {
    let mut tx = app.db.read().await?;
    to_see(&mut tx, &caller, id).await?;
    let school = caller.school_to_list(None)?;
    let events = timeline::timeline(&mut tx, id, student, school).await?;
    let mut events = events.ok_or_else(|| ApiError::no_such("student on this device", student))?;
    events.retain(|event| search::finds(search.as_deref(), &[&event.words]));
    Ok(Listed::cut(events, paging))
}

impl From<&Begun> for VerificationBegun {
    fn from(begun: &Begun) -> VerificationBegun {
        VerificationBegun {
            device_id: begun.device,
            state: begun.state,
            known: begun.known,
            retried: begun.retried,
            message: begun.words,
        }
    }
}
