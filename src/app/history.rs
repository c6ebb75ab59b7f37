//! The places visited: back and forward as in a browser, each with its own state kept.

use crate::panes::{Pane, Place, pane_of};

/// How many places are kept.
const LIMIT: usize = 50;

/// The places visited, oldest first, and which one is shown.
#[derive(Debug)]
pub(super) struct History {
    panes: Vec<Box<dyn Pane>>,
    at: usize,
}

impl History {
    pub(super) fn new(place: Place) -> Self {
        Self {
            panes: vec![pane_of(place)],
            at: 0,
        }
    }

    pub(super) fn current(&self) -> &dyn Pane {
        // `at` is moved only within the list, which is never empty.
        &*self.panes[self.at]
    }

    pub(super) fn current_mut(&mut self) -> &mut dyn Pane {
        &mut *self.panes[self.at]
    }

    /// Goes to a place. What lay ahead is forgotten; a place left behind keeps its state, and going
    /// to a tab that was visited before takes that state along.
    pub(super) fn open(&mut self, place: Place) {
        if self.current().place() == place {
            return;
        }
        self.panes.truncate(self.at + 1);
        let known = self.panes.iter().rposition(|p| p.place() == place);
        let pane = match known {
            Some(index) => self.panes.remove(index),
            None => pane_of(place),
        };
        self.panes.push(pane);
        if self.panes.len() > LIMIT {
            self.panes.remove(0);
        }
        self.at = self.panes.len() - 1;
    }

    /// Goes one place back; says whether there was one.
    pub(super) fn back(&mut self) -> bool {
        let can = self.at > 0;
        self.at -= usize::from(can);
        can
    }

    /// Goes one place forward; says whether there was one.
    pub(super) fn forward(&mut self) -> bool {
        let can = self.at + 1 < self.panes.len();
        self.at += usize::from(can);
        can
    }

    /// Leaves a page for good: the place before it is shown, and nothing lies ahead.
    pub(super) fn close(&mut self) -> bool {
        if self.at == 0 {
            return false;
        }
        self.panes.truncate(self.at);
        self.at -= 1;
        true
    }
}
