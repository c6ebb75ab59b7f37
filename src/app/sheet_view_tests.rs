//! What of a plan a small screen shows: what must be done stays in view, and nothing of a gate is lost.

use std::time::Duration;

use super::App;
use super::sheet::{Part, Sheet};
use super::sheet_tests::{app, at, frame_of, press};
use super::tests::model_key;
use crate::domain::action::{
    Act, Friction, GateNote, Pin, Plan, PlanId, Step, Tagged, Verb, Weight, Wish,
};
use crate::domain::key::{Key, SourceId};
use crate::domain::settings::Writes;
use crate::domain::text::Clean;
use crate::domain::time::Millis;

fn moves(alias: &str) -> Act {
    Act::MoveAlias {
        model: model_key(),
        alias: Key::new(alias),
        from: None,
        to: Pin {
            version: Key::new("14"),
            created: Millis(5),
        },
    }
}

fn tags(key: &str) -> Act {
    Act::SetTag {
        created: None,
        of: Tagged::Model(model_key()),
        key: Key::new(key),
        from: None,
        to: Key::new("x"),
    }
}

/// A plan whose first and last steps must succeed, with marks for teammates between them.
fn plan(gates: Vec<GateNote>) -> Plan {
    let source = SourceId::new("mlflow");
    let mut steps = vec![Step::required(&source, moves("champion"))];
    steps.extend(["a", "b", "c", "d", "e", "f", "g"].map(|key| Step {
        weight: Weight::BestEffort,
        ..Step::required(&source, tags(key))
    }));
    steps.extend(["loads", "answers"].map(|alias| Step::required(&source, moves(alias))));
    Plan {
        id: PlanId::new(Millis(1), [1; 10]),
        verb: Verb::Promote,
        context: Clean::name("prod"),
        subject: Clean::name("fraud"),
        model: Some(model_key()),
        summary: Clean::text("champion v13 → v14"),
        steps,
        gates,
        notes: vec![Clean::text("an alias move alone changes nothing")],
        blocked: Vec::new(),
        wanting: Vec::new(),
        friction: Friction::Name,
        read_at: Millis(0),
        expires: Duration::from_secs(600),
        undo_until: None,
        undoes: None,
        passed: Vec::new(),
    }
}

fn gate(name: &str, why: &str) -> GateNote {
    GateNote {
        gate: Clean::name(name),
        metric: Clean::empty(),
        rule: Clean::empty(),
        champion: Clean::empty(),
        candidate: Clean::empty(),
        verdict: Clean::name("pass"),
        why: Clean::text(why),
        overridden: None,
    }
}

fn showing(plan: Plan) -> App {
    let mut app = app(Writes::Confirm, false);
    let part = Part {
        wish: Wish::Undo(None),
        id: plan.id.clone(),
        plan: Ok(plan),
    };
    let revision = app.fleet.revision();
    app.sheet = Some(Sheet::new(vec![part], Vec::new(), revision, Millis(0)));
    app
}

/// The lines inside the box, without its edges.
fn inside(shown: &str) -> Vec<String> {
    let lines = shown.lines().filter_map(|line| {
        let (_, inner) = line.split_once('│')?;
        Some(inner.split('│').next()?.trim().to_owned())
    });
    lines.collect()
}

fn line(lines: &[String], start: &str) -> usize {
    let found = lines.iter().rposition(|line| line.starts_with(start));
    found.unwrap_or_else(|| panic!("no {start} in {lines:#?}"))
}

#[test]
fn what_must_be_done_stays_in_view_where_the_plan_does_not_fit() {
    let gates = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let gates = gates.map(|name| gate(name, "well")).to_vec();
    let mut app = showing(plan(gates));
    let lines = inside(&frame_of(&mut app, 80, 24));
    let steps = ["1 mlflow", "9 mlflow", "10 mlflow"].map(|step| line(&lines, step));
    let undo = line(&lines, "10 steps, 7 best effort");
    assert_eq!(steps, [undo - 3, undo - 2, undo - 1], "{lines:#?}");
    assert_eq!(line(&lines, "type fraud"), undo + 1);
    // On the smallest screen there is no room for all, and that is said.
    let lines = inside(&frame_of(&mut app, 60, 16));
    let first = line(&lines, "1 mlflow");
    assert_eq!(lines[first + 1], "and 2 more", "{lines:#?}");
}

#[test]
fn what_must_be_done_is_shown_once_where_the_plan_shows_it() {
    let mut app = showing(plan(Vec::new()));
    let count = |app: &mut App| {
        let lines = inside(&frame_of(app, 80, 20));
        let of = |step: &str| lines.iter().filter(|line| line.starts_with(step)).count();
        ["1 mlflow", "9 mlflow", "10 mlflow"].map(of)
    };
    assert_eq!(count(&mut app), [1, 1, 1]);
    // Scrolled away, they are pinned.
    press(&mut app, &["pagedown"], at(700));
    assert_eq!(count(&mut app), [1, 1, 1]);
}

#[test]
fn what_must_be_done_is_listed_first_under_the_numbers_of_execution() {
    let mut app = showing(plan(Vec::new()));
    let shown = frame_of(&mut app, 120, 36);
    let lines = inside(&shown);
    let order: Vec<&str> = lines
        .iter()
        .filter(|line| line.contains(" mlflow  "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let want = ["1", "9", "10", "2", "3", "4", "5", "6", "7", "8"];
    assert_eq!(order, want, "all fits, and nothing is shown twice: {shown}");
}

#[test]
fn a_passing_gate_loses_no_word_and_names_its_metric() {
    let mut measured = gate("performance", "n 8,628, of all versions together");
    measured.metric = Clean::name("val_rmse");
    measured.rule = Clean::text("≤ 13, rise ≤ 1 %");
    measured.champion = Clean::text("12.9");
    measured.candidate = Clean::text("12.6");
    let claims = "git claimed; data claimed; model verified; environment claimed";
    let mut cut = gate("reproducible", claims);
    cut.candidate = Clean::text("a value longer than its column");
    let mut app = showing(plan(vec![measured, cut]));
    for (columns, rows) in [(60, 16), (80, 24), (120, 36)] {
        let mut all: Vec<String> = Vec::new();
        // Read to the end as a person does, a page at a time.
        for _ in 0..6 {
            all.extend(inside(&frame_of(&mut app, columns, rows)));
            app.sheet_scroll(2);
        }
        let all = all.join(" ");
        for words in [
            "val_rmse",
            "rise ≤ 1 %",
            "versions together",
            claims.split("; ").last().expect("one"),
            "longer than its column",
        ] {
            assert!(all.contains(words), "{words} at {columns}: {all}");
        }
        if let Some(sheet) = &mut app.sheet {
            sheet.scroll = 0;
        }
    }
    press(&mut app, &["esc"], at(900));
    assert!(!app.asks_for_consent());
}
