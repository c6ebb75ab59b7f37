//! A series in one row: the shape beside a number, never instead of it. Eight heights a column, or two
//! samples a column in braille.

use super::series::extent;
use super::symbols::Symbols;

/// Which way is bad: what a column of several values shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Bad {
    /// High values: the greatest of a column is drawn.
    #[default]
    High,
    /// Low values: the least is drawn.
    Low,
}

/// Draws `values` into exactly `width` columns, newest at the right end. Gaps (NaN) stay empty; a
/// flat series lies on the ground.
pub fn sparkline(values: &[f64], width: usize, bad: Bad, symbols: &Symbols) -> String {
    let columns = bucket(values, width, bad);
    let range = extent(columns.iter().copied());
    let mut out = String::with_capacity(width * 3);
    for _ in columns.len()..width {
        out.push_str(symbols.gap);
    }
    for v in columns {
        let Some((lo, hi)) = range.filter(|_| v.is_finite()) else {
            out.push_str(symbols.gap);
            continue;
        };
        let height = if hi > lo { (v - lo) / (hi - lo) } else { 0.0 };
        out.push_str(symbols.bars[((height * 7.0).round() as usize).min(7)]);
    }
    out
}

fn bucket(values: &[f64], width: usize, bad: Bad) -> Vec<f64> {
    if values.len() <= width {
        return values.to_vec();
    }
    (0..width)
        .map(|i| {
            let part = &values[i * values.len() / width..(i + 1) * values.len() / width];
            let range = extent(part.iter().copied());
            match bad {
                Bad::High => range.map_or(f64::NAN, |r| r.1),
                Bad::Low => range.map_or(f64::NAN, |r| r.0),
            }
        })
        .collect()
}

/// The dots of a column of braille from the ground up, left and right.
const DOTS: [[u8; 4]; 2] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]];

/// Draws `values` into exactly `width` columns as filled braille, two samples a column, newest at the
/// right end; letters where that cannot be drawn. The ground is `range.0` and the top `range.1`, so that
/// several lines compare; without a range the values' own. Gaps (NaN) stay empty.
pub fn dots(
    values: &[f64],
    width: usize,
    bad: Bad,
    range: Option<(f64, f64)>,
    symbols: &Symbols,
) -> String {
    let per = if symbols.ascii { 1 } else { 2 };
    let mut columns = bucket(values, width * per, bad);
    // Newest at the right: what is missing is missing on the left.
    let missing = (width * per).saturating_sub(columns.len());
    columns.splice(0..0, std::iter::repeat_n(f64::NAN, missing));
    let (lo, hi) = range
        .or_else(|| extent(columns.iter().copied()))
        .unwrap_or((0.0, 1.0));
    let share = |v: f64| {
        let at = if hi > lo { (v - lo) / (hi - lo) } else { 0.0 };
        v.is_finite().then(|| at.clamp(0.0, 1.0))
    };
    if symbols.ascii {
        let glyph =
            |v: &f64| share(*v).map_or(symbols.gap, |at| symbols.bars[(at * 7.0).round() as usize]);
        return columns.iter().map(glyph).collect();
    }
    let cell = |pair: &[f64]| {
        let mut bits = 0;
        for (side, value) in DOTS.iter().zip(pair) {
            // Anything is at least one dot high: a zero is no gap.
            let high = share(*value).map_or(0, |at| 1 + (at * 3.0).round() as usize);
            bits = side.iter().take(high).fold(bits, |all, dot| all | dot);
        }
        match bits {
            0 => ' ',
            bits => char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' '),
        }
    };
    columns.chunks(2).map(cell).collect()
}

/// The range of [`dots`] for amounts that a line judges: from zero, or below it, to the greatest value or
/// the line.
pub fn range_to(values: &[f64], line: Option<f64>) -> Option<(f64, f64)> {
    let (lo, hi) = extent(values.iter().copied())?;
    let hi = line.map_or(hi, |line| hi.max(line));
    Some((lo.min(0.0), if hi > 0.0 { hi } else { 1.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braille_holds_two_samples_a_column_and_keeps_gaps() {
        let s = Symbols::UNICODE;
        let got = dots(&[0.0, 3.0, f64::NAN, 3.0], 3, Bad::High, None, &s);
        assert_eq!(got, " \u{28f8}\u{28b8}");
        assert_eq!(dots(&[], 2, Bad::High, None, &s), "  ");
        assert_eq!(
            dots(&[0.0, 0.0], 1, Bad::High, Some((0.0, 1.0)), &s),
            "\u{28c0}"
        );
        let ascii = dots(&[0.0, 1.0, f64::NAN], 4, Bad::High, None, &Symbols::ASCII);
        assert_eq!(ascii, " _# ");
    }

    #[test]
    fn a_line_above_keeps_small_values_small() {
        let range = range_to(&[0.01, 0.02], Some(0.1)).unwrap();
        assert_eq!(range, (0.0, 0.1));
        let low = dots(&[0.01, 0.02], 1, Bad::High, Some(range), &Symbols::UNICODE);
        assert_eq!(low, "\u{28e0}");
        assert_eq!(range_to(&[f64::NAN], Some(1.0)), None);
    }

    #[test]
    fn heights_follow_values_and_gaps_stay_empty() {
        let s = Symbols::UNICODE;
        let got = sparkline(&[0.0, 1.0, f64::NAN, 7.0], 6, Bad::High, &s);
        assert_eq!(got, "  ▁▂ █");
        assert_eq!(sparkline(&[3.0, 3.0], 2, Bad::High, &s), "▁▁");
        assert_eq!(sparkline(&[], 3, Bad::High, &s), "   ");
        assert_eq!(sparkline(&[0.0, 1.0], 2, Bad::High, &Symbols::ASCII), "_#");
    }

    #[test]
    fn a_spike_survives_in_its_bad_direction() {
        let mut values = vec![0.0; 100];
        values[42] = 5.0;
        values[77] = -5.0;
        let high = sparkline(&values, 10, Bad::High, &Symbols::UNICODE);
        assert_eq!(high.chars().nth(4), Some('█'));
        let low = sparkline(&values, 10, Bad::Low, &Symbols::UNICODE);
        assert_eq!(low.chars().nth(7), Some('▁'));
    }
}
