//! Translating what goes wrong on the way to a server, and the statuses it answers, into faults.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{StatusCode, Url};

use super::hidden::Hidden;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// The longest a server may ask us to wait: whatever it says beyond counts as this.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// How much of an error text is kept.
const WORDS: usize = 400;

/// How sending failed.
pub(super) enum Sent {
    /// The connection was closed before an answer began: a read may be sent again.
    Closed(Fault),
    /// Anything else.
    Failed(Fault),
}

/// Translates a failure below HTTP statuses.
pub(super) fn from_transport(error: &reqwest::Error, place: &str) -> Sent {
    let fault = |kind, detail: &str| Sent::Failed(Fault::new(kind, place, detail));
    if let Some(tls) = find::<rustls::Error>(error) {
        return fault(FaultKind::Tls, &tls_reason(tls));
    }
    if error.is_connect() && error.is_timeout() {
        return fault(FaultKind::Timeout, "no connection in time");
    }
    if error.is_timeout() {
        return fault(FaultKind::Timeout, "no answer in time");
    }
    let chain = chain(error);
    if error.is_dns() || chain.contains("dns error") {
        return fault(FaultKind::Unreachable, "the host name is not known");
    }
    if let Some(io) = find::<std::io::Error>(error) {
        use std::io::ErrorKind as K;
        let reason = match io.kind() {
            K::ConnectionRefused => Some("connection refused: nothing listens there"),
            K::HostUnreachable => Some("no route to the host"),
            K::NetworkUnreachable => Some("the network is unreachable"),
            K::AddrNotAvailable => Some("the address cannot be reached from here"),
            _ => None,
        };
        if let Some(reason) = reason {
            return fault(FaultKind::Unreachable, reason);
        }
        if matches!(
            io.kind(),
            K::ConnectionReset | K::BrokenPipe | K::ConnectionAborted
        ) && !error.is_connect()
            && !error.is_body()
            && !error.is_decode()
        {
            return Sent::Closed(Fault::new(
                FaultKind::Unreachable,
                place,
                "the connection was reset before an answer came",
            ));
        }
        if io.kind() == K::UnexpectedEof
            && !error.is_connect()
            && !error.is_body()
            && !error.is_decode()
        {
            // So does an idle connection that was closed at the wrong moment, and a server on asyncio's
            // TLS that was shown no client certificate: the alert is never sent.
            return Sent::Closed(Fault::new(
                FaultKind::Unreachable,
                place,
                "the TLS connection was cut before an answer came: a server that wants a client certificate may do that to whoever shows none (client_cert)",
            ));
        }
    }
    if chain.contains("connection closed before message completed") {
        return Sent::Closed(Fault::new(
            FaultKind::Unreachable,
            place,
            "the connection was closed before an answer came",
        ));
    }
    if chain.contains("invalid HTTP") || chain.contains("invalid content-length") {
        return fault(
            FaultKind::Decode {
                path: Clean::empty(),
            },
            "the answer is not HTTP: a server that speaks TLS needs an https URL",
        );
    }
    if error.is_body() || error.is_decode() {
        let broken = chain.contains("gzip") || chain.contains("deflate");
        let kind = if broken {
            FaultKind::Decode {
                path: Clean::empty(),
            }
        } else {
            FaultKind::Unreachable
        };
        return fault(kind, &format!("the answer ended early: {}", deepest(error)));
    }
    fault(FaultKind::Unreachable, &deepest(error))
}

/// Every cause of an error in one line, without URLs.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    if text.is_empty() {
        text = error.to_string();
    }
    text
}

fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// The first cause of type `T`. An I/O error hides what it wraps from `source`, so it is opened.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<T>() {
            return Some(found);
        }
        next = match cause.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => cause.source(),
        };
    }
    None
}

fn tls_reason(error: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, CertificateError as Cert, Error};
    match error {
        Error::InvalidCertificate(why) => match why {
            Cert::UnknownIssuer => {
                "the certificate's issuer is not trusted here: unknown authority".to_owned()
            }
            Cert::Expired | Cert::ExpiredContext { .. } => "the certificate has expired".to_owned(),
            Cert::NotValidYet | Cert::NotValidYetContext { .. } => {
                "the certificate is not valid yet: compare the clocks".to_owned()
            }
            Cert::NotValidForName | Cert::NotValidForNameContext { .. } => {
                "the certificate is for another name".to_owned()
            }
            Cert::Revoked => "the certificate was revoked".to_owned(),
            other => format!("the certificate was refused: {other}"),
        },
        Error::AlertReceived(Alert::CertificateRequired | Alert::BadCertificate) => {
            "the server asks for a client certificate and got none that it accepts".to_owned()
        }
        Error::AlertReceived(alert) => format!("the server ended the handshake: {alert:?}"),
        Error::InvalidMessage(_) => {
            "the server does not speak TLS on this port: an http URL may be meant".to_owned()
        }
        other => other.to_string(),
    }
}

/// Translates a status from 400 on.
pub(super) fn from_status(
    status: StatusCode,
    headers: &HeaderMap,
    content_type: &str,
    body: &[u8],
    place: &str,
    hidden: &Hidden,
) -> Fault {
    let json = serde_json::from_slice::<serde_json::Value>(body).ok();
    let words = match json.as_ref().and_then(message) {
        Some(words) => hidden.out_of(&words),
        None => first_words(content_type, body, hidden),
    };
    let kind = match status.as_u16() {
        401 | 407 => FaultKind::Auth,
        403 if words.contains("Invalid Host header") => FaultKind::HostRefused,
        // Airflow 3 refuses what is no token of its own as if it were a right.
        403 if words.contains("Invalid JWT token") => FaultKind::Auth,
        403 => FaultKind::Forbidden,
        404 if json.as_ref().is_some_and(names_a_thing) => FaultKind::NotFound,
        404 | 405 | 410 | 501 => FaultKind::NoRoute,
        408 | 504 => FaultKind::Timeout,
        429 => FaultKind::RateLimited {
            after: wait(headers),
        },
        503 if wait(headers).is_some() => FaultKind::RateLimited {
            after: wait(headers),
        },
        // What a server was started without is no failure of it: MLflow answers 500 for workspaces.
        _ if error_code(json.as_ref()) == "FEATURE_DISABLED" => FaultKind::Unsupported,
        // What MLflow's database refused, a row that two writers made at once for instance: a failure
        // of the server under a status that blames the request.
        400 if error_code(json.as_ref()) == "BAD_REQUEST" => FaultKind::Server(400),
        // Prometheus gave up on its own evaluation; its message says so.
        503 if is_evaluation_timeout(json.as_ref()) => FaultKind::Timeout,
        // Go's server on a port that speaks TLS.
        400 if words.contains("HTTP request to an HTTPS server") => FaultKind::Tls,
        code if code >= 500 => FaultKind::Server(code),
        _ => FaultKind::Refused,
    };
    let detail = if kind == FaultKind::Tls {
        "the server speaks TLS on this port: write https in the URL".to_owned()
    } else if status.as_u16() == 407 {
        format!("the proxy on the way asks for credentials: {words}")
    } else if words.is_empty() {
        format!("status {}", status.as_u16())
    } else {
        words
    };
    Fault::new(kind, place, &detail)
}

fn is_evaluation_timeout(json: Option<&serde_json::Value>) -> bool {
    let kind = json.and_then(|j| j.get("errorType")?.as_str());
    matches!(kind, Some("timeout" | "canceled"))
}

/// Whether a 404 speaks of a missing thing. Frameworks answer unknown routes in JSON too.
fn names_a_thing(json: &serde_json::Value) -> bool {
    let text = |key: &str| json.get(key).and_then(|d| d.as_str()).unwrap_or_default();
    let no_route = [
        // FastAPI, Airflow 3, Airflow 3 of the routes of Airflow 2, and Airflow 2.
        text("detail") == "Not Found",
        text("error") == "API route not found",
        text("error").contains("has been removed in Airflow 3"),
        text("detail").starts_with("The requested URL was not found on the server"),
    ];
    json.is_object() && !no_route.contains(&true) && error_code(Some(json)) != "ENDPOINT_NOT_FOUND"
}

fn error_code(json: Option<&serde_json::Value>) -> &str {
    json.and_then(|j| j.get("error_code")?.as_str())
        .unwrap_or_default()
}

/// The message in an error body, in any of the forms that servers use.
fn message(json: &serde_json::Value) -> Option<String> {
    let found = [
        "message",
        "error",
        "detail",
        "error_message",
        "msg",
        "reason",
        "title",
    ]
    .into_iter()
    .find_map(|key| match json.get(key) {
        Some(serde_json::Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(inner @ serde_json::Value::Object(_)) => message(inner),
        Some(serde_json::Value::Array(items)) => items.first().and_then(message),
        _ => None,
    })
    .or_else(|| {
        let code = json.get("error_code")?.as_str()?;
        Some(code.to_owned())
    })
    // Alertmanager answers some errors with a bare JSON string.
    .or_else(|| json.as_str().map(str::to_owned))?;
    Some(first_line(&found).to_owned())
}

fn first_line(text: &str) -> &str {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default()
}

/// The first sentence of a body that is not JSON: tags are stripped from HTML.
pub(super) fn first_words(content_type: &str, body: &[u8], hidden: &Hidden) -> String {
    // What is cut off here lies far behind what is shown.
    let whole = hidden.out_of(&String::from_utf8_lossy(&body[..body.len().min(64 * 1024)]));
    let mut end = whole.len().min(16 * 1024);
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    let text = &whole[..end];
    let words = if is_html(content_type, body) || content_type.contains("html") {
        // A page may write some of its characters as entities.
        hidden.out_of(&strip_tags(text))
    } else {
        first_line(text).to_owned()
    };
    Clean::limited(&words, WORDS).as_str().to_owned()
}

/// Text without tags, scripts and styles.
fn strip_tags(html: &str) -> String {
    // Only ASCII is folded, so that positions stay those of the original.
    let lower = html.to_ascii_lowercase();
    let mut out = String::new();
    let mut at = 0;
    while let Some(open) = html[at..].find('<').map(|n| at + n) {
        out.push_str(&html[at..open]);
        out.push(' ');
        // What an unclosed script or style holds is nothing for people either.
        let skipped = ["script", "style"]
            .into_iter()
            .find(|tag| lower[open + 1..].starts_with(tag))
            .map_or(0, |tag| {
                let close = lower[open..].find(&format!("</{tag}"));
                close.unwrap_or(html.len() - open)
            });
        let end = html[open + skipped..].find('>');
        at = end.map_or(html.len(), |n| open + skipped + n + 1);
        if out.len() > 4 * WORDS {
            break;
        }
    }
    out.push_str(&html[at..]);
    let words: Vec<&str> = out.split_whitespace().collect();
    words
        .join(" ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&")
}

/// Whether a body is a page. The content type alone does not tell: MLflow's `/version` is plain text
/// under `text/html`.
pub(super) fn is_html(content_type: &str, body: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&body[..body.len().min(512)]);
    let start = start.trim_start_matches('\u{feff}').trim_start();
    let lower = start.to_ascii_lowercase();
    lower.starts_with("<!doctype html")
        || lower.starts_with("<html")
        || (content_type.contains("html") && start.starts_with('<'))
}

/// Whether a good status hides a login page.
pub(super) fn is_login_page(content_type: &str, body: &[u8]) -> bool {
    if !is_html(content_type, body) {
        return false;
    }
    let page = String::from_utf8_lossy(&body[..body.len().min(64 * 1024)]).to_ascii_lowercase();
    let title = page
        .split_once("<title")
        .and_then(|(_, rest)| rest.split_once('>'))
        .map(|(_, rest)| rest.split('<').next().unwrap_or_default())
        .unwrap_or_default();
    page.contains("type=\"password\"")
        || page.contains("type='password'")
        || page.contains("type=password")
        || ["log in", "login", "sign in", "signin", "single sign-on"]
            .iter()
            .any(|word| title.contains(word))
}

/// Whether a redirect leads to a login.
pub(super) fn is_login_path(url: &Url) -> bool {
    url.path().to_ascii_lowercase().split('/').any(|part| {
        matches!(
            part,
            "login"
                | "signin"
                | "sign-in"
                | "sign_in"
                | "log-in"
                | "sso"
                | "saml"
                | "saml2"
                | "oauth"
                | "oauth2"
                | "oidc"
                | "authorize"
                | "auth"
        ) || part.starts_with("login.")
    })
}

/// How long a server asks to wait: seconds, or a date measured by its own clock.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = super::text_header(headers, RETRY_AFTER.as_str());
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
    }
    let until = http_date(text)?;
    let now = super::server_time(headers)
        .unwrap_or_else(|| Millis(chrono::Utc::now().timestamp_millis()));
    Some(until.since(now).min(LONGEST_WAIT))
}

/// Parses a date as HTTP writes it.
pub(super) fn http_date(text: &str) -> Option<Millis> {
    chrono::DateTime::parse_from_rfc2822(text.trim())
        .ok()
        .map(|t| Millis(t.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pages_become_their_words() {
        for (html, want) in [
            ("<h1>Bad</h1><p>Gateway", "Bad Gateway"),
            ("<SCRIPT>if (a<b) {}</SCRIPT>ok", "ok"),
            ("<style>p{}", ""),
            ("a &lt;b&gt; &amp;amp;", "a <b> &amp;"),
            ("<title>502</title", "502"),
            ("<é>ü</é>", "ü"),
        ] {
            let words = Clean::text(&strip_tags(html));
            assert_eq!(words.as_str(), want, "{html}");
        }
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_reading(body in prop::collection::vec(any::<u8>(), 0..2_000), status in 400_u16..600) {
            let status = StatusCode::from_u16(status).expect("status");
            let hidden = Hidden::new(&[]);
            let fault = from_status(status, &HeaderMap::new(), "text/html", &body, "GET http://a.test", &hidden);
            prop_assert!(!fault.line().is_empty());
            let _ = is_login_page("text/html", &body);
        }

        #[test]
        fn no_page_breaks_the_reading(page in "[<>/a-cé \"&]{0,200}(<script|</style|<!doctype html)?[<>/a-cé ]{0,200}") {
            let _ = first_words("text/html", page.as_bytes(), &Hidden::new(&[]));
            let _ = is_login_page("text/html", page.as_bytes());
        }
    }
}
