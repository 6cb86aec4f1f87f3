//! What can be asked of the database about itself, for the person who wonders whether it is well.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Db, Error, Result, backup, whole};

/// How the database is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Examined {
    /// As it says itself.
    pub version: String,
    pub bytes: u64,
    /// On the disk of its file. Nobody can ask a server for that.
    pub free_bytes: Option<u64>,
    /// Why it is not whole, in words.
    pub damage: Option<String>,
    /// The database's own clock; a file has none.
    pub clock: Option<Timestamp>,
}

const SIZE: &str = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
const SIZE_ON_SERVER: &str = "SELECT pg_database_size(current_database())";
const VERSION: &str = "SELECT sqlite_version()";
const VERSION_ON_SERVER: &str = "SELECT current_setting('server_version')";

pub async fn examine(db: &Db, url: &str) -> Result<Examined> {
    let is_server = db.postgres().is_some();
    let mut tx = db.read().await?;
    let (version,): (String,) = tx.one(if is_server { VERSION_ON_SERVER } else { VERSION }, []).await?;
    let (bytes,): (i64,) = tx.one(if is_server { SIZE_ON_SERVER } else { SIZE }, []).await?;
    drop(tx);
    let path = backup::file_of(url).ok();
    let damage = match &path {
        Some(path) => backup::check(path).await.err().map(|error| error.to_string()),
        None => match whole::check_whole(db).await {
            Err(Error::Incomplete(words)) => Some(words),
            other => other.map(|()| None)?,
        },
    };
    Ok(Examined {
        version,
        bytes: bytes.unsigned_abs(),
        free_bytes: path.as_deref().and_then(free_bytes),
        damage,
        clock: db.clock().await?,
    })
}

/// Of the disk that a file is on, as far as this user may fill it.
fn free_bytes(file: &Path) -> Option<u64> {
    let folder: PathBuf = backup::folder_of(file);
    let disk = rustix::fs::statvfs(&folder).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}
