//! A terminal with less room than the school has students, or narrower PINs, or fewer letters: nothing is sent that it
//! cannot hold, and whoever looks is told why.

use rollcall::devices::DeviceId;
use serde_json::{Value as Json, json};
use terminal_simulator::{CapacityTold, HeldUser, Profile, Terminal};

use super::{
    campus::{A_WHILE, Campus, id},
    people,
};
use crate::{
    databases::{Database, both_databases},
    processes::program::rollcall,
};

both_databases! {
    of_twenty_five_students_twenty_fit,
    who_is_there_already_takes_a_seat,
    an_access_unit_says_so_when_it_registers,
    a_terminal_with_four_digits_for_a_pin,
    a_name_that_the_terminal_cannot_show,
}

const SERIAL: &str = "CJX9253300417";
const FULL: &str = "the terminal is full, as 20 people fit: whoever is removed from it makes room";

fn small(family: Profile) -> Profile {
    let mut profile = family;
    profile.people.capacity = 20;
    profile.people.capacity_told = CapacityTold::People;
    profile
}

async fn device(campus: &Campus, device: DeviceId) -> Json {
    campus.get(&format!("/api/v1/devices/{device}")).await.data(200).clone()
}

/// How many commands that add somebody ever left, and how many were refused.
async fn additions(campus: &Campus, device: DeviceId) -> (usize, usize) {
    let commands = campus.commands(device).await;
    let additions = commands.iter().filter(|row| row["command_type"] == "add_user" && !row["sent_at"].is_null());
    let refused = commands.iter().filter(|row| row["return_code"].as_i64().is_some_and(|code| code < 0));
    (additions.count(), refused.count())
}

async fn of_twenty_five_students_twenty_fit(database: Database) {
    let mut campus = Campus::open(database).await;
    let students = campus.enrol_many(25).await;
    let gate = campus.terminal(SERIAL, small(Profile::zam180())).await;
    assert!(campus.world.settle(A_WHILE).await);

    let status = campus.status(gate).await;
    assert_eq!(status.in_words(), "5 failed, 20 synced of 25");
    let failed: Vec<_> = status.students.values().filter(|student| student.status == "failed").collect();
    assert!(failed.iter().all(|student| student.error.as_deref() == Some(FULL)), "{failed:#?}");
    assert_eq!(additions(&campus, gate).await, (20, 0), "nobody is sent to be refused");
    assert_eq!(campus.world.fleet.terminals()[0].statistics().users_written, 20);

    // Who looks is told: the admin, and whoever watches over all terminals.
    let shown = device(&campus, gate).await;
    assert_eq!((&shown["user_capacity"], &shown["warnings"]), (&json!(20), &json!(["full: 20 people fit"])));
    let said = rollcall(&campus.world.database.url, &["status", SERIAL]).await;
    assert_eq!(said.status, Some(3));
    assert!(said.out.contains("5 failed") && said.out.contains("full: 20 people fit"), "{}", said.out);
    let said = rollcall(&campus.world.database.url, &["status", "--json", SERIAL]).await;
    let lines: Vec<Json> = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&lines[0]["user_capacity"], &lines[0]["warnings"]), (&json!(20), &json!(["full: 20 people fit"])));

    // A verification misses nobody who was never sent, and sends nobody.
    campus.post(&format!("/api/v1/device/{gate}/verify-sync"), json!({})).await.data(202);
    campus.run_for(600).await;
    let verified = campus.get(&format!("/api/v1/device/{gate}/verification")).await.data(200).clone();
    assert_eq!((&verified["state"], &verified["complete"]), (&json!("done"), &json!(true)), "{verified}");
    assert_eq!((&verified["verified"], &verified["missing"]), (&json!(20), &json!(0)), "{verified}");
    assert_eq!(additions(&campus, gate).await, (20, 0));

    // Somebody leaves: the next one comes in by himself.
    campus.remove(students[3]).await;
    assert!(campus.world.settle(A_WHILE).await);
    assert_eq!(campus.status(gate).await.in_words(), "4 failed, 20 synced of 24");
    assert_eq!(additions(&campus, gate).await, (21, 0));

    // Six more leave, one by one: all come in, and there is room again.
    for student in &students[4..10] {
        campus.remove(*student).await;
        assert!(campus.world.settle(A_WHILE).await);
    }
    campus.in_step(gate).await;
    assert_eq!(device(&campus, gate).await["warnings"], json!(["nearly full: it holds 18 of the 20 people who fit"]));
    campus.remove(students[10]).await;
    campus.in_step(gate).await;
    assert_eq!(device(&campus, gate).await["warnings"], json!([]));
}

async fn who_is_there_already_takes_a_seat(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(10).await;
    let gate = campus.register(SERIAL).await;
    let mut terminal = Terminal::new(SERIAL, small(Profile::zam180()), 1);
    terminal.preload_users((1..=15).map(|number| HeldUser::new(&number.to_string(), &people::name(100 + number))));
    campus.world.plug_in(terminal);
    campus.run_for(120).await;
    campus.post(&format!("/api/v1/device/{gate}/takeover"), json!({"mode": "add"})).await.data(200);
    assert!(campus.world.settle(A_WHILE).await);
    assert_eq!(campus.status(gate).await.in_words(), "5 failed, 5 synced of 10");
    assert_eq!(additions(&campus, gate).await, (5, 0));

    // Two of the others are removed at the keypad.
    for pin in ["7", "11"] {
        campus.world.fleet.terminal(0).remove_at_keypad(pin);
    }
    campus.run_for(600).await;
    assert_eq!(campus.status(gate).await.in_words(), "3 failed, 7 synced of 10");
    assert_eq!((campus.world.fleet.terminals()[0].users().len(), additions(&campus, gate).await), (20, (7, 0)));
}

async fn an_access_unit_says_so_when_it_registers(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(23).await;
    // It introduces itself to a server that does not know it yet, and not again once it is claimed.
    campus.world.plug_in(Terminal::new(SERIAL, small(Profile::access_s3()), 1));
    campus.run_for(120).await;
    let fields = json!({"school_id": campus.school, "device_name": "Laboratorio"});
    let claim = format!("/api/v1/devices/unknown/{SERIAL}/claim");
    let gate = DeviceId(id(campus.post(&claim, fields).await.data(201)));
    assert!(campus.world.settle(A_WHILE).await);
    assert_eq!(campus.status(gate).await.in_words(), "3 failed, 20 synced of 23");
    assert_eq!(additions(&campus, gate).await, (20, 0));
}

async fn a_terminal_with_four_digits_for_a_pin(database: Database) {
    let mut campus = Campus::open(database).await;
    let wide = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.run_for(60).await;
    // The school is old: its next PIN has five digits.
    campus.world.foreign("UPDATE device_pins SET next_pin = 10000", []).await;
    let students = campus.enrol_many(12).await;
    campus.in_step(wide).await;
    assert_eq!(campus.pin(wide, students[0]).await.unwrap(), "10000");

    let mut profile = Profile::zam180();
    profile.people.pin_bytes = 4;
    let narrow = campus.terminal("CJX9253300418", profile).await;
    campus.in_step(narrow).await;
    assert_eq!(device(&campus, narrow).await["pin_width"], 4);
    for student in &students {
        let pin = campus.pin(narrow, *student).await.unwrap();
        assert!(pin.len() <= 4, "{pin}");
    }

    // When all of them were used, whoever comes then is told of, and not sent.
    campus.world.foreign("UPDATE device_pins SET floor_pin = 9998 WHERE device_id = $1", [narrow.into()]).await;
    let newcomers =
        [campus.enrol("Gülşen", "71").await, campus.enrol("Rūta", "72").await, campus.enrol("Åke", "73").await];
    assert!(campus.world.settle(A_WHILE).await);
    let status = campus.status(narrow).await;
    assert_eq!(status.in_words(), "1 failed, 14 synced of 15");
    let last = &status.students[&newcomers[2]];
    assert_eq!((&*last.status, last.pin.as_deref()), ("failed", None));
    assert!(last.error.as_ref().is_some_and(|words| words.starts_with("no PIN is left")), "{last:?}");
    campus.in_step(wide).await;
    // A verification does not ask for somebody without a PIN.
    campus.post(&format!("/api/v1/device/{narrow}/verify-sync"), json!({})).await.data(202);
    campus.run_for(600).await;
    let verified = campus.get(&format!("/api/v1/device/{narrow}/verification")).await.data(200).clone();
    assert_eq!((&verified["verified"], &verified["missing"]), (&json!(14), &json!(0)), "{verified}");
}

async fn a_name_that_the_terminal_cannot_show(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal(SERIAL, Profile { language: 83, ..Profile::zam180() }).await;
    let shown = campus.enrol("欧阳思远", "4001").await;
    let private = campus.enrol("\u{E5E5}\u{E5E5}", "4002").await;
    assert!(campus.world.settle(A_WHILE).await);
    let status = campus.status(gate).await;
    assert_eq!(status.in_words(), "1 failed, 1 synced of 2");
    let words = status.students[&private].error.clone().unwrap();
    assert!(words.ends_with("the terminal's character set has none of its characters"), "{words}");
    assert_eq!(additions(&campus, gate).await, (1, 0));
    let timeline = format!("/api/v1/device/{gate}/students/{private}/timeline");
    let timeline = campus.get(&timeline).await.data(200).to_string();
    assert!(timeline.contains("character set has none"), "{timeline}");

    // With letters that it has he comes in, and is read back as he was written.
    campus.change(private, json!({"full_name": "司马\u{E5E5}"})).await;
    assert!(campus.world.settle(A_WHILE).await);
    assert_eq!(campus.held(gate, private).await.unwrap().0, "司马?");
    campus.post(&format!("/api/v1/device/{gate}/verify-sync"), json!({})).await.data(202);
    campus.run_for(600).await;
    let verified = campus.get(&format!("/api/v1/device/{gate}/verification")).await.data(200).clone();
    assert_eq!((&verified["verified"], &verified["different"]), (&json!(2), &json!(0)), "{verified}");
    assert!(campus.held(gate, shown).await.is_some());
}
