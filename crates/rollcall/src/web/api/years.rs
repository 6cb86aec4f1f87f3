//! `/schools/{id}/new-year`: for a day, a mass change that somebody has looked through is let go by the guard.

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
    school::{
        SchoolId, schools,
        years::{self, NewYear},
    },
    web::{
        envelope::{Answer, Reply},
        error::ApiError,
        extract::Path,
        openapi::Refusals,
    },
};

/// Whether a new school year is open.
#[derive(Serialize, ToSchema)]
pub struct YearState {
    new_year: Option<NewYear>,
}

/// Is a new school year open?
#[utoipa::path(get, path = "/schools/{id}/new-year", tag = "schools", params(("id" = SchoolId, Path)),
    responses((status = 200, body = Answer<YearState>), Refusals))]
pub async fn show_year(State(app): State<App>, caller: Caller, Path(school): Path<SchoolId>) -> Reply<YearState> {
    caller.may_see_school(school)?;
    let mut tx = app.db.read().await?;
    let new_year = years::open(&mut tx, school, app.clock.now()).await?;
    Ok(Answer::ok("ok", YearState { new_year }))
}

/// Begin a new school year
///
/// For 24 hours an import that was looked through first is carried out whole: the guard does not hold what it changes. One
/// that is open goes on as it is.
#[utoipa::path(post, path = "/schools/{id}/new-year", tag = "schools", params(("id" = SchoolId, Path)),
    responses((status = 200, body = Answer<YearState>), Refusals))]
pub async fn start_year(State(app): State<App>, caller: Caller, Path(school): Path<SchoolId>) -> Reply<YearState> {
    let year = turn_year(&app, &caller, school, true).await?;
    Ok(Answer::ok("the new school year is open", YearState { new_year: year }))
}

/// End it before its time
#[utoipa::path(delete, path = "/schools/{id}/new-year", tag = "schools", params(("id" = SchoolId, Path)),
    responses((status = 200, body = Answer<YearState>), Refusals))]
pub async fn end_year(State(app): State<App>, caller: Caller, Path(school): Path<SchoolId>) -> Reply<YearState> {
    let year = turn_year(&app, &caller, school, false).await?;
    Ok(Answer::ok("the new school year is closed", YearState { new_year: year }))
}

async fn turn_year(app: &App, caller: &Caller, school: SchoolId, begins: bool) -> Result<Option<NewYear>, ApiError> {
    caller.may_change_school(school)?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    // Two who press at once begin one.
    schools::lock(&mut tx, school).await?.ok_or_else(|| ApiError::no_such("school", school))?;
    let (action, year) = if begins {
        ("open", Some(years::start(&mut tx, school, caller.id(), now).await?))
    } else {
        years::end(&mut tx, school, now).await?;
        ("close", None)
    };
    let details = year.map_or(json!(null), |year| json!({"ends_at": year.ends_at}));
    let change =
        Change { action, entity: "school_year", entity_id: school.to_string(), school_id: Some(school), details };
    audit::record(&mut tx, caller.actor(), change, now).await?;
    tx.commit().await?;
    Ok(year)
}
