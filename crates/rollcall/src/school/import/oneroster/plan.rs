//! What a set makes of the schools: read, then decided for all of them together.
//!
//! Whoever changes school leaves the one before he is looked for in the other. Where his row is rejected there he stays, and
//! then nobody gets what he would have left: so all are decided again without that row.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{
    super::{
        Mode, Plan, Rejected,
        decide::{self, Decided, Known},
        doubts::Doubts,
        table::{About, Bad},
        write::{self, Placements},
    },
    OfSchool, Roster,
};
use crate::{
    school::{SchoolId, StudentId, import, search},
    store::{Result, Tx},
};

/// What a set makes of the schools.
#[derive(Debug)]
pub struct Plans {
    pub(super) schools: Vec<SchoolPlan>,
    /// Schools that the set does not name, and whose students it takes.
    pub(super) left: Vec<LeftSchool>,
    /// Lines that belong to no school.
    pub(super) rejected: Vec<Rejected>,
}

#[derive(Debug)]
pub(super) struct SchoolPlan {
    pub oneroster_id: String,
    pub name: String,
    /// As it is; `None` when it is to be made.
    pub known: Option<KnownSchool>,
    /// Classes that exist, with their new title and identifier.
    pub classes: Vec<ClassChange>,
    /// Identifiers of classes by title, for those that are to be made.
    pub titles: Vec<(String, String)>,
    pub plan: Plan,
    /// Students who go to another school of the set.
    pub left: usize,
}

#[derive(Debug)]
pub(super) struct LeftSchool {
    pub school: KnownSchool,
    /// Who stay.
    pub known: Vec<Known>,
    pub left: usize,
}

#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub(super) struct KnownSchool {
    pub id: SchoolId,
    pub name: String,
    pub oneroster_id: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
struct KnownClass {
    class_name: String,
    oneroster_id: Option<String>,
}

#[derive(Debug)]
pub(super) struct ClassChange {
    pub before: String,
    pub title: String,
    pub oneroster_id: String,
}

/// A school of the set, and what the database has of it.
struct Before {
    named: OfSchool,
    school: Option<KnownSchool>,
    classes: Vec<ClassChange>,
    placements: Placements,
    /// Its students, in classes by their new titles.
    own: Vec<Known>,
    arriving: Vec<Arriving>,
}

/// A student of another school, whom a row of this one names.
#[derive(Clone, Debug, sqlx::FromRow)]
struct Arriving {
    #[sqlx(flatten)]
    student: Known,
    from_school: SchoolId,
}

const SCHOOLS: &str = "SELECT id, name, oneroster_id FROM schools WHERE deleted_at IS NULL ORDER BY id";
const ARRIVING: &str = "
WITH v(oneroster_id, school_id) AS (VALUES {rows})
SELECT students.id, full_name, rfid_card_id, CAST(NULL AS TEXT) AS class_name, CAST(NULL AS TEXT) AS section_name,
  roll_number, is_active, students.oneroster_id, TRUE AS is_elsewhere, students.school_id AS from_school
FROM v JOIN students ON students.oneroster_id = v.oneroster_id
WHERE deleted_at IS NULL AND students.school_id <> v.school_id";
const FROM: &str = "
WITH v(oneroster_id) AS (VALUES {rows})
SELECT DISTINCT students.school_id FROM v JOIN students ON students.oneroster_id = v.oneroster_id
WHERE deleted_at IS NULL";

/// Locks the schools that a set names and those whose students it takes. Whoever writes its plans takes this before making
/// them.
pub async fn lock(tx: &mut Tx, roster: &Roster) -> Result<()> {
    let all: Vec<KnownSchool> = tx.all(SCHOOLS, []).await?;
    let named = all.iter().filter(|school| roster.schools.iter().any(|named| named.is(school)));
    let mut schools: BTreeSet<SchoolId> = named.map(|school| school.id).collect();
    let rows =
        roster.schools.iter().flat_map(|named| &named.table.rows).map(|row| vec![row.oneroster_id.clone().into()]);
    let from: Vec<(SchoolId,)> = tx.all_rows(FROM, &[], rows.collect()).await?;
    schools.extend(from.into_iter().map(|(school,)| school));
    import::lock_all(tx, &schools).await
}

/// Decides what a set makes of the schools.
pub async fn plan(tx: &mut Tx, roster: Roster, mode: Mode) -> Result<Plans> {
    let all: Vec<KnownSchool> = tx.all(SCHOOLS, []).await?;
    let found: Vec<Option<KnownSchool>> =
        roster.schools.iter().map(|named| known_school(named, &roster, &all)).collect();
    let Roster { schools: named, mut rejected, mut unplaced } = roster;
    let mut schools = Vec::new();
    for (named, school) in named.into_iter().zip(found) {
        if named.is_gone && school.is_none() {
            let reason = || "the student's school is tobedeleted in orgs.csv, and not known here".to_owned();
            unplaced.extend(named.table.rows.iter().map(|row| Bad::of(row, reason())));
            unplaced.extend(named.table.bad);
            continue;
        }
        schools.push(Before::read(tx, named, school).await?);
    }
    rejected.extend(of_students(unplaced, &schools));
    let (decided, leaving) = decide_all(&mut schools, mode, &rejected);

    let mut from: BTreeMap<SchoolId, usize> = BTreeMap::new();
    for arriving in schools.iter().flat_map(|school| &school.arriving) {
        *from.entry(arriving.from_school).or_default() += 1;
    }
    let plans = schools.into_iter().zip(decided).map(|(before, decided)| {
        let left = from.remove(&before.id()).unwrap_or_default();
        before.plan(decided, &leaving, left)
    });
    let schools = plans.collect();
    let mut left = Vec::new();
    for (id, count) in from {
        let Some(school) = all.iter().find(|school| school.id == id).cloned() else { continue };
        let mut known = write::known(tx, id).await?;
        known.retain(|student| !leaving.contains(&student.id));
        left.push(LeftSchool { school, known, left: count });
    }
    let rejected = rejected.into_iter().map(|bad| bad.rejected).collect();
    Ok(Plans { schools, left, rejected })
}

/// The school that a set means: by its identifier, else by its name where no other may be meant.
fn known_school(named: &OfSchool, roster: &Roster, all: &[KnownSchool]) -> Option<KnownSchool> {
    let by_id = |named: &OfSchool| all.iter().find(|school| school.oneroster_id.as_ref() == Some(&named.oneroster_id));
    let by_name = || {
        let mut there = all.iter().filter(|school| named.is(school));
        let mut others = roster.schools.iter().filter(|other| other.oneroster_id != named.oneroster_id);
        let is_one = !others.any(|other| other.name == named.name && by_id(other).is_none());
        there.next().filter(|_| is_one && there.next().is_none())
    };
    by_id(named).or_else(by_name).cloned()
}

/// Those of the lines that may mean an active student of one of the schools: by identifier, by name or card whoever has none.
fn of_students(lines: Vec<Bad>, schools: &[Before]) -> Vec<Bad> {
    let active = || schools.iter().flat_map(|school| &school.own).filter(|student| student.is_active);
    let without_id = || active().filter(|student| student.oneroster_id.is_none());
    let ids: HashSet<&String> = active().filter_map(|student| student.oneroster_id.as_ref()).collect();
    let names: HashSet<String> = without_id().map(|student| search::fold(&student.full_name)).collect();
    let cards: HashSet<i64> = without_id().filter_map(Known::card).collect();
    let mut lines = lines;
    lines.retain(|bad| {
        let About::Student { full_name, card, oneroster_id } = &bad.about else { return true };
        oneroster_id.as_ref().is_some_and(|id| ids.contains(id))
            || card.is_some_and(|card| cards.contains(&card))
            || !names.is_empty() && names.contains(&search::fold(full_name))
    });
    lines
}

/// Decides all schools, and who leaves his. Some lines are rejected already, and belong to none of them.
fn decide_all(schools: &mut [Before], mode: Mode, rejected: &[Bad]) -> (Vec<Decided>, HashSet<StudentId>) {
    // Whose line is rejected may come from another school of the set: he is not missing there.
    let mut elsewhere = Doubts::default();
    elsewhere.add(rejected);
    elsewhere.add_ids(schools.iter().flat_map(|school| school.named.rejected()).cloned());
    loop {
        let arriving = schools.iter().flat_map(|school| &school.arriving);
        let leaving: HashSet<StudentId> = arriving.map(|arriving| arriving.student.id).collect();
        let decided: Vec<Decided> = schools.iter().map(|school| school.decide(&leaving, mode, &elsewhere)).collect();
        let refused: Vec<String> =
            schools.iter_mut().zip(&decided).flat_map(|(school, decided)| school.refuse(decided)).collect();
        if refused.is_empty() {
            return (decided, leaving);
        }
        elsewhere.add_ids(refused);
    }
}

const CLASSES: &str = "SELECT class_name, oneroster_id FROM classes WHERE school_id = $1 ORDER BY id";

impl Before {
    async fn read(tx: &mut Tx, named: OfSchool, school: Option<KnownSchool>) -> Result<Before> {
        let id = school.as_ref().map_or(SchoolId(0), |school| school.id);
        let known_classes: Vec<KnownClass> = tx.all(CLASSES, [id.into()]).await?;
        let classes = class_changes(&known_classes, &named.classes);
        let titles: HashMap<&str, &str> = classes.iter().map(|change| (&*change.before, &*change.title)).collect();
        let mut own = write::known(tx, id).await?;
        for student in &mut own {
            if let Some(title) = student.class_name.as_deref().and_then(|class| titles.get(class)) {
                student.class_name = Some((*title).to_owned());
            }
        }
        let mut placements = Placements::of(tx, id).await?;
        placements.rename(&titles);
        let rows = named.table.rows.iter().map(|row| vec![row.oneroster_id.clone().into(), id.into()]);
        let arriving = tx.all_rows(ARRIVING, &[], rows.collect()).await?;
        Ok(Before { named, school, classes, placements, own, arriving })
    }

    /// Of one that is to be made it is 0.
    fn id(&self) -> SchoolId {
        self.school.as_ref().map_or(SchoolId(0), |school| school.id)
    }

    /// Its students as far as they stay, and those who come.
    fn known(&self, leaving: &HashSet<StudentId>) -> Vec<Known> {
        let stay = self.own.iter().filter(|student| !leaving.contains(&student.id));
        stay.chain(self.arriving.iter().map(|arriving| &arriving.student)).cloned().collect()
    }

    fn decide(&self, leaving: &HashSet<StudentId>, mode: Mode, elsewhere: &Doubts) -> Decided {
        decide::decide(&self.known(leaving), self.named.table.clone(), mode, elsewhere)
    }

    /// Takes out whoever would have come and whose row was rejected, and the row with him. Answers his identifier.
    fn refuse(&mut self, decided: &Decided) -> HashSet<String> {
        let comes = |arriving: &Arriving| decided.changed.contains_key(&arriving.student.id);
        let refused = self.arriving.extract_if(.., |arriving| !comes(arriving));
        let refused: HashSet<String> = refused.filter_map(|arriving| arriving.student.oneroster_id).collect();
        let is_his = |id: Option<&String>| id.is_some_and(|id| refused.contains(id));
        let table = &mut self.named.table;
        table.rows.retain(|row| !is_his(row.oneroster_id.as_ref()));
        table.bad.extend(decided.bad.iter().filter(|bad| is_his(bad.about.oneroster_id())).cloned());
        refused
    }

    fn plan(self, decided: Decided, leaving: &HashSet<StudentId>, left: usize) -> SchoolPlan {
        let classes = self.named.classes.iter().map(|(_, title)| title.clone()).collect();
        let known = self.known(leaving);
        let plan = Plan { classes, ..Plan::of(self.id(), known, self.placements, decided) };
        let OfSchool { oneroster_id, name, classes: titles, .. } = self.named;
        let titles = titles.into_iter().map(|(id, title)| (title, id)).collect();
        SchoolPlan { oneroster_id, name, known: self.school, classes: self.classes, titles, plan, left }
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
