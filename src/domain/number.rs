//! Numbers as words: few digits, and the unit that their meaning asks for.

use super::signal::Unit;
use super::time::Millis;

/// A number with few digits: `0.914`, `12.4k`, `-3`, `1.2e-7`, `NaN`, `∞`. At most seven columns.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "-∞" }.to_owned();
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if size < 0.000_95 {
        return tidy_exponent(&format!("{value:.1e}"));
    }
    // Half of the last digit is added before the range is chosen: 999.96 is 1.00k, not 1000.
    let ranges = [
        (0.9995, 1.0, 3, ""),
        (9.995, 1.0, 2, ""),
        (99.95, 1.0, 1, ""),
        (999.5, 1.0, 0, ""),
        (9_995.0, 1e3, 2, "k"),
        (99_950.0, 1e3, 1, "k"),
        (999_500.0, 1e3, 0, "k"),
        (9.995e6, 1e6, 2, "M"),
        (9.995e7, 1e6, 1, "M"),
        (9.995e8, 1e6, 0, "M"),
        (9.995e9, 1e9, 2, "G"),
        (9.995e10, 1e9, 1, "G"),
        (9.995e11, 1e9, 0, "G"),
    ];
    for (below, unit, digits, suffix) in ranges {
        if size < below {
            let shown = format!("{:.digits$}", value / unit);
            // A whole number keeps no empty decimals: 14, not 14.0.
            let shown = if value.fract() == 0.0 && suffix.is_empty() {
                format!("{value:.0}")
            } else {
                shown
            };
            return format!("{shown}{suffix}");
        }
    }
    tidy_exponent(&format!("{value:.1e}"))
}

/// A limit, a setting or a number in a sentence, without the zeros that line a column up: `0.8`, `4`,
/// `12k`.
pub fn brief(value: f64) -> String {
    let shown = number(value);
    let end = shown.trim_end_matches(['k', 'M', 'G']).len();
    let (digits, suffix) = shown.split_at(end);
    if digits.contains('.') && !digits.contains('e') {
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        return format!("{digits}{suffix}");
    }
    shown
}

/// `1.0e-7` is `1e-7`.
fn tidy_exponent(text: &str) -> String {
    text.replacen(".0e", "e", 1)
}

/// A value in its unit, as a sentence has it: `4.8 %`, `310 ms`, `212/s`, `0.42`.
pub fn with_unit(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Ratio => format!("{} %", brief(value * 100.0)),
        Unit::Seconds if value.abs() < 0.9995 => format!("{} ms", brief(value * 1e3)),
        Unit::Seconds => format!("{} s", brief(value)),
        Unit::PerSecond => format!("{}/s", brief(value)),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a stamp out of range is shown as such"
        )]
        Unit::Stamp => Millis((value * 1e3) as i64).day_minute(),
        Unit::Score | Unit::Count | Unit::PValue => brief(value),
    }
}

/// A whole number with its thousands apart: `12,400`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_in_its_unit() {
        for (value, unit, want) in [
            (0.048, Unit::Ratio, "4.8 %"),
            (0.0, Unit::Ratio, "0 %"),
            (0.31, Unit::Seconds, "310 ms"),
            (1.25, Unit::Seconds, "1.25 s"),
            (212.0, Unit::PerSecond, "212/s"),
            (0.42, Unit::Score, "0.42"),
            (0.000_000_12, Unit::PValue, "1.2e-7"),
            (1_795_406_654.0, Unit::Stamp, "11-23 04:04"),
            (f64::NAN, Unit::Ratio, "NaN %"),
        ] {
            assert_eq!(with_unit(value, unit), want);
        }
        assert_eq!(grouped(12_400), "12,400");
        assert_eq!(grouped(400), "400");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }
}
