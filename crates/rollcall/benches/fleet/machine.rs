//! What the machine itself does: beside every ratio stand its own figures.

use std::{
    env, fs,
    io::Write as _,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use jiff::SignedDuration;
use rollcall::{clock::Clock, store::Db};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tracing::{Event, Level, Subscriber, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::{
    Layer, filter::dynamic_filter_fn, fmt, layer::Context, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::report::Report;

pub const SQLITE: &str = "SQLite";
pub const POSTGRES: &str = "PostgreSQL";

/// Where databases are made: SQLite files in a folder of this disk, PostgreSQL where `TEST_DATABASE_URL` says.
pub struct Databases {
    sqlite: Database,
    postgres: Option<Database>,
}

pub struct Database {
    pub product: &'static str,
    place: Place,
}

enum Place {
    Folder(TempDir),
    Server(String),
}

impl Databases {
    pub fn find() -> Databases {
        // Not in a temporary folder: that may be memory, where nothing is ever written to a disk.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let sqlite = Database { product: SQLITE, place: Place::Folder(folder) };
        let server = env::var("TEST_DATABASE_URL").ok();
        let postgres = server.map(|server| Database { product: POSTGRES, place: Place::Server(server) });
        if postgres.is_none() {
            println!("PostgreSQL is not measured: TEST_DATABASE_URL names no server");
        }
        Databases { sqlite, postgres }
    }

    pub fn all(&self) -> impl Iterator<Item = &Database> {
        std::iter::once(&self.sqlite).chain(&self.postgres)
    }
}

impl Database {
    pub fn is_sqlite(&self) -> bool {
        matches!(self.place, Place::Folder(_))
    }

    /// The address of a new, empty database.
    pub async fn make(&self, name: &str) -> String {
        match &self.place {
            Place::Folder(folder) => format!("sqlite://{}", folder.path().join(format!("{name}.db")).display()),
            Place::Server(server) => {
                let name = format!("rollcall_bench_{name}_{}", std::process::id());
                self.run(format!("CREATE DATABASE {name}")).await;
                server.replacen("/postgres?", &format!("/{name}?"), 1)
            }
        }
    }

    /// Commits of connections that are opened from now on wait for the disk, or do not.
    pub async fn wait_for_the_disk(&self, url: &str, db: &Db, waits: bool) {
        match &self.place {
            Place::Folder(_) => db.wait_for_the_disk(waits).await.expect("a pragma"),
            Place::Server(_) => {
                let name = url.rsplit('/').find_map(|part| part.split_once('?')).map_or("", |(name, _)| name);
                let word = if waits { "on" } else { "off" };
                self.run(format!("ALTER DATABASE {name} SET synchronous_commit = {word}")).await;
            }
        }
    }

    async fn run(&self, sql: String) {
        let Place::Server(server) = &self.place else { return };
        let mut connection = PgConnection::connect(server).await.expect("the server of TEST_DATABASE_URL");
        raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("a statement of the server");
        connection.close().await.expect("a farewell");
    }
}

/// Machine, system and databases in words.
pub async fn about(databases: &Databases) -> Vec<(&'static str, String)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let load = read("/proc/loadavg");
    let mut about = vec![
        ("processor", format!("{} × {}", cores, model.map_or("unknown", |(_, name)| name.trim()))),
        ("system", format!("Linux {}", read("/proc/sys/kernel/osrelease").trim())),
        ("load before", load.split(' ').next().unwrap_or_default().to_owned()),
    ];
    for database in databases.all() {
        let db = Db::open(&database.make("version").await).await.expect("a database");
        let mut tx = db.read().await.expect("a reader");
        let sql = if database.is_sqlite() { "SELECT sqlite_version()" } else { "SELECT version()" };
        let (version,): (String,) = tx.one(sql, []).await.expect("a version");
        drop(tx);
        let mut words = version.split(" on ").next().unwrap_or_default().to_owned();
        if !database.is_sqlite() {
            let mut tx = db.read().await.expect("a reader");
            let (settings,): (String,) = tx
                .one(
                    "SELECT string_agg(name || '=' || setting, ' ') FROM pg_settings
                     WHERE name IN ('fsync', 'synchronous_commit', 'shared_buffers')",
                    [],
                )
                .await
                .expect("settings");
            words = format!("{words} ({settings})");
        }
        about.push((database.product, words));
        db.close().await;
    }
    about
}

/// How long the disk and a lone commit take.
pub async fn measure(report: &mut Report, database: &Database) {
    if database.is_sqlite() {
        let mut file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).expect("a file");
        let mut times = Vec::new();
        for _ in 0..100 {
            let watch = Stopwatch::start();
            file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).expect("a write");
            times.push(watch.seconds() * 1e6);
        }
        report.tell("write 4 KiB and flush it to the disk (100 times)", database.product, "µs", &times);
    }
    let db = Db::open(&database.make("commits").await).await.expect("a database");
    let mut times = Vec::new();
    for number in 0..100_i64 {
        let watch = Stopwatch::start();
        let mut tx = db.write().await.expect("a writer");
        tx.execute("INSERT INTO schools (name, grace_minutes) VALUES ('Oyo', $1)", [number.into()])
            .await
            .expect("a school");
        tx.commit().await.expect("a commit");
        times.push(watch.seconds() * 1e6);
    }
    report.tell("one row and its commit (100 times)", database.product, "µs", &times);
    db.close().await;
}

/// Time that passes, read at the only place that reads it.
pub struct Stopwatch {
    clock: Clock,
    began: SignedDuration,
}

impl Stopwatch {
    pub fn start() -> Stopwatch {
        let clock = Clock::machine();
        let began = clock.monotonic();
        Stopwatch { clock, began }
    }

    pub fn seconds(&self) -> f64 {
        (self.clock.monotonic() - self.began).as_secs_f64()
    }
}

/// A runtime with a thread per core, which bear this name.
pub fn runtime(name: &'static str) -> Runtime {
    Builder::new_multi_thread().enable_all().thread_name(name).build().expect("a runtime")
}

/// Seconds of processor that the threads of this process took whose name begins so.
pub fn processor_of(name: &str) -> f64 {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = tasks.filter_map(|task| {
        let comm = fs::read_to_string(task.path().join("comm")).ok()?;
        let stat = fs::read_to_string(task.path().join("schedstat")).ok()?;
        comm.starts_with(name).then(|| stat.split(' ').next()?.parse::<f64>().ok())?
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// Megabytes of a process, as the kernel says: `VmRSS`, or `VmHWM` for the most there were.
pub fn megabytes(process: &str, what: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// The most there were is measured from now on (`clear_refs`, proc(5)).
pub fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static STATEMENTS: AtomicU64 = AtomicU64::new(0);

/// Starts logging as a server does, to nowhere, except what failed; and lets statements be counted.
pub fn listen() {
    let is_statement = |metadata: &tracing::Metadata<'_>| metadata.target() == "sqlx::query";
    let counting = dynamic_filter_fn(move |metadata, _| is_statement(metadata) && IS_COUNTING.load(Ordering::Relaxed))
        .with_callsite_filter(
            move |metadata| {
                if is_statement(metadata) { Interest::sometimes() } else { Interest::never() }
            },
        )
        .with_max_level_hint(Level::DEBUG);
    tracing_subscriber::registry()
        .with(fmt::layer().with_writer(std::io::sink).with_filter(LevelFilter::INFO))
        .with(fmt::layer().with_writer(std::io::stderr).with_filter(LevelFilter::ERROR))
        .with(Counter.with_filter(counting))
        .init();
}

/// Statements of the whole process while something is done.
pub async fn statements<T>(work: impl Future<Output = T>) -> (T, u64) {
    STATEMENTS.store(0, Ordering::SeqCst);
    IS_COUNTING.store(true, Ordering::SeqCst);
    let done = work.await;
    IS_COUNTING.store(false, Ordering::SeqCst);
    (done, STATEMENTS.load(Ordering::SeqCst))
}

struct Counter;

impl<S: Subscriber> Layer<S> for Counter {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
    }
}
