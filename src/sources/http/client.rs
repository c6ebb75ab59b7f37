//! Building the client of one source: URL, certificates, headers, proxies, pool. No requests.

use std::net::IpAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Identity, Url, redirect};

use crate::domain::fault::{Fault, FaultKind};
use crate::domain::settings::{SourceKind, SourceSettings};

/// How long a connection may take to open.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an unused connection is kept. The default server of MLflow closes idle connections after
/// five seconds; ours must be gone before that.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// How long an endpoint's connection is kept: its looks are seconds apart, the requests of one look are not,
/// and hundreds of endpoints would hold tens of kilobytes each meanwhile. The pool looks no more often.
const LOOK_IDLE: Duration = Duration::from_millis(90);
/// The header that selects a workspace of an MLflow server.
const WORKSPACE: &str = "x-mlflow-workspace";

/// Parses a base URL and strips what must not travel or show.
pub(super) fn base_url(raw: &str) -> Result<Url, Fault> {
    let bad = |why: &str| Fault::new(FaultKind::Config, raw, why);
    let mut url =
        Url::parse(raw.trim()).map_err(|e| bad(&format!("the URL cannot be used: {e}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(&format!(
            "only http and https URLs can be read, not {}:",
            url.scheme()
        )));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("the URL has no host"));
    }
    strip_user(&mut url);
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// Takes user and password out of a URL.
pub(super) fn strip_user(url: &mut Url) {
    // Both fail only for URLs that can have no user at all.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

/// The `Host` header, where the settings name one.
pub(super) fn host_header(settings: &SourceSettings) -> Result<Option<HeaderValue>, Fault> {
    settings
        .host_header
        .as_deref()
        .map(|host| header_value("host_header", host))
        .transpose()
}

/// Builds the client.
pub(super) fn build(settings: &SourceSettings, base: &Url) -> Result<Client, Fault> {
    // Installing twice is refused and changes nothing: whoever comes first wins, with the same ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("quarterdeck/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT.min(settings.timeout))
        .pool_idle_timeout(idle(settings, base))
        .pool_max_idle_per_host(4)
        .gzip(true)
        .referer(false)
        .http1_only()
        .default_headers(headers(settings)?);
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    if base.scheme() == "http" {
        // Nothing but this origin is ever called, so no certificate is ever checked, and a machine
        // without any authorities can still read a plain server.
        builder = builder.tls_backend_preconfigured(no_tls());
    } else {
        builder = with_certificates(builder, settings)?;
    }
    builder.build().map_err(|e| {
        Fault::new(
            FaultKind::Config,
            base.as_str(),
            &format!("the client cannot be built: {}", super::fault::chain(&e)),
        )
    })
}

/// How long an unused connection is kept. Over TLS it is worth more than its memory.
fn idle(settings: &SourceSettings, base: &Url) -> Duration {
    match settings.kind {
        SourceKind::Serving(_) if base.scheme() == "http" => LOOK_IDLE,
        _ => POOL_IDLE,
    }
}

/// What a client of a plain server has for TLS: no authorities and no sessions, one for all of them.
/// A client's own would hold room for hundreds of sessions, seven megabytes for five hundred endpoints.
fn no_tls() -> rustls::ClientConfig {
    static SHARED: OnceLock<rustls::ClientConfig> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        let roots = rustls::RootCertStore::empty();
        let builder = rustls::ClientConfig::builder().with_root_certificates(roots);
        let mut config = builder.with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        config
    });
    shared.clone()
}

fn with_certificates(
    mut builder: reqwest::ClientBuilder,
    settings: &SourceSettings,
) -> Result<reqwest::ClientBuilder, Fault> {
    if settings.tls.insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if let Some(file) = &settings.tls.ca_file {
        let certificates = Certificate::from_pem_bundle(&read(file, "ca_file")?)
            .map_err(|_| unusable(file, "ca_file holds no PEM certificate that can be read"))?;
        if certificates.is_empty() {
            return Err(unusable(file, "ca_file holds no PEM certificate"));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some(file) = &settings.tls.client_cert {
        let identity = Identity::from_pem(&read(file, "client_cert")?).map_err(|_| {
            unusable(
                file,
                "client_cert must hold a certificate and its key in one PEM file",
            )
        })?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

fn headers(settings: &SourceSettings) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.headers {
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            Fault::new(
                FaultKind::Config,
                &settings.url,
                &format!("{name:?} is no header name"),
            )
        })?;
        if parsed == reqwest::header::ORIGIN {
            return Err(Fault::new(
                FaultKind::Config,
                &settings.url,
                "an Origin header makes servers refuse requests: remove it from headers",
            ));
        }
        headers.append(parsed, header_value(name, value)?);
    }
    if let Some(workspace) = &settings.workspace {
        headers.insert(
            HeaderName::from_static(WORKSPACE),
            header_value("workspace", workspace)?,
        );
    }
    Ok(headers)
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, Fault> {
    // The value itself stays out of the text: users put tokens into headers.
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        Fault::new(
            FaultKind::Config,
            "",
            &format!("the value of {name} cannot be sent as a header"),
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn read(file: &Path, what: &str) -> Result<Vec<u8>, Fault> {
    std::fs::read(file).map_err(|e| unusable(file, &format!("{what} cannot be read: {e}")))
}

fn unusable(file: &Path, why: &str) -> Fault {
    Fault::new(FaultKind::Config, &file.display().to_string(), why)
}

/// Whether the URL names this machine: such requests never go through a proxy.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str) -> SourceSettings {
        SourceSettings::new("s", SourceKind::Mlflow, url)
    }

    #[test]
    fn urls_lose_what_must_not_travel() {
        let url = base_url("HTTP://ana:pw@ML.test:80/deep/?a=b#c").expect("url");
        assert_eq!(url.as_str(), "http://ml.test/deep/");
    }

    #[test]
    fn other_schemes_are_refused_by_name() {
        for raw in [
            "databricks://x",
            "sqlite:///mlflow.db",
            "ml.test:5000",
            "",
            "http://",
        ] {
            let fault = base_url(raw).expect_err(raw);
            assert_eq!(fault.kind, FaultKind::Config, "{raw}");
        }
    }

    #[test]
    fn loopback_is_known_by_every_name() {
        for (url, want) in [
            ("http://localhost:1", true),
            ("http://127.0.0.9", true),
            ("http://[::1]:5", true),
            ("http://10.0.0.1", false),
            ("http://localhost.evil.test", false),
        ] {
            assert_eq!(is_loopback(&base_url(url).expect("url")), want, "{url}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_named_without_its_value() {
        let mut settings = source("http://ml.test");
        settings.headers = vec![("X-Token".to_owned(), "s3cret\n".to_owned())];
        let base = base_url(&settings.url).expect("url");
        let line = build(&settings, &base).expect_err("value").line();
        assert!(line.contains("X-Token"), "{line}");
        assert!(!line.contains("s3cret"), "{line}");
        settings.headers = vec![("Origin".to_owned(), "http://x".to_owned())];
        assert!(build(&settings, &base).is_err());
    }

    #[test]
    fn a_missing_certificate_file_is_named() {
        let mut settings = source("https://ml.test");
        settings.tls.ca_file = Some("/nowhere/ca.pem".into());
        let base = base_url(&settings.url).expect("url");
        let line = build(&settings, &base).expect_err("file").line();
        assert!(line.contains("/nowhere/ca.pem"), "{line}");
    }
}
