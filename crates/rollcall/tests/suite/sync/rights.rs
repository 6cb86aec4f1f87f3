//! Access units: two commands for one version, whatever comes in between.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use rollcall::devices::DeviceId;

use super::bench::{Bench, texts};
use crate::databases::{Database, both_databases};

both_databases! {
    rule_14_the_right_follows_the_person_and_then_it_counts,
    who_leaves_loses_both,
    a_first_step_that_is_refused_has_no_second,
    a_repeated_answer_to_the_first_step_changes_nothing,
    an_edit_between_the_steps_begins_with_the_person_again,
    a_right_that_nobody_answers_for_is_offered_again_alone,
    a_right_that_cannot_be_taken_away_keeps_nobody,
    rule_13_a_card_is_free_when_its_person_is_written,
    both_steps_stay_open_when_passed_on,
    the_dialect_is_corrected_once_and_whatever_was_handed_out_in_the_other_is_withdrawn,
}

impl Bench {
    /// An access unit that was empty when it was counted.
    async fn unit(&self) -> DeviceId {
        let school = self.school().await;
        let unit = self.terminal(school, "SFA2251700031").await;
        self.sql("UPDATE devices SET dialect = 'security', push_version = '3.1.2', device_type = 'acc'").await;
        unit
    }

    async fn enrol(&self, name: &str, card: &str) -> rollcall::school::StudentId {
        let school = self.id("SELECT id FROM schools").await.map(rollcall::school::SchoolId).unwrap();
        self.student(school, name, card).await
    }
}

async fn rule_14_the_right_follows_the_person_and_then_it_counts(database: Database) {
    let bench = Bench::new(database);
    let unit = bench.unit().await;
    let student = bench.enrol("Bolormaa", "0017").await;
    let first = bench.poll(unit).await;
    assert_eq!(texts(&first), ["DATA UPDATE user CardNo=17|Pin=1|Group=1|Name=Bolormaa|Privilege=0"]);
    assert_eq!(bench.state(unit, student).await.0, "sent");
    bench.answer(unit, &first[0], 0).await;
    assert_eq!(bench.state(unit, student).await.0, "sent", "known, and not let in");
    let second = bench.poll(unit).await;
    assert_eq!(texts(&second), ["DATA UPDATE userauthorize Pin=1|AuthorizeTimezoneId=1|AuthorizeDoorId=1"]);
    bench.answer(unit, &second[0], 0).await;
    assert_eq!(bench.state(unit, student).await, ("synced".to_owned(), None));
    assert_eq!(bench.drain(unit).await, []);
}

async fn who_leaves_loses_both(database: Database) {
    let bench = Bench::new(database);
    let unit = bench.unit().await;
    let student = bench.enrol("Bolormaa", "17").await;
    bench.enrol("Temüjin", "18").await;
    bench.drain(unit).await;
    bench.sql("UPDATE schools SET guard_percent = 100, guard_number = 100").await;
    bench.edit(student, "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    let first = bench.poll(unit).await;
    assert_eq!(texts(&first), ["DATA DELETE user Pin=1"]);
    bench.answer(unit, &first[0], 0).await;
    let open = "SELECT COUNT(*) FROM device_user_mappings WHERE valid_to IS NULL AND student_id = 1";
    assert_eq!((bench.state(unit, student).await.0.as_str(), bench.id(open).await), ("sent", Some(1)));
    let second = bench.poll(unit).await;
    assert_eq!(texts(&second), ["DATA DELETE userauthorize Pin=1"]);
    bench.answer(unit, &second[0], 0).await;
    assert_eq!((bench.state(unit, student).await.0.as_str(), bench.id(open).await), ("deleted", Some(0)));
}

async fn a_first_step_that_is_refused_has_no_second(database: Database) {
    let bench = Bench::new(database);
    let unit = bench.unit().await;
    let student = bench.enrol("Bolormaa", "17").await;
    let first = bench.poll(unit).await;
    bench.answer(unit, &first[0], -620).await;
    let (state, words) = bench.state(unit, student).await;
    assert_eq!(state, "failed");
    assert!(words.unwrap().contains("wrong format"));
    assert_eq!(bench.drain(unit).await, []);
}

async fn a_repeated_answer_to_the_first_step_changes_nothing(database: Database) {
    let bench = Bench::new(database);
    let unit = bench.unit().await;
    let student = bench.enrol("Bolormaa", "17").await;
    let first = bench.poll(unit).await;
    for _ in 0..3 {
        bench.answer(unit, &first[0], 0).await;
    }
    let second = bench.poll(unit).await;
    assert_eq!(second.len(), 1, "{second:?}");
    bench.answer(unit, &first[0], 0).await;
    bench.answer(unit, &second[0], 0).await;
    bench.answer(unit, &first[0], -629).await;
    assert_eq!(bench.state(unit, student).await.0, "synced");
    assert_eq!(bench.id("SELECT COUNT(*) FROM device_commands WHERE step = 'door_right'").await, Some(1));
}

async fn an_edit_between_the_steps_begins_with_the_person_again(database: Database) {
    let bench = Bench::new(database);
    let unit = bench.unit().await;
    let student = bench.enrol("Bolormaa", "17").await;
    let first = bench.poll(unit).await;
    bench.answer(unit, &first[0], 0).await;
    let right = bench.poll(unit).await;
    bench.edit(student, "UPDATE students SET full_name = 'Bolormaa Ganbold' WHERE id = $1").await;
    assert_eq!(bench.poll(unit).await, [], "one command for him is out");
    bench.answer(unit, &right[0], 0).await;
    assert_eq!(bench.state(unit, student).await.0, "pending", "the right belongs to the version before");
    let handed = bench.drain(unit).await;
    let words: Vec<String> =
        texts(&handed).iter().map(|text| text.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect();
    assert!(words[0].starts_with("DATA UPDATE user") && words[1].starts_with("DATA UPDATE userauthorize"), "{words:?}");
    assert!(handed[0].text.contains("Bolormaa Ganbold"));
    assert_eq!((handed.len(), bench.state(unit, student).await.0.as_str()), (2, "synced"));
}

async fn a_right_that_nobody_answers_for_is_offered_again_alone(database: Database) {
    let mut bench = Bench::new(database);
    let unit = bench.unit().await;
    let student = bench.enrol("Bolormaa", "17").await;
    let first = bench.poll(unit).await;
    bench.answer(unit, &first[0], 0).await;
    let right = bench.poll(unit).await;
    bench.pass(SignedDuration::from_mins(5));
    let again = bench.poll(unit).await;
    assert_eq!(again, right, "the person is there already");
    bench.answer(unit, &again[0], -1005).await;
    bench.pass(SignedDuration::from_mins(5));
    let once_more = bench.poll(unit).await;
    assert_eq!(once_more, right, "it was busy");
    bench.answer(unit, &once_more[0], 0).await;
    assert_eq!(bench.state(unit, student).await.0, "synced");
}

async fn a_right_that_cannot_be_taken_away_keeps_nobody(database: Database) {
    let bench = Bench::new(database);
    let unit = bench.unit().await;
    let student = bench.enrol("Bolormaa", "17").await;
    bench.enrol("Temüjin", "18").await;
    bench.drain(unit).await;
    bench.sql("UPDATE schools SET guard_percent = 100, guard_number = 100").await;
    bench.edit(student, "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    let first = bench.poll(unit).await;
    bench.answer(unit, &first[0], 0).await;
    let second = bench.poll(unit).await;
    bench.answer(unit, &second[0], -1).await;
    assert_eq!(bench.state(unit, student).await.0, "deleted");
}

async fn rule_13_a_card_is_free_when_its_person_is_written(database: Database) {
    let bench = Bench::new(database);
    let unit = bench.unit().await;
    let one = bench.enrol("Bolormaa", "17").await;
    bench.drain(unit).await;
    let other = bench.enrol("Temüjin", "18").await;
    bench.drain(unit).await;
    bench.sql("UPDATE schools SET guard_percent = 100, guard_number = 100").await;
    bench.foreign("UPDATE students SET rfid_card_id = CASE rfid_card_id WHEN '17' THEN '18' ELSE '17' END").await;
    bench.settle().await;
    let handed = bench.drain(unit).await;
    let people: Vec<String> = texts(&handed)
        .into_iter()
        .filter(|text| text.starts_with("DATA UPDATE user "))
        .map(|text| text[16..].to_owned())
        .collect();
    assert_eq!(
        people,
        [
            " CardNo=|Pin=1|Group=1|Name=Bolormaa|Privilege=0",
            " CardNo=17|Pin=2|Group=1|Name=Temüjin|Privilege=0",
            " CardNo=18|Pin=1|Group=1|Name=Bolormaa|Privilege=0"
        ]
    );
    for student in [one, other] {
        assert_eq!(bench.state(unit, student).await.0, "synced");
    }
}

async fn both_steps_stay_open_when_passed_on(database: Database) {
    let mut bench = Bench::new(database);
    let unit = bench.unit().await;
    let student = bench.enrol("Bolormaa", "17").await;
    for _ in 0..2 {
        let handed = bench.poll(unit).await;
        assert_eq!(handed.len(), 1);
        bench.answer(unit, &handed[0], -5000).await;
        bench.pass(SignedDuration::from_mins(5));
        assert_eq!(bench.poll(unit).await, [], "it is waited for");
        bench.answer(unit, &handed[0], 0).await;
    }
    assert_eq!(bench.state(unit, student).await.0, "synced");
}

async fn the_dialect_is_corrected_once_and_whatever_was_handed_out_in_the_other_is_withdrawn(database: Database) {
    let bench = Bench::new(database);
    let unit = bench.unit().await;
    bench.sql("UPDATE devices SET dialect = 'attendance'").await;
    bench.sql("UPDATE device_delivery SET batch_size = 8").await;
    let mut students = Vec::new();
    for number in 1..=6 {
        students.push(bench.enrol(&format!("Ṣadé {number}"), &number.to_string()).await);
    }
    let handed = bench.poll(unit).await;
    assert!(handed.len() > 1 && handed.iter().all(|command| command.text.contains("USERINFO")), "{handed:?}");
    bench.answer(unit, &handed[0], -629).await;
    let other = bench.poll(unit).await;
    assert!(other.iter().all(|command| command.text.starts_with("DATA UPDATE user ")), "{other:?}");
    // The rest of the first batch is answered late: nobody fails, nothing is said twice.
    bench.answer_all(unit, &handed[1..], -629).await;
    bench.answer_all(unit, &other, 0).await;
    let more = bench.drain(unit).await;
    assert!(more.iter().all(|command| !command.text.contains("USERINFO")), "{more:?}");
    let all = other.iter().chain(&more).map(|command| command.text.as_str());
    let written: BTreeSet<&str> = all.filter(|text| text.starts_with("DATA UPDATE")).collect();
    assert_eq!(written.len(), 12, "two steps each");
    for student in students {
        assert_eq!(bench.state(unit, student).await, ("synced".to_owned(), None));
    }
}
