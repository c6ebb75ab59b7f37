//! Panes and dialogs: each a folder with its state, update and view. What they share, the contract
//! with the root, is here.
//!
//! A pane reads the fleet and the present through [`Cx`], changes only itself, and asks for anything
//! else with [`Ask`]. A new pane is a folder here and a line in the root's table.

pub mod alert;
pub mod alerts;
pub mod changes;
pub mod compare;
mod course;
pub mod deployments;
pub mod drift;
pub mod experiments;
pub mod history;
pub mod journal;
mod lens;
pub mod list;
pub mod model;
pub mod models;
#[cfg(test)]
pub(crate) mod monitored;
pub mod pipeline_run;
pub mod pipelines;
mod quality;
pub mod run;
mod signal;
#[cfg(test)]
pub(crate) mod testing;
pub mod triage;
pub mod write;

use std::sync::Arc;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::list::{Filtered, Listing};
use crate::domain::action::{PlanId, Wish, Writes, Written};
use crate::domain::alert::AlertKey;
use crate::domain::change::Subject;
use crate::domain::fault::Fault;
use crate::domain::fleet::Fleet;
use crate::domain::fleet::view::ModelView;
use crate::domain::key::{DeploymentKey, ExperimentKey, ModelKey, RunKey, SourceId, VersionKey};
use crate::domain::pipeline::PipelineRunKey;
use crate::domain::query::{Detail, Focus, Query};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now, Window};
use crate::intent::command::{Command, Scope};
use crate::intent::filter::Filter;
use crate::intent::msg::{Compute, Computed, Notice};
use crate::intent::preference::Preference;
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::table::TableState;

/// A place in the console: what tabs, links and history name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    /// The models in trouble.
    Triage,
    /// Every registered model.
    Models,
    /// One model's page.
    Model(ModelKey),
    /// Experiments and runs.
    Experiments,
    /// One run's page.
    Run(RunKey),
    /// Several runs side by side.
    Compare(Arc<[RunKey]>),
    /// Every deployment.
    Deployments,
    /// The runs of all pipelines.
    Pipelines,
    /// One pipeline run.
    PipelineRun(PipelineRunKey),
    /// The known changes of a subject.
    History(Subject),
    /// Every model whose drift is watched.
    Drift,
    /// The drift of one model, feature by feature.
    Features(ModelKey),
    /// What changed around a moment of a model, or around the onset of its trouble.
    Changes(ModelKey, Option<Millis>),
    /// Every alert.
    Alerts,
    /// One alert with its rule.
    Alert(AlertKey),
    /// What was written from this machine.
    Journal,
    /// One write.
    Write(PlanId),
}

impl Place {
    /// The number of the tab that the place belongs to.
    pub fn tab(&self) -> u8 {
        match self {
            Self::Triage | Self::Changes(..) | Self::Alerts | Self::Alert(_) => 1,
            Self::Models | Self::Model(_) | Self::History(_) => 2,
            Self::Experiments | Self::Run(_) | Self::Compare(_) => 3,
            Self::Drift | Self::Features(_) => 4,
            Self::Deployments => 5,
            Self::Pipelines | Self::PipelineRun(_) => 6,
            Self::Journal | Self::Write(_) => 8,
        }
    }
}

/// What a pane may read.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    /// The joined state.
    pub fleet: &'a Fleet,
    /// What was written from this machine, in every context.
    pub writes: &'a Writes,
    /// The present.
    pub now: Now,
    /// The time range that panes and charts look at.
    pub window: Window,
    /// The screen: columns and rows.
    pub screen: (u16, u16),
}

/// What a pane asks of the root.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Go to a place.
    Open(Place),
    /// Go to a place and select something there.
    Show(Place, Thing),
    /// Leave this place.
    Back,
    /// Ask the user for a line of text: the answers come through [`Pane::prompt`].
    Prompt(Prompt),
    /// Offer a choice: the chosen index comes through [`Pane::chosen`].
    Choose(Choice),
    /// Copy text.
    Copy(Clean),
    /// Work off the loop: the answer comes through [`Pane::computed`].
    Compute(Box<Compute>),
    /// Say something on the message line.
    Say(Notice),
    /// Plan what somebody wishes to be done, and ask for consent.
    Wish(Box<Wish>),
    /// Look up what became of a write.
    LookUp(Box<Written>),
    /// Keep a preference.
    Prefer(Preference, String),
}

/// Which line of text is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PromptKind {
    /// The local filter: takes effect while it is typed.
    Filter,
    /// The server-side filter: takes effect when it is entered.
    ServerFilter,
}

/// A line of text to ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prompt {
    /// Which.
    pub kind: PromptKind,
    /// What stands before it.
    pub label: &'static str,
    /// What it starts with.
    pub initial: String,
    /// What an empty line would show.
    pub hint: &'static str,
}

/// A list to choose from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The heading.
    pub title: &'static str,
    /// The rows: text, and whether it is switched on where that has a meaning.
    pub rows: Vec<(Clean, Option<bool>)>,
    /// Whether several may be switched before the list is closed.
    pub several: bool,
}

/// A thing under the cursor: what global commands act on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Thing {
    /// A model.
    Model(ModelKey),
    /// A version of a model.
    Version(VersionKey),
    /// An experiment.
    Experiment(ExperimentKey),
    /// A run.
    Run(RunKey),
    /// A deployment.
    Deployment(DeploymentKey),
    /// A source.
    Source(SourceId),
    /// An alert.
    Alert(AlertKey),
}

/// A detail that a pane needs while it is open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Want {
    /// Which source to ask.
    pub source: SourceId,
    /// The question.
    pub query: Query,
    /// How old an answer may get before it is asked again; `None` for once.
    pub every: Option<Duration>,
}

/// The pane of a place: the one table of panes.
pub fn pane_of(place: Place) -> Box<dyn Pane> {
    match place {
        Place::Triage => Box::new(triage::Triage::new()),
        Place::Experiments => Box::new(experiments::Experiments::new()),
        Place::Run(key) => Box::new(run::RunPage::new(key)),
        Place::Compare(keys) => Box::new(compare::Compare::new(keys)),
        Place::Models => Box::new(models::Models::new()),
        Place::Model(key) => Box::new(model::ModelPage::new(key)),
        Place::History(subject) => Box::new(history::History::new(subject)),
        Place::Deployments => Box::new(deployments::Deployments::new()),
        Place::Pipelines => Box::new(pipelines::Pipelines::new()),
        Place::PipelineRun(key) => Box::new(pipeline_run::PipelineRunPage::new(key)),
        Place::Drift => Box::new(drift::Drift::new()),
        Place::Features(key) => Box::new(drift::features::Features::new(key)),
        Place::Changes(key, at) => Box::new(changes::Changes::new(key, at)),
        Place::Alerts => Box::new(alerts::Alerts::new()),
        Place::Alert(key) => Box::new(alert::AlertPage::new(key)),
        Place::Journal => Box::new(journal::Journal::new()),
        Place::Write(id) => Box::new(write::WritePage::new(id)),
    }
}

/// The runs behind the champions and challengers of some models, as far as they are not held: what a
/// quality column needs.
pub fn runs_behind<'a>(cx: &Cx<'_>, models: impl IntoIterator<Item = &'a ModelView>) -> Vec<Want> {
    let mut wants: Vec<Want> = Vec::new();
    for model in models {
        for pointed in [&model.champion, &model.challenger].into_iter().flatten() {
            let versions = cx.fleet.versions(&model.key);
            let held = versions.iter().find(|h| h.fact.key.version == pointed.key);
            let Some((source, run)) = held.and_then(|h| Some((&h.source, h.fact.run.as_ref()?)))
            else {
                continue;
            };
            let query = Query::Run(run.clone());
            if cx.fleet.runs().find(run).is_none() && !wants.iter().any(|w| w.query == query) {
                wants.push(Want {
                    source: source.clone(),
                    query,
                    every: None,
                });
            }
        }
    }
    wants
}

/// Moves a table's cursor if the command is a movement; says whether it was.
pub fn move_in(table: &mut TableState, command: Command, len: usize) -> bool {
    match command {
        Command::Up => table.up(len),
        Command::Down => table.down(len),
        Command::PageUp => table.page_up(len),
        Command::PageDown => table.page_down(len),
        Command::HalfUp => table.half_up(len),
        Command::HalfDown => table.half_down(len),
        Command::First => table.home(len),
        Command::Last => table.end(len),
        _ => return false,
    }
    true
}

/// A pane or page. Every method but `view` and `wants` may change the pane itself and nothing else.
pub trait Pane: std::fmt::Debug + Send {
    /// Which place it is.
    fn place(&self) -> Place;

    /// What the crumb line calls it.
    fn title(&self, cx: &Cx<'_>) -> Clean;

    /// Takes back a preference that a pane asked to keep with [`Ask::Prefer`], perhaps not this one.
    /// Called before the first frame, and again for a context whose preferences come later.
    ///
    /// # Errors
    /// With what is wrong with the value, for the log; what is wrong with it is left out.
    fn restore(&mut self, preference: Preference, value: &str) -> Result<(), String> {
        let _ = (preference, value);
        Ok(())
    }

    /// The scopes of keys that hold here, innermost first; `Global` is added by the root.
    fn scopes(&self) -> &'static [Scope] {
        &[Scope::List]
    }

    /// Its list, where the pane is one: what the contract does by itself is done to it.
    fn list(&mut self) -> Option<&mut dyn Listing> {
        None
    }

    /// What the filter of its list leaves, while one is active: the root says it on every screen alike.
    fn filtered(&mut self) -> Option<Filtered> {
        self.list().and_then(|list| list.filtered())
    }

    /// Finds and orders the rows of its list anew: facts or the filter have changed.
    fn reindex(&mut self, cx: &Cx<'_>) {
        let _ = cx;
    }

    /// Facts, time or size have changed: indexes follow. Called before every frame that shows it.
    fn refresh(&mut self, cx: &Cx<'_>) {
        let revision = cx.fleet.revision();
        if self.list().is_some_and(|list| list.follows(revision)) {
            self.reindex(cx);
        }
    }

    /// Work that follows from changed facts: called after [`Pane::refresh`].
    fn due(&mut self, cx: &Cx<'_>) -> Vec<Ask> {
        let _ = cx;
        Vec::new()
    }

    /// Carries a command out. `None` means that the pane has no use for it.
    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>>;

    /// Why a command cannot work here right now; `None` if it can.
    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean>;

    /// A press on a region of its last view.
    fn click(&mut self, target: Target, cx: &Cx<'_>) -> Vec<Ask> {
        match target {
            Target::Row(index) if self.list().is_some_and(|list| list.press(index)) => {
                self.update(Command::Open, cx).unwrap_or_default()
            }
            Target::Column(index) => self.click_column(index, cx),
            _ => Vec::new(),
        }
    }

    /// A press on a title of its list.
    fn click_column(&mut self, index: usize, cx: &Cx<'_>) -> Vec<Ask> {
        let _ = (index, cx);
        Vec::new()
    }

    /// The wheel, in rows.
    fn scroll(&mut self, rows: i16, cx: &Cx<'_>) {
        let _ = cx;
        if let Some(list) = self.list() {
            list.scroll(rows);
        }
    }

    /// How many rows its list showed in the last frame.
    fn set_page(&mut self, rows: u16) {
        if let Some(list) = self.list() {
            list.set_page(rows);
        }
    }

    /// A line of text: while it is typed, and when it is `entered`.
    ///
    /// # Errors
    /// With what is wrong with the text; it shows below the line.
    fn prompt(
        &mut self,
        kind: PromptKind,
        text: &str,
        entered: bool,
        cx: &Cx<'_>,
    ) -> Result<Vec<Ask>, String> {
        let _ = (kind, entered);
        if let Some(list) = self.list() {
            *list.filter() = Filter::parse(text)?;
            self.reindex(cx);
        }
        Ok(Vec::new())
    }

    /// A row of the last [`Choice`] was chosen.
    fn chosen(&mut self, index: usize, cx: &Cx<'_>) -> Vec<Ask> {
        let _ = (index, cx);
        Vec::new()
    }

    /// Selects a thing, if it is here.
    fn select(&mut self, thing: &Thing, cx: &Cx<'_>) {
        let _ = (thing, cx);
    }

    /// The thing under the cursor.
    fn selected(&self, cx: &Cx<'_>) -> Option<Thing>;

    /// A verb is meant for the row under the cursor: whatever is sorted anew, the next one is too.
    fn hold(&mut self) {
        if let Some(list) = self.list() {
            list.choose();
        }
    }

    /// The things whose rows are marked.
    fn marked(&self) -> Vec<Thing> {
        Vec::new()
    }

    /// The moment under its chart's cursor, or another that it is about.
    fn moment(&self, cx: &Cx<'_>) -> Option<Millis> {
        let _ = cx;
        None
    }

    /// What the fast ticks of the sources should ask for while it is open.
    fn focus(&self, cx: &Cx<'_>) -> Focus {
        let _ = cx;
        Focus::default()
    }

    /// Details it needs while it is open. What is no longer wanted is cancelled.
    fn wants(&self, cx: &Cx<'_>) -> Vec<Want> {
        let _ = cx;
        Vec::new()
    }

    /// A detail it wanted has come.
    fn fetched(
        &mut self,
        query: &Query,
        result: &Result<Detail, Fault>,
        asked_at: Millis,
        cx: &Cx<'_>,
    ) -> Vec<Ask> {
        let _ = (query, result, asked_at, cx);
        Vec::new()
    }

    /// Work off the loop is done.
    fn computed(&mut self, computed: &Computed, cx: &Cx<'_>) {
        let _ = (computed, cx);
    }

    /// The five or six commands that its footer should show first.
    fn hints(&self) -> &'static [Command];

    /// The selected row as one line, for the clipboard.
    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let _ = cx;
        None
    }

    /// The whole pane as a Markdown table: titles and rows.
    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>);

    /// Draws the pane into its area.
    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits;
}
