//! What a terminal uploads (§4, §9.2): punches, people, operation log, templates, pictures, options. Lines are taken one
//! by one: a line that cannot be read is kept as [`Record::Unread`], never an error, because a terminal that is refused
//! sends the whole batch again for ever.

use std::borrow::Cow;

use jiff::civil::DateTime;

use crate::{
    fields::Fields,
    request::Upload,
    text::{Card, Charset, Pin},
};

/// The content of an upload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content<'a> {
    /// Lines, with the number received: every non-empty line, read or not (§4.1).
    Records { records: Vec<Record<'a>>, received: usize },
    /// A punch photo (§4.6): acknowledged, its header kept.
    Photo(Photo<'a>),
    /// An option list (§4.7).
    Options(Fields<'a>),
    /// gzip (§4.8): not read.
    Packed,
}

/// One line of an upload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record<'a> {
    Punch(Punch),
    User(User),
    /// `FP`, `FACE`, `FVEIN`, `BIODATA`, `USERPIC`, `BIOPHOTO`: what it proves is that the PIN exists.
    Biometric {
        tag: Tag,
        pin: Option<Pin>,
    },
    Operation(Operation),
    /// `ERRORLOG`: why a command failed, linked by its id (§4.8).
    Error {
        command_id: Option<String>,
        code: String,
        message: String,
    },
    /// Security `rtstate`: sensors and relays.
    State,
    /// A tagged line of a kind that carries nothing for a roster (`IDCARD`, `WORKCODE`, …).
    Other {
        tag: String,
    },
    /// A line that could not be read.
    Unread(&'a [u8]),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tag {
    Fingerprint,
    Face,
    FingerVein,
    BioData,
    UserPicture,
    BioPhoto,
}

/// One attendance record (§4.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Punch {
    pub pin: Pin,
    /// Device-local wall clock without zone.
    pub time: DateTime,
    /// 0 in, 1 out, …; 255 = no state chosen. Text as sent, empty when absent.
    pub status: String,
    /// Verify mode; two incompatible tables exist (Appendix A.2). Text as sent.
    pub verify: String,
    pub work_code: String,
    /// Columns after the work code, as sent, joined by TAB.
    pub rest: String,
    /// Column 11 where it is an offset: a sign and at most 50,400 seconds.
    pub utc_offset_seconds: Option<i32>,
}

/// A person as the terminal holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    pub pin: Pin,
    pub name: String,
    /// Whether the name was cut inside a character.
    pub name_damaged: bool,
    pub card: Option<Card>,
    /// The card's spelling, which tells the form this terminal uses.
    pub card_text: String,
    /// `Pri`: 0 user, 14 super administrator (§7.2).
    pub privilege: Option<i64>,
}

/// `OPLOG <code> <admin> <time> <objects…>` (§4.3, Appendix A.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    pub code: i64,
    pub admin: String,
    pub time: Option<DateTime>,
    pub objects: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Photo<'a> {
    /// The file name, e.g. `20260302080003-1042.jpg`; `None` for raw JPEG without header.
    pub name: Option<Cow<'a, str>>,
    /// `None` for a failed attempt and for raw JPEG.
    pub pin: Option<Pin>,
    pub image: &'a [u8],
}

/// Reads the body of `POST cdata`: by its content where that is unmistakable (NUL and `CMD=`, gzip, JPEG), else by the tag
/// of each line, else by the table, which is only a hint (§4.4, §4.8).
pub fn parse<'a>(upload: &Upload, body: &'a [u8], charset: Charset) -> Content<'a> {
    todo!()
}

/// Reads the body of `POST querydata` of type `tabledata`: lines of one table, `user uid=…`.
pub fn parse_table<'a>(table_name: &str, body: &'a [u8], charset: Charset) -> Content<'a> {
    todo!()
}

/// Reads the body of `POST fdata`.
pub fn parse_photo(body: &[u8]) -> Photo<'_> {
    todo!()
}
