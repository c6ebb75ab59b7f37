//! A drawn buffer as plain text, as text with ANSI styles, and as an SVG picture. Deterministic.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

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

/// A picture of the buffer on the theme's background: a monospace grid in which every run of equal
/// style is one text, stretched to its exact columns, so that any font keeps the alignment.
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
            svg_text(&mut texts, &run, top + BASELINE, x);
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

fn svg_text(out: &mut String, run: &PaintRun, baseline: f64, left: f64) {
    let trimmed = run.text.trim_end();
    if trimmed.trim_start().is_empty() && !run.paint.underline {
        return;
    }
    let shown = if run.paint.underline {
        run.text.as_str()
    } else {
        trimmed
    };
    let lead = shown.len() - shown.trim_start_matches(' ').len();
    let (x, shown) = if run.paint.underline {
        (left, shown)
    } else {
        (left + lead as f64 * CELL.0, &shown[lead..])
    };
    let mut class = String::new();
    for (on, name) in [
        (run.paint.bold, "b"),
        (run.paint.italic, "i"),
        (run.paint.dim, "d"),
        (run.paint.underline, "u"),
    ] {
        if on {
            class.push_str(if class.is_empty() { "" } else { " " });
            class.push_str(name);
        }
    }
    let class = if class.is_empty() {
        String::new()
    } else {
        format!(" class=\"{class}\"")
    };
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
