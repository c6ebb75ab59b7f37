//! The models pane: from a fleet and commands to state, questions and frames.

use std::time::Duration;

use proptest::prelude::*;

use super::testing::{
    SOURCE, cx, drawn, drawn_as, fleet, gone, model_key, polled, run_key, unconfigured, version,
    waiting,
};
use super::*;
use crate::domain::fleet::Fleet;
use crate::domain::observation::{Coverage, FactKey, Feed, Rows};
use crate::domain::time::Now;
use crate::intent::command::COMMANDS;
use crate::intent::preference::Preference;
use crate::panes::PromptKind;
use crate::panes::models::testing::observe;
use crate::ui::hits::Target;
use crate::ui::symbols::Symbols;
use crate::ui::testing::{NOW, look_of, screen};
use crate::ui::theme::Depth;

fn open(fleet: &Fleet) -> Models {
    let mut pane = Models::new();
    pane.refresh(&cx(fleet, (120, 36)));
    pane.set_page(20);
    pane
}

fn names(pane: &Models) -> Vec<&str> {
    pane.list.rows.iter().map(|k| k.name.raw()).collect()
}

fn press(pane: &mut Models, fleet: &Fleet, commands: &[Command]) -> Vec<Ask> {
    let mut asked = Vec::new();
    for command in commands {
        asked.extend(
            pane.update(*command, &cx(fleet, (200, 60)))
                .unwrap_or_default(),
        );
    }
    asked
}

fn filtered(text: &str, fleet: &Fleet) -> Vec<String> {
    let mut pane = open(fleet);
    pane.prompt(PromptKind::Filter, text, true, &cx(fleet, (120, 36)))
        .expect(text);
    names(&pane).into_iter().map(str::to_owned).collect()
}

#[test]
fn the_worst_comes_first_and_absent_values_come_last_either_way() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    assert_eq!(names(&pane)[..2], ["basket", "fraud-detector"]);
    let cx = cx(&fleet, (120, 36));
    pane.sort_by(Col::Value, &cx);
    let down = names(&pane).join(" ");
    pane.sort_by(Col::Value, &cx);
    let up = names(&pane).join(" ");
    assert_eq!(
        down,
        "eta-city fraud-detector churn basket demand-forecast-weekly-north ranker-eu"
    );
    assert_eq!(
        up,
        "churn fraud-detector eta-city basket demand-forecast-weekly-north ranker-eu"
    );
}

#[test]
fn versions_sort_by_number() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    pane.sort_by(Col::Champion, &cx(&fleet, (120, 36)));
    assert_eq!(
        names(&pane).join(" "),
        "basket ranker-eu churn fraud-detector eta-city demand-forecast-weekly-north"
    );
}

#[test]
fn sort_goes_on_to_the_next_column_or_to_the_one_under_the_cursor() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    press(&mut pane, &fleet, &[Command::Sort]);
    assert_eq!((pane.sort, pane.descending), (Col::Model, false));
    press(
        &mut pane,
        &fleet,
        &[Command::Right, Command::Right, Command::Right],
    );
    assert_eq!(pane.list.table.column, Some(2));
    press(&mut pane, &fleet, &[Command::Sort]);
    assert_eq!((pane.sort, pane.descending), (Col::Champion, false));
    press(&mut pane, &fleet, &[Command::Sort]);
    assert_eq!((pane.sort, pane.descending), (Col::Champion, true));
    press(&mut pane, &fleet, &[Command::Back]);
    assert_eq!(pane.list.table.column, None, "esc lets go of the column");
}

#[test]
fn the_column_cursor_keeps_to_columns_that_are_on_screen() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    for _ in 0..40 {
        pane.update(Command::Right, &cx(&fleet, (80, 24)));
    }
    let last = pane.columns[pane.list.table.column.expect("a column")];
    assert!(view::places(&pane, 80).contains(&pane.list.table.column.expect("a column")));
    assert_ne!(last, Col::Why, "the reasons do not fit 80 columns");
}

#[test]
fn the_selection_stays_on_its_model() {
    let mut fleet = fleet();
    let mut pane = open(&fleet);
    pane.select(&Thing::Model(model_key("churn")), &cx(&fleet, (120, 36)));
    gone(
        &mut fleet,
        vec![FactKey::Model(model_key("basket"))],
        NOW.wall.plus(Duration::from_secs(5)),
    );
    pane.refresh(&cx(&fleet, (120, 36)));
    assert!(!names(&pane).contains(&"basket"));
    assert_eq!(pane.list.current(), Some(&model_key("churn")));
    press(
        &mut pane,
        &fleet,
        &[Command::Sort, Command::Sort, Command::Sort],
    );
    assert_eq!(pane.list.current(), Some(&model_key("churn")));
}

#[test]
fn rows_are_made_again_only_when_facts_have_changed() {
    let mut fleet = fleet();
    let mut pane = open(&fleet);
    pane.list.rows.reverse();
    let turned = pane.list.rows.clone();
    pane.refresh(&cx(&fleet, (120, 36)));
    assert_eq!(
        pane.list.rows, turned,
        "nothing changed: nothing was sorted"
    );
    observe(
        &mut fleet,
        SOURCE,
        Feed::Versions,
        Coverage::Partial,
        Rows::Versions(vec![version("churn", "8", 1_000)]),
    );
    pane.refresh(&cx(&fleet, (120, 36)));
    assert_ne!(pane.list.rows, turned);
}

#[test]
fn filters_know_words_columns_tags_and_numbers() {
    let fleet = fleet();
    for (text, want) in [
        ("fraud", &["fraud-detector"][..]),
        ("owner:growth", &["churn"]),
        ("skew:behind", &["fraud-detector"]),
        ("tag:team=risk", &["fraud-detector"]),
        ("tag.team:risk", &["fraud-detector"]),
        ("moved<0", &["churn"]),
        ("val_auc>0.9", &["fraud-detector"]),
        ("value>0", &["fraud-detector", "eta-city", "churn"]),
        ("level:crit !fraud", &["basket"]),
        ("champion:v31", &["eta-city"]),
        ("served:v7", &["churn"]),
        ("endpoints>1", &["fraud-detector"]),
        ("why:\"does not answer\"", &["basket"]),
        ("nothing-like-it", &[]),
    ] {
        assert_eq!(filtered(text, &fleet), want, "{text}");
    }
}

#[test]
fn a_filter_is_cleared_before_the_place_is_left() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    let cx = cx(&fleet, (120, 36));
    pane.prompt(PromptKind::Filter, "churn", true, &cx)
        .expect("a filter");
    assert_eq!(names(&pane), ["churn"]);
    assert!(pane.update(Command::Back, &cx).is_some());
    assert_eq!(names(&pane).len(), 6);
    assert!(
        pane.update(Command::Back, &cx).is_none(),
        "the root goes back"
    );
    assert!(pane.prompt(PromptKind::Filter, "/a(/", false, &cx).is_err());
}

#[test]
fn kept_columns_come_back_and_what_is_none_is_named() {
    let fleet = fleet();
    let titles = |pane: &Models| pane.markdown(&cx(&fleet, (200, 60))).0;
    let mut chosen = Models::new();
    let asked = chosen.chosen(0, &cx(&fleet, (200, 60)));
    let [Ask::Prefer(preference, value)] = &asked[..] else {
        panic!("nothing is kept: {asked:?}")
    };
    let mut pane = Models::new();
    assert_ne!(titles(&pane), titles(&chosen));
    assert_eq!(pane.restore(*preference, value), Ok(()));
    assert_eq!(titles(&pane), titles(&chosen));
    // Level and name are there whatever was kept; the rest of a bad value counts.
    let refused = pane.restore(*preference, "OWNER COLOUR SINCE");
    assert_eq!(refused, Err("no columns are called COLOUR".to_owned()));
    assert_eq!(titles(&pane), ["LEVEL", "MODEL", "SINCE", "OWNER"]);
    assert!(pane.restore(*preference, "\u{fffd}\u{1}").is_err());
    assert!(pane.restore(*preference, "  ").is_err());
    assert_eq!(titles(&pane), ["LEVEL", "MODEL", "SINCE", "OWNER"]);
}

#[test]
fn columns_are_chosen_and_kept() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    let asked = press(&mut pane, &fleet, &[Command::Columns]);
    let [Ask::Choose(choice)] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    let versions = choice
        .rows
        .iter()
        .position(|(text, _)| text.as_str().starts_with("VERSIONS"))
        .expect("it can be chosen");
    assert_eq!(choice.rows[versions].1, Some(false));
    let asked = pane.chosen(versions, &cx(&fleet, (200, 60)));
    assert!(
        matches!(&asked[..], [Ask::Prefer(Preference::ModelsColumns, value)] if value.contains("VERSIONS"))
    );
    assert!(screen(&drawn(&mut pane, &fleet, (200, 60))).contains("VERSIONS"));
    pane.sort_by(Col::Versions, &cx(&fleet, (200, 60)));
    pane.chosen(versions, &cx(&fleet, (200, 60)));
    assert_eq!(pane.sort, Col::Level, "a column that is gone sorts nothing");
}

#[test]
fn the_runs_behind_champions_and_behind_their_predecessors_are_wanted() {
    let mut all = waiting();
    let full = fleet();
    // The registry is known, no run is.
    let timeline = full.model_timeline(&model_key("churn"));
    all.remember(timeline.into_iter().cloned(), NOW.wall);
    observe(
        &mut all,
        SOURCE,
        Feed::Models,
        Coverage::Partial,
        Rows::Models(testing::registered()),
    );
    observe(
        &mut all,
        SOURCE,
        Feed::Versions,
        Coverage::Partial,
        Rows::Versions(vec![version("churn", "7", 1), version("churn", "6", 2)]),
    );
    let pane = open(&all);
    let wanted: Vec<Query> = pane
        .wants(&cx(&all, (120, 36)))
        .into_iter()
        .map(|w| w.query)
        .collect();
    let want = ["run-churn-7", "run-churn-6"].map(|id| Query::Run(run_key(id)));
    assert_eq!(wanted, want);
    assert!(
        pane.focus(&cx(&all, (120, 36)))
            .models
            .contains(&model_key("churn"))
    );
}

#[test]
fn nothing_of_a_registry_that_went_quiet_looks_ok() {
    let mut fleet = fleet();
    let later = Now {
        wall: NOW.wall.plus(Duration::from_secs(45 * 60)),
        mono: NOW.mono,
    };
    fleet.tick(later.wall);
    let mut pane = Models::new();
    let mut cx = cx(&fleet, (120, 36));
    cx.now = later;
    pane.refresh(&cx);
    for key in &pane.list.rows {
        let model = fleet.model(key).expect("a row has a model");
        assert_ne!(Col::Level.text(model, &cx), "ok", "{key:?}");
        assert_eq!(Col::Read.text(model, &cx), "45m");
    }
    assert!(!pane.fresh, "the column that says so stays when others go");
    assert!(
        view::places(&pane, 80)
            .iter()
            .any(|i| pane.columns[*i] == Col::Read)
    );
}

#[test]
fn empty_states_say_what_would_fill_them() {
    for (fleet, want) in [
        (unconfigured(), "No source is configured"),
        (waiting(), "Waiting for 6 of 6 sources."),
        (
            {
                let mut fleet = waiting();
                for (id, _, _) in waiting().sources() {
                    polled(&mut fleet, id.as_str(), Feed::Models, NOW.wall, None);
                }
                fleet
            },
            "The registry holds no model.",
        ),
    ] {
        let shown = screen(&drawn(&mut Models::new(), &fleet, (80, 24)));
        assert!(shown.contains(want), "{want}:\n{shown}");
        let pane = open(&fleet);
        let cx = cx(&fleet, (80, 24));
        assert_eq!(pane.selected(&cx), None);
        assert!(pane.disabled(Command::Open, &cx).is_some());
    }
    let fleet = fleet();
    let mut pane = open(&fleet);
    pane.prompt(PromptKind::Filter, "zzz", true, &cx(&fleet, (80, 24)))
        .expect("a filter");
    let shown = screen(&drawn(&mut pane, &fleet, (80, 24)));
    assert!(
        shown.contains("6 models are hidden · esc clears the filter"),
        "{shown}"
    );
}

#[test]
fn a_press_selects_then_opens_and_titles_sort() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    let cx = cx(&fleet, (120, 36));
    assert!(pane.click(Target::Row(1), &cx).is_empty());
    let asked = pane.click(Target::Row(1), &cx);
    assert!(
        matches!(&asked[..], [Ask::Open(Place::Model(key))] if *key == model_key("fraud-detector"))
    );
    pane.click(Target::Column(1), &cx);
    assert_eq!(pane.sort, Col::Model);
}

#[test]
fn a_row_and_the_pane_can_be_copied() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    pane.select(
        &Thing::Model(model_key("fraud-detector")),
        &cx(&fleet, (120, 36)),
    );
    let row = pane.row_text(&cx(&fleet, (120, 36))).expect("a row");
    assert!(
        row.as_str()
            .starts_with("crit fraud-detector v14 v15 v13 | v14 behind val_auc 0.941 +0.007"),
        "{row}"
    );
    let (titles, rows) = pane.markdown(&cx(&fleet, (120, 36)));
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|r| r.len() == titles.len()));
}

#[test]
fn the_list_of_2000_is_drawn_a_page_at_a_time() {
    let mut fleet = waiting();
    let many =
        (0..2_000).map(|n| testing::model(&format!("model-{n:04}"), &[("champion", "1")], &[]));
    observe(
        &mut fleet,
        SOURCE,
        Feed::Models,
        Coverage::Partial,
        Rows::Models(many.collect()),
    );
    let mut pane = Models::new();
    drawn(&mut pane, &fleet, (120, 36));
    press(&mut pane, &fleet, &[Command::Last]);
    let shown = screen(&drawn(&mut pane, &fleet, (120, 36)));
    assert!(
        shown.contains("model-1999") && shown.contains("of 2,000"),
        "{shown}"
    );
    assert!(
        pane.focus(&cx(&fleet, (120, 36))).models.len() < 40,
        "only what is seen is polled faster"
    );
}

#[test]
fn it_reads_without_colour_and_without_unicode() {
    let fleet = fleet();
    let look = look_of("mono", Depth::Mono, &Symbols::ASCII, 120, 36);
    let shown = screen(&drawn_as(&mut Models::new(), &fleet, &look));
    assert!(shown.is_ascii(), "{shown}");
    assert!(
        shown.contains("X crit") && shown.contains("v14 / ") && shown.contains("v13 | v14"),
        "{shown}"
    );
}

#[test]
fn frame_at_80_by_24() {
    insta::assert_snapshot!(screen(&drawn(&mut Models::new(), &fleet(), (80, 24))), @r"
     LEVEL▾  MODEL                         CHAMPION  SERVED     SKEW          VALUE
    ›✖ crit  basket                        v3        ?          unlinked          –
     ✖ crit  fraud-detector                v14 ≠     v13 | v14  behind        0.941
     ● info  eta-city                      v31       ?          unlinked       4.21
     · ok    churn                         v7        v7         in sync       0.871
     · ok    demand-forecast-weekly-north  –         –          –                 –
     · ok    ranker-eu                     v4        –          –               NaN
    ");
}

#[test]
fn frame_at_120_by_36() {
    let fleet = fleet();
    let mut pane = open(&fleet);
    pane.select(
        &Thing::Model(model_key("fraud-detector")),
        &cx(&fleet, (120, 36)),
    );
    insta::assert_snapshot!(screen(&drawn(&mut pane, &fleet, (120, 36))), @r"
     LEVEL▾  MODEL                         CHAMPION  CHALLENGER  SERVED     SKEW         METRIC    VALUE    MOVED  NEWEST
     ✖ crit  basket                        v3        –           ?          unlinked     –             –        –  v3    17w
    ›✖ crit  fraud-detector                v14 ≠     v15         v13 | v14  behind       val_auc   0.941   +0.007  v15    3h
     ● info  eta-city                      v31       –           ?          unlinked     rmse       4.21        –  v31    2d
     · ok    churn                         v7        –           v7         in sync      auc       0.871   -0.043  v7     7d
     · ok    demand-forecast-weekly-north  –         –           –          –            –             –        –  v1     5h
     · ok    ranker-eu                     v4        –           –          –            ndcg        NaN        –  v4     4w



















     fraud-detector ───────────────────────────────────────────────────────────────────────────────────────── owner risk-ml
      ✖ crit  fraud-eu answers v13, not v14  13m  fraud-eu
      last    13:49 ▲ fraud-us serves v13 → v14  12m ago
    ");
}

#[test]
fn frame_at_200_by_60() {
    insta::assert_snapshot!(screen(&drawn(&mut Models::new(), &fleet(), (200, 60))), @r"
     LEVEL▾  MODEL                         CHAMPION  CHALLENGER  SERVED     SKEW         METRIC    VALUE    MOVED  NEWEST     READ     SINCE  OWNER     WHY
    ›✖ crit  basket                        v3        –           ?          unlinked     –             –        –  v3    17w  live       22m  shop      basket-tf does not answer: unreachable: connection…
     ✖ crit  fraud-detector                v14 ≠     v15         v13 | v14  behind       val_auc   0.941   +0.007  v15    3h  live       13m  risk-ml   fraud-eu answers v13, not v14
     ● info  eta-city                      v31       –           ?          unlinked     rmse       4.21        –  v31    2d  live       ≥0m  mobility  eta-serve cannot tell which version answers, @champ…
     · ok    churn                         v7        –           v7         in sync      auc       0.871   -0.043  v7     7d  live         –  growth    –
     · ok    demand-forecast-weekly-north  –         –           –          –            –             –        –  v1     5h  live         –  –         –
     · ok    ranker-eu                     v4        –           –          –            ndcg        NaN        –  v4     4w  live         –  search    –











































     basket ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────── owner shop
      ✖ crit  basket-tf does not answer: unreachable: connection refused  22m  basket-tf
      last    07-26 14:02 ● v3 registered  17w ago
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn no_commands_panic(
        commands in proptest::collection::vec((0..COMMANDS.len(), 0_usize..20), 0..24),
        size in (60_u16..220, 16_u16..60),
    ) {
        let mut fleet = fleet();
        let mut pane = Models::new();
        for (at, index) in commands {
            pane.update(COMMANDS[at].command, &cx(&fleet, size));
            match index {
                0 => { pane.chosen(at, &cx(&fleet, size)); }
                1 => { pane.click(Target::Row(at), &cx(&fleet, size)); }
                2 => { let _ = pane.prompt(PromptKind::Filter, "owner:risk", true, &cx(&fleet, size)); }
                3 => gone(&mut fleet, vec![FactKey::Model(model_key("churn"))], NOW.wall.plus(Duration::from_secs(9))),
                4 => pane.scroll(at as i16 - 20, &cx(&fleet, size)),
                _ => {}
            }
            let _ = (pane.wants(&cx(&fleet, size)), pane.row_text(&cx(&fleet, size)));
            drawn(&mut pane, &fleet, size);
            prop_assert!(pane.list.rows.is_empty() || pane.list.table.selected < pane.list.rows.len());
        }
    }
}

#[test]
fn monitored_models_gain_columns_and_the_least_important_go_first() {
    let fleet = crate::panes::monitored::fleet();
    let shown = |size| {
        let mut pane = Models::new();
        screen(&drawn(&mut pane, &fleet, size))
    };
    let wide = shown((200, 60));
    for title in ["DRIFT", "ERR%", "P95ms", "REQ/s", "ALERTS"] {
        assert!(wide.contains(title), "{title}\n{wide}");
    }
    // A mean is named so, and an idle model is not an error-free one.
    assert!(wide.contains("mean 42") && wide.contains("idle"), "{wide}");
    let medium = shown((100, 30));
    assert!(
        medium.contains("DRIFT") && !medium.contains("REQ/s"),
        "{medium}"
    );
    insta::assert_snapshot!(shown((120, 36)), @r"
     LEVEL▾  MODEL                         CHAMPION  SERVED     SKEW                  DRIFT    ERR%  ALERTS     VALUE
    ›✖ crit  basket                        v3        ?          unlinked                  –       –  –              –
     ✖ crit  fraud-detector                v14 ≠     v13 | v14  behind       ⣀⣀⣀⣀⣤⣾   0.430    4.80  ✖1 (1)     0.941
     ? unkn  churn                         v7        v7         in sync              ~0.060       –  –          0.871
     ● info  eta-city                      v31       ?          unlinked                  –    idle  –           4.21
     · ok    demand-forecast-weekly-north  –         –          –                         –       –  –              –
     · ok    ranker-eu                     v4        –          –                         –       –  –            NaN



















     basket ──────────────────────────────────────────────────────────────────────────────────────────────────── owner shop
      ✖ crit  basket-tf does not answer: unreachable: connection refused  22m  basket-tf
      last    07-26 14:02 ● v3 registered  17w ago
    ");
    let bare = testing::fleet();
    let none = screen(&drawn(&mut Models::new(), &bare, (200, 60)));
    assert!(
        !none.contains("DRIFT") && !none.contains("ALERTS"),
        "{none}"
    );
}

#[test]
fn signals_sort_and_filter() {
    let fleet = crate::panes::monitored::fleet();
    let mut pane = open(&fleet);
    pane.sort_by(Col::Errors, &cx(&fleet, (200, 60)));
    assert_eq!(names(&pane)[0], "fraud-detector");
    assert_eq!(filtered("errors>1", &fleet), ["fraud-detector"]);
    assert_eq!(filtered("alerts>0", &fleet), ["fraud-detector"]);
}
