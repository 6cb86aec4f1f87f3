//! `/tokens`: what lets other programs, and other browsers, in as oneself.

use askama::Template;
use axum::extract::State;
use jiff::{Timestamp, civil::Date};
use serde::Deserialize;

use super::{Form, Message, Refuse, Reply, View, Visitor, pager::Pager, show, words::Words};
use crate::{
    accounts::{
        TokenId,
        tokens::{self, Kind, Token},
    },
    app::App,
    web::{
        api::tokens::{self as api, TokenCreation},
        extract::{Json, Path, Query},
    },
};

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    w: &'static Words,
    view: View,
    tokens: Vec<Token>,
    pager: Pager,
    current: TokenId,
    /// Shown once, on the page that answers its making.
    secret: Option<String>,
    name: String,
    problem: Option<String>,
}

#[derive(Deserialize)]
pub struct TokensQuery {
    page: Option<i64>,
}

pub async fn list_tokens(State(app): State<App>, visitor: Visitor, Query(query): Query<TokensQuery>) -> Reply {
    tokens_page(&app, visitor, query.page, None, String::new(), None).await
}

async fn tokens_page(
    app: &App,
    visitor: Visitor,
    number: Option<i64>,
    secret: Option<String>,
    name: String,
    problem: Option<String>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let mut tx = app.db.read().await?;
    let tokens = tokens::list(&mut tx, Some(caller.id()), app.clock.now()).await?;
    drop(tx);
    let (tokens, pager) = Pager::cut("/tokens", &[], number, tokens);
    let page = TokensPage { w: view.w, view, tokens, pager, current: caller.token, secret, name, problem };
    show(&page.view, &page)
}

impl TokensPage {
    fn is_current(&self, token: &Token) -> bool {
        token.id == self.current
    }

    fn is_session(token: &Token) -> bool {
        token.kind == Kind::Session
    }
}

#[derive(Deserialize)]
pub struct NewToken {
    name: String,
    #[serde(default)]
    expires: String,
}

pub async fn create_token(State(app): State<App>, visitor: Visitor, Form(fields): Form<NewToken>) -> Reply {
    // It ends with the day that was chosen.
    let end = |day: Date| day.tomorrow().ok()?.to_zoned(visitor.view.zone.clone()).ok().map(|end| end.timestamp());
    let expires_at: Option<Timestamp> = fields.expires.parse::<Date>().ok().and_then(end);
    if expires_at.is_none() && !fields.expires.is_empty() {
        let why = "write a day as YYYY-MM-DD".to_owned();
        return tokens_page(&app, visitor, None, None, fields.name, Some(why)).await.refused();
    }
    let new = TokenCreation { name: fields.name.clone(), expires_at };
    match api::create_token(State(app.clone()), visitor.caller.clone(), Json(new)).await {
        Ok(created) => {
            let secret = created.data().access_token.clone();
            tokens_page(&app, visitor, None, Some(secret), String::new(), None).await
        }
        Err(error) => {
            let Some((_, why)) = error.problem() else { return Err(error) };
            tokens_page(&app, visitor, None, None, fields.name, Some(why.to_owned())).await.refused()
        }
    }
}

pub async fn revoke_token(State(app): State<App>, visitor: Visitor, Path(id): Path<TokenId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let mut tx = app.db.read().await?;
    let name = tokens::find(&mut tx, id).await?.and_then(|token| token.name);
    drop(tx);
    api::revoke_token(State(app), caller, Path(id)).await?;
    let s = &view.w.settings;
    let name = name.unwrap_or_else(|| s.sign_in_of.to_string());
    view.go("/tokens", Some(Message::good(s.revoked.with("name", name))))
}
