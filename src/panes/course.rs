//! Courses of signals as charts draw them: what their source vouches for, what only repeats a run of a
//! silent job, and what each reads now, which is newer than its last sample.

use std::time::Duration;

use super::{Cx, signal};
use crate::domain::fleet::features;
use crate::domain::rules::signals::monitor;
use crate::domain::rules::signals::silence::{self, Silence};
use crate::domain::signal::{Gauge, Measure, Measured, SignalKey, SignalSeries, State};
use crate::domain::time::{Millis, age};
use crate::domain::wiring::version_text;
use crate::ui::chart::Series;
use crate::ui::gauge;
use crate::ui::paint::{Span, span};
use crate::ui::series::{Sample, last_sample, sample};
use crate::ui::text;
use crate::ui::theme::Role;

/// A line of a chart.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The version that it is of, or that it is of all.
    pub(super) name: String,
    /// In the chart's unit, with a gap where its job was silent.
    points: Vec<Sample>,
    /// What only repeats the last run before a silence, with gaps between silences.
    stale: Vec<Sample>,
    /// What it reads now.
    pub(super) now: Span<'static>,
}

impl Line {
    /// The course of a gauge, or of one of its versions.
    pub(super) fn of(series: &SignalSeries, of: &Gauge, cx: &Cx<'_>) -> Self {
        let version = &series.key.version;
        let name = if version.raw().is_empty() {
            "all".to_owned()
        } else {
            version_text(version).to_string()
        };
        let scaled = signal::samples(series).into_iter();
        let all = scaled.map(|p| sample(p.x, gauge::in_column(p.y, of.unit)));
        let silences = silences(&series.key, of, cx);
        let (mut points, stale) = parted(all, &silences, series.step);
        let reading = reading(&series.key, of, cx);
        let now = match &reading {
            Some(reading) => worded(reading),
            None => ended(last_sample(&points), cx),
        };
        // Courses are read less often than the reading beside them.
        if let Some(value) = reading.as_ref().and_then(newest) {
            let to = sample(cx.now.wall.0 as f64, gauge::in_column(value, of.unit));
            continue_to(&mut points, to, series.step);
        }
        Self {
            name,
            points,
            stale,
            now,
        }
    }

    /// The line with what lies within some times marked as not to go by, as what is stale is. The times are in
    /// order, the end of each outside of it.
    pub(super) fn faded(self, times: &[(f64, f64)]) -> Self {
        if times.is_empty() {
            return self;
        }
        let within = |p: &Sample| times.iter().any(|(from, to)| p.x >= *from && p.x < *to);
        let (mut live, mut grey): (Vec<Sample>, Vec<Sample>) = (Vec::new(), Vec::new());
        let mut before: Option<(Sample, bool)> = None;
        for point in &self.points {
            let fades = within(point);
            // Both parts meet at the sample where one ends and the other begins.
            if let Some((last, faded)) = before.filter(|(_, faded)| *faded != fades) {
                let (ends, begins) = if faded {
                    (&mut grey, &mut live)
                } else {
                    (&mut live, &mut grey)
                };
                if faded {
                    ends.push(*point);
                } else {
                    begins.push(last);
                }
                ends.push(sample(point.x, f64::NAN));
            }
            if fades { &mut grey } else { &mut live }.push(*point);
            before = Some((*point, fades));
        }
        grey.extend(self.stale);
        grey.sort_by(|a, b| a.x.total_cmp(&b.x));
        Self {
            points: live,
            stale: grey,
            ..self
        }
    }

    /// Whether anything of it lies within a window.
    pub(super) fn is_within(&self, (from, to): (f64, f64)) -> bool {
        let mut all = self.points.iter().chain(&self.stale);
        all.any(|p| p.x >= from && p.x <= to && p.y.is_finite())
    }

    /// The samples that a cursor steps along.
    pub(super) fn steps(&self) -> Vec<Sample> {
        let all = self.points.iter().chain(&self.stale);
        let mut all: Vec<Sample> = all.filter(|p| p.y.is_finite()).copied().collect();
        all.sort_by(|a, b| a.x.total_cmp(&b.x));
        all
    }
}

/// Lines as a chart takes them: the lines, their stale parts and their present readings.
pub(super) fn drawn(lines: &[Line]) -> (Vec<Series<'_>>, Vec<&[Sample]>, Vec<Span<'static>>) {
    let series = lines.iter().map(|line| Series {
        name: &line.name,
        points: &line.points,
    });
    (
        series.collect(),
        lines.iter().map(|line| line.stale.as_slice()).collect(),
        lines.iter().map(|line| line.now.clone()).collect(),
    )
}

/// The times in which the job behind a score was silent.
pub(super) fn silences(key: &SignalKey, of: &Gauge, cx: &Cx<'_>) -> Vec<Silence> {
    // Without the job's own stamp, runs are told apart by their values: one that repeats is no silence.
    let Some(newest) = of.at.filter(|_| of.key.measure.is_from_a_job()) else {
        return Vec::new();
    };
    let settings = cx.fleet.settings();
    let own = settings.models.get(of.key.model.raw());
    let limit = monitor::limit(own, &settings.policy.signals);
    let held = cx.fleet.course(key).or_else(|| cx.fleet.course(&of.key));
    let held = held.map(|held| &held.fact);
    let times = held.and_then(|s| s.times.as_deref()).unwrap_or_default();
    let mut runs: Vec<Millis> = times.iter().copied().filter(|at| *at < newest).collect();
    runs.push(newest);
    let apart = held.map_or(Duration::ZERO, |s| s.step);
    silence::silences(&runs, apart, limit, cx.now.wall)
}

/// Samples as those that a job vouches for and those that repeat its last run before a silence. Both have a
/// gap where they are interrupted.
fn parted(
    all: impl Iterator<Item = Sample>,
    silences: &[Silence],
    step: Duration,
) -> (Vec<Sample>, Vec<Sample>) {
    let soon = step.as_millis() as f64 * 1.5;
    let (mut live, mut stale): (Vec<Sample>, Vec<Sample>) = (Vec::new(), Vec::new());
    let mut rest = silences.iter().peekable();
    let mut within: Option<&Silence> = None;
    for point in all {
        if let Some(silence) = within.take_if(|s| s.is_over && point.x >= s.until.0 as f64) {
            close(&mut stale, silence);
        }
        if within.is_some() {
            stale.push(point);
            continue;
        }
        while let Some(silence) = rest.next_if(|s| s.last.0 as f64 <= point.x) {
            if !silence.is_over || point.x < silence.until.0 as f64 {
                within = Some(silence);
            }
        }
        // The first sample after a run is that run; what follows repeats it.
        let last = within.map(|s| s.last.0 as f64);
        if last.is_none_or(|last| point.x - last <= soon) {
            live.push(point);
        }
        if within.is_some() {
            live.push(sample(point.x, f64::NAN));
            stale.push(point);
        }
    }
    if let Some(silence) = within {
        close(&mut stale, silence);
    }
    (live, stale)
}

/// Ends what is repeated where the silence ends, also where nothing was sampled in it.
fn close(stale: &mut Vec<Sample>, silence: &Silence) {
    let end = silence.until.0 as f64;
    if let Some(last) = stale.last().copied() {
        stale.push(sample(end, last.y));
    }
    stale.push(sample(end, f64::NAN));
}

/// The newest reading of a line, standing as the gauge does where its job or its source is at fault. `None`
/// where the source tells nothing of it any more.
fn reading(key: &SignalKey, of: &Gauge, cx: &Cx<'_>) -> Option<Gauge> {
    if *key == of.key {
        return Some(of.clone());
    }
    let value = cx.fleet.reading(key)?.fact.value;
    let state = match (of.state, value) {
        (state @ (State::Stale | State::Error), Measured::Value(_)) => state,
        (_, Measured::Value(_)) => State::Value,
        (_, Measured::NoTraffic) => State::NoTraffic,
        (_, Measured::NoData) => State::NoData,
        (_, Measured::NotANumber) => State::Nan,
    };
    Some(Gauge {
        key: key.clone(),
        value: value.value(),
        state,
        level: None,
        ..of.clone()
    })
}

/// A reading beside its line: its number, else its state.
fn worded(reading: &Gauge) -> Span<'static> {
    let text = gauge::wordings(reading).into_iter().next();
    span(gauge::role(reading), text.unwrap_or_default())
}

/// A line of which nothing is told any more: what it read last, and how long ago.
fn ended(last: Option<Sample>, cx: &Cx<'_>) -> Span<'static> {
    let text = last.map_or_else(
        || "no data".to_owned(),
        |p| {
            let old = age(cx.now.wall.since(Millis(p.x as i64)));
            format!("last {}, {old} ago", text::number(p.y))
        },
    );
    span(Role::Dim, text)
}

/// The value with which a line goes on to now: what is quiet has no ratio, and no requests.
fn newest(reading: &Gauge) -> Option<f64> {
    match reading.state {
        // A job's score holds since its run: it is no sample of now.
        _ if reading.key.measure.is_from_a_job() => None,
        State::Value | State::LowN => reading.value,
        State::NoTraffic if reading.key.measure == Measure::Requests => Some(0.0),
        _ => None,
    }
}

/// Adds a newest sample, behind a gap where samples are missing before it.
fn continue_to(points: &mut Vec<Sample>, to: Sample, step: Duration) {
    let step = (step.as_millis() as f64).max(60_000.0);
    match points.last() {
        Some(last) if last.x >= to.x => return,
        Some(last) if to.x - last.x > step * 3.0 => points.push(sample(last.x, f64::NAN)),
        _ => {}
    }
    points.push(to);
}

/// The line of a gauge in the unit of its chart: the one that its level speaks of.
pub(super) fn threshold(of: &Gauge) -> Option<f64> {
    features::line_of(of).map(|line| gauge::in_column(line, of.unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(last: i64, from: i64, until: i64, is_over: bool) -> Silence {
        Silence {
            last: Millis(last),
            from: Millis(from),
            until: Millis(until),
            is_over,
        }
    }

    fn text(samples: &[Sample]) -> String {
        let one = |p: &Sample| {
            if p.y.is_nan() {
                "|".to_owned()
            } else {
                format!("{}", p.x)
            }
        };
        samples.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_repeats_a_run_before_a_silence_is_parted_from_what_is_vouched_for() {
        let scraped = || (0..12).map(|i| sample(f64::from(i) * 10.0, 1.0));
        let step = Duration::from_millis(10);
        let (live, stale) = parted(scraped(), &[], step);
        assert_eq!((live.len(), stale.len()), (12, 0));
        let silences = [silence(25, 45, 72, true), silence(95, 99, 110, false)];
        let (live, stale) = parted(scraped(), &silences, step);
        assert_eq!(text(&live), "0 10 20 30 | 80 90 100 |");
        assert_eq!(text(&stale), "30 40 50 60 70 72 | 100 110 110 |");
        let (live, stale) = parted(scraped(), &[silence(-900, -500, 200, false)], step);
        assert_eq!(text(&live), "|", "the run itself is further back");
        assert_eq!(stale.len(), 14);
    }

    #[test]
    fn runs_alone_end_at_the_last_and_are_repeated_until_now() {
        let runs = [0.0, 10.0, 20.0].map(|x| sample(x, x));
        let hour = Duration::from_millis(10);
        let (live, stale) = parted(runs.into_iter(), &[silence(20, 40, 90, false)], hour);
        assert_eq!(text(&live), "0 10 20 |");
        assert_eq!(text(&stale), "20 90 |");
        assert!(stale[..2].iter().all(|p| (p.y - 20.0).abs() < 1e-9));
    }

    #[test]
    fn what_is_not_to_go_by_fades_and_both_parts_meet() {
        let line = |n: u32| Line {
            name: String::new(),
            points: (0..n).map(|i| sample(f64::from(i) * 10.0, 1.0)).collect(),
            stale: Vec::new(),
            now: span(Role::Text, ""),
        };
        let tail = line(6).faded(&[(30.0, f64::INFINITY)]);
        assert_eq!(text(&tail.points), "0 10 20 |");
        assert_eq!(text(&tail.stale), "20 30 40 50");
        let middle = line(6).faded(&[(20.0, 40.0)]);
        assert_eq!(text(&middle.points), "0 10 | 40 50");
        assert_eq!(text(&middle.stale), "10 20 30 40 |");
        let all = line(3).faded(&[(f64::NEG_INFINITY, f64::INFINITY)]);
        assert_eq!((all.points.len(), all.stale.len()), (0, 3));
        assert_eq!(line(3).faded(&[]).points.len(), 3);
    }
}
