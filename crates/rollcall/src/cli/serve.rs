//! `rollcall serve`.

use std::{io, net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use jiff::{SignedDuration, tz::TimeZone};

use super::{asked_to_stop, duration, without_password};
use crate::{
    accounts::users,
    app::App,
    clock::Clock,
    config::{Keep, Settings, TlsFiles},
    networks::Networks,
    server::{self, Listeners, tls::Tls},
    store::schedule::Cron,
};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Where terminals, API and pages are served.
    #[arg(long, env = "ROLLCALL_LISTEN", default_value = "0.0.0.0:8081", value_name = "ADDR")]
    listen: SocketAddr,
    /// A listener for terminals alone; then the main one does not answer them.
    #[arg(long, env = "ROLLCALL_TERMINAL_LISTEN", value_name = "ADDR")]
    terminal_listen: Option<SocketAddr>,
    /// The zone of schools that set none, e.g. America/Guayaquil.
    #[arg(long, env = "ROLLCALL_TIMEZONE", default_value = "UTC", value_parser = timezone, value_name = "ZONE")]
    timezone: TimeZone,
    /// First wait for a terminal's answer to a command; each further one doubles, up to sixty times it.
    #[arg(long, env = "ROLLCALL_COMMAND_DEADLINE", default_value = "30s", value_parser = duration, value_name = "TIME")]
    command_deadline: SignedDuration,
    /// Pause between a terminal's polls, as told in the handshake.
    #[arg(long, env = "ROLLCALL_POLL_DELAY", default_value = "20s", value_parser = duration, value_name = "TIME")]
    poll_delay: SignedDuration,
    /// When every terminal is read back: five fields of cron, or six with seconds first, by the clocks of --timezone.
    #[arg(long, env = "ROLLCALL_VERIFY_CRON", default_value = "0 */2 * * *", value_name = "CRON")]
    verify_cron: Cron,
    /// Addresses and networks of proxies in front, with commas: what they say of who calls, and whether by TLS, is believed.
    #[arg(
        long,
        env = "ROLLCALL_TRUSTED_PROXIES",
        default_value = "",
        hide_default_value = true,
        value_name = "NETWORKS"
    )]
    trusted_proxies: Networks,
    /// Networks that webhooks may go to beside public addresses, with commas: those of receivers of one's own.
    #[arg(
        long,
        env = "ROLLCALL_WEBHOOK_NETWORKS",
        default_value = "",
        hide_default_value = true,
        value_name = "NETWORKS"
    )]
    webhook_networks: Networks,
    /// A certificate, with those that it rests on, as PEM: the main listener speaks TLS. Read again when the file changes.
    #[arg(long, env = "ROLLCALL_TLS_CERT", requires = "tls_key", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The key of --tls-cert, as PEM.
    #[arg(long, env = "ROLLCALL_TLS_KEY", requires = "tls_cert", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Connections at a time, of each listener.
    #[arg(long, env = "ROLLCALL_CONNECTIONS", default_value = "10000", value_parser = number, value_name = "NUMBER")]
    connections: usize,
    /// Connections at a time from one address; this machine and trusted proxies have no such limit.
    #[arg(long, env = "ROLLCALL_CONNECTIONS_PER_ADDRESS", default_value = "500", value_parser = number, value_name = "NUMBER")]
    connections_per_address: usize,
    /// Days that punches are kept, or `forever`.
    #[arg(long, env = "ROLLCALL_KEEP_PUNCHES", default_value = "forever", value_parser = days, value_name = "DAYS")]
    keep_punches: Days,
    /// Days that commands are kept after they ended.
    #[arg(long, env = "ROLLCALL_KEEP_COMMANDS", default_value = "180", value_parser = days, value_name = "DAYS")]
    keep_commands: Days,
    /// Days that it is kept who changed what.
    #[arg(long, env = "ROLLCALL_KEEP_AUDIT", default_value = "730", value_parser = days, value_name = "DAYS")]
    keep_audit: Days,
    /// Days that readings of terminals are kept, and what they found and was mended.
    #[arg(long, env = "ROLLCALL_KEEP_READINGS", default_value = "180", value_parser = days, value_name = "DAYS")]
    keep_readings: Days,
    /// Days that it is kept who a student was who was deleted. His punches stay his.
    #[arg(long, env = "ROLLCALL_KEEP_DELETED_STUDENTS", default_value = "365", value_parser = days, value_name = "DAYS")]
    keep_deleted_students: Days,
    /// Prints every setting with its value and where that comes from, without secrets, and ends.
    #[arg(long)]
    pub(super) print_config: bool,
}

pub(super) async fn run(
    args: Args,
    database_url: String,
    listen_database_url: Option<String>,
) -> anyhow::Result<ExitCode> {
    let stopped = asked_to_stop();
    let settings = Settings {
        database_url,
        listen_database_url,
        listen: args.listen,
        terminal_listen: args.terminal_listen,
        timezone: args.timezone,
        command_deadline: args.command_deadline,
        poll_delay: args.poll_delay,
        verify_cron: args.verify_cron,
        trusted_proxies: args.trusted_proxies,
        webhook_networks: args.webhook_networks,
        connections: args.connections,
        connections_per_address: args.connections_per_address,
        keep: Keep {
            punches: args.keep_punches.0,
            commands: args.keep_commands.0,
            audit: args.keep_audit.0,
            readings: args.keep_readings.0,
            deleted_students: args.keep_deleted_students.0,
        },
    };
    let shown = without_password(&settings.database_url);
    let tls = match (args.tls_cert, args.tls_key) {
        (Some(certificate), Some(key)) => {
            Some(Tls::load(TlsFiles { certificate, key }).context("cannot speak TLS as asked")?)
        }
        _ => None,
    };
    let mut listeners = Listeners::bind(settings.listen, settings.terminal_listen)
        .await
        .map_err(|error| cannot_listen(error, settings.listen, settings.terminal_listen))?;
    let is_encrypted = tls.is_some();
    listeners.tls = tls;
    let app =
        App::open(settings, Clock::machine()).await.with_context(|| format!("cannot use the database {shown}"))?;
    let main = listeners.main.local_addr()?;
    tracing::info!(address = %main, tls = is_encrypted, database = shown, version = env!("CARGO_PKG_VERSION"), "serving");
    if let Some(terminals) = &listeners.terminals {
        tracing::info!(address = %terminals.local_addr()?, "serving terminals");
    }
    say_how_to_begin(&app, main, is_encrypted).await?;
    server::run(app, listeners, stopped).await;
    Ok(ExitCode::SUCCESS)
}

/// An empty database has nobody who could log in. The code is not logged: logs go to places that many people read.
async fn say_how_to_begin(app: &App, main: SocketAddr, is_encrypted: bool) -> anyhow::Result<()> {
    let mut tx = app.db.read().await?;
    if !users::any(&mut tx).await? {
        let code = app.first_code.issue(rand::random());
        eprintln!();
        eprintln!("Nobody can log in yet. Make the first admin in a browser:");
        let scheme = if is_encrypted { "https" } else { "http" };
        eprintln!("  {scheme}://{}/   with the code   {code}", reachable(main));
        eprintln!("or here:");
        eprintln!("  rollcall user add you@example.org --role superadmin");
        eprintln!();
    }
    Ok(())
}

/// An address that a browser on this machine can open.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

fn cannot_listen(error: io::Error, main: SocketAddr, terminals: Option<SocketAddr>) -> anyhow::Error {
    let addresses = terminals.map_or_else(|| main.to_string(), |terminals| format!("{main} and {terminals}"));
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "; another program does: stop it, or choose another address with --listen",
        io::ErrorKind::PermissionDenied => "; ports below 1024 are for privileged users: choose another with --listen",
        _ => "",
    };
    anyhow::Error::new(error).context(format!("cannot listen on {addresses}{advice}"))
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("{text:?} is no number from 1"))
}

/// `None` is for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Days(Option<u32>);

fn days(text: &str) -> Result<Days, String> {
    match (text, text.parse()) {
        ("forever", _) => Ok(Days(None)),
        // Ten thousand years and more are beyond the calendar.
        (_, Ok(days @ 1..=100_000)) => Ok(Days(Some(days))),
        _ => Err(format!("{text:?} is no number of days: write one from 1, or forever")),
    }
}

pub(super) fn timezone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("{name:?} is no time zone: write one like America/Guayaquil or UTC"))
}
