//! Terminals that nobody registered: seen, claimed, and their people taken over, in a browser.

use jiff::SignedDuration;
use rollcall::accounts::Role;
use terminal_simulator::{Profile, Terminal};

use super::{page, submit};
use crate::{
    databases::{Database, both_databases},
    stories::campus::Campus,
};

both_databases! {
    an_unknown_terminal_is_claimed_and_its_people_taken_over,
    who_sees_unknown_terminals,
}

const SERIAL: &str = "CJX9253300999";

async fn an_unknown_terminal_is_claimed_and_its_people_taken_over(database: Database) {
    let mut campus = Campus::open(database).await;
    let ana = campus.enrol("Ana Quishpe", "4711").await;
    campus.enrol("Rumi Taita", "4712").await;
    let mut terminal = Terminal::new(SERIAL, Profile::zam180(), 1);
    terminal.edit_at_keypad("7", "Ana Quishpe", Some(4711));
    terminal.edit_at_keypad("8", "Caretaker", Some(99));
    campus.world.plug_in(terminal);
    campus.run_for(120).await;

    let list = page(&campus.world.server, &campus.admin, "/terminals/unknown").await;
    assert!(list.page(200).contains(SERIAL), "{}", list.text);
    let school = campus.school.to_string();
    let mut claim = vec![("school_id", &*school), ("device_name", ""), ("timezone", ""), ("strangers", "report")];
    let at = format!("/terminals/unknown/{SERIAL}/claim");
    let refused = submit(&campus.world.server, Some(&campus.admin), &at, &claim).await;
    assert!(refused.cookie("rollcall_message").unwrap().starts_with('0'), "a terminal has a name");
    claim[1].1 = "Library";
    let claimed = submit(&campus.world.server, Some(&campus.admin), &at, &claim).await;
    assert_eq!(claimed.goes_to(), "/terminals/1");
    assert!(!page(&campus.world.server, &campus.admin, "/terminals/unknown").await.page(200).contains(SERIAL));
    campus.run_for(600).await;

    let people = page(&campus.world.server, &campus.admin, "/terminals/1/takeover").await;
    for text in ["Caretaker", "By card", "person-7", "person-8", "Link by card"] {
        assert!(people.page(200).contains(text), "{text}: {}", people.text);
    }
    let strangers = page(&campus.world.server, &campus.admin, "/terminals/1/takeover?match=stranger").await;
    assert!(strangers.page(200).contains("person-8") && !strangers.text.contains("person-7"), "{}", strangers.text);
    let mode = [("mode", "link_cards")];
    let chosen = submit(&campus.world.server, Some(&campus.admin), "/terminals/1/takeover", &mode).await;
    assert_eq!(chosen.goes_to(), "/terminals/1/takeover");
    assert!(campus.world.settle(SignedDuration::from_mins(30)).await, "it becomes quiet");
    assert_eq!(campus.pin(rollcall::devices::DeviceId(1), ana).await.as_deref(), Some("7"), "she keeps her PIN");

    let keep = [("pin", "8"), ("decision", "keep")];
    submit(&campus.world.server, Some(&campus.admin), "/terminals/1/takeover/people", &keep).await.goes_to();
    let kept = page(&campus.world.server, &campus.admin, "/terminals/1/takeover").await;
    assert!(kept.page(200).contains("Kept"), "{}", kept.text);
    let nobody = [("pin", "4444"), ("decision", "remove")];
    let refused = submit(&campus.world.server, Some(&campus.admin), "/terminals/1/takeover/people", &nobody).await;
    assert!(refused.cookie("rollcall_message").unwrap().starts_with('0'));

    let server = &campus.world.server;
    let other = server.school("中关村第一小学").await;
    let stranger = server.person("li.xiaoming@example.org", Role::SchoolAdmin, Some(other)).await;
    let teacher = server.person("nino@example.org", Role::Teacher, Some(campus.school)).await;
    page(server, &stranger, "/terminals/1/takeover").await.page(403);
    assert!(
        !page(server, &teacher, "/terminals/1/takeover").await.page(200).contains("<button class=\"danger small\"")
    );
    for person in [&stranger, &teacher] {
        submit(server, Some(person), "/terminals/1/takeover", &mode).await.page(403);
        submit(server, Some(person), "/terminals/1/takeover/people", &keep).await.page(403);
    }
}

async fn who_sees_unknown_terminals(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.world.plug_in(Terminal::new(SERIAL, Profile::zam180(), 1));
    campus.run_for(120).await;
    let server = &campus.world.server;
    let teacher = server.person("nino@example.org", Role::Teacher, Some(campus.school)).await;
    page(server, &teacher, "/terminals/unknown").await.page(403);
    let admins = page(server, &campus.admin, "/terminals/unknown").await;
    assert!(admins.page(200).contains(SERIAL) && !admins.text.contains("Calls from"), "{}", admins.text);
    let all = page(server, &campus.superadmin, "/terminals/unknown").await;
    assert!(all.page(200).contains("Calls from"), "{}", all.text);
    let other = server.school("中关村第一小学").await.to_string();
    let claim = [("school_id", &*other), ("device_name", "Gate"), ("timezone", ""), ("strangers", "report")];
    submit(server, Some(&campus.admin), &format!("/terminals/unknown/{SERIAL}/claim"), &claim).await.page(403);
}
