//! Uploads as long as one may be. How much of them is held in memory is counted where they are read (`web/terminals/portions.rs`).

use std::fmt::Write as _;

use rollcall::attendance::quarantine;

use super::bench::{Bench, SERIAL};
use crate::databases::{Database, both_databases};

both_databases! {
    every_short_line_counts_and_the_last_are_kept,
    whoever_is_not_remembered_is_read_to_his_first_punch,
    the_quarantine_is_full_before_a_long_upload_ends,
    a_long_upload_is_stored_in_portions,
    a_portion_that_fails_is_no_yes_and_the_repeat_completes_it,
}

const MOST: usize = 16 * 1024 * 1024;
const UNREGISTERED: &str = "AYTE214960001";

async fn every_short_line_counts_and_the_last_are_kept(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    let (short, numbered) = ("x\n".repeat(MOST / 2), numbered(40_000));
    for serial in [SERIAL, UNREGISTERED] {
        let target = format!("cdata?SN={serial}&table=ATTLOG&Stamp=9999");
        bench.post(&target, &short).await.is(200, &format!("OK: {}", MOST / 2));
        bench.post(&target, &numbered).await.is(200, "OK: 40000");
    }
    let kept = bench
        .column::<String>(
            "SELECT serial_number || ' ' || COUNT(*) || ' ' || MIN(line) || ' ' || MAX(line)
             FROM unread_lines GROUP BY serial_number ORDER BY serial_number",
        )
        .await;
    assert_eq!(kept, [UNREGISTERED, SERIAL].map(|serial| format!("{serial} 1000 0039000 0039999")));
}

fn numbered(lines: usize) -> String {
    let mut text = String::new();
    for number in 0..lines {
        let _ = writeln!(text, "{number:07}");
    }
    text
}

async fn whoever_is_not_remembered_is_read_to_his_first_punch(database: Database) {
    let bench = Bench::new(database).await;
    for number in 0..rollcall::devices::unknown::PER_ADDRESS {
        bench.get(&format!("getrequest?SN=XQZ{number:010}")).await.is(200, "OK");
    }
    let target = format!("cdata?SN={UNREGISTERED}&table=OPERLOG&Stamp=9999");
    bench.post(&target, "OPLOG 4\n".repeat(40_000)).await.is(200, "OK: 40000");
    for line in ["7\t2026-03-02 08:00:03\t0\t1\n", "?\n"] {
        assert_eq!(bench.post(&target, line.repeat(40_000)).await.status(), 503);
    }
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [0]);
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM unread_lines").await, [0]);
}

async fn the_quarantine_is_full_before_a_long_upload_ends(database: Database) {
    let bench = Bench::new(database).await;
    let target = format!("cdata?SN={UNREGISTERED}&table=ATTLOG&Stamp=9999");
    let all = punches(quarantine::PER_SERIAL, "");
    let refused = bench.post(&target, format!("{all}stranger\t2026-03-02 08:00:00\n")).await;
    assert_eq!((refused.status(), refused.body.contains("OK")), (503, false));
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [0]);
    for _ in 0..2 {
        bench.post(&target, &all).await.is(200, "OK: 10000");
    }
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [10_000]);
}

async fn a_long_upload_is_stored_in_portions(database: Database) {
    let bench = Bench::new(database).await;
    let device = bench.registered().await;
    let body = format!("? first\n{}? last\n", punches(20_000, ""));
    bench.upload("ATTLOG", &body).await.is(200, "OK: 20002");
    bench.upload("ATTLOG", &body).await.is(200, "OK: 20002");
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [20_000]);
    assert_eq!(bench.column::<String>("SELECT line FROM unread_lines ORDER BY line").await, ["? first", "? last"]);
    assert_eq!(bench.column::<String>("SELECT stamp FROM device_stamps").await, ["9999"]);
    assert_eq!(bench.column::<rollcall::devices::DeviceId>("SELECT DISTINCT device_id FROM punches").await, [device]);
    // Lines about people are as many portions.
    bench.upload("OPERLOG", "USER PIN=7\tName=Wanjikũ\n".repeat(12_000)).await.is(200, "OK: 12000");
    assert_eq!(bench.column::<String>("SELECT name FROM terminal_users").await, ["Wanjikũ"]);
}

async fn a_portion_that_fails_is_no_yes_and_the_repeat_completes_it(database: Database) {
    let bench = Bench::new(database).await;
    bench.registered().await;
    // The third portion has two punches that this index refuses, and no other has.
    bench.sql("CREATE UNIQUE INDEX one_of_these ON punches (rest) WHERE rest = 'twice'", []).await;
    let body = format!(
        "{}{}{}",
        punches(12_000, ""),
        "a\t2026-03-01 08:00:00\t0\t1\t0\ttwice\nb\t2026-03-01 08:00:00\t0\t1\t0\ttwice\n",
        punches(7_998, "later")
    );
    let refused = bench.upload("ATTLOG", &body).await;
    assert_eq!((refused.status(), refused.body.contains("OK")), (503, false));
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [10_000], "what was stored stays");
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM device_stamps").await, [0], "it does not stand there yet");
    bench.sql("DROP INDEX one_of_these", []).await;
    bench.upload("ATTLOG", &body).await.is(200, "OK: 20000");
    assert_eq!(bench.column::<i64>("SELECT COUNT(*) FROM punches").await, [20_000]);
}

/// One punch of each of so many people.
fn punches(count: usize, prefix: &str) -> String {
    let mut lines = String::new();
    for number in 0..count {
        let _ = writeln!(lines, "{prefix}{number}\t2026-03-01 08:00:00\t0\t1\t0");
    }
    lines
}
