//! A form: what has to be said before a plan can be made. It gathers text and choices, keeps them until
//! they make a wish, and hands the wish to the sheet; nothing is written from here. What each form asks is
//! in a file of its own.

pub(super) mod approve;
pub(super) mod edit;
pub(super) mod mark;
pub(super) mod promote;
pub(super) mod retrain;
pub(super) mod silence;
pub(super) mod thaw;
mod view;

use std::fmt;

use super::App;
use super::typing;
use crate::domain::action::Wish;
use crate::domain::fleet::Fleet;
use crate::domain::text::Clean;
use crate::intent::chord::{Chord, Code};
use crate::ui::form::TextInput;

pub(super) use self::view::draw;

/// What a form is for: it makes a wish of what was entered.
pub(super) trait Draft: fmt::Debug + Send {
    /// The wish, of the text of each field in order.
    ///
    /// # Errors
    /// With the field that cannot be used, and why.
    fn wish(&self, values: &[&str], fleet: &Fleet) -> Result<Wish, Slip>;
}

/// Why a form makes no wish yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Slip {
    field: usize,
    why: Clean,
}

impl Slip {
    pub(super) fn new(field: usize, why: impl AsRef<str>) -> Self {
        Self {
            field,
            why: Clean::text(why.as_ref()),
        }
    }
}

/// How a field is filled in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    /// By typing.
    Text(TextInput),
    /// By choosing one of several.
    Choice {
        /// What there is to choose from; never empty.
        all: Vec<Clean>,
        /// Which is chosen.
        at: usize,
    },
}

/// One field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Field {
    label: Clean,
    /// What an empty field shows, or what goes into it.
    hint: Clean,
    entry: Entry,
}

impl Field {
    /// A field to type into.
    pub(super) fn text(label: &str, initial: &Clean, hint: &str) -> Self {
        Self {
            label: Clean::name(label),
            hint: Clean::text(hint),
            entry: Entry::Text(TextInput::with(initial)),
        }
    }

    /// A field to choose in: the first is chosen.
    pub(super) fn choice(label: &str, all: Vec<Clean>, hint: &str) -> Self {
        Self {
            label: Clean::name(label),
            hint: Clean::text(hint),
            entry: Entry::Choice { all, at: 0 },
        }
    }

    /// The same with another of its choices chosen.
    pub(super) fn chosen(mut self, index: usize) -> Self {
        if let Entry::Choice { all, at } = &mut self.entry {
            *at = index.min(all.len().saturating_sub(1));
        }
        self
    }

    fn value(&self) -> &str {
        match &self.entry {
            Entry::Text(input) => input.as_str(),
            Entry::Choice { all, at } => all.get(*at).map_or("", Clean::as_str),
        }
    }
}

/// A form that is being filled in.
#[derive(Debug)]
pub(super) struct Form {
    title: Clean,
    /// What it is about, above the fields.
    notes: Vec<Clean>,
    fields: Vec<Field>,
    focus: usize,
    slip: Option<Slip>,
    draft: Box<dyn Draft>,
}

/// What came of a key.
enum Pressed {
    Stay,
    Close,
    Done,
}

impl Form {
    /// A form with the focus on its first field.
    pub(super) fn new(
        title: impl AsRef<str>,
        notes: Vec<Clean>,
        fields: Vec<Field>,
        draft: impl Draft + 'static,
    ) -> Self {
        Self {
            title: Clean::text(title.as_ref()),
            notes,
            fields,
            focus: 0,
            slip: None,
            draft: Box::new(draft),
        }
    }

    fn key(&mut self, chord: Chord) -> Pressed {
        let last = self.fields.len().saturating_sub(1);
        match chord.code {
            Code::Esc => return Pressed::Close,
            Code::Char('c') if chord.ctrl => return Pressed::Close,
            Code::Enter if self.focus >= last => return Pressed::Done,
            Code::Tab if self.focus >= last => self.focus = 0,
            Code::Enter | Code::Tab | Code::Down => self.focus = (self.focus + 1).min(last),
            Code::BackTab if self.focus == 0 => self.focus = last,
            Code::BackTab | Code::Up => self.focus = self.focus.saturating_sub(1),
            _ => {
                let focus = self.focus;
                if let Some(field) = self.fields.get_mut(focus)
                    && field.key(chord)
                    && self.slip.as_ref().is_some_and(|slip| slip.field == focus)
                {
                    self.slip = None;
                }
            }
        }
        Pressed::Stay
    }

    fn paste(&mut self, text: &Clean) {
        if let Some(Field {
            entry: Entry::Text(input),
            ..
        }) = self.fields.get_mut(self.focus)
        {
            input.paste(text);
        }
    }

    fn wish(&self, fleet: &Fleet) -> Result<Wish, Slip> {
        let values: Vec<&str> = self.fields.iter().map(|f| f.value().trim()).collect();
        self.draft.wish(&values, fleet)
    }

    fn slipped(&mut self, slip: Slip) {
        self.focus = slip.field.min(self.fields.len().saturating_sub(1));
        self.slip = Some(slip);
    }
}

impl Field {
    /// Says whether the key meant anything to the field.
    fn key(&mut self, chord: Chord) -> bool {
        match &mut self.entry {
            Entry::Text(input) => typing::edit(input, chord),
            Entry::Choice { all, at } => {
                let many = all.len().max(1);
                match chord.code {
                    Code::Right | Code::Char(' ') => *at = (*at + 1) % many,
                    Code::Left => *at = (*at + many - 1) % many,
                    Code::Char(c) => {
                        let starts = |text: &Clean| {
                            let first = text.as_str().chars().next();
                            first.is_some_and(|f| f.eq_ignore_ascii_case(&c))
                        };
                        let next = (1..=many).map(|n| (*at + n) % many);
                        match next.into_iter().find(|n| all.get(*n).is_some_and(starts)) {
                            Some(found) => *at = found,
                            None => return false,
                        }
                    }
                    _ => return false,
                }
                true
            }
        }
    }
}

impl App {
    /// Opens a form.
    pub(super) fn fill_in(&mut self, form: Form) {
        self.form = Some(form);
    }

    pub(super) fn form_key(&mut self, chord: Chord) {
        let Some(mut form) = self.form.take() else {
            return;
        };
        match form.key(chord) {
            Pressed::Stay => self.form = Some(form),
            Pressed::Close => self.say("nothing was changed"),
            Pressed::Done => match form.wish(&self.fleet) {
                Err(slip) => {
                    form.slipped(slip);
                    self.form = Some(form);
                }
                Ok(wish) => match self.open_sheet(vec![wish], Vec::new()) {
                    Ok(()) => {
                        if let Some(sheet) = &mut self.sheet {
                            sheet.form = Some(form);
                        }
                    }
                    Err(why) => {
                        let last = form.fields.len().saturating_sub(1);
                        form.slipped(Slip::new(last, why));
                        self.form = Some(form);
                    }
                },
            },
        }
    }

    pub(super) fn form_paste(&mut self, text: &Clean) {
        if let Some(form) = &mut self.form {
            form.paste(text);
        }
    }
}
