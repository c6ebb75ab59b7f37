//! Builds a world from a seed: models, versions, weeks of runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::catalog::{Entry, Flavour, Gap, Kind, MODELS};
use super::files::Recipe;
use super::registry::{Model, Version};
use super::run::{Curve, Dataset, Metric, Run, Status, mix};
use super::script::LIVE;
use super::{Endpoint, Experiment, LoggedModel, Scale, World, evidence};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// What is to be made of one catalogue entry.
struct Plan {
    entry: &'static Entry,
    name: Arc<str>,
    experiment: Arc<str>,
    versions: u32,
    runs: u32,
    champion: Option<u32>,
    challenger: Option<u32>,
    endpoint: Option<String>,
}

fn plans(scale: Scale) -> Vec<Plan> {
    match scale {
        Scale::Demo => MODELS
            .iter()
            .map(|entry| Plan {
                entry,
                name: entry.name.into(),
                experiment: entry.experiment.into(),
                versions: entry.versions,
                runs: 33,
                champion: entry.champion,
                challenger: entry.challenger,
                endpoint: entry.serving.map(|at| at.endpoint.to_owned()),
            })
            .collect(),
        Scale::Load {
            models,
            versions,
            runs,
            endpoints,
        } => (0..models.max(1))
            .map(|index| {
                let entry = &MODELS[index % MODELS.len()];
                Plan {
                    entry,
                    name: format!("{}-{index:04}", entry.name).into(),
                    experiment: format!("{}-{index:04}", entry.experiment).into(),
                    versions: versions.max(1) as u32,
                    runs: (runs / models.max(1)).max(1) as u32,
                    champion: Some(versions.max(1) as u32),
                    challenger: None,
                    endpoint: (index < endpoints).then(|| format!("endpoint-{index:04}")),
                }
            })
            .collect(),
    }
}

/// The endpoints a scale asks for, before they have an address.
pub(crate) fn endpoints(scale: Scale) -> Vec<Endpoint> {
    plans(scale)
        .into_iter()
        .filter_map(|plan| {
            let name = plan.endpoint?;
            let (kind, versions, delay) = match (plan.entry.serving, scale) {
                (Some(at), Scale::Demo) => (at.kind, at.versions.to_vec(), at.delay),
                (Some(at), Scale::Load { .. }) => (at.kind, vec![plan.versions], 2),
                (None, _) => (Kind::MlServer, vec![plan.versions], 2),
            };
            Some(Endpoint::new(name, kind, plan.name, versions, delay))
        })
        .collect()
}

/// Builds the world; `endpoints` have their addresses by now.
pub(crate) fn world(seed: u64, epoch: i64, scale: Scale, endpoints: Vec<Endpoint>) -> World {
    let mut world = World::empty(seed, epoch, endpoints);
    for (index, plan) in plans(scale).into_iter().enumerate() {
        let rng = fastrand::Rng::with_seed(mix(seed ^ (index as u64 + 1)));
        Builder {
            id: (index + 1).to_string().into(),
            plan,
            rng,
            epoch,
            live: scale == Scale::Demo,
        }
        .build(&mut world);
    }
    let oldest = epoch - crate::sim::samples::HISTORY;
    for (index, endpoint) in world.endpoints.iter_mut().enumerate() {
        endpoint.remember(mix(seed ^ ((index as u64 + 1) << 24)), epoch, oldest);
    }
    world.index();
    world
}

struct Builder {
    plan: Plan,
    id: Arc<str>,
    rng: fastrand::Rng,
    epoch: i64,
    live: bool,
}

impl Builder {
    fn build(mut self, world: &mut World) {
        let span = i64::from(self.plan.versions.clamp(4, 14)) * 5 * DAY;
        let newest = self.epoch - DAY - self.rng.i64(0..DAY);
        let first = newest - span;
        world.experiments.push(Experiment {
            id: self.id.clone(),
            name: self.plan.experiment.to_string(),
            created: first - DAY,
            updated: first - DAY,
            deleted: false,
            tags: vec![("team".to_owned(), self.plan.entry.owner.to_owned())],
        });
        let mut model = Model {
            name: self.plan.name.clone(),
            created: first,
            updated: first,
            description: Some(self.plan.entry.description.to_owned()),
            tags: self.model_tags(world),
            aliases: BTreeMap::new(),
            versions: Vec::new(),
        };
        for index in 0..self.plan.runs {
            let start = first
                + (newest - first) * i64::from(index) / i64::from(self.plan.runs.max(2) - 1)
                + self.rng.i64(0..2 * 60 * MINUTE);
            let numbers: Vec<u32> = (1..=self.plan.versions)
                .filter(|number| (self.plan.runs * number / self.plan.versions).max(1) == index + 1)
                .collect();
            let mut run = self.run(index, start, !numbers.is_empty());
            for number in numbers {
                self.register(world, &mut model, &mut run, number);
            }
            world.runs.push(run);
        }
        for (number, stage) in self.plan.entry.stages {
            let at = model.updated + MINUTE;
            model.transition(*number, stage, false, at);
        }
        for (alias, number) in [
            ("champion", self.plan.champion),
            ("challenger", self.plan.challenger),
        ] {
            if let Some(number) = number {
                model.aliases.insert(alias.to_owned(), number);
            }
        }
        if self.live && LIVE.contains(&self.plan.entry.experiment) {
            let run = self.live_run();
            world.runs.push(run);
        }
        self.apply_gap(world, &model);
        world.models.push(model);
    }

    fn model_tags(&self, world: &World) -> BTreeMap<String, String> {
        let entry = self.plan.entry;
        let mut tags = BTreeMap::from([
            ("quarterdeck.owner".to_owned(), entry.owner.to_owned()),
            (
                "quarterdeck.runbook".to_owned(),
                format!("https://runbooks.example/{}", entry.experiment),
            ),
        ]);
        if let Some(endpoint) = world
            .endpoints
            .iter()
            .find(|endpoint| endpoint.model == self.plan.name)
        {
            tags.insert("quarterdeck.deployment".to_owned(), endpoint.url.clone());
        }
        tags
    }

    fn hex(&mut self) -> String {
        format!("{:016x}{:016x}", self.rng.u64(..), self.rng.u64(..))
    }

    /// A finished run; one that becomes a version always ends well.
    fn run(&mut self, index: u32, start: i64, good: bool) -> Run {
        let dice = self.rng.u32(0..100);
        let (status, diverges) = match dice {
            _ if good => (Status::Finished, false),
            0..10 => (Status::Failed, false),
            10..14 => (Status::Killed, false),
            14..23 => (Status::Finished, true),
            _ => (Status::Finished, false),
        };
        let total = self.rng.u32(60..180);
        let interval = self.rng.i64(15_000..45_000);
        let played = match status {
            Status::Failed | Status::Killed => i64::from(self.rng.u32(3..total)),
            _ => i64::from(total),
        };
        let progress = f64::from(index + 1) / f64::from(self.plan.runs);
        let mut run = self.bare_run(start, total, interval, progress, diverges);
        run.status = status;
        run.end = Some(start + played * interval + 1_000);
        run
    }

    /// A run that is still going: one point every two seconds, started ten minutes ago.
    fn live_run(&mut self) -> Run {
        let start = self.epoch - 10 * MINUTE;
        let mut run = self.bare_run(start, 3_000, 2_000, 1.0, false);
        run.status = Status::Running;
        run.end = None;
        run
    }

    fn bare_run(
        &mut self,
        start: i64,
        total: u32,
        interval: i64,
        progress: f64,
        diverges: bool,
    ) -> Run {
        let entry = self.plan.entry;
        let id = self.hex();
        let name = format!("{}-{}", WORDS[self.rng.usize(..WORDS.len())], &id[..4]);
        let commit = format!("{}{:08x}", self.hex(), self.rng.u32(..));
        let mut run = Run {
            id: id.into(),
            experiment: self.id.clone(),
            user: entry.user.into(),
            status: Status::Finished,
            start,
            end: None,
            deleted: false,
            params: self.params(),
            tags: Vec::new(),
            metrics: self.metrics(total, interval, progress, diverges),
            datasets: Vec::new(),
            logged_model: None,
            artifacts: Vec::new(),
            name,
        };
        let mut tag = |key: &'static str, value: String| {
            run.tags.push((key.into(), value.into_boxed_str()));
        };
        tag("mlflow.runName", run.name.clone());
        tag("mlflow.user", entry.user.to_owned());
        tag(
            "mlflow.source.name",
            format!("train/{}.py", entry.experiment),
        );
        tag("mlflow.source.type", "LOCAL".to_owned());
        if entry.gap != Gap::NoGit {
            tag("mlflow.source.git.commit", commit);
            tag("mlflow.source.git.branch", "main".to_owned());
            tag(
                "mlflow.source.git.repoURL",
                format!("https://git.example/ml/{}.git", entry.experiment),
            );
        }
        if entry.gap != Gap::NoEnvironment && entry.flavour != Flavour::Sklearn {
            tag(
                "mlflow.docker.image.uri",
                format!(
                    "registry.example/train/{}:{:03}",
                    entry.experiment,
                    (progress * 100.0) as u32
                ),
            );
        }
        tag("team", entry.owner.to_owned());
        if entry.gap != Gap::NoDataset {
            run.datasets.push(self.dataset("training", 1_000_000));
            run.datasets.push(self.dataset("validation", 120_000));
        }
        run.artifacts.push((
            "plots/confusion_matrix.txt".to_owned(),
            "            predicted 0  predicted 1\nactual 0        9 412          188\nactual 1          121          279\n"
                .to_owned(),
        ));
        run.artifacts
            .push(("training.log".to_owned(), "epoch 1 done\n".to_owned()));
        run
    }

    fn params(&mut self) -> Vec<(Arc<str>, Box<str>)> {
        let rng = &mut self.rng;
        let lr = ["0.3", "0.1", "0.03", "0.01", "0.003"][rng.usize(..5)];
        let mut params = vec![
            ("learning_rate", lr.to_owned()),
            ("seed", rng.u32(0..10_000).to_string()),
        ];
        match self.plan.entry.flavour {
            Flavour::Xgboost => params.extend([
                ("max_depth", rng.u32(3..11).to_string()),
                ("n_estimators", (rng.u32(2..20) * 50).to_string()),
                ("subsample", format!("0.{}", rng.u32(5..10))),
                ("objective", "binary:logistic".to_owned()),
            ]),
            Flavour::Sklearn => params.extend([
                ("C", ["0.1", "1.0", "10.0"][rng.usize(..3)].to_owned()),
                ("max_iter", (rng.u32(1..11) * 100).to_string()),
                ("class_weight", "balanced".to_owned()),
            ]),
            Flavour::Pytorch | Flavour::Tensorflow => params.extend([
                ("batch_size", (32 << rng.u32(0..4)).to_string()),
                ("epochs", rng.u32(5..60).to_string()),
                (
                    "optimizer",
                    ["adam", "adamw", "sgd"][rng.usize(..3)].to_owned(),
                ),
                ("dropout", format!("0.{}", rng.u32(0..5))),
                ("hidden", (64 << rng.u32(0..4)).to_string()),
            ]),
        }
        params
            .into_iter()
            .map(|(key, value)| (key.into(), value.into_boxed_str()))
            .collect()
    }

    fn metrics(&mut self, total: u32, interval: i64, progress: f64, diverges: bool) -> Vec<Metric> {
        let (quality, best, from) = self.plan.entry.quality;
        let reach = best - (best - from) * (0.12 * (1.0 - progress) + 0.05 * self.rng.f64());
        let low = 0.18 + 0.1 * self.rng.f64();
        let mut curve = |from: f64, to: f64, noise: f64| Curve::Approach {
            from,
            to,
            noise,
            seed: self.rng.u64(..),
        };
        let mut metrics = vec![
            (quality, curve(from, reach, (best - from).abs() * 0.04)),
            ("train_loss", curve(0.69, low * 0.8, 0.02)),
            (self.plan.entry.loss, curve(0.7, low, 0.03)),
            ("step_seconds", curve(0.9, 0.82, 0.05)),
        ];
        if diverges {
            let at = self.rng.u32(total / 4..total * 3 / 4);
            for (_, curve) in metrics.iter_mut().skip(1).take(2) {
                *curve = Curve::Diverge {
                    from: 0.7,
                    to: low,
                    seed: self.rng.u64(..),
                    at,
                };
            }
        }
        metrics
            .into_iter()
            .map(|(key, curve)| Metric {
                key: key.into(),
                curve,
                interval,
                total,
            })
            .collect()
    }

    fn dataset(&mut self, context: &'static str, rows: u64) -> Dataset {
        let mut digest = format!("{:08x}", self.rng.u32(..));
        if context == "validation" {
            // All versions are evaluated on the same rows, or they could not be compared.
            let name = self.plan.entry.dataset;
            let bits = name
                .bytes()
                .fold(1, |bits, byte| mix(bits ^ u64::from(byte)));
            digest = format!("{:08x}", bits as u32);
        }
        Dataset {
            name: format!("{}_{context}", self.plan.entry.dataset),
            digest,
            context,
            columns: self
                .plan
                .entry
                .inputs
                .iter()
                .map(|(name, kind)| (name.trim_start_matches('?').into(), *kind))
                .collect(),
            rows: rows + self.rng.u64(0..rows / 5),
        }
    }

    fn register(&mut self, world: &mut World, model: &mut Model, run: &mut Run, number: u32) {
        let entry = self.plan.entry;
        let created = run.end.unwrap_or(run.start) + 20 * MINUTE + i64::from(number);
        let recipe = Recipe {
            entry,
            number,
            of: self.plan.versions,
        };
        // Staged models are older than MLflow 3: their files are the run's own.
        let logged: Option<Arc<str>> = (entry.stages.is_empty() && entry.gap != Gap::NoRun)
            .then(|| format!("m-{}", self.hex()).into());
        let source = match &logged {
            Some(id) => format!("models:/{id}"),
            None if entry.gap == Gap::NoRun => format!("s3://models/{}/{number}", entry.experiment),
            None => format!("mlflow-artifacts:/{}/{}/artifacts/model", self.id, run.id),
        };
        if let Some(id) = &logged {
            run.logged_model = Some(id.clone());
            world.logged.push(LoggedModel {
                id: id.clone(),
                experiment: self.id.clone(),
                run: run.id.clone(),
                created: created - 15 * MINUTE,
                updated: created,
                recipe,
                versions: vec![(model.name.clone(), number)],
            });
        } else if entry.gap != Gap::NoRun {
            for (path, text) in recipe.files(&run.id, None, created) {
                run.artifacts.push((format!("model/{path}"), text));
            }
        }
        let validation = match self.rng.u32(0..10) {
            0 => "pending",
            1 if self.plan.champion != Some(number) => "failed",
            _ => "passed",
        };
        let mut tags = BTreeMap::from([("validation_status".to_owned(), validation.to_owned())]);
        tags.extend(evidence::tags(entry, number, created));
        let end = run.end.unwrap_or(run.start);
        let quality = run.metric(entry.quality.0, end).unwrap_or_default();
        (run.metrics).extend(evidence::logged(entry, number, quality, end));
        if !entry.name.is_ascii() {
            // A bento's own tag is random text: the version says which one carries it.
            tags.insert("quarterdeck.serving_version".to_owned(), bento_tag(number));
        }
        model.versions.push(Version {
            number,
            created,
            updated: created,
            stage: "None",
            description: Some(if number.is_multiple_of(3) {
                format!("Retrained on data up to week {number}")
            } else {
                String::new()
            }),
            source,
            run: if entry.gap == Gap::NoRun {
                "".into()
            } else {
                run.id.clone()
            },
            status: "READY",
            tags,
            logged_model: logged,
            recipe: Some(recipe),
        });
        model.updated = created;
    }

    fn apply_gap(&self, world: &mut World, model: &Model) {
        if self.plan.entry.gap != Gap::RunDeleted {
            return;
        }
        let champion = self.plan.champion.and_then(|number| model.version(number));
        if let Some(version) = champion
            && let Some(run) = world.runs.iter_mut().find(|run| run.id == version.run)
        {
            run.deleted = true;
        }
    }
}

/// The random-looking tag of the bento that was built from a version.
pub(crate) fn bento_tag(number: u32) -> String {
    let bits = mix(u64::from(number));
    (0..16)
        .map(|place| {
            let letters = b"abcdefghijklmnopqrstuvwxyz234567";
            char::from(letters[(bits >> (place * 4)) as usize % letters.len()])
        })
        .collect()
}

const WORDS: [&str; 12] = [
    "amber-finch",
    "bold-otter",
    "calm-heron",
    "dapper-lynx",
    "eager-crane",
    "fair-wolf",
    "grave-mole",
    "hasty-stoat",
    "inky-raven",
    "jolly-perch",
    "keen-shrew",
    "lucid-moth",
];
