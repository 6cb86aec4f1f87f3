//! How a terminal is answered: `text/plain`, a length, the date, never empty, never chunked, a few hundred bytes of header
//! (FWSRC).

use std::cell::RefCell;

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, DATE},
};
use http_body_util::Full;
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use push_protocol::reply;

/// A reply without its headers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub body: Bytes,
    /// The connection ends after it.
    pub ends: bool,
}

impl Reply {
    /// The two bytes that mean: received, and nothing waits for you.
    pub fn ok() -> Reply {
        Reply { status: StatusCode::OK, body: Bytes::from_static(reply::OK), ends: false }
    }

    pub fn text(body: Vec<u8>) -> Reply {
        Reply { status: StatusCode::OK, body: body.into(), ends: false }
    }

    /// Nothing was stored: the terminal keeps its data and sends them again (MAN3.2 §2.4.1). The text must not hold `OK`, which
    /// old clients look for whatever the status.
    pub fn try_again() -> Reply {
        Reply::failed(StatusCode::SERVICE_UNAVAILABLE, b"BUSY\n")
    }

    /// No such file. The only 404 (s0x90).
    pub fn not_found() -> Reply {
        Reply::failed(StatusCode::NOT_FOUND, b"NONE\n")
    }

    /// The upload is longer than anything that is read. Firmware that adapts its batches sends fewer records next time.
    pub fn too_large() -> Reply {
        Reply { ends: true, ..Reply::failed(StatusCode::PAYLOAD_TOO_LARGE, b"TOO LARGE\n") }
    }

    /// The upload came too slowly, or not in the end.
    pub fn too_slow() -> Reply {
        Reply { ends: true, ..Reply::failed(StatusCode::REQUEST_TIMEOUT, b"TIMEOUT\n") }
    }

    fn failed(status: StatusCode, body: &'static [u8]) -> Reply {
        Reply { status, body: Bytes::from_static(body), ends: false }
    }

    /// The reply with its headers. `closes`: the connection ends after it, and says so.
    ///
    /// The date is the server's own clock, which follows the database's: terminals set their clocks by it (FWSRC, ATT5.8 §3).
    pub fn into_response(self, closes: bool, now: Timestamp) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        headers.insert(DATE, date(now));
        if closes || self.ends {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// The `Date` header of an instant, written once per second and thread.
fn date(now: Timestamp) -> HeaderValue {
    thread_local! {
        static WRITTEN: RefCell<Option<(i64, HeaderValue)>> = const { RefCell::new(None) };
    }
    WRITTEN.with_borrow_mut(|written| match written {
        Some((second, value)) if *second == now.as_second() => value.clone(),
        _ => {
            let text = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default();
            let value = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
            *written = Some((now.as_second(), value.clone()));
            value
        }
    })
}
