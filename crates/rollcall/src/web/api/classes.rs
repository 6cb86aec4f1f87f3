//! `/classes`.

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
        ClassId, SchoolId,
        classes::{self, Class},
        search,
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
pub struct ClassFilter {
    school_id: Option<SchoolId>,
    /// Part of a name.
    search: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct ClassCreation {
    pub(in crate::web) school_id: SchoolId,
    pub(in crate::web) class_name: String,
}

/// A class stays in its school.
#[derive(Deserialize, ToSchema)]
pub struct ClassUpdate {
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) school_id: Option<SchoolId>,
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) class_name: Option<String>,
}

/// Classes
#[utoipa::path(get, path = "/classes", tag = "classes", params(ClassFilter, Paging),
    responses((status = 200, body = Listed<Class>), Refusals))]
pub async fn list_classes(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<ClassFilter>,
    paging: Paging,
) -> ListReply<Class> {
    let mut tx = app.db.read().await?;
    let mut classes = classes::list(&mut tx, caller.school_to_list(filter.school_id)?).await?;
    classes.retain(|class| search::finds(filter.search.as_deref(), &[&class.class_name]));
    Ok(Listed::cut(classes, paging))
}

/// Create a class
#[utoipa::path(post, path = "/classes", tag = "classes", request_body = ClassCreation,
    responses((status = 201, body = Answer<Class>), Refusals))]
pub async fn create_class(State(app): State<App>, caller: Caller, Json(new): Json<ClassCreation>) -> Reply<Class> {
    caller.may_change_school(new.school_id)?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let class = classes::create(&mut tx, new.school_id, &new.class_name, now).await?;
    audit::record(&mut tx, caller.actor(), change("create", &class, changes::created(&class)), now).await?;
    tx.commit().await?;
    Ok(Answer::created("class created", class))
}

/// A class
#[utoipa::path(get, path = "/classes/{id}", tag = "classes", params(("id" = ClassId, Path)),
    responses((status = 200, body = Answer<Class>), Refusals))]
pub async fn show_class(State(app): State<App>, caller: Caller, Path(id): Path<ClassId>) -> Reply<Class> {
    let mut tx = app.db.read().await?;
    let class = classes::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("class", id))?;
    caller.may_see_school(class.school_id)?;
    Ok(Answer::ok("ok", class))
}

/// Rename a class
#[utoipa::path(put, path = "/classes/{id}", tag = "classes", params(("id" = ClassId, Path)), request_body = ClassUpdate,
    responses((status = 200, body = Answer<Class>), Refusals))]
pub async fn update_class(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ClassId>,
    Json(update): Json<ClassUpdate>,
) -> Reply<Class> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let before = classes::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("class", id))?;
    caller.may_change_school(before.school_id)?;
    if update.school_id.is_some_and(|school| school != before.school_id) {
        return Err(ApiError::invalid("school_id", "a class stays in its school"));
    }
    let name = update.class_name.as_deref().unwrap_or(&before.class_name);
    let class = classes::rename(&mut tx, &before, name).await?.ok_or_else(|| ApiError::no_such("class", id))?;
    let details = changes::between(&before, &class);
    audit::record(&mut tx, caller.actor(), change("update", &class, details), now).await?;
    tx.commit().await?;
    Ok(Answer::ok("class changed", class))
}

/// Delete a class
///
/// With its sections. Its students stay, without a class.
#[utoipa::path(delete, path = "/classes/{id}", tag = "classes", params(("id" = ClassId, Path)),
    responses((status = 200, body = Answer<Deleted>), Refusals))]
pub async fn delete_class(State(app): State<App>, caller: Caller, Path(id): Path<ClassId>) -> Reply<Deleted> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let class = classes::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("class", id))?;
    caller.may_change_school(class.school_id)?;
    classes::delete(&mut tx, id).await?;
    audit::record(&mut tx, caller.actor(), change("delete", &class, changes::created(&class)), now).await?;
    tx.commit().await?;
    Ok(Answer::ok("class deleted; its students have none now", Deleted { id: id.0 }))
}

fn change(action: &'static str, class: &Class, details: serde_json::Value) -> Change {
    Change { action, entity: "class", entity_id: class.id.to_string(), school_id: Some(class.school_id), details }
}

impl From<classes::Error> for ApiError {
    fn from(error: classes::Error) -> ApiError {
        match error {
            classes::Error::Name(_) => ApiError::invalid("class_name", error),
            classes::Error::NoSuchSchool(_) => ApiError::invalid("school_id", error),
            classes::Error::NameTaken(_) => ApiError::conflict(error.to_string()),
            classes::Error::Store(error) => error.into(),
        }
    }
}
