//! The dashboard: pages for people, rendered here, that work without a script and are brought up to date by a small one.
//!
//! # How to add a page
//!
//! 1. **Texts**: a part of [`words`], in a file of its own there, named after the page. No text stands in a template.
//! 2. **Template**: `templates/<page>.html`, which begins with `{% extends "base.html" %}` and has the blocks `title` and
//!    `page`. What moves by itself stands in `{% block live %}` within `page`, as `overview.html` shows it. What is no text
//!    of ours stands in `<bdi>`, `<code>` or `<time>`; what a room says, by `view.say(…)`, in the reader's language.
//! 3. **Handlers**: a file here, `<verb>_<resource>` each, named in [`super::router`]. A handler takes [`Visitor`] (and so
//!    sends everybody else to the sign-in page), asks `visitor.caller` what he may, calls the same functions of the rooms as
//!    the API, and answers
//!    * a page: `show(&page.view, &page)`, or `show_live(&page.view, &page, page.as_live())` with
//!      `#[template(path = "…", blocks = ["live"])]`;
//!    * a deed: `visitor.view.go("/where/to", Some(Message::good(…)))`, which is a redirect with a message. A form that
//!      was filled in wrongly is shown again with its page and `.refused()`, which is 422.
//!
//!    Errors are [`ApiError`](super::error::ApiError), as in the API; [`frame`] makes a page of them.
//! 4. **Navigation**: a line in [`nav`].
//! 5. **Tests**: a line in `tests/suite/pages/every.rs`, which looks at roles, headers, texts, weight and statements, and one
//!    in `tests/suite/browser`, which looks at it with a browser.
//!
//! Forms are `method="post"` and need no token: [`frame`] refuses what comes from another site. Lists are cut by
//! [`pager::Pager`], fifty rows or cards each.
//!
//! A page that has to be about one school asks [`View::school_or`], and [`which_school`] where that says none. A form with a school
//! lists `view.schools`, unless `view.is_of_many`: then it has `school_field.html`, which leads to [`schools`] and back. What
//! a page says of other schools, it asks for with [`View::know`].

pub mod account;
pub mod applying;
pub mod assets;
pub mod attendance;
pub mod audit;
mod changes;
pub mod classes;
pub mod connect;
pub mod first_start;
mod forms;
pub mod frame;
mod html;
pub mod imports;
mod nav;
pub mod overview;
pub mod pager;
pub mod preferences;
pub mod school;
pub mod schools;
pub mod session;
pub mod students;
pub mod takeover;
pub mod terminal;
pub mod tokens;
pub mod unknown;
pub mod users;
mod view;
mod visitor;
pub mod webhooks;
mod which_school;
pub mod words;

pub use forms::{Form, Refuse};
pub use frame::frame;
pub use view::{Message, View, show, show_live};
pub use visitor::{Anybody, Visitor};

/// What a handler of a page answers.
pub type Reply = Result<axum::response::Response, super::error::ApiError>;
