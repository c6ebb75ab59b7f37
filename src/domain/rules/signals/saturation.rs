//! Capacity that is used up, and requests that wait for it.

use super::words;
use super::{Monitored, worst};
use crate::domain::level::{Level, Reason, ReasonCode};
use crate::domain::signal::Measure;

/// Judges used capacity and the queue, each against its lines: a queue has one only where somebody set
/// it, because how many may wait depends on the server.
pub fn judge(m: &Monitored<'_>) -> Option<Reason> {
    let samples = m.of(Measure::Saturation).iter();
    let sample = worst(samples.chain(m.of(Measure::Queue)))?;
    let level = sample.by_number.filter(|level| *level > Level::Info)?;
    let line = sample.crossed()?;
    let text = words::sentence(sample.measure().title(), sample, line);
    let since = m.over_since(sample, sample.lines.warn.unwrap_or(line));
    Some(sample.finding(ReasonCode::SignalSaturation, level, text, since))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::signals::testing::{monitored, reading};

    #[test]
    fn a_full_server_is_found_and_a_queue_without_a_line_is_not() {
        let queue = reading(Measure::Queue, "", "", 400.0);
        monitored(std::slice::from_ref(&queue), &[], |m| {
            assert_eq!(judge(m), None);
        });
        let full = reading(Measure::Saturation, "", "", 0.97);
        monitored(&[queue, full], &[], |m| {
            let reason = judge(m).expect("a finding");
            assert_eq!(reason.level, Level::Warn);
            assert_eq!(reason.text, "saturation 97 % > 90 %");
        });
    }
}
