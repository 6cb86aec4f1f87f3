//! What the audit log keeps of a change.

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

/// A row that was made or unmade: its fields.
pub fn created(row: &impl Serialize) -> Json {
    Json::Object(fields(row))
}

/// The fields that differ: `{"name": {"from": …, "to": …}}`.
pub fn between(before: &impl Serialize, after: &impl Serialize) -> Json {
    let (before, after) = (fields(before), fields(after));
    let differing = after.into_iter().filter_map(|(name, to)| {
        let from = before.get(&name).cloned().unwrap_or_default();
        (from != to).then(|| (name, json!({"from": from, "to": to})))
    });
    Json::Object(differing.collect())
}

/// The names of the fields that differ: for people whose data is erased one day, which must not live on here.
pub fn names_between(before: &impl Serialize, after: &impl Serialize) -> Json {
    match between(before, after) {
        Json::Object(differing) => json!({"changed": differing.keys().collect::<Vec<_>>()}),
        other => other,
    }
}

/// The fields of a row, without those that say when.
fn fields(row: &impl Serialize) -> Map<String, Json> {
    let mut fields = match serde_json::to_value(row) {
        Ok(Json::Object(fields)) => fields,
        _ => Map::new(),
    };
    fields.retain(|name, _| !matches!(&**name, "created_at" | "updated_at"));
    fields
}
