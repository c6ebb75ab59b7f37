//! Writes as the root sees them: leaving while one is on its way, following it, and what of it the ledger
//! is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{App, Effects, update, view};
use crate::domain::action::{Act, Actor, How, Outcome, Record, Verb};
use crate::domain::change::{Change, Origin};
use crate::domain::key::Key;
use crate::domain::settings::{Context, Settings, SourceKind, SourceSettings, Writes};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::intent::chord::Chord;
use crate::intent::keymap::Keymap;
use crate::intent::msg::{Effect, Msg};
use crate::panes::journal::testing::{Told, id, move_alias, plan};
use crate::panes::testing::model_key;
use crate::panes::{Place, Thing};
use crate::ui::testing::{NOW, look, screen};

fn at(seconds: u64) -> Now {
    Now {
        wall: NOW.wall.plus(Duration::from_secs(seconds)),
        mono: NOW.mono + Duration::from_secs(seconds),
    }
}

fn app() -> App {
    let context = |name: &str| Context {
        name: Clean::name(name),
        writes: Writes::Confirm,
        sources: vec![SourceSettings::new(
            "ml",
            SourceKind::Mlflow,
            "http://ml.test",
        )],
        ..Context::default()
    };
    let settings = Settings {
        contexts: BTreeMap::from([
            ("test".to_owned(), Arc::new(context("test"))),
            ("other".to_owned(), Arc::new(context("other"))),
        ]),
        context: "test".to_owned(),
        ..Settings::default()
    };
    App::new(Arc::new(settings), Keymap::default(), (100, 24), at(0))
}

/// A promotion, up to the moment when its only step is on its way.
fn begun() -> Told {
    let fraud = model_key("fraud");
    let acts = vec![move_alias(&fraud, "13", "14")];
    let mut told = Told::default();
    let plan = plan(1, Verb::Promote, &fraud, "champion v13 → v14", acts);
    told.begins(at(1).wall, plan, "Q4 data")
        .sends(at(2).wall, 1, 0);
    told
}

fn ended() -> Told {
    let mut told = Told::default();
    told.ends(at(4).wall, 1, 0, (How::Done, "champion is v14"))
        .is(at(5).wall, 1, Outcome::Done, "champion is v14");
    told
}

fn tell(app: &mut App, told: &Told) -> Effects {
    let context = Arc::clone(app.context());
    let mut effects = Effects::new();
    for (at, record) in told.journals().records {
        let msg = Msg::Wrote(Arc::clone(&context), at, Box::new(record));
        effects.extend(update(app, msg, self::at(6)));
    }
    effects
}

fn press(app: &mut App, keys: &[&str]) -> Effects {
    let mut effects = Effects::new();
    for key in keys {
        let chord = Chord::parse(key).expect("a chord");
        effects.extend(update(app, Msg::Key(chord), at(6)));
    }
    effects
}

fn frame(app: &mut App, columns: u16) -> String {
    let area = Rect::new(0, 0, columns, 24);
    let mut buf = Buffer::empty(area);
    let drawn = view(app, &look(columns, 24), &mut buf);
    app.drawn(drawn.hits);
    screen(&buf)
}

fn quits(effects: &Effects) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Quit))
}

#[test]
fn nothing_on_its_way_is_left_at_once() {
    let mut app = app();
    assert!(quits(&press(&mut app, &["q"])));
    tell(&mut app, &begun());
    tell(&mut app, &ended());
    assert!(quits(&press(&mut app, &["q"])));
}

#[test]
fn a_write_on_its_way_is_named_and_waited_for() {
    let mut app = app();
    tell(&mut app, &begun());
    assert!(!quits(&press(&mut app, &["q"])));
    let shown = frame(&mut app, 100);
    assert!(
        shown.contains("promote fraud v14 (applying 1/1)") && shown.contains("leave now"),
        "{shown}"
    );
    assert!(!quits(&press(&mut app, &["enter"])));
    assert!(frame(&mut app, 100).contains("leaves once it has ended"));
    assert!(quits(&tell(&mut app, &ended())));
}

#[test]
fn staying_ends_the_waiting_and_leaving_at_once_asks_no_more() {
    let mut app = app();
    tell(&mut app, &begun());
    press(&mut app, &["q", "enter"]);
    press(&mut app, &["q", "down", "down", "enter"]);
    assert!(!quits(&tell(&mut app, &ended())), "stays");
    let mut app = self::app();
    tell(&mut app, &begun());
    assert!(quits(&press(&mut app, &["q", "down", "enter"])));
}

#[test]
fn who_leaves_is_told_what_of_a_rollout_goes_on_and_what_is_stopped() {
    let fraud = model_key("fraud");
    let (model, alias) = (|| fraud.name.clone(), || Key::new("champion"));
    let hook = Act::RunHook {
        hook: Key::new("by_hand"),
        model: model(),
        version: Key::new("14"),
        alias: alias(),
    };
    let run = Act::AwaitRun {
        pipeline: Key::new("deploy_model"),
        run: Key::new("qd__1"),
        model: model(),
        version: Key::new("14"),
        alias: alias(),
    };
    for (act, says) in [
        (hook, "stops hook `by_hand` midway"),
        (run, "the run of `deploy_model` goes on"),
    ] {
        let mut told = Told::default();
        let plan = plan(1, Verb::Promote, &fraud, "champion v13 → v14", vec![act]);
        told.begins(at(1).wall, plan, "Q4 data");
        let mut app = app();
        tell(&mut app, &told);
        press(&mut app, &["q"]);
        let shown = frame(&mut app, 120);
        assert!(shown.contains(says), "{shown}");
    }
}

#[test]
fn a_signal_asks_nothing() {
    let mut app = app();
    tell(&mut app, &begun());
    assert!(quits(&update(&mut app, Msg::Terminate, at(6))));
}

#[test]
fn a_write_of_a_context_that_was_left_ends_too() {
    let mut app = app();
    tell(&mut app, &begun());
    let context = Arc::clone(app.context());
    app.enter("other", at(6));
    assert!(
        !quits(&press(&mut app, &["q", "enter"])),
        "still on its way"
    );
    let mut effects = Effects::new();
    for (at, record) in ended().journals().records {
        let msg = Msg::Wrote(Arc::clone(&context), at, Box::new(record));
        effects.extend(update(&mut app, msg, self::at(6)));
    }
    assert!(quits(&effects));
}

fn ledger(effects: &Effects) -> Vec<Change> {
    let all = effects.iter().filter_map(|effect| match effect {
        Effect::Ledger(changes) => Some(changes.clone()),
        _ => None,
    });
    all.flatten().collect()
}

#[test]
fn what_was_done_is_told_to_the_ledger_once_with_who_and_why() {
    let mut app = app();
    tell(&mut app, &begun());
    let told = ledger(&tell(&mut app, &ended()));
    let [change] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(change.origin, Origin::Own);
    assert_eq!(change.actor, Some(Clean::name("ana@bastion")));
    assert!(change.evidence.as_str().ends_with("Q4 data"));
    // The journals are read again because another process has written: nothing of it is news.
    let mut journals = begun().journals();
    journals.records.extend(ended().journals().records);
    let again = update(&mut app, Msg::Journal(Box::new(journals)), at(7));
    assert_eq!(ledger(&again), Vec::new());
}

#[test]
fn a_write_of_another_process_is_told_and_looked_up_once_and_not_while_it_lives() {
    let mut app = app();
    let looked = |effects: &Effects| {
        let found = effects.iter();
        found.filter(|e| matches!(e, Effect::LookUp(_))).count()
    };
    let mut living = begun().journals();
    living.living.insert(id(1));
    let first = update(&mut app, Msg::Journal(Box::new(living)), at(7));
    assert_eq!(looked(&first), 0, "its process sees to it");
    assert!(frame(&mut app, 120).contains("promote fraud v14: applying 1/1"));
    assert!(
        quits(&press(&mut app, &["q"])),
        "it is not ours to wait for"
    );
    for wanted in [1, 0] {
        let journals = Box::new(begun().journals());
        let effects = update(&mut app, Msg::Journal(journals), at(8));
        assert_eq!(looked(&effects), wanted);
    }
    // What was on its way then, or away, is asked for again after a while, and not for ever.
    let ticks = (1..60).map(|n| looked(&update(&mut app, Msg::Tick, at(8 + n * 30))));
    assert_eq!(ticks.sum::<usize>(), 5);
    assert!(frame(&mut app, 120).contains("promote fraud v14: outcome unknown"));
}

#[test]
fn follow_opens_the_page_and_the_chip_shows_at_every_width() {
    let mut app = app();
    let nothing = press(&mut app, &["F"]);
    assert!(nothing.is_empty());
    assert!(
        app.notice()
            .is_some_and(|n| n.text.as_str().contains("nothing was written"))
    );
    tell(&mut app, &begun());
    for columns in [60, 80, 120, 200] {
        let shown = frame(&mut app, columns);
        let tabs = shown.lines().nth(1).expect("a tab bar");
        assert!(tabs.contains("applying 1/1"), "{columns}: {tabs}");
    }
    press(&mut app, &["F"]);
    assert_eq!(app.place(), Place::Write(id(1)));
    press(&mut app, &["8"]);
    assert_eq!(app.place(), Place::Journal);
}

#[test]
fn a_frame_is_the_same_while_nothing_changes() {
    let mut app = app();
    tell(&mut app, &begun());
    tell(&mut app, &ended());
    press(&mut app, &["F"]);
    let before = frame(&mut app, 120);
    let revision = app.fleet().revision();
    for second in 7..20 {
        super::settle(&mut app, at(second));
    }
    assert_eq!(app.fleet().revision(), revision, "nothing to draw for");
    assert_eq!(frame(&mut app, 120), before);
    assert!(Millis(0) < app.now.wall);
}

#[test]
fn a_hook_whose_end_nobody_saw_is_closed_by_who_looks_with_what_is_known() {
    let fraud = model_key("fraud");
    let hook = Act::RunHook {
        hook: Key::new("deploy"),
        model: fraud.name.clone(),
        version: Key::new("14"),
        alias: Key::new("champion"),
    };
    let acts = vec![move_alias(&fraud, "13", "14"), hook];
    let mut told = Told::default();
    told.begins(
        at(1).wall,
        plan(1, Verb::Promote, &fraud, "champion v13 → v14", acts),
        "Q4 data",
    )
    .sends(at(2).wall, 1, 0)
    .ends(at(3).wall, 1, 0, (How::Done, "champion is v14"))
    .sends(at(4).wall, 1, 1);
    let mut app = app();
    let looks = |effects: &Effects| {
        let mut looks = effects.iter();
        looks.any(|effect| matches!(effect, Effect::LookUp(_)))
    };
    let first = update(&mut app, Msg::Journal(Box::new(told.journals())), at(5));
    assert!(looks(&first), "it is looked up once by itself");
    app.show(Place::Journal, &Thing::Model(fraud));
    assert!(
        looks(&press(&mut app, &["V"])),
        "before that, looking may tell"
    );
    told.is(at(6).wall, 1, Outcome::Unknown, "nobody saw how it ended");
    update(&mut app, Msg::Journal(Box::new(told.journals())), at(6));
    let effects = press(&mut app, &["V"]);
    assert!(!looks(&effects), "{effects:?}");
    let shown = frame(&mut app, 120);
    assert!(
        shown.contains("look again")
            && shown.contains("its outcome stays unknown; no endpoint is known to follow it"),
        "{shown}"
    );
    let effects = press(&mut app, &["down", "enter"]);
    let Some(Effect::SeenTo(plan, words)) = effects.first() else {
        panic!("{effects:?}")
    };
    let record = Record::SeenTo {
        plan: plan.clone(),
        actor: Actor::default(),
        words: words.clone(),
    };
    let context = Arc::clone(app.context());
    let closed = Msg::Wrote(context, at(7).wall, Box::new(record));
    update(&mut app, closed, at(7));
    assert!(!app.writes().get(plan).expect("it").is_open());
    let shown = frame(&mut app, 120);
    assert!(shown.contains("closed, outcome unknown"), "{shown}");
    press(&mut app, &["V"]);
    let shown = frame(&mut app, 120);
    assert!(shown.contains("it was closed"), "{shown}");
}
