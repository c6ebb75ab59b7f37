use super::*;
use crate::domain::key::RegistryKey;
use crate::domain::model::Name;

fn run(n: i64) -> Run {
    let tracker = Arc::new(RegistryKey {
        base: Key::new("http://ml.test"),
        workspace: Key::new(""),
    });
    let own = |word: &str| (Clean::name(word), Clean::text(&format!("{word} of {n}")));
    Run {
        key: RunKey {
            tracker: Arc::clone(&tracker),
            id: Key::new(&format!("r{n}")),
        },
        experiment: ExperimentKey {
            tracker,
            id: Key::new("1"),
        },
        name: Clean::text(&format!("run {n}")),
        user: Clean::name("ana"),
        status: RunStatus::Finished,
        started: Millis(n),
        ended: Some(Millis(n)),
        deleted: false,
        artifacts: Clean::empty(),
        metrics: Arc::from([LastMetric {
            name: Name::new("auc"),
            value: 0.5,
            step: 0,
            at: Millis(n),
        }]),
        params: Arc::from([own("seed"), own("data")]),
        tags: Arc::from([own("commit")]),
        datasets: Arc::from([DatasetUse {
            name: Clean::name("train"),
            digest: Clean::text(&format!("digest {n}")),
            context: Clean::name("training"),
            source_kind: Clean::empty(),
            source: Clean::empty(),
        }]),
        outputs: Arc::from([]),
    }
}

#[test]
fn runs_that_come_and_go_take_their_texts_with_them() {
    let mut store = RunStore::default();
    let mut most = 0;
    for n in 0..20_000 {
        store.upsert(&run(n), Millis(n));
        store.evict(500, |_| false);
        most = most.max(store.texts.held().1);
    }
    // Five of each run its own, and six of all.
    assert!(most <= 5 * 501 + 6, "{most}");
    let kept = store.unpack(&run(19_999).key).expect("the newest");
    let told = run(19_999);
    assert_eq!(
        (&kept.name, &kept.params, &kept.tags),
        (&told.name, &told.params, &told.tags)
    );
    assert_eq!(kept.datasets[0].digest, told.datasets[0].digest);
}

#[test]
fn a_run_that_is_told_anew_has_its_new_texts_alone_and_a_snapshot_the_old() {
    let mut store = RunStore::default();
    store.upsert(&run(1), Millis(1));
    let before = store.clone();
    let held = store.texts.held();
    for at in 2..50 {
        let mut anew = run(at);
        anew.key = run(1).key;
        store.upsert(&anew, Millis(at));
    }
    assert_eq!(store.texts.held().0, held.0);
    let text = |store: &RunStore| {
        store.unpack(&run(1).key).expect("held").params[0]
            .1
            .to_string()
    };
    assert_eq!(
        (text(&before), text(&store)),
        ("seed of 1".to_owned(), "seed of 49".to_owned())
    );
}
