//! `/schools`.

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::changes;
use crate::{
    accounts::{
        Caller,
        audit::{self, Change},
    },
    app::App,
    school::{
        SchoolId,
        schools::{self, NewSchool, School},
        search,
    },
    web::{
        envelope::{Answer, Deleted, ListReply, Listed, Reply},
        error::ApiError,
        extract::{Json, Paging, Path, Query, given, not_null},
        openapi::Refusals,
    },
    webhooks::endpoints::{self, Off},
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SchoolFilter {
    /// Part of a name.
    search: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct SchoolCreation {
    name: String,
    /// An IANA name such as `Africa/Nairobi`.
    timezone: Option<String>,
    /// `HH:MM`
    #[schema(default = "08:00")]
    day_starts_at: Option<String>,
    #[schema(default = 10)]
    grace_minutes: Option<i64>,
    #[schema(default = 20)]
    guard_percent: Option<i64>,
    #[schema(default = 10)]
    guard_number: Option<i64>,
}

#[derive(Deserialize, ToSchema)]
pub struct SchoolUpdate {
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(in crate::web) timezone: Option<Option<String>>,
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) day_starts_at: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) grace_minutes: Option<i64>,
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) guard_percent: Option<i64>,
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) guard_number: Option<i64>,
}

/// Schools
#[utoipa::path(get, path = "/schools", tag = "schools", params(SchoolFilter, Paging),
    responses((status = 200, body = Listed<School>), Refusals))]
pub async fn list_schools(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<SchoolFilter>,
    paging: Paging,
) -> ListReply<School> {
    let mut tx = app.db.read().await?;
    let mut schools = schools::list(&mut tx, caller.school_to_list(None)?).await?;
    schools.retain(|school| search::finds(filter.search.as_deref(), &[&school.name]));
    Ok(Listed::cut(schools, paging))
}

/// Create a school
///
/// For the superadmin.
#[utoipa::path(post, path = "/schools", tag = "schools", request_body = SchoolCreation,
    responses((status = 201, body = Answer<School>), Refusals))]
pub async fn create_school(State(app): State<App>, caller: Caller, Json(new): Json<SchoolCreation>) -> Reply<School> {
    caller.superadmin()?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let new = NewSchool {
        name: new.name,
        timezone: new.timezone,
        day_starts_at: new.day_starts_at,
        grace_minutes: new.grace_minutes,
        guard_percent: new.guard_percent,
        guard_number: new.guard_number,
    };
    let school = schools::create(&mut tx, new, now).await?;
    audit::record(&mut tx, caller.actor(), created(&school), now).await?;
    tx.commit().await?;
    Ok(Answer::created("school created", school))
}

/// A school
#[utoipa::path(get, path = "/schools/{id}", tag = "schools", params(("id" = SchoolId, Path)),
    responses((status = 200, body = Answer<School>), Refusals))]
pub async fn show_school(State(app): State<App>, caller: Caller, Path(id): Path<SchoolId>) -> Reply<School> {
    let mut tx = app.db.read().await?;
    let school = schools::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("school", id))?;
    caller.may_see_school(id)?;
    Ok(Answer::ok("ok", school))
}

/// Change a school
#[utoipa::path(put, path = "/schools/{id}", tag = "schools", params(("id" = SchoolId, Path)), request_body = SchoolUpdate,
    responses((status = 200, body = Answer<School>), Refusals))]
pub async fn update_school(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<SchoolId>,
    Json(update): Json<SchoolUpdate>,
) -> Reply<School> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let before = schools::lock(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("school", id))?;
    caller.may_change_school(id)?;
    let wanted = School {
        name: update.name.unwrap_or_else(|| before.name.clone()),
        timezone: update.timezone.unwrap_or_else(|| before.timezone.clone()),
        day_starts_at: update.day_starts_at.unwrap_or_else(|| before.day_starts_at.clone()),
        grace_minutes: update.grace_minutes.unwrap_or(before.grace_minutes),
        guard_percent: update.guard_percent.unwrap_or(before.guard_percent),
        guard_number: update.guard_number.unwrap_or(before.guard_number),
        ..before.clone()
    };
    let school = schools::update(&mut tx, wanted, now).await?.ok_or_else(|| ApiError::no_such("school", id))?;
    let details = changes::between(&before, &school);
    audit::record(&mut tx, caller.actor(), change("update", id, details), now).await?;
    tx.commit().await?;
    Ok(Answer::ok("school changed", school))
}

/// Delete a school
///
/// For the superadmin. Its students count as gone: they are removed from its terminals, unless the guard holds that.
#[utoipa::path(delete, path = "/schools/{id}", tag = "schools", params(("id" = SchoolId, Path)),
    responses((status = 200, body = Answer<Deleted>), Refusals))]
pub async fn delete_school(State(app): State<App>, caller: Caller, Path(id): Path<SchoolId>) -> Reply<Deleted> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let school = schools::lock(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("school", id))?;
    caller.superadmin()?;
    schools::delete(&mut tx, id, now).await?;
    // Nobody of that school could do it any more, and its terminals still call.
    for endpoint in endpoints::list(&mut tx, Some(id)).await? {
        endpoints::switch_off(&mut tx, endpoint.id, Off::Admin, now).await?;
    }
    audit::record(&mut tx, caller.actor(), change("delete", id, changes::created(&school)), now).await?;
    tx.commit().await?;
    // Many terminals, each a transaction of its own: the loop does that.
    app.wake.tell(|changes| {
        changes.schools.insert(id.0);
    });
    Ok(Answer::ok("school deleted", Deleted { id: id.0 }))
}

/// What the audit log says of a new school.
pub fn created(school: &School) -> Change {
    change("create", school.id, changes::created(school))
}

fn change(action: &'static str, id: SchoolId, details: serde_json::Value) -> Change {
    Change { action, entity: "school", entity_id: id.to_string(), school_id: Some(id), details }
}

impl From<schools::Error> for ApiError {
    fn from(error: schools::Error) -> ApiError {
        match (error.field(), error) {
            (_, schools::Error::Store(error)) => error.into(),
            (field, error) => ApiError::invalid(field.unwrap_or("school"), error),
        }
    }
}
