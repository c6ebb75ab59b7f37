//! State flows, frames and cost of the experiments pane.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::fault::FaultKind;
use crate::domain::key::Key;
use crate::domain::run::{Run, RunStatus};
use crate::intent::command::COMMANDS;
use crate::intent::msg::{Compute, RunColumn};
use crate::panes::testing::{RunWith, World, ago, experiment_key, look, run, run_key, screen};

fn trained(n: u64) -> Run {
    let auc = if n == 3 {
        f64::NAN
    } else {
        0.90 + (n % 7) as f64 / 100.0
    };
    let depth = (4 + n % 3).to_string();
    let rate = ["0.1", "0.05", "0.01"][(n % 3) as usize];
    let made = run(
        "1",
        &format!("run{n:04}"),
        &format!("xgb-{n}"),
        3_600 * (n + 2),
    )
    .metrics(&[
        ("loss", 0.31 - n as f64 / 1_000.0),
        ("val_auc", auc),
        ("system/gpu", 0.4),
    ])
    .params(&[("depth", &depth), ("lr", rate), ("objective", "binary")])
    .tags(&[("team", "risk"), ("mlflow.source.git.commit", "9f3c2ab17d")])
    .dataset("transactions", "a1b2c3");
    match n {
        0 => made.status(RunStatus::Running).by("kim"),
        2 => made.status(RunStatus::Failed),
        5 => made.status(RunStatus::Killed),
        _ => made,
    }
}

fn world(runs: u64) -> World {
    let mut world = World::new();
    world.experiment("1", "fraud-training");
    world.experiment("2", "churn-weekly-retrain");
    world.experiment("3", "scratch");
    world.runs((0..runs).map(trained));
    world.runs([
        run("2", "c1", "weekly-42", 90_000).metrics(&[("rmse", 1.25)]),
        run("2", "c2", "weekly-43", 30 * 3_600)
            .status(RunStatus::Running)
            .metrics(&[("rmse", 1.19)]),
    ]);
    world
}

fn pane(world: &mut World, columns: u16, rows: u16, keys: &[Command]) -> (Experiments, String) {
    let mut pane = Experiments::new();
    world.show(&mut pane, columns, rows);
    world.press(&mut pane, keys);
    let buf = world.show(&mut pane, columns, rows);
    (pane, screen(&buf))
}

fn names(pane: &Experiments, world: &World) -> Vec<String> {
    (0..pane.rows.len())
        .filter_map(|i| pane.run_at(i, &world.cx()))
        .map(|r| world.fleet.runs().text(r.name).to_string())
        .collect()
}

fn answer(
    pane: &mut Experiments,
    world: &mut World,
    query: &Query,
    runs: Vec<Run>,
    next: Option<&str>,
) {
    world.runs(runs.clone());
    let detail = Detail::Runs {
        runs,
        next: next.map(Key::new),
    };
    let _ = pane.fetched(query, &Ok(detail), ago(0), &world.cx());
    pane.refresh(&world.cx());
}

#[test]
#[ignore = "writes pictures for people to look at"]
fn pictures() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pictures");
    std::fs::create_dir_all(&dir).unwrap();
    for (w, h) in [(60, 16), (80, 24), (100, 30), (120, 36), (200, 60)] {
        let mut world = world(60);
        let mut pane = Experiments::new();
        world.show(&mut pane, w, h);
        world.press(
            &mut pane,
            &[
                Command::Open,
                Command::Down,
                Command::Mark,
                Command::Down,
                Command::Mark,
            ],
        );
        let buf = world.show(&mut pane, w, h);
        let look = look(w, h);
        let svg = crate::ui::export::svg(&buf, &look.theme);
        std::fs::write(dir.join(format!("experiments-{w}x{h}.svg")), svg).unwrap();
    }
}

#[test]
fn frames() {
    let mut world = world(9);
    let (_, small) = pane(&mut world, 80, 24, &[Command::Open]);
    insta::assert_snapshot!(small, @"");
    let (_, list) = pane(&mut world, 80, 24, &[]);
    insta::assert_snapshot!(list, @"");
    let (_, large) = pane(&mut world, 120, 36, &[Command::Open, Command::Mark]);
    insta::assert_snapshot!(large, @"");
    let (_, huge) = pane(&mut world, 200, 60, &[]);
    insta::assert_snapshot!(huge, @"");
}
