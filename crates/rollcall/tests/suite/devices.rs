//! Terminals as people register, claim, change and replace them.

mod bench;

use jiff::{SignedDuration, tz::TimeZone};
use push_protocol::text::SerialNumber;
use rollcall::{accounts::Role, school::SchoolId};
use serde_json::{Value as Json, json};

use self::bench::{SERIAL, all, called, count, gate, pins, reconcile, record, school, student, upload, writing};
use crate::{
    databases::{Database, both_databases},
    server::Reply,
};

both_databases! {
    a_terminal_is_registered_changed_and_deleted,
    wrong_values_are_refused_by_the_fields_name,
    each_role_sees_and_changes_what_is_its_own,
    a_serial_number_is_registered_once,
    rule_1_the_pin_history_belongs_to_the_serial_number,
    rule_5_moving_a_terminal_is_for_the_superadmin_and_its_punches_stay,
    rule_5_a_replacement_inherits_the_pins,
    rule_5_a_replacement_overwrites_nobody,
    what_waits_for_a_terminal_ends_when_it_is_switched_off_replaced_or_deleted,
    rule_4_takeover_writes_beside_those_who_are_there,
    a_claim_takes_over_what_the_terminal_said_and_brought,
    a_terminal_that_never_called_cannot_be_claimed,
    admins_see_of_unregistered_terminals_what_helps_to_find_their_own,
    the_registry_follows_at_once,
    punches_are_listed_for_those_who_may_see_them,
}

async fn a_terminal_is_registered_changed_and_deleted(database: Database) {
    let (server, admin, school) = school(database).await;
    let created = server.post(&admin, "/api/v1/devices", gate(school)).await;
    let created = created.data(201);
    let path = format!("/api/v1/devices/{}", created["id"]);
    assert_eq!(created["serial_number"], SERIAL);
    assert_eq!(created["school_id"], school.0);
    assert_eq!((&created["is_online"], &created["is_active"]), (&json!(false), &json!(true)));
    assert_eq!((&created["strangers"], &created["batch_size"]), (&json!("report"), &json!(1)));
    assert_eq!(created["start_state"], "unknown");
    assert_eq!(created["start"], "waits for the terminal to say how many people it holds");

    for query in ["", "?search=GATE", "?search=ged72", &format!("?school_id={school}")] {
        let listed = server.get(&admin, &format!("/api/v1/devices{query}")).await;
        assert_eq!(
            (listed.column("serial_number"), &listed.body["pagination"]["total"]),
            (vec![json!(SERIAL)], &json!(1))
        );
    }
    assert!(server.get(&admin, "/api/v1/devices?search=100%25").await.column("id").is_empty());

    let zone = json!({"timezone": "asia/kathmandu", "strangers": "remove"});
    let changed = server.patch(&admin, &path, zone).await;
    assert_eq!(
        (&changed.data(200)["timezone"], &changed.data(200)["strangers"]),
        (&json!("Asia/Kathmandu"), &json!("remove"))
    );
    for field in ["school_id", "serial_number", "device_name", "strangers", "is_active", "one_per_poll"] {
        let refused = server.put(&admin, &path, json!({field: null})).await;
        assert!(refused.refusal(422).starts_with(field), "{}", refused.text);
    }
    let changed = server.put(&admin, &path, json!({"timezone": null, "serial_number": SERIAL})).await;
    assert_eq!((&changed.data(200)["timezone"], &changed.data(200)["strangers"]), (&Json::Null, &json!("remove")));

    server
        .sql(
            "INSERT INTO device_delivery (device_id, batch_size, one_per_poll) SELECT id, 64, TRUE FROM devices
        WHERE TRUE ON CONFLICT (device_id) DO UPDATE SET one_per_poll = TRUE, batch_size = 64",
            [],
        )
        .await;
    let shown = server.get(&admin, &path).await;
    assert_eq!((&shown.data(200)["one_per_poll"], &shown.data(200)["batch_size"]), (&json!(true), &json!(1)));
    let reset = server.patch(&admin, &path, json!({"one_per_poll": false})).await;
    assert_eq!((&reset.data(200)["one_per_poll"], &reset.data(200)["batch_size"]), (&json!(false), &json!(1)));
    assert_eq!(server.patch(&admin, &path, json!({"is_active": false})).await.data(200)["is_active"], false);

    assert_eq!(server.delete(&admin, &path).await.data(200)["id"], created["id"]);
    server.get(&admin, &path).await.refusal(404);
    server.patch(&admin, &path, json!({"is_active": true})).await.refusal(404);
    server.delete(&admin, &path).await.refusal(404);
    assert!(server.get(&admin, "/api/v1/devices").await.column("id").is_empty());

    let audit: Vec<(String, Option<i64>)> =
        all(&server, "SELECT action, school_id FROM audit_logs WHERE entity = 'device' ORDER BY id").await;
    let actions: Vec<&str> = audit.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["create", "update", "update", "update", "update", "delete"]);
    assert!(audit.iter().all(|(_, of)| *of == Some(school.0)));
}

async fn wrong_values_are_refused_by_the_fields_name(database: Database) {
    let (server, admin, school) = school(database).await;
    let wrong = [
        ("serial_number", json!("GED 7242")),
        ("serial_number", json!("")),
        ("device_name", json!(" \t ")),
        ("timezone", json!("Mars/Olympus")),
        ("strangers", json!("eat")),
        ("takeover", json!("burn")),
        ("replaces", json!(4711)),
        ("school_id", json!("first")),
    ];
    for (field, value) in wrong {
        let mut body = gate(school);
        body[field] = value.clone();
        let reply = server.post(&admin, "/api/v1/devices", body).await;
        assert!(reply.refusal(422).starts_with(&format!("{field}:")), "{field} {value}: {}", reply.text);
    }
    let superadmin = server.superadmin().await;
    let nowhere = server.post(&superadmin, "/api/v1/devices", gate(SchoolId(4711))).await;
    assert_eq!(nowhere.refusal(422), "school_id: there is no school 4711");

    let path =
        format!("/api/v1/devices/{}", server.post(&admin, "/api/v1/devices", gate(school)).await.data(201)["id"]);
    for (field, value) in
        [("serial_number", json!("GED7242600839")), ("device_name", json!("")), ("timezone", json!("+99:00"))]
    {
        let reply = server.patch(&admin, &path, json!({field: value, "is_active": false})).await;
        assert!(reply.refusal(422).starts_with(&format!("{field}:")), "{}", reply.text);
    }
    assert_eq!(server.get(&admin, &path).await.data(200)["is_active"], true, "nothing of a refused change is kept");
}

async fn each_role_sees_and_changes_what_is_its_own(database: Database) {
    let (server, admin, school) = school(database).await;
    let other_school = server.school("Colegio Sor Juana").await;
    let other = server.person("xochitl.ramos@example.org", Role::SchoolAdmin, Some(other_school)).await;
    let teacher = server.person("tere.wanjiku@example.org", Role::Teacher, Some(school)).await;
    let path =
        format!("/api/v1/devices/{}", server.post(&admin, "/api/v1/devices", gate(school)).await.data(201)["id"]);

    server.get(&teacher, &path).await.data(200);
    server.patch(&teacher, &path, json!({"is_active": false})).await.refusal(403);
    server.post(&teacher, "/api/v1/devices", gate(school)).await.refusal(403);

    for reply in [
        server.get(&other, &path).await,
        server.patch(&other, &path, json!({"is_active": false})).await,
        server.delete(&other, &path).await,
        server.post(&other, &format!("{}/takeover", path.replace("devices", "device")), json!({"mode": "add"})).await,
        server.post(&other, "/api/v1/devices", gate(school)).await,
        server.get(&other, &format!("/api/v1/devices?school_id={school}")).await,
    ] {
        reply.refusal(403);
    }
    assert!(server.get(&other, "/api/v1/devices").await.column("id").is_empty());
    server.get(&other, "/api/v1/devices/4711").await.refusal(404);
    assert_eq!(server.get(&server.superadmin().await, "/api/v1/devices").await.column("id").len(), 1);
}

async fn a_serial_number_is_registered_once(database: Database) {
    let (server, admin, school) = school(database).await;
    let other_school = server.school("Школа № 12").await;
    let other = server.person("oksana.kovalenko@example.org", Role::SchoolAdmin, Some(other_school)).await;
    server.post(&admin, "/api/v1/devices", gate(school)).await.data(201);

    let again = server.post(&admin, "/api/v1/devices", gate(school)).await;
    assert_eq!(again.refusal(409), "this serial number is registered already, as Gate");
    let elsewhere = server.post(&other, "/api/v1/devices", gate(other_school)).await;
    assert_eq!(elsewhere.refusal(409), "this serial number is registered already");
    let claim = json!({"school_id": other_school, "device_name": "Ours"});
    server.post(&other, &format!("/api/v1/devices/unknown/{SERIAL}/claim"), claim).await.refusal(409);
}

async fn rule_1_the_pin_history_belongs_to_the_serial_number(database: Database) {
    let (server, admin, school) = school(database).await;
    let id = server.post(&admin, "/api/v1/devices", gate(school)).await.data(201)["id"].as_i64().unwrap();
    writing(&server).await;
    let meera = student(&server, school, "Meera Iyer", "4711").await;
    reconcile(&server, id).await;
    assert_eq!(pins(&server, id).await, [(meera, "1".to_owned())]);
    record(&server, Some((id, school)), &["1"]).await;
    server.sql("UPDATE devices SET user_count = 1, start_state = 'writing'", []).await;
    server.delete(&admin, &format!("/api/v1/devices/{id}")).await.data(200);

    // Nobody knows the terminal now; somebody uses it on, with a person of his own.
    server.wait(SignedDuration::from_hours(1));
    record(&server, None, &["1", "2"]).await;

    let other_school = server.school("Istituto Galileo").await;
    let other = server.person("chiara.de.santis@example.org", Role::SchoolAdmin, Some(other_school)).await;
    let revived = server.post(&other, "/api/v1/devices", gate(other_school)).await;
    assert_eq!(revived.data(201)["id"], id);
    assert_eq!(revived.data(201)["start_state"], "unknown", "what happened to it meanwhile is not known");
    assert_eq!(revived.data(201)["user_count"], Json::Null);

    assert_eq!(pins(&server, id).await, [(meera, "1".to_owned())]);
    let chiara = student(&server, other_school, "Chiara Esposito", "4712").await;
    writing(&server).await;
    reconcile(&server, id).await;
    assert_eq!(
        pins(&server, id).await,
        [(meera, "1".to_owned()), (chiara, "3".to_owned())],
        "1 was Meera's, 2 was seen"
    );

    let schools: Vec<(i64, i64)> =
        all(&server, "SELECT school_id, COUNT(*) FROM punches GROUP BY school_id ORDER BY school_id").await;
    assert_eq!(schools, [(school.0, 1), (other_school.0, 2)], "punches stay with the school of their time");
    assert_eq!(server.get(&admin, "/api/v1/attendance").await.column("pin"), [json!("1")]);
    let seen = server.get(&other, "/api/v1/attendance").await;
    assert_eq!(seen.column("pin").len(), 2);
    assert!(seen.column("full_name").iter().all(Json::is_null), "Meera is no student of theirs: {}", seen.text);
    assert!(server.get(&other, "/api/v1/attendance?search=meera").await.column("pin").is_empty());
    let feed = crate::pages::page(&server, &other, "/attendance").await;
    assert!(!feed.page(200).contains("Meera"), "{}", feed.text);
    let wanted: Vec<(Option<String>,)> = all(&server, "SELECT log_request FROM devices").await;
    assert_eq!(wanted, [(Some("wanted".to_owned()),)]);
}

async fn rule_5_moving_a_terminal_is_for_the_superadmin_and_its_punches_stay(database: Database) {
    let (server, admin, school) = school(database).await;
    let other_school = server.school("中山國小").await;
    let superadmin = server.superadmin().await;
    let id = server.post(&admin, "/api/v1/devices", gate(school)).await.data(201)["id"].as_i64().unwrap();
    record(&server, Some((id, school)), &["7"]).await;
    let path = format!("/api/v1/devices/{id}");

    let unchanged = json!({"school_id": school, "device_name": "Gate 1"});
    server.patch(&admin, &path, unchanged).await.data(200);
    let moved = json!({"school_id": other_school});
    let refused = server.patch(&admin, &path, moved.clone()).await;
    assert_eq!(refused.refusal(403), "this is for the superadmin");
    assert_eq!(server.patch(&superadmin, &path, moved).await.data(200)["school_id"], other_school.0);

    server.get(&admin, &path).await.refusal(403);
    let punches = server.get(&admin, &format!("/api/v1/attendance?device_id={id}")).await;
    assert_eq!(punches.column("pin"), [json!("7")]);
    let other = server.person("lin.yi-ting@example.org", Role::SchoolAdmin, Some(other_school)).await;
    assert!(server.get(&other, &format!("/api/v1/attendance?device_id={id}")).await.column("pin").is_empty());
}

async fn rule_5_a_replacement_inherits_the_pins(database: Database) {
    let (server, admin, school) = school(database).await;
    let old = server.post(&admin, "/api/v1/devices", gate(school)).await.data(201)["id"].as_i64().unwrap();
    writing(&server).await;
    let mut students = Vec::new();
    for (name, card) in [("Aroha Ngata", "1"), ("Þór Jónsson", "2"), ("ነጋሽ ታደሰ", "3")] {
        students.push(student(&server, school, name, card).await);
    }
    reconcile(&server, old).await;
    record(&server, Some((old, school)), &["1", "2"]).await;
    server
        .sql(
            "UPDATE device_user_mappings SET valid_to = $1 WHERE student_id = $2",
            [server.now().into(), students[2].into()],
        )
        .await;
    called(&server, "NEW0001", Some(0)).await;
    server.wait(SignedDuration::from_hours(1));

    let claim = json!({"school_id": school, "device_name": "Gate", "replaces": old});
    let claimed = server.post(&admin, "/api/v1/devices/unknown/NEW0001/claim", claim).await;
    let new = claimed.data(201)["id"].as_i64().unwrap();
    assert_eq!(pins(&server, new).await, pins(&server, old).await);
    let ended: Vec<(i64,)> =
        all(&server, "SELECT student_id FROM device_user_mappings WHERE valid_to = valid_from").await;
    assert_eq!(ended, [(students[2],)], "a PIN whose time is over stays his");
    let shown = server.get(&admin, &format!("/api/v1/devices/{old}")).await;
    assert_eq!(shown.data(200)["is_active"], false);
    let punches = server.get(&admin, &format!("/api/v1/attendance?device_id={old}")).await;
    assert_eq!(punches.column("pin").len(), 2, "the old one keeps its punches");

    // What the new one recorded before it came here is nobody's of this school.
    upload(&server, "NEW0001", Some((new, school)), &[("1", "2026-11-23T10:30:00"), ("1", "2026-11-23T11:30:00")])
        .await;
    let owners: Vec<(Option<i64>,)> =
        all(&server, "SELECT student_id FROM punches WHERE serial_number = 'NEW0001' ORDER BY punched_at").await;
    assert_eq!(owners, [(None,), (Some(students[0]),)]);

    writing(&server).await;
    let later = student(&server, school, "Inês Carvalho", "4").await;
    reconcile(&server, new).await;
    assert_eq!(pins(&server, new).await.last(), Some(&(later, "4".to_owned())));
}

async fn rule_5_a_replacement_overwrites_nobody(database: Database) {
    let (server, admin, school) = school(database).await;
    let other_school = server.school("Szkoła Podstawowa nr 3").await;
    let old = server.post(&admin, "/api/v1/devices", gate(school)).await.data(201)["id"].as_i64().unwrap();
    writing(&server).await;
    let first = student(&server, school, "Bilal Demir", "1").await;
    let second = student(&server, school, "Ximena Soto", "2").await;
    reconcile(&server, old).await;

    called(&server, "NEW0001", Some(30)).await;
    let claim = json!({"school_id": school, "device_name": "Gate", "replaces": old});
    let refused = server.post(&admin, "/api/v1/devices/unknown/NEW0001/claim", claim.clone()).await;
    assert!(refused.refusal(409).starts_with("the terminal holds 30 people already"), "{}", refused.text);
    assert_eq!(count(&server, "SELECT COUNT(*) FROM unknown_terminals").await, 1, "nothing of a refused claim is kept");

    called(&server, "NEW0002", None).await;
    upload(&server, "NEW0002", None, &[("1", "2026-11-20T08:00:00")]).await;
    let claimed = server.post(&admin, "/api/v1/devices/unknown/NEW0002/claim", claim).await;
    let new = claimed.data(201)["id"].as_i64().unwrap();
    assert_eq!(pins(&server, new).await, [(second, "2".to_owned())], "somebody else was seen with PIN 1");
    writing(&server).await;
    reconcile(&server, new).await;
    assert_eq!(pins(&server, new).await, [(first, "3".to_owned()), (second, "2".to_owned())]);

    called(&server, "NEW0003", Some(0)).await;
    let superadmin = server.superadmin().await;
    let elsewhere = json!({"school_id": other_school, "device_name": "Gate", "replaces": old});
    let refused = server.post(&superadmin, "/api/v1/devices/unknown/NEW0003/claim", elsewhere).await;
    assert_eq!(refused.refusal(422), "replaces: there is no such terminal in this school");
}

async fn what_waits_for_a_terminal_ends_when_it_is_switched_off_replaced_or_deleted(database: Database) {
    let (server, admin, school) = school(database).await;
    let path =
        format!("/api/v1/devices/{}", server.post(&admin, "/api/v1/devices", gate(school)).await.data(201)["id"]);
    writing(&server).await;
    student(&server, school, "Tūheitia Paki", "1").await;
    let commands = "SELECT status, error_message FROM device_commands ORDER BY id";
    let waits = || ("pending".to_owned(), None);
    let ended = || ("superseded".to_owned(), Some("the terminal was switched off or deleted".to_owned()));

    server.patch(&admin, &path, json!({"device_name": "Side gate"})).await.data(200);
    assert_eq!(all::<(String, Option<String>)>(&server, commands).await, [waits()]);
    server.patch(&admin, &path, json!({"is_active": false})).await.data(200);
    assert_eq!(all::<(String, Option<String>)>(&server, commands).await, [ended()]);
    server.patch(&admin, &path, json!({"is_active": true})).await.data(200);
    assert_eq!(all::<(String, Option<String>)>(&server, commands).await, [ended(), waits()]);
    server.delete(&admin, &path).await.data(200);
    assert_eq!(all::<(String, Option<String>)>(&server, commands).await, [ended(), ended()]);

    // Its serial number comes back, is written again, and gives way to another terminal.
    let device = server.post(&admin, "/api/v1/devices", gate(school)).await.data(201)["id"].as_i64().unwrap();
    writing(&server).await;
    reconcile(&server, device).await;
    assert_eq!(all::<(String, Option<String>)>(&server, commands).await, [ended(), ended(), waits()]);
    let other =
        json!({"school_id": school, "serial_number": "CJX9253300417", "device_name": "Gate", "replaces": device});
    server.post(&admin, "/api/v1/devices", other).await.data(201);
    assert_eq!(all::<(String, Option<String>)>(&server, commands).await, [ended(), ended(), ended()]);
}

async fn rule_4_takeover_writes_beside_those_who_are_there(database: Database) {
    let (server, admin, school) = school(database).await;
    let id = server.post(&admin, "/api/v1/devices", gate(school)).await.data(201)["id"].as_i64().unwrap();
    server.sql("UPDATE devices SET start_state = 'holds_people', user_count = 300", []).await;
    let khadija = student(&server, school, "خديجة بنعلي", "4711").await;
    let shown = server.get(&admin, &format!("/api/v1/devices/{id}")).await;
    assert!(shown.data(200)["start"].as_str().unwrap().starts_with("already holds 300 people"), "{}", shown.text);

    let path = format!("/api/v1/device/{id}/takeover");
    let refused = server.post(&admin, &path, json!({"mode": "burn"})).await;
    assert!(refused.refusal(422).starts_with("mode:"), "{}", refused.text);
    let state = |reply: &Reply| (reply.data(200)["start_state"].clone(), reply.data(200)["takeover"].clone());
    let waits = server.post(&admin, &path, json!({"mode": "add"})).await;
    assert_eq!(state(&waits), (json!("holds_people"), json!("add")), "it is read first");
    let read = "INSERT INTO readings (device_id, cause, scope, state, phase, began_event, started_at)
      SELECT id, 'takeover', 'all', 'inconclusive', 'recount', 1, created_at FROM devices";
    server.sql(read, []).await;
    let taken = server.post(&admin, &path, json!({"mode": "add"})).await;
    assert_eq!(state(&taken), (json!("writing"), json!("add")));
    assert_eq!(pins(&server, id).await, [(khadija, "10001".to_owned())]);
    assert_eq!(count(&server, "SELECT COUNT(*) FROM device_commands WHERE status = 'pending'").await, 1);

    let twin = format!("/api/v1/device-management/{id}/takeover");
    server.post(&admin, &twin, json!({"mode": "add"})).await.data(200);
    server.post(&admin, "/api/v1/device/4711/takeover", json!({"mode": "add"})).await.refusal(404);
}

async fn a_claim_takes_over_what_the_terminal_said_and_brought(database: Database) {
    let (server, admin, school) = school(database).await;
    server.sql("UPDATE schools SET timezone = 'Asia/Kathmandu'", []).await;
    called(&server, SERIAL, Some(12)).await;
    record(&server, None, &["7", "8"]).await;

    let superadmin = server.superadmin().await;
    let listed = server.get(&superadmin, "/api/v1/devices/unknown").await;
    assert_eq!(listed.column("serial_number"), [json!(SERIAL)]);
    assert_eq!((listed.column("punches"), listed.column("user_count")), (vec![json!(2)], vec![json!(12)]));
    assert_eq!(listed.column("address"), [json!("203.0.113.7")]);

    let claim = json!({"school_id": school, "device_name": "Gate"});
    let claimed = server.post(&admin, &format!("/api/v1/devices/unknown/{SERIAL}/claim"), claim.clone()).await;
    let device = claimed.data(201);
    assert_eq!((&device["dialect"], &device["push_version"]), (&json!("attendance"), &json!("2.4.1")));
    assert_eq!((&device["user_count"], &device["firmware_version"]), (&json!(12), &json!("Ver 8.0.4.7")));
    let kept: Vec<(Option<String>, Option<String>)> =
        all(&server, "SELECT comm_key_digest, log_request FROM devices").await;
    assert_eq!(kept, [(Some("secret".to_owned()), Some("wanted".to_owned()))]);
    assert!(!claimed.text.contains("secret"));

    let punches: Vec<(Option<i64>, Option<i64>)> = all(&server, "SELECT device_id, school_id FROM punches").await;
    assert_eq!(punches, [(device["id"].as_i64(), Some(school.0)); 2]);
    let seen: Vec<(String,)> = all(&server, "SELECT pin FROM device_seen_pins ORDER BY pin").await;
    assert_eq!(seen, [("7".to_owned(),), ("8".to_owned(),)]);
    assert!(server.get(&superadmin, "/api/v1/devices/unknown").await.column("serial_number").is_empty());
    server.post(&admin, &format!("/api/v1/devices/unknown/{SERIAL}/claim"), claim).await.refusal(409);
    assert_eq!(count(&server, "SELECT COUNT(*) FROM audit_logs WHERE action = 'claim' AND entity = 'device'").await, 1);
}

async fn a_terminal_that_never_called_cannot_be_claimed(database: Database) {
    let (server, admin, school) = school(database).await;
    let claim = json!({"school_id": school, "device_name": "Gate"});
    let refused = server.post(&admin, &format!("/api/v1/devices/unknown/{SERIAL}/claim"), claim.clone()).await;
    assert_eq!(refused.refusal(404), "no unregistered terminal with this serial number has called");
    server.post(&admin, "/api/v1/devices/unknown/no%20serial/claim", claim).await.refusal(422);
}

async fn admins_see_of_unregistered_terminals_what_helps_to_find_their_own(database: Database) {
    let (server, admin, school) = school(database).await;
    let other_school = server.school("Lycée Léopold Sédar Senghor").await;
    let teacher = server.person("tere.wanjiku@example.org", Role::Teacher, Some(school)).await;
    called(&server, SERIAL, Some(12)).await;
    record(&server, None, &["7"]).await;

    let listed = server.get(&admin, "/api/v1/devices/unknown?search=ged").await;
    let row = &listed.data(200)[0];
    assert_eq!((&row["serial_number"], &row["device_type"]), (&json!(SERIAL), &json!("acc")));
    for hidden in ["address", "user_count", "punches", "comm_key", "comm_key_digest"] {
        assert_eq!(row.get(hidden), None, "{hidden}");
    }
    server.get(&teacher, "/api/v1/devices/unknown").await.refusal(403);
    let elsewhere = json!({"school_id": other_school, "device_name": "Gate"});
    server.post(&admin, &format!("/api/v1/devices/unknown/{SERIAL}/claim"), elsewhere).await.refusal(403);
    let mine = json!({"school_id": school, "device_name": "Gate"});
    server.post(&teacher, &format!("/api/v1/devices/unknown/{SERIAL}/claim"), mine).await.refusal(403);
}

async fn the_registry_follows_at_once(database: Database) {
    let (server, admin, school) = school(database).await;
    let serial = SerialNumber::parse(SERIAL).unwrap();
    let path =
        format!("/api/v1/devices/{}", server.post(&admin, "/api/v1/devices", gate(school)).await.data(201)["id"]);
    let known = server.app.registry.find(&serial).unwrap();
    assert_eq!((known.school(), known.zone()), (school, TimeZone::UTC));
    server.patch(&admin, &path, json!({"timezone": "Asia/Kathmandu", "is_active": false})).await.data(200);
    assert_eq!(known.zone().iana_name(), Some("Asia/Kathmandu"));
    assert!(!known.is_active());
    server.delete(&admin, &path).await.data(200);
    assert!(server.app.registry.find(&serial).is_none());
}

async fn punches_are_listed_for_those_who_may_see_them(database: Database) {
    let (server, admin, school) = school(database).await;
    let other_school = server.school("Escola Dandara").await;
    let other = server.person("luiza.andrade@example.org", Role::SchoolAdmin, Some(other_school)).await;
    let teacher = server.person("tere.wanjiku@example.org", Role::Teacher, Some(school)).await;
    let id = server.post(&admin, "/api/v1/devices", gate(school)).await.data(201)["id"].as_i64().unwrap();
    writing(&server).await;
    let student = student(&server, school, "Łukasz Wójcik", "4711").await;
    reconcile(&server, id).await;
    upload(
        &server,
        SERIAL,
        Some((id, school)),
        &[("1", "2026-11-23T10:00:00"), ("1", "2026-11-23T23:59:59"), ("2", "2026-11-24T00:00:00")],
    )
    .await;

    let day = format!("/api/v1/attendance?device_id={id}&student_id={student}&from=2026-11-23&to=2026-11-23");
    let listed = server.get(&teacher, &day).await;
    assert_eq!(listed.column("punched_at"), [json!("2026-11-23T23:59:59"), json!("2026-11-23T10:00:00")]);
    let row = &listed.data(200)[1];
    assert_eq!((&row["device_id"], &row["student_id"], &row["pin"]), (&json!(id), &json!(student), &json!("1")));
    assert_eq!((&row["status"], &row["verify"], &row["work_code"]), (&json!("0"), &json!("15"), &json!("")));
    assert_eq!((&row["full_name"], &row["received_at"]), (&json!("Łukasz Wójcik"), &json!("2026-11-23T10:00:00Z")));

    let to = format!("/api/v1/attendance?to=2026-11-23T23:59:59&school_id={school}");
    assert_eq!(server.get(&admin, &to).await.column("punched_at"), [json!("2026-11-23T10:00:00")]);
    for search in ["2", "lukasz"] {
        let found = server.get(&admin, &format!("/api/v1/attendance?search={search}")).await;
        assert_eq!(found.column("pin").len(), if search == "2" { 1 } else { 2 }, "{search}");
    }
    for blank in ["", "%20"] {
        let all = server.get(&admin, &format!("/api/v1/attendance?search={blank}")).await;
        assert_eq!(all.column("pin").len(), 3, "also the punch of nobody");
    }
    let page = server.get(&admin, "/api/v1/attendance?limit=2&page=2").await;
    assert_eq!((page.column("id").len(), &page.body["pagination"]["totalPages"]), (1, &json!(2)));

    server.get(&admin, "/api/v1/attendance?from=yesterday").await.refusal(422);
    server.get(&other, &format!("/api/v1/attendance?device_id={id}")).await.refusal(403);
    server.get(&other, &format!("/api/v1/attendance?school_id={school}")).await.refusal(403);
    server.get(&other, "/api/v1/attendance?device_id=4711").await.refusal(404);
    assert!(server.get(&other, "/api/v1/attendance").await.column("id").is_empty());
}
