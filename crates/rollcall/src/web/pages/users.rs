//! `/users`: who may sign in, and as what.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "templates hand over references")]

use askama::Template;
use axum::extract::State;
use serde::Deserialize;

use super::{Form, Message, Refuse, Reply, View, Visitor, pager::Pager, show, words::Words};
use crate::{
    accounts::{
        Role, UserId,
        users::{self, User},
    },
    app::App,
    school::{SchoolId, schools::School, search},
    web::{
        api::users::{self as api, UserCreation, UserUpdate},
        error::ApiError,
        extract::{Json, Path, Query},
    },
};

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    w: &'static Words,
    view: View,
    me: UserId,
    search: String,
    users: Vec<User>,
    pager: Pager,
    fields: UserForm,
    problem: Option<(String, String)>,
}

#[derive(Default, Deserialize)]
pub struct UsersQuery {
    search: Option<String>,
    page: Option<i64>,
}

pub async fn list_users(State(app): State<App>, visitor: Visitor, Query(query): Query<UsersQuery>) -> Reply {
    users_page(&app, visitor, query, UserForm::default(), None).await
}

async fn users_page(
    app: &App,
    visitor: Visitor,
    query: UsersQuery,
    fields: UserForm,
    problem: Option<(String, String)>,
) -> Reply {
    let Visitor { caller, mut view } = visitor;
    caller.admin()?;
    let mut tx = app.db.read().await?;
    let mut users = users::list(&mut tx, view.school).await?;
    let search = query.search.unwrap_or_default();
    users.retain(|user| search::finds(Some(&search), &[&*user.email, user.full_name.as_deref().unwrap_or_default()]));
    let (users, pager) = Pager::cut("/users", &[("search", &search)], query.page, users);
    view.know(&mut tx, users.iter().filter_map(|user| user.school_id)).await?;
    drop(tx);
    let page = UsersPage { w: view.w, me: caller.id(), view, search, users, pager, fields, problem };
    show(&page.view, &page)
}

impl UsersPage {
    fn is_me(&self, user: &User) -> bool {
        user.id == self.me
    }

    fn school_of(&self, user: &User) -> &str {
        user.school_id.map_or("", |school| self.view.name_of(school))
    }

    fn is_wrong(&self, field: &str) -> bool {
        self.problem.as_ref().is_some_and(|(wrong, _)| wrong == field)
    }

    fn why(&self) -> &str {
        self.problem.as_ref().map_or("", |(_, why)| why)
    }
}

/// What the form of a user brings.
#[derive(Clone, Default, Deserialize)]
pub struct UserForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    full_name: String,
    role: Option<Role>,
    #[serde(default)]
    school_id: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    is_active: String,
}

impl UserForm {
    fn school(&self) -> Option<SchoolId> {
        self.school_id.parse().ok().map(SchoolId)
    }

    fn is_role(&self, role: &Role) -> bool {
        self.role == Some(*role)
    }

    fn is_school(&self, school: &SchoolId) -> bool {
        self.school() == Some(*school)
    }
}

/// The roles that somebody may give.
fn roles(view: &View) -> Vec<(Role, super::words::Text)> {
    let c = &view.w.common;
    let all = [(Role::Teacher, c.teacher), (Role::SchoolAdmin, c.school_admin), (Role::Superadmin, c.superadmin)];
    all.into_iter().filter(|(role, _)| *role != Role::Superadmin || view.is_superadmin()).collect()
}

fn role_in_words(w: &Words, role: &Role) -> &'static str {
    match role {
        Role::Superadmin => w.common.superadmin.0,
        Role::SchoolAdmin => w.common.school_admin.0,
        Role::Teacher => w.common.teacher.0,
    }
}

pub async fn create_user(State(app): State<App>, visitor: Visitor, Form(fields): Form<UserForm>) -> Reply {
    let role = fields.role.unwrap_or(Role::Teacher);
    let new = UserCreation {
        email: fields.email.clone(),
        password: fields.password.clone(),
        role,
        school_id: if role == Role::Superadmin { None } else { fields.school() },
        full_name: Some(fields.full_name.clone()).filter(|name| !name.trim().is_empty()),
    };
    match api::create_user(State(app.clone()), visitor.caller.clone(), Json(new)).await {
        Ok(user) => {
            let message = visitor.view.w.settings.user_created.with("name", &user.data().email);
            visitor.view.go("/users", Some(Message::good(message)))
        }
        Err(error) => {
            let Some((field, why)) = error.problem() else { return Err(error) };
            // Somebody has this address.
            let field = if field.is_empty() { "email" } else { field };
            let (problem, status) = ((field.to_owned(), why.to_owned()), error.status());
            users_page(&app, visitor, UsersQuery::default(), fields, Some(problem)).await.with_status(status)
        }
    }
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    w: &'static Words,
    view: View,
    user: User,
    is_me: bool,
    fields: UserForm,
    problem: Option<(String, String)>,
}

impl UserPage {
    /// The schools that may become his: of many his own and the chosen one.
    fn choices(&self) -> impl Iterator<Item = &School> {
        self.view.schools.iter().chain(&self.view.others)
    }

    fn is_wrong(&self, field: &str) -> bool {
        self.problem.as_ref().is_some_and(|(wrong, _)| wrong == field)
    }
}

pub async fn show_user(State(app): State<App>, visitor: Visitor, Path(id): Path<UserId>) -> Reply {
    let user = find(&app, &visitor, id).await?;
    let fields = UserForm {
        email: user.email.clone(),
        full_name: user.full_name.clone().unwrap_or_default(),
        role: Some(user.role),
        school_id: user.school_id.map(|school| school.to_string()).unwrap_or_default(),
        password: String::new(),
        is_active: String::new(),
    };
    user_page(&app, visitor, user, fields, None).await
}

/// The API's handler asks whether he may.
async fn find(app: &App, visitor: &Visitor, id: UserId) -> Result<User, ApiError> {
    let answer = api::show_user(State(app.clone()), visitor.caller.clone(), Path(id)).await?;
    Ok(answer.data().clone())
}

async fn user_page(
    app: &App,
    visitor: Visitor,
    user: User,
    fields: UserForm,
    problem: Option<(String, String)>,
) -> Reply {
    let Visitor { caller, mut view } = visitor;
    if view.is_of_many {
        let mut tx = app.db.read().await?;
        view.know(&mut tx, user.school_id).await?;
    }
    let page = UserPage { w: view.w, is_me: caller.id() == user.id, view, user, fields, problem };
    show(&page.view, &page)
}

pub async fn update_user(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<UserId>,
    Form(fields): Form<UserForm>,
) -> Reply {
    let user = find(&app, &visitor, id).await?;
    let role = fields.role.unwrap_or(user.role);
    let update = UserUpdate {
        email: Some(fields.email.clone()),
        password: Some(fields.password.clone()).filter(|password| !password.is_empty()),
        role: Some(role),
        school_id: Some(if role == Role::Superadmin { None } else { fields.school().or(user.school_id) }),
        full_name: Some(Some(fields.full_name.clone()).filter(|name| !name.trim().is_empty())),
        is_active: Some(fields.is_active != "no"),
    };
    match api::update_user(State(app.clone()), visitor.caller.clone(), Path(id), Json(update)).await {
        Ok(user) => {
            let message = visitor.view.w.settings.user_changed.with("name", &user.data().email);
            visitor.view.go("/users", Some(Message::good(message)))
        }
        Err(error) => {
            let Some((field, why)) = error.problem() else { return Err(error) };
            let (problem, status) = ((field.to_owned(), why.to_owned()), error.status());
            user_page(&app, visitor, user, fields, Some(problem)).await.with_status(status)
        }
    }
}

pub async fn delete_user(State(app): State<App>, visitor: Visitor, Path(id): Path<UserId>) -> Reply {
    let user = find(&app, &visitor, id).await?;
    let Visitor { caller, view } = visitor;
    let done = api::delete_user(State(app), caller, Path(id)).await;
    // The last superadmin stays.
    view.back("/users", done, |_| view.w.settings.deleted.with("name", &user.email))
}
