//! Writes for the tests of the journal and of a write's page: one of each end that it can have.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::action::{
    Act, Actor, Friction, GateNote, How, Journals, Matcher, Outcome, Pin, Plan, PlanId, Receipt,
    Record, Stamped, Step, StepEnd, Tagged, Verb, Writes,
};
use crate::domain::key::{Key, ModelKey, SourceId};
use crate::domain::observation::{Feed, PollReport};
use crate::domain::text::Clean;
use crate::domain::time::Millis;
use crate::panes::testing::{World, ago, endpoint_settings, model_key};

/// The source of the registry.
pub(crate) const SOURCE: &str = "ml";

/// The identity of the n-th plan.
pub(crate) fn id(n: u8) -> PlanId {
    PlanId::new(Millis(i64::from(n)), [n; 10])
}

pub(crate) fn pin(version: &str) -> Pin {
    Pin {
        version: Key::new(version),
        created: Millis(5),
    }
}

/// A move of the alias champion.
pub(crate) fn move_alias(model: &ModelKey, from: &str, to: &str) -> Act {
    Act::MoveAlias {
        model: model.clone(),
        alias: Key::new("champion"),
        from: Some(pin(from)),
        to: pin(to),
    }
}

/// A plan about a model.
pub(crate) fn plan(n: u8, verb: Verb, model: &ModelKey, summary: &str, acts: Vec<Act>) -> Plan {
    let source = SourceId::new(SOURCE);
    let steps = acts.into_iter();
    Plan {
        id: id(n),
        verb,
        context: Clean::name("test"),
        subject: model.name.clean(),
        model: Some(model.clone()),
        summary: Clean::text(summary),
        steps: steps.map(|act| Step::required(&source, act)).collect(),
        gates: Vec::new(),
        notes: Vec::new(),
        blocked: Vec::new(),
        wanting: Vec::new(),
        friction: Friction::Name,
        read_at: Millis(0),
        expires: Duration::ZERO,
        undo_until: None,
        undoes: None,
        passed: Vec::new(),
    }
}

/// Records of plans, one after another.
#[derive(Debug, Default)]
pub(crate) struct Told {
    records: Vec<Stamped>,
}

impl Told {
    /// A plan begins.
    pub(crate) fn begins(&mut self, at: Millis, plan: Plan, reason: &str) -> &mut Self {
        let record = Record::PlanBegun {
            plan: Arc::new(plan),
            reason: Clean::text(reason),
            actor: Actor {
                user: Clean::name("ana"),
                host: Clean::name("bastion"),
                account: None,
            },
        };
        self.records.push((at, record));
        self
    }

    /// A step is sent.
    pub(crate) fn sends(&mut self, at: Millis, n: u8, step: usize) -> &mut Self {
        let plan = id(n);
        self.records.push((at, Record::StepIntent { plan, step }));
        self
    }

    /// A step ends.
    pub(crate) fn ends(
        &mut self,
        at: Millis,
        n: u8,
        step: usize,
        (how, words): (How, &str),
    ) -> &mut Self {
        let record = Record::StepEnded {
            plan: id(n),
            step,
            end: StepEnd::new(how, words),
            receipt: Receipt::default(),
        };
        self.records.push((at, record));
        self
    }

    /// A plan ends.
    pub(crate) fn is(&mut self, at: Millis, n: u8, outcome: Outcome, words: &str) -> &mut Self {
        let record = Record::PlanEnded {
            plan: id(n),
            outcome,
            words: Clean::text(words),
        };
        self.records.push((at, record));
        self
    }

    /// What they tell together.
    pub(crate) fn writes(&self) -> Writes {
        Writes::of(&self.journals())
    }

    /// As journals.
    pub(crate) fn journals(&self) -> Journals {
        Journals {
            records: self.records.clone(),
            ..Journals::default()
        }
    }
}

/// Four writes: a promotion of an hour ago whose end nobody has seen, a silence that holds, a refused
/// edit, and one of another context.
pub(crate) fn told() -> Told {
    let fraud = model_key("fraud-detector");
    let churn = model_key("churn");
    let mut told = Told::default();
    let mut elsewhere = plan(1, Verb::Edit, &churn, "1 tag", vec![tag(&churn)]);
    elsewhere.context = Clean::name("staging");
    told.begins(ago(90_000), elsewhere, "")
        .ends(ago(89_990), 1, 0, (How::Done, "owner is risk"))
        .is(ago(89_990), 1, Outcome::Done, "owner is risk");
    let edit = plan(2, Verb::Edit, &churn, "1 tag", vec![tag(&churn)]);
    told.begins(ago(7_200), edit, "")
        .sends(ago(7_200), 2, 0)
        .ends(ago(7_199), 2, 0, (How::Refused, "403: no right to edit"))
        .is(ago(7_199), 2, Outcome::NotApplied, "403: no right to edit");
    let mut promote = plan(
        3,
        Verb::Promote,
        &fraud,
        "champion v13 → v14",
        vec![move_alias(&fraud, "13", "14"), tag(&fraud)],
    );
    promote.gates.push(GateNote {
        gate: Clean::name("fairness"),
        metric: Clean::empty(),
        rule: Clean::text("ratio >= 0.8"),
        champion: Clean::text("0.86"),
        candidate: Clean::text("0.76"),
        verdict: Clean::name("fail"),
        why: Clean::text("0.76 is below 0.8"),
        overridden: Some(Clean::text("known, and watched by hand")),
    });
    told.begins(ago(3_600), promote, "Q4 data")
        .sends(ago(3_599), 3, 0)
        .ends(ago(3_598), 3, 0, (How::Done, "champion is v14"))
        .sends(ago(3_597), 3, 1);
    let mute = Act::Silence {
        matchers: vec![Matcher {
            name: Key::new("model"),
            value: Key::new("churn"),
            regex: false,
            equal: true,
        }],
        starts: ago(600),
        ends: ago(0).plus(Duration::from_secs(6_600)),
        by: Clean::name("ana@bastion"),
        comment: Clean::text("known trouble"),
        nonce: Key::new("n"),
    };
    let silence = plan(4, Verb::Silence, &churn, "2 alerts for 2h00m", vec![mute]);
    told.begins(ago(600), silence, "known trouble")
        .sends(ago(600), 4, 0)
        .ends(ago(599), 4, 0, (How::Done, "the silence is active"))
        .is(ago(599), 4, Outcome::Done, "the silence is active");
    told
}

fn tag(model: &ModelKey) -> Act {
    Act::SetTag {
        created: None,
        of: Tagged::Model(model.clone()),
        key: Key::new("owner"),
        from: None,
        to: Key::new("risk"),
    }
}

/// A promotion of v14 that began so many seconds ago.
pub(crate) fn promoted(seconds: u64) -> Told {
    let fraud = model_key("fraud");
    let mut told = Told::default();
    let acts = vec![move_alias(&fraud, "13", "14")];
    let plan = plan(1, Verb::Promote, &fraud, "champion v13 → v14", acts);
    told.begins(ago(seconds), plan, "Q4 data")
        .sends(ago(seconds), 1, 0);
    told
}

/// The same, done a second later.
pub(crate) fn done(seconds: u64) -> Told {
    let mut told = promoted(seconds);
    told.ends(ago(seconds - 1), 1, 0, (How::Done, "champion is v14"))
        .is(ago(seconds - 1), 1, Outcome::Done, "champion is v14");
    told
}

/// A registry whose champion is a version, read just now, and an endpoint that answers another.
pub(crate) fn world(champion: &str, answers: Option<&str>) -> World {
    let mut world = World::with(|context| {
        let follows = answers.map(|_| endpoint_settings("fraud-eu", "fraud"));
        context.deployments.extend(follows);
    });
    let model = world.model("fraud", &[("champion", champion)]);
    for version in ["13", "14"] {
        world.version(&model, version, None);
    }
    if let Some(answers) = answers {
        world.endpoint("fraud-eu", "fraud", answers);
    }
    for (source, feed) in [("ml", Feed::Models), ("ml", Feed::Versions)] {
        let report = PollReport {
            context: Arc::clone(world.fleet.context()),
            source: SourceId::new(source),
            feed,
            asked_at: ago(2),
            took_ms: 5,
            clock_skew_ms: None,
            fault: None,
            partial: None,
            next_at: ago(0).plus(Duration::from_secs(10)),
        };
        world.fleet.record(&report, world.now.wall);
    }
    world
}
