//! Which student each row means, and what becomes of him. Pure.
//!
//! A row means the student who holds its card, else the one with its name, class, section and roll number. Where the two
//! have different names, it means the second, and he gets the card if the first gives it up in the same file; else the row
//! is rejected. A card that only a former student holds is free, unless he has the row's name.

use std::collections::{BTreeMap, HashSet};

use super::{
    Fields, Mode, Rejected, cards,
    doubts::Doubts,
    matching::{Matching, Target},
    missing::Missing,
    table::{About, Bad, Columns, Row, Table},
};
use crate::school::{StudentId, derived::card_number};

/// A student whom the database has.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Known {
    pub id: StudentId,
    pub full_name: String,
    pub rfid_card_id: Option<String>,
    pub class_name: Option<String>,
    pub section_name: Option<String>,
    pub roll_number: Option<String>,
    pub is_active: bool,
    pub oneroster_id: Option<String>,
    /// He is of another school until now, and comes to this one.
    pub is_elsewhere: bool,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub added: Vec<Fields>,
    pub changed: BTreeMap<StudentId, Fields>,
    pub deactivated: Vec<StudentId>,
    pub unchanged: usize,
    /// Lines that are not applied, in the order of the file.
    pub bad: Vec<Bad>,
}

/// Whoever has one of the identifiers in `spared` is not missing, though this table does not have him.
pub(super) fn decide(known: &[Known], table: Table, mode: Mode, spared: &HashSet<String>) -> Decided {
    let Table { rows, columns, mut bad, .. } = table;
    let mut doubts = Doubts::elsewhere(spared);
    doubts.add(&bad);
    let (rows, refused) = Matching::of(known, columns).targets(rows, &doubts);
    doubts.add(&refused);
    bad.extend(refused);
    let mut missing = match mode {
        Mode::Merge => Missing::default(),
        Mode::Replace => Missing::of(known, &rows, &doubts),
    };
    let mut conflicts = cards::conflicts(known, &rows, columns, &mut missing);
    let deactivated = missing.into_going().map(|index| known[index].id).collect();
    let mut decided = Decided { deactivated, ..Decided::default() };
    for (index, (row, target)) in rows.into_iter().enumerate() {
        if let Some(reason) = conflicts.remove(&index) {
            bad.push(Bad::of(&row, reason));
            continue;
        }
        match target {
            Target::New => decided.added.push(row.fields()),
            Target::Known(index) => {
                let before = known[index].fields();
                let after = row.onto(&before, columns);
                if after == before && !known[index].is_elsewhere {
                    decided.unchanged += 1;
                } else {
                    decided.changed.insert(known[index].id, after);
                }
            }
        }
    }
    bad.sort_by_key(|bad| bad.rejected.line);
    Decided { bad, ..decided }
}

impl Known {
    pub(super) fn card(&self) -> Option<i64> {
        self.rfid_card_id.as_deref().and_then(card_number)
    }

    /// The card that nobody else of the school may have besides him.
    pub(super) fn held_card(&self) -> Option<i64> {
        self.card().filter(|_| self.is_active && !self.is_elsewhere)
    }

    pub(super) fn fields(&self) -> Fields {
        Fields {
            full_name: self.full_name.clone(),
            rfid_card_id: self.rfid_card_id.clone(),
            class_name: self.class_name.clone(),
            section_name: self.section_name.clone(),
            roll_number: self.roll_number.clone(),
            is_active: self.is_active,
            oneroster_id: self.oneroster_id.clone(),
        }
    }
}

impl Fields {
    pub(super) fn active_card(&self) -> Option<i64> {
        self.rfid_card_id.as_deref().filter(|_| self.is_active).and_then(card_number)
    }
}

impl Row {
    pub(super) fn fields(&self) -> Fields {
        Fields {
            full_name: self.full_name.clone(),
            rfid_card_id: self.card.as_ref().map(|card| card.text.clone()),
            class_name: self.class_name.clone(),
            section_name: self.section_name.clone(),
            roll_number: self.roll_number.clone(),
            is_active: self.is_active,
            oneroster_id: self.oneroster_id.clone(),
        }
    }

    /// A student as this row wants him; what the file has no column for stays.
    pub(super) fn onto(&self, before: &Fields, columns: Columns) -> Fields {
        let mut after = self.fields();
        if self.oneroster_id.is_none() {
            after.oneroster_id.clone_from(&before.oneroster_id);
        }
        // Another spelling of the same card is no change: spreadsheets take leading zeros away.
        if !columns.card
            || self.card.as_ref().map(|card| card.number) == before.rfid_card_id.as_deref().and_then(card_number)
        {
            after.rfid_card_id.clone_from(&before.rfid_card_id);
        }
        if !columns.class_name {
            after.class_name.clone_from(&before.class_name);
        }
        if !columns.section_name && after.class_name == before.class_name {
            after.section_name.clone_from(&before.section_name);
        }
        if !columns.roll_number {
            after.roll_number.clone_from(&before.roll_number);
        }
        after
    }

    pub(super) fn about(&self) -> About {
        About::Student {
            full_name: self.full_name.clone(),
            card: self.card.as_ref().map(|card| card.number),
            oneroster_id: self.oneroster_id.clone(),
        }
    }
}

impl Bad {
    pub(super) fn of(row: &Row, reason: String) -> Bad {
        Bad { rejected: Rejected { line: row.line, reason }, about: row.about() }
    }
}
