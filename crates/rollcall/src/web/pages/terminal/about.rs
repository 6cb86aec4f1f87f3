//! `/terminals/{id}/about`: what a terminal is, as far as it was learnt.

use askama::Template;
use axum::extract::State;

use super::{Head, Looking, head};
use crate::{
    app::App,
    devices::known::{self, Device},
    sync::proof::{self, Verification},
    web::{
        error::ApiError,
        pages::{Reply, View, Visitor, show_live, words::Words},
    },
};

#[derive(Template)]
#[template(path = "terminal/about.html", blocks = ["live"])]
struct AboutPage {
    w: &'static Words,
    view: View,
    head: Head,
    device: Device,
    verification: Verification,
}

pub async fn show_about(State(app): State<App>, looking: Looking) -> Reply {
    let Looking { visitor: Visitor { caller, mut view }, id, .. } = looking;
    let mut tx = app.db.read().await?;
    let head = head(&app, &mut tx, (&caller, &mut view), id, "about").await?;
    let device = known::find(&mut tx, id).await?.ok_or_else(|| ApiError::no_such("device", id))?;
    let verification = proof::verification(&mut tx, id).await?;
    drop(tx);
    let page = AboutPage { w: view.w, head, device, verification, view };
    show_live(&page.view, &page, page.as_live())
}

impl AboutPage {
    fn readback(&self) -> &'static str {
        let t = &self.w.terminal;
        match self.device.readback_class.as_deref() {
            Some("list") if self.device.readback_slow => t.class_slow.0,
            Some("list") => t.class_list.0,
            Some("per_pin") => t.class_per_pin.0,
            Some("table") => t.class_table.0,
            Some("count") => t.class_count.0,
            Some("none") => t.class_none.0,
            _ => t.class_untried.0,
        }
    }

    fn clock(&self) -> String {
        let t = &self.w.terminal;
        match self.device.clock_skew_seconds {
            None => t.unknown.into(),
            Some(seconds @ 3..) => t.clock_ahead.count(seconds).into(),
            Some(seconds @ ..-2) => t.clock_behind.count(-seconds).into(),
            Some(_) => t.clock_right.into(),
        }
    }
}
