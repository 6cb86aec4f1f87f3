//! `Key=Value` pairs as they stand on the wire: split at TAB (or at `,` in option lists), then at the first `=`; keys
//! compare without case; unknown keys are kept (ATT5.8 §9, SEC4.8 §10).

use std::borrow::Cow;

use crate::text::Charset;

/// The pairs of one record, in the order received. Values are bytes: a name may be in any character set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields<'a>(Vec<(&'a [u8], &'a [u8])>);

/// Pairs that are read of a record or a list. The longest known list has some two hundred; a megabyte of commas is none.
const MOST: usize = 10_000;

impl<'a> Fields<'a> {
    /// Pairs joined by TAB. A part without `=` is a key with an empty value; empty parts (a trailing TAB) are none.
    pub fn tabs(line: &'a [u8]) -> Fields<'a> {
        Fields(line.split(|byte| *byte == b'\t').filter_map(pair).take(MOST).collect())
    }

    /// Option lists joined by `,` (ATT5.8 §6): split only before a key, because values may hold commas. Lines are
    /// separate lists.
    pub fn commas(line: &'a [u8]) -> Fields<'a> {
        let lines = line.split(|byte| matches!(byte, b'\r' | b'\n'));
        Fields(lines.flat_map(|line| before_keys(line, b',')).filter_map(pair).take(MOST).collect())
    }

    /// Pairs joined by blanks, as documents print them: split only before a key, because times hold a blank.
    pub(crate) fn blanks(line: &'a [u8]) -> Fields<'a> {
        Fields(before_keys(line, b' ').into_iter().filter_map(pair).collect())
    }

    /// The first value of a key, compared without case.
    pub fn bytes(&self, key: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(key.as_bytes())).map(|(_, value)| *value)
    }

    pub fn text(&self, key: &str, charset: Charset) -> Option<Cow<'a, str>> {
        self.bytes(key).map(|value| charset.decode(value))
    }

    /// A decimal number, a sign and blanks around it allowed; `None` when the key is absent or its value is no number.
    pub fn number(&self, key: &str) -> Option<i64> {
        number(self.bytes(key)?)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + '_ {
        self.0.iter().copied()
    }
}

/// A signed decimal number with blanks around it.
pub(crate) fn number(bytes: &[u8]) -> Option<i64> {
    str::from_utf8(bytes.trim_ascii()).ok()?.parse().ok()
}

/// Splits at the first `=`; `None` for nothing but blanks.
pub(crate) fn pair(part: &[u8]) -> Option<(&[u8], &[u8])> {
    if part.trim_ascii().is_empty() {
        return None;
    }
    let (key, value) = match part.iter().position(|byte| *byte == b'=') {
        Some(at) => (&part[..at], &part[at + 1..]),
        None => (part, &part[part.len()..]),
    };
    Some((key.trim_ascii(), value))
}

/// Whether a text starts like a pair: `~` or a letter, then at least one letter, digit or `_`, then `=`.
pub(crate) fn starts_with_key(text: &[u8]) -> bool {
    let Some((first, key)) = text.split_first() else { return false };
    let length = key.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    (*first == b'~' || first.is_ascii_alphabetic()) && length > 0 && key.get(length) == Some(&b'=')
}

/// Splits at every separator behind which a key follows.
fn before_keys(line: &[u8], separator: u8) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, byte) in line.iter().enumerate() {
        if parts.len() < MOST && *byte == separator && starts_with_key(&line[at + 1..]) {
            parts.push(&line[start..at]);
            start = at + 1;
        }
    }
    parts.push(&line[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fields: &Fields) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields.iter().map(|(key, value)| (text(key), text(value))).collect()
    }

    #[test]
    fn only_the_first_equals_sign_splits() {
        let fields = Fields::tabs(b"PIN=1051\tName=O'Brien = Test\tPasswd=\tflag\t");
        assert_eq!(fields.bytes("name"), Some(&b"O'Brien = Test"[..]));
        assert_eq!(fields.bytes("Passwd"), Some(&b""[..]));
        assert_eq!(fields.bytes("flag"), Some(&b""[..]));
        assert_eq!(fields.bytes("Card"), None);
        assert_eq!(fields.number("pin"), Some(1051));
        assert_eq!(fields.number("Passwd"), None);
        assert_eq!(shown(&fields).len(), 4);
    }

    #[test]
    fn the_first_of_repeated_keys_counts() {
        assert_eq!(Fields::tabs(b"PIN=1\tpin=2").number("Pin"), Some(1));
    }

    #[test]
    fn commas_inside_values_stay() {
        let fields = Fields::commas(b"~OEMVendor=ACME, Inc.,UserCount=7,TransTimes=00:00;14:05, ~Platform=x\r\n");
        assert_eq!(fields.text("~OEMVendor", Charset::Utf8).as_deref(), Some("ACME, Inc."));
        assert_eq!(fields.number("UserCount"), Some(7));
        assert_eq!(fields.bytes("TransTimes"), Some(&b"00:00;14:05, ~Platform=x"[..]));
        assert_eq!(shown(&Fields::commas(b"")), []);
    }
}
