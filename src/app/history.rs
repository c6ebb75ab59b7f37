//! The places visited: back and forward as in a browser, each with its own state kept.

use std::collections::BTreeMap;

use crate::domain::text::Clean;
use crate::intent::preference::Preference;
use crate::panes::{Pane, Place, pane_of};

/// How many places are kept.
const LIMIT: usize = 50;

/// The places visited, oldest first, and which one is shown.
#[derive(Debug)]
pub(super) struct History {
    panes: Vec<Box<dyn Pane>>,
    at: usize,
    /// How panes are liked: every pane that is opened takes its own.
    preferences: BTreeMap<Preference, String>,
    /// What is to be said in the log of preferences that could not be taken.
    remarks: Vec<Clean>,
}

impl History {
    pub(super) fn new(place: Place) -> Self {
        Self {
            panes: vec![pane_of(place)],
            at: 0,
            preferences: BTreeMap::new(),
            remarks: Vec::new(),
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
            None => self.made(place),
        };
        self.panes.push(pane);
        if self.panes.len() > LIMIT {
            self.panes.remove(0);
        }
        self.at = self.panes.len() - 1;
    }

    /// A new pane as it is liked. A value that a pane cannot take is said once and forgotten.
    fn made(&mut self, place: Place) -> Box<dyn Pane> {
        let mut pane = pane_of(place);
        let remarks = &mut self.remarks;
        self.preferences
            .retain(|name, value| match pane.restore(*name, value) {
                Ok(()) => true,
                Err(why) => {
                    remarks.push(remark(name.word(), &why));
                    false
                }
            });
        pane
    }

    /// Takes what is remembered of how panes are liked, for those that are open and those to come.
    pub(super) fn restore(&mut self, kept: Vec<(String, String)>) {
        for (name, value) in kept {
            let Some(preference) = Preference::from_word(&name) else {
                let why = "this version does not know it";
                self.remarks.push(remark(&name, why));
                continue;
            };
            let mut refused = None;
            for pane in &mut self.panes {
                refused = pane.restore(preference, &value).err().or(refused);
            }
            match refused {
                Some(why) => self.remarks.push(remark(&name, &why)),
                None => self.prefer(preference, value),
            }
        }
    }

    /// Remembers how a pane is liked, for the next one of its kind.
    pub(super) fn prefer(&mut self, preference: Preference, value: String) {
        self.preferences.insert(preference, value);
    }

    /// What the log should say, once.
    pub(super) fn take_remarks(&mut self) -> Vec<Clean> {
        std::mem::take(&mut self.remarks)
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

fn remark(name: &str, why: &str) -> Clean {
    Clean::text(&format!(
        "the kept preference `{name}` is passed over: {why}"
    ))
}
