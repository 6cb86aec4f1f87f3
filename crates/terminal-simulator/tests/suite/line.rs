//! The other end of the line: a clock that is turned by hand and replies that a test writes.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use terminal_simulator::{Call, Exchange, Profile, Reply, Step, Terminal};

pub const SERIAL: &str = "CJX9253300417";

/// A handshake's reply with what is usual in it (ATT5.8 §3), for tests of anything else.
pub const OPTIONS: &str = "GET OPTION FROM: CJX9253300417\nATTLOGStamp=None\nOPERLOGStamp=9999\nErrorDelay=30\nDelay=10\n\
    TransFlag=TransData AttLog\tOpLog\tEnrollUser\tChgUser\nTimeZone=3\nRealtime=1\nEncrypt=0\nServerVer=2.2.14\n";

/// What an access unit is told at the steps of its session, whichever it asks for.
pub const ACCESS: &str = "registry=ok\nRegistryCode=Qv8mT2xLp0\nErrorDelay=30\nRequestDelay=10\n\
    SessionID=7C1D0E5A94B24F6F8E3A2B1C0D9E8F70\n";

/// One terminal and the time.
pub struct Line {
    pub terminal: Terminal,
    pub now: Timestamp,
    /// The first two columns of every punch that [`Line::converse`] was sent, as `PIN\ttime\t`.
    pub heard: BTreeSet<String>,
}

impl Line {
    /// A terminal that was just switched on.
    pub fn new(profile: Profile) -> Line {
        let now = "2026-03-02T05:00:05Z".parse().unwrap();
        Line { terminal: Terminal::new(SERIAL, profile, 7), now, heard: BTreeSet::new() }
    }

    /// A terminal that shook hands and was told `OK` at its first poll.
    pub fn online(profile: Profile) -> Line {
        let mut line = Line::new(profile);
        let greeting = if line.terminal.profile().access.is_some() { 3 } else { 1 };
        for _ in 0..greeting {
            let handshake = line.next();
            assert_eq!(handshake.call, Call::Handshake);
            line.answer(&handshake, &line.acknowledgement(&handshake));
        }
        line.expect(Call::Poll, "OK");
        line
    }

    /// Turns the clock until the terminal sends something.
    pub fn next(&mut self) -> Exchange {
        for _ in 0..100_000 {
            match self.terminal.next(self.now) {
                Step::Send(exchange) => return exchange,
                Step::Wait(until) => {
                    assert!(until > self.now, "a terminal that waits for the past");
                    self.now = until;
                }
            }
        }
        panic!("the terminal never sends anything\n{}", self.terminal.story());
    }

    /// The next request must be of this kind; it is answered with this body. Returns the request.
    pub fn expect(&mut self, call: Call, body: &str) -> String {
        let exchange = self.next();
        let request = text(&exchange.bytes);
        assert_eq!(exchange.call, call, "{request}\n{}", self.terminal.story());
        self.answer(&exchange, body);
        request
    }

    /// Answers as a conforming server does.
    pub fn answer(&mut self, exchange: &Exchange, body: &str) {
        self.terminal.reply(exchange.id, Reply::Bytes(&self.http(body)), self.now);
    }

    pub fn raw(&mut self, exchange: &Exchange, bytes: &[u8]) {
        self.terminal.reply(exchange.id, Reply::Bytes(bytes), self.now);
    }

    pub fn lose(&mut self, exchange: &Exchange) {
        self.terminal.reply(exchange.id, Reply::Lost, self.now);
    }

    /// Hands these commands out at the next poll and acknowledges all that follows, up to the poll after it. Returns the
    /// bodies of what followed.
    pub fn hand_out(&mut self, commands: &str) -> Vec<String> {
        self.until_poll();
        self.expect(Call::Poll, commands);
        self.until_poll().into_iter().map(|request| body(&request).to_owned()).collect()
    }

    /// Acknowledges everything up to the next poll, which stays unsent. Returns the requests.
    pub fn until_poll(&mut self) -> Vec<String> {
        let mut requests = Vec::new();
        loop {
            let before = (self.terminal.clone(), self.now);
            let exchange = self.next();
            match exchange.call {
                Call::Poll => {
                    (self.terminal, self.now) = before;
                    return requests;
                }
                _ => self.answer(&exchange, &self.acknowledgement(&exchange)),
            }
            requests.push(text(&exchange.bytes));
        }
    }

    /// Answers `OK` to everything before the next request of this kind, which stays unsent; returns how many polls.
    pub fn until(&mut self, call: Call) -> usize {
        let mut polls = 0;
        loop {
            let before = (self.terminal.clone(), self.now);
            let exchange = self.next();
            if exchange.call == call {
                (self.terminal, self.now) = before;
                return polls;
            }
            polls += usize::from(exchange.call == Call::Poll);
            self.answer(&exchange, "OK");
        }
    }

    /// A server that hands out `commands` at every third poll, and acknowledges everything,
    /// for so long. The line does to each request what its fate says.
    pub fn converse(&mut self, commands: &str, time: SignedDuration) {
        let end = self.now + time;
        let mut polls = 0;
        while self.now < end {
            let exchange = match self.terminal.next(self.now) {
                Step::Wait(until) => {
                    self.now = until;
                    continue;
                }
                Step::Send(exchange) => exchange,
            };
            let mut reply = None;
            for _ in 0..exchange.fate.deliveries() {
                if exchange.call == Call::Upload && !text(&exchange.bytes).contains("table=OPERLOG") {
                    let punches = body(&text(&exchange.bytes)).lines().filter_map(first_two).collect::<Vec<_>>();
                    self.heard.extend(punches);
                }
                polls += usize::from(exchange.call == Call::Poll);
                reply = Some(self.http(&match exchange.call {
                    Call::Poll if polls % 3 == 0 => commands.to_owned(),
                    _ => self.acknowledgement(&exchange),
                }));
            }
            self.terminal.reply(exchange.id, reply.as_deref().map_or(Reply::Lost, Reply::Bytes), self.now);
        }
    }

    /// What a conforming server says to this, commands aside.
    fn acknowledgement(&self, exchange: &Exchange) -> String {
        let request = text(&exchange.bytes);
        let rows = body(&request).lines().count().max(1);
        match exchange.call {
            Call::Handshake if self.terminal.profile().access.is_some() => ACCESS.to_owned(),
            Call::Handshake => OPTIONS.to_owned(),
            Call::Upload if target(&request).contains("type=count") => "OK".to_owned(),
            Call::Upload if target(&request).contains("tablename=user") => format!("user={rows}"),
            Call::Upload => format!("OK: {rows}"),
            Call::Poll | Call::Results | Call::Ping => "OK".to_owned(),
        }
    }

    /// A reply as a conforming server writes it.
    pub fn http(&self, body: &str) -> Vec<u8> {
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&self.now).unwrap();
        format!(
            "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

fn first_two(line: &str) -> Option<String> {
    let mut columns = line.split('\t');
    if let Some(time) = line.strip_prefix("time=") {
        let (time, pin) = (time.split('\t').next()?, columns.nth(1)?.strip_prefix("pin=")?);
        return Some(format!("{pin}\t{time}\t"));
    }
    Some(format!("{}\t{}\t", columns.next()?, columns.next()?))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").unwrap().1
}

/// The request line without method and version.
pub fn target(request: &str) -> &str {
    let line = request.lines().next().unwrap();
    &line[line.find(' ').unwrap() + 1..line.rfind(' ').unwrap()]
}

/// The codes of the results that one request carries.
pub fn codes(results: &str) -> Vec<i64> {
    let code = |line: &str| line.split('&').find_map(|pair| pair.strip_prefix("Return="))?.parse().ok();
    results.lines().filter_map(code).collect()
}
