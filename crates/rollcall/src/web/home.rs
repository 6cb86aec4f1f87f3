//! The page at `/`: what runs here, and where to go.

use axum::{
    extract::State,
    response::{Html, IntoResponse},
};
use http::header;

use crate::app::App;

/// Nothing is loaded from elsewhere, and nothing runs.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub async fn show_home(State(app): State<App>) -> impl IntoResponse {
    let page = include_str!("../../assets/home.html")
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{database}", app.db.product());
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page))
}

pub async fn show_home_css() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../assets/home.css"))
}
