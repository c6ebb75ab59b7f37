//! One pipeline run: its tasks in the order of the graph with states and durations, and the tail of the
//! selected task's log.

mod tail;
mod view;

#[cfg(test)]
mod tests;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::tail::Tail;
use super::pipelines::cannot;
use super::{Ask, Cx, Pane, Place, Prompt, PromptKind, Thing, Want, move_in};
use crate::domain::action::Wish;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::fleet::made::Made;
use crate::domain::key::{Key, SourceId};
use crate::domain::last_known::Held;
use crate::domain::pipeline::{
    Node, PipelineDetails, PipelineRun, PipelineRunKey, PipelineState, Produced, Task,
};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::SourceKind;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::command::{Command, Scope};
use crate::intent::filter::Filter;
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::table::TableState;

/// How often the tasks and the log of a run that lives are read.
const AGAIN: Duration = Duration::from_secs(2);
/// How many runs of the pipeline are read for how long it usually takes.
const BEFORE: u32 = 20;

/// Which part of the page the movements go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Part {
    #[default]
    Tasks,
    Log,
}

/// The page's state.
#[derive(Debug)]
pub struct PipelineRunPage {
    key: PipelineRunKey,
    details: Option<PipelineDetails>,
    tasks: Vec<Task>,
    read_at: Option<Millis>,
    fault: Option<Clean>,
    produced: Vec<Produced>,
    table: TableState,
    /// Whether a task was chosen by hand: until then the one in trouble is.
    chosen: bool,
    part: Part,
    tail: Option<Tail>,
    search: Filter,
    /// How many lines the log is scrolled up; zero follows it.
    up: usize,
}

impl PipelineRunPage {
    /// The page of a run before its first frame.
    pub fn new(key: PipelineRunKey) -> Self {
        Self {
            key,
            details: None,
            tasks: Vec::new(),
            read_at: None,
            fault: None,
            produced: Vec::new(),
            table: TableState::default(),
            chosen: false,
            part: Part::default(),
            tail: None,
            search: Filter::default(),
            up: 0,
        }
    }

    fn run<'a>(&self, cx: &Cx<'a>) -> Option<&'a Held<PipelineRun>> {
        cx.fleet.pipeline_run(&self.key)
    }

    fn source(&self, cx: &Cx<'_>) -> Option<SourceId> {
        if let Some(held) = self.run(cx) {
            return Some(held.source.clone());
        }
        let sources = cx.fleet.settings().sources.iter();
        let mut ours = sources.filter(|s| s.kind == SourceKind::Airflow);
        let found = ours.find(|s| s.url == self.key.pipeline.base.raw());
        found.map(|s| SourceId::new(&s.name))
    }

    /// Whether something of it may still move.
    fn is_live(&self, cx: &Cx<'_>) -> bool {
        let run = self.run(cx).is_none_or(|held| held.fact.state.is_live());
        run || self.tasks.iter().any(|t| t.state == PipelineState::Running)
    }

    /// The versions that it made, newest first.
    fn made(&self, cx: &Cx<'_>) -> Vec<Made> {
        let run = self.run(cx);
        run.map_or_else(Vec::new, |held| {
            cx.fleet
                .made_by_pipeline_run(&held.fact, &self.produced, &[])
        })
    }

    fn current(&self) -> Option<&Task> {
        self.tasks.get(self.table.selected_in(self.tasks.len())?)
    }

    fn node(&self, task: &Key) -> Option<(usize, &Node)> {
        let graph = &self.details.as_ref()?.graph;
        graph.iter().enumerate().find(|(_, node)| node.id == *task)
    }

    /// How many tasks come before one, on the longest way to it.
    fn depth(&self, task: &Key) -> usize {
        let Some(details) = &self.details else {
            return 0;
        };
        // The graph is in an order in which nothing comes before what it waits for.
        let mut depths: Vec<(&Key, usize)> = details.graph.iter().map(|n| (&n.id, 0)).collect();
        for (at, node) in details.graph.iter().enumerate() {
            let next = depths[at].1 + 1;
            for (id, depth) in &mut depths[at + 1..] {
                if node.next.contains(id) {
                    *depth = (*depth).max(next);
                }
            }
        }
        let found = depths.iter().find(|(id, _)| *id == task);
        found.map_or(0, |(_, depth)| *depth)
    }

    /// Orders the tasks as the graph has them; the cursor stays on its task, and until one is chosen
    /// stands on the one that failed, else on the one that runs, else on the last that ran.
    fn arrange(&mut self, mut tasks: Vec<Task>) {
        let order = |task: &Task| self.node(&task.id).map_or(usize::MAX, |(at, _)| at);
        tasks.sort_by_key(|task| (order(task), task.map_index));
        let before = self.current().map(|t| (t.id.clone(), t.map_index));
        self.tasks = tasks;
        let len = self.tasks.len();
        if self.chosen {
            let same = |at: usize| {
                let task = &self.tasks[at];
                before.as_ref() == Some(&(task.id.clone(), task.map_index))
            };
            self.table.reselect(len, same);
            return;
        }
        let first = |wanted: fn(&Task) -> bool| self.tasks.iter().position(wanted);
        let at = first(|t| t.state.is_failed())
            .or_else(|| first(|t| t.state == PipelineState::Running))
            .or_else(|| self.tasks.iter().rposition(|t| t.attempt > 0));
        self.table.select(at.unwrap_or(0), len);
    }

    /// The log follows the cursor, and the attempt of its task.
    fn follow(&mut self) {
        let key = self.current().and_then(|task| task.log(&self.key));
        if self.tail.as_ref().map(|tail| &tail.key) != key.as_ref() {
            self.tail = key.map(Tail::new);
            self.up = 0;
        }
    }

    fn scroll_log(&mut self, lines: i64) {
        let shown = self
            .tail
            .as_ref()
            .map_or(0, |t| t.lines(&self.search).count());
        let up = i64::try_from(self.up)
            .unwrap_or(i64::MAX)
            .saturating_add(lines);
        let most = i64::try_from(shown.saturating_sub(1)).unwrap_or(i64::MAX);
        self.up = usize::try_from(up.clamp(0, most)).unwrap_or(0);
    }

    fn move_log(&mut self, command: Command) -> bool {
        let page = i64::try_from(self.table.page.max(2)).unwrap_or(10);
        match command {
            Command::Up => self.scroll_log(1),
            Command::Down => self.scroll_log(-1),
            Command::PageUp => self.scroll_log(page),
            Command::PageDown => self.scroll_log(-page),
            Command::HalfUp => self.scroll_log(page / 2),
            Command::HalfDown => self.scroll_log(-page / 2),
            Command::First => self.scroll_log(i64::MAX / 2),
            Command::Last => self.up = 0,
            _ => return false,
        }
        true
    }
}

impl Pane for PipelineRunPage {
    fn place(&self) -> Place {
        Place::PipelineRun(self.key.clone())
    }

    fn title(&self, _cx: &Cx<'_>) -> Clean {
        Clean::name(&format!("Run {}", self.key.id.clean()))
    }

    fn update(&mut self, command: Command, cx: &Cx<'_>) -> Option<Vec<Ask>> {
        match command {
            Command::NextFocus | Command::Open => {
                self.part = match self.part {
                    Part::Tasks => Part::Log,
                    Part::Log => Part::Tasks,
                };
            }
            Command::CancelRun => {
                let wish = Wish::CancelRun(self.key.clone());
                return Some(vec![Ask::Wish(Box::new(wish))]);
            }
            Command::RetryRun => {
                let wish = Wish::RetryRun(self.key.clone(), self.tasks.as_slice().into());
                return Some(vec![Ask::Wish(Box::new(wish))]);
            }
            Command::Filter => {
                return Some(vec![Ask::Prompt(Prompt {
                    kind: PromptKind::Filter,
                    label: "search",
                    initial: self.search.text().to_owned(),
                    hint: "words, !word, level:error, /regex/",
                })]);
            }
            Command::Back if !self.search.is_empty() => self.search = Filter::default(),
            Command::Back if self.up > 0 => self.up = 0,
            Command::Back if self.part == Part::Log => self.part = Part::Tasks,
            _ if self.part == Part::Log => return self.move_log(command).then(Vec::new),
            _ => {
                if !move_in(&mut self.table, command, self.tasks.len()) {
                    return None;
                }
                self.chosen = true;
                self.follow();
            }
        }
        let _ = cx;
        Some(Vec::new())
    }

    fn disabled(&self, command: Command, cx: &Cx<'_>) -> Option<Clean> {
        let why = match command {
            Command::Sort => "tasks stand in the order of the graph",
            Command::Open | Command::NextFocus | Command::CopyRow | Command::RetryRun
                if self.tasks.is_empty() =>
            {
                "its tasks are not read yet"
            }
            Command::GoModel | Command::Retrain if self.selected(cx).is_none() => {
                "no model is joined to it"
            }
            Command::CancelRun | Command::RetryRun => {
                let Some(held) = self.run(cx) else {
                    return Some(Clean::name("the run is not read yet"));
                };
                return cannot(command, &held.fact.state);
            }
            _ => return None,
        };
        Some(Clean::name(why))
    }

    fn scopes(&self) -> &'static [Scope] {
        &[Scope::Pipelines, Scope::List]
    }

    fn click(&mut self, target: Target, _cx: &Cx<'_>) -> Vec<Ask> {
        if let Target::Row(index) = target {
            self.table.select(index, self.tasks.len());
            self.chosen = true;
            self.part = Part::Tasks;
            self.follow();
        }
        Vec::new()
    }

    fn scroll(&mut self, rows: i16, _cx: &Cx<'_>) {
        self.scroll_log(-i64::from(rows));
    }

    fn set_page(&mut self, rows: u16) {
        self.table.set_page(rows, self.tasks.len());
    }

    fn prompt(
        &mut self,
        _kind: PromptKind,
        text: &str,
        _entered: bool,
        _cx: &Cx<'_>,
    ) -> Result<Vec<Ask>, String> {
        self.search = Filter::parse(text)?;
        self.up = 0;
        Ok(Vec::new())
    }

    fn selected(&self, cx: &Cx<'_>) -> Option<Thing> {
        if let Some(made) = self.made(cx).into_iter().next() {
            return Some(Thing::Version(made.version));
        }
        let run = &self.run(cx)?.fact;
        let models = cx.fleet.models_of_pipeline_run(run);
        models.into_iter().next().map(Thing::Model)
    }

    fn wants(&self, cx: &Cx<'_>) -> Vec<Want> {
        let Some(source) = self.source(cx) else {
            return Vec::new();
        };
        let live = self.is_live(cx);
        let every = live.then_some(AGAIN);
        let want = |query, every| Want {
            source: source.clone(),
            query,
            every,
        };
        let mut wants = vec![
            want(Query::Pipeline(self.key.pipeline.clone()), None),
            want(Query::Tasks(self.key.clone()), every),
        ];
        let before = Query::PipelineRuns {
            pipeline: self.key.pipeline.clone(),
            limit: BEFORE,
        };
        wants.push(want(before, None));
        if self.run(cx).is_none() {
            wants.push(want(Query::PipelineRun(self.key.clone()), None));
        }
        let run = self.run(cx);
        let unread = run.map(|held| cx.fleet.unread_of_pipeline_run(&held.fact));
        wants.extend(unread.into_iter().flatten().map(|(source, query)| Want {
            source,
            query,
            every: None,
        }));
        // The tracker's run ends without news of the pipeline.
        if let Some(held) = run
            && let Some(trained) = cx.fleet.trained_in(&held.fact)
            && let Some(row) = cx.fleet.runs().find(&trained)
            && let Some(packed) = cx.fleet.runs().row(row)
            && packed.status.is_live()
            && let Some(model) = cx.fleet.models_of_pipeline_run(&held.fact).first()
            && let Some(registered) = cx.fleet.registered(model)
        {
            wants.push(Want {
                source: registered.source.clone(),
                query: Query::Run(trained),
                every: Some(AGAIN),
            });
        }
        if let Some(tail) = &self.tail {
            // A log that has ended while its task has not may go on.
            let over = tail.done && !live;
            let (query, every) = tail.query(cx.now.mono);
            wants.push(want(query, every.filter(|_| !over)));
        }
        wants
    }

    fn fetched(
        &mut self,
        query: &Query,
        result: &Result<Detail, Fault>,
        asked_at: Millis,
        cx: &Cx<'_>,
    ) -> Vec<Ask> {
        match (query, result) {
            (Query::Pipeline(_), Ok(Detail::Pipeline(details))) => {
                self.details = Some((**details).clone());
                let tasks = std::mem::take(&mut self.tasks);
                self.arrange(tasks);
                self.follow();
            }
            (Query::Tasks(_), Ok(Detail::Tasks(tasks))) => {
                self.read_at = Some(asked_at);
                self.fault = None;
                self.arrange(tasks.clone());
                self.follow();
            }
            (Query::Tasks(_), Err(fault)) => self.fault = Some(Clean::text(&fault.line())),
            (Query::Produced(_), Ok(Detail::Produced(all))) => self.produced.clone_from(all),
            (Query::TaskLog { .. }, result) => {
                let Some(tail) = self.tail.as_mut().filter(|tail| tail.asks(query)) else {
                    return Vec::new();
                };
                match result {
                    Ok(Detail::TaskLog(chunk)) => tail.take(query, chunk, cx.now.mono),
                    Err(fault) if fault.kind == FaultKind::NotFound => {
                        tail.fault = Some(Clean::name("no log yet"));
                    }
                    Err(fault) => tail.fault = Some(Clean::text(&fault.line())),
                    Ok(_) => {}
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn hints(&self) -> &'static [Command] {
        &[
            Command::NextFocus,
            Command::CancelRun,
            Command::RetryRun,
            Command::Retrain,
            Command::GoModel,
            Command::Filter,
        ]
    }

    fn row_text(&self, cx: &Cx<'_>) -> Option<Clean> {
        let cells = view::cells(self, self.current()?, cx);
        Some(Clean::text(&cells.join("  ")))
    }

    fn markdown(&self, cx: &Cx<'_>) -> (Vec<String>, Vec<Vec<String>>) {
        let titles = view::TITLES.map(str::to_owned).to_vec();
        let rows = self.tasks.iter();
        (
            titles,
            rows.map(|t| view::cells(self, t, cx).to_vec()).collect(),
        )
    }

    fn view(&self, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
        view::draw(self, cx, look, area, buf)
    }
}
