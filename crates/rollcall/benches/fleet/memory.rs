//! Memory, weighed in processes of their own.

use std::{
    env,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use jiff::tz::TimeZone;
use rollcall::{
    devices::{DeviceId, registry::Registry},
    store::Db,
    sync::reconcile::{Scope, reconcile},
};

use crate::{
    Sizes, fleet,
    host::beginning,
    load::{self, Client},
    machine::{self, Database},
    report::{Gate, Report},
};

/// With the address of a database in it this program weighs the registry of its devices, and does nothing else.
pub const WEIGH: &str = "ROLLCALL_BENCH_WEIGH";

pub async fn measure(report: &mut Report, database: &Database, sizes: Sizes) {
    registry(report, database, sizes).await;
    if database.is_sqlite() {
        served(report, database, sizes).await;
    }
}

async fn registry(report: &mut Report, database: &Database, sizes: Sizes) {
    let url = database.make("weighed").await;
    let db = Db::open(&url).await.expect("a database");
    let mut tx = db.write().await.expect("a writer");
    fleet::add_school(&mut tx, 1, 0, sizes.devices).await;
    tx.commit().await.expect("a commit");
    db.close().await;
    let program = env::current_exe().expect("this program");
    let output = Command::new(program).env(WEIGH, &url).output().expect("this program again");
    let said = String::from_utf8_lossy(&output.stdout);
    let bytes: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(!bytes.is_empty(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    let what = format!("registry memory per device, of {}, bytes", sizes.devices);
    // Small registries are lost in what the allocator keeps.
    report.gate_at_full_size(&what, database.product, &bytes, Gate::AtMost(256.0), 160.0);
}

/// Loads the registry again and again and keeps all of them: what loading leaves behind is used by the next, so that in
/// the end each adds what it takes.
pub fn weigh(url: &str) -> ExitCode {
    machine::runtime("weigh").block_on(async {
        let db = Db::open(url).await.expect("a database");
        let mut kept = Vec::new();
        let mut before = 0.0;
        for round in 0..8 {
            let mut tx = db.read().await.expect("a reader");
            let registry = Registry::load(&mut tx, TimeZone::UTC).await.expect("a registry");
            drop(tx);
            #[expect(clippy::cast_precision_loss, reason = "a number of devices")]
            let devices = registry.len() as f64;
            kept.push(registry);
            let now = machine::megabytes("self", "VmRSS");
            if round >= 3 {
                println!("{}", (now - before) * 1024.0 * 1024.0 / devices);
            }
            before = now;
        }
        assert_eq!(kept.len(), 8);
    });
    ExitCode::SUCCESS
}

/// The program as people run it, schools with ten terminals each.
async fn served(report: &mut Report, database: &Database, sizes: Sizes) {
    let url = database.make("served").await;
    let schools = sizes.polling / 10;
    let db = Db::open(&url).await.expect("a database");
    let mut tx = db.write().await.expect("a writer");
    for school in 1..=schools {
        fleet::add_school(&mut tx, school, sizes.served / schools, 10).await;
    }
    tx.commit().await.expect("a commit");
    for device in 1..=sizes.polling {
        let mut tx = db.write().await.expect("a writer");
        reconcile(&mut tx, Scope::Device(DeviceId(device)), beginning()).await.expect("a pass");
        tx.commit().await.expect("a commit");
    }
    fleet::confirm(&db).await;
    db.close().await;

    let program = Program::start(&url).await;
    let mut terminals = Vec::new();
    for number in 0..sizes.polling {
        let serial = fleet::serial(number / 10 + 1, number % 10);
        terminals.push((Client::connect(program.address).await, load::polls([serial].into_iter(), "")));
    }
    let mut resident = Vec::new();
    for _ in 0..sizes.rounds {
        for _ in 0..4 {
            for (terminal, poll) in &mut terminals {
                assert_eq!(terminal.ask(&poll[0]).await.status, 200);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        resident.push(machine::megabytes(&program.child.id().to_string(), "VmRSS"));
    }
    let most = machine::megabytes(&program.child.id().to_string(), "VmHWM");
    let what = format!("resident memory, {} terminals, {} students, MB", sizes.polling, sizes.served);
    report.gate(&what, database.product, &resident, Gate::AtMost(120.0), 50.0);
    report.tell("the same, the most there was", database.product, "MB", &[most]);
}

/// `rollcall serve`, until it is dropped.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    async fn start(url: &str) -> Program {
        // A port that was free a moment ago.
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let child = Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .args(["--database-url", url, "serve", "--listen", &address.to_string()])
            .env("RUST_LOG", "error")
            .stderr(Stdio::null())
            .spawn()
            .expect("rollcall");
        let program = Program { child, address };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                // What it does when it begins belongs to it, too.
                tokio::time::sleep(Duration::from_secs(3)).await;
                return program;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("rollcall does not answer");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
