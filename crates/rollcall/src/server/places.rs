//! How many connections there may be, in all and from one address. Beyond that a new one is closed at once: whoever holds
//! many open can keep nobody out but himself, unless he has many addresses.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    meters::{Crowd, Meters},
    networks::Networks,
};

/// The places of one listener.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all: usize,
    each: usize,
    /// They speak for many.
    proxies: Networks,
    meters: Meters,
    taken: Mutex<Taken>,
}

#[derive(Default, Debug)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    /// When it was last said that there was no place, and how often it went unsaid since.
    said: Option<(Timestamp, u64)>,
}

/// A connection's place; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    /// `None`: its address is not counted.
    address: Option<IpAddr>,
}

/// Between two lines of the log.
const SAY_EVERY: SignedDuration = SignedDuration::from_mins(1);

impl Places {
    pub fn new(all: usize, each: usize, proxies: Networks, meters: Meters) -> Places {
        Places(Arc::new(Inner { all, each, proxies, meters, taken: Mutex::default() }))
    }

    /// `None`: there is none left.
    pub fn take(&self, address: IpAddr, now: Timestamp) -> Option<Place> {
        let address = Some(counted_as(address)).filter(|address| !self.speaks_for_many(*address));
        let mut taken = self.lock();
        let here = address.map_or(0, |address| taken.by_address.get(&address).copied().unwrap_or(0));
        let crowd = match () {
            () if here >= self.0.each => Crowd::Address,
            () if taken.all >= self.0.all => Crowd::All,
            () => {
                taken.all += 1;
                if let Some(address) = address {
                    *taken.by_address.entry(address).or_default() += 1;
                }
                return Some(Place { places: self.clone(), address });
            }
        };
        self.0.meters.refused_connection(crowd);
        if let Some(suppressed) = taken.is_due(now) {
            let address = address.map(tracing::field::display);
            tracing::warn!(
                address,
                connections = taken.all,
                suppressed,
                reason = crowd.as_str(),
                "too many connections"
            );
        }
        None
    }

    /// Whoever is on this machine has other ways to do harm, and mostly is a proxy.
    fn speaks_for_many(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.0.proxies.contains(address)
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn is_due(&mut self, now: Timestamp) -> Option<u64> {
        match &mut self.said {
            Some((at, suppressed)) if now.duration_since(*at) < SAY_EVERY => {
                *suppressed += 1;
                None
            }
            said => Some(said.replace((now, 0)).map_or(0, |(_, suppressed)| suppressed)),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all = taken.all.saturating_sub(1);
        let Some(address) = self.address else { return };
        if let Some(here) = taken.by_address.get_mut(&address) {
            *here -= 1;
            if *here == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

/// Who has one IPv6 address has all of its network.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_places_and_all_have_theirs() {
        let meters = Meters::new("SQLite");
        let places = Places::new(5, 2, "10.0.0.0/24".parse().unwrap(), meters.clone());
        let now = Timestamp::UNIX_EPOCH;
        let take = |address: &str| places.take(address.parse().unwrap(), now);
        let first = take("192.0.2.7");
        let _second = take("::ffff:192.0.2.7");
        assert!(first.is_some() && take("192.0.2.7").is_none());
        let _third = take("2001:db8::1").unwrap();
        drop(first);
        let _again = take("192.0.2.7").unwrap();
        let _fourth = take("2001:db8::ffff:1").unwrap();
        assert!(take("2001:db8::2").is_none(), "its network has two");
        let _proxy = take("10.0.0.3").unwrap();
        assert!(take("10.0.0.3").is_none(), "five are all there are");
        assert_eq!(places.lock().by_address.len(), 2);
        let page = meters.render();
        assert!(page.contains("rollcall_connections_refused_total{reason=\"address\"} 2\n"), "{page}");
        assert!(page.contains("rollcall_connections_refused_total{reason=\"all\"} 1\n"), "{page}");
    }
}
