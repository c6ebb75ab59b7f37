//! What is kept of a fleet from one start to the next, and how the last start's state is taken in.

use foldhash::HashMap;

use super::Fleet;
use crate::domain::key::SourceId;
use crate::domain::last_known::{self, Held, LastKnown, Memory};
use crate::domain::observation::{FactKey, PollReport};
use crate::domain::rules::freshness::SourceHealth;
use crate::domain::run::Run;
use crate::domain::time::Millis;

impl Fleet {
    /// Everything worth keeping until the next start. Versions, readings and courses are shared with the
    /// fleet, not copied.
    pub fn last_known(&self, now: Millis, runs: Vec<Held<Run>>) -> LastKnown {
        let (signals, series) = self.shared_signals();
        LastKnown {
            saved_at: now,
            models: self.models.values().cloned().collect(),
            versions: self.versions.values().cloned().collect(),
            experiments: self.experiments.values().cloned().collect(),
            endpoints: self.endpoints.values().cloned().collect(),
            runs,
            signals,
            series,
            alerts: self.alerts().cloned().collect(),
            pipelines: self.pipelines().cloned().collect(),
            pipeline_runs: self.pipeline_runs().cloned().collect(),
            sources: self.stamps(),
            memory: self.memory(),
        }
    }

    fn memory(&self) -> Memory {
        fn listed<K: Clone, V: Clone>(map: &HashMap<K, V>) -> Vec<(K, V)> {
            map.iter().map(|(k, v)| (k.clone(), v.clone())).collect()
        }
        let mut memory = Memory {
            levels: listed(&self.settled),
            tracks: listed(&self.tracks),
            failing: listed(&self.failed_before),
            slow: listed(&self.slow),
            loading: listed(&self.loading),
            ..Memory::default()
        };
        for (key, at) in &self.first_seen {
            match key {
                FactKey::Model(key) => memory.models.push((key.clone(), *at)),
                FactKey::Endpoint(key) => memory.endpoints.push((key.clone(), *at)),
                _ => {}
            }
        }
        for (source, health) in &self.sources {
            for (feed, known) in &health.feeds {
                if let Some(since) = known.failing_since {
                    let feed = (source.clone(), *feed);
                    memory.failing.retain(|(known, _)| *known != feed);
                    memory.failing.push((feed, since));
                }
            }
        }
        memory
    }

    /// Takes the state of the last start in. Nothing in it is a change, and everything in it is old.
    pub fn absorb(&mut self, last: LastKnown, now: Millis) {
        self.remember_looks(last.memory, now);
        self.recall_registry(last.models, last.versions, last.experiments);
        self.recall_endpoints(last.endpoints);
        for h in last.runs {
            self.put_run(h.asked_at, &h.fact);
        }
        self.recall_signals(last.signals, last.series, last.alerts);
        self.recall_pipelines(last.pipelines, last.pipeline_runs);
        for stamp in last.sources {
            if let Some(at) = stamp.answered_at {
                let known = self.answered_before.entry(stamp.source).or_insert(at);
                *known = (*known).max(at);
            }
        }
        self.observed.clear();
        self.refresh(now);
    }

    /// What looking has taught before: what this process has learnt itself stands.
    fn remember_looks(&mut self, mut memory: Memory, now: Millis) {
        memory.not_ahead(now);
        let models = memory.models.into_iter();
        let models = models.map(|(key, at)| (FactKey::Model(key), at));
        let endpoints = memory.endpoints.into_iter();
        let endpoints = endpoints.map(|(key, at)| (FactKey::Endpoint(key), at));
        for (key, at) in models.chain(endpoints) {
            self.first(key, at);
        }
        self.settled.reserve(memory.levels.len());
        self.tracks.reserve(memory.tracks.len());
        for (key, settled) in memory.levels {
            self.settled.entry(key).or_insert(settled);
        }
        for (key, track) in memory.tracks {
            self.tracks.entry(key).or_insert(track);
        }
        self.failed_before.extend(memory.failing);
        for (key, at) in memory.slow {
            let since = self.slow.entry(key).or_insert(at);
            *since = (*since).min(at);
        }
        for (key, at) in memory.loading {
            let since = self.loading.entry(key).or_insert(at);
            *since = (*since).min(at);
        }
    }

    /// A poll that was answered before this process began: it tells up to when facts were known, and
    /// nothing of the present.
    pub fn recall(&mut self, report: &PollReport) {
        if let Some(health) = self.sources.get_mut(&report.source) {
            health.record(report);
        }
    }

    /// How the sources stand; one that has not answered yet keeps when it did before.
    fn stamps(&self) -> Vec<last_known::SourceStamp> {
        let mut stamps = last_known::stamps(&self.sources);
        for stamp in &mut stamps {
            let before = self.answered_before.get(&stamp.source).copied();
            stamp.answered_at = stamp.answered_at.or(before);
        }
        stamps
    }

    /// When a source last answered, in this process or before it.
    pub fn answered_at(&self, source: &SourceId) -> Option<Millis> {
        let health = self.sources.get(source).and_then(SourceHealth::good_at);
        health.or_else(|| self.answered_before.get(source).copied())
    }
}
