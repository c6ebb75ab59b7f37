//! Consent as a person gives it: keys in, a confirmed plan or nothing out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::tests::{model, model_key, observed, polled, version};
use super::{App, Effects, update, view};
use crate::domain::action::{
    Act, Actor, Friction, How, Outcome, Pin, Plan, PlanId, Receipt, Record, Step, StepEnd, Verb,
};
use crate::domain::key::{Key, SourceId};
use crate::domain::observation::{Feed, Rows};
use crate::domain::settings::{Context, Settings, SourceKind, SourceSettings, Writes};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::intent::chord::Chord;
use crate::intent::keymap::Keymap;
use crate::intent::msg::{Effect, Msg};
use crate::ui::look::Look;
use crate::ui::symbols::Symbols;
use crate::ui::theme::{Depth, Theme};

pub(super) fn at(ms: u64) -> Now {
    Now {
        wall: Millis(i64::try_from(ms).expect("small")),
        mono: Duration::from_millis(ms),
    }
}

/// A console whose journal tells of a promotion of a moment ago.
pub(super) fn app(writes: Writes, protected: bool) -> App {
    app_of(writes, protected, false)
}

/// The same; moves are claimed or not.
pub(super) fn app_of(writes: Writes, protected: bool, claims: bool) -> App {
    let context = Context {
        name: Clean::name("prod"),
        writes,
        claims: Some(claims),
        protected,
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
    let versions = [13, 14].map(version).to_vec();
    for msg in [
        observed(
            &here,
            "mlflow",
            Feed::Models,
            0,
            Rows::Models(vec![model("14")]),
        ),
        observed(&here, "mlflow", Feed::Versions, 0, Rows::Versions(versions)),
        polled(&here, "mlflow", Feed::Models, 0),
        polled(&here, "mlflow", Feed::Versions, 0),
    ] {
        update(&mut app, msg, at(0));
    }
    for record in promoted() {
        let msg = Msg::Wrote(Arc::clone(app.context()), Millis(1), Box::new(record));
        update(&mut app, msg, at(1));
    }
    app
}

pub(super) fn promoted() -> [Record; 4] {
    let pin = |version| Pin {
        version: Key::new(version),
        created: Millis(5),
    };
    let model = model_key();
    let act = Act::MoveAlias {
        model: model.clone(),
        alias: Key::new("champion"),
        from: Some(pin("13")),
        to: pin("14"),
    };
    let plan = Plan {
        id: PlanId::new(Millis(1), [1; 10]),
        verb: Verb::Promote,
        context: Clean::name("prod"),
        subject: Clean::name("fraud"),
        model: Some(model),
        summary: Clean::text("champion v13 → v14"),
        steps: vec![Step::required(&SourceId::new("mlflow"), act)],
        gates: Vec::new(),
        notes: Vec::new(),
        blocked: Vec::new(),
        wanting: Vec::new(),
        friction: Friction::Name,
        read_at: Millis(0),
        expires: Duration::ZERO,
        undo_until: None,
        undoes: None,
        passed: Vec::new(),
    };
    carried(plan, "champion is v14")
}

/// What is journalled of a plan of one step that did what it should, in these words.
pub(super) fn carried(plan: Plan, words: &str) -> [Record; 4] {
    let id = plan.id.clone();
    [
        Record::PlanBegun {
            plan: Arc::new(plan),
            reason: Clean::empty(),
            actor: Actor::default(),
        },
        Record::StepIntent {
            plan: id.clone(),
            step: 0,
        },
        Record::StepEnded {
            plan: id.clone(),
            step: 0,
            end: StepEnd::new(How::Done, words),
            receipt: Receipt::default(),
        },
        Record::PlanEnded {
            plan: id,
            outcome: Outcome::Done,
            words: Clean::text(words),
        },
    ]
}

pub(super) fn press(app: &mut App, keys: &[&str], now: Now) -> Effects {
    let mut effects = Effects::new();
    for key in keys {
        let chord = Chord::parse(key).expect("a chord");
        effects.extend(update(app, Msg::Key(chord), now));
    }
    effects
}

pub(super) fn frame(app: &mut App) -> String {
    frame_of(app, 100, 24)
}

/// The frame at a size, as text.
pub(super) fn frame_of(app: &mut App, columns: u16, rows: u16) -> String {
    frame_with(app, &Symbols::UNICODE, columns, rows)
}

/// The same with other symbols.
pub(super) fn frame_with(
    app: &mut App,
    symbols: &'static Symbols,
    columns: u16,
    rows: u16,
) -> String {
    let area = Rect::new(0, 0, columns, rows);
    let look = Look::new(
        Theme::built_in("dark").expect("built in"),
        symbols,
        Depth::True,
        area,
        at(100),
    );
    let mut buf = Buffer::empty(area);
    let drawn = view(app, &look, &mut buf);
    app.drawn(drawn.hits);
    crate::ui::export::plain(&buf)
}

/// Opens the sheet and lets its first frame leave at this time.
fn opened(app: &mut App, ms: u64) {
    press(app, &["z"], at(ms));
    assert!(app.asks_for_consent(), "{:?}", app.notice());
    frame(app);
    app.frame_left(at(ms));
}

pub(super) fn wrote(effects: &Effects) -> bool {
    effects.iter().any(|e| matches!(e, Effect::Write(_)))
}

const NAME: [&str; 5] = ["f", "r", "a", "u", "d"];

#[test]
fn a_plan_is_carried_out_once_its_name_is_typed_into_its_field() {
    let mut app = app(Writes::Confirm, false);
    opened(&mut app, 100);
    assert!(!wrote(&press(&mut app, &["tab"], at(700))));
    assert!(!wrote(&press(&mut app, &NAME[..4], at(700))));
    let early = press(&mut app, &["enter"], at(700));
    assert!(!wrote(&early) && app.asks_for_consent());
    let effects = press(&mut app, &["d", "enter"], at(700));
    assert!(wrote(&effects));
    assert!(!app.asks_for_consent());
}

#[test]
fn nothing_typed_before_the_sheet_could_be_read_counts() {
    let mut app = app(Writes::Confirm, false);
    press(&mut app, &["z", "tab"], at(100));
    press(&mut app, &NAME, at(100));
    assert!(
        !wrote(&press(&mut app, &["enter"], at(5_000))),
        "never shown"
    );
    frame(&mut app);
    app.frame_left(at(5_000));
    press(&mut app, &["tab"], at(5_499));
    press(&mut app, &NAME, at(5_499));
    assert!(!wrote(&press(&mut app, &["enter"], at(5_499))));
    press(&mut app, &["tab"], at(5_500));
    press(&mut app, &NAME, at(5_500));
    assert!(wrote(&press(&mut app, &["enter"], at(5_500))));
}

#[test]
fn pasted_text_empties_the_name() {
    let mut app = app(Writes::Confirm, false);
    opened(&mut app, 100);
    press(&mut app, &["tab"], at(700));
    press(&mut app, &NAME, at(700));
    update(&mut app, Msg::Paste(Clean::text("fraud")), at(700));
    assert!(frame(&mut app).contains("does not count"));
    assert!(!wrote(&press(&mut app, &["enter"], at(700))));
}

#[test]
fn a_protected_context_asks_for_its_name_too() {
    let mut app = app(Writes::Confirm, true);
    opened(&mut app, 100);
    press(&mut app, &["tab"], at(700));
    press(&mut app, &NAME, at(700));
    assert!(!wrote(&press(&mut app, &["enter"], at(700))));
    assert!(frame(&mut app).contains("type prod/fraud"));
}

#[test]
fn a_mode_that_does_not_write_opens_no_sheet_and_names_its_setting() {
    let mut off = app(Writes::Off, false);
    press(&mut off, &["z"], at(100));
    let notice = off.notice().expect("a remark").text.to_string();
    assert!(notice.contains("writes = \"confirm\""), "{notice}");
    let mut armed = app(Writes::Armed, false);
    press(&mut armed, &["z"], at(100));
    assert!(!armed.asks_for_consent());
    press(&mut armed, &["!", "z"], at(100));
    assert!(armed.asks_for_consent());
    press(&mut armed, &["esc"], at(200));
    press(&mut armed, &["z"], at(300_200));
    assert!(!armed.asks_for_consent(), "arming ends after five minutes");
}

#[test]
fn the_sheet_shows_each_request_as_it_would_be_sent() {
    let mut app = app(Writes::Confirm, false);
    opened(&mut app, 100);
    press(&mut app, &["@"], at(700));
    let shown = frame(&mut app);
    assert!(
        shown.contains("POST /api/2.0/mlflow/registered-models/alias"),
        "{shown}"
    );
    assert!(
        shown.contains(r#"{"alias":"champion","name":"fraud","version":"13"}"#),
        "{shown}"
    );
}
