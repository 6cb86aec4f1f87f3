//! Each request has a number, and each failed one a line in the log. docs/logging.md has the names of the fields.

use std::any::Any;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode};
use tracing::{Instrument, field};

use super::error::ApiError;
use crate::app::App;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request its number (or keeps the one that a proxy in front gave it) and logs it when it is refused. What fails
/// by our own fault is logged with its cause where the answer is made, inside the same span.
pub async fn trace(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = request.headers().get(REQUEST_ID).filter(|id| is_decent(id)).cloned().unwrap_or_else(new_id);
    let span = tracing::info_span!(
        "request",
        request_id = id.to_str().unwrap_or_default(),
        method = %request.method(),
        path = request.uri().path(),
        user_id = field::Empty,
    );
    let began = app.clock.monotonic();
    let mut response = next.run(request).instrument(span.clone()).await;
    if response.status().is_client_error() {
        let took = app.clock.monotonic() - began;
        span.in_scope(|| {
            tracing::info!(status = response.status().as_u16(), took_ms = took.as_millis_f64(), "request refused");
        });
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// A handler that panicked answers like one that failed, and the server goes on.
#[expect(clippy::needless_pass_by_value, reason = "that is what the layer hands over")]
pub fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(status = 500, panic = text.unwrap_or("no text"), "request failed");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here; it has been logged").into_response()
}

fn is_decent(id: &HeaderValue) -> bool {
    (1..=64).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

fn new_id() -> HeaderValue {
    HeaderValue::try_from(format!("{:016x}", rand::random::<u64>())).unwrap_or(HeaderValue::from_static("none"))
}
