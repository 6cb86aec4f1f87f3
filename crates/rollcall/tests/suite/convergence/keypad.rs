//! Somebody is enrolled at the keypad under the PIN of a student who has left: he is a stranger as any other.

use std::collections::BTreeSet;

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus, seq::IndexedRandom as _};
use rollcall::devices::DeviceId;
use terminal_simulator::HeldUser;

use super::{NAMES, Story};

/// Its dice are its own: stories of before stay as they were until somebody is enrolled.
pub(super) struct Keypad {
    dice: Xoshiro256PlusPlus,
    /// (terminal, PIN)
    enrolled: BTreeSet<(usize, String)>,
}

/// A reading showed him to be gone, and nothing is under way or wanted for him.
const GONE: &str = "
    SELECT l.device_pin FROM device_user_sync_status l
    WHERE l.device_id = $1 AND NOT l.is_wanted AND NOT l.is_held AND l.verified_version = l.wanted_version
      AND NOT EXISTS (SELECT 1 FROM device_commands c WHERE c.device_id = l.device_id AND c.student_id = l.student_id
        AND c.attempts > 0 AND c.return_code IS NULL)
    ORDER BY l.student_id";
/// Of a student that left while it was known that somebody else has his PIN.
const UNDER_A_STRANGER: &str = "
    SELECT COUNT(*) FROM device_commands c
    JOIN device_user_sync_status l ON l.device_id = c.device_id AND l.student_id = c.student_id
    JOIN device_drift f ON f.device_id = c.device_id AND f.device_pin = l.device_pin AND f.kind = 'stranger'
    WHERE c.attempts > 0 AND c.created_at > f.found_at AND (f.ended_at IS NULL OR c.created_at < f.ended_at)";

impl Keypad {
    pub(super) fn of(seed: u64) -> Keypad {
        Keypad { dice: Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x00AD), enrolled: BTreeSet::new() }
    }

    pub(super) fn knows(&self, index: usize, pin: &str) -> bool {
        self.enrolled.contains(&(index, pin.to_owned()))
    }
}

impl Story {
    pub(super) async fn enrol_under_a_former_pin_now_and_then(&mut self) {
        if !self.keypad.dice.random_bool(0.15) {
            return;
        }
        let index = self.keypad.dice.random_range(0..self.terminals.len());
        let mut tx = self.world.app.db.read().await.unwrap();
        let gone: Vec<(String,)> = tx.all(GONE, [self.terminals[index].into()]).await.unwrap();
        drop(tx);
        let held = self.world.fleet.terminals()[index].users();
        let gone: Vec<String> = gone.into_iter().map(|(pin,)| pin).filter(|pin| !held.contains_key(pin)).collect();
        let Some(pin) = gone.choose(&mut self.keypad.dice).cloned() else { return };
        let name = format!("{} Nurse", NAMES.choose(&mut self.keypad.dice).unwrap());
        let card = self.keypad.dice.random_bool(0.5).then(|| 880_000 + self.keypad.dice.random_range(0..1_000_u64));
        self.note(format_args!("{name}, card {card:?}, is enrolled at the keypad of terminal {index} as PIN {pin}"));
        self.world.fleet.terminal(index).edit_at_keypad(&pin, &name, card);
        self.keypad.enrolled.insert((index, pin));
    }

    /// Whether whoever has this PIN on a terminal is somebody who was enrolled so, and not the student whose it was.
    pub(super) fn is_enrolled(&self, index: usize, user: &HeldUser, student: Option<&(String, u64)>) -> bool {
        self.keypad.knows(index, &user.pin) && student.is_none_or(|(name, _)| *name != user.name)
    }

    pub(super) async fn nothing_left_under_a_stranger(&self) {
        let left = self.world.number(UNDER_A_STRANGER).await;
        if left > 0 {
            self.fail(&format!("{left} commands of students left under PINs that somebody else had")).await;
        }
    }

    /// Once it is quiet an admin removes those whose students came back.
    pub(super) async fn remove_who_stands_in_the_way(&mut self) -> u64 {
        let mut decided = 0;
        for (index, pin) in self.keypad.enrolled.clone() {
            decided += self.remove_if_waited_for(self.terminals[index], index, &pin).await;
        }
        decided
    }

    async fn remove_if_waited_for(&mut self, device: DeviceId, index: usize, pin: &str) -> u64 {
        let mut tx = self.world.app.db.read().await.unwrap();
        let waits: Option<(i64,)> = tx
            .optional(
                "SELECT id FROM device_user_sync_status WHERE device_id = $1 AND device_pin = $2 AND is_wanted
                   AND obstacle = 'person_there' AND confirmed_version <> wanted_version",
                [device.into(), pin.into()],
            )
            .await
            .unwrap();
        drop(tx);
        if waits.is_none() {
            return 0;
        }
        self.decide_to_remove(index, pin).await
    }
}
