//! Where one student is named besides the rows that are his: in lines that nobody could read, in sentences about others, in
//! files that wait to be imported.

use push_protocol::text::{Card, Charset, Name};

use super::adopt::others::has_stranger;
use crate::{
    attendance::unread::{self, Unread},
    school::{SchoolId, StudentId, search},
    store::{Result, Tx},
};

/// What names him.
#[derive(Debug, Default)]
pub(super) struct Traces {
    pub school: Option<SchoolId>,
    /// As people write him, and as terminals do.
    names: Vec<String>,
    cards: Vec<String>,
    /// Names as they stand in a line whose bytes were no text.
    escaped: Vec<String>,
}

const STUDENT: &str = "SELECT school_id, full_name, rfid_card_id FROM students WHERE id = $1";
const ELSEWHERE: &str = concat!(
    "SELECT wanted_name, wanted_card FROM device_user_sync_status WHERE student_id = $1
    UNION SELECT u.name, u.card_text FROM terminal_users u
    JOIN device_user_mappings m ON m.device_id = u.device_id AND m.device_pin = u.pin WHERE m.student_id = $1 AND NOT ",
    has_stranger!("u.device_id", "u.pin")
);

/// Names are compared without accents and case; short ones would be found in others.
const SHORTEST: usize = 3;

impl Traces {
    /// Everything that he is called. Ask before anything of it is erased.
    pub async fn of(tx: &mut Tx, student: StudentId) -> Result<Traces> {
        let mut traces = Traces::default();
        let row: Option<(SchoolId, String, Option<String>)> = tx.optional(STUDENT, [student.into()]).await?;
        if let Some((school, name, card)) = row {
            traces.school = Some(school);
            traces.add(Some(&name), card.as_deref());
        }
        for (name, card) in tx.all::<(Option<String>, Option<String>), 1>(ELSEWHERE, [student.into()]).await? {
            traces.add(name.as_deref(), card.as_deref());
        }
        Ok(traces)
    }

    fn add(&mut self, name: Option<&str>, card: Option<&str>) {
        if let Some(name) = name.filter(|name| search::fold(name).chars().count() >= SHORTEST) {
            let cut = |charset| Name::fit(name, charset).map(|name| name.as_str().to_owned()).ok();
            let spellings = [Some(name.to_owned()), cut(Charset::Utf8), cut(Charset::Gb18030)];
            for spelling in spellings.into_iter().flatten() {
                push(&mut self.escaped, unread::escape_line(&Charset::Gb18030.encode(&spelling)));
                push(&mut self.names, search::fold(&spelling));
            }
        }
        if let Some(card) = card.map(str::trim).filter(|card| card.len() >= SHORTEST) {
            push(&mut self.cards, card.to_lowercase());
            if let Ok(parsed) = Card::parse(card) {
                push(&mut self.cards, parsed.number().to_string());
            }
        }
    }

    /// Whether a text names him.
    pub fn stand_in(&self, text: &str) -> bool {
        let (folded, lower) = (search::fold(text), text.to_lowercase());
        self.names.iter().any(|name| is_word(&folded, name))
            || self.cards.iter().any(|card| is_word(&lower, card))
            || self.escaped.iter().any(|name| text.contains(name.as_str()))
    }
}

fn push(texts: &mut Vec<String>, text: String) {
    if !text.is_empty() && !texts.contains(&text) {
        texts.push(text);
    }
}

/// Whether `wanted` stands in a text with no letter or digit right before or after it: a card is no part of another one.
fn is_word(text: &str, wanted: &str) -> bool {
    let is_inside = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    text.match_indices(wanted).any(|(at, found)| {
        let (before, behind) = (&text[..at], &text[at + found.len()..]);
        // Lines are kept escaped: the t of `\t` is none of a word.
        let begins = before.ends_with("\\t") || !is_inside(before.chars().next_back());
        begins && !is_inside(behind.chars().next())
    })
}

const LINES: &str = "
    SELECT id, serial_number, table_name, line, received_at FROM unread_lines WHERE id > $1 ORDER BY id LIMIT $2";
const AT_ONCE: i64 = 2_000;

/// Lines that nobody could read and that name him, whichever terminal sent them.
pub(super) async fn unread(tx: &mut Tx, traces: &Traces) -> Result<Vec<Unread>> {
    let (mut after, mut found) = (0, Vec::new());
    loop {
        let lines: Vec<Unread> = tx.all(LINES, [after.into(), AT_ONCE.into()]).await?;
        let Some(last) = lines.last() else { return Ok(found) };
        after = last.id;
        found.extend(lines.into_iter().filter(|line| traces.stand_in(&line.line)));
    }
}

/// Sentences of ours that may name somebody else than the row is about, with the column and the row's key.
const SENTENCES: [(&str, &str); 4] = [
    (
        "SELECT id, error_message FROM device_user_sync_status WHERE error_message IS NOT NULL",
        "UPDATE device_user_sync_status SET error_message = '(erased)' WHERE id = $1",
    ),
    (
        "SELECT id, error_message FROM device_commands WHERE error_message IS NOT NULL",
        "UPDATE device_commands SET error_message = '(erased)' WHERE id = $1",
    ),
    (
        "SELECT id, COALESCE(ours, '') || ' ' || COALESCE(theirs, '') || ' ' || COALESCE(words, '') FROM device_drift
         WHERE ours IS NOT NULL OR theirs IS NOT NULL OR words IS NOT NULL",
        "UPDATE device_drift SET ours = NULL, theirs = NULL, words = NULL WHERE id = $1",
    ),
    ("SELECT id, words FROM readings WHERE words IS NOT NULL", "UPDATE readings SET words = NULL WHERE id = $1"),
];

/// Erases him from sentences about others.
pub(super) async fn erase_from_sentences(tx: &mut Tx, traces: &Traces) -> Result<()> {
    for (texts, erase) in SENTENCES {
        for (id, text) in tx.all::<(i64, String), 0>(texts, []).await? {
            if traces.stand_in(&text) {
                tx.execute(erase, [id.into()]).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces() -> Traces {
        let mut traces = Traces::default();
        traces.add(Some("Ngozi Ọkáfọ̀"), Some("0xBC6150"));
        traces.add(Some("李小明"), None);
        traces
    }

    #[test]
    fn he_is_found_however_he_is_written() {
        let traces = traces();
        for text in [
            "PIN 17 is NGOZI OKAFO there",
            "USER\\tPIN=17\\tName=Ngozi Ọkáfọ̀\\tCard=",
            "x\\tngozi okafo",
            "card 12345680 is held",
            "Card=[0xbc6150]",
            // Two of the six bytes of GB18030 happen to be a letter of UTF-8.
            "Name=\\xC0\\xEE\u{421}\\xC3\\xF7\\t",
        ] {
            assert!(traces.stand_in(text), "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in ["Ngozi Okafor", "card 112345680", "123456801", "Mngozi okafo", "李小", ""] {
            assert!(!traces().stand_in(text), "{text}");
        }
    }
}
