//! When the guard trips, and its words. Pure.

use std::fmt;

use jiff::Timestamp;

/// A terminal's numbers, as far as the guard is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, sqlx::FromRow)]
pub struct Numbers {
    /// People on the terminal when the window began, as far as the ledger knows.
    pub holds: i64,
    /// Of them, those who were removed, or ceased to belong there, within the window.
    pub removals: i64,
    /// Of them, those for whom another card became wanted within the window.
    pub card_changes: i64,
    /// Removals of people of the school to which the terminal belonged before.
    pub of_former_school: i64,
    /// Nobody belongs on the terminal.
    pub is_roster_empty: bool,
    /// More than this part of the people …
    pub guard_percent: i64,
    /// … and more than this many of them.
    pub guard_number: i64,
}

/// Why something is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    EmptyRoster,
    OtherSchool { people: i64 },
    ManyRemovals(Share),
    ManyCards(Share),
}

/// Too many people of all, and what the school allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    people: i64,
    holds: i64,
    percent: i64,
    number: i64,
}

/// Whether a terminal's removals are to be held, given that there are any.
pub fn judge_removals(numbers: &Numbers) -> Option<Reason> {
    if numbers.of_former_school > 0 {
        return Some(Reason::OtherSchool { people: numbers.of_former_school });
    }
    if numbers.is_roster_empty {
        return Some(Reason::EmptyRoster);
    }
    too_many(numbers.removals, numbers).map(Reason::ManyRemovals)
}

/// Whether a terminal's changes of card are to be held.
pub fn judge_cards(numbers: &Numbers) -> Option<Reason> {
    too_many(numbers.card_changes, numbers).map(Reason::ManyCards)
}

fn too_many(people: i64, numbers: &Numbers) -> Option<Share> {
    let Numbers { holds, guard_percent: percent, guard_number: number, .. } = *numbers;
    let is_too_many = people > number && people.saturating_mul(100) > holds.saturating_mul(percent);
    is_too_many.then_some(Share { people, holds, percent, number })
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::EmptyRoster => {
                write!(f, "nobody belongs on this terminal any more: everybody on it would be removed")
            }
            Reason::OtherSchool { people } => {
                write!(
                    f,
                    "the terminal was moved to another school: {people} people of the former one would be removed"
                )
            }
            Reason::ManyRemovals(share) => {
                write!(f, "{share} would be removed within ten minutes; {}", share.allowed())
            }
            Reason::ManyCards(share) => {
                write!(f, "{share} would get another card within ten minutes; {}", share.allowed())
            }
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} people on this terminal", self.people, self.holds)
    }
}

impl Share {
    fn allowed(&self) -> String {
        format!("more than {} % and more than {} people wait for a decision", self.percent, self.number)
    }
}

impl Reason {
    /// Since when what has not left is held. An empty roster and a move hold whatever is open.
    pub(super) fn since(&self, window: Timestamp) -> Timestamp {
        match self {
            Reason::EmptyRoster | Reason::OtherSchool { .. } => Timestamp::UNIX_EPOCH,
            Reason::ManyRemovals(_) | Reason::ManyCards(_) => window,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIFTY: Numbers = Numbers {
        holds: 50,
        removals: 0,
        card_changes: 0,
        of_former_school: 0,
        is_roster_empty: false,
        guard_percent: 20,
        guard_number: 10,
    };

    #[test]
    fn rule_20_more_than_the_part_and_more_than_the_number_are_held() {
        let removals = |removals| judge_removals(&Numbers { removals, ..FIFTY }).map(|reason| reason.to_string());
        assert_eq!(removals(10), None, "a fifth is not more than a fifth");
        assert_eq!(
            removals(11).as_deref(),
            Some(
                "11 of 50 people on this terminal would be removed within ten minutes; more than 20 % and more than 10 \
                 people wait for a decision"
            )
        );
    }

    #[test]
    fn rule_20_one_of_the_two_does_not_suffice() {
        let judge = |holds, removals| judge_removals(&Numbers { holds, removals, ..FIFTY });
        assert_eq!(judge(12, 10), None, "many of few, but ten");
        assert_eq!(judge(1_000, 200), None, "two hundred, but a fifth");
        assert!(judge(1_000, 201).is_some());
        assert!(judge(12, 11).is_some());
    }

    #[test]
    fn rule_20_an_empty_roster_is_held_however_few_there_are() {
        let empty = Numbers { holds: 1, removals: 1, is_roster_empty: true, ..FIFTY };
        assert_eq!(judge_removals(&empty), Some(Reason::EmptyRoster));
    }

    #[test]
    fn rule_5_the_people_of_a_former_school_are_held_however_few_there_are() {
        let moved = Numbers { removals: 1, of_former_school: 1, ..FIFTY };
        assert_eq!(judge_removals(&moved), Some(Reason::OtherSchool { people: 1 }));
    }

    #[test]
    fn rule_20_cards_are_counted_apart_from_removals() {
        let both = Numbers { removals: 8, card_changes: 8, ..FIFTY };
        assert_eq!((judge_removals(&both), judge_cards(&both)), (None, None));
        let cards = Numbers { card_changes: 11, ..both };
        assert_eq!(judge_removals(&cards), None);
        assert!(judge_cards(&cards).is_some_and(|reason| reason.to_string().contains("another card")));
    }
}
