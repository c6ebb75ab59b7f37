//! How triage is drawn: the table above, the selected row's detail below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Triage, detail, model_of};
use crate::domain::fleet::triage::{TriageRow, counts};
use crate::domain::fleet::view::ModelView;
use crate::domain::rules::freshness::Freshness;
use crate::domain::time::age;
use crate::panes::Cx;
use crate::ui::hits::Hits;
use crate::ui::look::{Look, Size};
use crate::ui::paint;
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::theme::Role;

/// The titles, in the order of [`cells`].
pub(super) const TITLES: [&str; 7] = [
    "LEVEL",
    "MODEL",
    "SERVED",
    "CHAMPION",
    "WHY",
    "SINCE",
    "JUST BEFORE",
];

/// Every cell of a row as text.
pub(super) fn cells(row: &TriageRow, cx: &Cx<'_>) -> [String; 7] {
    let model = model_of(row, cx);
    let why = why(row, model);
    [
        row.verdict.level.word().to_owned(),
        row.name.to_string(),
        row.served.to_string(),
        champion(model),
        why.join(" · "),
        row.since.age_text(cx.now.wall),
        just_before(model, cx),
    ]
}

/// The marks that somebody has left on the model, then every finding.
fn why(row: &TriageRow, model: Option<&ModelView>) -> Vec<String> {
    let marks = model.into_iter().flat_map(ModelView::marks);
    let reasons = row.verdict.reasons.iter().map(|r| r.text.to_string());
    marks
        .map(|(word, _)| word.to_owned())
        .chain(reasons)
        .collect()
}

fn champion(model: Option<&ModelView>) -> String {
    model
        .and_then(|m| m.champion.as_ref())
        .map_or_else(|| "–".to_owned(), |c| c.text.to_string())
}

/// The likeliest cause of the trouble, with its age.
fn just_before(model: Option<&ModelView>, cx: &Cx<'_>) -> String {
    let Some(change) = model.and_then(|m| m.cause.as_ref()) else {
        return "–".to_owned();
    };
    let who = change
        .actor
        .as_ref()
        .map(|a| format!(" ({a})"))
        .unwrap_or_default();
    format!(
        "{}{who} {} ago",
        change.phrase(),
        age(cx.now.wall.since(change.not_after))
    )
}

pub(super) fn draw(pane: &Triage, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    if pane.list.rows.is_empty() {
        quiet(pane, cx, look, area, buf);
        return Hits::default();
    }
    // The list takes what it needs, at most two thirds; what is left tells about the selected row.
    let needed = u16::try_from(pane.list.rows.len())
        .unwrap_or(u16::MAX)
        .saturating_add(if look.size < Size::Medium { 1 } else { 2 });
    let detail_rows = match look.size {
        // The list stays whole; the detail takes only what the list leaves.
        Size::TooSmall | Size::Narrow | Size::Small => area.height.saturating_sub(needed),
        _ if area.height < 14 => 0,
        _ => area.height - needed.clamp(5, (area.height * 2 / 3).max(5)),
    };
    let detail_rows = if detail_rows < 4 { 0 } else { detail_rows };
    let list = Rect {
        height: area.height - detail_rows,
        ..area
    };
    let columns = columns(pane);
    let table = Table {
        columns: &columns,
        len: pane.list.rows.len(),
        state: &pane.list.table,
        sort: None,
        focused: true,
    };
    let hits = table.draw(buf, look, list, |index| {
        row(&pane.list.rows[index], cx, look)
    });
    if detail_rows > 0
        && let Some(current) = pane.list.current()
    {
        let below = Rect {
            y: list.bottom(),
            height: detail_rows,
            ..area
        };
        detail::draw(current, cx, look, below, buf);
    }
    hits
}

fn columns(pane: &Triage) -> [Column<'static>; 7] {
    // Two versions that answer side by side are the news: neither is cut while there is room.
    let clip = |width: usize| u16::try_from(width).unwrap_or(u16::MAX);
    let served = clip(pane.widths.served).clamp(6, 17);
    let name = clip(pane.widths.name).min(32);
    [
        Column::fixed("LEVEL", 6, 0),
        Column::name("MODEL", 12, name),
        Column::fixed("SERVED", served, 2),
        Column::fixed("CHAMPION", 8, 3),
        Column::flex("WHY", 34, 3, 0),
        Column::fixed("SINCE", 5, 1).right(),
        Column::flex("JUST BEFORE", 24, 1, 4),
    ]
}

fn row<'a>(row: &TriageRow, cx: &Cx<'a>, look: &Look) -> Row<'a> {
    let model = model_of(row, cx);
    let role = Look::level_role(row.verdict.level);
    let champion = match (champion(model), model.is_some_and(ModelView::differs)) {
        (text, true) => Cell::new(role, format!("{text} {}", look.symbols.differs)),
        (text, false) => Cell::text(text),
    };
    let why = why(row, model);
    let marks = model.map_or(0, |model| model.marks().count());
    // A mark is short and stands before the worst finding, which is never left out for it.
    let first = why
        .iter()
        .take(marks + 1)
        .cloned()
        .collect::<Vec<_>>()
        .join(" · ");
    let others = why.len().saturating_sub(marks + 1);
    let more = if others > 0 {
        format!("{first} +{others}")
    } else {
        first.clone()
    };
    Row::from(vec![
        Cell::level(look, row.verdict.level),
        Cell::text(row.name.to_string()).role(Role::Strong),
        Cell::text(row.served.to_string()),
        champion,
        Cell::choices(
            Role::Text,
            [why.join(" · "), more, first.clone()]
                .into_iter()
                .chain(shorter(&first)),
        ),
        Cell::new(Role::Dim, row.since.age_text(cx.now.wall)),
        Cell::new(Role::Dim, just_before(model, cx)),
    ])
}

/// A comparison in fewer words, longest first: what follows its line goes first, then two words after the
/// first one, and its value and line never: `missing … ctr_30d 34.8 % > 20 %`.
pub(super) fn shorter(text: &str) -> Vec<String> {
    let at = [" > ", " < "].iter().find_map(|sign| text.find(sign));
    let Some(at) = at else {
        return Vec::new();
    };
    let end = text[at..].find(", ").map_or(text.len(), |comma| at + comma);
    let text = &text[..end];
    let mut out = vec![text.to_owned()];
    let (before, compared) = text.split_at(at);
    let words: Vec<&str> = before.split(' ').collect();
    // The value may have its unit as a word of its own; before it stands what it is of.
    let kept = if before.ends_with(" %") { 3 } else { 2 };
    for from in 2..(words.len() + 1).saturating_sub(kept).min(4) {
        let rest = words[from..].join(" ");
        out.push(format!("{} … {rest}{compared}", words[0]));
    }
    out
}

/// Nothing in trouble: says so, and what was looked at; never more than is known.
fn quiet(pane: &Triage, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let waiting = cx
        .fleet
        .sources()
        .filter(|(_, _, f)| *f == Freshness::Waiting)
        .count();
    let all = cx.fleet.sources().count();
    let total = counts(cx.fleet);
    let lines: Vec<(Role, String)> = if pane.list.hidden() > 0 {
        vec![
            (
                Role::Text,
                format!("No row passes the filter `{}`.", pane.list.filter.text()),
            ),
            (
                Role::Dim,
                format!(
                    "{} rows are hidden · esc clears the filter",
                    pane.list.hidden()
                ),
            ),
        ]
    } else if all == 0 {
        vec![
            (
                Role::Text,
                "No source is configured in this context.".to_owned(),
            ),
            (
                Role::Dim,
                "Start with --mlflow URL, set MLFLOW_TRACKING_URI, or write a configuration"
                    .to_owned(),
            ),
            (
                Role::Dim,
                "file: `quarterdeck config path` says where. `quarterdeck demo` needs none."
                    .to_owned(),
            ),
        ]
    } else if waiting > 0 {
        vec![
            (
                Role::Text,
                format!("Waiting for {waiting} of {all} sources."),
            ),
            (
                Role::Dim,
                "What they answer appears here as it comes · c switches context".to_owned(),
            ),
        ]
    } else {
        vec![
            (
                Role::Ok,
                format!("{} Nothing is in trouble.", look.symbols.verdict[0]),
            ),
            (
                Role::Dim,
                format!(
                    "{} models ok, {} with something worth knowing · 2 lists every model",
                    total.ok, total.info
                ),
            ),
        ]
    };
    for (n, (role, line)) in lines.iter().enumerate() {
        paint::put(
            buf,
            area,
            area.x + 2,
            area.y + 1 + n as u16,
            &look.symbols.plain(line),
            look.style(*role),
        );
    }
}
