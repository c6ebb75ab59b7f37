//! Flows and frames of the comparison.

use std::sync::Arc;

use super::*;
use crate::domain::key::{Key, RunKey};
use crate::domain::model::Name;
use crate::domain::run::{MetricHistory, Point, Run, RunStatus};
use crate::panes::testing::{RunWith, World, ago, look, run, run_key, screen};

fn trained(n: u64) -> Run {
    let depth = (4 + n).to_string();
    run("1", &format!("r{n}"), &format!("xgb-{n}"), 7_200 + n * 600)
        .metrics(&[
            ("val_auc", 0.91 + n as f64 / 100.0),
            ("val_loss", 0.30 - n as f64 / 100.0),
            ("rows", 12_400.0),
        ])
        .params(&[("depth", &depth), ("objective", "binary:logistic")])
        .tags(&[("team", "risk")])
        .dataset("transactions", if n == 2 { "ffee01" } else { "a1b2c3" })
}

fn curve(n: u64) -> Arc<[Point]> {
    (0..200)
        .map(|step| {
            let t = step as f64;
            Point {
                step,
                at: ago(7_200).plus(std::time::Duration::from_secs(step as u64)),
                value: 0.9 + n as f64 / 100.0 - 0.4 * (-t / (30.0 + 15.0 * n as f64)).exp(),
            }
        })
        .collect()
}

fn serve(page: &mut Compare, world: &World) {
    for _ in 0..2 {
        page.refresh(&world.cx());
        for want in page.wants(&world.cx()) {
            if let Query::History { runs, metric, .. } = &want.query {
                let all = runs.iter().map(|key| MetricHistory {
                    run: key.clone(),
                    metric: Name::new(metric.raw()),
                    points: curve(key.id.raw()[1..].parse().unwrap()),
                    sampled: false,
                });
                let result = Ok(Detail::History(all.collect()));
                page.fetched(&want.query, &result, ago(1), &world.cx());
            }
        }
    }
}

fn page(count: u64) -> (World, Compare) {
    let mut world = World::new();
    world.experiment("1", "fraud-training");
    world.runs((0..count).map(trained));
    let keys: Vec<RunKey> = (0..count).map(|n| run_key(&format!("r{n}"))).collect();
    let mut page = Compare::new(keys.into());
    serve(&mut page, &world);
    (world, page)
}

#[test]
#[ignore = "writes pictures for people to look at"]
fn pictures() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pictures");
    std::fs::create_dir_all(&dir).unwrap();
    for (w, h, runs) in [(60, 16, 2), (80, 24, 3), (120, 36, 4), (200, 60, 8)] {
        let (mut world, mut page) = page(runs);
        let buf = world.show(&mut page, w, h);
        let svg = crate::ui::export::svg(&buf, &look(w, h).theme);
        std::fs::write(dir.join(format!("compare-{w}x{h}.svg")), svg).unwrap();
    }
}
