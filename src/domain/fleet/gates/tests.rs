//! The sheet from end to end: what is asked for, what is found, what it comes to and what it would touch.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::gate::approval::{self, Approval, Signature};
use crate::domain::gate::{Consequence, Gate, grammar};
use crate::domain::key::{DeploymentKind, ExperimentKey, RegistryKey, RunKey};
use crate::domain::model::{
    Alias, Field, LoggedMetric, ModelVersion, Name, Package, RegisteredModel, Signature as Fields,
    VersionStatus,
};
use crate::domain::observation::{
    ContextRef, Coverage, Feed, Observation, PollReport, Rows, Scope,
};
use crate::domain::query::Detail;
use crate::domain::rules::gates::{GateVerdict, Verdict};
use crate::domain::run::{DatasetUse, LastMetric, Run, RunStatus};
use crate::domain::settings::{
    Context, DeploymentSettings, Follows, Rollout, SourceKind, SourceSettings,
};
use crate::domain::signal::{Measure, Measured, SignalKey, SignalReading};
use crate::domain::text::Clean;
use crate::domain::time::Millis;

const NOW: Millis = Millis(1_795_406_400_000);

fn reference() -> Arc<ContextRef> {
    Arc::new(ContextRef {
        name: Clean::name("test"),
        generation: 0,
    })
}

fn registry() -> Arc<RegistryKey> {
    Arc::new(RegistryKey {
        base: Key::new("http://ml.test"),
        workspace: Key::new(""),
    })
}

fn churn() -> ModelKey {
    ModelKey {
        registry: registry(),
        name: Key::new("churn"),
        created: Millis(1),
    }
}

fn endpoint(name: &str, follows: Follows, environment: &str) -> DeploymentSettings {
    DeploymentSettings {
        name: name.to_owned(),
        kind: DeploymentKind::V2,
        url: format!("http://{name}.test"),
        model: Some("churn".to_owned()),
        served_name: None,
        follows,
        environment: Some(environment.to_owned()),
        version_map: None,
        declared_version: None,
        hold: None,
        rollout: Rollout::V2Load,
        hook: None,
    }
}

fn context(gates: &[(&str, &str, &str)]) -> Context {
    let mlflow = SourceSettings::new("mlflow", SourceKind::Mlflow, "http://ml.test");
    let prom = SourceSettings::new("prom", SourceKind::Prometheus, "http://prom.test");
    let mut context = Context {
        name: Clean::name("test"),
        sources: vec![mlflow, prom],
        deployments: vec![
            endpoint("churn-b", Follows::Default, "staging"),
            endpoint("churn-a", Follows::Default, "prod"),
            endpoint("churn-c", Follows::Version("5".to_owned()), "prod"),
        ],
        ..Context::default()
    };
    if !gates.is_empty() {
        let names = gates.iter().map(|(name, ..)| (*name).to_owned());
        context.policy.gates = Some(names.collect());
    }
    for (name, evidence, rule) in gates {
        let evidence = grammar::evidence(evidence).expect("evidence");
        let rule = grammar::rule(&evidence, rule).expect("a rule");
        let gate = Gate::new(name, evidence, rule);
        context.gates.insert((*name).to_owned(), gate);
    }
    context
}

fn observation(source: &str, feed: Feed, rows: Rows, scope: Scope) -> Observation {
    Observation {
        context: reference(),
        source: SourceId::new(source),
        feed,
        asked_at: NOW,
        server_time: None,
        coverage: Coverage::Full(scope),
        upserts: rows,
        gone: Vec::new(),
    }
}

fn run_key(number: u64) -> RunKey {
    RunKey {
        tracker: registry(),
        id: Key::new(&format!("run-{number}")),
    }
}

fn version(number: u64, tags: &[(&str, &str)]) -> ModelVersion {
    ModelVersion {
        key: VersionKey {
            model: churn(),
            version: Key::new(&number.to_string()),
        },
        version: Clean::name(&number.to_string()),
        created: Millis(i64::try_from(number).expect("small") * 10),
        updated: Millis(1),
        stage: None,
        description: Clean::empty(),
        source: Clean::text("models:/m-1"),
        run: Some(run_key(number)),
        logged_model: Some(Key::new(&format!("m-{number}"))),
        status: VersionStatus::Ready,
        status_message: Clean::empty(),
        tags: tags
            .iter()
            .map(|(k, v)| (Clean::name(k), Clean::text(v)))
            .collect(),
    }
}

/// A fleet with `@champion` at 6, and 7 to be promoted.
fn fleet_with(context: Context, tags: &[(&str, &str)], versions: Vec<ModelVersion>) -> Fleet {
    let mut fleet = Fleet::new(reference(), Arc::new(context));
    let alias = |name: &str, version: &str| Alias {
        name: Name::new(name),
        version: Key::new(version),
    };
    let model = RegisteredModel {
        key: churn(),
        name: Clean::name("churn"),
        updated: Millis(1),
        description: Clean::empty(),
        tags: tags
            .iter()
            .map(|(k, v)| (Clean::name(k), Clean::text(v)))
            .collect(),
        aliases: Arc::from([
            alias("champion", "6"),
            alias("stable", "6"),
            alias("next", "7"),
        ]),
    };
    let rows = [
        observation(
            "mlflow",
            Feed::Models,
            Rows::Models(vec![model]),
            Scope::Models,
        ),
        observation(
            "mlflow",
            Feed::Versions,
            Rows::Versions(versions),
            Scope::Versions,
        ),
    ];
    for rows in rows {
        fleet.merge(rows, NOW);
    }
    for (source, feed) in [
        ("mlflow", Feed::Models),
        ("mlflow", Feed::Versions),
        ("prom", Feed::Signals),
    ] {
        let report = PollReport {
            partial: None,
            context: reference(),
            source: SourceId::new(source),
            feed,
            asked_at: NOW,
            took_ms: 5,
            clock_skew_ms: None,
            fault: None,
            next_at: Millis(NOW.0 + 10_000),
        };
        fleet.record(&report, NOW);
    }
    fleet
}

fn fleet(gates: &[(&str, &str, &str)]) -> Fleet {
    let versions = vec![version(6, &[]), version(7, &[])];
    fleet_with(context(gates), &[], versions)
}

fn promotion() -> Promotion {
    Promotion {
        model: churn(),
        alias: Key::new("champion"),
        to: Key::new("7"),
    }
}

fn run(number: u64, metrics: &[(&str, f64)], digest: &str) -> Run {
    let set = |context: &str, digest: &str| DatasetUse {
        name: Clean::name(context),
        digest: Clean::name(digest),
        context: Clean::name(context),
        source_kind: Clean::empty(),
        source: Clean::empty(),
    };
    let tags = [("mlflow.source.git.commit", "0123456789abcdef")];
    Run {
        key: run_key(number),
        experiment: ExperimentKey {
            tracker: registry(),
            id: Key::new("1"),
        },
        name: Clean::name(&format!("train-{number}")),
        user: Clean::name("ana"),
        status: RunStatus::Finished,
        started: Millis(NOW.0 - 3 * 86_400_000),
        ended: None,
        deleted: false,
        artifacts: Clean::empty(),
        metrics: metrics
            .iter()
            .map(|(name, value)| LastMetric {
                name: Name::new(name),
                value: *value,
                step: 4,
                at: Millis(NOW.0 - 86_400_000),
            })
            .collect(),
        params: Arc::from([]),
        tags: tags
            .iter()
            .map(|(k, v)| (Clean::name(k), Clean::text(v)))
            .collect(),
        // The training data differ from version to version, as they should.
        datasets: Arc::from([
            set("training", &number.to_string()),
            set("validation", digest),
        ]),
        outputs: Arc::from([]),
    }
}

fn package(inputs: &[&str]) -> Package {
    let field = |name: &&str| Field {
        name: Clean::name(name),
        kind: Clean::name("double"),
        required: true,
    };
    Package {
        signature: Some(Fields {
            inputs: inputs.iter().map(field).collect(),
            ..Fields::default()
        }),
        flavors: vec![Clean::name("sklearn")],
        written_by: Clean::empty(),
        environment: vec![Clean::name("requirements.txt")],
        size: Some(1024),
    }
}

/// Answers every question, as a caller does, until nothing more is needed.
fn fetched(
    fleet: &Fleet,
    answer: impl Fn(&Query) -> Result<Detail, Fault>,
) -> (Details, Vec<Query>) {
    let mut details = Details::default();
    let mut asked = Vec::new();
    loop {
        let round = needs(fleet, &details, &promotion());
        if round.is_empty() {
            return (details, asked);
        }
        assert!(asked.len() < 20, "the questions do not end: {asked:?}");
        for (source, query) in round {
            assert_eq!(source, SourceId::new("mlflow"));
            details.absorb(&query, &answer(&query));
            asked.push(query);
        }
    }
}

fn fault() -> Fault {
    Fault::new(FaultKind::NotFound, "GET http://ml.test", "no such thing")
}

fn good(query: &Query) -> Result<Detail, Fault> {
    match query {
        Query::Run(key) if *key == run_key(6) => {
            let metrics = [("val_auc", 0.914), ("dp/A", 0.9), ("n/A", 900.0)];
            Ok(Detail::Run(Box::new(run(6, &metrics, "abc"))))
        }
        Query::Run(_) => {
            let metrics = [
                ("val_auc", 0.921),
                ("dp/A", 0.88),
                ("dp/B", 0.7),
                ("n/A", 900.0),
                ("n/B", 20.0),
            ];
            Ok(Detail::Run(Box::new(run(7, &metrics, "abc"))))
        }
        Query::Package(_) => Ok(Detail::Package(Box::new(package(&["age", "tenure"])))),
        Query::LoggedModel(id) => Ok(Detail::LoggedModel(vec![LoggedMetric {
            name: Name::new("auc"),
            value: if id.raw() == "m-7" { 0.8 } else { 0.9 },
            step: 0,
            at: NOW,
            dataset: Some((Clean::name("holdout"), Clean::name("d1"))),
        }])),
        _ => Err(fault()),
    }
}

fn judged(fleet: &Fleet, details: &Details) -> Sheet {
    sheet(fleet, details, &promotion(), None, NOW).expect("the model is there")
}

fn of<'a>(sheet: &'a Sheet, name: &str) -> &'a GateVerdict {
    let mut all = sheet.verdicts.iter();
    all.find(|v| v.name == *name)
        .unwrap_or_else(|| panic!("no {name} in {:?}", sheet.verdicts))
}

fn told(sheet: &Sheet, name: &str) -> (Verdict, String) {
    let verdict = of(sheet, name);
    (verdict.verdict, verdict.why.to_string())
}

#[test]
fn before_anything_is_read_all_that_waits_is_unknown_and_says_so() {
    let fleet = fleet(&[]);
    let sheet = judged(&fleet, &Details::default());
    assert!(sheet.counts.pending >= 3, "{:?}", sheet.counts);
    assert_eq!(sheet.decide(&BTreeMap::new()), Decision::Pending);
    for verdict in sheet.verdicts.iter().filter(|v| v.pending) {
        assert_eq!(verdict.verdict, Verdict::Unknown);
    }
    assert_eq!(told(&sheet, "ready").0, Verdict::Pass);
}

#[test]
fn the_built_in_gates_of_a_good_candidate_stand_in_no_ones_way() {
    let fleet = fleet(&[]);
    let (details, asked) = fetched(&fleet, good);
    let mut all: Vec<String> = asked.iter().map(|q| format!("{q:?}")).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), asked.len(), "nothing is asked twice");
    assert_eq!(asked.len(), 4, "two runs and two packages: {asked:?}");
    let sheet = judged(&fleet, &details);
    assert_eq!(sheet.from.as_ref().map(|v| v.text.as_str()), Some("v6"));
    assert_eq!(sheet.to.text, "v7");
    assert_eq!(
        told(&sheet, "performance"),
        (Verdict::Pass, "not worse than the champion".to_owned())
    );
    assert_eq!(of(&sheet, "performance").delta_text, "+0.007");
    assert_eq!(told(&sheet, "signature").0, Verdict::Pass);
    assert_eq!(told(&sheet, "reproducible").0, Verdict::Pass);
    let names: Vec<&str> = sheet.verdicts.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(
        names,
        ["ready", "performance", "signature", "reproducible"],
        "what nobody measures is left out"
    );
    assert_eq!(sheet.decide(&BTreeMap::new()), Decision::Clear);
}

#[test]
fn answers_that_fail_end_the_questions_and_are_told() {
    let fleet = fleet(&[]);
    let (details, _) = fetched(&fleet, |_| Err(fault()));
    let sheet = judged(&fleet, &details);
    assert_eq!(sheet.counts.pending, 0);
    for name in ["performance", "signature", "reproducible"] {
        let (verdict, why) = told(&sheet, name);
        assert_eq!(verdict, Verdict::Unknown, "{name}");
        assert!(why.contains("no such thing"), "{name}: {why}");
    }
    let Decision::Reasons(wanting) = sheet.decide(&BTreeMap::new()) else {
        panic!("{sheet:?}");
    };
    assert_eq!(
        wanting,
        ["performance", "signature", "reproducible"].map(Clean::name)
    );
}

#[test]
fn versions_that_are_not_known_are_asked_for_and_then_their_runs() {
    let mut fleet = fleet_with(context(&[]), &[], vec![version(6, &[])]);
    let mut details = Details::default();
    let first = needs(&fleet, &details, &promotion());
    let queries: Vec<&Query> = first.iter().map(|(_, q)| q).collect();
    assert!(queries.contains(&&Query::Versions(churn())));
    assert!(!queries.contains(&&Query::Run(run_key(7))));
    details.absorb(&Query::Versions(churn()), &Ok(Detail::Versions(Vec::new())));
    let missing = judged(&fleet, &details);
    let (verdict, why) = told(&missing, "ready");
    assert_eq!(
        (verdict, why.as_str()),
        (Verdict::Unknown, "the registry holds no v7")
    );
    let both = vec![version(6, &[]), version(7, &[])];
    fleet.put_versions(&SourceId::new("mlflow"), both, NOW, NOW);
    let second = needs(&fleet, &details, &promotion());
    assert!(second.iter().any(|(_, q)| *q == Query::Run(run_key(7))));
}

#[test]
fn metrics_on_other_data_are_not_compared() {
    let fleet = fleet(&[("auc", "run-metric:val_auc", ">= 0.9, drop <= 0.1")]);
    let (details, asked) = fetched(&fleet, |query| match query {
        Query::Run(key) if *key == run_key(6) => {
            Ok(Detail::Run(Box::new(run(6, &[("val_auc", 0.92)], "other"))))
        }
        other => good(other),
    });
    assert_eq!(asked.len(), 2, "packages are not asked for: {asked:?}");
    let sheet = judged(&fleet, &details);
    let (verdict, why) = told(&sheet, "auc");
    assert_eq!(verdict, Verdict::Unknown);
    assert_eq!(
        why,
        "not comparable: evaluated on validation abc, the champion on validation other"
    );
}

#[test]
fn a_logged_models_metric_carries_its_dataset() {
    let fleet = fleet(&[("auc", "model-metric:auc", ">= 0.7, drop <= 0.05")]);
    let (details, _) = fetched(&fleet, good);
    let sheet = judged(&fleet, &details);
    assert_eq!(
        told(&sheet, "auc"),
        (Verdict::Fail, "drop 0.1 > 0.05".to_owned())
    );
}

#[test]
fn groups_of_a_run_metric_are_judged_with_their_rows() {
    let mut context = context(&[("fair", "run-metric:dp/*", ">= 0.8")]);
    if let Some(gate) = context.gates.get_mut("fair") {
        gate.rows = Some("n/*".to_owned());
        gate.min_n = Some(100);
    }
    let fleet = fleet_with(context, &[], vec![version(6, &[]), version(7, &[])]);
    let (details, _) = fetched(&fleet, good);
    let sheet = judged(&fleet, &details);
    let verdict = of(&sheet, "fair");
    assert_eq!(verdict.verdict, Verdict::Unknown, "B has 20 rows");
    let parts: Vec<_> = verdict
        .parts
        .iter()
        .map(|p| (p.part.as_str(), p.n, p.verdict))
        .collect();
    assert_eq!(
        parts,
        [
            ("B", Some(20), Verdict::Unknown),
            ("A", Some(900), Verdict::Pass)
        ]
    );
}

fn reading(measure: Measure, part: &str, version: &str, value: f64, n: u32) -> SignalReading {
    let key = SignalKey {
        model: Key::new("churn"),
        measure,
        part: Key::new(part),
        method: Key::new(match measure {
            Measure::Fairness => "demographic_parity_ratio",
            Measure::FeatureDrift => "PSI",
            _ => "",
        }),
        version: Key::new(version),
        source: SourceId::new("prom"),
    };
    let mut reading = SignalReading::new(key, Measured::of(value));
    reading.at = Some(NOW);
    reading.n = (n > 0).then_some(n);
    reading
}

fn measured(gates: &[(&str, &str, &str)], readings: Vec<SignalReading>) -> Fleet {
    let mut fleet = fleet(gates);
    let rows = Rows::Signals(readings);
    fleet.merge(
        observation("prom", Feed::Signals, rows, Scope::Signals),
        NOW,
    );
    fleet
}

#[test]
fn traffic_counts_for_a_version_only_where_it_is_its_own() {
    let gates = [
        ("errors", "signal:error-ratio", "<= 1 %"),
        ("drift", "signal:drift-share", "<= 30 %"),
    ];
    let fleet = measured(
        &gates,
        vec![
            reading(Measure::ErrorRatio, "", "", 0.001, 0),
            reading(Measure::DriftShare, "", "", 0.07, 12_400),
        ],
    );
    let (details, _) = fetched(&fleet, good);
    let sheet = judged(&fleet, &details);
    let (verdict, why) = told(&sheet, "errors");
    assert_eq!(
        (verdict, why.as_str()),
        (Verdict::Unknown, "nothing measures errors of v7")
    );
    let drift = of(&sheet, "drift");
    assert_eq!(drift.verdict, Verdict::Pass);
    assert_eq!(drift.n, Some(12_400));
    assert_eq!(drift.source, Some(SourceId::new("prom")));
    assert!(drift.why.as_str().ends_with("of all versions together"));

    let own = measured(
        &gates,
        vec![
            reading(Measure::ErrorRatio, "", "6", 0.001, 0),
            reading(Measure::ErrorRatio, "", "v7", 0.04, 0),
        ],
    );
    let sheet = judged(&own, &details);
    assert_eq!(
        told(&sheet, "errors"),
        (Verdict::Fail, "4 % > 1 %".to_owned())
    );
    let champion = of(&sheet, "errors").champion.as_ref();
    assert_eq!(champion.map(|s| s.text.as_str()), Some("0.1 %"));
}

#[test]
fn drifted_features_are_counted_where_no_job_counts_them() {
    let fleet = measured(
        &[("drift", "signal:drift-share", "<= 30 %")],
        vec![
            reading(Measure::FeatureDrift, "age", "", 0.4, 9_000),
            reading(Measure::FeatureDrift, "tenure", "", 0.01, 9_000),
        ],
    );
    let sheet = judged(&fleet, &Details::default());
    let drift = of(&sheet, "drift");
    assert_eq!(drift.verdict, Verdict::Fail);
    assert_eq!(
        drift.why,
        "50 % > 30 %, n 9,000, 1 of 2 features of all versions together"
    );
}

#[test]
fn a_few_features_of_many_do_not_carry_a_gate() {
    let gates = [("drift", "signal:drift-share", "<= 30 %")];
    let of = |broken: u32| {
        let good =
            (0..4).map(|n| reading(Measure::FeatureDrift, &format!("f{n}"), "", 0.01, 9_000));
        let mut rows: Vec<SignalReading> = good.collect();
        rows.extend((0..broken).map(|n| {
            let part = format!("g{n}");
            reading(Measure::FeatureDrift, &part, "", f64::NAN, 9_000)
        }));
        let sheet = judged(&measured(&gates, rows), &Details::default());
        told(&sheet, "drift")
    };
    assert_eq!(
        of(36),
        (
            Verdict::Unknown,
            "the drift of 4 of 40 features can be judged: NaN".to_owned()
        )
    );
    let (verdict, why) = of(1);
    assert_eq!(verdict, Verdict::Pass);
    assert!(why.contains("0 of 4 features, 1 more not judged"), "{why}");
}

#[test]
fn monitored_fairness_is_judged_by_group_and_rows() {
    let gates = [("fairness", "signal:fairness", ">= 0.8")];
    let fleet = measured(
        &gates,
        vec![
            reading(Measure::Fairness, "A", "7", 0.9, 4_000),
            reading(Measure::Fairness, "B", "7", 0.76, 4_000),
            reading(Measure::Fairness, "C", "7", 0.1, 12),
            reading(Measure::Fairness, "B", "6", 0.86, 4_000),
        ],
    );
    let sheet = judged(&fleet, &Details::default());
    let fairness = of(&sheet, "fairness");
    assert_eq!(fairness.verdict, Verdict::Fail);
    assert_eq!(fairness.why, "B: 0.76 < 0.8, n 4,000 (1 of 3 fail)");
    let champion = fairness.champion.as_ref().and_then(|s| s.value);
    assert_eq!(champion, Some(0.86));
    let tiny = fairness.parts.iter().find(|p| p.part == "C");
    assert_eq!(tiny.map(|p| p.verdict), Some(Verdict::Unknown));
}

#[test]
fn serving_that_lacks_an_input_is_told() {
    let fleet = measured(
        &[("consistent", "consistency", "consistent")],
        vec![
            reading(Measure::NullShare, "age", "", 0.0, 9_000),
            reading(Measure::NullShare, "tenure", "", 0.6, 9_000),
        ],
    );
    let (details, asked) = fetched(&fleet, good);
    assert_eq!(asked.len(), 2, "{asked:?}");
    let sheet = judged(&fleet, &details);
    assert_eq!(
        told(&sheet, "consistent"),
        (
            Verdict::Fail,
            "serving does not send tenure missing in 60 %".to_owned()
        )
    );
}

#[test]
fn what_the_promotion_touches_is_counted() {
    let mut fleet = fleet_with(
        context(&[]),
        &[("quarterdeck.jobs", "nightly-score, weekly")],
        vec![version(6, &[]), version(7, &[])],
    );
    let rows = Rows::Signals(vec![reading(Measure::Requests, "", "6", 212.0, 0)]);
    fleet.merge(
        observation("prom", Feed::Signals, rows, Scope::Signals),
        NOW,
    );
    let reach = fleet.reach(&promotion());
    let names: Vec<&str> = reach.followers.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["churn-a", "churn-b"], "production first");
    assert!(reach.followers.iter().all(|f| f.rollout == Rollout::V2Load));
    assert_eq!(reach.others, 1);
    assert_eq!(reach.requests, Some(212.0));
    assert_eq!(reach.beside, [Clean::name("stable")]);
    assert_eq!(reach.at_candidate, [Clean::name("next")]);
    assert_eq!(
        reach.line(&Clean::name("champion"), Some(&Key::new("6"))),
        "2 endpoints follow @champion · 212/s · @stable stays at v6 · jobs nightly-score, weekly"
    );
    let idle = Promotion {
        alias: Key::new("next"),
        ..promotion()
    };
    let reach = fleet.reach(&idle);
    assert_eq!((reach.followers.len(), reach.requests), (0, None));
}

#[test]
fn the_worst_comes_first_and_reasons_are_given_gate_by_gate() {
    let mut context = context(&[
        ("fine", "status", "= ready"),
        ("soft", "version-tag:a", "present"),
        ("hard", "version-tag:b", "present"),
        ("told", "version-tag:c", "present"),
    ]);
    let mut set = |name: &str, on| {
        if let Some(gate) = context.gates.get_mut(name) {
            gate.on_fail = on;
        }
    };
    set("hard", Consequence::Block);
    set("told", Consequence::None);
    let fleet = fleet_with(context.clone(), &[], vec![version(6, &[]), version(7, &[])]);
    let sheet = judged(&fleet, &Details::default());
    let names: Vec<&str> = sheet.verdicts.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["hard", "soft", "told", "fine"]);
    let reason = |name: &str, why: &str| BTreeMap::from([(name.to_owned(), why.to_owned())]);
    let blocked = Decision::Blocked(vec![Clean::name("hard")]);
    assert_eq!(sheet.decide(&reason("hard", "because")), blocked);
    let tagged = vec![version(6, &[]), version(7, &[("b", "yes")])];
    let fleet = fleet_with(context, &[], tagged);
    let sheet = judged(&fleet, &Details::default());
    let wanting = Decision::Reasons(vec![Clean::name("soft")]);
    assert_eq!(sheet.decide(&BTreeMap::new()), wanting);
    assert_eq!(
        sheet.decide(&reason("soft", " \u{200b}\n")),
        wanting,
        "blanks are none"
    );
    assert_eq!(
        sheet.decide(&reason("soft", "agreed with risk")),
        Decision::Clear
    );
    assert_eq!(
        sheet.decide(&reason("sfot", "agreed")),
        Decision::NoSuchGate(vec![Clean::name("sfot")])
    );
}

#[test]
fn what_a_tag_asks_for_in_vain_is_unknown_and_not_unseen() {
    let fleet = fleet_with(
        context(&[("fine", "status", "= ready")]),
        &[("quarterdeck.gates", "nobody-knows")],
        vec![version(6, &[]), version(7, &[])],
    );
    let sheet = judged(&fleet, &Details::default());
    let verdict = of(&sheet, "nobody-knows");
    assert_eq!(verdict.verdict, Verdict::Unknown);
    assert_eq!(verdict.consequence, Consequence::Reason);
}

#[test]
fn an_alias_that_is_new_has_no_champion_and_says_so() {
    let fleet = fleet(&[("auc", "run-metric:val_auc", ">= 0.9, drop <= 0.1")]);
    let new = Promotion {
        alias: Key::new("shadow"),
        ..promotion()
    };
    let mut details = Details::default();
    for (_, query) in needs(&fleet, &details.clone(), &new) {
        details.absorb(&query, &good(&query));
    }
    let sheet = sheet(&fleet, &details, &new, None, NOW).expect("there");
    assert_eq!(sheet.from, None);
    assert_eq!(of(&sheet, "auc").verdict, Verdict::Warn);
    assert!(
        sheet.notes[0].as_str().contains("MANAGE"),
        "{:?}",
        sheet.notes
    );
}

#[test]
fn stages_that_will_not_follow_and_older_versions_are_noted() {
    let mut staged = version(6, &[]);
    staged.stage = Some(Clean::name("Production"));
    let fleet = fleet_with(
        context(&[]),
        &[],
        vec![version(5, &[]), staged, version(7, &[])],
    );
    let sheet = judged(&fleet, &Details::default());
    assert_eq!(
        sheet.notes,
        [Clean::text(
            "stage Production stays at v6: who serves by stage does not see this move"
        )]
    );
    let back = Promotion {
        to: Key::new("5"),
        ..promotion()
    };
    let sheet = super::sheet(&fleet, &Details::default(), &back, None, NOW).expect("there");
    assert!(sheet.notes.contains(&Clean::text("v5 is older than v6")));
}

fn with_approval(approval: &str) -> Fleet {
    let tag = approval::tag("champion");
    let gates = [
        ("auc", "run-metric:val_auc", ">= 0.9"),
        ("errors", "signal:error-ratio", "<= 1 %"),
        ("second", "approval", "claimed"),
    ];
    let versions = vec![version(6, &[]), version(7, &[(&tag, approval)])];
    let mut fleet = fleet_with(context(&gates), &[], versions);
    let rows = Rows::Signals(vec![reading(Measure::ErrorRatio, "", "7", 0.001, 0)]);
    fleet.merge(
        observation("prom", Feed::Signals, rows, Scope::Signals),
        NOW,
    );
    fleet
}

#[test]
fn an_approval_counts_for_the_sheet_it_was_given_for() {
    let bare = with_approval("");
    let (details, _) = fetched(&bare, good);
    let ben = Clean::name("ben");
    let judge = |fleet: &Fleet, details: &Details, who: &Clean| {
        let sheet = sheet(fleet, details, &promotion(), Some(who), NOW).expect("there");
        told(&sheet, "second")
    };
    let before = sheet(&bare, &details, &promotion(), Some(&ben), NOW).expect("there");
    assert_eq!(told(&before, "second").0, Verdict::Fail);
    let ana = Clean::name("ana");
    let until = Millis(NOW.0 + 3_600_000);
    let given = before.approve(&ana, NOW, until, Clean::text("looks good"));
    let text = given.write().expect("fits");
    let fleet = with_approval(&text);
    assert_eq!(approval_to_check(&fleet, &promotion()), None, "not signed");
    let (verdict, why) = judge(&fleet, &details, &ben);
    assert_eq!(
        (verdict, why.as_str()),
        (Verdict::Pass, "claimed by ana: not signed")
    );
    assert_eq!(
        judge(&fleet, &details, &ana).0,
        Verdict::Fail,
        "it takes two"
    );

    let (waits, why) = judge(&fleet, &Details::default(), &ben);
    assert_eq!(waits, Verdict::Unknown, "{why}");

    let other = fetched(&fleet, |query| match query {
        Query::Run(key) if *key == run_key(7) => {
            Ok(Detail::Run(Box::new(run(7, &[("val_auc", 0.93)], "abc"))))
        }
        other => good(other),
    });
    let (verdict, why) = judge(&fleet, &other.0, &ben);
    assert_eq!(verdict, Verdict::Fail, "other evidence");
    assert!(why.contains("approved something else"), "{why}");

    let signed = Approval {
        signature: Some("sig".to_owned()),
        ..given
    };
    let fleet = with_approval(&signed.write().expect("fits"));
    let to_check = approval_to_check(&fleet, &promotion()).expect("signed");
    let checked = SignedApproval {
        approval: to_check,
        outcome: Signature::Valid,
    };
    let after = |signed: &SignedApproval| {
        let mut details = details.clone();
        details.check(signed.clone());
        details
    };
    let (verdict, why) = judge(&fleet, &after(&checked), &ben);
    assert_eq!(
        (verdict, why.as_str()),
        (Verdict::Pass, "ana, signature verified")
    );
    let elsewhere = SignedApproval {
        approval: Approval {
            until: Millis(1),
            ..checked.approval.clone()
        },
        ..checked.clone()
    };
    let (_, why) = judge(&fleet, &after(&elsewhere), &ben);
    assert!(
        why.contains("not checked"),
        "a check of another counts for nothing: {why}"
    );
}

#[test]
fn an_approval_that_cannot_be_read_is_none() {
    let fleet = with_approval("yes, go ahead");
    let (details, _) = fetched(&fleet, good);
    let ben = Clean::name("ben");
    let sheet = sheet(&fleet, &details, &promotion(), Some(&ben), NOW).expect("there");
    let (verdict, why) = told(&sheet, "second");
    assert_eq!(verdict, Verdict::Fail);
    assert!(why.starts_with("the approval cannot be read"), "{why}");
    assert_eq!(sheet.approval, None);
}
