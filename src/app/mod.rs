//! The root: owns the fleet and the places visited, resolves keys to commands, and is the only
//! dispatcher to panes. Pure: messages in, effects out.

mod consent;
mod dialogs;
mod form;
mod history;
mod input;
mod leaving;
mod phrase;
mod run;
mod sheet;
mod sheet_view;
mod things;
mod training;
mod typing;
mod update;
mod verbs;
mod view;
mod wants;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::dialogs::Dialog;
use self::form::Form;
use self::history::History;
use self::sheet::Sheet;
use self::training::Training;
use self::wants::Wants;
use self::writing::Writing;
use crate::domain::fault::Fault;
use crate::domain::fleet::{Fleet, Judged, Unjudged};
use crate::domain::key::SourceId;
use crate::domain::observation::{Abilities, ContextRef};
use crate::domain::query::Focus;
use crate::domain::settings::{Context, Settings};
use crate::domain::text::Clean;
use crate::domain::time::{Now, Window};
use crate::intent::chord::Chord;
use crate::intent::keymap::Keymap;
use crate::intent::msg::{Effect, Notice};
use crate::panes::list::Filtered;
use crate::panes::{Cx, Place, Prompt};
use crate::ui::form::TextInput;
use crate::ui::hits::Hits;

pub use self::update::{judge_more, settle, take_in, update};
pub use self::view::view;

/// What an update asks for, in order.
pub type Effects = Vec<Effect>;

/// A line of text being typed.
#[derive(Debug)]
struct Typing {
    prompt: Prompt,
    input: TextInput,
    error: Option<String>,
}

/// The whole state of the console.
#[derive(Debug)]
pub struct App {
    settings: Arc<Settings>,
    fleet: Fleet,
    slice: Option<usize>,
    generation: u64,
    keymap: Keymap,
    pending: Vec<Chord>,
    history: History,
    dialog: Option<Dialog>,
    typing: Option<Typing>,
    form: Option<Form>,
    sheet: Option<Sheet>,
    writing: Writing,
    training: Training,
    notice: Option<Notice>,
    window: Window,
    screen: (u16, u16),
    mouse: bool,
    focus: Focus,
    wants: Wants,
    abilities: BTreeMap<SourceId, Result<Abilities, Fault>>,
    hits: Hits,
    /// What the filter of the open place leaves, as of the last time it followed the facts.
    filtered: Option<Filtered>,
    now: Now,
}

impl App {
    /// The console of a context, before its first message.
    pub fn new(settings: Arc<Settings>, keymap: Keymap, screen: (u16, u16), now: Now) -> Self {
        let mut app = Self::unjudged(settings, keymap, screen, now);
        app.slice = None;
        app.fleet.judge_at_once(now.wall);
        app
    }

    /// As [`App::new`], with every model left to be judged by [`App::judge_all_by`]: for one that first takes in
    /// what was known before.
    pub fn unjudged(settings: Arc<Settings>, keymap: Keymap, screen: (u16, u16), now: Now) -> Self {
        let context = settings
            .contexts
            .get(&settings.context)
            .cloned()
            .unwrap_or_default();
        let mouse = settings.console.mouse;
        Self {
            fleet: Fleet::unjudged(entered(&context, 0), context),
            slice: Some(0),
            settings,
            generation: 0,
            keymap,
            pending: Vec::new(),
            history: History::new(Place::Triage),
            dialog: None,
            typing: None,
            form: None,
            sheet: None,
            writing: Writing::default(),
            training: Training::default(),
            notice: None,
            window: Window::default(),
            screen,
            mouse,
            focus: Focus::default(),
            wants: Wants::default(),
            abilities: BTreeMap::new(),
            hits: Hits::default(),
            filtered: None,
            now,
        }
    }

    /// The joined state.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The joined state, for taking the last-known state in before the first frame.
    pub fn fleet_mut(&mut self) -> &mut Fleet {
        &mut self.fleet
    }

    /// From now on no message has more than about so many models judged at once: what is left is
    /// [`judge_more`]'s, which its caller then calls until the fleet has no more to judge.
    pub fn judge_in_slices_of(&mut self, count: usize) {
        self.slice = Some(count);
        self.fleet.judge_in_slices_of(count);
    }

    /// Judges everything that was left to be judged, the models as `judge` has it done, and from now on
    /// what each message has moved with that message.
    pub fn judge_all_by(&mut self, now: Now, judge: impl FnOnce(Unjudged<'_>) -> Vec<Judged>) {
        self.slice = None;
        self.fleet.judge_all_by(now.wall, judge);
    }

    /// The context entered, with the number of the visit.
    pub fn context(&self) -> &Arc<ContextRef> {
        self.fleet.context()
    }

    /// Everything the user has set.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The place shown.
    pub fn place(&self) -> Place {
        self.history.current().place()
    }

    /// Goes to a place, as a start option or a test wants it.
    pub fn open(&mut self, place: Place) {
        self.history.open(place);
    }

    /// Goes to a place and selects a thing there, if it is there.
    pub fn show(&mut self, place: Place, thing: &crate::panes::Thing) {
        self.history.open(place);
        let cx = Cx {
            fleet: &self.fleet,
            writes: &self.writing.writes,
            now: self.now,
            window: self.window,
            screen: self.screen,
        };
        let pane = self.history.current_mut();
        pane.refresh(&cx);
        pane.select(thing, &cx);
    }

    /// Whether the mouse is reported.
    pub fn mouse(&self) -> bool {
        self.mouse
    }

    /// The remark on the message line.
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// Keeps where things were drawn, for the mouse and for page movements.
    pub fn drawn(&mut self, hits: Hits) {
        if let Some(page) = hits.page {
            self.history.current_mut().set_page(page);
        }
        self.sheet_drawn();
        self.hits = hits;
    }

    /// The window's title: product, context, worst level.
    pub fn window_title(&self) -> Clean {
        let counts = crate::domain::fleet::triage::counts(&self.fleet);
        Clean::name(&format!(
            "quarterdeck {} · {} crit · {} warn",
            self.fleet.context().name,
            counts.crit,
            counts.warn
        ))
    }

    /// Enters another context: a new fleet, and everything of the old one is dropped.
    pub fn enter(&mut self, name: &str, now: Now) {
        let Some(context) = self.settings.contexts.get(name).cloned() else {
            return;
        };
        self.generation += 1;
        self.fleet = Fleet::new(entered(&context, self.generation), context);
        if let Some(count) = self.slice {
            self.fleet.judge_in_slices_of(count);
        }
        self.history = History::new(Place::Triage);
        self.dialog = None;
        self.typing = None;
        self.form = None;
        self.sheet = None;
        self.writing.armed_until = None;
        self.training = Training::default();
        self.focus = Focus::default();
        self.wants = Wants::default();
        self.abilities.clear();
        self.now = now;
        self.tell_own();
    }

    fn cx(&self) -> Cx<'_> {
        Cx {
            fleet: &self.fleet,
            writes: &self.writing.writes,
            now: self.now,
            window: self.window,
            screen: self.screen,
        }
    }

    fn say(&mut self, text: impl AsRef<str>) {
        self.notice = Some(Notice {
            bad: false,
            text: Clean::text(text.as_ref()),
        });
    }
}

/// What a context is called once it is entered for the so-manieth time.
fn entered(context: &Context, generation: u64) -> Arc<ContextRef> {
    let name = context.name.clone();
    Arc::new(ContextRef { name, generation })
}

/// The context that an [`App`] with these settings begins in.
pub fn begins_in(settings: &Settings) -> ContextRef {
    let context = settings.contexts.get(&settings.context);
    let name = context.map(|context| context.name.clone());
    first_visit(name.unwrap_or_else(|| Context::default().name))
}

/// The first visit of a context: what is read for it may be on its way before the app is there.
pub fn first_visit(name: Clean) -> ContextRef {
    ContextRef {
        name,
        generation: 0,
    }
}

#[cfg(test)]
mod others_tests;
#[cfg(test)]
mod phrase_tests;
#[cfg(test)]
mod sheet_keys_tests;
#[cfg(test)]
mod sheet_tests;
#[cfg(test)]
mod sheet_view_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod training_tests;
#[cfg(test)]
mod verbs_tests;
#[cfg(test)]
mod writing_tests;
