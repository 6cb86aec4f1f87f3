//! `/students`. What a change means for terminals is queued in its own transaction.

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
        ClassId, SchoolId, SectionId, StudentId, placement,
        students::{self, Draft, Filter, Student},
    },
    store::Tx,
    sync::reconcile::{Scope, reconcile},
    web::{
        envelope::{Answer, Deleted, ListReply, Listed, Reply},
        error::ApiError,
        extract::{Json, Paging, Path, Query, given, not_null},
        openapi::Refusals,
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StudentFilter {
    school_id: Option<SchoolId>,
    class_id: Option<ClassId>,
    section_id: Option<SectionId>,
    is_active: Option<bool>,
    /// Part of a name, a card or a roll number, whatever the accents and capitals.
    search: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct StudentCreation {
    school_id: SchoolId,
    full_name: String,
    /// Decimal digits, or hexadecimal with a letter or `0x`.
    rfid_card_id: Option<String>,
    class_id: Option<ClassId>,
    section_id: Option<SectionId>,
    roll_number: Option<String>,
    #[schema(default = true)]
    is_active: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
pub struct StudentUpdate {
    #[serde(default, deserialize_with = "not_null")]
    school_id: Option<SchoolId>,
    #[serde(default, deserialize_with = "not_null")]
    full_name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    rfid_card_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<ClassId>)]
    class_id: Option<Option<ClassId>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<SectionId>)]
    section_id: Option<Option<SectionId>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    roll_number: Option<Option<String>>,
    #[serde(default, deserialize_with = "not_null")]
    is_active: Option<bool>,
}

/// Students
#[utoipa::path(get, path = "/students", tag = "students", params(StudentFilter, Paging),
    responses((status = 200, body = Listed<Student>), Refusals))]
pub async fn list_students(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<StudentFilter>,
    paging: Paging,
) -> ListReply<Student> {
    let filter = Filter {
        school_id: caller.school_to_list(filter.school_id)?,
        class_id: filter.class_id,
        section_id: filter.section_id,
        is_active: filter.is_active,
        search: filter.search,
    };
    let mut tx = app.db.read().await?;
    let (students, total) = students::list(&mut tx, &filter, paging.limit, paging.offset()).await?;
    Ok(Listed::page(students, total, paging))
}

/// Create a student
///
/// 409 with the name of the active student of the school who has the card.
#[utoipa::path(post, path = "/students", tag = "students", request_body = StudentCreation,
    responses((status = 201, body = Answer<Student>), Refusals))]
pub async fn create_student(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<StudentCreation>,
) -> Reply<Student> {
    let draft = Draft {
        school_id: new.school_id,
        class_id: new.class_id,
        section_id: new.section_id,
        full_name: new.full_name,
        rfid_card_id: new.rfid_card_id,
        roll_number: new.roll_number,
        is_active: new.is_active.unwrap_or(true),
    };
    Ok(Answer::created("student created", create(&app, &caller, draft).await?))
}

pub(in crate::web) async fn create(app: &App, caller: &Caller, draft: Draft) -> Result<Student, ApiError> {
    caller.may_change_school(draft.school_id)?;
    let now = app.clock.now();
    let mut tx = begin(app).await?;
    let student = students::create(&mut tx, draft, now).await?;
    audit::record(&mut tx, caller.actor(), change("create", &student, serde_json::Value::Null), now).await?;
    let reconciled = reconcile(&mut tx, Scope::Student(student.id), now).await?;
    tx.commit().await?;
    app.registry.raise(&reconciled.devices);
    Ok(student)
}

/// A student
#[utoipa::path(get, path = "/students/{id}", tag = "students", params(("id" = StudentId, Path)),
    responses((status = 200, body = Answer<Student>), Refusals))]
pub async fn show_student(State(app): State<App>, caller: Caller, Path(id): Path<StudentId>) -> Reply<Student> {
    let mut tx = app.db.read().await?;
    let student = students::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("student", id))?;
    caller.may_see_school(student.school_id)?;
    Ok(Answer::ok("ok", student))
}

/// Change a student
///
/// A class and section that do not fit a new school are cleared unless new ones are given.
#[utoipa::path(put, path = "/students/{id}", tag = "students", params(("id" = StudentId, Path)),
    request_body = StudentUpdate, responses((status = 200, body = Answer<Student>), Refusals))]
pub async fn update_student(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<StudentId>,
    Json(update): Json<StudentUpdate>,
) -> Reply<Student> {
    Ok(Answer::ok("student changed", change_student(&app, &caller, id, |draft| update.onto(draft)).await?))
}

pub(in crate::web) async fn change_student(
    app: &App,
    caller: &Caller,
    id: StudentId,
    update: impl FnOnce(Draft) -> Draft,
) -> Result<Student, ApiError> {
    let now = app.clock.now();
    let mut tx = begin(app).await?;
    let before = students::lock(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("student", id))?;
    caller.may_change_school(before.school_id)?;
    let draft = update(Draft::from(&before));
    caller.may_change_school(draft.school_id)?;
    let student = students::update(&mut tx, &before, draft, now).await?;
    let details = changes::names_between(&before, &student);
    audit::record(&mut tx, caller.actor(), change("update", &student, details), now).await?;
    let reconciled = reconcile(&mut tx, Scope::Student(id), now).await?;
    tx.commit().await?;
    app.registry.raise(&reconciled.devices);
    Ok(student)
}

/// Delete a student
///
/// He is removed from terminals, unless the guard holds that; his punches stay.
#[utoipa::path(delete, path = "/students/{id}", tag = "students", params(("id" = StudentId, Path)),
    responses((status = 200, body = Answer<Deleted>), Refusals))]
pub async fn delete_student(State(app): State<App>, caller: Caller, Path(id): Path<StudentId>) -> Reply<Deleted> {
    delete(&app, &caller, id).await?;
    Ok(Answer::ok("student deleted", Deleted { id: id.0 }))
}

pub(in crate::web) async fn delete(app: &App, caller: &Caller, id: StudentId) -> Result<Student, ApiError> {
    let now = app.clock.now();
    let mut tx = begin(app).await?;
    let student = students::lock(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("student", id))?;
    caller.may_change_school(student.school_id)?;
    students::delete(&mut tx, id, now).await?;
    audit::record(&mut tx, caller.actor(), change("delete", &student, serde_json::Value::Null), now).await?;
    let reconciled = reconcile(&mut tx, Scope::Student(id), now).await?;
    tx.commit().await?;
    app.registry.raise(&reconciled.devices);
    Ok(student)
}

/// Every change here reconciles its student before it is committed.
async fn begin(app: &App) -> Result<Tx, ApiError> {
    let mut tx = app.db.write().await?;
    tx.sees_to_the_roster().await?;
    Ok(tx)
}

fn change(action: &'static str, student: &Student, details: serde_json::Value) -> Change {
    let entity_id = student.id.to_string();
    Change { action, entity: "student", entity_id, school_id: Some(student.school_id), details }
}

impl StudentUpdate {
    fn onto(self, student: Draft) -> Draft {
        Draft {
            school_id: self.school_id.unwrap_or(student.school_id),
            class_id: self.class_id.unwrap_or(student.class_id),
            section_id: self.section_id.unwrap_or(student.section_id),
            full_name: self.full_name.unwrap_or(student.full_name),
            rfid_card_id: self.rfid_card_id.unwrap_or(student.rfid_card_id),
            roll_number: self.roll_number.unwrap_or(student.roll_number),
            is_active: self.is_active.unwrap_or(student.is_active),
        }
    }
}

impl From<students::Error> for ApiError {
    fn from(error: students::Error) -> ApiError {
        match error {
            students::Error::Name(_) => ApiError::invalid("full_name", error),
            students::Error::Card(_) => ApiError::invalid("rfid_card_id", error),
            students::Error::CardTaken { .. } => ApiError::conflict(error.to_string()),
            students::Error::NoSuchSchool(_) => ApiError::invalid("school_id", error),
            students::Error::Placement(placement::Error::Class(_)) => ApiError::invalid("class_id", error),
            students::Error::Placement(placement::Error::Section(_) | placement::Error::SectionOfOtherClass(_)) => {
                ApiError::invalid("section_id", error)
            }
            students::Error::Placement(placement::Error::Store(error)) | students::Error::Store(error) => error.into(),
        }
    }
}
