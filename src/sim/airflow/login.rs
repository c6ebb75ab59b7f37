//! Tokens of the simulated Airflow 3, and HTTP Basic of 2.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{AirflowOptions, AirflowUser, AirflowVersion};
use crate::sim::reply::{Reply, Request};
use crate::sim::world::run::mix;

/// `POST /auth/token`, and the one for command lines, whose tokens live an hour at most.
pub(super) fn token(options: &AirflowOptions, request: &Request, now: i64) -> Reply {
    let refused = |status: u16, text: &str| Reply::json(status, json!({"detail": text}));
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let user = if request.method == "GET" {
        if !options.users.is_empty() {
            return refused(
                403,
                "This method is only allowed if ``[core] simple_auth_manager_all_admins`` is True",
            );
        }
        "Anonymous"
    } else {
        if request.body.is_empty() {
            return Reply::text(500, "Internal Server Error");
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let known = (options.users.iter())
            .find(|known| known.user == text("username") && known.password == text("password"));
        match known {
            Some(known) => &known.user,
            None if options.users.is_empty() => text("username"),
            None => return refused(401, "Invalid credentials"),
        }
    };
    let life = options.token_life.as_secs() as i64;
    let life = if request.path.ends_with("/cli") {
        life.min(3_600)
    } else {
        life
    };
    Reply::json(
        201,
        json!({"access_token": signed(user, now / 1_000, life)}),
    )
}

fn signed(user: &str, now: i64, life: i64) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({"alg": "HS512", "typ": "JWT"}));
    let body = part(json!({
        "sub": user, "iss": [], "aud": "apache-airflow", "iat": now, "nbf": now, "exp": now + life,
    }));
    let text = format!("{head}.{body}");
    format!("{text}.{}", signature(&text))
}

fn signature(text: &str) -> String {
    let bits = text
        .bytes()
        .fold(0x51_u64, |bits, byte| mix(bits ^ u64::from(byte)));
    URL_SAFE_NO_PAD.encode(bits.to_be_bytes())
}

/// Who asks, or the refusal.
pub(super) fn who<'a>(
    options: &'a AirflowOptions,
    request: &Request,
    now: i64,
) -> Result<&'a AirflowUser, Reply> {
    let header = request.header("authorization");
    match options.version {
        AirflowVersion::Two => {
            let known = header.strip_prefix("Basic ").and_then(|sent| {
                (options.users.iter()).find(|user| {
                    sent == STANDARD.encode(format!("{}:{}", user.user, user.password))
                })
            });
            // Nobody and somebody wrong are refused alike.
            known.ok_or_else(|| options.version.refusal(403, "Forbidden", Value::Null))
        }
        AirflowVersion::Three => {
            let refused = |status: u16, text: &str| Reply::json(status, json!({"detail": text}));
            let Some(token) = header.strip_prefix("Bearer ") else {
                return Err(refused(401, "Not authenticated"));
            };
            let invalid = || refused(403, "Invalid JWT token");
            let (text, sign) = token.rsplit_once('.').ok_or_else(invalid)?;
            if sign != signature(text) {
                return Err(invalid());
            }
            let body = text
                .split('.')
                .nth(1)
                .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
            let body: Value = body
                .and_then(|body| serde_json::from_slice(&body).ok())
                .ok_or_else(invalid)?;
            if body["exp"].as_i64().is_none_or(|end| end * 1_000 <= now) {
                return Err(refused(401, "Token Expired"));
            }
            (options.users.iter())
                .find(|user| body["sub"] == *user.user)
                .ok_or_else(invalid)
        }
    }
}
