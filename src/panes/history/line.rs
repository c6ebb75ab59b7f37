//! One change as a line and as an event of a strip: the same words and glyphs wherever changes show.

use super::name_of;
use crate::domain::change::{Change, ChangeKind, Subject};
use crate::domain::level::Level;
use crate::domain::time::{Millis, Now, age};
use crate::domain::watch::Unwatched;
use crate::panes::Cx;
use crate::ui::frame::Event;
use crate::ui::look::Look;
use crate::ui::paint::{Span, span};
use crate::ui::theme::Role;

/// The glyph that says what kind of change it is, and its role.
pub(crate) fn glyph(change: &Change, look: &Look) -> (&'static str, Role) {
    match &change.kind {
        ChangeKind::Level => {
            let to = Level::WORST_FIRST
                .into_iter()
                .find(|l| change.to == l.word())
                .unwrap_or(Level::Unknown);
            (look.symbols.level(to), Look::level_role(to))
        }
        ChangeKind::Health if change.to == "ready" => (look.symbols.level(Level::Ok), Role::Ok),
        ChangeKind::Health => (look.symbols.level(Level::Crit), Role::Crit),
        ChangeKind::RunEnded if change.to != "finished" => {
            (look.symbols.level(Level::Warn), Role::Warn)
        }
        ChangeKind::Alert(_) if change.to == "firing" => {
            (look.symbols.level(Level::Crit), Role::Crit)
        }
        ChangeKind::Alert(_) if change.to == "pending" => {
            (look.symbols.level(Level::Warn), Role::Warn)
        }
        ChangeKind::NewVersion
        | ChangeKind::RunEnded
        | ChangeKind::Alert(_)
        | ChangeKind::Annotation
        | ChangeKind::Tag(_)
        | ChangeKind::Description(_)
        | ChangeKind::Mark(_)
        | ChangeKind::Silence(_)
        | ChangeKind::Pipeline(_) => (look.symbols.level(Level::Info), Role::Info),
        ChangeKind::Alias(_)
        | ChangeKind::Stage(_)
        | ChangeKind::VersionStatus(_)
        | ChangeKind::ModelGone
        | ChangeKind::Served => (look.symbols.marker, Role::Marker),
    }
}

/// `nobody watched for 3h`, or over several gaps `nobody watched for 3h, in 41 gaps`.
pub(crate) fn unwatched(gap: &Unwatched) -> String {
    let total = age(gap.total);
    match gap.gaps {
        1 => format!("nobody watched for {total}"),
        gaps => format!("nobody watched for {total}, in {gaps} gaps"),
    }
}

/// `14:02` today, `11-23 14:02` on another day; UTC.
pub(crate) fn stamp(at: Millis, now: Now) -> String {
    if now.wall.0.div_euclid(86_400_000) == at.0.div_euclid(86_400_000) {
        at.hour_minute()
    } else {
        at.day_minute()
    }
}

/// The width of the window that it happened in, where that is a minute or more.
pub(crate) fn window(change: &Change) -> Option<String> {
    let wide = change.not_after.since(change.not_before);
    (wide.as_secs() >= 60).then(|| age(wide))
}

/// The width of the window as a column says it: `exact`, `<1m`, `2h`.
pub(crate) fn within(change: &Change) -> String {
    if change.not_before >= change.not_after {
        "exact".to_owned()
    } else {
        age(change.not_after.since(change.not_before))
    }
}

/// What happened, and at which endpoint where it is one's own change.
fn words(change: &Change, cx: &Cx<'_>) -> String {
    match &change.subject {
        Subject::Deployment(_) => {
            let phrase = change.phrase();
            // `endpoint ready → unreachable` names its kind where the endpoint itself is named.
            let phrase = phrase
                .as_str()
                .strip_prefix("endpoint ")
                .unwrap_or(phrase.as_str());
            format!("{} {phrase}", name_of(&change.subject, cx))
        }
        Subject::Model(_) | Subject::Source(_) => change.phrase().to_string(),
    }
}

/// Who did it and why, as far as anybody says: `ana ("Q4 data")`.
fn who(change: &Change) -> Option<String> {
    let actor = change.actor.as_ref()?;
    Some(match change.reason() {
        Some(reason) => format!("{actor} (\"{reason}\")"),
        None => actor.to_string(),
    })
}

/// `14:02 ▲ champion v13 → v14  ana ("Q4 data")  6m ago, seen within 2h`.
pub(crate) fn change_spans(change: &Change, cx: &Cx<'_>, look: &Look) -> Vec<Span<'static>> {
    let (sign, role) = glyph(change, look);
    let who = who(change)
        .map(|who| format!("  {who}"))
        .unwrap_or_default();
    let within = window(change)
        .map(|w| format!(", seen within {w}"))
        .unwrap_or_default();
    let old = age(cx.now.wall.since(change.not_after));
    vec![
        span(Role::Dim, format!("{} ", stamp(change.not_after, cx.now))),
        span(role, format!("{sign} ")),
        span(Role::Text, look.symbols.plain(&words(change, cx))),
        span(Role::Dim, format!("{who}  {old} ago{within}")),
    ]
}

/// The change as an event of a strip.
pub(crate) fn event(change: &Change, cx: &Cx<'_>, look: &Look) -> Event<'static> {
    let (sign, role) = glyph(change, look);
    let who = who(change)
        .map(|who| format!(" by {who}"))
        .unwrap_or_default();
    Event {
        at: stamp(change.not_after, cx.now),
        glyph: sign,
        role,
        text: format!("{}{who}", words(change, cx)).into(),
    }
}
