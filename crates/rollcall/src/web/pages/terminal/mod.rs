//! `/terminals/{id}`: one terminal, its students, and what can be done about them.

pub mod about;
pub mod commands;
pub mod deeds;
pub mod drift;
pub mod settings;
pub mod students;
pub mod timeline;

use axum::extract::FromRequestParts;
use http::request::Parts;
use jiff::SignedDuration;
use serde::Deserialize;

use super::{
    View, Visitor,
    overview::{Badge, Card},
    words::{Text, Words},
};
use crate::{
    accounts::Caller,
    app::App,
    devices::{DeviceId, zone},
    store::Tx,
    sync::overview::{
        StudentState,
        terminals::{self, Condition, TerminalState},
    },
    web::{
        error::ApiError,
        extract::{Path, Query},
    },
};

/// What the head of each page of a terminal shows.
pub struct Head {
    pub card: Card,
    /// Which of the pages one is on.
    pub tab: &'static str,
    /// He may press buttons.
    pub may_change: bool,
    /// How long it would take to send everybody again, at the terminal's own rate.
    full_sync: SignedDuration,
    /// How long what waits will take.
    rest: SignedDuration,
    poll_delay: i64,
}

/// A page of a list.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Page {
    page: Option<i64>,
}

/// A terminal that this visitor may see; its times are shown in its own zone.
async fn head(
    app: &App,
    tx: &mut Tx,
    (caller, view): (&Caller, &mut View),
    id: DeviceId,
    tab: &'static str,
) -> Result<Head, ApiError> {
    let state = terminals::terminal(tx, id).await?.ok_or_else(|| ApiError::no_such("device", id))?;
    caller.may_see_school(state.school_id)?;
    view.zone = zone::of(state.timezone.as_deref(), None, &app.settings.timezone);
    let polls = |students: i64| -> i32 {
        let batch = state.batch_size.max(1);
        i32::try_from((students + batch - 1) / batch).unwrap_or(i32::MAX)
    };
    Ok(Head {
        tab,
        may_change: view.may_change(),
        full_sync: app.settings.poll_delay * polls(state.total),
        rest: app.settings.poll_delay * polls(state.pending + state.sent),
        poll_delay: app.settings.poll_delay.as_secs(),
        card: Card::new(view.w, state),
    })
}

impl Head {
    pub fn state(&self) -> &TerminalState {
        &self.card.state
    }

    pub fn badge(&self) -> Badge {
        self.card.badge
    }

    /// A page of this terminal.
    pub fn path(&self, page: &str) -> String {
        let id = self.state().id;
        if page.is_empty() { format!("/terminals/{id}") } else { format!("/terminals/{id}/{page}") }
    }

    pub fn tabs(&self, w: &Words) -> Vec<(String, Text, bool)> {
        let t = &w.terminal;
        let mut tabs = vec![("", t.students), ("drift", t.drift), ("commands", t.commands), ("about", t.about)];
        if self.may_change {
            tabs.push(("settings", t.settings));
        }
        tabs.into_iter().map(|(page, text)| (self.path(page), text, page == self.tab)).collect()
    }

    pub fn is_suspected(&self) -> bool {
        self.state().condition() == Condition::Suspected
    }

    /// What it did that the terminal would not do.
    pub fn why_suspected(&self, w: &Words) -> String {
        let (t, state) = (&w.terminal, self.state());
        let last = state.last_address.as_deref().unwrap_or("?");
        let former = state.former_address.as_deref().unwrap_or("?");
        let text = if state.has_another_key() { t.suspected_key } else { t.suspected_addresses };
        text.with("last", last).with("former", former).into()
    }

    pub fn waits_for_takeover(&self) -> bool {
        self.state().condition() == Condition::HoldsPeople
    }

    /// Something is on its way.
    pub fn is_moving(&self) -> bool {
        let state = self.state();
        state.is_active && state.pending + state.sent - state.held_cards > 0
    }

    pub fn time_for_all(&self, w: &Words) -> String {
        in_words(self.full_sync, w)
    }

    pub fn time_left(&self, w: &Words) -> String {
        in_words(self.rest, w)
    }
}

fn in_words(time: SignedDuration, w: &Words) -> String {
    let minutes = (time.as_secs() + 30) / 60;
    if minutes < 1 { w.terminal.under_a_minute.into() } else { w.terminal.minutes.count(minutes).into() }
}

/// A student's state on a terminal, as a word and a shape.
pub fn badge_of(w: &Words, student: &StudentState) -> Badge {
    let t = &w.terminal;
    let (word, mark, tone) = match student.sync_status.as_str() {
        "synced" if student.verified_at.is_some() => (t.verified, "shield", "good"),
        "synced" => (t.synced, "check", "calm"),
        "pending" => (t.pending, "clock", "busy"),
        "sent" => (t.sent, "sent", "busy"),
        "failed" => (t.failed, "alert", "bad"),
        "held" => (t.row_held, "hand", "warn"),
        "kept" => (t.row_kept, "hand", "warn"),
        _ => (t.not_synced, "dash", "quiet"),
    };
    Badge { word, mark, tone }
}

/// What every page of a terminal begins with.
pub struct Looking {
    pub visitor: Visitor,
    pub id: DeviceId,
    /// Which page of its list.
    pub page: Option<i64>,
}

impl FromRequestParts<App> for Looking {
    type Rejection = axum::response::Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Looking, Self::Rejection> {
        use axum::response::IntoResponse as _;
        let visitor = Visitor::from_request_parts(parts, app).await?;
        let id = Path::<DeviceId>::from_request_parts(parts, app).await.map_err(ApiError::into_response)?;
        let page = Query::<Page>::from_request_parts(parts, app).await.map_err(ApiError::into_response)?;
        Ok(Looking { visitor, id: id.0, page: page.0.page })
    }
}
