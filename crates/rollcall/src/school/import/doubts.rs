//! Whom rejected lines may mean: he stays as he is. Pure.

use std::collections::HashSet;

use super::{
    decide::Known,
    table::{About, Bad},
};
use crate::school::search;

/// More unreadable lines than this, and they may mean anybody.
const UNREADABLE: usize = 100;

/// What rejected lines say of the students whom they mean.
pub(super) struct Doubts {
    names: HashSet<String>,
    cards: HashSet<i64>,
    oneroster_ids: HashSet<String>,
    unreadable: Vec<String>,
}

impl Doubts {
    /// Lines of other files have these identifiers.
    pub(super) fn elsewhere(oneroster_ids: &HashSet<String>) -> Doubts {
        let oneroster_ids = oneroster_ids.clone();
        Doubts { names: HashSet::new(), cards: HashSet::new(), oneroster_ids, unreadable: Vec::new() }
    }

    pub(super) fn add(&mut self, bad: &[Bad]) {
        for bad in bad {
            match &bad.about {
                About::Student { full_name, card, oneroster_id } => {
                    self.names.insert(search::fold(full_name));
                    self.cards.extend(*card);
                    self.oneroster_ids.extend(oneroster_id.clone());
                }
                About::Unreadable { text } => self.unreadable.push(words(text)),
            }
        }
    }

    pub(super) fn may_mean(&self, student: &Known) -> bool {
        self.unreadable.len() > UNREADABLE
            || student.oneroster_id.as_ref().is_some_and(|id| self.oneroster_ids.contains(id))
            || student.card().is_some_and(|card| self.cards.contains(&card))
            || !self.names.is_empty() && self.names.contains(&search::fold(&student.full_name))
            || !self.unreadable.is_empty()
                && (self.may_be_in_one(&student.full_name)
                    || student.rfid_card_id.as_deref().is_some_and(|card| self.may_be_in_one(card)))
    }

    fn may_be_in_one(&self, text: &str) -> bool {
        let text = words(text);
        self.unreadable.iter().any(|line| line.contains(&text))
    }
}

/// The words of a text between blanks, whatever separates them.
fn words(text: &str) -> String {
    let words = search::fold(text);
    let words = words.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    format!(" {} ", words.collect::<Vec<_>>().join(" "))
}
