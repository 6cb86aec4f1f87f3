//! Every family of terminals in one school.

use rollcall::devices::DeviceId;
use serde_json::json;
use terminal_simulator::Profile;

use super::{campus::Campus, people};
use crate::databases::{Database, both_databases};

both_databases! { every_family_ends_in_step }

async fn every_family_ends_in_step(database: Database) {
    let mut campus = Campus::open(database).await;
    let mut gates = Vec::new();
    for (number, family) in Profile::NAMES.iter().enumerate() {
        let serial = format!("FAMILY{number:04}");
        gates.push(campus.terminal(&serial, Profile::by_name(family).unwrap()).await);
    }
    let chinese = Profile { language: 83, ..Profile::zam180() };
    gates.push(campus.terminal("FAMILY0083", chinese).await);
    let students = campus.enrol_many(24).await;
    all_in_step(&mut campus, &gates).await;

    // A year later: somebody marries, somebody loses a card, two have each other's, some leave, others come.
    campus.change(students[0], json!({"full_name": "Ayşe Öztürk Yıldız"})).await;
    campus.change(students[1], json!({"rfid_card_id": "0x7FFFFFFE"})).await;
    let swap = "UPDATE students SET rfid_card_id = CASE id WHEN $1 THEN $4 ELSE $3 END WHERE id IN ($1, $2)";
    let [one, other] = [2, 3].map(|number| (students[number].into(), people::card(number).into()));
    campus.world.foreign(swap, [one.0, other.0, one.1, other.1]).await;
    for leaver in &students[20..] {
        campus.remove(*leaver).await;
    }
    for number in 24..28 {
        campus.enrol(&people::name(number), &people::card(number)).await;
    }
    all_in_step(&mut campus, &gates).await;
}

async fn all_in_step(campus: &mut Campus, gates: &[DeviceId]) {
    for gate in gates {
        campus.in_step(*gate).await;
    }
}
