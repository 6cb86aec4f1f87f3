//! Every terminal has told whom it holds, a hundredth of them otherwise than wanted: the verdicts, and what is mended.

use jiff::SignedDuration;

use crate::{
    fleet::{Fleet, run},
    machine::{self, Database, Stopwatch},
    report::{Gate, Report, power},
};

/// `everything` is what the full reconcile pass took in the same run, when all rows differed.
pub async fn measure(report: &mut Report, database: &Database, fleet: &Fleet, everything: f64) {
    let product = database.product;
    tell(fleet).await;
    machine::forget_peak();
    let before = machine::megabytes("self", "VmRSS");
    let verdicts = verify(fleet).await;
    let above = machine::megabytes("self", "VmHWM") - before;
    report.tell("verdicts and repair plan of the fleet", product, "s", &[verdicts]);
    report.gate("the same, memory above the start, MB", product, &[above.max(0.0)], Gate::AtMost(150.0), 50.0);
    let ratio = [verdicts / everything];
    report.gate("verdicts and repair plan / full reconcile pass", product, &ratio, Gate::AtMost(3.0), 1.5);

    let small = Fleet::make(database, fleet.students / 10, 10).await;
    small.pass().await;
    small.confirm().await;
    tell(&small).await;
    let of_small = verify(&small).await;
    #[expect(clippy::cast_precision_loss, reason = "numbers of rows and of terminals")]
    let (sizes, costs) = (
        (small.students as f64, fleet.students as f64),
        (of_small / small.devices.len() as f64, verdicts / fleet.devices.len() as f64),
    );
    let grows = [power(sizes, costs)];
    report.gate("growth of a verdict with the rows told (power)", product, &grows, Gate::AtMost(1.15), 1.0);
    small.db.close().await;
}

/// Every terminal has told everybody, and was counted: what is left is to judge it. One in a hundred was renamed there.
async fn tell(fleet: &Fleet) {
    let mut tx = fleet.db.write().await.expect("a writer");
    // A server of another part may have begun some.
    run(&mut tx, "DELETE FROM reading_steps").await;
    run(&mut tx, "DELETE FROM readings").await;
    run(&mut tx, "UPDATE device_pins SET event = 10").await;
    run(&mut tx, "INSERT INTO device_delivery (device_id) SELECT id FROM devices WHERE TRUE ON CONFLICT DO NOTHING")
        .await;
    run(
        &mut tx,
        "INSERT INTO terminal_users (device_id, pin, name, card_number, card_text, privilege, seen_at, seen_event, told_event)
         SELECT device_id, device_pin, CASE WHEN student_id % 100 = 0 THEN 'Somebody else' ELSE wanted_name END,
           wanted_card_number, wanted_card, 0, created_at, 5, 5 FROM device_user_sync_status",
    )
    .await;
    tx.execute(
        "INSERT INTO readings (device_id, cause, scope, phase, lists, began_event, counted, started_at)
         SELECT id, 'schedule', 'all', 'recount', 1, 2, $1, created_at FROM devices",
        [fleet.students.into()],
    )
    .await
    .expect("readings");
    run(
        &mut tx,
        "INSERT INTO reading_steps (reading_id, device_id, kind, state, attempts, asked_event, answered_at)
         SELECT id, device_id, 'list', 'answered', 1, 3, started_at FROM readings",
    )
    .await;
    tx.commit().await.expect("a commit");
}

/// One poll of each terminal, which ends its reading. Seconds.
async fn verify(fleet: &Fleet) -> f64 {
    let later = fleet.now + SignedDuration::from_hours(1);
    let watch = Stopwatch::start();
    for device in &fleet.devices {
        fleet.poll(*device, later).await;
    }
    let seconds = watch.seconds();
    let mut tx = fleet.db.read().await.expect("a reader");
    let sql = "SELECT CAST(SUM(repaired) AS BIGINT) FROM readings WHERE state = 'done'";
    let (repaired,): (i64,) = tx.one(sql, []).await.expect("a sum");
    assert_eq!(repaired, fleet.students / 100 * fleet.devices.len() as i64, "one in a hundred is mended");
    seconds
}
