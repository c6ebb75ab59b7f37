//! The scheduler of the simulated Airflow: runs, their tasks and what becomes of them as time passes.
//!
//! Training makes a run in the tracking server, registering a version of the model; both bear what the
//! pipeline hands to its job in `MLFLOW_RUN_CONTEXT`.

use serde_json::{Map, Value, json};

use super::dags::{DAGS, Dag};
use crate::sim::world::run::Status;
use crate::sim::world::{World, retrain};

/// Milliseconds until the scheduler has seen a run, and between two tasks.
const SEEN: i64 = 2_000;
const BETWEEN: i64 = 1_000;
const NEVER: i64 = i64::MAX;
pub(super) const DAY: i64 = 86_400_000;
/// How long before the fleet's start the weekly run was asked for.
const WEEKLY_AGO: i64 = 10_000;

/// One try of a task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Task {
    /// None until the scheduler has thought of it.
    pub(crate) state: Option<&'static str>,
    pub(crate) queued: Option<i64>,
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
    /// 0 before the first.
    pub(crate) attempt: u32,
}

/// A run of a pipeline; times are epoch milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct DagRun {
    pub(crate) dag: &'static Dag,
    pub(crate) id: String,
    pub(crate) conf: Map<String, Value>,
    pub(crate) params: Map<String, Value>,
    pub(crate) note: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) logical: Option<i64>,
    pub(crate) queued: i64,
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
    pub(crate) updated: i64,
    pub(crate) state: &'static str,
    pub(crate) tasks: Vec<Task>,
    /// What its training has made.
    pub(crate) mlflow_run: Option<String>,
    pub(crate) version: Option<u32>,
    /// Why what it was to deploy is not there.
    pub(crate) undeployed: Option<String>,
    /// What happens next, and when.
    next: Next,
    due: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    /// The scheduler looks whether it may start.
    Start,
    /// A task begins.
    Begin(usize),
    /// A task ends.
    End(usize),
    Nothing,
}

/// The state of the server.
#[derive(Debug, Default)]
pub(crate) struct Pipelines {
    pub(crate) runs: Vec<DagRun>,
    /// Definitions whose pause somebody has changed.
    pub(crate) paused: Vec<(&'static str, bool)>,
    /// When the scheduler died, unless it lives.
    pub(crate) dead_since: Option<i64>,
}

impl Pipelines {
    pub(crate) fn is_paused(&self, dag: &Dag) -> bool {
        let changed = self.paused.iter().rev().find(|(id, _)| *id == dag.id);
        changed.map_or(dag.paused, |(_, paused)| *paused)
    }

    pub(crate) fn find(&self, dag: &str, id: &str) -> Option<&DagRun> {
        self.runs
            .iter()
            .find(|run| run.dag.id == dag && run.id == id)
    }

    pub(crate) fn find_mut(&mut self, dag: &str, id: &str) -> Option<&mut DagRun> {
        self.runs
            .iter_mut()
            .find(|run| run.dag.id == dag && run.id == id)
    }

    /// Runs that wait may start now: something ended, or was set free.
    pub(crate) fn wake(&mut self, now: i64) {
        for run in &mut self.runs {
            if run.next == Next::Start && run.due == NEVER {
                run.due = now;
            }
        }
    }

    fn may_start(&self, at: usize) -> bool {
        let run = &self.runs[at];
        let live = |other: &&DagRun| other.dag.id == run.dag.id && other.state == "running";
        self.dead_since.is_none()
            && !self.is_paused(run.dag)
            && self.runs.iter().filter(live).count() < run.dag.most
    }
}

impl DagRun {
    /// A run that has just been asked for.
    pub(crate) fn new(
        dag: &'static Dag,
        id: String,
        conf: Map<String, Value>,
        params: Map<String, Value>,
        now: i64,
    ) -> Self {
        Self {
            dag,
            id,
            conf,
            params,
            note: None,
            user: None,
            kind: "manual",
            logical: None,
            queued: now,
            start: None,
            end: None,
            updated: now,
            state: "queued",
            tasks: vec![Task::default(); dag.tasks.len()],
            mlflow_run: None,
            version: None,
            undeployed: None,
            next: Next::Start,
            due: now + SEEN,
        }
    }

    /// Ends a run by hand: what runs fails, what waits is skipped.
    pub(crate) fn finish(&mut self, state: &'static str, now: i64) {
        for task in &mut self.tasks {
            if task.end.is_none() && task.start.is_some() {
                task.state = Some(if state == "success" {
                    "success"
                } else {
                    "failed"
                });
                task.end = Some(now);
            } else if task.end.is_none() {
                task.state = Some("skipped");
                (task.start, task.end) = (Some(now), Some(now));
            }
        }
        self.state = state;
        self.end = Some(now);
        self.updated = now;
        (self.next, self.due) = (Next::Nothing, NEVER);
    }

    /// Puts tasks back, and leaves the run as it is.
    pub(crate) fn forget(&mut self, tasks: &[usize], now: i64) {
        for at in tasks {
            let attempt = self.tasks[*at].attempt;
            self.tasks[*at] = Task {
                attempt,
                ..Task::default()
            };
        }
        self.updated = now;
    }

    /// Runs tasks again.
    pub(crate) fn clear(&mut self, tasks: &[usize], now: i64) {
        if tasks.is_empty() {
            return;
        }
        self.forget(tasks, now);
        self.state = "queued";
        (self.start, self.end) = (None, None);
        self.queued = now;
        self.updated = now;
        (self.next, self.due) = (Next::Start, now + SEEN);
    }

    /// Why the present try of a task fails, if it does.
    pub(crate) fn breaks(&self, place: usize) -> Option<&'static str> {
        self.dag
            .breaks(&self.params, place, self.tasks[place].attempt)
    }

    /// Why the present try of a task fails or has failed, if so.
    pub(crate) fn why(&self, place: usize) -> Option<&str> {
        self.breaks(place).or(self.undeployed.as_deref())
    }

    /// Milliseconds that a task takes.
    pub(crate) fn lasts(&self, place: usize) -> i64 {
        self.dag.lasts(&self.params, place) * 1_000
    }

    /// A parameter that is a text.
    pub(crate) fn text(&self, name: &str) -> &str {
        let value = self.params.get(name).and_then(Value::as_str);
        value.unwrap_or_default()
    }

    /// The model that it is about.
    pub(crate) fn model(&self) -> &str {
        if self.dag.deploys() {
            self.text("MODEL")
        } else {
            self.dag.model
        }
    }
}

impl World {
    /// Lets the scheduler work until a time.
    pub(crate) fn play_pipelines(&mut self, until: i64) {
        loop {
            let runs = self.pipelines.runs.iter().enumerate();
            let first = runs
                .min_by_key(|(_, run)| run.due)
                .map(|(at, run)| (at, run.due));
            let Some((at, due)) = first.filter(|(_, due)| *due <= until) else {
                return;
            };
            self.now = self.now.max(due);
            self.step(at, due);
        }
    }

    fn step(&mut self, at: usize, now: i64) {
        let next = self.pipelines.runs[at].next;
        let may_start = self.pipelines.may_start(at);
        let run = &mut self.pipelines.runs[at];
        match next {
            Next::Nothing => run.due = NEVER,
            Next::Start if !may_start => run.due = NEVER,
            Next::Start => {
                run.state = "running";
                run.start = Some(now);
                run.updated = now;
                let task = run.tasks.iter().position(|task| task.end.is_none());
                match task {
                    Some(task) => {
                        run.tasks[task].state = Some("queued");
                        run.tasks[task].queued = Some(now);
                        (run.next, run.due) = (Next::Begin(task), now + BETWEEN);
                    }
                    None => self.finish_run(at, "success", now),
                }
            }
            Next::Begin(task) => {
                let one = &mut run.tasks[task];
                one.state = Some("running");
                one.start = Some(now);
                one.attempt += 1;
                (run.next, run.due) = (Next::End(task), now + run.lasts(task));
                if run.dag.tasks[task].0 == "train" {
                    self.train(at, now);
                }
            }
            Next::End(task) => {
                let name = run.dag.tasks[task].0;
                self.pipelines.runs[at].undeployed = match name {
                    "check" => self.undeployable(at),
                    "deploy" => self.deploy(at),
                    _ => None,
                };
                let run = &mut self.pipelines.runs[at];
                let fails = run.why(task).is_some();
                let one = &mut run.tasks[task];
                one.state = Some(if fails { "failed" } else { "success" });
                one.end = Some(now);
                if fails {
                    for later in &mut run.tasks[task + 1..] {
                        later.state = Some("upstream_failed");
                        (later.start, later.end) = (Some(now), Some(now));
                    }
                    self.fail_training(at, now);
                    self.finish_run(at, "failed", now);
                    return;
                }
                match name {
                    "train" => self.end_training(at, now),
                    "register" => self.register_trained(at),
                    _ => {}
                }
                let run = &mut self.pipelines.runs[at];
                if task + 1 < run.tasks.len() {
                    run.tasks[task + 1].state = Some("queued");
                    run.tasks[task + 1].queued = Some(now);
                    run.updated = now;
                    (run.next, run.due) = (Next::Begin(task + 1), now + BETWEEN);
                } else {
                    self.finish_run(at, "success", now);
                }
            }
        }
    }

    fn finish_run(&mut self, at: usize, state: &'static str, now: i64) {
        let run = &mut self.pipelines.runs[at];
        run.state = state;
        run.end = Some(now);
        run.updated = now;
        (run.next, run.due) = (Next::Nothing, NEVER);
        self.pipelines.wake(now);
    }

    /// Starts the training's run in the tracking server.
    fn train(&mut self, at: usize, now: i64) {
        let run = &self.pipelines.runs[at];
        let (dag, params) = (run.dag, run.params.clone());
        let id = run.id.clone();
        let Some(mut trained) = retrain::trained(self, dag.model, now) else {
            return;
        };
        let text = |name: &str| match &params[name] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        for name in [
            "epochs",
            "learning_rate",
            "sampling",
            "data_from",
            "data_until",
        ] {
            trained.params.retain(|(known, _)| **known != *name);
            trained.params.push((name.into(), text(name).into()));
        }
        let (key, value) = context(dag, &id);
        trained.set_tag(key, &value);
        self.pipelines.runs[at].mlflow_run = Some(trained.id.to_string());
        self.push_run(trained);
    }

    fn end_training(&mut self, at: usize, now: i64) {
        let Some(id) = self.pipelines.runs[at].mlflow_run.clone() else {
            return;
        };
        if let Some(run) = self.run_mut(&id) {
            run.status = Status::Finished;
            run.end = Some(now);
        }
    }

    fn fail_training(&mut self, at: usize, now: i64) {
        let id = self.pipelines.runs[at].mlflow_run.clone();
        self.abandon_training(id.as_deref(), now);
    }

    /// Ends a training's run that nobody goes on with.
    pub(crate) fn abandon_training(&mut self, id: Option<&str>, now: i64) {
        let id = id.unwrap_or_default();
        if let Some(run) = self.run_mut(id).filter(|run| run.status == Status::Running) {
            run.status = Status::Failed;
            run.end = Some(now);
        }
    }

    fn register_trained(&mut self, at: usize) {
        let run = &self.pipelines.runs[at];
        let (dag, id) = (run.dag, run.id.clone());
        let Some(trained) = run.mlflow_run.clone() else {
            return;
        };
        let version = retrain::register(self, dag.model, &trained);
        if let Some(version) = version
            && let Some(known) = self
                .model_mut(dag.model)
                .and_then(|m| m.version_mut(version))
        {
            let (key, value) = context(dag, &id);
            known.tags.insert(key.to_owned(), value);
        }
        self.pipelines.runs[at].version = version;
    }

    /// Makes up what ran before the start, and tells each model of its pipeline at the server's address.
    pub(crate) fn remember_pipelines(&mut self, url: &str) {
        let epoch = self.epoch();
        let training = DAGS.iter().filter(|dag| !dag.deploys());
        for (index, dag) in training.enumerate() {
            if let Some(model) = self.model_mut(dag.model) {
                let pipeline = format!("{url}/dags/{}", dag.id);
                model
                    .tags
                    .insert("quarterdeck.pipeline".to_owned(), pipeline);
            }
            let newest = self
                .model(dag.model)
                .and_then(|m| m.versions.last())
                .map(|v| v.number);
            for back in (0..6_u32).rev() {
                let queued = epoch - DAY - i64::from(back) * 5 * DAY - index as i64 * 3_700_000;
                let failed = dag.fails_at.is_some() && back < 2;
                let conf = match dag.fails_at {
                    // It ended well as long as rows were drawn otherwise.
                    Some(_) if !failed => json!({"sampling": "stratified"}),
                    _ => json!({"epochs": 3 + back % 3}),
                };
                let conf = conf.as_object().cloned().unwrap_or_default();
                let params = dag.fill(&conf).unwrap_or_default();
                let id = format!("manual__{}", super::wire::stamp(queued));
                let mut run = DagRun::new(dag, id, conf, params, queued);
                run.user = Some("ci".to_owned());
                let version = newest.and_then(|newest| newest.checked_sub(back));
                run.pass(version.filter(|number| *number > 0 && !failed));
                self.pipelines.runs.push(run);
            }
        }
        self.remember_deployments(epoch);
        self.begin_weekly_run(epoch);
    }

    /// The pipeline with a schedule is at work when the fleet starts: slowly, for a full refresh.
    fn begin_weekly_run(&mut self, epoch: i64) {
        let Some(dag) = DAGS.iter().find(|dag| dag.schedule.is_some()) else {
            return;
        };
        let conf = json!({"epochs": 40, "full_refresh": true});
        let conf = conf.as_object().cloned().unwrap_or_default();
        let params = dag.fill(&conf).unwrap_or_default();
        let queued = epoch - WEEKLY_AGO;
        let id = format!("scheduled__{}", super::wire::stamp(queued));
        let mut run = DagRun::new(dag, id, conf, params, queued);
        run.kind = "scheduled";
        run.logical = Some(queued);
        self.pipelines.runs.push(run);
        self.play_pipelines(epoch);
    }
}

impl DagRun {
    /// Plays the whole run in the past, without making anything.
    pub(super) fn pass(&mut self, version: Option<u32>) {
        let mut at = self.queued + SEEN;
        self.start = Some(at);
        let mut fails = None;
        for index in 0..self.tasks.len() {
            let lasts = self.lasts(index);
            let task = &mut self.tasks[index];
            if fails.is_some() {
                task.state = Some("upstream_failed");
                (task.start, task.end) = (Some(at), Some(at));
                continue;
            }
            task.queued = Some(at);
            at += BETWEEN;
            task.start = Some(at);
            at += lasts;
            task.end = Some(at);
            task.attempt = 1;
            fails = self.breaks(index);
            self.tasks[index].state = Some(if fails.is_some() { "failed" } else { "success" });
        }
        self.state = if fails.is_some() { "failed" } else { "success" };
        self.end = Some(at);
        self.updated = at;
        self.version = version;
        (self.next, self.due) = (Next::Nothing, NEVER);
    }
}

/// The tag that the pipeline hands to its job in `MLFLOW_RUN_CONTEXT`, and that the job puts on what it
/// registers.
fn context(dag: &Dag, run: &str) -> (&'static str, String) {
    ("quarterdeck.pipeline_run", format!("{}/{run}", dag.id))
}
