//! How the journal is drawn: what is worth a remark, then one line a write.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Entry, Journal, cells};
use crate::domain::action::verbs::undo;
use crate::domain::fleet::standing::Phase;
use crate::domain::level::Level;
use crate::panes::Cx;
use crate::panes::history::line::stamp;
use crate::panes::write::phase_look;
use crate::ui::frame::empty;
use crate::ui::hits::Hits;
use crate::ui::look::{Look, Size};
use crate::ui::paint::{self, Span, span};
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::text;
use crate::ui::theme::Role;

/// The titles, in the order of [`cells`].
pub(super) const TITLES: [&str; 10] = [
    "TIME UTC", "AGE", "VERB", "OF", "CHANGE", "OUTCOME", "WHO", "WHY", "UNDO", "CONTEXT",
];

/// The most remarks on journals that are shown above the list.
const REMARKS: usize = 2;

pub(super) fn draw(pane: &Journal, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let mut y = 0;
    for spans in head(pane, cx, look) {
        let line = paint::inner_columns(paint::row(area, y), 1, 1);
        if !line.is_empty() {
            paint::put_spans(buf, look, line, line.x, line.y, &spans);
        }
        y += 1;
    }
    let body = paint::inner_rows(area, y, 0);
    if pane.list.rows.is_empty() {
        nothing(pane, cx, look, body, buf);
        return Hits::default();
    }
    let columns = columns(pane, cx, look);
    let table = Table {
        columns: &columns,
        len: pane.list.rows.len(),
        state: &pane.list.table,
        sort: None,
        focused: true,
    };
    table.draw(buf, look, body, |index| {
        row(&pane.list.rows[index], cx, look)
    })
}

/// `12 writes   1 open: V looks it up   3 in other contexts: C`, and what could not be read.
fn head(pane: &Journal, cx: &Cx<'_>, look: &Look) -> Vec<Vec<Span<'static>>> {
    let rows = &pane.list.rows;
    let open = rows
        .iter()
        .filter(|entry| entry.standing.phase == Phase::Unknown)
        .count();
    let all = text::counted(pane.list.all, "write", "writes");
    let mut first = vec![span(Role::Dim, all)];
    if open > 0 {
        let words = format!("   {open} open: V looks it up");
        first.push(span(Role::Unknown, words));
    }
    if pane.elsewhere > 0 {
        let words = if pane.everywhere {
            "   every context".to_owned()
        } else {
            format!("   {} in other contexts: C", pane.elsewhere)
        };
        first.push(span(Role::Dim, words));
    }
    let mut lines = vec![first];
    let remarks = cx.writes.remarks();
    let glyph = look.symbols.level(Level::Warn);
    for remark in remarks.iter().take(REMARKS) {
        lines.push(vec![
            span(Role::Warn, format!("{glyph} ")),
            span(Role::Text, remark.to_string()),
        ]);
    }
    if let Some(more) = remarks.len().checked_sub(REMARKS).filter(|more| *more > 0) {
        let words = format!("  {more} more: `quarterdeck journal` lists them");
        lines.push(vec![span(Role::Dim, words)]);
    }
    lines
}

fn columns(pane: &Journal, cx: &Cx<'_>, look: &Look) -> Vec<Column<'static>> {
    let wide = |of: &dyn Fn(&Entry) -> usize| {
        let widest = pane.list.rows.iter().map(of).max();
        u16::try_from(widest.unwrap_or(0)).unwrap_or(u16::MAX)
    };
    let verb = wide(&|e| text::width(e.written.plan.verb.title()));
    let subject = wide(&|e| e.written.plan.subject.width());
    let change = wide(&|e| e.written.plan.summary.width());
    // Where rows are short a long change is cut before it drops out: what was done is the news.
    let (widest_change, widest_who) = if look.size < Size::Medium {
        (18, 8)
    } else {
        (32, 16)
    };
    let outcome = wide(&|e| e.standing.words.width() + 2);
    let who = wide(&|e| e.written.actor.name().width());
    let context = wide(&|e| e.written.plan.context.width());
    let when = wide(&|e| text::width(&stamp(e.written.began, cx.now)));
    let mut columns = vec![
        Column::fixed(TITLES[0], when.max(8), 1),
        Column::fixed(TITLES[1], 4, 7).right(),
        Column::fixed(TITLES[2], verb.clamp(4, 11), 0),
        Column::name(TITLES[3], 8, subject.clamp(2, 24)),
        Column::fixed(TITLES[4], change.clamp(6, widest_change), 2),
        Column::flex(TITLES[5], outcome.clamp(8, 20), 3, 0),
        Column::fixed(TITLES[6], who.clamp(3, widest_who), 3),
        Column::flex(TITLES[7], 8, 1, 6),
        Column::flex(TITLES[8], 17, 1, 5),
    ];
    if pane.everywhere {
        columns.push(Column::fixed(TITLES[9], context.clamp(7, 16), 4));
    }
    columns
}

fn row<'a>(entry: &'a Entry, cx: &Cx<'a>, look: &Look) -> Row<'a> {
    let [_, age, verb, subject, change, _, who, why, undo, context] = cells(entry, cx);
    let standing = &entry.standing;
    let (role, glyph) = phase_look(standing.phase, look);
    let plain = if standing.phase == Phase::NotApplied {
        Role::Dim
    } else {
        Role::Text
    };
    let undo = match undo::until(&entry.written, cx.now.wall) {
        Ok(_) => Cell::text(undo),
        // The page tells why; here it stands where there is room.
        Err(_) => Cell::choices(Role::Dim, [undo, "–".to_owned()]),
    };
    Row::from(vec![
        Cell::new(plain, stamp(entry.written.began, cx.now)),
        Cell::new(Role::Dim, age),
        Cell::new(plain, verb),
        Cell::new(plain, subject),
        Cell::new(plain, look.symbols.plain(&change)),
        Cell::spans(vec![
            span(role, format!("{glyph} ")),
            span(role, look.symbols.plain(standing.words.as_str())),
        ]),
        Cell::new(Role::Dim, who),
        Cell::new(Role::Dim, why),
        undo,
        Cell::new(Role::Dim, context),
    ])
}

fn nothing(pane: &Journal, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    if pane.list.hidden() > 0 {
        let hidden = text::counted(pane.list.hidden(), "write is", "writes are");
        let how = format!("{hidden} hidden · esc clears the filter");
        empty(buf, look, area, "No write passes the filter.", &[&how]);
        return;
    }
    let what = format!(
        "Nothing was written in {} from this machine.",
        cx.fleet.context().name
    );
    let how = "Every write is journalled here before it is sent: promotions, roll backs, silences, marks and edits, with who, why, what was read back, and the way back.";
    empty(buf, look, area, &what, &[how]);
}
