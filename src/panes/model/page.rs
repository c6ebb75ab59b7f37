//! The model as its page shows it: as it is, or as it was last known.

use super::{ModelPage, facts};
use crate::domain::fault::Fault;
use crate::domain::fleet::view::{DeploymentView, ModelView, Pointed};
use crate::domain::key::{Key, RunKey, VersionKey};
use crate::domain::last_known::Held;
use crate::domain::model::{Alias, ModelVersion, RegisteredModel, tag};
use crate::domain::query::Query;
use crate::domain::rules::quality;
use crate::domain::run::Run;
use crate::domain::text::Clean;
use crate::panes::Cx;

/// What was last known of the model, for the day it vanishes.
#[derive(Clone, Debug)]
pub(super) struct Last {
    pub(super) view: ModelView,
    pub(super) registered: Held<RegisteredModel>,
    pub(super) versions: Vec<Held<ModelVersion>>,
}

/// The model as the page shows it: as it is, or as it was last known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    pub(super) state: &'a ModelPage,
    pub(super) view: &'a ModelView,
    pub(super) registered: &'a Held<RegisteredModel>,
    pub(super) versions: &'a [Held<ModelVersion>],
    /// Whether the registry no longer holds it.
    pub(super) gone: bool,
}

impl Page<'_> {
    pub(super) fn champion(&self) -> Option<&Pointed> {
        self.view.champion.as_ref()
    }

    pub(super) fn version(&self, key: &Key) -> Option<&ModelVersion> {
        let all = self.versions.iter().map(|held| &held.fact);
        all.into_iter().find(|v| v.key.version == *key)
    }

    /// The selected version.
    pub(super) fn selected(&self) -> Option<&ModelVersion> {
        self.version(self.state.selected_key()?)
    }

    /// The aliases that name a version, as the registered model has them.
    pub(super) fn aliases(&self, version: &Key) -> impl Iterator<Item = &Alias> {
        let all = self.registered.fact.aliases.iter();
        all.filter(move |alias| alias.version == *version)
    }

    pub(super) fn run(&self, key: &RunKey, cx: &Cx<'_>) -> Option<Run> {
        facts::held_run(self.state.runs.get(key), key, cx)
    }

    pub(super) fn fault(&self, key: &RunKey) -> Option<String> {
        let fault = self.state.faults.get(&Query::Run(key.clone()));
        fault.map(Fault::line)
    }

    pub(super) fn package_fault(&self, key: &VersionKey) -> Option<String> {
        let fault = self.state.faults.get(&Query::Package(key.clone()));
        fault.map(Fault::line)
    }

    /// The quality metric of a version, as far as its run is held.
    pub(super) fn quality(&self, version: &ModelVersion, cx: &Cx<'_>) -> Option<f64> {
        let (metric, _) = self.state.metric.as_ref()?;
        facts::metric_of(version.run.as_ref()?, metric, cx)
    }

    /// The same of the champion.
    pub(super) fn champion_quality(&self, cx: &Cx<'_>) -> Option<f64> {
        self.quality(self.version(&self.champion()?.key)?, cx)
    }

    pub(super) fn deployments<'b>(&self, cx: &Cx<'b>) -> Vec<&'b DeploymentView> {
        let keys = self.view.deployments.iter();
        keys.filter_map(|k| cx.fleet.deployment(k)).collect()
    }
}

impl ModelPage {
    pub(super) fn page<'a>(&'a self, cx: &Cx<'a>) -> Option<Page<'a>> {
        let now = cx
            .fleet
            .model(&self.key)
            .zip(cx.fleet.registered(&self.key));
        if let Some((view, registered)) = now {
            return Some(Page {
                state: self,
                view,
                registered,
                versions: cx.fleet.versions(&self.key),
                gone: false,
            });
        }
        self.last.as_ref().map(|last| Page {
            state: self,
            view: &last.view,
            registered: &last.registered,
            versions: &last.versions,
            gone: true,
        })
    }
}

/// The quality metric: the model's own, else one that the runs of its versions have.
pub(super) fn metric(page: &Page<'_>, cx: &Cx<'_>) -> Option<(Clean, bool)> {
    if let Some(quality) = &page.view.quality {
        return Some((quality.metric.clone(), quality.higher_is_better));
    }
    let set = cx.fleet.settings().models.get(page.view.key.name.raw());
    let tagged = tag(&page.registered.fact.tags, "quarterdeck.metric");
    let named = set
        .and_then(|s| s.metric.as_deref())
        .or(tagged.map(Clean::as_str));
    let have = |metric: &str| {
        let metric = Clean::name(metric);
        let runs = page.versions.iter().filter_map(|h| h.fact.run.as_ref());
        runs.take(20)
            .any(|run| facts::metric_of(run, &metric, cx).is_some())
    };
    let name = quality::choose(named, have)?;
    let higher = set
        .and_then(|s| s.higher_is_better)
        .unwrap_or_else(|| quality::higher_is_better(name));
    Some((Clean::name(name), higher))
}
