use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::domain::level::Level;
use crate::domain::settings::Writes;
use crate::ui::hits::Target;
use crate::ui::paint::span;
use crate::ui::symbols::Freshness;
use crate::ui::testing::{look, runs, screen};
use crate::ui::theme::Role;

fn header(width: u16, simulated: bool) -> Buffer {
    let look = look(width, 24);
    let area = Rect::new(0, 0, width, 2);
    let mut buf = Buffer::empty(area);
    let chip = |name, fresh, age: &str| SourceChip {
        name,
        fresh,
        age: age.to_owned(),
    };
    let sources = [
        chip("mlflow", Freshness::Live, ""),
        chip("fraud-eu", Freshness::Live, ""),
        chip("churn", Freshness::Stale, "4m"),
        chip("ranker", Freshness::Down, "20h"),
    ];
    Header {
        context: "prod",
        protected: true,
        simulated,
        writes: Writes::Off,
        sources: &sources,
        counts: &[
            (Level::Ok, 41),
            (Level::Crit, 2),
            (Level::Warn, 3),
            (Level::Unknown, 1),
        ],
    }
    .draw(&mut buf, &look, area);
    let panes = [
        "Triage",
        "Models",
        "Experiments",
        "Drift",
        "Deployments",
        "Pipelines",
        "Features",
        "Journal",
    ];
    let all: Vec<Tab<'_>> = panes
        .iter()
        .zip(1..)
        .map(|(title, number)| Tab { number, title })
        .collect();
    let right = [span(Role::Dim, "last 6h "), span(Role::Key, "‹ ›")];
    let hits = tabs(
        &mut buf,
        &look,
        Rect {
            y: 1,
            height: 1,
            ..area
        },
        &all,
        2,
        &[],
        &right,
    );
    assert_eq!(hits.at(1, 1), Some(Target::Tab(1)));
    buf
}

#[test]
fn a_wide_header_tells_everything() {
    insta::assert_snapshot!(screen(&header(120, false)), @r"
    quarterdeck  prod  read-only  ● 2 live  churn ◐ 4m  ranker ○ 20h  ✖ 2 crit   ? 1 unknown   ▲ 3 warn   · 41 ok   14:02Z
    1 Triage  2 Models  3 Experiments  4 Drift  5 Deployments  6 Pipelines  7 Features  8 Journal              last 6h ‹ ›
    ");
    insta::assert_snapshot!(runs(&header(120, false), 0), @r#"
    - " "
    brand "quarterdeck"
    - " "
    pill.protected " prod "
    text.dim " read-only"
    - "  "
    level.ok "● 2"
    text.dim " live"
    text "  churn "
    level.warn "◐ 4m"
    text "  ranker "
    fresh.down "○ 20h"
    - "  "
    level.crit "✖ 2"
    text.dim " crit   "
    level.unknown "? 1"
    text.dim " unknown   "
    level.warn "▲ 3"
    text.dim " warn   "
    level.ok "· 41"
    text.dim " ok"
    text "   "
    text.dim "14:02Z"
    - " "
    "#);
    insta::assert_snapshot!(runs(&header(120, false), 1), @r#"
    text.dim " 1 Triage "
    tab.current " 2 Models "
    text.dim " 3 Experiments  4 Drift  5 Deployments  6 Pipelines  7 Features  8 Journal "
    - "             "
    text.dim "last 6h "
    accent "‹ ›"
    - " "
    "#);
}

#[test]
fn a_narrow_header_keeps_context_levels_and_clock() {
    insta::assert_snapshot!(screen(&header(80, false)), @r"
    quarterdeck  prod  read-only  ○ 1 down ◐ 1 stale ● 2     ✖2 ?1 ▲3 ·41   14:02Z
    1  2 Models  3  4  5  6  7  8                                      last 6h ‹ ›
    ");
    insta::assert_snapshot!(screen(&header(60, true)), @r"
     prod   SIMULATED  read-only         ✖2 ?1 ▲3 ·41   14:02Z
    1  2 Models  3  4  5  6  7  8                  last 6h ‹ ›
    ");
}

#[test]
fn a_dialog_is_a_box_over_the_rest() {
    let look = look(60, 14);
    let area = Rect::new(0, 0, 60, 14);
    let mut buf = Buffer::empty(area);
    for y in 0..14 {
        buf.set_string(0, y, "模".repeat(30), look.style(Role::Dim));
    }
    let hints = [Hint::new("↵", "close", 0), Hint::new("y", "copy", 1).off()];
    let opened = Dialog {
        title: "Help",
        note: "read 12 s ago",
        width: 34,
        height: 3,
        hints: &hints,
    }
    .draw(&mut buf, &look, area);
    buf.set_string(
        opened.inner.x,
        opened.inner.y,
        "content",
        look.style(Role::Text),
    );
    insta::assert_snapshot!(screen(&buf), @r"
    模模模模模模模模模模模模模模模模模模模模模模模模模模模模模模
    模模模模模模模模模模模模模模模模模模模模模模模模模模模模模模
    模模模模模┌─ Help ─────────────── read 12 s ago ─┐模模模模模
    模模模模模│                                      │模模模模模
    模模模模模│  content                             │模模模模模
    模模模模模│                                      │模模模模模
    模模模模模│                                      │模模模模模
    模模模模模│                                      │模模模模模
    模模模模模│  ↵ close   y copy                    │模模模模模
    模模模模模└──────────────────────────────────────┘模模模模模
    模模模模模模模模模模模模模模模模模模模模模模模模模模模模模模
    模模模模模模模模模模模模模模模模模模模模模模模模模模模模模模
    模模模模模模模模模模模模模模模模模模模模模模模模模模模模模模
    模模模模模模模模模模模模模模模模模模模模模模模模模模模模模模
    ");
    insta::assert_snapshot!(runs(&buf, opened.inner.bottom() + 1), @r#"
    text.dim "模"
    - " "
    text.dim "模"
    - " "
    text.dim "模"
    - " "
    text.dim "模"
    - " "
    text.dim "模"
    - " "
    text.dim "│"
    - "  "
    accent "↵"
    - " "
    text.dim "close"
    - "   "
    key.off "y"
    - " "
    key.off "copy"
    - "                    "
    text.dim "│模"
    - " "
    text.dim "模"
    - " "
    text.dim "模"
    - " "
    text.dim "模"
    - " "
    text.dim "模"
    - " "
    "#);
    assert_eq!(
        opened.hits.at(opened.inner.x, opened.inner.y),
        Some(Target::Dialog)
    );
    assert_eq!(opened.inner.height, 3);
}

#[test]
fn the_footer_drops_what_matters_least() {
    let hints = [
        Hint::new("↵", "open", 1),
        Hint::new("w", "what changed", 2),
        Hint::new("S", "sort", 4),
        Hint::new("y", "copy", 3),
        Hint::new("?", "all keys", 0),
    ];
    let draw = |width| {
        let area = Rect::new(0, 0, width, 1);
        let mut buf = Buffer::empty(area);
        footer(&mut buf, &look(width, 24), area, &hints);
        screen(&buf)
    };
    assert_eq!(
        draw(80),
        " ↵ open   w what changed   S sort   y copy   ? all keys\n"
    );
    assert_eq!(draw(40), " ↵ open   w what changed   ? all keys\n");
    assert_eq!(draw(14), " ? all keys\n");
    assert_eq!(draw(0), "\n");
}

#[test]
fn events_wrap_between_items_and_the_rest_is_counted() {
    let event = |at: &str, text: &'static str| Event {
        at: at.to_owned(),
        glyph: "▲",
        role: Role::Warn,
        text: text.into(),
    };
    let events = [
        event("13:54", "promoted v13 → v14 by ana"),
        event("13:55", "rollout started"),
        event("13:56", "errors above 1 %"),
        event("13:57", "endpoint not ready"),
    ];
    let draw = |width, height| {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        let used = timeline(&mut buf, &look(80, 24), area, &events);
        format!("{used}\n{}", screen(&buf))
    };
    insta::assert_snapshot!(draw(120, 2), @r"
    1
    13:54 ▲ promoted v13 → v14 by ana   13:55 ▲ rollout started   13:56 ▲ errors above 1 %   13:57 ▲ endpoint not ready
    ");
    insta::assert_snapshot!(draw(64, 3), @r"
    2
    13:54 ▲ promoted v13 → v14 by ana   13:55 ▲ rollout started
    13:56 ▲ errors above 1 %   13:57 ▲ endpoint not ready
    ");
    insta::assert_snapshot!(draw(64, 1), @r"
    1
    13:54 ▲ promoted v13 → v14 by ana   +3 more
    ");
}

#[test]
fn pairs_line_up() {
    let area = Rect::new(0, 0, 60, 4);
    let mut buf = Buffer::empty(area);
    let all = [
        Pair::new("owner", "risk-ml"),
        Pair::new("champion", "v14"),
        Pair::new("served", "v13"),
        Pair::new("run", "0b7e…9c41"),
    ];
    assert_eq!(pairs(&mut buf, &look(80, 24), area, &all, 2), 2);
    insta::assert_snapshot!(screen(&buf), @r"
    owner     risk-ml              served  v13
    champion  v14                  run     0b7e…9c41
    ");
}

#[test]
fn an_empty_state_says_what_would_fill_it() {
    let area = Rect::new(0, 0, 70, 9);
    let look = look(70, 9);
    let mut buf = Buffer::empty(area);
    empty(
        &mut buf,
        &look,
        area,
        "No deployment is configured",
        &[
            "Add [[contexts.prod.deployments]] to the configuration, or tag a model with quarterdeck.deployment.",
        ],
    );
    rule(
        &mut buf,
        &look,
        area,
        &[span(Role::Title, "deployments")],
        &[span(Role::Dim, "0 of 0")],
    );
    insta::assert_snapshot!(screen(&buf), @r"
    deployments ───────────────────────────────────────────────── 0 of 0
      No deployment is configured

      Add [[contexts.prod.deployments]] to the configuration, or tag a
      model with quarterdeck.deployment.
    ");
}

#[test]
fn pieces_survive_any_size() {
    for w in 0..30 {
        for h in 0..6 {
            let area = Rect::new(0, 0, w, h);
            let look = look(w, h);
            let mut buf = Buffer::empty(area);
            let hints = [Hint::new("↵", "close", 0)];
            Dialog {
                title: "T",
                note: "n",
                width: 50,
                height: 9,
                hints: &hints,
            }
            .draw(&mut buf, &look, area);
            too_small(&mut buf, &look, area);
            message(&mut buf, &look, area, Level::Warn, "something happened");
            rule(
                &mut buf,
                &look,
                area,
                &[span(Role::Title, "title")],
                &[span(Role::Dim, "r")],
            );
            empty(&mut buf, &look, area, "none", &["how to fill it"]);
            pairs(&mut buf, &look, area, &[Pair::new("label", "value")], 3);
        }
    }
}
