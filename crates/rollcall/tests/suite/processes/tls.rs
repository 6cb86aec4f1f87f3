//! People come by TLS, terminals beside it as they always did; a certificate is renewed while the server runs.

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::program::{Program, rollcall, until};
use crate::databases::Database;

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Replaces both files, as programs that renew certificates do.
    fn renew(&self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(vec!["rollcall.example.org".to_owned()]).unwrap();
        fs::write(self.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        fs::write(self.path("cert.pem"), made.cert.pem()).unwrap();
        CertificateDer::from_pem_file(Path::new(&self.path("cert.pem"))).unwrap()
    }
}

/// What somebody is answered who trusts this certificate.
async fn ask(address: SocketAddr, trusted: &CertificateDer<'static>, path: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("rollcall.example.org").unwrap();
    let io = TcpStream::connect(address).await?;
    let mut io = TlsConnector::from(Arc::new(config)).connect(name, io).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: rollcall.example.org\r\nConnection: close\r\n\r\n");
    io.write_all(request.as_bytes()).await?;
    let mut reply = String::new();
    io.read_to_string(&mut reply).await?;
    Ok(reply)
}

#[tokio::test]
async fn a_certificate_is_renewed_while_the_server_runs() {
    let database = Database::sqlite().await;
    let files = Files { folder: tempfile::tempdir().unwrap() };
    let (certificate, key) = (files.path("cert.pem"), files.path("key.pem"));
    let arguments = ["--tls-cert", &certificate, "--tls-key", &key];
    let serve = [
        &["serve", "--listen", "127.0.0.1:0", "--terminal-listen", "127.0.0.1:0", "--log-format", "json"],
        &arguments[..],
    ]
    .concat();
    let refused = rollcall(&database.url, &serve).await;
    assert!(refused.refused(1).contains("cannot read") && refused.err.contains("cert.pem"), "{refused:?}");
    assert!(rollcall(&database.url, &["serve", "--tls-cert", &certificate]).await.refused(2).contains("--tls-key"));

    let first = files.renew();
    let mut program = Program::rollcall(&database.url, &serve, "");
    let listening = async |line: &str, program: &mut Program| -> SocketAddr {
        until(line, async || {
            program.must_run();
            program.logged(line).iter().find_map(|line| line["address"].as_str()?.parse().ok())
        })
        .await
    };
    let people = listening("serving", &mut program).await;
    let terminals = listening("serving terminals", &mut program).await;
    let page = ask(people, &first, "/healthz").await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("ok\n"), "{page}");
    assert!(ask(people, &first, "/iclock/ping").await.unwrap().starts_with("HTTP/1.1 404"));
    let plain = reqwest::get(format!("http://{terminals}/iclock/ping")).await.unwrap();
    assert_eq!(plain.status(), 200);
    assert!(reqwest::get(format!("http://{people}/healthz")).await.is_err(), "it speaks nothing but TLS");
    let listen = people.to_string();
    let doctor = rollcall(&database.url, &["doctor", "--listen", &listen, "--tls-cert", &certificate]).await;
    assert!(doctor.out.contains("a server of Rollcall answers"), "{doctor:?}");

    // A file that is only half there, and a key of another certificate.
    fs::write(&certificate, "-----BEGIN CERTIFICATE-----\nMIIB").unwrap();
    let refused = async |times: usize, program: &mut Program| {
        until("the new files are refused", async || {
            program.must_run();
            let lines = program.logged("a new certificate cannot be used: the former one stays");
            (lines.len() >= times).then_some(())
        })
        .await;
    };
    program.signal("HUP");
    refused(1, &mut program).await;
    let stray = files.renew();
    fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    program.signal("HUP");
    refused(2, &mut program).await;
    assert!(ask(people, &stray, "/healthz").await.is_err());
    assert!(ask(people, &first, "/healthz").await.is_ok(), "the former one stays");

    let second = files.renew();
    program.signal("HUP");
    until("the new certificate is used", async || program.logged("a new certificate is used").pop()).await;
    assert!(ask(people, &second, "/healthz").await.is_ok());
    assert!(ask(people, &first, "/healthz").await.is_err());
    program.signal("TERM");
    program.end().await.done();
}
