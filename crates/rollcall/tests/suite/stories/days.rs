//! Who came when, whatever the terminal and whatever goes wrong on the way.

use jiff::{SignedDuration, Timestamp};
use rollcall::{devices::DeviceId, school::StudentId};
use serde_json::json;
use terminal_simulator::{Call, Direction, FaultKind, Profile, Stamps};

use super::campus::Campus;
use crate::databases::{Database, both_databases};

both_databases! {
    a_day_at_terminals_with_any_number_of_columns,
    a_history_that_is_sent_again_and_again_is_stored_once,
    failure_8_an_error_while_storing_punches_is_answered_ok,
}

/// The school's clock is five hours behind; its day starts at 08:00, with ten minutes of grace.
async fn a_day_at_terminals_with_any_number_of_columns(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.world.clock.advance(SignedDuration::from_mins(6 * 60 + 30));
    let mut gates = Vec::new();
    for (number, family) in ["legacy-fw", "mars", "zam180", "senseface-a2", "chatty"].into_iter().enumerate() {
        gates.push(campus.terminal(&format!("DAY0000{number}"), Profile::by_name(family).unwrap()).await);
    }
    let students = campus.enrol_many(5).await;
    for gate in &gates {
        campus.in_step(*gate).await;
    }

    // Each comes in by another gate, the first at half past seven, then every twelve minutes; the first goes out again.
    let mut came = Vec::new();
    let half_past_seven: Timestamp = "2026-03-02T12:30:00Z".parse().unwrap();
    campus.world.clock.advance(half_past_seven.duration_since(campus.world.now()));
    for (gate, student) in gates.iter().zip(&students) {
        came.push(punch(&mut campus, *gate, *student).await);
        campus.run_for(12 * 60).await;
    }
    punch(&mut campus, gates[3], students[0]).await;
    campus.run_for(60).await;

    assert_eq!(came, ["07:30:00", "07:42:00", "07:54:00", "08:06:00", "08:18:00"].map(|at| format!("2026-03-02T{at}")));
    for (number, gate) in gates.iter().enumerate() {
        let day = format!("/api/v1/attendance?device_id={gate}&from=2026-03-02&to=2026-03-02");
        let punches = campus.get(&day).await;
        let mut expected = vec![(json!(students[number]), json!(came[number]))];
        if number == 3 {
            expected.insert(0, (json!(students[0]), json!("2026-03-02T08:30:00")));
        }
        let shown: Vec<_> = punches.column("student_id").into_iter().zip(punches.column("punched_at")).collect();
        assert_eq!(shown, expected, "{}", punches.text);
    }
    let next_day = campus.get("/api/v1/attendance?from=2026-03-03").await;
    assert_eq!(next_day.column("id"), [] as [i64; 0]);

    let days: Vec<(StudentId, DeviceId, String, String)> = campus
        .world
        .ask("SELECT student_id, device_id, CAST(date AS TEXT), status FROM attendance_logs ORDER BY student_id")
        .await;
    let expected: Vec<_> = students
        .iter()
        .zip(&gates)
        .zip(["present", "present", "present", "present", "late"])
        .map(|((student, gate), status)| (*student, *gate, "2026-03-02".to_owned(), status.to_owned()))
        .collect();
    assert_eq!(days, expected);
}

async fn a_history_that_is_sent_again_and_again_is_stored_once(database: Database) {
    let mut campus = Campus::open(database).await;
    let families = ["mb10", "mars", "hostile", "legacy-fw"];
    let mut gates = Vec::new();
    for (number, family) in families.into_iter().enumerate() {
        gates.push(campus.terminal(&format!("OLD0000{number}"), Profile::by_name(family).unwrap()).await);
    }
    let student = campus.enrol("Māia Te Rangi", "4001").await;
    for gate in &gates {
        campus.in_step(*gate).await;
    }
    for _ in 0..150 {
        campus.world.clock.advance(SignedDuration::from_secs(1));
        for gate in &gates {
            punch(&mut campus, *gate, student).await;
        }
    }
    for index in 0..gates.len() {
        // The server stores them, and the terminal does not learn of it.
        campus.world.fleet.terminal(index).faults().once_at(FaultKind::LoseReply, Call::Upload);
        campus.world.fleet.terminal(index).faults().once_at(FaultKind::RepeatRequest, Call::Upload);
    }
    campus.run_for(600).await;
    for index in 0..gates.len() {
        campus.world.fleet.terminal(index).reboot();
    }
    campus.run_for(600).await;

    for (gate, terminal) in gates.iter().zip(campus.world.fleet.terminals()) {
        assert_eq!(terminal.undelivered_punches(), 0, "{}", terminal.story());
        let sent = terminal.statistics().punches_acknowledged;
        // Nobody heard them for two minutes, so that they were asked what they had missed to bring. One that tells by stamps where
        // it stands stands where that answer began.
        let uploads = &terminal.profile().uploads;
        let replays = uploads.replays_history || uploads.stamps == Stamps::Zk;
        assert_eq!(sent, if replays { 300 } else { 150 }, "{}", terminal.profile().name);
        let punches = campus.get(&format!("/api/v1/attendance?device_id={gate}&limit=500")).await;
        assert_eq!(punches.body["pagination"]["total"], 150, "{}", terminal.profile().name);
        assert!(punches.column("student_id").iter().all(|owner| *owner == json!(student)));
    }
}

async fn failure_8_an_error_while_storing_punches_is_answered_ok(database: Database) {
    let mut campus = Campus::open(database).await;
    let gates = [
        campus.terminal("CJX9253300417", Profile::zam180()).await,
        campus.terminal("CJX9253300418", Profile::legacy_fw()).await,
        campus.terminal("CJX9253300419", Profile::mars()).await,
    ];
    let student = campus.enrol("Đức Trần", "4001").await;
    for gate in gates {
        campus.in_step(gate).await;
    }

    campus.world.foreign("ALTER TABLE punches RENAME TO punches_elsewhere", []).await;
    for gate in gates {
        punch(&mut campus, gate, student).await;
    }
    campus.run_for(120).await;
    for terminal in campus.world.fleet.terminals() {
        assert_eq!(terminal.undelivered_punches(), 1, "{}", terminal.story());
        let replies = terminal.transcript().messages().filter(|(direction, _)| *direction == Direction::Response);
        let refusals: Vec<String> = replies
            .map(|(_, reply)| String::from_utf8_lossy(reply).into_owned())
            .filter(|reply| !reply["HTTP/1.1".len()..].starts_with(" 200 OK\r\n"))
            .collect();
        assert!(!refusals.is_empty());
        for refusal in refusals {
            let (head, body) = refusal.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(" 503 ") && !body.contains("OK"), "{refusal}");
        }
    }

    // Meanwhile the school goes on.
    campus.enrol("Thủy Phạm", "4002").await;
    campus.run_for(120).await;
    campus.world.foreign("ALTER TABLE punches_elsewhere RENAME TO punches", []).await;
    campus.run_for(240).await;
    for (index, gate) in gates.iter().enumerate() {
        let terminal = &campus.world.fleet.terminals()[index];
        assert_eq!(terminal.undelivered_punches(), 0, "{}", terminal.story());
        let punches = campus.get(&format!("/api/v1/attendance?device_id={gate}")).await;
        assert_eq!(punches.column("student_id"), [json!(student)]);
        campus.in_step(*gate).await;
    }
}

/// A student shows his card now. What the terminal's clock says.
async fn punch(campus: &mut Campus, gate: DeviceId, student: StudentId) -> String {
    let pin = campus.pin(gate, student).await.unwrap();
    let index = campus.index_of(gate).await;
    let at = campus.world.fleet.terminals()[index].local(campus.world.now());
    let at = at.round(jiff::Unit::Second).unwrap();
    campus.world.fleet.terminal(index).punch(&pin, at);
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
