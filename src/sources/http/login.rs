//! A login that gives a token for a time, and how long a token is good for. Airflow 3:
//! `POST /auth/token` answers `{"access_token": …}`, a JWT.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::super::routes::ReadRoute;
use super::{Http, Sending, place};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::text::Clean;

/// A token is renewed this long before it expires, or a fifth of its life before, whichever is shorter.
const MARGIN: Duration = Duration::from_secs(30);

impl Http {
    /// Asks for a token. The answer is never shown or kept but for the token.
    pub(super) async fn log_in(
        &self,
        user: SecretString,
        password: SecretString,
    ) -> Result<SecretString, Fault> {
        let (method, path) = ReadRoute::AirflowLogin.line();
        let url = self.join(&path);
        let place = place(method, &url);
        let body = serde_json::json!({
            "username": user.expose_secret(),
            "password": password.expose_secret(),
        });
        let deadline = Instant::now() + self.timeout;
        let (response, took) = self
            .send(method, &url, Sending::Json(&body), None, &place, deadline)
            .await?;
        let reply = self.finish(response, took, place, deadline).await?;
        // The fault of a body that cannot be decoded would quote it.
        let answer: Option<serde_json::Value> = serde_json::from_slice(&reply.body.whole()).ok();
        let token = answer
            .as_ref()
            .and_then(|a| a.get("access_token")?.as_str());
        let token = token.filter(|token| !token.is_empty()).ok_or_else(|| {
            let kind = FaultKind::Decode {
                path: Clean::name("access_token"),
            };
            Fault::new(kind, &reply.place, "the login was answered without a token")
        })?;
        Ok(SecretString::from(token))
    }
}

/// When a token must be renewed, if it is a JWT that says when it expires. The life that the token
/// states counts from now, so that clocks that differ do no harm; without a beginning the wall clock
/// has to do.
pub(super) fn renewal(token: &str) -> Option<Instant> {
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    let seconds = |key: &str| claims.get(key)?.as_f64();
    let ends = seconds("exp")?;
    let begins = seconds("iat").or_else(|| {
        let now = chrono::Utc::now().timestamp();
        Some(now as f64)
    })?;
    let life = Duration::try_from_secs_f64((ends - begins).max(0.0)).ok()?;
    Instant::now().checked_add(life.saturating_sub(MARGIN.min(life / 5)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims))
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_it_expires() {
        let after = |claims: &str| {
            let at = renewal(&token(claims));
            at.map(|at| at.duration_since(Instant::now()).as_secs())
        };
        assert_eq!(after(r#"{"iat":1000,"exp":4600}"#), Some(3_570));
        assert_eq!(after(r#"{"iat":1000,"exp":1020}"#), Some(16));
        assert_eq!(after(r#"{"iat":1000,"exp":900}"#), Some(0));
        assert_eq!(after(r#"{"exp":12}"#), Some(0), "long past");
        for odd in [
            "{}",
            "[]",
            r#"{"exp":"soon"}"#,
            r#"{"exp":1e300,"iat":0}"#,
            "x",
        ] {
            assert_eq!(after(odd), None, "{odd}");
        }
        for odd in ["", "a.b", "opaque", "a.%%.c"] {
            assert!(renewal(odd).is_none(), "{odd}");
        }
    }
}
