//! `rollcall simulate`: terminals without hardware, against any server.

mod town;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use terminal_simulator::{HeldUser, Profile, Terminal, over_http};
use tokio_util::sync::CancellationToken;

use super::asked_to_stop;
use crate::{
    clock::Clock,
    school::import::table::{Row, Table},
};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The server that the terminals call, e.g. `http://127.0.0.1:8081`
    #[arg(long, value_name = "URL")]
    server: String,
    /// How many terminals.
    #[arg(long, default_value_t = 1, value_name = "N")]
    terminals: u32,
    /// Kinds of terminal, taken in turn. Without it all of them.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(Profile::NAMES))]
    profile: Vec<String>,
    /// Serial numbers are this, followed by a number from 0001.
    #[arg(long, default_value = "SIM", value_name = "PREFIX")]
    serial: String,
    /// Somebody punches at each terminal about this often.
    #[arg(long, value_parser = super::duration, value_name = "TIME")]
    punch_every: Option<jiff::SignedDuration>,
    /// Each terminal holds the people of this CSV file before it calls, with PINs from 1 and a finger each: columns
    /// `full_name` and `rfid_card_id`.
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
    #[command(flatten)]
    town: town::Args,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let address = address_of(&args.server)?;
    ensure!(args.terminals > 0, "--terminals needs at least one");
    if args.town.is_town() {
        let Args { terminals, profile: profiles, serial, punch_every, town, .. } = args;
        let setting = town::Setting { address, terminals, profiles, serial, punch_every };
        return town::run(town, setting, asked_to_stop()).await;
    }
    let names: Vec<&str> = match args.profile.as_slice() {
        [] => Profile::NAMES.to_vec(),
        chosen => chosen.iter().map(String::as_str).collect(),
    };
    let people = args.people.as_deref().map(people_of).transpose()?.unwrap_or_default();
    let stop = CancellationToken::new();
    let lines = MultiProgress::new();
    let style = ProgressStyle::with_template("{prefix:24} {msg}")?;
    let mut running = tokio::task::JoinSet::new();
    for number in 1..=args.terminals {
        let name = names[(number as usize - 1) % names.len()];
        let profile = Profile::by_name(name).with_context(|| format!("there is no profile {name}"))?;
        let mut terminal = Terminal::new(&format!("{}{number:04}", args.serial), profile, number.into());
        terminal.preload_users(people.iter().cloned());
        let line = lines.add(ProgressBar::new_spinner().with_style(style.clone()));
        line.set_prefix(format!("{} {name}", terminal.serial()));
        let punches = args.punch_every.and_then(|every| Duration::try_from(every).ok());
        running.spawn(run_one(terminal, address.clone(), line, punches, stop.clone()));
    }
    asked_to_stop().await;
    stop.cancel();
    running.join_all().await;
    Ok(ExitCode::SUCCESS)
}

fn people_of(file: &Path) -> anyhow::Result<Vec<HeldUser>> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let table = Table::read(&bytes).with_context(|| format!("{} cannot be read", file.display()))?;
    let person = |(pin, row): (usize, &Row)| {
        let person = HeldUser { fingers: 1, ..HeldUser::new(&pin.to_string(), &row.full_name) };
        match &row.card {
            Some(card) => person.with_card(card.number.unsigned_abs()),
            None => person,
        }
    };
    Ok((1..).zip(&table.rows).map(person).collect())
}

async fn run_one(
    mut terminal: Terminal,
    address: String,
    line: ProgressBar,
    punch_every: Option<Duration>,
    stop: CancellationToken,
) {
    let clock = Clock::machine();
    let mut next_punch = punch_every;
    let watch = |terminal: &mut Terminal, state: over_http::State| {
        let passed = Duration::try_from(clock.monotonic()).unwrap_or_default();
        if let (Some(at), Some(every)) = (next_punch, punch_every)
            && passed >= at
        {
            punch_somebody(terminal, clock.now());
            next_punch = Some(at + every);
        }
        line.set_message(describe(terminal, state));
        line.tick();
    };
    over_http::run(&mut terminal, &address, || clock.now(), stop.cancelled(), watch).await;
    line.finish();
}

/// Whoever comes next by PIN, so that everybody has a turn.
fn punch_somebody(terminal: &mut Terminal, now: jiff::Timestamp) {
    let people: Vec<String> = terminal.users().keys().cloned().collect();
    if people.is_empty() {
        return;
    }
    let turn = usize::try_from(now.as_second()).unwrap_or(0) % people.len();
    let at = terminal.local(now);
    terminal.punch(&people[turn], at);
}

fn describe(terminal: &Terminal, state: over_http::State) -> String {
    let doing = match state {
        over_http::State::Unanswered(_) => "no answer from the server",
        over_http::State::Asking(_) | over_http::State::Answered(..) => "talking",
        over_http::State::Waiting(_) => "waiting",
    };
    let statistics = terminal.statistics();
    format!(
        "{:5} people · {:6} polls · {:6} commands · {} punches to deliver · {doing}",
        terminal.users().len(),
        statistics.polls,
        statistics.commands_executed,
        terminal.undelivered_punches(),
    )
}

/// `host:port` of an address like `http://host:port`. Terminals speak plain HTTP.
fn address_of(server: &str) -> anyhow::Result<String> {
    if server.starts_with("https://") {
        bail!("simulated terminals speak plain HTTP: give an http:// address");
    }
    let host = server.strip_prefix("http://").unwrap_or(server).trim_end_matches('/');
    ensure!(!host.is_empty() && !host.contains('/'), "{server:?} is no server address like http://127.0.0.1:8081");
    Ok(if host.contains(':') { host.to_owned() } else { format!("{host}:80") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_address_is_read_as_people_write_it() {
        for (written, read) in [
            ("http://127.0.0.1:8081", "127.0.0.1:8081"),
            ("http://push.example.org/", "push.example.org:80"),
            ("localhost:8081", "localhost:8081"),
        ] {
            assert_eq!(address_of(written).ok().as_deref(), Some(read));
        }
        assert!(address_of("https://push.example.org").is_err());
        assert!(address_of("http://push.example.org/iclock").is_err());
    }
}
