//! `/webhooks`: which other programs are told what happens here.

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
    school::{SchoolId, schools, search},
    store::Tx,
    web::{
        envelope::{Answer, Deleted, ListReply, Listed, Reply},
        error::ApiError,
        extract::{Json, Paging, Path, Query, Search, not_null},
        openapi::Refusals,
    },
    webhooks::{
        EndpointId, Kind,
        endpoints::{self, Endpoint, Events, NewEndpoint, Update},
        messages::{self, Delivery},
        secret::Secret,
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WebhookFilter {
    /// Those of one school alone.
    school_id: Option<SchoolId>,
    /// A part of the address.
    search: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct WebhookCreation {
    /// Without one it is told of all schools, which is for the superadmin. A school admin's own counts.
    pub(in crate::web) school_id: Option<SchoolId>,
    /// Where messages are posted to, by `http` or `https`.
    pub(in crate::web) url: String,
    /// What it is told of: `punch.stored`, `student.verified`, `student.failed`, `terminal.silent`, `terminal.back`,
    /// `removals.held`, `terminal.nearly_full`. Without any: all of them.
    pub(in crate::web) events: Option<Vec<String>>,
}

#[derive(Default, Deserialize, ToSchema)]
pub struct WebhookUpdate {
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) url: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) events: Option<Vec<String>>,
    /// One that is switched off forgets what waits for it.
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) is_active: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub struct EndpointWithSecret {
    #[serde(flatten)]
    pub(in crate::web) endpoint: Endpoint,
    /// What every message is signed with. Shown this once.
    pub(in crate::web) secret: String,
}

/// Webhooks
///
/// For administrators: those of the own school, or all.
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", params(WebhookFilter, Paging),
    responses((status = 200, body = Listed<Endpoint>), Refusals))]
pub async fn list_webhooks(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<WebhookFilter>,
    paging: Paging,
) -> ListReply<Endpoint> {
    caller.admin()?;
    let school = caller.school_to_list(filter.school_id)?;
    let mut tx = app.db.read().await?;
    let mut endpoints = endpoints::list(&mut tx, school).await?;
    endpoints.retain(|endpoint| search::finds(filter.search.as_deref(), &[&endpoint.url]));
    Ok(Listed::cut(endpoints, paging))
}

/// Create a webhook
///
/// The answer is the only one that shows its secret. Ten at most for a school, and ten for all schools together.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", request_body = WebhookCreation,
    responses((status = 201, body = Answer<EndpointWithSecret>), Refusals))]
pub async fn create_webhook(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<WebhookCreation>,
) -> Reply<EndpointWithSecret> {
    caller.admin()?;
    let school = if caller.is_superadmin() { new.school_id } else { new.school_id.or(caller.user.school_id) };
    may_change(&caller, school)?;
    let events = match &new.events {
        Some(names) => Events::parse(names.iter().map(String::as_str))?,
        None => Events::parse(Kind::CHOSEN.map(Kind::as_str))?,
    };
    let (now, secret) = (app.clock.now(), Secret::of(rand::random()));
    let mut tx = app.db.write().await?;
    if let Some(school) = school {
        let known = schools::find(&mut tx, school).await?;
        known.ok_or_else(|| ApiError::invalid("school_id", format!("there is no school {school}")))?;
    }
    let new = NewEndpoint { school, url: &new.url, events: &events, made_by: caller.id(), secret: &secret };
    let endpoint = endpoints::create(&mut tx, new, &app.settings.webhook_networks, now).await?;
    audit::record(&mut tx, caller.actor(), change("create", &endpoint), now).await?;
    tx.commit().await?;
    listens(&app, &endpoint);
    let secret = secret.reveal().to_owned();
    Ok(Answer::created(
        "webhook created; keep its secret now, it is not shown again",
        EndpointWithSecret { endpoint, secret },
    ))
}

/// A webhook
#[utoipa::path(get, path = "/webhooks/{id}", tag = "webhooks", params(("id" = EndpointId, Path)),
    responses((status = 200, body = Answer<Endpoint>), Refusals))]
pub async fn show_webhook(State(app): State<App>, caller: Caller, Path(id): Path<EndpointId>) -> Reply<Endpoint> {
    let mut tx = app.db.read().await?;
    Ok(Answer::ok("ok", to_change(&mut tx, &caller, id).await?))
}

/// Change a webhook
///
/// One that was switched off begins anew when it is switched on.
#[utoipa::path(put, path = "/webhooks/{id}", tag = "webhooks", params(("id" = EndpointId, Path)),
    request_body = WebhookUpdate, responses((status = 200, body = Answer<Endpoint>), Refusals))]
pub async fn update_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<EndpointId>,
    Json(update): Json<WebhookUpdate>,
) -> Reply<Endpoint> {
    let now = app.clock.now();
    let events = update.events.as_ref().map(|names| Events::parse(names.iter().map(String::as_str))).transpose()?;
    let mut tx = app.db.write().await?;
    to_change(&mut tx, &caller, id).await?;
    let update = Update { url: update.url.as_deref(), events: events.as_ref(), is_active: update.is_active };
    let endpoint = endpoints::update(&mut tx, id, update, &app.settings.webhook_networks, now).await?;
    let endpoint = endpoint.ok_or_else(|| ApiError::no_such("webhook", id))?;
    audit::record(&mut tx, caller.actor(), change("update", &endpoint), now).await?;
    tx.commit().await?;
    listens(&app, &endpoint);
    Ok(Answer::ok("webhook changed", endpoint))
}

/// Delete a webhook
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "webhooks", params(("id" = EndpointId, Path)),
    responses((status = 200, body = Answer<Deleted>), Refusals))]
pub async fn delete_webhook(State(app): State<App>, caller: Caller, Path(id): Path<EndpointId>) -> Reply<Deleted> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let endpoint = to_change(&mut tx, &caller, id).await?;
    endpoints::delete(&mut tx, id).await?;
    audit::record(&mut tx, caller.actor(), change("delete", &endpoint), now).await?;
    tx.commit().await?;
    Ok(Answer::ok("webhook deleted", Deleted { id: id.0 }))
}

/// Renew the secret of a webhook
///
/// The former one signs beside the new one for a day. The answer is the only one that shows the new one.
#[utoipa::path(post, path = "/webhooks/{id}/renew-secret", tag = "webhooks", params(("id" = EndpointId, Path)),
    responses((status = 200, body = Answer<EndpointWithSecret>), Refusals))]
pub async fn renew_webhook_secret(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<EndpointId>,
) -> Reply<EndpointWithSecret> {
    let (now, secret) = (app.clock.now(), Secret::of(rand::random()));
    let mut tx = app.db.write().await?;
    to_change(&mut tx, &caller, id).await?;
    let endpoint = endpoints::renew(&mut tx, id, &secret, now).await?;
    let endpoint = endpoint.ok_or_else(|| ApiError::no_such("webhook", id))?;
    audit::record(&mut tx, caller.actor(), change("renew-secret", &endpoint), now).await?;
    tx.commit().await?;
    let secret = secret.reveal().to_owned();
    Ok(Answer::ok("secret renewed; keep it now, it is not shown again", EndpointWithSecret { endpoint, secret }))
}

/// Send a test message
///
/// It leaves within seconds, and so does whatever waits for another try; what becomes of it is among the deliveries. A test
/// that waits already is not sent twice.
#[utoipa::path(post, path = "/webhooks/{id}/test", tag = "webhooks", params(("id" = EndpointId, Path)),
    responses((status = 202, body = Answer<Endpoint>), Refusals))]
pub async fn test_webhook(State(app): State<App>, caller: Caller, Path(id): Path<EndpointId>) -> Reply<Endpoint> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let endpoint = to_change(&mut tx, &caller, id).await?;
    if !endpoint.is_active {
        return Err(ApiError::conflict("this webhook is switched off: switch it on first"));
    }
    messages::hurry(&mut tx, id, now).await?;
    endpoints::test(&mut tx, id, now).await?;
    audit::record(&mut tx, caller.actor(), change("test", &endpoint), now).await?;
    tx.commit().await?;
    Ok(Answer::accepted("a test message is on its way", endpoint))
}

/// What became of the messages of a webhook
///
/// The newest first; those that ended are kept for 30 days.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", tag = "webhooks", params(("id" = EndpointId, Path), Search, Paging),
    responses((status = 200, body = Listed<Delivery>), Refusals))]
pub async fn list_webhook_deliveries(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<EndpointId>,
    Query(Search { search }): Query<Search>,
    paging: Paging,
) -> ListReply<Delivery> {
    let mut tx = app.db.read().await?;
    to_change(&mut tx, &caller, id).await?;
    let (deliveries, total) = messages::list(&mut tx, id, search.as_deref(), paging.limit, paging.offset()).await?;
    Ok(Listed::page(deliveries, total, paging))
}

/// A webhook that is his to change. A teacher is not told whether there is one.
async fn to_change(tx: &mut Tx, caller: &Caller, id: EndpointId) -> Result<Endpoint, ApiError> {
    caller.admin()?;
    let endpoint = endpoints::find(tx, id).await?.ok_or_else(|| ApiError::no_such("webhook", id))?;
    may_change(caller, endpoint.school_id)?;
    Ok(endpoint)
}

fn may_change(caller: &Caller, school: Option<SchoolId>) -> Result<(), ApiError> {
    match school {
        Some(school) => caller.may_change_school(school)?,
        None => caller.superadmin()?,
    }
    Ok(())
}

/// This server's writers of punches know at once, the others' within seconds.
fn listens(app: &App, endpoint: &Endpoint) {
    if endpoint.is_active && endpoint.events.contains(Kind::PunchStored) {
        app.recorder.tell(true);
    }
}

fn change(action: &'static str, endpoint: &Endpoint) -> Change {
    let details = json!({"url": endpoint.url, "events": endpoint.events, "is_active": endpoint.is_active});
    let entity_id = endpoint.id.to_string();
    Change { action, entity: "webhook", entity_id, school_id: endpoint.school_id, details }
}

impl From<endpoints::Error> for ApiError {
    fn from(error: endpoints::Error) -> ApiError {
        match error {
            endpoints::Error::Target(_) => ApiError::invalid("url", error),
            endpoints::Error::Kind(_) | endpoints::Error::NoEvents => ApiError::invalid("events", error),
            endpoints::Error::TooMany => ApiError::conflict(error.to_string()),
            endpoints::Error::Store(error) => error.into(),
        }
    }
}
