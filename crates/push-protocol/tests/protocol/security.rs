//! Access control terminals: recognised, read and answered.

use jiff::{Timestamp, civil::date, tz::Offset};
use push_protocol::{
    command::{Command, Manner},
    dialect::Dialect,
    fields::Fields,
    record::{self, Record},
    reply::{self, SecurityOptions},
    request::{Call, Packet, QueryData, is_whole},
    result::Outcome,
    text::{Charset, Pin},
};

use crate::{
    results::{code, payload},
    transcript::{Exchange, MANNER, Transcript, put},
};

pub const SECURITY: Manner = Manner { dialect: Dialect::Security, ..MANNER };

fn options() -> SecurityOptions {
    SecurityOptions {
        registry_code: "Qv8mT2xLp0".to_owned(),
        session_id: "7C1D0E5A94B24F6F8E3A2B1C0D9E8F70".to_owned(),
        request_delay: 2,
        error_delay: 60,
    }
}

/// The transcripts name another server.
fn is_configured_with(exchange: &Exchange, ours: Vec<u8>) {
    let theirs = str::from_utf8(&exchange.reply).unwrap().replace("ServerName=TESTSRV", "ServerName=ADMS");
    assert_eq!(theirs, String::from_utf8(ours).unwrap());
}

fn recognised(exchange: &Exchange) -> Dialect {
    let Call::Handshake(announcement) = &exchange.request.call else { panic!("no handshake: {:?}", exchange.request) };
    Dialect::recognise(announcement)
}

pub fn security_session_setup(transcript: &Transcript) {
    let [handshake, registry, push, poll] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(recognised(handshake), Dialect::Security);
    assert_eq!(handshake.reply, reply::OK);

    assert_eq!(registry.request.call, Call::Registry);
    let capabilities = Fields::commas(&registry.body);
    assert_eq!(capabilities.text("DeviceType", Charset::Utf8).as_deref(), Some("acc"));
    assert_eq!(capabilities.number("MaxPackageSize"), Some(2_048_000));
    assert_eq!(options().registry(), registry.reply);

    assert_eq!(push.request.call, Call::PushConfiguration);
    is_configured_with(push, options().push());
    assert_eq!(poll.request.call, Call::Poll { info: None });

    let shown = [handshake, registry, push, poll].map(|exchange| Dialect::shown_by(&exchange.request.call));
    assert_eq!(shown, [Some(Dialect::Security), Some(Dialect::Security), Some(Dialect::Security), None]);
}

pub fn security_known_device(transcript: &Transcript) {
    let [handshake, push] = transcript.exchanges.as_slice() else { panic!() };
    assert_eq!(recognised(handshake), Dialect::Security);
    is_configured_with(handshake, options().registered());
    is_configured_with(push, options().push());
}

pub fn security_rtlog_rtstate(transcript: &Transcript) {
    let records = transcript.records();
    let [Record::Punch(punch), unknown, Record::State] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((&punch.pin, punch.time), (&Pin::from(1042), date(2026, 3, 2).at(8, 0, 3, 0)));
    assert_eq!((punch.status.as_str(), punch.verify.as_str()), ("0", "15"));
    assert_eq!(punch.rest, "cardno=0\teventaddr=1\tevent=0\tindex=21");
    assert_eq!(*unknown, Record::Other { tag: "RTLOG".to_owned() });
    for exchange in &transcript.exchanges {
        assert_eq!(Dialect::shown_by(&exchange.request.call), Some(Dialect::Security));
    }
}

pub fn security_user_upload(transcript: &Transcript) {
    let [user] = transcript.users().try_into().unwrap();
    assert_eq!((user.pin, user.name.as_str(), user.privilege), (Pin::from(1042), "Ayşe Demir", Some(0)));
    assert_eq!(transcript.exchanges[0].upload().table_name.as_deref(), Some("user"));
}

pub fn security_upsert_authorize(transcript: &Transcript) {
    assert_eq!(transcript.codes(), [code("701", 0), code("702", 0)]);
    let ours = put(1042, "Ayşe Demir", None).render(SECURITY).unwrap();
    let commands = transcript.commands();
    let word = "DATA UPDATE user ";
    let (ours, theirs) = (fields(ours.strip_prefix(word)), fields(commands[0].1.strip_prefix(word)));
    // Passwords and dates are not ours: they are left as they are.
    let (same, more): (Vec<_>, Vec<_>) = theirs.into_iter().partition(|field| ours.contains(field));
    assert_eq!(same, ours);
    assert_eq!(more, ["Password=", "StartTime=0", "EndTime=0"]);
    let right = Command::PutDoorRight { pin: Pin::from(1042) };
    assert_eq!(commands[1].1, right.render(SECURITY).unwrap());
}

fn fields(text: Option<&str>) -> Vec<String> {
    text.unwrap().split('\t').map(str::to_owned).collect()
}

pub fn security_query_users_packets(transcript: &Transcript) {
    let packets = transcript.exchanges.iter().filter_map(|exchange| match &exchange.request.call {
        Call::QueryData(data) => Some(data.clone()),
        _ => None,
    });
    let packet = |count, index| QueryData {
        kind: "tabledata".to_owned(),
        command_id: Some("711".to_owned()),
        table_name: Some("user".to_owned()),
        count: Some(count),
        packet_count: Some(2),
        packet_index: Some(index),
    };
    let packets: Vec<QueryData> = packets.collect();
    assert_eq!(packets, [packet(2, 1), packet(1, 2)]);
    let arrived = [Packet::of(&packets[0], 2), Packet::of(&packets[1], 1)];
    assert!(is_whole(&arrived, 3) && !is_whole(&arrived[..1], 3));
    let pins: Vec<String> = transcript.users().iter().map(|user| user.pin.to_string()).collect();
    assert_eq!(pins, ["1", "1042", "1044"]);
    assert_eq!(transcript.codes(), [code("711", 3)]);
    assert_eq!(Outcome::of(3, false), Outcome::Done);
    assert_eq!(transcript.commands()[0].1, Command::QueryUsers.render(SECURITY).unwrap());
}

pub fn security_count(transcript: &Transcript) {
    let Call::QueryData(data) = &transcript.exchanges[1].request.call else { panic!() };
    assert_eq!((data.kind.as_str(), data.table_name.as_deref()), ("count", Some("user")));
    assert_eq!(record::parse_count("user", &transcript.exchanges[1].body), Some(3));
    assert_eq!(transcript.commands()[0].1, Command::CountUsers.render(SECURITY).unwrap());
    assert_eq!(transcript.codes(), [code("712", 0)]);
}

pub fn security_wrong_dialect(transcript: &Transcript) {
    assert_eq!(transcript.codes(), [code("721", -629), code("722", -1004)]);
    for (_, code) in transcript.codes() {
        assert_eq!(Outcome::of(code.unwrap(), false), Outcome::LacksWord);
    }
}

pub fn security_pending_subcontroller(transcript: &Transcript) {
    assert_eq!(transcript.codes(), [code("731", -5000), code("731", 0)]);
    assert_eq!(Outcome::of(-5000, false), Outcome::Held);
    let results = transcript.results();
    assert_eq!(results[1].command, b"DATA UPDATE");
    assert_eq!(payload(&results[1], "SN"), Some("SUB0000000007"));
}

pub fn security_time(transcript: &Transcript) {
    assert_eq!(transcript.exchanges[0].request.call, Call::SecurityTime);
    let now: Timestamp = "2026-03-02T05:00:05Z".parse().unwrap();
    assert_eq!(reply::security_time(now, Offset::from_seconds(3 * 3600).unwrap()), transcript.exchanges[0].reply);
}
