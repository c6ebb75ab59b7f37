//! From a model's readings, courses and alerts to its gauges and findings: what the rules of monitoring
//! are asked with.

use super::Fleet;
use super::view::{ModelSignals, Pointed};
use crate::domain::key::{ModelKey, SourceId};
use crate::domain::level::Reason;
use crate::domain::model::RegisteredModel;
use crate::domain::observation::Feed;
use crate::domain::rules::freshness::{self, Freshness};
use crate::domain::rules::signals::{
    self, Beside, Monitored, Sample, Standing, alerts, lines, state,
};
use crate::domain::signal::Gauge;
use crate::domain::time::Millis;

/// What monitoring says of a model, judged.
#[derive(Debug, Default)]
pub(super) struct Monitoring {
    pub(super) signals: ModelSignals,
    pub(super) reasons: Vec<Reason>,
    pub(super) until: Option<Millis>,
}

impl Fleet {
    /// Judges what monitoring says of a model.
    pub(super) fn judge_monitoring(
        &self,
        model: &RegisteredModel,
        champion: Option<&Pointed>,
        now: Millis,
    ) -> Monitoring {
        let looked = self.with_monitored(model, champion, now, signals::judge);
        let alerts = self.alerts_of(&model.key);
        let (counts, from_alerts) = alerts::judge(&alerts, |source| {
            state::is_current(self.standing(source, Feed::Alerts, now), now)
        });
        let mut reasons = looked.reasons;
        reasons.extend(from_alerts);
        Monitoring {
            signals: ModelSignals {
                gauges: looked.gauges,
                drift: looked.drift,
                alerts: counts,
            },
            reasons,
            until: looked.until,
        }
    }

    /// Every reading of a model as the rules judge it, in the order of the keys.
    pub fn gauges(&self, model: &ModelKey, now: Millis) -> Vec<Gauge> {
        let Some(held) = self.models.get(model) else {
            return Vec::new();
        };
        let champion = self.views.get(model).and_then(|v| v.champion.as_ref());
        self.with_monitored(&held.fact, champion, now, |monitored, _| {
            monitored.samples.iter().map(Sample::gauge).collect()
        })
    }

    /// Asks a rule with everything that is known of a model's signals.
    fn with_monitored<R: Default>(
        &self,
        model: &RegisteredModel,
        champion: Option<&Pointed>,
        now: Millis,
        rule: impl FnOnce(&Monitored<'_>, Option<Millis>) -> R,
    ) -> R {
        let readings = self.readings(&model.key);
        if readings.is_empty() {
            return R::default();
        }
        let tagged: Vec<_> = model
            .tags
            .iter()
            .filter_map(|(name, value)| lines::of_tag(name.as_str(), value.as_str()))
            .collect();
        let beside = Beside {
            standing: |source: &SourceId| self.standing(source, Feed::Signals, now),
            settings: self.settings.models.get(model.key.name.raw()),
            tagged: &tagged,
            version: champion.map(|c| &c.key),
            policy: &self.settings.policy.signals,
            now,
        };
        let (monitored, until) = signals::look(readings, self.courses(&model.key), &beside);
        rule(&monitored, until)
    }

    /// How a feed of a monitoring source stands.
    pub(super) fn standing(&self, source: &SourceId, kind: Feed, now: Millis) -> Standing {
        let health = self.sources.get(source).and_then(|s| s.feeds.get(&kind));
        Standing {
            freshness: health.map_or(Freshness::Waiting, |feed| {
                freshness::judge_feed(kind, feed, &self.settings.policy, now)
            }),
            read_at: health
                .and_then(|feed| feed.good_at)
                .or_else(|| self.answered_before.get(source).copied()),
        }
    }
}
