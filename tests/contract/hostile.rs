//! Whatever a server answers: every fault of the simulation on every feed of every kind of source.
//! A poll must end in time with an answer or with the fault that it is, show nothing unprintable,
//! list nothing twice, and be as before once the fault is over.

use std::collections::BTreeSet;
use std::time::Duration;

use quarterdeck::domain::deployment::Health;
use quarterdeck::domain::fault::{Fault as Named, FaultKind};
use quarterdeck::domain::key::DeploymentKind;
use quarterdeck::domain::observation::{Answer, Coverage, Feed, Rows};
use quarterdeck::domain::settings::{DeploymentSettings, SourceKind, SourceSettings};
use quarterdeck::sim::{Clock, Fault, ManualClock, Options, Scenario, SimFleet};
use quarterdeck::sources::Focus;

use crate::door::{Door, open};
use crate::serving::Endpoint;

/// How long a source waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one waits for an answer that never comes.
const HASTE: Duration = Duration::from_millis(250);
/// The largest answer that a source takes here.
const MOST_BYTES: u64 = 2 * 1024 * 1024;

struct Subject {
    server: &'static str,
    door: Door,
    /// The same with a short deadline, for what ends by a deadline alone.
    hasty: Door,
    feeds: Vec<Feed>,
}

impl Subject {
    fn new(
        server: &'static str,
        mut settings: SourceSettings,
        deployment: Option<&DeploymentSettings>,
        feeds: Vec<Feed>,
    ) -> Self {
        settings.max_answer = MOST_BYTES;
        let mut within = |limit| {
            settings.timeout = limit;
            settings.probe_timeout = Some(limit);
            open(&settings, deployment).expect("good settings")
        };
        Self {
            server,
            door: within(PATIENCE),
            hasty: within(HASTE),
            feeds,
        }
    }

    fn door(&self, fault: &Fault) -> &Door {
        match fault {
            Fault::Hang | Fault::Drip => &self.hasty,
            _ => &self.door,
        }
    }
}

async fn fleet() -> SimFleet {
    let options = Options {
        clock: Clock::Manual(ManualClock::default()),
        scenario: Scenario::Calm,
        ..Options::default()
    };
    SimFleet::start(options).await.expect("ports on loopback")
}

fn subjects(fleet: &SimFleet) -> Vec<Subject> {
    let url = fleet.url("mlflow").expect("a fleet has an MLflow server");
    let settings = SourceSettings::new("mlflow", SourceKind::Mlflow, url);
    let feeds = vec![
        Feed::Models,
        Feed::Versions,
        Feed::NewestVersions,
        Feed::Experiments,
        Feed::RecentRuns,
    ];
    let mut all = vec![Subject::new("mlflow", settings, None, feeds)];
    for (server, kind) in [
        ("ranker-eu-prod", DeploymentKind::V2),
        ("eta-prod", DeploymentKind::Tfserving),
        ("churn-prod", DeploymentKind::Bentoml),
        ("credit-prod", DeploymentKind::MlflowServe),
    ] {
        let found = fleet.endpoints().iter().find(|e| e.name == server);
        let found = found.expect("the demo's endpoints have these names");
        let model = found.model.as_deref().expect("an endpoint has a model");
        let deployment = Endpoint::new(server, kind, &found.url, model).deployment;
        let kind = SourceKind::Serving(kind);
        let settings = SourceSettings::new(server, kind, &found.url);
        let feeds = vec![Feed::Endpoint];
        all.push(Subject::new(server, settings, Some(&deployment), feeds));
    }
    all
}

/// Faults of the way and the whole answer, and the kinds that they may be called.
fn of_the_way() -> Vec<(Fault, &'static [&'static str])> {
    vec![
        (Fault::Hang, &["timeout"]),
        (Fault::Drip, &["timeout"]),
        (Fault::Reset, &["unreachable"]),
        (Fault::Html500, &["server"]),
        (Fault::Huge, &["too-large", "timeout"]),
        (Fault::LoginPage, &["auth", "decode"]),
        (Fault::RateLimited { retry_after: 7 }, &["rate-limited"]),
        (
            Fault::Redirect {
                to: "http://elsewhere.invalid".to_owned(),
            },
            &["redirected"],
        ),
        (Fault::Unauthorized, &["auth"]),
        (Fault::Forbidden, &["forbidden"]),
    ]
}

/// Faults inside answers that are otherwise plausible: rows may be lost, but not the poll.
fn of_the_rows() -> Vec<Fault> {
    vec![
        Fault::Truncated,
        Fault::InvalidJson,
        Fault::Json503,
        Fault::WrongTypes,
        Fault::Nulls,
        Fault::BareNan,
        Fault::UnknownEnums,
        Fault::EscapeSequences,
        Fault::LongNames,
        Fault::DuplicateRows,
        Fault::ClockBackwards,
        Fault::EndlessPages,
    ]
}

async fn poll(subject: &Subject, feed: Feed) -> Result<Answer, Named> {
    through(&subject.door, subject.server, feed).await
}

async fn through(door: &Door, server: &str, feed: Feed) -> Result<Answer, Named> {
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, door.poll(feed, &Focus::default()))
        .await
        .unwrap_or_else(|_| panic!("{server} {feed:?} does not end"))
}

/// A source that was in trouble is as before, by the same door. A busy machine may need longer than a
/// short deadline, so it is asked again while it is late and no more than that.
async fn recovered(door: &Door, server: &str, feed: Feed) -> Result<Answer, Named> {
    let mut answer = through(door, server, feed).await;
    for _ in 0..40 {
        if !matches!(&answer, Err(fault) if fault.kind == FaultKind::Timeout) {
            break;
        }
        answer = through(door, server, feed).await;
    }
    answer
}

/// Nothing that a terminal would act on may be in any text of an answer or a fault.
fn is_printable(words: &str) -> bool {
    ["\\u{1b}", "\\u{7}", "\\u{9b}", "\\u{202e}", "\\r", "\\n"]
        .iter()
        .all(|bad| !words.contains(bad))
        && words.chars().all(|c| !c.is_control())
}

fn rows_are_unique(rows: &Rows) -> bool {
    fn unique<K: Ord>(keys: impl Iterator<Item = K>, len: usize) -> bool {
        keys.collect::<BTreeSet<_>>().len() == len
    }
    let len = rows.len();
    match rows {
        Rows::Models(rows) => unique(rows.iter().map(|r| &r.key), len),
        Rows::Versions(rows) => unique(rows.iter().map(|r| &r.key), len),
        Rows::Experiments(rows) => unique(rows.iter().map(|r| &r.key), len),
        Rows::Runs(rows) => unique(rows.iter().map(|r| &r.key), len),
        Rows::Signals(rows) => unique(rows.iter().map(|r| &r.key), len),
        Rows::Series(rows) => unique(rows.iter().map(|r| &r.key), len),
        Rows::Alerts(rows) => unique(rows.iter().map(|r| &r.key), len),
        Rows::Annotations(rows) => unique(rows.iter().map(|r| &r.key), len),
        Rows::Served(rows) => unique(rows.iter().map(|r| &r.key), len),
        Rows::Pipelines(rows) => unique(rows.iter().map(|r| &r.key), len),
        Rows::PipelineRuns(rows) => unique(rows.iter().map(|r| &r.key), len),
        Rows::Orchestrators(rows) => unique(rows.iter().map(|r| &r.base), len),
        Rows::Endpoints(rows) => {
            unique(rows.iter().map(|r| &r.key), len)
                && rows
                    .iter()
                    .all(|r| unique(r.versions.iter().map(|v| &v.version), r.versions.len()))
        }
    }
}

#[tokio::test]
async fn faults_of_the_way_are_named() {
    let fleet = fleet().await;
    let subjects = subjects(&fleet);
    for (fault, words) in of_the_way() {
        for subject in &subjects {
            fleet.faults().set(subject.server, fault.clone());
            for feed in &subject.feeds {
                let door = subject.door(&fault);
                match through(door, subject.server, *feed).await {
                    // Health is told without a body: a slow one costs the versions alone.
                    Ok(Answer {
                        rows: Rows::Endpoints(rows),
                        ..
                    }) if fault == Fault::Drip => assert!(
                        rows.iter().all(
                            |r| r.versions.is_empty() && r.message.as_str().contains("timeout")
                        ),
                        "{} {rows:?}",
                        subject.server
                    ),
                    Ok(answer) => panic!("{} {feed:?} {fault:?}: {answer:?}", subject.server),
                    Err(named) => {
                        assert!(
                            words.contains(&named.kind.word()),
                            "{} {feed:?} {fault:?}: {named:?}",
                            subject.server
                        );
                        assert!(is_printable(&named.line()), "{named:?}");
                        let after = Some(Duration::from_secs(7));
                        assert!(
                            !matches!(&named.kind, FaultKind::RateLimited { after: a } if *a != after),
                            "{named:?}"
                        );
                    }
                }
            }
            fleet.faults().clear(subject.server);
            for feed in &subject.feeds {
                let answer = recovered(subject.door(&fault), subject.server, *feed).await;
                assert!(
                    answer.is_ok(),
                    "{} {feed:?} after {fault:?}: {answer:?}",
                    subject.server
                );
            }
        }
    }
}

#[tokio::test]
async fn bad_rows_are_survived() {
    let fleet = fleet().await;
    for fault in of_the_rows() {
        for subject in subjects(&fleet) {
            for feed in &subject.feeds {
                fleet.faults().clear(subject.server);
                let before = poll(&subject, *feed).await.expect("a healthy server");
                fleet.faults().set(subject.server, fault.clone());
                // Pages that never end are followed for long: once is enough.
                let times = if fault == Fault::EndlessPages { 1 } else { 2 };
                for _ in 0..times {
                    let place = format!("{} {feed:?} {fault:?}", subject.server);
                    match poll(&subject, *feed).await {
                        Ok(answer) => {
                            let words = format!("{answer:?}");
                            assert!(is_printable(&words), "{place}: {words}");
                            assert!(rows_are_unique(&answer.rows), "{place}: {words}");
                            assert!(
                                words.len() < 8 * 1024 * 1024,
                                "{place}: {} bytes",
                                words.len()
                            );
                            let whole = matches!(answer.coverage, Coverage::Full(_));
                            if whole && fault == Fault::DuplicateRows {
                                assert_eq!(answer.rows.len(), before.rows.len(), "{place}");
                            }
                        }
                        Err(named) => assert!(is_printable(&named.line()), "{place}: {named:?}"),
                    }
                }
                fleet.faults().clear(subject.server);
                let after = poll(&subject, *feed).await;
                assert!(after.is_ok(), "after {fault:?}: {after:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_endpoint_is_never_healthier_than_its_answer() {
    let fleet = fleet().await;
    for fault in of_the_rows() {
        for subject in subjects(&fleet).into_iter().skip(1) {
            fleet.faults().set(subject.server, fault.clone());
            let answer = poll(&subject, Feed::Endpoint).await;
            fleet.faults().clear(subject.server);
            let Ok(Answer {
                rows: Rows::Endpoints(rows),
                ..
            }) = answer
            else {
                continue;
            };
            // A plain 200 is all that a health route ever says, so a broken body changes nothing
            // there; a refusal does.
            let unwell = fault == Fault::Json503;
            for row in rows {
                assert!(
                    !unwell || row.health != Health::Ready,
                    "{} {fault:?}: {row:?}",
                    subject.server
                );
                let all_unknown = fault == Fault::UnknownEnums
                    && matches!(subject.server, "ranker-eu-prod" | "eta-prod");
                assert!(
                    !all_unknown || row.answering().count() == 0,
                    "{} {fault:?}: {row:?}",
                    subject.server
                );
            }
        }
    }
}
