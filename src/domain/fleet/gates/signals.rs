//! What monitoring says of two versions. Readings of traffic and of predictions count for a version only
//! where they are its own; readings of the data that come in hold for any version.

use super::evidence::{Look, by_limits};
use crate::domain::gate::{Gate, Scale};
use crate::domain::key::{Key, VersionKey};
use crate::domain::level::Level;
use crate::domain::model::Package;
use crate::domain::number::with_unit;
use crate::domain::rules::gates::found::{Dataset, Numbers};
use crate::domain::rules::gates::{Features, Number, Pair, Side};
use crate::domain::rules::signals::counting::Rank;
use crate::domain::rules::signals::data_drift::are_enough;
use crate::domain::rules::signals::same_version;
use crate::domain::signal::{Direction, Gauge, Measure, State, Unit};
use crate::domain::text::Clean;
use crate::domain::wiring::version_text;

/// Whether a measure is of the data that come in, whichever version answers.
fn is_of_data(measure: Measure) -> bool {
    matches!(
        measure,
        Measure::FeatureDrift
            | Measure::DriftShare
            | Measure::TargetDrift
            | Measure::NullShare
            | Measure::FeatureMean
            | Measure::LabelCoverage
            | Measure::Samples
            | Measure::ReferenceSamples
            | Measure::LastRun
    )
}

/// The numbers of a measure, one pair a part and method.
pub(super) fn numbers(look: &Look<'_>, gate: &Gate, measure: Measure) -> Numbers {
    let rows: Vec<&Gauge> = look
        .gauges
        .iter()
        .filter(|g| g.key.measure == measure && asked_for(gate, g))
        .collect();
    let own = |key: &VersionKey| -> Vec<&Gauge> {
        let of = rows.iter().copied();
        of.filter(|g| is_of(g, &key.version)).collect()
    };
    let all: Vec<&Gauge> = rows.iter().copied().filter(|g| is_of_all(g)).collect();
    let candidate = own(&look.candidate);
    let champion = look.champion.as_ref().map(own).unwrap_or_default();
    let unit = rows.first().map_or(measure.unit(), |g| g.unit);
    let direction = by_limits(gate)
        .or_else(|| rows.first().map(|g| g.direction))
        .unwrap_or_else(|| measure.direction());
    let mut parts: Vec<(&Key, &Key)> = rows
        .iter()
        .filter(|g| is_of_all(g) || is_of(g, &look.candidate.version))
        .map(|g| (&g.key.part, &g.key.method))
        .collect();
    if !is_of_data(measure) {
        // A part that only other versions have says nothing of the candidate: one line for all of them.
        parts.retain(|at| candidate.iter().any(|g| at_part(g, *at)));
    }
    parts.sort();
    parts.dedup();
    let several = parts.windows(2).any(|w| w[0].0 == w[1].0);
    let mut pairs: Vec<Pair> = parts
        .iter()
        .map(|at| Pair {
            part: called(*at, several),
            candidate: side(look, &candidate, &all, *at, is_of_data(measure)),
            champion: match &look.champion {
                None => Side::Absent,
                Some(_) => side(look, &champion, &all, *at, true),
            },
        })
        .collect();
    if pairs.is_empty() && measure == Measure::DriftShare {
        pairs.extend(drifted_share(look, gate));
    }
    if pairs.is_empty() {
        pairs.push(Pair {
            part: Clean::empty(),
            champion: match &look.champion {
                None => Side::Absent,
                Some(key) => worst(look, &champion, &all, direction)
                    .map_or_else(|| unmeasured(measure, &key.version), Side::Known),
            },
            candidate: unmeasured(measure, &look.candidate.version),
        });
    }
    Numbers {
        scale: Scale::In(unit),
        direction,
        pairs,
        // A reading that is judged has its rows weighed already; the gate's own least number beats that.
        min_n: gate.min_n,
    }
}

fn unmeasured(measure: Measure, version: &Key) -> Side<Number> {
    Side::unknown(format!(
        "nothing measures {} of {}",
        measure.title(),
        version_text(version)
    ))
}

/// Whether a gate looks at a reading: the method and part it names, and none whose bad direction its limits
/// contradict (a difference between groups, where the rule is about a ratio).
fn asked_for(gate: &Gate, gauge: &Gauge) -> bool {
    let is = |want: &Option<String>, key: &Key| want.as_deref().is_none_or(|w| w == key.raw());
    let contradicts = by_limits(gate)
        .is_some_and(|d| gauge.direction != Direction::Neither && gauge.direction != d);
    is(&gate.method, &gauge.key.method)
        && is(&gate.part, &gauge.key.part)
        && (gate.method.is_some() || !contradicts)
}

fn is_of_all(gauge: &Gauge) -> bool {
    gauge.key.version.raw().is_empty()
}

fn is_of(gauge: &Gauge, version: &Key) -> bool {
    !is_of_all(gauge) && same_version(gauge.key.version.raw(), version.raw())
}

fn at_part(gauge: &Gauge, (part, method): (&Key, &Key)) -> bool {
    gauge.key.part == *part && gauge.key.method == *method
}

fn called((part, method): (&Key, &Key), several: bool) -> Clean {
    match (part.raw().is_empty(), several) {
        (false, false) => part.clean(),
        (false, true) => Clean::name(&format!("{} {}", part.clean(), method.clean())),
        (true, true) => method.clean(),
        (true, false) => Clean::empty(),
    }
}

/// The reading of a part: the version's own, else, where that says anything, the one of all versions.
fn side(
    look: &Look<'_>,
    own: &[&Gauge],
    all: &[&Gauge],
    at: (&Key, &Key),
    all_counts: bool,
) -> Side<Number> {
    let own = own.iter().find(|g| at_part(g, at));
    let all = all.iter().find(|g| all_counts && at_part(g, at));
    match (own, all) {
        (Some(gauge), _) => Side::Known(number(look, gauge)),
        (None, Some(gauge)) => Side::Known(Number {
            remark: Clean::text("of all versions together"),
            ..number(look, gauge)
        }),
        (None, None) => Side::unknown("nothing measures it"),
    }
}

fn worst(look: &Look<'_>, own: &[&Gauge], all: &[&Gauge], direction: Direction) -> Option<Number> {
    let rows = if own.is_empty() { all } else { own };
    let rank = |g: &Gauge| match direction {
        Direction::LowIsBad => -g.value.unwrap_or(f64::INFINITY),
        Direction::HighIsBad | Direction::Neither => g.value.unwrap_or(f64::NEG_INFINITY),
    };
    let gauge = rows.iter().max_by(|a, b| rank(a).total_cmp(&rank(b)))?;
    Some(number(look, gauge))
}

fn number(look: &Look<'_>, gauge: &Gauge) -> Number {
    Number {
        value: gauge.value.unwrap_or(f64::NAN),
        state: gauge.state,
        n: gauge.n,
        at: look.fleet.gauge_at(gauge),
        source: Some(gauge.key.source.clone()),
        dataset: Dataset::NoneNeeded,
        remark: Clean::empty(),
    }
}

/// The share of drifted features, counted from their scores where no job counts them itself.
fn drifted_share(look: &Look<'_>, gate: &Gate) -> Option<Pair> {
    let of = |test: &dyn Fn(&Gauge) -> bool| -> Vec<&Gauge> {
        look.gauges
            .iter()
            .filter(|g| g.key.measure == Measure::FeatureDrift && test(g))
            .filter(|g| {
                gate.method
                    .as_deref()
                    .is_none_or(|m| m == g.key.method.raw())
            })
            .collect()
    };
    let own = of(&|g| is_of(g, &look.candidate.version));
    let (rows, remark) = if own.is_empty() {
        (of(&is_of_all), " of all versions together")
    } else {
        (own, "")
    };
    if rows.is_empty() {
        return None;
    }
    let rows = once_a_feature(rows);
    let judged: Vec<&&Gauge> = rows
        .iter()
        .filter(|g| g.state == State::Value && g.level.is_some())
        .collect();
    let champion = match look.champion {
        Some(_) => Side::unknown("no share is counted for it"),
        None => Side::Absent,
    };
    let expected = rows.iter().filter(|g| g.direction != Direction::Neither);
    if !are_enough(judged.len(), expected.count()) {
        let mut others = rows
            .iter()
            .filter(|g| !judged.iter().any(|j| j.key == g.key));
        let state = others.next().map_or("no data", |g| g.state.word());
        let candidate = Side::unknown(match judged.len() {
            0 => format!("no feature's drift can be judged: {state}"),
            n => format!(
                "the drift of {n} of {} features can be judged: {state}",
                rows.len()
            ),
        });
        return Some(Pair {
            part: Clean::empty(),
            champion,
            candidate,
        });
    }
    let drifted = judged
        .iter()
        .filter(|g| g.level > Some(Level::Info))
        .count();
    #[expect(clippy::cast_precision_loss, reason = "numbers of features are small")]
    let share = drifted as f64 / judged.len() as f64;
    let first = number(look, judged[0]);
    let missing = match rows.len() - judged.len() {
        0 => String::new(),
        n => format!(", {n} more not judged"),
    };
    Some(Pair {
        part: Clean::empty(),
        champion,
        candidate: Side::Known(Number {
            value: share,
            n: judged.iter().filter_map(|g| g.n).min(),
            remark: Clean::text(&format!(
                "{drifted} of {} features{missing}{remark}",
                judged.len()
            )),
            ..first
        }),
    })
}

/// Of each feature the score that counts: several sources and methods may tell of one.
fn once_a_feature(mut rows: Vec<&Gauge>) -> Vec<&Gauge> {
    let rank = |g: &Gauge| Rank::of_gauge(g, true);
    rows.sort_by(|a, b| {
        a.key
            .part
            .cmp(&b.key.part)
            .then_with(|| rank(b).order(&rank(a)))
    });
    rows.dedup_by(|b, a| a.key.part == b.key.part);
    rows
}

/// The readings that tell of single features.
pub(super) fn of_features<'l>(look: &'l Look<'_>) -> impl Iterator<Item = &'l Gauge> {
    look.gauges.iter().filter(|g| {
        matches!(
            g.key.measure,
            Measure::FeatureDrift | Measure::NullShare | Measure::FeatureMean
        ) && !g.key.part.raw().is_empty()
    })
}

/// The candidate's inputs beside the features that monitoring sees.
pub(super) fn features(look: &Look<'_>, package: Side<&Package>) -> Side<Features> {
    package.and_then(|package| {
        let Some(signature) = &package.signature else {
            return Side::unknown("the candidate was logged without a signature");
        };
        let required = signature.inputs.iter();
        let required: Vec<Clean> = required
            .filter(|field| field.required && !field.name.is_empty())
            .map(|field| field.name.clone())
            .collect();
        if required.is_empty() {
            return Side::unknown("the candidate's signature names no inputs");
        }
        let rows: Vec<&Gauge> = of_features(look).collect();
        let mut features = Features {
            required,
            stale: !rows.is_empty() && rows.iter().all(|g| g.state == State::Stale),
            at: rows.iter().filter_map(|g| look.fleet.gauge_at(g)).max(),
            source: rows.first().map(|g| g.key.source.clone()),
            ..Features::default()
        };
        for gauge in rows {
            let name = gauge.key.part.clean();
            if !features.seen.contains(&name) {
                features.seen.push(name.clone());
            }
            let (Some(value), State::Value) = (gauge.value, gauge.state) else {
                continue;
            };
            if gauge.level <= Some(Level::Info) {
                continue;
            }
            match gauge.key.measure {
                Measure::NullShare => {
                    let crit = gauge.level == Some(Level::Crit);
                    features.missing.push((name, value, crit));
                }
                Measure::FeatureDrift if is_of(gauge, &look.candidate.version) => {
                    let score = with_unit(value, Unit::Score);
                    let method = gauge.key.method.clean();
                    let words = format!("{method} {score}");
                    features.moved.push((name, Clean::text(words.trim())));
                }
                _ => {}
            }
        }
        features.seen.sort();
        Side::Known(features)
    })
}
