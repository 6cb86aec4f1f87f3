//! `/terminals/unknown`: terminals that called and belong to no school, and how one becomes a school's.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use serde::Deserialize;

use super::{
    Form, Message, Reply, View, Visitor,
    first_start::zones,
    pager::{Pager, ROWS},
    show_live,
    words::Words,
};
use crate::{
    app::App,
    attendance::quarantine,
    devices::{
        DeviceId,
        known::{self, Device, Strangers},
        unknown::{self, UnknownTerminal},
    },
    school::SchoolId,
    web::{
        api::unknown_devices::{self as api, DeviceClaim},
        extract::{Json, Path, Query},
    },
};

#[derive(Template)]
#[template(path = "unknown.html", blocks = ["live"])]
struct UnknownPage {
    w: &'static Words,
    view: View,
    search: String,
    rows: Vec<UnknownTerminal>,
    /// By serial number; for a superadmin only, as is where they call from and how many people they hold: it would tell
    /// about another school.
    punches: BTreeMap<String, i64>,
    zones: Vec<String>,
    /// Terminals whose place a claimed one may take.
    others: Vec<Device>,
    pager: Pager,
}

/// As many as one finds somebody in.
const MOST_OTHERS: i64 = 200;

#[derive(Deserialize)]
pub struct UnknownQuery {
    search: Option<String>,
    page: Option<i64>,
}

pub async fn list_unknown(State(app): State<App>, visitor: Visitor, Query(query): Query<UnknownQuery>) -> Reply {
    let Visitor { caller, view } = visitor;
    caller.admin()?;
    let mut tx = app.db.read().await?;
    let (rows, total) = unknown::list(&mut tx, query.search.as_deref(), ROWS, Pager::offset(query.page)).await?;
    let punches = if caller.is_superadmin() {
        quarantine::counts(&mut tx, rows.iter().map(|row| row.serial_number.as_str())).await?
    } else {
        BTreeMap::new()
    };
    let (others, _) = known::list(&mut tx, view.school_or(None), None, MOST_OTHERS, 0).await?;
    drop(tx);
    let search = query.search.unwrap_or_default();
    let pager = Pager::new("/terminals/unknown", &[("search", &search)], query.page.unwrap_or(1), total);
    let page = UnknownPage { w: view.w, view, search, rows, punches, zones: zones(), others, pager };
    show_live(&page.view, &page, page.as_live())
}

#[derive(Deserialize)]
pub struct ClaimForm {
    school_id: SchoolId,
    device_name: String,
    #[serde(default)]
    timezone: String,
    strangers: Option<Strangers>,
    /// Empty: nobody's place.
    #[serde(default)]
    replaces: String,
    /// `connect`, when it was claimed where one learns how to connect.
    from: Option<String>,
}

pub async fn claim_unknown(
    State(app): State<App>,
    visitor: Visitor,
    Path(serial_number): Path<String>,
    Form(form): Form<ClaimForm>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let claim = DeviceClaim {
        school_id: form.school_id,
        device_name: form.device_name,
        timezone: Some(form.timezone.trim().to_owned()).filter(|zone| !zone.is_empty()),
        strangers: form.strangers,
        takeover: None,
        replaces: form.replaces.parse().ok().map(DeviceId),
    };
    let from = if form.from.as_deref() == Some("connect") { "/connect" } else { "/terminals/unknown" };
    match api::claim_unknown_device(State(app), caller, Path(serial_number), Json(claim)).await {
        Ok(answer) => {
            let device = answer.data();
            let message = Message::good(view.w.adoption.claimed.with("name", &device.device_name));
            view.go(&format!("/terminals/{}", device.id), Some(message))
        }
        Err(error) if error.status().is_server_error() || error.problem().is_none() => Err(error),
        Err(error) => view.go(from, Some(Message::problem(view.w.say_or_keep(error.message())))),
    }
}

impl UnknownPage {
    fn punches_of(&self, terminal: &UnknownTerminal) -> i64 {
        self.punches.get(&terminal.serial_number).copied().unwrap_or(0)
    }
}
