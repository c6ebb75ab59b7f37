//! The grammar of evidence and rules: from the words of settings and tags to values, with what is
//! allowed where a word is not understood.

use super::{Clause, Evidence, Limit, Of, Scale, Sign};
use crate::domain::near::nearest;
use crate::domain::rules::reproducible::PARTS;
use crate::domain::signal::{Measure, Unit};
use crate::domain::text::Clean;

/// Why a word was not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// What is wrong.
    pub what: String,
    /// What is allowed.
    pub expected: String,
    /// What was probably meant.
    pub meant: Option<String>,
}

fn wrong(what: impl Into<String>, expected: impl Into<String>) -> Mistake {
    Mistake {
        what: what.into(),
        expected: expected.into(),
        meant: None,
    }
}

/// Evidence that names nothing more.
const PLAIN: [(&str, Evidence); 8] = [
    ("signature", Evidence::Signature),
    ("reproducibility", Evidence::Reproducibility),
    ("approval", Evidence::Approval),
    ("quality", Evidence::Quality),
    ("consistency", Evidence::Consistency),
    ("size", Evidence::Size),
    ("training-age", Evidence::TrainingAge),
    ("status", Evidence::Status),
];
/// Evidence that names what it looks at.
const NAMED: [&str; 5] = [
    "run-metric",
    "model-metric",
    "version-tag",
    "run-tag",
    "signal",
];

/// Every form of evidence.
pub const EVIDENCE: &str = "run-metric:NAME, model-metric:NAME, version-tag:KEY, run-tag:KEY, signal:MEASURE, quality, \
     signature, reproducibility, consistency, size, training-age, status or approval";

/// Reads what a gate looks at.
///
/// # Errors
/// When the word is none of [`EVIDENCE`].
pub fn evidence(text: &str) -> Result<Evidence, Mistake> {
    let text = text.trim();
    if let Some((_, plain)) = PLAIN.iter().find(|(word, _)| *word == text) {
        return Ok(plain.clone());
    }
    let (kind, name) = text.split_once(':').unwrap_or((text, ""));
    let (kind, name) = (kind.trim(), name.trim());
    if !NAMED.contains(&kind) {
        let words = PLAIN.iter().map(|(word, _)| *word).chain(NAMED);
        let meant = nearest(kind, words).map(|near| {
            if NAMED.contains(&near) {
                let name = if name.is_empty() { "NAME" } else { name };
                format!("\"{near}:{}\"", Clean::name(name))
            } else {
                format!("\"{near}\"")
            }
        });
        let mut mistake = wrong(
            format!("\"{}\" is no evidence", Clean::name(text)),
            EVIDENCE,
        );
        mistake.meant = meant;
        return Err(mistake);
    }
    if name.is_empty() {
        return Err(wrong(
            format!("\"{kind}\" names nothing"),
            format!("\"{kind}:NAME\""),
        ));
    }
    let owned = name.to_owned();
    match kind {
        "run-metric" => Ok(Evidence::RunMetric(owned)),
        "model-metric" => Ok(Evidence::ModelMetric(owned)),
        "version-tag" => Ok(Evidence::VersionTag(owned)),
        "run-tag" => Ok(Evidence::RunTag(owned)),
        _ => Measure::from_word(name).map_or_else(
            || {
                let words: Vec<&str> = Measure::ALL.iter().map(|m| m.word()).collect();
                let mut mistake = wrong(
                    format!("\"{}\" is no measure", Clean::name(name)),
                    format!("one of {}", words.join(", ")),
                );
                mistake.meant = nearest(name, words).map(|near| format!("\"signal:{near}\""));
                Err(mistake)
            },
            |measure| Ok(Evidence::Signal(measure)),
        ),
    }
}

/// What a rule may say of some evidence, with examples.
pub fn allowed(evidence: &Evidence) -> &'static str {
    match evidence {
        Evidence::RunMetric(_) | Evidence::ModelMetric(_) | Evidence::Quality => {
            "limits such as \">= 0.9\", \"drop <= 0.005\" or \"drop <= 1 %\" (against the champion), joined by commas; the number is in the metric's own unit"
        }
        Evidence::VersionTag(_) | Evidence::RunTag(_) => {
            "\"present\", \"= passed\", \"= passed | waived\", \"!= failed\", a limit such as \">= 3\", or \"age <= 30d\" for a tag that holds a date"
        }
        Evidence::Signal(measure) => match measure.unit() {
            Unit::Seconds => {
                "limits such as \"<= 300ms\" or \"rise <= 20ms\" (over the champion), joined by commas"
            }
            Unit::Ratio => {
                "limits such as \"<= 30 %\", \"<= 0.3\" or \"rise <= 1 %\" (points over the champion), joined by commas"
            }
            Unit::Stamp => "\"age <= 26h\"",
            _ => {
                "limits such as \">= 0.8\" or \"drop <= 0.05\" (against the champion), joined by commas"
            }
        },
        Evidence::Signature => "\"compatible\" or \"identical\"",
        Evidence::Reproducibility => {
            "\"complete\", or some of git, data, model and environment, joined by commas"
        }
        Evidence::Consistency => "\"consistent\"",
        Evidence::Size => "limits such as \"<= 500MiB\" or \"rise <= 20 %\", joined by commas",
        Evidence::TrainingAge => "a limit such as \"<= 30d\"",
        Evidence::Status => "\"= ready\"",
        Evidence::Approval => {
            "\"claimed\" or \"verified\" (signed, and the signature checked), and with a comma a limit such as \"age <= 3d\""
        }
    }
}

/// The rule of evidence for which nothing else makes sense, where none is given.
pub fn usual(evidence: &Evidence) -> Option<&'static str> {
    match evidence {
        Evidence::Signature => Some("compatible"),
        Evidence::Reproducibility => Some("complete"),
        Evidence::Consistency => Some("consistent"),
        Evidence::Status => Some("= ready"),
        Evidence::Approval => Some("claimed"),
        _ => None,
    }
}

/// Reads a rule about some evidence: demands joined by commas, all of which must hold.
///
/// # Errors
/// When a demand is not understood, or makes no sense for the evidence.
pub fn rule(evidence: &Evidence, text: &str) -> Result<Vec<Clause>, Mistake> {
    let mut clauses = Vec::new();
    for part in text.split(',') {
        clauses.extend(clause(evidence, part.trim())?);
    }
    if matches!(evidence, Evidence::Approval)
        && !clauses.contains(&Clause::Claimed)
        && !clauses.contains(&Clause::Verified)
    {
        clauses.insert(0, Clause::Claimed);
    }
    Ok(clauses)
}

fn refused(evidence: &Evidence, text: &str) -> Mistake {
    let what = if text.is_empty() {
        "the rule has an empty part".to_owned()
    } else {
        format!("\"{}\" is no rule for {evidence}", Clean::name(text))
    };
    let mut mistake = wrong(what, allowed(evidence));
    let words: &[&str] = match evidence {
        Evidence::Signature => &["compatible", "identical"],
        Evidence::Reproducibility => &["complete", "git", "data", "model", "environment"],
        Evidence::Consistency => &["consistent"],
        Evidence::Approval => &["claimed", "verified"],
        Evidence::VersionTag(_) | Evidence::RunTag(_) => &["present"],
        _ => &[],
    };
    mistake.meant = nearest(text, words.iter().copied()).map(|near| format!("\"{near}\""));
    mistake
}

fn clause(evidence: &Evidence, text: &str) -> Result<Vec<Clause>, Mistake> {
    let is_tag = matches!(evidence, Evidence::VersionTag(_) | Evidence::RunTag(_));
    let one = |clause| Ok(vec![clause]);
    match (evidence, text) {
        (Evidence::Signature, "compatible") => return one(Clause::Compatible),
        (Evidence::Signature, "identical") => return one(Clause::Identical),
        (Evidence::Reproducibility, "complete") => {
            return Ok(PARTS.into_iter().map(Clause::Claim).collect());
        }
        (Evidence::Reproducibility, word) => {
            let part = PARTS.into_iter().find(|part| *part == word);
            return part.map_or_else(|| Err(refused(evidence, text)), |p| one(Clause::Claim(p)));
        }
        (Evidence::Consistency, "consistent") => return one(Clause::Consistent),
        (Evidence::Approval, "claimed") => return one(Clause::Claimed),
        (Evidence::Approval, "verified") => return one(Clause::Verified),
        (_, "present") if is_tag => return one(Clause::Present),
        _ => {}
    }
    let words = is_tag || *evidence == Evidence::Status;
    if let Some(word) = text.strip_prefix("!=").or_else(|| text.strip_prefix('≠')) {
        let word = word.trim();
        if words && !word.is_empty() {
            return one(Clause::Not(word.to_owned()));
        }
    } else if let Some(list) = text.strip_prefix('=') {
        let list = list.trim_start_matches('=');
        let all: Vec<String> = list.split('|').map(|w| w.trim().to_owned()).collect();
        if words && all.iter().all(|word| !word.is_empty()) {
            return one(Clause::OneOf(all));
        }
    } else if let Some(limit) = limit(evidence, text)? {
        return one(Clause::Limit(limit));
    }
    Err(refused(evidence, text))
}

/// Reads `drop <= 0.005`; nothing where the text has no such form.
fn limit(evidence: &Evidence, text: &str) -> Result<Option<Limit>, Mistake> {
    let words = [
        ("drop", Of::Drop),
        ("rise", Of::Rise),
        ("age", Of::Age),
        ("", Of::Value),
    ];
    let signs = [
        (">=", Sign::AtLeast),
        ("≥", Sign::AtLeast),
        ("<=", Sign::AtMost),
        ("≤", Sign::AtMost),
        (">", Sign::Over),
        ("<", Sign::Under),
    ];
    let Some((of, rest)) = words
        .into_iter()
        .find_map(|(word, of)| Some((of, text.strip_prefix(word)?.trim_start())))
    else {
        return Ok(None);
    };
    let Some((sign, rest)) = signs
        .into_iter()
        .find_map(|(word, sign)| Some((sign, rest.strip_prefix(word)?.trim())))
    else {
        return Ok(None);
    };
    let of = match (evidence, of) {
        (Evidence::TrainingAge, Of::Value) => Of::Age,
        (_, of) => of,
    };
    let bad = || refused(evidence, text);
    let split = rest
        .find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c)))
        .unwrap_or(rest.len());
    // `5e` of a unit that begins with an e would be a number cut short; no unit does.
    let (digits, unit) = rest.split_at(split);
    let number: f64 = digits.parse().map_err(|_| bad())?;
    if !number.is_finite() {
        return Err(bad());
    }
    let (bound, scale) = scaled(evidence, of, number, unit.trim()).ok_or_else(bad)?;
    if of != Of::Value && bound < 0.0 {
        return Err(bad());
    }
    if matches!(of, Of::Drop | Of::Rise | Of::Age) && sign.is_floor() {
        // "At least so much worse" is a slip of the sign.
        let mut mistake = bad();
        mistake.meant = Some(format!("\"{}\"", text.replace('>', "<").replace('≥', "<=")));
        return Err(mistake);
    }
    Ok(Some(Limit {
        of,
        sign,
        bound,
        scale,
    }))
}

/// The bound in base units, where its unit suits the evidence.
fn scaled(evidence: &Evidence, of: Of, number: f64, unit: &str) -> Option<(f64, Scale)> {
    let seconds = || seconds_in(unit).map(|factor| number * factor);
    if of == Of::Age {
        let dated = match evidence {
            Evidence::TrainingAge
            | Evidence::Approval
            | Evidence::VersionTag(_)
            | Evidence::RunTag(_) => true,
            Evidence::Signal(measure) => measure.unit() == Unit::Stamp,
            _ => false,
        };
        return seconds().filter(|_| dated).map(|s| (s, Scale::Age));
    }
    let compared = matches!(of, Of::Drop | Of::Rise);
    let relative = (unit == "%").then_some((number / 100.0, Scale::Relative));
    match evidence {
        Evidence::RunMetric(_) | Evidence::ModelMetric(_) | Evidence::Quality => match unit {
            "" => Some((number, Scale::In(Unit::Score))),
            _ => relative.filter(|_| compared),
        },
        Evidence::VersionTag(_) | Evidence::RunTag(_) if !compared && unit.is_empty() => {
            Some((number, Scale::In(Unit::Score)))
        }
        Evidence::Size => match bytes_in(unit) {
            Some(factor) => Some((number * factor, Scale::Bytes)),
            None => relative.filter(|_| compared),
        },
        Evidence::Signal(measure) => match (measure.unit(), unit) {
            (Unit::Stamp, _) => None,
            (own, "") => Some((number, Scale::In(own))),
            (Unit::Ratio, "%") => Some((number / 100.0, Scale::In(Unit::Ratio))),
            (Unit::Seconds, "%") => relative.filter(|_| compared),
            (Unit::Seconds, _) => seconds().map(|s| (s, Scale::In(Unit::Seconds))),
            (Unit::PerSecond, "/s") => Some((number, Scale::In(Unit::PerSecond))),
            (_, "%") => relative.filter(|_| compared),
            _ => None,
        },
        _ => None,
    }
}

fn seconds_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return None,
    })
}

fn bytes_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => super::KIB,
        "MiB" => super::MIB,
        "GiB" => super::GIB,
        _ => return None,
    })
}
