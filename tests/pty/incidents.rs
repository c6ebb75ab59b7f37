//! Each scripted incident of the signals: from triage to the named cause, on a small screen, in at most
//! six keys.

use super::harness::{Builder, Pty};

/// The most keys that a cause may be away.
const MOST: usize = 6;

/// A console on the simulated fleet four minutes into its incidents, and the keys typed in it.
struct Night {
    pty: Pty,
    keys: usize,
}

impl Night {
    /// Opens the console; triage shows that this model is in trouble.
    #[track_caller]
    fn begins(model: &str) -> Self {
        let pty = Builder::quarterdeck()
            .args(["demo", "--at", "4m"])
            .size(80, 24)
            .start();
        pty.wait_for("SIMULATED");
        pty.wait_until(&format!("a row of {model}"), |s| {
            let screen = s.contents();
            let mut rows = screen.lines().skip(3).filter(|l| l.contains(model));
            rows.any(|l| l.contains("crit") || l.contains("unkn") || l.contains("warn"))
        });
        Self { pty, keys: 0 }
    }

    /// Types a key and waits until the screen shows `text`.
    #[track_caller]
    fn key(&mut self, key: &str, text: &str) {
        self.keys += 1;
        self.pty.send(key);
        self.pty.wait_for(text);
    }

    /// Filters triage by a few letters, until only rows of this model are left.
    #[track_caller]
    fn filters(&mut self, letters: &str, model: &str) {
        self.key("/", "filter");
        for letter in letters.chars() {
            self.keys += 1;
            self.pty.send(letter.encode_utf8(&mut [0; 4]));
        }
        self.keys += 1;
        self.pty.send("\r");
        self.pty.wait_until(&format!("{model} selected"), |s| {
            let screen = s.contents();
            let mut rows = screen.lines().filter(|l| l.starts_with('›'));
            rows.any(|l| l.contains(model))
        });
    }

    /// The screen names the cause, after few enough keys.
    #[track_caller]
    fn ends(self, cause: &[&str]) {
        for words in cause {
            self.pty.wait_for(words);
        }
        assert!(self.keys <= MOST, "{} keys", self.keys);
    }
}

#[test]
fn concept_drift_is_named_by_the_quality_that_fell_while_inputs_stayed() {
    let mut night = Night::begins("ad-ctr");
    night.filters("ad-", "ad-ctr");
    night.ends(&["concept drift: auc 0.7", "are flat (0/4"]);
}

#[test]
fn a_dead_drift_job_is_named_with_what_moved_it() {
    let mut night = Night::begins("credit-score");
    night.filters("it-", "credit-score");
    night.key("w", "no drift report since");
    night.ends(&["monitoring jobs moved"]);
}

#[test]
fn the_feature_that_drifts_is_named_with_its_score_and_weight() {
    let mut night = Night::begins("demand-forecast");
    night.key("G", "›▲ warn");
    night.key("g", "d its drift");
    night.key("d", "demand-forecast");
    night.ends(&["worst price Wasserstein distance", "›price", "×LINE"]);
}

#[test]
fn a_latency_burn_is_named_with_what_was_loaded_before_it() {
    let mut night = Night::begins("eta-city");
    night.filters("et", "eta-city");
    night.key("w", "eta-city   onset");
    night.ends(&[
        " s > 1 s (1m)",
        "alert ModelLatencyBudgetBurn",
        "routing graph of",
    ]);
}

#[test]
fn a_change_of_unit_is_named_by_its_factor() {
    let mut night = Night::begins("ranker-eu");
    night.filters("ra", "ranker-eu");
    night.key("g", "d its drift");
    night.key("d", "ctr_30d");
    night.ends(&["ctr_30d ×100", "change of unit"]);
}
