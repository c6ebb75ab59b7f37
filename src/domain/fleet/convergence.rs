//! What a fleet knows of how far the world has followed an alias move: facts for
//! [`converge`].

use std::time::Duration;

use super::Fleet;
use crate::domain::deployment::Health;
use crate::domain::key::{Key, ModelKey};
use crate::domain::last_known::Held;
use crate::domain::observation::Feed;
use crate::domain::rules::converge::{self, Endpoint, Facts, Judged, Measured, Stage, Traffic};
use crate::domain::rules::freshness::Freshness;
use crate::domain::rules::signals::same_version;
use crate::domain::signal::{Measure, Measured as Reads, SignalKey, SignalReading, SignalSeries};
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
                is_served: true,
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
            unread: self.unread(model, now),
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

    /// Why the traffic of a model cannot be read now, though it is measured; `None` where it can.
    fn unread(&self, model: &ModelKey, now: Millis) -> Option<Clean> {
        let readings = self.readings(model).iter();
        let mut of_traffic = readings.filter(|held| tells_of_traffic(held.fact.key.measure));
        of_traffic.find_map(|held| self.doubt(&held.source, &[Feed::Signals], now))
    }

    fn traffic(&self, model: &ModelKey, version: &Key, since: Millis, now: Millis) -> Traffic {
        let readings = self.readings(model).iter();
        let mut told = readings.map(|held| held.fact.key.measure);
        let measured = told.any(tells_of_traffic);
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
    /// measured, else of the version since, and of any before. What was before, a course tells whenever it
    /// was read; of the time since, only one that still moves on tells.
    fn before_and_since(
        &self,
        model: &ModelKey,
        measure: Measure,
        version: &Key,
        (since, from): (Millis, Millis),
        now: Millis,
    ) -> Measured {
        let courses = self.courses(model).iter();
        let rows: Vec<&Held<SignalSeries>> = courses
            .filter(|held| is_of(&held.fact.key, measure))
            .collect();
        let picked = |pick: &dyn Fn(&Held<SignalSeries>) -> bool| -> Vec<&SignalSeries> {
            let rows = rows.iter().filter(|held| pick(held));
            rows.map(|held| &held.fact).collect()
        };
        let whole = |held: &Held<SignalSeries>| held.fact.key.version.raw().is_empty();
        let own = |held: &Held<SignalSeries>| {
            !whole(held) && same_version(held.fact.key.version.raw(), version.raw())
        };
        let moves_on = |held: &Held<SignalSeries>| {
            let feeds = [Feed::SignalHistory];
            self.doubt(&held.source, &feeds, now).is_none()
        };
        let mut after = picked(&|held| own(held) && moves_on(held));
        if after.is_empty() {
            after = picked(&|held| whole(held) && moves_on(held));
        }
        let mut before = picked(&whole);
        if before.is_empty() {
            before = picked(&|_| true);
        }
        Measured {
            before: mean(&before, since.minus(BEFORE), since),
            // A bake may be shorter than the steps of a course: then what was read last stands for it.
            since: mean(&after, from, now)
                .or_else(|| self.newest(model, measure, version, (since, now))),
        }
    }
}

impl Fleet {
    /// What was read last of a measure: of the version where that is told, else of the whole model. What was
    /// read before a moment says nothing of the time since, and neither does a source that has fallen silent.
    fn newest(
        &self,
        model: &ModelKey,
        measure: Measure,
        version: &Key,
        (since, now): (Millis, Millis),
    ) -> Option<f64> {
        let rows = self.readings(model).iter();
        let rows = rows.filter(|held| is_of(&held.fact.key, measure));
        // Actors send what has changed: what they do not send again was read again by their newest poll.
        let read_at = |held: &Held<SignalReading>| {
            let polled = self.signals_read_at(&held.source);
            held.fact.at.or(polled.max(Some(held.asked_at)))
        };
        let rows = rows.filter(|held| read_at(held) >= Some(since));
        let rows = rows.filter(|held| self.doubt(&held.source, &[Feed::Signals], now).is_none());
        let rows = rows.map(|held| &held.fact);
        let (whole, told): (Vec<&SignalReading>, Vec<&SignalReading>) =
            rows.partition(|r| r.key.version.raw().is_empty());
        let own = |r: &&&SignalReading| same_version(r.key.version.raw(), version.raw());
        let row = told.iter().find(own).or(whole.first())?;
        match row.value {
            Reads::NoTraffic if measure == Measure::Requests => Some(0.0),
            told => told.value(),
        }
    }
}

/// Whether a measure tells how a version does as it answers.
fn tells_of_traffic(measure: Measure) -> bool {
    LATENCIES.contains(&measure) || matches!(measure, Measure::ErrorRatio | Measure::Requests)
}

/// Whether a signal is of a measure as a whole, and not of a part.
fn is_of(key: &SignalKey, measure: Measure) -> bool {
    key.measure == measure && key.part.raw().is_empty()
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

#[cfg(test)]
#[path = "convergence_tests.rs"]
mod tests;
