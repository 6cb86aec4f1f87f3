//! Somebody at the keypad is quicker than the office: who stands under a PIN that was another's.

use rollcall::{attendance::attribute, devices::DeviceId, school::StudentId};
use serde_json::{Value as Json, json};
use terminal_simulator::Profile;

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
