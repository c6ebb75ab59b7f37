//! The glyphs, in Unicode and in ASCII. One cell each; none is an emoji or of ambiguous meaning.

use crate::domain::deployment::Known;
use crate::domain::level::Level;
pub use crate::domain::rules::freshness::Freshness;
pub use crate::domain::rules::skew::Skew;

/// A set of glyphs. Every text is one column wide unless its name says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Symbols {
    /// Whether this is the ASCII set: charts draw with letters then.
    pub ascii: bool,
    /// The selected row.
    pub select: &'static str,
    /// The selected row, marked.
    pub select_marked: &'static str,
    /// A marked row.
    pub mark: &'static str,
    /// Two values differ.
    pub differs: &'static str,
    /// From one state to another.
    pub arrow: &'static str,
    /// Sorted downwards, upwards.
    pub sort: [&'static str; 2],
    /// Text was cut.
    pub ellipsis: &'static str,
    /// Between items of a line.
    pub dot: &'static str,
    /// No value.
    pub none: &'static str,
    /// A horizontal rule.
    pub rule: &'static str,
    /// A vertical rule.
    pub bar: &'static str,
    /// A dialog's corners: top left, top right, bottom left, bottom right.
    pub corners: [&'static str; 4],
    /// Opens elsewhere.
    pub link: &'static str,
    /// The return key; a word in ASCII.
    pub enter: &'static str,
    /// A change marker on a chart's axis.
    pub marker: &'static str,
    /// A pass, a failure, not judged.
    pub verdict: [&'static str; 3],
    /// Eight heights of a sparkline.
    pub bars: [&'static str; 8],
    /// A gap in a sparkline.
    pub gap: &'static str,
    /// A threshold line's cell.
    pub threshold: &'static str,
    /// What only repeats an old value.
    pub stale: &'static str,
    /// A tick on the vertical axis, and the axis itself.
    pub axis: [&'static str; 2],
    /// Where the axes meet.
    pub corner: &'static str,
    /// More to the left, more to the right.
    pub more: [&'static str; 2],
    /// A filled and an empty box of a choice.
    pub check: [&'static str; 2],
    levels: [&'static str; 5],
    fresh: [&'static str; 4],
    known: [&'static str; 4],
    skews: [&'static str; 8],
    /// Letters or shapes that tell series apart in a legend without colour.
    pub series: [&'static str; 8],
}

impl Symbols {
    /// For terminals that draw Unicode.
    pub const UNICODE: Self = Self {
        ascii: false,
        select: "›",
        select_marked: "»",
        mark: "▪",
        differs: "≠",
        arrow: "→",
        sort: ["▾", "▴"],
        ellipsis: "…",
        dot: "·",
        none: "–",
        rule: "─",
        bar: "│",
        corners: ["┌", "┐", "└", "┘"],
        link: "↗",
        enter: "↵",
        marker: "▲",
        verdict: ["✔", "✖", "–"],
        bars: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        gap: " ",
        threshold: "╌",
        stale: "~",
        axis: ["┤", "│"],
        corner: "└",
        more: ["‹", "›"],
        check: ["■", "□"],
        levels: ["✖", "?", "▲", "●", "·"],
        fresh: ["●", "◐", "○", "·"],
        known: ["●", "◌", "~", "?"],
        skews: ["=", "→", "!", "≠", "≠", "⊟", "÷", "?"],
        series: ["●", "■", "◆", "○", "□", "◇", "△", "▽"],
    };

    /// For terminals and fonts that do not.
    pub const ASCII: Self = Self {
        ascii: true,
        select: ">",
        select_marked: "#",
        mark: "*",
        differs: "/",
        arrow: ">",
        sort: ["v", "^"],
        ellipsis: "~",
        dot: "-",
        none: "-",
        rule: "-",
        bar: "|",
        corners: ["+", "+", "+", "+"],
        link: "^",
        enter: "enter",
        marker: "^",
        verdict: ["+", "x", "-"],
        bars: ["_", "_", ".", "-", "-", "=", "^", "#"],
        gap: " ",
        threshold: "-",
        stale: "~",
        axis: ["+", "|"],
        corner: "+",
        more: ["<", ">"],
        check: ["x", "."],
        levels: ["X", "?", "!", "o", "."],
        fresh: ["*", "~", "x", "."],
        known: ["=", ":", "~", "?"],
        skews: ["=", ">", "!", "<", "+", "#", "%", "?"],
        series: ["o", "x", "+", "*", "a", "b", "c", "d"],
    };

    /// The glyph of a level.
    pub fn level(&self, level: Level) -> &'static str {
        self.levels[match level {
            Level::Crit => 0,
            Level::Unknown => 1,
            Level::Warn => 2,
            Level::Info => 3,
            Level::Ok => 4,
        }]
    }

    /// The glyph of a freshness.
    pub fn fresh(&self, fresh: Freshness) -> &'static str {
        self.fresh[fresh as usize]
    }

    /// The glyph that says how a version is known.
    pub fn known(&self, known: Known) -> &'static str {
        self.known[match known {
            Known::Reported => 0,
            Known::Declared => 1,
            Known::Inferred => 2,
            Known::Unknown => 3,
        }]
    }

    /// The glyph of a skew state.
    pub fn skew(&self, skew: Skew) -> &'static str {
        self.skews[match skew {
            Skew::InSync => 0,
            Skew::RollingOut => 1,
            Skew::Stuck => 2,
            Skew::Behind => 3,
            Skew::Ahead => 4,
            Skew::HeldBack => 5,
            Skew::Split => 6,
            Skew::Unlinked => 7,
            Skew::NotJudged => return self.none,
        }]
    }

    /// `v13 → v14`, with the set's arrow.
    pub fn move_text(&self, from: &str, to: &str) -> String {
        let arrow = if self.ascii { "->" } else { self.arrow };
        format!("{from} {arrow} {to}")
    }

    /// A text with Unicode glyphs of ours, as this set can draw it. For the screen only: what is copied
    /// or exported as data keeps its letters.
    pub fn plain(&self, text: &str) -> String {
        if !self.ascii {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '→' => out.push_str("->"),
                '≥' => out.push_str(">="),
                '≤' => out.push_str("<="),
                '≠' => out.push_str("!="),
                '–' | '—' | '·' | '─' => out.push('-'),
                '…' => out.push('~'),
                '∞' => out.push_str("inf"),
                '±' => out.push_str("+-"),
                '✔' => out.push('+'),
                '▲' => out.push('!'),
                '×' | '✖' => out.push('x'),
                '↵' => out.push_str("enter"),
                '↗' => out.push('^'),
                '‹' => out.push('<'),
                '›' => out.push('>'),
                other => out.push(other),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::text::width;

    fn all(s: &Symbols) -> Vec<&'static str> {
        let mut all = vec![
            s.select,
            s.select_marked,
            s.mark,
            s.differs,
            s.arrow,
            s.ellipsis,
            s.dot,
            s.none,
            s.rule,
            s.bar,
            s.link,
            s.marker,
            s.gap,
            s.threshold,
            s.stale,
            s.corner,
        ];
        all.extend(
            s.sort
                .iter()
                .chain(&s.corners)
                .chain(&s.verdict)
                .chain(&s.bars),
        );
        all.extend(
            s.axis
                .iter()
                .chain(&s.more)
                .chain(&s.check)
                .chain(&s.levels),
        );
        all.extend(
            s.fresh
                .iter()
                .chain(&s.known)
                .chain(&s.skews)
                .chain(&s.series),
        );
        all
    }

    #[test]
    fn every_glyph_takes_one_column() {
        for set in [Symbols::UNICODE, Symbols::ASCII] {
            for glyph in all(&set) {
                assert_eq!(width(glyph), 1, "{glyph:?}");
            }
        }
    }

    #[test]
    fn the_ascii_set_is_ascii() {
        for glyph in all(&Symbols::ASCII) {
            assert!(glyph.is_ascii(), "{glyph:?}");
        }
    }

    #[test]
    fn no_line_of_a_chart_ends_in_the_mark_of_a_change_or_of_a_warning() {
        for set in [Symbols::UNICODE, Symbols::ASCII] {
            for glyph in set.series {
                assert_ne!(glyph, set.marker);
                assert_ne!(glyph, set.level(Level::Warn));
            }
        }
    }

    #[test]
    fn levels_differ_by_glyph_alone() {
        for set in [Symbols::UNICODE, Symbols::ASCII] {
            let glyphs: std::collections::BTreeSet<_> = Level::WORST_FIRST
                .into_iter()
                .map(|l| set.level(l))
                .collect();
            assert_eq!(glyphs.len(), 5);
        }
    }
}
