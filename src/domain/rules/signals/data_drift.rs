//! Input features that have moved: each against its line, and the share of them against the line of the
//! whole. One feature alone is worth knowing; a share over its line, counted or weighted by what the
//! features matter, is worth a warning; and only three windows in a row make it critical.

use std::fmt::Write as _;

use super::words;
use super::{Monitored, Sample};
use crate::domain::fleet::view::DriftSummary;
use crate::domain::key::Key;
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::number::with_unit;
use crate::domain::signal::{Direction, Lines, Measure, State, Unit};
use crate::domain::time::Since;

/// So many windows in a row must be over the critical line.
pub const IN_A_ROW: usize = 3;

/// Whether enough of a model's features can be judged for a word on all of them: half.
pub fn are_enough(judged: usize, features: usize) -> bool {
    judged > 0 && judged * 2 >= features
}

/// The features of a model: of each, the reading that counts.
#[derive(Debug)]
pub struct Features<'s, 'a> {
    rows: Vec<&'s Sample<'a>>,
}

impl<'s, 'a> Features<'s, 'a> {
    /// Of each feature the reading that counts, whichever source, method and version it is of.
    pub fn of(m: &'s Monitored<'a>) -> Self {
        let all = m.of(Measure::FeatureDrift);
        let by_feature = all.chunk_by(|a, b| a.reading.key.part == b.reading.key.part);
        Self {
            rows: by_feature.filter_map(|of| m.counts(of.iter())).collect(),
        }
    }

    /// The readings, in the order of the features.
    pub fn rows(&self) -> &[&'s Sample<'a>] {
        &self.rows
    }
}

/// Whether a feature can be judged now.
fn is_judged(sample: &Sample<'_>) -> bool {
    sample.state == State::Value && sample.level.is_some()
}

/// Whether a judged feature is over its line.
fn has_drifted(sample: &Sample<'_>) -> bool {
    is_judged(sample) && sample.level > Some(Level::Info)
}

/// How much a feature matters, 0 to 1, as settings say or as its importance was read.
pub fn importance(m: &Monitored<'_>, feature: &Key) -> Option<f64> {
    let set = m.settings.and_then(|s| s.importances.get(feature.raw()));
    set.copied().or_else(|| {
        let rows = m.of(Measure::Importance).iter();
        let mut of = rows.filter(|s| s.reading.key.part == *feature);
        of.find(|s| m.is_of_production(s)).and_then(Sample::value)
    })
}

/// What the features' scores come to.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Shares {
    counted: f64,
    /// By importance, where at least one feature has one.
    weighted: Option<f64>,
}

/// The share of drifted features that a job counts itself.
pub(super) fn told_share<'s, 'a>(m: &'s Monitored<'a>) -> Option<&'s Sample<'a>> {
    let told = m.of(Measure::DriftShare).iter();
    m.counts(told.filter(|s| m.is_of_served(s)))
}

/// Judges the features: their summary for lists, and what is wrong.
pub fn judge(m: &Monitored<'_>) -> (Option<DriftSummary>, Option<Reason>) {
    let features = Features::of(m);
    let rows = features.rows();
    let told = told_share(m);
    if rows.is_empty() {
        return (None, told.and_then(|share| of_share(m, share)));
    }
    let judged: Vec<&Sample<'_>> = rows.iter().copied().filter(|s| is_judged(s)).collect();
    // Of a method that nobody knows no verdict is missed.
    let expected = rows.iter().filter(|s| s.direction != Direction::Neither);
    let expected = expected.count();
    let drifted = judged.iter().filter(|s| has_drifted(s)).count();
    let worst_feature = worst_of(m, rows);
    let shares = shares(m, &judged).filter(|_| are_enough(judged.len(), expected));
    let lines = told.map_or_else(
        || {
            m.policy
                .lines
                .get(&Measure::DriftShare)
                .copied()
                .unwrap_or_default()
        },
        |share| share.lines,
    );
    let level = shares.map(|shares| level(m, told, shares, lines, drifted, worst_feature));
    let summary = DriftSummary {
        drifted,
        judged: judged.len(),
        features: rows.len(),
        worst: worst_feature.map(Sample::gauge),
        level: level.or_else(|| {
            if judged.is_empty() {
                rows.iter().filter_map(|s| s.level).max()
            } else {
                Some(Level::Unknown)
            }
        }),
    };
    let reason = match (level, worst_feature) {
        (Some(level), Some(worst)) if drifted > 0 => {
            Some(finding(m, level, worst, &summary, shares, lines))
        }
        (None, Some(worst)) => match told.and_then(|share| of_share(m, share)) {
            // A job that counts them itself knows more.
            Some(share) if !judged.is_empty() => Some(share),
            _ => undecided(m, worst, rows),
        },
        _ => None,
    };
    (Some(summary), reason)
}

/// The worst feature by how far it is over its line, weighted by importance where that is known.
fn worst_of<'s, 'a>(m: &Monitored<'_>, rows: &[&'s Sample<'a>]) -> Option<&'s Sample<'a>> {
    let any = !m.of(Measure::Importance).is_empty()
        || m.settings.is_some_and(|s| !s.importances.is_empty());
    let weight = |s: &Sample<'_>| {
        if any {
            importance(m, &s.reading.key.part).unwrap_or(0.0)
        } else {
            1.0
        }
    };
    rows.iter().copied().max_by(|a, b| {
        let rank = |s: &Sample<'_>| (is_judged(s), has_drifted(s), s.value().is_some());
        let score = |s: &Sample<'_>| s.badness() * weight(s);
        rank(a)
            .cmp(&rank(b))
            .then_with(|| score(a).total_cmp(&score(b)))
            .then_with(|| b.reading.key.part.cmp(&a.reading.key.part))
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "features are counted in hundreds"
)]
fn shares(m: &Monitored<'_>, judged: &[&Sample<'_>]) -> Option<Shares> {
    if judged.is_empty() {
        return None;
    }
    let drifted = judged.iter().filter(|s| has_drifted(s)).count();
    let known = !m.of(Measure::Importance).is_empty()
        || m.settings.is_some_and(|s| !s.importances.is_empty());
    let mut weighted = None;
    if known {
        let (mut all, mut over) = (0.0, 0.0);
        for sample in judged {
            let weight = importance(m, &sample.reading.key.part)
                .unwrap_or(0.0)
                .max(0.0);
            all += weight;
            over += if has_drifted(sample) { weight } else { 0.0 };
        }
        weighted = (all > 0.0).then(|| over / all);
    }
    Some(Shares {
        counted: drifted as f64 / judged.len() as f64,
        weighted,
    })
}

/// The level of the whole: ok, or info for single features; a warning over the first line of the share;
/// critical over the second one for three windows in a row.
fn level(
    m: &Monitored<'_>,
    told: Option<&Sample<'_>>,
    shares: Shares,
    lines: Lines,
    drifted: usize,
    worst: Option<&Sample<'_>>,
) -> Level {
    let share = shares.counted.max(shares.weighted.unwrap_or(0.0));
    let told_share = told
        .filter(|s| s.state == State::Value)
        .and_then(Sample::value);
    let share = share.max(told_share.unwrap_or(0.0));
    let over = |line: Option<f64>| line.is_some_and(|line| share >= line);
    let lasting = || {
        // The share's own course tells best; where there is none, the worst feature's does.
        let by_share = told.and_then(|s| in_a_row(m, s, lines.crit));
        let by_worst = || worst.and_then(|s| in_a_row(m, s, s.lines.warn));
        by_share.or_else(by_worst).is_some_and(|n| n >= IN_A_ROW)
    };
    match () {
        () if over(lines.crit) && lasting() => Level::Crit,
        () if over(lines.warn) || over(lines.crit) => Level::Warn,
        () if drifted > 0 => Level::Info,
        () => Level::Ok,
    }
}

/// How many of the newest windows in a row were over a line.
pub(super) fn in_a_row(m: &Monitored<'_>, sample: &Sample<'_>, line: Option<f64>) -> Option<usize> {
    let (line, course) = (line?, m.course(sample)?);
    let over = |value: f64| sample.is_over(value, line);
    Some(course.windows(sample.reading.window, over).in_a_row)
}

/// Whether a score has been over its critical line for so long that it counts.
pub(super) fn is_lasting(m: &Monitored<'_>, sample: &Sample<'_>) -> bool {
    in_a_row(m, sample, sample.lines.crit).is_some_and(|n| n >= IN_A_ROW)
}

/// `, over in 5 of 12 windows`, where the course tells of more than one. Nothing where it does not hold the
/// one that is over yet.
pub(super) fn window_count(m: &Monitored<'_>, sample: &Sample<'_>, line: f64) -> String {
    let Some(course) = m.course(sample) else {
        return String::new();
    };
    let counted = course.windows(sample.reading.window, |v| sample.is_over(v, line));
    if counted.of < 2 || counted.over == 0 {
        return String::new();
    }
    format!(", over in {} of {} windows", counted.over, counted.of)
}

fn finding(
    m: &Monitored<'_>,
    level: Level,
    worst: &Sample<'_>,
    summary: &DriftSummary,
    shares: Option<Shares>,
    lines: Lines,
) -> Reason {
    let mut text = format!(
        "drift {}/{} features, worst {}",
        summary.drifted,
        summary.judged,
        feature_words(worst)
    );
    let weighted = shares.and_then(|s| s.weighted);
    if let (Some(weighted), Some(line)) = (weighted, lines.warn) {
        let sign = if weighted >= line { ">" } else { "<" };
        let _ = write!(
            text,
            ", by importance {} {sign} {}",
            with_unit(weighted, Unit::Ratio),
            with_unit(line, Unit::Ratio)
        );
    }
    text.push_str(&words::rows(worst.n));
    let line = worst.crossed().or(worst.lines.warn);
    if let Some(line) = line {
        text.push_str(&window_count(m, worst, line));
    }
    if summary.judged < summary.features {
        let left = summary.features - summary.judged;
        let _ = write!(text, ", {left} more not judged");
    }
    let since = line.map_or(Since::Unknown, |line| m.over_since(worst, line));
    worst.finding(ReasonCode::DriftData, level, text, since)
}

/// `tenure PSI 0.42 > 0.1`.
fn feature_words(sample: &Sample<'_>) -> String {
    let key = &sample.reading.key;
    let mut text = key.part.clean().to_string();
    let method = key.method.clean();
    if !method.is_empty() {
        text.push(' ');
        text.push_str(method.as_str());
    }
    text.push(' ');
    match (sample.crossed(), &sample.reading.tested) {
        (Some(line), _) => text.push_str(&words::crossed(sample, line)),
        (None, Some(tested)) if !tested.passed => {
            let _ = write!(text, "failed its test: {}", tested.reason);
        }
        _ => text.push_str(&with_unit(
            sample.value().unwrap_or(f64::NAN),
            sample.reading.unit,
        )),
    }
    text
}

/// Too few features can be judged, and some are or would be over their lines, or all of them rest on too few
/// rows: that is not the same as no drift.
fn undecided(m: &Monitored<'_>, worst: &Sample<'_>, rows: &[&Sample<'_>]) -> Option<Reason> {
    let over = |s: &&&Sample<'_>| s.by_number > Some(Level::Info);
    let over = rows.iter().filter(over).count();
    let few = rows
        .iter()
        .all(|s| s.state == State::LowN && s.by_number.is_some());
    if (over == 0 && !few) || worst.silent {
        return None;
    }
    if over == 0 {
        // What is wrong with them is their number alone.
        let text = format!(
            "too few rows for a verdict on drift{}, at least {}",
            words::rows(worst.n),
            m.policy.min_samples
        );
        let finding = worst.finding(ReasonCode::DriftData, Level::Unknown, text, Since::Unknown);
        return Some(finding);
    }
    let text = format!(
        "drift {over}/{} features, worst {}{}",
        rows.len(),
        feature_words(worst),
        words::rows(worst.n)
    );
    let judged = rows.iter().filter(|s| is_judged(s)).count();
    let text = match worst.state {
        _ if judged > 0 => format!("{text}: {judged} of {} can be judged", rows.len()),
        State::LowN => format!("{text}: too few rows for a verdict"),
        _ => text,
    };
    Some(worst.finding(ReasonCode::DriftData, Level::Unknown, text, Since::Unknown))
}

/// A share without the features behind it.
fn of_share(m: &Monitored<'_>, share: &Sample<'_>) -> Option<Reason> {
    let level = share.by_number.filter(|level| *level > Level::Info)?;
    if share.silent {
        return None;
    }
    let line = share.crossed()?;
    let level = match level {
        _ if share.state == State::LowN => Level::Unknown,
        Level::Crit if !is_lasting(m, share) => Level::Warn,
        level => level,
    };
    let text = format!(
        "drifted features {}{}{}",
        words::crossed(share, line),
        words::rows(share.n),
        window_count(m, share, line)
    );
    let since = m.over_since(share, line);
    Some(share.finding(ReasonCode::DriftData, level, text, since))
}

#[cfg(test)]
#[path = "data_drift_tests.rs"]
mod tests;
