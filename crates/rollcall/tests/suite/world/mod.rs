//! A whole server and simulated terminals on one clock that the test turns: exact bytes go through the server's own
//! connection handling, loops are ticked, nothing sleeps.

use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};
use rollcall::{
    app::App,
    clock::Clock,
    config::Settings,
    devices::{DeviceId, presence},
    loops,
    school::{SchoolId, StudentId},
    server,
    store::{Record, Value},
    sync::{
        overview::{self, Summary},
        reconcile::{Scope, reconcile},
        unserved,
        watch::Watch,
    },
};
use terminal_simulator::{Exchange, Fleet, Reply, Terminal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{databases::Database, server::Server};

pub struct World {
    pub app: App,
    /// What people see of it.
    pub server: Server,
    site: server::Site,
    pub clock: Clock,
    pub fleet: Fleet,
    pub database: Database,
    watch: Watch,
    ticked: Timestamp,
    rounds: u64,
}

/// Where every story begins.
pub const MORNING: &str = "2026-03-02T05:00:00Z";

impl World {
    pub async fn new(database: Database) -> World {
        let clock = Clock::manual(MORNING.parse().unwrap());
        let settings = Settings { database_url: database.url.clone(), ..Settings::default() };
        let app = App::start(database.db.clone(), settings, clock.clone()).await.unwrap();
        World {
            watch: Watch::new(app.db.clone(), clock.clone(), app.settings.command_deadline),
            server: Server::of(&app),
            site: server::Site::new(app.clone()),
            ticked: clock.now(),
            fleet: Fleet::default(),
            rounds: 0,
            app,
            clock,
            database,
        }
    }

    /// The same database under a new process, as after a crash: whatever was in memory is gone.
    pub async fn restart(&mut self) {
        let settings = (*self.app.settings).clone();
        self.app.recorder.stop();
        self.app = App::start(self.database.db.clone(), settings, self.clock.clone()).await.unwrap();
        self.watch = Watch::new(self.app.db.clone(), self.clock.clone(), self.app.settings.command_deadline);
        self.server = Server::of(&self.app);
        self.site = server::Site::new(self.app.clone());
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Switches a terminal on. Its index in the fleet.
    pub fn plug_in(&mut self, terminal: Terminal) -> usize {
        self.fleet.add(terminal);
        self.fleet.terminals().len() - 1
    }

    /// Lets time pass: terminals act when it is their time, loops tick.
    pub async fn run_for(&mut self, time: SignedDuration) {
        let until = self.now() + time;
        while self.act(until).await {}
        let left = until.duration_since(self.now());
        if left.is_positive() {
            self.clock.advance(left);
        }
        self.tick().await;
    }

    /// Lets time pass until every terminal is idle and nothing is outstanding, for as long as told at most. Whether it came
    /// to that.
    pub async fn settle(&mut self, at_most: SignedDuration) -> bool {
        let until = self.now() + at_most;
        while self.now() < until {
            self.run_for(SignedDuration::from_secs(60)).await;
            if self.fleet.terminals().iter().all(Terminal::is_idle) && self.outstanding().await == 0 {
                return true;
            }
        }
        false
    }

    /// One request of one terminal, if one is due before `until`.
    pub async fn act(&mut self, until: Timestamp) -> bool {
        match self.fleet.earliest() {
            Some(next) if next <= until => {
                let wait = next.duration_since(self.now());
                if wait.is_positive() {
                    self.clock.advance(wait);
                }
            }
            _ => return false,
        }
        self.tick().await;
        if let Some((index, exchange)) = self.fleet.step(self.now()) {
            self.carry(index, &exchange).await;
        }
        true
    }

    async fn carry(&mut self, index: usize, exchange: &Exchange) {
        let mut reply = None;
        for _ in 0..exchange.fate.deliveries() {
            reply = Some(self.converse(&exchange.bytes).await);
        }
        let reply = reply.as_deref().map_or(Reply::Lost, Reply::Bytes);
        self.fleet.reply(index, exchange.id, reply, self.clock.now());
    }

    /// Exact bytes in, exact bytes out, over a connection of its own.
    pub async fn converse(&self, request: &[u8]) -> Vec<u8> {
        let (mut ours, theirs) = tokio::io::duplex(1 << 20);
        let peer = SocketAddr::from(([192, 0, 2, 10], 40_000));
        let serving = tokio::spawn(self.site.clone().serve(theirs, peer));
        ours.write_all(request).await.unwrap();
        ours.shutdown().await.unwrap();
        let mut reply = Vec::new();
        ours.read_to_end(&mut reply).await.unwrap();
        serving.await.unwrap();
        reply
    }

    /// What the loops do, at most once per second of this world's time.
    async fn tick(&mut self) {
        // The clock may have been stepped back.
        if self.now().duration_since(self.ticked).abs() < SignedDuration::from_secs(1) {
            return;
        }
        self.ticked = self.now();
        self.rounds += 1;
        let found = self.watch.tick(self.app.wake.take()).await.unwrap();
        self.app.registry.raise(&found);
        loops::verify_on_schedule(&self.app).await.unwrap();
        if self.rounds.is_multiple_of(5) {
            loops::raise_due(&self.app).await.unwrap();
            loops::refresh(&self.app).await.unwrap();
            presence::flush(&self.app.db, &self.app.registry, self.now()).await.unwrap();
            unserved::tick(&self.app.db, self.now()).await.unwrap();
        }
    }

    pub async fn school(&self, timezone: &'static str) -> SchoolId {
        self.insert("INSERT INTO schools (name, timezone) VALUES ('Colegio Yachay', $1) RETURNING id", timezone)
            .await
            .map_or_else(|| panic!("no school was made"), SchoolId)
    }

    async fn insert(&self, sql: &'static str, text: &'static str) -> Option<i64> {
        let mut tx = self.app.db.write().await.unwrap();
        let row: Option<(i64,)> = tx.optional(sql, [text.into()]).await.unwrap();
        tx.commit().await.unwrap();
        row.map(|(id,)| id)
    }

    /// Registers a terminal before its first call.
    pub async fn register(&self, school: SchoolId, serial: &str) -> DeviceId {
        let mut tx = self.app.db.write().await.unwrap();
        let (id,) = tx
            .one(
                "INSERT INTO devices (school_id, serial_number, device_name) VALUES ($1, $2, $2) RETURNING id",
                [school.into(), serial.into()],
            )
            .await
            .unwrap();
        tx.commit().await.unwrap();
        loops::refresh(&self.app).await.unwrap();
        id
    }

    /// Adds a student as a handler does.
    pub async fn student(&self, school: SchoolId, name: &str, card: &str) -> StudentId {
        let mut tx = self.app.db.write().await.unwrap();
        let (id,) = tx
            .one(
                "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES ($1, $2, $3) RETURNING id",
                [school.into(), name.into(), card.into()],
            )
            .await
            .unwrap();
        let done = reconcile(&mut tx, Scope::Student(id), self.now()).await.unwrap();
        tx.commit().await.unwrap();
        self.app.registry.raise(&done.devices);
        id
    }

    /// Changes a student as a handler does.
    pub async fn edit(&self, student: StudentId, sql: &'static str) {
        let mut tx = self.app.db.write().await.unwrap();
        tx.execute(sql, [student.into()]).await.unwrap();
        let done = reconcile(&mut tx, Scope::Student(student), self.now()).await.unwrap();
        tx.commit().await.unwrap();
        self.app.registry.raise(&done.devices);
    }

    /// SQL of another program, over a connection of its own. Nobody tells the server.
    pub async fn foreign<const N: usize>(&self, sql: &'static str, values: [Value; N]) {
        let mut tx = self.database.other().await.write().await.unwrap();
        tx.execute(sql, values).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        tx.commit().await.unwrap();
    }

    /// What an operator is shown who types this into a console.
    pub async fn ask<T: Record>(&self, sql: &'static str) -> Vec<T> {
        let mut tx = self.database.other().await.read().await.unwrap();
        tx.all(sql, []).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    pub async fn number(&self, sql: &'static str) -> i64 {
        let mut tx = self.app.db.read().await.unwrap();
        let (number,) = tx.one(sql, []).await.unwrap();
        number
    }

    pub async fn summary(&self, device: DeviceId) -> Summary {
        let mut tx = self.app.db.read().await.unwrap();
        overview::summary(&mut tx, device).await.unwrap()
    }

    async fn outstanding(&self) -> i64 {
        self.number(
            "SELECT COUNT(*) FROM device_user_sync_status
             WHERE sync_status IN ('pending', 'sent') AND obstacle IS NULL",
        )
        .await
    }
}

impl Drop for World {
    /// No story, however it goes, may make a terminal lose everybody or hold what nobody typed.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for terminal in self.fleet.terminals() {
            let statistics = terminal.statistics();
            let harm = (statistics.wipes_by_command, statistics.users_without_pin, statistics.control_characters);
            assert_eq!(
                harm,
                (0, 0, 0),
                "{} was wiped, holds somebody without a PIN, or was sent control characters\n{}",
                terminal.serial(),
                terminal.story()
            );
        }
    }
}
