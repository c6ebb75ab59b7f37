//! How fresh what a source said still is.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::fault::{Fault, FaultKind, Retry};
use crate::domain::observation::{Feed, PollReport};
use crate::domain::settings::Policy;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Since};

/// How old what the last start left behind may be for the moment before a source's first answer.
pub(super) const FRESH_START: Duration = Duration::from_secs(120);

/// Whether what a source said can be relied on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Freshness {
    /// Read within its cadence.
    Live,
    /// Older than it should be.
    Stale,
    /// The source keeps failing.
    Down,
    /// Not asked yet.
    #[default]
    Waiting,
}

impl Freshness {
    /// The word on screen and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Down => "down",
            Self::Waiting => "waiting",
        }
    }
}

/// What is known of one feed of a source.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FeedHealth {
    /// The last time it was asked.
    pub asked_at: Option<Millis>,
    /// The last time it was asked and answered.
    pub good_at: Option<Millis>,
    /// The time before that.
    pub good_before: Option<Millis>,
    /// Why the last poll failed, if it did.
    pub fault: Option<Fault>,
    /// What the last good poll could not read, in words.
    pub partial: Option<Clean>,
    /// Polls failed in a row.
    pub failures: u32,
    /// When the failing began.
    pub failing_since: Option<Millis>,
    /// How long the last poll took.
    pub took: Duration,
    /// When it is asked next.
    pub next_at: Option<Millis>,
    /// The cadence it runs at: from one good poll to the next due one. Waiting after a fault does
    /// not count, or what was read would stay fresh for longer the worse the source does.
    pub every: Duration,
}

/// What is known of a source.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SourceHealth {
    /// By feed.
    pub feeds: BTreeMap<Feed, FeedHealth>,
    /// The server's clock minus ours, where it tells.
    pub clock_skew_ms: Option<i64>,
}

impl SourceHealth {
    /// Takes a poll's outcome in. Reports may arrive in any order; an older one changes nothing.
    pub fn record(&mut self, report: &PollReport) {
        if report.next_at == PollReport::NEVER {
            self.feeds.remove(&report.feed);
            return;
        }
        let feed = self.feeds.entry(report.feed).or_default();
        if feed.asked_at.is_some_and(|at| at > report.asked_at) {
            return;
        }
        feed.asked_at = Some(report.asked_at);
        feed.took = Duration::from_millis(report.took_ms);
        feed.next_at = Some(report.next_at);
        if report.fault.is_none() || feed.every.is_zero() {
            feed.every = report.next_at.since(report.asked_at);
        }
        if report.clock_skew_ms.is_some() {
            self.clock_skew_ms = report.clock_skew_ms;
        }
        if report.fault.is_none() {
            let earlier = feed.good_at.filter(|at| *at < report.asked_at);
            let good_before = earlier.or(feed.good_before);
            *feed = FeedHealth {
                good_at: Some(report.asked_at),
                good_before,
                fault: None,
                partial: report.partial.clone(),
                failures: 0,
                failing_since: None,
                ..feed.clone()
            };
        } else {
            feed.fault.clone_from(&report.fault);
            feed.failures += 1;
            feed.failing_since.get_or_insert(report.asked_at);
        }
    }

    /// The worst fault now, of the feed that has failed longest.
    pub fn fault(&self) -> Option<&Fault> {
        self.feeds
            .values()
            .filter(|f| f.fault.is_some())
            .min_by_key(|f| f.failing_since)
            .and_then(|f| f.fault.as_ref())
    }

    /// What its answers left out, in words: of the first feed that says so.
    pub fn partial(&self) -> Option<&Clean> {
        self.feeds.values().find_map(|f| f.partial.as_ref())
    }

    /// When the failing began, if it fails.
    pub fn failing_since(&self) -> Option<Since> {
        self.feeds
            .values()
            .filter_map(|f| f.failing_since)
            .min()
            .map(Since::Exact)
    }

    /// The newest successful poll of any feed.
    pub fn good_at(&self) -> Option<Millis> {
        self.feeds.values().filter_map(|f| f.good_at).max()
    }
}

/// As many refused connections in a row are no hiccup.
const REFUSED: u32 = 2;
/// The least time by which a probe may be late before it shows.
const LATE: Duration = Duration::from_millis(2_500);

/// Judges one feed.
pub fn judge_feed(kind: Feed, feed: &FeedHealth, policy: &Policy, now: Millis) -> Freshness {
    // A refusal is no hiccup: it will be the same until somebody acts, and is asked for again so
    // slowly that counting polls would hide it for minutes.
    let refused = feed
        .fault
        .as_ref()
        .is_some_and(|f| f.kind.retry() == Retry::Slowly);
    if refused || feed.failures >= policy.down_after_polls {
        return Freshness::Down;
    }
    let Some(good) = feed.good_at else {
        return if feed.failures > 0 {
            Freshness::Down
        } else {
            Freshness::Waiting
        };
    };
    if is_unreachable(feed) && feed.failures >= REFUSED {
        return Freshness::Stale;
    }
    let every = feed.every.max(Duration::from_secs(1));
    // A poll takes its time, and the schedule has jitter: neither makes a fact stale.
    let patience = every * policy.stale_after_polls + feed.took;
    if kind == Feed::Endpoint {
        // An endpoint that hangs fails few polls in much time: what counts is how long it is silent.
        let silent = feed
            .fault
            .as_ref()
            .is_some_and(|f| matches!(f.kind, FaultKind::Timeout | FaultKind::Unreachable));
        if silent && now.since(good) >= every * policy.down_after_polls {
            return Freshness::Down;
        }
        // Whether it answers is what a probe asks: neither a failed one nor one that is on its way
        // for longer than the last ones took can be shown as an answer.
        let late = LATE.max(every / 2).max(feed.took * 2);
        let overdue = feed.next_at.is_some_and(|at| now.since(at) > late);
        if feed.failures > 0 || overdue {
            return Freshness::Stale;
        }
    }
    if now.since(good) > patience {
        Freshness::Stale
    } else {
        Freshness::Live
    }
}

/// Whether the last poll of a feed found nobody to ask.
fn is_unreachable(feed: &FeedHealth) -> bool {
    let fault = feed.fault.as_ref();
    fault.is_some_and(|f| f.kind == FaultKind::Unreachable)
}

/// Whether the last poll of a feed was met with silence.
fn is_hung(feed: &FeedHealth) -> bool {
    let fault = feed.fault.as_ref();
    fault.is_some_and(|f| f.kind == FaultKind::Timeout)
}

/// How often in a row one feed has found nobody, or nobody who answers, while no other feed was answered:
/// what those would find is known without asking. A server that is slow in one thing and answers another
/// is not meant.
fn unanswered(source: &SourceHealth, found: fn(&FeedHealth) -> bool) -> u32 {
    let answered = source.good_at();
    let silent = |feed: &&FeedHealth| {
        let since = feed.failing_since;
        found(feed) && since.is_some_and(|since| answered < Some(since))
    };
    let silent = source.feeds.values().filter(silent);
    silent.map(|feed| feed.failures).max().unwrap_or(0)
}

/// Whether nobody listens or answers at a source now: what one of its feeds still holds for fresh rests on
/// nothing that could be asked again.
pub fn is_silent(source: &SourceHealth) -> bool {
    unanswered(source, is_hung) > 0 || unanswered(source, is_unreachable) >= REFUSED
}

/// Judges a source: as good as its best feed, but never live while a feed is down or while it owes every
/// feed an answer, and down where nobody listens or answers.
pub fn judge(source: &SourceHealth, policy: &Policy, now: Millis) -> Freshness {
    let hung = unanswered(source, is_hung);
    if hung.max(unanswered(source, is_unreachable)) >= policy.down_after_polls {
        return Freshness::Down;
    }
    let each: Vec<_> = source
        .feeds
        .iter()
        .map(|(kind, f)| judge_feed(*kind, f, policy, now))
        .collect();
    let any = |f: Freshness| each.contains(&f);
    match () {
        () if each.is_empty() => Freshness::Waiting,
        () if each.iter().all(|f| *f == Freshness::Down) => Freshness::Down,
        () if any(Freshness::Down) || any(Freshness::Stale) => {
            if any(Freshness::Live) || any(Freshness::Stale) {
                Freshness::Stale
            } else {
                Freshness::Down
            }
        }
        () if any(Freshness::Live) && hung > 0 => Freshness::Stale,
        () if any(Freshness::Live) => Freshness::Live,
        () => Freshness::Waiting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::SourceId;
    use crate::domain::observation::ContextRef;
    use crate::domain::text::Clean;
    use std::sync::Arc;

    fn report(at: i64, fault: Option<FaultKind>) -> PollReport {
        PollReport {
            partial: None,
            context: Arc::new(ContextRef {
                name: Clean::name("t"),
                generation: 0,
            }),
            source: SourceId::new("s"),
            feed: Feed::Models,
            asked_at: Millis(at),
            took_ms: 10,
            clock_skew_ms: None,
            fault: fault.map(|kind| Fault::new(kind, "", "")),
            next_at: Millis(at + 10_000),
        }
    }

    #[test]
    fn never_asked_is_not_fine() {
        assert_eq!(
            judge(&SourceHealth::default(), &Policy::default(), Millis(0)),
            Freshness::Waiting
        );
    }

    #[test]
    fn ages_from_live_to_stale_and_fails_to_down() {
        let policy = Policy::default();
        let mut source = SourceHealth::default();
        source.record(&report(0, None));
        assert_eq!(judge(&source, &policy, Millis(29_000)), Freshness::Live);
        assert_eq!(judge(&source, &policy, Millis(31_000)), Freshness::Stale);
        for at in [40_000, 50_000, 60_000] {
            source.record(&report(at, Some(FaultKind::Timeout)));
        }
        assert_eq!(judge(&source, &policy, Millis(60_000)), Freshness::Down);
        assert_eq!(source.failing_since(), Some(Since::Exact(Millis(40_000))));
        source.record(&report(70_000, None));
        assert_eq!(judge(&source, &policy, Millis(70_000)), Freshness::Live);
        assert_eq!(source.fault(), None);
    }

    #[test]
    fn a_refusal_is_down_at_once_and_waiting_does_not_keep_facts_fresh() {
        let policy = Policy::default();
        let mut source = SourceHealth::default();
        source.record(&report(0, None));
        let mut limited = report(10_000, Some(FaultKind::RateLimited { after: None }));
        limited.next_at = Millis(3_600_000);
        source.record(&limited);
        assert_eq!(judge(&source, &policy, Millis(20_000)), Freshness::Live);
        assert_eq!(judge(&source, &policy, Millis(31_000)), Freshness::Stale);
        source.record(&report(40_000, None));
        source.record(&report(50_000, Some(FaultKind::Auth)));
        assert_eq!(judge(&source, &policy, Millis(50_000)), Freshness::Down);
    }

    #[test]
    fn a_source_that_never_answered_is_down_at_its_first_fault() {
        let mut source = SourceHealth::default();
        source.record(&report(0, Some(FaultKind::Unreachable)));
        assert_eq!(
            judge(&source, &Policy::default(), Millis(1)),
            Freshness::Down
        );
    }

    #[test]
    fn a_feed_that_sleeps_says_nothing_of_its_source() {
        let mut source = SourceHealth::default();
        source.record(&report(0, None));
        let mut open = report(0, Some(FaultKind::NotFound));
        open.feed = Feed::OpenRuns;
        source.record(&open);
        let policy = Policy::default();
        assert_eq!(judge(&source, &policy, Millis(1)), Freshness::Stale);
        open.next_at = PollReport::NEVER;
        source.record(&open);
        assert_eq!(judge(&source, &policy, Millis(1)), Freshness::Live);
    }

    /// An endpoint polled every five seconds that answered at zero.
    fn endpoint(at: i64, took_ms: u64, fault: Option<FaultKind>) -> PollReport {
        PollReport {
            feed: Feed::Endpoint,
            took_ms,
            next_at: Millis(at + i64::try_from(took_ms).unwrap() + 5_000),
            ..report(at, fault)
        }
    }

    #[test]
    fn a_probe_that_is_overdue_is_no_answer() {
        let policy = Policy::default();
        let mut source = SourceHealth::default();
        source.record(&endpoint(0, 10, None));
        assert_eq!(judge(&source, &policy, Millis(7_500)), Freshness::Live);
        assert_eq!(judge(&source, &policy, Millis(7_600)), Freshness::Stale);
        // A registry has time: nobody's requests wait for it.
        source = SourceHealth::default();
        source.record(&report(0, None));
        assert_eq!(judge(&source, &policy, Millis(15_000)), Freshness::Live);
    }

    #[test]
    fn an_endpoint_that_answers_slowly_is_not_overdue_for_it() {
        let policy = Policy::default();
        let mut source = SourceHealth::default();
        source.record(&endpoint(0, 4_000, None));
        // It is due at nine seconds and needs four again.
        assert_eq!(judge(&source, &policy, Millis(16_900)), Freshness::Live);
        assert_eq!(judge(&source, &policy, Millis(17_100)), Freshness::Stale);
        source.record(&endpoint(9_100, 4_500, None));
        assert_eq!(judge(&source, &policy, Millis(17_100)), Freshness::Live);
    }

    #[test]
    fn silence_counts_by_its_time_and_not_by_its_polls() {
        let policy = Policy::default();
        for (kind, late) in [
            (FaultKind::Timeout, Freshness::Down),
            (FaultKind::Unreachable, Freshness::Down),
            // It answers, and asks to wait.
            (FaultKind::RateLimited { after: None }, Freshness::Stale),
        ] {
            let mut source = SourceHealth::default();
            source.record(&endpoint(0, 0, None));
            source.record(&endpoint(5_000, 5_000, Some(kind)));
            assert_eq!(judge(&source, &policy, Millis(10_000)), Freshness::Stale);
            assert_eq!(judge(&source, &policy, Millis(14_900)), Freshness::Stale);
            assert_eq!(judge(&source, &policy, Millis(15_000)), late);
            source.record(&endpoint(15_500, 10, None));
            assert_eq!(judge(&source, &policy, Millis(15_500)), Freshness::Live);
        }
    }

    #[test]
    fn a_refused_connection_is_known_of_every_feed_once_it_is_no_hiccup() {
        let policy = Policy::default();
        let of = |feed, at, fault| PollReport {
            feed,
            ..report(at, fault)
        };
        let mut source = SourceHealth::default();
        source.record(&of(Feed::Versions, 0, None));
        source.record(&of(Feed::WatchedModels, 0, None));
        let mut seen = Vec::new();
        for at in [8_000, 9_500, 11_500] {
            let refused = Some(FaultKind::Unreachable);
            source.record(&of(Feed::WatchedModels, at, refused));
            seen.push(judge(&source, &policy, Millis(at)));
        }
        let (live, stale, down) = (Freshness::Live, Freshness::Stale, Freshness::Down);
        assert_eq!(seen, [live, stale, down]);
        // Somebody answers: what is down is that feed alone.
        source.record(&of(Feed::Versions, 12_000, None));
        assert_eq!(judge(&source, &policy, Millis(12_000)), stale);
        source.record(&of(Feed::WatchedModels, 13_000, None));
        assert_eq!(judge(&source, &policy, Millis(13_000)), live);
    }

    #[test]
    fn a_server_that_answers_nothing_is_told_from_one_that_is_slow_in_one_thing() {
        let policy = Policy::default();
        let of = |feed, at, fault| PollReport {
            feed,
            ..report(at, fault)
        };
        let (live, stale, down) = (Freshness::Live, Freshness::Stale, Freshness::Down);
        for slow in [false, true] {
            let mut source = SourceHealth::default();
            source.record(&of(Feed::Versions, 0, None));
            source.record(&of(Feed::WatchedModels, 0, None));
            let mut seen = Vec::new();
            for at in [8_000, 18_000, 28_000] {
                source.record(&of(Feed::WatchedModels, at, Some(FaultKind::Timeout)));
                seen.push(judge(&source, &policy, Millis(at)));
                if slow {
                    source.record(&of(Feed::Versions, at + 100, None));
                    seen.push(judge(&source, &policy, Millis(at + 100)));
                }
            }
            let want: &[Freshness] = if slow {
                // One thing that keeps failing is never fine.
                &[stale, live, live, live, stale, stale]
            } else {
                &[stale, stale, down]
            };
            assert_eq!(seen, want);
            for feed in [Feed::Versions, Feed::WatchedModels] {
                source.record(&of(feed, 38_000, None));
            }
            assert_eq!(judge(&source, &policy, Millis(38_000)), live);
        }
    }

    #[test]
    fn a_late_report_changes_nothing() {
        let mut source = SourceHealth::default();
        source.record(&report(10, None));
        let before = source.clone();
        source.record(&report(5, Some(FaultKind::Timeout)));
        assert_eq!(source, before);
    }
}
