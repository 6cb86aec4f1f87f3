//! What waits for a terminal that another program switched off.

use jiff::SignedDuration;
use rollcall::{
    clock::Clock,
    store::wake::Changes,
    sync::{unserved, watch::Watch},
};

use super::bench::{Bench, FIRST_WAIT};
use crate::databases::{Database, both_databases};

both_databases! {
    what_waits_for_a_terminal_that_sql_switched_off_ends_with_a_tick,
    what_ended_is_not_revived_by_a_late_answer_that_decides_nothing,
}

async fn what_waits_for_a_terminal_that_sql_switched_off_ends_with_a_tick(database: Database) {
    let mut bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let sent = bench.student(school, "Ұлан Әбдіқадыр", "1").await;
    let waiting = bench.student(school, "ፍቅርተ ገብረ", "2").await;
    let handed = bench.poll(gate).await;
    assert_eq!(handed.len(), 1);

    bench.foreign("UPDATE devices SET is_active = FALSE").await;
    unserved::tick(&bench.database.db, bench.now).await.unwrap();
    assert_eq!(statuses(&bench).await, ["sent", "superseded"], "an answer may be on its way");
    assert_eq!(bench.id("SELECT COUNT(*) FROM device_commands WHERE error_message IS NOT NULL").await, Some(1));

    bench.pass(SignedDuration::from_secs(31));
    unserved::tick(&bench.database.db, bench.now).await.unwrap();
    assert_eq!(statuses(&bench).await, ["superseded", "superseded"]);
    assert_eq!(
        (bench.state(gate, sent).await.0, bench.state(gate, waiting).await.0),
        ("pending".into(), "pending".into())
    );

    // It is served again, and everybody is on his way anew. A late answer still counts.
    bench.foreign("UPDATE devices SET is_active = TRUE").await;
    let mut watch = Watch::new(bench.database.db.clone(), Clock::manual(bench.now), FIRST_WAIT);
    let everything = Changes { everything: true, ..Changes::default() };
    assert_eq!(watch.tick(everything).await.unwrap(), [gate]);
    assert_eq!(statuses(&bench).await, ["superseded", "superseded", "pending", "pending"]);
    bench.answer_all(gate, &handed, 0).await;
    assert_eq!(bench.summary(gate).await.synced, 1);
    bench.drain(gate).await;
    assert_eq!(bench.summary(gate).await.synced, 2);
}

async fn what_ended_is_not_revived_by_a_late_answer_that_decides_nothing(database: Database) {
    for (code, then) in [(-1005, "pending"), (-1003, "pending"), (-5000, "synced")] {
        let mut bench = Bench::new(database.again().await);
        let school = bench.school().await;
        let gate = bench.terminal(school, "CJX9253300417").await;
        let student = bench.student(school, "Ýagmyr Öwezowa", "1").await;
        let handed = bench.poll(gate).await;
        bench.pass(SignedDuration::from_secs(31));
        bench.foreign("UPDATE devices SET is_active = FALSE").await;
        unserved::tick(&bench.database.db, bench.now).await.unwrap();
        bench.foreign("UPDATE devices SET is_active = TRUE").await;
        bench.settle().await;
        assert_eq!(statuses(&bench).await, ["superseded", "pending"]);

        bench.answer(gate, &handed[0], code).await;
        assert_eq!(statuses(&bench).await, ["superseded", "pending"], "{code}");
        assert_eq!(bench.state(gate, student).await.0, "pending", "{code}");
        // What was only passed on is answered once more, and that counts.
        bench.answer(gate, &handed[0], 0).await;
        assert_eq!(bench.state(gate, student).await.0, then, "{code}");
        assert_eq!(bench.drain(gate).await.len(), 1, "{code}");
        assert_eq!(bench.state(gate, student).await.0, "synced", "{code}");
    }
}

async fn statuses(bench: &Bench) -> Vec<String> {
    let mut tx = bench.database.db.read().await.unwrap();
    let rows: Vec<(String,)> = tx.all("SELECT status FROM device_commands ORDER BY id", []).await.unwrap();
    rows.into_iter().map(|(status,)| status).collect()
}
