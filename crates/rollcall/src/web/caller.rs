//! `Authorization: Bearer …` becomes a [`Caller`].

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};
use jiff::Timestamp;

use super::error::ApiError;
use crate::{
    accounts::{
        Caller, TokenId,
        tokens::{self, Authenticated},
    },
    app::App,
    store,
};

/// A handler that takes a [`Caller`] answers 401 to everybody else.
impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Caller, ApiError> {
        let Some(secret) = bearer(&parts.headers) else {
            return Err(ApiError::unauthorized("log in first: this call needs Authorization: Bearer …"));
        };
        let caller = identify(app, secret).await?;
        caller.ok_or_else(|| ApiError::unauthorized("this token is unknown or has ended: log in again"))
    }
}

/// Whom a secret stands for, his use of it written down.
pub async fn identify(app: &App, secret: &str) -> Result<Option<Caller>, ApiError> {
    let mut tx = app.db.read().await?;
    let authenticated = tokens::authenticate(&mut tx, secret, app.clock.now()).await?;
    drop(tx);
    match authenticated {
        Some(authenticated) => Ok(Some(let_in(app, authenticated).await)),
        None => Ok(None),
    }
}

/// Writes down that he used his secret, and who he is in the log. No transaction is open meanwhile.
pub async fn let_in(app: &App, authenticated: Authenticated) -> Caller {
    let caller = authenticated.caller;
    if authenticated.wants_touch
        && let Err(error) = touch(app, caller.token, app.clock.now()).await
    {
        // Whoever looks why nothing can be written any more must not be turned away for that.
        tracing::warn!(error = &error as &dyn std::error::Error, "the use of a token could not be written down");
    }
    tracing::Span::current().record("user_id", caller.id().0);
    caller
}

async fn touch(app: &App, token: TokenId, now: Timestamp) -> store::Result<()> {
    let mut tx = app.db.write().await?;
    tokens::touch(&mut tx, token, now).await?;
    tx.commit().await
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}
