//! What verdicts say: value, line, window and rows, in one order and with one sign.

use std::time::Duration;

use super::{Sample, window_words};
use crate::domain::number::{grouped, with_unit};
use crate::domain::signal::Direction;
use crate::domain::wiring;

/// `4.8 % > 1 %`: a value and the line that it has crossed, in the signal's unit.
pub fn crossed(sample: &Sample<'_>, line: f64) -> String {
    let unit = sample.reading.unit;
    let value = sample.value().unwrap_or(f64::NAN);
    let at = match sample.direction {
        // At the line is not beyond it; and a budget may burn while the newest value is good.
        Direction::HighIsBad | Direction::LowIsBad if value < line => "<",
        Direction::HighIsBad | Direction::LowIsBad if value > line => ">",
        Direction::HighIsBad | Direction::LowIsBad => "=",
        Direction::Neither => Direction::Neither.sign(),
    };
    format!("{} {at} {}", with_unit(value, unit), with_unit(line, unit))
}

/// ` on v14`, for a reading of one version.
pub fn on_version(sample: &Sample<'_>) -> String {
    let version = &sample.reading.key.version;
    if version.raw().is_empty() {
        return String::new();
    }
    format!(" on {}", wiring::version_text(version))
}

/// `errors 4.8 % > 1 % (5m), n 12,400`: the whole sentence of a signal without parts, with the requests that it
/// rests on where they are counted.
pub fn sentence(title: &str, sample: &Sample<'_>, line: f64) -> String {
    format!(
        "{title} {}{}{}{}",
        crossed(sample, line),
        window_words(sample.reading.window),
        on_version(sample),
        rows(sample.n),
    )
}

/// `, n 12,400`, where the rows are known.
pub fn rows(n: Option<u32>) -> String {
    n.map_or_else(String::new, |n| format!(", n {}", grouped(u64::from(n))))
}

/// A length of time with one unit where that is exact: `5m`, `36h`, `90s`.
pub fn length(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        s if s >= 48 * 3_600 && s.is_multiple_of(86_400) => format!("{}d", s / 86_400),
        s if s >= 3_600 && s.is_multiple_of(3_600) => format!("{}h", s / 3_600),
        s if s >= 60 && s.is_multiple_of(60) => format!("{}m", s / 60),
        _ => crate::domain::time::span(d),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::signals::testing::{reading, with_sample};
    use crate::domain::signal::Measure;

    #[test]
    fn a_sentence_has_value_line_and_window() {
        let mut row = reading(Measure::ErrorRatio, "", "", 0.048);
        row.window = Some(Duration::from_secs(300));
        with_sample(&row, |s| {
            assert_eq!(sentence("errors", s, 0.01), "errors 4.8 % > 1 % (5m)");
        });
        row.key.version = crate::domain::key::Key::new("14");
        with_sample(&row, |s| {
            assert_eq!(
                sentence("errors", s, 0.048),
                "errors 4.8 % = 4.8 % (5m) on v14"
            );
        });
    }

    #[test]
    fn lengths_are_short() {
        for (secs, want) in [
            (300, "5m"),
            (90, "1m30s"),
            (3_600, "1h"),
            (26 * 3_600, "26h"),
            (7 * 86_400, "7d"),
        ] {
            assert_eq!(length(Duration::from_secs(secs)), want);
        }
    }
}
