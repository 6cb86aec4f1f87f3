//! One request. The connection goes to an address that was looked at, not to a name that may mean another one a moment
//! later; nothing is followed elsewhere, and nothing of the answer is read but its head.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::target;
use crate::networks::Networks;

/// From the look at the name to the head of the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// For each address of a name, so that one that is dead leaves time for another.
const TO_CONNECT: Duration = Duration::from_secs(3);

/// Sends requests. Cheap to clone.
#[derive(Clone)]
pub(super) struct Post {
    /// Beside the public ones.
    networks: Networks,
    tls: TlsConnector,
}

/// A request, ready to leave.
pub(super) struct Letter<'a> {
    pub url: &'a str,
    pub id: &'a str,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// One, or two with a blank between while a secret is being renewed.
    pub signatures: &'a str,
    pub body: String,
}

/// What the receiver said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    /// It asks to be left alone for so long.
    pub retry_after: Option<SignedDuration>,
}

/// Why there is no answer. Words for a person; they name no path of the address, which may be a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("the address cannot be used any more: {0}")]
    Target(#[from] target::NoTarget),
    #[error("the name {0} is not known")]
    Unknown(String),
    /// What a name of the inside stands for is nobody's business who only may write it down.
    #[error("{0} stands for no public address, and --webhook-networks of this server does not name what it stands for")]
    NotPublic(String),
    #[error("nobody answers at {address}: {why}")]
    Unreachable { address: SocketAddr, why: String },
    #[error("no connection that can be trusted: {0}")]
    Tls(String),
    #[error("it broke off: {0}")]
    Broken(String),
    #[error("no answer within {} seconds", PATIENCE.as_secs())]
    Slow,
}

impl Post {
    pub(super) fn new(networks: Networks) -> Post {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let Ok(builder) = builder.with_safe_default_protocol_versions() else {
            unreachable!("the provider has the versions that are safe")
        };
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        Post { networks, tls: TlsConnector::from(Arc::new(config)) }
    }

    pub(super) async fn send(&self, letter: Letter<'_>) -> Result<Answer, NoAnswer> {
        timeout(PATIENCE, self.hand_over(letter)).await.unwrap_or(Err(NoAnswer::Slow))
    }

    async fn hand_over(&self, letter: Letter<'_>) -> Result<Answer, NoAnswer> {
        let url = target::parse(letter.url, &self.networks)?;
        let io = self.connect(&url).await?;
        let request = request(&url, letter)?;
        match url.scheme() {
            "https" => {
                let name = ServerName::try_from(url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned());
                let name = name.map_err(|error| NoAnswer::Tls(error.to_string()))?;
                let io = self.tls.connect(name, io).await.map_err(|error| NoAnswer::Tls(error.to_string()))?;
                exchange(io, request).await
            }
            _ => exchange(io, request).await,
        }
    }

    /// To the first address of the name that may be gone to and that takes the connection.
    async fn connect(&self, url: &Url) -> Result<TcpStream, NoAnswer> {
        let name = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let addresses: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(address)) => vec![(address, port).into()],
            Some(Host::Ipv6(address)) => vec![(address, port).into()],
            _ => lookup_host((&*name, port)).await.map_err(|_| NoAnswer::Unknown(name.clone()))?.collect(),
        };
        let mut why = NoAnswer::Unknown(name.clone());
        for address in addresses {
            if !target::may_go(address.ip(), &self.networks) {
                why = NoAnswer::NotPublic(name.clone());
                continue;
            }
            match timeout(TO_CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(io)) => return Ok(io),
                Ok(Err(error)) => why = NoAnswer::Unreachable { address, why: error.to_string() },
                Err(_) => why = NoAnswer::Unreachable { address, why: "it takes too long".to_owned() },
            }
        }
        Err(why)
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Post(…)")
    }
}

fn request(url: &Url, letter: Letter<'_>) -> Result<Request<Full<Bytes>>, NoAnswer> {
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    Request::post(path)
        .header(header::HOST, authority)
        .header(header::USER_AGENT, concat!("Rollcall/", env!("CARGO_PKG_VERSION")))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .header("webhook-id", letter.id)
        .header("webhook-timestamp", letter.timestamp)
        .header("webhook-signature", letter.signatures)
        .body(Full::new(Bytes::from(letter.body)))
        .map_err(|error| NoAnswer::Broken(error.to_string()))
}

/// The head of the answer; the rest is nobody's business, and the connection ends with it.
async fn exchange<IO>(io: IO, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |error: hyper::Error| NoAnswer::Broken(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(broken)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        Ok(Answer {
            status: response.status(),
            retry_after: retry_after.and_then(|text| text.trim().parse().ok()).map(SignedDuration::from_secs),
        })
    };
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        ended = connection => match ended {
            // It may have ended after the answer was there.
            Ok(()) => answer.await,
            Err(error) => Err(broken(error)),
        },
    }
}
