//! Quality and fairness: from a fleet and courses to rows and frames.

use super::*;
use crate::domain::fleet::Fleet;
use crate::domain::observation::{Coverage, Feed, Rows};
use crate::domain::query::Query;
use crate::domain::signal::{Measured, SignalKey, SignalReading, State};
use crate::panes::models::testing::{ago, cx, model_key, observe};
use crate::panes::monitored::{PROM, course, fleet as monitored, signal_key};
use crate::ui::testing::{NOW, look, screen};

const SIZE: (u16, u16) = (80, 24);

fn key(measure: Measure, part: &str, method: &str) -> SignalKey {
    SignalKey {
        method: Key::new(method),
        ..signal_key("fraud-detector", measure, part, "")
    }
}

fn reading(key: SignalKey, value: f64, n: Option<u32>) -> SignalReading {
    SignalReading {
        n,
        at: Some(ago(60_000)),
        ..SignalReading::new(key, Measured::of(value))
    }
}

const RATIO: &str = "demographic_parity_ratio";

/// The monitored fleet, with the quality of one model: the share of its predictions whose labels have come, and two
/// groups, of which one is small and one does not tell its rows.
fn fleet(coverage: f64) -> Fleet {
    let mut fleet = monitored();
    let rows = vec![
        reading(key(Measure::QualityRealised, "auc", ""), 0.71, Some(12_400)),
        reading(key(Measure::QualityEstimated, "auc", ""), 0.8, Some(12_400)),
        reading(key(Measure::LabelCoverage, "", ""), coverage, None),
        reading(key(Measure::Fairness, "18-25", RATIO), 0.62, Some(120)),
        reading(key(Measure::Fairness, "over-60", RATIO), 0.91, None),
    ];
    observe(
        &mut fleet,
        PROM,
        Feed::Signals,
        Coverage::Partial,
        Rows::Signals(rows),
    );
    fleet.tick(NOW.wall);
    fleet
}

/// What the source answers where the courses are asked for: coverage falls late.
fn courses() -> Courses {
    let of = |measure, part, method, from, to, turn| {
        (
            measure,
            vec![course(key(measure, part, method), from, to, turn)],
        )
    };
    [
        of(Measure::QualityRealised, "auc", "", 0.79, 0.71, 30),
        of(Measure::QualityEstimated, "auc", "", 0.8, 0.8, 30),
        of(Measure::LabelCoverage, "", "", 0.9, 0.2, 40),
        of(Measure::Fairness, "18-25", RATIO, 0.85, 0.62, 50),
    ]
    .into_iter()
    .collect()
}

fn shown(fleet: &Fleet, courses: &Courses, at: usize, size: (u16, u16)) -> String {
    let cx = cx(fleet, size);
    let model = fleet.model(&model_key("fraud-detector")).expect("a model");
    let mut state = TableState::default();
    state.select(at, rows(model, &cx).len());
    let of = Quality {
        model,
        courses,
        lens: Lens::default(),
        state: &state,
    };
    let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    of.draw(&cx, &look(size.0, size.1), buf.area, &mut buf);
    screen(&buf)
}

#[test]
fn estimated_and_realised_stand_side_by_side_and_groups_have_their_own_rows() {
    let fleet = fleet(0.84);
    insta::assert_snapshot!(shown(&fleet, &courses(), 0, (80, 17)), @r"
     LEVEL   METRIC                    GROUP       VALUE    LINE      N  ESTIMATED
    ›–       auc                       –           0.710       –  12.4k      0.800
     ● info  demographic_parity_ratio  18-25     (0.620)    <0.8    120          –
     · ok    demographic_parity_ratio  over-60     0.910    <0.8      –          –

     realised 0.71  estimated 0.8  -0.090  labels 84 %, judged from 50 % on
    auc   ● realised 0.710   ■ estimated 0.800                      ~ labels to come
         │ ⡄ ⢠  ⡄ ⢠  ⡄ ⢠  ⡄ ⢠  ⡄ ⢠ ⢠  ⡄ ⢠  ⡄ ⢠                                  ┊
    0.80 ┤ ⢻⡄⡾⣧⢰⢿⡄⡾⣧⢰⢿⡄⡾⡇⣸⢿⢀⡿⡇⣸⢿⢀⡿⡇⡾⣧⢰⢿⡄⡾⣧⢰⢿⡄⡾⣧ ⡤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤■
         │ ⠈⣷⠇⢹⡾⠈⣷⠇⢹⡾⠈⣷⠇⢿⡏⠸⣿⠁⢿⡏⠸⣿⠁⢿⠇⢹⡾⠈⣷⠇⢹⡾⠈⣷⠇⢹⢞⠦⠤⣀⣀⡀                           ┊
         │  ⠘  ⠃ ⠘  ⠃ ⠘ ⠘  ⠃ ⠘  ⠃ ⠘  ⠃ ⠘  ⠃ ⠘  ⠋    ⠈⠑⠒⠒⠤⢄⣀⡀                    ┊
    0.75 ┤                                                 ⠈⠉⠒⠤⠤⢄⣀              ┊
         │                                                        ⠉⠉⠑⠢⠤⠤●       ┊
         │                                                                ~ ~ ~ ~
         │                                                                      ~ ~
                                                                                ▲v14
          08:02Z                10:02                   12:02                 14:02Z
    ");
    // Of too few rows a value is told and weighs nothing; a group that tells no rows has none.
    let model = fleet.model(&model_key("fraud-detector")).expect("a model");
    let all = rows(model, &cx(&fleet, SIZE));
    let [_, Row::Group(few), Row::Group(untold)] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!((few.state, few.level), (State::LowN, Some(Level::Info)));
    assert_eq!((untold.n, untold.level), (None, Some(Level::Ok)));
    let wide = shown(&fleet, &courses(), 1, (120, 20));
    assert!(wide.contains("DIFF") && wide.contains("-0.09"), "{wide}");
    assert!(wide.contains("too few rows for a verdict"), "{wide}");
}

#[test]
fn what_was_measured_before_its_labels_came_is_greyed() {
    let late = fleet(0.2);
    let shown_late = shown(&late, &courses(), 0, SIZE);
    assert!(shown_late.contains("~ labels to come"), "{shown_late}");
    assert!(
        shown_late.contains("labels 20 %, not judged under 50 %"),
        "{shown_late}"
    );
    let marks = shown_late.matches('~').count();
    assert!(marks > 4, "{shown_late}");
    assert!(
        !shown_late.contains("low n"),
        "labels are wanting, not rows"
    );
    // With most labels there, nothing is.
    let mut whole = courses();
    whole.remove(&Measure::LabelCoverage);
    let shown_whole = shown(&fleet(0.84), &whole, 0, SIZE);
    assert!(!shown_whole.contains('~'), "{shown_whole}");
    // Where only the newest share is known, none of the course is to go by.
    let unknown = shown(&late, &whole, 0, SIZE);
    assert!(unknown.contains("~ labels to come"), "{unknown}");
}

#[test]
fn every_course_behind_a_row_is_asked_for_once() {
    let fleet = fleet(0.84);
    let model = fleet.model(&model_key("fraud-detector")).expect("a model");
    let asked = wants(model, &cx(&fleet, SIZE));
    let measures: Vec<Measure> = asked
        .iter()
        .filter_map(|want| match want.query {
            Query::Series { measure, .. } => Some(measure),
            _ => None,
        })
        .collect();
    let want = [
        Measure::QualityRealised,
        Measure::QualityEstimated,
        Measure::LabelCoverage,
        Measure::Fairness,
    ];
    assert_eq!(measures, want);
}

#[test]
fn a_model_that_nothing_measures_says_what_would() {
    let fleet = monitored();
    let text = shown(&fleet, &Courses::new(), 0, SIZE);
    assert!(
        text.contains("Nothing tells how good fraud-detector is."),
        "{text}"
    );
    assert!(text.contains("ml_model_quality"), "{text}");
}

#[test]
fn what_the_model_answers_is_drawn_from_counted_rows_and_not_from_a_mean() {
    let mut fleet = fleet(0.84);
    let all = || fleet.readings(&model_key("fraud-detector")).iter();
    assert!(all().any(|held| held.fact.key.measure == Measure::PredictionMean));
    let model = |fleet: &Fleet| {
        let view = fleet.model(&model_key("fraud-detector")).cloned();
        view.expect("a model")
    };
    let is_drawn = |row: &Row| matches!(row, Row::Predictions { .. });
    let seen = rows(&model(&fleet), &cx(&fleet, SIZE));
    assert!(!seen.iter().any(is_drawn), "a mean is no distribution");
    let mut counted = Vec::new();
    for (window, below) in [
        ("reference", [60.0, 90.0, 100.0]),
        ("current", [10.0, 30.0, 50.0]),
    ] {
        for (bound, rows) in ["<=0.2", "<=0.5", "<=1.0"].into_iter().zip(below) {
            counted.push(reading(
                key(Measure::PredictionRows, bound, window),
                rows,
                None,
            ));
        }
    }
    let rows_of = Rows::Signals(counted);
    observe(&mut fleet, PROM, Feed::Signals, Coverage::Partial, rows_of);
    fleet.tick(NOW.wall);
    let seen = rows(&model(&fleet), &cx(&fleet, SIZE));
    let at = seen.iter().position(is_drawn).expect("a distribution");
    let text = shown(&fleet, &courses(), at, SIZE);
    assert!(text.contains("p50 0.167 → 0.425"), "{text}");
    assert!(
        text.contains("reference") && text.contains("current"),
        "{text}"
    );
    assert_eq!(view::cells(&seen[at])[5], "50", "rows of now");
}
