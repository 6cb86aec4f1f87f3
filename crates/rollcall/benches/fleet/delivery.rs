//! A terminal is filled: polls that take commands, and their results.

use std::sync::Arc;

use rollcall::devices::DeviceId;

use crate::{
    Sizes,
    fleet::{self, Fleet},
    host::Host,
    load::{self, Reply},
    machine::Stopwatch,
    report::{Gate, Report, median, percentile, power},
};

/// Every terminal has all of its commands still to come. Takes those of some of them.
pub async fn measure(report: &mut Report, fleet: &Fleet, sizes: Sizes) {
    let product = fleet.db.product();
    fleet.run("INSERT INTO device_delivery (device_id) SELECT id FROM devices WHERE TRUE ON CONFLICT DO NOTHING").await;

    // Interleaved, so that both meet the same machine.
    let (hundred, lone, various) = (fleet.devices[0], fleet.devices[1], fleet.devices[2]);
    let (mut batches, mut singles) = (Vec::new(), Vec::new());
    for _ in 0..sizes.commands.min(fleet.students) / 100 - 1 {
        batches.push(deliver(fleet, hundred, 100).await);
        for _ in 0..3 {
            singles.push(deliver(fleet, lone, 1).await);
        }
    }
    let rates: Vec<f64> = batches.iter().map(|seconds| 100.0 / seconds).collect();
    report.tell("delivery of commands and their results, 100 per poll", product, "per s", &rates);
    let single_rates: Vec<f64> = singles.iter().map(|seconds| 1.0 / seconds).collect();
    report.tell("the same, one by one", product, "per s", &single_rates);
    let tenth = (batches.len() / 10).max(2);
    let parts: Vec<f64> =
        rates.chunks(tenth).zip(single_rates.chunks(tenth * 3)).map(|(a, b)| median(a) / median(b)).collect();
    report.gate("delivery, 100 per poll / one by one", product, &parts, Gate::AtLeast(10.0), 18.0);
    let ends = median(&batches[batches.len() - tenth..]) / median(&batches[..tenth]);
    let what = format!("time of a batch, last of {} commands / first", sizes.commands);
    report.gate(&what, product, &[ends], Gate::AtMost(1.5), 1.1);

    let (mut among_many, mut among_few) = (Vec::new(), Vec::new());
    for _ in 0..90 {
        among_many.push(deliver(fleet, lone, 1).await);
        among_few.push(deliver(fleet, hundred, 1).await);
    }
    let grows = median(&among_many) / median(&among_few);
    let what = "a lone command and its result, nearly all still to come / nearly none";
    report.gate_at_full_size(what, product, &[grows], Gate::AtMost(1.5), 1.1);

    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..(fleet.students / 210).min(20) {
        few.push(deliver(fleet, various, 10).await);
        many.push(deliver(fleet, various, 200).await);
    }
    let grows = power((10.0, 200.0), (median(&few), median(&many)));
    report.gate("growth of delivery with the batch (power)", product, &[grows], Gate::AtMost(1.1), 0.9);
    promises(report, fleet).await;
}

/// A poll that takes so many commands, and their results in one request. Seconds.
async fn deliver(fleet: &Fleet, device: DeviceId, commands: usize) -> f64 {
    allow(fleet, device, commands).await;
    let watch = Stopwatch::start();
    let taken = fleet.poll(device, fleet.now).await;
    fleet.answer(device, &taken, fleet.now).await;
    let seconds = watch.seconds();
    assert_eq!(taken.len(), commands);
    seconds
}

/// As if the terminal had shown that it takes so many at once.
async fn allow(fleet: &Fleet, device: DeviceId, commands: usize) {
    let sql = "UPDATE device_delivery SET batch_size = $2, batch_is_judged = TRUE WHERE device_id = $1";
    let mut tx = fleet.db.write().await.expect("a writer");
    tx.execute(sql, [device.into(), (commands as i64).into()]).await.expect("what it takes");
    tx.commit().await.expect("a commit");
}

/// Results come when they are due, whatever the server does meanwhile, each alone over the wire; what was acknowledged is
/// stored.
async fn promises(report: &mut Report, fleet: &Fleet) {
    let product = fleet.db.product();
    let mut requests = Vec::new();
    for (number, device) in fleet.devices.iter().enumerate().skip(3) {
        allow(fleet, *device, 50).await;
        let now = rollcall::clock::Clock::machine().now();
        for id in fleet.poll(*device, now).await {
            let path = format!("/iclock/devicecmd?SN={}", fleet::serial(1, number as i64));
            requests.push(load::post(&path, &format!("ID={}&Return=0&CMD=DATA", id.number())));
        }
    }
    let before = completed(fleet).await;
    let host = Host::product(&fleet.url).await;
    let per_second = 300.0;
    let is_yes = |reply: &Reply<'_>| reply.status == 200 && reply.body.starts_with(b"OK");
    let answers = load::when_due(host.address, &Arc::new(requests), per_second, is_yes).await;
    host.stop().await;
    let stored = completed(fleet).await - before;
    let acknowledged = answers.iter().filter(|(_, yes)| *yes).count() as i64;
    let times: Vec<f64> = answers.iter().map(|(milliseconds, _)| *milliseconds).collect();
    report.tell("result over HTTP, 300 due per second, median", product, "ms", &[percentile(&times, 50)]);
    report.tell("the same, slowest of a hundred", product, "ms", &[percentile(&times, 99)]);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let (kept, lost) = (acknowledged as f64, (acknowledged - stored) as f64);
    report.tell("results acknowledged", product, "", &[kept]);
    report.gate("results acknowledged and not stored", product, &[lost.max(0.0)], Gate::AtMost(0.0), 0.0);
}

async fn completed(fleet: &Fleet) -> i64 {
    let mut tx = fleet.db.read().await.expect("a reader");
    let sql = "SELECT COUNT(*) FROM device_commands WHERE status = 'completed'";
    let (count,): (i64,) = tx.one(sql, []).await.expect("a count");
    count
}
