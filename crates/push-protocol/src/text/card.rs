//! RFID cards: a number on the inside, three spellings on the wire (ATT5.8 §9.4, FWSRC).

use super::TextError;

/// An RFID card number: 1 to 2^63 − 1. Equal numbers are the same card, however they were spelt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Card(u64);

/// How a terminal wants a card number to be written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CardForm {
    /// `Card=123456789`
    Decimal,
    /// `Card=[15CD5B0700]`: five bytes in hexadecimal, low byte first (FWSRC takes no other form).
    Bracket,
}

/// Bytes of a card in the bracket form.
const BRACKET_BYTES: usize = 5;

impl Card {
    /// Fails with [`TextError::CardZero`] or [`TextError::CardTooWide`].
    pub fn new(number: u64) -> Result<Card, TextError> {
        match number {
            0 => Err(TextError::CardZero),
            1..=0x7FFF_FFFF_FFFF_FFFF => Ok(Card(number)),
            _ => Err(TextError::CardTooWide),
        }
    }

    /// Reads what a person typed: decimal digits (leading zeros allowed), or hexadecimal, high byte first, with a letter
    /// or `0x`. Blanks around it are ignored.
    pub fn parse(text: &str) -> Result<Card, TextError> {
        let text = text.trim();
        let prefixed = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let digits = prefixed.unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(TextError::CardSpelling);
        }
        let is_hexadecimal = prefixed.is_some() || digits.bytes().any(|byte| byte.is_ascii_alphabetic());
        // Digits were checked, so the only error left is a number beyond 64 bits.
        let number = u64::from_str_radix(digits, if is_hexadecimal { 16 } else { 10 });
        Card::new(number.map_err(|_| TextError::CardTooWide)?)
    }

    /// Reads what a terminal wrote: decimal, or hexadecimal in brackets with the low byte first, of any length. `None` for
    /// no card (`""`, `0`, `[0000000000]`) and for what cannot be read.
    pub fn from_wire(text: &str) -> Option<Card> {
        let text = text.trim();
        let number = match CardForm::of_wire(text)? {
            CardForm::Decimal => text.parse().ok()?,
            CardForm::Bracket => low_byte_first(text.trim_start_matches('[').trim_end_matches(']'))?,
        };
        Card::new(number).ok()
    }

    pub fn number(self) -> u64 {
        self.0
    }

    /// Fails with [`TextError::CardTooWideForBracket`] for more than 40 bits in the bracket form.
    pub fn to_wire(self, form: CardForm) -> Result<String, TextError> {
        match form {
            CardForm::Decimal => Ok(self.0.to_string()),
            CardForm::Bracket if self.0 >> (8 * BRACKET_BYTES) != 0 => Err(TextError::CardTooWideForBracket),
            CardForm::Bracket => {
                // Swapped end for end, the five low bytes are the first ten digits.
                let digits = format!("{:016X}", self.0.swap_bytes());
                Ok(format!("[{}]", &digits[..2 * BRACKET_BYTES]))
            }
        }
    }
}

impl CardForm {
    /// The form in which a terminal wrote a card, also one that is empty (`0`, `[0000000000]`); `None` when the text shows
    /// no form. What a terminal writes it also reads.
    pub fn of_wire(text: &str) -> Option<CardForm> {
        let text = text.trim();
        if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let is_bytes = !inside.is_empty() && inside.len() % 2 == 0;
            return (is_bytes && inside.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(CardForm::Bracket);
        }
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(CardForm::Decimal)
    }

    /// What clears a card. The bracket form must be spelt out: the legacy client reads a card only from twelve characters
    /// (FWSRC), and what it does with none at all is not known.
    pub fn no_card(self) -> &'static str {
        match self {
            CardForm::Decimal => "",
            CardForm::Bracket => "[0000000000]",
        }
    }
}

/// Pairs of hexadecimal digits, low byte first; `None` beyond 64 bits.
fn low_byte_first(digits: &str) -> Option<u64> {
    let digits = digits.as_bytes();
    let mut number = 0_u64;
    for (position, pair) in digits.chunks_exact(2).enumerate() {
        let byte =
            pair.iter().try_fold(0, |byte, digit| Some(byte * 16 + u64::from(char::from(*digit).to_digit(16)?)))?;
        match position {
            0..8 => number |= byte << (8 * position),
            _ if byte == 0 => {}
            _ => return None,
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(number: u64) -> Card {
        Card::new(number).unwrap()
    }

    #[test]
    fn one_card_has_many_spellings() {
        for spelling in ["123456789", " 0123456789 ", "0x75bcd15", "0X075BCD15", "75BCD15"] {
            assert_eq!(Card::parse(spelling), Ok(card(123_456_789)), "{spelling}");
        }
        for spelling in ["123456789", "0123456789", "[15CD5B07]", "[15cd5b0700]", "[15CD5B07000000000000]"] {
            assert_eq!(Card::from_wire(spelling), Some(card(123_456_789)), "{spelling}");
        }
    }

    #[test]
    fn digits_alone_are_decimal() {
        assert_eq!(Card::parse("10"), Ok(card(10)));
        assert_eq!(Card::parse("0x10"), Ok(card(16)));
    }

    #[test]
    fn what_a_person_typed_is_refused_with_the_reason() {
        assert_eq!(Card::parse("0"), Err(TextError::CardZero));
        assert_eq!(Card::parse("0x0"), Err(TextError::CardZero));
        assert_eq!(Card::parse("9223372036854775807"), Ok(card(i64::MAX.unsigned_abs())));
        for wide in ["9223372036854775808", "18446744073709551616", "0xFFFFFFFFFFFFFFFFFF", &"9".repeat(80)] {
            assert_eq!(Card::parse(wide), Err(TextError::CardTooWide), "{wide}");
        }
        for wrong in ["", " ", "0x", "12 34", "12-34", "-5", "+5", "G1", "[15CD5B07]", "١٢"] {
            assert_eq!(Card::parse(wrong), Err(TextError::CardSpelling), "{wrong}");
        }
    }

    #[test]
    fn no_card_and_nonsense_are_none() {
        for nothing in
            ["", "0", "0000000000", "[0000000000]", "[]", "[15CD5B0]", "[15CD", "75BCD15", "[FFFFFFFFFFFFFFFFFF]"]
        {
            assert_eq!(Card::from_wire(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn forty_bits_fit_into_brackets() {
        assert_eq!(card(123_456_789).to_wire(CardForm::Bracket).unwrap(), "[15CD5B0700]");
        assert_eq!(card((1 << 40) - 1).to_wire(CardForm::Bracket).unwrap(), "[FFFFFFFFFF]");
        assert_eq!(card(1 << 40).to_wire(CardForm::Bracket), Err(TextError::CardTooWideForBracket));
        assert_eq!(card(1 << 40).to_wire(CardForm::Decimal).unwrap(), "1099511627776");
    }

    #[test]
    fn a_spelling_shows_its_form() {
        assert_eq!(CardForm::of_wire("0"), Some(CardForm::Decimal));
        assert_eq!(CardForm::of_wire("[0000000000]"), Some(CardForm::Bracket));
        assert_eq!(CardForm::of_wire(""), None);
        assert_eq!(CardForm::of_wire("[]"), None);
    }
}
