//! One bad import, and the people who have to decide about it.

use jiff::SignedDuration;
use rollcall::{accounts::Role, devices::DeviceId, school::StudentId};
use serde_json::{Value as Json, json};
use terminal_simulator::Profile;

use super::{
    campus::{A_WHILE, Campus},
    people,
};
use crate::databases::{Database, both_databases};

both_databases! {
    failure_12_one_bad_import_deactivates_a_whole_school,
    failure_12_one_bad_import_gives_everybody_another_card,
    rule_20_who_may_decide_and_what_he_is_answered,
    rule_5_only_a_superadmin_moves_a_terminal_and_its_people_are_held,
}

async fn failure_12_one_bad_import_deactivates_a_whole_school(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let library = campus.terminal("MARS00000001", Profile::mars()).await;
    let students = campus.enrol_many(40).await;
    for device in [gate, library] {
        campus.in_step(device).await;
    }
    campus.world.foreign("UPDATE students SET is_active = FALSE", []).await;
    campus.run_for(120).await;
    let newcomer = campus.enrol("Ẹniọlá Ìdòwú", "4001").await;
    // A night passes; schedules, ticks and an eager colleague's full sync do what they do.
    campus.run_for(8 * 3600).await;
    campus.post(&format!("/api/v1/device/{gate}/sync-students"), json!({})).await.data(200);
    assert!(campus.world.settle(A_WHILE).await, "what is held is nothing that moves");
    for device in [gate, library] {
        assert_eq!(on(&campus, device).await, 41, "nobody is gone, and the newcomer has arrived");
        let status = campus.status(device).await;
        assert_eq!(status.in_words(), "1 synced of 1");
    }
    assert!(campus.held(library, newcomer).await.is_some());

    // The API lists them with their names, and says why and since when.
    let listed = removals(&campus, gate).await;
    assert_eq!(listed["held"], 40);
    assert!(listed["reason"].as_str().unwrap().contains("nobody belongs on this terminal"), "{listed}");
    assert!(listed["since"].as_str().unwrap().starts_with("2026-03-02T"), "{listed}");
    let rows = listed["students"].as_array().unwrap();
    let mut names: Vec<&str> = rows.iter().map(|row| row["full_name"].as_str().unwrap()).collect();
    let mut expected: Vec<String> = (0..40).map(people::name).collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    let row = rows.iter().find(|row| row["student_id"] == json!(students[3])).unwrap();
    assert_eq!(
        (&row["change"], row["device_pin"].as_str()),
        (&json!("removal"), campus.pin(gate, students[3]).await.as_deref())
    );
    let shown = campus.get(&format!("/api/v1/device/{gate}/sync-status")).await;
    assert_eq!(shown.data(200)["held_removals"], 40);

    // It was meant, says the admin at the library.
    let answer = campus.post(&format!("/api/v1/device/{library}/removals/approve"), json!({})).await;
    assert_eq!((&answer.data(200)["decided"], &answer.data(200)["held"]), (&json!(40), &json!(0)));
    campus.in_step(library).await;
    assert_eq!(on(&campus, library).await, 1);

    // It was not, he says at the gate, but one has left indeed.
    let one = json!({"student_ids": [students[3]]});
    assert_eq!(campus.post(&format!("/api/v1/device/{gate}/removals/approve"), one).await.data(200)["decided"], 1);
    let path = format!("/api/v1/device-management/{gate}/removals/reject");
    assert_eq!(campus.post(&path, json!({})).await.data(200)["decided"], 39);
    campus.run_for(3 * 3600).await;
    assert_eq!(on(&campus, gate).await, 40);
    assert_eq!(campus.held(gate, students[3]).await, None);
    let listed = removals(&campus, gate).await;
    assert_eq!((&listed["held"], &listed["reason"], &listed["since"]), (&json!(0), &json!(null), &json!(null)));
    assert_eq!(listed["kept"].as_array().unwrap().len(), 39);
    let states = "SELECT sync_status, COUNT(*) FROM device_user_sync_status WHERE device_id = 1 GROUP BY 1 ORDER BY 1";
    let states: Vec<(String, i64)> = campus.world.ask(states).await;
    assert_eq!(states, [("deleted".into(), 1), ("kept".into(), 39), ("synced".into(), 1)]);

    // The next import is right: they are here, and nobody remembers the decision.
    campus.world.foreign("UPDATE students SET is_active = TRUE", []).await;
    assert!(campus.world.settle(A_WHILE).await);
    for device in [gate, library] {
        assert_eq!(campus.agree(device).await.numbers["total"], 41);
    }
    let decided = "SELECT COUNT(*) FROM audit_logs WHERE action IN ('approve', 'reject') AND entity = 'device'";
    assert_eq!(campus.world.number(decided).await, 3);
}

async fn failure_12_one_bad_import_gives_everybody_another_card(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let students = campus.enrol_many(30).await;
    campus.in_step(gate).await;
    campus.world.foreign("UPDATE students SET rfid_card_id = '9' || id WHERE id <= 25", []).await;
    campus.run_for(120).await;
    let first = campus.held(gate, students[0]).await.unwrap();
    assert_eq!(first.1, people::card(0).parse().ok(), "he opens the door as ever");
    let status = campus.status(gate).await;
    assert_eq!(status.in_words(), "25 pending, 5 synced of 30");
    let shown = &status.students[&students[0]];
    assert_eq!(shown.status, "held");
    assert!(shown.error.as_deref().unwrap().contains("another card"), "{shown:?}");
    let listed = removals(&campus, gate).await;
    assert_eq!((&listed["held"], &listed["students"][0]["change"]), (&json!(25), &json!("card")));

    let some: Vec<StudentId> = students[..5].to_vec();
    let path = format!("/api/v1/device/{gate}/removals");
    let answer = campus.post(&format!("{path}/reject"), json!({"student_ids": some})).await;
    assert_eq!((&answer.data(200)["decided"], &answer.data(200)["held"]), (&json!(5), &json!(20)));
    campus.post(&format!("{path}/approve"), json!({})).await.data(200);
    assert!(campus.world.settle(A_WHILE).await);
    let status = campus.status(gate).await;
    assert_eq!(status.in_words(), "5 not_synced, 25 synced of 30");
    assert_eq!(status.students[&students[0]].status, "kept");
    assert_eq!(campus.held(gate, students[0]).await, Some(first));
    assert_eq!(campus.held(gate, students[9]).await.unwrap().1, Some(910));

    // On a terminal that is emptied, or loses one of them, no former card is left to keep.
    let pin = campus.pin(gate, students[4]).await.unwrap();
    campus.world.fleet.terminal(0).remove_at_keypad(&pin);
    campus.read_back(gate).await;
    assert!(campus.world.settle(A_WHILE).await);
    assert_eq!(campus.held(gate, students[4]).await.unwrap().1, Some(95));
    assert_eq!(campus.status(gate).await.students[&students[3]].status, "kept");
    campus.world.fleet.terminal(0).wipe();
    campus.run_for(600).await;
    assert!(campus.world.settle(A_WHILE).await);
    assert_eq!(campus.in_step(gate).await.in_words(), "30 synced of 30");
    assert_eq!(campus.held(gate, students[0]).await.unwrap().1, Some(91));
}

async fn rule_20_who_may_decide_and_what_he_is_answered(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol_many(20).await;
    campus.in_step(gate).await;
    let teacher = campus.world.server.person("ana.rauhala@example.org", Role::Teacher, Some(campus.school)).await;
    let other = campus.world.server.school("Põhikool").await;
    let stranger = campus.world.server.person("kofi.adjei@example.org", Role::SchoolAdmin, Some(other)).await;
    campus.world.foreign("DELETE FROM students WHERE id <= 15", []).await;
    campus.run_for(10).await;
    let server = &campus.world.server;
    for prefix in ["/api/v1/device", "/api/v1/device-management"] {
        let path = format!("{prefix}/{gate}/removals");
        assert_eq!(server.get(&teacher, &path).await.data(200)["held"], 15);
        server.get(&stranger, &path).await.refusal(403);
        server.get(&campus.admin, &format!("{prefix}/4711/removals")).await.refusal(404);
        for verb in ["approve", "reject"] {
            let path = format!("{path}/{verb}");
            server.post(&teacher, &path, json!({})).await.refusal(403);
            server.post(&stranger, &path, json!({})).await.refusal(403);
            server.post(&campus.admin, &format!("{prefix}/4711/removals/{verb}"), json!({})).await.refusal(404);
            server.call(http::Method::POST, None, &path, None).await.refusal(401);
            // Whoever misspells whom he means does not mean everybody.
            server.post(&campus.admin, &path, json!({"students": [1]})).await.refusal(422);
            server.post(&campus.admin, &path, json!({"student_ids": null})).await.refusal(422);
            let unknown = server.post(&campus.admin, &path, json!({"student_ids": [1, 20, 4711]})).await;
            assert_eq!(unknown.refusal(422), "student_ids: nothing of these is held on this terminal: 20, 4711");
            assert_eq!(server.post(&campus.admin, &path, json!({"student_ids": []})).await.data(200)["decided"], 0);
        }
    }
    assert_eq!(removals(&campus, gate).await["held"], 15);

    // Their rows are gone; their names are known until they have left. Without a body it is everybody.
    assert!(removals(&campus, gate).await["students"][0]["full_name"].is_string());
    let path = format!("/api/v1/device/{gate}/removals/approve");
    let answer = campus.world.server.call(http::Method::POST, Some(&campus.admin.token), &path, None).await;
    assert_eq!(answer.data(200)["decided"], 15);
    assert!(campus.world.settle(A_WHILE).await);
    assert_eq!(on(&campus, gate).await, 5);
    let remembered = "SELECT COUNT(*) FROM device_user_sync_status WHERE NOT is_wanted AND wanted_name IS NOT NULL";
    assert_eq!(campus.world.number(remembered).await, 0);
    let log = campus.get("/api/v1/audit?action=approve").await;
    assert_eq!(log.body["data"][1]["entity_id"], gate.to_string());
}

async fn rule_5_only_a_superadmin_moves_a_terminal_and_its_people_are_held(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.enrol_many(3).await;
    campus.in_step(gate).await;
    let other = campus.world.server.school("Põhikool").await;
    let path = format!("/api/v1/devices/{gate}");
    let fields = json!({"school_id": other});
    campus.world.server.put(&campus.admin, &path, fields.clone()).await.refusal(403);
    campus.world.server.put(&campus.superadmin, &path, fields).await.data(200);
    campus.world.student(other, "Aïssatou Diallo", "77").await;
    campus.world.run_for(SignedDuration::from_hours(2)).await;
    assert_eq!(on(&campus, gate).await, 4);
    let path = format!("/api/v1/device/{gate}/removals");
    let listed = campus.world.server.get(&campus.superadmin, &path).await.data(200).clone();
    assert_eq!(listed["held"], 3);
    assert!(listed["reason"].as_str().unwrap().contains("moved to another school"), "{listed}");
    campus.world.server.post(&campus.superadmin, &format!("{path}/approve"), json!({})).await.data(200);
    assert!(campus.world.settle(A_WHILE).await);
    assert_eq!(on(&campus, gate).await, 1);
}

/// How many people the terminal itself holds.
async fn on(campus: &Campus, device: DeviceId) -> usize {
    campus.world.fleet.terminals()[campus.index_of(device).await].users().len()
}

async fn removals(campus: &Campus, device: DeviceId) -> Json {
    campus.get(&format!("/api/v1/device/{device}/removals")).await.data(200).clone()
}
