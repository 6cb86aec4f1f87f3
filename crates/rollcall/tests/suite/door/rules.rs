//! Rules 22 to 26, as far as the items do not show them.

use jiff::SignedDuration;
use rollcall::devices::{presence, trust};

use super::bench::{Bench, SERIAL, lines, post};
use crate::{
    databases::{Database, both_databases},
    stories::statements::counted_on_this_thread,
};

both_databases! {
    rule_10_an_access_unit_that_shows_another_time_costs_no_statement,
    rule_22_a_terminal_that_vanishes_cancels_no_commit,
    rule_22_only_the_first_line_is_mended,
    rule_23_summer_time_makes_a_terminal_shake_hands_again,
    rule_25_a_log_that_only_a_handshake_can_fetch,
    rule_23_a_clock_that_is_off_is_shown,
    rule_25_a_full_quarantine_refuses,
    rule_25_inventive_callers_leave_nothing,
    inventive_callers_do_not_keep_the_database_busy,
    rule_26_online_is_three_polls,
    rule_26_presence_moves_no_updated_at,
}

async fn rule_10_an_access_unit_that_shows_another_time_costs_no_statement(database: Database) {
    let mut bench = Bench::new(database).await;
    let school = bench.school(Some("Europe/Berlin")).await;
    let unit = bench.device(school, SERIAL).await;
    bench.handshake("&pushver=3.1.2&DeviceType=acc").await;
    bench.sql("UPDATE devices SET start_state = 'writing'", []).await;
    bench.settle().await;
    let becomes_idle = async |bench: &Bench| {
        bench.poll().await.is(200, "OK");
        for _ in 0..2 {
            let (reply, statements) = counted_on_this_thread(bench.poll()).await;
            reply.is(200, "OK");
            assert_eq!(statements, 0);
        }
    };
    becomes_idle(&bench).await;

    let changed: jiff::Timestamp = "2026-03-29T01:00:10Z".parse().unwrap();
    bench.app.clock.advance(changed.duration_since(bench.app.clock.now()));
    becomes_idle(&bench).await;
    // It fetches the time by itself.
    let time = bench.get(&format!("rtdata?SN={SERIAL}&type=time")).await;
    assert!(time.body.contains("ServerTZ=+0200"), "{}", time.body);

    // Somebody says that it is his, and nothing is left to be done.
    bench.sql("UPDATE devices SET suspicion = 'addresses'", []).await;
    let mut tx = bench.app.db.write().await.unwrap();
    trust::confirm(&mut tx, unit, bench.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    bench.settle().await;
    becomes_idle(&bench).await;
    assert_eq!(bench.column::<i64>("SELECT shown_offset_seconds FROM devices").await, [3600], "as at its handshake");
}

async fn rule_22_a_terminal_that_vanishes_cancels_no_commit(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    // Whoever writes first holds the upload back until its terminal is gone.
    let writing = bench.app.db.write().await.unwrap();
    let mut line = bench.line();
    let target = format!("cdata?SN={SERIAL}&table=OPERLOG&Stamp=9999");
    line.write(post(&target, "USER PIN=7\tName=Aruna\n")).await;
    while bench.app.tasks.len() < 2 {
        tokio::task::yield_now().await;
    }
    drop(line);
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    writing.commit().await.unwrap();
    bench.app.recorder.stop();
    bench.app.tasks.close();
    bench.app.tasks.wait().await;
    assert_eq!(bench.column::<String>("SELECT pin FROM terminal_users").await, ["7"]);
}

async fn rule_22_only_the_first_line_is_mended(database: Database) {
    let bench = Bench::new(database).await;
    bench.writing().await;
    let blanks = format!("GET /iclock/getrequest?SN={SERIAL}&INFO=Ver 6.60 HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut line = bench.line();
    line.write(format!("GET /iclock/getrequest?SN={SERIAL} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    assert_eq!(line.reply().await.status(), 200);
    line.write(&blanks).await;
    assert_eq!(line.reply().await.status(), 400);
    let mut line = bench.line();
    line.write("GET /a page HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(line.reply().await.status(), 400, "only terminals are forgiven");
    let mut line = bench.line();
    for byte in blanks.as_bytes().chunks(7) {
        line.write(byte).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(line.reply().await.status(), 200, "however it arrives");
}

async fn rule_23_summer_time_makes_a_terminal_shake_hands_again(database: Database) {
    let mut bench = Bench::new(database).await;
    let school = bench.school(Some("Europe/Berlin")).await;
    bench.device(school, SERIAL).await;
    assert!(bench.handshake("&pushver=2.4.1").await.body.contains("\nTimeZone=1\n"));
    bench.get(&format!("getrequest?SN={SERIAL}&INFO=Ver 6.60,0").replace(' ', "%20")).await;
    bench.poll().await.is(200, "OK");
    let changed: jiff::Timestamp = "2026-03-29T01:00:10Z".parse().unwrap();
    bench.app.clock.advance(changed.duration_since(bench.app.clock.now()));
    let [(_, text)] = bench.poll().await.commands().try_into().unwrap();
    assert_eq!(text, "CHECK");
    assert!(bench.handshake("&pushver=2.4.1").await.body.contains("\nTimeZone=2\n"));
    bench.settle().await;
    bench.app.clock.advance(SignedDuration::from_mins(3));
    bench.poll().await.is(200, "OK");
}

async fn rule_25_a_log_that_only_a_handshake_can_fetch(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    bench.upload("ATTLOG", "7\t2026-03-02 08:00:03\t0\t1\n").await;
    bench.sql("UPDATE devices SET log_request = 'stamp'", []).await;
    for _ in 0..2 {
        let greeted = bench.handshake("&pushver=2.4.1").await;
        assert!(greeted.body.contains("\nATTLOGStamp=None\n"), "also when the first answer was lost: {}", greeted.body);
    }
    bench.upload("ATTLOG", "7\t2026-03-02 08:00:03\t0\t1\n").await;
    assert!(bench.handshake("&pushver=2.4.1").await.body.contains("\nATTLOGStamp=9999\n"));
    assert_eq!(bench.column::<String>("SELECT log_request FROM devices").await, ["answered"]);
}

async fn rule_23_a_clock_that_is_off_is_shown(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.registered().await;
    let mut skew = async |local: &str| {
        bench.upload("ATTLOG", format!("7\t2026-03-02 {local}\t0\t1\n")).await.is(200, "OK: 1");
        bench.settle().await;
        bench.one::<Option<i64>, 0>("SELECT clock_skew_seconds FROM devices", []).await
    };
    // The clock says 08:00:05 in Nairobi and moves by five seconds at each settling.
    assert_eq!(skew("08:00:04").await, None, "it may have waited for the network");
    assert_eq!(skew("08:00:09").await, Some(-1), "but not again");
    assert_eq!(skew("07:30:14").await, Some(-1), "an old one says nothing");
    assert_eq!(skew("08:10:20").await, Some(600), "nobody punches in the future");
    assert_eq!(skew("07:56:25").await, Some(600));
    assert_eq!(skew("07:56:30").await, Some(-240));
}

async fn rule_25_a_full_quarantine_refuses(database: Database) {
    let bench = Bench::new(database).await;
    let day = |day: i32| lines(0..5_000, |pin| format!("{pin}\t2026-02-{day:02} 08:00:00\t0\t1"));
    let target = "cdata?SN=XQZ0000000001&table=ATTLOG&Stamp=9999";
    bench.post(target, day(1)).await.is(200, "OK: 5000");
    bench.post(target, day(2)).await.is(200, "OK: 5000");
    assert_eq!(bench.post(target, day(3)).await.status(), 503);
    bench.post(target, day(1)).await.is(200, "OK: 5000");
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [10_000]);
}

async fn rule_25_inventive_callers_leave_nothing(database: Database) {
    let mut bench = Bench::new(database).await;
    let punch = "7\t2026-03-02 08:00:03\t0\t1\n";
    for number in 0..100 {
        bench.get(&format!("getrequest?SN=XQZ{number:010}")).await.is(200, "OK");
    }
    bench.get("getrequest?SN=YQZ0000000000").await.is(200, "OK");
    assert_eq!(bench.post("cdata?SN=YQZ0000000000&table=ATTLOG", punch).await.status(), 503);
    let mut elsewhere = bench.line_from("198.51.100.9:4711");
    elsewhere.write(post("cdata?SN=ZQZ0000000000&table=ATTLOG", punch)).await;
    elsewhere.reply().await.is(200, "OK: 1");
    bench.settle().await;
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM unknown_terminals").await, [101]);

    bench.app.clock.advance(SignedDuration::from_hours(25));
    bench.get("getrequest?SN=YQZ0000000000").await.is(200, "OK");
    bench.post("cdata?SN=YQZ0000000000&table=ATTLOG", punch).await.is(200, "OK: 1");
    bench.settle().await;
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM unknown_terminals").await, [101], "a silent one made room");
}

async fn inventive_callers_do_not_keep_the_database_busy(database: Database) {
    let bench = Bench::new(database).await;
    for number in 0..200 {
        bench.get(&format!("cdata?SN=XQZ{number}&options=all")).await;
    }
    let upload =
        async |bench: &Bench| bench.post("cdata?SN=XQZ0&table=ATTLOG", "1\t2026-03-02 08:00:03\t0\t1\n").await.status();
    assert_eq!(upload(&bench).await, 503, "two hundred were asked for in this second");
    bench.get("getrequest?SN=XQZ777").await.is(200, "OK");
    bench.app.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(upload(&bench).await, 200);
}

async fn rule_26_online_is_three_polls(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.registered().await;
    let delay = bench.app.settings.poll_delay;
    bench.poll().await;
    bench.settle().await;
    let is_online = || bench.column::<bool>("SELECT is_online FROM devices");
    assert_eq!(is_online().await, [true]);
    bench.app.clock.advance(SignedDuration::from_secs(84));
    presence::fall_offline(&bench.app.db, delay, bench.app.clock.now()).await.unwrap();
    assert_eq!(is_online().await, [true], "seen 89 s ago");
    bench.app.clock.advance(SignedDuration::from_secs(2));
    presence::fall_offline(&bench.app.db, delay, bench.app.clock.now()).await.unwrap();
    assert_eq!(is_online().await, [false]);
    assert_eq!(presence::online_for(SignedDuration::from_secs(60)), SignedDuration::from_secs(180));
}

async fn rule_26_presence_moves_no_updated_at(database: Database) {
    let mut bench = Bench::new(database).await;
    bench.writing().await;
    let updated = || bench.column::<rollcall::store::Instant>("SELECT updated_at FROM devices");
    let before = updated().await;
    bench.get(&format!("getrequest?SN={SERIAL}&INFO=ZAM70-NF28VA-3.3.12,3")).await;
    bench.settle().await;
    assert_eq!(bench.column::<i64>("SELECT user_count FROM devices").await, [3]);
    assert_eq!(bench.column::<String>("SELECT last_address FROM devices").await, ["192.0.2.7"]);
    let seen = bench.column::<rollcall::store::Instant>("SELECT last_seen FROM devices").await;
    assert_eq!(seen[0].0.to_string(), "2026-03-02T05:00:05Z");
    let after = bench.column::<rollcall::store::Instant>("SELECT updated_at FROM devices").await;
    assert_eq!(after, before);
}
