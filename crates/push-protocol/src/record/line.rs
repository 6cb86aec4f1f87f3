//! One line, told by its tag.

use crate::{
    fields::{Fields, number, starts_with_key},
    text::{Card, Charset, Pin},
};

use super::{
    Operation, Record, Tag, User,
    punch::{self, wall_clock},
};

/// Reads one non-empty line. `table`, upper-cased, tells what a line of pairs without tag is.
pub(super) fn read<'a>(line: &'a [u8], table: &str, charset: Charset) -> Record<'a> {
    // Columns first: a PIN may be spelt like a tag.
    let record = punch::of_columns(line, charset).map(Record::Punch).or_else(|| match split_tag(line) {
        Some((tag, rest)) => tagged(&tag, rest, charset),
        None if starts_with_key(line) => live(table, line, charset).or_else(|| tagged(table, line, charset)),
        None => None,
    });
    record.unwrap_or(Record::Unread(line))
}

/// A word and one blank, upper-cased, and what follows. A known word may also be followed by a TAB.
fn split_tag(line: &[u8]) -> Option<(String, &[u8])> {
    let length = line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let (tag, rest) = line.split_at(length);
    let (end @ (b' ' | b'\t'), rest) = rest.split_first()? else { return None };
    let tag = str::from_utf8(tag).ok().filter(|tag| !tag.is_empty())?.to_ascii_uppercase();
    (*end == b' ' || Kind::of(&tag).is_some()).then_some((tag, rest))
}

/// What the lines of a tag or table are.
enum Kind {
    Punch,
    User,
    Biometric(Tag),
    Operation,
    Error,
    State,
    Other,
}

impl Kind {
    /// `tag` upper-cased. Access units name their tables otherwise (SEC4.8 §10.5).
    fn of(tag: &str) -> Option<Kind> {
        Some(match tag {
            "ATTLOG" | "RTLOG" => Kind::Punch,
            // The lines of OPERLOG are tagged; those that are not are people, the only pairs ever seen in it.
            "USER" | "USERINFO" | "OPERLOG" => Kind::User,
            "FP" | "FINGERTMP" | "TEMPLATEV10" => Kind::Biometric(Tag::Fingerprint),
            "FACE" => Kind::Biometric(Tag::Face),
            "FVEIN" => Kind::Biometric(Tag::FingerVein),
            "BIODATA" => Kind::Biometric(Tag::BioData),
            "USERPIC" => Kind::Biometric(Tag::UserPicture),
            "BIOPHOTO" => Kind::Biometric(Tag::BioPhoto),
            "OPLOG" => Kind::Operation,
            "ERRORLOG" => Kind::Error,
            "RTSTATE" => Kind::State,
            "IDCARD" | "IDENTITYCARD" | "WORKCODE" | "SMS" | "USER_SMS" | "ATTPHOTO" | "USERAUTHORIZE" | "EXTUSER"
            | "MULCARDUSER" => Kind::Other,
            _ => return None,
        })
    }
}

/// Reads what follows a tag; `None` when the tag is unknown or what follows does not suit it.
fn tagged<'a>(tag: &str, rest: &'a [u8], charset: Charset) -> Option<Record<'a>> {
    match Kind::of(tag)? {
        Kind::Operation => operation(rest, charset).map(Record::Operation),
        Kind::Punch => live(tag, rest, charset).or_else(|| punch::of_columns(rest, charset).map(Record::Punch)),
        Kind::User => user(&Fields::tabs(rest), charset).map(Record::User),
        Kind::Biometric(tag) => Some(Record::Biometric { tag, pin: pin(&Fields::tabs(rest)) }),
        Kind::Error => Some(error(&Fields::tabs(rest), charset)),
        Kind::State => Some(Record::State),
        Kind::Other => Some(Record::Other { tag: tag.to_owned() }),
    }
}

/// Pairs with a time: a punch, or what else an access unit reports as it happens.
fn live<'a>(tag: &str, rest: &'a [u8], charset: Charset) -> Option<Record<'a>> {
    let fields = if rest.contains(&b'\t') { Fields::tabs(rest) } else { Fields::blanks(rest) };
    if fields.bytes("sensor").is_some() && fields.bytes("pin").is_none() {
        return Some(Record::State);
    }
    punch::time_of(&fields)?;
    // Doors and unknown cards are events of PIN 0, or of none.
    let is_nobody = |pin: &[u8]| pin.trim_ascii().is_empty() || number(pin) == Some(0);
    match fields.bytes("pin") {
        Some(pin) if is_nobody(pin) => {
            let card = fields.text("cardno", charset).and_then(|text| Card::from_wire(&text));
            Some(card.map_or_else(|| Record::Other { tag: tag.to_owned() }, Record::UnknownCard))
        }
        _ => punch::of_pairs(&fields, charset).map(Record::Punch),
    }
}

fn user(fields: &Fields<'_>, charset: Charset) -> Option<User> {
    let text = |key: &str| fields.text(key, charset).unwrap_or_default();
    let (name, name_damaged) = charset.decode_name(fields.bytes("Name").unwrap_or_default());
    let card_text = if fields.bytes("Card").is_some() { text("Card") } else { text("CardNo") };
    Some(User {
        pin: pin(fields)?,
        name: name.into_owned(),
        name_damaged,
        card: Card::from_wire(&card_text),
        card_text: card_text.into_owned(),
        privilege: fields.number("Pri").or_else(|| fields.number("Privilege")),
    })
}

/// Documents have four.
const OBJECTS: usize = 16;

fn operation(rest: &[u8], charset: Charset) -> Option<Operation> {
    let mut columns = rest.split(|byte| *byte == b'\t');
    let code = number(columns.next()?)?;
    let text = |column: &[u8]| charset.decode(column).into_owned();
    Some(Operation {
        code,
        admin: columns.next().map(text).unwrap_or_default(),
        time: columns.next().and_then(wall_clock),
        objects: columns.take(OBJECTS).map(text).collect(),
    })
}

fn error<'a>(fields: &Fields<'a>, charset: Charset) -> Record<'a> {
    let text = |key: &str| fields.text(key, charset).unwrap_or_default().into_owned();
    let command_id = Some(text("CmdId")).filter(|id| !id.is_empty());
    Record::Error { command_id, code: text("ErrCode"), message: text("ErrMsg") }
}

fn pin(fields: &Fields<'_>) -> Option<Pin> {
    Pin::parse(str::from_utf8(fields.bytes("PIN")?.trim_ascii()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &[u8]) -> Record<'_> {
        read(line, "OPERLOG", Charset::Utf8)
    }

    #[test]
    fn tags_and_keys_have_no_case() {
        let Record::User(user) = of("user\tpin= 7 \tNAME=Ünal\tpri=14\tcard=[15CD5B0700]".as_bytes()) else {
            panic!()
        };
        assert_eq!((user.pin.as_str(), user.name.as_str(), user.privilege), ("7", "Ünal", Some(14)));
        assert_eq!((user.card.map(Card::number), user.card_text.as_str()), (Some(123_456_789), "[15CD5B0700]"));
        let vein = Record::Biometric { tag: Tag::FingerVein, pin: Some(Pin::from(7)) };
        assert_eq!(of(b"FVEIN Pin=7\tFID=0\tTmp=a=="), vein);
    }

    #[test]
    fn a_person_without_a_pin_is_no_person() {
        for line in
            ["USER Name=A", "USER PIN=\tName=A", "USER PIN=a b\tName=A", "OPLOG x\t0", "FOO a=1", "nonsense", "="]
        {
            assert_eq!(of(line.as_bytes()), Record::Unread(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_pin_may_be_spelt_like_a_tag() {
        assert!(matches!(of(b"SMS\t2026-03-02 08:00:00\t0\t1"), Record::Punch(punch) if punch.pin.as_str() == "SMS"));
        assert_eq!(of(b"SMS\tContent=x"), Record::Other { tag: "SMS".to_owned() });
    }

    #[test]
    fn pairs_with_a_time_are_punches_in_any_table() {
        for table in ["ATTLOG", "OPERLOG", "FOO"] {
            let record = read(b"PIN=7 DateTime=2026-03-02 08:00:00 Verified=1", table, Charset::Utf8);
            assert!(matches!(record, Record::Punch(_)), "{table}: {record:?}");
        }
    }

    #[test]
    fn an_event_of_nobody_is_no_punch() {
        let other = Record::Other { tag: "RTLOG".to_owned() };
        for pin in ["0", "", " 00 "] {
            let line = format!("time=2026-03-02 08:00:00\tpin={pin}\tevent=27");
            assert_eq!(read(line.as_bytes(), "RTLOG", Charset::Utf8), other, "{line}");
        }
        let line = b"time=2026-03-02 08:00:00\tpin=0\tcardno=12345678\teventaddr=1\tevent=27";
        assert_eq!(read(line, "RTLOG", Charset::Utf8), Record::UnknownCard(Card::new(12_345_678).unwrap()));
        let line = b"time=never\tpin=0";
        assert_eq!(read(line, "RTLOG", Charset::Utf8), Record::Unread(line));
    }

    #[test]
    fn an_operation_may_be_short() {
        let Record::Operation(operation) = of(b"OPLOG 101\t0\tnever") else { panic!() };
        assert_eq!((operation.code, operation.admin.as_str(), operation.time), (101, "0", None));
        assert_eq!(operation.objects, [""; 0]);
    }

    #[test]
    fn an_error_names_its_command() {
        let line = b"ERRORLOG ErrCode=D01E0001\tErrMsg=\tDataOrigin=cmd\tCmdId=431\tAdditional=";
        let (code, message) = ("D01E0001".to_owned(), String::new());
        assert_eq!(of(line), Record::Error { command_id: Some("431".to_owned()), code, message });
    }
}
