//! Names as people type them: of students, classes, sections and schools.

use unicode_normalization::UnicodeNormalization;

/// A name longer than this was a mistake.
const LONGEST: usize = 200;

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    #[error("nothing is left of the name once control characters and blanks are removed")]
    Empty,
    #[error("a name has at most {LONGEST} characters")]
    Long,
}

/// The name as it is stored: control characters and runs of blanks become one blank, none at the ends, marks of writing
/// direction are dropped, composed (NFC). It is not cut to what a terminal holds; that happens on the way to the terminal.
pub fn clean(text: &str) -> Result<String, Error> {
    let visible = text.nfc().filter(|&c| !is_direction(c));
    let blanked = visible.map(|c| if c.is_control() || c == ZERO_WIDTH_SPACE { ' ' } else { c }).collect::<String>();
    let name = blanked.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().all(|c| c == ' ' || is_joiner(c)) {
        return Err(Error::Empty);
    }
    if name.chars().count() > LONGEST {
        return Err(Error::Long);
    }
    Ok(name)
}

const ZERO_WIDTH_SPACE: char = '\u{200B}';

/// Marks and embeddings that turn the direction of what follows, the byte order mark among them.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Invisible, and needed inside words of Persian and of the scripts of India.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_letters_and_lose_what_nobody_sees() {
        assert_eq!(clean("  Zo\u{65}\u{308}\tvan\r\nDam "), Ok("Zoë van Dam".to_owned()));
        assert_eq!(clean("\u{202B}ليلى\u{202C}  \u{200F}حدّاد"), Ok("ليلى حدّاد".to_owned()));
        assert_eq!(clean("علی\u{200C}رضا"), Ok("علی\u{200C}رضا".to_owned()));
        assert_eq!(clean("김\u{200B}하늘"), Ok("김 하늘".to_owned()));
    }

    #[test]
    fn a_name_of_nothing_is_refused() {
        for text in ["", " \t\r\n", "\u{7}\u{0}", "\u{FEFF}\u{200D}"] {
            assert_eq!(clean(text), Err(Error::Empty), "{text:?}");
        }
        assert_eq!(clean(&"a".repeat(201)), Err(Error::Long));
    }
}
