//! Every fault of the simulation at every kind of source, seen from the screen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use quarterdeck::domain::fault::Fault as Named;
use quarterdeck::domain::fleet::Fleet;
use quarterdeck::domain::key::{DeploymentKind, SourceId};
use quarterdeck::domain::level::Level;
use quarterdeck::domain::observation::Feed;
use quarterdeck::domain::rules::freshness::Freshness;
use quarterdeck::domain::rules::skew::Skew;
use quarterdeck::domain::settings::Settings;
use quarterdeck::sim::{Fault, SimFleet};
use tokio::sync::Semaphore;

use crate::console::{Console, ENDPOINTS, Pace, calm, settings};
use crate::shown::{assert_frames_are_whole, assert_harmless, assert_texts_are_harmless, places};
use quarterdeck::panes::Place;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Consoles at once: they wait for cadences more than they work.
const AT_ONCE: usize = 22;

/// What must come of a fault at a source.
enum Comes {
    /// A fault of one of these kinds at the source.
    Named(&'static [&'static str]),
    /// The answers can be read in part, or as they are: a fault is possible and not needed.
    Survived,
}

fn all() -> Vec<Fault> {
    vec![
        Fault::Hang,
        Fault::Html500,
        Fault::Json503,
        Fault::Truncated,
        Fault::Huge,
        Fault::InvalidJson,
        Fault::LoginPage,
        Fault::WrongTypes,
        Fault::Nulls,
        Fault::BareNan,
        Fault::UnknownEnums,
        Fault::EscapeSequences,
        Fault::LongNames,
        Fault::DuplicateRows,
        Fault::ClockBackwards,
        Fault::EndlessPages,
        Fault::RateLimited { retry_after: 1 },
        Fault::Redirect {
            to: "http://ana:pw@elsewhere.invalid".to_owned(),
        },
        Fault::Drip,
        Fault::Reset,
        Fault::Unauthorized,
        Fault::Forbidden,
    ]
}

/// What a registry, whose every answer is JSON, shows of a fault.
fn at_registry(fault: &Fault) -> Comes {
    Comes::Named(match fault {
        Fault::Hang | Fault::Drip => &["timeout"],
        Fault::Reset => &["unreachable"],
        Fault::Html500 | Fault::Json503 => &["server"],
        Fault::Huge => &["too-large", "timeout"],
        Fault::Truncated => &["unreachable", "decode"],
        Fault::InvalidJson | Fault::WrongTypes | Fault::Nulls => &["decode"],
        Fault::EndlessPages => &["decode", "timeout"],
        Fault::LoginPage => &["auth", "decode"],
        Fault::RateLimited { .. } => &["rate-limited"],
        Fault::Redirect { .. } => &["redirected"],
        Fault::Unauthorized => &["auth"],
        Fault::Forbidden => &["forbidden"],
        Fault::BareNan
        | Fault::UnknownEnums
        | Fault::EscapeSequences
        | Fault::LongNames
        | Fault::DuplicateRows
        | Fault::ClockBackwards => return Comes::Survived,
    })
}

/// What an endpoint shows of a fault. Health is mostly told by a status alone, so that bad bodies cost
/// it versions and no more.
fn at_endpoint(fault: &Fault, kind: DeploymentKind) -> Comes {
    match fault {
        Fault::Hang
        | Fault::Reset
        | Fault::Html500
        | Fault::Huge
        | Fault::LoginPage
        | Fault::RateLimited { .. }
        | Fault::Redirect { .. }
        | Fault::Unauthorized
        | Fault::Forbidden => at_registry(fault),
        // Here health is in the body.
        Fault::InvalidJson | Fault::Truncated | Fault::Drip
            if kind == DeploymentKind::Tfserving =>
        {
            at_registry(fault)
        }
        _ => Comes::Survived,
    }
}

/// What is known of the fleet, in words.
#[derive(Clone, PartialEq, Debug)]
struct Known {
    /// Name to champion, challenger, versions.
    models: BTreeMap<String, (String, String, usize)>,
    /// Name to what answers.
    endpoints: BTreeMap<String, String>,
}

fn known(fleet: &Fleet) -> Known {
    let text = |p: &Option<quarterdeck::domain::fleet::view::Pointed>| {
        p.as_ref().map(|p| p.text.to_string()).unwrap_or_default()
    };
    Known {
        models: fleet
            .models()
            .map(|m| {
                let facts = (text(&m.champion), text(&m.challenger), m.versions);
                (m.name.to_string(), facts)
            })
            .collect(),
        endpoints: fleet
            .deployments()
            .map(|d| (d.name.to_string(), d.answering_text().to_string()))
            .collect(),
    }
}

fn is_good(console: &Console) -> bool {
    let fleet = console.fleet();
    let read = |feed| {
        console
            .reports
            .iter()
            .any(|r| r.feed == feed && r.fault.is_none())
    };
    read(Feed::Versions)
        && read(Feed::RecentRuns)
        && fleet.sources().all(|(_, _, f)| f == Freshness::Live)
        && fleet.models().len() >= 10
        && fleet.deployments().all(|d| d.read_at.is_some())
}

/// A console that has read everything once. Few start at the same time: what answers slowly once is
/// asked less often from then on.
async fn good(settings: Settings) -> Console {
    static STARTS: Semaphore = Semaphore::const_new(6);
    let _turn = STARTS.acquire().await;
    let mut console = Console::start(settings);
    console.until("good", PATIENCE, is_good).await;
    console
}

/// The sources but one are as good as ever, though one fails. On a busy machine an answer may be late.
async fn others_are_live(console: &mut Console, but: &str, what: &str) {
    let live = |c: &Console| {
        c.fleet()
            .sources()
            .all(|(id, _, fresh)| id.as_str() == but || fresh == Freshness::Live)
    };
    let what = format!("{what}: the others are live");
    console.until(&what, PATIENCE, live).await;
}

/// What ends by the source's own deadline alone.
fn waits(fault: &Fault) -> bool {
    matches!(fault, Fault::Hang | Fault::Drip)
}

/// How a source is asked that is going to show a fault: only one that waits needs a short deadline.
fn pace_for(fault: &Fault) -> Pace {
    if waits(fault) {
        Pace::FAST
    } else {
        Pace::BRISK
    }
}

fn named<'a>(console: &'a Console, source: &str) -> Option<&'a Named> {
    let health = console.fleet().source_health(&SourceId::new(source));
    health.and_then(|h| h.fault())
}

/// The fault is told at its source: its kind, its place, nothing secret, and how old the last good
/// answer is.
fn assert_named(console: &Console, fleet: &SimFleet, source: &str, words: &[&str], what: &str) {
    let id = SourceId::new(source);
    let health = console.fleet().source_health(&id).expect("a source");
    let fault = health.fault().unwrap_or_else(|| panic!("{what}: no fault"));
    assert!(words.contains(&fault.kind.word()), "{what}: {fault:?}");
    let line = fault.line();
    assert_harmless(what, &line);
    let url = fleet.url(source).expect("a server");
    let host = url.trim_start_matches("http://");
    let searched = line.contains("/search") && matches!(fault.kind.word(), "decode");
    assert!(line.contains(host) || searched, "{what}: where? {line}");
    assert!(!line.contains("pw@"), "{what}: {line}");
    assert!(console.good_at(source).is_some(), "{what}: no age");
}

fn registry_claims_nothing(console: &Console, what: &str) {
    for model in console.fleet().models() {
        assert!(
            !matches!(model.level(), Level::Ok | Level::Info),
            "{what}: {} is {:?} while its registry cannot be read",
            model.name,
            model.level()
        );
        assert!(model.read_at.is_some(), "{what}");
    }
}

/// One fault at the registry: the fast feeds and a full sweep of the models meet it.
async fn at_the_registry(fault: Fault) {
    let what = format!("mlflow {fault:?}");
    let fleet = calm().await;
    let others = ["ranker-eu-prod", "eta-prod"];
    let settings = settings(&fleet, &others, |name| {
        if name == "mlflow" {
            pace_for(&fault)
        } else {
            Pace::CALM
        }
    });
    let mut console = good(settings).await;
    let before = known(console.fleet());

    fleet.faults().set("mlflow", fault.clone());
    let mark = console.reports.len();
    let comes = at_registry(&fault);
    console
        .until(&format!("{what}: a sweep"), PATIENCE, |c| {
            c.refresh();
            if fault == Fault::EndlessPages {
                // A feed whose pages never end keeps the others waiting.
                return named(c, "mlflow").is_some();
            }
            let swept = c.polls("mlflow", Feed::Models, mark) > 0;
            let ticked = c.polls("mlflow", Feed::RecentRuns, mark) > 0;
            let told = match comes {
                Comes::Named(_) => c.fresh("mlflow") != Freshness::Live,
                Comes::Survived => c.polls("mlflow", Feed::RecentRuns, mark) > 1,
            };
            swept && ticked && told
        })
        .await;
    others_are_live(&mut console, "mlflow", &what).await;
    let after = known(console.fleet());
    assert_eq!(after.endpoints, before.endpoints, "{what}");
    match comes {
        Comes::Named(words) => {
            assert_named(&console, &fleet, "mlflow", words, &what);
            assert_eq!(after.models, before.models, "{what}");
            if fault != Fault::EndlessPages {
                registry_claims_nothing(&console, &what);
            }
        }
        // A server that gives other names has other models; one that gives the same keeps them.
        Comes::Survived if !matches!(fault, Fault::EscapeSequences | Fault::LongNames) => {
            let names = |k: &Known| k.models.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&after), names(&before), "{what}");
            assert_eq!(
                console.fleet().models().len(),
                before.models.len(),
                "{what}"
            );
        }
        Comes::Survived => assert!(console.fleet().models().len() >= before.models.len()),
    }
    assert_texts_are_harmless(&console, &what);
    let places = places(&console);
    assert_frames_are_whole(&mut console, &places, &what);

    fleet.faults().clear("mlflow");
    let over = console.reports.len();
    console
        .until(&format!("{what}: recovery"), PATIENCE, |c| {
            c.refresh();
            c.polls("mlflow", Feed::Models, over) > 0
                && c.fresh("mlflow") == Freshness::Live
                && known(c.fleet()).models.keys().eq(before.models.keys())
        })
        .await;
    let champions = |k: Known| -> Vec<String> { k.models.into_values().map(|m| m.0).collect() };
    assert_eq!(
        champions(known(console.fleet())),
        champions(before),
        "{what}"
    );
    fleet.stop().await;
}

/// One fault at endpoints, one after another.
async fn at_the_endpoints(fault: Fault, targets: &[(&str, DeploymentKind)]) {
    let fleet = calm().await;
    let pace = |name: &str| match targets {
        _ if name == "mlflow" => Pace::CALM,
        [(target, _)] if *target == name => pace_for(&fault),
        [_] => Pace::CALM,
        _ => Pace::BRISK,
    };
    let names: Vec<&str> = ENDPOINTS.iter().map(|(name, _)| *name).collect();
    let mut console = good(settings(&fleet, &names, pace)).await;
    let before = known(console.fleet());
    for &(server, kind) in targets {
        let what = format!("{server} {kind} {fault:?}");
        fleet.faults().set(server, fault.clone());
        let mark = console.reports.len();
        let comes = at_endpoint(&fault, kind);
        console
            .until(&format!("{what}: told"), PATIENCE, |c| {
                c.refresh();
                match comes {
                    Comes::Named(_) => c.fresh(server) == Freshness::Down,
                    Comes::Survived => c.polls(server, Feed::Endpoint, mark) > 1,
                }
            })
            .await;
        others_are_live(&mut console, server, &what).await;
        let after = known(console.fleet());
        assert_eq!(after.models, before.models, "{what}");
        let view = console.fleet().deployments().find(|d| d.name == server);
        let view = view.unwrap_or_else(|| panic!("{what}: it is gone"));
        assert!(view.read_at.is_some(), "{what}: no age");
        if let Comes::Named(words) = comes {
            assert_named(&console, &fleet, server, words, &what);
            assert_eq!(after.endpoints, before.endpoints, "{what}");
            assert_eq!(view.verdict.level, Level::Crit, "{what}: {view:?}");
        } else {
            // A version in a state that nobody knows may be on its way, until its patience ends.
            let blind = view.skew != Skew::RollingOut
                && view.answering.is_empty()
                && kind != DeploymentKind::MlflowServe;
            let claims = matches!(view.verdict.level, Level::Ok | Level::Info);
            assert!(!(blind && claims), "{what}: {view:?}");
        }
        assert_texts_are_harmless(&console, &what);
        let places = [Place::Triage, Place::Deployments];
        assert_frames_are_whole(&mut console, &places, &what);

        fleet.faults().clear(server);
        let over = console.now().wall;
        console
            .until(&format!("{what}: recovery"), PATIENCE, |c| {
                let read = c.good_at(server).is_some_and(|at| at >= over);
                if !read {
                    c.refresh();
                }
                read && c.fresh(server) == Freshness::Live
                    && known(c.fleet()).endpoints == before.endpoints
            })
            .await;
    }
    fleet.stop().await;
}

/// Runs cases together, some at once.
async fn together<F>(cases: impl Iterator<Item = F>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = tokio::task::JoinSet::new();
    for case in cases {
        let turns = Arc::clone(&turns);
        running.spawn(async move {
            let _turn = turns.acquire_owned().await;
            case.await;
        });
    }
    let mut failed = Vec::new();
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            failed.push(error.to_string());
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_registry_is_named_and_what_it_said_stays() {
    together(all().into_iter().map(at_the_registry)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_endpoint_is_named_and_what_it_said_stays() {
    let cases = all().into_iter().flat_map(|fault| {
        // What ends by time alone is met by one endpoint a console, or each would wait for all.
        let each = if waits(&fault) { 1 } else { ENDPOINTS.len() };
        ENDPOINTS
            .chunks(each)
            .map(move |targets| (fault.clone(), targets))
    });
    together(cases.map(|(fault, targets)| at_the_endpoints(fault, targets))).await;
}
