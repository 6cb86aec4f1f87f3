//! Versions: a late answer is harmless, ten edits are one command, a stranger's answer is none.

use jiff::SignedDuration;
use rollcall::sync::again;

use super::bench::{Bench, texts};
use crate::databases::{Database, both_databases};

both_databases! {
    a_student_becomes_a_command_and_a_yes_makes_him_synced,
    rule_6_ten_edits_before_a_poll_are_one_command,
    rule_6_a_late_yes_to_version_one_leaves_version_two_pending,
    rule_6_a_refusal_of_an_old_version_does_not_fail_the_student,
    rule_6_at_its_deadline_an_unwanted_version_is_superseded_and_never_offered_again,
    rule_6_behind_what_a_terminal_carried_out_only_what_is_still_wanted_leaves_again,
    a_removal_is_deleted_only_when_the_terminal_said_so,
    a_row_deleted_by_sql_is_removed_from_the_terminal,
    a_result_counts_only_for_a_command_of_that_terminal,
    full_sync_queues_everybody_again_whatever_the_ledger_says,
    full_sync_while_commands_are_out_counts_those_that_wait,
    only_who_failed_or_drifted_is_retried,
    sync_status_adds_up_in_every_state,
}

/// The whole way, from an inserted row to the terminal's yes.
async fn a_student_becomes_a_command_and_a_yes_makes_him_synced(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let ayse = bench.student(school, "Ayşe Demir", "0123456789").await;
    assert_eq!(bench.state(gate, ayse).await, ("pending".into(), None));
    let handed = bench.poll(gate).await;
    assert_eq!(texts(&handed), ["DATA UPDATE USERINFO PIN=1|Name=Ayşe Demir|Pri=0|Card=123456789|Grp=1"]);
    assert_eq!(bench.state(gate, ayse).await.0, "sent");
    bench.answer(gate, &handed[0], 0).await;
    assert_eq!(bench.state(gate, ayse).await, ("synced".into(), None));
    assert_eq!(bench.settle().await, 0, "a second look finds nothing to do");
    assert!(bench.poll(gate).await.is_empty());
}

async fn rule_6_ten_edits_before_a_poll_are_one_command(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let student = bench.student(school, "Lakshmi", "17").await;
    for _ in 0..10 {
        bench.edit(student, "UPDATE students SET full_name = full_name || 'i' WHERE id = $1").await;
    }
    let handed = bench.poll(gate).await;
    assert_eq!(texts(&handed), ["DATA UPDATE USERINFO PIN=1|Name=Lakshmiiiiiiiiiii|Pri=0|Card=17|Grp=1"]);
    bench.answer(gate, &handed[0], 0).await;
    assert!(bench.poll(gate).await.is_empty());
}

async fn rule_6_a_late_yes_to_version_one_leaves_version_two_pending(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let student = bench.student(school, "Ngozi", "17").await;
    let first = bench.poll(gate).await;
    bench.edit(student, "UPDATE students SET full_name = 'Ngozi Okafor' WHERE id = $1").await;
    assert!(bench.poll(gate).await.is_empty(), "the newer version waits for the result of the older");
    bench.answer(gate, &first[0], 0).await;
    assert_eq!(bench.state(gate, student).await.0, "pending");
    let second = bench.drain(gate).await;
    assert_eq!(texts(&second), ["DATA UPDATE USERINFO PIN=1|Name=Ngozi Okafor|Pri=0|Card=17|Grp=1"]);
    assert_eq!(bench.state(gate, student).await.0, "synced");
}

async fn rule_6_a_refusal_of_an_old_version_does_not_fail_the_student(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let student = bench.student(school, "Oyelarán", "17").await;
    let first = bench.poll(gate).await;
    bench.edit(student, "UPDATE students SET full_name = 'Ọyẹ' WHERE id = $1").await;
    bench.answer(gate, &first[0], -3).await;
    assert_eq!(bench.state(gate, student).await.0, "pending");
    bench.drain(gate).await;
    assert_eq!(bench.state(gate, student).await.0, "synced");
}

async fn rule_6_at_its_deadline_an_unwanted_version_is_superseded_and_never_offered_again(database: Database) {
    let mut bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let student = bench.student(school, "Bolat", "17").await;
    let first = bench.poll(gate).await;
    bench.edit(student, "UPDATE students SET full_name = 'Болат' WHERE id = $1").await;
    bench.pass(SignedDuration::from_secs(32));
    let second = bench.poll(gate).await;
    assert_eq!(texts(&second), ["DATA UPDATE USERINFO PIN=1|Name=Болат|Pri=0|Card=17|Grp=1"]);
    // The first answer arrives after all; it confirms nothing that is wanted.
    bench.answer(gate, &first[0], 0).await;
    assert_eq!(bench.state(gate, student).await.0, "sent");
    bench.answer(gate, &second[0], 0).await;
    assert_eq!(bench.state(gate, student).await.0, "synced");
    let superseded = "SELECT COUNT(*) FROM device_commands WHERE status = 'superseded' AND return_code = 0";
    assert_eq!(bench.id(superseded).await, Some(1));
}

/// It takes the first of two. Meanwhile the second student has left.
async fn rule_6_behind_what_a_terminal_carried_out_only_what_is_still_wanted_leaves_again(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.student(school, "Siosaia", "17").await;
    let left = bench.student(school, "ʻAna", "18").await;
    bench.student(school, "Ngaire", "19").await;
    bench.sql("UPDATE device_delivery SET batch_size = 3").await;
    let handed = bench.poll(gate).await;
    assert_eq!(handed.len(), 3);
    bench.edit(left, "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    bench.answer(gate, &handed[0], 0).await;
    let next = bench.poll(gate).await;
    let pins: Vec<String> = texts(&next).iter().map(|text| text.split('|').next().unwrap_or_default().into()).collect();
    assert!(pins.contains(&"DATA UPDATE USERINFO PIN=3".to_owned()), "{pins:?}");
    assert!(!pins.contains(&"DATA UPDATE USERINFO PIN=2".to_owned()), "{pins:?}");
    bench.answer_all(gate, &next, 0).await;
    bench.drain(gate).await;
    assert_eq!(bench.state(gate, left).await.0, "deleted");
}

async fn a_removal_is_deleted_only_when_the_terminal_said_so(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let student = bench.student(school, "Mele", "17").await;
    bench.student(school, "Пётр stays", "9").await;
    bench.drain(gate).await;
    bench.edit(student, "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    assert_eq!(bench.state(gate, student).await.0, "pending");
    let handed = bench.poll(gate).await;
    assert_eq!(texts(&handed), ["DATA DELETE USERINFO PIN=1"]);
    assert_eq!(bench.state(gate, student).await.0, "sent");
    bench.answer(gate, &handed[0], -10).await;
    assert_eq!(bench.state(gate, student).await.0, "deleted", "no such PIN is what was wanted");
}

async fn a_row_deleted_by_sql_is_removed_from_the_terminal(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.student(school, "Ruta", "17").await;
    bench.student(school, "Пётр stays", "9").await;
    bench.drain(gate).await;
    bench.sql("DELETE FROM students WHERE full_name = 'Ruta'").await;
    bench.settle().await;
    assert_eq!(texts(&bench.drain(gate).await), ["DATA DELETE USERINFO PIN=1"]);
}

async fn a_result_counts_only_for_a_command_of_that_terminal(database: Database) {
    let bench = Bench::new(database);
    let (school, other_school) = (bench.school().await, bench.school().await);
    let gate = bench.terminal(school, "CJX9253300417").await;
    let elsewhere = bench.terminal(other_school, "XQZ0000000001").await;
    let student = bench.student(school, "Zainab", "17").await;
    let handed = bench.poll(gate).await;
    bench.answer(elsewhere, &handed[0], 0).await;
    assert_eq!(bench.state(gate, student).await.0, "sent");
}

async fn full_sync_queues_everybody_again_whatever_the_ledger_says(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    for (name, card) in [("Ayşe", "1"), ("李小明", "2"), ("Ōkina", "3")] {
        bench.student(school, name, card).await;
    }
    bench.drain(gate).await;
    let done = bench.full_sync(gate).await;
    assert_eq!((done.total_students, done.commands_queued), (3, 3));
    let again = bench.full_sync(gate).await;
    assert_eq!((again.total_students, again.commands_queued), (3, 3), "pressed twice it is the same work");
    let handed = bench.drain(gate).await;
    assert_eq!(handed.len(), 3);
    assert!(handed.iter().all(|command| command.text.starts_with("DATA UPDATE")), "nothing is removed first");
    assert_eq!(bench.summary(gate).await.synced, 3);
}

async fn full_sync_while_commands_are_out_counts_those_that_wait(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.student(school, "Ayşe", "1").await;
    let out = bench.poll(gate).await;
    assert_eq!(bench.full_sync(gate).await.commands_queued, 1);
    assert!(bench.poll(gate).await.is_empty());
    bench.answer(gate, &out[0], 0).await;
    assert_eq!(bench.drain(gate).await.len(), 1);
}

async fn only_who_failed_or_drifted_is_retried(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let student = bench.student(school, "Eetu", "1").await;
    let retry = async |expected: &str| {
        let mut tx = bench.database.db.write().await.unwrap();
        let answer = again::student(&mut tx, gate, student, again::Wish::Retry, bench.now).await.unwrap();
        tx.commit().await.unwrap();
        match answer {
            again::Again::Queued(_) => assert_eq!(expected, "queued"),
            again::Again::Not(state) => assert_eq!(state, expected),
            again::Again::NotOnTerminal => panic!("he belongs on it"),
        }
    };
    retry("pending").await;
    let handed = bench.poll(gate).await;
    retry("sent").await;
    bench.answer(gate, &handed[0], -3).await;
    let (state, words) = bench.state(gate, student).await;
    assert_eq!(state, "failed");
    assert!(words.is_some_and(|words| words.contains("-3")), "the code is shown with its meaning");
    retry("queued").await;
    bench.drain(gate).await;
    retry("synced").await;

    // A reading found something else, and the repair is on its way, or was answered and is not seen yet.
    let found = "INSERT INTO device_drift (device_id, device_pin, student_id, kind, found_at, found_last_at)
        SELECT device_id, device_pin, student_id, 'missing', updated_at, updated_at FROM device_user_sync_status";
    bench.sql(found).await;
    retry("queued").await;
    retry("queued").await;
    bench.drain(gate).await;
    retry("queued").await;
    bench.drain(gate).await;
    bench.edit(student, "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    bench.sql("UPDATE device_user_sync_status SET decision = 'kept'").await;
    retry("kept").await;
}

async fn sync_status_adds_up_in_every_state(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let students = [bench.student(school, "A", "1").await, bench.student(school, "B", "2").await];
    let first = bench.poll(gate).await;
    bench.answer(gate, &first[0], 0).await;
    bench.poll(gate).await;
    bench.student(school, "C", "3").await;
    bench.student(school, "D", "banana").await;
    // Left and came back: the stored row says deleted, he is wanted again, and nobody has looked yet.
    bench.edit(students[0], "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    bench.sql("UPDATE students SET is_active = TRUE").await;
    let summary = bench.summary(gate).await;
    assert_eq!(summary.total, 4);
    assert_eq!((summary.synced, summary.pending, summary.sent, summary.failed, summary.not_synced), (0, 1, 1, 1, 1));
}
