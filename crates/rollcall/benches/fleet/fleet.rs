//! One school and its terminals.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use push_protocol::command::CommandId;
use rollcall::{
    accounts::{passwords::PasswordHash, role::Role, tokens, users},
    devices::DeviceId,
    store::{Db, Tx, statistics},
    sync::{
        acknowledge::{Answer, acknowledge},
        delivery::{self, Poll},
        reconcile::{Scope, out_of_step, reconcile},
    },
};
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use tokio::time::interval;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    host::beginning,
    machine::{Database, Stopwatch},
};

/// The first wait for a command's result.
pub const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);

/// A school whose students belong on all of its terminals.
pub struct Fleet {
    pub url: String,
    pub db: Db,
    pub students: i64,
    pub devices: Vec<DeviceId>,
    pub now: Timestamp,
    _keeping_house: AbortOnDropHandle<()>,
}

impl Fleet {
    pub async fn make(database: &Database, students: i64, terminals: i64) -> Fleet {
        let url = database.make(&format!("fleet_{students}_{terminals}")).await;
        let db = Db::open(&url).await.expect("a database");
        let mut tx = db.write().await.expect("a writer");
        add_school(&mut tx, 1, students, terminals).await;
        tx.commit().await.expect("a commit");
        let devices = devices(&db).await;
        let keeping_house = AbortOnDropHandle::new(tokio::spawn(keep_house(db.clone())));
        Fleet { url, db, students, devices, now: beginning(), _keeping_house: keeping_house }
    }

    /// The full pass, as the product's own watch does it: every terminal that is out of step, until nothing is left to be
    /// queued. Seconds. Not a reconcile of each terminal: where nothing differs that takes about three times as long
    /// (docs/performance.md).
    pub async fn pass(&self) -> f64 {
        let watch = Stopwatch::start();
        let mut tx = self.db.read().await.expect("a reader");
        let devices = out_of_step(&mut tx, None).await.expect("a look");
        drop(tx);
        for device in devices {
            self.reconcile(device).await;
        }
        watch.seconds()
    }

    pub async fn reconcile(&self, device: DeviceId) {
        loop {
            let mut tx = self.db.write().await.expect("a writer");
            let done = reconcile(&mut tx, Scope::Device(device), self.now).await.expect("a pass");
            tx.commit().await.expect("a commit");
            if !done.is_partial {
                break;
            }
        }
    }

    /// Every terminal took everything that it was ever given. No product writes all of that at once: the database is left as
    /// it finds it when it came bit by bit.
    pub async fn confirm(&self) {
        confirm(&self.db).await;
        if self.db.product() == "SQLite" {
            let mut file = SqliteConnection::connect(&self.url).await.expect("a connection");
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.expect("an empty log");
            file.close().await.ok();
        } else {
            let mut server = PgConnection::connect(&self.url).await.expect("a connection");
            server.execute("VACUUM ANALYZE device_user_sync_status, device_commands").await.expect("its housekeeping");
            server.close().await.ok();
        }
    }

    pub async fn run(&self, sql: &'static str) {
        let mut tx = self.db.write().await.expect("a writer");
        run(&mut tx, sql).await;
        tx.commit().await.expect("a commit");
    }

    /// A poll that takes what is due.
    pub async fn poll(&self, device: DeviceId, now: Timestamp) -> Vec<CommandId> {
        let mut tx = self.db.write().await.expect("a writer");
        let handout = delivery::hand_out(&mut tx, device, &Poll::default(), FIRST_WAIT, now).await.expect("a poll");
        tx.commit().await.expect("a commit");
        handout.commands.into_iter().map(|(id, _)| id).collect()
    }

    /// All results of one request: yes.
    pub async fn answer(&self, device: DeviceId, commands: &[CommandId], now: Timestamp) {
        let yes = |id: &CommandId| Answer { wire_id: id.number().into(), code: 0, user_count: None, firmware: None };
        let answers: Vec<Answer> = commands.iter().map(yes).collect();
        let mut tx = self.db.write().await.expect("a writer");
        acknowledge(&mut tx, device, &answers, FIRST_WAIT, now).await.expect("results");
        tx.commit().await.expect("a commit");
    }

    /// A token of somebody who may do everything.
    pub async fn token(&self) -> String {
        let mut tx = self.db.write().await.expect("a writer");
        let new = users::NewUser {
            email: "ngozi.okafor@example.org".to_owned(),
            password: PasswordHash::stored("none".to_owned()),
            role: Role::Superadmin,
            school_id: None,
            full_name: None,
        };
        let user = match users::by_email(&mut tx, &new.email).await.expect("users") {
            Some(user) => user,
            None => users::create(&mut tx, new, self.now).await.expect("a user"),
        };
        let (_, secret) = tokens::create(&mut tx, user.id, "bench", None, self.now).await.expect("a token");
        tx.commit().await.expect("a commit");
        secret.reveal().to_owned()
    }
}

/// As the program does beside everything else.
async fn keep_house(db: Db) {
    let mut times = interval(Duration::from_secs(2));
    loop {
        times.tick().await;
        db.tidy_up().await;
        statistics::refresh(&db).await.expect("statistics");
    }
}

/// A school with students, their cards, and terminals that are written to and tell whom they hold.
pub async fn add_school(tx: &mut Tx, school: i64, students: i64, terminals: i64) {
    tx.execute("INSERT INTO schools (id, name) VALUES ($1, 'Colegio Yachay')", [school.into()])
        .await
        .expect("a school");
    let rows = (0..students)
        .zip(NAMES.iter().cycle())
        .map(|(number, name)| vec![school.into(), format!("{name} {number}").into(), card(number).into()]);
    tx.execute_rows("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES {rows}", &[], rows.collect())
        .await
        .expect("students");
    let rows = (0..terminals).map(|number| vec![school.into(), serial(school, number).into()]);
    tx.execute_rows(
        "WITH v(school_id, serial_number) AS (VALUES {rows})
         INSERT INTO devices (school_id, serial_number, device_name, dialect, start_state, readback_class, push_version)
         SELECT v.school_id, v.serial_number, 'Gate', 'attendance', 'writing', 'list', '2.4.1' FROM v",
        &[],
        rows.collect(),
    )
    .await
    .expect("devices");
}

/// With a number and a dot or two they fit on a terminal: 24 bytes.
const NAMES: [&str; 5] = ["Inti Quispe", "王秀英", "Ñusta Guamán", "Олеся Гай", "ነጋሽ"];

/// When everybody had his PIN already.
pub fn long_ago() -> Timestamp {
    "2020-01-01T00:00:00Z".parse().expect("a time")
}

/// No two schools have a terminal in common.
pub fn serial(school: i64, number: i64) -> String {
    format!("FLEET{school:03}{number:06}")
}

fn card(number: i64) -> String {
    (1_000_000 + number).to_string()
}

async fn devices(db: &Db) -> Vec<DeviceId> {
    devices_of(&mut db.read().await.expect("a reader")).await
}

pub async fn devices_of(tx: &mut Tx) -> Vec<DeviceId> {
    let devices: Vec<(DeviceId,)> = tx.all("SELECT id FROM devices ORDER BY id", []).await.expect("devices");
    devices.into_iter().map(|(device,)| device).collect()
}

pub async fn confirm(db: &Db) {
    let mut tx = db.write().await.expect("a writer");
    run(&mut tx, "DELETE FROM device_commands").await;
    let confirm = "UPDATE device_user_sync_status SET confirmed_version = wanted_version, is_held = TRUE,
        held_card_number = wanted_card_number, written_event = 1";
    run(&mut tx, confirm).await;
    tx.commit().await.expect("a commit");
}

pub async fn run(tx: &mut Tx, sql: &'static str) {
    tx.execute(sql, []).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}
