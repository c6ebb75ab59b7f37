//! The map against answers recorded from real servers of three releases.

use std::path::{Path, PathBuf};

use super::super::{map, package, wire};
use super::{decoded, with_map};
use crate::domain::model::{ModelVersion, RegisteredModel, VersionStatus};
use crate::domain::run::{Run, RunStatus};
use crate::domain::text::Clean;

const RELEASES: [&str; 3] = ["mlflow3", "mlflow2", "mlflow29"];

fn folder(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(release)
}

/// Status, content type, path and body of a recording; `None` where a release has no such file.
fn recording(release: &str, name: &str) -> Option<(u16, String, String, String)> {
    let text = std::fs::read_to_string(folder(release).join(format!("{name}.json"))).ok()?;
    let file: serde_json::Value = serde_json::from_str(&text).expect(name);
    let body = match file.get("body_text").and_then(|b| b.as_str()) {
        Some(text) => text.to_owned(),
        None => file["body"].to_string(),
    };
    let status = u16::try_from(file["status"].as_u64().expect("status")).expect("status");
    let kind = file["headers"]["content-type"].as_str().unwrap_or_default();
    let path = file["request"]["path"].as_str().unwrap_or_default();
    Some((status, kind.to_owned(), path.to_owned(), body))
}

fn body(release: &str, name: &str) -> String {
    let found = recording(release, name).unwrap_or_else(|| panic!("{release}/{name}"));
    assert!(found.0 < 400, "{release}/{name}");
    found.3
}

fn model(release: &str, name: &str) -> RegisteredModel {
    let answer: wire::ModelAnswer = decoded(&body(release, name)).expect(name);
    with_map(|m| m.model(answer.registered_model)).expect(name)
}

fn run(release: &str, name: &str) -> Run {
    let answer: wire::RunAnswer = decoded(&body(release, name)).expect(name);
    with_map(|m| m.run(answer.run)).expect(name)
}

fn versions(release: &str, name: &str) -> Vec<ModelVersion> {
    let page: wire::VersionsPage = decoded(&body(release, name)).expect(name);
    with_map(|m| {
        let key = m.model_key("fraud-detector", 1);
        page.model_versions
            .into_iter()
            .filter_map(|row| m.version(&key, row))
            .collect()
    })
}

fn points(release: &str, name: &str) -> Vec<wire::MetricRow> {
    let page: wire::HistoryPage = decoded(&body(release, name)).expect(name);
    page.metrics
}

fn printable(text: &Clean) -> bool {
    text.as_str().chars().all(|c| !c.is_control())
}

#[test]
fn aliases_come_with_the_model() {
    for release in RELEASES {
        let fraud = model(release, "registered-models-get");
        assert_eq!(fraud.name, "fraud-detector");
        assert_eq!(
            fraud.alias("champion").map(crate::domain::key::Key::raw),
            Some("2")
        );
        assert!(fraud.key.created.0 > 1_600_000_000_000, "{release}");
        let churn = model(release, "registered-models-get-two-cases");
        let names: Vec<&str> = churn
            .aliases
            .iter()
            .map(|a| a.name.shown.as_str())
            .collect();
        assert!(
            names.contains(&"Champion") && names.contains(&"champion"),
            "{names:?}"
        );
        assert_ne!(churn.alias("Champion"), churn.alias("champion"));
        let empty = model(release, "registered-models-get-empty");
        assert!(empty.aliases.is_empty() && empty.tags.is_empty());
        let unicode = model(release, "registered-models-get-unicode");
        assert_eq!(unicode.name, "Prévision de ventes 東京");
    }
}

#[test]
fn escape_sequences_stay_in_the_key() {
    for release in RELEASES {
        let sneaky = model(release, "registered-models-get-escape-in-name");
        assert_eq!(sneaky.name, "sneakymodel");
        assert_eq!(sneaky.key.name.raw(), "sneaky\u{1b}[2Jmodel");
        let escapes = model(release, "registered-models-get-escapes");
        assert!(printable(&escapes.description) && !escapes.description.is_empty());
        let hostile = run(release, "runs-get-hostile");
        assert!(printable(&hostile.name));
        assert!(
            hostile
                .tags
                .iter()
                .chain(hostile.params.iter())
                .all(|(k, v)| printable(k) && printable(v))
        );
    }
}

#[test]
fn prompts_are_no_models() {
    for release in RELEASES {
        for name in [
            "registered-models-search-page-1",
            "registered-models-search-page-2",
        ] {
            let page: wire::ModelsPage = decoded(&body(release, name)).expect(name);
            let names: Vec<String> = with_map(|m| {
                page.registered_models
                    .into_iter()
                    .filter_map(|row| m.model(row))
                    .map(|m| m.name.as_str().to_owned())
                    .collect()
            });
            assert!(
                !names.is_empty() && !names.contains(&"a-prompt".to_owned()),
                "{names:?}"
            );
        }
    }
}

#[test]
fn versions_tell_stage_run_and_logged_model() {
    for release in RELEASES {
        let all = versions(release, "model-versions-search-by-name");
        assert!(all.len() >= 3, "{release}");
        assert!(
            all.iter().all(|v| v.version != "4"),
            "version 4 was deleted"
        );
        assert!(
            all.iter()
                .all(|v| v.status == VersionStatus::Ready && v.stage.is_none())
        );
        let second = all.iter().find(|v| v.version == "2").expect("version 2");
        assert!(second.run.is_some(), "{release}");
        assert_eq!(second.logged_model.is_some(), release == "mlflow3");
        let answer: serde_json::Value =
            serde_json::from_str(&body(release, "model-versions-get-stage")).expect("json");
        let row: wire::VersionRow =
            serde_json::from_value(answer["model_version"].clone()).expect("row");
        let staged = with_map(|m| {
            let key = m.model_key("eta-city", 1);
            m.version(&key, row).expect("version")
        });
        assert!(staged.stage.is_some(), "{release}");
        let none: wire::VersionsPage =
            decoded(&body(release, "model-versions-search-none")).expect("empty");
        assert!(none.model_versions.is_empty() && none.next_page_token.is_empty());
    }
}

#[test]
fn runs_tell_their_state() {
    for release in RELEASES {
        let live = run(release, "runs-get-running");
        assert_eq!((live.status, live.ended), (RunStatus::Running, None));
        let resumed = run(release, "runs-get-resumed");
        assert_eq!(resumed.status, RunStatus::Running);
        assert!(resumed.ended.is_some(), "a resumed run keeps its end");
        assert_eq!(run(release, "runs-get-failed").status, RunStatus::Failed);
        assert!(run(release, "runs-get-deleted").deleted);
        let parent = run(release, "runs-get-parent");
        let child = run(release, "runs-get-child-0");
        assert_eq!(
            child.tag("mlflow.parentRunId").map(Clean::as_str),
            Some(parent.key.id.raw())
        );
        let data = run(release, "runs-get-dataset");
        assert_eq!(data.datasets.len(), 1, "{release}");
        assert_eq!(data.datasets[0].context, "training");
        assert!(!data.datasets[0].digest.is_empty());
        let outputs = run(release, "runs-get-logged-model").outputs.len();
        assert_eq!(outputs > 0, release == "mlflow3");
    }
}

#[test]
fn values_that_are_no_numbers_stay_so() {
    for release in RELEASES {
        let odd = run(release, "runs-get-not-a-number");
        assert!(odd.metric("loss").expect("loss").is_nan(), "{release}");
        assert_eq!(odd.metric("ceiling"), Some(f64::INFINITY));
        assert_eq!(odd.metric("floor"), Some(f64::NEG_INFINITY));
        assert!(
            points(release, "get-history-nan")
                .iter()
                .any(|p| p.value.is_nan())
        );
        let up = points(release, "get-history-infinity");
        assert!(up.iter().any(|p| p.value == f64::INFINITY), "{release}");
        let down = points(release, "get-history-minus-infinity");
        assert!(
            down.iter().any(|p| p.value == f64::NEG_INFINITY),
            "{release}"
        );
        // Not JSON at all.
        let bare = points(release, "bulk-ajax-bare-nan");
        assert!(bare.iter().any(|p| p.value.is_nan()), "{release}");
    }
}

#[test]
fn histories_are_sampled_with_both_ends() {
    for release in ["mlflow3", "mlflow2"] {
        let rows = points(release, "bulk-interval-long");
        let run = rows[0].run_id.clone();
        let metric = crate::domain::key::Key::new("loss");
        let found = with_map(|m| {
            let keys = [m.run_key(&run), m.run_key("absent")];
            m.histories(&keys, &metric, rows, 40)
        });
        assert_eq!(found.len(), 1);
        assert!(found[0].sampled);
        assert_eq!(found[0].points[0].step, 0);
        assert!(found[0].points.windows(2).all(|w| w[0].step <= w[1].step));
        assert!(points(release, "bulk-interval-unknown-key").is_empty());
        assert!(points(release, "bulk-interval-unknown-run").is_empty());
        let tail = points(release, "bulk-interval-tail");
        assert!(!tail.is_empty() && tail.iter().all(|p| p.step >= 4_900));
    }
}

#[test]
fn experiments_are_the_active_ones() {
    for release in RELEASES {
        let page: wire::ExperimentsPage =
            decoded(&body(release, "experiments-search-all")).expect("page");
        let rows = page.experiments.len();
        let names: Vec<String> = with_map(|m| {
            page.experiments
                .into_iter()
                .filter_map(|row| m.experiment(row))
                .map(|e| e.name.as_str().to_owned())
                .collect()
        });
        assert!(names.contains(&"fraud-train".to_owned()), "{names:?}");
        assert!(names.len() <= rows);
    }
}

#[test]
fn listings_tell_files_from_folders() {
    for release in RELEASES {
        let page: wire::ArtifactsPage = decoded(&body(release, "artifacts-list")).expect("page");
        let files = map::artifacts(page.files);
        assert!(
            files.iter().any(|f| f.folder && f.size.is_none()),
            "{release}"
        );
        let page: wire::ArtifactsPage =
            decoded(&body(release, "artifacts-list-folder")).expect("page");
        let files = map::artifacts(page.files);
        assert!(
            files.iter().any(|f| !f.folder && f.size.is_some()),
            "{release}"
        );
        let page: wire::ArtifactsPage =
            decoded(&body(release, "artifacts-list-empty")).expect("page");
        assert!(page.files.is_empty());
    }
}

#[test]
fn packages_tell_signature_and_flavors() {
    for release in RELEASES {
        let package = package::read(&body(release, "version-mlmodel"), "").expect(release);
        let signature = package.signature.expect("a signature");
        let inputs: Vec<&str> = signature.inputs.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(inputs, ["amount", "age_days"], "{release}");
        assert!(
            package
                .flavors
                .iter()
                .any(|f| f.as_str().starts_with("sklearn "))
        );
        assert!(package.written_by.as_str().starts_with("mlflow "));
        assert!(!package.environment.is_empty(), "{release}");
    }
}

/// Every recorded answer to a route that we read decodes, and every refusal becomes a fault of the
/// kind that its meaning asks for.
#[tokio::test]
async fn every_recording_is_understood() {
    let expected = [
        ("registered-models-get-missing", "not-found"),
        ("runs-get-missing", "not-found"),
        ("version-mlmodel-missing-version", "not-found"),
        ("registered-models-search-error-filter", "refused"),
        ("runs-search-error-or", "refused"),
        ("runs-search-error-page-token", "refused"),
        ("unknown-route", "no-route"),
        ("wrong-prefix", "no-route"),
        ("runs-search-wrong-method", "no-route"),
        ("wrong-host", "host-refused"),
        ("auth-no-credentials", "auth"),
        ("auth-wrong-password", "auth"),
        ("auth-nobody-get-denied", "forbidden"),
        ("prefix-left-out", "no-route"),
        ("prefix-workspace-missing", "not-found"),
        ("workspace-header", "unsupported"),
        ("version-mlmodel-unreachable-store", "server"),
    ];
    for release in RELEASES {
        let mut seen = 0;
        for (name, word) in expected {
            let Some((status, kind, _, body)) = recording(release, name) else {
                continue;
            };
            if status < 400 {
                continue;
            }
            seen += 1;
            let url = super::scripted::fixed(status, &kind, &body).await;
            let fault = super::scripted::models_fault(&url).await;
            assert_eq!(fault.kind.word(), word, "{release}/{name}: {fault}");
            assert!(
                !fault.detail.as_str().contains('<'),
                "{release}/{name}: {fault}"
            );
        }
        assert!(seen >= 8, "{release}");
        for entry in std::fs::read_dir(folder(release)).expect(release) {
            let file = entry.expect("entry").path();
            let name = file.file_stem().and_then(|s| s.to_str()).expect("name");
            let Some((status, _, path, body)) = recording(release, name) else {
                continue;
            };
            if status < 400 {
                decodes(&path, &body).unwrap_or_else(|f| panic!("{release}/{name}: {f}"));
            }
        }
    }
}

fn decodes(path: &str, body: &str) -> Result<(), crate::domain::fault::Fault> {
    let route = path.rsplit("mlflow/").next().unwrap_or_default();
    match route {
        "registered-models/search" => decoded::<wire::ModelsPage>(body).map(drop),
        "registered-models/get" => decoded::<wire::ModelAnswer>(body).map(drop),
        "model-versions/search" => decoded::<wire::VersionsPage>(body).map(drop),
        "experiments/search" => decoded::<wire::ExperimentsPage>(body).map(drop),
        "runs/search" => decoded::<wire::RunsPage>(body).map(drop),
        "runs/get" => decoded::<wire::RunAnswer>(body).map(drop),
        "artifacts/list" => decoded::<wire::ArtifactsPage>(body).map(drop),
        "server-info" => decoded::<wire::ServerInfo>(body).map(drop),
        "users/current" => decoded::<wire::CurrentUser>(body).map(drop),
        "users/current/permissions" => decoded::<wire::Permissions>(body).map(drop),
        r if r.starts_with("metrics/") => decoded::<wire::HistoryPage>(body).map(drop),
        r if r.ends_with("/artifacts/directories") => {
            decoded::<wire::ArtifactsPage>(body).map(drop)
        }
        _ => Ok(()),
    }
}
