//! The bodies a server answers with (§2.2, §4.1, §5.2). Always `text/plain`, never empty.

use jiff::{Timestamp, civil::DateTime, tz::Offset};

use crate::{command::CommandId, dialect::Dialect, text::SerialNumber};

/// The idle reply and the plain acknowledgement: two bytes, no line end.
pub const OK: &[u8] = b"OK";

/// How the handshake of an attendance or legacy terminal is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    pub serial_number: SerialNumber,
    /// Chooses the names of the stamps, and whether `ServerVer` is sent at all. Never [`Dialect::Security`].
    pub dialect: Dialect,
    /// Echo of the last accepted upload of that table; `None` = the vendor's first-contact values.
    pub punch_stamp: Option<String>,
    pub operation_stamp: Option<String>,
    pub photo_stamp: Option<String>,
    /// Seconds between polls.
    pub delay: u32,
    /// Seconds until a terminal tries again after a failure.
    pub error_delay: u32,
    /// `None` sends no `TimeZone`: the terminal keeps its own.
    pub time_zone: Option<Offset>,
}

/// The configuration of a security terminal (§9.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecurityOptions {
    pub registry_code: String,
    pub session_id: String,
    /// Seconds between polls.
    pub request_delay: u32,
    pub error_delay: u32,
}

impl Options {
    pub fn to_bytes(&self) -> Vec<u8> {
        todo!()
    }
}

impl SecurityOptions {
    /// The handshake of a terminal that is registered already.
    pub fn registered(&self) -> Vec<u8> {
        todo!()
    }
    /// The answer to `push`.
    pub fn push(&self) -> Vec<u8> {
        todo!()
    }
    /// The answer to `registry`.
    pub fn registry(&self) -> Vec<u8> {
        todo!()
    }
}

/// `OK: n`. `received` counts every non-empty line of the upload; an empty upload is answered `OK: 1` (§4.1).
pub fn counted(received: usize) -> Vec<u8> {
    todo!()
}

/// `user=3`: the acknowledgement of `tabledata` and `querydata`.
pub fn table_counted(table_name: &str, received: usize) -> Vec<u8> {
    todo!()
}

/// `TimeZone` as terminals read it: hours when whole, else minutes (§1.4).
pub fn time_zone(offset: Offset) -> String {
    todo!()
}

/// The answer to `type=time`: `Time=2026-03-02T08:00:05+03:00`.
pub fn time(now: Timestamp, offset: Offset) -> Vec<u8> {
    todo!()
}

/// The answer to `rtdata?type=time`: `DateTime=<ZK seconds of GMT>,ServerTZ=+0300`.
pub fn security_time(now: Timestamp, offset: Offset) -> Vec<u8> {
    todo!()
}

/// ZK seconds: an encoding of a civil time in which every month has 31 days, not an epoch (§1.4).
pub fn zk_seconds(time: DateTime) -> i64 {
    todo!()
}

/// The reply of a poll with commands: `C:<id>:<text>` lines, each terminated. `commands` must not be empty.
pub fn commands<'a>(commands: impl IntoIterator<Item = (CommandId, &'a [u8])>) -> Vec<u8> {
    todo!()
}
