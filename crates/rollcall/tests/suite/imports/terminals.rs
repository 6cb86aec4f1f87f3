//! What an import does to terminals, and that a dry run says it before.

use jiff::SignedDuration;
use proptest::prelude::*;
use rollcall::{
    accounts::audit::Actor,
    clock::Clock,
    devices::DeviceId,
    school::{
        SchoolId,
        import::{Mode, table::Table},
    },
    sync::{
        guard::Held,
        import::{self, Import},
        removals::Decision,
    },
};
use serde_json::json;
use terminal_simulator::Profile;

use super::{import as post, numbers};
use crate::{
    databases::{Database, both_databases},
    stories::{
        campus::{A_WHILE, Campus},
        people,
    },
    sync::bench::{Bench, deletes, fifty},
};

both_databases! {
    an_import_reaches_the_terminals,
    a_dry_run_says_what_the_guard_will_hold,
    too_many_cards_are_foreseen,
    an_import_of_nobody_is_foreseen,
    what_is_held_already_is_told,
    a_dry_run_foresees_what_a_run_does,
}

async fn an_import_reaches_the_terminals(database: Database) {
    let mut campus = Campus::open(database).await;
    let gate = campus.terminal("CJX9253300417", Profile::zam180()).await;
    campus.in_step(gate).await;
    let lines = |people: std::ops::Range<usize>| -> String {
        let line = |n| format!("{};{}\n", people::name(n), people::card(n));
        std::iter::once("full_name;rfid_card_id\n".to_owned()).chain(people.map(line)).collect()
    };
    let import = async |campus: &Campus, query: &str, file: String| {
        post(&campus.world.server, &campus.admin, campus.school, query, file).await
    };
    let reply = import(&campus, "", lines(0..60)).await;
    assert_eq!(numbers(&reply), [60, 0, 0, 0, 0], "{}", reply.text);
    assert_eq!(campus.in_step(gate).await.numbers["synced"], 60);

    // The admin forgets half a school, and is told before anything happens.
    let dry = import(&campus, "&mode=replace&dry_run=true", lines(0..30)).await;
    let held = &dry.data(200)["held"];
    assert_eq!((&held[0]["removals"], &held[0]["card_changes"]), (&json!(30), &json!(0)), "{held}");
    assert!(held[0]["reason"].as_str().unwrap().starts_with("30 of 60 people"), "{held}");
    assert_eq!((&held[0]["device_id"], &held[0]["serial_number"]), (&json!(gate), &json!("CJX9253300417")));
    assert!(dry.body["message"].as_str().unwrap().contains("30 changes on terminals wait"), "{}", dry.text);
    campus.run_for(120).await;
    assert_eq!(campus.agree(gate).await.numbers["synced"], 60);

    let run = import(&campus, "&mode=replace", lines(0..30)).await;
    assert_eq!((numbers(&run), &run.data(200)["held"]), ([0, 0, 30, 30, 0], held));
    assert!(campus.world.settle(A_WHILE).await);
    assert_eq!(campus.world.fleet.terminals()[0].users().len(), 60);
    import(&campus, "", lines(0..60)).await.data(200);
    assert_eq!(campus.in_step(gate).await.numbers["synced"], 60);
}

/// The dry run, and then the run; they must say the same.
async fn both(bench: &Bench, school: SchoolId, file: &str, mode: Mode) -> Import {
    let clock = Clock::manual(bench.now);
    let table = Table::read(file.as_bytes()).unwrap();
    let before = (bench.id("SELECT COUNT(*) FROM device_commands").await, everything(bench).await);
    let db = &bench.database.db;
    let rehearsed = import::rehearse(db, &clock, school, table.clone(), mode).await.unwrap().unwrap();
    let after = (bench.id("SELECT COUNT(*) FROM device_commands").await, everything(bench).await);
    assert_eq!(after, before, "a dry run writes nothing");
    let run = import::run(db, &clock, Actor::COMMAND_LINE, school, table, mode).await.unwrap().unwrap();
    assert_eq!((rehearsed.report, rehearsed.held), (run.report.clone(), run.held.clone()));
    assert_eq!(bench.out_of_step().await, [], "everything that follows is queued");
    run
}

/// A number that changes with the ledger and the roster.
async fn everything(bench: &Bench) -> Option<i64> {
    bench
        .id("SELECT CAST((SELECT COALESCE(SUM(wanted_version), 0) FROM device_user_sync_status) AS BIGINT)
               + (SELECT COUNT(*) FROM students WHERE is_active)")
        .await
}

fn told(held: &[Held], device: DeviceId) -> (usize, usize, String) {
    let held = held.iter().find(|held| held.device_id == device).unwrap();
    (held.removals, held.card_changes, held.reason.clone().unwrap_or_default())
}

/// A file of the students of [`fifty`] with these numbers, each with its name and card.
fn file(people: impl IntoIterator<Item = (u32, &'static str, u32)>) -> String {
    let line = |(number, mark, card)| format!("Ṣadé {number}{mark},{card}\n");
    std::iter::once("full_name,rfid_card_id\n".to_owned()).chain(people.into_iter().map(line)).collect()
}

async fn a_dry_run_says_what_the_guard_will_hold(database: Database) {
    let (bench, school, gate) = fifty(database).await;
    let library = bench.terminal(school, "MARS00000001").await;
    bench.settle().await;
    bench.drain(library).await;
    // Ten are a person's work, eleven are not.
    let ten = both(&bench, school, &file((11..=50).map(|n| (n, "", n))), Mode::Replace).await;
    assert_eq!((ten.report.deactivated, ten.held.len()), (10, 0));
    let one = both(&bench, school, &file((12..=50).map(|n| (n, "", n))), Mode::Replace).await;
    assert_eq!(one.report.deactivated, 1);
    for device in [gate, library] {
        let (removals, cards, reason) = told(&one.held, device);
        assert_eq!((removals, cards), (11, 0), "also those who waited to leave");
        assert!(reason.starts_with("11 of 50 people on this terminal would be removed"), "{reason}");
        assert_eq!(bench.count(device, "held").await, 11);
        assert_eq!(deletes(&bench.drain(device).await), 0);
    }
}

async fn too_many_cards_are_foreseen(database: Database) {
    let (bench, school, gate) = fifty(database).await;
    let file = file((1..=50).map(|n| (n, "", if n <= 12 { 1000 + n } else { n })));
    let run = both(&bench, school, &file, Mode::Merge).await;
    assert_eq!(run.report.changed, 12);
    let (removals, cards, reason) = told(&run.held, gate);
    assert_eq!((removals, cards), (0, 12));
    assert!(reason.contains("another card"), "{reason}");
}

async fn an_import_of_nobody_is_foreseen(database: Database) {
    let (bench, school, gate) = fifty(database).await;
    let run = both(&bench, school, "full_name,rfid_card_id\n", Mode::Replace).await;
    assert_eq!(run.report.deactivated, 50);
    let (removals, _, reason) = told(&run.held, gate);
    assert_eq!(removals, 50);
    assert!(reason.starts_with("nobody belongs on this terminal any more"), "{reason}");
}

async fn what_is_held_already_is_told(database: Database) {
    let (mut bench, school, gate) = fifty(database).await;
    both(&bench, school, &file((21..=50).map(|n| (n, "", n))), Mode::Replace).await;
    bench.decide(gate, Decision::Reject, Some(&[1, 2])).await;
    bench.decide(gate, Decision::Approve, Some(&[3])).await;
    bench.pass(SignedDuration::from_hours(2));
    let renamed = both(&bench, school, &file([(50, " II", 50)]), Mode::Merge).await;
    assert_eq!(told(&renamed.held, gate).0, 17);
    let back = both(&bench, school, &file((1..=10).map(|n| (n, "", n))), Mode::Merge).await;
    assert_eq!(told(&back.held, gate).0, 10);
    assert_eq!(bench.count(gate, "held").await, 10);
}

/// What a story does between imports.
#[derive(Clone, Debug)]
enum Deed {
    /// Deactivated, renamed and with other cards, and whether the others are left out.
    Import {
        gone: Vec<u32>,
        renamed: Vec<u32>,
        carded: Vec<(u32, u32)>,
        replace: bool,
    },
    Poll,
    Drain,
    Decide(bool, Vec<i64>),
    Pass(i64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let some = || prop::collection::vec(1..=50_u32, 0..25);
    prop_oneof![
        4 => (some(), some(), prop::collection::vec((1..=50_u32, 60..70_u32), 0..20), any::<bool>())
            .prop_map(|(gone, renamed, carded, replace)| Deed::Import { gone, renamed, carded, replace }),
        1 => Just(Deed::Poll),
        1 => Just(Deed::Drain),
        1 => (any::<bool>(), prop::collection::vec(1..=50_i64, 1..8)).prop_map(|(yes, who)| Deed::Decide(yes, who)),
        1 => (1..15_i64).prop_map(Deed::Pass),
    ]
}

/// Any history, and any file after it: what a dry run says is what the run does.
async fn a_dry_run_foresees_what_a_run_does(database: Database) {
    use proptest::{strategy::ValueTree as _, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    for _ in 0..5 {
        let deeds = prop::collection::vec(deed(), 12).new_tree(&mut runner).unwrap().current();
        let (mut bench, school, gate) = fifty(database.again().await).await;
        for deed in &deeds {
            bench.pass(SignedDuration::from_secs(1));
            match deed {
                Deed::Import { gone, renamed, carded, replace } => {
                    let lines = (1..=50).filter(|n| !replace || !gone.contains(n)).map(|n| {
                        let card = carded.iter().find(|(who, _)| *who == n).map_or(n, |(who, card)| who * 100 + card);
                        let mark = if renamed.contains(&n) { " II" } else { "" };
                        let active = if gone.contains(&n) { "no" } else { "yes" };
                        format!("Ṣadé {n}{mark},{card},{active}\n")
                    });
                    let header = "full_name,rfid_card_id,is_active\n".to_owned();
                    let file: String = std::iter::once(header).chain(lines).collect();
                    let mode = if *replace { Mode::Replace } else { Mode::Merge };
                    both(&bench, school, &file, mode).await;
                }
                Deed::Poll => drop(bench.poll(gate).await),
                Deed::Drain => drop(bench.drain(gate).await),
                Deed::Decide(yes, who) => {
                    let decision = if *yes { Decision::Approve } else { Decision::Reject };
                    bench.try_decide(gate, decision, Some(who)).await;
                    bench.settle().await;
                }
                Deed::Pass(minutes) => bench.pass(SignedDuration::from_mins(*minutes)),
            }
        }
    }
}
