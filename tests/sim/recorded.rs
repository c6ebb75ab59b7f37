//! The simulated fleet against recorded answers of real servers: a simulator that a real server
//! contradicts is wrong.

use std::collections::{BTreeMap, BTreeSet};

use quarterdeck::sim::{Access, Account, BasicAuth, MlflowOptions, Options};
use serde_json::{Value, json};

use super::{Stage, calm};

/// A recorded question and its answer.
struct Recorded {
    name: String,
    document: Value,
}

fn recorded(folder: &str) -> Vec<Recorded> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let mut all: Vec<Recorded> = std::fs::read_dir(format!("{root}/{folder}"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            Recorded {
                name: path.file_stem().unwrap().to_string_lossy().into_owned(),
                document: super::parsed(&std::fs::read_to_string(&path).unwrap()),
            }
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!all.is_empty(), "no recordings in {folder}");
    all
}

impl Recorded {
    fn status(&self) -> u64 {
        self.document["status"].as_u64().unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.document["headers"][name].as_str().unwrap_or_default()
    }

    /// The call, without ids: what the answer's shape depends on.
    fn route(&self) -> String {
        let path = self.document["request"]["path"].as_str().unwrap();
        let parts = path
            .split('/')
            .map(|part| if part.starts_with("m-") { "ID" } else { part });
        parts.collect::<Vec<_>>().join("/")
    }
}

struct Answer {
    status: u64,
    kind: String,
    allow: String,
    text: String,
}

/// Asks a server of the fleet a recorded question, words changed as given.
async fn ask(stage: &Stage, server: &str, question: &Recorded, swap: &[(&str, &str)]) -> Answer {
    let mut text = question.document["request"].to_string();
    for (from, to) in swap {
        text = text.replace(from, to);
    }
    let request = super::parsed(&text);
    let mut query = Vec::new();
    for (key, value) in request["query"].as_object().into_iter().flatten() {
        let word = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        match value {
            Value::Array(rows) => query.extend(rows.iter().map(|row| (key.clone(), word(row)))),
            one => query.push((key.clone(), word(one))),
        }
    }
    let method = request["method"].as_str().unwrap().parse().unwrap();
    let url = stage.at(server, request["path"].as_str().unwrap());
    let mut call = stage.client.request(method, url).query(&query);
    let mut typed = false;
    for (key, value) in request["headers"].as_object().into_iter().flatten() {
        typed |= key.eq_ignore_ascii_case("content-type");
        call = call.header(key, value.as_str().unwrap());
    }
    let body = match (&request["body"], &request["body_text"]) {
        (Value::Null, Value::String(text)) => Some(text.clone()),
        (Value::Null, _) => None,
        (body, _) => Some(body.to_string()),
    };
    if let Some(body) = body {
        if !typed {
            call = call.header("content-type", "application/json");
        }
        call = call.body(body);
    }
    let answer = call.send().await.unwrap();
    let header = |name: &str| {
        let value = answer.headers().get(name);
        value
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    };
    Answer {
        status: answer.status().as_u16().into(),
        kind: header("content-type"),
        allow: header("allow"),
        text: answer.text().await.unwrap(),
    }
}

/// A set in a sentence is written in any order.
fn sorted_sets(message: &str) -> String {
    let Some((before, rest)) = message.split_once("'{") else {
        return message.to_owned();
    };
    let (inside, after) = rest.split_once('}').unwrap_or((rest, ""));
    let mut keys: Vec<&str> = inside.split(", ").collect();
    keys.sort_unstable();
    format!("{before}{}{after}", keys.join(", "))
}

/// Each place in a JSON value, with the kinds of value that stand there.
fn shape(value: &Value, place: &str, found: &mut Shape) {
    let kind = match value {
        Value::Object(_) => "object",
        Value::Array(_) => "list",
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Bool(_) => "flag",
        Value::Null => "null",
    };
    found.entry(place.to_owned()).or_default().insert(kind);
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                shape(value, &format!("{place}.{key}"), found);
            }
        }
        Value::Array(rows) => rows
            .iter()
            .for_each(|row| shape(row, &format!("{place}[]"), found)),
        _ => {}
    }
}

#[tokio::test]
async fn refusals_are_the_recorded_ones() {
    // These hang on what the recorded server held, not on how it answers.
    let held = [
        "get-artifact-absent",
        "model-versions-get-deleted",
        "registered-models-create-existing",
        "version-mlmodel-absent",
        "version-mlmodel-unreachable-store",
    ];
    let stage = Stage::set(calm()).await;
    let mut compared = 0;
    for real in recorded("mlflow3") {
        let elsewhere = real.name.starts_with("auth-") || real.name.starts_with("prefix-");
        if real.status() < 400 || elsewhere || held.contains(&real.name.as_str()) {
            continue;
        }
        let sim = ask(&stage, "mlflow", &real, &[]).await;
        compared += 1;
        let name = &real.name;
        assert_eq!(sim.status, real.status(), "{name}: {}", sim.text);
        assert_eq!(sim.kind, real.header("content-type"), "{name}");
        if let Some(text) = real.document["body_text"].as_str() {
            assert_eq!(sim.text.trim(), text.trim(), "{name}");
            continue;
        }
        let (sim, real) = (super::parsed(&sim.text), &real.document["body"]);
        for field in ["error_code", "sqlstate", "error_class"] {
            assert_eq!(sim[field], real[field], "{name}: {field}");
        }
        let words = |value: &Value| sorted_sets(value["message"].as_str().unwrap());
        assert_eq!(words(&sim), words(real), "{name}");
    }
    assert!(compared > 25, "only {compared} compared");
}

#[tokio::test]
async fn answers_have_the_recorded_shape() {
    let mut routes: BTreeMap<String, Vec<Recorded>> = BTreeMap::new();
    for real in recorded("mlflow3") {
        let filled = real.document["body"]
            .as_object()
            .is_some_and(|body| !body.is_empty());
        if real.status() == 200 && filled && !real.name.starts_with("auth-") {
            routes.entry(real.route()).or_default().push(real);
        }
    }
    let stage = Stage::set(Options::default()).await;
    let (_, runs) = stage
        .runs(json!({"experiment_ids": ["1", "3"], "max_results": 100}))
        .await;
    let runs = runs["runs"].as_array().unwrap();
    let made = runs.iter().find(|run| run["outputs"] != json!({})).unwrap();
    let run = made["info"]["run_id"].as_str().unwrap();
    let model = made["outputs"]["model_outputs"][0]["model_id"]
        .as_str()
        .unwrap();

    let api = "/api/2.0/mlflow";
    let gets = [
        "/api/3.0/mlflow/server-info".to_owned(),
        format!("{api}/experiments/get?experiment_id=1"),
        format!("{api}/experiments/get-by-name?experiment_name=fraud-train"),
        format!("{api}/runs/get?run_id={run}"),
        format!("{api}/artifacts/list?run_id={run}"),
        format!("{api}/metrics/get-history?run_id={run}&metric_key=train_loss&max_results=3"),
        format!("{api}/metrics/get-history-bulk-interval?run_ids={run}&metric_key=train_loss"),
        format!("{api}/registered-models/search?max_results=5"),
        format!("{api}/registered-models/get?name=fraud-detector"),
        format!("{api}/registered-models/alias?name=fraud-detector&alias=champion"),
        format!("{api}/registered-models/get-latest-versions?name=credit-score"),
        format!("{api}/model-versions/search?max_results=5"),
        format!("{api}/model-versions/get?name=fraud-detector&version=13"),
        format!("{api}/model-versions/get-download-uri?name=fraud-detector&version=13"),
        format!("{api}/logged-models/{model}"),
        format!("{api}/logged-models/{model}/artifacts/directories"),
    ];
    let mut answers: Vec<(String, Value)> = Vec::new();
    for path in gets {
        let route = path.split('?').next().unwrap().replace(model, "ID");
        answers.push((route, stage.value("mlflow", &path).await.1));
    }
    for (call, body) in [
        ("experiments/search", json!({"max_results": 3})),
        (
            "runs/search",
            json!({"experiment_ids": ["1", "3"], "max_results": 60}),
        ),
        (
            "logged-models/search",
            json!({"experiment_ids": ["1"], "max_results": 60}),
        ),
    ] {
        let path = format!("{api}/{call}");
        answers.push((path.clone(), stage.post("mlflow", &path, body).await.1));
    }
    // A row is the same thing alone and in a page: what any call shows of it is known of it.
    let mut known = BTreeMap::new();
    for real in routes.values().flatten() {
        shape(&real.document["body"], "", &mut known);
    }
    let known = by_thing(known);
    for (route, sim) in answers {
        let mut have = BTreeMap::new();
        shape(&sim, "", &mut have);
        let have = by_thing(have);
        for (place, kinds) in &have {
            let allowed = known.get(place);
            let allowed = allowed.unwrap_or_else(|| panic!("{route}: {place} is never sent"));
            assert!(
                kinds.is_subset(allowed),
                "{route}: {place} is {kinds:?}, not {allowed:?}"
            );
        }
        let real = routes.get(&route);
        let real = real.unwrap_or_else(|| panic!("{route} is not recorded"));
        let always = real.iter().map(|one| {
            let mut found = BTreeMap::new();
            shape(&one.document["body"], "", &mut found);
            let places = by_thing(found).into_keys();
            places.collect::<BTreeSet<String>>()
        });
        let always = always.reduce(|a, b| a.intersection(&b).cloned().collect());
        for place in always.unwrap_or_default() {
            // A page has a token when there is more: that hangs on the amount.
            let told = have.contains_key(&place) || place == ".next_page_token";
            assert!(told, "{route}: {place} is always sent");
        }
    }
}

type Shape = BTreeMap<String, BTreeSet<&'static str>>;

/// The same place in a list of things and in one thing, under one name.
fn by_thing(shape: Shape) -> Shape {
    let mut merged = Shape::new();
    for (mut place, kinds) in shape {
        for thing in [
            "run",
            "registered_model",
            "model_version",
            "experiment",
            "model",
        ] {
            place = place.replace(&format!(".{thing}s[]"), &format!(".{thing}"));
        }
        merged.entry(place).or_default().extend(kinds);
    }
    merged
}

#[tokio::test]
async fn refusals_under_basic_auth_are_the_recorded_ones() {
    for (denied, names) in [
        (
            false,
            &[
                "auth-no-credentials",
                "auth-version-no-credentials",
                "auth-health-open",
            ][..],
        ),
        (true, &["auth-nobody-get-denied"][..]),
    ] {
        let account = Account::reader("ana", "long enough");
        let auth = BasicAuth::of(if denied {
            account.usually(Access::Deny)
        } else {
            account
        });
        let mlflow = MlflowOptions {
            auth: Some(auth),
            static_prefix: None,
        };
        let stage = Stage::set(Options { mlflow, ..calm() }).await;
        for mut real in recorded("mlflow3") {
            if !names.contains(&real.name.as_str()) {
                continue;
            }
            if denied {
                // ana:long enough
                real.document["request"]["headers"] =
                    json!({"authorization": "Basic YW5hOmxvbmcgZW5vdWdo"});
            }
            let sim = ask(&stage, "mlflow", &real, &[]).await;
            assert_eq!(sim.status, real.status(), "{}", real.name);
            assert_eq!(sim.kind, real.header("content-type"), "{}", real.name);
            let text = real.document["body_text"].as_str().unwrap();
            assert_eq!(sim.text.trim(), text.trim(), "{}", real.name);
        }
    }
}

#[tokio::test]
async fn serving_programs_answer_as_recorded() {
    let stage = Stage::set(calm()).await;
    let v2 = &[
        ("fraud-detector", "ranker-eu"),
        ("versions/2", "versions/5"),
        ("versions/3", "versions/6"),
    ][..];
    let tf = &[
        ("fraud-detector", "eta-city"),
        ("versions/2", "versions/19"),
    ][..];
    let mut compared = 0;
    for (folder, server, swap) in [
        ("mlserver", "ranker-eu-prod", v2),
        ("bentoml", "churn-prod", &[][..]),
        ("mlflow-serve", "triage-prod", &[][..]),
        ("tfserving", "eta-prod", tf),
    ] {
        for real in recorded(folder) {
            let route = real.route();
            // Predictions and numbers to draw are not what the fleet is for.
            let other = ["/infer", "/invocations", "/predict", "/metrics"];
            let posts = real.document["request"]["method"] != "GET" && !route.ends_with("/index");
            if posts || other.iter().any(|end| route.ends_with(end)) {
                continue;
            }
            let sim = ask(&stage, server, &real, swap).await;
            compared += 1;
            let name = format!("{folder}/{}", real.name);
            assert_eq!(sim.status, real.status(), "{name}: {}", sim.text);
            assert_eq!(sim.kind, real.header("content-type"), "{name}");
            if !real.header("allow").is_empty() {
                assert_eq!(sim.allow, real.header("allow"), "{name}");
            }
            match real.document["body_text"].as_str() {
                Some(text) => assert_eq!(sim.text, text, "{name}"),
                None if real.document["body"].is_object() || real.document["body"].is_array() => {
                    let (mut have, mut known) = (BTreeMap::new(), BTreeMap::new());
                    shape(&super::parsed(&sim.text), "", &mut have);
                    shape(&real.document["body"], "", &mut known);
                    for (place, kinds) in &known {
                        let inner = place.contains("signature_def") || place.contains(".input.");
                        assert!(inner || have.get(place) == Some(kinds), "{name}: {place}");
                    }
                }
                None => {}
            }
        }
    }
    assert!(compared > 30, "only {compared} compared");
}
