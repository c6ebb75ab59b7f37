use super::*;

#[test]
fn every_measure_has_a_word_of_its_own() {
    for measure in Measure::ALL {
        assert_eq!(Measure::from_word(measure.word()), Some(measure));
        assert_eq!(
            serde_json::to_value(measure).expect("a unit variant"),
            measure.word()
        );
    }
}

#[test]
fn runs_keep_their_times_and_the_later_of_two_holds() {
    let key = SignalKey {
        model: Key::new("churn"),
        measure: Measure::DriftShare,
        part: Key::new(""),
        method: Key::new(""),
        version: Key::new(""),
        source: SourceId::new("evidently"),
    };
    let minute = |n: i64| Millis(n * 60_000);
    let runs = vec![
        (minute(30), 0.3),
        (minute(0), 0.1),
        (minute(30), 0.4),
        (minute(10), f64::NAN),
    ];
    let series = SignalSeries::of_runs(key.clone(), runs).expect("runs");
    let at: Vec<_> = (0..3).map(|i| series.at(i)).collect();
    assert_eq!(at, [minute(0), minute(10), minute(30)]);
    assert!(series.values[1].is_nan());
    assert_eq!(series.values[2].to_bits(), 0.4_f32.to_bits());
    assert_eq!((series.end(), series.start), (minute(30), minute(0)));
    assert_eq!(SignalSeries::of_runs(key, Vec::new()), None);
}

#[test]
fn nan_is_no_value_and_infinity_is_over_every_line() {
    assert_eq!(Measured::of(f64::NAN).value(), None);
    let high = Measured::of(f64::INFINITY).value().expect("a number");
    assert!(Direction::HighIsBad.is_over(high, 1e300));
    assert!(!Direction::Neither.is_over(high, 0.0));
}
