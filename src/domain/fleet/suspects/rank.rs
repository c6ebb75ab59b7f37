//! How suspicious something is: which part of the list it belongs to, and its place there.

use std::time::Duration;

use super::Touch;
use crate::domain::key::ModelKey;
use crate::domain::time::Millis;

/// What something that happened may be to the trouble in question. The order is that of lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// It touches the model, or names none, and came before: it may be the cause.
    Cause,
    /// It touches the model and follows from trouble, came later, or changes nothing that answers.
    Beside,
    /// It happened to another model.
    Elsewhere,
}

/// What kind of thing happened, as far as causes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Nature {
    /// It changes what answers, or what it rests on.
    Move,
    /// An endpoint stopped or came back: the first that is seen of trouble.
    Sign,
    /// It follows from trouble, only says something of it, or has changed nothing yet.
    Effect,
}

/// How much later than an onset something may seem to have come and still be its cause: clocks differ, and
/// so do the looks that found either.
const CLOCKS: Duration = Duration::from_secs(60);

/// A moment in question and what is asked of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    pub model: Option<&'a ModelKey>,
    pub at: Millis,
    /// How much later than the moment trouble may have begun: a silent job died some time after its last word.
    pub slack: Duration,
    pub from: Millis,
    pub to: Millis,
}

/// Where something stands in the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rank {
    pub lead_ms: i64,
    pub part: Part,
    pub cost: f64,
}

impl Moment<'_> {
    /// Whether a time lies within what is asked about.
    pub(super) fn holds(&self, at: Millis) -> bool {
        at >= self.from && at <= self.to
    }

    /// Where something stands that had happened by `at`, in a window before it.
    pub(super) fn rank(&self, at: Millis, within: Duration, touch: Touch, nature: Nature) -> Rank {
        let lead_ms = self.at.0.saturating_sub(at.0);
        let late = at.minus(within) > self.at.plus(self.slack.max(CLOCKS));
        let part = match touch {
            Touch::Other => Part::Elsewhere,
            _ if nature == Nature::Move && !late => Part::Cause,
            Touch::Model | Touch::Anyone => Part::Beside,
        };
        Rank {
            lead_ms,
            part,
            cost: cost(lead_ms, within, touch, nature),
        }
    }
}

/// How suspicious something is: minutes to the onset, weighed. What comes after its effect is no cause, a
/// level or an alert is an effect itself, and what touches another model is far-fetched.
pub(super) fn cost(lead_ms: i64, within: Duration, touch: Touch, nature: Nature) -> f64 {
    // Of a window, the end that lies nearer to the onset counts.
    let wide = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
    let from_start = lead_ms.saturating_add(wide);
    let late = from_start < 0;
    let (least, weight) = match nature {
        Nature::Move => (1.0, 1.0),
        Nature::Sign => (4.0, 4.0),
        Nature::Effect => (4.0, 8.0),
    };
    let nearer = lead_ms.unsigned_abs().min(from_start.unsigned_abs());
    let minutes = nearer as f64 / 60_000.0 + least;
    let far = match touch {
        Touch::Model => 1.0,
        Touch::Anyone => 2.5,
        Touch::Other => 12.0,
    };
    minutes * far * if late { 6.0 } else { 1.0 } * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn what_came_just_before_and_touches_the_model_is_the_first_suspect() {
        let none = Duration::ZERO;
        let promotion = cost(8 * MINUTE, none, Touch::Model, Nature::Move);
        let earlier = cost(50 * MINUTE, none, Touch::Model, Nature::Move);
        let feed = cost(12 * MINUTE, none, Touch::Anyone, Nature::Move);
        let alert = cost(2 * MINUTE, none, Touch::Model, Nature::Effect);
        let elsewhere = cost(8 * MINUTE, none, Touch::Other, Nature::Move);
        let after = cost(-8 * MINUTE, none, Touch::Model, Nature::Move);
        let order = [promotion, feed, alert, earlier, after, elsewhere];
        assert!(order.windows(2).all(|w| w[0] < w[1]), "{order:?}");
    }

    #[test]
    fn a_window_that_reaches_over_the_onset_may_hold_the_cause() {
        let wide = Duration::from_secs(600);
        let may = cost(-4 * MINUTE, wide, Touch::Model, Nature::Move);
        let narrow = Duration::from_secs(60);
        let cannot = cost(-4 * MINUTE, narrow, Touch::Model, Nature::Move);
        assert!(may < cannot);
        // It was so 10 minutes before the onset and no longer 7 hours after it.
        let long = Duration::from_secs(430 * 60);
        let may = cost(-420 * MINUTE, long, Touch::Model, Nature::Move);
        let earlier = cost(180 * MINUTE, Duration::ZERO, Touch::Model, Nature::Move);
        assert!(may < earlier);
    }

    #[test]
    fn what_touches_the_model_comes_before_what_does_not_however_close_that_is() {
        let moment = Moment {
            model: None,
            at: Millis(0),
            slack: Duration::ZERO,
            from: Millis(-600 * MINUTE),
            to: Millis(60 * MINUTE),
        };
        let part = |at: i64, touch, nature| {
            let rank = moment.rank(Millis(at * MINUTE), Duration::ZERO, touch, nature);
            rank.part
        };
        let own = part(-300, Touch::Model, Nature::Move);
        let level = part(1, Touch::Model, Nature::Effect);
        let later = part(2, Touch::Model, Nature::Move);
        let elsewhere = part(-1, Touch::Other, Nature::Move);
        assert_eq!((own, level), (Part::Cause, Part::Beside));
        assert_eq!((later, elsewhere), (Part::Beside, Part::Elsewhere));
        assert!(Part::Cause < Part::Beside && Part::Beside < Part::Elsewhere);
        // A job that fell silent died some time after its last word.
        let silent = Moment {
            slack: Duration::from_secs(3_600),
            ..moment
        };
        let after = silent.rank(
            Millis(6 * MINUTE),
            Duration::ZERO,
            Touch::Model,
            Nature::Move,
        );
        assert_eq!(after.part, Part::Cause);
    }
}
