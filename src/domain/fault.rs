//! Why a source could not answer: one vocabulary for every system, so that retry, wording and exit
//! codes are decided once.

use std::fmt;
use std::time::Duration;

use super::text::Clean;

/// What went wrong, without secrets: `place` is a URL without user information, or a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The kind, which decides what happens next.
    pub kind: FaultKind,
    /// Where: method and URL without credentials, or file and line.
    pub place: Clean,
    /// What the other side said, or what was expected and found.
    pub detail: Clean,
}

/// The kinds of fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// No connection: refused, no route, name not found, closed.
    Unreachable,
    /// No answer within the deadline.
    Timeout,
    /// The certificate or the handshake was refused, by either side.
    Tls,
    /// The credentials are missing or wrong (401, or a login page in place of an answer).
    Auth,
    /// The credentials are good and may not do this (403).
    Forbidden,
    /// The server refuses the host name it was called by (403 of its own kind).
    HostRefused,
    /// The thing is not there (404 with the system's own error body).
    NotFound,
    /// The route is not there: another product, an older version, or a wrong path prefix.
    NoRoute,
    /// The server asks to wait (429, or 503 with `Retry-After`).
    RateLimited {
        /// How long, where it says.
        after: Option<Duration>,
    },
    /// The request was refused as wrong (400 and its kin): a filter's syntax, for instance.
    Refused,
    /// The server failed (5xx).
    Server(u16),
    /// The answer is not what the protocol says.
    Decode {
        /// The JSON path, or a line.
        path: Clean,
    },
    /// The answer is larger than the limit, in bytes.
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The server redirects to another origin, which is not followed.
    Redirected,
    /// This server version cannot do it.
    Unsupported,
    /// The settings cannot work: a missing secret, an unreadable file.
    Config,
    /// The adapter itself failed; it is started again.
    Crashed,
}

/// What the schedule does after a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// Back off exponentially, with jitter.
    BackOff,
    /// Ask again at once a few times, to tell a hiccup from an outage, then back off: a server that
    /// refuses connections has no work with it.
    Confirm,
    /// Not before this long.
    After(Duration),
    /// Only slowly: nothing but a change of settings or rights will help.
    Slowly,
}

impl FaultKind {
    /// The stable word of the kind, as in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Forbidden => "forbidden",
            Self::HostRefused => "host-refused",
            Self::NotFound => "not-found",
            Self::NoRoute => "no-route",
            Self::RateLimited { .. } => "rate-limited",
            Self::Refused => "refused",
            Self::Server(_) => "server",
            Self::Decode { .. } => "decode",
            Self::TooLarge { .. } => "too-large",
            Self::Redirected => "redirected",
            Self::Unsupported => "unsupported",
            Self::Config => "config",
            Self::Crashed => "crashed",
        }
    }

    /// What the schedule does next: decided here, once, for every source.
    pub fn retry(&self) -> Retry {
        match self {
            Self::RateLimited { after: Some(after) } => Retry::After(*after),
            Self::Unreachable => Retry::Confirm,
            Self::Auth
            | Self::Forbidden
            | Self::HostRefused
            | Self::NoRoute
            | Self::Redirected
            | Self::Unsupported
            | Self::Tls
            | Self::Config => Retry::Slowly,
            _ => Retry::BackOff,
        }
    }

    /// What a person can do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Unreachable => "check that the server runs and that this machine may reach it",
            Self::Timeout => "the server is slow or a firewall drops packets; it is asked again",
            Self::Tls => "set ca_file (or client_cert) for this source, or fix the certificate",
            Self::Auth => {
                "check the source's credentials: user, token, or the command that prints it"
            }
            Self::Forbidden => "ask for the right, or use a token that has it",
            Self::HostRefused => {
                "the server allows only certain host names: start it with --allowed-hosts, or set host_header for this source"
            }
            Self::NotFound => "it may have been deleted; refresh",
            Self::NoRoute => "check the URL and its path prefix; the server may be too old",
            Self::RateLimited { .. } => "polling waits as the server asked",
            Self::Refused => "read the server's message",
            Self::Server(_) => "read the server's log; it is asked again",
            Self::Decode { .. } => {
                "check that the URL is this kind of server; a proxy may answer in its place"
            }
            Self::TooLarge { .. } => {
                "check that the URL is this kind of server, or raise max_answer"
            }
            Self::Redirected => "set the URL to where the server lives now",
            Self::Unsupported => "this server version does not offer it",
            Self::Config => "run `quarterdeck config check`",
            Self::Crashed => "it is started again; please report it",
        }
    }
}

impl Fault {
    /// Makes a fault; the texts are cleaned and stripped of credentials.
    pub fn new(kind: FaultKind, place: &str, detail: &str) -> Self {
        Self {
            kind,
            place: Clean::limited(&super::text::without_credentials(place), 400),
            detail: Clean::limited(&super::text::without_credentials(detail), 600),
        }
    }

    /// One line: what happened and where.
    pub fn line(&self) -> String {
        let what = match &self.kind {
            FaultKind::Server(status) => format!("server error {status}"),
            FaultKind::Decode { path } if !path.is_empty() => {
                format!("unexpected answer at {path}")
            }
            FaultKind::Decode { .. } => "unexpected answer".to_owned(),
            FaultKind::TooLarge { limit } => format!("answer over {}", size(*limit)),
            FaultKind::RateLimited { after: Some(d) } => {
                format!("rate limited for {}s", d.as_secs())
            }
            kind => kind.word().replace('-', " "),
        };
        let mut line = what;
        if !self.detail.is_empty() {
            line = format!("{line}: {}", self.detail);
        }
        if !self.place.is_empty() {
            line = format!("{line} ({})", self.place);
        }
        line
    }
}

/// A limit in the unit that settings write it in.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let whole = |(size, _): &&(u64, &str)| bytes >= *size && bytes.is_multiple_of(*size);
    match UNITS.iter().find(whole) {
        Some((size, unit)) => format!("{} {unit}", bytes / size),
        None => format!("{bytes} bytes"),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_never_carries_credentials_or_escapes() {
        let fault = Fault::new(
            FaultKind::Server(502),
            "GET http://ana:secret@ml.test/api",
            "\u{1b}[31mbad gateway\nat http://x:y@proxy.test/",
        );
        let line = fault.line();
        assert_eq!(
            line,
            "server error 502: bad gateway at http://proxy.test/ (GET http://ml.test/api)"
        );
    }

    #[test]
    fn a_server_that_asks_to_wait_is_waited_for() {
        let kind = FaultKind::RateLimited {
            after: Some(Duration::from_secs(7)),
        };
        assert_eq!(kind.retry(), Retry::After(Duration::from_secs(7)));
        assert_eq!(FaultKind::Auth.retry(), Retry::Slowly);
        assert_eq!(FaultKind::Timeout.retry(), Retry::BackOff);
    }
}
