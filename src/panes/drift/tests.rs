//! Drift: from a monitored fleet and commands to rows, asks and frames.

use super::features::Features;
use super::*;
use crate::domain::query::{Detail, Query};
use crate::domain::signal::Measure;
use crate::panes::PromptKind;
use crate::panes::models::testing::{cx, drawn, drawn_as, fleet as bare, model_key};
use crate::panes::monitored::{course, fleet, report, signal_key};
use crate::panes::signal;
use crate::ui::symbols::Symbols;
use crate::ui::testing::{NOW, look_of, runs, screen};
use crate::ui::theme::Depth;

const SIZE: (u16, u16) = (120, 36);

fn page(fleet: &crate::domain::fleet::Fleet) -> Features {
    let mut page = Features::new(model_key("fraud-detector"));
    page.refresh(&cx(fleet, SIZE));
    page
}

fn press(
    pane: &mut dyn Pane,
    fleet: &crate::domain::fleet::Fleet,
    commands: &[Command],
    size: (u16, u16),
) -> Vec<Ask> {
    let mut asks = Vec::new();
    for command in commands {
        pane.refresh(&cx(fleet, size));
        assert_eq!(pane.disabled(*command, &cx(fleet, size)), None, "{command}");
        asks.extend(
            pane.update(*command, &cx(fleet, size))
                .expect("a use for it"),
        );
    }
    asks
}

fn names(page: &Features) -> Vec<String> {
    page.markdown(&cx(&fleet(), SIZE))
        .1
        .into_iter()
        .map(|row| row[0].clone())
        .collect()
}

#[test]
fn the_worst_model_comes_first_and_enter_shows_its_features() {
    let fleet = fleet();
    let mut pane = Drift::new();
    pane.refresh(&cx(&fleet, SIZE));
    let rows = pane.markdown(&cx(&fleet, SIZE)).1;
    let models: Vec<&str> = rows.iter().map(|r| r[1].as_str()).collect();
    assert!(
        models.contains(&"fraud-detector") && models.contains(&"churn"),
        "{models:?}"
    );
    pane.select(
        &Thing::Model(model_key("fraud-detector")),
        &cx(&fleet, SIZE),
    );
    let asks = press(&mut pane, &fleet, &[Command::Open], SIZE);
    assert!(
        matches!(&asks[..], [Ask::Open(Place::Features(key))] if *key == model_key("fraud-detector"))
    );
    pane.prompt(PromptKind::Filter, "churn", true, &cx(&fleet, SIZE))
        .unwrap();
    assert_eq!(pane.markdown(&cx(&fleet, SIZE)).1.len(), 1);
}

#[test]
fn features_are_ranked_by_score_and_importance_and_what_has_no_verdict_comes_last() {
    assert_eq!(
        names(&page(&fleet())),
        ["amount", "country", "tenure", "device_age"]
    );
}

#[test]
fn drift_on_both_versions_is_told_as_the_data() {
    let fleet = fleet();
    let shown = screen(&drawn(&mut page(&fleet), &fleet, SIZE));
    assert!(
        shown.contains("same drift on v13 and v14: data, not model"),
        "{shown}"
    );
}

#[test]
fn the_cursor_names_the_moment_and_markers_are_stepped_through() {
    let fleet = fleet();
    let mut page = page(&fleet);
    assert_eq!(page.moment(&cx(&fleet, SIZE)), None);
    press(&mut page, &fleet, &[Command::NextMarker], SIZE);
    let first = page.moment(&cx(&fleet, SIZE)).expect("a moment");
    let marks = signal::markers(&model_key("fraud-detector"), &cx(&fleet, SIZE));
    assert!(marks.iter().any(|(x, _)| *x as i64 == first.0), "{marks:?}");
    press(&mut page, &fleet, &[Command::Left, Command::Left], SIZE);
    assert!(page.moment(&cx(&fleet, SIZE)).unwrap() < first);
    // Escape lets the cursor go, then the zoom, then the place.
    press(
        &mut page,
        &fleet,
        &[Command::ZoomIn, Command::Back, Command::Right],
        SIZE,
    );
    press(&mut page, &fleet, &[Command::Back], SIZE);
    assert!(page.update(Command::Back, &cx(&fleet, SIZE)).is_none());
}

#[test]
fn series_are_asked_for_once_a_measure_and_answers_are_drawn() {
    let fleet = fleet();
    let mut page = page(&fleet);
    let wants = page.wants(&cx(&fleet, SIZE));
    let series: Vec<Measure> = wants
        .iter()
        .filter_map(|w| match w.query {
            Query::Series { measure, .. } => Some(measure),
            _ => None,
        })
        .collect();
    assert_eq!(series, [Measure::FeatureDrift, Measure::FeatureMean]);
    assert!(
        wants
            .iter()
            .any(|w| matches!(w.query, Query::AlertStrip { .. }))
    );
    let query = wants[0].query.clone();
    let key = signal_key("fraud-detector", Measure::FeatureDrift, "amount", "");
    let answer = Ok(Detail::Series(vec![course(key, 7.0, 9.0, 10)]));
    page.fetched(&query, &answer, NOW.wall, &cx(&fleet, SIZE));
    let shown = screen(&drawn(&mut page, &fleet, SIZE));
    assert!(shown.contains("  5 ┤"), "{shown}");
}

#[test]
fn sparklines_are_of_the_time_range_that_is_chosen() {
    let fleet = fleet();
    let mut cx = cx(&fleet, SIZE);
    let model = fleet.model(&model_key("fraud-detector")).expect("a model");
    let of = model.signals.gauge(Measure::ErrorRatio).expect("errors");
    let known = |cx: &Cx<'_>| {
        let values = signal::values(of, cx);
        let known = values.iter().filter(|v| v.is_finite()).count();
        (values.len(), known)
    };
    // The course is of six hours.
    assert_eq!(known(&cx), (48, 48));
    cx.window = crate::domain::time::Window(std::time::Duration::from_secs(86_400));
    assert_eq!(known(&cx), (48, 12));
    // The job of this score has been dead for two days: its last one is no course of today.
    let churn = fleet.model(&model_key("churn")).expect("a model");
    let mut stale = churn.signals.worst_drift().expect("a score").clone();
    assert!(signal::values(&stale, &cx).is_empty(), "no course is held");
    stale.key = signal_key("fraud-detector", Measure::FeatureDrift, "amount", "");
    let values = signal::values(&stale, &cx);
    assert!(values.iter().all(|v| v.is_nan()), "{values:?}");
    // A lone spike survives.
    let most = signal::values(of, &cx).into_iter().fold(0.0, f64::max);
    assert!((most - 0.048).abs() < 1e-6, "{most}");
}

#[test]
fn what_a_dead_job_wrote_last_is_stale_on_the_chart_and_the_strip_and_never_fine() {
    let fleet = fleet();
    // The job wrote 0.06 two days and four hours ago; its exporter has shown that ever since.
    let key = signal_key("churn", Measure::FeatureDrift, "tenure", "");
    let flat = course(key, 0.06, 0.06, 60);
    let open = |step: u64| {
        let mut page = Features::new(model_key("churn"));
        page.refresh(&cx(&fleet, SIZE));
        let mut seen = flat.clone();
        seen.step = std::time::Duration::from_secs(step);
        seen.start = NOW.wall.minus(seen.step * 59);
        let want = page.wants(&cx(&fleet, SIZE)).swap_remove(0);
        let answer = Ok(Detail::Series(vec![seen]));
        page.fetched(&want.query, &answer, NOW.wall, &cx(&fleet, SIZE));
        page
    };
    let shown = screen(&drawn(&mut open(360), &fleet, SIZE));
    let row = shown.lines().find(|l| l.starts_with(" tenure ~"));
    let row = row.expect("a row of marks");
    let strip = row.chars().skip(8).take(50).collect::<String>();
    assert_eq!(strip.trim(), "~".repeat(strip.trim().len()), "{shown}");
    assert!(
        shown.contains("~ stale") && shown.contains("~ ~ ~"),
        "{shown}"
    );
    assert!(!shown.contains("⠤⠤⠤") && !shown.contains("⠒⠒⠒"), "{shown}");
    // Over three days the line ends where the job ran last, and the strip where that grew too old.
    let mut cx = cx(&fleet, SIZE);
    cx.window = crate::domain::time::Window(std::time::Duration::from_secs(3 * 86_400));
    let mut page = open(4_320);
    page.refresh(&cx);
    let mut buf = Buffer::empty(Rect::new(0, 0, 120, 32));
    page.view(
        &cx,
        &look_of("dark", Depth::True, &Symbols::UNICODE, 120, 36),
        buf.area,
        &mut buf,
    );
    insta::assert_snapshot!(screen(&buf), @r"
     ? unkn  churn   1 without a verdict   as of 11-21 10:02Z (2d)
     ? unkn  no drift report since 11-21 10:02 (limit 26h)  26h  prom
     1 feature ───────────────────────────────────────────────────────   over time ─────────────────────────────────────────
     FEATURE           SCORE    LINE  ×LINE  TREND           N  METHOD  0.06 stale, 2d old  line >0.1  n=9,000  psi
    ›tenure      0.060 stale    >0.1    0.6              9.00k  PSI     tenure            ╌ line 0.1  ~ stale  · noise 0.003
                                                                          0.060 stale
     heat strip ──────────────────────────────────────────────────────  0.10 ┤╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
     tenure  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░~~~~~~~~~~~~~~~~~~~~~       │
            11-20 14:02Z                                  11-23 14:02Z       │
     · < ½ line ░ < line ▓ over █ > 2× ? NaN ~ stale                         │
                                                                             │ ⢄⠤⡠⢄⠤⡠⢄⠤⡠⢄⠤⡠⠄~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~
                                                                        0.05 ┤
                                                                             │
                                                                             │
                                                                             │
                                                                             │
                                                                        0.00 ┤· · · · · · · · · · · · · · · · · · · · · · ·
                                                                              11-20 14:02Z                      11-23 14:02Z
                                                                         distributions ─────────────────────────────────────
                                                                         The drift report is being read.
    ");
}

#[test]
fn a_mean_that_jumps_by_a_round_factor_is_told_as_a_change_of_unit() {
    let fleet = fleet();
    let mut page = page(&fleet);
    let tell = |page: &mut Features, before: f32| {
        let mut wants = page.wants(&cx(&fleet, SIZE)).into_iter();
        let is_mean = |w: &crate::panes::Want| matches!(w.query, Query::Series { measure, .. } if measure == Measure::FeatureMean);
        let want = wants.find(is_mean).expect("means are asked for");
        let key = signal_key("fraud-detector", Measure::FeatureMean, "amount", "");
        let answer = Ok(Detail::Series(vec![course(key, before, 102.0, 20)]));
        page.fetched(&want.query, &answer, NOW.wall, &cx(&fleet, SIZE));
        screen(&drawn(page, &fleet, SIZE))
    };
    let shown = tell(&mut page, 1.02);
    assert!(
        shown.contains("verdict amount ×100")
            && shown.contains("as a change of unit would move it"),
        "{shown}"
    );
    let row = &page.markdown(&cx(&fleet, SIZE)).1[0];
    assert_eq!((row[0].as_str(), row[7].as_str()), ("amount", "×100"));
    let shown = tell(&mut page, 34.0);
    assert!(!shown.contains("change of unit"), "{shown}");
}

#[test]
fn a_report_is_asked_for_only_where_its_histograms_show() {
    let fleet = fleet();
    let mut page = page(&fleet);
    let asks = |page: &Features, size| {
        page.wants(&cx(&fleet, size))
            .into_iter()
            .find(|w| matches!(w.query, Query::DriftReport { .. }))
    };
    assert_eq!(asks(&page, (80, 24)), None);
    press(&mut page, &fleet, &[Command::Open, Command::Open], (80, 24));
    let want = asks(&page, (80, 24)).expect("distributions are shown");
    let shown = screen(&drawn(&mut page, &fleet, (80, 24)));
    assert!(shown.contains("being read"), "{shown}");
    let answer = Ok(Detail::DriftReport(Some(Box::new(report()))));
    page.fetched(&want.query, &answer, NOW.wall, &cx(&fleet, (80, 24)));
    insta::assert_snapshot!(screen(&drawn(&mut page, &fleet, (80, 24))), @r"
     ✖ crit  fraud-detector   1 of 2 over their line   2 unjudged   1m old
     verdict same drift on v13 and v14: data, not model
     ✖ crit  drift 1/2 features, worst amount psi 0.43 > 0.1, by importance 75 % >…
     ? unkn  feature drift of device_age is NaN: its job could not compute it  ≥0m…
    ─ features ─ over time ─ heat strip ─ distributions ─ quality ───────── amount ─
    amount   reference n=20,000   current n=12,400   evidently report 10:02Z (4h)
    mean 84 → 102 (+21 %)   p95 181 → 214 (+18 %)
              ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
              ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
              ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
              ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
              ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
    reference ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀


              ⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀
              ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀
              ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
    current   ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿
              0                                                                  250
    ");
    let none = Ok(Detail::DriftReport(None));
    let mut other = self::page(&fleet);
    press(
        &mut other,
        &fleet,
        &[Command::Open, Command::Open],
        (80, 24),
    );
    other.fetched(&want.query, &none, NOW.wall, &cx(&fleet, (80, 24)));
    let shown = screen(&drawn(&mut other, &fleet, (80, 24)));
    assert!(
        shown.contains("No report of this model is there"),
        "{shown}"
    );
}

#[test]
fn without_monitoring_the_panes_say_what_would_fill_them() {
    let fleet = bare();
    let shown = screen(&drawn(&mut Drift::new(), &fleet, SIZE));
    assert!(
        shown.contains("No model's drift is watched.") && shown.contains("prometheus"),
        "{shown}"
    );
    let shown = screen(&drawn(&mut Features::new(model_key("churn")), &fleet, SIZE));
    assert!(
        shown.contains("No drift score is known for churn."),
        "{shown}"
    );
}

#[test]
fn ascii_and_monochrome_lose_nothing() {
    let fleet = fleet();
    let ascii = look_of("mono", Depth::Mono, &Symbols::ASCII, 120, 36);
    let shown = screen(&drawn_as(&mut page(&fleet), &fleet, &ascii));
    assert!(shown.is_ascii(), "{shown}");
    for word in ["low n", "NaN", "amount", "line"] {
        assert!(shown.contains(word), "{word}\n{shown}");
    }
}

#[test]
fn the_list_at_its_sizes() {
    let fleet = fleet();
    insta::assert_snapshot!(screen(&drawn(&mut Drift::new(), &fleet, (60, 16))), @r"
     LEVEL   MODEL           DRIFTED  WORST        SCORE    LINE
    ›✖ crit  fraud-detector      1/2  amount       0.430    >0.1
     ? unkn  churn                 –  tenure      ~0.060    >0.1
    ");
    insta::assert_snapshot!(screen(&drawn(&mut Drift::new(), &fleet, (80, 24))), @r"
     LEVEL   MODEL           DRIFTED  WORST        SCORE    LINE  TREND          N
    ›✖ crit  fraud-detector      1/2  amount       0.430    >0.1  ⣀⣀⣀⣀⣀⣠⣴⣾   6.40k
     ? unkn  churn                 –  tenure      ~0.060    >0.1             9.00k
    ");
    insta::assert_snapshot!(screen(&drawn(&mut Drift::new(), &fleet, (120, 36))), @r"
     LEVEL   MODEL           DRIFTED  WORST           SCORE    LINE  TREND              N   PREDICTION   AGE  OWNER
    ›✖ crit  fraud-detector      1/2  amount          0.430    >0.1  ⣀⣀⣀⣀⣀⣀⣀⣀⣠⣤⣶⣿   6.40k            –    1m  risk-ml
     ? unkn  churn                 –  tenure    0.060 stale    >0.1                 9.00k            –    2d  growth
    ");
    insta::assert_snapshot!(screen(&drawn(&mut Drift::new(), &fleet, (200, 60))), @r"
     LEVEL   MODEL           DRIFTED  WORST           SCORE    LINE  TREND              N   PREDICTION   AGE  OWNER
    ›✖ crit  fraud-detector      1/2  amount          0.430    >0.1  ⣀⣀⣀⣀⣀⣀⣀⣀⣠⣤⣶⣿   6.40k            –    1m  risk-ml
     ? unkn  churn                 –  tenure    0.060 stale    >0.1                 9.00k            –    2d  growth
    ");
    insta::assert_snapshot!(runs(&drawn(&mut Drift::new(), &fleet, (60, 16)), 2), @r#"
    text " "
    level.unknown "? unkn"
    - "  "
    text "churn"
    - "                 "
    text "–"
    - "  "
    text "tenure"
    - "      "
    level.unknown "~0.060"
    - "    "
    text.dim ">0.1"
    "#);
    insta::assert_snapshot!(runs(&drawn(&mut Drift::new(), &fleet, (120, 36)), 1), @r#"
    accent+selected "›"
    level.crit+selected "✖ crit"
    row.selected "  "
    text+selected "fraud-detector"
    row.selected "      "
    text+selected "1/2"
    row.selected "  "
    text+selected "amount"
    row.selected "          "
    level.warn+selected "0.430"
    row.selected "    "
    text.dim+selected ">0.1"
    row.selected "  "
    level.warn+selected "⣀⣀⣀⣀⣀⣀⣀⣀⣠⣤⣶⣿"
    row.selected "   "
    text.dim+selected "6.40k"
    row.selected "            "
    text.dim+selected "–"
    row.selected "    "
    text.dim+selected "1m"
    row.selected "  "
    text.dim+selected "risk-ml"
    row.selected "       "
    "#);
}

#[test]
fn the_features_at_their_sizes() {
    let fleet = fleet();
    insta::assert_snapshot!(screen(&drawn(&mut page(&fleet), &fleet, (60, 16))), @r"
     ✖ crit  fraud-detector   1 of 2 over their line   2 unjud…
     verdict same drift on v13 and v14: data, not model
     ✖ crit  drift 1/2 features, worst amount psi 0.43 > 0.1,…
    ─ features over time heat strip distributions quality───────
     FEATURE           SCORE    LINE  ×LINE  WEIGHT      N
    ›amount            0.430    >0.1    4.3     0.9  6.40k
     country           0.060    >0.1    0.6     0.3  12.4k
     tenure      0.230 low n    >0.1    2.3     0.1    120
     device_age          NaN    >0.1      –       –  12.4k
    ");
    insta::assert_snapshot!(screen(&drawn(&mut page(&fleet), &fleet, (80, 24))), @r"
     ✖ crit  fraud-detector   1 of 2 over their line   2 unjudged   1m old
     verdict same drift on v13 and v14: data, not model
     ✖ crit  drift 1/2 features, worst amount psi 0.43 > 0.1, by importance 75 % >…
     ? unkn  feature drift of device_age is NaN: its job could not compute it  ≥0m…
    ─ features ─ over time ─ heat strip ─ distributions ─ quality ──────────────────
     FEATURE           SCORE    LINE  ×LINE  WEIGHT  TREND           N  METHOD
    ›amount            0.430    >0.1    4.3     0.9  ⣀⣀⣀⣀⣀⣀⣀⣤⣴⣾  6.40k  PSI
     country           0.060    >0.1    0.6     0.3  ⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶  12.4k  PSI
     tenure      0.230 low n    >0.1    2.3     0.1  ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿    120  PSI
     device_age          NaN    >0.1      –       –              12.4k  PSI

    0.43  line >0.1  n=6,400  psi  of v14
    amount   ● all 0.420   ■ v13 0.410   ◆ v14 0.430       ╌ line 0.1  · noise 0.004
        │                                                                       ⢀⣀⣤◆
        │                                                                 ⢀⣠⣤⠶⠛⠋⠁
        │                                                           ⣀⣠⡴⠶⠒⠉⠁     ┊
        │╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌⣀⣤⡤⠔⠒⠉╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
      0 ┤·⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠔⠊⠉ · · · · · · · · ·┊· ·
                                                                                ▲v14
         08:02Z                10:02                    12:02                 14:02Z
    ");
}

#[test]
fn with_room_every_part_is_seen_at_once() {
    let fleet = fleet();
    insta::assert_snapshot!(screen(&drawn(&mut page(&fleet), &fleet, (120, 36))), @r"
     ✖ crit  fraud-detector   1 of 2 features over their line   2 without a verdict   as of 14:01Z (1m)
     verdict same drift on v13 and v14: data, not model
     ✖ crit  drift 1/2 features, worst amount psi 0.43 > 0.1, by importance 75 % > 30 %, n 6,400, over in 12 of 12 windows…
     ? unkn  feature drift of device_age is NaN: its job could not compute it  ≥0m  prom
     4 features ──────────────────────────────────────────────────────   over time ─────────────────────────────────────────
     FEATURE           SCORE    LINE  ×LINE  WEIGHT      N  METHOD      0.43  line >0.1  n=6,400  psi  of v14
    ›amount            0.430    >0.1    4.3     0.9  6.40k  PSI         amount                     ╌ line 0.1  · noise 0.004
     country           0.060    >0.1    0.6     0.3  12.4k  PSI         ● all 0.420   ■ v13 0.410   ◆ v14 0.430
     tenure      0.230 low n    >0.1    2.3     0.1    120  PSI             │                                            ┊ ◆
     device_age          NaN    >0.1      –       –  12.4k  PSI         0.4 ┤                                            ⣠⠞■
                                                                            │                                          ⣠⠞⠁
     heat strip ──────────────────────────────────────────────────────      │                                        ⣠⠞⠁ ┊
     amount      ·····································░▓▓▓▓▓██████████      │                                     ⢀⣠⠞⠁   ┊
     country     ░░░░░░░░·░░░░░░░░·░░░░░░░░·░░░░░░░░░░░░░░░░░░░░░░░░░░  0.2 ┤                                   ⢀⡤⠋⠁     ┊
     tenure      ████████▓████████▓████████▓██████████████████████████      │╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌⡠⠊╌╌╌╌╌╌╌╌╌╌╌
     device_age                                                      ?      │                                ⡠⠊          ┊
                08:02Z                                          14:02Z  0.0 ┤·⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠊· · · · · · · ·
     · < ½ line ░ < line ▓ over █ > 2× ? NaN ~ stale                                                                  v14▲
                                                                             08:02Z                                   14:02Z
                                                                         distributions ─────────────────────────────────────
                                                                         The drift report is being read.
    ");
    insta::assert_snapshot!(screen(&drawn(&mut page(&fleet), &fleet, (200, 60))), @r"
     ✖ crit  fraud-detector   1 of 2 features over their line   2 without a verdict   as of 14:01Z (1m)
     verdict same drift on v13 and v14: data, not model
     ✖ crit  drift 1/2 features, worst amount psi 0.43 > 0.1, by importance 75 % > 30 %, n 6,400, over in 12 of 12 windows, 2 more not judged  1h  prom
     ? unkn  feature drift of device_age is NaN: its job could not compute it  ≥0m  prom
     4 features ────────────────────────────────────────────────────────────────────────────────────────   over time ───────────────────────────────────────────────────────────────────────────────────────
     FEATURE           SCORE    LINE  ×LINE  WEIGHT  TREND           N      MEAN   NULL %  METHOD         0.43  line >0.1  n=6,400  psi  of v14
    ›amount            0.430    >0.1    4.3     0.9  ⣀⣀⣀⣀⣀⣀⣀⣤⣴⣾  6.40k     +19 %    0.200  PSI            amount   ● all 0.420   ■ v13 0.410   ◆ v14 0.430                         ╌ line 0.1  · noise 0.004
     country           0.060    >0.1    0.6     0.3  ⣶⣶⣶⣶⣶⣶⣶⣶⣶⣶  12.4k         –        –  PSI                │                                                                                        ┊
     tenure      0.230 low n    >0.1    2.3     0.1  ⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿    120         –        –  PSI                │                                                                                        ┊   ◆
     device_age          NaN    >0.1      –       –              12.4k         –        –  PSI            0.4 ┤                                                                                        ┊ ⢠⡪■
                                                                                                              │                                                                                        ┊⣔⢽⠊
     heat strip ────────────────────────────────────────────────────────────────────────────────────────      │                                                                                       ⢠⣪⠗⠁
     amount      ····························································░░░▓▓▓▓▓▓▓▓████████████████      │                                                                                      ⣔⡽⠁
     country     ░░·░░·░░·░░·░░·░░·░░·░░·░░·░░·░░·░░·░░░░░░░·░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░      │                                                                                    ⢠⣪⠏ ┊
     tenure      ██▓██▓██▓██▓██▓██▓██▓██▓██▓██▓██▓██▓███████▓███████████████████████████████████████████  0.3 ┤                                                                                  ⢀⡴⡻⠁  ┊
     device_age                                                                                        ?      │                                                                                 ⡴⡫⠊    ┊
                08:02Z  · < ½ line ░ < line ▓ over █ > 2× ? NaN ~ stale                           14:02Z      │                                                                               ⢠⡾⠋      ┊
                                                                                                              │                                                                              ⣴⠟        ┊
                                                                                                              │                                                                            ⢠⡾⠃         ┊
                                                                                                          0.2 ┤                                                                           ⣴⠟           ┊
                                                                                                              │                                                                         ⢠⡾⠃            ┊
                                                                                                              │                                                                        ⡴⠋              ┊
                                                                                                              │                                                                      ⢠⠞⠁               ┊
                                                                                                              │                                                                     ⡴⠋                 ┊
                                                                                                          0.1 ┤╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌⢠⠞⠁╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
                                                                                                              │                                                                  ⡴⠋                    ┊
                                                                                                              │                                                                ⡠⠊                      ┊
                                                                                                              │                                                              ⢠⠊                        ┊
                                                                                                              │ ⠐⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠁                         ┊
                                                                                                          0.0 ┤· · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ·
                                                                                                                                                                                                       ▲v14
                                                                                                               08:02Z                      10:02                          12:02                       14:02Z
                                                                                                           distributions ───────────────────────────────────────────────────────────────────────────────────
                                                                                                           The drift report is being read.
    ");
    insta::assert_snapshot!(runs(&drawn(&mut page(&fleet), &fleet, (80, 24)), 5), @r#"
    - " "
    text.dim "FEATURE"
    - "           "
    text.dim "SCORE"
    - "    "
    text.dim "LINE"
    - "  "
    text.dim "×LINE"
    - "  "
    text.dim "WEIGHT"
    - "  "
    text.dim "TREND"
    - "           "
    text.dim "N"
    - "  "
    text.dim "METHOD"
    - "      "
    "#);
}

#[test]
fn a_long_name_is_cut_before_the_numbers_that_rank_it() {
    let mut fleet = fleet();
    let long = "a_very_long_feature_name_".repeat(4);
    let key = signal_key("fraud-detector", Measure::FeatureDrift, &long, "");
    let row = crate::panes::monitored::reading(key, 0.9, Some(9_000));
    let rows = crate::domain::observation::Rows::Signals(vec![row]);
    crate::panes::models::testing::observe(
        &mut fleet,
        crate::panes::monitored::PROM,
        crate::domain::observation::Feed::Signals,
        crate::domain::observation::Coverage::Partial,
        rows,
    );
    fleet.tick(NOW.wall);
    let shown = screen(&drawn(&mut page(&fleet), &fleet, SIZE));
    for title in ["SCORE", "LINE", "×LINE", "WEIGHT", "N ", "METHOD"] {
        assert!(shown.contains(title), "{title}: {shown}");
    }
    assert!(shown.contains("a_very_long"), "{shown}");
}

#[test]
fn a_mean_that_is_none_of_now_has_not_stood_still() {
    let fleet = fleet();
    let gauges = cx(&fleet, SIZE)
        .fleet
        .gauges(&model_key("fraud-detector"), NOW.wall);
    let mean = gauges
        .iter()
        .find(|g| g.key.measure == Measure::FeatureMean);
    let mut mean = mean.expect("a mean").clone();
    let moved = |mean: &crate::domain::signal::Gauge| {
        crate::ui::histogram::movement_of(mean, &[100.0, 100.0]).expect("a movement")
    };
    assert_eq!(moved(&mean), "±0 %");
    mean.state = crate::domain::signal::State::Stale;
    assert_eq!(moved(&mean), "stale");
}
