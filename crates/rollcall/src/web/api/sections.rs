//! `/sections`.

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
        ClassId, SchoolId, SectionId, classes, search,
        sections::{self, Section},
    },
    web::{
        envelope::{Answer, Deleted, ListReply, Listed, Reply},
        error::ApiError,
        extract::{Json, Paging, Path, Query, not_null},
        openapi::Refusals,
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SectionFilter {
    school_id: Option<SchoolId>,
    class_id: Option<ClassId>,
    /// Part of a name.
    search: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct SectionCreation {
    pub(in crate::web) class_id: ClassId,
    pub(in crate::web) section_name: String,
}

/// A section stays in its class.
#[derive(Deserialize, ToSchema)]
pub struct SectionUpdate {
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) class_id: Option<ClassId>,
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) section_name: Option<String>,
}

/// Sections
#[utoipa::path(get, path = "/sections", tag = "sections", params(SectionFilter, Paging),
    responses((status = 200, body = Listed<Section>), Refusals))]
pub async fn list_sections(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<SectionFilter>,
    paging: Paging,
) -> ListReply<Section> {
    let mut tx = app.db.read().await?;
    let mut sections = sections::list(&mut tx, caller.school_to_list(filter.school_id)?, filter.class_id).await?;
    sections.retain(|section| search::finds(filter.search.as_deref(), &[&section.section_name]));
    Ok(Listed::cut(sections, paging))
}

/// Create a section
#[utoipa::path(post, path = "/sections", tag = "sections", request_body = SectionCreation,
    responses((status = 201, body = Answer<Section>), Refusals))]
pub async fn create_section(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<SectionCreation>,
) -> Reply<Section> {
    caller.may_change()?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    if let Some(class) = classes::find(&mut tx, new.class_id).await? {
        caller.may_change_school(class.school_id)?;
    }
    let section = sections::create(&mut tx, new.class_id, &new.section_name, now).await?;
    audit::record(&mut tx, caller.actor(), change("create", &section, changes::created(&section)), now).await?;
    tx.commit().await?;
    Ok(Answer::created("section created", section))
}

/// A section
#[utoipa::path(get, path = "/sections/{id}", tag = "sections", params(("id" = SectionId, Path)),
    responses((status = 200, body = Answer<Section>), Refusals))]
pub async fn show_section(State(app): State<App>, caller: Caller, Path(id): Path<SectionId>) -> Reply<Section> {
    let mut tx = app.db.read().await?;
    let section = sections::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("section", id))?;
    caller.may_see_school(section.school_id)?;
    Ok(Answer::ok("ok", section))
}

/// Rename a section
#[utoipa::path(put, path = "/sections/{id}", tag = "sections", params(("id" = SectionId, Path)),
    request_body = SectionUpdate, responses((status = 200, body = Answer<Section>), Refusals))]
pub async fn update_section(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<SectionId>,
    Json(update): Json<SectionUpdate>,
) -> Reply<Section> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let before = sections::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("section", id))?;
    caller.may_change_school(before.school_id)?;
    if update.class_id.is_some_and(|class| class != before.class_id) {
        return Err(ApiError::invalid("class_id", "a section stays in its class"));
    }
    let name = update.section_name.as_deref().unwrap_or(&before.section_name);
    let section = sections::rename(&mut tx, &before, name).await?.ok_or_else(|| ApiError::no_such("section", id))?;
    let details = changes::between(&before, &section);
    audit::record(&mut tx, caller.actor(), change("update", &section, details), now).await?;
    tx.commit().await?;
    Ok(Answer::ok("section changed", section))
}

/// Delete a section
///
/// Its students stay in their class.
#[utoipa::path(delete, path = "/sections/{id}", tag = "sections", params(("id" = SectionId, Path)),
    responses((status = 200, body = Answer<Deleted>), Refusals))]
pub async fn delete_section(State(app): State<App>, caller: Caller, Path(id): Path<SectionId>) -> Reply<Deleted> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let section = sections::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("section", id))?;
    caller.may_change_school(section.school_id)?;
    sections::delete(&mut tx, id).await?;
    audit::record(&mut tx, caller.actor(), change("delete", &section, changes::created(&section)), now).await?;
    tx.commit().await?;
    Ok(Answer::ok("section deleted; its students have none now", Deleted { id: id.0 }))
}

fn change(action: &'static str, section: &Section, details: serde_json::Value) -> Change {
    let entity_id = section.id.to_string();
    Change { action, entity: "section", entity_id, school_id: Some(section.school_id), details }
}

impl From<sections::Error> for ApiError {
    fn from(error: sections::Error) -> ApiError {
        match error {
            sections::Error::Name(_) => ApiError::invalid("section_name", error),
            sections::Error::NoSuchClass(_) => ApiError::invalid("class_id", error),
            sections::Error::NameTaken(_) => ApiError::conflict(error.to_string()),
            sections::Error::Store(error) => error.into(),
        }
    }
}
