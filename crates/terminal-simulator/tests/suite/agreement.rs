//! A conversation of every family with a server made of `push-protocol` alone. The two crates read each other's bytes with
//! code of their own, so that what both of them get right is right twice.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use push_protocol::{
    command::{Command, CommandId, Manner, Vocabulary},
    dialect::Dialect,
    record::{self, Content, Punch, Record, User},
    reply,
    request::{Call, Mended, Request, mend_request_line},
    result,
    text::{Card, CardForm, Charset, Name, Pin, SerialNumber},
};
use terminal_simulator::{HeldUser, Profile, Reply, Step, Terminal};

/// What a server learns in the course of a conversation.
struct Server {
    manner: Manner,
    commands: VecDeque<Command>,
    last_id: u32,
    results: BTreeMap<String, i64>,
    users: BTreeMap<String, User>,
    punches: Vec<Punch>,
    user_count: Option<u32>,
    unread: Vec<String>,
}

impl Server {
    fn new(vocabulary: Vocabulary) -> Server {
        Server {
            manner: Manner {
                dialect: Dialect::Attendance,
                vocabulary,
                card_form: CardForm::Decimal,
                charset: Charset::Utf8,
            },
            commands: VecDeque::new(),
            last_id: 417,
            results: BTreeMap::new(),
            users: BTreeMap::new(),
            punches: Vec::new(),
            user_count: None,
            unread: Vec::new(),
        }
    }

    fn serve(&mut self, bytes: &[u8], now: Timestamp) -> Vec<u8> {
        let (line, body) = match mend_request_line(bytes) {
            Mended::Line { line, .. } => (line, bytes),
            Mended::Fine => (bytes.to_vec(), bytes),
            Mended::Incomplete => panic!("a request without a line end"),
        };
        let head = body.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let body = &body[head + 4..];
        let line = String::from_utf8(line.split(|&b| b == b'\r').next().unwrap().to_vec()).unwrap();
        let [method, target, _] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (path, query) = target.split_once('?').unwrap();
        let request = Request::parse(method, path, query).unwrap();
        assert_eq!(request.serial_number, "CJX9253300417");
        let reply = self.answer(&request, body);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
            reply.len()
        );
        [head.into_bytes(), reply].concat()
    }

    fn answer(&mut self, request: &Request, body: &[u8]) -> Vec<u8> {
        match &request.call {
            Call::Handshake(announced) => {
                self.manner.dialect = Dialect::recognise(announced);
                self.manner.card_form = announced.card_form();
                self.manner.charset = Charset::of_language(announced.language);
                let options = reply::Options {
                    serial_number: SerialNumber::parse(&request.serial_number).unwrap(),
                    dialect: self.manner.dialect,
                    punch_stamp: None,
                    operation_stamp: None,
                    photo_stamp: None,
                    delay: 20,
                    error_delay: 30,
                    time_zone: Some(Offset::constant(3)),
                };
                options.to_bytes()
            }
            Call::Poll { info } => {
                self.user_count = info.as_ref().and_then(|info| info.user_count).or(self.user_count);
                let Some(command) = self.commands.pop_front() else { return reply::OK.to_vec() };
                self.last_id += 1;
                let text = command.render(self.manner).unwrap();
                let id = CommandId::new(self.last_id).unwrap();
                reply::commands([(id, &*self.manner.charset.encode(&text))])
            }
            Call::Results => {
                for result in result::parse(&request.query, body) {
                    self.results.insert(result.id.to_owned(), result.code.unwrap());
                }
                reply::OK.to_vec()
            }
            Call::Upload(upload) => {
                let content = record::parse(upload, body, self.manner.charset);
                if let Content::Records(lines) = &content {
                    for record in lines.clone() {
                        self.take(&record);
                    }
                }
                reply::acknowledgement(upload, &content)
            }
            Call::Ping => reply::OK.to_vec(),
            other => panic!("nobody asks for {other:?}"),
        }
    }

    fn take(&mut self, record: &Record<'_>) {
        match record {
            Record::Punch(punch) => self.punches.push(punch.clone()),
            Record::User(user) => {
                self.users.insert(user.pin.to_string(), user.clone());
            }
            Record::Biometric { .. } | Record::Operation(_) => {}
            other => self.unread.push(format!("{other:?}")),
        }
    }
}

/// Runs until the terminal is idle and the server has nothing left to say.
fn converse(terminal: &mut Terminal, server: &mut Server, now: &mut Timestamp) {
    let end = *now + SignedDuration::from_hours(2);
    while *now < end {
        match terminal.next(*now) {
            Step::Wait(until) => {
                if server.commands.is_empty() && terminal.is_idle() {
                    return;
                }
                *now = until;
            }
            Step::Send(exchange) => {
                let reply = server.serve(&exchange.bytes, *now);
                terminal.reply(exchange.id, Reply::Bytes(&reply), *now);
            }
        }
    }
    panic!("they never come to an end\n{}", terminal.story());
}

/// Those of the attendance dialects.
fn families() -> Vec<Profile> {
    let mut families: Vec<Profile> = Profile::NAMES.iter().map(|name| Profile::by_name(name).unwrap()).collect();
    families.retain(|profile| profile.access.is_none());
    families.push(Profile { language: 83, ..Profile::zam180() });
    families
}

#[test]
fn every_family_understands_what_is_written_and_is_understood() {
    for profile in families() {
        let name = profile.name;
        let vocabulary = if name == "push1" { Vocabulary::User } else { Vocabulary::UserInfo };
        let charset = if profile.language == 83 { Charset::Gb18030 } else { Charset::Utf8 };
        let mut server = Server::new(vocabulary);
        let mut terminal = Terminal::new("CJX9253300417", profile, 3);
        let mut now = "2026-03-02T05:00:05Z".parse().unwrap();
        terminal.preload_users([HeldUser::new("1", "Admin").with_privilege(14).with_face()]);
        converse(&mut terminal, &mut server, &mut now);
        assert_eq!(server.user_count, Some(1), "{name}");

        let people = ["Ayşe Demir", "Łukasz Wójcik", "李小明", "Νίκος Αθανασίου-Παπαδόπουλος", "O'Brien = Test"];
        for (at, person) in (0_u32..).zip(people) {
            let card = (at % 2 == 0).then(|| Card::new(4_000_000_000 + u64::from(at)).unwrap());
            let pin = Pin::from(1042 + at);
            server.commands.push_back(Command::PutUser { pin, name: Name::fit(person, charset).unwrap(), card });
        }
        let pins: Vec<Pin> = (1042..1047).map(Pin::from).chain([Pin::from(1)]).collect();
        server.commands.extend(pins.iter().map(|pin| Command::QueryUser { pin: pin.clone() }));
        let noon: DateTime = "2026-03-02T12:00:00".parse().unwrap();
        for minute in 0..5 {
            terminal.punch("1042", noon + SignedDuration::from_mins(minute));
        }
        let day = noon - SignedDuration::from_hours(12);
        server.commands.push_back(Command::QueryPunches { from: day, to: day + SignedDuration::from_hours(24) });
        server.commands.extend([Command::Info, Command::DeleteUser { pin: Pin::from(1046) }, Command::ReloadOptions]);
        converse(&mut terminal, &mut server, &mut now);

        assert!(server.results.values().all(|code| *code >= 0), "{name} {:?}\n{}", server.results, terminal.story());
        assert_eq!(server.results.len(), 15, "{name}");
        assert_eq!(server.unread, Vec::<String>::new(), "{name}");
        assert_eq!(server.user_count, Some(5), "{name}");
        assert!(!terminal.users().contains_key("1046"));
        for (pin, held) in terminal.users() {
            let seen = &server.users[pin];
            assert_eq!((&seen.name, seen.card.map(Card::number)), (&held.name, held.card), "{name} {pin}");
            assert_eq!(seen.privilege, Some(held.privilege), "{name} {pin}");
        }
        for (at, person) in (0_u32..).zip(people).take(4) {
            let held = &terminal.users()[&(1042 + at).to_string()];
            assert_eq!(held.name, Name::fit(person, charset).unwrap().as_str(), "{name}");
            assert_eq!(held.card.is_some(), at % 2 == 0, "{name}");
        }
        server.punches.sort_by_key(|punch| punch.time);
        server.punches.dedup_by_key(|punch| punch.time);
        let times: Vec<DateTime> = server.punches.iter().map(|punch| punch.time).collect();
        assert_eq!(times, (0..5).map(|minute| noon + SignedDuration::from_mins(minute)).collect::<Vec<_>>(), "{name}");
        assert!(server.punches.iter().all(|punch| punch.pin.as_str() == "1042"), "{name}");
    }
}
