//! From a terminal's wall clock to an instant.

use std::fmt;

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{Offset, TimeZone},
};

/// A wall clock as `punches.punched_at` holds it: `YYYY-MM-DDTHH:MM:SS`, whose order as text is its order in time.
#[derive(Clone, Copy)]
pub(super) struct WallClock(pub DateTime);

impl fmt::Display for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.0;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        )
    }
}

/// The instant that a wall clock shows: by the offset that the terminal itself gave, else by its zone, else as UTC.
///
/// A time that summer time skipped counts as the time after the gap, one that occurred twice as the first of the two.
pub fn instant(local: DateTime, utc_offset_seconds: Option<i32>, zone: Option<&TimeZone>) -> Timestamp {
    let offset = utc_offset_seconds.and_then(|seconds| Offset::from_seconds(seconds).ok());
    let instant = match (offset, zone) {
        (Some(offset), _) => offset.to_timestamp(local),
        (None, Some(zone)) => zone.to_ambiguous_timestamp(local).compatible(),
        (None, None) => Offset::UTC.to_timestamp(local),
    };
    // Only the first and the last days of the calendar have no instant.
    instant.unwrap_or(if local.year() > 0 { Timestamp::MAX } else { Timestamp::MIN })
}

#[cfg(test)]
mod tests {
    use jiff::civil::datetime;

    use super::*;

    #[test]
    fn the_terminals_own_offset_wins_over_its_zone() {
        let zone = TimeZone::get("Asia/Kathmandu").unwrap();
        let local = datetime(2026, 3, 2, 8, 0, 3, 0);
        assert_eq!(instant(local, None, Some(&zone)).to_string(), "2026-03-02T02:15:03Z");
        assert_eq!(instant(local, Some(28_800), Some(&zone)).to_string(), "2026-03-02T00:00:03Z");
        assert_eq!(instant(local, None, None).to_string(), "2026-03-02T08:00:03Z");
    }

    #[test]
    fn skipped_and_repeated_times_have_an_instant() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(
            instant(datetime(2026, 3, 29, 2, 30, 0, 0), None, Some(&zone)).to_string(),
            "2026-03-29T01:30:00Z",
            "shown as 03:30 summer time"
        );
        assert_eq!(
            instant(datetime(2026, 10, 25, 2, 30, 0, 0), None, Some(&zone)).to_string(),
            "2026-10-25T00:30:00Z",
            "the first of the two"
        );
    }

    #[test]
    fn the_end_of_the_calendar_has_an_instant() {
        let far_west = TimeZone::fixed(Offset::constant(-12));
        assert_eq!(instant(datetime(9999, 12, 31, 23, 59, 59, 0), None, Some(&far_west)), Timestamp::MAX);
    }

    #[test]
    fn text_sorts_as_time() {
        assert_eq!(WallClock(datetime(2026, 3, 2, 8, 0, 3, 0)).to_string(), "2026-03-02T08:00:03");
    }
}
