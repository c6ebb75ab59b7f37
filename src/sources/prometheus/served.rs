//! Which versions answered requests in the past, as counters of requests with a version's label tell:
//! history from before anybody looked.

use std::collections::{BTreeMap, HashMap};

use super::Prometheus;
use super::client::{Asked, is_of_the_query, partly};
use super::query::{Grid, over_grid};
use crate::domain::fault::Fault;
use crate::domain::key::Key;
use crate::domain::observation::{Answer, Coverage, Rows, Scope, ServedSpan, ServedSpanKey};
use crate::domain::signal::Measure;
use crate::domain::text::Clean;
use crate::domain::time::Millis;

/// The most points of the whole history.
const POINTS: u64 = 500;
/// Steps without requests that do not end a span: a quiet hour is no rollback.
const QUIET_STEPS: i64 = 2;

/// What was served, by model and version, in seconds.
#[derive(Debug, Default)]
pub(super) struct Spans {
    step: u64,
    /// The end of what has been read whole, by preset.
    until: HashMap<usize, i64>,
    of: BTreeMap<(Key, Key), Vec<(i64, i64)>>,
}

impl Prometheus {
    pub(super) async fn served(&self) -> Result<Answer, Fault> {
        let mut asked = Asked::default();
        let taken = self.taken(&mut asked).await?;
        let now = self.now().await?;
        let mut spoilt: Vec<Fault> = asked.unseen.take().into_iter().collect();
        let window = self.monitoring.window.as_secs();
        let history = self.monitoring.history.as_secs();
        // A step is never less than what a sample counts: versions that take turns would seem to overlap.
        let points = POINTS.min(history / window.max(1));
        let whole = Grid::over(history, now, points);
        self.memory().spans.forget(whole.start);
        for index in taken {
            let Some(preset) = self.monitoring.presets.get(index) else {
                continue;
            };
            let grid = self.memory().spans.unread(index, whole, now);
            let mut complete = true;
            let requests = preset.signals.iter();
            for spec in requests.filter(|s| s.measure == Measure::Requests) {
                let Some(template) = &spec.by_version else {
                    continue;
                };
                let selector = &self.monitoring.selector;
                let query = over_grid(spec, template, selector, window, grid.step);
                let read = match self.range(query, grid).await {
                    Ok(read) => read,
                    Err(fault) if is_of_the_query(&fault) => {
                        complete = false;
                        spoilt.push(fault);
                        continue;
                    }
                    Err(fault) => return Err(fault),
                };
                // What a server could not reach it may tell the next time; what is more than is read, never.
                complete &= read.lacking.is_none();
                spoilt.extend(self.lacking("served versions", &read));
                let mut memory = self.memory();
                for series in &read.series {
                    let Some(key) = self.key(spec, &series.labels) else {
                        continue;
                    };
                    if key.version.raw().is_empty() {
                        continue;
                    }
                    let times = series.points.iter();
                    let busy = times.filter(|(_, n)| *n > 0.0).map(|(at, _)| *at as i64);
                    let spans = memory.spans.of.entry((key.model, key.version));
                    add(spans.or_default(), busy, grid.step as i64);
                }
            }
            if complete {
                self.memory().spans.until.insert(index, grid.end());
            }
        }
        let rows = self.memory().spans.rows(self);
        Ok(Answer {
            // What a preset could not tell this time is here from before: only what ended before the
            // history begins is missing.
            coverage: Coverage::Full(Scope::Served),
            partial: partly(&spoilt),
            rows: Rows::Served(rows),
            server_time: Some(now),
        })
    }
}

/// Adds times with requests, rising, to spans; what lies close together is one span. The start of a
/// span that is known stays, so that it keeps its identity.
fn add(spans: &mut Vec<(i64, i64)>, busy: impl Iterator<Item = i64>, step: i64) {
    for at in busy {
        let near = |span: &&mut (i64, i64)| {
            at >= span.0 - (QUIET_STEPS + 1) * step && at <= span.1 + (QUIET_STEPS + 1) * step
        };
        match spans.iter_mut().rev().find(near) {
            Some(span) => span.1 = span.1.max(at),
            None => spans.push((at, at)),
        }
    }
}

impl Spans {
    /// What of the whole history a preset has not told yet.
    fn unread(&mut self, preset: usize, whole: Grid, now: Millis) -> Grid {
        if self.step != whole.step {
            self.step = whole.step;
            self.until.clear();
        }
        match self.until.get(&preset) {
            Some(until) if *until > whole.start => {
                // The last steps once more: late samples, and spans that go on.
                let behind = (whole.end() - until).max(0) as u64;
                let tail = behind + (QUIET_STEPS as u64 + 1) * whole.step;
                Grid::stepped(tail, now, whole.step)
            }
            _ => whole,
        }
    }

    /// Lets go what ended before the history begins.
    fn forget(&mut self, begins: i64) {
        self.of.retain(|_, spans| {
            spans.retain(|(_, until)| *until >= begins);
            !spans.is_empty()
        });
    }

    fn rows(&self, of: &Prometheus) -> Vec<ServedSpan> {
        let step = std::time::Duration::from_secs(self.step);
        let every = crate::domain::time::span(step);
        let evidence = format!("requests with its version's label, every {every}");
        let evidence = Clean::text(&evidence);
        let all = self.of.iter();
        all.flat_map(|((model, version), spans)| {
            spans.iter().map(|(from, until)| ServedSpan {
                key: ServedSpanKey {
                    source: of.id.clone(),
                    model: model.clone(),
                    version: version.clone(),
                    from: Millis(from * 1_000),
                },
                until: Millis(until * 1_000),
                step_ms: self.step * 1_000,
                evidence: evidence.clone(),
            })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_steps_do_not_end_a_span_and_a_known_start_stays() {
        let mut spans = Vec::new();
        add(&mut spans, [0, 10, 20, 50, 90, 100].into_iter(), 10);
        assert_eq!(spans, [(0, 50), (90, 100)]);
        add(&mut spans, [80, 90, 100, 110].into_iter(), 10);
        assert_eq!(spans, [(0, 50), (90, 110)]);
    }

    #[test]
    fn what_ended_before_the_history_is_let_go() {
        let mut spans = Spans::default();
        for version in 0..1_000 {
            let key = (Key::new("a"), Key::new(&version.to_string()));
            spans.of.insert(key, vec![(version * 10, version * 10 + 5)]);
            spans.forget(version * 10 - 50);
            assert!(spans.of.len() <= 6, "{}", spans.of.len());
        }
    }
}
