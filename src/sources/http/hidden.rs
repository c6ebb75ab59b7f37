//! What no error text may repeat, should a server echo it: secrets as they were fetched and as they travel.

use std::fmt;
use std::sync::{Arc, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::fault::Fault;

/// One or two characters would redact half of every text and protect nothing.
const LEAST: usize = 2;
/// How many texts are hidden at the same time: what a token was before it was renewed may still be echoed
/// by an answer on its way.
const KEPT: usize = 32;

/// The texts that are taken out of errors. Clones share them.
#[derive(Clone)]
pub(super) struct Hidden {
    fetched: Arc<RwLock<Vec<SecretString>>>,
    /// The same of the headers that the settings add: users put tokens there.
    headers: Arc<[SecretString]>,
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(redacted)")
    }
}

impl Hidden {
    pub(super) fn new(headers: &[(String, String)]) -> Self {
        Self {
            fetched: Arc::default(),
            headers: tokens(headers).into(),
        }
    }

    /// Hides secrets from now on, in every form that they may be echoed in. To be called before the first
    /// request that carries one.
    pub(super) fn hide<'a>(&self, secrets: impl IntoIterator<Item = &'a SecretString>) {
        let forms: Vec<String> = secrets
            .into_iter()
            .flat_map(|secret| forms(secret.expose_secret()))
            .collect();
        let Ok(mut fetched) = self.fetched.write() else {
            return;
        };
        fetched.retain(|known| forms.iter().all(|form| form != known.expose_secret()));
        fetched.extend(forms.into_iter().map(SecretString::from));
        let over = fetched.len().saturating_sub(KEPT);
        fetched.drain(..over);
    }

    /// A text without them. What is cut goes through this before it is cut: half a secret is not found.
    pub(super) fn out_of(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let Ok(fetched) = self.fetched.read() else {
            // Whoever held the list panicked: nothing can be told from a secret.
            return "[redacted]".to_owned();
        };
        let mut all: Vec<&str> = fetched
            .iter()
            .chain(self.headers.iter())
            .map(SecretString::expose_secret)
            .filter(|secret| text.contains(*secret))
            .collect();
        // The longest first, so that none is left in parts.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in all {
            text = text.replace(secret, "[redacted]");
        }
        text
    }

    /// A fault without them.
    pub(super) fn out_of_fault(&self, fault: Fault) -> Fault {
        let (place, detail) = (fault.place.as_str(), fault.detail.as_str());
        let (clean_place, clean_detail) = (self.out_of(place), self.out_of(detail));
        if clean_place == place && clean_detail == detail {
            return fault;
        }
        Fault::new(fault.kind, &clean_place, &clean_detail)
    }
}

/// A secret as it is, as JSON writes it, and as base64.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json.strip_prefix('"').and_then(|j| j.strip_suffix('"'));
    let mut forms = vec![secret.to_owned(), json.unwrap_or_default().to_owned()];
    for engine in [&STANDARD, &URL_SAFE] {
        // With or without its padding.
        let encoded = engine.encode(secret);
        forms.push(encoded.trim_end_matches('=').to_owned());
    }
    forms.retain(|form| form.len() > LEAST);
    forms.sort_unstable();
    forms.dedup();
    forms
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
/// `session=TOKEN; path=/`).
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
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(SecretString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn a_secret_is_hidden_in_every_form_that_it_travels_in() {
        let hidden = Hidden::new(&[]);
        hidden.hide([&secret("pa\"ss\\wörd")]);
        for text in [
            "plain pa\"ss\\wörd",
            r#"json {"password":"pa\"ss\\wörd"}"#,
            &format!("base64 {}", STANDARD.encode("pa\"ss\\wörd")),
        ] {
            let shown = hidden.out_of(text);
            assert!(shown.contains("[redacted]"), "{shown}");
            for part in ["pa\"", "pa\\", "wörd", "cGEi"] {
                assert!(!shown.contains(part), "{shown}");
            }
        }
    }

    #[test]
    fn one_that_begins_like_another_is_not_left_in_parts() {
        let hidden = Hidden::new(&[]);
        hidden.hide([&secret("token"), &secret("token-and-more")]);
        assert_eq!(
            hidden.out_of("token-and-more, token"),
            "[redacted], [redacted]"
        );
    }

    #[test]
    fn what_a_token_was_stays_hidden_for_a_while_and_the_password_always() {
        let hidden = Hidden::new(&[]);
        let password = secret("pass-word-1");
        for n in 0..100 {
            hidden.hide([&password]);
            hidden.hide([&secret(&format!("token-{n:03}"))]);
        }
        let shown = hidden.out_of("token-099 token-098 pass-word-1");
        assert_eq!(shown, "[redacted] [redacted] [redacted]");
        assert!(hidden.fetched.read().is_ok_and(|all| all.len() == KEPT));
    }
}
