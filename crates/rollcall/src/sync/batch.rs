//! How many commands a terminal takes per poll, as learnt (rules 11, 12). Pure.
//!
//! Some firmware handles only the first command of a reply and loses the rest without a word; most take a hundred. So a
//! terminal starts with one, is given twice as many while whole batches come back, and falls back to one for good when it
//! answers only the first of a batch twice.

use push_protocol::command::REPLY_COMMANDS;

/// What is known of a terminal, and of the batch it was given last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Learnt {
    pub batch_size: i64,
    /// It was shown, twice, to handle one command per poll: no more is tried until its firmware changes.
    pub one_per_poll: bool,
    /// Batches of this session of which only the first command was answered.
    pub short_batches: i64,
    pub batch_commands: i64,
    pub batch_answered: i64,
    /// Position of the last answered command of the batch, from 1.
    pub batch_last_answered: i64,
    pub batch_is_judged: bool,
}

/// Commands of the last batch that are offered again at once: those behind this position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OfferAgainBehind(pub i64);

impl Learnt {
    /// How many commands the next reply may hold.
    pub fn room(&self) -> i64 {
        if self.one_per_poll { 1 } else { self.batch_size.clamp(1, REPLY_COMMANDS as i64) }
    }

    /// How many questions the next reply may hold. They are not judged as batches are, so they are no more than the terminal
    /// has been seen to take: whatever it ignores would cost a deadline.
    pub fn proven_room(&self) -> i64 {
        (self.room() / 2).max(1)
    }

    /// Judges the last batch at a poll after one of its results, or after its deadline.
    pub fn judge(&mut self, is_overdue: bool) -> Option<OfferAgainBehind> {
        if self.batch_is_judged || (self.batch_answered == 0 && !is_overdue) {
            return None;
        }
        self.batch_is_judged = true;
        if self.batch_answered >= self.batch_commands {
            self.batch_size = self.batch_size.max(2 * self.batch_commands).min(REPLY_COMMANDS as i64);
            if self.batch_commands > 1 {
                self.short_batches = 0;
            }
            return None;
        }
        if self.batch_answered == 0 {
            self.batch_size = (self.batch_size / 2).max(1);
            return None;
        }
        if self.batch_last_answered == 1 {
            self.short_batches += 1;
            self.one_per_poll |= self.short_batches >= 2;
        }
        self.batch_size = 1;
        Some(OfferAgainBehind(self.batch_last_answered))
    }

    /// Other firmware may be able to do more.
    pub fn forget(&mut self) {
        self.batch_size = 1;
        self.one_per_poll = false;
        self.short_batches = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Learnt = Learnt {
        batch_size: 1,
        one_per_poll: false,
        short_batches: 0,
        batch_commands: 0,
        batch_answered: 0,
        batch_last_answered: 0,
        batch_is_judged: true,
    };

    fn given(learnt: Learnt, commands: i64, answered: i64, last: i64) -> Learnt {
        Learnt {
            batch_commands: commands,
            batch_answered: answered,
            batch_last_answered: last,
            batch_is_judged: false,
            ..learnt
        }
    }

    #[test]
    fn rule_12_whole_batches_double_up_to_two_hundred() {
        let mut learnt = NEW;
        let mut sizes = Vec::new();
        for _ in 0..10 {
            let room = learnt.room();
            sizes.push(room);
            learnt = given(learnt, room, room, room);
            assert_eq!(learnt.judge(false), None);
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 64, 128, 200, 200]);
    }

    #[test]
    fn questions_are_no_more_than_what_came_back_whole() {
        let mut learnt = NEW;
        assert_eq!(learnt.proven_room(), 1);
        for whole in [1, 2, 4, 8, 16] {
            learnt = given(learnt, whole, whole, whole);
            learnt.judge(false);
            assert_eq!(learnt.proven_room(), whole);
        }
        learnt = given(learnt, 32, 1, 1);
        learnt.judge(false);
        assert_eq!(learnt.proven_room(), 1);
    }

    #[test]
    fn rule_12_only_the_first_answered_in_two_batches_means_one_per_poll() {
        let mut learnt = given(Learnt { batch_size: 2, ..NEW }, 2, 1, 1);
        assert_eq!(learnt.judge(false), Some(OfferAgainBehind(1)));
        assert_eq!((learnt.room(), learnt.one_per_poll), (1, false));
        learnt = given(Learnt { batch_size: 2, ..learnt }, 2, 1, 1);
        assert_eq!(learnt.judge(false), Some(OfferAgainBehind(1)));
        learnt.batch_size = 64;
        assert_eq!((learnt.room(), learnt.one_per_poll), (1, true));
        learnt.forget();
        assert!(!learnt.one_per_poll);
    }

    #[test]
    fn rule_12_nothing_answered_is_no_evidence_and_halves_after_the_deadline() {
        let mut learnt = given(Learnt { batch_size: 64, ..NEW }, 64, 0, 0);
        assert_eq!(learnt.judge(false), None);
        assert_eq!(learnt.room(), 64);
        learnt.judge(true);
        assert_eq!((learnt.room(), learnt.short_batches), (32, 0));
    }

    #[test]
    fn rule_12_what_lies_behind_the_last_answered_is_offered_again() {
        let mut learnt = given(Learnt { batch_size: 8, ..NEW }, 8, 4, 5);
        assert_eq!(learnt.judge(false), Some(OfferAgainBehind(5)));
        assert_eq!((learnt.room(), learnt.short_batches), (1, 0));
    }
}
