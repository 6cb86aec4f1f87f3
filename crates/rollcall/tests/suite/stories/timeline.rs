//! What happened to one student on one terminal, as an admin reads it.

use jiff::SignedDuration;
use rollcall::{devices::DeviceId, school::StudentId};
use serde_json::{Value as Json, json};
use terminal_simulator::Profile;

use super::campus::Campus;
use crate::databases::{Database, both_databases};

both_databases! {
    the_way_of_a_student_from_wanted_to_verified,
    what_was_found_begins_and_ends,
    a_refusal_is_told_with_its_code,
    whoever_waits_is_told_why,
    a_removal_in_two_steps_begins_once,
}

async fn timeline(campus: &Campus, device: DeviceId, student: StudentId) -> Vec<Json> {
    let reply = campus.get(&format!("/api/v1/device/{device}/students/{student}/timeline?limit=500")).await;
    reply.data(200).as_array().unwrap().clone()
}

/// The events' names, oldest first.
fn names(events: &[Json]) -> Vec<&str> {
    events.iter().rev().map(|event| event["event"].as_str().unwrap()).collect()
}

fn find<'a>(events: &'a [Json], name: &str) -> &'a Json {
    events.iter().find(|event| event["event"] == name).unwrap_or_else(|| panic!("no {name}: {events:#?}"))
}

async fn the_way_of_a_student_from_wanted_to_verified(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let student = campus.enrol("Ọlámidé Adébáyọ̀", "1001").await;
    assert_eq!(timeline(&campus, device, student).await, [] as [Json; 0], "the terminal has not called");
    campus.in_step(device).await;
    let events = timeline(&campus, device, student).await;
    assert_eq!(names(&events)[..4], ["wanted", "queued", "sent", "acknowledged"], "{events:#?}");
    let acknowledged = find(&events, "acknowledged");
    assert_eq!((&acknowledged["code"], &acknowledged["words"]), (&json!(0), &json!("the terminal answered: done")));
    assert!(acknowledged["command_id"].is_i64(), "{acknowledged}");

    campus.post(&format!("/api/v1/device/{device}/verify-sync"), json!({})).await.data(202);
    campus.run_for(180).await;
    let events = timeline(&campus, device, student).await;
    assert_eq!(names(&events), ["wanted", "queued", "sent", "acknowledged", "seen", "verified"], "{events:#?}");
    assert!(find(&events, "seen")["words"].as_str().unwrap().contains("1001"), "{events:#?}");
    let times: Vec<&str> = events.iter().map(|event| event["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "newest first: {times:?}");

    // Somebody else is there: of an empty roster the guard would make a question.
    campus.change(campus.enrol("Ольга Шевчук", "1002").await, json!({"full_name": "Ольга Шевчук-Ткач"})).await;
    campus.remove(student).await;
    campus.in_step(device).await;
    let removed = timeline(&campus, device, student).await;
    let [.., wanted, queued, sent, acknowledged] = names(&removed)[..] else { panic!("{removed:#?}") };
    assert_eq!([wanted, queued, sent, acknowledged], ["wanted", "queued", "sent", "acknowledged"]);
    assert!(removed.iter().any(|event| event["words"] == "no longer belongs on this terminal"), "{removed:#?}");
    assert!(find(&removed, "queued")["words"].as_str().unwrap().contains("to remove the student"), "{removed:#?}");
    let page = campus.get(&format!("/api/v1/device/{device}/students/{student}/timeline?limit=2")).await;
    assert_eq!(page.data(200).as_array().unwrap()[..], removed[..2]);
    assert_eq!(page.body["pagination"]["total"], removed.len());
}

async fn what_was_found_begins_and_ends(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let student = campus.enrol("መስፍን ታደሰ", "1001").await;
    let other = campus.enrol("Hina Kahurangi", "1002").await;
    campus.in_step(device).await;
    campus.post(&format!("/api/v1/device/{device}/verify-sync"), json!({})).await.data(202);
    campus.run_for(180).await;
    let index = campus.index_of(device).await;
    let pin = campus.pin(device, student).await.unwrap();
    campus.world.fleet.terminal(index).edit_at_keypad(&pin, "Mallory", Some(1001));
    campus.run_for(900).await;

    let events = timeline(&campus, device, student).await;
    let found = find(&events, "drift found");
    let shown = json!([found["field"], found["ours"], found["theirs"]]);
    assert_eq!(shown, json!(["name", "መስፍን ታደሰ", "Mallory"]), "{events:#?}");
    assert!(found["words"].as_str().unwrap().contains("name is \"Mallory\" there"), "{found}");
    let ended = find(&events, "drift ended");
    assert!(found["at"].as_str() < ended["at"].as_str(), "{events:#?}");
    let order = names(&events);
    let at = |name: &str| order.iter().rposition(|event| *event == name).unwrap();
    assert!(at("drift found") < at("acknowledged") && at("acknowledged") < at("drift ended"), "{order:?}");
    let others = timeline(&campus, device, other).await;
    assert!(!names(&others).contains(&"drift found"), "{others:#?}");
}

async fn a_refusal_is_told_with_its_code(database: Database) {
    let mut campus = Campus::open(database).await;
    let mut small = Profile::zam180();
    small.people.capacity = 1;
    let device = campus.terminal("CJX9253300417", small).await;
    campus.enrol("Zoë Adjei", "1001").await;
    let student = campus.enrol("நந்தினி", "1002").await;
    campus.run_for(300).await;
    let events = timeline(&campus, device, student).await;
    let failed = find(&events, "failed");
    assert_eq!((&failed["code"], &failed["words"]), (&json!(-1001), &json!("the terminal is full (-1001)")));
}

async fn whoever_waits_is_told_why(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let student = campus.enrol("Þóra Jónsdóttir", "1001").await;
    campus.in_step(device).await;
    campus.world.foreign("UPDATE students SET rfid_card_id = 'no card' WHERE id = $1", [student.into()]).await;
    campus.world.run_for(SignedDuration::from_mins(2)).await;
    let events = timeline(&campus, device, student).await;
    let wanted = find(&events, "wanted")["words"].as_str().unwrap().to_owned();
    assert!(wanted.contains("Þóra Jónsdóttir") && wanted.contains("no card"), "{events:#?}");
    assert!(wanted.contains("; "), "and why it is not done: {wanted}");
}

async fn a_removal_in_two_steps_begins_once(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("SFA2251700031", Profile::access_s3()).await;
    campus.enrol("Nguyễn Thị Hạnh", "1001").await;
    let student = campus.enrol("أمينة بنت يوسف", "1002").await;
    campus.in_step(device).await;
    campus.remove(student).await;
    campus.in_step(device).await;
    campus.read_back(device).await;

    let events = timeline(&campus, device, student).await;
    let only = |words: &str| {
        let places = (0..events.len()).filter(|place| events[*place]["words"].as_str().unwrap().contains(words));
        let places: Vec<usize> = places.collect();
        let [place] = places[..] else { panic!("{words} is told {} times: {events:#?}", places.len()) };
        place
    };
    let in_order = [
        only("no longer on the terminal"),
        only("to close the door is queued"),
        only("to remove the student is queued"),
        only("no longer belongs on this terminal"),
    ];
    assert!(in_order.is_sorted(), "newest first: {events:#?}");
}
