//! How the requests of now are shared out between versions, as far as they are counted by version. Whether that
//! is wanted, nothing here says.

use super::{Monitored, Sample};
use crate::domain::key::Key;
use crate::domain::number::with_unit;
use crate::domain::signal::{Measure, State, Unit};
use crate::domain::wiring;

/// Less than this part of all requests is a probe, or what is left of a rollout.
const LEAST: f64 = 0.01;

/// A version's part of the requests.
#[derive(Clone, PartialEq, Debug)]
pub struct Share {
    /// The version in the monitoring's words.
    pub version: Key,
    /// Its part, above 0 and at most 1.
    pub part: f64,
}

/// `v6 70 %, v5 30 %`, where several versions are asked.
pub fn words(shares: &[Share]) -> Option<String> {
    let word = |share: &Share| {
        let version = wiring::version_text(&share.version);
        format!("{version} {}", with_unit(share.part, Unit::Ratio))
    };
    let words: Vec<String> = shares.iter().map(word).collect();
    (words.len() > 1).then(|| words.join(", "))
}

/// The versions that requests go to, the most asked one first. Of several sources that see requests the first
/// one that tells versions apart speaks: two may count the same ones.
pub fn judge(m: &Monitored<'_>) -> Vec<Share> {
    let told = |s: &&Sample<'_>| {
        !s.is_of_all() && s.state == State::Value && s.value().is_some_and(|v| v > 0.0)
    };
    let all = || m.of(Measure::Requests).iter().filter(told);
    let Some(source) = all().map(|s| &s.reading.key.source).min() else {
        return Vec::new();
    };
    let of = || all().filter(|s| s.reading.key.source == *source);
    let sum: f64 = of().filter_map(Sample::value).sum();
    let mut shares: Vec<Share> = of()
        .filter_map(|s| {
            Some(Share {
                version: s.reading.key.version.clone(),
                part: s.value()? / sum,
            })
        })
        .filter(|share| share.part >= LEAST)
        .collect();
    shares.sort_by(|a, b| b.part.total_cmp(&a.part));
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::signals::testing::{monitored, requests};

    #[test]
    fn versions_that_are_really_asked_share_the_requests() {
        let rows = [
            requests("", 100.0),
            requests("4", 0.0),
            requests("5", 29.5),
            requests("6", 70.0),
            requests("7", 0.5),
        ];
        monitored(&rows, &[], |m| {
            let shares = judge(m);
            let told: Vec<(&str, f64)> = shares.iter().map(|s| (s.version.raw(), s.part)).collect();
            assert_eq!(told, [("6", 0.7), ("5", 0.295)]);
            assert_eq!(words(&shares).as_deref(), Some("v6 70 %, v5 29.5 %"));
            assert_eq!(words(&shares[..1]), None, "all go to one");
        });
        monitored(&rows[..2], &[], |m| assert_eq!(judge(m), []));
    }
}
