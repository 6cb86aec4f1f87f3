//! What people see of it when a terminal is read back.

use jiff::SignedDuration;
use rollcall::{accounts::Role, devices::DeviceId};
use serde_json::{Value as Json, json};
use terminal_simulator::Profile;

use super::campus::{A_WHILE, Campus, id};
use crate::{
    databases::{Database, both_databases},
    server::Person,
};

both_databases! {
    a_verification_proves_everybody,
    single_people_are_proven_as_well,
    what_changed_after_the_proof_is_unproven,
    what_somebody_did_at_the_keypad_is_found_and_mended,
    the_outcome_tells_what_was_found_also_when_it_is_mended,
    a_stranger_is_shown_and_stays,
    people_are_shown_page_by_page,
    lists_are_looked_through,
    the_log_of_another_school_is_not_shown,
    what_cannot_be_verified_is_never_called_in_step,
    an_offline_terminal_is_verified_when_it_calls,
    students_who_failed_are_tried_again,
    the_schedule_verifies_by_itself,
    verify_all_is_for_the_superadmin,
    hours_for_maintenance_are_checked,
}

const SERIAL: &str = "CJX9253300417";

/// A terminal that holds so many students.
async fn filled(database: Database, students: usize, profile: Profile) -> (Campus, DeviceId) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(students).await;
    let device = campus.terminal(SERIAL, profile).await;
    campus.in_step(device).await;
    (campus, device)
}

impl Campus {
    async fn show(&self, device: DeviceId, what: &str) -> Json {
        self.get(&format!("/api/v1/device/{device}/{what}")).await.data(200).clone()
    }

    /// Presses the button and lets time pass until the outcome is there.
    async fn verify(&mut self, device: DeviceId) -> Json {
        self.post(&format!("/api/v1/device/{device}/verify-sync"), json!({})).await.data(202);
        for _ in 0..60 {
            let outcome = self.show(device, "verification").await;
            if outcome["state"] != "running" {
                return outcome;
            }
            self.run_for(30).await;
        }
        panic!("it never ended");
    }
}

/// The fields of an object, in this order.
fn fields(of: &Json, names: &[&str]) -> Json {
    names.iter().map(|name| of[*name].clone()).collect()
}

const PROOF: [&str; 5] = ["verified", "acknowledged", "drifted", "unverifiable", "class"];
const FOUND: [&str; 5] = ["state", "missing", "different", "extra", "complete"];

async fn a_verification_proves_everybody(database: Database) {
    let (mut campus, device) = filled(database, 12, Profile::zam180()).await;
    let never = campus.show(device, "verification").await;
    assert_eq!(
        fields(&never, &["state", "started_at", "missing", "complete"]),
        json!(["inconclusive", null, null, null])
    );
    assert!(never["words"].as_str().unwrap().contains("never verified"), "{never}");
    let before = campus.show(device, "sync-status").await;
    assert_eq!(fields(&before["proof"], &PROOF), json!([0, 12, 0, 0, null]), "{before}");
    assert!(before["students"].as_array().unwrap().iter().all(|student| student["verified_at"].is_null()));

    let reply = campus.post(&format!("/api/v1/device/{device}/verify-sync"), json!({})).await;
    let begun = reply.data(202);
    assert_eq!(
        fields(begun, &["deviceId", "state", "missing", "extra", "different", "retried"]),
        json!([device, "reading", 0, 0, 0, 0])
    );
    assert_eq!(campus.show(device, "verification").await["state"], "running");

    let outcome = campus.verify(device).await;
    assert_eq!(fields(&outcome, &FOUND), json!(["done", 0, 0, 0, true]), "{outcome}");
    assert_eq!(
        fields(&outcome, &["cause", "counted", "told", "verified", "repaired"]),
        json!(["asked", 12, 12, 12, 0])
    );
    assert!(outcome["started_at"].as_str() <= outcome["finished_at"].as_str(), "{outcome}");
    let after = campus.show(device, "sync-status").await;
    assert_eq!(fields(&after["proof"], &PROOF), json!([12, 0, 0, 0, "list"]), "{after}");
    assert!(after["students"].as_array().unwrap().iter().all(|student| student["verified_at"].is_string()), "{after}");
    let audited = campus.get("/api/v1/audit?action=verify").await.column("entity_id");
    assert_eq!(audited, [json!(device.to_string()), json!(device.to_string())]);
}

async fn single_people_are_proven_as_well(database: Database) {
    let (mut campus, device) = filled(database, 5, Profile::mars()).await;
    let outcome = campus.verify(device).await;
    assert_eq!(outcome["state"], "done", "{outcome}");
    let status = campus.show(device, "sync-status").await;
    assert_eq!(fields(&status["proof"], &PROOF), json!([5, 0, 0, 0, "per_pin"]), "{status}");
}

async fn what_changed_after_the_proof_is_unproven(database: Database) {
    let (mut campus, device) = filled(database, 3, Profile::zam180()).await;
    campus.verify(device).await;
    let student = campus.show(device, "sync-status").await["students"][0].clone();
    campus.change(rollcall::school::StudentId(id(&student)), json!({"full_name": "ქეთევან ბერიძე-დოლიძე"})).await;
    let proof = campus.show(device, "sync-status").await["proof"].clone();
    assert_eq!(fields(&proof, &PROOF), json!([2, 0, 0, 0, "list"]), "on its way");
    campus.world.foreign("DELETE FROM terminal_users", []).await;
    campus.in_step(device).await;
    let status = campus.show(device, "sync-status").await;
    let unproven = status["students"].as_array().unwrap().iter().filter(|row| row["verified_at"].is_null()).count();
    assert_eq!((&status["proof"]["acknowledged"], unproven), (&json!(1), 1), "{status}");
}

async fn what_somebody_did_at_the_keypad_is_found_and_mended(database: Database) {
    let (mut campus, device) = filled(database, 4, Profile::zam180()).await;
    campus.verify(device).await;
    let index = campus.index_of(device).await;
    let (pin, held) = campus.world.fleet.terminals()[index].users().first_key_value().unwrap();
    let (pin, card) = (pin.clone(), held.card);
    campus.world.fleet.terminal(index).edit_at_keypad(&pin, "Mallory", card);
    let found = async |campus: &mut Campus| {
        let until = campus.world.now() + SignedDuration::from_mins(10);
        while campus.world.act(until).await {
            let drift = campus.show(device, "drift").await;
            if drift["different"] != json!([]) {
                return drift;
            }
        }
        panic!("it is never found");
    };
    let drift = found(&mut campus).await;
    let row = &drift["different"][0];
    assert_eq!(fields(row, &["device_pin", "field", "theirs"]), json!([pin, "name", "Mallory"]), "{drift}");
    assert_eq!((row["ours"].is_string(), &row["full_name"]), (true, &row["ours"]), "{drift}");
    assert!(row["words"].as_str().unwrap().contains("written again"), "{drift}");
    assert_eq!((&drift["missing"], &drift["strangers"], &drift["extra"]), (&json!([]), &json!([]), &json!([])));
    let proof = campus.show(device, "sync-status").await["proof"].clone();
    assert_eq!(fields(&proof, &PROOF), json!([3, 0, 1, 0, "list"]));
    assert!(proof["words"].as_str().unwrap().contains("1 found to differ"), "{proof}");

    campus.in_step(device).await;
    campus.run_for(600).await;
    let proof = campus.show(device, "sync-status").await["proof"].clone();
    assert_eq!(fields(&proof, &PROOF), json!([4, 0, 0, 0, "list"]));
    assert_eq!(campus.show(device, "drift").await["different"], json!([]));
    campus.agree(device).await;
}

async fn the_outcome_tells_what_was_found_also_when_it_is_mended(database: Database) {
    let (mut campus, device) = filled(database, 25, Profile::zam180()).await;
    campus.verify(device).await;
    let index = campus.index_of(device).await;
    let pins: Vec<String> = campus.world.fleet.terminals()[index].users().keys().skip(2).cloned().collect();
    for pin in pins {
        campus.world.fleet.terminal(index).remove_at_keypad(&pin);
    }
    campus.run_for(20 * 60).await;
    campus.agree(device).await;
    let again = "SELECT COUNT(*) FROM readings WHERE cause = 'repair' AND scope = 'all' AND verified = 25";
    assert_eq!(campus.world.number(again).await, 1, "what was mended was looked at again");
    let outcome = campus.show(device, "verification").await;
    assert_eq!(fields(&outcome, &FOUND), json!(["done", 23, 0, 0, true]), "{outcome}");
    assert_eq!(fields(&outcome, &["cause", "repaired"]), json!(["sign", 23]), "{outcome}");
    assert!(outcome["words"].as_str().unwrap().contains("23 missing; 23 written"), "{outcome}");
    assert_eq!(campus.show(device, "drift").await["missing"], json!([]));
    let proof = campus.show(device, "sync-status").await["proof"].clone();
    assert_eq!(fields(&proof, &PROOF), json!([25, 0, 0, 0, "list"]));
}

async fn a_stranger_is_shown_and_stays(database: Database) {
    let (mut campus, device) = filled(database, 2, Profile::zam180()).await;
    campus.verify(device).await;
    let index = campus.index_of(device).await;
    campus.world.fleet.terminal(index).edit_at_keypad("7000", "Νίκος", Some(4711));
    campus.run_for(60).await;
    let outcome = campus.verify(device).await;
    assert_eq!(fields(&outcome, &FOUND), json!(["done", 0, 0, 1, true]), "{outcome}");
    let drift = campus.show(device, "drift").await;
    let names = ["student_id", "device_pin", "full_name", "theirs"];
    assert_eq!(fields(&drift["strangers"][0], &names), json!([null, "7000", null, "Νίκος"]), "{drift}");
    let users = campus.show(device, "users").await["users"].clone();
    let stranger = users.as_array().unwrap().last().unwrap();
    assert_eq!(fields(stranger, &["pin", "name", "card", "student_id"]), json!(["7000", "Νίκος", "4711", null]));
    let begun = campus.post(&format!("/api/v1/device/{device}/verify-sync"), json!({})).await;
    assert_eq!(begun.data(202)["extra"], 1);
    let proof = campus.show(device, "sync-status").await["proof"].clone();
    assert_eq!(fields(&proof, &PROOF), json!([2, 0, 0, 0, "list"]), "he takes nothing from the students");
}

async fn people_are_shown_page_by_page(database: Database) {
    let (mut campus, device) = filled(database, 12, Profile::zam180()).await;
    let unread = campus.show(device, "users").await;
    assert_eq!(fields(&unread, &["complete", "counted", "read_at"]), json!([false, null, null]));
    campus.verify(device).await;
    let reply = campus.get(&format!("/api/v1/device/{device}/users?limit=5&page=2")).await;
    assert_eq!(reply.body["pagination"], json!({"page": 2, "limit": 5, "total": 12, "totalPages": 3}));
    let data = reply.data(200);
    assert_eq!((&data["complete"], &data["counted"], data["read_at"].is_string()), (&json!(true), &json!(12), true));
    let pins: Vec<&str> = data["users"].as_array().unwrap().iter().map(|row| row["pin"].as_str().unwrap()).collect();
    assert_eq!(pins, ["6", "7", "8", "9", "10"], "as numbers");
    let status = campus.status(device).await;
    for row in data["users"].as_array().unwrap() {
        let student = &status.students[&rollcall::school::StudentId(row["student_id"].as_i64().unwrap())];
        assert_eq!(row["card"].as_str(), student.card.as_deref(), "{row}");
        assert!(row["seen_at"].is_string() && row["name"].is_string() && row["privilege"] == 0, "{row}");
    }
}

async fn lists_are_looked_through(database: Database) {
    let (mut campus, device) = filled(database, 12, Profile::zam180()).await;
    campus.verify(device).await;
    let status = campus.status(device).await;
    let (student, shown) = status.students.iter().next().unwrap();
    let number = |body: &Json| body["pagination"]["total"].as_i64().unwrap();
    let found = async |list: &str, search: &str| {
        let path = format!("/api/v1/device/{device}/{list}");
        let reply = campus.get(&format!("{path}?limit=1&search={search}")).await;
        reply.data(200);
        (number(&reply.body), number(&campus.get(&path).await.body))
    };
    let pin = shown.pin.as_deref().unwrap();
    let card = shown.card.as_deref().unwrap();
    assert_eq!(found("users", card).await, (1, 12));
    assert_eq!(found("users", "nobody").await, (0, 12));
    let (of_him, all) = found("commands", &format!("pin={pin}%09")).await;
    assert!((1..all).contains(&of_him), "{of_him} of {all}");
    assert_eq!(found("commands", "%25").await.0, 0, "signs mean themselves");
    let (told, all) = found(&format!("students/{student}/timeline"), "ANSWERED").await;
    assert!((1..all).contains(&told), "{told} of {all}");
}

async fn the_log_of_another_school_is_not_shown(database: Database) {
    let (campus, device) = filled(database, 2, Profile::zam180()).await;
    let (student, _) = campus.status(device).await.students.into_iter().next().unwrap();
    let log = format!("/api/v1/device/{device}/commands");
    let timeline = format!("/api/v1/device/{device}/students/{student}/timeline");
    let before = campus.get(&log).await.column("id").len();
    assert!(before > 1);
    campus.get(&timeline).await.data(200);
    let server = &campus.world.server;
    server.delete(&campus.admin, &format!("/api/v1/devices/{device}")).await.data(200);
    let other = server.school("中关村第一小学").await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    let again = json!({"school_id": other, "serial_number": SERIAL, "device_name": "大门"});
    assert_eq!(server.post(&stranger, "/api/v1/devices", again).await.data(201)["id"], json!(device));
    assert_eq!(server.get(&stranger, &log).await.column("id"), Vec::<Json>::new());
    server.get(&stranger, &timeline).await.refusal(404);
    let page = crate::pages::page(server, &stranger, &format!("/terminals/{device}/commands")).await;
    assert!(!page.page(200).contains("DATA UPDATE"), "{}", page.text);
    assert_eq!(server.get(&campus.superadmin, &log).await.column("id").len(), before);
    campus.get(&log).await.refusal(403);
}

async fn what_cannot_be_verified_is_never_called_in_step(database: Database) {
    let (campus, device) = filled(database, 3, Profile::zam180()).await;
    for class in ["count", "none"] {
        campus.world.foreign("UPDATE devices SET readback_class = $1", [class.into()]).await;
        let proof = campus.show(device, "sync-status").await["proof"].clone();
        assert_eq!(fields(&proof, &PROOF), json!([0, 0, 0, 3, class]));
        let words = proof["words"].as_str().unwrap();
        assert!(words.contains("cannot be verified") && !words.contains("in step"), "{words}");
    }
}

async fn an_offline_terminal_is_verified_when_it_calls(database: Database) {
    let (mut campus, device) = filled(database, 2, Profile::zam180()).await;
    let index = campus.index_of(device).await;
    campus.cut_the_line(index, SignedDuration::from_mins(30));
    campus.world.foreign("UPDATE devices SET is_online = FALSE", []).await;
    let reply = campus.post(&format!("/api/v1/device/{device}/verify-sync"), json!({})).await;
    assert_eq!(reply.data(202)["state"], "waiting");
    assert!(reply.body["message"].as_str().unwrap().contains("offline"), "{}", reply.text);
    let waiting = campus.show(device, "verification").await;
    assert_eq!(waiting["state"], "inconclusive");
    assert!(waiting["words"].as_str().unwrap().contains("offline"), "{waiting}");
    let device_row = campus.get(&format!("/api/v1/devices/{device}")).await.data(200).clone();
    assert!(device_row["verify_at"].is_string() && device_row["readback_slow"] == false, "{device_row}");

    campus.run_for(40 * 60).await;
    assert_eq!(campus.show(device, "verification").await["state"], "done");
    assert_eq!(campus.get(&format!("/api/v1/devices/{device}")).await.data(200)["verify_at"], Json::Null);
}

async fn students_who_failed_are_tried_again(database: Database) {
    let (mut campus, device) = filled(database, 3, Profile::zam180()).await;
    campus
        .world
        .foreign(
            "UPDATE device_user_sync_status SET failed_version = wanted_version, error_message = 'the terminal refused it (-4711)',
               repairs = CASE student_id WHEN 2 THEN 3 ELSE 0 END WHERE student_id IN (1, 2)",
            [],
        )
        .await;
    let reply = campus.post(&format!("/api/v1/device/{device}/verify-sync"), json!({})).await;
    assert_eq!(reply.data(202)["retried"], 1, "the other one was changed back again and again");
    let status = campus.status(device).await;
    assert_eq!((status.numbers["pending"], status.numbers["failed"]), (1, 1), "{status:?}");
    campus.run_for(60).await;
    assert_eq!(campus.status(device).await.numbers["synced"], 3, "who was seen to be as wanted has not failed");
}

async fn the_schedule_verifies_by_itself(database: Database) {
    let (mut campus, device) = filled(database, 3, Profile::zam180()).await;
    assert!(campus.world.settle(A_WHILE).await);
    campus.world.run_for(SignedDuration::from_hours(2)).await;
    let outcome = campus.show(device, "verification").await;
    assert_eq!(fields(&outcome, &["state", "cause", "verified"]), json!(["done", "schedule", 3]), "{outcome}");
}

async fn verify_all_is_for_the_superadmin(database: Database) {
    let (campus, device) = filled(database, 2, Profile::zam180()).await;
    let server = &campus.world.server;
    let other = server.school("中关村第一小学").await;
    let elsewhere = json!({"school_id": other, "serial_number": "BRCN193460021", "device_name": "东门"});
    let elsewhere = id(server.post(&campus.superadmin, "/api/v1/devices", elsewhere).await.data(201));
    let teacher = server.person("mele.kalani@example.org", Role::Teacher, Some(campus.school)).await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    for prefix in ["device", "device-management"] {
        let path = |rest: &str| format!("/api/v1/{prefix}/{rest}");
        let statuses = async |who: &Person| {
            let mut statuses = vec![server.post(who, &path("verify-all"), json!({})).await.status];
            statuses.push(server.post(who, &path(&format!("{device}/verify-sync")), json!({})).await.status);
            for what in ["verification", "users", "drift", "students/1/timeline"] {
                statuses.push(server.get(who, &path(&format!("{device}/{what}"))).await.status);
            }
            statuses
        };
        assert_eq!(statuses(&campus.superadmin).await, [202, 202, 200, 200, 200, 200]);
        assert_eq!(statuses(&campus.admin).await, [403, 202, 200, 200, 200, 200]);
        assert_eq!(statuses(&teacher).await, [403, 403, 200, 200, 200, 200]);
        assert_eq!(statuses(&stranger).await, [403, 403, 403, 403, 403, 403]);
        for what in ["verification", "users", "drift", "students/1/timeline"] {
            server.get(&campus.superadmin, &path(&format!("99/{what}"))).await.refusal(404);
        }
        server.get(&campus.admin, &path(&format!("{device}/students/99/timeline"))).await.refusal(404);
    }
    let all = server.post(&campus.superadmin, "/api/v1/device/verify-all", json!({})).await;
    let states: Vec<Json> =
        all.data(202).as_array().unwrap().iter().map(|row| fields(row, &["deviceId", "state"])).collect();
    assert_eq!(states, [json!([device, "reading"]), json!([elsewhere, "waiting"])]);
    let audited = server.get(&campus.superadmin, "/api/v1/audit?action=verify&entity_id=all").await;
    assert_eq!(audited.data(200).as_array().unwrap().len(), 3, "{}", audited.text);
}

async fn hours_for_maintenance_are_checked(database: Database) {
    let campus = Campus::open(database).await;
    let path = format!("/api/v1/devices/{}", campus.register(SERIAL).await);
    let set = async |hours: Json| {
        campus.world.server.patch(&campus.admin, &path, json!({ "maintenance_window": hours })).await
    };
    assert_eq!(set(json!("22:00-04:00")).await.data(200)["maintenance_window"], "22:00-04:00");
    campus.world.server.patch(&campus.admin, &path, json!({"device_name": "Vrátnice"})).await.data(200);
    for wrong in ["22-4", "22:00", "24:00-04:00", "22:60-04:00", "4:00-5:00", "04:00-04:00", "at night"] {
        let reply = set(json!(wrong)).await;
        assert!(reply.refusal(422).starts_with("maintenance_window:"), "{wrong}: {}", reply.text);
    }
    assert_eq!(campus.get(&path).await.data(200)["maintenance_window"], "22:00-04:00", "what was there stays");
    assert_eq!(set(Json::Null).await.data(200)["maintenance_window"], Json::Null);
}
