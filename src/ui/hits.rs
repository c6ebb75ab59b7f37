//! Where a mouse press would land: regions of the last frame and what they stand for.

use ratatui::layout::{Position, Rect};

/// What a region of the screen stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Target {
    /// A row of the pane's list, by its index.
    Row(usize),
    /// A column's title, by the column's index.
    Column(usize),
    /// A tab, by the pane's number.
    Tab(u8),
    /// A hint of the footer or dialog, by its index.
    Hint(usize),
    /// A point of a chart: the column from the plot's left.
    Plot(u16),
    /// The inside of a dialog: presses there do not reach what is below.
    Dialog,
}

/// The regions of a frame. Later ones lie above earlier ones.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hits {
    regions: Vec<(Rect, Target)>,
    /// How many rows the focused list shows: what a page is.
    pub page: Option<u16>,
}

impl Hits {
    /// Adds a region.
    pub fn add(&mut self, area: Rect, target: Target) {
        if !area.is_empty() {
            self.regions.push((area, target));
        }
    }

    /// Adds what another part of the frame drew, above what is here.
    pub fn extend(&mut self, other: Self) {
        self.regions.extend(other.regions);
        self.page = other.page.or(self.page);
    }

    /// What lies at a place.
    pub fn at(&self, column: u16, row: u16) -> Option<Target> {
        let place = Position::new(column, row);
        self.regions
            .iter()
            .rev()
            .find(|(area, _)| area.contains(place))
            .map(|(_, target)| *target)
    }

    /// Every region, lowest first.
    pub fn regions(&self) -> &[(Rect, Target)] {
        &self.regions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topmost_region_answers() {
        let mut hits = Hits::default();
        hits.add(Rect::new(0, 0, 10, 10), Target::Row(1));
        hits.add(Rect::new(2, 2, 4, 4), Target::Dialog);
        assert_eq!(hits.at(3, 3), Some(Target::Dialog));
        assert_eq!(hits.at(0, 0), Some(Target::Row(1)));
        assert_eq!(hits.at(10, 0), None);
    }
}
