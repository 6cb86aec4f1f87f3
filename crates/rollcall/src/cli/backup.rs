//! `rollcall backup FILE` and `rollcall restore FILE`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::json;

use super::{Here, open, without_password};
use crate::{
    accounts::{
        audit::{self, Actor},
        tokens,
    },
    store::{
        backup::{self, Copy, Error},
        whole,
    },
    sync::restored::{self, Restored},
};

#[derive(clap::Args, Debug)]
pub(super) struct BackupArgs {
    /// Where the copy is written. Nothing is overwritten.
    file: PathBuf,
}

#[derive(clap::Args, Debug)]
pub(super) struct RestoreArgs {
    /// A file that `rollcall backup` wrote.
    #[arg(required_unless_present = "copied")]
    file: Option<PathBuf>,
    /// Also where the database holds something; that is kept beside, under another name.
    #[arg(long, conflicts_with = "copied")]
    force: bool,
    /// The database is back already, by `pg_restore`, a snapshot of the machine or a copy by hand: check it, and do what a
    /// former state needs before a server may work with it.
    #[arg(long, conflicts_with = "file")]
    copied: bool,
}

const WITH_PG_DUMP: &str =
    "nothing was written: PostgreSQL has its own program for that, which copies while servers run:
  pg_dump --format=custom --file=FILE \"$DATABASE_URL\"
and back into an empty database, with every server stopped:
  pg_restore --exit-on-error --no-owner --dbname=\"$DATABASE_URL\" FILE
  rollcall restore --copied";

pub(super) async fn write(args: BackupArgs, url: &str) -> anyhow::Result<ExitCode> {
    match backup::write(url, &args.file).await {
        Ok(bytes) => {
            println!("{}: {bytes} bytes, whole and checked", args.file.display());
            Ok(ExitCode::SUCCESS)
        }
        // A cron job must not believe that it has a copy.
        Err(Error::NotAFile) => anyhow::bail!(WITH_PG_DUMP),
        Err(error) => Err(error).with_context(|| format!("no backup of {} was written", without_password(url))),
    }
}

pub(super) async fn restore(args: RestoreArgs, url: &str) -> anyhow::Result<ExitCode> {
    let nothing = || format!("nothing was restored to {}", without_password(url));
    let Some(file) = args.file else {
        backup::refuse_if_in_use(url).await.with_context(nothing)?;
        let here = open(url).await?;
        whole::check_whole(&here.db).await.with_context(nothing)?;
        let restored = begin_again(&here, "copied").await?;
        here.db.close().await;
        say(restored);
        return Ok(ExitCode::SUCCESS);
    };
    match from_file(&file, url, args.force).await {
        Ok((restored, kept)) => {
            println!("{} is what {} was", without_password(url), file.display());
            if !kept.is_empty() {
                let names: Vec<String> = kept.iter().map(|path| path.display().to_string()).collect();
                println!("what was there is kept as {}: delete it when you need it no more", names.join(", "));
            }
            say(restored);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if matches!(error.downcast_ref(), Some(Error::NotAFile)) => anyhow::bail!(WITH_PG_DUMP),
        Err(error) => Err(error.context(nothing())),
    }
}

/// Everything is done to a copy; the last step gives it the database's name. Whatever fails before changes nothing.
async fn from_file(file: &Path, url: &str, force: bool) -> anyhow::Result<(Restored, Vec<PathBuf>)> {
    let copy = Copy::of(file, url, force).await?;
    let here = open(&copy.url()).await?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let restored = begin_again(&here, &name).await?;
    let now = here.clock.now();
    here.db.close().await;
    backup::fold(&copy.url()).await?;
    let kept = copy.put_in_place(force, &format!(".before-{}", now.strftime("%Y%m%dT%H%M%SZ"))).await?;
    Ok((restored, kept))
}

async fn begin_again(here: &Here, from: &str) -> anyhow::Result<Restored> {
    let now: Timestamp = here.db.clock().await?.unwrap_or_else(|| here.clock.now());
    let mut tx = here.db.write().await?;
    let restored = restored::restored(&mut tx, restored::jump(), now).await?;
    tokens::end_all_sessions(&mut tx, now).await?;
    let change = audit::Change {
        action: "restore",
        entity: "database",
        entity_id: String::new(),
        school_id: None,
        details: json!({"from": from, "terminals": restored.terminals, "withdrawn": restored.withdrawn}),
    };
    audit::record(&mut tx, Actor::COMMAND_LINE, change, now).await?;
    tx.commit().await?;
    Ok(restored)
}

fn say(restored: Restored) {
    println!("{} terminals are read back and asked for their punches when they call", restored.terminals);
    println!("{} commands that were under way are queued anew", restored.withdrawn);
    println!("everybody logs in again; passwords and tokens are those of then, also tokens that were revoked since");
    println!("now start the server");
}
