//! How the values of options are read: durations, times, sizes, factors.

use std::time::Duration;

use crate::domain::time::Millis;

/// What `--at` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// How far the demo's incident has played.
    Played(Duration),
    /// A time.
    Time(Millis),
}

/// Reads a duration: numbers with units, such as `500ms`, `10s`, `1h30m`, `7d`, `4w`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const HINT: &str = "write a number with a unit: ms, s, m, h, d or w, such as 500ms, 10s or 7d";
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(HINT.to_owned());
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(|| HINT.to_owned())?;
        let number: u64 = rest[..digits].parse().map_err(|_| HINT.to_owned())?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let millis = match &rest[..unit] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(HINT.to_owned()),
        };
        rest = &rest[unit..];
        let part = number
            .checked_mul(millis)
            .ok_or_else(|| "the duration is too long".to_owned())?;
        total += Duration::from_millis(part.min(u64::from(u32::MAX) * 1_000));
    }
    Ok(total)
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
