//! One connection, of a terminal or of a browser.
//!
//! Terminals search reply headers by the letter, `Date:` and `Content-Length:`, and some of them read a body to the end of
//! the stream: so header names are in title case, and the connection ends where they expect it (FWSRC).

use std::{convert::Infallible, net::SocketAddr, pin::pin};

use axum::{body::Body, extract::ConnectInfo};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version, header::CONNECTION};
use http_body_util::{Either, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use push_protocol::request::is_terminal_path;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    Site,
    pace::Paced,
    stream::Stream,
    watch::{Watch, Watchdog},
};
use crate::web::origin::{Encrypted, Origin};

/// Whom a listener serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Serves {
    Everybody,
    Terminals,
    People,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub address: SocketAddr,
    pub is_encrypted: bool,
}

/// Bytes of a request's head.
const HEAD_BYTES: usize = 64 * 1024;

pub(super) async fn serve<IO>(site: Site, serves: Serves, io: IO, peer: Peer, stop: CancellationToken)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Watch::new();
    let service = service_fn(|request: Request<Incoming>| {
        watch.answering();
        let answer = answer(&site, serves, request, peer, watch.is_mended());
        let watch = &watch;
        async move {
            let response = answer.await;
            watch.answered();
            Ok::<_, Infallible>(response)
        }
    });
    let stream = TokioIo::new(Stream::new(io, watch.clone()));
    let connection = http1::Builder::new()
        .title_case_headers(true)
        .half_close(true)
        // The watchdog sets the times: it knows a slow head from an idle connection.
        .header_read_timeout(None)
        // More than a hundred headers are refused by themselves. A number given here, be it the same, costs each request an
        // allocation; terminals send about ten headers, browsers twenty.
        .max_buf_size(HEAD_BYTES)
        .serve_connection(stream, service);
    let mut connection = pin!(connection);
    let mut watchdog = pin!(Watchdog::new(watch.clone()));
    let mut stopped = pin!(stop.cancelled());
    let mut is_stopping = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => break ended,
            () = watchdog.as_mut() => return,
            () = stopped.as_mut(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended
        && error.is_parse()
    {
        site.door.refused(&watch.path(), peer.address.ip());
    }
}

async fn answer(
    site: &Site,
    serves: Serves,
    request: Request<Incoming>,
    peer: Peer,
    is_mended: bool,
) -> Response<Either<Full<Bytes>, Body>> {
    let is_terminal = is_terminal_path(request.uri().path());
    match serves {
        Serves::Terminals if !is_terminal => not_here(),
        Serves::People if is_terminal => not_here(),
        _ if is_terminal => {
            let version = request.version();
            let (ip, proxies) = (peer.address.ip(), &site.app.settings.trusted_proxies);
            let origin = Origin::of(ip, peer.is_encrypted, request.headers(), proxies);
            let address = origin.address.unwrap_or(ip);
            let closes = is_mended || wants_close(version, request.headers());
            let reply = site.door.answer(request.map(Paced::new), address).await;
            let mut response = reply.into_response(closes, site.app.clock.now()).map(Either::Left);
            // A reply of version 1.1 to a request of 1.0 that asks for keep-alive would be promised it.
            *response.version_mut() = version;
            response
        }
        _ => {
            let mut request = request.map(|body| Body::new(Paced::new(body)));
            request.extensions_mut().insert(ConnectInfo(peer.address));
            if peer.is_encrypted {
                request.extensions_mut().insert(Encrypted);
            }
            match site.pages.clone().oneshot(request).await {
                Ok(response) => response.map(Either::Right),
                Err(never) => match never {},
            }
        }
    }
}

/// Whether a terminal expects the connection to end after the reply. `starting` is a word of access units and newer
/// attendance ones (SEC4.8 §7, ATT5.8 §3.5).
fn wants_close(version: Version, headers: &HeaderMap) -> bool {
    let words = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    version < Version::HTTP_11
        || words.flat_map(|value| value.split(',')).any(|word| {
            let word = word.trim();
            word.eq_ignore_ascii_case("close") || word.eq_ignore_ascii_case("starting")
        })
}

/// The listener is not for this path.
fn not_here() -> Response<Either<Full<Bytes>, Body>> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from_static(b"not found\n"))));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
