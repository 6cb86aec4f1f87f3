//! A terminal is read back: which families can be, what is found and healed.

use rollcall::{
    devices::DeviceId,
    sync::reading::{self, Cause},
};
use terminal_simulator::{HeldUser, List, Profile};

use super::campus::Campus;
use crate::databases::{Database, both_databases};

both_databases! {
    every_family_ends_in_the_class_that_the_documents_give_it,
    a_list_verifies_everybody,
    single_people_are_asked_for_where_lists_are_not_answered,
    single_people_are_asked_for_where_lists_fail,
    failure_3_a_wiped_terminal_is_found_and_refilled_with_the_same_pins,
    what_was_changed_at_the_keypad_is_seen_within_a_poll_and_healed,
    who_was_removed_at_the_keypad_comes_back,
    strangers_are_reported_and_stay,
    strangers_are_removed_where_the_policy_says_so_but_never_administrators,
    rule_20_strangers_who_are_too_many_wait_for_a_decision,
    rule_17_a_count_of_nobody_is_asked_for_before_anything_is_written,
    what_comes_back_after_three_repairs_is_reported,
    a_legacy_terminal_lists_everybody_in_its_maintenance_window,
    enrolling_at_the_terminal_that_only_the_log_tells_of_is_looked_into,
    a_partial_list_proves_no_absence_and_removes_nobody,
    what_was_found_is_shown_until_it_has_ended,
}

const SERIAL: &str = "CJX9253300417";

impl Campus {
    /// Wants a reading and lets time pass until none is wanted or running. The newest one.
    pub async fn read_back(&mut self, device: DeviceId) -> Shown {
        let mut tx = self.world.app.db.write().await.unwrap();
        reading::want(&mut tx, device, Cause::Asked, self.world.now()).await.unwrap();
        tx.commit().await.unwrap();
        self.quiet(device).await;
        self.shown(device).await
    }

    /// Lets time pass until no reading is wanted or running and nothing is outstanding.
    pub async fn quiet(&mut self, device: DeviceId) {
        for _ in 0..240 {
            self.run_for(30).await;
            let mut tx = self.world.app.db.read().await.unwrap();
            let (busy,): (i64,) = tx
                .one(
                    "SELECT (SELECT COUNT(*) FROM readings WHERE device_id = $1 AND state = 'running')
                       + (SELECT COUNT(*) FROM devices WHERE id = $1 AND verify_at IS NOT NULL)
                       + (SELECT COUNT(*) FROM device_commands WHERE device_id = $1 AND status IN ('pending', 'sent'))",
                    [device.into()],
                )
                .await
                .unwrap();
            if busy == 0 {
                return;
            }
        }
        let story = self.world.fleet.terminals()[self.index_of(device).await].story();
        panic!("the reading never ends\n{story}");
    }

    async fn shown(&self, device: DeviceId) -> Shown {
        let mut tx = self.world.app.db.read().await.unwrap();
        tx.one(
            "SELECT r.state, r.cause, r.scope, r.is_complete, r.verified, r.missing, r.different, r.extra, r.repaired,
               d.readback_class
             FROM readings r JOIN devices d ON d.id = r.device_id WHERE d.id = $1 ORDER BY r.id DESC LIMIT 1",
            [device.into()],
        )
        .await
        .unwrap()
    }

    /// Students whom a reading verified as they are wanted now.
    pub async fn verified(&self, device: DeviceId) -> i64 {
        let mut tx = self.world.app.db.read().await.unwrap();
        let (count,): (i64,) = tx
            .one(
                "SELECT COUNT(*) FROM device_user_sync_status WHERE device_id = $1 AND is_wanted
                   AND verified_version = wanted_version AND confirmed_version = wanted_version",
                [device.into()],
            )
            .await
            .unwrap();
        count
    }

    /// What readings found, oldest first: kind, PIN, field, theirs, whether it has ended.
    pub async fn drift(&self, device: DeviceId) -> Vec<(String, String, Option<String>, Option<String>, bool)> {
        let mut tx = self.world.app.db.read().await.unwrap();
        tx.all(
            "SELECT kind, device_pin, field, theirs, ended_at IS NOT NULL AS has_ended FROM device_drift
             WHERE device_id = $1 ORDER BY id",
            [device.into()],
        )
        .await
        .unwrap()
    }
}

/// A reading as its row shows it.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Shown {
    pub state: String,
    pub cause: String,
    pub scope: String,
    pub is_complete: bool,
    pub verified: i64,
    pub missing: i64,
    pub different: i64,
    pub extra: i64,
    pub repaired: i64,
    pub readback_class: Option<String>,
}

async fn every_family_ends_in_the_class_that_the_documents_give_it(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(12).await;
    // MAN3.2 and ATT5.8 units answer as written there; the legacy client and the MARS do not answer lists (docs/terminals.md).
    let families = [
        ("zam180", "list"),
        ("senseface-a2", "list"),
        ("chatty", "list"),
        ("mb10", "list"),
        ("legacy-fw", "per_pin"),
        ("push1", "per_pin"),
        ("mars", "per_pin"),
        ("hostile", "per_pin"),
        ("access-s3", "table"),
    ];
    let mut devices = Vec::new();
    for (name, class) in families {
        let device = campus.terminal(&format!("FAM{name}"), Profile::by_name(name).unwrap()).await;
        devices.push((device, name, class));
    }
    let silent = {
        let mut profile = Profile::mars();
        profile.queries.answers_people = false;
        profile
    };
    devices.push((campus.terminal("FAMdeaf", silent).await, "deaf", "count"));
    for (device, name, class) in devices {
        campus.in_step(device).await;
        let shown = campus.read_back(device).await;
        assert_eq!(shown.readback_class.as_deref(), Some(class), "{name}: {shown:?}");
        if class == "count" {
            assert_eq!((shown.state.as_str(), campus.verified(device).await), ("inconclusive", 0), "{name}");
        } else {
            assert_eq!((shown.state.as_str(), campus.verified(device).await), ("done", 12), "{name}: {shown:?}");
        }
    }
}

async fn a_list_verifies_everybody(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(30).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    let shown = campus.read_back(device).await;
    assert_eq!((shown.is_complete, shown.verified, shown.repaired), (true, 30, 0), "{shown:?}");
    assert_eq!(campus.verified(device).await, 30);
    // Once more: now that the class is known there is no trying.
    let again = campus.read_back(device).await;
    assert_eq!((again.state.as_str(), again.verified, again.repaired), ("done", 30, 0));
}

async fn single_people_are_asked_for_where_lists_are_not_answered(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(15).await;
    let device = campus.terminal(SERIAL, Profile::mars()).await;
    campus.in_step(device).await;
    let shown = campus.read_back(device).await;
    assert_eq!((shown.readback_class.as_deref(), shown.verified), (Some("per_pin"), 15), "{shown:?}");
    assert!(shown.is_complete, "as many answered as it counts: {shown:?}");

    // An edit made during a sweep leaves with the next poll.
    let mut tx = campus.world.app.db.write().await.unwrap();
    reading::want(&mut tx, device, Cause::Asked, campus.world.now()).await.unwrap();
    tx.commit().await.unwrap();
    campus.run_for(60).await;
    let newcomer = campus.enrol("Pallavi Shrestha", "909090").await;
    campus.run_for(45).await;
    assert!(campus.held(device, newcomer).await.is_some(), "the sweep delays nobody");
    campus.quiet(device).await;
}

async fn single_people_are_asked_for_where_lists_fail(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(12).await;
    let mut profile = Profile::zam180();
    // So many people that it runs out of time.
    profile.queries.list = List::Fails(-1003);
    let device = campus.terminal(SERIAL, profile).await;
    campus.in_step(device).await;
    let shown = campus.read_back(device).await;
    assert_eq!((shown.readback_class.as_deref(), shown.verified), (Some("per_pin"), 12), "{shown:?}");
    assert_eq!(shown.state, "done");
}

async fn failure_3_a_wiped_terminal_is_found_and_refilled_with_the_same_pins(database: Database) {
    for profile in [Profile::zam180(), Profile::mars(), Profile::legacy_fw()] {
        let name = profile.name;
        let mut campus = Campus::open(database.again().await).await;
        campus.enrol_many(8).await;
        let device = campus.terminal(SERIAL, profile).await;
        campus.in_step(device).await;
        campus.read_back(device).await;
        let before = campus.world.fleet.terminals()[0].users().clone();
        campus.world.fleet.terminal(0).wipe();
        // A terminal that tells its count by itself is refilled at once; the others at the next verification.
        if name == "legacy-fw" {
            campus.read_back(device).await;
        }
        campus.run_for(120).await;
        assert!(!campus.world.fleet.terminals()[0].users().is_empty(), "{name}: the refill starts within two polls");
        campus.quiet(device).await;
        let after = campus.world.fleet.terminals()[0].users();
        assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "{name}");
        campus.agree(device).await;
        assert_eq!(campus.verified(device).await, 8, "{name}: what was refilled was read back");
        let found = campus.drift(device).await;
        assert!(found.iter().all(|(kind, _, _, _, has_ended)| kind == "missing" && *has_ended), "{found:?}");
        assert_eq!(found.len(), 8, "{name}");
    }
}

async fn what_was_changed_at_the_keypad_is_seen_within_a_poll_and_healed(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(6).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    let card = campus.world.fleet.terminals()[0].users()["3"].card;
    campus.world.fleet.terminal(0).edit_at_keypad("3", "Ganzer Anderer", card);
    campus.run_for(60).await;
    let found = campus.drift(device).await;
    let [(kind, pin, field, theirs, _)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((kind.as_str(), pin.as_str()), ("different", "3"));
    assert_eq!((field.as_deref(), theirs.as_deref()), (Some("name"), Some("Ganzer Anderer")));
    campus.quiet(device).await;
    campus.agree(device).await;
    assert_eq!(campus.verified(device).await, 6);
    assert!(campus.drift(device).await[0].4, "it has ended");
}

async fn who_was_removed_at_the_keypad_comes_back(database: Database) {
    for profile in [Profile::zam180(), Profile::legacy_fw()] {
        let mut campus = Campus::open(database.again().await).await;
        campus.enrol_many(5).await;
        let device = campus.terminal(SERIAL, profile).await;
        campus.in_step(device).await;
        campus.read_back(device).await;
        campus.world.fleet.terminal(0).remove_at_keypad("2");
        campus.run_for(120).await;
        campus.quiet(device).await;
        campus.agree(device).await;
        assert_eq!(campus.verified(device).await, 5);
        let found = campus.drift(device).await;
        assert_eq!(found.iter().map(|row| (row.0.as_str(), row.1.as_str())).collect::<Vec<_>>(), [("missing", "2")]);
    }
}

async fn strangers_are_reported_and_stay(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(3).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    campus.world.fleet.terminal(0).edit_at_keypad("777", "Şükrü Öztürk", Some(4242));
    campus.run_for(60).await;
    campus.quiet(device).await;
    let found = campus.drift(device).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0.as_str(), found[0].3.as_deref(), found[0].4), ("stranger", Some("Şükrü Öztürk"), false));
    let shown = campus.read_back(device).await;
    assert_eq!((shown.extra, shown.repaired, shown.is_complete), (1, 0, true));
    assert!(campus.world.fleet.terminals()[0].users().contains_key("777"));
}

async fn strangers_are_removed_where_the_policy_says_so_but_never_administrators(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(3).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.world.foreign("UPDATE devices SET strangers = 'remove' WHERE id = $1", [device.into()]).await;
    campus.world.fleet.terminal(0).preload_users([
        HeldUser::new("800", "Директор школы").with_privilege(14),
        HeldUser::new("801", "Κάποιος Άλλος"),
    ]);
    campus.read_back(device).await;
    let left: Vec<&String> = campus.world.fleet.terminals()[0].users().keys().collect();
    assert_eq!(left, ["1", "2", "3", "800"]);
    let found = campus.drift(device).await;
    let open: Vec<&str> = found.iter().filter(|row| !row.4).map(|row| row.1.as_str()).collect();
    assert_eq!(open, ["800"], "{found:?}");
}

async fn rule_17_a_count_of_nobody_is_asked_for_before_anything_is_written(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(4).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    let writes = |commands: &[serde_json::Value]| {
        commands.iter().filter(|row| matches!(row["command_type"].as_str(), Some("add_user" | "update_user"))).count()
    };
    let before = writes(&campus.commands(device).await);
    // The line says nobody; the terminal, when asked, says four.
    let firmware = Profile::zam180().firmware;
    let poll = format!("GET /iclock/getrequest?SN={SERIAL}&INFO={firmware},0,0,0 HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = String::from_utf8(campus.world.converse(poll.as_bytes()).await).unwrap();
    assert!(reply.contains(":INFO\n"), "{reply}");
    campus.run_for(300).await;
    campus.quiet(device).await;
    assert_eq!(writes(&campus.commands(device).await), before, "nobody was written again");
    assert!(campus.drift(device).await.is_empty(), "{:?}", campus.drift(device).await);
    campus.agree(device).await;
}

async fn what_comes_back_after_three_repairs_is_reported(database: Database) {
    let mut campus = Campus::open(database).await;
    let students = campus.enrol_many(4).await;
    let mut profile = Profile::zam180();
    // A unit whose memory holds ten bytes of a name.
    profile.people.name_bytes = 10;
    let device = campus.terminal(SERIAL, profile).await;
    campus.world.settle(super::campus::A_WHILE).await;
    campus.read_back(device).await;
    campus.read_back(device).await;
    let status = campus.status(device).await;
    let long: Vec<_> = status.students.values().filter(|shown| shown.name.len() > 10).collect();
    assert!(!long.is_empty());
    for shown in long {
        assert_eq!(shown.status, "failed", "{shown:?}");
        let words = shown.error.as_deref().unwrap();
        assert!(words.starts_with("the terminal keeps changing it back: name should be"), "{words}");
    }
    let writes = campus.commands(device).await;
    // An admin's retry begins anew.
    let victim = students.iter().find(|student| status.students[student].status == "failed").unwrap();
    let times = writes.iter().filter(|row| row["student_id"] == victim.0).count();
    assert_eq!(times, 4, "written once and repaired three times");
    campus.post(&format!("/api/v1/device/{device}/students/{victim}/retry"), serde_json::json!({})).await.data(200);
}

async fn a_legacy_terminal_lists_everybody_in_its_maintenance_window(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(6).await;
    let device = campus.terminal(SERIAL, Profile::legacy_fw()).await;
    campus.in_step(device).await;
    let shown = campus.read_back(device).await;
    assert_eq!(shown.readback_class.as_deref(), Some("per_pin"));
    // Somebody of whom nobody ever heard: single questions cannot name him.
    campus.world.fleet.terminal(0).preload_users([HeldUser::new("4711", "Ιφιγένεια")]);
    let shown = campus.read_back(device).await;
    assert_eq!((shown.is_complete, shown.extra), (false, 0), "{shown:?}");
    // Its operation log has real, growing stamps.
    let card = campus.world.fleet.terminals()[0].users()["1"].card;
    let name = campus.world.fleet.terminals()[0].users()["1"].name.clone();
    campus.world.fleet.terminal(0).edit_at_keypad("1", &name, card);
    campus.run_for(120).await;
    campus.quiet(device).await;

    // The school is in Ecuador: five in the morning UTC is midnight there.
    campus.world.foreign("UPDATE devices SET maintenance_window = '23:00-05:00' WHERE id = $1", [device.into()]).await;
    let shown = campus.read_back(device).await;
    assert_eq!((shown.readback_class.as_deref(), shown.is_complete, shown.extra), (Some("list"), true, 1), "{shown:?}");
    assert_eq!(campus.verified(device).await, 6);
    let dumps =
        campus.world.fleet.terminals()[0].story().lines().filter(|(_, line)| line.contains("dumps all")).count();
    assert_eq!(dumps, 1);

    // By day it is asked for single people, and stays known as one that lists slowly.
    campus.world.foreign("UPDATE devices SET maintenance_window = '12:00-12:30' WHERE id = $1", [device.into()]).await;
    let shown = campus.read_back(device).await;
    assert_eq!((shown.readback_class.as_deref(), shown.verified), (Some("list"), 6), "{shown:?}");
    let dumps =
        campus.world.fleet.terminals()[0].story().lines().filter(|(_, line)| line.contains("dumps all")).count();
    assert_eq!(dumps, 1);
}

async fn enrolling_at_the_terminal_that_only_the_log_tells_of_is_looked_into(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(3).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    // The person changes, and only the line of the operation log arrives (VAMS).
    campus.world.fleet.terminal(0).preload_users([HeldUser::new("2", "Jemand Anderes").with_card(99)]);
    let body = "OPLOG 101\t0\t2026-03-02 09:14:20\t2\t0\t0\t0\n";
    let upload = format!(
        "POST /iclock/cdata?SN={SERIAL}&table=OPERLOG&Stamp=9999 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    campus.world.converse(upload.as_bytes()).await;
    campus.run_for(60).await;
    campus.quiet(device).await;
    let found = campus.drift(device).await;
    assert_eq!(found.iter().map(|row| (row.0.as_str(), row.1.as_str())).next(), Some(("different", "2")), "{found:?}");
    campus.agree(device).await;
}

async fn a_partial_list_proves_no_absence_and_removes_nobody(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(10).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.world.foreign("UPDATE devices SET strangers = 'remove' WHERE id = $1", [device.into()]).await;
    campus.read_back(device).await;
    // From now on its list stops after four, nobody answers to his own number, and one stranger is among them.
    let queries = &mut campus.world.fleet.terminal(0).profile_mut().queries;
    queries.list = List::Truncated(4);
    queries.answers_people = false;
    campus.world.fleet.terminal(0).preload_users([HeldUser::new("0001", "Ξένος")]);
    let shown = campus.read_back(device).await;
    assert_eq!((shown.missing, shown.repaired, shown.is_complete), (0, 0, false), "{shown:?}");
    assert!(campus.world.fleet.terminals()[0].users().contains_key("0001"), "an incomplete reading never removes");
}

async fn what_was_found_is_shown_until_it_has_ended(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(3).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.read_back(device).await;
    campus.world.fleet.terminal(0).edit_at_keypad("777", "Şükrü Öztürk", None);
    campus.run_for(60).await;
    campus.quiet(device).await;
    assert!(!campus.drift(device).await[0].4);
    campus.world.fleet.terminal(0).remove_at_keypad("777");
    campus.run_for(60).await;
    campus.quiet(device).await;
    campus.read_back(device).await;
    assert!(campus.drift(device).await[0].4, "{:?}", campus.drift(device).await);
}

async fn rule_20_strangers_who_are_too_many_wait_for_a_decision(database: Database) {
    let mut campus = Campus::open(database).await;
    campus.enrol_many(20).await;
    let device = campus.terminal(SERIAL, Profile::zam180()).await;
    campus.in_step(device).await;
    campus.world.foreign("UPDATE devices SET strangers = 'remove' WHERE id = $1", [device.into()]).await;
    campus.world.fleet.terminal(0).preload_users((0..15).map(|n| HeldUser::new(&format!("{}", 700 + n), "Ἄγνωστος")));
    campus.read_back(device).await;
    assert_eq!(campus.world.fleet.terminals()[0].users().len(), 35, "a fifth of all, and more than ten");
    let path = format!("/api/v1/device/{device}/removals");
    let held = campus.get(&path).await;
    assert_eq!(held.data(200)["held"], 15, "{}", held.text);
    assert_eq!(held.data(200)["students"][0]["change"], "stranger");
    assert_eq!(held.data(200)["students"][0]["full_name"], "Ἄγνωστος");
    // The next verification does not bypass it.
    campus.read_back(device).await;
    assert_eq!(campus.world.fleet.terminals()[0].users().len(), 35);

    campus.post(&format!("{path}/approve"), serde_json::json!({})).await.data(200);
    campus.run_for(120).await;
    campus.quiet(device).await;
    assert_eq!(campus.world.fleet.terminals()[0].users().len(), 20);
    assert_eq!(campus.get(&path).await.data(200)["held"], 0);
    campus.agree(device).await;
}
