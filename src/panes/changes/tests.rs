//! What changed: from a fleet and commands to rows, asks and frames.

use super::*;
use crate::domain::observation::{Coverage, Feed, Rows};
use crate::domain::signal::{Measure, Measured, SignalReading};
use crate::panes::models::testing::{ago, cx, drawn, fleet as bare, model_key, observe};
use crate::panes::monitored::{PROM, fleet, signal_key};
use crate::ui::testing::{NOW, runs, screen};

const SIZE: (u16, u16) = (120, 36);
const MINUTE: i64 = 60_000;

fn open(fleet: &crate::domain::fleet::Fleet, at: Option<Millis>) -> Changes {
    let mut pane = Changes::new(model_key("fraud-detector"), at);
    pane.refresh(&cx(fleet, SIZE));
    pane
}

#[test]
fn the_promotion_before_the_onset_is_the_first_suspect_and_enter_opens_its_version() {
    let fleet = fleet();
    let mut pane = open(&fleet, Some(ago(12 * MINUTE)));
    let first = pane.list.current().expect("a suspect");
    assert_eq!(first.text, "serves v13 → v14", "{:?}", pane.list.rows);
    let champion = pane
        .list
        .rows
        .iter()
        .position(|s| s.text == "champion v13 → v14")
        .expect("the promotion");
    assert!(champion <= 1, "{champion}");
    pane.list.table.select(champion, pane.list.rows.len());
    let asks = pane
        .update(Command::Open, &cx(&fleet, SIZE))
        .expect("a use");
    let [Ask::Show(Place::Model(model), Thing::Version(version))] = &asks[..] else {
        panic!("{asks:?}");
    };
    assert_eq!(*model, model_key("fraud-detector"));
    assert_eq!(version.version, Key::new("14"));
}

#[test]
fn the_onset_of_a_silent_job_is_its_last_run_and_not_the_end_of_its_limit() {
    let fleet = fleet();
    let churn = fleet.model(&model_key("churn")).expect("a model");
    let (at, reason) = fleet.onset(churn).expect("an onset");
    assert!(reason.text.as_str().contains("no drift report since"));
    assert_eq!(at, ago(52 * 60 * MINUTE));
    assert!(reason.since.stamp() > Some(at));
}

#[test]
fn what_was_so_at_the_first_look_began_no_later_and_nothing_is_before_it() {
    let mut fleet = fleet();
    let key = signal_key("eta-city", Measure::LatencyP95, "", "");
    let mut slow = SignalReading::new(key, Measured::Value(2.0));
    slow.at = Some(NOW.wall);
    observe(
        &mut fleet,
        PROM,
        Feed::Signals,
        Coverage::Partial,
        Rows::Signals(vec![slow]),
    );
    fleet.tick(NOW.wall);
    let eta = fleet.model(&model_key("eta-city")).expect("a model");
    assert!(fleet.onset_is_bound(eta), "{:?}", eta.verdict);
    let mut pane = Changes::new(model_key("eta-city"), None);
    let shown = screen(&drawn(&mut pane, &fleet, SIZE));
    assert!(
        shown.contains("eta-city   onset ≤ 14:02Z, first look  <1m ago   p95 2 s > 1 s"),
        "{shown}"
    );
    assert!(shown.contains("FIRST LOOK  WHEN"), "{shown}");
    assert!(
        shown.contains("4m earlier") && !shown.contains("before  "),
        "{shown}"
    );
}

#[test]
fn an_alert_opens_its_page_and_an_annotation_has_none() {
    let fleet = fleet();
    let mut pane = open(&fleet, None);
    let at = |pane: &Changes, kind: &str| {
        let mut rows = pane.list.rows.iter();
        rows.position(|s| s.kind() == kind).expect(kind)
    };
    let alert = at(&pane, "alert");
    pane.list.table.select(alert, pane.list.rows.len());
    let asks = pane.update(Command::Open, &cx(&fleet, SIZE)).unwrap();
    assert!(
        matches!(&asks[..], [Ask::Open(Place::Alert(_))]),
        "{asks:?}"
    );
    let note = at(&pane, "annotation");
    pane.list.table.select(note, pane.list.rows.len());
    assert!(pane.disabled(Command::Open, &cx(&fleet, SIZE)).is_some());
}

#[test]
fn nothing_known_says_how_to_know_more() {
    let fleet = bare();
    let mut pane = Changes::new(model_key("ranker-eu"), Some(ago(300 * 24 * 60 * MINUTE)));
    let shown = screen(&drawn(&mut pane, &fleet, SIZE));
    assert!(
        shown.contains("Nothing is known to have changed"),
        "{shown}"
    );
}

#[test]
fn what_changed_at_its_sizes() {
    let fleet = fleet();
    let at = Some(ago(12 * MINUTE));
    insta::assert_snapshot!(screen(&drawn(&mut open(&fleet, at), &fleet, (60, 16))), @r"
     fraud-detector   at the cursor 13:50Z  12m ago   onset 13…
     from 6h before to 1h after · likely causes first, effects…
     ROLE         FROM CURSOR  WHAT                     1–8 of 9
    ›cause?         at cursor  ▲ serves v13 → v14
     cause?         1m before  ▲ champion v13 → v14
     cause?        28m before  ● feature view payments_7d redep…
     cause?      2h48m before  ● v15 registered
     cause?      3h23m before  ● run nightly run-fraud-detector…
     effect          8m after  ✖ alert HighErrorRate firing, pe…
     effect          8m after  ✖ level ok → crit
     effect      1h18m before  ✖ alert FeatureDrift firing
     serves v13 → v14 · fraud-us · within <1m
    ");
    insta::assert_snapshot!(screen(&drawn(&mut open(&fleet, at), &fleet, (80, 24))), @r"
     fraud-detector   at the cursor 13:50Z  12m ago   onset 13:48Z   fraud-eu answ…
     from 6h before to 1h after · likely causes first, effects and others last
     ROLE         FROM CURSOR       TO ONSET  WHAT                      WHERE
    ›cause?         at cursor       at onset  ▲ serves v13 → v14        fraud-us
     cause?         1m before       at onset  ▲ champion v13 → v14      fraud-detec…
     cause?        28m before     26m before  ● feature view payments…  prom
     cause?      2h48m before   2h46m before  ● v15 registered          fraud-detec…
     cause?      3h23m before   3h21m before  ● run nightly run-fraud…  fraud-detec…
     effect          8m after       9m after  ✖ alert HighErrorRate f…  fraud-detec…
     effect          8m after       9m after  ✖ level ok → crit         fraud-detec…
     effect      1h18m before   1h16m before  ✖ alert FeatureDrift fi…  fraud-detec…
     elsewhere   4h48m before   4h46m before  ● v1 registered           demand-fore…







     serves v13 → v14 · fraud-us · within <1m
    ");
    insta::assert_snapshot!(screen(&drawn(&mut open(&fleet, None), &fleet, (120, 36))), @r"
     fraud-detector   onset 13:48Z  13m ago   fraud-eu answers v13, not v14
     from 6h before to 1h after · likely causes first, effects and others last
     ROLE            TO ONSET  WHEN   WHAT                                          WHERE                     WHO     WITHIN
    ›cause?          at onset  13:48  ▲ champion v13 → v14                          fraud-detector            ana        <1m
     cause?          at onset  13:49  ▲ serves v13 → v14                            fraud-us                  –          <1m
     cause?        26m before  13:22  ● feature view payments_7d redeployed         prom                      dana     exact
     cause?      2h46m before  11:02  ● v15 registered                              fraud-detector            ci-bot   exact
     cause?      3h21m before  10:27  ● run nightly run-fraud-detector-15 finished  fraud-detector            ana      exact
     effect      1h16m before  12:32  ✖ alert FeatureDrift firing                   fraud-detector            –        exact
     effect          9m after  13:58  ✖ alert HighErrorRate firing, pending since…  fraud-detector            –        exact
     effect          9m after  13:58  ✖ level ok → crit                             fraud-detector            –        exact
     elsewhere   4h46m before  09:02  ● v1 registered                               demand-forecast-weekly-…  –        exact



















     champion v13 → v14 · fraud-detector · by ana · within <1m
    ");
    insta::assert_snapshot!(screen(&drawn(&mut open(&fleet, None), &fleet, (200, 60))), @r"
     fraud-detector   onset 13:48Z  13m ago   fraud-eu answers v13, not v14
     from 6h before to 1h after · likely causes first, effects and others last
     ROLE            TO ONSET  WHEN   WHAT                                                     WHERE                     WHO     WITHIN
    ›cause?          at onset  13:48  ▲ champion v13 → v14                                     fraud-detector            ana        <1m
     cause?          at onset  13:49  ▲ serves v13 → v14                                       fraud-us                  –          <1m
     cause?        26m before  13:22  ● feature view payments_7d redeployed                    prom                      dana     exact
     cause?      2h46m before  11:02  ● v15 registered                                         fraud-detector            ci-bot   exact
     cause?      3h21m before  10:27  ● run nightly run-fraud-detector-15 finished             fraud-detector            ana      exact
     effect      1h16m before  12:32  ✖ alert FeatureDrift firing                              fraud-detector            –        exact
     effect          9m after  13:58  ✖ alert HighErrorRate firing, pending since 11-23 13:56  fraud-detector            –        exact
     effect          9m after  13:58  ✖ level ok → crit                                        fraud-detector            –        exact
     elsewhere   4h46m before  09:02  ● v1 registered                                          demand-forecast-weekly-…  –        exact











































     champion v13 → v14 · fraud-detector · by ana · within <1m
    ");
    insta::assert_snapshot!(runs(&drawn(&mut open(&fleet, None), &fleet, (120, 36)), 8), @r#"
    text " "
    text.dim "effect"
    - "      "
    text "1h16m before"
    - "  "
    text.dim "12:32"
    - "  "
    level.crit "✖ "
    text "alert FeatureDrift firing"
    - "                   "
    text "fraud-detector"
    - "            "
    text.dim "–"
    - "        "
    text.dim "exact"
    "#);
    insta::assert_snapshot!(runs(&drawn(&mut open(&fleet, at), &fleet, (80, 24)), 3), @r#"
    accent+selected "›"
    text+selected "cause?"
    row.selected "         "
    text+selected "at cursor"
    row.selected "       "
    text+selected "at onset"
    row.selected "  "
    pill.context "▲ "
    text+selected "serves v13 → v14"
    row.selected "        "
    text+selected "fraud-us"
    row.selected "    "
    "#);
}
