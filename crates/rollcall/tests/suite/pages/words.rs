//! Which texts of a page are ours, and whether they come from the table of words: every text of an invented language is in
//! brackets, and what is not in brackets is none of ours.

use std::sync::LazyLock;

use rollcall::web::pages::words::{LANGUAGES, Words};

/// English in brackets, from right to left.
pub static INVENTED: LazyLock<Words> = LazyLock::new(|| {
    let bracketed = |text: &'static str| {
        let forms: Vec<String> = text.split('|').map(|form| format!("⟦{form}⟧")).collect();
        &*forms.join("|").leak()
    };
    Words { code: "ar-XB", dir: "rtl", ..LANGUAGES[0].map(&bracketed) }
});

/// Elements whose content is no text of ours.
const FOREIGN: [&str; 6] = ["bdi", "code", "time", "style", "script", "datalist"];
const VOID: [&str; 6] = ["input", "link", "meta", "br", "hr", "wbr"];
/// Attributes that people read.
const READ: [&str; 6] = ["aria-label", "title", "placeholder", "alt", "data-live", "data-lost"];

/// Everything of a page that people read and that is not in brackets.
pub fn outside_of_the_table(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<(String, bool)> = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let is_foreign = open.last().is_some_and(|(_, is_foreign)| *is_foreign);
        let text = &rest[..at];
        if !is_foreign && has_words(&text.replace(" · Rollcall", "")) {
            found.push(text.trim().to_owned());
        }
        let end = at + rest[at..].find('>').unwrap_or_else(|| panic!("an element that does not end: {rest}"));
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default().to_lowercase();
        if tag.starts_with('!') || VOID.contains(&&*name) {
        } else if tag.starts_with('/') {
            let opened = open.pop().map(|(name, _)| name);
            assert_eq!(opened.as_deref(), Some(&*name), "elements end in order; before: {rest}");
            continue;
        } else if !tag.ends_with('/') {
            let foreign = FOREIGN.contains(&&*name) || tag.contains(" data-name") || tag.contains(" translate=\"no\"");
            open.push((name.clone(), is_foreign || foreign));
        }
        if !is_foreign && name != "time" {
            found.extend(read_attributes(tag).filter(|text| has_words(text)));
        }
    }
    assert!(open.is_empty(), "elements that do not end: {open:?}");
    found
}

fn read_attributes(tag: &str) -> impl Iterator<Item = String> {
    READ.into_iter().filter_map(|name| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    })
}

/// Letters outside of brackets.
fn has_words(text: &str) -> bool {
    let mut depth = 0;
    let mut text = text.to_owned();
    for entity in ["&#34;", "&#38;", "&#39;", "&#60;", "&#62;"] {
        text = text.replace(entity, "");
    }
    text.chars().any(|letter| {
        depth += i32::from(letter == '⟦') - i32::from(letter == '⟧');
        depth == 0 && letter.is_alphabetic()
    })
}

#[test]
fn what_is_no_text_of_ours_is_recognised() {
    let page = "<!doctype html><p title=\"Seen\">⟦Hello⟧ <bdi>Ọlámidé</bdi> 12<br> and <b>more</b> <svg aria-label=\"⟦ok⟧\"/></p>";
    assert_eq!(outside_of_the_table(page), ["Seen", "and", "more"]);
}
