//! How writing to a terminal begins (rule 4): a terminal that already holds people is read first, and not written to until
//! an admin says how ([`super::adopt`]). Otherwise Rollcall's PINs could overwrite somebody whose fingers are enrolled there.
//! New PINs keep clear of people whom nobody has counted; PINs that students have from before, or from a terminal that this
//! one replaces, cannot.

use jiff::Timestamp;

use super::{
    adopt::{self, former::Seen},
    pins,
    reconcile::{self, Reconciled, Scope},
};
use crate::{
    devices::DeviceId,
    store::{Result, Tx},
};

/// Where the beginning stands: `devices.start_state`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// Its count of people is not known yet.
    Unknown,
    /// It holds people already, or may hold some whose PINs would be written; an admin has to decide.
    HoldsPeople,
    Writing,
}

/// What to do with the people that a terminal holds: `devices.takeover`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takeover {
    /// Write ours beside theirs, under PINs that they cannot have, unless ours have a PIN there already.
    Add,
    /// Whoever has the card of a student is he and keeps his PIN; whoever else may be a student is waited for.
    LinkCards,
    /// As [`Takeover::LinkCards`], and everybody else is removed.
    Replace,
}

/// How a terminal that holds people was read since that is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    NotYet,
    /// It did not tell as many as it counts, or nothing at all.
    Partly,
    Whole,
}

/// What a poll of a terminal whose start is undecided leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Ask for the count with an `INFO` command.
    Ask,
    Wait,
    /// Write, with PINs from here on.
    Write {
        from_pin: i64,
    },
    /// It holds people, or may: they are read, and somebody has to say what to do with them.
    Hold,
}

/// PINs of people who were there before are below, as far as one can know.
const BESIDE_OTHERS: i64 = 10_001;
/// Polls without a count after which it is taken as unknowable, or asked for once more where that matters more.
const POLLS_WITHOUT_COUNT: i64 = 3;

/// What is known of the PINs of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pins {
    /// The highest number that the terminal was seen to use.
    pub highest_seen: i64,
    /// Students have some from before, which people whom nobody has counted may have too.
    pub has_inherited: bool,
}

/// `polls` counts this one.
pub fn decide(
    start: Start,
    takeover: Option<Takeover>,
    user_count: Option<u32>,
    polls: i64,
    pins: Pins,
    read: Read,
) -> Decision {
    let beside_others = Decision::Write { from_pin: BESIDE_OTHERS.max(pins.highest_seen + 1) };
    let patience = if pins.has_inherited { 2 * POLLS_WITHOUT_COUNT } else { POLLS_WITHOUT_COUNT };
    match (start, takeover, user_count) {
        (Start::Writing, ..) => Decision::Wait,
        (_, _, Some(0)) => Decision::Write { from_pin: 1 },
        (_, Some(Takeover::Add), _) if read != Read::NotYet => beside_others,
        (_, Some(Takeover::LinkCards | Takeover::Replace), _) if read == Read::Whole => beside_others,
        (_, Some(_), _) | (Start::HoldsPeople, None, _) | (Start::Unknown, None, Some(_)) => Decision::Hold,
        (Start::Unknown, None, None) if polls > patience && pins.has_inherited => Decision::Hold,
        (Start::Unknown, None, None) if polls > patience => beside_others,
        (Start::Unknown, None, None) if polls % POLLS_WITHOUT_COUNT == 1 => Decision::Ask,
        (Start::Unknown, None, None) => Decision::Wait,
    }
}

impl Start {
    pub fn parse(word: &str) -> Start {
        match word {
            "writing" => Start::Writing,
            "holds_people" => Start::HoldsPeople,
            _ => Start::Unknown,
        }
    }
}

impl Takeover {
    const ALL: [Takeover; 3] = [Takeover::Add, Takeover::LinkCards, Takeover::Replace];

    pub fn parse(word: &str) -> Option<Takeover> {
        Takeover::ALL.into_iter().find(|mode| mode.as_str() == word)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Takeover::Add => "add",
            Takeover::LinkCards => "link_cards",
            Takeover::Replace => "replace",
        }
    }
}

#[derive(sqlx::FromRow)]
struct Undecided {
    start_state: String,
    takeover: Option<String>,
    start_polls: i64,
    user_count: Option<i64>,
}

const UNDECIDED: &str = "SELECT start_state, takeover, start_polls, user_count FROM devices WHERE id = $1";
const SEEN: &str = "SELECT pin FROM device_seen_pins WHERE device_id = $1";
const GIVEN: &str = "SELECT device_pin FROM device_user_mappings WHERE device_id = $1";
const COUNT_POLL: &str = "UPDATE devices SET start_polls = start_polls + 1 WHERE id = $1";
/// The last reading of everybody since the terminal is known to hold people.
const READ: &str = "
    SELECT r.is_complete FROM readings r JOIN devices d ON d.id = r.device_id
    WHERE r.device_id = $1 AND d.start_state = 'holds_people' AND r.scope = 'all' AND r.state <> 'running'
      AND r.began_event > d.hold_event
    ORDER BY r.id DESC LIMIT 1";
const WRITE: &str = "UPDATE devices SET start_state = 'writing', updated_at = $2 WHERE id = $1";
const SET_FLOOR: &str = "
    UPDATE device_pins SET floor_pin = CASE WHEN floor_pin < $2 THEN $2 ELSE floor_pin END,
      next_pin = CASE WHEN next_pin < $2 THEN $2 ELSE next_pin END
    WHERE device_id = $1";

/// A poll, or a result that tells a count. The caller holds the device's lock. Reconciles the device when writing begins.
pub(super) async fn proceed(
    tx: &mut Tx,
    device: DeviceId,
    told: Told,
    now: Timestamp,
) -> Result<(Decision, Reconciled)> {
    let row: Undecided = tx.one(UNDECIDED, [device.into()]).await?;
    let start = Start::parse(&row.start_state);
    if start == Start::Writing {
        return Ok((Decision::Wait, Reconciled::default()));
    }
    let (count, polls) = match told {
        Told::Poll(count) => {
            tx.execute(COUNT_POLL, [device.into()]).await?;
            (count, row.start_polls + 1)
        }
        Told::Count(count) => (Some(count), row.start_polls),
        Told::Nothing => (None, row.start_polls),
    };
    // A count that the handshake's options told, or an unregistered terminal's polls, waits in the presence columns.
    let count = count.or(row.user_count.and_then(|count| u32::try_from(count).ok()));
    let takeover = row.takeover.as_deref().and_then(Takeover::parse);
    let read = match tx.optional::<(bool,), 1>(READ, [device.into()]).await? {
        None => Read::NotYet,
        Some((false,)) => Read::Partly,
        Some((true,)) => Read::Whole,
    };
    let decision = decide(start, takeover, count, polls, pins_of(tx, device).await?, read);
    let reconciled = match decision {
        Decision::Write { from_pin } => {
            let seen = match (count, read) {
                (Some(0), _) => Seen::Nobody,
                (_, Read::Whole) => Seen::Everybody,
                (_, Read::NotYet | Read::Partly) => Seen::Some,
            };
            adopt::recognise(tx, device, seen).await?;
            if start == Start::HoldsPeople {
                settle_people(tx, device, takeover, now).await?;
            }
            tx.execute(SET_FLOOR, [device.into(), from_pin.into()]).await?;
            tx.execute(WRITE, [device.into(), now.into()]).await?;
            reconcile::reconcile(tx, Scope::Device(device), now).await?
        }
        Decision::Hold if start == Start::Unknown => {
            adopt::hold(tx, device, now).await?;
            Reconciled::default()
        }
        Decision::Hold | Decision::Ask | Decision::Wait => Reconciled::default(),
    };
    Ok((decision, reconciled))
}

/// How the start moves on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    Poll(Option<u32>),
    Count(u32),
    Nothing,
}

/// What the mode says of the people whom the terminal holds, and what was decided about single ones.
async fn settle_people(tx: &mut Tx, device: DeviceId, mode: Option<Takeover>, now: Timestamp) -> Result<()> {
    if let Some(Takeover::LinkCards | Takeover::Replace) = mode {
        adopt::link_cards(tx, device, now).await?;
    }
    if mode == Some(Takeover::Replace) {
        adopt::remove_the_rest(tx, device, now).await?;
    }
    adopt::queue_removals(tx, device, now).await
}

async fn pins_of(tx: &mut Tx, device: DeviceId) -> Result<Pins> {
    let seen: Vec<(String,)> = tx.all(SEEN, [device.into()]).await?;
    let given: Vec<(String,)> = tx.all(GIVEN, [device.into()]).await?;
    let numbers = |pins: Vec<(String,)>| pins.into_iter().filter_map(|(pin,)| pin.parse::<i64>().ok());
    Ok(Pins {
        // PINs of more than nine digits are no neighbours of ours.
        highest_seen: numbers(seen).filter(|pin| *pin < 900_000_000).max().unwrap_or(0),
        has_inherited: numbers(given).any(|pin| pin < BESIDE_OTHERS),
    })
}

const TAKE_OVER: &str = "UPDATE devices SET takeover = $2, updated_at = $3 WHERE id = $1";

/// An admin's decision about the people that a terminal holds. Writing begins at once when the terminal has been read; where
/// it has begun, the decision is about whoever is there now.
pub async fn take_over(tx: &mut Tx, device: DeviceId, mode: Takeover, now: Timestamp) -> Result<Reconciled> {
    pins::ensure_rows(tx, Some(device), None).await?;
    reconcile::lock(tx, Scope::Device(device)).await?;
    tx.execute(TAKE_OVER, [device.into(), mode.as_str().into(), now.into()]).await?;
    let row: Undecided = tx.one(UNDECIDED, [device.into()]).await?;
    if Start::parse(&row.start_state) == Start::Writing {
        settle_people(tx, device, Some(mode), now).await?;
        return reconcile::reconcile(tx, Scope::Device(device), now).await;
    }
    Ok(proceed(tx, device, Told::Nothing, now).await?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Pins = Pins { highest_seen: 0, has_inherited: false };

    fn seen(highest_seen: i64) -> Pins {
        Pins { highest_seen, ..NONE }
    }

    #[test]
    fn rule_4_an_empty_terminal_is_written_from_pin_one() {
        assert_eq!(decide(Start::Unknown, None, Some(0), 1, NONE, Read::NotYet), Decision::Write { from_pin: 1 });
    }

    #[test]
    fn rule_4_a_terminal_that_holds_people_waits_for_a_decision() {
        assert_eq!(decide(Start::Unknown, None, Some(300), 1, seen(300), Read::NotYet), Decision::Hold);
        assert_eq!(decide(Start::HoldsPeople, None, None, 9, seen(300), Read::NotYet), Decision::Hold);
    }

    #[test]
    fn rule_4_an_unknown_count_is_asked_for_once_and_after_three_polls_taken_as_unknowable() {
        let decisions: Vec<_> =
            (1..=4).map(|poll| decide(Start::Unknown, None, None, poll, NONE, Read::NotYet)).collect();
        assert_eq!(decisions, [Decision::Ask, Decision::Wait, Decision::Wait, Decision::Write { from_pin: 10_001 }]);
    }

    #[test]
    fn rule_5_inherited_pins_are_written_only_where_somebody_counted_or_decided() {
        let inherited = Pins { has_inherited: true, ..NONE };
        let decisions: Vec<_> =
            (1..=7).map(|poll| decide(Start::Unknown, None, None, poll, inherited, Read::NotYet)).collect();
        let asked_twice =
            [Decision::Ask, Decision::Wait, Decision::Wait, Decision::Ask, Decision::Wait, Decision::Wait];
        assert_eq!(decisions, [&asked_twice[..], &[Decision::Hold]].concat());
        assert_eq!(decide(Start::Unknown, None, Some(0), 6, inherited, Read::NotYet), Decision::Write { from_pin: 1 });
        let add = Some(Takeover::Add);
        assert_eq!(
            decide(Start::HoldsPeople, add, None, 8, inherited, Read::Partly),
            Decision::Write { from_pin: 10_001 }
        );
    }

    #[test]
    fn rule_4_a_terminal_is_read_before_ours_are_written_beside_the_others() {
        let add = |pins, read| decide(Start::HoldsPeople, Some(Takeover::Add), Some(5), 1, pins, read);
        assert_eq!(add(seen(300), Read::NotYet), Decision::Hold);
        assert_eq!(add(seen(300), Read::Partly), Decision::Write { from_pin: 10_001 });
        assert_eq!(add(seen(20_000), Read::Whole), Decision::Write { from_pin: 20_001 });
    }

    #[test]
    fn rule_4_nobody_is_linked_or_removed_by_half_a_list() {
        for mode in [Takeover::LinkCards, Takeover::Replace] {
            for (read, decision) in [
                (Read::NotYet, Decision::Hold),
                (Read::Partly, Decision::Hold),
                (Read::Whole, Decision::Write { from_pin: 10_001 }),
            ] {
                assert_eq!(decide(Start::HoldsPeople, Some(mode), Some(5), 1, seen(5), read), decision);
            }
        }
    }

    #[test]
    fn a_terminal_that_was_emptied_meanwhile_needs_no_decision() {
        assert_eq!(
            decide(Start::HoldsPeople, None, Some(0), 7, seen(300), Read::NotYet),
            Decision::Write { from_pin: 1 }
        );
    }
}
