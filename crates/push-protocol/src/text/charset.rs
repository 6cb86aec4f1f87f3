//! Character sets of terminals (ATT5.8 §1, ADMS2010).

use std::{borrow::Cow, str};

use encoding_rs::{GB18030, WINDOWS_1252};

use super::name::NAME_BYTES;

/// The character set in which a terminal reads and writes names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Charset {
    Utf8,
    /// Terminals that announce `language=83`.
    Gb18030,
}

impl Charset {
    /// The set that belongs to the `language` a terminal announces: 83 is GB18030, everything else UTF-8.
    pub fn of_language(language: Option<u32>) -> Charset {
        if language == Some(83) { Charset::Gb18030 } else { Charset::Utf8 }
    }

    /// Characters that the set cannot hold become `?`.
    pub fn encode(self, text: &str) -> Cow<'_, [u8]> {
        match self {
            Charset::Utf8 => Cow::Borrowed(text.as_bytes()),
            Charset::Gb18030 => {
                let (bytes, _, some_cannot) = GB18030.encode(text);
                if some_cannot {
                    // The encoder would write `&#58853;`; a name on a screen is better off with one mark.
                    let held = text.chars().map(|character| if self.holds(character) { character } else { '?' });
                    let held: String = held.collect();
                    Cow::Owned(GB18030.encode(&held).0.into_owned())
                } else {
                    bytes
                }
            }
        }
    }

    /// UTF-8 if the bytes are that, else GB18030 if this terminal uses it, else Windows-1252 without loss. Never fails.
    ///
    /// A few names in GB18030 are by chance UTF-8 too and are then read as that; see [`super::Name::as_read_back`].
    pub fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        self.decode_whole(bytes).unwrap_or_else(|| WINDOWS_1252.decode_without_bom_handling(bytes).0)
    }

    /// As [`Charset::decode`], but of a name that the terminal cut inside a character, the undamaged beginning; and
    /// whether it was cut (terminals count bytes, not characters).
    pub(crate) fn decode_name(self, bytes: &[u8]) -> (Cow<'_, str>, bool) {
        if let Some(whole) = self.decode_whole(bytes) {
            return (whole, false);
        }
        if let Err(error) = str::from_utf8(bytes) {
            let (kept, cut) = bytes.split_at(error.valid_up_to());
            // One stray byte after plain ASCII is more likely the last letter of a name in Latin-1, unless the name is
            // as long as the field.
            let was_utf8 = !kept.is_ascii() || cut.len() > 1 || bytes.len() + 1 >= NAME_BYTES;
            if error.error_len().is_none() && was_utf8 {
                return (String::from_utf8_lossy(kept), true);
            }
        }
        if self == Charset::Gb18030 {
            let mut shorter = (1..=3).filter_map(|cut| bytes.get(..bytes.len().checked_sub(cut)?));
            if let Some(kept) = shorter.find_map(|kept| self.decode_whole(kept)) {
                return (kept, true);
            }
        }
        (self.decode(bytes), false)
    }

    /// Bytes of one character.
    pub(super) fn width(self, character: char) -> usize {
        self.encode(character.encode_utf8(&mut [0; 4])).len()
    }

    pub(super) fn holds(self, character: char) -> bool {
        match self {
            Charset::Utf8 => true,
            Charset::Gb18030 => !GB18030.encode(character.encode_utf8(&mut [0; 4])).2,
        }
    }

    fn decode_whole(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        if let Ok(text) = str::from_utf8(bytes) {
            return Some(Cow::Borrowed(text));
        }
        match self {
            Charset::Utf8 => None,
            Charset::Gb18030 => GB18030.decode_without_bom_handling_and_without_replacement(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_terminals_announce_language_83() {
        assert_eq!(Charset::of_language(Some(83)), Charset::Gb18030);
        assert_eq!(Charset::of_language(Some(69)), Charset::Utf8);
        assert_eq!(Charset::of_language(None), Charset::Utf8);
    }

    #[test]
    fn decodes_utf8_then_gb18030_then_windows_1252() {
        let gb = Charset::Gb18030.encode("李小明");
        assert_eq!(Charset::Gb18030.decode(&gb), "李小明");
        assert_eq!(Charset::Gb18030.decode("李小明".as_bytes()), "李小明");
        assert_eq!(Charset::Utf8.decode(&gb), "ÀîÐ¡Ã÷");
        assert_eq!(Charset::Utf8.decode(b"Andr\xE9"), "André");
        assert_eq!(Charset::Gb18030.decode(b"\xFF"), "ÿ");
    }

    #[test]
    fn what_the_set_cannot_hold_becomes_a_mark() {
        assert_eq!(Charset::Gb18030.encode("a\u{E5E5}b").as_ref(), b"a?b");
    }

    #[test]
    fn a_name_cut_inside_a_character_keeps_its_beginning() {
        let read = |charset: Charset, bytes: &[u8]| {
            let (name, damaged) = charset.decode_name(bytes);
            (name.into_owned(), damaged)
        };
        assert_eq!(read(Charset::Utf8, "Ayşe".as_bytes()), ("Ayşe".to_owned(), false));
        assert_eq!(read(Charset::Utf8, "Ελένη\u{3A9}".as_bytes().split_last().unwrap().1), ("Ελένη".to_owned(), true));
        assert_eq!(read(Charset::Utf8, b"Andr\xE9"), ("André".to_owned(), false));
        assert_eq!(read(Charset::Utf8, b"Maria Fernanda da Silva\xC3"), ("Maria Fernanda da Silva".to_owned(), true));
        assert_eq!(read(Charset::Gb18030, b"\xC0\xEE\xD0"), ("李".to_owned(), true));
        assert_eq!(read(Charset::Utf8, b""), (String::new(), false));
    }
}
