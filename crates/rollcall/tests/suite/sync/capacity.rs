//! What a terminal says it can hold: who does not fit is not sent, and why is said.

use push_protocol::limits::Limits;
use rollcall::{
    devices::{DeviceId, known},
    school::StudentId,
    sync::{again, capacity, delivery::Poll},
};

use super::bench::{Bench, texts};
use crate::databases::{Database, both_databases};

both_databases! {
    nobody_is_queued_beyond_the_capacity,
    who_was_queued_before_the_capacity_was_told_is_withdrawn,
    people_of_others_take_seats,
    a_terminal_that_holds_more_than_it_said_is_believed_no_more,
    the_warning_comes_at_nine_of_ten,
    pins_are_no_longer_than_the_terminal_takes,
    whoever_gets_no_pin_fails_with_words_and_is_forgotten_when_he_leaves,
    a_pin_that_is_too_long_and_never_left_is_replaced_by_a_shorter_one,
    a_pin_that_is_too_long_and_left_already_is_not_sent_again,
    what_a_terminal_cannot_show_or_hold_fails_with_words,
}

const FULL: &str = "the terminal is full, as 2 people fit: whoever is removed from it makes room";

async fn told(bench: &Bench, device: DeviceId, people: Option<u32>, pin_digits: Option<u8>) -> bool {
    let mut tx = bench.database.db.write().await.unwrap();
    let is_news = capacity::told(&mut tx, device, Limits { people, pin_digits }, bench.now).await.unwrap();
    tx.commit().await.unwrap();
    is_news
}

async fn warnings(bench: &Bench, device: DeviceId) -> Vec<String> {
    let mut tx = bench.database.db.read().await.unwrap();
    known::find(&mut tx, device).await.unwrap().unwrap().warnings
}

async fn count(bench: &Bench, device: DeviceId, user_count: u32) -> usize {
    bench.poll_with(device, Poll { user_count: Some(user_count), ..Poll::default() }).await.len()
}

async fn nobody_is_queued_beyond_the_capacity(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    assert!(told(&bench, gate, Some(2), None).await);
    assert!(!told(&bench, gate, Some(2), None).await, "once is enough");
    let first = bench.student(school, "Tuğçe", "1").await;
    bench.student(school, "Þórunn", "2").await;
    let third = bench.student(school, "Ξένια", "3").await;
    let fourth = bench.student(school, "Šárka", "4").await;
    assert_eq!(bench.drain(gate).await.len(), 2);
    for student in [third, fourth] {
        assert_eq!(bench.state(gate, student).await, ("failed".into(), Some(FULL.into())));
    }
    // Neither the tick nor "Sync all students" sends them. Those who are there may change.
    assert_eq!((bench.settle().await, bench.out_of_step().await), (0, vec![]));
    assert_eq!(bench.full_sync(gate).await.commands_queued, 2);
    bench.drain(gate).await;
    bench.edit(first, "UPDATE students SET full_name = 'Tuğçe Kaya' WHERE id = $1").await;
    assert_eq!(bench.drain(gate).await.len(), 1);

    // One leaves, and the next comes in at once. Until then the seat is taken.
    bench.edit(first, "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    let leaving = bench.poll(gate).await;
    assert_eq!(texts(&leaving), ["DATA DELETE USERINFO PIN=1"]);
    assert_eq!(bench.state(gate, third).await.0, "failed");
    bench.answer_all(gate, &leaving, 0).await;
    assert_eq!(bench.state(gate, third).await, ("pending".into(), None));
    assert_eq!(bench.state(gate, fourth).await.0, "failed");
    assert_eq!(bench.drain(gate).await.len(), 1);
    assert_eq!((bench.count(gate, "synced").await, bench.count(gate, "failed").await), (2, 1));

    // Who leaves without having been there takes nobody along.
    bench.edit(fourth, "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    bench.drain(gate).await;
    assert_eq!((bench.count(gate, "synced").await, bench.count(gate, "failed").await), (2, 0));
}

async fn who_was_queued_before_the_capacity_was_told_is_withdrawn(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    for (name, card) in [("Ọmọlará", "1"), ("Đặng", "2"), ("Żaneta", "3"), ("ნანა", "4")] {
        bench.student(school, name, card).await;
    }
    let sent = bench.poll(gate).await;
    assert_eq!(sent.len(), 1, "the first leaves before the options come");
    told(&bench, gate, Some(2), None).await;
    let words = bench.state(gate, StudentId(4)).await;
    assert_eq!(words, ("failed".into(), Some(FULL.into())), "of those who wait the last ones");
    bench.answer_all(gate, &sent, 0).await;
    assert_eq!(bench.drain(gate).await.len(), 1);
    assert_eq!((bench.count(gate, "synced").await, bench.count(gate, "failed").await), (2, 2));

    // Told another capacity, with new firmware say, it takes them.
    told(&bench, gate, Some(3_000), None).await;
    assert_eq!(bench.drain(gate).await.len(), 2);
    assert_eq!(bench.count(gate, "synced").await, 4);
}

async fn people_of_others_take_seats(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    told(&bench, gate, Some(5), None).await;
    assert_eq!(count(&bench, gate, 4).await, 0);
    let first = bench.student(school, "Jürgen", "1").await;
    let second = bench.student(school, "Łucja", "2").await;
    assert_eq!(bench.drain(gate).await.len(), 1);
    assert_eq!(count(&bench, gate, 5).await, 0, "ours is one of the five");
    assert_eq!(
        (bench.state(gate, first).await.0, bench.state(gate, second).await.0),
        ("synced".into(), "failed".into())
    );
    assert_eq!(count(&bench, gate, 4).await, 1, "one of the others was removed at the keypad");
}

async fn a_terminal_that_holds_more_than_it_said_is_believed_no_more(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    told(&bench, gate, Some(1), None).await;
    bench.student(school, "Chloé", "1").await;
    let second = bench.student(school, "Jiří", "2").await;
    let third = bench.student(school, "Ōno", "3").await;
    bench.drain(gate).await;
    assert_eq!(bench.count(gate, "failed").await, 2);

    // A person wants it tried, and the terminal refuses.
    let retry = async || {
        let mut tx = bench.database.db.write().await.unwrap();
        let done = again::student(&mut tx, gate, second, again::Wish::Retry, bench.now).await.unwrap();
        tx.commit().await.unwrap();
        done
    };
    assert!(matches!(retry().await, again::Again::Queued(_)));
    let tried = bench.poll(gate).await;
    assert!(tried.len() == 1 && tried[0].text.contains("Jiří"), "{tried:?}");
    bench.answer_all(gate, &tried, -1001).await;
    assert_eq!(bench.state(gate, second).await.1.as_deref(), Some("the terminal is full (-1001)"));
    assert!(bench.poll(gate).await.is_empty());

    // Or it takes him: then its number was not what it seemed, and the others follow.
    retry().await;
    assert_eq!(bench.drain(gate).await.len(), 2);
    assert_eq!(bench.state(gate, third).await, ("synced".into(), None));
    assert_eq!(warnings(&bench, gate).await, [] as [String; 0]);
}

async fn the_warning_comes_at_nine_of_ten(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    told(&bench, gate, Some(10), None).await;
    let is_noted = "SELECT COUNT(*) FROM device_delivery WHERE is_nearly_full";
    for number in 1..=8 {
        bench.student(school, &format!("Ngā {number}"), &number.to_string()).await;
    }
    bench.drain(gate).await;
    assert_eq!((warnings(&bench, gate).await, bench.id(is_noted).await), (vec![], Some(0)));
    let ninth = bench.student(school, "Ngā 9", "9").await;
    bench.drain(gate).await;
    let words = "nearly full: it holds 9 of the 10 people who fit".to_owned();
    assert_eq!((warnings(&bench, gate).await, bench.id(is_noted).await), (vec![words], Some(1)));
    assert_eq!(count(&bench, gate, 10).await, 0);
    assert_eq!(warnings(&bench, gate).await, ["full: 10 people fit"]);
    assert_eq!(count(&bench, gate, 9).await, 0);
    bench.edit(ninth, "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    bench.drain(gate).await;
    assert_eq!((warnings(&bench, gate).await, bench.id(is_noted).await), (vec![], Some(0)));
}

async fn pins_are_no_longer_than_the_terminal_takes(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let wide = bench.terminal(school, "CJX9253300417").await;
    let narrow = bench.terminal(school, "CJX9253300418").await;
    bench.sql("UPDATE device_pins SET next_pin = 10000 WHERE device_id = 1").await;
    told(&bench, narrow, None, Some(4)).await;
    let mut pins = Vec::new();
    for (name, card) in [("Ünal", "1"), ("Çiğdem", "2")] {
        let student = bench.student(school, name, card).await;
        pins.push((bench.pin(wide, student).await, bench.pin(narrow, student).await));
    }
    assert_eq!(pins, [("10000".into(), "1".into()), ("10001".into(), "2".into())]);
}

async fn whoever_gets_no_pin_fails_with_words_and_is_forgotten_when_he_leaves(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    told(&bench, gate, None, Some(1)).await;
    for number in 1..=9 {
        bench.student(school, &format!("Ẹniọlá {number}"), &number.to_string()).await;
    }
    let tenth = bench.student(school, "Ẹniọlá 10", "10").await;
    let eleventh = bench.student(school, "Ẹniọlá 11", "11").await;
    assert_eq!(bench.drain(gate).await.len(), 9);
    let words = "no PIN is left: this terminal takes 1 digits, and whoever had one keeps it";
    assert_eq!(bench.state(gate, tenth).await, ("failed".into(), Some(words.into())));
    let mut tx = bench.database.db.read().await.unwrap();
    let shown = rollcall::sync::overview::students(&mut tx, gate).await.unwrap();
    drop(tx);
    assert_eq!(shown.iter().find(|row| row.id == tenth).unwrap().device_pin, None);
    assert!(bench.out_of_step().await.is_empty());

    // A PIN does not become free when somebody leaves.
    bench.edit(StudentId(1), "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    bench.edit(eleventh, "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    assert_eq!(bench.drain(gate).await.len(), 1);
    assert_eq!((bench.count(gate, "failed").await, bench.count(gate, "synced").await), (1, 8));

    // With more digits he comes in.
    told(&bench, gate, None, Some(2)).await;
    assert_eq!(bench.drain(gate).await.len(), 1);
    assert_eq!((bench.pin(gate, tenth).await, bench.state(gate, tenth).await), ("10".into(), ("synced".into(), None)));
}

async fn a_pin_that_is_too_long_and_never_left_is_replaced_by_a_shorter_one(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.sql("UPDATE device_pins SET next_pin = 12345").await;
    let student = bench.student(school, "Åsa", "1").await;
    assert_eq!(bench.pin(gate, student).await, "12345");
    told(&bench, gate, None, Some(4)).await;
    assert_eq!(texts(&bench.drain(gate).await), ["DATA UPDATE USERINFO PIN=1|Name=Åsa|Pri=0|Card=1|Grp=1"]);
    assert_eq!(bench.state(gate, student).await.0, "synced");
}

async fn a_pin_that_is_too_long_and_left_already_is_not_sent_again(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    bench.sql("UPDATE device_pins SET next_pin = 12345").await;
    let lost = bench.student(school, "Åsa", "1").await;
    let taken = bench.student(school, "Øystein", "2").await;
    let refused = bench.student(school, "Märt", "3").await;
    for _ in 0..3 {
        for sent in bench.poll(gate).await {
            bench.answer(gate, &sent, if sent.text.contains("PIN=12347") { -1 } else { 0 }).await;
        }
    }
    // He was acknowledged, and is not there: nobody knows what the terminal made of his PIN.
    bench.sql("UPDATE device_user_sync_status SET is_held = FALSE WHERE device_pin = '12345'").await;
    told(&bench, gate, None, Some(4)).await;
    for sql in [
        "UPDATE students SET full_name = 'Åsa Ek' WHERE id = $1",
        "UPDATE students SET is_active = FALSE WHERE id = $1",
    ] {
        bench.edit(lost, sql).await;
        let words = "the PIN 12345 is too long: this terminal takes 4 digits";
        assert_eq!(bench.state(gate, lost).await.1.as_deref(), Some(words));
    }
    // One that it took it takes again, whatever it says; one that it refused is nobody's.
    bench.edit(taken, "UPDATE students SET full_name = 'Øystein Bø' WHERE id = $1").await;
    let sent = texts(&bench.drain(gate).await);
    assert_eq!(
        sent,
        [
            "DATA UPDATE USERINFO PIN=1|Name=Märt|Pri=0|Card=3|Grp=1",
            "DATA UPDATE USERINFO PIN=12346|Name=Øystein Bø|Pri=0|Card=2|Grp=1",
        ]
    );
    assert_eq!(bench.pin(gate, refused).await, "1");
}

async fn what_a_terminal_cannot_show_or_hold_fails_with_words(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "3391204560077").await;
    bench.sql("UPDATE devices SET push_version = '2.0.1', language = 83").await;
    let nameless = bench.student(school, "\u{E5E5}\u{E5E5}", "1").await;
    let blank = bench.student(school, "\u{200B} \u{3000}", "2").await;
    let wide = bench.student(school, "雨桐", "1099511627776").await;
    let fits = bench.student(school, "小明\u{E5E5}", "1099511627775").await;
    let sent = bench.drain(gate).await;
    assert_eq!(texts(&sent), ["DATA UPDATE USERINFO PIN=4|Name=小明?|Pri=0|Card=[FFFFFFFFFF]|Grp=1"]);
    for (student, words) in [
        (nameless, "the terminal's character set has none of its characters"),
        (blank, "nothing is left of the name once control characters and blanks are removed"),
        (wide, "card 1099511627776: this terminal takes card numbers of at most 40 bits"),
    ] {
        let (state, why) = bench.state(gate, student).await;
        assert!(state == "failed" && why.as_ref().is_some_and(|why| why.ends_with(words)), "{state}: {why:?}");
    }
    // Neither a changed name nor a changed card of somebody who is there slips through.
    bench.edit(fits, "UPDATE students SET rfid_card_id = '1099511627776' WHERE id = $1").await;
    assert!(bench.poll(gate).await.is_empty());
    bench.edit(fits, "UPDATE students SET full_name = ' ', rfid_card_id = '7' WHERE id = $1").await;
    assert!(bench.poll(gate).await.is_empty());
    assert_eq!(bench.state(gate, fits).await.0, "failed");
}
