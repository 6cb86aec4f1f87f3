//! Connections and transactions of either database behind one pair of types.

use std::{str::FromStr, time::Duration};

use sqlx::{
    AssertSqlSafe, Connection as _, FromRow, Postgres, Sqlite, SqlitePool, Transaction,
    migrate::MigrateError,
    postgres::PgRow,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};

use super::{
    Instant, Value, migrations,
    rows::{Column, Lists, Tuples, lists, parts, tuples},
    server::Server,
};
use crate::meters::{Meters, Noted, Notes};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    // Never with the address in it: it may hold a password.
    #[error("a database address starts with sqlite:// or postgres://")]
    Address,
    #[error("the own address of the database starts with postgres://")]
    OwnAddress,
    #[error("the file cannot be used; its folder must exist, and this user must be allowed to write there")]
    File(#[source] sqlx::Error),
    #[error("the server cannot be reached; does it run, and are host, port, user, password and database right?")]
    Server(#[source] sqlx::Error),
    #[error("the database could not be brought to this version's tables")]
    Migrate(#[source] MigrateError),
    #[error(
        "a newer version of rollcall has changed its tables (migration {theirs}; this version knows them up to {ours}): \
         start that version, or bring back a backup from before"
    )]
    Newer { theirs: i64, ours: i64 },
    #[error("the database is not whole: {0}. Empty it and restore it again, with everything that the backup holds")]
    Incomplete(String),
    #[error("the database refused a statement")]
    Statement(#[from] sqlx::Error),
}

/// A database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pools: Pools,
    meters: Meters,
}

#[derive(Clone, Debug)]
enum Pools {
    /// SQLite takes one writer at a time: a single connection queues our own writers without busy errors.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(Server),
}

/// A transaction. Dropped without [`Tx::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct Tx {
    inner: Inner,
    /// Of one that may write.
    notes: Option<Notes>,
    /// Statements are prepared by name and used again; not so through a pooler.
    keeps_statements: bool,
}

#[derive(Debug)]
enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A row type that either database can fill: `#[derive(FromRow)]`, or a tuple.
pub trait Record: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T> Record for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// Runs one sqlx call on whichever database the transaction belongs to.
macro_rules! on {
    ($tx:expr, $query:ident, $sql:expr, $values:expr, $run:ident) => {
        match &mut $tx.inner {
            Inner::Sqlite(tx) => bind!(sqlx::$query($sql), $values).$run(&mut **tx).await,
            Inner::Postgres(tx) => {
                bind!(sqlx::$query($sql).persistent($tx.keeps_statements), $values).$run(&mut **tx).await
            }
        }
    };
}

macro_rules! bind {
    ($query:expr, $values:expr) => {
        $values.into_iter().fold($query, |query, value| match value {
            Value::Int(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bool(value) => query.bind(value),
            Value::Time(value) => query.bind(value),
            Value::Day(value) => query.bind(value),
        })
    };
}

macro_rules! bind_lists {
    ($query:expr, $columns:expr) => {
        $columns.into_iter().fold($query, |query, column| match column {
            Column::One(value) => bind!(query, [value]),
            Column::Int(values) => query.bind(values),
            Column::Text(values) => query.bind(values),
            Column::Bool(values) => query.bind(values),
            Column::Time(values) => query.bind(values),
            Column::Day(values) => query.bind(values),
        })
    };
}

impl Db {
    /// Opens `sqlite://file` (made when absent) or `postgres://…` and brings its tables to this version.
    pub async fn open(url: &str) -> Result<Db> {
        Db::open_at(url, migrations::newest()).await
    }

    /// As [`Db::open`], where a pooler is in front of PostgreSQL: `own` is the server's own address, for what needs a
    /// connection of its own.
    pub async fn open_behind(url: &str, own: Option<&str>) -> Result<Db> {
        match own {
            Some(own) if is_postgres(url) && is_postgres(own) => {
                Ok(Db::of(Pools::Postgres(Server::open(url, Some(own), migrations::newest()).await?)))
            }
            Some(_) if is_postgres(url) => Err(Error::OwnAddress),
            _ => Db::open(url).await,
        }
    }

    /// As [`Db::open`], but stops at the tables of an older version: where an upgrade begins.
    pub async fn open_at(url: &str, version: i64) -> Result<Db> {
        if is_postgres(url) {
            Ok(Db::of(Pools::Postgres(Server::open(url, None, version).await?)))
        } else if url.starts_with("sqlite:") {
            open_sqlite(url, version).await
        } else {
            Err(Error::Address)
        }
    }

    /// Begins a transaction that may write. On SQLite it is the only one at that time.
    pub async fn write(&self) -> Result<Tx> {
        let notes = Notes::begin(self.meters.clone());
        let inner = match &self.pools {
            Pools::Sqlite { writer, .. } => Inner::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Pools::Postgres(server) => Inner::Postgres(server.begin().await?),
        };
        Ok(Tx { inner, notes: Some(notes), keeps_statements: self.keeps_statements() })
    }

    /// Begins a transaction that only reads, and waits for no writer.
    pub async fn read(&self) -> Result<Tx> {
        let inner = match &self.pools {
            Pools::Sqlite { readers, .. } => Inner::Sqlite(readers.begin().await?),
            Pools::Postgres(server) => Inner::Postgres(server.begin().await?),
        };
        Ok(Tx { inner, notes: None, keeps_statements: self.keeps_statements() })
    }

    fn keeps_statements(&self) -> bool {
        match &self.pools {
            Pools::Sqlite { .. } => true,
            Pools::Postgres(server) => server.keeps_statements,
        }
    }

    fn of(pools: Pools) -> Db {
        let meters = Meters::new(pools.product());
        Db { pools, meters }
    }

    /// The database's name, as people know it.
    pub fn product(&self) -> &'static str {
        self.pools.product()
    }

    /// What is counted here.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// How many transactions may write at the same time with profit.
    pub fn writers(&self) -> usize {
        match &self.pools {
            Pools::Sqlite { .. } => 1,
            Pools::Postgres(_) => 4,
        }
    }

    /// The server to listen to for notifications; SQLite has none.
    pub(super) fn postgres(&self) -> Option<&Server> {
        match &self.pools {
            Pools::Sqlite { .. } => None,
            Pools::Postgres(server) => Some(server),
        }
    }

    /// A number that changes when another process committed to the file. PostgreSQL, which notifies instead, has none.
    pub async fn foreign_commits(&self) -> Result<Option<i64>> {
        match &self.pools {
            // Asked on the writing connection: its own commits do not change the number.
            Pools::Sqlite { writer, .. } => {
                Ok(Some(sqlx::query_scalar("PRAGMA data_version").fetch_one(writer).await?))
            }
            Pools::Postgres(_) => Ok(None),
        }
    }

    /// The database's own clock, where several servers share it.
    pub async fn clock(&self) -> Result<Option<jiff::Timestamp>> {
        match &self.pools {
            Pools::Sqlite { .. } => Ok(None),
            Pools::Postgres(_) => {
                let (now,): (Instant,) = self.read().await?.one("SELECT clock_timestamp()", []).await?;
                Ok(Some(now.0))
            }
        }
    }

    /// On SQLite what was committed stands in a log, and goes into the file in one go. Whoever happened to commit then would
    /// wait for all of it, so that is done beside the writers, who do not wait for this. PostgreSQL has a process for it.
    /// Where it fails, because a disk is full, whoever commits says so.
    pub async fn tidy_up(&self) {
        if let Pools::Sqlite { readers, .. } = &self.pools
            && let Err(error) = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(readers).await
        {
            tracing::debug!(error = &error as &dyn std::error::Error, "the log could not be brought into the file");
        }
    }

    /// Asks the database whether it is there.
    pub async fn ping(&self) -> Result<()> {
        self.read().await?.execute("SELECT 1", []).await.map(drop)
    }

    /// Whether commits wait for the disk, as they always do: what that costs can be measured so, on SQLite. PostgreSQL has
    /// a setting of its own for it.
    #[doc(hidden)]
    pub async fn wait_for_the_disk(&self, waits: bool) -> Result<()> {
        if let Pools::Sqlite { writer, .. } = &self.pools {
            let sql = if waits { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
            sqlx::query(sql).execute(writer).await?;
        }
        Ok(())
    }

    /// Waits for the connections to finish what they do and closes them.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(server) => server.close().await,
        }
    }
}

impl Pools {
    fn product(&self) -> &'static str {
        match self {
            Pools::Sqlite { .. } => "SQLite",
            Pools::Postgres(_) => "PostgreSQL",
        }
    }
}

impl Tx {
    pub async fn commit(self) -> Result<()> {
        match self.inner {
            Inner::Sqlite(tx) => tx.commit().await?,
            Inner::Postgres(tx) => tx.commit().await?,
        }
        if let Some(notes) = self.notes {
            notes.committed();
        }
        Ok(())
    }

    /// Counts something if and when the transaction is committed.
    pub fn note(&mut self, noted: Noted) {
        if let Some(notes) = &mut self.notes {
            notes.note(noted);
        }
    }

    /// Runs a statement; answers how many rows it touched.
    pub async fn execute<const N: usize>(&mut self, sql: &'static str, values: [Value; N]) -> Result<u64> {
        Ok(match &mut self.inner {
            Inner::Sqlite(tx) => bind!(sqlx::query(sql), values).execute(&mut **tx).await?.rows_affected(),
            Inner::Postgres(tx) => {
                let query = sqlx::query(sql).persistent(self.keeps_statements);
                bind!(query, values).execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    pub async fn all<T: Record, const N: usize>(&mut self, sql: &'static str, values: [Value; N]) -> Result<Vec<T>> {
        Ok(on!(self, query_as, sql, values, fetch_all)?)
    }

    /// A page of what a SELECT finds, so many rows: `{page}` in its text becomes LIMIT and OFFSET. PostgreSQL takes a LIMIT
    /// that it does not know for a tenth of all rows, and rather plans anew at each use, when it knows. So the length stands
    /// in the text, and where the page begins is in a subquery, into which it does not look.
    pub async fn page<T: Record, const N: usize>(
        &mut self,
        sql: &'static str,
        values: [Value; N],
        (limit, offset): (i64, i64),
    ) -> Result<Vec<T>> {
        let page = format!("LIMIT {limit} OFFSET (SELECT CAST(${} AS BIGINT))", N + 1);
        let sql = AssertSqlSafe(sql.replace("{page}", &page));
        Ok(on!(self, query_as, sql, values.into_iter().chain([offset.into()]), fetch_all)?)
    }

    pub async fn optional<T: Record, const N: usize>(
        &mut self,
        sql: &'static str,
        values: [Value; N],
    ) -> Result<Option<T>> {
        Ok(on!(self, query_as, sql, values, fetch_optional)?)
    }

    pub async fn one<T: Record, const N: usize>(&mut self, sql: &'static str, values: [Value; N]) -> Result<T> {
        Ok(on!(self, query_as, sql, values, fetch_one)?)
    }

    /// Locks the rows that a SELECT names until the transaction ends, in the order of its ORDER BY. SQLite's writing
    /// transaction holds the whole file already. Rows that refer to a locked row may still be written: PostgreSQL's look
    /// at the referenced row would else wait for us, whatever locks its transaction holds already.
    pub async fn lock<const N: usize>(&mut self, select: &'static str, values: [Value; N]) -> Result<()> {
        if let Inner::Postgres(tx) = &mut self.inner {
            let sql = AssertSqlSafe(format!("{select} FOR NO KEY UPDATE"));
            bind!(sqlx::query(sql).persistent(self.keeps_statements), values).fetch_all(&mut **tx).await?;
        }
        Ok(())
    }

    /// Locks a word until the transaction ends, where there may be no row to lock.
    pub async fn lock_word(&mut self, word: &str) -> Result<()> {
        if let Inner::Postgres(tx) = &mut self.inner {
            let lock = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
            lock.persistent(self.keeps_statements).bind(word).execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Tells the other servers, when the transaction commits. One server on SQLite has no others.
    pub async fn notify(&mut self, channel: &'static str) -> Result<()> {
        if let Inner::Postgres(tx) = &mut self.inner {
            let notify = sqlx::query("SELECT pg_notify($1, '')").persistent(self.keeps_statements);
            notify.bind(channel).execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// This transaction reconciles itself what it writes to the roster: the trigger, which would have every server look at the
    /// whole school, keeps silent. SQLite has no trigger; it does not look for what its own server commits.
    pub async fn sees_to_the_roster(&mut self) -> Result<()> {
        if let Inner::Postgres(tx) = &mut self.inner {
            let say = sqlx::query("SELECT set_config('rollcall.roster_is_seen_to', 'yes', TRUE)");
            say.persistent(self.keeps_statements).execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Runs a statement over many rows: `VALUES {rows}` in the text becomes them; the text counts the `fixed` parameters as if
    /// they were alone. More rows than one statement can bind are cut into several. Answers how many rows were touched.
    pub async fn execute_rows(&mut self, sql: &'static str, fixed: &[Value], rows: Vec<Vec<Value>>) -> Result<u64> {
        let mut touched = 0;
        for part in parts(rows) {
            touched += match &mut self.inner {
                Inner::Sqlite(tx) => {
                    let Tuples { sql, values, is_of_one } = tuples(sql, fixed, part);
                    bind!(sqlx::query(sql).persistent(is_of_one), values).execute(&mut **tx).await?.rows_affected()
                }
                Inner::Postgres(tx) => {
                    let Lists { sql, columns } = lists(sql, fixed.len(), part);
                    let query = bind!(sqlx::query(sql).persistent(self.keeps_statements), fixed.iter().cloned());
                    bind_lists!(query, columns).execute(&mut **tx).await?.rows_affected()
                }
            };
        }
        Ok(touched)
    }

    /// As [`Tx::execute_rows`], for statements that give rows back.
    pub async fn all_rows<T: Record>(
        &mut self,
        sql: &'static str,
        fixed: &[Value],
        rows: Vec<Vec<Value>>,
    ) -> Result<Vec<T>> {
        let mut answer = Vec::new();
        for part in parts(rows) {
            let found: Vec<T> = match &mut self.inner {
                Inner::Sqlite(tx) => {
                    let Tuples { sql, values, is_of_one } = tuples(sql, fixed, part);
                    bind!(sqlx::query_as(sql).persistent(is_of_one), values).fetch_all(&mut **tx).await?
                }
                Inner::Postgres(tx) => {
                    let Lists { sql, columns } = lists(sql, fixed.len(), part);
                    let query = bind!(sqlx::query_as(sql).persistent(self.keeps_statements), fixed.iter().cloned());
                    bind_lists!(query, columns).fetch_all(&mut **tx).await?
                }
            };
            answer.extend(found);
        }
        Ok(answer)
    }
}

/// Pages that a connection may keep, as kibibytes with a minus. What a transaction changed is written out and read again when it
/// does not fit, and the largest (a terminal of 10,000 students is filled) changes some ten megabytes.
const WRITER_MEMORY: &str = "-16384";
const READER_MEMORY: &str = "-2048";
/// Of the write-ahead log, until whoever commits has to bring it into the file himself ([`Db::tidy_up`] does it beside him).
const FRAMES_AT_MOST: &str = "16000";
/// Whoever takes rows and the thread that finds them wake each other less often than for every row.
const ROWS_READ_AHEAD: usize = 500;

async fn open_sqlite(url: &str, version: i64) -> Result<Db> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(Error::File)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .row_buffer_size(ROWS_READ_AHEAD);
    let pool = |connections, memory: &'static str| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .test_before_acquire(false)
            // When the disk is full SQLite ends a transaction by itself. The library then fails to roll it back, counts it
            // as open, and the connection begins no other, for ever.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(options.clone().pragma("cache_size", memory).pragma("wal_autocheckpoint", FRAMES_AT_MOST))
    };
    let writer = pool(1, WRITER_MEMORY).await.map_err(Error::File)?;
    // Who only looks does not wait for a server that writes.
    if made_up_to(&writer).await != Some(version) {
        // Nobody else may make the same tables meanwhile. A PostgreSQL migration has a lock of its own.
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(Error::File)?;
        migrations::sqlite().run_direct(Some(version), &mut *tx, false).await.map_err(not_migrated)?;
        tx.commit().await.map_err(Error::File)?;
    }
    let readers = pool(4, READER_MEMORY).await.map_err(Error::File)?;
    Ok(Db::of(Pools::Sqlite { writer, readers }))
}

/// The version of a file's tables; `None` when it has none.
async fn made_up_to(pool: &SqlitePool) -> Option<i64> {
    let version = sqlx::query_as("SELECT MAX(version) FROM _sqlx_migrations WHERE success").fetch_one(pool).await;
    version.ok().and_then(|(version,): (Option<i64>,)| version)
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

pub(super) fn not_migrated(error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(theirs) => Error::Newer { theirs, ours: migrations::newest() },
        error => Error::Migrate(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `.cargo/config.toml` says, which tells why.
    #[tokio::test]
    async fn sqlite_is_compiled_for_many_connections_and_kept_statements() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}", folder.path().join("own.db").display())).await.unwrap();
        let options: Vec<(String,)> = db.read().await.unwrap().all("PRAGMA compile_options", []).await.unwrap();
        let has = |wanted: &str| options.iter().any(|(option,)| option == wanted);
        assert!(has("ENABLE_QPSG") && !has("ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
        db.close().await;
    }
}
