//! How large a school is: what one sees of each where one chooses among many.

use crate::{
    school::SchoolId,
    store::{Result, Tx},
};

/// A school in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Size {
    pub school_id: SchoolId,
    pub terminals: i64,
    /// Students who belong on its terminals.
    pub students: i64,
}

// Students are counted where they change (docs/decisions/counted-by-the-database.md); of terminals a school has few.
const SIZES: &str = "
    WITH v(school_id) AS (VALUES {rows})
    SELECT v.school_id, COALESCE(n.belonging, 0) AS students,
      (SELECT COUNT(*) FROM devices d WHERE d.school_id = v.school_id AND d.deleted_at IS NULL) AS terminals
    FROM v LEFT JOIN school_counts n ON n.school_id = v.school_id";

/// The sizes of these schools, in no order.
pub async fn sizes(tx: &mut Tx, schools: impl Iterator<Item = SchoolId>) -> Result<Vec<Size>> {
    tx.all_rows(SIZES, &[], schools.map(|school| vec![school.into()]).collect()).await
}
