//! What a terminal asks for: the path below `/iclock/`, the query, and the mending of request lines that no HTTP parser
//! accepts.

use crate::{dialect::Announcement, text::Pin};

/// One request as its URL tells it; bodies are read by [`crate::record`] and [`crate::result`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// As sent, percent-decoded; empty when absent. Whether it is a serial number is for the caller to check.
    pub serial_number: String,
    pub call: Call,
    /// All query pairs in order, percent-decoded, names as sent.
    pub query: Query,
}

/// Query pairs; names compare without case, `%XX` is decoded, `+` stays `+`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Query(Vec<(String, String)>);

/// What is asked (§3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// `GET cdata` with `options=all`, or with nothing that says otherwise.
    Handshake(Announcement),
    /// `GET cdata?type=time`
    Time,
    /// `GET cdata?table=RemoteAtt&PIN=`, in old units `GET cdata?PIN=`: a person whom the terminal does not know.
    RemoteAttendance { pin: Option<Pin> },
    /// `GET cdata?type=LastPunch&PIN=`
    LastPunch,
    /// `POST cdata`
    Upload(Upload),
    /// `POST cdata?type=PostVerifyData` and `?AuthType=`: approval services that are not offered.
    Approval,
    /// `GET getrequest`
    Poll { info: Option<Info> },
    /// `POST devicecmd`
    Results,
    /// `GET ping`
    Ping,
    /// `POST fdata`: photos of old units.
    Photo,
    /// `POST event`
    Event,
    /// `POST registry`, security dialect.
    Registry,
    /// `GET` or `POST push`, security dialect.
    PushConfiguration,
    /// `POST exchange?type=publickey|factors`: must never come while `PushProtVer` stays below 2.4.0.
    KeyExchange,
    /// `GET rtdata?type=time`, security dialect.
    SecurityTime,
    /// `POST querydata`: answers of queries, security dialect and some attendance units.
    QueryData(QueryData),
    /// A file asked for by name: `GET file?url=`, or `GET /iclock/<name>` with `=` or a `.` in the name.
    File { name: String },
    /// Anything else. The name is the path below `/iclock/`.
    Unknown { name: String },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upload {
    /// Upper-cased; `None` when absent: push 1.x posts punches without it.
    pub table: Option<String>,
    /// `Stamp`, `OpStamp` or `PhotoStamp`, as sent.
    pub stamp: Option<String>,
    /// `tablename=` of `table=tabledata`, lower-cased. Also read from the misspelt `table=tablename=user`.
    pub table_name: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryData {
    /// `tabledata`, `count` or `options`, lower-cased.
    pub kind: String,
    pub command_id: Option<String>,
    pub table_name: Option<String>,
    pub count: Option<u64>,
    pub packet_count: Option<u64>,
    pub packet_index: Option<u64>,
}

/// The `INFO` parameter of a poll (§5.1), read by position; values that run out or are no numbers are `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Info {
    pub firmware: Option<String>,
    pub user_count: Option<u32>,
    pub fingerprint_count: Option<u32>,
    pub punch_count: Option<u32>,
    pub address: Option<String>,
    pub fingerprint_algorithm: Option<String>,
    pub face_algorithm: Option<String>,
    pub face_count: Option<u32>,
    pub capabilities: Option<String>,
}

/// What became of the head of a connection's first request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mended {
    /// No line end within the bytes given: read more.
    Incomplete,
    /// Any HTTP parser takes it as it is, or it is not for `/iclock`.
    Fine,
    /// The whole request line, line end included, in a form that parsers take; it replaces the first `replaces` bytes.
    Line { line: Vec<u8>, replaces: usize },
}

impl Request {
    /// Reads method, path and raw query (without `?`) of a request below `/iclock/`; `None` for any other path. The path
    /// compares without case, a trailing `.aspx` is dropped, an absolute-form target must have been reduced to its path.
    /// Never fails on a path below `/iclock/`: what is not understood is [`Call::Unknown`].
    pub fn parse(method: &str, path: &str, query: &str) -> Option<Request> {
        todo!()
    }
}

impl Query {
    pub fn parse(raw: &str) -> Query {
        todo!()
    }
    pub fn get(&self, name: &str) -> Option<&str> {
        todo!()
    }
}

impl Info {
    pub fn parse(value: &str) -> Info {
        todo!()
    }
}

/// Percent-encodes blanks and bytes outside visible ASCII in the target of a request line for `/iclock`: first token is
/// the method, last one the version, all between is the target (§1.1).
pub fn mend_request_line(head: &[u8]) -> Mended {
    todo!()
}

/// Whether a path belongs to terminals: `/iclock` or anything below it, in any case.
pub fn is_terminal_path(path: &str) -> bool {
    todo!()
}
