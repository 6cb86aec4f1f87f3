//! What a terminal uploads (ATT5.8 §9, MAN3.2 §2.4, SEC4.8 §10): punches, people, operation log, templates, pictures,
//! options. Lines are taken one by one: a line that cannot be read is kept as [`Record::Unread`], never an error, because
//! a terminal that is refused sends the whole batch again for ever.

use jiff::civil::DateTime;

use crate::{
    fields::{Fields, starts_with_key},
    request::Upload,
    text::{Card, Charset, Pin},
};

mod line;
mod lines;
mod photo;
mod punch;

pub use lines::Lines;
pub use photo::{Photo, parse_photo};
pub use punch::Punch;

/// The content of an upload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content<'a> {
    /// Lines, read as they are taken.
    Records(Lines<'a>),
    /// A punch photo (ATT5.8 §9.2): acknowledged, its header kept.
    Photo(Photo<'a>),
    /// An option list (ATT5.8 §6).
    Options(Fields<'a>),
    /// gzip (ATT5.8 §9.13): not read.
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
    /// `ERRORLOG`: why a command failed, linked by its id (ATT5.8 §9.15).
    Error {
        command_id: Option<String>,
        code: String,
        message: String,
    },
    /// Security `rtstate`: sensors and relays.
    State,
    /// Somebody held out a card that the terminal does not know: a security event of nobody with a card (`RTLOG` with `pin=0`
    /// and `cardno`, SEC4.8). Attendance terminals report nothing of the kind.
    UnknownCard(Card),
    /// A line of a known kind that carries nothing for a roster (`IDCARD`, `WORKCODE`, …), and a security event of nobody
    /// (`RTLOG` with `pin=0`). Upper-cased.
    Other {
        tag: String,
    },
    /// A line that could not be read, or of a kind that nobody documented.
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

/// A person as the terminal holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    pub pin: Pin,
    /// As sent; of a name that was cut inside a character, the undamaged beginning.
    pub name: String,
    /// Whether the name was cut inside a character.
    pub name_damaged: bool,
    pub card: Option<Card>,
    /// The card's spelling, which tells the form this terminal uses.
    pub card_text: String,
    /// `Pri`: 0 user, 14 super administrator (ATT5.8 §9.4).
    pub privilege: Option<i64>,
}

/// `OPLOG <code> <admin> <time> <objects…>` (ATT5.8 §9.3, App. 3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    pub code: i64,
    /// The administrator's PIN, `0` for none.
    pub admin: String,
    /// Device-local wall clock.
    pub time: Option<DateTime>,
    /// Up to four; a PIN among them may have wrapped around (FWSRC).
    pub objects: Vec<String>,
}

/// Reads the body of `POST cdata`: by its content where that is unmistakable (NUL and `CMD=`, gzip, JPEG), else by the tag
/// of each line, else by the table, which is only a hint: terminals do not agree in which table a query is answered.
pub fn parse<'a>(upload: &Upload, body: &'a [u8], charset: Charset) -> Content<'a> {
    let table = upload.table.as_deref();
    if body.starts_with(&[0x1F, 0x8B]) {
        return Content::Packed;
    }
    if photo::is_photo(body) || table == Some("ATTPHOTO") {
        return Content::Photo(parse_photo(body));
    }
    if table == Some("OPTIONS") || (table.is_none() && is_option_list(body)) {
        return Content::Options(Fields::commas(body));
    }
    match &upload.table_name {
        Some(table_name) => parse_table(table_name, body, charset),
        None => Content::Records(Lines::new(table.unwrap_or("ATTLOG"), body, charset)),
    }
}

/// Reads the body of `POST querydata` of type `tabledata`: lines of one table, `user uid=…` (SEC4.8 §12.1.4).
pub fn parse_table<'a>(table_name: &str, body: &'a [u8], charset: Charset) -> Content<'a> {
    Content::Records(Lines::new(&table_name.to_ascii_uppercase(), body, charset))
}

/// Reads the body of `POST querydata` of type `count`: `user=3` (SEC4.8 §12.1.3). `None` for anything else.
pub fn parse_count(table_name: &str, body: &[u8]) -> Option<u32> {
    u32::try_from(Fields::tabs(body.trim_ascii()).number(table_name)?).ok()
}

/// Whether the first line is `Key=Value,Key=Value…`.
fn is_option_list(body: &[u8]) -> bool {
    let first = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    starts_with_key(first) && !first.contains(&b'\t') && Fields::commas(first).iter().count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(table: Option<&str>, body: &'a [u8]) -> Content<'a> {
        let upload = Upload { table: table.map(str::to_owned), ..Upload::default() };
        parse(&upload, body, Charset::Utf8)
    }

    fn kinds(content: &Content) -> Vec<&'static str> {
        let Content::Records(lines) = content else { panic!("no records: {content:?}") };
        let records: Vec<Record> = lines.clone().collect();
        assert_eq!(records.len(), lines.received());
        let kind = |record: &Record| match record {
            Record::Punch(_) => "punch",
            Record::User(_) => "user",
            Record::Biometric { .. } => "biometric",
            Record::Operation(_) => "operation",
            Record::Error { .. } => "error",
            Record::State => "state",
            Record::UnknownCard(_) => "unknown card",
            Record::Other { .. } => "other",
            Record::Unread(_) => "unread",
        };
        records.iter().map(kind).collect()
    }

    #[test]
    fn the_tag_decides_and_the_table_only_hints() {
        let body = b"1\t2026-03-02 08:00:00\nUSER PIN=1\tName=A\nOPLOG 4\t0\t2026-03-02 08:00:00\nFP PIN=1\n";
        for table in [None, Some("ATTLOG"), Some("OPERLOG"), Some("USERINFO"), Some("FOO")] {
            assert_eq!(kinds(&read(table, body)), ["punch", "user", "operation", "biometric"], "{table:?}");
        }
        assert_eq!(kinds(&read(Some("USERINFO"), b"USERINFO PIN=1\tName=A\nPIN=2\tName=B\n")), ["user", "user"]);
        assert_eq!(kinds(&read(Some("FINGERTMP"), b"PIN=2\tFID=1\n")), ["biometric"]);
    }

    #[test]
    fn without_a_table_the_content_decides() {
        assert!(matches!(read(None, b"~DeviceName=x,UserCount=3"), Content::Options(_)));
        assert!(matches!(read(None, b"PIN=1-2.jpg\nSN=1\nsize=1\nCMD=uploadphoto\0\xFF"), Content::Photo(_)));
        assert!(matches!(read(None, b"\xFF\xD8\xFF\xE0"), Content::Photo(_)));
        assert!(matches!(read(None, b"\x1F\x8B\x08"), Content::Packed));
        assert_eq!(kinds(&read(None, b"PIN=7\tDateTime=2026-03-02 08:00:00\tStatus=1\tVerified=15")), ["punch"]);
    }

    #[test]
    fn blank_lines_do_not_count() {
        assert_eq!(kinds(&read(None, b"\r\n \t\n\0")), [""; 0]);
        assert_eq!(kinds(&read(None, b"")), [""; 0]);
        assert_eq!(kinds(&read(None, b"\r\nx\r\n\r\ny")), ["unread", "unread"]);
    }

    #[test]
    fn access_units_tell_a_count_under_the_name_of_its_table() {
        assert_eq!(parse_count("user", b"user=3"), Some(3));
        assert_eq!(parse_count("user", b" USER=0\r\n"), Some(0));
        for body in ["user=-1", "user=many", "biophoto=3", "3", ""] {
            assert_eq!(parse_count("user", body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn access_units_name_their_fields_otherwise() {
        let upload = Upload { table: Some("TABLEDATA".to_owned()), table_name: Some("user".to_owned()), stamp: None };
        let body = b"user uid=4\tcardno=123456789\tpin=1042\tname=A\tprivilege=14\nuid=5\tpin=1044\tname=B\n";
        let Content::Records(lines) = parse(&upload, body, Charset::Utf8) else { panic!("no records") };
        let records: Vec<Record> = lines.collect();
        let [Record::User(first), Record::User(second)] = records.as_slice() else { panic!("no users: {records:?}") };
        assert_eq!((first.card.map(Card::number), first.privilege), (Some(123_456_789), Some(14)));
        assert_eq!((second.pin.as_str(), second.name.as_str(), second.card), ("1044", "B", None));
    }
}
