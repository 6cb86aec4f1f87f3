//! Upgrades of filled databases. For every migration there is a data file, `migrations/data/0001.sql` and so on, with rows
//! for the tables that it made. A database grows up version by version, as those of users did, and is filled on its way;
//! in the end every row is there and what operators type still means the same.
//!
//! A new migration adds its SQL and its data file; nothing here changes unless it takes rows away.

use std::{collections::BTreeMap, fs, path::Path};

use rollcall::{
    devices::DeviceId,
    store::{Db, Error, Instant, migrations},
    sync::overview,
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection, raw_sql};

use crate::databases::{Database, both_databases};

both_databases! {
    a_filled_database_grows_up,
    a_database_of_a_newer_version_is_refused_in_words,
    a_database_is_made_once_when_many_open_it,
    who_looks_waits_for_nobody_who_writes,
}

async fn a_filled_database_grows_up(database: Database) {
    let blank = database.blank().await;
    let mut counts = BTreeMap::new();
    for version in migrations::versions() {
        let db = Db::open_at(&blank.url, version).await.unwrap();
        let migrated = count_rows(&db).await;
        for (table, count) in &counts {
            assert_eq!(migrated.get(table), Some(count), "rows of {table} after migration {version}");
        }
        db.close().await;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../migrations/data/{version:04}.sql"));
        let rows = fs::read_to_string(&file).unwrap_or_else(|error| {
            panic!("migration {version} needs rows to be tested with, {}: {error}", file.display())
        });
        execute(&blank.url, rows).await;
        let db = Db::open_at(&blank.url, version).await.unwrap();
        counts = count_rows(&db).await;
        db.close().await;
        let empty: Vec<&String> = counts.iter().filter(|(_, count)| **count == 0).map(|(table, _)| table).collect();
        assert!(empty.is_empty(), "no data file up to {version} fills {empty:?}");
    }

    let db = Db::open(&blank.url).await.unwrap();
    assert_eq!(count_rows(&db).await, counts, "opening it again changes nothing");
    the_queries_of_operators_mean_the_same(&db).await;
    let mut tx = db.write().await.unwrap();
    let summary = overview::summary(&mut tx, DeviceId(1)).await.unwrap();
    assert_eq!((summary.total, summary.synced), (3, 3));
    let (id,): (i64,) = tx
        .one("INSERT INTO students (school_id, full_name, rfid_card_id) VALUES (1, 'Sāmoa', '9') RETURNING id", [])
        .await
        .unwrap();
    assert_eq!(id, 7, "ids go on behind those that are there");
    tx.commit().await.unwrap();
    db.close().await;
}

/// A row of the third query.
type StudentState = (i64, String, String, String, Option<Instant>, Option<i64>);

/// Three queries that operators type, letter by letter: what stands in the tables has to go on meaning the same.
async fn the_queries_of_operators_mean_the_same(db: &Db) {
    let mut tx = db.read().await.unwrap();
    let counts: (i64, i64, i64) = tx
        .one(
            "SELECT
  (SELECT COUNT(*) FROM students WHERE school_id = 1 AND is_active = TRUE AND rfid_card_id IS NOT NULL) AS total_students,
  (SELECT COUNT(*) FROM device_user_sync_status WHERE device_id = (SELECT id FROM devices WHERE serial_number = 'GED7242600838') AND sync_status = 'synced') AS synced_students,
  (SELECT COUNT(*) FROM device_commands WHERE device_id = (SELECT id FROM devices WHERE serial_number = 'GED7242600838') AND status = 'pending') AS pending_commands;",
            [],
        )
        .await
        .unwrap();
    assert_eq!(counts, (3, 3, 0));

    let commands: Vec<(i64, String, String, String, Instant)> = tx
        .all(
            "SELECT id, command_type, command_string, status, created_at FROM device_commands
WHERE device_id = (SELECT id FROM devices WHERE serial_number = 'GED7242600838') ORDER BY created_at DESC LIMIT 10;",
            [],
        )
        .await
        .unwrap();
    let told: Vec<(&str, &str)> = commands.iter().map(|(_, what, _, status, _)| (&**what, &**status)).collect();
    assert_eq!(told, [("delete_user", "completed"), ("update_user", "failed"), ("add_user", "completed")]);
    assert_eq!(commands[0].4.0.to_string(), "2026-10-05T12:00:00Z");

    let mut students: Vec<StudentState> = tx
        .all(
            "SELECT s.id, s.full_name, s.rfid_card_id, COALESCE(dss.sync_status, 'not_synced') AS sync_status, dss.last_sync_success, dss.sync_retries
FROM students s LEFT JOIN device_user_sync_status dss ON s.id = dss.student_id AND dss.device_id = 1
WHERE s.school_id = 1 AND s.is_active = TRUE AND s.rfid_card_id IS NOT NULL ORDER BY s.full_name;",
            [],
        )
        .await
        .unwrap();
    // How names of many scripts are sorted is the database's affair.
    students.sort_by_key(|student| student.0);
    let told: Vec<(&str, &str, Option<i64>)> =
        students.iter().map(|(_, name, _, status, _, retries)| (&**name, &**status, *retries)).collect();
    assert_eq!(
        told,
        [
            ("Ana Sofía Quishpe", "synced", Some(0)),
            ("Ñusta Sisa Guamán", "synced", Some(1)),
            ("王秀英", "synced", Some(0))
        ]
    );
}

async fn a_database_of_a_newer_version_is_refused_in_words(database: Database) {
    let mark = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        SELECT 4711, 'of tomorrow', success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1";
    execute(&database.url, mark.to_owned()).await;
    let refused = Db::open(&database.url).await.expect_err("its tables are unknown");
    assert!(matches!(refused, Error::Newer { theirs: 4711, .. }), "{refused:?}");

    let ended = crate::processes::program::rollcall(&database.url, &["status"]).await;
    let said = ended.refused(1);
    assert!(["newer version", "4711", "start that version"].iter().all(|word| said.contains(word)), "{said}");
}

/// `serve` and the command for the first admin may well be started together.
async fn who_looks_waits_for_nobody_who_writes(database: Database) {
    let blank = database.blank().await;
    let server = Db::open(&blank.url).await.unwrap();
    let writing = server.write().await.unwrap();
    let db = Db::open(&blank.url).await.expect("opened beside a transaction that writes");
    let mut tx = db.read().await.unwrap();
    let students: (i64,) = tx.one("SELECT COUNT(*) FROM students", []).await.unwrap();
    assert_eq!(students, (0,));
    drop((tx, writing));
    db.close().await;
    server.close().await;
}

async fn a_database_is_made_once_when_many_open_it(database: Database) {
    let blank = database.blank().await;
    let opening: Vec<_> = (0..4)
        .map(|_| {
            let url = blank.url.clone();
            tokio::spawn(async move { Db::open(&url).await })
        })
        .collect();
    for opened in opening {
        opened.await.unwrap().unwrap().close().await;
    }
}

/// Statements as another program runs them.
async fn execute(url: &str, sql: String) {
    let sql = AssertSqlSafe(sql);
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// How many rows each table has.
async fn count_rows(db: &Db) -> BTreeMap<String, i64> {
    let mut tx = db.read().await.unwrap();
    let tables: Vec<(String,)> = match db.product() {
        "SQLite" => tx.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'", []).await,
        _ => tx.all("SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public'", []).await,
    }
    .unwrap();
    let counts = tables
        .iter()
        .filter(|(table,)| table != "_sqlx_migrations")
        .map(|(table,)| format!("SELECT '{table}' AS name, COUNT(*) FROM {table}"));
    let counts: String = counts.collect::<Vec<_>>().join(" UNION ALL ");
    tx.all(counts.leak(), []).await.unwrap().into_iter().collect()
}
