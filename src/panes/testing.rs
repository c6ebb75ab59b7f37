//! A small fleet for the tests of panes, built from domain values as adapters would send them.

use std::sync::Arc;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Cx, Pane};
use crate::domain::action::Writes;
use crate::domain::deployment::{EndpointReading, Health, Known, ServedState, ServedVersion};
use crate::domain::fleet::Fleet;
use crate::domain::key::{
    DeploymentKey, DeploymentKind, ExperimentKey, Key, ModelKey, RegistryKey, RunKey, SourceId,
    VersionKey,
};
use crate::domain::model::{Alias, ModelVersion, Name, RegisteredModel, VersionStatus};
use crate::domain::observation::{ContextRef, Coverage, Feed, Observation, Rows};
use crate::domain::run::{DatasetUse, Experiment, LastMetric, Run, RunStatus};
use crate::domain::settings::{
    Context, DeploymentSettings, Follows, Rollout, SourceKind, SourceSettings,
};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now, Window};
use crate::intent::command::Command;
use crate::ui::look::Look;

pub(crate) use crate::ui::testing::{NOW, look, screen};

/// The base URL of the only tracker and registry.
pub(crate) const BASE: &str = "http://ml.test";

/// An instant before [`NOW`].
pub(crate) fn ago(seconds: u64) -> Millis {
    NOW.wall.minus(Duration::from_secs(seconds))
}

/// The registry and tracker.
pub(crate) fn registry() -> Arc<RegistryKey> {
    Arc::new(RegistryKey {
        base: Key::new(BASE),
        workspace: Key::new(""),
    })
}

/// The identity of a run by its raw id.
pub(crate) fn run_key(id: &str) -> RunKey {
    RunKey {
        tracker: registry(),
        id: Key::new(id),
    }
}

/// The identity of an experiment by its raw id.
pub(crate) fn experiment_key(id: &str) -> ExperimentKey {
    ExperimentKey {
        tracker: registry(),
        id: Key::new(id),
    }
}

/// The identity of a model by its raw name.
pub(crate) fn model_key(name: &str) -> ModelKey {
    ModelKey {
        registry: registry(),
        name: Key::new(name),
        created: ago(90 * 86_400),
    }
}

fn pairs(all: &[(&str, &str)]) -> Arc<[(Clean, Clean)]> {
    all.iter()
        .map(|(k, v)| (Clean::name(k), Clean::text(v)))
        .collect()
}

/// A finished run of an experiment, an hour long, started so many seconds ago.
pub(crate) fn run(experiment: &str, id: &str, name: &str, started: u64) -> Run {
    Run {
        key: run_key(id),
        experiment: experiment_key(experiment),
        name: Clean::name(name),
        user: Clean::name("ana"),
        status: RunStatus::Finished,
        started: ago(started),
        ended: Some(ago(started).plus(Duration::from_secs(3_600))),
        deleted: false,
        artifacts: Clean::name("s3://artifacts/run"),
        metrics: Arc::from([]),
        params: Arc::from([]),
        tags: Arc::from([]),
        datasets: Arc::from([]),
        outputs: Arc::from([]),
    }
}

/// Changes to a [`run`], one after another.
pub(crate) trait RunWith: Sized {
    /// With latest metric values, at step 100.
    fn metrics(self, all: &[(&str, f64)]) -> Self;
    /// With parameters.
    fn params(self, all: &[(&str, &str)]) -> Self;
    /// With tags.
    fn tags(self, all: &[(&str, &str)]) -> Self;
    /// With a training dataset.
    fn dataset(self, name: &str, digest: &str) -> Self;
    /// With a status; a live one has no end.
    fn status(self, status: RunStatus) -> Self;
    /// By another user.
    fn by(self, user: &str) -> Self;
}

impl RunWith for Run {
    fn metrics(mut self, all: &[(&str, f64)]) -> Self {
        let at = self.started.plus(Duration::from_secs(600));
        self.metrics = all
            .iter()
            .map(|(name, value)| LastMetric {
                name: Name::new(name),
                value: *value,
                step: 100,
                at,
            })
            .collect();
        self
    }

    fn params(mut self, all: &[(&str, &str)]) -> Self {
        self.params = pairs(all);
        self
    }

    fn tags(mut self, all: &[(&str, &str)]) -> Self {
        self.tags = pairs(all);
        self
    }

    fn dataset(mut self, name: &str, digest: &str) -> Self {
        self.datasets = Arc::from([DatasetUse {
            name: Clean::name(name),
            digest: Clean::name(digest),
            context: Clean::name("training"),
            source_kind: Clean::name("s3"),
            source: Clean::name("s3://data/train.parquet"),
        }]);
        self
    }

    fn status(mut self, status: RunStatus) -> Self {
        if status.is_live() {
            self.ended = None;
        }
        self.status = status;
        self
    }

    fn by(mut self, user: &str) -> Self {
        self.user = Clean::name(user);
        self
    }
}

/// A fleet being built, with the source `ml`.
#[derive(Debug)]
pub(crate) struct World {
    /// The fleet.
    pub(crate) fleet: Fleet,
    /// The screen that panes are told of.
    pub(crate) screen: (u16, u16),
    /// The present.
    pub(crate) now: Now,
    /// What was written.
    pub(crate) writes: Writes,
    source: SourceId,
}

impl World {
    /// An empty fleet.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// An empty fleet whose settings were touched up.
    pub(crate) fn with(edit: impl FnOnce(&mut Context)) -> Self {
        let mut context = Context {
            name: Clean::name("test"),
            sources: vec![SourceSettings::new("ml", SourceKind::Mlflow, BASE)],
            ..Context::default()
        };
        edit(&mut context);
        let reference = ContextRef {
            name: context.name.clone(),
            generation: 0,
        };
        Self {
            fleet: Fleet::new(Arc::new(reference), Arc::new(context)),
            screen: (120, 36),
            now: NOW,
            writes: Writes::new(),
            source: SourceId::new("ml"),
        }
    }

    /// What a pane may read.
    pub(crate) fn cx(&self) -> Cx<'_> {
        Cx {
            fleet: &self.fleet,
            writes: &self.writes,
            now: self.now,
            window: Window::default(),
            screen: self.screen,
        }
    }

    /// Takes rows in, as one answer of the source.
    pub(crate) fn observe(&mut self, feed: Feed, upserts: Rows) {
        self.observe_at(feed, upserts, ago(5));
    }

    /// Takes rows in that were asked for at an instant.
    pub(crate) fn observe_at(&mut self, feed: Feed, upserts: Rows, asked_at: Millis) {
        let observation = Observation {
            context: Arc::clone(self.fleet.context()),
            source: self.source.clone(),
            feed,
            asked_at,
            server_time: None,
            coverage: Coverage::Partial,
            upserts,
            gone: Vec::new(),
        };
        self.fleet.merge(observation, self.now.wall);
    }

    /// An experiment.
    pub(crate) fn experiment(&mut self, id: &str, name: &str) -> ExperimentKey {
        let key = experiment_key(id);
        let fact = Experiment {
            key: key.clone(),
            name: Clean::name(name),
            created: ago(60 * 86_400),
            updated: ago(60 * 86_400),
            tags: Arc::from([]),
        };
        self.observe(Feed::Experiments, Rows::Experiments(vec![fact]));
        key
    }

    /// Runs.
    pub(crate) fn runs(&mut self, runs: impl IntoIterator<Item = Run>) {
        self.observe(Feed::OpenRuns, Rows::Runs(runs.into_iter().collect()));
    }

    /// A registered model with aliases, each a name and a version.
    pub(crate) fn model(&mut self, name: &str, aliases: &[(&str, &str)]) -> ModelKey {
        let key = model_key(name);
        let fact = RegisteredModel {
            key: key.clone(),
            name: Clean::name(name),
            updated: ago(3_600),
            description: Clean::empty(),
            tags: Arc::from([]),
            aliases: aliases
                .iter()
                .map(|(alias, version)| Alias {
                    name: Name::new(alias),
                    version: Key::new(version),
                })
                .collect(),
        };
        self.observe(Feed::Models, Rows::Models(vec![fact]));
        key
    }

    /// A version of a model, perhaps made by a run.
    pub(crate) fn version(
        &mut self,
        model: &ModelKey,
        version: &str,
        run: Option<&str>,
    ) -> VersionKey {
        let key = VersionKey {
            model: model.clone(),
            version: Key::new(version),
        };
        let age = 86_400 * (40 - version.parse::<u64>().unwrap_or(0).min(39));
        let fact = ModelVersion {
            key: key.clone(),
            version: Clean::name(version),
            created: ago(age),
            updated: ago(age),
            stage: None,
            description: Clean::empty(),
            source: Clean::name("runs:/model"),
            run: run.map(run_key),
            logged_model: None,
            status: VersionStatus::Ready,
            status_message: Clean::empty(),
            tags: Arc::from([]),
        };
        self.observe(Feed::Versions, Rows::Versions(vec![fact]));
        key
    }

    /// What an endpoint answers, configured with [`endpoint_settings`].
    pub(crate) fn endpoint(&mut self, name: &str, model: &str, version: &str) -> DeploymentKey {
        let settings = endpoint_settings(name, model);
        let key = DeploymentKey {
            kind: settings.kind,
            base: Key::new(&settings.url),
            scope: Key::new(""),
            name: Key::new(model),
        };
        let fact = EndpointReading {
            key: key.clone(),
            name: Clean::name(name),
            health: Health::Ready,
            message: Clean::empty(),
            versions: vec![ServedVersion {
                version: Key::new(version),
                known: Known::Reported,
                state: ServedState::Answering,
                message: Clean::empty(),
            }],
            default_version: Some(Key::new(version)),
            server: Clean::name("mlserver 1.7"),
            latency: Some(Duration::from_millis(12)),
            versions_unread: Clean::empty(),
            versions_at: None,
        };
        self.observe(Feed::Endpoint, Rows::Endpoints(vec![fact]));
        key
    }

    /// Shows a pane at a size, as the root would: refreshed, drawn, and told of its page.
    pub(crate) fn show(&mut self, pane: &mut dyn Pane, columns: u16, rows: u16) -> Buffer {
        self.show_with(pane, &look(columns, rows))
    }

    /// The same with a look.
    pub(crate) fn show_with(&mut self, pane: &mut dyn Pane, look: &Look) -> Buffer {
        self.screen = (look.columns, look.rows);
        // The root keeps two rows above and two below.
        let area = Rect::new(0, 0, look.columns, look.rows - 4);
        let mut buf = Buffer::empty(area);
        pane.refresh(&self.cx());
        let hits = pane.view(&self.cx(), look, area, &mut buf);
        if let Some(page) = hits.page {
            pane.set_page(page);
        }
        buf
    }

    /// Carries commands out, refreshing in between as the root does.
    pub(crate) fn press(&self, pane: &mut dyn Pane, commands: &[Command]) -> Vec<super::Ask> {
        let mut asks = Vec::new();
        for command in commands {
            pane.refresh(&self.cx());
            if pane.disabled(*command, &self.cx()).is_none() {
                asks.extend(pane.update(*command, &self.cx()).unwrap_or_default());
            }
        }
        pane.refresh(&self.cx());
        asks
    }
}

/// The settings of an endpoint that [`World::endpoint`] answers for; put them into the context.
pub(crate) fn endpoint_settings(name: &str, model: &str) -> DeploymentSettings {
    DeploymentSettings {
        name: name.to_owned(),
        kind: DeploymentKind::V2,
        url: format!("http://{name}.test"),
        model: Some(model.to_owned()),
        served_name: None,
        follows: Follows::Default,
        environment: Some("prod".to_owned()),
        version_map: None,
        declared_version: None,
        hold: None,
        rollout: Rollout::None,
        hook: None,
    }
}

#[test]
fn a_world_joins_models_runs_and_endpoints() {
    let mut world = World::with(|context| {
        context
            .deployments
            .push(endpoint_settings("fraud-eu", "fraud-detector"));
    });
    world.experiment("1", "fraud-training");
    world.runs([run("1", "r1", "xgb", 3_600).metrics(&[("val_auc", 0.9)])]);
    let model = world.model("fraud-detector", &[("champion", "2")]);
    world.version(&model, "1", None);
    world.version(&model, "2", Some("r1"));
    let endpoint = world.endpoint("fraud-eu", "fraud-detector", "1");
    let view = world.fleet.deployment(&endpoint).unwrap();
    assert_eq!(view.model.as_ref(), Some(&model));
    assert_eq!(view.answering[0].version, Some(Key::new("1")));
    assert_eq!(world.fleet.model_made_by(&run_key("r1")), Some(&model));
}
