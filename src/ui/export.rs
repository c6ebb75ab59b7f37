//! A drawn buffer as plain text, as text with ANSI styles, and as an SVG picture. Deterministic.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_segmentation::UnicodeSegmentation as _;

use super::color::Rgb;
use super::text;
use super::theme::Theme;

/// The cells of a row with their column and width, skipping what a wide glyph covers.
fn glyphs(buf: &Buffer, y: u16) -> impl Iterator<Item = (u16, u16, &Cell)> {
    let mut next = buf.area.left();
    (buf.area.left()..buf.area.right()).filter_map(move |x| {
        if x < next {
            return None;
        }
        let cell = &buf[(x, y)];
        let w = (text::width(cell.symbol()) as u16).max(1);
        next = x + w;
        Some((x, w, cell))
    })
}

/// The characters alone, without trailing blanks; every row ends with a newline.
pub fn plain(buf: &Buffer) -> String {
    let mut out = String::new();
    for y in buf.area.top()..buf.area.bottom() {
        let line: String = glyphs(buf, y).map(|(_, _, c)| c.symbol()).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Text with SGR sequences; every row ends with a reset and a newline.
pub fn ansi(buf: &Buffer) -> String {
    let mut out = String::new();
    for y in buf.area.top()..buf.area.bottom() {
        let mut last = None;
        for (_, _, cell) in glyphs(buf, y) {
            let style = (cell.fg, cell.bg, cell.modifier);
            if last != Some(style) {
                out.push_str("\u{1b}[0");
                sgr(&mut out, style);
                out.push('m');
                last = Some(style);
            }
            out.push_str(cell.symbol());
        }
        out.push_str("\u{1b}[0m\n");
    }
    out
}

fn sgr(out: &mut String, (fg, bg, modifier): (Color, Color, Modifier)) {
    for (flag, code) in [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::ITALIC, 3),
        (Modifier::UNDERLINED, 4),
        (Modifier::REVERSED, 7),
    ] {
        if modifier.contains(flag) {
            push(out, format_args!(";{code}"));
        }
    }
    for (color, base) in [(fg, 30), (bg, 40)] {
        match color {
            Color::Reset => {}
            Color::Rgb(r, g, b) => push(out, format_args!(";{};2;{r};{g};{b}", base + 8)),
            Color::Indexed(i) => push(out, format_args!(";{};5;{i}", base + 8)),
            named => {
                let at = super::color::ANSI.iter().position(|(_, c)| *c == named);
                let at = at.unwrap_or(7);
                let code = if at < 8 { base + at } else { base + 52 + at };
                push(out, format_args!(";{code}"));
            }
        }
    }
}

/// Writing to a string cannot fail.
fn push(out: &mut String, args: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(args);
    debug_assert!(written.is_ok());
}

/// The size of a cell and the margin around the grid, in SVG units.
const CELL: (f64, f64) = (8.4, 18.0);
const FONT: f64 = 14.0;
const BASELINE: f64 = 13.5;
const MARGIN: f64 = 12.0;

/// How a run of cells is painted.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent attribute of the text, as in SVG"
)]
#[derive(Clone, Copy, PartialEq)]
struct Paint {
    fg: Rgb,
    bg: Option<Rgb>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
}

impl Paint {
    fn of(cell: &Cell, theme: &Theme) -> Self {
        let fg = theme.rgb(cell.fg, theme.foreground);
        let bg = (cell.bg != Color::Reset).then(|| theme.rgb(cell.bg, theme.background));
        let m = cell.modifier;
        let (fg, bg) = if m.contains(Modifier::REVERSED) {
            (bg.unwrap_or(theme.background), Some(fg))
        } else {
            (fg, bg)
        };
        Self {
            fg,
            bg,
            bold: m.contains(Modifier::BOLD),
            dim: m.contains(Modifier::DIM),
            italic: m.contains(Modifier::ITALIC),
            underline: m.contains(Modifier::UNDERLINED),
        }
    }
}

/// A picture of the buffer on the theme's background: a monospace grid in which every text
/// stands at its exact column, and what is geometry (charts, rules, bars) is drawn, not written.
pub fn svg(buf: &Buffer, theme: &Theme) -> String {
    let area = buf.area;
    let width = f64::from(area.width) * CELL.0 + 2.0 * MARGIN;
    let height = f64::from(area.height) * CELL.1 + 2.0 * MARGIN;
    let mut out = String::new();
    push(
        &mut out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.1} {height:.1}\">\n\
             <style>text{{font-family:'JetBrains Mono','SF Mono','Cascadia Mono','DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:{FONT}px;white-space:pre}}.b{{font-weight:700}}.i{{font-style:italic}}.d{{opacity:.6}}.u{{text-decoration:underline}}</style>\n\
             <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n",
            theme.background.hex()
        ),
    );
    let mut texts = String::new();
    for y in area.top()..area.bottom() {
        for run in paint_runs(buf, y, theme) {
            let x = MARGIN + f64::from(run.from - area.left()) * CELL.0;
            let top = MARGIN + f64::from(y - area.top()) * CELL.1;
            let w = f64::from(run.to - run.from) * CELL.0;
            if let Some(bg) = run.paint.bg {
                push(
                    &mut out,
                    format_args!(
                        "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{w:.1}\" height=\"{:.1}\" fill=\"{}\"/>\n",
                        CELL.1,
                        bg.hex()
                    ),
                );
            }
            svg_run(&mut texts, &run, top, x);
        }
    }
    out.push_str(&texts);
    out.push_str("</svg>\n");
    out
}

struct PaintRun {
    from: u16,
    to: u16,
    paint: Paint,
    text: String,
}

fn paint_runs(buf: &Buffer, y: u16, theme: &Theme) -> Vec<PaintRun> {
    let mut runs: Vec<PaintRun> = Vec::new();
    for (x, w, cell) in glyphs(buf, y) {
        let paint = Paint::of(cell, theme);
        match runs.last_mut() {
            Some(run) if run.paint == paint => {
                run.text.push_str(cell.symbol());
                run.to = x + w;
            }
            _ => runs.push(PaintRun {
                from: x,
                to: x + w,
                paint,
                text: cell.symbol().to_owned(),
            }),
        }
    }
    runs
}

/// Draws a run: cell glyphs as shapes, other text in pieces that start at their exact column, so that
/// a font whose glyphs are wider or narrower cannot shift what follows.
fn svg_run(out: &mut String, run: &PaintRun, top: f64, left: f64) {
    let mut shapes = Shapes::default();
    let mut piece = String::new();
    let mut piece_x = left;
    let mut x = left;
    for g in run.text.graphemes(true) {
        let w = text::width(g).max(1) as f64 * CELL.0;
        let drawn = shapes.add(g, x, top);
        if drawn || !g.is_ascii() {
            svg_text(out, run, &piece, top + BASELINE, piece_x);
            piece.clear();
            if !drawn {
                svg_text(out, run, g, top + BASELINE, x);
            }
            piece_x = x + w;
        } else {
            piece.push_str(g);
        }
        x += w;
    }
    svg_text(out, run, &piece, top + BASELINE, piece_x);
    let color = run.paint.fg.hex();
    let dim = if run.paint.dim { " class=\"d\"" } else { "" };
    for (d, attributes) in [
        (&shapes.fills, format!("fill=\"{color}\"")),
        (
            &shapes.lines,
            format!("fill=\"none\" stroke=\"{color}\" stroke-width=\"1.2\""),
        ),
        (
            &shapes.dots,
            format!(
                "fill=\"none\" stroke=\"{color}\" stroke-width=\"2.3\" stroke-linecap=\"round\""
            ),
        ),
    ] {
        if !d.is_empty() {
            push(out, format_args!("<path d=\"{d}\" {attributes}{dim}/>\n"));
        }
    }
}

/// Path data of the glyphs that are geometry: braille, blocks, box drawing.
#[derive(Default)]
struct Shapes {
    dots: String,
    fills: String,
    lines: String,
}

impl Shapes {
    /// Takes a glyph in, if it is one of those.
    fn add(&mut self, glyph: &str, left: f64, top: f64) -> bool {
        let mut chars = glyph.chars();
        let (Some(only), None) = (chars.next(), chars.next()) else {
            return false;
        };
        let (width, height) = CELL;
        let (mid, middle) = (left + width / 2.0, top + height / 2.0);
        let (right, bottom) = (left + width, top + height);
        match only {
            '\u{2800}'..='\u{28ff}' => {
                let bits = only as u32 - 0x2800;
                for (bit, column, row) in [
                    (0, 0, 0),
                    (1, 0, 1),
                    (2, 0, 2),
                    (3, 1, 0),
                    (4, 1, 1),
                    (5, 1, 2),
                    (6, 0, 3),
                    (7, 1, 3),
                ] {
                    if bits >> bit & 1 == 1 {
                        let dx = left + width * (0.25 + 0.5 * f64::from(column));
                        let dy = top + height * (0.125 + 0.25 * f64::from(row));
                        push(&mut self.dots, format_args!("M{dx:.1} {dy:.1}h.01"));
                    }
                }
            }
            '▁'..='█' => {
                let tall = height * f64::from(only as u32 - 0x2580) / 8.0;
                push(
                    &mut self.fills,
                    format_args!("M{left:.1} {bottom:.1}h{width:.1}v-{tall:.1}h-{width:.1}z"),
                );
            }
            '─' => push(
                &mut self.lines,
                format_args!("M{left:.1} {middle:.1}H{right:.1}"),
            ),
            '╌' => push(
                &mut self.lines,
                format_args!("M{:.1} {middle:.1}h2.6m1.6 0h2.6", left + 0.8),
            ),
            '│' => push(
                &mut self.lines,
                format_args!("M{mid:.1} {top:.1}V{bottom:.1}"),
            ),
            '┊' => push(
                &mut self.lines,
                format_args!("M{mid:.1} {:.1}v2m0 2.5v2m0 2.5v2m0 2.5v2", top + 1.25),
            ),
            '┤' => push(
                &mut self.lines,
                format_args!("M{mid:.1} {top:.1}V{bottom:.1}M{left:.1} {middle:.1}H{mid:.1}"),
            ),
            '┌' => push(
                &mut self.lines,
                format_args!("M{mid:.1} {bottom:.1}V{middle:.1}H{right:.1}"),
            ),
            '┐' => push(
                &mut self.lines,
                format_args!("M{left:.1} {middle:.1}H{mid:.1}V{bottom:.1}"),
            ),
            '└' => push(
                &mut self.lines,
                format_args!("M{mid:.1} {top:.1}V{middle:.1}H{right:.1}"),
            ),
            '┘' => push(
                &mut self.lines,
                format_args!("M{left:.1} {middle:.1}H{mid:.1}V{top:.1}"),
            ),
            _ => return false,
        }
        true
    }
}

fn svg_text(out: &mut String, run: &PaintRun, whole: &str, baseline: f64, left: f64) {
    let underline = run.paint.underline;
    let shown = if underline {
        whole
    } else {
        whole.trim_matches(' ')
    };
    if shown.is_empty() {
        return;
    }
    let lead = if underline {
        0
    } else {
        whole.len() - whole.trim_start_matches(' ').len()
    };
    let x = left + lead as f64 * CELL.0;
    let mut class = String::new();
    for (on, name) in [
        (run.paint.bold, "b"),
        (run.paint.italic, "i"),
        (run.paint.dim, "d"),
        (run.paint.underline, "u"),
    ] {
        if on {
            class.push_str(if class.is_empty() { " class=\"" } else { " " });
            class.push_str(name);
        }
    }
    if !class.is_empty() {
        class.push('"');
    }
    let length = text::width(shown) as f64 * CELL.0;
    push(
        out,
        format_args!(
            "<text x=\"{x:.1}\" y=\"{baseline:.1}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{class} xml:space=\"preserve\">",
            run.paint.fg.hex()
        ),
    );
    for c in shown.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.push_str("</text>\n");
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    fn sample() -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, 8, 2));
        let red = Style::new()
            .fg(Color::LightRed)
            .add_modifier(Modifier::BOLD);
        buf.set_string(0, 0, "a<模b", Style::new());
        buf.set_string(5, 0, "x", red);
        buf.set_string(0, 1, "⡀─", Style::new().bg(Color::Rgb(1, 2, 3)));
        buf
    }

    #[test]
    fn wide_glyphs_count_once() {
        assert_eq!(plain(&sample()), "a<模bx\n⡀─\n");
    }

    #[test]
    fn ansi_styles_are_reset_on_every_row() {
        assert_eq!(
            ansi(&sample()),
            "\u{1b}[0ma<模b\u{1b}[0;1;91mx\u{1b}[0m  \u{1b}[0m\n\u{1b}[0;48;2;1;2;3m⡀─\u{1b}[0m      \u{1b}[0m\n"
        );
    }

    #[test]
    fn pictures_are_escaped_placed_and_deterministic() {
        let theme = Theme::built_in("dark").unwrap();
        let picture = svg(&sample(), &theme);
        assert_eq!(picture, svg(&sample(), &theme));
        assert!(picture.contains(">a&lt;</text>"), "{picture}");
        // The wide glyph stands at the third column, and what follows it at the fifth.
        assert!(picture.contains(&format!("x=\"{:.1}\"", MARGIN + 2.0 * CELL.0)));
        assert!(picture.contains(&format!("x=\"{:.1}\"", MARGIN + 4.0 * CELL.0)));
        assert!(picture.contains("fill=\"#010203\""));
        assert!(picture.contains("stroke-linecap=\"round\""));
        assert!(!picture.contains('⡀'));
    }
}
