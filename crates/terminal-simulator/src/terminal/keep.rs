//! What becomes of a person who is written: mostly he is stored.

use super::{Terminal, table::HeldUser};
use crate::faults::FaultKind;

impl Terminal {
    /// Stores somebody, if nothing goes wrong. The code of the command.
    pub(super) fn keep_user(&mut self, mut user: HeldUser) -> i64 {
        if !self.table.contains_key(&user.pin) && self.full_until.is_some_and(|until| self.now < until) {
            return -1001;
        }
        if self.faults.strikes(FaultKind::DropUser, self.now) {
            self.story.tell(self.now, format!("acknowledges {} and does not store it", user.pin));
            return 0;
        }
        if self.faults.strikes(FaultKind::CutField, self.now) {
            self.cut_field(&mut user);
        }
        self.statistics.users_written += 1;
        self.info_due = true;
        self.table.store(user);
        0
    }

    fn cut_field(&mut self, user: &mut HeldUser) {
        if user.card.is_some() && self.faults.index(2) == 0 {
            self.story.tell(self.now, format!("stores {} without the card", user.pin));
            user.card = None;
        } else {
            self.story.tell(self.now, format!("stores {} with half the name", user.pin));
            let half = user.name_bytes.len() / 2;
            let bytes = std::mem::take(&mut user.name_bytes);
            user.rename(&bytes, half, self.charset());
        }
    }
}
