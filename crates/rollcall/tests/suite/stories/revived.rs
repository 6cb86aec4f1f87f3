//! A terminal of a school that gave it up is registered by another one: of whom it held for the former, nobody there is told.

use jiff::SignedDuration;
use rollcall::{
    accounts::Role,
    devices::{DeviceId, cards},
    school::SchoolId,
    sync::reconcile::{Scope, reconcile},
};
use serde_json::{Value as Json, json};
use terminal_simulator::Profile;

use super::campus::{Campus, id};
use crate::{
    databases::{Database, both_databases},
    pages::page,
    server::Person,
};

both_databases! {
    a_deleted_terminal_tells_another_school_nothing_of_its_people,
    a_terminal_of_a_deleted_school_is_registered_by_another_one_which_is_told_nothing,
    a_deleted_terminal_that_comes_back_to_its_school_is_read_anew,
    a_terminal_of_a_school_that_is_there_stays_its_own,
}

const SERIAL: &str = "CJX9253300417";
const STUDENTS: [(&str, &str); 3] =
    [("Sigríður Þorkelsdóttir", "7315522019"), ("ღვინერია ქეთევანი", "7315522020"), ("Ngaio Paretene", "7315522021")];
const STRANGER: (&str, u64) = ("Ildikó Szőts", 7_315_522_022);
/// What a terminal makes of a name is what begins it.
const TRACES: [&str; 6] = ["Sigr", "ღვინ", "Ngaio", "Paretene", "Ildik", "73155220"];

/// A terminal with students, a stranger among them and one whose name was changed there, which says no more from now on.
async fn silent(database: Database) -> (Campus, DeviceId) {
    let mut campus = Campus::open(database).await;
    for (name, card) in STUDENTS {
        campus.enrol(name, card).await;
    }
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.world.fleet.terminal(0).edit_at_keypad("77", STRANGER.0, Some(STRANGER.1));
    campus.read_back(device).await;
    let presented = "INSERT INTO presented_cards (device_id, card_number, presented_at) SELECT id, 7315522023, updated_at FROM devices";
    campus.world.foreign(presented, []).await;
    let shown = told(&campus, &campus.admin, device).await;
    for trace in TRACES {
        assert!(shown.iter().any(|(_, text)| text.contains(trace)), "{trace} is nowhere");
    }
    campus.cut_the_line(0, SignedDuration::from_hours(1_000));
    (campus, device)
}

/// Everything that somebody is told of a terminal, by address.
async fn told(campus: &Campus, by: &Person, device: DeviceId) -> Vec<(String, String)> {
    let server = &campus.world.server;
    let mut texts = Vec::new();
    for what in ["users", "takeover", "removals", "drift", "sync-status", "commands", "verification"] {
        let path = format!("/api/v1/device/{device}/{what}");
        let reply = server.get(by, &path).await;
        reply.data(200);
        texts.push((path, reply.text));
    }
    for path in ["", "/drift", "/commands", "/about", "/takeover", "/settings"] {
        let path = format!("/terminals/{device}{path}");
        let reply = page(server, by, &path).await;
        texts.push((path, reply.page(200).to_owned()));
    }
    texts
}

async fn tells_nothing(campus: &Campus, by: &Person, device: DeviceId) {
    for (path, text) in told(campus, by, device).await {
        for trace in TRACES {
            assert!(!text.contains(trace), "{trace} at {path}: {text}");
        }
    }
    let mut tx = campus.world.app.db.read().await.unwrap();
    let (school,): (SchoolId,) = tx.one("SELECT school_id FROM devices WHERE id = $1", [device.into()]).await.unwrap();
    assert_eq!(cards::newest(&mut tx, device, school, campus.world.now()).await.unwrap(), None);
}

async fn another_school(campus: &Campus) -> (SchoolId, Person) {
    let server = &campus.world.server;
    let school = server.school("Istituto Galileo").await;
    (school, server.person("chiara.de.santis@example.org", Role::SchoolAdmin, Some(school)).await)
}

fn gate(school: SchoolId) -> Json {
    json!({"school_id": school, "serial_number": SERIAL, "device_name": "Ingresso"})
}

/// Another school registers it, and writing begins.
async fn comes_to_another(campus: &Campus, device: DeviceId) {
    let server = &campus.world.server;
    let (school, chiara) = another_school(campus).await;
    let created = server.post(&chiara, "/api/v1/devices", gate(school)).await;
    assert_eq!((id(created.data(201)), &created.data(201)["start_state"]), (device.0, &json!("unknown")));
    tells_nothing(campus, &chiara, device).await;

    // Somebody has decided to write beside whoever is there, and the school has a student.
    campus.world.student(school, "Chiara Esposito", "4711").await;
    campus.world.foreign("UPDATE devices SET start_state = 'writing'", []).await;
    let mut tx = campus.world.app.db.write().await.unwrap();
    reconcile(&mut tx, Scope::Device(device), campus.world.now()).await.unwrap();
    tx.commit().await.unwrap();
    let removals = server.get(&chiara, &format!("/api/v1/device/{device}/removals")).await;
    assert_eq!(
        (&removals.data(200)["held"], &removals.data(200)["kept"]),
        (&json!(0), &json!([])),
        "{}",
        removals.text
    );
    tells_nothing(campus, &chiara, device).await;
    let known = "SELECT COUNT(DISTINCT device_pin) FROM (SELECT pin AS device_pin FROM device_seen_pins
        UNION SELECT device_pin FROM device_user_mappings) p";
    assert_eq!(campus.world.number(known).await, 5, "nobody is given a PIN that somebody had");
}

async fn a_deleted_terminal_tells_another_school_nothing_of_its_people(database: Database) {
    let (campus, device) = silent(database).await;
    campus.world.server.delete(&campus.admin, &format!("/api/v1/devices/{device}")).await.data(200);
    comes_to_another(&campus, device).await;
}

async fn a_terminal_of_a_deleted_school_is_registered_by_another_one_which_is_told_nothing(database: Database) {
    let (mut campus, device) = silent(database).await;
    campus.world.server.delete(&campus.superadmin, &format!("/api/v1/schools/{}", campus.school)).await.data(200);
    campus.run_for(120).await;
    comes_to_another(&campus, device).await;
}

async fn a_deleted_terminal_that_comes_back_to_its_school_is_read_anew(database: Database) {
    let (campus, device) = silent(database).await;
    campus.world.server.delete(&campus.admin, &format!("/api/v1/devices/{device}")).await.data(200);
    let again = campus.post("/api/v1/devices", gate(campus.school)).await;
    assert_eq!(id(again.data(201)), device.0);
    let users = campus.get(&format!("/api/v1/device/{device}/users")).await;
    let users = users.data(200);
    assert_eq!((&users["users"], &users["complete"], &users["counted"]), (&json!([]), &json!(false), &json!(null)));
    let drift = campus.get(&format!("/api/v1/device/{device}/drift")).await;
    assert_eq!(drift.data(200)["strangers"], json!([]));
}

async fn a_terminal_of_a_school_that_is_there_stays_its_own(database: Database) {
    let (campus, device) = silent(database).await;
    let server = &campus.world.server;
    let (school, chiara) = another_school(&campus).await;
    server.post(&chiara, "/api/v1/devices", gate(school)).await.refusal(409);
    let claim = format!("/api/v1/devices/unknown/{SERIAL}/claim");
    let named = json!({"school_id": school, "device_name": "Ingresso"});
    server.post(&chiara, &claim, named.clone()).await.refusal(409);
    let users = campus.get(&format!("/api/v1/device/{device}/users")).await;
    assert_eq!(users.data(200)["users"].as_array().unwrap().len(), 4);

    let unknown = "/api/v1/devices/unknown";
    assert_eq!(server.get(&chiara, unknown).await.column("serial_number"), [] as [&str; 0]);

    // Its school is deleted: it is anybody's like one that nobody registered.
    server.delete(&campus.superadmin, &format!("/api/v1/schools/{}", campus.school)).await.data(200);
    let listed = server.get(&chiara, unknown).await;
    assert_eq!((listed.column("serial_number"), &listed.body["pagination"]["total"]), (vec![json!(SERIAL)], &json!(1)));
    assert!(page(server, &chiara, "/terminals/unknown").await.page(200).contains(SERIAL));
    assert_eq!(id(server.post(&chiara, &claim, named.clone()).await.data(201)), device.0);
    tells_nothing(&campus, &chiara, device).await;
    server.post(&chiara, &claim, named).await.refusal(409);
    assert_eq!(server.get(&chiara, unknown).await.column("serial_number"), [] as [&str; 0]);
}
