//! Serial numbers, PINs, names, cards and character sets: the values that must be right before they reach a terminal.

use std::fmt;

mod card;
mod charset;
mod name;

pub use card::{Card, CardForm};
pub use charset::Charset;
pub use name::{NAME_BYTES, Name, clean_name};

/// The serial number of a terminal: 1 to 32 ASCII letters, digits, `-` or `_`, as printed on its label.
///
/// Terminals do not sign it; whoever knows it can speak in its name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SerialNumber(String);

/// The text under which a terminal knows a person: 1 to 24 ASCII letters or digits (FWSRC: buffers hold 24 bytes).
///
/// Never a number on the wire: leading zeros and letters exist, and values above 2^31 are ordinary. Compared as text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Pin(String);

/// Why a text was refused; the message is for a person.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TextError {
    #[error("a serial number has 1 to 32 letters, digits, '-' or '_'")]
    SerialNumber,
    #[error("a PIN has 1 to 24 letters or digits")]
    Pin,
    #[error("nothing is left of the name once control characters and blanks are removed")]
    NameEmpty,
    #[error("the terminal's character set has none of its characters")]
    NameUnknown,
    #[error("a card number is decimal digits, or hexadecimal with a letter or a leading 0x")]
    CardSpelling,
    #[error("card 0 means \"no card\"")]
    CardZero,
    #[error("a card number has at most 63 bits")]
    CardTooWide,
    #[error("this terminal takes card numbers of at most 40 bits")]
    CardTooWideForBracket,
}

impl SerialNumber {
    /// Takes the text as it is; blanks around it are an error. Fails with [`TextError::SerialNumber`].
    pub fn parse(text: &str) -> Result<SerialNumber, TextError> {
        let fits = (1..=32).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            Ok(SerialNumber(text.to_owned()))
        } else {
            Err(TextError::SerialNumber)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Pin {
    /// Takes the text as it is; blanks around it are an error. Fails with [`TextError::Pin`].
    pub fn parse(text: &str) -> Result<Pin, TextError> {
        if (1..=24).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Pin(text.to_owned()))
        } else {
            Err(TextError::Pin)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<u32> for Pin {
    fn from(number: u32) -> Pin {
        Pin(number.to_string())
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_what_a_label_shows() {
        assert_eq!(SerialNumber::parse("CJX9253300417").unwrap().as_str(), "CJX9253300417");
        for wrong in ["", " CJX", "CJX\n", "../etc", &"9".repeat(33), "ÇJX"] {
            assert_eq!(SerialNumber::parse(wrong), Err(TextError::SerialNumber), "{wrong:?}");
        }
    }

    #[test]
    fn pins_are_text() {
        for right in ["7", "0007", "OMN906", "4294967301", &"9".repeat(24)] {
            assert_eq!(Pin::parse(right).unwrap().as_str(), right);
        }
        for wrong in ["", "1 2", "1\tName=x", "-1", "٣", &"9".repeat(25)] {
            assert_eq!(Pin::parse(wrong), Err(TextError::Pin), "{wrong:?}");
        }
    }
}
