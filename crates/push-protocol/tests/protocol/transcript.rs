//! Reads a transcript, and holds each answer in it against ours.

use std::{fs, iter};

use push_protocol::{
    command::{self, Command, CommandId, Manner, Vocabulary},
    dialect::Dialect,
    fields::Fields,
    record::{self, Content, Record, User},
    reply,
    request::{Call, Mended, Query, Request, Upload, mend_request_line},
    result::{self, CommandResult},
    text::{Card, CardForm, Charset, Name, Pin},
};

pub const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");

/// How the terminals of the transcripts are spoken to, where nothing else is said.
pub const MANNER: Manner = Manner {
    dialect: Dialect::Attendance,
    vocabulary: Vocabulary::UserInfo,
    card_form: CardForm::Decimal,
    charset: Charset::Utf8,
};

pub struct Transcript {
    title: String,
    pub exchanges: Vec<Exchange>,
}

/// A request, read, and the answer of a conforming server.
pub struct Exchange {
    pub request: Request,
    pub body: Vec<u8>,
    /// `Content-Length` of the request, 0 without one.
    pub declared: usize,
    pub status: String,
    pub reply: Vec<u8>,
}

impl Transcript {
    /// `name` is that of the file, with `_` for `-`.
    pub fn read(name: &str) -> Transcript {
        let file = fs::read(format!("{DIRECTORY}/{}.http", name.replace('_', "-"))).unwrap();
        let mut rest = file.as_slice();
        let mut title = String::new();
        let mut messages = Vec::new();
        while !rest.is_empty() {
            let (line, following) = split_at(rest, b"\n");
            rest = following;
            let line = str::from_utf8(line).unwrap();
            if let Some(marker) = line.strip_prefix("%%% ") {
                let (kind, length) = marker.split_once(' ').unwrap();
                let (message, following) = rest.split_at(length.parse().unwrap());
                messages.push((kind.to_owned(), message));
                rest = following.strip_prefix(b"\n").unwrap();
            } else {
                let comment = line.strip_prefix('#').unwrap();
                if title.is_empty() {
                    comment.trim().clone_into(&mut title);
                }
            }
        }
        let exchanges = messages.chunks(2).map(|pair| match pair {
            [(first, request), (second, response)] if first == "REQUEST" && second == "RESPONSE" => {
                Exchange::read(request, response)
            }
            other => panic!("not a request and its response: {other:?}"),
        });
        Transcript { title, exchanges: exchanges.collect() }
    }

    /// Checks every answer that follows from its request alone, and that all commands in it are complete.
    pub fn conforms(&self) {
        let is_negative = self.title.starts_with("NEGATIVE EXAMPLE");
        for exchange in &self.exchanges {
            if let Some(answer) = exchange.answer() {
                assert_eq!(exchange.reply.escape_ascii().to_string(), answer.escape_ascii().to_string());
            }
            let commands = command::received(&exchange.reply);
            if !is_negative && !commands.is_empty() {
                let number = |id: &str| CommandId::new(id.parse().unwrap()).unwrap();
                let again = commands.iter().map(|command| (number(command.id), command.text));
                assert_eq!(reply::commands(again), exchange.reply);
            }
        }
    }

    /// The parsed uploads, in order.
    pub fn contents(&self, charset: Charset) -> Vec<Content<'_>> {
        self.exchanges.iter().filter_map(|exchange| exchange.content(charset)).collect()
    }

    /// The records of all uploads, in order.
    pub fn records(&self) -> Vec<Record<'_>> {
        let records = self.contents(Charset::Utf8).into_iter().filter_map(|content| match content {
            Content::Records(lines) => Some(lines),
            _ => None,
        });
        records.flatten().collect()
    }

    pub fn users(&self) -> Vec<User> {
        let user = |record| if let Record::User(user) = record { Some(user) } else { None };
        self.records().into_iter().filter_map(user).collect()
    }

    /// The results of all `devicecmd` requests, in order.
    pub fn results(&self) -> Vec<CommandResult<'_>> {
        let posts = self.exchanges.iter().filter(|exchange| exchange.request.call == Call::Results);
        posts.flat_map(|exchange| result::parse(&exchange.request.query, &exchange.body)).collect()
    }

    /// Ids and codes of all results, in order.
    pub fn codes(&self) -> Vec<(String, Option<i64>)> {
        self.results().into_iter().map(|result| (result.id.to_owned(), result.code)).collect()
    }

    /// Ids and texts of all commands handed out, in order.
    pub fn commands(&self) -> Vec<(String, String)> {
        let received = self.exchanges.iter().flat_map(|exchange| command::received(&exchange.reply));
        let text = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
        received.map(|command| (command.id.to_owned(), text(command.text))).collect()
    }

    /// Holds the commands handed out against ours, in order. Those that write a person may leave out fields that we send.
    pub fn hands_out(&self, expected: &[(u32, Command)]) {
        let commands = self.commands();
        assert_eq!(commands.len(), expected.len(), "{commands:?}");
        for ((id, text), (number, command)) in iter::zip(&commands, expected) {
            assert_eq!(*id, number.to_string());
            let ours = command.render(MANNER).unwrap();
            if matches!(command, Command::PutUser { .. }) {
                let word = command.word(MANNER);
                let (theirs, ours) = (text.strip_prefix(word).unwrap(), ours.strip_prefix(word).unwrap());
                let ours = Fields::tabs(ours.as_bytes());
                for (key, value) in Fields::tabs(theirs.as_bytes()).iter() {
                    assert_eq!(ours.bytes(str::from_utf8(key).unwrap()), Some(value), "{text}");
                }
            } else {
                assert_eq!(*text, ours);
            }
        }
    }
}

impl Exchange {
    fn read(request: &[u8], response: &[u8]) -> Exchange {
        let mended = match mend_request_line(request) {
            Mended::Line { line, replaces } => [&line, &request[replaces..]].concat(),
            Mended::Fine => request.to_vec(),
            Mended::Incomplete => panic!("a transcript holds whole requests"),
        };
        let (head, body) = split_at(&mended, b"\r\n\r\n");
        let head = str::from_utf8(head).unwrap();
        let line = head.split("\r\n").next().unwrap();
        let declared = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
        let [method, target, _version] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let origin_form = match target.strip_prefix("http://") {
            Some(absolute) => &absolute[absolute.find('/').unwrap()..],
            None => target,
        };
        let (path, query) = origin_form.split_once('?').unwrap_or((origin_form, ""));

        let (head, reply) = split_at(response, b"\r\n\r\n");
        let head = str::from_utf8(head).unwrap();
        assert!(head.contains("\r\nContent-Type: text/plain"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", reply.len())), "{head}");
        Exchange {
            request: Request::parse(method, path, query).unwrap(),
            body: body.to_vec(),
            declared: declared.map_or(0, |length| length.parse().unwrap()),
            status: head.split(' ').nth(1).unwrap().to_owned(),
            reply: reply.to_vec(),
        }
    }

    pub fn query(&self) -> &Query {
        &self.request.query
    }

    /// The table and the position of an upload.
    pub fn stamp(&self) -> Option<(&str, &str)> {
        self.upload().stamp.as_ref().map(|(table, stamp)| (table.as_str(), stamp.as_str()))
    }

    pub fn upload(&self) -> &Upload {
        let Call::Upload(upload) = &self.request.call else { panic!("no upload: {:?}", self.request) };
        upload
    }

    pub fn content(&self, charset: Charset) -> Option<Content<'_>> {
        match &self.request.call {
            Call::Upload(upload) => Some(record::parse(upload, &self.body, charset)),
            Call::Photo => Some(Content::Photo(record::parse_photo(&self.body))),
            Call::QueryData(data) if data.kind == "tabledata" => {
                Some(record::parse_table(data.table_name.as_deref().unwrap(), &self.body, charset))
            }
            _ => None,
        }
    }

    /// Our answer, where it follows from the request alone.
    fn answer(&self) -> Option<Vec<u8>> {
        match &self.request.call {
            Call::Upload(upload) => Some(reply::acknowledgement(upload, &self.content(Charset::Utf8)?)),
            Call::QueryData(data) => match self.content(Charset::Utf8) {
                Some(Content::Records(lines)) => {
                    Some(reply::table_counted(data.table_name.as_deref()?, lines.received()))
                }
                _ => Some(reply::OK.to_vec()),
            },
            Call::Photo | Call::Results | Call::Ping | Call::Event | Call::KeyExchange | Call::Unknown { .. } => {
                Some(reply::OK.to_vec())
            }
            _ => None,
        }
    }
}

/// A command that writes a person.
pub fn put(pin: u32, name: &str, card: Option<u64>) -> Command {
    let card = card.map(|number| Card::new(number).unwrap());
    Command::PutUser { pin: Pin::from(pin), name: Name::fit(name, Charset::Utf8).unwrap(), card }
}

/// A command that asks for a person.
pub fn ask(pin: u32) -> Command {
    Command::QueryUser { pin: Pin::from(pin) }
}

/// What stands before and behind the first separator; all and nothing without one.
fn split_at<'a>(bytes: &'a [u8], separator: &[u8]) -> (&'a [u8], &'a [u8]) {
    match bytes.windows(separator.len()).position(|window| window == separator) {
        Some(at) => (&bytes[..at], &bytes[at + separator.len()..]),
        None => (bytes, b""),
    }
}
