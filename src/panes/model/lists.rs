//! The lists of the page: versions, facts, endpoints and changes, each drawn into the place it is given.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::view::no_change;
use super::{Page, Part, facts, versions};
use crate::domain::rules::freshness::Freshness;
use crate::panes::Cx;
use crate::panes::deployments::view as deployments;
use crate::panes::history::line;
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span};
use crate::ui::table::{Row, Table};
use crate::ui::text;
use crate::ui::theme::Role;

pub(super) fn versions_table(
    page: &Page<'_>,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    if page.versions.is_empty() {
        let read = cx.fleet.source_freshness(&page.registered.source);
        let words = match read {
            Freshness::Live => "the registry holds no version of it: the first one appears here",
            _ => "no version has been read yet",
        };
        let line = paint::inner_columns(area, 1, 1);
        paint::put(buf, line, line.x, line.y, words, look.style(Role::Dim));
        return Hits::default();
    }
    let columns = versions::columns(page);
    let table = Table {
        columns: &columns,
        len: page.state.rows.len(),
        state: &page.state.versions,
        sort: None,
        focused: page.state.part == Part::Versions,
    };
    table.draw(buf, look, area, |index| {
        let version = page.version(&page.state.rows[index]);
        version.map_or_else(Row::default, |v| versions::row(page, v, cx, look))
    })
}

pub(super) fn fact_lines(
    page: &Page<'_>,
    cx: &Cx<'_>,
    look: &Look,
    width: u16,
) -> Vec<facts::Line> {
    page.selected().map_or_else(Vec::new, |version| {
        facts::lines(page, version, cx, look.symbols, width)
    })
}

pub(super) fn first_line(page: &Page<'_>, lines: &[facts::Line], rows: u16) -> usize {
    let last = lines.len().saturating_sub(usize::from(rows));
    page.state.facts.offset.min(last)
}

/// How many lines lie below those that are seen.
pub(super) fn more_below(page: &Page<'_>, lines: &[facts::Line], rows: u16) -> String {
    let below = lines
        .len()
        .saturating_sub(first_line(page, lines, rows) + usize::from(rows));
    match below {
        0 => String::new(),
        n => format!(" {n} more below "),
    }
}

pub(super) fn facts_text(
    page: &Page<'_>,
    lines: &[facts::Line],
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) {
    let inner = paint::inner_columns(area, 1, 0);
    let first = first_line(page, lines, area.height);
    for (n, spans) in lines[first..]
        .iter()
        .take(usize::from(area.height))
        .enumerate()
    {
        let row = paint::row(inner, n as u16);
        let spans: Vec<Span<'_>> = spans
            .iter()
            .map(|s| {
                if look.symbols.ascii && s.text == "–" {
                    span(s.role, look.symbols.none)
                } else {
                    s.clone()
                }
            })
            .collect();
        paint::put_spans(buf, look, row, row.x, row.y, &spans);
    }
}

pub(super) fn endpoint_table(
    page: &Page<'_>,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let all = page.deployments(cx);
    if all.is_empty() {
        let words = "no deployment of it is known: name it in [[contexts.NAME.deployments]], or tag the model quarterdeck.deployment = URL";
        let line = paint::inner_columns(area, 1, 1);
        for (n, words) in text::wrap(words, usize::from(line.width))
            .iter()
            .enumerate()
        {
            let row = paint::row(line, n as u16);
            paint::put(buf, row, row.x, row.y, words, look.style(Role::Dim));
        }
        return Hits::default();
    }
    let mut columns = deployments::columns_of(|| all.iter().copied());
    // The page is the model's own: its column would say one name again and again.
    let model = deployments::TITLES.iter().position(|t| *t == "MODEL");
    if let Some(at) = model {
        columns.remove(at);
    }
    let table = Table {
        columns: &columns,
        len: all.len(),
        state: &page.state.endpoints,
        sort: None,
        focused: page.state.part == Part::Deployments,
    };
    table.draw(buf, look, area, |index| {
        let mut row = deployments::row(all[index], look, cx.now.wall);
        if let Some(at) = model {
            row.cells.remove(at);
        }
        row
    })
}

/// The changes of the time range line by line, newest last and in view.
pub(super) fn change_list(page: &Page<'_>, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let inner = paint::inner_columns(area, 1, 1);
    let inside = page.state.changes(cx);
    if inside.is_empty() {
        no_change(cx, look, inner, buf);
        return;
    }
    let rows = usize::from(inner.height);
    // The newest is what matters: stepping goes back in time.
    let end = inside.len()
        - page
            .state
            .changes
            .offset
            .min(inside.len().saturating_sub(rows));
    let from = end.saturating_sub(rows);
    for (n, change) in inside[from..end].iter().enumerate() {
        let row = paint::row(inner, n as u16);
        paint::put_spans(
            buf,
            look,
            row,
            row.x,
            row.y,
            &line::change_spans(change, cx, look),
        );
    }
}
