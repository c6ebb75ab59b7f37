//! What to do next about a model in trouble, in the order in which an on-call engineer decides: serving
//! first, then the monitor, then what changed just before, then the data, and last the model itself.
//!
//! Order and reasons: the decision order of runbooks for drift; symptoms before causes and containment
//! before diagnosis (Google's SRE book, chapters 6 and 12).

use std::time::Duration;

use crate::domain::change::{Change, ChangeKind, Origin};
use crate::domain::level::{Level, Reason, ReasonCode, ReasonCode as C, Verdict};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since, age};

/// A change so long before the onset is the first suspect.
const JUST_BEFORE: Duration = Duration::from_secs(30 * 60);

/// So long a change that was taken back has to show that it helps.
const HELPS: Duration = Duration::from_secs(10 * 60);

/// Within this time a change that reverses another is its way back.
const CURED: Duration = Duration::from_secs(24 * 3_600);

/// What kind of step it is. The word is stable: scripts match on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Go back to the version before.
    RollBack,
    /// Watch whether what was just done helps.
    Watch,
    /// Look at the endpoints: restart, scale, or wait for a rollout.
    Serving,
    /// Make the monitor or its source work again: until then nothing is known.
    Monitor,
    /// Look at what feeds the model.
    Data,
    /// Train again.
    Retrain,
    /// Promote what was trained since.
    Promote,
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
    /// The likeliest cause among them.
    pub cause: Option<&'a Change>,
    /// Since when somebody watches the model: a promotion before that is told by nobody.
    pub watched_since: Option<Millis>,
    /// The alias of the version in production.
    pub champion: &'a str,
    /// A version newer than that one which could take its place, and when it was registered.
    pub newer: Option<(&'a Clean, Millis)>,
    /// How many endpoints of the model the context has.
    pub endpoints: usize,
    /// Whether each of them is ready and answers what it should.
    pub as_told: bool,
    /// The present.
    pub now: Millis,
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
        let promotion = promotion_before(facts, reason);
        let undone = promotion.and_then(|found| undo(facts, found, "serving broke"));
        return undone.or_else(|| Some(at_endpoints(facts, reason, promotion.is_some())));
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

/// Where to look for what broke serving when there is nothing to take back: at the endpoints, but where they
/// are ready and answer what they should.
fn at_endpoints(facts: &Facts<'_>, reason: &Reason, promoted: bool) -> Next {
    let what = |text: &str| next(Step::Changes, "w", text);
    let at = |text: &str| next(Step::Serving, "5", text);
    // It was so at the first look, or began before that as measurements tell: what came before it nobody
    // has seen.
    let watched = facts.watched_since;
    let unseen = match reason.since {
        Since::Exact(at) => watched.is_some_and(|from| from > at),
        Since::AtLeast(_) | Since::Unknown => true,
    };
    let begun = reason.since.stamp();
    let hardly = begun.is_some_and(|at| watched.is_some_and(|from| at.since(from) < JUST_BEFORE));
    match (facts.as_told, facts.cause.filter(|c| is_told(c))) {
        _ if facts.endpoints == 0 => what(
            "serving is broken, and none of its endpoints are set up here: look at what changed",
        ),
        (true, Some(cause)) => {
            let lead = reason
                .since
                .stamp()
                .map_or(Duration::ZERO, |at| lead(cause, at));
            what(&format!(
                "serving broke {} after \"{}\", and its endpoints are ready: look at what changed",
                age(lead),
                cause.phrase()
            ))
        }
        (true, None) if unseen => what(
            "serving is broken, since before it was watched, and its endpoints are ready: look at what is known of before",
        ),
        (true, None) => what(
            "serving is broken, and its endpoints are ready and answer what they should: look at what changed",
        ),
        (false, _) if unseen => at(
            "serving is broken, since before it was watched: look at the endpoints; w tells what is known of before",
        ),
        (false, _) if promoted => at(
            "serving is still broken after what came before it was taken back: look at the endpoints",
        ),
        (false, _) if hardly => at(
            "serving is broken soon after it was first watched: look at the endpoints; w tells what is known of before",
        ),
        (false, _) => {
            at("serving is broken and nothing was promoted just before: look at the endpoints")
        }
    }
}

/// Whether a change is one that people and pipelines tell of in words of their own.
fn is_told(change: &Change) -> bool {
    matches!(change.kind, ChangeKind::Annotation | ChangeKind::Stage(_))
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
        let found = promotion_before(facts, reason);
        let why = "its inputs have looked wrong since then";
        let undone = found.and_then(|found| undo(facts, found, why));
        return Some(undone.unwrap_or_else(|| {
            next(
                Step::Data,
                "4",
                "training and serving differ: mend the pipeline, do not retrain",
            )
        }));
    }
    let reason = bad(facts, &MODEL_CODES)?;
    undo(facts, promotion_before(facts, reason)?, "it began then")
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
    let mut found = kinds.into_iter();
    let found = found.find_map(|kind| Some((bad(facts, kind.0)?, kind)));
    let (reason, (_, step, key, text)) = found?;
    let trained = (step == Step::Retrain).then(|| trained_since(facts, reason));
    trained.flatten().or_else(|| Some(next(step, key, text)))
}

/// Somebody has trained it again since it began: what came of that is promoted, not trained once more. What
/// was in production already and is not any more is no candidate.
fn trained_since(facts: &Facts<'_>, reason: &Reason) -> Option<Next> {
    let (version, at) = facts.newer?;
    let left = |c: &&Change| {
        matches!(&c.kind, ChangeKind::Alias(alias) if *alias == facts.champion)
            && c.from == *version
    };
    if at <= reason.since.stamp()? || facts.changes.iter().any(left) {
        return None;
    }
    let text = format!(
        "{version} was registered {} ago, after this began: promote it, if it does better, rather than train again",
        age(facts.now.since(at))
    );
    Some(next(Step::Promote, "p", &text))
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

/// Undoes what a finding began with. Where that is done already it has to show that it helps; `None` where it
/// has not, and where something else was promoted since.
fn undo(facts: &Facts<'_>, (change, lead): (&Change, Duration), why: &str) -> Option<Next> {
    let mut later = facts.changes.iter().rev();
    let later = later.find(|c| c.not_after > change.not_after && is_promotion(facts, c));
    let Some(back) = later.filter(|c| c.to != change.to) else {
        let text = format!(
            "roll back to {}: {why}, {} after {}",
            change.from,
            age(lead),
            change.phrase()
        );
        return Some(next(Step::RollBack, "b", &text));
    };
    let ago = facts.now.since(back.not_after);
    (back.to == change.from && ago < HELPS).then(|| {
        let text = format!(
            "rolled back to {} {} ago: watch whether it gets better",
            back.to,
            age(ago)
        );
        // The page of a write is there for what this program did.
        let key = if back.origin == Origin::Own {
            "F"
        } else {
            "enter"
        };
        next(Step::Watch, key, &text)
    })
}

/// Whether a change moved what answers.
fn is_promotion(facts: &Facts<'_>, change: &Change) -> bool {
    match &change.kind {
        ChangeKind::Alias(alias) => *alias == facts.champion,
        ChangeKind::Served => true,
        _ => false,
    }
}

/// The last change of the version that answers before a finding began, and how long before. A window that
/// reaches over the onset may hold it.
fn promotion_before<'a>(facts: &Facts<'a>, reason: &Reason) -> Option<(&'a Change, Duration)> {
    let onset = reason.since.stamp()?;
    // Without a version before there is nothing to go back to.
    let moved = |c: &&&Change| is_promotion(facts, c) && !c.from.is_empty();
    let before = |c: &&&Change| {
        // What was so already at the first look began before any change since.
        let late = matches!(reason.since, Since::AtLeast(_)) && c.not_after > onset;
        c.not_before <= onset && !late && lead(c, onset) <= JUST_BEFORE
    };
    let mut found = facts.changes.iter().rev().filter(moved);
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
#[path = "next_tests.rs"]
mod tests;
