//! `rollcall simulate --students N`: a town of schools and terminals against a real server, for as long as told. People edit,
//! terminals and lines fail; in the end everything must be in step, by the terminals' own word, and accounted for.

mod api;
mod measure;
mod report;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use push_protocol::text::{Charset, Name};
use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use serde_json::json;
use terminal_simulator::{FaultKind, FaultKinds, Faults, Profile, Terminal, over_http};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::{
    api::{Api, Student},
    measure::{Arrivals, Metrics, resident},
    report::Report,
};
use crate::clock::Clock;

#[derive(clap::Args, Debug)]
#[group(skip)]
pub(super) struct Args {
    /// Plays a town: makes schools with so many students in all, registers the terminals, lets people edit and things go
    /// wrong for --lasts, and then says whether everything is in step. Exits 1 when it is not. For an empty server.
    #[arg(long, value_name = "N", requires = "token")]
    students: Option<u32>,
    /// A superadmin's token (`rollcall token create`), to play a town with.
    #[arg(long, env = "ROLLCALL_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// How long a town is played, once it is in step.
    #[arg(long, default_value = "20m", value_parser = super::super::duration, value_name = "TIME")]
    lasts: SignedDuration,
    /// Between two edits in a town.
    #[arg(long, default_value = "200ms", value_parser = super::super::duration, value_name = "TIME")]
    edit_every: SignedDuration,
    /// The server's process on this machine, whose memory must stay flat.
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// The server's log in JSON, in which no error may be.
    #[arg(long, value_name = "FILE")]
    server_log: Option<PathBuf>,
}

/// What a town needs beside its own settings.
pub(super) struct Setting {
    /// `host:port` of the server.
    pub address: String,
    pub terminals: u32,
    pub profiles: Vec<String>,
    pub serial: String,
    pub punch_every: Option<SignedDuration>,
}

/// Terminals of one school.
const TERMINALS_PER_SCHOOL: u32 = 10;
/// What a town has unless somebody says otherwise: families that can say whom they hold, or at least answer for it.
const PROFILES: [&str; 3] = ["zam180", "senseface-a2", "access-s3"];
const PUNCH_EVERY: SignedDuration = SignedDuration::from_secs(30);
/// Chances in a thousand, for each fault at each of its opportunities.
const CHANCE: u32 = 3;
/// What is not in step by then is not.
const PATIENCE: SignedDuration = SignedDuration::from_mins(20);
const LOOK_EVERY: Duration = Duration::from_secs(1);

const NAMES: [&str; 12] = [
    "Ayşe Demir",
    "Mateo Quispe",
    "李小明",
    "Ngozi Okafor",
    "Ольга Шевчук",
    "محمد الأمين",
    "नन्दिनी शर्मा",
    "Wiremu Tāne",
    "ქეთევან",
    "Nguyễn Thị Ánh",
    "አበበ በቀለ",
    "Jürgen Groß",
];

impl Args {
    pub(super) fn is_town(&self) -> bool {
        self.students.is_some()
    }
}

pub(super) async fn run(args: Args, setting: Setting, stopped: impl Future<Output = ()>) -> anyhow::Result<ExitCode> {
    let api = Api::new(&setting.address, args.token.as_deref().unwrap_or_default());
    let students = args.students.unwrap_or_default();
    tokio::select! {
        outcome = play(&args, &setting, &api, students) => outcome,
        () = stopped => Ok(ExitCode::FAILURE),
    }
}

async fn play(args: &Args, setting: &Setting, api: &Api, students: u32) -> anyhow::Result<ExitCode> {
    let clock = Clock::machine();
    let mut town = Town::found(setting, api, students).await?;
    println!("{} schools, {students} students, {} terminals", town.schools.len(), setting.terminals);
    let stored_before = api.count("/api/v1/attendance").await?;
    let quiet_from = Arc::new(Mutex::new(None));
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    for (number, place) in (1..).zip(&town.places) {
        let terminal = Terminal::new(&place.serial, place.profile.clone(), number);
        let every = setting.punch_every.unwrap_or(PUNCH_EVERY);
        let live = Live { number, every, address: setting.address.clone(), quiet_from: Arc::clone(&quiet_from) };
        running.spawn(live.run(terminal, Arc::clone(&place.sight), stop.clone()));
    }
    let mut report = Report::default();
    let began = clock.monotonic();
    let filled = in_step(api, &clock, town.expected()).await?;
    report.filled_after = clock.monotonic() - began;
    println!(
        "{}",
        filled.as_deref().map_or_else(
            || format!("in step after {:#}; now people edit and things go wrong", report::rounded(report.filled_after)),
            |wrong| format!("not in step after {:#}: {wrong}", report::rounded(report.filled_after)),
        )
    );

    let metrics = Metrics::ask(api).await?;
    let (arrived, commands) = (metrics.arrivals(), metrics.commands());
    report.memory.extend(args.server_pid.map(resident).transpose()?);
    let now = clock.now();
    *lock(&quiet_from) = Some(now + args.lasts * 7 / 10);
    let began = clock.monotonic();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let pause = Duration::try_from(args.edit_every)?;
    while clock.monotonic() - began < args.lasts {
        if let Err(error) = town.edit(api, &mut random).await {
            report.errors.push(format!("an edit: {error:#}"));
        }
        report.edits += 1;
        if report.memory.len() == 1 && (clock.monotonic() - began) * 2 >= args.lasts {
            report.memory.extend(args.server_pid.map(resident).transpose()?);
        }
        // This is how fast people type.
        tokio::time::sleep(pause).await;
    }

    for place in &town.places {
        lock(&place.sight).is_quiet = true;
    }
    let began = clock.monotonic();
    let mut wrong = in_step(api, &clock, town.expected()).await?;
    if wrong.is_none() {
        // Terminals that swallow what they acknowledge are found by asking them.
        let doubtful = town.places.iter().filter(|place| place.may_swallow()).map(|place| place.device);
        wrong = verified(api, doubtful.collect(), &clock).await?;
    }
    if wrong.is_none() {
        wrong = in_step(api, &clock, town.expected()).await?;
    }
    report.settled_after = clock.monotonic() - began;
    report.errors.extend(wrong);
    report.memory.extend(args.server_pid.map(resident).transpose()?);
    let metrics = Metrics::ask(api).await?;
    report.arrivals = metrics.arrivals().since(&arrived);
    report.commands = metrics.commands() - commands;
    stop.cancel();
    let terminals = running.join_all().await;
    report.punched = town.places.iter().map(|place| lock(&place.sight).made).sum();
    let undelivered: u64 = terminals.iter().map(|terminal| terminal.undelivered_punches() as u64).sum();
    report.acknowledged = report.punched - undelivered;
    report.stored = api.count("/api/v1/attendance").await?.saturating_sub(stored_before);
    report.differing = town.differing(api, &terminals).await?;
    if let Some(log) = &args.server_log {
        report.logged = measure::logged(log)?;
    }
    print!("{report}");
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Town {
    schools: Vec<School>,
    places: Vec<Place>,
    next_card: u64,
}

struct School {
    id: i64,
    students: Vec<Student>,
}

/// Where a terminal hangs.
struct Place {
    device: i64,
    school: usize,
    serial: String,
    profile: Profile,
    sight: Arc<Mutex<Sight>>,
}

/// What passes between a terminal's task and the others.
#[derive(Default)]
struct Sight {
    /// Punches that somebody made.
    made: u64,
    is_quiet: bool,
}

impl Town {
    async fn found(setting: &Setting, api: &Api, students: u32) -> anyhow::Result<Town> {
        let schools = setting.terminals.div_ceil(TERMINALS_PER_SCHOOL);
        let mut town = Town { schools: Vec::new(), places: Vec::new(), next_card: 1_000 };
        for number in 0..schools {
            let id =
                api.create("/api/v1/schools", json!({"name": format!("Colegio {number}"), "timezone": "UTC"})).await?;
            let mut file = "full_name,rfid_card_id\n".to_owned();
            // The first schools have the ones that are left over.
            for student in 0..students / schools + u32::from(number < students % schools) {
                town.next_card += 1;
                let name = NAMES[student as usize % NAMES.len()];
                writeln!(file, "{name} {student},{}", town.next_card)?;
            }
            api.import(id, &file).await?;
            town.schools.push(School { id, students: api.students(id).await? });
        }
        let chosen: Vec<&str> = match setting.profiles.as_slice() {
            [] => PROFILES.to_vec(),
            chosen => chosen.iter().map(String::as_str).collect(),
        };
        for number in 0..setting.terminals {
            let school = (number / TERMINALS_PER_SCHOOL) as usize;
            let serial = format!("{}{:04}", setting.serial, number + 1);
            let name = chosen[number as usize % chosen.len()];
            let profile = Profile::by_name(name).with_context(|| format!("there is no profile {name}"))?;
            let device = json!({"school_id": town.schools[school].id, "serial_number": serial, "device_name": serial});
            let device = api.create("/api/v1/devices", device).await?;
            town.places.push(Place { device, school, serial, profile, sight: Arc::default() });
        }
        Ok(town)
    }

    /// How many students belong on terminals, once for each terminal.
    fn expected(&self) -> u32 {
        let active = |place: &Place| {
            let students = &self.schools[place.school].students;
            u32::try_from(students.iter().filter(|student| student.is_active).count()).unwrap_or(u32::MAX)
        };
        self.places.iter().map(active).sum()
    }

    /// Somebody edits a student: mostly his name, now and then his card, or he leaves or comes back.
    async fn edit(&mut self, api: &Api, random: &mut Xoshiro256PlusPlus) -> anyhow::Result<()> {
        let school = random.random_range(0..self.schools.len());
        let students = &mut self.schools[school].students;
        let student = random.random_range(0..students.len());
        let student = &mut students[student];
        let mut next = student.clone();
        match random.random_range(0..10) {
            0 if student.is_active => next.is_active = false,
            1 => {
                self.next_card += 1;
                next.card = self.next_card;
            }
            _ if !student.is_active => next.is_active = true,
            _ => {
                let name = NAMES[random.random_range(0..NAMES.len())];
                next.name = format!("{name} {}", random.random_range(0..100_000));
            }
        }
        api.change(&next).await?;
        *student = next;
        Ok(())
    }

    /// Where a terminal holds other people than the API lists, in words.
    async fn differing(&self, api: &Api, terminals: &[Terminal]) -> anyhow::Result<Vec<String>> {
        let mut rosters = Vec::new();
        for school in &self.schools {
            rosters.push(api.students(school.id).await?);
        }
        let by_serial: BTreeMap<&str, &Terminal> =
            terminals.iter().map(|terminal| (terminal.serial(), terminal)).collect();
        let mut differing = Vec::new();
        for place in &self.places {
            let charset = Charset::of_language(Some(place.profile.language));
            let mut wanted: Vec<(String, u64)> = Vec::new();
            for student in rosters[place.school].iter().filter(|student| student.is_active) {
                wanted.push((Name::fit(&student.name, charset)?.as_str().to_owned(), student.card));
            }
            let Some(terminal) = by_serial.get(place.serial.as_str()) else { continue };
            let users = terminal.users().values();
            let mut held: Vec<_> = users.map(|user| (user.name.clone(), user.card.unwrap_or(0))).collect();
            wanted.sort();
            held.sort();
            let missing = wanted.iter().filter(|person| !held.contains(person)).count();
            let extra = held.iter().filter(|person| !wanted.contains(person)).count();
            if held != wanted {
                differing.push(format!(
                    "{} ({}) holds {} of {}: {missing} missing, {extra} others",
                    place.serial,
                    place.profile.name,
                    held.len(),
                    wanted.len()
                ));
            }
        }
        Ok(differing)
    }
}

impl Place {
    /// One that may acknowledge what it does not store must be able to say so when it is asked.
    fn may_swallow(&self) -> bool {
        self.profile.name == "zam180"
    }
}

fn faults_of(profile: &Profile) -> FaultKinds {
    let line = FaultKinds::LINE.with(FaultKind::RebootMidBatch).with(FaultKind::CrashBeforeResult);
    if profile.name == "zam180" {
        line.with(FaultKind::DropUser).with(FaultKind::CutField).with(FaultKind::Wipe)
    } else {
        line
    }
}

/// A terminal that runs by itself.
struct Live {
    number: u64,
    every: SignedDuration,
    address: String,
    /// Nothing goes wrong before this is set, nor after it has passed.
    quiet_from: Arc<Mutex<Option<Timestamp>>>,
}

impl Live {
    async fn run(self, mut terminal: Terminal, sight: Arc<Mutex<Sight>>, stop: CancellationToken) -> Terminal {
        let clock = Clock::machine();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.number);
        let mut next_punch = SignedDuration::from_millis(random.random_range(0..30_000));
        let mut has_faults = false;
        let watch = |terminal: &mut Terminal, _| {
            if !has_faults && let Some(until) = *lock(&self.quiet_from) {
                has_faults = true;
                let kinds = faults_of(terminal.profile());
                *terminal.faults() = Faults::by_seed(self.number, kinds).chance(CHANCE).until(until);
            }
            let mut sight = lock(&sight);
            if !sight.is_quiet && clock.monotonic() >= next_punch && !terminal.users().is_empty() {
                let turn = random.random_range(0..terminal.users().len());
                if let Some(pin) = terminal.users().keys().nth(turn).cloned() {
                    let at = terminal.local(clock.now());
                    terminal.punch(&pin, at);
                    sight.made += 1;
                }
                // One person punches once in a second.
                next_punch = clock.monotonic() + self.every.max(SignedDuration::from_secs(2));
            }
        };
        over_http::run(&mut terminal, &self.address, || clock.now(), stop.cancelled(), watch).await;
        terminal
    }
}

/// Waits until everybody is where he belongs, as far as the server knows. What is wrong, if it does not come to that.
async fn in_step(api: &Api, clock: &Clock, expected: u32) -> anyhow::Result<Option<String>> {
    let began = clock.monotonic();
    let mut times = 0;
    loop {
        let wrong = Metrics::ask(api).await?.out_of_step(expected);
        // What terminals have and have not told yet comes within a poll or two.
        times = if wrong.is_none() { times + 1 } else { 0 };
        if times == 3 {
            return Ok(None);
        }
        if clock.monotonic() - began > PATIENCE {
            return Ok(wrong);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Asks these terminals whom they hold, and waits until all have said it.
async fn verified(api: &Api, mut devices: Vec<i64>, clock: &Clock) -> anyhow::Result<Option<String>> {
    let asked = clock.now() - SignedDuration::from_secs(2);
    for device in &devices {
        api.verify(*device).await?;
    }
    let began = clock.monotonic();
    while let Some(device) = devices.last() {
        if api.verified_since(*device, asked).await? {
            devices.pop();
        } else if clock.monotonic() - began > PATIENCE {
            return Ok(Some(format!("{} terminals have not said whom they hold", devices.len())));
        } else {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    Ok(None)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
