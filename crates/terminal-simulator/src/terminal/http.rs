//! HTTP as terminals do it: requests written byte by byte, replies taken apart with each family's blind spots.

use std::{borrow::Cow, fmt::Write as _};

use jiff::Timestamp;

use super::wire;
use crate::profile::{Http, Reader};

/// The header buffer of the legacy client (FWSRC).
const HEADER_BYTES: usize = 2048;
/// One line of it.
const HEADER_LINE_BYTES: usize = 1024;

/// A whole request; `body` makes it a POST. `target` is path and query behind `/iclock/`, blanks and all; `token` is what
/// an access unit shows in its session.
pub(super) fn request(http: &Http, target: &str, token: Option<&str>, body: Option<&[u8]>) -> Vec<u8> {
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut head = format!(
        "{method} /iclock/{target} {}\r\nHost: {}\r\nUser-Agent: iClock Proxy/1.09\r\nConnection: {}\r\n",
        http.version, http.host, http.connection
    );
    let length = body.map(|body| format!("Content-Length: {}\r\n", body.len()));
    let accept = format!("Accept: {}\r\n", http.accept);
    if http.length_first {
        head += length.as_deref().unwrap_or_default();
        head += &accept;
    } else {
        head += &accept;
        head += http.more_headers;
        if let (Some(kind), true) = (http.content_type, body.is_some()) {
            let _ = write!(head, "Content-Type: {kind}\r\n");
        }
        if let Some(token) = token {
            let _ = write!(head, "Cookie: token={token}\r\n");
        }
        head += length.as_deref().unwrap_or_default();
    }
    head += "\r\n";
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body.unwrap_or_default());
    bytes
}

/// A reply that a terminal could make sense of.
#[derive(PartialEq, Debug)]
pub(super) struct Answer<'a> {
    pub body: Cow<'a, [u8]>,
    /// `text/plain` was seen; only the legacy client cares, for every other one it is true.
    pub plain: bool,
    /// The `Date` header.
    pub date: Option<Timestamp>,
}

/// Why a reply, or none, is a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    #[error("no reply within the time limit")]
    Lost,
    #[error("the stream ended before the reply did")]
    Incomplete,
    #[error("more header than the buffer holds")]
    HeaderTooLong,
    /// The number when there was one.
    #[error("the status is not 200 but {0:?}")]
    Status(Option<u16>),
    #[error("the reply is compressed")]
    Encoded,
    #[error("the reply is not text/plain")]
    NotPlain,
    #[error("the body is empty")]
    Empty,
    #[error("the body does not say OK")]
    NotOk,
    #[error("fewer rows were acknowledged than sent")]
    Uncounted,
    /// A handshake without a terminated line, or one that begins with `UN` or `RETRY`.
    #[error("the reply holds no options")]
    NoOptions,
}

/// Whether `bytes` are a whole reply for this reader, so that it need not wait for the end of the stream.
pub(super) fn is_complete(reader: Reader, bytes: &[u8]) -> bool {
    let Some(head_end) = head_end(bytes) else { return false };
    let (head, body) = bytes.split_at(head_end);
    match framing(reader, head) {
        Framing::Length(length) => body.len() >= length,
        Framing::Chunked => unchunk(body).is_some(),
        Framing::ToEnd => false,
    }
}

/// Takes a whole reply apart.
pub(super) fn read(reader: Reader, bytes: &[u8]) -> Result<Answer<'_>, Failure> {
    let Some(head_end) = head_end(bytes) else {
        return Err(if reader == Reader::Legacy && bytes.len() > HEADER_BYTES {
            Failure::HeaderTooLong
        } else {
            Failure::Incomplete
        });
    };
    let (head, rest) = bytes.split_at(head_end);
    if reader == Reader::Legacy
        && (head.len() > HEADER_BYTES || head.split(|&b| b == b'\n').any(|line| line.len() >= HEADER_LINE_BYTES))
    {
        return Err(Failure::HeaderTooLong);
    }
    if !(head.starts_with(b"HTTP/1.1 200 ") || head.starts_with(b"HTTP/1.0 200 ")) {
        return Err(Failure::Status(status(head)));
    }
    if header(head, "Content-Encoding").is_some_and(|value| !value.eq_ignore_ascii_case(b"identity")) {
        return Err(Failure::Encoded);
    }
    let body = match framing(reader, head) {
        Framing::Length(length) => Cow::Borrowed(rest.get(..length).ok_or(Failure::Incomplete)?),
        Framing::Chunked => Cow::Owned(unchunk(rest).ok_or(Failure::Incomplete)?),
        Framing::ToEnd => Cow::Borrowed(rest),
    };
    let plain = reader == Reader::Tolerant || find(head, b"text/plain").is_some();
    Ok(Answer { body, plain, date: date(reader, head) })
}

enum Framing {
    Length(usize),
    Chunked,
    ToEnd,
}

fn framing(reader: Reader, head: &[u8]) -> Framing {
    let (chunked, length) = match reader {
        Reader::Legacy => (
            find(head, b"\r\nTransfer-Encoding: chunked").is_some(),
            find(head, b"\r\nContent-Length:").map(|at| &head[at + "\r\nContent-Length:".len()..]),
        ),
        Reader::Tolerant => (
            header(head, "Transfer-Encoding").is_some_and(|value| value.eq_ignore_ascii_case(b"chunked")),
            header(head, "Content-Length"),
        ),
    };
    match length {
        _ if chunked => Framing::Chunked,
        Some(length) => Framing::Length(usize::try_from(wire::atoi(length)).unwrap_or(0)),
        None => Framing::ToEnd,
    }
}

/// The bytes of all chunks, or `None` when the last one is not there yet.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = find(rest, b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line_end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = &rest[line_end + 2..];
        if size == 0 {
            return find(rest, b"\r\n").map(|_| body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

/// The legacy client looks for `Date:` with exactly one blank behind it, wherever it finds the letters (FWSRC).
fn date(reader: Reader, head: &[u8]) -> Option<Timestamp> {
    let value = match reader {
        Reader::Legacy => {
            let value = &head[find(head, b"Date: ")? + "Date: ".len()..];
            let value = &value[..find(value, b"\r\n")?];
            Some(value).filter(|value| !value.starts_with(b" "))?
        }
        Reader::Tolerant => header(head, "Date")?,
    };
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()
}

fn status(head: &[u8]) -> Option<u16> {
    let word = head.split(|&b| b == b' ').nth(1)?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// The value of a header in any case, blanks trimmed.
fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    head.split(|&b| b == b'\n').skip(1).find_map(|line| {
        let colon = line.iter().position(|&b| b == b':')?;
        line[..colon].eq_ignore_ascii_case(name.as_bytes()).then(|| line[colon + 1..].trim_ascii())
    })
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
