//! How what changed is drawn: the onset in words, then one line a suspect.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Around, Changes};
use crate::domain::fleet::suspects::{Part, Suspect, Touch, What};
use crate::domain::level::Level;
use crate::domain::run::RunStatus;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, age};
use crate::panes::Cx;
use crate::panes::history::line;
use crate::ui::frame::empty;
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span};
use crate::ui::table::{Cell, Column, GAP, GUTTER, Row, Table, Width};
use crate::ui::text;
use crate::ui::theme::Role;

/// The most lines of the change under the cursor.
const FOOT: usize = 3;
/// Without so many rows all of them are for the list.
const LOW: u16 = 12;
/// The titles, in the order of [`cells`].
const TITLES: [&str; 8] = [
    "ROLE", "LEAD", "TO ONSET", "WHEN", "WHAT", "WHERE", "WHO", "WITHIN",
];

/// The titles: what the first time is counted from, in words.
pub(super) fn titles(pane: &Changes, cx: &Cx<'_>) -> [&'static str; 8] {
    let [role, _, onset, rest @ ..] = TITLES;
    let [when, what, place, who, within] = rest;
    let lead = match pane.around(cx) {
        Around::Cursor => "FROM CURSOR",
        Around::FirstLook => "FIRST LOOK",
        Around::LastWord => "LAST REPORT",
        Around::Onset => "TO ONSET",
        Around::Now => "FROM NOW",
    };
    [role, lead, onset, when, what, place, who, within]
}

/// How long before or after a moment: `8m before`, `1h24m before`, `2m after`, `at onset`, and `around onset`
/// where a window holds both. What came before the first look at trouble that is older need not have come
/// before the trouble: `8m earlier`.
fn lead(suspect: &Suspect, moment: Millis, around: Around) -> String {
    let lead = suspect.lead_to(moment);
    let minutes = lead.unsigned_abs() / 60_000;
    let word = around.word();
    let is_around = suspect.is_around_at(moment);
    let gap = match minutes {
        0 if around == Around::Now => return "just now".to_owned(),
        0 => return format!("at {word}"),
        _ if is_around && around != Around::Onset => return "around it".to_owned(),
        _ if is_around => return format!("around {word}"),
        m if m < 60 => format!("{m}m"),
        m if m < 24 * 60 => format!("{}h{:02}m", m / 60, m % 60),
        m => age(Duration::from_secs(m * 60)),
    };
    let side = match (lead > 0, around == Around::FirstLook) {
        (true, true) => "earlier",
        (true, false) => "before",
        (false, true) => "later",
        (false, false) => "after",
    };
    format!("{gap} {side}")
}

/// Every cell of a suspect as text.
pub(super) fn cells(pane: &Changes, suspect: &Suspect, cx: &Cx<'_>) -> [String; 8] {
    let none = || "–".to_owned();
    let within = if suspect.within.is_zero() {
        "exact".to_owned()
    } else {
        age(suspect.within)
    };
    let known = pane.known(cx);
    [
        suspect.role().to_owned(),
        lead(suspect, pane.moment(cx), pane.around(cx)),
        known.map_or_else(none, |(onset, around)| lead(suspect, onset, around)),
        line::stamp(suspect.at, cx.now),
        match suspect.remark() {
            Some(remark) => format!("{} (\"{remark}\")", suspect.text),
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

fn columns(pane: &Changes, cx: &Cx<'_>, room: u16) -> [Column<'static>; 8] {
    let titles = titles(pane, cx);
    let widest = |at: usize, width: &dyn Fn(&Suspect) -> usize| {
        let all = pane.list.rows.iter().map(width).max();
        let most = all.unwrap_or(0).max(text::width(titles[at]));
        u16::try_from(most).unwrap_or(u16::MAX)
    };
    let stamps = widest(3, &|s| text::width(&line::stamp(s.at, cx.now)));
    let place = widest(5, &|s| s.subject.width());
    let who = widest(6, &|s| s.actor.as_ref().map_or(1, Clean::width));
    // A glyph stands before what happened, and what was said of it after it: `("Q4 data")`.
    let what = widest(4, &|s| {
        let remark = s.remark().map_or(0, |remark| text::width(remark) + 5);
        2 + s.text.width() + remark
    });
    let beside = if pane.around(cx) == Around::Cursor && pane.known(cx).is_some() {
        2
    } else {
        Column::HIDDEN
    };
    // Where rows are short, what happened is worth more than the whole name of where.
    let place = place.min(if room < 100 { 12 } else { 24 });
    let mut columns = [
        Column::fixed(titles[0], 9, 1),
        Column::fixed(titles[1], 13, 0).right(),
        Column::fixed(titles[2], 13, beside).right(),
        Column::fixed(titles[3], stamps, 4),
        Column::flex(titles[4], 24, 1, 0),
        Column::fixed(titles[5], place, 3),
        Column::fixed(titles[6], who.min(14), 5),
        Column::fixed(titles[7], 6, 6).right(),
    ];
    // A row reads as one: what happened takes what it needs, and no more where there is more.
    let shown = columns.iter().filter(|c| c.priority != Column::HIDDEN);
    let used: u16 = shown
        .map(|c| match c.width {
            Width::Fixed(width) => width + GAP,
            Width::Name { .. } | Width::Flex { .. } => GUTTER,
        })
        .sum();
    if used.saturating_add(what) <= room {
        columns[4] = Column::fixed(titles[4], what, 0);
    }
    columns
}

fn row<'a>(pane: &Changes, suspect: &'a Suspect, cx: &Cx<'a>, look: &Look) -> Row<'a> {
    let [is, lead, onset, when, what, place, who, within] = cells(pane, suspect, cx);
    let (sign, role) = glyph(suspect, cx, look);
    let plain = match suspect.part {
        Part::Elsewhere => Role::Dim,
        Part::Cause | Part::Beside => Role::Text,
    };
    let standing = match suspect.part {
        Part::Cause => Role::Text,
        Part::Beside | Part::Elsewhere => Role::Dim,
    };
    Row::from(vec![
        Cell::new(standing, is),
        Cell::new(plain, lead),
        Cell::new(plain, onset),
        Cell::new(Role::Dim, when),
        Cell::spans(vec![
            span(role, format!("{sign} ")),
            span(plain, look.symbols.plain(&what)),
        ]),
        Cell::new(plain, place),
        Cell::new(Role::Dim, who),
        Cell::new(Role::Dim, within),
    ])
}

/// The onset of the model's trouble: `onset 13:56Z`, `onset ≤ 13:56Z, first look`, `last report 01:44Z`.
fn onset_words(onset: Millis, around: Around, cx: &Cx<'_>, look: &Look) -> String {
    let (word, end) = match around {
        Around::FirstLook => ("onset ≤", ", first look"),
        Around::LastWord => ("last report", ""),
        Around::Onset | Around::Cursor | Around::Now => ("onset", ""),
    };
    let word = look.symbols.plain(word);
    format!("{word} {}Z{end}", line::stamp(onset, cx.now))
}

/// The moment in question: `onset 13:56Z  6m ago   errors 4.8 % > 1 %`, or with the cursor
/// `at the cursor 13:50Z  12m ago   onset 13:56Z   errors 4.8 % > 1 %`.
fn head(pane: &Changes, cx: &Cx<'_>, look: &Look) -> Vec<Vec<Span<'static>>> {
    let moment = pane.moment(cx);
    let model = cx.fleet.model(&pane.model);
    let known = pane.known(cx);
    let name = model.map_or_else(|| pane.model.name.clean(), |m| m.name.clone());
    let stamp = format!("{}Z", line::stamp(moment, cx.now));
    let words = match (pane.around(cx), known) {
        (Around::Cursor, _) => format!("at the cursor {stamp}"),
        (_, Some((onset, around))) => onset_words(onset, around, cx, look),
        (_, None) => format!("now {stamp}"),
    };
    let old = age(cx.now.wall.since(moment));
    let mut first = vec![
        span(Role::Title, name.to_string()),
        span(Role::Text, format!("   {words}")),
        span(Role::Dim, format!("  {old} ago")),
    ];
    if let (Around::Cursor, Some((onset, around))) = (pane.around(cx), known) {
        let words = onset_words(onset, around, cx, look);
        first.push(span(Role::Text, format!("   {words}")));
    }
    let reason = model
        .and_then(|m| cx.fleet.onset(m))
        .map(|(_, reason)| reason);
    let first_reason = model.and_then(|m| m.verdict.reasons.first());
    if let Some(reason) = reason.or(first_reason) {
        first.push(span(Role::Text, format!("   {}", reason.text)));
    }
    let (before, after) = Changes::reach(cx);
    let rows = &pane.list.rows;
    let order = if rows.iter().all(|s| s.part != Part::Cause) && !rows.is_empty() {
        "no likely cause is known: effects, then others"
    } else {
        "likely causes first, effects and others last"
    };
    let second = format!(
        "from {} before to {} after · {order}",
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
        Some(match suspect.remark() {
            Some(remark) => format!("{words} (\"{remark}\")"),
            None => words,
        }),
        Some(suspect.subject.to_string()).filter(|text| !text.is_empty()),
        suspect.actor.as_ref().map(|actor| format!("by {actor}")),
        (!suspect.within.is_zero()).then(|| format!("within {}", age(suspect.within))),
        suspect.is_imported().then(|| "imported".to_owned()),
        (suspect.touch == Touch::Anyone).then(|| "names no model: it may touch any".to_owned()),
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
    let columns = columns(pane, cx, body.width);
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
