//! A terminal that holds people before Rollcall has ever seen it (rule 4).

use serde_json::json;
use terminal_simulator::{HeldUser, Profile, Terminal};

use super::campus::{A_WHILE, Campus};
use crate::databases::{Database, both_databases};

both_databases! {
    nobody_is_overwritten_on_a_terminal_that_holds_people,
    students_are_written_above_the_highest_number_that_was_seen,
}

const SERIAL: &str = "CJX9253300417";

async fn nobody_is_overwritten_on_a_terminal_that_holds_people(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(4).await;
    let device = campus.register(SERIAL).await;
    let mut terminal = Terminal::new(SERIAL, Profile::zam180(), 1);
    terminal.preload_users([
        HeldUser::new("1", "Директор").with_privilege(14).with_face(),
        HeldUser::new("2", "Ẹniọlá Ògúnlẹ́sì").with_card(777),
        HeldUser::new("3", "Κλειώ"),
    ]);
    let before = terminal.users().clone();
    campus.world.plug_in(terminal);
    campus.run_for(600).await;

    // It was read and nothing else; the admin is told why.
    assert_eq!((campus.world.fleet.terminals()[0].users(), campus.commands(device).await.len()), (&before, 0));
    let shown = campus.get(&format!("/api/v1/devices/{device}")).await;
    assert_eq!(shown.data(200)["start_state"], "holds_people");
    let words = shown.data(200)["start"].as_str().unwrap();
    assert!(words.contains("already holds 3 people"), "{words}");
    assert_eq!(campus.status(device).await.in_words(), "4 not_synced of 4");
    let pressed = campus.post(&format!("/api/v1/device/{device}/sync-students"), json!({})).await;
    let message = pressed.data(200)["message"].as_str().unwrap();
    assert!(message.contains("takeover"), "{message}");
    assert_eq!(pressed.data(200)["commandsQueued"], 0);
    campus.run_for(120).await;
    assert_eq!(campus.world.fleet.terminals()[0].users(), &before);

    let path = format!("/api/v1/device/{device}/takeover");
    let refused = campus.post(&path, json!({"mode": "burn"})).await;
    assert!(refused.refusal(422).starts_with("mode: "), "{}", refused.text);
    campus.post(&path, json!({"mode": "add"})).await.data(200);
    assert!(campus.world.settle(A_WHILE).await);

    // Administrators and strangers are as they were, ours stand beside them.
    let status = campus.status(device).await;
    assert_eq!(status.in_words(), "4 synced of 4");
    let pins: Vec<_> = status.students.values().map(|student| student.pin.clone().unwrap()).collect();
    assert_eq!(pins, ["10001", "10002", "10003", "10004"]);
    let held = campus.world.fleet.terminals()[0].users();
    assert_eq!(held.len(), 7);
    for (pin, person) in &before {
        assert_eq!(&held[pin], person);
    }
}

async fn students_are_written_above_the_highest_number_that_was_seen(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(2).await;
    let device = campus.register(SERIAL).await;
    let mut terminal = Terminal::new(SERIAL, Profile::senseface_a2(), 1);
    terminal.preload_users([HeldUser::new("20500", "Māia")]);
    let before = terminal.users().clone();
    campus.world.plug_in(terminal);
    campus.run_for(60).await;
    // Somebody who is there comes in: now the number was seen.
    let now = campus.world.fleet.terminals()[0].local(campus.world.now());
    campus.world.fleet.terminal(0).punch("20500", now);
    campus.run_for(60).await;

    campus.post(&format!("/api/v1/device/{device}/takeover"), json!({"mode": "add"})).await.data(200);
    assert!(campus.world.settle(A_WHILE).await);
    let status = campus.status(device).await;
    let pins: Vec<_> = status.students.values().map(|student| student.pin.clone().unwrap()).collect();
    assert_eq!(pins, ["20501", "20502"]);
    assert_eq!(campus.world.fleet.terminals()[0].users()["20500"], before["20500"]);
}
