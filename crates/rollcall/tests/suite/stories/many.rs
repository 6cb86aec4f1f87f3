//! A thousand students, and who may overtake them.

use serde_json::json;
use terminal_simulator::{Direction, Profile};

use super::campus::Campus;
use crate::databases::{Database, both_databases};

both_databases! {
    a_thousand_students_take_a_batch_capable_terminal_twenty_polls,
    a_terminal_that_takes_one_command_per_poll_is_given_one,
    an_edit_during_a_long_full_sync_leaves_with_the_next_poll,
}

async fn a_thousand_students_take_a_batch_capable_terminal_twenty_polls(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.import(0..1_000).await;
    campus.in_step(device).await;
    let statistics = campus.world.fleet.terminals()[0].statistics();
    assert_eq!(statistics.users_written, 1_000);
    assert!(statistics.polls_with_commands <= 20, "{} polls", statistics.polls_with_commands);
}

async fn a_terminal_that_takes_one_command_per_poll_is_given_one(database: Database) {
    // What is true of a thousand is true of a hundred and twenty, and the other database has shown it.
    let count = if database.db.product() == "SQLite" { 1_000 } else { 120 };
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("MARS00000001", Profile::mars()).await;
    campus.import(0..count).await;
    campus.in_step(device).await;
    let first = *campus.world.fleet.terminals()[0].statistics();
    assert_eq!(usize::try_from(first.users_written), Ok(count));
    let surplus = first.polls_with_commands - first.users_written;
    assert!(surplus <= 10, "{surplus} polls more than students");
    assert!((1..=10).contains(&first.commands_ignored), "{} commands were lost", first.commands_ignored);

    // It is known now, and no more than one is tried, whatever is to be done.
    campus.world.foreign("UPDATE students SET full_name = 'Ελένη ' || id WHERE id <= 50", []).await;
    campus.in_step(device).await;
    let second = *campus.world.fleet.terminals()[0].statistics();
    assert_eq!(second.commands_ignored, first.commands_ignored);
    assert_eq!(second.polls_with_commands - first.polls_with_commands, 50);
    let shown = campus.get(&format!("/api/v1/devices/{device}")).await;
    assert_eq!((&shown.data(200)["one_per_poll"], &shown.data(200)["batch_size"]), (&json!(true), &json!(1)));

    // New firmware can do more, and is found to.
    let terminal = campus.world.fleet.terminal(0);
    terminal.profile_mut().polling.commands_per_reply = 200;
    terminal.upgrade_firmware("MARS-NF20VA-Ver2.0.0");
    campus.run_for(300).await;
    // How it can be read back is tried anew as well.
    campus.quiet(device).await;
    let before = *campus.world.fleet.terminals()[0].statistics();
    campus.world.foreign("UPDATE students SET full_name = 'Θάλεια ' || id WHERE id <= 50", []).await;
    campus.in_step(device).await;
    let third = *campus.world.fleet.terminals()[0].statistics();
    let polls = third.polls_with_commands - before.polls_with_commands;
    assert!(polls <= 7, "{polls} polls");
    let shown = campus.get(&format!("/api/v1/devices/{device}")).await;
    assert_eq!(shown.data(200)["one_per_poll"], false);
}

async fn an_edit_during_a_long_full_sync_leaves_with_the_next_poll(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("MARS00000001", Profile::mars()).await;
    let students = campus.enrol_many(60).await;
    campus.in_step(device).await;

    campus.post(&format!("/api/v1/device/{device}/sync-students"), json!({})).await.data(200);
    campus.run_for(10).await;
    let open = campus.status(device).await.numbers["pending"];
    assert!(open > 40, "the full sync is under way: {open}");

    // The last in line, his card was stolen.
    campus.world.fleet.terminal(0).keep_transcript(100);
    let already = replies_with_commands(&campus).len();
    campus.change(students[59], json!({"rfid_card_id": "0xBADCAFE"})).await;
    campus.enrol("Zoë Wójcik", "4001").await;
    campus.run_for(10).await;
    let next: Vec<String> = replies_with_commands(&campus).split_off(already);
    assert!(next[0].contains("Card=195939070"), "{}", next[0]);
    assert!(next[1].contains("Name=Zoë Wójcik"), "{}", next[1]);
    assert!(campus.status(device).await.numbers["pending"] > 35, "and the others wait");
    campus.in_step(device).await;
}

fn replies_with_commands(campus: &Campus) -> Vec<String> {
    let messages = campus.world.fleet.terminals()[0].transcript().messages();
    let replies = messages.filter(|(direction, _)| *direction == Direction::Response);
    let replies = replies.map(|(_, reply)| String::from_utf8_lossy(reply).into_owned());
    replies.filter(|reply| reply.contains("\r\n\r\nC:")).collect()
}
