//! `/import/{id}` after somebody agreed: how far it is, and what it came to.
//!
//! The work is done beside the request, so that nobody has to wait for it with an open browser. A list of usual size is
//! written before the browser has followed the redirect.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{
    Form, Message, Refuse, Reply, View, Visitor,
    html::percent,
    imports::{self, How, Note, find},
    overview::Card,
    show_live,
    words::Words,
};
use crate::{
    accounts::Caller,
    app::App,
    school::import::{
        drafts::Draft,
        oneroster::{Package, Roster},
        progress::{Counted, Progress},
        runs::{self, OTHERWISE, Run, State as RunState},
        table::Table,
    },
    sync::{
        import::{self, Agreed, Fingerprint, Import},
        overview::terminals,
    },
    web::{error::ApiError, extract::Path},
};

/// So long the browser waits for it. Most lists take less.
const PATIENCE: Duration = Duration::from_secs(2);
/// A sign of life for the others' servers.
const SIGN: Duration = Duration::from_secs(5);
/// Terminals that a page lists.
const SHOWN: usize = 60;

/// What an import came to.
enum Ended {
    Done(Import),
    Otherwise,
}

pub async fn run_import(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(how): Form<How>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let here = how.path(&id);
    let (draft, run) = find(&app, &caller, &id).await?;
    let Some(draft) = draft else {
        let gone = Message::problem(view.w.imports.gone);
        return if run.is_some() { view.go(&here, None) } else { view.go("/import", Some(gone)) };
    };
    let mut tx = app.db.write().await?;
    let begins = runs::begin(&mut tx, caller.id(), &draft, app.clock.now()).await?;
    tx.commit().await?;
    // Who presses twice sees how far the first is.
    if !begins {
        return view.go(&here, None);
    }
    let work = app.tasks.spawn(apply(app.clone(), caller, draft.clone(), how.clone()));
    match timeout(PATIENCE, work).await {
        Ok(Ok(Ok(Ended::Otherwise))) => {
            imports::preview_page(&app, view, draft, how, Some(Note::Otherwise)).await.with_status(StatusCode::CONFLICT)
        }
        Ok(Ok(Err(error))) => Err(error),
        // Done, or still at it, or lost with its thread: the page says which.
        Ok(Ok(Ok(Ended::Done(_))) | Err(_)) | Err(_) => view.go(&here, None),
    }
}

/// Does it, and writes down what it came to.
async fn apply(app: App, caller: Caller, draft: Draft, how: How) -> Result<Ended, ApiError> {
    let here = app.imports.begin(&draft.id);
    let mut signs = interval(SIGN);
    signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let work = write(&app, &caller, (&draft, &how), &here.progress);
    tokio::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = signs.tick() => sign(&app, &draft.id),
        }
    };
    let (held, problem) = match &done {
        Ok(Ended::Done(done)) => {
            app.registry.raise(&done.devices);
            (done.held.iter().map(|held| held.removals + held.card_changes).sum(), None)
        }
        Ok(Ended::Otherwise) => (0, Some(OTHERWISE)),
        Err(error) => {
            // It may be written already, and what follows of it is still to be queued.
            app.wake.tell(|changes| changes.everything = true);
            (0, Some(error.message()))
        }
    };
    let mut tx = app.db.write().await?;
    runs::end(&mut tx, &draft.id, held, problem, app.clock.now()).await?;
    tx.commit().await?;
    done
}

/// Beside the work, which may hold the database for itself meanwhile. One that is missed does no harm.
fn sign(app: &App, id: &str) {
    let (app, id) = (app.clone(), id.to_owned());
    app.tasks.clone().spawn(async move {
        let Ok(mut tx) = app.db.write().await else { return };
        if runs::live(&mut tx, &id, app.clock.now()).await.is_ok() {
            let _ = tx.commit().await;
        }
    });
}

async fn write(
    app: &App,
    caller: &Caller,
    (draft, how): (&Draft, &How),
    progress: &Progress,
) -> Result<Ended, ApiError> {
    let in_new_year = how.in_new_year.unwrap_or(false);
    let agreed = Fingerprint { run: &draft.id, progress, of: &how.fingerprint, in_new_year };
    let Some(school) = draft.school else {
        let roster = Package::of_zip(&draft.content).and_then(|files| Roster::read(&files, how.cards))?;
        let meant = (roster, how.mode);
        let done = import::run_oneroster_agreed(&app.db, &app.clock, caller.actor(), meant, &agreed).await?;
        return Ok(done.map_or(Ended::Otherwise, |done| Ended::Done(done.import)));
    };
    let meant = (Table::read_as(&draft.content, how.places())?, how.mode);
    match import::run_agreed(&app.db, &app.clock, caller.actor(), school, meant, &agreed).await? {
        Some(Agreed::Done(done)) => Ok(Ended::Done(done)),
        Some(Agreed::Otherwise) => Ok(Ended::Otherwise),
        None => Err(ApiError::no_such("school", school)),
    }
}

/// What is said of a run now.
pub(super) fn state<'a>(app: &App, run: &'a Run) -> RunState<'a> {
    run.state(app.clock.now(), app.imports.find(&run.id).is_some())
}

#[derive(Template)]
#[template(path = "import_run.html", blocks = ["live"])]
struct RunPage {
    w: &'static Words,
    view: View,
    run: Run,
    is_writing: bool,
    /// How much of the roster is written, where this server writes it.
    written: Option<Counted>,
    is_following: bool,
    is_left: bool,
    cards: Vec<Card>,
    more: usize,
}

pub(super) async fn run_page(app: &App, view: View, run: Run) -> Reply {
    let mut view = view;
    if view.is_of_many {
        let mut tx = app.db.read().await?;
        view.know(&mut tx, run.school_id).await?;
    }
    let state = state(app, &run);
    let (is_writing, is_following) = (state == RunState::Writing, state == RunState::Following);
    let is_left = state == RunState::LeftToOthers;
    let written = app.imports.find(&run.id).and_then(|progress| progress.seen());
    let mut cards = Vec::new();
    if !is_writing {
        let mut tx = app.db.read().await?;
        let states = terminals::terminals(&mut tx, run.school_id).await?;
        cards = states.into_iter().filter(|state| state.is_active).map(|state| Card::new(view.w, state)).collect();
        // Who waits first.
        cards.sort_by_key(|card| card.state.waiting() == 0);
    }
    let more = cards.len().saturating_sub(SHOWN);
    cards.truncate(SHOWN);
    let page = RunPage { w: view.w, view, run, is_writing, written, is_following, is_left, cards, more };
    show_live(&page.view, &page, page.as_live())
}

impl How {
    /// The page of an import, read in this way.
    fn path(&self, id: &str) -> String {
        let fields: Vec<String> =
            self.fields().iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
        format!("/import/{id}?{}", fields.join("&"))
    }
}
