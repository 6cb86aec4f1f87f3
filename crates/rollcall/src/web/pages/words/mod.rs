//! Every text of every page, side by side in each language.
//!
//! A page takes its texts from a part of [`Words`], such as `w.overview.title`; each part has a file here that looks like
//! this:
//!
//! ```ignore
//! words! {
//!     /// The page of …
//!     Overview {
//!         title: "Overview" / "Resumen";
//!         // A `{name}` is filled by `.with("name", value)`; `one|other` is chosen by `.count(n)`, which fills `{n}`, too.
//!         students: "{n} student|{n} students" / "{n} estudiante|{n} estudiantes";
//!     }
//! }
//! ```
//!
//! A language more is a column more: in `words!`, in every file, and a line in [`LANGUAGES`]. What is missing does not
//! compile. What is no text of ours (names, serial numbers) is not here: it stands in `<bdi>`, `<code>` or `<time>`, and a test
//! with an invented language holds that nothing else stands outside of this table. What a room says in English is put into
//! the reader's language by [`rooms`].

mod adoption;
mod attendance;
mod changes;
mod common;
mod connect;
mod first;
mod imports;
mod overview;
mod rooms;
mod schools;
mod settings;
mod signing;
mod students;
mod terminal;
mod webhooks;

use std::fmt;

/// A text of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text(pub &'static str);

/// A text with values in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filled(String);

/// What is counted; a template hands over references.
pub trait Number {
    fn number(&self) -> i64;
}

impl Number for i64 {
    fn number(&self) -> i64 {
        *self
    }
}

impl Number for usize {
    fn number(&self) -> i64 {
        i64::try_from(*self).unwrap_or(i64::MAX)
    }
}

impl<T: Number> Number for &T {
    fn number(&self) -> i64 {
        (**self).number()
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($key:ident: $en:literal / $es:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        #[allow(clippy::struct_field_names, reason = "a key is named after its text")]
        pub struct $name {
            $(pub $key: $crate::web::pages::words::Text,)*
        }

        impl $name {
            pub(super) const EN: $name = $name { $($key: $crate::web::pages::words::Text($en),)* };
            pub(super) const ES: $name = $name { $($key: $crate::web::pages::words::Text($es),)* };

            pub(super) fn map(&self, change: &dyn Fn(&'static str) -> &'static str) -> $name {
                $name { $($key: $crate::web::pages::words::Text(change(self.$key.0)),)* }
            }

            #[cfg(test)]
            pub(super) fn texts(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((concat!(stringify!($name), ".", stringify!($key)), self.$key.0),)*]
            }
        }
    };
}
use words;

macro_rules! language {
    ($($part:ident: $kind:path),* $(,)?) => {
        /// The texts of one language.
        #[derive(Clone, Copy, Debug)]
        pub struct Words {
            /// As in `<html lang>`.
            pub code: &'static str,
            /// As in `<html dir>`: `ltr` or `rtl`.
            pub dir: &'static str,
            /// What its speakers call it.
            pub name: &'static str,
            $(pub $part: $kind,)*
        }

        static ENGLISH: Words = Words { code: "en", dir: "ltr", name: "English", $($part: <$kind>::EN,)* };
        static SPANISH: Words = Words { code: "es", dir: "ltr", name: "Español", $($part: <$kind>::ES,)* };

        impl Words {
            /// Another language that is made out of this one, text by text.
            #[must_use]
            pub fn map(&self, change: &dyn Fn(&'static str) -> &'static str) -> Words {
                Words { code: self.code, dir: self.dir, name: self.name, $($part: self.$part.map(change),)* }
            }

            #[cfg(test)]
            fn texts(&self) -> Vec<(&'static str, &'static str)> {
                [$(self.$part.texts(),)*].concat()
            }
        }
    };
}

language! {
    common: common::Common,
    signing: signing::Signing,
    first: first::First,
    connect: connect::Connect,
    overview: overview::Overview,
    terminal: terminal::Terminal,
    students: students::Students,
    imports: imports::Imports,
    attendance: attendance::Attendance,
    settings: settings::Settings,
    adoption: adoption::Adoption,
    webhooks: webhooks::Webhooks,
    changes: changes::Changes,
    schools: schools::Schools,
    rooms: rooms::Rooms,
}

/// The languages that one can choose, the first for whoever asks for none of them.
pub static LANGUAGES: [&Words; 2] = [&ENGLISH, &SPANISH];

/// The language with this code.
pub fn language(code: &str) -> Option<&'static Words> {
    LANGUAGES.into_iter().find(|words| words.code == code)
}

/// The language that an `Accept-Language` header asks for first among those we have.
pub fn accepted(header: &str) -> Option<&'static Words> {
    let mut wishes: Vec<(f32, &'static Words)> = header
        .split(',')
        .filter_map(|wish| {
            let (range, weight) = wish.split_once(';').unwrap_or((wish, ""));
            let weight = weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(1.0);
            let code = range.trim().split('-').next().unwrap_or_default().to_lowercase();
            (weight > 0.0).then_some((weight, language(&code)?))
        })
        .collect();
    // Stable: the first of equals wins.
    wishes.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    wishes.first().map(|(_, words)| *words)
}

impl Text {
    /// The text with `{name}` replaced.
    pub fn with(&self, name: &str, value: impl fmt::Display) -> Filled {
        Filled(self.0.to_owned()).with(name, value)
    }

    /// The form for so many, `{n}` replaced.
    pub fn count(&self, n: impl Number) -> Filled {
        let n = n.number();
        let (one, other) = self.0.split_once('|').unwrap_or((self.0, self.0));
        Filled((if n == 1 { one } else { other }).to_owned()).with("n", n)
    }
}

impl Filled {
    #[must_use]
    pub fn with(self, name: &str, value: impl fmt::Display) -> Filled {
        Filled(self.0.replace(&format!("{{{name}}}"), &value.to_string()))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Text> for String {
    fn from(text: Text) -> String {
        text.0.to_owned()
    }
}

impl From<Filled> for String {
    fn from(text: Filled) -> String {
        text.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_fills_the_same_places() {
        let places = |text: &str| {
            let mut places: Vec<String> =
                text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect();
            places.sort();
            places.dedup();
            places
        };
        for words in LANGUAGES {
            for ((key, english), (_, text)) in ENGLISH.texts().into_iter().zip(words.texts()) {
                assert!(!text.trim().is_empty() && text.trim() == text, "{} {key}: {text:?}", words.code);
                assert_eq!(places(text), places(english), "{} {key}: {text:?}", words.code);
                assert_eq!(text.contains('|'), english.contains('|'), "{} {key}: {text:?}", words.code);
            }
        }
    }

    #[test]
    fn the_browser_says_which_language_is_wanted() {
        let code = |header| accepted(header).map(|words| words.code);
        assert_eq!(code("es-EC,es;q=0.9,en;q=0.8"), Some("es"));
        assert_eq!(code("de-DE,en;q=0.5,es;q=0.7"), Some("es"));
        assert_eq!(code("en"), Some("en"));
        assert_eq!(code("es;q=0, qu"), None);
        assert_eq!(code(""), None);
    }

    #[test]
    fn numbers_choose_their_form() {
        let text = Text("{n} student on {name}|{n} students on {name}");
        assert_eq!(text.count(1_usize).with("name", "Gate").to_string(), "1 student on Gate");
        assert_eq!(text.count(0_usize).with("name", "Gate").to_string(), "0 students on Gate");
    }
}
