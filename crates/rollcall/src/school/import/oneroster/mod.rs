//! OneRoster 1.1 and 1.2, the files that school administration programs write: several schools at once, everybody with an
//! identifier that stays.
//!
//! A school, a class or a student whom we know by that identifier is renamed, moved or deactivated; one without is adopted as
//! a row of a CSV file would be (a school and a class by name, a school only where no other may be meant), and has the
//! identifier from then on.

mod package;
mod people;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

pub use self::package::Package;
use self::people::OfSchool;
use super::{
    Belonging, Mode, Plan, Rejected, Report, decide,
    decide::Known,
    preview::{self, Preview},
    progress::Progress,
    write,
};
use crate::{
    school::{
        SchoolId, StudentId,
        schools::{self, NewSchool},
    },
    store::{self, Tx},
};

/// Where a set has its cards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cards {
    /// In the column `metadata.rfid_card_id` of users.csv.
    #[default]
    Metadata,
    /// In the column `identifier` of users.csv.
    Identifier,
}

impl Cards {
    fn column(self) -> &'static str {
        match self {
            Cards::Metadata => "metadata.rfid_card_id",
            Cards::Identifier => "identifier",
        }
    }
}

/// Why a set is refused as a whole.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    #[error("this is no zip file that can be read")]
    NoZip,
    #[error("there is no manifest.csv that names oneroster.version: is this a set of OneRoster files?")]
    NoManifest,
    #[error("OneRoster {0} is not known here: 1.1 and 1.2 are")]
    Version(String),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("orgs.csv names no org of type school")]
    NoSchool,
    #[error("{0} is not UTF-8, which OneRoster asks for")]
    NotUtf8(&'static str),
    #[error("{0} cannot be read: {1}")]
    Unreadable(&'static str, String),
    #[error("{0} is larger than 200 MB")]
    Large(&'static str),
}

/// What a set did, or would do, to one school.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct SchoolReport {
    /// `null` for a school that a dry run would make.
    pub school_id: Option<SchoolId>,
    pub name: String,
    pub is_new: bool,
    pub added: usize,
    pub changed: usize,
    pub unchanged: usize,
    pub deactivated: usize,
}

/// A set, read.
#[derive(Debug)]
pub struct Roster(Vec<OfSchool>);

/// What a set makes of the schools.
#[derive(Debug)]
pub struct Plans(Vec<SchoolPlan>);

#[derive(Debug)]
struct SchoolPlan {
    oneroster_id: String,
    name: String,
    /// As it is; `None` when it is to be made.
    known: Option<KnownSchool>,
    /// Classes that exist, with their new title and identifier.
    classes: Vec<ClassChange>,
    /// Identifiers of classes by title, for those that are to be made.
    titles: Vec<(String, String)>,
    plan: Plan,
}

#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
struct KnownSchool {
    id: SchoolId,
    name: String,
    oneroster_id: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
struct KnownClass {
    class_name: String,
    oneroster_id: Option<String>,
}

#[derive(Debug)]
struct ClassChange {
    before: String,
    title: String,
    oneroster_id: String,
}

impl Roster {
    pub fn read(package: &Package, cards: Cards) -> Result<Roster, Error> {
        people::read(package, cards).map(Roster)
    }
}

const SCHOOLS: &str = "SELECT id, name, oneroster_id FROM schools WHERE deleted_at IS NULL ORDER BY id";
const MOVED: &str = "
WITH v(oneroster_id, school_id) AS (VALUES {rows})
SELECT students.id, full_name, rfid_card_id, CAST(NULL AS TEXT) AS class_name, CAST(NULL AS TEXT) AS section_name,
  roll_number, is_active, students.oneroster_id, TRUE AS is_elsewhere
FROM v JOIN students ON students.oneroster_id = v.oneroster_id
WHERE deleted_at IS NULL AND students.school_id <> v.school_id";

/// Locks the schools that a set names, in the order of their ids. Whoever writes its plans takes this before making them.
pub async fn lock(tx: &mut Tx, roster: &Roster) -> store::Result<()> {
    let all: Vec<KnownSchool> = tx.all(SCHOOLS, []).await?;
    for school in all.iter().filter(|school| roster.0.iter().any(|named| named.is(school))) {
        super::lock(tx, school.id).await?;
    }
    Ok(())
}

/// Decides what a set makes of the schools.
pub async fn plan(tx: &mut Tx, roster: Roster, mode: Mode) -> store::Result<Plans> {
    let all: Vec<KnownSchool> = tx.all(SCHOOLS, []).await?;
    // Whose line cannot be read may come from another school of the set: he is not missing there.
    let spared: HashSet<String> = roster.0.iter().flat_map(OfSchool::rejected).cloned().collect();
    let by_id = |named: &OfSchool| all.iter().find(|school| school.oneroster_id.as_ref() == Some(&named.oneroster_id));
    // Of several of one name nobody can say which it is.
    let by_name = |named: &OfSchool| {
        let mut there = all.iter().filter(|school| named.is(school));
        let mut others = roster.0.iter().filter(|other| other.oneroster_id != named.oneroster_id);
        let is_one = !others.any(|other| other.name == named.name && by_id(other).is_none());
        there.next().filter(|_| is_one && there.next().is_none())
    };
    let found: Vec<Option<KnownSchool>> =
        roster.0.iter().map(|named| by_id(named).or_else(|| by_name(named)).cloned()).collect();
    let schools: Vec<(OfSchool, Option<KnownSchool>)> = roster.0.into_iter().zip(found).collect();

    // Who changes school leaves the one before he is looked for in the other.
    let mut arriving: HashMap<usize, Vec<Known>> = HashMap::new();
    let mut leaving: BTreeSet<StudentId> = BTreeSet::new();
    for (index, (named, known)) in schools.iter().enumerate() {
        let school = known.as_ref().map_or(SchoolId(0), |known| known.id);
        let rows = named.table.rows.iter().map(|row| vec![row.oneroster_id.clone().into(), school.into()]);
        let moved: Vec<Known> = tx.all_rows(MOVED, &[], rows.collect()).await?;
        leaving.extend(moved.iter().map(|student| student.id));
        arriving.insert(index, moved);
    }
    let mut plans = Vec::new();
    for (index, (named, known)) in schools.into_iter().enumerate() {
        let arriving = arriving.remove(&index).unwrap_or_default();
        plans.push(SchoolPlan::make(tx, named, known, arriving, &leaving, (mode, &spared)).await?);
    }
    Ok(Plans(plans))
}

const CLASSES: &str = "SELECT class_name, oneroster_id FROM classes WHERE school_id = $1 ORDER BY id";

impl SchoolPlan {
    async fn make(
        tx: &mut Tx,
        named: OfSchool,
        school: Option<KnownSchool>,
        arriving: Vec<Known>,
        leaving: &BTreeSet<StudentId>,
        (mode, spared): (Mode, &HashSet<String>),
    ) -> store::Result<SchoolPlan> {
        let id = school.as_ref().map_or(SchoolId(0), |school| school.id);
        let known_classes: Vec<KnownClass> = tx.all(CLASSES, [id.into()]).await?;
        let classes = class_changes(&known_classes, &named.classes);
        let titles: HashMap<&str, &str> = classes.iter().map(|change| (&*change.before, &*change.title)).collect();
        let mut known = write::known(tx, id).await?;
        known.retain(|student| !leaving.contains(&student.id));
        for student in &mut known {
            if let Some(title) = student.class_name.as_deref().and_then(|class| titles.get(class)) {
                student.class_name = Some((*title).to_owned());
            }
        }
        known.extend(arriving);
        let mut placements = write::Placements::of(tx, id).await?;
        placements.rename(&titles);
        let decided = decide::decide(&known, named.table, mode, spared);
        let plan = Plan {
            school: id,
            added: decided.added,
            changed: decided.changed,
            deactivated: decided.deactivated,
            unchanged: decided.unchanged,
            rejected: decided.rejected,
            classes: named.classes.iter().map(|(_, title)| title.clone()).collect(),
            known,
            placements,
            unknown_columns: Vec::new(),
            encoding: "UTF-8",
        };
        let titles = named.classes.into_iter().map(|(id, title)| (title, id)).collect();
        Ok(SchoolPlan { oneroster_id: named.oneroster_id, name: named.name, known: school, classes, titles, plan })
    }

    /// Its name, or that another program knows it.
    fn changes_school(&self) -> bool {
        self.known
            .as_ref()
            .is_none_or(|known| known.name != self.name || known.oneroster_id.as_ref() != Some(&self.oneroster_id))
    }

    fn is_empty(&self) -> bool {
        self.plan.is_empty() && self.classes.is_empty() && !self.changes_school()
    }
}

/// Classes that get another title or an identifier. All change at once, so that 5a may become 6a and 6a 7a; a title that a
/// class keeps is not given to another.
fn class_changes(known: &[KnownClass], named: &[(String, String)]) -> Vec<ClassChange> {
    let mut pairs: Vec<(&KnownClass, &String, &String)> = Vec::new();
    for (id, title) in named {
        let by_id = known.iter().find(|class| class.oneroster_id.as_ref() == Some(id));
        let adopted = || known.iter().find(|class| class.oneroster_id.is_none() && class.class_name == *title);
        pairs.extend(by_id.or_else(adopted).map(|class| (class, id, title)));
    }
    let changing = |class: &KnownClass| pairs.iter().any(|(other, ..)| other.class_name == class.class_name);
    let kept = known.iter().filter(|class| !changing(class));
    let mut taken: BTreeSet<&str> = kept.map(|class| &*class.class_name).collect();
    let mut changes = Vec::new();
    for (class, id, title) in &pairs {
        let is_new = class.class_name != **title || class.oneroster_id.is_none();
        if taken.insert(title.as_str()) && is_new {
            let before = class.class_name.clone();
            changes.push(ClassChange { before, title: (*title).clone(), oneroster_id: (*id).clone() });
        }
    }
    changes
}

impl OfSchool {
    /// Whether this is that school: by its identifier, else by name where it has none.
    fn is(&self, school: &KnownSchool) -> bool {
        match &school.oneroster_id {
            Some(id) => *id == self.oneroster_id,
            None => school.name == self.name,
        }
    }
}

const NAME_SCHOOL: &str = "UPDATE schools SET name = $2, oneroster_id = $3, updated_at = $4 WHERE id = $1";
const NAME_CLASSES: &str = "
WITH v(class_name, title, oneroster_id) AS (VALUES {rows})
UPDATE classes SET class_name = v.title, oneroster_id = v.oneroster_id FROM v
WHERE classes.school_id = $1 AND classes.class_name = v.class_name";
const MARK_CLASSES: &str = "
WITH v(title, oneroster_id) AS (VALUES {rows})
UPDATE classes SET oneroster_id = v.oneroster_id FROM v
WHERE classes.school_id = $1 AND classes.class_name = v.title AND classes.oneroster_id IS NULL";

impl Plans {
    /// Everybody of all schools.
    pub fn preview(&self) -> Preview {
        let mut all = Preview { fingerprint: self.fingerprint(), ..Preview::default() };
        for Preview { added, changed, deactivated, .. } in self.0.iter().map(|school| school.plan.preview()) {
            all.added.extend(added);
            all.changed.extend(changed);
            all.deactivated.extend(deactivated);
        }
        all
    }

    /// The same for the same plans over the same students.
    pub fn fingerprint(&self) -> String {
        let of_school = |school: &SchoolPlan| {
            let SchoolPlan { oneroster_id, name, known, classes, titles, plan } = school;
            preview::fingerprint(&(oneroster_id, name, known, classes, titles, plan.fingerprint()))
        };
        preview::fingerprint(&self.0.iter().map(of_school).collect::<Vec<String>>())
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(SchoolPlan::is_empty)
    }

    /// Writes everything, in the transaction in which it was made, and counts the students. What follows on terminals is queued
    /// afterwards.
    pub async fn write(&mut self, tx: &mut Tx, progress: &Progress, now: Timestamp) -> Result<(), schools::Error> {
        for school in self.0.iter_mut().filter(|school| !school.is_empty()) {
            let id = if let Some(known) = &school.known {
                known.id
            } else {
                let new = NewSchool { name: school.name.clone(), ..NewSchool::default() };
                schools::create(tx, new, now).await?.id
            };
            school.plan.school = id;
            if school.changes_school() {
                let values = [id.into(), (&*school.name).into(), (&*school.oneroster_id).into(), now.into()];
                tx.execute(NAME_SCHOOL, values).await?;
            }
            let rows = school
                .classes
                .iter()
                .map(|change| vec![(&*change.before).into(), (&*change.title).into(), (&*change.oneroster_id).into()]);
            tx.execute_rows(NAME_CLASSES, &[id.into()], rows.collect()).await?;
            school.plan.write(tx, progress, now).await?;
            let rows = school.titles.iter().map(|(title, id)| vec![(&**title).into(), (&**id).into()]);
            tx.execute_rows(MARK_CLASSES, &[id.into()], rows.collect()).await?;
        }
        Ok(())
    }

    /// All schools together. Lines are those of users.csv.
    pub fn report(&self) -> Report {
        let mut all = Report { encoding: "UTF-8", ..Report::default() };
        for school in &self.0 {
            let Report { added, changed, unchanged, deactivated, rejected, new_classes, .. } = school.plan.report();
            all.added += added;
            all.changed += changed;
            all.unchanged += unchanged;
            all.deactivated += deactivated;
            all.new_classes += new_classes;
            all.rejected.extend(rejected);
        }
        all.rejected.sort_by_key(|Rejected { line, .. }| *line);
        all
    }

    pub fn schools(&self) -> Vec<SchoolReport> {
        let report = |school: &SchoolPlan| {
            let Report { added, changed, unchanged, deactivated, .. } = school.plan.report();
            let school_id = Some(school.plan.school).filter(|id| id.0 != 0);
            let (name, is_new) = (school.name.clone(), school.known.is_none());
            SchoolReport { school_id, name, is_new, added, changed, unchanged, deactivated }
        };
        self.0.iter().map(report).collect()
    }

    /// Who belongs on the terminals of each school that there is, as [`Plan::belonging`] says it.
    pub fn belonging(&self) -> Vec<(SchoolId, BTreeMap<StudentId, Belonging>, usize)> {
        let existing = self.0.iter().filter(|school| school.known.is_some());
        existing
            .map(|school| {
                let (after, newcomers) = school.plan.belonging();
                (school.plan.school, after, newcomers)
            })
            .collect()
    }
}
