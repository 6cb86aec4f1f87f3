//! Small things of the wire, read the way C firmware reads them.

use jiff::civil::DateTime;

/// C's `atoi`: an optional sign and digits after blanks; anything else is 0 (FWSRC).
pub(super) fn atoi(bytes: &[u8]) -> i64 {
    let bytes = bytes.trim_ascii_start();
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let number = digits
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .fold(0_i64, |number, b| number.saturating_mul(10).saturating_add(i64::from(b - b'0')));
    if negative { -number } else { number }
}

/// A span of seconds or minutes: at least 1, at most a day's seconds; `None` for what `atoi` makes 0 of.
pub(super) fn span(bytes: &[u8]) -> Option<u32> {
    u32::try_from(atoi(bytes).min(86_400)).ok().filter(|&span| span > 0)
}

/// The non-empty lines that CR or LF ends; what stands behind the last end is never looked at (FWSRC).
pub(super) fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = body.iter().rposition(|&b| b == b'\n' || b == b'\r').unwrap_or(0);
    body[..end].split(|&b| b == b'\n' || b == b'\r').filter(|line| !line.is_empty())
}

/// `YYYY-MM-DD HH:MM:SS`.
pub(super) fn stamp(time: DateTime) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Letters that look like base64 and are always the same for the same person.
pub(super) fn template(seed: u64, pin: &str, letters: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = pin.bytes().fold(seed | 1, |state, b| (state ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (0..letters)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(ALPHABET[usize::try_from(state >> 58).unwrap_or(0)])
        })
        .collect()
}
