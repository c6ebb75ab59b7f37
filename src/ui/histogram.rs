//! Two distributions of one column over the same bins, the reference above and the present below, on one
//! scale; and how mean and quantiles have moved between them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::look::Look;
use super::paint::{self, Span, span};
use super::text;
use super::theme::Role;
use crate::domain::drift::{Bins, Distributions, Moment};
use crate::domain::rules::scale;
use crate::domain::signal::{Gauge, State};
use crate::domain::text::Clean;

/// Shares of the whole: what compares however many rows each side has.
fn shares(all: &[f64]) -> Vec<f64> {
    let sum: f64 = all.iter().filter(|v| v.is_finite() && **v > 0.0).sum();
    let share = |v: &f64| {
        if v.is_finite() && *v > 0.0 && sum > 0.0 {
            v / sum
        } else {
            0.0
        }
    };
    all.iter().map(share).collect()
}

/// Draws both; categories as pairs of bars, one row a category, numbers as two plots. Returns the rows
/// used.
pub fn histograms(buf: &mut Buffer, look: &Look, area: Rect, both: &Distributions) -> u16 {
    let area = area.intersection(buf.area);
    let (reference, current) = (shares(&both.reference), shares(&both.current));
    if area.height < 3 || area.width < 16 || reference.len().max(current.len()) == 0 {
        return 0;
    }
    match &both.bins {
        Bins::Numbers(edges) => numbers(buf, look, area, edges, &reference, &current),
        Bins::Categories(names) => {
            let names: Vec<&str> = names.iter().map(Clean::as_str).collect();
            categories(buf, look, area, &names, &reference, &current)
        }
    }
}

/// Columns before the plots: their names.
const LABEL: u16 = 10;

fn numbers(
    buf: &mut Buffer,
    look: &Look,
    area: Rect,
    edges: &[f64],
    reference: &[f64],
    current: &[f64],
) -> u16 {
    let rows = ((area.height - 1) / 2).clamp(1, 6);
    let top = reference
        .iter()
        .chain(current)
        .fold(0.0_f64, |m, v| m.max(*v));
    let plot = paint::inner_columns(area, LABEL.min(area.width / 3), 0);
    let sides = [
        ("reference", reference, Role::Chart2),
        ("current", current, Role::Chart1),
    ];
    for (n, (label, all, role)) in sides.into_iter().enumerate() {
        let y = area.y + n as u16 * rows;
        let spot = Rect {
            y,
            height: rows,
            ..plot
        };
        let name = Rect {
            width: plot.x - area.x,
            ..area
        };
        paint::put(
            buf,
            name,
            area.x,
            y + rows - 1,
            label,
            look.style(Role::Label),
        );
        bars(buf, look, spot, all, top, role);
    }
    let y = area.y + 2 * rows;
    if let (Some(first), Some(last)) = (edges.first(), edges.last()) {
        let style = look.style(Role::Axis);
        let (from, to) = (text::number(*first), text::number(*last));
        let w = text::width(&to) as u16;
        paint::put(buf, plot, plot.x, y, &from, style);
        let x = plot.right().saturating_sub(w).max(plot.x);
        paint::put(buf, plot, x, y, &to, style);
    }
    2 * rows + 1
}

/// One plot of bars from the ground up: braille with two bars a column, or letters.
fn bars(buf: &mut Buffer, look: &Look, plot: Rect, all: &[f64], top: f64, role: Role) {
    let ascii = look.symbols.ascii;
    // Letters have eight heights, dots four.
    let (across, up) = if ascii { (1, 8) } else { (2, 4) };
    let width = usize::from(plot.width) * across;
    let dots = usize::from(plot.height) * up;
    let high = |dot: usize| -> usize {
        // A bin narrower than a dot shares it with its neighbours: the highest is seen.
        let from = dot * all.len() / width;
        let to = ((dot + 1) * all.len() / width).max(from + 1).min(all.len());
        let most = all[from.min(to)..to].iter().fold(0.0_f64, |m, v| m.max(*v));
        if most <= 0.0 || top <= 0.0 {
            return 0;
        }
        // Something is more than nothing.
        ((most / top * dots as f64).round() as usize).max(1)
    };
    for row in 0..plot.height {
        let ground = usize::from(plot.height - 1 - row) * up;
        for column in 0..plot.width {
            let first = usize::from(column) * across;
            let lit = high(first).saturating_sub(ground).min(up);
            if ascii {
                if lit > 0 {
                    let glyph = look.symbols.bars[lit - 1];
                    let (x, y) = (plot.x + column, plot.y + row);
                    paint::put_glyph(buf, x, y, glyph, look.style(role));
                }
                continue;
            }
            let mut bits = 0_u32;
            for side in 0..across {
                let lit = high(first + side).saturating_sub(ground).min(up);
                for dot in 0..lit {
                    bits |= [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]][side][dot];
                }
            }
            if bits == 0 {
                continue;
            }
            let mut utf8 = [0; 4];
            let glyph = char::from_u32(0x2800 + bits)
                .unwrap_or(' ')
                .encode_utf8(&mut utf8);
            paint::put_glyph(buf, plot.x + column, plot.y + row, glyph, look.style(role));
        }
    }
}

fn categories(
    buf: &mut Buffer,
    look: &Look,
    area: Rect,
    names: &[&str],
    reference: &[f64],
    current: &[f64],
) -> u16 {
    let at = |all: &[f64], i: usize| all.get(i).copied().unwrap_or(0.0);
    let mut order: Vec<usize> = (0..names.len()).collect();
    // What has moved most is what is looked for.
    let moved = |i: usize| (at(current, i) - at(reference, i)).abs();
    order.sort_by(|a, b| moved(*b).total_cmp(&moved(*a)).then(a.cmp(b)));
    let room = usize::from(area.height - 1);
    let shown = order.len().min(room);
    let widest = order[..shown].iter().map(|i| text::width(names[*i])).max();
    let label = widest
        .unwrap_or(0)
        .clamp(6, 18)
        .min(usize::from(area.width) / 3);
    // A bar, the percentages of both sides and the difference.
    let numbers = 20;
    let bar = usize::from(area.width).saturating_sub(label + numbers + 3) / 2;
    let top = reference
        .iter()
        .chain(current)
        .fold(0.0_f64, |m, v| m.max(*v));
    let full = if look.symbols.ascii { "#" } else { "█" };
    let of = |v: f64| {
        let long = if top > 0.0 {
            (v / top * bar as f64).round() as usize
        } else {
            0
        };
        text::pad(&full.repeat(long.max(usize::from(v > 0.0)).min(bar)), bar)
    };
    let head = [
        span(Role::Header, text::pad("", label + 1)),
        span(Role::Header, text::pad("REFERENCE", bar + 1)),
        span(Role::Header, text::pad("CURRENT", bar + 1)),
        span(Role::Header, "REF %  NOW %  MOVED"),
    ];
    paint::put_spans(buf, look, area, area.x, area.y, &head);
    for (n, i) in order[..shown].iter().enumerate() {
        let (before, now) = (at(reference, *i), at(current, *i));
        let name = text::cut(names[*i], label, look.symbols.ellipsis);
        let percent = |v: f64| text::pad_left(&text::number(v * 100.0), 5);
        let delta = text::delta((now - before) * 100.0);
        let line = [
            span(Role::Text, text::pad(&name, label + 1)),
            span(Role::Chart2, format!("{} ", of(before))),
            span(Role::Chart1, format!("{} ", of(now))),
            span(Role::Dim, format!("{}  ", percent(before))),
            span(Role::Text, format!("{}  ", percent(now))),
            span(Role::Text, text::pad_left(&delta, 5)),
        ];
        let y = area.y + 1 + n as u16;
        paint::put_spans(buf, look, area, area.x, y, &line);
    }
    if order.len() > shown {
        let more = format!("+{} more", order.len() - shown);
        let y = area.y + shown as u16;
        paint::put_right(buf, look, area, y, &[span(Role::Dim, more)]);
    }
    1 + shown as u16
}

/// How mean and quantiles have moved: `mean 34.1 → 41.7 (+22 %)   p50 …`, in as many lines of `width` columns
/// as they need. What comes last in the order of telling, the low end, is left out where it would need a line
/// of its own.
pub fn movement(moments: &[Moment], look: &Look, width: u16) -> Vec<Vec<Span<'static>>> {
    let pieces = |low: bool| -> Vec<Vec<Span<'static>>> {
        let told = moments.iter().filter(|m| low || m.name != "p05");
        told.filter_map(|m| piece(m, look)).collect()
    };
    let lines = laid(pieces(true), width);
    if lines.len() > 1 {
        return laid(pieces(false), width);
    }
    lines
}

fn piece(moment: &Moment, look: &Look) -> Option<Vec<Span<'static>>> {
    let (before, now) = (moment.reference?, moment.current?);
    let text = look
        .symbols
        .move_text(&text::number(before), &text::number(now));
    let mut spans = vec![
        span(Role::Label, format!("{} ", moment.name)),
        span(Role::Text, text),
    ];
    if let Some(share) = share_of(before, now) {
        let share = look.symbols.plain(&share);
        spans.push(span(Role::Dim, format!(" ({share})")));
    }
    Some(spans)
}

/// Pieces side by side, on the next line where they have no room.
fn laid(pieces: Vec<Vec<Span<'static>>>, width: u16) -> Vec<Vec<Span<'static>>> {
    let mut lines: Vec<Vec<Span<'static>>> = Vec::new();
    for piece in pieces {
        let wide = paint::spans_width(&piece) + 3;
        match lines.last_mut() {
            Some(line) if paint::spans_width(line) + wide <= usize::from(width) => {
                line.push(span(Role::Text, "   "));
                line.extend(piece);
            }
            _ => lines.push(piece),
        }
    }
    lines
}

/// How a mean has moved over its course, oldest first and up to now: `+22 %`, or `×100` where the factor is a
/// round one. Of a mean that is none of now, its state: what is not known has not stood still.
pub fn movement_of(mean: &Gauge, course: &[f64]) -> Option<String> {
    if mean.state != State::Value {
        return Some(mean.state.word().to_owned());
    }
    if let Some(jump) = scale::judge(course) {
        return Some(jump.factor_text());
    }
    let mut known = course.iter().copied().filter(|v| v.is_finite());
    let first = known.next()?;
    share_of(first, known.next_back()?)
}

/// `+22 %`, or `×42` from ten times on; nothing where the start is nought.
pub fn share_of(before: f64, now: f64) -> Option<String> {
    if let Some(times) = scale::factor_text(before, now) {
        return Some(times);
    }
    let share = (now - before) / before.abs() * 100.0;
    share
        .is_finite()
        .then(|| format!("{} %", text::delta(round(share))))
}

/// Percentages of a movement need no decimals from ten on.
fn round(share: f64) -> f64 {
    if share.abs() >= 10.0 {
        share.round()
    } else {
        (share * 10.0).round() / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::symbols::Symbols;
    use crate::ui::testing::{look, look_of, screen};
    use crate::ui::theme::Depth;
    use std::sync::Arc;

    fn drawn(look: &Look, both: &Distributions, width: u16, height: u16) -> String {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        histograms(&mut buf, look, area, both);
        screen(&buf)
    }

    fn numbers() -> Distributions {
        Distributions {
            bins: Bins::Numbers(Arc::from([0.0, 25.0, 50.0, 75.0, 100.0])),
            reference: Arc::from([40.0, 30.0, 20.0, 10.0]),
            current: Arc::from([1.0, 2.0, 3.0, 4.0]),
            counts: true,
            moments: Arc::from([Moment {
                name: Clean::name("mean"),
                reference: Some(34.1),
                current: Some(41.7),
            }]),
        }
    }

    #[test]
    fn both_sides_share_one_scale_whatever_their_counts() {
        let ascii = look_of("mono", Depth::Mono, &Symbols::ASCII, 80, 24);
        let got = drawn(&ascii, &numbers(), 18, 9);
        let want = [
            "      ###",
            "      ######",
            "      #########",
            "refere############",
            "               ###",
            "            ######",
            "         #########",
            "curren############",
            "      0        100",
        ];
        assert_eq!(got.lines().collect::<Vec<_>>(), want, "{got}");
    }

    #[test]
    fn the_category_that_moved_most_comes_first() {
        let both = Distributions {
            bins: Bins::Categories(Arc::from(["web", "app", "phone"].map(Clean::name))),
            reference: Arc::from([50.0, 30.0, 20.0]),
            current: Arc::from([50.0, 0.0, 50.0]),
            counts: true,
            moments: Arc::from([]),
        };
        let got = drawn(&look(80, 24), &both, 50, 4);
        let firsts: Vec<&str> = got
            .lines()
            .skip(1)
            .map(|l| l.split(' ').next().unwrap())
            .collect();
        assert_eq!(firsts, ["app", "phone", "web"], "{got}");
        assert!(got.contains("-30"), "{got}");
    }

    #[test]
    fn movement_says_from_to_and_by_how_much() {
        let told = |moments: &[Moment], width: u16| -> Vec<String> {
            let lines = movement(moments, &look(80, 24), width);
            let text = |line: &Vec<Span<'_>>| line.iter().map(|s| &*s.text).collect();
            lines.iter().map(text).collect()
        };
        assert_eq!(told(&numbers().moments, 80), ["mean 34.1 → 41.7 (+22 %)"]);
        let quantile = |name, q| numbers().quantile(name, q).expect("numbers");
        let mut all = numbers().moments.to_vec();
        all.extend([("p05", 0.05), ("p50", 0.5), ("p95", 0.95)].map(|(n, q)| quantile(n, q)));
        let line = "mean 34.1 → 41.7 (+22 %)   p05 3.12 → 12.5 (+300 %)   \
                    p50 33.3 → 66.7 (+100 %)   p95 87.5 → 96.9 (+11 %)";
        assert_eq!(told(&all, 120), [line]);
        // Where there is less room the low end goes, and nothing is cut.
        let short = line.replace("p05 3.12 → 12.5 (+300 %)   ", "");
        assert_eq!(told(&all, 80), [short.as_str()]);
        let (first, rest) = short.split_once("   p95").expect("three");
        assert_eq!(told(&all, 60), [first.to_owned(), format!("p95{rest}")]);
        assert_eq!(share_of(0.0, 1.0), None);
        assert_eq!(share_of(0.034, 3.5).as_deref(), Some("×100"));
    }

    #[test]
    fn nothing_is_drawn_where_nothing_fits() {
        let area = Rect::new(0, 0, 10, 2);
        let mut buf = Buffer::empty(area);
        assert_eq!(histograms(&mut buf, &look(80, 24), area, &numbers()), 0);
    }
}
