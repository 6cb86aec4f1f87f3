//! What only few terminals have: a list of addresses, a former address, a suspicion. The others pay a pointer for it.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::{
    devices::trust::{self, Suspicion},
    networks::Networks,
};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::devices) struct Rare {
    pub suspicion: Option<Suspicion>,
    /// Addresses between which it may change as it likes.
    pub accepted: Vec<IpAddr>,
    /// From where it may call; `None` is from anywhere.
    pub allowed: Option<Networks>,
    /// From where it called of late, before the present address, and when it last did.
    pub former: Vec<(IpAddr, Timestamp)>,
    /// Two addresses that took turns, until that is stored.
    pub contest: Option<(IpAddr, IpAddr)>,
}

/// Addresses within [`trust::TURN`]. Nothing honest has more: whoever takes always another one is found by that.
const FORMER: usize = 6;

impl Rare {
    /// It calls from `to`, and called from `from` before, last at `at`. Answers whether addresses take turns.
    pub fn moves(&mut self, from: IpAddr, at: Timestamp, to: IpAddr, now: Timestamp) -> bool {
        self.former.retain(|(_, at)| now.duration_since(*at) <= trust::TURN);
        let comes_back = self.former.iter().any(|(address, _)| *address == to);
        self.former.retain(|(address, _)| *address != to);
        if now.duration_since(at) <= trust::TURN {
            self.former.push((from, at));
        }
        if self.former.len() > FORMER {
            self.former.remove(0);
            return true;
        }
        comes_back && !self.are_accepted(from, to)
    }

    /// Whether a former address called so shortly ago that the terminal may still be there. A terminal that was given
    /// another address leaves the former one silent; an impostor does not.
    pub fn may_be_elsewhere(&self, address: IpAddr, silence: SignedDuration, now: Timestamp) -> bool {
        self.former.iter().any(|(former, at)| now.duration_since(*at) < silence && !self.are_accepted(*former, address))
    }

    /// Keeps what only memory knows.
    pub fn keep(&mut self, before: Rare) {
        self.former = before.former;
        self.contest = before.contest;
        if before.contest.is_some() {
            self.suspicion = self.suspicion.or(before.suspicion);
        }
    }

    fn are_accepted(&self, one: IpAddr, other: IpAddr) -> bool {
        self.accepted.contains(&one) && self.accepted.contains(&other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 8));

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_new_address_is_no_quarrel_and_one_that_comes_back_soon_is() {
        let mut rare = Rare::default();
        assert!(!rare.moves(A, at(0), B, at(40)));
        assert!(rare.may_be_elsewhere(B, SignedDuration::from_secs(90), at(60)));
        assert!(!rare.may_be_elsewhere(B, SignedDuration::from_secs(90), at(90)));
        assert!(rare.clone().moves(B, at(80), A, at(100)));
        assert!(!rare.moves(B, at(80_000), A, at(80_020)), "its lease ended, and it was given its old address");
    }

    #[test]
    fn what_was_confirmed_may_take_turns_and_a_third_may_not() {
        let mut rare = Rare { accepted: vec![A, B], ..Rare::default() };
        let other = IpAddr::from([198, 51, 100, 1]);
        assert!(!rare.moves(A, at(0), B, at(20)) && !rare.moves(B, at(20), A, at(40)));
        assert!(!rare.may_be_elsewhere(A, SignedDuration::from_secs(90), at(40)));
        assert!(!rare.moves(A, at(60), other, at(80)) && rare.moves(other, at(80), A, at(100)));
    }

    #[test]
    fn whoever_takes_always_another_address_is_found() {
        let mut rare = Rare::default();
        let address = |n: u8| IpAddr::from([192, 0, 2, n]);
        let found = (0..20)
            .find(|n| rare.moves(address(*n), at(i64::from(*n) * 20), address(n + 1), at(i64::from(*n) * 20 + 20)));
        assert_eq!(found, Some(6));
    }
}
