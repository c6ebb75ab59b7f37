//! The credentials of one source: fetched at the first request, kept, fetched again after a refusal.

use std::fmt;

use base64::Engine as _;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::super::secret;
use super::Http;
use super::login::renewal;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::settings::{Auth, SecretRef};

/// How a source is told who we are, and what was fetched for it.
pub(super) struct Credentials {
    auth: Auth,
    held: Mutex<Option<Held>>,
    /// What error texts must never repeat, should a server echo it.
    hidden: std::sync::RwLock<Vec<SecretString>>,
    /// The same of the headers that the settings add: users put tokens there.
    headers: Vec<SecretString>,
}

/// Headers whose values are no secret, and worth reading in an error.
const PLAIN: [&str; 7] = [
    "accept",
    "accept-language",
    "content-type",
    "user-agent",
    "x-grafana-org-id",
    "x-mlflow-workspace",
    "x-scope-orgid",
];

/// What is hidden of headers: values as they are sent, and the tokens in them (`Bearer TOKEN`,
/// `session=TOKEN; path=/`); the longest first, so that none is left in parts.
fn tokens(headers: &[(String, String)]) -> Vec<SecretString> {
    /// A shorter word within a value is a scheme or a name.
    const TOKEN: usize = 8;
    let secret = |name: &str| !PLAIN.contains(&name.to_ascii_lowercase().as_str());
    let mut found: Vec<&str> = Vec::new();
    for (_, value) in headers.iter().filter(|(name, _)| secret(name)) {
        let value = value.trim();
        found.push(value);
        let parts = value.split([' ', ';', ',', '=']);
        found.extend(parts.filter(|part| part.len() >= TOKEN));
    }
    found.retain(|text| text.len() > LEAST);
    found.sort_by_key(|text| std::cmp::Reverse(text.len()));
    found.dedup();
    found.into_iter().map(SecretString::from).collect()
}

/// One or two characters would redact half of every text and protect nothing.
const LEAST: usize = 2;

#[derive(Clone)]
struct Held {
    header: HeaderValue,
    /// From when on something newer is fetched before it is used.
    until: Option<Instant>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(redacted)")
    }
}

impl Credentials {
    pub(super) fn new(auth: Auth, headers: &[(String, String)]) -> Self {
        Self {
            auth,
            held: Mutex::new(None),
            hidden: std::sync::RwLock::default(),
            headers: tokens(headers),
        }
    }

    /// The `Authorization` header: fetched once, and again when a token is about to expire.
    pub(super) async fn header(&self, http: &Http) -> Result<Option<HeaderValue>, Fault> {
        let mut held = self.held.lock().await;
        let over = |held: &Held| held.until.is_some_and(|until| until <= Instant::now());
        if held
            .as_ref()
            .is_none_or(|held| over(held) && self.can_change())
        {
            *held = self.fetch(http).await?;
        }
        Ok(held.as_ref().map(|h| h.header.clone()))
    }

    /// Fetches again after a refusal, and says whether something new came of it. Where nothing is held
    /// it was the login that was refused: it is not repeated.
    pub(super) async fn renewed(&self, http: &Http) -> Result<bool, Fault> {
        if !self.can_change() {
            return Ok(false);
        }
        let mut held = self.held.lock().await;
        if held.is_none() && matches!(self.auth, Auth::Login { .. }) {
            return Ok(false);
        }
        let fresh = self.fetch(http).await.inspect_err(|_| {
            if matches!(self.auth, Auth::Login { .. }) {
                *held = None;
            }
        })?;
        let changed = match (held.as_ref(), fresh.as_ref()) {
            (Some(old), Some(new)) => old.header != new.header,
            (None, None) => false,
            _ => true,
        };
        *held = fresh;
        Ok(changed)
    }

    /// Takes what was fetched, and what the settings' headers hold, out of a fault's texts.
    pub(super) fn redact(&self, mut fault: Fault) -> Fault {
        let Ok(hidden) = self.hidden.read() else {
            return fault;
        };
        for secret in hidden.iter().chain(&self.headers) {
            let raw = secret.expose_secret();
            if fault.detail.as_str().contains(raw) {
                let detail = fault.detail.as_str().replace(raw, "[redacted]");
                fault = Fault::new(fault.kind, fault.place.as_str(), &detail);
            }
        }
        fault
    }

    /// Whether a second look could find another secret.
    fn can_change(&self) -> bool {
        let may = |s: &SecretRef| {
            matches!(
                s,
                SecretRef::Command(_) | SecretRef::File(_) | SecretRef::Ini { .. }
            )
        };
        match &self.auth {
            Auth::None => false,
            Auth::Basic { user, password } => may(user) || may(password),
            Auth::Bearer(token) => may(token),
            Auth::Login { .. } => true,
        }
    }

    async fn fetch(&self, http: &Http) -> Result<Option<Held>, Fault> {
        let mut until = None;
        let (text, secrets) = match &self.auth {
            Auth::None => return Ok(None),
            Auth::Basic { user, password } => {
                let user = secret::fetch(user).await?;
                let password = secret::fetch(password).await?;
                let pair = format!("{}:{}", user.expose_secret(), password.expose_secret());
                let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
                (
                    format!("Basic {encoded}"),
                    vec![SecretString::from(encoded), password],
                )
            }
            Auth::Bearer(token) => {
                let token = secret::fetch(token).await?;
                until = renewal(token.expose_secret());
                (format!("Bearer {}", token.expose_secret()), vec![token])
            }
            Auth::Login { user, password } => {
                let user = secret::fetch(user).await?;
                let password = secret::fetch(password).await?;
                let token = http.log_in(user, password.clone()).await?;
                until = renewal(token.expose_secret());
                let text = format!("Bearer {}", token.expose_secret());
                (text, vec![token, password])
            }
        };
        if let Ok(mut hidden) = self.hidden.write() {
            *hidden = secrets
                .into_iter()
                .filter(|s| s.expose_secret().len() > LEAST)
                .collect();
        }
        let mut header = HeaderValue::from_str(&text).map_err(|_| {
            Fault::new(
                FaultKind::Config,
                "",
                "the credentials hold characters that no header can carry",
            )
        })?;
        header.set_sensitive(true);
        Ok(Some(Held { header, until }))
    }
}
