//! The adapter against real servers: `QUARTERDECK_LIVE_MLFLOW3`, `…2`, `…29` and `…_AUTH` hold URLs.

use std::collections::BTreeSet;

use super::super::Mlflow;
use crate::domain::key::{Key, ModelKey};
use crate::domain::observation::{Answer, Coverage, Feed, Right, Rows, Scope};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::{Auth, SecretRef, SourceKind, SourceSettings};
use crate::domain::text::Clean;
use crate::sources::{Focus, Source as _};

const SERVERS: [&str; 3] = [
    "QUARTERDECK_LIVE_MLFLOW3",
    "QUARTERDECK_LIVE_MLFLOW2",
    "QUARTERDECK_LIVE_MLFLOW29",
];

fn servers() -> Vec<(String, Mlflow)> {
    SERVERS
        .iter()
        .filter_map(|name| {
            let url = std::env::var(name).ok()?;
            let settings = SourceSettings::new("live", SourceKind::Mlflow, &url);
            Some(((*name).to_owned(), Mlflow::new(&settings).expect(name)))
        })
        .collect()
}

async fn poll(source: &Mlflow, feed: Feed, focus: &Focus) -> Answer {
    let answer = source.poll(feed, focus).await;
    answer.unwrap_or_else(|fault| panic!("{feed:?}: {fault}"))
}

#[tokio::test]
#[ignore = "needs running MLflow servers"]
async fn every_feed_and_detail_of_real_servers() {
    let servers = servers();
    assert!(!servers.is_empty(), "no server is named in the environment");
    for (name, source) in servers {
        let none = Focus::default();
        let abilities = source.probe().await.expect("probe");
        assert!(abilities.server.as_str().starts_with("mlflow "), "{name}");

        let answer = poll(&source, Feed::Models, &none).await;
        assert_eq!(answer.coverage, Coverage::Full(Scope::Models));
        assert!(answer.server_time.is_some(), "{name}");
        let Rows::Models(models) = answer.rows else {
            panic!("{name}: models")
        };
        let churn = models
            .iter()
            .find(|m| m.name == "churn")
            .unwrap_or_else(|| panic!("{name}: churn is missing"));
        assert!(churn.alias("champion").is_some(), "{name}");
        assert!(models.iter().all(|m| m.name != "a-prompt"), "{name}");

        let Rows::Versions(versions) = poll(&source, Feed::Versions, &none).await.rows else {
            panic!("{name}: versions")
        };
        assert!(
            models
                .iter()
                .all(|m| versions.iter().any(|v| v.key.model == m.key) || m.aliases.is_empty()),
            "{name}: a model with an alias has no version"
        );
        let Rows::Versions(newest) = poll(&source, Feed::NewestVersions, &none).await.rows else {
            panic!("{name}: newest")
        };
        assert!(!newest.is_empty() && newest.iter().all(|v| versions.contains(v)));

        let watched = Focus {
            models: models.iter().map(|m| m.key.clone()).collect(),
            ..Focus::default()
        };
        for _ in 0..2 {
            let Rows::Models(mut again) = poll(&source, Feed::WatchedModels, &watched).await.rows
            else {
                panic!("{name}: watched")
            };
            let mut want = models.clone();
            want.sort_by(|a, b| a.key.cmp(&b.key));
            again.sort_by(|a, b| a.key.cmp(&b.key));
            assert_eq!(again, want, "{name}");
        }
        let few = Focus {
            models: models.iter().take(3).map(|m| m.key.clone()).collect(),
            ..Focus::default()
        };
        assert_eq!(poll(&source, Feed::WatchedModels, &few).await.rows.len(), 3);
        runs(&name, &source).await;
        details(&name, &source, &churn.key, false).await;
        let fraud = models.iter().find(|m| m.name == "fraud-detector");
        details(&name, &source, &fraud.expect("fraud-detector").key, true).await;
    }
}

async fn runs(name: &str, source: &Mlflow) {
    let none = Focus::default();
    let Rows::Experiments(experiments) = poll(source, Feed::Experiments, &none).await.rows else {
        panic!("{name}: experiments")
    };
    let first = poll(source, Feed::RecentRuns, &none).await;
    assert!(!first.rows.is_empty(), "{name}");
    let second = poll(source, Feed::RecentRuns, &none).await;
    assert!(matches!(second.coverage, Coverage::Tail(_)), "{name}");

    let focus = Focus {
        experiments: experiments.iter().map(|e| e.key.clone()).collect(),
        ..Focus::default()
    };
    let open = poll(source, Feed::OpenRuns, &focus).await;
    let Rows::Runs(open) = open.rows else {
        panic!("{name}: open")
    };
    let tick = poll(source, Feed::OpenRuns, &focus).await;
    let Rows::Runs(tick) = tick.rows else {
        panic!("{name}: tick")
    };
    assert!(tick.len() <= open.len() || tick.len() <= 200, "{name}");

    let run = open
        .iter()
        .max_by_key(|r| r.metrics.len())
        .expect("a run with metrics");
    let with = Focus {
        run: Some(run.key.clone()),
        ..Focus::default()
    };
    let Rows::Runs(one) = poll(source, Feed::OpenRuns, &with).await.rows else {
        panic!("{name}: one")
    };
    assert_eq!(one.len(), 1, "{name}");

    for metric in run.metrics.iter().take(3) {
        for from_step in [None, Some(metric.step)] {
            let Detail::History(found) = source
                .fetch(Query::History {
                    runs: [run.key.clone()].into(),
                    metric: metric.name.key.clone(),
                    points: 320,
                    from_step,
                })
                .await
                .unwrap_or_else(|f| panic!("{name}: {from_step:?} {f}"))
            else {
                panic!("{name}: history")
            };
            assert_eq!(found.len(), 1, "{name} {} {from_step:?}", metric.name.shown);
            let last = found[0].points.last().expect("a point");
            assert_eq!(last.step, metric.step, "{name}");
        }
    }
    let mut rows = BTreeSet::new();
    let mut page = None;
    loop {
        let Detail::Runs { runs, next } = source
            .fetch(Query::Runs {
                experiment: run.experiment.clone(),
                filter: Clean::text("attributes.status != 'KILLED'"),
                limit: 7,
                page,
            })
            .await
            .expect("runs")
        else {
            panic!("{name}: runs")
        };
        rows.extend(runs.iter().map(|r| r.key.clone()));
        page = next;
        if page.is_none() || rows.len() > 50 {
            break;
        }
    }
    assert!(!rows.is_empty(), "{name}");
    let fault = source
        .fetch(Query::Runs {
            experiment: run.experiment.clone(),
            filter: Clean::text("metrics.auc >"),
            limit: 7,
            page: None,
        })
        .await
        .expect_err("syntax");
    assert_eq!(fault.kind.word(), "refused", "{name}: {fault}");
    source
        .fetch(Query::RunArtifacts {
            run: run.key.clone(),
            path: Key::new(""),
        })
        .await
        .unwrap_or_else(|f| panic!("{name}: artifacts {f}"));
}

async fn details(name: &str, source: &Mlflow, model: &ModelKey, packaged: bool) {
    let Detail::Versions(versions) = source
        .fetch(Query::Versions(model.clone()))
        .await
        .expect("versions")
    else {
        panic!("{name}: versions")
    };
    assert!(
        versions
            .windows(2)
            .all(|w| w[0].key.number() > w[1].key.number())
    );
    let mut read = 0;
    for version in &versions {
        match source.fetch(Query::Package(version.key.clone())).await {
            Ok(Detail::Package(package)) => {
                assert!(!package.flavors.is_empty(), "{name}");
                read += 1;
            }
            Ok(_) => panic!("{name}: package"),
            // Versions registered from a place that the server cannot read.
            Err(fault) => assert!(
                matches!(fault.kind.word(), "not-found" | "server" | "refused"),
                "{name}: {fault}"
            ),
        }
        if let Some(model) = &version.logged_model {
            source
                .fetch(Query::LoggedModelArtifacts {
                    model: model.clone(),
                    path: Key::new(""),
                })
                .await
                .unwrap_or_else(|f| panic!("{name}: logged model {f}"));
        }
    }
    assert_eq!(read > 0, packaged, "{name}: {}", model.name.clean());
}

#[tokio::test]
#[ignore = "needs a running MLflow server with basic-auth"]
async fn basic_auth_tells_who_we_are_and_what_we_may() {
    let Ok(url) = std::env::var("QUARTERDECK_LIVE_MLFLOW_AUTH") else {
        return;
    };
    let with = |user: &str, password: &str| {
        let mut settings = SourceSettings::new("auth", SourceKind::Mlflow, &url);
        settings.auth = Auth::Basic {
            user: SecretRef::Env(format!("QUARTERDECK_LIVE_MLFLOW_AUTH_{user}_USER")),
            password: match password {
                "" => SecretRef::Env(format!("QUARTERDECK_LIVE_MLFLOW_AUTH_{user}_PASSWORD")),
                wrong => SecretRef::Inline(wrong.to_owned()),
            },
        };
        Mlflow::new(&settings).expect("source")
    };
    let admin = with("ADMIN", "").probe().await.expect("admin");
    assert_eq!(admin.user.as_ref().map(Clean::as_str), Some("admin"));
    assert!(admin.rights.iter().all(|(_, r)| *r == Right::Allowed));
    let reader = with("READER", "").probe().await.expect("reader");
    assert!(reader.rights.iter().all(|(_, r)| *r != Right::Allowed));
    let wrong = with("READER", "wrong-password").probe().await;
    assert_eq!(wrong.expect_err("wrong").kind.word(), "auth");
    let focus = Focus::default();
    let answer = with("READER", "").poll(Feed::Models, &focus).await;
    assert!(answer.is_ok(), "{answer:?}");
}
