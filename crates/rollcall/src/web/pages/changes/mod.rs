//! What the audit log keeps of a change, in words: each field with its name and its values as a page calls them.
//!
//! The log keeps columns and words of the API, for machines. Whatever a handler, a command or an import puts into
//! [`Change::details`](crate::accounts::audit::Change) has its row in [`fields`]; a test reads the sources for what that is.
//! What is not there, from another version or another program, keeps its name.

mod fields;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use self::fields::{SAID_BEFORE, SAID_BESIDE, known, place, word, yes_or_no};
use super::{
    View,
    html::{Markup, escape},
};
use crate::school::SchoolId;

/// A field of a change.
pub struct Field {
    pub name: Markup,
    pub value: Markup,
}

/// Values of a list that are shown; of the others how many there are.
const SHOWN: usize = 5;
/// Characters of a value that are shown.
const LONGEST: usize = 160;
/// Stands for what is empty.
const NOTHING: &str = "—";

impl View {
    /// The fields of a change. What is no object, as another program may have written it, is a field without a name.
    pub fn changes(&self, details: &str) -> Vec<Field> {
        match serde_json::from_str(details) {
            Ok(Json::Object(fields)) => self.fields(&fields),
            Ok(Json::Null) => Vec::new(),
            Ok(other) => vec![Field { name: Markup(String::new()), value: self.value("", &other) }],
            Err(_) => vec![Field { name: Markup(String::new()), value: plain(details) }],
        }
    }

    fn fields(&self, fields: &Map<String, Json>) -> Vec<Field> {
        let is_said = |(name, value): &(&String, &Json)| {
            let is_beside = |(other, beside): &(&str, &str)| name == other && fields.contains_key(*beside);
            !value.is_null() && *name != SAID_BEFORE && !SAID_BESIDE.iter().any(is_beside)
        };
        let mut said: Vec<(&String, &Json)> = fields.iter().filter(is_said).collect();
        said.sort_by_key(|(name, _)| place(name));
        let field = |(name, value): (&String, &Json)| Field { name: self.name(name), value: self.change(name, value) };
        said.into_iter().map(field).collect()
    }

    fn name(&self, name: &str) -> Markup {
        Markup(match known(self.w, name) {
            Some(text) => escape(text.0),
            None => format!("<span lang=\"en\">{}</span>", escape(&name.replace('_', " "))),
        })
    }

    /// A value, or from which to which it was changed.
    fn change(&self, name: &str, value: &Json) -> Markup {
        let (Some(from), Some(to)) = (value.get("from"), value.get("to")) else { return self.value(name, value) };
        let arrow =
            format!("<i aria-hidden=\"true\">→</i><span class=\"unseen\">{}</span>", escape(self.w.changes.into.0));
        Markup(format!("{} {arrow} {}", self.value(name, from), self.value(name, to)))
    }

    fn value(&self, name: &str, value: &Json) -> Markup {
        match value {
            Json::Null => Markup(NOTHING.to_owned()),
            Json::Bool(is_so) => Markup(escape(yes_or_no(self.w, name, *is_so).0)),
            Json::Number(number) => self.number(name, number),
            Json::String(text) => self.text(name, text),
            Json::Array(values) => self.list(name, values),
            Json::Object(fields) => {
                let fields = self.fields(fields);
                let fields: Vec<String> =
                    fields.iter().map(|field| format!("{}: {}", field.name, field.value)).collect();
                Markup(fields.join(", "))
            }
        }
    }

    /// The number of a row is where it can be seen.
    fn number(&self, name: &str, number: &serde_json::Number) -> Markup {
        let link = |path: &str| Markup(format!("<a href=\"/{path}/{number}\">{number}</a>"));
        match name {
            "student_id" | "student_ids" => link("students"),
            "replaces" => link("terminals"),
            "school_id" => match number.as_i64().map(|id| self.name_of(SchoolId(id))) {
                Some(school) if !school.is_empty() => plain(school),
                _ => Markup(number.to_string()),
            },
            _ => Markup(number.to_string()),
        }
    }

    fn text(&self, name: &str, text: &str) -> Markup {
        if text.trim().is_empty() {
            return Markup(NOTHING.to_owned());
        }
        if let Some(word) = word(self.w, name, text) {
            return Markup(escape(word.0));
        }
        match (name, text.parse::<Timestamp>()) {
            ("was" | "start" | "start_state" | "warnings" | "dialect", _) => self.say(text),
            (_, Ok(at)) if name.ends_with("_at") || name == "last_seen" => {
                Markup(format!("<time>{}</time>", self.minute(&at.into())))
            }
            _ => plain(text),
        }
    }

    /// The first of them, and how many more there are. The names of fields, each once: a class has a number and a name.
    fn list(&self, name: &str, values: &[Json]) -> Markup {
        let are_long = name == "events" || values.iter().any(Json::is_object);
        let between = if are_long { "; " } else { ", " };
        let mut said: Vec<String> = Vec::new();
        for value in values {
            let one = match value.as_str() {
                Some(field) if name == "changed" => self.name(field),
                _ => self.value(name, value),
            };
            if !said.contains(&one.0) {
                said.push(one.0);
            }
        }
        let more = said.len().saturating_sub(SHOWN);
        said.truncate(SHOWN);
        if said.is_empty() {
            said.push(NOTHING.to_owned());
        }
        if more > 0 {
            said.push(escape(&self.w.imports.and_more.count(more).to_string()));
        }
        Markup(said.join(between))
    }
}

/// What somebody typed, or a machine said.
fn plain(text: &str) -> Markup {
    Markup(format!("<bdi>{}</bdi>", escape(&shortened(text))))
}

fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn long_values_are_shortened_between_letters() {
        assert_eq!(shortened(&"ქ".repeat(160)), "ქ".repeat(160));
        assert_eq!(shortened(&"ქ".repeat(161)), "ქ".repeat(160) + "…");
    }
}
