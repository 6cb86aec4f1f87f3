//! The counts that a terminal sends along with a poll.

use std::net::Ipv4Addr;

/// The `INFO` parameter of a poll (ATT5.8 §7, MAN3.2 §2.4.5), read by position; values that run out or are no numbers are
/// `None`.
///
/// Fresh only right after a change that was made by push: the legacy client sends it at boot and after a `DATA` command
/// that it carried out (FWSRC).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Info {
    pub firmware: Option<String>,
    pub user_count: Option<u32>,
    pub fingerprint_count: Option<u32>,
    /// Punches stored on the terminal.
    pub punch_count: Option<u32>,
    /// Its IP address.
    pub address: Option<String>,
    pub fingerprint_algorithm: Option<String>,
    /// `-1` where the terminal knows no faces.
    pub face_algorithm: Option<String>,
    pub face_count: Option<u32>,
    /// A digit per feature: fingerprint, face, user picture, and in newer units bio photo and visible-light face.
    pub capabilities: Option<String>,
}

/// Position of the address, counted from 0.
const ADDRESS: usize = 4;

impl Info {
    /// Reads the percent-decoded value. Never fails.
    pub fn parse(value: &str) -> Info {
        let parts: Vec<&str> = value.split(',').map(str::trim).collect();
        // A firmware version may hold a comma; then the address stands further right, and the rest counts from it.
        let is_address = |part: &&str| part.parse::<Ipv4Addr>().is_ok();
        let shift = parts.iter().skip(ADDRESS).position(is_address).unwrap_or(0);
        let (firmware, others) = parts.split_at((1 + shift).min(parts.len()));
        let text =
            |position: usize| others.get(position - 1).copied().filter(|part| !part.is_empty()).map(str::to_owned);
        let number = |position: usize| others.get(position - 1).and_then(|part| part.parse().ok());

        let firmware = firmware.join(",");
        // Units of MAN3.2 send no count of faces: their ninth and last value is the capabilities.
        let (face_count, capabilities) = if others.len() == 8 { (None, text(8)) } else { (number(8), text(9)) };
        Info {
            firmware: Some(firmware).filter(|firmware| !firmware.is_empty()),
            user_count: number(1),
            fingerprint_count: number(2),
            punch_count: number(3),
            address: text(ADDRESS),
            fingerprint_algorithm: text(5),
            face_algorithm: text(6),
            face_count,
            capabilities,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_run_out() {
        assert_eq!(Info::parse(""), Info::default());
        let info = Info::parse("Ver 2.0.12-20150625, 7 ,x,9");
        assert_eq!(info.firmware.as_deref(), Some("Ver 2.0.12-20150625"));
        assert_eq!((info.user_count, info.fingerprint_count, info.punch_count), (Some(7), None, Some(9)));
        assert_eq!((info.address, info.capabilities), (None, None));
    }

    #[test]
    fn a_comma_in_the_firmware_shifts_the_rest() {
        let info = Info::parse("Ver 6.60, May 14,17,0,1632,192.0.2.25,10,39,12,16,01110,3,0,0");
        assert_eq!(info.firmware.as_deref(), Some("Ver 6.60,May 14"));
        assert_eq!((info.user_count, info.punch_count, info.face_count), (Some(17), Some(1632), Some(16)));
        assert_eq!(info.capabilities.as_deref(), Some("01110"));
    }

    #[test]
    fn negative_and_enormous_counts_are_none() {
        let info = Info::parse("v,-1,99999999999,3");
        assert_eq!((info.user_count, info.fingerprint_count, info.punch_count), (None, None, Some(3)));
    }
}
