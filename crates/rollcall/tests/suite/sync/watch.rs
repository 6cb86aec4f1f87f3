//! What the tick finds (rules 9 and 26).

use jiff::SignedDuration;
use rollcall::{
    clock::Clock,
    store::wake::{self, Changes, Wake},
    sync::watch::Watch,
};

use super::bench::{Bench, FIRST_WAIT, texts};
use crate::databases::{Database, both_databases};

both_databases! {
    rule_9_rows_of_another_program_are_found_by_a_tick,
    rule_9_rows_of_another_program_wake_the_tick,
    rule_26_a_stepped_clock_neither_ends_nor_lengthens_a_wait,
}

async fn rule_9_rows_of_another_program_are_found_by_a_tick(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let clock = Clock::manual(bench.now);
    let mut watch = Watch::new(bench.database.db.clone(), clock.clone(), FIRST_WAIT);
    watch.tick(Changes::default()).await.unwrap();
    bench.foreign("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, 'Siti Aminah', '17')").await;
    clock.advance(SignedDuration::from_secs(4));
    assert_eq!(watch.tick(Changes::default()).await.unwrap(), [gate]);
    assert_eq!(texts(&bench.poll(gate).await), ["DATA UPDATE USERINFO PIN=1|Name=Siti Aminah|Pri=0|Card=17|Grp=1"]);
    clock.advance(SignedDuration::from_secs(4));
    assert!(watch.tick(Changes::default()).await.unwrap().is_empty(), "nothing new, nothing to do");
}

/// On PostgreSQL the trigger notifies; on SQLite there is nothing to listen to and the tick sees the foreign commit.
async fn rule_9_rows_of_another_program_wake_the_tick(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    bench.terminal(school, "CJX9253300417").await;
    let wake = Wake::default();
    let listening = tokio::spawn({
        let (db, wake) = (bench.database.db.clone(), wake.clone());
        async move { wake::listen(&db, &wake).await }
    });
    if bench.database.url.starts_with("sqlite") {
        listening.await.unwrap();
        return;
    }
    wake.changed().await;
    assert!(wake.take().everything, "after connecting, everything is looked at");
    bench.foreign("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, 'Siti Aminah', '17')").await;
    wake.changed().await;
    assert_eq!(wake.take().schools.into_iter().collect::<Vec<_>>(), [school.0]);
    bench.foreign("UPDATE students SET full_name = 'Siti'").await;
    wake.changed().await;
    assert_eq!(wake.take().schools.len(), 1);
    bench.foreign("DELETE FROM students").await;
    wake.changed().await;
    assert_eq!(wake.take().schools.len(), 1);
    listening.abort();
}

async fn rule_26_a_stepped_clock_neither_ends_nor_lengthens_a_wait(database: Database) {
    let mut bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.student(school, "Siti Aminah", "17").await;
    let handed = bench.poll(gate).await;
    let clock = Clock::manual(bench.now);
    let mut watch = Watch::new(bench.database.db.clone(), clock.clone(), FIRST_WAIT);
    clock.step(SignedDuration::from_hours(-1));
    watch.tick(Changes::default()).await.unwrap();
    bench.now = clock.now();
    bench.pass(SignedDuration::from_secs(29));
    assert!(bench.poll(gate).await.is_empty());
    bench.pass(SignedDuration::from_secs(2));
    assert_eq!(bench.poll(gate).await, handed, "not an hour later");
}
