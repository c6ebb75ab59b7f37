//! The root as its users drive it: messages and keys in, places, remarks and effects out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{App, Effects, update, view};
use crate::domain::deployment::{EndpointReading, Health, Known, ServedState, ServedVersion};
use crate::domain::key::{DeploymentKind, Key, ModelKey, RegistryKey, SourceId, VersionKey};
use crate::domain::model::{Alias, ModelVersion, Name, RegisteredModel, VersionStatus};
use crate::domain::observation::{
    ContextRef, Coverage, Feed, Observation, PollReport, Rows, Scope,
};
use crate::domain::query::Query;
use crate::domain::settings::{
    Context, DeploymentSettings, Follows, Rollout, Settings, SourceKind, SourceSettings,
};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::intent::chord::Chord;
use crate::intent::command::COMMANDS;
use crate::intent::keymap::Keymap;
use crate::intent::msg::{Effect, Msg};
use crate::panes::Place;
use crate::ui::look::Look;
use crate::ui::symbols::Symbols;
use crate::ui::theme::{Depth, Theme};

fn context(name: &str) -> Context {
    Context {
        name: Clean::name(name),
        sources: vec![
            SourceSettings::new("mlflow", SourceKind::Mlflow, "http://ml.test"),
            SourceSettings::new(
                "fraud-eu",
                SourceKind::Serving(DeploymentKind::V2),
                "http://serve.test",
            ),
        ],
        deployments: vec![DeploymentSettings {
            name: "fraud-eu".to_owned(),
            kind: DeploymentKind::V2,
            url: "http://serve.test".to_owned(),
            model: Some("fraud".to_owned()),
            served_name: None,
            follows: Follows::Default,
            environment: None,
            version_map: None,
            declared_version: None,
            hold: None,
            rollout: Rollout::None,
            hook: None,
        }],
        ..Context::default()
    }
}

fn app() -> App {
    let settings = Settings {
        contexts: BTreeMap::from([
            ("prod".to_owned(), Arc::new(context("prod"))),
            ("staging".to_owned(), Arc::new(context("staging"))),
        ]),
        context: "prod".to_owned(),
        ..Settings::default()
    };
    App::new(Arc::new(settings), Keymap::default(), (120, 36), at(0))
}

fn at(second: u64) -> Now {
    Now {
        wall: Millis(i64::try_from(second).expect("small") * 1_000),
        mono: Duration::from_secs(second),
    }
}

pub(super) fn model_key() -> ModelKey {
    let base = Key::new("http://ml.test");
    ModelKey {
        registry: Arc::new(RegistryKey {
            base,
            workspace: Key::new(""),
        }),
        name: Key::new("fraud"),
        created: Millis(1),
    }
}

pub(super) fn model(champion: &str) -> RegisteredModel {
    RegisteredModel {
        key: model_key(),
        name: Clean::name("fraud"),
        updated: Millis(1),
        description: Clean::empty(),
        tags: Arc::from([]),
        aliases: Arc::from([Alias {
            name: Name::new("champion"),
            version: Key::new(champion),
        }]),
    }
}

pub(super) fn version(number: u64) -> ModelVersion {
    ModelVersion {
        key: VersionKey {
            model: model_key(),
            version: Key::new(&number.to_string()),
        },
        version: Clean::name(&number.to_string()),
        created: Millis(i64::try_from(number).expect("small")),
        updated: Millis(1),
        stage: None,
        description: Clean::empty(),
        source: Clean::empty(),
        run: None,
        logged_model: None,
        status: VersionStatus::Ready,
        status_message: Clean::empty(),
        tags: Arc::from([]),
    }
}

fn endpoint(answers: &str) -> EndpointReading {
    EndpointReading {
        key: context("prod").deployments[0].key(),
        name: Clean::name("fraud-eu"),
        health: Health::Ready,
        message: Clean::empty(),
        versions: vec![ServedVersion {
            version: Key::new(answers),
            known: Known::Reported,
            state: ServedState::Answering,
            message: Clean::empty(),
        }],
        default_version: None,
        server: Clean::empty(),
        latency: None,
        versions_unread: Clean::empty(),
        versions_at: None,
    }
}

pub(super) fn observed(
    context: &Arc<ContextRef>,
    source: &str,
    feed: Feed,
    at: i64,
    rows: Rows,
) -> Msg {
    let scope = match feed {
        Feed::Models => Scope::Models,
        Feed::Versions => Scope::Versions,
        _ => Scope::Endpoints,
    };
    Msg::Observed(Box::new(Observation {
        context: Arc::clone(context),
        source: SourceId::new(source),
        feed,
        asked_at: Millis(at),
        server_time: None,
        coverage: Coverage::Full(scope),
        upserts: rows,
        gone: Vec::new(),
    }))
}

pub(super) fn polled(context: &Arc<ContextRef>, source: &str, feed: Feed, at: i64) -> Msg {
    Msg::Polled(Box::new(PollReport {
        partial: None,
        context: Arc::clone(context),
        source: SourceId::new(source),
        feed,
        asked_at: Millis(at),
        took_ms: 1,
        clock_skew_ms: None,
        fault: None,
        next_at: Millis(at + 10_000),
    }))
}

/// An app that has read everything once: the endpoint answers v13, the champion is `champion`.
fn in_trouble(champion: &str) -> App {
    let mut app = app();
    let context = Arc::clone(app.context());
    for msg in [
        observed(
            &context,
            "mlflow",
            Feed::Models,
            0,
            Rows::Models(vec![model(champion)]),
        ),
        observed(
            &context,
            "mlflow",
            Feed::Versions,
            0,
            Rows::Versions([12, 13, 14].map(version).to_vec()),
        ),
        observed(
            &context,
            "fraud-eu",
            Feed::Endpoint,
            0,
            Rows::Endpoints(vec![endpoint("13")]),
        ),
        polled(&context, "mlflow", Feed::Models, 0),
        polled(&context, "mlflow", Feed::Versions, 0),
        polled(&context, "fraud-eu", Feed::Endpoint, 0),
    ] {
        update(&mut app, msg, at(0));
    }
    app
}

fn press(app: &mut App, keys: &str) -> Effects {
    let chords = Chord::parse_sequence(keys).expect("keys");
    chords
        .into_iter()
        .flat_map(|c| update(app, Msg::Key(c), at(1)))
        .collect()
}

fn type_text(app: &mut App, text: &str) {
    for c in text.chars() {
        update(app, Msg::Key(Chord::char(c)), at(1));
    }
}

fn screen(app: &App, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let theme = Theme::built_in("dark").expect("built in");
    let look = Look::new(theme, &Symbols::UNICODE, Depth::True, area, at(1));
    let mut buf = Buffer::empty(area);
    view(app, &look, &mut buf);
    crate::ui::export::plain(&buf)
}

fn remark(app: &App) -> String {
    app.notice().map(|n| n.text.to_string()).unwrap_or_default()
}

#[test]
fn triage_says_what_is_wrong_and_why() {
    let shown = screen(&in_trouble("14"), 120, 36);
    assert!(shown.contains("fraud-eu answers v13, not v14"), "{shown}");
    assert!(shown.contains("✖ crit"), "{shown}");
}

#[test]
fn three_keys_lead_from_triage_to_the_endpoint_and_back() {
    let mut app = in_trouble("14");
    press(&mut app, "g e");
    assert_eq!(app.place(), Place::Deployments);
    press(&mut app, "esc");
    assert_eq!(app.place(), Place::Triage);
}

#[test]
fn drift_and_what_changed_are_one_key_away_from_the_model_in_trouble() {
    let mut app = in_trouble("14");
    press(&mut app, "w");
    assert_eq!(app.place(), Place::Changes(model_key(), None));
    assert!(
        screen(&app, 80, 24).contains("onset"),
        "{}",
        screen(&app, 80, 24)
    );
    press(&mut app, "esc");
    press(&mut app, "g d");
    assert_eq!(app.place(), Place::Features(model_key()));
    press(&mut app, "4");
    assert_eq!(app.place(), Place::Drift);
    assert!(screen(&app, 80, 24).contains("No model's drift is watched."));
    // Where no model is selected the key says so.
    press(&mut app, "w");
    assert_eq!(remark(&app), "what changed: no model is selected");
}

#[test]
fn history_goes_back_and_forward_and_keeps_its_ends() {
    let mut app = in_trouble("13");
    press(&mut app, "5");
    press(&mut app, "[");
    assert_eq!(app.place(), Place::Triage);
    press(&mut app, "[");
    assert_eq!(remark(&app), "there is no earlier place");
    press(&mut app, "]");
    assert_eq!(app.place(), Place::Deployments);
}

#[test]
fn a_key_that_does_nothing_says_so() {
    let mut app = in_trouble("13");
    press(&mut app, "7");
    assert_eq!(
        remark(&app),
        "7 is kept for Features, which this version does not have"
    );
    press(&mut app, "Q");
    assert_eq!(
        remark(&app),
        "Q is not bound here · ? lists the keys that are"
    );
    press(&mut app, "enter");
    assert_eq!(remark(&app), "open: nothing is in trouble");
    app.notice = None;
    press(&mut app, "alt-b");
    assert_eq!(
        remark(&app),
        "",
        "an escape and a letter in one read mean neither"
    );
}

#[test]
fn a_prefix_shows_what_may_follow_and_escape_takes_it_back() {
    let mut app = in_trouble("14");
    press(&mut app, "g");
    assert!(screen(&app, 120, 36).contains("its endpoint"));
    press(&mut app, "esc");
    assert_eq!(app.place(), Place::Triage);
    assert!(app.pending.is_empty());
}

#[test]
fn a_filter_takes_effect_while_it_is_typed_and_escape_restores_it() {
    let mut app = in_trouble("14");
    press(&mut app, "/");
    type_text(&mut app, "nothing-like-it");
    assert!(screen(&app, 120, 36).contains("No row passes the filter"));
    press(&mut app, "esc");
    assert!(screen(&app, 120, 36).contains("fraud-eu answers v13"));
    press(&mut app, "/");
    type_text(&mut app, "\"open");
    assert!(screen(&app, 120, 36).contains("a quote is not closed"));
}

#[test]
fn what_is_wrong_with_a_filter_stands_apart_from_it() {
    let mut app = in_trouble("14");
    press(&mut app, "/");
    type_text(&mut app, "/(/");
    press(&mut app, "enter");
    for width in [60, 80, 120] {
        let shown = screen(&app, width, 36);
        let line = shown.lines().find(|l| l.contains("is no reg"));
        let line = line.unwrap_or_else(|| panic!("{shown}"));
        assert!(line.contains("/(/  ") && line.contains(" `/(/`"), "{line}");
    }
}

#[test]
fn keys_typed_into_a_filter_are_no_commands() {
    let mut app = in_trouble("14");
    press(&mut app, "/");
    let effects = press(&mut app, "q");
    assert!(!effects.iter().any(|e| matches!(e, Effect::Quit)));
    assert!(
        press(&mut app, "ctrl-c")
            .iter()
            .all(|e| !matches!(e, Effect::Quit))
    );
    assert!(
        press(&mut app, "ctrl-c")
            .iter()
            .any(|e| matches!(e, Effect::Quit))
    );
}

#[test]
fn pasted_text_is_never_a_command() {
    let mut app = in_trouble("14");
    let effects = update(&mut app, Msg::Paste(Clean::text("q5?")), at(1));
    assert!(effects.is_empty());
    assert_eq!(app.place(), Place::Triage);
}

#[test]
fn help_is_searchable_and_does_what_is_picked() {
    let mut app = in_trouble("14");
    press(&mut app, "?");
    assert!(screen(&app, 120, 36).contains("Keys here"));
    type_text(&mut app, "deployments");
    press(&mut app, "enter");
    assert_eq!(app.place(), Place::Deployments);
}

#[test]
fn help_names_every_key_that_holds_everywhere() {
    let app = in_trouble("14");
    let dialog = app.help();
    let count = dialog.picker.len();
    let here = COMMANDS
        .iter()
        .filter(|r| app.scopes().contains(&r.scope))
        .count();
    assert!(
        count > here,
        "commands of these scopes and the reserved keys"
    );
}

#[test]
fn another_context_is_one_choice_away_and_old_answers_are_dropped() {
    let mut app = in_trouble("14");
    let old = Arc::clone(app.context());
    press(&mut app, "c");
    type_text(&mut app, "staging");
    let effects = press(&mut app, "enter");
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::Switch(name) if name == "staging"))
    );
    app.enter("staging", at(2));
    update(
        &mut app,
        observed(
            &old,
            "mlflow",
            Feed::Models,
            5_000,
            Rows::Models(vec![model("14")]),
        ),
        at(5),
    );
    assert_eq!(app.fleet().models().len(), 0);
}

#[test]
fn observed_changes_go_to_the_ledger_once() {
    let mut app = in_trouble("13");
    let context = Arc::clone(app.context());
    let moved = observed(
        &context,
        "mlflow",
        Feed::Models,
        9_000,
        Rows::Models(vec![model("14")]),
    );
    let effects = update(&mut app, moved, at(9));
    let kept = effects
        .iter()
        .filter(|e| matches!(e, Effect::Ledger(c) if c.len() == 1))
        .count();
    assert_eq!(kept, 1);
    assert!(
        update(&mut app, Msg::Tick, at(10))
            .iter()
            .all(|e| !matches!(e, Effect::Ledger(_)))
    );
}

#[test]
fn what_a_page_wants_is_asked_once_and_cancelled_when_it_is_left() {
    let mut app = in_trouble("14");
    app.open(Place::Model(model_key()));
    let asked = update(&mut app, Msg::Tick, at(1));
    let wanted = |e: &Effect| {
        matches!(
            e,
            Effect::Fetch {
                query: Query::Versions(_) | Query::Package(_),
                ..
            }
        )
    };
    if asked.iter().any(wanted) {
        assert!(
            !update(&mut app, Msg::Tick, at(2)).iter().any(wanted),
            "asked twice"
        );
        let left = press(&mut app, "1");
        assert!(left.iter().any(|e| matches!(e, Effect::Cancel { .. })));
    }
}

#[test]
fn every_size_draws_and_a_tiny_one_says_so() {
    let app = in_trouble("14");
    for (width, height) in [(60, 16), (80, 24), (100, 30), (120, 36), (200, 60)] {
        let shown = screen(&app, width, height);
        assert!(shown.contains("fraud"), "{width}x{height}\n{shown}");
    }
    assert!(screen(&app, 40, 10).contains("q quits"));
    assert!(screen(&app, 1, 1).len() < 8);
}

fn any_msg() -> impl Strategy<Value = Msg> {
    let keys = COMMANDS
        .iter()
        .flat_map(|r| r.keys)
        .map(|k| (*k).to_owned())
        .collect::<Vec<_>>();
    prop_oneof![
        8 => proptest::sample::select(keys)
            .prop_map(|k| Msg::Key(Chord::parse_sequence(&k).expect("a key")[0])),
        2 => any::<char>().prop_filter("printable", |c| !c.is_control())
            .prop_map(|c| Msg::Key(Chord::char(c))),
        1 => (0_u16..130, 0_u16..40).prop_map(|(column, row)| Msg::Click { column, row }),
        1 => (-5_i16..5).prop_map(Msg::Scroll),
        1 => (1_u16..250, 1_u16..80).prop_map(|(width, height)| Msg::Resize { width, height }),
        1 => Just(Msg::Tick),
        1 => "\\PC{0,12}".prop_map(|t| Msg::Paste(Clean::text(&t))),
    ]
}

#[test]
fn what_was_preferred_holds_for_panes_opened_before_and_after() {
    let kept = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut app = app();
    let context = app.context().clone();
    let told = vec![
        kept("models.columns", "LEVEL MODEL OWNER"),
        kept("models.colours", "red"),
    ];
    let effects = update(&mut app, Msg::Preferences(context.clone(), told), at(1));
    let logged = |effects: &Effects| -> Vec<String> {
        let lines = effects.iter().filter_map(|e| match e {
            Effect::Log(line) => Some(line.to_string()),
            _ => None,
        });
        lines.collect()
    };
    assert_eq!(
        logged(&effects),
        ["the kept preference `models.colours` is passed over: this version does not know it"]
    );
    let copied = |app: &mut App| {
        let effects = press(app, "2 Y");
        effects.into_iter().find_map(|e| match e {
            Effect::Copy(text) => Some(text.to_string()),
            _ => None,
        })
    };
    let table = copied(&mut app).expect("a table");
    assert!(table.starts_with("| LEVEL | MODEL | OWNER |"), "{table}");
    // A value that cannot be is said when a pane should take it, once.
    let torn = vec![kept("models.columns", "LEVEL MODEL \u{fffd}")];
    let effects = update(&mut app, Msg::Preferences(context, torn), at(2));
    assert_eq!(logged(&effects).len(), 1, "{effects:?}");
    // Preferences of a context that was left are another's.
    app.enter("staging", at(3));
    let left = Arc::new(ContextRef {
        name: Clean::name("prod"),
        generation: 0,
    });
    let told = vec![kept("models.columns", "LEVEL MODEL OWNER")];
    update(&mut app, Msg::Preferences(left, told), at(4));
    let table = copied(&mut app).expect("a table");
    assert!(!table.starts_with("| LEVEL | MODEL | OWNER |"), "{table}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_a_user_does_panics(msgs in proptest::collection::vec(any_msg(), 1..60)) {
        let mut app = in_trouble("14");
        for (n, msg) in msgs.into_iter().enumerate() {
            update(&mut app, msg, at(n as u64 + 1));
            let (width, height) = app.screen;
            let area = Rect::new(0, 0, width, height);
            let theme = Theme::built_in("mono").expect("built in");
            let look = Look::new(theme, &Symbols::ASCII, Depth::Mono, area, at(n as u64));
            let drawn = view(&app, &look, &mut Buffer::empty(area));
            app.drawn(drawn.hits);
        }
    }
}

#[test]
fn a_filter_that_is_left_on_says_so_with_how_to_be_rid_of_it_until_it_is_gone() {
    let mut app = in_trouble("14");
    assert!(!screen(&app, 80, 24).contains("filter:"));
    press(&mut app, "/");
    type_text(&mut app, "nothing-like-it");
    assert!(screen(&app, 80, 24).contains("filter: nothing-like-it · 0 of 1"));
    press(&mut app, "enter");
    // It is said again in every place that has one, also after another was visited.
    press(&mut app, "2");
    assert!(!screen(&app, 80, 24).contains("filter:"));
    press(&mut app, "/");
    type_text(&mut app, "fr");
    press(&mut app, "enter");
    assert!(screen(&app, 80, 24).contains("filter: fr · 1 of 1 · esc clears it"));
    press(&mut app, "1");
    let told = "filter: nothing-like-it · 0 of 1 · esc clears it";
    for (columns, rows) in [(60, 16), (80, 24), (200, 60)] {
        assert!(screen(&app, columns, rows).contains(told));
    }
    press(&mut app, "esc");
    assert!(!screen(&app, 80, 24).contains("filter:"));
}

#[test]
fn what_is_said_is_read_whole_on_a_small_screen() {
    let mut app = in_trouble("14");
    app.say("promote: open it and select a version: fraud-detector has no ready one newer than what @champion names");
    let shown = screen(&app, 80, 24);
    assert!(
        shown.contains("promote: open it and select a version"),
        "{shown}"
    );
    assert!(shown.contains("@champion names"), "{shown}");
    press(&mut app, "g");
    let shown = screen(&app, 80, 24);
    let follow = [
        "its model",
        "its run",
        "its endpoint",
        "its drift",
        "its pipeline",
    ];
    assert!(follow.iter().all(|title| shown.contains(title)), "{shown}");
}

#[test]
fn a_pane_that_triage_advises_opens_on_the_row_of_what_is_in_trouble() {
    let mut app = in_trouble("14");
    press(&mut app, "5");
    let thing = app.history.current().selected(&app.cx());
    assert!(
        matches!(thing, Some(crate::panes::Thing::Deployment(_))),
        "{thing:?}"
    );
    press(&mut app, "esc 2");
    let thing = app.history.current().selected(&app.cx());
    assert_eq!(thing, Some(crate::panes::Thing::Model(model_key())));
}
