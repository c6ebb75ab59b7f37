use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::domain::time::Now;
use crate::ui::symbols::Symbols;
use crate::ui::testing::{look, runs, screen};
use crate::ui::theme::{Depth, Theme};

const COLUMNS: [Column<'static>; 6] = [
    Column::fixed("LEVEL", 6, 0),
    Column::name("MODEL", 8, 14),
    Column::fixed("SERVED", 6, 1),
    Column::fixed("CHAMPION", 8, 2),
    Column::flex("WHY", 12, 1, 3),
    Column::fixed("SINCE", 5, 4).right(),
];

fn cells(look: &Look, i: usize) -> Row<'static> {
    let level = [Level::Crit, Level::Warn, Level::Ok][i % 3];
    Row {
        cells: vec![
            Cell::level(look, level),
            Cell::text(format!("model-{i}")),
            Cell::text("v13"),
            Cell::spans(vec![
                paint::span(Role::Text, "v14 "),
                paint::span(Role::Difference, look.symbols.differs),
            ]),
            Cell::text("errors 4.8 % > 1 %, the endpoint answers v13"),
            Cell::text("6m"),
        ],
        marked: i == 1,
    }
}

fn draw(
    width: u16,
    height: u16,
    state: &TableState,
    len: usize,
    sort: Option<Sort>,
) -> (Buffer, Hits) {
    let area = Rect::new(0, 0, width, height);
    let look = look(width, height);
    let mut buf = Buffer::empty(area);
    let table = Table {
        columns: &COLUMNS,
        len,
        state,
        sort,
        focused: true,
    };
    let hits = table.draw(&mut buf, &look, area, |i| cells(&look, i));
    (buf, hits)
}

#[test]
fn wide_enough_shows_every_column() {
    let sort = Some(Sort {
        column: 0,
        descending: true,
    });
    let (buf, _) = draw(80, 4, &TableState::default(), 3, sort);
    insta::assert_snapshot!(screen(&buf), @r"
     LEVEL▾  MODEL           SERVED  CHAMPION  WHY                             SINCE
    ›✖ crit  model-0         v13     v14 ≠     errors 4.8 % > 1 %, the endpo…     6m
    ▪▲ warn  model-1         v13     v14 ≠     errors 4.8 % > 1 %, the endpo…     6m
     · ok    model-2         v13     v14 ≠     errors 4.8 % > 1 %, the endpo…     6m
    ");
    insta::assert_snapshot!(runs(&buf, 1), @r#"
    accent+selected "›"
    level.crit+selected "✖ crit"
    row.selected "  "
    text+selected "model-0"
    row.selected "         "
    text+selected "v13"
    row.selected "     "
    text+selected "v14 "
    level.warn+selected "≠"
    row.selected "     "
    text+selected "errors 4.8 % > 1 %, the endpo…"
    row.selected "     "
    text+selected "6m"
    "#);
}

#[test]
fn narrow_drops_by_priority_and_keeps_names() {
    let state = TableState {
        selected: 1,
        ..TableState::default()
    };
    let (buf, _) = draw(34, 4, &state, 50, None);
    insta::assert_snapshot!(screen(&buf), @r"
     LEVEL   MODEL           SERVED
     ✖ crit  model-0         v13
    »▲ warn  model-1         v13
     · ok    model-2         v13
    ");
}

#[test]
fn the_position_is_told_when_rows_are_hidden() {
    let state = TableState {
        selected: 1_000,
        offset: 998,
        ..TableState::default()
    };
    let (buf, hits) = draw(100, 6, &state, 2_000, None);
    insta::assert_snapshot!(screen(&buf), @r"
     LEVEL   MODEL           SERVED  CHAMPION  WHY                             999–1,003 of 2,000  SINCE
     · ok    model-998       v13     v14 ≠     errors 4.8 % > 1 %, the endpoint answers v13           6m
     ✖ crit  model-999       v13     v14 ≠     errors 4.8 % > 1 %, the endpoint answers v13           6m
    ›▲ warn  model-1000      v13     v14 ≠     errors 4.8 % > 1 %, the endpoint answers v13           6m
     · ok    model-1001      v13     v14 ≠     errors 4.8 % > 1 %, the endpoint answers v13           6m
     ✖ crit  model-1002      v13     v14 ≠     errors 4.8 % > 1 %, the endpoint answers v13           6m
    ");
    assert_eq!(hits.page, Some(5));
    assert_eq!(hits.at(10, 1), Some(Target::Row(998)));
    assert_eq!(hits.at(3, 0), Some(Target::Column(0)));
}

#[test]
fn only_visible_rows_are_asked_for() {
    let area = Rect::new(0, 0, 80, 11);
    let look = look(80, 11);
    let state = TableState {
        selected: 50_000,
        ..TableState::default()
    };
    let mut asked = Vec::new();
    let table = Table {
        columns: &COLUMNS,
        len: 100_000,
        state: &state,
        sort: None,
        focused: true,
    };
    table.draw(&mut Buffer::empty(area), &look, area, |i| {
        asked.push(i);
        cells(&look, i)
    });
    assert_eq!(asked.len(), 10);
    assert!(asked.contains(&50_000));
}

#[test]
fn a_hundred_thousand_rows_cost_what_is_visible() {
    let area = Rect::new(0, 0, 200, 60);
    let look = look(200, 60);
    let mut buf = Buffer::empty(area);
    let mut state = TableState::default();
    let time = |len: usize, state: &TableState, buf: &mut Buffer| {
        // The quickest of several: other work on the machine only ever adds.
        (0..40)
            .map(|_| {
                let start = Instant::now();
                let table = Table {
                    columns: &COLUMNS,
                    len,
                    state,
                    sort: None,
                    focused: true,
                };
                table.draw(buf, &look, area, |i| cells(&look, i));
                start.elapsed()
            })
            .min()
            .unwrap()
    };
    let few = time(100, &state, &mut buf);
    state.select(70_000, 100_000);
    let many = time(100_000, &state, &mut buf);
    println!("frame of 100 rows {few:?}, of 100,000 rows {many:?}");
    assert!(
        many < few * 5,
        "the cost follows the visible rows: {few:?} {many:?}"
    );
}

#[test]
fn nothing_is_drawn_outside_or_into_no_room() {
    for (w, h) in [(0, 0), (1, 1), (2, 2), (3, 2), (5, 3), (9, 2)] {
        let (buf, _) = draw(w, h, &TableState::default(), 9, None);
        assert_eq!(buf.area, Rect::new(0, 0, w, h));
    }
}

#[test]
fn names_claim_room_before_sentences() {
    let columns = [
        Column::name("MODEL", 8, 30),
        Column::flex("WHY", 10, 1, 0),
        Column::fixed("OWNER", 10, 5),
    ];
    let widths = |room| -> Vec<(usize, u16)> {
        fit_columns(&columns, room)
            .iter()
            .map(|p| (p.index, p.width))
            .collect()
    };
    assert_eq!(widths(80), [(0, 30), (1, 36), (2, 10)]);
    assert_eq!(widths(50), [(0, 30), (1, 18)]);
    assert_eq!(widths(42), [(0, 30), (1, 10)]);
    assert_eq!(widths(22), [(0, 10), (1, 10)]);
    assert_eq!(widths(5), [(0, 5)]);
    assert!(widths(0).is_empty());
}

#[test]
fn ascii_draws_ascii() {
    let area = Rect::new(0, 0, 60, 5);
    let look = Look::new(
        Theme::built_in("mono").unwrap(),
        &Symbols::ASCII,
        Depth::Mono,
        area,
        Now::default(),
    );
    let mut buf = Buffer::empty(area);
    let state = TableState::default();
    let table = Table {
        columns: &COLUMNS,
        len: 900,
        state: &state,
        sort: None,
        focused: true,
    };
    table.draw(&mut buf, &look, area, |i| cells(&look, i));
    assert!(screen(&buf).is_ascii(), "{}", screen(&buf));
}
