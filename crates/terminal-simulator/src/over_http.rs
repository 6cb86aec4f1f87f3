//! One terminal against a real server: the exact bytes over TCP, in real time.

use std::{pin::pin, time::Duration};

use jiff::Timestamp;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::terminal::{Call, Exchange, Fate, Reply, Step, Terminal};

/// A waiting terminal looks around this often, so that somebody may punch in the meantime.
const GLANCE: Duration = Duration::from_millis(500);

/// What a terminal is doing, for a live line on a console.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// A request of this kind is on its way.
    Asking(Call),
    /// It was answered with this many bytes.
    Answered(Call, usize),
    /// No reply came.
    Unanswered(Call),
    /// Nothing to do until then.
    Waiting(Timestamp),
}

/// Runs a terminal until `stop` is ready. `address` is `host:port`; it goes into the `Host` header too. `watch` sees the
/// terminal at every change of state and at least twice a second, and may do things to it, such as
/// [`Terminal::punch`]. A request that is under way when `stop` comes is abandoned, as if the plug were pulled.
pub async fn run(
    terminal: &mut Terminal,
    address: &str,
    clock: impl Fn() -> Timestamp,
    stop: impl Future<Output = ()>,
    mut watch: impl FnMut(&mut Terminal, State),
) {
    let mut stop = pin!(stop);
    terminal.set_host(address);
    loop {
        match terminal.next(clock()) {
            Step::Wait(until) => {
                watch(terminal, State::Waiting(until));
                let left = Duration::try_from(until.duration_since(clock())).unwrap_or_default();
                tokio::select! {
                    () = &mut stop => return,
                    () = tokio::time::sleep(left.min(GLANCE)) => {}
                }
            }
            Step::Send(exchange) => {
                watch(terminal, State::Asking(exchange.call));
                let limit = Duration::try_from(exchange.deadline.duration_since(clock())).unwrap_or_default();
                let reply = tokio::select! {
                    () = &mut stop => return,
                    reply = tokio::time::timeout(limit, carry(address, &exchange, terminal)) => reply.ok().flatten(),
                };
                terminal.reply(exchange.id, reply.as_deref().map_or(Reply::Lost, Reply::Bytes), clock());
                let state =
                    reply.map_or(State::Unanswered(exchange.call), |reply| State::Answered(exchange.call, reply.len()));
                watch(terminal, state);
            }
        }
    }
}

/// Delivers a request as often as its fate says. `None` when there is no byte of a reply.
async fn carry(address: &str, exchange: &Exchange, terminal: &Terminal) -> Option<Vec<u8>> {
    if exchange.fate == Fate::Repeated {
        converse(address, exchange, terminal).await.ok();
    }
    if exchange.fate == Fate::RequestLost {
        return None;
    }
    let reply = converse(address, exchange, terminal).await.ok()?;
    (!reply.is_empty()).then_some(reply)
}

/// One connection: written, then read until the terminal's reader has enough or the stream ends.
async fn converse(address: &str, exchange: &Exchange, terminal: &Terminal) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&exchange.bytes).await?;
    let mut reply = Vec::new();
    while !terminal.is_whole_reply(&reply) {
        // What arrived before a connection broke is still there to be judged.
        match stream.read_buf(&mut reply).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    Ok(reply)
}
