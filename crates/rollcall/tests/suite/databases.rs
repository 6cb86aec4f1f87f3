//! Both databases, empty and at this version's tables, for every test.
//!
//! A test is an `async fn(Database)`; the list at the top of its file runs it on SQLite and on PostgreSQL:
//!
//! ```ignore
//! both_databases! { a_student_is_created, a_card_is_held_once }
//!
//! async fn a_student_is_created(database: Database) { … }
//! ```
//!
//! PostgreSQL is the server that `TEST_DATABASE_URL` names. Each test has a database of its own, a copy of one that was
//! migrated once per run, and it is gone when the test ends, however it ends.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    mem,
    path::Path,
    process::{Child, Command, Stdio},
    str::FromStr,
    thread,
};

use rollcall::store::Db;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor,
    postgres::{PgConnectOptions, PgConnection},
};
use tempfile::TempDir;
use tokio::{runtime, sync::OnceCell};

/// Makes two tests of each function named: `name::sqlite` and `name::postgres`.
macro_rules! both_databases {
    ($($test:ident),* $(,)?) => { $(
        mod $test {
            #[tokio::test]
            async fn sqlite() {
                super::$test($crate::databases::Database::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$test($crate::databases::Database::postgres().await).await;
            }
        }
    )* };
}
pub(crate) use both_databases;

/// A database that belongs to one test.
pub struct Database {
    pub db: Db,
    /// Opens it again, as another program would.
    pub url: String,
    other: OnceCell<Db>,
    home: Home,
}

/// A database that nobody has opened yet; it belongs to one test.
pub struct Blank {
    pub url: String,
    _home: Home,
}

enum Home {
    /// Deleted with the value.
    Folder {
        _folder: TempDir,
    },
    Server {
        _dropped: Dropped,
    },
}

impl Database {
    pub async fn sqlite() -> Database {
        let migrated = MIGRATED_FILE.get_or_init(make_migrated_file).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("rollcall.db");
        fs::write(&file, migrated).expect("a copy of the migrated file");
        let url = format!("sqlite://{}", file.display());
        let db = Db::open(&url).await.expect("a copy of the migrated file");
        Database { db, url, other: OnceCell::new(), home: Home::Folder { _folder: folder } }
    }

    pub async fn postgres() -> Database {
        let template = TEMPLATE.get_or_init(make_template).await;
        let name = format!("rollcall_test_{:016x}", rand::random::<u64>());
        // Copying the files is ten times as fast as writing their pages to the log, which is PostgreSQL's usual way.
        run(format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")).await;
        let dropped = Dropped { name: name.clone() };
        let url = address_of(&name);
        let db = Db::open(&url).await.expect("a clone of the PostgreSQL template");
        Database { db, url, other: OnceCell::new(), home: Home::Server { _dropped: dropped } }
    }

    /// The same database, as another program has it open.
    pub async fn other(&self) -> &Db {
        self.other.get_or_init(|| async { Db::open(&self.url).await.expect("the same database") }).await
    }

    /// From now on everybody uses another one. Answers the former, which is still the one that goes with the value.
    pub fn change(&mut self, db: Db, url: &str) -> (Db, String) {
        self.other = OnceCell::new();
        (mem::replace(&mut self.db, db), mem::replace(&mut self.url, url.to_owned()))
    }

    /// Another database of the same kind.
    pub async fn again(&self) -> Database {
        match &self.home {
            Home::Folder { .. } => Database::sqlite().await,
            Home::Server { .. } => Database::postgres().await,
        }
    }

    /// Another database of the same kind, without any tables.
    pub async fn blank(&self) -> Blank {
        match &self.home {
            Home::Folder { .. } => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let url = format!("sqlite://{}", folder.path().join("blank.db").display());
                Blank { url, _home: Home::Folder { _folder: folder } }
            }
            Home::Server { .. } => {
                let name = format!("rollcall_test_{:016x}", rand::random::<u64>());
                run(format!("CREATE DATABASE {name}")).await;
                Blank { url: address_of(&name), _home: Home::Server { _dropped: Dropped { name } } }
            }
        }
    }
}

/// A PostgreSQL server of one test's own, which it may stop.
pub struct Cluster {
    pub url: String,
    /// What stops and starts it, in words of a shell.
    control: String,
    keeper: Child,
}

impl Cluster {
    pub async fn start() -> Cluster {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/with-postgres");
        let words = r#"echo "$TEST_DATABASE_URL"; echo "$TEST_POSTGRES_CONTROL"; cat >/dev/null"#;
        let mut command = Command::new(script);
        command.args(["sh", "-c", words]).env_remove("TEST_DATABASE_URL").stdin(Stdio::piped()).stdout(Stdio::piped());
        let starting = move || {
            let mut keeper = command.spawn().expect("tests/with-postgres");
            let mut lines = BufReader::new(keeper.stdout.take().expect("its output")).lines();
            let mut line = || lines.next().and_then(Result::ok).expect("a server that started");
            let (url, control) = (line(), line());
            Cluster { url, control, keeper }
        };
        let cluster = tokio::task::spawn_blocking(starting).await.unwrap();
        // The other servers of these tests forget what they promised when they are killed.
        let options = PgConnectOptions::from_str(&cluster.url).unwrap();
        let mut connection = options.connect().await.unwrap();
        connection.execute("ALTER SYSTEM SET synchronous_commit = on").await.unwrap();
        connection.execute("SELECT pg_reload_conf()").await.unwrap();
        connection.close().await.unwrap();
        cluster
    }

    /// Stops it: `fast` as an administrator does, `immediate` as a crash.
    pub fn stop(&self, how: &str) -> impl Future<Output = ()> + Send + use<> {
        self.tell(&format!("-m {how} stop"))
    }

    pub async fn go_on(&self) {
        self.tell("start").await;
    }

    fn tell(&self, words: &str) -> impl Future<Output = ()> + Send + use<> {
        let line = format!("exec {} {words}", self.control);
        async move {
            let telling = move || {
                let mut shell = Command::new("sh");
                // A server that was started would keep our output open.
                shell.args(["-c", &line]).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
                assert!(shell.status().expect("a shell").success(), "{line}");
            };
            tokio::task::spawn_blocking(telling).await.unwrap();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

static MIGRATED_FILE: OnceCell<Vec<u8>> = OnceCell::const_new();

async fn make_migrated_file() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("rollcall.db");
    // Closed, it has nothing left to tell in a file beside it.
    Db::open(&format!("sqlite://{}", file.display())).await.expect("a new SQLite database").close().await;
    fs::read(file).expect("the migrated file")
}

static TEMPLATE: OnceCell<String> = OnceCell::const_new();

async fn make_template() -> String {
    let name = format!("rollcall_template_{:016x}", rand::random::<u64>());
    run(format!("CREATE DATABASE {name}")).await;
    // A template may not be in use while it is cloned.
    Db::open(&address_of(&name)).await.expect("an empty PostgreSQL database").close().await;
    name
}

struct Dropped {
    name: String,
}

impl Drop for Dropped {
    /// On a thread of its own: a test that failed takes its runtime with it.
    fn drop(&mut self) {
        let name = self.name.clone();
        let dropping = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(drop_database(&name));
        });
        let is_dropped = dropping.join().is_ok();
        assert!(is_dropped || thread::panicking(), "the database {} could not be dropped", self.name);
    }
}

/// Whoever still uses it is thrown out first, and is gone at once: `DROP DATABASE … WITH (FORCE)` alone would look again only
/// after a tenth of a second.
async fn drop_database(name: &str) {
    let mut connection = connect().await;
    let users = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
    for _ in 0..1_000 {
        let left: i64 = sqlx::query_scalar(users).bind(name).fetch_one(&mut connection).await.expect("its users");
        if left == 0 {
            break;
        }
    }
    told(&mut connection, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    connection.close().await.ok();
}

async fn run(sql: String) {
    let mut connection = connect().await;
    told(&mut connection, sql).await;
    connection.close().await.ok();
}

async fn connect() -> PgConnection {
    server().connect().await.expect("the server of TEST_DATABASE_URL")
}

async fn told(connection: &mut PgConnection, sql: String) {
    connection.execute(AssertSqlSafe(sql.clone())).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn address_of(database: &str) -> String {
    server().database(database).to_url_lossy().to_string()
}

fn server() -> PgConnectOptions {
    let url = env::var("TEST_DATABASE_URL").expect(
        "TEST_DATABASE_URL names no PostgreSQL server. `make test` starts one; so does `tests/with-postgres cargo test`",
    );
    PgConnectOptions::from_str(&url).expect("TEST_DATABASE_URL is a postgres:// address")
}
