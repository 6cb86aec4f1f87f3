//! The command line: `rollcall <command>`. Exit status 0 done, 1 failed, 2 wrong usage; `status` exits 3 when something is
//! out of step, for cron jobs.

mod backup;
mod confirm;
mod demo;
mod doctor;
mod import;
mod removals;
mod serve;
mod settings;
mod simulate;
mod status;
mod student;
mod sync;
mod takeover;
mod terminals;
mod tls;
mod token;
mod user;
mod verify;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use jiff::SignedDuration;
use tokio::signal::unix::{Signal, SignalKind};

use crate::{
    clock::Clock,
    devices::DeviceId,
    store::Db,
    sync::reconcile::{Reconciled, Scope, reconcile},
    telemetry,
};

/// Keeps every ZKTeco terminal of a school holding exactly the students that the database says it should hold.
#[derive(Parser, Debug)]
#[command(name = "rollcall", version)]
struct Cli {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    log: telemetry::Args,
    #[command(subcommand)]
    command: Command,
}

/// Where the data is.
#[derive(clap::Args, Debug)]
struct DatabaseArgs {
    /// `sqlite://FILE` (made when absent, relative to the working directory) or `postgres://…`
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite://rollcall.db",
        global = true,
        value_name = "URL",
        hide_env_values = true
    )]
    database_url: String,
    /// PostgreSQL's own address, where --database-url is that of a pooler: for what needs a connection of its own.
    #[arg(long, env = "ROLLCALL_LISTEN_DATABASE_URL", global = true, value_name = "URL", hide_env_values = true)]
    listen_database_url: Option<String>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Runs the server: terminals, API and pages.
    Serve(serve::Args),
    /// Shows the product with a school of 50 students and three simulated terminals, in a temporary folder.
    Demo(demo::Args),
    /// Says whether terminals are in step with the database; exits 3 when one is not.
    Status(status::Args),
    /// Queues every student of a terminal again, whatever was done before.
    Sync(sync::Args),
    /// Shows what waits for a decision on a terminal, too many removals or changes of card at once, and decides it.
    Removals(removals::Args),
    /// Shows the people whom a terminal held before Rollcall wrote to it, and decides what becomes of them.
    Takeover(takeover::Args),
    /// Says that a terminal is the one that was claimed, after it announced another key or called from two addresses in turn.
    Confirm(confirm::Args),
    /// Reads a terminal back, or all of them: what they hold, by their own word. `status` shows what came of it.
    Verify(verify::Args),
    /// Brings the students of a school from a CSV file.
    Import(import::Args),
    /// Brings schools, classes and students from OneRoster files, a zip or a folder.
    ImportOneroster(import::OneRosterArgs),
    /// Makes and lists the people who may log in.
    User(user::Args),
    /// Makes tokens for programs.
    Token(token::Args),
    /// Prints everything that is known of one student, as JSON.
    ExportStudent(student::ExportArgs),
    /// Erases what names one student, everywhere, and takes him off terminals.
    EraseStudent(student::EraseArgs),
    /// Looks at everything that goes wrong in practice and says what to do; exits 1 when somebody is needed.
    Doctor(doctor::Args),
    /// Writes a copy of the database while servers run.
    Backup(backup::BackupArgs),
    /// Brings a copy back, and does what terminals that have lived on since need.
    Restore(backup::RestoreArgs),
    /// Runs simulated terminals against a server.
    Simulate(simulate::Args),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let command = Cli::command();
    let matches = command.clone().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Some((name, matches)) = matches.subcommand() {
        if settings::gives_password_away(matches) {
            eprintln!("rollcall: everybody on this machine can read the password in an address: use DATABASE_URL");
        }
        if let Command::Serve(serve::Args { print_config: true, .. }) = cli.command {
            let mut command = command;
            command.build();
            if let Some(serve) = command.find_subcommand(name) {
                print!("{}", settings::shown(serve, matches));
            }
            return ExitCode::SUCCESS;
        }
    }
    telemetry::start(cli.log.log_format, cli.command.logs_by_default());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rollcall: the system gives no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli.run()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rollcall: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Command {
    /// A server logs what it does; commands that a person waits for say what they have to say themselves.
    fn logs_by_default(&self) -> &'static str {
        match self {
            // PostgreSQL remarks at every start that the table of migrations is there.
            Command::Serve(_) => "info,sqlx::postgres::notice=warn",
            _ => "error",
        }
    }
}

impl Cli {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let DatabaseArgs { database_url, listen_database_url } = self.database;
        // A single command gains nothing from a pooler.
        let (url, own) = match self.command {
            Command::Serve(_) => (database_url, listen_database_url),
            _ => (listen_database_url.unwrap_or(database_url), None),
        };
        match self.command {
            Command::Serve(args) => serve::run(args, url, own).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Status(args) => status::run(args, &open(&url).await?).await,
            Command::Sync(args) => sync::run(args, &open(&url).await?).await,
            Command::Removals(args) => removals::run(args, &open(&url).await?).await,
            Command::Takeover(args) => takeover::run(args, &open(&url).await?).await,
            Command::Confirm(args) => confirm::run(args, &open(&url).await?).await,
            Command::Verify(args) => verify::run(args, &open(&url).await?).await,
            Command::Import(args) => import::run(args, &url).await,
            Command::ImportOneroster(args) => import::run_oneroster(args, &url).await,
            Command::User(args) => user::run(args, &open(&url).await?).await,
            Command::Token(args) => token::run(args, &open(&url).await?).await,
            Command::ExportStudent(args) => student::export(args, &open(&url).await?).await,
            Command::EraseStudent(args) => student::erase(args, &open(&url).await?).await,
            Command::Doctor(args) => doctor::run(args, &url).await,
            Command::Backup(args) => backup::write(args, &url).await,
            Command::Restore(args) => backup::restore(args, &url).await,
            Command::Simulate(args) => simulate::run(args).await,
        }
    }
}

/// A command's view of the world.
struct Here {
    db: Db,
    clock: Clock,
}

impl Here {
    /// Queues what one transaction could not hold. The server's tick hands it out.
    async fn finish(&self, device: DeviceId, mut done: Reconciled) -> anyhow::Result<()> {
        while done.is_partial {
            let mut tx = self.db.write().await?;
            done = reconcile(&mut tx, Scope::Device(device), self.clock.now()).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

async fn open(url: &str) -> anyhow::Result<Here> {
    let db = Db::open(url).await.with_context(|| format!("cannot use the database {}", without_password(url)))?;
    Ok(Here { db, clock: Clock::machine() })
}

/// A database address as it may be shown. Rather too little than a part of a password that was written carelessly.
fn without_password(url: &str) -> String {
    let mut shown = url.to_owned();
    if let Some(at) = shown.find("password=").map(|at| at + "password=".len()) {
        let end = shown[at..].find('&').map_or(shown.len(), |length| at + length);
        shown.replace_range(at..end, "…");
    }
    if let Some(at) = shown.rfind('@') {
        let user = shown.find("://").map_or(0, |scheme| scheme + "://".len());
        shown.replace_range(user.min(at)..at, "…");
    }
    shown
}

/// `30s`, `2m`, `1h 30m`, or a bare number of seconds.
fn duration(text: &str) -> Result<SignedDuration, String> {
    let duration = match text.parse::<u32>() {
        Ok(seconds) => SignedDuration::from_secs(seconds.into()),
        Err(_) => {
            text.parse().map_err(|_| format!("{text:?} is no duration: write 30s, 2m, or a number of seconds"))?
        }
    };
    if duration.is_positive() { Ok(duration) } else { Err("a duration is longer than nothing".to_owned()) }
}

/// Resolves when the process is asked to stop: Ctrl-C or SIGTERM. Whoever asks after this call has returned is heard, even
/// if nobody waits yet.
fn asked_to_stop() -> impl Future<Output = ()> {
    let hear = |kind| tokio::signal::unix::signal(kind).ok();
    let (mut interrupted, mut terminated) = (hear(SignalKind::interrupt()), hear(SignalKind::terminate()));
    async move {
        tokio::select! {
            Some(()) = heard(&mut interrupted) => {}
            Some(()) = heard(&mut terminated) => {}
            else => std::future::pending().await,
        }
    }
}

async fn heard(signal: &mut Option<Signal>) -> Option<()> {
    signal.as_mut()?.recv().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_written_as_people_write_them() {
        assert_eq!(duration("30s"), Ok(SignedDuration::from_secs(30)));
        assert_eq!(duration("2m"), Ok(SignedDuration::from_secs(120)));
        assert_eq!(duration("45"), Ok(SignedDuration::from_secs(45)));
        assert!(duration("soon").is_err());
        assert!(duration("0").is_err());
    }

    #[test]
    fn a_password_is_never_shown() {
        for (address, shown) in [
            ("postgres://rollcall:s3cr@t@db/rollcall", "postgres://…@db/rollcall"),
            ("postgres://rollcall:s3?cr@db/rollcall", "postgres://…@db/rollcall"),
            ("postgres://db/rollcall?user=ana&password=s3cr", "postgres://db/rollcall?user=ana&password=…"),
            ("postgres://db/rollcall?password=s3@cr&user=ana", "postgres://db/rollcall?password=…&user=ana"),
            ("rollcall:s3cr@db", "…@db"),
            ("sqlite://rollcall.db", "sqlite://rollcall.db"),
        ] {
            assert_eq!(without_password(address), shown);
        }
    }
}
