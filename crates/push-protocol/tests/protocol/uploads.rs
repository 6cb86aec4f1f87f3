//! People, operations, templates and pictures.

use jiff::civil::date;
use push_protocol::{
    fields::Fields,
    record::{Content, Operation, Photo, Record, Tag},
    request::Call,
    text::{Card, CardForm, Charset, Pin},
};

use crate::transcript::{Transcript, ask};

fn biometric(tag: Tag, pin: u32) -> Record<'static> {
    Record::Biometric { tag, pin: Some(Pin::from(pin)) }
}

fn photo(transcript: &Transcript) -> Photo<'_> {
    let photo = |content| if let Content::Photo(photo) = content { photo } else { panic!("no photo: {content:?}") };
    let [photo] = transcript.contents(Charset::Utf8).into_iter().map(photo).collect::<Vec<_>>().try_into().unwrap();
    photo
}

pub fn operlog_mixed(transcript: &Transcript) {
    let records = transcript.records();
    let [Record::Operation(operation), Record::User(user), rest @ ..] = records.as_slice() else {
        panic!("{records:?}")
    };
    let expected = Operation {
        code: 30,
        admin: "0".to_owned(),
        time: Some(date(2026, 3, 2).at(9, 14, 20, 0)),
        objects: ["1042", "0", "0", "0"].map(str::to_owned).to_vec(),
    };
    assert_eq!(*operation, expected);
    assert_eq!((user.name.as_str(), user.name_damaged, user.privilege), ("Ayşe Demir", false, Some(0)));
    assert_eq!(user.card, Card::new(123_456_789).ok());
    assert_eq!(CardForm::of_wire(&user.card_text), Some(CardForm::Bracket));
    assert_eq!(
        rest,
        [biometric(Tag::Fingerprint, 1042), biometric(Tag::Face, 1042), biometric(Tag::UserPicture, 1042)]
    );
}

pub fn operlog_user_long_form(transcript: &Transcript) {
    let [user] = transcript.users().try_into().unwrap();
    assert_eq!(user.name, "O'Brien = Test");
    assert_eq!((user.card, user.privilege), (Card::new(3_735_928_559).ok(), Some(14)));
    assert_eq!(CardForm::of_wire(&user.card_text), Some(CardForm::Decimal));
    assert_eq!(transcript.exchanges[0].stamp(), Some(("OPERLOG", "9999")));
}

pub fn operlog_a1_opstamp(transcript: &Transcript) {
    let [user] = transcript.users().try_into().unwrap();
    assert_eq!(user.card, Card::new(123_456_789).ok());
    assert_eq!(user.card.unwrap().to_wire(CardForm::Bracket).unwrap(), user.card_text);
    assert_eq!(transcript.exchanges[0].stamp(), Some(("OPERLOG", "841132800")));
}

pub fn operlog_empty(transcript: &Transcript) {
    assert_eq!(transcript.records(), []);
    assert_eq!(transcript.exchanges[0].reply, b"OK: 1");
}

pub fn operlog_enrol_without_user(transcript: &Transcript) {
    let records = transcript.records();
    let [Record::Operation(operation)] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((operation.code, operation.objects[0].as_str()), (101, "9014"));
    transcript.hands_out(&[(801, ask(9014))]);
}

pub fn biodata_upload(transcript: &Transcript) {
    assert_eq!(transcript.records(), [biometric(Tag::BioData, 1042)]);
    let line = transcript.exchanges[0].body.strip_prefix(b"BIODATA ").unwrap();
    let numbers = ["Type", "MajorVer", "MinorVer"].map(|key| Fields::tabs(line).number(key));
    assert_eq!(numbers, [Some(9), Some(39), Some(3)]);
}

pub fn biophoto_in_operlog(transcript: &Transcript) {
    assert_eq!(transcript.records(), [biometric(Tag::BioPhoto, 1042), biometric(Tag::BioPhoto, 1043)]);
    for line in transcript.exchanges[0].body.trim_ascii_end().split(|byte| *byte == b'\n') {
        let fields = Fields::tabs(line);
        assert_eq!(fields.number("Size"), i64::try_from(fields.bytes("Content").unwrap().len()).ok());
    }
}

pub fn attphoto_binary(transcript: &Transcript) {
    let photo = photo(transcript);
    assert_eq!(photo.name.as_deref(), Some("20260302080003-1042.jpg"));
    assert_eq!((photo.pin, photo.image.len()), (Some(Pin::from(1042)), 2841));
    assert!(photo.image.starts_with(b"\xFF\xD8\xFF"));
}

pub fn attphoto_failed_verify(transcript: &Transcript) {
    let photo = photo(transcript);
    assert_eq!((photo.pin, photo.image.len()), (None, 1499));
}

pub fn fdata_legacy_photo(transcript: &Transcript) {
    assert_eq!(transcript.exchanges[0].request.call, Call::Photo);
    let photo = photo(transcript);
    assert_eq!((photo.pin, photo.image.len()), (Some(Pin::from(12)), 1499));
}

pub fn fdata_raw_jpeg(transcript: &Transcript) {
    let photo = photo(transcript);
    assert_eq!((photo.name.as_deref(), photo.pin, photo.image.len()), (None, None, 1499));
}

pub fn errorlog_photo_rejected(transcript: &Transcript) {
    let (command_id, code) = (Some("431".to_owned()), "D01E0001".to_owned());
    assert_eq!(transcript.records(), [Record::Error { command_id, code, message: String::new() }]);
}

pub fn operlog_tgz(transcript: &Transcript) {
    assert!(transcript.exchanges[0].body.starts_with(b"\x1F\x8B"));
    assert_eq!(transcript.contents(Charset::Utf8), [Content::Packed]);
}
