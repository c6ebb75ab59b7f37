//! Flows and frames of the run page.

use std::sync::Arc;

use super::*;
use crate::domain::fault::FaultKind;
use crate::domain::key::Key;
use crate::domain::model::Name;
use crate::domain::run::{Artifact, MetricHistory, Point, Run, RunStatus};
use crate::panes::testing::{RunWith, World, ago, look, run, run_key, screen};

const METRICS: [&str; 7] = [
    "loss",
    "lr",
    "val_auc",
    "val_loss",
    "grad_norm",
    "system/gpu_memory_usage",
    "system/cpu",
];

fn trained() -> Run {
    let values: Vec<(&str, f64)> = METRICS.iter().map(|m| (*m, 0.5)).collect();
    let mut run = run("1", "5f2a90c1", "xgb-deep-42", 7_200)
        .metrics(&values)
        .params(&[
            ("depth", "8"),
            ("lr", "0.05"),
            ("objective", "binary:logistic"),
            ("subsample", "0.8"),
        ])
        .tags(&[
            ("team", "risk"),
            ("mlflow.source.git.commit", "9f3c2ab17d0e4411"),
            ("mlflow.source.git.branch", "main"),
            ("mlflow.source.name", "train/fraud.py"),
        ])
        .dataset("transactions", "a1b2c3");
    run.outputs = Arc::from([Key::new("m-0091")]);
    run
}

fn curve(metric: &str, from: i64, to: i64) -> Vec<Point> {
    (from..to)
        .map(|step| {
            let t = step as f64;
            let wobble = ((t * 12.9).sin() * 43_758.5).fract() * 0.04;
            let value = match metric {
                "val_auc" => 0.95 - 0.35 * (-t / 60.0).exp() + wobble,
                "lr" => 0.1 * 0.99_f64.powf(t),
                "grad_norm" if (150..160).contains(&step) => f64::NAN,
                _ => 0.2 + (-t / 80.0).exp() + wobble,
            };
            Point {
                step,
                at: ago(7_200).plus(std::time::Duration::from_secs(step as u64 * 10)),
                value,
            }
        })
        .collect()
}

fn history(metric: &str, points: Vec<Point>, sampled: bool) -> Result<Detail, Fault> {
    Ok(Detail::History(vec![MetricHistory {
        run: run_key("5f2a90c1"),
        metric: Name::new(metric),
        points: points.into(),
        sampled,
    }]))
}

/// Answers everything that a page wants, as a tracker would.
fn serve(page: &mut RunPage, world: &World) {
    for _ in 0..3 {
        page.refresh(&world.cx());
        for want in page.wants(&world.cx()) {
            let result = match &want.query {
                Query::Run(_) => Ok(Detail::Run(Box::new(trained()))),
                Query::History {
                    metric, from_step, ..
                } => {
                    let from = from_step.unwrap_or(0);
                    let sampled = metric.raw() == "loss";
                    history(metric.raw(), curve(metric.raw(), from, 300), sampled)
                }
                Query::RunArtifacts { path, .. } => Ok(Detail::Artifacts(files(path.raw()))),
                Query::LoggedModelArtifacts { .. } => Ok(Detail::Artifacts(files("model"))),
                _ => continue,
            };
            page.fetched(&want.query, &result, ago(3), &world.cx());
        }
    }
}

fn files(path: &str) -> Vec<Artifact> {
    let file = |name: &str, size| Artifact {
        path: Name::new(name),
        folder: size == 0,
        size: (size > 0).then_some(size),
    };
    if path.is_empty() {
        vec![file("confusion.png", 48_120), file("model", 0)]
    } else {
        vec![
            file("model/MLmodel", 812),
            file("model/model.pkl", 18_400_000),
        ]
    }
}

fn world() -> World {
    let mut world = World::new();
    world.experiment("1", "fraud-training");
    let model = world.model("fraud-detector", &[("champion", "7")]);
    world.version(&model, "7", Some("5f2a90c1"));
    world
}

fn page() -> (World, RunPage) {
    let world = world();
    let mut page = RunPage::new(run_key("5f2a90c1"));
    serve(&mut page, &world);
    (world, page)
}

#[test]
#[ignore = "writes pictures for people to look at"]
fn pictures() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pictures");
    std::fs::create_dir_all(&dir).unwrap();
    for (w, h) in [(60, 16), (80, 24), (120, 36), (200, 60)] {
        let (mut world, mut page) = page();
        world.screen = (w, h);
        serve(&mut page, &world);
        let mut save = |page: &mut RunPage, world: &mut World, name: &str| {
            let buf = world.show(page, w, h);
            let svg = crate::ui::export::svg(&buf, &look(w, h).theme);
            std::fs::write(dir.join(format!("run-{name}-{w}x{h}.svg")), svg).unwrap();
        };
        save(&mut page, &mut world, "grid");
        world.press(
            &mut page,
            &[
                Command::Open,
                Command::Smooth,
                Command::Smooth,
                Command::NextMarker,
            ],
        );
        save(&mut page, &mut world, "large");
        world.press(&mut page, &[Command::Back, Command::Back]);
        world.press(&mut page, &[Command::NextFocus; 4]);
        serve(&mut page, &world);
        save(&mut page, &mut world, "artifacts");
    }
}
