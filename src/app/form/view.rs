//! Drawing a form: what it is about, its fields with labels in one column, and what is wrong.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Entry, Field, Form};
use crate::ui::form;
use crate::ui::frame::{Dialog, Hint};
use crate::ui::hits::Hits;
use crate::ui::look::Look;
use crate::ui::paint::{self, span};
use crate::ui::text;
use crate::ui::theme::Role;

/// Draws the form over the screen.
pub(in crate::app) fn draw(
    form: &Form,
    look: &Look,
    screen: Rect,
    buf: &mut Buffer,
) -> (Hits, Option<Position>) {
    let width = screen.width.saturating_sub(6).min(96);
    let columns = usize::from(width).max(1);
    let notes: Vec<String> = form
        .notes
        .iter()
        .flat_map(|note| text::wrap(note.as_str(), columns))
        .collect();
    let mut hints = vec![
        Hint::new("esc", "leave it as it is", 0),
        Hint::new("tab", "next field", 2),
        Hint::new("enter", "go on", 1),
    ];
    let on = form.fields.get(form.focus);
    if on.is_some_and(|field| matches!(field.entry, Entry::Choice { .. })) {
        hints.push(Hint::new("left right", "choose", 3));
    }
    let above = notes.len() + usize::from(!notes.is_empty());
    let wanted = above + form.fields.len() + 2;
    let boxed = Dialog {
        title: form.title.as_str(),
        note: "",
        width,
        height: u16::try_from(wanted)
            .unwrap_or(u16::MAX)
            .min(screen.height.saturating_sub(7)),
        hints: &hints,
    };
    let opened = boxed.draw(buf, look, screen);
    let inner = opened.inner;
    let bottom = inner.bottom();
    // What is wrong, or what goes into the field, stays on the last row.
    let room = usize::from(inner.height).saturating_sub(2);
    let kept = room.saturating_sub(form.fields.len()).min(above);
    let mut y = inner.y;
    for note in notes.iter().take(kept.saturating_sub(1)) {
        let note = look.symbols.plain(note);
        paint::put_spans(buf, look, inner, inner.x, y, &[span(Role::Dim, note)]);
        y += 1;
    }
    y += u16::from(kept > 0);
    let rows = room.saturating_sub(usize::from(y - inner.y));
    let from = (form.focus + 1).saturating_sub(rows.max(1));
    let labels = form.fields.iter().map(|f| text::width(f.label.as_str()));
    let label = labels.max().unwrap_or(0).min(columns / 2);
    let mut cursor = None;
    for (index, field) in form.fields.iter().enumerate().skip(from).take(rows) {
        let focused = index == form.focus;
        let name = text::cut(field.label.as_str(), label, look.symbols.ellipsis);
        let role = if focused { Role::Title } else { Role::Label };
        paint::put_spans(buf, look, inner, inner.x, y, &[span(role, name)]);
        let left = inner.x + label as u16 + 2;
        let slot = Rect {
            x: left,
            y,
            width: inner.right().saturating_sub(left),
            height: 1,
        };
        cursor = cursor.or(entry(field, focused, look, slot, buf));
        if let Some(slip) = form.slip.as_ref().filter(|slip| slip.field == index) {
            let why = look.symbols.plain(slip.why.as_str());
            let why = text::cut(&why, usize::from(slot.width) * 2 / 3, look.symbols.ellipsis);
            let beside = [span(Role::InputError, why)];
            paint::put_right(buf, look, slot, y, &beside);
        }
        y += 1;
    }
    let shown = rows.min(form.fields.len());
    if shown < form.fields.len() {
        let part = format!("{}-{} of {}", from + 1, from + shown, form.fields.len());
        paint::put_right(
            buf,
            look,
            inner,
            bottom.saturating_sub(2),
            &[span(Role::Dim, part)],
        );
    }
    let last = bottom.saturating_sub(1);
    match (&form.slip, on) {
        (Some(slip), _) => {
            let why = look.symbols.plain(slip.why.as_str());
            paint::put_spans(
                buf,
                look,
                inner,
                inner.x,
                last,
                &[span(Role::InputError, why)],
            );
        }
        (None, Some(field)) => {
            let hint = look.symbols.plain(field.hint.as_str());
            paint::put_spans(buf, look, inner, inner.x, last, &[span(Role::Dim, hint)]);
        }
        (None, None) => {}
    }
    (opened.hits, cursor)
}

fn entry(
    field: &Field,
    focused: bool,
    look: &Look,
    slot: Rect,
    buf: &mut Buffer,
) -> Option<Position> {
    match &field.entry {
        Entry::Text(input) => {
            let around = form::Field {
                label: "",
                hint: field.hint.as_str(),
                error: None,
                focused,
            };
            input.draw(buf, look, slot, &around)
        }
        Entry::Choice { .. } => {
            let shown = format!("< {} >", field.value());
            let role = if focused { Role::Input } else { Role::Text };
            paint::put_spans(buf, look, slot, slot.x, slot.y, &[span(role, shown)]);
            None
        }
    }
}
