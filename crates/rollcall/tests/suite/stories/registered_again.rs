//! A terminal was deleted and is registered again: nobody whom it holds is removed unseen, whoever he was.

use std::collections::BTreeSet;

use rollcall::{devices::DeviceId, school::StudentId};
use serde_json::{Value as Json, json};
use terminal_simulator::{CapacityTold, Profile};

use super::{adoption::name, campus::Campus};
use crate::databases::{Database, both_databases};

both_databases! {
    rule_20_another_schools_people_stay_beside_ours,
    rule_20_another_schools_people_are_not_ours,
    rule_20_who_left_meanwhile_is_held,
    whom_somebody_keeps_stays,
    a_terminal_that_was_wiped_has_room_for_the_other_school,
}

const SERIAL: &str = "K40F204860119";

impl Campus {
    /// A terminal that holds these students was deleted.
    async fn deleted(&mut self, profile: Profile, students: usize) -> DeviceId {
        self.roster(0..students).await;
        let device = self.terminal(SERIAL, profile).await;
        self.in_step(device).await;
        self.world.server.delete(&self.admin, &format!("/api/v1/devices/{device}")).await.data(200);
        self.run_for(600).await;
        device
    }

    /// Another school, whose students have other cards, registers it.
    async fn moves_to_another_school(&mut self, students: std::ops::Range<usize>) {
        self.school = self.world.server.school("Escuela Quitumbe").await;
        self.admin = self.superadmin.clone();
        for number in students {
            self.enrol(&format!("Yupanqui {number}"), &format!("9{number:04}")).await;
        }
    }

    async fn registers_again(&mut self) -> DeviceId {
        let device = self.register(SERIAL).await;
        self.run_for(120).await;
        self.quiet(device).await;
        device
    }

    fn names(&self) -> BTreeSet<String> {
        self.holds().values().map(|user| user.name.clone()).collect()
    }

    fn pins(&self) -> BTreeSet<String> {
        self.holds().keys().cloned().collect()
    }

    async fn removals(&self, device: DeviceId) -> Json {
        self.get(&format!("/api/v1/device/{device}/removals")).await.data(200).clone()
    }
}

async fn rule_20_another_schools_people_stay_beside_ours(database: Database) {
    another_schools_people_stay(database, "add").await;
}

async fn rule_20_another_schools_people_are_not_ours(database: Database) {
    another_schools_people_stay(database, "link_cards").await;
}

async fn another_schools_people_stay(database: Database, mode: &str) {
    let mut campus = Campus::open(database).await;
    let device = campus.deleted(Profile::zam180(), 30).await;
    let theirs = campus.names();
    campus.moves_to_another_school(0..3).await;
    assert_eq!(campus.registers_again().await, device);
    campus.take_over(device, mode).await;
    campus.read_back(device).await;
    campus.run_for(4 * 3600).await;
    assert!(campus.names().is_superset(&theirs), "nobody was asked about them");
    assert_eq!(campus.holds().len(), 33);
    assert_eq!(campus.world.fleet.terminals()[0].removed_by_command(), [] as [String; 0]);
    assert_eq!(campus.removals(device).await["held"], 0);
    assert_eq!(campus.status(device).await.in_words(), "3 synced of 3");
}

async fn rule_20_who_left_meanwhile_is_held(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.deleted(Profile::zam180(), 30).await;
    let theirs = campus.names();
    for student in 1..=6 {
        campus.change(StudentId(student), json!({"is_active": false})).await;
    }
    for student in 7..=9 {
        campus.remove(StudentId(student)).await;
    }
    campus.world.foreign("DELETE FROM students WHERE id BETWEEN 10 AND 12", []).await;
    campus.registers_again().await;
    campus.take_over(device, "link_cards").await;
    campus.run_for(4 * 3600).await;
    assert_eq!(campus.names(), theirs);
    let listed = campus.removals(device).await;
    assert_eq!(listed["held"], 12, "{listed:#}");
    campus.post(&format!("/api/v1/device/{device}/removals/approve"), json!({})).await.data(200);
    campus.quiet(device).await;
    assert_eq!(campus.pins(), (13..=30).map(|pin| pin.to_string()).collect());
}

async fn whom_somebody_keeps_stays(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.deleted(Profile::zam180(), 8).await;
    campus.change(StudentId(1), json!({"is_active": false})).await;
    campus.registers_again().await;
    let former = campus.adoption(device, "&match=former").await;
    let pin = former["people"][0]["pin"].as_str().unwrap_or_else(|| panic!("{former:#}")).to_owned();
    campus.decide(device, json!([{"pin": pin, "decision": "keep"}])).await;
    campus.take_over(device, "add").await;
    campus.read_back(device).await;
    campus.run_for(4 * 3600).await;
    assert_eq!(campus.holds()[&pin].name, name(0));
    assert_eq!(campus.status(device).await.in_words(), "7 synced of 7");
}

/// What it held before is not counted as if it were there still, nor waits for a decision.
async fn a_terminal_that_was_wiped_has_room_for_the_other_school(database: Database) {
    let mut campus = Campus::open(database).await;
    let mut profile = Profile::zam180();
    (profile.people.capacity, profile.people.capacity_told) = (32, CapacityTold::People);
    let device = campus.deleted(profile, 30).await;
    campus.world.fleet.terminal(0).wipe();
    campus.moves_to_another_school(0..31).await;
    campus.registers_again().await;
    campus.run_for(3600).await;
    assert_eq!(campus.status(device).await.in_words(), "31 synced of 31");
    assert_eq!((campus.holds().len(), &campus.removals(device).await["held"]), (31, &json!(0)));
}
