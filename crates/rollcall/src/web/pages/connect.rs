//! `/connect`: what to type into a terminal, and the terminals that called and belong to no school yet.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use askama::Template;
use axum::extract::State;
use http::{HeaderMap, header, uri::Authority};

use super::{Reply, View, Visitor, show_live, words::Words};
use crate::{
    app::App,
    devices::unknown::{self, UnknownTerminal},
};

#[derive(Template)]
#[template(path = "connect.html", blocks = ["live"])]
struct ConnectPage {
    w: &'static Words,
    view: View,
    address: String,
    /// Nobody told us: it is what this machine would use.
    is_guessed: bool,
    port: u16,
    callers: Vec<UnknownTerminal>,
    more: i64,
}

/// As many as fit on a page; the page of unknown terminals has all.
const SHOWN: i64 = 10;

pub async fn show_connect(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Reply {
    visitor.caller.may_change()?;
    let view = visitor.view;
    let mut tx = app.db.read().await?;
    let (callers, total) = unknown::list(&mut tx, None, SHOWN, 0).await?;
    drop(tx);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let (address, is_guessed) = address_for_terminals(host.as_ref());
    let port = match app.settings.terminal_listen {
        Some(listen) => listen.port(),
        // Behind a proxy the browser's port is the proxy's.
        None if !app.settings.trusted_proxies.is_empty() => app.settings.listen.port(),
        None => host.and_then(|host| host.port_u16()).unwrap_or(app.settings.listen.port()),
    };
    let more = total - i64::try_from(callers.len()).unwrap_or(0);
    let page = ConnectPage { w: view.w, view, address, is_guessed, port, callers, more };
    show_live(&page.view, &page, page.as_live())
}

/// A terminal wants an IP address: the one under which the browser found us, if that is one which others can reach.
fn address_for_terminals(host: Option<&Authority>) -> (String, bool) {
    let named = host.and_then(|host| host.host().parse::<Ipv4Addr>().ok());
    match named.filter(|address| !address.is_loopback() && !address.is_unspecified()) {
        Some(address) => (address.to_string(), false),
        None => (outbound().map_or_else(|| "192.168.…".to_owned(), |address| address.to_string()), true),
    }
}

/// The address that this machine uses towards others. Nothing is sent: a datagram socket only chooses a route.
fn outbound() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
