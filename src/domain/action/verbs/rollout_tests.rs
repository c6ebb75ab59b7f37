//! Plans whose hook is a pipeline, of the small fleet with an orchestrator beside it.

use super::*;
use crate::domain::action::verbs::basis::ground;
use crate::domain::action::verbs::{claiming, retrain, undo};
use crate::domain::action::{How, Journals, Outcome, PLAN_HOLDS, Record, StepEnd, Written};
use crate::domain::pipeline::{
    Ending, Orchestrator, Part, PartHealth, Pipeline, PipelineKey, PipelineRun, PipelineRunKey,
    PipelineState, SCHEDULER,
};
use crate::domain::settings::HookKind;

const SOURCE: &str = "af";
const DAG: &str = "deploy_model";

fn dag(id: &str) -> PipelineKey {
    PipelineKey {
        base: Key::new("http://af.test"),
        id: Key::new(id),
    }
}

/// A run that brings a version to an alias of a model.
fn bringing(id: &str, version: &str, alias: &str, state: PipelineState) -> PipelineRun {
    let param = |name: &str, value: &str| (Clean::name(name), Clean::text(&format!("\"{value}\"")));
    PipelineRun {
        key: PipelineRunKey {
            pipeline: dag(DAG),
            id: Key::new(id),
        },
        raw_state: Clean::name(state.word()),
        kind: Clean::name("manual"),
        queued: Some(at(NOW - 60)),
        due: None,
        started: Some(at(NOW - 60)),
        ended: (!state.is_live()).then_some(at(NOW - 30)),
        by: None,
        note: Clean::empty(),
        params: Arc::from([
            param("MODEL", "churn"),
            param("VERSION", version),
            param("ALIAS", alias),
        ]),
        failed_at: None,
        state,
    }
}

/// What the orchestrator says.
struct Orchestra {
    paused: bool,
    broken: bool,
    health: PartHealth,
    runs: Vec<PipelineRun>,
    down: bool,
    /// The pipelines that it has.
    holds: Vec<&'static str>,
}

impl Default for Orchestra {
    fn default() -> Self {
        Self {
            paused: false,
            broken: false,
            health: PartHealth::Healthy,
            runs: Vec::new(),
            down: false,
            holds: vec![DAG],
        }
    }
}

fn by_pipeline(name: &str, url: &str) -> DeploymentSettings {
    let mut settings = deployment(Rollout::Hook);
    settings.name = name.to_owned();
    settings.url = url.to_owned();
    settings.hook = Some("deploy".to_owned());
    settings
}

fn made_of(deployments: Vec<DeploymentSettings>) -> Made {
    let mut made = Made::new(deployments);
    let source = SourceSettings::new(SOURCE, SourceKind::Airflow, "http://af.test");
    made.context.sources.push(source);
    let hook = Hook {
        kind: HookKind::Pipeline {
            source: SOURCE.to_owned(),
            id: DAG.to_owned(),
        },
        timeout: Duration::from_secs(900),
    };
    made.context.hooks.insert("deploy".to_owned(), hook);
    made
}

fn made() -> Made {
    made_of(vec![by_pipeline("churn-prod", "http://serve.test")])
}

impl Orchestra {
    fn plays(self, made: Made) -> Fleet {
        let mut fleet = made.fleet();
        let definition = |id: &&str| Pipeline {
            key: dag(id),
            name: Clean::name(id),
            description: Clean::empty(),
            paused: self.paused,
            broken: self.broken,
            schedule: Clean::empty(),
            tags: Arc::default(),
            owners: Arc::default(),
            max_active: Some(1),
            next_run: None,
        };
        let orchestrator = Orchestrator {
            base: dag(DAG).base,
            major: 3,
            parts: Arc::from([Part {
                name: Clean::name(SCHEDULER),
                health: self.health,
                heartbeat: None,
            }]),
        };
        let definitions = self.holds.iter().map(definition).collect();
        for (feed, upserts) in [
            (Feed::Pipelines, Rows::Pipelines(definitions)),
            (Feed::PipelineRuns, Rows::PipelineRuns(self.runs)),
            (Feed::Orchestrator, Rows::Orchestrators(vec![orchestrator])),
        ] {
            let observation = Observation {
                context: reference(),
                source: SourceId::new(SOURCE),
                feed,
                asked_at: at(NOW - 1),
                server_time: None,
                coverage: Coverage::Partial,
                upserts,
                gone: Vec::new(),
            };
            fleet.merge(observation, at(NOW));
            let silent = Fault::new(FaultKind::Unreachable, "GET http://af.test", "refused");
            let report = PollReport {
                context: reference(),
                source: SourceId::new(SOURCE),
                feed,
                asked_at: at(NOW - 1),
                took_ms: 1,
                clock_skew_ms: None,
                fault: self.down.then_some(silent),
                partial: None,
                next_at: at(NOW + 5),
            };
            for _ in 0..20 {
                fleet.record(&report, at(NOW));
            }
        }
        fleet
    }
}

fn promoted_by(orchestra: Orchestra) -> Plan {
    promoted(&orchestra.plays(made()), "champion", "7").expect("a plan")
}

/// What a plan asks of the run that it starts, and for how long it waits: run, parameters, seconds.
fn asked(plan: &Plan) -> (String, serde_json::Value, u64) {
    let start = plan.steps.iter().find_map(|step| match &step.act {
        Act::TriggerRun {
            pipeline,
            run,
            parameters,
            api: 3,
            ..
        } if pipeline.raw() == DAG => Some((step, run, parameters)),
        _ => None,
    });
    let (step, run, parameters) = start.expect("a run");
    let awaited = plan.awaits(&step.source, &Key::new(DAG), run);
    let awaited = awaited.expect("it is waited for");
    assert_eq!(
        (step.weight, awaited.weight),
        (Weight::Required, Weight::Required)
    );
    assert_eq!(step.source.as_str(), SOURCE);
    let conf = serde_json::from_str(parameters.raw()).expect("JSON");
    (run.raw().to_owned(), conf, awaited.within_ms / 1_000)
}

#[test]
fn a_run_is_started_and_waited_for_before_the_alias_moves() {
    let plan = promoted_by(Orchestra::default());
    assert_eq!(plan.blocked, Vec::<Clean>::new());
    assert_eq!(
        words(&plan, Weight::Required),
        ["trigger-run", "await-run", "await-served", "move-alias"]
    );
    let (run, conf, within) = asked(&plan);
    assert_eq!(run, format!("qd__{}", plan.id));
    let told = serde_json::json!({"MODEL": "churn", "VERSION": "7", "ALIAS": "champion"});
    assert_eq!((conf, within), (told, 900));
    let request = plan.steps[0].act.request(&[]).expect("a request");
    let text = request.text();
    let start = "POST /api/v2/dags/deploy_model/dagRuns ";
    assert!(text.as_str().starts_with(start), "{text}");
    assert!(text.as_str().contains(r#""VERSION":"7""#), "{text}");
    assert!(plan.steps[1].act.request(&[]).is_none(), "it sends nothing");
    assert!(says(
        &plan.notes,
        "deploy_model: how long it takes is not known"
    ));
    // It trains nothing, so that nobody follows it to a version and it is no past run to undo.
    let fleet = Orchestra::default().plays(made());
    assert_eq!(retrain::run_of(&plan, &fleet), None);
}

#[test]
fn settings_may_have_the_alias_move_first() {
    let mut made = made();
    made.context.policy.writing.order = Some(Order::AliasFirst);
    let plan = promoted(&Orchestra::default().plays(made), "champion", "7").expect("a plan");
    assert_eq!(
        words(&plan, Weight::Required),
        ["move-alias", "trigger-run", "await-run", "await-served"]
    );
    let back = undone(&plan, &[]);
    assert_eq!(
        words(&back, Weight::Required),
        ["move-alias", "trigger-run", "await-run", "await-served"]
    );
}

#[test]
fn one_run_serves_all_deployments_that_it_is_the_way_to() {
    let deployments = [("a", "http://a.test"), ("b", "http://b.test")];
    let deployments = deployments
        .map(|(name, url)| by_pipeline(name, url))
        .to_vec();
    let fleet = Orchestra::default().plays(made_of(deployments));
    let plan = promoted(&fleet, "champion", "7").expect("a plan");
    assert_eq!(
        words(&plan, Weight::Required),
        [
            "trigger-run",
            "await-run",
            "await-served",
            "await-served",
            "move-alias"
        ]
    );
}

#[test]
fn the_claim_outlasts_the_run() {
    let mut made = made();
    made.context.claims = Some(true);
    let fleet = Orchestra::default().plays(made);
    let mut plan = promoted(&fleet, "champion", "7").expect("a plan");
    let mut details = Details::default();
    let book = crate::domain::action::claims::Book {
        rows: Vec::new(),
        now: Some(at(NOW)),
    };
    details.absorb(&Query::Claims(churn()), &Ok(Detail::Claims(book)));
    with_details(&fleet, &details, |with| {
        claiming::claim(&mut plan, &Clean::text("Q4 data"), with);
    });
    let required = words(&plan, Weight::Required);
    let claim = ["make-ledger", "make-ledger-run", "claim", "trigger-run"];
    assert_eq!(required[..4], claim);
    let Act::Claim { intent, .. } = &plan.steps[2].act else {
        panic!("{:?}", plan.steps[2])
    };
    let intent = crate::domain::action::claims::Intent::read(intent.raw()).expect("an intent");
    let least = at(NOW).plus(PLAN_HOLDS + Duration::from_secs(900));
    assert!(intent.expires > least, "{intent:?}");
    assert_eq!(plan.steps.last().map(|s| s.act.word()), Some("end-claim"));
}

#[test]
fn what_stands_against_its_run_stands_against_the_plan() {
    let blocked = |orchestra: Orchestra| promoted_by(orchestra).blocked;
    assert_eq!(blocked(Orchestra::default()), Vec::<Clean>::new());
    for (orchestra, why) in [
        (
            Orchestra {
                paused: true,
                ..Orchestra::default()
            },
            "deploy_model: the pipeline is paused, a run would wait until somebody resumes it",
        ),
        (
            Orchestra {
                health: PartHealth::Unhealthy,
                ..Orchestra::default()
            },
            "deploy_model: the scheduler is dead",
        ),
        (
            Orchestra {
                broken: true,
                ..Orchestra::default()
            },
            "pipeline deploy_model cannot be loaded",
        ),
        (
            Orchestra {
                holds: vec!["retrain_churn"],
                ..Orchestra::default()
            },
            "af holds no pipeline deploy_model",
        ),
        (
            Orchestra {
                down: true,
                ..Orchestra::default()
            },
            "what its runs do is not known",
        ),
    ] {
        let blocked = blocked(orchestra);
        assert!(says(&blocked, why), "{why}: {blocked:?}");
        assert_eq!(blocked.len(), 1, "{blocked:?}");
    }
    // Before anything was read of it.
    let plan = promoted(&made().fleet(), "champion", "7").expect("a plan");
    assert!(
        says(&plan.blocked, "what its runs do is not known"),
        "{plan:?}"
    );
}

#[test]
fn an_account_that_may_not_start_it_is_told_what_it_lacks() {
    let mut fleet = Orchestra::default().plays(made());
    let denied = vec![(Clean::name("trigger-run"), Right::Denied)];
    fleet.set_rights(&SourceId::new(SOURCE), denied);
    let plan = promoted(&fleet, "champion", "7").expect("a plan");
    let lacks = "this account lacks can_create on DAG Runs of deploy_model at af";
    assert!(says(&plan.blocked, lacks), "{:?}", plan.blocked);
}

#[test]
fn what_is_on_its_way_to_the_same_alias_is_asked_to_end_first() {
    let running = || PipelineState::Running;
    let runs = vec![
        bringing("theirs", "5", "champion", running()),
        bringing("queued", "4", "champion", PipelineState::Queued),
        bringing("shadow", "5", "shadow", running()),
        bringing(
            "over",
            "5",
            "champion",
            PipelineState::Ended(Ending::Failed),
        ),
    ];
    let orchestra = Orchestra {
        runs,
        ..Orchestra::default()
    };
    let mut fleet = orchestra.plays(made());
    let plan = promoted(&fleet, "champion", "7").expect("a plan");
    let cancelled = |plan: &Plan| -> Vec<String> {
        let steps = plan.steps.iter();
        steps
            .take_while(|step| !matches!(step.act, Act::TriggerRun { .. }))
            .filter_map(|step| match &step.act {
                Act::CancelRun { run, .. } => {
                    assert_eq!(step.weight, Weight::BestEffort);
                    Some(run.raw().to_owned())
                }
                _ => None,
            })
            .collect()
    };
    assert_eq!(cancelled(&plan), ["queued", "theirs"]);
    let says_so = "run theirs of deploy_model brings v5 to @champion now: it is asked to end first";
    assert!(says(&plan.notes, says_so), "{:?}", plan.notes);
    // Whoever may not end it is told.
    let denied = vec![(Clean::name("cancel-run"), Right::Denied)];
    fleet.set_rights(&SourceId::new(SOURCE), denied);
    let plan = promoted(&fleet, "champion", "7").expect("a plan");
    assert_eq!(cancelled(&plan), Vec::<String>::new());
    assert!(says(&plan.notes, "this account may not end it"));
    assert!(
        !says(&plan.notes, "teammates will not see"),
        "{:?}",
        plan.notes
    );
    assert_eq!(plan.blocked, Vec::<Clean>::new());
}

/// The journal of a plan whose steps ended so; those without an end were not begun.
fn wrote(plan: &Plan, hows: &[How], outcome: Option<Outcome>) -> Writes {
    let begun = Record::PlanBegun {
        plan: Arc::new(plan.clone()),
        reason: Clean::empty(),
        actor: ana(),
    };
    let id = plan.id.clone();
    let mut records = vec![(at(NOW), begun)];
    for (step, how) in hows.iter().enumerate() {
        let intent = Record::StepIntent {
            plan: id.clone(),
            step,
        };
        if plan.steps[step].act.sends() {
            records.push((at(NOW), intent));
        }
        let ended = Record::StepEnded {
            plan: id.clone(),
            step,
            end: StepEnd::new(*how, "said"),
            receipt: crate::domain::action::Receipt::default(),
        };
        records.push((at(NOW), ended));
    }
    let ended = outcome.map(|outcome| Record::PlanEnded {
        plan: id,
        outcome,
        words: Clean::empty(),
    });
    records.extend(ended.map(|record| (at(NOW + 1), record)));
    Writes::of(&Journals {
        records,
        ..Journals::default()
    })
}

fn way_back(writes: &Writes, id: &PlanId) -> Plan {
    let now = Now {
        wall: at(NOW + 60),
        mono: Duration::from_secs(60),
    };
    let written: &Written = writes.get(id).expect("it");
    undo::plan(written, PlanId::new(at(NOW + 60), [8; 10]), now).expect("a way back")
}

/// The way back of a plan of which the first steps ended so; all of them well where none are given.
fn undone(plan: &Plan, hows: &[How]) -> Plan {
    let all = vec![How::Done; plan.steps.len()];
    let hows = if hows.is_empty() { &all[..] } else { hows };
    let id = plan.id.clone();
    way_back(&wrote(plan, hows, Some(Outcome::Done)), &id)
}

#[test]
fn undo_has_another_run_bring_the_version_back_and_cancels_nothing_that_has_ended() {
    let plan = promoted_by(Orchestra::default());
    let (first, ..) = asked(&plan);
    for hows in [
        &[][..],
        // The run failed, and nothing that follows was done.
        &[How::Done, How::NotApplied, How::Skipped, How::Skipped],
    ] {
        let back = undone(&plan, hows);
        let (run, conf, within) = asked(&back);
        assert_ne!(run, first);
        assert_eq!(run, format!("qd__{}", back.id));
        let told = serde_json::json!({"MODEL": "churn", "VERSION": "6", "ALIAS": "champion"});
        assert_eq!((conf, within), (told, 900));
        assert_eq!(
            words(&back, Weight::Required)[..2],
            ["trigger-run", "await-run"]
        );
        let cancels = |step: &Step| matches!(step.act, Act::CancelRun { .. });
        assert!(!back.steps.iter().any(cancels), "{back:?}");
        assert_eq!(back.notes, Vec::<Clean>::new());
    }
    assert_eq!(
        words(&undone(&plan, &[]), Weight::Required),
        ["trigger-run", "await-run", "await-served", "move-alias"]
    );
}

/// A way back rests on what its run rests on, and ends the run that it takes back where that goes on: known
/// from the orchestrator, or where that was not read since, from the journal.
#[test]
fn undo_looks_at_the_orchestrator_and_ends_what_still_runs() {
    let plan = promoted_by(Orchestra::default());
    let (run, ..) = asked(&plan);
    let hows = [How::Done, How::NotSeen, How::Skipped, How::Skipped];
    let writes = wrote(&plan, &hows, Some(Outcome::NotConverged));
    let back = |fleet: &Fleet| {
        let (actor, details) = (ana(), as_shown(fleet));
        let with = Planning {
            details: &details,
            stamped: at(NOW + 5),
            fleet,
            writes: &writes,
            actor: &actor,
            now: Now {
                wall: at(NOW + 5),
                mono: Duration::from_secs(60),
            },
        };
        ground(way_back(&writes, &plan.id), &with, None).expect("a way back")
    };
    let cancels = |plan: &Plan| -> Vec<String> {
        let runs = plan.steps.iter().filter_map(|step| match &step.act {
            Act::CancelRun { run, .. } => Some(run.raw().to_owned()),
            _ => None,
        });
        runs.collect()
    };
    let running = bringing(&run, "7", "champion", PipelineState::Running);
    let ended = bringing(&run, "7", "champion", PipelineState::Ended(Ending::Success));
    // An account may see that it runs and not what it was told.
    let bare = PipelineRun {
        params: Arc::default(),
        ..running.clone()
    };
    for (runs, expected) in [
        (vec![running], vec![run.clone()]),
        (vec![bare], vec![run.clone()]),
        (Vec::new(), vec![run.clone()]),
        (vec![ended], Vec::new()),
    ] {
        let orchestra = Orchestra {
            runs,
            ..Orchestra::default()
        };
        let plan = back(&orchestra.plays(made()));
        assert_eq!(plan.blocked, Vec::<Clean>::new());
        assert_eq!(cancels(&plan), expected);
        if let Some(first) = expected.first() {
            let says_so = format!("run {first} of deploy_model brings v7 to @champion now");
            assert!(says(&plan.notes, &says_so), "{:?}", plan.notes);
            assert_eq!(plan.steps[0].act.word(), "cancel-run");
        }
    }
    let paused = Orchestra {
        paused: true,
        ..Orchestra::default()
    };
    let plan = back(&paused.plays(made()));
    assert!(says(&plan.blocked, "the pipeline is paused"), "{plan:?}");
}

/// What the orchestrator is not read to hold may run if it was asked for a moment ago, and not otherwise.
#[test]
fn a_run_that_was_refused_or_has_ended_is_not_asked_to_end() {
    let first = promoted_by(Orchestra::default());
    let (run, ..) = asked(&first);
    let fleet = Orchestra::default().plays(made());
    for (hows, expected) in [
        (&[How::Done, How::NotSeen][..], 1),
        (&[How::Unknown], 1),
        (&[How::Done], 1),
        (&[How::Refused, How::Skipped], 0),
        (&[How::NotApplied, How::Skipped], 0),
        (&[How::Done, How::NotApplied], 0),
        (&[How::Done, How::Done], 0),
        (&[], 0),
    ] {
        let writes = wrote(&first, hows, None);
        let cancels = |minutes: u64| {
            let (actor, details) = (ana(), as_shown(&fleet));
            let with = Planning {
                details: &details,
                stamped: at(NOW),
                fleet: &fleet,
                writes: &writes,
                actor: &actor,
                now: Now {
                    wall: at(NOW).plus(Duration::from_secs(minutes * 60)),
                    mono: Duration::from_secs(60),
                },
            };
            let later = PlanId::new(at(NOW + 5), [9; 10]);
            let request = request("champion", "5");
            let plan = promote::plan(&request, &Gates::default(), later, &with).expect("a plan");
            let of_it = |step: &&Step| matches!(&step.act, Act::CancelRun { run: of, .. } if of.raw() == run);
            plan.steps.iter().filter(of_it).count()
        };
        assert_eq!((cancels(0), cancels(11)), (expected, 0), "{hows:?}");
    }
}

#[test]
fn a_run_that_trains_is_still_cancelled_by_undo_and_one_that_deploys_is_no_training() {
    // The pipeline that deploys is the one that trains, too.
    let mut made = made();
    let tag = ("quarterdeck.pipeline", "http://af.test/dags/deploy_model");
    made.model = model(&[("champion", "6")], &[tag]);
    let fleet = Orchestra::default().plays(made);
    assert!(
        fleet
            .training(&churn())
            .is_some_and(|t| t.pipeline.is_some())
    );
    let plan = promoted(&fleet, "champion", "7").expect("a plan");
    assert_eq!(retrain::run_of(&plan, &fleet), None);
    let alone = Plan {
        steps: vec![plan.steps[0].clone()],
        verb: Verb::Retrain,
        ..plan
    };
    assert!(retrain::run_of(&alone, &fleet).is_some());
    let back = undone(&alone, &[]);
    assert_eq!(words(&back, Weight::Required), ["cancel-run"]);
}

#[test]
fn a_freeze_stands_against_a_way_back_by_a_pipeline() {
    let plan = promoted_by(Orchestra::default());
    let back = undone(&plan, &[How::Done, How::NotApplied]);
    let mark = Mark {
        by: Clean::name("bob"),
        at: at(0),
        until: at(NOW + 600),
        reason: Clean::text("release week"),
    };
    let mut made = made();
    made.model = model(&[("champion", "6")], &[(mark::FREEZE, &mark.write())]);
    let fleet = Orchestra::default().plays(made);
    let back = with(&fleet, |with| ground(back, with, None)).expect("a way back");
    assert_eq!(back.wanting.len(), 1, "{back:?}");
}

#[test]
fn a_journal_of_it_can_be_read_again() {
    let plan = promoted_by(Orchestra::default());
    let line = serde_json::to_string(&plan).expect("JSON");
    assert!(line.contains(r#""act":"await-run""#), "{line}");
    let read: Plan = serde_json::from_str(&line).expect("a plan");
    assert_eq!(read.steps, plan.steps);
}
