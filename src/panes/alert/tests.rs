//! An alert's page: from a fleet and answers to asks and frames.

use super::*;
use crate::domain::alert::AlertRule;
use crate::domain::fault::FaultKind;
use crate::domain::key::Key;
use crate::domain::signal::Measure;
use crate::panes::models::testing::{cx, drawn, gone, model_key};
use crate::panes::monitored::{PROM, course, fleet, signal_key};
use crate::ui::testing::{NOW, runs, screen};

const SIZE: (u16, u16) = (120, 36);

fn open(fleet: &crate::domain::fleet::Fleet, name: &str) -> AlertPage {
    let mut page = AlertPage::new(AlertKey {
        source: SourceId::new(PROM),
        fingerprint: Key::new(name),
    });
    page.refresh(&cx(fleet, SIZE));
    page
}

#[test]
fn the_rules_own_expression_is_asked_for_and_drawn_against_its_threshold() {
    let fleet = fleet();
    let mut page = open(&fleet, "HighErrorRate");
    let wants = page.wants(&cx(&fleet, SIZE));
    let [Want { source, query, .. }] = &wants[..] else {
        panic!("{wants:?}");
    };
    assert_eq!(source.as_str(), PROM);
    let Query::Expression {
        query: expression, ..
    } = query
    else {
        panic!("{query:?}");
    };
    assert_eq!(
        expression.raw(),
        "job:errors:ratio{model=\"fraud-detector\"}"
    );
    let key = signal_key("fraud-detector", Measure::ErrorRatio, "", "");
    let answer = Ok(Detail::Series(vec![course(key, 0.002, 0.048, 58)]));
    page.fetched(query, &answer, NOW.wall, &cx(&fleet, SIZE));
    // A later fault leaves what was read.
    let fault = Err(Fault::new(FaultKind::Timeout, PROM, "10 s"));
    page.fetched(query, &fault, NOW.wall, &cx(&fleet, SIZE));
    insta::assert_snapshot!(screen(&drawn(&mut page, &fleet, (60, 16))), @r#"
     ✖ firing  HighErrorRate   prom
     summary    errors of fraud-detector over 1 %
     since      13:56Z, 6m ago
     severity   crit
     its rule over time ────────────────────────────────────────
    job:errors:ratio{model="fraud…  0.048            ╌ line 0.01
    0.05 ┤                                                   ┊┊⡰
         │                                                   ┊⢀⠇
         │                                                   ┊⡜
    0.00 ┤╌⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠴⠁╌
                                                          v14▲▲
          08:02Z                  11:02                   14:02Z
    "#);
    insta::assert_snapshot!(screen(&drawn(&mut page, &fleet, (80, 24))), @r#"
     ✖ firing  HighErrorRate   prom
     summary    errors of fraud-detector over 1 %
     since      13:56Z, 6m ago
     severity   crit
     model      fraud-detector
     value      0.048 compared with 0.010
     must hold  2m00s
     runbook    https://wiki.test/fraud/errors
     rule       job:errors:ratio{model="fraud-detector"} > 0.01
     its rule over time ────────────────────────────────────────────────────────────
    job:errors:ratio{model="fraud-detector"}  0.048                      ╌ line 0.01
         │                                                                      ┊ ┊⢰
    0.04 ┤                                                                      ┊ ┊⡎
         │                                                                      ┊ ⢀⠇
         │                                                                      ┊ ⢸
    0.02 ┤                                                                      ┊ ⡎
         │╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌⢰⠁╌
    0.00 ┤ ⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠎┊
                                                                             v14▲ ▲
          08:02Z                10:02                   12:02                 14:02Z
    "#);
    insta::assert_snapshot!(screen(&drawn(&mut page, &fleet, SIZE)), @r#"
     ✖ firing  HighErrorRate   prom
     summary    errors of fraud-detector over 1 %
     since      13:56Z, 6m ago
     severity   crit
     model      fraud-detector
     value      0.048 compared with 0.010
     must hold  2m00s
     runbook    https://wiki.test/fraud/errors
     rule       job:errors:ratio{model="fraud-detector"} > 0.01
     labels     team=risk
     its rule over time ────────────────────────────────────────────────────────────────────────────────────────────────────
    job:errors:ratio{model="fraud-detector"}  0.048                                                              ╌ line 0.01
    0.05 ┤                                                                                                             ┊ ┊
         │                                                                                                             ┊ ┊ ⢸
         │                                                                                                             ┊ ┊ ⡎
    0.04 ┤                                                                                                             ┊ ┊ ⡇
         │                                                                                                             ┊ ┊⢰⠁
         │                                                                                                             ┊ ┊⢸
         │                                                                                                             ┊ ┊⡎
    0.03 ┤                                                                                                             ┊ ┊⡇
         │                                                                                                             ┊ ⢰⠁
         │                                                                                                             ┊ ⢸
    0.02 ┤                                                                                                             ┊ ⡎
         │                                                                                                             ┊ ⡇
         │                                                                                                             ┊⢰⠁
         │                                                                                                             ┊⢸┊
    0.01 ┤╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌⡎╌╌╌
         │                                                                                                             ┊⡇┊
         │                                                                                                             ⢰⠁┊
    0.00 ┤  ⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉ ┊
                                                                                                                    v14▲ ▲
          08:02Z                    09:32                       11:02                       12:32                     14:02Z
    "#);
}

#[test]
fn the_widest_screen_in_its_styles() {
    let fleet = fleet();
    let mut page = open(&fleet, "HighErrorRate");
    let query = page.wants(&cx(&fleet, SIZE))[0].query.clone();
    let key = signal_key("fraud-detector", Measure::ErrorRatio, "", "");
    let answer = Ok(Detail::Series(vec![course(key, 0.002, 0.048, 58)]));
    page.fetched(&query, &answer, NOW.wall, &cx(&fleet, SIZE));
    let shown = drawn(&mut page, &fleet, (200, 60));
    insta::assert_snapshot!(screen(&shown), @r#"
     ✖ firing  HighErrorRate   prom
     summary    errors of fraud-detector over 1 %
     since      13:56Z, 6m ago
     severity   crit
     model      fraud-detector
     value      0.048 compared with 0.010
     must hold  2m00s
     runbook    https://wiki.test/fraud/errors
     rule       job:errors:ratio{model="fraud-detector"} > 0.01
     labels     team=risk
     its rule over time ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    job:errors:ratio{model="fraud-detector"}  0.048                                                                                                                                              ╌ line 0.01
    0.05 ┤                                                                                                                                                                                          ┊   ┊
         │                                                                                                                                                                                          ┊   ┊
         │                                                                                                                                                                                          ┊   ┊  ⢰
         │                                                                                                                                                                                          ┊   ┊  ⢸
         │                                                                                                                                                                                          ┊   ┊  ⡇
         │                                                                                                                                                                                          ┊   ┊  ⡇
         │                                                                                                                                                                                          ┊   ┊  ⡇
         │                                                                                                                                                                                          ┊   ┊ ⢰⠁
    0.04 ┤                                                                                                                                                                                          ┊   ┊ ⢸
         │                                                                                                                                                                                          ┊   ┊ ⢸
         │                                                                                                                                                                                          ┊   ┊ ⡎
         │                                                                                                                                                                                          ┊   ┊ ⡇
         │                                                                                                                                                                                          ┊   ┊ ⡇
         │                                                                                                                                                                                          ┊   ┊⢠⠃
         │                                                                                                                                                                                          ┊   ┊⢸
         │                                                                                                                                                                                          ┊   ┊⢸
         │                                                                                                                                                                                          ┊   ┊⡸
    0.03 ┤                                                                                                                                                                                          ┊   ┊⡇
         │                                                                                                                                                                                          ┊   ┊⡇
         │                                                                                                                                                                                          ┊   ⢀⠇
         │                                                                                                                                                                                          ┊   ⢸
         │                                                                                                                                                                                          ┊   ⢸
         │                                                                                                                                                                                          ┊   ⡸
         │                                                                                                                                                                                          ┊   ⡇
         │                                                                                                                                                                                          ┊   ⡇
    0.02 ┤                                                                                                                                                                                          ┊  ⢠⠃
         │                                                                                                                                                                                          ┊  ⢸┊
         │                                                                                                                                                                                          ┊  ⢸┊
         │                                                                                                                                                                                          ┊  ⡎┊
         │                                                                                                                                                                                          ┊  ⡇┊
         │                                                                                                                                                                                          ┊  ⡇┊
         │                                                                                                                                                                                          ┊ ⢸ ┊
         │                                                                                                                                                                                          ┊ ⢸ ┊
    0.01 ┤╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌⡜╌╌╌╌╌
         │                                                                                                                                                                                          ┊ ⡇ ┊
         │                                                                                                                                                                                          ┊ ⡇ ┊
         │                                                                                                                                                                                          ┊⢰⠁ ┊
         │                                                                                                                                                                                          ┊⢸  ┊
         │                                                                                                                                                                                          ┊⢸  ┊
         │                                                                                                                                                                                          ┊⡇  ┊
         │   ⠉⠉⠒⠒⠒⠉⠉⠉⠑⠒⠒⠊⠉⠉⠉⠒⠒⠒⠉⠉⠉⠑⠒⠒⠊⠉⠉⠉⠒⠒⠒⠉⠉⠉⠒⠒⠒⠊⠉⠉⠑⠒⠒⠒⠉⠉⠉⠒⠒⠒⠊⠉⠉⠑⠒⠒⠒⠉⠉⠉⠒⠒⠒⠉⠉⠉⠑⠒⠒⠊⠉⠉⠉⠒⠒⠒⠉⠉⠉⠑⠒⠒⠊⠉⠉⠉⠒⠒⠒⠉⠉⠉⠑⠒⠒⠊⠉⠉⠑⠒⠒⠒⠉⠉⠉⠒⠒⠒⠊⠉⠉⠑⠒⠒⠒⠉⠉⠉⠒⠒⠒⠊⠉⠉⠑⠒⠒⠊⠉⠉⠉⠒⠒⠒⠉⠉⠉⠑⠒⠒⠊⠉⠉⠉⠒⠒⠒⠉⠉⠉⠑⠒⠒⠊⠉⠉⠉⠒⠒⠒⠉⠉⠉⠒⠒⠒⠊⠉⠉⠑⠒⠒⠒⠉⠉⠉⠒⠒⠒⠊⠉⠉⠑⠒⠃  ┊
    0.00 ┤                                                                                                                                                                                          ┊   ┊
                                                                                                                                                                                                 v14▲   ▲
          08:02Z                        09:02                           10:02                           11:02                           12:02                           13:02                         14:02Z
    "#);
    let styles = [0, 1, 6].map(|y| runs(&shown, y)).join("\n\n");
    insta::assert_snapshot!(styles, @r#"
    - " "
    level.crit "✖ firing  "
    text.strong "HighErrorRate"
    text.dim "   prom"
    - "                                                                                                                                                                         "

    - " "
    text.dim "summary    "
    text "errors of fraud-detector over 1 %"
    - "                                                                                                                                                           "

    - " "
    text.dim "must hold  "
    text "2m00s"
    - "                                                                                                                                                                                       "
    "#);
}

#[test]
fn an_alert_whose_rule_nobody_tells_says_so() {
    let fleet = fleet();
    let mut page = open(&fleet, "FeatureDrift");
    assert!(page.wants(&cx(&fleet, SIZE)).is_empty());
    let shown = screen(&drawn(&mut page, &fleet, SIZE));
    assert!(shown.contains("does not tell the rule"), "{shown}");
    assert!(
        shown.contains("by ben") && shown.contains("INC-42"),
        "{shown}"
    );
}

#[test]
fn an_alert_that_ended_keeps_what_was_known() {
    let mut fleet = fleet();
    let mut page = open(&fleet, "HighErrorRate");
    let key = page.key.clone();
    gone(
        &mut fleet,
        vec![crate::domain::observation::FactKey::Alert(key)],
        NOW.wall.plus(std::time::Duration::from_secs(1)),
    );
    page.refresh(&cx(&fleet, SIZE));
    assert!(page.is_over(&cx(&fleet, SIZE)));
    let shown = screen(&drawn(&mut page, &fleet, SIZE));
    assert!(
        shown.contains("ended") && shown.contains("HighErrorRate"),
        "{shown}"
    );
    assert_eq!(
        page.model(&cx(&fleet, SIZE)),
        Some(model_key("fraud-detector"))
    );
}

#[test]
fn of_a_rule_that_watches_many_only_the_alerts_own_course_is_drawn() {
    let fleet = fleet();
    let mut page = open(&fleet, "HighErrorRate");
    let query = page.wants(&cx(&fleet, SIZE))[0].query.clone();
    let of = |model: &str, part: &str| signal_key(model, Measure::ErrorRatio, part, "");
    let all = vec![
        course(of("churn", "model=churn team=risk"), 0.1, 0.9, 58),
        course(
            of("fraud-detector", "model=fraud-detector team=ads"),
            0.1,
            0.8,
            58,
        ),
        course(
            of("fraud-detector", "model=fraud-detector team=risk zone=b"),
            0.002,
            0.048,
            58,
        ),
    ];
    let answer = Ok(Detail::Series(all.clone()));
    page.fetched(&query, &answer, NOW.wall, &cx(&fleet, SIZE));
    assert_eq!(page.own(&cx(&fleet, SIZE)), [&all[2]]);
    let shown = screen(&drawn(&mut page, &fleet, (80, 24)));
    assert!(
        shown.contains("0.048") && !shown.contains("churn"),
        "{shown}"
    );
    // Of courses that are all another's none is drawn.
    let answer = Ok(Detail::Series(all[..2].to_vec()));
    page.fetched(&query, &answer, NOW.wall, &cx(&fleet, SIZE));
    let shown = screen(&drawn(&mut page, &fleet, (80, 24)));
    assert!(
        shown.contains("none of the 2 courses of the expression has the alert's labels"),
        "{shown}"
    );
}

#[test]
fn what_a_rule_compares_with_is_its_line_and_no_course_of_its_own() {
    let fleet = fleet();
    let mut page = open(&fleet, "FeatureDrift");
    let mut last = page.last.clone().expect("an alert");
    last.fact.rule = Some(AlertRule {
        query: Key::new("score > on (feature) line and rows >= 500"),
        plotted: Key::new("score > on (feature) line and rows >= 500"),
        threshold: None,
        for_seconds: 0,
    });
    page.last = Some(last);
    let query = page.wants(&cx(&fleet, SIZE)).swap_remove(0).query;
    let of = |method: &str, value: f32| {
        let mut key = signal_key("fraud-detector", Measure::Requests, "feature=amount", "");
        key.method = Key::new(method);
        course(key, value, value * 1.01, 30)
    };
    let answer = Ok(Detail::Series(vec![of("", 2.3), of(COMPARED, 0.1)]));
    page.fetched(&query, &answer, NOW.wall, &cx(&fleet, SIZE));
    let buf = {
        // A refresh would take the fleet's own telling of the alert, which has no rule.
        let mut buf = Buffer::empty(Rect::new(0, 0, 80, 24));
        let look = crate::ui::testing::look(80, 24);
        page.view(&cx(&fleet, (80, 24)), &look, buf.area, &mut buf);
        buf
    };
    let shown = screen(&buf);
    assert!(shown.contains("╌ line 0.101"), "{shown}");
    assert!(
        shown.contains("╌╌╌╌") && shown.contains("0 ┤"),
        "the axis holds it: {shown}"
    );
    assert_eq!(page.own(&cx(&fleet, SIZE)).len(), 1);
}
