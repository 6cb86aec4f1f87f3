//! Which student a row means. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Mode,
    decide::Known,
    doubts::Doubts,
    table::{Bad, Columns, Row},
};
use crate::school::{names, search};

/// Whom a row means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    New,
    /// By place among those who are known.
    Known(usize),
}

impl Target {
    pub(super) fn known(self) -> Option<usize> {
        match self {
            Target::New => None,
            Target::Known(index) => Some(index),
        }
    }
}

/// The students whom the database has, by card and by name.
pub(super) struct Matching<'a> {
    known: &'a [Known],
    columns: Columns,
    by_oneroster: HashMap<&'a str, usize>,
    by_card: HashMap<i64, Vec<usize>>,
    by_name: HashMap<Key, Vec<usize>>,
    /// Active students by their names alone, folded, where the file speaks of the whole school; else nobody.
    by_name_alone: HashMap<String, Vec<usize>>,
}

/// Name, class, section and roll number, as far as the file has columns for them.
type Key = (String, Option<String>, Option<String>, Option<String>);

impl<'a> Matching<'a> {
    pub(super) fn of(known: &'a [Known], columns: Columns, mode: Mode) -> Matching<'a> {
        let mut by_card: HashMap<i64, Vec<usize>> = HashMap::new();
        let mut by_name: HashMap<Key, Vec<usize>> = HashMap::new();
        let mut by_oneroster = HashMap::new();
        let mut by_name_alone: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, student) in known.iter().enumerate() {
            if let Some(id) = &student.oneroster_id {
                by_oneroster.insert(&**id, index);
            }
            if student.is_elsewhere {
                continue;
            }
            if let Some(card) = student.card() {
                by_card.entry(card).or_default().push(index);
            }
            if student.is_active && mode == Mode::Replace {
                by_name_alone.entry(search::fold(&student.full_name)).or_default().push(index);
            }
            // Another program may have written blanks around it.
            let name = names::clean(&student.full_name).unwrap_or_else(|_| student.full_name.clone());
            let (class, section) = (student.class_name.as_ref(), student.section_name.as_ref());
            by_name.entry(key(columns, &name, class, section, student.roll_number.as_ref())).or_default().push(index);
        }
        Matching { known, columns, by_oneroster, by_card, by_name, by_name_alone }
    }

    /// For each row whom it means. Rows that contradict each other, or may mean several people, are refused.
    pub(super) fn targets(&self, rows: Vec<Row>, doubts: &Doubts) -> (Vec<(Row, Target)>, Vec<Bad>) {
        let mut refused = Vec::new();
        let rows = once(rows, &mut refused);
        let mut in_file: HashMap<String, usize> = HashMap::new();
        for row in &rows {
            *in_file.entry(search::fold(&row.full_name)).or_default() += 1;
        }
        let has_line =
            |student: &Known| in_file.contains_key(&search::fold(&student.full_name)) || doubts.may_mean(student);
        let rows = alone(rows, &mut refused);
        let only: Vec<Option<usize>> = rows.iter().map(|row| self.only_namesake(row, &in_file, doubts)).collect();
        // Whom a card shows is not looked for by name any more: of two with one name, he is the other.
        let by_card = |(row, only): (&Row, &Option<usize>)| {
            self.by_oneroster(row).or_else(|| self.by_card(row, |student| only.is_some() || has_line(student)))
        };
        let by_card: Vec<Option<usize>> = rows.iter().zip(&only).map(by_card).collect();
        let shown: HashSet<usize> = by_card.iter().copied().flatten().collect();
        let mut found = Vec::new();
        for (row, (by_card, only)) in rows.into_iter().zip(by_card.into_iter().zip(only)) {
            let target = match by_card {
                Some(student) => Ok(Target::Known(student)),
                None => self.by_name(&row, &shown, only),
            };
            match target {
                Ok(target) => found.push((row, target)),
                Err(reason) => refused.push(Bad::of(&row, reason)),
            }
        }
        let found = one_each(self.known, found, &mut refused);
        (found, refused)
    }

    fn by_oneroster(&self, row: &Row) -> Option<usize> {
        self.by_oneroster.get(row.oneroster_id.as_deref()?).copied()
    }

    /// Whether a row can mean this student at all: not when both have an id, and not the same.
    fn may_mean(&self, row: &Row, index: usize) -> bool {
        row.oneroster_id.is_none() || self.known[index].oneroster_id.is_none()
    }

    /// Where the file speaks of the whole school: the student of the row's name, if it is one's alone in the school and on one
    /// line only.
    fn only_namesake(&self, row: &Row, in_file: &HashMap<String, usize>, doubts: &Doubts) -> Option<usize> {
        let name = search::fold(&row.full_name);
        let &[student] = &**self.by_name_alone.get(&name)? else { return None };
        let is_only = in_file.get(&name) == Some(&1) && !doubts.may_name(&self.known[student]);
        (is_only && self.may_mean(row, student)).then_some(student)
    }

    /// The student whom the row's card shows: he has its name as well, or nobody has it, and no line may mean him by his.
    /// Of namesakes the card tells whom the row means, whatever their classes were.
    fn by_card(&self, row: &Row, may_not_be_renamed: impl Fn(&Known) -> bool) -> Option<usize> {
        let holders = self.by_card.get(&row.card.as_ref()?.number)?;
        let named = self.named(row);
        let name = search::fold(&row.full_name);
        let is_active = |index: &usize| self.known[*index].is_active;
        let is_same = |index: &&usize| {
            named.contains(index) || is_active(index) && search::fold(&self.known[**index].full_name) == name
        };
        // Whoever is active and all that the row says; else one who is active as the row is.
        let rank = |index: &&usize| {
            let is_active = is_active(index);
            (!is_active || !named.contains(index), is_active != row.is_active)
        };
        let same = holders.iter().filter(is_same).min_by_key(rank);
        let active = || holders.iter().find(|index| is_active(index));
        let renamed = || active().filter(|index| named.is_empty() && !may_not_be_renamed(&self.known[**index]));
        same.or_else(renamed).copied().filter(|index| self.may_mean(row, *index))
    }

    fn by_name(&self, row: &Row, shown: &HashSet<usize>, only: Option<usize>) -> Result<Target, String> {
        let is_meant = |index: &usize| !shown.contains(index) && self.may_mean(row, *index);
        let named: Vec<usize> = self.named(row).iter().copied().filter(is_meant).collect();
        let active: Vec<usize> = named.iter().copied().filter(|index| self.known[*index].is_active).collect();
        // Also before a former student who was in the class that he comes to.
        if active.is_empty()
            && let Some(student) = only.filter(|student| !shown.contains(student))
        {
            return Ok(Target::Known(student));
        }
        match (&*active, &*named) {
            ([student], _) | ([], [student]) => Ok(Target::Known(*student)),
            ([], []) => Ok(Target::New),
            ([], several) | (several, _) => {
                let ids: Vec<String> = several.iter().map(|index| self.known[*index].id.to_string()).collect();
                Err(format!(
                    "ambiguous: students {} are all called {}; give the card that one of them has, or a roll number",
                    ids.join(", "),
                    row.full_name
                ))
            }
        }
    }

    fn named(&self, row: &Row) -> &[usize] {
        let (class, section) = (row.class_name.as_ref(), row.section_name.as_ref());
        let key = key(self.columns, &row.full_name, class, section, row.roll_number.as_ref());
        self.by_name.get(&key).map_or(&[], |found| found)
    }
}

fn key(columns: Columns, name: &str, class: Option<&String>, section: Option<&String>, roll: Option<&String>) -> Key {
    let given = |is_there: bool, text: Option<&String>| text.filter(|_| is_there).cloned();
    (
        name.to_owned(),
        given(columns.class_name, class),
        given(columns.section_name, section),
        given(columns.roll_number, roll),
    )
}

/// Rows that say the same twice count once.
fn once(rows: Vec<Row>, refused: &mut Vec<Bad>) -> Vec<Row> {
    let mut said: HashMap<Row, usize> = HashMap::new();
    let mut rows = rows;
    rows.retain(|row| {
        let first = said.entry(Row { line: 0, ..row.clone() }).or_insert(row.line);
        if *first != row.line {
            refused.push(Bad::of(row, format!("line {first} says the same")));
        }
        *first == row.line
    });
    rows
}

/// Of rows that give one card to several active students none is right.
fn alone(rows: Vec<Row>, refused: &mut Vec<Bad>) -> Vec<Row> {
    let mut rows = rows;
    let mut by_card: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_active) {
        if let Some(card) = &row.card {
            by_card.entry(card.number).or_default().push(row.line);
        }
    }
    rows.retain(|row| {
        let card = row.card.as_ref().filter(|_| row.is_active).map(|card| card.number);
        let others = card.and_then(|card| by_card.get(&card)).and_then(|lines| other(lines, row.line));
        refused.extend(others.map(|line| Bad::of(row, format!("rfid_card_id: line {line} has the same card"))));
        others.is_none()
    });
    rows
}

/// Two rows that mean one student say different things of him.
fn one_each(known: &[Known], found: Vec<(Row, Target)>, refused: &mut Vec<Bad>) -> Vec<(Row, Target)> {
    let mut lines: HashMap<usize, Vec<usize>> = HashMap::new();
    for (row, target) in &found {
        if let Target::Known(student) = target {
            lines.entry(*student).or_default().push(row.line);
        }
    }
    let mut found = found;
    found.retain(|(row, target)| {
        let Target::Known(student) = target else { return true };
        let Some(line) = lines.get(student).and_then(|lines| other(lines, row.line)) else { return true };
        let Known { id, full_name, .. } = &known[*student];
        let reason = format!("ambiguous: line {line} means {full_name} (student {id}), too, and says something else");
        refused.push(Bad::of(row, reason));
        false
    });
    found
}

fn other(lines: &[usize], own: usize) -> Option<usize> {
    lines.iter().copied().find(|line| *line != own)
}
