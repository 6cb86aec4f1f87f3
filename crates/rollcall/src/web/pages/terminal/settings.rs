//! `/terminals/{id}/settings`: what a person sets of a terminal.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;

use super::{Head, Looking, head};
use crate::{
    app::App,
    devices::{
        DeviceId,
        known::{self, Strangers},
    },
    web::{
        api::devices::{self, DeviceUpdate},
        error::ApiError,
        extract::{Json, Path},
        pages::{Form, Message, Refuse, Reply, View, Visitor, show, words::Words},
    },
};

#[derive(Template)]
#[template(path = "terminal/settings.html")]
struct SettingsPage {
    w: &'static Words,
    view: View,
    head: Head,
    fields: Settings,
    one_per_poll: bool,
    /// A room's words, in English, which begin with the field's name.
    problem: Option<String>,
}

/// A box that is not ticked is not sent.
#[derive(Deserialize)]
pub struct Settings {
    device_name: String,
    timezone: String,
    strangers: Strangers,
    maintenance_window: String,
    allowed_addresses: String,
    is_active: Option<String>,
    try_more: Option<String>,
}

pub async fn show_settings(State(app): State<App>, looking: Looking) -> Reply {
    page(&app, looking.visitor, looking.id, None, None).await
}

pub async fn update_settings(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<DeviceId>,
    Form(fields): Form<Settings>,
) -> Reply {
    let update = DeviceUpdate {
        device_name: Some(fields.device_name.clone()),
        timezone: Some(Some(fields.timezone.clone())),
        strangers: Some(fields.strangers),
        maintenance_window: Some(Some(fields.maintenance_window.clone())),
        allowed_addresses: Some(Some(fields.allowed_addresses.clone())),
        is_active: Some(fields.is_active.is_some()),
        one_per_poll: fields.try_more.as_ref().map(|_| false),
        ..DeviceUpdate::default()
    };
    match devices::update_device(State(app.clone()), visitor.caller.clone(), Path(id), Json(update)).await {
        Ok(_) => {
            let to = format!("/terminals/{id}/settings");
            visitor.view.go(&to, Some(Message::good(visitor.view.w.terminal.saved)))
        }
        Err(error) if error.status() == http::StatusCode::UNPROCESSABLE_ENTITY => {
            let problem = error.message().to_owned();
            page(&app, visitor, id, Some(fields), Some(problem)).await.refused()
        }
        Err(error) => Err(error),
    }
}

async fn page(app: &App, visitor: Visitor, id: DeviceId, typed: Option<Settings>, problem: Option<String>) -> Reply {
    let Visitor { caller, mut view } = visitor;
    let mut tx = app.db.read().await?;
    let head = head(app, &mut tx, (&caller, &mut view), id, "settings").await?;
    caller.may_change()?;
    let device = known::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("device", id))?;
    drop(tx);
    let one_per_poll = device.one_per_poll;
    let fields = typed.unwrap_or_else(|| Settings {
        device_name: device.device_name,
        timezone: device.timezone.unwrap_or_default(),
        strangers: if device.strangers == "remove" { Strangers::Remove } else { Strangers::Report },
        maintenance_window: device.maintenance_window.unwrap_or_default(),
        allowed_addresses: device.allowed_addresses.unwrap_or_default(),
        is_active: device.is_active.then(String::new),
        try_more: None,
    });
    let page = SettingsPage { w: view.w, head, fields, one_per_poll, problem, view };
    show(&page.view, &page)
}

impl SettingsPage {
    /// What is wrong with a field.
    fn problem_with(&self, field: &str) -> Option<&str> {
        self.problem.as_deref()?.strip_prefix(field)?.strip_prefix(": ")
    }
}
