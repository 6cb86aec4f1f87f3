//! The files that pages load: one style sheet, one script, one picture. Their addresses change with their content, so that a
//! browser may keep them for ever.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::header;

use super::html::fingerprint;

const CSS: &str = include_str!("../../../assets/rollcall.css");
const SCRIPT: &str = include_str!("../../../assets/live.js");
const ICON: &str = include_str!("../../../assets/icon.svg");

/// The address of the style sheet.
pub fn css() -> &'static str {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| versioned("/assets/rollcall.css", CSS));
    &ADDRESS
}

/// The address of the script.
pub fn script() -> &'static str {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| versioned("/assets/live.js", SCRIPT));
    &ADDRESS
}

pub async fn show_css() -> Response {
    lasting("text/css; charset=utf-8", CSS)
}

pub async fn show_script() -> Response {
    lasting("text/javascript; charset=utf-8", SCRIPT)
}

pub async fn show_icon() -> Response {
    lasting("image/svg+xml", ICON)
}

fn versioned(path: &str, content: &str) -> String {
    format!("{path}?v={}", fingerprint(content))
}

fn lasting(kind: &'static str, content: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, content).into_response()
}
