//! How the pipelines pane is drawn: what keeps runs from starting, the table, and the selected run's
//! facts below it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Order, Pipelines};
use crate::domain::action::verbs::retrain::asked_to_end;
use crate::domain::last_known::Held;
use crate::domain::level::Level;
use crate::domain::pipeline::{Ending, PartHealth, PipelineRun, PipelineState, Wait};
use crate::domain::rules::retrain::usual_duration;
use crate::domain::settings::SourceKind;
use crate::domain::text::Clean;
use crate::domain::time::{age, span as duration};
use crate::panes::Cx;
use crate::ui::frame::{empty, rule};
use crate::ui::hits::Hits;
use crate::ui::look::{Look, Size};
use crate::ui::paint::{self, span};
use crate::ui::table::{Cell, Column, Row, Sort, Table};
use crate::ui::text;
use crate::ui::theme::Role;

/// The titles, in the order of [`cells`].
pub(in crate::panes) const TITLES: [&str; 8] = [
    "STATE", "PIPELINE", "RUN", "MODEL", "BY", "LASTED", "MOVED", "WHY",
];

/// Every cell of a row as text: for the filter, the clipboard and Markdown.
pub(in crate::panes) fn cells(run: &PipelineRun, cx: &Cx<'_>) -> [String; 8] {
    let now = cx.now.wall;
    let state = cx.fleet.run_standing(run, now);
    [
        state.word().to_owned(),
        name(run, cx).to_string(),
        run.key.id.clean().to_string(),
        model(run, cx),
        run.by
            .as_ref()
            .map_or_else(|| "–".to_owned(), Clean::to_string),
        lasted(run, cx),
        age(now.since(run.moved())),
        why(run, &state, cx),
    ]
}

fn name(run: &PipelineRun, cx: &Cx<'_>) -> Clean {
    let held = cx.fleet.pipeline(&run.key.pipeline);
    held.map_or_else(|| run.key.pipeline.id.clean(), |h| h.fact.name.clone())
}

fn model(run: &PipelineRun, cx: &Cx<'_>) -> String {
    let models = cx.fleet.models_of_pipeline_run(run);
    match (models.as_slice(), run.named_model()) {
        ([], None) => "–".to_owned(),
        ([], Some(named)) => Clean::name(&named).to_string(),
        ([one], _) => one.name.clean().to_string(),
        ([first, rest @ ..], _) => format!("{} +{}", first.name.clean(), rest.len()),
    }
}

fn lasted(run: &PipelineRun, cx: &Cx<'_>) -> String {
    let lasted = run.lasted(cx.now.wall);
    lasted.map_or_else(|| "–".to_owned(), duration)
}

/// Why it stands where it stands, or what somebody wrote on it.
pub(in crate::panes) fn why(run: &PipelineRun, state: &PipelineState, cx: &Cx<'_>) -> String {
    let dead = cx
        .fleet
        .orchestrator(&run.key.pipeline.base)
        .is_some_and(|held| {
            let scheduler = held.fact.scheduler();
            scheduler.is_some_and(|part| part.health == PartHealth::Unhealthy)
        });
    if run.state.is_live() && asked_to_end(cx.writes, cx.fleet, &run.key).is_some() {
        return format!("was asked to end, is still {}", state.word());
    }
    match state {
        PipelineState::Waiting(wait) => wait.words().to_owned(),
        PipelineState::Queued if dead => "the scheduler is dead".to_owned(),
        PipelineState::Ended(Ending::Failed) => match &run.failed_at {
            Some(at) => format!("failed at `{}`, attempt {}", at.task.shown, at.attempt),
            None => run.note.to_string(),
        },
        _ => run.note.to_string(),
    }
}

/// Glyph and role of a state.
pub(in crate::panes) fn state_look(state: &PipelineState, look: &Look) -> (Role, &'static str) {
    match state {
        PipelineState::Ended(Ending::Success) => (Role::Text, look.symbols.verdict[0]),
        PipelineState::Ended(Ending::Failed) => (Role::Crit, look.symbols.verdict[1]),
        PipelineState::Ended(_) => (Role::Dim, look.symbols.verdict[2]),
        PipelineState::Running => (Role::Accent, look.symbols.level(Level::Info)),
        PipelineState::Waiting(Wait::Paused | Wait::Manual) => {
            (Role::Warn, look.symbols.level(Level::Warn))
        }
        PipelineState::Queued | PipelineState::Waiting(_) => (Role::Dim, look.symbols.dot),
        PipelineState::Unknown(_) => (Role::Unknown, look.symbols.level(Level::Unknown)),
    }
}

pub(in crate::panes) fn state_cell<'a>(state: &PipelineState, look: &Look) -> Cell<'a> {
    let (role, glyph) = state_look(state, look);
    Cell::new(role, format!("{glyph} {}", state.word()))
}

pub(super) fn draw(
    pane: &Pipelines,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let warnings = warnings(cx);
    if cx.fleet.pipeline_runs().len() == 0 && warnings.is_empty() {
        nothing(cx, look, area, buf);
        return Hits::default();
    }
    let top = (warnings.len() as u16).min(2);
    for (n, words) in warnings.iter().take(2).enumerate() {
        let row = paint::inner_columns(paint::row(area, n as u16), 2, 1);
        let glyph = look.symbols.level(Level::Warn);
        let words = look.symbols.plain(words);
        let line = [
            span(Role::Warn, format!("{glyph} ")),
            span(Role::Text, words),
        ];
        paint::put_spans(buf, look, row, row.x, row.y, &line);
    }
    let area = paint::inner_rows(area, top, 0);
    let detail = if look.size >= Size::Medium && area.height >= 16 {
        8
    } else {
        0
    };
    let list = Rect {
        height: area.height - detail,
        ..area
    };
    let columns = columns(pane, cx);
    let (column, descending) = match pane.order {
        Order::Moved => (6, false),
        Order::State => (0, false),
        Order::Pipeline => (1, false),
        Order::Lasted => (5, true),
    };
    let table = Table {
        columns: &columns,
        len: pane.list.rows.len(),
        state: &pane.list.table,
        sort: Some(Sort { column, descending }),
        focused: true,
    };
    let hits = table.draw(buf, look, list, |index| {
        let held = cx.fleet.pipeline_run(&pane.list.rows[index]);
        held.map_or_else(Row::default, |held| row(&held.fact, cx, look))
    });
    if pane.list.rows.is_empty() && !pane.list.filter.is_empty() {
        let filter = pane.list.filter.text();
        let words = format!("no run passes the filter `{filter}`; esc clears it");
        let style = look.style(Role::Dim);
        paint::put(buf, list, list.x + 2, list.y + 2, &words, style);
    }
    if detail > 0
        && let Some(held) = pane.current(cx)
    {
        facts(held, cx, look, paint::inner_rows(area, list.height, 0), buf);
    }
    hits
}

fn columns(pane: &Pipelines, cx: &Cx<'_>) -> Vec<Column<'static>> {
    let seen = pane.list.visible().iter();
    let seen: Vec<&PipelineRun> = seen
        .filter_map(|key| cx.fleet.pipeline_run(key))
        .map(|held| &held.fact)
        .collect();
    let widest = |widths: &mut dyn Iterator<Item = usize>| {
        u16::try_from(widths.max().unwrap_or(0)).unwrap_or(u16::MAX)
    };
    let pipeline = widest(&mut seen.iter().map(|run| name(run, cx).width()));
    let model = widest(&mut seen.iter().map(|run| text::width(&model(run, cx))));
    let by = widest(&mut seen.iter().filter_map(|run| Some(run.by.as_ref()?.width())));
    vec![
        Column::fixed("STATE", 11, 0),
        Column::name("PIPELINE", 12, pipeline),
        Column::fixed("RUN", 24, 5),
        Column::fixed("MODEL", model.clamp(5, 24), 3),
        Column::fixed("BY", by.clamp(2, 12), 6),
        Column::fixed("LASTED", 7, 2).right(),
        Column::fixed("MOVED", 6, 1).right(),
        Column::flex("WHY", 16, 1, 4),
    ]
}

fn row<'a>(run: &PipelineRun, cx: &Cx<'a>, look: &Look) -> Row<'a> {
    let state = cx.fleet.run_standing(run, cx.now.wall);
    let [_, pipeline, id, model, by, lasted, moved, why] = cells(run, cx);
    Row::from(vec![
        state_cell(&state, look),
        Cell::text(pipeline),
        Cell::id(id),
        Cell::text(model),
        Cell::new(Role::Dim, by),
        Cell::text(lasted),
        Cell::new(Role::Dim, moved),
        Cell::new(Role::Dim, look.symbols.plain(&why)),
    ])
}

/// What keeps runs from starting, orchestrator by orchestrator.
fn warnings(cx: &Cx<'_>) -> Vec<String> {
    let now = cx.now.wall;
    cx.fleet
        .orchestrators()
        .flat_map(|held| {
            let parts = held.fact.parts.iter();
            let bad = parts.filter(|part| part.health == PartHealth::Unhealthy);
            bad.map(|part| {
                let since = part
                    .heartbeat
                    .map_or_else(String::new, |at| format!(" for {}", age(now.since(at))));
                let but = if part.name == crate::domain::pipeline::SCHEDULER {
                    ": runs are accepted, and none starts"
                } else {
                    ""
                };
                format!(
                    "{}: its {} gives no sign of life{since}{but}",
                    held.source, part.name
                )
            })
        })
        .collect()
}

fn facts(held: &Held<PipelineRun>, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let run = &held.fact;
    let now = cx.now.wall;
    let title = [
        span(Role::Title, name(run, cx).to_string()),
        span(Role::Dim, format!("  {}", run.key.id.clean())),
    ];
    let right = [span(Role::Dim, format!("{}  ", held.source))];
    rule(buf, look, area, &title, &right);
    let mut lines: Vec<(&str, String)> = Vec::new();
    if let Some(pipeline) = cx.fleet.pipeline(&run.key.pipeline) {
        let definition = &pipeline.fact;
        let mut words = vec![
            if definition.paused {
                "paused"
            } else {
                "active"
            }
            .to_owned(),
        ];
        words.extend(definition.broken.then(|| "cannot be loaded".to_owned()));
        if !definition.schedule.is_empty() {
            words.push(format!("runs {}", definition.schedule));
        }
        let active = cx.fleet.active_runs(&definition.key);
        let limit = definition
            .max_active
            .map_or_else(String::new, |n| format!(" of at most {n}"));
        words.push(format!("{active}{limit} running"));
        let runs = cx.fleet.runs_of_pipeline(&definition.key).map(|h| &h.fact);
        if let Some(usual) = usual_duration(runs) {
            words.push(format!("usually {}", duration(usual)));
        }
        lines.push(("pipeline", words.join(" · ")));
        if !definition.description.is_empty() {
            lines.push(("does", definition.description.to_string()));
        }
    }
    let asked = run.asked().map(|at| format!("{} ago", age(now.since(at))));
    let by = run.by.as_ref().map(|by| format!("by {by}"));
    let asked = [Some(run.kind.to_string()), asked, by];
    lines.push((
        "asked",
        asked.into_iter().flatten().collect::<Vec<_>>().join(" "),
    ));
    if !run.params.is_empty() {
        let all: Vec<String> = run.params.iter().map(|(k, v)| format!("{k}={v}")).collect();
        lines.push(("params", all.join(" ")));
    }
    if !run.note.is_empty() {
        lines.push(("note", run.note.to_string()));
    }
    let room = usize::from(area.width.saturating_sub(4));
    let mut y = 1;
    for (label, value) in lines {
        let label = span(Role::Label, text::pad(label, 10));
        let value = look.symbols.plain(&value);
        for spans in paint::wrapped(label, Role::Text, &value, span(Role::Dim, ""), room) {
            if y >= area.height {
                return;
            }
            paint::put_spans(buf, look, area, area.x + 2, area.y + y, &spans);
            y += 1;
        }
    }
}

fn nothing(cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let sources = &cx.fleet.settings().sources;
    let any = sources.iter().any(|s| s.kind == SourceKind::Airflow);
    let (what, how): (_, [&str; 2]) = if any {
        (
            "No pipeline has run yet.",
            ["Runs show here as the orchestrator tells of them.", ""],
        )
    } else {
        (
            "Nothing that runs pipelines is configured in this context.",
            [
                "Add one: [[contexts.NAME.sources]] with kind = \"airflow\" and url.",
                "A model names its pipeline by the tag quarterdeck.pipeline or [models.NAME] pipeline.",
            ],
        )
    };
    empty(buf, look, area, what, &how);
}
