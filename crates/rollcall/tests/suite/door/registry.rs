//! The registry follows the table, and its flags lose nothing.

use jiff::{SignedDuration, tz::TimeZone};
use push_protocol::text::SerialNumber;
use rollcall::devices::registry::{Registry, Told};

use super::bench::{Bench, SERIAL};
use crate::databases::{Database, both_databases};

both_databases! {
    rule_10_what_is_raised_during_a_query_stays_raised,
    rule_10_a_count_or_firmware_that_differs_raises_the_flag,
    what_other_servers_and_sql_changed_arrives_within_a_tick,
    a_serial_number_registered_elsewhere_is_known_at_once,
    a_serial_number_that_changed_hands_finds_its_new_owner,
    presence_that_could_not_be_stored_is_stored_later,
}

async fn rule_10_what_is_raised_during_a_query_stays_raised(database: Database) {
    let bench = Bench::new(database).await;
    let device = bench.writing().await;
    bench.poll().await;
    let registry = &bench.app.registry;
    let terminal = registry.find(&SerialNumber::parse(SERIAL).unwrap()).unwrap();
    let told = Told { address: [192, 0, 2, 7].into(), firmware: None, user_count: None };
    let now = bench.app.clock.now();
    assert_eq!(registry.seen(&terminal, told, now), None);
    registry.raise(&[device]);
    let asked = registry.seen(&terminal, told, now).unwrap();
    registry.raise(&[device]);
    terminal.settle(asked);
    let again = registry.seen(&terminal, told, now).unwrap();
    terminal.settle(again);
    assert_eq!(registry.seen(&terminal, told, now), None);
}

async fn rule_10_a_count_or_firmware_that_differs_raises_the_flag(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    bench.settle().await;
    bench.poll().await;
    let registry = &bench.app.registry;
    let terminal = registry.find(&SerialNumber::parse(SERIAL).unwrap()).unwrap();
    let told = Told { address: [192, 0, 2, 7].into(), firmware: Some("ZAM70-NF28VA-3.3.12"), user_count: Some(0) };
    let now = bench.app.clock.now();
    assert_eq!(registry.seen(&terminal, told, now), None, "nothing new");
    let counted = registry.seen(&terminal, Told { user_count: Some(5), ..told }, now).unwrap();
    assert_eq!(terminal.news().user_count, Some(5));
    terminal.heard(&terminal.news());
    terminal.settle(counted);
    let flashed = registry.seen(&terminal, Told { firmware: Some("ZAM70-NF28VA-3.4"), user_count: None, ..told }, now);
    assert!(flashed.is_some());
    assert_eq!((terminal.news().user_count, terminal.news().firmware.as_deref()), (None, Some("ZAM70-NF28VA-3.4")));
}

async fn what_other_servers_and_sql_changed_arrives_within_a_tick(database: Database) {
    let mut bench = Bench::new(database).await;
    let device = bench.registered().await;
    bench.poll().await;
    bench.settle().await;
    let find = |bench: &Bench| bench.app.registry.find(&SerialNumber::parse(SERIAL).unwrap());
    bench.sql("UPDATE devices SET is_active = FALSE, timezone = 'Asia/Kathmandu'", []).await;
    bench.settle().await;
    let terminal = find(&bench).unwrap();
    assert!(!terminal.is_active());
    assert_eq!(terminal.zone(), TimeZone::get("Asia/Kathmandu").unwrap());
    let moved = bench.school(None).await;
    bench.sql("UPDATE devices SET school_id = $1", [moved.into()]).await;
    bench.settle().await;
    assert_eq!(terminal.school(), moved, "the same entry");
    bench.sql("UPDATE devices SET deleted_at = $1", [bench.app.clock.now().into()]).await;
    bench.settle().await;
    assert!(find(&bench).is_none());
    bench.get(&format!("cdata?SN={SERIAL}&options=all")).await;
    bench.settle().await;
    assert_eq!(bench.column::<String>("SELECT serial_number FROM unknown_terminals").await, [SERIAL]);
    bench.sql("UPDATE devices SET deleted_at = NULL WHERE id = $1", [device.into()]).await;
    bench.settle().await;
    assert_eq!(find(&bench).unwrap().device(), device);
}

async fn a_serial_number_registered_elsewhere_is_known_at_once(database: Database) {
    let bench = Bench::new(database).await;
    let elsewhere = bench.another().await;
    bench.get(&format!("getrequest?SN={SERIAL}")).await.is(200, "OK");
    elsewhere.registered().await;
    elsewhere.app.db.close().await;
    bench.upload("ATTLOG", "7\t2026-03-02 08:00:03\t0\t1\n").await.is(200, "OK: 1");
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches WHERE device_id IS NOT NULL").await, [1]);
}

async fn a_serial_number_that_changed_hands_finds_its_new_owner(database: Database) {
    let mut bench = Bench::new(database).await;
    let device = bench.registered().await;
    bench.settle().await;
    let school = bench.school(None).await;
    bench.sql("UPDATE devices SET serial_number = 'KQA2204560031' WHERE id = $1", [device.into()]).await;
    let successor = bench.device(school, SERIAL).await;
    for _ in 0..2 {
        bench.settle().await;
        let find = |serial| bench.app.registry.find(&SerialNumber::parse(serial).unwrap()).map(|found| found.device());
        assert_eq!((find(SERIAL), find("KQA2204560031")), (Some(successor), Some(device)));
    }
}

async fn presence_that_could_not_be_stored_is_stored_later(database: Database) {
    let bench = Bench::new(database).await;
    bench.writing().await;
    let registry: &Registry = &bench.app.registry;
    registry.put_back(&registry.take_presence());
    bench.app.clock.advance(SignedDuration::from_secs(3));
    let taken = registry.take_presence();
    assert_eq!(
        (taken.len(), taken[0].user_count, taken[0].firmware.as_deref()),
        (1, Some(0), Some("ZAM70-NF28VA-3.3.12"))
    );
    assert_eq!(registry.take_presence(), []);
}
