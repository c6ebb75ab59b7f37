//! The silences of the simulated Alertmanager 0.25: two that people made, and whatever is made, changed
//! and ended over HTTP, with its two shapes of refusals.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::prometheus::{Matcher, rfc3339};
use super::reply::{Reply, Request};
use super::samples::labels::Labels;
use super::world::run::mix;

const HOUR: i64 = 3_600_000;

/// A silence; times are epoch milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Silence {
    pub(crate) id: String,
    by: String,
    comment: String,
    from: i64,
    until: i64,
    updated: i64,
    matchers: Vec<Condition>,
}

/// A condition as it was sent.
#[derive(Clone, Debug)]
struct Condition {
    name: String,
    value: String,
    regex: bool,
    equal: bool,
    matcher: Matcher,
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.value, self.regex, self.equal)
            == (&other.name, &other.value, other.regex, other.equal)
    }
}

impl Condition {
    fn new(name: &str, value: &str, regex: bool, equal: bool) -> Result<Self, String> {
        let sign = match (regex, equal) {
            (false, true) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (true, false) => "!~",
        };
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
            regex,
            equal,
            matcher: Matcher::new(name, sign, value)?,
        })
    }

    fn json(&self) -> Value {
        json!({"name": self.name, "value": self.value, "isRegex": self.regex, "isEqual": self.equal})
    }
}

impl Silence {
    pub(crate) fn state(&self, now: i64) -> &'static str {
        if now >= self.until {
            "expired"
        } else if now < self.from {
            "pending"
        } else {
            "active"
        }
    }

    pub(crate) fn covers(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|one| one.matcher.matches(labels))
    }

    /// Whether a filter finds it: by the text of a condition, not by what that would match.
    pub(crate) fn found_by(&self, filter: &Matcher) -> bool {
        let mut matchers = self.matchers.iter();
        matchers.any(|one| one.name == filter.label && filter.accepts(&one.value))
    }

    pub(crate) fn json(&self, now: i64) -> Value {
        json!({
            "id": self.id, "status": {"state": self.state(now)}, "updatedAt": rfc3339(self.updated),
            "startsAt": rfc3339(self.from), "endsAt": rfc3339(self.until), "comment": self.comment,
            "createdBy": self.by,
            "matchers": self.matchers.iter().map(Condition::json).collect::<Vec<_>>(),
        })
    }
}

/// All silences of a fleet.
#[derive(Debug, Default)]
pub(crate) struct Silences(Mutex<Option<Vec<Silence>>>);

/// What people had silenced before the start: id, author, comment, hours from and until, conditions.
type Made = (
    &'static str,
    &'static str,
    &'static str,
    i64,
    i64,
    &'static [(&'static str, &'static str)],
);

const MADE: [Made; 2] = [
    (
        "6c1f0f2e-4d0a-4f35-9a6e-3b1f0d7c9e21",
        "farid",
        "SUP-311: suppliers raised their prices, retraining is planned",
        -3,
        5,
        &[("alertname", "FeatureDrift"), ("model", "demand-forecast")],
    ),
    (
        "b2a7c1d4-90e3-4f6b-8d55-1c7e2a9f4b10",
        "ana",
        "load test",
        -50,
        -49,
        &[("model", "fraud-detector")],
    ),
];

impl Silences {
    /// The silences; those made before the start first.
    pub(crate) fn all(&self, epoch: i64) -> Vec<Silence> {
        Self::list(&mut self.lock(), epoch).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Silence>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(known: &mut Option<Vec<Silence>>, epoch: i64) -> &mut Vec<Silence> {
        known.get_or_insert_with(|| {
            let silence = |(id, by, comment, from, until, matchers): &Made| Silence {
                id: (*id).to_owned(),
                by: (*by).to_owned(),
                comment: (*comment).to_owned(),
                from: epoch + from * HOUR,
                until: epoch + until * HOUR,
                updated: epoch + from * HOUR,
                matchers: (matchers.iter())
                    .filter_map(|(name, value)| Condition::new(name, value, false, true).ok())
                    .collect(),
            };
            MADE.iter().map(silence).collect()
        })
    }

    /// `POST silences`: makes one, or changes the one that the body names. One that differs in what it
    /// silences, or has ended, is ended and made anew under another id.
    pub(crate) fn post(&self, request: &Request, epoch: i64, now: i64) -> Reply {
        let kind = request.header("content-type");
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind != "application/json" {
            let text =
                format!("unsupported media type {kind:?}, only [application/json] are allowed");
            return Reply::go(415, json!({"code": 415, "message": text}));
        }
        let mut new = match read(request, now) {
            Ok(new) => new,
            Err(reply) => return reply,
        };
        let mut known = self.lock();
        let all = Self::list(&mut known, epoch);
        if !new.id.is_empty() {
            let Some(old) = all.iter_mut().find(|known| known.id == new.id) else {
                return Reply::go(404, json!("silence not found"));
            };
            let state = old.state(now);
            // Seconds, as the server compares them.
            let same_start = old.from / 1_000 == new.from / 1_000;
            let stays = old.matchers == new.matchers
                && match state {
                    "active" => same_start && new.until >= now,
                    "pending" => new.from >= now,
                    _ => false,
                };
            if stays {
                new.updated = now;
                *old = new;
                return Reply::go(200, json!({"silenceID": old.id}));
            }
            if state != "expired" {
                old.end(now);
            }
        }
        new.id = id(all.len() as u64, epoch);
        // What is made anew does not reach into the past.
        new.from = new.from.max(now);
        new.updated = now;
        let told = json!({"silenceID": new.id});
        all.push(new);
        Reply::go(200, told)
    }

    /// `DELETE silence/ID`: ends it; once more is no error.
    pub(crate) fn delete(&self, id: &str, epoch: i64, now: i64) -> Reply {
        let mut known = self.lock();
        match Self::list(&mut known, epoch)
            .iter_mut()
            .find(|known| known.id == id)
        {
            Some(silence) => {
                if silence.state(now) != "expired" {
                    silence.end(now);
                }
                Reply::empty(200)
            }
            // Later releases answer 404.
            None => Reply::go(500, json!("silence not found")),
        }
    }
}

impl Silence {
    fn end(&mut self, now: i64) {
        self.from = self.from.min(now);
        self.until = now;
        self.updated = now;
    }
}

/// Another id for each silence of a fleet, in the form of a UUID.
fn id(made: u64, epoch: i64) -> String {
    let (high, low) = (mix(made ^ epoch as u64), mix(made.rotate_left(32) ^ 0x5117));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// A silence as the body has it, or the refusal: an object where the schema is broken, a bare text where
/// the rules are.
fn read(request: &Request, now: i64) -> Result<Silence, Reply> {
    let schema = |code: u16, text: String| Reply::go(422, json!({"code": code, "message": text}));
    let missing = |name: &str| schema(602, format!("{name} in body is required"));
    let broken = |why: String| {
        let text = format!("parsing silence body from \"\" failed, because {why}");
        Reply::go(400, json!({"code": 400, "message": text}))
    };
    let rule = |text: String| Reply::go(400, json!(text));
    if request.body.is_empty() {
        return Err(missing("silence"));
    }
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|_| broken("invalid character looking for beginning of value".to_owned()))?;
    let text = |name: &str| {
        body[name]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| missing(name))
    };
    let time = |name: &str| {
        let text = text(name)?;
        chrono::DateTime::parse_from_rfc3339(&text)
            .map(|time| time.timestamp_millis())
            .map_err(|_| {
                broken(format!(
                    "parsing time {text:?} as \"2006-01-02 15:04:05\": cannot parse {text:?} as \"2006\""
                ))
            })
    };
    let (comment, by) = (text("comment")?, text("createdBy")?);
    let (until, from) = (time("endsAt")?, time("startsAt")?);
    let rows = body["matchers"]
        .as_array()
        .ok_or_else(|| missing("matchers"))?;
    if rows.is_empty() {
        return Err(schema(
            612,
            "matchers in body should have at least 1 items".to_owned(),
        ));
    }
    let mut matchers = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let missing = |name: &str| missing(&format!("matchers.{at}.{name}"));
        let regex = row["isRegex"].as_bool().ok_or_else(|| missing("isRegex"))?;
        let name = row["name"].as_str().ok_or_else(|| missing("name"))?;
        let value = row["value"].as_str().ok_or_else(|| missing("value"))?;
        let equal = row["isEqual"].as_bool().unwrap_or(true);
        let invalid = |why: String| {
            rule(format!(
                "silence invalid: invalid label matcher {at}: {why}"
            ))
        };
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(invalid(format!("invalid label name {name:?}")));
        }
        let one = Condition::new(name, value, regex, equal)
            .map_err(|why| invalid(format!("invalid regular expression {value:?}: {why}")))?;
        matchers.push(one);
    }
    if from > until {
        return Err(rule(
            "Failed to create silence: start time must be before end time".to_owned(),
        ));
    }
    if until < now {
        return Err(rule(
            "Failed to create silence: end time can't be in the past".to_owned(),
        ));
    }
    if matchers.iter().all(|one| one.matcher.accepts("")) {
        return Err(rule(
            "silence invalid: at least one matcher must not match the empty string".to_owned(),
        ));
    }
    Ok(Silence {
        id: body["id"].as_str().unwrap_or_default().to_owned(),
        by,
        comment,
        from,
        until,
        updated: now,
        matchers,
    })
}
