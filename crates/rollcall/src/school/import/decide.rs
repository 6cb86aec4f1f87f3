//! Which student each row means, and what becomes of him. Pure.
//!
//! A row means the student who holds its card, else the one with its name, class, section and roll number. Where the two
//! have different names, it means the second, and he gets the card if the first gives it up in the same file; else the row
//! is rejected. A card that only a former student holds is free, unless he has the row's name.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Fields, Mode, Rejected,
    matching::{Matching, Target},
    table::{About, Bad, Columns, Row, Table},
};
use crate::school::{StudentId, derived::card_number, search};

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
    pub rejected: Vec<Rejected>,
}

/// Whoever has one of the identifiers in `spared` is not missing, though this table does not have him.
pub(super) fn decide(known: &[Known], table: Table, mode: Mode, spared: &HashSet<String>) -> Decided {
    let Table { rows, columns, mut bad, .. } = table;
    let mut rows: Vec<(Row, Target)> = {
        let (targets, refused) = Matching::of(known, columns).targets(rows);
        bad.extend(refused);
        targets
    };
    // A row that is rejected gives up no card, so that others may have to be rejected, too.
    let deactivated = loop {
        let deactivated = match mode {
            Mode::Merge => Vec::new(),
            Mode::Replace => missing(known, &rows, &bad, spared),
        };
        let conflicts = card_conflicts(known, &rows, columns, &deactivated);
        if conflicts.is_empty() {
            break deactivated;
        }
        let mut index = 0;
        rows.retain(|(row, _)| {
            let reason = conflicts.get(&index);
            index += 1;
            bad.extend(reason.map(|reason| Bad::of(row, reason.clone())));
            reason.is_none()
        });
    };
    let mut decided =
        Decided { deactivated: deactivated.into_iter().map(|index| known[index].id).collect(), ..Decided::default() };
    for (row, target) in rows {
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
    decided.rejected = bad.into_iter().map(|bad| bad.rejected).collect();
    decided.rejected.sort_by_key(|rejected| rejected.line);
    decided
}

/// Rows after which two active students of the school would hold one card, and in whose way that is. Whoever held it before
/// keeps it.
fn card_conflicts(
    known: &[Known],
    rows: &[(Row, Target)],
    columns: Columns,
    deactivated: &[usize],
) -> HashMap<usize, String> {
    let mut in_file = HashMap::new();
    for (index, (_, target)) in rows.iter().enumerate() {
        if let Target::Known(student) = target {
            in_file.insert(*student, index);
        }
    }
    let leaves: HashSet<usize> = deactivated.iter().copied().collect();
    // Whoever keeps his card comes first: all others are in his way.
    let mut holders: HashMap<i64, String> = HashMap::new();
    for (index, student) in known.iter().enumerate().filter(|(_, student)| student.is_active && !student.is_elsewhere) {
        let Some(card) = student.card() else { continue };
        let keeps = match in_file.get(&index) {
            Some(row) => rows[*row].0.onto(&student.fields(), columns).active_card() == Some(card),
            None => !leaves.contains(&index),
        };
        if keeps {
            let who = || format!("{} (student {})", student.full_name, student.id);
            holders.entry(card).or_insert_with(who);
        }
    }
    let mut conflicts = HashMap::new();
    for (index, (row, target)) in rows.iter().enumerate() {
        let (before, after) = match target {
            Target::New => (None, row.fields()),
            Target::Known(student) => {
                let before = known[*student].fields();
                let after = row.onto(&before, columns);
                (before.active_card().filter(|_| !known[*student].is_elsewhere), after)
            }
        };
        let Some(card) = after.active_card().filter(|card| before != Some(*card)) else { continue };
        if let Some(holder) = holders.get(&card) {
            conflicts.insert(index, format!("rfid_card_id: {holder} has this card"));
        } else {
            holders.insert(card, format!("{} on line {}", row.full_name, row.line));
        }
    }
    conflicts
}

/// More unreadable lines than this, and nobody can be said to be missing.
const UNREADABLE: usize = 100;

/// Active students who are not in the file. Whom a rejected line may mean is not missing.
fn missing(known: &[Known], rows: &[(Row, Target)], bad: &[Bad], spared: &HashSet<String>) -> Vec<usize> {
    let mut present = HashSet::new();
    for (_, target) in rows {
        if let Target::Known(index) = target {
            present.insert(*index);
        }
    }
    let mut ids: HashSet<&str> = spared.iter().map(|id| &**id).collect();
    let (mut names, mut cards, mut unreadable) = (HashSet::new(), HashSet::new(), Vec::new());
    for bad in bad {
        match &bad.about {
            About::Student { full_name, card, oneroster_id } => {
                ids.extend(oneroster_id.as_deref());
                names.insert(search::fold(full_name));
                cards.extend(*card);
            }
            About::Unreadable { text } => unreadable.push(words(text)),
        }
    }
    if unreadable.len() > UNREADABLE {
        return Vec::new();
    }
    let is_in = |text: &str| {
        let text = words(text);
        unreadable.iter().any(|line| line.contains(&text))
    };
    let is_spared = |student: &Known| {
        student.oneroster_id.as_deref().is_some_and(|id| ids.contains(id))
            || student.card().is_some_and(|card| cards.contains(&card))
            || names.contains(&search::fold(&student.full_name))
            || (!unreadable.is_empty()
                && (is_in(&student.full_name) || student.rfid_card_id.as_deref().is_some_and(is_in)))
    };
    let active = known.iter().enumerate().filter(|(_, student)| student.is_active && !student.is_elsewhere);
    active.filter(|(index, student)| !present.contains(index) && !is_spared(student)).map(|(index, _)| index).collect()
}

/// The words of a text between blanks, whatever separates them.
fn words(text: &str) -> String {
    let words = search::fold(text);
    let words = words.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    format!(" {} ", words.collect::<Vec<_>>().join(" "))
}

impl Known {
    pub(super) fn card(&self) -> Option<i64> {
        self.rfid_card_id.as_deref().and_then(card_number)
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
    fn active_card(&self) -> Option<i64> {
        self.rfid_card_id.as_deref().filter(|_| self.is_active).and_then(card_number)
    }
}

impl Row {
    fn fields(&self) -> Fields {
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
    fn onto(&self, before: &Fields, columns: Columns) -> Fields {
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
}

impl Bad {
    pub(super) fn of(row: &Row, reason: String) -> Bad {
        let about = About::Student {
            full_name: row.full_name.clone(),
            card: row.card.as_ref().map(|card| card.number),
            oneroster_id: row.oneroster_id.clone(),
        };
        Bad { rejected: Rejected { line: row.line, reason }, about }
    }
}
