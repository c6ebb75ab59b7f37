//! Recorded answers, damaged at random, through each adapter into the joined state: an answer is read,
//! or its fault says where it cannot be; nothing panics and nothing unprintable comes out.

use std::collections::HashMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::Response;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use quarterdeck::commands::documents;
use quarterdeck::domain::fault::{Fault, FaultKind};
use quarterdeck::domain::fleet::Fleet;
use quarterdeck::domain::key::{DeploymentKind, ExperimentKey, Key, RunKey, SourceId};
use quarterdeck::domain::observation::{ContextRef, Observation};
use quarterdeck::domain::pipeline::{LogKey, PipelineKey, PipelineRunKey};
use quarterdeck::domain::query::{Detail, Query, Span};
use quarterdeck::domain::settings::{
    Context, DeploymentSettings, Follows, Rollout, SourceKind, SourceSettings,
};
use quarterdeck::domain::signal::Measure;
use quarterdeck::domain::text::Clean;
use quarterdeck::domain::time::Millis;
use quarterdeck::sources::any::AnySource;
use quarterdeck::sources::{Focus, Source as _, registry};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::shown::{assert_harmless, assert_harmless_debug, assert_harmless_json};

/// Cases for each adapter, the same in every run. `QUARTERDECK_CASES` asks for as many of others.
const CASES: u32 = 250;

/// What a server answers to a path; anything else is not found.
type Script = Arc<Mutex<HashMap<String, Vec<u8>>>>;

async fn serve(script: Script) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port on loopback");
    let address = listener.local_addr().expect("an address");
    let answer = move |request: Request| {
        let script = Arc::clone(&script);
        async move {
            let path = request.uri().path().to_owned();
            // The body is read, or the connection could not be used again.
            let _ = to_bytes(request.into_body(), 1 << 20).await;
            let body = script
                .lock()
                .expect("no test panics here")
                .get(&path)
                .cloned();
            let status = if body.is_some() { 200 } else { 404 };
            Response::builder()
                .status(status)
                .header("content-type", "application/json")
                .body(Body::from(body.unwrap_or_default()))
                .expect("a response")
        }
    };
    let app = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

/// A recorded answer: its path and its body.
fn recorded(name: &str) -> (String, Value) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let text = std::fs::read_to_string(root.join(format!("{name}.json"))).expect(name);
    let file: Value = serde_json::from_str(&text).expect(name);
    let path = file["request"]["path"].as_str().expect(name).to_owned();
    let mut body = match &file["body_text"] {
        Value::Null => file["body"].clone(),
        text => text.clone(),
    };
    // Of a recorded first page no second is here.
    if let Value::Object(fields) = &mut body {
        fields.remove("next_page_token");
    }
    (path, body)
}

/// What is done to one value of an answer.
#[derive(Clone, Debug)]
enum Damage {
    Put(Value),
    Delete,
    Twice,
    /// The whole answer ends here.
    Cut,
}

fn damage() -> impl Strategy<Value = (usize, Damage)> {
    let values = vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1e308),
        json!(0.5),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(""),
        json!("NaN"),
        json!("\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\r\n"),
        json!("x".repeat(50_000)),
        json!("http://ana:pw@ml.test/"),
        json!("models:/\u{0}/../%2e@"),
        json!([]),
        json!({}),
        json!([null]),
        json!([[[]]]),
        json!({"a": {"b": []}}),
        json!("🦀".repeat(300)),
    ];
    let kind = prop_oneof![
        12 => prop::sample::select(values).prop_map(Damage::Put),
        3 => Just(Damage::Delete),
        2 => Just(Damage::Twice),
        1 => Just(Damage::Cut),
    ];
    (0_usize..2_000, kind)
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// Damages the `nth` value, counted in depth; says whether it was below `value`.
fn hit(value: &mut Value, nth: &mut usize, damage: &Damage) -> bool {
    if *nth == 0 {
        match damage {
            Damage::Put(other) => *value = other.clone(),
            Damage::Twice => *value = json!([value.clone(), value.clone()]),
            Damage::Delete | Damage::Cut => *value = Value::Null,
        }
        return true;
    }
    *nth -= 1;
    match value {
        Value::Array(items) => {
            let at = items.iter_mut().position(|item| hit(item, nth, damage));
            if let Some(at) = at {
                match damage {
                    Damage::Delete => {
                        items.remove(at);
                    }
                    Damage::Twice => {
                        let item = items[at][0].clone();
                        items[at] = item.clone();
                        items.push(item);
                    }
                    _ => {}
                }
            }
            at.is_some()
        }
        Value::Object(fields) => {
            let found = fields
                .iter_mut()
                .find_map(|(key, field)| hit(field, nth, damage).then(|| key.clone()));
            if let (Some(key), Damage::Delete) = (&found, damage) {
                fields.remove(key);
            }
            found.is_some()
        }
        _ => false,
    }
}

/// The body as it is sent, damaged.
fn damaged(body: &Value, hits: &[(usize, Damage)]) -> Vec<u8> {
    let mut body = body.clone();
    let mut cut = None;
    for (nth, damage) in hits {
        let mut nth = nth % count(&body);
        if matches!(damage, Damage::Cut) {
            cut = Some(nth);
        } else {
            hit(&mut body, &mut nth, damage);
        }
    }
    let mut bytes = sent(&body);
    if let Some(at) = cut {
        bytes.truncate(bytes.len() * (at % 97) / 97);
    }
    bytes
}

/// Texts are sent as they are, anything else as JSON.
fn sent(body: &Value) -> Vec<u8> {
    match body {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

type Asking<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Asks a source everything, twice, and looks at what comes of it.
struct AskAll {
    settings: Context,
    queries: Vec<Query>,
}

/// A source with its questions, kept over all cases: what it remembers is part of the test.
struct Asked(Box<dyn for<'a> Fn(&'a str) -> Asking<'a>>);

impl AskAll {
    fn of(self, source: AnySource) -> Asked {
        let source = Arc::new(source);
        let context = Arc::new(self.settings);
        let queries = Arc::new(self.queries);
        Asked(Box::new(move |what| {
            let (source, context) = (Arc::clone(&source), Arc::clone(&context));
            let queries = Arc::clone(&queries);
            Box::pin(async move {
                let reference = Arc::new(ContextRef {
                    name: Clean::name("test"),
                    generation: 0,
                });
                let mut fleet = Fleet::new(Arc::clone(&reference), context);
                let mut at = 1_795_000_000_000;
                for spec in source.feeds() {
                    at += 1_000;
                    match source.poll(spec.feed, &Focus::default()).await {
                        Ok(answer) => {
                            assert_harmless_debug(what, &answer);
                            let observation = Observation {
                                context: Arc::clone(&reference),
                                source: SourceId::new("damaged"),
                                feed: spec.feed,
                                asked_at: Millis(at),
                                server_time: answer.server_time,
                                coverage: answer.coverage,
                                upserts: answer.rows,
                                gone: Vec::new(),
                            };
                            fleet.merge(observation, Millis(at));
                        }
                        Err(fault) => assert_says_where(what, &fault),
                    }
                }
                for query in queries.iter() {
                    match source.fetch(query.clone()).await {
                        Ok(Detail::Run(run)) => {
                            fleet.put_runs(std::slice::from_ref(&*run), Millis(at), Millis(at));
                        }
                        Ok(Detail::PipelineRun(run)) => {
                            let source = SourceId::new("damaged");
                            fleet.put_pipeline_runs(&source, &[*run], Millis(at), Millis(at));
                        }
                        Ok(Detail::PipelineRuns(runs)) => {
                            let source = SourceId::new("damaged");
                            fleet.put_pipeline_runs(&source, &runs, Millis(at), Millis(at));
                        }
                        Ok(Detail::Runs { runs, .. }) => {
                            fleet.put_runs(&runs, Millis(at), Millis(at));
                        }
                        Ok(detail) => assert_harmless_debug(what, &detail),
                        Err(fault) => assert_says_where(what, &fault),
                    }
                }
                fleet.tick(Millis(at + 3_600_000));
                let now = Millis(at);
                assert_harmless_json(what, &documents::status(&fleet, now));
                assert_harmless_json(what, &documents::deployments(&fleet, now));
                assert_harmless_json(what, &documents::wiring(&fleet, now));
                for held in fleet.pipeline_runs() {
                    let _ = fleet.made_by_pipeline_run(&held.fact, &[], &[]);
                    let shown = (held.fact.lasted(now), fleet.run_standing(&held.fact, now));
                    assert_harmless_debug(what, &shown);
                }
                for model in fleet.models() {
                    assert_harmless_json(what, &documents::model_page(&fleet, model, now));
                }
            })
        }))
    }
}

/// A fault of an answer with a good status names the place, and the path if it has one.
fn assert_says_where(what: &str, fault: &Fault) {
    assert_harmless(what, &fault.line());
    let allowed = match &fault.kind {
        // What was not recorded is not there.
        FaultKind::Decode { .. }
        | FaultKind::Auth
        | FaultKind::NotFound
        | FaultKind::NoRoute
        | FaultKind::Unsupported => true,
        _ => false,
    };
    assert!(allowed, "{what}: {fault:?}");
    assert!(!fault.place.is_empty(), "{what}: where? {fault:?}");
}

fn settings(kind: SourceKind, url: &str) -> (SourceSettings, Context) {
    let source = SourceSettings::new("damaged", kind, url);
    let mut context = Context {
        sources: vec![source.clone()],
        ..Context::default()
    };
    if let SourceKind::Serving(kind) = kind {
        context.deployments.push(DeploymentSettings {
            name: "damaged".to_owned(),
            kind,
            url: url.to_owned(),
            model: Some("fraud-detector".to_owned()),
            served_name: None,
            follows: Follows::Default,
            environment: None,
            version_map: None,
            declared_version: None,
            hold: None,
            rollout: Rollout::None,
            hook: None,
        });
    }
    (source, context)
}

/// Damages one of the recorded answers at a time, in up to three places.
fn endure(kind: SourceKind, names: &[&str], queries: impl Fn(&str) -> Vec<Query>) {
    let runtime = Runtime::new().expect("a runtime");
    let script = Script::default();
    let url = runtime.block_on(serve(Arc::clone(&script)));
    let (source, context) = settings(kind, &url);
    let ask = AskAll {
        queries: queries(&url),
        settings: context.clone(),
    };
    let source = registry::make(&source, &context.deployments).expect("good settings");
    let asked = ask.of(source);
    let answers: Vec<(String, Value)> = names.iter().map(|name| recorded(name)).collect();
    let strategy = (0..answers.len(), prop::collection::vec(damage(), 1..4));
    // Without a file of its own for failures: each names its damage.
    let more = std::env::var("QUARTERDECK_CASES").ok();
    let more: Option<u32> = more.map(|cases| cases.parse().expect("QUARTERDECK_CASES: a number"));
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: 64,
        rng_seed: if more.is_some() {
            RngSeed::Random
        } else {
            RngSeed::Fixed(1)
        },
        ..Config::with_cases(more.unwrap_or(CASES))
    };
    let run = TestRunner::new(config).run(&strategy, |(which, hits)| {
        {
            let mut script = script.lock().expect("no test panics while it is held");
            for (path, body) in &answers {
                script.insert(path.clone(), sent(body));
            }
            let (path, body) = &answers[which];
            script.insert(path.clone(), damaged(body, &hits));
        }
        let short: String = format!("{hits:?}").chars().take(300).collect();
        let what = format!("{} {short}", names[which]);
        runtime.block_on((asked.0)(&what));
        Ok(())
    });
    if let Err(failure) = run {
        let told: String = failure.to_string().chars().take(4_000).collect();
        panic!("{told}");
    }
}

#[test]
fn mlflow_answers() {
    let names = [
        "mlflow3/registered-models-search-page-1",
        "mlflow3/model-versions-search-newest",
        "mlflow3/experiments-search-all",
        "mlflow3/runs-search-page-1",
        "mlflow3/runs-get-dataset",
        "mlflow3/get-history-page-1",
        "mlflow3/artifacts-list",
        "mlflow3/logged-models-get",
        "mlflow2/registered-models-search-page-1",
        "mlflow2/runs-search-page-1",
    ];
    endure(SourceKind::Mlflow, &names, |url| {
        let tracker = Arc::new(quarterdeck::domain::key::RegistryKey {
            base: Key::new(url),
            workspace: Key::new(""),
        });
        let run = RunKey {
            tracker: Arc::clone(&tracker),
            id: Key::new("d05a00ca288d4049a04ecc6424282823"),
        };
        vec![
            Query::Run(run.clone()),
            Query::Runs {
                experiment: ExperimentKey {
                    tracker,
                    id: Key::new("1"),
                },
                filter: Clean::empty(),
                limit: 50,
                page: None,
            },
            Query::History {
                runs: Arc::from([run.clone()]),
                metric: Key::new("val_auc"),
                points: 100,
                from_step: None,
            },
            Query::RunArtifacts {
                run,
                path: Key::new(""),
            },
        ]
    });
}

#[test]
fn v2_answers() {
    let names = [
        "mlserver/repository-index",
        "mlserver/server-metadata",
        "mlserver/model-metadata",
        "mlserver/model-ready",
        "mlserver/ready",
    ];
    endure(SourceKind::Serving(DeploymentKind::V2), &names, |_| {
        Vec::new()
    });
}

#[test]
fn tfserving_answers() {
    let names = [
        "tfserving/model-status-one",
        "tfserving/model-status-load-failed",
        "tfserving/model-status-two",
    ];
    endure(
        SourceKind::Serving(DeploymentKind::Tfserving),
        &names,
        |_| Vec::new(),
    );
}

#[test]
fn bentoml_answers() {
    let names = ["bentoml/metrics", "bentoml/docs", "bentoml/readyz"];
    endure(SourceKind::Serving(DeploymentKind::Bentoml), &names, |_| {
        Vec::new()
    });
}

#[test]
fn mlflow_serve_answers() {
    let names = ["mlflow-serve/version", "mlflow-serve/ping"];
    endure(
        SourceKind::Serving(DeploymentKind::MlflowServe),
        &names,
        |_| Vec::new(),
    );
}

#[test]
fn alertmanager_answers() {
    let names = [
        "alertmanager/alerts",
        "alertmanager/groups",
        "alertmanager/silences",
    ];
    endure(SourceKind::Alertmanager, &names, |_| Vec::new());
}

#[test]
fn evidently_answers() {
    let names = [
        "evidently/projects",
        "evidently/series-fraud",
        "evidently/series-churn",
        "evidently/report-psi",
        "evidently/data-psi",
    ];
    endure(SourceKind::Evidently, &names, |_| {
        let model = Key::new("fraud-detector");
        vec![
            Query::DriftReport {
                model: model.clone(),
                before: None,
            },
            Query::Series {
                model,
                measure: Measure::FeatureDrift,
                span: Span {
                    seconds: u32::MAX,
                    until: None,
                    columns: 80,
                },
            },
        ]
    });
}

fn airflow_answers(folder: &str) {
    let names = [
        "dags",
        "runs",
        "instances-failed",
        "health",
        "details",
        "tasks",
        "run",
        "runs-of-one",
        "instances",
        "log",
        "results",
        "result",
        "version",
    ];
    let names = names.map(|name| format!("{folder}/{name}"));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    endure(SourceKind::Airflow, &names, |url| {
        let run = |id: &str| PipelineRunKey {
            pipeline: PipelineKey {
                base: Key::new(url),
                id: Key::new("retrain_fraud"),
            },
            id: Key::new(id),
        };
        let bad = run("seed-bad-1");
        let log = LogKey {
            run: bad.clone(),
            task: Key::new("evaluate"),
            map_index: None,
            attempt: 1,
        };
        vec![
            Query::Pipeline(bad.pipeline.clone()),
            Query::PipelineRuns {
                pipeline: bad.pipeline.clone(),
                limit: 20,
            },
            Query::Tasks(bad.clone()),
            Query::TaskLog { log, from: None },
            Query::PipelineRun(bad),
            Query::Produced(run("seed-good")),
        ]
    });
}

#[test]
fn airflow3_answers() {
    airflow_answers("airflow3");
}

#[test]
fn airflow2_answers() {
    airflow_answers("airflow2");
}

#[test]
fn grafana_answers() {
    let names = ["grafana/annotations", "grafana/search", "grafana/rules"];
    endure(SourceKind::Grafana, &names, |_| {
        vec![Query::Links {
            model: Key::new("fraud-detector"),
        }]
    });
}
