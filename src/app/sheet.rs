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

/// A letter that comes so soon after one that was no command is text that was meant for a field.
const BURST: Duration = Duration::from_millis(400);

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
    /// Whether any frame of these plans was made: what changes before that changes under nobody's eyes.
    seen: bool,
    /// The plans as they could last be read, where others have taken their place since.
    read: Option<Vec<Result<Plan, NoPlan>>>,
    /// In what those that stand now differ from them.
    news: Vec<String>,
    /// When a letter was last typed on the plan that is no command there.
    typed: Option<Duration>,
    /// The letter that was taken for the beginning of the name and is a command when it comes once more.
    again: Option<char>,
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
            seen: false,
            read: None,
            news: Vec::new(),
            typed: None,
            again: None,
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

    pub(super) fn key(&mut self, chord: Chord, mode: &Mode, now: Now) -> Pressed {
        let plain = !chord.ctrl && !chord.alt;
        self.error = None;
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
            Code::Char(c) if self.focus == Focus::Plan && plain => {
                return self.letter(c, mode, now);
            }
            _ => {
                let field = match self.focus {
                    Focus::Plan => return Pressed::Stay,
                    Focus::Reason => &mut self.reason,
                    Focus::Name => &mut self.name,
                };
                if edit(field, chord) {
                    self.forget();
                    if self.focus == Focus::Reason {
                        return Pressed::Reasoned;
                    }
                }
            }
        }
        Pressed::Stay
    }

    /// A letter on the plan: a command, or the beginning of what belongs into a field. Whoever types the
    /// name without going to its field must not thereby do anything: letters that follow one that means
    /// nothing here are text, and so is the name's own first letter, until it comes once more by itself.
    fn letter(&mut self, c: char, mode: &Mode, now: Now) -> Pressed {
        let does = self.does(c, mode);
        let begins = self
            .asks(mode)
            .is_some_and(|name| name.as_str().starts_with(c));
        let runs_on = self.typed.is_some_and(|at| now.mono < at + BURST);
        if let Some((pressed, what)) = does
            && (runs_on || (begins && self.again != Some(c)))
        {
            self.typed = Some(now.mono);
            self.again = begins.then_some(c);
            let way = match pressed {
                // Nothing else is asked for: there is no field to go to.
                Pressed::Confirm => {
                    format!("what is typed in one go does nothing: {c} alone {what}")
                }
                _ => format!("{} · {c} once more {what}", self.way(mode)),
            };
            self.error = Some(Clean::text(&way));
            return Pressed::Stay;
        }
        self.again = None;
        let Some((pressed, _)) = does else {
            self.typed = Some(now.mono);
            self.error = Some(Clean::text(&self.way(mode)));
            return Pressed::Stay;
        };
        self.typed = None;
        match c {
            'j' => self.scroll += 1,
            'k' => self.scroll = self.scroll.saturating_sub(1),
            '@' | '&' => self.requests = !self.requests,
            _ => {}
        }
        pressed
    }

    /// What a letter does on the plan, and that in words.
    fn does(&self, c: char, mode: &Mode) -> Option<(Pressed, &'static str)> {
        let asks = self.fields(mode).next().is_some();
        Some(match c {
            'j' | 'k' => (Pressed::Stay, "scrolls"),
            '@' | '&' => (Pressed::Stay, "shows the exact requests"),
            'c' if self.has_choice() => (Pressed::Change, "is for another version"),
            'r' => (Pressed::Refresh, "reads it anew"),
            // Where something is typed, only esc leaves.
            'q' if !asks => (Pressed::Close, "leaves it"),
            'y' if self.asks(mode).is_none() && !self.wants_reason() => {
                (Pressed::Confirm, "does it")
            }
            _ => return None,
        })
    }

    /// Where letters go, or what is to be pressed in their place.
    fn way(&self, mode: &Mode) -> String {
        let field = match self.fields(mode).next() {
            Some(Focus::Name) => "tab goes to the name",
            Some(_) => "tab goes to the reason",
            None => "",
        };
        let does = if self.plans().next().is_none() {
            "esc leaves it"
        } else if self.asks(mode).is_none() && !self.wants_reason() {
            "y does it"
        } else {
            ""
        };
        let all = [field, does].into_iter().filter(|words| !words.is_empty());
        all.collect::<Vec<_>>().join(" · ")
    }

    /// A key before what is shown could be read. Nothing of it counts as consent; what is typed into the
    /// reason is kept, because a reason alone does nothing.
    pub(super) fn early(&mut self, chord: Chord, now: Now) -> Pressed {
        if self.focus == Focus::Reason && self.seen && edit(&mut self.reason, chord) {
            return Pressed::Reasoned;
        }
        let prints = matches!(chord.code, Code::Char(_)) && !chord.ctrl && !chord.alt;
        self.typed = prints.then_some(now.mono);
        self.error = Some(Clean::text("shown just now: read it, then press again"));
        Pressed::Stay
    }

    /// Pasted text: a link or a ticket may be a reason, which alone does nothing; as consent it does not count.
    pub(super) fn paste(&mut self, text: &Clean) -> Pressed {
        self.name.clear();
        if self.focus == Focus::Reason && self.seen && !text.is_empty() {
            self.error = None;
            self.reason.paste(text);
            return Pressed::Reasoned;
        }
        let why = "what is pasted or typed ahead does not count: type it";
        self.error = Some(Clean::text(why));
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

    /// Takes plans that were made of newer facts, one for each part, and tells what of it has changed. Consent
    /// that was being given to others is taken back. While what the sheet itself has asked for `waited` to be
    /// answered and nobody could consent yet, that is no change: the plan was not whole.
    pub(super) fn follow(&mut self, plans: Vec<Result<Plan, NoPlan>>, waited: bool, now: Now) {
        let mut changed = false;
        let mut before = Vec::with_capacity(plans.len());
        for (part, mut plan) in self.parts.iter_mut().zip(plans) {
            let differs = !differences(&part.plan, &plan).is_empty();
            if let (Ok(old), Ok(new), false) = (&part.plan, &mut plan, differs) {
                // Who reads it began to when the old one was made: that is when it expires.
                new.expires = old.expires;
            }
            changed |= differs;
            before.push(std::mem::replace(&mut part.plan, plan));
        }
        if !changed {
            return;
        }
        let could_consent = self.hears(now);
        if self.seen && (could_consent || !waited || self.read.is_some()) {
            if could_consent || self.read.is_none() {
                self.read = Some(before);
            }
            self.news = self.changes();
            self.error = None;
        }
        self.name.clear();
        self.shown = Shown::No;
    }

    /// What has changed since the plans could last be read.
    fn changes(&self) -> Vec<String> {
        let several = self.parts.len() > 1;
        let mut all = Vec::new();
        for (part, read) in self.parts.iter().zip(self.read.iter().flatten()) {
            let whose = part.wish.subject().filter(|_| several);
            let changes = differences(read, &part.plan).into_iter();
            all.extend(changes.map(|change| match &whose {
                Some(whose) => format!("{whose}: {change}"),
                None => change.to_string(),
            }));
        }
        if all.is_empty() {
            all.push("it is as it was before".to_owned());
        }
        all
    }

    /// The news was read.
    fn forget(&mut self) {
        self.read = None;
        self.news.clear();
    }

    /// What has changed under the reader's eyes, in words.
    pub(super) fn told(&self) -> Option<Clean> {
        if self.news.is_empty() {
            return None;
        }
        let what = self.news[..self.news.len().min(CHANGES)].join(" · ");
        let more = match self.news.len().saturating_sub(CHANGES) {
            0 => String::new(),
            left => format!(" · and {left} more"),
        };
        let words = format!("the plan has changed, read it again: {what}{more}");
        Some(Clean::text(&words))
    }

    /// A frame of it was made.
    pub(super) fn drawn(&mut self) {
        self.seen = true;
        if self.shown == Shown::No {
            self.shown = Shown::Drawn;
        }
    }

    /// Its plans were made anew, for somebody who begins to read.
    pub(super) fn begin(&mut self) {
        self.name.clear();
        self.forget();
        self.error = None;
        self.shown = Shown::No;
        self.seen = false;
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

/// In what a newer plan, or the lack of one, differs.
fn differences(old: &Result<Plan, NoPlan>, new: &Result<Plan, NoPlan>) -> Vec<Clean> {
    match (old, new) {
        (Ok(old), Ok(new)) => old.differences(new),
        (Err(old), Err(new)) if old == new => Vec::new(),
        (_, Err(why)) => vec![Clean::from(why.clone())],
        (Err(_), Ok(_)) => vec![Clean::text("it can be planned now")],
    }
}
