//! What a fleet knows of how far the world has followed an alias move: facts for
//! [`converge`].

use std::time::Duration;

use super::Fleet;
use crate::domain::deployment::Health;
use crate::domain::key::{Key, ModelKey};
use crate::domain::observation::Feed;
use crate::domain::rules::converge::{self, Endpoint, Facts, Judged, Measured, Stage, Traffic};
use crate::domain::rules::freshness::Freshness;
use crate::domain::rules::signals::same_version;
use crate::domain::signal::{Measure, SignalReading, SignalSeries};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age};

/// Rates are taken over about a minute: a shorter time says nothing.
const LEAST: Duration = Duration::from_secs(60);
/// What the time since is held against.
const BEFORE: Duration = Duration::from_secs(3_600);
/// The measures of latency, the one that tells most first.
const LATENCIES: [Measure; 3] = [
    Measure::LatencyP95,
    Measure::LatencyP99,
    Measure::LatencyMean,
];

impl Fleet {
    /// How far the world has followed a version that an alias shall name.
    pub fn convergence(
        &self,
        model: &ModelKey,
        alias: &Key,
        version: &Key,
        now: Millis,
    ) -> Option<Judged> {
        let held = self.models.get(model)?;
        if let Some(doubt) = self.doubt(&held.source, &[Feed::Models], now) {
            return Some(Judged {
                stage: Stage::Alias,
                words: doubt,
                stands: false,
                remarks: Vec::new(),
                served_for: None,
                traffic: Traffic::default(),
            });
        }
        let endpoints: Vec<Endpoint> = self
            .followers(model, alias)
            .filter(|join| join.production && join.hold.is_none())
            .filter_map(|join| self.awaited(&join.deployment, now))
            .collect();
        let moved = self.pointed(&held.fact, alias.raw());
        let moved = moved.and_then(|pointed| pointed.since.stamp());
        let since = endpoints.iter().map(|endpoint| endpoint.since).collect();
        let since: Option<Vec<Millis>> = since;
        let since = since.and_then(|all| all.into_iter().chain(moved).max());
        let name = alias.clean();
        let facts = Facts {
            version,
            alias: Some((&name, held.fact.alias(alias.raw()))),
            endpoints: &endpoints,
            traffic: since.map_or_else(Traffic::default, |since| {
                self.traffic(model, version, since, now)
            }),
            serving_since: since,
        };
        let policy = &self.settings.policy.writing.convergence;
        Some(converge::judge(&facts, policy, now))
    }

    fn awaited(&self, key: &crate::domain::key::DeploymentKey, now: Millis) -> Option<Endpoint> {
        let view = self.deployments.get(key)?;
        let fresh = self.source_freshness(&view.source);
        let silent = match (view.health, fresh, view.versions_at) {
            (Health::Unreachable, _, _) | (_, Freshness::Down, _) => Some(Clean::text(&format!(
                "no answer{}",
                view.read_at
                    .map_or_else(String::new, |at| format!(" for {}", age(now.since(at))))
            ))),
            (_, Freshness::Stale | Freshness::Waiting, _) => Some(Clean::text("its answer is old")),
            (Health::NotReady | Health::Missing, _, _) => Some(Clean::text(&format!(
                "{} {}",
                view.health.word(),
                view.message
            ))),
            (_, _, Some(at)) => Some(Clean::text(&format!(
                "its versions were last read {} ago",
                age(now.since(at))
            ))),
            _ => None,
        };
        let answers = view.answering.iter();
        Some(Endpoint {
            name: view.name.clone(),
            // A word that maps to no version is another version all the same.
            answers: answers
                .map(|a| a.version.clone().unwrap_or_else(|| Key::of(&a.text)))
                .collect(),
            known: view.known(),
            silent,
            since: view.since.stamp(),
        })
    }

    fn traffic(&self, model: &ModelKey, version: &Key, since: Millis, now: Millis) -> Traffic {
        let wanted = |measure: &Measure| {
            LATENCIES.contains(measure)
                || matches!(measure, Measure::ErrorRatio | Measure::Requests)
        };
        let readings = self.readings(model).iter();
        let measured = readings.map(|held| &held.fact.key.measure).any(wanted);
        // Only the time of the bake counts: what was bad at first and is so no more has been overcome.
        let bake = self.settings.policy.writing.convergence.bake.max(LEAST);
        let from = since.max(now.minus(bake));
        let of = |measure| self.before_and_since(model, measure, version, (since, from), now);
        let latency = LATENCIES.into_iter().map(of);
        let latency = latency.into_iter().find(|m| m.since.is_some());
        let rate = of(Measure::Requests).since;
        let seconds = now.since(from).as_secs_f64();
        Traffic {
            measured: measured || rate.is_some(),
            requests: rate
                .map(|rate| (rate * seconds).max(0.0))
                .filter(|n| n.is_finite())
                .map(|n| n as u64),
            errors: of(Measure::ErrorRatio),
            latency: latency.unwrap_or_default(),
        }
    }

    /// The means of a measure in the hour before a moment and from a later one on: of the whole model where that is
    /// measured, else of the version since, and of any before.
    fn before_and_since(
        &self,
        model: &ModelKey,
        measure: Measure,
        version: &Key,
        (since, from): (Millis, Millis),
        now: Millis,
    ) -> Measured {
        let courses = self.courses(model).iter().map(|held| &held.fact);
        let rows: Vec<&SignalSeries> = courses
            .filter(|s| s.key.measure == measure && s.key.part.raw().is_empty())
            .collect();
        let whole: Vec<&SignalSeries> = rows
            .iter()
            .copied()
            .filter(|s| s.key.version.raw().is_empty())
            .collect();
        let own: Vec<&SignalSeries> = rows
            .iter()
            .copied()
            .filter(|s| {
                let word = s.key.version.raw();
                !word.is_empty() && same_version(word, version.raw())
            })
            .collect();
        let after = if own.is_empty() { &whole } else { &own };
        let before = if whole.is_empty() { &rows } else { &whole };
        Measured {
            before: mean(before, since.minus(BEFORE), since),
            // A bake may be shorter than the steps of a course: then what was read last stands for it.
            since: mean(after, from, now).or_else(|| self.newest(model, measure, version)),
        }
    }
}

impl Fleet {
    /// What was read last of a measure: of the version where that is told, else of the whole model.
    fn newest(&self, model: &ModelKey, measure: Measure, version: &Key) -> Option<f64> {
        let readings = self.readings(model).iter().map(|held| &held.fact);
        let rows = readings.filter(|r| r.key.measure == measure && r.key.part.raw().is_empty());
        let (whole, told): (Vec<&SignalReading>, Vec<&SignalReading>) =
            rows.partition(|r| r.key.version.raw().is_empty());
        let own = |r: &&&SignalReading| same_version(r.key.version.raw(), version.raw());
        let row = told.iter().find(own).or(whole.first())?;
        row.value.value()
    }
}

/// The mean of the values in a time; gaps say nothing.
fn mean(series: &[&SignalSeries], from: Millis, to: Millis) -> Option<f64> {
    let mut sum = 0.0;
    let mut count = 0_u32;
    for one in series {
        for (index, value) in one.values.iter().enumerate() {
            let at = one.at(index);
            if value.is_finite() && from <= at && at <= to {
                sum += f64::from(*value);
                count += 1;
            }
        }
    }
    (count > 0).then(|| sum / f64::from(count))
}
