//! Serial numbers, PINs, names, cards and character sets: the values that must be right before they reach a terminal.

use std::{borrow::Cow, fmt};

/// The serial number of a terminal: 1 to 32 ASCII letters, digits, `-` or `_`, as printed on its label.
///
/// Terminals do not sign it; whoever knows it can speak in its name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SerialNumber(String);

/// The text under which a terminal knows a person: 1 to 24 visible ASCII letters or digits (§7.2: buffers hold 24 bytes).
///
/// Never a number on the wire: leading zeros and letters exist, and values above 2^31 are ordinary.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Pin(String);

/// A name that a terminal can hold: no control characters, not blank, at most 24 bytes in the terminal's character set.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Name(String);

/// An RFID card number: 1 to 2^63 − 1. Equal numbers are the same card, however they were spelt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Card(u64);

/// How a terminal wants a card number to be written (§7.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CardForm {
    /// `Card=123456789`
    Decimal,
    /// `Card=[15CD5B0700]`: five bytes in hexadecimal, low byte first.
    Bracket,
}

/// The character set in which a terminal reads and writes names (§1.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Charset {
    Utf8,
    /// Terminals that announce `language=83`.
    Gb18030,
}

/// Why a text was refused; the message is for a person.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TextError {
    #[error("a serial number has 1 to 32 letters, digits, '-' or '_'")]
    SerialNumber,
    #[error("a PIN has 1 to 24 letters or digits")]
    Pin,
    #[error("nothing is left of the name once control characters and blanks are removed")]
    NameEmpty,
    #[error("a card number is decimal digits, or hexadecimal with a letter or a leading 0x")]
    CardSpelling,
    #[error("card 0 means \"no card\"")]
    CardZero,
    #[error("a card number has at most 63 bits")]
    CardTooWide,
    #[error("this terminal takes card numbers of at most 40 bits")]
    CardTooWideForBracket,
}

/// Bytes of a name field in the firmware's record (§1.5, §7.2).
pub const NAME_BYTES: usize = 24;

impl SerialNumber {
    pub fn parse(text: &str) -> Result<SerialNumber, TextError> {
        todo!()
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Pin {
    pub fn parse(text: &str) -> Result<Pin, TextError> {
        todo!()
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

impl Name {
    /// Cleans a name (control characters become one blank, runs of blanks one, ends trimmed, NFC) and cuts it at a
    /// character boundary so that it has at most [`NAME_BYTES`] bytes in `charset`. Characters that the set cannot hold
    /// become `?`. Fails only when nothing is left.
    pub fn fit(text: &str, charset: Charset) -> Result<Name, TextError> {
        todo!()
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Card {
    pub fn new(number: u64) -> Result<Card, TextError> {
        todo!()
    }
    /// Reads what a person typed: decimal digits (leading zeros allowed), or hexadecimal with a letter or `0x`.
    pub fn parse(text: &str) -> Result<Card, TextError> {
        todo!()
    }
    /// Reads what a terminal wrote in any of the forms of §7.3; `None` for no card (`""`, `0`, `[0000000000]`) and for
    /// what cannot be read.
    pub fn from_wire(text: &str) -> Option<Card> {
        todo!()
    }
    pub fn number(self) -> u64 {
        self.0
    }
    pub fn to_wire(self, form: CardForm) -> Result<String, TextError> {
        todo!()
    }
}

impl Charset {
    /// The set that belongs to the `language` a terminal announces: 83 is GB18030, everything else UTF-8.
    pub fn of_language(language: Option<u32>) -> Charset {
        todo!()
    }
    pub fn encode(self, text: &str) -> Cow<'_, [u8]> {
        todo!()
    }
    /// UTF-8 if the bytes are that, else GB18030 if this terminal uses it, else Windows-1252 without loss (§1.5). Never fails.
    pub fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        todo!()
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
