//! Pipelines: the runs of all definitions, the one that moved last first, and whether anything starts
//! them at all.

pub(super) mod view;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::list::{self, List, Listing};
use super::{Ask, Cx, Pane, Place, Thing};
use crate::domain::action::Wish;
use crate::domain::last_known::Held;
use crate::domain::pipeline::{Ending, PipelineRun, PipelineRunKey, PipelineState};
use crate::domain::text::Clean;
use crate::intent::command::{Command, Scope};
use crate::intent::filter::Searchable;
use crate::intent::msg::Notice;
use crate::ui::hits::Hits;
use crate::ui::look::Look;

/// What the rows are sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Order {
    /// What moved last first.
    #[default]
    Moved,
    /// Live ones first, then what failed.
    State,
    /// By pipeline, then what moved last first.
    Pipeline,
    /// The longest first.
    Lasted,
}

impl Order {
    const ALL: [Self; 4] = [Self::Moved, Self::State, Self::Pipeline, Self::Lasted];
}

/// The pane's state: which rows, in which order, and the cursor.
#[derive(Debug, Default)]
pub struct Pipelines {
    list: List<PipelineRunKey>,
    order: Order,
}

impl Pipelines {
    /// The pane before its first frame.
    pub fn new() -> Self {
        Self::default()
    }

    fn current<'a>(&self, cx: &Cx<'a>) -> Option<&'a Held<PipelineRun>> {
        cx.fleet.pipeline_run(self.list.current()?)
    }
}

/// A run as the filter sees it.
struct Searched<'a>(&'a PipelineRun, &'a Cx<'a>);

impl Searchable for Searched<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        let cells = view::cells(self.0, self.1);
        cells.iter().any(|text| each(text)) || each(self.0.note.as_str())
    }

    fn text_of(&self, column: &str) -> Option<String> {
        let at = view::TITLES
            .iter()
            .position(|t| t.eq_ignore_ascii_case(column))?;
        let cells = view::cells(self.0, self.1);
        cells.get(at).cloned()
    }

    fn number_of(&self, column: &str) -> Option<f64> {
        match column {
            "lasted" => self.0.lasted(self.1.now.wall).map(|d| d.as_secs_f64()),
            _ => None,
        }
    }
}

/// Why a run in this state is not cancelled, or not tried again.
pub(super) fn cannot(command: Command, state: &PipelineState) -> Option<Clean> {
    let text = match command {
        Command::CancelRun if !state.is_live() => format!("it has ended: {}", state.word()),
        Command::RetryRun if state.is_live() => format!("it has not ended: {}", state.word()),
        Command::RetryRun if *state == PipelineState::Ended(Ending::Success) => {
            "none of its tasks has failed".to_owned()
        }
        _ => return None,
    };
    Some(Clean::name(&text))
}

/// Where a state stands among others: what runs, what waits, what failed, and the rest.
fn rank(state: &PipelineState) -> u8 {
    match state {
        PipelineState::Unknown(_) => 0,
        PipelineState::Running => 1,
        state if state.is_waiting() => 2,
        state if state.is_failed() => 3,
        _ => 4,
    }
}

impl Pane for Pipelines {
    fn place(&self) -> Place {
        Place::Pipelines
    }

    fn title(&self, _cx: &Cx<'_>) -> Clean {
        Clean::name("Pipelines")
    }

    fn list(&mut self) -> Option<&mut dyn Listing> {
        Some(&mut self.list)
    }

    fn reindex(&mut self, cx: &Cx<'_>) {
        let all = cx.fleet.pipeline_runs().map(|held| &held.fact);
        let empty = self.list.filter.is_empty();
        let keeps = |run: &&PipelineRun| empty || self.list.filter.keeps(&Searched(run, cx));
        let mut runs: Vec<&PipelineRun> = all.filter(keeps).collect();
        let now = cx.now.wall;
        runs.sort_by(|a, b| {
            let by = match self.order {
                Order::Moved => std::cmp::Ordering::Equal,
                Order::State => rank(&a.state).cmp(&rank(&b.state)),
                Order::Pipeline => a.key.pipeline.id.cmp(&b.key.pipeline.id),
                Order::Lasted => b.lasted(now).cmp(&a.lasted(now)),
            };
            by.then_with(|| b.moved().cmp(&a.moved()))
                .then_with(|| a.key.cmp(&b.key))
        });
        let rows = runs.into_iter().map(|run| run.key.clone()).collect();
        let all = cx.fleet.pipeline_runs().len();
        self.list.set(rows, all, PipelineRunKey::eq);
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        match command {
            Command::Open => {
                let key = self.list.current()?.clone();
                Some(vec![Ask::Open(Place::PipelineRun(key))])
            }
            Command::CancelRun => {
                let key = self.list.current()?.clone();
                Some(vec![Ask::Wish(Box::new(Wish::CancelRun(key)))])
            }
            // Which tasks failed is read on the run's page.
            Command::RetryRun => {
                let key = self.list.current()?.clone();
                let told = Notice {
                    bad: false,
                    text: Clean::name("its tasks are read here: R runs those that failed again"),
                };
                Some(vec![Ask::Open(Place::PipelineRun(key)), Ask::Say(told)])
            }
            Command::Sort => {
                let at = Order::ALL.iter().position(|o| *o == self.order);
                self.order = Order::ALL[(at.unwrap_or(0) + 1) % Order::ALL.len()];
                self.reindex(cx);
                Some(Vec::new())
            }
            _ => {
                let hint = "words, !word, state:failed, model:churn, pipeline:retrain, lasted>600";
                list::command(self, command, hint, cx)
            }
        }
    }

    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        let none = self.current(cx).is_none();
        let why = match command {
            Command::Open
            | Command::CopyRow
            | Command::Menu
            | Command::CancelRun
            | Command::RetryRun
                if none =>
            {
                "no run is selected"
            }
            Command::GoModel | Command::Retrain if self.selected(cx).is_none() => {
                "no model is joined to it"
            }
            Command::CancelRun | Command::RetryRun => {
                let state = self.current(cx).map(|held| &held.fact.state);
                return state.and_then(|state| cannot(command, state));
            }
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn scopes(&self) -> &'static [Scope] {
        &[Scope::Pipelines, Scope::List]
    }

    fn select(&mut self, thing: &Thing, cx: &Cx<'_>) {
        if let Thing::Model(model) = thing {
            let of_model = |run: &PipelineRunKey| {
                let held = cx.fleet.pipeline_run(run);
                held.is_some_and(|held| cx.fleet.models_of_pipeline_run(&held.fact).contains(model))
            };
            self.list.select(of_model);
        }
    }

    fn selected(&self, cx: &Cx<'_>) -> Option<Thing> {
        let run = &self.current(cx)?.fact;
        let models = cx.fleet.models_of_pipeline_run(run);
        models.into_iter().next().map(Thing::Model)
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::Open,
            Command::Filter,
            Command::Retrain,
            Command::CancelRun,
            Command::RetryRun,
            Command::GoModel,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let run = &self.current(cx)?.fact;
        Some(Clean::text(&view::cells(run, cx).join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = view::TITLES.map(str::to_owned).to_vec();
        let rows = self.list.rows.iter();
        let rows = rows.filter_map(|key| cx.fleet.pipeline_run(key));
        let rows = rows.map(|held| view::cells(&held.fact, cx).to_vec());
        (titles, rows.collect())
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
