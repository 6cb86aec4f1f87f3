//! Who of the people whom Rollcall did not write keeps a change from leaving. Pure.

use push_protocol::text::Charset;

use super::{matching, others::Other};
use crate::sync::plan::{Open, Wanted, wanted_number};

/// In words, why this row cannot leave: nothing is done under a PIN that somebody else has, no card is given twice, and
/// nobody is written who may be there already.
pub fn clash(row: &Open, people: &[Other], charset: Charset) -> Option<String> {
    if people.is_empty() {
        return None;
    }
    let (name, card) = match &row.wanted {
        Wanted::Present { name, card } => (Some(name), Some(card)),
        Wanted::Absent => (row.former_name.as_ref(), None),
    };
    let number = wanted_number(row);
    let is_new = !row.is_held && !row.was_written;
    // Of those whom Rollcall wrote only they have others under their PIN who came when they were gone.
    let spellings = name.map(|name| matching::spellings(name, charset)).unwrap_or_default();
    people.iter().find_map(|other| {
        let who = if other.name.is_empty() { "somebody" } else { &other.name };
        let has_card = number == Some(other.card);
        let has_name = spellings.contains(&other.folded);
        if other.pin == row.pin {
            let words = || format!("PIN {} is {who}'s on the terminal: nobody is overwritten under it", other.pin);
            return (!row.is_held && !has_card && !has_name).then(words);
        }
        match card {
            Some(card) if has_card => Some(format!(
                "card {card} is on the terminal with {who}, PIN {}: link or remove this person",
                other.pin
            )),
            Some(_) if is_new && has_name && other.is_undecided => {
                Some(format!("may be {who}, PIN {} on the terminal: link, keep or remove this person", other.pin))
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::school::StudentId;

    /// Written and held.
    fn row(number: i64) -> Open {
        Open {
            student: StudentId(number),
            pin: number.to_string(),
            wanted: Wanted::Present { name: format!("Nilufar {number}"), card: format!("{number}{number}") },
            is_held: true,
            was_written: true,
            former_name: None,
            is_asked: false,
        }
    }

    fn newcomer(number: i64) -> Open {
        Open { is_held: false, was_written: false, ..row(number) }
    }

    fn words(row: &Open, other: &Other) -> Option<String> {
        clash(row, std::slice::from_ref(other), Charset::Utf8)
    }

    #[test]
    fn rule_4_nothing_is_written_or_removed_under_a_pin_that_somebody_else_has() {
        let leaver = Open { wanted: Wanted::Absent, former_name: Some("Nilufar 1".to_owned()), ..newcomer(1) };
        let other = Other::new("1", "Ẹniọlá", 0);
        let refused = Some("PIN 1 is Ẹniọlá's on the terminal: nobody is overwritten under it".to_owned());
        assert_eq!([words(&newcomer(1), &other), words(&leaver, &other)], [refused.clone(), refused]);
        // Whoever was there before under his own name, or is ours already, is written and removed.
        let he = Other::new("1", "NILUFAR 1", 0);
        assert_eq!([words(&newcomer(1), &he), words(&leaver, &he), words(&row(1), &other)], [None, None, None]);
        // Who was gone finds him there.
        assert!(words(&Open { is_held: false, ..row(1) }, &other).is_some());
    }

    #[test]
    fn rule_13_a_card_that_a_stranger_has_there_is_not_given_twice() {
        let other = Other::new("9", "Ẹniọlá", 11);
        let refused = "card 11 is on the terminal with Ẹniọlá, PIN 9: link or remove this person";
        assert_eq!(words(&row(1), &other).as_deref(), Some(refused));
        assert_eq!(words(&newcomer(2), &other), None);
    }

    #[test]
    fn whoever_may_be_there_already_waits_for_a_decision() {
        let other = Other { is_undecided: true, ..Other::new("9", "nilufar 1", 0) };
        let refused = "may be nilufar 1, PIN 9 on the terminal: link, keep or remove this person";
        assert_eq!(words(&newcomer(1), &other).as_deref(), Some(refused));
        assert_eq!(words(&newcomer(2), &other), None);
        assert_eq!(words(&newcomer(1), &Other { is_undecided: false, ..other }), None);
    }
}
