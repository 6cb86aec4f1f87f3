//! Which of three vocabularies a terminal speaks. The URLs are the same, the words are not.

use crate::{request::Call, text::CardForm};

/// A decision that must be stored per serial number: a terminal with a session does not announce itself again (SF-repo).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dialect {
    /// Push 1.x: announces no `pushver`.
    Legacy,
    /// Attendance push 2.x.
    Attendance,
    /// Security (access control) push 3.x.
    Security,
}

/// What a terminal says of itself in a handshake (ATT5.8 §3).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Announcement {
    /// `pushver`, e.g. `2.4.1`; `None` when absent or empty.
    pub push_version: Option<String>,
    /// `DeviceType`: `att`, `acc`, `pid`, and odd ones such as `middle east`.
    pub device_type: Option<String>,
    /// `language`: the decimal code of a letter, e.g. 69 for English, 83 for Chinese.
    pub language: Option<u32>,
    /// `pushcommkey`: binds the terminal to an account of a server; opaque.
    pub comm_key: Option<String>,
    /// `PushOptionsFlag`: 1 or 2, whether it can push its options.
    pub push_options_flag: Option<u32>,
}

impl Dialect {
    /// `legacy`, `attendance`, `security`: the words stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Legacy => "legacy",
            Dialect::Attendance => "attendance",
            Dialect::Security => "security",
        }
    }

    /// Reads a stored word back; `None` for any other.
    pub fn parse(word: &str) -> Option<Dialect> {
        match word {
            "legacy" => Some(Dialect::Legacy),
            "attendance" => Some(Dialect::Attendance),
            "security" => Some(Dialect::Security),
            _ => None,
        }
    }

    /// From a handshake: `DeviceType=acc` or `pushver` ≥ 3 is security; otherwise attendance, or legacy without `pushver`.
    ///
    /// Neither the model nor the option `PushVersion` tells: a SenseFace 3A has 3.1.2S there and speaks attendance (SF-repo).
    pub fn recognise(announced: &Announcement) -> Dialect {
        let is_access = announced.device_type.as_deref().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("acc"));
        match &announced.push_version {
            _ if is_access => Dialect::Security,
            None => Dialect::Legacy,
            Some(version) if major_minor(version).is_some_and(|(major, _)| major >= 3) => Dialect::Security,
            Some(_) => Dialect::Attendance,
        }
    }

    /// What a request shows of its sender: a handshake announces, some requests only access units make, and most show
    /// nothing.
    pub fn shown_by(call: &Call) -> Option<Dialect> {
        match call {
            Call::Handshake(announced) => Some(Dialect::recognise(announced)),
            Call::Registry | Call::PushConfiguration | Call::SecurityTime => Some(Dialect::Security),
            Call::Upload(upload) => match upload.table.as_deref() {
                Some("RTLOG" | "RTSTATE" | "TABLEDATA") => Some(Dialect::Security),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Announcement {
    /// Rule of thumb for cards until a reading corrects it: no `pushver`, or one below 2.2, takes the bracket form.
    pub fn card_form(&self) -> CardForm {
        match self.push_version.as_deref().and_then(major_minor) {
            Some(version) if version >= (2, 2) => CardForm::Decimal,
            // Announced but no number: as little legacy as can be.
            None if self.push_version.is_some() => CardForm::Decimal,
            _ => CardForm::Bracket,
        }
    }
}

/// The first two numbers of a version, whatever word stands before it; a missing second one is 0.
fn major_minor(version: &str) -> Option<(u32, u32)> {
    let start = version.find(|character: char| character.is_ascii_digit())?;
    let mut numbers = version[start..].split('.').map(|part| {
        let digits = part.find(|character: char| !character.is_ascii_digit()).unwrap_or(part.len());
        part[..digits].parse().ok()
    });
    Some((numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(version: Option<&str>, kind: Option<&str>) -> Announcement {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Announcement { push_version: owned(version), device_type: owned(kind), ..Announcement::default() }
    }

    #[test]
    fn recognised_by_what_is_announced() {
        let cases = [
            (None, None, Dialect::Legacy, CardForm::Bracket),
            (Some("2.0.1"), None, Dialect::Attendance, CardForm::Bracket),
            (Some("2.2.14"), None, Dialect::Attendance, CardForm::Decimal),
            (Some("2.4.1"), Some("att"), Dialect::Attendance, CardForm::Decimal),
            (Some("2.4.0"), Some("middle east"), Dialect::Attendance, CardForm::Decimal),
            (Some("Ver 2.0.33S-20220623"), None, Dialect::Attendance, CardForm::Bracket),
            (Some("3"), None, Dialect::Security, CardForm::Decimal),
            (Some("3.1.2"), None, Dialect::Security, CardForm::Decimal),
            (None, Some("ACC"), Dialect::Security, CardForm::Bracket),
            (Some("2.2.14"), Some("acc"), Dialect::Security, CardForm::Decimal),
            (Some("new"), None, Dialect::Attendance, CardForm::Decimal),
            (Some("99999999999999999999.1"), None, Dialect::Attendance, CardForm::Decimal),
        ];
        for (version, kind, dialect, form) in cases {
            let announced = announced(version, kind);
            assert_eq!((Dialect::recognise(&announced), announced.card_form()), (dialect, form), "{announced:?}");
        }
    }

    #[test]
    fn stored_words_are_read_back() {
        for dialect in [Dialect::Legacy, Dialect::Attendance, Dialect::Security] {
            assert_eq!(Dialect::parse(dialect.as_str()), Some(dialect));
        }
        assert_eq!(Dialect::parse("A2"), None);
    }
}
