//! What the files of a OneRoster set say, school by school. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    super::{
        Rejected,
        table::{About, Bad, CardCell, Columns, Row, Table},
    },
    Cards, Error, Roster,
    package::{Damaged, Package, Record},
};
use crate::school::names;

/// What a set says of one school.
#[derive(Debug)]
pub(super) struct OfSchool {
    pub oneroster_id: String,
    pub name: String,
    /// Another program deleted it.
    pub is_gone: bool,
    /// sourcedId and title.
    pub classes: Vec<(String, String)>,
    pub table: Table,
}

struct Class {
    school: String,
    title: String,
    is_homeroom: bool,
}

pub(super) fn read(package: &Package, cards: Cards) -> Result<Roster, Error> {
    check_manifest(package)?;
    let orgs = package.records("orgs.csv")?;
    let mut schools: BTreeMap<String, OfSchool> = BTreeMap::new();
    for org in orgs.iter().filter(|org| org.is("type", "school")) {
        let Some(id) = org.get("sourcedid") else { continue };
        let name = names::clean(org.get("name").unwrap_or(id)).unwrap_or_else(|_| id.to_owned());
        schools.insert(id.to_owned(), OfSchool::new(id, name, org.is_gone()));
    }
    if schools.is_empty() {
        return Err(Error::NoSchool);
    }
    let classes = classes(package)?;
    for (id, class) in &classes {
        if let Some(school) = schools.get_mut(&class.school) {
            school.classes.push((id.clone(), class.title.clone()));
        }
    }
    let class_of = class_of_students(package, &classes)?;
    let roles = Roles::read(package)?;
    let users = package.lines("users.csv")?;
    let columns = Columns {
        card: users.has(cards.column()),
        class_name: package.has("classes.csv") && package.has("enrollments.csv"),
        ..Columns::default()
    };
    let mut rejected: Vec<Bad> = users.damaged.into_iter().map(damaged).collect();
    let mut unplaced = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for user in &users.whole {
        let Some(id) = user.get("sourcedid") else {
            rejected.push(bad(user, cards, "the line has no sourcedId".to_owned()));
            continue;
        };
        let orgs = match &roles {
            Some(roles) if roles.damaged.contains(id) => {
                let reason = "a line of roles.csv that may mean this student cannot be read".to_owned();
                rejected.push(bad(user, cards, reason));
                continue;
            }
            Some(roles) => match roles.students.get(id) {
                Some(orgs) => orgs.clone(),
                None => continue,
            },
            None if user.is("role", "student") => user.get("orgsourcedids").map(split).unwrap_or_default(),
            None => continue,
        };
        let class = class_of.get(id).and_then(|class| classes.get(*class));
        let names_none = orgs.is_empty();
        let at = orgs.into_iter().find(|org| schools.contains_key(&org.id));
        let at = at.or_else(|| Some(Org { id: class?.school.clone(), is_left: false }));
        let Some((is_left, school)) = at.and_then(|at| Some((at.is_left, schools.get_mut(&at.id)?))) else {
            let bad = bad(user, cards, "orgs.csv has no school that the student is at".to_owned());
            if names_none && !user.is_gone() {
                rejected.push(bad);
            } else {
                unplaced.push(bad);
            }
            continue;
        };
        school.table.columns = columns;
        let title = class.filter(|class| class.school == school.oneroster_id).map(|class| class.title.clone());
        let row = match seen.insert(id.to_owned(), user.line) {
            Some(first) => Err(format!("line {first} has the same sourcedId")),
            None => row(user, id, cards, title),
        };
        match row {
            Ok(mut row) => {
                row.is_active &= !is_left && !school.is_gone;
                school.table.rows.push(row);
            }
            Err(reason) => school.table.bad.push(bad(user, cards, reason)),
        }
    }
    Ok(Roster { schools: schools.into_values().collect(), rejected, unplaced })
}

/// A user whose line is not applied.
fn bad(user: &Record, cards: Cards, reason: String) -> Bad {
    let card = user.get(cards.column()).and_then(|text| CardCell::read(text).ok()).map(|card| card.number);
    let oneroster_id = user.get("sourcedid").map(str::to_owned);
    Bad {
        rejected: Rejected { line: user.line, reason },
        about: About::Student { full_name: full_name(user), card, oneroster_id },
    }
}

fn damaged(Damaged { record, text, reason }: Damaged) -> Bad {
    // Names may stand the family first, and in two cells what we write as one word.
    let text = format!("{text} {}", full_name(&record));
    let oneroster_id = record.get("sourcedid").map(str::to_owned);
    Bad { rejected: Rejected { line: record.line, reason }, about: About::Unreadable { text, oneroster_id } }
}

fn check_manifest(package: &Package) -> Result<(), Error> {
    let manifest = package.records("manifest.csv")?;
    let version =
        manifest.iter().find(|line| line.is("propertyname", "oneroster.version")).and_then(|line| line.get("value"));
    match version {
        Some("1.1" | "1.2") => {}
        Some(other) => return Err(Error::Version(other.to_owned())),
        None => return Err(Error::NoManifest),
    }
    match ["orgs.csv", "users.csv"].into_iter().find(|file| !package.has(file)) {
        Some(file) => Err(Error::Missing(file)),
        None => Ok(()),
    }
}

fn classes(package: &Package) -> Result<BTreeMap<String, Class>, Error> {
    let records = package.records("classes.csv")?;
    let classes = records.iter().filter(|class| !class.is_gone()).filter_map(|class| {
        let title = names::clean(class.get("title").or_else(|| class.get("classcode"))?).ok()?;
        let school = class.get("schoolsourcedid")?.to_owned();
        let is_homeroom = class.is("classtype", "homeroom");
        Some((class.get("sourcedid")?.to_owned(), Class { school, title, is_homeroom }))
    });
    Ok(classes.collect())
}

/// A student of ours has one class: his homeroom, else the first that he is enrolled in.
fn class_of_students<'a>(
    package: &Package,
    classes: &'a BTreeMap<String, Class>,
) -> Result<HashMap<String, &'a String>, Error> {
    let mut class_of: HashMap<String, &String> = HashMap::new();
    for enrollment in package.records("enrollments.csv")? {
        if enrollment.is_gone() || !enrollment.is("role", "student") {
            continue;
        }
        let (Some(user), Some(class)) = (enrollment.get("usersourcedid"), enrollment.get("classsourcedid")) else {
            continue;
        };
        let Some((id, class)) = classes.get_key_value(class) else { continue };
        let is_better = class_of
            .get(user)
            .is_none_or(|other| class.is_homeroom && classes.get(*other).is_none_or(|other| !other.is_homeroom));
        if is_better {
            class_of.insert(user.to_owned(), id);
        }
    }
    Ok(class_of)
}

/// Where somebody is a student, or was.
#[derive(Clone, Debug)]
struct Org {
    id: String,
    is_left: bool,
}

/// Since version 1.2 the roles stand in a file of their own.
struct Roles {
    /// At which orgs they are students: their primary one first, those that they left last.
    students: HashMap<String, Vec<Org>>,
    /// What stands on lines that cannot be read; whom these mean is among it.
    damaged: HashSet<String>,
}

impl Roles {
    fn read(package: &Package) -> Result<Option<Roles>, Error> {
        if !package.has("roles.csv") {
            return Ok(None);
        }
        let lines = package.lines("roles.csv")?;
        let mut students: HashMap<String, Vec<Org>> = HashMap::new();
        for role in lines.whole.iter().filter(|role| role.is("role", "student")) {
            let Some(user) = role.get("usersourcedid") else { continue };
            let orgs = students.entry(user.to_owned()).or_default();
            let Some(org) = role.get("orgsourcedid") else { continue };
            let org = Org { id: org.to_owned(), is_left: role.is_gone() };
            let place = if role.is("roletype", "primary") { 0 } else { orgs.len() };
            orgs.insert(place, org);
            orgs.sort_by_key(|org| org.is_left);
        }
        let words = |line: &Damaged| line.text.split([',', '"']).map(|word| word.trim().to_owned()).collect::<Vec<_>>();
        let damaged = lines.damaged.iter().flat_map(words).collect();
        Ok(Some(Roles { students, damaged }))
    }
}

fn row(user: &Record, id: &str, cards: Cards, class_name: Option<String>) -> Result<Row, String> {
    Ok(Row {
        line: user.line,
        full_name: names::clean(&full_name(user)).map_err(|error| format!("givenName, familyName: {error}"))?,
        card: user.get(cards.column()).map(CardCell::read).transpose()?,
        class_name,
        section_name: None,
        roll_number: None,
        is_active: !user.is_gone() && !user.is("enableduser", "false"),
        oneroster_id: Some(id.to_owned()),
    })
}

fn full_name(user: &Record) -> String {
    let (given, family) = (user.get("givenname").unwrap_or_default(), user.get("familyname").unwrap_or_default());
    // Han, kana and hangul are written the family first and without a blank.
    let is_ideographic =
        |letter: char| matches!(letter, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}');
    if !given.is_empty() && !family.is_empty() && given.chars().chain(family.chars()).all(is_ideographic) {
        return format!("{family}{given}");
    }
    format!("{given} {family}")
}

fn split(ids: &str) -> Vec<Org> {
    ids.split(',').map(|id| Org { id: id.trim().to_owned(), is_left: false }).collect()
}

impl OfSchool {
    /// Who have a line that could not be read.
    pub(super) fn rejected(&self) -> impl Iterator<Item = &String> {
        self.table.bad.iter().filter_map(|bad| bad.about.oneroster_id())
    }

    fn new(id: &str, name: String, is_gone: bool) -> OfSchool {
        let table = Table {
            rows: Vec::new(),
            columns: Columns::default(),
            unknown_columns: Vec::new(),
            encoding: "UTF-8",
            bad: Vec::new(),
        };
        OfSchool { oneroster_id: id.to_owned(), name, is_gone, classes: Vec::new(), table }
    }
}
