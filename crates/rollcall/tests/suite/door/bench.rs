//! Terminals on a bench: exact bytes over pipes, as a listener would have served them, and a clock that the test moves.

use std::net::SocketAddr;

use jiff::SignedDuration;
use rollcall::{
    app::App,
    clock::Clock,
    config::Settings,
    devices::{DeviceId, presence},
    loops,
    school::SchoolId,
    server::Site,
    store::{Db, Record, Value},
    sync::watch::Watch,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::databases::Database;

/// A Monday, eight in the morning of Nairobi.
pub const START: &str = "2026-03-02T05:00:05Z";
pub const SERIAL: &str = "CJX9253300417";

pub struct Bench {
    pub app: App,
    site: Site,
    watch: Watch,
    url: String,
    _database: Option<Database>,
}

/// A connection of a terminal.
pub struct Line {
    io: DuplexStream,
    received: Vec<u8>,
}

/// What a terminal reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    pub head: String,
    pub body: String,
    pub bytes: Vec<u8>,
}

impl Bench {
    pub async fn new(database: Database) -> Bench {
        Bench::with(database, Settings::default()).await
    }

    pub async fn with(database: Database, settings: Settings) -> Bench {
        let clock = Clock::manual(START.parse().unwrap());
        let app = App::start(database.db.clone(), settings, clock).await.unwrap();
        let url = database.url.clone();
        Bench { _database: Some(database), ..Bench::of(app, url) }
    }

    /// Another server on the same database.
    pub async fn another(&self) -> Bench {
        let db = Db::open(&self.url).await.unwrap();
        let app = App::start(db, Settings::default(), self.app.clock.clone()).await.unwrap();
        Bench::of(app, self.url.clone())
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    fn of(app: App, url: String) -> Bench {
        let watch = Watch::new(app.db.clone(), app.clock.clone(), app.settings.command_deadline);
        Bench { site: Site::new(app.clone()), app, watch, url, _database: None }
    }

    pub async fn school(&self, timezone: Option<&str>) -> SchoolId {
        self.one(
            "INSERT INTO schools (name, timezone) VALUES ('Escuela Quitumbe', $1) RETURNING id",
            [timezone.map(str::to_owned).into()],
        )
        .await
    }

    /// A school in Nairobi with one registered terminal, [`SERIAL`], that never called.
    pub async fn registered(&self) -> DeviceId {
        let school = self.school(Some("Africa/Nairobi")).await;
        self.device(school, SERIAL).await
    }

    /// The same, empty and written to.
    pub async fn writing(&self) -> DeviceId {
        let device = self.registered().await;
        self.handshake("&pushver=2.4.1&DeviceType=att&language=69").await;
        self.get(&format!("getrequest?SN={SERIAL}&INFO=ZAM70-NF28VA-3.3.12,0")).await;
        device
    }

    pub async fn device(&self, school: SchoolId, serial: &str) -> DeviceId {
        self.one(
            "INSERT INTO devices (school_id, serial_number, device_name) VALUES ($1, $2, $2) RETURNING id",
            [school.into(), serial.into()],
        )
        .await
    }

    pub async fn student(&self, name: &str, card: &str) -> i64 {
        self.one(
            "INSERT INTO students (school_id, full_name, rfid_card_id) SELECT MIN(id), $1, $2 FROM schools RETURNING id",
            [name.into(), card.into()],
        )
        .await
    }

    pub async fn sql<const N: usize>(&self, sql: &'static str, values: [Value; N]) {
        let mut tx = self.app.db.write().await.unwrap();
        tx.execute(sql, values).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        tx.commit().await.unwrap();
    }

    /// A statement that gives one value back.
    pub async fn one<T, const N: usize>(&self, sql: &'static str, values: [Value; N]) -> T
    where
        (T,): Record,
    {
        let mut tx = self.app.db.write().await.unwrap();
        let (value,) = tx.one(sql, values).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        tx.commit().await.unwrap();
        value
    }

    pub async fn column<T>(&self, sql: &'static str) -> Vec<T>
    where
        (T,): Record,
    {
        let mut tx = self.app.db.read().await.unwrap();
        let rows: Vec<(T,)> = tx.all(sql, []).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        rows.into_iter().map(|(value,)| value).collect()
    }

    /// What the loops do within five seconds.
    pub async fn settle(&mut self) {
        self.app.clock.advance(SignedDuration::from_secs(5));
        loops::refresh(&self.app).await.unwrap();
        let mut changes = self.app.wake.take();
        changes.everything = true;
        let devices = self.watch.tick(changes).await.unwrap();
        self.app.registry.raise(&devices);
        loops::raise_due(&self.app).await.unwrap();
        presence::flush(&self.app.db, &self.app.registry, self.app.clock.now()).await.unwrap();
    }

    pub fn line(&self) -> Line {
        self.line_from("192.0.2.7:40217")
    }

    pub fn line_from(&self, peer: &str) -> Line {
        let (io, served) = tokio::io::duplex(64 * 1024);
        let peer: SocketAddr = peer.parse().unwrap();
        tokio::spawn(self.site.clone().serve(served, peer));
        Line { io, received: Vec::new() }
    }

    /// One request over a connection of its own.
    pub async fn send(&self, request: impl AsRef<[u8]>) -> Reply {
        let mut line = self.line();
        line.write(request).await;
        line.reply().await
    }

    /// `GET /iclock/…` as most units ask.
    pub async fn get(&self, target: &str) -> Reply {
        self.send(get(target)).await
    }

    pub async fn handshake(&self, rest: &str) -> Reply {
        self.get(&format!("cdata?SN={SERIAL}&options=all{rest}")).await
    }

    pub async fn poll(&self) -> Reply {
        self.get(&format!("getrequest?SN={SERIAL}")).await
    }

    /// `POST /iclock/…`
    pub async fn post(&self, target: &str, body: impl AsRef<[u8]>) -> Reply {
        self.send(post(target, body)).await
    }

    /// An upload of [`SERIAL`].
    pub async fn upload(&self, table: &str, body: impl AsRef<[u8]>) -> Reply {
        self.post(&format!("cdata?SN={SERIAL}&table={table}&Stamp=9999"), body).await
    }
}

pub fn get(target: &str) -> Vec<u8> {
    format!("GET /iclock/{target} HTTP/1.1\r\nHost: push.example.net:8081\r\nUser-Agent: iClock Proxy/1.09\r\nConnection: close\r\nAccept: */*\r\n\r\n").into_bytes()
}

pub fn post(target: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut request = format!(
        "POST /iclock/{target} HTTP/1.1\r\nHost: push.example.net:8081\r\nUser-Agent: iClock Proxy/1.09\r\nConnection: close\r\nAccept: */*\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// Lines made from numbers.
pub fn lines(numbers: impl Iterator<Item = usize>, line: impl Fn(usize) -> String) -> String {
    numbers.map(line).collect::<Vec<_>>().join("\n")
}

impl Line {
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Whether the server still takes what is written.
    pub async fn can_write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.io.write_all(bytes.as_ref()).await.is_ok()
    }

    /// The terminal says that nothing more will come, and goes on reading.
    pub async fn shut(&mut self) {
        self.io.shutdown().await.unwrap();
    }

    /// The next reply; a connection that ends without one fails the test.
    pub async fn reply(&mut self) -> Reply {
        loop {
            if let Some((reply, length)) = complete(&self.received) {
                self.received.drain(..length);
                return reply;
            }
            assert!(self.read().await > 0, "no reply: {:?}", String::from_utf8_lossy(&self.received));
        }
    }

    /// Whether the server ended the connection, without having said anything more.
    pub async fn ends(&mut self) -> bool {
        self.read().await == 0 && self.received.is_empty()
    }

    async fn read(&mut self) -> usize {
        let mut bytes = [0; 4096];
        // A server that ends a connection while it is written to is a broken pipe here and a reset on a network.
        let length = self.io.read(&mut bytes).await.unwrap_or(0);
        self.received.extend_from_slice(&bytes[..length]);
        length
    }
}

fn complete(bytes: &[u8]) -> Option<(Reply, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length: usize = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?.parse().unwrap();
    let body = bytes.get(end..end + length)?.to_vec();
    let text = String::from_utf8_lossy(&body).into_owned();
    Some((Reply { head, body: text, bytes: body }, end + length))
}

impl Reply {
    #[track_caller]
    pub fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status(), &*self.body), (status, body), "{}", self.head);
    }

    pub fn status(&self) -> u16 {
        self.head[9..12].parse().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Ids and texts of the commands of a poll's reply.
    pub fn commands(&self) -> Vec<(String, String)> {
        let received = push_protocol::command::received(&self.bytes);
        let commands = received.iter();
        commands.map(|command| (command.id.to_owned(), String::from_utf8_lossy(command.text).into_owned())).collect()
    }
}
