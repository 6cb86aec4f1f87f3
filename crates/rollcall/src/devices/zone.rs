//! The zone of a terminal's wall clock.

use jiff::{fmt::temporal::DateTimeParser, tz::TimeZone};

/// Reads `Asia/Kathmandu` or `+05:45`.
pub fn parse(name: &str) -> Option<TimeZone> {
    DateTimeParser::new().parse_time_zone(name).ok()
}

/// A terminal's zone: its own, else its school's, else the server's. One that cannot be read, because it was written by
/// SQL, counts as none.
pub fn of(device: Option<&str>, school: Option<&str>, server: &TimeZone) -> TimeZone {
    device.and_then(parse).or_else(|| school.and_then(parse)).unwrap_or_else(|| server.clone())
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
    fn an_offset_is_a_zone() {
        assert!(parse("+05:45").is_some());
        assert!(parse("yesterday").is_none());
    }
}
