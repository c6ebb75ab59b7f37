//! How experiments and runs are drawn: side by side from 100 columns on, below that one at a time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::columns::{cell, word};
use super::state::{Experiments, Part};
use crate::domain::rules::freshness::Freshness;
use crate::domain::text::Clean;
use crate::domain::time::age;
use crate::intent::msg::RunColumn;
use crate::panes::Cx;
use crate::ui::frame::{empty, rule};
use crate::ui::hits::{Hits, Target};
use crate::ui::look::{Look, Size};
use crate::ui::paint::{self, Span, span};
use crate::ui::table::{Cell, Column, GAP, GUTTER, Row, Sort, Table, TableState, Width};
use crate::ui::text;
use crate::ui::theme::Role;

/// Rows of the runs table are told from those of the list by this offset.
pub(super) const RUN_ROWS: usize = 1 << 32;

pub(super) fn draw(
    pane: &Experiments,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    if pane.list.is_empty() && pane.list_hidden == 0 {
        nothing(cx, look, area, buf);
        return Hits::default();
    }
    if look.size < Size::Medium {
        return match pane.part {
            Part::Experiments => list(pane, cx, look, area, buf),
            Part::Runs => runs(pane, cx, look, area, buf),
        };
    }
    let longest = pane.list.iter().map(|l| l.name.width()).max().unwrap_or(0);
    let width = (longest as u16)
        .saturating_add(26)
        .clamp(30, area.width * 3 / 10);
    let left = Rect { width, ..area };
    let bar = Rect {
        x: left.right(),
        width: 1,
        ..area
    };
    let right = paint::inner_columns(area, width + 1, 0);
    let mut hits = list(pane, cx, look, left, buf);
    for y in bar.top()..bar.bottom() {
        paint::put(buf, bar, bar.x, y, look.symbols.bar, look.style(Role::Rule));
    }
    let list_page = hits.page;
    hits.extend(runs(pane, cx, look, right, buf));
    if pane.part == Part::Experiments {
        hits.page = list_page;
    }
    hits
}

fn nothing(cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let (mut all, mut waiting) = (0, 0);
    for (_, _, fresh) in cx.fleet.sources() {
        all += 1;
        waiting += usize::from(fresh == Freshness::Waiting);
    }
    let how: &[&str] = match (all, waiting) {
        (0, _) => {
            &["No source is configured: start with --mlflow URL, or set MLFLOW_TRACKING_URI."]
        }
        (_, 0) => &[
            "The tracker holds none, or shows none to this user.",
            "An experiment appears here when a training job logs its first run. r asks again.",
        ],
        _ => &["Waiting for the tracker. Experiments appear here as it answers."],
    };
    empty(buf, look, area, "No experiment is known.", how);
}

fn list(pane: &Experiments, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let focused = pane.part == Part::Experiments;
    let mut title = vec![heading("Experiments", focused)];
    let all = pane.list.len() + pane.list_hidden;
    if pane.list_filter.is_empty() {
        title.push(span(Role::Dim, format!("  {}", text::count(all))));
    } else {
        title.push(span(
            Role::Dim,
            format!("  {} of {all} pass ", pane.list.len()),
        ));
        title.push(span(Role::Accent, pane.list_filter.text().to_owned()));
    }
    rule(buf, look, area, &title, &[]);
    let body = paint::inner_rows(area, 1, 0);
    if pane.list.is_empty() {
        empty(
            buf,
            look,
            body,
            "None passes the filter.",
            &["esc clears it"],
        );
        return Hits::default();
    }
    let name = pane.list.iter().map(|l| l.name.width()).max().unwrap_or(0);
    let columns = [
        Column::name("NAME", 12, u16::try_from(name).unwrap_or(u16::MAX)),
        Column::fixed("LIVE", 4, 1).right(),
        Column::fixed("RUNS", 6, 2).right(),
        Column::fixed("NEWEST", 6, 3).right(),
    ];
    let table = Table {
        columns: &columns,
        len: pane.list.len(),
        state: &pane.list_table,
        sort: None,
        focused,
    };
    let mut hits = table.draw(buf, look, body, |index| {
        let l = &pane.list[index];
        let live = if l.live > 0 {
            let glyph = look.symbols.fresh(Freshness::Live);
            Cell::new(Role::Live, format!("{glyph} {}", l.live))
        } else {
            Cell::text("")
        };
        let held = if l.held > 0 {
            Cell::text(text::count(l.held))
        } else {
            Cell::none()
        };
        let newest = l.newest.map_or_else(Cell::none, |at| {
            Cell::new(Role::Dim, age(cx.now.wall.since(at)))
        });
        Row::from(vec![Cell::text(l.name.as_str()), live, held, newest])
    });
    // Presses on this table's titles would sort the other one.
    let mut own = Hits::default();
    own.page = hits.page.take();
    for (region, target) in hits.regions() {
        if matches!(target, Target::Row(_)) {
            own.add(*region, *target);
        }
    }
    own
}

fn heading(words: &str, focused: bool) -> Span<'_> {
    span(if focused { Role::Title } else { Role::Dim }, words)
}

/// `fraud-training  2,000 newest of more · by auc, over a part · 2 marked`, most important first.
fn title<'a>(pane: &'a Experiments, cx: &Cx<'a>, look: &Look) -> Vec<Span<'a>> {
    let name = pane.chosen.as_ref().and_then(|k| cx.fleet.experiment(k));
    let name = name.map_or("Runs", |h| h.fact.name.as_str());
    let mut all = vec![heading(name, pane.part == Part::Runs)];
    let dot = format!(" {} ", look.symbols.dot);
    let view = &pane.view;
    let load = pane.current_load();
    let held = pane
        .chosen
        .as_ref()
        .map_or(0, |k| cx.fleet.runs().of(k).len());
    let partial = load.is_some_and(|l| l.next.is_some() || (l.is_waiting() && l.answered > 0));
    let total = load
        .filter(|l| !l.filter.is_empty())
        .map_or(held, |l| l.keys.len());
    let count = match (view.filter.is_empty(), partial) {
        (true, false) => text::counted(total, "run", "runs"),
        (true, true) => format!("{} newest of more", text::count(total)),
        (false, false) => format!(
            "{} of {} runs",
            text::count(pane.rows.len()),
            text::count(total)
        ),
        (false, true) => format!(
            "{} of the {} newest runs",
            text::count(pane.rows.len()),
            text::count(total)
        ),
    };
    all.push(span(Role::Text, format!("  {count}")));
    if !view.filter.is_empty() {
        all.push(span(Role::Dim, " pass "));
        all.push(span(Role::Accent, view.filter.text()));
    }
    if let Some(filter) = &view.server {
        let as_of = load.map_or_else(String::new, |l| {
            format!(" {} ago", age(cx.now.wall.since(l.as_of)))
        });
        all.push(span(Role::Dim, format!("{dot}tracker: ")));
        all.push(span(Role::Accent, filter.as_str()));
        all.push(span(Role::Dim, as_of));
    }
    let mut notes: Vec<Span<'a>> = Vec::new();
    if !pane.marks.is_empty() {
        let hidden = match pane.hidden_marks {
            0 => String::new(),
            n => format!(", {n} not in this list"),
        };
        notes.push(span(
            Role::Marked,
            format!("{} marked{hidden}", pane.marks.len()),
        ));
    }
    if let Some(filter) = &view.asking {
        notes.push(span(Role::Dim, format!("asking the tracker for {filter}")));
    } else if let Some((filter, why)) = &view.refused {
        notes.push(span(Role::Warn, format!("refused {filter}: {why}")));
    } else if let Some(why) = load.and_then(|l| l.fault.as_ref()) {
        notes.push(span(Role::Warn, format!("not loaded: {why}")));
    } else if load.is_some_and(|l| l.is_waiting() && held > 0) {
        notes.push(span(Role::Dim, "loading"));
    }
    if view.sort != RunColumn::Started || !view.descending {
        let part = if partial { ", over a part" } else { "" };
        notes.push(span(Role::Dim, format!("by {}{part}", word(&view.sort))));
    }
    if pane.is_ordering() {
        notes.push(span(Role::Dim, "ordering"));
    }
    for note in notes {
        all.push(span(Role::Dim, dot.clone()));
        all.push(note);
    }
    all
}

fn runs(pane: &Experiments, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let title = title(pane, cx, look);
    let detail = if look.size >= Size::Large && area.height >= 26 {
        7
    } else {
        0
    };
    let body = paint::inner_rows(area, 1, detail);
    let wanted = pane.columns();
    let visible = window(pane, &wanted, body.width);
    let off = wanted.len() - visible.len();
    let more = if off > 0 {
        let (left, right) = (look.symbols.more[0], look.symbols.more[1]);
        let columns = text::counted(off, "column", "columns");
        let whole = format!("{left} {columns} more {right}");
        let used = paint::spans_width(&title) + text::width(&whole) + 8;
        let shown = if used <= usize::from(area.width) {
            whole
        } else {
            format!("+{off} {right}")
        };
        vec![span(Role::Dim, shown)]
    } else {
        Vec::new()
    };
    rule(buf, look, area, &title, &more);
    if pane.rows.is_empty() {
        no_runs(pane, cx, look, body, buf);
        return Hits::default();
    }
    let columns: Vec<Column<'_>> = visible
        .iter()
        .map(|i| pane.catalogue.layout(&wanted[*i]))
        .collect();
    let state = TableState {
        column: pane
            .view
            .table
            .column
            .and_then(|c| visible.iter().position(|i| *i == c)),
        ..pane.view.table
    };
    let sort = visible
        .iter()
        .position(|i| wanted[*i] == pane.view.sort)
        .map(|column| Sort {
            column,
            // An age falls where a start rises.
            descending: pane.view.descending,
        });
    let store = cx.fleet.runs();
    let table = Table {
        columns: &columns,
        len: pane.rows.len(),
        state: &state,
        sort,
        focused: pane.part == Part::Runs,
    };
    let drawn = table.draw(buf, look, body, |index| {
        let Some(run) = pane.run_at(index, cx) else {
            return Row::default();
        };
        Row {
            cells: visible
                .iter()
                .map(|i| cell(&wanted[*i], run, store, cx.now.wall, look))
                .collect(),
            marked: pane.is_marked(&run.id),
        }
    });
    let mut hits = Hits::default();
    hits.page = drawn.page;
    for (region, target) in drawn.regions() {
        let target = match target {
            Target::Row(index) => Target::Row(RUN_ROWS + index),
            Target::Column(index) => Target::Column(visible[*index]),
            other => *other,
        };
        hits.add(*region, target);
    }
    if detail > 0 {
        let below = Rect {
            y: body.bottom(),
            height: detail,
            ..area
        };
        facts(pane, cx, look, below, buf);
    }
    hits
}

/// Which columns are drawn: status and name always, then as many as fit, from the first that keeps
/// the column under the cursor in view.
fn window(pane: &Experiments, wanted: &[RunColumn], width: u16) -> Vec<usize> {
    let frozen = wanted
        .iter()
        .take_while(|c| matches!(c, RunColumn::Status | RunColumn::Name))
        .count();
    let cursor = pane.view.table.column.unwrap_or(0);
    let room = width.saturating_sub(GUTTER);
    let fits = |from: usize| -> Vec<usize> {
        let mut chosen: Vec<usize> = (0..frozen).collect();
        for i in from..wanted.len() {
            chosen.push(i);
            let used: u16 = chosen
                .iter()
                .map(|i| least(&pane.catalogue.layout(&wanted[*i]), width) + GAP)
                .sum();
            if used > room + GAP {
                chosen.pop();
                break;
            }
        }
        chosen
    };
    let mut from = frozen;
    loop {
        let chosen = fits(from);
        if cursor < frozen || chosen.contains(&cursor) || from >= cursor {
            return chosen;
        }
        from += 1;
    }
}

/// The columns that a column needs: names give way down to a third of the table.
fn least(column: &Column<'_>, width: u16) -> u16 {
    match column.width {
        Width::Fixed(w) => w,
        Width::Name { min, want } => want.clamp(min, (width / 3).max(min)),
        Width::Flex { min, .. } => min,
    }
}

fn no_runs(pane: &Experiments, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let view = &pane.view;
    let load = pane.current_load();
    let held = pane
        .chosen
        .as_ref()
        .map_or(0, |k| cx.fleet.runs().of(k).len());
    let (what, how) = if pane.chosen.is_none() {
        (
            "No experiment is chosen.",
            "Its runs appear here.".to_owned(),
        )
    } else if pane.is_ordering() && held > 0 {
        ("Ordering.", format!("{} runs are held.", text::count(held)))
    } else if !view.filter.is_empty() && held > 0 {
        (
            "No run passes the filter.",
            format!(
                "{} runs are hidden by {} · esc clears it · f asks the tracker itself",
                text::count(held),
                view.filter.text()
            ),
        )
    } else if view.server.is_some() {
        (
            "The tracker has no run like that.",
            "esc takes its filter away".to_owned(),
        )
    } else if let Some(why) = load.and_then(|l| l.fault.as_ref()) {
        (
            "The runs could not be loaded.",
            format!("{why} · r asks again"),
        )
    } else if load.is_some_and(super::state::Load::is_waiting) {
        (
            "Loading.",
            "The tracker was asked for the 2,000 newest runs.".to_owned(),
        )
    } else {
        (
            "This experiment has no runs.",
            "A run appears here when a training job logs it.".to_owned(),
        )
    };
    empty(buf, look, area, what, &[how.as_str()]);
}

/// The selected run in words: what the columns have no room for.
fn facts(pane: &Experiments, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let at = pane.view.table.selected_in(pane.rows.len());
    let Some(run) = at.and_then(|i| pane.run_at(i, cx)) else {
        return;
    };
    let runs = cx.fleet.runs();
    let title = [
        span(Role::Title, runs.text(run.name).as_str()),
        span(Role::Dim, format!("  {}", run.id.clean())),
    ];
    rule(buf, look, area, &title, &[]);
    let machine = |name: &str| {
        let symbol = runs.texts().find(name)?;
        run.tag(symbol).map(|v| runs.text(v))
    };
    let mut lines: Vec<(&str, Vec<Span<'_>>)> = Vec::new();
    let pairs = |all: &mut dyn Iterator<Item = (Clean, String)>| -> Vec<Span<'_>> {
        all.flat_map(|(k, v)| {
            [
                span(Role::Label, format!("{k} ")),
                span(Role::Text, format!("{v}   ")),
            ]
        })
        .collect()
    };
    let mut metrics = run
        .metrics()
        .map(|(name, value)| (runs.text(name).clone(), text::number(value)))
        .filter(|(name, _)| !super::columns::is_system(name));
    lines.push(("metrics", pairs(&mut metrics)));
    let mut params = run
        .params()
        .map(|(name, value)| (runs.text(name).clone(), runs.text(value).to_string()));
    lines.push(("params", pairs(&mut params)));
    let mut tags = run
        .tags()
        .map(|(name, value)| (runs.text(name).clone(), runs.text(value).to_string()))
        .filter(|(name, _)| !super::rows::is_machine_tag(name.as_str()));
    lines.push(("tags", pairs(&mut tags)));
    let mut origin = Vec::new();
    if let Some((name, digest)) = run.dataset {
        origin.push((
            Clean::name("data"),
            format!("{} {}", runs.text(name), runs.text(digest)),
        ));
    }
    if let Some(commit) = machine("mlflow.source.git.commit") {
        let short = text::head(commit.as_str(), 10).to_owned();
        origin.push((Clean::name("git"), short));
    }
    if let Some(source) = machine("mlflow.source.name") {
        origin.push((Clean::name("source"), source.to_string()));
    }
    let model = pane
        .current_key(cx)
        .and_then(|key| cx.fleet.model_made_by(&key))
        .and_then(|key| cx.fleet.model(key));
    if let Some(model) = model {
        origin.push((Clean::name("model"), model.name.to_string()));
    }
    lines.push(("from", pairs(&mut origin.into_iter())));
    lines.retain(|(_, spans)| !spans.is_empty());
    let inner = paint::inner_columns(paint::inner_rows(area, 1, 0), 2, 1);
    for (n, (label, spans)) in lines.iter().enumerate() {
        let line = paint::row(inner, n as u16);
        paint::put(buf, line, line.x, line.y, label, look.style(Role::Dim));
        let rest = paint::inner_columns(line, 9, 0);
        paint::put_spans(buf, look, rest, rest.x, rest.y, spans);
    }
}
