use std::collections::BTreeMap;

use super::*;
use crate::domain::rules::signals::testing::{course_of, monitored, monitored_with, reading};
use crate::domain::settings::ModelSettings;
use crate::domain::signal::{Measured, SignalReading};
use crate::domain::text::Clean;

fn feature(name: &str, score: f64) -> SignalReading {
    let mut row = reading(Measure::FeatureDrift, name, "PSI", score);
    row.n = Some(12_400);
    row
}

fn features(over: usize, of: usize) -> Vec<SignalReading> {
    (0..of)
        .map(|i| feature(&format!("f{i:02}"), if i < over { 0.2 } else { 0.01 }))
        .collect()
}

#[test]
fn one_drifting_feature_is_worth_knowing_and_a_third_of_them_a_warning() {
    let mut rows = features(1, 41);
    rows.push(feature("tenure", 0.42));
    monitored(&rows, &[], |m| {
        let (summary, reason) = judge(m);
        let (summary, reason) = (summary.expect("features"), reason.expect("a finding"));
        assert_eq!(
            (summary.drifted, summary.judged, summary.features),
            (2, 42, 42)
        );
        assert_eq!(summary.level, Some(Level::Info));
        assert_eq!(reason.level, Level::Info);
        assert_eq!(
            reason.text,
            "drift 2/42 features, worst tenure PSI 0.42 > 0.1, n 12,400"
        );
    });
    monitored(&features(15, 41), &[], |m| {
        assert_eq!(judge(m).1.expect("a finding").level, Level::Warn);
    });
    monitored(&features(0, 41), &[], |m| {
        let (summary, reason) = judge(m);
        assert_eq!(summary.expect("features").level, Some(Level::Ok));
        assert_eq!(reason, None);
    });
}

#[test]
fn half_of_them_are_critical_only_after_three_windows() {
    let rows = features(30, 41);
    let first = |m: &Monitored<'_>| judge(m).1.expect("a finding");
    monitored(&rows, &[], |m| assert_eq!(first(m).level, Level::Warn));
    let worst = &rows[0];
    let two = course_of(worst, &[0.01, 0.02, 0.3, 0.2]);
    monitored(&rows, &[two], |m| {
        let reason = first(m);
        assert_eq!(reason.level, Level::Warn);
        assert!(
            reason.text.as_str().ends_with("over in 2 of 4 windows"),
            "{}",
            reason.text
        );
    });
    let three = course_of(worst, &[0.01, 0.4, 0.3, 0.2]);
    monitored(&rows, &[three], |m| assert_eq!(first(m).level, Level::Crit));
}

#[test]
fn a_feature_that_matters_weighs_more_than_many_that_do_not() {
    let mut rows = features(0, 9);
    rows.push(feature("tenure", 0.2));
    let set = ModelSettings {
        importances: BTreeMap::from([("tenure".to_owned(), 0.6), ("f01".to_owned(), 0.4)]),
        ..ModelSettings::default()
    };
    monitored_with(&rows, &[], Some(&set), |m| {
        let (summary, reason) = judge(m);
        let reason = reason.expect("a finding");
        assert_eq!(reason.level, Level::Warn);
        assert!(
            reason.text.as_str().contains("by importance 60 % > 30 %"),
            "{}",
            reason.text
        );
        let worst = summary.and_then(|s| s.worst).expect("a feature");
        assert_eq!(worst.key.part, Key::new("tenure"));
    });
}

#[test]
fn scores_of_few_rows_give_no_verdict_and_say_so() {
    let mut rows = vec![feature("age", 0.3), feature("city", 0.01)];
    for row in &mut rows {
        row.n = Some(212);
    }
    monitored(&rows, &[], |m| {
        let (summary, reason) = judge(m);
        let summary = summary.expect("features");
        assert_eq!((summary.judged, summary.level), (0, Some(Level::Unknown)));
        let reason = reason.expect("a finding");
        assert_eq!(reason.level, Level::Unknown);
        assert_eq!(
            reason.text,
            "drift 1/2 features, worst age PSI 0.3 > 0.1, n 212: too few rows for a verdict"
        );
    });
    // Within their lines they are no verdict either, in the list of drift as in the model's own level.
    rows[0].value = Measured::Value(0.02);
    monitored(&rows, &[], |m| {
        let (summary, reason) = judge(m);
        assert_eq!(summary.expect("features").level, Some(Level::Unknown));
        let reason = reason.expect("a finding");
        assert_eq!(reason.level, Level::Unknown);
        assert_eq!(
            reason.text,
            "too few rows for a verdict on drift, n 212, at least 500"
        );
    });
}

#[test]
fn a_few_features_of_many_do_not_stand_for_all() {
    let of = |good: usize, drifted: usize, of: usize| {
        let mut rows = features(drifted, of);
        for row in &mut rows[good..] {
            row.value = Measured::NotANumber;
        }
        rows
    };
    monitored(&of(1, 1, 40), &[], |m| {
        let (summary, reason) = judge(m);
        let (summary, reason) = (summary.expect("features"), reason.expect("a finding"));
        assert_eq!((summary.judged, summary.level), (1, Some(Level::Unknown)));
        assert_eq!(reason.level, Level::Unknown);
        assert_eq!(
            reason.text,
            "drift 1/40 features, worst f00 PSI 0.2 > 0.1, n 12,400: 1 of 40 can be judged"
        );
    });
    monitored(&of(1, 0, 40), &[], |m| {
        let (summary, reason) = judge(m);
        assert_eq!(summary.expect("features").level, Some(Level::Unknown));
        assert_eq!(reason, None, "the monitor's own finding tells of NaN");
    });
    monitored(&of(30, 1, 40), &[], |m| {
        let reason = judge(m).1.expect("a finding");
        assert_eq!(
            reason.text,
            "drift 1/30 features, worst f00 PSI 0.2 > 0.1, n 12,400, 10 more not judged"
        );
    });
}

#[test]
fn an_unknown_method_has_a_score_and_no_verdict() {
    let rows = vec![reading(
        Measure::FeatureDrift,
        "age",
        "psychic distance",
        9.0,
    )];
    monitored(&rows, &[], |m| {
        let (summary, reason) = judge(m);
        let summary = summary.expect("features");
        assert_eq!((summary.judged, summary.level), (0, None));
        assert_eq!(summary.worst.and_then(|g| g.value), Some(9.0));
        assert_eq!(reason, None);
    });
}

#[test]
fn the_sources_own_test_decides_where_there_is_one() {
    let mut row = feature("age", 0.05);
    row.tested = Some(Box::new(crate::domain::signal::Tested {
        passed: false,
        reason: Clean::text("drift score is 0.05"),
    }));
    monitored(&[row], &[], |m| {
        let reason = judge(m).1.expect("a finding");
        assert_eq!(
            reason.text,
            "drift 1/1 features, worst age PSI failed its test: drift score is 0.05, n 12,400"
        );
    });
}

#[test]
fn a_share_alone_is_judged_by_its_own_lines() {
    let row = reading(Measure::DriftShare, "", "", 0.4);
    monitored(&[row], &[], |m| {
        let (summary, reason) = judge(m);
        assert_eq!(summary, None);
        assert_eq!(
            reason.expect("a finding").text,
            "drifted features 40 % > 30 %"
        );
    });
}

fn told_by(source: &str, version: &str, mut row: SignalReading) -> SignalReading {
    row.key.source = crate::domain::key::SourceId::new(source);
    row.key.version = Key::new(version);
    row
}

fn requests(version: &str, rate: f64) -> SignalReading {
    told_by("prom", version, reading(Measure::Requests, "", "", rate))
}

/// The drifted features of all, and the score of the worst.
fn summed(rows: &[SignalReading]) -> (usize, usize, Option<f64>) {
    let mut found = None;
    monitored(rows, &[], |m| {
        let summary = judge(m).0.expect("features");
        let worst = summary.worst.and_then(|g| g.value);
        found = Some((summary.drifted, summary.features, worst));
    });
    found.expect("a model")
}

#[test]
fn the_worst_score_of_what_answers_counts_whoever_tells_it() {
    let lower = |mut row: SignalReading| {
        row.key.method = Key::new("psi");
        row.at = Some(crate::domain::rules::signals::testing::steps_ago(12));
        row
    };
    let rows = [
        told_by("prom", "", feature("amount", 0.05)),
        told_by("prom", "", feature("age", 0.03)),
        told_by("evidently", "3", lower(feature("amount", 0.623))),
        told_by("evidently", "3", lower(feature("age", 0.02))),
        told_by("evidently", "2", lower(feature("age", 0.9))),
        requests("3", 12.0),
    ];
    assert_eq!(summed(&rows), (1, 2, Some(0.623)));
    // The same where the endpoints' metrics show the other version to be asked as well.
    let mut both = rows.to_vec();
    both.push(requests("2", 4.0));
    assert_eq!(summed(&both), (2, 2, Some(0.9)));
}

#[test]
fn a_score_that_cannot_be_judged_hides_none_that_can() {
    let mut few = told_by("evidently", "14", feature("amount", 0.01));
    few.n = Some(120);
    let mut dead = told_by("other", "14", feature("amount", 0.01));
    dead.written_at = Some(crate::domain::rules::signals::testing::steps_ago(500));
    let rows = [told_by("prom", "", feature("amount", 0.2)), few, dead];
    assert_eq!(summed(&rows), (1, 1, Some(0.2)));
    assert_eq!(summed(&rows[1..]), (0, 1, Some(0.01)));
}

#[test]
fn half_of_the_features_is_a_warning_until_it_has_lasted_and_so_says_every_reading() {
    let mut rows = features(1, 2);
    rows.push(reading(Measure::DriftShare, "", "", 0.5));
    let all = |courses: &[crate::domain::signal::SignalSeries]| {
        let mut found = None;
        monitored(&rows, courses, |m| {
            let judged = crate::domain::rules::signals::judge(m, None);
            let mut gauges = judged.gauges.iter();
            let share = gauges.find(|g| g.key.measure == Measure::DriftShare);
            found = Some((
                judged.drift.and_then(|d| d.level),
                judged.drift_level,
                share.and_then(|g| g.level),
                judged.reasons.iter().map(|r| r.level).max(),
            ));
        });
        found.expect("a model")
    };
    let warn = Some(Level::Warn);
    assert_eq!(all(&[]), (warn, warn, warn, warn));
    let course = course_of(&rows[2], &[0.1, 0.5, 0.6, 0.5]);
    let crit = Some(Level::Crit);
    assert_eq!(all(&[course]), (crit, crit, crit, crit));
}
