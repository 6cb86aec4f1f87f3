//! Where a request came from: the peer of its connection, or what a proxy says that is trusted to.
//!
//! Everybody can write `X-Forwarded-For`. It is read from the right, because each proxy adds its peer at the end: the first
//! address that is none of our own proxies is the caller's. What a caller wrote himself stands further left and is never
//! looked at. Where `Forwarded` (RFC 7239) stands beside it and says something else, neither is believed: the proxy sets one
//! of them, and passes on what the caller wrote into the other.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::{HeaderMap, request::Parts};

use crate::{app::App, networks::Networks};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Empty only where there is no connection.
    pub address: Option<IpAddr>,
    /// Nobody on the way from the caller to the first of our machines could read along.
    pub is_encrypted: bool,
}

/// The connection itself is encrypted. An extension of its requests.
#[derive(Clone, Copy, Debug)]
pub struct Encrypted;

impl Origin {
    pub fn of(peer: IpAddr, is_encrypted: bool, headers: &HeaderMap, proxies: &Networks) -> Origin {
        let peer = peer.to_canonical();
        let Some(network) = proxies.network_of(peer) else { return Origin { address: Some(peer), is_encrypted } };
        // Several balancers that name nobody are one to us: from which of them a call comes says nothing.
        let nobody = network.addr();
        let hops = match (listed(headers), forwarded(headers, "for")) {
            (Some(listed), Some(forwarded)) if listed != forwarded => Vec::new(),
            (Some(hops), _) | (None, Some(hops)) => hops,
            (None, None) => Vec::new(),
        };
        let schemes = (last(headers, "x-forwarded-proto"), forwarded(headers, "proto"));
        let is_https = |scheme: &String| scheme.eq_ignore_ascii_case("https");
        let is_encrypted = match schemes {
            (Some(scheme), Some(forwarded)) => is_https(&scheme) && forwarded.last().is_some_and(is_https),
            (Some(scheme), None) => is_https(&scheme),
            (None, Some(forwarded)) => forwarded.last().is_some_and(is_https),
            (None, None) => is_encrypted,
        };
        Origin { address: Some(caller(&hops, proxies).unwrap_or(nobody)), is_encrypted }
    }
}

/// The last hop that is none of ours; the first one where all are. `None` when one of them cannot be read.
fn caller(hops: &[String], proxies: &Networks) -> Option<IpAddr> {
    let mut found = None;
    for hop in hops.iter().rev() {
        let address = address_of(hop)?;
        found = Some(address);
        if !proxies.contains(address) {
            break;
        }
    }
    found
}

/// `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::7`, `[2001:db8::7]`, `[2001:db8::7]:4711`.
fn address_of(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// The hops of `X-Forwarded-For`, the nearest last.
fn listed(headers: &HeaderMap) -> Option<Vec<String>> {
    pieces(headers, "x-forwarded-for")
}

fn last(headers: &HeaderMap, name: &str) -> Option<String> {
    pieces(headers, name)?.pop()
}

fn pieces(headers: &HeaderMap, name: &str) -> Option<Vec<String>> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?"));
    let pieces: Vec<String> = values.flat_map(|value| value.split(',')).map(|piece| piece.trim().to_owned()).collect();
    (!pieces.is_empty()).then_some(pieces)
}

/// One parameter of each hop of `Forwarded`, the nearest last.
fn forwarded(headers: &HeaderMap, parameter: &str) -> Option<Vec<String>> {
    let of_hop = |hop: String| {
        hop.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case(parameter).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    let values: Vec<String> = pieces(headers, "forwarded")?.into_iter().filter_map(of_hop).collect();
    (!values.is_empty()).then_some(values)
}

impl FromRequestParts<App> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Origin, Infallible> {
        Ok(Origin::of_request(parts, app))
    }
}

impl Origin {
    pub(super) fn of_request(parts: &Parts, app: &App) -> Origin {
        let is_encrypted = parts.extensions.get::<Encrypted>().is_some();
        match parts.extensions.get::<ConnectInfo<SocketAddr>>() {
            Some(ConnectInfo(peer)) => {
                Origin::of(peer.ip(), is_encrypted, &parts.headers, &app.settings.trusted_proxies)
            }
            None => Origin { address: None, is_encrypted },
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn origin(peer: &str, headers: &[(&'static str, &'static str)]) -> (String, bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let proxies = "10.0.0.0/24, 127.0.0.1".parse().unwrap();
        let origin = Origin::of(peer.parse().unwrap(), false, &map, &proxies);
        (origin.address.unwrap().to_string(), origin.is_encrypted)
    }

    fn is(address: &str, is_encrypted: bool) -> (String, bool) {
        (address.to_owned(), is_encrypted)
    }

    #[test]
    fn whoever_is_no_proxy_of_ours_is_who_he_is() {
        let lies = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https"), ("forwarded", "for=192.0.2.1")];
        assert_eq!(origin("198.51.100.7", &lies), is("198.51.100.7", false));
    }

    #[test]
    fn the_nearest_hop_that_is_none_of_ours_is_the_caller() {
        let chain = [
            ("x-forwarded-for", "127.0.0.1, 192.0.2.66"),
            ("x-forwarded-for", "203.0.113.9, 10.0.0.2"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(origin("10.0.0.3", &chain), is("203.0.113.9", true));
        assert_eq!(origin("::ffff:10.0.0.3", &[("x-forwarded-for", "203.0.113.9:4711")]), is("203.0.113.9", false));
        assert_eq!(origin("10.0.0.3", &[("x-forwarded-for", "10.0.0.8, 10.0.0.9")]), is("10.0.0.8", false));
        let standard = [("forwarded", "for=192.0.2.1;proto=http, For=\"[2001:db8::17]:4711\";Proto=https;by=10.0.0.3")];
        assert_eq!(origin("10.0.0.3", &standard), is("2001:db8::17", true));
    }

    #[test]
    fn two_stories_are_none() {
        let both = [
            ("x-forwarded-for", "203.0.113.9"),
            ("forwarded", "for=192.0.2.1;proto=https"),
            ("x-forwarded-proto", "http"),
        ];
        assert_eq!(origin("10.0.0.3", &both), is("10.0.0.0", false));
        assert_eq!(origin("10.0.0.3", &[("x-forwarded-for", "203.0.113.9, unknown")]), is("10.0.0.0", false));
    }

    #[test]
    fn balancers_that_name_nobody_are_one() {
        assert_eq!(origin("10.0.0.3", &[]), origin("10.0.0.77", &[]));
        assert_eq!(origin("127.0.0.1", &[("x-forwarded-proto", "http, https")]), is("127.0.0.1", true));
    }
}
