//! A PIN is one student's, on one terminal, for ever.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use jiff::SignedDuration;
use rollcall::accounts::Role;
use serde_json::json;
use terminal_simulator::Profile;

use super::{campus::Campus, people};
use crate::databases::{Database, both_databases};

both_databases! {
    failure_6_two_admins_at_once_get_the_same_pin,
    failure_6_a_pin_that_became_free_is_given_to_the_next,
}

async fn failure_6_two_admins_at_once_get_the_same_pin(database: Database) {
    let mut campus = Campus::open(database).await;
    let gates = [
        campus.terminal("CJX9253300417", Profile::zam180()).await,
        campus.terminal("CJX9253300418", Profile::senseface_a2()).await,
    ];
    campus.run_for(60).await;

    let deputy = campus.world.server.person("huda.haddad@example.org", Role::SchoolAdmin, Some(campus.school)).await;
    let calls = (0..20).map(|number| {
        let by = if number % 2 == 0 { &campus.admin } else { &deputy };
        let fields = json!({
            "school_id": campus.school, "full_name": people::name(number), "rfid_card_id": people::card(number),
        });
        campus.world.server.post(by, "/api/v1/students", fields)
    });
    let replies = join_all(calls).await;
    for reply in replies {
        reply.data(201);
    }

    for gate in gates {
        let status = campus.in_step(gate).await;
        let pins: BTreeSet<_> = status.students.values().map(|student| student.pin.clone().unwrap()).collect();
        assert_eq!(pins.len(), 20, "{pins:?}");
    }
}

async fn failure_6_a_pin_that_became_free_is_given_to_the_next(database: Database) {
    let mut campus = Campus::open(database).await;
    let device = campus.terminal("CJX9253300417", Profile::zam180()).await;
    let leaver = campus.enrol("ትዕግስት ወርቁ", "4001").await;
    campus.enrol("Ẹniọlá Adébáyọ̀", "4002").await;
    campus.in_step(device).await;
    let pin = campus.pin(device, leaver).await.unwrap();

    // The terminal is off the line. She comes in a last time and leaves the school; her place is taken the same day.
    campus.cut_the_line(0, SignedDuration::from_mins(30));
    campus.run_for(120).await;
    let last_time = campus.world.fleet.terminals()[0].local(campus.world.now());
    campus.world.fleet.terminal(0).punch(&pin, last_time);
    campus.run_for(120).await;
    campus.remove(leaver).await;
    let next = campus.enrol("ሰላም ከበደ", "4001").await;

    campus.run_for(3600).await;
    campus.in_step(device).await;
    assert_eq!(campus.world.fleet.terminals()[0].undelivered_punches(), 0);
    assert_ne!(campus.pin(device, next).await.unwrap(), pin);
    let punches = campus.get(&format!("/api/v1/attendance?device_id={device}")).await;
    assert_eq!(punches.column("pin"), [json!(pin)]);
    assert_eq!(punches.column("student_id"), [json!(leaver)], "it is hers");

    // The number stays hers even if the terminal remembers it much later.
    let now = campus.world.fleet.terminals()[0].local(campus.world.now());
    campus.world.fleet.terminal(0).punch(&pin, now);
    campus.run_for(120).await;
    let punches = campus.get(&format!("/api/v1/attendance?student_id={next}")).await;
    assert_eq!(punches.column("pin"), [] as [serde_json::Value; 0]);
}
