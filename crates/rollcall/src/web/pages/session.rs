//! `/sign-in` and `/sign-out`.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect},
};
use http::{StatusCode, header};
use serde::Deserialize;

use super::{
    Anybody, Form, Message, Refuse, Reply, View, Visitor,
    html::own_path,
    show,
    words::{Text, Words},
};
use crate::{
    accounts::users,
    app::App,
    web::{api::auth, extract::Query, origin::Origin},
};

/// The cookie with the session's token.
pub const SESSION: &str = "rollcall_session";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    w: &'static Words,
    view: View,
    email: String,
    next: String,
    problem: Option<Text>,
}

#[derive(Deserialize)]
pub struct Next {
    next: Option<String>,
}

/// Where nobody can sign in yet, the first admin is made.
pub async fn show_sign_in(State(app): State<App>, anybody: Anybody, Query(Next { next }): Query<Next>) -> Reply {
    let mut tx = app.db.read().await?;
    if !users::any(&mut tx).await? {
        return Ok(Redirect::to("/first-start").into_response());
    }
    drop(tx);
    page(anybody.view, String::new(), next.as_deref(), None)
}

#[derive(Deserialize)]
pub struct Credentials {
    email: String,
    password: String,
    next: Option<String>,
}

pub async fn create_session(
    State(app): State<App>,
    anybody: Anybody,
    origin: Origin,
    Form(fields): Form<Credentials>,
) -> Reply {
    let view = anybody.view;
    match auth::sign_in(&app, &fields.email, fields.password, origin.address).await {
        Ok(signed_in) => begin(&view, &signed_in.access_token, own_path(fields.next.as_deref().unwrap_or("/")), None),
        Err(error) => {
            let problem = match error.status() {
                StatusCode::UNAUTHORIZED => view.w.signing.wrong,
                StatusCode::TOO_MANY_REQUESTS => view.w.signing.too_many,
                _ => return Err(error),
            };
            page(view, fields.email, fields.next.as_deref(), Some(problem)).with_status(error.status())
        }
    }
}

/// Goes on with a session.
pub(super) fn begin(view: &View, token: &str, to: &str, message: Option<Message>) -> Reply {
    let mut response = view.go(to, message)?;
    response.headers_mut().append(header::SET_COOKIE, view.cookie(SESSION, token, ""));
    Ok(response)
}

pub async fn delete_session(State(app): State<App>, visitor: Visitor) -> Reply {
    let view = visitor.view;
    auth::sign_out(&app, &visitor.caller).await?;
    let mut response = view.go("/sign-in", Some(Message::good(view.w.signing.signed_out)))?;
    response.headers_mut().append(header::SET_COOKIE, view.cookie(SESSION, "", "; Max-Age=0"));
    Ok(response)
}

fn page(view: View, email: String, next: Option<&str>, problem: Option<Text>) -> Reply {
    let next = own_path(next.unwrap_or("/")).to_owned();
    let page = SignInPage { w: view.w, view, email, next, problem };
    show(&page.view, &page)
}
