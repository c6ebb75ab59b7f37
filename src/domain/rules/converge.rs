//! Whether the world has followed a write that moved an alias: the alias reads back, the endpoints answer
//! the version, and for a time errors and latency stay near those of the hour before. *Applied* is not
//! *converged*.

use std::fmt::Write as _;
use std::time::Duration;

use crate::domain::deployment::Known;
use crate::domain::key::Key;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, span};
use crate::domain::wiring::version_text;
use crate::domain::writing::Convergence;

/// How far the world has come. The order is the order of the way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The alias does not read back yet.
    Alias,
    /// An endpoint that follows it does not answer the version yet.
    Serving,
    /// The version serves, and the bake time runs, says too little, or says no.
    Bake,
    /// It has converged.
    Converged,
}

impl Stage {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Alias => "alias",
            Self::Serving => "serving",
            Self::Bake => "bake",
            Self::Converged => "converged",
        }
    }
}

/// An endpoint that shall answer the version.
#[derive(Clone, PartialEq, Debug)]
pub struct Endpoint {
    /// Its name.
    pub name: Clean,
    /// The registry's versions that answer; empty where nobody can tell.
    pub answers: Vec<Key>,
    /// How they are known.
    pub known: Known,
    /// Why nothing of now is known of it: it is silent, or its versions could not be read.
    pub silent: Option<Clean>,
    /// Since when it answers so, where that is known.
    pub since: Option<Millis>,
}

/// A measure before the version served and since.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Measured {
    /// The mean of the hour before.
    pub before: Option<f64>,
    /// The mean since.
    pub since: Option<f64>,
}

/// What is known of the traffic.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Traffic {
    /// Whether anything measures it.
    pub measured: bool,
    /// Requests since the version serves.
    pub requests: Option<u64>,
    /// The share of failed requests, 0 to 1.
    pub errors: Measured,
    /// Latency in seconds.
    pub latency: Measured,
}

/// What the judgement rests on.
#[derive(Clone, PartialEq, Debug)]
pub struct Facts<'a> {
    /// The wanted version.
    pub version: &'a Key,
    /// The version that the alias reads back, if any; `None` where no alias is awaited.
    pub alias: Option<(&'a Clean, Option<&'a Key>)>,
    /// The endpoints that shall answer it.
    pub endpoints: &'a [Endpoint],
    /// The traffic since they do.
    pub traffic: Traffic,
    /// Why the traffic cannot be read now, where it cannot.
    pub unread: Option<Clean>,
    /// Since when all of them do, where that is known.
    pub serving_since: Option<Millis>,
}

/// The judgement.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    /// Where the world stands.
    pub stage: Stage,
    /// In words: what is waited for, or that it has converged.
    pub words: Clean,
    /// Whether waiting cannot help: errors or latency are over their tolerance at the end of the bake time,
    /// or nothing measures them.
    pub stands: bool,
    /// Whether anything serves what the alias names, as far as the context knows: an alias that nothing
    /// follows has converged with its move, and serves nobody.
    pub is_served: bool,
    /// What is believed without the endpoint's own word, one line each.
    pub remarks: Vec<Clean>,
    /// How long the version has served, once every endpoint answers it and where that is known.
    pub served_for: Option<Duration>,
    /// The traffic that the bake time rests on.
    pub traffic: Traffic,
}

/// Judges how far the world has come.
pub fn judge(facts: &Facts<'_>, policy: &Convergence, now: Millis) -> Judged {
    let mut remarks = Vec::new();
    let at = |stage, words: String, stands, remarks| Judged {
        stage,
        words: Clean::text(&words),
        stands,
        is_served: !facts.endpoints.is_empty(),
        remarks,
        served_for: facts
            .serving_since
            .filter(|_| stage >= Stage::Bake)
            .map(|since| now.since(since)),
        traffic: facts.traffic,
    };
    let version = version_text(facts.version);
    if let Some((alias, reads)) = facts.alias
        && reads != Some(facts.version)
    {
        let reads = reads.map_or_else(|| "nothing".to_owned(), |v| version_text(v).to_string());
        let words = format!("{alias} reads {reads}, not {version}");
        return at(Stage::Alias, words, false, remarks);
    }
    for endpoint in facts.endpoints {
        if let Some(why) = &endpoint.silent {
            let words = format!("{}: {why}", endpoint.name);
            return at(Stage::Serving, words, false, remarks);
        }
        if endpoint.answers.is_empty() || endpoint.known == Known::Unknown {
            let words = format!("{} cannot tell which version it answers", endpoint.name);
            return at(Stage::Serving, words, true, remarks);
        }
        if endpoint
            .answers
            .iter()
            .any(|answer| answer != facts.version)
        {
            let all: Vec<String> = endpoint
                .answers
                .iter()
                .map(|answer| version_text(answer).to_string())
                .collect();
            let words = format!(
                "{} answers {}, not {version}",
                endpoint.name,
                all.join(" + ")
            );
            return at(Stage::Serving, words, false, remarks);
        }
        if endpoint.known != Known::Reported {
            remarks.push(Clean::text(&format!(
                "{} does not say so itself: {version} is {}",
                endpoint.name,
                endpoint.known.word()
            )));
        }
    }
    if facts.endpoints.is_empty() {
        let words = format!("reads back; no deployment follows it, so nothing serves {version}");
        return at(Stage::Converged, words, false, remarks);
    }
    let (stage, words, stands) = bake(facts, policy, now);
    if stage == Stage::Converged {
        remarks.extend(unjudged(&facts.traffic).map(Clean::text));
    }
    at(stage, words, stands, remarks)
}

/// What tolerance nothing was held against: the rest alone carries the judgement.
fn unjudged(traffic: &Traffic) -> Option<&'static str> {
    match (traffic.errors.since, traffic.latency) {
        (None, _) => Some("errors have not been read since: latency alone is judged"),
        (_, Measured { since: None, .. }) => {
            Some("latency has not been read since: errors alone are judged")
        }
        (_, Measured { before: None, .. }) => {
            Some("latency of the hour before is not known: errors alone are judged")
        }
        _ => None,
    }
}

fn bake(facts: &Facts<'_>, policy: &Convergence, now: Millis) -> (Stage, String, bool) {
    let traffic = &facts.traffic;
    if !traffic.measured {
        let words =
            "serves; nothing measures its requests, so nobody can tell how it does".to_owned();
        return (Stage::Bake, words, true);
    }
    let for_ = facts
        .serving_since
        .map_or(Duration::ZERO, |at| now.since(at));
    let over = over(traffic, policy);
    if for_ < policy.bake {
        let so_far = over.map_or_else(String::new, |why| format!("; so far {why}"));
        let words = format!("serves for {} of {}{so_far}", span(for_), span(policy.bake));
        return (Stage::Bake, words, false);
    }
    match traffic.requests {
        Some(n) if n >= policy.min_requests => {}
        Some(n) => {
            let words = format!(
                "serves, and {n} requests say too little: {} are needed",
                policy.min_requests
            );
            return (Stage::Bake, words, false);
        }
        None => {
            let mut words = "serves, and how many requests it has had is not known".to_owned();
            if let Some(why) = &facts.unread {
                let _ = write!(words, ": {why}");
            }
            return (Stage::Bake, words, false);
        }
    }
    match over {
        Some(why) => (Stage::Bake, why, true),
        None if traffic.errors.since.is_none() && traffic.latency.since.is_none() => {
            let words = "serves, and neither errors nor latency have been read since".to_owned();
            (Stage::Bake, words, false)
        }
        None if traffic.errors.since.is_none() && traffic.latency.before.is_none() => {
            let words = "serves; errors are not read, and there is no latency of the hour before \
                         to hold its own against"
                .to_owned();
            (Stage::Bake, words, true)
        }
        None => (
            Stage::Converged,
            format!("serves, within tolerance for {}", span(for_)),
            false,
        ),
    }
}

/// What is over its tolerance, in words. Without an hour before there is nothing to be near to: errors are
/// then held against none at all, latency against nothing.
fn over(traffic: &Traffic, policy: &Convergence) -> Option<String> {
    let errors = traffic.errors.since.filter(|since| {
        let most = traffic.errors.before.unwrap_or(0.0) + policy.errors;
        since.is_nan() || *since > most
    });
    if let Some(since) = errors {
        return Some(match traffic.errors.before {
            Some(before) => format!(
                "errors {:.2} %, before {:.2} %",
                since * 100.0,
                before * 100.0
            ),
            None => format!("errors {:.2} %", since * 100.0),
        });
    }
    let (since, before) = (traffic.latency.since?, traffic.latency.before?);
    let is_over = since.is_nan() || since > before * (1.0 + policy.latency);
    is_over.then(|| {
        format!(
            "latency {:.0} ms, before {:.0} ms",
            since * 1_000.0,
            before * 1_000.0
        )
    })
}

#[cfg(test)]
#[path = "converge_tests.rs"]
mod tests;
