//! Terminals as cheap as can be: bytes over a socket. They have the server's cores, so they may cost little.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{Duration, Instant},
};

use crate::machine::Stopwatch;

/// Connections at the same time.
pub const CONNECTIONS: usize = 64;

/// What is asked, in turn.
pub type Requests = Arc<Vec<Vec<u8>>>;

/// Polls of terminals with these serial numbers.
pub fn polls<S: AsRef<str>>(serials: impl Iterator<Item = S>, header: &str) -> Requests {
    let poll = |serial: S| {
        format!("GET /iclock/getrequest?SN={} HTTP/1.1\r\nHost: bench\r\n{header}\r\n", serial.as_ref()).into_bytes()
    };
    Arc::new(serials.map(poll).collect())
}

pub fn post(path: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// What was answered: the status, and the body.
pub struct Reply<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

/// One connection that stays.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub async fn connect(to: SocketAddr) -> Client {
        let stream = TcpStream::connect(to).await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        Client { stream, buffer: Vec::with_capacity(64 * 1024) }
    }

    pub async fn ask(&mut self, request: &[u8]) -> Reply<'_> {
        self.stream.write_all(request).await.expect("a request");
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("a reply");
            assert!(read > 0, "the server hung up: {}", String::from_utf8_lossy(&self.buffer));
            if let Some((status, begins, ends)) = complete(&self.buffer) {
                return Reply { status, body: &self.buffer[begins..ends] };
            }
        }
    }
}

/// Asks one thing over a connection of its own.
async fn ask_once(to: SocketAddr, request: &[u8], buffer: &mut Vec<u8>) -> u16 {
    let mut stream = TcpStream::connect(to).await.expect("a connection");
    stream.write_all(request).await.expect("a request");
    buffer.clear();
    stream.read_to_end(buffer).await.expect("a reply");
    complete(buffer).map_or(0, |(status, _, _)| status)
}

/// The status of a reply that is all there, and where its body is.
fn complete(bytes: &[u8]) -> Option<(u16, usize, usize)> {
    let begins = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..begins]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let ends = begins + length.unwrap_or(0);
    (bytes.len() >= ends).then_some((status, begins, ends))
}

/// How connections are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Connection {
    KeptAlive,
    Closed,
}

impl Connection {
    pub const BOTH: [Connection; 2] = [Connection::KeptAlive, Connection::Closed];

    pub fn words(self) -> &'static str {
        match self {
            Connection::KeptAlive => "keep-alive",
            Connection::Closed => "close",
        }
    }

    pub fn header(self) -> &'static str {
        match self {
            Connection::KeptAlive => "",
            Connection::Closed => "Connection: close\r\n",
        }
    }
}

/// Each connection asks again as soon as it is answered, for so long. Answers per second; every one of them must be a 200.
pub async fn as_fast_as_possible(to: SocketAddr, requests: &Requests, how: Connection, seconds: f64) -> f64 {
    let next = Arc::new(AtomicUsize::new(0));
    let ends = now() + Duration::from_secs_f64(seconds);
    let watch = Stopwatch::start();
    let mut asking = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (requests, next) = (Arc::clone(requests), Arc::clone(&next));
        asking.spawn(async move {
            let mut client = match how {
                Connection::KeptAlive => Some(Client::connect(to).await),
                Connection::Closed => None,
            };
            let mut buffer = Vec::with_capacity(1024);
            let mut answered = 0_u32;
            while now() < ends {
                let request = &requests[next.fetch_add(1, Ordering::Relaxed) % requests.len()];
                let status = match &mut client {
                    Some(client) => client.ask(request).await.status,
                    None => ask_once(to, request, &mut buffer).await,
                };
                assert_eq!(status, 200);
                answered += 1;
            }
            answered
        });
    }
    let answered: u32 = asking.join_all().await.into_iter().sum();
    f64::from(answered) / watch.seconds()
}

#[expect(clippy::disallowed_methods, reason = "the timer of a load generator")]
pub fn now() -> Instant {
    Instant::now()
}

/// Requests that are sent when they are due, whatever became of those before: a server that stalls is shown as one. For
/// each of them in turn: milliseconds from when it was due, and whether `is_yes` took the answer as a yes.
pub async fn when_due(
    to: SocketAddr,
    requests: &Requests,
    per_second: f64,
    is_yes: fn(&Reply<'_>) -> bool,
) -> Vec<(f64, bool)> {
    let next = Arc::new(AtomicUsize::new(0));
    let began = now() + Duration::from_millis(20);
    let mut asking = JoinSet::new();
    // Enough that one is free when a request is due, unless the server stalls for long.
    for _ in 0..4 * CONNECTIONS {
        let (requests, next) = (Arc::clone(requests), Arc::clone(&next));
        asking.spawn(async move {
            let mut client = Client::connect(to).await;
            let mut answers = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = requests.get(number) else { return answers };
                #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
                let due = began + Duration::from_secs_f64(number as f64 / per_second);
                tokio::time::sleep_until(due).await;
                let reply = client.ask(request).await;
                let yes = is_yes(&reply);
                answers.push((now().duration_since(due).as_secs_f64() * 1e3, yes));
            }
        });
    }
    asking.join_all().await.into_iter().flatten().collect()
}
