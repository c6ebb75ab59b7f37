//! Which runs a table shows and in which order: a pure function of the runs held, used in place and
//! off the loop alike.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::domain::fleet::runs::{PackedRun, RunStore, Symbol};
use crate::domain::run::RunStatus;
use crate::intent::filter::Searchable;
use crate::intent::msg::{RunColumn, RunRows};

/// Filters and sorts the runs of an experiment. Numbers sort as numbers, before words; NaN and then
/// absent values come last in both directions; ties go to the newer start, then to the id.
pub fn compute(runs: &RunStore, spec: &RunRows) -> Vec<u32> {
    let held = runs.of(&spec.experiment);
    let all = spec.filter.is_empty();
    let kept = held.iter().filter_map(|row| {
        let run = runs.row(*row)?;
        (all || spec.filter.keeps(&Searched { run, runs })).then_some((*row, run))
    });
    let mut keyed = keys(runs, kept, &spec.sort);
    keyed.sort_unstable_by(|a, b| {
        let by = a.value.total_cmp(&b.value);
        let by = if spec.descending { by.reverse() } else { by };
        a.group
            .cmp(&b.group)
            .then(by)
            .then_with(|| b.run.started.cmp(&a.run.started))
            .then_with(|| a.run.id.cmp(&b.run.id))
    });
    keyed.into_iter().map(|k| k.row).collect()
}

/// The groups of a sorted column, in their order.
const NUMBER: u8 = 0;
const WORD: u8 = 1;
const NAN: u8 = 2;
const ABSENT: u8 = 3;

struct Keyed<'a> {
    row: u32,
    run: &'a PackedRun,
    group: u8,
    value: f64,
}

fn number(value: Option<f64>) -> (u8, f64) {
    match value {
        None => (ABSENT, 0.0),
        Some(v) if v.is_nan() => (NAN, 0.0),
        // Both zeros are one value.
        Some(v) => (NUMBER, v + 0.0),
    }
}

fn keys<'a>(
    runs: &'a RunStore,
    rows: impl Iterator<Item = (u32, &'a PackedRun)>,
    sort: &RunColumn,
) -> Vec<Keyed<'a>> {
    let texts = runs.texts();
    let of_text = |symbol: Symbol| Some(symbol).filter(|s| !runs.text(*s).is_empty());
    let by_number = |f: &dyn Fn(&PackedRun) -> Option<f64>, rows: &mut dyn Iterator<Item = _>| {
        rows.map(|(row, run): (u32, &'a PackedRun)| {
            let (group, value) = number(f(run));
            Keyed {
                row,
                run,
                group,
                value,
            }
        })
        .collect()
    };
    let mut rows = rows;
    match sort {
        RunColumn::Started => by_number(&|r| Some(r.started.0 as f64), &mut rows),
        RunColumn::Duration => by_number(&|r| Some(seconds(r)), &mut rows),
        RunColumn::Status => by_number(&|r| Some(f64::from(status_rank(&r.status))), &mut rows),
        RunColumn::Metric(name) => {
            let symbol = texts.find(name.as_str());
            by_number(&|r| r.metric(symbol?), &mut rows)
        }
        RunColumn::Name => by_text(runs, rows, |r| of_text(r.name)),
        RunColumn::User => by_text(runs, rows, |r| of_text(r.user)),
        RunColumn::Dataset => by_text(runs, rows, |r| r.dataset.map(|(name, _)| name)),
        RunColumn::Param(name) => {
            let symbol = texts.find(name.as_str());
            by_text(runs, rows, |r| r.param(symbol?))
        }
        RunColumn::Tag(name) => {
            let symbol = texts.find(name.as_str());
            by_text(runs, rows, |r| r.tag(symbol?))
        }
    }
}

/// Each distinct text is read once: as a number if it is one, else by its rank among the words.
fn by_text<'a>(
    runs: &RunStore,
    rows: impl Iterator<Item = (u32, &'a PackedRun)>,
    of: impl Fn(&PackedRun) -> Option<Symbol>,
) -> Vec<Keyed<'a>> {
    let rows: Vec<_> = rows.map(|(row, run)| (row, run, of(run))).collect();
    let mut distinct: Vec<Symbol> = rows.iter().filter_map(|(.., symbol)| *symbol).collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct.sort_by(|a, b| natural(runs.text(*a).as_str(), runs.text(*b).as_str()));
    let keys: HashMap<Symbol, (u8, f64)> = distinct
        .into_iter()
        .enumerate()
        .map(|(rank, symbol)| {
            let key = match runs.text(symbol).as_str().parse::<f64>() {
                Ok(v) => number(Some(v)),
                Err(_) => (WORD, rank as f64),
            };
            (symbol, key)
        })
        .collect();
    rows.into_iter()
        .map(|(row, run, symbol)| {
            let (group, value) = symbol
                .and_then(|s| keys.get(&s).copied())
                .unwrap_or((ABSENT, 0.0));
            Keyed {
                row,
                run,
                group,
                value,
            }
        })
        .collect()
}

/// Words without regard to case, numbers inside them by value: `run-9` before `run-10`.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut one, mut two) = (left, right);
    loop {
        let (Some(head), Some(other)) = (one.chars().next(), two.chars().next()) else {
            return one.len().cmp(&two.len()).then_with(|| left.cmp(right));
        };
        let by = if head.is_ascii_digit() && other.is_ascii_digit() {
            let (number, rest) = split_number(one);
            let (against, after) = split_number(two);
            (one, two) = (rest, after);
            number
                .len()
                .cmp(&against.len())
                .then_with(|| number.cmp(against))
        } else {
            (one, two) = (&one[head.len_utf8()..], &two[other.len_utf8()..]);
            head.to_lowercase().cmp(other.to_lowercase())
        };
        if by != Ordering::Equal {
            return by;
        }
    }
}

/// The digits at the start, without leading zeros, and the rest.
fn split_number(text: &str) -> (&str, &str) {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &text[..text.len() - rest.len()];
    (digits.trim_start_matches('0'), rest)
}

/// How long a run took, or has been seen to take so far, in seconds.
fn seconds(run: &PackedRun) -> f64 {
    let end = match run.ended {
        Some(end) if !run.status.is_live() => end,
        _ => run.asked_at,
    };
    end.since(run.started).as_secs_f64()
}

/// Live first, then what went wrong.
fn status_rank(status: &RunStatus) -> u8 {
    match status {
        RunStatus::Running => 0,
        RunStatus::Scheduled => 1,
        RunStatus::Failed => 2,
        RunStatus::Killed => 3,
        RunStatus::Other(_) => 4,
        RunStatus::Finished => 5,
    }
}

/// Tags that the tracker's own machinery writes: not columns by themselves, and not searched.
pub(in crate::panes) fn is_machine_tag(name: &str) -> bool {
    name.starts_with("mlflow.")
}

/// A run as the filter sees it.
struct Searched<'a> {
    run: &'a PackedRun,
    runs: &'a RunStore,
}

impl Searched<'_> {
    /// The column without `metrics.`, `params.` or `tags.`, and which of them it names.
    fn split(column: &str) -> (Option<&'static str>, &str) {
        for (kind, prefixes) in [
            ("metric", ["metrics.", "metric."]),
            ("param", ["params.", "param."]),
            ("tag", ["tags.", "tag."]),
        ] {
            for prefix in prefixes {
                if let Some(rest) = column.strip_prefix(prefix) {
                    return (Some(kind), rest);
                }
            }
        }
        (None, column)
    }

    fn value(&self, kind: Option<&str>, name: &str) -> Option<&str> {
        let symbol = self.runs.texts().find(name)?;
        let param = || self.run.param(symbol);
        let tag = || self.run.tag(symbol);
        let found = match kind {
            None => param().or_else(tag),
            Some("param") => param(),
            Some("tag") => tag(),
            Some(_) => None,
        };
        found.map(|v| self.runs.text(v).as_str())
    }
}

impl Searchable for Searched<'_> {
    fn any_text(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        let text = |symbol: Symbol| self.runs.text(symbol).as_str();
        let run = self.run;
        each(text(run.name))
            || each(text(run.user))
            || each(run.status.word())
            || each(run.id.raw())
            || run
                .dataset
                .is_some_and(|(name, digest)| each(text(name)) || each(text(digest)))
            || run.params().any(|(_, value)| each(text(value)))
            || run
                .tags()
                .filter(|(name, _)| !is_machine_tag(text(*name)))
                .any(|(_, value)| each(text(value)))
    }

    fn text_of(&self, column: &str) -> Option<String> {
        let text = |symbol: Symbol| self.runs.text(symbol).to_string();
        match Self::split(column) {
            (None, "name" | "run") => Some(text(self.run.name)),
            (None, "user") => Some(text(self.run.user)),
            (None, "status") => Some(self.run.status.word().to_owned()),
            (None, "id") => Some(self.run.id.raw().to_owned()),
            (None, "dataset" | "data") => self.run.dataset.map(|(name, _)| text(name)),
            (kind, name) => self.value(kind, name).map(str::to_owned),
        }
    }

    fn number_of(&self, column: &str) -> Option<f64> {
        let (kind, name) = Self::split(column);
        if kind.is_none() && name == "duration" {
            return Some(seconds(self.run));
        }
        let metric = || self.run.metric(self.runs.texts().find(name)?);
        let value = || self.value(kind, name)?.parse().ok();
        match kind {
            None => metric().or_else(value),
            Some("metric") => metric(),
            Some(_) => value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::Run;
    use crate::domain::text::Clean;
    use crate::intent::filter::Filter;
    use crate::panes::testing::{RunWith, ago, experiment_key, run};

    fn store(runs: Vec<Run>) -> RunStore {
        let mut store = RunStore::default();
        for run in runs {
            store.upsert(&run, ago(0));
        }
        store
    }

    fn sample() -> RunStore {
        store(vec![
            run("1", "a", "run-9", 500)
                .metrics(&[("auc", 0.9)])
                .params(&[("depth", "10"), ("kind", "gbm")]),
            run("1", "b", "run-10", 400)
                .metrics(&[("auc", f64::NAN)])
                .params(&[("depth", "9")])
                .status(RunStatus::Failed),
            run("1", "c", "Run-2", 300).params(&[("depth", "auto")]),
            run("1", "d", "run-1", 200)
                .metrics(&[("auc", -1.0)])
                .params(&[("depth", "1e1")])
                .tags(&[("team", "risk"), ("mlflow.note", "secret-word")])
                .by("kim"),
            run("2", "e", "elsewhere", 100).metrics(&[("auc", 1.0)]),
        ])
    }

    fn ids(store: &RunStore, filter: &str, sort: RunColumn, descending: bool) -> String {
        let spec = RunRows {
            experiment: experiment_key("1"),
            filter: Filter::parse(filter).unwrap(),
            sort,
            descending,
        };
        let rows = compute(store, &spec);
        rows.iter()
            .map(|r| store.row(*r).unwrap().id.raw())
            .collect()
    }

    #[test]
    fn newest_first_is_the_plain_order() {
        assert_eq!(ids(&sample(), "", RunColumn::Started, true), "dcba");
        assert_eq!(ids(&sample(), "", RunColumn::Started, false), "abcd");
    }

    #[test]
    fn nan_and_absent_values_come_last_both_ways() {
        let auc = RunColumn::Metric(Clean::name("auc"));
        assert_eq!(ids(&sample(), "", auc.clone(), true), "adbc");
        assert_eq!(ids(&sample(), "", auc, false), "dabc");
    }

    #[test]
    fn numbers_sort_as_numbers_and_before_words() {
        let depth = RunColumn::Param(Clean::name("depth"));
        // `10` and `1e1` are equal: the newer run goes first.
        assert_eq!(ids(&sample(), "", depth.clone(), false), "bdac");
        assert_eq!(ids(&sample(), "", depth, true), "dabc");
        let none = RunColumn::Param(Clean::name("nobody-has-it"));
        assert_eq!(ids(&sample(), "", none, true), "dcba");
    }

    #[test]
    fn names_sort_naturally() {
        assert_eq!(ids(&sample(), "", RunColumn::Name, false), "dcab");
    }

    #[test]
    fn filters_know_metrics_params_tags_and_attributes() {
        let started = RunColumn::Started;
        for (filter, want) in [
            ("auc>0", "a"),
            ("metrics.auc<0", "d"),
            ("status:failed", "b"),
            ("!status:failed", "dca"),
            ("depth:auto", "c"),
            ("depth>=10", "da"),
            ("params.kind:gbm", "a"),
            ("tags.team:risk", "d"),
            ("team:risk", "d"),
            ("user:kim", "d"),
            ("gbm", "a"),
            ("secret-word", ""),
            ("duration>60", "dca"),
            ("name:/^run-[19]$/", "da"),
        ] {
            // The failed run ends at its start plus an hour as well, but was read before that.
            let got = ids(&sample(), filter, started.clone(), true);
            let got: String = if filter.starts_with("duration") {
                got.replace('b', "")
            } else {
                got
            };
            assert_eq!(got, want, "{filter}");
        }
    }

    #[test]
    fn ties_are_broken_by_start_and_then_by_id() {
        let same = |id: &str| run("1", id, "same", 100).metrics(&[("auc", 0.5)]);
        let store = store(vec![same("z"), same("y"), same("x")]);
        let auc = RunColumn::Metric(Clean::name("auc"));
        assert_eq!(ids(&store, "", auc.clone(), true), "xyz");
        assert_eq!(ids(&store, "", auc, false), "xyz");
    }
}
