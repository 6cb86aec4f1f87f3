//! What can be told.

use std::{fmt, str::FromStr};

use jiff::SignedDuration;

/// A kind of event. Stored and sent as `punch.stored` and so on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A terminal brought a punch that was not there before.
    PunchStored,
    /// A terminal itself showed that it holds a student as wanted, or does not hold him any more.
    StudentVerified,
    /// A terminal refused a student, or he cannot be written to it.
    StudentFailed,
    /// A terminal does not call any more.
    TerminalSilent,
    /// It calls again.
    TerminalBack,
    /// The guard holds removals or changes of card until somebody decides.
    RemovalsHeld,
    TerminalNearlyFull,
    /// More waited than may wait, and the oldest were given up. Every endpoint is told.
    Dropped,
    /// Somebody wants to see whether it arrives. Every endpoint is told.
    Test,
}

/// The text is no kind of event.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no event: {list}", list = Kind::CHOSEN.map(Kind::as_str).join(", "))]
pub struct UnknownKind(pub String);

impl Kind {
    /// Those that an endpoint chooses among.
    pub const CHOSEN: [Kind; 7] = [
        Kind::PunchStored,
        Kind::StudentVerified,
        Kind::StudentFailed,
        Kind::TerminalSilent,
        Kind::TerminalBack,
        Kind::RemovalsHeld,
        Kind::TerminalNearlyFull,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::PunchStored => "punch.stored",
            Kind::StudentVerified => "student.verified",
            Kind::StudentFailed => "student.failed",
            Kind::TerminalSilent => "terminal.silent",
            Kind::TerminalBack => "terminal.back",
            Kind::RemovalsHeld => "removals.held",
            Kind::TerminalNearlyFull => "terminal.nearly_full",
            Kind::Dropped => "webhook.dropped",
            Kind::Test => "webhook.test",
        }
    }

    pub(super) fn all() -> impl Iterator<Item = Kind> {
        Kind::CHOSEN.into_iter().chain([Kind::Dropped, Kind::Test])
    }

    /// As stored, whatever kind it is.
    pub fn parse(text: &str) -> Option<Kind> {
        Kind::all().find(|kind| kind.as_str() == text)
    }

    /// How long an event waits for others of its kind, so that they leave in one request.
    pub(super) fn linger(self) -> SignedDuration {
        match self {
            Kind::PunchStored | Kind::StudentVerified | Kind::StudentFailed => SignedDuration::from_secs(5),
            _ => SignedDuration::ZERO,
        }
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    /// One that can be chosen.
    fn from_str(text: &str) -> Result<Kind, UnknownKind> {
        let chosen = Kind::parse(text).filter(|kind| Kind::CHOSEN.contains(kind));
        chosen.ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
