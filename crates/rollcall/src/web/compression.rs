//! Answers made smaller, as far as the caller says that it can read them.
//!
//! Only for people and programs: terminals have a door of their own, never come through here, and do not know of it.
//!
//! What is compressed together tells of itself by its length (BREACH), to somebody who sees lengths and has the browser of
//! another ask again and again with guesses of his own. So what answers a deed is left as it is: a token is shown there and
//! nowhere else. What answers a look has no secret of ours, and cookies are not sent along with the requests of other sites.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{Method, header};
use tower_http::compression::{
    CompressionLayer,
    predicate::{And, NotForContentType, Predicate, SizeAbove},
};

/// Bytes that go in one packet anyway.
const SMALLEST: u64 = 1_024;

type Worth = And<And<SizeAbove, NotForContentType>, NotForContentType>;

/// Compresses what is worth it. Pictures and spreadsheets are compressed already.
pub fn compression() -> CompressionLayer<Worth> {
    let worth = SizeAbove::new(SMALLEST)
        .and(NotForContentType::const_new("image/png"))
        .and(NotForContentType::const_new("application/vnd.openxmlformats"));
    CompressionLayer::new().compress_when(worth)
}

/// Goes around it: a deed is answered as it is.
pub async fn looks_only(mut request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    next.run(request).await
}
