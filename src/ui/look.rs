//! How things look right now: theme, symbols, colour depth, size and time, handed to every view.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::domain::level::Level;
use crate::domain::time::Now;

use super::symbols::Symbols;
use super::theme::{Depth, ROLES, Role, Theme};

/// How much room there is across. Each class is a promise about what is shown, not a pixel count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Size {
    /// Too small to work in: one line says so.
    TooSmall,
    /// Below 80 columns: it works.
    Narrow,
    /// 80 to 99: one list with its footer, whole.
    Small,
    /// 100 to 119: detail beside or below the list.
    Medium,
    /// 120 to 179: every column.
    Large,
    /// 180 and more: detail at the side.
    Huge,
}

impl Size {
    /// The least that works, in columns and rows.
    pub const LEAST: (u16, u16) = (60, 16);

    /// The class of a screen.
    pub fn of(columns: u16, rows: u16) -> Self {
        if columns < Self::LEAST.0 || rows < Self::LEAST.1 {
            return Self::TooSmall;
        }
        match columns {
            ..80 => Self::Narrow,
            80..100 => Self::Small,
            100..120 => Self::Medium,
            120..180 => Self::Large,
            180.. => Self::Huge,
        }
    }
}

/// Everything a view needs to know about how to draw.
#[derive(Clone, Debug)]
pub struct Look {
    /// The theme: for exports and names. Styles come from [`Look::style`].
    pub theme: Theme,
    /// The glyphs.
    pub symbols: &'static Symbols,
    /// How many colours.
    pub depth: Depth,
    /// The size class of the whole screen.
    pub size: Size,
    /// The screen's columns.
    pub columns: u16,
    /// The screen's rows.
    pub rows: u16,
    /// The present, for ages.
    pub now: Now,
    styles: [Style; ROLES],
}

impl Look {
    /// Resolves a theme at a depth, for a screen of `columns` × `rows`.
    pub fn new(
        theme: Theme,
        symbols: &'static Symbols,
        depth: Depth,
        area: Rect,
        now: Now,
    ) -> Self {
        Self {
            styles: theme.styles(depth),
            theme,
            symbols,
            depth,
            size: Size::of(area.width, area.height),
            columns: area.width,
            rows: area.height,
            now,
        }
    }

    /// The same look for a screen of another size.
    pub fn resize(&mut self, area: Rect) {
        self.size = Size::of(area.width, area.height);
        (self.columns, self.rows) = (area.width, area.height);
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// The style of one role over another: text on a selection, say.
    pub fn over(&self, base: Role, top: Role) -> Style {
        self.style(base).patch(self.style(top))
    }

    /// The role of a level's glyph and word.
    pub fn level_role(level: Level) -> Role {
        match level {
            Level::Ok => Role::Ok,
            Level::Info => Role::Info,
            Level::Warn => Role::Warn,
            Level::Unknown => Role::Unknown,
            Level::Crit => Role::Crit,
        }
    }

    /// Glyph and word of a level: `✖ crit`. The unknown level's word is cut to keep columns even.
    pub fn level_text(&self, level: Level) -> String {
        let word = match level {
            Level::Unknown => "unkn",
            other => other.word(),
        };
        format!("{} {word}", self.symbols.level(level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_begin_where_promised() {
        for (columns, rows, want) in [
            (59, 40, Size::TooSmall),
            (200, 15, Size::TooSmall),
            (60, 16, Size::Narrow),
            (79, 24, Size::Narrow),
            (80, 24, Size::Small),
            (99, 24, Size::Small),
            (100, 30, Size::Medium),
            (120, 36, Size::Large),
            (180, 50, Size::Huge),
        ] {
            assert_eq!(Size::of(columns, rows), want, "{columns}×{rows}");
        }
    }
}
