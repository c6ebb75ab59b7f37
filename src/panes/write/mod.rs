//! The page of one write: its steps with what was sent and what was read back, its gates as they stood,
//! and, where it moved an alias, how far the world has followed.

mod view;

#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::journal::{not_checked, not_undone, undo_wish};
use super::{Ask, Cx, Pane, Place, Thing};
use crate::domain::action::{PlanId, Written};
use crate::domain::query::Focus;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::command::{Command, Scope};
use crate::ui::hits::Hits;
use crate::ui::look::Look;

pub(super) use self::view::phase_look;

/// The page's state: which write, and how far it is scrolled.
#[derive(Debug)]
pub struct WritePage {
    id: PlanId,
    scroll: usize,
    /// Rows of the last frame.
    page: usize,
}

impl WritePage {
    /// The page of a write before its first frame.
    pub fn new(id: PlanId) -> Self {
        Self {
            id,
            scroll: 0,
            page: 1,
        }
    }

    fn written<'a>(&self, cx: &Cx<'a>) -> Option<&'a Written> {
        cx.writes.get(&self.id)
    }

    /// Moves the page; whether the command is a movement.
    fn moves(&mut self, command: Command, cx: &Cx<'_>) -> bool {
        let last = self.last(cx);
        let page = self.page.max(1);
        self.scroll = match command {
            Command::Up => self.scroll.saturating_sub(1),
            Command::Down => self.scroll + 1,
            Command::PageUp => self.scroll.saturating_sub(page),
            Command::PageDown => self.scroll + page,
            Command::HalfUp => self.scroll.saturating_sub(page / 2),
            Command::HalfDown => self.scroll + page / 2,
            Command::First => 0,
            Command::Last => last,
            _ => return false,
        }
        .min(last);
        true
    }

    /// The furthest that it can be scrolled.
    fn last(&self, cx: &Cx<'_>) -> usize {
        let lines = self.written(cx).map_or(0, |written| {
            view::height(written, cx, usize::from(cx.screen.0.saturating_sub(2)))
        });
        lines.saturating_sub(self.page)
    }
}

impl Pane for WritePage {
    fn place(&self) -> Place {
        Place::Write(self.id.clone())
    }

    fn title(&self, cx: &Cx<'_>) -> Clean {
        let called = self.written(cx).map(crate::domain::fleet::standing::called);
        Clean::name(&format!("Write {}", called.unwrap_or_default()))
    }

    fn scopes(&self) -> &'static [Scope] {
        &[Scope::Journal, Scope::List]
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        if self.moves(command, cx) {
            return Some(Vec::new());
        }
        match command {
            Command::Open => {
                let model = self.written(cx)?.plan.model.clone()?;
                Some(vec![Ask::Open(Place::Model(model))])
            }
            Command::Undo => Some(vec![undo_wish(&self.id)]),
            Command::Check => Some(vec![Ask::LookUp(Box::new(self.written(cx)?.clone()))]),
            _ => None,
        }
    }

    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        let Some(written) = self.written(cx) else {
            let needs = matches!(
                command,
                Command::Open | Command::Undo | Command::Check | Command::CopyRow
            );
            return needs.then(|| Clean::name("the journals do not tell of this write"));
        };
        match command {
            Command::Undo => not_undone(written, cx),
            Command::Check => not_checked(written, cx),
            Command::Open if written.plan.model.is_none() => {
                Some(Clean::name("it is about no model"))
            }
            Command::Sort | Command::Filter | Command::AllContexts => {
                Some(Clean::name("a page has no list"))
            }
            _ => None,
        }
    }

    fn scroll(&mut self, rows: i16, cx: &Cx<'_>) {
        let by = isize::from(rows);
        self.scroll = self.scroll.saturating_add_signed(by).min(self.last(cx));
    }

    fn set_page(&mut self, rows: u16) {
        self.page = usize::from(rows);
    }

    fn selected(&self, cx: &Cx<'_>) -> Option<Thing> {
        self.written(cx)?.plan.model.clone().map(Thing::Model)
    }

    fn moment(&self, cx: &Cx<'_>) -> Option<Millis> {
        Some(self.written(cx)?.began)
    }

    fn focus(&self, cx: &Cx<'_>) -> Focus {
        // Whether the world follows is read as often as what is on screen.
        let model = self.written(cx).and_then(|w| w.plan.model.clone());
        Focus {
            models: model.into_iter().collect(),
            ..Focus::default()
        }
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Undo,
            Command::Check,
            Command::Open,
            Command::WhatChanged,
            Command::Down,
            Command::CopyPane,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let (_, rows) = self.markdown(cx);
        let parts: Vec<String> = rows.into_iter().map(|r| r.join(" ")).collect();
        (!parts.is_empty()).then(|| Clean::text(&parts.join(" · ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = ["WHAT", "VALUE"].map(str::to_owned).to_vec();
        let rows = self.written(cx).map(|written| view::facts(written, cx));
        let rows = rows.into_iter().flatten();
        (titles, rows.map(|(k, v)| vec![k, v]).collect())
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
