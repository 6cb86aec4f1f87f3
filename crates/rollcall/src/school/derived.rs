//! Columns of `students` that Rust fills because SQL cannot: `search_text` and `card_number`. `derived_from` is what they
//! were made from, so that rows which another program wrote are recognised.

use push_protocol::text::Card;

use super::{SchoolId, StudentId, search};
use crate::store::{Result, Tx, Value};

/// The derived columns of one student.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::struct_field_names, reason = "named as the columns")]
pub struct Derived {
    pub search_text: String,
    /// The card as a number; equal numbers are the same card. `None` without a card, and for one that cannot be read.
    pub card_number: Option<i64>,
    pub derived_from: String,
}

impl Derived {
    pub fn of(full_name: &str, rfid_card_id: Option<&str>) -> Derived {
        let card = rfid_card_id.unwrap_or_default();
        Derived {
            search_text: format!("{}\n{}", search::fold(full_name), search::fold(card)),
            card_number: card_number(card),
            derived_from: format!("{full_name}\n{card}"),
        }
    }
}

/// What a card's text means as a number.
pub fn card_number(text: &str) -> Option<i64> {
    Card::parse(text.trim()).ok().and_then(|card| i64::try_from(card.number()).ok())
}

// The condition is, word for word, that of the index students_underived.
const UNDERIVED: &str = "
SELECT id, full_name, rfid_card_id FROM students
WHERE derived_from IS DISTINCT FROM full_name || '
' || COALESCE(rfid_card_id, '') AND (CAST($1 AS BIGINT) IS NULL OR school_id = $1)
ORDER BY id LIMIT $2";

const FILL: &str = "
WITH v(id, search_text, card_number, derived_from) AS (VALUES {rows})
UPDATE students SET search_text = v.search_text, card_number = v.card_number, derived_from = v.derived_from
FROM v
WHERE students.id = v.id AND students.full_name || '
' || COALESCE(students.rfid_card_id, '') = v.derived_from";

/// Fills the columns of rows that another program wrote, at most `limit` of them. Answers how many there were: as many as
/// `limit` means that there may be more.
pub async fn derive_columns(tx: &mut Tx, limit: u32) -> Result<u64> {
    derive(tx, None, limit).await
}

/// As [`derive_columns`], for all rows of a school.
pub(super) async fn derive_school(tx: &mut Tx, school: SchoolId) -> Result<()> {
    derive(tx, Some(school), u32::MAX).await?;
    Ok(())
}

async fn derive(tx: &mut Tx, school: Option<SchoolId>, limit: u32) -> Result<u64> {
    let written: Vec<(StudentId, String, Option<String>)> =
        tx.all(UNDERIVED, [school.into(), Value::from(limit)]).await?;
    let rows = written.into_iter().map(|(id, full_name, rfid_card_id)| {
        let derived = Derived::of(&full_name, rfid_card_id.as_deref());
        vec![id.into(), derived.search_text.into(), derived.card_number.into(), derived.derived_from.into()]
    });
    let rows: Vec<_> = rows.collect();
    let found = rows.len();
    tx.execute_rows(FILL, &[], rows).await?;
    Ok(u64::try_from(found).unwrap_or(u64::MAX))
}
