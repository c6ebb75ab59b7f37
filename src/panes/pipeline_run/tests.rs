//! A pipeline run's page: flows and frames.

use super::*;
use crate::domain::pipeline::{LogChunk, LogLine, PartHealth};
use crate::panes::pipelines::testing::{details, run_key, tasks, world};
use crate::panes::testing::{World, ago, screen};

fn page(world: &World, id: &str, failed: bool) -> PipelineRunPage {
    let key = run_key("retrain_churn", id);
    let mut page = PipelineRunPage::new(key.clone());
    let cx = world.cx();
    let tasks = Ok(Detail::Tasks(tasks(failed)));
    page.fetched(&Query::Tasks(key.clone()), &tasks, ago(5), &cx);
    let details = Ok(Detail::Pipeline(Box::new(details())));
    page.fetched(&Query::Pipeline(key.pipeline), &details, ago(5), &cx);
    page
}

fn line(text: &str, level: &str) -> LogLine {
    LogLine {
        at: Some(ago(2_860)),
        level: Clean::name(level),
        text: Clean::name(text),
    }
}

fn said(page: &mut PipelineRunPage, world: &World, lines: Vec<LogLine>, dropped: u64, done: bool) {
    let query = page
        .tail
        .as_ref()
        .expect("a log")
        .query(world.cx().now.mono)
        .0;
    let chunk = LogChunk {
        lines,
        dropped,
        next: (!done).then(|| Key::new("more")),
        done,
        whole: false,
    };
    page.fetched(&query, &Ok(Detail::TaskLog(chunk)), ago(2), &world.cx());
}

fn failed(world: &World) -> PipelineRunPage {
    let mut page = page(world, "qd-01jd9w22", true);
    let lines = vec![
        line("reading 12,400 rows of transactions", "info"),
        line("label coverage 0.48 is low", "warning"),
        line("Task failed with exception", "error"),
        line("ValueError: val_auc 0.62 < 0.80", "error"),
    ];
    said(&mut page, world, lines, 3, true);
    page
}

fn names(page: &PipelineRunPage) -> Vec<&str> {
    page.tasks.iter().map(|t| t.name.as_str()).collect()
}

#[test]
fn tasks_stand_in_the_order_of_the_graph_with_the_one_in_trouble_selected() {
    let world = world(PartHealth::Healthy);
    let running = page(&world, "qd-01jd9x71", false);
    let page = failed(&world);
    assert_eq!(names(&page), ["prepare", "train", "evaluate", "register"]);
    assert_eq!(page.current().map(|t| t.name.as_str()), Some("evaluate"));
    assert_eq!(running.current().map(|t| t.name.as_str()), Some("train"));
}

#[test]
fn a_run_that_lives_is_asked_for_again_and_one_that_ended_is_not() {
    let world = world(PartHealth::Healthy);
    let every = |page: &PipelineRunPage, is: fn(&Query) -> bool| {
        let wants = page.wants(&world.cx());
        let want = wants.into_iter().find(|w| is(&w.query));
        want.map(|w| w.every)
    };
    let log = |q: &Query| matches!(q, Query::TaskLog { .. });
    let tasks = |q: &Query| matches!(q, Query::Tasks(_));
    let produced = |q: &Query| matches!(q, Query::Produced(_));
    let mut running = page(&world, "qd-01jd9x71", false);
    said(&mut running, &world, vec![line("epoch 1", "info")], 0, true);
    assert_eq!(every(&running, tasks), Some(Some(AGAIN)));
    assert_eq!(every(&running, log), Some(Some(AGAIN)), "its task runs");
    assert_eq!(every(&running, produced), None);
    let ended = failed(&world);
    assert_eq!(every(&ended, tasks), Some(None));
    assert_eq!(every(&ended, log), Some(None));
    assert_eq!(every(&ended, produced), Some(None));
}

#[test]
fn the_log_follows_the_cursor_and_a_late_answer_of_another_is_let_go() {
    let world = world(PartHealth::Healthy);
    let mut page = failed(&world);
    let old = page
        .tail
        .as_ref()
        .expect("a log")
        .query(world.cx().now.mono)
        .0;
    world.press(&mut page, &[Command::Up]);
    assert_eq!(page.tail.as_ref().map(|t| t.key.task.raw()), Some("train"));
    let chunk = LogChunk {
        lines: vec![line("of another", "info")],
        ..LogChunk::default()
    };
    page.fetched(&old, &Ok(Detail::TaskLog(chunk)), ago(1), &world.cx());
    assert_eq!(page.tail.as_ref().map(Tail::len), Some(0));
    world.press(&mut page, &[Command::Last]);
    assert!(page.tail.is_none(), "it has not begun");
}

#[test]
fn the_log_scrolls_and_is_searched_and_back_undoes_it_step_by_step() {
    let mut world = world(PartHealth::Healthy);
    let mut page = failed(&world);
    world.press(&mut page, &[Command::NextFocus, Command::Up, Command::Up]);
    assert_eq!((page.part, page.up), (Part::Log, 2));
    page.prompt(PromptKind::Filter, "level:error", true, &world.cx())
        .expect("a search");
    let shown = screen(&world.show(&mut page, 120, 36));
    assert!(
        shown.contains("2 of 4 lines") && !shown.contains("coverage"),
        "{shown}"
    );
    world.press(&mut page, &[Command::Up, Command::Back]);
    assert!(page.search.is_empty());
    world.press(&mut page, &[Command::Back, Command::Back]);
    assert_eq!((page.part, page.up), (Part::Tasks, 0));
    assert!(
        page.update(Command::Back, &world.cx()).is_none(),
        "the root leaves"
    );
}

#[test]
fn a_log_that_is_not_there_yet_and_a_fault_are_told() {
    let mut world = world(PartHealth::Healthy);
    let mut page = page(&world, "qd-01jd9x71", false);
    let query = page
        .tail
        .as_ref()
        .expect("a log")
        .query(world.cx().now.mono)
        .0;
    let absent = Fault::new(FaultKind::NotFound, "", "TaskInstance not found");
    page.fetched(&query, &Err(absent), ago(1), &world.cx());
    assert!(screen(&world.show(&mut page, 120, 36)).contains("no log yet"));
    let key = page.key.clone();
    let down = Fault::new(FaultKind::Unreachable, "", "connection refused");
    page.fetched(&Query::Tasks(key), &Err(down), ago(1), &world.cx());
    let shown = screen(&world.show(&mut page, 120, 36));
    assert!(
        shown.contains("not read: unreachable") && shown.contains("train"),
        "{shown}"
    );
}

#[test]
fn what_it_registered_is_told_with_how_that_is_known_and_is_what_commands_act_on() {
    let mut world = world(PartHealth::Healthy);
    let model = crate::panes::testing::model_key("churn");
    world.version(&model, "7", None);
    let key = run_key("retrain_churn", "scheduled__2026-11-20");
    let mut page = PipelineRunPage::new(key.clone());
    let wants = page.wants(&world.cx());
    let produced = Query::Produced(key);
    assert!(wants.iter().any(|want| want.query == produced));
    let told = Produced {
        model: Some(Key::new("churn")),
        version: Some(Key::new("7")),
        run: None,
        task: Clean::name("register"),
    };
    let before = screen(&world.show(&mut page, 120, 36));
    assert!(!before.contains("registered"), "{before}");
    let told = Ok(Detail::Produced(vec![told]));
    page.fetched(&produced, &told, ago(1), &world.cx());
    let shown = screen(&world.show(&mut page, 120, 36));
    assert!(
        shown.contains("registered v7 (the pipeline's result says so)"),
        "{shown}"
    );
    assert!(
        matches!(page.selected(&world.cx()), Some(Thing::Version(key)) if key.version.raw() == "7")
    );
}

fn frame(columns: u16, rows: u16) -> String {
    let mut world = world(PartHealth::Healthy);
    let mut page = failed(&world);
    screen(&world.show(&mut page, columns, rows))
}

#[test]
fn frame_60x16() {
    insta::assert_snapshot!(frame(60, 16), @r#"
     retrain_churn  qd-01jd9w22  ✖ failed ──────── read <1m ago
      asked   manual 1h ago by ana · lasted 12m30s
      trains  churn
     STATE        TASK             LASTED               2–4 of 4
     ✔ success      train          10m00s
    ›✖ failed         evaluate        50s
     – skipped          register        –
     log of `evaluate`  attempt 1  3 dropped ───────────────────
     13:14   reading 12,400 rows of transactions
     13:14 ▲ label coverage 0.48 is low
     13:14 ✖ Task failed with exception
     13:14 ✖ ValueError: val_auc 0.62 < 0.80
    "#);
}

#[test]
fn frame_80x24() {
    insta::assert_snapshot!(frame(80, 24), @r#"
     retrain_churn  qd-01jd9w22  ✖ failed ──────────────────────────── read <1m ago
      asked   manual 1h ago by ana · lasted 12m30s
      trains  churn
     STATE        TASK             TRY   LASTED  WHEN
     ✔ success    prepare          1/2    1m40s  ███
     ✔ success      train          1/2   10m00s     ███████████████████
    ›✖ failed         evaluate     1/2      50s                        ██
     – skipped          register     –        –
     log of `evaluate`  attempt 1  3 dropped ─────────────────────── 4 lines  ended
     13:14   reading 12,400 rows of transactions
     13:14 ▲ label coverage 0.48 is low
     13:14 ✖ Task failed with exception
     13:14 ✖ ValueError: val_auc 0.62 < 0.80
    "#);
}

#[test]
fn frame_120x36() {
    insta::assert_snapshot!(frame(120, 36), @r#"
     retrain_churn  qd-01jd9w22  ✖ failed ──────────────────────────────────────────────────────────────────── read <1m ago
      asked   manual 1h ago by ana · lasted 12m30s
      trains  churn
      why     failed at `evaluate`, attempt 1
      params  epochs=3
     STATE        TASK             TRY   LASTED  WHEN                      OPERATOR          HOST
     ✔ success    prepare          1/2    1m40s  ███                       @task             worker-3
     ✔ success      train          1/2   10m00s     ███████████████████    @task             worker-3
    ›✖ failed         evaluate     1/2      50s                        ██  @task             worker-3
     – skipped          register     –        –                            @task             worker-3
     log of `evaluate`  attempt 1  3 dropped ─────────────────────────────────────────────────────────────── 4 lines  ended
     13:14   reading 12,400 rows of transactions
     13:14 ▲ label coverage 0.48 is low
     13:14 ✖ Task failed with exception
     13:14 ✖ ValueError: val_auc 0.62 < 0.80
    "#);
}

#[test]
fn frame_200x60() {
    insta::assert_snapshot!(frame(200, 60), @r#"
     retrain_churn  qd-01jd9w22  ✖ failed ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────── read <1m ago
      asked   manual 1h ago by ana · lasted 12m30s
      trains  churn
      why     failed at `evaluate`, attempt 1
      params  epochs=3
     STATE        TASK             TRY   LASTED  WHEN                      OPERATOR          HOST
     ✔ success    prepare          1/2    1m40s  ███                       @task             worker-3
     ✔ success      train          1/2   10m00s     ███████████████████    @task             worker-3
    ›✖ failed         evaluate     1/2      50s                        ██  @task             worker-3
     – skipped          register     –        –                            @task             worker-3
     log of `evaluate`  attempt 1  3 dropped ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────── 4 lines  ended
     13:14   reading 12,400 rows of transactions
     13:14 ▲ label coverage 0.48 is low
     13:14 ✖ Task failed with exception
     13:14 ✖ ValueError: val_auc 0.62 < 0.80
    "#);
}

#[test]
fn a_long_line_of_the_log_is_read_whole() {
    let mut world = world(PartHealth::Healthy);
    let mut page = failed(&world);
    let long = "ValueError: the recent rows hold too few labels for an evaluation, 312 of the 5000 that the task asks for";
    said(&mut page, &world, vec![line(long, "error")], 0, true);
    for (columns, rows) in [(60, 16), (80, 24), (120, 36)] {
        let shown = screen(&world.show(&mut page, columns, rows));
        let whole = ["too few labels", "that the task asks", "for"];
        assert!(whole.iter().all(|part| shown.contains(part)), "{shown}");
    }
}
