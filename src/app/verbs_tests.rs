//! Verbs as a person drives them: keys in, forms and sheets between, confirmed plans out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::sheet_tests::{at, frame, frame_of, press, wrote};
use super::tests::{model, model_key, observed, polled, version};
use super::{App, Effects, update};
use crate::domain::action::{Act, Plan, Verb};
use crate::domain::alert::{Alert, AlertKey, AlertState};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::gate::{Evidence, Gate, grammar};
use crate::domain::key::{Key, ModelKey, SourceId, VersionKey};
use crate::domain::level::Level;
use crate::domain::mark::{self, Mark};
use crate::domain::model::{ModelVersion, RegisteredModel};
use crate::domain::observation::{Feed, Right, Rows};
use crate::domain::query::Query;
use crate::domain::settings::{Context, Settings, SourceKind, SourceSettings, Writes};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::keymap::Keymap;
use crate::intent::msg::{Effect, Msg};
use crate::panes::{Place, Thing};
use crate::ui::symbols::Symbols;

/// A console on a registry with a model and an Alertmanager with an alert of it.
pub(super) fn app() -> App {
    app_with(|_| {})
}

/// The same with other settings.
pub(super) fn app_with(change: impl FnOnce(&mut Context)) -> App {
    let source = |name, kind| SourceSettings::new(name, kind, &format!("http://{name}.test"));
    let mut context = Context {
        name: Clean::name("prod"),
        writes: Writes::Confirm,
        claims: Some(false),
        sources: vec![
            SourceSettings::new("mlflow", SourceKind::Mlflow, "http://ml.test"),
            source("am", SourceKind::Alertmanager),
        ],
        ..Context::default()
    };
    change(&mut context);
    let settings = Settings {
        contexts: BTreeMap::from([("prod".to_owned(), Arc::new(context))]),
        context: "prod".to_owned(),
        ..Settings::default()
    };
    let mut app = App::new(Arc::new(settings), Keymap::default(), (120, 36), at(0));
    look(&mut app, "13", 0);
    let here = Arc::clone(app.context());
    let rows = Rows::Alerts(vec![alert()]);
    update(
        &mut app,
        observed(&here, "am", Feed::Alerts, 0, rows),
        at(0),
    );
    update(&mut app, polled(&here, "am", Feed::Alerts, 0), at(0));
    app.show(Place::Models, &Thing::Model(model_key()));
    app
}

fn other_key() -> ModelKey {
    ModelKey {
        name: Key::new("churn"),
        ..model_key()
    }
}

fn other() -> RegisteredModel {
    RegisteredModel {
        key: other_key(),
        name: Clean::name("churn"),
        ..model("2")
    }
}

fn other_version(number: u64) -> ModelVersion {
    let own = version(number);
    ModelVersion {
        key: VersionKey {
            model: other_key(),
            ..own.key.clone()
        },
        ..own
    }
}

/// What the registry says at a second: who is champion of versions 13 to 15.
fn look(app: &mut App, champion: &str, second: i64) {
    let here = Arc::clone(app.context());
    let mut versions = [13, 14, 15].map(version).to_vec();
    versions.extend([2, 3].map(other_version));
    let ms = second * 1_000;
    let now = at(second.unsigned_abs() * 1_000);
    for msg in [
        observed(
            &here,
            "mlflow",
            Feed::Models,
            ms,
            Rows::Models(vec![model(champion), other()]),
        ),
        observed(
            &here,
            "mlflow",
            Feed::Versions,
            ms,
            Rows::Versions(versions),
        ),
        polled(&here, "mlflow", Feed::Models, ms),
        polled(&here, "mlflow", Feed::Versions, ms),
    ] {
        update(app, msg, now);
    }
}

fn alert() -> Alert {
    Alert {
        key: AlertKey {
            source: SourceId::new("am"),
            fingerprint: Key::new("f1"),
        },
        name: Clean::name("HighErrorRate"),
        model: Some(Key::new("fraud")),
        version: None,
        severity: Clean::name("critical"),
        level: Level::Crit,
        state: AlertState::Firing,
        since: Millis(1),
        summary: Clean::text("errors are high"),
        runbook: None,
        dashboard: None,
        labels: Arc::from([(Clean::name("model"), Clean::name("fraud"))]),
        value: None,
        rule: None,
        silences: Arc::from([]),
        group: Clean::empty(),
    }
}

/// Lets the frame of an opened sheet leave, and the time pass in which it hears nothing.
fn seen(app: &mut App, ms: u64) -> String {
    assert!(app.asks_for_consent(), "{:?}", app.notice());
    let shown = frame(app);
    app.frame_left(at(ms));
    shown
}

pub(super) fn typed(app: &mut App, text: &str, ms: u64) -> Effects {
    let keys: Vec<String> = text
        .chars()
        .map(|c| {
            if c == ' ' {
                "space".to_owned()
            } else {
                c.to_string()
            }
        })
        .collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    press(app, &keys, at(ms))
}

fn plan(effects: &Effects) -> &Plan {
    let mut plans = effects.iter().filter_map(|effect| match effect {
        Effect::Write(confirmed) => Some(confirmed.plan()),
        _ => None,
    });
    plans.next_back().expect("a confirmed plan")
}

fn remark(app: &App) -> &str {
    app.notice().map_or("", |notice| notice.text.as_str())
}

/// Answers every detail that is asked for with a refusal.
fn refuse(app: &mut App, effects: &Effects, ms: u64) -> Vec<Query> {
    let mut asked = Vec::new();
    for effect in effects {
        if let Effect::Fetch { source, query } = effect {
            let msg = Msg::Fetched {
                context: Arc::clone(app.context()),
                source: source.clone(),
                query: query.clone(),
                asked_at: Millis(i64::try_from(ms).expect("small")),
                result: Err(Fault::new(FaultKind::NotFound, "GET", "no such file")),
            };
            update(app, msg, at(ms));
            asked.push(query.clone());
        }
    }
    asked
}

#[test]
fn promote_reads_what_its_gates_need_and_asks_for_a_reason_where_one_is_unknown() {
    let mut app = app();
    let effects = press(&mut app, &["p"], at(100));
    assert!(seen(&mut app, 100).contains("champion v13 → v15"));
    let asked = refuse(&mut app, &effects, 200);
    let package = |version: &str| {
        Query::Package(VersionKey {
            model: model_key(),
            version: Key::new(version),
        })
    };
    assert!(
        asked.contains(&package("15")) && asked.contains(&package("13")),
        "{asked:?}"
    );
    let shown = seen(&mut app, 300);
    assert!(
        shown.contains("asks for a reason: gate signature"),
        "{shown}"
    );
    // The name alone does not pass a gate.
    press(&mut app, &["tab", "tab"], at(900));
    typed(&mut app, "fraud", 900);
    assert!(!wrote(&press(&mut app, &["enter"], at(900))));
    press(&mut app, &["tab", "tab"], at(900));
    typed(&mut app, "known good", 900);
    let effects = press(&mut app, &["enter", "enter"], at(900));
    assert!(wrote(&effects), "{}", frame(&mut app));
    let plan = plan(&effects);
    assert_eq!(plan.verb, Verb::Promote);
    let overridden: Vec<_> = plan
        .gates
        .iter()
        .filter(|g| g.overridden.is_some())
        .collect();
    assert!(!overridden.is_empty(), "{:?}", plan.gates);
    assert!(plan.wanting.is_empty());
    let told = plan.steps.iter().any(|step| match &step.act {
        Act::SetTag { key, to, .. } => {
            key.raw() == "quarterdeck.promoted_reason" && to.raw() == "known good"
        }
        _ => false,
    });
    assert!(told, "teammates see why");
}

#[test]
fn facts_that_say_the_same_leave_what_was_typed_and_others_take_it_back() {
    let mut app = app();
    let effects = press(&mut app, &["p"], at(100));
    refuse(&mut app, &effects, 100);
    seen(&mut app, 100);
    press(&mut app, &["tab"], at(700));
    typed(&mut app, "why", 700);
    press(&mut app, &["tab"], at(700));
    typed(&mut app, "fraud", 700);
    look(&mut app, "13", 1);
    assert!(
        frame(&mut app).contains("type fraud  fraud"),
        "{}",
        frame(&mut app)
    );
    look(&mut app, "14", 2);
    let shown = frame(&mut app);
    assert!(
        shown.contains("the plan has changed, read it again: it is now champion v14 → v15"),
        "{shown}"
    );
    assert!(!wrote(&press(&mut app, &["enter"], at(2_900))));
}

#[test]
fn another_version_and_alias_can_be_chosen_from_the_sheet() {
    let mut app = app();
    press(&mut app, &["p"], at(100));
    seen(&mut app, 100);
    press(&mut app, &["c"], at(700));
    press(&mut app, &["ctrl-u"], at(700));
    typed(&mut app, "v99", 700);
    press(&mut app, &["enter", "enter"], at(700));
    assert!(frame(&mut app).contains("the registry holds no v99"));
    press(&mut app, &["ctrl-u"], at(700));
    typed(&mut app, "14", 700);
    press(&mut app, &["enter", "ctrl-u"], at(700));
    typed(&mut app, "shadow", 700);
    press(&mut app, &["enter"], at(700));
    assert!(seen(&mut app, 800).contains("shadow none → v14"));
    // Leaving the sheet goes back to the form, with what was typed.
    press(&mut app, &["esc"], at(1_500));
    assert!(frame(&mut app).contains("shadow"));
    press(&mut app, &["esc"], at(1_500));
    assert_eq!(remark(&app), "nothing was changed");
}

/// What a dialog shows, its lines put together again.
fn unwrapped(shown: &str) -> String {
    let lines = shown.lines().filter_map(|line| {
        let (_, inner) = line.split_once('│')?;
        Some(inner.split('│').next()?.trim().to_owned())
    });
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn roll_back_offers_every_version_with_what_is_known_of_it() {
    let mut app = app();
    look(&mut app, "14", 60);
    press(&mut app, &["b"], at(61_000));
    let shown = frame(&mut app);
    assert!(shown.contains("Roll back to"), "{shown}");
    assert!(
        shown.contains("› none is known to have been good"),
        "{shown}"
    );
    assert!(shown.contains("v13"), "{shown}");
    assert!(!shown.contains("v15"), "what is newer is promoted: {shown}");
    assert!(!shown.contains("v14   never known"), "{shown}");
    press(&mut app, &["enter"], at(61_000));
    assert!(!app.asks_for_consent(), "nobody has chosen yet");
    assert_eq!(
        remark(&app),
        "none is known to have been good: choose one below"
    );
    press(&mut app, &["down"], at(61_000));
    for (columns, rows) in [(60, 16), (80, 24), (120, 36)] {
        let shown = unwrapped(&frame_of(&mut app, columns, rows));
        assert!(
            shown.contains(
                "v13 is not known to have been good: held the alias ≥0m, nobody watched, 1 alert"
            ),
            "{shown}"
        );
    }
    press(&mut app, &["enter"], at(61_000));
    assert!(seen(&mut app, 61_000).contains("champion v14 → v13"));
    press(&mut app, &["tab", "tab"], at(62_000));
    typed(&mut app, "fraud", 62_000);
    let effects = press(&mut app, &["enter"], at(62_000));
    assert_eq!(plan(&effects).verb, Verb::RollBack);
}

#[test]
fn an_alert_is_silenced_with_a_comment_and_one_key() {
    let mut app = app();
    press(&mut app, &["s"], at(100));
    let shown = frame(&mut app);
    assert!(shown.contains("Silence HighErrorRate"), "{shown}");
    press(&mut app, &["enter", "enter", "enter"], at(100));
    assert!(frame(&mut app).contains("a silence needs a comment"));
    typed(&mut app, "bad deploy", 100);
    press(&mut app, &["enter"], at(100));
    let shown = seen(&mut app, 100);
    assert!(shown.contains("HighErrorRate"), "{shown}");
    assert!(!wrote(&press(&mut app, &["y"], at(300))), "not yet read");
    let effects = press(&mut app, &["y"], at(700));
    let plan = plan(&effects);
    assert!(matches!(&plan.steps[0].act, Act::Silence { matchers, .. } if matchers.len() == 2));
}

#[test]
fn acknowledging_freezing_and_editing_go_through_their_forms() {
    let mut app = app();
    press(&mut app, &["a"], at(100));
    press(&mut app, &["enter", "enter"], at(100));
    seen(&mut app, 100);
    let effects = press(&mut app, &["y"], at(700));
    assert_eq!(plan(&effects).verb, Verb::Acknowledge);
    press(&mut app, &[":"], at(800));
    typed(&mut app, "act.freeze", 800);
    press(&mut app, &["enter", "enter", "enter"], at(800));
    assert!(frame(&mut app).contains("a freeze needs a reason"));
    typed(&mut app, "release", 800);
    press(&mut app, &["enter"], at(800));
    seen(&mut app, 800);
    press(&mut app, &["tab"], at(1_400));
    typed(&mut app, "fraud", 1_400);
    let effects = press(&mut app, &["enter"], at(1_400));
    assert_eq!(plan(&effects).verb, Verb::Freeze);
    press(&mut app, &["e"], at(1_500));
    press(&mut app, &["enter", "enter", "enter"], at(1_500));
    assert!(frame(&mut app).contains("nothing is changed yet"));
    press(&mut app, &["down"], at(1_500));
    typed(&mut app, "team", 1_500);
    press(&mut app, &["enter"], at(1_500));
    typed(&mut app, "risk", 1_500);
    press(&mut app, &["enter"], at(1_500));
    seen(&mut app, 1_500);
    let effects = press(&mut app, &["y"], at(2_100));
    assert_eq!(plan(&effects).verb, Verb::Edit);
}

#[test]
fn approving_reads_the_evidence_that_it_is_bound_to_first() {
    let mut app = app();
    press(&mut app, &["A"], at(100));
    let effects = press(&mut app, &["enter", "enter", "enter", "enter"], at(100));
    assert!(
        frame(&mut app).contains("still being read"),
        "{}",
        frame(&mut app)
    );
    refuse(&mut app, &effects, 200);
    let shown = seen(&mut app, 300);
    assert!(
        shown.contains("Approve fraud   approval of champion v13 → v15"),
        "{shown}"
    );
    press(&mut app, &["tab"], at(900));
    typed(&mut app, "fraud", 900);
    let effects = press(&mut app, &["enter"], at(900));
    let plan = plan(&effects);
    assert_eq!(plan.verb, Verb::Approve);
    assert!(matches!(&plan.steps[0].act, Act::SetTag { .. }));
}

#[test]
fn versions_that_were_not_read_are_not_taken_for_none() {
    for (read, words) in [
        (
            false,
            "the versions of fraud are not known: mlflow has not been read yet",
        ),
        (true, "fraud has no other version"),
    ] {
        let context = Context {
            name: Clean::name("prod"),
            writes: Writes::Confirm,
            sources: vec![SourceSettings::new(
                "mlflow",
                SourceKind::Mlflow,
                "http://ml.test",
            )],
            ..Context::default()
        };
        let settings = Settings {
            contexts: BTreeMap::from([("prod".to_owned(), Arc::new(context))]),
            context: "prod".to_owned(),
            ..Settings::default()
        };
        let mut app = App::new(Arc::new(settings), Keymap::default(), (120, 36), at(0));
        let here = Arc::clone(app.context());
        let models = Rows::Models(vec![model("13")]);
        update(
            &mut app,
            observed(&here, "mlflow", Feed::Models, 0, models),
            at(0),
        );
        update(&mut app, polled(&here, "mlflow", Feed::Models, 0), at(0));
        if read {
            update(&mut app, polled(&here, "mlflow", Feed::Versions, 0), at(0));
        }
        app.show(Place::Models, &Thing::Model(model_key()));
        press(&mut app, &["b"], at(100));
        let told = app.notice().map(|n| n.text.to_string());
        assert_eq!(told, Some(format!("roll back: {words}")));
    }
}

#[test]
fn a_right_that_is_known_to_be_missing_dims_the_verb() {
    let mut app = app();
    let denied = vec![(Clean::name("move-alias"), Right::Denied)];
    app.fleet_mut().set_rights(&SourceId::new("mlflow"), denied);
    press(&mut app, &["p"], at(100));
    assert!(!app.asks_for_consent());
    assert!(
        remark(&app).contains(
            "this account lacks EDIT on the model fraud at mlflow: have it granted there, then press r"
        ),
        "{}",
        remark(&app)
    );
}

#[test]
fn marked_models_are_promoted_by_one_plan_each_under_one_consent() {
    let mut app = app();
    press(&mut app, &["g", "g", "space", "space"], at(100));
    let effects = press(&mut app, &["p"], at(100));
    refuse(&mut app, &effects, 100);
    let shown = seen(&mut app, 100);
    assert!(shown.contains("Promote 2 models"), "{shown}");
    assert!(shown.contains("champion v13 → v15") || shown.contains("champion v2 → v3"));
    press(&mut app, &["tab"], at(700));
    typed(&mut app, "known good", 700);
    press(&mut app, &["tab"], at(700));
    typed(&mut app, "fraud", 700);
    assert!(!wrote(&press(&mut app, &["enter"], at(700))));
    let shown = frame(&mut app);
    assert!(shown.contains("what was typed is not 2 models"), "{shown}");
    press(&mut app, &["ctrl-u"], at(700));
    typed(&mut app, "2 models", 700);
    let effects = press(&mut app, &["enter"], at(700));
    let written = effects.iter().filter(|e| matches!(e, Effect::Write(_)));
    assert_eq!(written.count(), 2, "{}", frame(&mut app));
}

#[test]
fn what_is_marked_and_cannot_be_promoted_is_named() {
    let mut app = app();
    look(&mut app, "15", 1);
    press(&mut app, &["g", "g", "space", "space"], at(1_100));
    let effects = press(&mut app, &["p"], at(1_100));
    refuse(&mut app, &effects, 1_100);
    assert!(app.asks_for_consent(), "{:?}", app.notice());
    let shown = frame_of(&mut app, 80, 24);
    assert!(shown.contains("Promote churn"), "{shown}");
    assert!(
        shown.contains("left out: fraud: no ready version newer than what @champion names"),
        "{shown}"
    );
}

#[test]
fn a_choice_draws_ascii_where_the_terminal_has_nothing_else() {
    let mut app = app();
    look(&mut app, "14", 60);
    press(&mut app, &["b"], at(61_000));
    let shown = super::sheet_tests::frame_with(&mut app, &Symbols::ASCII, 80, 24);
    assert!(shown.contains("Roll back to"), "{shown}");
    assert!(shown.is_ascii(), "{shown}");
}

/// A promotion whose gates could not all be read, on its sheet.
fn considered() -> App {
    let mut app = app();
    let effects = press(&mut app, &["p"], at(100));
    refuse(&mut app, &effects, 200);
    app
}

#[test]
fn the_gate_sheet_is_whole_on_small_screens() {
    let mut app = considered();
    insta::assert_snapshot!(frame_of(&mut app, 60, 16), @r"
    ┌─ Promote fraud   champion v13 → v15 ───────── 1-3 of 28 ─┐
    │                                                          │
    │  GATE          CANDIDATE  VERDICT                        │
    │  performance              ? unknown  v15 names no run    │
    │  signature                ? unknown                      │
    │                                                          │
    │  asks for a reason: gate performance: unknown, v15       │
    │                     names no run                         │
    │  and 1 more                                              │
    │  reason for passing performance, sign…  tab goes here    │
    │  type fraud                                              │
    │                                                          │
    │  esc leave it as it is   tab next field   enter do it    │
    └──────────────────────────────────────────────────────────┘

     ↵ open   / filter   p promote   ? all keys   q leave
    ");
    insta::assert_snapshot!(frame_of(&mut app, 80, 24), @r"
    ┌─ Promote fraud   champion v13 → v15 ───────────── 1-10 of 23 · read <1m ago ─┐
    │                                                                              │
    │  GATE          CANDIDATE  VERDICT                                            │
    │  performance              ? unknown  v15 names no run                        │
    │  signature                ? unknown                                          │
    │      the package of v15 cannot be read: not found: no such file (GET)        │
    │  reproducible  - - ! -    ▲ warn                                             │
    │      git missing: no run is known; data missing: no run is known; model      │
    │      broken: the package cannot be read; environment missing: no image and   │
    │      no package is known                                                     │
    │  ready         ready      ✔ pass  ready                                      │
    │                                                                              │
    │                                                                              │
    │  asks for a reason: gate performance: unknown, v15 names no run              │
    │  asks for a reason: gate signature: unknown, the package of v15 cannot be    │
    │                     read: not found: no such file (GET)                      │
    │  1 mlflow  alias champion of fraud: v13 → v15                                │
    │  reason for passing performance, signature  tab goes here                    │
    │  type fraud                                                                  │
    │                                                                              │
    │  esc leave it as it is   tab next field   enter do it   @ exact requests     │
    └──────────────────────────────────────────────────────────────────────────────┘

     ↵ open   / filter   p promote   S sort   H history   ? all keys   q leave
    ");
}

#[test]
fn the_gate_sheet_is_whole_on_large_screens() {
    let mut app = considered();
    insta::assert_snapshot!(frame_of(&mut app, 120, 36), @r"
     quarterdeck  prod   am ●  mlflow ●                                                          ✖ 1 crit   · 1 ok   00:00Z
     1 Triage  2 Models  3 Experiments  4 Drift  5 Deployments  6 Pipelines  8 Journal                         last 6h  < >
    ┌─ Promote fraud   champion v13 → v15 ────────────────────────────────────────────────────────────────── read <1m ago ─┐
    │                                                                                                                      │
    │  GATE          RULE        CHAMPION  CANDIDATE  VERDICT                                                              │
    │  performance   drop ≤ 1 %                       ? unknown  v15 names no run                                          │
    │  signature     compatible                       ? unknown                                                            │
    │      the package of v15 cannot be read: not found: no such file (GET)                                                │
    │  reproducible  complete    - - ! -   - - ! -    ▲ warn                                                               │
    │      git missing: no run is known; data missing: no run is known; model broken: the package cannot be read;          │
    │      environment missing: no image and no package is known                                                           │
    │  ready         = ready     ready     ready      ✔ pass  ready                                                        │
    │                                                                                                                      │
    │  an alias move alone changes nothing that serves                                                                     │
    │  no endpoint follows @champion                                                                                       │
    │  no claim is made: of two who move it at once, the last one wins                                                     │
    │                                                                                                                      │
    │  1 mlflow  alias champion of fraud: v13 → v15                                                                        │
    │  2 mlflow  tag quarterdeck.promoted_as of fraud v15 = champion  (best effort)                                        │
    │  3 mlflow  tag quarterdeck.promoted_from of fraud v15 = 13  (best effort)                                            │
    │  4 mlflow  tag quarterdeck.promoted_by of fraud v15 = @  (best effort)                                               │
    │  5 mlflow  tag quarterdeck.promoted_at of fraud v15 = 1970-01-01T00:00:00Z  (best effort)                            │
    │  6 mlflow  tag quarterdeck.demoted_at of fraud v13 = 1970-01-01T00:00:00Z  (best effort)                             │
    │                                                                                                                      │
    │  asks for a reason: gate performance: unknown, v15 names no run                                                      │
    │  asks for a reason: gate signature: unknown, the package of v15 cannot be read: not found: no such file (GET)        │
    │  reason for passing performance, signature  tab goes here                                                            │
    │  type fraud                                                                                                          │
    │                                                                                                                      │
    │  esc leave it as it is   tab next field   enter do it   @ exact requests   c another version   r read anew           │
    └──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────┘




     ↵ open   / filter   p promote   S sort   H history   space mark   esc back   ? all keys   q leave
    ");
    insta::assert_snapshot!(frame_of(&mut app, 200, 60), @r"
     quarterdeck  prod   am ●  mlflow ●                                                                                                                                          ✖ 1 crit   · 1 ok   00:00Z
     1 Triage  2 Models  3 Experiments  4 Drift  5 Deployments  6 Pipelines  8 Journal                                                                                                         last 6h  < >
     LEVEL▾  MODEL         CHAMPION  CHALLENGER  SERVED  SKEW                  DRIFT    ERR%      P95ms   REQ/s  ALERTS    METRIC   VALUE    MOVED  NEWEST     READ     SINCE  OWNER
    ›✖ crit  fraud         v13       –           –       –                         –       –          –       –  ✖1        –            –        –  v15   <1m  live       <1m  –
     · ok    churn         v2        –           –       –                         –       –          –       –  –         –            –        –  v3    <1m  live         –  –







                                   ┌─ Promote fraud   champion v13 → v15 ──────────────────────────────────────────────────────────────────────────────────── read <1m ago ─┐
                                   │                                                                                                                                        │
                                   │  GATE          RULE        CHAMPION  CANDIDATE  VERDICT                                                                                │
                                   │  performance   drop ≤ 1 %                       ? unknown  v15 names no run                                                            │
                                   │  signature     compatible                       ? unknown  the package of v15 cannot be read: not found: no such file (GET)            │
                                   │  reproducible  complete    - - ! -   - - ! -    ▲ warn                                                                                 │
                                   │      git missing: no run is known; data missing: no run is known; model broken: the package cannot be read; environment missing: no    │
                                   │      image and no package is known                                                                                                     │
                                   │  ready         = ready     ready     ready      ✔ pass  ready                                                                          │
                                   │                                                                                                                                        │
                                   │  an alias move alone changes nothing that serves                                                                                       │
                                   │  no endpoint follows @champion                                                                                                         │
                                   │  no claim is made: of two who move it at once, the last one wins                                                                       │
                                   │                                                                                                                                        │
                                   │  1 mlflow  alias champion of fraud: v13 → v15                                                                                          │
                                   │  2 mlflow  tag quarterdeck.promoted_as of fraud v15 = champion  (best effort)                                                          │
                                   │  3 mlflow  tag quarterdeck.promoted_from of fraud v15 = 13  (best effort)                                                              │
                                   │  4 mlflow  tag quarterdeck.promoted_by of fraud v15 = @  (best effort)                                                                 │
                                   │  5 mlflow  tag quarterdeck.promoted_at of fraud v15 = 1970-01-01T00:00:00Z  (best effort)                                              │
                                   │  6 mlflow  tag quarterdeck.demoted_at of fraud v13 = 1970-01-01T00:00:00Z  (best effort)                                               │
                                   │                                                                                                                                        │
                                   │  asks for a reason: gate performance: unknown, v15 names no run                                                                        │
                                   │  asks for a reason: gate signature: unknown, the package of v15 cannot be read: not found: no such file (GET)                          │
                                   │  reason for passing performance, signature  tab goes here                                                                              │
                                   │  type fraud                                                                                                                            │
                                   │                                                                                                                                        │
                                   │  esc leave it as it is   tab next field   enter do it   @ exact requests   c another version   r read anew                             │
                                   └────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────┘












     fraud ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      ✖ crit  HighErrorRate firing: errors are high  <1m  am





     ↵ open   / filter   p promote   S sort   H history   space mark   esc back   ? all keys   q leave
    ");
}

#[test]
fn a_form_is_whole_at_every_size() {
    let mut app = app();
    press(&mut app, &["s"], at(100));
    insta::assert_snapshot!(frame_of(&mut app, 60, 16), @r#"
     quarterdeck  prod   ● 2 live    ✖ 1 crit   · 1 ok   00:00Z
    ┌─ Silence HighErrorRate ──────────────────────────────────┐
    │                                                          │
    │  am mutes; the alert goes on firing                      │
    │                                                          │
    │  matchers  alertname="HighErrorRate", model="fraud"      │
    │  for       2h                                            │
    │  comment   whoever looks for the alert will read it      │
    │                                                          │
    │  label=value, label!=value, label=~pattern, label!~pat…  │
    │                                                          │
    │  esc leave it as it is   tab next field   enter go on    │
    └──────────────────────────────────────────────────────────┘


     ↵ open   / filter   p promote   ? all keys   q leave
    "#);
    insta::assert_snapshot!(frame_of(&mut app, 80, 24), @r#"
     quarterdeck  prod   am ●  mlflow ●                  ✖ 1 crit   · 1 ok   00:00Z
     1 Triage 2 Models 3 Experiments 4 Drift 5 Deployments 6 Pipelines 8 Journal
     LEVEL▾  MODEL         CHAMPION  SERVED  SKEW                  DRIFT    ERR%
    ›✖ crit  fraud         v13       –       –                         –       –
    ┌─ Silence HighErrorRate ──────────────────────────────────────────────────────┐
    │                                                                              │
    │  am mutes; the alert goes on firing                                          │
    │                                                                              │
    │  matchers  alertname="HighErrorRate", model="fraud"                          │
    │  for       2h                                                                │
    │  comment   whoever looks for the alert will read it                          │
    │                                                                              │
    │  label=value, label!=value, label=~pattern, label!~pattern; all must match   │
    │                                                                              │
    │  esc leave it as it is   tab next field   enter go on                        │
    └──────────────────────────────────────────────────────────────────────────────┘







     ↵ open   / filter   p promote   S sort   H history   ? all keys   q leave
    "#);
}

/// Who the row under the cursor is about, once a worse one has come.
fn chosen_after(keys: &[&str]) -> Option<Thing> {
    let mut app = app();
    let here = Arc::clone(app.context());
    let mild = Alert {
        level: Level::Warn,
        ..alert()
    };
    let worse = Alert {
        key: AlertKey {
            fingerprint: Key::new("f2"),
            ..mild.key.clone()
        },
        model: Some(Key::new("churn")),
        level: Level::Crit,
        labels: Arc::from([(Clean::name("model"), Clean::name("churn"))]),
        ..alert()
    };
    let told = |ms, rows| observed(&here, "am", Feed::Alerts, ms, Rows::Alerts(rows));
    update(&mut app, told(1, vec![mild.clone()]), at(1));
    app.open(Place::Triage);
    press(&mut app, keys, at(100));
    update(&mut app, told(200, vec![mild, worse]), at(200));
    app.with_pane(|pane, cx| pane.selected(cx))
}

#[test]
fn the_cursor_stays_on_what_a_verb_was_meant_for() {
    let about = |model| Some(Thing::Model(model));
    assert_eq!(chosen_after(&[]), about(other_key()), "else on the worst");
    assert_eq!(chosen_after(&["a", "esc"]), about(model_key()));
}

#[test]
fn marks_of_a_model_show_where_its_trouble_shows_and_on_its_page() {
    let mut app = app();
    let mark = |by: &str, reason: &str| {
        let mark = Mark {
            by: Clean::name(by),
            at: Millis(0),
            until: Millis(3_600_000),
            reason: Clean::text(reason),
        };
        Clean::text(&mark.write())
    };
    let marked = RegisteredModel {
        tags: Arc::from([
            (Clean::name(mark::ACKNOWLEDGED), mark("ben", "on it")),
            (Clean::name(mark::FREEZE), mark("ana", "release")),
        ]),
        ..model("13")
    };
    let here = Arc::clone(app.context());
    let rows = Rows::Models(vec![marked, other()]);
    update(
        &mut app,
        observed(&here, "mlflow", Feed::Models, 5, rows),
        at(5),
    );
    app.open(Place::Triage);
    press(&mut app, &["down"], at(10));
    let shown = frame_of(&mut app, 120, 36);
    assert!(shown.contains("frozen · acknowledged · "), "{shown}");
    assert!(shown.contains("frozen by ana until"), "{shown}");
    assert!(shown.contains("acknowledged by ben until"), "{shown}");
    press(&mut app, &["enter"], at(20));
    let shown = frame_of(&mut app, 80, 24);
    assert!(shown.contains("marked  frozen by ana until"), "{shown}");
    assert!(
        shown.contains("marked  acknowledged by ben until"),
        "{shown}"
    );
    app.open(Place::Models);
    for columns in [80, 120] {
        let shown = frame_of(&mut app, columns, 24);
        assert!(shown.contains("crit  fraud frozen"), "{shown}");
    }
}

#[test]
fn where_a_gate_asks_for_a_signature_the_sheet_has_the_command_that_gives_it() {
    let mut app = app_with(|context| {
        let rule = grammar::rule(&Evidence::Approval, "verified").expect("a rule");
        let gate = Gate::new("second-person", Evidence::Approval, rule);
        context.gates.insert("second-person".to_owned(), gate);
        context.policy.gates = Some(vec!["second-person".to_owned()]);
    });
    press(&mut app, &["A"], at(100));
    press(&mut app, &["tab", "tab", "tab"], at(100));
    typed(&mut app, "it's fine", 100);
    let effects = press(&mut app, &["enter"], at(100));
    refuse(&mut app, &effects, 200);
    let shown = seen(&mut app, 300);
    assert!(shown.contains("copy the signing command"), "{shown}");
    let effects = press(&mut app, &["y"], at(900));
    let Some(Effect::Copy(command)) = effects.first() else {
        panic!("{effects:?}")
    };
    let is = "quarterdeck approve fraud --to 15 --alias champion --for 24h00m --reason 'it'\\''s fine' \
        --context prod --sign ~/.ssh/id_ed25519 --yes";
    assert_eq!(command.as_str(), is);
    assert!(app.asks_for_consent(), "it stays open");
}

/// Polls of the versions that found nobody, the first at so many milliseconds; the models' feed is not yet
/// due again.
fn refused(app: &mut App, ms: i64, times: i64) {
    for n in 0..times {
        let Msg::Polled(mut report) = polled(app.context(), "mlflow", Feed::Versions, ms + n)
        else {
            unreachable!("a report");
        };
        report.fault = Some(Fault::new(FaultKind::Unreachable, "GET", "refused"));
        let now = at((ms + n).unsigned_abs());
        update(app, Msg::Polled(report), now);
    }
}

#[test]
fn a_registry_that_nobody_answers_for_blocks_what_rests_on_it() {
    let mut app = app();
    let effects = press(&mut app, &["p"], at(100));
    refuse(&mut app, &effects, 100);
    seen(&mut app, 100);
    assert!(!frame(&mut app).contains("cannot be done"));
    refused(&mut app, 200, 1);
    assert!(
        !frame(&mut app).contains("cannot be done"),
        "one is a hiccup"
    );
    refused(&mut app, 300, 1);
    let shown = frame(&mut app);
    assert!(
        shown.contains("cannot be done: mlflow does not answer"),
        "{shown}"
    );
    press(&mut app, &["tab"], at(1_000));
    typed(&mut app, "why", 1_000);
    press(&mut app, &["tab"], at(1_000));
    typed(&mut app, "fraud", 1_000);
    assert!(!wrote(&press(&mut app, &["enter"], at(1_000))));
}
