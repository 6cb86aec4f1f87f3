//! How commands leave and come back (rules 7, 8, 11, 12).

use jiff::SignedDuration;
use rollcall::{
    school::StudentId,
    sync::{
        deadline::OFFERS,
        delivery::{self, Poll},
        reconcile::{Scope, reconcile},
    },
};

use super::bench::{Bench, texts};
use crate::databases::{Database, both_databases};

both_databases! {
    rule_7_the_wire_id_counts_per_device_and_finds_the_command,
    rule_8_errands_are_no_commands_while_they_wait,
    rule_25_the_log_is_asked_for_another_way_when_the_answer_is_lost,
    rule_11_an_unanswered_command_comes_back_after_its_deadline_and_later_each_time,
    rule_11_after_ten_offers_the_terminal_collects_but_never_answers,
    rule_12_batches_grow_while_whole_batches_come_back,
    rule_12_a_terminal_that_handles_one_per_poll_is_found_out_and_loses_nothing,
    rule_12_a_handshake_between_two_short_batches_says_that_it_was_a_restart,
    rule_12_nothing_answered_halves_the_batch,
    a_full_terminal_takes_no_newcomers_until_its_count_falls,
    a_full_terminal_always_has_somebody_who_failed_or_tries,
    thousands_who_wait_for_a_full_terminal_keep_nobody_busy_and_nobody_out,
    a_terminal_that_lacks_a_word_is_spoken_to_with_the_other,
    a_busy_terminal_is_asked_again_later,
    an_edit_overtakes_a_full_sync,
    what_one_run_left_over_is_queued_when_the_rest_has_left,
    rule_23_a_changed_offset_makes_the_terminal_shake_hands,
}

async fn rule_7_the_wire_id_counts_per_device_and_finds_the_command(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.sql("UPDATE device_pins SET next_wire_id = 999999999").await;
    people(&bench, school, 2).await;
    let ids: Vec<i64> = bench.drain(gate).await.iter().map(|command| command.id).collect();
    assert_eq!(ids, [999_999_999, 1]);
    assert_eq!(bench.summary(gate).await.synced, 2);
}

async fn rule_8_errands_are_no_commands_while_they_wait(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.sql("UPDATE devices SET log_request = 'wanted'").await;
    let pending = "SELECT COUNT(*) FROM device_commands";
    assert_eq!(bench.id(pending).await, Some(0));
    let handed = bench.poll(gate).await;
    assert_eq!(texts(&handed), ["DATA QUERY ATTLOG StartTime=2000-01-01 00:00:00|EndTime=2099-12-31 23:59:59"]);
    bench.answer(gate, &handed[0], 0).await;
    assert!(bench.poll(gate).await.is_empty(), "asked once");
}

async fn rule_25_the_log_is_asked_for_another_way_when_the_answer_is_lost(database: Database) {
    let mut bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.sql("UPDATE devices SET log_request = 'wanted'").await;
    assert!(texts(&bench.poll(gate).await)[0].starts_with("DATA QUERY ATTLOG"));
    bench.pass(SignedDuration::from_secs(31));
    assert!(bench.poll(gate).await.is_empty(), "it is asked once");
    let showing_no_stamp = bench.id("SELECT COUNT(*) FROM devices WHERE log_request = 'stamp'").await;
    assert_eq!(showing_no_stamp, Some(1), "the next handshake makes it send everything");
}

async fn rule_11_an_unanswered_command_comes_back_after_its_deadline_and_later_each_time(database: Database) {
    let mut bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    people(&bench, school, 1).await;
    let first = bench.poll(gate).await;
    bench.pass(SignedDuration::from_secs(30));
    assert!(bench.poll(gate).await.is_empty(), "30 s and one for the command");
    bench.pass(SignedDuration::from_secs(1));
    assert_eq!(bench.poll(gate).await, first, "the same command under the same number");
    bench.pass(SignedDuration::from_secs(60));
    assert!(bench.poll(gate).await.is_empty());
    bench.pass(SignedDuration::from_secs(1));
    assert_eq!(bench.poll(gate).await, first);
}

async fn rule_11_after_ten_offers_the_terminal_collects_but_never_answers(database: Database) {
    let mut bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let student = bench.student(school, "Nino", "1").await;
    for offer in 1..=OFFERS {
        assert_eq!(bench.poll(gate).await.len(), 1, "offer {offer}");
        bench.pass(SignedDuration::from_mins(31));
    }
    assert!(bench.poll(gate).await.is_empty());
    assert_eq!(
        bench.state(gate, student).await,
        ("failed".into(), Some("the terminal collects commands but never answers".into()))
    );
}

async fn rule_12_batches_grow_while_whole_batches_come_back(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    people(&bench, school, 20).await;
    let mut sizes = Vec::new();
    loop {
        let handed = bench.poll(gate).await;
        if handed.is_empty() {
            break;
        }
        sizes.push(handed.len());
        bench.answer_all(gate, &handed, 0).await;
    }
    assert_eq!(sizes, [1, 2, 4, 8, 5]);
}

async fn rule_12_a_terminal_that_handles_one_per_poll_is_found_out_and_loses_nothing(database: Database) {
    let mut bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "MRS4240900115").await;
    let firmware = |version: &str| Poll { firmware: Some(version.to_owned()), ..Poll::default() };
    bench.poll_with(gate, firmware("MARS-1")).await;
    people(&bench, school, 12).await;
    let mut sizes = Vec::new();
    for _ in 0..40 {
        let handed = bench.poll(gate).await;
        if handed.is_empty() {
            break;
        }
        sizes.push(handed.len());
        bench.answer(gate, &handed[0], 0).await;
        bench.pass(SignedDuration::from_secs(1));
    }
    assert_eq!(sizes, [1, 2, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(bench.summary(gate).await.synced, 12);
    bench.full_sync(gate).await;
    assert_eq!(bench.poll(gate).await.len(), 1, "more is not tried again");
    let other = bench.poll_with(gate, firmware("MARS-2")).await;
    bench.answer_all(gate, &other, 0).await;
    assert_eq!(bench.poll(gate).await.len(), 2, "until the firmware changes");
}

async fn rule_12_a_handshake_between_two_short_batches_says_that_it_was_a_restart(database: Database) {
    for shakes_hands in [true, false] {
        let bench = Bench::new(database.again().await);
        let school = bench.school().await;
        let gate = bench.terminal(school, "CJX9253300417").await;
        people(&bench, school, 12).await;
        for _ in 0..2 {
            bench.sql("UPDATE device_delivery SET batch_size = 2").await;
            let handed = bench.poll(gate).await;
            assert_eq!(handed.len(), 2);
            bench.answer(gate, &handed[0], 0).await;
            if shakes_hands {
                let mut tx = bench.database.db.write().await.unwrap();
                delivery::shook_hands(&mut tx, gate).await.unwrap();
                tx.commit().await.unwrap();
            }
            bench.poll(gate).await;
        }
        let known = bench.id("SELECT COUNT(*) FROM device_delivery WHERE one_per_poll").await;
        assert_eq!(known, Some(i64::from(!shakes_hands)));
    }
}

async fn rule_12_nothing_answered_halves_the_batch(database: Database) {
    let mut bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.sql("UPDATE device_delivery SET batch_size = 8").await;
    people(&bench, school, 12).await;
    assert_eq!(bench.poll(gate).await.len(), 8);
    bench.pass(SignedDuration::from_mins(2));
    assert_eq!(bench.poll(gate).await.len(), 4);
}

async fn a_full_terminal_takes_no_newcomers_until_its_count_falls(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.sql("UPDATE devices SET user_count = 500").await;
    let first = bench.student(school, "Nino", "1").await;
    let handed = bench.poll(gate).await;
    bench.answer(gate, &handed[0], -1001).await;
    let second = bench.student(school, "Tamar", "2").await;
    assert_eq!(bench.state(gate, first).await.0, "failed");
    assert!(bench.state(gate, second).await.1.unwrap().starts_with("the terminal is full"));
    assert!(bench.poll(gate).await.is_empty());
    let counted = Poll { user_count: Some(499), ..Poll::default() };
    assert_eq!(bench.poll_with(gate, counted).await.len(), 1);
}

async fn thousands_who_wait_for_a_full_terminal_keep_nobody_busy_and_nobody_out(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.sql("UPDATE devices SET user_count = 500").await;
    bench.student(school, "ნინო", "9000000").await;
    let handed = bench.poll(gate).await;
    bench.answer(gate, &handed[0], -1001).await;
    bench
        .sql(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 4500)
             INSERT INTO students (school_id, full_name, rfid_card_id)
             SELECT k.id, 'Ketevan ' || n, CAST(n AS TEXT) FROM n CROSS JOIN schools k",
        )
        .await;
    let run = async || {
        let mut tx = bench.database.db.write().await.unwrap();
        let done = reconcile(&mut tx, Scope::Device(gate), bench.now).await.unwrap();
        tx.commit().await.unwrap();
        done
    };
    let mut runs = Vec::new();
    while runs.last() != Some(&false) && runs.len() < 5 {
        runs.push(run().await.is_partial);
    }
    assert_eq!(runs, [true, true, false], "all are planned, and then there is nothing left to do");
    assert_eq!(bench.out_of_step().await, []);
    assert_eq!(bench.state(gate, StudentId(4_000)).await.0, "pending");

    // Whoever comes or changes behind them is planned at once, too.
    bench.edit(StudentId(4_400), "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    assert!(!run().await.is_partial);
    let counted = Poll { user_count: Some(499), ..Poll::default() };
    assert!(!bench.poll_with(gate, counted).await.is_empty());
    let waiting = bench.id("SELECT COUNT(*) FROM device_user_sync_status WHERE obstacle IS NOT NULL").await;
    assert_eq!(waiting, Some(0), "there is room for all of them");
}

async fn a_full_terminal_always_has_somebody_who_failed_or_tries(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let first = bench.student(school, "Wangarĩ Mwangi", "1").await;
    let second = bench.student(school, "Žofie Králová", "2").await;
    let rename = "UPDATE students SET full_name = full_name || '.' WHERE id = $1";
    bench.sql("UPDATE device_delivery SET batch_size = 1").await;
    let handed = bench.poll(gate).await;

    // The terminal refuses somebody of whom more is wanted meanwhile, and one who was on his way already.
    bench.edit(first, rename).await;
    bench.answer(gate, &handed[0], -1001).await;
    let handed = bench.poll(gate).await;
    assert!(handed[0].text.contains("PIN=2"), "{handed:?}");
    bench.answer(gate, &handed[0], -1001).await;
    assert_eq!(
        (bench.state(gate, first).await.0, bench.state(gate, second).await.0),
        ("pending".into(), "failed".into())
    );

    // Edited, he has not failed any more: he tries again, alone, and fails again.
    bench.edit(second, rename).await;
    let handed = bench.poll(gate).await;
    assert_eq!((handed.len(), handed[0].text.contains("Králová.")), (1, true), "{handed:?}");
    assert!(bench.poll(gate).await.is_empty());
    bench.answer(gate, &handed[0], -1001).await;
    assert_eq!(
        (bench.state(gate, first).await.0, bench.state(gate, second).await.0),
        ("pending".into(), "failed".into())
    );

    // Somebody makes room at the terminal. The next who tries gets in, and the others follow.
    bench.edit(second, rename).await;
    assert_eq!(bench.drain(gate).await.len(), 2);
    assert_eq!(bench.summary(gate).await.synced, 2);
}

async fn a_terminal_that_lacks_a_word_is_spoken_to_with_the_other(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "K40X000000001").await;
    let student = bench.student(school, "Nino", "1").await;
    let handed = bench.poll(gate).await;
    bench.answer(gate, &handed[0], -1002).await;
    let other = bench.poll(gate).await;
    assert!(other[0].text.starts_with("DATA USER PIN=1\t"), "{other:?}");
    bench.answer(gate, &other[0], -1004).await;
    assert!(bench.poll(gate).await.is_empty());
    let (state, words) = bench.state(gate, student).await;
    assert_eq!(state, "failed");
    assert!(words.unwrap().starts_with("this terminal takes none of the commands for people"));
}

async fn a_busy_terminal_is_asked_again_later(database: Database) {
    let mut bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let student = bench.student(school, "Nino", "1").await;
    let handed = bench.poll(gate).await;
    bench.answer(gate, &handed[0], -1005).await;
    assert_eq!(bench.state(gate, student).await.0, "pending");
    assert!(bench.poll(gate).await.is_empty());
    bench.pass(SignedDuration::from_secs(31));
    assert_eq!(bench.drain(gate).await.len(), 1);
    assert_eq!(bench.state(gate, student).await.0, "synced");
}

async fn an_edit_overtakes_a_full_sync(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    people(&bench, school, 5).await;
    bench.drain(gate).await;
    bench.full_sync(gate).await;
    bench.sql("UPDATE device_delivery SET batch_size = 1").await;
    bench.student(school, "Zuzana", "99").await;
    assert!(bench.poll(gate).await[0].text.contains("Zuzana"));
}

async fn rule_23_a_changed_offset_makes_the_terminal_shake_hands(database: Database) {
    let mut bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.sql("UPDATE devices SET shown_offset_seconds = 3600").await;
    let summer = Poll { offset_seconds: Some(7200), ..Poll::default() };
    let handed = bench.poll_with(gate, summer.clone()).await;
    assert_eq!(texts(&handed), ["CHECK"]);
    bench.answer(gate, &handed[0], 0).await;
    assert!(bench.poll_with(gate, summer.clone()).await.is_empty(), "it may shake hands in a moment");
    bench.pass(SignedDuration::from_mins(3));
    let handed = bench.poll_with(gate, summer.clone()).await;
    assert_eq!(texts(&handed), ["SET OPTION TimeZone=2"]);
    bench.answer(gate, &handed[0], 0).await;
    let handed = bench.poll_with(gate, summer.clone()).await;
    assert_eq!(texts(&handed), ["RELOAD OPTIONS"]);
    bench.answer(gate, &handed[0], 0).await;
    assert!(bench.poll_with(gate, summer).await.is_empty());
}

async fn what_one_run_left_over_is_queued_when_the_rest_has_left(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench
        .sql(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2100)
             INSERT INTO students (school_id, full_name, rfid_card_id)
             SELECT k.id, 'Ketevan ' || n, CAST(n AS TEXT) FROM n CROSS JOIN schools k",
        )
        .await;
    let mut tx = bench.database.db.write().await.unwrap();
    let done = reconcile(&mut tx, Scope::Device(gate), bench.now).await.unwrap();
    tx.commit().await.unwrap();
    assert!(done.is_partial && done.queued < 2_100, "{done:?}");
    assert_eq!(bench.drain(gate).await.len(), 2_100);
    assert_eq!(bench.summary(gate).await.synced, 2_100);
}

async fn people(bench: &Bench, school: rollcall::school::SchoolId, count: usize) {
    for n in 1..=count {
        bench.student(school, &format!("Nino {n}"), &n.to_string()).await;
    }
}
