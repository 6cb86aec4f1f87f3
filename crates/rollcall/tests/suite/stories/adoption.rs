//! A terminal that was in use before is taken over: no wrong name, no lost finger.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use push_protocol::text::{Charset, Name};
use rollcall::{
    attendance::attribute,
    devices::DeviceId,
    school::{StudentId, search::fold},
};
use serde_json::{Value as Json, json};
use terminal_simulator::{HeldUser, Profile, Terminal};

use super::{
    campus::{A_WHILE, Campus, Status},
    people,
};
use crate::databases::{Database, both_databases};

both_databases! {
    a_terminal_with_three_hundred_people_is_taken_over_with_one_call_and_eight_decisions,
    whom_a_terminal_cannot_list_is_found_by_trying_pins,
    a_student_linked_by_name_keeps_his_pin_and_gets_his_card,
    replace_removes_whoever_is_left_but_administrators_after_an_approval,
    nobody_is_linked_while_the_list_is_incomplete,
    an_access_unit_is_taken_over_and_opens,
    what_was_decided_is_refused_in_words_when_it_cannot_be,
    a_terminal_that_comes_back_after_a_year_is_read_before_it_is_written,
    who_was_linked_and_left_before_writing_began_is_removed,
    a_stranger_with_a_students_card_is_linked_while_the_terminal_is_in_use,
}

const SERIAL: &str = "K40F204860119";

/// The n-th of many people, each with a name of his own.
pub(super) fn name(number: usize) -> String {
    format!("{}{}", ["", "M. ", "T. ", "Q. "][number / 144], people::name(number))
}

fn card(number: usize) -> u64 {
    people::card(number).parse().unwrap()
}

/// As somebody typed it at the keypad: capitals, no accents.
fn typed(name: &str) -> String {
    fold(name).to_uppercase()
}

fn person(pin: usize, name: &str) -> HeldUser {
    HeldUser { fingers: 2, ..HeldUser::new(&pin.to_string(), &typed(name)) }
}

impl Campus {
    /// Students with these numbers.
    pub(super) async fn roster(&self, numbers: impl Iterator<Item = usize>) {
        for number in numbers {
            self.enrol(&name(number), &people::card(number)).await;
        }
    }

    /// A terminal with these people is registered, switched on, and read.
    async fn in_use(&mut self, profile: Profile, people: impl IntoIterator<Item = HeldUser>) -> DeviceId {
        let device = self.register(SERIAL).await;
        let mut terminal = Terminal::new(SERIAL, profile, 1);
        terminal.preload_users(people);
        self.world.plug_in(terminal);
        self.run_for(120).await;
        self.quiet(device).await;
        device
    }

    pub(super) async fn adoption(&self, device: DeviceId, query: &str) -> Json {
        self.get(&format!("/api/v1/device/{device}/takeover?limit=500{query}")).await.data(200).clone()
    }

    pub(super) async fn take_over(&mut self, device: DeviceId, mode: &str) -> Json {
        let taken = self.post(&format!("/api/v1/device/{device}/takeover"), json!({"mode": mode})).await;
        let taken = taken.data(200).clone();
        assert!(self.world.settle(A_WHILE).await, "it never became quiet");
        self.quiet(device).await;
        taken
    }

    pub(super) async fn decide(&mut self, device: DeviceId, decisions: Json) {
        let path = format!("/api/v1/device/{device}/takeover/people");
        self.post(&path, json!({ "decisions": decisions })).await.data(200);
    }

    pub(super) fn holds(&self) -> &BTreeMap<String, HeldUser> {
        self.world.fleet.terminals()[0].users()
    }
}

/// Each student's PIN on the terminal, by name.
fn pins(status: &Status) -> BTreeMap<String, String> {
    let pin = |student: &super::campus::Shown| Some((student.name.clone(), student.pin.clone()?));
    status.students.values().filter_map(pin).collect()
}

/// 280 have their student's card. Of twelve nobody can say at once who they are: four were enrolled twice without a card,
/// four have one student's card and another's name. Eight are nobody's, one of them the terminal's administrator.
async fn a_terminal_with_three_hundred_people_is_taken_over_with_one_call_and_eight_decisions(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.roster(0..288).await;
    let by_card = (0..280).map(|n| person(n + 1, &name(n)).with_card(card(n)));
    let twice = (0..8).map(|n| person(281 + n, &name(280 + n / 2)));
    let crossed = (0..4).map(|n| person(289 + n, &name(n)).with_card(card(284 + n)));
    let strangers = (0..8).map(|n| person(293 + n, &name(400 + n)).with_privilege(if n == 0 { 14 } else { 0 }));
    let device = campus.register(SERIAL).await;
    let mut terminal = Terminal::new(SERIAL, Profile::zam180(), 1);
    terminal.preload_users(by_card.chain(twice).chain(crossed).chain(strangers));
    // Somebody came in when nobody kept a list yet.
    let yesterday = terminal.local(campus.world.now()).checked_sub(SignedDuration::from_hours(30)).unwrap();
    terminal.punch("7", yesterday);
    campus.world.plug_in(terminal);
    campus.run_for(120).await;
    campus.quiet(device).await;
    let before = campus.holds().clone();

    let adoption = campus.adoption(device, "").await;
    assert_eq!((&adoption["complete"], &adoption["counted"]), (&json!(true), &json!(300)), "{adoption}");
    let summary = json!({"card": 280, "name": 0, "conflict": 12, "former": 0, "stranger": 8, "kept": 0, "removed": 0,
        "held": 0});
    assert_eq!(adoption["summary"], summary);
    let found = campus.adoption(device, &format!("&search={}", card(7))).await;
    let found: Vec<&Json> = found["people"].as_array().unwrap().iter().map(|person| &person["pin"]).collect();
    assert_eq!(found, [&json!("8")]);
    assert_eq!(campus.status(device).await.in_words(), "288 not_synced of 288");

    campus.take_over(device, "link_cards").await;
    let status = campus.status(device).await;
    assert_eq!(status.in_words(), "8 pending, 280 synced of 288");
    let waits = |status: &Status| status.students.values().filter(|student| student.status == "pending").count();
    assert!(status.students.values().all(|student| (student.status == "pending") == student.error.is_some()));
    let conflicts = campus.adoption(device, "&match=conflict").await;
    assert_eq!(conflicts["people"].as_array().unwrap().len(), 12);
    let words = conflicts["people"][0]["words"].as_str().unwrap();
    assert_eq!(words, "several people on the terminal have this name");

    // Eight decisions: of each pair one is linked and one goes; of the others two are who the card says, two go.
    for pair in 0..4 {
        let (first, second) = ((281 + 2 * pair).to_string(), (282 + 2 * pair).to_string());
        let decisions = json!([{"pin": first, "decision": "link"}, {"pin": second, "decision": "remove"}]);
        campus.decide(device, decisions).await;
    }
    for crossed in 0..4 {
        let pin = (289 + crossed).to_string();
        let student =
            *campus.status(device).await.students.iter().find(|(_, s)| s.name == name(284 + crossed)).unwrap().0;
        let decision = if crossed < 2 {
            json!({"pin": pin, "decision": "link", "student_id": student})
        } else {
            json!({"pin": pin, "decision": "remove"})
        };
        campus.decide(device, json!([decision])).await;
    }
    assert!(campus.world.settle(A_WHILE).await);
    campus.quiet(device).await;
    let status = campus.status(device).await;
    assert_eq!((waits(&status), status.in_words()), (0, "288 synced of 288".to_owned()), "{status:#?}");

    let held = campus.holds().clone();
    let by_name = pins(&status);
    for n in 0..280 {
        let pin = (n + 1).to_string();
        assert_eq!(by_name[&name(n)], pin, "no PIN has changed");
        let fitted = Name::fit(&name(n), Charset::Utf8).unwrap();
        // What was cut within a letter at the keypad says nothing else.
        let spelt = held[&pin].name.trim_end_matches([' ', '\u{FFFD}']);
        assert_eq!((spelt, held[&pin].card), (fitted.as_str(), Some(card(n))));
        assert_eq!(held[&pin].fingers, before[&pin].fingers, "no finger is lost");
    }
    for (n, pin) in [(280, 281), (281, 283), (282, 285), (283, 287), (284, 289), (285, 290)] {
        assert_eq!(by_name[&name(n)], pin.to_string());
        assert_eq!((held[&pin.to_string()].fingers, held[&pin.to_string()].card), (2, Some(card(n))));
    }
    for n in [286, 287] {
        let pin: i64 = by_name[&name(n)].parse().unwrap();
        assert!(pin > 10_000, "{pin}");
    }
    for n in 293..=300 {
        assert_eq!(held[&n.to_string()], before[&n.to_string()], "a stranger stays as he is");
    }
    assert_eq!(held.len(), 288 + 8);
    let removed = campus.world.fleet.terminals()[0].removed_by_command().len();
    assert_eq!(removed, 6, "{}", campus.world.fleet.terminals()[0].story());

    let student = *status.students.iter().find(|(_, student)| student.name == name(6)).unwrap().0;
    attribute::tick(&campus.world.app.db, &campus.world.app.settings.timezone, campus.world.now()).await.unwrap();
    let punches = campus.get(&format!("/api/v1/attendance?student_id={student}")).await;
    assert_eq!(punches.data(200)[0]["pin"], "7", "{}", punches.text);
    campus.read_back(device).await;
    assert_eq!(campus.verified(device).await, 288);
}

async fn whom_a_terminal_cannot_list_is_found_by_trying_pins(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.roster(0..6).await;
    let people = [(3, 0), (4, 1), (9, 2), (17, 3)];
    let people = people.map(|(pin, n)| person(pin, &name(n)).with_card(card(n)));
    let device = campus.in_use(Profile::legacy_fw(), people).await;
    let adoption = campus.adoption(device, "").await;
    assert_eq!((&adoption["complete"], &adoption["summary"]["card"]), (&json!(true), &json!(4)), "{adoption}");
    let class = campus.get(&format!("/api/v1/devices/{device}")).await;
    assert_eq!(class.data(200)["readback_class"], "per_pin");

    campus.take_over(device, "link_cards").await;
    let status = campus.status(device).await;
    assert_eq!(status.in_words(), "6 synced of 6");
    let by_name = pins(&status);
    let linked: Vec<&str> = (0..4).map(|n| by_name[&name(n)].as_str()).collect();
    assert_eq!(linked, ["3", "4", "9", "17"]);
    assert!(campus.holds().values().filter(|user| user.fingers == 2).count() == 4);
}

async fn a_student_linked_by_name_keeps_his_pin_and_gets_his_card(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.roster(0..3).await;
    let device = campus.in_use(Profile::zam180(), (0..2).map(|n| person(40 + n, &name(n)))).await;
    let taken = campus.take_over(device, "link_cards").await;
    assert_eq!(taken["adoption"]["words"], "2 people may be students: link, keep or remove them");
    assert_eq!(campus.status(device).await.in_words(), "2 pending, 1 synced of 3");

    campus.decide(device, json!([{"match": "name", "decision": "link"}])).await;
    assert!(campus.world.settle(A_WHILE).await);
    let status = campus.agree_beside(device, 0).await;
    assert_eq!((&*status[&name(0)], &*status[&name(1)]), ("40", "41"));
    assert!(campus.holds()["40"].fingers == 2 && campus.holds()["41"].fingers == 2);
}

async fn replace_removes_whoever_is_left_but_administrators_after_an_approval(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.roster(0..20).await;
    let ours = (0..4).map(|n| person(n + 1, &name(n)).with_card(card(n)));
    let others = (0..16).map(|n| person(50 + n, &name(300 + n)));
    let chief = HeldUser::new("99", "Chief").with_privilege(14);
    let device = campus.in_use(Profile::zam180(), ours.chain(others).chain([chief.clone()])).await;
    campus.take_over(device, "replace").await;

    // Sixteen of twenty at once: somebody has to say that this is meant.
    assert_eq!(campus.status(device).await.in_words(), "20 synced of 20");
    assert_eq!(campus.holds().len(), 4 + 16 + 1 + 16);
    assert_eq!(campus.adoption(device, "").await["summary"]["held"], 16);
    campus.post(&format!("/api/v1/device/{device}/removals/approve"), json!({})).await.data(200);
    assert!(campus.world.settle(A_WHILE).await);
    campus.quiet(device).await;
    let by_name = campus.agree_beside(device, 1).await;
    assert_eq!(by_name[&name(0)], "1");
    assert_eq!(campus.holds()["99"], chief);
}

async fn nobody_is_linked_while_the_list_is_incomplete(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.roster(0..3).await;
    let device = campus.register(SERIAL).await;
    let mut terminal = Terminal::new(SERIAL, Profile::zam180(), 1);
    terminal.preload_users((0..3).map(|n| person(n + 1, &name(n)).with_card(card(n))));
    terminal.miscount(2);
    campus.world.plug_in(terminal);
    campus.run_for(120).await;
    campus.quiet(device).await;
    campus.take_over(device, "link_cards").await;
    assert_eq!(campus.status(device).await.in_words(), "3 not_synced of 3");
    let adoption = campus.adoption(device, "").await;
    assert!(adoption["words"].as_str().unwrap().starts_with("the terminal told 3 of 5 people:"), "{adoption}");

    campus.world.fleet.terminal(0).miscount(0);
    campus.read_back(device).await;
    campus.quiet(device).await;
    assert_eq!(campus.status(device).await.in_words(), "3 synced of 3");
    assert_eq!(campus.holds().len(), 3);
}

async fn an_access_unit_is_taken_over_and_opens(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.roster(0..5).await;
    let people = (0..4).map(|n| person(n + 1, &name(n)).with_card(card(n)));
    let device = campus.in_use(Profile::access_s3(), people).await;
    campus.take_over(device, "link_cards").await;
    let by_name = campus.agree_beside(device, 0).await;
    assert_eq!(by_name[&name(3)], "4");
    let unit = &campus.world.fleet.terminals()[0];
    assert!(unit.users().keys().all(|pin| unit.opens_door(pin)), "{}", unit.story());
    assert!(unit.users().values().filter(|user| user.fingers == 2).count() == 4);
}

async fn what_was_decided_is_refused_in_words_when_it_cannot_be(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.roster(0..3).await;
    let people = [person(1, &name(0)).with_card(card(0)), person(2, "Mallory"), person(3, "Chief").with_privilege(14)];
    let device = campus.in_use(Profile::zam180(), people).await;
    let path = format!("/api/v1/device/{device}/takeover/people");
    for (decisions, why) in [
        (json!([{"pin": "77", "decision": "keep"}]), "PIN 77: the terminal holds nobody with it"),
        (json!([{"pin": "2", "decision": "link"}]), "PIN 2: matches nobody: say which student it is (student_id)"),
        (json!([{"pin": "3", "decision": "remove"}]), "PIN 3: an administrator of the terminal"),
        (json!([{"pin": "2", "decision": "link", "student_id": 4711}]), "PIN 2: there is no student 4711"),
        (json!([{"pin": "1", "decision": "link"}, {"pin": "1", "decision": "keep"}]), "PIN 1: decided twice"),
        (json!([{"decision": "remove"}]), "each needs a pin"),
    ] {
        let refused = campus.post(&path, json!({ "decisions": decisions })).await;
        assert!(refused.refusal(422).contains(why), "{} does not say {why}", refused.text);
    }
    campus.post(&path, json!({"decisions": [{"pin": "1", "decision": "eat"}]})).await.refusal(422);
    let of_other =
        campus.world.server.person("u@example.org", rollcall::accounts::Role::Teacher, Some(campus.school)).await;
    campus.world.server.post(&of_other, &path, json!({"decisions": []})).await.refusal(403);
    assert_eq!(campus.adoption(device, "").await["summary"]["kept"], 0);
}

/// It was ours, was given away, and holds other people under our PINs when it comes back.
async fn a_terminal_that_comes_back_after_a_year_is_read_before_it_is_written(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.roster(0..4).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    let pin = pins(&campus.status(device).await)[&name(2)].clone();
    campus.world.server.delete(&campus.admin, &format!("/api/v1/devices/{device}")).await.data(200);
    campus.run_for(600).await;
    campus.world.fleet.terminal(0).edit_at_keypad(&pin, "MALLORY", None);
    campus.run_for(60).await;

    assert_eq!(campus.register(SERIAL).await, device);
    campus.run_for(120).await;
    campus.quiet(device).await;
    let adoption = campus.adoption(device, "").await;
    assert_eq!(adoption["state"], "holds_people", "{adoption}");
    assert_eq!((&adoption["summary"]["card"], &adoption["summary"]["conflict"]), (&json!(3), &json!(1)), "{adoption}");
    campus.take_over(device, "link_cards").await;
    let status = campus.status(device).await;
    assert_eq!(status.in_words(), "1 pending, 3 synced of 4");
    let words = status.students.values().find_map(|student| student.error.clone()).unwrap();
    assert_eq!(words, format!("PIN {pin} is MALLORY's on the terminal: nobody is overwritten under it"));
    assert_eq!(campus.holds()[&pin].name, "MALLORY");
    campus.read_back(device).await;
    campus.run_for(120).await;
    assert_eq!(campus.holds()[&pin].name, "MALLORY", "whoever waits for her does not hold what she holds");

    campus.decide(device, json!([{"pin": pin, "decision": "remove"}])).await;
    assert!(campus.world.settle(A_WHILE).await);
    campus.quiet(device).await;
    campus.agree_beside(device, 0).await;
}

/// He is known since he was linked, and must not keep the door open because nobody looks for him any more.
async fn who_was_linked_and_left_before_writing_began_is_removed(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.roster(0..4).await;
    let people = (0..4).map(|number| person(20 + number, &name(number)).with_card(card(number)));
    let device = campus.in_use(Profile::zam180(), people).await;
    campus.decide(device, json!([{"pin": "20", "decision": "link"}])).await;
    campus.change(StudentId(1), json!({"is_active": false})).await;
    campus.take_over(device, "link_cards").await;
    assert_eq!(campus.holds().keys().collect::<Vec<_>>(), ["21", "22", "23"]);
    campus.agree_beside(device, 0).await;
}

async fn a_stranger_with_a_students_card_is_linked_while_the_terminal_is_in_use(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.roster(0..2).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    // Enrolled at the keypad before anybody told the office.
    campus.world.fleet.terminal(0).preload_users([person(77, &name(5)).with_card(card(5))]);
    campus.read_back(device).await;
    let late = campus.enrol(&name(5), &people::card(5)).await;
    campus.run_for(120).await;
    let shown = campus.status(device).await.students[&late].clone();
    let words =
        format!("card {} is on the terminal with {}, PIN 77: link or remove this person", card(5), typed(&name(5)));
    assert_eq!((shown.status.as_str(), shown.error), ("pending", Some(words)));
    campus.decide(device, json!([{"pin": "77", "decision": "link"}])).await;
    assert!(campus.world.settle(A_WHILE).await);
    assert_eq!(campus.agree_beside(device, 0).await[&name(5)], "77");
    assert_eq!(campus.holds()["77"].fingers, 2);
}

impl Campus {
    /// Everybody is synced, and on the terminal as he is wanted, beside so many others. Each student's PIN, by name.
    async fn agree_beside(&mut self, device: DeviceId, others: usize) -> BTreeMap<String, String> {
        self.quiet(device).await;
        let status = self.status(device).await;
        assert_eq!(status.numbers["synced"], status.numbers["total"], "{status:#?}");
        let by_name = pins(&status);
        for student in status.students.values() {
            let held = &self.holds()[student.pin.as_ref().unwrap()];
            let fitted = Name::fit(&student.name, Charset::Utf8).unwrap();
            let card = student.card.as_ref().and_then(|card| card.parse().ok());
            assert_eq!((held.name.as_str(), held.card), (fitted.as_str(), card));
        }
        assert_eq!(self.holds().len(), status.students.len() + others);
        by_name
    }
}
