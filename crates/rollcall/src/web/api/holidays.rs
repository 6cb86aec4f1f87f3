//! `/schools/{id}/holidays`.

use axum::extract::State;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    accounts::{
        Caller,
        audit::{self, Change},
    },
    app::App,
    school::{
        SchoolId,
        holidays::{self, Holiday},
        search,
    },
    web::{
        envelope::{Answer, Deleted, ListReply, Listed, Reply},
        error::ApiError,
        extract::{Json, Paging, Path, Query, Search},
        openapi::Refusals,
    },
};

#[derive(Deserialize, ToSchema)]
pub struct HolidayCreation {
    /// `YYYY-MM-DD`.
    pub(in crate::web) first_day: String,
    /// `YYYY-MM-DD`, included. Without it the holiday is one day.
    pub(in crate::web) last_day: Option<String>,
    pub(in crate::web) name: String,
}

/// Holidays of a school
///
/// The earliest first. A terminal that is silent on one of them is no alarm.
#[utoipa::path(get, path = "/schools/{id}/holidays", tag = "schools", params(("id" = SchoolId, Path), Search, Paging),
    responses((status = 200, body = Listed<Holiday>), Refusals))]
pub async fn list_holidays(
    State(app): State<App>,
    caller: Caller,
    Path(school): Path<SchoolId>,
    Query(Search { search }): Query<Search>,
    paging: Paging,
) -> ListReply<Holiday> {
    caller.may_see_school(school)?;
    let mut tx = app.db.read().await?;
    let mut holidays = holidays::list(&mut tx, school).await?;
    holidays.retain(|holiday| search::finds(search.as_deref(), &[&holiday.name]));
    Ok(Listed::cut(holidays, paging))
}

/// Add a holiday
#[utoipa::path(post, path = "/schools/{id}/holidays", tag = "schools", params(("id" = SchoolId, Path)),
    request_body = HolidayCreation, responses((status = 201, body = Answer<Holiday>), Refusals))]
pub async fn create_holiday(
    State(app): State<App>,
    caller: Caller,
    Path(school): Path<SchoolId>,
    Json(new): Json<HolidayCreation>,
) -> Reply<Holiday> {
    caller.may_change_school(school)?;
    let first = day("first_day", &new.first_day)?;
    let last = new.last_day.as_deref().map_or(Ok(first), |last| day("last_day", last))?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let holiday = holidays::create(&mut tx, school, (first, last), &new.name, now).await?;
    audit::record(&mut tx, caller.actor(), change("create", &holiday), now).await?;
    tx.commit().await?;
    Ok(Answer::created("holiday added", holiday))
}

/// Delete a holiday
#[utoipa::path(delete, path = "/schools/{id}/holidays/{holiday_id}", tag = "schools",
    params(("id" = SchoolId, Path), ("holiday_id" = i64, Path)),
    responses((status = 200, body = Answer<Deleted>), Refusals))]
pub async fn delete_holiday(
    State(app): State<App>,
    caller: Caller,
    Path((school, id)): Path<(SchoolId, i64)>,
) -> Reply<Deleted> {
    caller.may_change_school(school)?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let holiday = holidays::delete(&mut tx, school, id).await?.ok_or_else(|| ApiError::no_such("holiday", id))?;
    audit::record(&mut tx, caller.actor(), change("delete", &holiday), now).await?;
    tx.commit().await?;
    Ok(Answer::ok(format!("{} deleted", holiday.name), Deleted { id }))
}

fn day(field: &str, text: &str) -> Result<Date, ApiError> {
    text.parse().map_err(|_| ApiError::invalid(field, format!("{text:?} is no day like 2026-12-24")))
}

fn change(action: &'static str, holiday: &Holiday) -> Change {
    let details = json!({"name": holiday.name, "first_day": holiday.first_day, "last_day": holiday.last_day});
    let entity_id = holiday.id.to_string();
    Change { action, entity: "holiday", entity_id, school_id: Some(holiday.school_id), details }
}

impl From<holidays::Error> for ApiError {
    fn from(error: holidays::Error) -> ApiError {
        match error {
            holidays::Error::Name(_) => ApiError::invalid("name", error),
            holidays::Error::Order => ApiError::invalid("last_day", error),
            holidays::Error::Store(error) => error.into(),
        }
    }
}
