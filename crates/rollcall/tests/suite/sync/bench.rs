//! A school on a bench: rows by SQL, polls and results by hand, time moved by the test.

use jiff::{SignedDuration, Timestamp};
use rollcall::{
    devices::DeviceId,
    school::{SchoolId, StudentId},
    store::Tx,
    sync::{
        acknowledge::{Answer, acknowledge},
        again,
        delivery::{self, Handout, Poll},
        overview::{self, Summary},
        reconcile::{Reconciled, Scope, out_of_step, reconcile},
        removals::{self, Decided, Decision, Removals},
    },
};

use crate::databases::Database;

pub const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);

pub struct Bench {
    pub database: Database,
    pub now: Timestamp,
}

impl Bench {
    pub fn new(database: Database) -> Bench {
        Bench { database, now: "2026-03-02T05:00:00Z".parse().unwrap() }
    }

    pub async fn sql(&self, sql: &'static str) {
        let mut tx = self.database.db.write().await.unwrap();
        tx.execute(sql, []).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// As another program would write it: over a connection of its own.
    pub async fn foreign(&self, sql: &'static str) {
        let mut tx = self.database.other().await.write().await.unwrap();
        tx.execute(sql, []).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn school(&self) -> SchoolId {
        self.id("INSERT INTO schools (name) VALUES ('Escuela Quitumbe') RETURNING id").await.map(SchoolId).unwrap()
    }

    /// A terminal that was empty at its first poll.
    pub async fn terminal(&self, school: SchoolId, serial: &str) -> DeviceId {
        let device = self.registered(school, serial).await;
        self.poll_with(device, Poll { user_count: Some(0), ..Poll::default() }).await;
        device
    }

    /// A terminal that never called.
    pub async fn registered(&self, school: SchoolId, serial: &str) -> DeviceId {
        let mut tx = self.database.db.write().await.unwrap();
        let (id,) = tx
            .one(
                "INSERT INTO devices (school_id, serial_number, device_name, dialect, push_version)
                 VALUES ($1, $2, $2, 'attendance', '2.4.1') RETURNING id",
                [school.into(), serial.into()],
            )
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub async fn student(&self, school: SchoolId, name: &str, card: &str) -> StudentId {
        let mut tx = self.database.db.write().await.unwrap();
        let (id,) = tx
            .one(
                "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES ($1, $2, $3) RETURNING id",
                [school.into(), name.into(), card.into()],
            )
            .await
            .unwrap();
        reconcile(&mut tx, Scope::Student(id), self.now).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Changes a student's row as a handler would: the write and its consequences in one transaction.
    pub async fn edit(&self, student: StudentId, sql: &'static str) -> Reconciled {
        let mut tx = self.database.db.write().await.unwrap();
        tx.execute(sql, [student.into()]).await.unwrap();
        let done = reconcile(&mut tx, Scope::Student(student), self.now).await.unwrap();
        tx.commit().await.unwrap();
        done
    }

    /// What the tick does: every terminal that is out of step, each in its own transaction.
    pub async fn settle(&self) -> u64 {
        let mut tx = self.database.db.read().await.unwrap();
        let devices = out_of_step(&mut tx, None).await.unwrap();
        drop(tx);
        let mut queued = 0;
        for device in devices {
            let mut tx = self.database.db.write().await.unwrap();
            queued += reconcile(&mut tx, Scope::Device(device), self.now).await.unwrap().queued;
            tx.commit().await.unwrap();
        }
        queued
    }

    /// Terminals at which the tick would look.
    pub async fn out_of_step(&self) -> Vec<DeviceId> {
        let mut tx = self.database.db.read().await.unwrap();
        out_of_step(&mut tx, None).await.unwrap()
    }

    /// The texts that a poll hands out, as `<id>:<text>`.
    pub async fn poll(&self, device: DeviceId) -> Vec<Handed> {
        self.poll_with(device, Poll::default()).await
    }

    pub async fn poll_with(&self, device: DeviceId, poll: Poll) -> Vec<Handed> {
        let mut tx = self.database.db.write().await.unwrap();
        let Handout { commands, .. } = delivery::hand_out(&mut tx, device, &poll, FIRST_WAIT, self.now).await.unwrap();
        tx.commit().await.unwrap();
        commands.into_iter().map(|(id, text)| Handed { id: id.number().into(), text }).collect()
    }

    pub async fn answer(&self, device: DeviceId, command: &Handed, code: i64) {
        self.answer_all(device, std::slice::from_ref(command), code).await;
    }

    pub async fn answer_all(&self, device: DeviceId, commands: &[Handed], code: i64) {
        let answers: Vec<Answer> = commands
            .iter()
            .map(|command| Answer { wire_id: command.id, code, user_count: None, firmware: None })
            .collect();
        let mut tx = self.database.db.write().await.unwrap();
        acknowledge(&mut tx, device, &answers, FIRST_WAIT, self.now).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Polls and says yes until nothing comes any more. Answers everything that was handed out.
    pub async fn drain(&self, device: DeviceId) -> Vec<Handed> {
        let mut all = Vec::new();
        for _ in 0..1_000 {
            let handed = self.poll(device).await;
            if handed.is_empty() {
                return all;
            }
            self.answer_all(device, &handed, 0).await;
            all.extend(handed);
        }
        panic!("the terminal is handed commands for ever");
    }

    pub async fn full_sync(&self, device: DeviceId) -> again::FullSync {
        let mut tx = self.database.db.write().await.unwrap();
        let done = again::full_sync(&mut tx, device, self.now).await.unwrap();
        tx.commit().await.unwrap();
        done
    }

    pub async fn summary(&self, device: DeviceId) -> Summary {
        let mut tx = self.database.db.read().await.unwrap();
        overview::summary(&mut tx, device).await.unwrap()
    }

    /// `sync_status` and `error_message` of a student's ledger row.
    pub async fn state(&self, device: DeviceId, student: StudentId) -> (String, Option<String>) {
        let mut tx = self.database.db.read().await.unwrap();
        tx.one(
            "SELECT sync_status, error_message FROM device_user_sync_status WHERE device_id = $1 AND student_id = $2",
            [device.into(), student.into()],
        )
        .await
        .unwrap()
    }

    /// How many rows of a terminal's ledger are in this state.
    pub async fn count(&self, device: DeviceId, status: &str) -> i64 {
        let mut tx = self.database.db.read().await.unwrap();
        let (count,) = tx
            .one(
                "SELECT COUNT(*) FROM device_user_sync_status WHERE device_id = $1 AND sync_status = $2",
                [device.into(), status.into()],
            )
            .await
            .unwrap();
        count
    }

    pub async fn removals(&self, device: DeviceId) -> Removals {
        let mut tx = self.database.db.read().await.unwrap();
        removals::list(&mut tx, device).await.unwrap()
    }

    /// How many people somebody decided about: these, or everybody who is held.
    pub async fn decide(&self, device: DeviceId, decision: Decision, students: Option<&[i64]>) -> u64 {
        match self.try_decide(device, decision, students).await {
            Decided::Done { people, .. } => people,
            Decided::NotHeld(students) => panic!("not held: {students:?}"),
        }
    }

    pub async fn try_decide(&self, device: DeviceId, decision: Decision, students: Option<&[i64]>) -> Decided {
        let students: Option<Vec<StudentId>> = students.map(|ids| ids.iter().copied().map(StudentId).collect());
        let mut tx = self.database.db.write().await.unwrap();
        let decided = removals::decide(&mut tx, device, decision, students.as_deref(), self.now).await.unwrap();
        tx.commit().await.unwrap();
        decided
    }

    pub async fn pin(&self, device: DeviceId, student: StudentId) -> String {
        let mut tx = self.database.db.read().await.unwrap();
        let (pin,) = tx
            .one(
                "SELECT device_pin FROM device_user_mappings WHERE device_id = $1 AND student_id = $2",
                [device.into(), student.into()],
            )
            .await
            .unwrap();
        pin
    }

    pub async fn id(&self, sql: &'static str) -> Option<i64> {
        let mut tx: Tx = self.database.db.write().await.unwrap();
        let row: Option<(i64,)> = tx.optional(sql, []).await.unwrap();
        tx.commit().await.unwrap();
        row.map(|(id,)| id)
    }

    pub fn pass(&mut self, time: SignedDuration) {
        self.now += time;
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handed {
    pub id: i64,
    pub text: String,
}

/// How many of them remove somebody.
pub fn deletes(handed: &[Handed]) -> usize {
    handed.iter().filter(|command| command.text.starts_with("DATA DELETE")).count()
}

/// The texts alone, TABs shown as `|`.
pub fn texts(handed: &[Handed]) -> Vec<String> {
    handed.iter().map(|command| command.text.replace('\t', "|")).collect()
}

/// A school of fifty and a terminal that holds them; card n belongs to the n-th. By default more than ten are too many.
pub async fn fifty(database: Database) -> (Bench, SchoolId, DeviceId) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    for number in 1..=50 {
        let student = bench.student(school, &format!("Ṣadé {number}"), &number.to_string()).await;
        assert_eq!(student.0, number);
    }
    assert_eq!(bench.drain(gate).await.len(), 50);
    (bench, school, gate)
}
