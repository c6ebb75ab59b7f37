//! How the list of alerts is drawn: how many of each state, then one line an alert.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Alerts, By, model_name};
use crate::domain::alert::{Alert, AlertState};
use crate::domain::time::age;
use crate::domain::wiring::version_text;
use crate::panes::history::line;
use crate::panes::{Cx, signal};
use crate::ui::frame::empty;
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span};
use crate::ui::table::{Cell, Column, Row, Sort, Table};
use crate::ui::text;
use crate::ui::theme::Role;

/// The titles, in the order of [`cells`].
pub(super) const TITLES: [&str; 9] = [
    "STATE", "ALERT", "MODEL", "SEVERITY", "SINCE", "VALUE", "SUMMARY", "MUTED", "GROUP",
];

/// The model, and the version where an alert is of one: `ranker-eu v6`.
fn model_text(alert: &Alert) -> String {
    let name = model_name(alert);
    match &alert.version {
        Some(version) if !version.raw().is_empty() => format!("{name} {}", version_text(version)),
        _ => name.to_string(),
    }
}

/// Every cell of an alert as text.
pub(super) fn cells(alert: &Alert, cx: &Cx<'_>) -> [String; 9] {
    let or_none = |text: String| {
        if text.is_empty() {
            "–".to_owned()
        } else {
            text
        }
    };
    let silence = alert.silences.first();
    let muted = silence.map_or_else(String::new, |s| {
        format!("by {} until {}Z", s.author, s.until.hour_minute())
    });
    [
        alert.state.word().to_owned(),
        alert.name.to_string(),
        or_none(model_text(alert)),
        or_none(alert.severity.to_string()),
        age(cx.now.wall.since(alert.since)),
        text::number_or_none(alert.value),
        or_none(alert.words().to_string()),
        or_none(muted),
        or_none(alert.group.to_string()),
    ]
}

/// What a press on a title sorts by.
pub(super) fn by_column(index: usize) -> Option<By> {
    let title = TITLES.get(index)?;
    By::ALL.into_iter().find(|by| by.title() == *title)
}

fn columns(pane: &Alerts, cx: &Cx<'_>) -> [Column<'static>; 9] {
    let wide = |of: &dyn Fn(&Alert) -> usize| {
        let widest = pane.list.rows.iter().map(of).max();
        u16::try_from(widest.unwrap_or(0)).unwrap_or(u16::MAX)
    };
    // Where rows are short, even a few words tell two alerts of one rule apart: they need the room.
    let narrow = cx.screen.0 < 100;
    let name = wide(&|a| a.name.width());
    let model = wide(&|a| text::width(&model_text(a)));
    let severity = wide(&|a| a.severity.width());
    let group = wide(&|a| a.group.width());
    [
        Column::fixed(TITLES[0], 11, 0),
        Column::name(TITLES[1], 12, name.clamp(5, 32)),
        Column::fixed(TITLES[2], model.clamp(5, 24), 1),
        Column::fixed(TITLES[3], severity.clamp(8, 10), 4),
        Column::fixed(TITLES[4], 5, 1).right(),
        Column::fixed(TITLES[5], 7, 4).right(),
        Column::flex(TITLES[6], if narrow { 12 } else { 20 }, 2, 2),
        Column::flex(TITLES[7], 14, 1, if narrow { Column::HIDDEN } else { 3 }),
        Column::fixed(TITLES[8], group.clamp(5, 24), 5),
    ]
}

fn row<'a>(alert: &'a Alert, cx: &Cx<'a>, look: &Look) -> Row<'a> {
    let [
        _,
        name,
        model,
        severity,
        since,
        value,
        summary,
        muted,
        group,
    ] = cells(alert, cx);
    let (state, role) = signal::alert_state(alert, cx, look);
    let plain = if alert.is_loud() {
        Role::Text
    } else {
        Role::Dim
    };
    Row::from(vec![
        Cell::new(role, state),
        Cell::new(plain, name),
        Cell::new(plain, model),
        Cell::new(Role::Dim, severity),
        Cell::new(Role::Dim, since),
        Cell::new(plain, value),
        Cell::new(plain, summary),
        Cell::new(Role::Dim, muted),
        Cell::new(Role::Dim, group),
    ])
}

/// `2 firing   1 pending   1 silenced`: every state that there is, of all alerts that pass the filter.
fn head(pane: &Alerts, cx: &Cx<'_>) -> Vec<Span<'static>> {
    let states = [
        AlertState::Firing,
        AlertState::Pending,
        AlertState::Silenced,
        AlertState::Inhibited,
    ];
    let mut spans: Vec<Span<'static>> = Vec::new();
    for state in states {
        let all = pane.list.rows.iter().filter(|a| a.state == state);
        let count = all.clone().count();
        let worst = all.clone().map(|a| cx.fleet.alert_level(a, cx.now.wall));
        if let Some(worst) = worst.max() {
            let loud = all.clone().any(Alert::is_loud);
            let role = if loud {
                Look::level_role(worst)
            } else {
                Role::Dim
            };
            let gap = if spans.is_empty() { "" } else { "   " };
            spans.push(span(role, format!("{gap}{count} {}", state.word())));
        }
    }
    // What cannot be relied on any more says of when it is.
    let now = cx.now.wall;
    let rows = pane.list.rows.iter();
    let old = rows.filter_map(|a| cx.fleet.alerts_as_read(&a.key.source, now));
    if let Some(read) = old.min() {
        let text = read.map_or_else(
            || "as last read".to_owned(),
            |at| {
                let old = age(now.since(at));
                format!("as read {}Z, {old} ago", line::stamp(at, cx.now))
            },
        );
        spans.push(span(Role::Stale, format!("   {text}")));
    }
    spans
}

pub(super) fn draw(pane: &Alerts, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    if pane.list.rows.is_empty() {
        nothing(pane, cx, look, area, buf);
        return Hits::default();
    }
    let line = paint::inner_columns(paint::row(area, 0), 1, 1);
    paint::put_spans(buf, look, line, line.x, line.y, &head(pane, cx));
    let columns = columns(pane, cx);
    let sorted = TITLES.iter().position(|t| *t == pane.by.title());
    let table = Table {
        columns: &columns,
        len: pane.list.rows.len(),
        state: &pane.list.table,
        sort: sorted.map(|column| Sort {
            column,
            descending: pane.turned,
        }),
        focused: true,
    };
    let body = paint::inner_rows(area, 1, 0);
    table.draw(buf, look, body, |index| {
        row(&pane.list.rows[index], cx, look)
    })
}

/// Why there is no alert; never more than is known.
fn nothing(pane: &Alerts, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    if pane.list.hidden() > 0 {
        let hidden = text::counted(pane.list.hidden(), "alert is", "alerts are");
        let how = format!("{hidden} hidden · esc clears the filter");
        empty(buf, look, area, "No alert passes the filter.", &[&how]);
    } else if signal::is_monitored(cx) {
        let how = "What fires, is pending or is muted appears here as its source tells of it.";
        empty(buf, look, area, "No alert is known.", &[how]);
    } else {
        let how = "Sources of kind prometheus or alertmanager fill this pane.";
        empty(
            buf,
            look,
            area,
            "No source of alerts is configured.",
            &[how],
        );
    }
}
