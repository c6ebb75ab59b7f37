//! The last-known state: that it comes back as it was, and how long the large one takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::domain::alert::{Alert, AlertKey, AlertRule, AlertState, Silence};
use crate::domain::deployment::{EndpointReading, Health, Known, ServedState, ServedVersion};
use crate::domain::key::{
    DeploymentKey, DeploymentKind, ExperimentKey, Key, ModelKey, RegistryKey, RunKey, VersionKey,
};
use crate::domain::last_known::{Held, LastKnown, Memory, SourceStamp};
use crate::domain::level::{Level, Reason, ReasonCode, Verdict};
use crate::domain::model::{Alias, ModelVersion, Name, RegisteredModel, VersionStatus};
use crate::domain::observation::Feed;
use crate::domain::observed::EndpointTrack;
use crate::domain::run::{DatasetUse, Experiment, LastMetric, Run, RunStatus};
use crate::domain::settling::{Look, Settled};
use crate::domain::signal::{
    Lines, Measure, Measured, SignalKey, SignalReading, SignalSeries, Tested,
};
use crate::domain::time::Since;

/// How large a made state is.
struct Size {
    models: usize,
    versions: usize,
    runs: usize,
    endpoints: usize,
    features: usize,
}

const SMALL: Size = Size {
    models: 3,
    versions: 4,
    runs: 5,
    endpoints: 2,
    features: 5,
};

fn held<T>(fact: T, at: usize) -> Held<T> {
    Held {
        source: SourceId::new("mlflow"),
        asked_at: Millis(1_700_000_000_000 + at as i64),
        fact,
    }
}

fn registry() -> Arc<RegistryKey> {
    Arc::new(RegistryKey {
        base: Key::new("https://mlflow.prod.test:5000/ml"),
        workspace: Key::new("risk"),
    })
}

fn model_key(registry: &Arc<RegistryKey>, at: usize) -> ModelKey {
    ModelKey {
        registry: Arc::clone(registry),
        name: Key::new(&format!("team-{}/model-{at}", at % 50)),
        created: Millis(1_600_000_000_000 + at as i64),
    }
}

fn tags(pairs: &[(&str, String)]) -> Arc<[(Clean, Clean)]> {
    pairs
        .iter()
        .map(|(k, v)| (Clean::name(k), Clean::text(v)))
        .collect()
}

fn model(registry: &Arc<RegistryKey>, at: usize, size: &Size) -> RegisteredModel {
    let alias = |name: &str, version: usize| Alias {
        name: Name::new(name),
        version: Key::new(&version.to_string()),
    };
    RegisteredModel {
        key: model_key(registry, at),
        name: Clean::name(&format!("team-{}/model-{at}", at % 50)),
        updated: Millis(1_700_000_000_000),
        description: Clean::text(&format!(
            "Scores the thing number {at} for those who ask for it."
        )),
        tags: tags(&[
            ("quarterdeck.owner", format!("team-{}", at % 50)),
            (
                "quarterdeck.runbook",
                format!("https://runbooks.test/model-{at}"),
            ),
        ]),
        aliases: Arc::from([
            alias("champion", (size.versions - 1).max(1)),
            alias("challenger", size.versions),
        ]),
    }
}

fn version(registry: &Arc<RegistryKey>, at: usize, number: usize) -> ModelVersion {
    ModelVersion {
        key: VersionKey {
            model: model_key(registry, at),
            version: Key::new(&number.to_string()),
        },
        version: Clean::name(&number.to_string()),
        created: Millis(1_650_000_000_000 + number as i64),
        updated: Millis(1_660_000_000_000 + number as i64),
        stage: number.is_multiple_of(3).then(|| Clean::name("Production")),
        description: Clean::text(&format!("trained on the data of week {number}")),
        source: Clean::text(&format!("models:/m-{at:016x}{number:016x}")),
        run: Some(RunKey {
            tracker: Arc::clone(registry),
            id: Key::new(&format!("{at:016x}{number:016x}")),
        }),
        logged_model: Some(Key::new(&format!("m-{at:016x}{number:016x}"))),
        status: match number % 4 {
            0 => VersionStatus::Other(Clean::name("ARCHIVING")),
            1 => VersionStatus::Pending,
            2 => VersionStatus::Failed,
            _ => VersionStatus::Ready,
        },
        status_message: Clean::empty(),
        tags: tags(&[
            ("validation", "passed".to_owned()),
            ("commit", format!("{at:07x}{number:x}")),
        ]),
    }
}

fn run(registry: &Arc<RegistryKey>, at: usize) -> Run {
    Run {
        key: RunKey {
            tracker: Arc::clone(registry),
            id: Key::new(&format!("{at:032x}")),
        },
        experiment: ExperimentKey {
            tracker: Arc::clone(registry),
            id: Key::new(&(at % 20).to_string()),
        },
        name: Clean::name(&format!("nimble-run-{at}")),
        user: Clean::name("ana"),
        status: match at % 3 {
            0 => RunStatus::Finished,
            1 => RunStatus::Failed,
            _ => RunStatus::Other(Clean::name("PREEMPTED")),
        },
        started: Millis(1_700_000_000_000 - at as i64),
        ended: at.is_multiple_of(2).then_some(Millis(1_700_000_100_000)),
        deleted: false,
        artifacts: Clean::text(&format!("s3://bucket/{}/{at:032x}/artifacts", at % 20)),
        metrics: (0..12)
            .map(|metric| LastMetric {
                name: Name::new(&format!("metric_{metric}")),
                value: if metric == 11 {
                    f64::INFINITY
                } else {
                    at as f64 / 7.0
                },
                step: 100,
                at: Millis(1_700_000_050_000),
            })
            .collect(),
        params: tags(&[("lr", format!("0.{at}")), ("depth", "6".to_owned())]),
        tags: tags(&[("git", format!("{at:040x}"))]),
        datasets: Arc::from([DatasetUse {
            name: Clean::name("payments"),
            digest: Clean::name("ab12cd34"),
            context: Clean::name("training"),
            source_kind: Clean::name("s3"),
            source: Clean::text("s3://bucket/payments"),
        }]),
        outputs: Arc::from([Key::new(&format!("m-{at:032x}"))]),
    }
}

fn endpoint(at: usize) -> EndpointReading {
    EndpointReading {
        key: DeploymentKey {
            kind: DeploymentKind::ALL[at % 4],
            base: Key::new(&format!("http://serving-{at}.test:8080")),
            scope: Key::new(""),
            name: Key::new(&format!("model-{at}")),
        },
        name: Clean::name(&format!("model-{at}-prod")),
        health: [Health::Ready, Health::NotReady, Health::Missing][at % 3],
        message: Clean::empty(),
        versions: vec![ServedVersion {
            version: Key::new("19"),
            known: [Known::Reported, Known::Declared][at % 2],
            state: ServedState::Answering,
            message: Clean::empty(),
        }],
        default_version: at.is_multiple_of(2).then(|| Key::new("19")),
        server: Clean::name("mlserver 1.7.1"),
        latency: Some(Duration::from_micros(1_234)),
        versions_unread: Clean::empty(),
        versions_at: None,
    }
}

fn signal(model: usize, measure: Measure, part: usize) -> SignalKey {
    let part = if measure.is_by_feature() {
        format!("feature-{part}")
    } else {
        String::new()
    };
    SignalKey {
        model: Key::new(&format!("team-{}/model-{model}", model % 50)),
        measure,
        part: Key::new(&part),
        method: Key::new("psi"),
        version: Key::new(""),
        source: SourceId::new("prom"),
    }
}

/// Something of everything that a reading can hold.
fn reading(model: usize, measure: Measure, part: usize) -> SignalReading {
    let values = [
        Measured::Value(0.25),
        Measured::NoTraffic,
        Measured::NoData,
        Measured::NotANumber,
    ];
    SignalReading {
        at: Some(Millis(1_700_000_000_000)),
        written_at: part.is_multiple_of(2).then_some(Millis(1_699_000_000_000)),
        lines: Some(Arc::new(Lines {
            warn: Some(0.1),
            crit: None,
        })),
        n: Some(12_400),
        window: Some(Duration::from_secs(300)),
        tested: part.is_multiple_of(3).then(|| {
            Box::new(Tested {
                passed: false,
                reason: Clean::text("drift detected"),
            })
        }),
        ..SignalReading::new(signal(model, measure, part), values[part % 4])
    }
}

fn course(model: usize, measure: Measure) -> SignalSeries {
    SignalSeries {
        key: signal(model, measure, 0),
        start: Millis(1_700_000_000_000),
        step: Duration::from_secs(300),
        times: None,
        earlier: None,
        values: (0..72_u8).map(|n| f32::from(n) / 8.0).collect(),
    }
}

fn alert(model: usize) -> Alert {
    let text = |text: &str| Clean::text(text);
    Alert {
        key: AlertKey {
            source: SourceId::new("prom"),
            fingerprint: Key::new(&model.to_string()),
        },
        name: text("HighErrorRate"),
        model: Some(Key::new(&format!("team-{}/model-{model}", model % 50))),
        version: None,
        severity: text("page"),
        level: Level::Crit,
        state: AlertState::Silenced,
        since: Millis(1_700_000_000_000),
        summary: text("errors are high"),
        runbook: Some(text("https://wiki.test/errors")),
        dashboard: None,
        labels: tags(&[("severity", "page".to_owned())]),
        value: Some(0.04),
        rule: Some(AlertRule {
            query: Key::new("errors > 0.01"),
            plotted: Key::new("errors"),
            threshold: Some(0.01),
            for_seconds: 120,
        }),
        silences: Arc::from([Silence {
            id: Key::new("s-1"),
            author: text("ben"),
            comment: text("known"),
            until: Millis(1_700_000_900_000),
        }]),
        group: text("team=risk"),
    }
}

fn state(size: &Size) -> LastKnown {
    let registry = registry();
    LastKnown {
        saved_at: Millis(1_700_000_500_000),
        models: (0..size.models)
            .map(|at| held(model(&registry, at, size), at))
            .collect(),
        versions: (0..size.models)
            .map(|at| {
                let numbers = 1..=size.versions;
                let held = numbers.map(|number| held(version(&registry, at, number), at));
                Arc::new(held.collect())
            })
            .collect(),
        experiments: (0..20)
            .map(|at| Experiment {
                key: ExperimentKey {
                    tracker: Arc::clone(&registry),
                    id: Key::new(&at.to_string()),
                },
                name: Clean::name(&format!("experiment {at}")),
                created: Millis(1),
                updated: Millis(2),
                tags: tags(&[]),
            })
            .map(|experiment| held(experiment, 0))
            .collect(),
        endpoints: (0..size.endpoints)
            .map(|at| held(endpoint(at), at))
            .collect(),
        runs: (0..size.runs)
            .map(|at| held(run(&registry, at), at))
            .collect(),
        signals: (0..size.models)
            .map(|at| {
                let by_feature = (0..size.features).map(|n| reading(at, Measure::FeatureDrift, n));
                let all = by_feature.chain(std::iter::once(reading(at, Measure::ErrorRatio, 0)));
                Arc::new(all.map(|reading| held(reading, at)).collect())
            })
            .collect(),
        pipelines: vec![held(pipelines::pipeline(), 0)],
        pipeline_runs: pipelines::runs()
            .into_iter()
            .map(|run| held(run, 0))
            .collect(),
        series: (0..size.models)
            .map(|at| {
                let both = [Measure::FeatureDrift, Measure::ErrorRatio];
                let both = both.map(|measure| held(course(at, measure), at));
                Arc::new(both.to_vec())
            })
            .collect(),
        alerts: (0..size.models).map(|at| held(alert(at), at)).collect(),
        sources: vec![SourceStamp {
            source: SourceId::new("mlflow"),
            feed: Feed::Models,
            answered_at: None,
            asked_at: Millis(5),
            fault: Some(Clean::text("no answer within 10 s")),
        }],
        memory: memory(&registry, size),
    }
}

/// Something of everything that looking teaches.
fn memory(registry: &Arc<RegistryKey>, size: &Size) -> Memory {
    let at = Millis(1_690_000_000_000);
    let finding = Verdict::of(vec![Reason {
        code: ReasonCode::FactsStale,
        level: Level::Unknown,
        text: Clean::empty(),
        since: Since::Unknown,
        source: None,
    }]);
    let mut level = Settled::default();
    let look = Look {
        source: SourceId::new("fraud-eu"),
        complete: Some(at),
        current: true,
    };
    level.judge(&Verdict::default(), std::slice::from_ref(&look), at);
    level.judge(&finding, &[look], at.plus(Duration::from_secs(30)));
    assert!(level.due().is_some(), "a move waits");
    let reading = endpoint(0);
    let mut track = EndpointTrack::default();
    track.look(&reading, at, Key::clean);
    Memory {
        models: (0..size.models)
            .map(|n| (model_key(registry, n), at))
            .collect(),
        endpoints: vec![(reading.key.clone(), at)],
        levels: (0..size.models)
            .map(|n| (model_key(registry, n), level.clone()))
            .collect(),
        tracks: vec![(reading.key.clone(), track)],
        failing: vec![((SourceId::new("mlflow"), Feed::Models), at)],
        slow: vec![(reading.key.clone(), at)],
        loading: vec![((reading.key, Key::new("14")), at)],
    }
}

#[test]
fn a_file_from_before_there_was_a_memory_still_loads_and_a_foreign_shape_does_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let saved = state(&SMALL);
    assert_eq!(opened(&path).save("prod", &saved), Ok(true));
    let run = |sql: &str| {
        let db = Connection::open(&path).expect("the file");
        assert!(db.execute(sql, []).expect("a statement") > 0);
    };
    run("DELETE FROM last_known WHERE part = 'memory'");
    let head = opened(&path)
        .load_head("prod")
        .expect("a read")
        .expect("a head");
    assert_eq!(head.models.len(), SMALL.models);
    assert_eq!(head.memory, Memory::default());
    // The memory alone is of another version: the facts are still good.
    assert_eq!(opened(&path).save("prod", &saved), Ok(true));
    run("UPDATE last_known SET shape = 99 WHERE part = 'memory'");
    let head = opened(&path)
        .load_head("prod")
        .expect("a read")
        .expect("a head");
    assert_eq!(head.memory, Memory::default());
    assert_eq!(head.endpoints, saved.endpoints);
    run("UPDATE last_known SET shape = 99 WHERE part = 'models'");
    assert_eq!(opened(&path).load_head("prod"), Ok(None));
}

#[test]
fn a_state_comes_back_as_it_was_in_two_parts() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let saved = state(&SMALL);
    assert_eq!(opened(&path).save("prod", &saved), Ok(true));
    let store = opened(&path);
    let head = store.load_head("prod").expect("a read").expect("a head");
    let rest = store.load_rest("prod").expect("a read").expect("a rest");
    assert_eq!(
        (head.saved_at, rest.saved_at),
        (saved.saved_at, saved.saved_at)
    );
    assert_eq!(head.models, saved.models);
    assert_eq!(head.endpoints, saved.endpoints);
    assert_eq!(head.sources, saved.sources);
    assert_eq!(head.alerts, saved.alerts);
    assert_eq!(head.pipelines, saved.pipelines);
    assert_eq!(head.pipeline_runs, saved.pipeline_runs);
    let of = |by_feature: bool| {
        let all = saved.signals.iter().flat_map(|group| group.iter());
        let is = |h: &&Held<SignalReading>| h.fact.key.measure.is_by_feature() == by_feature;
        all.filter(is).cloned().collect::<Vec<_>>()
    };
    assert_eq!(head.signals, of(false));
    assert_eq!(rest.signals, of(true));
    let kept: Vec<_> = rest.series.iter().map(|h| h.fact.key.measure).collect();
    assert_eq!(kept, [Measure::ErrorRatio; 3]);
    assert_eq!(rest.series[0], saved.series[0][1]);
    assert_eq!(head.memory, saved.memory);
    assert_eq!(rest.experiments, saved.experiments);
    assert_eq!(rest.runs, saved.runs);
    // The aliases point at the newest two of four.
    let first: Vec<_> = head
        .versions
        .iter()
        .map(|held| held.fact.key.number())
        .collect();
    assert_eq!(first, [Some(3), Some(4)].repeat(3));
    let mut versions = [head.versions, rest.versions].concat();
    versions.sort_by(|a, b| a.fact.key.cmp(&b.fact.key));
    assert!(versions.iter().eq(saved.all_versions()));
    assert_eq!(store.load_head("staging"), Ok(None));
}

#[test]
fn hostile_values_survive_and_hostile_text_does_not() {
    let registry = registry();
    let mut hostile = state(&SMALL);
    let mut diverged = run(&registry, 1);
    diverged.metrics = Arc::from([LastMetric {
        name: Name::new("lo\u{1b}[31mss\u{0}"),
        value: f64::NAN,
        step: i64::MIN,
        at: Millis(i64::MAX),
    }]);
    hostile.runs = vec![held(diverged, 0)];
    let mut store = Store::in_memory().expect("a store");
    store.save("prod", &hostile).expect("a save");
    let rest = store.load_rest("prod").expect("a read").expect("a rest");
    let metric = &rest.runs[0].fact.metrics[0];
    assert!(metric.value.is_nan());
    assert_eq!((metric.step, metric.at), (i64::MIN, Millis(i64::MAX)));
    // The raw name is for requests and stays raw; the shown one is clean.
    assert_eq!(metric.name.key.raw(), "lo\u{1b}[31mss\u{0}");
    assert_eq!(metric.name.shown, "loss");
}

#[test]
fn an_older_state_never_replaces_a_newer_one_but_a_clock_gone_wrong_does_not_lock() {
    let mut store = Store::in_memory().expect("a store");
    let at = |millis: i64| LastKnown {
        saved_at: Millis(millis),
        ..LastKnown::default()
    };
    let saved = |store: &Store| {
        store
            .load_head("prod")
            .expect("a read")
            .map(|head| head.saved_at)
    };
    assert_eq!(store.save("prod", &at(1_000)), Ok(true));
    assert_eq!(store.save("prod", &at(999)), Ok(false));
    assert_eq!(saved(&store), Some(Millis(1_000)));
    let next_year = 31_536_000_000;
    assert_eq!(store.save("prod", &at(next_year)), Ok(true));
    assert_eq!(store.save("prod", &at(2_000)), Ok(true));
    assert_eq!(saved(&store), Some(Millis(2_000)));
    store.forget("prod").expect("forgotten");
    assert_eq!(saved(&store), None);
}

#[test]
fn a_state_that_was_saved_leaves_nothing_in_the_log_that_a_start_would_read_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let (mut store, _) = Store::open(&path).expect("a store");
    store.save("prod", &state(&SMALL)).expect("a save");
    let log = std::fs::metadata(dir.path().join("state.db-wal")).expect("a log");
    assert_eq!(log.len(), 0);
    // Another process that reads meanwhile hinders nobody: its log is emptied the next time.
    let (mut other, _) = Store::open(&path).expect("a second store");
    other.db.busy_timeout(Duration::ZERO).expect("no patience");
    let mut reads = store
        .db
        .prepare("SELECT part FROM last_known")
        .expect("a read");
    let mut rows = reads.query([]).expect("rows");
    assert!(rows.next().expect("a row").is_some());
    let later = LastKnown {
        saved_at: Millis(1_700_000_600_000),
        ..state(&SMALL)
    };
    assert_eq!(other.save("prod", &later), Ok(true));
}

#[test]
fn a_torn_or_other_shape_is_as_if_nothing_was_saved() {
    let mut store = Store::in_memory().expect("a store");
    store.save("prod", &state(&SMALL)).expect("a save");
    let spoil = "UPDATE last_known SET body = substr(body, 1, length(body) / 2) WHERE part = ?";
    store.db.execute(spoil, ["endpoints"]).expect("a torn part");
    let head = store
        .load_head("prod")
        .expect("a read")
        .expect("the other parts");
    assert_eq!((head.models.len(), head.endpoints.len()), (3, 0));
    store.db.execute(spoil, ["models"]).expect("a torn part");
    assert_eq!(store.load_head("prod"), Ok(None));
    store
        .db
        .execute("UPDATE last_known SET shape = shape + 1", [])
        .expect("another shape");
    assert_eq!(store.load_rest("prod"), Ok(None));
}

#[test]
fn a_part_in_pieces_is_read_whole_or_not_at_all() {
    let mut store = Store::in_memory().expect("a store");
    let mut large = state(&Size {
        models: 300,
        versions: 20,
        ..SMALL
    });
    let loaded = |store: &Store| {
        let rest = store.load_rest("prod").expect("a read");
        rest.map(|rest| rest.versions.len())
    };
    store.save("prod", &large).expect("a save");
    assert_eq!(loaded(&store), Some(300 * 18));
    let spoil = "UPDATE last_known SET body = substr(body, 1, 9) WHERE part = 'versions-2'";
    assert_eq!(store.db.execute(spoil, []), Ok(1));
    assert_eq!(loaded(&store), None);
    // A smaller state leaves no piece of a larger one behind.
    store.save("prod", &large).expect("a save");
    large.versions.truncate(1);
    let few = large.all_versions().count();
    store.save("prod", &large).expect("a save");
    assert!(few < 300 * 18);
    let (head, rest) = (store.load_head("prod"), store.load_rest("prod"));
    let head = head.expect("a read").expect("a head").versions.len();
    let rest = rest.expect("a read").expect("a rest").versions.len();
    assert_eq!(head + rest, few);
}

#[test]
fn what_is_loaded_shares_its_registry_and_strings() {
    let mut store = Store::in_memory().expect("a store");
    store.save("prod", &state(&SMALL)).expect("a save");
    let head = store.load_head("prod").expect("a read").expect("a head");
    let registry = |at: usize| &head.models[at].fact.key.registry;
    assert!(Arc::ptr_eq(registry(0), registry(2)));
    let owner = |at: usize| &head.models[at].fact.tags[0].0;
    assert!(owner(0).is_same(owner(1)));
}

#[test]
fn the_large_state_loads_its_head_within_the_first_frame() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let large = state(&Size {
        models: 2_000,
        versions: 20,
        runs: 5_000,
        endpoints: 500,
        features: 25,
    });
    let mut store = opened(&path);
    let begun = Instant::now();
    store.save("prod", &large).expect("a save");
    println!(
        "save of 2,000 models × 20 versions, 5,000 runs: {:?}",
        begun.elapsed()
    );
    let sql = "SELECT part, length(body) / 1024 FROM last_known";
    let mut statement = store.db.prepare(sql).expect("a statement");
    let mut rows = statement.query([]).expect("the parts");
    while let Some(row) = rows.next().expect("a row") {
        let part: (String, i64) = (row.get(0).expect("a name"), row.get(1).expect("a size"));
        println!("  {} {} KiB", part.0, part.1);
    }
    drop(rows);
    drop(statement);
    drop(store);
    let begun = Instant::now();
    let store = opened(&path);
    let at_open = begun.elapsed();
    let head = store.load_head("prod").expect("a read").expect("a head");
    println!("open: {at_open:?}, open and head: {:?}", begun.elapsed());
    assert_eq!((head.models.len(), head.versions.len()), (2_000, 4_000));
    let begun = Instant::now();
    let rest = store.load_rest("prod").expect("a read").expect("a rest");
    println!("rest: {:?}", begun.elapsed());
    assert_eq!((rest.versions.len(), rest.runs.len()), (36_000, 5_000));
    let readings = (head.signals.len(), rest.signals.len());
    assert_eq!(readings, (2_000, 50_000));
}
