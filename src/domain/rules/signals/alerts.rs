//! Alerts as findings: what fires counts as its severity says, what is pending or muted is worth
//! knowing.

use std::fmt::Write as _;

use crate::domain::alert::{Alert, AlertState};
use crate::domain::fleet::view::AlertCounts;
use crate::domain::last_known::Held;
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::text::Clean;
use crate::domain::time::Since;

/// One alert for each that several systems tell of: the Prometheus that evaluates its rule and the
/// Alertmanager that it was sent to, or two that evaluate the same rule. In the order given, by the first
/// of each.
pub fn join<'a>(alerts: impl IntoIterator<Item = &'a Held<Alert>>) -> Vec<Held<Alert>> {
    let mut joined: Vec<Held<Alert>> = Vec::new();
    for held in alerts {
        let same = joined.iter_mut().find(|known| {
            let (known, alert) = (&known.fact, &held.fact);
            let others = known.key.source != alert.key.source;
            others && (known.was_sent_as(alert) || alert.was_sent_as(known))
        });
        let Some(known) = same else {
            joined.push(held.clone());
            continue;
        };
        // The one with a rule is the one that evaluates; of two such the shorter labels are the origin's.
        let origin = |alert: &Alert| (alert.rule.is_none(), alert.labels.len());
        let fact = if origin(&known.fact) <= origin(&held.fact) {
            known.fact.joined(&held.fact)
        } else {
            held.fact.joined(&known.fact)
        };
        known.asked_at = known.asked_at.max(held.asked_at);
        known.source = fact.key.source.clone();
        known.fact = fact;
    }
    joined
}

/// How bad an alert is: one that fires, what its severity says; one that is pending or muted is worth
/// knowing. What was bad and is not `current` is not known.
pub fn level(alert: &Alert, current: bool) -> Level {
    let level = match alert.state {
        AlertState::Firing => alert.level,
        AlertState::Pending | AlertState::Silenced | AlertState::Inhibited => Level::Info,
    };
    if current || level <= Level::Info {
        level
    } else {
        Level::Unknown
    }
}

/// Judges the alerts of one model, loudest first. `current` says whether one can be relied on now.
pub fn judge(
    alerts: &[Held<Alert>],
    current: impl Fn(&Held<Alert>) -> bool,
) -> (AlertCounts, Vec<Reason>) {
    let mut counts = AlertCounts::default();
    let mut reasons = Vec::new();
    for held in alerts {
        let alert = &held.fact;
        match (alert.state, alert.level) {
            (AlertState::Firing, Level::Crit) => counts.crit += 1,
            (AlertState::Firing, _) => counts.firing += 1,
            (AlertState::Pending, _) => counts.pending += 1,
            (AlertState::Silenced | AlertState::Inhibited, _) => counts.muted += 1,
        }
        reasons.push(finding(held, current(held)));
    }
    (counts, reasons)
}

fn finding(held: &Held<Alert>, current: bool) -> Reason {
    let alert = &held.fact;
    let mut text = format!("{} {}", alert.name, alert.state.word());
    if let Some(silence) = alert.silences.first() {
        let _ = write!(
            text,
            " by {} until {}",
            silence.author,
            silence.until.day_minute()
        );
    }
    if !alert.summary.is_empty() {
        let _ = write!(text, ": {}", alert.summary);
    }
    let level = level(alert, current);
    if !current && level == Level::Unknown {
        let _ = write!(text, ", as read {}", held.asked_at.day_minute());
    }
    Reason {
        code: ReasonCode::Alert,
        level,
        text: Clean::text(&text),
        since: Since::Exact(alert.since),
        source: Some(held.source.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::alert::{AlertKey, AlertRule, Silence};
    use crate::domain::key::{Key, SourceId};
    use crate::domain::time::Millis;

    fn alert(state: AlertState, level: Level) -> Held<Alert> {
        Held {
            source: SourceId::new("am"),
            asked_at: Millis(60_000),
            fact: Alert {
                key: AlertKey {
                    source: SourceId::new("am"),
                    fingerprint: Key::new("4f"),
                },
                name: Clean::name("HighErrorRate"),
                model: Some(Key::new("churn")),
                version: None,
                severity: Clean::name("page"),
                level,
                state,
                since: Millis(7),
                summary: Clean::text("errors over 3 %"),
                runbook: None,
                dashboard: None,
                labels: Arc::from([]),
                value: None,
                rule: None,
                silences: Arc::from([]),
                group: Clean::empty(),
            },
        }
    }

    #[test]
    fn only_what_fires_counts_as_bad() {
        let firing = alert(AlertState::Firing, Level::Crit);
        let warning = alert(AlertState::Firing, Level::Warn);
        let pending = alert(AlertState::Pending, Level::Crit);
        let mut silenced = alert(AlertState::Silenced, Level::Crit);
        silenced.fact.silences = Arc::from([Silence {
            id: Key::new("1"),
            author: Clean::name("ana"),
            comment: Clean::empty(),
            until: Millis(0),
        }]);
        let all = [firing, warning, pending, silenced];
        let (counts, reasons) = judge(&all, |_| true);
        assert_eq!(
            counts,
            AlertCounts {
                crit: 1,
                firing: 1,
                pending: 1,
                muted: 1
            }
        );
        let levels: Vec<Level> = reasons.iter().map(|r| r.level).collect();
        assert_eq!(levels, [Level::Crit, Level::Warn, Level::Info, Level::Info]);
        assert_eq!(reasons[0].text, "HighErrorRate firing: errors over 3 %");
        assert_eq!(reasons[0].since, Since::Exact(Millis(7)));
        assert_eq!(
            reasons[3].text,
            "HighErrorRate silenced by ana until 01-01 00:00: errors over 3 %"
        );
    }

    #[test]
    fn one_alert_that_two_systems_tell_of_counts_once() {
        let sent = alert(AlertState::Silenced, Level::Crit);
        let mut evaluated = alert(AlertState::Firing, Level::Crit);
        evaluated.source = SourceId::new("prom");
        evaluated.fact.key.source = SourceId::new("prom");
        evaluated.fact.value = Some(0.4);
        evaluated.fact.rule = Some(AlertRule {
            query: Key::new("x > 1"),
            plotted: Key::new("x"),
            threshold: Some(1.0),
            for_seconds: 60,
        });
        let mut other = alert(AlertState::Firing, Level::Crit);
        other.fact.name = Clean::name("Other");
        for order in [[&sent, &evaluated, &other], [&other, &evaluated, &sent]] {
            let joined = join(order);
            assert_eq!(joined.len(), 2);
            let one = joined.iter().find(|h| h.fact.value.is_some());
            let one = one.expect("the value of the evaluated one");
            assert_eq!(
                (one.fact.state, &one.source),
                (AlertState::Silenced, &sent.source)
            );
        }
    }

    #[test]
    fn an_alert_of_a_source_that_is_silent_is_unknown() {
        let firing = alert(AlertState::Firing, Level::Crit);
        let (_, reasons) = judge(&[firing], |_| false);
        assert_eq!(reasons[0].level, Level::Unknown);
        assert!(reasons[0].text.as_str().ends_with("as read 01-01 00:01"));
    }
}
