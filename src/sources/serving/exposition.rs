//! The labels of one line of the Prometheus text format, read tolerantly. Values and types are not
//! read here.

/// The metric name and labels of a sample line; none for a comment, a blank or a broken line.
///
/// Names may hold `:`; label values may hold `\\`, `\"` and `\n`; a backslash before
/// anything else is dropped.
pub(super) fn sample(line: &str) -> Option<(&str, Vec<(&str, String)>)> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let end = line
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if name.is_empty() {
        return None;
    }
    let rest = rest.trim_start();
    let Some(mut rest) = rest.strip_prefix('{') else {
        return Some((name, Vec::new()));
    };
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.starts_with('}') {
            return Some((name, labels));
        }
        let (label, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        labels.push((label.trim(), value));
        rest = after;
    }
}

/// Reads up to the closing quote; also gives what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => match chars.next()?.1 {
                'n' => value.push('\n'),
                c => value.push(c),
            },
            (_, c) => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_or_left() {
        type Want<'a> = Option<(&'a str, Vec<(&'a str, &'a str)>)>;
        let cases: [(&str, Want<'_>); 12] = [
            ("up 1", Some(("up", vec![]))),
            (
                ":tensorflow:serving:request_count{model_name=\"m\"} 3",
                Some((
                    ":tensorflow:serving:request_count",
                    vec![("model_name", "m")],
                )),
            ),
            (
                "a{b=\"c\", d = \"e,}\\\"f\\\\\\n\",} 1 17",
                Some(("a", vec![("b", "c"), ("d", "e,}\"f\\\n")])),
            ),
            ("a{} 1", Some(("a", vec![]))),
            (
                "a{b=\"é模\",c=\"d\"} NaN",
                Some(("a", vec![("b", "é模"), ("c", "d")])),
            ),
            ("# HELP a b", None),
            ("", None),
            ("<html>", None),
            ("a{b=\"c", None),
            ("a{b=c} 1", None),
            ("a{b", None),
            ("a{b=\"c\\", None),
        ];
        for (line, want) in cases {
            let got = sample(line);
            let got = got.as_ref().map(|(name, labels)| {
                let labels = labels.iter().map(|(k, v)| (*k, v.as_str())).collect();
                (*name, labels)
            });
            assert_eq!(got, want, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(line in "\\PC*") {
            let _ = sample(&line);
            let _ = sample(&format!("a{{b=\"{line}"));
        }
    }
}
