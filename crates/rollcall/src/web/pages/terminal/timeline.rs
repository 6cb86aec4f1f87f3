//! `/terminals/{id}/students/{student}`: what happened to one student on one terminal.

use askama::Template;
use axum::extract::State;

use super::{Head, Page, head};
use crate::{
    app::App,
    devices::DeviceId,
    school::{StudentId, students},
    sync::timeline::{self, Kind, TimelineEvent},
    web::{
        error::ApiError,
        extract::{Path, Query},
        pages::{
            Reply, View, Visitor,
            overview::Badge,
            pager::{Pager, ROWS},
            show_live,
            words::Words,
        },
    },
};

#[derive(Template)]
#[template(path = "terminal/timeline.html", blocks = ["live"])]
struct TimelinePage {
    w: &'static Words,
    view: View,
    head: Head,
    /// His number, when his row is gone.
    name: String,
    events: Vec<TimelineEvent>,
    pager: Pager,
}

pub async fn show_timeline(
    State(app): State<App>,
    visitor: Visitor,
    Path((id, student)): Path<(DeviceId, StudentId)>,
    Query(Page { page }): Query<Page>,
) -> Reply {
    let Visitor { caller, mut view } = visitor;
    let mut tx = app.db.read().await?;
    let head = head(&app, &mut tx, (&caller, &mut view), id, "student").await?;
    let school = caller.school_to_list(None)?;
    let events = timeline::timeline(&mut tx, id, student, school).await?;
    let events = events.ok_or_else(|| ApiError::no_such("student on this device", student))?;
    let row = students::find(&mut tx, student).await?;
    drop(tx);

    let total = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let pager = Pager::new(&head.path(&format!("students/{student}")), &[], page.unwrap_or(1), total);
    let offset = usize::try_from(Pager::offset(page)).unwrap_or(0);
    let events = events.into_iter().skip(offset).take(usize::try_from(ROWS).unwrap_or(100)).collect();
    let name = row.map_or_else(|| student.to_string(), |row| row.full_name);
    let page = TimelinePage { w: view.w, head, name, events, pager, view };
    show_live(&page.view, &page, page.as_live())
}

impl TimelinePage {
    fn badge(&self, event: &TimelineEvent) -> Badge {
        let t = &self.w.terminal;
        let (word, mark, tone) = match event.event {
            Kind::Wanted => (t.event_wanted, "dot", "calm"),
            Kind::Seen => (t.event_seen, "ring", "quiet"),
            Kind::DriftFound => (t.event_drift_found, "differs", "warn"),
            Kind::Queued => (t.event_queued, "clock", "busy"),
            Kind::Sent => (t.event_sent, "sent", "busy"),
            Kind::Acknowledged => (t.event_acknowledged, "check", "calm"),
            Kind::Failed => (t.event_failed, "alert", "bad"),
            Kind::Superseded => (t.event_superseded, "dash", "quiet"),
            Kind::Verified => (t.event_verified, "shield", "good"),
            Kind::DriftEnded => (t.event_drift_ended, "check", "good"),
        };
        Badge { word, mark, tone }
    }
}
