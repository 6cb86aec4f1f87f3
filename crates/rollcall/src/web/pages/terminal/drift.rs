//! `/terminals/{id}/drift`: what a terminal holds otherwise than the database wants it, side by side, and what can be done
//! about it.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;

use super::{Head, Looking, head};
use crate::{
    app::App,
    sync::{
        adopt::view::{self, Adoptee},
        found::{self, Drift, Drifted, LastReading},
    },
    web::pages::{
        Reply, View, Visitor,
        overview::Badge,
        pager::{Pager, ROWS},
        show_live,
        words::{Text, Words},
    },
};

#[derive(Template)]
#[template(path = "terminal/drift.html", blocks = ["live"])]
struct DriftPage {
    w: &'static Words,
    view: View,
    head: Head,
    read: LastReading,
    rows: Vec<Row>,
    /// Strangers are among the rows.
    has_strangers: bool,
    pager: Pager,
}

struct Row {
    found: Drifted,
    badge: Badge,
    /// What kind of person somebody is who is only there.
    who: Option<Text>,
    /// A stranger, with the students whom he may be, as long as nobody decided about him.
    stranger: Option<Adoptee>,
}

pub async fn show_drift(State(app): State<App>, looking: Looking) -> Reply {
    let Looking { visitor: Visitor { caller, mut view }, id, page } = looking;
    let mut tx = app.db.read().await?;
    let head = head(&app, &mut tx, (&caller, &mut view), id, "drift").await?;
    let drift = found::drift(&mut tx, id).await?;
    let read = found::last_reading(&mut tx, id).await?;
    let has_strangers = !drift.strangers.is_empty();
    // Whom they may be takes a look at everybody.
    let people = if has_strangers && head.may_change { view::view(&mut tx, id).await?.people } else { Vec::new() };
    drop(tx);

    let mut rows = rows(view.w, drift);
    let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let offset = usize::try_from(Pager::offset(page)).unwrap_or(0);
    let pager = Pager::new(&head.path("drift"), &[], page.unwrap_or(1), total);
    rows = rows.into_iter().skip(offset).take(usize::try_from(ROWS).unwrap_or(100)).collect();
    offer(&mut rows, people);
    let page = DriftPage { w: view.w, head, read, rows, has_strangers, pager, view };
    show_live(&page.view, &page, page.as_live())
}

fn rows(w: &Words, drift: Drift) -> Vec<Row> {
    let t = &w.terminal;
    let Drift { missing, different, extra, strangers } = drift;
    let parts = [
        (different, t.different, "differs", None),
        (missing, t.only_here, "dash", None),
        (extra, t.only_there, "alert", Some(t.left_school)),
        (strangers, t.only_there, "dots", Some(t.stranger)),
    ];
    let rows = parts.into_iter().flat_map(|(found, word, mark, who)| {
        let badge = Badge { word, mark, tone: if who == Some(t.stranger) { "quiet" } else { "warn" } };
        found.into_iter().map(move |found| Row { found, badge, who, stranger: None })
    });
    rows.collect()
}

impl Row {
    /// Of a student, as far as his name is known.
    fn name(&self) -> &str {
        self.found.full_name.as_deref().unwrap_or(&self.found.device_pin)
    }

    /// He does not belong on the terminal any more.
    fn has_left(&self) -> bool {
        self.who.is_some()
    }
}

/// Gives the strangers among these rows what can be done about them.
fn offer(rows: &mut [Row], people: Vec<Adoptee>) {
    let undecided = people.into_iter().filter(|person| person.decision.is_none());
    let mut by_pin: HashMap<String, Adoptee> = undecided.map(|person| (person.pin.clone(), person)).collect();
    for row in rows.iter_mut().filter(|row| row.found.student_id.is_none()) {
        row.stranger = by_pin.remove(&row.found.device_pin);
    }
}

impl DriftPage {
    fn field(&self, row: &Row) -> &'static str {
        match row.found.field.as_deref() {
            Some("name") => self.w.terminal.field_name.0,
            Some("card") => self.w.terminal.field_card.0,
            _ => "",
        }
    }
}
