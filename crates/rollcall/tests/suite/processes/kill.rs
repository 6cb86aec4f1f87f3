//! The server is killed, again and again, while terminals are written to and upload, and people edit. Whatever was
//! promised is kept: in the end every terminal holds the roster, and every punch that a terminal was told to be stored is
//! in the database, once and with its owner.
//!
//! Real processes and real time, except that the terminals live faster: what is a second to them is a twentieth to us.
//! `ROLLCALL_KILLS=50` kills so often; `ROLLCALL_SEED=17` chooses other moments.

use std::{
    collections::BTreeMap,
    env, mem,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, civil};
use push_protocol::text::{Card, Charset, Name};
use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus, seq::IndexedRandom as _};
use rollcall::{clock::Clock, devices::DeviceId, school::StudentId};
use serde_json::json;
use terminal_simulator::{Profile, Terminal, over_http};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::program::{Serving, rollcall, rollcall_reading, until_right};
use crate::databases::{Database, both_databases};

both_databases! { a_killed_server_keeps_what_it_promised }

const PROFILES: [&str; 3] = ["zam180", "push1", "senseface-a2"];
const NAMES: [&str; 8] =
    ["Ayşe Yıldız", "Wiremu Tāne", "李小明", "Ольга Шевчук", "नन्दिनी", "محمد الأمين", "ქეთევან", "Inti Quispe"];

/// Uploads punches without a pause, on so many connections, whenever the server is about to be killed.
const HURRIED: &str = "HURRIED1";
const HURRIED_UPLOADERS: u64 = 4;

/// How much faster terminals live.
const HASTE: i32 = 20;

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

/// A terminal that runs by itself.
struct Plugged {
    device: DeviceId,
    serial: String,
    charset: Charset,
    seen: Arc<Mutex<Seen>>,
    running: JoinHandle<()>,
}

/// What is seen of a terminal from outside.
#[derive(Default)]
struct Seen {
    /// PIN → name and card.
    people: BTreeMap<String, (String, u64)>,
    /// (PIN, local time) in the order in which people punched.
    punches: Vec<(String, String)>,
    /// How many of the punches, from the first on, the terminal was told to be stored.
    acknowledged: usize,
    /// Nobody punches any more.
    is_quiet: bool,
}

/// Who has a PIN.
#[derive(Clone, Copy, Debug)]
struct Owner {
    student: StudentId,
    has_left: bool,
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
                self.import(15).await;
            }
            match self.random.random_range(0..3) {
                0 => self.rename_by_api().await,
                1 => self.rename_by_sql().await,
                _ => self.import(1).await,
            }
            // Not to wait for anything: this is how fast people type.
            tokio::time::sleep(Duration::from_millis(self.random.random_range(5..80))).await;
        }
        let leaving = self.random.random_range(1..self.students.len());
        let leaving = self.students.swap_remove(leaving);
        self.promised.remove(&leaving);
        let mut tx = self.database.db.write().await.unwrap();
        tx.execute("UPDATE students SET is_active = FALSE WHERE id = $1", [leaving.into()]).await.unwrap();
        tx.commit().await.unwrap();
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

    async fn nothing_promised_is_lost(&mut self) {
        let acknowledged: Vec<(String, String, String)> = self
            .terminals
            .iter()
            .flat_map(|plugged| {
                let seen = plugged.seen.lock().unwrap();
                let serial = |(pin, at): &(String, String)| (plugged.serial.clone(), pin.clone(), at.clone());
                seen.punches[..seen.acknowledged].iter().map(serial).collect::<Vec<_>>()
            })
            .collect();
        let stored = self.stored().await;
        let lost: Vec<_> =
            acknowledged.iter().chain(&self.hurried).filter(|punch| !stored.contains_key(*punch)).collect();
        assert!(lost.is_empty(), "acknowledged and not in the database: {lost:?}");

        let mut tx = self.database.db.read().await.unwrap();
        for (student, name) in &self.promised {
            let (stored,): (String,) =
                tx.one("SELECT full_name FROM students WHERE id = $1", [(*student).into()]).await.unwrap();
            assert_eq!(&stored, name, "the API said yes to {name:?}");
        }
    }

    async fn converge(&mut self) {
        for plugged in &self.terminals {
            plugged.seen.lock().unwrap().is_quiet = true;
        }
        until_right(async || self.differing().await).await;

        self.unplug.cancel();
        let owners = self.owners().await;
        let mut stored = self.stored().await;
        let mut wrong = Vec::new();
        for plugged in mem::take(&mut self.terminals) {
            plugged.running.await.unwrap();
            let seen = plugged.seen.lock().unwrap();
            assert!(!seen.punches.is_empty(), "nobody punched at {}", plugged.serial);
            for (pin, at) in &seen.punches {
                let found = stored.remove(&(plugged.serial.clone(), pin.clone(), at.clone())).unwrap_or_default();
                let Some(owner) = owners.get(&(plugged.device, pin.clone())) else { panic!("{pin} is nobody's PIN") };
                // These terminals' clocks are fast: who has left may seem to punch after he did.
                let is_right = found == [Some(owner.student)] || (found == [None] && owner.has_left);
                if !is_right {
                    wrong.push(format!("{}: {pin} at {at} is {found:?}, and was made by {owner:?}", plugged.serial));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        // Whether an upload without an answer was stored, nobody was told.
        stored.retain(|(serial, ..), _| serial != HURRIED);
        assert!(stored.is_empty(), "nobody made these: {stored:?}");
    }

    /// Where terminals and roster differ, in words; nothing when they do not.
    async fn differing(&self) -> String {
        let owners = self.owners().await;
        let mut tx = self.database.db.read().await.unwrap();
        let roster: Vec<(DeviceId, StudentId, String, String)> =
            tx.all("SELECT device_id, student_id, full_name, rfid_card_id FROM belonging", []).await.unwrap();
        let mut differing = Vec::new();
        for plugged in &self.terminals {
            let wanted: BTreeMap<Option<StudentId>, (String, u64)> = roster
                .iter()
                .filter(|(on, ..)| *on == plugged.device)
                .map(|(_, student, name, card)| {
                    let name = Name::fit(name, plugged.charset).unwrap().as_str().to_owned();
                    (Some(*student), (name, Card::parse(card).unwrap().number()))
                })
                .collect();
            let seen = plugged.seen.lock().unwrap();
            let held: BTreeMap<Option<StudentId>, (String, u64)> = seen
                .people
                .iter()
                .map(|(pin, fields)| {
                    let owner = owners.get(&(plugged.device, pin.clone()));
                    (owner.map(|owner| owner.student), fields.clone())
                })
                .collect();
            if held != wanted {
                differing.push(format!("{} holds {held:?}\nwanted is {wanted:?}", plugged.serial));
            }
            if seen.acknowledged < seen.punches.len() {
                let (acknowledged, made) = (seen.acknowledged, seen.punches.len());
                differing.push(format!("{} has delivered {acknowledged} of {made} punches", plugged.serial));
            }
        }
        differing.join("\n")
    }

    async fn owners(&self) -> BTreeMap<(DeviceId, String), Owner> {
        let mut tx = self.database.db.read().await.unwrap();
        let owners: Vec<(DeviceId, String, StudentId, bool)> = tx
            .all("SELECT device_id, device_pin, student_id, valid_to IS NOT NULL FROM device_user_mappings", [])
            .await
            .unwrap();
        owners
            .into_iter()
            .map(|(device, pin, student, has_left)| ((device, pin), Owner { student, has_left }))
            .collect()
    }

    /// (serial number, PIN, time) → whose, as often as it is stored.
    async fn stored(&self) -> BTreeMap<(String, String, String), Vec<Option<StudentId>>> {
        let mut tx = self.database.db.read().await.unwrap();
        let stored: Vec<(String, String, String, Option<StudentId>)> =
            tx.all("SELECT serial_number, pin, punched_at, student_id FROM punches", []).await.unwrap();
        stored.into_iter().fold(BTreeMap::new(), |mut all, (serial, pin, at, student)| {
            all.entry((serial, pin, at)).or_insert_with(Vec::new).push(student);
            all
        })
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

impl Plugged {
    fn plug_in(
        device: DeviceId,
        serial: &str,
        profile: Profile,
        seed: u64,
        address: SocketAddr,
        unplug: CancellationToken,
    ) -> Plugged {
        let charset = Charset::of_language(Some(profile.language));
        let sight = Arc::new(Mutex::new(Seen::default()));
        let mut terminal = Terminal::new(serial, profile, seed);
        let for_the_watch = Arc::clone(&sight);
        let running = tokio::spawn(async move {
            let clock = Clock::machine();
            let switched_on = clock.now();
            let hurried = || switched_on + clock.monotonic() * HASTE;
            let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
            let watch = |terminal: &mut Terminal, _| {
                let mut view = for_the_watch.lock().unwrap();
                if !view.is_quiet && random.random_bool(0.2) {
                    view.somebody_punches(terminal, hurried(), &mut random);
                }
                view.look(terminal);
            };
            over_http::run(&mut terminal, &address.to_string(), hurried, unplug.cancelled(), watch).await;
        });
        Plugged { device, serial: serial.to_owned(), charset, seen: sight, running }
    }
}

impl Seen {
    fn look(&mut self, terminal: &Terminal) {
        self.acknowledged = self.punches.len() - terminal.undelivered_punches();
        self.people = terminal
            .users()
            .values()
            .map(|user| (user.pin.clone(), (user.name.clone(), user.card.unwrap_or(0))))
            .collect();
    }

    fn somebody_punches(&mut self, terminal: &mut Terminal, now: Timestamp, random: &mut Xoshiro256PlusPlus) {
        let people: Vec<&String> = terminal.users().keys().collect();
        let Some(pin) = people.choose(random).map(|pin| (*pin).clone()) else { return };
        let at = terminal.local(now);
        let punch = (pin.clone(), at.strftime("%Y-%m-%dT%H:%M:%S").to_string());
        // One person punches once in a second.
        if !self.punches.contains(&punch) {
            terminal.punch(&pin, at);
            self.punches.push(punch);
        }
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

/// Below the ports that outgoing connections are given, so that it is still free when the server starts again.
fn port_that_nobody_takes(seed: u64) -> SocketAddr {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ u64::from(std::process::id()));
    (0..100)
        .map(|_| SocketAddr::from(([127, 0, 0, 1], random.random_range(20_000..30_000))))
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("a free port")
}
