//! The pipelines pane: from a fleet and commands to state and frames.

use super::testing::{run_key, world};
use super::*;
use crate::domain::pipeline::PartHealth;
use crate::panes::PromptKind;
use crate::panes::testing::{World, screen};
use crate::ui::symbols::Symbols;
use crate::ui::testing::look_of;
use crate::ui::theme::Depth;

fn ids(pane: &Pipelines) -> Vec<&str> {
    pane.list.rows.iter().map(|key| key.id.raw()).collect()
}

#[test]
fn what_moved_last_is_first_and_sort_brings_what_lives_up() {
    let world = world(PartHealth::Healthy);
    let mut pane = Pipelines::new();
    pane.refresh(&world.cx());
    assert_eq!(
        ids(&pane)[..3],
        ["qd-01jd9x71", "qd-01jd8f3k", "qd-01jd9w22"]
    );
    pane.update(Command::Sort, &world.cx());
    assert_eq!(
        ids(&pane)[..4],
        ["manual__odd", "qd-01jd9x71", "qd-01jd8f3k", "qd-01jd9w22"]
    );
    pane.update(Command::Sort, &world.cx());
    assert_eq!(ids(&pane)[5..], ["qd-01jd8f3k", "manual__odd"]);
}

#[test]
fn a_filter_names_states_models_and_durations() {
    let world = world(PartHealth::Healthy);
    let mut pane = Pipelines::new();
    pane.refresh(&world.cx());
    for (filter, want) in [
        ("state:failed", 2),
        ("state:paused", 1),
        ("model:churn state:success", 1),
        ("lasted>1000", 2),
        ("drift", 1),
        ("evaluate", 2),
        ("", 7),
    ] {
        pane.prompt(PromptKind::Filter, filter, true, &world.cx())
            .expect(filter);
        assert_eq!(pane.list.rows.len(), want, "{filter}: {:?}", ids(&pane));
    }
    assert!(
        pane.prompt(PromptKind::Filter, "/(/", true, &world.cx())
            .is_err()
    );
}

#[test]
fn enter_opens_the_run_and_its_model_is_at_hand() {
    let world = world(PartHealth::Healthy);
    let mut pane = Pipelines::new();
    let asks = world.press(&mut pane, &[Command::Down, Command::Open]);
    let [Ask::Open(Place::PipelineRun(key))] = &asks[..] else {
        panic!("{asks:?}")
    };
    assert_eq!(*key, run_key("retrain_fraud", "qd-01jd8f3k"));
    let Some(Thing::Model(model)) = pane.selected(&world.cx()) else {
        panic!("no model")
    };
    assert_eq!(model.name.raw(), "fraud");
}

#[test]
fn without_an_orchestrator_it_says_how_to_add_one() {
    let mut empty = World::new();
    let shown = screen(&empty.show(&mut Pipelines::new(), 100, 24));
    assert!(shown.contains("kind = \"airflow\""), "{shown}");
    assert!(shown.contains("quarterdeck.pipeline"), "{shown}");
}

#[test]
fn it_reads_without_colour_and_without_unicode() {
    let look = look_of("mono", Depth::Mono, &Symbols::ASCII, 120, 36);
    let mut world = world(PartHealth::Unhealthy);
    let shown = screen(&world.show_with(&mut Pipelines::new(), &look));
    assert!(shown.is_ascii(), "{shown}");
    assert!(shown.contains("scheduler gives no sign of life"), "{shown}");
}

fn frame(columns: u16, rows: u16, scheduler: PartHealth) -> String {
    screen(&world(scheduler).show(&mut Pipelines::new(), columns, rows))
}

#[test]
fn frame_60x16() {
    insta::assert_snapshot!(frame(60, 16, PartHealth::Healthy), @r#"
     STATE        PIPELINE       MODEL   LASTED  MOVED▴
    ›● running    retrain_churn  churn    5m00s      5m
     ▲ paused     retrain_fraud  fraud        –      9m
     ✖ failed     retrain_churn  churn   12m30s     47m
     ? zombie     retrain_fraud  fraud    2h00m      2h
     ✖ failed     retrain_churn  churn   12m40s     24h
     – cancelled  retrain_churn  churn    1m00s      2d
     ✔ success    retrain_churn  churn   31m40s      4d
    "#);
}

#[test]
fn frame_80x24() {
    insta::assert_snapshot!(frame(80, 24, PartHealth::Unhealthy), @r#"
      ▲ ml: its scheduler gives no sign of life for 6m: runs are accepted, and non…
     STATE        PIPELINE       MODEL   LASTED  MOVED▴  WHY
    ›● running    retrain_churn  churn    5m00s      5m
     ▲ paused     retrain_fraud  fraud        –      9m  the pipeline is paused
     ✖ failed     retrain_churn  churn   12m30s     47m  failed at `evaluate`, atte…
     ? zombie     retrain_fraud  fraud    2h00m      2h
     ✖ failed     retrain_churn  churn   12m40s     24h  failed at `evaluate`, atte…
     – cancelled  retrain_churn  churn    1m00s      2d
     ✔ success    retrain_churn  churn   31m40s      4d
    "#);
}

#[test]
fn frame_120x36() {
    insta::assert_snapshot!(frame(120, 36, PartHealth::Healthy), @r#"
     STATE        PIPELINE       RUN                       MODEL  BY    LASTED  MOVED▴  WHY
    ›● running    retrain_churn  qd-01jd9x71               churn  ana    5m00s      5m
     ▲ paused     retrain_fraud  qd-01jd8f3k               fraud  ana        –      9m  the pipeline is paused
     ✖ failed     retrain_churn  qd-01jd9w22               churn  ana   12m30s     47m  failed at `evaluate`, attempt 1
     ? zombie     retrain_fraud  manual__odd               fraud  ana    2h00m      2h
     ✖ failed     retrain_churn  manual__2026-11-23        churn  ana   12m40s     24h  failed at `evaluate`, attempt 1
     – cancelled  retrain_churn  manual__2026-11-22        churn  ana    1m00s      2d
     ✔ success    retrain_churn  scheduled__2026-11-20     churn  –     31m40s      4d
















     retrain_churn  qd-01jd9x71 ────────────────────────────────────────────────────────────────────────────────────── ml
      pipeline  active · 1 of at most 2 running
      does      Trains churn again, on the last 30 days.
      asked     manual 5m ago by ana
      params    epochs=3
    "#);
}

#[test]
fn frame_200x60() {
    insta::assert_snapshot!(frame(200, 60, PartHealth::Healthy), @r#"
     STATE        PIPELINE       RUN                       MODEL  BY    LASTED  MOVED▴  WHY
    ›● running    retrain_churn  qd-01jd9x71               churn  ana    5m00s      5m
     ▲ paused     retrain_fraud  qd-01jd8f3k               fraud  ana        –      9m  the pipeline is paused
     ✖ failed     retrain_churn  qd-01jd9w22               churn  ana   12m30s     47m  failed at `evaluate`, attempt 1
     ? zombie     retrain_fraud  manual__odd               fraud  ana    2h00m      2h
     ✖ failed     retrain_churn  manual__2026-11-23        churn  ana   12m40s     24h  failed at `evaluate`, attempt 1
     – cancelled  retrain_churn  manual__2026-11-22        churn  ana    1m00s      2d
     ✔ success    retrain_churn  scheduled__2026-11-20     churn  –     31m40s      4d








































     retrain_churn  qd-01jd9x71 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────── ml
      pipeline  active · 1 of at most 2 running
      does      Trains churn again, on the last 30 days.
      asked     manual 5m ago by ana
      params    epochs=3
    "#);
}
