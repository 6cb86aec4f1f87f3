//! What a handshake's reply tells a terminal (ATT5.8 §3, MAN3.2 §2.2).

use super::{http::Failure, wire};
use crate::profile::{Polling, Reader};

/// The options that steer a terminal. They outlive the session.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Settings {
    /// Seconds between polls.
    pub delay: u32,
    /// Seconds until the next try after a failure.
    pub error_delay: u32,
    /// `TimeZone` in minutes.
    pub zone: i32,
    /// `Realtime=0` holds punches back for `interval` minutes.
    pub realtime: bool,
    pub interval: u32,
    pub transfers: Transfers,
    /// `SupportPing=1`
    pub server_takes_pings: bool,
    /// Stamps go by their old names, because no `ServerVer` came (FWSRC).
    pub old_stamps: bool,
}

/// What is uploaded on the terminal's own account (`TransFlag`, ATT5.8 §3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Transfers {
    pub punches: bool,
    pub operations: bool,
    pub users: bool,
}

/// One reply, read.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Handshake {
    pub settings: Settings,
    /// Stamps under the names that count for this reply; `None` = not mentioned.
    pub punch_stamp: Option<i64>,
    pub operation_stamp: Option<i64>,
    /// The options that the server wants to see.
    pub wanted_options: Vec<String>,
}

impl Settings {
    pub fn factory(polling: &Polling, zone: i32) -> Settings {
        Settings {
            delay: polling.delay,
            error_delay: polling.error_delay,
            zone,
            realtime: true,
            interval: 1,
            transfers: Transfers { punches: true, operations: true, users: true },
            server_takes_pings: false,
            old_stamps: false,
        }
    }
}

impl Handshake {
    /// Reads the terminated lines; an unterminated last one is lost (FWSRC).
    pub fn read(body: &[u8], reader: Reader, before: &Settings, bare_ok_will_do: bool) -> Result<Handshake, Failure> {
        let mut read = Handshake {
            settings: before.clone(),
            punch_stamp: None,
            operation_stamp: None,
            wanted_options: Vec::new(),
        };
        if bare_ok_will_do && body.trim_ascii() == b"OK" {
            return Ok(read);
        }
        let lines: Vec<&[u8]> = wire::lines(body).filter(|line| line.len() < 2048).collect();
        if lines.is_empty() {
            return Err(Failure::NoOptions);
        }
        if reader == Reader::Legacy && lines.iter().any(|line| line.starts_with(b"UN") || line.starts_with(b"RETRY")) {
            return Err(Failure::NoOptions);
        }
        let value = |key: &str| {
            lines.iter().find_map(|line| line.strip_prefix(key.as_bytes())?.strip_prefix(b"=")).map(<[u8]>::trim_ascii)
        };
        let span = |key: &str| value(key).and_then(wire::span);
        let settings = &mut read.settings;
        settings.delay = span("Delay").unwrap_or(settings.delay);
        settings.error_delay = span("ErrorDelay").unwrap_or(settings.error_delay);
        settings.interval = span("TransInterval").unwrap_or(settings.interval);
        settings.realtime = value("Realtime").map_or(settings.realtime, |v| wire::atoi(v) != 0);
        settings.zone = value("TimeZone").map_or(settings.zone, zone);
        settings.transfers = value("TransFlag").map_or(settings.transfers, Transfers::read);
        settings.server_takes_pings = value("SupportPing").map(wire::atoi) == Some(1);
        settings.old_stamps = value("ServerVer").is_none();
        let (punches, operations) =
            if settings.old_stamps { ("Stamp", "OpStamp") } else { ("ATTLOGStamp", "OPERLOGStamp") };
        read.punch_stamp = value(punches).map(wire::atoi);
        read.operation_stamp = value(operations).map(wire::atoi);
        if value("PushOptionsFlag").is_some_and(|v| wire::atoi(v) == 1)
            && let Some(wanted) = value("PushOptions")
        {
            let wanted = String::from_utf8_lossy(wanted);
            read.wanted_options = wanted.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect();
        }
        Ok(read)
    }
}

impl Transfers {
    /// The string form names what is wanted, anywhere in the value; the bit string has `AttLog`, `OpLog` in front and
    /// disagrees about the rest, so that only its first two digits are read (ATT5.8 §3.3 against MAN3.2 §2.2).
    fn read(value: &[u8]) -> Transfers {
        let names = |name: &str| super::http::find(value, name.as_bytes()).is_some();
        if names("TransData") {
            let operations = names("OpLog");
            return Transfers {
                punches: names("AttLog"),
                operations,
                users: operations && (names("EnrollUser") || names("ChgUser")),
            };
        }
        let bit = |at: usize| value.get(at) == Some(&b'1');
        Transfers { punches: bit(0), operations: bit(1), users: bit(1) }
    }
}

/// `TimeZone` in minutes: `±hh:mm`, hours when below 25, else minutes (ATT5.8 §3.2, MAN3.2 §2.2).
pub(super) fn zone(value: &[u8]) -> i32 {
    const DAY: i64 = 24 * 60;
    let number = |bytes| i32::try_from(wire::atoi(bytes).clamp(-DAY, DAY)).unwrap_or(0);
    let hours = number(value);
    if let Some(colon) = value.iter().position(|&b| b == b':') {
        let minutes = number(&value[colon + 1..]);
        return hours * 60 + if value.starts_with(b"-") { -minutes } else { minutes };
    }
    if hours.abs() < 25 { hours * 60 } else { hours }
}
