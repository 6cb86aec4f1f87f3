//! The answers that configure a terminal: one `Key=Value` per line, each line terminated, the last one too (FWSRC: a last
//! line without end is lost, and a reply without any is a failed handshake).

use jiff::tz::Offset;

use super::time_zone;
use crate::{dialect::Dialect, text::SerialNumber};

/// How the handshake of an attendance or legacy terminal is answered (ATT5.8 §3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    pub serial_number: SerialNumber,
    /// Chooses the names of the stamps, and whether `ServerVer` is sent at all. Never [`Dialect::Security`].
    pub dialect: Dialect,
    /// Echo of the last accepted upload of that table; `None` = the vendor's first-contact values. Anything but 1 to 32
    /// visible ASCII characters is taken as `None`: a stamp is a terminal's text and must not become a line of its own.
    pub punch_stamp: Option<String>,
    pub operation_stamp: Option<String>,
    pub photo_stamp: Option<String>,
    /// Seconds between polls.
    pub delay: u32,
    /// Seconds until a terminal tries again after a failure.
    pub error_delay: u32,
    /// `None` sends no `TimeZone`: the terminal keeps its own.
    pub time_zone: Option<Offset>,
}

/// The configuration of a security terminal (SEC4.8 §7). Texts must be visible ASCII.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecurityOptions {
    /// At most 32 bytes; must stay the same for a serial number.
    pub registry_code: String,
    pub session_id: String,
    /// Seconds between polls.
    pub request_delay: u32,
    pub error_delay: u32,
}

/// Below 2.4.0, from which on both sides would exchange keys for a closed library (ATT5.8 §4).
const PUSH_VERSION: &str = "2.2.14";
const SECURITY_VERSION: &str = "3.0.1";

/// What is uploaded without being asked for. The word form, because two documents number the bits differently (ATT5.8 §3.3,
/// MAN3.2 §2.2).
const LEGACY_UPLOADS: &str = "TransData AttLog\tOpLog\tEnrollUser\tChgUser\tEnrollFP\tChgFP";
const UPLOADS: &str = "TransData AttLog\tOpLog\tEnrollUser\tChgUser\tEnrollFP\tChgFP\tFACE\tUserPic";

/// Options that a terminal is asked to upload. How many people fit stands under either name ([`crate::limits`]).
const WANTED_OPTIONS: &str = "FingerFunOn,FaceFunOn,UserCount,FWVersion,MaxUserCount,~MaxUserCount,~PIN2Width";

impl Options {
    pub fn to_bytes(&self) -> Vec<u8> {
        let is_legacy = self.dialect == Dialect::Legacy;
        // The legacy client honours the untyped names only without `ServerVer`, the typed ones only with it (FWSRC).
        let stamps = if is_legacy {
            [
                ("Stamp", &self.punch_stamp, "9999"),
                ("OpStamp", &self.operation_stamp, "9999"),
                ("PhotoStamp", &self.photo_stamp, "9999"),
            ]
        } else {
            [
                ("ATTLOGStamp", &self.punch_stamp, "None"),
                ("OPERLOGStamp", &self.operation_stamp, "9999"),
                ("ATTPHOTOStamp", &self.photo_stamp, "None"),
            ]
        };

        let mut lines = vec![format!("GET OPTION FROM: {}", self.serial_number)];
        for (key, stamp, first_contact) in stamps {
            let stamp = stamp.as_deref().filter(|stamp| is_one_word(stamp)).unwrap_or(first_contact);
            lines.push(format!("{key}={stamp}"));
        }
        lines.push(format!("ErrorDelay={}", self.error_delay));
        lines.push(format!("Delay={}", self.delay));
        lines.push("TransTimes=00:00;14:05".to_owned());
        lines.push("TransInterval=1".to_owned());
        lines.push(format!("TransFlag={}", if is_legacy { LEGACY_UPLOADS } else { UPLOADS }));
        if let Some(offset) = self.time_zone {
            lines.push(format!("TimeZone={}", time_zone(offset)));
        }
        lines.push("Realtime=1".to_owned());
        lines.push("Encrypt=0".to_owned());
        if !is_legacy {
            lines.push(format!("ServerVer={PUSH_VERSION}"));
            lines.push(format!("PushProtVer={PUSH_VERSION}"));
            lines.push("PushOptionsFlag=1".to_owned());
            lines.push(format!("PushOptions={WANTED_OPTIONS}"));
            lines.push("SupportPing=1".to_owned());
        }
        terminated(&lines)
    }
}

impl SecurityOptions {
    /// The handshake of a terminal that is registered already. One that is not gets [`super::OK`].
    pub fn registered(&self) -> Vec<u8> {
        let mut lines = vec!["registry=ok".to_owned(), format!("RegistryCode={}", self.registry_code)];
        lines.extend(self.configuration("PushProtVer"));
        terminated(&lines)
    }

    /// The answer to `push`.
    pub fn push(&self) -> Vec<u8> {
        terminated(&self.configuration("PushVersion"))
    }

    /// The answer to `registry`.
    pub fn registry(&self) -> Vec<u8> {
        terminated(&[format!("RegistryCode={}", self.registry_code)])
    }

    fn configuration(&self, version_key: &str) -> Vec<String> {
        vec![
            format!("ServerVersion={SECURITY_VERSION}"),
            "ServerName=ADMS".to_owned(),
            format!("{version_key}={SECURITY_VERSION}"),
            format!("ErrorDelay={}", self.error_delay),
            format!("RequestDelay={}", self.request_delay),
            "TransTimes=00:00;14:00".to_owned(),
            "TransInterval=1".to_owned(),
            "TransTables=User\tTransaction".to_owned(),
            "Realtime=1".to_owned(),
            format!("SessionID={}", self.session_id),
            "TimeoutSec=10".to_owned(),
        ]
    }
}

fn is_one_word(stamp: &str) -> bool {
    (1..=32).contains(&stamp.len()) && stamp.bytes().all(|byte| byte.is_ascii_graphic())
}

fn terminated(lines: &[String]) -> Vec<u8> {
    let mut bytes = lines.join("\n").into_bytes();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(punch_stamp: Option<&str>) -> Options {
        Options {
            serial_number: SerialNumber::parse("CJX9253300417").unwrap(),
            dialect: Dialect::Attendance,
            punch_stamp: punch_stamp.map(str::to_owned),
            operation_stamp: None,
            photo_stamp: None,
            delay: 20,
            error_delay: 30,
            time_zone: None,
        }
    }

    #[test]
    fn a_stamp_cannot_become_a_line() {
        let sent = |stamp| String::from_utf8(options(stamp).to_bytes()).unwrap();
        assert!(sent(Some("841132985")).contains("\nATTLOGStamp=841132985\n"));
        assert!(sent(Some("2026-03-02T08:00:05")).contains("\nATTLOGStamp=2026-03-02T08:00:05\n"));
        for bad in ["9\nICLOCKSVRURL=http://192.0.2.66", "", "1 2", &"9".repeat(33)] {
            assert_eq!(sent(Some(bad)), sent(None), "{bad:?}");
        }
    }

    #[test]
    fn without_a_zone_none_is_sent() {
        assert!(!String::from_utf8(options(None).to_bytes()).unwrap().contains("TimeZone"));
    }
}
