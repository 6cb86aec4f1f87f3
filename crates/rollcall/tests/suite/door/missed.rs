//! Who is asked for punches that he may not bring by himself, and when.

use jiff::SignedDuration;

use super::bench::{Bench, SERIAL, get};
use crate::databases::{Database, both_databases};

both_databases! {
    whoever_was_refused_punches_is_asked_for_them,
    the_roster_leaves_first,
    one_that_another_server_heard_was_not_silent,
    a_fleet_that_comes_back_is_asked_one_after_the_other,
    access_units_and_strangers_are_not_asked,
}

const QUESTION: &str = "DATA QUERY ATTLOG StartTime=2026-03-02 07:00:10\tEndTime=2026-03-03 08:";

async fn whoever_was_refused_punches_is_asked_for_them(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    bench.settle().await;
    bench.sql("ALTER TABLE punches RENAME TO away", []).await;
    for _ in 0..3 {
        assert_eq!(bench.upload("ATTLOG", "7\t2026-03-02 08:00:03\t0\t1\n").await.status(), 503);
        bench.app.clock.advance(SignedDuration::from_secs(10));
    }
    bench.sql("ALTER TABLE away RENAME TO punches", []).await;
    bench.settle().await;
    bench.settle().await;
    let asked = bench.poll().await.commands();
    assert!(asked.len() == 1 && asked[0].1.starts_with(QUESTION), "{asked:?}");
    bench.poll().await.is(200, "OK");
    bench.post(&format!("devicecmd?SN={SERIAL}"), format!("ID={}&Return=0&CMD=DATA", asked[0].0)).await;
    bench.settle().await;
    bench.poll().await.is(200, "OK");
}

async fn the_roster_leaves_first(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    bench.settle().await;
    bench.app.clock.advance(SignedDuration::from_mins(5));
    bench.student("Hēmi Tūhoe", "4711").await;
    bench.poll().await;
    bench.settle().await;
    let first = bench.poll().await.commands();
    assert!(first.len() == 1 && first[0].1.starts_with("DATA UPDATE USERINFO"), "{first:?}");
    bench.poll().await.is(200, "OK");
    bench.post(&format!("devicecmd?SN={SERIAL}"), format!("ID={}&Return=0&CMD=DATA", first[0].0)).await;
    let then = bench.poll().await.commands();
    assert!(then.len() == 1 && then[0].1.starts_with("DATA QUERY ATTLOG"), "{then:?}");
}

async fn one_that_another_server_heard_was_not_silent(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    bench.settle().await;
    let mut other = bench.another().await;
    for _ in 0..6 {
        bench.app.clock.advance(SignedDuration::from_secs(30));
        other.poll().await.is(200, "OK");
        other.settle().await;
    }
    bench.poll().await.is(200, "OK");
    bench.settle().await;
    assert_eq!(bench.column::<Option<String>>("SELECT log_request FROM devices").await, [None]);
}

async fn a_fleet_that_comes_back_is_asked_one_after_the_other(database: Database) {
    let mut bench = Bench::new(database).await;
    let school = bench.school(Some("Africa/Nairobi")).await;
    for number in 0..40 {
        bench.device(school, &format!("CJX92533{number:05}")).await;
    }
    bench.settle().await;
    for minutes in [0, 10] {
        bench.app.clock.advance(SignedDuration::from_mins(minutes));
        for number in 0..40 {
            bench.send(get(&format!("getrequest?SN=CJX92533{number:05}&INFO=V1,0"))).await;
        }
        bench.settle().await;
    }
    let times = bench
        .column::<rollcall::store::Instant>("SELECT log_at FROM devices WHERE log_request = 'missed' ORDER BY log_at")
        .await;
    assert_eq!(times.len(), 40);
    assert!(times.windows(2).all(|pair| pair[1].0.duration_since(pair[0].0) == SignedDuration::from_millis(250)));
}

async fn access_units_and_strangers_are_not_asked(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.registered().await;
    bench.sql("UPDATE devices SET dialect = 'security'", []).await;
    bench.settle().await;
    for _ in 0..2 {
        bench.poll().await;
        bench.get("getrequest?SN=XQZ0000000001").await;
        bench.settle().await;
        bench.app.clock.advance(SignedDuration::from_mins(10));
    }
    assert_eq!(bench.column::<Option<String>>("SELECT log_request FROM devices").await, [None]);
}
