//! What a fleet can be asked: facts as they were read and views as they were judged.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::runs::RunStore;
use super::view::{DeploymentView, ModelView};
use super::{Fleet, PackageState};
use crate::domain::change::{Change, Subject};
use crate::domain::key::{DeploymentKey, ExperimentKey, ModelKey, RunKey, SourceId, VersionKey};
use crate::domain::last_known::Held;
use crate::domain::model::{ModelVersion, RegisteredModel};
use crate::domain::observation::ContextRef;
use crate::domain::rules::freshness::{Freshness, SourceHealth};
use crate::domain::rules::reproducible::{self, Claim, Origins};
use crate::domain::run::Experiment;
use crate::domain::settings::{Context, SourceKind};
use crate::domain::text::Clean;
use crate::domain::watch::Gap;
use crate::domain::wiring::Join;

impl Fleet {
    /// Which context, and which visit of it.
    pub fn context(&self) -> &Arc<ContextRef> {
        &self.context
    }

    /// The context's settings.
    pub fn settings(&self) -> &Arc<Context> {
        &self.settings
    }

    /// Rises with every change of anything that can be seen.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Every model, by identity.
    pub fn models(&self) -> impl ExactSizeIterator<Item = &ModelView> {
        self.views.values().map(|view| &**view)
    }

    /// One model.
    pub fn model(&self, key: &ModelKey) -> Option<&ModelView> {
        self.views.get(key).map(|view| &**view)
    }

    /// The registry's own fact about a model.
    pub fn registered(&self, key: &ModelKey) -> Option<&Held<RegisteredModel>> {
        self.models.get(key)
    }

    /// The versions of a model, newest first.
    pub fn versions(&self, key: &ModelKey) -> &[Held<ModelVersion>] {
        self.versions.get(key).map_or(&[], |all| all.as_slice())
    }

    /// One version.
    pub fn version(&self, key: &VersionKey) -> Option<&ModelVersion> {
        self.versions(&key.model)
            .iter()
            .map(|h| &h.fact)
            .find(|v| v.key == *key)
    }

    /// Every deployment, by identity.
    pub fn deployments(&self) -> impl ExactSizeIterator<Item = &DeploymentView> {
        self.deployments.values()
    }

    /// One deployment.
    pub fn deployment(&self, key: &DeploymentKey) -> Option<&DeploymentView> {
        self.deployments.get(key)
    }

    /// Every join, for `quarterdeck wiring`.
    pub fn joins(&self) -> impl ExactSizeIterator<Item = &Join> {
        self.joins.all()
    }

    /// Every experiment.
    pub fn experiments(&self) -> impl ExactSizeIterator<Item = &Held<Experiment>> {
        self.experiments.values()
    }

    /// One experiment.
    pub fn experiment(&self, key: &ExperimentKey) -> Option<&Held<Experiment>> {
        self.experiments.get(key)
    }

    /// The runs held.
    pub fn runs(&self) -> &RunStore {
        &self.runs
    }

    /// Every configured source with its health and freshness.
    pub fn sources(&self) -> impl Iterator<Item = (&SourceId, &SourceHealth, Freshness)> {
        self.sources.iter().map(|(id, health)| {
            (
                id,
                health,
                self.freshness.get(id).copied().unwrap_or_default(),
            )
        })
    }

    /// The freshness of one source.
    pub fn source_freshness(&self, id: &SourceId) -> Freshness {
        self.freshness.get(id).copied().unwrap_or_default()
    }

    /// The health of one source.
    pub fn source_health(&self, id: &SourceId) -> Option<&SourceHealth> {
        self.sources.get(id)
    }

    /// The sources that answer and have left something out that may concern a model, with what that was:
    /// whatever monitors leaves out series of nobody knows whom, a registry or an orchestrator those of its own.
    pub fn partly_read(&self, model: &ModelKey) -> Vec<(&SourceId, &Clean)> {
        let kind = |id: &SourceId| {
            let mut all = self.settings.sources.iter();
            all.find(|s| s.name == id.as_str()).map(|s| s.kind)
        };
        let concerns = |id: &SourceId| match kind(id) {
            Some(SourceKind::Mlflow) => self.registered(model).is_some_and(|h| h.source == *id),
            Some(SourceKind::Airflow) => self.trains(id, model),
            Some(SourceKind::Serving(_)) | None => false,
            Some(_) => true,
        };
        self.sources()
            .filter(|(_, _, fresh)| *fresh == Freshness::Live)
            .filter_map(|(id, health, _)| Some((id, health.partial()?)))
            .filter(|(id, _)| concerns(id))
            .collect()
    }

    /// The package of a version, as far as it was asked for.
    pub fn package(&self, key: &VersionKey) -> Option<&PackageState> {
        self.packages.get(key)
    }

    /// Whether a version could be made again: git, data, model, environment. Rests on
    /// what is held of the run and of the package.
    pub fn reproducibility(&self, key: &VersionKey) -> Option<[Claim; 4]> {
        let version = self.version(key)?;
        let run = version.run.as_ref().and_then(|r| self.runs.unpack(r));
        let package = match self.packages.get(key) {
            Some(PackageState::Read(package)) => Some(&**package),
            _ => None,
        };
        let from = Origins {
            run: run.as_ref(),
            run_gone: version
                .run
                .as_ref()
                .is_some_and(|r| self.runs_gone.contains(r)),
            package,
            package_unreadable: self.packages.get(key) == Some(&PackageState::Unreadable),
        };
        Some(reproducible::judge(version, from))
    }

    /// Whether the tracker was asked for a run and does not hold it.
    pub fn is_run_gone(&self, key: &RunKey) -> bool {
        self.runs_gone.contains(key)
    }

    /// The known changes of a subject, oldest first.
    pub fn timeline(&self, subject: &Subject) -> &[Change] {
        self.timeline.of(subject)
    }

    /// The known changes of a model and of its deployments, oldest first.
    pub fn model_timeline(&self, key: &ModelKey) -> Vec<&Change> {
        let deployments = self.joins.of_model(key);
        let mut all: Vec<&Change> = self.timeline(&Subject::Model(key.clone())).iter().collect();
        for deployment in deployments {
            all.extend(self.timeline(&Subject::Deployment(deployment.clone())));
        }
        all.sort_by_key(|c| c.not_after);
        all
    }

    /// When nobody watched, oldest first.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// A model that a version of was made by a run.
    pub fn model_made_by(&self, run: &RunKey) -> Option<&ModelKey> {
        self.made_by.models(run).first()
    }

    /// Whether another model's name looks the same on screen: writes to either would be refused.
    pub fn looks_alike(&self, key: &ModelKey) -> bool {
        let shown = self.models.get(key).map(|h| &h.fact.name);
        let same = shown.and_then(|name| self.by_name.get(name));
        same.is_some_and(|keys| keys.len() > 1)
    }

    /// Runs that views need and that are not held: those behind champions and challengers, with the
    /// source to ask.
    pub fn wanted_runs(&self) -> Vec<(SourceId, RunKey)> {
        let mut wanted = BTreeSet::new();
        for view in self.views.values() {
            for pointed in [&view.champion, &view.challenger].into_iter().flatten() {
                let key = VersionKey {
                    model: view.key.clone(),
                    version: pointed.key.clone(),
                };
                let held = self.versions(&view.key).iter().find(|h| h.fact.key == key);
                if let Some(held) = held
                    && let Some(run) = &held.fact.run
                    && self.runs.find(run).is_none()
                {
                    wanted.insert((held.source.clone(), run.clone()));
                }
            }
        }
        wanted.into_iter().collect()
    }
}
