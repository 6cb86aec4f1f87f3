//! Active students who are not in a file that replaces the roster. Pure.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    decide::Known,
    doubts::Doubts,
    matching::Target,
    table::{About, Row},
};
use crate::school::search;

/// Those who go, by place among those who are known.
#[derive(Default)]
pub(super) struct Missing {
    going: BTreeSet<usize>,
    by_name: HashMap<String, Vec<usize>>,
    by_card: HashMap<i64, Vec<usize>>,
    by_oneroster: HashMap<String, usize>,
}

impl Missing {
    pub(super) fn of(known: &[Known], rows: &[(Row, Target)], doubts: &Doubts) -> Missing {
        let in_file: HashSet<usize> = rows.iter().filter_map(|(_, target)| target.known()).collect();
        let mut missing = Missing::default();
        for (index, student) in known.iter().enumerate() {
            let is_here = student.is_active && !student.is_elsewhere;
            if is_here && !in_file.contains(&index) && !doubts.may_mean(student) {
                missing.add(index, student);
            }
        }
        missing
    }

    fn add(&mut self, index: usize, student: &Known) {
        self.going.insert(index);
        self.by_name.entry(search::fold(&student.full_name)).or_default().push(index);
        if let Some(card) = student.card() {
            self.by_card.entry(card).or_default().push(index);
        }
        self.by_oneroster.extend(student.oneroster_id.clone().map(|id| (id, index)));
    }

    /// One more line is rejected. Answers who would have gone and stays, because it may mean him.
    pub(super) fn spare(&mut self, about: &About) -> Vec<usize> {
        let About::Student { full_name, card, oneroster_id } = about else { return Vec::new() };
        let named = self.by_name.remove(&search::fold(full_name)).unwrap_or_default();
        let shown = card.and_then(|card| self.by_card.remove(&card)).unwrap_or_default();
        let known = oneroster_id.as_ref().and_then(|id| self.by_oneroster.remove(id));
        named.into_iter().chain(shown).chain(known).filter(|index| self.going.remove(index)).collect()
    }

    pub(super) fn goes(&self, index: usize) -> bool {
        self.going.contains(&index)
    }

    pub(super) fn into_going(self) -> impl Iterator<Item = usize> {
        self.going.into_iter()
    }
}
