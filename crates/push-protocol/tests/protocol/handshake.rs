//! Handshakes, and the other requests that are not about punches or people.

use jiff::{Timestamp, tz::Offset};
use push_protocol::{
    command::Command,
    dialect::{Announcement, Dialect},
    limits::Limits,
    record::{Content, Record},
    reply::{self, Options},
    request::Call,
    text::{CardForm, Charset, Pin, SerialNumber},
};

use crate::transcript::{Exchange, MANNER, Transcript};

fn announced(exchange: &Exchange) -> &Announcement {
    let Call::Handshake(announcement) = &exchange.request.call else { panic!("no handshake: {:?}", exchange.request) };
    announcement
}

/// The options of the transcripts; checks change what theirs has otherwise.
fn options(exchange: &Exchange, zone_minutes: i32) -> Options {
    Options {
        serial_number: SerialNumber::parse(&exchange.request.serial_number).unwrap(),
        dialect: Dialect::recognise(announced(exchange)),
        punch_stamp: None,
        operation_stamp: None,
        photo_stamp: None,
        delay: 10,
        error_delay: 30,
        time_zone: Some(Offset::from_seconds(zone_minutes * 60).unwrap()),
    }
}

pub fn is_answered_with(exchange: &Exchange, options: &Options) {
    assert_eq!(str::from_utf8(&exchange.reply).unwrap(), String::from_utf8(options.to_bytes()).unwrap());
}

pub fn handshake_a2(transcript: &Transcript) {
    let [handshake] = transcript.exchanges.as_slice() else { panic!() };
    let expected = Announcement {
        push_version: Some("2.4.1".to_owned()),
        device_type: Some("att".to_owned()),
        language: Some(69),
        comm_key: Some("5f0c1d7b9a3e48d2860b4c6e2f9d1a37".to_owned()),
        push_options_flag: Some(1),
    };
    assert_eq!(*announced(handshake), expected);
    assert_eq!(Dialect::recognise(&expected), Dialect::Attendance);
    assert_eq!(expected.card_form(), CardForm::Decimal);
    is_answered_with(handshake, &options(handshake, 180));
    assert!(handshake.reply.ends_with(b"\n"));
}

pub fn handshake_early_2x(transcript: &Transcript) {
    let [handshake] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(Dialect::recognise(announced(handshake)), Dialect::Attendance);
    assert_eq!(announced(handshake).card_form(), CardForm::Bracket);
    is_answered_with(handshake, &options(handshake, 330));
}

pub fn handshake_a1(transcript: &Transcript) {
    let [handshake] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(*announced(handshake), Announcement::default());
    assert_eq!(Dialect::recognise(announced(handshake)), Dialect::Legacy);
    is_answered_with(handshake, &Options { delay: 30, error_delay: 60, ..options(handshake, 330) });
    let reply = str::from_utf8(&handshake.reply).unwrap();
    assert!(["\nStamp=", "\nOpStamp=", "\nPhotoStamp="].iter().all(|key| reply.contains(key)));
    assert!(!reply.contains("ServerVer"));
}

pub fn handshake_aspx(transcript: &Transcript) {
    let [handshake, poll] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(Dialect::recognise(announced(handshake)), Dialect::Attendance);
    is_answered_with(handshake, &options(handshake, 180));
    assert_eq!(poll.request.call, Call::Poll { info: None });
}

pub fn handshake_odd_parameters(transcript: &Transcript) {
    let [handshake] = transcript.exchanges.as_slice() else { panic!() };
    let announced = announced(handshake);
    assert_eq!(announced.device_type.as_deref(), Some("middle east"));
    assert_eq!((announced.language, announced.push_options_flag), (Some(66), Some(2)));
    assert_eq!(Dialect::recognise(announced), Dialect::Attendance);
    is_answered_with(handshake, &options(handshake, 180));
}

pub fn handshake_proxy_absolute_form(transcript: &Transcript) {
    let [handshake] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(handshake.request.serial_number, "3391204560077");
    is_answered_with(handshake, &options(handshake, 180));
}

pub fn handshake_unknown_device(transcript: &Transcript) {
    let [handshake, upload] = transcript.exchanges.as_slice() else { panic!() };
    is_answered_with(handshake, &Options { time_zone: None, ..options(handshake, 0) });
    assert_eq!(upload.upload().table.as_deref(), Some("ATTLOG"));
    let records = transcript.records();
    let [Record::Punch(punch)] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(punch.pin, Pin::from(77));
}

pub fn time_sync_type_time(transcript: &Transcript) {
    let [exchange] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(exchange.request.call, Call::Time);
    let now: Timestamp = "2026-03-02T05:00:05Z".parse().unwrap();
    assert_eq!(reply::time(now, Offset::from_seconds(3 * 3600).unwrap()), exchange.reply);
}

pub fn ping(transcript: &Transcript) {
    let [exchange] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(exchange.request.call, Call::Ping);
    assert_eq!(exchange.reply, reply::OK);
}

pub fn options_upload(transcript: &Transcript) {
    let contents = transcript.contents(Charset::Utf8);
    let [Content::Options(options)] = contents.as_slice() else { panic!("{contents:?}") };
    assert_eq!(options.number("UserCount"), Some(7));
    let text = |key| options.text(key, Charset::Utf8);
    assert_eq!(text("~OEMVendor").as_deref(), Some("ACME Inc."));
    assert_eq!(text("~DeviceName").as_deref(), Some("SenseTest 3X"));
    assert_eq!(text("FWVersion").as_deref(), Some("ZAM70-NF28VA-3.3.99"));
    assert_eq!(text("MultiBioDataSupport").as_deref(), Some("0:1:0:0:0:0:0:0:0:1"));
    assert_eq!(options.iter().count(), 18);
    assert_eq!(Limits::told(|key| options.number(key)), Limits { people: Some(3_000), pin_digits: None });
}

pub fn exchange_publickey(transcript: &Transcript) {
    let [exchange] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(exchange.request.call, Call::KeyExchange);
}

pub fn remote_att(transcript: &Transcript) {
    let [exchange] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(exchange.request.call, Call::RemoteAttendance { pin: Some(Pin::from(1042)) });
    // A line without prefix is no command of a poll, but its words are the same.
    assert_eq!(transcript.commands(), []);
    let word = Command::DeleteUser { pin: Pin::from(1042) }.word(MANNER).replace("DELETE", "UPDATE");
    assert!(exchange.reply.starts_with(format!("{word} PIN=1042\t").as_bytes()));
}
