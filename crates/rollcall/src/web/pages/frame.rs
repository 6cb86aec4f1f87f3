//! What goes around every page: the language, the check of where a form comes from, the headers, and pages for errors.

use askama::Template;
use axum::{
    extract::Request,
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, uri::Authority};

use super::{
    html::cookie,
    words::{LANGUAGES, Words, accepted, language},
};
use crate::web::error::Refused;

/// Everything comes from here, nothing runs inline, and no other site may show a page in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The cookie with the code of a chosen language.
pub const LANGUAGE: &str = "rollcall_language";

/// Goes around the routes of pages.
pub async fn frame(mut request: Request, next: Next) -> Response {
    let words = words_for(&request);
    request.extensions_mut().insert(words);
    let is_foreign = !request.method().is_safe() && !is_own(request.headers());
    let mut response = if is_foreign {
        error_page(words, StatusCode::FORBIDDEN, words.common.foreign_form.0, true)
    } else {
        next.run(request).await
    };
    if let Some(Refused { status, message }) = response.extensions_mut().remove() {
        response = error_page(words, status, &message, false);
    }
    dress(&mut response);
    response
}

/// A page instead of an answer for programs, where somebody followed a wrong link.
pub fn nothing_here(headers: &HeaderMap) -> Option<Response> {
    let wants_page = headers.get(header::ACCEPT)?.to_str().ok()?.contains("text/html");
    let words = preferred(headers);
    wants_page.then(|| {
        let mut response = error_page(words, StatusCode::NOT_FOUND, words.common.not_found_why.0, true);
        dress(&mut response);
        response
    })
}

/// A test may bring a language of its own.
fn words_for(request: &Request) -> &'static Words {
    request.extensions().get::<&'static Words>().copied().unwrap_or_else(|| preferred(request.headers()))
}

fn preferred(headers: &HeaderMap) -> &'static Words {
    let chosen = cookie(headers, LANGUAGE).and_then(language);
    let asked = || headers.get(header::ACCEPT_LANGUAGE).and_then(|value| accepted(value.to_str().ok()?));
    chosen.or_else(asked).unwrap_or(LANGUAGES[0])
}

/// Whether a request that changes something was made by a page of ours. Browsers say so in `Sec-Fetch-Site` where the
/// connection is trusted, and in `Origin` elsewhere; who says neither is no browser with a form.
fn is_own(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else { return false };
    let Some((scheme, origin)) = origin.split_once("://") else { return false };
    let (Ok(origin), Ok(host)) = (origin.parse::<Authority>(), host.parse::<Authority>()) else { return false };
    let usual = if scheme == "https" { 443 } else { 80 };
    origin.host().eq_ignore_ascii_case(host.host())
        && origin.port_u16().unwrap_or(usual) == host.port_u16().unwrap_or(usual)
}

fn dress(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // `no-referrer` would take the Origin from our own forms.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    w: &'static Words,
    title: &'static str,
    message: &'a str,
    /// Of the table; else of a room, in English.
    is_ours: bool,
}

fn error_page(words: &'static Words, status: StatusCode, message: &str, is_ours: bool) -> Response {
    let c = &words.common;
    let (title, message, is_ours) = match status {
        StatusCode::NOT_FOUND => (c.not_found, c.not_found_why.0, true),
        StatusCode::FORBIDDEN => (c.forbidden, message, is_ours),
        _ => (c.failed, message, is_ours),
    };
    let page = ErrorPage { w: words, title: title.0, message, is_ours };
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(_) => status.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(headers: &[(&'static str, &'static str)]) -> bool {
        is_own(
            &headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
                .collect::<HeaderMap>(),
        )
    }

    #[test]
    fn a_form_of_another_site_is_recognised() {
        assert!(own(&[("sec-fetch-site", "same-origin")]));
        assert!(own(&[("sec-fetch-site", "none")]));
        assert!(!own(&[("sec-fetch-site", "same-site"), ("origin", "http://a"), ("host", "a")]));
        assert!(!own(&[("sec-fetch-site", "cross-site")]));
        assert!(own(&[("origin", "http://school.example:8081"), ("host", "School.example:8081")]));
        assert!(own(&[("origin", "https://school.example"), ("host", "school.example:443")]));
        assert!(!own(&[("origin", "http://school.example:8082"), ("host", "school.example:8081")]));
        assert!(!own(&[("origin", "http://school.example.evil.example"), ("host", "school.example")]));
        assert!(!own(&[("origin", "null"), ("host", "school.example")]));
        assert!(!own(&[("host", "school.example")]));
        assert!(!own(&[]));
    }
}
