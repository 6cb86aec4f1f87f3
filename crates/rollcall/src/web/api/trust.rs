//! `POST /device/{id}/confirm`: somebody says that a suspected terminal is his. The same at `/device-management/{id}/confirm`.

use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    devices::follow,
    sync::{change, to_change},
};
use crate::{
    accounts::{Caller, audit},
    app::App,
    devices::{DeviceId, trust},
    sync::reconcile::Reconciled,
    web::{
        envelope::{Answer, Reply},
        error::ApiError,
        extract::Path,
        openapi::Refusals,
    },
};

#[derive(Serialize, ToSchema)]
pub struct Confirmed {
    #[serde(rename = "deviceId")]
    device_id: DeviceId,
    /// What was doubted: `comm_key` or `addresses`.
    suspicion: String,
}

/// Confirm that a terminal is yours
///
/// A terminal that announced another communication key, or calls from two addresses in turn, may be another device under the
/// same serial number: it is handed nothing until this is called. 409 when nobody doubts it.
#[utoipa::path(post, path = "/{id}/confirm", tag = "devices", params(("id" = DeviceId, Path)),
    responses((status = 200, body = Answer<Confirmed>), Refusals))]
pub async fn confirm_device(State(app): State<App>, caller: Caller, Path(id): Path<DeviceId>) -> Reply<Confirmed> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let device = to_change(&mut tx, &caller, id).await?;
    let suspected = trust::confirm(&mut tx, id, now).await?;
    let suspected = suspected.ok_or_else(|| ApiError::conflict("nobody doubts this terminal"))?;
    audit::record(&mut tx, caller.actor(), change("confirm", &device, json!({"was": suspected.says()})), now).await?;
    tx.commit().await?;
    follow(&app, id, &Reconciled { devices: vec![id], ..Reconciled::default() }).await;
    let message = format!("{} is believed again: what waits for it leaves with its next polls", device.device_name);
    Ok(Answer::ok(message, Confirmed { device_id: id, suspicion: suspected.suspicion }))
}
