//! Training again as a person drives it: the form, the sheet, and the version that comes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::sheet_tests::{at, carried, frame, press, wrote};
use super::tests::{model, model_key, observed, polled, version};
use super::{App, Effects, settle, update};
use crate::domain::action::{Act, Plan, Verb};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::fleet::made::TAG;
use crate::domain::key::Key;
use crate::domain::model::Name;
use crate::domain::observation::{Feed, Rows};
use crate::domain::param::{Param, ParamKind, ParamValue};
use crate::domain::pipeline::{
    Ending, FailedTask, Orchestrator, Part, PartHealth, Pipeline, PipelineDetails, PipelineKey,
    PipelineRun, PipelineRunKey, PipelineState, SCHEDULER, Task,
};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::{Context, Settings, SourceKind, SourceSettings, Writes};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::keymap::Keymap;
use crate::intent::msg::{Effect, Msg};
use crate::panes::{Place, Thing};

const AIRFLOW: &str = "http://af.test";

fn pipeline() -> Pipeline {
    Pipeline {
        key: PipelineKey {
            base: Key::new(AIRFLOW),
            id: Key::new("retrain_fraud"),
        },
        name: Clean::name("retrain_fraud"),
        description: Clean::empty(),
        paused: false,
        broken: false,
        schedule: Clean::empty(),
        tags: Arc::default(),
        owners: Arc::default(),
        max_active: Some(2),
        next_run: None,
    }
}

fn run(id: &str, state: PipelineState, ms: i64) -> PipelineRun {
    PipelineRun {
        key: PipelineRunKey {
            pipeline: pipeline().key,
            id: Key::new(id),
        },
        raw_state: Clean::name(state.word()),
        kind: Clean::name("manual"),
        queued: Some(Millis(ms)),
        due: None,
        started: Some(Millis(ms)),
        ended: (!state.is_live()).then_some(Millis(ms + 1_000)),
        by: None,
        note: Clean::empty(),
        params: Arc::default(),
        failed_at: state.is_failed().then(|| FailedTask {
            task: Name::new("evaluate"),
            attempt: 1,
        }),
        state,
    }
}

fn tell(app: &mut App, source: &str, feed: Feed, ms: u64, rows: Rows) {
    let here = Arc::clone(app.context());
    let asked = i64::try_from(ms).expect("small");
    update(app, observed(&here, source, feed, asked, rows), at(ms));
    update(app, polled(&here, source, feed, asked), at(ms));
}

/// A console on a registry with a model, and an Airflow that trains it.
fn app() -> App {
    let context = Context {
        name: Clean::name("prod"),
        writes: Writes::Confirm,
        sources: vec![
            SourceSettings::new("mlflow", SourceKind::Mlflow, "http://ml.test"),
            SourceSettings::new("af", SourceKind::Airflow, AIRFLOW),
        ],
        ..Context::default()
    };
    let settings = Settings {
        contexts: BTreeMap::from([("prod".to_owned(), Arc::new(context))]),
        context: "prod".to_owned(),
        ..Settings::default()
    };
    let mut app = App::new(Arc::new(settings), Keymap::default(), (120, 36), at(0));
    tell(
        &mut app,
        "mlflow",
        Feed::Models,
        0,
        Rows::Models(vec![model("14")]),
    );
    let versions = [13, 14].map(version).to_vec();
    tell(
        &mut app,
        "mlflow",
        Feed::Versions,
        0,
        Rows::Versions(versions),
    );
    tell(
        &mut app,
        "af",
        Feed::Pipelines,
        0,
        Rows::Pipelines(vec![pipeline()]),
    );
    tell(
        &mut app,
        "af",
        Feed::PipelineRuns,
        0,
        Rows::PipelineRuns(Vec::new()),
    );
    let orchestrator = Orchestrator {
        base: Key::new(AIRFLOW),
        major: 3,
        parts: Arc::from([Part {
            name: Clean::name(SCHEDULER),
            health: PartHealth::Healthy,
            heartbeat: None,
        }]),
    };
    let rows = Rows::Orchestrators(vec![orchestrator]);
    tell(&mut app, "af", Feed::Orchestrator, 0, rows);
    app.show(Place::Models, &Thing::Model(model_key()));
    app
}

fn details() -> PipelineDetails {
    let param = |name: &str, kind, default: serde_json::Value| Param {
        name: Name::new(name),
        kind,
        nullable: false,
        default: Some(ParamValue::new(default)),
        choices: Arc::default(),
        least: None,
        most: None,
        exclusive: (false, false),
        pattern: None,
        format: None,
        description: Clean::empty(),
    };
    let epochs = Param {
        least: Some(1.0),
        most: Some(50.0),
        ..param("epochs", ParamKind::Integer, json!(3))
    };
    let sampling = Param {
        choices: [json!("recent"), json!("stratified")]
            .map(ParamValue::new)
            .into(),
        ..param("sampling", ParamKind::Text, json!("recent"))
    };
    let fresh = param("full_refresh", ParamKind::Flag, json!(false));
    PipelineDetails {
        params: vec![epochs, sampling, fresh],
        graph: Vec::new(),
    }
}

/// Answers every detail that is asked for.
fn answer(app: &mut App, effects: &Effects, ms: u64) {
    for effect in effects {
        let Effect::Fetch { source, query } = effect else {
            continue;
        };
        let result = match query {
            Query::Pipeline(_) => Ok(Detail::Pipeline(Box::new(details()))),
            Query::PipelineRuns { .. } => Ok(Detail::PipelineRuns(Vec::new())),
            Query::Produced(_) => Ok(Detail::Produced(Vec::new())),
            _ => Err(Fault::new(FaultKind::NotFound, "GET", "no such thing")),
        };
        let msg = Msg::Fetched {
            context: Arc::clone(app.context()),
            source: source.clone(),
            query: query.clone(),
            asked_at: Millis(i64::try_from(ms).expect("small")),
            result,
        };
        update(app, msg, at(ms));
    }
}

fn remark(app: &App) -> &str {
    app.notice().map_or("", |notice| notice.text.as_str())
}

fn confirmed(effects: &Effects) -> &Plan {
    let mut plans = effects.iter().filter_map(|effect| match effect {
        Effect::Write(confirmed) => Some(confirmed.plan()),
        _ => None,
    });
    plans.next_back().expect("a confirmed plan")
}

/// From the key to the confirmed plan.
fn asked_for(app: &mut App) -> Plan {
    let effects = press(app, &["t"], at(100));
    answer(app, &effects, 150);
    let form = frame(app);
    assert!(form.contains("Retrain fraud"), "{form}");
    assert!(form.contains("whole number, 1 to 50"), "{form}");
    // Out of bounds: said beside the field, and nothing goes on.
    press(app, &["0", "0"], at(200));
    press(app, &["tab", "right", "tab", "right"], at(200));
    press(app, &["enter"], at(200));
    let refused = frame(app);
    assert!(refused.contains("at most 50 expected"), "{refused}");
    press(app, &["backspace", "backspace"], at(250));
    press(app, &["tab", "tab", "enter"], at(250));
    assert!(app.asks_for_consent(), "{}", frame(app));
    let sheet = frame(app);
    assert!(sheet.contains("retrain_fraud runs as qd__"), "{sheet}");
    assert!(sheet.contains("sampling = stratified"), "{sheet}");
    app.frame_left(at(300));
    press(app, &["tab", "tab"], at(900));
    let effects = press(app, &["f", "r", "a", "u", "d", "enter"], at(900));
    assert!(wrote(&effects), "{}", frame(app));
    confirmed(&effects).clone()
}

fn done(app: &mut App, plan: &Plan) {
    for record in carried(plan.clone(), "run is queued") {
        let msg = Msg::Wrote(Arc::clone(app.context()), Millis(950), Box::new(record));
        update(app, msg, at(950));
    }
}

fn run_of(plan: &Plan) -> (String, serde_json::Value) {
    let Act::TriggerRun {
        run, parameters, ..
    } = &plan.steps[0].act
    else {
        panic!("{plan:?}")
    };
    let sent = serde_json::from_str(parameters.raw()).expect("JSON");
    (run.raw().to_owned(), sent)
}

#[test]
fn a_training_is_asked_for_in_a_form_and_its_version_is_offered_to_the_gates() {
    let mut app = app();
    let plan = asked_for(&mut app);
    let (id, sent) = run_of(&plan);
    assert_eq!(plan.verb, Verb::Retrain);
    assert_eq!(
        sent,
        json!({"sampling": "stratified", "full_refresh": true})
    );
    done(&mut app, &plan);
    press(&mut app, &["P"], at(960));
    assert!(
        remark(&app).contains("has registered a version yet"),
        "{}",
        remark(&app)
    );

    let running = vec![run(&id, PipelineState::Running, 100_000)];
    tell(
        &mut app,
        "af",
        Feed::PipelineRuns,
        100_000,
        Rows::PipelineRuns(running),
    );
    press(&mut app, &["g", "p"], at(100_100));
    assert!(
        frame(&mut app).contains("retrain_fraud  qd__"),
        "{}",
        frame(&mut app)
    );
    press(&mut app, &["esc"], at(100_150));
    let ended = PipelineState::Ended(Ending::Success);
    let ended = vec![run(&id, ended, 100_000)];
    tell(
        &mut app,
        "af",
        Feed::PipelineRuns,
        102_500,
        Rows::PipelineRuns(ended),
    );
    let effects = settle(&mut app, at(102_600));
    answer(&mut app, &effects, 102_700);
    assert!(
        !remark(&app).contains("is registered"),
        "it is not there yet"
    );
    let mut made = version(15);
    made.tags = Arc::from([(
        Clean::name(TAG),
        Clean::text(&format!("retrain_fraud/{id}")),
    )]);
    let versions = vec![version(13), version(14), made];
    tell(
        &mut app,
        "mlflow",
        Feed::Versions,
        103_000,
        Rows::Versions(versions),
    );
    tell(
        &mut app,
        "mlflow",
        Feed::Models,
        103_000,
        Rows::Models(vec![model("14")]),
    );
    settle(&mut app, at(103_100));
    assert_eq!(
        remark(&app),
        "fraud v15 is registered (a tag names the run) · P opens its gates"
    );
    press(&mut app, &["P"], at(103_200));
    assert!(
        frame(&mut app).contains("champion v14 → v15"),
        "{}",
        frame(&mut app)
    );
}

#[test]
fn a_training_that_fails_says_where_and_is_told_once() {
    let mut app = app();
    let plan = asked_for(&mut app);
    let (id, _) = run_of(&plan);
    done(&mut app, &plan);
    let failed = vec![run(&id, PipelineState::Ended(Ending::Failed), 1_000)];
    tell(
        &mut app,
        "af",
        Feed::PipelineRuns,
        2_500,
        Rows::PipelineRuns(failed),
    );
    settle(&mut app, at(2_600));
    settle(&mut app, at(2_700));
    let told = "the training of fraud ended: failed at `evaluate` · g p opens the run";
    assert_eq!(remark(&app), told);
    press(&mut app, &["j"], at(2_800));
    settle(&mut app, at(2_900));
    assert_eq!(remark(&app), "");
}

#[test]
fn without_parameters_there_is_no_form_and_whoever_leaves_gets_none() {
    let mut app = app();
    let effects = press(&mut app, &["t"], at(100));
    press(&mut app, &["1"], at(120));
    answer(&mut app, &effects, 150);
    settle(&mut app, at(160));
    assert!(!frame(&mut app).contains("Retrain fraud"));
    press(&mut app, &["2"], at(170));
    let effects = press(&mut app, &["t"], at(200));
    for effect in &effects {
        if let Effect::Fetch { source, query } = effect {
            let msg = Msg::Fetched {
                context: Arc::clone(app.context()),
                source: source.clone(),
                query: query.clone(),
                asked_at: Millis(210),
                result: Err(Fault::new(FaultKind::Forbidden, "GET details", "no")),
            };
            update(&mut app, msg, at(210));
        }
    }
    assert!(
        remark(&app).contains("its parameters are not read"),
        "{}",
        remark(&app)
    );
}

#[test]
fn runs_are_cancelled_and_tried_again_from_their_page() {
    let mut app = app();
    let rows = vec![
        run("live", PipelineState::Running, 60),
        run("bad", PipelineState::Ended(Ending::Failed), 50),
    ];
    tell(
        &mut app,
        "af",
        Feed::PipelineRuns,
        100,
        Rows::PipelineRuns(rows),
    );
    let key = |id: &str| PipelineRunKey {
        pipeline: pipeline().key,
        id: Key::new(id),
    };
    app.open(Place::PipelineRun(key("live")));
    press(&mut app, &["R"], at(150));
    assert!(
        remark(&app).contains("its tasks are not read yet"),
        "{}",
        remark(&app)
    );
    press(&mut app, &["D"], at(200));
    frame(&mut app);
    app.frame_left(at(200));
    let effects = press(&mut app, &["y"], at(900));
    assert!(wrote(&effects), "{}", frame(&mut app));
    let plan = confirmed(&effects).clone();
    assert_eq!(plan.verb, Verb::Cancel);
    done(&mut app, &plan);
    // What was asked for and what is seen are two things.
    let shown = frame(&mut app);
    assert!(shown.contains("seen: the run is still running"), "{shown}");
    press(&mut app, &["6"], at(960));
    let shown = frame(&mut app);
    assert!(shown.contains("was asked to end"), "{shown}");

    app.open(Place::PipelineRun(key("bad")));
    let effects = settle(&mut app, at(1_000));
    let task = |name: &str, state: PipelineState| Task {
        id: Key::new(name),
        name: Clean::name(name),
        map_index: None,
        raw_state: Clean::empty(),
        attempt: 1,
        attempts: 1,
        started: None,
        ended: None,
        operator: Clean::empty(),
        host: Clean::empty(),
        state,
    };
    for effect in &effects {
        if let Effect::Fetch { source, query } = effect
            && matches!(query, Query::Tasks(_))
        {
            let tasks = vec![
                task("train", PipelineState::Ended(Ending::Success)),
                task("evaluate", PipelineState::Ended(Ending::Failed)),
            ];
            let msg = Msg::Fetched {
                context: Arc::clone(app.context()),
                source: source.clone(),
                query: query.clone(),
                asked_at: Millis(1_000),
                result: Ok(Detail::Tasks(tasks)),
            };
            update(&mut app, msg, at(1_000));
        }
    }
    press(&mut app, &["D"], at(1_050));
    assert!(
        remark(&app).contains("it has ended: failed"),
        "{}",
        remark(&app)
    );
    press(&mut app, &["R"], at(1_100));
    let shown = frame(&mut app);
    assert!(
        shown.contains("it is being trained already: run live"),
        "{shown}"
    );
}

#[test]
fn undo_cancels_a_training_while_it_runs_and_leaves_one_that_has_ended() {
    let mut app = app();
    let plan = asked_for(&mut app);
    let (id, _) = run_of(&plan);
    done(&mut app, &plan);
    let live = vec![run(&id, PipelineState::Running, 1_000)];
    tell(
        &mut app,
        "af",
        Feed::PipelineRuns,
        1_000,
        Rows::PipelineRuns(live),
    );
    press(&mut app, &["z"], at(1_100));
    let shown = frame(&mut app);
    assert!(app.asks_for_consent(), "{shown}");
    assert!(shown.contains("is asked to end"), "{shown}");
    press(&mut app, &["esc"], at(1_200));
    let ended = vec![run(&id, PipelineState::Ended(Ending::Success), 1_000)];
    tell(
        &mut app,
        "af",
        Feed::PipelineRuns,
        2_500,
        Rows::PipelineRuns(ended),
    );
    press(&mut app, &["z"], at(2_600));
    assert!(!app.asks_for_consent());
    let told = remark(&app);
    assert!(told.contains("nothing of yours to undo"), "{told}");
}
