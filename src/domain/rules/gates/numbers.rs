//! Numbers against limits: thresholds, the drop and the rise against the champion, with rows and with
//! the dataset that each was evaluated on.

use super::found::{Dataset, Number, Numbers, Pair, Side};
use super::{Finding, Outcome, PartVerdict, Shown, Verdict};
use crate::domain::gate::{Clause, Gate, Limit, Of, Scale};
use crate::domain::number::grouped;
use crate::domain::signal::{Direction, State};
use crate::domain::text::Clean;

/// How far a difference of two rounded numbers may miss its limit: part of the larger of them.
const ROUNDING: f64 = 1e-9;

/// Judges each part; the worst decides.
pub(super) fn judge(gate: &Gate, numbers: &Numbers) -> Outcome {
    let mut judged: Vec<(&Pair, Finding)> = numbers
        .pairs
        .iter()
        .map(|pair| (pair, of_pair(gate, numbers, pair)))
        .collect();
    // Worst first; of equals the furthest from its limit, then by name.
    judged.sort_by(|(a, x), (b, y)| {
        y.verdict
            .cmp(&x.verdict)
            .then_with(|| badness(b, numbers.direction).total_cmp(&badness(a, numbers.direction)))
            .then_with(|| a.part.cmp(&b.part))
    });
    let Some((worst, finding)) = judged.first() else {
        return Outcome::of(Finding::unknown("no such number is known"));
    };
    let number = worst.candidate.known();
    let delta = delta(worst);
    let mut why = String::new();
    if !worst.part.is_empty() && judged.len() > 1 && finding.verdict != Verdict::Pass {
        why.push_str(worst.part.as_str());
        why.push_str(": ");
    }
    why.push_str(&finding.why);
    let bad = judged.iter().filter(|(_, f)| f.verdict == finding.verdict);
    let (bad, all) = (bad.count(), judged.len());
    if all > 1 {
        use std::fmt::Write as _;
        // Writing to a string cannot fail.
        let _ = write!(why, " ({bad} of {all} {})", finding.verdict.word());
    }
    Outcome {
        verdict: finding.verdict,
        why,
        pending: judged
            .iter()
            .filter(|(_, f)| f.verdict == Verdict::Unknown)
            .all(|(_, f)| f.pending)
            && finding.verdict == Verdict::Unknown,
        champion: worst.champion.known().map(|n| shown(n, numbers.scale)),
        candidate: number.map(|n| shown(n, numbers.scale)),
        delta,
        delta_text: delta.map_or_else(String::new, |d| signed(d, numbers.scale)),
        n: number.and_then(|n| n.n),
        at: number.and_then(|n| n.at),
        source: number.and_then(|n| n.source.clone()),
        parts: if all > 1 {
            judged
                .iter()
                .map(|(p, f)| part(p, f, numbers.scale))
                .collect()
        } else {
            Vec::new()
        },
    }
}

fn part(pair: &Pair, finding: &Finding, scale: Scale) -> PartVerdict {
    let number = pair.candidate.known();
    PartVerdict {
        part: pair.part.clone(),
        champion: pair.champion.known().map(|n| shown(n, scale)),
        candidate: number.map(|n| shown(n, scale)),
        delta: delta(pair),
        n: number.and_then(|n| n.n),
        verdict: finding.verdict,
        why: Clean::text(&finding.why),
    }
}

fn shown(number: &Number, scale: Scale) -> Shown {
    Shown {
        text: if number.value.is_nan() {
            Clean::name(number.state.word())
        } else {
            Clean::text(&scale.show(number.value))
        },
        value: Some(number.value).filter(|v| v.is_finite()),
    }
}

fn signed(delta: f64, scale: Scale) -> String {
    let text = scale.show(delta);
    if delta > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

fn delta(pair: &Pair) -> Option<f64> {
    let delta = pair.candidate.known()?.value - pair.champion.known()?.value;
    delta.is_finite().then_some(delta)
}

/// Higher is worse, for ranking parts of one verdict.
fn badness(pair: &Pair, direction: Direction) -> f64 {
    let value = pair.candidate.known().map_or(0.0, |n| n.value);
    match direction {
        Direction::LowIsBad => -value,
        Direction::HighIsBad | Direction::Neither => value,
    }
}

fn of_pair(gate: &Gate, numbers: &Numbers, pair: &Pair) -> Finding {
    let candidate = match usable(&pair.candidate, "the candidate", gate, numbers) {
        Ok(number) => number,
        Err(finding) => return finding,
    };
    let findings = gate.rule.iter().map(|clause| match clause {
        Clause::Limit(limit) => match limit.of {
            Of::Value => by_value(*limit, candidate),
            Of::Drop | Of::Rise => against(gate, numbers, *limit, candidate, &pair.champion),
            Of::Age => Finding::foreign(clause),
        },
        _ => Finding::foreign(clause),
    });
    let mut finding = Finding::all(findings);
    if !candidate.remark.is_empty() {
        finding.why = join(&finding.why, candidate.remark.as_str());
    }
    finding
}

fn join(a: &str, b: &str) -> String {
    if a.is_empty() {
        b.to_owned()
    } else {
        format!("{a}, {b}")
    }
}

/// The number of a side where it is evidence.
fn usable<'a>(
    side: &'a Side<Number>,
    whose: &str,
    gate: &Gate,
    numbers: &Numbers,
) -> Result<&'a Number, Finding> {
    let Side::Known(number) = side else {
        let mut finding = Finding::without(side, whose);
        if matches!(side, Side::Absent) && whose == "the candidate" {
            // A part that only the champion has.
            finding = Finding::unknown("the candidate has no such number");
        }
        return Err(finding);
    };
    let unknown = |why: String| Err(Finding::unknown(why));
    match number.state {
        State::Value => {}
        // The gate's own least number of rows stands in for the policy's.
        State::LowN if gate.min_n.is_some() && number.n.is_some() => {}
        State::LowN => {
            let rows = number
                .n
                .map_or_else(String::new, |n| format!(": n {}", grouped(n)));
            return unknown(format!("{whose} has too few rows{rows}"));
        }
        State::NoTraffic => return unknown(format!("{whose} had no traffic")),
        state => return unknown(format!("{whose}: {}", state.word())),
    }
    if !number.value.is_finite() {
        let value = crate::domain::number::number(number.value);
        return unknown(format!("{whose} has {value}, which is no number to go by"));
    }
    match (numbers.min_n, number.n) {
        (Some(least), Some(n)) if n < least => unknown(format!(
            "{whose} has too few rows: n {} under {}",
            grouped(n),
            grouped(least)
        )),
        (Some(least), None) if gate.min_n.is_some() => unknown(format!(
            "{whose}: nobody says how many rows are behind it, and {} are asked for",
            grouped(least)
        )),
        _ => Ok(number),
    }
}

fn by_value(limit: Limit, candidate: &Number) -> Finding {
    let value = limit.scale.show(candidate.value);
    let bound = limit.scale.show(limit.bound);
    let rows = candidate
        .n
        .map_or_else(String::new, |n| format!(", n {}", grouped(n)));
    if limit.sign.holds(candidate.value, limit.bound) {
        Finding::pass(format!("{value} {} {bound}{rows}", limit.sign.text()))
    } else {
        Finding::fail(format!("{value} {} {bound}{rows}", limit.sign.broken()))
    }
}

/// Compares with the champion, where both were evaluated on the same data.
fn against(
    gate: &Gate,
    numbers: &Numbers,
    limit: Limit,
    candidate: &Number,
    champion: &Side<Number>,
) -> Finding {
    let champion = match usable(champion, "the champion", gate, numbers) {
        Ok(number) => number,
        Err(finding) => return finding,
    };
    if let Some(why) = incomparable(&candidate.dataset, &champion.dataset) {
        return Finding::unknown(why);
    }
    let rise = candidate.value - champion.value;
    let (what, change) = match (limit.of, numbers.direction) {
        (Of::Rise, _) => ("rise", rise),
        (_, Direction::HighIsBad) => ("drop", rise),
        (_, Direction::LowIsBad) => ("drop", -rise),
        (_, Direction::Neither) => {
            return Finding::unknown(
                "nobody says whether more of it is better: set `metric` and `higher_is_better` for the model",
            );
        }
    };
    let size = candidate.value.abs().max(champion.value.abs());
    let (change, slack) = if limit.scale == Scale::Relative {
        if champion.value == 0.0 {
            return Finding::unknown("the champion has 0: a part of nothing says nothing");
        }
        (
            change / champion.value.abs(),
            ROUNDING * size / champion.value.abs(),
        )
    } else {
        (change, ROUNDING * size)
    };
    let show = |value: f64| limit.scale.show(value);
    let better = match numbers.direction {
        Direction::Neither => "",
        _ if change <= 0.0 && what == "drop" => "not worse than the champion",
        _ => "",
    };
    if limit.sign.holds(change - slack, limit.bound) {
        let text = format!(
            "{what} {} {} {}",
            show(change),
            limit.sign.text(),
            show(limit.bound)
        );
        Finding::pass(if better.is_empty() {
            text
        } else {
            better.to_owned()
        })
    } else {
        Finding::fail(format!(
            "{what} {} {} {}",
            show(change),
            limit.sign.broken(),
            show(limit.bound)
        ))
    }
}

/// Why two numbers cannot be compared, if they cannot.
fn incomparable(candidate: &Dataset, champion: &Dataset) -> Option<String> {
    let list = |sets: &[(Clean, Clean)]| {
        let words = sets.iter().map(|(name, digest)| match digest.as_str() {
            "" => format!("{name} without a digest"),
            digest => format!("{name} {}", digest.get(..10).unwrap_or(digest)),
        });
        words.collect::<Vec<_>>().join(" and ")
    };
    match (candidate, champion) {
        (Dataset::NoneNeeded, Dataset::NoneNeeded) => None,
        (Dataset::Known(a), Dataset::Known(b)) => {
            let bare = |sets: &[(Clean, Clean)]| sets.iter().any(|(_, d)| d.is_empty());
            if bare(a) || bare(b) {
                Some(format!(
                    "not comparable: evaluated on {}, the champion on {}; only a digest tells that they are the same",
                    list(a),
                    list(b)
                ))
            } else if a == b {
                None
            } else {
                Some(format!(
                    "not comparable: evaluated on {}, the champion on {}",
                    list(a),
                    list(b)
                ))
            }
        }
        (Dataset::Known(_), _) => Some(
            "not comparable: nobody logged the dataset that the champion was evaluated on"
                .to_owned(),
        ),
        (_, Dataset::Known(_)) => Some(
            "not comparable: nobody logged the dataset that the candidate was evaluated on"
                .to_owned(),
        ),
        _ => Some(
            "not comparable: nobody logged the dataset that either was evaluated on".to_owned(),
        ),
    }
}
