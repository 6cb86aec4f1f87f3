//! What a verification of a whole fleet costs, in terms of the full reconcile pass of the same run: 10,000 students on 50
//! terminals, a hundredth of them changed at the terminals. `make bench` prints it; PostgreSQL is measured where
//! `TEST_DATABASE_URL` names a server.
//!
//! `FLEET_STUDENTS` and `FLEET_TERMINALS` make it smaller.

use std::{env, fs};

use jiff::{SignedDuration, Timestamp};
use rollcall::{
    clock::Clock,
    devices::DeviceId,
    store::{Db, Tx, Value},
    sync::{
        delivery::{self, Poll},
        reconcile::{Scope, reconcile},
    },
};

#[tokio::main]
async fn main() {
    let students = number("FLEET_STUDENTS", 10_000);
    let terminals = number("FLEET_TERMINALS", 50);
    println!("{students} students, {terminals} terminals");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sqlite = format!("sqlite://{}", folder.path().join("fleet.db").display());
    measure("SQLite", &sqlite, students, terminals).await;
    match env::var("TEST_DATABASE_URL") {
        Ok(server) => {
            let url = make_database(&server).await;
            measure("PostgreSQL", &url, students, terminals).await;
        }
        Err(_) => println!("PostgreSQL: not measured, TEST_DATABASE_URL names no server"),
    }
}

fn number(name: &str, otherwise: i64) -> i64 {
    env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

async fn make_database(server: &str) -> String {
    use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};
    let name = format!("rollcall_bench_{}", std::process::id());
    let mut connection = PgConnection::connect(server).await.expect("the server of TEST_DATABASE_URL");
    raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.expect("a database");
    server.replacen("/postgres?", &format!("/{name}?"), 1)
}

async fn measure(product: &str, url: &str, students: i64, terminals: i64) {
    let db = Db::open(url).await.expect("a database");
    let now: Timestamp = "2026-03-02T05:00:00Z".parse().expect("a time");
    populate(&db, students, terminals).await;
    let devices = devices(&db).await;

    let everything = pass(&db, &devices, now).await;
    confirm(&db).await;
    let nothing = pass(&db, &devices, now).await;
    tell(&db, students).await;
    forget_peak();
    let before = memory("VmRSS");
    let verdicts = verify(&db, &devices, now).await;
    let peak = memory("VmHWM");
    let (repaired,): (i64,) = {
        let mut tx = db.read().await.expect("a reader");
        tx.one("SELECT CAST(SUM(repaired) AS BIGINT) FROM readings", []).await.expect("a sum")
    };
    println!(
        "{product}: reconcile everything {everything:.2} s, with nothing to do {nothing:.2} s\n\
         {product}: verdicts and repair plan {verdicts:.2} s, {repaired} repaired\n\
         {product}: ratio to the full reconcile pass {:.2} (gate 3), peak {peak} MB, {} MB above the start (gate 150)",
        verdicts / everything,
        peak.saturating_sub(before),
    );
    db.close().await;
}

async fn populate(db: &Db, students: i64, terminals: i64) {
    let mut tx = db.write().await.expect("a writer");
    tx.execute("INSERT INTO schools (name) VALUES ('Colegio Yachay')", []).await.expect("a school");
    let rows = (0..students).map(|number| {
        vec![1_i64.into(), format!("Quispe Mamani {number}").into(), (1_000_000 + number).to_string().into()]
    });
    tx.execute_rows("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES {rows}", &[], rows.collect())
        .await
        .expect("students");
    let rows = (0..terminals).map(|number| {
        vec![1_i64.into(), format!("FLEET{number:04}").into(), "Gate".into(), "attendance".into(), "writing".into()]
    });
    tx.execute_rows(
        "INSERT INTO devices (school_id, serial_number, device_name, dialect, start_state) VALUES {rows}",
        &[],
        rows.collect(),
    )
    .await
    .expect("devices");
    tx.execute("UPDATE devices SET readback_class = 'list', push_version = '2.4.1'", []).await.expect("classes");
    tx.commit().await.expect("a commit");
}

async fn devices(db: &Db) -> Vec<DeviceId> {
    let mut tx = db.read().await.expect("a reader");
    let devices: Vec<(DeviceId,)> = tx.all("SELECT id FROM devices ORDER BY id", []).await.expect("devices");
    devices.into_iter().map(|(device,)| device).collect()
}

/// The full pass: every terminal, until nothing is left to be queued. Seconds.
async fn pass(db: &Db, devices: &[DeviceId], now: Timestamp) -> f64 {
    let (clock, began) = stopwatch();
    for device in devices {
        loop {
            let mut tx = db.write().await.expect("a writer");
            let done = reconcile(&mut tx, Scope::Device(*device), now).await.expect("a pass");
            tx.commit().await.expect("a commit");
            if !done.is_partial {
                break;
            }
        }
    }
    (clock.monotonic() - began).as_secs_f64()
}

async fn run(tx: &mut Tx, sql: &'static str) {
    tx.execute(sql, []).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

fn stopwatch() -> (Clock, SignedDuration) {
    let clock = Clock::machine();
    let began = clock.monotonic();
    (clock, began)
}

/// Every terminal took everything.
async fn confirm(db: &Db) {
    let mut tx = db.write().await.expect("a writer");
    run(&mut tx, "DELETE FROM device_commands").await;
    let confirm = "UPDATE device_user_sync_status SET confirmed_version = wanted_version, is_held = TRUE,
        held_card_number = wanted_card_number, written_event = 1";
    run(&mut tx, confirm).await;
    tx.commit().await.expect("a commit");
}

/// Every terminal has told everybody, and was counted: what is left is to judge it. One in a hundred was renamed there.
async fn tell(db: &Db, students: i64) {
    let mut tx = db.write().await.expect("a writer");
    run(&mut tx, "UPDATE device_pins SET event = 10").await;
    run(&mut tx, "INSERT INTO device_delivery (device_id) SELECT id FROM devices WHERE TRUE ON CONFLICT DO NOTHING")
        .await;
    run(
        &mut tx,
        "INSERT INTO terminal_users (device_id, pin, name, card_number, card_text, privilege, seen_at, seen_event, told_event)
         SELECT device_id, device_pin, CASE WHEN student_id % 100 = 0 THEN 'Somebody else' ELSE wanted_name END,
           wanted_card_number, wanted_card, 0, created_at, 5, 5 FROM device_user_sync_status",
    )
    .await;
    let counted: Value = students.into();
    tx.execute(
        "INSERT INTO readings (device_id, cause, scope, phase, lists, began_event, counted, started_at)
         SELECT id, 'schedule', 'all', 'recount', 1, 2, $1, created_at FROM devices",
        [counted],
    )
    .await
    .expect("readings");
    run(
        &mut tx,
        "INSERT INTO reading_steps (reading_id, device_id, kind, state, attempts, asked_event, answered_at)
         SELECT id, device_id, 'list', 'answered', 1, 3, started_at FROM readings",
    )
    .await;
    tx.commit().await.expect("a commit");
}

/// One poll of each terminal, which ends its reading. Seconds.
async fn verify(db: &Db, devices: &[DeviceId], now: Timestamp) -> f64 {
    let later = now + SignedDuration::from_hours(1);
    let (clock, began) = stopwatch();
    for device in devices {
        let mut tx = db.write().await.expect("a writer");
        let wait = SignedDuration::from_secs(30);
        delivery::hand_out(&mut tx, *device, &Poll::default(), wait, later).await.expect("a poll");
        tx.commit().await.expect("a commit");
    }
    (clock.monotonic() - began).as_secs_f64()
}

/// The peak is measured from now on (`clear_refs`, proc(5)).
fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Megabytes of this process, as the kernel says.
fn memory(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) / 1024
}
