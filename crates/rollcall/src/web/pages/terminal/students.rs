//! `/terminals/{id}`: the students of a terminal, searched, filtered and sorted, and what waits for somebody.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;

use super::{Head, badge_of, head};
use crate::{
    app::App,
    devices::DeviceId,
    school::{
        ClassId,
        classes::{self, Class},
    },
    sync::{
        overview::{
            StudentState,
            roster::{self, Filter, Shown, Sort},
        },
        removals::{self, HeldBack, Removals},
    },
    web::{
        extract::{Path, Query},
        pages::{
            Reply, View, Visitor,
            overview::Badge,
            pager::{Pager, ROWS},
            show_live,
            words::{Text, Words},
        },
    },
};

#[derive(Template)]
#[template(path = "terminal/students.html", blocks = ["live"])]
struct StudentsPage {
    w: &'static Words,
    view: View,
    head: Head,
    /// What waits for a decision, if anything does.
    removals: Option<Removals>,
    rows: Vec<Row>,
    classes: Vec<Class>,
    search: String,
    state: Option<Shown>,
    class: Option<ClassId>,
    sort: Sort,
    pager: Pager,
}

struct Row {
    student: StudentState,
    badge: Badge,
}

/// A number of the summary, which leads to the students that it counts.
struct Number {
    word: Text,
    count: i64,
    to: String,
    badge: &'static str,
    mark: &'static str,
    is_chosen: bool,
}

#[derive(Deserialize)]
pub struct Wish {
    search: Option<String>,
    state: Option<String>,
    class: Option<ClassId>,
    sort: Option<String>,
    page: Option<i64>,
}

/// People of a decision who are named; a school that was deactivated by mistake has thousands.
const NAMED: usize = 20;

pub async fn show_terminal(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<DeviceId>,
    Query(wish): Query<Wish>,
) -> Reply {
    let Visitor { caller, mut view } = visitor;
    let filter = Filter {
        search: wish.search.clone(),
        state: wish.state.as_deref().and_then(Shown::parse),
        class: wish.class,
        sort: wish.sort.as_deref().and_then(Sort::parse).unwrap_or_default(),
    };
    let mut tx = app.db.read().await?;
    let head = head(&app, &mut tx, (&caller, &mut view), id, "").await?;
    let page = roster::roster(&mut tx, id, &filter, ROWS, Pager::offset(wish.page)).await?;
    let classes = classes::list(&mut tx, Some(head.state().school_id)).await?;
    let is_waiting = head.state().held() > 0;
    let removals = if is_waiting { Some(removals::list(&mut tx, id).await?) } else { None };
    drop(tx);

    let class = wish.class.map(|class| class.to_string()).unwrap_or_default();
    let search = wish.search.unwrap_or_default();
    let query = [
        ("search", &*search),
        ("state", filter.state.map_or("", Shown::as_str)),
        ("class", &*class),
        ("sort", if filter.sort == Sort::Name { "" } else { filter.sort.as_str() }),
    ];
    let pager = Pager::new(&head.path(""), &query, page.offset / ROWS + 1, page.total);
    let rows = page.students.into_iter().map(|student| Row { badge: badge_of(view.w, &student), student });
    let page = StudentsPage {
        w: view.w,
        head,
        removals,
        rows: rows.collect(),
        classes,
        search,
        state: filter.state,
        class: filter.class,
        sort: filter.sort,
        pager,
        view,
    };
    show_live(&page.view, &page, page.as_live())
}

impl StudentsPage {
    fn numbers(&self) -> Vec<Number> {
        let (t, s) = (&self.w.terminal, self.head.state());
        let shown = [
            (None, t.total, s.total, "quiet", "dots"),
            (Some(Shown::Synced), t.synced, s.synced, "calm", "check"),
            (Some(Shown::Verified), t.verified, s.verified, "good", "shield"),
            (Some(Shown::Pending), t.pending, s.pending, "busy", "clock"),
            (Some(Shown::Sent), t.sent, s.sent, "busy", "sent"),
            (Some(Shown::Failed), t.failed, s.failed, "bad", "alert"),
            (Some(Shown::NotSynced), t.not_synced, s.not_synced(), "quiet", "dash"),
        ];
        shown
            .into_iter()
            .map(|(state, word, count, badge, mark)| Number {
                word,
                count,
                to: match state {
                    Some(state) => format!("{}?state={}", self.head.path(""), state.as_str()),
                    None => self.head.path(""),
                },
                badge,
                mark,
                is_chosen: state == self.state,
            })
            .collect()
    }

    fn states(&self) -> [(Shown, Text); 7] {
        let t = &self.w.terminal;
        let text = |shown| match shown {
            Shown::Synced => t.synced,
            Shown::Verified => t.verified,
            Shown::Unverified => t.unverified,
            Shown::Pending => t.pending,
            Shown::Sent => t.sent,
            Shown::Failed => t.failed,
            Shown::NotSynced => t.not_synced,
        };
        Shown::ALL.map(|shown| (shown, text(shown)))
    }

    fn sorts(&self) -> [(Sort, Text); 5] {
        let t = &self.w.terminal;
        let text = |sort| match sort {
            Sort::Name => t.by_name,
            Sort::Class => t.by_class,
            Sort::Pin => t.by_pin,
            Sort::Status => t.by_status,
            Sort::Synced => t.by_synced,
        };
        Sort::ALL.map(|sort| (sort, text(sort)))
    }

    /// Nothing narrows the list.
    fn is_whole(&self) -> bool {
        self.search.is_empty() && self.state.is_none() && self.class.is_none()
    }

    fn named(removals: &Removals) -> &[HeldBack] {
        &removals.students[..removals.students.len().min(NAMED)]
    }

    fn change(&self, held: &HeldBack) -> Text {
        let t = &self.w.terminal;
        match held.change.as_str() {
            "card" => t.held_card,
            "stranger" => t.held_stranger,
            _ => t.held_removal,
        }
    }
}
