//! What people and accidents do to a terminal without any server.

use jiff::{SignedDuration, civil::DateTime};

use super::{Terminal, registration, table::HeldUser, upload::Punch};
use crate::faults::FaultKind;

/// People whom somebody might enrol at a keypad.
const STRANGERS: [&str; 12] = [
    "Ayşe Demir",
    "Łukasz Wójcik",
    "Νίκος Αθανασίου",
    "李小明",
    "田中さくら",
    "김민준",
    "فاطمة الزهراء",
    "Нуржан Ахметов",
    "अनन्या शर्मा",
    "Nguyễn Thị Hoa",
    "ნინო ბერიძე",
    "José Ñuñez",
];

impl Terminal {
    /// A person punches at `at` on the terminal's own clock. Recorded at once, uploaded when its turn comes.
    pub fn punch(&mut self, pin: &str, at: DateTime) {
        self.punch_with(pin, at, self.profile.uploads.status, self.profile.uploads.verify);
    }

    /// As [`Terminal::punch`], with a status and a verify mode of the caller's (ATT5.8 §9.1).
    pub fn punch_with(&mut self, pin: &str, at: DateTime, status: u16, verify: u16) {
        self.outbox.punches.push(Punch { pin: pin.to_owned(), at, status, verify });
    }

    /// Somebody adds or changes a person at the keypad. The name is kept in the terminal's character set.
    pub fn edit_at_keypad(&mut self, pin: &str, name: &str, card: Option<u64>) {
        let known = self.table.get(pin).cloned();
        let code = if known.is_some() { 36 } else { 30 };
        let mut user = known.unwrap_or_else(|| HeldUser::new(pin, ""));
        let charset = self.charset();
        user.rename(&self.encode(name), self.profile.people.name_bytes, charset);
        user.card = card;
        self.table.store(user);
        self.log_operation(code, pin);
        self.log_user(pin);
        self.changed_here();
    }

    /// Somebody removes a person at the keypad.
    pub fn remove_at_keypad(&mut self, pin: &str) {
        if self.table.remove(pin).is_some() {
            self.log_operation(9, pin);
            self.changed_here();
        }
    }

    /// Somebody empties the terminal of people at the keypad. Punches stay.
    pub fn wipe(&mut self) {
        self.story.tell(self.now, "is wiped");
        self.table.clear();
        self.log_operation(13, "");
        self.changed_here();
    }

    /// People who are there before any server is.
    pub fn preload_users(&mut self, users: impl IntoIterator<Item = HeldUser>) {
        let (charset, limit) = (self.charset(), self.profile.people.name_bytes);
        for mut user in users {
            let name = std::mem::take(&mut user.name);
            user.rename(&self.encode(&name), limit, charset);
            self.table.store(user);
        }
        self.info_due = true;
    }

    /// The power goes and comes back: commands not yet carried out and answers not yet sent are forgotten; people,
    /// punches and posted results are in flash.
    pub fn reboot(&mut self) {
        self.statistics.reboots += 1;
        self.story.tell(self.now, "reboots");
        self.batch.clear();
        self.in_flight = None;
        self.outbox.forget_answers();
        self.link.session = false;
        self.registration = registration::Registration::default();
        self.link.stalled = false;
        self.reboot_due = false;
        self.results.attempts = 0;
        self.info_due = true;
        self.link.idle = false;
        self.link.dark_until = self.now + self.profile.polling.boot;
        if self.profile.uploads.replays_history {
            self.outbox.acknowledged = 0;
        }
        if self.profile.uploads.empty_operlog {
            self.outbox.nothing = Some(self.now);
        }
        self.log_operation(0, "");
    }

    /// New firmware, behind a reboot.
    pub fn upgrade_firmware(&mut self, firmware: &str) {
        firmware.clone_into(&mut self.profile.firmware);
        self.reboot();
    }

    /// Sets the wall clock wrong by this much against UTC plus the terminal's time zone.
    pub fn set_clock_skew(&mut self, skew: SignedDuration) {
        self.clock = SignedDuration::from_mins(i64::from(self.settings.zone)) + skew;
    }

    /// Counts of users are off by this much from now on; 0 makes them right again.
    pub fn miscount(&mut self, off: i64) {
        self.stale = Some((off, jiff::Timestamp::MAX));
    }

    /// The `Host` header from now on, e.g. `192.0.2.10:8081`.
    pub fn set_host(&mut self, host: &str) {
        host.clone_into(&mut self.profile.http.host);
    }

    /// Faults that strike a terminal by itself; one opportunity per poll.
    pub(super) fn misfortunes(&mut self) {
        let now = self.now;
        if self.faults.strikes(FaultKind::KeypadEdit, now) {
            self.edit_at_random();
        }
        if self.faults.strikes(FaultKind::Wipe, now) {
            self.wipe();
        }
        if self.faults.strikes(FaultKind::FullMemory, now) {
            let until = self.faults.end(now, 900);
            self.full_until = Some(until);
            self.story.tell(now, format!("has no room until {until:.0}"));
        }
        if self.faults.strikes(FaultKind::StaleCount, now) {
            let off = self.faults.number(1..=5) * if self.faults.index(2) == 0 { -1 } else { 1 };
            let until = self.faults.end(now, 900);
            self.stale = Some((off, until));
            self.story.tell(now, format!("miscounts by {off} until {until:.0}"));
        }
        if self.faults.strikes(FaultKind::WrongClock, now) {
            let skew = SignedDuration::from_mins(self.faults.number(-3000..=3000));
            self.set_clock_skew(skew);
            self.story.tell(now, format!("its clock jumps by {skew:#}"));
        }
    }

    fn edit_at_random(&mut self) {
        let name = STRANGERS[self.faults.index(STRANGERS.len())];
        let at = self.faults.index(self.table.len());
        let somebody = self.table.keys().nth(at).cloned();
        let (pin, what) = match (self.faults.index(4), somebody) {
            (0, Some(pin)) => {
                self.remove_at_keypad(&pin);
                (pin, "removes")
            }
            (1, Some(pin)) => {
                let card = self.table.get(&pin).and_then(|user| user.card);
                self.edit_at_keypad(&pin, name, card);
                (pin, "renames")
            }
            (2, Some(pin)) => {
                let kept = self.table.get(&pin).map(|user| user.name.clone()).unwrap_or_default();
                let card = u64::try_from(self.faults.number(1..=999_999_999)).ok();
                self.edit_at_keypad(&pin, &kept, card);
                (pin, "gives another card to")
            }
            _ => {
                let pin = self.faults.number(500_000..=599_999).to_string();
                self.edit_at_keypad(&pin, name, None);
                (pin, "adds")
            }
        };
        self.story.tell(self.now, format!("somebody at the keypad {what} {pin}"));
    }

    fn changed_here(&mut self) {
        self.info_due |= self.profile.polling.info_after_local_changes;
    }

    fn encode(&self, name: &str) -> Vec<u8> {
        self.charset().encode(name).into_owned()
    }
}
