//! A roster that came a moment ago is planned for as what it is.

use rollcall::store::statistics;

use crate::databases::{Database, both_databases};

both_databases! { tables_that_grew_are_counted_again }

async fn tables_that_grew_are_counted_again(database: Database) {
    let is_sqlite = database.url.starts_with("sqlite");
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
    if !is_sqlite {
        // PostgreSQL tells of it once a second at most; so it does at once.
        tx.execute("SELECT pg_stat_force_next_flush()", []).await.unwrap();
    }
    tx.commit().await.unwrap();

    statistics::refresh(&database.db).await.unwrap();
    if !is_sqlite {
        let known = "SELECT CAST(reltuples AS BIGINT) FROM pg_class WHERE relname IN ('schools', 'devices', 'students') ORDER BY 1";
        let mut tx = database.db.read().await.unwrap();
        assert_eq!(tx.all::<(i64,), 0>(known, []).await.unwrap(), [(1,), (12,), (3_000,)]);
    }
}
