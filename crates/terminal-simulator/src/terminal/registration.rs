//! How an access unit comes to a session: it announces itself, registers where it is not known, fetches its configuration
//! and asks for the time (SEC4.8 §7.1).

use std::fmt::Write as _;

use jiff::{SignedDuration, civil::DateTime, tz::Offset};
use md5::{Digest, Md5};

use super::{
    Terminal,
    exchange::{Call, Step},
    http::{Answer, Failure},
    wire,
};

/// Where an access unit is on its way to a session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Registration {
    stage: Stage,
    code: String,
    /// What it shows from then on, as a cookie.
    pub token: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Stage {
    #[default]
    Announce,
    Register,
    Configure,
    AskTime,
}

impl Terminal {
    pub(super) fn send_registration(&mut self, announced: &str) -> Step {
        let (target, body) = match self.registration.stage {
            Stage::Announce => (self.target("cdata", &format!("&options=all{announced}")), None),
            Stage::Register => (self.target("registry", ""), Some(self.capabilities())),
            Stage::Configure => (self.target("push", ""), None),
            Stage::AskTime => (self.target("rtdata", "&type=time"), None),
        };
        self.send(Call::Handshake, &target, body.as_deref().map(str::as_bytes), false)
    }

    /// What it says of itself when it registers. How many people it holds is not among it.
    fn capabilities(&self) -> String {
        let push_version = self.profile.announces.as_ref().map_or("3.0.1", |announces| announces.push_version);
        let (capacity, people) = self.capacity();
        format!(
            "DeviceType=acc,~DeviceName={},FirmVer={},PushVersion=Ver {push_version},MaxPackageSize=2048000,LockCount=1,\
             ReaderCount=2,{capacity}={people},StringPinFunOn=1,CmdFormat=0",
            self.profile.model, self.profile.firmware
        )
    }

    /// The reply to one of these steps.
    pub(super) fn register(&mut self, answer: &Answer<'_>) -> Result<(), Failure> {
        let done = self.take_step(&answer.body);
        if done.is_err() {
            self.registration = Registration::default();
        }
        done
    }

    fn take_step(&mut self, body: &[u8]) -> Result<(), Failure> {
        let value = |key: &str| {
            let line = wire::lines(body).find_map(|line| line.strip_prefix(key.as_bytes())?.strip_prefix(b"="));
            line.map(|value| String::from_utf8_lossy(value.trim_ascii()).into_owned())
        };
        let code = value("RegistryCode").filter(|code| !code.is_empty() && code.len() <= 32);
        match self.registration.stage {
            Stage::Announce if body.trim_ascii() == b"OK" => self.registration.stage = Stage::Register,
            Stage::Announce if value("registry").as_deref() != Some("ok") => return Err(Failure::NoOptions),
            Stage::Announce | Stage::Register => {
                self.registration.code = code.ok_or(Failure::NoOptions)?;
                self.registration.stage = Stage::Configure;
            }
            Stage::Configure => {
                let session = value("SessionID").ok_or(Failure::NoOptions)?;
                let span = |key: &str| value(key).and_then(|value| wire::span(value.as_bytes()));
                self.settings.delay = span("RequestDelay").unwrap_or(self.settings.delay);
                self.settings.error_delay = span("ErrorDelay").unwrap_or(self.settings.error_delay);
                self.registration.token = Some(token(&self.registration.code, &self.serial, &session));
                self.registration.stage = Stage::AskTime;
            }
            Stage::AskTime => {
                self.take_time(body);
                self.registration.stage = Stage::Announce;
                self.link.session = true;
                self.link.next_poll = self.now;
                self.link.pace = SignedDuration::from_secs(1);
                self.statistics.handshakes += 1;
            }
        }
        Ok(())
    }

    /// `DateTime=841122005,ServerTZ=+0300`: Greenwich in ZK seconds. A bare `OK` leaves the clock alone.
    fn take_time(&mut self, body: &[u8]) {
        let body = String::from_utf8_lossy(body);
        let value = |key: &str| body.trim().split(',').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        let (Some(seconds), Some(zone)) = (value("DateTime"), value("ServerTZ")) else { return };
        let Some(greenwich) = civil(wire::atoi(seconds.as_bytes())) else { return };
        let digits = wire::atoi(zone.as_bytes()).clamp(-1400, 1400);
        self.settings.zone = i32::try_from(digits / 100 * 60 + digits % 100).unwrap_or(0);
        let Ok(greenwich) = Offset::UTC.to_timestamp(greenwich) else { return };
        self.clock = greenwich.duration_since(self.now) + SignedDuration::from_mins(i64::from(self.settings.zone));
    }
}

/// `md5(RegistryCode + SN + SessionID)` in hexadecimal (SEC4.8 §7.5).
fn token(code: &str, serial: &str, session: &str) -> String {
    let digest = Md5::digest(format!("{code}{serial}{session}"));
    digest.iter().fold(String::new(), |mut token, byte| {
        let _ = write!(token, "{byte:02x}");
        token
    })
}

/// The time that ZK seconds mean, in which every month has 31 days (SEC4.8).
fn civil(seconds: i64) -> Option<DateTime> {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let months = days.div_euclid(31);
    let small = |number: i64| i8::try_from(number).ok();
    let year = i16::try_from(2000 + months.div_euclid(12)).ok()?;
    let (month, day) = (small(months.rem_euclid(12) + 1)?, small(days.rem_euclid(31) + 1)?);
    let (hour, minute, second) = (small(rest / 3600)?, small(rest / 60 % 60)?, small(rest % 60)?);
    DateTime::new(year, month, day, hour, minute, second, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_the_reference() {
        let token = token("Qv8mT2xLp0", "SFA2251700031", "7C1D0E5A94B24F6F8E3A2B1C0D9E8F70");
        assert_eq!(token, "71b393b280bcfb50a625c668eab444a0");
    }

    #[test]
    fn zk_seconds_are_read_back() {
        assert_eq!(civil(841_122_005).unwrap().to_string(), "2026-03-02T05:00:05");
        assert_eq!(civil(0).unwrap().to_string(), "2000-01-01T00:00:00");
        assert_eq!(civil(30 * 86_400 + 31 * 86_400), None, "there is no 31 February");
    }
}
