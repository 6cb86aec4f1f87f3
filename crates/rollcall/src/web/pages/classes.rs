//! Classes and sections, made, renamed and deleted on the page of their school.

use axum::extract::State;
use serde::Deserialize;

use super::{Form, Reply, Visitor};
use crate::{
    app::App,
    school::{
        ClassId, SchoolId, SectionId, classes,
        sections::{self, Section},
    },
    web::{
        api::{
            self,
            classes::{ClassCreation, ClassUpdate},
            sections::{SectionCreation, SectionUpdate},
        },
        error::ApiError,
        extract::{Json, Path},
    },
};

/// A class or a section by its new name.
#[derive(Deserialize)]
pub struct Named {
    name: String,
}

pub async fn create_class(
    State(app): State<App>,
    visitor: Visitor,
    Path(school): Path<SchoolId>,
    Form(Named { name }): Form<Named>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let new = ClassCreation { school_id: school, class_name: name };
    let done = api::classes::create_class(State(app), caller, Json(new)).await;
    view.back(&classes_of(school), done, |class| view.w.settings.added.with("name", &class.class_name))
}

pub async fn rename_class(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<ClassId>,
    Form(Named { name }): Form<Named>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let school = school_of_class(&app, id).await?;
    let update = ClassUpdate { school_id: None, class_name: Some(name) };
    let done = api::classes::update_class(State(app), caller, Path(id), Json(update)).await;
    view.back(&class_of(school, id), done, |class| view.w.settings.renamed.with("name", &class.class_name))
}

pub async fn delete_class(State(app): State<App>, visitor: Visitor, Path(id): Path<ClassId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let mut tx = app.db.read().await?;
    let class = classes::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("class", id))?;
    drop(tx);
    let done = api::classes::delete_class(State(app), caller, Path(id)).await;
    view.back(&classes_of(class.school_id), done, |_| view.w.settings.deleted.with("name", &class.class_name))
}

pub async fn create_section(
    State(app): State<App>,
    visitor: Visitor,
    Path(class): Path<ClassId>,
    Form(Named { name }): Form<Named>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let school = school_of_class(&app, class).await?;
    let new = SectionCreation { class_id: class, section_name: name };
    let done = api::sections::create_section(State(app), caller, Json(new)).await;
    view.back(&class_of(school, class), done, |section| view.w.settings.added.with("name", &section.section_name))
}

pub async fn rename_section(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<SectionId>,
    Form(Named { name }): Form<Named>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let Section { school_id: school, class_id: class, .. } = section(&app, id).await?;
    let update = SectionUpdate { class_id: None, section_name: Some(name) };
    let done = api::sections::update_section(State(app), caller, Path(id), Json(update)).await;
    view.back(&class_of(school, class), done, |section| view.w.settings.renamed.with("name", &section.section_name))
}

pub async fn delete_section(State(app): State<App>, visitor: Visitor, Path(id): Path<SectionId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let section = section(&app, id).await?;
    let done = api::sections::delete_section(State(app), caller, Path(id)).await;
    view.back(&class_of(section.school_id, section.class_id), done, |_| {
        view.w.settings.deleted.with("name", &section.section_name)
    })
}

async fn school_of_class(app: &App, id: ClassId) -> Result<SchoolId, ApiError> {
    let mut tx = app.db.read().await?;
    Ok(classes::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("class", id))?.school_id)
}

async fn section(app: &App, id: SectionId) -> Result<Section, ApiError> {
    let mut tx = app.db.read().await?;
    sections::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("section", id))
}

/// Where the classes of a school are.
fn classes_of(school: SchoolId) -> String {
    format!("/school?school={school}#classes")
}

/// The same, with one of them open.
fn class_of(school: SchoolId, class: ClassId) -> String {
    format!("/school?school={school}&class={class}#class-{class}")
}
