//! What holds for all input: what is written is read back, and no bytes stop a parser.

use jiff::{Timestamp, civil::DateTime, tz::Offset};
use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestCaseError};
use push_protocol::{
    command::{Command, CommandId, Manner, Vocabulary, received},
    dialect::{Announcement, Dialect},
    fields::Fields,
    record::{self, Content, Punch, Record, User},
    reply::{self, Options, SecurityOptions},
    request::{Info, Mended, Query, Request, Upload, is_terminal_path, mend_request_line},
    result::{self, Outcome, meaning},
    text::{Card, CardForm, Charset, NAME_BYTES, Name, Pin, SerialNumber},
};
use unicode_normalization::is_nfc;

fn pins() -> impl Strategy<Value = Pin> {
    "[0-9A-Za-z]{1,24}".prop_map(|text| Pin::parse(&text).unwrap())
}

fn cards() -> impl Strategy<Value = Card> {
    prop_oneof![1..=u64::from(u32::MAX), 1..1_u64 << 40].prop_map(|number| Card::new(number).unwrap())
}

fn charsets() -> impl Strategy<Value = Charset> {
    select(vec![Charset::Utf8, Charset::Gb18030])
}

fn forms() -> impl Strategy<Value = CardForm> {
    select(vec![CardForm::Decimal, CardForm::Bracket])
}

fn manners() -> impl Strategy<Value = Manner> {
    let dialects = select(vec![Dialect::Legacy, Dialect::Attendance]);
    let vocabularies = select(vec![Vocabulary::UserInfo, Vocabulary::User]);
    (dialects, vocabularies, forms(), charsets()).prop_map(|(dialect, vocabulary, card_form, charset)| Manner {
        dialect,
        vocabulary,
        card_form,
        charset,
    })
}

/// Names as people have them and as nobody should.
fn names() -> impl Strategy<Value = String> {
    let letters = select(vec![
        "Ayşe ",
        "李小明",
        "Ελένη",
        "فاطمه\u{200C}ها",
        "क्\u{200D}ष",
        "e\u{301}",
        "\t",
        "\n",
        "\u{202E}",
        "=",
        "👩🏽\u{200D}🎓",
        "Ω\u{342}",
        "  ",
    ]);
    prop_oneof![any::<String>(), vec(letters, 0..12).prop_map(|parts| parts.concat())]
}

fn times() -> impl Strategy<Value = DateTime> {
    let date = (0_i16..=9999, 1_i8..=12, 1_i8..=28);
    let time = (0_i8..24, 0_i8..60, 0_i8..60);
    (date, time).prop_map(|((year, month, day), (hour, minute, second))| {
        DateTime::new(year, month, day, hour, minute, second, 0).unwrap()
    })
}

/// Bytes in which the words of the protocol are frequent.
fn wire_bytes() -> impl Strategy<Value = Vec<u8>> {
    let word = select(
        [
            "USER ",
            "OPLOG ",
            "FP ",
            "ERRORLOG ",
            "user ",
            "rtlog ",
            "PIN=",
            "Name=",
            "Card=",
            "[15CD5B07]",
            "time=",
            "sensor=",
            "ID=",
            "id=",
            "Return=",
            "-10",
            "CMD=",
            "GetFile",
            "Content=",
            "&",
            "=",
            "\t",
            "\n",
            "\r\n",
            "\0",
            ",",
            "~",
            "C:",
            ":",
            " ",
            "7",
            "2026-03-02 08:00:00",
            "+10800",
            "GET ",
            "/iclock/",
            "http://",
            "cdata",
            "?",
            "%",
            "HTTP/1.1",
            "\u{1F}\u{8B}",
            "李",
        ]
        .map(str::as_bytes)
        .to_vec(),
    );
    let part = prop_oneof![4 => word.prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..6)];
    vec(part, 0..40).prop_map(|parts| parts.concat())
}

fn tables() -> impl Strategy<Value = Upload> {
    let table = select(vec![
        None,
        Some("ATTLOG"),
        Some("OPERLOG"),
        Some("ATTPHOTO"),
        Some("OPTIONS"),
        Some("RTLOG"),
        Some("TABLEDATA"),
        Some("?"),
    ]);
    let table_name = select(vec![None, Some("user"), Some("biophoto"), Some("?")]);
    (table, table_name).prop_map(|(table, table_name)| Upload {
        table: table.map(str::to_owned),
        stamp: None,
        table_name: table_name.map(str::to_owned),
    })
}

fn only(content: Content<'_>) -> Result<Record<'_>, TestCaseError> {
    match content {
        Content::Records(mut lines) if lines.received() == 1 => {
            lines.next().ok_or_else(|| TestCaseError::fail("a line that is counted is read"))
        }
        other => Err(TestCaseError::fail(format!("not one record: {other:?}"))),
    }
}

proptest! {
    #[test]
    fn a_fitted_name_fits(text in names(), charset in charsets()) {
        if let Ok(name) = Name::fit(&text, charset) {
            prop_assert!(charset.encode(name.as_str()).len() <= NAME_BYTES);
            prop_assert!(!name.as_str().chars().any(char::is_control));
            prop_assert_eq!(name.as_str().trim(), name.as_str());
            prop_assert!(is_nfc(name.as_str()));
            prop_assert_eq!(Name::fit(name.as_str(), charset), Ok(name));
        }
    }

    #[test]
    fn a_person_that_is_written_is_read_back(
        id in 1..=CommandId::MAX, pin in pins(), text in names(), card in proptest::option::of(cards()), manner in manners()
    ) {
        let Ok(name) = Name::fit(&text, manner.charset) else { return Ok(()) };
        let command = Command::PutUser { pin: pin.clone(), name: name.clone(), card };
        let rendered = command.render(manner).unwrap();
        let bytes = manner.charset.encode(&rendered);
        let reply = reply::commands([(CommandId::new(id).unwrap(), bytes.as_ref())]);

        let received = received(&reply);
        prop_assert_eq!(received.len(), 1);
        prop_assert_eq!(received[0].id, id.to_string());
        prop_assert_eq!(received[0].text, bytes.as_ref());

        // A terminal that stores the fields as they came uploads them so.
        let fields = &received[0].text[command.word(manner).len() + 1..];
        let line = [b"USER ", fields].concat();
        let upload = Upload::default();
        let Record::User(user) = only(record::parse(&upload, &line, manner.charset))? else { panic!() };
        let read = User {
            pin,
            name: name.as_read_back(manner.charset).into_owned(),
            name_damaged: false,
            card,
            card_text: card.map_or(manner.card_form.no_card().to_owned(), |card| card.to_wire(manner.card_form).unwrap()),
            privilege: Some(0),
        };
        prop_assert_eq!(user, read);
    }

    #[test]
    fn an_access_unit_is_told_of_one_person_at_a_time(pin in pins(), text in names(), card in proptest::option::of(cards())) {
        let manner = Manner {
            dialect: Dialect::Security,
            vocabulary: Vocabulary::UserInfo,
            card_form: CardForm::Bracket,
            charset: Charset::Utf8,
        };
        for command in [Command::DeleteUser { pin: pin.clone() }, Command::DeleteDoorRight { pin: pin.clone() }] {
            let rendered = command.render(manner).unwrap();
            // No delete without its PIN can be expressed, and none with any other key.
            prop_assert_eq!(rendered, format!("{} Pin={pin}", command.word(manner)));
        }
        let right = Command::PutDoorRight { pin: pin.clone() }.render(manner).unwrap();
        let starts = format!("DATA UPDATE userauthorize Pin={pin}\t");
        prop_assert!(right.starts_with(&starts));
        let Ok(name) = Name::fit(&text, manner.charset) else { return Ok(()) };
        let command = Command::PutUser { pin: pin.clone(), name: name.clone(), card };
        let rendered = command.render(manner).unwrap();
        let fields = &rendered[command.word(manner).len() + 1..];
        let keys: Vec<&str> = fields.split('\t').map(|field| field.split('=').next().unwrap()).collect();
        prop_assert_eq!(keys, ["CardNo", "Pin", "Group", "Name", "Privilege"]);
        // What it stores it uploads under the same keys in small letters.
        let line = format!("user uid=1\t{}", fields.replace("CardNo=", "cardno=").replace("\tPin=", "\tpin="));
        let Record::User(user) = only(record::parse_table("user", line.as_bytes(), manner.charset))? else { panic!() };
        prop_assert_eq!((user.pin, user.card, user.privilege), (pin, card, Some(0)));
        prop_assert_eq!(user.name, name.as_read_back(manner.charset).into_owned());
    }

    #[test]
    fn a_name_cut_by_the_terminal_is_a_beginning(text in names(), length in 0..=NAME_BYTES) {
        let Ok(name) = Name::fit(&text, Charset::Utf8) else { return Ok(()) };
        let bytes = &name.as_str().as_bytes()[..length.min(name.as_str().len())];
        let line = [b"USER PIN=1\tName=", bytes, b"\tPri=0"].concat();
        let Record::User(user) = only(record::parse(&Upload::default(), &line, Charset::Utf8))? else { panic!() };
        if user.name_damaged {
            prop_assert!(name.as_str().starts_with(&user.name));
        }
        prop_assert_eq!(user.privilege, Some(0));
    }

    #[test]
    fn commands_are_as_many_lines(texts in vec(wire_bytes(), 1..5)) {
        let id = CommandId::new(7).unwrap();
        let reply = reply::commands(texts.iter().map(|text| (id, text.as_slice())));
        prop_assert_eq!(received(&reply).len(), texts.len());
        prop_assert!(reply.ends_with(b"\n"));
    }

    #[test]
    fn a_card_is_the_same_in_all_spellings(card in cards(), form in forms()) {
        let number = card.number();
        let wire = card.to_wire(form).unwrap();
        prop_assert_eq!(CardForm::of_wire(&wire), Some(form));
        for spelling in [wire, format!("{number:010}"), format!("[{:016X}]", number.swap_bytes())] {
            prop_assert_eq!(Card::from_wire(&spelling), Some(card), "{}", spelling);
        }
        for spelling in [format!("{number}"), format!("{number:012}"), format!("0x{number:x}"), format!("0X{number:X}")] {
            prop_assert_eq!(Card::parse(&spelling), Ok(card), "{}", spelling);
        }
    }

    #[test]
    fn a_punch_line_is_read_back(
        pin in pins(), time in times(), columns in vec("[0-9A-Za-z=.]{0,8}", 0..14), offset in proptest::option::of(-50_400..=50_400_i32)
    ) {
        let mut columns = columns;
        if let (Some(column), Some(offset)) = (columns.get_mut(8), offset) {
            *column = format!("{offset:+}");
        }
        let line = [&[pin.to_string(), time.strftime("%Y-%m-%d %H:%M:%S").to_string()], columns.as_slice()].concat().join("\t");
        let Record::Punch(punch) = only(record::parse(&Upload::default(), line.as_bytes(), Charset::Utf8))? else { panic!() };
        let column = |position: usize| columns.get(position).cloned().unwrap_or_default();
        let expected = Punch {
            pin,
            time,
            status: column(0),
            verify: column(1),
            work_code: column(2),
            rest: columns.get(3..).unwrap_or_default().join("\t"),
            utc_offset_seconds: offset.filter(|_| columns.len() > 8),
        };
        prop_assert_eq!(punch, expected);
    }

    #[test]
    fn an_option_list_is_read_back(pairs in vec(("~?[A-Za-z][A-Za-z0-9_]{1,8}", "[^=\r\n\0]{0,10}"), 1..8)) {
        let list = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
        let options = Fields::commas(list.as_bytes());
        let read: Vec<(String, String)> = options.iter().map(|(key, value)| {
            (String::from_utf8(key.to_vec()).unwrap(), String::from_utf8(value.to_vec()).unwrap())
        }).collect();
        prop_assert_eq!(read, pairs);
    }

    #[test]
    fn a_handshake_is_lines_of_pairs(
        dialect in select(vec![Dialect::Legacy, Dialect::Attendance, Dialect::Security]), stamp in proptest::option::of(any::<String>()),
        delay in any::<u32>(), minutes in -24 * 60..=24 * 60_i32
    ) {
        let options = Options {
            serial_number: SerialNumber::parse("CJX9253300417").unwrap(),
            dialect,
            punch_stamp: stamp.clone(),
            operation_stamp: stamp.clone(),
            photo_stamp: stamp,
            delay,
            error_delay: 30,
            time_zone: Offset::from_seconds(minutes * 60).ok(),
        };
        let text = String::from_utf8(options.to_bytes()).unwrap();
        let lines: Vec<&str> = text.strip_suffix('\n').unwrap().split('\n').collect();
        prop_assert_eq!(lines[0], "GET OPTION FROM: CJX9253300417");
        prop_assert!(lines[1..].iter().all(|line| line.contains('=')), "{}", text);
        prop_assert_eq!(lines.len(), if dialect == Dialect::Legacy { 12 } else { 17 });
        prop_assert!(text.len() < 1024);
        let sent = lines.iter().find_map(|line| line.strip_prefix("TimeZone=")).unwrap();
        let sent: i32 = sent.parse().unwrap();
        prop_assert_eq!(if minutes % 60 == 0 { sent * 60 } else { sent }, minutes);
    }

    #[test]
    fn results_are_read_back(
        results in vec(("[0-9a-z]{1,16}", -5000..5000_i64, "[A-Z][A-Z_ ]{0,10}[A-Z]", any::<bool>(), vec(("[~]?[A-HJ-Q][A-Za-z]{3,9}", "[^\r\n&]{0,9}"), 0..3)), 0..5),
        line_end in select(vec!["\n", "\r\n"])
    ) {
        let mut body = String::new();
        for (id, code, command, is_flat, payload) in &results {
            let separator = if *is_flat { "&" } else { line_end };
            body += &[format!("ID={id}"), format!("Return={code}"), format!("CMD={command}")].join(separator);
            body += line_end;
            for (key, value) in payload {
                body.extend([key, "=", value, line_end]);
            }
        }
        let no_query = Query::default();
        let read = result::parse(&no_query, body.as_bytes());
        prop_assert_eq!(read.len(), results.len());
        for (read, (id, code, command, _, payload)) in std::iter::zip(read, &results) {
            prop_assert_eq!((read.id, read.code), (id.as_str(), Some(*code)));
            prop_assert_eq!(read.command, command.as_bytes());
            let payload: Vec<(&[u8], &[u8])> = payload.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes())).collect();
            prop_assert_eq!(read.payload, payload);
        }
    }

    #[test]
    fn every_line_of_an_upload_counts(upload in tables(), body in wire_bytes(), charset in charsets()) {
        let content = record::parse(&upload, &body, charset);
        if let Content::Records(lines) = &content {
            let received = lines.received();
            let is_line = |line: &&[u8]| line.iter().any(|byte| !byte.is_ascii_whitespace() && *byte != 0);
            prop_assert!(body.split(|byte| *byte == b'\n').filter(is_line).count() <= received);
            prop_assert_eq!(lines.clone().count(), received);
        }
        let reply = reply::acknowledgement(&upload, &content);
        prop_assert!(!reply.is_empty());
        prop_assert!(reply != b"OK: 0");
    }

    #[test]
    fn a_mended_line_is_one_that_parsers_take(head in wire_bytes()) {
        if let Mended::Line { line, replaces } = mend_request_line(&head) {
            prop_assert_eq!(head[replaces - 1], b'\n');
            let text = str::from_utf8(&line).unwrap().strip_suffix("\r\n").unwrap();
            prop_assert_eq!(text.split(' ').count(), 3, "{}", text);
            prop_assert!(text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
            prop_assert_eq!(mend_request_line(&line), Mended::Fine);
        }
    }

    #[test]
    fn mending_keeps_what_was_asked(query in "[ -$&-~]{0,40}") {
        let head = format!("GET /iclock/getrequest?{query} HTTP/1.1\r\n");
        let line = match mend_request_line(head.as_bytes()) {
            Mended::Line { line, .. } => String::from_utf8(line).unwrap(),
            Mended::Fine => head,
            Mended::Incomplete => panic!(),
        };
        let mended = line.strip_prefix("GET /iclock/getrequest?").unwrap().strip_suffix(" HTTP/1.1\r\n").unwrap();
        let trimmed = query.trim_end_matches(' ');
        prop_assert_eq!(Query::parse(mended), Query::parse(trimmed));
    }

    #[test]
    fn no_bytes_stop_a_parser(bytes in wire_bytes(), charset in charsets()) {
        for key in [true, false] {
            let fields = if key { Fields::tabs(&bytes) } else { Fields::commas(&bytes) };
            let _ = (fields.text("PIN", charset), fields.number("PIN"), fields.iter().count());
        }
        let _ = (record::parse_table("user", &bytes, charset), record::parse_photo(&bytes));
        let _ = (received(&bytes), charset.decode(&bytes), mend_request_line(&bytes));
        for result in result::parse(&Query::default(), &bytes) {
            let code = result.code.unwrap_or_default();
            let _ = (Outcome::of(code, true), meaning(code));
        }
        let text = String::from_utf8_lossy(&bytes);
        let query = Query::parse(&text);
        let _ = (result::parse(&query, b""), Info::parse(&text), is_terminal_path(&text));
        let path = format!("/iclock/{text}");
        for method in ["GET", "POST", "?"] {
            prop_assert!(Request::parse(method, &path, &text).is_some());
        }
    }

    #[test]
    fn no_text_stops_a_parser(text in any::<String>(), charset in charsets()) {
        let _ = (Card::parse(&text), Card::from_wire(&text), CardForm::of_wire(&text), Pin::parse(&text));
        let _ = (SerialNumber::parse(&text), Dialect::parse(&text), charset.encode(&text).len());
        let announced = Announcement { push_version: Some(text.clone()), device_type: Some(text.clone()), ..Announcement::default() };
        let _ = (Dialect::recognise(&announced), announced.card_form());
        let security = SecurityOptions { registry_code: text.clone(), session_id: text.clone(), request_delay: 1, error_delay: 1 };
        prop_assert!(security.registered().ends_with(b"\n") && security.push().ends_with(b"\n"));
        let _ = Request::parse(&text, &text, &text);
        let option = Command::SetOption { key: "X", value: text };
        let manner = Manner { dialect: Dialect::Attendance, vocabulary: Vocabulary::UserInfo, card_form: CardForm::Decimal, charset };
        prop_assert!(!option.render(manner).unwrap().contains(['\t', '\r', '\n', '\0']));
    }

    #[test]
    fn every_moment_can_be_told(seconds in Timestamp::MIN.as_second() + 172_800..=Timestamp::MAX.as_second() - 172_800, minutes in -24 * 60..=24 * 60_i32) {
        let now = Timestamp::from_second(seconds).unwrap();
        let offset = Offset::from_seconds(minutes * 60).unwrap();
        prop_assert!(reply::time(now, offset).starts_with(b"Time="));
        prop_assert!(reply::security_time(now, offset).starts_with(b"DateTime="));
    }
}
