//! How a comparison is drawn: the chart above, the table of differences below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::state::{Compare, Compared, Kind, Part, Value};
use crate::domain::rules::quality::direction;
use crate::panes::Cx;
use crate::ui::chart::{Chart, Marker, Series};
use crate::ui::frame::{empty, rule};
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span};
use crate::ui::table::{Cell, Column, GAP, GUTTER, Row, Table, TableState};
use crate::ui::text;
use crate::ui::theme::Role;

pub(super) fn draw(page: &Compare, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let _ = cx;
    if page.runs.is_empty() {
        empty(
            buf,
            look,
            area,
            "No run is marked.",
            &["space marks runs in the experiments pane; C compares them"],
        );
        return Hits::default();
    }
    let chart_rows = match area.height {
        ..16 => area.height / 2,
        16..28 => 9,
        rows => (rows * 2 / 5).min(22),
    };
    let names = names(page, look);
    let top = Rect {
        height: chart_rows,
        ..area
    };
    let mut hits = chart(page, &names, look, top, buf);
    let bottom = paint::inner_rows(area, chart_rows, 0);
    hits.extend(table(page, &names, look, bottom, buf));
    hits
}

/// The runs' names with the marks of their lines.
fn names(page: &Compare, look: &Look) -> Vec<String> {
    page.runs
        .iter()
        .zip(page.shown())
        .enumerate()
        .map(|(i, (run, key))| {
            let name = match run {
                Some(run) if !run.name.is_empty() => run.name.to_string(),
                _ => key.id.clean().to_string(),
            };
            format!("{} {name}", look.symbols.series[i % 8])
        })
        .collect()
}

fn chart(page: &Compare, names: &[String], look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let Some(metric) = page.metrics.get(page.chosen) else {
        rule(buf, look, area, &[span(Role::Title, "Metrics")], &[]);
        let body = paint::inner_rows(area, 1, 0);
        empty(
            buf,
            look,
            body,
            "These runs have no metric.",
            &["Their lines appear here when a training job logs one."],
        );
        return Hits::default();
    };
    let better = match direction(metric.shown.as_str()) {
        Some(true) => ", more is better",
        Some(false) => ", less is better",
        None => "",
    };
    let mut title = vec![
        span(
            if page.part == Part::Chart {
                Role::Title
            } else {
                Role::Dim
            },
            metric.shown.as_str(),
        ),
        span(
            Role::Dim,
            format!("  {} of {}{better}", page.chosen + 1, page.metrics.len()),
        ),
    ];
    let lines = page.lines_of(&metric.key);
    if lines.iter().any(|(_, l)| l.sampled) {
        title.push(span(Role::Dim, ", sampled"));
    }
    let gaps: usize = lines.iter().map(|(_, l)| l.gaps).sum();
    if gaps > 0 {
        let gaps = text::counted(gaps, "gap", "gaps");
        title.push(span(Role::Dim, format!(", {gaps}")));
    }
    if page.laid.weight() > 0.0 {
        let note = format!(", smoothed {}", page.laid.weight());
        title.push(span(Role::Dim, note));
    }
    rule(buf, look, area, &title, &[]);
    let body = paint::inner_columns(paint::inner_rows(area, 1, 0), 1, 1);
    if lines.is_empty() {
        let words = match page.refused.get(&metric.key) {
            Some(why) => format!("histories not read: {why}"),
            None => "histories are being read".to_owned(),
        };
        let line = paint::row(body, body.height / 2);
        let spans = [span(Role::Dim, words)];
        paint::put_spans(buf, look, line, line.x + 1, line.y, &spans);
        return Hits::default();
    }
    // One line a run, also for those without one: colours and marks stay with their runs.
    let series: Vec<Series<'_>> = names
        .iter()
        .enumerate()
        .map(|(i, name)| Series {
            name: name.split_once(' ').map_or("", |(_, n)| n),
            points: lines
                .iter()
                .find(|(n, _)| *n == i)
                .map_or(&[][..], |(_, l)| &l.drawn),
        })
        .collect();
    let behind: Vec<_> = lines
        .iter()
        .filter(|(_, l)| !l.raw.is_empty())
        .map(|(_, l)| &l.raw[..])
        .collect();
    let gap_marks: Vec<Marker<'_>> = lines
        .iter()
        .flat_map(|(_, l)| l.markers.iter().filter(|(x, _)| Some(*x) != l.peak))
        .map(|(x, label)| Marker { x: *x, label })
        .collect();
    let chart = Chart {
        title: "",
        unit: "",
        series: &series,
        writes_nan: true,
        behind: &behind,
        x: lines[0].1.axis,
        log: page.lens.log,
        window: page.lens.window.or_else(|| page.extent()),
        markers: &gap_marks,
        cursor: page.lens.cursor,
        ..Chart::default()
    };
    chart.draw(buf, look, body).hits
}

/// Which runs have a column, and how wide the columns are.
struct Fitted {
    name: u16,
    each: u16,
    shown: std::ops::Range<usize>,
}

/// As many runs as fit, such that the one under the column cursor is among them.
fn fitted(page: &Compare, names: &[String], area: Rect) -> Fitted {
    let name = page.rows.iter().map(|r| r.name.width()).max().unwrap_or(4) as u16;
    let name = name.clamp(6, (area.width / 4).max(10));
    let room = area.width.saturating_sub(GUTTER + 6 + GAP + name + GAP);
    let wanted = page
        .rows
        .iter()
        .flat_map(|row| row.values.iter().map(|v| width(row, v)))
        .chain(names.iter().map(|n| text::width(n)))
        .max()
        .unwrap_or(8) as u16;
    let share = (room + GAP) / (names.len() as u16).max(1);
    let each = share
        .saturating_sub(GAP)
        .min(wanted.clamp(9, 40))
        .max(9.min(room));
    let count = usize::from(((room + GAP) / (each + GAP)).max(1)).min(names.len());
    let first = page.table.column.unwrap_or(0).saturating_sub(count - 1);
    Fitted {
        name,
        each,
        shown: first..(first + count).min(names.len()),
    }
}

fn table_title<'a>(page: &'a Compare, names: &'a [String]) -> Vec<Span<'a>> {
    let focused = page.part == Part::Table;
    let mut title = vec![span(
        if focused { Role::Title } else { Role::Dim },
        if page.only { "Differences" } else { "Values" },
    )];
    title.push(span(Role::Dim, format!("  {}", page.rows.len())));
    if page.only && page.same > 0 {
        title.push(span(
            Role::Dim,
            format!(", {} alike are hidden, = shows them", page.same),
        ));
    }
    let baseline = names[0].split_once(' ').map_or("", |(_, name)| name);
    title.push(span(Role::Dim, format!(", compared with {baseline}")));
    if let Some(why) = page.faults.iter().flatten().next() {
        title.push(span(Role::Warn, format!("  a run was not read: {why}")));
    }
    title
}

fn table(page: &Compare, names: &[String], look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let Fitted { name, each, shown } = fitted(page, names, area);
    let off = names.len() - shown.len();
    let more: Vec<Span<'_>> = if off > 0 {
        let runs = text::counted(off, "run", "runs");
        let [left, right] = look.symbols.more;
        vec![span(Role::Dim, format!("{left} {runs} more {right}"))]
    } else {
        Vec::new()
    };
    rule(buf, look, area, &table_title(page, names), &more);
    let body = paint::inner_rows(area, 1, 0);
    if page.rows.is_empty() {
        let (what, how) = if page.only {
            (
                "The runs do not differ.",
                "= shows what they have in common",
            )
        } else {
            (
                "Nothing is known of these runs yet.",
                "They are being read.",
            )
        };
        empty(buf, look, body, what, &[how]);
        return Hits::default();
    }
    let mut columns = vec![Column::fixed("KIND", 6, 0), Column::fixed("NAME", name, 0)];
    let runs = names[shown.clone()].iter();
    columns.extend(runs.map(|name| Column::fixed(name.as_str(), each, 0).right()));
    let state = TableState {
        column: page.table.column.map(|c| c - shown.start.min(c) + 2),
        ..page.table
    };
    let table = Table {
        columns: &columns,
        len: page.rows.len(),
        state: &state,
        sort: None,
        focused: true,
    };
    table.draw(buf, look, body, |index| {
        let row = &page.rows[index];
        let new = index == 0 || page.rows[index - 1].kind != row.kind;
        let kind = if new { row.kind.word() } else { "" };
        let name_role = if row.differs { Role::Text } else { Role::Dim };
        let mut cells = vec![
            Cell::new(Role::Label, kind),
            Cell::new(name_role, row.name.as_str()),
        ];
        cells.extend(shown.clone().map(|i| value(row, i, look)));
        Row::from(cells)
    })
}

fn width(row: &Compared, value: &Value) -> usize {
    match value {
        Value::Absent => 1,
        Value::Text(t) => text::width(t),
        // A mark, the value, and its distance from the baseline.
        Value::Number(v) if row.differs => text::width(&text::number(*v)) + 11,
        Value::Number(v) => text::width(&text::number(*v)),
    }
}

fn value<'a>(row: &'a Compared, index: usize, look: &Look) -> Cell<'a> {
    let plain = if row.differs { Role::Text } else { Role::Dim };
    match &row.values[index] {
        Value::Absent => Cell::none(),
        Value::Text(t)
            if matches!(row.kind, Kind::Param | Kind::Data)
                && row.values[0] != row.values[index] =>
        {
            Cell::new(Role::Difference, t.as_str())
        }
        Value::Text(t) => Cell::new(plain, t.as_str()),
        Value::Number(v) if !v.is_finite() => Cell::new(Role::Unknown, text::number(*v)),
        Value::Number(v) => {
            let best = row.best.is_some_and(|b| b.total_cmp(v).is_eq());
            let role = if best { Role::Ok } else { plain };
            let shown = if best {
                format!("{} {}", look.symbols.verdict[0], text::number(*v))
            } else {
                text::number(*v)
            };
            let base = match row.values[0] {
                Value::Number(base) if index > 0 && base.is_finite() => Some(v - base),
                _ => None,
            };
            match base.filter(|d| *d != 0.0 && row.kind == Kind::Metric) {
                Some(d) => Cell::choices(role, [format!("{shown} {:>8}", text::delta(d)), shown]),
                None if row.differs => Cell::choices(role, [format!("{shown}         "), shown]),
                None => Cell::new(role, shown),
            }
        }
    }
}
