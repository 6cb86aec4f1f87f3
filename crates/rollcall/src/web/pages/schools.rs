//! `/schools`: a superadmin of many schools finds the one that he wants to look at.
//!
//! Whoever is sent here by a page comes back to it: `back` is its address, and `one` says that it has to be about one school.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;

use super::{Reply, View, Visitor, html::own_path, pager::Pager, show, words::Words};
use crate::{
    app::App,
    school::{SchoolId, schools, search},
    sync::overview::schools::{self as sizes, Size},
    web::extract::Query,
};

#[derive(Template)]
#[template(path = "schools.html")]
struct SchoolsPage {
    w: &'static Words,
    view: View,
    search: String,
    /// Where he came from.
    back: String,
    /// There he has to choose one.
    is_for_one: bool,
    /// Found by name.
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    id: SchoolId,
    name: String,
    size: Option<Size>,
}

#[derive(Deserialize)]
pub struct SchoolsQuery {
    search: Option<String>,
    page: Option<i64>,
    back: Option<String>,
    one: Option<String>,
}

/// Names are compared and sorted here: neither database knows that `Škola` is found by `skola`. Two statements, whatever the
/// number of schools; the second is about those of the page.
pub async fn list_schools(State(app): State<App>, visitor: Visitor, Query(query): Query<SchoolsQuery>) -> Reply {
    let Visitor { caller, view } = visitor;
    caller.superadmin()?;
    let (search, is_for_one) = (query.search.unwrap_or_default(), query.one.is_some());
    let back = own_path(query.back.as_deref().unwrap_or("/")).to_owned();
    let mut tx = app.db.read().await?;
    let mut names = schools::names(&mut tx).await?;
    names.retain(|(_, name)| search::finds(Some(&search), &[name]));
    names.sort_by_cached_key(|(id, name)| (search::order(name), *id));
    let fields = [("search", &*search), ("one", if is_for_one { "yes" } else { "" }), ("back", &*back)];
    let (names, pager) = Pager::cut("/schools", &fields, query.page, names);
    let sizes = sizes::sizes(&mut tx, names.iter().map(|(id, _)| *id)).await?;
    drop(tx);
    let row = |(id, name)| Row { id, name, size: sizes.iter().find(|size| size.school_id == id).copied() };
    let rows = names.into_iter().map(row).collect();
    let page = SchoolsPage { w: view.w, view, search, back, is_for_one, rows, pager };
    show(&page.view, &page)
}

impl SchoolsPage {
    fn terminals(row: &Row) -> i64 {
        row.size.map_or(0, |size| size.terminals)
    }

    fn students(row: &Row) -> i64 {
        row.size.map_or(0, |size| size.students)
    }
}
