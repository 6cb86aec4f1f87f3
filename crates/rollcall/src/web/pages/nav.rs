//! The pages that everybody can go to from everywhere.

use super::{View, words::Text};

/// A page in the navigation.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub to: &'static str,
    pub text: Text,
    /// One is on it, or on a page below it.
    pub is_here: bool,
}

/// The pages that this visitor may go to. A page below another belongs to it: `/terminals/3` to `/`.
pub fn links(view: &View) -> Vec<Link> {
    let c = &view.w.common;
    let path = view.path.split('?').next().unwrap_or_default();
    let below = |pages: &[&str]| pages.iter().any(|page| path.starts_with(page));
    let is_settings = below(&["/school", "/users", "/tokens", "/webhooks", "/audit"]) && !view.is_at_schools();
    let is_terminal = below(&["/terminals/"]) && path != "/terminals/unknown";
    let mut links = vec![
        ("/", c.overview, path == "/" || is_terminal),
        ("/students", c.students, below(&["/students", "/import"])),
        ("/attendance", c.attendance, below(&["/attendance"])),
    ];
    if view.may_change() {
        links.push(("/school", c.settings, is_settings));
        links.push(("/connect", c.connect, below(&["/connect", "/terminals/unknown"])));
    }
    links.into_iter().map(|(to, text, is_here)| Link { to, text, is_here }).collect()
}
