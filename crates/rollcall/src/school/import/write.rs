//! What an import reads of the database and writes there: a handful of statements, however long the file is.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::{Fields, Plan, decide::Known, progress::Progress};
use crate::{
    school::{ClassId, SchoolId, SectionId, derived::Derived},
    store::{Result, Tx, Value},
};

const LOCK: &str = "SELECT id FROM students WHERE school_id = $1 ORDER BY id";

/// Nobody changes a student of the school before the transaction ends.
pub(super) async fn lock_students(tx: &mut Tx, school: SchoolId) -> Result<()> {
    tx.lock(LOCK, [school.into()]).await
}

const KNOWN: &str = "
SELECT students.id, full_name, rfid_card_id, class_name, section_name, roll_number, is_active, students.oneroster_id,
  FALSE AS is_elsewhere
FROM students
LEFT JOIN classes ON classes.id = students.class_id
LEFT JOIN sections ON sections.id = students.section_id
WHERE students.school_id = $1 AND students.deleted_at IS NULL
ORDER BY students.id";

pub(super) async fn known(tx: &mut Tx, school: SchoolId) -> Result<Vec<Known>> {
    tx.all(KNOWN, [school.into()]).await
}

/// The classes and sections of a school, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Placements {
    classes: HashMap<String, ClassId>,
    sections: HashMap<(String, String), SectionId>,
}

const CLASSES: &str = "SELECT class_name, id FROM classes WHERE school_id = $1 ORDER BY id DESC";
const SECTIONS: &str = "
SELECT class_name, section_name, sections.id FROM sections JOIN classes ON classes.id = class_id
WHERE school_id = $1 ORDER BY classes.id DESC, sections.id DESC";
const NEW_CLASSES: &str =
    "INSERT INTO classes (school_id, class_name, created_at) VALUES {rows} RETURNING class_name, id";
const NEW_SECTIONS: &str =
    "INSERT INTO sections (class_id, section_name, created_at) VALUES {rows} RETURNING class_id, section_name, id";

impl Placements {
    /// Of two with one name the older counts.
    pub(super) async fn of(tx: &mut Tx, school: SchoolId) -> Result<Placements> {
        let classes: Vec<(String, ClassId)> = tx.all(CLASSES, [school.into()]).await?;
        let sections: Vec<(String, String, SectionId)> = tx.all(SECTIONS, [school.into()]).await?;
        Ok(Placements {
            classes: classes.into_iter().collect(),
            sections: sections.into_iter().map(|(class, section, id)| ((class, section), id)).collect(),
        })
    }

    /// Classes are going to have other names, all at once.
    pub(super) fn rename(&mut self, titles: &HashMap<&str, &str>) {
        let title = |class: String| titles.get(&*class).map_or(class, |title| (*title).to_owned());
        self.classes = std::mem::take(&mut self.classes).into_iter().map(|(class, id)| (title(class), id)).collect();
        let sections = std::mem::take(&mut self.sections).into_iter();
        self.sections = sections.map(|((class, section), id)| ((title(class), section), id)).collect();
    }

    /// Names that the file or its students have and the school does not.
    fn missing<'a>(&self, named: &BTreeSet<String>, students: impl Iterator<Item = &'a Fields>) -> Missing {
        let mut classes = named.clone();
        classes.retain(|class| !self.classes.contains_key(class));
        let mut sections = BTreeSet::new();
        for student in students {
            let Some(class) = &student.class_name else { continue };
            if !self.classes.contains_key(class) {
                classes.insert(class.clone());
            }
            let Some(section) = &student.section_name else { continue };
            let section = (class.clone(), section.clone());
            if !self.sections.contains_key(&section) {
                sections.insert(section);
            }
        }
        (classes, sections)
    }

    /// Makes what is missing.
    async fn complete(&mut self, tx: &mut Tx, plan: &Missing, school: SchoolId, now: Timestamp) -> Result<()> {
        let (classes, sections) = plan;
        let rows = classes.iter().map(|class| vec![school.into(), class.clone().into(), now.into()]).collect();
        let made: Vec<(String, ClassId)> = tx.all_rows(NEW_CLASSES, &[], rows).await?;
        self.classes.extend(made);
        let class_of = |class: &String| self.classes.get(class).copied();
        let rows = sections
            .iter()
            .filter_map(|(class, section)| Some(vec![class_of(class)?.into(), section.clone().into(), now.into()]));
        let made: Vec<(ClassId, String, SectionId)> = tx.all_rows(NEW_SECTIONS, &[], rows.collect()).await?;
        let names: HashMap<ClassId, String> = self.classes.iter().map(|(name, id)| (*id, name.clone())).collect();
        self.sections.extend(
            made.into_iter().filter_map(|(class, section, id)| Some(((names.get(&class)?.clone(), section), id))),
        );
        Ok(())
    }

    fn class(&self, student: &Fields) -> Option<ClassId> {
        self.classes.get(student.class_name.as_ref()?).copied()
    }

    fn section(&self, student: &Fields) -> Option<SectionId> {
        let section = (student.class_name.clone()?, student.section_name.clone()?);
        self.sections.get(&section).copied()
    }
}

pub(super) type Missing = (BTreeSet<String>, BTreeSet<(String, String)>);

const ADD: &str = "
INSERT INTO students (full_name, rfid_card_id, roll_number, is_active, class_id, section_id, search_text, card_number,
  derived_from, oneroster_id, school_id, created_at, updated_at)
VALUES {rows}";
const CHANGE: &str = "
WITH v(full_name, rfid_card_id, roll_number, is_active, class_id, section_id, search_text, card_number, derived_from,
  oneroster_id, id) AS (VALUES {rows})
UPDATE students SET full_name = v.full_name, rfid_card_id = v.rfid_card_id, roll_number = v.roll_number,
  is_active = v.is_active, class_id = v.class_id, section_id = v.section_id, search_text = v.search_text,
  card_number = v.card_number, derived_from = v.derived_from, oneroster_id = v.oneroster_id, school_id = $2,
  updated_at = $1
FROM v WHERE students.id = v.id";
const DEACTIVATE: &str = "
WITH v(id) AS (VALUES {rows})
UPDATE students SET is_active = FALSE, updated_at = $1 FROM v WHERE students.id = v.id";

impl Plan {
    /// Classes and sections that are to be made.
    pub(super) fn missing(&self) -> Missing {
        self.placements.missing(&self.classes, self.added.iter().chain(self.changed.values()))
    }

    /// Writes the rows, in the transaction in which it was made, and counts them. What follows on terminals is queued
    /// afterwards, a transaction per terminal.
    pub async fn write(&self, tx: &mut Tx, progress: &Progress, now: Timestamp) -> Result<()> {
        let mut placements = self.placements.clone();
        let missing = self.missing();
        placements.complete(tx, &missing, self.school, now).await?;

        let added = self.added.iter().map(|student| {
            let mut row = columns(student, &placements);
            row.extend([self.school.into(), now.into(), now.into()]);
            row
        });
        write_rows(tx, ADD, &[], added.collect(), progress).await?;
        let changed = self.changed.iter().map(|(id, student)| {
            let mut row = columns(student, &placements);
            row.push((*id).into());
            row
        });
        write_rows(tx, CHANGE, &[now.into(), self.school.into()], changed.collect(), progress).await?;
        let deactivated = self.deactivated.iter().map(|id| vec![(*id).into()]);
        write_rows(tx, DEACTIVATE, &[now.into()], deactivated.collect(), progress).await
    }
}

/// Rows of one statement: after each it is said how far the writing is.
const STEP: usize = 1_000;

async fn write_rows(
    tx: &mut Tx,
    sql: &'static str,
    fixed: &[Value],
    rows: Vec<Vec<Value>>,
    progress: &Progress,
) -> Result<()> {
    let mut rows = rows.into_iter();
    while rows.len() > 0 {
        let step: Vec<Vec<Value>> = rows.by_ref().take(STEP).collect();
        let count = step.len();
        tx.execute_rows(sql, fixed, step).await?;
        progress.wrote(count);
        // The next statement is put together in one go: whoever else runs on this thread goes first.
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn columns(student: &Fields, placements: &Placements) -> Vec<Value> {
    let derived = Derived::of(&student.full_name, student.rfid_card_id.as_deref());
    vec![
        student.full_name.clone().into(),
        student.rfid_card_id.clone().into(),
        student.roll_number.clone().into(),
        student.is_active.into(),
        placements.class(student).into(),
        placements.section(student).into(),
        derived.search_text.into(),
        derived.card_number.into(),
        derived.derived_from.into(),
        student.oneroster_id.clone().into(),
    ]
}
