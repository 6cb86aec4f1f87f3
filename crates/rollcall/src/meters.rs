//! What is counted and timed for Prometheus (`GET /metrics`), apart from what SQL can tell at any time.
//!
//! A database that is open has one set of meters, so that two servers in one process do not count each other's polls. What
//! a transaction did is counted when it is committed, and only then: [`Noted`].

use std::{fmt, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
    with_local_recorder,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::clock::Stopwatch;

/// Counters and histograms. Cheap to clone.
#[derive(Clone)]
pub struct Meters(Arc<Inner>);

struct Inner {
    page: PrometheusHandle,
    polls: Counter,
    handshakes: Counter,
    calls_refused: Counter,
    connections_refused: [Counter; Crowd::ALL.len()],
    commands: [Counter; Outcome::ALL.len()],
    punches_stored: Counter,
    punches_repeated: Counter,
    punches_refused: [Counter; Refusal::ALL.len()],
    webhooks: [Counter; Delivered::ALL.len()],
    acknowledged: Histogram,
    verified: Histogram,
    transactions: Histogram,
    uploads_waiting: Gauge,
    upload_bytes_waiting: Gauge,
    database_up: Gauge,
    standing: Vec<(&'static str, &'static str, Gauge)>,
}

/// What became of a command when it left, was answered, or was not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was handed to its terminal; once for each time.
    Sent,
    Completed,
    Refused,
    /// The terminal was busy: it is offered again.
    Later,
    /// No answer came in time: it is offered again.
    Unanswered,
    /// No answer came in time, too often.
    GivenUp,
    /// Something newer was wanted before it was answered.
    Superseded,
}

/// Why punches were answered 503. The terminal keeps them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    Busy,
    QuarantineFull,
    Database,
    Stopping,
}

/// What became of a request of a webhook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivered {
    Yes,
    /// The receiver answered something else than 2xx: it is tried again.
    Refused,
    /// There was no answer, or nowhere to go: it is tried again.
    Unreachable,
    /// It was tried for days.
    GivenUp,
    /// Its receiver is told nothing any more.
    SwitchedOff,
}

/// Why a connection was closed as soon as it was there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crowd {
    /// Its address has too many.
    Address,
    /// There are too many.
    All,
}

/// What a transaction did, to be counted with its commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Noted {
    Commands(Outcome, u64),
    /// A terminal said yes to what was wanted for so long.
    Acknowledged(SignedDuration),
    /// A terminal was first seen to hold what was wanted for so long.
    Verified(SignedDuration),
}

/// Numbers that stand in the database, and the values of their label. What nobody tells is nought.
const STANDING: [(&str, &str, &[&str]); 8] = [
    ("rollcall_terminals", "state", &["online", "offline", "switched_off", "undecided", "suspected"]),
    ("rollcall_unknown_terminals", "", &[""]),
    ("rollcall_commands_waiting", "status", &["pending", "sent"]),
    ("rollcall_students_on_terminals", "status", &["pending", "sent", "synced", "failed", "held", "kept"]),
    ("rollcall_drift_open", "kind", &["missing", "different", "extra", "stranger"]),
    ("rollcall_held", "change", &["removal", "card", "stranger"]),
    ("rollcall_webhook_events_waiting", "", &[""]),
    ("rollcall_webhooks", "state", &["working", "failing", "switched_off"]),
];

/// Seconds. A terminal polls every 20 s, is read back every two hours, and may be off for days.
const ARRIVAL_BUCKETS: [f64; 12] = [1.0, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 10_800.0, 86_400.0];
const TRANSACTION_BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

const ACKNOWLEDGED: &str = "rollcall_edit_to_acknowledged_seconds";
const VERIFIED: &str = "rollcall_edit_to_verified_seconds";
const TRANSACTION: &str = "rollcall_write_transaction_seconds";

impl Meters {
    /// `database` is its product's name.
    pub fn new(database: &'static str) -> Meters {
        let recorder = recorder();
        let page = recorder.handle();
        Meters(Arc::new(with_local_recorder(&recorder, || {
            describe();
            gauge!("rollcall_build_info", "version" => env!("CARGO_PKG_VERSION"), "database" => database).set(1.0);
            Inner {
                page,
                polls: counter!("rollcall_polls_total"),
                handshakes: counter!("rollcall_handshakes_total"),
                calls_refused: counter!("rollcall_terminal_calls_refused_total"),
                connections_refused: Crowd::ALL
                    .map(|crowd| counter!("rollcall_connections_refused_total", "reason" => crowd.as_str())),
                commands: Outcome::ALL
                    .map(|outcome| counter!("rollcall_commands_total", "outcome" => outcome.as_str())),
                punches_stored: counter!("rollcall_punches_stored_total"),
                punches_repeated: counter!("rollcall_punches_repeated_total"),
                punches_refused: Refusal::ALL
                    .map(|reason| counter!("rollcall_punches_refused_total", "reason" => reason.as_str())),
                webhooks: Delivered::ALL
                    .map(|outcome| counter!("rollcall_webhook_requests_total", "outcome" => outcome.as_str())),
                acknowledged: histogram!(ACKNOWLEDGED),
                verified: histogram!(VERIFIED),
                transactions: histogram!(TRANSACTION),
                uploads_waiting: gauge!("rollcall_uploads_waiting"),
                upload_bytes_waiting: gauge!("rollcall_upload_bytes_waiting"),
                database_up: gauge!("rollcall_database_up"),
                standing: standing(),
            }
        })))
    }

    pub fn polled(&self) {
        self.0.polls.increment(1);
    }

    pub fn shook_hands(&self) {
        self.0.handshakes.increment(1);
    }

    pub fn refused_call(&self) {
        self.0.calls_refused.increment(1);
    }

    pub fn refused_connection(&self, crowd: Crowd) {
        self.0.connections_refused[crowd as usize].increment(1);
    }

    pub fn punches_stored(&self, new: usize, repeated: usize) {
        self.0.punches_stored.increment(new as u64);
        self.0.punches_repeated.increment(repeated as u64);
    }

    pub fn punches_refused(&self, reason: Refusal, punches: usize) {
        self.0.punches_refused[reason as usize].increment(punches as u64);
    }

    pub fn webhook(&self, outcome: Delivered) {
        self.0.webhooks[outcome as usize].increment(1);
    }

    /// What a transaction did that is committed now, and how long it took since it was asked for.
    pub fn committed(&self, noted: &[Noted], took: Duration) {
        self.0.transactions.record(took.as_secs_f64());
        for noted in noted {
            match *noted {
                Noted::Commands(outcome, number) => self.0.commands[outcome as usize].increment(number),
                Noted::Acknowledged(after) => self.0.acknowledged.record(after.as_secs_f64().max(0.0)),
                Noted::Verified(after) => self.0.verified.record(after.as_secs_f64().max(0.0)),
            }
        }
    }

    /// What waits in memory for the writers of punches.
    pub fn set_uploads_waiting(&self, uploads: usize, bytes: usize) {
        self.0.uploads_waiting.set(measure(uploads as u64));
        self.0.upload_bytes_waiting.set(measure(bytes as u64));
    }

    /// What stands in the database: name, value of the label, number. `None`: it cannot be reached, and nobody knows.
    pub fn set_standing(&self, rows: Option<&[(String, String, i64)]>) {
        self.0.database_up.set(if rows.is_some() { 1.0 } else { 0.0 });
        for (name, label, gauge) in &self.0.standing {
            let number = |rows: &[(String, String, i64)]| {
                let row =
                    rows.iter().find(|(n, l, _)| name.strip_prefix("rollcall_") == Some(n.as_str()) && l == label);
                row.map_or(0.0, |(_, _, number)| measure(number.unsigned_abs()))
            };
            gauge.set(rows.map_or(f64::NAN, number));
        }
    }

    /// The page in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.page.render()
    }

    /// Histograms keep what was recorded one by one until somebody looks: without this they would grow for ever where
    /// nobody does.
    pub fn sum_up(&self) {
        self.0.page.run_upkeep();
    }
}

#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 nobody minds a few")]
fn measure(number: u64) -> f64 {
    number as f64
}

fn recorder() -> PrometheusRecorder {
    let mut builder = PrometheusBuilder::new();
    for (name, buckets) in
        [(ACKNOWLEDGED, &ARRIVAL_BUCKETS[..]), (VERIFIED, &ARRIVAL_BUCKETS), (TRANSACTION, &TRANSACTION_BUCKETS)]
    {
        builder = match builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets) {
            Ok(builder) => builder,
            Err(_) => unreachable!("only an empty list of buckets is refused"),
        };
    }
    builder.build_recorder()
}

fn standing() -> Vec<(&'static str, &'static str, Gauge)> {
    let each =
        STANDING.iter().flat_map(|(name, label, values)| values.iter().map(move |value| (*name, *label, *value)));
    each.map(|(name, label, value)| match label {
        "" => (name, value, gauge!(name)),
        label => (name, value, gauge!(name, label => value)),
    })
    .collect()
}

fn describe() {
    describe_counter!("rollcall_polls_total", "Requests for commands by registered terminals.");
    describe_counter!("rollcall_handshakes_total", "Terminals that announced themselves, registered or not.");
    describe_counter!(
        "rollcall_terminal_calls_refused_total",
        "Calls under the serial number of a terminal from where it may not call."
    );
    describe_counter!(
        "rollcall_connections_refused_total",
        "Connections that were closed at once, because their address or all together had too many."
    );
    describe_counter!(
        "rollcall_commands_total",
        "Commands that left, were answered, or were not, by what became of them."
    );
    describe_counter!("rollcall_punches_stored_total", "Punches that were stored and acknowledged.");
    describe_counter!("rollcall_punches_repeated_total", "Punches that came again and were there already.");
    describe_counter!("rollcall_punches_refused_total", "Punches that were answered 503: their terminals keep them.");
    describe_counter!("rollcall_webhook_requests_total", "Requests of webhooks, by what became of them.");
    describe_histogram!(ACKNOWLEDGED, "From a change of what a terminal should hold to its yes.");
    describe_histogram!(VERIFIED, "From a change of what a terminal should hold to the reading that showed it.");
    describe_histogram!(TRANSACTION, "From asking for a writing transaction to its commit.");
    describe_gauge!("rollcall_uploads_waiting", "Uploads of punches that wait for their commit.");
    describe_gauge!("rollcall_upload_bytes_waiting", "What they take in memory.");
    describe_gauge!(
        "rollcall_database_up",
        "Whether the database answered just now; what stands in it is NaN when not."
    );
    describe_gauge!("rollcall_build_info", "Always 1.");
    describe_gauge!(
        "rollcall_terminals",
        "Registered terminals; undecided: it holds people and somebody has to decide; suspected: it may be another device."
    );
    describe_gauge!("rollcall_unknown_terminals", "Terminals that called and are not registered.");
    describe_gauge!("rollcall_commands_waiting", "Commands to be handed out, or to be answered.");
    describe_gauge!("rollcall_students_on_terminals", "Students who should be on a terminal, once for each terminal.");
    describe_gauge!("rollcall_drift_open", "What the last readings found otherwise than wanted.");
    describe_gauge!("rollcall_held", "What the guard holds until somebody decides.");
    describe_gauge!("rollcall_webhook_events_waiting", "Events that receivers of webhooks are still to be told.");
    describe_gauge!(
        "rollcall_webhooks",
        "Receivers of webhooks; failing: nothing arrives at present; switched_off: by a person, or because nothing arrived."
    );
}

impl Outcome {
    const ALL: [Outcome; 7] = [
        Outcome::Sent,
        Outcome::Completed,
        Outcome::Refused,
        Outcome::Later,
        Outcome::Unanswered,
        Outcome::GivenUp,
        Outcome::Superseded,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Outcome::Sent => "sent",
            Outcome::Completed => "completed",
            Outcome::Refused => "refused",
            Outcome::Later => "later",
            Outcome::Unanswered => "unanswered",
            Outcome::GivenUp => "given_up",
            Outcome::Superseded => "superseded",
        }
    }
}

impl Refusal {
    const ALL: [Refusal; 4] = [Refusal::Busy, Refusal::QuarantineFull, Refusal::Database, Refusal::Stopping];

    fn as_str(self) -> &'static str {
        match self {
            Refusal::Busy => "busy",
            Refusal::QuarantineFull => "quarantine_full",
            Refusal::Database => "database",
            Refusal::Stopping => "stopping",
        }
    }
}

impl Delivered {
    const ALL: [Delivered; 5] =
        [Delivered::Yes, Delivered::Refused, Delivered::Unreachable, Delivered::GivenUp, Delivered::SwitchedOff];

    fn as_str(self) -> &'static str {
        match self {
            Delivered::Yes => "delivered",
            Delivered::Refused => "refused",
            Delivered::Unreachable => "unreachable",
            Delivered::GivenUp => "given_up",
            Delivered::SwitchedOff => "switched_off",
        }
    }
}

impl Crowd {
    const ALL: [Crowd; 2] = [Crowd::Address, Crowd::All];

    pub fn as_str(self) -> &'static str {
        match self {
            Crowd::Address => "address",
            Crowd::All => "all",
        }
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meters(…)")
    }
}

/// What a writing transaction has to tell when it is committed.
#[derive(Debug)]
pub struct Notes {
    meters: Meters,
    asked: Stopwatch,
    noted: Vec<Noted>,
}

impl Notes {
    /// Somebody asks for a transaction.
    pub fn begin(meters: Meters) -> Notes {
        Notes { meters, asked: Stopwatch::start(), noted: Vec::new() }
    }

    pub fn note(&mut self, noted: Noted) {
        self.noted.push(noted);
    }

    pub fn committed(self) {
        self.meters.committed(&self.noted, self.asked.elapsed());
    }
}

/// How long something was wanted, if anybody knows since when.
pub fn since(wanted: Option<Timestamp>, now: Timestamp) -> Option<SignedDuration> {
    wanted.map(|wanted| now.duration_since(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_and_refusal_counts_under_its_own_name() {
        let meters = Meters::new("SQLite");
        for (number, outcome) in (1..).zip(Outcome::ALL) {
            meters.committed(&[Noted::Commands(outcome, number)], Duration::ZERO);
        }
        for (number, reason) in (1..).zip(Refusal::ALL) {
            meters.punches_refused(reason, number);
        }
        for (number, outcome) in (1..).zip(Delivered::ALL) {
            (0..number).for_each(|_| meters.webhook(outcome));
        }
        let page = meters.render();
        for (number, outcome) in (1..).zip(Outcome::ALL) {
            let line = format!("rollcall_commands_total{{outcome=\"{}\"}} {number}\n", outcome.as_str());
            assert!(page.contains(&line), "{line}{page}");
        }
        for (number, reason) in (1..).zip(Refusal::ALL) {
            let line = format!("rollcall_punches_refused_total{{reason=\"{}\"}} {number}\n", reason.as_str());
            assert!(page.contains(&line), "{line}{page}");
        }
        for (number, outcome) in (1..).zip(Delivered::ALL) {
            let line = format!("rollcall_webhook_requests_total{{outcome=\"{}\"}} {number}\n", outcome.as_str());
            assert!(page.contains(&line), "{line}{page}");
        }
    }
}
