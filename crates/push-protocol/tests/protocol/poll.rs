//! Polls and what they are answered with.

use push_protocol::{
    command::Command,
    reply,
    request::{Call, Info},
};

use crate::transcript::{Exchange, Transcript, ask, put};

pub fn info(exchange: &Exchange) -> &Info {
    let Call::Poll { info: Some(info) } = &exchange.request.call else { panic!("no counts: {:?}", exchange.request) };
    info
}

pub fn getrequest_idle(transcript: &Transcript) {
    assert_eq!(transcript.exchanges[0].request.call, Call::Poll { info: None });
    assert_eq!(transcript.exchanges[0].reply, reply::OK);
}

pub fn getrequest_info_13(transcript: &Transcript) {
    let expected = Info {
        firmware: Some("ZAM180-NF50VA-Ver3.4.99".to_owned()),
        user_count: Some(17),
        fingerprint_count: Some(0),
        punch_count: Some(1632),
        address: Some("198.51.100.25".to_owned()),
        fingerprint_algorithm: Some("10".to_owned()),
        face_algorithm: Some("39".to_owned()),
        face_count: Some(16),
        capabilities: Some("01110".to_owned()),
    };
    assert_eq!(*info(&transcript.exchanges[0]), expected);
}

pub fn getrequest_info_9(transcript: &Transcript) {
    let info = info(&transcript.exchanges[0]);
    assert_eq!(info.firmware.as_deref(), Some("Ver 6.8.0(build640)"));
    assert_eq!((info.user_count, info.face_count), (Some(2), None));
    assert_eq!(info.capabilities.as_deref(), Some("101"));
}

pub fn getrequest_single(transcript: &Transcript) {
    transcript.hands_out(&[(418, put(1042, "Ayşe Demir", None))]);
    assert!(transcript.exchanges[0].reply.ends_with(b"\n"));
}

pub fn getrequest_batch(transcript: &Transcript) {
    transcript.hands_out(&[(419, put(1043, "Jonas Weber", None)), (420, ask(1043)), (421, Command::Reboot)]);
    assert!(!Command::Reboot.is_idempotent());
}

pub fn putfile_relative_fetch(transcript: &Transcript) {
    let [poll, fetch, result] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(transcript.commands(), [("661".to_owned(), "PutFile FileName=options.cfg".to_owned())]);
    assert_eq!(fetch.request.call, Call::File { name: "FileName=options.cfg".to_owned() });
    let statuses = [poll, fetch, result].map(|exchange| exchange.status.as_str());
    assert_eq!(statuses, ["200", "404", "200"]);
    assert_eq!(transcript.codes(), [("661".to_owned(), Some(-1))]);
}
