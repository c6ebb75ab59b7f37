//! How the values of options are read: durations, times, sizes, factors.

use std::time::Duration;

use crate::domain::time::{Millis, read_span};

/// What `--at` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// How far the demo's incident has played.
    Played(Duration),
    /// A time.
    Time(Millis),
}

/// Reads a duration, such as `500ms`, `10s` or `7d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    read_span(text).map_err(str::to_owned)
}

/// Reads what `--at` says: a duration, or a time in UTC such as `2026-11-23T14:02Z`.
pub(super) fn at(text: &str) -> Result<At, String> {
    if let Ok(played) = duration(text) {
        return Ok(At::Played(played));
    }
    let text = text.trim();
    let whole = chrono::DateTime::parse_from_rfc3339(text).map(|t| t.timestamp_millis());
    let bare = text.trim_end_matches(['Z', 'z']);
    let short = || {
        ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
            .into_iter()
            .find_map(|f| chrono::NaiveDateTime::parse_from_str(bare, f).ok())
            .map(|t| t.and_utc().timestamp_millis())
    };
    whole
        .ok()
        .or_else(short)
        .map(|ms| At::Time(Millis(ms)))
        .ok_or_else(|| {
            "write a time in UTC such as 2026-11-23T14:02Z, or, with --demo, a duration such as 90s"
                .to_owned()
        })
}

/// Reads a screen's size, such as `120x36`.
pub(super) fn size(text: &str) -> Result<(u16, u16), String> {
    let hint = || "write columns x rows, such as 120x36; at most 1000x500".to_owned();
    let (columns, rows) = text.split_once(['x', 'X', '×']).ok_or_else(hint)?;
    let columns: u16 = columns.trim().parse().map_err(|_| hint())?;
    let rows: u16 = rows.trim().parse().map_err(|_| hint())?;
    if (1..=1_000).contains(&columns) && (1..=500).contains(&rows) {
        Ok((columns, rows))
    } else {
        Err(hint())
    }
}

/// Reads a factor above nought.
pub(super) fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 && speed <= 1_000.0 => Ok(speed),
        _ => Err("write a number above 0 and at most 1000".to_owned()),
    }
}
