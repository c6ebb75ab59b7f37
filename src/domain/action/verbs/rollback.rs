//! Rolling back: an earlier version becomes what an alias names again, and what serves follows. Which
//! versions there are to go back to comes from what served and what held the alias, never from counting
//! versions down; time that nobody watched never speaks for one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Planning;
use super::basis::NoPlan;
use super::shift::{self, Gates, Shift};
use crate::domain::action::{Plan, PlanId, Verb};
use crate::domain::change::{Change, ChangeKind, Subject};
use crate::domain::fleet::Fleet;
use crate::domain::imported;
use crate::domain::key::{Key, ModelKey, VersionKey};
use crate::domain::model::{ModelVersion, VersionStatus};
use crate::domain::settings::Rollout;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age};
use crate::domain::wiring::{Target, version_text};

/// Whoever moved the alias so lately may do it again.
const LATELY: Duration = Duration::from_secs(3_600);

/// A version to go back to.
#[derive(Clone, PartialEq, Debug)]
pub struct Candidate {
    /// The raw version.
    pub version: Key,
    /// As shown: `v13`.
    pub text: Clean,
    /// Whether the registry says that it can be used.
    pub ready: bool,
    /// Whether an endpoint that follows the alias answers it now.
    pub serves: bool,
    /// When it began to be active; `None` where that was before anything is known.
    pub from: Option<Millis>,
    /// When it ended to be active; `None` while it is.
    pub until: Option<Millis>,
    /// How long it was active, as far as is known.
    pub active: Duration,
    /// Of that, the time since its last critical finding in which somebody watched.
    pub watched: Duration,
    /// Alerts that began to fire while it was active.
    pub alerts: usize,
    /// Who made it hold the alias, where anybody says.
    pub by: Option<Clean>,
    /// Why, or what shows it.
    pub why: Clean,
    /// Whether it counts as good: it held the alias and served, watched for long enough, without a critical
    /// finding.
    pub good: bool,
    /// That in words: `served 9d, watched 4h, 0 alerts`, or what is missing.
    pub judged: Clean,
}

impl Candidate {
    /// Whether it was good, as far as is known, and what that is judged by.
    pub fn words(&self) -> Clean {
        let judged = if self.good {
            "was good"
        } else {
            "is not known to have been good"
        };
        Clean::text(&format!("{} {judged}: {}", self.text, self.judged))
    }
}

/// A stretch of time. Without a beginning it reaches back before anything is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stretch {
    from: Option<Millis>,
    to: Millis,
}

impl Stretch {
    fn begins(self) -> Millis {
        self.from.unwrap_or(Millis(i64::MIN))
    }

    fn and(self, other: Self) -> Option<Self> {
        let from = self.from.max(other.from);
        let both = Self {
            from,
            to: self.to.min(other.to),
        };
        (both.begins() < both.to).then_some(both)
    }

    fn holds(self, at: Millis) -> bool {
        self.begins() <= at && at <= self.to
    }
}

/// The parts of time that are in one of each.
fn both(a: &[Stretch], b: &[Stretch]) -> Vec<Stretch> {
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b)));
    merged(pairs.filter_map(|(a, b)| a.and(b)).collect())
}

/// The same time without overlaps, oldest first.
fn merged(mut all: Vec<Stretch>) -> Vec<Stretch> {
    all.sort_by_key(|s| s.begins());
    let mut out: Vec<Stretch> = Vec::with_capacity(all.len());
    for next in all {
        match out.last_mut() {
            Some(last) if next.begins() <= last.to => last.to = last.to.max(next.to),
            _ => out.push(next),
        }
    }
    out
}

/// What is left of some time without other time.
fn without(all: &[Stretch], cut: &[Stretch]) -> Vec<Stretch> {
    let mut left = all.to_vec();
    for cut in cut {
        left = left
            .into_iter()
            .flat_map(|s| {
                let before = Stretch {
                    from: s.from,
                    to: s.to.min(cut.begins()),
                };
                let after = Stretch {
                    from: Some(s.begins().max(cut.to)),
                    to: s.to,
                };
                [before, after].into_iter().filter(|s| s.begins() < s.to)
            })
            .collect();
    }
    left
}

/// How long some time lasts; what reaches back before anything is known counts from `known` on.
fn length(all: &[Stretch], known: Millis) -> Duration {
    all.iter()
        .map(|s| s.to.since(s.from.unwrap_or(known)))
        .sum()
}

/// The versions of a model that an alias can go back to, the latest active first; the one that holds it
/// now is none of them.
pub fn candidates(fleet: &Fleet, model: &ModelKey, alias: &Key, now: Millis) -> Vec<Candidate> {
    let Some(held) = fleet.registered(model) else {
        return Vec::new();
    };
    let current = held.fact.alias(alias.raw());
    let past = Past::of(fleet, model, alias, now);
    let mut all: Vec<Candidate> = fleet
        .versions(model)
        .iter()
        .map(|held| &held.fact)
        .filter(|version| Some(&version.key.version) != current)
        .filter_map(|version| past.candidate(fleet, version, alias))
        .collect();
    all.sort_by_key(|c| std::cmp::Reverse((c.until.unwrap_or(now), c.from)));
    all
}

/// The candidate that roll back offers first: the latest good one. There may be none, and then nobody
/// guesses.
pub fn last_good(candidates: &[Candidate]) -> Option<&Candidate> {
    candidates.iter().find(|candidate| candidate.good)
}

/// What is known of a model's past.
struct Past<'a> {
    changes: Vec<&'a Change>,
    /// Of which version's text the alias was when.
    championed: Vec<(Clean, Stretch)>,
    /// Which version's text an endpoint answered when.
    served: Vec<(Clean, Stretch)>,
    /// Texts that endpoints that follow the alias answer now.
    answering: Vec<Clean>,
    follows: bool,
    watched: Vec<Stretch>,
    critical: Vec<Stretch>,
    known: Millis,
    good_after: Duration,
    now: Millis,
}

impl<'a> Past<'a> {
    fn of(fleet: &'a Fleet, model: &ModelKey, alias: &Key, now: Millis) -> Self {
        let subject = Subject::Model(model.clone());
        let own = fleet.timeline(&subject);
        let followers: Vec<_> = fleet.followers(model, alias).collect();
        let kind = ChangeKind::Alias(alias.clean());
        let marked = marked(fleet, model, alias, own);
        let mut moves: Vec<&Change> = own.iter().filter(|c| c.kind == kind).collect();
        moves.extend(&marked);
        moves.sort_by_key(|change| change.not_after);
        let championed = stretches(moves.into_iter(), now);
        let of_served = |c: &&Change| c.kind == ChangeKind::Served;
        let mut served = stretches(own.iter().filter(of_served), now);
        let mut answering = Vec::new();
        for join in &followers {
            let subject = Subject::Deployment(join.deployment.clone());
            let line = fleet.timeline(&subject);
            let told = stretches(line.iter().filter(of_served), now);
            let view = fleet.deployment(&join.deployment);
            let texts = view.into_iter().flat_map(|v| v.answering.iter());
            let texts: Vec<Clean> = texts.map(|a| a.text.clone()).collect();
            if told.is_empty() {
                let always = Stretch {
                    from: None,
                    to: now,
                };
                served.extend(texts.iter().map(|text| (text.clone(), always)));
            }
            served.extend(told);
            answering.extend(texts);
        }
        let changes = fleet.model_timeline(model);
        let since = fleet.watched_since(model).unwrap_or(now);
        let all = Stretch {
            from: Some(since),
            to: now,
        };
        let gaps: Vec<Stretch> = fleet
            .gaps()
            .iter()
            .map(|gap| Stretch {
                from: Some(gap.from),
                to: gap.to,
            })
            .collect();
        let known = changes.first().map_or(since, |c| c.not_before.min(since));
        Self {
            championed,
            served,
            answering,
            follows: !followers.is_empty(),
            watched: without(&[all], &gaps),
            critical: critical(own, now),
            known,
            good_after: fleet.settings().policy.writing.good_after,
            changes,
            now,
        }
    }

    fn candidate(&self, fleet: &Fleet, version: &ModelVersion, alias: &Key) -> Option<Candidate> {
        let text = version_text(&version.key.version);
        let of = |all: &[(Clean, Stretch)]| {
            let own = all.iter().filter(|(word, _)| *word == text);
            merged(own.map(|(_, stretch)| *stretch).collect())
        };
        let (held, served) = (of(&self.championed), of(&self.served));
        if held.is_empty() && served.is_empty() {
            return None;
        }
        let together = both(&held, &served);
        let active = if self.follows && !together.is_empty() {
            together.clone()
        } else if self.follows && !served.is_empty() {
            served.clone()
        } else {
            held.clone()
        };
        let alerts = self.changes.iter().filter(|change| {
            matches!(change.kind, ChangeKind::Alert(_))
                && change.to == "firing"
                && active.iter().any(|s| s.holds(change.not_after))
        });
        let seen = both(&active, &self.watched);
        let bad = both(&seen, &self.critical);
        let since_bad: Vec<Stretch> = match bad.last() {
            None => seen.clone(),
            Some(bad) => without(
                &seen,
                &[Stretch {
                    from: None,
                    to: bad.to,
                }],
            ),
        };
        let watched = length(&since_bad, self.known);
        let ready = version.status == VersionStatus::Ready;
        let proven = !held.is_empty() && (!self.follows || !together.is_empty());
        let good = ready && proven && !watched.is_zero() && watched >= self.good_after;
        let (by, why) = self.made(fleet, version, alias, &text);
        let last = active.last().copied()?;
        let mut candidate = Candidate {
            version: version.key.version.clone(),
            ready,
            serves: self.answering.contains(&text),
            from: active.first().and_then(|s| s.from),
            until: (last.to < self.now).then_some(last.to),
            active: length(&active, self.known),
            watched,
            alerts: alerts.count(),
            by,
            why,
            good,
            judged: Clean::empty(),
            text,
        };
        candidate.judged = self.words(&candidate, !held.is_empty(), !served.is_empty(), &bad);
        Some(candidate)
    }

    /// Who gave it the alias and why: by the newest change, completed by what its tags tell.
    fn made(
        &self,
        fleet: &Fleet,
        version: &ModelVersion,
        alias: &Key,
        text: &Clean,
    ) -> (Option<Clean>, Clean) {
        let kind = ChangeKind::Alias(alias.clean());
        let newest = self.changes.iter().rev();
        let change = newest
            .into_iter()
            .find(|change| change.kind == kind && change.to == *text);
        let fact = fleet.version(&version.key).unwrap_or(version);
        let ours = fact
            .tag("quarterdeck.promoted_as")
            .is_some_and(|tag| *tag == *alias.raw());
        let said = |text: &&Clean| ours && !text.is_empty();
        let tag = |key: &str| fact.tag(key).filter(said).cloned();
        let by = change
            .and_then(|change| change.actor.clone())
            .or_else(|| tag("quarterdeck.promoted_by"));
        let why = tag("quarterdeck.promoted_reason")
            .or_else(|| change.map(|change| change.evidence.clone()))
            .unwrap_or_default();
        (by, why)
    }

    fn words(&self, c: &Candidate, held: bool, served: bool, bad: &[Stretch]) -> Clean {
        let active = match c.from {
            Some(_) => age(c.active),
            // Less than a minute as a lower bound says nothing.
            None if c.active.as_secs() < 60 => "≥0m".to_owned(),
            None => format!("≥{}", age(c.active)),
        };
        let verb = if self.follows && served {
            "served"
        } else {
            "held the alias"
        };
        let mut parts = vec![format!("{verb} {active}")];
        if c.watched.is_zero() && bad.is_empty() {
            parts.push("nobody watched".to_owned());
        } else {
            parts.push(format!("watched {}", age(c.watched)));
        }
        parts.push(match c.alerts {
            1 => "1 alert".to_owned(),
            n => format!("{n} alerts"),
        });
        if !bad.is_empty() {
            parts.push("critical meanwhile".to_owned());
        }
        if self.follows && !served {
            parts.push("never seen to serve".to_owned());
        }
        if !held {
            parts.push("not known to have held the alias".to_owned());
        }
        if !c.ready {
            parts.push("not ready in the registry".to_owned());
        }
        Clean::text(&parts.join(", "))
    }
}

/// Moves of the alias that marks on versions tell of and nothing else does: made where nobody of this
/// machine looked.
fn marked(fleet: &Fleet, model: &ModelKey, alias: &Key, known: &[Change]) -> Vec<Change> {
    let versions = fleet.versions(model).iter().map(|held| &held.fact);
    let mut all = imported::marked_moves(versions, alias);
    all.retain(|mark| !known.iter().any(|seen| imported::is_marked(mark, seen)));
    all
}

/// The states between changes of one kind, oldest first. What was before the first one has no beginning.
fn stretches<'a>(changes: impl Iterator<Item = &'a Change>, now: Millis) -> Vec<(Clean, Stretch)> {
    let mut all = Vec::new();
    let mut put = |words: &Clean, from: Option<Millis>, to: Millis| {
        for word in words.as_str().split(", ").filter(|word| !word.is_empty()) {
            all.push((Clean::name(word), Stretch { from, to }));
        }
    };
    let mut last: Option<&Change> = None;
    for change in changes {
        match last {
            None => put(&change.from, None, change.not_before),
            Some(before) => put(&before.to, Some(before.not_after), change.not_before),
        }
        last = Some(change);
    }
    if let Some(last) = last {
        put(&last.to, Some(last.not_after), now);
    }
    all.retain(|(_, stretch)| stretch.begins() <= stretch.to);
    all
}

/// When the model's settled level was critical: as widely as it may have been.
fn critical(own: &[Change], now: Millis) -> Vec<Stretch> {
    let mut all = Vec::new();
    let mut since: Option<Millis> = None;
    for change in own.iter().filter(|c| c.kind == ChangeKind::Level) {
        if since.is_none() && change.from == "crit" {
            // It was so before the first change that is known.
            all.push(Stretch {
                from: None,
                to: change.not_after,
            });
        }
        if let Some(from) = since.take() {
            all.push(Stretch {
                from: Some(from),
                to: change.not_after,
            });
        }
        if change.to == "crit" {
            since = Some(change.not_before);
        }
    }
    all.extend(since.map(|from| Stretch {
        from: Some(from),
        to: now,
    }));
    merged(all)
}

/// A way back that somebody wishes.
#[derive(Clone, PartialEq, Debug)]
pub struct RollBackRequest {
    /// The model.
    pub model: ModelKey,
    /// The raw alias.
    pub alias: Key,
    /// The raw version to go back to; without it the last good one.
    pub to: Option<Key>,
    /// Why; may be empty.
    pub reason: Clean,
    /// Reasons that were given, by what each passes: `freeze`.
    pub overrides: BTreeMap<String, Clean>,
}

/// The plan that rolls back: alias and serving in one. What claims the move is added by
/// [`claim`](super::claiming::claim).
///
/// # Errors
/// When there is nothing to go back to, or nothing to do.
pub fn plan(request: &RollBackRequest, id: PlanId, with: &Planning<'_>) -> Result<Plan, NoPlan> {
    let (fleet, now) = (with.fleet, with.now.wall);
    let all = candidates(fleet, &request.model, &request.alias, now);
    let chosen = match &request.to {
        Some(to) => all.iter().find(|c| c.version == *to),
        None => last_good(&all),
    };
    let to = match (&request.to, chosen) {
        (Some(to), _) => to,
        (None, Some(good)) => &good.version,
        (None, None) => return Err(NoPlan::impossible(nothing_good(&all))),
    };
    let gates = Gates::default();
    let shift = Shift {
        verb: Verb::RollBack,
        model: &request.model,
        alias: &request.alias,
        to,
        reason: &request.reason,
        overrides: &request.overrides,
        gates: &gates,
    };
    let mut plan = shift::plan(&shift, id, with)?;
    let known = match chosen {
        Some(c) => c.words().to_string(),
        None => format!(
            "nothing is known of {} ever having served here",
            version_text(to)
        ),
    };
    plan.notes.insert(0, Clean::text(&known));
    plan.notes.extend(fighters(fleet, request, to, with));
    Ok(plan)
}

fn nothing_good(all: &[Candidate]) -> String {
    let Some(first) = all.first() else {
        return "nothing is known of an earlier version that served or held the alias: name one"
            .to_owned();
    };
    let how = if all.iter().all(|c| c.watched.is_zero()) {
        "; nobody watched them: `quarterdeck record` looks while no console is open"
    } else {
        ""
    };
    format!(
        "no earlier version is known to have been good; the latest is {} ({}): name it to go back to it{how}",
        first.text, first.judged
    )
}

/// What would undo a roll back behind its back.
fn fighters(fleet: &Fleet, request: &RollBackRequest, to: &Key, with: &Planning<'_>) -> Vec<Clean> {
    let mut notes = Vec::new();
    let mut note = |text: String| notes.push(Clean::text(&text));
    let model = &request.model;
    let Some(view) = fleet.model(model) else {
        return notes;
    };
    for key in &view.deployments {
        let (Some(join), Some(settings)) = (fleet.join(key), fleet.deployment_settings(key)) else {
            continue;
        };
        match &join.follows {
            Target::Alias(alias)
                if *alias == request.alias.clean()
                    && settings.rollout == Rollout::External
                    && join.hold.is_none() =>
            {
                note(format!(
                    "would fight it: whatever rolls {} out, unless it follows the alias",
                    join.name
                ));
            }
            Target::Version(version) if version_text(&Key::of(version)) != version_text(to) => {
                note(format!(
                    "{} follows {} on purpose and stays there",
                    join.name,
                    version_text(&Key::of(version))
                ));
            }
            _ => {}
        }
    }
    let subject = Subject::Model(model.clone());
    let kind = ChangeKind::Alias(request.alias.clean());
    let last = fleet
        .timeline(&subject)
        .iter()
        .rev()
        .find(|c| c.kind == kind);
    if let Some(last) = last
        && with.now.wall.since(last.not_after) < LATELY
        && last.actor != Some(with.acting(Some(model)))
    {
        let who = last.actor.as_ref().map_or("somebody", Clean::as_str);
        note(format!(
            "would fight it: {who} moved {} {} ago and may do it again",
            last.phrase(),
            age(with.now.wall.since(last.not_after))
        ));
    }
    notes
}

/// The version that a text means: `v13` or the registry's own word.
pub fn version_of(fleet: &Fleet, model: &ModelKey, text: &str) -> Option<VersionKey> {
    let all = || fleet.versions(model).iter().map(|held| &held.fact.key);
    all()
        .find(|key| key.version.raw() == text)
        .or_else(|| all().find(|key| version_text(&key.version) == *text))
        .cloned()
}
