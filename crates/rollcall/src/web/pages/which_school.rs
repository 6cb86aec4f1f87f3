//! A superadmin of several schools who chose none says which one a page is about.

use askama::Template;
use axum::response::{IntoResponse, Redirect};
use http::StatusCode;

use super::{
    Reply, View, show,
    words::{Text, Words},
};

#[derive(Template)]
#[template(path = "which_school.html")]
struct WhichSchoolPage {
    w: &'static Words,
    view: View,
    title: Text,
    /// Of the page, without a query.
    to: &'static str,
}

pub fn choose(view: View, to: &'static str, title: impl Fn(&Words) -> Text) -> Reply {
    if view.is_of_many {
        return Ok(if view.is_fragment {
            // The page that asks has become another one.
            StatusCode::RESET_CONTENT.into_response()
        } else {
            Redirect::to(&view.to_one_school()).into_response()
        });
    }
    let page = WhichSchoolPage { w: view.w, title: title(view.w), view, to };
    show(&page.view, &page)
}
