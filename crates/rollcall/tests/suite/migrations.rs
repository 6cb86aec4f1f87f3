//! The tables, from nothing.

use rollcall::store::Db;

use crate::databases::Database;

#[tokio::test]
async fn an_empty_sqlite_file_gets_its_tables_and_keeps_them() {
    let database = Database::sqlite().await;
    opens_again(&database.url).await;
}

#[tokio::test]
async fn an_empty_postgresql_database_gets_its_tables_and_keeps_them() {
    let (url, _dropped) = Database::empty_postgres().await;
    opens_again(&url).await;
}

#[tokio::test]
async fn two_servers_may_start_on_an_empty_database_at_once() {
    let (url, _dropped) = Database::empty_postgres().await;
    let (one, two) = tokio::join!(Db::open(&url), Db::open(&url));
    for db in [one.unwrap(), two.unwrap()] {
        db.close().await;
    }
}

/// Opens a database twice with a row written between, which the second opening leaves alone.
async fn opens_again(url: &str) {
    let db = Db::open(url).await.unwrap();
    let mut tx = db.write().await.unwrap();
    tx.execute("INSERT INTO schools (name) VALUES ('Медресе')", []).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;

    let db = Db::open(url).await.unwrap();
    let mut tx = db.read().await.unwrap();
    let names: Vec<(String, String)> = tx.all("SELECT name, day_starts_at FROM schools", []).await.unwrap();
    assert_eq!(names, [("Медресе".to_owned(), "08:00".to_owned())]);
    drop(tx);
    db.close().await;
}
