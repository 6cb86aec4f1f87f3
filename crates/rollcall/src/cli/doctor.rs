//! `rollcall doctor`: looks at everything that goes wrong in practice, and says what to do.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{Here, open, serve, tls, without_password};
use crate::{
    store::examine::{self, Examined},
    sync::doubts,
    webhooks::endpoints::{self, Ailing},
};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Where the server should be listening.
    #[arg(long, env = "ROLLCALL_LISTEN", default_value = "0.0.0.0:8081", value_name = "ADDR")]
    listen: SocketAddr,
    /// Where it should be listening for terminals alone.
    #[arg(long, env = "ROLLCALL_TERMINAL_LISTEN", value_name = "ADDR")]
    terminal_listen: Option<SocketAddr>,
    /// The certificate that the server shows at --listen, if it speaks TLS there.
    #[arg(long, env = "ROLLCALL_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The zone of schools that set none.
    #[arg(long, env = "ROLLCALL_TIMEZONE", default_value = "UTC", value_parser = serve::timezone, value_name = "ZONE")]
    timezone: TimeZone,
    /// Only whether the server answers where it should be listening, whatever its database and its terminals need: for what
    /// starts it anew.
    #[arg(long)]
    alive: bool,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// What was looked at, and what is to be said of it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
struct Finding {
    is_fine: bool,
    /// `database`, `disk`, `clock`, `zone`, `port`, `terminal_port`, `webhook` with its number, or the serial number of a
    /// terminal.
    about: String,
    /// For programs: `unreachable`, `damaged`, `silent`, …
    kind: &'static str,
    says: String,
    /// What to do about it.
    advice: Option<String>,
}

pub(super) async fn run(args: Args, url: &str) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    if !args.alive {
        look_at_database(&args, url, &mut findings).await;
    }
    findings.push(port("port", args.listen, args.tls_cert.as_deref(), "GET /healthz", "ok\n").await);
    if let Some(address) = args.terminal_listen {
        findings.push(port("terminal_port", address, None, "GET /iclock/ping", "OK").await);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        print(&findings);
    }
    Ok(if findings.iter().all(|finding| finding.is_fine) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look_at_database(args: &Args, url: &str, findings: &mut Vec<Finding>) {
    match open(url).await {
        Ok(here) => {
            if let Err(error) = look_inside(args, &here, url, findings).await {
                let says = format!("it does not answer as it should: {error:#}");
                findings.push(wrong("database", "unreachable", says, "see the database's own log"));
            }
            here.db.close().await;
        }
        Err(error) => {
            let advice = "without it nothing works: see docs/operations.md, settings";
            findings.push(wrong("database", "unreachable", format!("{error:#}"), advice));
        }
    }
}

async fn look_inside(args: &Args, here: &Here, url: &str, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let now = here.clock.now();
    let examined = examine::examine(&here.db, url).await?;
    findings.push(database(&examined, here.db.product(), url));
    findings.extend(disk(&examined));
    let mut tx = here.db.read().await?;
    let (newest,): (Option<crate::store::Instant>,) = tx.one(NEWEST, []).await?;
    findings.push(clock(&examined, newest.map(|at| at.0), now));
    let schools: Vec<(String,)> = tx.all(WITHOUT_ZONE, []).await?;
    findings.push(zone(&args.timezone, schools));
    let doubts = doubts::of(&mut tx, &args.timezone, examined.clock.unwrap_or(now)).await?;
    let (terminals,): (i64,) = tx.one(TERMINALS, []).await?;
    if doubts.is_empty() {
        findings.push(fine("terminals", format!("none of {terminals} needs anybody")));
    }
    findings.extend(doubts.into_iter().map(|doubt| Finding {
        is_fine: false,
        about: doubt.serial_number,
        kind: doubt.kind.as_str(),
        says: format!("{}: {}", doubt.device_name, doubt.says),
        advice: Some(doubt.advice),
    }));
    findings.extend(endpoints::ailing(&mut tx, None, now).await?.iter().map(webhook));
    Ok(())
}

const TERMINALS: &str = "SELECT COUNT(*) FROM devices WHERE is_active AND deleted_at IS NULL";
const WITHOUT_ZONE: &str = "SELECT name FROM schools WHERE timezone IS NULL AND deleted_at IS NULL ORDER BY id";
/// What a server wrote last, by its clock of then.
const NEWEST: &str = "
    SELECT MAX(at) FROM (SELECT MAX(last_seen) AS at FROM devices UNION ALL SELECT MAX(at) FROM audit_logs) AS written";

fn database(examined: &Examined, product: &str, url: &str) -> Finding {
    let shown = without_password(url);
    match &examined.damage {
        Some(words) => {
            let says = format!("{product} {}, {shown}: not whole: {words}", examined.version);
            wrong("database", "damaged", says, "stop the server and restore the last backup (docs/operations.md)")
        }
        None => {
            fine("database", format!("{product} {}, {shown}: whole, {}", examined.version, megabytes(examined.bytes)))
        }
    }
}

/// A backup or an upgrade needs the database's size once more.
const LEAST_FREE: u64 = 500 * 1024 * 1024;

fn disk(examined: &Examined) -> Option<Finding> {
    let free = examined.free_bytes?;
    let says = format!("{} free where the database is", megabytes(free));
    let is_enough = free >= LEAST_FREE.max(2 * examined.bytes);
    let advice = "make room: a full disk answers every punch with 503, and terminals hold only so many";
    Some(if is_enough { fine("disk", says) } else { wrong("disk", "nearly_full", says, advice) })
}

/// Deadlines, online and summer time are by this clock.
const CLOCK: SignedDuration = SignedDuration::from_secs(60);

fn clock(examined: &Examined, newest: Option<Timestamp>, now: Timestamp) -> Finding {
    let advice = "let the machine keep its time by NTP: `timedatectl` shows whether it does";
    if let Some(database) = examined.clock {
        let off = now.duration_since(database);
        if off.abs() > CLOCK {
            let says = format!("this machine and the database differ by {} s", off.as_secs());
            return wrong("clock", "differs", says, advice);
        }
    }
    match newest {
        Some(newest) if newest.duration_since(now) > CLOCK => {
            let says = format!("it is {now} here, and the database has seen {newest}: the clock went back");
            wrong("clock", "went_back", says, advice)
        }
        _ => fine("clock", format!("{now}")),
    }
}

fn zone(server: &TimeZone, schools: Vec<(String,)>) -> Finding {
    let name = server.iana_name().unwrap_or("UTC");
    let names: Vec<String> = schools.into_iter().map(|(name,)| name).collect();
    if names.is_empty() || *server != TimeZone::UTC {
        return fine("zone", format!("{name}, where a school sets none"));
    }
    let says = format!("no zone is set for {}, so that its terminals show UTC", names.join(", "));
    wrong("zone", "unset", says, "set it at the school, or --timezone for all of them")
}

/// Only its origin: the rest of an address is often a secret.
fn webhook(endpoint: &Ailing) -> Finding {
    let (about, whose) = (format!("webhook {}", endpoint.id), endpoint.school_name.as_deref().unwrap_or("all schools"));
    let why = endpoint.last_error.as_deref().unwrap_or("no reason was given");
    let origin = endpoint.origin();
    if let (None, Some(since)) = (&endpoint.off_reason, endpoint.failing_since) {
        let says = format!("{whose}, {origin}: nothing arrives since {:.0}: {why}", since.0);
        return wrong(&about, "failing", says, "see its page, look at the receiver, and send a test from there");
    }
    let says = format!("{whose}, {origin}: switched off, because nothing arrived: {why}");
    wrong(&about, "switched_off", says, "mend the receiver and switch it on on its page, or delete it")
}

const PATIENCE: Duration = Duration::from_secs(5);

/// Who answers there.
async fn port(about: &str, address: SocketAddr, tls: Option<&Path>, request: &str, expected: &str) -> Finding {
    let reachable = serve::reachable(address);
    let asked = async {
        match tls {
            Some(certificate) => ask(tls::connect(reachable, certificate).await?, reachable, request).await,
            None => ask(TcpStream::connect(reachable).await?, reachable, request).await,
        }
    };
    match timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200") && answer.ends_with(expected) => {
            fine(about, format!("a server of Rollcall answers at {reachable}"))
        }
        Ok(Ok(_)) => {
            let says = format!("another program answers at {reachable}");
            wrong(about, "taken", says, "stop it (`ss -ltnp` shows who it is), or choose another address with --listen")
        }
        Ok(Err(error)) => {
            let says = format!("nobody answers at {reachable}: {error:#}");
            wrong(about, "closed", says, "start the server: `rollcall serve`, or `systemctl start rollcall`")
        }
        Err(_) => {
            let says = format!("whoever listens at {reachable} does not answer");
            wrong(about, "hangs", says, "see the server's log; restart it")
        }
    }
}

/// Fails only when nobody listens. Who hangs up in the middle is somebody, and none of ours.
async fn ask<IO: AsyncRead + AsyncWrite + Unpin>(
    mut stream: IO,
    address: SocketAddr,
    request: &str,
) -> anyhow::Result<String> {
    let request = format!("{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    if stream.write_all(request.as_bytes()).await.is_ok() {
        let _ = stream.take(64 * 1024).read_to_end(&mut answer).await;
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn fine(about: &str, says: String) -> Finding {
    Finding { is_fine: true, about: about.to_owned(), kind: "fine", says, advice: None }
}

fn wrong(about: &str, kind: &'static str, says: String, advice: &str) -> Finding {
    Finding { is_fine: false, about: about.to_owned(), kind, says, advice: Some(advice.to_owned()) }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1024 * 1024))
}

fn print(findings: &[Finding]) {
    let width = findings.iter().map(|finding| finding.about.chars().count()).max().unwrap_or(0);
    for finding in findings {
        let mark = if finding.is_fine { "=" } else { "!" };
        println!("{mark} {:width$}  {}", finding.about, finding.says);
        if let Some(advice) = &finding.advice {
            println!("  {:width$}  → {advice}", "");
        }
    }
}
