//! Alerts: from a monitored fleet and commands to rows, asks and frames.

use super::*;
use crate::domain::alert::AlertState;
use crate::domain::level::Level;
use crate::domain::observation::{Coverage, Feed, Rows};
use crate::panes::models::testing::{cx, drawn, fleet as bare, model_key, observe, polled};
use crate::panes::monitored::{PROM, fleet};
use crate::panes::{PromptKind, signal};
use crate::ui::testing::{NOW, runs, screen};
use crate::ui::theme::Role;

const SIZE: (u16, u16) = (120, 36);

fn open(fleet: &crate::domain::fleet::Fleet) -> Alerts {
    let mut pane = Alerts::new();
    pane.refresh(&cx(fleet, SIZE));
    pane
}

fn names(pane: &Alerts) -> Vec<&str> {
    pane.list.rows.iter().map(|a| a.name.as_str()).collect()
}

#[test]
fn the_loudest_comes_first_and_enter_opens_its_page() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    assert_eq!(names(&pane)[0], "HighErrorRate");
    let loud: Vec<bool> = pane.list.rows.iter().map(Alert::is_loud).collect();
    assert!(loud.is_sorted_by(|a, b| a >= b), "{loud:?}");
    let key = pane.current().expect("an alert").key.clone();
    assert_eq!(
        pane.selected(&cx(&fleet, SIZE)),
        Some(Thing::Alert(key.clone()))
    );
    let asks = pane.update(Command::Open, &cx(&fleet, SIZE));
    let asks = asks.expect("a use for it");
    assert!(matches!(&asks[..], [Ask::Open(Place::Alert(opened))] if *opened == key));
}

#[test]
fn rows_are_filtered_by_state_model_and_label_and_sorted_by_column() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    let all = pane.list.rows.len();
    for (filter, kept) in [
        ("state:silenced", "FeatureDrift"),
        ("model:fraud errors", "HighErrorRate"),
        ("name:higherror", "HighErrorRate"),
    ] {
        pane.prompt(PromptKind::Filter, filter, true, &cx(&fleet, SIZE))
            .expect("a filter");
        assert_eq!(names(&pane), [kept], "{filter}");
    }
    pane.update(Command::Back, &cx(&fleet, SIZE));
    assert_eq!(pane.list.rows.len(), all);
    pane.update(Command::Sort, &cx(&fleet, SIZE));
    assert!(names(&pane).is_sorted(), "{:?}", names(&pane));
    pane.click_column(1, &cx(&fleet, SIZE));
    let turned = names(&pane);
    assert!(turned.is_sorted_by(|a, b| a >= b), "{turned:?}");
    pane.click_column(5, &cx(&fleet, SIZE));
    assert_eq!(pane.by, By::Name, "a summary is nothing to sort by");
}

#[test]
fn a_models_first_alert_is_selected_and_its_onset_is_the_moment() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    pane.update(Command::Last, &cx(&fleet, SIZE));
    let model = Thing::Model(model_key("fraud-detector"));
    pane.select(&model, &cx(&fleet, SIZE));
    let current = pane.current().expect("an alert");
    assert_eq!(current.name, "HighErrorRate");
    assert_eq!(pane.moment(&cx(&fleet, SIZE)), Some(current.since));
}

#[test]
fn two_alerts_of_one_rule_are_told_apart_where_rows_are_short() {
    let mut fleet = fleet();
    let told = |feature: &str, summary: &str| {
        let mut alert = crate::panes::monitored::alert(
            "ModelLatencyBudgetBurn",
            Level::Warn,
            AlertState::Firing,
            6,
        );
        alert.key.fingerprint = Key::new(feature);
        alert.summary = Clean::text(summary);
        let labels = [("feature", feature), ("model", "fraud-detector")];
        alert.labels = labels
            .map(|(k, v)| (Clean::name(k), Clean::name(v)))
            .into_iter()
            .collect();
        alert
    };
    let mut of_v14 = told("ctr_30d", "ctr_30d has moved away");
    of_v14.version = Some(Key::new("14"));
    observe(
        &mut fleet,
        PROM,
        Feed::Alerts,
        Coverage::Partial,
        Rows::Alerts(vec![of_v14, told("age", "")]),
    );
    let shown = screen(&drawn(&mut open(&fleet), &fleet, (80, 24)));
    assert!(
        shown.contains("ctr_30d has ") && shown.contains("feature=age"),
        "{shown}"
    );
    assert!(shown.contains("fraud-detector v14"), "{shown}");
}

#[test]
fn alerts_of_a_source_that_falls_silent_say_of_when_they_are() {
    let mut fleet = fleet();
    let later = NOW.wall.plus(std::time::Duration::from_secs(720));
    for _ in 0..4 {
        let kind = crate::domain::fault::FaultKind::Unreachable;
        polled(&mut fleet, PROM, Feed::Alerts, later, Some(kind));
    }
    fleet.tick(later);
    let mut cx = cx(&fleet, SIZE);
    cx.now.wall = later;
    let mut pane = Alerts::new();
    pane.refresh(&cx);
    let mut buf = Buffer::empty(Rect::new(0, 0, 120, 32));
    let look = crate::ui::testing::look(120, 36);
    pane.view(&cx, &look, buf.area, &mut buf);
    let shown = screen(&buf);
    assert!(
        shown.starts_with(" 1 firing   1 silenced   as read 14:0"),
        "{shown}"
    );
    assert!(
        shown.contains("Z, 12m ago") && shown.contains("? firing"),
        "{shown}"
    );
}

#[test]
fn without_alerts_the_pane_says_what_would_fill_it() {
    let shown = screen(&drawn(&mut Alerts::new(), &bare(), SIZE));
    assert!(
        shown.contains("No source of alerts is configured."),
        "{shown}"
    );
    let fleet = fleet();
    let mut pane = open(&fleet);
    pane.prompt(PromptKind::Filter, "nothing-so", true, &cx(&fleet, SIZE))
        .expect("a filter");
    let shown = screen(&drawn(&mut pane, &fleet, SIZE));
    assert!(
        shown.contains("No alert passes the filter.") && shown.contains("2 alerts are hidden"),
        "{shown}"
    );
}

#[test]
fn frames() {
    let fleet = fleet();
    for size in [(60, 16), (80, 24), (120, 36), (200, 60)] {
        let shown = screen(&drawn(&mut open(&fleet), &fleet, size));
        assert!(shown.contains("HighErrorRate"), "{shown}");
    }
    insta::assert_snapshot!(screen(&drawn(&mut open(&fleet), &fleet, (60, 16))), @r"
     1 firing   1 silenced
     STATE▴       ALERT          MODEL           SINCE
    ›✖ firing     HighErrorRate  fraud-detector     6m
     ● silenced   FeatureDrift   fraud-detector     1h
    ");
    insta::assert_snapshot!(screen(&drawn(&mut open(&fleet), &fleet, (80, 24))), @r"
     1 firing   1 silenced
     STATE▴       ALERT          MODEL           SEVERITY  SINCE  SUMMARY
    ›✖ firing     HighErrorRate  fraud-detector  crit         6m  errors of fraud-d…
     ● silenced   FeatureDrift   fraud-detector  warn         1h  amount drifts
    ");
    insta::assert_snapshot!(screen(&drawn(&mut open(&fleet), &fleet, (120, 36))), @r"
     1 firing   1 silenced
     STATE▴       ALERT          MODEL           SEVERITY  SINCE    VALUE  SUMMARY                   MUTED             GROUP
    ›✖ firing     HighErrorRate  fraud-detector  crit         6m    0.048  errors of fraud-detecto…  –                 –
     ● silenced   FeatureDrift   fraud-detector  warn         1h    0.048  amount drifts             by ben until 15…  –
    ");
    insta::assert_snapshot!(screen(&drawn(&mut open(&fleet), &fleet, (200, 60))), @r"
     1 firing   1 silenced
     STATE▴       ALERT          MODEL           SEVERITY  SINCE    VALUE  SUMMARY                                                                        MUTED                                        GROUP
    ›✖ firing     HighErrorRate  fraud-detector  crit         6m    0.048  errors of fraud-detector over 1 %                                              –                                            –
     ● silenced   FeatureDrift   fraud-detector  warn         1h    0.048  amount drifts                                                                  by ben until 15:32Z                          –
    ");
    let styles = [0, 2, 3].map(|y| runs(&drawn(&mut open(&fleet), &fleet, (120, 36)), y));
    insta::assert_snapshot!(styles.join("\n\n"), @r#"
    - " "
    level.crit "1 firing"
    text.dim "   1 silenced"
    - "                                                                                                  "

    accent+selected "›"
    level.crit+selected "✖ firing"
    row.selected "     "
    text+selected "HighErrorRate"
    row.selected "  "
    text+selected "fraud-detector"
    row.selected "  "
    text.dim+selected "crit"
    row.selected "         "
    text.dim+selected "6m"
    row.selected "    "
    text+selected "0.048"
    row.selected "  "
    text+selected "errors of fraud-detecto…"
    row.selected "  "
    text.dim+selected "–"
    row.selected "                 "
    text.dim+selected "–"
    row.selected "    "

    text " "
    text.dim "● silenced"
    - "   "
    text.dim "FeatureDrift"
    - "   "
    text.dim "fraud-detector"
    - "  "
    text.dim "warn"
    - "         "
    text.dim "1h"
    - "    "
    text.dim "0.048"
    - "  "
    text.dim "amount drifts"
    - "             "
    text.dim "by ben until 15…"
    - "  "
    text.dim "–"
    - "    "
    "#);
}

#[test]
fn an_alert_looks_as_bad_as_the_rule_says_it_is() {
    let fleet = fleet();
    let cx = cx(&fleet, SIZE);
    let look = crate::ui::testing::look(SIZE.0, SIZE.1);
    let held = fleet.alerts().find(|held| held.fact.level == Level::Crit);
    let firing = held.expect("a critical alert").fact.clone();
    let shown = |state| {
        let alert = Alert {
            state,
            ..firing.clone()
        };
        let level = fleet.alert_level(&alert, cx.now.wall);
        (level, signal::alert_state(&alert, &cx, &look).1)
    };
    assert_eq!(shown(AlertState::Firing), (Level::Crit, Role::Crit));
    assert_eq!(shown(AlertState::Pending), (Level::Info, Role::Info));
    assert_eq!(shown(AlertState::Silenced), (Level::Info, Role::Dim));
}
