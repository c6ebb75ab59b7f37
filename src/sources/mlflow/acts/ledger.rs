//! Looking at the ledger of claims: an experiment of a known name, with one run a model.
//!
//! Experiment names are unique, also those of deleted ones. Runs are not: two consoles that meet a model's
//! first claim may make one each. The oldest is the ledger, and claims are looked for in all of them.

use super::super::requests::{self, Runs};
use super::super::{Mlflow, map, wire};
use crate::domain::action::claims::{Book, Claimed, Intent};
use crate::domain::action::request::LEDGER_TAG;
use crate::domain::action::{Seen, Sighting};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::key::{Key, ModelKey};
use crate::domain::time::Millis;

/// Rows of a page of ledger runs: more than one is rare.
const PAGE: usize = 50;

/// The runs that hold a model's claims, oldest first, and the registry's clock.
#[derive(Debug, Default)]
struct Ledger {
    runs: Vec<wire::RunRow>,
    server_time: Option<Millis>,
}

impl Mlflow {
    /// The experiment, as one that is to be made.
    pub(super) async fn ledger_made(&self, name: &Key) -> Result<Sighting, Fault> {
        let shown = name.clean();
        let row = requests::experiment_named(&self.http, name.raw()).await?;
        Ok(match row {
            None => Sighting::new(Seen::Before, &format!("there is no experiment {shown}")),
            Some(row) if is_deleted(&row) => {
                let words = format!(
                    "the experiment {shown} is deleted and keeps its name: restore it, or set claims = \"off\""
                );
                Sighting::new(Seen::Other, &words)
            }
            Some(row) => {
                let words = format!("the experiment {shown} is there");
                Sighting::new(Seen::After, &words).of(&row.experiment_id)
            }
        })
    }

    /// The run of a model, as one that is to be made.
    pub(super) async fn ledger_run_made(
        &self,
        name: &Key,
        model: &ModelKey,
    ) -> Result<Sighting, Fault> {
        let ledger = self.ledger(name, model).await?;
        let model = model.name.clean();
        Ok(match ledger.runs.first() {
            None => Sighting::new(Seen::Before, &format!("no run holds the claims of {model}")),
            Some(run) => {
                let words = format!("a run holds the claims of {model}");
                Sighting::new(Seen::After, &words).of(map::run_id(&run.info))
            }
        })
    }

    /// A claim: free, ours by its nonce, or somebody else's.
    pub(super) async fn claim(
        &self,
        name: &Key,
        model: &ModelKey,
        (alias, number): (&Key, u32),
        intent: &Key,
    ) -> Result<Sighting, Fault> {
        let Some(intent) = Intent::read(intent.raw()) else {
            let detail = "this claim has no intent that can be read";
            return Err(Fault::new(FaultKind::Config, self.http.base(), detail));
        };
        let book = self.book(name, model).await?;
        let held = requests::alias(&self.http, model.name.raw(), alias.raw()).await?;
        let current = held.map(|row| Key::new(&row.version));
        let claim = Claimed {
            alias,
            number,
            nonce: &intent.nonce,
        };
        Ok(book.sighting(&claim, intent.ends(), current.as_ref()))
    }

    /// The claims on a model's aliases, and the registry's clock.
    pub(in super::super) async fn book(&self, name: &Key, model: &ModelKey) -> Result<Book, Fault> {
        let ledger = self.ledger(name, model).await?;
        let params = ledger.runs.iter().flat_map(|run| &run.data.params);
        let rows = params.map(|param| (Key::new(&param.key), Key::new(&param.value)));
        Ok(Book {
            rows: rows.collect(),
            now: ledger.server_time,
        })
    }

    /// The runs that hold a model's claims. A deleted run holds none: nothing can be written to it.
    async fn ledger(&self, name: &Key, model: &ModelKey) -> Result<Ledger, Fault> {
        let Some(experiment) = requests::experiment_named(&self.http, name.raw()).await? else {
            return Ok(Ledger::default());
        };
        if is_deleted(&experiment) {
            return Ok(Ledger::default());
        }
        let Some(quoted) = requests::literal(model.name.raw()) else {
            let detail = "claims cannot be looked up by this model's name: set claims = \"off\"";
            let fault = Fault::new(FaultKind::Unsupported, self.http.base(), detail);
            return Err(fault);
        };
        let filter = format!("tags.`{LEDGER_TAG}` = {quoted}");
        let what = Runs {
            experiments: &[experiment.experiment_id],
            filter: &filter,
            rows: PAGE,
            pages: usize::MAX,
            deleted: false,
            token: None,
        };
        let mut found = requests::runs(&self.http, &what).await?;
        // The server compares in its database's way; names that differ in case are two models.
        found.rows.retain(|run| {
            let mut tags = run.data.tags.iter();
            tags.any(|tag| tag.key == LEDGER_TAG && tag.value == model.name.raw())
        });
        found.rows.sort_by(|a, b| age(a).cmp(&age(b)));
        Ok(Ledger {
            runs: found.rows,
            server_time: found.server_time,
        })
    }
}

/// What decides which of several runs is the oldest, the same for every console.
fn age(run: &wire::RunRow) -> (i64, &str) {
    (run.info.start_time, map::run_id(&run.info))
}

fn is_deleted(row: &wire::ExperimentRow) -> bool {
    row.lifecycle_stage == "deleted"
}
