//! State flows, frames and cost of the experiments pane.

use proptest::prelude::*;

use super::*;
use crate::domain::fault::FaultKind;
use crate::domain::key::Key;
use crate::domain::run::{Run, RunStatus};
use crate::intent::command::COMMANDS;
use crate::intent::msg::{Compute, RunColumn};
use crate::panes::testing::{RunWith, World, ago, experiment_key, look, run, screen};

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
fn frames_of_the_runs() {
    let mut world = world(9);
    let (_, small) = pane(&mut world, 80, 24, &[Command::Open]);
    insta::assert_snapshot!(small, @r"
     fraud-training  9 runs · loading ─────────────────────────── ‹ 1 column more ›
     STATUS        RUN     AGE▾    TOOK  val_auc     loss  depth    lr  USER
    ›● running     xgb-0     2h      2h    0.900    0.310      4   0.1  kim
     ✔ finished    xgb-1     3h   1h00m    0.910    0.309      5  0.05  ana
     ✖ failed      xgb-2     4h   1h00m    0.920    0.308      6  0.01  ana
     ✔ finished    xgb-3     5h   1h00m      NaN    0.307      4   0.1  ana
     ✔ finished    xgb-4     6h   1h00m    0.940    0.306      5  0.05  ana
     – killed      xgb-5     7h   1h00m    0.950    0.305      6  0.01  ana
     ✔ finished    xgb-6     8h   1h00m    0.960    0.304      4   0.1  ana
     ✔ finished    xgb-7     9h   1h00m    0.900    0.303      5  0.05  ana
     ✔ finished    xgb-8    10h   1h00m    0.910    0.302      6  0.01  ana
    ");
    let (_, large) = pane(&mut world, 120, 36, &[Command::Open, Command::Mark]);
    insta::assert_snapshot!(large, @r"
     Experiments  3 ────────────────────│ fraud-training  9 runs · 1 marked · loading ─────────────────── ‹ 1 column more ›
     NAME                  LIVE    RUNS │ STATUS        RUN     AGE▾    TOOK  val_auc     loss  depth    lr  USER
    ›fraud-training         ● 1       9 │▪● running     xgb-0     2h      2h    0.900    0.310      4   0.1  kim
     churn-weekly-retrain             2 │›✔ finished    xgb-1     3h   1h00m    0.910    0.309      5  0.05  ana
     scratch                          – │ ✖ failed      xgb-2     4h   1h00m    0.920    0.308      6  0.01  ana
                                        │ ✔ finished    xgb-3     5h   1h00m      NaN    0.307      4   0.1  ana
                                        │ ✔ finished    xgb-4     6h   1h00m    0.940    0.306      5  0.05  ana
                                        │ – killed      xgb-5     7h   1h00m    0.950    0.305      6  0.01  ana
                                        │ ✔ finished    xgb-6     8h   1h00m    0.960    0.304      4   0.1  ana
                                        │ ✔ finished    xgb-7     9h   1h00m    0.900    0.303      5  0.05  ana
                                        │ ✔ finished    xgb-8    10h   1h00m    0.910    0.302      6  0.01  ana
                                        │
                                        │
                                        │
                                        │
                                        │
                                        │
                                        │
                                        │
                                        │
                                        │
                                        │
                                        │
                                        │
                                        │
                                        │ xgb-1  run0001 ───────────────────────────────────────────────────────────────────
                                        │  metrics  loss 0.309   val_auc 0.910
                                        │  params   depth 5   lr 0.05   objective binary
                                        │  tags     team risk
                                        │  from     data transactions a1b2c3   git 9f3c2ab17d
                                        │
                                        │
    ");
}

#[test]
fn frames_of_the_list() {
    let mut world = world(3);
    let (_, least) = pane(&mut world, 60, 16, &[]);
    insta::assert_snapshot!(least, @r"
     Experiments  3 ────────────────────────────────────────────
     NAME                  LIVE    RUNS  NEWEST
    ›fraud-training         ● 1       3      2h
     churn-weekly-retrain             2     25h
     scratch                          –       –
    ");
    let (_, huge) = pane(&mut world, 200, 60, &[]);
    insta::assert_snapshot!(huge, @r"
     Experiments  3 ──────────────────────────────│ fraud-training  3 runs · loading ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     NAME                  LIVE    RUNS  NEWEST   │ STATUS        RUN     AGE▾    TOOK  val_auc     loss  depth    lr  USER  DATASET
    ›fraud-training         ● 1       3      2h   │›● running     xgb-0     2h      2h    0.900    0.310      4   0.1  kim   transactions
     churn-weekly-retrain             2     25h   │ ✔ finished    xgb-1     3h   1h00m    0.910    0.309      5  0.05  ana   transactions
     scratch                          –       –   │ ✖ failed      xgb-2     4h   1h00m    0.920    0.308      6  0.01  ana   transactions
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │
                                                  │ xgb-0  run0000 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
                                                  │  metrics  loss 0.310   val_auc 0.900
                                                  │  params   depth 4   lr 0.1   objective binary
                                                  │  tags     team risk
                                                  │  from     data transactions a1b2c3   git 9f3c2ab17d
                                                  │
                                                  │
    ");
}

#[test]
fn empty_states_say_what_would_fill_them() {
    let mut nothing = World::new();
    let (_, shown) = pane(&mut nothing, 80, 24, &[]);
    assert!(shown.contains("Waiting for the tracker"), "{shown}");
    let mut bare = World::new();
    bare.experiment("1", "fraud-training");
    let (mut pane, shown) = pane(&mut bare, 80, 24, &[]);
    assert_eq!(pane.part, Part::Runs, "a lone experiment is entered");
    assert!(shown.contains("asked for the 2,000 newest runs"), "{shown}");
    let query = pane.wants(&bare.cx()).remove(0).query;
    answer(&mut pane, &mut bare, &query, Vec::new(), None);
    let shown = screen(&bare.show(&mut pane, 80, 24));
    assert!(shown.contains("This experiment has no runs"), "{shown}");
}

#[test]
fn the_selection_stays_on_its_run_when_newer_ones_arrive() {
    let mut world = world(9);
    let (mut pane, _) = pane(&mut world, 120, 36, &[Command::Open, Command::Down]);
    let before = pane.selected(&world.cx());
    world.runs([run("1", "fresh", "newest", 10).status(RunStatus::Running)]);
    pane.refresh(&world.cx());
    assert_eq!(names(&pane, &world)[0], "newest");
    assert_eq!(pane.selected(&world.cx()), before);
    assert_eq!(pane.view.table.selected, 2);
}

#[test]
fn sorting_goes_by_the_column_under_the_cursor_and_turns_round() {
    let mut world = world(9);
    let (mut pane, _) = pane(&mut world, 120, 36, &[Command::Open]);
    world.press(&mut pane, &[Command::Right; 5]);
    world.press(&mut pane, &[Command::Sort]);
    assert_eq!(pane.view.sort, RunColumn::Metric(Clean::name("val_auc")));
    let best_first = names(&pane, &world);
    assert_eq!(best_first[0], "xgb-6");
    assert_eq!(best_first[8], "xgb-3", "NaN is last");
    world.press(&mut pane, &[Command::Sort]);
    let worst_first = names(&pane, &world);
    assert_eq!(worst_first[0], "xgb-0");
    assert_eq!(worst_first[8], "xgb-3", "NaN is last in both directions");
    world.press(&mut pane, &[Command::Back, Command::Sort]);
    assert_eq!(
        pane.view.sort,
        RunColumn::Metric(Clean::name("loss")),
        "without a cursor the next column sorts"
    );
    assert!(!pane.view.descending, "less loss is better and comes first");
}

#[test]
fn marks_survive_sorting_and_those_hidden_by_a_filter_are_counted() {
    let mut world = world(9);
    let (mut pane, _) = pane(
        &mut world,
        120,
        36,
        &[Command::Open, Command::Mark, Command::Mark],
    );
    world.press(&mut pane, &[Command::Sort]);
    assert_eq!(pane.marks.len(), 2);
    let _ = pane.prompt(PromptKind::Filter, "status:failed", true, &world.cx());
    let shown = screen(&world.show(&mut pane, 120, 36));
    assert!(shown.contains("1 of 9 runs pass status:failed"), "{shown}");
    assert!(shown.contains("2 marked, 2 not in this list"), "{shown}");
    let asks = world.press(&mut pane, &[Command::Compare]);
    assert!(matches!(&asks[..], [Ask::Open(Place::Compare(keys))] if keys.len() == 2));
    world.press(&mut pane, &[Command::Unmark, Command::Back]);
    assert!(pane.disabled(Command::Compare, &world.cx()).is_some());
    assert_eq!(pane.rows.len(), 9, "back takes the filter away");
    world.press(&mut pane, &[Command::First]);
    world.press(&mut pane, &[Command::Mark; 9]);
    assert_eq!(pane.marks.len(), 8, "a ninth run cannot be compared");
}

#[test]
fn a_refused_server_filter_keeps_the_rows_and_shows_the_servers_words() {
    let mut world = world(9);
    let (mut pane, _) = pane(&mut world, 120, 36, &[Command::Open]);
    let filter = |pane: &mut Experiments, world: &World, text: &str| {
        let _ = pane.prompt(PromptKind::ServerFilter, text, true, &world.cx());
        pane.wants(&world.cx())
            .into_iter()
            .map(|w| w.query)
            .find(|q| matches!(q, Query::Runs { filter, limit: 2_000, .. } if filter == text))
    };
    let query = filter(&mut pane, &world, "metrics.auc >< 1").unwrap();
    let fault = Fault::new(
        FaultKind::Refused,
        "",
        "Invalid clause(s) in filter string: '><'",
    );
    let asks = pane.fetched(&query, &Err(fault), ago(0), &world.cx());
    let [Ask::Say(notice)] = &asks[..] else {
        panic!("{asks:?}")
    };
    assert_eq!(notice.text, "Invalid clause(s) in filter string: '><'");
    assert_eq!(pane.rows.len(), 9);
    let asks = world.press(&mut pane, &[Command::ServerFilter]);
    assert!(
        matches!(&asks[..], [Ask::Prompt(p)] if p.initial == "metrics.auc >< 1"),
        "the text is there to be mended"
    );
    let query = filter(&mut pane, &world, "metrics.auc > 0.93").unwrap();
    answer(
        &mut pane,
        &mut world,
        &query,
        vec![trained(4), trained(30)],
        None,
    );
    assert_eq!(names(&pane, &world), ["xgb-4", "xgb-30"]);
    let shown = screen(&world.show(&mut pane, 120, 36));
    assert!(
        shown.contains("2 runs · tracker: metrics.auc > 0.93 <1m ago"),
        "{shown}"
    );
    world.press(&mut pane, &[Command::Back]);
    assert_eq!(pane.rows.len(), 10, "what was read stays held");
}

#[test]
fn the_next_page_is_asked_for_at_the_end_of_the_list() {
    let mut world = world(4);
    let (mut pane, _) = pane(&mut world, 120, 36, &[Command::Open]);
    let first = pane.wants(&world.cx()).remove(0).query;
    answer(&mut pane, &mut world, &first, vec![trained(0)], Some("t2"));
    let shown = screen(&world.show(&mut pane, 120, 36));
    assert!(shown.contains("4 newest of more"), "{shown}");
    world.press(&mut pane, &[Command::Last, Command::Down]);
    let pages: Vec<_> = pane
        .wants(&world.cx())
        .into_iter()
        .filter_map(|w| match w.query {
            Query::Runs { page, .. } => Some(page),
            _ => None,
        })
        .collect();
    assert_eq!(pages, [None, Some(Key::new("t2"))]);
    let second = pane.wants(&world.cx()).remove(1).query;
    answer(&mut pane, &mut world, &second, vec![trained(8)], None);
    let shown = screen(&world.show(&mut pane, 120, 36));
    assert!(shown.contains("5 runs"), "{shown}");
}

#[test]
fn a_silent_run_is_not_counted_as_live() {
    let mut world = world(3);
    let (pane, shown) = pane(&mut world, 120, 36, &[Command::Down, Command::Open]);
    let churn = pane
        .list
        .iter()
        .find(|l| l.key == experiment_key("2"))
        .unwrap();
    assert_eq!(churn.live, 0);
    assert!(shown.contains("? silent 29h"), "{shown}");
}

#[test]
fn columns_are_chosen_by_switches_and_the_name_stays() {
    let mut world = world(9);
    let (mut pane, _) = pane(&mut world, 120, 36, &[Command::Open]);
    let asks = world.press(&mut pane, &[Command::Columns]);
    let [Ask::Choose(choice)] = &asks[..] else {
        panic!("{asks:?}")
    };
    let at = |word: &str| {
        choice
            .rows
            .iter()
            .position(|(t, _)| t.as_str().starts_with(word))
    };
    let (objective, name) = (at("objective").unwrap(), at("run").unwrap());
    assert_eq!(choice.rows[objective].1, Some(false), "it never differs");
    pane.chosen(objective, &world.cx());
    let asks = pane.chosen(objective, &world.cx());
    assert!(matches!(&asks[..], [Ask::Prefer(..)]), "{asks:?}");
    let asks = pane.chosen(objective, &world.cx());
    pane.chosen(name, &world.cx());
    assert!(
        pane.columns()
            .contains(&RunColumn::Param(Clean::name("objective")))
    );
    assert!(pane.columns().contains(&RunColumn::Name));
    // Another start takes them back, and says what it cannot read.
    let [Ask::Prefer(preference, text)] = &asks[..] else {
        panic!("{asks:?}")
    };
    let (mut again, _) = self::pane(&mut world, 120, 36, &[Command::Open]);
    assert_ne!(again.columns(), pane.columns());
    again.restore(*preference, text).expect("as it was written");
    assert_eq!(again.columns(), pane.columns());
    let mended = text.replace("\tstarted", "\tstarted\tweather");
    let said = again.restore(*preference, &mended);
    assert_eq!(said, Err("no columns are called weather".to_owned()));
    assert_eq!(again.columns(), pane.columns());
}

fn many(count: u64) -> World {
    let mut world = World::new();
    world.experiment("1", "fraud-training");
    world.runs((0..count).map(|n| {
        run("1", &format!("run{n}"), &format!("xgb-{}", n % 500), n + 1)
            .metrics(&[("auc", (n * 7_919 % 1_000) as f64 / 1_000.0)])
            .params(&[("depth", &(n % 9).to_string())])
    }));
    world
}

#[test]
fn many_runs_are_ordered_off_the_loop_and_the_old_order_stays_meanwhile() {
    let mut world = many(3_000);
    let mut pane = Experiments::new();
    world.show(&mut pane, 120, 36);
    let work = |pane: &mut Experiments, world: &World| {
        let asks = Pane::due(pane, &world.cx());
        asks.into_iter().find_map(|a| match a {
            Ask::Compute(work) => Some(*work),
            _ => None,
        })
    };
    let done = |work: Compute| {
        let Compute::RunRows { runs, spec } = work;
        Computed::RunRows {
            rows: rows::compute(&runs, &spec),
            generation: runs.generation(),
            spec,
        }
    };
    let first = work(&mut pane, &world).unwrap();
    assert!(work(&mut pane, &world).is_none(), "once");
    pane.computed(&done(first), &world.cx());
    assert_eq!(names(&pane, &world)[..2], ["xgb-0", "xgb-1"]);
    let auc = RunColumn::Metric(Clean::name("auc"));
    pane.view.sort = auc.clone();
    pane.refresh(&world.cx());
    let second = work(&mut pane, &world).unwrap();
    assert_eq!(
        names(&pane, &world)[..2],
        ["xgb-0", "xgb-1"],
        "the old order"
    );
    let _ = pane.prompt(PromptKind::Filter, "depth:3", false, &world.cx());
    let third = work(&mut pane, &world).unwrap();
    pane.computed(&done(second), &world.cx());
    assert_eq!(
        pane.rows.len(),
        3_000,
        "an answer to an older question is dropped"
    );
    pane.computed(&done(third), &world.cx());
    assert_eq!(pane.rows.len(), 333);
    assert!(work(&mut pane, &world).is_none());
    // New facts: asked again, though not at every one of them.
    world.runs([run("1", "fresh", "fresh", 0).params(&[("depth", "3")])]);
    pane.refresh(&world.cx());
    assert!(work(&mut pane, &world).is_none());
    world.now.mono += std::time::Duration::from_secs(3);
    let fourth = work(&mut pane, &world).unwrap();
    pane.computed(&done(fourth), &world.cx());
    assert_eq!(pane.rows.len(), 334);
}

#[test]
fn a_frame_over_a_hundred_thousand_runs_builds_what_is_visible() {
    let mut world = many(100_000);
    let mut pane = Experiments::new();
    world.show(&mut pane, 200, 60);
    let Some(Ask::Compute(work)) = Pane::due(&mut pane, &world.cx()).pop() else {
        panic!("no work was handed out")
    };
    let Compute::RunRows { runs, spec } = *work;
    let computed = Computed::RunRows {
        rows: rows::compute(&runs, &spec),
        generation: runs.generation(),
        spec,
    };
    pane.computed(&computed, &world.cx());
    world.press(&mut pane, &[Command::Last]);
    let timed = |world: &mut World, pane: &mut Experiments| {
        // The least of several: other tests run at the same time.
        let frame = || {
            let start = std::time::Instant::now();
            world.show(pane, 200, 60);
            start.elapsed()
        };
        std::iter::repeat_with(frame).take(8).min().unwrap()
    };
    let large = timed(&mut world, &mut pane);
    let mut world = many(1_000);
    let mut pane = Experiments::new();
    world.show(&mut pane, 200, 60);
    let small = timed(&mut world, &mut pane);
    // A cost that follows the rows would be a hundred times as large.
    assert!(large < small * 10, "{large:?} against {small:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn no_sequence_of_commands_panics(
        keys in proptest::collection::vec((0..COMMANDS.len(), 0..20_usize), 0..24),
        size in 0..4_usize,
    ) {
        let mut world = world(7);
        let (w, h) = [(60, 16), (80, 24), (100, 30), (200, 60)][size];
        let mut pane = Experiments::new();
        for (key, n) in keys {
            world.press(&mut pane, &[COMMANDS[key].command]);
            match n {
                0 => { let _ = pane.prompt(PromptKind::Filter, "auc>0.93 !kim", true, &world.cx()); }
                1 => { let _ = pane.prompt(PromptKind::ServerFilter, "a = 1", true, &world.cx()); }
                2 => pane.scroll(5, &world.cx()),
                3 => { pane.chosen(n, &world.cx()); }
                4 => world.runs([trained(key as u64 + 20)]),
                5 => { pane.click(Target::Row(key), &world.cx()); }
                6 => { pane.click(Target::Row(view::RUN_ROWS + key), &world.cx()); }
                7 => { pane.click(Target::Column(key), &world.cx()); }
                _ => {}
            }
            world.show(&mut pane, w, h);
            let _ = (pane.row_text(&world.cx()), pane.markdown(&world.cx()), pane.wants(&world.cx()));
        }
    }
}
