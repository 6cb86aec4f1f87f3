//! Whole conversations, as far as their words go: who decides what they mean is a server.

use std::collections::BTreeSet;

use jiff::{civil::date, tz::Offset};
use push_protocol::{
    command::Command,
    dialect::Dialect,
    record::{Record, Tag},
    reply::Options,
    result::Outcome,
    text::{Card, Charset, Name, Pin, SerialNumber},
};

use crate::{
    handshake::is_answered_with,
    poll::info,
    results::{code, payload},
    transcript::{Transcript, ask, put},
};

fn pins(transcript: &Transcript) -> BTreeSet<String> {
    transcript.users().iter().map(|user| user.pin.to_string()).collect()
}

fn set(pins: &[&str]) -> BTreeSet<String> {
    pins.iter().copied().map(str::to_owned).collect()
}

pub fn flow_upsert_and_read_back(transcript: &Transcript) {
    transcript.hands_out(&[(501, put(9020, "Fatima Al-Sayed", Some(123_456_789))), (502, ask(9020))]);
    assert_eq!(transcript.codes(), [code("501", 0), code("502", 0)]);
    assert_eq!(info(&transcript.exchanges[2]).user_count, Some(18));
    let [user] = transcript.users().try_into().unwrap();
    assert_eq!(
        (user.pin, user.name.as_str(), user.card),
        (Pin::from(9020), "Fatima Al-Sayed", Card::new(123_456_789).ok())
    );
}

pub fn flow_absence_with_sentinel(transcript: &Transcript) {
    transcript.hands_out(&[(511, Command::DeleteUser { pin: Pin::from(1043) }), (512, ask(1043)), (513, ask(1))]);
    assert_eq!(transcript.codes(), [code("511", 0), code("512", 0), code("513", 0)]);
    assert_eq!(pins(transcript), set(&["1"]));
    assert_eq!(transcript.users()[0].privilege, Some(14));
}

pub fn flow_absence_unknown(transcript: &Transcript) {
    transcript.hands_out(&[(521, ask(1043)), (522, ask(1))]);
    assert_eq!((transcript.codes(), pins(transcript)), (vec![], set(&[])));
}

pub fn flow_user_list_works(transcript: &Transcript) {
    transcript.hands_out(&[(531, Command::QueryUsers), (532, Command::Info)]);
    assert_eq!(pins(transcript), set(&["1", "1042", "1044"]));
    let results = transcript.results();
    assert_eq!(payload(&results[1], "UserCount"), Some("3"));
    let biodata = Record::Biometric { tag: Tag::BioData, pin: Some(Pin::from(1042)) };
    assert!(transcript.records().contains(&biodata));
}

pub fn flow_user_list_partial(transcript: &Transcript) {
    transcript.hands_out(&[(541, Command::QueryUsers), (542, Command::Info)]);
    assert_eq!(pins(transcript).len(), 1);
    assert_eq!(payload(&transcript.results()[1], "UserCount"), Some("3"));
}

pub fn flow_user_list_ignored(transcript: &Transcript) {
    transcript.hands_out(&[(551, Command::QueryUsers)]);
    assert_eq!((transcript.codes(), pins(transcript)), (vec![code("551", 0)], set(&[])));
}

pub fn flow_pin_query_legacy(transcript: &Transcript) {
    transcript.hands_out(&[(561, ask(12)), (562, ask(99))]);
    assert_eq!(transcript.codes(), [code("561", 1), code("562", 0)]);
    assert_eq!(Outcome::of(1, false), Outcome::Done);
    let [user] = transcript.users().try_into().unwrap();
    assert_eq!((user.pin, user.card), (Pin::from(12), Card::new(123_456_789).ok()));
    assert_eq!(transcript.exchanges[1].upload().table.as_deref(), Some("USERINFO"));
}

pub fn flow_stamp_reset_dump(transcript: &Transcript) {
    transcript.hands_out(&[(571, Command::Check)]);
    let options = Options {
        serial_number: SerialNumber::parse("3391204560077").unwrap(),
        dialect: Dialect::Attendance,
        punch_stamp: Some("841132985".to_owned()),
        operation_stamp: Some("0".to_owned()),
        photo_stamp: None,
        delay: 10,
        error_delay: 30,
        time_zone: Some(Offset::from_seconds(3 * 3600).unwrap()),
    };
    is_answered_with(&transcript.exchanges[1], &options);
    assert_eq!(pins(transcript), set(&["1", "12"]));
    assert_eq!(transcript.users()[0].card, None);
    assert_eq!(transcript.exchanges[2].stamp(), Some(("OPERLOG", "841133400")));
}

pub fn flow_ack_without_effect(transcript: &Transcript) {
    // The transcript sends 25 bytes; ours are fitted before.
    let wanted = Name::fit("Konstantinos Papadopoulos", Charset::Utf8).unwrap();
    assert_eq!(wanted.as_str(), "Konstantinos Papadopoulo");
    let commands = transcript.commands();
    assert_eq!(commands[0].1, "DATA UPDATE USERINFO PIN=1060\tName=Konstantinos Papadopoulos\tPri=0\tCard=123456789");
    assert_eq!(commands[1].1, "DATA QUERY USERINFO PIN=1060");
    let [user] = transcript.users().try_into().unwrap();
    assert_eq!((user.name.as_str(), user.name_damaged), (wanted.as_str(), false));
    assert_eq!((user.card, user.card_text.as_str()), (None, "0"));
}

pub fn flow_result_before_upload(transcript: &Transcript) {
    transcript.hands_out(&[(591, ask(1042))]);
    assert_eq!(transcript.codes(), [code("591", 0)]);
    assert_eq!(transcript.users()[0].name, "Ayşe Demir");
}

pub fn flow_verify_sum(transcript: &Transcript) {
    assert_eq!(transcript.codes(), [code("601", 0), code("14", 1)]);
    let results = transcript.results();
    assert_eq!(payload(&results[0], "AttlogSum"), Some("214"));
    assert_eq!(payload(&results[0], "EndTime"), Some("2026-03-01 23:59:59"));
    assert_eq!(payload(&results[1], "AttlogCount"), Some("31"));
}

pub fn flow_gap_query(transcript: &Transcript) {
    let day = date(2026, 3, 1);
    transcript.hands_out(&[(611, Command::QueryPunches { from: day.at(10, 0, 0, 0), to: day.at(12, 0, 0, 0) })]);
    let records = transcript.records();
    assert!(matches!(records.as_slice(), [Record::Punch(_), Record::Punch(_)]), "{records:?}");
}

pub fn flow_enroll_fp(transcript: &Transcript) {
    assert_eq!(transcript.codes(), [code("621", 0), code("622", 6)]);
    let records = transcript.records();
    let [Record::Operation(operation), Record::Biometric { tag: Tag::Fingerprint, pin }] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!((operation.code, operation.objects[0].as_str()), (6, "1042"));
    assert_eq!(*pin, Some(Pin::from(1042)));
}

pub fn flow_set_option(transcript: &Transcript) {
    let option = Command::SetOption { key: "VOLUME", value: "40".to_owned() };
    transcript.hands_out(&[(631, option), (632, Command::ReloadOptions)]);
    assert_eq!(transcript.codes(), [code("631", 0), code("632", 0)]);
}

pub fn flow_biophoto_push(transcript: &Transcript) {
    assert_eq!(transcript.codes(), [code("641", -1001), code("642", 0)]);
    let commands = transcript.commands();
    let content = commands[0].1.split_once("Content=").unwrap().1;
    assert!(commands[0].1.starts_with("DATA UPDATE BIOPHOTO PIN=1042\t"));
    assert_eq!((commands.len(), content.len()), (2, 4000));
}

pub fn flow_unsupported_words(transcript: &Transcript) {
    assert_eq!(transcript.codes(), [code("651", -1002), code("652", -1002), code("653", -1004), code("654", -22)]);
    for (_, code) in transcript.codes() {
        assert_eq!(Outcome::of(code.unwrap(), false), Outcome::LacksWord);
    }
}
