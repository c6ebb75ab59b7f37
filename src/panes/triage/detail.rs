//! The lower half of triage: who answers for the selected model, what to do next, every cause, its
//! endpoints, and the changes of the time range, newest first.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{deployment_of, model_of};
use crate::domain::change::Change;
use crate::domain::deployment::Health;
use crate::domain::fleet::triage::{TriageKey, TriageRow};
use crate::domain::fleet::view::{DeploymentView, ModelView};
use crate::domain::rules::signals::shares;
use crate::domain::text::Clean;
use crate::domain::time::age;
use crate::intent::command::{COMMANDS, RESERVED};
use crate::panes::history::line::change_spans;
use crate::panes::{Cx, signal};
use crate::ui::look::{Look, Size};
use crate::ui::paint::{self, Span, span};
use crate::ui::text;
use crate::ui::theme::Role;

pub(super) fn draw(row: &TriageRow, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    paint::fill_row(buf, area, area.y, look.symbols.rule, look.style(Role::Rule));
    let mut lines: Vec<Vec<Span<'static>>> = vec![heading(row, cx)];
    let room = usize::from(area.width.saturating_sub(4));
    let model = model_of(row, cx);
    // What to do comes before why: where rows are short it is the one thing that must be read.
    lines.extend(model.map_or_else(Vec::new, |model| next_lines(model, cx, look, room)));
    if let Some(model) = model {
        let width = u16::try_from(room).unwrap_or(u16::MAX);
        let rows = if look.size < Size::Medium { 2 } else { 4 };
        lines.extend(signal::strip(model, cx, look, width, rows));
    }
    for (_, words) in model.into_iter().flat_map(ModelView::marks) {
        let mark = span(Role::Label, format!("{:<8}", "marked"));
        let none = span(Role::Dim, "");
        lines.extend(paint::wrapped(
            mark,
            Role::Strong,
            words.as_str(),
            none,
            room,
        ));
    }
    for reason in &row.verdict.reasons {
        let since = reason.since.age_text(cx.now.wall);
        let source = reason
            .source
            .as_ref()
            .map(|s| format!("  {s}"))
            .unwrap_or_default();
        let label = span(
            Look::level_role(reason.level),
            format!("{:<8}", look.level_text(reason.level)),
        );
        let after = span(Role::Dim, format!("  {since}{source}"));
        lines.extend(paint::wrapped(
            label,
            Role::Text,
            reason.text.as_str(),
            after,
            room,
        ));
    }
    let deployments: Vec<&DeploymentView> = match model {
        Some(model) => model
            .deployments
            .iter()
            .filter_map(|k| cx.fleet.deployment(k))
            .collect(),
        None => deployment_of(row, cx).into_iter().collect(),
    };
    if !deployments.is_empty() {
        lines.push(Vec::new());
        lines.extend(
            deployments
                .iter()
                .take(4)
                .flat_map(|d| endpoint(d, cx, look)),
        );
        if deployments.len() > 4 {
            lines.push(vec![span(
                Role::Dim,
                format!("  and {} more endpoints", deployments.len() - 4),
            )]);
        }
    }
    if let Some(quality) = model.and_then(quality_line) {
        lines.push(quality);
    }
    let bottom = area.bottom();
    let lines = fitting(lines, usize::from(area.height.saturating_sub(1)), look);
    let mut y = area.y + 1;
    for spans in &lines {
        paint::put_spans(buf, look, area, area.x + 2, y, spans);
        y += 1;
    }
    let rest = Rect {
        y,
        height: bottom.saturating_sub(y),
        ..area
    };
    timeline(row, cx, look, rest, buf);
}

/// As many lines as there is room for; the last one tells of those that are left out.
fn fitting(
    mut lines: Vec<Vec<Span<'static>>>,
    room: usize,
    look: &Look,
) -> Vec<Vec<Span<'static>>> {
    if lines.len() > room {
        let left = lines.split_off(room.saturating_sub(1));
        // A sentence that goes on below says so.
        let goes_on = |line: &[Span<'_>]| {
            let first = line.first();
            first.is_some_and(|s| !s.text.is_empty() && s.text.trim().is_empty())
        };
        if let (Some(last), Some(next)) = (lines.last_mut(), left.first())
            && goes_on(next)
        {
            last.push(span(Role::Dim, format!(" {}", look.symbols.ellipsis)));
        }
        let told = left.iter().filter(|line| !line.is_empty()).count();
        let how = format!("{} opens it", look.symbols.enter);
        lines.push(more_line(told, "line", &how));
    }
    lines
}

/// `3 more lines · ↵ opens it`.
fn more_line(count: usize, one: &str, how: &str) -> Vec<Span<'static>> {
    let several = if count == 1 { "" } else { "s" };
    let words = format!("{count} more {one}{several} · {how}");
    vec![span(Role::Dim, words)]
}

fn heading(row: &TriageRow, cx: &Cx<'_>) -> Vec<Span<'static>> {
    let mut spans = vec![span(Role::Title, row.name.to_string())];
    if let Some(model) = model_of(row, cx) {
        let field = |label: &'static str, value: &Option<Clean>| {
            let value = value
                .as_ref()
                .map_or_else(|| "–".to_owned(), Clean::to_string);
            [span(Role::Label, label), span(Role::Text, value)]
        };
        spans.extend(field("   owner ", &model.owner));
        spans.extend(field("   runbook ", &cx.fleet.runbook(model)));
        if let Some(at) = model.read_at {
            spans.push(span(Role::Label, "   read "));
            spans.push(span(
                Role::Dim,
                format!("{} ago", age(cx.now.wall.since(at))),
            ));
        }
    }
    spans
}

/// What to do next, the key for it, and how much the trouble touches.
fn next_lines(model: &ModelView, cx: &Cx<'_>, look: &Look, room: usize) -> Vec<Vec<Span<'static>>> {
    let Some(next) = cx.fleet.next_step(model, cx.now.wall) else {
        return Vec::new();
    };
    let label = |word: &str| span(Role::Label, format!("{word:<8}"));
    let built = COMMANDS.iter().find(|row| row.keys.contains(&next.key));
    let reserved = RESERVED.iter().find(|(key, _)| *key == next.key);
    let key = match (built, reserved) {
        (Some(row), _) => format!("  {} {}", next.key, row.title),
        (None, Some((key, verb))) => format!("  {key} {verb}: not in this version"),
        (None, None) => String::new(),
    };
    let key = span(Role::Dim, key);
    let mut lines = paint::wrapped(label("next"), Role::Text, next.text.as_str(), key, room);
    if look.size < Size::Medium {
        return lines;
    }
    let blast = cx.fleet.blast(model);
    let mut touches = text::counted(blast.endpoints, "endpoint", "endpoints");
    if blast.production > 0 {
        let _ = write!(touches, ", {} in production", blast.production);
    }
    if let Some(requests) = blast.requests {
        let _ = write!(touches, ", {}/s", text::number(requests));
    }
    if let Some(shares) = shares::words(&model.signals.shares) {
        let _ = write!(touches, ": {shares}");
    }
    lines.push(vec![label("touches"), span(Role::Dim, touches)]);
    lines
}

/// What it answers and since when, what it should answer, and how it is: one line, or two where one
/// would be cut.
fn endpoint(d: &DeploymentView, cx: &Cx<'_>, look: &Look) -> Vec<Vec<Span<'static>>> {
    let level = d.verdict.level;
    let expected = d.expected.as_ref().map_or("–", |e| e.text.as_str());
    let latency = d
        .latency
        .map(|l| format!("   probe {} ms", text::number(l.as_secs_f64() * 1e3)))
        .unwrap_or_default();
    let known = d.known_text(cx.now.wall);
    let answers = format!("{} ({known})", d.answering_text());
    let mut first = vec![
        span(
            Look::level_role(level),
            format!("{} ", look.symbols.level(level)),
        ),
        span(Role::Text, format!("{}  ", d.name)),
        // What an unreachable endpoint answers now, nobody knows.
        span(
            Role::Label,
            if d.health == Health::Unreachable || d.versions_at.is_some() {
                "last answered "
            } else {
                "answers "
            },
        ),
        span(Role::Text, answers),
        span(
            Role::Dim,
            format!(" for {}  ", d.since.age_text(cx.now.wall)),
        ),
    ];
    let rest = [
        span(Role::Label, "follows "),
        span(Role::Text, format!("{} = {expected}  ", d.follows.text())),
        span(
            Role::Dim,
            format!("{} · {}{latency}", d.skew.word(), d.health.word()),
        ),
    ];
    if look.size < Size::Medium {
        let second = std::iter::once(span(Role::Dim, "  ")).chain(rest).collect();
        return vec![first, second];
    }
    first.extend(rest);
    vec![first]
}

fn quality_line(model: &ModelView) -> Option<Vec<Span<'static>>> {
    let quality = model.quality.as_ref()?;
    let mut spans = vec![
        span(Role::Label, format!("{}  ", quality.metric)),
        span(
            Role::Text,
            format!("champion {}", text::number_or_none(quality.champion)),
        ),
    ];
    if let Some(delta) = quality.movement() {
        let role = if quality.better(delta) {
            Role::Ok
        } else {
            Role::Warn
        };
        spans.push(span(role, format!(" {}", text::delta(delta))));
    }
    if quality.challenger.is_some() {
        let value = text::number_or_none(quality.challenger);
        spans.push(span(Role::Text, format!("   challenger {value}")));
    }
    Some(spans)
}

/// The changes inside the time range, newest first, as many as fit.
fn timeline(row: &TriageRow, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let TriageKey::Model(key) = &row.key else {
        return;
    };
    if area.height < 2 {
        return;
    }
    paint::fill_row(buf, area, area.y, look.symbols.rule, look.style(Role::Rule));
    let title = format!(" changes, {} ", cx.window);
    paint::put(
        buf,
        area,
        area.x + 2,
        area.y,
        &title,
        look.style(Role::Title),
    );
    let from = cx.now.wall.minus(cx.window.0);
    let all = cx.fleet.model_timeline(key);
    let inside: Vec<&Change> = all.into_iter().filter(|c| c.not_after >= from).collect();
    if inside.is_empty() {
        let text = &look
            .symbols
            .plain("no change is known in this time range · > looks further back");
        paint::put(
            buf,
            area,
            area.x + 2,
            area.y + 1,
            text,
            look.style(Role::Dim),
        );
        return;
    }
    let room = usize::from(area.height - 1);
    let shown = if inside.len() > room {
        let left = inside.len() - (room - 1);
        let y = area.bottom() - 1;
        let words = more_line(left, "change", "H lists them");
        paint::put_spans(buf, look, area, area.x + 2, y, &words);
        room - 1
    } else {
        room
    };
    for (n, change) in inside.iter().rev().take(shown).enumerate() {
        let y = area.y + 1 + n as u16;
        paint::put_spans(
            buf,
            look,
            area,
            area.x + 2,
            y,
            &change_spans(change, cx, look),
        );
    }
}
