//! What was deleted while nobody watched: the last start's state, and then an actor's messages.

use super::*;
use crate::domain::fleet::Fleet;
use crate::domain::last_known::LastKnown;
use crate::domain::settings::{Context, SourceKind, SourceSettings};
use crate::runtime::testing::context;

fn fleet() -> Fleet {
    let mlflow = SourceSettings::new("scripted", SourceKind::Mlflow, "http://ml.test");
    let settings = Context {
        sources: vec![mlflow],
        ..Context::default()
    };
    Fleet::new(context(), Arc::new(settings))
}

/// What a process left that had read two models, the first with three versions.
async fn left() -> LastKnown {
    let mut bench = start(
        &[(Feed::Models, 60), (Feed::Versions, 60)],
        |feed, _| match feed {
            Feed::Models => few(),
            _ => {
                let rows = [("a", 1), ("a", 2), ("a", 3), ("b", 1)];
                let rows = rows.map(|(name, number)| version(name, number));
                Reply::Rows(
                    Coverage::Full(Scope::Versions),
                    Rows::Versions(rows.to_vec()),
                )
            }
        },
    );
    let mut fleet = fleet();
    let now = Millis(1_000_000);
    let mut reports = 0;
    while reports < 2 {
        reports += usize::from(take(&mut fleet, bench.next().await, now));
    }
    fleet.last_known(now, Vec::new())
}

/// Takes a message in; whether it was the report of a poll.
fn take(fleet: &mut Fleet, msg: Msg, now: Millis) -> bool {
    match msg {
        Msg::Observed(observation) => {
            fleet.merge(*observation, now);
            false
        }
        Msg::Polled(report) => {
            fleet.record(&report, now);
            true
        }
        _ => false,
    }
}

fn held(fleet: &Fleet) -> (Vec<String>, usize) {
    let names = fleet.models().map(|m| m.name.to_string()).collect();
    (names, fleet.versions(&model_key("a")).len())
}

#[tokio::test(start_paused = true)]
async fn a_sweep_takes_out_what_was_deleted_meanwhile_and_not_before_its_last_page() {
    let mut fleet = fleet();
    fleet.absorb(left().await, Millis(1_000_000));
    let both = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(held(&fleet), (both.clone(), 3));

    // An hour later: b and one version of a are gone, and the first sweeps fail.
    tokio::time::sleep(3_600 * SECOND).await;
    let (source, _) = Scripted::new(
        &[(Feed::Models, 60), (Feed::Versions, 60)],
        |feed, turn| match (feed, turn) {
            (Feed::Models, 0) => Reply::Fault(FaultKind::Server(500)),
            (Feed::Models, _) => all_models(vec![model("a", 1)]),
            (_, 0) => {
                let page = Rows::Versions(vec![version("a", 1)]);
                Reply::Pages(vec![page], Coverage::Partial)
            }
            _ => {
                let page = |number| Rows::Versions(vec![version("a", number)]);
                Reply::Pages(vec![page(1), page(3)], Coverage::Full(Scope::Versions))
            }
        },
    );
    let (mut around, mut messages) = around(64);
    around.clock = Arc::new(Clock::from(Millis(4_600_000)));
    let (_requests, asked) = mpsc::channel(16);
    let _task = run(source, around, asked);
    // Two of each: which feed is asked first after a fault is the schedule's affair.
    let mut ended: Vec<Feed> = Vec::new();
    let twice = |ended: &[Feed], feed| ended.iter().filter(|f| **f == feed).count() >= 2;
    while !(twice(&ended, Feed::Models) && twice(&ended, Feed::Versions)) {
        let msg = messages.recv().await.unwrap();
        let feed = match &msg {
            Msg::Observed(o) => Some((o.feed, o.coverage != Coverage::Partial)),
            Msg::Polled(report) => Some((report.feed, false)),
            _ => None,
        };
        let before = held(&fleet);
        let is_report = take(&mut fleet, msg, Millis(4_600_000));
        match feed {
            Some((feed, _)) if is_report => ended.push(feed),
            Some((_, false)) => assert_eq!(held(&fleet), before, "a part takes nothing out"),
            _ => {}
        }
    }
    assert_eq!(held(&fleet), (both[..1].to_vec(), 2));
    let left = fleet.versions(&model_key("a")).iter();
    let left: Vec<String> = left.map(|h| h.fact.version.to_string()).collect();
    assert_eq!(left, ["3", "1"]);
}
