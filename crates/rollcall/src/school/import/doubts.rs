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
#[derive(Clone, Default)]
pub(super) struct Doubts {
    names: HashSet<String>,
    cards: HashSet<i64>,
    oneroster_ids: HashSet<String>,
    unreadable: Vec<String>,
}

impl Doubts {
    /// Lines that are rejected elsewhere have these identifiers.
    pub(super) fn add_ids(&mut self, oneroster_ids: impl IntoIterator<Item = String>) {
        self.oneroster_ids.extend(oneroster_ids);
    }

    pub(super) fn add(&mut self, bad: &[Bad]) {
        for bad in bad {
            self.oneroster_ids.extend(bad.about.oneroster_id().cloned());
            match &bad.about {
                About::Student { full_name, card, .. } => {
                    self.names.insert(search::fold(full_name));
                    self.cards.extend(*card);
                }
                About::Unreadable { text, .. } if self.unreadable.len() <= UNREADABLE => {
                    self.unreadable.push(words(text));
                }
                About::Unreadable { .. } => {}
            }
        }
    }

    pub(super) fn may_mean(&self, student: &Known) -> bool {
        self.unreadable.len() > UNREADABLE
            || student.oneroster_id.as_ref().is_some_and(|id| self.oneroster_ids.contains(id))
            || student.card().is_some_and(|card| self.cards.contains(&card))
            || self.may_name(student)
            || student.rfid_card_id.as_deref().is_some_and(|card| self.may_be_in_one(card))
    }

    /// Whether one of the lines may have his name.
    pub(super) fn may_name(&self, student: &Known) -> bool {
        self.unreadable.len() > UNREADABLE
            || !self.names.is_empty() && self.names.contains(&search::fold(&student.full_name))
            || self.may_be_in_one(&student.full_name)
    }

    fn may_be_in_one(&self, text: &str) -> bool {
        if self.unreadable.is_empty() {
            return false;
        }
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
