//! What to do next about a model in trouble, in the order in which an on-call engineer decides: serving
//! first, then the monitor, then what changed just before, then the data, and last the model itself.
//!
//! Order and reasons: the decision order of runbooks for drift; symptoms before causes and containment
//! before diagnosis (Google's SRE book, chapters 6 and 12).

use std::time::Duration;

use crate::domain::change::{Change, ChangeKind};
use crate::domain::level::{Level, Reason, ReasonCode, ReasonCode as C, Verdict};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since, age};

/// A change so long before the onset is the first suspect.
const JUST_BEFORE: Duration = Duration::from_secs(30 * 60);

/// Within this time a change that reverses another is its way back.
const CURED: Duration = Duration::from_secs(24 * 3_600);

/// What kind of step it is. The word is stable: scripts match on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Go back to the version before.
    RollBack,
    /// Look at the endpoints: restart, scale, or wait for a rollout.
    Serving,
    /// Make the monitor or its source work again: until then nothing is known.
    Monitor,
    /// Look at what feeds the model.
    Data,
    /// Train again.
    Retrain,
    /// Take note: nothing has to be done now.
    Acknowledge,
    /// Look at what trains it again.
    Pipeline,
    /// Look at what changed.
    Changes,
}

/// A suggested step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Next {
    /// Which.
    pub step: Step,
    /// The default key of its command, built or reserved.
    pub key: &'static str,
    /// What to do and why, in a short sentence.
    pub text: Clean,
}

/// What the decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The model's verdict.
    pub verdict: &'a Verdict,
    /// The known changes of the model and its deployments, oldest first.
    pub changes: &'a [&'a Change],
    /// The alias of the version in production.
    pub champion: &'a str,
    /// How many endpoints of the model the context has.
    pub endpoints: usize,
}

/// Suggests the next step; `None` for a model without findings.
pub fn judge(facts: Facts<'_>) -> Option<Next> {
    serving(&facts)
        .or_else(|| monitor(&facts))
        .or_else(|| change_before(&facts))
        .or_else(|| by_kind(&facts))
        .or_else(|| {
            let worst = facts.verdict.reasons.first();
            let worst = worst.filter(|r| r.level > Level::Info)?;
            let text = format!("look at what changed: {}", worst.text);
            Some(next(Step::Changes, "w", &text))
        })
}

/// The first finding of some kinds that asks for something.
fn bad<'a>(facts: &Facts<'a>, codes: &[ReasonCode]) -> Option<&'a Reason> {
    let mut found = facts.verdict.reasons.iter();
    found.find(|r| codes.contains(&r.code) && r.level > Level::Info)
}

/// An ordinary outage: contain first.
fn serving(facts: &Facts<'_>) -> Option<Next> {
    let broken = [
        C::SignalErrors,
        C::SignalLatency,
        C::SignalSaturation,
        C::SignalTraffic,
        C::EndpointUnready,
    ];
    if let Some(reason) = bad(facts, &broken)
        && reason.level != Level::Unknown
    {
        // Of a version that does not come up it is known since when; of errors perhaps only that they are.
        let tells = |r: &&Reason| broken.contains(&r.code) || r.code == C::SkewStuck;
        let reasons = facts.verdict.reasons.iter().filter(tells);
        let mut reasons = reasons.filter(|r| r.level > Level::Info && r.level != Level::Unknown);
        // One onset is asked about, the best that is known: another finding's may be of another trouble.
        let exact = |r: &&Reason| matches!(r.since, Since::Exact(_));
        let dated = Some(reason).filter(exact).or_else(|| reasons.find(exact));
        let reason = dated.unwrap_or(reason);
        return Some(match promotion_before(facts, reason) {
            Some((change, lead)) => roll_back(change, lead, "serving broke"),
            None if facts.endpoints == 0 => next(
                Step::Changes,
                "w",
                "serving is broken, and none of its endpoints are set up here: look at what changed",
            ),
            // It was so at the first look: what came before it nobody has seen.
            None if !matches!(reason.since, Since::Exact(_)) => next(
                Step::Serving,
                "5",
                "serving is broken, since before it was watched: look at the endpoints; w tells what is known of before",
            ),
            None => next(
                Step::Serving,
                "5",
                "serving is broken and nothing was promoted just before: look at the endpoints",
            ),
        });
    }
    let version = [
        C::SkewStuck,
        C::SkewBehind,
        C::SkewAhead,
        C::SkewSplit,
        C::SkewUnlinked,
        C::EndpointSlow,
    ];
    let reason = bad(facts, &version)?;
    let text = format!("look at the endpoints: {}", reason.text);
    Some(next(Step::Serving, "5", &text))
}

/// Without a monitor nothing is known: nobody acts on old scores.
fn monitor(facts: &Facts<'_>) -> Option<Next> {
    if bad(facts, &[C::MonitorStale]).is_some() {
        return Some(next(
            Step::Monitor,
            "o",
            "mend the monitor first: its old scores say nothing of now",
        ));
    }
    let silent = bad(facts, &[C::FactsStale, C::SourceDown]).is_some();
    let unknown = bad(facts, &MODEL_CODES).is_some_and(|r| r.level == Level::Unknown);
    (silent || unknown).then(|| {
        next(
            Step::Monitor,
            "r",
            "what is known is old or of too few rows: read it again before acting",
        )
    })
}

/// What began with a change is undone with it.
fn change_before(facts: &Facts<'_>) -> Option<Next> {
    if let Some(reason) = bad(facts, &[C::ServingSkew]) {
        return Some(match promotion_before(facts, reason) {
            Some((change, lead)) => {
                roll_back(change, lead, "its inputs have looked wrong since then")
            }
            None => next(
                Step::Data,
                "4",
                "training and serving differ: mend the pipeline, do not retrain",
            ),
        });
    }
    let reason = bad(facts, &MODEL_CODES)?;
    let (change, lead) = promotion_before(facts, reason)?;
    Some(roll_back(change, lead, "it began then"))
}

/// What nothing explains is decided by its kind: the data before the model, and the model before the news.
fn by_kind(facts: &Facts<'_>) -> Option<Next> {
    let kinds: [(&[ReasonCode], Step, &'static str, &str); 8] = [
        (
            &[C::DataQuality],
            Step::Data,
            "4",
            "the data are broken upstream: tell their owner; rolling back rarely helps",
        ),
        (
            &[C::DriftConcept],
            Step::Retrain,
            "t",
            "what is to be learned has changed: retrain with fresh labels; rolling back does not help",
        ),
        (
            &[
                C::DriftPrediction,
                C::QualityEstimated,
                C::QualityRealised,
                C::DriftTarget,
            ],
            Step::Retrain,
            "t",
            "the world has moved and nothing was changed: retrain, or try a candidate in the shadow",
        ),
        (
            &[C::DriftData],
            Step::Acknowledge,
            "a",
            "inputs moved and quality has not: take note, and look whether it lasts",
        ),
        (
            &[C::ModelStale],
            Step::Retrain,
            "t",
            "it is older than it should be: retrain",
        ),
        (
            &[C::Fairness],
            Step::Acknowledge,
            "a",
            "promote nothing new and tell the owner; look at n for each group",
        ),
        (
            &[C::RetrainFailed],
            Step::Pipeline,
            "6",
            "training it again failed: read the log of the task that failed",
        ),
        (
            &[C::PipelinePaused, C::PipelineScheduler, C::PipelineMissing],
            Step::Pipeline,
            "6",
            "it cannot be trained again now: look at its pipeline",
        ),
    ];
    let of = |codes: &[ReasonCode]| bad(facts, codes).is_some();
    let (_, step, key, text) = kinds.into_iter().find(|(codes, ..)| of(codes))?;
    Some(next(step, key, text))
}

/// Findings about what the model sees and says.
const MODEL_CODES: [ReasonCode; 7] = [
    ReasonCode::DriftPrediction,
    ReasonCode::DriftTarget,
    ReasonCode::DriftData,
    ReasonCode::DriftConcept,
    ReasonCode::DataQuality,
    ReasonCode::QualityRealised,
    ReasonCode::QualityEstimated,
];

fn next(step: Step, key: &'static str, text: &str) -> Next {
    Next {
        step,
        key,
        text: Clean::text(text),
    }
}

fn roll_back(change: &Change, lead: Duration, why: &str) -> Next {
    let text = format!(
        "roll back to {}: {why}, {} after {}",
        change.from,
        age(lead),
        change.phrase()
    );
    next(Step::RollBack, "b", &text)
}

/// The last change of the version that answers before a finding began, and how long before. A window that
/// reaches over the onset may hold it.
fn promotion_before<'a>(facts: &Facts<'a>, reason: &Reason) -> Option<(&'a Change, Duration)> {
    let onset = reason.since.stamp()?;
    let is_promotion = |c: &&&Change| {
        let moved = match &c.kind {
            ChangeKind::Alias(alias) => *alias == facts.champion,
            ChangeKind::Served => true,
            _ => false,
        };
        // Without a version before there is nothing to go back to.
        moved && !c.from.is_empty()
    };
    let before = |c: &&&Change| {
        // What was so already at the first look began before any change since.
        let late = matches!(reason.since, Since::AtLeast(_)) && c.not_after > onset;
        c.not_before <= onset && !late && lead(c, onset) <= JUST_BEFORE
    };
    let mut found = facts.changes.iter().rev().filter(is_promotion);
    let last = found.find(before)?;
    // What goes back to where it came from is the cure, not the cause.
    let mut cured = facts.changes.iter();
    let is_way_back = cured.any(|c| {
        c.kind == last.kind
            && c.from == last.to
            && c.to == last.from
            && c.not_after <= last.not_after
            && last.not_after.since(c.not_after) <= CURED
    });
    (!is_way_back).then(|| (*last, lead(last, onset)))
}

fn lead(change: &Change, onset: Millis) -> Duration {
    onset.since(change.not_after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::{Origin, Subject};
    use crate::domain::key::SourceId;

    const MINUTE: i64 = 60_000;

    fn reason(code: ReasonCode, level: Level) -> Reason {
        Reason {
            code,
            level,
            text: Clean::text("as it is"),
            since: Since::Exact(Millis(100 * MINUTE)),
            source: None,
        }
    }

    fn promotion(at: i64) -> Change {
        Change {
            subject: Subject::Source(SourceId::new("m")),
            kind: ChangeKind::Alias(Clean::name("champion")),
            from: Clean::name("v13"),
            to: Clean::name("v14"),
            not_before: Millis(at * MINUTE),
            not_after: Millis(at * MINUTE),
            actor: None,
            origin: Origin::Observed,
            evidence: Clean::empty(),
        }
    }

    #[test]
    fn what_nobody_saw_begin_is_not_said_to_follow_nothing() {
        let since = |since| Reason {
            since,
            ..reason(C::SignalErrors, Crit)
        };
        let told = |since_when| step(vec![since(since_when)], None).expect("a step").1;
        let began = Since::Exact(Millis(100 * MINUTE));
        assert!(told(began).contains("nothing was promoted just before"));
        for unseen in [Since::AtLeast(Millis(100 * MINUTE)), Since::Unknown] {
            assert!(told(unseen).contains("since before it was watched"));
        }
    }

    #[test]
    fn without_an_endpoint_to_look_at_what_changed_is_looked_at() {
        let verdict = Verdict::of(vec![reason(C::SignalErrors, Crit)]);
        let next = judge(Facts {
            verdict: &verdict,
            changes: &[],
            champion: "champion",
            endpoints: 0,
        });
        let next = next.expect("a step");
        assert_eq!((next.step, next.key), (Step::Changes, "w"));
        assert!(next.text.as_str().contains("none of its endpoints"));
    }

    #[test]
    fn a_version_that_does_not_come_up_tells_since_when_serving_is_broken() {
        let errors = Reason {
            since: Since::AtLeast(Millis(100 * MINUTE)),
            ..reason(C::SignalErrors, Warn)
        };
        let reasons = || vec![reason(C::SkewStuck, Crit), errors.clone()];
        assert_eq!(kind(reasons(), Some(98)), Some(Step::RollBack));
        assert_eq!(kind(reasons(), None), Some(Step::Serving));
    }

    fn step(reasons: Vec<Reason>, promoted: Option<i64>) -> Option<(Step, String)> {
        let change = promoted.map(promotion);
        let changes: Vec<&Change> = change.iter().collect();
        let verdict = Verdict::of(reasons);
        judge(Facts {
            verdict: &verdict,
            changes: &changes,
            champion: "champion",
            endpoints: 1,
        })
        .map(|n| (n.step, n.text.to_string()))
    }

    fn kind(reasons: Vec<Reason>, promoted: Option<i64>) -> Option<Step> {
        step(reasons, promoted).map(|(step, _)| step)
    }

    use Level::{Crit, Info, Unknown, Warn};

    #[test]
    fn serving_that_broke_after_a_promotion_is_rolled_back() {
        let errors = || vec![reason(C::SignalErrors, Crit)];
        assert_eq!(
            step(errors(), Some(92)),
            Some((
                Step::RollBack,
                "roll back to v13: serving broke, 8m after champion v13 → v14".to_owned()
            ))
        );
        assert_eq!(kind(errors(), None), Some(Step::Serving));
        assert_eq!(
            kind(errors(), Some(10)),
            Some(Step::Serving),
            "too long ago"
        );
        assert_eq!(
            kind(errors(), Some(110)),
            Some(Step::Serving),
            "it came after"
        );
    }

    #[test]
    fn a_way_back_is_no_cause_and_what_was_so_before_has_none() {
        let verdict = Verdict::of(vec![reason(C::SignalErrors, Crit)]);
        let (there, mut back) = (promotion(90), promotion(98));
        std::mem::swap(&mut back.from, &mut back.to);
        let judged = |changes: &[&Change], since| {
            let mut verdict = verdict.clone();
            verdict.reasons[0].since = since;
            let next = judge(Facts {
                verdict: &verdict,
                changes,
                champion: "champion",
                endpoints: 1,
            });
            next.map(|next| next.step)
        };
        let onset = Since::Exact(Millis(100 * MINUTE));
        assert_eq!(judged(&[&there, &back], onset), Some(Step::Serving));
        assert_eq!(judged(&[&back], onset), Some(Step::RollBack));
        let mut wide = promotion(101);
        wide.not_before = Millis(99 * MINUTE);
        assert_eq!(judged(&[&wide], onset), Some(Step::RollBack));
        let known = Since::AtLeast(Millis(100 * MINUTE));
        assert_eq!(judged(&[&wide], known), Some(Step::Serving));
    }

    #[test]
    fn a_dead_monitor_comes_before_its_old_scores() {
        let reasons = vec![
            reason(C::MonitorStale, Unknown),
            reason(C::DriftPrediction, Warn),
        ];
        assert_eq!(kind(reasons, Some(92)), Some(Step::Monitor));
        assert_eq!(
            kind(vec![reason(C::DriftData, Unknown)], None),
            Some(Step::Monitor)
        );
        assert_eq!(
            kind(
                vec![
                    reason(C::SignalErrors, Unknown),
                    reason(C::FactsStale, Unknown)
                ],
                Some(92)
            ),
            Some(Step::Monitor)
        );
    }

    #[test]
    fn drift_after_a_promotion_is_rolled_back_and_else_its_kind_decides() {
        let one = |code| vec![reason(code, Warn)];
        assert_eq!(
            kind(one(C::DriftPrediction), Some(92)),
            Some(Step::RollBack)
        );
        assert_eq!(kind(one(C::ServingSkew), Some(92)), Some(Step::RollBack));
        assert_eq!(kind(one(C::ServingSkew), None), Some(Step::Data));
        assert_eq!(kind(one(C::DriftPrediction), None), Some(Step::Retrain));
        assert_eq!(kind(one(C::DriftConcept), None), Some(Step::Retrain));
        assert_eq!(kind(one(C::DriftData), None), Some(Step::Acknowledge));
        let both = vec![
            reason(C::DataQuality, Warn),
            reason(C::DriftPrediction, Crit),
        ];
        assert_eq!(
            kind(both, None),
            Some(Step::Data),
            "broken data explain moved predictions"
        );
    }

    #[test]
    fn what_is_merely_worth_knowing_asks_for_nothing() {
        assert_eq!(step(vec![reason(C::DriftData, Info)], None), None);
        assert_eq!(step(Vec::new(), None), None);
        assert_eq!(
            kind(vec![reason(C::Alert, Warn)], None),
            Some(Step::Changes)
        );
    }
}
