//! What panes share about signals: the courses of gauges as samples and sparklines, the changes that
//! charts mark, and the lines that say how a model stands. How bad anything is, the rules have said.

use std::time::Duration;

use super::{Cx, Want, course};
use crate::domain::alert::Alert;
use crate::domain::change::{Change, ChangeKind};
use crate::domain::fleet::view::ModelView;
use crate::domain::key::{Key, ModelKey};
use crate::domain::query::{Query, Span as TimeSpan};
use crate::domain::settings::SourceKind;
use crate::domain::signal::{Direction, Gauge, Measure, SignalKey, SignalSeries, State};
use crate::domain::time::Millis;
use crate::ui::gauge;
use crate::ui::look::Look;
use crate::ui::paint::{Span, span, spans_width};
use crate::ui::series::{Sample, sample};
use crate::ui::sparkline::{Bad, dots, range_to};
use crate::ui::text;
use crate::ui::theme::Role;

/// Why the charts of signals have neither smoothing nor another axis.
pub(super) const NO_SUCH_CHART: &str = "signals are drawn over time and as they were read";
/// How often the course of a signal is asked for while a pane shows it.
pub(super) const AGAIN: Duration = Duration::from_secs(60);
/// The most columns that a course is asked in: twice of a wide chart's, for braille.
const COLUMNS: u16 = 240;

/// The latency that a model's monitoring tells: the 95th percentile, else one that servers without it
/// keep.
pub(super) fn latency(model: &ModelView) -> Option<&Gauge> {
    [
        Measure::LatencyP95,
        Measure::LatencyP99,
        Measure::LatencyMean,
        Measure::LatencyP50,
    ]
    .into_iter()
    .find_map(|m| model.signals.gauge(m))
}

/// Parts of the time range that a sparkline is drawn from: more than any has dots for.
const SLOTS: usize = 48;

/// The recent course of a signal as the fleet holds it, over the time range and at even parts of it, so that
/// sparklines side by side are of one time. It goes up to the reading beside which it is drawn: courses are
/// read less often. NaN where nothing is held.
pub(super) fn values(of: &Gauge, cx: &Cx<'_>) -> Vec<f64> {
    let Some(held) = cx.fleet.course(&of.key) else {
        return Vec::new();
    };
    let series = &held.fact;
    let to = cx.now.wall;
    let from = to.minus(cx.window.0);
    let long = (to.0 - from.0).max(1) as f64;
    let slot = |at: Millis| ((at.0 - from.0) as f64 / long * SLOTS as f64).floor() as i64;
    let mut slots = vec![f64::NAN; SLOTS];
    for (n, value) in series.values.iter().enumerate() {
        let (value, at) = (f64::from(*value), series.at(n));
        if value.is_nan() {
            continue;
        }
        let next = if n + 1 < series.values.len() {
            series.at(n + 1)
        } else {
            to
        };
        // What a job wrote holds until its next run; a sample that stays away is a gap.
        let until = if of.key.measure.is_from_a_job() {
            next
        } else {
            next.min(at.plus(series.step.saturating_mul(2)))
        };
        let first = slot(at).max(0);
        let end = slot(until).max(slot(at) + 1).min(SLOTS as i64);
        for n in first..end {
            let old = &mut slots[n as usize];
            *old = match bad(of) {
                Bad::High => old.max(value),
                Bad::Low => old.min(value),
            };
        }
    }
    // What repeats a run that is too old says nothing.
    for silence in course::silences(&of.key, of, cx) {
        let (first, end) = (slot(silence.from).max(0), slot(silence.until) + 1);
        for n in first..end.min(SLOTS as i64) {
            slots[n as usize] = f64::NAN;
        }
    }
    let newest = match of.state {
        State::Value | State::LowN => of.value,
        State::NoTraffic if of.key.measure == Measure::Requests => Some(0.0),
        _ => None,
    };
    if let (Some(newest), Some(last)) = (newest, slots.last_mut()) {
        *last = newest;
    }
    slots
}

/// A series as a chart takes it.
pub(super) fn samples(series: &SignalSeries) -> Vec<Sample> {
    let at = |i: usize| series.at(i).0 as f64;
    let all = series.values.iter().enumerate();
    all.map(|(i, v)| sample(at(i), f64::from(*v))).collect()
}

/// Which way a sparkline must not lose its spikes: of requests those that stay away.
fn bad(of: &Gauge) -> Bad {
    match of.direction {
        _ if of.key.measure == Measure::Requests => Bad::Low,
        Direction::LowIsBad => Bad::Low,
        Direction::HighIsBad | Direction::Neither => Bad::High,
    }
}

/// A course in a few columns. Amounts that a line judges stand on zero, so that noise looks like noise;
/// the rest fills the height.
pub(super) fn spark(of: &Gauge, values: &[f64], width: usize, look: &Look) -> Span<'static> {
    let line = of.lines.warn.or(of.lines.crit);
    let range = match of.direction {
        Direction::HighIsBad => range_to(values, line),
        Direction::LowIsBad | Direction::Neither => None,
    };
    let drawn = dots(values, width, bad(of), range, look.symbols);
    let role = match gauge::role(of) {
        Role::Text => Role::Chart1,
        other => other,
    };
    span(role, drawn)
}

/// The changes that charts of a model mark: aliases, answering versions, annotations; oldest first. A
/// level or an alert is an effect and has a place of its own.
pub(super) fn marks<'a>(model: &ModelKey, cx: &Cx<'a>) -> Vec<&'a Change> {
    let mut all = cx.fleet.model_timeline(model);
    all.retain(|c| {
        matches!(
            c.kind,
            ChangeKind::Alias(_) | ChangeKind::Served | ChangeKind::Annotation
        )
    });
    all
}

/// A mark's place and its label, as short as a chart needs: `v14`, or the first words.
pub(super) fn markers(model: &ModelKey, cx: &Cx<'_>) -> Vec<(f64, String)> {
    let all = marks(model, cx).into_iter();
    let mut out: Vec<(f64, String)> = all
        .map(|c| {
            let label = if c.to.is_empty() {
                c.kind.thing().to_owned()
            } else {
                text::head(c.to.as_str(), 16).to_owned()
            };
            (c.not_after.0 as f64, label)
        })
        .collect();
    out.sort_by(|a, b| a.0.total_cmp(&b.0));
    // An alias and the endpoint that follows it move to one version within minutes: one mark.
    out.dedup_by(|b, a| a.1 == b.1 && b.0 - a.0 < 900_000.0);
    out
}

/// The time that charts of this window ask for.
pub(super) fn span_of(cx: &Cx<'_>) -> TimeSpan {
    TimeSpan {
        seconds: u32::try_from(cx.window.0.as_secs()).unwrap_or(u32::MAX),
        until: None,
        columns: COLUMNS,
    }
}

/// Asks for the course of a measure of a model, over the window, at the source that tells of it.
pub(super) fn want_series(key: &SignalKey, cx: &Cx<'_>) -> Want {
    Want {
        source: key.source.clone(),
        query: Query::Series {
            model: key.model.clone(),
            measure: key.measure,
            span: span_of(cx),
        },
        every: Some(AGAIN),
    }
}

/// Asks every source that evaluates rules when the alerts of a model were pending and firing.
pub(super) fn want_strip(model: &Key, cx: &Cx<'_>) -> Vec<Want> {
    let all = cx.fleet.settings().sources.iter();
    all.filter(|s| s.kind == SourceKind::Prometheus)
        .map(|s| Want {
            source: crate::domain::key::SourceId::new(&s.name),
            query: Query::AlertStrip {
                model: model.clone(),
                span: span_of(cx),
            },
            every: Some(AGAIN),
        })
        .collect()
}

/// Whether any monitoring source is configured.
pub(super) fn is_monitored(cx: &Cx<'_>) -> bool {
    let monitors = |kind: SourceKind| {
        matches!(
            kind,
            SourceKind::Prometheus
                | SourceKind::Alertmanager
                | SourceKind::Evidently
                | SourceKind::Grafana
        )
    };
    cx.fleet.settings().sources.iter().any(|s| monitors(s.kind))
}

/// What fills a place that signals would fill, and how: for its empty state.
pub(super) fn how_to_monitor(cx: &Cx<'_>) -> [String; 2] {
    if is_monitored(cx) {
        [
            "The monitoring of this context knows no series under this model's name.".to_owned(),
            "`quarterdeck wiring` lists the names that are joined to no model; map them with models = { … }."
                .to_owned(),
        ]
    } else {
        [
            "No monitoring source is configured: add a source of kind prometheus or evidently."
                .to_owned(),
            "`quarterdeck config path` says where; `quarterdeck demo` shows this pane filled."
                .to_owned(),
        ]
    }
}

/// The state of an alert: the glyph of its level, word and role.
pub(super) fn alert_state(alert: &Alert, cx: &Cx<'_>, look: &Look) -> (String, Role) {
    let level = cx.fleet.alert_level(alert, cx.now.wall);
    let role = if alert.is_loud() {
        Look::level_role(level)
    } else {
        Role::Dim
    };
    (
        format!("{} {}", look.symbols.level(level), alert.state.word()),
        role,
    )
}

/// A measure with its course and its value, for the strips of triage and of a model's page.
fn piece(of: &Gauge, cx: &Cx<'_>, look: &Look, width: usize) -> Vec<Span<'static>> {
    let title = match of.key.measure {
        Measure::FeatureDrift if !of.key.part.raw().is_empty() => {
            format!(
                "drift {}",
                text::cut(of.key.part.clean().as_str(), 14, look.symbols.ellipsis)
            )
        }
        Measure::FeatureDrift | Measure::DriftShare => "drift".to_owned(),
        measure => measure.title().to_owned(),
    };
    let values = values(of, cx);
    let mut spans = vec![span(Role::Label, format!("{title} "))];
    if values.iter().any(|v| v.is_finite()) {
        spans.push(spark(of, &values, width, look));
        spans.push(span(Role::Text, " "));
    }
    spans.extend(gauge::spans(Some(of), cx.now.wall));
    spans
}

/// The signals that a strip shows first: errors, latency, predictions, drift, then traffic.
fn strip_gauges(model: &ModelView) -> Vec<&Gauge> {
    let of = |m: Measure| model.signals.gauge(m);
    [
        of(Measure::ErrorRatio),
        latency(model),
        of(Measure::PredictionMean).or_else(|| of(Measure::PositiveShare)),
        model.signals.worst_drift(),
        of(Measure::Requests),
        of(Measure::QualityRealised).or_else(|| of(Measure::QualityEstimated)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The sparklines of a model in at most `rows` lines of `width` columns, with a row of change marks below
/// the first where there is room for it.
pub(super) fn strip(
    model: &ModelView,
    cx: &Cx<'_>,
    look: &Look,
    width: u16,
    rows: usize,
) -> Vec<Vec<Span<'static>>> {
    let gauges = strip_gauges(model);
    let width = usize::from(width);
    let long = if width >= 116 { 14 } else { 10 };
    let mut lines: Vec<Vec<Span<'static>>> = Vec::new();
    // Where each sparkline lies, for the marks below it.
    let mut places: Vec<Vec<(usize, SignalKey)>> = Vec::new();
    for of in gauges {
        let spans = piece(of, cx, look, long);
        let w = spans_width(&spans);
        let used = lines.last().map_or(usize::MAX, |l| spans_width(l));
        if used == usize::MAX || used + 3 + w > width {
            lines.push(Vec::new());
            places.push(Vec::new());
        }
        let (Some(line), Some(marks)) = (lines.last_mut(), places.last_mut()) else {
            continue;
        };
        if !line.is_empty() {
            line.push(span(Role::Text, "   "));
        }
        let start = spans_width(line) + text::width(&spans[0].text);
        if spans.len() > 2 {
            marks.push((start, of.key.clone()));
        }
        line.extend(spans);
    }
    let mut out = Vec::new();
    for (line, places) in lines.into_iter().zip(places) {
        out.push(line);
        let under = mark_line(&model.key, &places, long, cx, look);
        out.extend(under);
    }
    out.truncate(rows);
    out
}

/// `▲v14` under the column of each sparkline at which the newest mark lies.
fn mark_line(
    model: &ModelKey,
    places: &[(usize, SignalKey)],
    long: usize,
    cx: &Cx<'_>,
    look: &Look,
) -> Option<Vec<Span<'static>>> {
    let marks = markers(model, cx);
    let to = cx.now.wall;
    let (from, to) = (to.minus(cx.window.0).0 as f64, to.0 as f64);
    let mut line: Vec<Span<'static>> = Vec::new();
    for (start, key) in places {
        if cx.fleet.course(key).is_none() {
            continue;
        }
        let Some((x, label)) = marks.iter().rev().find(|(x, _)| *x >= from && *x <= to) else {
            continue;
        };
        let share = (x - from) / (to - from).max(1.0);
        let column = start + (share * (long - 1) as f64).round() as usize;
        let used = spans_width(&line);
        if column < used {
            continue;
        }
        line.push(span(Role::Text, " ".repeat(column - used)));
        line.push(span(Role::Marker, look.symbols.marker));
        line.push(span(Role::Dim, label.clone()));
    }
    (!line.is_empty()).then_some(line)
}

/// Every reading of a model as the rules judge it, in the order of the keys.
pub(super) fn gauges(model: &ModelView, cx: &Cx<'_>) -> Vec<Gauge> {
    cx.fleet.gauges(&model.key, cx.now.wall)
}
