//! Charts of one model: the course of a measure, the expression of a rule, and when alerts were raised.

use std::collections::BTreeMap;

use super::Prometheus;
use super::client::{Asked, is_of_the_query, partly};
use super::expression::against;
use super::history::series;
use super::query::{Grid, and, matcher, over_grid};
use super::wire::{Labels, Read};
use crate::domain::alert::AlertState;
use crate::domain::fault::Fault;
use crate::domain::key::Key;
use crate::domain::query::{COMPARED, Detail, Span};
use crate::domain::signal::{Measure, SignalKey, SignalSpec};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::sources::labels::once;

/// Points a column: a braille cell is two dots wide.
const DOTS: u64 = 2;
/// The most series of one chart.
const MOST_LINES: usize = 200;
/// What an alert's strip says.
const PENDING: f32 = 1.0;
const FIRING: f32 = 2.0;

impl Prometheus {
    async fn grid(&self, span: Span) -> Result<Grid, Fault> {
        let until = match span.until {
            Some(until) => until,
            None => self.now().await?,
        };
        let most = u64::from(span.columns.max(8)) * DOTS;
        Ok(Grid::over(u64::from(span.seconds.max(60)), until, most))
    }

    /// The monitoring's own names of a model: those seen, else those that the settings map to it, and
    /// its own.
    fn names_of(&self, model: &Key) -> Vec<String> {
        if let Some(seen) = self.memory().names.get(model)
            && !seen.is_empty()
        {
            return seen.iter().map(|name| name.raw().to_owned()).collect();
        }
        let table = self.monitoring.models.table.iter();
        let mut names: Vec<String> = table
            .filter(|(_, ours)| ours == model.raw())
            .map(|(theirs, _)| theirs.clone())
            .collect();
        names.push(model.raw().to_owned());
        names
    }

    /// Matchers that narrow a signal to one model. Where the model's name comes from an expression and
    /// has not been seen, nothing can narrow it but reading all.
    fn only(&self, spec: &SignalSpec, model: &Key) -> String {
        let selector = &self.monitoring.selector;
        let known = self.memory().names.contains_key(model);
        if self.monitoring.models.regex.is_some() && !known {
            return selector.clone();
        }
        let names = self.names_of(model);
        let only = matcher(&spec.labels.model, names.iter().map(String::as_str));
        and(selector, &only)
    }

    pub(super) async fn series(
        &self,
        model: &Key,
        measure: Measure,
        span: Span,
    ) -> Result<Detail, Fault> {
        let mut asked = Asked::default();
        let grid = self.grid(span).await?;
        let window = self.monitoring.window.as_secs();
        let mut rows = BTreeMap::new();
        let mut spoilt = None;
        for preset in self.taken(&mut asked).await? {
            let Some(preset) = self.monitoring.presets.get(preset) else {
                continue;
            };
            for spec in preset.signals.iter().filter(|s| s.measure == measure) {
                let selector = self.only(spec, model);
                let queries = [Some(&spec.query), spec.by_version.as_ref()];
                for template in queries.into_iter().flatten() {
                    let query = over_grid(spec, template, &selector, window, grid.step);
                    match self.range(query, grid).await {
                        Ok(read) => rows.extend(self.on_grid(spec, &read, grid)),
                        Err(fault) if is_of_the_query(&fault) => spoilt = spoilt.or(Some(fault)),
                        Err(fault) => return Err(fault),
                    }
                }
            }
        }
        rows.retain(|key, _| key.model == *model);
        match spoilt {
            Some(fault) if rows.is_empty() => Err(fault),
            _ => Ok(Detail::Series(series(rows, grid))),
        }
    }

    /// An expression as it stands: the alerted quantity, not something near it. Each series bears its
    /// labels as its part. Where it compares two series, the other one is told too, as [`COMPARED`].
    pub(super) async fn expression(&self, query: &Key, span: Span) -> Result<Detail, Fault> {
        let grid = self.grid(span).await?;
        let read = self.range(query.raw().to_owned(), grid).await?;
        let mut rows = BTreeMap::new();
        self.plain_rows(&read, "", grid, &mut rows);
        if let Some(line) = against(query.raw()) {
            // A chart without its line is worth more than none.
            match self.range(line.to_owned(), grid).await {
                Ok(read) => self.plain_rows(&read, COMPARED, grid, &mut rows),
                Err(fault) => tracing::debug!(source = %self.id, "a rule's line: {fault}"),
            }
        }
        Ok(Detail::Series(series(rows, grid)))
    }

    /// Takes the series of an answer in as they stand, each with its labels as its part.
    fn plain_rows(
        &self,
        read: &Read,
        method: &str,
        grid: Grid,
        rows: &mut BTreeMap<SignalKey, Vec<f32>>,
    ) {
        for found in read.series.iter().take(MOST_LINES) {
            let key = SignalKey {
                method: Key::new(method),
                ..self.plain_key(&found.labels, &words(&found.labels))
            };
            let row = rows.entry(key).or_insert_with(|| gaps(grid));
            for (at, value) in &found.points {
                if let Some(slot) = grid.index(*at).and_then(|i| row.get_mut(i)) {
                    *slot = *value as f32;
                }
            }
        }
    }

    /// When a model's alerts were pending and firing, one series an alert.
    pub(super) async fn alert_strip(&self, model: &Key, span: Span) -> Result<Detail, Fault> {
        let grid = self.grid(span).await?;
        let names = self.names_of(model);
        let only = matcher(self.reader.model_label(), names.iter().map(String::as_str));
        let over = grid.step.max(self.monitoring.window.as_secs() / 4).max(15);
        // A firing shorter than a step is still a firing.
        let query =
            format!("max by (alertname, alertstate) (max_over_time(ALERTS{{{only}}}[{over}s]))");
        let read = self.range(query, grid).await?;
        let mut rows: BTreeMap<SignalKey, Vec<f32>> = BTreeMap::new();
        for found in read.series.iter().take(MOST_LINES) {
            let word = |label: &str| found.labels.get(label).map_or("", String::as_str);
            let mark = match word("alertstate") {
                "firing" => FIRING,
                "pending" => PENDING,
                _ => continue,
            };
            let key = SignalKey {
                model: model.clone(),
                ..self.plain_key(&found.labels, word("alertname"))
            };
            let row = rows.entry(key).or_insert_with(|| gaps(grid));
            for (at, _) in &found.points {
                if let Some(slot) = grid.index(*at).and_then(|i| row.get_mut(i)) {
                    // NaN is smaller than any mark here.
                    *slot = slot.max(mark);
                }
            }
        }
        Ok(Detail::Series(series(rows, grid)))
    }

    /// The alerts that were pending or firing at an instant, as the server recorded each evaluation: with
    /// their labels and onsets. Their words and who had muted them it does not record.
    pub(super) async fn alerts_at(&self, at: Millis) -> Result<Detail, Fault> {
        let read = self.read_at("ALERTS", at).await?;
        let since = self.read_at("ALERTS_FOR_STATE", at).await?;
        let own = |labels: &Labels| -> Labels {
            let mut own = labels.clone();
            own.retain(|name, _| name != "__name__" && name != "alertstate");
            own
        };
        let onset: BTreeMap<Labels, Millis> = since
            .series
            .iter()
            .filter_map(|s| {
                let (_, seconds) = s.points.last().filter(|(_, v)| v.is_finite())?;
                Some((own(&s.labels), Millis((seconds * 1_000.0) as i64)))
            })
            .collect();
        let alerts = read.series.iter().filter_map(|s| {
            let state = match s.labels.get("alertstate").map(String::as_str) {
                Some("firing") => AlertState::Firing,
                Some("pending") => AlertState::Pending,
                _ => return None,
            };
            let labels = own(&s.labels);
            // It was raised then or before.
            let since = onset.get(&labels).copied().unwrap_or(at);
            let none = Labels::new();
            Some(self.reader.alert("", &labels, &none, state, since))
        });
        Ok(Detail::Alerts {
            alerts: once(alerts.collect()),
            partial: partly(self.lacking("alerts", &read).as_slice()),
        })
    }

    /// The key of a series that is no signal: its words are its part, and its measure says nothing.
    fn plain_key(&self, labels: &Labels, part: &str) -> SignalKey {
        SignalKey {
            model: self.reader.model(labels).unwrap_or_else(|| Key::new("")),
            measure: Measure::Requests,
            part: Key::new(part),
            method: Key::new(""),
            version: self.reader.version(labels).unwrap_or_else(|| Key::new("")),
            source: self.id.clone(),
        }
    }
}

fn gaps(grid: Grid) -> Vec<f32> {
    vec![f32::NAN; usize::try_from(grid.points).unwrap_or_default()]
}

/// Labels in words, as the query language writes them.
fn words(labels: &Labels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .filter(|(name, _)| *name != "__name__")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Clean::limited(&pairs.join(" "), 300).as_str().to_owned()
}
