//! A superadmin of several schools who chose none says which one a page is about.

use askama::Template;

use super::{
    Reply, View, show,
    words::{Text, Words},
};

#[derive(Template)]
#[template(path = "which_school.html")]
struct WhichSchoolPage {
    w: &'static Words,
    view: View,
    title: Text,
    /// Of the page, without a query.
    to: &'static str,
}

pub fn choose(view: View, to: &'static str, title: impl Fn(&Words) -> Text) -> Reply {
    let page = WhichSchoolPage { w: view.w, title: title(view.w), view, to };
    show(&page.view, &page)
}
