//! A small fleet for the tests of panes: a promotion whose serving did not follow, a model that got
//! worse, an endpoint that cannot tell, one that is silent, and models nobody serves.

mod facts;

use std::sync::Arc;
use std::time::Duration;

use crate::domain::action::Writes;
use crate::domain::change::{Change, ChangeKind, Origin, Subject};
use crate::domain::deployment::{EndpointReading, Health, Known, ServedState, ServedVersion};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::fleet::Fleet;
use crate::domain::key::{DeploymentKey, DeploymentKind, ExperimentKey, Key, SourceId};
use crate::domain::model::RegisteredModel;
use crate::domain::observation::{
    ContextRef, Coverage, FactKey, Feed, Observation, PollReport, Rows, Scope,
};
use crate::domain::run::Experiment;
use crate::domain::settings::{
    Context, DeploymentSettings, Follows, Rollout, SourceKind, SourceSettings,
};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Window};
use crate::panes::Cx;
use crate::ui::testing::NOW;

/// The one registry and tracker.
pub(crate) const SOURCE: &str = "mlflow";

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

use self::facts::tags;
pub(crate) use self::facts::{
    ago, model, model_key, package, run, run_key, tracker, version, version_key,
};

fn deployment(name: &str, kind: DeploymentKind, model: &str) -> DeploymentSettings {
    DeploymentSettings {
        name: name.to_owned(),
        kind,
        url: format!("http://{name}.test"),
        model: Some(model.to_owned()),
        served_name: None,
        follows: Follows::Default,
        environment: Some("prod".to_owned()),
        version_map: None,
        declared_version: None,
        hold: None,
        rollout: Rollout::None,
        hook: None,
    }
}

/// The key of a deployment of the test fleet.
pub(crate) fn deployment_key(name: &str, kind: DeploymentKind, model: &str) -> DeploymentKey {
    deployment(name, kind, model).key()
}

fn reading(key: DeploymentKey, name: &str, version: Option<&str>) -> EndpointReading {
    EndpointReading {
        key,
        name: Clean::name(name),
        health: Health::Ready,
        message: Clean::empty(),
        versions: version
            .into_iter()
            .map(|v| ServedVersion {
                version: Key::new(v),
                known: Known::Reported,
                state: ServedState::Answering,
                message: Clean::empty(),
            })
            .collect(),
        default_version: None,
        server: Clean::name("mlserver 1.7.1"),
        latency: Some(Duration::from_millis(4)),
        versions_unread: Clean::empty(),
        versions_at: None,
    }
}

/// The endpoints of the fleet: name, kind, model, and the version that answers.
const ENDPOINTS: [(&str, DeploymentKind, &str, Option<&str>); 5] = [
    ("fraud-eu", DeploymentKind::V2, "fraud-detector", Some("13")),
    ("fraud-us", DeploymentKind::V2, "fraud-detector", Some("14")),
    ("churn-api", DeploymentKind::V2, "churn", Some("7")),
    ("eta-serve", DeploymentKind::MlflowServe, "eta-city", None),
    ("basket-tf", DeploymentKind::Tfserving, "basket", None),
];

fn context() -> Context {
    let mut context = Context {
        name: Clean::name("prod"),
        ..Context::default()
    };
    context.sources.push(SourceSettings::new(
        SOURCE,
        SourceKind::Mlflow,
        "http://mlflow.test:5000",
    ));
    for (name, kind, model, _) in ENDPOINTS {
        let settings = deployment(name, kind, model);
        context.sources.push(SourceSettings::new(
            name,
            SourceKind::Serving(kind),
            &settings.url,
        ));
        context.deployments.push(settings);
    }
    context
}

/// A fleet that has its settings and has asked nobody yet.
pub(crate) fn waiting() -> Fleet {
    waiting_with(|_| {})
}

/// The same with its settings touched up.
pub(crate) fn waiting_with(edit: impl FnOnce(&mut Context)) -> Fleet {
    let mut context = context();
    edit(&mut context);
    let reference = ContextRef {
        name: context.name.clone(),
        generation: 0,
    };
    Fleet::new(Arc::new(reference), Arc::new(context))
}

/// A fleet without a source.
pub(crate) fn unconfigured() -> Fleet {
    let reference = ContextRef {
        name: Clean::name("none"),
        generation: 0,
    };
    Fleet::new(Arc::new(reference), Arc::new(Context::default()))
}

/// Tells the fleet what a source answered now.
pub(crate) fn observe(fleet: &mut Fleet, source: &str, feed: Feed, coverage: Coverage, rows: Rows) {
    let observation = Observation {
        context: fleet.context().clone(),
        source: SourceId::new(source),
        feed,
        asked_at: NOW.wall,
        server_time: None,
        coverage,
        upserts: rows,
        gone: Vec::new(),
    };
    fleet.merge(observation, NOW.wall);
}

/// Tells the fleet that facts are gone.
pub(crate) fn gone(fleet: &mut Fleet, keys: Vec<FactKey>, at: Millis) {
    let observation = Observation {
        context: fleet.context().clone(),
        source: SourceId::new(SOURCE),
        feed: Feed::Models,
        asked_at: at,
        server_time: None,
        coverage: Coverage::Full(Scope::Models),
        upserts: Rows::Models(Vec::new()),
        gone: keys,
    };
    fleet.merge(observation, at);
}

/// Records a poll of a source.
pub(crate) fn polled(
    fleet: &mut Fleet,
    source: &str,
    feed: Feed,
    at: Millis,
    fault: Option<FaultKind>,
) {
    let report = PollReport {
        partial: None,
        context: fleet.context().clone(),
        source: SourceId::new(source),
        feed,
        asked_at: at,
        took_ms: 12,
        clock_skew_ms: None,
        fault: fault.map(|kind| Fault::new(kind, "", "connection refused")),
        next_at: at.plus(Duration::from_secs(10)),
    };
    fleet.record(&report, at);
}

/// Records a poll of a source that was answered and left something out.
pub(crate) fn polled_in_part(fleet: &mut Fleet, source: &str, feed: Feed, what: &str) {
    let at = NOW.wall;
    let report = PollReport {
        partial: Some(Clean::text(what)),
        context: fleet.context().clone(),
        source: SourceId::new(source),
        feed,
        asked_at: at,
        took_ms: 12,
        clock_skew_ms: None,
        fault: None,
        next_at: at.plus(Duration::from_secs(10)),
    };
    fleet.record(&report, at);
}

/// A change of a model or of a deployment.
pub(crate) fn change(
    subject: Subject,
    kind: ChangeKind,
    (from, to): (&str, &str),
    (not_before, not_after): (i64, i64),
    actor: Option<&str>,
) -> Change {
    Change {
        subject,
        kind,
        from: Clean::name(from),
        to: Clean::name(to),
        not_before: ago(not_before),
        not_after: ago(not_after),
        actor: actor.map(Clean::name),
        origin: Origin::Observed,
        evidence: Clean::text("two looks at the registry"),
    }
}

fn history() -> Vec<Change> {
    let fraud = || Subject::Model(model_key("fraud-detector"));
    let eu = || {
        Subject::Deployment(deployment_key(
            "fraud-eu",
            DeploymentKind::V2,
            "fraud-detector",
        ))
    };
    let us = Subject::Deployment(deployment_key(
        "fraud-us",
        DeploymentKind::V2,
        "fraud-detector",
    ));
    let champion = || ChangeKind::Alias(Clean::name("champion"));
    vec![
        change(
            fraud(),
            champion(),
            ("v12", "v13"),
            (9 * DAY, 9 * DAY - 20_000),
            Some("ben"),
        ),
        change(
            eu(),
            ChangeKind::Served,
            ("v12", "v13"),
            (9 * DAY - 40_000, 9 * DAY - 120_000),
            None,
        ),
        change(
            fraud(),
            ChangeKind::NewVersion,
            ("", "v14"),
            (26 * HOUR, 26 * HOUR),
            Some("ci-bot"),
        ),
        change(
            fraud(),
            ChangeKind::NewVersion,
            ("", "v15"),
            (3 * HOUR, 3 * HOUR),
            Some("ci-bot"),
        ),
        change(
            fraud(),
            champion(),
            ("v13", "v14"),
            (14 * MINUTE, 14 * MINUTE - 10_000),
            Some("ana"),
        ),
        change(
            us,
            ChangeKind::Served,
            ("v13", "v14"),
            (13 * MINUTE, 13 * MINUTE - 5_000),
            None,
        ),
        change(
            fraud(),
            ChangeKind::Level,
            ("ok", "crit"),
            (4 * MINUTE, 4 * MINUTE),
            None,
        ),
        change(
            Subject::Model(model_key("churn")),
            champion(),
            ("v6", "v7"),
            (6 * DAY + 9 * HOUR, 6 * DAY),
            Some("cleo"),
        ),
    ]
}

/// The registered models of the fleet.
pub(crate) fn registered() -> Vec<RegisteredModel> {
    vec![
        model(
            "fraud-detector",
            &[("champion", "14"), ("challenger", "15")],
            &[
                ("quarterdeck.owner", "risk-ml"),
                ("quarterdeck.runbook", "https://wiki.test/fraud"),
                ("team", "risk"),
            ],
        ),
        model("churn", &[("champion", "7")], &[("owner", "growth")]),
        model("eta-city", &[("champion", "31")], &[("owner", "mobility")]),
        model("basket", &[("champion", "3")], &[("owner", "shop")]),
        model("ranker-eu", &[("champion", "4")], &[("owner", "search")]),
        model("demand-forecast-weekly-north", &[], &[]),
    ]
}

/// The fleet at [`NOW`]: every source has just been asked.
pub(crate) fn fleet() -> Fleet {
    fleet_with(|_| {})
}

/// The same with its settings touched up.
#[expect(clippy::too_many_lines, reason = "one fleet, told from top to bottom")]
pub(crate) fn fleet_with(edit: impl FnOnce(&mut Context)) -> Fleet {
    let mut fleet = waiting_with(edit);
    // The first looks lie an hour back, so that nothing began just now.
    polled(&mut fleet, SOURCE, Feed::Models, ago(HOUR), None);
    polled(&mut fleet, SOURCE, Feed::Versions, ago(HOUR), None);
    fleet.remember(history(), ago(HOUR));
    observe(
        &mut fleet,
        SOURCE,
        Feed::Experiments,
        Coverage::Full(Scope::Experiments),
        Rows::Experiments(vec![Experiment {
            key: ExperimentKey {
                tracker: tracker(),
                id: Key::new("1"),
            },
            name: Clean::name("fraud-training"),
            created: ago(400 * DAY),
            updated: ago(400 * DAY),
            tags: tags(&[]),
        }]),
    );
    observe(
        &mut fleet,
        SOURCE,
        Feed::Models,
        Coverage::Full(Scope::Models),
        Rows::Models(registered()),
    );
    let mut versions = vec![
        version("fraud-detector", "15", 3 * HOUR),
        version("fraud-detector", "14", 26 * HOUR),
        version("fraud-detector", "13", 10 * DAY),
        version("fraud-detector", "12", 40 * DAY),
        version("churn", "7", 7 * DAY),
        version("churn", "6", 60 * DAY),
        version("eta-city", "31", 2 * DAY),
        version("basket", "3", 120 * DAY),
        version("ranker-eu", "4", 30 * DAY),
        version("demand-forecast-weekly-north", "1", 5 * HOUR),
    ];
    versions[0].tags = tags(&[("quarterdeck.actor", "ci-bot")]);
    versions[1].description = Clean::text("Trained on the fourth quarter; adds device age.");
    versions[3].stage = Some(Clean::name("Archived"));
    observe(
        &mut fleet,
        SOURCE,
        Feed::Versions,
        Coverage::Full(Scope::Versions),
        Rows::Versions(versions),
    );
    let runs = [
        run("run-fraud-detector-15", "val_auc", 0.938, 4 * HOUR),
        run("run-fraud-detector-14", "val_auc", 0.941, 27 * HOUR),
        run("run-fraud-detector-13", "val_auc", 0.934, 10 * DAY),
        run("run-churn-7", "auc", 0.871, 7 * DAY),
        run("run-churn-6", "auc", 0.914, 60 * DAY),
        run("run-eta-city-31", "rmse", 4.21, 2 * DAY),
        run("run-ranker-eu-4", "ndcg", f64::NAN, 30 * DAY),
    ];
    fleet.put_runs(&runs, NOW.wall, NOW.wall);
    let inputs = [
        ("amount", "double", true),
        ("country", "string", true),
        ("tenure", "long", true),
    ];
    fleet.set_package(
        version_key("fraud-detector", "14"),
        Some(package(&inputs)),
        NOW.wall,
    );
    let changed = [
        ("amount", "float", true),
        ("country", "string", true),
        ("device_age", "double", false),
    ];
    fleet.set_package(
        version_key("fraud-detector", "15"),
        Some(package(&changed)),
        NOW.wall,
    );
    for feed in [Feed::Models, Feed::Versions, Feed::Experiments] {
        polled(&mut fleet, SOURCE, feed, NOW.wall, None);
    }
    for (name, kind, model, answers) in ENDPOINTS {
        if name == "basket-tf" {
            for n in (0..3).rev() {
                let fault = Some(FaultKind::Unreachable);
                polled(
                    &mut fleet,
                    name,
                    Feed::Endpoint,
                    ago(n * 10_000 + 22 * MINUTE),
                    fault,
                );
            }
            continue;
        }
        let key = deployment_key(name, kind, model);
        let rows = Rows::Endpoints(vec![reading(key, name, answers)]);
        observe(&mut fleet, name, Feed::Endpoint, Coverage::Partial, rows);
        polled(&mut fleet, name, Feed::Endpoint, NOW.wall, None);
    }
    fleet.tick(NOW.wall);
    fleet.take_observed();
    fleet
}

/// What a pane reads of a fleet, on a screen.
pub(crate) fn cx(fleet: &Fleet, screen: (u16, u16)) -> Cx<'_> {
    static NO_WRITES: Writes = Writes::new();
    Cx {
        fleet,
        writes: &NO_WRITES,
        now: NOW,
        window: Window::default(),
        screen,
    }
}

/// The body of a frame, drawn: the pane's rows only.
pub(crate) fn drawn(
    pane: &mut dyn crate::panes::Pane,
    fleet: &Fleet,
    screen: (u16, u16),
) -> ratatui::buffer::Buffer {
    drawn_as(pane, fleet, &crate::ui::testing::look(screen.0, screen.1))
}

/// The same in any look.
pub(crate) fn drawn_as(
    pane: &mut dyn crate::panes::Pane,
    fleet: &Fleet,
    look: &crate::ui::look::Look,
) -> ratatui::buffer::Buffer {
    let cx = cx(fleet, (look.columns, look.rows));
    // Header, tabs, message line and footer are the root's.
    let area = ratatui::layout::Rect::new(0, 0, look.columns, look.rows - 4);
    // The first frame tells the pane how many rows it has.
    pane.refresh(&cx);
    let mut buf = ratatui::buffer::Buffer::empty(area);
    if let Some(page) = pane.view(&cx, look, area, &mut buf).page {
        pane.set_page(page);
    }
    let mut buf = ratatui::buffer::Buffer::empty(area);
    pane.view(&cx, look, area, &mut buf);
    // For a look with the eye: QUARTERDECK_PICTURES=DIR leaves each frame there as SVG.
    if let Some(dir) = std::env::var_os("QUARTERDECK_PICTURES") {
        let name =
            format!("{}-{}x{}.svg", pane.title(&cx), look.columns, look.rows).replace(' ', "-");
        let picture = crate::ui::export::svg(&buf, &look.theme);
        std::fs::write(std::path::Path::new(&dir).join(name), picture)
            .expect("the picture is written");
    }
    buf
}
