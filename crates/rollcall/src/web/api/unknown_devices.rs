//! `/devices/unknown`: terminals that called and are not registered, or whose school was deleted.
//!
//! They belong to no school yet, so every school's admin is shown all of them: he has to find his own, by the serial number
//! on its label. He is shown what helps with that: serial number, model, firmware, when it called. From where it called,
//! how many people it holds and how many punches wait are the superadmin's, because they would tell about other schools.
//! A claim is written into the audit log, and the superadmin may move a terminal that went to the wrong school.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::devices;
use crate::{
    accounts::Caller,
    app::App,
    attendance::quarantine,
    devices::{
        DeviceId,
        claim::{self, NewDevice},
        known::{Device, Strangers},
        unknown::{self, UnknownTerminal},
    },
    school::SchoolId,
    store::Instant,
    web::{
        envelope::{Answer, ListReply, Listed, Reply},
        extract::{Json, Paging, Path, Query},
        openapi::Refusals,
    },
};

/// A terminal that called and is not registered.
#[derive(Serialize, ToSchema)]
pub struct UnknownDevice {
    serial_number: String,
    device_type: Option<String>,
    dialect: Option<String>,
    push_version: Option<String>,
    firmware_version: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    first_seen: Instant,
    #[schema(value_type = String, format = DateTime)]
    last_seen: Instant,
    /// Where it last called from. For the superadmin.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// People whom it says it holds. For the superadmin.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_count: Option<i64>,
    /// Punches that wait for somebody to claim it. For the superadmin.
    #[serde(skip_serializing_if = "Option::is_none")]
    punches: Option<i64>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UnknownFilter {
    /// A part of the serial number.
    search: Option<String>,
}

/// Terminals that nobody registered
///
/// The latest caller first.
#[utoipa::path(get, path = "/devices/unknown", tag = "devices", params(UnknownFilter, Paging),
    responses((status = 200, body = Listed<UnknownDevice>), Refusals))]
pub async fn list_unknown_devices(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<UnknownFilter>,
    paging: Paging,
) -> ListReply<UnknownDevice> {
    caller.admin()?;
    let mut tx = app.db.read().await?;
    let (rows, total) =
        unknown::list(&mut tx, filter.search.as_deref(), i64::from(paging.limit), paging.offset()).await?;
    let counts = if caller.is_superadmin() {
        quarantine::counts(&mut tx, rows.iter().map(|row| row.serial_number.as_str())).await?
    } else {
        BTreeMap::new()
    };
    let rows = rows.into_iter().map(|row| UnknownDevice::shown_to(&caller, row, &counts)).collect();
    Ok(Listed::page(rows, total, paging))
}

impl UnknownDevice {
    fn shown_to(caller: &Caller, row: UnknownTerminal, punches: &BTreeMap<String, i64>) -> UnknownDevice {
        let sees_all = caller.is_superadmin();
        UnknownDevice {
            punches: punches.get(&row.serial_number).copied(),
            serial_number: row.serial_number,
            device_type: row.device_type,
            dialect: row.dialect,
            push_version: row.push_version,
            firmware_version: row.firmware_version,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            address: Some(row.address).filter(|_| sees_all),
            user_count: row.user_count.filter(|_| sees_all),
        }
    }
}

#[derive(Deserialize, Serialize, ToSchema)]
pub struct DeviceClaim {
    pub(in crate::web) school_id: SchoolId,
    pub(in crate::web) device_name: String,
    /// An IANA name; without one the school's zone counts.
    pub(in crate::web) timezone: Option<String>,
    /// What happens to people whom the terminal holds and the roster does not know. `report`, unless given.
    pub(in crate::web) strangers: Option<Strangers>,
    /// What becomes of people whom the terminal holds already: `add`, the students are written beside them; `link_cards`,
    /// whoever has a student's card there is that student; `replace`, as `link_cards`, and everybody else is removed. Without
    /// it an admin is asked.
    pub(in crate::web) takeover: Option<String>,
    /// The terminal whose place it takes: it inherits its PINs, and that one is switched off.
    pub(in crate::web) replaces: Option<DeviceId>,
}

/// Claim a terminal
///
/// Registers a terminal that called. The punches that it brought meanwhile are its school's from then on.
#[utoipa::path(post, path = "/devices/unknown/{serial_number}/claim", tag = "devices",
    params(("serial_number" = String, Path)), request_body = DeviceClaim,
    responses((status = 201, body = Answer<Device>), Refusals))]
pub async fn claim_unknown_device(
    State(app): State<App>,
    caller: Caller,
    Path(serial_number): Path<String>,
    Json(claim): Json<DeviceClaim>,
) -> Reply<Device> {
    caller.may_change_school(claim.school_id)?;
    let details = json!(claim);
    let now = app.clock.now();
    let new = NewDevice {
        school: claim.school_id,
        serial_number,
        device_name: claim.device_name,
        timezone: claim.timezone,
        strangers: claim.strangers.unwrap_or_default(),
        takeover: claim.takeover,
        replaces: claim.replaces,
    };
    let mut tx = app.db.write().await?;
    let enrolled = claim::claim(&mut tx, new, &app.settings.timezone, now).await;
    let enrolled = enrolled.map_err(|error| devices::refused(&caller, error))?;
    let device = devices::finish(&app, tx, &caller, "claim", details, enrolled).await?;
    Ok(Answer::created(format!("{} is claimed", device.device_name), device))
}
