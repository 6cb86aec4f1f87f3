//! `/school`: the settings of a school, its holidays, classes and sections, and the new school year.

use std::iter;

use askama::Template;
use axum::extract::State;
use jiff::{ToSpan as _, civil::Date};
use serde::Deserialize;

use super::{
    Form, Message, Refuse, Reply, View, Visitor,
    first_start::{usual_zone, zones},
    pager::{Pager, ROWS},
    show, which_school,
    words::Words,
};
use crate::{
    app::App,
    school::{
        ClassId, SchoolId,
        classes::{self, Class},
        holidays::{self, Holiday},
        schools::{self, School},
        sections::{self, Section},
        years::{self, NewYear},
    },
    web::{
        api::{self, holidays::HolidayCreation, schools::SchoolUpdate},
        error::ApiError,
        extract::{Json, Path, Query},
    },
};

#[derive(Template)]
#[template(path = "school.html")]
struct SchoolPage {
    w: &'static Words,
    view: View,
    school: School,
    zones: Vec<String>,
    /// Of the server, for a school without its own.
    usual_zone: String,
    problem: Option<(String, String)>,
    holidays: Vec<Holiday>,
    classes: Vec<Class>,
    /// The class that is open to be changed.
    open: Option<ClassId>,
    /// Of the classes.
    pager: Pager,
    sections: Vec<Section>,
    year: Option<NewYear>,
}

#[derive(Default, Deserialize)]
pub struct SchoolQuery {
    school: Option<SchoolId>,
    /// The class that is open to be changed.
    class: Option<ClassId>,
    page: Option<i64>,
}

pub async fn show_school(State(app): State<App>, visitor: Visitor, Query(query): Query<SchoolQuery>) -> Reply {
    visitor.caller.admin()?;
    let Some(id) = visitor.view.school_or(query.school) else {
        return which_school::choose(visitor.view, "/school", |w| w.settings.title);
    };
    visitor.caller.may_change_school(id)?;
    let mut tx = app.db.read().await?;
    let school = schools::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("school", id))?;
    drop(tx);
    school_page(&app, visitor.view, school, query, None).await
}

async fn school_page(
    app: &App,
    mut view: View,
    school: School,
    query: SchoolQuery,
    problem: Option<(String, String)>,
) -> Reply {
    let mut tx = app.db.read().await?;
    let holidays = holidays::list(&mut tx, school.id).await?;
    let classes = classes::list(&mut tx, Some(school.id)).await?;
    let sections = sections::list(&mut tx, Some(school.id), None).await?;
    let year = years::open(&mut tx, school.id, app.clock.now()).await?;
    view.know(&mut tx, [school.id]).await?;
    drop(tx);
    let view = view.at_school(school.id, &app.settings.timezone);
    // Of those that are long over nobody asks any more.
    let oldest = view.now.to_zoned(view.zone.clone()).date().saturating_sub(1.year()).to_string();
    let holidays = holidays.into_iter().filter(|holiday| holiday.last_day >= oldest).collect();
    let of = school.id.to_string();
    let page = query.page.or_else(|| {
        let at = classes.iter().position(|class| Some(class.id) == query.class)?;
        Some(i64::try_from(at).ok()? / ROWS + 1)
    });
    let (classes, pager) = Pager::cut("/school", &[("school", &of)], page, classes);
    let open = query.class;
    let page = SchoolPage {
        w: view.w,
        view,
        school,
        zones: zones(),
        usual_zone: usual_zone(app),
        problem,
        holidays,
        classes,
        open,
        pager,
        sections,
        year,
    };
    show(&page.view, &page)
}

impl SchoolPage {
    fn is_wrong(&self, field: &str) -> bool {
        self.problem.as_ref().is_some_and(|(wrong, _)| wrong == field)
    }

    fn why(&self) -> &str {
        self.problem.as_ref().map_or("", |(_, why)| why)
    }

    fn is_open(&self, class: &Class) -> bool {
        self.open == Some(class.id)
    }

    fn sections_of(&self, class: &Class) -> Vec<&Section> {
        self.sections.iter().filter(|section| section.class_id == class.id).collect()
    }
}

#[derive(Clone, Deserialize)]
pub struct SchoolForm {
    name: String,
    timezone: String,
    day_starts_at: String,
    grace_minutes: i64,
    guard_percent: i64,
    guard_number: i64,
}

pub async fn update_school(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<SchoolId>,
    Form(form): Form<SchoolForm>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let typed = form.clone();
    let update = SchoolUpdate {
        name: Some(form.name),
        timezone: Some(Some(form.timezone).filter(|zone| !zone.trim().is_empty())),
        // A browser may add seconds.
        day_starts_at: Some(form.day_starts_at.chars().take(5).collect()),
        grace_minutes: Some(form.grace_minutes),
        guard_percent: Some(form.guard_percent),
        guard_number: Some(form.guard_number),
    };
    match api::schools::update_school(State(app.clone()), caller, Path(id), Json(update)).await {
        Ok(_) => {
            let message = Message::good(view.w.settings.saved);
            view.go(&format!("/school?school={id}"), Some(message))
        }
        Err(error) => {
            let Some((field, why)) = error.problem() else { return Err(error) };
            let problem = (field.to_owned(), why.to_owned());
            let mut tx = app.db.read().await?;
            let school = schools::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("school", id))?;
            drop(tx);
            let SchoolForm { name, timezone, day_starts_at, grace_minutes, guard_percent, guard_number } = typed;
            let timezone = Some(timezone);
            let school = School { name, timezone, day_starts_at, grace_minutes, guard_percent, guard_number, ..school };
            school_page(&app, view, school, SchoolQuery::default(), Some(problem)).await.refused()
        }
    }
}

#[derive(Deserialize)]
pub struct HolidayForm {
    first_day: String,
    last_day: String,
    name: String,
}

pub async fn create_holiday(
    State(app): State<App>,
    visitor: Visitor,
    Path(school): Path<SchoolId>,
    Form(form): Form<HolidayForm>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let to = format!("/school?school={school}#holidays");
    let HolidayForm { first_day, last_day, name } = form;
    let last_day = Some(last_day).filter(|day| !day.is_empty());
    if iter::once(&first_day).chain(&last_day).any(|day| day.parse::<Date>().is_err()) {
        return view.go(&to, Some(Message::problem(view.w.settings.wrong_day)));
    }
    let new = HolidayCreation { first_day, last_day, name };
    let done = api::holidays::create_holiday(State(app), caller, Path(school), Json(new)).await;
    let added = view.w.settings.holiday_added;
    view.back(&to, done, |holiday| added.with("name", &holiday.name))
}

pub async fn delete_holiday(
    State(app): State<App>,
    visitor: Visitor,
    Path((school, id)): Path<(SchoolId, i64)>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = api::holidays::delete_holiday(State(app), caller, Path((school, id))).await;
    view.back(&format!("/school?school={school}#holidays"), done, |_| view.w.settings.holiday_deleted)
}

pub async fn start_year(State(app): State<App>, visitor: Visitor, Path(school): Path<SchoolId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = api::years::start_year(State(app), caller, Path(school)).await;
    view.back(&format!("/school?school={school}#new-year"), done, |_| view.w.settings.year_started)
}

pub async fn end_year(State(app): State<App>, visitor: Visitor, Path(school): Path<SchoolId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = api::years::end_year(State(app), caller, Path(school)).await;
    view.back(&format!("/school?school={school}#new-year"), done, |_| view.w.settings.year_ended)
}
