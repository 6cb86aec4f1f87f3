//! What a server logs: for people or for programs, and always with the cause.

use serde_json::Value as Json;

use super::program::{Program, Serving, until};
use crate::databases::{Database, both_databases};

both_databases! {
    a_failure_is_logged_with_its_causes,
    lines_for_people_name_address_and_database,
}

async fn a_failure_is_logged_with_its_causes(database: Database) {
    let serving = Serving::start(&database.url, &[]).await;
    let mut tx = database.db.write().await.unwrap();
    tx.execute("ALTER TABLE devices RENAME TO devices_elsewhere", []).await.unwrap();
    tx.commit().await.unwrap();
    let line = until("the loop that reads the devices complains", async || {
        serving.program.logged("could not read which devices changed").pop()
    })
    .await;
    assert_eq!((&line["level"], &line["error"]), (&"ERROR".into(), &"the database refused a statement".into()));
    let sources = line["error.sources"].as_array().unwrap_or_else(|| panic!("{line}"));
    assert!(sources.iter().filter_map(Json::as_str).any(|cause| cause.contains("devices")), "{line}");

    let answer = reqwest::get(serving.url("/api/v1/nothing")).await.unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let refused = until("the refusal is logged", async || {
        serving.program.logged("request refused").into_iter().find(|line| line["request_id"] == id.as_str())
    })
    .await;
    assert_eq!((&refused["status"], &refused["path"]), (&404.into(), &"/api/v1/nothing".into()), "{refused}");
}

async fn lines_for_people_name_address_and_database(database: Database) {
    let program = Program::rollcall(&database.url, &["serve", "--listen", "127.0.0.1:0"], "");
    until("it says where it listens", async || program.err().contains("address=127.0.0.1:").then_some(())).await;
    program.signal("TERM");
    let ended = program.end().await;
    ended.done();
    assert!(ended.err.contains("stopping") && ended.err.contains("database="), "{}", ended.err);
    assert!(!ended.err.contains('\u{1b}'), "colours are for terminals: {}", ended.err);
    assert!(!ended.err.contains("_sqlx"), "remarks of the database are no news: {}", ended.err);
}
