//! A school with its server, its admin and its terminals: where a story begins.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use push_protocol::text::{Card, Charset, Name};
use rollcall::{
    accounts::Role,
    devices::DeviceId,
    school::{SchoolId, StudentId},
    store::Db,
};
use serde_json::{Value as Json, json};
use terminal_simulator::{FaultKind, FaultKinds, Faults, Profile, Terminal};

use super::people;
use crate::{
    databases::Database,
    server::{Person, Reply},
    world::World,
};

pub struct Campus {
    pub world: World,
    pub school: SchoolId,
    pub superadmin: Person,
    /// The school's own admin: whoever calls, unless a story says otherwise.
    pub admin: Person,
}

/// What sync-status shows of a student.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    pub name: String,
    pub card: Option<String>,
    pub pin: Option<String>,
    pub status: String,
    pub retries: i64,
    pub error: Option<String>,
}

/// The answer of sync-status, its numbers checked against its rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    pub numbers: BTreeMap<String, i64>,
    pub students: BTreeMap<StudentId, Shown>,
}

/// Long enough for anything that is not meant to be slow.
pub const A_WHILE: SignedDuration = SignedDuration::from_mins(30);

impl Campus {
    pub async fn open(database: Database) -> Campus {
        let world = World::new(database).await;
        let superadmin = world.server.superadmin().await;
        let fields = json!({"name": "Colegio Yachay", "timezone": "America/Guayaquil"});
        let school = id(world.server.post(&superadmin, "/api/v1/schools", fields).await.data(201));
        let admin = world.server.person("inti.quispe@example.org", Role::SchoolAdmin, Some(SchoolId(school))).await;
        Campus { world, school: SchoolId(school), superadmin, admin }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.world.server.get(&self.admin, path).await
    }

    pub async fn post(&self, path: &str, body: Json) -> Reply {
        self.world.server.post(&self.admin, path, body).await
    }

    /// Registers a terminal at the API.
    pub async fn register(&self, serial: &str) -> DeviceId {
        let fields =
            json!({"school_id": self.school, "serial_number": serial, "device_name": format!("Gate {serial}")});
        DeviceId(id(self.post("/api/v1/devices", fields).await.data(201)))
    }

    /// A registered terminal, switched on.
    pub async fn terminal(&mut self, serial: &str, profile: Profile) -> DeviceId {
        let device = self.register(serial).await;
        self.world.plug_in(Terminal::new(serial, profile, 1));
        device
    }

    /// Adds a student at the API.
    pub async fn enrol(&self, name: &str, card: &str) -> StudentId {
        let fields = json!({"school_id": self.school, "full_name": name, "rfid_card_id": card});
        StudentId(id(self.post("/api/v1/students", fields).await.data(201)))
    }

    /// Adds so many of [`people`] at the API.
    pub async fn enrol_many(&self, count: usize) -> Vec<StudentId> {
        let mut students = Vec::new();
        for number in 0..count {
            students.push(self.enrol(&people::name(number), &people::card(number)).await);
        }
        students
    }

    /// These of [`people`] are written by another program, in one statement.
    pub async fn import(&self, people: std::ops::Range<usize>) {
        let other = Db::open(&self.world.database.url).await.unwrap();
        let mut tx = other.write().await.unwrap();
        let row = |n| vec![self.school.into(), people::name(n).into(), people::card(n).into()];
        let rows = people.map(row).collect();
        tx.execute_rows("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES {rows}", &[], rows)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        other.close().await;
    }

    pub async fn change(&self, student: StudentId, fields: Json) {
        self.world.server.put(&self.admin, &format!("/api/v1/students/{student}"), fields).await.data(200);
    }

    pub async fn remove(&self, student: StudentId) {
        self.world.server.delete(&self.admin, &format!("/api/v1/students/{student}")).await.data(200);
    }

    pub async fn status(&self, device: DeviceId) -> Status {
        let status = Status::of(self.get(&format!("/api/v1/device/{device}/sync-status")).await.data(200));
        let counted = serde_json::to_value(self.world.summary(device).await).unwrap();
        assert_eq!(json!(status.numbers), counted, "whoever counts, counts the same");
        status
    }

    /// The command log, newest first.
    pub async fn commands(&self, device: DeviceId) -> Vec<Json> {
        let reply = self.get(&format!("/api/v1/device/{device}/commands?limit=500")).await;
        reply.data(200).as_array().unwrap().clone()
    }

    pub async fn run_for(&mut self, seconds: i64) {
        self.world.run_for(SignedDuration::from_secs(seconds)).await;
    }

    /// Lets time pass until nothing moves any more; then admin and terminal have to agree on everybody.
    pub async fn in_step(&mut self, device: DeviceId) -> Status {
        assert!(self.world.settle(A_WHILE).await, "it never became quiet");
        self.agree(device).await
    }

    /// Admin and terminal agree on everybody, now.
    pub async fn agree(&self, device: DeviceId) -> Status {
        let status = self.status(device).await;
        assert_eq!(status.numbers["synced"], status.numbers["total"], "{status:#?}");
        let terminal = &self.world.fleet.terminals()[self.index_of(device).await];
        let charset = Charset::of_language(Some(terminal.profile().language));
        let wanted: BTreeMap<String, (String, Option<u64>)> = status
            .students
            .values()
            .map(|student| {
                let name = Name::fit(&student.name, charset).unwrap().as_read_back(charset).into_owned();
                let card = Card::parse(student.card.as_deref().unwrap()).unwrap().number();
                (student.pin.clone().unwrap(), (name, Some(card)))
            })
            .collect();
        let held: BTreeMap<String, (String, Option<u64>)> =
            terminal.users().iter().map(|(pin, user)| (pin.clone(), (user.name.clone(), user.card))).collect();
        assert_eq!(held, wanted, "{}", terminal.story());
        let is_closed = |pin: &&String| terminal.profile().access.is_some() && !terminal.opens_door(pin);
        assert_eq!(held.keys().find(is_closed), None, "who belongs there gets in: {}", terminal.story());
        status
    }

    /// From now until then nothing reaches the server that this terminal sends.
    pub fn cut_the_line(&mut self, index: usize, time: SignedDuration) {
        let until = self.world.now() + time;
        let line = Faults::by_seed(0, FaultKinds::of(&[FaultKind::LoseRequest])).chance(1000).until(until);
        *self.world.fleet.terminal(index).faults() = line;
    }

    /// What a terminal holds for this student.
    pub async fn held(&self, device: DeviceId, student: StudentId) -> Option<(String, Option<u64>)> {
        let pin = self.pin(device, student).await?;
        let terminal = &self.world.fleet.terminals()[self.index_of(device).await];
        terminal.users().get(&pin).map(|user| (user.name.clone(), user.card))
    }

    /// The PIN that a student has, or had, on a terminal.
    pub async fn pin(&self, device: DeviceId, student: StudentId) -> Option<String> {
        let mut tx = self.world.app.db.read().await.unwrap();
        let sql = "SELECT device_pin FROM device_user_mappings WHERE device_id = $1 AND student_id = $2";
        let row: Option<(String,)> = tx.optional(sql, [device.into(), student.into()]).await.unwrap();
        row.map(|(pin,)| pin)
    }

    pub async fn index_of(&self, device: DeviceId) -> usize {
        let mut tx = self.world.app.db.read().await.unwrap();
        let (serial,): (String,) =
            tx.one("SELECT serial_number FROM devices WHERE id = $1", [device.into()]).await.unwrap();
        self.world.fleet.terminals().iter().position(|terminal| terminal.serial() == serial).unwrap()
    }
}

impl Status {
    pub fn of(data: &Json) -> Status {
        let text = |row: &Json, field: &str| row[field].as_str().map(str::to_owned);
        let summary = data["summary"].as_object().unwrap();
        let numbers: BTreeMap<String, i64> =
            summary.iter().map(|(name, number)| (name.clone(), number.as_i64().unwrap())).collect();
        let students: BTreeMap<StudentId, Shown> = data["students"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let shown = Shown {
                    name: text(row, "full_name").unwrap(),
                    card: text(row, "rfid_card_id"),
                    pin: text(row, "device_pin"),
                    status: text(row, "sync_status").unwrap(),
                    retries: row["sync_retries"].as_i64().unwrap(),
                    error: text(row, "error_message"),
                };
                (StudentId(id(row)), shown)
            })
            .collect();
        let total = i64::try_from(students.len()).unwrap();
        let parts: i64 = numbers.iter().filter(|(name, _)| *name != "total").map(|(_, number)| number).sum();
        assert_eq!((numbers["total"], parts), (total, total), "the numbers add up: {numbers:?}");
        for status in ["synced", "pending", "sent", "failed", "not_synced"] {
            let counts_as = |student: &Shown| match student.status.as_str() {
                "held" => "pending" == status,
                "kept" => "not_synced" == status,
                own => own == status,
            };
            let rows = students.values().filter(|student| counts_as(student)).count();
            assert_eq!(numbers[status], i64::try_from(rows).unwrap(), "{status}");
        }
        Status { numbers, students }
    }

    /// The numbers that are not zero, in the order of a student's way; the total last.
    pub fn in_words(&self) -> String {
        let words = ["not_synced", "pending", "sent", "failed", "synced"];
        let parts = words.into_iter().filter(|word| self.numbers[*word] > 0);
        let parts: Vec<String> = parts.map(|word| format!("{} {word}", self.numbers[word])).collect();
        format!("{} of {}", parts.join(", "), self.numbers["total"])
    }
}

pub fn id(row: &Json) -> i64 {
    row["id"].as_i64().unwrap_or_else(|| panic!("no id: {row}"))
}
