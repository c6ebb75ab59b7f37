//! Logs of tasks: lines as both versions of the interface send them, cleaned and cut to size. Pure.

use serde_json::Value;

use super::wire::Log;
use crate::domain::key::Key;
use crate::domain::pipeline::{LogChunk, LogLine};
use crate::domain::text::{Clean, without_credentials};
use crate::sources::labels::instant;

/// The most lines of one answer that are kept, the last ones.
pub(super) const MOST_LINES: usize = 5_000;
/// The longest line kept, in characters.
const LINE_LIMIT: usize = 2_000;
/// The levels that a line of 2.x may bear.
const LEVELS: [&str; 6] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL"];

/// A piece of a log.
pub(super) fn chunk(log: &Log) -> LogChunk {
    let mut lines = match &log.content {
        Value::Array(rows) => rows.iter().flat_map(structured).collect(),
        Value::String(text) => plain(&unquoted(text)),
        _ => Vec::new(),
    };
    let surplus = lines.len().saturating_sub(MOST_LINES);
    lines.drain(..surplus);
    let next = Some(Key::new(&log.continuation_token)).filter(|next| !next.raw().is_empty());
    LogChunk {
        lines,
        dropped: surplus as u64,
        done: next.is_none(),
        next,
        whole: false,
    }
}

/// The lines of one entry of 3.x: its own, and what was raised.
fn structured(row: &Value) -> Vec<LogLine> {
    let word = |key: &str| row.get(key).and_then(Value::as_str);
    if let Some(text) = row.as_str() {
        return plain(text);
    }
    let Some(event) = word("event") else {
        return Vec::new();
    };
    if is_marker(event) {
        return Vec::new();
    }
    let at = word("timestamp").and_then(instant);
    let level = Clean::limited(&word("level").unwrap_or_default().to_lowercase(), 20);
    let line = |text: &str| LogLine {
        at,
        level: level.clone(),
        text: clean(text),
    };
    let mut lines: Vec<LogLine> = event.lines().map(line).collect();
    let raised = row.get("error_detail").and_then(Value::as_array);
    for error in raised.into_iter().flatten() {
        let part = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        lines.push(line(&format!(
            "{}: {}",
            part("exc_type"),
            part("exc_value")
        )));
    }
    lines
}

/// The lines of a plain log: `[2026-11-25T19:51:33.842+0000] {file.py:12} INFO - words`, and others.
fn plain(text: &str) -> Vec<LogLine> {
    text.lines().filter_map(plain_line).collect()
}

fn plain_line(raw: &str) -> Option<LogLine> {
    let stamped = raw.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    let (at, rest) = match stamped.and_then(|(at, rest)| Some((stamp(at)?, rest))) {
        Some((at, rest)) => (Some(at), rest),
        None => (None, raw),
    };
    let rest = match rest.strip_prefix('{').and_then(|r| r.split_once("} ")) {
        Some((_, rest)) => rest,
        None => rest,
    };
    let leveled = rest.trim_start().split_once(" - ");
    let (level, words) = match leveled.filter(|(level, _)| LEVELS.contains(level)) {
        Some((level, words)) => (level.to_lowercase(), words),
        None => (String::new(), rest),
    };
    let shown = clean(words);
    let hidden = is_marker(words) || raw.starts_with("*** ") || shown.is_empty();
    (!hidden).then(|| LogLine {
        at,
        level: Clean::name(&level),
        text: shown,
    })
}

/// 2.x writes offsets without a colon, which RFC 3339 wants.
fn stamp(text: &str) -> Option<crate::domain::time::Millis> {
    let (time, offset) = text.split_at_checked(text.len().checked_sub(5)?)?;
    if offset.starts_with(['+', '-']) && text.is_ascii() {
        instant(&format!("{time}{}:{}", &offset[..3], &offset[3..]))
    } else {
        instant(text)
    }
}

/// Marks of folded groups: the words around them say the same.
fn is_marker(text: &str) -> bool {
    text.starts_with("::group::") || text.starts_with("::endgroup::")
}

fn clean(text: &str) -> Clean {
    Clean::limited(&without_credentials(text), LINE_LIMIT)
}

/// The text of `[('host', 'text'), …]`, Python's notation of a list of pairs, with its escapes undone;
/// anything else as it is.
fn unquoted(text: &str) -> String {
    if !text.starts_with("[(") {
        return text.to_owned();
    }
    let mut strings = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(quote) = chars.next() {
        if quote != '\'' && quote != '"' {
            continue;
        }
        let mut held = String::new();
        while let Some(c) = chars.next() {
            if c == quote {
                break;
            }
            if c != '\\' {
                held.push(c);
                continue;
            }
            match chars.next() {
                Some('n') => held.push('\n'),
                Some('t') => held.push('\t'),
                Some('r') => held.push('\r'),
                Some(kind @ ('x' | 'u' | 'U')) => {
                    let digits = match kind {
                        'x' => 2,
                        'u' => 4,
                        _ => 8,
                    };
                    let code: String = chars.by_ref().take(digits).collect();
                    let code = u32::from_str_radix(&code, 16).ok();
                    held.extend(code.and_then(char::from_u32));
                }
                Some(other) => held.push(other),
                None => {}
            }
        }
        strings.push(held);
    }
    // Host, text, host, text.
    let texts: Vec<String> = strings.into_iter().skip(1).step_by(2).collect();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;
    use serde_json::json;

    fn of(content: Value, token: &str) -> LogChunk {
        chunk(&Log {
            content,
            continuation_token: token.to_owned(),
        })
    }

    #[test]
    fn lines_of_the_third_airflow_keep_what_was_raised_and_lose_their_folds() {
        let chunk = of(
            json!([{"event": "::group::Pre Execute"}, {"event": "epoch 1", "level": "INFO", "timestamp": "1970-01-01T00:00:05Z"},
                   {"event": "failed\u{1b}[31m", "level": "error", "error_detail": [{"exc_type": "ValueError", "exc_value": "no data"}]},
                   7, null, {"event": null}, "plain words"]),
            "next",
        );
        let texts: Vec<&str> = chunk.lines.iter().map(|l| l.text.as_str()).collect();
        assert_eq!(
            texts,
            ["epoch 1", "failed", "ValueError: no data", "plain words"]
        );
        assert_eq!(
            (chunk.lines[0].at, chunk.lines[0].level.as_str()),
            (Some(Millis(5_000)), "info")
        );
        assert_eq!((chunk.next, chunk.done), (Some(Key::new("next")), false));
    }

    #[test]
    fn lines_of_the_second_airflow_are_read_from_pythons_notation() {
        let text = r#"[('vm', "*** Found local files:\n[1970-01-01T00:00:05.500+0000] {a.py:3} INFO - it\'s \u00e9\\n\n[1970-01-01T01:00:06.000+0100] {b.py:4} ERROR - no\nTraceback"), ('w2', 'x')]"#;
        let chunk = of(json!(text), "");
        let texts: Vec<&str> = chunk.lines.iter().map(|l| l.text.as_str()).collect();
        assert_eq!(texts, ["it's é\\n", "no", "Traceback", "x"]);
        assert_eq!(chunk.lines[0].at, Some(Millis(5_500)));
        assert_eq!(
            (chunk.lines[1].at, chunk.lines[1].level.as_str()),
            (Some(Millis(6_000)), "error")
        );
        assert!(chunk.done);
    }

    #[test]
    fn a_flood_is_cut_and_says_so() {
        let lines: Vec<Value> = (0..MOST_LINES + 7)
            .map(|n| json!({"event": n.to_string()}))
            .collect();
        let chunk = of(json!(lines), "t");
        assert_eq!((chunk.lines.len(), chunk.dropped), (MOST_LINES, 7));
        assert_eq!(chunk.lines[0].text, "7");
        for content in [
            Value::Null,
            json!(3),
            json!({}),
            json!("[('"),
            json!("[('a', '\\"),
        ] {
            assert!(of(content, "").lines.len() <= 1);
        }
    }
}
