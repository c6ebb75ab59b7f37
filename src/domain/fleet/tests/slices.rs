//! Judging in slices: what is left waits, and once nothing is left the result is that of judging at once.

use super::*;

const SLICE: usize = 7;
const MODELS: usize = 60;

/// The first is the one that the deployment serves.
fn name(n: usize) -> String {
    match n {
        0 => "fraud".to_owned(),
        _ => format!("m-{n:02}"),
    }
}

fn many(at: i64, champion: impl Fn(usize) -> u64) -> Observation {
    let rows = (0..MODELS).map(|n| {
        let name = name(n);
        let mut row = model(&champion(n).to_string());
        row.key.name = Key::new(&name);
        row.name = Clean::name(&name);
        row
    });
    Observation {
        upserts: Rows::Models(rows.collect()),
        ..models(at, "13")
    }
}

fn their_versions(at: i64) -> Observation {
    let rows = (0..MODELS).flat_map(|n| {
        (12..15).map(move |number| {
            let mut row = version(number);
            row.key.model.name = Key::new(&name(n));
            row
        })
    });
    Observation {
        upserts: Rows::Versions(rows.collect()),
        ..versions(at, &[12])
    }
}

/// Fleets that hear the same, one that judges in slices and one that judges in halves.
struct Pair {
    sliced: Fleet,
    halved: Fleet,
    at_once: Fleet,
}

impl Pair {
    fn new() -> Self {
        let mut sliced = fleet();
        sliced.judge_in_slices_of(SLICE);
        Self {
            sliced,
            halved: fleet(),
            at_once: fleet(),
        }
    }

    /// Both hear it; how many slices were left. In the end they are equal.
    fn hear(&mut self, now: i64, hear: impl Fn(&mut Fleet)) -> usize {
        hear(&mut self.sliced);
        hear(&mut self.at_once);
        self.halved.judge_in_slices_of(0);
        hear(&mut self.halved);
        self.halved.judge_all_by(Millis(now), |all| {
            // The later half first: their order is of no matter.
            let [one, other] = all.halves();
            vec![other.judge(), one.judge()]
        });
        assert!(!self.halved.has_more_to_judge());
        assert!(!self.at_once.has_more_to_judge());
        let mut slices = 0;
        while self.sliced.has_more_to_judge() {
            self.sliced.judge_more(Millis(now));
            slices += 1;
        }
        let views = |fleet: &Fleet| fleet.models().cloned().collect::<Vec<_>>();
        assert_eq!(views(&self.sliced), views(&self.at_once));
        assert_eq!(views(&self.halved), views(&self.at_once));
        assert_eq!(self.halved.counts, self.at_once.counts);
        assert_eq!(self.halved.settled, self.at_once.settled);
        let deployments = |fleet: &Fleet| fleet.deployments().cloned().collect::<Vec<_>>();
        assert_eq!(deployments(&self.sliced), deployments(&self.at_once));
        assert_eq!(self.sliced.counts, self.at_once.counts);
        assert_eq!(self.sliced.settled, self.at_once.settled);
        assert_eq!(self.sliced.take_observed(), self.at_once.take_observed());
        slices
    }
}

#[test]
fn a_registry_that_falls_silent_and_comes_back_is_judged_in_slices_with_the_same_result() {
    let mut pair = Pair::new();
    pair.hear(0, |f| {
        f.merge(many(0, |_| 13), Millis(0));
    });
    pair.hear(0, |f| {
        f.merge(their_versions(0), Millis(0));
    });
    pair.hear(0, |f| {
        f.merge(answers(0, "13"), Millis(0));
    });
    for (source, feed) in [
        ("mlflow", Feed::Models),
        ("mlflow", Feed::Versions),
        ("fraud-eu", Feed::Endpoint),
    ] {
        pair.hear(0, |f| f.record(&polled(source, feed, 0, None), Millis(0)));
    }
    let fault = Some(FaultKind::Unreachable);
    let fallen = (1..4).map(|n| {
        let at = n * MINUTE;
        let report = polled("mlflow", Feed::Models, at, fault.clone());
        pair.hear(at, |f| f.record(&report, Millis(at)))
    });
    let fallen: Vec<usize> = fallen.collect();
    assert!(fallen.iter().any(|n| *n >= MODELS / SLICE), "{fallen:?}");
    let silent = |f: &Fleet| {
        let down = |m: &&ModelView| m.level() > Level::Ok;
        f.models().filter(down).count()
    };
    assert_eq!(silent(&pair.sliced), MODELS);
    pair.hear(60 * MINUTE, |f| f.tick(Millis(60 * MINUTE)));
    let at = 61 * MINUTE;
    let back = pair.hear(at, |f| {
        f.record(&polled("mlflow", Feed::Models, at, None), Millis(at));
    });
    assert!(back >= MODELS / SLICE, "{back}");
}

proptest! {
    #[test]
    fn once_nothing_is_left_slices_have_the_result_of_judging_at_once(
        steps in proptest::collection::vec((0_u8..6, 12_u64..15, 0_i64..3), 1..20),
    ) {
        let mut pair = Pair::new();
        let mut now = 0;
        for (what, number, minutes) in steps {
            now += minutes * MINUTE + 1;
            let at = Millis(now);
            pair.hear(now, |f| match what {
                0 => drop(f.merge(many(now, |n| number + (n % 2) as u64), at)),
                1 => drop(f.merge(their_versions(now), at)),
                2 => drop(f.merge(answers(now, &number.to_string()), at)),
                3 => f.record(&polled("mlflow", Feed::Models, now, None), at),
                4 => {
                    let fault = Some(FaultKind::Unreachable);
                    f.record(&polled("mlflow", Feed::Models, now, fault), at);
                }
                _ => f.tick(at),
            });
        }
    }
}
