//! A series in one row of eight heights: the shape beside a number, never instead of it.

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

#[cfg(test)]
mod tests {
    use super::*;

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
