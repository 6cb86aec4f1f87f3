//! `/terminals/{id}/takeover`: the people whom a terminal held before, whom of our students they are, and what becomes of
//! them.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;

use super::{
    Form, Reply, View, Visitor,
    overview::Badge,
    pager::{Pager, ROWS},
    show_live,
    words::{Text, Words},
};
use crate::{
    app::App,
    devices::DeviceId,
    school::StudentId,
    sync::{
        adopt::{
            decide::What,
            people::Decision,
            view::{self, Adoptee, Adoption},
        },
        overview::terminals,
    },
    web::{
        api::takeover::{self as api, PeopleDecisions, PersonDecision, TakeoverMode},
        error::ApiError,
        extract::{Json, Path, Query},
    },
};

#[derive(Template)]
#[template(path = "takeover.html", blocks = ["live"])]
struct TakeoverPage {
    w: &'static Words,
    view: View,
    device: DeviceId,
    device_name: String,
    /// People of this page only.
    adoption: Adoption,
    matched: String,
    pager: Pager,
}

#[derive(Deserialize)]
pub struct PeopleQuery {
    #[serde(rename = "match")]
    matched: Option<String>,
    page: Option<i64>,
}

pub async fn show_takeover(
    State(app): State<App>,
    visitor: Visitor,
    Path(device): Path<DeviceId>,
    Query(query): Query<PeopleQuery>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let mut tx = app.db.read().await?;
    let state = terminals::terminal(&mut tx, device).await?.ok_or_else(|| ApiError::no_such("device", device))?;
    caller.may_see_school(state.school_id)?;
    let mut adoption = view::view(&mut tx, device).await?;
    drop(tx);
    let matched = query.matched.unwrap_or_default();
    if !matched.is_empty() {
        adoption.people.retain(|person| person.matched == matched);
    }
    let total = adoption.people.len() as i64;
    let before = usize::try_from(Pager::offset(query.page)).unwrap_or(usize::MAX);
    let shown = usize::try_from(ROWS).unwrap_or(usize::MAX);
    adoption.people = adoption.people.into_iter().skip(before).take(shown).collect();
    let path = format!("/terminals/{device}/takeover");
    let pager = Pager::new(&path, &[("match", &matched)], query.page.unwrap_or(1), total);
    let device_name = state.device_name;
    let page = TakeoverPage { w: view.w, view, device, device_name, adoption, matched, pager };
    show_live(&page.view, &page, page.as_live())
}

#[derive(Deserialize)]
pub struct Mode {
    mode: Option<String>,
}

pub async fn take_over(
    State(app): State<App>,
    visitor: Visitor,
    Path(device): Path<DeviceId>,
    Form(Mode { mode }): Form<Mode>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    // The button on the terminal's own page knows one mode.
    let (mode, to, words) = match mode {
        Some(mode) => (mode, format!("/terminals/{device}/takeover"), view.w.adoption.mode_set),
        None => ("add".to_owned(), format!("/terminals/{device}"), view.w.terminal.taken_over),
    };
    let done = api::take_over_device(State(app), caller, Path(device), Json(TakeoverMode { mode })).await;
    view.back(&to, done, |_| words)
}

#[derive(Deserialize)]
pub struct PersonForm {
    pin: Option<String>,
    /// Everybody with this match, instead of a PIN.
    #[serde(rename = "match")]
    matched: Option<String>,
    decision: What,
    student_id: Option<StudentId>,
    /// `drift`, when it was decided among the differences.
    from: Option<String>,
}

pub async fn decide_person(
    State(app): State<App>,
    visitor: Visitor,
    Path(device): Path<DeviceId>,
    Form(form): Form<PersonForm>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let PersonForm { pin, matched, decision, student_id, from } = form;
    let decisions = vec![PersonDecision { pin, matched, decision, student_id }];
    let done = api::decide_people(State(app), caller, Path(device), Json(PeopleDecisions { decisions })).await;
    let page = if from.as_deref() == Some("drift") { "drift" } else { "takeover" };
    let to = format!("/terminals/{device}/{page}");
    view.back(&to, done, |done| {
        let words = view.w.adoption.decided.with("linked", done.linked).with("kept", done.kept);
        words.with("removed", done.removed)
    })
}

impl TakeoverPage {
    /// What each match is called, how many there are, and where they are listed.
    fn matches(&self) -> Vec<(&'static str, Text, i64)> {
        let (a, n) = (&self.w.adoption, &self.adoption.summary);
        vec![
            ("card", a.by_card, n.card),
            ("name", a.by_name, n.name),
            ("conflict", a.conflict, n.conflict),
            ("former", a.former, n.former),
            ("stranger", a.stranger, n.stranger),
        ]
    }

    fn modes(&self) -> Vec<(&'static str, Text, Text, bool)> {
        let a = &self.w.adoption;
        let modes = [
            ("link_cards", a.link_cards, a.link_cards_hint),
            ("add", a.add, a.add_hint),
            ("replace", a.replace, a.replace_hint),
        ];
        let is_chosen = |mode: &str| self.adoption.mode.as_deref() == Some(mode);
        modes.into_iter().map(|(mode, word, hint)| (mode, word, hint, is_chosen(mode))).collect()
    }

    /// Where it is decided what becomes of them.
    fn people(&self) -> String {
        format!("/terminals/{}/takeover/people", self.device)
    }

    fn is_matched(&self, word: &str) -> bool {
        self.matched == word
    }
}

impl Adoptee {
    fn badge(&self, w: &Words) -> Badge {
        let a = &w.adoption;
        let (word, mark, tone) = match (self.decision, self.matched) {
            (Some(Decision::Kept), _) => (a.kept, "dash", "quiet"),
            (Some(Decision::Removed), _) => (a.removed, "arrows", "busy"),
            (Some(Decision::Held), _) => (a.held, "hand", "warn"),
            (None, "card") => (a.by_card, "check", "good"),
            (None, "name") => (a.by_name, "ring", "calm"),
            (None, "conflict") => (a.conflict, "differs", "warn"),
            (None, "former") => (a.former, "clock", "quiet"),
            (None, _) => (a.stranger, "dots", "quiet"),
        };
        Badge { word, mark, tone }
    }

    /// 14 on the wire.
    pub(super) fn is_administrator(&self) -> bool {
        self.privilege == Some(14)
    }
}
