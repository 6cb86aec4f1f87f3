//! What a terminal says it can hold (ATT5.8 §6, VAMS, s0x90).

/// Limits as options, the `INFO` command and the registration of an access unit tell them.
///
/// ```
/// use push_protocol::{fields::Fields, limits::Limits};
///
/// let told = Fields::commas(b"UserCount=7,~MaxUserCount=30,~PIN2Width=9");
/// let limits = Limits::told(|key| told.number(key));
/// assert_eq!((limits.people, limits.pin_digits), (Some(3_000), Some(9)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Limits {
    /// People that fit. Read so that it may be too high and not too low: a terminal that has less room says so itself, and
    /// one that has more would be kept from people who fit.
    pub people: Option<u32>,
    /// Digits of a PIN: `~PIN2Width`, where "PIN2" is the number that people see.
    pub pin_digits: Option<u8>,
}

/// More than any terminal holds: what is given as so many hundreds was not meant in hundreds.
const MOST_PEOPLE: u32 = 1_000_000;
/// No buffer for a PIN is longer (FWSRC).
const MOST_DIGITS: u8 = 24;

impl Limits {
    /// Takes the limits out of `Key=Value` pairs. `value` answers the number that stands behind a key.
    ///
    /// `MaxUserCount` is in people (s0x90: 6000). `~MaxUserCount` is in hundreds: VAMS printed 30 on a unit that holds 3,000
    /// faces. Limits of punches, fingerprints and photos are told in units that differ by model, and are not read.
    pub fn told(value: impl Fn(&str) -> Option<i64>) -> Limits {
        let number = |key: &str| value(key).and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
        let digits = |key: &str| number(key).and_then(|number| u8::try_from(number).ok());
        Limits {
            people: number("MaxUserCount").or_else(|| number("~MaxUserCount").map(hundreds)),
            pin_digits: digits("~PIN2Width").or_else(|| digits("PIN2Width")).filter(|digits| *digits <= MOST_DIGITS),
        }
    }

    pub fn is_empty(self) -> bool {
        self == Limits::default()
    }
}

fn hundreds(number: u32) -> u32 {
    number.checked_mul(100).filter(|people| *people < MOST_PEOPLE).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;

    fn told(line: &str) -> Limits {
        let fields = Fields::commas(line.as_bytes());
        Limits::told(|key| fields.number(key))
    }

    #[test]
    fn people_are_counted_in_ones_or_in_hundreds() {
        for (line, people) in [
            ("~MaxUserCount=30", Some(3_000)),
            ("~MaxUserCount=100", Some(10_000)),
            ("MaxUserCount=6000", Some(6_000)),
            ("~MaxUserCount=60,MaxUserCount=6000", Some(6_000)),
            // A million people fit nowhere: it is meant as it stands.
            ("~MaxUserCount=10000", Some(10_000)),
            ("~MaxUserCount=4294967295", Some(u32::MAX)),
        ] {
            assert_eq!(told(line).people, people, "{line}");
        }
    }

    #[test]
    fn what_says_nothing_is_no_limit() {
        for line in ["", "~MaxUserCount=0", "MaxUserCount=", "MaxUserCount=-1", "MaxUserCount=many", "~PIN2Width=0"] {
            assert!(told(line).is_empty(), "{line}");
        }
        assert_eq!(told("~PIN2Width=9").pin_digits, Some(9));
        for wide in ["~PIN2Width=25", "~PIN2Width=300"] {
            assert_eq!(told(wide).pin_digits, None, "{wide}");
        }
    }

    /// They are told in units that nobody wrote down.
    #[test]
    fn other_maxima_are_not_people() {
        assert!(told("~MaxAttLogCount=10,~MaxFingerCount=30,~MaxFaceCount=3000,MaxUserPhotoCount=500").is_empty());
    }
}
