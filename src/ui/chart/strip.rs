//! The alert strip under a chart: when alerts were pending and firing, on the plot's own columns.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::look::Look;
use crate::ui::paint;
use crate::ui::series::Sample;
use crate::ui::text;
use crate::ui::theme::Role;

/// When one alert, or several together, were pending and firing.
#[derive(Clone, Copy, Debug)]
pub struct Strip<'a> {
    /// Its name.
    pub name: &'a str,
    /// 1 is pending, 2 is firing, anything less and a gap is neither; in order of x.
    pub points: &'a [Sample],
}

/// Draws one strip into the row `y`, aligned with a chart's `plot` whose window is `window`; its name
/// stands in the margin before the plot, and behind the last mark where there is room. What a column
/// holds of several samples is the loudest of them.
pub fn alert_strip(
    buf: &mut Buffer,
    look: &Look,
    area: Rect,
    plot: Rect,
    y: u16,
    window: (f64, f64),
    strip: &Strip<'_>,
) {
    let (firing, pending) = if look.symbols.ascii {
        ("F", "p")
    } else {
        ("█", "░")
    };
    let line = Rect {
        y,
        height: 1,
        ..area
    }
    .intersection(area);
    if line.is_empty() || plot.width == 0 || window.1 <= window.0 {
        return;
    }
    let margin = Rect {
        width: plot.x.saturating_sub(area.x),
        ..line
    };
    let word = text::cut("alert", usize::from(margin.width), "");
    paint::put(buf, margin, area.x, y, &word, look.style(Role::Label));
    let at = |x: f64| (x - window.0) / (window.1 - window.0) * f64::from(plot.width - 1);
    let mut loud = vec![0.0_f64; usize::from(plot.width)];
    for (n, point) in strip.points.iter().enumerate() {
        // A sample holds until the next one.
        let from = at(point.x).round();
        let to = strip
            .points
            .get(n + 1)
            .map_or(from, |next| at(next.x).round() - 1.0);
        let last = f64::from(plot.width - 1);
        if !point.y.is_finite() || from > last || to.max(from) < 0.0 {
            continue;
        }
        let held = from.max(0.0) as usize..=to.max(from).min(last) as usize;
        for column in &mut loud[held] {
            *column = column.max(point.y);
        }
    }
    let mut free = plot.x;
    for (column, how) in (0_u16..).zip(&loud) {
        let (glyph, role) = match *how {
            how if how >= 2.0 => (firing, Role::Crit),
            // Worth knowing, as the rule of alerts has it.
            how if how >= 1.0 => (pending, Role::Info),
            _ => continue,
        };
        let x = plot.x + column;
        paint::put_glyph(buf, x, y, glyph, look.style(role));
        free = x + 2;
    }
    let inside = Rect {
        y,
        height: 1,
        ..plot
    };
    let w = text::width(strip.name) as u16;
    let first = loud.iter().position(|l| *l >= 1.0);
    let Some(first) = first else { return };
    if free + w <= plot.right() {
        paint::put(buf, inside, free, y, strip.name, look.style(Role::Dim));
    } else if w < first as u16 {
        let x = plot.x + first as u16 - w - 1;
        paint::put(buf, inside, x, y, strip.name, look.style(Role::Dim));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::series::sample;
    use crate::ui::symbols::Symbols;
    use crate::ui::testing::{look, look_of, screen};
    use crate::ui::theme::Depth;

    fn drawn(look: &Look) -> String {
        let area = Rect::new(0, 0, 40, 1);
        let mut buf = Buffer::empty(area);
        let points = [
            sample(0.0, 0.0),
            sample(10.0, 1.0),
            sample(13.0, 2.0),
            sample(16.0, f64::NAN),
        ];
        let strip = Strip {
            name: "HighErrors",
            points: &points,
        };
        let plot = Rect::new(8, 0, 32, 1);
        alert_strip(&mut buf, look, area, plot, 0, (0.0, 31.0), &strip);
        screen(&buf)
    }

    #[test]
    fn pending_and_firing_have_shapes_and_lie_under_their_time() {
        assert_eq!(
            drawn(&look(80, 24)),
            "alert             ░░░███ HighErrors\n"
        );
        let ascii = look_of("mono", Depth::Mono, &Symbols::ASCII, 80, 24);
        assert_eq!(drawn(&ascii), "alert             pppFFF HighErrors\n");
    }
}
