//! Which rows are rejected because somebody else has the card that they give. Pure.
//!
//! Whoever held a card before keeps it, unless his own row takes it away or he is missing and goes. A row that is rejected
//! takes nobody's card away, and whom it may mean does not go: so one rejected row may be followed by others. Each row and
//! each student is looked at a fixed number of times, however long such a chain is.

use std::collections::HashMap;

use super::{
    decide::Known,
    matching::Target,
    missing::Missing,
    table::{Columns, Row},
};

/// Whose a card is once the file is written.
#[derive(Clone, Copy)]
enum Holder {
    /// Of the student at this place among those who are known: he has it already.
    Keeps(usize),
    /// Of whom this row means: he gets it.
    Gets(usize),
}

/// The cards of a school's active students.
struct Cards<'a> {
    known: &'a [Known],
    rows: &'a [(Row, Target)],
    holders: HashMap<i64, Holder>,
    missing: &'a mut Missing,
    rejected: HashMap<usize, String>,
}

/// Rows after which two active students of the school would hold one card, and in whose way that is. Of the missing those
/// remain who go.
pub(super) fn conflicts(
    known: &[Known],
    rows: &[(Row, Target)],
    columns: Columns,
    missing: &mut Missing,
) -> HashMap<usize, String> {
    let after: Vec<Option<i64>> = rows.iter().map(|(row, target)| card_after(known, row, *target, columns)).collect();
    let targets = rows.iter().zip(&after).filter_map(|((_, target), after)| Some((target.known()?, *after)));
    let in_file: HashMap<usize, Option<i64>> = targets.collect();

    let mut cards = Cards { known, rows, holders: HashMap::new(), missing, rejected: HashMap::new() };
    for (index, student) in known.iter().enumerate() {
        let keeps = match in_file.get(&index) {
            Some(after) => student.held_card() == *after,
            None => !cards.missing.goes(index),
        };
        if keeps {
            cards.keep(index);
        }
    }
    for (index, (_, target)) in rows.iter().enumerate() {
        let before = target.known().and_then(|student| known[student].held_card());
        if let Some(card) = after[index].filter(|card| before != Some(*card)) {
            cards.give(card, index);
        }
    }
    cards.rejected
}

/// The card by which a student is known once his row is written.
fn card_after(known: &[Known], row: &Row, target: Target, columns: Columns) -> Option<i64> {
    match target {
        Target::New => row.fields(),
        Target::Known(student) => row.onto(&known[student].fields(), columns),
    }
    .active_card()
}

impl Cards<'_> {
    /// The student has his card still. Answers the row that was to give it to somebody else.
    fn keep(&mut self, student: usize) -> Option<usize> {
        let card = self.known[student].held_card()?;
        let before = self.holders.get(&card).copied();
        if !matches!(before, Some(Holder::Keeps(_))) {
            self.holders.insert(card, Holder::Keeps(student));
        }
        match before {
            Some(Holder::Gets(row)) => Some(row),
            _ => None,
        }
    }

    fn give(&mut self, card: i64, row: usize) {
        match self.holders.get(&card) {
            Some(holder) => self.reject(row, *holder),
            None => _ = self.holders.insert(card, Holder::Gets(row)),
        }
    }

    fn reject(&mut self, row: usize, holder: Holder) {
        let mut next = vec![(row, holder)];
        while let Some((index, holder)) = next.pop() {
            self.rejected.insert(index, format!("rfid_card_id: {} has this card", self.name(holder)));
            let (row, target) = &self.rows[index];
            for student in target.known().into_iter().chain(self.missing.spare(&row.about())) {
                next.extend(self.keep(student).map(|row| (row, Holder::Keeps(student))));
            }
        }
    }

    fn name(&self, holder: Holder) -> String {
        match holder {
            Holder::Keeps(student) => {
                format!("{} (student {})", self.known[student].full_name, self.known[student].id)
            }
            Holder::Gets(row) => format!("{} on line {}", self.rows[row].0.full_name, self.rows[row].0.line),
        }
    }
}
