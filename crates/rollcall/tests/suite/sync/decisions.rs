//! A person decides about what the guard holds.

use jiff::SignedDuration;
use rollcall::{
    school::StudentId,
    sync::removals::{Decided, Decision},
};

use super::bench::{deletes, fifty, texts};
use crate::databases::{Database, both_databases};

both_databases! {
    rule_20_what_is_approved_leaves_at_once_and_is_not_held_again,
    rule_20_new_removals_after_an_approval_are_judged_with_it,
    rule_20_some_are_approved_and_some_rejected,
    rule_20_who_is_kept_stays_until_the_roster_changes_for_him_again,
    rule_20_who_belongs_again_is_not_held_any_more,
    rule_20_a_rejected_change_of_card_leaves_the_former_card,
    rule_20_new_names_do_not_bring_rejected_cards_along,
    rule_20_a_new_name_is_no_change_of_card,
    rule_20_what_was_rejected_may_be_approved_later,
    rule_20_who_is_not_held_is_named,
    rule_20_what_was_rejected_does_not_count_any_more,
}

async fn rule_20_what_is_approved_leaves_at_once_and_is_not_held_again(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 45").await;
    bench.settle().await;
    assert_eq!(bench.decide(gate, Decision::Approve, None).await, 45);
    assert_eq!(bench.count(gate, "pending").await, 45);
    assert_eq!(bench.settle().await, 0);
    assert_eq!(bench.decide(gate, Decision::Approve, None).await, 0, "a second click");
    assert_eq!(deletes(&bench.drain(gate).await), 45);
    assert_eq!((bench.count(gate, "held").await, bench.count(gate, "deleted").await), (0, 45));
    assert_eq!(bench.decide(gate, Decision::Approve, Some(&[1, 2])).await, 0, "and a late one");
}

async fn rule_20_new_removals_after_an_approval_are_judged_with_it(database: Database) {
    let (mut bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 20").await;
    bench.settle().await;
    bench.pass(SignedDuration::from_hours(1));
    bench.decide(gate, Decision::Approve, None).await;
    bench.edit(StudentId(30), "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    assert_eq!((bench.count(gate, "held").await, bench.count(gate, "pending").await), (1, 20));
    bench.pass(SignedDuration::from_mins(11));
    bench.drain(gate).await;
    bench.pass(SignedDuration::from_mins(11));
    bench.edit(StudentId(31), "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    assert_eq!((bench.count(gate, "held").await, bench.count(gate, "pending").await), (1, 1));
}

async fn rule_20_some_are_approved_and_some_rejected(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 20").await;
    bench.settle().await;
    assert_eq!(bench.decide(gate, Decision::Approve, Some(&[1, 2, 2])).await, 2);
    assert_eq!(bench.decide(gate, Decision::Reject, Some(&[3])).await, 1);
    assert_eq!(bench.decide(gate, Decision::Reject, Some(&[3, 1])).await, 0);
    assert_eq!(texts(&bench.drain(gate).await), ["DATA DELETE USERINFO PIN=1", "DATA DELETE USERINFO PIN=2"]);
    let removals = bench.removals(gate).await;
    assert_eq!((removals.held, removals.students.len(), removals.kept.len()), (17, 17, 1));
    assert_eq!(removals.kept[0].student_id, Some(StudentId(3)));
}

async fn rule_20_who_is_kept_stays_until_the_roster_changes_for_him_again(database: Database) {
    let (mut bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 20").await;
    bench.settle().await;
    assert_eq!(bench.decide(gate, Decision::Reject, None).await, 20);
    assert_eq!(bench.count(gate, "kept").await, 20);
    bench.pass(SignedDuration::from_hours(3));
    assert_eq!(bench.settle().await, 0);
    bench.full_sync(gate).await;
    assert_eq!(deletes(&bench.drain(gate).await), 0);
    assert_eq!(bench.count(gate, "kept").await, 20);
    let summary = bench.summary(gate).await;
    assert_eq!((summary.total, summary.synced), (30, 30), "they are no part of the roster");

    bench.edit(StudentId(5), "UPDATE students SET is_active = TRUE WHERE id = $1").await;
    assert_eq!(texts(&bench.drain(gate).await), ["DATA UPDATE USERINFO PIN=5|Name=Ṣadé 5|Pri=0|Card=5|Grp=1"]);
    bench.edit(StudentId(5), "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    assert_eq!(texts(&bench.drain(gate).await), ["DATA DELETE USERINFO PIN=5"], "it is judged anew: one is not many");
    assert_eq!(bench.count(gate, "kept").await, 19);
}

async fn rule_20_who_belongs_again_is_not_held_any_more(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE").await;
    bench.settle().await;
    assert_eq!(bench.count(gate, "held").await, 50);
    bench.sql("UPDATE students SET is_active = TRUE").await;
    bench.settle().await;
    assert_eq!((bench.count(gate, "held").await, bench.removals(gate).await.reason), (0, None));
    let handed = bench.drain(gate).await;
    assert_eq!((handed.len(), deletes(&handed)), (50, 0));
    assert_eq!(bench.summary(gate).await.synced, 50);
}

async fn rule_20_a_rejected_change_of_card_leaves_the_former_card(database: Database) {
    let (mut bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET rfid_card_id = '9' || rfid_card_id WHERE id <= 20").await;
    bench.settle().await;
    let summary = bench.summary(gate).await;
    assert_eq!((summary.total, summary.synced, summary.pending), (50, 30, 20));
    assert_eq!(bench.decide(gate, Decision::Reject, None).await, 20);
    let summary = bench.summary(gate).await;
    assert_eq!((summary.total, summary.synced, summary.not_synced), (50, 30, 20));
    bench.pass(SignedDuration::from_hours(1));
    assert_eq!(bench.settle().await, 0);
    assert!(bench.drain(gate).await.is_empty());
    assert_eq!(
        bench.state(gate, StudentId(1)).await,
        ("kept".into(), Some("the terminal keeps the former card by decision".into()))
    );
    bench.edit(StudentId(1), "UPDATE students SET full_name = 'Ẹniọlá' WHERE id = $1").await;
    assert_eq!(texts(&bench.drain(gate).await), ["DATA UPDATE USERINFO PIN=1|Name=Ẹniọlá|Pri=0|Card=91|Grp=1"]);
    assert_eq!(bench.count(gate, "kept").await, 19);
}

async fn rule_20_new_names_do_not_bring_rejected_cards_along(database: Database) {
    let (mut bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET rfid_card_id = '9' || rfid_card_id WHERE id <= 20").await;
    bench.settle().await;
    assert_eq!(bench.decide(gate, Decision::Reject, None).await, 20);
    bench.pass(SignedDuration::from_hours(1));
    bench.sql("UPDATE students SET full_name = full_name || '.' WHERE id <= 20").await;
    bench.settle().await;
    assert_eq!(bench.count(gate, "held").await, 20);
    assert!(bench.drain(gate).await.is_empty());
}

async fn rule_20_a_new_name_is_no_change_of_card(database: Database) {
    let (mut bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET rfid_card_id = '9' || rfid_card_id WHERE id <= 8").await;
    bench.settle().await;
    assert_eq!(bench.drain(gate).await.len(), 8);
    bench.pass(SignedDuration::from_mins(5));
    bench.sql("UPDATE students SET full_name = full_name || '.' WHERE id <= 8").await;
    bench.sql("UPDATE students SET rfid_card_id = '9' || rfid_card_id WHERE id > 46").await;
    bench.settle().await;
    assert_eq!(bench.count(gate, "held").await, 0);
    assert_eq!(bench.drain(gate).await.len(), 12);
}

async fn rule_20_what_was_rejected_may_be_approved_later(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET rfid_card_id = '9' || rfid_card_id WHERE id <= 20").await;
    bench.settle().await;
    bench.decide(gate, Decision::Reject, None).await;
    assert_eq!(bench.decide(gate, Decision::Approve, None).await, 0, "all means all that is held");
    assert_eq!(bench.decide(gate, Decision::Approve, Some(&[1])).await, 1);
    assert_eq!(texts(&bench.drain(gate).await), ["DATA UPDATE USERINFO PIN=1|Name=Ṣadé 1|Pri=0|Card=91|Grp=1"]);
    assert_eq!(bench.state(gate, StudentId(1)).await, ("synced".into(), None));
}

async fn rule_20_who_is_not_held_is_named(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 20").await;
    bench.settle().await;
    let decided = bench.try_decide(gate, Decision::Approve, Some(&[1, 40, 4711])).await;
    assert_eq!(decided, Decided::NotHeld(vec![StudentId(40), StudentId(4711)]));
    assert_eq!(bench.count(gate, "held").await, 20, "and nothing is done about the others");
}

async fn rule_20_what_was_rejected_does_not_count_any_more(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 20").await;
    bench.sql("UPDATE students SET rfid_card_id = '9' || rfid_card_id WHERE id > 30").await;
    bench.settle().await;
    assert_eq!(bench.decide(gate, Decision::Reject, None).await, 40);
    bench.edit(StudentId(21), "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    bench.edit(StudentId(22), "UPDATE students SET rfid_card_id = '922' WHERE id = $1").await;
    assert_eq!((bench.count(gate, "held").await, bench.drain(gate).await.len()), (0, 2));
}
