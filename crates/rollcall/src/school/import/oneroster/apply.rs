//! What is shown of a set's plans, and how they are written.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    super::{
        Belonging, Rejected, Report,
        preview::{self, Preview},
        progress::Progress,
    },
    SchoolReport,
    plan::{LeftSchool, Plans, SchoolPlan},
};
use crate::{
    school::{
        SchoolId, StudentId, import,
        schools::{self, NewSchool},
    },
    store::Tx,
};

const NAME_SCHOOL: &str = "UPDATE schools SET name = $2, oneroster_id = $3, updated_at = $4 WHERE id = $1";
const NAME_CLASSES: &str = "
WITH v(class_name, title, oneroster_id) AS (VALUES {rows})
UPDATE classes SET class_name = v.title, oneroster_id = v.oneroster_id FROM v
WHERE classes.school_id = $1 AND classes.class_name = v.class_name";
const MARK_CLASSES: &str = "
WITH v(title, oneroster_id) AS (VALUES {rows})
UPDATE classes SET oneroster_id = v.oneroster_id FROM v
WHERE classes.school_id = $1 AND classes.class_name = v.title AND classes.oneroster_id IS NULL";

impl SchoolPlan {
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

impl Plans {
    /// Everybody of all schools.
    pub fn preview(&self) -> Preview {
        let mut all = Preview { fingerprint: self.fingerprint(), ..Preview::default() };
        for Preview { added, changed, deactivated, .. } in self.schools.iter().map(|school| school.plan.preview()) {
            all.added.extend(added);
            all.changed.extend(changed);
            all.deactivated.extend(deactivated);
        }
        all
    }

    /// The same for the same plans over the same students.
    pub fn fingerprint(&self) -> String {
        let of_school = |school: &SchoolPlan| {
            let SchoolPlan { oneroster_id, name, known, classes, titles, plan, .. } = school;
            preview::fingerprint(&(oneroster_id, name, known, classes, titles, plan.fingerprint()))
        };
        preview::fingerprint(&(self.schools.iter().map(of_school).collect::<Vec<String>>(), &self.rejected))
    }

    pub fn is_empty(&self) -> bool {
        self.schools.iter().all(SchoolPlan::is_empty)
    }

    /// Writes everything, in the transaction in which it was made, and counts the students. What follows on terminals is queued
    /// afterwards.
    pub async fn write(&mut self, tx: &mut Tx, progress: &Progress, now: Timestamp) -> Result<(), schools::Error> {
        for school in self.schools.iter_mut().filter(|school| !school.is_empty()) {
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
        let mut all = Report { encoding: "UTF-8", rejected: self.rejected.clone(), ..Report::default() };
        for school in &self.schools {
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

    /// Those that the set names, and then those whose students it takes.
    pub fn schools(&self) -> Vec<SchoolReport> {
        let named = |school: &SchoolPlan| {
            let Report { added, changed, unchanged, deactivated, .. } = school.plan.report();
            let school_id = Some(school.plan.school).filter(|id| id.0 != 0);
            let (name, is_new, left) = (school.name.clone(), school.known.is_none(), school.left);
            SchoolReport { school_id, name, is_new, added, changed, unchanged, deactivated, left }
        };
        let left = |LeftSchool { school, left, .. }: &LeftSchool| SchoolReport {
            school_id: Some(school.id),
            name: school.name.clone(),
            left: *left,
            ..SchoolReport::default()
        };
        self.schools.iter().map(named).chain(self.left.iter().map(left)).collect()
    }

    /// Who belongs on the terminals of each school that there is, as [`Plan::belonging`](import::Plan::belonging) says it.
    pub fn belonging(&self) -> Vec<(SchoolId, BTreeMap<StudentId, Belonging>, usize)> {
        let existing = self.schools.iter().filter(|school| school.known.is_some());
        let named = existing.map(|school| {
            let (after, newcomers) = school.plan.belonging();
            (school.plan.school, after, newcomers)
        });
        let left = self.left.iter().map(|left| (left.school.id, import::belonging(left.known.iter()), 0));
        named.chain(left).collect()
    }
}
