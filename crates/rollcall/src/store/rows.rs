//! Many rows in one statement: `VALUES {rows}` in its text becomes their parameters.

use std::fmt::Write;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::{Day, Instant, Value};

/// What rows are written with.
const PLACE: &str = "VALUES {rows}";

/// Rows of one statement: far below what SQLite can bind (32,766 parameters), and no message to PostgreSQL is large.
const PARAMETERS_PER_STATEMENT: usize = 20_000;

/// Cut into as many as one statement takes.
pub(super) fn parts(rows: Vec<Vec<Value>>) -> impl Iterator<Item = Vec<Vec<Value>>> {
    let columns = rows.first().map_or(1, Vec::len).max(1);
    let rows_per_statement = (PARAMETERS_PER_STATEMENT / columns).max(1);
    let mut rows = rows.into_iter().peekable();
    std::iter::from_fn(move || {
        rows.peek()?;
        Some(rows.by_ref().take(rows_per_statement).collect())
    })
}

/// As SQLite takes rows: `VALUES (?, ?), (?, ?)`, bound before the fixed parameters, whose numbers move up. It looks a
/// parameter with a name, and `$1` is a name, up among all names of the statement, when it reads it and again when it is
/// bound: 20,000 of them take seconds.
pub(super) struct Tuples {
    pub sql: SqlStr,
    pub values: Vec<Value>,
    /// Its text comes again and again; with several rows there is one for each number of them.
    pub is_of_one: bool,
}

pub(super) fn tuples(sql: &str, fixed: &[Value], rows: Vec<Vec<Value>>) -> Tuples {
    let is_of_one = rows.len() == 1;
    let mut tuples = String::from("VALUES ");
    let mut values = Vec::new();
    for row in rows {
        tuples.push_str(if values.is_empty() { "(" } else { ", (" });
        for (column, value) in row.into_iter().enumerate() {
            tuples.push_str(if column > 0 { ", ?" } else { "?" });
            values.push(value);
        }
        tuples.push(')');
    }
    let sql = AssertSqlSafe(moved_up(sql, values.len()).replace(PLACE, &tuples)).into_sql_str();
    values.extend_from_slice(fixed);
    Tuples { sql, values, is_of_one }
}

/// `$1` becomes `$6` when moved up by five.
fn moved_up(sql: &str, by: usize) -> String {
    let mut parts = sql.split('$');
    let mut moved = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        match part[..digits].parse::<usize>() {
            Ok(number) => {
                let _ = write!(moved, "${}{}", number + by, &part[digits..]);
            }
            Err(_) => {
                let _ = write!(moved, "${part}");
            }
        }
    }
    moved
}

/// As PostgreSQL takes rows: `SELECT * FROM UNNEST($1, $2)`, a list for each column, after the fixed parameters. However many
/// rows there are, it is the same text, which is read and planned once. One row is `VALUES ($1, $2)`: lists are planned for
/// as if they held ten, and to be better off with one it would be planned anew each time.
pub(super) struct Lists {
    pub sql: SqlStr,
    pub columns: Vec<Column>,
}

/// The values of one column.
pub(super) enum Column {
    One(Value),
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Bool(Vec<Option<bool>>),
    Time(Vec<Option<Instant>>),
    Day(Vec<Option<Day>>),
}

pub(super) fn lists(sql: &str, fixed: usize, mut rows: Vec<Vec<Value>>) -> Lists {
    let width = rows.first().map_or(0, Vec::len);
    let parameters: Vec<String> = (1..=width).map(|column| format!("${}", fixed + column)).collect();
    let parameters = parameters.join(", ");
    let (place, columns) = match rows.pop() {
        Some(row) if rows.is_empty() => (format!("VALUES ({parameters})"), row.into_iter().map(Column::One).collect()),
        last => (format!("SELECT * FROM UNNEST({parameters})"), columns(rows.into_iter().chain(last))),
    };
    Lists { sql: AssertSqlSafe(sql.replace(PLACE, &place)).into_sql_str(), columns }
}

fn columns(rows: impl Iterator<Item = Vec<Value>>) -> Vec<Column> {
    let mut rows = rows.peekable();
    let mut columns: Vec<Column> = rows.peek().into_iter().flatten().map(Column::of).collect();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    columns
}

impl Column {
    /// An empty list for values of this type.
    fn of(value: &Value) -> Column {
        match value {
            Value::Int(_) => Column::Int(Vec::new()),
            Value::Text(_) => Column::Text(Vec::new()),
            Value::Bool(_) => Column::Bool(Vec::new()),
            Value::Time(_) => Column::Time(Vec::new()),
            Value::Day(_) => Column::Day(Vec::new()),
        }
    }

    fn push(&mut self, value: Value) {
        match (self, value) {
            (Column::Int(values), Value::Int(value)) => values.push(value),
            (Column::Text(values), Value::Text(value)) => values.push(value),
            (Column::Bool(values), Value::Bool(value)) => values.push(value),
            (Column::Time(values), Value::Time(value)) => values.push(value),
            (Column::Day(values), Value::Day(value)) => values.push(value),
            (_, value) => unreachable!("{value:?} in a column of another type"),
        }
    }
}
