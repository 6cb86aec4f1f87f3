//! The terminals of the demo, a live line for each, and what the person who watches is told.

use std::{
    io::IsTerminal as _,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::SignedDuration;
use terminal_simulator::{Profile, Terminal, over_http};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::school::{Event, Place, School};
use crate::{app::App, clock::Clock, sync::overview};

/// How often the lines are brought up to date.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Between two things that happen by themselves.
const PAUSE: Duration = Duration::from_secs(4);
/// An event that has not arrived by then is left to arrive later.
const PATIENCE: SignedDuration = SignedDuration::from_mins(1);

pub(super) struct Stage {
    lines: Vec<Line>,
    console: Console,
    running: Mutex<JoinSet<()>>,
}

struct Line {
    place: Place,
    /// The names that the simulated terminal holds right now: what it is, not what the server thinks.
    names: Arc<Mutex<Vec<String>>>,
    bar: ProgressBar,
}

impl Stage {
    /// Switches the terminals on.
    pub(super) fn set(school: &School, server: SocketAddr, stop: &CancellationToken) -> anyhow::Result<Stage> {
        let console = Console::new();
        let mut running = JoinSet::new();
        let mut lines = Vec::new();
        for (place, seed) in school.terminals.iter().zip(1..) {
            let profile = Profile::by_name(place.profile).with_context(|| format!("no profile {}", place.profile))?;
            let names = Arc::new(Mutex::new(Vec::new()));
            let terminal = Terminal::new(place.serial, profile, seed);
            running.spawn(run_terminal(terminal, server, names.clone(), stop.clone()));
            let bar = console.line()?;
            bar.set_prefix(place.name);
            lines.push(Line { place: place.clone(), names, bar });
        }
        Ok(Stage { lines, console, running: Mutex::new(running) })
    }

    /// Shows how the school gets in step, then lets things happen, for ever.
    pub(super) async fn play(&self, app: &App, school: &School) -> anyhow::Result<()> {
        let began = app.clock.monotonic();
        while !self.look(app).await? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let took = app.clock.monotonic() - began;
        self.console.say(&format!(
            "Every terminal holds the whole school after {:.1} s. Now things happen:",
            took.as_secs_f64()
        ));
        for turn in 0.. {
            self.wait(app, PAUSE).await?;
            let event = school.happen(app, turn).await?;
            self.console.say(&format!("· {}", event.in_words()));
            self.follow(app, &event).await?;
        }
        Ok(())
    }

    /// Waits until every simulated terminal has been ended.
    pub(super) async fn clear(&self) {
        let mut running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        while running.join_next().await.is_some() {}
        for line in &self.lines {
            line.bar.abandon();
        }
    }

    async fn wait(&self, app: &App, time: Duration) -> anyhow::Result<()> {
        let until = app.clock.monotonic() + SignedDuration::try_from(time)?;
        while app.clock.monotonic() < until {
            self.look(app).await?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Tells when an event has arrived at each terminal.
    async fn follow(&self, app: &App, event: &Event) -> anyhow::Result<()> {
        let began = app.clock.monotonic();
        let mut missing: Vec<&Line> = self.lines.iter().collect();
        while !missing.is_empty() && app.clock.monotonic() - began < PATIENCE {
            let passed = app.clock.monotonic() - began;
            missing.retain(|line| {
                let has_arrived = event.has_arrived(&line.names());
                if has_arrived {
                    self.console.say(&format!("    at {:12} after {:.1} s", line.place.name, passed.as_secs_f64()));
                }
                !has_arrived
            });
            self.look(app).await?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Brings the lines up to date. Whether every terminal is in step.
    async fn look(&self, app: &App) -> anyhow::Result<bool> {
        let mut are_in_step = true;
        let mut tx = app.db.read().await?;
        for line in &self.lines {
            let summary = overview::summary(&mut tx, line.place.device).await?;
            let held = line.names().len();
            are_in_step &= summary.synced == summary.total && summary.total > 0;
            line.bar.set_length(summary.total.unsigned_abs());
            line.bar.set_position(summary.synced.unsigned_abs());
            let text =
                format!("in step {:>2}/{:<2} · holds {held:>2} · {}", summary.synced, summary.total, line.place.remark);
            if line.bar.message() != text {
                self.console.line_changed(line.place.name, &text);
                line.bar.set_message(text);
            }
        }
        Ok(are_in_step)
    }
}

impl Line {
    fn names(&self) -> Vec<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn run_terminal(
    mut terminal: Terminal,
    server: SocketAddr,
    names: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
) {
    let clock = Clock::machine();
    let watch = |terminal: &mut Terminal, _: over_http::State| {
        let held = terminal.users().values().map(|user| user.name.clone()).collect();
        *names.lock().unwrap_or_else(PoisonError::into_inner) = held;
    };
    over_http::run(&mut terminal, &server.to_string(), || clock.now(), stop.cancelled(), watch).await;
}

/// Live lines where somebody watches; plain lines where the output goes into a file.
struct Console {
    lines: MultiProgress,
    is_live: bool,
}

impl Console {
    fn new() -> Console {
        Console { lines: MultiProgress::new(), is_live: std::io::stderr().is_terminal() }
    }

    fn line(&self) -> anyhow::Result<ProgressBar> {
        let style = ProgressStyle::with_template("{prefix:12} {bar:20} {msg}")?;
        Ok(self.lines.add(ProgressBar::new(0).with_style(style)))
    }

    fn say(&self, text: &str) {
        if self.is_live {
            let _ = self.lines.println(text);
        } else {
            println!("{text}");
        }
    }

    fn line_changed(&self, name: &str, text: &str) {
        if !self.is_live {
            println!("{name:12} {text}");
        }
    }
}
