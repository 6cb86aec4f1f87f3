//! A roster from a file: read ([`table`]), decided ([`decide`]), written ([`Plan::write`]), each apart.
//!
//! | word | means |
//! |---|---|
//! | row | what one line of the file says of one student |
//! | known | a student whom the database has |
//! | plan | what the file makes of the school: pure, so that a dry run shows exactly what would be written |
//! | rejected | a line that is not applied, with the reason; the others are |
//!
//! Invariant: a line that was rejected changes nobody. The student whom it may mean stays as he is, also where the others
//! who are missing from the file are deactivated.

mod cards;
pub mod decide;
mod doubts;
pub mod drafts;
mod matching;
mod missing;
pub mod oneroster;
pub mod preview;
pub mod progress;
pub mod runs;
pub mod table;
mod text;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    decide::{Decided, Known},
    doubts::Doubts,
    table::Table,
};
use super::{SchoolId, StudentId, schools};
use crate::store::{self, Tx};

/// What becomes of students who are not in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They stay as they are.
    #[default]
    Merge,
    /// They are deactivated.
    Replace,
}

/// A line that was not applied.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Rejected {
    /// As editors count it: the header is line 1.
    pub line: usize,
    /// For a person.
    pub reason: String,
}

/// What an import did, or would do.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Report {
    pub added: usize,
    pub changed: usize,
    /// Lines that say what the database says already.
    pub unchanged: usize,
    /// Active students who are not in the file, with `mode=replace`.
    pub deactivated: usize,
    pub rejected: Vec<Rejected>,
    /// Columns of the file that mean nothing here.
    pub unknown_columns: Vec<String>,
    /// Classes of the file that the school did not have.
    pub new_classes: usize,
    pub new_sections: usize,
    /// How the file's bytes were read.
    pub encoding: &'static str,
}

impl Report {
    /// Students whose rows are written.
    pub fn students(&self) -> usize {
        self.added + self.changed + self.deactivated
    }
}

/// What is stored of a student.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fields {
    pub full_name: String,
    pub rfid_card_id: Option<String>,
    pub class_name: Option<String>,
    pub section_name: Option<String>,
    pub roll_number: Option<String>,
    pub is_active: bool,
    pub oneroster_id: Option<String>,
}

/// Somebody who belongs on the school's terminals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Belonging {
    pub full_name: String,
    pub rfid_card_id: String,
}

/// What the file makes of a school.
#[derive(Debug)]
pub struct Plan {
    school: SchoolId,
    added: Vec<Fields>,
    changed: BTreeMap<StudentId, Fields>,
    deactivated: Vec<StudentId>,
    unchanged: usize,
    rejected: Vec<Rejected>,
    /// Classes that the file names, whether or not it has students for them.
    classes: BTreeSet<String>,
    known: Vec<Known>,
    placements: write::Placements,
    unknown_columns: Vec<String>,
    encoding: &'static str,
}

/// Nobody changes the school's roster before the transaction ends. Whoever writes a plan takes this before making it.
pub async fn lock(tx: &mut Tx, school: SchoolId) -> store::Result<()> {
    lock_all(tx, &BTreeSet::from([school])).await
}

/// The same of several schools: all students before the first school. Whoever edits one student locks him and then a school,
/// which may be another than his.
async fn lock_all(tx: &mut Tx, all: &BTreeSet<SchoolId>) -> store::Result<()> {
    for school in all {
        write::lock_students(tx, *school).await?;
    }
    for school in all {
        schools::lock(tx, *school).await?;
    }
    Ok(())
}

/// Decides what a file makes of a school. `None` when there is no such school.
pub async fn plan(tx: &mut Tx, school: SchoolId, table: Table, mode: Mode) -> store::Result<Option<Plan>> {
    if schools::find(tx, school).await?.is_none() {
        return Ok(None);
    }
    let known = write::known(tx, school).await?;
    let placements = write::Placements::of(tx, school).await?;
    let (unknown_columns, encoding) = (table.unknown_columns.clone(), table.encoding);
    let decided = decide::decide(&known, table, mode, &Doubts::default());
    Ok(Some(Plan { unknown_columns, encoding, ..Plan::of(school, known, placements, decided) }))
}

impl Plan {
    fn of(school: SchoolId, known: Vec<Known>, placements: write::Placements, decided: Decided) -> Plan {
        let Decided { added, changed, deactivated, unchanged, bad } = decided;
        Plan {
            school,
            added,
            changed,
            deactivated,
            unchanged,
            rejected: bad.into_iter().map(|bad| bad.rejected).collect(),
            classes: BTreeSet::new(),
            known,
            placements,
            unknown_columns: Vec::new(),
            encoding: "UTF-8",
        }
    }

    /// Whether there is anything to write.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.deactivated.is_empty() && self.missing().0.is_empty()
    }

    pub fn report(&self) -> Report {
        let (new_classes, new_sections) = self.missing();
        Report {
            added: self.added.len(),
            changed: self.changed.len(),
            unchanged: self.unchanged,
            deactivated: self.deactivated.len(),
            rejected: self.rejected.clone(),
            unknown_columns: self.unknown_columns.clone(),
            new_classes: new_classes.len(),
            new_sections: new_sections.len(),
            encoding: self.encoding,
        }
    }

    /// Who belongs on the school's terminals once this is written: those whom the database knows, and how many it does not
    /// know yet.
    pub fn belonging(&self) -> (BTreeMap<StudentId, Belonging>, usize) {
        let mut after = belonging(self.known.iter().filter(|known| !self.changed.contains_key(&known.id)));
        for (id, fields) in &self.changed {
            after.extend(fields.belonging().map(|belonging| (*id, belonging)));
        }
        for id in &self.deactivated {
            after.remove(id);
        }
        (after, self.added.iter().filter(|fields| fields.belonging().is_some()).count())
    }
}

/// Who of these belongs on terminals.
fn belonging<'a>(students: impl Iterator<Item = &'a Known>) -> BTreeMap<StudentId, Belonging> {
    students.filter_map(|known| Some((known.id, known.fields().belonging()?))).collect()
}

impl Fields {
    fn belonging(&self) -> Option<Belonging> {
        let rfid_card_id = self.rfid_card_id.clone().filter(|card| !card.trim().is_empty() && self.is_active)?;
        Some(Belonging { full_name: self.full_name.clone(), rfid_card_id })
    }
}
