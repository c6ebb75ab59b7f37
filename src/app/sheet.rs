//! The sheet that shows a plan and asks for consent: nothing is written until it has it. It is made anew
//! while facts arrive, and what was typed for another plan does not count. How it is drawn is in
//! [`super::sheet_view`].

use std::time::Duration;

use super::typing::edit;
use super::{App, Effects};
use crate::domain::action::{Consent, Mode, Plan, PlanId, Planning, Wish};
use crate::domain::text::Clean;
use crate::domain::time::Now;
use crate::intent::chord::{Chord, Code};
use crate::intent::msg::Effect;
use crate::ui::form::TextInput;

/// How long a sheet takes no consent after its first frame was shown.
pub(super) const DEAF: Duration = Duration::from_millis(500);

/// Where the focus is. The plan has it first: the choice that changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Focus {
    /// On the plan, to read it.
    #[default]
    Plan,
    /// On the reason.
    Reason,
    /// On the name.
    Name,
}

/// When the sheet was first seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    /// No frame of it was made.
    No,
    /// One was made and is on its way.
    Drawn,
    /// It has left for the terminal.
    At(Duration),
}

/// A plan that waits for consent.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) wish: Wish,
    pub(super) id: PlanId,
    pub(super) plan: Result<Plan, Clean>,
    pub(super) reason: TextInput,
    pub(super) name: TextInput,
    pub(super) focus: Focus,
    /// Whether each step's exact request is shown.
    pub(super) requests: bool,
    /// The first line of the plan that is shown.
    pub(super) scroll: usize,
    /// Why the last attempt was not taken.
    pub(super) error: Option<Clean>,
    shown: Shown,
    revision: u64,
}

/// What came of a key.
enum Pressed {
    Stay,
    Close,
    Confirm,
}

impl Sheet {
    fn key(&mut self, chord: Chord, mode: Mode) -> Pressed {
        let plain = !chord.ctrl && !chord.alt;
        match chord.code {
            Code::Esc => return Pressed::Close,
            Code::Char('c') if chord.ctrl => return Pressed::Close,
            Code::Tab | Code::BackTab => self.next_focus(mode),
            Code::Enter => match self.focus {
                Focus::Plan | Focus::Reason if self.has_fields(mode) => self.next_focus(mode),
                _ => return Pressed::Confirm,
            },
            Code::Down => self.scroll += 1,
            Code::Up => self.scroll = self.scroll.saturating_sub(1),
            Code::PageDown => self.scroll += 8,
            Code::PageUp => self.scroll = self.scroll.saturating_sub(8),
            Code::Char(c) if self.focus == Focus::Plan && plain => match c {
                'j' => self.scroll += 1,
                'k' => self.scroll = self.scroll.saturating_sub(1),
                '@' | '&' => self.requests = !self.requests,
                'q' => return Pressed::Close,
                'y' if !self.has_fields(mode) => return Pressed::Confirm,
                _ => {}
            },
            _ => {
                let field = match self.focus {
                    Focus::Plan => return Pressed::Stay,
                    Focus::Reason => &mut self.reason,
                    Focus::Name => &mut self.name,
                };
                if edit(field, chord) {
                    self.error = None;
                }
            }
        }
        Pressed::Stay
    }

    fn has_fields(&self, mode: Mode) -> bool {
        self.fields(mode).next().is_some()
    }

    /// The fields that the plan asks for, in order.
    pub(super) fn fields(&self, mode: Mode) -> impl Iterator<Item = Focus> {
        let asks = self.plan.as_ref().ok().map(|plan| {
            let reason = plan.needs_reason().then_some(Focus::Reason);
            let name = plan.asks(mode).map(|_| Focus::Name);
            [reason, name]
        });
        asks.into_iter().flatten().flatten()
    }

    fn next_focus(&mut self, mode: Mode) {
        let order: Vec<Focus> = std::iter::once(Focus::Plan)
            .chain(self.fields(mode))
            .collect();
        let at = order.iter().position(|focus| *focus == self.focus);
        let next = at.map_or(0, |at| (at + 1) % order.len());
        self.focus = order[next];
    }

    /// The sheet as made of newer facts. Consent that was being given to another plan is taken back.
    fn follow(&mut self, plan: Result<Plan, Clean>) {
        let same = match (&self.plan, &plan) {
            (Ok(old), Ok(new)) => old.says_as(new),
            (Err(old), Err(new)) => old == new,
            _ => false,
        };
        if !same {
            if !self.name.is_empty() {
                self.error = Some(Clean::text("the plan has changed: read it again"));
            }
            self.name.clear();
            self.shown = Shown::No;
        }
        // A plan that says the same keeps its expiry: what it rests on was read for it.
        if !same || self.plan.is_err() {
            self.plan = plan;
        }
    }

    /// Whether it takes consent now.
    fn hears(&self, now: Now) -> bool {
        matches!(self.shown, Shown::At(at) if now.mono >= at + DEAF)
    }
}

impl App {
    /// Opens the sheet of a wish, or says why there can be none.
    pub(super) fn wish(&mut self, wish: Wish) {
        if let Err(why) = self.mode().allows() {
            self.say(format!("{}: {why}", wish.verb().title()));
            return;
        }
        let id = self.plan_id();
        let plan = wish.plan(id.clone(), &self.planning());
        if let (Err(why), []) = (&plan, wish.needs(&self.fleet).as_slice()) {
            self.say(format!("{}: {why}", wish.verb().title()));
            return;
        }
        self.sheet = Some(Sheet {
            wish,
            id,
            plan,
            reason: TextInput::default(),
            name: TextInput::default(),
            focus: Focus::default(),
            requests: false,
            scroll: 0,
            error: None,
            shown: Shown::No,
            revision: self.fleet.revision(),
        });
    }

    fn planning(&self) -> Planning<'_> {
        Planning {
            fleet: &self.fleet,
            writes: &self.writing.writes,
            actor: &self.writing.actor,
            now: self.now,
        }
    }

    /// Facts may have changed: the open sheet follows.
    pub(super) fn settle_sheet(&mut self) {
        let Some(mut sheet) = self.sheet.take() else {
            return;
        };
        let revision = self.fleet.revision();
        if sheet.revision != revision {
            sheet.revision = revision;
            let plan = sheet.wish.plan(sheet.id.clone(), &self.planning());
            sheet.follow(plan);
        }
        self.sheet = Some(sheet);
    }

    /// Whether a plan waits for consent: a burst of keys then counts as pasted.
    pub fn asks_for_consent(&self) -> bool {
        self.sheet.is_some()
    }

    /// A frame that was drawn has left for the terminal.
    pub fn frame_left(&mut self, now: Now) {
        if let Some(sheet) = &mut self.sheet
            && sheet.shown == Shown::Drawn
        {
            sheet.shown = Shown::At(now.mono);
        }
    }

    pub(super) fn sheet_drawn(&mut self) {
        if let Some(sheet) = &mut self.sheet
            && sheet.shown == Shown::No
        {
            sheet.shown = Shown::Drawn;
        }
    }

    pub(super) fn sheet_paste(&mut self) {
        if let Some(sheet) = &mut self.sheet {
            sheet.name.clear();
            let why = "what is pasted or typed ahead does not count: type it";
            sheet.error = Some(Clean::text(why));
        }
    }

    pub(super) fn sheet_scroll(&mut self, rows: i16) {
        if let Some(sheet) = &mut self.sheet {
            let by = isize::from(rows);
            sheet.scroll = sheet.scroll.saturating_add_signed(by);
        }
    }

    pub(super) fn sheet_key(&mut self, chord: Chord, effects: &mut Effects) {
        let (mode, now) = (self.mode(), self.now);
        let Some(mut sheet) = self.sheet.take() else {
            return;
        };
        let leaves = chord.code == Code::Esc;
        if !leaves && !sheet.hears(now) {
            self.sheet = Some(sheet);
            return;
        }
        match sheet.key(chord, mode) {
            Pressed::Stay => self.sheet = Some(sheet),
            Pressed::Close => self.say("nothing was changed"),
            Pressed::Confirm => self.consent(sheet, mode, effects),
        }
    }

    fn consent(&mut self, mut sheet: Sheet, mode: Mode, effects: &mut Effects) {
        let consent = Consent {
            typed: sheet.name.as_str().to_owned(),
            reason: Clean::text(sheet.reason.as_str()),
        };
        let confirmed = match sheet.plan {
            Ok(plan) => plan.confirm(mode, &consent, self.now),
            Err(why) => {
                self.say(why.as_str());
                return;
            }
        };
        match confirmed {
            Ok(confirmed) => effects.push(Effect::Write(Box::new(confirmed))),
            Err(refused) => {
                let (plan, why) = *refused;
                sheet.plan = Ok(plan);
                sheet.error = Some(Clean::text(&why.to_string()));
                self.sheet = Some(sheet);
            }
        }
    }
}
