//! A zone that is set late, or that was wrong: the terminal's clock follows, and so do the punches that it brought before.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rollcall::{attendance::attribute, devices::DeviceId, store::Instant};
use serde_json::json;
use terminal_simulator::Profile;

use super::campus::Campus;
use crate::databases::{Database, both_databases};

both_databases! {
    rule_23_a_zone_that_is_set_later_reaches_the_terminal,
    rule_28_the_first_punch_stays_the_first_when_a_zone_is_set_in_between,
    a_punch_that_a_wrong_zone_left_ownerless_gets_its_owner,
    many_punches_are_dated_anew_and_those_of_a_former_school_are_not,
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

/// A student comes at 07:50 and at noon, and the zone of her school is set at nine.
async fn rule_28_the_first_punch_stays_the_first_when_a_zone_is_set_in_between(database: Database) {
    let mut campus = Campus::open(database).await;
    set_zone(&campus, None).await;
    let gate = campus.terminal("ZON00001", Profile::zam180()).await;
    campus.enrol("Anjali Tamang", "4711").await;
    campus.in_step(gate).await;
    at(&campus, "2026-03-03T02:06:00Z");
    bring(&campus, "1\t2026-03-03 07:50:00\t0\t4\t\t0\t0\n").await;
    assert_eq!(days(&campus).await, [("2026-03-03T07:50:00Z", "present")].map(owned));
    at(&campus, "2026-03-03T03:15:00Z");
    set_zone(&campus, Some("Asia/Kathmandu")).await;
    campus.run_for(30).await;
    at(&campus, "2026-03-03T06:16:00Z");
    bring(&campus, "1\t2026-03-03 12:00:00\t0\t4\t\t0\t0\n").await;
    assert_eq!(days(&campus).await, [("2026-03-03T07:50:00Z", "present")].map(owned), "noon is no earlier");

    redate(&mut campus).await;
    assert_eq!(days(&campus).await, [("2026-03-03T02:05:00Z", "present")].map(owned));
    let instants = "SELECT punched_instant FROM punches ORDER BY id";
    assert_eq!(texts(&campus, instants).await, ["2026-03-03T02:05:00Z", "2026-03-03T06:15:00Z"]);

    // What somebody was late by when he came, he was; another start of the day is no reason to think again.
    let school = format!("/api/v1/schools/{}", campus.school);
    let sooner = json!({"day_starts_at": "07:00", "timezone": "Asia/Kolkata"});
    campus.world.server.put(&campus.admin, &school, sooner).await.data(200);
    redate(&mut campus).await;
    assert_eq!(days(&campus).await, [("2026-03-03T02:20:00Z", "present")].map(owned));
}

/// A student gets his PIN at eight and punches at once: by a wrong zone that was before he had it.
async fn a_punch_that_a_wrong_zone_left_ownerless_gets_its_owner(database: Database) {
    let mut campus = Campus::open(database).await;
    set_zone(&campus, None).await;
    let gate = campus.terminal("ZON00001", Profile::zam180()).await;
    at(&campus, "2026-03-02T13:00:00Z");
    campus.enrol("Inti Quishpe", "4711").await;
    campus.in_step(gate).await;
    bring(&campus, "1\t2026-03-02 08:05:00\t0\t4\t\t0\t0\n").await;
    // Whoever says himself how far his clock is from UTC is believed.
    bring(&campus, "77\t2026-03-02 08:05:00\t0\t1\t0\t0\t0\t0\t0\t0\t+3600\n").await;
    assert_eq!(days(&campus).await, []);
    set_zone(&campus, Some("America/Guayaquil")).await;
    redate(&mut campus).await;
    assert_eq!(days(&campus).await, [("2026-03-02T13:05:00Z", "present")].map(owned));
    assert_eq!(texts(&campus, "SELECT punched_instant FROM punches WHERE pin = '77'").await, ["2026-03-02T07:05:00Z"]);

    // The same for a terminal that has its own zone, and a server that stops in between.
    let device = format!("/api/v1/devices/{gate}");
    let own = async |campus: &Campus, zone: Option<&str>| {
        campus.world.server.put(&campus.admin, &device, json!({"timezone": zone})).await.data(200);
    };
    own(&campus, Some("Asia/Kathmandu")).await;
    redate(&mut campus).await;
    at(&campus, "2026-03-03T13:00:00Z");
    let second = campus.enrol("Sefina Leota", "4712").await;
    campus.in_step(gate).await;
    bring(&campus, "2\t2026-03-03 08:10:00\t0\t4\t\t0\t0\n").await;
    assert_eq!(days(&campus).await.len(), 1);
    own(&campus, None).await;
    tick(&campus).await;
    campus.world.restart().await;
    campus.world.clock.advance(SignedDuration::from_mins(2));
    // Two servers at once.
    tokio::join!(tick(&campus), tick(&campus));
    assert_eq!(
        days(&campus).await,
        [("2026-03-02T13:05:00Z", "present"), ("2026-03-03T13:10:00Z", "present")].map(owned)
    );
    let punches = campus.get(&format!("/api/v1/attendance?student_id={second}")).await;
    assert_eq!(punches.column("punched_at"), ["2026-03-03T08:10:00"]);
    assert_eq!(campus.world.number("SELECT COUNT(*) FROM devices WHERE redate_at IS NOT NULL").await, 0);
}

async fn many_punches_are_dated_anew_and_those_of_a_former_school_are_not(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("ZON00001", Profile::zam180()).await;
    campus.in_step(gate).await;
    // All at the same second, more than two pages of them.
    let lines: Vec<String> = (1..=4_500).map(|pin| format!("{pin}\t2026-03-01 08:00:00\t0\t4\t\t0\t0\n")).collect();
    bring(&campus, &lines.concat()).await;
    campus.world.foreign("UPDATE punches SET school_id = school_id + 1 WHERE pin = '4500'", []).await;
    redate(&mut campus).await;
    let dated = "SELECT punched_instant, COUNT(*) FROM punches GROUP BY punched_instant ORDER BY 1";
    let by_instant = async |campus: &Campus| -> Vec<(String, i64)> {
        let rows: Vec<(Instant, i64)> = campus.world.ask(dated).await;
        rows.into_iter().map(|(instant, count)| (instant.0.to_string(), count)).collect()
    };
    assert_eq!(by_instant(&campus).await, [("2026-03-01T13:00:00Z".to_owned(), 4_500)]);
    // Of whoever changes it.
    campus.world.foreign("UPDATE schools SET timezone = 'Pacific/Auckland'", []).await;
    redate(&mut campus).await;
    let expected = [("2026-02-28T19:00:00Z".to_owned(), 4_499), ("2026-03-01T13:00:00Z".to_owned(), 1)];
    assert_eq!(by_instant(&campus).await, expected);
}

/// Lets the time pass in which every server learns of the zone, and what is to be done is done.
async fn redate(campus: &mut Campus) {
    tick(campus).await;
    campus.world.clock.advance(SignedDuration::from_mins(2));
    tick(campus).await;
}

async fn tick(campus: &Campus) {
    attribute::tick(&campus.world.app.db, &TimeZone::UTC, campus.world.now()).await.unwrap();
}

/// It is this time now.
fn at(campus: &Campus, time: &str) {
    let time: Timestamp = time.parse().unwrap();
    campus.world.clock.advance(time.duration_since(campus.world.now()));
}

async fn bring(campus: &Campus, lines: &str) {
    let head = "POST /iclock/cdata?SN=ZON00001&table=ATTLOG&Stamp=9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{lines}", lines.len());
    let answer = String::from_utf8_lossy(&campus.world.converse(request.as_bytes()).await).into_owned();
    assert!(answer.contains(&format!("OK: {}", lines.lines().count())), "{answer}");
}

/// First punch and status of every student's every day.
async fn days(campus: &Campus) -> Vec<(String, String)> {
    let rows: Vec<(Instant, String)> =
        campus.world.ask("SELECT check_in_time, status FROM attendance_logs ORDER BY date, student_id").await;
    rows.into_iter().map(|(first, status)| (first.0.to_string(), status)).collect()
}

async fn texts(campus: &Campus, sql: &'static str) -> Vec<String> {
    let rows: Vec<(Instant,)> = campus.world.ask(sql).await;
    rows.into_iter().map(|(instant,)| instant.0.to_string()).collect()
}

fn owned((first, status): (&str, &str)) -> (String, String) {
    (first.to_owned(), status.to_owned())
}
