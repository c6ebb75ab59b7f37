//! Flows and frames of the run page.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::fault::FaultKind;
use crate::domain::key::Key;
use crate::domain::model::Name;
use crate::domain::run::{Artifact, MetricHistory, Point, Run, RunStatus};
use crate::intent::command::COMMANDS;
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

type Answer = Result<Detail, Fault>;

#[expect(clippy::unnecessary_wraps, reason = "an answer is what pages take")]
fn history(metric: &str, points: Vec<Point>, sampled: bool) -> Answer {
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
        let save = |page: &mut RunPage, world: &mut World, name: &str| {
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

#[test]
fn frames() {
    let (mut world, mut page) = page();
    insta::assert_snapshot!(screen(&world.show(&mut page, 120, 36)), @r"
    xgb-deep-42  5f2a90c1 ─────────────────────────────────────────────────────────────────────────────────── read <1m ago
     status   ✔ finished                     user        ana                         git     9f3c2ab17d on main
     started  11-23 12:02Z  2h ago           versions    fraud-detector v7 champi…   source  train/fraud.py
     took     1h00m                          experiment  fraud-training              data    transactions a1b2c3
    Metrics 7 ──────────────────────────────────────────────────────────────────  Params 4 · Tags 4 · Data 1 · Artifacts ──
    ›val_auc  0.913                        grad_norm  (10 gaps)  0.190          │ NAME       VALUE
     1.0 ┤           ⢀ ⢀ ⡄⡄⣀⢠⣤⢠⣤⢠⡄⣴⡄⡴⡆⣦        │⠢⡀                              │›depth      8
         │       ⢀⣄⢰⢦⡾⢧⡟⡷⠋⠷⠙⠟⠙⠟⠘⠃⠘⠃⠛ ⠛⠃⠓   1.0 ┤ ⠑⠦⡀                            │ lr         0.05
     0.8 ┤   ⢀⣀⣀⠟⡞⠙⠁⠈                          │   ⠉⠱⢤⣄                         │ objective  binary:logistic
         │  ⢠⣸⠋⠙                           0.5 ┤       ⠋⠳⠴⢄⣠⡀                   │ subsample  0.8
         │⢀⣤⠃⠁                                 │            ⠉⠋⠓ ⠷⠲⠴⠶⡤⢦⡠⢄⡤⣄⡤⣄⣤⡀  │
     0.6 ┤⠎⠁                               0.0 ┤                           ⠈⠁⠉  │
          step 0                     299        step 0                     299  │
                                                                                │
     loss  (sampled)  0.190                lr  0.005                            │
         │⠢⡀                               0.10 ┤⢢⡀                             │
     1.0 ┤ ⠑⠦⡀                                  │ ⠉⠢⡀                           │
         │   ⠉⠱⢤⣄                               │   ⠈⠒⢄⡀                        │
     0.5 ┤       ⠋⠳⠴⢄⣠⡀                    0.05 ┤      ⠈⠓⠦⣄⡀                    │
         │            ⠉⠋⠓⠓⠷⠲⠴⠶⡤⢦⡠⢄⡤⣄⡤⣄⣤⡀        │          ⠈⠙⠒⠦⠤⣄⣀⣀             │
     0.0 ┤                           ⠈⠁⠉   0.00 ┤                 ⠈⠉⠉⠑⠒⠒⠒⠒⠢⠤⠤⠤  │
          step 0                     299         step 0                    299  │
                                                                                │
     val_loss  0.190                       system/cpu  0.190                    │
         │⠢⡀                                   │⠢⡀                              │
     1.0 ┤ ⠑⠦⡀                             1.0 ┤ ⠑⠦⡀                            │
         │   ⠉⠱⢤⣄                              │   ⠉⠱⢤⣄                         │
     0.5 ┤       ⠋⠳⠴⢄⣠⡀                    0.5 ┤       ⠋⠳⠴⢄⣠⡀                   │
         │            ⠉⠋⠓⠓⠷⠲⠴⠶⡤⢦⡠⢄⡤⣄⡤⣄⣤⡀       │            ⠉⠋⠓⠓⠷⠲⠴⠶⡤⢦⡠⢄⡤⣄⡤⣄⣤⡀  │
     0.0 ┤                           ⠈⠁⠉   0.0 ┤                           ⠈⠁⠉  │
          step 0                     299        step 0                     299  │
                                                                                │
    ");
    world.screen = (80, 24);
    world.press(&mut page, &[Command::NextFocus]);
    insta::assert_snapshot!(screen(&world.show(&mut page, 80, 24)), @r"
     xgb-deep-42  5f2a90c1 ─────────────────────────────────────────── read <1m ago
      status   ✔ finished                     versions    fraud-detector v7 champi…
      started  11-23 12:02Z  2h ago           experiment  fraud-training
      took     1h00m                          git         9f3c2ab17d on main
      user     ana                            source      train/fraud.py
     Metrics 7 · Params 4 · Tags 4 · Data 1 · Artifacts ────────────────────────────
     NAME       VALUE
    ›depth      8
     lr         0.05
     objective  binary:logistic
     subsample  0.8
    ");
}

#[test]
fn the_large_chart_marks_gaps_and_its_cursor_goes_from_mark_to_mark() {
    let (mut world, mut page) = page();
    world.press(
        &mut page,
        &[
            Command::Right,
            Command::Open,
            Command::NextMarker,
            Command::NextMarker,
        ],
    );
    assert_eq!(page.metrics[page.chosen].shown, "grad_norm");
    assert_eq!(page.lens.cursor, Some(150.0), "where NaN starts");
    world.press(&mut page, &[Command::Right]);
    assert_eq!(page.lens.cursor, Some(152.0));
    insta::assert_snapshot!(screen(&world.show(&mut page, 80, 24)), @r"
    xgb-deep-42  5f2a90c1 ─────────────────────────────────────────── read <1m ago
     status   ✔ finished                     versions    fraud-detector v7 champi…
     started  11-23 12:02Z  2h ago           experiment  fraud-training
     took     1h00m                          git         9f3c2ab17d on main
     user     ana                            source      train/fraud.py
    Metrics 7 · Params 4 · Tags 4 · Data 1 · Artifacts ────────────────────────────
     grad_norm  (10 gaps)  NaN                                              at 152
         │⣄⡀                                  │
         │┊⠑⢢                                 │
     1.0 ┤┊  ⠓⠲⢤⡀                             │
         │┊     ⠈⢦⢄⣄⡀                         │
         │┊       ⠈⠉⠙⠦⣀⢀⣀                     │
         │┊           ⠈⠙⠉⠙⣤⣀⣀⡀⡀               │
     0.5 ┤┊                ⠈ ⠉⠱⠦⠤⠶⣤⡀ ⢀⡀       │
         │┊                        ⠙⠑⠉⠉⠢⢤⡴⠦⠦⡀⣀│ ⢠
         │┊                                 ⠉⠈│ ⠈⠛⠛⠉⠉⠶⠶⠊⠒⠢⢤⣴⠒⠲⣄⣀⡤⠤⢄⣀⣠⠦⢤⡀ ⣤⣤⣤⢀⣀⢄⣠
         │┊                                   │                     ⠉  ⠉⠉  ⠈⠙⠙  ⠙⠓
     0.0 ┤┊                                   │
          ▲max 1.22                           ▲NaN
          step 0                100                     199                    299
    ");
    world.press(&mut page, &[Command::Back]);
    assert_eq!((page.lens.cursor, page.large), (None, true));
    world.press(&mut page, &[Command::Back]);
    assert!(!page.large);
    assert!(
        page.update(Command::Back, &world.cx()).is_none(),
        "then the page is left"
    );
}

#[test]
fn only_visible_metrics_are_asked_for_and_a_live_run_by_its_tail() {
    let mut world = world();
    world.runs([trained().status(RunStatus::Running)]);
    world.screen = (80, 24);
    let mut page = RunPage::new(run_key("5f2a90c1"));
    page.refresh(&world.cx());
    let asked = |page: &RunPage, world: &World| -> Vec<(String, Option<i64>, bool)> {
        page.wants(&world.cx())
            .into_iter()
            .filter_map(|w| match w.query {
                Query::History {
                    metric, from_step, ..
                } => Some((metric.raw().to_owned(), from_step, w.every.is_some())),
                _ => None,
            })
            .collect()
    };
    let plain = |m: &str| (m.to_owned(), None, false);
    assert_eq!(asked(&page, &world), [plain("val_auc"), plain("grad_norm")]);
    let first = page.wants(&world.cx()).remove(1);
    let points = curve("val_auc", 0, 50);
    page.fetched(
        &first.query,
        &history("val_auc", points, false),
        ago(9),
        &world.cx(),
    );
    assert!(asked(&page, &world).contains(&("val_auc".to_owned(), Some(49), true)));
    let tail = Query::History {
        runs: Arc::from([run_key("5f2a90c1")]),
        metric: Key::new("val_auc"),
        points: 500,
        from_step: Some(49),
    };
    page.fetched(
        &tail,
        &history("val_auc", curve("val_auc", 49, 60), false),
        ago(1),
        &world.cx(),
    );
    assert_eq!(page.chosen_line().map(line::Line::len), Some(60));
    assert!(
        asked(&page, &world).contains(&("val_auc".to_owned(), Some(49), true)),
        "the question stays the same while the tail is short: it is not asked at once again"
    );
    let fault = Fault::new(FaultKind::Timeout, "", "");
    page.fetched(&tail, &Err(fault), ago(0), &world.cx());
    assert_eq!(
        page.chosen_line().map(line::Line::len),
        Some(60),
        "a lost tail takes nothing"
    );
}

#[test]
fn folders_open_lazily_and_close() {
    let (mut world, mut page) = page();
    let artifacts = |page: &RunPage, world: &World| {
        page.wants(&world.cx())
            .into_iter()
            .filter(|w| {
                matches!(
                    w.query,
                    Query::RunArtifacts { .. } | Query::LoggedModelArtifacts { .. }
                )
            })
            .count()
    };
    assert_eq!(artifacts(&page, &world), 0, "not before the part is open");
    world.press(&mut page, &[Command::NextFocus; 4]);
    assert_eq!(artifacts(&page, &world), 1);
    serve(&mut page, &world);
    let shown = screen(&world.show(&mut page, 80, 24));
    assert!(
        shown.contains("model/") && shown.contains("logged model m-0091/"),
        "{shown}"
    );
    world.press(&mut page, &[Command::Open]);
    serve(&mut page, &world);
    let shown = screen(&world.show(&mut page, 80, 24));
    assert!(
        shown.contains("model.pkl") && shown.contains("18 MB"),
        "{shown}"
    );
    assert!(
        page.disabled(Command::Open, &world.cx()).is_some(),
        "a file opens nothing"
    );
    world.press(&mut page, &[Command::Back, Command::Last, Command::Open]);
    serve(&mut page, &world);
    assert_eq!(page.folder().model, Some(Key::new("m-0091")));
}

#[test]
fn a_run_that_cannot_be_read_says_why() {
    let mut world = world();
    let mut page = RunPage::new(run_key("gone"));
    world.show(&mut page, 80, 24);
    let fault = Fault::new(FaultKind::NotFound, "GET http://ml.test", "no such run");
    page.fetched(
        &Query::Run(run_key("gone")),
        &Err(fault),
        ago(0),
        &world.cx(),
    );
    let shown = screen(&world.show(&mut page, 80, 24));
    assert!(
        shown.contains("The run could not be read.") && shown.contains("no such run"),
        "{shown}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn no_sequence_of_commands_panics(
        keys in proptest::collection::vec(0..COMMANDS.len(), 0..24),
        size in 0..4_usize,
    ) {
        let (mut world, mut page) = page();
        let (w, h) = [(60, 16), (80, 24), (120, 36), (200, 60)][size];
        world.screen = (w, h);
        for key in keys {
            world.press(&mut page, &[COMMANDS[key].command]);
            page.click(Target::Plot(key as u16), &world.cx());
            page.click(Target::Row(key % 9), &world.cx());
            world.show(&mut page, w, h);
            let _ = (page.row_text(&world.cx()), page.markdown(&world.cx()), page.wants(&world.cx()));
        }
    }
}
