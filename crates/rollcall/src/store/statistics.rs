//! What PostgreSQL believes of its tables. It plans by how many rows it counted when a table was last analysed, and does that by
//! itself a minute or more after many were written. Until then it takes a table that was filled a moment ago to be empty, and
//! compares every row of it with every row of another. A roster, its ledger and its commands come all at once, so it is asked
//! to count again as soon as they hold twice what it believes.

use sqlx::AssertSqlSafe;

use super::{Db, Result};

/// Each table of ours is counted once as soon as it has a row: of one that never was, PostgreSQL takes hardly any row to be as
/// asked for, the one school not to be deleted, and what is joined to it to be next to nothing. The few terminals of a school
/// count, too: PostgreSQL itself never analyses a table of fifty rows, takes one of them to be in the state that is asked for,
/// and reads everybody's ledger for each student to find him on one.
const OUTGROWN: &str = "
    SELECT quote_ident(t.relname) FROM pg_stat_user_tables t JOIN pg_class c ON c.oid = t.relid
    WHERE t.schemaname = current_schema() AND pg_has_role(c.relowner, 'USAGE') AND (t.n_live_tup > 2 * GREATEST(c.reltuples, 5)
      OR (c.reltuples < 0 AND t.n_live_tup > 0))
    ORDER BY t.relname";

/// Has the tables analysed that outgrew what is known of them; of several servers one does it. SQLite plans without counting.
pub async fn refresh(db: &Db) -> Result<()> {
    let Some(server) = db.postgres() else { return Ok(()) };
    let mut tx = server.begin().await?;
    let lock = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock(hashtextextended('rollcall statistics', 0))");
    if !lock.persistent(server.keeps_statements).fetch_one(&mut *tx).await? {
        return Ok(());
    }
    let outgrown: Vec<String> =
        sqlx::query_scalar(OUTGROWN).persistent(server.keeps_statements).fetch_all(&mut *tx).await?;
    for table in outgrown {
        sqlx::query(AssertSqlSafe(format!("ANALYZE {table}"))).persistent(false).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}
