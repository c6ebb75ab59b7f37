//! What a run that deploys does to the endpoints of the model that it is told.

use serde_json::json;

use super::dags::DAGS;
use super::runs::{DAY, DagRun};
use crate::sim::world::World;

/// The model whose versions were brought to serving so before the start.
const DEPLOYED: &str = "image-moderation";

impl World {
    /// Makes up by which runs the versions of a model were brought to serving.
    pub(super) fn remember_deployments(&mut self, epoch: i64) {
        let Some(dag) = DAGS.iter().find(|dag| dag.deploys()) else {
            return;
        };
        let newest = self.model(DEPLOYED).and_then(|m| m.versions.last());
        let Some(newest) = newest.map(|version| version.number) else {
            return;
        };
        for back in (0..newest.min(3)).rev() {
            let queued = epoch - DAY * 2 - i64::from(back) * 9 * DAY;
            let conf = json!({
                "MODEL": DEPLOYED, "VERSION": (newest - back).to_string(), "ALIAS": "champion",
            });
            let conf = conf.as_object().cloned().unwrap_or_default();
            let params = dag.fill(&conf).unwrap_or_default();
            let id = format!("manual__{}", super::wire::stamp(queued));
            let mut run = DagRun::new(dag, id, conf, params, queued);
            run.user = Some("ci".to_owned());
            run.pass(None);
            self.pipelines.runs.push(run);
        }
    }

    /// Why what a run is told cannot be deployed, if so: the registry does not hold it.
    pub(super) fn undeployable(&self, at: usize) -> Option<String> {
        let run = &self.pipelines.runs[at];
        let (model, version) = (run.text("MODEL"), run.text("VERSION"));
        let number = version.parse().ok();
        let held = number.and_then(|number| self.model(model)?.version(number));
        held.is_none()
            .then(|| format!("the registry holds no version {version} of {model}"))
    }

    /// Puts the endpoints of a run's model on its version; why one of them is not on it afterwards, if so.
    pub(super) fn deploy(&mut self, at: usize) -> Option<String> {
        let run = &self.pipelines.runs[at];
        let model = run.text("MODEL").to_owned();
        let version = run.text("VERSION").parse().ok()?;
        let of_it = self.endpoints.iter().filter(|one| *one.model == model);
        let names: Vec<(String, bool)> = of_it
            .map(|one| (one.name.clone(), one.loads(version)))
            .collect();
        for (name, loads) in names {
            if !loads {
                return Some(format!("{name}: version {version} did not become ready"));
            }
            self.serve(&name, version);
        }
        None
    }
}
