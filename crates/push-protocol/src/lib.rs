//! What ZKTeco terminals and their servers say to each other, as pure functions over bytes.
//!
//! A terminal is always the HTTP client: it shakes hands, polls for commands, posts their results and uploads what it
//! recorded. This crate reads those requests, writes the replies, and the other way round, so that a server and a
//! simulated terminal can both be built on it. It does no I/O, reads no clock and knows no database.
//!
//! ```
//! use push_protocol::{record, reply, request::{Call, Request}, text::Charset};
//!
//! let request = Request::parse("POST", "/iclock/cdata", "SN=CJX9253300417&table=ATTLOG&Stamp=9999").unwrap();
//! let Call::Upload(upload) = &request.call else { panic!() };
//! let body = b"1042\t2026-03-02 08:00:03\t0\t15\n1043\t2026-03-02 08:00:11\t255\t1\n";
//! let content = record::parse(upload, body, Charset::Utf8);
//! assert_eq!(reply::acknowledgement(upload, &content), b"OK: 2");
//! ```
//!
//! One room per thing that is said:
//!
//! | module | what |
//! |---|---|
//! | [`request`] | what a terminal asks: path, query and the mending of request lines that no HTTP parser accepts |
//! | [`reply`] | the bodies a server answers with |
//! | [`command`] | instructions handed out on a poll |
//! | [`result`] | what a terminal says became of them |
//! | [`record`] | what a terminal uploads: punches, people, operation log, pictures |
//! | [`dialect`] | which of three vocabularies a terminal speaks |
//! | [`fields`] | `Key=Value` pairs as they stand on the wire |
//! | [`limits`] | what a terminal says it can hold |
//! | [`text`] | serial numbers, PINs, names, cards and character sets |
//!
//! Sources of protocol facts are named as in `docs/protocol-sources.md`, for example "ATT5.8 §9.1".

#![expect(clippy::doc_markdown, reason = "SmartOps, TimeBridge and their like are names of sources, not code")]

pub mod command;
pub mod dialect;
pub mod fields;
pub mod limits;
pub mod record;
pub mod reply;
pub mod request;
pub mod result;
pub mod text;
