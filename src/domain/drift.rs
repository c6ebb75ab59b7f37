//! Drift in detail: two distributions of one column, a report of many, and how a method's score is
//! read. Thresholds and levels are the rules' business.

use std::sync::Arc;

use super::key::Key;
use super::signal::{Direction, Tested};
use super::text::Clean;
use super::time::Millis;

/// How a drift method's score is read. The words are Evidently's, which others have taken over.
///
/// Directions and default thresholds: `evidently/legacy/calculations/stattests/*.py` of 0.7.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Method {
    /// The word, lower-case, or a prefix of it.
    pub word: &'static str,
    /// A few letters for a column of a list.
    pub short: &'static str,
    /// Which way is bad.
    pub direction: Direction,
    /// Whether the line itself counts as drift.
    pub at_line: bool,
    /// The line when nobody sets one.
    pub threshold: f64,
}

const fn low(word: &'static str, short: &'static str, at_line: bool, threshold: f64) -> Method {
    Method {
        word,
        short,
        direction: Direction::LowIsBad,
        at_line,
        threshold,
    }
}

const fn high(word: &'static str, short: &'static str, at_line: bool, threshold: f64) -> Method {
    Method {
        word,
        short,
        direction: Direction::HighIsBad,
        at_line,
        threshold,
    }
}

/// The methods whose direction is known.
const METHODS: [Method; 21] = [
    low("k-s p_value", "K-S p", true, 0.05),
    low("cramer-von mises", "CvM p", true, 0.1),
    low("chi-square p_value", "chi2 p", false, 0.05),
    low("z-test p_value", "Z p", false, 0.05),
    low("t_test", "t p", false, 0.05),
    low("mann-whitney u-rank test", "M-W p", false, 0.05),
    low("epps-singleton", "E-S p", false, 0.05),
    low("anderson-darling", "A-D p", false, 0.1),
    low("fisher's exact test", "Fisher p", false, 0.1),
    low("g_test", "G p", false, 0.1),
    low("empirical_mmd", "MMD p", false, 0.1),
    low("total-variation-distance", "TVD p", false, 0.1),
    high("wasserstein distance", "W-dist", true, 0.1),
    high("jensen-shannon distance", "JS-dist", true, 0.1),
    high("psi", "PSI", true, 0.1),
    high("kullback-leibler divergence", "KL-div", true, 0.1),
    high("hellinger distance", "H-dist", true, 0.1),
    high("energy-distance", "E-dist", false, 0.1),
    high("percentile text content drift", "text %", false, 0.95),
    high("absolute text content drift", "text", false, 0.55),
    high("k-s statistic", "K-S", true, 0.1),
];

impl Method {
    /// The method that a server names; `None` for one whose direction nobody knows.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        METHODS
            .into_iter()
            .find(|m| name == m.word || name.strip_prefix(m.word).is_some_and(is_remark))
    }

    /// The few letters of a method that a server names, where the method is known.
    pub fn short_of(name: &str) -> Option<&'static str> {
        Self::of(name).map(|method| method.short)
    }

    /// Whether two names are of one method, whoever writes them: `psi` is `PSI`.
    pub fn is_same(a: &str, b: &str) -> bool {
        a.eq_ignore_ascii_case(b) || Self::of(a).is_some_and(|known| Some(known) == Self::of(b))
    }

    /// Whether a score means drift at a line.
    pub fn is_drift(self, value: f64, line: f64) -> bool {
        match self.direction {
            Direction::HighIsBad => value > line || (self.at_line && value >= line),
            Direction::LowIsBad => value < line || (self.at_line && value <= line),
            Direction::Neither => false,
        }
    }
}

/// What may follow a method's word: ` (normed)`.
fn is_remark(rest: &str) -> bool {
    rest.starts_with(" (")
}

/// One column's distribution: counts over bins or over categories.
#[derive(Clone, PartialEq, Debug)]
pub enum Bins {
    /// Edges, one more than counts.
    Numbers(Arc<[f64]>),
    /// Names of categories, as many as counts.
    Categories(Arc<[Clean]>),
}

/// A column before and now, over the same bins.
#[derive(Clone, PartialEq, Debug)]
pub struct Distributions {
    /// The bins.
    pub bins: Bins,
    /// How much lies in each bin of the reference: counts, or a density where the report holds that.
    pub reference: Arc<[f64]>,
    /// How much lies in each bin now.
    pub current: Arc<[f64]>,
    /// Whether the numbers are counts.
    pub counts: bool,
    /// The mean, where the report holds it; and quantiles, its own or read from the bins.
    pub moments: Arc<[Moment]>,
}

impl Distributions {
    /// A quantile of both sides, read from the bins: linear within the bin that holds it, as if its values lay
    /// evenly. `None` for categories, and for a side without any value.
    pub fn quantile(&self, name: &str, q: f64) -> Option<Moment> {
        let Bins::Numbers(edges) = &self.bins else {
            return None;
        };
        Some(Moment {
            name: Clean::name(name),
            reference: Some(quantile(edges, &self.reference, q)?),
            current: Some(quantile(edges, &self.current, q)?),
        })
    }
}

/// A bin that holds more of all that is counted does not tell where in it a quantile lies.
const MOST_OF_ALL: f64 = 0.6;

/// The value below which a share `q` of a histogram lies, by linear interpolation within its bin. `None` where that
/// bin is too coarse for one.
fn quantile(edges: &[f64], amounts: &[f64], q: f64) -> Option<f64> {
    let amount = |v: &f64| if v.is_finite() { v.max(0.0) } else { 0.0 };
    let sum: f64 = amounts.iter().map(amount).sum();
    if sum <= 0.0 || edges.len() != amounts.len() + 1 {
        return None;
    }
    let target = sum * q.clamp(0.0, 1.0);
    let mut below = 0.0;
    for (bin, edge) in amounts.iter().map(amount).zip(edges.windows(2)) {
        if bin > 0.0 && below + bin >= target {
            if bin > sum * MOST_OF_ALL {
                return None;
            }
            return Some(edge[0] + (edge[1] - edge[0]) * (target - below) / bin);
        }
        below += bin;
    }
    // Of a sum of floats the last bin may be missed by a hair.
    edges.last().copied()
}

/// A mean or quantile of a column, before and now.
#[derive(Clone, PartialEq, Debug)]
pub struct Moment {
    /// `mean`, `p50` …
    pub name: Clean,
    /// In the reference.
    pub reference: Option<f64>,
    /// Now.
    pub current: Option<f64>,
}

/// One column of a drift report.
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnDrift {
    /// The column.
    pub column: Clean,
    /// The method, as written.
    pub method: Clean,
    /// The score; NaN where the report holds none.
    pub score: f64,
    /// The line that the report names.
    pub threshold: Option<f64>,
    /// Rows behind it.
    pub n: Option<u64>,
    /// Rows of the reference.
    pub reference_n: Option<u64>,
    /// What the report's own test says.
    pub tested: Option<Tested>,
    /// The distributions, where the report holds them.
    pub distributions: Option<Distributions>,
}

/// A drift report, whole.
#[derive(Clone, PartialEq, Debug)]
pub struct DriftReport {
    /// Its id at the server.
    pub id: Key,
    /// Its name or file.
    pub name: Clean,
    /// When it was made.
    pub at: Millis,
    /// How that is known: `timestamp`, `file name` or `file time`.
    pub at_from: &'static str,
    /// The share of drifted columns, as the report counts it.
    pub share: Option<f64>,
    /// The share from which on the report calls the data drifted.
    pub share_line: Option<f64>,
    /// Its columns.
    pub columns: Vec<ColumnDrift>,
    /// Tests of other kinds: name and outcome.
    pub tests: Vec<(Clean, Tested)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_bad_when_low_and_distances_when_high() {
        let ks = Method::of("K-S p_value").expect("known");
        assert!(ks.is_drift(0.05, 0.05) && !ks.is_drift(0.2, 0.05));
        let chi = Method::of("chi-square p_value").expect("known");
        assert!(!chi.is_drift(0.05, 0.05) && chi.is_drift(0.049, 0.05));
        let w = Method::of("Wasserstein distance (normed)").expect("known");
        assert!(w.is_drift(0.1, 0.1) && !w.is_drift(0.09, 0.1));
        assert_eq!(Method::of("psychic distance"), None);
        assert_eq!(Method::of("psi"), Method::of("PSI"));
    }

    fn of(bins: Bins, reference: &[f64], current: &[f64]) -> Distributions {
        Distributions {
            bins,
            reference: reference.into(),
            current: current.into(),
            counts: true,
            moments: Arc::from([]),
        }
    }

    #[test]
    fn quantiles_are_those_of_values_that_lie_evenly_in_their_bins() {
        // 0 to 100 in tens, even: each quantile is its own share; and half of all in each of two bins.
        let edges: Arc<[f64]> = (0..=10).map(|i| f64::from(i) * 10.0).collect();
        let mut one = [0.0; 10];
        (one[3], one[4]) = (7.0, 7.0);
        let both = of(Bins::Numbers(edges), &[12.0; 10], &one);
        for (q, even, within) in [
            (0.05, 5.0, 31.0),
            (0.5, 50.0, 40.0),
            (0.95, 95.0, 49.0),
            (0.0, 0.0, 30.0),
            (1.0, 100.0, 50.0),
        ] {
            let moment = both.quantile("p", q).expect("numbers");
            let near = |a: Option<f64>, b: f64| (a.expect("a value") - b).abs() < 1e-9;
            assert!(near(moment.reference, even), "{q}: {moment:?}");
            assert!(near(moment.current, within), "{q}: {moment:?}");
        }
    }

    #[test]
    fn a_bin_that_holds_nearly_all_tells_no_quantile() {
        // Another unit: all of the reference lies in the first of the bins that the present needs.
        let edges = Bins::Numbers(Arc::from([0.0, 0.45, 0.9, 1.35]));
        let both = of(edges, &[500.0, 0.0, 0.0], &[100.0, 100.0, 100.0]);
        assert_eq!(both.quantile("p50", 0.5), None);
    }

    #[test]
    fn a_side_without_values_and_categories_have_no_quantiles() {
        let edges = || Bins::Numbers(Arc::from([0.0, 1.0, 2.0]));
        assert_eq!(
            of(edges(), &[1.0, 1.0], &[0.0, 0.0]).quantile("p50", 0.5),
            None
        );
        assert_eq!(
            of(edges(), &[f64::NAN, 0.0], &[1.0, 0.0]).quantile("p50", 0.5),
            None
        );
        let names = Bins::Categories(Arc::from(["a", "b"].map(Clean::name)));
        assert_eq!(
            of(names, &[1.0, 1.0], &[1.0, 1.0]).quantile("p50", 0.5),
            None
        );
    }

    #[test]
    fn one_method_has_several_spellings() {
        for (a, b) in [
            ("psi", "PSI"),
            ("Wasserstein distance (normed)", "wasserstein distance"),
            ("My Own", "my own"),
            ("", ""),
        ] {
            assert!(Method::is_same(a, b), "{a} {b}");
        }
        for (a, b) in [("psi", ""), ("K-S p_value", "K-S statistic"), ("a", "b")] {
            assert!(!Method::is_same(a, b), "{a} {b}");
        }
        let mut short: Vec<&str> = METHODS.iter().map(|m| m.short).collect();
        assert!(short.iter().all(|s| s.len() <= 8));
        short.sort_unstable();
        short.dedup();
        assert_eq!(short.len(), METHODS.len(), "each has its own");
    }
}
