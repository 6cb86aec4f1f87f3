//! The terminals' door: everything below `/iclock/`.
//!
//! A terminal cannot be told what went wrong: it repeats what was not accepted, for ever, and shows itself offline
//! meanwhile. So everything that can be understood is answered 200, whatever it holds; 503 means that nothing was stored
//! and that it should keep its data. Nobody signs anything: a serial number is a claim, and a serial number that is not
//! registered is told nothing about anybody.
//!
//! Storing runs in a task of its own, so that a terminal that vanishes cannot cancel a commit.

mod body;
mod handshake;
pub mod oddities;
mod poll;
mod portions;
pub mod reply;
mod results;
mod security;
mod turns;
mod upload;

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use jiff::{Timestamp, tz::Offset};
use push_protocol::{
    request::{Call, Request},
    text::{Charset, SerialNumber},
};
use tokio::time::timeout;

use self::{body::Read, turns::Turns};
pub use self::{oddities::Oddities, reply::Reply};
use crate::{
    app::App,
    devices::{
        registry::{Registry, Terminal, Told},
        trust,
        unknown::LookUp,
    },
    server::pace::Paced,
    store,
};

/// What answers terminals.
#[derive(Debug)]
pub struct Door {
    app: App,
    oddities: Oddities,
    turns: Turns,
}

/// Terminals wait for 10 to 60 seconds and should not have to wait for more than five. What is stored after that is known
/// when it comes again.
const PATIENCE: Duration = Duration::from_secs(4);
/// With an upload of more than a few records.
const PATIENCE_WITH_MUCH: Duration = Duration::from_secs(30);

/// One request of a terminal whose serial number can be read.
#[derive(Debug)]
struct Visit {
    serial: SerialNumber,
    caller: Caller,
    address: IpAddr,
    request: Request,
    body: Bytes,
    /// There was more of the body than this.
    is_cut: bool,
    now: Timestamp,
}

/// Who calls.
#[derive(Debug)]
enum Caller {
    Known(Arc<Terminal>),
    /// Registered, and perhaps another device (`devices::trust`): its punches are kept, nothing else that it says counts.
    Suspected(Arc<Terminal>),
    /// Not registered. One that is not remembered either (`devices::unknown`) may not leave anything here.
    Unknown {
        is_remembered: bool,
    },
}

impl Door {
    pub fn new(app: App) -> Arc<Door> {
        Arc::new(Door { app, oddities: Oddities::default(), turns: Turns::default() })
    }

    /// Answers one request. An idle poll is answered from memory.
    pub async fn answer<B>(self: &Arc<Door>, request: http::Request<Paced<B>>, address: IpAddr) -> Reply
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
        B::Error: std::error::Error + 'static,
    {
        let (head, body) = request.into_parts();
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let Some(request) = Request::parse(head.method.as_str(), path, query) else { return Reply::ok() };
        let Ok(serial) = SerialNumber::parse(&request.serial_number) else {
            return self.answer_nameless(&request, address);
        };
        let now = self.app.clock.now();
        let terminal = self.app.registry.find(&serial);
        if let Some(terminal) = &terminal
            && !terminal.may_call_from(address)
        {
            return self.refuse(terminal, &request, address, now).await;
        }
        if let Call::Poll { info } = &request.call
            && let Some(terminal) = &terminal
        {
            return poll::answer(self, terminal, info.as_ref(), address, now).await;
        }
        let Read { bytes: body, is_cut } = match body::read(&request.call, body).await {
            Ok(read) => read,
            Err(refused) => return refused,
        };
        let door = Arc::clone(self);
        let patience = if body.len() > body::OTHER_BYTES { PATIENCE_WITH_MUCH } else { PATIENCE };
        let brings_punches = brings_punches(&request.call);
        let reply = self.apart(patience, Reply::try_again(), async move {
            match door.caller(&serial, &request.call, address, now).await {
                Ok(Some(caller)) => door.dispatch(Visit { serial, caller, address, request, body, is_cut, now }).await,
                Ok(None) => Reply::try_again(),
                Err(error) => door.could_not("find the terminal", &error),
            }
        });
        let reply = reply.await;
        if let Some(terminal) = terminal.filter(|_| brings_punches && reply.status == StatusCode::SERVICE_UNAVAILABLE) {
            self.app.registry.missed(&terminal, now);
        }
        reply
    }

    /// Somebody calls from where this terminal may not. He is told nothing, and what he brings he keeps: should it be the
    /// terminal after all, it brings it again when its list is mended.
    async fn refuse(&self, terminal: &Terminal, request: &Request, address: IpAddr, now: Timestamp) -> Reply {
        self.app.db.meters().refused_call();
        let serial = terminal.serial();
        if self.oddities.log_stray(serial, address, now)
            && let Err(error) = self.note_refused(terminal, address, now).await
        {
            self.oddities.log_failure("note from where a terminal called", &error, now);
        }
        match request.call {
            Call::Upload(_) | Call::QueryData(_) | Call::Photo => Reply::try_again(),
            _ => Reply::ok(),
        }
    }

    async fn note_refused(&self, terminal: &Terminal, address: IpAddr, now: Timestamp) -> store::Result<()> {
        let mut tx = self.app.db.write().await?;
        trust::refused(&mut tx, terminal.device(), address, now).await?;
        tx.commit().await
    }

    /// A request whose head no parser takes.
    pub fn refused(&self, path: &str, address: IpAddr) {
        self.oddities.log_refused(path, address, self.app.clock.now());
    }

    async fn dispatch(&self, visit: Visit) -> Reply {
        if let Err(error) = security::recognise(self, &visit).await {
            return self.could_not("store a terminal's dialect", &error);
        }
        match &visit.request.call {
            Call::Handshake(announced) => handshake::answer(self, &visit, announced).await,
            Call::Poll { .. } => poll::dispatched(self, &visit).await,
            Call::Results => results::answer(self, &visit).await,
            Call::Upload(upload) => upload::answer(self, &visit, upload).await,
            Call::QueryData(query) => upload::query_data(self, &visit, query).await,
            Call::Photo => upload::photo(self, &visit).await,
            Call::Registry => security::registry(self, &visit).await,
            Call::PushConfiguration => security::push(self, &visit),
            Call::SecurityTime => security::time(&visit),
            Call::Time => handshake::time(&visit),
            // No approval, self-service or roaming is offered: nothing is said about anybody outside the command channel.
            Call::LastPunch => Reply::text(b"status=1".to_vec()),
            Call::RemoteAttendance { .. } | Call::Approval | Call::Event | Call::Ping => Reply::ok(),
            Call::KeyExchange => {
                self.oddities.log(
                    &visit.request,
                    visit.address,
                    visit.now,
                    "encryption was asked for, which is not offered",
                );
                Reply::ok()
            }
            Call::File { .. } => Reply::not_found(),
            Call::Unknown { .. } => {
                self.oddities.log(&visit.request, visit.address, visit.now, "a path that nobody documented");
                Reply::ok()
            }
        }
    }

    /// A request whose serial number is missing or is none. What it may bring belongs to nobody: it keeps it.
    fn answer_nameless(&self, request: &Request, address: IpAddr) -> Reply {
        if let Call::File { .. } = request.call {
            return Reply::not_found();
        }
        self.oddities.log(request, address, self.app.clock.now(), "no serial number");
        match request.call {
            Call::Upload(_) | Call::QueryData(_) => Reply::try_again(),
            _ => Reply::ok(),
        }
    }

    /// Finds out who calls and notes that he did. `None`: nobody can say just now, too many unknown ones call.
    async fn caller(
        &self,
        serial: &SerialNumber,
        call: &Call,
        address: IpAddr,
        now: Timestamp,
    ) -> store::Result<Option<Caller>> {
        let registry: &Registry = &self.app.registry;
        let info = match call {
            Call::Poll { info } => info.as_ref(),
            _ => None,
        };
        let told = Told {
            address,
            firmware: info.and_then(|info| info.firmware.as_deref()),
            user_count: info.and_then(|info| info.user_count),
        };
        let mut terminal = registry.find(serial);
        let is_poll = matches!(call, Call::Poll { .. } | Call::Ping);
        if terminal.is_none() {
            match registry.callers().look_up(serial, is_poll, now) {
                LookUp::Needed => {
                    let mut tx = self.app.db.read().await?;
                    terminal = registry.look_up(&mut tx, serial).await?;
                }
                LookUp::Needless => {}
                LookUp::TooMany => return Ok(None),
            }
        }
        let Some(terminal) = terminal else {
            let announced = match call {
                Call::Handshake(announced) => Some(announced),
                _ => None,
            };
            let is_remembered = registry.callers().seen(serial, told, announced, now);
            return Ok(Some(Caller::Unknown { is_remembered }));
        };
        registry.seen(&terminal, told, now);
        Ok(Some(if terminal.is_suspected() { Caller::Suspected(terminal) } else { Caller::Known(terminal) }))
    }

    /// Runs to the end whatever becomes of the connection, and whatever was answered when it took too long.
    async fn apart(
        &self,
        patience: Duration,
        late: Reply,
        work: impl Future<Output = Reply> + Send + 'static,
    ) -> Reply {
        match timeout(patience, self.app.tasks.spawn(work)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(failure)) => self.could_not("answer a terminal", &failure),
            Err(_) => {
                self.oddities.log_late(self.app.clock.now());
                late
            }
        }
    }

    /// The database failed: the terminal keeps what it brought.
    fn could_not(&self, what: &str, error: &(dyn std::error::Error + 'static)) -> Reply {
        self.oddities.log_failure(what, error, self.app.clock.now());
        Reply::try_again()
    }
}

/// As far as can be told before it is read.
fn brings_punches(call: &Call) -> bool {
    matches!(call, Call::Upload(upload) if upload.table.as_deref().is_none_or(|table| table == "ATTLOG"))
}

impl Visit {
    /// The registered terminal that this is, as far as anybody can tell.
    fn terminal(&self) -> Option<&Arc<Terminal>> {
        match &self.caller {
            Caller::Known(terminal) => Some(terminal),
            Caller::Suspected(_) | Caller::Unknown { .. } => None,
        }
    }

    /// The registered terminal whose serial number was said.
    fn registered(&self) -> Option<&Arc<Terminal>> {
        match &self.caller {
            Caller::Known(terminal) | Caller::Suspected(terminal) => Some(terminal),
            Caller::Unknown { .. } => None,
        }
    }

    /// What the terminal's clock should be ahead of UTC, if anybody said.
    fn offset(&self) -> Option<Offset> {
        self.registered().and_then(|terminal| terminal.offset(self.now))
    }

    fn charset(&self, registry: &Registry) -> Charset {
        self.registered().map_or_else(|| registry.callers().charset(&self.serial), |terminal| terminal.charset())
    }
}
