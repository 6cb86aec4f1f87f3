//! The terminals of the demo, a live line for each, and what the person who watches is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp};
use terminal_simulator::{Profile, Terminal, over_http};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    console::Console,
    deed::{self, Deed, People},
    school::{Event, Place, SWITCHED_OFF, School},
};
use crate::{
    app::App,
    clock::Clock,
    sync::{
        found::{self, Drift},
        overview, proof, removals, verify,
    },
};

/// How often the lines are brought up to date.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Between two things that happen by themselves.
const PAUSE: Duration = Duration::from_secs(4);
/// What has not arrived, or is not mended, by then is left to be so later.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
/// One turn of so many is a bad import.
const IMPORT_EVERY: usize = 8;

pub(super) struct Stage {
    lines: Vec<Line>,
    console: Console,
    running: Mutex<JoinSet<()>>,
}

struct Line {
    place: Place,
    simulated: Arc<Simulated>,
    bar: ProgressBar,
    /// The most quarters of the school that it held, and that were verified, once each worth a line in a file.
    reached: Mutex<(i64, i64)>,
}

/// A simulated terminal, as those outside of its task see it.
#[derive(Default)]
struct Simulated {
    people: Mutex<People>,
    deeds: Mutex<Vec<Deed>>,
}

impl Stage {
    /// Switches the terminals on.
    pub(super) fn set(school: &School, server: SocketAddr, stop: &CancellationToken) -> anyhow::Result<Stage> {
        let console = Console::new();
        let mut running = JoinSet::new();
        let mut lines = Vec::new();
        for (place, seed) in school.terminals.iter().zip(1..) {
            let profile = Profile::by_name(place.profile).with_context(|| format!("no profile {}", place.profile))?;
            let simulated = Arc::new(Simulated::default());
            let terminal = Terminal::new(place.serial, profile, seed);
            running.spawn(run_terminal(terminal, server, simulated.clone(), stop.clone()));
            let bar = console.line()?;
            bar.set_prefix(place.name);
            lines.push(Line { place: place.clone(), simulated, bar, reached: Mutex::default() });
        }
        Ok(Stage { lines, console, running: Mutex::new(running) })
    }

    /// Shows how the school gets in step and is verified, then lets things happen, for ever.
    pub(super) async fn play(&self, app: &App, school: &School) -> anyhow::Result<()> {
        let took = self.until(app, |are_in_step| are_in_step, SignedDuration::MAX).await?;
        self.console
            .say(&format!("Every terminal holds the whole school after {}. Each is asked for proof.", after(took)));
        let mut tx = app.db.write().await?;
        let devices = verify::want_all(&mut tx, app.clock.now()).await?;
        tx.commit().await?;
        app.registry.raise(&devices);
        self.until(app, |_| self.lines.iter().any(Line::was_verified), PATIENCE).await?;
        self.console.say("Now things happen:");
        for turn in 0.. {
            self.wait(app, PAUSE).await?;
            if turn % IMPORT_EVERY == IMPORT_EVERY / 2 {
                self.guard(app, school).await?;
                continue;
            }
            // Two deeds at terminals, then something in the database.
            if turn % 3 < 2 {
                let nth = turn - turn / 3;
                // The slow ones join when they have told of everybody.
                let lines: Vec<&Line> = self.lines.iter().filter(|line| line.was_verified()).collect();
                if let Some(line) = lines.get((nth + nth / 3) % lines.len().max(1)) {
                    self.suffer(app, line, nth).await?;
                }
            } else {
                let event = school.happen(app, turn / 3).await?;
                self.console.say(&format!("· {}", event.in_words()));
                self.follow(app, &event).await?;
            }
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
        self.until(app, |_| false, SignedDuration::try_from(time)?).await.map(drop)
    }

    /// Looks until it is so (told whether every terminal is in step), for as long as told at most. Answers how long that took.
    async fn until(
        &self,
        app: &App,
        is_so: impl Fn(bool) -> bool,
        at_most: SignedDuration,
    ) -> anyhow::Result<SignedDuration> {
        let began = app.clock.monotonic();
        loop {
            let passed = app.clock.monotonic() - began;
            if is_so(self.look(app).await?) || passed >= at_most {
                return Ok(passed);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Tells when something that was done at a terminal is found out, and when it is undone.
    async fn suffer(&self, app: &App, line: &Line, turn: usize) -> anyhow::Result<()> {
        let before = line.people();
        let deed = Deed::of_turn(turn, &before);
        self.console.say(&format!("· {}", deed.in_words(line.place.name)));
        line.simulated.deeds.lock().unwrap_or_else(PoisonError::into_inner).push(deed);
        let (began, since) = (app.clock.monotonic(), app.clock.now());
        let (mut found, mut is_done) = (None, false);
        loop {
            let passed = app.clock.monotonic() - began;
            let held = line.people();
            is_done |= held != before;
            if found.is_none() && has_found(app, line, since).await? {
                found = Some(passed);
            }
            if let (true, Some(found)) = (is_done && held == before, found) {
                let (found, mended) = (after(found), after(passed));
                self.console.say(&format!("    found after {found}, mended after {mended}"));
                return Ok(());
            }
            if passed > PATIENCE {
                self.console.say("    not mended yet; that goes on by itself");
                return Ok(());
            }
            self.look(app).await?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A bad import would empty the terminals. What would be removed is held; people stay, and the mistake is mended.
    async fn guard(&self, app: &App, school: &School) -> anyhow::Result<()> {
        let before: Vec<usize> = self.lines.iter().map(|line| line.people().len()).collect();
        self.console.say(&format!("· a bad import switches {SWITCHED_OFF} students off"));
        let switched_off = school.import_badly(app).await?;
        let held = self.until_held(app, |held| held > 0).await?;
        let stay = self.lines.iter().zip(before).all(|(line, before)| line.people().len() == before);
        let people = if stay { "nobody was removed" } else { "somebody was removed" };
        self.console
            .say(&format!("    {held} removals are held until somebody decides: {people} (rollcall removals SERIAL)"));
        self.wait(app, PAUSE).await?;
        self.console.say("· the import is corrected");
        School::import_well(app, &switched_off).await?;
        self.until_held(app, |held| held == 0).await?;
        self.console.say("    nothing is held any more; everybody was there all the time");
        Ok(())
    }

    /// Looks until so many removals are held on all terminals together, for a while. How many they are.
    async fn until_held(&self, app: &App, is_so: impl Fn(i64) -> bool) -> anyhow::Result<i64> {
        let began = app.clock.monotonic();
        loop {
            let mut tx = app.db.read().await?;
            let mut held = 0;
            for line in &self.lines {
                held += removals::counts(&mut tx, line.place.device).await?.held_removals;
            }
            drop(tx);
            if is_so(held) || app.clock.monotonic() - began > PATIENCE {
                return Ok(held);
            }
            self.look(app).await?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Tells when an event has arrived at each terminal.
    async fn follow(&self, app: &App, event: &Event) -> anyhow::Result<()> {
        let began = app.clock.monotonic();
        let mut missing: Vec<&Line> = self.lines.iter().collect();
        let mut arrived = Vec::new();
        while !missing.is_empty() && app.clock.monotonic() - began < PATIENCE {
            let passed = app.clock.monotonic() - began;
            missing.retain(|line| {
                let names: Vec<String> = line.people().into_values().map(|(name, _)| name).collect();
                let has_arrived = event.has_arrived(&names);
                if has_arrived {
                    arrived.push(format!("{} after {}", line.place.name, after(passed)));
                }
                !has_arrived
            });
            self.look(app).await?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        if !arrived.is_empty() {
            self.console.say(&format!("    at {}", arrived.join(", ")));
        }
        Ok(())
    }

    /// Brings the lines up to date. Whether every terminal is in step.
    async fn look(&self, app: &App) -> anyhow::Result<bool> {
        let mut are_in_step = true;
        let mut tx = app.db.read().await?;
        for line in &self.lines {
            let summary = overview::summary(&mut tx, line.place.device).await?;
            let proof = proof::proof(&mut tx, line.place.device).await?;
            let (total, synced, verified) = (summary.total, summary.synced, proof.verified);
            are_in_step &= synced == total && total > 0;
            line.bar.set_length(total.unsigned_abs());
            line.bar.set_position(synced.unsigned_abs());
            let held = line.people().len();
            let text =
                format!("holds {held:>2}/{total:<2} · verified {verified:>2}/{total:<2} · {}", line.place.remark);
            if line.bar.message() != text {
                line.bar.set_message(text.clone());
            }
            let mut reached = line.reached.lock().unwrap_or_else(PoisonError::into_inner);
            let (held, proven) = (synced * 4 / total.max(1), verified * 4 / total.max(1));
            if held > reached.0 || proven > reached.1 {
                *reached = (held.max(reached.0), proven.max(reached.1));
                self.console.milestone(line.place.name, &text);
            }
        }
        Ok(are_in_step)
    }
}

impl Line {
    fn people(&self) -> People {
        self.simulated.people.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Most of those on it were verified once.
    fn was_verified(&self) -> bool {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).1 >= 3
    }
}

/// Whether a reading of the terminal found something since then.
async fn has_found(app: &App, line: &Line, since: Timestamp) -> anyhow::Result<bool> {
    let mut tx = app.db.read().await?;
    let Drift { missing, different, strangers, extra } = found::drift(&mut tx, line.place.device).await?;
    Ok([missing, different, strangers, extra].iter().flatten().any(|row| row.found_at.0 >= since))
}

fn after(time: SignedDuration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

async fn run_terminal(mut terminal: Terminal, server: SocketAddr, simulated: Arc<Simulated>, stop: CancellationToken) {
    let clock = Clock::machine();
    let watch = |terminal: &mut Terminal, _: over_http::State| {
        for deed in simulated.deeds.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            deed.act(terminal);
        }
        *simulated.people.lock().unwrap_or_else(PoisonError::into_inner) = deed::held(terminal);
    };
    over_http::run(&mut terminal, &server.to_string(), || clock.now(), stop.cancelled(), watch).await;
}
