//! Many rows in one statement.

use jiff::{Timestamp, civil::date};
use rollcall::store::{Day, Instant, Value};

use crate::databases::{Database, both_databases};

both_databases! {
    values_of_every_type_come_back_as_they_went,
    more_rows_than_a_statement_takes_are_all_written,
    however_many_rows_a_statement_is_kept,
}

/// Compared as text: SQLite holds a truth as a number, and a time as text.
const ASKED: &str = "
    WITH v(number, name, is_so, at, day) AS (VALUES {rows})
    SELECT v.number + $1, v.name, v.is_so, v.at, v.day FROM v ORDER BY v.number, v.name";

type Row = (Option<i64>, Option<String>, Option<bool>, Option<Instant>, Option<Day>);

async fn values_of_every_type_come_back_as_they_went(database: Database) {
    let at: Timestamp = "2026-11-22T08:00:05.25Z".parse().unwrap();
    let day = date(2026, 2, 28);
    let rows: Vec<Vec<Value>> = vec![
        vec![1_i64.into(), "".into(), true.into(), at.into(), day.into()],
        vec![2_i64.into(), "Ñusta \"{1,NULL}\" \\ 'Ǝ'".into(), false.into(), at.into(), day.into()],
        vec![3_i64.into(), None::<String>.into(), None::<bool>.into(), None::<Timestamp>.into(), None::<Day>.into()],
    ];
    let mut tx = database.db.read().await.unwrap();
    let found: Vec<Row> = tx.all_rows(ASKED, &[10_i64.into()], rows).await.unwrap();
    assert_eq!(
        found,
        [
            (Some(11), Some(String::new()), Some(true), Some(Instant(at)), Some(Day(day))),
            (Some(12), Some("Ñusta \"{1,NULL}\" \\ 'Ǝ'".to_owned()), Some(false), Some(Instant(at)), Some(Day(day))),
            (Some(13), None, None, None, None),
        ]
    );
    assert_eq!(tx.all_rows::<Row>(ASKED, &[10_i64.into()], Vec::new()).await.unwrap(), []);
}

async fn more_rows_than_a_statement_takes_are_all_written(database: Database) {
    let mut tx = database.db.write().await.unwrap();
    let rows = (0..25_001).map(|number: i64| vec![format!("Škola {number}").into()]).collect();
    let written = tx.execute_rows("INSERT INTO schools (name) VALUES {rows}", &[], rows).await.unwrap();
    assert_eq!(written, 25_001);
    let names = "SELECT COUNT(DISTINCT name) FROM schools WHERE name LIKE 'Škola %'";
    assert_eq!(tx.one::<(i64,), 0>(names, []).await.unwrap(), (25_001,));
}

/// For one row, and for more. PostgreSQL plans it anew otherwise, at each use.
async fn however_many_rows_a_statement_is_kept(database: Database) {
    let mut tx = database.db.read().await.unwrap();
    for number in 1..=4 {
        let rows =
            vec![
                vec![7_i64.into(), "Yáñez".into(), true.into(), Timestamp::UNIX_EPOCH.into(), date(2026, 1, 1).into()];
                number
            ];
        assert_eq!(tx.all_rows::<Row>(ASKED, &[1_i64.into()], rows).await.unwrap().len(), number);
    }
    if database.url.starts_with("postgres") {
        let kept = "SELECT COUNT(*) FROM pg_prepared_statements WHERE statement LIKE '%is_so%' AND statement NOT LIKE '%pg_prepared%'";
        assert_eq!(tx.one::<(i64,), 0>(kept, []).await.unwrap(), (2,));
    }
}
