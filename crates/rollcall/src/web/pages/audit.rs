//! `/audit`: who did what, and when.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;

use super::{
    Reply, View, Visitor,
    changes::Field,
    pager::{Pager, ROWS},
    show,
    words::Words,
};
use crate::{
    accounts::audit::{self, Filter, Record},
    app::App,
    sync::overview::subjects::{self, Subjects},
    web::{
        extract::Query,
        sheet::{Cell, Kind, Sheet},
    },
};

/// What is filtered by, as the log writes it.
const ENTITIES: [&str; 12] = [
    "student",
    "device",
    "school",
    "class",
    "section",
    "user",
    "token",
    "holiday",
    "school_year",
    "session",
    "webhook",
    "database",
];
const ACTIONS: [&str; 24] = [
    "create",
    "update",
    "delete",
    "import",
    "claim",
    "approve",
    "reject",
    "sync",
    "verify",
    "retry",
    "push",
    "takeover",
    "confirm",
    "login",
    "logout",
    "change_password",
    "set_password",
    "revoke",
    "open",
    "close",
    "renew-secret",
    "test",
    "erase",
    "restore",
];
/// Rows of a file.
const EXPORTED: u32 = 50_000;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    w: &'static Words,
    view: View,
    search: String,
    entity: String,
    action: String,
    records: Vec<Record>,
    subjects: Subjects,
    pager: Pager,
}

#[derive(Deserialize)]
pub struct AuditQuery {
    search: Option<String>,
    entity: Option<String>,
    action: Option<String>,
    page: Option<i64>,
}

impl AuditQuery {
    fn filter(&self, view: &View) -> Filter {
        Filter {
            school_id: view.school,
            entity: self.entity.clone(),
            action: self.action.clone(),
            search: self.search.clone(),
            ..Filter::default()
        }
    }
}

pub async fn list_audit(State(app): State<App>, visitor: Visitor, Query(query): Query<AuditQuery>) -> Reply {
    let Visitor { caller, mut view } = visitor;
    caller.admin()?;
    let limit = u32::try_from(ROWS).unwrap_or(u32::MAX);
    let mut tx = app.db.read().await?;
    let (records, total) = audit::list(&mut tx, &query.filter(&view), limit, Pager::offset(query.page)).await?;
    let subjects = subjects::subjects(&mut tx, &records, caller.school_to_list(None)?).await?;
    view.know(&mut tx, records.iter().filter_map(|record| record.school_id)).await?;
    drop(tx);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (search, entity, action) = (text(&query.search), text(&query.entity), text(&query.action));
    let fields = [("search", search.as_str()), ("entity", entity.as_str()), ("action", action.as_str())];
    let pager = Pager::new("/audit", &fields, query.page.unwrap_or(1), total);
    let page = AuditPage { w: view.w, view, search, entity, action, records, subjects, pager };
    show(&page.view, &page)
}

pub async fn export_audit(State(app): State<App>, visitor: Visitor, Query(query): Query<AuditQuery>) -> Reply {
    let Visitor { caller, view } = visitor;
    caller.admin()?;
    let s = &view.w.settings;
    let mut tx = app.db.read().await?;
    let (records, _) = audit::list(&mut tx, &query.filter(&view), EXPORTED, 0).await?;
    drop(tx);
    let header = [s.when, s.who, s.did, s.what, s.details].iter().map(ToString::to_string).collect();
    let row = |record: &Record| {
        let at = record.at.0.to_zoned(view.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let (did, what) = (view.w.say_or_keep(&record.action), record.of(view.w));
        let cells = [at, record.actor.clone(), did, what, record.details.clone().unwrap_or_default()];
        cells.into_iter().map(Cell::Text).collect()
    };
    let sheet = Sheet { name: s.audit.to_string(), header, rows: records.iter().map(row).collect() };
    sheet.answer(Kind::Csv, "audit")
}

impl Record {
    /// `student 12`
    fn of(&self, words: &Words) -> String {
        let entity = words.say_or_keep(&self.entity);
        format!("{entity} {}", self.entity_id.as_deref().unwrap_or_default()).trim_end().to_owned()
    }

    /// What was changed, field by field.
    fn changes(&self, view: &View) -> Vec<Field> {
        self.details.as_deref().map(|details| view.changes(details)).unwrap_or_default()
    }

    /// Where what was changed can be seen.
    fn link(&self) -> Option<String> {
        let id = self.entity_id.as_deref()?;
        match self.entity.as_str() {
            _ if self.action == "delete" => None,
            "student" => Some(format!("/students/{id}")),
            "device" => Some(format!("/terminals/{id}")),
            "user" => Some(format!("/users/{id}")),
            "webhook" => Some(format!("/webhooks/{id}")),
            "school" => Some(format!("/school?school={id}")),
            _ => None,
        }
    }
}

impl AuditPage {
    fn export(&self) -> String {
        let field = |name: &str, value: &str| format!("{name}={}&", super::html::percent(value));
        let fields = [("search", &self.search), ("entity", &self.entity), ("action", &self.action)];
        let query: String = fields.iter().map(|(name, value)| field(name, value)).collect();
        format!("/audit/export?{query}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::pages::words::language;

    #[test]
    fn every_deed_and_every_thing_has_a_word() {
        for word in ENTITIES.into_iter().chain(ACTIONS) {
            assert!(language("es").unwrap().say(word).is_some(), "{word} in Spanish");
            let english = language("en").unwrap().say_or_keep(word);
            assert!(!english.contains(['_', '-']), "{english} in English");
        }
    }
}
