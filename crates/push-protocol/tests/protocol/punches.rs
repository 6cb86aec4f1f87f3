//! Attendance records.

use jiff::civil::date;
use push_protocol::{
    dialect::Dialect,
    record::{Punch, Record},
    reply::Options,
    text::{Pin, SerialNumber},
};

use crate::transcript::Transcript;

fn punches(transcript: &Transcript) -> Vec<Punch> {
    let punch = |record| if let Record::Punch(punch) = record { punch } else { panic!("no punch: {record:?}") };
    transcript.records().into_iter().map(punch).collect()
}

fn stamp(transcript: &Transcript) -> Option<&str> {
    transcript.exchanges[0].stamp().map(|(_, stamp)| stamp)
}

pub fn attlog_a2(transcript: &Transcript) {
    let [first, second] = punches(transcript).try_into().unwrap();
    assert_eq!((first.pin, first.time), (Pin::from(1042), date(2026, 3, 2).at(8, 0, 3, 0)));
    assert_eq!((first.status.as_str(), first.verify.as_str(), first.work_code.as_str()), ("0", "15", "0"));
    assert_eq!(first.utc_offset_seconds, Some(10_800));
    assert!(
        first.rest.ends_with("\teyJHUFNJbmZvIjp7ImxvbmdpdHVkZSI6Ii0xIiwibGF0aXR1ZGUiOiItMSJ9fQ=="),
        "{}",
        first.rest
    );
    assert_eq!(second.status, "255");
    assert_eq!(second.rest, "0\t0\t0\t0\t0\t");
}

pub fn attlog_a1_4col(transcript: &Transcript) {
    let [first, second] = punches(transcript).try_into().unwrap();
    assert_eq!((first.status.as_str(), first.verify.as_str(), first.work_code.as_str()), ("0", "1", ""));
    assert_eq!((second.status.as_str(), second.rest.as_str()), ("1", ""));
    assert_eq!(stamp(transcript), Some("841132985"));
}

pub fn attlog_a1_no_table(transcript: &Transcript) {
    assert_eq!(transcript.exchanges[0].upload().table, None);
    assert_eq!(punches(transcript).len(), 1);
    let options = Options {
        serial_number: SerialNumber::parse("1909200777").unwrap(),
        dialect: Dialect::Legacy,
        punch_stamp: stamp(transcript).map(str::to_owned),
        operation_stamp: None,
        photo_stamp: None,
        delay: 30,
        error_delay: 60,
        time_zone: None,
    };
    assert!(String::from_utf8(options.to_bytes()).unwrap().contains("\nStamp=841132985\n"));
}

pub fn attlog_no_content_type(transcript: &Transcript) {
    let [punch] = punches(transcript).try_into().unwrap();
    assert_eq!((punch.work_code.as_str(), punch.rest.as_str()), ("", "0\t0\t"));
}

pub fn attlog_form_content_type(transcript: &Transcript) {
    let [punch] = punches(transcript).try_into().unwrap();
    assert_eq!(punch.time, date(2026, 3, 2).at(12, 0, 3, 0));
}

pub fn attlog_crlf_blank_no_final_eol(transcript: &Transcript) {
    let [first, second] = punches(transcript).try_into().unwrap();
    assert_eq!((first.pin, first.rest.as_str()), (Pin::from(1042), "0\t0"));
    assert_eq!((second.pin, second.rest.as_str()), (Pin::from(1043), "0\t0"));
}

pub fn attlog_duplicate_batch(transcript: &Transcript) {
    let [first, second] = punches(transcript).try_into().unwrap();
    assert_eq!(first, second);
    assert_eq!(transcript.exchanges[0].reply, transcript.exchanges[1].reply);
}

pub fn attlog_history_128(transcript: &Transcript) {
    assert_eq!(punches(transcript).len(), 128);
    assert_eq!(transcript.exchanges[0].reply, b"OK: 128");
}

pub fn attlog_column11_serial(transcript: &Transcript) {
    let [punch] = punches(transcript).try_into().unwrap();
    assert_eq!(punch.utc_offset_seconds, None);
    assert_eq!(punch.rest, "0\t0\t0\t0\t0\t44719");
}

pub fn attlog_odd_records(transcript: &Transcript) {
    let records = transcript.records();
    let pins: Vec<&str> = records
        .iter()
        .filter_map(|record| if let Record::Punch(punch) = record { Some(punch.pin.as_str()) } else { None })
        .collect();
    assert_eq!(pins, ["1042", "OMN906", "0007", "4294967301"]);
    assert_eq!(records[4], Record::Unread(b"garbage without tabs"));
    assert!(matches!(&records[0], Record::Punch(punch) if punch.time.year() == 2077));
    assert_eq!(transcript.exchanges[0].reply, b"OK: 5");
}

pub fn attlog_pid_idcard(transcript: &Transcript) {
    let [punch] = punches(transcript).try_into().unwrap();
    // Columns 8 and 9 are a number of an ID card and a type only for who knows that the terminal is a `pid`.
    assert_eq!(punch.rest, "0\t0\t110101199003070011\t1");
    assert_eq!(punch.utc_offset_seconds, None);
}
