//! The noise floor: the score that a drift measure gives without any drift, because two samples of one
//! distribution never look quite alike. Nothing here asks whether a score is bad.
//!
//! For two samples of n and m rows over B bins, `Σ (p−q)²/p` is about `(1/n + 1/m) χ²(B−1)`. From it:
//!
//! - PSI is about that sum itself: mean `(B−1)(1/n+1/m)`, standard deviation `√(2(B−1)) (1/n+1/m)`
//!   (Yurdakul and Naranjo, "Statistical properties of the population stability index", 2020).
//! - Kullback-Leibler is about half of it (second-order expansion).
//! - Jensen-Shannon divergence in nats and the squared Hellinger distance are about an eighth of it; the
//!   distances are their roots.
//! - The two-sample Kolmogorov-Smirnov statistic has `√(nm/(n+m)) D` distributed as Kolmogorov's K,
//!   mean 0.8687, standard deviation 0.2603.
//!
//! A p-value has no floor: without drift it is uniform. Wasserstein and energy distances depend on the
//! shape of the data; for them, and for classifiers, no floor is claimed.

/// How many standard deviations above the mean the floor lies: about 97 of 100 scores without drift
/// are below.
const DEVIATIONS: f64 = 2.0;

/// The score below which a measure says nothing, or `None` where no sound formula is known or the rows
/// of window and reference are not both known.
pub fn floor(method: &str, bins: u32, n: Option<u32>, reference: Option<u32>) -> Option<f64> {
    let (n, m) = (f64::from(n?), f64::from(reference?));
    if n < 1.0 || m < 1.0 || bins < 2 {
        return None;
    }
    let rows = 1.0 / n + 1.0 / m;
    let freedom = f64::from(bins - 1);
    let sum = rows * (freedom + DEVIATIONS * (2.0 * freedom).sqrt());
    let is = |word: &str| {
        method
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    // The root of χ² is χ: mean about √(k − ½), standard deviation about √½.
    let root = (rows / 8.0).sqrt() * ((freedom - 0.5).sqrt() + DEVIATIONS * 0.5_f64.sqrt());
    match () {
        () if is("psi") => Some(sum),
        () if is("kullback-leibler divergence") => Some(sum / 2.0),
        () if is("jensen-shannon distance") || is("hellinger distance") => Some(root),
        () if is("jensen-shannon divergence") => Some(sum / 8.0),
        () if is("k-s statistic") => Some((0.8687 + DEVIATIONS * 0.2603) * rows.sqrt()),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, bins: u32, n: u32) -> Option<f64> {
        floor(method, bins, Some(n), Some(20_000))
    }

    #[test]
    fn psi_of_fifty_bins_and_500_rows_is_a_tenth_without_drift() {
        // Mean 49 × (1/500 + 1/20000) = 0.10045, deviation √98 × 0.00205 = 0.0203.
        let floor = of("PSI", 50, 500).expect("a formula");
        assert!(
            (floor - (0.100_45 + 2.0 * 0.020_29)).abs() < 1e-4,
            "{floor}"
        );
    }

    #[test]
    fn jensen_shannon_agrees_with_what_was_measured() {
        // Of 200 windows of 1,000 rows over 50 categories none was over 0.1; of 500 rows 87 % were.
        assert!(of("Jensen-Shannon distance", 50, 1_000).expect("a formula") < 0.1);
        assert!(of("Jensen-Shannon distance", 50, 500).expect("a formula") > 0.1);
        assert_eq!(
            of("Hellinger distance", 10, 700),
            of("jensen-shannon distance", 10, 700)
        );
    }

    #[test]
    fn more_rows_lower_every_floor() {
        for method in [
            "PSI",
            "Kullback-Leibler divergence",
            "Jensen-Shannon distance",
            "Hellinger distance",
            "K-S statistic",
        ] {
            let floors: Vec<f64> = [200, 2_000, 20_000]
                .into_iter()
                .filter_map(|n| of(method, 10, n))
                .collect();
            assert_eq!(floors.len(), 3, "{method}");
            assert!(floors.is_sorted_by(|a, b| a > b), "{method} {floors:?}");
        }
    }

    #[test]
    fn where_no_formula_is_sound_none_is_claimed() {
        for method in [
            "K-S p_value",
            "Wasserstein distance (normed)",
            "psychic",
            "",
        ] {
            assert_eq!(of(method, 10, 1_000), None, "{method}");
        }
        assert_eq!(floor("PSI", 10, None, Some(5)), None);
        assert_eq!(floor("PSI", 10, Some(5), None), None);
        assert_eq!(floor("PSI", 1, Some(5), Some(5)), None);
        assert_eq!(floor("PSI", 10, Some(0), Some(5)), None);
    }
}
