//! One terminal: a state machine that is told the time and the replies, and says what it sends next.

mod access;
mod edit;
mod exchange;
mod execute;
mod http;
mod info;
mod keep;
mod registration;
mod send;
mod settings;
mod settle;
mod statistics;
mod table;
mod transcript;
mod upload;
mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use push_protocol::text::Charset;

use self::{
    exchange::InFlight,
    execute::{Ending, Instruction},
    registration::Registration,
    settings::Settings,
    table::Table,
    upload::Outbox,
};
pub use self::{
    exchange::{Call, Exchange, ExchangeId, Fate, Reply, Step},
    http::Failure,
    statistics::Statistics,
    table::HeldUser,
    transcript::{Direction, Transcript},
};
use crate::{
    faults::{FaultKind, Faults, Story},
    profile::{Profile, ResultForm},
};

/// A simulated terminal.
///
/// It does no I/O and reads no clock: [`Terminal::next`] is asked what it does at a time, [`Terminal::reply`] brings
/// what came back. The same seed, times and replies give the same bytes.
///
/// ```
/// use terminal_simulator::{Profile, Reply, Step, Terminal};
///
/// let now = "2026-03-02T05:00:00Z".parse().unwrap();
/// let mut terminal = Terminal::new("CJX9253300417", Profile::zam180(), 1);
/// let Step::Send(handshake) = terminal.next(now) else { panic!() };
/// assert!(handshake.bytes.starts_with(b"GET /iclock/cdata?SN=CJX9253300417&options=all"));
/// terminal.reply(
///     handshake.id,
///     Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nDelay=20\n"),
///     now,
/// );
/// let Step::Send(poll) = terminal.next(now) else { panic!() };
/// assert!(poll.bytes.starts_with(b"GET /iclock/getrequest?SN=CJX9253300417&INFO="));
/// ```
#[derive(Clone, Debug)]
pub struct Terminal {
    serial: String,
    profile: Profile,
    seed: u64,
    /// The latest time heard of.
    now: Timestamp,
    /// The terminal's wall clock minus UTC.
    clock: SignedDuration,
    settings: Settings,
    /// Options set by command.
    options: BTreeMap<String, String>,
    table: Table,
    /// PINs of those whom an access unit lets through its door.
    door_rights: BTreeSet<String>,
    registration: Registration,
    outbox: Outbox,
    /// Commands taken and not yet carried out.
    batch: VecDeque<Instruction>,
    /// Ids of all commands carried out.
    done: BTreeSet<String>,
    /// Answers of queries leave before results, in the batch at hand.
    answers_first: bool,
    removed_by_command: Vec<String>,
    results: Results,
    reboot_due: bool,
    /// The next poll carries `INFO`.
    info_due: bool,
    link: Link,
    in_flight: Option<InFlight>,
    exchanges: u64,
    full_until: Option<Timestamp>,
    stale: Option<(i64, Timestamp)>,
    statistics: Statistics,
    transcript: Transcript,
    faults: Faults,
    story: Story,
}

/// The file of results: posted whole, again and again, until it is accepted (FWSRC).
#[derive(Clone, Debug, Default)]
struct Results {
    file: Vec<u8>,
    held_until: Timestamp,
    /// Failed attempts since the last poll.
    attempts: u32,
    /// What follows once this was accepted: units that pass a command on answer twice (SEC4.8 §10.4).
    second: Vec<u8>,
    /// Accepted once, and posted again by a unit that does everything twice.
    repeated: bool,
}

/// How the terminal stands with its server.
#[derive(Clone, Debug)]
struct Link {
    /// A handshake was answered.
    session: bool,
    /// The last poll brought nothing.
    idle: bool,
    /// Deliveries failed: one poll goes first, so that a server which refuses uploads can still be heard.
    stalled: bool,
    /// Exchanges in a row without a whole reply.
    losses: u32,
    /// Why the last exchange failed, if it did.
    failure: Option<Failure>,
    /// Nothing happens before: a reboot, a pause, the wait after an error.
    dark_until: Timestamp,
    next_poll: Timestamp,
    /// From one poll to the next.
    pace: SignedDuration,
}

impl Terminal {
    /// A terminal that was just switched on, with nobody in it. The seed decides its address and templates.
    pub fn new(serial: &str, profile: Profile, seed: u64) -> Terminal {
        let start = Timestamp::UNIX_EPOCH;
        Terminal {
            serial: serial.to_owned(),
            seed,
            now: start,
            clock: SignedDuration::from_mins(i64::from(profile.clock.factory_zone)),
            settings: Settings::factory(&profile.polling, profile.clock.factory_zone),
            options: BTreeMap::new(),
            table: Table::default(),
            door_rights: BTreeSet::new(),
            registration: Registration::default(),
            outbox: Outbox {
                rows: profile.uploads.rows,
                nothing: profile.uploads.empty_operlog.then_some(start),
                ..Outbox::default()
            },
            batch: VecDeque::new(),
            done: BTreeSet::new(),
            answers_first: profile.queries.answers_first,
            removed_by_command: Vec::new(),
            results: Results::default(),
            reboot_due: false,
            info_due: true,
            link: Link {
                session: false,
                idle: false,
                stalled: false,
                losses: 0,
                failure: None,
                dark_until: start,
                next_poll: start,
                pace: SignedDuration::from_secs(1),
            },
            in_flight: None,
            exchanges: 0,
            full_until: None,
            stale: None,
            statistics: Statistics::default(),
            transcript: Transcript::new(32),
            faults: Faults::none(),
            story: Story::default(),
            profile,
        }
    }

    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Terminal {
        Terminal { faults, ..self }
    }

    pub fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    pub fn serial(&self) -> &str {
        &self.serial
    }

    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Its switches, to change one in the middle of a test.
    pub fn profile_mut(&mut self) -> &mut Profile {
        &mut self.profile
    }

    /// The people it holds, by PIN.
    pub fn users(&self) -> &BTreeMap<String, HeldUser> {
        &self.table
    }

    /// Punches that no server has acknowledged.
    pub fn undelivered_punches(&self) -> usize {
        self.outbox.undelivered()
    }

    /// Nothing to upload, no command or result pending, and the last poll was answered `OK` without commands.
    pub fn is_idle(&self) -> bool {
        self.link.session
            && self.in_flight.is_none()
            && self.batch.is_empty()
            && self.results.file.is_empty()
            && !self.has_uploads()
            && self.link.idle
    }

    /// Why the last exchange failed; `None` when it did not.
    pub fn failure(&self) -> Option<Failure> {
        self.link.failure
    }

    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// PINs of people whom commands removed, in that order.
    pub fn removed_by_command(&self) -> &[String] {
        &self.removed_by_command
    }

    pub fn story(&self) -> &Story {
        &self.story
    }

    /// The last messages in both directions: 32, unless [`Terminal::keep_transcript`] says otherwise.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    pub fn keep_transcript(&mut self, messages: usize) {
        self.transcript.keep(messages);
    }

    /// The terminal's own wall clock at `now`.
    pub fn local(&self, now: Timestamp) -> DateTime {
        Offset::UTC.to_datetime(now + self.clock)
    }

    /// Whether these bytes are a whole reply for this terminal; if not, it reads on until the stream ends.
    pub fn is_whole_reply(&self, bytes: &[u8]) -> bool {
        http::is_complete(self.profile.http.reader, bytes)
    }

    /// What the terminal does at `now`. While a request is unanswered it waits for its time limit, behind which the
    /// reply counts as lost.
    pub fn next(&mut self, now: Timestamp) -> Step {
        self.now = now;
        if let Some(waiting) = self.wait_for_reply(now) {
            return Step::Wait(waiting);
        }
        if now < self.link.dark_until {
            return Step::Wait(self.link.dark_until);
        }
        if !self.link.session {
            return self.send_handshake();
        }
        if !self.link.stalled
            && let Some(step) = self.work()
        {
            return step;
        }
        if now >= self.link.next_poll {
            return self.send_poll();
        }
        if self.link.stalled {
            return Step::Wait(self.link.next_poll);
        }
        match self.next_upload(now).cloned() {
            Ok(upload) => self.send_upload(&upload),
            Err(due) => {
                let results = (!self.results.file.is_empty()).then_some(self.results.held_until);
                Step::Wait(due.into_iter().chain(results).fold(self.link.next_poll, Timestamp::min))
            }
        }
    }

    /// The reply to a request, or that none came. Replies to anything but the request under way are ignored.
    pub fn reply(&mut self, exchange: ExchangeId, reply: Reply<'_>, now: Timestamp) {
        self.now = now;
        let Some(in_flight) = self.in_flight.take_if(|in_flight| in_flight.id == exchange && in_flight.late.is_none())
        else {
            return;
        };
        let bytes = match reply {
            Reply::Bytes(bytes) if in_flight.fate.reply_arrives() => bytes,
            Reply::Bytes(_) | Reply::Lost => return self.settle(&in_flight, None),
        };
        if self.faults.strikes_at(FaultKind::LateReply, Some(in_flight.call), now) {
            let due = now + SignedDuration::from_secs(self.faults.number(1..=90));
            self.story.tell(now, format!("the reply to its {:?} takes until {due:.0}", in_flight.call));
            self.in_flight = Some(InFlight { late: Some((due, bytes.to_vec())), ..in_flight });
            return;
        }
        self.settle(&in_flight, Some(bytes));
    }

    /// The time until which a request is out; settles one whose time is over.
    fn wait_for_reply(&mut self, now: Timestamp) -> Option<Timestamp> {
        let in_flight = self.in_flight.as_ref()?;
        let due = in_flight.late.as_ref().map_or(in_flight.deadline, |(due, _)| (*due).min(in_flight.deadline));
        if now < due {
            return Some(due);
        }
        let in_flight = self.in_flight.take()?;
        let late = in_flight.late.as_ref().filter(|(due, _)| *due <= in_flight.deadline);
        self.settle(&in_flight, late.map(|(_, bytes)| bytes.as_slice()));
        None
    }

    /// Commands, their answers and their results, in this family's order; `None` when nothing of it is to be done now.
    fn work(&mut self) -> Option<Step> {
        if let Some(upload) = self.outbox.sending.clone() {
            return Some(self.send_upload(&upload));
        }
        loop {
            if self.answers_first
                && let Some(step) = self.send_answer()
            {
                return Some(step);
            }
            let Some(command) = self.batch.pop_front() else { break };
            self.carry_out(&command);
            if self.now < self.link.dark_until {
                return Some(Step::Wait(self.link.dark_until));
            }
            if !self.link.session {
                return Some(self.send_handshake());
            }
        }
        if !self.results.file.is_empty() && self.now >= self.results.held_until {
            let target = self.target("devicecmd", "");
            let body = self.results.file.clone();
            return Some(self.send(Call::Results, &target, Some(&body), false));
        }
        self.send_answer()
    }

    fn carry_out(&mut self, command: &Instruction) {
        let text: String = String::from_utf8_lossy(&command.text).chars().take(100).collect();
        self.statistics.commands_executed += 1;
        if !self.done.insert(command.id.clone()) {
            self.statistics.duplicates += 1;
        }
        let ending = self.execute(command);
        if self.faults.strikes(FaultKind::CrashBeforeResult, self.now) {
            self.story.tell(self.now, format!("carries out {} {text:?} and loses power", command.id));
            self.reboot();
            return;
        }
        let id = &command.id;
        match ending {
            Ending::Return(code, echo, payload) => {
                self.story.tell(self.now, format!("{id} {text:?} → {code}"));
                self.statistics.refusals += u64::from(code < 0);
                self.results.file.extend_from_slice(&self.result(id, code, &echo, &payload));
            }
            Ending::Silent => self.story.tell(self.now, format!("{id} {text:?} → silence")),
        }
        if self.batch.is_empty() && self.faults.strikes(FaultKind::LateResults, self.now) {
            self.results.held_until = self.now + SignedDuration::from_secs(self.faults.number(2..=120));
            self.story.tell(self.now, format!("holds results back until {:.0}", self.results.held_until));
        }
        if !self.batch.is_empty() && self.faults.strikes(FaultKind::RebootMidBatch, self.now) {
            self.reboot_due = true;
        }
        if !self.batch.is_empty() && self.faults.strikes(FaultKind::RebootWithoutResults, self.now) {
            self.story.tell(self.now, "loses its results");
            self.results.file.clear();
            self.reboot_due = true;
        }
        if self.reboot_due {
            self.reboot();
        }
    }

    /// One record for the file of results (MAN3.2, ATT5.8 §11).
    fn result(&self, id: &str, code: i64, echo: &str, payload: &str) -> Vec<u8> {
        let serial = &self.serial;
        let record = match self.profile.results {
            ResultForm::Flat => format!("ID={id}&Return={code}&CMD={echo}\n{payload}"),
            ResultForm::WithSerial => format!("ID={id}&SN={serial}&Return={code}&CMD={echo}\n{payload}"),
            ResultForm::LowerCase => {
                format!("id={id}&return={code}&cmd={echo}\r\n{}", payload.replace('\n', "\r\n"))
            }
        };
        record.into_bytes()
    }

    fn charset(&self) -> Charset {
        if self.profile.language == 83 { Charset::Gb18030 } else { Charset::Utf8 }
    }
}
