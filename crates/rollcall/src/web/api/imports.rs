//! `/students/import` and `/schools/import-oneroster`: rosters from files.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    accounts::Caller,
    app::App,
    school::{
        SchoolId,
        import::{
            Mode, Report,
            oneroster::{self, Cards, Package, Roster},
            table::{self, Table},
        },
    },
    sync::import::{self, Import, OneRosterImport},
    web::{
        envelope::{Answer, Reply},
        error::ApiError,
        extract::{File, Query},
        openapi::Refusals,
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    school_id: SchoolId,
    /// Say what would be done, and do nothing.
    #[serde(default)]
    #[param(default = false)]
    dry_run: bool,
    /// What becomes of students who are not in the file.
    #[serde(default)]
    #[param(default = "merge", inline)]
    mode: Mode,
}

/// Import students from CSV
///
/// Separated by comma, semicolon or tab, in UTF-8, UTF-16 or what spreadsheets write. The first line names the columns, in
/// any order: `full_name` and `rfid_card_id`, and if there are any `class_name`, `section_name`, `roll_number`, `is_active`.
/// An empty cell says that there is none; a column that is missing says nothing. A row means the student who holds its card,
/// else the one with its name, class, section and roll number, else a new one. Classes and sections are made. Rows that are
/// wrong are listed with line and reason, the others are applied. `held` says what the guard holds on terminals, or, with
/// `dry_run`, would hold. At most 10 MB, else 413; 422 when the first line does not name the columns.
#[utoipa::path(post, path = "/students/import", tag = "students", params(ImportQuery),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = Answer<Import>), (status = 413, description = "the file has more than 10 MB"), Refusals))]
pub async fn import_students(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ImportQuery>,
    File(file): File,
) -> Reply<Import> {
    let ImportQuery { school_id: school, dry_run, mode } = query;
    caller.may_change_school(school)?;
    let table = Table::read(&file)?;
    let done = if dry_run {
        import::rehearse(&app.db, &app.clock, school, table, mode).await?
    } else {
        import::run(&app.db, &app.clock, caller.actor(), school, table, mode).await?
    };
    let done = done.ok_or_else(|| ApiError::invalid("school_id", format_args!("there is no school {school}")))?;
    app.registry.raise(&done.devices);
    Ok(Answer::ok(message(&done), done))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OneRosterQuery {
    /// Say what would be done, and do nothing.
    #[serde(default)]
    #[param(default = false)]
    dry_run: bool,
    /// What becomes of students of these schools who are not in the files.
    #[serde(default)]
    #[param(default = "merge", inline)]
    mode: Mode,
    /// In which column of users.csv the cards are.
    #[serde(default)]
    #[param(default = "metadata", inline)]
    cards: Cards,
}

/// Import schools, classes and students from OneRoster
///
/// A zip of the CSV files of OneRoster 1.1 or 1.2. For superadmins. Everybody is known by his identifier (`sourcedId`) from the
/// first import on; `tobedeleted` deactivates. Lines of `rejected` are those of users.csv.
#[utoipa::path(post, path = "/schools/import-oneroster", tag = "schools", params(OneRosterQuery),
    request_body(content = Vec<u8>, content_type = "application/zip"),
    responses((status = 200, body = Answer<OneRosterImport>), (status = 413, description = "the file has more than 10 MB"),
        Refusals))]
pub async fn import_oneroster(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<OneRosterQuery>,
    File(file): File,
) -> Reply<OneRosterImport> {
    caller.superadmin()?;
    let OneRosterQuery { dry_run, mode, cards } = query;
    let roster = Package::of_zip(&file).and_then(|package| Roster::read(&package, cards))?;
    let done = if dry_run {
        import::rehearse_oneroster(&app.db, &app.clock, roster, mode).await?
    } else {
        import::run_oneroster(&app.db, &app.clock, caller.actor(), roster, mode).await?
    };
    app.registry.raise(&done.import.devices);
    Ok(Answer::ok(message(&done.import), done))
}

impl From<oneroster::Error> for ApiError {
    fn from(error: oneroster::Error) -> ApiError {
        ApiError::invalid("file", error)
    }
}

/// A file to fill in
#[utoipa::path(get, path = "/students/import/template", tag = "students",
    responses((status = 200, body = String, content_type = "text/csv"), Refusals))]
pub async fn show_import_template(_: Caller) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"students.csv\""),
    ];
    (headers, table::TEMPLATE).into_response()
}

pub(in crate::web) fn message(done: &Import) -> String {
    let Report { added, changed, deactivated, rejected, .. } = &done.report;
    let rejected = rejected.len();
    let held: usize = done.held.iter().map(|held| held.removals + held.card_changes).sum();
    let before = if done.dry_run { "nothing was written; would be: " } else { "" };
    let after = if held > 0 { format!("; {held} changes on terminals wait for a decision") } else { String::new() };
    format!("{before}{added} added, {changed} changed, {deactivated} deactivated, {rejected} lines rejected{after}")
}

impl From<table::Error> for ApiError {
    fn from(error: table::Error) -> ApiError {
        ApiError::invalid("file", error)
    }
}
