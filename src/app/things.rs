//! From the selected thing to what belongs to it: its model, run, endpoint, history and web page.

use super::App;
use crate::domain::change::Subject;
use crate::domain::key::{DeploymentKey, ModelKey, RunKey, VersionKey};
use crate::domain::text::{Clean, percent_encoded};
use crate::panes::Thing;

impl App {
    pub(super) fn model_of(&self, thing: Option<&Thing>) -> Option<ModelKey> {
        match thing? {
            Thing::Model(key) => Some(key.clone()),
            Thing::Version(key) => Some(key.model.clone()),
            Thing::Deployment(key) => self.fleet.deployment(key)?.model.clone(),
            Thing::Run(run) => self.fleet.model_made_by(run).cloned(),
            Thing::Alert(key) => {
                let mut alerts = self.fleet.alerts();
                let name = alerts.find(|h| h.fact.key == *key)?.fact.model.clone()?;
                let mut models = self.fleet.models();
                models.find(|m| m.key.name == name).map(|m| m.key.clone())
            }
            Thing::Experiment(_) | Thing::Source(_) => None,
        }
    }

    pub(super) fn run_of(&self, thing: Option<&Thing>) -> Option<RunKey> {
        match thing? {
            Thing::Run(key) => Some(key.clone()),
            Thing::Version(key) => self.fleet.version(key)?.run.clone(),
            Thing::Model(key) => {
                let champion = self.fleet.model(key)?.champion.as_ref()?;
                let version = VersionKey {
                    model: key.clone(),
                    version: champion.key.clone(),
                };
                self.fleet.version(&version)?.run.clone()
            }
            _ => None,
        }
    }

    pub(super) fn endpoint_of(&self, thing: Option<&Thing>) -> Option<DeploymentKey> {
        match thing? {
            Thing::Deployment(key) => Some(key.clone()),
            thing => {
                let model = self.fleet.model(&self.model_of(Some(thing))?)?;
                // The one in trouble is meant, the first of several that are equally well.
                let level = |key: &&DeploymentKey| {
                    let held = self.fleet.deployment(key);
                    std::cmp::Reverse(held.map(|view| view.verdict.level))
                };
                model.deployments.iter().min_by_key(level).cloned()
            }
        }
    }

    pub(super) fn subject_of(&self, thing: Option<&Thing>) -> Option<Subject> {
        match thing? {
            Thing::Deployment(key) => Some(Subject::Deployment(key.clone())),
            thing => self.model_of(Some(thing)).map(Subject::Model),
        }
    }

    /// A page of the thing in its own system's web interface, or the runbook.
    pub(super) fn link_of(&self, thing: Option<&Thing>) -> Option<Clean> {
        match thing? {
            Thing::Model(key) => self
                .fleet
                .model(key)
                .and_then(|m| self.fleet.runbook(m))
                .or_else(|| {
                    let base = key.registry.base.clean();
                    Some(Clean::text(&format!(
                        "{base}/#/models/{}",
                        percent_encoded(key.name.raw())
                    )))
                }),
            Thing::Version(key) => {
                let (base, name) = (
                    key.model.registry.base.clean(),
                    percent_encoded(key.model.name.raw()),
                );
                Some(Clean::text(&format!(
                    "{base}/#/models/{name}/versions/{}",
                    key.version.clean()
                )))
            }
            Thing::Run(key) => {
                let row = self.fleet.runs().find(key)?;
                let experiment = self.fleet.runs().experiment(row)?;
                let base = key.tracker.base.clean();
                Some(Clean::text(&format!(
                    "{base}/#/experiments/{}/runs/{}",
                    percent_encoded(experiment.id.raw()),
                    percent_encoded(key.id.raw())
                )))
            }
            Thing::Experiment(key) => Some(Clean::text(&format!(
                "{}/#/experiments/{}",
                key.tracker.base.clean(),
                percent_encoded(key.id.raw())
            ))),
            Thing::Deployment(key) => Some(key.base.clean()),
            Thing::Alert(key) => {
                let alert = self.fleet.joined_alert(key)?.fact;
                alert.runbook.or(alert.dashboard)
            }
            Thing::Source(_) => None,
        }
    }
}
