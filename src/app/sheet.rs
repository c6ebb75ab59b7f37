//! The sheet that shows plans and asks for consent: what it holds and what its keys do to it. How it
//! follows the facts and what consent leads to is in [`super::consent`], how it is drawn in
//! [`super::sheet_view`].

use std::time::Duration;

use super::form::Form;
use super::typing::edit;
use crate::domain::action::verbs::basis::NoPlan;
use crate::domain::action::{Mode, Plan, PlanId, Wish, asked_of_all};
use crate::domain::fleet::gates::Details;
use crate::domain::gate::approval::Approval;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::intent::chord::{Chord, Code};
use crate::ui::form::TextInput;

/// How many changes of a plan are named where it changes under the reader.
const CHANGES: usize = 2;

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
pub(super) enum Shown {
    /// No frame of it was made.
    No,
    /// One was made and is on its way.
    Drawn,
    /// It has left for the terminal.
    At(Duration),
}

/// One wish with its plan.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) wish: Wish,
    pub(super) id: PlanId,
    pub(super) plan: Result<Plan, NoPlan>,
}

/// Plans that wait for consent: one, or one each for several models.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) parts: Vec<Part>,
    /// What was wished and cannot be planned, in words: it is left out.
    pub(super) left_out: Vec<Clean>,
    /// What was read for the gates.
    pub(super) details: Details,
    /// Approvals whose signatures are being checked, or were.
    pub(super) checking: Vec<Approval>,
    pub(super) reason: TextInput,
    pub(super) name: TextInput,
    pub(super) focus: Focus,
    /// Whether each step's exact request is shown.
    pub(super) requests: bool,
    /// The first line of the plan that is shown.
    pub(super) scroll: usize,
    /// Why the last attempt was not taken.
    pub(super) error: Option<Clean>,
    pub(super) shown: Shown,
    /// The state of the facts that the plans are made of.
    pub(super) revision: u64,
    /// When it was opened, or read anew: the time that its plans write down.
    pub(super) opened: Millis,
    /// The form that it came from: leaving the sheet goes back to it.
    pub(super) form: Option<Form>,
}

/// What came of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pressed {
    /// It changed the sheet at most.
    Stay,
    /// The reason is another: the plan carries it.
    Reasoned,
    /// Nothing is to be done.
    Close,
    /// It is to be done.
    Confirm,
    /// Another version or alias is wanted.
    Change,
    /// The state is to be read anew.
    Refresh,
}

impl Sheet {
    /// A sheet of wishes and their plans, before its first frame.
    pub(super) fn new(
        parts: Vec<Part>,
        left_out: Vec<Clean>,
        revision: u64,
        opened: Millis,
    ) -> Self {
        Self {
            parts,
            left_out,
            details: Details::default(),
            checking: Vec::new(),
            reason: TextInput::default(),
            name: TextInput::default(),
            focus: Focus::default(),
            requests: false,
            scroll: 0,
            error: None,
            shown: Shown::No,
            revision,
            opened,
            form: None,
        }
    }

    /// The plans there are.
    pub(super) fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.parts.iter().filter_map(|part| part.plan.as_ref().ok())
    }

    /// Why there is no plan, if there is none.
    pub(super) fn trouble(&self) -> Option<&NoPlan> {
        self.parts.iter().find_map(|part| part.plan.as_ref().err())
    }

    /// What must be typed.
    pub(super) fn asks(&self, mode: &Mode) -> Option<Clean> {
        asked_of_all(&self.plans().collect::<Vec<_>>(), mode)
    }

    /// Whether another version or alias can be chosen.
    pub(super) fn has_choice(&self) -> bool {
        let [one] = self.parts.as_slice() else {
            return false;
        };
        matches!(one.wish, Wish::Promote(_) | Wish::RollBack(_))
    }

    pub(super) fn key(&mut self, chord: Chord, mode: &Mode) -> Pressed {
        let plain = !chord.ctrl && !chord.alt;
        match chord.code {
            Code::Esc => return Pressed::Close,
            Code::Char('c') if chord.ctrl => return Pressed::Close,
            Code::Tab | Code::BackTab => self.next_focus(mode),
            Code::Enter => match self.focus {
                Focus::Plan | Focus::Reason if self.has_fields(mode) => self.next_focus(mode),
                // The key that ended a form must not be the one that does it, pressed once more.
                Focus::Plan => self.error = Some(Clean::text("y does it")),
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
                'c' if self.has_choice() => return Pressed::Change,
                'r' => return Pressed::Refresh,
                'q' => return Pressed::Close,
                'y' if self.asks(mode).is_none() && !self.wants_reason() => {
                    return Pressed::Confirm;
                }
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
                    if self.focus == Focus::Reason {
                        return Pressed::Reasoned;
                    }
                }
            }
        }
        Pressed::Stay
    }

    fn has_fields(&self, mode: &Mode) -> bool {
        let mut fields = self.fields(mode);
        match self.focus {
            Focus::Plan => fields.next().is_some(),
            // What follows the reason, if anything.
            _ => fields.any(|field| field == Focus::Name),
        }
    }

    /// Whether it cannot be done before a reason is given.
    pub(super) fn wants_reason(&self) -> bool {
        self.plans()
            .any(|plan| plan.needs_reason() || !plan.wanting.is_empty())
    }

    /// The fields that are asked for, in order.
    pub(super) fn fields(&self, mode: &Mode) -> impl Iterator<Item = Focus> {
        let tells = self.parts.iter().any(|part| part.wish.tells_why());
        let reason = (self.plans().next().is_some() && (tells || self.wants_reason()))
            .then_some(Focus::Reason);
        let name = self.asks(mode).map(|_| Focus::Name);
        [reason, name].into_iter().flatten()
    }

    fn next_focus(&mut self, mode: &Mode) {
        let order: Vec<Focus> = std::iter::once(Focus::Plan)
            .chain(self.fields(mode))
            .collect();
        let at = order.iter().position(|focus| *focus == self.focus);
        let next = at.map_or(0, |at| (at + 1) % order.len());
        self.focus = order[next];
    }

    /// Takes plans that were made of newer facts, one for each part. Consent that was being given to
    /// others is taken back.
    pub(super) fn follow(&mut self, plans: Vec<Result<Plan, NoPlan>>) {
        let mut changes: Vec<String> = Vec::new();
        let several = self.parts.len() > 1;
        for (part, mut plan) in self.parts.iter_mut().zip(plans) {
            let told: Vec<Clean> = match (&part.plan, &mut plan) {
                (Ok(old), Ok(new)) => {
                    let differs = old.differences(new);
                    if differs.is_empty() {
                        // Who reads it began to when the old one was made: that is when it expires.
                        new.expires = old.expires;
                    }
                    differs
                }
                (Err(old), Err(new)) if old == new => Vec::new(),
                (_, Err(why)) => vec![Clean::from(why.clone())],
                (Err(_), Ok(_)) => vec![Clean::text("it can be planned now")],
            };
            let whose = part.wish.subject().filter(|_| several);
            changes.extend(told.into_iter().map(|change| match &whose {
                Some(whose) => format!("{whose}: {change}"),
                None => change.to_string(),
            }));
            part.plan = plan;
        }
        if !changes.is_empty() {
            if !self.name.is_empty() {
                let left = changes.len().saturating_sub(CHANGES);
                let more = if left > 0 {
                    format!(" · and {left} more")
                } else {
                    String::new()
                };
                changes.truncate(CHANGES);
                let what = changes.join(" · ");
                let words = format!("the plan has changed, read it again: {what}{more}");
                self.error = Some(Clean::text(&words));
            }
            self.name.clear();
            self.shown = Shown::No;
        }
    }

    /// Takes plans that differ by what the person has just typed: that takes nothing back.
    pub(super) fn take(&mut self, plans: Vec<Result<Plan, NoPlan>>) {
        for (part, plan) in self.parts.iter_mut().zip(plans) {
            part.plan = plan;
        }
    }

    /// Whether it takes consent now.
    pub(super) fn hears(&self, now: Now) -> bool {
        matches!(self.shown, Shown::At(at) if now.mono >= at + DEAF)
    }
}
