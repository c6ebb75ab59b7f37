//! The model page: from a fleet, commands and answers to state, questions and frames.

use proptest::prelude::*;

use super::details::AGAIN;
use super::*;
use crate::domain::fault::FaultKind;
use crate::domain::fleet::Fleet;
use crate::domain::observation::FactKey;
use crate::domain::signal::{Measure, SignalSeries};
use crate::intent::command::COMMANDS;
use crate::panes::models::testing::{
    cx, drawn, drawn_as, fleet, gone, model_key, run, run_key, version_key, waiting,
};
use crate::panes::monitored;
use crate::ui::testing::{NOW, look_of, screen};
use crate::ui::theme::Depth;

const SIZE: (u16, u16) = (120, 36);

fn open(fleet: &Fleet, model: &str) -> ModelPage {
    let mut pane = ModelPage::new(model_key(model));
    pane.refresh(&cx(fleet, SIZE));
    pane
}

fn fraud(fleet: &Fleet) -> ModelPage {
    let mut pane = open(fleet, "fraud-detector");
    for version in ["14", "15"] {
        let id = format!("run-fraud-detector-{version}");
        let whole = run(&id, "val_auc", 0.94, 27 * 3_600_000);
        answer(
            &mut pane,
            fleet,
            Query::Run(run_key(&id)),
            Ok(Detail::Run(Box::new(whole))),
        );
    }
    pane
}

#[expect(clippy::needless_pass_by_value, reason = "tests read better so")]
fn answer(pane: &mut ModelPage, fleet: &Fleet, query: Query, result: Result<Detail, Fault>) {
    pane.fetched(&query, &result, NOW.wall, &cx(fleet, SIZE));
}

fn press(pane: &mut ModelPage, fleet: &Fleet, commands: &[Command]) -> Vec<Ask> {
    let mut asked = Vec::new();
    for command in commands {
        asked.extend(pane.update(*command, &cx(fleet, SIZE)).unwrap_or_default());
    }
    asked
}

fn selected(pane: &ModelPage) -> &str {
    pane.selected_key().map_or("", Key::raw)
}

/// The facts of the selected version as text.
fn told(pane: &ModelPage, fleet: &Fleet) -> String {
    let lines = pane.fact_lines(&cx(fleet, SIZE));
    let text = |line: &facts::Line| line.iter().map(|s| s.text.as_ref()).collect::<String>();
    lines.iter().map(text).collect::<Vec<_>>().join("\n")
}

#[test]
fn it_starts_at_the_champion_and_stays_on_its_version() {
    let mut fleet = fleet();
    let mut pane = open(&fleet, "fraud-detector");
    assert_eq!(selected(&pane), "14");
    press(&mut pane, &fleet, &[Command::Down]);
    assert_eq!(selected(&pane), "13");
    let newest = FactKey::Version(version_key("fraud-detector", "15"));
    gone(&mut fleet, vec![newest], Millis(NOW.wall.0 + 5_000));
    pane.refresh(&cx(&fleet, SIZE));
    assert_eq!((selected(&pane), pane.rows.len()), ("13", 3));
}

#[test]
fn what_a_source_left_out_is_said_of_the_models_that_it_may_concern() {
    use crate::panes::models::testing::polled_in_part;
    let mut fleet = monitored::fleet();
    let said = |fleet: &Fleet, size| {
        let shown = screen(&drawn(&mut open(fleet, "churn"), fleet, size));
        shown.contains("prom was read in part: 10000 of 10050 series are read")
    };
    for size in [(60, 16), (80, 24), SIZE, (200, 60)] {
        assert!(!said(&fleet, size), "{size:?}");
    }
    let what = "10000 of 10050 series are read";
    polled_in_part(
        &mut fleet,
        monitored::PROM,
        crate::domain::observation::Feed::Signals,
        what,
    );
    for size in [(80, 24), SIZE, (200, 60)] {
        assert!(said(&fleet, size), "{size:?}");
    }
    let mut narrow = open(&fleet, "churn");
    let shown = screen(&drawn(&mut narrow, &fleet, (60, 16)));
    assert!(shown.contains("prom was read in part: 10000 of"), "{shown}");
}

#[test]
fn the_return_key_leads_from_the_version_to_its_run() {
    let fleet = fleet();
    let mut pane = open(&fleet, "fraud-detector");
    assert!(press(&mut pane, &fleet, &[Command::Open]).is_empty());
    assert_eq!(pane.part, Part::Facts);
    let asked = press(&mut pane, &fleet, &[Command::Open]);
    let run = run_key("run-fraud-detector-14");
    assert!(
        matches!(&asked[..], [Ask::Open(Place::Run(key))] if *key == run),
        "{asked:?}"
    );
    press(&mut pane, &fleet, &[Command::Back]);
    assert_eq!(pane.part, Part::Versions);
    assert!(
        pane.update(Command::Back, &cx(&fleet, SIZE)).is_none(),
        "the root goes back"
    );
}

#[test]
fn parts_are_reached_with_tab_and_with_the_arrows() {
    let fleet = fleet();
    let mut pane = open(&fleet, "fraud-detector");
    press(&mut pane, &fleet, &[Command::NextFocus, Command::NextFocus]);
    assert_eq!(pane.part, Part::Deployments);
    let asked = press(&mut pane, &fleet, &[Command::Down, Command::Open]);
    assert!(
        matches!(
            &asked[..],
            [Ask::Show(Place::Deployments, Thing::Deployment(_))]
        ),
        "{asked:?}"
    );
    press(&mut pane, &fleet, &[Command::Right]);
    assert_eq!(pane.part, Part::Changes);
    let asked = press(&mut pane, &fleet, &[Command::Open]);
    assert!(
        matches!(&asked[..], [Ask::Open(Place::History(_))]),
        "{asked:?}"
    );
    press(&mut pane, &fleet, &[Command::Right; 3]);
    assert_eq!(pane.part, Part::Alerts, "the last part is the last");
    press(&mut pane, &fleet, &[Command::NextFocus]);
    assert_eq!(pane.part, Part::Versions);
    press(&mut pane, &fleet, &[Command::Left]);
    assert_eq!(pane.part, Part::Versions);
}

#[test]
fn it_wants_versions_again_and_again_and_the_rest_once() {
    let fleet = fleet();
    let mut pane = open(&fleet, "fraud-detector");
    press(&mut pane, &fleet, &[Command::Down]);
    let want = |pane: &ModelPage, query: &Query| {
        let all = pane.wants(&cx(&fleet, SIZE));
        all.into_iter().find(|w| w.query == *query).map(|w| w.every)
    };
    let versions = Query::Versions(model_key("fraud-detector"));
    assert_eq!(want(&pane, &versions), Some(Some(AGAIN)));
    let run_13 = Query::Run(run_key("run-fraud-detector-13"));
    assert!(
        want(&pane, &run_13).is_some(),
        "the selected version's run, whole"
    );
    assert!(want(&pane, &Query::Package(version_key("fraud-detector", "13"))).is_some());
    assert!(
        want(&pane, &Query::Package(version_key("fraud-detector", "14"))).is_none(),
        "the champion's package is held already"
    );
    assert!(
        want(&pane, &Query::Run(run_key("run-fraud-detector-12"))).is_some(),
        "the quality of a version in view rests on its run"
    );
    let whole = run("run-fraud-detector-13", "val_auc", 0.934, 1);
    answer(
        &mut pane,
        &fleet,
        run_13.clone(),
        Ok(Detail::Run(Box::new(whole))),
    );
    assert_eq!(want(&pane, &run_13), None, "read once");
}

#[test]
fn aliases_are_the_registered_models_own() {
    let fleet = fleet();
    let pane = open(&fleet, "fraud-detector");
    let (titles, rows) = pane.markdown(&cx(&fleet, SIZE));
    assert_eq!(titles[5], "val_auc");
    let aliases: Vec<(&str, &str)> = rows
        .iter()
        .map(|r| (r[0].as_str(), r[1].as_str()))
        .collect();
    assert_eq!(
        aliases,
        [
            ("v15", "challenger"),
            ("v14", "champion"),
            ("v13", "–"),
            ("v12", "–")
        ]
    );
    assert_eq!(rows[0][6], "-0.003", "against the champion");
    assert_eq!(rows[1][7], "fraud-us", "the endpoint that answers with it");
    assert_eq!(rows[2][7], "fraud-eu");
}

#[test]
fn a_candidates_signature_is_compared_with_the_champions() {
    let fleet = fleet();
    let mut pane = fraud(&fleet);
    press(&mut pane, &fleet, &[Command::Up]);
    let told = told(&pane, &fleet);
    for want in [
        "AGAINST v14 (CHAMPION)\nval_auc      0.938  -0.003",
        "signature    ✖ breaks  input amount double → float",
        "✖ breaks  input tenure removed",
        "✔ fits    new optional input device_age",
        "training     payments-2026w46",
        "validation   payments-2026w47",
        "experiment   fraud-training",
        "model        ✔ verified",
        "git          ◌ claimed",
    ] {
        assert!(told.contains(want), "{want}:\n{told}");
    }
}

#[test]
fn a_run_that_is_gone_is_broken_lineage_and_never_blank() {
    let mut fleet = fleet();
    fleet.run_is_gone(run_key("run-fraud-detector-12"));
    let mut pane = open(&fleet, "fraud-detector");
    press(&mut pane, &fleet, &[Command::Last]);
    let told = told(&pane, &fleet);
    assert!(
        told.contains("✖ broken  the tracker does not hold run run-fraud-detector-12"),
        "{told}"
    );
    assert!(told.contains("git          ✖ broken"), "{told}");
    let query = Query::Run(run_key("run-fraud-detector-12"));
    assert!(
        pane.wants(&cx(&fleet, SIZE))
            .iter()
            .all(|w| w.query != query)
    );
    let shown = screen(&drawn(&mut pane, &fleet, (200, 60)));
    assert!(shown.contains("✖ gone"), "{shown}");
}

#[test]
fn a_run_that_cannot_be_read_says_why() {
    let fleet = fleet();
    let mut pane = open(&fleet, "fraud-detector");
    press(&mut pane, &fleet, &[Command::Last]);
    assert!(told(&pane, &fleet).contains("run run-fraud-detector-12 is being read"));
    let query = Query::Run(run_key("run-fraud-detector-12"));
    let fault = Fault::new(FaultKind::Timeout, "", "no answer in 10s");
    answer(&mut pane, &fleet, query.clone(), Err(fault));
    let said = told(&pane, &fleet);
    assert!(
        said.contains("? run run-fraud-detector-12 cannot be read:"),
        "{said}"
    );
    let again = pane
        .wants(&cx(&fleet, SIZE))
        .into_iter()
        .find(|w| w.query == query);
    assert_eq!(again.expect("asked again").every, Some(AGAIN));
}

#[test]
fn a_model_that_vanished_keeps_its_last_known_facts() {
    let mut fleet = fleet();
    let mut pane = fraud(&fleet);
    gone(
        &mut fleet,
        vec![FactKey::Model(model_key("fraud-detector"))],
        Millis(NOW.wall.0 + 5_000),
    );
    pane.refresh(&cx(&fleet, SIZE));
    assert!(
        pane.wants(&cx(&fleet, SIZE)).is_empty(),
        "nothing is asked about what is gone"
    );
    let shown = screen(&drawn(&mut pane, &fleet, SIZE));
    assert!(
        shown.contains("the registry no longer holds this model"),
        "{shown}"
    );
    assert!(
        shown.contains("last read <1m ago") && shown.contains("v14"),
        "{shown}"
    );
    assert!(!shown.contains("· ok    fraud-detector"), "{shown}");
}

#[test]
fn a_model_never_seen_says_so() {
    let shown = screen(&drawn(
        &mut ModelPage::new(model_key("ghost")),
        &waiting(),
        (80, 24),
    ));
    assert!(shown.contains("Nothing is known of ghost yet."), "{shown}");
    let shown = screen(&drawn(
        &mut ModelPage::new(model_key("ghost")),
        &fleet(),
        (80, 24),
    ));
    assert!(
        shown.contains("No registry of this context holds ghost."),
        "{shown}"
    );
}

#[test]
fn a_model_without_endpoints_says_how_to_name_one() {
    let fleet = fleet();
    let shown = screen(&drawn(&mut open(&fleet, "ranker-eu"), &fleet, SIZE));
    assert!(shown.contains("no deployment of it is known"), "{shown}");
    assert!(
        shown.contains("no change is known in the last 6h"),
        "{shown}"
    );
    let mut pane = open(&fleet, "ranker-eu");
    press(&mut pane, &fleet, &[Command::NextFocus, Command::NextFocus]);
    assert!(pane.disabled(Command::Open, &cx(&fleet, SIZE)).is_some());
}

#[test]
fn facts_scroll_until_their_end_is_seen() {
    let fleet = fleet();
    let mut pane = fraud(&fleet);
    press(&mut pane, &fleet, &[Command::NextFocus]);
    drawn(&mut pane, &fleet, (80, 24));
    for _ in 0..100 {
        pane.update(Command::Down, &cx(&fleet, (80, 24)));
    }
    let shown = screen(&drawn(&mut pane, &fleet, (80, 24)));
    assert!(shown.contains("written by   mlflow 3.6.0"), "{shown}");
    let end = pane.facts.offset;
    pane.update(Command::Up, &cx(&fleet, (80, 24)));
    assert_eq!(pane.facts.offset, end - 1, "one step up is seen at once");
}

#[test]
fn a_press_goes_to_the_row_under_it() {
    let fleet = fleet();
    let mut pane = open(&fleet, "fraud-detector");
    let cx = cx(&fleet, SIZE);
    pane.click(Target::Row(0), &cx);
    assert_eq!((selected(&pane), pane.part), ("15", Part::Versions));
    pane.click(Target::Row(ENDPOINT_ROWS + 1), &cx);
    assert_eq!((pane.endpoints.selected, pane.part), (1, Part::Deployments));
    assert_eq!(
        pane.click(Target::Row(ENDPOINT_ROWS + 1), &cx).len(),
        1,
        "opens it"
    );
    pane.click(Target::Column(3), &cx);
    assert_eq!(pane.part, Part::Changes);
}

#[test]
fn it_reads_without_colour_and_without_unicode() {
    let fleet = fleet();
    let look = look_of("mono", Depth::Mono, &Symbols::ASCII, 120, 36);
    let shown = screen(&drawn_as(&mut fraud(&fleet), &fleet, &look));
    assert!(shown.is_ascii(), "{shown}");
    assert!(shown.contains("v13 | v14 /"), "{shown}");
}

#[test]
fn frame_at_60_by_16() {
    let fleet = fleet();
    insta::assert_snapshot!(screen(&drawn(&mut fraud(&fleet), &fleet, (60, 16))), @r"
     ✖ crit  fraud-detector   champion v14  served v13 | v14 ≠…
     ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu
    ─ 4 versions facts endpoints changes signals quality alerts─
     VERSION  ALIASES      AGE  val_auc  VS CHAMP  SERVED BY
     v15      challenger    3h    0.938    -0.003  –
    ›v14      champion     26h    0.941         –  fraud-us
     v13      –            10d    0.934    -0.007  fraud-eu
     v12      –             5w        –         –  –
    ");
}

#[test]
fn frame_at_80_by_24() {
    let fleet = fleet();
    let mut pane = fraud(&fleet);
    insta::assert_snapshot!(screen(&drawn(&mut pane, &fleet, (80, 24))), @r"
     ✖ crit  fraud-detector   champion v14  served v13 | v14 ≠   owner risk-ml
     ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu
    ─ 4 versions  v14  2 endpoints  4 changes  signals  quality  0 alerts ──────────
     VERSION  ALIASES     STAGE        AGE  val_auc  VS CHAMP  SERVED BY
     v15      challenger  –             3h    0.938    -0.003  –
    ›v14      champion    –            26h    0.941         –  fraud-us
     v13      –           –            10d    0.934    -0.007  fraud-eu
     v12      –           Archived      5w        –         –  –
    ");
    press(&mut pane, &fleet, &[Command::Up, Command::Open]);
    insta::assert_snapshot!(screen(&drawn(&mut pane, &fleet, (80, 24))), @r"
     ✖ crit  fraud-detector   champion v14  served v13 | v14 ≠   owner risk-ml
     ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu
    ─ 4 versions  v15  2 endpoints  4 changes  signals  quality  0 alerts  19 more ─
     AGAINST v14 (CHAMPION)
     val_auc      0.938  -0.003
     signature    ✖ breaks  input amount double → float
                  ✖ breaks  input tenure removed
                  ✔ fits    new optional input device_age

     LINEAGE
     run          nightly run-fraud-detector-15  finished in 25m00s
     experiment   fraud-training
     started      11-22 11:02Z by ana  27h ago
     source       models:/m-fraud-detector-15

     REPRODUCIBLE
     git          ◌ claimed  commit 4f2a9c1d7b
     data         ◌ claimed  payments-2026w46 digest 9c1e44ab
     model        ✔ verified package read: python_function, sklearn 1.7.2
     environment  ✔ verified requirements.txt
    ");
}

#[test]
fn frame_at_120_by_36() {
    let fleet = fleet();
    let mut pane = fraud(&fleet);
    press(&mut pane, &fleet, &[Command::Up]);
    insta::assert_snapshot!(screen(&drawn(&mut pane, &fleet, (120, 36))), @r"
     ✖ crit  fraud-detector   champion v14  served v13 | v14 ≠   owner risk-ml   runbook ↗ https://wiki.test/fraud
     The fraud-detector model of the test fleet.
     ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu
     4 versions ────────────────────────────────────────────────   v15 ────────────────────────────────────── 16 more below
     VERSION  ALIASES      AGE  val_auc  VS CHAMP  SERVED BY       AGAINST v14 (CHAMPION)
    ›v15      challenger    3h    0.938    -0.003  –               val_auc      0.938  -0.003
     v14      champion     26h    0.941         –  fraud-us        signature    ✖ breaks  input amount double → float
     v13      –            10d    0.934    -0.007  fraud-eu                     ✖ breaks  input tenure removed
     v12      –             5w        –         –  –                            ✔ fits    new optional input device_age

                                                                   LINEAGE
                                                                   run          nightly run-fraud-detector-15  finished in…
                                                                   experiment   fraud-training
                                                                   started      11-22 11:02Z by ana  27h ago
                                                                   source       models:/m-fraud-detector-15

                                                                   REPRODUCIBLE
                                                                   git          ◌ claimed  commit 4f2a9c1d7b
                                                                   data         ◌ claimed  payments-2026w46 digest 9c1e44ab
                                                                   model        ✔ verified package read: python_function, s…
                                                                   environment  ✔ verified requirements.txt

                                                                   DATASETS
                                                                   training     payments-2026w46  9c1e44ab  delta_table ris…
     2 endpoints ───────────────────────────────────────────────────────────────────────────────────────────────────────────
     LEVEL   ENDPOINT      ENV      FOLLOWS      EXPECTED  ANSWERS      KNOWN     SKEW         HEALTH       PROBE ms  SINCE
    ›✖ crit  fraud-eu      prod     @champion    v14       v13 ≠        reported  behind       ready               4    13m
     · ok    fraud-us      prod     @champion    v14       v14          reported  in sync      ready               4    12m
     4 changes ──────────────────────────────────────────────────────────────────────────────────────────────────── last 6h
     11:02 ● v15 registered by ci-bot   13:48 ▲ champion v13 → v14 by ana   13:49 ▲ fraud-us serves v13 → v14
     13:58 ✖ level ok → crit
    ");
}

#[test]
fn frame_at_200_by_60() {
    let fleet = fleet();
    let mut pane = fraud(&fleet);
    press(&mut pane, &fleet, &[Command::Up]);
    insta::assert_snapshot!(screen(&drawn(&mut pane, &fleet, (200, 60))), @r"
     ✖ crit  fraud-detector   champion v14  served v13 | v14 ≠   owner risk-ml   runbook ↗ https://wiki.test/fraud
     The fraud-detector model of the test fleet.
     ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu
     4 versions ────────────────────────────────────────────────────────────────────────────────────────────────────────────   v15 ─────────────────────────────────────────────────────────────────────────
     VERSION  ALIASES     STAGE       STATUS    AGE  val_auc  VS CHAMP  SERVED BY       RUN                  SOURCE            AGAINST v14 (CHAMPION)
    ›v15      challenger  –           ready      3h    0.938    -0.003  –               nightly run-fraud-…  models:…ctor-15   val_auc      0.938  -0.003
     v14      champion    –           ready     26h    0.941         –  fraud-us        nightly run-fraud-…  models:…ctor-14   signature    ✖ breaks  input amount double → float
     v13      –           –           ready     10d    0.934    -0.007  fraud-eu        nightly run-fraud-…  models:…ctor-13                ✖ breaks  input tenure removed
     v12      –           Archived    ready      5w        –         –  –               run-fraud-detector…  models:…ctor-12                ✔ fits    new optional input device_age

     2 endpoints ───────────────────────────────────────────────────────────────────────────────────────────────────────────   LINEAGE
     LEVEL   ENDPOINT      ENV      FOLLOWS      EXPECTED  ANSWERS      KNOWN     SKEW         HEALTH       PROBE ms  SINCE    run          nightly run-fraud-detector-15  finished in 25m00s
    ›✖ crit  fraud-eu      prod     @champion    v14       v13 ≠        reported  behind       ready               4    13m    experiment   fraud-training
     · ok    fraud-us      prod     @champion    v14       v14          reported  in sync      ready               4    12m    started      11-22 11:02Z by ana  27h ago
                                                                                                                               source       models:/m-fraud-detector-15
     4 changes ──────────────────────────────────────────────────────────────────────────────────────────────────── last 6h
     11:02 ● v15 registered  ci-bot  3h ago                                                                                    REPRODUCIBLE
     13:48 ▲ champion v13 → v14  ana  13m ago                                                                                  git          ◌ claimed  commit 4f2a9c1d7b
     13:49 ▲ fraud-us serves v13 → v14  12m ago                                                                                data         ◌ claimed  payments-2026w46 digest 9c1e44ab
     13:58 ✖ level ok → crit  4m ago                                                                                           model        ✔ verified package read: python_function, sklearn 1.7.2
                                                                                                                               environment  ✔ verified requirements.txt

                                                                                                                               DATASETS
                                                                                                                               training     payments-2026w46  9c1e44ab  delta_table risk.payments
                                                                                                                               validation   payments-2026w47  07fd3a12  delta_table risk.payments

                                                                                                                               SIGNATURE
                                                                                                                               in           amount      float
                                                                                                                                            country     string
                                                                                                                                            device_age  double  optional
                                                                                                                               out          probability  double

                                                                                                                               PACKAGE
                                                                                                                               flavors      python_function, sklearn 1.7.2
                                                                                                                               environment  requirements.txt
                                                                                                                               size         48 MB
                                                                                                                               written by   mlflow 3.6.0

                                                                                                                               TAGS
                                                                                                                               quarterdeck.actor  ci-bot
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn no_commands_panic(
        commands in proptest::collection::vec((0..COMMANDS.len(), 0_usize..20), 0..24),
        size in (60_u16..220, 16_u16..60),
        name in 0_usize..4,
    ) {
        let model = ["fraud-detector", "eta-city", "ranker-eu", "ghost"][name];
        let mut fleet = fleet();
        let mut pane = ModelPage::new(model_key(model));
        for (at, index) in commands {
            pane.update(COMMANDS[at].command, &cx(&fleet, size));
            match index {
                0 => { pane.click(Target::Row(at), &cx(&fleet, size)); }
                1 => { pane.click(Target::Row(ENDPOINT_ROWS + at), &cx(&fleet, size)); }
                2 => pane.scroll(at as i16 - 20, &cx(&fleet, size)),
                3 => gone(&mut fleet, vec![FactKey::Model(model_key(model))], Millis(NOW.wall.0 + 9_000)),
                4 => gone(&mut fleet, vec![FactKey::Version(version_key(model, "14"))], Millis(NOW.wall.0 + 9_000)),
                _ => {}
            }
            let _ = (pane.wants(&cx(&fleet, size)), pane.row_text(&cx(&fleet, size)), pane.selected(&cx(&fleet, size)));
            let _ = pane.markdown(&cx(&fleet, size));
            drawn(&mut pane, &fleet, size);
            prop_assert!(pane.rows.is_empty() || pane.versions.selected < pane.rows.len());
        }
    }
}

#[test]
fn golden_signals_and_alerts_are_parts_of_the_page() {
    let fleet = monitored::fleet();
    let size = (120, 36);
    let mut page = ModelPage::new(model_key("fraud-detector"));
    page.refresh(&cx(&fleet, size));
    let head = screen(&drawn(&mut page, &fleet, size));
    assert!(
        head.contains("4.8 %") && head.contains("HighErrorRate"),
        "{head}"
    );
    page.part = Part::Signals;
    let wants = page.wants(&cx(&fleet, size));
    let series = |w: &&Want| matches!(w.query, Query::Series { .. });
    assert_eq!(wants.iter().filter(series).count(), 4, "{wants:?}");
    insta::assert_snapshot!(screen(&drawn(&mut page, &fleet, size)), @r"
     ✖ crit  fraud-detector   champion v14  served v13 | v14 ≠   owner risk-ml   runbook ↗ https://wiki.test/fraud/errors
     The fraud-detector model of the test fleet.
     ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu
     ✖ crit  errors 4.8 % > 3 %  6m  prom
     ✖ crit  drift 1/2 features, worst amount psi 0.43 > 0.1, by importance 75 % > 30 %, n 6,400, over in 12 of 12 windows,…
     ✖ crit  4 of 6  HighErrorRate firing: errors of fraud-detector over 1 %  6m  prom
    ─ 4 versions ─ v14 ─ 2 endpoints ─ 6 changes ─ signals ─ quality ─ 2 alerts ────────────────────────────────────────────
    errors %  4.80                ╌ line 3  p95 ms  310                 ╌ line 500  requests /s  212
        │                               ┊⢠      │╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌      │⠠⡠⣀⢄⢄⢄⡠⡠⡠⡠⢄⢄⢄⢄⡠⡠⡠⣀⢄⢄⢄⠤⡠⡠⡠⣀⢄⢄⢄⡠⡠⡠⡠⢄⢄
      4 ┤                               ┊⢸      │                               ┊   200 ┤                                 ┊
        │                               ┊⡸  400 ┤                               ┊       │                                 ┊
        │╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌⡇      │                               ┊⢀      │                                 ┊
        │                               ┊⡇      │                               ┊⡸      │                                 ┊
      2 ┤                               ┊⡇  200 ┤                               ┊⡇  100 ┤                                 ┊
        │                               ⢀⠇      │⢀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣰⠁      │                                 ┊
        │                               ⢸       │                               ┊       │                                 ┊
      0 ┤⠠⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠼     0 ┤                               ┊     0 ┤                                 ┊
                                     v14▲                                    v14▲                                      v14▲
         08:02Z                     14:02Z       08:02Z                     14:02Z       08:02Z                       14:02Z
    prediction mean  0.310
         │                              ┊⢠
    0.30 ┤                              ┊⢸
         │                              ┊⡇
         │                              ┊⡇
         │                              ⢠⠃
    0.25 ┤                              ⢸
         │                              ⡸
         │⢠⢠⢠⢠⢠⡀⡄⡄⡄⡄⡄⡄⡄⡄⡄⣄⢠⢠⢠⢠⢠⢠⢠⢠⢠⢠⡀⡄⡄⡄⡇
         │ ⠃⠃⠃⠃⠙⠘⠘⠘⠘⠘⠘⠘⠘⠘⠈⠃⠃⠃⠃⠃⠃⠃⠃⠃⠃⠙⠘⠘⠘┊
                                     v14▲
          08:02Z                    14:02Z
    ");
    // One cursor for all of them, which says the moment in question; left and right are its own then.
    for (command, is_at) in [
        (Command::NextMarker, true),
        (Command::Left, true),
        (Command::ZoomIn, true),
        (Command::Back, false),
        (Command::Right, false),
        (Command::Back, false),
    ] {
        let asks = page.update(command, &cx(&fleet, size));
        assert!(asks.is_some_and(|asks| asks.is_empty()), "{command}");
        let at = page.moment(&cx(&fleet, size));
        assert_eq!(
            (at.is_some(), page.part),
            (is_at, Part::Signals),
            "{command}"
        );
    }
    assert_eq!(page.lens.window, None);
    page.update(Command::Cursor, &cx(&fleet, size));
    let shown = screen(&drawn(&mut page, &fleet, size));
    assert!(
        shown.contains("14:01Z") || shown.contains("14:02Z"),
        "{shown}"
    );
    page.update(Command::Back, &cx(&fleet, size));
    page.part = Part::Alerts;
    insta::assert_snapshot!(screen(&drawn(&mut page, &fleet, (80, 24))), @r"
     ✖ crit  fraud-detector   champion v14  served v13 | v14 ≠   owner risk-ml
     ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu
     ✖ crit  errors 4.8 % > 3 %  6m  prom
     ✖ crit  3 of 6  drift 1/2 features, worst amount psi 0.43 > 0.1, by importance…
    ─ 4 versions  v14  2 endpoints  6 changes  signals  quality  2 alerts ──────────
     STATE        ALERT          SINCE  SUMMARY                    SILENCED BY
    ›✖ firing     HighErrorRate     6m  errors of fraud-detector…  –
     ● silenced   FeatureDrift      1h  amount drifts              ben, until 15:32Z
    ");
    let asks = page
        .update(Command::Open, &cx(&fleet, size))
        .expect("a use");
    assert!(
        matches!(&asks[..], [Ask::Open(Place::Alert(_))]),
        "{asks:?}"
    );
}

/// A page of the monitored fleet that was answered with some courses.
fn charted(model: &str, courses: Vec<SignalSeries>) -> String {
    let fleet = monitored::fleet();
    let size = (120, 36);
    let mut page = ModelPage::new(model_key(model));
    page.refresh(&cx(&fleet, size));
    page.part = Part::Signals;
    for course in courses {
        let query = Query::Series {
            model: course.key.model.clone(),
            measure: course.key.measure,
            span: crate::panes::signal::span_of(&cx(&fleet, size)),
        };
        answer(&mut page, &fleet, query, Ok(Detail::Series(vec![course])));
    }
    screen(&drawn(&mut page, &fleet, size))
}

#[test]
fn the_title_of_a_chart_is_what_the_signal_reads_now() {
    let key = |measure, version| monitored::signal_key("fraud-detector", measure, "", version);
    // Read a while ago, when errors had not yet risen; and a version that answers no more.
    let errors = monitored::course(key(Measure::ErrorRatio, ""), 0.002, 0.021, 58);
    let mut gone = monitored::course(key(Measure::Requests, "12"), 9.5, 9.5, 60);
    gone.values = gone.values[..40].into();
    let shown = charted("fraud-detector", vec![errors, gone]);
    assert!(shown.contains("errors %  4.80 "), "{shown}");
    assert!(shown.contains("requests /s  last 9.31, 2h ago"), "{shown}");
    // The cited verdict is about the critical line of 3 %.
    assert!(shown.contains("╌ line 3 "), "{shown}");
    let eta = |measure| monitored::signal_key("eta-city", measure, "", "");
    let idle = monitored::course(eta(Measure::ErrorRatio), 0.002, 0.002, 60);
    let shown = charted("eta-city", vec![idle]);
    assert!(shown.contains("errors %  no traffic "), "{shown}");
}

#[test]
fn a_model_that_nothing_monitors_says_what_would() {
    let fleet = fleet();
    let mut page = ModelPage::new(model_key("churn"));
    page.part = Part::Signals;
    let shown = screen(&drawn(&mut page, &fleet, (80, 24)));
    assert!(
        shown.contains("Nothing monitors churn.") && shown.contains("prometheus"),
        "{shown}"
    );
    page.part = Part::Alerts;
    let shown = screen(&drawn(&mut page, &fleet, (80, 24)));
    assert!(
        shown.contains("No source of alerts is configured."),
        "{shown}"
    );
}
