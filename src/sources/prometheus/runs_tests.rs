use super::*;
use crate::domain::key::SourceId;
use crate::domain::signal::{Measure, Preset};

const STEP: u64 = 1_800;
const GAP: f32 = f32::NAN;

fn grid(end: i64, points: u64) -> Grid {
    Grid::stepped((points - 1) * STEP, Millis(end * STEP as i64 * 1_000), STEP)
}

fn at(step: i64) -> Millis {
    Millis(step * STEP as i64 * 1_000)
}

fn values(runs: &[Run]) -> Vec<(Millis, f32)> {
    runs.iter().map(|run| (run.at, run.value)).collect()
}

#[test]
fn what_bears_one_stamp_is_one_run_even_if_the_next_says_the_same() {
    // Runs end between the steps, and two of them wrote the same.
    let stamps = [f64::NAN, 1_000.5, 1_000.5, 4_000.5, 4_000.5, 8_000.5];
    let seen = [GAP, 0.4, 0.5, 0.5, 0.5, 0.5];
    let runs = told_apart(&seen, Some(&stamps), grid(5, 6));
    let want = [1_000_500, 4_000_500, 8_000_500].map(Millis);
    assert_eq!(
        values(&runs),
        [(want[0], 0.5), (want[1], 0.5), (want[2], 0.5)]
    );
}

#[test]
fn without_stamps_a_value_that_repeats_is_one_run() {
    let seen = [0.1, 0.1, GAP, 0.1, 0.5, 0.5, 0.1];
    let runs = told_apart(&seen, None, grid(6, 7));
    assert_eq!(values(&runs), [(at(0), 0.1), (at(4), 0.5), (at(6), 0.1)]);
}

fn row(runs: &[(i64, f32)]) -> Row {
    Row {
        times: runs.iter().map(|(step, _)| at(*step)).collect(),
        values: runs.iter().map(|(_, value)| *value).collect(),
    }
}

#[test]
fn a_tail_continues_the_run_that_it_begins_in() {
    let held = row(&[(1, 0.1), (4, 0.5)]);
    let tail = told_apart(&[0.5, 0.5, 0.2], None, grid(8, 3));
    assert_eq!(held.with(&tail), row(&[(1, 0.1), (4, 0.5), (8, 0.2)]));
    // The last run was seen when it had just begun: what it wrote since is what it wrote.
    let stamps = [at(4), at(4), at(8)].map(|at| at.0 as f64 / 1_000.0);
    let tail = told_apart(&[0.6, 0.6, 0.6], Some(&stamps), grid(8, 3));
    assert_eq!(held.with(&tail), row(&[(1, 0.1), (4, 0.6), (8, 0.6)]));
    assert_eq!(held.with(&[]), held);
}

fn spec() -> SignalSpec {
    let presets = crate::config::presets();
    let of = |p: &&Preset| p.name == "quarterdeck";
    let own = presets.iter().find(of).expect("it is there");
    let mut signals = own.signals.iter();
    let found = signals.find(|s| s.measure == Measure::FeatureDrift);
    found.expect("it is there").clone()
}

fn key(feature: &str) -> SignalKey {
    SignalKey {
        model: Key::new("m"),
        measure: Measure::FeatureDrift,
        part: Key::new(feature),
        method: Key::new("PSI"),
        version: Key::new(""),
        source: SourceId::new("p"),
    }
}

fn runs(end: i64) -> Runs {
    Runs {
        whole_at: Some(Instant::now()),
        grid: grid(end, 337),
        rows: BTreeMap::new(),
        cut: false,
        newcomers: Vec::new(),
    }
}

fn run(step: i64, value: f32) -> Run {
    Run {
        at: at(step),
        told: true,
        value,
    }
}

#[test]
fn of_too_many_features_those_that_moved_most_are_kept_and_a_newcomer_is_read_whole() {
    let mut all = runs(1_000);
    let spec = spec();
    let many = |n: usize| (key(&format!("f{n}")), vec![run(999, n as f32 / 1e6)]);
    all.take((0..MOST_FEATURES + 50).map(many));
    cut(&mut [(&spec, &mut all)], MOST_FEATURES);
    all.settle();
    assert_eq!(all.rows.len(), MOST_FEATURES);
    assert!(!all.rows.contains_key(&key("f49")));
    assert!(all.rows.contains_key(&key("f50")));
    assert!(all.whole_at.is_some());
    let moved = (key("f3"), vec![run(1_000, 0.9)]);
    all.take([moved].into_iter());
    cut(&mut [(&spec, &mut all)], MOST_FEATURES);
    all.settle();
    assert!(all.rows.contains_key(&key("f3")));
    assert!(all.whole_at.is_none(), "its earlier runs are not held");
}

#[test]
fn signals_of_one_measure_share_the_room_for_its_features() {
    let spec = spec();
    let of = |from: usize| {
        let mut runs = runs(1_000);
        let many = |n: usize| (key(&format!("f{n}")), vec![run(999, n as f32 / 1e6)]);
        runs.take((from..from + MOST_FEATURES / 2 + 10).map(many));
        Arc::new(runs)
    };
    let mut all = [of(0), of(10_000)];
    for _ in 0..2 {
        // Once after each of them is read.
        cut_features(all.iter_mut().map(|runs| (&spec, runs)));
    }
    settle_features(all.iter_mut().map(|runs| (&spec, runs)));
    let [little, much] = &all;
    assert_eq!(little.rows.len(), MOST_FEATURES / 2 - 10);
    assert!(little.cut && !little.rows.contains_key(&key("f19")));
    assert_eq!(much.rows.len(), MOST_FEATURES / 2 + 10);
    assert!(!much.cut && much.whole_at.is_some());
}

#[test]
fn runs_are_forgotten_when_they_are_old_and_their_times_are_held_once() {
    let mut all = runs(1_000);
    let old = (key("dead"), vec![run(600, 0.1)]);
    let same = || vec![run(998, 0.1), run(999, 0.2)];
    let rows = [old, (key("a"), same()), (key("b"), same())];
    all.take(rows.into_iter());
    assert!(!all.rows.contains_key(&key("dead")));
    let (a, b) = (&all.rows[&key("a")], &all.rows[&key("b")]);
    assert!(Arc::ptr_eq(&a.times, &b.times));
    let series: Vec<SignalSeries> = all.series().collect();
    assert_eq!(series[0].start, at(998));
    assert_eq!(series[0].end(), at(999));
    let long = (0..200).map(|n| run(800 + n, n as f32)).collect();
    all.take([(key("a"), long)].into_iter());
    assert_eq!(all.rows[&key("a")].values.len(), MOST_RUNS);
}
