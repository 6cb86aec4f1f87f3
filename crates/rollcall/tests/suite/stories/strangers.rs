//! Somebody at the keypad is quicker than the office: who stands under a PIN that was another's, and decisions about
//! strangers that change their mind.

use jiff::SignedDuration;
use rollcall::{attendance::attribute, devices::DeviceId, school::StudentId};
use serde_json::{Value as Json, json};
use terminal_simulator::{HeldUser, Profile};

use super::{
    campus::{A_WHILE, Campus},
    people,
};
use crate::databases::{Database, both_databases};

both_databases! {
    who_is_enrolled_under_the_pin_of_somebody_who_left_is_a_stranger,
    a_stranger_under_the_pin_of_somebody_who_left_goes_where_the_policy_says_so,
    rule_4_who_comes_back_does_not_overwrite_whoever_has_his_pin_meanwhile,
    who_left_and_is_enrolled_again_by_his_name_is_removed_again,
    somebody_whom_an_admin_keeps_or_links_after_all_is_not_removed,
    a_removal_that_has_left_is_not_taken_back_in_words_only,
    strangers_stay_when_the_policy_is_to_report_them_again,
}

const SERIAL: &str = "CJX9253300417";
const NURSE: &str = "Nomvula Dlamini";
const HER_CARD: u64 = 990_017;

/// A terminal with students, the second of whom has left and was seen to be gone. His id and his PIN.
async fn one_has_left(database: Database) -> (Campus, DeviceId, StudentId, String) {
    let mut campus = Campus::open(database).await;
    let students = campus.enrol_many(4).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    let pin = campus.pin(device, students[1]).await.unwrap();
    campus.change(students[1], json!({"is_active": false})).await;
    assert!(campus.world.settle(A_WHILE).await);
    campus.read_back(device).await;
    assert_eq!(campus.held(device, students[1]).await, None);
    (campus, device, students[1], pin)
}

impl Campus {
    /// Somebody is enrolled at the keypad, and what follows from it follows.
    async fn enrolled_at_keypad(&mut self, device: DeviceId, pin: &str, name: &str, card: Option<u64>) {
        self.world.fleet.terminal(0).edit_at_keypad(pin, name, card);
        self.run_for(120).await;
        self.quiet(device).await;
    }

    fn name_of(&self, pin: &str) -> Option<&str> {
        self.world.fleet.terminals()[0].users().get(pin).map(|user| user.name.as_str())
    }

    async fn differences(&self, device: DeviceId) -> Json {
        self.get(&format!("/api/v1/device/{device}/drift")).await.data(200).clone()
    }

    async fn people_of(&self, device: DeviceId) -> Json {
        self.get(&format!("/api/v1/device/{device}/takeover?limit=500")).await.data(200)["people"].clone()
    }

    async fn decided(&self, device: DeviceId, decision: Json) -> crate::server::Reply {
        self.post(&format!("/api/v1/device/{device}/takeover/people"), json!({"decisions": [decision]})).await
    }

    async fn strangers(&self, device: DeviceId, policy: &str) {
        let path = format!("/api/v1/devices/{device}");
        self.world.server.patch(&self.admin, &path, json!({"strangers": policy})).await.data(200);
    }

    /// Lets time pass, one request after the other, until there is a removal of a stranger in this state.
    async fn until_a_removal_is(&mut self, status: &'static str) {
        let until = self.world.now() + A_WHILE;
        let sql = match status {
            "sent" => "SELECT COUNT(*) FROM device_commands WHERE step = 'stranger' AND status = 'sent'",
            _ => "SELECT COUNT(*) FROM device_commands WHERE step = 'stranger' AND status = 'pending'",
        };
        while self.world.number(sql).await == 0 {
            assert!(self.world.act(until).await, "no removal is ever {status}");
        }
    }
}

async fn who_is_enrolled_under_the_pin_of_somebody_who_left_is_a_stranger(database: Database) {
    let (mut campus, device, student, pin) = one_has_left(database).await;
    campus.enrolled_at_keypad(device, &pin, NURSE, Some(HER_CARD)).await;
    campus.read_back(device).await;
    assert_eq!(campus.name_of(&pin), Some(NURSE), "the policy is to report strangers");
    let found = campus.differences(device).await;
    let row = &found["strangers"][0];
    assert_eq!((&row["device_pin"], &row["theirs"], &row["student_id"]), (&json!(pin), &json!(NURSE), &json!(null)));
    assert_eq!(found["extra"], json!([]), "{found}");
    let users = campus.get(&format!("/api/v1/device/{device}/users")).await.data(200)["users"].clone();
    let shown = users.as_array().unwrap().iter().find(|row| row["pin"] == json!(pin)).unwrap();
    assert_eq!((&shown["name"], &shown["student_id"]), (&json!(NURSE), &json!(null)));

    let at = campus.world.fleet.terminals()[0].local(campus.world.now());
    campus.world.fleet.terminal(0).punch(&pin, at);
    campus.run_for(120).await;
    let punches: Vec<(String, Option<StudentId>)> = campus.world.ask("SELECT pin, student_id FROM punches").await;
    assert_eq!(punches, [(pin.clone(), None)], "what she punches is nobody's");

    // Nobody else gets the number, and an admin may push the one who left without harm to her.
    let newcomer = campus.enrol("Ẹniọlá Ìdòwú", "4001").await;
    campus.post(&format!("/api/v1/device/{device}/students/{student}/push"), json!({})).await;
    assert!(campus.world.settle(A_WHILE).await);
    assert_ne!(campus.pin(device, newcomer).await, Some(pin.clone()));
    assert_eq!(campus.name_of(&pin), Some(NURSE));

    campus.world.fleet.terminal(0).remove_at_keypad(&pin);
    campus.run_for(120).await;
    campus.quiet(device).await;
    assert_eq!(campus.differences(device).await["strangers"], json!([]), "she left");
    campus.agree(device).await;
}

async fn a_stranger_under_the_pin_of_somebody_who_left_goes_where_the_policy_says_so(database: Database) {
    let (mut campus, device, _, pin) = one_has_left(database).await;
    campus.strangers(device, "remove").await;
    campus.enrolled_at_keypad(device, &pin, NURSE, Some(HER_CARD)).await;
    campus.read_back(device).await;
    assert_eq!(campus.name_of(&pin), None);
    let as_stranger = "SELECT COUNT(*) FROM device_commands WHERE step = 'stranger' AND status = 'completed'";
    assert_eq!(campus.world.number(as_stranger).await, 1, "the guard counts her");
    campus.agree(device).await;
}

async fn rule_4_who_comes_back_does_not_overwrite_whoever_has_his_pin_meanwhile(database: Database) {
    let (mut campus, device, student, pin) = one_has_left(database).await;
    campus.enrolled_at_keypad(device, &pin, NURSE, Some(HER_CARD)).await;
    campus.change(student, json!({"is_active": true})).await;
    campus.run_for(300).await;
    campus.read_back(device).await;
    campus.run_for(300).await;
    assert_eq!(campus.name_of(&pin), Some(NURSE));
    let shown = campus.status(device).await.students[&student].clone();
    let words = format!("PIN {pin} is {NURSE}'s on the terminal: nobody is overwritten under it");
    assert_eq!((shown.status.as_str(), shown.error), ("pending", Some(words)));
    let at = campus.world.fleet.terminals()[0].local(campus.world.now());
    campus.world.fleet.terminal(0).punch(&pin, at);
    campus.run_for(120).await;
    let punches: Vec<(String, Option<StudentId>)> = campus.world.ask("SELECT pin, student_id FROM punches").await;
    assert_eq!(punches, [(pin.clone(), None)], "it is her PIN as long as she is there");

    let people = campus.people_of(device).await;
    assert_eq!(
        (&people[0]["pin"], &people[0]["words"]),
        (&json!(pin), &json!("this PIN was another student's: nobody is overwritten under it"))
    );
    // The clocks of terminals are not trusted for a quarter of an hour.
    campus.run_for(20 * 60).await;
    campus.decided(device, json!({"pin": pin, "decision": "remove"})).await.data(200);
    campus.run_for(300).await;
    campus.quiet(device).await;
    campus.in_step(device).await;
    let ended = "SELECT COUNT(*) FROM device_user_mappings WHERE valid_to IS NOT NULL";
    assert_eq!(campus.world.number(ended).await, 0, "the PIN is his again");
    let zone = &campus.world.app.settings.timezone;
    attribute::tick(&campus.world.app.db, zone, campus.world.now()).await.unwrap();
    let punches: Vec<(String, Option<StudentId>)> = campus.world.ask("SELECT pin, student_id FROM punches").await;
    assert_eq!(punches, [(pin, None)], "what she punched is not");
}

/// It is he, whatever the terminal cut off or wrote otherwise; and who is only known to be there may be he.
async fn who_left_and_is_enrolled_again_by_his_name_is_removed_again(database: Database) {
    let (mut campus, device, student, pin) = one_has_left(database).await;
    for (name, card) in [(people::name(1).to_uppercase(), None), (String::new(), people::card(1).parse().ok())] {
        campus.enrolled_at_keypad(device, &pin, &name, card).await;
        campus.read_back(device).await;
        assert_eq!(campus.name_of(&pin), None, "{name:?} {card:?}");
    }
    let as_student = "SELECT COUNT(*) FROM device_drift WHERE kind = 'extra' AND ended_at IS NOT NULL";
    assert!(campus.world.number(as_student).await >= 1);
    assert_eq!(campus.pin(device, student).await, Some(pin));
    // With a card of his that went to somebody else it is somebody else.
    campus.enrolled_at_keypad(device, "2", NURSE, people::card(1).parse().ok()).await;
    assert_eq!(campus.name_of("2"), Some(NURSE));
}

/// Students, and somebody with two fingers under PIN 19 of whom a reading told.
async fn with_a_stranger(database: Database, name: &str, card: u64) -> (Campus, DeviceId) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(3).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    let person = HeldUser { fingers: 2, ..HeldUser::new("19", name) };
    campus.world.fleet.terminal(0).preload_users([person.with_card(card)]);
    campus.read_back(device).await;
    (campus, device)
}

async fn somebody_whom_an_admin_keeps_or_links_after_all_is_not_removed(database: Database) {
    let (mut campus, device) = with_a_stranger(database, "Νεφέλη Δήμου", 8_119).await;
    let fingers = |campus: &Campus| campus.world.fleet.terminals()[0].users().get("19").map(|user| user.fingers);
    campus.decided(device, json!({"pin": "19", "decision": "remove"})).await.data(200);
    campus.decided(device, json!({"pin": "19", "decision": "keep"})).await.data(200);
    campus.run_for(300).await;
    campus.read_back(device).await;
    assert_eq!(fingers(&campus), Some(2));

    let student = campus.enrol("Νεφέλη Δήμου", "8119").await;
    campus.decided(device, json!({"pin": "19", "decision": "remove"})).await.data(200);
    campus.decided(device, json!({"pin": "19", "decision": "link", "student_id": student})).await.data(200);
    campus.run_for(300).await;
    campus.in_step(device).await;
    assert_eq!((campus.pin(device, student).await.as_deref(), fingers(&campus)), (Some("19"), Some(2)));
    let withdrawn = "SELECT COUNT(*) FROM device_commands WHERE step = 'stranger' AND status = 'superseded'";
    assert_eq!(campus.world.number(withdrawn).await, 2);
}

async fn a_removal_that_has_left_is_not_taken_back_in_words_only(database: Database) {
    let (mut campus, device) = with_a_stranger(database, "Νεφέλη Δήμου", 8_119).await;
    campus.decided(device, json!({"pin": "19", "decision": "remove"})).await.data(200);
    campus.until_a_removal_is("sent").await;
    let student = campus.enrol("Νεφέλη", "4119").await;
    for decision in
        [json!({"pin": "19", "decision": "keep"}), json!({"pin": "19", "decision": "link", "student_id": student})]
    {
        let refused = campus.decided(device, decision).await;
        let words =
            "PIN 19: the removal has left for the terminal, which has not answered yet: decide again when it has";
        assert_eq!(refused.refusal(409), words);
    }
    campus.run_for(300).await;
    campus.quiet(device).await;
    assert_eq!(campus.name_of("19"), None);
    campus.agree(device).await;
}

async fn strangers_stay_when_the_policy_is_to_report_them_again(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(3).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.strangers(device, "remove").await;
    campus.world.foreign("UPDATE device_delivery SET one_per_poll = TRUE", []).await;
    campus.world.fleet.terminal(0).preload_users((0..4).map(|n| HeldUser::new(&format!("80{n}"), "Ἄγνωστος")));
    let mut tx = campus.world.app.db.write().await.unwrap();
    let now = campus.world.now();
    rollcall::sync::reading::want(&mut tx, device, rollcall::sync::reading::Cause::Asked, now).await.unwrap();
    tx.commit().await.unwrap();
    campus.until_a_removal_is("pending").await;
    campus.strangers(device, "report").await;
    campus.world.run_for(SignedDuration::from_mins(10)).await;
    campus.quiet(device).await;
    let left = campus.world.fleet.terminals()[0].users().keys().filter(|pin| pin.starts_with("80")).count();
    assert_eq!(left, 3, "one had left already");
}
