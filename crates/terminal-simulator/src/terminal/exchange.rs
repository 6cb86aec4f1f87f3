//! One request and what becomes of it, as the line sees it.

use jiff::Timestamp;

/// What a terminal does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// It sends this; tell [`super::Terminal::reply`] what came back.
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
    /// No reply until then counts as lost.
    pub deadline: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ExchangeId(pub(super) u64);

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Call {
    Handshake,
    Poll,
    Results,
    Upload,
    /// Keeps the link up between the pieces of a long answer (ATT5.8 §8).
    Ping,
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

#[derive(Clone, Debug)]
pub(super) struct InFlight {
    pub id: ExchangeId,
    pub call: Call,
    pub fate: Fate,
    pub sent: Timestamp,
    pub deadline: Timestamp,
    /// The poll carried `INFO`.
    pub with_info: bool,
    /// A reply that the line holds back until then.
    pub late: Option<(Timestamp, Vec<u8>)>,
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

    pub(super) fn reply_arrives(self) -> bool {
        matches!(self, Fate::Delivered | Fate::Repeated)
    }
}
