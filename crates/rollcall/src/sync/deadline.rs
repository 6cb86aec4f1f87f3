//! How long an answer is waited for, and how often it is asked for (rule 11).

use jiff::{SignedDuration, Timestamp};

/// How often a command is offered to a terminal that keeps polling and never answers.
pub const OFFERS: i64 = 10;
/// The longest wait for a result, in first waits.
const LONGEST_WAIT: i32 = 60;

/// How long a result is waited for: the first wait, doubled with each offer, and a second for each command of the batch.
pub(super) fn wait(first: SignedDuration, attempt: i64, batch: usize) -> SignedDuration {
    let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(6);
    let wait = first * 2_i32.pow(doublings).min(LONGEST_WAIT);
    wait + SignedDuration::from_secs(batch as i64)
}

pub(super) fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_11_the_wait_doubles_to_sixty_times_the_first_and_grows_with_the_batch() {
        let first = SignedDuration::from_secs(30);
        let waits: Vec<i64> = (1..=8).map(|attempt| wait(first, attempt, 0).as_secs()).collect();
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1800, 1800]);
        assert_eq!(wait(first, 1, 100).as_secs(), 130);
    }
}
