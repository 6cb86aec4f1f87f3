//! `/auth`: getting in, and out.

use std::net::IpAddr;

use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    accounts::{
        Caller,
        audit::{self, Actor, Change},
        login, passwords, tokens,
        users::{self, User},
    },
    app::App,
    web::{
        envelope::{Answer, Deleted, Reply},
        error::ApiError,
        extract::Json,
        openapi::Refusals,
        origin::Origin,
    },
};

#[derive(Deserialize, ToSchema)]
pub struct Credentials {
    email: String,
    password: String,
}

#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    /// Goes into `Authorization: Bearer …`. Ends by logout, or when it was not used for twelve hours.
    #[serde(rename = "accessToken")]
    pub access_token: String,
    pub user: User,
}

#[derive(Deserialize, ToSchema)]
pub struct PasswordChange {
    current_password: String,
    new_password: String,
}

/// Log in
///
/// Answers the same for an unknown address as for a wrong password. Ten failures within a quarter of an hour are followed
/// by 429.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Credentials, security(()),
    responses((status = 200, body = Answer<SignedIn>), (status = 429, description = "too many failures"), Refusals))]
pub async fn login(
    State(app): State<App>,
    origin: Origin,
    Json(Credentials { email, password }): Json<Credentials>,
) -> Reply<SignedIn> {
    let signed_in = sign_in(&app, &email, password, origin.address).await?;
    Ok(Answer::ok("logged in", signed_in))
}

/// From an e-mail address and a password to a session.
pub async fn sign_in(app: &App, email: &str, password: String, address: Option<IpAddr>) -> Result<SignedIn, ApiError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let attempt = login::begin(&mut tx, email, address, now).await?;
    tx.commit().await?;
    let Some((user, counted)) = attempt.verify(password).await? else {
        return Err(ApiError::unauthorized("e-mail address or password is wrong"));
    };

    let mut tx = app.db.write().await?;
    login::forgive(&mut tx, counted).await?;
    let (session, secret) = tokens::start_session(&mut tx, user.id, now).await?;
    let change = Change {
        action: "login",
        entity: "session",
        entity_id: session.id.to_string(),
        school_id: user.school_id,
        details: address.map_or(json!(null), |address| json!({ "address": address })),
    };
    audit::record(&mut tx, Actor { user_id: Some(user.id), name: &user.email }, change, now).await?;
    tx.commit().await?;
    Ok(SignedIn { access_token: secret.reveal().to_owned(), user })
}

/// Log out
///
/// Ends the session or token that the call came with.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", responses((status = 200, body = Answer<Deleted>), Refusals))]
pub async fn logout(State(app): State<App>, caller: Caller) -> Reply<Deleted> {
    sign_out(&app, &caller).await?;
    Ok(Answer::ok("logged out", Deleted { id: caller.token.0 }))
}

/// Ends the session or token that somebody came with.
pub async fn sign_out(app: &App, caller: &Caller) -> Result<(), ApiError> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    tokens::revoke(&mut tx, caller.token, now).await?;
    let change = Change {
        action: "logout",
        entity: "session",
        entity_id: caller.token.to_string(),
        school_id: caller.user.school_id,
        details: json!(null),
    };
    audit::record(&mut tx, caller.actor(), change, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Who am I?
#[utoipa::path(get, path = "/auth/me", tag = "auth", responses((status = 200, body = Answer<User>), Refusals))]
pub async fn show_me(caller: Caller) -> Reply<User> {
    Ok(Answer::ok("ok", caller.user))
}

/// Change the own password
///
/// Ends the caller's other sessions. His named tokens stay.
#[utoipa::path(post, path = "/auth/password", tag = "auth", request_body = PasswordChange,
    responses((status = 200, body = Answer<User>), (status = 429, description = "too many failures"), Refusals))]
pub async fn change_password(
    State(app): State<App>,
    caller: Caller,
    Json(change): Json<PasswordChange>,
) -> Reply<User> {
    match set_own_password(&app, &caller, change.current_password, change.new_password).await {
        Ok(()) => Ok(Answer::ok("password changed; other sessions have ended", caller.user)),
        Err(NotChanged::Wrong) => Err(ApiError::invalid("current_password", "this is not the password")),
        Err(NotChanged::Refused(error @ (passwords::Error::Short | passwords::Error::Long))) => {
            Err(ApiError::invalid("new_password", error))
        }
        Err(NotChanged::Refused(error)) => Err(error.into()),
        Err(NotChanged::Failed(error)) => Err(error),
    }
}

/// Why somebody's password was not changed.
#[derive(Debug)]
pub enum NotChanged {
    /// The current one is another.
    Wrong,
    /// The new one cannot be.
    Refused(passwords::Error),
    Failed(ApiError),
}

/// Changes the caller's password, if he knows the current one, and ends his other sessions.
pub async fn set_own_password(app: &App, caller: &Caller, current: String, new: String) -> Result<(), NotChanged> {
    let now = app.clock.now();
    let password = passwords::hash(new).await.map_err(NotChanged::Refused)?;
    // Whoever found an open session must not be able to guess the password through it.
    let mut tx = app.db.write().await?;
    let attempt = login::begin(&mut tx, &caller.user.email, None, now).await?;
    tx.commit().await?;
    let verified = attempt.verify(current).await.map_err(NotChanged::Refused)?;
    let Some((_, counted)) = verified else { return Err(NotChanged::Wrong) };

    let mut tx = app.db.write().await?;
    login::forgive(&mut tx, counted).await?;
    users::set_password(&mut tx, caller.id(), &password, now).await?;
    tokens::end_sessions(&mut tx, caller.id(), Some(caller.token), now).await?;
    let change = Change {
        action: "change_password",
        entity: "user",
        entity_id: caller.id().to_string(),
        school_id: caller.user.school_id,
        details: json!(null),
    };
    audit::record(&mut tx, caller.actor(), change, now).await?;
    tx.commit().await?;
    Ok(())
}

impl<E: Into<ApiError>> From<E> for NotChanged {
    fn from(error: E) -> NotChanged {
        NotChanged::Failed(error.into())
    }
}

impl From<login::Error> for ApiError {
    fn from(error: login::Error) -> ApiError {
        match error {
            login::Error::TooMany => ApiError::new(StatusCode::TOO_MANY_REQUESTS, error.to_string()),
            login::Error::Store(error) => error.into(),
        }
    }
}

impl From<passwords::Error> for ApiError {
    fn from(error: passwords::Error) -> ApiError {
        match error {
            passwords::Error::Short | passwords::Error::Long => ApiError::invalid("password", error),
            passwords::Error::Hash(_) | passwords::Error::Thread(_) => ApiError::internal(error),
        }
    }
}
