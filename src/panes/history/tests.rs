//! History: from a fleet and commands to state and frames.

use proptest::prelude::*;

use super::*;
use crate::domain::change::ChangeKind;
use crate::domain::deployment::Health;
use crate::domain::fleet::Fleet;
use crate::domain::key::{DeploymentKind, SourceId};
use crate::domain::time::Window;
use crate::domain::watch::{Entry, Gap};
use crate::intent::command::COMMANDS;
use crate::panes::PromptKind;
use crate::panes::models::testing::{change, cx, deployment_key, drawn, fleet, model_key, waiting};
use crate::ui::hits::Target;
use crate::ui::testing::{NOW, look, runs, screen};

const SIZE: (u16, u16) = (120, 36);

fn fraud() -> Subject {
    Subject::Model(model_key("fraud-detector"))
}

fn open(fleet: &Fleet, subject: Subject) -> History {
    let mut pane = History::new(subject);
    pane.refresh(&cx(fleet, SIZE));
    pane
}

fn phrases(pane: &History) -> Vec<String> {
    pane.list
        .rows
        .iter()
        .filter_map(Entry::change)
        .map(|c| c.phrase().to_string())
        .collect()
}

#[test]
fn a_models_history_holds_its_deployments_newest_first() {
    let fleet = fleet();
    let pane = open(&fleet, fraud());
    assert_eq!(
        phrases(&pane)[..3],
        ["level ok → crit", "serves v13 → v14", "champion v13 → v14"]
    );
    let us = Subject::Deployment(deployment_key(
        "fraud-us",
        DeploymentKind::V2,
        "fraud-detector",
    ));
    assert_eq!(phrases(&open(&fleet, us)), ["serves v13 → v14"]);
    let source = Subject::Source(SourceId::new("mlflow"));
    assert!(phrases(&open(&fleet, source)).is_empty());
}

#[test]
fn the_time_range_dims_and_never_hides() {
    let fleet = fleet();
    let mut pane = open(&fleet, fraud());
    let look = look(120, 36);
    let mut cx = cx(&fleet, SIZE);
    let row_of = |pane: &History, cx: &Cx<'_>, y: u16| {
        let area = Rect::new(0, 0, 120, 32);
        let mut buf = Buffer::empty(area);
        pane.view(cx, &look, area, &mut buf);
        runs(&buf, y)
    };
    // The fifth change is a day old.
    let was = row_of(&pane, &cx, 6);
    assert!(was.contains("text.dim \"11-22 12:02"), "{was}");
    cx.window = Window::LADDER[5];
    let wide = row_of(&pane, &cx, 6);
    assert!(wide.starts_with("text \" 11-22 12:02"), "{wide}");
    pane.refresh(&cx);
    assert_eq!(pane.list.rows.len(), 9);
}

#[test]
fn the_return_key_opens_the_evidence() {
    let fleet = fleet();
    let mut pane = open(&fleet, fraud());
    let small = cx(&fleet, (80, 24));
    assert!(!pane.detailed((80, 24)));
    pane.update(Command::Down, &small);
    pane.update(Command::Down, &small);
    pane.update(Command::Open, &small);
    let shown = screen(&drawn(&mut pane, &fleet, (80, 24)));
    assert!(
        shown.contains("happened  2026-11-23 13:48:10Z, within a minute"),
        "{shown}"
    );
    assert!(shown.contains("who       ana"), "{shown}");
    assert!(
        shown.contains("evidence  two looks at the registry"),
        "{shown}"
    );
    pane.update(Command::Back, &small)
        .expect("esc closes the evidence first");
    assert!(!pane.detailed((80, 24)));
    assert!(pane.update(Command::Back, &small).is_none());
}

#[test]
fn what_nobody_watched_is_said_to_be_so() {
    let fleet = fleet();
    let pane = open(&fleet, Subject::Model(model_key("churn")));
    let moved = pane
        .list
        .rows
        .iter()
        .filter_map(Entry::change)
        .find(|c| matches!(c.kind, ChangeKind::Alias(_)));
    let moved = moved.expect("the champion moved");
    assert_eq!(cells(moved, &cx(&fleet, SIZE))[6], "9h");
    let mut pane = pane;
    let shown = screen(&drawn(&mut pane, &fleet, SIZE));
    assert!(shown.contains("nobody looked for 9h"), "{shown}");
}

#[test]
fn filters_know_words_and_columns() {
    let fleet = fleet();
    for (text, want) in [
        ("who:ana", 1),
        ("kind:served", 2),
        ("where:fraud-eu", 1),
        ("champion !ben", 1),
        ("age<1", 4),
        ("within>0.0001 kind:alias", 2),
        ("origin:imported", 0),
    ] {
        let mut pane = open(&fleet, fraud());
        let cx = cx(&fleet, SIZE);
        pane.prompt(PromptKind::Filter, text, true, &cx)
            .expect(text);
        assert_eq!(pane.list.rows.len(), want, "{text}: {:?}", phrases(&pane));
        if want == 0 {
            assert_eq!(
                pane.selected(&cx),
                Some(Thing::Model(model_key("fraud-detector")))
            );
            let shown = screen(&drawn(&mut pane, &fleet, (80, 24)));
            assert!(
                shown.contains("9 changes are hidden by `origin:imported`"),
                "{shown}"
            );
        }
    }
}

#[test]
fn new_changes_leave_the_selection_on_its_change() {
    let mut fleet = fleet();
    let mut pane = open(&fleet, fraud());
    pane.update(Command::Down, &cx(&fleet, SIZE));
    let before = pane.list.current().cloned();
    let word = Health::Unreachable.word();
    let eu = deployment_key("fraud-eu", DeploymentKind::V2, "fraud-detector");
    let silent = change(
        Subject::Deployment(eu),
        ChangeKind::Health,
        ("ready", word),
        (9_000, 0),
        None,
    );
    fleet.remember([silent], NOW.wall);
    pane.refresh(&cx(&fleet, SIZE));
    assert_eq!(phrases(&pane)[0], "endpoint ready → unreachable");
    assert_eq!(pane.list.current().cloned(), before);
}

#[test]
fn no_history_explains_how_there_would_be_one() {
    let fleet = waiting();
    let mut pane = open(&fleet, Subject::Model(model_key("eta-city")));
    let shown = screen(&drawn(&mut pane, &fleet, (80, 24)));
    assert!(shown.contains("No change of eta-city is known."), "{shown}");
    assert!(shown.contains("`quarterdeck record`"), "{shown}");
    assert!(
        pane.disabled(Command::Open, &cx(&fleet, (80, 24)))
            .is_some()
    );
}

#[test]
fn frame_at_80_by_24() {
    insta::assert_snapshot!(screen(&drawn(&mut History::new(fraud()), &fleet(), (80, 24))), @r"
     changes of model fraud-detector ──────────────────────── 4 in the last 6h of 9
     TIME UTC      AGE  WHAT                  WHERE           WHO     WITHIN
    ›11-23 13:58    4m  ✖ level ok → crit     fraud-detector  –        exact
     11-23 13:49   12m  ▲ serves v13 → v14    fraud-us        –          <1m
     11-23 13:48   13m  ▲ champion v13 → v14  fraud-detector  ana        <1m
     11-23 11:02    3h  ● v15 registered      fraud-detector  ci-bot   exact
     11-22 12:02   26h  ● v14 registered      fraud-detector  ci-bot   exact
     11-14 14:04    8d  ▲ serves v12 → v13    fraud-eu        –           1m
     11-14 14:02    8d  ▲ champion v12 → v13  fraud-detector  ben        <1m
     11-13 14:02   10d  ● v13 registered      fraud-detector  –        exact
     10-14 14:02    5w  ● v12 registered      fraud-detector  –        exact
    ");
}

#[test]
fn frame_at_120_by_36() {
    insta::assert_snapshot!(screen(&drawn(&mut History::new(fraud()), &fleet(), (120, 36))), @r"
     changes of model fraud-detector ──────────────────────────────────────────────────────────────── 4 in the last 6h of 9
     TIME UTC      AGE  WHAT                  WHERE           WHO     ORIGIN    WITHIN  EVIDENCE
    ›11-23 13:58    4m  ✖ level ok → crit     fraud-detector  –       observed   exact  two looks at the registry
     11-23 13:49   12m  ▲ serves v13 → v14    fraud-us        –       observed     <1m  two looks at the registry
     11-23 13:48   13m  ▲ champion v13 → v14  fraud-detector  ana     observed     <1m  two looks at the registry
     11-23 11:02    3h  ● v15 registered      fraud-detector  ci-bot  observed   exact  two looks at the registry
     11-22 12:02   26h  ● v14 registered      fraud-detector  ci-bot  observed   exact  two looks at the registry
     11-14 14:04    8d  ▲ serves v12 → v13    fraud-eu        –       observed      1m  two looks at the registry
     11-14 14:02    8d  ▲ champion v12 → v13  fraud-detector  ben     observed     <1m  two looks at the registry
     11-13 14:02   10d  ● v13 registered      fraud-detector  –       observed   exact  the registry's creation time
     10-14 14:02    5w  ● v12 registered      fraud-detector  –       observed   exact  the registry's creation time















     evidence ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
      ✖ level ok → crit  fraud-detector
      happened  2026-11-23 13:58:00Z
      who       nobody says: no tag or record names an actor
      origin    observed: seen between two looks
      evidence  two looks at the registry
    ");
}

#[test]
fn frame_at_200_by_60() {
    insta::assert_snapshot!(screen(&drawn(&mut History::new(fraud()), &fleet(), (200, 60))), @r"
     changes of model fraud-detector ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────── 4 in the last 6h of 9
     TIME UTC      AGE  WHAT                  WHERE           WHO     ORIGIN    WITHIN  EVIDENCE
    ›11-23 13:58    4m  ✖ level ok → crit     fraud-detector  –       observed   exact  two looks at the registry
     11-23 13:49   12m  ▲ serves v13 → v14    fraud-us        –       observed     <1m  two looks at the registry
     11-23 13:48   13m  ▲ champion v13 → v14  fraud-detector  ana     observed     <1m  two looks at the registry
     11-23 11:02    3h  ● v15 registered      fraud-detector  ci-bot  observed   exact  two looks at the registry
     11-22 12:02   26h  ● v14 registered      fraud-detector  ci-bot  observed   exact  two looks at the registry
     11-14 14:04    8d  ▲ serves v12 → v13    fraud-eu        –       observed      1m  two looks at the registry
     11-14 14:02    8d  ▲ champion v12 → v13  fraud-detector  ben     observed     <1m  two looks at the registry
     11-13 14:02   10d  ● v13 registered      fraud-detector  –       observed   exact  the registry's creation time
     10-14 14:02    5w  ● v12 registered      fraud-detector  –       observed   exact  the registry's creation time







































     evidence ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      ✖ level ok → crit  fraud-detector
      happened  2026-11-23 13:58:00Z
      who       nobody says: no tag or record names an actor
      origin    observed: seen between two looks
      evidence  two looks at the registry
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn no_commands_panic(
        commands in proptest::collection::vec((0..COMMANDS.len(), 0_usize..12), 0..24),
        size in (60_u16..220, 16_u16..60),
    ) {
        let fleet = fleet();
        let mut pane = History::new(fraud());
        for (at, index) in commands {
            pane.update(COMMANDS[at].command, &cx(&fleet, size));
            match index {
                0 => { pane.click(Target::Row(at), &cx(&fleet, size)); }
                1 => { let _ = pane.prompt(PromptKind::Filter, "v14", true, &cx(&fleet, size)); }
                2 => pane.scroll(at as i16 - 20, &cx(&fleet, size)),
                _ => {}
            }
            let _ = (pane.row_text(&cx(&fleet, size)), pane.markdown(&cx(&fleet, size)));
            drawn(&mut pane, &fleet, size);
            prop_assert!(pane.list.rows.is_empty() || pane.list.table.selected < pane.list.rows.len());
        }
    }
}

#[test]
fn time_that_nobody_watched_stands_between_the_changes() {
    let mut fleet = fleet();
    let key = model_key("fraud-detector");
    let mut pane = History::new(Subject::Model(key));
    let before = {
        drawn(&mut pane, &fleet, (160, 40));
        pane.list.rows.clone()
    };
    let first = before[0].change().expect("a change").not_after;
    let second = before[1].change().expect("a change").not_after;
    assert!(second < first, "two changes apart");
    let gap = Gap {
        from: second,
        to: first,
    };
    fleet.set_gaps(vec![gap]);
    let buf = drawn(&mut pane, &fleet, (160, 40));
    assert_eq!(pane.list.rows.len(), before.len() + 1);
    assert!(pane.list.rows[1].change().is_none());
    assert!(screen(&buf).contains("nobody watched for"));
    // It is no change: it is not counted, and a filter for changes leaves it out.
    assert!(screen(&buf).contains(&format!("of {}", before.len())));
    let at = cx(&fleet, (160, 40));
    pane.update(Command::Down, &at);
    assert!(
        pane.row_text(&at)
            .is_some_and(|t| t.as_str().contains("nobody watched"))
    );
    assert!(screen(&drawn(&mut pane, &fleet, (160, 40))).contains("What changed meanwhile"));
    let (titles, rows) = pane.markdown(&at);
    assert!(rows.iter().all(|r| r.len() == titles.len()));
    pane.prompt(PromptKind::Filter, "v14", true, &at)
        .expect("a filter");
    assert!(pane.list.rows.iter().all(|r| r.change().is_some()));
}
