//! `/attendance`: punches.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    accounts::Caller,
    app::App,
    attendance::punches::{self, Filter, Moment, Punch},
    devices::{DeviceId, known},
    school::{SchoolId, StudentId},
    web::{
        envelope::{ListReply, Listed},
        error::ApiError,
        extract::{Paging, Query},
        openapi::Refusals,
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PunchFilter {
    school_id: Option<SchoolId>,
    device_id: Option<DeviceId>,
    student_id: Option<StudentId>,
    /// Device-local, inclusive: `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SS`.
    from: Option<String>,
    /// Device-local, exclusive; a bare date includes that day.
    to: Option<String>,
    /// A PIN, or a part of a student's name.
    search: Option<String>,
}

/// Punches
///
/// The latest first. A punch belongs to the school that its terminal belonged to at that time.
#[utoipa::path(get, path = "/attendance", tag = "attendance", params(PunchFilter, Paging),
    responses((status = 200, body = Listed<Punch>), Refusals))]
pub async fn list_punches(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<PunchFilter>,
    paging: Paging,
) -> ListReply<Punch> {
    let filter = Filter {
        school: caller.school_to_list(query.school_id)?,
        device: query.device_id,
        student: query.student_id,
        from: moment("from", query.from.as_deref())?,
        to: moment("to", query.to.as_deref())?,
        search: query.search,
    };
    let mut tx = app.db.read().await?;
    let (rows, total) = punches::list(&mut tx, &filter, i64::from(paging.limit), paging.offset()).await?;
    if let (0, Some(device)) = (total, query.device_id) {
        // A terminal that moved to another school has left its punches here; one that was never here has nothing to say.
        let school = known::school_of(&mut tx, device).await?.ok_or_else(|| ApiError::no_such("device", device))?;
        caller.may_see_school(school)?;
    }
    Ok(Listed::page(rows, total, paging))
}

fn moment(field: &str, text: Option<&str>) -> Result<Option<Moment>, ApiError> {
    let parse =
        |text| Moment::parse(text).ok_or_else(|| ApiError::invalid(field, "write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS"));
    text.map(parse).transpose()
}
