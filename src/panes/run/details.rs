//! What a run's page asks for while it is open, and what it makes of the answers.

use std::sync::Arc;
use std::time::Duration;

use super::line::Line;
use super::state::{Folder, Part, RunPage, source_of};
use crate::domain::fault::Fault;
use crate::domain::key::Key;
use crate::domain::model::Name;
use crate::domain::query::{Detail, Query};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::panes::{Cx, Want};

/// How often a live run and the tails of its metrics are asked for.
pub(in crate::panes) const LIVE: Duration = Duration::from_secs(10);
/// Points asked for of a metric: fewer at first while more are to come.
const POINTS_LIVE: u32 = 500;
const POINTS: u32 = 1_000;
/// Metrics that stay wanted after they went out of sight, so that they are not read twice.
const KEPT: usize = 32;

impl RunPage {
    pub(super) fn wanted(&self, cx: &Cx<'_>) -> Vec<Want> {
        let Some(source) = source_of(&self.key.tracker, cx) else {
            return Vec::new();
        };
        let live = self.is_live();
        let want = |query, every: Option<Duration>| Want {
            source: source.clone(),
            query,
            every,
        };
        let mut wants = vec![want(Query::Run(self.key.clone()), live.then_some(LIVE))];
        if self.run.is_none() {
            return wants;
        }
        let visible = self.visible(cx.screen);
        let shown = self.metrics.get(visible.clone()).unwrap_or_default();
        let known = self.metrics.iter().enumerate().filter(|(i, m)| {
            !visible.contains(i) && self.lines.get(&m.key).is_some_and(Result::is_ok)
        });
        let history = |metric: &Name, points, from_step| Query::History {
            runs: Arc::from([self.key.clone()]),
            metric: metric.key.clone(),
            points,
            from_step,
        };
        let whole = if live { POINTS_LIVE } else { POINTS };
        for metric in shown {
            wants.push(want(history(metric, whole, None), None));
        }
        if self.part == Part::Artifacts || (self.side == Part::Artifacts && cx.screen.0 >= 120) {
            let folder = self.folder();
            wants.push(want(
                match folder.model {
                    Some(model) => Query::LoggedModelArtifacts {
                        model,
                        path: folder.path,
                    },
                    None => Query::RunArtifacts {
                        run: self.key.clone(),
                        path: folder.path,
                    },
                },
                None,
            ));
        }
        if live {
            for metric in shown {
                if let Some(Ok(Line {
                    anchor: Some(anchor),
                    ..
                })) = self.lines.get(&metric.key)
                {
                    wants.push(want(history(metric, whole, Some(*anchor)), Some(LIVE)));
                }
            }
        }
        for (_, metric) in known.take(KEPT) {
            wants.push(want(history(metric, whole, None), None));
        }
        wants
    }

    pub(super) fn answer(
        &mut self,
        query: &Query,
        result: &Result<Detail, Fault>,
        asked_at: Millis,
    ) {
        match (query, result) {
            (Query::Run(key), Ok(Detail::Run(run))) if *key == self.key => {
                self.run = Some((**run).clone());
                self.read_at = Some(asked_at);
                self.fault = None;
                self.index();
            }
            (Query::Run(key), Err(fault)) if *key == self.key => {
                self.fault = Some(Clean::text(&fault.line()));
            }
            (
                Query::History {
                    runs,
                    metric,
                    from_step,
                    ..
                },
                result,
            ) if **runs == [self.key.clone()] => self.take_history(metric, *from_step, result),
            (Query::RunArtifacts { run, path }, result) if *run == self.key => {
                self.take_files(None, path, result);
            }
            (Query::LoggedModelArtifacts { model, path }, result) => {
                self.take_files(Some(model.clone()), path, result);
            }
            _ => {}
        }
    }

    fn take_history(
        &mut self,
        metric: &Key,
        from_step: Option<i64>,
        result: &Result<Detail, Fault>,
    ) {
        match result {
            Ok(Detail::History(all)) => {
                let slot = self
                    .lines
                    .entry(metric.clone())
                    .or_insert_with(|| Ok(Line::default()));
                if slot.is_err() {
                    *slot = Ok(Line::default());
                }
                let Ok(line) = slot else { return };
                let (points, sampled) = all
                    .iter()
                    .find(|h| h.run == self.key)
                    .map_or((&[][..], false), |h| (&h.points[..], h.sampled));
                match from_step {
                    Some(from) => line.splice(from, points, sampled),
                    None => line.read(points, sampled),
                }
                let started = self.run.as_ref().map_or(Millis(0), |r| r.started);
                line.lay(metric.raw(), self.laid, started, &self.changes);
            }
            // A tail that fails leaves the line as it is: it is asked again.
            Err(fault) if from_step.is_none() => {
                let slot = self.lines.get(metric);
                if !matches!(slot, Some(Ok(_))) {
                    self.lines
                        .insert(metric.clone(), Err(Clean::text(&fault.line())));
                }
            }
            _ => {}
        }
    }

    fn take_files(&mut self, model: Option<Key>, path: &Key, result: &Result<Detail, Fault>) {
        let folder = Folder {
            model,
            path: path.clone(),
        };
        let files = match result {
            Ok(Detail::Artifacts(files)) => Ok(files.clone()),
            Ok(_) => return,
            Err(fault) => Err(Clean::text(&fault.line())),
        };
        self.files.insert(folder, files);
    }
}
