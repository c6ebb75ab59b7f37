//! Helpers of this room's tests: a look, a screen as text, and the styles of a row as runs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::look::Look;
use super::symbols::Symbols;
use super::theme::{Depth, Role, Theme};
use crate::domain::time::{Millis, Now};

/// 2026-11-23T14:02:00Z.
pub(crate) const NOW: Now = Now {
    wall: Millis(1_795_442_520_000),
    mono: std::time::Duration::from_secs(3_600),
};

/// The dark look at a size.
pub(crate) fn look(columns: u16, rows: u16) -> Look {
    look_of("dark", Depth::True, &Symbols::UNICODE, columns, rows)
}

/// Any look at a size.
pub(crate) fn look_of(
    theme: &str,
    depth: Depth,
    symbols: &'static Symbols,
    columns: u16,
    rows: u16,
) -> Look {
    let theme = Theme::built_in(theme).expect("a built-in theme parses");
    Look::new(theme, symbols, depth, Rect::new(0, 0, columns, rows), NOW)
}

/// The characters of a buffer, without trailing blanks.
pub(crate) fn screen(buf: &Buffer) -> String {
    super::export::plain(buf)
}

/// One row's styles: `role "text"` for each run, by the role of the dark theme that has the style.
pub(crate) fn runs(buf: &Buffer, y: u16) -> String {
    let look = look(80, 24);
    let name = |style: Style| -> String {
        let plain = |role: &Role| {
            let s = look.style(*role);
            (s.fg, s.bg, s.add_modifier)
        };
        let own = (style.fg, style.bg, style.add_modifier);
        let reset =
            |c: Option<ratatui::style::Color>| c.filter(|c| *c != ratatui::style::Color::Reset);
        let own = (reset(own.0), reset(own.1), own.2);
        if own == (None, None, ratatui::style::Modifier::empty()) {
            return "-".to_owned();
        }
        if let Some(role) = Role::ALL.iter().find(|r| plain(r) == own) {
            return role.name().to_owned();
        }
        let over = Role::ALL.iter().find(|r| {
            let s = look.over(**r, Role::Selected);
            (s.fg, s.bg, s.add_modifier) == own
        });
        over.map_or_else(|| format!("{own:?}"), |r| format!("{}+selected", r.name()))
    };
    let mut out: Vec<(String, String)> = Vec::new();
    for x in buf.area.left()..buf.area.right() {
        let cell = &buf[(x, y)];
        let role = name(cell.style());
        match out.last_mut() {
            Some((last, text)) if *last == role => text.push_str(cell.symbol()),
            _ => out.push((role, cell.symbol().to_owned())),
        }
    }
    out.into_iter()
        .map(|(role, text)| format!("{role} {text:?}"))
        .collect::<Vec<_>>()
        .join("\n")
}
