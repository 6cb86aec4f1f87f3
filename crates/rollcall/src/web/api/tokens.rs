//! `/tokens`: what opens the door, one's own; a superadmin sees and ends everybody's.

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::{
    accounts::{
        Caller, TokenId, UserId,
        audit::{self, Change},
        tokens::{self, Token},
    },
    app::App,
    school::{names, search},
    web::{
        envelope::{Answer, Deleted, ListReply, Listed, Reply},
        error::ApiError,
        extract::{Json, Paging, Path, Query},
        openapi::Refusals,
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TokenFilter {
    /// Somebody else's, for the superadmin.
    user_id: Option<UserId>,
    /// Everybody's, for the superadmin.
    all: Option<bool>,
    /// Part of a token's name or of its user's address.
    search: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct TokenCreation {
    /// What it is for.
    pub(in crate::web) name: String,
    /// RFC 3339; without one it is valid until it is revoked, or as long as the token that makes it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(in crate::web) expires_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub struct CreatedToken {
    #[serde(flatten)]
    pub(in crate::web) token: Token,
    /// Goes into `Authorization: Bearer …`. Shown this once.
    pub(in crate::web) access_token: String,
}

/// Tokens and sessions that are valid
#[utoipa::path(get, path = "/tokens", tag = "tokens", params(TokenFilter, Paging),
    responses((status = 200, body = Listed<Token>), Refusals))]
pub async fn list_tokens(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<TokenFilter>,
    paging: Paging,
) -> ListReply<Token> {
    let whose = match (filter.user_id, filter.all) {
        (Some(user), _) => Some(user),
        (None, Some(true)) => None,
        (None, _) => Some(caller.id()),
    };
    if whose != Some(caller.id()) {
        caller.superadmin()?;
    }
    let mut tx = app.db.read().await?;
    let mut tokens = tokens::list(&mut tx, whose, app.clock.now()).await?;
    tokens.retain(|token| {
        search::finds(filter.search.as_deref(), &[token.name.as_deref().unwrap_or_default(), &token.email])
    });
    Ok(Listed::cut(tokens, paging))
}

/// Create a token
///
/// It may do what its maker may do, and ends no later than the token that it was made with. The answer is the only one that shows it.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = TokenCreation,
    responses((status = 201, body = Answer<CreatedToken>), Refusals))]
pub async fn create_token(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<TokenCreation>,
) -> Reply<CreatedToken> {
    let now = app.clock.now();
    let name = names::clean(&new.name).map_err(|error| ApiError::invalid("name", error))?;
    if new.expires_at.is_some_and(|end| end <= now) {
        return Err(ApiError::invalid("expires_at", "that is past"));
    }
    let mut tx = app.db.write().await?;
    let maker_ends_at = tokens::find(&mut tx, caller.token).await?.and_then(|maker| maker.expires_at).map(|end| end.0);
    if let (Some(end), Some(last)) = (new.expires_at, maker_ends_at)
        && end > last
    {
        return Err(ApiError::invalid("expires_at", "the token that makes it ends before that"));
    }
    let expires_at = new.expires_at.or(maker_ends_at);
    let (token, secret) = tokens::create(&mut tx, caller.id(), &name, expires_at, now).await?;
    let details = json!({"name": token.name, "expires_at": token.expires_at});
    audit::record(&mut tx, caller.actor(), change("create", &token, &caller, details), now).await?;
    tx.commit().await?;
    let created = CreatedToken { token, access_token: secret.reveal().to_owned() };
    Ok(Answer::created("token created; keep it now, it is not shown again", created))
}

/// Revoke a token or end a session
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", params(("id" = TokenId, Path)),
    responses((status = 200, body = Answer<Deleted>), Refusals))]
pub async fn revoke_token(State(app): State<App>, caller: Caller, Path(id): Path<TokenId>) -> Reply<Deleted> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let token = tokens::find(&mut tx, id).await?;
    let token = token.filter(|token| token.revoked_at.is_none()).ok_or_else(|| ApiError::no_such("token", id))?;
    if token.user_id != caller.id() {
        caller.superadmin()?;
    }
    tokens::revoke(&mut tx, id, now).await?;
    let details = json!({"name": token.name, "email": token.email});
    audit::record(&mut tx, caller.actor(), change("revoke", &token, &caller, details), now).await?;
    tx.commit().await?;
    Ok(Answer::ok("token revoked", Deleted { id: id.0 }))
}

fn change(action: &'static str, token: &Token, caller: &Caller, details: serde_json::Value) -> Change {
    let entity_id = token.id.to_string();
    Change { action, entity: "token", entity_id, school_id: caller.user.school_id, details }
}
