//! The file of a SQLite database as a whole: copied while it is in use, checked, and put back.
//!
//! A copy that could be mistaken for a good one is worse than none: nothing appears under its name before it is complete,
//! checked and on the disk, and nothing is ever overwritten. PostgreSQL has programs of its own for all of this.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    str::FromStr as _,
    time::Duration,
};

use rustix::{fs::FlockOperation, io::Errno};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use tempfile::TempPath;

use super::{db, migrations, whole};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("PostgreSQL has its own programs for this")]
    NotAFile,
    #[error("{0} exists, and nothing is overwritten: choose another name")]
    Exists(PathBuf),
    #[error("there is no file {0}")]
    Missing(PathBuf),
    #[error("{path} is damaged: {words}")]
    Damaged { path: PathBuf, words: String },
    #[error("{0} is no database of Rollcall")]
    Foreign(PathBuf),
    #[error(
        "{path} was written by a newer version of rollcall (migration {theirs}; this version knows them up to {ours})"
    )]
    Newer { path: PathBuf, theirs: i64, ours: i64 },
    #[error("a server, or another program, has the database {0} open: stop it first")]
    InUse(PathBuf),
    #[error("the database {0} is not empty; --force replaces it, and keeps it beside under another name")]
    NotEmpty(PathBuf),
    #[error("the database {0} is damaged; --force replaces it, and keeps it beside under another name")]
    Broken(PathBuf),
    #[error("the folder {path} cannot be used")]
    Folder { path: PathBuf, source: io::Error },
    #[error("the file {path} cannot be read or written as a database")]
    File { path: PathBuf, source: sqlx::Error },
    #[error(transparent)]
    Database(#[from] db::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Writes a copy of the database, as it is at one moment, while servers go on writing. It is not migrated: what is copied
/// before an upgrade is the old version's. Answers the copy's size in bytes.
pub async fn write(url: &str, to: &Path) -> Result<u64> {
    let from = file_of(url)?;
    if !from.is_file() {
        return Err(Error::Missing(from));
    }
    if to.exists() {
        return Err(Error::Exists(to.to_owned()));
    }
    // Only its owner may read it, from the beginning.
    let folder = folder_of(to);
    let copy = temporary(&folder)?;
    let mut source = connect(&from, true).await?;
    let sql = AssertSqlSafe(format!("VACUUM INTO '{}'", copy.display().to_string().replace('\'', "''")));
    sqlx::query(sql).execute(&mut source).await.map_err(|source| Error::File { path: from.clone(), source })?;
    close(source).await;
    check(&copy).await?;
    persist(copy, &folder, to)
}

/// That a file is a whole database of Rollcall which this version can work with.
pub async fn check(path: &Path) -> Result<()> {
    if !path.is_file() {
        return Err(Error::Missing(path.to_owned()));
    }
    let damaged = |words: String| Error::Damaged { path: path.to_owned(), words };
    let mut connection = connect(path, true).await?;
    let findings: Vec<(String,)> = sqlx::query_as("PRAGMA integrity_check")
        .fetch_all(&mut connection)
        .await
        .map_err(|error| damaged(error.to_string()))?;
    if let Some((first,)) = findings.first().filter(|(words,)| words != "ok") {
        return Err(damaged(first.clone()));
    }
    let version: Result<i64, sqlx::Error> =
        sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success").fetch_one(&mut connection).await;
    close(connection).await;
    let Ok(theirs) = version else { return Err(Error::Foreign(path.to_owned())) };
    let ours = migrations::newest();
    if theirs > ours { Err(Error::Newer { path: path.to_owned(), theirs, ours }) } else { Ok(()) }
}

/// A checked copy of a backup, beside the database that it is to replace. Dropped, it is deleted.
#[derive(Debug)]
pub struct Copy {
    path: TempPath,
    target: PathBuf,
}

impl Copy {
    /// Copies a backup. Refuses what could not be put in place anyhow.
    pub async fn of(backup: &Path, url: &str, force: bool) -> Result<Copy> {
        let target = file_of(url)?;
        check(backup).await?;
        drop(take_hold(&target, force).await?);
        let folder = folder_of(&target);
        let path = temporary(&folder)?;
        fs::copy(backup, &path).map_err(|source| Error::Folder { path: folder, source })?;
        Ok(Copy { path, target })
    }

    /// Where the copy is, to be opened and changed before it is put in place.
    pub fn url(&self) -> String {
        format!("sqlite://{}", self.path.display())
    }

    /// Takes the place of the database. What was there is kept; answers under which names.
    pub async fn put_in_place(self, force: bool, suffix: &str) -> Result<Vec<PathBuf>> {
        let Copy { path, target } = self;
        let folder = folder_of(&target);
        let failed = |source| Error::Folder { path: folder.clone(), source };
        check(&path).await?;
        let held = take_hold(&target, force).await?;
        // The database first: it must never stand there without its log, which the next start would not miss.
        let names =
            BESIDE.map(|ending| (with_suffix(&target, ending), with_suffix(&target, &format!("{suffix}{ending}"))));
        let there: Vec<_> = names.into_iter().filter(|(name, _)| name.exists()).collect();
        if let Some((_, taken)) = there.iter().find(|(_, former)| former.exists()) {
            return Err(Error::Exists(taken.clone()));
        }
        for (name, former) in &there {
            keep_owner(name, &path);
            fs::rename(name, former).map_err(failed)?;
        }
        persist(path, &folder, &target)?;
        drop(held);
        Ok(there.into_iter().map(|(_, former)| former).collect())
    }
}

/// How the files of one SQLite database end. What its last program left in a log beside it is replayed into whatever has the
/// database's name.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// The database is not there, or is damaged and may be replaced, or nobody has it open and nobody can open it until the answer
/// is dropped.
async fn take_hold(target: &Path, force: bool) -> Result<Option<SqliteConnection>> {
    if fs::metadata(target).map_or(0, |file| file.len()) == 0 {
        return Ok(None);
    }
    let mut connection = match exclusively(target).await {
        Err(Error::File { source, .. }) if is_damage(&source) => {
            refuse_if_locked(target)?;
            return if force { Ok(None) } else { Err(Error::Broken(target.to_owned())) };
        }
        held => held?,
    };
    if !force && !is_empty(&mut connection).await {
        return Err(Error::NotEmpty(target.to_owned()));
    }
    Ok(Some(connection))
}

/// The lowest byte of SQLite's number is the kind: 11 is malformed, 26 no database.
fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 11 | 26))
}

/// SQLite looks at a file before it asks for its lock, so of a damaged one it does not say that a server has it open.
fn refuse_if_locked(path: &Path) -> Result<()> {
    let failed = |source| Error::Folder { path: path.to_owned(), source };
    let file = File::options().read(true).write(true).open(path).map_err(failed)?;
    rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        Errno::AGAIN | Errno::ACCESS => Error::InUse(path.to_owned()),
        other => failed(other.into()),
    })
}

/// Whoever has a database open in WAL mode holds a lock that forbids to leave that mode.
async fn exclusively(path: &Path) -> Result<SqliteConnection> {
    let mut connection = connect(path, false).await?;
    for sql in ["PRAGMA journal_mode = DELETE", "BEGIN EXCLUSIVE"] {
        if let Err(error) = sqlx::query(sql).execute(&mut connection).await {
            let is_locked = error.as_database_error().is_some_and(|error| error.message().contains("locked"));
            let path = path.to_owned();
            return Err(if is_locked { Error::InUse(path) } else { Error::File { path, source: error } });
        }
    }
    Ok(connection)
}

const FILLED: &str = "
    SELECT (SELECT COUNT(*) FROM schools) + (SELECT COUNT(*) FROM students) + (SELECT COUNT(*) FROM devices)
      + (SELECT COUNT(*) FROM punches) + (SELECT COUNT(*) FROM users)";

async fn is_empty(connection: &mut SqliteConnection) -> bool {
    let tables: Result<i64, sqlx::Error> =
        sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_schema").fetch_one(&mut *connection).await;
    if matches!(tables, Ok(0)) {
        return true;
    }
    // Whatever has other tables is somebody's.
    matches!(sqlx::query_scalar::<_, i64>(FILLED).fetch_one(connection).await, Ok(0))
}

/// Refuses while a server uses the database, whichever it is, and a file that is damaged.
pub async fn refuse_if_in_use(url: &str) -> Result<()> {
    match file_of(url) {
        Ok(path) => {
            check(&path).await?;
            exclusively(&path).await.map(drop)
        }
        Err(Error::NotAFile) if whole::is_used(url).await? => {
            Err(Error::InUse(PathBuf::from("on the PostgreSQL server")))
        }
        Err(Error::NotAFile) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(super) fn file_of(url: &str) -> Result<PathBuf> {
    if !url.starts_with("sqlite:") {
        return Err(if url.starts_with("postgres") { Error::NotAFile } else { db::Error::Address.into() });
    }
    let options = SqliteConnectOptions::from_str(url).map_err(db::Error::File)?;
    Ok(options.get_filename().to_owned())
}

async fn connect(path: &Path, read_only: bool) -> Result<SqliteConnection> {
    let options =
        SqliteConnectOptions::new().filename(path).read_only(read_only).busy_timeout(Duration::from_millis(500));
    options.connect().await.map_err(|source| Error::File { path: path.to_owned(), source })
}

async fn close(connection: SqliteConnection) {
    // It read: nothing can be lost.
    let _ = connection.close().await;
}

pub(super) fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// A file that only this user may read, which vanishes with its value.
fn temporary(folder: &Path) -> Result<TempPath> {
    let file = tempfile::Builder::new().prefix(".rollcall-").suffix(".part").tempfile_in(folder);
    Ok(file.map_err(|source| Error::Folder { path: folder.to_owned(), source })?.into_temp_path())
}

/// Gives a complete file its name, if nobody has that, and waits until the disk has both.
fn persist(file: TempPath, folder: &Path, name: &Path) -> Result<u64> {
    let failed = |source| Error::Folder { path: folder.to_owned(), source };
    File::open(&file).and_then(|file| file.sync_all()).map_err(failed)?;
    file.persist_noclobber(name).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(name.to_owned()),
        _ => failed(error.error),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    fs::metadata(name).map(|file| file.len()).map_err(failed)
}

/// Somebody else than the server's user may restore: the server must be able to write afterwards.
fn keep_owner(from: &Path, to: &Path) {
    use std::os::unix::fs::{MetadataExt as _, chown};
    if let Ok(owner) = fs::metadata(from) {
        let _ = chown(to, Some(owner.uid()), Some(owner.gid()));
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// How the copy is left: as one file, without a log beside it.
pub async fn fold(url: &str) -> Result<()> {
    let path = file_of(url)?;
    let options = SqliteConnectOptions::new().filename(&path).journal_mode(SqliteJournalMode::Delete);
    let connection = options.connect().await.map_err(|source| Error::File { path, source })?;
    close(connection).await;
    Ok(())
}
