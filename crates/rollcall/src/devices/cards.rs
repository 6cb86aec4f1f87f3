//! Cards that were held out to a terminal and belong to nobody, so that whoever makes a student need not type one.
//!
//! Access units tell of a card that they do not know. Attendance terminals say nothing; there somebody is enrolled with
//! his card at the keypad, and the terminal tells of that person.

use jiff::{SignedDuration, Timestamp};
use push_protocol::text::Card;

use super::DeviceId;
use crate::{
    school::SchoolId,
    store::{Instant, Result, Tx},
};

/// How long a card that was held out counts.
pub const CARD_COUNTS: SignedDuration = SignedDuration::from_mins(1);
/// The same for a person who was enrolled at the keypad: that takes longer, and so does the upload.
pub const PERSON_COUNTS: SignedDuration = SignedDuration::from_mins(10);

const PRESENTED: &str = "
INSERT INTO presented_cards (device_id, card_number, presented_at) VALUES ($1, $2, $3)
ON CONFLICT (device_id) DO UPDATE SET card_number = excluded.card_number, presented_at = excluded.presented_at";

/// A terminal told of a card that it does not know.
pub async fn presented(tx: &mut Tx, device: DeviceId, card: Card, now: Timestamp) -> Result<()> {
    let number = i64::try_from(card.number()).unwrap_or(i64::MAX);
    tx.execute(PRESENTED, [device.into(), number.into(), now.into()]).await?;
    Ok(())
}

const FORGET: &str = "DELETE FROM presented_cards WHERE device_id = $1";

/// The terminal may have come to another school, whose business that card is not.
pub(super) async fn forget(tx: &mut Tx, device: DeviceId) -> Result<()> {
    tx.execute(FORGET, [device.into()]).await?;
    Ok(())
}

/// A card that nobody in the school holds.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct NewCard {
    pub card_number: i64,
    /// The stranger who has it on the terminal; nobody when it was merely held out.
    pub name: Option<String>,
    pub at: Instant,
}

const NEWEST: &str = "
SELECT n.card_number, n.name, n.at FROM (
  SELECT c.card_number, CAST(NULL AS TEXT) AS name, c.presented_at AS at FROM presented_cards c
  WHERE c.device_id = $1 AND c.presented_at >= $3
  UNION ALL
  SELECT u.card_number, u.name, u.seen_at AS at FROM terminal_users u
  WHERE u.device_id = $1 AND u.seen_at >= $4 AND u.card_number > 0 AND NOT EXISTS (
    SELECT 1 FROM device_user_mappings m WHERE m.device_id = u.device_id AND m.device_pin = u.pin AND m.valid_to IS NULL)
) n
WHERE NOT EXISTS (SELECT 1 FROM students s WHERE s.school_id = $2 AND s.card_number = n.card_number AND s.is_active
  AND s.deleted_at IS NULL)
ORDER BY n.at DESC, n.card_number LIMIT 1";

/// The latest card at a terminal that no active student of the school holds.
pub async fn newest(tx: &mut Tx, device: DeviceId, school: SchoolId, now: Timestamp) -> Result<Option<NewCard>> {
    let since = |time: SignedDuration| now.checked_sub(time).unwrap_or(Timestamp::MIN);
    tx.optional(NEWEST, [device.into(), school.into(), since(CARD_COUNTS).into(), since(PERSON_COUNTS).into()]).await
}
