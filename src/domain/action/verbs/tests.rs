//! Plans against a small fleet: one registry, one model with versions 5 to 7, endpoints as each test wants
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::basis::NoPlan;
use super::edit::EditRequest;
use super::marks::{MarkRequest, Purpose};
use super::promote::PromoteRequest;
use super::rollback::{self, RollBackRequest};
use super::shift::Gates;
use super::silence::{self, SilenceRequest};
use super::{Planning, Wish, edit, marks, promote, texts};
use crate::domain::action::Pin;
use crate::domain::action::{
    Act, Actor, Friction, GateNote, Matcher, Plan, PlanId, Seen, Step, Tagged, Verb, Wanting,
    Weight, Writes,
};
use crate::domain::change::{Change, ChangeKind, Origin, Subject};
use crate::domain::deployment::{EndpointReading, Health, Known, ServedState, ServedVersion};
use crate::domain::fault::{Fault, FaultKind};
use crate::domain::fleet::Fleet;
use crate::domain::fleet::gates::Details;
use crate::domain::key::{DeploymentKind, Key, ModelKey, RegistryKey, SourceId, VersionKey};
use crate::domain::mark::{self, Mark};
use crate::domain::model::{Alias, ModelVersion, Name, RegisteredModel, VersionStatus};
use crate::domain::observation::{
    ContextRef, Coverage, Feed, Observation, PollReport, Right, Rows, Scope,
};
use crate::domain::query::{Detail, Query, Texts};
use crate::domain::settings::{
    Context, DeploymentSettings, Follows, Hook, HookKind, Rollout, SourceKind, SourceSettings,
    VersionMap,
};
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::domain::writing::Order;

#[path = "annotating_tests.rs"]
mod annotating;
#[path = "claiming_tests.rs"]
mod claims;
#[path = "rollout_tests.rs"]
mod rollouts;

/// The present of these tests, in seconds.
const NOW: i64 = 100_000;

fn at(seconds: i64) -> Millis {
    Millis(seconds * 1_000)
}

fn churn() -> ModelKey {
    ModelKey {
        registry: Arc::new(RegistryKey {
            base: Key::new("http://ml.test"),
            workspace: Key::new(""),
        }),
        name: Key::new("churn"),
        created: Millis(1),
    }
}

fn reference() -> Arc<ContextRef> {
    Arc::new(ContextRef {
        name: Clean::name("prod"),
        generation: 0,
    })
}

fn deployment(rollout: Rollout) -> DeploymentSettings {
    DeploymentSettings {
        name: "churn-prod".to_owned(),
        kind: DeploymentKind::V2,
        url: "http://serve.test".to_owned(),
        model: Some("churn".to_owned()),
        served_name: None,
        follows: Follows::Default,
        environment: None,
        version_map: None,
        declared_version: None,
        hold: None,
        rollout,
        hook: None,
    }
}

fn context(deployments: Vec<DeploymentSettings>) -> Context {
    let mut sources = vec![
        SourceSettings::new("mlflow", SourceKind::Mlflow, "http://ml.test"),
        SourceSettings::new("am", SourceKind::Alertmanager, "http://am.test"),
        SourceSettings::new("graf", SourceKind::Grafana, "http://graf.test"),
    ];
    for deployment in &deployments {
        sources.push(SourceSettings::new(
            &deployment.name,
            SourceKind::Serving(deployment.kind),
            &deployment.url,
        ));
    }
    Context {
        name: Clean::name("prod"),
        sources,
        deployments,
        ..Context::default()
    }
}

fn version(number: u32) -> ModelVersion {
    ModelVersion {
        key: VersionKey {
            model: churn(),
            version: Key::new(&number.to_string()),
        },
        version: Clean::name(&number.to_string()),
        created: at(i64::from(number)),
        updated: at(1),
        stage: None,
        description: Clean::empty(),
        source: Clean::empty(),
        run: None,
        logged_model: None,
        status: VersionStatus::Ready,
        status_message: Clean::empty(),
        tags: Arc::from([]),
    }
}

fn model(aliases: &[(&str, &str)], tags: &[(&str, &str)]) -> RegisteredModel {
    let alias = |(name, version): &(&str, &str)| Alias {
        name: Name::new(name),
        version: Key::new(version),
    };
    RegisteredModel {
        key: churn(),
        name: Clean::name("churn"),
        updated: at(1),
        description: Clean::empty(),
        tags: tags
            .iter()
            .map(|(key, value)| (Clean::name(key), Clean::text(value)))
            .collect(),
        aliases: aliases.iter().map(alias).collect(),
    }
}

fn reading(settings: &DeploymentSettings, words: &[&str]) -> EndpointReading {
    EndpointReading {
        key: settings.key(),
        name: Clean::name(&settings.name),
        health: Health::Ready,
        message: Clean::empty(),
        versions: words
            .iter()
            .map(|word| ServedVersion {
                // A word with a tilde is that of a version that loads.
                version: Key::new(word.trim_start_matches('~')),
                known: Known::Reported,
                state: if word.starts_with('~') {
                    ServedState::Loading
                } else {
                    ServedState::Answering
                },
                message: Clean::empty(),
            })
            .collect(),
        default_version: None,
        server: Clean::name("mlserver"),
        latency: None,
        versions_unread: Clean::empty(),
        versions_at: None,
    }
}

/// What a fleet is made of.
struct Made {
    context: Context,
    model: RegisteredModel,
    versions: Vec<ModelVersion>,
    /// Words that each deployment answers, with spaces between them.
    answers: Vec<&'static str>,
    skew_ms: i64,
    fault: bool,
}

impl Made {
    fn new(deployments: Vec<DeploymentSettings>) -> Self {
        Self {
            answers: deployments.iter().map(|_| "6").collect(),
            context: context(deployments),
            model: model(&[("champion", "6"), ("latest", "6")], &[]),
            versions: vec![version(7), version(6), version(5)],
            skew_ms: 0,
            fault: false,
        }
    }

    fn fleet(self) -> Fleet {
        let settings = Arc::new(self.context);
        let mut fleet = Fleet::new(reference(), Arc::clone(&settings));
        let mut tell = |source: &str, feed, rows, scope, fault: bool| {
            let observation = Observation {
                context: reference(),
                source: SourceId::new(source),
                feed,
                asked_at: at(NOW),
                server_time: None,
                coverage: Coverage::Full(scope),
                upserts: rows,
                gone: Vec::new(),
            };
            fleet.merge(observation, at(NOW));
            let refused = Fault::new(FaultKind::Forbidden, "GET http://ml.test", "no");
            let report = PollReport {
                context: reference(),
                source: SourceId::new(source),
                feed,
                asked_at: at(NOW),
                took_ms: 5,
                clock_skew_ms: Some(self.skew_ms),
                fault: fault.then_some(refused),
                partial: None,
                next_at: at(NOW + 10),
            };
            fleet.record(&report, at(NOW));
        };
        let models = Rows::Models(vec![self.model]);
        tell("mlflow", Feed::Models, models, Scope::Models, self.fault);
        let versions = Rows::Versions(self.versions);
        tell("mlflow", Feed::Versions, versions, Scope::Versions, false);
        for (deployment, word) in settings.deployments.iter().zip(self.answers) {
            let rows = Rows::Endpoints(vec![reading(
                deployment,
                &word.split(' ').collect::<Vec<_>>(),
            )]);
            tell(
                &deployment.name,
                Feed::Endpoint,
                rows,
                Scope::Endpoints,
                false,
            );
        }
        tell(
            "am",
            Feed::Alerts,
            Rows::Alerts(Vec::new()),
            Scope::Alerts,
            false,
        );
        fleet
    }
}

fn ana() -> Actor {
    Actor {
        user: Clean::name("ana"),
        host: Clean::name("bastion"),
        account: Some(Clean::name("ana@risk")),
    }
}

/// What is written on the model and its versions, where it is what is shown.
fn as_shown(fleet: &Fleet) -> Details {
    let mut details = Details::default();
    let versions = fleet.versions(&churn()).iter();
    let versions = versions.map(|held| Tagged::Version(held.fact.key.clone()));
    for of in versions.chain([Tagged::Model(churn())]) {
        if let Some((tags, description)) = texts::shown(fleet, &of) {
            let tags = tags.iter();
            let texts = Texts {
                tags: tags.map(|(k, v)| (Key::of(k), Key::of(v))).collect(),
                description: Key::of(description),
            };
            details.absorb(&Query::Texts(of), &Ok(Detail::Texts(Box::new(texts))));
        }
    }
    details
}

fn with<T>(fleet: &Fleet, act: impl FnOnce(&Planning<'_>) -> T) -> T {
    with_details(fleet, &as_shown(fleet), act)
}

fn with_details<T>(fleet: &Fleet, details: &Details, act: impl FnOnce(&Planning<'_>) -> T) -> T {
    let (writes, actor) = (Writes::default(), ana());
    act(&Planning {
        details,
        stamped: at(NOW),
        fleet,
        writes: &writes,
        actor: &actor,
        now: Now {
            wall: at(NOW),
            mono: Duration::from_secs(60),
        },
    })
}

fn id() -> PlanId {
    PlanId::new(at(NOW), [7; 10])
}

fn request(alias: &str, to: &str) -> PromoteRequest {
    PromoteRequest {
        model: churn(),
        alias: Key::new(alias),
        to: Key::new(to),
        reason: Clean::text("Q4 data"),
        overrides: BTreeMap::new(),
    }
}

fn promoted(fleet: &Fleet, alias: &str, to: &str) -> Result<Plan, NoPlan> {
    with(fleet, |with| {
        promote::plan(&request(alias, to), &Gates::default(), id(), with)
    })
}

fn words(plan: &Plan, weight: Weight) -> Vec<&'static str> {
    let steps = plan.steps.iter().filter(|step| step.weight == weight);
    steps.map(|step| step.act.word()).collect()
}

fn says(lines: &[Clean], part: &str) -> bool {
    lines.iter().any(|line| line.as_str().contains(part))
}

#[test]
fn the_rollout_decides_the_steps_and_their_order() {
    let steps = |rollout| {
        let mut settings = deployment(rollout);
        settings.hook = Some("deploy".to_owned());
        let mut made = Made::new(vec![settings]);
        let hook = Hook {
            kind: HookKind::Command(vec!["./deploy".to_owned()]),
            timeout: Duration::from_secs(60),
        };
        made.context.hooks.insert("deploy".to_owned(), hook);
        let plan = promoted(&made.fleet(), "champion", "7").expect("a plan");
        assert_eq!(plan.blocked, Vec::<Clean>::new(), "{rollout:?}");
        (words(&plan, Weight::Required), plan)
    };
    let (none, plan) = steps(Rollout::None);
    assert_eq!(none, ["move-alias"]);
    assert!(
        says(&plan.notes, "changes nothing that it serves"),
        "{:?}",
        plan.notes
    );
    assert_eq!(steps(Rollout::External).0, ["move-alias", "await-served"]);
    let loaded = ["move-alias", "load-model", "await-served"];
    assert_eq!(steps(Rollout::V2Load).0, loaded);
    assert_eq!(
        steps(Rollout::Hook).0,
        ["run-hook", "await-served", "move-alias"]
    );
}

#[test]
fn a_server_that_struggles_with_another_version_is_told_to_load_the_one_that_answers() {
    let steps = |answers| {
        let mut made = Made::new(vec![deployment(Rollout::V2Load)]);
        made.model = model(&[("champion", "7")], &[]);
        made.answers = vec![answers];
        let plan = promoted(&made.fleet(), "champion", "6").expect("a plan");
        words(&plan, Weight::Required)
    };
    assert_eq!(steps("6"), ["move-alias"]);
    let told = ["move-alias", "load-model", "await-served"];
    assert_eq!(steps("6 ~7"), told);
}

#[test]
fn settings_turn_the_order_round_and_the_model_beats_the_policy() {
    let mut made = Made::new(vec![deployment(Rollout::V2Load)]);
    made.context.policy.writing.order = Some(Order::AliasFirst);
    let model = crate::domain::settings::ModelSettings {
        order: Some(Order::ServingFirst),
        ..Default::default()
    };
    made.context.models.insert("churn".to_owned(), model);
    let plan = promoted(&made.fleet(), "champion", "7").expect("a plan");
    let required = words(&plan, Weight::Required);
    assert_eq!(required, ["load-model", "await-served", "move-alias"]);
}

#[test]
fn a_promotion_pins_both_versions_and_tells_teammates_as_far_as_it_goes() {
    let plan = promoted(
        &Made::new(vec![deployment(Rollout::External)]).fleet(),
        "champion",
        "7",
    );
    let plan = plan.expect("a plan");
    assert_eq!(plan.summary, "champion v6 → v7");
    assert_eq!(
        (plan.subject.as_str(), plan.friction),
        ("churn", Friction::Name)
    );
    let Act::MoveAlias { from, to, .. } = &plan.steps[0].act else {
        panic!("{:?}", plan.steps[0])
    };
    assert_eq!(from.as_ref().map(|pin| pin.created), Some(at(6)));
    assert_eq!((to.version.raw(), to.created), ("7", at(7)));
    let tags: Vec<String> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.act {
            Act::SetTag {
                of,
                created,
                key,
                to,
                ..
            } => {
                assert_eq!(step.weight, Weight::BestEffort);
                let number = if of.words() == "churn v7" { 7 } else { 6 };
                assert_eq!(*created, Some(at(number)));
                Some(format!("{} {}={}", of.words(), key.raw(), to.raw()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        tags,
        [
            "churn v7 quarterdeck.promoted_as=champion",
            "churn v7 quarterdeck.promoted_from=6",
            "churn v7 quarterdeck.promoted_by=ana@risk",
            "churn v7 quarterdeck.promoted_at=1970-01-02T03:46:40Z",
            "churn v7 quarterdeck.promoted_reason=Q4 data",
            "churn v6 quarterdeck.demoted_at=1970-01-02T03:46:40Z",
        ]
    );
    let note = plan.steps.iter().find_map(|step| match &step.act {
        Act::Annotate { text, tags, .. } => Some((text.to_string(), tags[1].raw().to_owned())),
        _ => None,
    });
    let text = "promoted churn champion v6 → v7 by ana@risk: Q4 data".to_owned();
    assert_eq!(note, Some((text, "model:churn".to_owned())));
    assert!(says(&plan.notes, "@latest stays at v6"));
    assert!(says(&plan.notes, "1 endpoint follows @champion"));
}

#[test]
fn the_awaited_word_goes_back_through_the_version_map() {
    let awaited = |map: Option<VersionMap>, answers: &'static str, tagged: bool| {
        let mut settings = deployment(Rollout::External);
        settings.version_map = map;
        let mut made = Made::new(vec![settings]);
        made.answers = vec![answers];
        if tagged {
            let tag = (
                Clean::name("quarterdeck.serving_version"),
                Clean::name("ab7"),
            );
            made.versions[0].tags = Arc::from([tag]);
        }
        let plan = promoted(&made.fleet(), "champion", "7").expect("a plan");
        plan.steps.iter().find_map(|step| match &step.act {
            Act::AwaitServed { to, .. } => Some(to.raw().to_owned()),
            _ => None,
        })
    };
    let regex = || Some(VersionMap::Regex("^rel-(\\d+)-prod$".to_owned()));
    let some = |word: &str| Some(word.to_owned());
    assert_eq!(awaited(None, "6", false), some("7"));
    assert_eq!(awaited(None, "v6", false), some("v7"));
    assert_eq!(awaited(Some(VersionMap::StripV), "v6", false), some("v7"));
    assert_eq!(awaited(regex(), "rel-6-prod", false), some("rel-7-prod"));
    assert_eq!(awaited(regex(), "6", false), None);
    assert_eq!(
        awaited(Some(VersionMap::VersionTag), "x", true),
        some("ab7")
    );
    assert_eq!(awaited(Some(VersionMap::VersionTag), "x", false), None);
}

#[test]
fn an_endpoint_that_cannot_tell_or_is_held_is_not_waited_for() {
    let mut mute = deployment(Rollout::External);
    mute.kind = DeploymentKind::MlflowServe;
    let mut held = deployment(Rollout::V2Load);
    held.hold = Some("audit".to_owned());
    for settings in [mute, held] {
        let plan = promoted(&Made::new(vec![settings]).fleet(), "champion", "7").expect("a plan");
        assert_eq!(
            words(&plan, Weight::Required),
            ["move-alias"],
            "{:?}",
            plan.notes
        );
    }
}

#[test]
fn what_it_rests_on_blocks_it() {
    let blocked = |change: &dyn Fn(&mut Made)| {
        let mut made = Made::new(vec![deployment(Rollout::External)]);
        change(&mut made);
        let plan = promoted(&made.fleet(), "champion", "7").expect("a plan");
        plan.blocked
    };
    assert_eq!(blocked(&|_| ()), Vec::<Clean>::new());
    assert!(says(&blocked(&|made| made.fault = true), "mlflow is down"));
    let skewed = blocked(&|made| made.skew_ms = -61_000);
    assert!(says(&skewed, "61 s behind"), "{skewed:?}");
    assert_eq!(blocked(&|made| made.skew_ms = 6_000), Vec::<Clean>::new());
    let pending = blocked(&|made| made.versions[0].status = VersionStatus::Pending);
    assert!(says(&pending, "v7 is still being registered"));
}

#[test]
fn a_refused_right_blocks_what_is_required_and_leaves_out_what_is_not() {
    let mut fleet = Made::new(vec![deployment(Rollout::External)]).fleet();
    let mlflow = SourceId::new("mlflow");
    fleet.set_rights(&mlflow, vec![(Clean::name("edit:churn"), Right::Denied)]);
    let plan = promoted(&fleet, "champion", "7").expect("a plan");
    assert_eq!(plan.blocked, Vec::<Clean>::new());
    assert_eq!(words(&plan, Weight::BestEffort), ["annotate"]);
    let rights = vec![
        (Clean::name("move-alias"), Right::Denied),
        (Clean::name("move-alias:other"), Right::Allowed),
    ];
    fleet.set_rights(&mlflow, rights.clone());
    let plan = promoted(&fleet, "champion", "7").expect("a plan");
    let lacks = "this account lacks EDIT on the model churn at mlflow: have it granted there";
    assert!(says(&plan.blocked, lacks));
    let own = (Clean::name("move-alias:churn"), Right::Allowed);
    fleet.set_rights(&mlflow, rights.into_iter().chain([own]).collect());
    let plan = promoted(&fleet, "champion", "7").expect("a plan");
    assert_eq!(plan.blocked, Vec::<Clean>::new());
    fleet.denied(&mlflow, &plan.steps[0].act);
    let plan = promoted(&fleet, "champion", "7").expect("a plan");
    assert!(says(&plan.blocked, lacks), "a refusal is remembered");
}

fn frozen(until: i64) -> Made {
    let mark = Mark {
        by: Clean::name("bob"),
        at: at(0),
        until: at(until),
        reason: Clean::text("release week"),
    };
    let mut made = Made::new(vec![deployment(Rollout::External)]);
    made.model = model(&[("champion", "6")], &[(mark::FREEZE, &mark.write())]);
    made
}

#[test]
fn a_freeze_yields_to_its_end_and_to_a_reason_alone() {
    assert_eq!(
        promoted(&frozen(NOW).fleet(), "champion", "7")
            .expect("a plan")
            .wanting,
        Vec::new()
    );
    let fleet = frozen(NOW + 60).fleet();
    let plan = promoted(&fleet, "champion", "7").expect("a plan");
    let asked = |plan: &Plan| {
        plan.wanting
            .iter()
            .map(|w| w.why.clone())
            .collect::<Vec<_>>()
    };
    assert!(says(&asked(&plan), "frozen by bob"), "{plan:?}");
    let passed = |reason: &str| {
        let mut request = request("champion", "7");
        request
            .overrides
            .insert("freeze".to_owned(), Clean::text(reason));
        with(&fleet, |with| {
            promote::plan(&request, &Gates::default(), id(), with)
        })
        .expect("a plan")
    };
    assert!(says(&asked(&passed("  ")), "frozen"));
    let plan = passed("hotfix");
    assert_eq!(asked(&plan), Vec::<Clean>::new());
    assert_eq!(plan.friction, Friction::NameAndReason);
    // A clock of the registry that is ahead ends it earlier.
    let mut ahead = frozen(NOW + 30);
    ahead.skew_ms = 31_000;
    assert_eq!(
        promoted(&ahead.fleet(), "champion", "7")
            .expect("a plan")
            .wanting,
        Vec::new()
    );
}

#[test]
fn a_freeze_that_comes_while_a_reason_stands_is_another_consent() {
    let passed = |fleet: &Fleet| {
        let mut request = request("champion", "7");
        let reason = Clean::text("the gate is wrong");
        request.overrides.insert("auc".to_owned(), reason.clone());
        request.overrides.insert("freeze".to_owned(), reason);
        let note = GateNote {
            gate: Clean::name("auc"),
            metric: Clean::empty(),
            rule: Clean::name(">= 0.8"),
            candidate: Clean::name("0.7"),
            champion: Clean::name("0.8"),
            verdict: Clean::name("fail"),
            why: Clean::text("0.7"),
            overridden: Some(Clean::text("the gate is wrong")),
        };
        let gates = Gates {
            notes: vec![note],
            ..Gates::default()
        };
        with(fleet, |with| promote::plan(&request, &gates, id(), with)).expect("a plan")
    };
    let before = passed(&frozen(NOW - 60).fleet());
    let after = passed(&frozen(NOW + 60).fleet());
    assert_eq!(before.friction, after.friction, "a reason either way");
    assert!(before.says_as(&before.clone()) && !before.says_as(&after));
}

#[test]
fn gates_stand_in_the_way_or_are_passed_with_a_reason() {
    let fleet = Made::new(vec![deployment(Rollout::External)]).fleet();
    let note = GateNote {
        gate: Clean::name("fairness"),
        metric: Clean::empty(),
        rule: Clean::text("≥ 0.80"),
        champion: Clean::name("0.86"),
        candidate: Clean::name("0.76"),
        verdict: Clean::name("fail"),
        why: Clean::text("0.76 < 0.80"),
        overridden: None,
    };
    let planned = |gates: &Gates| {
        with(&fleet, |with| {
            promote::plan(&request("champion", "7"), gates, id(), with)
        })
        .expect("a plan")
    };
    let stands = planned(&Gates {
        notes: vec![note.clone()],
        blocked: vec![Clean::text("the signature breaks")],
        wanting: vec![Wanting {
            name: Clean::name("fairness"),
            why: Clean::text("fairness fails"),
        }],
    });
    assert_eq!((stands.blocked.len(), stands.friction), (1, Friction::Name));
    assert_eq!(stands.wanting.len(), 1);
    let passed = planned(&Gates {
        notes: vec![GateNote {
            overridden: Some(Clean::text("known")),
            ..note
        }],
        ..Gates::default()
    });
    assert_eq!(
        (passed.blocked.len(), passed.friction),
        (0, Friction::NameAndReason)
    );
}

#[test]
fn what_is_so_already_says_so_and_serving_that_lags_is_a_plan() {
    let mut made = Made::new(vec![deployment(Rollout::External)]);
    let fleet = made.context.clone();
    let there = promoted(
        &Made::new(fleet.deployments.clone()).fleet(),
        "champion",
        "6",
    );
    assert!(matches!(there, Err(NoPlan::Already(_))), "{there:?}");
    made.model = model(&[("champion", "7")], &[]);
    let plan = promoted(&made.fleet(), "champion", "7").expect("a plan");
    assert_eq!(words(&plan, Weight::Required), ["await-served"]);
    let absent = promoted(&Made::new(Vec::new()).fleet(), "champion", "9");
    assert!(matches!(absent, Err(NoPlan::Impossible(_))), "{absent:?}");
}

#[test]
fn a_first_alias_warns_that_undo_needs_more() {
    let fleet = Made::new(Vec::new()).fleet();
    let plan = promoted(&fleet, "shadow", "7").expect("a plan");
    assert!(says(&plan.notes, "MANAGE"));
    assert!(says(&plan.notes, "changes nothing that serves"));
    assert_eq!(plan.friction, Friction::Key);
    let undone = plan.steps[0].act.inverse(None);
    assert!(matches!(undone, Some(Act::DeleteAlias { .. })));
}

#[test]
fn stages_move_with_the_alias_where_they_agree_with_it() {
    let staged = |stage_of: usize| {
        let mut made = Made::new(Vec::new());
        made.versions[stage_of].stage = Some(Clean::name("Production"));
        promoted(&made.fleet(), "champion", "7").expect("a plan")
    };
    let agrees = staged(1);
    let required = words(&agrees, Weight::Required);
    assert_eq!(required, ["move-alias", "set-stage", "set-stage"]);
    assert!(
        agrees
            .steps
            .iter()
            .all(|s| s.act.word() != "set-stage" || s.act.inverse(None).is_some())
    );
    let apart = staged(2);
    assert_eq!(words(&apart, Weight::Required), ["move-alias"]);
    assert!(says(&apart.notes, "alias and stage disagree"));
}

fn change(subject: Subject, kind: ChangeKind, from: &str, to: &str, when: i64) -> Change {
    Change {
        subject,
        kind,
        from: Clean::name(from),
        to: Clean::name(to),
        not_before: at(when),
        not_after: at(when),
        actor: Some(Clean::name("ci")),
        origin: Origin::Observed,
        evidence: Clean::text("two looks"),
    }
}

/// v5 served a day, v6 ten hours, v7 holds the alias since ten minutes and is in trouble.
fn incident(hold_v6: i64) -> Fleet {
    let mut made = Made::new(vec![deployment(Rollout::External)]);
    made.model = model(&[("champion", "7")], &[]);
    made.answers = vec!["7"];
    let mut fleet = made.fleet();
    let of_model = || Subject::Model(churn());
    let endpoint = || Subject::Deployment(deployment(Rollout::External).key());
    let alias = || ChangeKind::Alias(Clean::name("champion"));
    let turn = NOW - 600;
    fleet.remember(
        [
            change(of_model(), alias(), "v5", "v6", turn - hold_v6),
            change(endpoint(), ChangeKind::Served, "v5", "v6", turn - hold_v6),
            change(of_model(), alias(), "v6", "v7", turn),
            change(endpoint(), ChangeKind::Served, "v6", "v7", turn),
            change(of_model(), ChangeKind::Level, "ok", "crit", turn + 60),
            change(
                of_model(),
                ChangeKind::Alert(Clean::name("Errors")),
                "",
                "firing",
                turn + 90,
            ),
        ],
        at(NOW),
    );
    fleet
}

fn candidates(fleet: &Fleet) -> Vec<rollback::Candidate> {
    rollback::candidates(fleet, &churn(), &Key::new("champion"), at(NOW))
}

#[test]
fn the_last_good_version_is_what_served_under_our_eyes_and_never_one_less() {
    let fleet = incident(10 * 3_600);
    let all = candidates(&fleet);
    let texts: Vec<&str> = all.iter().map(|c| c.text.as_str()).collect();
    assert_eq!(texts, ["v6", "v5"], "what holds the alias now is none");
    let v6 = &all[0];
    assert!(v6.good, "{}", v6.judged);
    assert_eq!(v6.watched, Duration::from_secs(10 * 3_600));
    assert_eq!(
        (v6.alerts, v6.by.as_ref().map(Clean::as_str)),
        (0, Some("ci"))
    );
    assert!(!all[1].good, "nobody watched v5: {}", all[1].judged);
    assert_eq!(
        rollback::last_good(&all).map(|c| c.text.as_str()),
        Some("v6")
    );
    // Ten minutes are too short to be good by.
    assert_eq!(rollback::last_good(&candidates(&incident(600))), None);
}

#[test]
fn time_that_nobody_watched_and_critical_time_count_for_nothing() {
    let mut fleet = incident(10 * 3_600);
    let turn = NOW - 600;
    fleet.set_gaps(vec![crate::domain::watch::Gap {
        from: at(turn - 10 * 3_600 + 60),
        to: at(turn - 60),
    }]);
    let all = candidates(&fleet);
    assert_eq!(all[0].watched, Duration::from_secs(120));
    assert_eq!(rollback::last_good(&all), None);

    let mut fleet = incident(10 * 3_600);
    let level = |from, to, when| change(Subject::Model(churn()), ChangeKind::Level, from, to, when);
    fleet.remember(
        [
            level("ok", "crit", turn - 1_800),
            level("crit", "ok", turn - 900),
        ],
        at(NOW),
    );
    let all = candidates(&fleet);
    assert_eq!(
        all[0].watched,
        Duration::from_secs(900),
        "since the last critical finding"
    );
    assert_eq!(rollback::last_good(&all), None);
    assert!(all[0].judged.as_str().contains("critical meanwhile"));
}

fn back(fleet: &Fleet, to: Option<&str>) -> Result<Plan, NoPlan> {
    let request = RollBackRequest {
        model: churn(),
        alias: Key::new("champion"),
        to: to.map(Key::new),
        reason: Clean::empty(),
        overrides: BTreeMap::new(),
    };
    with(fleet, |with| rollback::plan(&request, id(), with))
}

#[test]
fn rolling_back_moves_alias_and_serving_and_names_who_would_fight_it() {
    let fleet = incident(10 * 3_600);
    let plan = back(&fleet, None).expect("a plan");
    assert_eq!(
        (plan.verb, plan.summary.as_str()),
        (Verb::RollBack, "champion v7 → v6")
    );
    assert_eq!(
        words(&plan, Weight::Required),
        ["move-alias", "await-served"]
    );
    assert!(
        plan.notes[0].as_str().starts_with("v6 was good: served"),
        "{:?}",
        plan.notes
    );
    assert!(says(
        &plan.notes,
        "would fight it: whatever rolls churn-prod out"
    ));
    assert!(says(
        &plan.notes,
        "would fight it: ci moved champion v6 → v7"
    ));
    let chosen = back(&fleet, Some("5")).expect("a plan");
    assert!(says(&chosen.notes, "v5 is not known to have been good"));
    let none = back(&incident(600), None);
    assert!(
        matches!(&none, Err(NoPlan::Impossible(why)) if why.as_str().contains("v6")),
        "{none:?}"
    );
}

#[test]
fn marks_are_written_by_the_registrys_clock_and_ended_by_overwriting() {
    let planned = |fleet: &Fleet, hold: Option<u64>, reason: &str| {
        let request = MarkRequest {
            model: churn(),
            purpose: Purpose::Freeze,
            hold: hold.map(Duration::from_secs),
            reason: Clean::text(reason),
        };
        with(fleet, |with| marks::plan(&request, id(), with))
    };
    let mut made = Made::new(Vec::new());
    made.skew_ms = 20_000;
    let fleet = made.fleet();
    let plan = planned(&fleet, Some(7_200), "release week").expect("a plan");
    let Act::SetTag { key, from, to, .. } = &plan.steps[0].act else {
        panic!("{:?}", plan.steps)
    };
    assert_eq!((key.raw(), from), (mark::FREEZE, &None));
    let mark = Mark::read(to.raw()).expect("a mark");
    assert_eq!(
        (mark.until, mark.by.as_str()),
        (at(NOW + 20 + 7_200), "ana@risk")
    );
    assert_eq!(plan.blocked, Vec::<Clean>::new());
    let silent = planned(&fleet, Some(7_200), " ").expect("a plan");
    assert!(says(&silent.blocked, "needs a reason"));
    assert!(matches!(planned(&fleet, None, ""), Err(NoPlan::Already(_))));
    let fleet = frozen(NOW + 60).fleet();
    let ended = planned(&fleet, None, "").expect("a plan");
    let Act::SetTag { to, .. } = &ended.steps[0].act else {
        panic!("{:?}", ended.steps)
    };
    let until = Mark::read(to.raw()).expect("a mark").until;
    assert!(until < at(NOW), "it has expired when it is written");
    assert_eq!(
        ended.blocked,
        Vec::<Clean>::new(),
        "a freeze does not stand in its own way"
    );
}

#[test]
fn a_view_shows_a_mark_until_its_end() {
    let mut fleet = frozen(NOW + 60).fleet();
    let shown = |fleet: &Fleet| fleet.model(&churn()).expect("a view").frozen.is_some();
    assert!(shown(&fleet));
    fleet.tick(at(NOW + 60));
    assert!(!shown(&fleet));
}

#[test]
fn an_edit_leaves_out_what_is_so_and_knows_what_it_takes_away() {
    let mut made = Made::new(Vec::new());
    made.model = model(&[], &[("team", "risk"), ("old", "x")]);
    let fleet = made.fleet();
    let planned = |tags: &[(&str, Option<&str>)], description: Option<&str>| {
        let request = EditRequest {
            of: Tagged::Model(churn()),
            tags: tags
                .iter()
                .map(|(key, to)| (Key::new(key), to.map(Key::new)))
                .collect(),
            description: description.map(Key::new),
            freeze: None,
        };
        with(&fleet, |with| edit::plan(&request, id(), with))
    };
    let plan = planned(
        &[("team", Some("risk")), ("old", None), ("new", Some("y"))],
        Some("Leavers"),
    );
    let plan = plan.expect("a plan");
    let required = words(&plan, Weight::Required);
    assert_eq!(required, ["delete-tag", "set-tag", "describe"]);
    assert!(says(&plan.notes, "MANAGE"));
    assert_eq!(plan.friction, Friction::Key);
    let so = planned(&[("team", Some("risk")), ("absent", None)], Some(""));
    assert!(matches!(so, Err(NoPlan::Already(_))));
    let ours = planned(&[("quarterdeck.owner", Some("bob"))], None).expect("a plan");
    assert_eq!(ours.friction, Friction::Name);
}

#[test]
fn what_an_edit_replaces_is_what_is_written_and_not_what_is_shown() {
    let (written, shown) = (
        "Leavers.\n\n- monthly\n- by region",
        "Leavers. - monthly - by region",
    );
    let mut made = Made::new(Vec::new());
    made.model = RegisteredModel {
        description: Clean::text(written),
        ..model(&[], &[("contact", "ana  or\nben")])
    };
    let fleet = made.fleet();
    let request = EditRequest {
        of: Tagged::Model(churn()),
        tags: vec![(Key::new("contact"), Some(Key::new("ben")))],
        description: Some(Key::new("Leavers")),
        freeze: None,
    };
    assert_eq!(
        fleet.registered(&churn()).expect("held").fact.description,
        shown
    );
    let mut details = Details::default();
    let planned = |details: &Details| {
        with_details(&fleet, details, |with| edit::plan(&request, id(), with)).expect("a plan")
    };
    let wish = Wish::Edit(request.clone());
    let needs = wish.needs(&fleet, &details);
    assert_eq!(
        needs,
        [(SourceId::new("mlflow"), Query::Texts(request.of.clone()))]
    );
    assert!(says(&planned(&details).blocked, "still being read"));

    let mut tell = |tag: &str, description: &str| {
        let texts = Texts {
            tags: vec![(Key::new("contact"), Key::new(tag))],
            description: Key::new(description),
        };
        let query = Query::Texts(request.of.clone());
        details.absorb(&query, &Ok(Detail::Texts(Box::new(texts))));
        details.clone()
    };
    let other = planned(&tell("ana  or\nben", "Joiners"));
    assert!(
        says(&other.blocked, "description of churn is another now"),
        "{:?}",
        other.blocked
    );
    let plan = planned(&tell("ana  or\nben", written));
    assert_eq!(plan.blocked, Vec::<Clean>::new());
    assert!(says(&plan.notes, "has 4 lines"), "{:?}", plan.notes);
    let back: Vec<Option<Act>> = plan.steps.iter().map(|s| s.act.inverse(None)).collect();
    let of = || Tagged::Model(churn());
    assert_eq!(
        back,
        [
            Some(Act::SetTag {
                created: None,
                of: of(),
                key: Key::new("contact"),
                from: Some(Key::new("ben")),
                to: Key::new("ana  or\nben"),
            }),
            Some(Act::Describe {
                created: None,
                of: of(),
                from: Key::new("Leavers"),
                to: Key::new(written),
            }),
        ],
        "undo brings back what was written"
    );
    assert_eq!(wish.needs(&fleet, &details), Vec::new());
}

/// The undo of a write of these steps, as it stands before the facts of now.
fn ground(fleet: &Fleet, verb: Verb, steps: Vec<Step>) -> Plan {
    let plan = with(fleet, |with| {
        promote::plan(&request("champion", "7"), &Gates::default(), id(), with)
    });
    let plan = Plan {
        verb: Verb::Undo,
        summary: Clean::text(verb.title()),
        friction: Friction::Key,
        steps,
        notes: Vec::new(),
        wanting: Vec::new(),
        blocked: Vec::new(),
        ..plan.expect("a plan")
    };
    with(fleet, |with| super::basis::ground(plan, with, None)).expect("nobody has moved on")
}

#[test]
fn nothing_is_moved_back_that_somebody_has_moved_on() {
    let mut made = Made::new(vec![deployment(Rollout::External)]);
    made.model = model(&[("champion", "5")], &[]);
    let elsewhere = made.fleet();
    let plan = promoted(&Made::new(Vec::new()).fleet(), "champion", "7").expect("a plan");
    let ground = |fleet: &Fleet| {
        let plan = plan.clone();
        with(fleet, |with| super::basis::ground(plan, with, None))
    };
    let why = ground(&elsewhere).expect_err("it is at v5");
    assert!(matches!(&why, NoPlan::Changed(why) if why.as_str().contains("champion is v5 now")));
    assert!(ground(&Made::new(Vec::new()).fleet()).is_ok());
}

/// What brings a deployment back from one version to another, as undo has it.
fn loads(from: &str, to: &str) -> Vec<Step> {
    let served = deployment(Rollout::V2Load);
    let (deployment, source) = (served.key(), SourceId::new(&served.name));
    let word = |word: &str| Some(Key::new(word));
    let load = Act::LoadModel {
        deployment: deployment.clone(),
        from: word(from),
        to: Key::new(to),
    };
    let answers = Act::AwaitServed {
        deployment,
        from: word(from),
        to: Key::new(to),
    };
    [load, answers]
        .map(|act| Step::required(&source, act))
        .into()
}

#[test]
fn a_load_is_not_taken_back_where_the_alias_brings_another_version() {
    let undo = |champion: &str, steps: Vec<Step>| {
        let mut made = Made::new(vec![deployment(Rollout::V2Load)]);
        made.model = model(&[("champion", champion)], &[]);
        let fleet = made.fleet();
        let plan = promoted(&fleet, "champion", "7").expect("a plan");
        let plan = Plan { steps, ..plan };
        with(&fleet, |with| super::basis::ground(plan, with, None))
    };
    // A load names no version: the server takes what the alias names.
    let why = undo("5", loads("6", "7")).expect_err("it would load v5");
    let NoPlan::Changed(words) = &why else {
        panic!("{why:?}");
    };
    assert!(
        words.as_str().contains("which is v5 now and not v7"),
        "{words}"
    );
    assert!(undo("7", loads("6", "7")).is_ok());

    let pin = |number: u32| {
        let version = version(number);
        Pin {
            version: version.key.version.clone(),
            created: version.created,
        }
    };
    // What did not answer what the alias named is told, once, and is taken back as it stood.
    let back = Act::MoveAlias {
        model: churn(),
        alias: Key::new("champion"),
        from: Some(pin(6)),
        to: pin(7),
    };
    let mut steps = vec![Step::required(&SourceId::new("mlflow"), back)];
    steps.extend(loads("6", "6"));
    let plan = undo("6", steps).expect("a plan");
    let apart = plan.notes.iter().filter(|note| {
        note.as_str()
            .contains("stays at v6 while champion names v7")
    });
    assert_eq!(apart.count(), 1, "{:?}", plan.notes);
}

#[test]
fn a_first_mark_is_ended_by_one_that_has_expired() {
    let mark = Mark {
        by: Clean::name("ana"),
        at: at(NOW),
        until: at(NOW + 60),
        reason: Clean::text("release"),
    };
    let of = Tagged::Model(churn());
    let set = Act::SetTag {
        created: None,
        of: of.clone(),
        key: Key::new(mark::FREEZE),
        from: None,
        to: Key::new(&mark.write()),
    };
    let Some(Act::SetTag {
        from: Some(from),
        to,
        ..
    }) = set.inverse(None)
    else {
        panic!(
            "taking a tag away is a right that few have: {:?}",
            set.inverse(None)
        );
    };
    assert_eq!(from.raw(), mark.write());
    let over = Clean::text(to.raw());
    assert_eq!(Mark::standing(Some(&over), at(NOW)), None);
    assert!(to.raw().contains("release"), "who and why stay readable");
}

#[test]
fn an_undo_rests_on_what_its_own_steps_rest_on() {
    let mlflow = SourceId::new("mlflow");
    let thaw = || {
        let act = Act::SetTag {
            created: None,
            of: Tagged::Model(churn()),
            key: Key::new(mark::FREEZE),
            from: Some(Key::new("{}")),
            to: Key::new("{}"),
        };
        vec![Step::required(&mlflow, act)]
    };
    let unmute = || {
        let id = Key::new("s1");
        vec![Step::required(
            &SourceId::new("am"),
            Act::ExpireSilence { id },
        )]
    };
    let move_back = |fleet: &Fleet| {
        let plan = promoted(fleet, "champion", "7").expect("a plan");
        let required = |step: &Step| step.weight == Weight::Required;
        plan.steps.into_iter().filter(required).collect::<Vec<_>>()
    };
    let frozen = frozen(NOW + 60).fleet();
    let plan = ground(&frozen, Verb::Freeze, thaw());
    assert_eq!(
        (plan.wanting, plan.blocked),
        (Vec::new(), Vec::new()),
        "its own end"
    );
    let plan = ground(&frozen, Verb::Silence, unmute());
    assert_eq!(
        (plan.wanting, plan.blocked),
        (Vec::new(), Vec::new()),
        "mutes nothing"
    );
    let plan = ground(&frozen, Verb::Promote, move_back(&frozen));
    assert_eq!(plan.wanting.len(), 1, "{plan:?}");

    let mut made = Made::new(vec![deployment(Rollout::V2Load)]);
    made.fault = true;
    let blind = made.fleet();
    assert_eq!(
        ground(&blind, Verb::Silence, unmute()).blocked,
        Vec::<Clean>::new()
    );
    let stale = ground(&blind, Verb::Freeze, thaw()).blocked;
    assert!(!stale.is_empty(), "marks are read from the models' feed");
    assert!(
        !ground(&blind, Verb::Promote, move_back(&blind))
            .blocked
            .is_empty()
    );
}

#[test]
fn a_silence_names_something_and_has_a_comment() {
    let fleet = Made::new(Vec::new()).fleet();
    let matcher = |name: &str, value: &str, regex| Matcher {
        name: Key::new(name),
        value: Key::new(value),
        regex,
        equal: true,
    };
    let planned = |matchers: Vec<Matcher>, comment: &str| {
        let request = SilenceRequest {
            at: SourceId::new("am"),
            matchers,
            hold: Duration::from_secs(3_600),
            comment: Clean::text(comment),
            model: Some(churn()),
        };
        with(&fleet, |with| silence::plan(&request, id(), with))
    };
    for everything in [
        Vec::new(),
        vec![matcher("model", ".*", true)],
        vec![matcher("x", "", false)],
    ] {
        assert!(planned(everything, "why").is_err());
    }
    let usual = || {
        vec![
            matcher("alertname", "HighErrorRate", false),
            matcher("model", "churn", false),
        ]
    };
    let plan = planned(usual(), "known, fix rolls out").expect("a plan");
    assert_eq!(plan.blocked, Vec::<Clean>::new());
    assert!(says(&plan.notes, "matches no alert"));
    let Act::Silence {
        starts,
        ends,
        nonce,
        ..
    } = &plan.steps[0].act
    else {
        panic!("{:?}", plan.steps)
    };
    assert_eq!(
        (ends.since(*starts), nonce.raw()),
        (Duration::from_secs(3_600), id().as_str())
    );
    assert!(says(
        &planned(usual(), " ").expect("a plan").blocked,
        "needs a comment"
    ));
    let broken = planned(vec![matcher("model", "(", true), usual()[0].clone()], "why");
    assert!(says(&broken.expect("a plan").blocked, "is no pattern"));
}

/// What a registry holds of aliases, as acts change it.
fn apply(aliases: &mut BTreeMap<String, String>, act: &Act) -> Seen {
    match act {
        Act::MoveAlias {
            alias, from, to, ..
        } => {
            let from = from.as_ref().map(|pin| pin.version.raw());
            if aliases.get(alias.raw()).map(String::as_str) != from {
                return Seen::Other;
            }
            aliases.insert(alias.raw().to_owned(), to.version.raw().to_owned());
            Seen::After
        }
        Act::DeleteAlias { alias, from, .. } => {
            if aliases.get(alias.raw()).map(String::as_str) != Some(from.version.raw()) {
                return Seen::Other;
            }
            aliases.remove(alias.raw());
            Seen::After
        }
        _ => Seen::After,
    }
}

proptest! {
    /// However far a plan came: its applied steps, inverted newest first, restore the aliases.
    #[test]
    fn the_inverse_of_the_applied_steps_restores_the_aliases(
        holder in 5_u32..8,
        wanted in 5_u32..8,
        alias in prop::sample::select(vec!["champion", "latest", "shadow"]),
        rollout in prop::sample::select(vec![Rollout::None, Rollout::External, Rollout::V2Load]),
        serving_first in any::<bool>(),
        came in 0_usize..12,
    ) {
        let mut made = Made::new(vec![deployment(rollout)]);
        let holder = holder.to_string();
        made.model = model(&[("champion", &holder), ("latest", "6")], &[]);
        let order = if serving_first { Order::ServingFirst } else { Order::AliasFirst };
        made.context.policy.writing.order = Some(order);
        let fleet = made.fleet();
        let before: BTreeMap<String, String> = [("champion", holder.as_str()), ("latest", "6")]
            .map(|(alias, version)| (alias.to_owned(), version.to_owned()))
            .into();
        let mut aliases = before.clone();
        if let Ok(plan) = promoted(&fleet, alias, &wanted.to_string()) {
            let done: Vec<&Step> = plan.steps.iter().take(came).collect();
            for step in &done {
                prop_assert_eq!(apply(&mut aliases, &step.act), Seen::After);
            }
            for step in done.iter().rev() {
                if let Some(inverse) = step.act.inverse(None) {
                    prop_assert_eq!(apply(&mut aliases, &inverse), Seen::After);
                }
            }
        }
        prop_assert_eq!(aliases, before);
    }
}

#[test]
fn what_was_watched_before_this_process_began_counts_as_watched() {
    let mut fleet = incident(10 * 3_600);
    let began = NOW - 600 - 10 * 3_600;
    assert_eq!(candidates(&fleet)[1].watched, Duration::ZERO);
    fleet.set_watched_since([(SourceId::new("mlflow"), at(began - 7_200))]);
    let all = candidates(&fleet);
    assert_eq!(all[1].watched, Duration::from_secs(7_200));
    assert!(all[1].good, "{}", all[1].judged);
    // Another source's time says nothing of the registry.
    fleet.set_watched_since([(SourceId::new("am"), at(began - 7_200))]);
    assert_eq!(candidates(&fleet)[1].watched, Duration::ZERO);
}

#[test]
fn marks_on_versions_tell_of_moves_that_nobody_here_has_seen() {
    let mut made = Made::new(Vec::new());
    made.model = model(&[("champion", "7")], &[]);
    let mark = |number: u32, from: &str, when: i64| ModelVersion {
        tags: [
            ("quarterdeck.promoted_as", "champion"),
            ("quarterdeck.promoted_from", from),
            ("quarterdeck.promoted_by", "ben"),
            ("quarterdeck.promoted_at", &at(when).rfc3339()),
            ("quarterdeck.promoted_reason", "Q3 data"),
        ]
        .iter()
        .map(|(key, value)| (Clean::name(key), Clean::text(value)))
        .collect(),
        ..version(number)
    };
    made.versions = vec![
        mark(7, "6", NOW - 600),
        mark(6, "5", NOW - 90_000),
        version(5),
    ];
    let mut fleet = made.fleet();
    let all = candidates(&fleet);
    let texts: Vec<&str> = all.iter().map(|c| c.text.as_str()).collect();
    assert_eq!(texts, ["v6", "v5"]);
    assert_eq!(all[0].active, Duration::from_secs(90_000 - 600));
    assert_eq!(
        (all[0].by.as_ref().map(Clean::as_str), all[0].why.as_str()),
        (Some("ben"), "Q3 data")
    );
    assert!(!all[0].good, "nobody watched: {}", all[0].judged);
    // A move that was seen is the one that a mark tells of, not another.
    let kind = ChangeKind::Alias(Clean::name("champion"));
    let seen = change(Subject::Model(churn()), kind, "v6", "v7", NOW - 590);
    fleet.remember([seen], at(NOW));
    assert_eq!(candidates(&fleet)[0].until, Some(at(NOW - 590)));
}

#[test]
fn a_move_that_was_seen_without_a_name_gets_that_of_the_marks() {
    let mut fleet = Made::new(Vec::new()).fleet();
    let kind = ChangeKind::Alias(Clean::name("champion"));
    let seen = Change {
        not_before: at(NOW - 620),
        actor: None,
        ..change(Subject::Model(churn()), kind, "v5", "v6", NOW - 590)
    };
    fleet.remember([seen], at(NOW));
    let marked = ModelVersion {
        tags: [
            ("quarterdeck.promoted_as", "champion"),
            ("quarterdeck.promoted_by", "ben"),
            ("quarterdeck.promoted_at", &at(NOW - 640).rfc3339()),
        ]
        .iter()
        .map(|(key, value)| (Clean::name(key), Clean::text(value)))
        .collect(),
        ..version(6)
    };
    let observation = Observation {
        context: reference(),
        source: SourceId::new("mlflow"),
        feed: Feed::Versions,
        asked_at: at(NOW + 1),
        server_time: None,
        coverage: Coverage::Partial,
        upserts: Rows::Versions(vec![marked]),
        gone: Vec::new(),
    };
    fleet.merge(observation, at(NOW + 1));
    let line = fleet.timeline(&Subject::Model(churn()));
    assert_eq!(line.len(), 1);
    assert_eq!(line[0].actor, Some(Clean::name("ben")));
    let told = fleet.take_observed();
    assert!(
        told.iter().any(|c| c.actor == Some(Clean::name("ben"))),
        "the ledger hears of it"
    );
}
