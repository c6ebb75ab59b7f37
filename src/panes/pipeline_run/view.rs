//! How a pipeline run's page is drawn: its facts, its tasks with a bar for each attempt's time, and the
//! log below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Part, PipelineRunPage};
use crate::domain::action::verbs::retrain::asked_to_end;
use crate::domain::level::Level;
use crate::domain::pipeline::{LogLine, PipelineRun, PipelineState, Task};
use crate::domain::rules::retrain::usual_duration;
use crate::domain::time::{age, span as duration};
use crate::domain::wiring::version_text;
use crate::panes::Cx;
use crate::panes::pipelines::view::{state_cell, state_look, why};
use crate::ui::frame::{empty, rule};
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span};
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::text;
use crate::ui::theme::Role;

/// The titles, in the order of [`cells`].
pub(super) const TITLES: [&str; 6] = ["STATE", "TASK", "TRY", "LASTED", "OPERATOR", "HOST"];
/// How many columns the bars of time have.
const BAR: usize = 24;

/// Every cell of a task as text.
pub(super) fn cells(page: &PipelineRunPage, task: &Task, cx: &Cx<'_>) -> [String; 6] {
    let lasted = task.lasted(cx.now.wall);
    [
        task.state.word().to_owned(),
        name(page, task),
        attempt(task),
        lasted.map_or_else(|| "–".to_owned(), duration),
        task.operator.to_string(),
        task.host.to_string(),
    ]
}

fn name(page: &PipelineRunPage, task: &Task) -> String {
    let part = task
        .map_index
        .map_or_else(String::new, |n| format!("[{n}]"));
    format!(
        "{}{}{part}",
        "  ".repeat(page.depth(&task.id).min(8)),
        task.name
    )
}

fn attempt(task: &Task) -> String {
    match (task.attempt, task.attempts) {
        (0, _) => "–".to_owned(),
        (n, most) if most > 1 => format!("{n}/{most}"),
        (n, _) => n.to_string(),
    }
}

pub(super) fn draw(
    page: &PipelineRunPage,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    title(page, cx, look, area, buf);
    let mut y = 1;
    if let Some(held) = page.run(cx) {
        let most = if area.height >= 24 { 5 } else { 2 };
        y += facts(
            page,
            &held.fact,
            cx,
            look,
            paint::inner_rows(area, 1, 0),
            most,
            buf,
        );
    }
    let body = paint::inner_rows(area, y, 0);
    if page.tasks.is_empty() {
        let (what, how) = match (&page.fault, page.read_at) {
            (Some(fault), _) => (
                "Its tasks could not be read.",
                format!("{fault} · r asks again"),
            ),
            (None, Some(_)) => ("It has no tasks.", String::new()),
            (None, None) if page.source(cx).is_none() => (
                "No source of this context knows this run.",
                "esc goes back".to_owned(),
            ),
            (None, None) => ("Its tasks are being read.", String::new()),
        };
        empty(buf, look, body, what, &[&how]);
        return Hits::default();
    }
    let wanted = u16::try_from(page.tasks.len() + 1).unwrap_or(u16::MAX);
    let height = wanted.min((body.height / 2).max(3)).min(body.height);
    let list = Rect { height, ..body };
    let hits = tasks(page, cx, look, list, buf);
    log(page, look, paint::inner_rows(body, height, 0), buf);
    hits
}

fn title(page: &PipelineRunPage, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let held = page.run(cx);
    let name = cx.fleet.pipeline(&page.key.pipeline);
    let name = name.map_or_else(|| page.key.pipeline.id.clean(), |h| h.fact.name.clone());
    let mut left = vec![
        span(Role::Title, name.to_string()),
        span(Role::Dim, format!("  {}", page.key.id.clean())),
    ];
    if let Some(held) = held {
        let state = cx.fleet.run_standing(&held.fact, cx.now.wall);
        let (role, glyph) = state_look(&state, look);
        left.push(span(role, format!("  {glyph} {}", state.word())));
    }
    let right = match (&page.fault, page.read_at) {
        (Some(fault), _) => vec![span(Role::Warn, format!("not read: {fault}"))],
        (None, Some(at)) => vec![span(
            Role::Dim,
            format!("read {} ago", age(cx.now.wall.since(at))),
        )],
        (None, None) => Vec::new(),
    };
    rule(buf, look, area, &left, &right);
}

/// The run's facts; how many rows they took.
fn facts(
    page: &PipelineRunPage,
    run: &PipelineRun,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    most: u16,
    buf: &mut Buffer,
) -> u16 {
    let now = cx.now.wall;
    let state = cx.fleet.run_standing(run, now);
    let mut lines: Vec<(&str, String)> = Vec::new();
    let mut asked = vec![run.kind.to_string()];
    asked.extend(run.asked().map(|at| format!("{} ago", age(now.since(at)))));
    asked.extend(run.by.as_ref().map(|by| format!("by {by}")));
    let lasted = run.lasted(now).map(|d| format!("lasted {}", duration(d)));
    let runs = cx
        .fleet
        .runs_of_pipeline(&run.key.pipeline)
        .map(|h| &h.fact);
    let usual = usual_duration(runs).map(|d| format!("usually {}", duration(d)));
    let times = [Some(asked.join(" ")), lasted, usual];
    lines.push((
        "asked",
        times.into_iter().flatten().collect::<Vec<_>>().join(" · "),
    ));
    lines.extend(cancel(page, run, cx).map(|words| ("cancel", words)));
    let models = cx.fleet.models_of_pipeline_run(run);
    let mut trains: Vec<String> = models
        .iter()
        .take(3)
        .map(|m| m.name.clean().to_string())
        .collect();
    if let Some(run) = cx.fleet.trained_in(run) {
        let row = cx.fleet.runs().find(&run);
        let packed = row.and_then(|row| cx.fleet.runs().row(row));
        trains.extend(packed.map(|packed| {
            let name = cx.fleet.runs().text(packed.name);
            format!("MLflow run {name} {}", packed.status.word())
        }));
    }
    let made = page.made(cx);
    for made in &made {
        trains.push(format!("registered {} ({})", made.text, made.by.words()));
    }
    // What a result names and the registry has not shown yet.
    let unseen = page.produced.iter().filter(|_| made.is_empty());
    for produced in unseen {
        let version = produced.version.as_ref().map(version_text);
        let model = produced.model.as_ref().map(crate::domain::key::Key::clean);
        let what = [model, version].into_iter().flatten();
        let what: Vec<String> = what.map(|w| w.to_string()).collect();
        trains.push(format!(
            "its result names {}, which the registry has not shown yet",
            what.join(" ")
        ));
    }
    if !trains.is_empty() {
        lines.push(("trains", trains.join(" · ")));
    }
    let reason = why(run, &state, cx);
    if !reason.is_empty() {
        lines.push(("why", reason));
    }
    if !run.params.is_empty() {
        let all: Vec<String> = run.params.iter().map(|(k, v)| format!("{k}={v}")).collect();
        lines.push(("params", all.join(" ")));
    }
    let mut y = 0;
    for (label, value) in lines.into_iter().take(usize::from(most)) {
        let row = paint::inner_columns(paint::row(area, y), 2, 1);
        let value = look.symbols.plain(&value);
        let spans = [
            span(Role::Label, text::pad(label, 8)),
            span(Role::Text, value),
        ];
        paint::put_spans(buf, look, row, row.x, row.y, &spans);
        y += 1;
    }
    y
}

/// What was asked for is one thing, what is seen of it another: tasks hear of it at their next sign of life.
fn cancel(page: &PipelineRunPage, run: &PipelineRun, cx: &Cx<'_>) -> Option<String> {
    let asked = asked_to_end(cx.writes, cx.fleet, &run.key)?;
    let running = page.tasks.iter();
    let running = running.filter(|task| task.state == PipelineState::Running);
    let running: Vec<String> = running.map(|task| format!("`{}`", task.name)).collect();
    let seen = match (run.state.is_live(), running.is_empty()) {
        (true, _) => format!("the run is still {}", run.state.word()),
        (false, false) => format!("the run has ended, {} still runs", running.join(", ")),
        (false, true) => "it has ended, and all of its tasks".to_owned(),
    };
    let ago = age(cx.now.wall.since(asked.began));
    let by = asked.actor.name();
    Some(format!("asked for {ago} ago by {by} · seen: {seen}"))
}

fn tasks(page: &PipelineRunPage, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let widest = page.tasks.iter().map(|t| text::width(&name(page, t))).max();
    let widest = u16::try_from(widest.unwrap_or(0)).unwrap_or(u16::MAX);
    let columns = [
        Column::fixed("STATE", 11, 0),
        Column::name("TASK", 12, widest),
        Column::fixed("TRY", 4, 3).right(),
        Column::fixed("LASTED", 7, 1).right(),
        Column::fixed("WHEN", BAR as u16, 2),
        Column::fixed("OPERATOR", 16, 4),
        Column::fixed("HOST", 16, 5),
    ];
    let table = Table {
        columns: &columns,
        len: page.tasks.len(),
        state: &page.table,
        sort: None,
        focused: page.part == Part::Tasks,
    };
    table.draw(buf, look, area, |index| {
        let task = &page.tasks[index];
        let [_, name, attempt, lasted, operator, host] = cells(page, task, cx);
        Row::from(vec![
            state_cell(&task.state, look),
            Cell::text(name),
            Cell::new(Role::Dim, attempt),
            Cell::text(lasted),
            Cell::new(state_look(&task.state, look).0, bar(page, task, cx, look)),
            Cell::new(Role::Dim, operator),
            Cell::new(Role::Dim, host),
        ])
    })
}

/// When the attempt ran, against the time of all of them.
fn bar(page: &PipelineRunPage, task: &Task, cx: &Cx<'_>, look: &Look) -> String {
    let now = cx.now.wall;
    let end = |t: &Task| match t.ended {
        Some(ended) => Some(ended),
        None => (t.state == PipelineState::Running).then_some(now),
    };
    let from = page.tasks.iter().filter_map(|t| t.started).min();
    let to = page.tasks.iter().filter_map(end).max();
    let (Some(from), Some(to), Some(started), Some(ended)) = (from, to, task.started, end(task))
    else {
        return String::new();
    };
    let whole = to.since(from).as_secs_f64().max(0.001);
    let place = |share: f64| ((share * BAR as f64).round() as usize).min(BAR);
    let begin = place(started.since(from).as_secs_f64() / whole).min(BAR - 1);
    let stop = place(ended.since(from).as_secs_f64() / whole).max(begin + 1);
    format!(
        "{}{}",
        " ".repeat(begin),
        look.symbols.bars[7].repeat(stop - begin)
    )
}

fn log(page: &PipelineRunPage, look: &Look, area: Rect, buf: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    let Some(tail) = &page.tail else {
        let task = page
            .current()
            .map(|t| t.name.to_string())
            .unwrap_or_default();
        let words = format!("`{task}` has not begun: it has no log");
        rule(buf, look, area, &[span(Role::Dim, words)], &[]);
        return;
    };
    let role = if page.part == Part::Log {
        Role::Title
    } else {
        Role::Text
    };
    let mut left = vec![
        span(role, format!("log of `{}`", tail.key.task.clean())),
        span(Role::Dim, format!("  attempt {}", tail.key.attempt)),
    ];
    if tail.dropped() > 0 {
        let count = usize::try_from(tail.dropped()).unwrap_or(usize::MAX);
        left.push(span(
            Role::Warn,
            format!("  {} dropped", text::count(count)),
        ));
    }
    if let Some(fault) = &tail.fault {
        left.push(span(Role::Warn, format!("  {fault}")));
    }
    let kept: Vec<&LogLine> = tail.lines(&page.search).collect();
    let mut right: Vec<Span<'_>> = Vec::new();
    if !page.search.is_empty() {
        right.push(span(
            Role::Match,
            format!("{} of ", text::count(kept.len())),
        ));
    }
    right.push(span(Role::Dim, text::counted(tail.len(), "line", "lines")));
    right.push(span(
        Role::Dim,
        match (page.up, tail.done) {
            (0, false) => "  following".to_owned(),
            (0, true) => "  ended".to_owned(),
            (up, _) => format!("  {} below", text::count(up)),
        },
    ));
    rule(buf, look, area, &left, &right);
    let body = paint::inner_columns(paint::inner_rows(area, 1, 0), 1, 0);
    let room = usize::from(body.height);
    let end = kept.len().saturating_sub(page.up);
    let shown = log_rows(&kept[..end], look, usize::from(body.width), room);
    for (n, spans) in shown.iter().enumerate() {
        let row = paint::row(body, n as u16);
        paint::put_spans(buf, look, row, row.x, row.y, spans);
    }
    if kept.is_empty() {
        let words = match (tail.read, page.search.is_empty()) {
            (false, _) => "being read",
            (true, true) => "nothing was written yet",
            (true, false) => "no line passes the search; esc clears it",
        };
        let row = paint::row(body, 0);
        paint::put(buf, row, row.x + 1, row.y, words, look.style(Role::Dim));
    }
}

/// The last lines of a log that fit, each whole: what is longer than a row goes on below. Of the first one
/// its end is shown, unless it is the only one.
fn log_rows(
    lines: &[&LogLine],
    look: &Look,
    columns: usize,
    room: usize,
) -> Vec<Vec<Span<'static>>> {
    let mut parts: Vec<Vec<Vec<Span<'static>>>> = Vec::new();
    let mut left = room;
    for line in lines.iter().rev() {
        if left == 0 {
            break;
        }
        let mut rows = whole_line(line, look, columns);
        if rows.len() > left {
            if parts.is_empty() {
                rows.truncate(left);
                if let Some(last) = rows.last_mut() {
                    last.push(span(Role::Dim, look.symbols.ellipsis));
                }
            } else {
                rows.drain(..rows.len() - left);
            }
        }
        left -= rows.len();
        parts.push(rows);
    }
    parts.into_iter().rev().flatten().collect()
}

fn whole_line(line: &LogLine, look: &Look, columns: usize) -> Vec<Vec<Span<'static>>> {
    let (role, level) = match line.level.as_str() {
        "error" | "critical" | "fatal" => (Role::Crit, Level::Crit),
        "warning" | "warn" => (Role::Warn, Level::Warn),
        _ => (Role::Text, Level::Ok),
    };
    let glyph = match level {
        Level::Ok => " ",
        level => look.symbols.level(level),
    };
    let at = line.at.map_or_else(
        || "     ".to_owned(),
        crate::domain::time::Millis::hour_minute,
    );
    let label = format!("{at} {glyph} ");
    let label_role = if level == Level::Ok { Role::Dim } else { role };
    let indent = text::width(&label);
    let words = look.symbols.plain(line.text.as_str());
    let room = columns.saturating_sub(indent).max(1);
    if text::width(&words) <= room {
        // As it was written, with its own spaces.
        return vec![vec![span(label_role, label), span(role, words)]];
    }
    paint::wrapped(
        span(label_role, label),
        role,
        &words,
        span(role, ""),
        columns,
    )
}
