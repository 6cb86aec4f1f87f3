//! `/account`: who one is, and the own password.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;

use super::{
    Form, Message, Refuse, Reply, View, Visitor, show,
    words::{Text, Words},
};
use crate::{
    accounts::passwords,
    app::App,
    web::{
        api::auth::{self, NotChanged},
        error::ApiError,
    },
};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    w: &'static Words,
    view: View,
    email: String,
    problem_with_current: Option<Text>,
    problem_with_new: Option<Text>,
}

pub async fn show_account(visitor: Visitor) -> Reply {
    page(visitor, None, None)
}

#[derive(Deserialize)]
pub struct PasswordChange {
    current_password: String,
    new_password: String,
}

pub async fn change_password(State(app): State<App>, visitor: Visitor, Form(fields): Form<PasswordChange>) -> Reply {
    let s = &visitor.view.w.signing;
    match auth::set_own_password(&app, &visitor.caller, fields.current_password, fields.new_password).await {
        Ok(()) => visitor.view.go("/account", Some(Message::good(s.password_changed))),
        Err(NotChanged::Wrong) => page(visitor, Some(s.password_wrong), None).refused(),
        Err(NotChanged::Refused(passwords::Error::Short)) => page(visitor, None, Some(s.password_short)).refused(),
        Err(NotChanged::Refused(passwords::Error::Long)) => page(visitor, None, Some(s.password_long)).refused(),
        Err(NotChanged::Refused(error)) => Err(error.into()),
        Err(NotChanged::Failed(error)) if error.status() == http::StatusCode::TOO_MANY_REQUESTS => {
            page(visitor, Some(s.too_many), None).with_status(error.status())
        }
        Err(NotChanged::Failed(error)) => Err(error),
    }
}

fn page(
    visitor: Visitor,
    problem_with_current: Option<Text>,
    problem_with_new: Option<Text>,
) -> Result<axum::response::Response, ApiError> {
    let Visitor { caller, view } = visitor;
    let page = AccountPage { w: view.w, email: caller.user.email, view, problem_with_current, problem_with_new };
    show(&page.view, &page)
}
