//! How what changed is drawn: the onset in words, then one line a suspect.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Changes;
use crate::domain::fleet::suspects::{Suspect, Touch, What};
use crate::domain::level::Level;
use crate::domain::run::RunStatus;
use crate::domain::text::Clean;
use crate::domain::time::age;
use crate::panes::Cx;
use crate::panes::history::line;
use crate::ui::frame::empty;
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span};
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::text;
use crate::ui::theme::Role;

/// The most lines of the change under the cursor.
const FOOT: usize = 3;
/// Without so many rows all of them are for the list.
const LOW: u16 = 12;
/// The titles, in the order of [`cells`].
pub(super) const TITLES: [&str; 7] = ["ONSET", "WHEN", "WHAT", "WHERE", "WHO", "TOUCHES", "WITHIN"];

/// How long before or after the onset: `8m before`, `1h24m before`, `2m after`, `at onset`, and `around
/// onset` where a window holds both. What came before the first look at trouble that is older need not have
/// come before the trouble: `8m earlier`.
fn lead(suspect: &Suspect, first_look: bool) -> String {
    let minutes = suspect.lead_ms.unsigned_abs() / 60_000;
    let gap = match minutes {
        0 if first_look => return "at first look".to_owned(),
        _ if first_look && suspect.is_around() => return "around it".to_owned(),
        0 => return "at onset".to_owned(),
        _ if suspect.is_around() => return "around onset".to_owned(),
        m if m < 60 => format!("{m}m"),
        m if m < 24 * 60 => format!("{}h{:02}m", m / 60, m % 60),
        m => age(Duration::from_secs(m * 60)),
    };
    let side = match (suspect.lead_ms > 0, first_look) {
        (true, true) => "earlier",
        (true, false) => "before",
        (false, true) => "later",
        (false, false) => "after",
    };
    format!("{gap} {side}")
}

/// Every cell of a suspect as text.
pub(super) fn cells(pane: &Changes, suspect: &Suspect, cx: &Cx<'_>) -> [String; 7] {
    let none = || "–".to_owned();
    let within = if suspect.within.is_zero() {
        "exact".to_owned()
    } else {
        age(suspect.within)
    };
    [
        lead(suspect, pane.is_first_look(cx)),
        line::stamp(suspect.at, cx.now),
        match suspect.reason() {
            Some(reason) => format!("{} (\"{reason}\")", suspect.text),
            None => suspect.text.to_string(),
        },
        if suspect.subject.is_empty() {
            none()
        } else {
            suspect.subject.to_string()
        },
        suspect
            .actor
            .as_ref()
            .map_or_else(none, ToString::to_string),
        suspect.touch.word().to_owned(),
        within,
    ]
}

/// The glyph that says what kind it is, and its role.
fn glyph(suspect: &Suspect, cx: &Cx<'_>, look: &Look) -> (&'static str, Role) {
    match &suspect.what {
        What::Change(change) => line::glyph(change, look),
        What::Annotation(_) | What::Run(_, RunStatus::Finished) => {
            (look.symbols.level(Level::Info), Role::Info)
        }
        What::Run(..) => (look.symbols.level(Level::Warn), Role::Warn),
        What::Alert(key) => {
            let held = cx.fleet.alerts().find(|h| h.fact.key == *key);
            held.map_or((look.symbols.level(Level::Warn), Role::Warn), |h| {
                let level = h.fact.level.max(Level::Warn);
                (look.symbols.level(level), Look::level_role(level))
            })
        }
    }
}

fn columns(pane: &Changes, cx: &Cx<'_>) -> [Column<'static>; 7] {
    let rows = || pane.list.rows.iter();
    let wide = |w: Option<usize>| u16::try_from(w.unwrap_or(0)).unwrap_or(u16::MAX);
    let stamps = wide(
        rows()
            .map(|s| text::width(&line::stamp(s.at, cx.now)))
            .max(),
    );
    let place = wide(rows().map(|s| s.subject.width()).max());
    let who = wide(
        rows()
            .filter_map(|s| s.actor.as_ref())
            .map(Clean::width)
            .max(),
    );
    let first = if pane.is_first_look(cx) {
        "FIRST LOOK"
    } else {
        TITLES[0]
    };
    [
        Column::fixed(first, 13, 0).right(),
        Column::fixed(TITLES[1], stamps.max(5), 3),
        Column::flex(TITLES[2], 24, 1, 0),
        // Where rows are short, what happened is worth more than the whole name of where.
        Column::fixed(
            TITLES[3],
            place.clamp(5, if cx.screen.0 < 100 { 12 } else { 24 }),
            2,
        ),
        Column::fixed(TITLES[4], who.clamp(3, 14), 4),
        Column::fixed(TITLES[5], 10, 1),
        Column::fixed(TITLES[6], 6, 5).right(),
    ]
}

fn row<'a>(pane: &Changes, suspect: &'a Suspect, cx: &Cx<'a>, look: &Look) -> Row<'a> {
    let [lead, when, what, place, who, touches, within] = cells(pane, suspect, cx);
    let (sign, role) = glyph(suspect, cx, look);
    let far = suspect.touch == Touch::Other;
    let plain = if far { Role::Dim } else { Role::Text };
    Row::from(vec![
        Cell::new(plain, lead),
        Cell::new(Role::Dim, when),
        Cell::spans(vec![
            span(role, format!("{sign} ")),
            span(plain, look.symbols.plain(&what)),
        ]),
        Cell::new(plain, place),
        Cell::new(Role::Dim, who),
        Cell::new(if far { Role::Dim } else { Role::Text }, touches),
        Cell::new(Role::Dim, within),
    ])
}

/// The moment in question: `onset 13:56Z  6m ago   errors 4.8 % > 1 %`, or `onset ≤ 13:56Z, first look`.
fn head(pane: &Changes, cx: &Cx<'_>, look: &Look) -> Vec<Vec<Span<'static>>> {
    let onset = pane.onset(cx);
    let model = cx.fleet.model(&pane.model);
    let known = model.and_then(|m| cx.fleet.onset(m));
    let first_look = pane.is_first_look(cx);
    let word = match (pane.at, known) {
        (Some(_), _) => "at the cursor",
        (None, Some(_)) if first_look => "onset ≤",
        (None, Some(_)) => "onset",
        (None, None) => "now",
    };
    let name = model.map_or_else(|| pane.model.name.clean(), |m| m.name.clone());
    let mut first = vec![
        span(Role::Title, name.to_string()),
        span(Role::Label, format!("   {} ", look.symbols.plain(word))),
        span(Role::Text, format!("{}Z", line::stamp(onset, cx.now))),
    ];
    if first_look {
        first.push(span(Role::Text, ", first look"));
    }
    let old = age(cx.now.wall.since(onset));
    first.push(span(Role::Dim, format!("  {old} ago")));
    let first_reason = model.and_then(|m| m.verdict.reasons.first());
    if let Some(reason) = known.map(|(_, reason)| reason).or(first_reason) {
        first.push(span(Role::Text, format!("   {}", reason.text)));
    }
    let (before, after) = Changes::around(cx);
    let second = format!(
        "from {} before to {} after · likely causes first, effects and others last",
        age(before),
        age(after)
    );
    vec![first, vec![span(Role::Dim, second)]]
}

/// The change under the cursor whole: a row may have no room for what happened, where, by whom and how
/// exactly that is known.
fn foot(pane: &Changes, look: &Look, width: usize) -> Vec<Vec<Span<'static>>> {
    let Some(suspect) = pane.list.current() else {
        return Vec::new();
    };
    let words = look.symbols.plain(suspect.text.as_str());
    let all = [
        Some(match suspect.reason() {
            Some(reason) => format!("{words} (\"{reason}\")"),
            None => words,
        }),
        Some(suspect.subject.to_string()).filter(|text| !text.is_empty()),
        suspect.actor.as_ref().map(|actor| format!("by {actor}")),
        (!suspect.within.is_zero()).then(|| format!("within {}", age(suspect.within))),
        suspect.is_imported().then(|| "imported".to_owned()),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    let lines = text::wrap(&all.join(" · "), width);
    let lines = lines.into_iter().take(FOOT);
    lines.map(|line| vec![span(Role::Text, line)]).collect()
}

pub(super) fn draw(pane: &Changes, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let head = head(pane, cx, look);
    for (n, line) in head.iter().enumerate() {
        let row = paint::inner_columns(paint::row(area, n as u16), 1, 1);
        paint::put_spans(buf, look, row, row.x, row.y, line);
    }
    let foot = foot(pane, look, usize::from(area.width.saturating_sub(2)));
    let foot = if area.height < LOW { Vec::new() } else { foot };
    let body = paint::inner_rows(area, head.len() as u16, foot.len() as u16);
    let below = paint::inner_columns(area, 1, 1);
    for (n, line) in foot.iter().enumerate() {
        let row = paint::row(below, area.height - foot.len() as u16 + n as u16);
        paint::put_spans(buf, look, row, row.x, row.y, line);
    }
    if pane.list.rows.is_empty() {
        let (what, how) = if pane.list.all > 0 {
            (
                "No change passes the filter.".to_owned(),
                format!("{} hidden · esc clears the filter", pane.list.all),
            )
        } else {
            (
                "Nothing is known to have changed around then.".to_owned(),
                "> looks further back · changes are known from when somebody watched: `quarterdeck record` does"
                    .to_owned(),
            )
        };
        empty(buf, look, body, &what, &[&how]);
        return Hits::default();
    }
    let columns = columns(pane, cx);
    let table = Table {
        columns: &columns,
        len: pane.list.rows.len(),
        state: &pane.list.table,
        sort: None,
        focused: true,
    };
    table.draw(buf, look, body, |index| {
        row(pane, &pane.list.rows[index], cx, look)
    })
}
