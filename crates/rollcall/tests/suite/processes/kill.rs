//! The server is killed, again and again, while terminals are written to and upload, and people edit. Whatever was
//! promised is kept: in the end every terminal holds the roster, and every punch that a terminal was told to be stored is
//! in the database, once and with its owner.
//!
//! Real processes and real time, except that the terminals live faster: what is a second to them is a twentieth to us.
//! `ROLLCALL_KILLS=100` kills so often; `ROLLCALL_SEED=17` chooses other moments.

use std::{collections::BTreeMap, env, mem, net::SocketAddr, time::Duration};

use jiff::{SignedDuration, civil};
use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus, seq::IndexedRandom as _};
use rollcall::{devices::DeviceId, school::StudentId};
use serde_json::json;
use terminal_simulator::Profile;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

use super::{
    plugged::{Plugged, port_that_nobody_takes},
    program::{Serving, rollcall, rollcall_reading},
    reckoning,
};
use crate::databases::{Database, both_databases};

both_databases! { a_killed_server_keeps_what_it_promised }

const PROFILES: [&str; 3] = ["zam180", "push1", "senseface-a2"];
const NAMES: [&str; 8] =
    ["Ayşe Yıldız", "Wiremu Tāne", "李小明", "Ольга Шевчук", "नन्दिनी", "محمد الأمين", "ქეთევან", "Inti Quispe"];

/// Uploads punches without a pause, on so many connections, whenever the server is about to be killed.
const HURRIED: &str = "HURRIED1";
const HURRIED_UPLOADERS: u64 = 4;

/// So many students are a large school.
const LARGE: usize = 100;

async fn a_killed_server_keeps_what_it_promised(database: Database) {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")));
    let mut story = Story::begin(number("ROLLCALL_SEED").unwrap_or(1), database).await;
    for _ in 0..number("ROLLCALL_KILLS").unwrap_or(5) {
        story.trouble().await;
        story.kill().await;
        story.nothing_promised_is_lost().await;
        story.restart().await;
    }
    story.converge().await;
}

struct Story {
    random: Xoshiro256PlusPlus,
    database: Database,
    /// `None` between a kill and the next start.
    serving: Option<Serving>,
    address: SocketAddr,
    token: String,
    terminals: Vec<Plugged>,
    unplug: CancellationToken,
    students: Vec<StudentId>,
    next_card: i64,
    kills: u64,
    /// Acknowledged punches of the terminal that uploads without a pause: serial number, PIN, time.
    hurried: Vec<(String, String, String)>,
    /// What the API said yes to; nobody edits these students otherwise.
    promised: BTreeMap<StudentId, String>,
}

impl Story {
    async fn begin(seed: u64, database: Database) -> Story {
        let admin = ["user", "add", "ngozi@example.org", "--role", "superadmin", "--password-stdin"];
        rollcall_reading(&database.url, &admin, "ọ̀rẹ́ ni ìwé").await.done();
        let token = rollcall(&database.url, &["token", "create", "ngozi@example.org"]).await.done().trim().to_owned();
        let mut story = Story {
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            address: port_that_nobody_takes(seed),
            database,
            serving: None,
            token,
            terminals: Vec::new(),
            unplug: CancellationToken::new(),
            students: Vec::new(),
            next_card: 10_000,
            kills: 0,
            hurried: Vec::new(),
            promised: BTreeMap::new(),
        };
        // How many may leave at once is not what this is about.
        story
            .sql("INSERT INTO schools (name, guard_percent, guard_number) VALUES ('Colegio Yachay', 100, 100000)")
            .await;
        for (number, name) in PROFILES.into_iter().enumerate() {
            let serial = format!("KILL{seed}N{number}");
            let device = story.register(&serial).await;
            let profile = Profile::by_name(name).unwrap();
            let seed = seed * 10 + number as u64;
            story.terminals.push(Plugged::plug_in(device, &serial, profile, seed, story.address, story.unplug.clone()));
        }
        story.register(HURRIED).await;
        story.import(30).await;
        story.restart().await;
        story
    }

    /// People edit, by SQL and by the API, for a moment of random length; a class arrives in the middle of it.
    async fn trouble(&mut self) {
        let steps = self.random.random_range(10..40);
        let arrival = self.random.random_range(0..steps);
        for step in 0..steps {
            if step == arrival {
                // A school that only grew would be too much for its slowest terminal.
                self.import(if self.students.len() < LARGE { 15 } else { 1 }).await;
            }
            match self.random.random_range(0..3) {
                0 => self.rename_by_api().await,
                1 => self.rename_by_sql().await,
                _ => self.import(1).await,
            }
            // Not to wait for anything: this is how fast people type.
            tokio::time::sleep(Duration::from_millis(self.random.random_range(5..80))).await;
        }
        for _ in 0..self.students.len().saturating_sub(LARGE).max(1) {
            let leaving = self.random.random_range(1..self.students.len());
            let leaving = self.students.swap_remove(leaving);
            self.promised.remove(&leaving);
            let mut tx = self.database.db.write().await.unwrap();
            tx.execute("UPDATE students SET is_active = FALSE WHERE id = $1", [leaving.into()]).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    /// Kills it in the middle of an edit and of uploads: whoever answers them before they are stored is found out.
    async fn kill(&mut self) {
        let serving = self.serving.take().expect("it runs");
        self.kills += 1;
        let uploading: Vec<_> = (0..HURRIED_UPLOADERS)
            .map(|pin| tokio::spawn(upload_until_killed(self.address, pin, self.kills)))
            .collect();
        tokio::time::sleep(Duration::from_millis(self.random.random_range(50..300))).await;
        let (client, url, token) = (reqwest::Client::new(), serving.url("/api/v1/students/1"), self.token.clone());
        let body = json!({"full_name": "Hine Kōwhai"});
        let editing = tokio::spawn(client.put(url).bearer_auth(token).json(&body).send());
        tokio::time::sleep(Duration::from_millis(self.random.random_range(0..20))).await;
        serving.program.kill();
        let _ = editing.await;
        for uploader in uploading {
            self.hurried.extend(uploader.await.unwrap());
        }
        assert!(!self.hurried.is_empty(), "no upload was acknowledged before the server was killed");
    }

    async fn restart(&mut self) {
        let arguments = ["--poll-delay", "4s", "--command-deadline", "1s"];
        self.serving = Some(Serving::start_at(self.address, &self.database.url, &arguments).await);
    }

    /// What terminals and people were told is so: a punch is stored, once; an edit is made.
    async fn nothing_promised_is_lost(&mut self) {
        let acknowledged: Vec<_> = self.terminals.iter().flat_map(Plugged::acknowledged).collect();
        let stored = reckoning::stored(&self.database.db).await;
        let times = |punch: &(String, String, String)| stored.get(punch).map_or(0, Vec::len);
        let wrong: Vec<_> = acknowledged.iter().chain(&self.hurried).filter(|punch| times(punch) != 1).collect();
        assert!(wrong.is_empty(), "acknowledged, and not once in the database: {wrong:?}");
        let doubled: Vec<_> = stored.iter().filter(|(_, owners)| owners.len() > 1).collect();
        assert!(doubled.is_empty(), "stored twice: {doubled:?}");

        let mut tx = self.database.db.read().await.unwrap();
        for (student, name) in &self.promised {
            let (stored,): (String,) =
                tx.one("SELECT full_name FROM students WHERE id = $1", [(*student).into()]).await.unwrap();
            assert_eq!(&stored, name, "the API said yes to {name:?}");
        }
    }

    async fn converge(&mut self) {
        reckoning::come_to_rest(&self.database.db, &self.terminals, HURRIED).await;

        self.unplug.cancel();
        self.tell().await;
        let stored = reckoning::account_for_punches(&self.database.db, mem::take(&mut self.terminals)).await;
        // Whether an upload without an answer was stored, nobody was told.
        let others: Vec<_> = stored.keys().filter(|(serial, ..)| serial != HURRIED).collect();
        assert!(others.is_empty(), "nobody made these: {others:?}");
    }

    /// What all of it came to, for whoever runs it with `--nocapture`.
    async fn tell(&self) {
        let stored = reckoning::stored(&self.database.db).await;
        let times = |punch: &(String, String, String)| stored.get(punch).map_or(0, Vec::len);
        let by_terminals: Vec<_> = self.terminals.iter().flat_map(Plugged::acknowledged).collect();
        let (acknowledged, doubled) =
            (by_terminals.len() + self.hurried.len(), stored.values().filter(|all| all.len() > 1));
        let kept = by_terminals.iter().chain(&self.hurried).filter(|punch| times(punch) == 1).count();
        let carried_out: u64 = self.terminals.iter().map(|plugged| plugged.seen.lock().unwrap().executed).sum();
        let mut tx = self.database.db.read().await.unwrap();
        let (answered, under_way, as_wanted): (i64, i64, i64) = tx
            .one(
                "SELECT (SELECT COUNT(*) FROM device_commands WHERE return_code IS NOT NULL),
                   (SELECT COUNT(*) FROM device_commands c JOIN devices d ON d.id = c.device_id
                    WHERE d.serial_number <> $1 AND c.student_id IS NOT NULL AND c.status IN ('pending', 'sent')),
                   (SELECT COUNT(*) FROM device_user_sync_status WHERE sync_status IN ('synced', 'deleted'))",
                [HURRIED.into()],
            )
            .await
            .unwrap();
        println!(
            "{} kills on {}: {acknowledged} punches acknowledged, {kept} of them stored, {} twice; {carried_out} commands carried \
             out by terminals, {answered} of them acknowledged to us, {under_way} under way; {as_wanted} rows of the ledger as wanted",
            self.kills,
            self.database.db.product(),
            doubled.count(),
        );
    }

    async fn import(&mut self, count: usize) {
        let mut tx = self.database.db.write().await.unwrap();
        for _ in 0..count {
            let name = format!("{} {}", NAMES.choose(&mut self.random).unwrap(), self.random.random_range(1..100));
            self.next_card += 1;
            let card = self.next_card.to_string();
            let (student,) = tx
                .one(
                    "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, $1, $2) RETURNING id",
                    [name.into(), card.into()],
                )
                .await
                .unwrap();
            self.students.push(student);
        }
        tx.commit().await.unwrap();
    }

    async fn rename_by_sql(&mut self) {
        let student = *self.students.choose(&mut self.random).unwrap();
        if self.promised.contains_key(&student) {
            return;
        }
        let mut tx = self.database.db.write().await.unwrap();
        tx.execute("UPDATE students SET full_name = full_name || ' ü' WHERE id = $1", [student.into()]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn rename_by_api(&mut self) {
        let student = *self.students.choose(&mut self.random).unwrap();
        // The first one is being edited when the server is killed.
        if student == self.students[0] {
            return;
        }
        let name = format!("{} {}", NAMES.choose(&mut self.random).unwrap(), self.random.random_range(100..1000));
        let url = self.serving.as_ref().expect("it runs").url(&format!("/api/v1/students/{student}"));
        let body = json!({"full_name": name});
        let answer = reqwest::Client::new().put(url).bearer_auth(&self.token).json(&body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{}", answer.text().await.unwrap());
        self.promised.insert(student, name);
    }

    async fn register(&self, serial: &str) -> DeviceId {
        let mut tx = self.database.db.write().await.unwrap();
        let (device,) = tx
            .one(
                "INSERT INTO devices (school_id, serial_number, device_name) VALUES (1, $1, $1) RETURNING id",
                [serial.into()],
            )
            .await
            .unwrap();
        tx.commit().await.unwrap();
        device
    }

    async fn sql(&self, sql: &'static str) {
        let mut tx = self.database.db.write().await.unwrap();
        tx.execute(sql, []).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// Uploads one punch after the other; answers those that were acknowledged.
async fn upload_until_killed(address: SocketAddr, pin: u64, day: u64) -> Vec<(String, String, String)> {
    let (midnight, mut acknowledged) = (civil::date(2026, 3, 1).at(0, 0, 0, 0), Vec::new());
    for second in 0.. {
        let at = midnight
            + (SignedDuration::from_hours(24) * i32::try_from(day).unwrap())
            + SignedDuration::from_secs(second);
        let punch = format!("{pin}\t{}\t0\t1\t0\t0\t0\n", at.strftime("%Y-%m-%d %H:%M:%S"));
        let request = format!(
            "POST /iclock/cdata?SN={HURRIED}&table=ATTLOG&Stamp=9999 HTTP/1.1\r\nHost: {address}\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{punch}",
            punch.len()
        );
        let mut answer = String::new();
        let converse = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(request.as_bytes()).await?;
            stream.read_to_string(&mut answer).await
        };
        let _ = converse.await;
        if !answer.ends_with("OK: 1") {
            return acknowledged;
        }
        acknowledged.push((HURRIED.to_owned(), pin.to_string(), at.strftime("%Y-%m-%dT%H:%M:%S").to_string()));
    }
    acknowledged
}
