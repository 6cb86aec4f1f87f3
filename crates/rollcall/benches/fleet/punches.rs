//! Punches that are on the disk before they are acknowledged.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{ToSpan as _, civil::DateTime, tz::TimeZone};
use push_protocol::{
    record::Punch,
    text::{Pin, SerialNumber},
};
use rollcall::{
    attendance::recorder::{Recorder, Upload},
    clock::Clock,
    devices::DeviceId,
    school::SchoolId,
    store::Db,
};
use tokio::{
    task::JoinSet,
    time::{Duration, Instant},
};

use crate::{
    Sizes, fleet,
    host::Host,
    load::{self, Reply},
    machine::{Database, Stopwatch},
    report::{Gate, Report, percentile, ratios},
};

/// Terminals that punches come from, and people who punch at each.
const TERMINALS: i64 = 1_000;
const PEOPLE: i64 = 10;

/// Uploads that wait for their answer at the same time.
const WAITING: usize = 512;

/// Transactions at the same time where each upload has its own: as many as PostgreSQL has connections.
const ALONE: usize = 12;

pub async fn measure(report: &mut Report, database: &Database, sizes: Sizes) {
    let url = database.make("punches").await;
    let db = Db::open(&url).await.expect("a database");
    prepare(&db).await;
    let source = Arc::new(Source::default());

    database.wait_for_the_disk(&url, &db, false).await;
    let hurried = Db::open(&url).await.expect("a database");
    database.wait_for_the_disk(&url, &hurried, false).await;
    database.wait_for_the_disk(&url, &db, true).await;

    let (group, hurried_group) = (Writers::start(&db, 1, WAITING), Writers::start(&hurried, 1, WAITING));
    let alone = Writers::start(&db, ALONE, 1);
    let [mut grouped, mut single, mut without, mut twenty, mut many] = [const { Vec::new() }; 5];
    for _ in 0..sizes.rounds {
        for (writers, punches, rates) in [
            (&group, 1, &mut grouped),
            (&alone, 1, &mut single),
            (&hurried_group, 1, &mut without),
            (&group, 20, &mut twenty),
            (&group, 200, &mut many),
        ] {
            rates.push(writers.record(&source, punches, sizes.seconds).await);
        }
    }
    let product = database.product;
    report.tell("durable punches, 1 per upload, group", product, "per s", &grouped);
    report.tell("durable punches, 1 per upload, a commit each", product, "per s", &single);
    report.tell("the group, without waiting for the disk", product, "per s", &without);
    report.tell("durable punches, 20 per upload, group", product, "per s", &twenty);
    report.tell("durable punches, 200 per upload, group", product, "per s", &many);
    let (gate, goal) = if database.is_sqlite() { (4.0, 6.0) } else { (2.0, 3.0) };
    let to_single = ratios(&grouped, &single);
    report.gate("durable punches, group / a commit each", product, &to_single, Gate::AtLeast(gate), goal);
    let to_hurried = ratios(&grouped, &without);
    report.gate(
        "durable punches, group / without waiting for the disk",
        product,
        &to_hurried,
        Gate::AtLeast(0.8),
        0.95,
    );
    for writers in [group, hurried_group, alone] {
        writers.stop().await;
    }
    hurried.close().await;
    db.close().await;

    promises(report, product, &url, &source, sizes).await;
}

async fn prepare(db: &Db) {
    let mut tx = db.write().await.expect("a writer");
    fleet::add_school(&mut tx, 1, 0, TERMINALS).await;
    let people = fleet::devices_of(&mut tx).await.into_iter().flat_map(|device| {
        (1..=PEOPLE).map(move |pin| {
            let student = device.0 * PEOPLE + pin;
            vec![device.into(), student.into(), pin.to_string().into()]
        })
    });
    tx.execute_rows(
        "WITH v(device_id, student_id, device_pin) AS (VALUES {rows})
         INSERT INTO device_user_mappings (device_id, student_id, device_pin, valid_from)
         SELECT v.device_id, v.student_id, v.device_pin, d.created_at FROM v
         JOIN devices d ON d.id = v.device_id",
        &[],
        people.collect(),
    )
    .await
    .expect("people");
    // They had their PINs for years.
    tx.execute("UPDATE device_user_mappings SET valid_from = $1", [fleet::long_ago().into()]).await.expect("PINs");
    tx.commit().await.expect("a commit");
}

/// Punches of which no two are the same.
#[derive(Default)]
struct Source {
    next: AtomicI64,
}

impl Source {
    fn upload(&self, punches: i64) -> Upload {
        let number = self.next.fetch_add(punches, Ordering::Relaxed);
        let terminal = number / punches % TERMINALS;
        Upload {
            serial: SerialNumber::parse(&fleet::serial(1, terminal)).expect("a serial number"),
            device: Some((DeviceId(terminal + 1), SchoolId(1))),
            zone: Some(TimeZone::UTC),
            punches: (number..number + punches).map(punch).collect(),
            unread: Vec::new(),
            stamp: None,
        }
    }
}

fn punch(number: i64) -> Punch {
    Punch {
        pin: Pin::parse(&(number % PEOPLE + 1).to_string()).expect("a PIN"),
        time: at(number),
        status: "0".to_owned(),
        verify: "1".to_owned(),
        work_code: "0".to_owned(),
        rest: String::new(),
        utc_offset_seconds: None,
    }
}

/// A second of its own for each.
fn at(number: i64) -> DateTime {
    let first = DateTime::constant(2026, 1, 5, 7, 0, 0, 0);
    first.checked_add(number.seconds()).expect("a time")
}

/// Recorders, and how many uploads each of them is given at once. A recorder with one upload at a time commits it alone,
/// with the very statements that a group is written with.
struct Writers {
    recorders: Vec<(Recorder, tokio::task::JoinHandle<()>)>,
    waiting: usize,
}

impl Writers {
    fn start(db: &Db, recorders: usize, waiting: usize) -> Writers {
        let start = |_| {
            let (recorder, end) = Recorder::start(db.clone(), Clock::machine());
            (recorder, tokio::spawn(end))
        };
        Writers { recorders: (0..recorders).map(start).collect(), waiting }
    }

    /// Punches per second that were acknowledged.
    async fn record(&self, source: &Arc<Source>, punches: i64, seconds: f64) -> f64 {
        let mut sending = JoinSet::new();
        let ends: Instant = load::now() + Duration::from_secs_f64(seconds);
        let watch = Stopwatch::start();
        for (recorder, _) in &self.recorders {
            for _ in 0..self.waiting {
                let (recorder, source) = (recorder.clone(), Arc::clone(source));
                sending.spawn(async move {
                    let mut stored = 0_u32;
                    while load::now() < ends {
                        let done = recorder.record(source.upload(punches)).await.expect("an upload");
                        assert_eq!(done.repeated, 0);
                        stored += u32::try_from(done.new).unwrap_or(0);
                    }
                    stored
                });
            }
        }
        let stored: u32 = sending.join_all().await.into_iter().sum();
        f64::from(stored) / watch.seconds()
    }

    async fn stop(self) {
        for (recorder, writing) in self.recorders {
            recorder.stop();
            let _ = writing.await;
        }
    }
}

/// Uploads come when people punch, whatever the server does meanwhile, over the wire; what was acknowledged is stored.
async fn promises(report: &mut Report, product: &'static str, url: &str, source: &Source, sizes: Sizes) {
    let host = Host::product(url).await;
    let db = &host.app.as_ref().expect("the product").db;
    let before = count(db).await;
    let (per_second, seconds) = (2_000.0, 4.0 * sizes.seconds);
    #[expect(clippy::cast_possible_truncation, reason = "a few thousand")]
    let requests = (0..(per_second * seconds) as i64).map(|_| {
        let upload = source.upload(1);
        let punch = &upload.punches[0];
        let line = format!("{}\t{}\t0\t1\t0\n", punch.pin.as_str(), punch.time.strftime("%Y-%m-%d %H:%M:%S"));
        load::post(&format!("/iclock/cdata?SN={}&table=ATTLOG", upload.serial.as_str()), &line)
    });
    let requests = Arc::new(requests.collect());
    let is_yes = |reply: &Reply<'_>| reply.status == 200 && reply.body.starts_with(b"OK: 1");
    let answers = load::when_due(host.address, &requests, per_second, is_yes).await;
    let stored = count(db).await - before;
    let acknowledged = answers.iter().filter(|(_, yes)| *yes).count() as i64;
    let times: Vec<f64> = answers.iter().map(|(milliseconds, _)| *milliseconds).collect();
    report.tell("upload over HTTP, 2,000 due per second, median", product, "ms", &[percentile(&times, 50)]);
    report.tell("the same, slowest of a hundred", product, "ms", &[percentile(&times, 99)]);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let (kept, lost) = (acknowledged as f64, (acknowledged - stored) as f64);
    report.tell("uploads acknowledged", product, "", &[kept]);
    report.gate("punches acknowledged and not stored", product, &[lost.max(0.0)], Gate::AtMost(0.0), 0.0);
    host.stop().await;
}

async fn count(db: &Db) -> i64 {
    let mut tx = db.read().await.expect("a reader");
    let (count,): (i64,) = tx.one("SELECT COUNT(*) FROM punches", []).await.expect("a count");
    count
}
