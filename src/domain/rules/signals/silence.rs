//! When the job behind a score was silent: the times in which what is scraped only repeats a run that is
//! too old to go by. Whether it is silent now is an incident, and the monitor's rule.

use std::time::Duration;

use crate::domain::time::Millis;

/// A time in which a job did not run for longer than it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Silence {
    /// Its last run before.
    pub last: Millis,
    /// From here on that run is too old to go by.
    pub from: Millis,
    /// Its next run, or the present.
    pub until: Millis,
    /// Whether it has run again.
    pub is_over: bool,
}

/// The silences between runs, oldest first, and after the last of them until now. `apart` is what lies
/// between two runs as they are known: of a job that runs more often than its runs are read, the ones in
/// between are not seen, and are no silence.
pub fn silences(runs: &[Millis], apart: Duration, limit: Duration, now: Millis) -> Vec<Silence> {
    let unseen = limit.max(apart.saturating_mul(2));
    let between = runs.windows(2).map(|pair| (pair[0], pair[1], unseen, true));
    let after = runs.last().map(|last| (*last, now, limit, false));
    between
        .chain(after)
        .filter(|(last, until, limit, _)| last.plus(*limit) < *until)
        .map(|(last, until, _, is_over)| Silence {
            last,
            from: last.plus(limit),
            until,
            is_over,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(hour: u32) -> Millis {
        Millis(1_795_000_000_000).plus(HOUR * hour)
    }

    fn silence(last: u32, from: u32, until: u32, is_over: bool) -> Silence {
        Silence {
            last: at(last),
            from: at(from),
            until: at(until),
            is_over,
        }
    }

    #[test]
    fn a_job_is_silent_from_its_limit_to_its_next_run_or_to_now() {
        let runs = [at(0), at(1), at(2), at(20), at(21)];
        let told = |now| silences(&runs, HOUR, HOUR * 6, at(now));
        let before = silence(2, 8, 20, true);
        assert_eq!(told(22), [before]);
        assert_eq!(told(27), [before], "at the limit it is not too late");
        assert_eq!(told(28), [before, silence(21, 27, 28, false)]);
        assert_eq!(silences(&[], HOUR, HOUR, at(9)), []);
    }

    #[test]
    fn runs_that_are_read_more_seldom_than_the_job_runs_are_no_silence() {
        let runs = [at(0), at(1), at(2)];
        let minutes = Duration::from_secs(90);
        assert_eq!(silences(&runs, HOUR, minutes, at(2)), []);
        assert_eq!(silences(&runs, HOUR, minutes, at(3)).len(), 1);
    }
}
