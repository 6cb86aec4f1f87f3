//! `/terminals/{id}/commands`: what a terminal was sent, and what it answered.

use askama::Template;
use axum::extract::State;

use super::{Head, Looking, head};
use crate::{
    app::App,
    sync::overview::{self, LogFilter, LoggedCommand},
    web::pages::{
        Reply, View, Visitor,
        overview::Badge,
        pager::{Pager, ROWS},
        show_live,
        words::Words,
    },
};

#[derive(Template)]
#[template(path = "terminal/commands.html", blocks = ["live"])]
struct CommandsPage {
    w: &'static Words,
    view: View,
    head: Head,
    rows: Vec<LoggedCommand>,
    pager: Pager,
}

pub async fn list_commands(State(app): State<App>, looking: Looking) -> Reply {
    let Looking { visitor: Visitor { caller, mut view }, id, page } = looking;
    let mut tx = app.db.read().await?;
    let head = head(&app, &mut tx, (&caller, &mut view), id, "commands").await?;
    let filter = LogFilter { school: caller.school_to_list(None)?, text: None };
    let (rows, total) = overview::commands(&mut tx, id, filter, ROWS, Pager::offset(page)).await?;
    drop(tx);
    let pager = Pager::new(&head.path("commands"), &[], page.unwrap_or(1), total);
    let page = CommandsPage { w: view.w, head, rows, pager, view };
    show_live(&page.view, &page, page.as_live())
}

impl CommandsPage {
    /// What a command is for; of another version's commands the word that is stored.
    fn purpose<'a>(&self, command: &'a LoggedCommand) -> &'a str {
        let t = &self.w.terminal;
        let text = match command.command_type.as_str() {
            "add_user" => t.add_user,
            "update_user" => t.update_user,
            "delete_user" => t.delete_user,
            "add_door_right" => t.add_door_right,
            "delete_door_right" => t.delete_door_right,
            "info" => t.count_users,
            "query_users" => t.query_users,
            "query_user" => t.query_user,
            "query_punches" => t.query_punches,
            "check" => t.check,
            "set_timezone" => t.set_timezone,
            "reload_options" => t.reload_options,
            other => return other,
        };
        text.0
    }

    fn badge(&self, command: &LoggedCommand) -> Badge {
        let t = &self.w.terminal;
        let (word, mark, tone) = match command.status.as_str() {
            "completed" => (t.completed, "check", "good"),
            "failed" => (t.failed, "alert", "bad"),
            "sent" => (t.sent, "sent", "busy"),
            "superseded" => (t.superseded, "dash", "quiet"),
            _ => (t.pending, "clock", "busy"),
        };
        Badge { word, mark, tone }
    }
}
