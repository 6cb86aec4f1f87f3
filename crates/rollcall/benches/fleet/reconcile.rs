//! From what is wanted to commands: everything at once, nothing, one student, and until a poll can have it.

use std::time::Duration;

use rollcall::{
    devices::DeviceId,
    school::StudentId,
    store::Db,
    sync::reconcile::{Scope, reconcile},
};

use crate::{
    Sizes,
    fleet::{self, Fleet},
    host::Host,
    load::{self, Client},
    machine::{Database, Stopwatch},
    report::{Gate, Report, median, percentile, ratios},
};

/// What other parts are compared with.
pub struct Pass {
    /// Seconds of the full pass when all rows differ.
    pub everything: f64,
    /// Microseconds that a row loop takes for a row that is as it should be, round by round.
    pub looped: Vec<f64>,
}

/// Everything differs: no terminal was ever written to. Leaves all commands to be collected.
pub async fn measure(report: &mut Report, database: &Database, fleet: &Fleet, sizes: Sizes) -> Pass {
    let product = database.product;
    let looped = row_loop(database, sizes).await;
    let everything = fleet.pass().await;
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    let rows = fleet.students as f64 * fleet.devices.len() as f64;
    report.tell("row loop, a row that differs", product, "µs", &looped.differing);
    report.tell("row loop, a row that does not", product, "µs", &looped.same);
    report.tell("reconcile everything, all rows differ", product, "s", &[everything]);
    let per_row = everything / rows * 1e6;
    report.tell("the same, per row", product, "µs", &[per_row]);
    let ratio: Vec<f64> = looped.differing.iter().map(|loop_row| loop_row / per_row).collect();
    report.tell("row loop / reconcile, all rows differ", product, "", &ratio);
    Pass { everything, looped: looped.same }
}

/// Microseconds per row, round by round.
struct Looped {
    differing: Vec<f64>,
    same: Vec<f64>,
}

const OF_STUDENT: &str = "
    SELECT l.wanted_name, l.wanted_card, s.full_name, s.rfid_card_id FROM students s
    LEFT JOIN device_user_sync_status l ON l.student_id = s.id AND l.device_id = $1 WHERE s.id = $2";
const GIVE_PIN: &str = "INSERT INTO device_user_mappings (device_id, student_id, device_pin) VALUES ($1, $2, $3)";
const WANT: &str = "
    INSERT INTO device_user_sync_status (device_id, student_id, device_pin, is_wanted, wanted_name, wanted_card)
    VALUES ($1, $2, $3, TRUE, $4, $5)";
const QUEUE: &str = "
    INSERT INTO device_commands (device_id, school_id, student_id, wire_id, command_type, command_string, word)
    VALUES ($1, 1, $2, $2, 'add_user', $3, 'DATA UPDATE USERINFO')";

/// What others do: look at one student on one terminal, write what is missing, commit, the next one. On a smaller fleet; what
/// a row costs does not depend on how many there are.
async fn row_loop(database: &Database, sizes: Sizes) -> Looped {
    let mut looped = Looped { differing: Vec::new(), same: Vec::new() };
    let rows = 400;
    for round in 0..sizes.rounds {
        let url = database.make(&format!("loop_{round}")).await;
        let db = Db::open(&url).await.expect("a database");
        let mut tx = db.write().await.expect("a writer");
        fleet::add_school(&mut tx, 1, rows, 1).await;
        tx.commit().await.expect("a commit");
        for times in [&mut looped.differing, &mut looped.same] {
            let watch = Stopwatch::start();
            for student in 1..=rows {
                write_if_it_differs(&db, DeviceId(1), StudentId(student)).await;
            }
            #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
            times.push(watch.seconds() / rows as f64 * 1e6);
        }
        db.close().await;
    }
    looped
}

async fn write_if_it_differs(db: &Db, device: DeviceId, student: StudentId) {
    let mut tx = db.read().await.expect("a reader");
    let (name, _, wanted, card): (Option<String>, Option<String>, String, String) =
        tx.one(OF_STUDENT, [device.into(), student.into()]).await.expect("a student");
    drop(tx);
    if name.as_deref() == Some(&wanted) {
        return;
    }
    let mut tx = db.write().await.expect("a writer");
    let pin = student.to_string();
    let text = format!("DATA UPDATE USERINFO PIN={pin}\tName={wanted}\tCard={card}");
    tx.execute(GIVE_PIN, [device.into(), student.into(), pin.clone().into()]).await.expect("a PIN");
    tx.execute(WANT, [device.into(), student.into(), pin.into(), wanted.into(), card.into()]).await.expect("a wish");
    tx.execute(QUEUE, [device.into(), student.into(), text.into()]).await.expect("a command");
    tx.commit().await.expect("a commit");
}

/// Every terminal is as wanted: what changes cost.
pub async fn measure_changes(report: &mut Report, fleet: &Fleet, pass: &Pass, sizes: Sizes) {
    let product = fleet.db.product();
    fleet.pass().await;
    let (mut nothing, mut edits) = (Vec::new(), Vec::new());
    for round in 0..sizes.rounds as i64 {
        nothing.push(fleet.pass().await);
        let mut times = Vec::new();
        for number in 0..10 {
            times.push(edit(fleet, StudentId(1 + round * 10 + number)).await);
        }
        edits.push(median(&times));
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    let rows = fleet.students as f64 * fleet.devices.len() as f64;
    let per_row: Vec<f64> = nothing.iter().map(|seconds| seconds / rows * 1e6).collect();
    report.tell("reconcile everything, nothing differs", product, "s", &nothing);
    report.gate_at_full_size(
        "row loop / reconcile, nothing differs",
        product,
        &ratios(&pass.looped, &per_row),
        Gate::AtLeast(50.0),
        150.0,
    );
    let milliseconds: Vec<f64> = edits.iter().map(|seconds| seconds * 1e3).collect();
    report.tell(&format!("one student edited on {} terminals", fleet.devices.len()), product, "ms", &milliseconds);
    let ratio = ratios(&edits, &nothing);
    report.gate_at_full_size(
        "one student edited / full pass with nothing to do",
        product,
        &ratio,
        Gate::AtMost(0.02),
        0.005,
    );

    fleet.run("UPDATE students SET full_name = full_name || '.' WHERE id % 100 = 0").await;
    report.tell("reconcile everything, 1 of 100 differs", product, "s", &[fleet.pass().await]);
    fleet.confirm().await;
    until_a_poll_has_it(report, fleet, sizes).await;
    fleet.confirm().await;
}

async fn edit(fleet: &Fleet, student: StudentId) -> f64 {
    let watch = Stopwatch::start();
    let mut tx = fleet.db.write().await.expect("a writer");
    let sql = "UPDATE students SET full_name = full_name || '.', updated_at = $2 WHERE id = $1";
    tx.execute(sql, [student.into(), fleet.now.into()]).await.expect("an edit");
    let done = reconcile(&mut tx, Scope::Student(student), fleet.now).await.expect("a run");
    tx.commit().await.expect("a commit");
    assert_eq!(done.devices.len(), fleet.devices.len());
    watch.seconds()
}

/// By then each connection to the database has made one.
const FIRST_EDITS: i64 = 40;

/// A whole server and a terminal that asks all the time: from the first byte of the edit to the command.
async fn until_a_poll_has_it(report: &mut Report, fleet: &Fleet, sizes: Sizes) {
    let product = fleet.db.product();
    let token = fleet.token().await;
    let host = Host::product(&fleet.url).await;
    let (mut office, mut terminal) = (Client::connect(host.address).await, Client::connect(host.address).await);
    let serial = fleet::serial(1, 0);
    // What begins with the server is over.
    tokio::time::sleep(Duration::from_secs(2)).await;

    let (mut first, mut by_api) = (Vec::new(), Vec::new());
    for number in 0..(FIRST_EDITS + sizes.rounds as i64 * 20).min(fleet.students / 2) {
        let student = fleet.students / 2 + number;
        let body = format!("{{\"full_name\": \"Wanjirũ {number}\"}}");
        let request = format!(
            "PATCH /api/v1/students/{student} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let watch = Stopwatch::start();
        let reply = office.ask(request.as_bytes()).await;
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(reply.body));
        collect(&mut terminal, &serial).await;
        let times = if number < FIRST_EDITS { &mut first } else { &mut by_api };
        times.push(watch.seconds() * 1e3);
        // People do not type faster than this.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    report.tell("the first edits after a start, until a poll has them", product, "ms", &first);
    report.tell("edit by the API → command in a poll's reply, median", product, "ms", &[percentile(&by_api, 50)]);
    let slowest = [percentile(&by_api, 99)];
    report.gate("edit by the API → command in a poll's reply, p99, ms", product, &slowest, Gate::AtMost(150.0), 60.0);

    let mut by_sql = Vec::new();
    for number in 0..(sizes.rounds as i64 * 2) {
        let student = StudentId(fleet.students / 4 + number);
        let watch = Stopwatch::start();
        let mut tx = fleet.db.write().await.expect("a writer");
        tx.execute("UPDATE students SET full_name = 'Sāmoa' WHERE id = $1", [student.into()]).await.expect("an edit");
        tx.commit().await.expect("a commit");
        collect(&mut terminal, &serial).await;
        by_sql.push(watch.seconds() * 1e3);
    }
    report.tell("edit by SQL → command in a poll's reply", product, "ms", &by_sql);
    host.stop().await;
}

/// Polls until there is a command, and says yes to it.
async fn collect(terminal: &mut Client, serial: &str) {
    let poll = load::polls([serial].into_iter(), "");
    for _ in 0..100_000 {
        let text = String::from_utf8_lossy(terminal.ask(&poll[0]).await.body).into_owned();
        let ids = text.lines().filter_map(|line| Some(line.strip_prefix("C:")?.split_once(':')?.0));
        let results = ids.map(|id| format!("ID={id}&Return=0&CMD=DATA\n")).collect::<Vec<_>>().concat();
        if !results.is_empty() {
            let answer = load::post(&format!("/iclock/devicecmd?SN={serial}"), &results);
            assert_eq!(terminal.ask(&answer).await.status, 200);
            return;
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    panic!("no command came");
}
