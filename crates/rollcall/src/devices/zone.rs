//! The zone of a terminal's wall clock.

use jiff::{fmt::temporal::DateTimeParser, tz::TimeZone};
use push_protocol::dialect::Dialect;

/// Reads `Asia/Kathmandu` or `+05:45`.
pub fn parse(name: &str) -> Option<TimeZone> {
    DateTimeParser::new().parse_time_zone(name).ok()
}

/// A terminal's zone: its own, else its school's, else the server's. One that cannot be read, because it was written by
/// SQL, counts as none.
pub fn of(device: Option<&str>, school: Option<&str>, server: &TimeZone) -> TimeZone {
    device.and_then(parse).or_else(|| school.and_then(parse)).unwrap_or_else(|| server.clone())
}

/// Whether a terminal has to shake hands again to show the time that is wanted of it. Both offsets are in seconds; `wanted`
/// is `None` when nobody set a zone, `shown` when its last handshake was answered without one.
///
/// One that was given no zone sets its clock by our `Date` and whatever it had before, which is as wrong as another offset.
/// Of a terminal that did not announce itself yet nobody knows that: its first handshake tells it. Short of a restart
/// nothing makes an access unit shake hands, and it need not: it asks for the time itself (`rtdata`).
pub fn is_to_be_shown(dialect: Option<Dialect>, wanted: Option<i32>, shown: Option<i32>) -> bool {
    match (dialect, wanted, shown) {
        (Some(Dialect::Security), ..) | (_, None, _) => false,
        (_, Some(wanted), Some(shown)) => wanted != shown,
        (dialect, Some(_), None) => dialect.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_zone_counts() {
        let server = TimeZone::get("Europe/Berlin").unwrap();
        let zone = |device, school| of(device, school, &server).iana_name().map(str::to_owned);
        assert_eq!(zone(Some("Asia/Kathmandu"), Some("Asia/Tokyo")).as_deref(), Some("Asia/Kathmandu"));
        assert_eq!(zone(None, Some("Asia/Tokyo")).as_deref(), Some("Asia/Tokyo"));
        assert_eq!(zone(Some("Mars/Olympus"), None).as_deref(), Some("Europe/Berlin"));
    }

    #[test]
    fn none_shown_is_another_than_the_one_wanted() {
        for dialect in [Dialect::Legacy, Dialect::Attendance] {
            assert!(is_to_be_shown(Some(dialect), Some(-18_000), None));
            assert!(is_to_be_shown(Some(dialect), Some(-18_000), Some(0)));
            assert!(!is_to_be_shown(Some(dialect), Some(-18_000), Some(-18_000)));
            assert!(!is_to_be_shown(Some(dialect), None, Some(-18_000)), "it keeps its own");
        }
        assert!(!is_to_be_shown(Some(Dialect::Security), Some(-18_000), None));
        assert!(!is_to_be_shown(None, Some(-18_000), None), "it has yet to shake hands");
    }

    #[test]
    fn an_offset_is_a_zone() {
        assert!(parse("+05:45").is_some());
        assert!(parse("yesterday").is_none());
    }
}
