//! Cards: freed before they are set (rule 13), the same however they are spelt (rule 15).

use super::bench::{Bench, texts};
use crate::databases::{Database, both_databases};

both_databases! {
    rule_13_a_card_that_changes_hands_is_taken_away_first,
    rule_13_a_card_of_someone_who_leaves_waits_for_his_removal,
    rule_13_two_who_swap_cards_both_end_with_the_other_ones,
    rule_15_cards_that_sql_wrote_twice_or_wrongly_fail_with_words_and_mend,
    rule_15_whose_card_is_no_longer_twice_does_not_wait_for_others,
    rule_15_old_firmware_is_sent_the_bracket_form,
}

async fn rule_13_a_card_that_changes_hands_is_taken_away_first(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let giver = bench.student(school, "Iker", "111").await;
    let taker = bench.student(school, "Ximena", "222").await;
    bench.drain(gate).await;
    bench.edit(giver, "UPDATE students SET rfid_card_id = '333' WHERE id = $1").await;
    bench.edit(taker, "UPDATE students SET rfid_card_id = '111' WHERE id = $1").await;
    assert_eq!(bench.state(gate, taker).await.1.unwrap(), "waits until card 111 is taken from Iker");
    let first = bench.poll(gate).await;
    assert_eq!(texts(&first), ["DATA UPDATE USERINFO PIN=1|Name=Iker|Pri=0|Card=333|Grp=1"]);
    assert!(bench.poll(gate).await.is_empty());
    bench.answer(gate, &first[0], 0).await;
    assert_eq!(texts(&bench.drain(gate).await), ["DATA UPDATE USERINFO PIN=2|Name=Ximena|Pri=0|Card=111|Grp=1"]);
    assert_eq!(bench.state(gate, taker).await, ("synced".into(), None));
}

async fn rule_13_a_card_of_someone_who_leaves_waits_for_his_removal(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let leaver = bench.student(school, "Iker", "111").await;
    bench.student(school, "Пётр stays", "9").await;
    bench.drain(gate).await;
    bench.edit(leaver, "UPDATE students SET is_active = FALSE WHERE id = $1").await;
    bench.student(school, "Ximena", "0x6F").await;
    assert_eq!(
        texts(&bench.drain(gate).await),
        ["DATA DELETE USERINFO PIN=1", "DATA UPDATE USERINFO PIN=3|Name=Ximena|Pri=0|Card=111|Grp=1"]
    );
}

async fn rule_13_two_who_swap_cards_both_end_with_the_other_ones(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let one = bench.student(school, "Iker", "111").await;
    let two = bench.student(school, "Ximena", "222").await;
    bench.drain(gate).await;
    bench.sql("UPDATE students SET rfid_card_id = CASE rfid_card_id WHEN '111' THEN '222' ELSE '111' END").await;
    bench.settle().await;
    assert_eq!(
        texts(&bench.drain(gate).await),
        [
            "DATA UPDATE USERINFO PIN=1|Name=Iker|Pri=0|Card=|Grp=1",
            "DATA UPDATE USERINFO PIN=2|Name=Ximena|Pri=0|Card=111|Grp=1",
            "DATA UPDATE USERINFO PIN=1|Name=Iker|Pri=0|Card=222|Grp=1",
        ]
    );
    for student in [one, two] {
        assert_eq!(bench.state(gate, student).await, ("synced".into(), None));
    }
}

async fn rule_15_cards_that_sql_wrote_twice_or_wrongly_fail_with_words_and_mend(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let first = bench.student(school, "Iker", "111").await;
    let second = bench.student(school, "Ximena", "0111").await;
    let third = bench.student(school, "Unai", "not a card").await;
    bench.drain(gate).await;
    assert_eq!(bench.state(gate, first).await.0, "synced");
    let (state, words) = bench.state(gate, second).await;
    assert_eq!(
        (state.as_str(), words.as_deref()),
        ("failed", Some("card 111 also belongs to Iker: give one of the two another card"))
    );
    let (state, words) = bench.state(gate, third).await;
    assert_eq!(state, "failed");
    assert!(words.unwrap().contains("\"not a card\""));
    bench.edit(first, "UPDATE students SET rfid_card_id = '112' WHERE id = $1").await;
    bench.edit(third, "UPDATE students SET rfid_card_id = '113' WHERE id = $1").await;
    bench.drain(gate).await;
    for student in [first, second, third] {
        assert_eq!(bench.state(gate, student).await, ("synced".into(), None));
    }
}

async fn rule_15_whose_card_is_no_longer_twice_does_not_wait_for_others(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "CJX9253300417").await;
    let first = bench.student(school, "Iker", "111").await;
    let second = bench.student(school, "Ximena", "0111").await;
    bench.drain(gate).await;
    assert_eq!(bench.state(gate, second).await.0, "failed");
    bench.edit(first, "UPDATE students SET rfid_card_id = '112' WHERE id = $1").await;
    let (state, words) = bench.state(gate, second).await;
    assert!(state == "pending" && words.unwrap().contains("Iker"), "he knows whom he waits for");
    for number in 0..40 {
        bench.student(school, &format!("Ẹniọlá {number}"), &(1_000 + number).to_string()).await;
    }
    let handed = bench.poll(gate).await;
    assert!(texts(&handed)[0].contains("Card=112") && handed.len() < 40);
    bench.answer_all(gate, &handed, 0).await;
    let queued = "SELECT COUNT(*) FROM device_commands c JOIN students s ON s.id = c.student_id
        WHERE s.full_name = 'Ximena' AND c.status = 'pending'";
    assert_eq!(bench.id(queued).await, Some(1));
}

async fn rule_15_old_firmware_is_sent_the_bracket_form(database: Database) {
    let bench = Bench::new(database);
    let school = bench.school().await;
    let gate = bench.terminal(school, "3391204560077").await;
    bench.sql("UPDATE devices SET push_version = '2.0.1'").await;
    bench.student(school, "Weber", "123456789").await;
    assert_eq!(texts(&bench.poll(gate).await), ["DATA UPDATE USERINFO PIN=1|Name=Weber|Pri=0|Card=[15CD5B0700]|Grp=1"]);
}
