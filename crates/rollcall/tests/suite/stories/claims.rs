//! A terminal that nobody registered: seen, answered, told nothing, and claimed.

use jiff::{SignedDuration, tz::Offset};
use serde_json::json;
use terminal_simulator::{Direction, Profile, Terminal};

use super::campus::{Campus, id};
use crate::databases::{Database, both_databases};

both_databases! { failure_11_an_unknown_terminal_is_visible_nowhere }

const SERIAL: &str = "CJX9253300417";

async fn failure_11_an_unknown_terminal_is_visible_nowhere(database: Database) {
    let mut campus = Campus::open(database).await;
    let students = campus.enrol_many(5).await;
    let mut profile = Profile::zam180();
    profile.clock.factory_zone = 8 * 60;
    let index = campus.world.plug_in(Terminal::new(SERIAL, profile, 1));
    campus.run_for(60).await;
    let now = campus.world.fleet.terminals()[index].local(campus.world.now());
    campus.world.fleet.terminal(index).punch("77", now);
    campus.run_for(60).await;

    // It is content, its punch is safe, and it knows nobody.
    let terminal = &campus.world.fleet.terminals()[index];
    assert!(terminal.is_idle() && terminal.statistics().failures == 0, "{}", terminal.story());
    assert_eq!((terminal.undelivered_punches(), terminal.users().len()), (0, 0));
    for (_, reply) in terminal.transcript().messages().filter(|(direction, _)| *direction == Direction::Response) {
        let reply = String::from_utf8_lossy(reply);
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
        let body = reply.split_once("\r\n\r\n").unwrap().1;
        let is_options = body.starts_with(&format!("GET OPTION FROM: {SERIAL}\n"));
        assert!(is_options || matches!(body.trim_end(), "OK" | "OK: 1"), "{body}");
        assert!(!body.contains("TimeZone") && !body.contains("Yachay") && !body.contains("C:"), "{body}");
    }

    // Everybody who may register it sees it.
    let unknown = campus.get("/api/v1/devices/unknown").await;
    assert_eq!(unknown.column("serial_number"), [SERIAL]);
    assert_eq!(campus.get("/api/v1/attendance").await.column("pin"), [] as [&str; 0]);
    let counted = campus.world.server.get(&campus.superadmin, "/api/v1/devices/unknown").await;
    assert_eq!(counted.column("punches"), [1]);

    let claim = json!({"school_id": campus.school, "device_name": "Portón"});
    let claimed = campus.post(&format!("/api/v1/devices/unknown/{SERIAL}/claim"), claim).await;
    let device = rollcall::devices::DeviceId(id(claimed.data(201)));
    let punches = campus.get(&format!("/api/v1/attendance?device_id={device}")).await;
    assert_eq!((punches.column("pin"), punches.column("student_id")), (vec![json!("77")], vec![json!(null)]));
    assert_eq!(campus.get("/api/v1/devices/unknown").await.column("serial_number"), [] as [&str; 0]);

    let status = campus.in_step(device).await;
    assert_eq!(status.students.len(), students.len());
    assert!(status.students.values().all(|student| student.pin.as_deref() != Some("77")), "77 is somebody's");
    // It was given no zone while nobody knew it, and set its clock as if it hung where it was made.
    let local = |time: jiff::Timestamp| Offset::constant(-5).to_datetime(time);
    let off_by =
        local(campus.world.now()).duration_since(campus.world.fleet.terminals()[index].local(campus.world.now()));
    assert!(off_by.abs() < SignedDuration::from_secs(10), "{off_by:#}");
    // Its whole log was asked for, in case the quarantine was too small: nothing is there twice.
    assert!(campus.commands(device).await.iter().any(|command| command["command_type"] == "query_punches"));
    assert_eq!(campus.world.number("SELECT COUNT(*) FROM punches").await, 1);
}
