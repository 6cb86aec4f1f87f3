//! What Rollcall costs, in terms of what the same machine does in the same run: `make bench`. docs/performance.md has the
//! table and what it means.
//!
//! Every figure comes from interleaved rounds and is shown as median, smallest and largest. What others do (three queries
//! per poll, a commit per request, a loop over rows) is built here, so that each ratio is of one run on one machine. The
//! load generator has the same cores as the server. A gate that is missed makes the exit status 1.
//!
//! `ROLLCALL_BENCH=small` takes a few minutes; `ROLLCALL_BENCH_ONLY=poll,pages` runs some parts,
//! `ROLLCALL_BENCH_ON=postgresql` one database.

mod delivery;
mod fleet;
mod host;
mod load;
mod machine;
mod memory;
mod pages;
mod poll;
mod punches;
mod reconcile;
mod report;
mod verification;

use std::{env, process::ExitCode};

use self::{machine::Databases, report::Report};

/// How much is measured. `full` is what the table of docs/performance.md says.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub name: &'static str,
    pub students: i64,
    pub terminals: i64,
    /// In the registry.
    pub devices: i64,
    /// Of a terminal that is filled at once.
    pub commands: i64,
    /// Of each measurement.
    pub rounds: usize,
    /// Of a round under load.
    pub seconds: f64,
    /// For the resident memory of the program: terminals that poll, and students.
    pub polling: i64,
    pub served: i64,
}

const FULL: Sizes = Sizes {
    name: "full",
    students: 10_000,
    terminals: 50,
    devices: 100_000,
    commands: 10_000,
    rounds: 5,
    seconds: 1.0,
    polling: 1_000,
    served: 20_000,
};

const SMALL: Sizes = Sizes {
    name: "small",
    students: 1_000,
    terminals: 10,
    devices: 10_000,
    commands: 1_000,
    rounds: 3,
    seconds: 0.3,
    polling: 100,
    served: 2_000,
};

fn main() -> ExitCode {
    // A registry is weighed in a process of its own.
    if let Ok(devices) = env::var(memory::WEIGH) {
        return memory::weigh(&devices);
    }
    machine::listen();
    let sizes = match env::var("ROLLCALL_BENCH").as_deref() {
        Err(_) | Ok("full") => FULL,
        Ok("small") => SMALL,
        Ok(other) => panic!("ROLLCALL_BENCH={other}: full or small"),
    };
    let runtime = machine::runtime("load");
    let passed = runtime.block_on(measure(sizes));
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The parts, in the order in which they run.
const PARTS: [&str; 7] = ["poll", "punches", "reconcile", "delivery", "verification", "pages", "memory"];

async fn measure(sizes: Sizes) -> bool {
    let only = env::var("ROLLCALL_BENCH_ONLY").unwrap_or_default();
    let wanted: Vec<&str> = only.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if let Some(unknown) = wanted.iter().find(|part| !PARTS.contains(part)) {
        panic!("ROLLCALL_BENCH_ONLY={unknown}: the parts are {}", PARTS.join(", "));
    }
    let is_wanted = |part: &str| wanted.is_empty() || wanted.contains(&part);

    let on = env::var("ROLLCALL_BENCH_ON").ok();
    let databases = Databases::find();
    let mut report = Report::new(sizes.name, machine::about(&databases).await);
    for database in databases.all() {
        if on.as_deref().is_some_and(|on| !on.eq_ignore_ascii_case(database.product)) {
            continue;
        }
        machine::measure(&mut report, database).await;
        if is_wanted("poll") {
            poll::measure(&mut report, database, sizes).await;
        }
        if is_wanted("punches") {
            punches::measure(&mut report, database, sizes).await;
        }
        // One fleet of terminals goes through all of these, in this order.
        if ["reconcile", "delivery", "verification", "pages"].into_iter().any(is_wanted) {
            let fleet = fleet::Fleet::make(database, sizes.students, sizes.terminals).await;
            let pass = reconcile::measure(&mut report, database, &fleet, sizes).await;
            if is_wanted("delivery") {
                delivery::measure(&mut report, &fleet, sizes).await;
            }
            fleet.confirm().await;
            reconcile::measure_changes(&mut report, &fleet, &pass, sizes).await;
            if is_wanted("verification") {
                verification::measure(&mut report, database, &fleet, pass.everything).await;
            }
            if is_wanted("pages") {
                pages::measure(&mut report, &fleet, sizes).await;
            }
            fleet.db.close().await;
        }
        if is_wanted("memory") {
            memory::measure(&mut report, database, sizes).await;
        }
    }
    report.end()
}
