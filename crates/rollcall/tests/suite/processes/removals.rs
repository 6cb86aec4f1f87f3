//! `removals`, and what `status` says of it, on a database whose terminal was brought in step in this process.

use jiff::SignedDuration;
use serde_json::{Value as Json, json};
use terminal_simulator::{Profile, Terminal};

use super::program::{Serving, rollcall, until};
use crate::{
    databases::{Database, both_databases},
    world::World,
};

both_databases! {
    rule_21_status_exits_three_while_something_is_held,
    removals_are_listed_and_decided_at_the_command_line,
    removals_are_refused_in_words,
    rule_20_a_trip_is_logged_once,
}

const SERIAL: &str = "CJX9253300417";

/// Four students and a terminal that holds them; then three are gone, which this school wants to be asked about.
async fn held(database: Database) -> World {
    let mut world = World::new(database).await;
    let school = world.school("America/Guayaquil").await;
    world.foreign("UPDATE schools SET guard_number = 1", []).await;
    for (name, card) in [("Ana", "1"), ("Ольга", "2"), ("Ѓорѓи", "3"), ("王芳", "4")] {
        world.student(school, name, card).await;
    }
    world.register(school, SERIAL).await;
    world.plug_in(Terminal::new(SERIAL, Profile::zam180(), 1));
    assert!(world.settle(SignedDuration::from_hours(1)).await);
    world.foreign("UPDATE students SET is_active = FALSE WHERE id <= 3", []).await;
    world.run_for(SignedDuration::from_secs(10)).await;
    world
}

async fn rule_21_status_exits_three_while_something_is_held(database: Database) {
    let mut world = held(database).await;
    let url = world.database.url.clone();
    let ended = rollcall(&url, &["status"]).await;
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.out.contains("3 removals held") && !ended.out.contains("in step"), "{ended:?}");
    let ended = rollcall(&url, &["status", "--json", SERIAL]).await;
    let lines: Json = serde_json::from_str(&ended.out).unwrap();
    let line = &lines[0];
    assert_eq!(
        (ended.status, json!([line["in_step"], line["total"], line["synced"], line["held_removals"]])),
        (Some(3), json!([false, 1, 1, 3])),
        "{lines:#}"
    );

    rollcall(&url, &["removals", SERIAL, "--reject"]).await.done();
    assert!(rollcall(&url, &["status"]).await.done().contains("in step"));

    world.foreign("UPDATE students SET rfid_card_id = '9' || rfid_card_id, is_active = TRUE", []).await;
    world.run_for(SignedDuration::from_secs(10)).await;
    let ended = rollcall(&url, &["status"]).await;
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.out.contains("4 changes of card held"), "{ended:?}");
    rollcall(&url, &["removals", SERIAL, "--reject"]).await.done();
    let ended = rollcall(&url, &["status"]).await;
    assert!(ended.done().contains("4 with the former card by decision"), "{ended:?}");
}

async fn removals_are_listed_and_decided_at_the_command_line(database: Database) {
    let mut world = held(database).await;
    let url = world.database.url.clone();
    let listed = rollcall(&url, &["removals", SERIAL]).await;
    for words in ["3 held since", "3 of 4 people on this terminal would be removed", "PIN 2  Ольга would be removed"]
    {
        assert!(listed.done().contains(words), "{words}: {listed:?}");
    }
    let listed: Json = serde_json::from_str(rollcall(&url, &["removals", SERIAL, "--json"]).await.done()).unwrap();
    assert_eq!((&listed["held"], &listed["students"][0]["full_name"]), (&json!(3), &json!("Ana")));

    let approved = rollcall(&url, &["removals", SERIAL, "--approve", "--student", "1", "--student", "2"]).await;
    assert_eq!(approved.done(), format!("{SERIAL}: approved for 2 people\n"));
    let rejected = rollcall(&url, &["removals", SERIAL, "--reject"]).await;
    assert_eq!(rejected.done(), format!("{SERIAL}: rejected for 1 people\n"));
    assert!(world.settle(SignedDuration::from_hours(1)).await);
    let people: Vec<&str> = world.fleet.terminals()[0].users().values().map(|user| user.name.as_str()).collect();
    assert_eq!(people, ["Ѓорѓи", "王芳"]);
    let listed = rollcall(&url, &["removals", SERIAL]).await;
    assert!(listed.done().contains("nothing is held") && listed.out.contains("Ѓорѓи is kept"), "{listed:?}");
    let audited = "SELECT COUNT(*) FROM audit_logs WHERE actor = 'command line' AND action IN ('approve', 'reject')";
    assert_eq!(world.number(audited).await, 2);
}

async fn removals_are_refused_in_words(database: Database) {
    let world = held(database).await;
    let url = &world.database.url;
    assert!(rollcall(url, &["removals", "NOBODY1"]).await.refused(1).contains("NOBODY1"));
    let unknown = rollcall(url, &["removals", SERIAL, "--approve", "--student", "1", "--student", "4711"]).await;
    assert!(unknown.refused(1).contains("4711"), "{unknown:?}");
    for wrong in [&["--approve", "--reject"][..], &["--student", "1"], &["--json", "--approve"]] {
        rollcall(url, &[&["removals", SERIAL], wrong].concat()).await.refused(2);
    }
    assert_eq!(world.number("SELECT COUNT(*) FROM device_user_sync_status WHERE decision = 'held'").await, 3);
}

async fn rule_20_a_trip_is_logged_once(database: Database) {
    let mut world = World::new(database).await;
    let school = world.school("Asia/Kathmandu").await;
    world.foreign("UPDATE schools SET guard_number = 1", []).await;
    for (name, card) in [("नन्दिनी", "1"), ("कमल", "2"), ("ईशा", "3"), ("अर्जुन", "4"), ("Tenzing", "5")]
    {
        world.student(school, name, card).await;
    }
    world.register(school, SERIAL).await;
    world.plug_in(Terminal::new(SERIAL, Profile::zam180(), 1));
    assert!(world.settle(SignedDuration::from_hours(1)).await);

    let serving = Serving::start(&world.database.url, &[]).await;
    let held = async |how_many| {
        until("they are held", async || {
            let held = world.number("SELECT COUNT(*) FROM device_user_sync_status WHERE decision = 'held'").await;
            (held == how_many).then_some(())
        })
        .await;
    };
    world.foreign("UPDATE students SET is_active = FALSE WHERE id <= 3", []).await;
    held(3).await;
    world.foreign("UPDATE students SET is_active = FALSE WHERE id <= 4", []).await;
    held(4).await;
    let lines = serving.program.logged("removals are held until somebody decides");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(
        json!([line["level"], line["serial"], line["device_id"], line["people"], line["holds"]]),
        json!(["WARN", SERIAL, "1", 3, 5]),
        "{line:#}"
    );
    assert!(line["reason"].as_str().unwrap().starts_with("3 of 5 people"), "{line:#}");
    assert!(!line.to_string().contains("कमल"), "no names: {line:#}");
}
