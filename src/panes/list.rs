//! What every pane that is one list does alike: a cursor that stays on its row, a filter, clicks, the
//! wheel and pages. Which rows there are, and in which order, is each pane's own.

use std::time::Duration;

use super::{Ask, Cx, Pane, Prompt, PromptKind, move_in};
use crate::domain::text::Clean;
use crate::intent::command::Command;
use crate::intent::filter::Filter;
use crate::ui::table::TableState;

/// The least time between two times that new facts alone make a long list anew.
const REST: Duration = Duration::from_millis(500);
/// So few rows are made at once.
pub(super) const FEW: usize = 200;

/// When a list was made: facts come many times a second, and thousands of rows for each would delay the
/// keys. The loop comes by once a second in any case, so that the last change is never left out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Made(Option<Duration>);

impl Made {
    /// Whether a list of so many rows may be made anew at a time of the process.
    pub(super) fn rested(self, rows: usize, mono: Duration) -> bool {
        rows < FEW || self.0.is_none_or(|at| mono.saturating_sub(at) >= REST)
    }

    /// It is made anew.
    pub(super) fn again(&mut self, mono: Duration) {
        self.0 = Some(mono);
    }
}

/// The rows that pass the filter, and the cursor among them.
#[derive(Debug)]
pub struct List<R> {
    /// The rows, in order.
    pub rows: Vec<R>,
    /// How many there are without the filter.
    pub all: usize,
    /// The cursor.
    pub table: TableState,
    /// The local filter.
    pub filter: Filter,
    /// Whether a row was chosen by hand; the first row gives the choice back.
    pub chosen: bool,
    seen: Option<u64>,
}

impl<R> Default for List<R> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            all: 0,
            table: TableState::default(),
            filter: Filter::default(),
            chosen: false,
            seen: None,
        }
    }
}

/// Why the columns of a list cannot be chosen.
pub(super) const COLUMNS: &str = "the width of the screen chooses the columns of this list";

impl<R> List<R> {
    /// The selected row.
    pub fn current(&self) -> Option<&R> {
        self.rows.get(self.table.selected_in(self.rows.len())?)
    }

    /// How many rows the filter hides.
    pub fn hidden(&self) -> usize {
        self.all.saturating_sub(self.rows.len())
    }

    /// The rows of the last frame, at most 200.
    pub fn visible(&self) -> &[R] {
        let page = self.table.page.clamp(1, 200);
        let from = self.table.offset.min(self.rows.len());
        let to = (from + page).min(self.rows.len());
        &self.rows[from..to]
    }

    /// Takes new rows; the cursor stays on the row that is the `same` as before.
    pub fn set(&mut self, rows: Vec<R>, all: usize, same: impl Fn(&R, &R) -> bool) {
        let at = self.table.selected_in(self.rows.len());
        let before = std::mem::replace(&mut self.rows, rows);
        self.all = all;
        if let Some(selected) = at.map(|at| &before[at]) {
            let find = |i: usize| same(&self.rows[i], selected);
            self.table.reselect(self.rows.len(), find);
        }
    }

    /// Selects the first row that is meant, if there is one.
    pub fn select(&mut self, is_meant: impl FnMut(&R) -> bool) {
        if let Some(index) = self.rows.iter().position(is_meant) {
            self.table.select(index, self.rows.len());
            self.chosen = true;
        }
    }
}

/// What a filter that is active leaves of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filtered {
    /// The filter, as typed.
    pub text: Clean,
    /// How many rows pass it.
    pub shown: usize,
    /// How many there are.
    pub all: usize,
}

impl Filtered {
    /// What a filter leaves; `None` where it is empty.
    pub fn of(filter: &Filter, shown: usize, all: usize) -> Option<Self> {
        let text = Clean::text(filter.text());
        (!filter.is_empty()).then_some(Self { text, shown, all })
    }
}

/// A [`List`] of whatever rows, as the contract of panes moves it.
pub trait Listing {
    /// Whether the fleet has changed since this was last asked.
    fn follows(&mut self, revision: u64) -> bool;
    /// Moves the cursor if the command is a movement; whether it was.
    fn moves(&mut self, command: Command) -> bool;
    /// Puts the cursor on a row; whether it stood there already, which opens the row.
    fn press(&mut self, index: usize) -> bool;
    /// The wheel, in rows.
    fn scroll(&mut self, rows: i16);
    /// How many rows the last frame showed.
    fn set_page(&mut self, rows: u16);
    /// The filter.
    fn filter(&mut self) -> &mut Filter;
    /// What the filter leaves, while one is active.
    fn filtered(&self) -> Option<Filtered>;
    /// Something is done with the row under the cursor: from now on the cursor stays on it.
    fn choose(&mut self);
}

impl<R> Listing for List<R> {
    fn follows(&mut self, revision: u64) -> bool {
        self.seen.replace(revision) != Some(revision)
    }

    fn moves(&mut self, command: Command) -> bool {
        let moved = move_in(&mut self.table, command, self.rows.len());
        if moved {
            self.chosen = command != Command::First;
        }
        moved
    }

    fn press(&mut self, index: usize) -> bool {
        if self.table.selected_in(self.rows.len()) == Some(index) {
            return true;
        }
        self.table.select(index, self.rows.len());
        self.chosen = true;
        false
    }

    fn scroll(&mut self, rows: i16) {
        self.table.scroll(isize::from(rows), self.rows.len());
        self.chosen = true;
    }

    fn set_page(&mut self, rows: u16) {
        self.table.set_page(rows, self.rows.len());
    }

    fn filter(&mut self) -> &mut Filter {
        &mut self.filter
    }

    fn filtered(&self) -> Option<Filtered> {
        Filtered::of(&self.filter, self.rows.len(), self.all)
    }

    fn choose(&mut self) {
        self.chosen = true;
    }
}

/// Carries out what every list does alike: movements, asking for the filter with this `hint`, and
/// letting the filter go. `None` for any other command.
pub fn command(
    pane: &mut dyn Pane,
    command: Command,
    hint: &'static str,
    cx: &Cx<'_>,
) -> Option<Vec<Ask>> {
    let list = pane.list()?;
    if list.moves(command) {
        return Some(Vec::new());
    }
    let filter = list.filter();
    match command {
        Command::Filter => Some(vec![Ask::Prompt(Prompt {
            kind: PromptKind::Filter,
            label: "filter",
            initial: filter.text().to_owned(),
            hint,
        })]),
        Command::Back if !filter.is_empty() => {
            *filter = Filter::default();
            pane.reindex(cx);
            Some(Vec::new())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(rows: &[u8]) -> List<u8> {
        let mut list = List::default();
        list.set(rows.to_vec(), rows.len(), u8::eq);
        list.set_page(3);
        list
    }

    #[test]
    fn the_cursor_stays_on_its_row_and_else_on_its_place() {
        let mut list = list(&[10, 20, 30, 40]);
        list.select(|row| *row == 30);
        list.set(vec![5, 10, 20, 30, 40], 9, u8::eq);
        assert_eq!((list.current(), list.hidden()), (Some(&30), 4));
        list.set(vec![5, 10], 2, u8::eq);
        assert_eq!(list.current(), Some(&10));
        list.set(Vec::new(), 0, u8::eq);
        assert_eq!((list.current(), list.visible()), (None, &[][..]));
    }

    #[test]
    fn a_second_press_on_a_row_opens_it() {
        let mut list = list(&[1, 2, 3]);
        assert!(!list.press(1) && list.press(1));
        assert_eq!(list.current(), Some(&2));
    }

    #[test]
    fn a_choice_by_hand_is_given_back_by_the_first_row() {
        let mut list = list(&[1, 2, 3]);
        assert!(!list.chosen);
        assert!(list.moves(Command::Down) && list.chosen);
        assert!(list.moves(Command::First) && !list.chosen);
        assert!(!list.moves(Command::Open));
        list.scroll(1);
        assert!(list.chosen);
    }

    #[test]
    fn a_revision_is_followed_once() {
        let mut list = list(&[]);
        assert!(list.follows(1) && !list.follows(1) && list.follows(2));
    }
}
