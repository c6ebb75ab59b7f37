//! Outages and restarts as a fleet tells of them: one outage is one change each way, and a restart
//! neither forgets nor repeats.

use super::*;

/// The level changes told since the last call, as phrases.
fn told(fleet: &mut Fleet) -> Vec<String> {
    let changes = fleet.take_observed().into_iter();
    let levels = changes.filter(|c| c.kind == ChangeKind::Level);
    levels.map(|c| c.phrase().to_string()).collect()
}

/// Lets a minute-by-minute clock run, five seconds a step, with what `poll` says at each.
fn run(
    fleet: &mut Fleet,
    from: i64,
    to: i64,
    poll: impl Fn(i64) -> Vec<PollReport>,
) -> Vec<String> {
    let mut phrases = Vec::new();
    for second in (from..to).step_by(5) {
        let now = Millis(second * 1_000);
        for report in poll(second) {
            fleet.record(&report, now);
        }
        fleet.tick(now);
        phrases.extend(told(fleet));
    }
    phrases
}

const FEEDS: [(&str, Feed, i64); 3] = [
    ("mlflow", Feed::Models, 10),
    ("mlflow", Feed::Versions, 30),
    ("fraud-eu", Feed::Endpoint, 10),
];

/// Polls at their cadence; each feed fails from its own second on, for as long.
fn outage(second: i64, begins: [i64; 3], lasts: i64, sources: &[&str]) -> Vec<PollReport> {
    let due = FEEDS
        .iter()
        .zip(begins)
        .filter(|((_, _, every), _)| second % every == 0);
    due.map(|((source, feed, every), begins)| {
        let fails = sources.contains(source) && (begins..begins + lasts).contains(&second);
        let fault = fails.then_some(FaultKind::Timeout);
        let mut report = polled(source, *feed, second * 1_000, fault.clone());
        report.next_at = Millis((second + every) * 1_000);
        report
    })
    .collect()
}

#[test]
fn an_endpoint_that_falls_silent_is_one_change_each_way() {
    let mut fleet = settled();
    // Backed off as the schedule does: late before it is down.
    let polls = |second: i64| {
        let mut reports = outage(second, [0; 3], 0, &[]);
        reports.retain(|r| r.source != SourceId::new("fraud-eu"));
        let fault = match second {
            10 | 200 => None,
            20 | 45 | 110 => Some(FaultKind::Unreachable),
            s if s > 200 && s % 10 == 0 => None,
            _ => return reports,
        };
        let mut report = polled("fraud-eu", Feed::Endpoint, second * 1_000, fault.clone());
        if fault.is_none() {
            report.next_at = Millis((second + 10) * 1_000);
        }
        reports.push(report);
        reports
    };
    let phrases = run(&mut fleet, 5, 400, polls);
    assert_eq!(phrases, ["level ok → crit", "level crit → ok"]);
}

#[test]
fn a_registry_whose_feeds_fail_one_after_another_is_one_change_each_way() {
    let mut fleet = settled();
    let polls = |second| outage(second, [60, 95, 0], 600, &["mlflow"]);
    let phrases = run(&mut fleet, 5, 1_200, polls);
    assert_eq!(phrases, ["level ok → unknown", "level unknown → ok"]);
}

#[test]
fn a_failed_poll_takes_nothing_back() {
    // The champion is a version that the registry does not hold.
    let mut fleet = fleet();
    fleet.merge(models(0, "99"), Millis(0));
    fleet.merge(versions(0, &[12, 13]), Millis(0));
    fleet.merge(answers(0, "13"), Millis(0));
    let calm = |second| outage(second, [0; 3], 0, &[]);
    run(&mut fleet, 0, 60, calm);
    let level = fleet.model(&key()).map(ModelView::level);
    assert_eq!(level, Some(Level::Crit));
    let polls = |second| outage(second, [60, 60, 60], 45, &["mlflow"]);
    assert_eq!(run(&mut fleet, 60, 300, polls), Vec::<String>::new());
}

#[test]
fn a_restart_in_an_outage_tells_nothing_twice_and_knows_since_when() {
    let mut fleet = settled();
    let polls = |second| outage(second, [60, 60, 60], 100_000, &["fraud-eu"]);
    assert_eq!(run(&mut fleet, 5, 300, polls), ["level ok → crit"]);
    let since = fleet.model(&key()).map(ModelView::since);
    assert_eq!(since, Some(Since::Exact(Millis(60_000))));
    let saved = fleet.last_known(Millis(300_000), Vec::new());

    let mut fleet = self::fleet();
    fleet.absorb(saved, Millis(900_000));
    assert_eq!(run(&mut fleet, 900, 1_200, polls), Vec::<String>::new());
    assert_eq!(fleet.model(&key()).map(ModelView::since), since);
    // And the end of it is told once, although another process saw it begin.
    let well = |second| outage(second, [0; 3], 0, &[]);
    assert_eq!(run(&mut fleet, 1_200, 1_500, well), ["level crit → ok"]);
}

#[test]
fn what_went_wrong_while_nobody_watched_has_the_whole_window() {
    let mut fleet = settled();
    let well = |second| outage(second, [0; 3], 0, &[]);
    run(&mut fleet, 5, 300, well);
    let saved = fleet.last_known(Millis(300_000), Vec::new());
    let first = fleet.deployments().next().map(|d| d.since);
    assert_eq!(first, Some(Since::AtLeast(Millis(0))));

    let mut fleet = self::fleet();
    fleet.absorb(saved, Millis(9_000_000));
    let kept = fleet.deployments().next().map(|d| d.since);
    assert_eq!(kept, first, "the first look is not forgotten");
    let polls = |second| outage(second, [0; 3], 100_000, &["fraud-eu"]);
    let mut changes = Vec::new();
    for second in (9_000..9_300).step_by(5) {
        for report in polls(second) {
            fleet.record(&report, Millis(second * 1_000));
        }
        fleet.tick(Millis(second * 1_000));
        changes.extend(fleet.take_observed());
    }
    changes.retain(|c| c.kind == ChangeKind::Level);
    let [change] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(change.phrase(), "level ok → crit");
    assert!(change.not_before <= Millis(300_000), "{change:?}");
    assert!(change.not_after >= Millis(9_000_000), "{change:?}");
}

proptest! {
    #[test]
    fn any_outage_is_at_most_one_change_each_way(
        begins in prop::array::uniform3(12_i64..30),
        lasts in 1_i64..120,
        both in any::<bool>(),
    ) {
        let mut fleet = settled();
        let begins = begins.map(|b| b * 5);
        let lasts = lasts * 5;
        let sources: &[&str] = if both { &["mlflow", "fraud-eu"] } else { &["mlflow"] };
        let phrases = run(&mut fleet, 5, 1_500, |second| outage(second, begins, lasts, sources));
        let worst = if phrases.iter().any(|p| p.contains("crit")) { "crit" } else { "unknown" };
        if !phrases.is_empty() {
            // An endpoint that is back before the registry leaves the model unknown for a while.
            let down = format!("level ok → {worst}");
            prop_assert_eq!(&phrases[0], &down);
            prop_assert!(phrases.len() <= 3, "{:?}", phrases);
            prop_assert!(phrases[phrases.len() - 1].ends_with("→ ok"), "{:?}", phrases);
        }
        prop_assert_eq!(fleet.model(&key()).map(ModelView::level), Some(Level::Ok));
    }
}
