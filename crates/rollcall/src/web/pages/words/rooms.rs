//! What the rooms say, in other languages.
//!
//! A room says in English why something is so, because that is what it stores (`error_message` in operators' SQL) and what
//! the API answers. The text is the stored form of its facts: which sentence, and what fills it. Each sentence stands here
//! once, as it is written there and as others say it, with its places in braces. A text is a sentence when it is that
//! sentence exactly, with something that fits in each place; so what fills it is found again, and put into the other
//! language. What is not in the table stays as it is, and is marked as English.
//!
//! A place called `n` or `m` takes a number, one called `said…` another sentence of the table, any other whatever is there.
//! See docs/decisions/sentences-of-rooms.md.

mod spanish;

use std::cell::Cell;

use super::Words;
use crate::web::pages::html::{Markup, escape};

/// A sentence in English and in another language.
#[derive(Clone, Copy, Debug)]
struct Sentence {
    english: &'static str,
    other: &'static str,
}

/// The sentences of one language.
#[derive(Clone, Copy, Debug)]
pub struct Rooms(&'static [Sentence]);

impl Rooms {
    pub(super) const EN: Rooms = Rooms(ENGLISH);
    pub(super) const ES: Rooms = Rooms(spanish::SENTENCES);

    pub(super) fn map(self, _: &dyn Fn(&'static str) -> &'static str) -> Rooms {
        self
    }

    #[cfg(test)]
    #[expect(clippy::unused_self, reason = "called as on every part of the table")]
    pub(super) fn texts(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}

impl Words {
    /// What a room said, in this language; `None` where it stays as it is.
    pub fn say(&self, said: &str) -> Option<String> {
        say(self.rooms.0, said)
    }

    /// The same as markup; what stays English is marked as such.
    pub fn said(&self, said: &str) -> Markup {
        self.said_as("", said)
    }

    /// The same with a class.
    pub fn said_as(&self, class: &str, said: &str) -> Markup {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        Markup(match self.say(said) {
            Some(text) => format!("<bdi{class}>{}</bdi>", escape(&text)),
            None => format!("<bdi{class} lang=\"en\">{}</bdi>", escape(said)),
        })
    }

    /// The same as a sentence that stands alone.
    pub fn sentence(&self, said: &str) -> Markup {
        let (lang, text) = match self.say(said) {
            Some(text) => ("", text),
            None => (" lang=\"en\"", said.to_owned()),
        };
        let mut letters = text.chars();
        let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
        let end = if text.ends_with(['.', '!', '?', '"']) { "" } else { "." };
        Markup(format!("<bdi{lang}>{}{}{end}</bdi>", escape(&first), escape(letters.as_str())))
    }

    /// What a room said, in this language as far as possible.
    pub fn say_or_keep(&self, said: &str) -> String {
        self.say(said).unwrap_or_else(|| said.to_owned())
    }
}

/// How much is tried before a text stays as it is. What somebody typed stands in some of them, and may look like many sentences.
const TRIES: u32 = 2_000;

/// What is left of the tries.
struct Fuel(Cell<u32>);

impl Fuel {
    fn spend(&self) -> Option<()> {
        self.0.set(self.0.get().checked_sub(1)?);
        Some(())
    }
}

fn say(sentences: &[Sentence], said: &str) -> Option<String> {
    say_several(sentences, said, &Fuel(Cell::new(TRIES)))
}

/// Several sentences may stand one behind the other.
fn say_several(sentences: &[Sentence], said: &str, fuel: &Fuel) -> Option<String> {
    if let Some(whole) = say_one(sentences, said, fuel) {
        return Some(whole);
    }
    ["; ", ", "].into_iter().find_map(|between| {
        said.match_indices(between).find_map(|(at, _)| {
            let one = say_one(sentences, &said[..at], fuel)?;
            let others = say_several(sentences, &said[at + between.len()..], fuel)?;
            Some(format!("{one}{between}{others}"))
        })
    })
}

fn say_one(sentences: &[Sentence], said: &str, fuel: &Fuel) -> Option<String> {
    fuel.spend()?;
    // Of several that fit the one that leaves least to its places.
    let found = sentences.iter().filter_map(|sentence| {
        let values = fill(sentences, sentence.english, said, fuel)?;
        Some((fixed(sentence.english), sentence, values))
    });
    let (_, sentence, values) = found.max_by_key(|(fixed, ..)| *fixed)?;
    Some(put(sentence.other, &values))
}

/// A sentence with something in its places.
fn put(sentence: &str, values: &[(&str, String)]) -> String {
    let mut parts = sentence.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        let value = values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        text + value + rest
    })
}

/// Letters that a sentence has of its own.
fn fixed(sentence: &str) -> usize {
    let mut depth = 0;
    sentence
        .chars()
        .filter(|letter| {
            depth += i32::from(*letter == '{') - i32::from(*letter == '}');
            depth == 0
        })
        .count()
}

/// What stands in the places of a sentence, if the text is that sentence.
fn fill(
    sentences: &[Sentence],
    sentence: &'static str,
    said: &str,
    fuel: &Fuel,
) -> Option<Vec<(&'static str, String)>> {
    let (start, rest) = sentence.split_once('{').unwrap_or((sentence, ""));
    let said = said.strip_prefix(start)?;
    if start.len() == sentence.len() {
        return said.is_empty().then(Vec::new);
    }
    let (name, rest) = rest.split_once('}')?;
    let next = rest.split('{').next().unwrap_or_default();
    // Where the place ends: at the end, or in front of what comes next in the sentence, the first such that the rest fits.
    let ends: Vec<usize> = match (next, rest) {
        ("", "") => vec![said.len()],
        ("", _) => said.char_indices().map(|(at, _)| at).skip(1).collect(),
        _ => said.match_indices(next).map(|(at, _)| at).collect(),
    };
    ends.into_iter().find_map(|end| {
        fuel.spend()?;
        let value = value(sentences, name, &said[..end], fuel)?;
        let mut values = fill(sentences, rest, &said[end..], fuel)?;
        values.push((name, value));
        Some(values)
    })
}

fn value(sentences: &[Sentence], name: &str, text: &str, fuel: &Fuel) -> Option<String> {
    match name {
        "n" | "m" => text.parse::<i64>().ok().map(|_| text.to_owned()),
        _ if text.is_empty() => None,
        _ if name.starts_with("said") => say_several(sentences, text, fuel),
        _ => Some(text.to_owned()),
    }
}

macro_rules! sentences {
    ($($english:literal / $other:literal;)*) => {
        &[$($crate::web::pages::words::rooms::Sentence { english: $english, other: $other },)*]
    };
}
use sentences;

/// What a program is told is put differently to somebody who has the buttons below, and so is a word of the audit log.
const ENGLISH: &[Sentence] = sentences! {
    "nothing is written to the terminal until you decide: add, link_cards or replace" / "nothing is written to the terminal until you decide below";
    "change_password" / "change password";
    "set_password" / "set password";
    "renew-secret" / "renew secret";
    "school_year" / "school year";
    "device" / "terminal";
};

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use push_protocol::result::meaning;

    use super::*;
    use crate::web::pages::words::language;

    fn spanish(said: &str) -> Option<String> {
        language("es").unwrap().say(said)
    }

    /// The text with something in each place.
    fn filled(text: &str, value: impl Fn(&str) -> String) -> String {
        let mut parts = text.split('{');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let (name, rest) = part.split_once('}').unwrap();
            text + &value(name) + rest
        })
    }

    /// Each separator would otherwise double the work.
    #[test]
    fn what_looks_like_many_sentences_ends_soon_and_stays_english() {
        for said in ["a, ".repeat(60), "a; b, ".repeat(40), format!("card {}", "x: ".repeat(60))] {
            assert_eq!(spanish(&said), None);
            assert_eq!(language("en").unwrap().say(&said), None);
        }
    }

    #[test]
    fn what_fills_a_place_is_no_place_itself() {
        assert_eq!(put("{one} y {two}", &[("one", "{two}".to_owned()), ("two", "2".to_owned())]), "{two} y 2");
    }

    #[test]
    fn every_sentence_is_found_with_what_fills_it() {
        let english = |name: &str| match name {
            "n" => "17".to_owned(),
            "m" => "-8".to_owned(),
            _ if name.starts_with("said") => "the terminal is busy (-1005)".to_owned(),
            _ => format!("Ọlámidé, {name}"),
        };
        let other = |name: &str| match name {
            _ if name.starts_with("said") => "el terminal está ocupado (-1005)".to_owned(),
            _ => english(name),
        };
        for Sentence { english: text, other: translated } in spanish::SENTENCES {
            let said = filled(text, english);
            assert_eq!(spanish(&said), Some(filled(translated, other)), "{said}");
        }
    }

    #[test]
    fn no_sentence_stands_twice() {
        let mut all: Vec<&str> = spanish::SENTENCES.iter().map(|sentence| sentence.english).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn sentences_stand_within_each_other_and_in_rows() {
        assert_eq!(
            spanish("2 missing, 1 different; 3 written or removed again").as_deref(),
            Some("2 que faltan, 1 diferentes; 3 escritos o eliminados de nuevo")
        );
        assert_eq!(
            spanish("no longer so: name is \"Rumi; Taita\" there and should be \"Rumi\"").as_deref(),
            Some("ya no es así: el nombre allí es \"Rumi; Taita\" y debería ser \"Rumi\"")
        );
        assert_eq!(
            spanish("waits until card 7 is taken from Zoë, who keeps it on this terminal by decision").as_deref(),
            Some("espera hasta que se quite la tarjeta 7 a Zoë, que la conserva en este terminal por decisión")
        );
    }

    #[test]
    fn what_is_not_known_stays_as_it_is() {
        assert_eq!(spanish("the terminal sings"), None);
        assert_eq!(spanish("the terminal refused it (many)"), None, "that is no number");
        assert_eq!(spanish(""), None);
        let words = language("es").unwrap();
        assert_eq!(words.said("a <b>").0, "<bdi lang=\"en\">a &#60;b&#62;</bdi>");
        assert_eq!(words.said("done").0, "<bdi>hecho</bdi>");
    }

    #[test]
    fn every_return_code_is_put_into_words() {
        for code in -6_000..=3 {
            assert!(spanish(&meaning(code)).is_some(), "{}", meaning(code));
        }
    }

    /// Rooms whose errors reach a page. The others' are read in a log, or at a command line.
    const ROOMS: [&str; 8] = [
        "rollcall/src/school",
        "rollcall/src/accounts",
        "rollcall/src/devices",
        "rollcall/src/networks.rs",
        "rollcall/src/webhooks",
        "push-protocol/src/text.rs",
        "rollcall/src/web/api",
        "rollcall/src/web/pages",
    ];
    /// Those that are not meant for people: our own fault, which is logged, or what only a program can cause.
    const NOT_SHOWN: [&str; 3] = ["hashed", "password could not be", "the body"];

    #[test]
    fn every_error_of_a_room_is_put_into_words() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut missing = Vec::new();
        for room in ROOMS {
            for source in sources(&crates.join(room)) {
                let errors = source.split("#[error(\"").skip(1).chain(source.split("#[error(\n        \"").skip(1));
                let answers = ["ApiError::conflict(\"", "ApiError::forbidden(\"", "ApiError::malformed(\""];
                let answers = answers.into_iter().flat_map(|call| source.split(call).skip(1));
                // The field, and then why.
                let fields = source.split("ApiError::invalid(\"").skip(1);
                let fields =
                    fields.filter_map(|call| call.split_once("\", \"").filter(|(field, _)| !field.contains('"')));
                for text in errors.chain(answers).chain(fields.map(|(_, why)| why)).map(literal) {
                    if !NOT_SHOWN.iter().any(|part| text.contains(part)) && !is_known(&text) {
                        missing.push(text);
                    }
                }
            }
        }
        assert_eq!(missing, Vec::<String>::new());
    }

    fn sources(path: &Path) -> Vec<String> {
        if path.is_file() {
            return vec![fs::read_to_string(path).unwrap()];
        }
        fs::read_dir(path).unwrap().flat_map(|entry| sources(&entry.unwrap().path())).collect()
    }

    /// A string of Rust as it would be said, from behind its first quotation mark.
    fn literal(source: &str) -> String {
        let mut text = String::new();
        let mut letters = source.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' => break,
                '\\' if letters.peek() == Some(&'\n') => {
                    while letters.next_if(|next| next.is_whitespace()).is_some() {}
                }
                '\\' => text.extend(letters.next()),
                _ => text.push(letter),
            }
        }
        text
    }

    /// Whether it is said with a number, a text, or a role in its places.
    fn is_known(text: &str) -> bool {
        ["17", "\"Zoë\"", "teacher"].iter().any(|value| spanish(&filled(text, |_| (*value).to_owned())).is_some())
    }
}
