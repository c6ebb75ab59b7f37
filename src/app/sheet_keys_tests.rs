//! Keys on an open sheet that are not yet consent: letters meant for a field, and plans that change under
//! the reader's eyes.

use super::sheet_tests::{app, at, frame, press, wrote};
use super::tests::{model, observed, polled, version};
use super::verbs_tests::app_with;
use super::{App, update};
use crate::domain::mark::{self, Mark};
use crate::domain::observation::{Feed, Rows};
use crate::domain::settings::Writes;
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::intent::msg::{Effect, Msg};
use std::sync::Arc;

/// Opens the sheet that takes the last move back and lets its first frame leave at this time.
fn opened(ms: u64) -> App {
    let mut app = app(Writes::Confirm, false);
    press(&mut app, &["z"], at(ms));
    assert!(app.asks_for_consent(), "{:?}", app.notice());
    left(&mut app, ms);
    app
}

/// A promotion whose gates are still being read.
fn promoting() -> App {
    let mut app = app_with(|_| {});
    press(&mut app, &["p"], at(100));
    assert!(app.asks_for_consent(), "{:?}", app.notice());
    left(&mut app, 100);
    app
}

/// A sheet that a key is enough for.
fn acknowledging() -> App {
    let mut app = app_with(|_| {});
    press(&mut app, &["a", "enter", "enter"], at(100));
    assert!(app.asks_for_consent(), "{:?}", app.notice());
    left(&mut app, 100);
    app
}

fn left(app: &mut App, ms: u64) -> String {
    let shown = frame(app);
    app.frame_left(at(ms));
    shown
}

/// One key after the other, so many milliseconds apart; tells the time of the last.
fn typed(app: &mut App, text: &str, from: u64, apart: u64) -> (u64, Vec<Effect>) {
    let (mut now, mut effects) = (from, Vec::new());
    for letter in text.chars() {
        let letter = letter.to_string();
        effects.extend(press(app, &[letter.as_str()], at(now)));
        now += apart;
    }
    (now - apart, effects)
}

/// The registry is read anew at this time, and the champion is another.
fn moved(app: &mut App, champion: &str, ms: u64) {
    let here = Arc::clone(app.context());
    let at_ms = i64::try_from(ms).expect("small");
    let models = Rows::Models(vec![model(champion)]);
    let versions = Rows::Versions([13, 14, 15].map(version).to_vec());
    for msg in [
        observed(&here, "mlflow", Feed::Models, at_ms, models),
        observed(&here, "mlflow", Feed::Versions, at_ms, versions),
        polled(&here, "mlflow", Feed::Models, at_ms),
        polled(&here, "mlflow", Feed::Versions, at_ms),
    ] {
        update(app, msg, at(ms));
    }
}

fn reads_anew(effects: &[Effect]) -> bool {
    effects.iter().any(|e| matches!(e, Effect::Refresh(None)))
}

#[test]
fn a_name_typed_on_the_plan_does_nothing_and_is_told_where_it_goes() {
    let mut app = opened(100);
    assert!(frame(&mut app).contains("type fraud  tab goes here"));
    let (_, effects) = typed(&mut app, "fraud", 700, 120);
    assert!(!reads_anew(&effects), "the r of a name is no command");
    let shown = frame(&mut app);
    assert!(shown.contains("tab goes to the name"), "{shown}");
    assert!(!wrote(&effects) && app.asks_for_consent());
    // After a moment the letter is a command again.
    let (_, effects) = typed(&mut app, "r", 2_000, 0);
    assert!(reads_anew(&effects));
}

#[test]
fn letters_before_the_plan_could_be_read_are_told_and_begin_a_burst() {
    let mut app = opened(100);
    let (_, effects) = typed(&mut app, "frqr", 200, 130);
    assert!(!reads_anew(&effects));
    let shown = frame(&mut app);
    assert!(shown.contains("shown just now: read it"), "{shown}");
    // The burst goes on past the time in which nothing is heard.
    let (_, effects) = typed(&mut app, "rq", 700, 130);
    assert!(!reads_anew(&effects) && app.asks_for_consent());
    assert!(frame(&mut app).contains("tab goes to the name"));
}

#[test]
fn the_first_letter_of_the_name_is_a_command_only_when_it_comes_once_more() {
    let mut app = app_with(|context| {
        context.name = Clean::name("rack");
        context.protected = true;
    });
    press(&mut app, &["p"], at(100));
    let shown = left(&mut app, 100);
    assert!(shown.contains("type rack/fraud"), "{shown}");
    let (_, effects) = typed(&mut app, "rack/fraud", 700, 100);
    assert!(!reads_anew(&effects) && app.asks_for_consent());
    assert!(!frame(&mut app).contains("newest first"), "no form is open");
    let (_, effects) = typed(&mut app, "r", 3_000, 0);
    assert!(!reads_anew(&effects));
    let shown = frame(&mut app);
    assert!(shown.contains("r once more reads it anew"), "{shown}");
    let (_, effects) = typed(&mut app, "r", 4_000, 0);
    assert!(reads_anew(&effects));
}

#[test]
fn text_without_its_field_never_ends_in_the_key_that_does_it() {
    let mut app = acknowledging();
    let (_, effects) = typed(&mut app, "sorry", 700, 150);
    assert!(!wrote(&effects));
    let shown = frame(&mut app);
    assert!(shown.contains("y alone does it"), "{shown}");
    assert!(wrote(&typed(&mut app, "y", 2_000, 0).1));
}

#[test]
fn a_key_does_nothing_for_a_plan_that_changed_before_it_could_be_read() {
    let mut app = acknowledging();
    // Somebody else acknowledges it meanwhile.
    let here = Arc::clone(app.context());
    let mut theirs = model("13");
    let mark = Mark {
        by: Clean::name("ben"),
        at: Millis(0),
        until: Millis(3_600_000),
        reason: Clean::text("mine"),
    };
    let tag = (Clean::name(mark::ACKNOWLEDGED), Clean::text(&mark.write()));
    theirs.tags = Arc::from([tag]);
    let rows = Rows::Models(vec![theirs]);
    update(
        &mut app,
        observed(&here, "mlflow", Feed::Models, 5_000, rows),
        at(5_000),
    );
    let shown = left(&mut app, 5_000);
    assert!(
        shown.contains("the plan has changed, read it again"),
        "{shown}"
    );
    assert!(!wrote(&press(&mut app, &["y"], at(5_499))));
    assert!(frame(&mut app).contains("shown just now: read it"));
    press(&mut app, &["y"], at(6_000));
    // It is heard by then: what it says is what stands against the plan.
    let shown = frame(&mut app);
    assert!(!shown.contains("shown just now"), "{shown}");
}

#[test]
fn what_is_typed_into_the_reason_while_the_plan_changes_is_kept() {
    let mut app = promoting();
    press(&mut app, &["tab"], at(700));
    typed(&mut app, "bet", 700, 10);
    moved(&mut app, "14", 1_000);
    let shown = left(&mut app, 1_000);
    assert!(shown.contains("the plan has changed"), "{shown}");
    typed(&mut app, "ter", 1_010, 10);
    assert!(frame(&mut app).contains("better"));
    // To go on from it is not heard yet.
    assert!(!wrote(&press(&mut app, &["enter"], at(1_400))));
    let shown = frame(&mut app);
    assert!(shown.contains("shown just now: read it"), "{shown}");
}

#[test]
fn only_esc_leaves_a_sheet_that_asks_for_a_name() {
    let mut app = opened(100);
    typed(&mut app, "q", 700, 0);
    assert!(app.asks_for_consent());
    press(&mut app, &["esc"], at(1_500));
    assert!(!app.asks_for_consent());
}

#[test]
fn a_plan_that_changes_before_anything_is_typed_says_so_and_is_deaf_again() {
    let mut app = opened(100);
    press(&mut app, &["tab"], at(700));
    moved(&mut app, "15", 1_000);
    let shown = left(&mut app, 1_000);
    assert!(
        shown.contains("the plan has changed, read it again"),
        "{shown}"
    );
    // What is typed at once does not count.
    typed(&mut app, "fraud", 1_010, 20);
    assert!(!wrote(&press(&mut app, &["enter"], at(1_200))));
    let shown = frame(&mut app);
    assert!(shown.contains("shown just now: read it"), "{shown}");
    assert!(shown.contains("the plan has changed"), "{shown}");
}

#[test]
fn a_change_that_nobody_saw_is_told_together_with_the_next() {
    let mut app = promoting();
    moved(&mut app, "14", 1_000);
    let shown = left(&mut app, 1_000);
    assert!(shown.contains("it is now champion v14 → v15"), "{shown}");
    // Before that could be read it changes back: the name is gone, and why is told.
    moved(&mut app, "13", 1_100);
    let shown = left(&mut app, 1_100);
    assert!(shown.contains("it is as it was before"), "{shown}");
    // What was read is what the next change is told against.
    moved(&mut app, "14", 5_000);
    left(&mut app, 5_000);
    moved(&mut app, "13", 9_000);
    let shown = left(&mut app, 9_000);
    assert!(shown.contains("it is now champion v13 → v15"), "{shown}");
}

#[test]
fn facts_taken_in_since_the_last_frame_are_not_consented_to() {
    let mut app = opened(100);
    press(&mut app, &["tab"], at(700));
    typed(&mut app, "fraud", 700, 10);
    let here = Arc::clone(app.context());
    let rows = Rows::Models(vec![model("15")]);
    let Msg::Observed(read) = observed(&here, "mlflow", Feed::Models, 900, rows) else {
        panic!("an observation")
    };
    super::take_in(&mut app, Msg::Observed(read), at(900));
    assert!(!wrote(&press(&mut app, &["enter"], at(901))));
    assert!(frame(&mut app).contains("the plan has changed"));
}

#[test]
fn a_plan_made_anew_is_heard_again_after_its_frame() {
    let mut app = opened(100);
    typed(&mut app, "r", 1_000, 0);
    left(&mut app, 1_010);
    press(&mut app, &["tab"], at(1_400));
    assert!(frame(&mut app).contains("shown just now: read it"));
    press(&mut app, &["tab"], at(1_510));
    typed(&mut app, "fraud", 1_510, 10);
    assert!(wrote(&press(&mut app, &["enter"], at(1_600))));
}

#[test]
fn a_link_may_be_pasted_as_the_reason_and_consents_to_nothing() {
    let mut app = promoting();
    press(&mut app, &["tab"], at(800));
    let link = || Msg::Paste(Clean::text("https://incidents.example/INC-123"));
    update(&mut app, link(), at(800));
    assert!(frame(&mut app).contains("incidents.example/INC-123"));
    left(&mut app, 800);
    assert!(!wrote(&press(&mut app, &["enter"], at(2_000))));
    // The name is typed by whoever has read what it is for.
    update(&mut app, link(), at(2_000));
    assert!(frame(&mut app).contains("does not count"));
    assert!(!wrote(&press(&mut app, &["enter"], at(2_000))));
}
