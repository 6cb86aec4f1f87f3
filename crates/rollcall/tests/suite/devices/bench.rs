//! What the stories of terminals begin with.

use jiff::tz::TimeZone;
use push_protocol::{
    record::Punch,
    text::{Pin, SerialNumber},
};
use rollcall::{
    accounts::Role,
    attendance::recorder::Upload,
    devices::DeviceId,
    school::SchoolId,
    store::{Record, Value},
};
use serde_json::{Value as Json, json};

use crate::{
    databases::Database,
    server::{Person, Server},
};

pub(super) const SERIAL: &str = "GED7242600838";

/// A server with one school and its admin.
pub(super) async fn school(database: Database) -> (Server, Person, SchoolId) {
    let server = Server::new(database);
    let school = server.school("श्री सरस्वती विद्यालय").await;
    let admin = server.person("meera.iyer@example.org", Role::SchoolAdmin, Some(school)).await;
    (server, admin, school)
}

pub(super) fn gate(school: SchoolId) -> Json {
    json!({"school_id": school, "serial_number": SERIAL, "device_name": "Gate"})
}

/// A terminal called and is not registered.
pub(super) async fn called(server: &Server, serial: &'static str, user_count: Option<i64>) {
    server
        .sql(
            "INSERT INTO unknown_terminals (serial_number, address, dialect, push_version, device_type, comm_key_digest,
               firmware_version, user_count, first_seen, last_seen)
             VALUES ($1, '203.0.113.7', 'attendance', '2.4.1', 'acc', 'secret', 'Ver 8.0.4.7', $2, $3, $3)",
            [serial.into(), user_count.into(), server.now().into()],
        )
        .await;
}

/// All terminals have been counted and may be written.
pub(super) async fn writing(server: &Server) {
    server.sql("UPDATE devices SET start_state = 'writing'", []).await;
}

pub(super) async fn student(server: &Server, school: SchoolId, name: &'static str, card: &'static str) -> i64 {
    let sql =
        "INSERT INTO students (school_id, full_name, rfid_card_id, search_text) VALUES ($1, $2, $3, $4) RETURNING id";
    let folded = rollcall::school::search::fold(name);
    let mut tx = server.app.db.write().await.unwrap();
    let (id,): (i64,) = tx.one(sql, [school.into(), name.into(), card.into(), folded.into()]).await.unwrap();
    tx.commit().await.unwrap();
    id
}

pub(super) async fn reconcile(server: &Server, device: i64) {
    use rollcall::sync::reconcile::{Scope, reconcile};
    let mut tx = server.app.db.write().await.unwrap();
    reconcile(&mut tx, Scope::Device(DeviceId(device)), server.now()).await.unwrap();
    tx.commit().await.unwrap();
}

/// Punches of these PINs, just now, from [`SERIAL`].
pub(super) async fn record(server: &Server, device: Option<(i64, SchoolId)>, pins: &[&str]) {
    let now = server.now().to_string().replace('Z', "");
    let punches: Vec<(&str, &str)> = pins.iter().map(|pin| (*pin, now.as_str())).collect();
    upload(server, SERIAL, device, &punches).await;
}

pub(super) async fn upload(server: &Server, serial: &str, device: Option<(i64, SchoolId)>, punches: &[(&str, &str)]) {
    let punch = |(pin, time): &(&str, &str)| Punch {
        pin: Pin::parse(pin).unwrap(),
        time: time.parse().unwrap(),
        status: "0".to_owned(),
        verify: "15".to_owned(),
        work_code: String::new(),
        rest: String::new(),
        utc_offset_seconds: None,
    };
    let upload = Upload {
        serial: SerialNumber::parse(serial).unwrap(),
        device: device.map(|(device, school)| (DeviceId(device), school)),
        zone: device.map(|_| TimeZone::UTC),
        punches: punches.iter().map(punch).collect(),
        unread: Vec::new(),
        stamp: None,
    };
    server.app.recorder.record(upload).await.unwrap();
}

/// Who has which PIN on a terminal, by student.
pub(super) async fn pins(server: &Server, device: i64) -> Vec<(i64, String)> {
    let sql = "SELECT student_id, device_pin FROM device_user_mappings WHERE device_id = $1 ORDER BY student_id";
    let device: Value = device.into();
    server.app.db.read().await.unwrap().all(sql, [device]).await.unwrap()
}

pub(super) async fn all<T: Record>(server: &Server, sql: &'static str) -> Vec<T> {
    server.app.db.read().await.unwrap().all(sql, []).await.unwrap()
}

pub(super) async fn count(server: &Server, sql: &'static str) -> i64 {
    all::<(i64,)>(server, sql).await[0].0
}
