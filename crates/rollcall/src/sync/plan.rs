//! Which of the wanted changes may leave for one terminal now, and which must wait for another. Pure.
//!
//! A terminal refuses, or silently drops, a card that another of its people holds. So a command that sets a card waits for
//! the command that frees it; where two people wait for each other's card, one of them is given no card first.

use std::collections::{BTreeMap, BTreeSet};

use push_protocol::{
    command::Command,
    text::{Card, CardForm, Charset, Name, Pin},
};

use super::{
    adopt::{clash::clash, others::Other},
    capacity::Seats,
};
use crate::school::StudentId;

/// What should be on the terminal for a student.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Name and card as the database has them, unchecked.
    Present {
        name: String,
        card: String,
    },
    Absent,
}

impl Wanted {
    /// From the ledger's columns.
    pub fn of(is_wanted: bool, name: Option<String>, card: Option<String>) -> Wanted {
        match (is_wanted, name, card) {
            (true, Some(name), Some(card)) => Wanted::Present { name, card },
            _ => Wanted::Absent,
        }
    }
}

/// A student for whom the terminal is not, or not known to be, as wanted, and no command is under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Open {
    pub student: StudentId,
    pub pin: String,
    pub wanted: Wanted,
    /// Whether the terminal holds this person already.
    pub is_held: bool,
    /// A command for him left before: what is under his PIN is of ours.
    pub was_written: bool,
    /// His name as it was, of somebody who is wanted no more.
    pub former_name: Option<String>,
    /// A person wants it tried, whatever the terminal said of its room.
    pub is_asked: bool,
}

/// Somebody's connection with a card on this terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CardUse {
    pub card: i64,
    pub student: StudentId,
    pub name: String,
    /// The terminal may hold this card for him.
    pub may_hold: bool,
    /// He should have this card on this terminal.
    pub wants: bool,
    pub stays: Stays,
}

/// Who has which card on a terminal, or should have it: each once for a card.
#[derive(Clone, Default, Debug)]
pub struct CardUses(BTreeMap<i64, Vec<CardUse>>);

impl CardUses {
    /// Of somebody who is known with this card already it is remembered what he has or wants besides.
    pub fn add(&mut self, found: CardUse) {
        let uses = self.0.entry(found.card).or_default();
        match uses.iter_mut().find(|known| known.student == found.student) {
            Some(known) => {
                known.may_hold |= found.may_hold;
                known.wants |= found.wants;
            }
            None => uses.push(found),
        }
    }

    fn of(&self, card: i64) -> &[CardUse] {
        self.0.get(&card).map_or(&[], Vec::as_slice)
    }
}

/// Whether the terminal keeps what it has of somebody, whatever is wanted of him (see [`super::guard`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stays {
    No,
    UntilDecided,
    ByDecision,
}

/// How the terminal writes people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub charset: Charset,
    pub card_form: CardForm,
    pub room: Room,
    /// Digits of a PIN, where it said so.
    pub pin_width: Option<usize>,
    /// It refused every word for people that its dialect has.
    pub takes_nobody: bool,
}

/// Room for newcomers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    Enough,
    /// The terminal said that it is full, but nobody shows as failed because of that, and nobody is on his way: one is tried,
    /// so that either he gets in or an admin sees whom to retry.
    ForOneToTry,
    None,
    /// It said how many people fit.
    For(Seats),
}

/// What to do about one [`Open`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Queue it; its result confirms the wanted version.
    Whole(Command),
    /// Queue the person without a card, so that somebody else can have it; then look again.
    ClearCard(Command),
    Wait(Obstacle, String),
    /// Cannot be represented on this terminal, or contradicts another row: a person must change something.
    Fail(Option<Obstacle>, String),
}

/// Why nothing can be queued now. Looked at again when it may have gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// Somebody else's card on the terminal must be taken away first.
    CardBusy,
    /// Two students of the school have the same card.
    CardTwice,
    /// The terminal said that it is full.
    TerminalFull,
    /// Somebody whom Rollcall did not write has his PIN or his card there, or may be himself.
    PersonThere,
}

impl Obstacle {
    pub fn as_str(self) -> &'static str {
        match self {
            Obstacle::CardBusy => "card_busy",
            Obstacle::CardTwice => "card_twice",
            Obstacle::TerminalFull => "terminal_full",
            Obstacle::PersonThere => "person_there",
        }
    }
}

/// One step for each of `open`, in its order. `uses` must hold every use of every card that somebody in `open` wants, and
/// `others` everybody on the terminal who may be in their way.
pub fn plan(open: &[Open], uses: &CardUses, others: &[Other], limits: Limits) -> Vec<Step> {
    let mut limits = limits;
    let mut steps = Vec::with_capacity(open.len());
    for row in open {
        let step = first_look(row, uses, others, limits);
        if !row.is_held && matches!(step, Step::Whole(Command::PutUser { .. })) {
            limits.room = limits.room.behind_one();
        }
        steps.push(step);
    }
    for index in swaps(open, uses, &steps) {
        if let Some(command) = without_card(&open[index], limits) {
            steps[index] = Step::ClearCard(command);
        }
    }
    steps
}

fn first_look(row: &Open, uses: &CardUses, people: &[Other], limits: Limits) -> Step {
    if limits.takes_nobody {
        return Step::Fail(None, "this terminal takes none of the commands for people".to_owned());
    }
    let pin = match pin(row, limits) {
        Ok(pin) => pin,
        Err(words) => return Step::Fail(None, words),
    };
    if let Some(words) = clash(row, people, limits.charset) {
        return Step::Wait(Obstacle::PersonThere, words);
    }
    let (name, card) = match &row.wanted {
        Wanted::Absent => return Step::Whole(Command::DeleteUser { pin }),
        Wanted::Present { name, card } => match fit(name, card, limits) {
            Ok(fitted) => fitted,
            Err(words) => return Step::Fail(None, words),
        },
    };
    let number = card_number(card);
    let uses = uses.of(number);
    let others = || uses.iter().filter(|other| other.student != row.student);
    if let Some(other) = others().find(|other| other.wants && comes_before(other, row, uses)) {
        let words = format!("card {number} also belongs to {}: give one of the two another card", other.name);
        return Step::Fail(Some(Obstacle::CardTwice), words);
    }
    if let Some(other) = others().find(|other| other.may_hold && !other.wants) {
        let why = match other.stays {
            Stays::No => "",
            Stays::UntilDecided => ", which is held until somebody decides",
            Stays::ByDecision => ", who keeps it on this terminal by decision",
        };
        return Step::Wait(Obstacle::CardBusy, format!("waits until card {number} is taken from {}{why}", other.name));
    }
    match limits.room {
        Room::None if !row.is_held => {
            let words = "the terminal is full: remove people from it, or retry";
            return Step::Wait(Obstacle::TerminalFull, words.to_owned());
        }
        Room::For(Seats { capacity, free }) if !row.is_held && !row.is_asked && free <= 0 => {
            let words =
                format!("the terminal is full, as {capacity} people fit: whoever is removed from it makes room");
            return Step::Fail(Some(Obstacle::TerminalFull), words);
        }
        _ => {}
    }
    Step::Whole(Command::PutUser { pin, name, card: Some(card) })
}

impl Room {
    /// What is left of it for others.
    fn behind_one(self) -> Room {
        match self {
            Room::ForOneToTry => Room::None,
            Room::For(Seats { capacity, free }) => Room::For(Seats { capacity, free: free - 1 }),
            Room::Enough | Room::None => self,
        }
    }
}

/// A PIN that is too long is not sent, not even to remove it: a terminal that cuts it would mean somebody else.
fn pin(row: &Open, limits: Limits) -> Result<Pin, String> {
    match limits.pin_width {
        Some(width) if row.pin.is_empty() => {
            Err(format!("no PIN is left: this terminal takes {width} digits, and whoever had one keeps it"))
        }
        Some(width) if row.pin.len() > width && !row.is_held => {
            Err(format!("the PIN {} is too long: this terminal takes {width} digits", row.pin))
        }
        _ => Pin::parse(&row.pin).map_err(|_| format!("\"{}\" is no PIN that a terminal can hold", row.pin)),
    }
}

fn fit(name: &str, card: &str, limits: Limits) -> Result<(Name, Card), String> {
    let card = Card::parse(card).map_err(|error| format!("card \"{card}\": {error}"))?;
    card.to_wire(limits.card_form).map_err(|error| format!("card {}: {error}", card.number()))?;
    let name = Name::fit(name, limits.charset).map_err(|error| format!("name \"{name}\": {error}"))?;
    Ok((name, card))
}

/// Of two who want the same card the one stays whose card the terminal may hold already, else the one who was there first.
fn comes_before(other: &CardUse, row: &Open, uses: &[CardUse]) -> bool {
    let row_may_hold = uses.iter().any(|own| own.student == row.student && own.may_hold);
    match (other.may_hold, row_may_hold) {
        (true, false) => true,
        (false, true) => false,
        _ => other.student < row.student,
    }
}

/// Of every circle of people who wait for each other's cards, the one with the lowest id.
fn swaps(open: &[Open], uses: &CardUses, steps: &[Step]) -> BTreeSet<usize> {
    let waits: BTreeMap<StudentId, usize> = steps
        .iter()
        .enumerate()
        .filter(|(_, step)| matches!(step, Step::Wait(Obstacle::CardBusy, _)))
        .map(|(index, _)| (open[index].student, index))
        .collect();
    let blocker = |index: usize| {
        let number = wanted_number(&open[index])?;
        uses.of(number)
            .iter()
            .find(|other| other.student != open[index].student && other.may_hold && !other.wants)
            .and_then(|other| waits.get(&other.student))
            .copied()
    };
    let mut chosen = BTreeSet::new();
    for start in waits.values().copied() {
        let mut circle = vec![start];
        while let Some(next) = circle.last().copied().and_then(blocker) {
            if next == start {
                chosen.extend(circle.iter().copied().min_by_key(|index| open[*index].student));
                break;
            }
            if circle.contains(&next) {
                break;
            }
            circle.push(next);
        }
    }
    chosen
}

fn without_card(row: &Open, limits: Limits) -> Option<Command> {
    let Wanted::Present { name, .. } = &row.wanted else { return None };
    let pin = Pin::parse(&row.pin).ok()?;
    let name = Name::fit(name, limits.charset).ok()?;
    Some(Command::PutUser { pin, name, card: None })
}

/// The number of the card that this row wants, if it is one.
pub fn wanted_number(row: &Open) -> Option<i64> {
    match &row.wanted {
        Wanted::Present { card, .. } => Card::parse(card).ok().map(card_number),
        Wanted::Absent => None,
    }
}

fn card_number(card: Card) -> i64 {
    i64::try_from(card.number()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        charset: Charset::Utf8,
        card_form: CardForm::Decimal,
        room: Room::Enough,
        pin_width: None,
        takes_nobody: false,
    };

    fn row(student: i64, card: &str) -> Open {
        Open {
            student: StudentId(student),
            pin: student.to_string(),
            wanted: Wanted::Present { name: format!("Nilufar {student}"), card: card.to_owned() },
            is_held: true,
            was_written: true,
            former_name: None,
            is_asked: false,
        }
    }

    fn holds(student: i64, card: i64, wants: bool) -> CardUse {
        let name = format!("Nilufar {student}");
        CardUse { card, student: StudentId(student), name, may_hold: true, wants, stays: Stays::No }
    }

    fn wants(student: i64, card: i64) -> CardUse {
        CardUse { may_hold: false, ..holds(student, card, true) }
    }

    fn plan(open: &[Open], uses: &[CardUse], others: &[Other], limits: Limits) -> Vec<Step> {
        let mut by_card = CardUses::default();
        uses.iter().cloned().for_each(|found| by_card.add(found));
        super::plan(open, &by_card, others, limits)
    }

    fn words(steps: &[Step]) -> Vec<&'static str> {
        steps
            .iter()
            .map(|step| match step {
                Step::Whole(_) => "whole",
                Step::ClearCard(_) => "clear",
                Step::Wait(Obstacle::CardBusy, _) => "busy",
                Step::Wait(..) => "wait",
                Step::Fail(Some(Obstacle::CardTwice), _) => "twice",
                Step::Fail(..) => "fail",
            })
            .collect()
    }

    #[test]
    fn a_card_that_nobody_else_has_may_leave() {
        assert_eq!(words(&plan(&[row(1, "17")], &[wants(1, 17)], &[], LIMITS)), ["whole"]);
    }

    #[test]
    fn rule_13_a_card_waits_for_the_command_that_frees_it() {
        let uses = [wants(2, 17), holds(1, 17, false)];
        assert_eq!(words(&plan(&[row(2, "17")], &uses, &[], LIMITS)), ["busy"]);
    }

    #[test]
    fn rule_13_a_card_that_a_held_removal_would_free_is_waited_for_with_that_reason() {
        let leaver = CardUse { stays: Stays::UntilDecided, ..holds(1, 17, false) };
        let steps = plan(&[row(2, "17")], &[wants(2, 17), leaver], &[], LIMITS);
        let words = "waits until card 17 is taken from Nilufar 1, which is held until somebody decides";
        assert_eq!(steps, [Step::Wait(Obstacle::CardBusy, words.to_owned())]);
    }

    #[test]
    fn rule_13_a_swap_of_two_cards_clears_one_first() {
        let open = [row(1, "22"), row(2, "11")];
        let uses = [holds(1, 11, false), wants(1, 22), holds(2, 22, false), wants(2, 11)];
        assert_eq!(words(&plan(&open, &uses, &[], LIMITS)), ["clear", "busy"]);
    }

    #[test]
    fn rule_13_a_circle_of_three_is_opened_at_one_place() {
        let open = [row(1, "22"), row(2, "33"), row(3, "11")];
        let uses =
            [holds(1, 11, false), holds(2, 22, false), holds(3, 33, false), wants(1, 22), wants(2, 33), wants(3, 11)];
        assert_eq!(words(&plan(&open, &uses, &[], LIMITS)), ["clear", "busy", "busy"]);
    }

    #[test]
    fn rule_15_of_two_with_one_card_the_later_fails_and_says_who_has_it() {
        let uses = [wants(1, 17), wants(2, 17)];
        let steps = plan(&[row(1, "17"), row(2, "0x11")], &uses, &[], LIMITS);
        assert_eq!(words(&steps), ["whole", "twice"]);
        let Step::Fail(_, words) = &steps[1] else { panic!("{steps:?}") };
        assert_eq!(words, "card 17 also belongs to Nilufar 1: give one of the two another card");
    }

    #[test]
    fn of_two_with_one_card_the_holder_keeps_it() {
        let uses = [wants(1, 17), holds(2, 17, true)];
        assert_eq!(words(&plan(&[row(1, "17"), row(2, "17")], &uses, &[], LIMITS)), ["twice", "whole"]);
    }

    #[test]
    fn rule_15_a_card_that_is_none_fails_with_words() {
        for card in ["banana", "0", "99999999999999999999"] {
            assert_eq!(words(&plan(&[row(1, card)], &[], &[], LIMITS)), ["fail"], "{card}");
        }
    }

    #[test]
    fn a_full_terminal_takes_changes_and_removals_but_nobody_new() {
        let full = Limits { room: Room::None, ..LIMITS };
        let newcomer = Open { is_held: false, ..row(2, "22") };
        let leaver = Open { wanted: Wanted::Absent, ..row(3, "33") };
        let steps = plan(&[row(1, "11"), newcomer, leaver], &[], &[], full);
        assert_eq!(words(&steps), ["whole", "wait", "whole"]);
    }

    #[test]
    fn one_newcomer_tries_whether_a_terminal_is_still_full() {
        let limits = Limits { room: Room::ForOneToTry, ..LIMITS };
        let newcomer = |student, card| Open { is_held: false, ..row(student, card) };
        let steps =
            plan(&[row(1, "11"), newcomer(2, "banana"), newcomer(3, "33"), newcomer(4, "44")], &[], &[], limits);
        assert_eq!(words(&steps), ["whole", "fail", "whole", "wait"]);
    }
}
