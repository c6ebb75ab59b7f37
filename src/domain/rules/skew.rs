//! Version skew: the registry says one version, the endpoint answers another.

use crate::domain::deployment::{Health, Known, ServedState};
use crate::domain::key::Key;
use crate::domain::level::{Level, ReasonCode};
use crate::domain::settings::Policy;
use crate::domain::time::{Millis, Since};

/// How an endpoint stands to the version it follows.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Skew {
    /// It follows nothing: not judged.
    NotJudged,
    /// It answers exactly the version it follows.
    InSync,
    /// It is held at its version on purpose.
    HeldBack,
    /// Several versions answer, the followed one among them.
    Split,
    /// The followed version is on its way, within its grace.
    RollingOut,
    /// Nothing says which version answers.
    Unlinked,
    /// It answers a newer version than the one it follows.
    Ahead,
    /// It answers an older version than the one it follows, past the grace.
    Behind,
    /// The followed version is there and does not come up.
    Stuck,
}

impl Skew {
    /// The word on screen and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotJudged => "–",
            Self::InSync => "in sync",
            Self::HeldBack => "held back",
            Self::Split => "split",
            Self::RollingOut => "rolling out",
            Self::Unlinked => "unlinked",
            Self::Ahead => "ahead",
            Self::Behind => "behind",
            Self::Stuck => "stuck",
        }
    }

    /// The finding that the state makes, if it makes one.
    pub fn code(self) -> Option<ReasonCode> {
        match self {
            Self::NotJudged | Self::InSync => None,
            Self::HeldBack => Some(ReasonCode::SkewHeldBack),
            Self::Split => Some(ReasonCode::SkewSplit),
            Self::RollingOut => Some(ReasonCode::SkewRollingOut),
            Self::Unlinked => Some(ReasonCode::SkewUnlinked),
            Self::Ahead => Some(ReasonCode::SkewAhead),
            Self::Behind => Some(ReasonCode::SkewBehind),
            Self::Stuck => Some(ReasonCode::SkewStuck),
        }
    }
}

/// A version in an endpoint, in the registry's words where the version map knows them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The registry's version, or the endpoint's own word when it maps to none.
    pub version: Key,
    /// How it is known.
    pub known: Known,
    /// Its state in the endpoint.
    pub state: ServedState,
    /// Its place in the registry's order (creation), if it is in the registry.
    pub rank: Option<Millis>,
}

/// What the rule looks at.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The version to follow; `None` when it follows nothing.
    pub expected: Option<&'a Expected>,
    /// Why it is held, if it is.
    pub held: bool,
    /// The endpoint's health.
    pub health: Health,
    /// Every version it holds.
    pub versions: &'a [Seen],
    /// The version that answers a request naming none, where the server has such a rule.
    pub default: Option<&'a Key>,
    /// Whether this kind of server can tell its version at all.
    pub can_tell: bool,
    /// Whether it serves production; only there is falling behind critical.
    pub production: bool,
    /// Since when the followed version has been there without answering.
    pub loading_since: Since,
}

/// The version that a deployment follows, and since when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// The version.
    pub version: Key,
    /// Its place in the registry's order.
    pub rank: Option<Millis>,
    /// Since when it is the one to follow.
    pub since: Since,
}

/// The state and how bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The state.
    pub skew: Skew,
    /// How bad.
    pub level: Level,
    /// When the judgement may change by time alone.
    pub until: Option<Millis>,
}

/// Judges one endpoint against the version it follows.
pub fn judge(facts: &Facts<'_>, policy: &Policy, now: Millis) -> Judged {
    let settled = |skew, level| Judged {
        skew,
        level,
        until: None,
    };
    let Some(expected) = facts.expected else {
        return settled(Skew::NotJudged, Level::Ok);
    };
    let answering: Vec<&Seen> = match facts.default {
        Some(default) => facts
            .versions
            .iter()
            .filter(|v| v.version == *default)
            .collect(),
        None => facts
            .versions
            .iter()
            .filter(|v| v.state == ServedState::Answering)
            .collect(),
    };
    let wanted = facts
        .versions
        .iter()
        .find(|v| v.version == expected.version);
    let answers_wanted = answering.iter().any(|v| v.version == expected.version);

    if answering.is_empty() {
        return match wanted.map(|w| w.state) {
            Some(ServedState::Failed) => settled(Skew::Stuck, Level::Crit),
            Some(ServedState::Loading | ServedState::Unknown) => loading(facts, policy, now),
            _ => unlinked(facts),
        };
    }
    if answers_wanted && answering.len() == 1 {
        return settled(Skew::InSync, Level::Ok);
    }
    if facts.held {
        return settled(Skew::HeldBack, Level::Info);
    }
    if answers_wanted {
        return settled(Skew::Split, Level::Info);
    }
    match wanted.map(|w| w.state) {
        Some(ServedState::Failed) => return settled(Skew::Stuck, Level::Crit),
        Some(ServedState::Loading | ServedState::Unknown) => return loading(facts, policy, now),
        _ => {}
    }
    // An alias that moved a moment ago has its grace. One that was so at our first look does not:
    // nobody can say how long ago it moved, and hiding a broken rollout would be worse.
    if let Since::Exact(moved) = expected.since
        && now.since(moved) < policy.rollout_grace
    {
        let until = Some(moved.plus(policy.rollout_grace));
        return Judged {
            skew: Skew::RollingOut,
            level: Level::Info,
            until,
        };
    }
    let ahead = match (answering.iter().filter_map(|v| v.rank).max(), expected.rank) {
        (Some(answering), Some(expected)) => answering > expected,
        _ => false,
    };
    let bad = if facts.production {
        Level::Crit
    } else {
        Level::Warn
    };
    if ahead {
        settled(Skew::Ahead, Level::Warn)
    } else {
        settled(Skew::Behind, bad)
    }
}

fn unlinked(facts: &Facts<'_>) -> Judged {
    // A server that could tell and does not is unreadable. One that never can is no incident.
    let level = match (facts.can_tell, facts.health) {
        (true, Health::Ready) => Level::Unknown,
        _ => Level::Info,
    };
    Judged {
        skew: Skew::Unlinked,
        level,
        until: None,
    }
}

/// The followed version is there and does not answer yet. MLServer says `UNKNOWN` of a version that
/// loads and of one that could not be loaded: only patience tells them apart.
fn loading(facts: &Facts<'_>, policy: &Policy, now: Millis) -> Judged {
    match facts.loading_since.stamp() {
        Some(since) if now.since(since) >= policy.stuck_after => Judged {
            skew: Skew::Stuck,
            level: Level::Crit,
            until: None,
        },
        since => Judged {
            skew: Skew::RollingOut,
            level: Level::Info,
            until: since.map(|s| s.plus(policy.stuck_after)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MINUTE: i64 = 60_000;

    fn seen(version: &str, state: ServedState) -> Seen {
        let rank = version.parse().ok().map(Millis);
        Seen {
            version: Key::new(version),
            known: Known::Reported,
            state,
            rank,
        }
    }

    fn expected(version: &str, since: Since) -> Expected {
        Expected {
            version: Key::new(version),
            rank: version.parse().ok().map(Millis),
            since,
        }
    }

    fn facts<'a>(expected: Option<&'a Expected>, versions: &'a [Seen]) -> Facts<'a> {
        Facts {
            expected,
            held: false,
            health: Health::Ready,
            versions,
            default: None,
            can_tell: true,
            production: true,
            loading_since: Since::Unknown,
        }
    }

    fn at(now: i64, facts: &Facts<'_>) -> (Skew, Level) {
        let judged = judge(facts, &Policy::default(), Millis(now));
        (judged.skew, judged.level)
    }

    use ServedState::{Answering, Failed, Loading};

    #[test]
    fn the_states_of_a_rollout() {
        let e = expected("14", Since::Exact(Millis(0)));
        let old = [seen("13", Answering)];
        assert_eq!(
            at(MINUTE, &facts(Some(&e), &old)),
            (Skew::RollingOut, Level::Info)
        );
        assert_eq!(
            at(11 * MINUTE, &facts(Some(&e), &old)),
            (Skew::Behind, Level::Crit)
        );
        let both = [seen("13", Answering), seen("14", Answering)];
        assert_eq!(
            at(MINUTE, &facts(Some(&e), &both)),
            (Skew::Split, Level::Info)
        );
        let new = [seen("14", Answering)];
        assert_eq!(
            at(MINUTE, &facts(Some(&e), &new)),
            (Skew::InSync, Level::Ok)
        );
        let broken = [seen("13", Answering), seen("14", Failed)];
        assert_eq!(
            at(MINUTE, &facts(Some(&e), &broken)),
            (Skew::Stuck, Level::Crit)
        );
    }

    #[test]
    fn loading_has_its_own_patience() {
        let e = expected("14", Since::Exact(Millis(0)));
        let versions = [seen("13", Answering), seen("14", Loading)];
        let mut f = facts(Some(&e), &versions);
        f.loading_since = Since::Exact(Millis(0));
        assert_eq!(at(4 * MINUTE, &f), (Skew::RollingOut, Level::Info));
        assert_eq!(at(5 * MINUTE, &f), (Skew::Stuck, Level::Crit));
    }

    #[test]
    fn the_version_that_answers_by_default_is_the_one_judged() {
        let e = expected("5", Since::AtLeast(Millis(0)));
        let versions = [seen("5", Answering), seen("6", Answering)];
        let newest = Key::new("6");
        let mut f = facts(Some(&e), &versions);
        f.default = Some(&newest);
        assert_eq!(at(0, &f), (Skew::Ahead, Level::Warn));
    }

    #[test]
    fn what_was_so_at_the_first_look_gets_no_grace() {
        let e = expected("14", Since::AtLeast(Millis(0)));
        let old = [seen("13", Answering)];
        assert_eq!(at(1, &facts(Some(&e), &old)), (Skew::Behind, Level::Crit));
        let mut staging = facts(Some(&e), &old);
        staging.production = false;
        assert_eq!(at(1, &staging), (Skew::Behind, Level::Warn));
    }

    #[test]
    fn a_hold_explains_the_difference_and_nothing_else() {
        let e = expected("14", Since::AtLeast(Millis(0)));
        let old = [seen("13", Answering)];
        let mut f = facts(Some(&e), &old);
        f.held = true;
        assert_eq!(at(0, &f), (Skew::HeldBack, Level::Info));
        let same = [seen("14", Answering)];
        f.versions = &same;
        assert_eq!(at(0, &f), (Skew::InSync, Level::Ok));
    }

    #[test]
    fn no_evidence_is_never_in_sync() {
        let e = expected("14", Since::AtLeast(Millis(0)));
        let mut f = facts(Some(&e), &[]);
        assert_eq!(at(0, &f), (Skew::Unlinked, Level::Unknown));
        f.can_tell = false;
        assert_eq!(at(0, &f), (Skew::Unlinked, Level::Info));
        assert_eq!(at(0, &facts(None, &[])), (Skew::NotJudged, Level::Ok));
    }

    #[test]
    fn the_judgement_says_when_to_look_again() {
        let e = expected("14", Since::Exact(Millis(1_000)));
        let old = [seen("13", Answering)];
        let policy = Policy {
            rollout_grace: Duration::from_secs(60),
            ..Policy::default()
        };
        let judged = judge(&facts(Some(&e), &old), &policy, Millis(2_000));
        assert_eq!(judged.until, Some(Millis(61_000)));
    }
}
