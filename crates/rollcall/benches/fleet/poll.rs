//! Idle polls, and what they leave behind.

use push_protocol::text::SerialNumber;
use rollcall::{
    devices::{
        presence,
        registry::{Registry, Told},
    },
    store::Db,
};

use crate::{
    Sizes, fleet,
    host::{self, Host},
    load::{self, Connection, Requests},
    machine::{self, Database, Stopwatch},
    report::{Gate, Report, median, power, ratios},
};

/// Terminals of the smaller registry, and of those who poll.
const FEW: i64 = 1_000;
/// A round is so many short ones in turn, of which the best counts: a neighbour of a shared machine who takes a core for a
/// moment makes any of them slower, and nothing makes one faster than it is.
const PARTS: u8 = 5;

pub async fn measure(report: &mut Report, database: &Database, sizes: Sizes) {
    let many = with_devices(database, "many", sizes.devices).await;
    let few = with_devices(database, "few", FEW).await;
    beside_others(report, database.product, &many, sizes).await;
    in_a_larger_registry(report, database.product, (&few, &many), sizes).await;
    presence_of_many(report, database.product, (&few, &many), sizes).await;
}

async fn with_devices(database: &Database, name: &str, devices: i64) -> String {
    let url = database.make(name).await;
    let db = Db::open(&url).await.expect("a database");
    let mut tx = db.write().await.expect("a writer");
    fleet::add_school(&mut tx, 1, 0, devices).await;
    tx.commit().await.expect("a commit");
    db.close().await;
    url
}

fn polls(devices: i64, how: Connection) -> Requests {
    // In an order in which no two neighbours are neighbours in memory.
    let serials = (0..devices).map(|number| fleet::serial(1, number * 7_919 % devices));
    load::polls(serials, how.header())
}

/// With everything that a server does beside, against a handler that does nothing, and one that does what others do.
async fn beside_others(report: &mut Report, product: &'static str, url: &str, sizes: Sizes) {
    let (ours, bare, naive) = (Host::product(url).await, Host::bare(), Host::three_queries(url).await);
    for how in Connection::BOTH {
        let requests = polls(FEW.min(sizes.devices), how);
        let mut rates = [const { Vec::new() }; 3];
        for _ in 0..sizes.rounds {
            let mut best = [0.0_f64; 3];
            for _ in 0..PARTS {
                for (host, best) in [&bare, &ours, &naive].into_iter().zip(&mut best) {
                    let seconds = sizes.seconds / f64::from(PARTS);
                    *best = best.max(load::as_fast_as_possible(host.address, &requests, how, seconds).await);
                }
            }
            for (rates, best) in rates.iter_mut().zip(best) {
                rates.push(best);
            }
        }
        let [of_bare, of_ours, of_naive] = rates;
        let how = how.words();
        report.tell(&format!("bare axum handler, {how}"), product, "per s", &of_bare);
        report.tell(&format!("idle poll, {how}"), product, "per s", &of_ours);
        report.tell(&format!("poll with three queries, {how}"), product, "per s", &of_naive);
        let to_bare = ratios(&of_ours, &of_bare);
        report.gate(&format!("idle poll / bare axum handler, {how}"), product, &to_bare, Gate::AtLeast(0.8), 0.95);
        if how == Connection::KeptAlive.words() {
            let to_naive = ratios(&of_ours, &of_naive);
            report.gate("idle poll / poll with three queries", product, &to_naive, Gate::AtLeast(15.0), 30.0);
        }
    }
    for host in [ours, bare, naive] {
        host.stop().await;
    }
}

/// Both with the doors alone: what runs beside them is measured by itself.
async fn in_a_larger_registry(report: &mut Report, product: &'static str, urls: (&str, &str), sizes: Sizes) {
    let (few, many) = (Host::still(urls.0).await, Host::still(urls.1).await);
    let to_few = polls(FEW, Connection::KeptAlive);
    let to_many = polls(sizes.devices, Connection::KeptAlive);

    let asking = load::as_fast_as_possible(many.address, &to_many, Connection::KeptAlive, sizes.seconds / 5.0);
    let (rate, statements) = machine::statements(asking).await;
    assert!(rate > 0.0);
    #[expect(clippy::cast_precision_loss, reason = "few, if any")]
    report.gate("statements of all idle polls of a round", product, &[statements as f64], Gate::AtMost(0.0), 0.0);

    let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
    for _ in 0..sizes.rounds {
        for (host, requests, costs) in [(&few, &to_few, &mut of_few), (&many, &to_many, &mut of_many)] {
            let before = machine::processor_of(host::THREADS);
            let watch = Stopwatch::start();
            let rate = load::as_fast_as_possible(host.address, requests, Connection::KeptAlive, sizes.seconds).await;
            let took = machine::processor_of(host::THREADS) - before;
            costs.push(took / (rate * watch.seconds()) * 1e6);
        }
    }
    report.tell("processor per idle poll, server's side, registry of 1,000", product, "µs", &of_few);
    report.tell(&format!("the same, registry of {}", sizes.devices), product, "µs", &of_many);
    let ratio = ratios(&of_many, &of_few);
    report.gate("processor per idle poll, largest registry / of 1,000", product, &ratio, Gate::AtMost(1.25), 1.05);
    few.stop().await;
    many.stop().await;
}

/// What is written grows with the terminals that called, not with those that there are.
async fn presence_of_many(report: &mut Report, product: &'static str, urls: (&str, &str), sizes: Sizes) {
    let (few, many) = (Seeing::open(urls.0).await, Seeing::open(urls.1).await);
    let most = sizes.devices / 10;
    let (mut hundred, mut tenth, mut of_few, mut of_many) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // The first time a terminal is seen its address is news; that is another row than the usual one.
    many.flush(most).await;
    few.flush(FEW).await;
    for _ in 0..sizes.rounds * 2 {
        hundred.push(many.flush(FEW / 10).await);
        tenth.push(many.flush(most).await);
        of_few.push(few.flush(FEW).await);
        of_many.push(many.flush(FEW).await);
    }
    let milliseconds: Vec<f64> = of_many.iter().map(|seconds| seconds * 1e3).collect();
    report.tell("presence of 1,000 terminals written", product, "ms", &milliseconds);
    #[expect(clippy::cast_precision_loss, reason = "a number of terminals")]
    let grows = power(((FEW / 10) as f64, most as f64), (median(&hundred), median(&tenth)));
    report.gate("growth of presence with the terminals seen (power)", product, &[grows], Gate::AtMost(1.15), 1.0);
    let ratio = ratios(&of_many, &of_few);
    // Among many, each is on a page of its own, which is written; more than that it must not cost.
    report.gate("presence of 1,000, largest registry / of 1,000", product, &ratio, Gate::AtMost(4.0), 2.0);
    few.db.close().await;
    many.db.close().await;
}

struct Seeing {
    db: Db,
    registry: Registry,
}

impl Seeing {
    async fn open(url: &str) -> Seeing {
        let db = Db::open(url).await.expect("a database");
        let mut tx = db.read().await.expect("a reader");
        let registry = Registry::load(&mut tx, jiff::tz::TimeZone::UTC).await.expect("a registry");
        drop(tx);
        Seeing { db, registry }
    }

    /// So many terminals call, spread over all there are; then it is written. Seconds of the writing.
    async fn flush(&self, terminals: i64) -> f64 {
        let step = self.registry.len() as i64 / terminals;
        for number in 0..terminals {
            let serial = SerialNumber::parse(&fleet::serial(1, number * step)).expect("a serial number");
            let terminal = self.registry.find(&serial).expect("a terminal");
            let told = Told { address: [127, 0, 0, 1].into(), firmware: None, user_count: None };
            self.registry.seen(&terminal, told, host::beginning());
        }
        let watch = Stopwatch::start();
        presence::flush(&self.db, &self.registry, host::beginning()).await.expect("a flush");
        watch.seconds()
    }
}
