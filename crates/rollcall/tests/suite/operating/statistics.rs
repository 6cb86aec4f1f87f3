//! A roster that came a moment ago is planned for as what it is, and a page of it not at each use.

use rollcall::{
    devices::DeviceId,
    store::statistics,
    sync::overview::roster::{Filter, roster},
};

use crate::databases::{Database, both_databases};

both_databases! { tables_that_grew_are_counted_again, a_page_of_a_roster_is_planned_once }

async fn tables_that_grew_are_counted_again(database: Database) {
    fill(&database).await;
    if is_postgres(&database) {
        let known = "SELECT CAST(reltuples AS BIGINT) FROM pg_class WHERE relname IN ('schools', 'devices', 'students') ORDER BY 1";
        let mut tx = database.db.read().await.unwrap();
        assert_eq!(tx.all::<(i64,), 0>(known, []).await.unwrap(), [(1,), (12,), (3_000,)]);
    }
}

/// Wherever it begins. PostgreSQL plans for five values before it asks itself whether that helped.
async fn a_page_of_a_roster_is_planned_once(database: Database) {
    fill(&database).await;
    let mut names: Vec<String> = (0..3_000).map(|number| format!("Ṣadé {number}")).collect();
    names.sort();
    let mut tx = database.db.read().await.unwrap();
    for offset in [0, 50, 0, 1_500, 0, 2_960, 50, 0] {
        let page = roster(&mut tx, DeviceId(1), &Filter::default(), 50, offset).await.unwrap();
        let shown: Vec<_> = page.students.into_iter().map(|student| student.full_name).collect();
        let from = usize::try_from(offset).unwrap();
        assert_eq!(shown, names[from..(from + 50).min(3_000)]);
        assert_eq!((page.offset, page.total), (offset, 3_000));
    }
    assert_eq!(roster(&mut tx, DeviceId(1), &Filter::default(), 50, 3_000).await.unwrap().offset, 0);
    if is_postgres(&database) {
        let kept = "SELECT custom_plans FROM pg_prepared_statements WHERE statement LIKE '%sorted_by%LIMIT 50 OFFSET%'
            AND statement NOT LIKE '%pg_prepared%'";
        assert_eq!(tx.all::<(i64,), 0>(kept, []).await.unwrap(), [(5,)]);
    }
}

fn is_postgres(database: &Database) -> bool {
    database.url.starts_with("postgres")
}

/// A school whose people and terminals came at once.
async fn fill(database: &Database) {
    let mut tx = database.db.write().await.unwrap();
    tx.execute("INSERT INTO schools (name) VALUES ('Escuela Quitumbe')", []).await.unwrap();
    let people = (0..3_000).map(|number: i64| vec![format!("Ṣadé {number}").into(), number.to_string().into()]);
    let sql = "WITH v(full_name, card) AS (VALUES {rows})
        INSERT INTO students (school_id, full_name, rfid_card_id) SELECT 1, v.full_name, v.card FROM v";
    tx.execute_rows(sql, &[], people.collect()).await.unwrap();
    // So few, as the one school, that PostgreSQL would never count them by itself.
    let terminals = (0..12).map(|number: i64| vec![format!("CJX925330{number}").into()]);
    let sql = "WITH v(serial_number) AS (VALUES {rows})
        INSERT INTO devices (school_id, serial_number, device_name) SELECT 1, v.serial_number, 'Puerta' FROM v";
    tx.execute_rows(sql, &[], terminals.collect()).await.unwrap();
    if is_postgres(database) {
        // PostgreSQL tells of it once a second at most; so it does at once.
        tx.execute("SELECT pg_stat_force_next_flush()", []).await.unwrap();
    }
    tx.commit().await.unwrap();
    statistics::refresh(&database.db).await.unwrap();
}
