//! Selection and scroll position of a list, and how keys move them.

/// Where a list is looked at. All movement is a pure function of this and the list's length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableState {
    /// The selected row.
    pub selected: usize,
    /// The first visible row.
    pub offset: usize,
    /// The column cursor, where a pane offers one.
    pub column: Option<usize>,
    /// How many rows the last frame showed: what a page is.
    pub page: usize,
}

/// Rows kept visible above and below the selection.
const SCROLL_OFF: usize = 3;

impl TableState {
    /// Takes over the page height of the last frame.
    pub fn set_page(&mut self, rows: u16, len: usize) {
        self.page = usize::from(rows);
        self.settle(len);
    }

    /// One row up.
    pub fn up(&mut self, len: usize) {
        self.select(self.selected.saturating_sub(1), len);
    }

    /// One row down.
    pub fn down(&mut self, len: usize) {
        self.select(self.selected.saturating_add(1), len);
    }

    /// One page up.
    pub fn page_up(&mut self, len: usize) {
        self.scroll(-(self.page.max(2) as isize - 1), len);
    }

    /// One page down: the last row of this page becomes the first of the next.
    pub fn page_down(&mut self, len: usize) {
        self.scroll(self.page.max(2) as isize - 1, len);
    }

    /// Half a page up.
    pub fn half_up(&mut self, len: usize) {
        self.scroll(-((self.page / 2).max(1) as isize), len);
    }

    /// Half a page down.
    pub fn half_down(&mut self, len: usize) {
        self.scroll((self.page / 2).max(1) as isize, len);
    }

    /// To the first row.
    pub fn home(&mut self, len: usize) {
        self.select(0, len);
    }

    /// To the last row.
    pub fn end(&mut self, len: usize) {
        self.select(usize::MAX, len);
    }

    /// Moves view and selection together, as a page or the wheel does.
    pub fn scroll(&mut self, rows: isize, len: usize) {
        self.offset = self.offset.saturating_add_signed(rows);
        self.select(self.selected.saturating_add_signed(rows), len);
    }

    /// Selects a row, or the last one if the list is shorter.
    pub fn select(&mut self, index: usize, len: usize) {
        self.selected = index.min(len.saturating_sub(1));
        self.settle(len);
    }

    /// Puts the column cursor one to the left among `columns`.
    pub fn left(&mut self, columns: usize) {
        let at = self.column.map_or(0, |c| c.saturating_sub(1));
        self.column = (columns > 0).then(|| at.min(columns - 1));
    }

    /// Puts the column cursor one to the right among `columns`.
    pub fn right(&mut self, columns: usize) {
        let at = self.column.map_or(0, |c| c + 1);
        self.column = (columns > 0).then(|| at.min(columns - 1));
    }

    /// After rows changed: stays on the row that `find` recognizes as the one selected before, at the
    /// same height on screen. If it is gone, the row that took its place is selected.
    pub fn reselect(&mut self, len: usize, find: impl FnMut(usize) -> bool) {
        if let Some(found) = (0..len).find({
            let mut find = find;
            move |i| find(*i)
        }) {
            let height = self.selected.saturating_sub(self.offset);
            self.selected = found;
            self.offset = found.saturating_sub(height);
        }
        self.select(self.selected, len);
    }

    /// The selected row, if the list has one.
    pub fn selected_in(&self, len: usize) -> Option<usize> {
        (len > 0).then(|| self.selected.min(len - 1))
    }

    fn settle(&mut self, len: usize) {
        self.selected = self.selected.min(len.saturating_sub(1));
        self.offset = self.offset_for(len, self.page);
    }

    /// The first row to draw when `page` rows fit: the stored offset, moved as little as needed for
    /// the selection to be in view.
    pub fn offset_for(&self, len: usize, page: usize) -> usize {
        if page == 0 || len <= page {
            return 0;
        }
        let selected = self.selected.min(len - 1);
        let margin = SCROLL_OFF.min((page - 1) / 2);
        let lowest = (selected + margin + 1).saturating_sub(page);
        let highest = selected.saturating_sub(margin);
        self.offset
            .clamp(lowest, highest.max(lowest))
            .min(len - page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(page: usize) -> TableState {
        TableState {
            page,
            ..TableState::default()
        }
    }

    #[test]
    fn the_view_follows_with_a_margin() {
        let mut s = state(10);
        for _ in 0..6 {
            s.down(100);
        }
        assert_eq!((s.selected, s.offset), (6, 0));
        s.down(100);
        assert_eq!((s.selected, s.offset), (7, 1));
        s.end(100);
        assert_eq!((s.selected, s.offset), (99, 90));
        s.home(100);
        assert_eq!((s.selected, s.offset), (0, 0));
        s.page_down(100);
        assert_eq!((s.selected, s.offset), (9, 9 - 3));
    }

    #[test]
    fn the_selection_stays_on_its_key() {
        let mut s = state(10);
        s.select(20, 100);
        let height = s.selected - s.offset;
        s.reselect(130, |i| i == 50);
        assert_eq!(s.selected, 50);
        assert_eq!(s.selected - s.offset, height);
        s.reselect(5, |_| false);
        assert_eq!((s.selected, s.offset), (4, 0));
        s.reselect(0, |_| false);
        assert_eq!(s.selected_in(0), None);
    }

    #[test]
    fn the_column_cursor_stops_at_the_edges() {
        let mut s = state(10);
        s.right(2);
        assert_eq!(s.column, Some(0));
        s.right(2);
        s.right(2);
        assert_eq!(s.column, Some(1));
        s.left(2);
        s.left(2);
        assert_eq!(s.column, Some(0));
        s.right(0);
        assert_eq!(s.column, None);
    }

    proptest! {
        #[test]
        fn the_selection_is_always_in_view(
            len in 0_usize..300,
            page in 1_usize..60,
            moves in proptest::collection::vec(0_u8..8, 0..40),
        ) {
            let mut s = state(page);
            for m in moves {
                match m {
                    0 => s.up(len),
                    1 => s.down(len),
                    2 => s.page_up(len),
                    3 => s.page_down(len),
                    4 => s.half_up(len),
                    5 => s.half_down(len),
                    6 => s.home(len),
                    _ => s.end(len),
                }
                prop_assert!(len == 0 || s.selected < len);
                prop_assert!(s.offset <= s.selected && s.selected < s.offset + page);
                prop_assert_eq!(s.offset, s.offset_for(len, page));
                if len > page {
                    prop_assert!(s.offset + page <= len);
                }
            }
        }
    }
}
