//! What a reply means to a terminal, and what it does when none is any good.

use jiff::SignedDuration;

use super::{
    Failure, Terminal,
    exchange::{Call, InFlight},
    execute::Handed,
    http::{self, Answer},
    settings::Handshake,
    transcript::Direction,
    upload::Content,
    wire,
};
use crate::{faults::FaultKind, profile::Reader};

/// Attempts at one upload, and the pauses behind each (FWSRC).
const PAUSES: [SignedDuration; 3] =
    [SignedDuration::from_millis(300), SignedDuration::from_millis(600), SignedDuration::from_millis(900)];
/// A clock is set when it is further off than this, and the round trip was shorter than that (FWSRC).
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(10);
const CLOCK_ROUND_TRIP: SignedDuration = SignedDuration::from_secs(5);
/// How long a unit takes that passes commands on.
const SECOND_ANSWER: SignedDuration = SignedDuration::from_secs(15);
/// How often the chatty unit repeats itself (`TimeBridge`).
const CHATTER: SignedDuration = SignedDuration::from_millis(200);

impl Terminal {
    /// An exchange is over.
    pub(super) fn settle(&mut self, in_flight: &InFlight, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            self.transcript.add(Direction::Response, bytes);
        }
        let answer = match bytes {
            Some(bytes) => http::read(self.profile.http.reader, bytes),
            None => Err(Failure::Lost),
        };
        let done = answer.and_then(|answer| match in_flight.call {
            Call::Handshake if self.profile.access.is_some() => self.register(&answer),
            Call::Handshake => self.shake_hands(in_flight, &answer),
            Call::Poll => self.take_commands(in_flight, &answer),
            Call::Results => self.results_posted(&answer),
            Call::Upload => self.upload_posted(&answer),
            Call::Ping => Ok(()),
        });
        match done {
            Ok(()) => (self.link.losses, self.link.failure) = (0, None),
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
        self.link.session = true;
        self.link.next_poll = self.now;
        self.link.pace = SignedDuration::from_secs(1);
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
        self.link.stalled = false;
        self.results.attempts = 0;
        self.info_due &= !in_flight.with_info;
        let polling = &self.profile.polling;
        let handed = Handed::read(&answer.body, polling.commands_per_reply, polling.id_bytes);
        self.statistics.polls += 1;
        self.statistics.strange_lines += handed.strangers as u64;
        self.statistics.commands_ignored += handed.ignored as u64;
        let shrugs = !polling.strangers_delay || handed.strangers == 0;
        self.link.idle = handed.commands.is_empty() && handed.ignored == 0 && shrugs;
        let delay = SignedDuration::from_secs(i64::from(self.settings.delay));
        self.link.pace = if handed.commands.is_empty() {
            (self.link.pace + delay / 5).min(delay)
        } else {
            SignedDuration::from_secs(1)
        };
        self.link.next_poll = self.now + self.link.pace;
        if handed.strangers > 0 && polling.strangers_delay {
            self.link.next_poll = self.now + self.error_delay();
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
        self.results.attempts = 0;
        self.statistics.results_accepted += 1;
        self.results.repeated = self.profile.posts_results_twice && !self.results.repeated;
        if !self.results.repeated {
            self.results.file.clear();
            if !self.results.second.is_empty() {
                self.results.file = std::mem::take(&mut self.results.second);
                self.results.held_until = self.now + SECOND_ANSWER;
            }
        }
        Ok(())
    }

    fn upload_posted(&mut self, answer: &Answer<'_>) -> Result<(), Failure> {
        if self.profile.http.reader == Reader::Legacy && answer.body.starts_with(b"UNKNOWN DEVICE") {
            self.link.session = false;
        }
        self.acknowledges(&answer.body)?;
        self.delivered();
        Ok(())
    }

    fn fail(&mut self, call: Call, failure: Failure) {
        self.statistics.failures += 1;
        self.link.failure = Some(failure);
        self.link.losses =
            if matches!(failure, Failure::Lost | Failure::Incomplete) { self.link.losses + 1 } else { 0 };
        self.story.tell(self.now, format!("{call:?} failed: {failure}"));
        match call {
            Call::Handshake | Call::Ping => self.rest(),
            Call::Poll => {
                self.link.stalled = false;
                self.link.idle = false;
                self.results.attempts = 0;
                self.rest();
            }
            Call::Results => {
                self.results.attempts += 1;
                self.link.stalled = self.results.attempts > 1;
                self.rest();
            }
            Call::Upload => self.upload_failed(failure),
        }
        if self.profile.polling.handshake_after_loss && self.link.losses >= 3 {
            self.link.session = false;
        }
    }

    fn upload_failed(&mut self, failure: Failure) {
        let server_error = matches!(failure, Failure::Status(Some(500..)));
        if server_error && self.profile.uploads.drops_on_server_error {
            return self.dropped();
        }
        let nothing = self.outbox.sending.as_ref().is_some_and(|upload| upload.content == Content::Nothing);
        if nothing && failure == Failure::Uncounted {
            self.outbox.sending = None;
            self.outbox.nothing = Some(self.now + CHATTER);
            return;
        }
        let pause = PAUSES.get(self.outbox.attempts as usize).copied().unwrap_or(PAUSES[2]);
        self.outbox.attempts += 1;
        self.link.dark_until = self.now + pause;
        if self.outbox.attempts as usize >= PAUSES.len() {
            self.undeliverable();
            self.link.stalled = true;
            self.rest();
        }
    }

    /// Offline until `ErrorDelay` is over.
    fn rest(&mut self) {
        self.link.dark_until = self.link.dark_until.max(self.now) + self.error_delay();
        self.link.next_poll = self.link.dark_until;
    }

    fn error_delay(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.settings.error_delay))
    }

    /// Sets the clock from `Date`, only on handshakes and polls, and only when the reply came quickly (FWSRC).
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
}
