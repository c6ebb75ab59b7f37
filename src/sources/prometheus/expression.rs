//! Taking the expression of an alert's rule apart: what is compared with which number. Only the top of
//! it is looked at; the rest is the server's.

use crate::domain::alert::AlertRule;
use crate::domain::key::Key;

/// A rule's expression, taken apart where its top is a comparison with a number.
pub(super) fn rule(query: &str, for_seconds: u64) -> AlertRule {
    let (plotted, threshold) = match apart(query) {
        Some((plotted, number)) => (plotted.to_owned(), Some(number)),
        None => (query.to_owned(), None),
    };
    AlertRule {
        query: Key::new(query),
        plotted: Key::new(&plotted),
        threshold,
        for_seconds,
    }
}

/// What the quantity of an expression is compared with, itself an expression, where that is not one number with
/// which [`rule`] has taken it apart: `line` in `score > on (feature) line and on (model) rows >= 500`. What `and`
/// and `unless` add are conditions; with `or` there is no one quantity.
pub(super) fn against(query: &str) -> Option<&str> {
    let query = unwrapped(query)?;
    let all = tops(query);
    let sets = || {
        all.iter().filter_map(|top| match top {
            Top::Set(at, word) => Some((*at, *word)),
            Top::Compare(..) => None,
        })
    };
    if sets().any(|(_, word)| word.eq_ignore_ascii_case("or")) {
        return None;
    }
    let first = unwrapped(sets().next().map_or(query, |(at, _)| &query[..at]))?;
    let mut compared = tops(first).into_iter().filter_map(|top| match top {
        Top::Compare(from, to) => Some((from, to)),
        Top::Set(..) => None,
    });
    let (from, to) = compared.next_back()?;
    let (left, right) = (first[..from].trim(), side(&first[to..]));
    match (number(left), right.is_empty() || left.is_empty()) {
        (_, true) => None,
        (Some(_), _) => Some(left),
        (None, _) => Some(right),
    }
}

/// A side of a comparison without the words that say how the two are matched.
fn side(text: &str) -> &str {
    let mut rest = text.trim();
    for word in ["bool", "on", "ignoring", "group_left", "group_right"] {
        let Some(after) = rest.strip_prefix(word) else {
            continue;
        };
        if after.starts_with(|c: char| c.is_ascii() && is_word(c as u8)) {
            continue;
        }
        rest = after.trim_start();
        if word != "bool"
            && let Some(list) = rest.strip_prefix('(')
        {
            rest = list
                .split_once(')')
                .map_or("", |(_, after)| after.trim_start());
        }
    }
    rest.trim()
}

/// The compared side and the number. `and`, `or` and `unless` bind weaker than a comparison: with one
/// of them at the top there is no one quantity.
fn apart(query: &str) -> Option<(&str, f64)> {
    let query = unwrapped(query)?;
    let mut found = None;
    for token in tops(query) {
        match token {
            Top::Set(..) => return None,
            // Comparisons in a row are read from the left: the last one is the top.
            Top::Compare(from, to) => found = Some((from, to)),
        }
    }
    let (from, to) = found?;
    let (left, right) = (query[..from].trim(), query[to..].trim());
    let right = match right.strip_prefix("bool") {
        Some(rest) if rest.starts_with(|c: char| c.is_whitespace() || c == '-') => rest.trim(),
        _ => right,
    };
    match (number(left), number(right)) {
        (None, Some(number)) if !left.is_empty() => Some((left, number)),
        (Some(number), None) if !right.is_empty() => Some((right, number)),
        _ => None,
    }
}

/// What stands at the top of an expression.
enum Top<'a> {
    /// `and`, `or`, `unless`: its first byte, and the word.
    Set(usize, &'a str),
    /// A comparison, from its first byte to after its last.
    Compare(usize, usize),
}

/// The operators outside of parentheses, braces, brackets and quotes.
fn tops(query: &str) -> Vec<Top<'_>> {
    let bytes = query.as_bytes();
    let mut found = Vec::new();
    for (at, depth) in code(query) {
        if depth != 0 {
            continue;
        }
        let before = at.checked_sub(1).map_or(b' ', |i| bytes[i]);
        let after = bytes.get(at + 1).copied().unwrap_or(b' ');
        match bytes[at] {
            b'<' | b'>' => {
                let wide = usize::from(after == b'=');
                found.push(Top::Compare(at, at + 1 + wide));
            }
            b'=' | b'!' if after == b'=' => found.push(Top::Compare(at, at + 2)),
            b'a' | b'o' | b'u' | b'A' | b'O' | b'U' if !is_word(before) => {
                let word = query[at..].split(|c: char| !c.is_ascii() || !is_word(c as u8));
                let word = word.into_iter().next().unwrap_or_default();
                if ["and", "or", "unless"].contains(&word.to_ascii_lowercase().as_str()) {
                    found.push(Top::Set(at, word));
                }
            }
            _ => {}
        }
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'
}

/// The places of bytes that are neither in quotes nor in a comment, with the depth of brackets around
/// them; an opening bracket counts as outside of itself, a closing one too.
fn code(query: &str) -> Vec<(usize, i32)> {
    let mut out = Vec::with_capacity(query.len());
    let (mut depth, mut quote, mut escaped, mut comment) = (0, None, false, false);
    for (at, byte) in query.bytes().enumerate() {
        if comment {
            comment = byte != b'\n';
            continue;
        }
        match (quote, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(b'`'), b'`') => quote = None,
            (Some(b'`'), _) => {}
            (Some(_), b'\\') => escaped = true,
            (Some(q), _) if q == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            (None, b'#') => comment = true,
            (None, b'(' | b'{' | b'[') => {
                out.push((at, depth));
                depth += 1;
            }
            (None, b')' | b'}' | b']') => {
                depth -= 1;
                out.push((at, depth));
            }
            (None, _) => out.push((at, depth)),
        }
    }
    out
}

/// The expression without parentheses around the whole of it; `None` for one that is not closed.
fn unwrapped(query: &str) -> Option<&str> {
    let mut query = query.trim();
    loop {
        let code = code(query);
        if code.iter().any(|(_, depth)| *depth < 0) {
            return None;
        }
        let bytes = query.as_bytes();
        let closed = code
            .iter()
            .find(|(at, depth)| bytes[*at] == b')' && *depth == 0)
            .map(|(at, _)| *at);
        if !query.starts_with('(') || closed != Some(query.len() - 1) {
            return Some(query);
        }
        query = query[1..query.len() - 1].trim();
    }
}

/// A number as the query language writes it.
fn number(text: &str) -> Option<f64> {
    let text = unwrapped(text)?;
    let bare = text.trim_start_matches(['+', '-']).trim();
    if text.len() - text.trim_start_matches(['+', '-']).len() > 1 {
        return None;
    }
    let value = match bare.to_ascii_lowercase().as_str() {
        "inf" => f64::INFINITY,
        hex if hex.starts_with("0x") => u32::from_str_radix(&hex[2..], 16).ok()?.into(),
        _ if bare.starts_with(|c: char| c.is_ascii_digit() || c == '.') => bare.parse().ok()?,
        _ => return None,
    };
    Some(if text.starts_with('-') { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_alerted_quantity_is_plotted_with_its_line() {
        for (query, plotted, threshold) in [
            ("a > 0.2", "a", 0.2),
            (
                "(sum by (m) (rate(e[5m])) / sum by (m) (rate(r[5m]))) >= 1e-2",
                "(sum by (m) (rate(e[5m])) / sum by (m) (rate(r[5m])))",
                0.01,
            ),
            ("( a{x=\">\"} < bool -3 )", "a{x=\">\"}", -3.0),
            ("0.8 > min by (model) (q)", "min by (model) (q)", 0.8),
            ("time() - last > (0x10)", "time() - last", 16.0),
            ("score != +Inf", "score", f64::INFINITY),
            ("a > 0 > 5", "a > 0", 5.0),
            ("order > 1 # or more", "order", 1.0),
        ] {
            let query_without_comment = query;
            let rule = rule(query_without_comment, 60);
            if query.contains('#') {
                // A comment after the number hides it: the whole is plotted, which is right too.
                assert_eq!(rule.threshold, None);
                continue;
            }
            assert_eq!(rule.plotted.raw(), plotted, "{query}");
            assert_eq!(rule.threshold, Some(threshold), "{query}");
            assert_eq!((rule.query.raw(), rule.for_seconds), (query, 60));
        }
    }

    #[test]
    fn without_one_quantity_the_whole_is_plotted() {
        for query in [
            "a > 1 and b > 2",
            "a > 1 OR b",
            "absent(up{job=\"x\"})",
            "a > b",
            "a > on (m) group_left b",
            "1 > 2",
            "up == bool_metric",
            "a > 1)",
            "",
            ">",
            "(a > 1) unless (b > 2)",
            "sum(a > 1)",
        ] {
            let rule = rule(query, 0);
            assert_eq!(rule.plotted.raw(), query);
            assert_eq!(rule.threshold, None, "{query}");
        }
    }

    #[test]
    fn a_line_that_is_a_series_is_found_and_asked_for_by_itself() {
        for (query, line) in [
            (
                "s{m!~\".*p\"} > on (model, feature) t and on (model) n{w=\"c\"} >= 500",
                Some("t"),
            ),
            ("a > b", Some("b")),
            (
                "(a >= bool ignoring(x) group_left (y) max by (m) (b)) unless c",
                Some("max by (m) (b)"),
            ),
            ("a > onward", Some("onward")),
            ("a > 1 and b > 2", Some("1")),
            ("0.8 > q and r", Some("0.8")),
            ("a > b or c > d", None),
            ("absent(up)", None),
            ("a", None),
            ("a > ", None),
            ("a > on (m", None),
        ] {
            assert_eq!(against(query), line, "{query}");
        }
    }

    proptest! {
        #[test]
        fn no_expression_breaks_the_reading(query in "[a-z<>=!(){}\\[\\]\"'`#0-9 \\\\é-]{0,60}") {
            let _ = rule(&query, 1);
            let _ = against(&query);
        }
    }
}
