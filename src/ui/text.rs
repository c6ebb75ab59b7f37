//! Fitting text into columns: widths, cuts, choices of wording, numbers with few digits. Ages come
//! from [`crate::domain::time`].

use std::borrow::Cow;

use ratatui::buffer::CellWidth as _;
use unicode_segmentation::UnicodeSegmentation as _;

pub use crate::domain::number::{brief, number};

/// Whether each byte is a character of one column, as in nearly all text: nothing in it needs to be told
/// apart.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| (0x20..0x7f).contains(&b))
}

/// The columns that a text takes, as the buffer counts them.
pub fn width(text: &str) -> usize {
    if is_plain(text) {
        return text.len();
    }
    let mut chars = text.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        // What stands where nothing is known: the most frequent text of all.
        return if only.is_control() {
            0
        } else {
            usize::from(text.cell_width())
        };
    }
    graphemes(text).map(|(_, w)| w).sum()
}

/// Grapheme clusters that can be drawn, with their widths.
fn graphemes(text: &str) -> impl DoubleEndedIterator<Item = (&str, usize)> {
    text.graphemes(true)
        .filter(|g| !g.contains(char::is_control))
        .map(|g| (g, usize::from(g.cell_width())))
}

/// The longest start of `text` that is at most `columns` wide.
pub fn head(text: &str, columns: usize) -> &str {
    if is_plain(text) {
        return text.get(..columns).unwrap_or(text);
    }
    let mut used = 0;
    let mut end = 0;
    for (at, g) in text.grapheme_indices(true) {
        let w = if g.contains(char::is_control) {
            0
        } else {
            usize::from(g.cell_width())
        };
        if used + w > columns {
            break;
        }
        used += w;
        end = at + g.len();
    }
    &text[..end]
}

/// The longest end of `text` that is at most `columns` wide.
pub fn tail(text: &str, columns: usize) -> &str {
    if is_plain(text) {
        return &text[text.len().saturating_sub(columns)..];
    }
    let mut used = 0;
    let mut start = text.len();
    for (at, g) in text.grapheme_indices(true).rev() {
        let w = if g.contains(char::is_control) {
            0
        } else {
            usize::from(g.cell_width())
        };
        if used + w > columns {
            break;
        }
        used += w;
        start = at;
    }
    &text[start..]
}

/// Cuts the end off: `fraud-detec…`. At most `columns` wide.
pub fn cut<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mark = width(ellipsis);
    if columns < mark {
        return Cow::Borrowed("");
    }
    let kept = head(text, columns - mark).trim_end();
    Cow::Owned(format!("{kept}{ellipsis}"))
}

/// Cuts the middle out, for ids: `3f2a…9c41`. At most `columns` wide.
pub fn cut_middle<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mark = width(ellipsis);
    if columns < mark {
        return Cow::Borrowed("");
    }
    let room = columns - mark;
    let start = head(text, room.div_ceil(2));
    let end = tail(text, room / 2);
    Cow::Owned(format!("{start}{ellipsis}{end}"))
}

/// The first of several wordings that fits, longest first; the last one if none does.
pub fn fit<S: AsRef<str>>(choices: &[S], columns: usize) -> &str {
    choices
        .iter()
        .map(AsRef::as_ref)
        .find(|c| width(c) <= columns)
        .or_else(|| choices.last().map(AsRef::as_ref))
        .unwrap_or("")
}

/// Spaces after the text up to `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(spaces))
}

/// Spaces before the text up to `columns`.
pub fn pad_left(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(width(text));
    format!("{}{text}", " ".repeat(spaces))
}

/// A number, or `–` where there is none.
pub fn number_or_none(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

/// A number with a fixed count of decimals, so that a column lines up; NaN and `–` as they are.
pub fn decimals(value: Option<f64>, digits: usize) -> String {
    match value {
        None => "–".to_owned(),
        Some(v) if !v.is_finite() => number(v),
        Some(v) if v.abs() >= 1e6 => number(v),
        Some(v) => format!("{v:.digits$}"),
    }
}

/// A difference with its sign: `+0.007`, `-12`, `±0`.
pub fn delta(value: f64) -> String {
    if value == 0.0 {
        "±0".to_owned()
    } else if value > 0.0 {
        format!("+{}", number(value))
    } else {
        number(value)
    }
}

/// A count with thousands apart: `2,000`.
pub fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A size in bytes: `840 B`, `12.4 kB`, `1.2 GB`; steps of 1,000.
pub fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if value < 999.5 || unit == "TB" {
            return if unit == "B" {
                format!("{n} B")
            } else if value < 9.95 {
                format!("{value:.1} {unit}")
            } else {
                format!("{value:.0} {unit}")
            };
        }
        value /= 1_000.0;
    }
    format!("{n} B")
}

/// `1 model`, `2 models`.
pub fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Breaks a text at spaces into lines at most `columns` wide; a longer word is cut across lines.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if columns == 0 {
        return lines;
    }
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let mut word = word;
        let mut w = width(word);
        if used > 0 && used + 1 + w > columns {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        while w > columns {
            let start = head(word, columns);
            if start.is_empty() {
                // A cluster wider than the whole column cannot be shown.
                return lines;
            }
            lines.push(start.to_owned());
            word = &word[start.len()..];
            w = width(word);
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += w;
    }
    if used > 0 {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_have_few_digits() {
        for (value, want) in [
            (0.914, "0.914"),
            (0.9, "0.900"),
            (0.999_7, "1.00"),
            (1.0, "1"),
            (4.8, "4.80"),
            (12.4, "12.4"),
            (310.0, "310"),
            (999.7, "1.00k"),
            (2_000.0, "2.00k"),
            (12_400.0, "12.4k"),
            (1_234_567.0, "1.23M"),
            (-0.042, "-0.042"),
            (0.000_000_12, "1.2e-7"),
            (0.0, "0"),
            (-0.0, "0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "∞"),
            (f64::NEG_INFINITY, "-∞"),
            (1e300, "1e300"),
            (0.000_95, "0.001"),
        ] {
            assert_eq!(number(value), want);
        }
        for (value, want) in [
            (0.8, "0.8"),
            (1.0, "1"),
            (12_000.0, "12k"),
            (0.914, "0.914"),
            (100.0, "100"),
        ] {
            assert_eq!(brief(value), want);
        }
        assert_eq!(number_or_none(None), "–");
        assert_eq!(delta(0.007), "+0.007");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        assert_eq!(bytes(12_400_000), "12 MB");
        assert_eq!(bytes(999), "999 B");
    }

    #[test]
    fn ids_keep_both_ends() {
        assert_eq!(cut_middle("0123456789abcdef", 9, "…"), "0123…cdef");
        assert_eq!(cut("fraud-detector", 8, "…"), "fraud-d…");
        assert_eq!(cut("x", 0, "…"), "");
    }

    #[test]
    fn wide_text_is_never_split() {
        assert_eq!(cut("模型数据", 4, "…"), "模…");
        assert_eq!(cut("👩\u{200d}👧ab", 3, "…"), "👩\u{200d}👧…");
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert!(wrap("", 8).is_empty());
    }

    proptest! {
        #[test]
        fn cuts_fit_and_keep_clusters_whole(text in "\\PC{0,40}", columns in 0_usize..30) {
            // A private letter as the ellipsis: no generated text holds it.
            let mark = "\u{e000}";
            for got in [cut(&text, columns, mark), cut_middle(&text, columns, mark)] {
                prop_assert!(width(&got) <= columns, "{got:?}");
                if got != text && !got.is_empty() {
                    let (a, b) = got.split_once(mark).expect("a cut is marked");
                    prop_assert!(text.starts_with(a) && text.ends_with(b));
                    let edges: Vec<usize> = text
                        .grapheme_indices(true)
                        .map(|(i, _)| i)
                        .chain([text.len()])
                        .collect();
                    prop_assert!(edges.contains(&a.len()));
                    prop_assert!(edges.contains(&(text.len() - b.len())));
                }
            }
        }

        #[test]
        fn wrapped_lines_fit(text in "[a-z 模👩]{0,60}", columns in 2_usize..20) {
            let lines = wrap(&text, columns);
            prop_assert!(lines.iter().all(|l| width(l) <= columns));
            let squeezed: String = text.chars().filter(|c| *c != ' ').collect();
            let back: String = lines.concat().chars().filter(|c| *c != ' ').collect();
            prop_assert_eq!(squeezed, back);
        }

        #[test]
        fn numbers_stay_narrow(value in proptest::num::f64::ANY) {
            prop_assert!(width(&number(value)) <= 9, "{}", number(value));
        }
    }
}
