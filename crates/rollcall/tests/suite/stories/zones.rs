//! A zone that is set late, or that was wrong: the terminal's clock follows.

use rollcall::devices::DeviceId;
use serde_json::json;
use terminal_simulator::Profile;

use super::campus::Campus;
use crate::databases::{Database, both_databases};

both_databases! {
    rule_23_a_zone_that_is_set_later_reaches_the_terminal,
}

async fn rule_23_a_zone_that_is_set_later_reaches_the_terminal(database: Database) {
    let mut campus = Campus::open(database).await;
    set_zone(&campus, None).await;
    let mut gates = Vec::new();
    // They take CHECK for a handshake, and not at all; the last one asks for the time itself.
    for (number, family) in ["zam180", "legacy-fw", "mars", "access-s3"].into_iter().enumerate() {
        let mut profile = Profile::by_name(family).unwrap();
        profile.clock.factory_zone = 8 * 60;
        gates.push(campus.terminal(&format!("ZON0000{number}"), profile).await);
    }
    campus.run_for(300).await;
    assert_eq!(hours(&campus), [13, 13, 13, 13], "each keeps its own time");
    let mut asked = Vec::new();
    for gate in &gates {
        asked.push(commands(&campus, *gate).await);
    }
    assert!(asked.iter().flatten().all(|kind| kind != "check"), "{asked:?}");

    set_zone(&campus, Some("America/Guayaquil")).await;
    campus.run_for(600).await;
    assert_eq!(hours(&campus)[..3], [0, 0, 0]);
    for (gate, before) in gates.iter().zip(&asked) {
        let commands = commands(&campus, *gate).await;
        let since = &commands[..commands.len() - before.len()];
        let expected: &[&str] = match gates.iter().position(|other| other == gate) {
            Some(0 | 1) => &["check"],
            Some(2) => &["reload_options", "set_timezone", "check"],
            _ => &[],
        };
        assert_eq!(since, expected);
    }
    let told = campus.world.number("SELECT COUNT(*) FROM device_commands").await;
    campus.run_for(2 * 3600).await;
    assert_eq!(hours(&campus)[..3], [2, 2, 2]);
    assert_eq!(campus.world.number("SELECT COUNT(*) FROM device_commands").await, told, "that was all");
}

/// What sort of commands a terminal was sent, newest first.
async fn commands(campus: &Campus, gate: DeviceId) -> Vec<String> {
    let commands = campus.commands(gate).await;
    commands.iter().map(|command| command["command_type"].as_str().unwrap().to_owned()).collect()
}

/// The hours that the terminals show.
fn hours(campus: &Campus) -> Vec<i8> {
    campus.world.fleet.terminals().iter().map(|terminal| terminal.local(campus.world.now()).hour()).collect()
}

async fn set_zone(campus: &Campus, zone: Option<&str>) {
    let school = format!("/api/v1/schools/{}", campus.school);
    campus.world.server.put(&campus.admin, &school, json!({"timezone": zone})).await.data(200);
}
