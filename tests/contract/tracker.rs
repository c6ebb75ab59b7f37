//! An MLflow server as the suite sees it: the adapter, the direct client, what it lacks, and ways to
//! make and move things on it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use quarterdeck::domain::key::{ExperimentKey, ModelKey};
use quarterdeck::domain::model::{ModelVersion, RegisteredModel};
use quarterdeck::domain::observation::{Coverage, Feed, Rows, Scope};
use quarterdeck::domain::run::Experiment;
use quarterdeck::domain::settings::SourceSettings;
use quarterdeck::sources::Focus;
use serde_json::json;

use crate::door::{Door, open};
use crate::raw::Raw;
use crate::serving::Endpoint;
use crate::verdict::{Check, Lack, Stop};
use crate::{checks, ensure};

/// An MLflow server under test.
pub(crate) struct Tracker {
    pub(crate) settings: SourceSettings,
    pub(crate) door: Door,
    pub(crate) raw: Raw,
    pub(crate) lacks: Vec<(Lack, &'static str)>,
    /// How many rights the server grants or denies by name, at least.
    pub(crate) claims: usize,
}

/// Models made so far, so that two checks never share a name.
static MADE: AtomicU32 = AtomicU32::new(0);

/// A source that no check reads from a store: made outside, without artifacts.
const ELSEWHERE: &str = "s3://models.invalid/exported/model";

impl Tracker {
    pub(crate) fn new(settings: SourceSettings, user: Option<(String, String)>) -> Self {
        Self {
            door: open(&settings, None).expect("a source from good settings"),
            raw: Raw::behind(&settings.tls, &settings.url, user),
            settings,
            lacks: Vec::new(),
            claims: 0,
        }
    }

    /// Stops the check if the target declares this lack.
    pub(crate) fn need(&self, lack: Lack) -> Result<(), Stop> {
        if self.lacks.iter().any(|(known, _)| *known == lack) {
            return Err(Stop::NotOffered(lack));
        }
        Ok(())
    }

    /// The same server with other settings.
    pub(crate) fn reopened(&self, change: impl FnOnce(&mut SourceSettings)) -> Door {
        let mut settings = self.settings.clone();
        change(&mut settings);
        open(&settings, None).expect("a source from good settings")
    }

    /// The full sweep of models.
    pub(crate) async fn models(&self) -> Result<Vec<RegisteredModel>, Stop> {
        let answer = self.door.poll(Feed::Models, &Focus::default()).await?;
        ensure!(
            answer.coverage == Coverage::Full(Scope::Models),
            "models: coverage {:?}",
            answer.coverage
        );
        match answer.rows {
            Rows::Models(rows) => Ok(rows),
            other => Err(format!("models: {} rows of another type", other.len()).into()),
        }
    }

    /// The full sweep of versions.
    pub(crate) async fn versions(&self) -> Result<Vec<ModelVersion>, Stop> {
        let answer = self.door.poll(Feed::Versions, &Focus::default()).await?;
        ensure!(
            answer.coverage == Coverage::Full(Scope::Versions),
            "versions: coverage {:?}",
            answer.coverage
        );
        match answer.rows {
            Rows::Versions(rows) => Ok(rows),
            other => Err(format!("versions: {} rows of another type", other.len()).into()),
        }
    }

    /// Every experiment.
    pub(crate) async fn experiments(&self) -> Result<Vec<Experiment>, Stop> {
        let answer = self.door.poll(Feed::Experiments, &Focus::default()).await?;
        ensure!(
            answer.coverage == Coverage::Full(Scope::Experiments),
            "experiments: coverage {:?}",
            answer.coverage
        );
        match answer.rows {
            Rows::Experiments(rows) => Ok(rows),
            other => Err(format!("experiments: {} rows of another type", other.len()).into()),
        }
    }

    /// The experiment of the adapter that has a raw id.
    pub(crate) async fn experiment(&self, id: &str) -> Result<ExperimentKey, Stop> {
        self.experiments()
            .await?
            .into_iter()
            .map(|e| e.key)
            .find(|key| key.id.raw() == id)
            .ok_or_else(|| format!("experiment {id} is not listed").into())
    }

    /// The model of the adapter that has a raw name.
    pub(crate) async fn model(&self, name: &str) -> Result<RegisteredModel, Stop> {
        self.models()
            .await?
            .into_iter()
            .find(|m| m.key.name.raw() == name)
            .ok_or_else(|| format!("model {name:?} is not listed").into())
    }

    /// The rows of the fast tick.
    pub(crate) async fn watched(&self, key: &ModelKey) -> Result<Vec<RegisteredModel>, Stop> {
        let focus = Focus {
            models: [key.clone()].into(),
            ..Focus::default()
        };
        let answer = self.door.poll(Feed::WatchedModels, &focus).await?;
        ensure!(
            !matches!(answer.coverage, Coverage::Full(_)),
            "a fast tick must not claim to list everything"
        );
        match answer.rows {
            Rows::Models(rows) => Ok(rows),
            other => Err(format!("watched: {} rows of another type", other.len()).into()),
        }
    }

    /// A model with two versions, the first of which is the champion: made for the check where that
    /// is possible, else the first one there is. Ends with [`Scratch::remove`].
    pub(crate) async fn scratch(&self) -> Result<Scratch, Stop> {
        if self.need(Lack::MakingModels).is_err() {
            return self.borrowed().await;
        }
        let name = self.fresh("contract");
        let body = json!({"name": name});
        self.raw.post("registered-models/create", &body).await?;
        let scratch = Scratch {
            name,
            versions: ["1".to_owned(), "2".to_owned()],
            ours: true,
            alias: "champion".to_owned(),
        };
        for _ in 0..2 {
            self.register(&scratch.name).await?;
        }
        scratch.point(self, 0).await?;
        Ok(scratch)
    }

    /// A name that nothing on the server has.
    #[expect(clippy::unused_self, reason = "a name is fresh on a server")]
    pub(crate) fn fresh(&self, what: &str) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_millis());
        format!("{what}-{now}-{}", MADE.fetch_add(1, Ordering::SeqCst))
    }

    async fn borrowed(&self) -> Result<Scratch, Stop> {
        for row in self.raw.models().await? {
            let name = row["name"].as_str().unwrap_or_default();
            let mut all: Vec<String> = self
                .raw
                .versions(name)
                .await?
                .iter()
                .map(|v| v["version"].as_str().unwrap_or_default().to_owned())
                .collect();
            let champion = crate::raw::list(&row["aliases"])
                .iter()
                .find(|a| a["alias"] == "champion")
                .and_then(|a| a["version"].as_str().map(str::to_owned));
            if let Some(champion) = champion {
                all.retain(|v| *v != champion);
                if let Some(other) = all.pop() {
                    return Ok(Scratch {
                        name: name.to_owned(),
                        versions: [champion, other],
                        ours: false,
                        alias: "champion".to_owned(),
                    });
                }
            }
        }
        Err("no model has a champion and another version"
            .to_owned()
            .into())
    }

    /// Registers one more version and tells its number.
    pub(crate) async fn register(&self, name: &str) -> Result<String, Stop> {
        self.need(Lack::NewVersions)?;
        let body = json!({"name": name, "source": ELSEWHERE});
        let made = self.raw.post("model-versions/create", &body).await?;
        match made["model_version"]["version"].as_str() {
            Some(version) => Ok(version.to_owned()),
            None => Err(format!("no version in {made}").into()),
        }
    }
}

/// A model that a check may move things on.
pub(crate) struct Scratch {
    pub(crate) name: String,
    pub(crate) versions: [String; 2],
    pub(crate) alias: String,
    ours: bool,
}

impl Scratch {
    /// Points the alias at one of the two versions, directly.
    pub(crate) async fn point(&self, tracker: &Tracker, at: usize) -> Result<(), Stop> {
        let body = json!({"name": self.name, "alias": self.alias, "version": self.versions[at]});
        tracker.raw.post("registered-models/alias", &body).await?;
        Ok(())
    }

    /// Leaves the server as it was, whatever came of the check.
    pub(crate) async fn remove(self, tracker: &Tracker) -> Result<(), Stop> {
        if self.ours {
            let body = json!({"name": self.name});
            tracker
                .raw
                .delete("registered-models/delete", &body)
                .await?;
        } else {
            self.point(tracker, 0).await?;
        }
        Ok(())
    }
}

/// Every check of an MLflow server without authentication.
pub(crate) fn tracker_checks() -> Vec<Check<Tracker>> {
    checks![
        access::server_says_what_it_is,
        access::wrong_prefix_is_no_route,
        access::nobody_is_unreachable,
        access::foreign_host_name_is_refused_as_such,
        registry::every_model_once,
        registry::aliases_equal_the_alias_route,
        registry::alias_move_is_seen_by_the_fast_tick,
        registry::new_version_is_seen_by_the_medium_tick,
        registry::deleted_version_is_gone_from_the_sweep,
        registry::every_version_once,
        registry::package_is_what_was_logged,
        registry::logged_model_has_its_files,
        registry::unknown_version_is_not_found,
        registry::watching_nothing_tells_nothing,
        registry::watched_model_that_is_gone_hides_nobody,
        runs::every_experiment_once,
        runs::paging_gives_every_run_once,
        runs::runs_are_as_logged,
        history::metrics_that_are_no_numbers_arrive,
        runs::resumed_run_is_live_and_has_an_end,
        runs::delta_tick_tells_of_live_runs,
        runs::delta_tick_tells_of_a_start_and_an_end,
        runs::open_experiment_shows_its_newest_run,
        runs::filter_is_the_servers_and_so_are_its_errors,
        history::history_keeps_its_ends,
        history::histories_of_several_runs_stay_apart,
        runs::artifacts_are_listed,
        runs::one_run_is_found_and_an_unknown_one_is_not,
        runs::unknown_experiment_has_no_runs,
        writes::aliases_go_where_they_are_sent,
        writes::tags_are_kept_and_leave_no_stamp,
        writes::descriptions_are_stamped,
        writes::stages_archive_when_asked,
        writes::parameters_are_written_once,
        writes::batches_are_whole,
        writes::versions_are_never_numbered_twice,
        acts::aliases_are_moved_and_moved_back,
        acts::what_was_made_again_is_not_moved_to,
        acts::tags_texts_and_stages_are_set_and_set_back,
        acts::of_two_that_claim_a_move_one_is_refused,
    ]
}

/// Every check of an MLflow server with authentication.
pub(crate) fn access_checks() -> Vec<Check<Tracker>> {
    checks![
        access::server_says_what_it_is,
        access::wrong_prefix_is_no_route,
        access::wrong_credentials_are_refused,
        access::reader_may_read,
        registry::every_model_once,
        access::rights_that_are_told_hold,
        acts::acts_end_as_the_rights_say,
    ]
}

/// Every check of a serving endpoint.
pub(crate) fn endpoint_checks() -> Vec<Check<Endpoint>> {
    checks![
        serving::endpoint_is_ready_and_says_what_it_is,
        serving::versions_are_reported_never_guessed,
        serving::states_are_the_servers_own,
        serving::model_at_rest_is_not_ready,
        serving::unknown_model_is_missing,
        serving::only_model_is_found_without_a_name,
        serving::wrong_addresses_are_faults,
        serving::another_kind_is_not_mistaken,
        serving::nothing_can_be_fetched,
        writes::only_known_models_are_loaded,
        acts::the_version_that_answers_is_awaited,
        // Last, because the endpoint goes on serving the other version.
        serving::other_version_is_seen_by_the_next_look,
    ]
}
