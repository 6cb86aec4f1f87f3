//! `/attendance`: the register of a day, punches as they come, and both for spreadsheets.

use askama::Template;
use axum::extract::State;
use jiff::{ToSpan as _, civil::Date};
use serde::Deserialize;

use super::{
    Reply, View, Visitor,
    overview::Badge,
    pager::{Pager, ROWS},
    show_live, which_school,
    words::Words,
};
use crate::{
    app::App,
    attendance::{
        punches::{self, Punch},
        register::{self, Came, ClassDay, Entry, Filter, Latest},
    },
    school::{
        ClassId, SchoolId, StudentId, holidays,
        students::{self, Student},
    },
    store::Tx,
    sync::overview::people,
    web::{
        error::ApiError,
        extract::Query,
        sheet::{Cell, Kind, Sheet},
    },
};

/// Punches beside the register.
const LATEST: i64 = 15;
/// Days of one file.
const MOST_DAYS: i32 = 31;

#[derive(Template)]
#[template(path = "attendance.html", blocks = ["live"])]
struct AttendancePage {
    w: &'static Words,
    view: View,
    school: SchoolId,
    school_name: String,
    day: Date,
    is_today: bool,
    holiday: Option<String>,
    came: Option<Came>,
    class: Option<ClassId>,
    classes: Vec<ClassDay>,
    entries: Vec<Entry>,
    latest: Vec<Latest>,
    pager: Pager,
}

#[derive(Deserialize)]
pub struct DayQuery {
    school: Option<SchoolId>,
    day: Option<String>,
    class: Option<ClassId>,
    came: Option<String>,
    student: Option<StudentId>,
    page: Option<i64>,
}

pub async fn show_attendance(State(app): State<App>, visitor: Visitor, Query(query): Query<DayQuery>) -> Reply {
    if let Some(student) = query.student {
        return show_punches(&app, visitor, student, query.page).await;
    }
    let Some(school) = visitor.view.school_or(query.school) else {
        return which_school::choose(visitor.view, "/attendance", |w| w.attendance.title);
    };
    visitor.caller.may_see_school(school)?;
    let mut view = visitor.view;
    let mut tx = app.db.read().await?;
    view.know(&mut tx, [school]).await?;
    let view = view.at_school(school, &app.settings.timezone);
    let today = view.now.to_zoned(view.zone.clone()).date();
    let day = query.day.as_deref().and_then(|day| day.parse().ok()).unwrap_or(today);
    let came = query.came.as_deref().and_then(Came::parse);
    let filter = Filter { class: query.class, came };
    let (zone, first) = (&view.zone, Pager::offset(query.page));
    let (entries, total) = register::entries(&mut tx, school, zone, day, filter, ROWS, first).await?;
    let classes = register::classes(&mut tx, school, zone, day).await?;
    let latest = register::latest(&mut tx, school, day, LATEST).await?;
    let holiday = holidays::on(&mut tx, school, day).await?;
    drop(tx);
    let (day_text, class) = (day.to_string(), query.class.map(|class| class.to_string()).unwrap_or_default());
    let school_text = query.school.map(|school| school.to_string()).unwrap_or_default();
    let fields = [
        ("school", school_text.as_str()),
        ("day", day_text.as_str()),
        ("class", class.as_str()),
        ("came", came.map_or("", Came::as_str)),
    ];
    let page = AttendancePage {
        w: view.w,
        school,
        school_name: view.name_of(school).to_owned(),
        is_today: day == today,
        holiday,
        came,
        class: query.class,
        pager: Pager::new("/attendance", &fields, query.page.unwrap_or(1), total),
        classes,
        entries,
        latest,
        day,
        view,
    };
    show_live(&page.view, &page, page.as_live())
}

impl AttendancePage {
    fn neighbour(&self, days: i32) -> String {
        let day = self.day.saturating_add(days.days());
        format!("/attendance?school={}&day={day}", self.school)
    }

    fn of_class(&self, class: Option<&ClassDay>) -> String {
        let class = class.and_then(|class| class.class_id).map(|class| format!("&class={class}")).unwrap_or_default();
        format!("/attendance?school={}&day={}{class}", self.school, self.day)
    }

    fn is_came(&self, word: &str) -> bool {
        self.came.is_some_and(|came| came.as_str() == word)
    }

    fn is_class(&self, class: &ClassDay) -> bool {
        self.class.is_some() && self.class == class.class_id
    }

    /// Present, late and without a punch, over all classes.
    fn sums(&self) -> (i64, i64, i64) {
        let sum = |of: fn(&ClassDay) -> i64| self.classes.iter().map(of).sum();
        (sum(|class| class.present), sum(|class| class.late), sum(ClassDay::absent))
    }
}

impl ClassDay {
    fn came(&self) -> i64 {
        self.present + self.late
    }

    /// Widths of a bar of a hundred: on time, and everybody who came.
    fn bar(&self) -> (i64, i64) {
        let part = |n: i64| (n * 100).checked_div(self.students).unwrap_or(0);
        (part(self.present), part(self.came()))
    }
}

impl Entry {
    fn badge(&self, w: &Words) -> Badge {
        let a = &w.attendance;
        let (word, mark, tone) = match self.status.as_deref() {
            Some("late") => (a.late, "clock", "warn"),
            Some(_) => (a.present, "check", "good"),
            None => (a.absent, "dash", "quiet"),
        };
        Badge { word, mark, tone }
    }
}

/// The time of day of a wall clock.
pub fn time_of_day(punched_at: &str) -> &str {
    punched_at.get(11..19).unwrap_or(punched_at)
}

#[derive(Template)]
#[template(path = "punches.html", blocks = ["live"])]
struct PunchesPage {
    w: &'static Words,
    view: View,
    student: Student,
    /// With the name of the terminal.
    punches: Vec<(Punch, String)>,
    pager: Pager,
}

async fn show_punches(app: &App, visitor: Visitor, id: StudentId, page: Option<i64>) -> Reply {
    let Visitor { caller, view } = visitor;
    let mut tx = app.db.read().await?;
    let student = students::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("student", id))?;
    caller.may_see_school(student.school_id)?;
    // A former school's punches are that school's.
    let school = caller.school_to_list(None)?;
    let filter = punches::Filter { school, student: Some(id), ..punches::Filter::default() };
    let (punches, total) = punches::list(&mut tx, &filter, ROWS, Pager::offset(page)).await?;
    let names = device_names(&mut tx, student.school_id).await?;
    drop(tx);
    let name = |punch: &Punch| names.iter().find(|(id, _)| *id == punch.device_id).map(|(_, name)| name.clone());
    let punches = punches.into_iter().map(|punch| (name(&punch).unwrap_or_default(), punch)).map(|(n, p)| (p, n));
    let id = id.to_string();
    let page = PunchesPage {
        w: view.w,
        punches: punches.collect(),
        pager: Pager::new("/attendance", &[("student", &id)], page.unwrap_or(1), total),
        student,
        view,
    };
    show_live(&page.view, &page, page.as_live())
}

async fn device_names(tx: &mut Tx, school: SchoolId) -> Result<Vec<(crate::devices::DeviceId, String)>, ApiError> {
    let terminals = people::terminals_of(tx, school, None).await?;
    Ok(terminals.into_iter().map(|terminal| (terminal.id, terminal.device_name)).collect())
}

#[derive(Deserialize)]
pub struct ExportQuery {
    school: SchoolId,
    from: String,
    to: Option<String>,
    class: Option<ClassId>,
    came: Option<String>,
    format: Kind,
}

pub async fn export_attendance(State(app): State<App>, visitor: Visitor, Query(query): Query<ExportQuery>) -> Reply {
    let Visitor { caller, mut view } = visitor;
    caller.may_see_school(query.school)?;
    let date = |field: &'static str, text: &str| {
        text.parse::<Date>().map_err(|_| ApiError::invalid(field, "write a day as YYYY-MM-DD"))
    };
    let from = date("from", &query.from)?;
    let to = query.to.as_deref().map_or(Ok(from), |to| date("to", to))?;
    let a = &view.w.attendance;
    if from.until(to).is_ok_and(|span| span.get_days() >= MOST_DAYS) {
        return Err(ApiError::invalid("to", a.too_long));
    }
    let filter = Filter { class: query.class, came: query.came.as_deref().and_then(Came::parse) };
    let mut sheet = Sheet { name: a.title.to_string(), header: header(view.w), rows: Vec::new() };
    let mut tx = app.db.read().await?;
    view.know(&mut tx, [query.school]).await?;
    let view = view.at_school(query.school, &app.settings.timezone);
    for day in from.series(1.day()).take_while(|day| *day <= to) {
        let is_one_day = from == to;
        // A day on which nobody of the school punched is none that anybody missed.
        let classes =
            if is_one_day { vec![] } else { register::classes(&mut tx, query.school, &view.zone, day).await? };
        if is_one_day || classes.iter().any(|class| class.present + class.late > 0) {
            let (entries, _) = register::entries(&mut tx, query.school, &view.zone, day, filter, i64::MAX, 0).await?;
            sheet.rows.extend(entries.iter().map(|entry| row(view.w, day, entry)));
        }
    }
    drop(tx);
    sheet.answer(query.format, &format!("attendance-{from}"))
}

fn header(w: &Words) -> Vec<String> {
    let (a, s) = (&w.attendance, &w.students);
    let words = [a.day, s.name, s.class, s.section, s.roll_number, a.first_punch, a.last_punch, a.punches, a.state];
    words.iter().map(ToString::to_string).collect()
}

fn row(w: &Words, day: Date, entry: &Entry) -> Vec<Cell> {
    let text = |value: &Option<String>| Cell::Text(value.clone().unwrap_or_default());
    let time = |value: &Option<String>| {
        let time = value.as_deref().map(time_of_day).unwrap_or_default();
        time.parse().map_or_else(|_| Cell::from(time), Cell::Time)
    };
    vec![
        Cell::Day(day),
        Cell::Text(entry.full_name.clone()),
        text(&entry.class_name),
        text(&entry.section_name),
        text(&entry.roll_number),
        time(&entry.first_punch),
        time(&entry.last_punch),
        Cell::Number(entry.punches),
        Cell::Text(entry.badge(w).word.to_string()),
    ]
}
