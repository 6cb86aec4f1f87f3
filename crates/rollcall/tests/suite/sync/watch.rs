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
    who_sees_to_the_roster_himself_wakes_nobody,
    somebody_who_comes_for_somebody_who_goes_is_found,
    a_few_who_were_edited_are_found_on_every_terminal,
    cards_that_were_changed_together_are_judged_together,
    who_moved_together_is_judged_together,
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

/// A school of ten thousand would be looked at as a whole for each student that is edited.
async fn who_sees_to_the_roster_himself_wakes_nobody(database: Database) {
    let bench = Bench::new(database);
    let (school, other_school) = (bench.school().await, bench.school().await);
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
    wake.take();
    let insert = "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES ($1, 'Siti Aminah', '17')";
    let mut tx = bench.database.db.write().await.unwrap();
    tx.sees_to_the_roster().await.unwrap();
    tx.execute(insert, [school.into()]).await.unwrap();
    tx.commit().await.unwrap();
    // On the same connection: what was said holds for one transaction.
    let mut tx = bench.database.db.write().await.unwrap();
    tx.execute(insert, [other_school.into()]).await.unwrap();
    tx.commit().await.unwrap();
    wake.changed().await;
    assert_eq!(wake.take().schools.into_iter().collect::<Vec<_>>(), [other_school.0], "notifications come in order");
    listening.abort();
}

/// As many belong as before, and another one.
async fn somebody_who_comes_for_somebody_who_goes_is_found(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.student(school, "Siti Aminah", "17").await;
    bench.student(school, "Ngozi Okafor", "18").await;
    bench.drain(gate).await;
    assert!(bench.out_of_step().await.is_empty());
    bench.foreign("UPDATE students SET is_active = FALSE WHERE full_name = 'Siti Aminah'").await;
    bench.foreign("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, 'Inti Quispe', '19')").await;
    assert_eq!(bench.out_of_step().await, [gate]);
    assert_eq!(bench.settle().await, 2);
    let mut handed = texts(&bench.drain(gate).await);
    handed.sort();
    let expected = ["DATA DELETE USERINFO PIN=1", "DATA UPDATE USERINFO PIN=3|Name=Inti Quispe|Pri=0|Card=19|Grp=1"];
    assert_eq!(handed, expected);
    assert!(bench.out_of_step().await.is_empty());
}

async fn a_few_who_were_edited_are_found_on_every_terminal(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gates = [bench.terminal(school, "CJX9253300417").await, bench.terminal(school, "BRHD223860029").await];
    for (name, card) in [("Siti Aminah", "17"), ("Ngozi Okafor", "18"), ("Inti Quispe", "19"), ("Kōji Tanaka", "20")] {
        bench.student(school, name, card).await;
    }
    for gate in gates {
        bench.drain(gate).await;
    }
    let clock = Clock::manual(bench.now);
    let mut watch = Watch::new(bench.database.db.clone(), clock.clone(), FIRST_WAIT);
    watch.tick(Changes::default()).await.unwrap();
    bench.foreign("UPDATE students SET full_name = 'Siti' WHERE rfid_card_id = '17'").await;
    bench.foreign("UPDATE students SET rfid_card_id = '81' WHERE rfid_card_id = '18'").await;
    bench.foreign("UPDATE students SET is_active = FALSE WHERE rfid_card_id = '19'").await;
    bench.foreign("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, 'Tūī', '21')").await;
    clock.advance(SignedDuration::from_secs(4));
    assert_eq!(watch.tick(Changes::default()).await.unwrap(), gates);
    for gate in gates {
        let mut handed = texts(&bench.drain(gate).await);
        handed.sort();
        let expected = [
            "DATA DELETE USERINFO PIN=3",
            "DATA UPDATE USERINFO PIN=1|Name=Siti|Pri=0|Card=17|Grp=1",
            "DATA UPDATE USERINFO PIN=2|Name=Ngozi Okafor|Pri=0|Card=81|Grp=1",
            "DATA UPDATE USERINFO PIN=5|Name=Tūī|Pri=0|Card=21|Grp=1",
        ];
        assert_eq!(handed, expected);
    }
    assert!(bench.out_of_step().await.is_empty());
}

async fn cards_that_were_changed_together_are_judged_together(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    for card in 1..=6 {
        bench.student(school, &format!("Nino {card}"), &card.to_string()).await;
    }
    bench.drain(gate).await;
    bench.sql("UPDATE schools SET guard_number = 2, guard_percent = 10").await;
    let clock = Clock::manual(bench.now);
    let mut watch = Watch::new(bench.database.db.clone(), clock.clone(), FIRST_WAIT);
    bench.foreign("UPDATE students SET rfid_card_id = '10' || rfid_card_id WHERE id <= 3").await;
    watch.tick(Changes { everything: true, ..Changes::default() }).await.unwrap();
    assert!(bench.drain(gate).await.is_empty(), "not the first two of three");
}

async fn who_moved_together_is_judged_together(database: Database) {
    let bench = Bench::new(database);
    let (school, other_school) = (bench.school().await, bench.school().await);
    let gates = [bench.terminal(school, "CJX9253300417").await, bench.terminal(other_school, "BRHD223860029").await];
    for card in 1..=6 {
        bench.student(school, &format!("Nino {card}"), &card.to_string()).await;
    }
    bench.drain(gates[0]).await;
    bench.sql("UPDATE schools SET guard_number = 2, guard_percent = 10").await;
    let clock = Clock::manual(bench.now);
    let mut watch = Watch::new(bench.database.db.clone(), clock.clone(), FIRST_WAIT);
    bench.foreign("UPDATE students SET school_id = 2 WHERE id <= 3").await;
    watch.tick(Changes { everything: true, ..Changes::default() }).await.unwrap();
    assert_eq!(bench.count(gates[0], "held").await, 3);
    assert!(bench.drain(gates[0]).await.is_empty(), "not the first two of three");
    assert_eq!(bench.drain(gates[1]).await.len(), 3);
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
