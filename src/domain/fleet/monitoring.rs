//! From a model's readings, courses and alerts to its gauges and findings: what the rules of monitoring
//! are asked with.

use super::Fleet;
use super::view::{DeploymentView, ModelSignals, Pointed};
use crate::domain::alert::{Alert, AlertState};
use crate::domain::key::{Key, ModelKey, SourceId};
use crate::domain::level::{Level, Reason};
use crate::domain::model::RegisteredModel;
use crate::domain::observation::Feed;
use crate::domain::rules::freshness::{self, Freshness};
use crate::domain::rules::signals::{
    self, Began, Beside, Monitored, Sample, Standing, alerts, lines, staleness, state, told,
};
use crate::domain::signal::Gauge;
use crate::domain::time::{Millis, Since, earliest};

/// What monitoring says of a model, judged.
#[derive(Debug, Default)]
pub(super) struct Monitoring {
    pub(super) signals: ModelSignals,
    pub(super) reasons: Vec<Reason>,
    pub(super) until: Option<Millis>,
}

impl Fleet {
    /// Gives findings the onset that is known of them, by how they were told before.
    pub(super) fn date(&self, reasons: &mut [Reason], model: &ModelKey, now: Millis) {
        let before = self.views.get(model);
        for reason in reasons {
            let mut made = before.iter().flat_map(|view| &view.verdict.reasons);
            let same = made.find(|r| r.code == reason.code && r.source == reason.source);
            if reason.since == Since::Unknown && same.is_none() {
                reason.since = self.new_since(reason, model);
            }
            reason.since = onset(reason, same, now);
        }
    }

    /// Since when a finding stands that the readings before these did not make: between the last complete
    /// look before the one that brought them, and that one. Unknown for a first look, and for what the
    /// readings themselves have not brought.
    fn new_since(&self, reason: &Reason, model: &ModelKey) -> Since {
        let Some(source) = &reason.source else {
            return Since::Unknown;
        };
        let view = self.views.get(model);
        let mut gauges = view.iter().flat_map(|view| &view.signals.gauges);
        if !gauges.any(|gauge| gauge.key.source == *source) {
            return Since::Unknown;
        }
        let readings = self.readings(model).iter();
        let its = readings.filter(|held| held.fact.key.source == *source);
        let Some(brought) = its.map(|held| held.asked_at).max() else {
            return Since::Unknown;
        };
        let feeds = self.sources.get(source).map(|health| &health.feeds);
        let feed = feeds.and_then(|feeds| feeds.get(&Feed::Signals));
        let looks = feed.map(|feed| [feed.good_at, feed.good_before]);
        let looks = looks.into_iter().flatten().flatten();
        let last = looks.filter(|at| *at < brought).max();
        last.map_or(Since::Unknown, |last| Since::within(last, brought))
    }

    /// Judges what monitoring says of a model.
    pub(super) fn judge_monitoring(
        &self,
        model: &RegisteredModel,
        champion: Option<&Pointed>,
        now: Millis,
    ) -> Monitoring {
        let looked = self.with_monitored(model, champion, now, signals::judge);
        let alerts = self.joined_alerts_of(&model.key);
        let (counts, from_alerts) =
            alerts::judge(&alerts, |held| self.is_told_now(&held.fact, now));
        let (old, due) = self.judge_age(model, champion, now);
        let mut reasons = looked.reasons;
        reasons.extend(from_alerts);
        reasons.extend(old);
        Monitoring {
            signals: ModelSignals {
                gauges: looked.gauges,
                drift: looked.drift,
                drift_level: looked.drift_level,
                served: looked.served.into(),
                shares: looked.shares.into(),
                alerts: counts,
            },
            reasons,
            until: earliest(looked.until, due),
        }
    }

    /// Whether what a source said of its alerts can be relied on now.
    fn alerts_current(&self, source: &SourceId, now: Millis) -> bool {
        state::is_current(self.standing(source, Feed::Alerts, now), now)
    }

    /// When the alerts of a source were last read, if what it said of them cannot be relied on any more;
    /// the inner nothing where that is not known.
    pub fn alerts_as_read(&self, source: &SourceId, now: Millis) -> Option<Option<Millis>> {
        let standing = self.standing(source, Feed::Alerts, now);
        (!state::is_current(standing, now)).then_some(standing.read_at)
    }

    /// How bad an alert of this fleet is now.
    pub fn alert_level(&self, alert: &Alert, now: Millis) -> Level {
        alerts::level(alert, self.is_told_now(alert, now))
    }

    /// Whether an alert can be relied on now. One that fired is still known to fire where the system that it
    /// was sent to is silent and the one that evaluates its rule is not.
    fn is_told_now(&self, alert: &Alert, now: Millis) -> bool {
        let fires_elsewhere = || {
            let mut told = self.alerts_named(alert.model.as_ref());
            told.any(|held| {
                let other = &held.fact;
                other.key.source != alert.key.source
                    && (other.was_sent_as(alert) || alert.was_sent_as(other))
                    && other.state == AlertState::Firing
                    && self.alerts_current(&other.key.source, now)
            })
        };
        self.alerts_current(&alert.key.source, now)
            || alert.state == AlertState::Firing && fires_elsewhere()
    }

    /// The level of what the readings of a model come to: of its findings that rest on them, as settled. What one
    /// reading says by itself is no verdict.
    pub fn readings_level(&self, model: &ModelKey) -> Level {
        let Some(view) = self.views.get(model) else {
            return Level::default();
        };
        let found = view.verdict.reasons.iter();
        let found = found.filter(|reason| told::is_of_readings(reason.code));
        let worst = found.map(|reason| reason.level).max().unwrap_or_default();
        worst.min(view.level())
    }

    /// Every reading of a model as the rules judge it, in the order of the keys.
    pub fn gauges(&self, model: &ModelKey, now: Millis) -> Vec<Gauge> {
        let Some(held) = self.models.get(model) else {
            return Vec::new();
        };
        let view = self.views.get(model);
        let champion = view.and_then(|v| v.champion.as_ref());
        let mut gauges: Vec<Gauge> =
            self.with_monitored(&held.fact, champion, now, |monitored, _| {
                monitored.samples.iter().map(Sample::gauge).collect()
            });
        if let Some(view) = view {
            told::raise(&mut gauges, &view.verdict.reasons);
        }
        gauges
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
        if readings.is_empty() && self.courses(&model.key).is_empty() {
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
            answering: self.answering(&model.key),
            began: champion.and_then(|c| self.began(&model.key, c)),
            policy: &self.settings.policy.signals,
            now,
        };
        let (monitored, until) = signals::look(readings, self.courses(&model.key), beside);
        rule(&monitored, until)
    }

    /// The versions that a model's endpoints answer, in the registry's words.
    fn answering(&self, model: &ModelKey) -> Vec<Key> {
        let deployments = self.joins.of_model(model).iter();
        let deployments = deployments.filter_map(|key| self.deployments.get(key));
        let answering = deployments.flat_map(|d| &d.answering);
        let mut all: Vec<Key> = answering.filter_map(|a| a.version.clone()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// How old the champion is against its model's cadence, where no limit of the policy says more.
    fn judge_age(
        &self,
        model: &RegisteredModel,
        champion: Option<&Pointed>,
        now: Millis,
    ) -> (Option<Reason>, Option<Millis>) {
        let set = self.settings.models.get(model.key.name.raw());
        let limited = set
            .and_then(|s| s.max_age)
            .or(self.settings.policy.max_model_age);
        let created = champion.and_then(|c| Some((c, c.created?)));
        let (Some((champion, created)), None) = (created, limited) else {
            return (None, None);
        };
        let Some(held) = self.models.get(&model.key) else {
            return (None, None);
        };
        let facts = staleness::Facts {
            version: &champion.text,
            created,
            cadence: set.and_then(|s| s.cadence),
            source: &held.source,
        };
        let dates = self.versions(&model.key).iter().map(|h| h.fact.created);
        staleness::judge(facts, dates, now)
    }

    /// Between which times the champion began to answer: as an endpoint was seen to change to it, else as
    /// other systems' records show it, else when the alias was moved.
    fn began(&self, model: &ModelKey, champion: &Pointed) -> Option<Began> {
        let exact = |since| match since {
            Since::Exact(at) => Some(at),
            _ => None,
        };
        let answers = |d: &&DeploymentView| {
            let mut versions = d.answering.iter().filter_map(|a| a.version.as_ref());
            versions.any(|v| *v == champion.key)
        };
        let deployments = self.joins.of_model(model).iter();
        let deployments = deployments.filter_map(|key| self.deployments.get(key));
        let seen = deployments
            .filter(answers)
            .filter_map(|d| exact(d.since))
            .min();
        seen.map(Began::exactly)
            .or_else(|| {
                let spans = self.served_spans(model);
                let mut of = spans.iter().filter(|h| {
                    signals::same_version(h.fact.key.version.raw(), champion.key.raw())
                });
                // Requests were counted over a step: it began within the one before.
                of.next_back().map(|h| Began {
                    not_before: Millis(
                        h.fact.key.from.0 - i64::try_from(h.fact.step_ms).unwrap_or(0),
                    ),
                    at: h.fact.key.from,
                })
            })
            .or_else(|| exact(champion.since).map(Began::exactly))
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

/// Since when a finding stands: where its course holds no onset, at least since it was first made. One that
/// has stood without a break, and as bad, does not get younger: a course has wide steps, and another
/// feature or quantile may be the worst one now.
fn onset(reason: &Reason, before: Option<&Reason>, now: Millis) -> Since {
    use Since::{AtLeast, Exact, Unknown};
    let known = before.map_or(Unknown, |known| known.since);
    let was_as_bad = before.is_some_and(|known| known.level >= reason.level);
    match (reason.since, known) {
        (Unknown, Unknown) => AtLeast(now),
        (Unknown, known) => known,
        (told, _) if !was_as_bad => told,
        (Exact(told), Exact(known) | AtLeast(known)) => Exact(told.min(known)),
        (AtLeast(_), Exact(known)) => Exact(known),
        (AtLeast(told), AtLeast(known)) => AtLeast(told.min(known)),
        (told, Unknown) => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::level::{Level, ReasonCode};
    use crate::domain::text::Clean;

    fn finding(level: Level, since: Since) -> Reason {
        Reason {
            code: ReasonCode::SignalErrors,
            level,
            text: Clean::text("errors"),
            since,
            source: None,
        }
    }

    #[test]
    fn a_finding_that_stands_does_not_get_younger() {
        use Since::{AtLeast, Exact, Unknown};
        let at = |minute: i64| Millis(minute * 60_000);
        let now = at(100);
        let dated = |known: Option<Since>, told: Since| {
            let before = known.map(|since| finding(Level::Crit, since));
            onset(&finding(Level::Crit, told), before.as_ref(), now)
        };
        assert_eq!(dated(None, Unknown), AtLeast(now));
        assert_eq!(dated(Some(AtLeast(at(60))), Unknown), AtLeast(at(60)));
        // The course, at its wide steps, tells of a later sample.
        assert_eq!(dated(Some(Exact(at(62))), Exact(at(65))), Exact(at(62)));
        assert_eq!(dated(Some(AtLeast(at(62))), Exact(at(65))), Exact(at(62)));
        assert_eq!(dated(Some(AtLeast(at(62))), Exact(at(40))), Exact(at(40)));
        // What it told has left it, as time passed.
        assert_eq!(dated(Some(Exact(at(62))), AtLeast(at(70))), Exact(at(62)));
        assert_eq!(dated(None, Exact(at(65))), Exact(at(65)));
        let worse = finding(Level::Warn, Exact(at(10)));
        let told = finding(Level::Crit, Exact(at(90)));
        assert_eq!(
            onset(&told, Some(&worse), now),
            Exact(at(90)),
            "so bad only now"
        );
    }
}
