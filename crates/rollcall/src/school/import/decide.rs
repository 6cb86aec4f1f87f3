//! Which student each row means, and what becomes of him. Pure.
//!
//! A row means the student who holds its card, else the one with its name, class, section and roll number. Where the two
//! have different names, it means the second, and he gets the card if the first gives it up in the same file; else the row
//! is rejected. A card that only a former student holds is free, unless he has the row's name. In a file that replaces the
//! roster, a name that is one's alone in the school and on one line of the file suffices.

use std::collections::BTreeMap;

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

/// Whom a line that is rejected elsewhere may mean is not missing, though this table does not have him.
pub(super) fn decide(known: &[Known], table: Table, mode: Mode, elsewhere: &Doubts) -> Decided {
    let Table { rows, columns, mut bad, .. } = table;
    let mut doubts = elsewhere.clone();
    doubts.add(&bad);
    let (rows, refused) = Matching::of(known, columns, mode).targets(rows, &doubts);
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

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;
    use crate::school::import::table::CardCell;

    const NAMES: [&str; 5] = ["Aoi", "Bùi", "Çelik", "Đào", "Ēriks"];
    const CARDS: i64 = 6;

    fn card(number: i64) -> Option<String> {
        (number > 0).then(|| number.to_string())
    }

    fn known() -> impl Strategy<Value = Vec<Known>> {
        let student = (0..NAMES.len(), 0..3_usize, prop::bool::weighted(0.8));
        (prop::collection::vec(student, 0..7), Just((1..=CARDS).collect::<Vec<_>>()).prop_shuffle()).prop_map(
            |(students, cards)| {
                let student = |(index, (name, class, is_active)): (usize, (usize, usize, bool))| Known {
                    id: StudentId(i64::try_from(index).unwrap_or_default() + 1),
                    full_name: NAMES[name].to_owned(),
                    rfid_card_id: cards.get(index).copied().and_then(card),
                    class_name: Some(class.to_string()),
                    section_name: None,
                    roll_number: None,
                    is_active,
                    oneroster_id: None,
                    is_elsewhere: false,
                };
                students.into_iter().enumerate().map(student).collect()
            },
        )
    }

    fn table() -> impl Strategy<Value = Table> {
        let line = (0..NAMES.len(), 0..3_usize, 0..=CARDS, prop::bool::weighted(0.9), prop::bool::weighted(0.9));
        prop::collection::vec(line, 0..8).prop_map(|lines| {
            let columns = Columns { card: true, class_name: true, ..Columns::default() };
            let (mut rows, mut bad) = (Vec::new(), Vec::new());
            for (index, (name, class, number, is_active, is_read)) in lines.into_iter().enumerate() {
                let row = Row {
                    line: index + 2,
                    full_name: NAMES[name].to_owned(),
                    card: card(number).map(|text| CardCell { text, number }),
                    class_name: Some(class.to_string()),
                    section_name: None,
                    roll_number: None,
                    is_active,
                    oneroster_id: None,
                };
                if is_read {
                    rows.push(row);
                } else {
                    bad.push(Bad::of(&row, "it could not be read".to_owned()));
                }
            }
            Table { rows, columns, unknown_columns: Vec::new(), encoding: "UTF-8", bad }
        })
    }

    /// Everybody afterwards, the new ones last.
    fn after(known: &[Known], decided: &Decided) -> Vec<Fields> {
        let stored = known.iter().map(|student| {
            let fields = decided.changed.get(&student.id).cloned().unwrap_or_else(|| student.fields());
            Fields { is_active: fields.is_active && !decided.deactivated.contains(&student.id), ..fields }
        });
        stored.chain(decided.added.iter().cloned()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn nobody_shares_a_card_and_rejected_lines_change_nobody(
            known in known(), table in table(), replaces in any::<bool>(),
        ) {
            let mode = if replaces { Mode::Replace } else { Mode::Merge };
            let lines = table.rows.len() + table.bad.len();
            let named = |name: &str| -> (HashSet<Row>, bool) {
                let rows = table.rows.iter().filter(|row| row.full_name == name);
                let is_bad = |bad: &Bad| matches!(&bad.about, About::Student { full_name, .. } if full_name == name);
                (rows.map(|row| Row { line: 0, ..row.clone() }).collect(), table.bad.iter().any(is_bad))
            };
            let lines_of: HashMap<&str, (HashSet<Row>, bool)> = NAMES.map(|name| (name, named(name))).into();
            let rows: HashMap<usize, Row> = table.rows.iter().map(|row| (row.line, row.clone())).collect();
            let decided = decide(&known, table, mode, &Doubts::default());
            prop_assert_eq!(
                decided.added.len() + decided.changed.len() + decided.unchanged + decided.bad.len(),
                lines,
                "each line becomes of something"
            );

            let mut holders: HashMap<i64, String> = HashMap::new();
            for student in after(&known, &decided) {
                if let Some(card) = student.active_card() {
                    let other = holders.insert(card, student.full_name.clone());
                    prop_assert_eq!(other, None, "{} is of two", card);
                }
            }
            for bad in &decided.bad {
                let About::Student { full_name, card, .. } = &bad.about else { continue };
                for student in known.iter().filter(|student| student.full_name == *full_name) {
                    prop_assert!(!decided.deactivated.contains(&student.id), "line {}", bad.rejected.line);
                    let renamed = decided.changed.get(&student.id).is_some_and(|after| after.full_name != *full_name);
                    prop_assert!(!renamed, "line {}", bad.rejected.line);
                }
                // Only a card that somebody has is refused to a row that could be read.
                if bad.rejected.reason.ends_with("has this card") {
                    let row = &rows[&bad.rejected.line];
                    prop_assert!(row.is_active && holders.contains_key(&card.unwrap_or_default()), "{:?}", bad);
                }
            }
            for student in &known {
                let name = &*student.full_name;
                let active = known.iter().filter(|other| other.is_active && other.full_name == name).count();
                let (rows, is_bad) = &lines_of[name];
                let is_only = replaces && active == 1 && rows.len() == 1 && !is_bad;
                // Another name comes only with the card, where nobody has it and no line has his.
                if let Some(after) = decided.changed.get(&student.id).filter(|after| after.full_name != name) {
                    prop_assert!(student.is_active && rows.is_empty() && !is_bad, "{:?}", student);
                    prop_assert_eq!(student.card(), after.active_card().or_else(|| student.card()));
                    let others = known.iter().filter(|other| other.is_active && other.full_name == after.full_name);
                    let has_one_line = lines_of[&*after.full_name].0.len() == 1 && !lines_of[&*after.full_name].1;
                    prop_assert!(!(replaces && others.count() == 1 && has_one_line), "{:?} {:?}", student, after);
                }
                // Whose name is his alone is neither added anew nor deactivated, unless a former one has class and card.
                if is_only && student.is_active {
                    prop_assert!(decided.added.iter().all(|added| added.full_name != name), "{:?}", student);
                    let former = known.iter().filter(|other| !other.is_active && other.full_name == name);
                    let mut former = former.filter(|other| rows.iter().any(|row| {
                        row.class_name == other.class_name && row.card.as_ref().map(|card| card.number) == other.card()
                    }));
                    prop_assert!(!decided.deactivated.contains(&student.id) || former.next().is_some(), "{:?}", student);
                }
            }
        }
    }
}
