//! `/webhooks`: which other programs are told what happens here, and whether it arrives.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "templates hand over references")]

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;

use super::{
    Form, Message, Refuse, Reply, View, Visitor,
    overview::Badge,
    show,
    words::{Text, Words},
};
use crate::{
    app::App,
    school::SchoolId,
    web::{
        api::webhooks::{self as api, EndpointWithSecret, WebhookCreation, WebhookUpdate},
        extract::{Json, Path},
    },
    webhooks::{
        EndpointId, Kind,
        endpoints::{self, Endpoint},
        messages::{self, Delivery},
    },
};

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage {
    w: &'static Words,
    view: View,
    endpoints: Vec<Endpoint>,
    fields: Fields,
    problem: Option<(String, String)>,
}

/// What a form brings: the address, and a field for each event that is ticked.
type Fields = HashMap<String, String>;

/// Rows of the list; a superadmin of many schools chooses one.
const MOST_SHOWN: usize = 100;

pub async fn list_webhooks(State(app): State<App>, visitor: Visitor) -> Reply {
    let fields = Kind::CHOSEN.iter().filter(|kind| **kind != Kind::PunchStored);
    let fields = fields.map(|kind| (kind.to_string(), "on".to_owned())).collect();
    webhooks_page(&app, visitor, fields, None).await
}

async fn webhooks_page(app: &App, visitor: Visitor, fields: Fields, problem: Option<(String, String)>) -> Reply {
    let Visitor { caller, mut view } = visitor;
    caller.admin()?;
    let mut tx = app.db.read().await?;
    let mut endpoints = endpoints::list(&mut tx, view.school).await?;
    endpoints.truncate(MOST_SHOWN);
    view.know(&mut tx, endpoints.iter().filter_map(|endpoint| endpoint.school_id)).await?;
    drop(tx);
    let page = WebhooksPage { w: view.w, view, endpoints, fields, problem };
    show(&page.view, &page)
}

impl WebhooksPage {
    fn text_of(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }

    fn is_ticked(&self, kind: &Kind) -> bool {
        self.fields.contains_key(kind.as_str())
    }

    fn school_of(&self, endpoint: &Endpoint) -> Option<&str> {
        endpoint.school_id.map(|school| self.view.name_of(school))
    }

    fn is_school(&self, school: &SchoolId) -> bool {
        self.text_of("school_id") == school.to_string() || self.view.is_chosen(school)
    }

    fn why(&self, field: &str) -> Option<&str> {
        self.problem.as_ref().filter(|(wrong, _)| wrong == field).map(|(_, why)| why.as_str())
    }

    /// What is wrong with no field that stands in the form.
    fn why_at_all(&self) -> Option<&str> {
        let is_shown = |field: &str| ["url", "events"].contains(&field);
        self.problem.as_ref().filter(|(wrong, _)| !is_shown(wrong)).map(|(_, why)| why.as_str())
    }
}

/// An event in words.
pub(super) fn kind_in_words(w: &Words, kind: &Kind) -> Text {
    let h = &w.webhooks;
    match kind {
        Kind::PunchStored => h.punch_stored,
        Kind::StudentVerified => h.student_verified,
        Kind::StudentFailed => h.student_failed,
        Kind::TerminalSilent => h.terminal_silent,
        Kind::TerminalBack => h.terminal_back,
        Kind::RemovalsHeld => h.removals_held,
        Kind::TerminalNearlyFull => h.terminal_nearly_full,
        Kind::Dropped | Kind::Test => h.test,
    }
}

fn badge(w: &Words, endpoint: &Endpoint) -> Badge {
    let h = &w.webhooks;
    let (word, mark, tone) = match (endpoint.is_active, endpoint.off_reason.as_deref(), endpoint.failing_since) {
        (false, Some("admin"), _) => (h.off, "dash", "quiet"),
        (false, ..) => (h.off, "off", "bad"),
        (true, _, Some(_)) => (h.fails, "alert", "warn"),
        (true, _, None) if endpoint.last_success_at.is_none() => (h.unused, "dots", "quiet"),
        (true, _, None) => (h.works, "check", "good"),
    };
    Badge { word, mark, tone }
}

fn ticked(fields: &Fields) -> Vec<String> {
    Kind::CHOSEN.iter().map(Kind::to_string).filter(|kind| fields.contains_key(kind)).collect()
}

pub async fn create_webhook(State(app): State<App>, visitor: Visitor, Form(fields): Form<Fields>) -> Reply {
    let text_of = |field: &str| fields.get(field).cloned().unwrap_or_default();
    let new = WebhookCreation {
        school_id: text_of("school_id").parse().ok().map(SchoolId),
        url: text_of("url"),
        events: Some(ticked(&fields)),
    };
    match api::create_webhook(State(app.clone()), visitor.caller.clone(), Json(new)).await {
        Ok(created) => {
            let EndpointWithSecret { endpoint, secret } = created.into_data();
            webhook_page(&app, visitor, endpoint.id, Some(secret), None).await
        }
        Err(error) => {
            let Some((field, why)) = error.problem() else { return Err(error) };
            let problem = (field.to_owned(), why.to_owned());
            webhooks_page(&app, visitor, fields, Some(problem)).await.refused()
        }
    }
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct WebhookPage {
    w: &'static Words,
    view: View,
    endpoint: Endpoint,
    deliveries: Vec<Delivery>,
    /// Shown once, on the page that answers its making.
    secret: Option<String>,
    problem: Option<(String, String)>,
}

/// Messages on the page; the API has the others.
const MESSAGES: u32 = 25;

pub async fn show_webhook(State(app): State<App>, visitor: Visitor, Path(id): Path<EndpointId>) -> Reply {
    webhook_page(&app, visitor, id, None, None).await
}

async fn webhook_page(
    app: &App,
    visitor: Visitor,
    id: EndpointId,
    secret: Option<String>,
    problem: Option<(String, String)>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    // The API's handler asks whether he may.
    let endpoint = api::show_webhook(State(app.clone()), caller, Path(id)).await?.into_data();
    let mut tx = app.db.read().await?;
    let (deliveries, _) = messages::list(&mut tx, id, None, MESSAGES, 0).await?;
    drop(tx);
    let page = WebhookPage { w: view.w, view, endpoint, deliveries, secret, problem };
    show(&page.view, &page)
}

impl WebhookPage {
    fn is_ticked(&self, kind: &Kind) -> bool {
        self.endpoint.events.contains(*kind)
    }

    fn why(&self, field: &str) -> Option<&str> {
        self.problem.as_ref().filter(|(wrong, _)| wrong == field).map(|(_, why)| why.as_str())
    }

    /// Why it is told nothing.
    fn why_off(&self) -> Option<Text> {
        let h = &self.w.webhooks;
        match (self.endpoint.is_active, self.endpoint.off_reason.as_deref()) {
            (true, _) => None,
            (false, Some("gone")) => Some(h.off_gone),
            (false, Some("failing")) => Some(h.off_failing),
            (false, _) => Some(h.off_admin),
        }
    }

    /// Until when the former secret signs, too.
    fn former_until(&self) -> Option<String> {
        let until = self.endpoint.former_secret_until.filter(|until| until.0 > self.view.now)?;
        Some(self.view.minute(&until))
    }

    fn has_dropped(&self) -> bool {
        self.endpoint.dropped > 0
    }

    fn badge_of(&self, delivery: &Delivery) -> Badge {
        let h = &self.w.webhooks;
        let (word, mark, tone) = match delivery.state.as_str() {
            "delivered" => (h.delivered, "check", "good"),
            "given_up" => (h.given_up, "alert", "bad"),
            _ => (h.waits, "arrows", "busy"),
        };
        Badge { word, mark, tone }
    }
}

pub async fn update_webhook(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<EndpointId>,
    Form(fields): Form<Fields>,
) -> Reply {
    let update =
        WebhookUpdate { url: fields.get("url").cloned(), events: Some(ticked(&fields)), ..WebhookUpdate::default() };
    match api::update_webhook(State(app.clone()), visitor.caller.clone(), Path(id), Json(update)).await {
        Ok(_) => {
            let message = Message::good(visitor.view.w.webhooks.saved);
            visitor.view.go(&format!("/webhooks/{id}"), Some(message))
        }
        Err(error) => {
            let Some((field, why)) = error.problem() else { return Err(error) };
            let problem = (field.to_owned(), why.to_owned());
            webhook_page(&app, visitor, id, None, Some(problem)).await.refused()
        }
    }
}

pub async fn switch_webhook(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<EndpointId>,
    Form(fields): Form<Fields>,
) -> Reply {
    let Visitor { caller, view } = visitor;
    let is_active = fields.get("is_active").is_some_and(|word| word == "yes");
    let update = WebhookUpdate { is_active: Some(is_active), ..WebhookUpdate::default() };
    let done = api::update_webhook(State(app), caller, Path(id), Json(update)).await;
    let h = &view.w.webhooks;
    view.back(&format!("/webhooks/{id}"), done, |_| if is_active { h.switched_on } else { h.switched_off })
}

pub async fn test_webhook(State(app): State<App>, visitor: Visitor, Path(id): Path<EndpointId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = api::test_webhook(State(app), caller, Path(id)).await;
    view.back(&format!("/webhooks/{id}"), done, |_| view.w.webhooks.tested)
}

pub async fn renew_webhook_secret(State(app): State<App>, visitor: Visitor, Path(id): Path<EndpointId>) -> Reply {
    let renewed = api::renew_webhook_secret(State(app.clone()), visitor.caller.clone(), Path(id)).await?;
    webhook_page(&app, visitor, id, Some(renewed.into_data().secret), None).await
}

pub async fn delete_webhook(State(app): State<App>, visitor: Visitor, Path(id): Path<EndpointId>) -> Reply {
    let Visitor { caller, view } = visitor;
    let done = api::delete_webhook(State(app), caller, Path(id)).await;
    view.back("/webhooks", done, |_| view.w.webhooks.deleted)
}
