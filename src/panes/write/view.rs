//! How the page of a write is drawn: what it is and how it stands, then everything else in lines that
//! scroll.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::WritePage;
use crate::domain::action::{GateNote, How, Weight, Written};
use crate::domain::fleet::standing::{Phase, Standing};
use crate::domain::rules::converge::{Judged, Measured, Stage};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age, span as duration};
use crate::domain::wiring::version_text;
use crate::panes::Cx;
use crate::panes::journal::undoable;
use crate::ui::frame::empty;
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span};
use crate::ui::symbols::Symbols;
use crate::ui::text;
use crate::ui::theme::Role;

type Line = Vec<Span<'static>>;

/// The width of the labels.
const LABEL: usize = 11;

/// The role and the glyph of a phase.
pub(crate) fn phase_look(phase: Phase, look: &Look) -> (Role, &'static str) {
    let symbols = &look.symbols;
    match phase {
        Phase::Applying | Phase::Verifying | Phase::Baking => (Role::Accent, symbols.arrow),
        Phase::Done => (Role::Ok, symbols.verdict[0]),
        Phase::NotConverged => (Role::Warn, symbols.differs),
        Phase::NotApplied => (Role::Dim, symbols.verdict[2]),
        Phase::PartlyApplied => (Role::Crit, symbols.verdict[1]),
        Phase::Unknown => (Role::Unknown, "?"),
    }
}

pub(super) fn draw(
    page: &WritePage,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let Some(written) = page.written(cx) else {
        let how = "Its journal has not been read yet, or was taken away · esc goes back";
        let what = "The journals do not tell of this write.";
        empty(buf, look, area, what, &[how]);
        return Hits::default();
    };
    let plan = &written.plan;
    let standing = cx.fleet.write_standing(written, cx.writes, cx.now.wall);
    let (role, glyph) = phase_look(standing.phase, look);
    let top = paint::inner_columns(paint::row(area, 0), 1, 1);
    let title = [
        span(role, format!("{glyph} ")),
        span(
            Role::Title,
            format!("{} {}", plan.verb.title(), plan.subject),
        ),
        span(Role::Text, format!("   {}", plan.summary)),
        span(Role::Dim, format!("   {}", plan.id.short())),
    ];
    paint::put_spans(buf, look, top, top.x, top.y, &title);
    let body = paint::inner_columns(paint::inner_rows(area, 1, 0), 1, 1);
    let lines = lines(written, &standing, cx, usize::from(body.width));
    let room = usize::from(body.height);
    let last = lines.len().saturating_sub(room);
    let from = page.scroll.min(last);
    for (y, line) in (body.y..body.bottom()).zip(lines.iter().skip(from)) {
        paint::put_spans(buf, look, body, body.x, y, line);
    }
    if last > 0 {
        let to = (from + room).min(lines.len());
        let part = format!(" {}-{to} of {} ", from + 1, lines.len());
        paint::put_right(buf, look, top, top.y, &[span(Role::Dim, part)]);
    }
    let mut hits = Hits::default();
    hits.page = Some(body.height);
    hits
}

/// How many lines there are at a width.
pub(super) fn height(written: &Written, cx: &Cx<'_>, columns: usize) -> usize {
    let standing = cx.fleet.write_standing(written, cx.writes, cx.now.wall);
    lines(written, &standing, cx, columns).len()
}

/// Everything that is known of a write, label and value, for the clipboard.
pub(super) fn facts(written: &Written, cx: &Cx<'_>) -> Vec<(String, String)> {
    let standing = cx.fleet.write_standing(written, cx.writes, cx.now.wall);
    let mut all = head(written, &standing, cx);
    for (index, step) in written.plan.steps.iter().enumerate() {
        let (how, seen) = step_end(written, index);
        let mut words = format!("{how}: {}", step.act.words());
        if let Some(request) = request(written, index) {
            words = format!("{words} · {request}");
        }
        if let Some(times) = times(written, index) {
            words = format!("{words} · {times}");
        }
        if !seen.is_empty() {
            let label = read_back(written, index);
            words = format!("{words} · {label}: {seen}");
        }
        all.push((format!("step {}", index + 1), words));
    }
    for gate in &written.plan.gates {
        let why = &gate.why;
        let mut words = format!("{}: {why}", gate.verdict);
        if let Some(reason) = &gate.overridden {
            words = format!("{words} · overridden: {reason}");
        }
        all.push((format!("gate {}", gate.gate), words));
    }
    all
}

/// `2026-11-23 14:02:07Z`.
fn full(at: Millis) -> String {
    at.rfc3339().replace('T', " ")
}

/// `14:02:07Z`.
fn clock(at: Millis) -> String {
    let text = at.rfc3339();
    text.split_once('T')
        .map_or_else(|| text.clone(), |(_, time)| time.to_owned())
}

fn head(written: &Written, standing: &Standing, cx: &Cx<'_>) -> Vec<(String, String)> {
    let plan = &written.plan;
    let old = age(cx.now.wall.since(written.began));
    let mut all = vec![
        ("now", standing.words.to_string()),
        (
            "who",
            format!(
                "{} in {}, {}, {old} ago",
                written.actor.name(),
                plan.context,
                full(written.began)
            ),
        ),
    ];
    if !written.reason.is_empty() {
        all.push(("why", written.reason.to_string()));
    }
    if let Some((outcome, at)) = written.ended {
        let took = duration(at.since(written.began));
        let words = match written.words.as_str() {
            "" => String::new(),
            words => format!(" · {words}"),
        };
        all.push(("ended", format!("{} after {took}{words}", outcome.text())));
    }
    all.push(("undo", undoable(written, cx)));
    if let Some(old) = &plan.undoes {
        let what = cx.writes.get(old).map(|old| old.plan.summary.to_string());
        let what = what.map_or_else(String::new, |what| format!(": {what}"));
        all.push(("takes back", format!("{}{what}", old.short())));
    }
    let all = all.into_iter();
    all.map(|(label, value)| (label.to_owned(), value))
        .collect()
}

fn labelled(label: &str, role: Role, value: &str, columns: usize) -> Vec<Line> {
    paint::wrapped(
        span(Role::Label, text::pad(label, LABEL)),
        role,
        value,
        span(Role::Text, ""),
        columns,
    )
}

fn heading(words: &'static str) -> [Line; 2] {
    [Vec::new(), vec![span(Role::Header, words)]]
}

fn lines(written: &Written, standing: &Standing, cx: &Cx<'_>, columns: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for (label, value) in head(written, standing, cx) {
        let role = if label == "now" {
            Role::Strong
        } else {
            Role::Text
        };
        lines.extend(labelled(&label, role, &value, columns));
    }
    if let Some(judged) = &standing.followed {
        lines.extend(heading("HOW THE WORLD FOLLOWS"));
        lines.extend(ladder(written, judged, cx, columns));
    }
    lines.extend(heading("STEPS"));
    for index in 0..written.plan.steps.len() {
        lines.extend(step(written, index, columns));
    }
    if !written.plan.gates.is_empty() {
        lines.extend(heading("GATES AS THEY STOOD"));
        for gate in &written.plan.gates {
            lines.extend(gate_lines(gate, columns));
        }
    }
    if !written.plan.notes.is_empty() {
        lines.extend(heading("NOTES OF THE PLAN"));
        for note in &written.plan.notes {
            lines.extend(labelled("", Role::Text, note.as_str(), columns));
        }
    }
    lines
}

/// The stages of convergence, each with what shows it or what is waited for.
fn ladder(written: &Written, judged: &Judged, cx: &Cx<'_>, columns: usize) -> Vec<Line> {
    let Some((_, _, alias, Some(version))) = written.moves() else {
        return Vec::new();
    };
    let version = version_text(version);
    let symbols = &Symbols::UNICODE;
    let mut lines = Vec::new();
    let passed = |stage: Stage| match stage {
        Stage::Alias => format!("{} reads back {version}", alias.clean()),
        Stage::Serving => format!("what follows it answers {version}"),
        Stage::Bake | Stage::Converged => judged.words.to_string(),
    };
    for (stage, label) in [
        (Stage::Alias, "alias"),
        (Stage::Serving, "serving"),
        (Stage::Bake, "bake"),
    ] {
        let (role, glyph, words) = if judged.stage > stage {
            (Role::Ok, symbols.verdict[0], passed(stage))
        } else if judged.stage < stage {
            (Role::Dim, symbols.verdict[2], String::new())
        } else if judged.stands {
            (Role::Warn, symbols.verdict[1], judged.words.to_string())
        } else {
            (Role::Accent, symbols.arrow, judged.words.to_string())
        };
        let mut spans = paint::wrapped(
            span(role, text::pad(&format!("{glyph} {label}"), LABEL)),
            Role::Text,
            &words,
            span(Role::Text, ""),
            columns,
        );
        lines.append(&mut spans);
        if stage == Stage::Serving && judged.stage >= Stage::Serving {
            for remark in &judged.remarks {
                lines.extend(labelled("", Role::Dim, remark.as_str(), columns));
            }
        }
    }
    if judged.stage >= Stage::Bake && judged.traffic.measured {
        for words in traffic(judged, cx) {
            lines.extend(labelled("", Role::Dim, &words, columns));
        }
    }
    lines
}

/// The measures that the bake time rests on, with the hour before and what they may come to.
fn traffic(judged: &Judged, cx: &Cx<'_>) -> Vec<String> {
    let policy = &cx.fleet.settings().policy.writing.convergence;
    let traffic = &judged.traffic;
    let shown = |value: Option<f64>, of: &dyn Fn(f64) -> String| {
        value.map_or_else(|| "not read".to_owned(), of)
    };
    let line = |name: &str, m: Measured, of: &dyn Fn(f64) -> String, most: String| {
        format!(
            "{name} {}, the hour before {}, at most {most} over it",
            shown(m.since, of),
            shown(m.before, of)
        )
    };
    let percent = |value: f64| format!("{:.2} %", value * 100.0);
    let millis = |value: f64| format!("{:.0} ms", value * 1_000.0);
    let requests = traffic
        .requests
        .and_then(|n| usize::try_from(n).ok())
        .map_or_else(|| "not known".to_owned(), text::count);
    vec![
        format!(
            "requests {requests}, at least {}",
            text::count(usize::try_from(policy.min_requests).unwrap_or(usize::MAX))
        ),
        line("errors", traffic.errors, &percent, percent(policy.errors)),
        line(
            "latency",
            traffic.latency,
            &millis,
            format!("{:.0} %", policy.latency * 100.0),
        ),
    ]
}

/// How a step ended, and what was read back.
fn step_end(written: &Written, index: usize) -> (&'static str, Clean) {
    let progress = &written.steps[index];
    match &progress.ended {
        Some((end, _)) => (end.how.word(), end.words.clone()),
        None if progress.intended.is_some() => ("sent", Clean::empty()),
        None => ("not begun", Clean::empty()),
    }
}

/// How what was read back came to be known.
fn read_back(written: &Written, index: usize) -> &'static str {
    if written.steps[index].was_looked_up() {
        "no answer was seen, looked up later"
    } else {
        "read back"
    }
}

/// The exact request of a step, with what earlier steps received.
fn request(written: &Written, index: usize) -> Option<Clean> {
    let before = written.steps.iter().take(index);
    let receipts: Vec<_> = before.map(|step| step.receipt.clone()).collect();
    let act = &written.plan.steps[index].act;
    act.request(&receipts).map(|request| request.text())
}

/// `sent 14:02:07Z · ended 14:02:08Z, after 1s`.
fn times(written: &Written, index: usize) -> Option<String> {
    let progress = &written.steps[index];
    let sent = progress.intended.map(|at| format!("sent {}", clock(at)));
    let ended = progress.ended.as_ref().map(|(_, at)| {
        let took = progress.intended.map_or_else(String::new, |sent| {
            format!(", after {}", duration(at.since(sent)))
        });
        format!("ended {}{took}", clock(*at))
    });
    let parts: Vec<String> = [sent, ended].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn step(written: &Written, index: usize, columns: usize) -> Vec<Line> {
    let planned = &written.plan.steps[index];
    let symbols = &Symbols::UNICODE;
    let (word, seen) = step_end(written, index);
    let how = written.steps[index].ended.as_ref().map(|(end, _)| end.how);
    let (role, glyph) = match how {
        Some(How::Done | How::Already) => (Role::Ok, symbols.verdict[0]),
        Some(How::Unknown) => (Role::Unknown, "?"),
        Some(How::NotSeen | How::Overtaken) => (Role::Warn, symbols.differs),
        Some(How::Moved | How::Refused | How::NotApplied) => (Role::Crit, symbols.verdict[1]),
        None if word == "sent" => (Role::Accent, symbols.arrow),
        Some(How::Skipped) | None => (Role::Dim, symbols.verdict[2]),
    };
    let weight = match planned.weight {
        Weight::Required => "",
        Weight::BestEffort => "  (best effort)",
    };
    let mut lines = paint::wrapped(
        span(role, text::pad(&format!("{glyph} {word}"), LABEL + 2)),
        Role::Text,
        &format!("{} {}   {}", index + 1, planned.act.words(), planned.source),
        span(Role::Dim, weight),
        columns,
    );
    let mut add = |role: Role, words: &str| {
        let indent = span(Role::Text, " ".repeat(LABEL + 4));
        lines.extend(paint::wrapped(indent, role, words, span(role, ""), columns));
    };
    match request(written, index) {
        Some(request) => add(Role::Dim, request.as_str()),
        None => add(Role::Dim, "sends nothing over the network"),
    }
    if let Some(times) = times(written, index) {
        add(Role::Dim, &times);
    }
    if !seen.is_empty() {
        let label = read_back(written, index);
        add(Role::Text, &format!("{label}: {seen}"));
    }
    let said = &written.steps[index].receipt.words;
    if !said.is_empty() {
        add(Role::Dim, &format!("it said: {said}"));
    }
    lines
}

fn gate_lines(gate: &GateNote, columns: usize) -> Vec<Line> {
    let symbols = &Symbols::UNICODE;
    let (role, glyph) = match gate.verdict.as_str() {
        "pass" => (Role::Ok, symbols.verdict[0]),
        "fail" => (Role::Crit, symbols.verdict[1]),
        "warn" => (Role::Warn, "▲"),
        _ => (Role::Unknown, "?"),
    };
    let values = match (gate.champion.as_str(), gate.candidate.as_str()) {
        ("", "") => String::new(),
        ("", candidate) => format!("   {candidate}"),
        (champion, candidate) => format!("   {champion} → {candidate}"),
    };
    let why = match gate.why.as_str() {
        "" => String::new(),
        why => format!("   {why}"),
    };
    let mut lines = paint::wrapped(
        span(role, text::pad(&format!("{glyph} {}", gate.verdict), LABEL)),
        Role::Text,
        &format!("{}   {}{values}{why}", gate.gate, gate.rule),
        span(Role::Text, ""),
        columns,
    );
    if let Some(reason) = &gate.overridden {
        lines.extend(labelled(
            "",
            Role::Warn,
            &format!("overridden: {reason}"),
            columns,
        ));
    }
    lines
}
