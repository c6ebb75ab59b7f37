//! Screens composed of every widget, to be looked at: `cargo test --lib gallery -- --ignored` writes
//! them as SVG under the target directory.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::chart::{Chart, Marker, Series, XAxis};
use super::frame::{
    Dialog, Event, Header, Hint, Pair, SourceChip, Tab, footer, message, pairs, rule, tabs,
    timeline,
};
use super::look::{Look, Size};
use super::paint::{self, span};
use super::series::{Sample, sample};
use super::sparkline::{Bad, sparkline};
use super::symbols::{Freshness, Symbols};
use super::table::{Cell, Column, Row, Sort, Table, TableState};
use super::testing::{NOW, look_of};
use super::theme::{Depth, Role};
use super::{export, picker::Item, picker::Picker};
use crate::domain::level::Level;
use crate::domain::settings::Writes;

type Line = (
    Level,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const MODELS: [Line; 6] = [
    (
        Level::Crit,
        "fraud-detector",
        "v13",
        "v14",
        "errors 4.8 % > 1 % · endpoint answers v13, not v14",
        "6m",
        "promoted v14 (ana) 8m ago",
    ),
    (
        Level::Crit,
        "churn",
        "v7",
        "v7",
        "est. AUC 0.71 < 0.80 · drift 9/41, worst tenure 0.42",
        "52m",
        "feature view payments_7d 3h late",
    ),
    (
        Level::Unknown,
        "ranker-eu",
        "v4",
        "v4",
        "no drift report for 26 h (limit 6 h)",
        "20h",
        "–",
    ),
    (
        Level::Warn,
        "eta-city",
        "v31",
        "v31",
        "retrain failed twice at `evaluate`",
        "3h",
        "–",
    ),
    (
        Level::Info,
        "search-embeddings-multilingual",
        "v2",
        "v2",
        "rolling out, 2 of 3 endpoints",
        "2m",
        "promoted v2 (kim) 3m ago",
    ),
    (Level::Ok, "price-elasticity", "v9", "v9", "", "9d", "–"),
];

fn table(buf: &mut Buffer, look: &Look, area: Rect) {
    let columns = [
        Column::fixed("LEVEL", 6, 0),
        Column::name("MODEL", 10, 30),
        Column::fixed("SERVED", 6, 1),
        Column::fixed("CHAMPION", 8, 2),
        Column::flex("WHY", 24, 3, 1),
        Column::fixed("SINCE", 5, 2).right(),
        Column::flex("JUST BEFORE", 16, 1, 4),
    ];
    let state = TableState {
        selected: 1,
        ..TableState::default()
    };
    let table = Table {
        columns: &columns,
        len: 2_000,
        state: &state,
        sort: Some(Sort {
            column: 0,
            descending: true,
        }),
        focused: true,
    };
    table.draw(buf, look, area, |i| {
        let (level, name, served, champion, why, since, before) = MODELS[i % 6];
        let mut champ = vec![span(Role::Text, format!("{champion} "))];
        if served != champion {
            champ.push(span(Role::Difference, look.symbols.differs));
        }
        Row {
            cells: vec![
                Cell::level(look, level),
                Cell::text(name),
                Cell::text(served),
                Cell::spans(champ),
                Cell::text(look.symbols.plain(why)),
                Cell::text(since),
                if before == "–" {
                    Cell::none()
                } else {
                    Cell::new(Role::Dim, before)
                },
            ],
            marked: i == 3,
        }
    });
}

fn wave(seed: f64, f: impl Fn(f64) -> f64) -> Vec<Sample> {
    let start = NOW.wall.0 as f64 - 6.0 * 3_600_000.0;
    (0..360)
        .map(|i| {
            let t = f64::from(i);
            let noise = ((t * 12.9 + seed).sin() * 43_758.547).fract() * 0.12;
            sample(start + t * 60_000.0, f(t) + noise)
        })
        .collect()
}

fn charts(buf: &mut Buffer, look: &Look, area: Rect) {
    let errors = wave(1.0, |t| {
        if t > 350.0 {
            4.6
        } else if (180.0..205.0).contains(&t) {
            f64::NAN
        } else {
            0.4
        }
    });
    let a = wave(2.0, |t| 0.3 + 0.5 * (1.0 - (-t / 80.0).exp()));
    let b = wave(3.0, |t| 0.25 + 0.45 * (1.0 - (-t / 120.0).exp()));
    let c = wave(4.0, |t| 0.6 - 0.2 * (t / 60.0).sin());
    let at = NOW.wall.0 as f64 - 480_000.0;
    let old = NOW.wall.0 as f64 - 3.0 * 3_600_000.0;
    let one = [Series {
        name: "errors",
        points: &errors,
    }];
    let three = [
        Series {
            name: "run-0b7e",
            points: &a,
        },
        Series {
            name: "run-91fc",
            points: &b,
        },
        Series {
            name: "run-4d20",
            points: &c,
        },
    ];
    let half = (area.width - 3) / 2;
    Chart {
        title: "errors",
        unit: "%",
        series: &one,
        x: XAxis::Wall,
        threshold: Some(1.0),
        markers: &[
            Marker {
                x: old,
                label: "v13",
            },
            Marker {
                x: at,
                label: "v14",
            },
        ],
        ..Chart::default()
    }
    .draw(
        buf,
        look,
        Rect {
            width: half,
            ..area
        },
    );
    Chart {
        title: "val_auc",
        series: &three,
        x: XAxis::Wall,
        cursor: Some(NOW.wall.0 as f64 - 2.0 * 3_600_000.0),
        ..Chart::default()
    }
    .draw(
        buf,
        look,
        Rect {
            x: area.x + half + 3,
            width: area.width - half - 3,
            ..area
        },
    );
}

#[expect(clippy::too_many_lines, reason = "a screen is a list of what is on it")]
fn screen(look: &Look, dialog: bool) -> Buffer {
    let area = Rect::new(0, 0, look.columns, look.rows);
    let mut buf = Buffer::empty(area);
    let b = &mut buf;
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
        simulated: look.size >= Size::Huge,
        writes: Writes::Off,
        sources: &sources,
        counts: &[
            (Level::Ok, 1_941),
            (Level::Crit, 2),
            (Level::Warn, 3),
            (Level::Unknown, 1),
        ],
    }
    .draw(b, look, area);
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
    let right = [
        span(Role::Dim, "last 6h "),
        span(
            Role::Key,
            format!("{} {}", look.symbols.more[0], look.symbols.more[1]),
        ),
    ];
    tabs(b, look, paint::row(area, 1), &all, 1, &[], &right);
    let foot = paint::inner_rows(area, area.height - 1, 0);
    let hints = [
        Hint::new("↵", "open", 1),
        Hint::new("b", "roll back to v13", 2).off(),
        Hint::new("w", "what changed", 3),
        Hint::new("y", "copy", 5),
        Hint::new("S", "sort", 6),
        Hint::new("?", "all keys", 0),
    ];
    footer(b, look, foot, &hints);
    let list = if look.size < Size::Medium {
        area.height - 4
    } else {
        area.height / 3
    };
    table(b, look, paint::inner_rows(area, 3, area.height - 3 - list));
    if look.size >= Size::Medium {
        let detail = paint::inner_columns(paint::inner_rows(area, 3 + list, 2), 1, 1);
        rule(
            b,
            look,
            Rect {
                x: 0,
                width: area.width,
                ..paint::row(detail, 0)
            },
            &[
                span(Role::Title, "churn"),
                span(Role::Dim, "  owner risk-ml"),
            ],
            &[span(Role::Dim, "evidence read 12s ago")],
        );
        let values: Vec<f64> = (0..200)
            .map(|i| {
                if i == 120 {
                    f64::NAN
                } else {
                    f64::from(i % 37) * (1.0 + f64::from(i) / 50.0)
                }
            })
            .collect();
        let s = look.symbols;
        let block = [
            Pair::spans(
                "served",
                vec![
                    span(Role::Text, "v13 "),
                    span(
                        Role::Dim,
                        format!(
                            "{} reported",
                            s.known(crate::domain::deployment::Known::Reported)
                        ),
                    ),
                ],
            ),
            Pair::spans(
                "champion",
                vec![
                    span(Role::Text, "v14 "),
                    span(Role::Difference, s.differs),
                    span(Role::Dim, "  since 8m"),
                ],
            ),
            Pair::new("run", "0b7e44…9c41"),
            Pair::spans(
                "p95 ms",
                vec![
                    span(Role::Dim, sparkline(&values, 24, Bad::High, s)),
                    span(Role::Text, " 310"),
                ],
            ),
            Pair::spans(
                "errors %",
                vec![
                    span(Role::Accent, sparkline(&values[60..], 24, Bad::High, s)),
                    span(Role::Crit, " 4.80"),
                ],
            ),
            Pair::spans(
                "runbook",
                vec![
                    span(Role::Link, "ml.test/runbooks/churn"),
                    span(Role::Link, s.link),
                ],
            ),
        ];
        let used = pairs(
            b,
            look,
            paint::inner_rows(detail, 2, 0),
            &block,
            if look.columns >= 160 { 3 } else { 2 },
        );
        let events = [
            Event {
                at: "13:54".into(),
                glyph: s.marker,
                role: Role::Accent,
                text: s.plain("promoted v13 → v14 by ana (\"Q4 data\")").into(),
            },
            Event {
                at: "13:55".into(),
                glyph: s.level(Level::Info),
                role: Role::Info,
                text: "rollout started".into(),
            },
            Event {
                at: "13:56".into(),
                glyph: s.level(Level::Warn),
                role: Role::Warn,
                text: "errors above 1 %".into(),
            },
            Event {
                at: "13:57".into(),
                glyph: s.level(Level::Crit),
                role: Role::Crit,
                text: "fraud-eu answers v13, expected v14".into(),
            },
        ];
        let rows = timeline(b, look, paint::inner_rows(detail, used + 3, 0), &events);
        charts(b, look, paint::inner_rows(detail, used + rows + 4, 1));
        message(
            b,
            look,
            paint::inner_rows(area, area.height - 2, 1),
            Level::Warn,
            "ranker does not answer for 20h: check that the server runs · r asks again",
        );
    }
    if dialog {
        let hints = [
            Hint::new("↵", "run", 0),
            Hint::new("esc", "close", 0),
            Hint::new("tab", "details", 1).off(),
        ];
        let opened = Dialog {
            title: "Commands",
            note: "42 commands",
            width: 64,
            height: 9,
            hints: &hints,
        }
        .draw(b, look, area);
        let item = |title: &str, detail: &str, key: &str, off: Option<&str>| Item {
            title: title.into(),
            detail: detail.into(),
            key: key.into(),
            off: off.map(Into::into),
            ..Item::default()
        };
        let mut picker = Picker::new(vec![
            item("Go to models", "the registry", "2", None),
            item(
                "Models: promote",
                "move the champion alias",
                "p",
                Some("writes are off here"),
            ),
            item("Models: mark", "for comparison", "space", None),
            item("Compare marked", "side by side", "C", None),
        ]);
        "mo".chars().for_each(|c| picker.input.insert(c));
        picker.refresh();
        picker.draw(b, look, opened.inner, "a command");
    }
    buf
}

#[test]
fn a_full_frame_is_quick_to_build() {
    let look = look_of("dark", Depth::True, &Symbols::UNICODE, 200, 60);
    let best = (0..20)
        .map(|_| {
            let start = std::time::Instant::now();
            screen(&look, true);
            start.elapsed()
        })
        .min()
        .unwrap();
    println!("whole screen of 200×60, unoptimised: {best:?}");
    // The budget is 1 ms optimised; unoptimised code is some 20 times slower.
    assert!(best < std::time::Duration::from_millis(60), "{best:?}");
}

#[test]
#[ignore = "writes pictures for people to look at"]
fn gallery() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/gallery");
    std::fs::create_dir_all(&dir).unwrap();
    for (theme, depth, symbols) in [
        ("dark", Depth::True, &Symbols::UNICODE),
        ("light", Depth::True, &Symbols::UNICODE),
        ("dark", Depth::Ansi16, &Symbols::UNICODE),
        ("mono", Depth::Mono, &Symbols::UNICODE),
        ("mono", Depth::Mono, &Symbols::ASCII),
    ] {
        for (w, h) in [(60, 16), (80, 24), (120, 36), (200, 60)] {
            let look = look_of(theme, depth, symbols, w, h);
            let buf = screen(&look, theme == "light");
            let set = if symbols.ascii { "-ascii" } else { "" };
            let name = format!("{theme}-{depth:?}{set}-{w}x{h}.svg");
            std::fs::write(dir.join(name), export::svg(&buf, &look.theme)).unwrap();
        }
    }
}
