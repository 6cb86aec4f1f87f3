//! What the database counts where rows change is what one finds by counting.

use std::collections::BTreeSet;

use rollcall::{
    devices::DeviceId,
    school::StudentId,
    store::Db,
    sync::{
        overview::{
            self,
            roster::{self, Filter, Sort},
            terminals,
        },
        removals::Decision,
    },
};

use super::bench::{Bench, fifty};
use crate::databases::{Database, both_databases};

both_databases! {
    what_is_counted_follows_everything_that_happens,
    what_another_program_writes_is_counted_at_once,
    a_terminal_that_is_not_written_to_is_counted_one_by_one,
    a_page_by_name_is_the_same_however_it_is_asked_for,
}

type Counts = BTreeSet<(i64, i64, i64, i64, i64, i64, i64)>;

/// Counts by hand, and compares.
pub async fn are_right(db: &Db) {
    let mut tx = db.read().await.unwrap();
    let kept = "SELECT device_id, wanted, synced, verified, pending, sent, failed FROM device_counts WHERE wanted > 0";
    let kept: Counts = tx.all(kept, []).await.unwrap().into_iter().collect();
    let counted = "SELECT device_id, COUNT(*), COUNT(*) FILTER (WHERE sync_status = 'synced'),
          COUNT(*) FILTER (WHERE sync_status = 'synced' AND verified_version = wanted_version),
          COUNT(*) FILTER (WHERE sync_status IN ('pending', 'held')), COUNT(*) FILTER (WHERE sync_status = 'sent'),
          COUNT(*) FILTER (WHERE sync_status = 'failed')
        FROM device_user_sync_status WHERE is_wanted GROUP BY device_id";
    let counted: Counts = tx.all(counted, []).await.unwrap().into_iter().collect();
    assert_eq!(kept, counted, "device_counts");
    let nothing = "SELECT COUNT(*) FROM device_counts WHERE wanted < 0 OR synced < 0 OR verified < 0 OR pending < 0
        OR sent < 0 OR failed < 0 OR (wanted = 0 AND synced + verified + pending + sent + failed <> 0)";
    assert_eq!(tx.one::<(i64,), 0>(nothing, []).await.unwrap().0, 0, "nobody is counted twice or less than not at all");

    let kept = "SELECT school_id, belonging FROM school_counts WHERE belonging <> 0";
    let kept: BTreeSet<(i64, i64)> = tx.all(kept, []).await.unwrap().into_iter().collect();
    let counted = "SELECT school_id, COUNT(*) FROM students
        WHERE is_active AND deleted_at IS NULL AND TRIM(COALESCE(rfid_card_id, '')) <> '' GROUP BY school_id";
    let counted: BTreeSet<(i64, i64)> = tx.all(counted, []).await.unwrap().into_iter().collect();
    assert_eq!(kept, counted, "school_counts");
}

/// The overview shows what the six numbers of the terminal say.
async fn shown_as_counted(bench: &Bench, device: DeviceId) {
    are_right(&bench.database.db).await;
    let mut tx = bench.database.db.read().await.unwrap();
    let summary = overview::summary(&mut tx, device).await.unwrap();
    let state = terminals::terminal(&mut tx, device).await.unwrap().unwrap();
    let shown = (state.total, state.synced, state.pending, state.sent, state.failed, state.not_synced());
    assert_eq!(
        shown,
        (summary.total, summary.synced, summary.pending, summary.sent, summary.failed, summary.not_synced)
    );
    let all = terminals::terminals(&mut tx, None).await.unwrap();
    assert!(all.contains(&state));
}

async fn what_is_counted_follows_everything_that_happens(database: Database) {
    let (bench, school, gate) = fifty(database).await;
    shown_as_counted(&bench, gate).await;
    let hall = bench.terminal(school, "CJX9253300418").await;
    bench.settle().await;
    shown_as_counted(&bench, hall).await;

    bench.edit(StudentId(1), "UPDATE students SET full_name = 'Yaw Kwarteng' WHERE id = $1").await;
    shown_as_counted(&bench, gate).await;
    let handed = bench.poll(gate).await;
    shown_as_counted(&bench, gate).await;
    bench.answer(gate, &handed[0], -3).await;
    shown_as_counted(&bench, gate).await;
    bench.full_sync(gate).await;
    shown_as_counted(&bench, gate).await;
    bench.drain(gate).await;

    bench.sql("UPDATE students SET is_active = FALSE WHERE id <= 30").await;
    bench.settle().await;
    shown_as_counted(&bench, gate).await;
    bench.decide(gate, Decision::Approve, Some(&[1, 2, 3])).await;
    bench.decide(gate, Decision::Reject, None).await;
    shown_as_counted(&bench, gate).await;
    bench.drain(gate).await;
    bench.sql("UPDATE students SET is_active = TRUE WHERE id <= 20").await;
    bench.sql("UPDATE students SET rfid_card_id = '9' || rfid_card_id WHERE id > 25").await;
    bench.settle().await;
    shown_as_counted(&bench, gate).await;
    bench.decide(gate, Decision::Reject, None).await;
    bench.drain(gate).await;
    shown_as_counted(&bench, gate).await;
    bench.sql("UPDATE device_user_sync_status SET verified_version = confirmed_version WHERE student_id % 2 = 0").await;
    shown_as_counted(&bench, gate).await;
    shown_as_counted(&bench, hall).await;
}

async fn what_another_program_writes_is_counted_at_once(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    let writes = [
        "DELETE FROM students WHERE id = 7",
        "UPDATE students SET rfid_card_id = '  ' WHERE id IN (8, 9)",
        "INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, 'Þórdís Ægisdóttir', '77'), (1, 'नेहा', NULL)",
        "INSERT INTO schools (name) VALUES ('Liceo Sumaq')",
        "UPDATE students SET school_id = 2 WHERE id IN (10, 11)",
        "UPDATE students SET deleted_at = created_at WHERE id = 12",
        "DELETE FROM device_user_sync_status WHERE student_id = 13",
        "UPDATE devices SET is_active = FALSE",
        "UPDATE devices SET is_active = TRUE, school_id = 2",
        "UPDATE schools SET deleted_at = created_at WHERE id = 1",
    ];
    for write in writes {
        bench.foreign(write).await;
        shown_as_counted(&bench, gate).await;
        bench.settle().await;
        shown_as_counted(&bench, gate).await;
    }
}

async fn a_terminal_that_is_not_written_to_is_counted_one_by_one(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE devices SET start_state = 'holds_people'").await;
    bench.sql("DELETE FROM students WHERE id <= 5").await;
    bench.sql("INSERT INTO students (school_id, full_name, rfid_card_id) SELECT 1, full_name, '8' || id FROM students WHERE id <= 10")
        .await;
    assert_eq!(bench.settle().await, 0);
    let shown = bench.summary(gate).await;
    assert_eq!((shown.total, shown.synced, shown.not_synced), (50, 45, 5));
    shown_as_counted(&bench, gate).await;
}

async fn a_page_by_name_is_the_same_however_it_is_asked_for(database: Database) {
    let (bench, _, gate) = fifty(database).await;
    bench.sql("UPDATE students SET full_name = 'Áine ' || (id % 7) WHERE id % 3 = 0").await;
    bench.sql("UPDATE students SET is_active = FALSE WHERE id % 5 = 0").await;
    let mut tx = bench.database.db.read().await.unwrap();
    let all = Filter { sort: Sort::Name, ..Filter::default() };
    for offset in [0, 10, 30, 4_000] {
        let page = roster::roster(&mut tx, gate, &all, 10, offset).await.unwrap();
        let whole = overview::students(&mut tx, gate).await.unwrap();
        let begins = usize::try_from(page.offset).unwrap();
        assert_eq!(page.total, 40);
        assert_eq!(page.students, whole[begins..begins + 10]);
        assert_eq!(page.offset, if offset > 40 { 0 } else { offset });
    }
}
