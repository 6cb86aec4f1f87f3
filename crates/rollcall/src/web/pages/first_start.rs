//! `/first-start`: the first admin, for whoever has the code that the server printed, and the first school.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Anybody, Form, Message, Refuse, Reply, View, Visitor, session, show,
    words::{Text, Words},
};
use crate::{
    accounts::{
        audit::{self, Actor, Change},
        first::{self, Error},
        passwords, tokens, users,
    },
    app::App,
    school::schools::{self, NewSchool},
    web::{api::schools::created, error::ApiError},
};

#[derive(Template)]
#[template(path = "first_admin.html")]
struct FirstAdminPage {
    w: &'static Words,
    view: View,
    email: String,
    full_name: String,
    /// Which field is wrong, and why; a room's words are English.
    problem: Option<Problem>,
}

/// What is wrong with a field.
struct Problem {
    field: &'static str,
    ours: Option<Text>,
    rooms: Option<String>,
}

pub async fn show_first_start(State(app): State<App>, anybody: Anybody) -> Reply {
    let mut tx = app.db.read().await?;
    if users::any(&mut tx).await? {
        return Ok(Redirect::to("/").into_response());
    }
    drop(tx);
    admin_page(anybody.view, String::new(), String::new(), None)
}

#[derive(Deserialize)]
pub struct FirstAdmin {
    code: String,
    email: String,
    full_name: String,
    password: String,
}

pub async fn create_first_admin(State(app): State<App>, anybody: Anybody, Form(fields): Form<FirstAdmin>) -> Reply {
    let view = anybody.view;
    let FirstAdmin { code, email, full_name, password } = fields;
    let s = &view.w.signing;
    if !app.first_code.is(&code) {
        let problem = Problem { field: "code", ours: Some(view.w.first.code_wrong), rooms: None };
        return admin_page(view, email, full_name, Some(problem)).refused();
    }
    let hash = match passwords::hash(password).await {
        Ok(hash) => hash,
        Err(error) => {
            let ours = match error {
                passwords::Error::Short => s.password_short,
                passwords::Error::Long => s.password_long,
                error => return Err(error.into()),
            };
            let problem = Problem { field: "password", ours: Some(ours), rooms: None };
            return admin_page(view, email, full_name, Some(problem)).refused();
        }
    };
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let user = match first::create(&mut tx, email.clone(), Some(full_name.clone()), hash, now).await {
        Ok(user) => user,
        Err(Error::NotFirst) => return view.go("/", Some(Message::problem(view.w.first.not_first))),
        Err(Error::User(users::Error::Store(error)) | Error::Store(error)) => return Err(error.into()),
        Err(Error::User(error)) => {
            let problem = Problem { field: "email", ours: None, rooms: Some(error.to_string()) };
            return admin_page(view, email, full_name, Some(problem)).refused();
        }
    };
    let (_, secret) = tokens::start_session(&mut tx, user.id, now).await?;
    let change = Change {
        action: "create",
        entity: "user",
        entity_id: user.id.to_string(),
        school_id: None,
        details: json!({"email": user.email, "role": user.role, "first": true}),
    };
    audit::record(&mut tx, Actor { user_id: Some(user.id), name: &user.email }, change, now).await?;
    tx.commit().await?;
    app.first_code.forget();
    session::begin(&view, secret.reveal(), "/first-start/school", None)
}

fn admin_page(view: View, email: String, full_name: String, problem: Option<Problem>) -> Reply {
    let page = FirstAdminPage { w: view.w, view, email, full_name, problem };
    show(&page.view, &page)
}

#[derive(Template)]
#[template(path = "first_school.html")]
struct FirstSchoolPage {
    w: &'static Words,
    view: View,
    name: String,
    timezone: String,
    zones: Vec<String>,
    problem: Option<Problem>,
}

pub async fn show_first_school(State(app): State<App>, visitor: Visitor) -> Reply {
    visitor.caller.superadmin()?;
    school_page(&app, visitor.view, String::new(), None, None)
}

#[derive(Deserialize)]
pub struct FirstSchool {
    name: String,
    timezone: String,
}

pub async fn create_first_school(State(app): State<App>, visitor: Visitor, Form(fields): Form<FirstSchool>) -> Reply {
    visitor.caller.superadmin()?;
    let Visitor { caller, view } = visitor;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let timezone = Some(fields.timezone.clone());
    let new = NewSchool { name: fields.name.clone(), timezone, ..NewSchool::default() };
    let school = match schools::create(&mut tx, new, now).await {
        Ok(school) => school,
        Err(error) => {
            let Some(field) = error.field() else { return Err(ApiError::from(error)) };
            let problem = Problem { field, ours: None, rooms: Some(error.to_string()) };
            return school_page(&app, view, fields.name, Some(fields.timezone), Some(problem)).refused();
        }
    };
    audit::record(&mut tx, caller.actor(), created(&school), now).await?;
    tx.commit().await?;
    view.go("/connect", Some(Message::good(view.w.first.school_created.with("name", &school.name))))
}

fn school_page(app: &App, view: View, name: String, timezone: Option<String>, problem: Option<Problem>) -> Reply {
    let timezone = timezone.unwrap_or_else(|| usual_zone(app));
    let page = FirstSchoolPage { w: view.w, view, name, timezone, zones: zones(), problem };
    show(&page.view, &page)
}

/// The zone of schools that have none of their own.
pub(super) fn usual_zone(app: &App) -> String {
    app.settings.timezone.iana_name().unwrap_or("UTC").to_owned()
}

/// The names of zones that one can choose from.
pub(super) fn zones() -> Vec<String> {
    let mut zones: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    zones.retain(|name| name == "UTC" || (name.contains('/') && !name.starts_with("Etc/")));
    zones
}

impl Problem {
    #[expect(clippy::ref_option, reason = "templates hand over references")]
    fn is_with(problem: &Option<Problem>, field: &str) -> bool {
        problem.as_ref().is_some_and(|problem| problem.field == field)
    }
}
