//! Muting alerts for a time, and ending that. What a silence matches now is shown before it is made.

use std::time::Duration;

use super::Planning;
use super::basis::{About, Basis, NoPlan};
use crate::domain::action::{Act, Friction, Matcher, Plan, PlanId, Step, Verb};
use crate::domain::alert::Alert;
use crate::domain::fleet::Fleet;
use crate::domain::key::{Key, ModelKey, SourceId};
use crate::domain::observation::Feed;
use crate::domain::settings::SourceKind;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, span};

/// The label of an alert's name.
const NAME: &str = "alertname";
/// How many of the alerts that a silence matches are named.
const NAMED: usize = 6;
/// What stands against a silence without a comment.
pub const NO_COMMENT: &str = "a silence needs a comment: whoever looks for the alert will read it";
/// A silence longer than this is a mistake.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);

/// A silence that somebody wishes.
#[derive(Clone, PartialEq, Debug)]
pub struct SilenceRequest {
    /// The Alertmanager that mutes.
    pub at: SourceId,
    /// What is muted.
    pub matchers: Vec<Matcher>,
    /// For how long.
    pub hold: Duration,
    /// Why: Alertmanagers insist on it.
    pub comment: Clean,
    /// The model that it is about, where it is about one.
    pub model: Option<ModelKey>,
}

/// A silence that somebody wishes to end.
#[derive(Clone, PartialEq, Debug)]
pub struct UnsilenceRequest {
    /// The Alertmanager that mutes.
    pub at: SourceId,
    /// The silence.
    pub id: Key,
}

/// The Alertmanagers of a context, in the order of its settings.
pub fn alertmanagers(fleet: &Fleet) -> Vec<SourceId> {
    let sources = fleet.settings().sources.iter();
    sources
        .filter(|source| source.kind == SourceKind::Alertmanager)
        .map(|source| SourceId::new(&source.name))
        .collect()
}

/// Which Alertmanager mutes an alert: the one that tells of it, else the only one of the context.
pub fn mutes(fleet: &Fleet, alert: &Alert) -> Option<SourceId> {
    let all = alertmanagers(fleet);
    match all.iter().find(|id| **id == alert.key.source) {
        Some(own) => Some(own.clone()),
        None if all.len() == 1 => all.into_iter().next(),
        None => None,
    }
}

/// What mutes an alert and no more than that: its name, and the label that names the model.
pub fn usual_matchers(fleet: &Fleet, alert: &Alert) -> Vec<Matcher> {
    let sources = fleet.settings().sources.iter();
    let label = sources
        .filter(|source| SourceId::new(&source.name) == alert.key.source)
        .map(|source| source.monitoring.model_label.as_str())
        .next()
        .unwrap_or("model");
    let exactly = |name: &str, value: &Clean| Matcher {
        name: Key::new(name),
        value: Key::of(value),
        regex: false,
        equal: true,
    };
    let named = alert.labels.iter().find(|(name, _)| *name == *label);
    let named = named.map(|(name, value)| exactly(name.as_str(), value));
    [exactly(NAME, &alert.name)]
        .into_iter()
        .chain(named)
        .collect()
}

/// Whether matchers match an alert, as an Alertmanager decides it: all must, and a label that is not there
/// is empty.
pub fn matches(matchers: &[Matcher], alert: &Alert) -> bool {
    matchers.iter().all(|matcher| {
        let value = if matcher.name.raw() == NAME {
            alert.name.as_str()
        } else {
            let labels = alert.labels.iter();
            let mut found = labels
                .filter(|(name, _)| *name == *matcher.name.raw())
                .map(|(_, value)| value.as_str());
            found.next_back().unwrap_or_default()
        };
        hits(matcher, value) == matcher.equal
    })
}

fn hits(matcher: &Matcher, value: &str) -> bool {
    if !matcher.regex {
        return matcher.value.raw() == value;
    }
    regex_lite::Regex::new(&format!("^(?:{})$", matcher.value.raw()))
        .is_ok_and(|regex| regex.is_match(value))
}

/// The plan of a silence.
///
/// # Errors
/// When it would match everything, or there is no such Alertmanager.
pub fn plan(request: &SilenceRequest, id: PlanId, with: &Planning<'_>) -> Result<Plan, NoPlan> {
    let (fleet, now) = (with.fleet, with.now.wall);
    if !alertmanagers(fleet).contains(&request.at) {
        return Err(NoPlan::impossible(format!(
            "{} is no Alertmanager of this context",
            request.at
        )));
    }
    let names_something = |matcher: &Matcher| matcher.equal && !hits(matcher, "");
    if !request.matchers.iter().any(names_something) {
        return Err(NoPlan::impossible(
            "at least one matcher has to name something: a silence of everything is refused",
        ));
    }
    let mut basis = Basis::new(*with);
    if let Some(doubt) = fleet.doubt(&request.at, &[Feed::Alerts], now) {
        basis.block(doubt);
    }
    basis.rests_on_expiry(&request.at);
    if request.comment.as_str().trim().is_empty() {
        basis.block(NO_COMMENT);
    }
    if request.hold.is_zero() || request.hold > LONGEST {
        basis.block("write how long, from a second to 90 days");
    }
    for matcher in request.matchers.iter().filter(|matcher| matcher.regex) {
        if regex_lite::Regex::new(matcher.value.raw()).is_err() {
            basis.block(format!("{} is no pattern", matcher.text()));
        }
    }
    let all = fleet.joined_alerts();
    let hit: Vec<&Alert> = all
        .iter()
        .map(|held| &held.fact)
        .filter(|alert| matches(&request.matchers, alert))
        .collect();
    basis.note(preview(&hit));
    let ahead = fleet.clock_ahead_ms(&request.at).unwrap_or(0);
    let starts = Millis(with.stamped.0.saturating_add(ahead));
    let words: Vec<String> = request
        .matchers
        .iter()
        .map(|m| m.text().to_string())
        .collect();
    let act = Act::Silence {
        matchers: request.matchers.clone(),
        starts,
        ends: starts.plus(request.hold.min(LONGEST)),
        by: with.acting(request.model.as_ref()),
        comment: request.comment.clone(),
        nonce: id.key(),
    };
    let steps = basis.permitted(vec![Step::required(&request.at, act)]);
    let model = request.model.as_ref().and_then(|model| fleet.model(model));
    let about = About {
        verb: Verb::Silence,
        subject: model.map_or_else(|| request.at.clean().clone(), |view| view.name.clone()),
        model: request.model.clone(),
        summary: Clean::text(&format!(
            "mute {} for {}",
            words.join(", "),
            span(request.hold)
        )),
        friction: Friction::Key,
    };
    Ok(basis.plan(id, about, steps))
}

fn preview(hit: &[&Alert]) -> String {
    if hit.is_empty() {
        return "matches no alert that is known now".to_owned();
    }
    let of = |alert: &&Alert| match &alert.model {
        Some(model) => format!("{} ({})", alert.name, model.clean()),
        None => alert.name.to_string(),
    };
    let named: Vec<String> = hit.iter().take(NAMED).map(of).collect();
    let more = match hit.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let many = if hit.len() == 1 { "alert" } else { "alerts" };
    format!(
        "matches {} {many} now: {}{more}",
        hit.len(),
        named.join(", ")
    )
}

/// The plan that ends a silence.
///
/// # Errors
/// When there is no such Alertmanager.
pub fn end(request: &UnsilenceRequest, id: PlanId, with: &Planning<'_>) -> Result<Plan, NoPlan> {
    let (fleet, now) = (with.fleet, with.now.wall);
    if !alertmanagers(fleet).contains(&request.at) {
        return Err(NoPlan::impossible(format!(
            "{} is no Alertmanager of this context",
            request.at
        )));
    }
    let mut basis = Basis::new(*with);
    if let Some(doubt) = fleet.doubt(&request.at, &[Feed::Alerts], now) {
        basis.block(doubt);
    }
    let all = fleet.joined_alerts();
    let muted: Vec<&Alert> = all
        .iter()
        .map(|held| &held.fact)
        .filter(|alert| alert.silences.iter().any(|s| s.id == request.id))
        .collect();
    let found = muted
        .iter()
        .flat_map(|alert| alert.silences.iter())
        .find(|s| s.id == request.id);
    let summary = match found {
        Some(silence) => format!("end the silence by {}: {}", silence.author, silence.comment),
        None => format!("end the silence {}", request.id.clean()),
    };
    if muted.is_empty() {
        basis.note("it mutes no alert that is known now");
    } else {
        basis.note(format!("will be heard again; {}", preview(&muted)));
    }
    let act = Act::ExpireSilence {
        id: request.id.clone(),
    };
    let steps = basis.permitted(vec![Step::required(&request.at, act)]);
    let about = About {
        verb: Verb::Unsilence,
        subject: request.at.clean().clone(),
        model: None,
        summary: Clean::text(&summary),
        friction: Friction::Key,
    };
    Ok(basis.plan(id, about, steps))
}
