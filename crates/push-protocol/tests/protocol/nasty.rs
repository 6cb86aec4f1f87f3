//! What should not happen and does.

use push_protocol::{
    command::{Command, CommandId, received},
    record::{self, Record},
    reply,
    request::{Call, Upload},
    text::{Charset, Pin},
};

use crate::{
    poll::info,
    results::code,
    security::SECURITY,
    transcript::{MANNER, Transcript, ask, put},
};

pub fn nasty_gb18030_name(transcript: &Transcript) {
    let contents = transcript.contents(Charset::Gb18030);
    let [record::Content::Records(lines)] = contents.as_slice() else { panic!("{contents:?}") };
    let records: Vec<Record<'_>> = lines.clone().collect();
    let [Record::User(user)] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((user.name.as_str(), user.name_damaged), ("李小明", false));
    // Where nobody knows that the terminal is Chinese nothing fails and nothing is lost.
    assert_eq!(transcript.users()[0].name, "ÀîÐ¡Ã÷");
}

pub fn nasty_truncated_utf8_name(transcript: &Transcript) {
    // The name of the transcript was cut at 23 bytes, by chance between two letters.
    let [user] = transcript.users().try_into().unwrap();
    assert_eq!((user.name.as_str(), user.name.len(), user.name_damaged), ("Αικατερίνη Ο", 23, false));

    // One byte more, and the cut goes through a letter.
    let body = [b"USER PIN=2002\tName=", user.name.as_bytes(), b"\xCE\tPri=0\n"].concat();
    let content = record::parse(&Upload::default(), &body, Charset::Utf8);
    let record::Content::Records(lines) = content else { panic!("{content:?}") };
    let records: Vec<Record<'_>> = lines.collect();
    let [Record::User(user)] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((user.name.as_str(), user.name_damaged, user.privilege), ("Αικατερίνη Ο", true, Some(0)));
}

pub fn nasty_lowercase_params_missing_table(transcript: &Transcript) {
    let [exchange] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(exchange.request.serial_number, "CJX9253300417");
    assert_eq!((exchange.upload().table.as_deref(), exchange.stamp()), (None, Some(("ATTLOG", "9999"))));
    assert!(matches!(transcript.records().as_slice(), [Record::Punch(_)]));
}

pub fn nasty_short_body(transcript: &Transcript) {
    let [exchange] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!((exchange.declared, exchange.body.len()), (160, 34));
    assert!(matches!(transcript.records().as_slice(), [Record::Punch(_)]));
}

pub fn nasty_chatty_empty_operlog(transcript: &Transcript) {
    assert!(transcript.exchanges.iter().all(|exchange| exchange.reply == b"OK: 1"));
}

pub fn nasty_name_injection(transcript: &Transcript) {
    let ids: Vec<String> = transcript.commands().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["741", "9"]);

    let ours = put(1070, "Eve\nC:9:CLEAR DATA", None).render(MANNER).unwrap();
    let reply = reply::commands([(CommandId::new(741).unwrap(), ours.as_bytes())]);
    let received = received(&reply);
    assert_eq!(received.len(), 1);
    assert!(received[0].text.starts_with(b"DATA UPDATE USERINFO PIN=1070\tName=Eve C:9:CLEAR DATA\t"));
}

pub fn nasty_unprefixed_command(transcript: &Transcript) {
    assert_eq!(transcript.commands(), []);
}

pub fn nasty_unterminated_command(transcript: &Transcript) {
    assert_eq!(transcript.commands(), [("15".to_owned(), "INFO".to_owned())]);
    assert_eq!(transcript.codes(), [code("15", 0)]);
}

pub fn nasty_unfiltered_delete(transcript: &Transcript) {
    assert_eq!(transcript.commands(), [("751".to_owned(), "DATA DELETE user uid=7".to_owned())]);
    let delete = Command::DeleteUser { pin: Pin::from(7) };
    assert_eq!(delete.render(SECURITY).unwrap(), "DATA DELETE user Pin=7");
    assert_eq!(delete.render(MANNER).unwrap(), "DATA DELETE USERINFO PIN=7");
}

pub fn nasty_unknown_endpoint(transcript: &Transcript) {
    let [exchange] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(exchange.request.call, Call::Unknown { name: "heartbeat".to_owned() });
    assert_eq!((exchange.status.as_str(), exchange.query().get("sn")), ("200", Some("NBK8252200260")));
}

pub fn nasty_unknown_table(transcript: &Transcript) {
    assert_eq!(transcript.records(), [Record::Unread(b"FOO a=1\tb=2"), Record::Unread(b"FOO a=3\tb=4")]);
}

pub fn nasty_one_command_per_poll(transcript: &Transcript) {
    transcript.hands_out(&[(761, ask(1)), (762, ask(2)), (762, ask(2))]);
    assert_eq!(transcript.codes(), [code("761", 0)]);
    assert_eq!(transcript.users()[0].pin, Pin::from(1));
}

pub fn nasty_getrequest_raw_space(transcript: &Transcript) {
    let info = info(&transcript.exchanges[0]);
    assert_eq!(info.firmware.as_deref(), Some("Ver 6.60 May 14 2018"));
    assert_eq!((info.user_count, info.face_count), (Some(2), Some(0)));
    assert_eq!(info.capabilities.as_deref(), Some("111"));
}
