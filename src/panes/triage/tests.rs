//! Triage: from a fleet and commands to state, asks and frames.

use super::*;
use crate::domain::deployment::Health;
use crate::domain::fault::FaultKind;
use crate::domain::fleet::triage;
use crate::domain::level::{Level, ReasonCode};
use crate::domain::observation::{Coverage, Feed, Rows};
use crate::panes::models::testing::{
    self, cx, drawn, drawn_as, fleet, model_key, polled, unconfigured, waiting,
};
use crate::panes::{PromptKind, monitored};
use crate::ui::symbols::Symbols;
use crate::ui::testing::{NOW, look_of, runs, screen};
use crate::ui::theme::Depth;

const SIZE: (u16, u16) = (120, 36);

fn open(fleet: &crate::domain::fleet::Fleet) -> Triage {
    let mut pane = Triage::new();
    pane.refresh(&cx(fleet, SIZE));
    pane
}

fn current(pane: &Triage) -> &str {
    pane.list.current().map_or("", |r| r.name.as_str())
}

fn press(pane: &mut Triage, fleet: &crate::domain::fleet::Fleet, command: Command) -> Vec<Ask> {
    pane.update(command, &cx(fleet, SIZE)).unwrap_or_default()
}

/// Takes the registry's answers away for so long that it is down.
fn without_registry(fleet: &mut crate::domain::fleet::Fleet) {
    for n in 0..4 {
        for feed in [Feed::Models, Feed::Versions, Feed::Experiments] {
            let at = NOW.wall.minus(std::time::Duration::from_secs(4 - n));
            polled(fleet, testing::SOURCE, feed, at, Some(FaultKind::Timeout));
        }
    }
}

#[test]
fn the_cursor_stays_on_the_worst_row_until_one_is_chosen() {
    let mut fleet = waiting();
    let models = testing::registered();
    testing::observe(
        &mut fleet,
        testing::SOURCE,
        Feed::Models,
        Coverage::Partial,
        Rows::Models(models),
    );
    without_registry(&mut fleet);
    let mut pane = open(&fleet);
    assert!(current(&pane).starts_with("mlflow"), "{}", current(&pane));
    // Worse rows come above it.
    let later = testing::fleet();
    pane.reindex(&cx(&later, SIZE));
    pane.refresh(&cx(&later, SIZE));
    assert_eq!(pane.list.table.selected, 0);
    let worst = current(&pane).to_owned();
    // One chosen by hand is kept, wherever it goes.
    press(&mut pane, &later, Command::Down);
    let chosen = current(&pane).to_owned();
    assert_ne!(chosen, worst);
    for filter in [chosen.as_str(), ""] {
        pane.prompt(PromptKind::Filter, filter, true, &cx(&later, SIZE))
            .expect("a filter");
        assert_eq!(current(&pane), chosen);
    }
    // Going to the first row lets go again.
    press(&mut pane, &later, Command::First);
    assert!(!pane.list.chosen);
}

#[test]
fn a_name_that_is_typed_is_selected_before_rows_that_say_it() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    let worst = current(&pane).to_owned();
    let named = pane.list.rows.last().expect("a row").name.to_string();
    assert_ne!(worst, named);
    // Everything that has a letter in it stays; the row that begins so is meant.
    for letters in 1..=named.len() {
        let typed = &named[..letters];
        pane.prompt(PromptKind::Filter, typed, false, &cx(&fleet, SIZE))
            .expect("a filter");
    }
    assert_eq!(current(&pane), named);
    pane.prompt(PromptKind::Filter, "level:crit", true, &cx(&fleet, SIZE))
        .expect("a filter");
    assert_eq!(pane.list.table.selected, 0);
}

#[test]
fn enter_opens_what_is_in_trouble() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    pane.select(
        &Thing::Model(model_key("fraud-detector")),
        &cx(&fleet, SIZE),
    );
    let asks = press(&mut pane, &fleet, Command::Open);
    assert!(
        matches!(&asks[..], [Ask::Open(Place::Model(key))] if *key == model_key("fraud-detector")),
        "{asks:?}"
    );
}

#[test]
fn a_source_that_is_read_in_part_has_a_row_until_it_is_read_whole() {
    let mut fleet = monitored::fleet();
    let rows = |fleet: &crate::domain::fleet::Fleet| {
        let rows = &open(fleet).list.rows;
        rows.iter().map(|r| r.name.to_string()).collect::<Vec<_>>()
    };
    let whole = rows(&fleet);
    assert_eq!(triage::worst(&fleet), Level::Crit);
    let what = "quarterdeck requests: 10000 of 10050 series are read; narrow it with `selector`";
    testing::polled_in_part(&mut fleet, monitored::PROM, Feed::Signals, what);
    let mut pane = open(&fleet);
    let row = pane.list.rows.iter().find(|r| r.name == "prom in part");
    let row = row.expect("a row of the source");
    let reason = &row.verdict.reasons[0];
    assert_eq!(
        (row.verdict.level, reason.code, reason.text.as_str()),
        (Level::Unknown, ReasonCode::SourcePartial, what)
    );
    let shown = screen(&drawn(&mut pane, &fleet, SIZE));
    assert!(shown.contains("10000 of 10050 s"), "{shown}");
    polled(&mut fleet, monitored::PROM, Feed::Signals, NOW.wall, None);
    assert_eq!(rows(&fleet), whole);
}

#[test]
fn a_filter_says_what_it_hides_and_escape_clears_it() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    let all = pane.list.rows.len();
    pane.prompt(PromptKind::Filter, "level:crit", true, &cx(&fleet, SIZE))
        .expect("a filter");
    assert!(
        pane.list
            .rows
            .iter()
            .all(|r| r.verdict.level.word() == "crit")
    );
    pane.prompt(
        PromptKind::Filter,
        "nothing-is-called-so",
        true,
        &cx(&fleet, SIZE),
    )
    .expect("a filter");
    let shown = screen(&drawn(&mut pane, &fleet, SIZE));
    assert!(
        shown.contains("No row passes the filter `nothing-is-called-so`.")
            && shown.contains(&format!("{all} rows are hidden")),
        "{shown}"
    );
    press(&mut pane, &fleet, Command::Back);
    assert_eq!(pane.list.rows.len(), all);
}

#[test]
fn an_unreachable_endpoint_is_not_said_to_answer() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    let down = fleet
        .deployments()
        .find(|d| d.health == Health::Unreachable)
        .and_then(|d| d.model.clone())
        .expect("a silent endpoint");
    pane.select(&Thing::Model(down), &cx(&fleet, SIZE));
    let shown = screen(&drawn(&mut pane, &fleet, SIZE));
    assert!(shown.contains("last answered"), "{shown}");
}

#[test]
fn nothing_known_is_never_called_well() {
    let shown = screen(&drawn(&mut Triage::new(), &waiting(), SIZE));
    assert!(
        shown.contains("Waiting for") && !shown.contains("Nothing is in trouble"),
        "{shown}"
    );
    let shown = screen(&drawn(&mut Triage::new(), &unconfigured(), SIZE));
    assert!(
        shown.contains("No source is configured in this context."),
        "{shown}"
    );
}

#[test]
fn it_reads_without_colour_and_without_unicode() {
    let look = look_of("mono", Depth::Mono, &Symbols::ASCII, 120, 36);
    let shown = screen(&drawn_as(&mut Triage::new(), &fleet(), &look));
    assert!(shown.is_ascii(), "{shown}");
    assert!(shown.contains("X crit"), "{shown}");
}

/// The styles of the first row in a theme, by the roles of the dark one where they agree.
fn styles(theme: &str, depth: Depth) -> String {
    let look = look_of(theme, depth, &Symbols::UNICODE, 80, 24);
    runs(&drawn_as(&mut Triage::new(), &fleet(), &look), 1)
}

#[test]
fn styles_in_dark() {
    insta::assert_snapshot!(styles("dark", Depth::True), @r#"
    accent+selected "›"
    level.crit+selected "✖ crit"
    row.selected "  "
    tab.current "fraud-detector"
    row.selected "  "
    text+selected "v13 | v14"
    row.selected "  "
    text+selected "fraud-eu answers v13, not v14"
    row.selected "            "
    text.dim+selected "13m"
    "#);
}

#[test]
fn styles_in_light() {
    insta::assert_snapshot!(styles("light", Depth::True), @r#"
    (Some(Rgb(10, 107, 116)), Some(Rgb(226, 233, 243)), NONE) "›"
    (Some(Rgb(184, 18, 48)), Some(Rgb(226, 233, 243)), BOLD) "✖ crit"
    (None, Some(Rgb(226, 233, 243)), NONE) "  "
    (Some(Rgb(11, 14, 19)), Some(Rgb(226, 233, 243)), BOLD) "fraud-detector"
    (None, Some(Rgb(226, 233, 243)), NONE) "  "
    (Some(Rgb(42, 47, 55)), Some(Rgb(226, 233, 243)), NONE) "v13 | v14"
    (None, Some(Rgb(226, 233, 243)), NONE) "  "
    (Some(Rgb(42, 47, 55)), Some(Rgb(226, 233, 243)), NONE) "fraud-eu answers v13, not v14"
    (None, Some(Rgb(226, 233, 243)), NONE) "            "
    (Some(Rgb(95, 104, 115)), Some(Rgb(226, 233, 243)), NONE) "13m"
    "#);
}

#[test]
fn styles_in_mono() {
    insta::assert_snapshot!(styles("mono", Depth::Mono), @r#"
    (None, None, BOLD | REVERSED) "›"
    (None, None, BOLD | UNDERLINED | REVERSED) "✖ crit"
    (None, None, REVERSED) "  "
    (None, None, BOLD | REVERSED) "fraud-detector"
    (None, None, REVERSED) "  v13 | v14  fraud-eu answers v13, not v14            "
    (None, None, DIM | REVERSED) "13m"
    "#);
}

#[test]
fn frame_at_60_by_16() {
    insta::assert_snapshot!(screen(&drawn(&mut Triage::new(), &fleet(), (60, 16))), @r"
     LEVEL   MODEL           WHY
    ›✖ crit  fraud-detector  fraud-eu answers v13, not v14
     ✖ crit  basket          basket-tf does not answer: unreach…
    ────────────────────────────────────────────────────────────
      fraud-detector   owner risk-ml   runbook https://wiki.tes…
      next    look at the endpoints: fraud-eu answers v13, not
              v14  5 Deployments
      ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu

      ✖ fraud-eu  answers v13 (reported) for 8d
        follows @champion = v14  behind · ready   probe 4 ms
      3 more lines · ↵ opens it
    ");
}

#[test]
fn frame_at_80_by_24() {
    insta::assert_snapshot!(screen(&drawn(&mut Triage::new(), &fleet(), (80, 24))), @r"
     LEVEL   MODEL           SERVED     WHY                                    SINCE
    ›✖ crit  fraud-detector  v13 | v14  fraud-eu answers v13, not v14            13m
     ✖ crit  basket          ?          basket-tf does not answer: unreachab…    22m
    ────────────────────────────────────────────────────────────────────────────────
      fraud-detector   owner risk-ml   runbook https://wiki.test/fraud   read <1m a…
      next    look at the endpoints: fraud-eu answers v13, not v14  5 Deployments
      ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu

      ✖ fraud-eu  answers v13 (reported) for 8d
        follows @champion = v14  behind · ready   probe 4 ms
      · fraud-us  answers v14 (reported) for 12m
        follows @champion = v14  in sync · ready   probe 4 ms
      val_auc  champion 0.941 +0.007   challenger 0.938
    ── changes, last 6h ────────────────────────────────────────────────────────────
      13:58 ✖ level ok → crit  4m ago
      13:49 ▲ fraud-us serves v13 → v14  12m ago
      13:48 ▲ champion v13 → v14  ana  13m ago
      11:02 ● v15 registered  ci-bot  3h ago
    ");
}

#[test]
fn frame_at_120_by_36() {
    insta::assert_snapshot!(screen(&drawn(&mut Triage::new(), &fleet(), (120, 36))), @r"
     LEVEL   MODEL           SERVED     CHAMPION  WHY                                      SINCE  JUST BEFORE
    ›✖ crit  fraud-detector  v13 | v14  v14 ≠     fraud-eu answers v13, not v14              13m  champion v13 → v14 (ana)…
     ✖ crit  basket          ?          v3        basket-tf does not answer: unreachable…    22m  –


    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      fraud-detector   owner risk-ml   runbook https://wiki.test/fraud   read <1m ago
      next    look at the endpoints: fraud-eu answers v13, not v14  5 Deployments
      touches 2 endpoints, 2 in production
      ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu

      ✖ fraud-eu  answers v13 (reported) for 8d  follows @champion = v14  behind · ready   probe 4 ms
      · fraud-us  answers v14 (reported) for 12m  follows @champion = v14  in sync · ready   probe 4 ms
      val_auc  champion 0.941 +0.007   challenger 0.938
    ── changes, last 6h ────────────────────────────────────────────────────────────────────────────────────────────────────
      13:58 ✖ level ok → crit  4m ago
      13:49 ▲ fraud-us serves v13 → v14  12m ago
      13:48 ▲ champion v13 → v14  ana  13m ago
      11:02 ● v15 registered  ci-bot  3h ago
    ");
}

#[test]
fn frame_at_200_by_60() {
    insta::assert_snapshot!(screen(&drawn(&mut Triage::new(), &fleet(), (200, 60))), @r"
     LEVEL   MODEL           SERVED     CHAMPION  WHY                                                                                                  SINCE  JUST BEFORE
    ›✖ crit  fraud-detector  v13 | v14  v14 ≠     fraud-eu answers v13, not v14                                                                          13m  champion v13 → v14 (ana) 13m ago
     ✖ crit  basket          ?          v3        basket-tf does not answer: unreachable: connection refused                                             22m  –


    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      fraud-detector   owner risk-ml   runbook https://wiki.test/fraud   read <1m ago
      next    look at the endpoints: fraud-eu answers v13, not v14  5 Deployments
      touches 2 endpoints, 2 in production
      ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu

      ✖ fraud-eu  answers v13 (reported) for 8d  follows @champion = v14  behind · ready   probe 4 ms
      · fraud-us  answers v14 (reported) for 12m  follows @champion = v14  in sync · ready   probe 4 ms
      val_auc  champion 0.941 +0.007   challenger 0.938
    ── changes, last 6h ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      13:58 ✖ level ok → crit  4m ago
      13:49 ▲ fraud-us serves v13 → v14  12m ago
      13:48 ▲ champion v13 → v14  ana  13m ago
      11:02 ● v15 registered  ci-bot  3h ago
    ");
}

#[test]
fn the_detail_tells_signals_alerts_and_who_silenced_them() {
    let fleet = monitored::fleet();
    let mut pane = open(&fleet);
    pane.select(
        &Thing::Model(model_key("fraud-detector")),
        &cx(&fleet, SIZE),
    );
    let shown = screen(&drawn(&mut pane, &fleet, SIZE));
    for word in [
        "errors",
        "4.8 %",
        "p95",
        "310 ms",
        "HighErrorRate",
        "silenced by ben",
    ] {
        assert!(shown.contains(word), "{word}\n{shown}");
    }
    insta::assert_snapshot!(shown, @r"
     LEVEL   MODEL           SERVED     CHAMPION  WHY                                      SINCE  JUST BEFORE
    ›✖ crit  fraud-detector  v13 | v14  v14 ≠     fraud-eu answers v13, not v14 +5           13m  champion v13 → v14 (ana)…
     ✖ crit  basket          ?          v3        basket-tf does not answer: unreachable…    22m  –
     ? unkn  churn           v7         v7        no drift report since 11-21 10:02 (lim…    26h  –

    ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      fraud-detector   owner risk-ml   runbook https://wiki.test/fraud/errors   read <1m ago
      next    roll back to v13: serving broke, 6m after serves v13 → v14  b roll back
      touches 2 endpoints, 2 in production, 212/s
      errors ⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣸ 4.8 %   p95 ⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣤⣴ 310 ms   prediction mean ⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣸ 0.31
                          ▲v14                       ▲v14                                    ▲v14
      drift amount ⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣤⣴⣶⣿ 0.43   requests ⣇⣸⣀⣀⣀⣀⣀⣀⣸⣀⣀⣀⣀⣀ 212/s
                                ▲v14                           ▲v14
      ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu
      ✖ crit  errors 4.8 % > 3 %  6m  prom
      ✖ crit  drift 1/2 features, worst amount psi 0.43 > 0.1, by importance 75 % > 30 %, n 6,400, over in 12 of 12
              windows, 2 more not judged  1h  prom
      ✖ crit  HighErrorRate firing: errors of fraud-detector over 1 %  6m  prom
      ? unkn  feature drift of device_age is NaN: its job could not compute it  ≥0m  prom
      ● info  FeatureDrift silenced by ben until 11-23 15:32: amount drifts  1h  prom

      ✖ fraud-eu  answers v13 (reported) for 8d  follows @champion = v14  behind · ready   probe 4 ms
      · fraud-us  answers v14 (reported) for 12m  follows @champion = v14  in sync · ready   probe 4 ms
      val_auc  champion 0.941 +0.007   challenger 0.938
    ── changes, last 6h ────────────────────────────────────────────────────────────────────────────────────────────────────
      13:58 ✖ alert HighErrorRate firing  4m ago
      13:58 ✖ level ok → crit  4m ago
      13:49 ▲ fraud-us serves v13 → v14  12m ago
      13:48 ▲ champion v13 → v14  ana  13m ago
      12:32 ✖ alert FeatureDrift firing  1h ago
      11:02 ● v15 registered  ci-bot  3h ago
    ");
}

#[test]
fn the_next_step_comes_first_and_what_does_not_fit_is_counted() {
    let fleet = monitored::fleet();
    let mut pane = open(&fleet);
    let shown = screen(&drawn(&mut pane, &fleet, (80, 24)));
    let lines: Vec<&str> = shown.lines().collect();
    let rule = lines.iter().rposition(|line| line.starts_with("───"));
    let below = &lines[rule.map_or(0, |at| at + 1)..];
    assert!(
        below.iter().any(|line| line.contains("next    ")),
        "{shown}"
    );
    let next = shown.find("next    ").expect("a step");
    assert!(
        shown[next..].contains("✖ crit"),
        "before every cause: {shown}"
    );
    for rows in [13, 14, 16] {
        let shown = screen(&drawn(&mut pane, &fleet, (80, rows)));
        let told = shown.contains("more line") || shown.contains("more change");
        assert!(told && shown.contains("next    "), "{rows}: {shown}");
    }
}

#[test]
fn a_comparison_keeps_its_value_and_line_in_few_words() {
    use super::view::shorter;
    assert_eq!(
        shorter("missing values of ctr_30d 34.8 % > 20 %, n 17,450"),
        [
            "missing values of ctr_30d 34.8 % > 20 %",
            "missing … of ctr_30d 34.8 % > 20 %",
            "missing … ctr_30d 34.8 % > 20 %",
        ]
    );
    assert_eq!(
        shorter("realised auc 0.717 < 0.75, n 14,863"),
        ["realised auc 0.717 < 0.75"]
    );
    assert!(shorter("churn-prod answers v6, not v7").is_empty());
}

#[test]
fn with_every_source_silent_the_last_known_cause_stands_with_its_time() {
    use crate::domain::fault::FaultKind;
    use crate::domain::observation::Feed;
    use crate::panes::models::testing::polled;
    let mut fleet = monitored::fleet();
    let later = NOW.wall.plus(std::time::Duration::from_secs(720));
    let feeds = [
        ("mlflow", Feed::Models),
        (monitored::PROM, Feed::Signals),
        (monitored::PROM, Feed::Alerts),
    ];
    for (source, feed) in feeds {
        for _ in 0..4 {
            let kind = Some(FaultKind::Unreachable);
            polled(&mut fleet, source, feed, later, kind);
        }
    }
    fleet.tick(later);
    let mut cx = cx(&fleet, (120, 36));
    cx.now.wall = later;
    let mut pane = Triage::new();
    pane.refresh(&cx);
    let rows = pane.markdown(&cx).1;
    let churn = rows.iter().find(|row| row[1] == "churn");
    let why = &churn.expect("a row")[4];
    assert!(why.starts_with("no drift report since"), "{why}");
    assert!(why.contains("as read 11-23 14:02"), "{why}");
    assert!(why.contains("mlflow does not answer"), "{why}");
}
