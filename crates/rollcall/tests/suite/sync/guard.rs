//! The guard (rule 20): what is too much at once is held, and nothing but a decision lets it go.

use jiff::SignedDuration;
use rollcall::{
    school::StudentId,
    sync::{
        again::{self, Again, Wish},
        guard,
    },
};

use super::bench::{Bench, deletes, fifty, texts};
use crate::databases::{Database, both_databases};

both_databases! {
    rule_20_one_statement_that_removes_many_is_held,
    rule_20_every_cause_of_a_removal_counts,
    rule_20_a_deleted_school_is_held,
    rule_20_sixty_single_edits_trip_it_like_one_import,
    rule_20_what_has_left_is_not_called_back,
    rule_20_what_turns_out_to_be_done_is_not_held_any_more,
    rule_20_ten_minutes_later_it_is_forgotten,
    rule_20_what_the_terminal_removed_just_now_counts_whenever_it_was_wanted,
    rule_20_an_empty_roster_is_held_however_few_there_are,
    rule_20_who_never_was_on_the_terminal_does_not_count,
    rule_20_a_school_says_itself_what_is_too_much,
    rule_20_many_changes_of_card_are_held,
    rule_20_the_same_card_spelt_otherwise_is_no_change,
    rule_20_cards_and_removals_are_counted_apart,
    rule_20_neither_tick_nor_full_sync_nor_retry_goes_round_it,
    rule_20_strangers_count_with_the_others,
    rule_13_who_gets_a_held_ones_card_waits_and_is_told_why,
    rule_5_a_terminal_that_changes_school_removes_nobody_by_itself,
}

async fn rule_20_one_statement_that_removes_many_is_held(database: Database) {
    let (bench, school, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 20").await;
    bench.sql("UPDATE students SET full_name = 'Ṣadé Ìdòwú' WHERE id = 50").await;
    bench.settle().await;
    bench.student(school, "Newcomer", "51").await;
    let handed = texts(&bench.drain(gate).await);
    assert_eq!(handed.len(), 2, "a name and a newcomer go on: {handed:?}");
    assert!(handed.iter().all(|text| text.starts_with("DATA UPDATE")), "{handed:?}");
    assert_eq!((bench.count(gate, "held").await, bench.count(gate, "synced").await), (20, 31));
    assert!(bench.out_of_step().await.is_empty(), "nobody need look again");
    assert_eq!(bench.settle().await, 0, "and a second look finds nothing to do");

    let held = bench.removals(gate).await;
    assert_eq!((held.held, held.students.len(), held.since.unwrap().0), (20, 20, bench.now));
    let reason = held.reason.unwrap();
    assert!(reason.starts_with("20 of 50 people on this terminal would be removed within ten minutes"), "{reason}");
    let first = &held.students[0];
    assert_eq!((first.full_name.as_deref(), first.change.as_str()), (Some("Ṣadé 1"), "removal"));
    assert_eq!(bench.state(gate, StudentId(7)).await, ("held".into(), Some(reason)));
}

async fn rule_20_every_cause_of_a_removal_counts(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    let elsewhere = bench.school().await;
    assert_eq!(elsewhere.0, 2);
    for sql in [
        "UPDATE students SET is_active = FALSE WHERE id IN (1, 2, 3)",
        "UPDATE students SET rfid_card_id = ' ' WHERE id IN (4, 5)",
        "UPDATE students SET school_id = 2 WHERE id IN (6, 7)",
        "UPDATE students SET deleted_at = created_at WHERE id IN (8, 9)",
        "DELETE FROM students WHERE id IN (10, 11)",
    ] {
        bench.sql(sql).await;
    }
    bench.settle().await;
    assert_eq!(bench.count(gate, "held").await, 11);
    let names: Vec<_> = bench.removals(gate).await.students.into_iter().map(|row| row.full_name.unwrap()).collect();
    assert!(names.contains(&"Ṣadé 10".to_owned()), "also of a row that is gone: {names:?}");
    assert_eq!(deletes(&bench.drain(gate).await), 0);
}

async fn rule_20_a_deleted_school_is_held(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE schools SET deleted_at = created_at").await;
    bench.settle().await;
    assert_eq!(bench.count(gate, "held").await, 50);
    assert!(bench.drain(gate).await.is_empty());
}

async fn rule_20_sixty_single_edits_trip_it_like_one_import(database: Database) {
    let (mut bench, _, gate) = fifty(database).await;
    for student in 1..=30 {
        bench.edit(StudentId(student), "UPDATE students SET is_active = FALSE WHERE id = $1").await;
        bench.pass(SignedDuration::from_secs(5));
        if student == 4 {
            assert_eq!(deletes(&bench.drain(gate).await), 4);
        }
        if student == 10 {
            assert_eq!(bench.count(gate, "pending").await, 6, "ten are a person's work");
        }
    }
    assert_eq!(bench.count(gate, "held").await, 26, "also the six that waited to leave");
    assert!(bench.drain(gate).await.is_empty());
    let pending = "SELECT COUNT(*) FROM device_commands WHERE status = 'pending'";
    assert_eq!(bench.id(pending).await, Some(0));
    assert_eq!(bench.count(gate, "deleted").await, 4);
}

async fn rule_20_what_has_left_is_not_called_back(database: Database) {
    let (mut bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 2").await;
    bench.settle().await;
    let out = bench.poll(gate).await;
    assert_eq!(deletes(&out), 2);
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 20").await;
    bench.settle().await;
    assert_eq!((bench.count(gate, "held").await, bench.count(gate, "sent").await), (18, 2));
    // One is answered, the other is offered again: it may have been carried out.
    bench.answer(gate, &out[0], 0).await;
    bench.pass(SignedDuration::from_mins(1));
    bench.settle().await;
    assert_eq!(bench.drain(gate).await, [out[1].clone()]);
    assert_eq!((bench.count(gate, "held").await, bench.count(gate, "deleted").await), (18, 2));
}

/// Removals that left, were taken back, and are wanted again among many others: held. Then the terminal says yes to the
/// first ones.
async fn rule_20_what_turns_out_to_be_done_is_not_held_any_more(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 2").await;
    bench.sql("UPDATE students SET rfid_card_id = '950' WHERE id = 50").await;
    bench.settle().await;
    let out = bench.poll(gate).await;
    assert_eq!((out.len(), deletes(&out)), (3, 2));
    bench.sql("UPDATE students SET is_active = TRUE").await;
    bench.settle().await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 20").await;
    bench.sql("UPDATE students SET full_name = 'Ọlámidé', rfid_card_id = '9' || id WHERE id > 30").await;
    bench.settle().await;
    assert_eq!(bench.count(gate, "held").await, 40);
    bench.answer_all(gate, &out, 0).await;
    assert_eq!(bench.count(gate, "held").await, 37);
    let handed = texts(&bench.drain(gate).await);
    assert_eq!(handed.len(), 3, "{handed:?}");
    assert_eq!((bench.count(gate, "deleted").await, bench.count(gate, "synced").await), (2, 11));
}

async fn rule_20_ten_minutes_later_it_is_forgotten(database: Database) {
    let (mut bench, _, gate) = fifty(database).await;
    for students in [1..=8, 9..=15] {
        for student in students {
            bench.edit(StudentId(student), "UPDATE students SET is_active = FALSE WHERE id = $1").await;
        }
        bench.drain(gate).await;
        bench.pass(SignedDuration::from_secs(601));
    }
    assert_eq!((bench.count(gate, "held").await, bench.count(gate, "deleted").await), (0, 15));
}

async fn rule_20_what_the_terminal_removed_just_now_counts_whenever_it_was_wanted(database: Database) {
    let (mut bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 8").await;
    bench.settle().await;
    bench.pass(SignedDuration::from_hours(5));
    assert_eq!(deletes(&bench.drain(gate).await), 8, "it was off for half the day");
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 12").await;
    bench.settle().await;
    assert_eq!(bench.count(gate, "held").await, 4);
}

async fn rule_20_an_empty_roster_is_held_however_few_there_are(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    for (name, card) in [("Tāne", "1"), ("Aroha", "2"), ("Māia", "3")] {
        bench.student(school, name, card).await;
        bench.drain(gate).await;
    }
    bench.edit(StudentId(1), "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    assert_eq!(deletes(&bench.drain(gate).await), 1);
    bench.edit(StudentId(2), "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    bench.edit(StudentId(3), "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    assert!(bench.drain(gate).await.is_empty());
    let held = bench.removals(gate).await;
    assert_eq!((held.held, held.reason.unwrap().contains("nobody belongs")), (2, true));
}

async fn rule_20_who_never_was_on_the_terminal_does_not_count(database: Database) {
    let (bench, school, gate) = fifty(database).await;
    for number in 51..=80 {
        bench.student(school, "Mistake", &number.to_string()).await;
    }
    bench.sql("DELETE FROM students WHERE id > 50").await;
    bench.settle().await;
    assert_eq!(bench.count(gate, "held").await, 0);
    bench.drain(gate).await;
    assert_eq!(bench.count(gate, "deleted").await, 30);
}

async fn rule_20_a_school_says_itself_what_is_too_much(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE schools SET guard_percent = 50, guard_number = 3").await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 25").await;
    bench.settle().await;
    assert_eq!(bench.count(gate, "pending").await, 25, "half is not more than half");
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 26").await;
    bench.settle().await;
    assert_eq!(bench.count(gate, "held").await, 26);
}

async fn rule_20_many_changes_of_card_are_held(database: Database) {
    let (bench, school, gate) = fifty(database).await;
    bench.sql("UPDATE students SET rfid_card_id = '9' || rfid_card_id WHERE id <= 30").await;
    bench.settle().await;
    bench.student(school, "Newcomer", "700").await;
    bench.edit(StudentId(40), "UPDATE students SET full_name = 'Ọlámidé' WHERE id = $1").await;
    bench.edit(StudentId(50), "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    let handed = texts(&bench.drain(gate).await);
    assert_eq!(handed.len(), 3, "{handed:?}");
    assert!(handed.iter().all(|text| !text.contains("Card=9")), "{handed:?}");
    let held = bench.removals(gate).await;
    assert_eq!((held.held, held.students[0].change.as_str()), (30, "card"));
    let reason = held.reason.unwrap();
    assert!(reason.starts_with("30 of 50 people on this terminal would get another card"), "{reason}");

    // A name changed meanwhile leaves the card where it is held; the former card back is nothing to decide about.
    bench.edit(StudentId(1), "UPDATE students SET full_name = 'Tóbi' WHERE id = $1").await;
    bench.edit(StudentId(2), "UPDATE students SET rfid_card_id = '2' WHERE id = $1").await;
    assert_eq!(bench.count(gate, "held").await, 29);
    assert_eq!(texts(&bench.drain(gate).await), ["DATA UPDATE USERINFO PIN=2|Name=Ṣadé 2|Pri=0|Card=2|Grp=1"]);
}

async fn rule_20_the_same_card_spelt_otherwise_is_no_change(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET rfid_card_id = '000' || rfid_card_id").await;
    bench.settle().await;
    assert_eq!(bench.count(gate, "held").await, 0);
    assert_eq!(bench.drain(gate).await.len(), 50);
}

async fn rule_20_cards_and_removals_are_counted_apart(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET rfid_card_id = '9' || rfid_card_id WHERE id <= 9").await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id > 41").await;
    bench.settle().await;
    assert_eq!((bench.count(gate, "held").await, bench.drain(gate).await.len()), (0, 18));
}

async fn rule_20_neither_tick_nor_full_sync_nor_retry_goes_round_it(database: Database) {
    let (mut bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 20").await;
    bench.sql("UPDATE students SET rfid_card_id = '9' || rfid_card_id WHERE id > 30").await;
    bench.settle().await;
    assert_eq!(bench.count(gate, "held").await, 40);
    let tripped = bench.now;
    for _ in 0..3 {
        bench.pass(SignedDuration::from_mins(20));
        assert_eq!(bench.settle().await, 0);
        let done = bench.full_sync(gate).await;
        assert_eq!((done.total_students, done.commands_queued), (30, 10));
        let held = bench.removals(gate).await;
        let reason = held.reason.unwrap_or_default();
        assert!(reason.contains("removed") && reason.contains("another card"), "one can still read why: {reason}");
        assert_eq!(held.since.unwrap().0, tripped);
        let handed = texts(&bench.drain(gate).await);
        assert_eq!(handed.len(), 10);
        assert!(handed.iter().all(|text| text.starts_with("DATA UPDATE") && !text.contains("Card=9")), "{handed:?}");
        for student in [1, 31] {
            let mut tx = bench.database.db.write().await.unwrap();
            let retried = again::student(&mut tx, gate, StudentId(student), Wish::Retry, bench.now).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(retried, Again::Not("held".into()));
        }
    }
    assert_eq!(bench.count(gate, "held").await, 40);
}

async fn rule_20_strangers_count_with_the_others(database: Database) {
    let (mut bench, _, gate) = fifty(database).await;
    let allowed = async |bench: &Bench, how_many| {
        let mut tx = bench.database.db.write().await.unwrap();
        guard::strangers_allowed(&mut tx, gate, how_many, bench.now).await.unwrap().is_none()
    };
    assert!(allowed(&bench, 10).await);
    assert!(!allowed(&bench, 13).await, "13 of 63");
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 5").await;
    bench.settle().await;
    assert!(!allowed(&bench, 9).await, "14 of 59, five of them students");
    bench.drain(gate).await;
    bench.pass(SignedDuration::from_mins(11));
    assert!(allowed(&bench, 9).await);

    // And a stranger removed counts when students are to follow.
    let mut tx = bench.database.db.write().await.unwrap();
    // Whom the terminal keeps although it says otherwise is one, however often he is removed.
    let pin = |n: i64| (800 + n.min(9)).to_string();
    let rows = (1..=11).map(|n: i64| vec![gate.into(), n.into(), bench.now.into(), pin(n).into()]).collect();
    let removed = "WITH v(device_id, wire_id, at, pin) AS (VALUES {rows})
        INSERT INTO device_commands (device_id, school_id, wire_id, command_type, command_string, word, status, created_at,
          device_pin)
        SELECT v.device_id, 1, v.wire_id, 'delete_user', 'DATA DELETE USERINFO PIN=' || v.pin, 'DATA DELETE USERINFO',
          'completed', v.at, v.pin FROM v";
    tx.execute_rows(removed, &[], rows).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!allowed(&bench, 4).await);
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 8").await;
    bench.settle().await;
    assert_eq!(bench.count(gate, "held").await, 3, "twelve with the strangers");
    bench.pass(SignedDuration::from_mins(11));
    bench.sql("UPDATE students SET is_active = FALSE").await;
    assert!(!allowed(&bench, 1).await, "nobody belongs there any more");
}

async fn rule_13_who_gets_a_held_ones_card_waits_and_is_told_why(database: Database) {
    use rollcall::sync::removals::Decision;
    let (bench, school, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 20").await;
    bench.settle().await;
    let heir = bench.student(school, "Heir", "7").await;
    let other = bench.student(school, "Other heir", "8").await;
    assert!(bench.drain(gate).await.is_empty());
    let words = "waits until card 7 is taken from Ṣadé 7, which is held until somebody decides";
    assert_eq!(bench.state(gate, heir).await, ("pending".into(), Some(words.into())));
    bench.decide(gate, Decision::Reject, Some(&[7])).await;
    let words = "waits until card 7 is taken from Ṣadé 7, who keeps it on this terminal by decision";
    assert_eq!(bench.state(gate, heir).await, ("pending".into(), Some(words.into())));
    bench.decide(gate, Decision::Approve, Some(&[8])).await;
    assert_eq!(texts(&bench.drain(gate).await).len(), 2, "removed, then given");
    assert_eq!(bench.state(gate, other).await.0, "synced");
}

async fn rule_5_a_terminal_that_changes_school_removes_nobody_by_itself(database: Database) {
    use rollcall::sync::removals::Decision;
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let elsewhere = bench.school().await;
    bench.student(school, "Çağla", "1").await;
    bench.student(elsewhere, "Işıl", "2").await;
    bench.drain(gate).await;
    bench.sql("UPDATE devices SET school_id = 2").await;
    bench.settle().await;
    assert_eq!(texts(&bench.drain(gate).await), ["DATA UPDATE USERINFO PIN=2|Name=Işıl|Pri=0|Card=2|Grp=1"]);
    let held = bench.removals(gate).await;
    assert_eq!(
        held.reason.as_deref(),
        Some("the terminal was moved to another school: 1 people of the former one would be removed")
    );
    bench.decide(gate, Decision::Reject, None).await;
    bench.settle().await;
    assert_eq!((bench.count(gate, "kept").await, bench.removals(gate).await.held), (1, 0));
    // What was decided for one school does not bind the next.
    let third = bench.school().await;
    bench.student(third, "Umut", "3").await;
    bench.sql("UPDATE devices SET school_id = 3").await;
    bench.settle().await;
    assert_eq!((bench.count(gate, "kept").await, bench.removals(gate).await.held), (0, 2));
    bench.decide(gate, Decision::Approve, None).await;
    assert_eq!(deletes(&bench.drain(gate).await), 2);
}
