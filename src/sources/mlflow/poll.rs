//! The registry's feeds: models and versions, swept in full or by the newest, and the experiments.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::map::{self, Map};
use super::requests::{self, MODELS_PAGE, Paged, VERSIONS_PAGE, VersionPages, Versions};
use super::{Mlflow, wire};
use crate::domain::action::claims::LEDGER;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::model::{ModelVersion, RegisteredModel};
use crate::domain::observation::{Answer, Coverage, Rows, Scope};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::sources::{Focus, Pages};

/// Rows of one newest-versions tick.
const NEWEST: usize = 25;
/// The most pages of one newest-versions tick: more is left to the sweep.
const NEWEST_PAGES: usize = 8;
/// A sweep of the models this young is not repeated for the versions' sake.
const SWEEP_FRESH: Duration = Duration::from_secs(30);
/// Models that a sweep of several pages misses are asked for by name, up to so many.
const DOUBTED: usize = 50;
/// Up to so many models are asked for one by one; for more, a page or two of all of them is cheaper.
const FEW: usize = 8;
/// Models asked for one by one in a tick of a large registry, at most.
const SINGLES: usize = 50;

/// Models that were asked for by name.
#[derive(Default)]
struct ByName {
    found: Paged<wire::ModelRow>,
    /// Whether there were more names than are asked for.
    cut: bool,
}

impl Mlflow {
    /// The models on screen, with their aliases.
    pub(super) async fn watched_models(&self, focus: &Focus) -> Result<Answer, Fault> {
        let names: Vec<&str> = focus
            .models
            .iter()
            .filter(|m| m.registry == self.registry)
            .map(|m| m.name.raw())
            .collect();
        let found = self.models_by_name(&names).await?.found;
        let rows = self.take_models(found.rows, false);
        Ok(Answer {
            partial: None,
            coverage: Coverage::Partial,
            rows: Rows::Models(rows),
            server_time: found.server_time,
        })
    }

    /// Every registered model.
    pub(super) async fn all_models(&self) -> Result<Answer, Fault> {
        let (rows, whole, server_time) = self.sweep_models().await?;
        Ok(Answer {
            partial: None,
            coverage: covers(whole, Scope::Models),
            rows: Rows::Models(rows),
            server_time,
        })
    }

    /// All models, and whether each row could be read.
    async fn sweep_models(&self) -> Result<(Vec<RegisteredModel>, bool, Option<Millis>), Fault> {
        let mut found = requests::models(&self.http, None).await?;
        let whole = self.readable(&found.rows, "registered_models", "name", |r| &r.name)?;
        if found.pages > 1 {
            let lost = self.doubted(&found.rows);
            let names: Vec<&str> = lost.iter().map(String::as_str).collect();
            let lost = self.models_by_name(&names).await?.found;
            found.rows.extend(lost.rows);
        }
        let rows = self.take_models(found.rows, true);
        Ok((rows, whole, found.server_time))
    }

    /// Whether every row has the field that says which thing it is. Rows without one are left out,
    /// and then nothing follows from what is missing; an answer of such rows alone is none.
    pub(super) fn readable<T>(
        &self,
        rows: &[T],
        list: &str,
        field: &str,
        id: impl Fn(&T) -> &str,
    ) -> Result<bool, Fault> {
        let Some(at) = rows.iter().position(|row| id(row).is_empty()) else {
            return Ok(true);
        };
        let path = Clean::limited(&format!("{list}[{at}].{field}"), 200);
        if rows.iter().all(|row| id(row).is_empty()) {
            let what = format!("none of {} rows says which thing it is", rows.len());
            return Err(Fault::new(
                FaultKind::Decode { path },
                self.http.base(),
                &what,
            ));
        }
        tracing::warn!(source = %self.id, "rows are left out, the first at {path}: it has no {field}");
        Ok(false)
    }

    /// Names known before and missing now. Pages count by offset, so a deletion between two of them
    /// hides a row; too many missing names are believed.
    fn doubted(&self, rows: &[wire::ModelRow]) -> Vec<String> {
        let listed: HashSet<&str> = rows.iter().map(|r| r.name.as_str()).collect();
        let memory = self.memory();
        let lost: Vec<String> = memory
            .created
            .keys()
            .filter(|name| !listed.contains(name.as_str()))
            .cloned()
            .collect();
        if lost.len() > DOUBTED {
            Vec::new()
        } else {
            lost
        }
    }

    /// Maps model rows and remembers what version rows need of them.
    fn take_models(&self, rows: Vec<wire::ModelRow>, full: bool) -> Vec<RegisteredModel> {
        let mut map = Map::new(&self.registry);
        let models = map::unique(
            rows.into_iter().filter_map(|row| map.model(row)).collect(),
            |m: &RegisteredModel| m.key.name.clone(),
        );
        let mut memory = self.memory();
        if full {
            memory.created.clear();
            memory.strangers.clear();
            memory.lineage.aliased.clear();
            memory.swept = Some(Instant::now());
        }
        for model in &models {
            let name = model.key.name.raw();
            memory.created.insert(name.to_owned(), model.key.created);
            let aliased = model
                .aliases
                .iter()
                .map(|a| a.version.raw().to_owned())
                .collect();
            memory.lineage.aliased.insert(name.to_owned(), aliased);
        }
        models
    }

    /// Models by name: in lists where the server can, else one by one.
    async fn models_by_name(&self, names: &[&str]) -> Result<ByName, Fault> {
        let mut all = Paged::default();
        if names.is_empty() {
            return Ok(ByName::default());
        }
        let (mut filters, mut singles) = requests::name_filters(names.iter().copied());
        if self.memory().no_name_lists {
            filters.clear();
            singles = names.to_vec();
        }
        for filter in filters {
            match requests::models(&self.http, Some(&filter)).await {
                Ok(found) => {
                    all.rows.extend(found.rows);
                    all.server_time = found.server_time.or(all.server_time);
                }
                Err(fault) if fault.kind == FaultKind::Refused => {
                    self.memory().no_name_lists = true;
                    all.rows.clear();
                    singles = names.to_vec();
                    break;
                }
                Err(fault) => return Err(fault),
            }
        }
        if singles.len() > FEW && self.memory().created.len() <= MODELS_PAGE * 2 {
            let found = requests::models(&self.http, None).await?;
            let wanted: HashSet<&str> = singles.into_iter().collect();
            all.server_time = found.server_time.or(all.server_time);
            all.rows.extend(
                found
                    .rows
                    .into_iter()
                    .filter(|row| wanted.contains(row.name.as_str())),
            );
            return Ok(ByName {
                found: all,
                cut: false,
            });
        }
        let cut = singles.len() > SINGLES;
        for name in singles.into_iter().take(SINGLES) {
            all.rows.extend(requests::model(&self.http, name).await?);
        }
        Ok(ByName { found: all, cut })
    }

    /// The versions that changed last: new ones, and moves between stages.
    pub(super) async fn newest_versions(&self) -> Result<Answer, Fault> {
        let before = self.memory().newest_version;
        let seen_all = |rows: &[wire::VersionRow], pages: usize| {
            let reached = rows
                .last()
                .is_none_or(|last| before.is_none_or(|b| last.last_updated_timestamp < b.0));
            reached || pages >= NEWEST_PAGES
        };
        let found = self
            .versions_in_order(
                Versions {
                    filter: None,
                    order: Some("last_updated_timestamp DESC"),
                    page_rows: NEWEST,
                },
                seen_all,
            )
            .await?;
        self.readable(&found.rows, "model_versions", "name", |r| &r.name)?;
        let newest = found.rows.iter().map(|r| r.last_updated_timestamp).max();
        // A version newer than anything seen may belong to a model that was deleted and made again
        // under the same name: such models are read anew before their versions are joined to them.
        let fresh = {
            let renewed: HashSet<&str> = found
                .rows
                .iter()
                .filter(|r| before.is_some_and(|b| r.creation_timestamp > b.0))
                .map(|r| r.name.as_str())
                .collect();
            let memory = self.memory();
            map::unknown_names(&found.rows, |name| {
                memory.knows(name) && !renewed.contains(name)
            })
        };
        self.learn_models(&fresh).await?;
        let mut map = Map::new(&self.registry);
        let rows = map::unique(
            self.take_versions(&mut map, found.rows),
            |v: &ModelVersion| v.key.clone(),
        );
        let mut memory = self.memory();
        memory.newest_version = newest.map(Millis).max(before);
        Ok(Answer {
            partial: None,
            coverage: before.map_or(Coverage::Partial, Coverage::Tail),
            rows: Rows::Versions(rows),
            server_time: found.server_time,
        })
    }

    /// Every version of every model; handed over page by page where somebody takes the pages.
    pub(super) async fn all_versions(&self, out: Option<&Pages>) -> Result<Answer, Fault> {
        let fresh = self
            .memory()
            .swept
            .is_some_and(|at| at.elapsed() < SWEEP_FRESH);
        if !fresh {
            self.sweep_models().await?;
        }
        self.memory().lineage.sweep_begins();
        let what = Versions {
            filter: None,
            // New rows join at the end, where they cannot shift the pages still to come.
            order: Some("creation_timestamp ASC"),
            page_rows: VERSIONS_PAGE,
        };
        let mut pages = VersionPages::new(&self.http, what);
        let mut map = Map::new(&self.registry);
        let mut rows = Vec::new();
        let mut whole = true;
        while let Some(page) = pages.next().await? {
            let named = self.readable(&page, "model_versions", "name", |r| &r.name)?;
            let numbered = self.readable(&page, "model_versions", "version", |r| &r.version)?;
            whole &= named && numbered;
            let unknown = {
                let memory = self.memory();
                map::unknown_names(&page, |name| memory.knows(name))
            };
            self.learn_models(&unknown).await?;
            let found = self.take_versions(&mut map, page);
            match out {
                Some(out) => out.hand_over(Rows::Versions(found)).await,
                None => rows.extend(found),
            }
        }
        self.memory().lineage.sweep_ends();
        Ok(Answer {
            partial: None,
            coverage: covers(whole, Scope::Versions),
            rows: Rows::Versions(map::unique(rows, |v: &ModelVersion| v.key.clone())),
            server_time: pages.server_time(),
        })
    }

    /// Versions in an order, or without it where the server refuses to order them.
    pub(super) async fn versions_in_order<E>(
        &self,
        what: Versions<'_>,
        enough: E,
    ) -> Result<Paged<wire::VersionRow>, Fault>
    where
        E: Fn(&[wire::VersionRow], usize) -> bool + Send + Sync,
    {
        let plain = Versions {
            order: None,
            ..what
        };
        if self.memory().no_version_order {
            return requests::versions(&self.http, plain, enough).await;
        }
        match requests::versions(&self.http, what, &enough).await {
            Err(fault) if fault.kind == FaultKind::Refused && what.filter.is_none() => {
                let rows = requests::versions(&self.http, plain, &enough).await?;
                self.memory().no_version_order = true;
                Ok(rows)
            }
            other => other,
        }
    }

    /// Asks for models by name so that their versions can be joined to them. Each of the names is known
    /// afterwards, as a model or as none: of one that was not asked for, nothing would be.
    async fn learn_models(&self, names: &[String]) -> Result<(), Fault> {
        if names.is_empty() {
            return Ok(());
        }
        if self.memory().swept.is_none() {
            self.sweep_models().await?;
            return Ok(());
        }
        let asked: Vec<&str> = names.iter().map(String::as_str).collect();
        let one_by_one = self.memory().no_name_lists;
        let by_name = if one_by_one && asked.len() > SINGLES {
            None
        } else {
            Some(self.models_by_name(&asked).await?)
        };
        match by_name.filter(|by_name| !by_name.cut) {
            Some(ByName { found, .. }) => {
                let models = self.take_models(found.rows, false);
                let here: HashSet<&str> = models.iter().map(|m| m.key.name.raw()).collect();
                let mut memory = self.memory();
                for name in names.iter().filter(|name| !here.contains(name.as_str())) {
                    memory.created.remove(name);
                }
            }
            // So many that a list of all of them is cheaper.
            None => {
                self.sweep_models().await?;
            }
        }
        let mut memory = self.memory();
        for name in names {
            if memory.created.contains_key(name) {
                memory.strangers.remove(name);
            } else {
                memory.strangers.insert(name.clone());
            }
        }
        Ok(())
    }

    /// Maps version rows, joined to their models; rows of unknown models (prompts, models deleted a
    /// moment ago, models that this token may not see) are left out.
    fn take_versions(&self, map: &mut Map<'_>, rows: Vec<wire::VersionRow>) -> Vec<ModelVersion> {
        let mut keys = HashMap::new();
        let mut memory = self.memory();
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(created) = memory.created.get(&row.name).copied() else {
                continue;
            };
            let key = keys
                .entry(row.name.clone())
                .or_insert_with(|| map.model_key(&row.name, created.0))
                .clone();
            let name = key.name.clone();
            let version = map.version(&key, row);
            if let Some(version) = &version
                && let Some(run) = &version.run
            {
                let word = version.key.version.raw();
                memory.lineage.made_by(name.raw(), word, &run.id);
            }
            out.extend(version);
        }
        out
    }

    /// Every active experiment.
    pub(super) async fn all_experiments(&self) -> Result<Answer, Fault> {
        let found = requests::experiments(&self.http).await?;
        let whole = self.readable(&found.rows, "experiments", "experiment_id", |r| {
            &r.experiment_id
        })?;
        let mut map = Map::new(&self.registry);
        let rows = map::unique(
            found
                .rows
                .into_iter()
                // What consoles keep there is no training.
                .filter(|row| row.name != LEDGER)
                .filter_map(|row| map.experiment(row))
                .collect(),
            |e: &crate::domain::run::Experiment| e.key.clone(),
        );
        self.memory().experiments = rows.iter().map(|e| e.key.id.raw().to_owned()).collect();
        Ok(Answer {
            partial: None,
            coverage: covers(whole, Scope::Experiments),
            rows: Rows::Experiments(rows),
            server_time: found.server_time,
        })
    }
}

/// Absence means gone only where every row could be read.
fn covers(whole: bool, scope: Scope) -> Coverage {
    if whole {
        Coverage::Full(scope)
    } else {
        Coverage::Partial
    }
}
