//! The credentials of one source: fetched at the first request, kept, fetched again after a refusal.

use std::fmt;

use base64::Engine as _;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::super::secret;
use super::Http;
use super::hidden::Hidden;
use super::login::renewal;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::settings::{Auth, SecretRef};

/// How a source is told who we are, and what was fetched for it.
pub(super) struct Credentials {
    auth: Auth,
    held: Mutex<Option<Held>>,
    /// What error texts must never repeat, should a server echo it.
    hidden: Hidden,
}

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
            hidden: Hidden::new(headers),
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

    /// What error texts must not repeat: what was fetched, and what the settings' headers hold.
    pub(super) fn hidden(&self) -> &Hidden {
        &self.hidden
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
        let text = match &self.auth {
            Auth::None => return Ok(None),
            Auth::Basic { user, password } => {
                let user = secret::fetch(user).await?;
                let password = secret::fetch(password).await?;
                let pair = format!("{}:{}", user.expose_secret(), password.expose_secret());
                let pair = SecretString::from(pair);
                self.hidden.hide([&password, &pair]);
                let encoded =
                    base64::engine::general_purpose::STANDARD.encode(pair.expose_secret());
                format!("Basic {encoded}")
            }
            Auth::Bearer(token) => {
                let token = secret::fetch(token).await?;
                self.hidden.hide([&token]);
                until = renewal(token.expose_secret());
                format!("Bearer {}", token.expose_secret())
            }
            Auth::Login { user, password } => {
                let user = secret::fetch(user).await?;
                let password = secret::fetch(password).await?;
                // Before it is sent: a gateway may refuse the login and echo it.
                self.hidden.hide([&password]);
                let token = http.log_in(user, password).await?;
                self.hidden.hide([&token]);
                until = renewal(token.expose_secret());
                format!("Bearer {}", token.expose_secret())
            }
        };
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
