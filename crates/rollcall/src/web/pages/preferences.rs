//! `/language` and `/school`: what somebody chose for all pages, kept in cookies.

use http::header;
use serde::Deserialize;

use super::{
    Anybody, Form, Reply, Visitor,
    frame::LANGUAGE,
    html::own_path,
    visitor::SCHOOL,
    words::{LANGUAGES, language},
};

/// A year: until somebody chooses otherwise.
const LASTS: &str = "; Max-Age=31536000";

#[derive(Deserialize)]
pub struct Chosen {
    chosen: String,
    back: String,
}

pub async fn choose_language(anybody: Anybody, Form(fields): Form<Chosen>) -> Reply {
    let code = language(&fields.chosen).unwrap_or(LANGUAGES[0]).code;
    let mut response = anybody.view.go(own_path(&fields.back), None)?;
    response.headers_mut().append(header::SET_COOKIE, anybody.view.cookie(LANGUAGE, code, LASTS));
    Ok(response)
}

/// Nothing that can be read as a number: all schools.
pub async fn choose_school(visitor: Visitor, Form(fields): Form<Chosen>) -> Reply {
    let view = visitor.view;
    let school = fields.chosen.parse::<i64>().map(|id| id.to_string()).unwrap_or_default();
    let mut response = view.go(own_path(&fields.back), None)?;
    response.headers_mut().append(header::SET_COOKIE, view.cookie(SCHOOL, &school, LASTS));
    Ok(response)
}
