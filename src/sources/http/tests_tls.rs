//! Tests of certificates against a TLS server on loopback.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::domain::settings::SourceKind;

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/tls")
        .join(name)
}

fn certificates(name: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(pem(name))
        .expect(name)
        .map(|c| c.expect(name))
        .collect()
}

/// Serves one connection with the named certificate; returns the port.
fn server(certificate: &str, wants_client: bool) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = if wants_client {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates("ca.pem"));
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .expect("verifier");
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_file(pem("key.pem")).expect("key");
    let config = builder
        .with_single_cert(certificates(certificate), key)
        .expect("config");
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("address").port();
    std::thread::spawn(move || {
        let (tcp, _) = listener.accept().expect("connection");
        let connection = ServerConnection::new(Arc::new(config)).expect("connection");
        let mut stream = StreamOwned::new(connection, tcp);
        let mut buffer = [0; 4096];
        let mut got = Vec::new();
        while !got.windows(4).any(|w| w == b"\r\n\r\n") {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(n) => got.extend_from_slice(&buffer[..n]),
            }
        }
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK");
        stream.conn.send_close_notify();
        let _ = stream.flush();
    });
    port
}

async fn get(url: &str, change: impl FnOnce(&mut SourceSettings)) -> Result<Reply, Fault> {
    let mut settings = SourceSettings::new("s", SourceKind::Mlflow, url);
    settings.timeout = Duration::from_secs(5);
    change(&mut settings);
    Http::new(&settings)?
        .read(&ReadRoute::MlflowHealth, Call::default())
        .await
}

fn trusting(settings: &mut SourceSettings) {
    settings.tls.ca_file = Some(pem("ca.pem"));
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_name() {
    let url = format!("https://localhost:{}", server("server.pem", false));
    let reply = get(&url, trusting).await.expect("trusted");
    assert_eq!(*reply.body.whole(), *b"OK");
}

#[tokio::test]
async fn each_wrong_certificate_says_what_is_wrong() {
    for (certificate, ca, detail) in [
        ("server.pem", false, "unknown authority"),
        ("expired.pem", true, "has expired"),
        ("other.pem", true, "for another name"),
    ] {
        let url = format!("https://localhost:{}", server(certificate, false));
        let fault = get(&url, |s| {
            if ca {
                trusting(s);
            }
        })
        .await
        .expect_err(certificate);
        assert_eq!(fault.kind, FaultKind::Tls, "{certificate}: {fault}");
        assert!(
            fault.detail.as_str().contains(detail),
            "{certificate}: {fault}"
        );
    }
}

#[tokio::test]
async fn insecure_accepts_any_certificate() {
    let url = format!("https://localhost:{}", server("expired.pem", false));
    let reply = get(&url, |s| s.tls.insecure = true).await;
    assert!(reply.is_ok(), "{reply:?}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_when_set() {
    let url = format!("https://localhost:{}", server("server.pem", true));
    let reply = get(&url, |s| {
        trusting(s);
        s.tls.client_cert = Some(pem("client.pem"));
    })
    .await;
    assert!(reply.is_ok(), "{reply:?}");
    let url = format!("https://localhost:{}", server("server.pem", true));
    let fault = get(&url, trusting).await.expect_err("without");
    assert_eq!(fault.kind, FaultKind::Tls, "{fault}");
    assert!(
        fault.detail.as_str().contains("client certificate"),
        "{fault}"
    );
}

/// As asyncio's TLS does to a client without the certificate it wants, and any server that dies.
#[tokio::test]
async fn a_connection_that_is_cut_hints_at_the_client_certificate() {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            certificates("server.pem"),
            PrivateKeyDer::from_pem_file(pem("key.pem")).expect("key"),
        )
        .expect("config");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("address").port();
    let taken = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let connection = ServerConnection::new(Arc::clone(&config)).expect("connection");
            let mut stream = StreamOwned::new(connection, tcp.expect("connection"));
            let _ = stream.read(&mut [0; 4096]);
        }
    });
    let fault = get(&format!("https://localhost:{port}"), trusting)
        .await
        .expect_err("cut");
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
    assert!(fault.detail.as_str().contains("client_cert"), "{fault}");
    let taken = taken.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(taken, 2, "a read is sent once more, and no more than that");
}

#[tokio::test]
async fn a_plain_server_under_https_is_explained() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bind");
    let port = listener.local_addr().expect("address").port();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.expect("connection");
        let mut buffer = [0; 1024];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let fault = get(&format!("https://localhost:{port}"), trusting)
        .await
        .expect_err("plain");
    assert_eq!(fault.kind, FaultKind::Tls, "{fault}");
    assert!(fault.detail.as_str().contains("http URL"), "{fault}");
}

#[tokio::test]
async fn a_client_certificate_without_its_key_is_refused_early() {
    let fault = get("https://localhost:1", |s| {
        s.tls.client_cert = Some(pem("server.pem"));
    })
    .await
    .expect_err("no key");
    assert_eq!(fault.kind, FaultKind::Config, "{fault}");
}
