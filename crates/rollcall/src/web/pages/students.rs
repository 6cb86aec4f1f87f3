//! `/students`: the roster as a list, and one student with the terminals that have him.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "templates hand over references")]

use askama::Template;
use axum::extract::State;
use serde::Deserialize;

use super::{
    Form, Message, Refuse, Reply, View, Visitor,
    overview::Badge,
    pager::{Pager, ROWS},
    show_live, which_school,
    words::{Filled, Words},
};
use crate::{
    app::App,
    devices::{DeviceId, cards},
    school::{
        ClassId, SchoolId, SectionId, StudentId,
        classes::{self, Class},
        sections::{self, Section},
        students::{self, Draft, Filter, Student},
    },
    store::Tx,
    sync::overview::people::{self, OnTerminal, Placed},
    web::{
        api::students as api,
        error::ApiError,
        extract::{Path, Query},
    },
};

#[derive(Template)]
#[template(path = "students.html", blocks = ["live"])]
struct StudentsPage {
    w: &'static Words,
    view: View,
    search: String,
    /// `yes`, `no`, or empty for both.
    active: String,
    class: Option<ClassId>,
    classes: Vec<Class>,
    is_narrowed: bool,
    /// Of several schools.
    is_of_many: bool,
    rows: Vec<Row>,
    pager: Pager,
}

/// A student of the list.
struct Row {
    of: Placed,
    badge: Badge,
}

#[derive(Deserialize)]
pub struct ListQuery {
    search: Option<String>,
    active: Option<String>,
    class: Option<ClassId>,
    page: Option<i64>,
}

pub async fn list_students(State(app): State<App>, visitor: Visitor, Query(query): Query<ListQuery>) -> Reply {
    let view = visitor.view;
    let school = view.school_or(None);
    let active = query.active.as_deref().filter(|word| matches!(*word, "yes" | "no"));
    let filter = Filter {
        school_id: school,
        class_id: query.class,
        section_id: None,
        is_active: active.map(|word| word == "yes"),
        search: query.search.clone(),
    };
    let mut tx = app.db.read().await?;
    let (rows, total) = people::people(&mut tx, &filter, ROWS, Pager::offset(query.page)).await?;
    let classes = match school {
        // The form that lists them is not brought up to date.
        Some(_) if view.is_fragment => Vec::new(),
        Some(school) => classes::list(&mut tx, Some(school)).await?,
        None => Vec::new(),
    };
    drop(tx);
    let class = query.class.map(|class| class.to_string()).unwrap_or_default();
    let search = query.search.unwrap_or_default();
    let active = active.unwrap_or_default().to_owned();
    let fields = [("search", search.as_str()), ("class", class.as_str()), ("active", active.as_str())];
    let page = StudentsPage {
        w: view.w,
        is_of_many: school.is_none(),
        is_narrowed: fields.iter().any(|(_, value)| !value.is_empty()),
        pager: Pager::new("/students", &fields, query.page.unwrap_or(1), total),
        rows: rows.into_iter().map(|of| Row { badge: badge_of(view.w, &of), of }).collect(),
        search,
        active,
        class: query.class,
        classes,
        view,
    };
    show_live(&page.view, &page, page.as_live())
}

impl StudentsPage {
    fn is_class(&self, class: &ClassId) -> bool {
        self.class == Some(*class)
    }
}

/// A student's state over all terminals, as a shape and a colour; the words say the numbers.
fn badge_of(w: &Words, placed: &Placed) -> Badge {
    let (mark, tone) = match placed {
        Placed { failed: 1.., .. } => ("alert", "bad"),
        Placed { wanted: 0, leaving: 0, .. } => ("dash", "quiet"),
        placed if placed.is_in_step() => ("check", "good"),
        _ => ("arrows", "busy"),
    };
    Badge { word: w.students.terminals, mark, tone }
}

impl Row {
    fn words(&self, w: &Words) -> Filled {
        let s = &w.students;
        match &self.of {
            Placed { wanted: 0, leaving: 0, .. } => s.nowhere.count(0_i64),
            Placed { wanted: 0, leaving, .. } => s.leaving.count(*leaving),
            Placed { wanted, synced, .. } => s.on_terminals.with("n", synced).with("total", wanted),
        }
    }
}

#[derive(Template)]
#[template(path = "student.html", blocks = ["live"])]
struct StudentPage {
    w: &'static Words,
    view: View,
    school: SchoolId,
    /// Who is changed; nobody when somebody is added.
    student: Option<Student>,
    fields: StudentForm,
    classes: Vec<Class>,
    sections: Vec<Section>,
    terminals: Vec<(OnTerminal, Badge)>,
    /// What is wrong with what was typed: the field, or none, and why.
    problem: Option<(String, String)>,
    /// What became of the wish to take a card from a terminal, and whether there was one.
    captured: Option<(Filled, bool)>,
}

/// What the form of a student brings.
#[derive(Clone, Default, Deserialize)]
pub struct StudentForm {
    school_id: Option<i64>,
    #[serde(default)]
    full_name: String,
    #[serde(default)]
    rfid_card_id: String,
    #[serde(default)]
    roll_number: String,
    /// `c1` for a class, `s2` for a section; empty for neither.
    #[serde(default)]
    place: String,
    /// A terminal whose newest unknown card is wanted.
    terminal: Option<i64>,
    /// `capture` when the card is to be taken from it; else the student is written.
    #[serde(default)]
    deed: String,
}

#[derive(Deserialize)]
pub struct NewQuery {
    school: Option<SchoolId>,
}

pub async fn show_new_student(State(app): State<App>, visitor: Visitor, Query(query): Query<NewQuery>) -> Reply {
    visitor.caller.may_change()?;
    let view = visitor.view;
    let Some(school) = view.school_or(query.school) else {
        return which_school::choose(view, "/students/new", |w| w.students.new);
    };
    visitor.caller.may_change_school(school)?;
    student_page(&app, view, school, None, StudentForm::default(), None, None).await
}

pub async fn create_student(State(app): State<App>, visitor: Visitor, Form(fields): Form<StudentForm>) -> Reply {
    let Visitor { caller, view } = visitor;
    let school = SchoolId(fields.school_id.unwrap_or(0));
    caller.may_change_school(school)?;
    if fields.deed == "capture" {
        return capture(&app, view, school, None, fields).await;
    }
    let draft = fields.onto(&Draft {
        school_id: school,
        class_id: None,
        section_id: None,
        full_name: String::new(),
        rfid_card_id: None,
        roll_number: None,
        is_active: true,
    });
    match api::create(&app, &caller, draft).await {
        Ok(student) => {
            let s = &view.w.students;
            let mut tx = app.db.read().await?;
            let terminals = people::terminals_of(&mut tx, school, Some(student.id)).await?;
            drop(tx);
            let name = &student.full_name;
            let message = match terminals.iter().filter(|terminal| terminal.is_wanted).count() {
                0 => s.created.with("name", name),
                count => s.created_for.count(count).with("name", name),
            };
            view.go(&format!("/students/{}", student.id), Some(Message::good(message)))
        }
        Err(error) => again(&app, view, school, None, fields, error).await,
    }
}

pub async fn show_student(State(app): State<App>, visitor: Visitor, Path(id): Path<StudentId>) -> Reply {
    let student = find(&app, &visitor, id).await?;
    let fields = StudentForm::of(&student);
    student_page(&app, visitor.view, student.school_id, Some(student), fields, None, None).await
}

pub async fn update_student(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<StudentId>,
    Form(fields): Form<StudentForm>,
) -> Reply {
    let student = find(&app, &visitor, id).await?;
    let Visitor { caller, view } = visitor;
    caller.may_change_school(student.school_id)?;
    if fields.deed == "capture" {
        return capture(&app, view, student.school_id, Some(student), fields).await;
    }
    match api::change_student(&app, &caller, id, |draft| fields.onto(&draft)).await {
        Ok(student) => {
            let message = view.w.students.changed.with("name", &student.full_name);
            view.go(&format!("/students/{id}"), Some(Message::good(message)))
        }
        Err(error) => again(&app, view, student.school_id, Some(student), fields, error).await,
    }
}

#[derive(Deserialize)]
pub struct Switch {
    active: bool,
}

pub async fn switch_student(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<StudentId>,
    Form(Switch { active }): Form<Switch>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let to = format!("/students/{id}");
    match api::change_student(&app, &caller, id, |draft| Draft { is_active: active, ..draft }).await {
        Ok(student) => {
            let s = &view.w.students;
            let words = if active { s.activated } else { s.deactivated };
            view.go(&to, Some(Message::good(words.with("name", &student.full_name))))
        }
        // Somebody else has his card now.
        Err(error) => match error.problem() {
            Some((_, why)) => view.go(&to, Some(Message::problem(view.w.say_or_keep(why)))),
            None => Err(error),
        },
    }
}

pub async fn delete_student(State(app): State<App>, visitor: Visitor, Path(id): Path<StudentId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let student = api::delete(&app, &caller, id).await?;
    view.go("/students", Some(Message::good(view.w.students.deleted.with("name", &student.full_name))))
}

async fn find(app: &App, visitor: &Visitor, id: StudentId) -> Result<Student, ApiError> {
    let mut tx = app.db.read().await?;
    let student = students::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("student", id))?;
    visitor.caller.may_see_school(student.school_id)?;
    Ok(student)
}

/// The form once more, with the card that a terminal told of.
async fn capture(app: &App, view: View, school: SchoolId, student: Option<Student>, mut fields: StudentForm) -> Reply {
    let s = &view.w.students;
    let device = DeviceId(fields.terminal.unwrap_or(0));
    let mut tx = app.db.read().await?;
    let terminals = people::terminals_of(&mut tx, school, None).await?;
    let terminal = terminals.iter().find(|terminal| terminal.id == device);
    let terminal = terminal.ok_or_else(|| ApiError::no_such("device", device))?;
    let card = cards::newest(&mut tx, device, school, app.clock.now()).await?;
    drop(tx);
    let name = &terminal.device_name;
    let captured = match card {
        Some(card) => {
            fields.rfid_card_id = card.card_number.to_string();
            let words = match card.name {
                Some(who) => s.card_of.with("who", who).with("name", name),
                None => s.card_taken.with("name", name),
            };
            (words, true)
        }
        None => (s.no_new_card.with("name", name), false),
    };
    student_page(app, view, school, student, fields, None, Some(captured)).await
}

/// The form once more, with what was wrong.
async fn again(
    app: &App,
    view: View,
    school: SchoolId,
    student: Option<Student>,
    fields: StudentForm,
    error: ApiError,
) -> Reply {
    let Some((field, why)) = error.problem() else { return Err(error) };
    // A card that somebody has is a conflict without a field.
    let field = if field.is_empty() { "rfid_card_id" } else { field };
    let (problem, status) = ((field.to_owned(), why.to_owned()), error.status());
    student_page(app, view, school, student, fields, Some(problem), None).await.with_status(status)
}

async fn student_page(
    app: &App,
    view: View,
    school: SchoolId,
    student: Option<Student>,
    fields: StudentForm,
    problem: Option<(String, String)>,
    captured: Option<(Filled, bool)>,
) -> Reply {
    let mut tx: Tx = app.db.read().await?;
    let terminals = people::terminals_of(&mut tx, school, student.as_ref().map(|student| student.id)).await?;
    let classes = classes::list(&mut tx, Some(school)).await?;
    let sections = sections::list(&mut tx, Some(school), None).await?;
    drop(tx);
    let with_badge = |terminal: OnTerminal| {
        let badge = terminal.badge(view.w);
        (terminal, badge)
    };
    let terminals = terminals.into_iter().map(with_badge).collect();
    let page =
        StudentPage { w: view.w, view, school, student, fields, classes, sections, terminals, problem, captured };
    show_live(&page.view, &page, page.as_live())
}

impl StudentForm {
    fn of(student: &Student) -> StudentForm {
        let place = match (student.class_id, student.section_id) {
            (_, Some(section)) => format!("s{section}"),
            (Some(class), None) => format!("c{class}"),
            (None, None) => String::new(),
        };
        StudentForm {
            full_name: student.full_name.clone(),
            rfid_card_id: student.rfid_card_id.clone().unwrap_or_default(),
            roll_number: student.roll_number.clone().unwrap_or_default(),
            place,
            ..StudentForm::default()
        }
    }

    fn onto(&self, draft: &Draft) -> Draft {
        let number = |prefix: char| self.place.strip_prefix(prefix).and_then(|id| id.parse::<i64>().ok());
        let section_id = number('s').map(SectionId);
        // A section says its class.
        let class_id = match section_id {
            Some(section) if draft.section_id == Some(section) => draft.class_id,
            Some(_) => None,
            None => number('c').map(ClassId),
        };
        Draft {
            full_name: self.full_name.clone(),
            rfid_card_id: Some(self.rfid_card_id.clone()),
            roll_number: Some(self.roll_number.clone()),
            class_id,
            section_id,
            ..draft.clone()
        }
    }
}

impl OnTerminal {
    fn badge(&self, w: &Words) -> Badge {
        let s = &w.students;
        let (word, mark, tone) = match (self.sync_status.as_str(), self.is_wanted) {
            ("synced", true) if self.verified_at.is_some() => (s.verified, "shield", "good"),
            ("synced", true) => (s.synced, "check", "calm"),
            ("failed", _) => (s.failed, "alert", "bad"),
            ("held", _) => (s.held, "hand", "warn"),
            ("kept", _) => (s.kept, "hand", "quiet"),
            ("sent", true) => (s.sent, "sent", "busy"),
            ("pending", true) => (s.pending, "clock", "busy"),
            (_, true) => (s.not_synced, "ring", "quiet"),
            (_, false) if self.is_held => (s.removing, "arrows", "busy"),
            (_, false) => (s.absent, "dash", "quiet"),
        };
        Badge { word, mark, tone }
    }
}

impl StudentPage {
    /// Terminals that have him, or are to have him.
    fn concerned(&self) -> usize {
        self.terminals.iter().filter(|(terminal, _)| terminal.is_held || terminal.is_wanted).count()
    }

    fn is_wrong(&self, field: &str) -> bool {
        self.problem.as_ref().is_some_and(|(wrong, _)| wrong == field)
    }

    /// What is wrong with something that has no field of its own here.
    fn problem_elsewhere(&self) -> Option<&str> {
        let (field, why) = self.problem.as_ref()?;
        (!["full_name", "rfid_card_id", "roll_number"].contains(&&**field)).then_some(why)
    }

    fn why(&self) -> &str {
        self.problem.as_ref().map_or("", |(_, why)| why)
    }

    fn is_captured_at(&self, terminal: &DeviceId) -> bool {
        self.fields.terminal == Some(terminal.0)
    }

    fn classes_with_sections(&self) -> impl Iterator<Item = (&Class, Vec<&Section>)> {
        self.classes.iter().map(|class| {
            (class, self.sections.iter().filter(|section| section.class_id == class.id).collect::<Vec<_>>())
        })
    }
}
