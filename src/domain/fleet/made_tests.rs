use std::sync::Arc;

use super::*;
use crate::domain::key::{ExperimentKey, Key, RegistryKey};
use crate::domain::model::{RegisteredModel, VersionStatus};
use crate::domain::observation::ContextRef;
use crate::domain::pipeline::{Ending, Pipeline, PipelineKey, PipelineState};
use crate::domain::run::RunStatus;
use crate::domain::settings::{Context, SourceKind, SourceSettings};

const MINUTE: i64 = 60_000;

fn registry() -> Arc<RegistryKey> {
    Arc::new(RegistryKey {
        base: Key::new("http://ml.test"),
        workspace: Key::new(""),
    })
}

fn model() -> ModelKey {
    ModelKey {
        registry: registry(),
        name: Key::new("churn"),
        created: Millis(1),
    }
}

fn tracked(id: &str) -> RunKey {
    RunKey {
        tracker: registry(),
        id: Key::new(id),
    }
}

fn tags(tags: &[(&str, &str)]) -> Arc<[(Clean, Clean)]> {
    tags.iter()
        .map(|(k, v)| (Clean::name(k), Clean::text(v)))
        .collect()
}

fn version(number: u32, minute: i64, run: &str, own: &[(&str, &str)]) -> ModelVersion {
    ModelVersion {
        key: VersionKey {
            model: model(),
            version: Key::new(&number.to_string()),
        },
        version: Clean::name(&number.to_string()),
        created: Millis(minute * MINUTE),
        updated: Millis(minute * MINUTE),
        stage: None,
        description: Clean::empty(),
        source: Clean::empty(),
        run: Some(tracked(run)),
        logged_model: None,
        status: VersionStatus::Ready,
        status_message: Clean::empty(),
        tags: tags(own),
    }
}

fn trained(id: &str, minute: i64, own: &[(&str, &str)]) -> Run {
    Run {
        key: tracked(id),
        experiment: ExperimentKey {
            tracker: registry(),
            id: Key::new("1"),
        },
        name: Clean::name(id),
        user: Clean::empty(),
        status: RunStatus::Running,
        started: Millis(minute * MINUTE),
        ended: None,
        deleted: false,
        artifacts: Clean::empty(),
        metrics: Arc::default(),
        params: Arc::default(),
        tags: tags(own),
        datasets: Arc::default(),
        outputs: Arc::default(),
    }
}

/// A run that lasted from the 10th to the 20th minute.
fn pipeline_run(state: PipelineState) -> PipelineRun {
    PipelineRun {
        key: PipelineRunKey {
            pipeline: PipelineKey {
                base: Key::new("http://af.test"),
                id: Key::new("retrain_churn"),
            },
            id: Key::new("qd__1"),
        },
        raw_state: Clean::name(state.word()),
        kind: Clean::name("manual"),
        queued: Some(Millis(10 * MINUTE)),
        due: None,
        started: Some(Millis(10 * MINUTE)),
        ended: (!state.is_live()).then_some(Millis(20 * MINUTE)),
        by: None,
        note: Clean::empty(),
        params: Arc::default(),
        failed_at: None,
        state,
    }
}

const WELL: PipelineState = PipelineState::Ended(Ending::Success);

fn fleet(versions: Vec<ModelVersion>, runs: &[Run], state: PipelineState) -> Fleet {
    let context = Context {
        sources: vec![
            SourceSettings::new("ml", SourceKind::Mlflow, "http://ml.test"),
            SourceSettings::new("af", SourceKind::Airflow, "http://af.test"),
        ],
        ..Context::default()
    };
    let reference = ContextRef {
        name: Clean::name("test"),
        generation: 0,
    };
    let mut fleet = Fleet::new(Arc::new(reference), Arc::new(context));
    let (ml, af, at) = (
        SourceId::new("ml"),
        SourceId::new("af"),
        Millis(30 * MINUTE),
    );
    let registered = RegisteredModel {
        key: model(),
        name: Clean::name("churn"),
        updated: Millis(1),
        description: Clean::empty(),
        tags: Arc::default(),
        aliases: Arc::default(),
    };
    fleet.put_model(&ml, at, registered);
    let definition = Pipeline {
        key: pipeline_run(WELL).key.pipeline,
        name: Clean::name("retrain_churn"),
        description: Clean::empty(),
        paused: false,
        broken: false,
        schedule: Clean::empty(),
        tags: Arc::default(),
        owners: Arc::default(),
        max_active: None,
        next_run: None,
    };
    fleet.put_pipeline(&af, at, definition);
    fleet.put_versions(&ml, versions, at, at);
    fleet.put_runs(runs, at, at);
    fleet.put_pipeline_runs(&af, &[pipeline_run(state)], at, at);
    fleet
}

fn made(fleet: &Fleet, results: &[Produced], behind: &[Run]) -> Vec<(String, ProducedBy)> {
    let run = fleet.pipeline_runs().next().expect("a run").fact.clone();
    let made = fleet.made_by_pipeline_run(&run, results, behind);
    made.into_iter()
        .map(|m| (m.text.to_string(), m.by))
        .collect()
}

fn of(text: &str, by: ProducedBy) -> Vec<(String, ProducedBy)> {
    vec![(text.to_owned(), by)]
}

#[test]
fn a_result_says_it_best_then_a_tag_and_time_is_a_guess() {
    let result = |model: Option<&str>, version: &str| Produced {
        model: model.map(Key::new),
        version: Some(Key::new(version)),
        run: None,
        task: Clean::name("register"),
    };
    let all = || vec![version(8, 19, "b", &[]), version(7, 1, "a", &[])];
    let plain = fleet(all(), &[], WELL);
    assert_eq!(made(&plain, &[], &[]), of("v8", ProducedBy::Guess));
    for told in [result(Some("churn"), "7"), result(None, "7")] {
        assert_eq!(made(&plain, &[told], &[]), of("v7", ProducedBy::Result));
    }
    let other = result(Some("fraud"), "7");
    assert_eq!(made(&plain, &[other], &[]), of("v8", ProducedBy::Guess));
    let by_run = Produced {
        version: None,
        run: Some(Key::new("a")),
        ..result(None, "")
    };
    assert_eq!(made(&plain, &[by_run], &[]), of("v7", ProducedBy::Result));
    for tag in [
        (TAG, "retrain_churn/qd__1"),
        (TAG, "http://af.test/dags/retrain_churn/runs/qd__1"),
        (TAG, "qd__1"),
        ("dag_run_id", "qd__1"),
    ] {
        let own = vec![version(9, 19, "c", &[]), version(8, 40, "b", &[tag])];
        assert_eq!(
            made(&fleet(own, &[], WELL), &[], &[]),
            of("v8", ProducedBy::Tag),
            "{tag:?}: the tag counts, whenever it was registered"
        );
        let run = trained("b", 12, &[tag]);
        let held = fleet(all(), std::slice::from_ref(&run), WELL);
        assert_eq!(made(&held, &[], &[]), of("v8", ProducedBy::Tag), "{tag:?}");
        assert_eq!(made(&plain, &[], &[run]), of("v8", ProducedBy::Tag));
    }
}

#[test]
fn what_names_another_run_or_came_at_another_time_is_not_guessed() {
    let another = [(TAG, "retrain_churn/qd__2")];
    for (one, why) in [
        (version(8, 19, "b", &another), "another run made it"),
        (version(8, 22, "b", &[]), "it came later"),
        (version(8, 8, "b", &[]), "it was there before"),
    ] {
        assert_eq!(made(&fleet(vec![one], &[], WELL), &[], &[]), [], "{why}");
    }
    let all = vec![version(8, 19, "b", &[])];
    let run = trained("b", 12, &another);
    assert_eq!(made(&fleet(all, &[run], WELL), &[], &[]), []);
}

#[test]
fn what_must_be_read_is_named_and_no_more() {
    let all = vec![
        version(9, 19, "c", &[(TAG, "qd__1")]),
        version(8, 18, "b", &[]),
        version(7, 1, "a", &[]),
    ];
    let fleet = fleet(all, &[], WELL);
    let run = fleet.pipeline_runs().next().expect("a run").fact.clone();
    let wanted = fleet.unread_of_pipeline_run(&run);
    let queries: Vec<Query> = wanted.into_iter().map(|(_, query)| query).collect();
    assert_eq!(
        queries,
        [Query::Produced(run.key.clone()), Query::Run(tracked("b"))]
    );
}

#[test]
fn the_training_is_found_while_it_goes_on() {
    let tag = [(TAG, "retrain_churn/qd__1")];
    let runs = [
        trained("a", 1, &[]),
        trained("now", 11, &tag),
        trained("else", 12, &[]),
    ];
    let fleet = fleet(vec![version(7, 1, "a", &[])], &runs, PipelineState::Running);
    let run = fleet.pipeline_runs().next().expect("a run").fact.clone();
    assert_eq!(fleet.trained_in(&run), Some(tracked("now")));
    let newest = fleet.newest_training(&model()).expect("a run");
    assert_eq!(newest.key, run.key);
}
