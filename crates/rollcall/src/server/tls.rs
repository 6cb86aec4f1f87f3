//! TLS for people, from files that may change while the server runs.
//!
//! Certificates live for weeks and are renewed by other programs. The files are looked at every few seconds, and at once
//! when the process gets SIGHUP; connections that are open keep what they began with. A new file that cannot be used is said
//! in the log, and the former certificate stays: a server without one would keep everybody out.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    signal::unix::{SignalKind, signal},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::config::TlsFiles;

/// What a listener needs to speak TLS.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<ServerConfig>,
    /// Of the files that were last tried, whatever came of it.
    tried: [u8; 32],
}

/// Why files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    #[error("{} holds no certificates that can be read", .0.display())]
    Certificate(PathBuf, #[source] pem::Error),
    #[error("{} holds no private key in PEM", .0.display())]
    Key(PathBuf, #[source] pem::Error),
    #[error("certificate and key do not fit together, or are of a kind that is not known")]
    Pair(#[source] rustls::Error),
}

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// For a whole handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

impl Tls {
    /// Reads the files for the first time.
    pub fn load(files: TlsFiles) -> Result<Arc<Tls>, Error> {
        let (pair, tried) = read(&files)?;
        let config = pair.config(&files)?;
        Ok(Arc::new(Tls { files, state: Mutex::new(State { config, tried }) }))
    }

    /// `None`: no handshake came of it.
    pub async fn accept<IO: AsyncRead + AsyncWrite + Unpin>(&self, io: IO) -> Option<TlsStream<IO>> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.lock().config));
        match timeout(HANDSHAKE, acceptor.accept(io)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a handshake failed");
                None
            }
            Err(_) => None,
        }
    }

    /// Takes the files over if they changed. Answers whether they did and are used now; an error is told once.
    pub fn reload(&self) -> Result<bool, Error> {
        let (pair, tried) = read(&self.files)?;
        if std::mem::replace(&mut self.lock().tried, tried) == tried {
            return Ok(false);
        }
        let config = pair.config(&self.files)?;
        self.lock().config = config;
        Ok(true)
    }

    /// Looks at the files for ever. Files that cannot be read at all are said once, too.
    pub(super) async fn follow(self: Arc<Tls>) {
        let mut hangup = signal(SignalKind::hangup()).ok();
        let mut was_unreadable = false;
        loop {
            let asked = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            let _ = timeout(LOOK_EVERY, asked).await;
            let tls = Arc::clone(&self);
            let Ok(done) = tokio::task::spawn_blocking(move || tls.reload()).await else { continue };
            let is_unreadable = matches!(done, Err(Error::File(..)));
            match done {
                Ok(true) => tracing::info!("a new certificate is used"),
                Ok(false) => {}
                Err(_) if is_unreadable && was_unreadable => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "a new certificate cannot be used: the former one stays");
                }
            }
            was_unreadable = is_unreadable;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands in the two files.
struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

fn read(files: &TlsFiles) -> Result<(Pair, [u8; 32]), Error> {
    let bytes = |path: &Path| std::fs::read(path).map_err(|error| Error::File(path.to_owned(), error));
    let pair = Pair { certificate: bytes(&files.certificate)?, key: bytes(&files.key)? };
    let mut digest = Sha256::new();
    digest.update(pair.certificate.len().to_le_bytes());
    digest.update(&pair.certificate);
    digest.update(&pair.key);
    Ok((pair, digest.finalize().into()))
}

impl Pair {
    fn config(&self, files: &TlsFiles) -> Result<Arc<ServerConfig>, Error> {
        let chain = certificates(&self.certificate, &files.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| Error::Key(files.key.clone(), error))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::Pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(Error::Pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// The chain of a PEM file, the server's own certificate first.
pub fn certificates(bytes: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let chain = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| Error::Certificate(path.to_owned(), error))?;
    if chain.is_empty() { Err(Error::NoCertificate(path.to_owned())) } else { Ok(chain) }
}
