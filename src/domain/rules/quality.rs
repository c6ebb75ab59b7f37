//! A model's quality metric: which one it is, and how it moved from champion to candidate.

use crate::domain::text::Clean;

/// Names that mean "less is better" when they are part of a metric's name.
const LOWER_IS_BETTER: [&str; 48] = [
    "loss",
    "error",
    "errors",
    "rmse",
    "rmsle",
    "mse",
    "msle",
    "mae",
    "mape",
    "smape",
    "wape",
    "wmape",
    "mdape",
    "mase",
    "rae",
    "rse",
    "logloss",
    "nll",
    "entropy",
    "crossentropy",
    "hinge",
    "pinball",
    "crps",
    "fpr",
    "fnr",
    "far",
    "frr",
    "eer",
    "fdr",
    "ece",
    "mce",
    "cer",
    "ter",
    "fid",
    "regret",
    "misclassification",
    "violations",
    "perplexity",
    "latency",
    "deviance",
    "wer",
    "brier",
    "seconds",
    "duration",
    "ms",
    "time",
    "memory",
    "cost",
];

/// Metrics tried in this order when nobody named one.
const CUSTOMARY: [&str; 16] = [
    "val_auc",
    "test_auc",
    "auc",
    "roc_auc",
    "val_f1",
    "f1",
    "f1_score",
    "val_accuracy",
    "accuracy",
    "ndcg",
    "val_rmse",
    "rmse",
    "mae",
    "mape",
    "val_loss",
    "loss",
];

/// Whether more of a metric is better, by the words in its name; taken to be so where they say nothing.
/// Only for what is shown: what is judged goes by [`direction`].
pub fn higher_is_better(metric: &str) -> bool {
    direction(metric).unwrap_or(true)
}

/// Words that mean "more is better" when they are part of a metric's name.
const HIGHER_IS_BETTER: [&str; 38] = [
    "auc",
    "auroc",
    "rocauc",
    "auprc",
    "prauc",
    "aupr",
    "ap",
    "mcc",
    "kappa",
    "gini",
    "tpr",
    "tnr",
    "sensitivity",
    "specificity",
    "hit",
    "hits",
    "lift",
    "iou",
    "dice",
    "jaccard",
    "rouge",
    "meteor",
    "correlation",
    "pearson",
    "spearman",
    "explained",
    "fbeta",
    "acc",
    "accuracy",
    "f1",
    "precision",
    "recall",
    "r2",
    "ndcg",
    "map",
    "mrr",
    "bleu",
    "score",
];

/// Whether more of a metric is better, where its name tells; nothing for a learning rate or a count.
pub fn direction(metric: &str) -> Option<bool> {
    let lower = metric.to_lowercase();
    let words = || lower.split(|c: char| !c.is_ascii_alphanumeric());
    let any = |of: &[&str]| words().any(|word| of.contains(&word));
    match () {
        // scikit-learn's scorers turn errors around: `neg_root_mean_squared_error`.
        () if words().any(|word| word == "neg") => Some(true),
        () if any(&LOWER_IS_BETTER) => Some(false),
        () if any(&HIGHER_IS_BETTER) => Some(true),
        () => None,
    }
}

/// Chooses the quality metric among those that a run has: the named one, else a customary one.
pub fn choose(named: Option<&str>, have: impl Fn(&str) -> bool) -> Option<&str> {
    match named {
        Some(name) => have(name).then_some(name),
        None => CUSTOMARY.into_iter().find(|name| have(name)),
    }
}

/// The quality metric of a model and its movement.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct Quality {
    /// The metric.
    pub metric: Clean,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// Of the champion; NaN if it was logged as such.
    pub champion: Option<f64>,
    /// Of the challenger.
    pub challenger: Option<f64>,
    /// Of the version before the champion.
    pub previous: Option<f64>,
}

impl Quality {
    /// Champion minus the version before it.
    pub fn movement(&self) -> Option<f64> {
        let delta = self.champion? - self.previous?;
        delta.is_finite().then_some(delta)
    }

    /// Whether a movement is for the better.
    pub fn better(&self, delta: f64) -> bool {
        (delta > 0.0) == self.higher_is_better
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direction_follows_the_words_of_the_name() {
        assert!(higher_is_better("val_auc"));
        assert!(!higher_is_better("val_loss"));
        assert!(!higher_is_better("eval/rmse"));
        assert!(!higher_is_better("step_seconds"));
        assert!(
            higher_is_better("glossary_hits"),
            "`loss` inside another word says nothing"
        );
    }

    #[test]
    fn a_name_without_a_known_word_has_no_direction() {
        assert_eq!(direction("val_auc"), Some(true));
        assert_eq!(direction("eval/rmse"), Some(false));
        for lower in ["rmsle", "wape", "val_nll", "cross_entropy", "fpr", "ece@15"] {
            assert_eq!(direction(lower), Some(false), "{lower}");
        }
        assert_eq!(direction("neg_mean_squared_error"), Some(true));
        assert_eq!(direction("learning_rate"), None);
        assert_eq!(direction("mapping"), None);
    }

    #[test]
    fn a_named_metric_is_not_replaced_by_a_customary_one() {
        assert_eq!(choose(Some("psi"), |m| m == "auc"), None);
        assert_eq!(choose(None, |m| m == "rmse" || m == "auc"), Some("auc"));
    }
}
