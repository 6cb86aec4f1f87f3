//! Many terminals on one clock that somebody else turns.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::terminal::{Exchange, ExchangeId, Reply, Step, Terminal};

/// Terminals, and which of them acts next.
///
/// ```
/// use terminal_simulator::{Fleet, Profile, Reply, Terminal};
///
/// let serve = |_request: &[u8]| b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nDelay=20\n".to_vec();
/// let mut fleet = Fleet::new((1..=3).map(|n| Terminal::new(&format!("TEST{n}"), Profile::zam180(), n)));
/// let mut now = "2026-03-02T05:00:00Z".parse().unwrap();
/// for _ in 0..20 {
///     while let Some((index, exchange)) = fleet.step(now) {
///         let mut reply = None;
///         for _ in 0..exchange.fate.deliveries() {
///             reply = Some(serve(&exchange.bytes));
///         }
///         fleet.reply(index, exchange.id, reply.as_deref().map_or(Reply::Lost, Reply::Bytes), now);
///     }
///     now = fleet.earliest().unwrap();
/// }
/// assert!(fleet.terminals().iter().all(|terminal| terminal.statistics().polls > 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    terminals: Vec<Terminal>,
    /// When each of them acts next.
    due: Vec<Timestamp>,
    agenda: BTreeSet<(Timestamp, usize)>,
}

impl Fleet {
    pub fn new(terminals: impl IntoIterator<Item = Terminal>) -> Fleet {
        let mut fleet = Fleet::default();
        terminals.into_iter().for_each(|terminal| fleet.add(terminal));
        fleet
    }

    pub fn add(&mut self, terminal: Terminal) {
        self.agenda.insert((Timestamp::MIN, self.terminals.len()));
        self.due.push(Timestamp::MIN);
        self.terminals.push(terminal);
    }

    /// When the next terminal acts; a time that is over means at once. `None` without terminals.
    pub fn earliest(&self) -> Option<Timestamp> {
        self.agenda.first().map(|&(due, _)| due)
    }

    /// The next request at `now`, with the index of its terminal; `None` when all of them wait. Several may be under way
    /// at once: the reply may be given later.
    pub fn step(&mut self, now: Timestamp) -> Option<(usize, Exchange)> {
        while let Some(&(due, index)) = self.agenda.first()
            && due <= now
        {
            match self.terminals[index].next(now) {
                Step::Send(exchange) => {
                    self.schedule(index, exchange.deadline);
                    return Some((index, exchange));
                }
                Step::Wait(until) => self.schedule(index, until),
            }
        }
        None
    }

    pub fn reply(&mut self, index: usize, exchange: ExchangeId, reply: Reply<'_>, now: Timestamp) {
        self.terminals[index].reply(exchange, reply, now);
        self.schedule(index, now);
    }

    pub fn terminals(&self) -> &[Terminal] {
        &self.terminals
    }

    /// One terminal, to do something to it. It acts at once afterwards, if it has anything to do.
    pub fn terminal(&mut self, index: usize) -> &mut Terminal {
        self.schedule(index, Timestamp::MIN);
        &mut self.terminals[index]
    }

    fn schedule(&mut self, index: usize, due: Timestamp) {
        self.agenda.remove(&(self.due[index], index));
        self.due[index] = due;
        self.agenda.insert((due, index));
    }
}
