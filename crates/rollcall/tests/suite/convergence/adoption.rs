//! Terminals that were in use before: people who are students by card or by name, who are mixed up, and strangers. An admin
//! takes them over at any moment, in any way, and decides about single people.

use std::collections::BTreeSet;

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus, seq::IndexedRandom as _};
use rollcall::{
    devices::DeviceId,
    school::search::fold,
    sync::{
        adopt::{
            decide::{self, Outcome, What, Whom, Wish},
            view,
        },
        start::{self, Takeover},
    },
};
use terminal_simulator::HeldUser;

use super::{NAMES, Story};

/// Seeds whose stories were kept before there were such terminals.
const BEFORE: [u64; 7] = [4, 15, 32, 33, 61, 80, 105];

const MODES: [Takeover; 3] = [Takeover::Add, Takeover::LinkCards, Takeover::Replace];

/// What is true of the terminals that were in use before. Its dice are its own: stories of before stay as they were.
pub(super) struct Adoption {
    dice: Xoshiro256PlusPlus,
    /// Terminals with people.
    in_use: BTreeSet<usize>,
    /// Terminals on which somebody said that everybody else shall go.
    replaced: BTreeSet<usize>,
    /// (terminal, PIN): somebody said that he shall go.
    removed: BTreeSet<(usize, String)>,
    /// (terminal, PIN): somebody said that he stays.
    kept: BTreeSet<(usize, String)>,
    is_wanted: bool,
}

impl Adoption {
    pub(super) fn of(seed: u64) -> Adoption {
        Adoption {
            dice: Xoshiro256PlusPlus::seed_from_u64(!seed),
            in_use: BTreeSet::new(),
            replaced: BTreeSet::new(),
            removed: BTreeSet::new(),
            kept: BTreeSet::new(),
            is_wanted: !BEFORE.contains(&seed),
        }
    }

    /// Whether somebody decided that this person goes.
    pub(super) fn lets_go(&self, index: usize, pin: &str) -> bool {
        self.replaced.contains(&index) || self.removed.contains(&(index, pin.to_owned()))
    }

    /// Whether somebody decided that this person stays.
    pub(super) fn keeps(&self, index: usize, pin: &str) -> bool {
        self.kept.contains(&(index, pin.to_owned()))
    }
}

impl Story {
    /// Some of the terminals hold people before they call for the first time.
    pub(super) async fn people_were_there(&mut self) {
        let mut tx = self.world.app.db.read().await.unwrap();
        let roster: Vec<(String, String)> =
            tx.all("SELECT full_name, rfid_card_id FROM students ORDER BY id", []).await.unwrap();
        drop(tx);
        for index in 0..self.terminals.len() {
            if !self.adoption.is_wanted || !self.adoption.dice.random_bool(0.4) {
                continue;
            }
            self.adoption.in_use.insert(index);
            let dice = &mut self.adoption.dice;
            let mut cards = BTreeSet::new();
            let mut people = Vec::new();
            for pin in 1..=dice.random_range(2..12) {
                let (name, card) = roster.choose(dice).unwrap();
                let (other, _) = roster.choose(dice).unwrap();
                let card = card.parse::<u64>().ok().filter(|card| cards.insert(*card));
                let typed = fold(name).to_uppercase();
                let pin: String = if dice.random_bool(0.2) { format!("20{pin}") } else { format!("{pin}") };
                let (name, card) = match dice.random_range(0..6) {
                    0 | 1 => (typed, card),
                    2 => (typed, None),
                    3 => (fold(other).to_uppercase(), card),
                    4 => (String::new(), card),
                    _ => (format!("{} Caretaker", NAMES.choose(dice).unwrap()), None),
                };
                let person = HeldUser { fingers: 1, ..HeldUser::new(&pin, &name) };
                people.push(card.map_or(person.clone(), |card| person.with_card(card)));
            }
            if dice.random_bool(0.3) {
                people.push(HeldUser::new("99", "Chief").with_privilege(14));
            }
            for person in &people {
                let HeldUser { pin, name, card, .. } = person;
                self.diary.push(format!("terminal {index} holds {name:?} with PIN {pin}, card {card:?}"));
            }
            self.world.fleet.terminal(index).preload_users(people);
        }
    }

    pub(super) async fn adopt_now_and_then(&mut self) {
        if self.adoption.in_use.is_empty() || !self.adoption.dice.random_bool(0.2) {
            return;
        }
        let in_use: Vec<usize> = self.adoption.in_use.iter().copied().collect();
        let index = *in_use.choose(&mut self.adoption.dice).unwrap();
        if self.adoption.dice.random_bool(0.3) {
            let mode = *MODES.choose(&mut self.adoption.dice).unwrap();
            self.take_over_as(index, mode).await;
        } else {
            let what = *[What::Link, What::Keep, What::Remove].choose(&mut self.adoption.dice).unwrap();
            self.decide_about(index, Some(what), 1).await;
        }
    }

    /// Once it is quiet an admin has ours written to every terminal, also to one where somebody at the keypad was faster
    /// than the server.
    pub(super) async fn take_over(&mut self) {
        for index in 0..self.terminals.len() {
            let is_in_use = self.adoption.in_use.contains(&index);
            let mode = if is_in_use { *MODES.choose(&mut self.adoption.dice).unwrap() } else { Takeover::Add };
            self.take_over_as(index, mode).await;
        }
        if self.adoption.in_use.is_empty() {
            return;
        }
        // Whom a terminal does not tell of nobody can link: ours are written beside them.
        self.verify().await;
        for index in self.adoption.in_use.clone() {
            let mut tx = self.world.app.db.read().await.unwrap();
            let state = view::view(&mut tx, self.terminals[index]).await.unwrap().state;
            drop(tx);
            if state != "writing" {
                self.take_over_as(index, Takeover::Add).await;
            }
        }
    }

    async fn take_over_as(&mut self, index: usize, mode: Takeover) {
        self.note(format_args!("an admin takes terminal {index} over: {}", mode.as_str()));
        if mode == Takeover::Replace {
            self.adoption.replaced.insert(index);
        }
        let device = self.terminals[index];
        let mut tx = self.world.app.db.write().await.unwrap();
        start::take_over(&mut tx, device, mode, self.world.now()).await.unwrap();
        tx.commit().await.unwrap();
        self.world.app.registry.raise(&[device]);
    }

    /// Nobody is left who may be a student: matches are linked, the others go.
    pub(super) async fn decide_about_people(&mut self) -> u64 {
        let mut decided = 0;
        for index in self.adoption.in_use.clone() {
            decided += self.decide_about(index, None, usize::MAX).await;
        }
        decided
    }

    /// An admin decides about people on a terminal who may be students; without a wish, as he should.
    async fn decide_about(&mut self, index: usize, what: Option<What>, at_most: usize) -> u64 {
        let device = self.terminals[index];
        let mut decided = 0;
        for (pin, matched) in self.undecided(device).await.into_iter().take(at_most) {
            let is_match = matched == "card" || matched == "name";
            let what = what.unwrap_or(if is_match { What::Link } else { What::Remove });
            let wish = Wish { whom: Whom::Pin(pin.clone()), what, student: None };
            let mut tx = self.world.app.db.write().await.unwrap();
            let outcome = decide::decide(&mut tx, device, &[wish], self.world.now()).await.unwrap();
            tx.commit().await.unwrap();
            self.world.app.registry.raise(&[device]);
            self.note(format_args!(
                "an admin decides on terminal {index}: {what:?} PIN {pin} ({matched}): {outcome:?}"
            ));
            if matches!(outcome, Outcome::Done(_)) {
                decided += 1;
                match what {
                    What::Link => {}
                    What::Keep => drop(self.adoption.kept.insert((index, pin))),
                    What::Remove => drop(self.adoption.removed.insert((index, pin))),
                }
            }
        }
        decided
    }

    /// An admin says of somebody on a terminal that he shall go.
    pub(super) async fn decide_to_remove(&mut self, index: usize, pin: &str) -> u64 {
        let device = self.terminals[index];
        let wish = Wish { whom: Whom::Pin(pin.to_owned()), what: What::Remove, student: None };
        let mut tx = self.world.app.db.write().await.unwrap();
        let outcome = decide::decide(&mut tx, device, &[wish], self.world.now()).await.unwrap();
        tx.commit().await.unwrap();
        self.world.app.registry.raise(&[device]);
        self.note(format_args!("an admin removes PIN {pin} from terminal {index}: {outcome:?}"));
        let Outcome::Done(_) = outcome else { return 0 };
        self.adoption.removed.insert((index, pin.to_owned()));
        1
    }

    /// PIN and match of those who may be students, or who have the card of one; once it is quiet also of those whom somebody
    /// wanted to keep with such a card.
    async fn undecided(&self, device: DeviceId) -> Vec<(String, &'static str)> {
        let mut tx = self.world.app.db.read().await.unwrap();
        let people = view::view(&mut tx, device).await.unwrap().people;
        let is_end = self.world.now() >= self.quiet_from;
        let is_open = |person: &view::Adoptee| {
            let is_kept = person.decision.is_some_and(|decision| is_end && decision.is_kept());
            matches!(person.matched, "card" | "name" | "conflict") && (person.decision.is_none() || is_kept)
        };
        people.into_iter().filter(is_open).map(|person| (person.pin, person.matched)).collect()
    }
}
