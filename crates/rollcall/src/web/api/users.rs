//! `/users`. A superadmin manages everybody; a school's admin the people of his school who are no superadmins.

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::changes;
use crate::{
    accounts::{
        Caller, Role, UserId,
        audit::{self, Change},
        passwords, tokens,
        users::{self, NewUser, User},
    },
    app::App,
    school::{SchoolId, search},
    web::{
        envelope::{Answer, Deleted, ListReply, Listed, Reply},
        error::ApiError,
        extract::{Json, Paging, Path, Query, given, not_null},
        openapi::Refusals,
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UserFilter {
    school_id: Option<SchoolId>,
    role: Option<Role>,
    /// Part of a name or an address.
    search: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct UserCreation {
    pub(in crate::web) email: String,
    /// At least 8 characters.
    pub(in crate::web) password: String,
    pub(in crate::web) role: Role,
    /// Needed for every role but superadmin. A school's admin may leave it out: his own.
    pub(in crate::web) school_id: Option<SchoolId>,
    pub(in crate::web) full_name: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct UserUpdate {
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) email: Option<String>,
    /// Ends the user's sessions. One's own is changed by `POST /auth/password`, which asks for the current one.
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) password: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) role: Option<Role>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<SchoolId>)]
    pub(in crate::web) school_id: Option<Option<SchoolId>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(in crate::web) full_name: Option<Option<String>>,
    /// An inactive user is out at once, and so are his tokens.
    #[serde(default, deserialize_with = "not_null")]
    pub(in crate::web) is_active: Option<bool>,
}

/// Users
#[utoipa::path(get, path = "/users", tag = "users", params(UserFilter, Paging),
    responses((status = 200, body = Listed<User>), Refusals))]
pub async fn list_users(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<UserFilter>,
    paging: Paging,
) -> ListReply<User> {
    caller.admin()?;
    let mut tx = app.db.read().await?;
    let mut users = users::list(&mut tx, caller.school_to_list(filter.school_id)?).await?;
    users.retain(|user| {
        let texts = [&*user.email, user.full_name.as_deref().unwrap_or_default()];
        filter.role.is_none_or(|role| user.role == role) && search::finds(filter.search.as_deref(), &texts)
    });
    Ok(Listed::cut(users, paging))
}

/// Create a user
#[utoipa::path(post, path = "/users", tag = "users", request_body = UserCreation,
    responses((status = 201, body = Answer<User>), Refusals))]
pub async fn create_user(State(app): State<App>, caller: Caller, Json(new): Json<UserCreation>) -> Reply<User> {
    caller.admin()?;
    let school_id = match new.role {
        Role::Superadmin => new.school_id,
        Role::SchoolAdmin | Role::Teacher => new.school_id.or(caller.user.school_id),
    };
    may_manage(&caller, new.role, school_id)?;
    let password = passwords::hash(new.password).await?;

    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let new = NewUser { email: new.email, password, role: new.role, school_id, full_name: new.full_name };
    let user = users::create(&mut tx, new, now).await?;
    audit::record(&mut tx, caller.actor(), change("create", &user, changes::created(&user)), now).await?;
    tx.commit().await?;
    Ok(Answer::created("user created", user))
}

/// A user
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = UserId, Path)),
    responses((status = 200, body = Answer<User>), Refusals))]
pub async fn show_user(State(app): State<App>, caller: Caller, Path(id): Path<UserId>) -> Reply<User> {
    caller.admin()?;
    let mut tx = app.db.read().await?;
    let user = users::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("user", id))?;
    may_manage(&caller, user.role, user.school_id)?;
    Ok(Answer::ok("ok", user))
}

const OWN_PASSWORD: &str =
    "one's own is changed where the current one is asked for: under My account, or by POST /api/v1/auth/password";

/// Change a user
#[utoipa::path(put, path = "/users/{id}", tag = "users", params(("id" = UserId, Path)), request_body = UserUpdate,
    responses((status = 200, body = Answer<User>), Refusals))]
pub async fn update_user(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
    Json(update): Json<UserUpdate>,
) -> Reply<User> {
    caller.admin()?;
    if update.password.is_some() && id == caller.id() {
        // Whoever found an open session, or a token that ends, would have the account for good.
        return Err(ApiError::invalid("password", OWN_PASSWORD));
    }
    let password = match update.password {
        Some(password) => Some(passwords::hash(password).await?),
        None => None,
    };

    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let before = users::lock(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("user", id))?;
    may_manage(&caller, before.role, before.school_id)?;
    let wanted = User {
        email: update.email.unwrap_or_else(|| before.email.clone()),
        role: update.role.unwrap_or(before.role),
        school_id: update.school_id.unwrap_or(before.school_id),
        full_name: update.full_name.unwrap_or_else(|| before.full_name.clone()),
        is_active: update.is_active.unwrap_or(before.is_active),
        ..before.clone()
    };
    may_manage(&caller, wanted.role, wanted.school_id)?;
    let user = users::update(&mut tx, wanted, now).await?;
    let mut details = changes::between(&before, &user);
    if let Some(password) = password {
        users::set_password(&mut tx, id, &password, now).await?;
        tokens::end_sessions(&mut tx, id, Some(caller.token), now).await?;
        details["password"] = "changed".into();
    }
    audit::record(&mut tx, caller.actor(), change("update", &user, details), now).await?;
    tx.commit().await?;
    Ok(Answer::ok("user changed", user))
}

/// Delete a user
///
/// With his tokens. The audit log keeps what he did.
#[utoipa::path(delete, path = "/users/{id}", tag = "users", params(("id" = UserId, Path)),
    responses((status = 200, body = Answer<Deleted>), Refusals))]
pub async fn delete_user(State(app): State<App>, caller: Caller, Path(id): Path<UserId>) -> Reply<Deleted> {
    caller.admin()?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let user = users::lock(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("user", id))?;
    may_manage(&caller, user.role, user.school_id)?;
    users::delete(&mut tx, id).await?;
    audit::record(&mut tx, caller.actor(), change("delete", &user, changes::created(&user)), now).await?;
    tx.commit().await?;
    Ok(Answer::ok("user deleted", Deleted { id: id.0 }))
}

/// Whether the caller may make, see or change a user of this role and school.
fn may_manage(caller: &Caller, role: Role, school: Option<SchoolId>) -> Result<(), ApiError> {
    caller.admin()?;
    if role == Role::Superadmin {
        caller.superadmin()?;
    }
    match school {
        Some(school) => Ok(caller.may_change_school(school)?),
        // Whether a school is needed, and whether it exists, is asked when the user is written.
        None => Ok(caller.superadmin()?),
    }
}

fn change(action: &'static str, user: &User, details: serde_json::Value) -> Change {
    Change { action, entity: "user", entity_id: user.id.to_string(), school_id: user.school_id, details }
}

impl From<users::Error> for ApiError {
    fn from(error: users::Error) -> ApiError {
        match error {
            users::Error::Email(_) => ApiError::invalid("email", error),
            users::Error::SchoolMissing(_) | users::Error::SchoolGiven | users::Error::NoSuchSchool(_) => {
                ApiError::invalid("school_id", error)
            }
            users::Error::EmailTaken(_) | users::Error::LastSuperadmin => ApiError::conflict(error.to_string()),
            users::Error::Store(error) => error.into(),
        }
    }
}
