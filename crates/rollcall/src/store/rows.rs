//! Many rows in one statement: `{rows}` in its text becomes their parameters.

use std::fmt::Write;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::Value;

/// Rows of one statement: far below what either database can bind (32,766 and 65,535 parameters).
const PARAMETERS_PER_STATEMENT: usize = 20_000;

/// How the parameters of rows are written.
#[derive(Clone, Copy)]
pub(super) enum Rows {
    /// `?`, bound before the fixed ones, whose numbers move up. SQLite looks a parameter with a name, and `$1` is a name,
    /// up among all names of the statement, when it reads it and again when it is bound: 20,000 of them take seconds.
    Nameless,
    /// `$k`, after the fixed ones.
    Numbered,
}

/// A statement over some of the rows.
pub(super) struct Chunk {
    pub sql: SqlStr,
    pub values: Vec<Value>,
    /// Its text comes again and again; with several rows there is one for each number of them.
    pub is_of_one: bool,
}

pub(super) fn chunks<'a>(
    sql: &'static str,
    fixed: &'a [Value],
    rows: Vec<Vec<Value>>,
    written: Rows,
) -> impl Iterator<Item = Chunk> + 'a {
    let columns = rows.first().map_or(1, Vec::len).max(1);
    let rows_per_statement = (PARAMETERS_PER_STATEMENT / columns).max(1);
    let mut rows = rows.into_iter().peekable();
    std::iter::from_fn(move || {
        rows.peek()?;
        let mut values = Vec::new();
        let mut tuples = String::new();
        let mut count = 0;
        for row in rows.by_ref().take(rows_per_statement) {
            count += 1;
            tuples.push_str(if tuples.is_empty() { "(" } else { ", (" });
            for (column, value) in row.into_iter().enumerate() {
                if column > 0 {
                    tuples.push_str(", ");
                }
                values.push(value);
                match written {
                    Rows::Nameless => tuples.push('?'),
                    Rows::Numbered => {
                        let _ = write!(tuples, "${}", fixed.len() + values.len());
                    }
                }
            }
            tuples.push(')');
        }
        let (sql, values) = match written {
            Rows::Nameless => (moved_up(sql, values.len()), [&values, fixed].concat()),
            Rows::Numbered => (sql.to_owned(), [fixed, &values].concat()),
        };
        let sql = AssertSqlSafe(sql.replace("{rows}", &tuples)).into_sql_str();
        Some(Chunk { sql, values, is_of_one: count == 1 })
    })
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
