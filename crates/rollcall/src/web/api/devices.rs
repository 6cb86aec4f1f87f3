//! `/devices`: terminals as they are registered.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::{
    accounts::{
        Caller,
        audit::{self, Change},
    },
    app::App,
    attendance::attribute,
    devices::{
        DeviceId,
        claim::{self, Enrolled, NewDevice},
        known::{self, Device, Error, Strangers},
    },
    school::SchoolId,
    store::{self, Tx},
    sync::reconcile::Reconciled,
    web::{
        api::changes,
        envelope::{Answer, Deleted, ListReply, Listed, Reply},
        error::ApiError,
        extract::{Json, Paging, Path, Query, given, not_null},
        openapi::Refusals,
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeviceFilter {
    school_id: Option<SchoolId>,
    /// A part of the name or of the serial number.
    search: Option<String>,
}

/// Terminals
#[utoipa::path(get, path = "/devices", tag = "devices", params(DeviceFilter, Paging),
    responses((status = 200, body = Listed<Device>), Refusals))]
pub async fn list_devices(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<DeviceFilter>,
    paging: Paging,
) -> ListReply<Device> {
    let school = caller.school_to_list(filter.school_id)?;
    let mut tx = app.db.read().await?;
    let (rows, total) =
        known::list(&mut tx, school, filter.search.as_deref(), i64::from(paging.limit), paging.offset()).await?;
    Ok(Listed::page(rows, total, paging))
}

#[derive(Deserialize, Serialize, ToSchema)]
pub struct DeviceCreation {
    school_id: SchoolId,
    serial_number: String,
    device_name: String,
    /// An IANA name; without one the school's zone counts.
    timezone: Option<String>,
    /// What happens to people whom the terminal holds and the roster does not know. `report`, unless given.
    strangers: Option<Strangers>,
    /// What becomes of people whom the terminal holds already: `add`, the students are written beside them; `link_cards`,
    /// whoever has a student's card there is that student; `replace`, as `link_cards`, and everybody else is removed. Without
    /// it an admin is asked.
    takeover: Option<String>,
    /// The terminal whose place it takes: it inherits its PINs, and that one is switched off.
    replaces: Option<DeviceId>,
}

/// Register a terminal
///
/// A serial number that was registered before gets its PIN history back, in whatever school that was.
#[utoipa::path(post, path = "/devices", tag = "devices", request_body = DeviceCreation,
    responses((status = 201, body = Answer<Device>), Refusals))]
pub async fn create_device(
    State(app): State<App>,
    caller: Caller,
    Json(fields): Json<DeviceCreation>,
) -> Reply<Device> {
    caller.may_change_school(fields.school_id)?;
    let details = json!(fields);
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let enrolled = claim::create(&mut tx, fields.into(), &app.settings.timezone, now).await;
    let enrolled = enrolled.map_err(|error| refused(&caller, error))?;
    let device = finish(&app, tx, &caller, "create", details, enrolled).await?;
    Ok(Answer::created(format!("{} is registered", device.device_name), device))
}

/// A terminal
#[utoipa::path(get, path = "/devices/{id}", tag = "devices", params(("id" = DeviceId, Path)),
    responses((status = 200, body = Answer<Device>), Refusals))]
pub async fn show_device(State(app): State<App>, caller: Caller, Path(id): Path<DeviceId>) -> Reply<Device> {
    let mut tx = app.db.read().await?;
    let device = find(&mut tx, id).await?;
    caller.may_see_school(device.school_id)?;
    Ok(Answer::ok("ok", device))
}

#[derive(Default, Deserialize, ToSchema)]
pub struct DeviceUpdate {
    /// Moving a terminal to another school is for the superadmin. Its punches stay with the former school.
    #[serde(default, deserialize_with = "not_null")]
    pub school_id: Option<SchoolId>,
    /// Cannot be changed; taken when it is what it was.
    #[serde(default, deserialize_with = "not_null")]
    pub serial_number: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub device_name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub timezone: Option<Option<String>>,
    #[serde(default, deserialize_with = "not_null")]
    pub strangers: Option<Strangers>,
    /// Hours on the terminal's own clock, as `22:00-04:00`; `null`: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub maintenance_window: Option<Option<String>>,
    /// Networks from which it may call, as `10.20.0.0/16, 192.0.2.7`; `null`: from anywhere.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub allowed_addresses: Option<Option<String>>,
    /// False: the terminal is answered and its punches are stored, and it is sent nothing.
    #[serde(default, deserialize_with = "not_null")]
    pub is_active: Option<bool>,
    /// False: what was learnt about how many commands it takes at once is forgotten.
    #[serde(default, deserialize_with = "not_null")]
    pub one_per_poll: Option<bool>,
}

/// Change a terminal
#[utoipa::path(put, path = "/devices/{id}", tag = "devices", params(("id" = DeviceId, Path)),
    request_body = DeviceUpdate, responses((status = 200, body = Answer<Device>), Refusals))]
pub async fn update_device(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DeviceId>,
    Json(fields): Json<DeviceUpdate>,
) -> Reply<Device> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let before = find(&mut tx, id).await?;
    caller.may_change_school(before.school_id)?;
    if fields.school_id.is_some_and(|school| school != before.school_id) {
        caller.superadmin()?;
    }
    let reconciled = known::update(&mut tx, id, fields.into(), now).await.map_err(|error| refused(&caller, error))?;
    let reconciled = reconciled.ok_or_else(|| ApiError::no_such("device", id))?;
    let device = find(&mut tx, id).await?;
    audit::record(&mut tx, caller.actor(), change("update", &device, changes::between(&before, &device)), now).await?;
    tx.commit().await?;
    follow(&app, id, &reconciled).await;
    Ok(Answer::ok(format!("{} is changed", device.device_name), device))
}

/// Delete a terminal
///
/// Hides it. The PIN history stays with the serial number, the punches stay where they are, and the terminal itself keeps
/// whom it holds.
#[utoipa::path(delete, path = "/devices/{id}", tag = "devices", params(("id" = DeviceId, Path)),
    responses((status = 200, body = Answer<Deleted>), Refusals))]
pub async fn delete_device(State(app): State<App>, caller: Caller, Path(id): Path<DeviceId>) -> Reply<Deleted> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let device = find(&mut tx, id).await?;
    caller.may_change_school(device.school_id)?;
    known::delete(&mut tx, id, now).await?;
    audit::record(&mut tx, caller.actor(), change("delete", &device, serde_json::Value::Null), now).await?;
    tx.commit().await?;
    follow(&app, id, &Reconciled::default()).await;
    Ok(Answer::ok(format!("{} is deleted", device.device_name), Deleted { id: id.0 }))
}

/// What is left to do once a terminal is enrolled: audit, commit, punches, registry.
pub(in crate::web) async fn finish(
    app: &App,
    mut tx: Tx,
    caller: &Caller,
    action: &'static str,
    details: serde_json::Value,
    enrolled: Enrolled,
) -> Result<Device, ApiError> {
    let device = find(&mut tx, enrolled.device).await?;
    audit::record(&mut tx, caller.actor(), change(action, &device, details), app.clock.now()).await?;
    tx.commit().await?;
    follow(app, enrolled.device, &enrolled.reconciled).await;
    if let Some(replaced) = enrolled.replaced {
        follow(app, replaced, &Reconciled::default()).await;
    }
    if let Err(error) = attribute::after_claim(&app.db, &enrolled.claimed, app.clock.now()).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            device_id = %enrolled.device,
            "the punches that waited for a terminal are released later"
        );
    }
    Ok(device)
}

/// Why a terminal was not registered or changed, in an answer's form. The name of a terminal is for those who may see it.
pub(in crate::web) fn refused(caller: &Caller, error: Error) -> ApiError {
    match error {
        Error::Taken(by) if caller.may_see_school(by.school_id).is_ok() => {
            ApiError::conflict(format!("this serial number is registered already, as {}", by.device_name))
        }
        Error::Taken(_) | Error::ReplacementHoldsPeople(_) => ApiError::conflict(error.to_string()),
        Error::NotCalled => ApiError::new(http::StatusCode::NOT_FOUND, error.to_string()),
        Error::Store(error) => error.into(),
        error => match error.field() {
            Some(field) => ApiError::invalid(field, error),
            None => ApiError::internal(error),
        },
    }
}

async fn find(tx: &mut Tx, id: DeviceId) -> Result<Device, ApiError> {
    known::find(tx, id).await?.ok_or_else(|| ApiError::no_such("device", id))
}

fn change(action: &'static str, device: &Device, details: serde_json::Value) -> Change {
    Change { action, entity: "device", entity_id: device.id.to_string(), school_id: Some(device.school_id), details }
}

/// The terminal's next request sees what was committed. If this fails, the registry's tick brings it.
pub(super) async fn follow(app: &App, device: DeviceId, reconciled: &Reconciled) {
    let reread = async {
        let mut tx = app.db.read().await?;
        app.registry.reread(&mut tx, device).await
    };
    let reread: store::Result<()> = reread.await;
    if let Err(error) = reread {
        tracing::warn!(error = &error as &dyn std::error::Error, device_id = %device, "a changed device is read later");
    }
    app.registry.raise(&reconciled.devices);
}

impl From<DeviceCreation> for NewDevice {
    fn from(fields: DeviceCreation) -> NewDevice {
        NewDevice {
            school: fields.school_id,
            serial_number: fields.serial_number,
            device_name: fields.device_name,
            timezone: fields.timezone,
            strangers: fields.strangers.unwrap_or_default(),
            takeover: fields.takeover,
            replaces: fields.replaces,
        }
    }
}

impl From<DeviceUpdate> for known::Change {
    fn from(change: DeviceUpdate) -> known::Change {
        known::Change {
            school: change.school_id,
            serial_number: change.serial_number,
            device_name: change.device_name,
            timezone: change.timezone,
            strangers: change.strangers,
            maintenance_window: change.maintenance_window,
            allowed_addresses: change.allowed_addresses,
            is_active: change.is_active,
            one_per_poll: change.one_per_poll,
        }
    }
}
