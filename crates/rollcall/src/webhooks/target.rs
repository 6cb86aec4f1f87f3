//! Where a message may go. Whoever may add an endpoint could otherwise have this server call what only it can reach.

use std::{net::IpAddr, sync::LazyLock};

use url::{Host, Url};

use crate::networks::Networks;

/// Why an address is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoTarget {
    #[error("it is no address like https://example.org/hooks")]
    Malformed,
    #[error("it begins with http:// or https://")]
    Scheme,
    #[error("no user and password in it: messages are signed, and addresses are shown")]
    Credentials,
    #[error("it has at most {LONGEST} characters")]
    TooLong,
    #[error("{0} is no public address, and --webhook-networks of this server does not name it")]
    NotPublic(IpAddr),
}

const LONGEST: usize = 2_000;

/// An address as somebody wrote it. What a name stands for is looked at with each message; an address of its own, now.
pub(super) fn parse(text: &str, networks: &Networks) -> Result<Url, NoTarget> {
    let text = text.trim();
    if text.len() > LONGEST {
        return Err(NoTarget::TooLong);
    }
    let mut url = Url::parse(text).map_err(|_| NoTarget::Malformed)?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(NoTarget::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NoTarget::Credentials);
    }
    let literal = match url.host() {
        None => return Err(NoTarget::Malformed),
        Some(Host::Domain(_)) => None,
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
    };
    if let Some(address) = literal.filter(|address| !may_go(*address, networks)) {
        return Err(NoTarget::NotPublic(address));
    }
    url.set_fragment(None);
    Ok(url)
}

/// What may be logged of an address: paths of receivers are often secrets.
pub(super) fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| "?".to_owned(), |url| url.origin().ascii_serialization())
}

/// Whether a message may go to this address: it is a public one, or in a network that the operator named.
pub(super) fn may_go(address: IpAddr, networks: &Networks) -> bool {
    let address = address.to_canonical();
    networks.contains(address) || is_public(address)
}

/// What the registries of special-purpose addresses (IANA, after RFC 6890) do not call globally reachable, and what hides
/// an IPv4 address in an IPv6 one.
const NOT_PUBLIC: &str = "
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24
    192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
    2001::/23 2001:db8::/32 2002::/16 3fff::/20";
/// Of IPv6 only this much is given out at all.
const GIVEN_OUT: &str = "2000::/3";

static CLOSED: LazyLock<Networks> = LazyLock::new(|| NOT_PUBLIC.parse().expect("networks"));
static OPEN: LazyLock<Networks> = LazyLock::new(|| GIVEN_OUT.parse().expect("a network"));

fn is_public(address: IpAddr) -> bool {
    !CLOSED.contains(address) && (address.is_ipv4() || OPEN.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_and_named_networks_alone() {
        let nowhere = Networks::default();
        for address in ["8.8.8.8", "185.199.108.153", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(may_go(address.parse().unwrap(), &nowhere), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "100::1",
        ] {
            assert!(!may_go(address.parse().unwrap(), &nowhere), "{address}");
        }
        let named: Networks = "10.20.0.0/16, fd00::/8".parse().unwrap();
        assert!(may_go("10.20.3.4".parse().unwrap(), &named) && may_go("::ffff:10.20.3.4".parse().unwrap(), &named));
        assert!(may_go("fd00::7".parse().unwrap(), &named) && !may_go("10.21.0.1".parse().unwrap(), &named));
    }

    #[test]
    fn an_address_is_looked_at_when_it_is_saved() {
        let parse = |text: &str| parse(text, &Networks::default()).map(|url| url.to_string());
        assert_eq!(parse(" https://Hooks.Example.org/in?a=b#c "), Ok("https://hooks.example.org/in?a=b".to_owned()));
        assert_eq!(parse("http://bücher.example/"), Ok("http://xn--bcher-kva.example/".to_owned()));
        assert_eq!(parse("ftp://example.org"), Err(NoTarget::Scheme));
        assert_eq!(parse("file:///etc/passwd"), Err(NoTarget::Scheme));
        assert_eq!(parse("hooks.example.org"), Err(NoTarget::Malformed));
        assert_eq!(parse("https://"), Err(NoTarget::Malformed));
        assert_eq!(parse("https://user:pass@example.org"), Err(NoTarget::Credentials));
        assert_eq!(parse("https://token@example.org"), Err(NoTarget::Credentials));
        assert_eq!(parse(&format!("https://example.org/{}", "x".repeat(2_000))), Err(NoTarget::TooLong));
        // However it is written.
        for loopback in ["http://127.0.0.1/", "http://127.1/", "http://0x7f000001/", "http://2130706433/"] {
            assert_eq!(parse(loopback), Err(NoTarget::NotPublic([127, 0, 0, 1].into())), "{loopback}");
        }
        assert!(matches!(parse("http://[::ffff:10.0.0.1]/"), Err(NoTarget::NotPublic(_))));
        assert_eq!(origin("https://hooks.example.org/secret/path?token=x"), "https://hooks.example.org");
    }
}
