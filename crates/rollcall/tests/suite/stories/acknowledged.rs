//! A terminal said yes and did not store what it was told, in every way that was seen (VAMS, SF-repo, FWSRC): found at the next
//! verification, written again, verified.

use terminal_simulator::{CardReading, CardWriting, FaultKind, FaultKinds, Faults, Profile};

use super::campus::{A_WHILE, Campus};
use crate::databases::{Database, both_databases};

both_databases! {
    an_update_that_was_dropped_is_found_and_written_again,
    a_field_that_was_cut_is_found_and_written_again,
    a_card_in_a_form_that_the_terminal_ignores_is_found_and_written_in_its_own,
    a_terminal_that_a_bad_delete_emptied_is_found_and_refilled,
    a_wipe_in_the_middle_of_a_reading_is_refilled_within_two_polls,
    a_terminal_that_keeps_nobody_is_refilled_once_per_verification_and_three_times_in_all,
    a_terminal_that_is_wiped_again_and_again_is_refilled_each_time,
    what_was_mended_is_looked_at_although_something_else_is_held,
}

const SERIAL: &str = "CJX9253300417";

async fn an_update_that_was_dropped_is_found_and_written_again(database: Database) {
    acknowledged_and_not_stored(database, FaultKind::DropUser, "missing").await;
}

async fn a_field_that_was_cut_is_found_and_written_again(database: Database) {
    acknowledged_and_not_stored(database, FaultKind::CutField, "different").await;
}

async fn a_card_in_a_form_that_the_terminal_ignores_is_found_and_written_in_its_own(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(4).await;
    // Announces itself as a unit that takes decimal cards, says yes to them, and keeps none.
    let mut profile = Profile::zam180();
    profile.people.card_reading = CardReading::FiveBytesOnly;
    profile.people.card_writing = CardWriting::FiveBytes;
    let device = campus.terminal(SERIAL, profile).await;
    assert!(campus.world.settle(A_WHILE).await);
    assert_eq!(campus.status(device).await.in_words(), "4 synced of 4", "as far as the terminal said");
    assert!(campus.world.fleet.terminals()[0].users().values().all(|user| user.card.is_none()));

    campus.read_back(device).await;
    campus.agree(device).await;
    assert_eq!(campus.verified(device).await, 4);
    let found = campus.drift(device).await;
    assert!(found.iter().all(|row| row.0 == "different" && row.2.as_deref() == Some("card") && row.4), "{found:?}");
}

async fn a_terminal_that_a_bad_delete_emptied_is_found_and_refilled(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(5).await;
    // It tells nobody's name, only how many it holds.
    let mut profile = Profile::mars();
    profile.queries.answers_people = false;
    let device = campus.terminal(SERIAL, profile).await;
    campus.in_step(device).await;
    let shown = campus.read_back(device).await;
    assert_eq!(shown.readback_class.as_deref(), Some("count"), "{shown:?}");
    // Another server's delete without a PIN.
    campus.world.fleet.terminal(0).wipe();
    campus.run_for(60).await;
    campus.quiet(device).await;
    campus.agree(device).await;
    let found = campus.drift(device).await;
    assert!(found.len() == 5 && found.iter().all(|row| row.0 == "missing"), "{found:?}");
    assert_eq!(campus.verified(device).await, 0, "nobody can say more than that they were written");
}

async fn a_terminal_that_keeps_nobody_is_refilled_once_per_verification_and_three_times_in_all(database: Database) {
    // More than are asked for one by one, and fewer.
    for people in [25, 6] {
        let mut campus = Campus::open(database.again().await).await;
        let students = campus.enrol_many(people).await;
        let device = campus.terminal(SERIAL, Profile::zam180()).await;
        let broken = Faults::by_seed(0, FaultKinds::of(&[FaultKind::DropUser])).chance(1000);
        *campus.world.fleet.terminal(0).faults() = broken;
        assert!(campus.world.settle(A_WHILE).await);
        campus.quiet(device).await;
        assert_eq!(writes(&campus).await, people as i64 * 2, "{people}: its polls count nobody");
        let path = format!("/api/v1/device/{device}/verification");
        for refills in 2..=3 {
            campus.read_back(device).await;
            assert_eq!(writes(&campus).await, people as i64 * (1 + refills), "{people}: once for each verification");
            if people > 20 && refills < 3 {
                let words = campus.get(&path).await.data(200)["words"].to_string();
                assert!(words.contains("is refilled with the next verification"), "{words}");
            }
        }
        for _ in 0..2 {
            campus.read_back(device).await;
            assert_eq!(writes(&campus).await, people as i64 * 4, "{people}");
        }
        let words = campus.get(&path).await.data(200)["words"].to_string();
        assert!(words.contains("keeps nobody"), "{words}");
        let status = campus.status(device).await;
        for shown in status.students.values() {
            assert_eq!(shown.error.as_deref(), Some("the terminal loses this person again and again"), "{shown:?}");
        }

        // It was mended, and somebody says so.
        *campus.world.fleet.terminal(0).faults() = Faults::none();
        campus.post(&format!("/api/v1/device/{device}/sync-students"), serde_json::json!({})).await.data(200);
        campus.in_step(device).await;
        campus.read_back(device).await;
        assert_eq!(campus.verified(device).await, students.len() as i64);
    }
}

/// How often somebody was written.
async fn writes(campus: &Campus) -> i64 {
    let sql = "SELECT COUNT(*) FROM device_commands WHERE command_type IN ('add_user', 'update_user')";
    campus.world.number(sql).await
}

async fn a_terminal_that_is_wiped_again_and_again_is_refilled_each_time(database: Database) {
    let deaf = |mut profile: Profile| {
        profile.queries.answers_people = false;
        profile
    };
    let mut cutting = Profile::legacy_fw();
    // Nobody is ever there as he should be.
    cutting.people.name_bytes = 3;
    let profiles =
        [Profile::zam180(), deaf(Profile::mars()), Profile::legacy_fw(), deaf(Profile::legacy_fw()), cutting];
    for (number, profile) in profiles.into_iter().enumerate() {
        let mut campus = Campus::open(database.again().await).await;
        campus.enrol_many(22).await;
        // Those of the old client do not tell their count by themselves.
        let tells = number < 2;
        let device = campus.terminal(SERIAL, profile).await;
        assert!(campus.world.settle(A_WHILE).await);
        campus.read_back(device).await;
        for wipe in 0..5 {
            campus.run_for(600).await;
            campus.world.fleet.terminal(0).wipe();
            if !tells {
                campus.read_back(device).await;
            }
            campus.run_for(120).await;
            assert!(!campus.world.fleet.terminals()[0].users().is_empty(), "{number}, {wipe}: within two polls");
            campus.quiet(device).await;
            assert_eq!(campus.world.fleet.terminals()[0].users().len(), 22, "{number}, {wipe}");
        }
    }
}

async fn acknowledged_and_not_stored(database: Database, fault: FaultKind, kind: &str) {
    for profile in [Profile::zam180(), Profile::mars(), Profile::legacy_fw(), Profile::senseface_a2()] {
        let name = profile.name;
        let mut campus = Campus::open(database.again().await).await;
        let students = campus.enrol_many(5).await;
        let device = campus.terminal(SERIAL, profile).await;
        campus.in_step(device).await;
        campus.world.fleet.terminal(0).faults().once(fault);
        let victim = campus.enrol("Temuera Ngāti", "515151").await;
        campus.run_for(120).await;
        // The terminal said yes: that is all that anybody can know so far.
        assert_eq!(campus.status(device).await.students[&victim].status, "synced", "{name}");
        assert_ne!(campus.held(device, victim).await, Some(("Temuera Ngāti".to_owned(), Some(515_151))), "{name}");

        let shown = campus.read_back(device).await;
        assert_eq!(campus.held(device, victim).await, Some(("Temuera Ngāti".to_owned(), Some(515_151))), "{name}");
        campus.agree(device).await;
        assert_eq!(campus.verified(device).await, students.len() as i64 + 1, "{name}: {shown:?}");
        let found = campus.drift(device).await;
        let pin = campus.pin(device, victim).await.unwrap();
        assert!(found.iter().all(|row| row.0 == kind && row.1 == pin && row.4), "{name}: {found:?}");
        assert!(!found.is_empty(), "{name}");
    }
}

async fn a_wipe_in_the_middle_of_a_reading_is_refilled_within_two_polls(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(6).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    // Somebody's line leads to a question; while it is out everybody vanishes.
    campus.world.fleet.terminal(0).profile_mut().queries.answers_people = false;
    campus.world.fleet.terminal(0).edit_at_keypad("3", "Ganzer Anderer", None);
    campus.run_for(25).await;
    campus.world.fleet.terminal(0).wipe();
    campus.run_for(45).await;
    assert!(!campus.world.fleet.terminals()[0].users().is_empty(), "the refill starts within two polls");
    campus.quiet(device).await;
    campus.agree(device).await;
}

async fn what_was_mended_is_looked_at_although_something_else_is_held(database: Database) {
    let mut campus = Campus::open(database).await;
    let students = campus.enrol_many(16).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    // Twelve of sixteen leave at once: held. Nobody decides.
    let all_but_four = "UPDATE students SET is_active = FALSE WHERE id > 4";
    campus.world.foreign(all_but_four, []).await;
    campus.run_for(60).await;
    assert_eq!(campus.get(&format!("/api/v1/device/{device}/removals")).await.data(200)["held"], 12);
    let pin = campus.pin(device, students[0]).await.unwrap();
    campus.world.fleet.terminal(0).edit_at_keypad(&pin, "Ganzer Anderer", None);
    campus.run_for(60).await;
    campus.quiet(device).await;
    assert_eq!(campus.verified(device).await, 4, "{:?}", campus.drift(device).await);
    assert_eq!(campus.world.fleet.terminals()[0].users().len(), 16);
}
