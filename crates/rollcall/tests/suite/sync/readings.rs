//! Readings by hand: the questions that polls hand out, the lines and results that come back, in every order.

use jiff::SignedDuration;
use push_protocol::{
    record::User,
    text::{Card, Charset, Pin},
};
use rollcall::{
    devices::DeviceId,
    sync::{
        adopt::decide::{self, What, Whom, Wish},
        delivery::Poll,
        reading::{self, Cause, Line},
    },
};

use super::bench::{Bench, Handed, texts};
use crate::databases::{Database, both_databases};

both_databases! {
    rule_8_questions_are_no_commands_while_they_wait,
    rule_16_an_answer_before_or_after_its_result_counts,
    rule_16_a_write_during_a_reading_leaves_its_person_unknown,
    rule_16_an_equal_line_that_nobody_asked_for_verifies_a_differing_one_is_asked_about,
    rule_17_a_dump_that_nobody_asked_for_removes_nobody_and_refills_nobody,
    rule_18_a_silent_sentinel_is_replaced_by_another,
    rule_19_a_device_has_one_reading_and_it_survives_a_restart,
    a_question_that_nobody_answers_is_asked_again_and_then_given_up,
    a_question_that_is_answered_try_later_pauses_longer_each_time_and_is_given_up,
    a_reading_never_delays_the_roster,
    words_that_were_refused_are_not_sent_again_until_the_firmware_changes,
    an_access_unit_that_was_taken_for_another_is_found_out_by_its_refusal,
    other_firmware_is_tried_anew,
    a_stranger_whom_a_terminal_keeps_is_left_after_three_removals,
}

const FIRMWARE: &str = "ZAM180-NF50VA-Ver3.4.99";

impl Bench {
    /// A terminal of this firmware that was empty, with so many students on it.
    async fn gate(&self, people: usize) -> DeviceId {
        let school = self.school().await;
        let gate = self.registered(school, "GED7242600838").await;
        self.counted(gate, 0).await;
        for number in 0..people {
            self.student(school, &format!("Quispe {number}"), &format!("{}", 5000 + number)).await;
        }
        self.drain(gate).await;
        gate
    }

    async fn counted(&self, device: DeviceId, count: u32) -> Vec<Handed> {
        let firmware = Some(FIRMWARE.to_owned());
        self.poll_with(device, Poll { user_count: Some(count), firmware, ..Poll::default() }).await
    }

    async fn want(&self, device: DeviceId) {
        let mut tx = self.database.db.write().await.unwrap();
        reading::want(&mut tx, device, Cause::Schedule, self.now).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// As if this class had been proven already.
    async fn class(&self, class: &'static str) {
        match class {
            "list" => {
                self.sql("UPDATE devices SET readback_class = 'list', readback_firmware = 'ZAM180-NF50VA-Ver3.4.99'")
            }
            _ => {
                self.sql("UPDATE devices SET readback_class = 'per_pin', readback_firmware = 'ZAM180-NF50VA-Ver3.4.99'")
            }
        }
        .await;
    }

    /// The terminal uploads these people: PIN, name, card.
    async fn tell(&self, device: DeviceId, people: &[(&str, &str, u64)]) -> bool {
        let users: Vec<User> = people
            .iter()
            .map(|(pin, name, card)| User {
                pin: Pin::parse(pin).unwrap(),
                name: (*name).to_owned(),
                name_damaged: false,
                card: Card::new(*card).ok(),
                card_text: card.to_string(),
                privilege: Some(0),
            })
            .collect();
        let mut tx = self.database.db.write().await.unwrap();
        let line = Line { users: &users, pins: &[], operations: &[], packet: None };
        let asks = reading::keep(&mut tx, device, line, Charset::Utf8, self.now).await.unwrap();
        tx.commit().await.unwrap();
        asks
    }

    async fn count_result(&self, device: DeviceId, command: &Handed, count: u32) {
        let answer = rollcall::sync::acknowledge::Answer {
            wire_id: command.id,
            code: 0,
            user_count: Some(count),
            firmware: None,
        };
        let mut tx = self.database.db.write().await.unwrap();
        let wait = super::bench::FIRST_WAIT;
        rollcall::sync::acknowledge::acknowledge(&mut tx, device, &[answer], wait, self.now).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// (state, verified, missing, different, extra, unknown) of the newest reading.
    async fn outcome(&self) -> (String, i64, i64, i64, i64, i64) {
        let mut tx = self.database.db.read().await.unwrap();
        tx.one("SELECT state, verified, missing, different, extra, unknown FROM readings ORDER BY id DESC LIMIT 1", [])
            .await
            .unwrap()
    }

    async fn readings(&self) -> i64 {
        self.id("SELECT COUNT(*) FROM readings").await.unwrap()
    }
}

const QUISPES: [(&str, &str, u64); 3] = [("1", "Quispe 0", 5000), ("2", "Quispe 1", 5001), ("3", "Quispe 2", 5002)];

fn finished(
    verified: i64,
    missing: i64,
    different: i64,
    extra: i64,
    unknown: i64,
) -> (String, i64, i64, i64, i64, i64) {
    ("done".to_owned(), verified, missing, different, extra, unknown)
}

async fn rule_8_questions_are_no_commands_while_they_wait(database: Database) {
    let bench = Bench::new(database);
    let gate = bench.gate(30).await;
    bench.class("per_pin").await;
    bench.want(gate).await;
    let asked = bench.poll(gate).await;
    assert_eq!(texts(&asked)[0], "DATA QUERY USERINFO PIN=1");
    // Thirty people with a control behind each ten of them, and eight of all that are out.
    let waiting = bench.id("SELECT COUNT(*) FROM reading_steps WHERE state = 'waiting'").await;
    let pending = bench.id("SELECT COUNT(*) FROM device_commands WHERE status = 'pending'").await;
    assert_eq!((asked.len(), waiting, pending), (8, Some(33 - 8), Some(0)));
}

async fn rule_16_an_answer_before_or_after_its_result_counts(database: Database) {
    for is_before in [true, false] {
        let bench = Bench::new(database.again().await);
        let gate = bench.gate(3).await;
        bench.class("list").await;
        bench.want(gate).await;
        let list = bench.poll(gate).await;
        assert_eq!(texts(&list), ["DATA QUERY USERINFO"]);
        if is_before {
            bench.tell(gate, &QUISPES).await;
            bench.answer(gate, &list[0], 0).await;
        } else {
            bench.answer(gate, &list[0], 0).await;
            bench.tell(gate, &QUISPES).await;
        }
        let count = bench.poll(gate).await;
        assert_eq!(texts(&count), ["INFO"]);
        bench.count_result(gate, &count[0], 3).await;
        bench.poll(gate).await;
        assert_eq!(bench.outcome().await, finished(3, 0, 0, 0, 0), "before: {is_before}");
    }
}

async fn rule_16_a_write_during_a_reading_leaves_its_person_unknown(database: Database) {
    let bench = Bench::new(database);
    let gate = bench.gate(3).await;
    bench.class("list").await;
    bench.want(gate).await;
    let list = bench.poll(gate).await;
    // Somebody is renamed while the terminal is telling; the list still has the old name.
    bench.edit(rollcall::school::StudentId(2), "UPDATE students SET full_name = 'Quispe Dos' WHERE id = $1").await;
    let write = bench.poll(gate).await;
    assert!(texts(&write)[0].contains("Quispe Dos"), "{write:?}");
    bench.answer(gate, &write[0], 0).await;
    bench.tell(gate, &QUISPES).await;
    bench.answer(gate, &list[0], 0).await;
    let count = bench.poll(gate).await;
    bench.count_result(gate, &count[0], 3).await;
    let next = bench.poll(gate).await;
    assert_eq!(
        (bench.outcome().await, next),
        (finished(2, 0, 0, 0, 1), vec![]),
        "nothing is repaired that is not broken"
    );
}

async fn rule_16_an_equal_line_that_nobody_asked_for_verifies_a_differing_one_is_asked_about(database: Database) {
    let bench = Bench::new(database);
    let gate = bench.gate(3).await;
    bench.class("list").await;
    assert!(!bench.tell(gate, &[("1", "Quispe 0", 5000)]).await);
    let verified = "SELECT COUNT(*) FROM device_user_sync_status WHERE verified_version = wanted_version";
    assert_eq!(bench.id(verified).await, Some(1));
    assert!(bench.tell(gate, &[("2", "Quispe X", 5001)]).await);
    let (state, _) = bench.state(gate, rollcall::school::StudentId(2)).await;
    assert_eq!(state, "synced", "a line alone proves nothing: it may be an old one that comes late");
    let asked = texts(&bench.poll(gate).await);
    assert_eq!(asked[0], "DATA QUERY USERINFO PIN=2");
}

async fn rule_17_a_dump_that_nobody_asked_for_removes_nobody_and_refills_nobody(database: Database) {
    let bench = Bench::new(database);
    let gate = bench.gate(3).await;
    bench.class("list").await;
    bench.sql("UPDATE devices SET strangers = 'remove'").await;
    // A boot dump with one of ours and somebody else; the others are not in it.
    bench.tell(gate, &[("1", "Quispe 0", 5000), ("900", "Θεανώ", 7)]).await;
    let asked = texts(&bench.poll(gate).await);
    assert!(asked.iter().all(|text| text.starts_with("DATA QUERY")), "{asked:?}");
    assert_eq!(bench.summary(gate).await.synced, 3);
}

async fn rule_18_a_silent_sentinel_is_replaced_by_another(database: Database) {
    let mut bench = Bench::new(database);
    let gate = bench.gate(3).await;
    bench.want(gate).await;
    let count = bench.poll(gate).await;
    bench.count_result(gate, &count[0], 2).await;
    let list = bench.poll(gate).await;
    bench.answer(gate, &list[0], 0).await;
    let count = bench.poll(gate).await;
    bench.count_result(gate, &count[0], 2).await;
    // The first who should be there was dropped by the terminal.
    let sentinel = bench.poll(gate).await;
    assert_eq!(texts(&sentinel), ["DATA QUERY USERINFO PIN=1"]);
    bench.answer(gate, &sentinel[0], 0).await;
    bench.pass(SignedDuration::from_secs(60));
    let other = bench.poll(gate).await;
    assert_eq!(texts(&other), ["DATA QUERY USERINFO PIN=2"]);
    bench.answer(gate, &other[0], 0).await;
    bench.tell(gate, &QUISPES[1..2]).await;
    // He answers: from here on everybody is asked for, and the silence of the first means something.
    for _ in 0..20 {
        for asked in bench.poll(gate).await {
            if asked.text == "INFO" {
                bench.count_result(gate, &asked, 2).await;
                continue;
            }
            let pin = asked.text.rsplit('=').next().unwrap().to_owned();
            bench.answer(gate, &asked, 0).await;
            if let Some(person) = QUISPES[1..].iter().find(|(known, ..)| *known == pin) {
                bench.tell(gate, &[*person]).await;
            }
        }
        bench.pass(SignedDuration::from_secs(30));
        if bench.outcome().await.0 == "done" {
            break;
        }
    }
    assert_eq!(bench.outcome().await, finished(2, 1, 0, 0, 0));
    assert_eq!(bench.id("SELECT COUNT(*) FROM devices WHERE readback_class = 'per_pin'").await, Some(1));
}

async fn rule_19_a_device_has_one_reading_and_it_survives_a_restart(database: Database) {
    let bench = Bench::new(database);
    let gate = bench.gate(3).await;
    bench.class("list").await;
    bench.want(gate).await;
    let list = bench.poll(gate).await;
    // A new schedule joins it: of all that is kept, only rows of the database matter.
    let mut tx = bench.database.db.write().await.unwrap();
    reading::want_everywhere(&mut tx, Cause::Schedule, bench.now).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((bench.readings().await, bench.poll(gate).await), (1, vec![]));
    bench.tell(gate, &QUISPES).await;
    bench.answer(gate, &list[0], 0).await;
    let count = bench.poll(gate).await;
    bench.count_result(gate, &count[0], 3).await;
    bench.poll(gate).await;
    assert_eq!((bench.readings().await, bench.outcome().await), (1, finished(3, 0, 0, 0, 0)));
}

async fn a_question_that_nobody_answers_is_asked_again_and_then_given_up(database: Database) {
    let mut bench = Bench::new(database);
    let gate = bench.gate(3).await;
    bench.class("list").await;
    bench.want(gate).await;
    let first = bench.poll(gate).await;
    assert_eq!(bench.poll(gate).await, []);
    bench.pass(SignedDuration::from_secs(40));
    let second = bench.poll(gate).await;
    assert_eq!((texts(&second), first[0].id == second[0].id), (texts(&first), false));
    bench.pass(SignedDuration::from_secs(80));
    // Two lists in vain; then the count, then those who are wanted, one by one.
    let asked = texts(&bench.poll(gate).await);
    assert_eq!(asked, ["INFO"]);
}

async fn a_question_that_is_answered_try_later_pauses_longer_each_time_and_is_given_up(database: Database) {
    let mut bench = Bench::new(database);
    let gate = bench.gate(3).await;
    bench.class("list").await;
    bench.want(gate).await;
    let list = bench.poll(gate).await;
    let mut asked = list.clone();
    for (code, pause) in [(-1003, 30), (-1005, 60)] {
        bench.answer(gate, &asked[0], code).await;
        assert_eq!(bench.poll(gate).await, [], "a busy terminal is left alone");
        bench.pass(SignedDuration::from_secs(pause - 1));
        assert_eq!(bench.poll(gate).await, []);
        bench.pass(SignedDuration::from_secs(1));
        asked = bench.poll(gate).await;
        assert_eq!(texts(&asked), texts(&list));
    }
    bench.answer(gate, &asked[0], -1003).await;
    assert_eq!(texts(&bench.poll(gate).await), ["INFO"], "as after a list that nobody answers");
}

async fn a_reading_never_delays_the_roster(database: Database) {
    let bench = Bench::new(database);
    let gate = bench.gate(3).await;
    bench.class("per_pin").await;
    bench.want(gate).await;
    let asked = bench.poll(gate).await;
    assert!(asked[0].text.starts_with("DATA QUERY"));
    bench.edit(rollcall::school::StudentId(3), "UPDATE students SET full_name = 'Sumaq' WHERE id = $1").await;
    let next = texts(&bench.poll(gate).await);
    assert!(next[0].contains("Name=Sumaq"), "an edit leaves with the next poll: {next:?}");
}

async fn words_that_were_refused_are_not_sent_again_until_the_firmware_changes(database: Database) {
    let mut bench = Bench::new(database);
    let gate = bench.gate(1).await;
    bench.want(gate).await;
    let count = bench.poll(gate).await;
    bench.count_result(gate, &count[0], 1).await;
    let list = bench.poll(gate).await;
    assert_eq!(texts(&list), ["DATA QUERY USERINFO"]);
    bench.answer(gate, &list[0], -1004).await;
    let mut asked = Vec::new();
    for _ in 0..3 {
        while bench.outcome().await.0 == "running" {
            for question in bench.poll(gate).await {
                if question.text == "INFO" {
                    bench.count_result(gate, &question, 1).await;
                } else {
                    bench.answer(gate, &question, -1002).await;
                }
                asked.push(question.text);
            }
            bench.pass(SignedDuration::from_secs(60));
        }
        bench.want(gate).await;
        asked.extend(texts(&bench.poll(gate).await));
    }
    let times = |text: &str| asked.iter().filter(|asked| asked.starts_with(text)).count();
    assert_eq!(times("DATA QUERY USERINFO"), 1, "one person was asked for, once: {asked:?}");
    assert_eq!(bench.id("SELECT COUNT(*) FROM devices WHERE readback_class = 'count'").await, Some(1));

    // A reading is under way; other firmware makes an end of it, and everything is tried again.
    let firmware = Some("ZAM180-NF50VA-Ver4.0.1".to_owned());
    let anew = bench.poll_with(gate, Poll { firmware, ..Poll::default() }).await;
    assert_eq!(texts(&anew), ["INFO"]);
    bench.count_result(gate, &anew[0], 1).await;
    assert_eq!(texts(&bench.poll(gate).await), ["DATA QUERY USERINFO"]);
}

async fn an_access_unit_that_was_taken_for_another_is_found_out_by_its_refusal(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "F22").await;
    let student = bench.student(school, "Bolormaa", "17").await;
    let first = bench.poll(gate).await;
    assert!(first[0].text.starts_with("DATA UPDATE USERINFO "), "{first:?}");
    bench.answer(gate, &first[0], -629).await;
    assert_eq!(bench.id("SELECT COUNT(*) FROM devices WHERE dialect = 'security'").await, Some(1));
    let other = bench.poll(gate).await;
    assert_eq!(texts(&other), ["DATA UPDATE user CardNo=17|Pin=1|Group=1|Name=Bolormaa|Privilege=0"]);
    // It refuses that too: nobody asks it for ever.
    bench.answer(gate, &other[0], -629).await;
    let (state, words) = bench.state(gate, student).await;
    assert_eq!(state, "failed");
    assert!(words.unwrap().contains("none of the commands for people"));
    assert!(bench.poll(gate).await.iter().all(|handed| !handed.text.contains("DATA UPDATE")));
}

async fn other_firmware_is_tried_anew(database: Database) {
    let bench = Bench::new(database);
    let gate = bench.gate(2).await;
    bench.class("list").await;
    let firmware = Some("ZAM180-NF50VA-Ver4.0.1".to_owned());
    let asked = bench.poll_with(gate, Poll { firmware, ..Poll::default() }).await;
    assert_eq!(texts(&asked), ["INFO"], "a terminal of unknown class is counted first");
    assert_eq!(bench.id("SELECT COUNT(*) FROM devices WHERE readback_class IS NULL").await, Some(1));
}

/// One of whom the terminal says that he is gone, and one whom it refuses to remove; both stay.
const OBSTINATE: [(&str, &str, u64, i64); 2] = [("900", "Θεανώ", 7, 0), ("901", "Ἀριστοτέλης", 8, -3)];

impl Bench {
    /// A terminal that keeps these two polls for a while. The PINs that it was told to remove.
    async fn keeps_everybody(&mut self, device: DeviceId) -> Vec<String> {
        let mut removed = Vec::new();
        for _ in 0..60 {
            for asked in self.poll(device).await {
                let pin = asked.text.rsplit('=').next().unwrap().to_owned();
                let kept = OBSTINATE.iter().find(|(known, ..)| *known == pin);
                if asked.text.starts_with("DATA DELETE") {
                    self.answer(device, &asked, kept.unwrap().3).await;
                    removed.push(pin);
                    continue;
                }
                self.answer(device, &asked, 0).await;
                let ours = QUISPES.iter().find(|(known, ..)| *known == pin).copied();
                if let Some(person) = ours.or(kept.map(|(pin, name, card, _)| (*pin, *name, *card))) {
                    self.tell(device, &[person]).await;
                }
            }
            self.pass(SignedDuration::from_secs(30));
        }
        removed.sort_unstable();
        removed
    }

    async fn words_about(&self, pin: &str) -> Option<String> {
        let mut tx = self.database.db.read().await.unwrap();
        let sql = "SELECT words FROM device_drift WHERE device_pin = $1 AND ended_at IS NULL";
        let (words,): (Option<String>,) = tx.one(sql, [pin.into()]).await.unwrap();
        words
    }
}

async fn a_stranger_whom_a_terminal_keeps_is_left_after_three_removals(database: Database) {
    let mut bench = Bench::new(database);
    let gate = bench.gate(3).await;
    bench.class("per_pin").await;
    bench.sql("UPDATE devices SET strangers = 'remove'").await;
    let people = OBSTINATE.map(|(pin, name, card, _)| (pin, name, card));
    bench.tell(gate, &people).await;
    assert_eq!(bench.keeps_everybody(gate).await, ["900", "900", "900", "901", "901", "901"]);
    for (pin, ..) in OBSTINATE {
        let words = bench.words_about(pin).await;
        assert_eq!(words.as_deref(), Some("the terminal brings this person back again and again"), "{pin}");
    }
    // Another night changes nothing, nor that history is forgotten.
    bench.sql("DELETE FROM device_commands").await;
    bench.want(gate).await;
    assert!(bench.keeps_everybody(gate).await.is_empty());

    // Somebody decides anew: it is tried once more.
    let wish = Wish { whom: Whom::Pin("901".to_owned()), what: What::Remove, student: None };
    for times in 1..=2 {
        let mut tx = bench.database.db.write().await.unwrap();
        decide::decide(&mut tx, gate, std::slice::from_ref(&wish), bench.now).await.unwrap();
        tx.commit().await.unwrap();
        let removed = bench.keeps_everybody(gate).await;
        assert!((1..=3).contains(&removed.len()) && removed.iter().all(|pin| pin == "901"), "{times}: {removed:?}");
    }
}
