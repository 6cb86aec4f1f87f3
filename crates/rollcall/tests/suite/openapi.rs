//! The API's description is checked in, so that a change of the API is seen where changes are read.

use std::{env, fs, path::Path};

use serde_json::Value as Json;

#[test]
fn the_description_is_the_one_that_is_checked_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi.json");
    let mut now = serde_json::to_value(rollcall::web::openapi::document()).unwrap();
    now["info"]["version"] = Json::from("0.0.0");
    let now = serde_json::to_string_pretty(&now).unwrap() + "\n";
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == now,
        "the API's description changed. See whether that is meant, and write it down with\n  \
         UPDATE_SNAPSHOTS=1 cargo test -p rollcall --test suite openapi\n{}",
        first_difference(&checked_in, &now),
    );
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = serde_json::to_value(rollcall::web::openapi::document()).unwrap();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let mut names: Vec<_> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "{names:?}");
}

fn first_difference(old: &str, new: &str) -> String {
    match old.lines().zip(new.lines()).enumerate().find(|(_, (old, new))| old != new) {
        Some((line, (old, new))) => format!("line {}:\n- {old}\n+ {new}", line + 1),
        None => "one of them is longer".to_owned(),
    }
}
