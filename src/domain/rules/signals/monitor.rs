//! Whether the jobs that watch drift and quality are alive. A job that died or writes NaN is an incident
//! of its own: nobody knows how the model is, and old scores must not be acted on.

use std::time::Duration;

use super::{Monitored, Sample, words};
use crate::domain::key::SourceId;
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::settings::{ModelSettings, SignalPolicy};
use crate::domain::signal::{Measure, Measured};
use crate::domain::time::{Millis, Since};

/// How long a job may be silent: one and a half of its own cadence, else the policy's limit.
pub fn limit(settings: Option<&ModelSettings>, policy: &SignalPolicy) -> Duration {
    settings
        .and_then(|s| s.job_every)
        .map_or(policy.job_stale_after, |every| every + every / 2)
}

/// Judges the jobs behind a model's scores, one finding a source: silent ones, and ones that write NaN. A
/// source that cannot be read takes neither finding back.
pub fn judge(m: &Monitored<'_>) -> Vec<Reason> {
    let jobs = || {
        let from_a_job = |s: &&Sample<'_>| s.measure().is_from_a_job();
        m.samples.iter().filter(from_a_job)
    };
    let mut sources: Vec<&SourceId> = jobs().map(|s| &s.reading.key.source).collect();
    sources.sort();
    sources.dedup();
    let mut reasons = Vec::new();
    for source in sources {
        let of = || jobs().filter(|s| s.reading.key.source == *source);
        reasons.extend(silent(m, of()).or_else(|| nan(of())));
    }
    reasons
}

/// The first kind of job of a source that has fallen silent: that one of another kind writes, or another source,
/// brings none to life.
fn silent<'s, 'a: 's>(
    m: &Monitored<'_>,
    samples: impl Iterator<Item = &'s Sample<'a>> + Clone,
) -> Option<Reason> {
    let first = samples.clone().filter(|s| s.silent).find(|first| {
        // One fresh score of a job shows that it lives; what it no longer writes, it no longer measures.
        let mut all = samples.clone();
        !all.any(|s| !s.silent && is_told(s) && watches(s) == watches(first))
    })?;
    let source = &first.reading.key.source;
    let own = samples.filter(|s| watches(s) == watches(first));
    let stamps = own.filter_map(|s| s.reading.written_at.max(s.reading.at));
    let last = stamps.max().or_else(|| last_run(m, source));
    let limit = limit(m.settings, m.policy);
    let text = match last {
        Some(at) => format!(
            "no {} since {} (limit {})",
            watches(first),
            at.day_minute(),
            words::length(limit)
        ),
        None => format!("no {} within {}", watches(first), words::length(limit)),
    };
    let since = last.map_or(Since::Unknown, |at| Since::Exact(at.plus(limit)));
    Some(first.finding(ReasonCode::MonitorStale, Level::Unknown, text, since))
}

/// Whether a reading is something that a job has measured, and no word on the job itself or on the model.
fn is_told(sample: &Sample<'_>) -> bool {
    !matches!(
        sample.measure(),
        Measure::Samples | Measure::ReferenceSamples | Measure::LastRun | Measure::Importance
    )
}

fn last_run(m: &Monitored<'_>, source: &SourceId) -> Option<Millis> {
    let rows = m.of(Measure::LastRun).iter();
    let of = rows.filter(|s| s.reading.key.source == *source);
    of.filter_map(Sample::value).map(stamp).max()
}

/// Seconds since the epoch, as jobs write them.
pub(super) fn stamp(seconds: f64) -> Millis {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a stamp out of range is merely old or new"
    )]
    Millis((seconds * 1e3) as i64)
}

/// What a job watches, in words.
fn watches(sample: &Sample<'_>) -> &'static str {
    match sample.measure() {
        Measure::QualityRealised | Measure::QualityEstimated | Measure::LabelCoverage => {
            "quality report"
        }
        Measure::Fairness => "fairness report",
        _ => "drift report",
    }
}

fn nan<'s, 'a: 's>(samples: impl Iterator<Item = &'s Sample<'a>> + Clone) -> Option<Reason> {
    let judged =
        |s: &&Sample<'_>| !matches!(s.reading.value, Measured::NoData | Measured::NoTraffic);
    let of = samples.clone().filter(judged).count();
    let is_nan = |s: &&Sample<'_>| s.reading.value == Measured::NotANumber;
    let broken: Vec<&Sample<'_>> = samples.filter(is_nan).collect();
    let first = broken.first()?;
    let mut text = match broken.len() {
        1 => format!("{} is NaN", name(first)),
        n => format!("{n} of {of} scores are NaN, first {}", name(first)),
    };
    text.push_str(": its job could not compute it");
    Some(first.finding(
        ReasonCode::MonitorStale,
        Level::Unknown,
        text,
        Since::Unknown,
    ))
}

fn name(sample: &Sample<'_>) -> String {
    let part = sample.reading.key.part.clean();
    let title = sample.measure().title();
    if part.is_empty() {
        title.to_owned()
    } else {
        format!("{title} of {part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::freshness::Freshness;
    use crate::domain::rules::signals::Standing;
    use crate::domain::rules::signals::testing::{
        NOW, monitored, monitored_from, monitored_with, reading,
    };
    use crate::domain::signal::SignalReading;

    fn score(feature: &str, age: u64) -> SignalReading {
        let mut row = reading(Measure::FeatureDrift, feature, "PSI", 0.9);
        row.n = Some(9_000);
        row.written_at = Some(NOW.minus(Duration::from_secs(age * 3_600)));
        row
    }

    #[test]
    fn a_dead_job_is_unknown_and_its_old_scores_say_nothing() {
        let rows = [score("age", 30), score("city", 30)];
        monitored(&rows, &[], |m| {
            let reasons = judge(m);
            assert_eq!(reasons.len(), 1);
            assert_eq!(
                (reasons[0].code, reasons[0].level),
                (ReasonCode::MonitorStale, Level::Unknown)
            );
            let at = NOW.minus(Duration::from_secs(30 * 3_600)).day_minute();
            assert_eq!(
                reasons[0].text,
                format!("no drift report since {at} (limit 26h)").as_str()
            );
            assert_eq!(
                reasons[0].since,
                Since::Exact(NOW.minus(Duration::from_secs(4 * 3_600)))
            );
            let all = super::super::judge(m, None);
            assert_eq!(all.reasons, reasons, "no drift of an old score");
        });
    }

    #[test]
    fn a_job_has_the_cadence_that_is_set_for_it() {
        let set = ModelSettings {
            job_every: Some(Duration::from_secs(4 * 3_600)),
            ..ModelSettings::default()
        };
        let rows = [score("age", 7)];
        monitored(&rows, &[], |m| assert_eq!(judge(m), []));
        monitored_with(&rows, &[], Some(&set), |m| {
            assert!(judge(m)[0].text.as_str().ends_with("(limit 6h)"));
        });
    }

    #[test]
    fn a_job_that_writes_nan_is_not_fine() {
        let mut rows = [score("age", 1), score("city", 1)];
        rows[0].value = Measured::NotANumber;
        monitored(&rows, &[], |m| {
            let reasons = judge(m);
            assert_eq!(reasons[0].level, Level::Unknown);
            assert_eq!(
                reasons[0].text,
                "feature drift of age is NaN: its job could not compute it"
            );
        });
        rows[1].value = Measured::NotANumber;
        monitored(&rows, &[], |m| {
            assert!(
                judge(m)[0]
                    .text
                    .as_str()
                    .starts_with("2 of 2 scores are NaN")
            );
        });
    }

    #[test]
    fn a_source_that_falls_silent_brings_no_job_to_life_and_mends_no_nan() {
        let dead = [score("age", 30), score("city", 30)];
        let mut broken = [score("age", 1), score("city", 1)];
        broken[0].value = Measured::NotANumber;
        let alive = [score("age", 25), score("city", 1)];
        for freshness in [Freshness::Live, Freshness::Stale, Freshness::Down] {
            let standing = Standing {
                freshness,
                // Two hours ago the older score of those that are alive was not too old.
                read_at: Some(NOW.minus(Duration::from_secs(2 * 3_600))),
            };
            for (rows, words) in [
                (&dead, Some("no drift report since")),
                (&broken, Some("feature drift of age is NaN")),
                (&alive, None),
            ] {
                monitored_from(rows, standing, |m| {
                    let told = super::super::judge(m, None).reasons;
                    let told: Vec<_> = told.iter().map(|r| (r.level, &r.text)).collect();
                    match (words, told.as_slice()) {
                        (None, rest) => assert!(
                            rest.iter()
                                .all(|(_, t)| !t.as_str().contains("no drift report")),
                            "{rest:?}"
                        ),
                        (Some(words), [(Level::Unknown, text), ..]) => {
                            assert!(text.as_str().starts_with(words), "{freshness:?}: {text}");
                            let read = text.as_str().contains(", as read ");
                            assert_eq!(read, freshness != Freshness::Live, "{text}");
                        }
                        (_, rest) => panic!("{freshness:?}: {rest:?}"),
                    }
                });
            }
        }
    }

    #[test]
    fn a_dead_job_is_told_beside_another_that_lives() {
        let of = |source: &str, mut row: SignalReading| {
            row.key.source = SourceId::new(source);
            row
        };
        let stamp = |hours: u64| {
            let at = NOW.minus(Duration::from_secs(hours * 3_600));
            reading(Measure::LastRun, "", "", at.0 as f64 / 1e3)
        };
        let told = |rows: &[SignalReading]| {
            let mut found = Vec::new();
            monitored(rows, &[], |m| {
                let all = judge(m);
                found = all.iter().map(|r| r.text.to_string()).collect();
            });
            found
        };
        let rows = [
            of("evidently", score("age", 1)),
            of("evidently", stamp(1)),
            score("age", 27),
            // What it says of the model and of itself is no report.
            reading(Measure::Importance, "age", "", 0.4),
            reading(Measure::Samples, "", "", 9_000.0),
            stamp(27),
        ];
        let at = NOW.minus(Duration::from_secs(27 * 3_600)).day_minute();
        let dead = format!("no drift report since {at} (limit 26h)");
        assert_eq!(told(&rows), [dead]);
        // Of one source each kind of job.
        let mut quality = reading(Measure::QualityRealised, "auc", "", 0.9);
        quality.written_at = Some(NOW.minus(Duration::from_secs(27 * 3_600)));
        let quality = [score("age", 1), score("city", 27), quality];
        assert_eq!(
            told(&quality),
            [format!("no quality report since {at} (limit 26h)")]
        );
    }

    #[test]
    fn one_fresh_score_shows_that_the_job_lives() {
        let rows = [score("age", 30), score("city", 1)];
        monitored(&rows, &[], |m| assert_eq!(judge(m), []));
    }
}
