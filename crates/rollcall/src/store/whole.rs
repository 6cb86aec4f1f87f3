//! Whether a PostgreSQL database that was brought back is all there, and whether somebody uses it.

use std::str::FromStr as _;

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, postgres::PgConnectOptions};

use super::{Db, Error, Result, migrations, server::Server};

const IS_THERE: &str = "SELECT to_regclass($1) IS NOT NULL";
const COUNTERS: &str = "
    SELECT c.table_name::text, COALESCE(s.last_value, 0) FROM information_schema.columns c
    JOIN pg_sequences s ON s.schemaname = c.table_schema AND s.sequencename = c.table_name || '_id_seq'
    WHERE c.table_schema = current_schema() AND c.is_identity = 'YES'";

/// That nothing of the tables is missing, and that new rows get numbers of their own: what was brought back in parts, or
/// without its counters, fails later and worse. A SQLite database is one file; [`super::backup::check`] knows it.
pub async fn check_whole(db: &Db) -> Result<()> {
    let Some(pool) = db.postgres().map(Server::pool) else { return Ok(()) };
    for name in migrations::names() {
        let is_there: bool = sqlx::query_scalar(IS_THERE).bind(&name).fetch_one(pool).await?;
        if !is_there {
            return Err(Error::Incomplete(format!("{name} is missing")));
        }
    }
    let counters: Vec<(String, i64)> = sqlx::query_as(COUNTERS).fetch_all(pool).await?;
    for (table, last) in counters {
        let sql = AssertSqlSafe(format!("SELECT COALESCE(MAX(id), 0) FROM \"{table}\""));
        let highest: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
        if highest > last {
            return Err(Error::Incomplete(format!("the next row of {table} would get a number that is taken")));
        }
    }
    Ok(())
}

const SERVERS: &str = "
    SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rollcall'";

/// Whether a server of Rollcall is connected to this PostgreSQL database.
pub(super) async fn is_used(url: &str) -> Result<bool> {
    let options = PgConnectOptions::from_str(url).map_err(Error::Server)?.application_name("rollcall restore");
    let mut connection = options.connect().await.map_err(Error::Server)?;
    let servers: i64 = sqlx::query_scalar(SERVERS).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(servers > 0)
}
