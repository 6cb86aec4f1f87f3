//! Requests as they leave: what each of them asks, and what the line will do to it.

use super::{
    Terminal,
    exchange::{Call, Exchange, ExchangeId, Fate, InFlight, Step},
    http,
    transcript::Direction,
    upload::Upload,
};
use crate::faults::FaultKind;

/// A reply to a body above this many bytes may take four times as long (FWSRC).
const BIG_BODY: usize = 10_240;

impl Terminal {
    pub(super) fn send_handshake(&mut self) -> Step {
        let announced = self.profile.announces.as_ref().map_or_else(String::new, |announces| {
            let device_type = announces.device_type.map_or_else(String::new, |kind| format!("&DeviceType={kind}"));
            let more = if announces.more.is_empty() { String::new() } else { format!("&{}", announces.more) };
            format!("&pushver={}{device_type}&language={}{more}", announces.push_version, self.profile.language)
        });
        if self.profile.access.is_some() {
            return self.send_registration(&announced);
        }
        let target = self.target("cdata", &format!("&options=all{announced}"));
        self.send(Call::Handshake, &target, None, false)
    }

    pub(super) fn send_poll(&mut self) -> Step {
        self.misfortunes();
        if self.now < self.link.dark_until {
            return Step::Wait(self.link.dark_until);
        }
        let with_info = self.info_due && self.profile.access.is_none();
        let info = if with_info { format!("&INFO={}", self.info_values()) } else { String::new() };
        let target = self.target("getrequest", &info);
        self.send(Call::Poll, &target, None, with_info)
    }

    pub(super) fn send_upload(&mut self, upload: &Upload) -> Step {
        self.send(Call::Upload, &upload.target, Some(&upload.body), false)
    }

    /// Path and query, e.g. `cdata.aspx?SN=…&table=ATTLOG`.
    pub(super) fn target(&self, name: &str, query: &str) -> String {
        format!("{name}{}?SN={}{query}", self.profile.http.suffix, self.serial)
    }

    pub(super) fn send(&mut self, call: Call, target: &str, body: Option<&[u8]>, with_info: bool) -> Step {
        let now = self.now;
        self.exchanges += 1;
        let id = ExchangeId(self.exchanges);
        let fate = self.fate(call);
        let timeout = self.profile.http.timeout * if body.is_some_and(|body| body.len() > BIG_BODY) { 4 } else { 1 };
        let deadline = now + timeout;
        let bytes = http::request(&self.profile.http, target, self.registration.token.as_deref(), body);
        self.statistics.requests += 1;
        self.transcript.add(Direction::Request, &bytes);
        self.in_flight = Some(InFlight { id, call, fate, sent: now, deadline, with_info, late: None });
        Step::Send(Exchange { id, call, bytes, fate, deadline })
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

    /// The next piece of an answer, with a ping between many of them (ATT5.8 §8).
    pub(super) fn send_answer(&mut self) -> Option<Step> {
        if self.ping_is_due() {
            self.outbox.since_ping = 0;
            let target = self.target("ping", "");
            return Some(self.send(Call::Ping, &target, None, false));
        }
        let answer = self.next_answer().cloned()?;
        self.outbox.since_ping += 1;
        Some(self.send_upload(&answer))
    }
}
