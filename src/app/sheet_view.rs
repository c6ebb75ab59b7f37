//! Drawing the sheet of a plan: what fails first and scrolls, what is asked stays pinned.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::App;
use super::sheet::{Focus, Sheet};
use crate::domain::action::{GateNote, Mode, Plan, Step, Weight};
use crate::domain::text::Clean;
use crate::domain::time::age;
use crate::ui::form::Field;
use crate::ui::frame::{Dialog, Hint};
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span};
use crate::ui::text;
use crate::ui::theme::Role;

/// A column of the gates: its text, its title and how wide it may be.
type Column<'a> = (fn(&GateNote) -> &Clean, &'a str, usize);

/// A line of the scrolling part.
type Line<'a> = Vec<Span<'a>>;

/// Draws the sheet over the screen.
pub(super) fn draw(
    app: &App,
    sheet: &Sheet,
    look: &Look,
    screen: Rect,
    buf: &mut Buffer,
) -> (Hits, Option<Position>) {
    let mode = app.mode();
    let title = heading(sheet);
    let oldest = sheet.plans().map(|plan| plan.read_at).min();
    let read = oldest.map(|at| format!("read {} ago", age(look.now.wall.since(at))));
    let mut hints = hints(sheet, &mode);
    if app.signing_command(sheet).is_some() {
        hints.push(Hint::new("y", "copy the signing command", 2));
    }
    let width = screen.width.saturating_sub(6).min(132);
    let columns = usize::from(width);
    let fields: Vec<Focus> = sheet.fields(&mode).collect();
    let error = error_lines(sheet, look, columns);
    let errors = u16::try_from(error.len()).unwrap_or(u16::MAX);
    // Half of what the fields leave is for what stands against it, the other half for the plan.
    let spare = screen.height.saturating_sub(7 + errors) / 2;
    let most = usize::from(spare.saturating_sub(fields.len() as u16 / 2)).clamp(1, AGAINST_LINES);
    let lines = whole(sheet, look, columns);
    let mut pinned = pins(sheet, look, columns, most);
    let wanted = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let tallest = screen.height.saturating_sub(7);
    let asked = fields.len() as u16 + errors + 1;
    if wanted.saturating_add(pinned.len() as u16 + asked) > tallest {
        // Not all of it is seen at once: what must be done stays in view, and is shown once.
        let free = usize::from(tallest.saturating_sub(asked)).saturating_sub(pinned.len());
        let room = usize::from(tallest.saturating_sub(asked + LEAST_LINES)).min(most);
        let steps = if has_in_view(sheet, &lines, free) {
            Vec::new()
        } else {
            required(sheet, look, columns, room.saturating_sub(pinned.len()))
        };
        let above_undo = pinned.len().saturating_sub(usize::from(stands_free(sheet)));
        pinned.splice(above_undo..above_undo, steps);
    }
    let below = fields.len() as u16 + pinned.len() as u16 + errors;
    let height = wanted.saturating_add(below + 1).min(tallest);
    let room = height.saturating_sub(below + u16::from(below > 0));
    let last = lines.len().saturating_sub(usize::from(room));
    let from = sheet.scroll.min(last);
    let to = from + usize::from(room);
    let part = (last > 0).then(|| format!("{}-{to} of {}", from + 1, lines.len()));
    let mut note: Vec<String> = part.into_iter().chain(read).collect();
    if text::width(&title) + text::width(&note.join(" · ")) + 4 > columns {
        // That there is more to read goes before its age.
        note.truncate(1);
    }
    let boxed = Dialog {
        title: &title,
        note: &look.symbols.plain(&note.join(" · ")),
        width,
        height,
        hints: &hints,
    };
    let opened = boxed.draw(buf, look, screen);
    let inner = opened.inner;
    let room = room.min(inner.height);
    for (y, line) in (inner.y..inner.y + room).zip(lines.iter().skip(from)) {
        paint::put_spans(buf, look, inner, inner.x, y, line);
    }
    let mut y = inner.bottom().saturating_sub(below);
    for line in &pinned {
        paint::put_spans(buf, look, inner, inner.x, y, line);
        y += 1;
    }
    let mut cursor = None;
    for field in fields.iter().copied() {
        let row = Rect {
            y,
            height: 1,
            ..inner
        };
        let here = fields_hint(sheet, field, &fields);
        cursor = cursor.or(input(sheet, (field, here), &mode, look, row, buf));
        y += 1;
    }
    for line in &error {
        paint::put_spans(buf, look, inner, inner.x, y, line);
        y += 1;
    }
    (opened.hits, cursor)
}

/// The most lines that tell what has changed: the plan itself shows it whole.
const NEWS_LINES: usize = 3;

/// What has changed under the reader's eyes, and why the last attempt was not taken, that one whole.
fn error_lines(sheet: &Sheet, look: &Look, columns: usize) -> Vec<Line<'static>> {
    let lines = |words: &Clean, role: Role| -> Vec<Line<'static>> {
        let words = look.symbols.plain(words.as_str());
        let lines = text::wrap(&words, columns.max(1)).into_iter();
        lines.map(|line| vec![span(role, line)]).collect()
    };
    let mut all = Vec::new();
    if let Some(news) = sheet.told() {
        all = lines(&news, Role::InputError);
        if all.len() > NEWS_LINES {
            all.truncate(NEWS_LINES);
            if let Some(last) = all.last_mut() {
                last.push(span(Role::InputError, look.symbols.ellipsis));
            }
        }
    }
    let error = sheet.error.as_ref();
    all.extend(
        error
            .into_iter()
            .flat_map(|why| lines(why, Role::InputError)),
    );
    all
}

fn heading(sheet: &Sheet) -> String {
    match sheet.parts.as_slice() {
        [one] => match &one.plan {
            Ok(plan) => format!("{} {}   {}", plan.verb.title(), plan.subject, plan.summary),
            Err(_) => one.wish.verb().title().to_owned(),
        },
        several => {
            let verb = several.first().map_or("", |part| part.wish.verb().title());
            format!("{verb} {} models", several.len())
        }
    }
}

fn hints(sheet: &Sheet, mode: &Mode) -> Vec<Hint<'static>> {
    let mut hints = vec![Hint::new("esc", "leave it as it is", 0)];
    if sheet.trouble().is_none() {
        if sheet.asks(mode).is_none() && !sheet.wants_reason() {
            hints.push(Hint::new("y", "do it", 1));
        } else {
            hints.push(Hint::new("tab", "next field", 1));
            hints.push(Hint::new("enter", "do it", 2));
        }
        hints.push(Hint::new("@", "exact requests", 3));
    }
    if sheet.has_choice() {
        hints.push(Hint::new("c", "another version", 4));
    }
    hints.push(Hint::new("r", "read anew", 5));
    hints
}

/// What stands in a field while it is empty: on the plan, that letters do not go there by themselves.
fn fields_hint(sheet: &Sheet, field: Focus, fields: &[Focus]) -> &'static str {
    let next = sheet.focus == Focus::Plan && fields.first() == Some(&field);
    match (field, next) {
        (_, true) => "tab goes here",
        (Focus::Reason, false) => "why, for teammates",
        _ => "",
    }
}

fn input(
    sheet: &Sheet,
    (field, hint): (Focus, &str),
    mode: &Mode,
    look: &Look,
    row: Rect,
    buf: &mut Buffer,
) -> Option<Position> {
    let wanted = sheet.plans().flat_map(|plan| plan.wanting.iter());
    let mut passes: Vec<&str> = wanted.map(|wanting| wanting.name.as_str()).collect();
    passes.dedup();
    let label = match (field, sheet.asks(mode)) {
        (Focus::Name, Some(name)) => format!("type {name} "),
        _ if passes.is_empty() => "reason ".to_owned(),
        _ => {
            let names = passes.join(", ");
            let room = usize::from(row.width) / 3;
            let cut = text::cut(&names, room, look.symbols.ellipsis);
            format!("reason for passing {cut} ")
        }
    };
    let shown = match field {
        Focus::Name => &sheet.name,
        Focus::Reason | Focus::Plan => &sheet.reason,
    };
    let around = Field {
        label: &label,
        hint,
        error: None,
        focused: sheet.focus == field,
    };
    shown.draw(buf, look, row, &around)
}

/// How many lines of what stands against it stay in view at most.
const AGAINST_LINES: usize = 6;

/// How many lines of the plan are scrolled through at least.
const LEAST_LINES: u16 = 4;

/// Whether nothing stands against any of the plans.
fn stands_free(sheet: &Sheet) -> bool {
    let mut plans = sheet.plans();
    plans.all(|plan| plan.blocked.is_empty() && plan.wanting.is_empty())
}

/// Whether the part of the lines that is seen holds every step that must succeed; of several plans that is
/// not asked, for their steps bear the same numbers.
fn has_in_view(sheet: &Sheet, lines: &[Line<'_>], room: usize) -> bool {
    let mut plans = sheet.plans();
    let (Some(plan), None) = (plans.next(), plans.next()) else {
        return false;
    };
    let from = sheet.scroll.min(lines.len().saturating_sub(room));
    let seen: Vec<&Line<'_>> = lines.iter().skip(from).take(room).collect();
    let mut steps = in_order(&plan.steps).filter(|(_, step)| step.weight == Weight::Required);
    steps.all(|(number, step)| {
        let label = step_label(number, step);
        let mut labels = seen.iter().filter_map(|line| line.first());
        labels.any(|first| first.text == label)
    })
}

/// What stands before a step: its number, and which source it is sent to.
fn step_label(number: usize, step: &Step) -> String {
    format!("{number} {}  ", step.source)
}

/// The steps that must succeed, one line each, as many as `room` holds; none where nothing can be done.
fn required(sheet: &Sheet, look: &Look, columns: usize, room: usize) -> Vec<Line<'static>> {
    if sheet.plans().any(|plan| !plan.blocked.is_empty()) {
        return Vec::new();
    }
    let several = sheet.parts.len() > 1;
    let items: Vec<Vec<Line<'static>>> = sheet
        .plans()
        .flat_map(|plan| {
            let steps = in_order(&plan.steps).filter(|(_, step)| step.weight == Weight::Required);
            steps.map(move |step| (plan, step))
        })
        .map(|(plan, (number, step))| {
            let whose = if several {
                format!("{}: ", plan.subject)
            } else {
                String::new()
            };
            let label = format!("{whose}{}", step_label(number, step));
            let words = look.symbols.plain(step.act.words().as_str());
            let left = columns.saturating_sub(text::width(&label));
            let words = text::cut(&words, left, look.symbols.ellipsis).into_owned();
            vec![vec![span(Role::Label, label), span(Role::Text, words)]]
        })
        .collect();
    // One line alone would be the first step or the count of the others.
    if room == 0 || (room == 1 && items.len() > 1) {
        return Vec::new();
    }
    held(items, room)
}

/// Steps with the numbers of their execution: those that must succeed before those that may fail.
fn in_order(steps: &[Step]) -> impl Iterator<Item = (usize, &Step)> {
    let of = move |weight: Weight| {
        let numbered = (1..).zip(steps);
        numbered.filter(move |(_, step)| step.weight == weight)
    };
    of(Weight::Required).chain(of(Weight::BestEffort))
}

/// What stays in view: what stands against it, whole as far as `most` lines hold it, and how it can be
/// taken back.
fn pins(sheet: &Sheet, look: &Look, columns: usize, most: usize) -> Vec<Line<'static>> {
    let several = sheet.parts.len() > 1;
    let whose = |plan: &Plan| {
        if several {
            format!("{}: ", plan.subject)
        } else {
            String::new()
        }
    };
    let item = |role: Role, label: &'static str, plan: &Plan, why: &Clean| {
        let words = format!("{}{}", whose(plan), look.symbols.plain(why.as_str()));
        let none = span(Role::Text, "");
        paint::wrapped(span(role, label), Role::Text, &words, none, columns)
    };
    let mut items: Vec<Vec<Line<'static>>> = Vec::new();
    for plan in sheet.plans() {
        for why in &plan.blocked {
            items.push(item(Role::Crit, "cannot be done: ", plan, why));
        }
    }
    for plan in sheet.plans() {
        for wanting in &plan.wanting {
            items.push(item(Role::Warn, "asks for a reason: ", plan, &wanting.why));
        }
    }
    let mut all = held(items, most);
    if all.is_empty() && sheet.plans().next().is_some() {
        let until = sheet.plans().map(|plan| plan.undo_until).min().flatten();
        let undo = match until {
            Some(until) => format!("undo: z, until {}", until.day_minute()),
            None => "there is no undo".to_owned(),
        };
        let steps = || sheet.plans().flat_map(|plan| plan.steps.iter());
        let tries = steps().filter(|step| step.weight == Weight::BestEffort);
        let tries = match tries.count() {
            0 => String::new(),
            tries => format!(", {tries} best effort"),
        };
        let steps = text::counted(steps().count(), "step", "steps") + &tries;
        let line = format!("{steps} · {undo}");
        all.push(vec![span(Role::Dim, look.symbols.plain(&line))]);
    }
    all
}

/// The items that lines hold whole, the first in any case, and how many more there are.
fn held(items: Vec<Vec<Line<'static>>>, most: usize) -> Vec<Line<'static>> {
    let count = items.len();
    let mut all: Vec<Line<'static>> = Vec::new();
    for (index, lines) in items.into_iter().enumerate() {
        // A line is kept for the count of those that follow.
        let kept = usize::from(index + 1 < count);
        if index > 0 && all.len() + lines.len() + kept > most {
            let more = format!("and {} more", count - index);
            all.push(vec![span(Role::Dim, more)]);
            break;
        }
        all.extend(lines);
    }
    all
}

/// The scrolling part: each plan under its own heading, where there are several.
fn whole<'a>(sheet: &'a Sheet, look: &Look, columns: usize) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for out in &sheet.left_out {
        lines.extend(paint::wrapped(
            span(Role::Warn, "left out: "),
            Role::Text,
            &look.symbols.plain(out.as_str()),
            span(Role::Dim, ""),
            columns,
        ));
    }
    let several = sheet.parts.len() > 1;
    for part in &sheet.parts {
        if several {
            if !lines.is_empty() {
                lines.push(Vec::new());
            }
            let subject = part.wish.subject().unwrap_or_default();
            let summary = part.plan.as_ref().map_or("", |plan| plan.summary.as_str());
            lines.push(vec![
                span(Role::Title, subject.to_string()),
                span(Role::Text, format!("   {}", look.symbols.plain(summary))),
            ]);
        }
        match &part.plan {
            Ok(plan) => lines.extend(body(plan, sheet.requests, look, columns)),
            Err(why) => lines.extend(
                text::wrap(&why.to_string(), columns.max(1))
                    .into_iter()
                    .map(|line| vec![span(Role::Text, line)]),
            ),
        }
    }
    lines
}

fn body<'a>(plan: &'a Plan, requests: bool, look: &Look, columns: usize) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    if !plan.gates.is_empty() {
        lines.extend(gates(&plan.gates, look, columns));
        lines.push(Vec::new());
    }
    for note in &plan.notes {
        lines.extend(wrap(Role::Text, note, columns));
    }
    if !plan.notes.is_empty() {
        lines.push(Vec::new());
    }
    for (number, step) in in_order(&plan.steps) {
        let weight = match step.weight {
            Weight::Required => "",
            Weight::BestEffort => "  (best effort)",
        };
        lines.extend(paint::wrapped(
            span(Role::Label, step_label(number, step)),
            Role::Text,
            &look.symbols.plain(step.act.words().as_str()),
            span(Role::Dim, weight),
            columns,
        ));
        if requests {
            let request = step.act.request(&[]).map_or_else(
                || Clean::text("sends nothing over the network"),
                |request| request.text(),
            );
            let indented = paint::wrapped(
                span(Role::Dim, "    "),
                Role::Dim,
                request.as_str(),
                span(Role::Dim, ""),
                columns,
            );
            lines.extend(indented);
        }
    }
    lines
}

/// How far the reason below a gate is indented.
const REASON: usize = 4;

/// The gates as a table: what fails and what is not known comes first. Why a gate came out as it did is never
/// cut: where its line has no room for it, it stands below, with each value that its column had to cut.
fn gates<'a>(gates: &'a [GateNote], look: &Look, columns: usize) -> Vec<Line<'a>> {
    let rank = |gate: &GateNote| match gate.verdict.as_str() {
        "fail" => 0,
        "unknown" => 1,
        "warn" => 2,
        _ => 3,
    };
    let mut sorted: Vec<&GateNote> = gates.iter().collect();
    sorted.sort_by_key(|gate| rank(gate));
    let wide = |of: fn(&GateNote) -> &Clean, title: &str, most: usize| {
        let widest = gates
            .iter()
            .map(|gate| text::width(of(gate).as_str()))
            .max();
        widest.unwrap_or(0).max(text::width(title)).min(most)
    };
    let parts: [Column<'_>; 4] = [
        (|gate| &gate.gate, "GATE", columns / 4),
        (|gate| &gate.rule, "RULE", columns / 4),
        (|gate| &gate.champion, "CHAMPION", 14),
        (|gate| &gate.candidate, "CANDIDATE", 18),
    ];
    // Where rows are short the verdict and its why come before the values.
    let kept: Vec<_> = parts
        .into_iter()
        .enumerate()
        .filter(|(n, _)| columns >= 90 || *n == 0 || *n == 3)
        .map(|(_, part)| part)
        .collect();
    let pad = |text_: &str, width: usize| {
        let cut = text::cut(text_, width, look.symbols.ellipsis);
        let fill = width.saturating_sub(text::width(&cut)) + 2;
        format!("{cut}{}", " ".repeat(fill))
    };
    let mut head = Vec::new();
    for (of, title, most) in &kept {
        head.push(span(Role::Header, pad(title, wide(*of, title, *most))));
    }
    head.push(span(Role::Header, "VERDICT"));
    let mut lines = vec![head];
    for gate in sorted {
        let mut line = Vec::new();
        for (of, title, most) in &kept {
            line.push(span(
                Role::Text,
                pad(of(gate).as_str(), wide(*of, title, *most)),
            ));
        }
        let (role, glyph) = match gate.verdict.as_str() {
            "fail" => (Role::Crit, "✖ "),
            "unknown" => (Role::Unknown, "? "),
            "warn" => (Role::Warn, "▲ "),
            _ => (Role::Ok, "✔ "),
        };
        line.push(span(
            role,
            format!("{}{}", look.symbols.plain(glyph), gate.verdict),
        ));
        let mut why: Vec<String> = Vec::new();
        for (of, title, most) in &kept {
            let value = of(gate).as_str();
            if text::width(value) > wide(*of, title, *most) {
                let label = title.to_lowercase();
                why.push(format!("{label} {value}"));
            }
        }
        let metric = gate.metric.as_str();
        let is_told = gate.gate == metric || gate.why.as_str().contains(metric);
        why.extend((!is_told).then(|| metric.to_owned()));
        let measured = rank(gate) == 0 || (rank(gate) > 1 && !metric.is_empty());
        if kept.len() < parts.len() && measured {
            // What it was measured against has no column here and belongs to the reason.
            why.extend((!gate.rule.is_empty()).then(|| gate.rule.to_string()));
            let champion =
                (!gate.champion.is_empty()).then(|| format!("champion {}", gate.champion));
            why.extend(champion);
        }
        why.extend((!gate.why.is_empty()).then(|| gate.why.to_string()));
        let why = look.symbols.plain(&why.join(" · "));
        let room = columns.saturating_sub(paint::spans_width(&line) + 2);
        if why.is_empty() {
            lines.push(line);
        } else if text::width(&why) <= room {
            line.push(span(Role::Dim, format!("  {why}")));
            lines.push(line);
        } else {
            lines.push(line);
            let below = span(Role::Dim, " ".repeat(REASON));
            let none = span(Role::Dim, "");
            lines.extend(paint::wrapped(below, Role::Dim, &why, none, columns));
        }
    }
    lines
}

fn wrap<'a>(role: Role, words: &Clean, columns: usize) -> Vec<Line<'a>> {
    text::wrap(words.as_str(), columns.max(1))
        .into_iter()
        .map(|line| vec![span(role, line)])
        .collect()
}
