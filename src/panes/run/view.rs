//! How a run's page is drawn: facts above, then charts and lists side by side from 120 columns on,
//! below that one part at a time under the parts' names.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::Layout;
use super::line::{Laid, Line};
use super::state::{Part, RunPage, source_of};
use crate::domain::run::Run;
use crate::domain::text::Clean;
use crate::domain::time::{age, span as length};
use crate::panes::Cx;
use crate::panes::experiments::columns::status_look;
use crate::ui::chart::{Chart, Marker, Series};
use crate::ui::frame::{Pair, empty, pairs, rule};
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span};
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::text;
use crate::ui::theme::Role;

/// Rows of lists are told from charts by this offset.
pub(super) const LIST_ROWS: usize = 1 << 32;

/// About how wide the large chart's plot is: for presses.
pub(super) fn plot_width(screen: (u16, u16)) -> u16 {
    screen.0.saturating_sub(Layout::of(screen).side + 9)
}

pub(super) fn draw(page: &RunPage, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let layout = Layout::of((look.columns, look.rows));
    title(page, cx, look, area, buf);
    let Some(run) = &page.run else {
        let body = paint::inner_rows(area, 1, 0);
        let how = match &page.fault {
            None if source_of(&page.key.tracker, cx).is_none() => {
                "No configured source answers for its tracker · esc goes back".to_owned()
            }
            Some(why) => format!("{why} · r asks again, esc goes back"),
            None => "The tracker was asked for it.".to_owned(),
        };
        let what = if page.fault.is_some() {
            "The run could not be read."
        } else {
            "Loading."
        };
        empty(buf, look, body, what, &[how.as_str()]);
        return Hits::default();
    };
    let facts_area = paint::inner_columns(paint::inner_rows(area, 1, 0), 2, 1);
    let facts_area = Rect {
        height: layout.facts.0.min(facts_area.height),
        ..facts_area
    };
    facts(page, run, cx, look, layout, facts_area, buf);
    let body = paint::inner_rows(area, 1 + layout.facts.0, 0);
    if layout.side == 0 {
        rule(buf, look, body, &parts(page, look, &Part::ALL), &[]);
        let inner = paint::inner_rows(body, 1, 0);
        return match page.part {
            Part::Metrics => charts(page, look, layout, inner, buf),
            part => list(page, part, look, inner, buf),
        };
    }
    let left = Rect {
        width: body.width - layout.side - 1,
        ..body
    };
    let right = paint::inner_columns(body, left.width + 1, 0);
    rule(
        buf,
        look,
        Rect {
            width: left.width,
            ..paint::row(body, 0)
        },
        &parts(page, look, &Part::ALL[..1]),
        &scale_notes(page),
    );
    rule(buf, look, right, &parts(page, look, &Part::ALL[1..]), &[]);
    for y in body.top() + 1..body.bottom() {
        let bar = look.symbols.bar;
        paint::put(buf, body, left.right(), y, bar, look.style(Role::Rule));
    }
    let mut hits = charts(page, look, layout, paint::inner_rows(left, 1, 0), buf);
    hits.extend(list(
        page,
        page.side,
        look,
        paint::inner_rows(right, 1, 0),
        buf,
    ));
    hits
}

fn title(page: &RunPage, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let mut left = Vec::new();
    if let Some(run) = &page.run {
        left.push(span(Role::Title, run.name.as_str()));
        left.push(span(Role::Dim, "  "));
    }
    left.push(span(Role::Dim, page.key.id.clean().to_string()));
    let right = match (&page.fault, page.read_at) {
        (Some(why), _) => vec![span(Role::Warn, format!("not read: {why}"))],
        (None, Some(at)) => vec![span(
            Role::Dim,
            format!("read {} ago", age(cx.now.wall.since(at))),
        )],
        (None, None) if source_of(&page.key.tracker, cx).is_none() => {
            vec![span(
                Role::Warn,
                "as held: no source answers for its tracker",
            )]
        }
        (None, None) => vec![span(Role::Dim, "as held, being read")],
    };
    rule(buf, look, area, &left, &right);
}

/// `Metrics 12 · Params 31 · …`, the present part strong.
fn parts<'a>(page: &'a RunPage, look: &Look, all: &[Part]) -> Vec<Span<'a>> {
    let mut spans = Vec::new();
    for part in all {
        if !spans.is_empty() {
            spans.push(span(Role::Rule, format!(" {} ", look.symbols.dot)));
        }
        let (role, shown) = if *part == page.part {
            (Role::Title, true)
        } else if *part == page.side && all.len() < Part::ALL.len() {
            (Role::Text, true)
        } else {
            (Role::Dim, false)
        };
        spans.push(span(role, part.title()));
        if let Some(count) = page.count(*part) {
            let role = if shown { Role::Text } else { Role::Dim };
            spans.push(span(role, format!(" {}", text::count(count))));
        }
    }
    if !page.filter.is_empty() && all.contains(&page.part) {
        spans.push(span(Role::Dim, "  pass "));
        spans.push(span(Role::Accent, page.filter.text()));
    }
    spans
}

/// How the charts are looked at, where it is not the plain way.
fn scale_notes(page: &RunPage) -> Vec<Span<'static>> {
    let mut notes = Vec::new();
    if page.laid.weight() > 0.0 {
        notes.push(format!("smoothed {}", page.laid.weight()));
    }
    if page.lens.window.is_some() {
        notes.push("zoomed".to_owned());
    }
    if notes.is_empty() {
        return Vec::new();
    }
    vec![span(Role::Dim, notes.join(", "))]
}

fn facts(
    page: &RunPage,
    run: &Run,
    cx: &Cx<'_>,
    look: &Look,
    layout: Layout,
    area: Rect,
    buf: &mut Buffer,
) {
    let now = cx.now.wall;
    let or_dash = |t: &Clean| {
        if t.is_empty() {
            look.symbols.none.to_owned()
        } else {
            t.to_string()
        }
    };
    let tag = |name: &str| run.tag(name).map(Clean::to_string);
    let (role, glyph) = status_look(&run.status, look);
    let role = if role == Role::Dim { Role::Text } else { role };
    let took = match run.ended {
        Some(end) if !run.status.is_live() => length(end.since(run.started)),
        _ => format!("{} so far", age(now.since(run.started))),
    };
    let experiment = cx.fleet.experiment(&run.experiment);
    let experiment = experiment.map_or_else(
        || run.experiment.id.clean().to_string(),
        |h| h.fact.name.to_string(),
    );
    let git = tag("mlflow.source.git.commit").map_or_else(
        || look.symbols.none.to_owned(),
        |commit| {
            let branch = tag("mlflow.source.git.branch").map(|b| format!(" on {b}"));
            format!("{}{}", text::head(&commit, 10), branch.unwrap_or_default())
        },
    );
    let made = page.versions(cx);
    let data = run.datasets.first().map_or_else(
        || look.symbols.none.to_owned(),
        |d| format!("{} {}", d.name, d.digest),
    );
    let made = if made.is_empty() {
        span(Role::Dim, "none registered")
    } else {
        span(Role::Text, made.join(", "))
    };
    let old = format!("{} ago", age(now.since(run.started)));
    let started = if layout.facts.0 < 3 {
        vec![span(Role::Text, old)]
    } else {
        vec![
            span(Role::Text, format!("{}Z", run.started.day_minute())),
            span(Role::Dim, format!("  {old}")),
        ]
    };
    let mut all = vec![
        Pair::spans(
            "status",
            vec![span(role, format!("{glyph} {}", run.status.word()))],
        ),
        Pair::spans("started", started),
        Pair::new("took", took),
        Pair::new("user", or_dash(&run.user)),
        Pair::spans("versions", vec![made]),
        Pair::new("experiment", experiment),
        Pair::new("git", git),
        Pair::new(
            "source",
            tag("mlflow.source.name").unwrap_or_else(|| look.symbols.none.to_owned()),
        ),
        Pair::new("data", data),
    ];
    // What does not fit is in the parts below; what matters most stands first.
    let room = usize::from(layout.facts.0 * layout.facts.1);
    if room < 8 {
        all.swap(2, 4);
    }
    all.truncate(room);
    pairs(buf, look, area, &all, layout.facts.1);
}

fn charts(page: &RunPage, look: &Look, layout: Layout, area: Rect, buf: &mut Buffer) -> Hits {
    let mut hits = Hits::default();
    if page.metrics.is_empty() {
        let (what, how) = if page.metrics_hidden > 0 {
            ("No metric passes the filter.", "esc clears it")
        } else {
            (
                "This run has no metric.",
                "A chart appears here when the training job logs one.",
            )
        };
        empty(buf, look, area, what, &[how]);
        return hits;
    }
    let area = paint::inner_columns(area, 1, 1);
    if page.large {
        hits.extend(one(page, page.chosen, true, look, area, buf));
        return hits;
    }
    let (across, most) = layout.grid;
    let visible = page.visible((look.columns, look.rows));
    // Few charts share the height, up to where they would look stretched.
    let down = (visible.len() as u16).div_ceil(across).clamp(1, most);
    let gap = 2;
    let width = (area.width.saturating_sub(gap * (across - 1))) / across;
    let height = (area.height / down).min(18);
    for (n, index) in visible.enumerate() {
        let (column, row) = (n as u16 % across, n as u16 / across);
        let spot = Rect {
            x: area.x + column * (width + gap),
            y: area.y + row * height,
            width,
            // The last row of charts takes what rounding left.
            height: height.saturating_sub(u16::from(down > 1 && height > 6)),
        };
        one(page, index, false, look, spot, buf);
        hits.add(spot, Target::Row(index));
    }
    hits
}

/// One metric's chart, or what is known without its history.
fn one(
    page: &RunPage,
    index: usize,
    large: bool,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let Some(metric) = page.metrics.get(index) else {
        return Hits::default();
    };
    let chosen = index == page.chosen && page.part == Part::Metrics;
    let (mark, role) = if chosen && !large {
        (look.symbols.select, Role::Accent)
    } else {
        (" ", Role::Text)
    };
    paint::put(buf, area, area.x, area.y, mark, look.style(role));
    let area = paint::inner_columns(area, 1, 0);
    let line = match page.lines.get(&metric.key) {
        Some(Ok(line)) if line.len() > 0 => line,
        other => {
            let value = page
                .run
                .as_ref()
                .and_then(|r| r.metric(metric.shown.as_str()));
            let words = match other {
                Some(Err(why)) => format!("history not read: {why}"),
                Some(Ok(_)) => "no history is kept".to_owned(),
                None => "history is being read".to_owned(),
            };
            let head = [
                span(Role::Title, metric.shown.as_str()),
                span(
                    Role::Text,
                    look.symbols
                        .plain(&format!("  {}", text::number_or_none(value))),
                ),
            ];
            paint::put_spans(buf, look, area, area.x, area.y, &head);
            let below = paint::row(area, area.height / 2);
            let words = text::cut(&words, usize::from(below.width), look.symbols.ellipsis);
            paint::put(buf, below, below.x, below.y, &words, look.style(Role::Dim));
            return Hits::default();
        }
    };
    let notes = notes(line, page.laid, large);
    let series = [Series {
        name: metric.shown.as_str(),
        points: &line.drawn,
    }];
    let behind = [&line.raw[..]];
    let markers: Vec<Marker<'_>> = line
        .markers
        .iter()
        .map(|(x, label)| Marker { x: *x, label })
        .collect();
    let cursor = page.lens.cursor.filter(|_| large || chosen);
    let chart = Chart {
        title: metric.shown.as_str(),
        unit: &notes,
        series: &series,
        writes_nan: true,
        behind: if line.raw.is_empty() { &[] } else { &behind },
        x: line.axis,
        log: page.lens.log,
        window: page.lens.window,
        markers: if large { &markers } else { &[] },
        cursor,
        ..Chart::default()
    };
    chart.draw(buf, look, area).hits
}

/// What must be known to read the line: thinned out, gaps, smoothing.
fn notes(line: &Line, laid: Laid, large: bool) -> String {
    let mut notes = Vec::new();
    if line.gaps > 0 {
        notes.push(text::counted(line.gaps, "gap", "gaps"));
    }
    if line.sampled {
        notes.push(if large {
            format!("sampled to {} points", text::count(line.len()))
        } else {
            "sampled".to_owned()
        });
    }
    if large && laid.weight() > 0.0 {
        notes.push(format!("smoothed {}, logged values dim", laid.weight()));
    }
    if notes.is_empty() {
        String::new()
    } else {
        format!(" ({})", notes.join(", "))
    }
}

fn list(page: &RunPage, part: Part, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let focused = part == page.part;
    let drawn = if part == Part::Artifacts {
        files(page, focused, look, area, buf)
    } else {
        values(page, part, focused, look, area, buf)
    };
    let mut hits = Hits::default();
    hits.page = drawn.page;
    for (region, target) in drawn.regions() {
        if let Target::Row(index) = target {
            hits.add(*region, Target::Row(LIST_ROWS + index));
        }
    }
    hits
}

fn values(
    page: &RunPage,
    part: Part,
    focused: bool,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let rows = page.pairs(part);
    if rows.is_empty() {
        let what = match (part, page.filter.is_empty() || !focused) {
            (_, false) => "Nothing passes the filter.",
            (Part::Params, _) => "The run has no parameter.",
            (Part::Tags, _) => "The run has no tag.",
            _ => "The run names no dataset.",
        };
        let how = if part == Part::Data && page.read_at.is_none() {
            "It is being read."
        } else {
            "What the training job logs appears here."
        };
        empty(buf, look, area, what, &[how]);
        return Hits::default();
    }
    let widest = rows.iter().map(|(n, _)| n.width()).max().unwrap_or(0);
    let most = (area.width / 2).max(10);
    let columns = [
        Column::fixed("NAME", (widest as u16).clamp(4, most), 0),
        Column::flex("VALUE", 8, 1, 0),
    ];
    let table = Table {
        columns: &columns,
        len: rows.len(),
        state: &page.tables[part as usize],
        sort: None,
        focused,
    };
    table.draw(buf, look, area, |i| {
        let (name, value) = &rows[i];
        Row::from(vec![
            Cell::new(Role::Label, name.to_string()),
            Cell::text(value.to_string()),
        ])
    })
}

fn files(page: &RunPage, focused: bool, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let folder = page.folder();
    let entries = page.entries();
    let mut place = String::from("/");
    if let Some(model) = &folder.model {
        place.push_str(model.clean().as_str());
        place.push('/');
    }
    place.push_str(folder.path.clean().as_str());
    let line = paint::row(paint::inner_columns(area, 1, 1), 0);
    let shown = text::cut_middle(&place, usize::from(line.width), look.symbols.ellipsis);
    paint::put(buf, line, line.x, line.y, &shown, look.style(Role::Accent));
    let body = paint::inner_rows(area, 1, 0);
    if entries.is_empty() {
        let (what, how) = match page.files.get(&folder) {
            Some(Ok(_)) => ("The folder is empty.", "esc goes up"),
            Some(Err(why)) => ("The folder could not be read.", why.as_str()),
            None if focused => ("Loading.", "The tracker was asked for the list of files."),
            None => ("Not asked for yet.", "tab turns to the artifacts"),
        };
        empty(buf, look, body, what, &[how]);
        return Hits::default();
    }
    let widest = entries.iter().map(|e| e.name.width()).max().unwrap_or(0);
    let columns = [
        Column::name("NAME", 12, widest as u16 + 1),
        Column::fixed("SIZE", 8, 1).right(),
    ];
    let table = Table {
        columns: &columns,
        len: entries.len(),
        state: &page.tables[Part::Artifacts as usize],
        sort: None,
        focused,
    };
    table.draw(buf, look, body, |i| {
        let entry = &entries[i];
        let size = entry
            .size
            .map_or_else(Cell::none, |n| Cell::text(text::bytes(n)));
        let name = if entry.folder.is_some() {
            Cell::new(Role::Link, format!("{}/", entry.name))
        } else {
            Cell::text(entry.name.to_string())
        };
        Row::from(vec![name, size])
    })
}
