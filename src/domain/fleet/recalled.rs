//! Signals and alerts as the last start left them: taken in with their age, and let go where the first
//! complete answer of their source does not hold them.

use std::sync::Arc;

use super::Fleet;
use crate::domain::alert::Alert;
use crate::domain::key::SourceId;
use crate::domain::last_known::{Held, SharedReadings, SharedSeries};
use crate::domain::observation::{FactKey, Scope};
use crate::domain::time::Millis;

impl Fleet {
    /// Takes in what was known of signals and alerts. What no configured source would ever confirm, and
    /// what a complete answer has not held meanwhile, is left out.
    pub(super) fn recall_signals(
        &mut self,
        readings: Vec<SharedReadings>,
        series: Vec<SharedSeries>,
        alerts: Vec<Held<Alert>>,
    ) {
        for held in readings.into_iter().flat_map(Arc::unwrap_or_clone) {
            let key = FactKey::Signal(held.fact.key.clone());
            if self.recalls(&held.source, Scope::Signals, key, held.asked_at) {
                self.put_reading(&held.source, held.asked_at, held.fact);
            }
        }
        for held in series.into_iter().flat_map(Arc::unwrap_or_clone) {
            let key = FactKey::Series(held.fact.key.clone());
            if self.recalls(&held.source, Scope::Series, key, held.asked_at) {
                self.put_series(&held.source, held.asked_at, held.fact);
            }
        }
        for held in alerts {
            let key = FactKey::Alert(held.fact.key.clone());
            if self.recalls(&held.source, Scope::Alerts, key, held.asked_at) {
                self.put_alert(&held.source, held.asked_at, held.fact);
            }
        }
    }

    /// Whether a fact of before may still hold; if so it is swept unless its source confirms it.
    fn recalls(&mut self, source: &SourceId, scope: Scope, key: FactKey, at: Millis) -> bool {
        let scope = (source.clone(), scope);
        if !self.sources.contains_key(source) || self.swept.contains_key(&scope) {
            return false;
        }
        self.recalled.entry(scope).or_default().push((key, at));
        true
    }

    /// The first complete answer of a source: what it does not hold of before is gone.
    pub(super) fn sweep_recalled(&mut self, source: &SourceId, scope: &Scope, asked_at: Millis) {
        if self.recalled.is_empty() {
            return;
        }
        let Some(keys) = self.recalled.remove(&(source.clone(), scope.clone())) else {
            return;
        };
        for (key, at) in keys {
            // An answer of this process is newer than what was recalled.
            let later = Millis(at.0.saturating_add(1));
            if self.signal_read_since(&key, later) == Some(false) {
                self.remove(&key, asked_at);
            }
        }
    }
}

#[cfg(test)]
#[path = "recalled_tests.rs"]
mod tests;
