//! How the drift of one model is laid out: every part at once where there is room, else the part that has
//! the keyboard, with the chart below a list that leaves room for it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Features, Part, draw};
use crate::domain::drift::Method;
use crate::domain::fleet::features::Feature;
use crate::domain::fleet::view::ModelView;
use crate::domain::signal::State;
use crate::domain::time::age;
use crate::panes::models::level_spans;
use crate::panes::{Cx, signal};
use crate::ui::frame::{empty, rule};
use crate::ui::gauge;
use crate::ui::hits::{Hits, Target};
use crate::ui::look::Look;
use crate::ui::paint::{self, Span, span, spans_width};
use crate::ui::series::extent;
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::text::{self, number};
use crate::ui::theme::Role;

/// The titles, in the order of [`cells`].
pub(super) const TITLES: [&str; 10] = [
    "FEATURE", "SCORE", "LINE", "×LINE", "WEIGHT", "TREND", "N", "MEAN", "NULL %", "METHOD",
];

/// Whether every part is shown at once.
pub(super) fn is_wide(screen: (u16, u16)) -> bool {
    screen.0 >= 120 && screen.1 >= 30
}

/// The columns of the list beside the chart.
fn list_width(width: u16) -> u16 {
    (width / 2).clamp(66, 100)
}

/// About how many columns the plot of the chart has: what a press on it is measured by.
pub(super) fn plot_width(screen: (u16, u16)) -> u16 {
    let width = if is_wide(screen) {
        screen.0 - list_width(screen.0) - 2
    } else {
        screen.0
    };
    width.saturating_sub(7)
}

/// Every cell of a feature as text.
pub(super) fn cells(page: &Features, feature: &Feature, cx: &Cx<'_>) -> [String; 10] {
    let none = || "–".to_owned();
    let g = &feature.gauge;
    let values = signal::values(g, cx);
    let trend = extent(values.iter().copied())
        .map_or_else(none, |(lo, hi)| format!("{} to {}", number(lo), number(hi)));
    let nulls = feature.missing.as_ref();
    [
        feature.name(),
        gauge::wordings(g).into_iter().next().unwrap_or_else(none),
        gauge::line_text(g).unwrap_or_else(none),
        feature.share.map_or_else(none, |s| format!("{s:.1}")),
        feature.importance.map_or_else(none, text::brief),
        trend,
        gauge::samples(g.n),
        page.moved(feature, cx).unwrap_or_else(none),
        nulls
            .and_then(|n| gauge::wordings(n).into_iter().next())
            .unwrap_or_else(none),
        g.key.method.clean().to_string(),
    ]
}

/// The few letters of a score's method where it is known, else its name.
fn method_text(feature: &Feature) -> String {
    let key = &feature.gauge.key;
    Method::short_of(key.method.raw())
        .map_or_else(|| key.method.clean().to_string(), ToOwned::to_owned)
}

/// What ranks the features stays beside them: a long name is cut before score over line, weight or rows go.
fn columns(page: &Features, room: u16) -> [Column<'static>; 10] {
    let wide = |w: Option<usize>| u16::try_from(w.unwrap_or(0)).unwrap_or(u16::MAX);
    let rows = || page.list.rows.iter();
    let name = wide(rows().map(|f| text::width(&f.name())).max());
    let method = wide(rows().map(|f| text::width(&method_text(f))).max()).clamp(6, 8);
    let any_known = rows().any(|f| f.importance.is_some());
    let (weight, weight_room) = if any_known {
        (3, 8)
    } else {
        (Column::HIDDEN, 0)
    };
    // Score, line, share of it, rows and method, each with its gap, and the margin.
    let beside = 13 + 8 + 7 + weight_room + 7 + method + 2 + 1;
    // Where not all of these fit, some go and leave room.
    let most = if room < beside + 10 {
        16
    } else {
        room - beside
    };
    [
        Column::name(TITLES[0], 10, name.clamp(7, most)),
        Column::fixed(TITLES[1], 11, 0).right(),
        Column::fixed(TITLES[2], 6, 2).right(),
        Column::fixed(TITLES[3], 5, 2).right(),
        Column::fixed(TITLES[4], 6, weight).right(),
        Column::fixed(TITLES[5], 10, 4),
        Column::fixed(TITLES[6], 5, 2).right(),
        Column::fixed(TITLES[7], 8, 4).right(),
        Column::fixed(TITLES[8], 7, 6).right(),
        Column::fixed(TITLES[9], method, 3),
    ]
}

fn row<'a>(page: &Features, feature: &'a Feature, cx: &Cx<'a>, look: &Look) -> Row<'a> {
    let g = &feature.gauge;
    let values = signal::values(g, cx);
    let [name, _, line, over, weight, _, n, mean, ..] = cells(page, feature, cx);
    let low = g.state == State::LowN;
    let plain = if low { Role::Dim } else { Role::Text };
    let over_role = match feature.share {
        Some(share) if share >= 1.0 && !low => gauge::role(g),
        _ => Role::Dim,
    };
    Row::from(vec![
        Cell::new(plain, name),
        gauge::cell(Some(g)),
        Cell::new(Role::Dim, line),
        Cell::new(over_role, over),
        Cell::new(Role::Dim, weight),
        Cell::spans(vec![signal::spark(g, &values, 10, look)]),
        // The number is what is wrong with a score of too few rows.
        Cell::new(if low { Role::Unknown } else { Role::Dim }, n),
        Cell::new(mean_role(feature, plain), mean),
        feature
            .missing
            .as_ref()
            .map_or_else(Cell::none, |m| gauge::cell(Some(m))),
        Cell::new(Role::Dim, method_text(feature)),
    ])
}

/// The role of a mean's movement: of one that is not of now nothing has moved.
fn mean_role(feature: &Feature, plain: Role) -> Role {
    match &feature.mean {
        Some(mean) if mean.state != State::Value => gauge::role(mean),
        _ => plain,
    }
}

pub(super) fn draw(
    page: &Features,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> Hits {
    let Some(model) = page.view_of(cx) else {
        let name = page.model.name.clean();
        let what = format!("No registry of this context holds {name}.");
        let how = "It was deleted, or lives in another context · esc goes back";
        empty(buf, look, area, &what, &[how]);
        return Hits::default();
    };
    let head = head(page, model, cx, look, area, buf);
    let rest = paint::inner_rows(area, head, 0);
    if page.part == Part::Quality {
        return one_part(page, cx, look, rest, buf);
    }
    if page.list.all == 0 {
        nothing(model, cx, look, rest, buf);
        return Hits::default();
    }
    if is_wide((look.columns, look.rows)) {
        all_parts(page, cx, look, rest, buf)
    } else {
        one_part(page, cx, look, rest, buf)
    }
}

/// Who it is, how many features have drifted, when that was written, and the verdict; returns the rows.
fn head(
    page: &Features,
    model: &ModelView,
    cx: &Cx<'_>,
    look: &Look,
    area: Rect,
    buf: &mut Buffer,
) -> u16 {
    // The level of its drift: that of the model rests on more than this page shows.
    let level = model.signals.drift_level.unwrap_or_default();
    let mut title = level_spans(level, look);
    title.push(span(Role::Title, model.name.to_string()));
    // Where rows are short, words go before the age does.
    let short = look.columns < 100;
    if let Some(summary) = &model.signals.drift {
        let (of, without) = if short {
            ("over their line", "unjudged")
        } else {
            ("features over their line", "without a verdict")
        };
        // Of none nothing can be over.
        if summary.judged > 0 {
            let text = format!("   {} of {} {of}", summary.drifted, summary.judged);
            title.push(span(Role::Text, text));
        }
        if summary.features > summary.judged {
            let rest = summary.features - summary.judged;
            title.push(span(Role::Unknown, format!("   {rest} {without}")));
        }
    }
    let newest = page
        .list
        .rows
        .iter()
        .filter_map(|f| cx.fleet.gauge_at(&f.gauge))
        .max();
    if let Some(at) = newest {
        let stamp = crate::panes::history::line::stamp(at, cx.now);
        let old = age(cx.now.wall.since(at));
        let text = if short {
            format!("   {old} old")
        } else {
            format!("   as of {stamp}Z ({old})")
        };
        title.push(span(Role::Dim, text));
    }
    let mut lines = vec![title];
    if let Some(blame) = &page.blame {
        lines.push(vec![
            span(Role::Label, "verdict "),
            span(Role::Strong, blame.text().to_string()),
        ]);
    }
    let rescaled = page.rescaled(cx);
    // The finding of the same is said once.
    let said = rescaled
        .as_ref()
        .map(|(feature, _)| format!("mean of {} ", feature.name()));
    if let Some((feature, jump)) = rescaled {
        let name = feature.name();
        let told = feature.mean.as_ref().map(|mean| mean.key.source.as_str());
        let from = number(jump.before);
        let moved = look.symbols.move_text(&from, &number(jump.now));
        let times = jump.factor_text();
        lines.push(vec![
            span(Role::Label, "verdict "),
            span(Role::Strong, format!("{name} {times}")),
            span(
                Role::Text,
                format!("   mean {moved}, as a change of unit would move it"),
            ),
            // A report beside it may tell another mean, of other rows.
            span(Role::Dim, format!("  {}", told.unwrap_or_default())),
        ]);
    }
    let room = usize::from(area.height / 8).clamp(1, 4);
    for reason in model
        .verdict
        .reasons
        .iter()
        .filter(|r| r.code.is_of_drift())
        .filter(|r| {
            said.as_ref()
                .is_none_or(|said| !r.text.as_str().starts_with(said))
        })
        .take(room)
    {
        let mut line = level_spans(reason.level, look);
        line.push(span(Role::Text, reason.text.to_string()));
        let source = reason.source.as_ref().map_or("", |source| source.as_str());
        line.push(span(
            Role::Dim,
            format!("  {}  {source}", reason.since.age_text(cx.now.wall)),
        ));
        lines.push(line);
    }
    for (n, line) in lines.iter().enumerate() {
        let row = paint::inner_columns(paint::row(area, n as u16), 1, 1);
        paint::put_spans(buf, look, row, row.x, row.y, line);
    }
    lines.len() as u16
}

fn nothing(model: &ModelView, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) {
    let what = format!("No drift score is known for {}.", model.name);
    let [first, second] = signal::how_to_monitor(cx);
    empty(buf, look, area, &what, &[&first, &second]);
}

fn part_rule(
    page: &Features,
    part: Part,
    look: &Look,
    area: Rect,
    note: &[Span<'_>],
    buf: &mut Buffer,
) {
    let role = if page.part == part {
        Role::TabCurrent
    } else {
        Role::Title
    };
    let title = match part {
        Part::Features => text::counted(page.list.rows.len(), "feature", "features"),
        other => other.title().to_owned(),
    };
    rule(buf, look, area, &[span(role, title)], note);
}

fn all_parts(page: &Features, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let mut hits = Hits::default();
    let left = list_width(area.width);
    let rows = page.list.rows.len() as u16;
    // Below the strip are its ends, and at this width what its marks mean.
    let heat_rows = rows.min(area.height / 3).max(2) + 3;
    let beside = paint::inner_columns(area, left + 2, 0);
    // The strip follows the list; a long list leaves it a third.
    let listed = (rows + 3).min(area.height.saturating_sub(heat_rows)).max(4);
    let list = Rect {
        width: left,
        height: listed,
        ..area
    };
    let heat = Rect {
        y: list.bottom(),
        height: heat_rows.min(area.height - listed),
        ..list
    };
    let right = beside;
    let below = |area: Rect| paint::inner_rows(area, 1, 0);
    part_rule(page, Part::Features, look, list, &[], buf);
    table(page, cx, look, below(list), buf, &mut hits);
    part_rule(page, Part::Heat, look, heat, &[], buf);
    draw::heat_strip(page, cx, look, below(heat), buf);
    let upper = Rect {
        height: right.height * 11 / 20,
        ..right
    };
    let lower = Rect {
        y: upper.bottom(),
        height: right.height - upper.height,
        ..right
    };
    part_rule(page, Part::Series, look, upper, &[], buf);
    hits.extend(draw::series(page, cx, look, below(upper), buf));
    part_rule(page, Part::Distributions, look, lower, &[], buf);
    draw::distributions(page, cx, look, below(lower), buf);
    hits
}

fn one_part(page: &Features, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer) -> Hits {
    let mut hits = Hits::default();
    let bar = paint::row(area, 0);
    paint::fill_row(buf, bar, bar.y, look.symbols.rule, look.style(Role::Rule));
    let mut x = bar.x + 1;
    // Five titles just fit into 60 columns when one space parts them.
    let (after, gap) = if area.width < 72 { ("", 0) } else { (" ", 1) };
    for (n, part) in Part::ALL.into_iter().enumerate() {
        let role = if page.part == part {
            Role::TabCurrent
        } else {
            Role::Tab
        };
        let start = x;
        x = paint::put(
            buf,
            bar,
            x,
            bar.y,
            &format!(" {}{after}", part.title()),
            look.style(role),
        ) + gap;
        let spot = Rect {
            x: start,
            width: x - gap - start,
            ..bar
        };
        hits.add(spot, Target::Column(n));
    }
    // Which feature the other parts are of, at the end of the bar.
    if !matches!(page.part, Part::Features | Part::Quality)
        && let Some(feature) = page.list.current()
    {
        let name = span(Role::Strong, format!(" {} ", feature.name()));
        let right = paint::inner_columns(bar, x.saturating_sub(bar.x), 1);
        if spans_width(std::slice::from_ref(&name)) <= usize::from(right.width) {
            paint::put_right(buf, look, right, bar.y, &[name]);
        }
    }
    let body = paint::inner_rows(area, 1, 0);
    match page.part {
        Part::Features => {
            let wanted = page.list.rows.len() as u16 + 1;
            // A short list leaves room for what its selected row looks like over time.
            if body.height >= wanted + 8 {
                let list = Rect {
                    height: wanted,
                    ..body
                };
                table(page, cx, look, list, buf, &mut hits);
                let chart = paint::inner_rows(body, wanted + 1, 0);
                hits.extend(draw::series(page, cx, look, chart, buf));
            } else {
                table(page, cx, look, body, buf, &mut hits);
            }
        }
        Part::Series => hits.extend(draw::series(page, cx, look, body, buf)),
        Part::Heat => draw::heat_strip(page, cx, look, body, buf),
        Part::Distributions => draw::distributions(page, cx, look, body, buf),
        Part::Quality => {
            if let Some(model) = page.view_of(cx) {
                hits.extend(page.quality_of(model).draw(cx, look, body, buf));
            }
        }
    }
    hits
}

fn table(page: &Features, cx: &Cx<'_>, look: &Look, area: Rect, buf: &mut Buffer, hits: &mut Hits) {
    let columns = columns(page, area.width);
    let table = Table {
        columns: &columns,
        len: page.list.rows.len(),
        state: &page.list.table,
        sort: None,
        focused: page.part == Part::Features,
    };
    let drawn = table.draw(buf, look, area, |index| {
        row(page, &page.list.rows[index], cx, look)
    });
    for (spot, target) in drawn.regions() {
        if matches!(target, Target::Row(_)) {
            hits.add(*spot, *target);
        }
    }
    hits.page = drawn.page;
    if page.list.rows.is_empty() {
        let below = paint::inner_rows(area, 1, 0);
        let hidden = text::counted(page.list.hidden(), "feature is", "features are");
        let how = format!("{hidden} hidden · esc clears the filter");
        empty(buf, look, below, "No feature passes the filter.", &[&how]);
    }
}
