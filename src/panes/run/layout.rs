//! Where the parts of a run's page lie.

use ratatui::layout::Rect;

use crate::ui::look::Size;

/// Where the page's parts lie on a screen: what view and wants must agree on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    /// Rows of facts, and in how many columns.
    pub(super) facts: (u16, u16),
    /// The width of the list beside the charts; zero where parts take turns.
    pub(super) side: u16,
    /// Charts across and down.
    pub(super) grid: (u16, u16),
}

impl Layout {
    pub(super) fn of((columns, rows): (u16, u16)) -> Self {
        let area = Rect::new(0, 0, columns, rows.saturating_sub(4));
        let facts = match Size::of(columns, rows) {
            Size::TooSmall | Size::Narrow if area.height < 18 => (2, 2),
            Size::TooSmall | Size::Narrow | Size::Small => (4, 2),
            _ => (3, 3),
        };
        let side = match columns {
            ..120 => 0,
            120..180 => 42,
            _ => 64,
        };
        // A rule above the facts, and one with the parts' names above the charts.
        let height = area.height.saturating_sub(facts.0 + 2);
        let width = columns.saturating_sub(side);
        Self {
            facts,
            side,
            grid: ((width / 36).clamp(1, 4), (height / 8).max(1)),
        }
    }

    pub(super) fn capacity(self) -> u16 {
        self.grid.0 * self.grid.1
    }
}
