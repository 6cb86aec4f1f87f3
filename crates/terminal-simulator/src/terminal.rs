//! One terminal: a state machine that is told the time and the replies, and says what it sends next.

mod edit;
mod execute;
mod http;
mod info;
mod settings;
mod table;
mod transcript;
mod upload;
mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use push_protocol::text::Charset;

use self::{
    execute::{Ending, Handed, Instruction},
    http::Answer,
    settings::{Handshake, Settings},
    table::Table,
    upload::{Content, Outbox},
    wire::{atoi, lines},
};
pub use self::{
    http::Failure,
    table::HeldUser,
    transcript::{Direction, Transcript},
};
use crate::{
    faults::{FaultKind, Faults, Story},
    profile::{Profile, Reader},
};

/// Attempts at one upload, and the pauses behind each (§1.3).
const PAUSES: [SignedDuration; 3] =
    [SignedDuration::from_millis(300), SignedDuration::from_millis(600), SignedDuration::from_millis(900)];
/// A reply to a body above this many bytes may take four times as long (§1.3).
const BIG_BODY: usize = 10_240;
/// A clock is set when it is further off than this, and the round trip was shorter than that (§1.4).
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(10);
const CLOCK_ROUND_TRIP: SignedDuration = SignedDuration::from_secs(5);
/// How often the chatty unit repeats itself (§10.12).
const CHATTER: SignedDuration = SignedDuration::from_millis(200);

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
    outbox: Outbox,
    /// Commands taken and not yet carried out.
    batch: VecDeque<Instruction>,
    /// Ids of all commands carried out.
    done: BTreeSet<String>,
    /// The file of results: posted whole, again and again, until it is accepted (§6.1).
    results: Vec<u8>,
    results_held_until: Timestamp,
    results_attempts: u32,
    answers_first: bool,
    reboot_due: bool,
    session: bool,
    /// Nothing happens before: a reboot, a pause, the wait after an error.
    dark_until: Timestamp,
    next_poll: Timestamp,
    pace: SignedDuration,
    info_due: bool,
    last_poll_was_idle: bool,
    /// Deliveries failed: one poll goes first, so that a server which refuses uploads can still be heard.
    stalled: bool,
    losses: u32,
    in_flight: Option<InFlight>,
    exchanges: u64,
    full_until: Option<Timestamp>,
    stale: Option<(i64, Timestamp)>,
    statistics: Statistics,
    transcript: Transcript,
    faults: Faults,
    story: Story,
}

/// What a terminal does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// It sends this; tell [`Terminal::reply`] what came back.
    Send(Exchange),
    /// It does nothing before this time.
    Wait(Timestamp),
}

/// A request on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchange {
    pub id: ExchangeId,
    pub call: Call,
    /// The exact bytes of the HTTP request.
    pub bytes: Vec<u8>,
    /// What the line does to it.
    pub fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ExchangeId(u64);

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Call {
    Handshake,
    Poll,
    Results,
    Upload,
}

/// What the line does to one request. Whoever carries it delivers it [`Fate::deliveries`] times; whether a reply arrives
/// the terminal sees to itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Delivered,
    /// Do not deliver it; there is no reply.
    RequestLost,
    /// Deliver it; the reply is lost.
    ReplyLost,
    /// Deliver it twice; the second reply arrives.
    Repeated,
}

/// What came back for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply<'a> {
    /// The whole HTTP response, or as much of it as arrived.
    Bytes(&'a [u8]),
    /// None within the time limit.
    Lost,
}

/// What a terminal counted since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Statistics {
    pub requests: u64,
    /// Handshakes that were answered.
    pub handshakes: u64,
    /// Polls that were answered.
    pub polls: u64,
    pub polls_with_commands: u64,
    pub commands_executed: u64,
    /// Commands executed again under an id that was executed before.
    pub duplicates: u64,
    /// Commands handed out that this family does not even look at.
    pub commands_ignored: u64,
    /// Terminated lines in a poll's reply that are no commands.
    pub strange_lines: u64,
    /// Commands that ended with a negative code.
    pub refusals: u64,
    pub results_accepted: u64,
    pub uploads_acknowledged: u64,
    pub punches_acknowledged: u64,
    /// Updates that were stored.
    pub users_written: u64,
    pub users_removed: u64,
    /// Commands that removed everybody.
    pub wipes_by_command: u64,
    /// Updates with control characters in a value.
    pub control_characters: u64,
    /// Exchanges that failed.
    pub failures: u64,
    pub reboots: u64,
}

#[derive(Clone, Debug)]
struct InFlight {
    id: ExchangeId,
    call: Call,
    fate: Fate,
    sent: Timestamp,
    deadline: Timestamp,
    /// The poll carried `INFO`.
    with_info: bool,
    /// A reply that the line holds back until then.
    late: Option<(Timestamp, Vec<u8>)>,
}

impl Fate {
    /// How often the request reaches the server.
    pub fn deliveries(self) -> usize {
        match self {
            Fate::RequestLost => 0,
            Fate::Delivered | Fate::ReplyLost => 1,
            Fate::Repeated => 2,
        }
    }

    fn reply_arrives(self) -> bool {
        matches!(self, Fate::Delivered | Fate::Repeated)
    }
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
            outbox: Outbox {
                rows: profile.uploads.rows,
                nothing: profile.uploads.empty_operlog.then_some(start),
                ..Outbox::default()
            },
            batch: VecDeque::new(),
            done: BTreeSet::new(),
            results: Vec::new(),
            results_held_until: start,
            results_attempts: 0,
            answers_first: profile.queries.answers_first,
            reboot_due: false,
            session: false,
            dark_until: start,
            next_poll: start,
            pace: SignedDuration::from_secs(1),
            info_due: true,
            last_poll_was_idle: false,
            stalled: false,
            losses: 0,
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
        self.session
            && self.in_flight.is_none()
            && self.batch.is_empty()
            && self.results.is_empty()
            && !self.has_uploads()
            && self.last_poll_was_idle
    }

    pub fn statistics(&self) -> &Statistics {
        &self.statistics
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

    /// What the terminal does at `now`. While a request is unanswered it waits for its time limit, behind which the
    /// reply counts as lost.
    pub fn next(&mut self, now: Timestamp) -> Step {
        self.now = now;
        if let Some(waiting) = self.wait_for_reply(now) {
            return Step::Wait(waiting);
        }
        if now < self.dark_until {
            return Step::Wait(self.dark_until);
        }
        if !self.session {
            return self.send_handshake();
        }
        if !self.stalled
            && let Some(step) = self.work()
        {
            return step;
        }
        if now >= self.next_poll {
            return self.send_poll();
        }
        if self.stalled {
            return Step::Wait(self.next_poll);
        }
        match self.next_upload(now).cloned() {
            Ok(upload) => self.send_upload(&upload),
            Err(due) => {
                let results = (!self.results.is_empty()).then_some(self.results_held_until);
                Step::Wait(due.into_iter().chain(results).fold(self.next_poll, Timestamp::min))
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
                && let Some(answer) = self.next_answer().cloned()
            {
                return Some(self.send_upload(&answer));
            }
            let Some(command) = self.batch.pop_front() else { break };
            self.carry_out(&command);
            if self.now < self.dark_until {
                return Some(Step::Wait(self.dark_until));
            }
            if !self.session {
                return Some(self.send_handshake());
            }
        }
        if !self.results.is_empty() && self.now >= self.results_held_until {
            let target = self.target("devicecmd", "");
            let body = self.results.clone();
            return Some(self.send(Call::Results, &target, Some(&body), false));
        }
        let answer = self.next_answer().cloned()?;
        Some(self.send_upload(&answer))
    }

    fn carry_out(&mut self, command: &Instruction) {
        let text: String = String::from_utf8_lossy(&command.text).chars().take(100).collect();
        self.statistics.commands_executed += 1;
        if !self.done.insert(command.id.clone()) {
            self.statistics.duplicates += 1;
        }
        let ending = self.execute(&command.text);
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
                self.results.extend_from_slice(format!("ID={id}&Return={code}&CMD={echo}\n{payload}").as_bytes());
            }
            Ending::Silent => self.story.tell(self.now, format!("{id} {text:?} → silence")),
        }
        if self.batch.is_empty() && self.faults.strikes(FaultKind::LateResults, self.now) {
            self.results_held_until = self.now + SignedDuration::from_secs(self.faults.number(2..=120));
            self.story.tell(self.now, format!("holds results back until {:.0}", self.results_held_until));
        }
        if !self.batch.is_empty() && self.faults.strikes(FaultKind::RebootMidBatch, self.now) {
            let lost = self.batch.len();
            self.story.tell(self.now, format!("reboots within a batch, {lost} commands are lost"));
            if self.faults.index(2) == 0 {
                self.results.clear();
            }
            self.reboot();
        } else if std::mem::take(&mut self.reboot_due) {
            self.reboot();
        }
    }

    fn send_handshake(&mut self) -> Step {
        let announced = self.profile.announces.as_ref().map_or_else(String::new, |announces| {
            let device_type = announces.device_type.map_or_else(String::new, |kind| format!("&DeviceType={kind}"));
            let more = if announces.more.is_empty() { String::new() } else { format!("&{}", announces.more) };
            format!("&pushver={}{device_type}&language={}{more}", announces.push_version, self.profile.language)
        });
        let target = self.target("cdata", &format!("&options=all{announced}"));
        self.send(Call::Handshake, &target, None, false)
    }

    fn send_poll(&mut self) -> Step {
        self.misfortunes();
        if self.now < self.dark_until {
            return Step::Wait(self.dark_until);
        }
        let with_info = self.info_due;
        let info = if with_info { format!("&INFO={}", self.info_values()) } else { String::new() };
        let target = self.target("getrequest", &info);
        self.send(Call::Poll, &target, None, with_info)
    }

    fn send_upload(&mut self, upload: &upload::Upload) -> Step {
        self.send(Call::Upload, &upload.target, Some(&upload.body), false)
    }

    /// Path and query, e.g. `cdata.aspx?SN=…&table=ATTLOG`.
    fn target(&self, name: &str, query: &str) -> String {
        format!("{name}{}?SN={}{query}", self.profile.http.suffix, self.serial)
    }

    fn send(&mut self, call: Call, target: &str, body: Option<&[u8]>, with_info: bool) -> Step {
        let now = self.now;
        self.exchanges += 1;
        let id = ExchangeId(self.exchanges);
        let fate = self.fate(call);
        let timeout = self.profile.http.timeout * if body.is_some_and(|body| body.len() > BIG_BODY) { 4 } else { 1 };
        let bytes = http::request(&self.profile.http, target, body);
        self.statistics.requests += 1;
        self.transcript.add(Direction::Request, &bytes);
        self.in_flight = Some(InFlight { id, call, fate, sent: now, deadline: now + timeout, with_info, late: None });
        Step::Send(Exchange { id, call, bytes, fate })
    }

    fn fate(&mut self, call: Call) -> Fate {
        let fates = [
            (FaultKind::LoseRequest, Fate::RequestLost),
            (FaultKind::LoseReply, Fate::ReplyLost),
            (FaultKind::RepeatRequest, Fate::Repeated),
        ];
        let now = self.now;
        let struck = fates.into_iter().find(|(kind, _)| self.faults.strikes_at(*kind, Some(call), now));
        let Some((kind, fate)) = struck else { return Fate::Delivered };
        self.story.tell(now, format!("{kind:?}: {call:?}"));
        fate
    }

    /// An exchange is over.
    fn settle(&mut self, in_flight: &InFlight, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            self.transcript.add(Direction::Response, bytes);
        }
        let answer = match bytes {
            Some(bytes) => http::read(self.profile.http.reader, bytes),
            None => Err(Failure::Lost),
        };
        let done = answer.and_then(|answer| match in_flight.call {
            Call::Handshake => self.shake_hands(in_flight, &answer),
            Call::Poll => self.take_commands(in_flight, &answer),
            Call::Results => self.results_posted(&answer),
            Call::Upload => self.upload_posted(&answer),
        });
        match done {
            Ok(()) => self.losses = 0,
            Err(failure) => self.fail(in_flight.call, failure),
        }
    }

    fn shake_hands(&mut self, in_flight: &InFlight, answer: &Answer<'_>) -> Result<(), Failure> {
        let bare = self.profile.polling.takes_bare_handshake;
        let mut read = Handshake::read(&answer.body, self.profile.http.reader, &self.settings, bare)?;
        if self.faults.strikes(FaultKind::MisreadZone, self.now) && read.settings.zone % 60 == 0 {
            read.settings.zone /= 60;
            self.story.tell(self.now, format!("takes the time zone for {} minutes", read.settings.zone));
        }
        self.settings = read.settings;
        self.session = true;
        self.next_poll = self.now;
        self.pace = SignedDuration::from_secs(1);
        self.statistics.handshakes += 1;
        self.set_clock(in_flight, answer);
        if self.profile.uploads.posts_options && !read.wanted_options.is_empty() {
            self.outbox.options = Some(self.options_line(Some(&read.wanted_options)));
        }
        self.rewind(read.punch_stamp, read.operation_stamp);
        Ok(())
    }

    fn take_commands(&mut self, in_flight: &InFlight, answer: &Answer<'_>) -> Result<(), Failure> {
        if answer.body.is_empty() {
            return Err(Failure::Empty);
        }
        self.set_clock(in_flight, answer);
        self.stalled = false;
        self.results_attempts = 0;
        self.info_due &= !in_flight.with_info;
        let polling = &self.profile.polling;
        let handed = Handed::read(&answer.body, polling.commands_per_reply, polling.id_bytes);
        self.statistics.polls += 1;
        self.statistics.strange_lines += handed.strangers as u64;
        self.statistics.commands_ignored += handed.ignored as u64;
        let shrugs = !polling.strangers_delay || handed.strangers == 0;
        self.last_poll_was_idle = handed.commands.is_empty() && handed.ignored == 0 && shrugs;
        let delay = SignedDuration::from_secs(i64::from(self.settings.delay));
        self.pace =
            if handed.commands.is_empty() { (self.pace + delay / 5).min(delay) } else { SignedDuration::from_secs(1) };
        self.next_poll = self.now + self.pace;
        if handed.strangers > 0 && polling.strangers_delay {
            self.next_poll = self.now + self.error_delay();
        }
        if !handed.commands.is_empty() {
            self.statistics.polls_with_commands += 1;
            self.answers_first = self.profile.queries.answers_first;
            if self.faults.strikes(FaultKind::Reorder, self.now) {
                self.answers_first = !self.answers_first;
                self.story.tell(self.now, "turns the order of answers and results round");
            }
        }
        self.batch.extend(handed.commands);
        Ok(())
    }

    fn results_posted(&mut self, answer: &Answer<'_>) -> Result<(), Failure> {
        if !answer.plain {
            return Err(Failure::NotPlain);
        }
        if http::find(&answer.body, b"OK").is_none() {
            return Err(Failure::NotOk);
        }
        self.results.clear();
        self.results_attempts = 0;
        self.statistics.results_accepted += 1;
        Ok(())
    }

    fn upload_posted(&mut self, answer: &Answer<'_>) -> Result<(), Failure> {
        if self.profile.http.reader == Reader::Legacy && answer.body.starts_with(b"UNKNOWN DEVICE") {
            self.session = false;
        }
        self.acknowledges(&answer.body)?;
        self.delivered();
        Ok(())
    }

    fn fail(&mut self, call: Call, failure: Failure) {
        self.statistics.failures += 1;
        self.losses = if matches!(failure, Failure::Lost | Failure::Incomplete) { self.losses + 1 } else { 0 };
        self.story.tell(self.now, format!("{call:?} failed: {failure:?}"));
        match call {
            Call::Handshake => self.rest(),
            Call::Poll => {
                self.stalled = false;
                self.last_poll_was_idle = false;
                self.results_attempts = 0;
                self.rest();
            }
            Call::Results => {
                self.results_attempts += 1;
                self.stalled = self.results_attempts > 1;
                self.rest();
            }
            Call::Upload => self.upload_failed(failure),
        }
        if self.profile.polling.handshake_after_loss && self.losses >= 3 {
            self.session = false;
        }
    }

    fn upload_failed(&mut self, failure: Failure) {
        let server_error = matches!(failure, Failure::Status(Some(500..)));
        if server_error && self.profile.uploads.drops_on_server_error {
            return self.dropped();
        }
        if self.outbox.sending.as_ref().is_some_and(|upload| upload.content == Content::Nothing) {
            self.outbox.sending = None;
            self.outbox.nothing = Some(self.now + CHATTER);
            return;
        }
        let pause = PAUSES.get(self.outbox.attempts as usize).copied().unwrap_or(PAUSES[2]);
        self.outbox.attempts += 1;
        self.dark_until = self.now + pause;
        if self.outbox.attempts as usize >= PAUSES.len() {
            self.undeliverable();
            self.stalled = true;
            self.rest();
        }
    }

    /// Offline until `ErrorDelay` is over.
    fn rest(&mut self) {
        self.dark_until = self.dark_until.max(self.now) + self.error_delay();
        self.next_poll = self.dark_until;
    }

    fn error_delay(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.settings.error_delay))
    }

    /// Sets the clock from `Date`, only on handshakes and polls, and only when the reply came quickly (§1.4).
    fn set_clock(&mut self, in_flight: &InFlight, answer: &Answer<'_>) {
        let Some(date) = answer.date.filter(|_| answer.plain && self.profile.clock.from_date) else { return };
        if self.now.duration_since(in_flight.sent) >= CLOCK_ROUND_TRIP {
            return;
        }
        let clock = date.duration_since(self.now) + SignedDuration::from_mins(i64::from(self.settings.zone));
        if (clock - self.clock).abs() > CLOCK_TOLERANCE {
            self.clock = clock;
            self.story.tell(self.now, format!("sets its clock to {}", wire::stamp(self.local(self.now))));
        }
    }

    fn charset(&self) -> Charset {
        if self.profile.language == 83 { Charset::Gb18030 } else { Charset::Utf8 }
    }
}
