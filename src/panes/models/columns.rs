//! The columns of the models table: what each says of a model, as text and as a value to sort by.

use std::cmp::Ordering;

use crate::domain::fleet::view::{ModelView, Pointed};
use crate::domain::level::{Level, Reason};
use crate::domain::rules::freshness::Freshness;
use crate::domain::rules::skew::Skew;
use crate::domain::signal::{Direction, Gauge, Measure};
use crate::domain::time::{Millis, age};
use crate::panes::{Cx, signal};
use crate::ui::gauge;
use crate::ui::text;

/// A column.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) enum Col {
    Level,
    Model,
    Champion,
    Challenger,
    Served,
    Skew,
    Drift,
    Errors,
    Latency,
    Requests,
    Alerts,
    Metric,
    Value,
    Moved,
    Newest,
    Read,
    Versions,
    Endpoints,
    Since,
    Owner,
    Why,
}

/// What rows are sorted by; absent values are last in either direction.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum SortKey {
    Absent,
    Number(f64),
    Text(String),
}

impl Col {
    /// Every column, in the order of the screen.
    pub(super) const ALL: [Self; 21] = [
        Self::Level,
        Self::Model,
        Self::Champion,
        Self::Challenger,
        Self::Served,
        Self::Skew,
        Self::Drift,
        Self::Errors,
        Self::Latency,
        Self::Requests,
        Self::Alerts,
        Self::Metric,
        Self::Value,
        Self::Moved,
        Self::Newest,
        Self::Read,
        Self::Versions,
        Self::Endpoints,
        Self::Since,
        Self::Owner,
        Self::Why,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Level => "LEVEL",
            Self::Model => "MODEL",
            Self::Champion => "CHAMPION",
            Self::Challenger => "CHALLENGER",
            Self::Served => "SERVED",
            Self::Skew => "SKEW",
            Self::Drift => "DRIFT",
            Self::Errors => "ERR%",
            Self::Latency => "P95ms",
            Self::Requests => "REQ/s",
            Self::Alerts => "ALERTS",
            Self::Metric => "METRIC",
            Self::Value => "VALUE",
            Self::Moved => "MOVED",
            Self::Newest => "NEWEST",
            Self::Read => "READ",
            Self::Versions => "VERSIONS",
            Self::Endpoints => "ENDPOINTS",
            Self::Since => "SINCE",
            Self::Owner => "OWNER",
            Self::Why => "WHY",
        }
    }

    /// The explanation in the list of columns.
    pub(super) fn doc(self) -> &'static str {
        match self {
            Self::Level => "how bad it is",
            Self::Model => "the registered name",
            Self::Champion => "the version the champion alias names",
            Self::Challenger => "the version the challenger alias names",
            Self::Served => "the version that answers",
            Self::Skew => "how serving stands to the registry",
            Self::Drift => "the worst drift score and its course",
            Self::Errors => "the share of requests that fail",
            Self::Latency => "the 95th percentile, or what its server keeps, named",
            Self::Requests => "requests a second",
            Self::Alerts => "alerts that fire, are pending or muted",
            Self::Metric => "the quality metric",
            Self::Value => "its value at the champion",
            Self::Moved => "its move from the champion before",
            Self::Newest => "the newest version and its age",
            Self::Read => "whether the registry's facts are fresh",
            Self::Versions => "how many versions are known",
            Self::Endpoints => "how many endpoints serve it",
            Self::Since => "since when the level holds",
            Self::Owner => "who answers for it",
            Self::Why => "who froze or acknowledged it, and the first reason of its level",
        }
    }

    /// Whether it can be switched off: without level and name a row says nothing.
    pub(super) fn optional(self) -> bool {
        !matches!(self, Self::Level | Self::Model)
    }

    /// Whether it tells of monitoring: where nothing monitors any model, it has nothing to say.
    pub(super) fn watches(self) -> bool {
        matches!(
            self,
            Self::Drift | Self::Errors | Self::Latency | Self::Requests | Self::Alerts
        )
    }

    /// Whether it is shown before anybody has chosen.
    pub(super) fn usual(self) -> bool {
        !matches!(self, Self::Versions | Self::Endpoints)
    }

    /// Whether large comes first when it begins to sort.
    pub(super) fn descends(self) -> bool {
        matches!(
            self,
            Self::Level
                | Self::Drift
                | Self::Errors
                | Self::Latency
                | Self::Requests
                | Self::Alerts
                | Self::Value
                | Self::Newest
                | Self::Versions
                | Self::Endpoints
                | Self::Since
        )
    }

    /// What it says of a model, in full.
    pub(super) fn text(self, model: &ModelView, cx: &Cx<'_>) -> String {
        let none = || "–".to_owned();
        let pointed = |p: &Option<Pointed>| p.as_ref().map_or_else(none, |p| p.text.to_string());
        match self {
            Self::Level => model.level().word().to_owned(),
            Self::Model => model.name.to_string(),
            Self::Champion => pointed(&model.champion),
            Self::Challenger => pointed(&model.challenger),
            Self::Served => model.served.to_string(),
            Self::Skew => model.skew.map_or("–", Skew::word).to_owned(),
            Self::Drift => gauge_text(model.signals.worst_drift()),
            Self::Errors => gauge_text(model.signals.gauge(Measure::ErrorRatio)),
            Self::Latency => latency_texts(model).swap_remove(0),
            Self::Requests => gauge_text(model.signals.gauge(Measure::Requests)),
            Self::Alerts => alerts_text(model),
            Self::Metric => model
                .quality
                .as_ref()
                .map_or_else(none, |q| q.metric.to_string()),
            Self::Value => text::number_or_none(value(model)),
            Self::Moved => moved(model).map_or_else(none, text::delta),
            Self::Newest => model.newest.as_ref().map_or_else(none, |newest| {
                let old = newest
                    .created
                    .map_or_else(none, |at| age(cx.now.wall.since(at)));
                format!("{} {old}", newest.text)
            }),
            Self::Read => read_text(model, cx),
            Self::Versions => text::count(model.versions),
            Self::Endpoints => text::count(model.deployments.len()),
            Self::Since => {
                if model.level() == Level::Ok {
                    none()
                } else {
                    model.since().age_text(cx.now.wall)
                }
            }
            Self::Owner => model.owner.as_ref().map_or_else(none, ToString::to_string),
            Self::Why => {
                let reason = first_reason(model).map(|r| r.text.clone());
                let all = model.marks().map(|(_, words)| words).chain(reason);
                let all: Vec<String> = all.map(|words| words.to_string()).collect();
                if all.is_empty() {
                    none()
                } else {
                    all.join(" · ")
                }
            }
        }
    }

    /// What rows are sorted by.
    pub(super) fn sort_key(self, model: &ModelView, cx: &Cx<'_>) -> SortKey {
        let number = |n: Option<f64>| match n {
            Some(n) if !n.is_nan() => SortKey::Number(n),
            _ => SortKey::Absent,
        };
        let stamp = |at: Option<Millis>| number(at.map(|at| at.0 as f64));
        let rank = |p: &Option<Pointed>| match p {
            Some(p) => SortKey::Text(padded(p.text.as_str())),
            None => SortKey::Absent,
        };
        match self {
            Self::Level => SortKey::Number(f64::from(model.level() as u8)),
            Self::Champion => rank(&model.champion),
            Self::Challenger => rank(&model.challenger),
            Self::Served if model.deployments.is_empty() => SortKey::Absent,
            Self::Served => SortKey::Text(padded(model.served.as_str())),
            Self::Skew => number(model.skew.map(|s| -f64::from(s as u8))),
            Self::Drift => number(drift_share(model)),
            Self::Errors => number(gauge_value(model.signals.gauge(Measure::ErrorRatio))),
            Self::Latency => number(gauge_value(signal::latency(model))),
            Self::Requests => number(gauge_value(model.signals.gauge(Measure::Requests))),
            Self::Alerts => {
                let a = model.signals.alerts;
                let loud = a.crit * 1_000_000 + a.firing * 10_000 + a.pending * 100 + a.muted;
                number(Some(loud as f64).filter(|loud| *loud > 0.0))
            }
            Self::Value => number(value(model)),
            Self::Moved => number(moved(model)),
            Self::Newest => stamp(model.newest.as_ref().and_then(|n| n.created)),
            Self::Read => stamp(model.read_at),
            Self::Versions => number(Some(model.versions as f64)),
            Self::Endpoints => number(Some(model.deployments.len() as f64)),
            Self::Since if model.level() == Level::Ok => SortKey::Absent,
            Self::Since => stamp(model.since().stamp()),
            Self::Model | Self::Metric | Self::Owner | Self::Why => {
                match self.text(model, cx).to_lowercase() {
                    absent if absent == "–" => SortKey::Absent,
                    text => SortKey::Text(text),
                }
            }
        }
    }
}

impl SortKey {
    /// Present before absent, then by value in the direction asked for.
    pub(super) fn order(&self, other: &Self, descending: bool) -> Ordering {
        let turned = |o: Ordering| if descending { o.reverse() } else { o };
        match (self, other) {
            (Self::Absent, Self::Absent) => Ordering::Equal,
            (Self::Number(a), Self::Number(b)) => turned(a.total_cmp(b)),
            (Self::Text(a), Self::Text(b)) => turned(a.cmp(b)),
            // One column has one kind of key: numbers and texts never meet.
            (Self::Absent, _) | (Self::Text(_), Self::Number(_)) => Ordering::Greater,
            (_, Self::Absent) | (Self::Number(_), Self::Text(_)) => Ordering::Less,
        }
    }
}

/// `v7` sorts before `v13`: digits at the end are padded.
fn padded(version: &str) -> String {
    let digits = version.len() - version.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (word, number) = version.split_at(version.len() - digits);
    format!("{}{number:0>20}", word.to_lowercase())
}

/// The quality metric at the champion, or at the challenger where no champion has one.
pub(super) fn value(model: &ModelView) -> Option<f64> {
    model.quality.as_ref()?.champion
}

/// How the quality moved from the champion before; `None` where either is not known.
pub(super) fn moved(model: &ModelView) -> Option<f64> {
    model.quality.as_ref()?.movement()
}

/// The reason that makes the level.
pub(super) fn first_reason(model: &ModelView) -> Option<&Reason> {
    model.verdict.reasons.first()
}

fn gauge_value(gauge: Option<&Gauge>) -> Option<f64> {
    gauge?.value
}

fn gauge_text(gauge: Option<&Gauge>) -> String {
    let text = gauge.and_then(|g| gauge::wordings(g).into_iter().next());
    text.unwrap_or_else(|| "–".to_owned())
}

/// The latency in words, longest first: what is no 95th percentile says what it is.
pub(super) fn latency_texts(model: &ModelView) -> Vec<String> {
    let Some(gauge) = signal::latency(model) else {
        return vec!["–".to_owned()];
    };
    let word = match gauge.key.measure {
        Measure::LatencyMean => "mean ",
        Measure::LatencyP99 => "p99 ",
        Measure::LatencyP50 => "p50 ",
        _ => "",
    };
    let all = gauge::wordings(gauge).into_iter();
    all.map(|text| format!("{word}{text}")).collect()
}

/// How far the worst drift is over its line: scores of different methods compare by that alone.
pub(super) fn drift_share(model: &ModelView) -> Option<f64> {
    let gauge = model.signals.worst_drift()?;
    let line = gauge.lines.warn.or(gauge.lines.crit)?;
    Some(match gauge.direction {
        Direction::HighIsBad => gauge.value? / line,
        Direction::LowIsBad => line / gauge.value?,
        Direction::Neither => return None,
    })
}

/// `2 crit 1 pend`, or `–` without any.
fn alerts_text(model: &ModelView) -> String {
    let a = model.signals.alerts;
    let parts = [
        (a.crit, "crit"),
        (a.firing, "firing"),
        (a.pending, "pending"),
        (a.muted, "muted"),
    ];
    let some = parts.into_iter().filter(|(n, _)| *n > 0);
    let words: Vec<String> = some.map(|(n, word)| format!("{n} {word}")).collect();
    if words.is_empty() {
        "–".to_owned()
    } else {
        words.join(" ")
    }
}

/// The freshness of the registry's facts about a model.
pub(super) fn freshness(model: &ModelView, cx: &Cx<'_>) -> Freshness {
    cx.fleet
        .registered(&model.key)
        .map_or(Freshness::Waiting, |held| {
            cx.fleet.source_freshness(&held.source)
        })
}

/// `live`, or the age of what is shown.
pub(super) fn read_text(model: &ModelView, cx: &Cx<'_>) -> String {
    match (freshness(model, cx), model.read_at) {
        (Freshness::Live, _) => "live".to_owned(),
        (_, Some(at)) => age(cx.now.wall.since(at)),
        (_, None) => "never".to_owned(),
    }
}
