//! Names, cleaned and fitted before they are queued: nothing can be escaped on the wire, so a TAB would end the field and
//! a line end the command (MAN3.2 §7, FWSRC).

use std::borrow::Cow;

use unicode_normalization::{
    UnicodeNormalization,
    char::{canonical_combining_class, is_combining_mark},
};

use super::{Charset, TextError};

/// A name that a terminal can hold: no control characters, not blank, at most 24 bytes in the terminal's character set.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Name(String);

/// Bytes of a name field in the firmware's record (ATT5.8 §9.4).
pub const NAME_BYTES: usize = 24;

impl Name {
    /// Cleans a name and cuts it so that it has at most [`NAME_BYTES`] bytes in `charset`. Fitting twice changes nothing.
    ///
    /// Control characters and line separators become one blank, runs of blanks one, the ends are trimmed; characters that
    /// only steer the display (direction marks, byte order mark, zero-width blanks) vanish; the rest is NFC. It is cut
    /// where a reader would, so that no letter loses its accent, unless one such letter alone is too long. Characters that
    /// the set cannot hold become `?`. Fails with [`TextError::NameEmpty`] when nothing is left, with
    /// [`TextError::NameUnknown`] when nothing but such marks is.
    pub fn fit(text: &str, charset: Charset) -> Result<Name, TextError> {
        let clean = clean(text, charset);
        let fitted = trim(cut(&clean, charset));
        if fitted.is_empty() {
            return Err(TextError::NameEmpty);
        }
        let tells_nothing = fitted.chars().all(|character| matches!(character, '?' | ' '));
        if tells_nothing && !text.chars().all(|character| charset.holds(character)) {
            return Err(TextError::NameUnknown);
        }
        Ok(Name(fitted.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What [`Charset::decode`] makes of this name when the terminal sends it back unchanged: compare readings with this.
    ///
    /// It differs from the name where GB18030 is by chance UTF-8 too: 毛 is `C3 AB`, which is also `ë`.
    pub fn as_read_back(&self, charset: Charset) -> Cow<'_, str> {
        match charset {
            Charset::Utf8 => Cow::Borrowed(&self.0),
            Charset::Gb18030 => Cow::Owned(charset.decode(&charset.encode(&self.0)).into_owned()),
        }
    }
}

/// A name cleaned as [`Name::fit`] does and not cut: how to store one that a person typed. Fails with
/// [`TextError::NameEmpty`] when nothing is left.
pub fn clean_name(text: &str) -> Result<String, TextError> {
    match trim(&clean(text, Charset::Utf8)) {
        "" => Err(TextError::NameEmpty),
        name => Ok(name.to_owned()),
    }
}

fn clean(text: &str, charset: Charset) -> String {
    let kept = text.chars().filter(|character| !is_display_control(*character)).map(|character| match character {
        _ if is_blank(character) => ' ',
        _ if charset.holds(character) => character,
        _ => '?',
    });
    let mut clean = String::with_capacity(text.len());
    for character in kept.nfc() {
        if character != ' ' || !(clean.is_empty() || clean.ends_with(' ')) {
            clean.push(character);
        }
    }
    clean
}

/// The longest beginning that fits, ended between two characters as a reader sees them.
fn cut(text: &str, charset: Charset) -> &str {
    let mut bytes = 0;
    let mut last_start = 0;
    let mut previous = None;
    for (at, character) in text.char_indices() {
        if !belongs_to(previous, character) {
            last_start = at;
        }
        bytes += charset.width(character);
        if bytes > NAME_BYTES {
            // A single character with more marks than fit is cut inside: half of it is better than no name.
            return &text[..if last_start > 0 { last_start } else { at }];
        }
        previous = Some(character);
    }
    text
}

/// Joiners mean something only between two letters.
fn trim(text: &str) -> &str {
    text.trim_matches(|character| character == ' ' || is_joiner(character))
}

/// Whether a character forms one visible sign with the one before it.
fn belongs_to(previous: Option<char>, character: char) -> bool {
    let joined = |previous: char| is_joiner(previous) || canonical_combining_class(previous) == VIRAMA;
    is_combining_mark(character)
        || is_joiner(character)
        || matches!(character, '\u{1F3FB}'..='\u{1F3FF}')
        || previous.is_some_and(joined)
}

/// Combining class of the signs that melt two Indic consonants into one.
const VIRAMA: u8 = 9;

fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200C}' | '\u{200D}')
}

/// Control characters, all of Unicode's blanks and the letters that look like one.
fn is_blank(character: char) -> bool {
    character.is_control() || character.is_whitespace() || matches!(character, '\u{2800}' | '\u{3164}' | '\u{FFA0}')
}

/// Invisible characters that only steer the display. The joiners are not among them: Persian and Indic names need them.
fn is_display_control(character: char) -> bool {
    matches!(character,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(text: &str) -> String {
        Name::fit(text, Charset::Utf8).unwrap().as_str().to_owned()
    }

    #[test]
    fn names_of_any_script_stay_as_they_are() {
        for name in
            ["Ayşe Demir", "Jonas Weber", "李小明", "Αικατερίνη", "فاطمه", "O'Brien = Test", "Nguyễn Ánh", "कमल"]
        {
            assert_eq!(fit(name), name);
        }
    }

    #[test]
    fn a_stored_name_is_clean_and_whole() {
        let long = "  Wolfeschlegelsteinhausen\tbergerdorff \u{200B}";
        assert_eq!(clean_name(long).unwrap(), "Wolfeschlegelsteinhausen bergerdorff");
        assert_eq!(clean_name("\r\n\u{200D}"), Err(TextError::NameEmpty));
    }

    #[test]
    fn control_characters_cannot_reach_the_wire() {
        assert_eq!(fit("Eve\nC:9:CLEAR DATA"), "Eve C:9:CLEAR DATA");
        assert_eq!(fit("\tEve\0\r\n\u{85}\u{2028} Adams\u{7F}"), "Eve Adams");
        assert_eq!(fit("\u{FEFF}\u{202E}Eve\u{202C}\u{200B}"), "Eve");
        assert_eq!(fit("Eve\u{A0}\u{3000}Adams"), "Eve Adams");
    }

    #[test]
    fn nothing_left_is_refused() {
        for empty in ["", "  ", "\t\r\n", "\u{200D}\u{200C}", "\u{202E}", "\u{3164}"] {
            assert_eq!(Name::fit(empty, Charset::Utf8), Err(TextError::NameEmpty), "{empty:?}");
        }
    }

    #[test]
    fn decomposed_and_composed_names_are_one() {
        assert_eq!(fit("Jose\u{301}"), "José");
        // An invisible character between letter and accent does not keep them apart.
        assert_eq!(fit("Jose\u{200B}\u{301}"), "José");
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(fit("Konstantinos Papadopoulos"), "Konstantinos Papadopoulo");
        assert_eq!(fit("Αικατερίνη Οικονόμου"), "Αικατερίνη Ο");
        assert_eq!(fit("Maria Fernanda da Silva Souza"), "Maria Fernanda da Silva");
        assert_eq!(fit(&"李".repeat(9)), "李".repeat(8));
    }

    #[test]
    fn a_cut_takes_no_accent_from_its_letter() {
        // 23 letters, then a letter whose mark has no composed form: both go.
        let long = format!("{}x\u{323}", "a".repeat(23));
        assert_eq!(fit(&long), "a".repeat(23));
        // A joiner left at the end would be an orphan.
        let joined = format!("{}\u{915}\u{94D}\u{200D}\u{937}", "a".repeat(15));
        assert_eq!(fit(&joined), "a".repeat(15));
        // More marks than fit on one letter: cut inside.
        let marks = format!("x{}", "\u{323}".repeat(30));
        assert_eq!(fit(&marks), format!("x{}", "\u{323}".repeat(11)));
    }

    #[test]
    fn bytes_count_in_the_terminals_set() {
        let name = Name::fit(&"李".repeat(13), Charset::Gb18030).unwrap();
        assert_eq!(name.as_str(), "李".repeat(12));
        assert_eq!(Charset::Gb18030.encode(name.as_str()).len(), NAME_BYTES);
        assert_eq!(Name::fit("a\u{E5E5}", Charset::Gb18030).unwrap().as_str(), "a?");
    }

    #[test]
    fn a_name_of_which_only_marks_are_left_is_none() {
        let fit = |text: &str, charset| Name::fit(text, charset).map(|name| name.as_str().to_owned());
        let (stranger, many) = ("\u{E5E5} \u{E5E5}", "\u{E5E5}".repeat(24));
        assert_eq!(fit(stranger, Charset::Gb18030), Err(TextError::NameUnknown));
        assert_eq!(
            fit(&format!("{many}李"), Charset::Gb18030),
            Err(TextError::NameUnknown),
            "what could tell is cut off"
        );
        assert_eq!(fit(stranger, Charset::Utf8), Ok(stranger.to_owned()));
        assert_eq!(fit("\u{E5E5}李", Charset::Gb18030), Ok("?李".to_owned()));
        assert_eq!(fit("?", Charset::Gb18030), Ok("?".to_owned()), "as somebody typed it");
    }

    #[test]
    fn a_name_that_is_two_things_at_once_is_compared_as_it_is_read() {
        let name = Name::fit("毛", Charset::Gb18030).unwrap();
        assert_eq!(name.as_read_back(Charset::Gb18030), "ë");
        assert_eq!(name.as_read_back(Charset::Utf8), "毛");
    }
}
