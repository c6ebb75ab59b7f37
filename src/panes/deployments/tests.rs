//! Deployments: from a fleet and commands to state and frames.

use super::*;
use crate::domain::fleet::Fleet;
use crate::domain::level::Level;
use crate::panes::PromptKind;
use crate::panes::models::testing::{cx, drawn, drawn_as, fleet, unconfigured};
use crate::ui::symbols::Symbols;
use crate::ui::testing::{look_of, runs, screen};
use crate::ui::theme::Depth;

const SIZE: (u16, u16) = (120, 36);

fn open(fleet: &Fleet) -> Deployments {
    let mut pane = Deployments::new();
    pane.refresh(&cx(fleet, SIZE));
    pane
}

fn names(pane: &Deployments, fleet: &Fleet) -> Vec<String> {
    let all = pane.list.rows.iter().filter_map(|k| fleet.deployment(k));
    all.map(|d| d.name.to_string()).collect()
}

#[test]
fn the_worst_is_first_and_each_press_of_sort_takes_the_next_column() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    let levels: Vec<Level> = pane
        .list
        .rows
        .iter()
        .filter_map(|k| fleet.deployment(k))
        .map(|d| d.verdict.level)
        .collect();
    assert!(levels.windows(2).all(|w| w[0] >= w[1]), "{levels:?}");
    pane.update(Command::Sort, &cx(&fleet, SIZE));
    let sorted = names(&pane, &fleet);
    assert!(sorted.is_sorted(), "{sorted:?}");
}

#[test]
fn a_filter_keeps_what_it_names() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    let all = pane.list.rows.len();
    pane.prompt(
        PromptKind::Filter,
        "health:unreachable",
        true,
        &cx(&fleet, SIZE),
    )
    .expect("a filter");
    assert!(!pane.list.rows.is_empty() && pane.list.rows.len() < all);
    assert!(
        pane.prompt(PromptKind::Filter, "/(/", true, &cx(&fleet, SIZE))
            .is_err()
    );
    pane.update(Command::Back, &cx(&fleet, SIZE));
    assert_eq!(pane.list.rows.len(), all);
}

#[test]
fn since_is_that_of_the_trouble_where_there_is_one() {
    let fleet = fleet();
    for d in fleet.deployments() {
        match d.verdict.reasons.first() {
            Some(worst) => assert!(
                d.verdict
                    .reasons
                    .iter()
                    .any(|r| r.level == worst.level && r.since == d.state_since()),
                "{}",
                d.name
            ),
            None => assert_eq!(d.state_since(), d.since, "{}", d.name),
        }
    }
}

#[test]
fn without_deployments_it_says_how_to_add_one() {
    let shown = screen(&drawn(&mut Deployments::new(), &unconfigured(), SIZE));
    assert!(
        shown.contains("No deployment is configured") && shown.contains("--serving NAME=KIND+URL"),
        "{shown}"
    );
}

#[test]
fn it_reads_without_colour_and_without_unicode() {
    let look = look_of("mono", Depth::Mono, &Symbols::ASCII, 120, 36);
    let shown = screen(&drawn_as(&mut Deployments::new(), &fleet(), &look));
    assert!(shown.is_ascii(), "{shown}");
}

fn styles(theme: &str, depth: Depth) -> String {
    let look = look_of(theme, depth, &Symbols::UNICODE, 80, 24);
    runs(&drawn_as(&mut Deployments::new(), &fleet(), &look), 1)
}

#[test]
fn styles_in_dark() {
    insta::assert_snapshot!(styles("dark", Depth::True), @r#"
    accent+selected "›"
    level.crit+selected "✖ crit"
    row.selected "  "
    text+selected "basket-tf"
    row.selected "     "
    text+selected "v3"
    row.selected "        "
    text+selected "?"
    row.selected "            "
    text+selected "unlinked"
    row.selected "     "
    level.crit+selected "unreachable"
    row.selected "    "
    text.dim+selected "22m"
    row.selected "   "
    "#);
}

#[test]
fn styles_in_light() {
    insta::assert_snapshot!(styles("light", Depth::True), @r#"
    (Some(Rgb(10, 107, 116)), Some(Rgb(226, 233, 243)), NONE) "›"
    (Some(Rgb(184, 18, 48)), Some(Rgb(226, 233, 243)), BOLD) "✖ crit"
    (None, Some(Rgb(226, 233, 243)), NONE) "  "
    (Some(Rgb(42, 47, 55)), Some(Rgb(226, 233, 243)), NONE) "basket-tf"
    (None, Some(Rgb(226, 233, 243)), NONE) "     "
    (Some(Rgb(42, 47, 55)), Some(Rgb(226, 233, 243)), NONE) "v3"
    (None, Some(Rgb(226, 233, 243)), NONE) "        "
    (Some(Rgb(42, 47, 55)), Some(Rgb(226, 233, 243)), NONE) "?"
    (None, Some(Rgb(226, 233, 243)), NONE) "            "
    (Some(Rgb(42, 47, 55)), Some(Rgb(226, 233, 243)), NONE) "unlinked"
    (None, Some(Rgb(226, 233, 243)), NONE) "     "
    (Some(Rgb(184, 18, 48)), Some(Rgb(226, 233, 243)), BOLD) "unreachable"
    (None, Some(Rgb(226, 233, 243)), NONE) "    "
    (Some(Rgb(95, 104, 115)), Some(Rgb(226, 233, 243)), NONE) "22m"
    (None, Some(Rgb(226, 233, 243)), NONE) "   "
    "#);
}

#[test]
fn styles_in_mono() {
    insta::assert_snapshot!(styles("mono", Depth::Mono), @r#"
    (None, None, BOLD | REVERSED) "›"
    (None, None, BOLD | UNDERLINED | REVERSED) "✖ crit"
    (None, None, REVERSED) "  basket-tf     v3        ?            unlinked     "
    (None, None, BOLD | UNDERLINED | REVERSED) "unreachable"
    (None, None, REVERSED) "    "
    (None, None, DIM | REVERSED) "22m"
    (None, None, REVERSED) "   "
    "#);
}

#[test]
fn frame_at_60_by_16() {
    insta::assert_snapshot!(screen(&drawn(&mut Deployments::new(), &fleet(), (60, 16))), @r"
     LEVEL▾  ENDPOINT      ANSWERS      SKEW         HEALTH
    ›✖ crit  basket-tf     ?            unlinked     unreachable
     ✖ crit  fraud-eu      v13 ≠        behind       ready
     ● info  eta-serve     ?            unlinked     ready
     · ok    churn-api     v7           in sync      ready
     · ok    fraud-us      v14          in sync      ready
    ");
}

#[test]
fn frame_at_80_by_24() {
    insta::assert_snapshot!(screen(&drawn(&mut Deployments::new(), &fleet(), (80, 24))), @r"
     LEVEL▾  ENDPOINT      EXPECTED  ANSWERS      SKEW         HEALTH       SINCE
    ›✖ crit  basket-tf     v3        ?            unlinked     unreachable    22m
     ✖ crit  fraud-eu      v14       v13 ≠        behind       ready          13m
     ● info  eta-serve     v31       ?            unlinked     ready          ≥0m
     · ok    churn-api     v7        v7           in sync      ready          ≥0m
     · ok    fraud-us      v14       v14          in sync      ready          12m
    ");
}

#[test]
fn frame_at_120_by_36() {
    insta::assert_snapshot!(screen(&drawn(&mut Deployments::new(), &fleet(), (120, 36))), @r#"
     LEVEL▾  ENDPOINT      MODEL           EXPECTED  ANSWERS      KNOWN     SKEW         HEALTH       PROBE ms  SINCE
    ›✖ crit  basket-tf     basket          v3        ?            unknown   unlinked     unreachable         –    22m
     ✖ crit  fraud-eu      fraud-detector  v14       v13 ≠        reported  behind       ready               4    13m
     ● info  eta-serve     eta-city        v31       ?            unknown   unlinked     ready               4    ≥0m
     · ok    churn-api     churn           v7        v7           reported  in sync      ready               4    ≥0m
     · ok    fraud-us      fraud-detector  v14       v14          reported  in sync      ready               4    12m

















    ── basket-tf ───────────────────────────────────────────────────────────────────────────────────────────────────────────
      address   http://basket-tf.test  tfserving
      read      never read from basket-tf
      joined by config: deployment basket-tf has model = "basket"
      ✖ crit    basket-tf does not answer: unreachable: connection refused  22m
    "#);
}

#[test]
fn frame_at_200_by_60() {
    insta::assert_snapshot!(screen(&drawn(&mut Deployments::new(), &fleet(), (200, 60))), @r#"
     LEVEL▾  ENDPOINT      ENV      MODEL           FOLLOWS      EXPECTED  ANSWERS      KNOWN     SKEW         HEALTH       PROBE ms  SINCE
    ›✖ crit  basket-tf     prod     basket          @champion    v3        ?            unknown   unlinked     unreachable         –    22m
     ✖ crit  fraud-eu      prod     fraud-detector  @champion    v14       v13 ≠        reported  behind       ready               4    13m
     ● info  eta-serve     prod     eta-city        @champion    v31       ?            unknown   unlinked     ready               4    ≥0m
     · ok    churn-api     prod     churn           @champion    v7        v7           reported  in sync      ready               4    ≥0m
     · ok    fraud-us      prod     fraud-detector  @champion    v14       v14          reported  in sync      ready               4    12m









































    ── basket-tf ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      address   http://basket-tf.test  tfserving
      read      never read from basket-tf
      joined by config: deployment basket-tf has model = "basket"
      ✖ crit    basket-tf does not answer: unreachable: connection refused  22m
    "#);
}
