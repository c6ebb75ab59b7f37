//! How history is drawn: the changes, dim outside the time range, and the evidence of the selected one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{History, line, name_of, origin_words};
use crate::domain::change::{Change, Origin, Subject};
use crate::domain::level::Level;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age};
use crate::domain::watch::{Entry, Unwatched};
use crate::panes::Cx;
use crate::ui::frame::{empty, rule};
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span};
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::text;
use crate::ui::theme::Role;

/// The titles, in the order of [`super::cells`].
pub(in crate::panes) const TITLES: [&str; 8] = [
    "TIME UTC", "AGE", "WHAT", "WHERE", "WHO", "ORIGIN", "WITHIN", "EVIDENCE",
];

pub(super) fn draw(pane: &History, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    heading(pane, cx, look, paint::row(area, 0), buf);
    let body = paint::inner_rows(area, 1, 0);
    if pane.list.rows.is_empty() {
        nothing(pane, cx, look, body, buf);
        return Hits::default();
    }
    let shown = pane
        .detailed(cx.screen)
        .then(|| pane.list.current())
        .flatten();
    let lines = match shown {
        Some(Entry::Change(change)) => detail(change, cx, look, body.width),
        Some(Entry::Unwatched(gap)) => unwatched_detail(gap, look, body.width),
        None => Vec::new(),
    };
    let below = if lines.is_empty() {
        0
    } else {
        // The list keeps a few rows whatever the evidence says.
        (lines.len() as u16 + 1).min(body.height.saturating_sub(5))
    };
    let list = paint::inner_rows(body, 0, below);
    let columns = columns(pane, cx);
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
    if below > 0 {
        let area = Rect {
            y: list.bottom(),
            height: below,
            ..area
        };
        rule(buf, look, area, &[span(Role::Title, "evidence")], &[]);
        let inner = paint::inner_columns(paint::inner_rows(area, 1, 0), 2, 1);
        for (n, spans) in lines.iter().enumerate() {
            let row = paint::row(inner, n as u16);
            if !row.is_empty() {
                paint::put_spans(buf, look, row, row.x, row.y, spans);
            }
        }
    }
    hits
}

fn heading(pane: &History, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let shown = || pane.list.rows.iter().filter_map(Entry::change);
    let inside = shown().filter(|c| History::inside(c, cx)).count();
    let mut note = format!(
        "{} in the {} of {}",
        inside,
        cx.window,
        text::count(pane.known)
    );
    if pane.known == 0 {
        note.clear();
    }
    let what = match &pane.subject {
        Subject::Model(_) => "changes of model ",
        Subject::Deployment(_) => "changes of deployment ",
        Subject::Source(_) => "changes of source ",
    };
    rule(
        buf,
        look,
        area,
        &[
            span(Role::Label, what),
            span(Role::Title, name_of(&pane.subject, cx).to_string()),
        ],
        &[span(Role::Dim, look.symbols.plain(&note))],
    );
}

fn columns(pane: &History, cx: &Cx<'_>) -> Vec<Column<'static>> {
    let wide = |texts: &mut dyn Iterator<Item = usize>, least: u16, most: u16| {
        u16::try_from(texts.max().unwrap_or(0))
            .unwrap_or(u16::MAX)
            .clamp(least, most)
    };
    let changes = || pane.list.rows.iter().filter_map(Entry::change);
    let place = wide(
        &mut changes().map(|c| name_of(&c.subject, cx).width()),
        5,
        24,
    );
    let who = wide(
        &mut changes().map(|c| c.actor.as_ref().map_or(0, Clean::width)),
        3,
        16,
    );
    let phrase = |row: &Entry<Change>| match row {
        Entry::Change(change) => change.phrase().width(),
        Entry::Unwatched(gap) => text::width(&line::unwatched(gap)),
    };
    let what = wide(
        &mut pane.list.rows.iter().map(|row| phrase(row) + 2),
        20,
        60,
    );
    vec![
        Column::fixed(TITLES[0], 11, 0),
        Column::fixed(TITLES[1], 4, 1).right(),
        Column::name(TITLES[2], 20, what),
        Column::fixed(TITLES[3], place, 2),
        Column::fixed(TITLES[4], who, 1),
        Column::fixed(TITLES[5], 8, 4),
        Column::fixed(TITLES[6], 6, 3).right(),
        Column::flex(TITLES[7], 20, 1, 5),
    ]
}

fn row<'a>(entry: &'a Entry<Change>, cx: &Cx<'a>, look: &Look) -> Row<'a> {
    match entry {
        Entry::Change(change) => change_row(change, cx, look),
        Entry::Unwatched(gap) => unwatched_row(gap, cx, look),
    }
}

/// Time that nobody watched has the colour of what is not known.
fn unwatched_row<'a>(gap: &Unwatched, cx: &Cx<'a>, look: &Look) -> Row<'a> {
    let glyph = look.symbols.level(Level::Unknown);
    Row::from(vec![
        Cell::new(Role::Dim, gap.to.day_minute()),
        Cell::new(Role::Dim, age(cx.now.wall.since(gap.to))),
        Cell::spans(vec![
            span(Role::Unknown, format!("{glyph} ")),
            span(Role::Unknown, line::unwatched(gap)),
        ]),
        Cell::none(),
        Cell::none(),
        Cell::none(),
        Cell::new(Role::Dim, age(gap.to.since(gap.from))),
        Cell::new(
            Role::Dim,
            format!("no source was heard since {}", gap.from.day_minute()),
        ),
    ])
}

/// Everything that is to be said of time that nobody watched, in lines.
fn unwatched_detail(gap: &Unwatched, look: &Look, width: u16) -> Vec<Vec<Span<'static>>> {
    let glyph = look.symbols.level(Level::Unknown);
    let mut lines = vec![
        vec![
            span(Role::Unknown, format!("{glyph} ")),
            span(Role::Strong, line::unwatched(gap)),
        ],
        vec![
            span(Role::Label, text::pad("from", 10)),
            span(
                Role::Text,
                format!("{} to {}", full(gap.from), full(gap.to)),
            ),
        ],
    ];
    let means = "What changed meanwhile was seen at the next look and stands above; what came and \
                 went is not known. `quarterdeck record` keeps looking while no console is open.";
    let room = usize::from(width.saturating_sub(13)).max(20);
    for (n, words) in text::wrap(means, room).into_iter().enumerate() {
        let label = if n == 0 { "means" } else { "" };
        lines.push(vec![
            span(Role::Label, text::pad(label, 10)),
            span(Role::Text, words),
        ]);
    }
    lines
}

fn change_row<'a>(change: &'a Change, cx: &Cx<'a>, look: &Look) -> Row<'a> {
    let inside = History::inside(change, cx);
    let (glyph, role) = line::glyph(change, look);
    let plain = if inside { Role::Text } else { Role::Dim };
    // A wide window is a time that nobody watched: it is not exact, and says so.
    let unsure = change.not_after.since(change.not_before).as_secs() >= 3_600;
    Row::from(vec![
        Cell::new(plain, change.not_after.day_minute()),
        Cell::new(Role::Dim, age(cx.now.wall.since(change.not_after))),
        Cell::spans(vec![
            span(if inside { role } else { Role::Dim }, format!("{glyph} ")),
            span(plain, look.symbols.plain(change.phrase().as_str())),
        ]),
        Cell::new(Role::Dim, name_of(&change.subject, cx).to_string()),
        match &change.actor {
            Some(actor) => Cell::new(plain, actor.as_str()),
            None => Cell::none(),
        },
        Cell::new(Role::Dim, change.origin.word()),
        Cell::new(
            if unsure && inside {
                Role::Unknown
            } else {
                Role::Dim
            },
            line::within(change),
        ),
        Cell::new(Role::Dim, change.evidence.as_str()),
    ])
}

/// `2026-11-23 14:02:07Z`.
fn full(at: Millis) -> String {
    at.rfc3339().replace('T', " ")
}

/// Everything a change says, in lines.
fn detail(change: &Change, cx: &Cx<'_>, look: &Look, width: u16) -> Vec<Vec<Span<'static>>> {
    let (glyph, role) = line::glyph(change, look);
    let labelled = |label: &str, value: String| {
        vec![
            span(Role::Label, text::pad(label, 10)),
            span(Role::Text, value),
        ]
    };
    let happened = match line::window(change) {
        None if change.not_before >= change.not_after => full(change.not_after),
        None => format!("{}, within a minute", full(change.not_after)),
        Some(within) => format!(
            "between {} and {}: nobody looked for {within}",
            full(change.not_before),
            full(change.not_after)
        ),
    };
    let who = match (&change.actor, change.origin) {
        (Some(actor), _) => actor.to_string(),
        (None, Origin::Own) => "this console".to_owned(),
        (None, _) => "nobody says: no tag or record names an actor".to_owned(),
    };
    let mut lines = vec![
        vec![
            span(role, format!("{glyph} ")),
            span(Role::Strong, look.symbols.plain(change.phrase().as_str())),
            span(Role::Dim, format!("  {}", name_of(&change.subject, cx))),
        ],
        labelled("happened", happened),
        labelled("who", who),
        labelled(
            "origin",
            format!("{}: {}", change.origin.word(), origin_words(change.origin)),
        ),
    ];
    let room = usize::from(width.saturating_sub(13)).max(20);
    for (n, words) in text::wrap(change.evidence.as_str(), room)
        .into_iter()
        .enumerate()
    {
        lines.push(labelled(if n == 0 { "evidence" } else { "" }, words));
    }
    lines
}

/// No change: says whether that is the filter, and what makes history exist.
fn nothing(pane: &History, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    if pane.known > 0 {
        let how = format!(
            "{} hidden by `{}` · esc clears the filter",
            text::counted(pane.known, "change is", "changes are"),
            pane.list.filter.text()
        );
        empty(buf, look, area, "No change passes the filter.", &[&how]);
        return;
    }
    let what = format!("No change of {} is known.", name_of(&pane.subject, cx));
    empty(
        buf,
        look,
        area,
        &what,
        &[
            "A change is known when it is seen between two looks: an alias moved, a version was registered, an endpoint answers another version, a level changed.",
            "`quarterdeck record` keeps looking while no console is open, and writes what it sees into the same history: run it as a service on a host that stays up.",
        ],
    );
}
