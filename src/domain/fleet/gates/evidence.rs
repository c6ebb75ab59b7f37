//! Finds the evidence of a gate among what the fleet holds and what was fetched: of the version that holds
//! the alias and of the one that shall.

use super::super::{Fleet, PackageState};
use super::details::{Answer, Details};
use super::{Promotion, signals};
use crate::domain::gate::{Clause, Evidence, Gate, Of, Scale};
use crate::domain::key::{SourceId, VersionKey};
use crate::domain::model::{LoggedMetric, ModelVersion, Package, VersionStatus};
use crate::domain::query::Query;
use crate::domain::rules::gates::found::{Dataset, Numbers};
use crate::domain::rules::gates::{Aged, Found, Number, Pair, Side, date};
use crate::domain::rules::quality;
use crate::domain::rules::reproducible::{self, Claim, Origins};
use crate::domain::run::Run;
use crate::domain::settings::ModelSettings;
use crate::domain::signal::{Direction, Gauge, State, Unit};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::domain::wiring::version_text;

/// Contexts of datasets that a number may have been evaluated on, as clients write them.
const EVALUATION: [&str; 8] = [
    "evaluation",
    "eval",
    "validation",
    "valid",
    "val",
    "test",
    "testing",
    "holdout",
];
/// Tags that tell until when the training data go, on the version or on its run.
const DATA_UNTIL: [&str; 3] = ["quarterdeck.data_until", "data_until", "data_timestamp"];

/// Everything that evidence is looked for in.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) details: &'a Details,
    pub(super) settings: Option<&'a ModelSettings>,
    pub(super) candidate: VersionKey,
    pub(super) champion: Option<VersionKey>,
    /// The model's readings, judged.
    pub(super) gauges: Vec<Gauge>,
    /// The registry that holds the model.
    pub(super) source: SourceId,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        fleet: &'a Fleet,
        details: &'a Details,
        promotion: &Promotion,
        source: SourceId,
        now: Millis,
    ) -> Self {
        Self {
            fleet,
            details,
            settings: fleet.settings().models.get(promotion.model.name.raw()),
            candidate: promotion.candidate(),
            champion: promotion.champion(fleet),
            gauges: fleet.gauges(&promotion.model, now),
            source,
        }
    }

    /// The evidence of any gate but an approval; `None` where nothing is known and the gate is one that is
    /// left out then.
    pub(super) fn find(&self, gate: &Gate) -> Option<Found> {
        let found = match &gate.evidence {
            Evidence::RunMetric(name) => self.run_metric(gate, name),
            Evidence::Quality => self.quality(gate),
            Evidence::ModelMetric(name) => self.model_metric(gate, name),
            Evidence::VersionTag(key) => {
                self.words(|version| Side::Known(version.tag(key).cloned()))
            }
            Evidence::RunTag(key) => {
                self.words(|version| self.run(version).map(|run| run.tag(key).cloned()))
            }
            Evidence::Status => self.words(|version| Side::Known(Some(status(version)))),
            Evidence::Signature => Found::Signatures {
                champion: self.champion_package().map(|p| p.signature.clone()),
                candidate: self.package(&self.candidate).map(|p| p.signature.clone()),
            },
            Evidence::Reproducibility => Found::Claims {
                champion: self.of_champion(|v| self.claims(v)),
                candidate: self.version(&self.candidate).and_then(|v| self.claims(v)),
            },
            Evidence::Size => self.size(gate),
            Evidence::TrainingAge => Found::Aged {
                champion: self.of_champion(|v| self.aged(v)),
                candidate: self.version(&self.candidate).and_then(|v| self.aged(v)),
            },
            Evidence::Signal(measure) => {
                let numbers = signals::numbers(self, gate, *measure);
                let known = |side: &Side<Number>| side.known().is_some();
                let of_candidate = numbers.pairs.iter().any(|p| known(&p.candidate));
                if gate.if_known && !of_candidate {
                    return None;
                }
                Found::Numbers(numbers)
            }
            Evidence::Consistency => {
                if gate.if_known && signals::of_features(self).next().is_none() {
                    return None;
                }
                let package = self.package(&self.candidate);
                Found::Features(signals::features(self, package))
            }
            Evidence::Approval => Found::Nothing(Clean::text("approvals are judged last")),
        };
        Some(found)
    }

    /// A version as the registry told it.
    pub(super) fn version(&self, key: &VersionKey) -> Side<&'a ModelVersion> {
        match self.fleet.version(key) {
            Some(version) => Side::Known(version),
            None if self.details.has_asked(&Query::Versions(key.model.clone())) => Side::unknown(
                format!("the registry holds no {}", version_text(&key.version)),
            ),
            None => Side::Pending,
        }
    }

    fn of_champion<T>(&self, make: impl FnOnce(&'a ModelVersion) -> Side<T>) -> Side<T> {
        match &self.champion {
            Some(key) => self.version(key).and_then(make),
            None => Side::Absent,
        }
    }

    /// The run that made a version, read for this sheet: the fleet keeps one dataset of it only.
    fn run(&self, version: &ModelVersion) -> Side<&'a Run> {
        let shown = version_text(&version.key.version);
        let Some(key) = &version.run else {
            return Side::unknown(format!("{shown} names no run"));
        };
        match self.details.run(key) {
            Some(Ok(run)) => Side::Known(run),
            Some(Err(_)) if self.fleet.is_run_gone(key) => {
                Side::unknown(format!("the run of {shown} is gone from its tracker"))
            }
            Some(Err(why)) => Side::unknown(format!("the run of {shown}: {why}")),
            None => Side::Pending,
        }
    }

    fn package(&self, key: &VersionKey) -> Side<&'a Package> {
        if let Some(PackageState::Read(package)) = self.fleet.package(key) {
            return Side::Known(package);
        }
        match self.details.package(key) {
            Some(Ok(package)) => Side::Known(package),
            Some(Err(why)) => Side::unknown(format!(
                "the package of {} cannot be read: {why}",
                version_text(&key.version)
            )),
            // Read before, in vain: a sheet asks once more.
            None => Side::Pending,
        }
    }

    fn champion_package(&self) -> Side<&'a Package> {
        match &self.champion {
            Some(key) => self.package(key),
            None => Side::Absent,
        }
    }

    fn words(&self, make: impl Fn(&'a ModelVersion) -> Side<Option<Clean>>) -> Found {
        Found::Words {
            champion: self.of_champion(&make),
            candidate: self.version(&self.candidate).and_then(&make),
        }
    }

    fn claims(&self, version: &ModelVersion) -> Side<[Claim; 4]> {
        let run: Option<&Answer<Run>> = version.run.as_ref().and_then(|r| self.details.run(r));
        let gone = version
            .run
            .as_ref()
            .is_some_and(|r| self.fleet.is_run_gone(r));
        let package = self.package(&version.key);
        let waits = matches!(package, Side::Pending) || (version.run.is_some() && run.is_none());
        if waits {
            return Side::Pending;
        }
        if let Some(Err(why)) = run
            && !gone
        {
            // Not read is not missing.
            return Side::unknown(format!(
                "the run of {} cannot be read: {why}",
                version_text(&version.key.version)
            ));
        }
        Side::Known(reproducible::judge(
            version,
            Origins {
                run: run.and_then(|r| r.as_ref().ok()),
                run_gone: gone,
                package: package.known().copied(),
                package_unreadable: matches!(package, Side::Unknown(_)),
            },
        ))
    }

    fn aged(&self, version: &ModelVersion) -> Side<Aged> {
        let tagged = |tag: &dyn Fn(&str) -> Option<Clean>, of: &str| {
            DATA_UNTIL.into_iter().find_map(|key| {
                Some(Aged {
                    at: date(tag(key)?.as_str())?,
                    exact: true,
                    by: Clean::text(&format!("tag {key} of the {of}")),
                })
            })
        };
        if let Some(aged) = tagged(&|key| version.tag(key).cloned(), "version") {
            return Side::Known(aged);
        }
        if version.run.is_none() {
            return Side::Known(Aged {
                at: version.created,
                exact: false,
                by: Clean::text("the version's registration"),
            });
        }
        self.run(version).map(|run| {
            tagged(&|key| run.tag(key).cloned(), "run").unwrap_or_else(|| Aged {
                at: run.started,
                exact: false,
                by: Clean::text("the run's start"),
            })
        })
    }

    fn size(&self, gate: &Gate) -> Found {
        let number = |package: Side<&Package>| {
            package.and_then(|package| match package.size {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a size beyond 2^53 bytes is none"
                )]
                Some(bytes) => Side::Known(self.plain(bytes as f64, None)),
                None => Side::unknown("the package does not tell its size"),
            })
        };
        let pair = Pair {
            part: Clean::empty(),
            champion: number(self.champion_package()),
            candidate: number(self.package(&self.candidate)),
        };
        Found::Numbers(Numbers {
            scale: Scale::Bytes,
            direction: Direction::HighIsBad,
            pairs: vec![pair],
            min_n: gate.min_n,
        })
    }

    /// A number that was read from the registry and was not evaluated on anything.
    fn plain(&self, value: f64, at: Option<Millis>) -> Number {
        Number {
            value,
            state: if value.is_nan() {
                State::Nan
            } else {
                State::Value
            },
            n: None,
            at,
            source: Some(self.source.clone()),
            dataset: Dataset::NoneNeeded,
            remark: Clean::empty(),
        }
    }

    /// The metric that quality is measured by, as far as is known.
    pub(super) fn quality_metric(&self) -> Option<&str> {
        let named = self.settings.and_then(|s| s.metric.as_deref());
        named.or_else(|| {
            let run = self.version(&self.candidate).and_then(|v| self.run(v));
            let run = run.known().copied()?;
            quality::choose(None, |m| run.metric(m).is_some())
        })
    }

    fn quality(&self, gate: &Gate) -> Found {
        let named = self.settings.and_then(|s| s.metric.as_deref());
        let run = self.version(&self.candidate).and_then(|v| self.run(v));
        let name = match (named, &run) {
            (Some(name), _) => Some(name),
            (None, Side::Known(run)) => quality::choose(None, |m| run.metric(m).is_some()),
            (None, other) => {
                // Why there is no run is why there is no metric.
                let candidate = other.clone().and_then(|_| Side::Pending);
                return self.numbers(
                    gate,
                    "",
                    vec![Pair {
                        part: Clean::empty(),
                        champion: Side::Pending,
                        candidate,
                    }],
                );
            }
        };
        match name {
            Some(name) => self.run_metric(gate, name),
            None => Found::Nothing(Clean::text(
                "no quality metric is known: set `metric` for the model",
            )),
        }
    }

    fn run_metric(&self, gate: &Gate, name: &str) -> Found {
        let champion = self.of_champion(|v| self.run(v));
        let candidate = self.version(&self.candidate).and_then(|v| self.run(v));
        let Some(prefix) = name.strip_suffix('*') else {
            let number = |run: Side<&Run>| run.and_then(|run| self.of_run(gate, run, name, ""));
            let part = Clean::name(name);
            let pair = Pair {
                part,
                champion: number(champion),
                candidate: number(candidate),
            };
            return self.numbers(gate, name, vec![pair]);
        };
        let mut groups: Vec<Clean> = [&candidate, &champion]
            .into_iter()
            .filter_map(|run| run.known())
            .flat_map(|run| run.metrics.iter())
            .filter_map(|m| m.name.shown.as_str().strip_prefix(prefix))
            .map(Clean::name)
            .collect();
        groups.sort();
        groups.dedup();
        if let (true, Side::Known(_)) = (groups.is_empty(), &candidate) {
            return Found::Nothing(Clean::text(&format!("the run logged no metric {prefix}…")));
        }
        if groups.is_empty() {
            groups.push(Clean::empty());
        }
        let pairs = groups.into_iter().map(|group| {
            let whole = format!("{prefix}{group}");
            let number = |run: Side<&Run>| {
                run.and_then(|run| self.of_run(gate, run, &whole, group.as_str()))
            };
            Pair {
                champion: number(champion.clone()),
                candidate: number(candidate.clone()),
                part: group,
            }
        });
        let pairs = pairs.collect();
        self.numbers(gate, name, pairs)
    }

    fn of_run(&self, gate: &Gate, run: &Run, name: &str, group: &str) -> Side<Number> {
        let Some(metric) = run.metrics.iter().find(|m| m.name.shown == name) else {
            return Side::unknown(format!(
                "the run {} logged no {}",
                run.name,
                Clean::name(name)
            ));
        };
        let rows = gate
            .rows
            .as_ref()
            .and_then(|rows| match rows.strip_suffix('*') {
                Some(prefix) => run.metric(&format!("{prefix}{group}")),
                None => run.metric(rows),
            });
        Side::Known(Number {
            n: rows.and_then(whole),
            dataset: evaluated_on(run, name),
            ..self.plain(metric.value, Some(metric.at))
        })
    }

    fn model_metric(&self, gate: &Gate, name: &str) -> Found {
        let number = |version: &ModelVersion| -> Side<Number> {
            let shown = version_text(&version.key.version);
            let Some(id) = &version.logged_model else {
                return Side::unknown(format!("{shown} was not made of a logged model"));
            };
            match self.details.logged(id) {
                Some(Ok(metrics)) => {
                    let of = |m: &&LoggedMetric| m.name.shown == name;
                    // Of several datasets the latest evaluation counts.
                    match metrics.iter().filter(of).max_by_key(|m| (m.at, m.step)) {
                        Some(metric) => Side::Known(Number {
                            dataset: metric.dataset.as_ref().map_or(Dataset::NotLogged, |set| {
                                Dataset::Known(vec![set.clone()])
                            }),
                            ..self.plain(metric.value, Some(metric.at))
                        }),
                        None => Side::unknown(format!(
                            "the logged model of {shown} has no {}",
                            Clean::name(name)
                        )),
                    }
                }
                Some(Err(why)) => Side::unknown(format!("the logged model of {shown}: {why}")),
                None => Side::Pending,
            }
        };
        let pair = Pair {
            part: Clean::name(name),
            champion: self.of_champion(number),
            candidate: self.version(&self.candidate).and_then(number),
        };
        self.numbers(gate, name, vec![pair])
    }

    fn numbers(&self, gate: &Gate, metric: &str, pairs: Vec<Pair>) -> Found {
        Found::Numbers(Numbers {
            scale: Scale::In(Unit::Score),
            direction: self.direction(gate, metric),
            pairs,
            min_n: gate.min_n,
        })
    }

    /// Which way a logged metric is bad: as the rule's own limits say, else as settings say of the model's
    /// metric, else by its name.
    fn direction(&self, gate: &Gate, metric: &str) -> Direction {
        if let Some(direction) = by_limits(gate) {
            return direction;
        }
        let set = self
            .settings
            .filter(|s| s.metric.as_deref() == Some(metric));
        let set = set.and_then(|s| s.higher_is_better);
        match set.or_else(|| quality::direction(metric)) {
            Some(true) => Direction::LowIsBad,
            Some(false) => Direction::HighIsBad,
            None => Direction::Neither,
        }
    }
}

/// Which way is bad by the sides that a rule bounds its value from.
pub(super) fn by_limits(gate: &Gate) -> Option<Direction> {
    let mut floors = gate.rule.iter().filter_map(|clause| match clause {
        Clause::Limit(limit) if limit.of == Of::Value => Some(limit.sign.is_floor()),
        _ => None,
    });
    let first = floors.next()?;
    // Bounded from both sides, neither is worse.
    let direction = if first {
        Direction::LowIsBad
    } else {
        Direction::HighIsBad
    };
    floors.all(|floor| floor == first).then_some(direction)
}

/// The datasets that a run says it was evaluated on: those of the metric's own split where its name tells.
fn evaluated_on(run: &Run, metric: &str) -> Dataset {
    let split = |context: &Clean, words: &[&str]| {
        let context = context.as_str().to_ascii_lowercase();
        words.contains(&context.as_str())
    };
    let of = |words: &[&str]| {
        let mut sets: Vec<(Clean, Clean)> = run
            .datasets
            .iter()
            .filter(|set| split(&set.context, words))
            .map(|set| (set.name.clone(), set.digest.clone()))
            .collect();
        sets.sort();
        sets.dedup();
        sets
    };
    let lower = metric.to_ascii_lowercase();
    let own: &[&str] = if lower.starts_with("val") {
        &["validation", "valid", "val"]
    } else if lower.starts_with("test") {
        &["test", "testing"]
    } else if lower.starts_with("train") {
        &["training", "train"]
    } else {
        &[]
    };
    let sets = Some(of(own)).filter(|sets| !sets.is_empty());
    let sets = sets.unwrap_or_else(|| of(&EVALUATION));
    if sets.is_empty() {
        Dataset::NotLogged
    } else {
        Dataset::Known(sets)
    }
}

/// A count that was logged as a metric.
fn whole(value: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count that is finite and not negative"
    )]
    (value.is_finite() && value >= 0.0).then_some(value as u64)
}

fn status(version: &ModelVersion) -> Clean {
    match &version.status {
        VersionStatus::Ready => Clean::name("ready"),
        VersionStatus::Pending => Clean::name("pending"),
        VersionStatus::Failed => Clean::name("failed"),
        VersionStatus::Other(word) => word.clone(),
    }
}
