//! Flows and frames of the comparison.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::key::RunKey;
use crate::domain::model::Name;
use crate::domain::run::{MetricHistory, Point, Run, RunStatus};
use crate::intent::command::COMMANDS;
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

#[test]
fn frames() {
    let (mut world, mut page) = page(3);
    insta::assert_snapshot!(screen(&world.show(&mut page, 80, 24)), @r"
     val_auc  1 of 3, more is better ───────────────────────────────────────────────
        ● xgb-0 0.899   ■ xgb-1 0.905   ◆ xgb-2 0.905
         │                         ⢀⣀⣀⣀⣀⣀⣀⣀⡤⢤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠶⠶⠶⠶⠶⠶⠶⠶⠶⠶⠶◆
     0.8 ┤             ⢀⣀⣠⠤⠤⠒⣒⣒⡫⠭⢭⣭⣓⡲⠶⠶⠯⠝⠛⠛⠛⠓⠚⠉⠉⠉⠉⠉⠉
         │        ⣀⠤⠖⣚⣉⢥⣔⣲⠮⠭⠛⠒⠊⠉⠉⠁
         │    ⢀⠤⣒⣭⡲⠮⠛⠚⠉⠁
     0.6 ┤ ⢀⣤⠾⠛⠋⠉
         │⠞⠉
          step 0                 66                      133                    199
     Values  11, compared with xgb-0 ───────────────────────────────────────────────
     KIND    NAME                  ● xgb-0             ■ xgb-1  1–9 of 11  ◆ xgb-2
    ›metric  val_auc        0.910               0.920   +0.010    ✔ 0.930   +0.020
             rows                    12.4k               12.4k               12.4k
             val_loss       0.300               0.290   -0.010    ✔ 0.280   -0.020
     param   depth                       4                   5                   6
             objective     binary:logistic     binary:logistic     binary:logistic
     data    dataset    transactions a1b2…  transactions a1b2…  transactions ffee…
     run     status               finished            finished            finished
             started          11-23 12:02Z        11-23 11:52Z        11-23 11:42Z
             took                    1h00m               1h00m               1h00m
    ");
    world.press(&mut page, &[Command::Differences, Command::Right]);
    serve(&mut page, &world);
    insta::assert_snapshot!(screen(&world.show(&mut page, 120, 36)), @r"
     rows  2 of 3 ──────────────────────────────────────────────────────────────────────────────────────────────────────────
        ● xgb-0 0.899   ■ xgb-1 0.905   ◆ xgb-2 0.905
         │                                                       ⢀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣠⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⡤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤◆
         │                              ⢀⣀⣀⣀⠤⠤⠤⠤⠔⠒⠒⠒⣒⣒⣒⣉⣉⠭⠭⠭⠭⠭⣝⣛⣛⣓⣒⠶⠶⠶⠭⠭⠭⠭⠛⠛⠛⠛⠛⠛⠒⠊⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠁
     0.8 ┤                     ⣀⡠⠤⠤⠒⠒⠊⠉⣉⣁⡠⠤⠤⠔⠒⣒⣒⣉⡩⠭⠭⠤⠒⠒⠒⠒⠉⠉⠉⠉⠉
         │              ⢀⣀⠤⠔⠒⠉⢉⣀⠤⠤⠒⢒⣊⡩⠭⠤⠔⠒⠊⠉⠉⠉
         │          ⣀⠤⠔⠊⣁⠤⠤⣒⣊⠭⠥⠒⠒⠉⠉⠁
         │      ⢀⡠⠔⣉⢤⣒⠮⠝⠒⠉⠉
     0.6 ┤    ⣠⣪⠵⠶⠛⠉⠁
         │⢀⡠⠶⠛⠉
         │⠋
          step 0                     50                          100                         149                        199
     Differences  5, 6 alike are hidden, = shows them, compared with xgb-0 ─────────────────────────────────────────────────
     KIND    NAME                  ● xgb-0              ■ xgb-1              ◆ xgb-2
    ›metric  val_auc        0.910                0.920   +0.010     ✔ 0.930   +0.020
             val_loss       0.300                0.290   -0.010     ✔ 0.280   -0.020
     param   depth                       4                    5                    6
     data    dataset   transactions a1b2c3  transactions a1b2c3  transactions ffee01
     run     started          11-23 12:02Z         11-23 11:52Z         11-23 11:42Z
    ");
}

#[test]
fn the_best_value_follows_the_direction_of_its_metric() {
    let (_, page) = page(3);
    let best = |name: &str| {
        page.rows
            .iter()
            .find(|r| r.name == name)
            .and_then(|r| r.best)
    };
    assert_eq!(best("val_auc"), trained(2).metric("val_auc"));
    assert_eq!(best("val_loss"), trained(2).metric("val_loss"));
    assert_eq!(best("rows"), None, "nothing is best where all are alike");
}

#[test]
fn differences_only_hides_what_is_alike_and_keeps_the_selected_row() {
    let (world, mut page) = page(3);
    let at = page.rows.iter().position(|r| r.name == "depth").unwrap();
    page.table.select(at, page.rows.len());
    world.press(&mut page, &[Command::Differences]);
    let names: Vec<&str> = page.rows.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(
        names,
        ["val_auc", "val_loss", "depth", "dataset", "started"]
    );
    assert_eq!(page.rows[page.table.selected].name, "depth");
}

#[test]
fn a_run_that_is_read_whole_replaces_what_was_held() {
    let (world, mut page) = page(2);
    let mut whole = trained(1);
    whole.status = RunStatus::Failed;
    let query = Query::Run(run_key("r1"));
    page.fetched(
        &query,
        &Ok(Detail::Run(Box::new(whole))),
        ago(0),
        &world.cx(),
    );
    page.refresh(&world.cx());
    let status = page.rows.iter().find(|r| r.name == "status").unwrap();
    assert_eq!(status.values[1], Value::Text("failed".to_owned()));
    assert!(status.differs);
}

#[test]
fn more_than_eight_runs_are_cut_and_a_run_opens_from_its_column() {
    let (mut world, mut page) = page(9);
    assert_eq!(page.runs.len(), 8);
    world.press(&mut page, &[Command::NextFocus]);
    world.press(&mut page, &[Command::Right; 9]);
    world.show(&mut page, 60, 16);
    let asks = world.press(&mut page, &[Command::Open]);
    assert!(matches!(&asks[..], [Ask::Open(Place::Run(key))] if *key == run_key("r7")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn no_sequence_of_commands_panics(
        keys in proptest::collection::vec(0..COMMANDS.len(), 0..24),
        size in 0..4_usize,
        count in 0..9_u64,
    ) {
        let (mut world, mut page) = page(count);
        let (w, h) = [(60, 16), (80, 24), (120, 36), (200, 60)][size];
        for key in keys {
            world.press(&mut page, &[COMMANDS[key].command]);
            page.click(Target::Plot(key as u16), &world.cx());
            page.click(Target::Row(key % 9), &world.cx());
            if key % 5 == 0 {
                serve(&mut page, &world);
            }
            world.show(&mut page, w, h);
            let _ = (page.row_text(&world.cx()), page.markdown(&world.cx()));
        }
    }
}
