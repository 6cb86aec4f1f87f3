//! What people do at the demo's terminals behind the server's back.

use std::collections::BTreeMap;

use rand::{RngExt as _, seq::IndexedRandom as _};
use terminal_simulator::Terminal;

/// Whom a terminal holds, by PIN: name and card.
pub(super) type People = BTreeMap<String, (String, Option<u64>)>;

#[derive(Clone, Debug)]
pub(super) enum Deed {
    Rename { pin: String, before: String, after: &'static str, card: Option<u64> },
    Enrol { pin: String, name: &'static str, card: u64 },
    Wipe,
}

const NICKNAMES: [&str; 4] = ["Captain", "Лисичка", "小老虎", "Sparrow"];
const STRANGERS: [&str; 4] = ["Νίκος Αθανασίου", "Yuki Tanaka", "Владимир Лис", "Rahel Bekele"];

impl Deed {
    /// The deed of a turn, to people who are there.
    pub(super) fn of_turn(turn: usize, people: &People) -> Deed {
        let all: Vec<_> = people.iter().collect();
        match (turn % 3, all.choose(&mut rand::rng())) {
            (0, Some((pin, (name, card)))) => {
                let after = NICKNAMES[turn / 3 % NICKNAMES.len()];
                Deed::Rename { pin: (*pin).clone(), before: name.clone(), after, card: *card }
            }
            (1, _) => {
                let pin = rand::rng().random_range(5_000..9_000_u32).to_string();
                let card = rand::rng().random_range(1_000_000..4_000_000_u64);
                Deed::Enrol { pin, name: STRANGERS[turn / 3 % STRANGERS.len()], card }
            }
            _ => Deed::Wipe,
        }
    }

    /// Somebody's hands on the terminal.
    pub(super) fn act(&self, terminal: &mut Terminal) {
        match self {
            Deed::Rename { pin, after, card, .. } => terminal.edit_at_keypad(pin, after, *card),
            Deed::Enrol { pin, name, card } => terminal.edit_at_keypad(pin, name, Some(*card)),
            Deed::Wipe => terminal.wipe(),
        }
    }

    pub(super) fn in_words(&self, place: &str) -> String {
        match self {
            Deed::Rename { before, after, .. } => {
                format!("At the keypad of the {place} somebody renames {before} to {after}")
            }
            Deed::Enrol { name, .. } => format!("At the keypad of the {place} a stranger is enrolled: {name}"),
            Deed::Wipe => format!("The {place} terminal is wiped"),
        }
    }
}

/// Whom a simulated terminal holds right now: what it is, not what the server thinks.
pub(super) fn held(terminal: &Terminal) -> People {
    terminal.users().iter().map(|(pin, user)| (pin.clone(), (user.name.clone(), user.card))).collect()
}
