//! The mark that a write about a model leaves on other people's charts.

use super::*;
use crate::domain::action::Wish;
use crate::domain::action::verbs::silence::UnsilenceRequest;
use crate::domain::action::{How, Journals, Outcome, Receipt, Record, StepEnd};

fn plan_of(wish: &Wish, fleet: &Fleet, reason: &str) -> Plan {
    let plan = with(fleet, |with| wish.plan(id(), with, &Clean::text(reason)));
    plan.expect("a plan")
}

/// What the plan says on charts, and of which model.
fn said(plan: &Plan) -> Vec<(String, String)> {
    let notes = plan.steps.iter().filter_map(|step| match &step.act {
        Act::Annotate { text, tags, .. } => {
            assert_eq!(step.weight, Weight::BestEffort);
            Some((text.to_string(), tags[1].raw().to_owned()))
        }
        _ => None,
    });
    notes.collect()
}

fn mark(purpose: Purpose) -> Wish {
    Wish::Mark(MarkRequest {
        model: churn(),
        purpose,
        hold: Some(Duration::from_secs(7_200)),
        reason: Clean::text("INC-42"),
    })
}

fn silence(model: Option<ModelKey>) -> Wish {
    Wish::Silence(SilenceRequest {
        at: SourceId::new("am"),
        matchers: Matcher::read_all("model=churn").expect("a matcher"),
        hold: Duration::from_secs(60),
        comment: Clean::text("known"),
        model,
    })
}

#[test]
fn each_write_about_a_model_is_annotated_once() {
    let fleet = Made::new(Vec::new()).fleet();
    let edit = Wish::Edit(EditRequest {
        of: Tagged::Model(churn()),
        tags: vec![(Key::new("team"), Some(Key::new("risk")))],
        description: None,
        freeze: None,
    });
    for (wish, reason, text) in [
        (
            Wish::Promote(request("champion", "7")),
            "",
            "promoted churn champion v6 → v7 by ana@risk: Q4 data",
        ),
        (
            mark(Purpose::Freeze),
            "",
            "freeze churn · frozen for 2h, until 11-02 05:46Z by ana@risk: INC-42",
        ),
        (edit, "typo", "edit churn · "),
        (
            silence(Some(churn())),
            "",
            "silence churn · mute model=\"churn\" for 1m00s by ana@risk: known",
        ),
    ] {
        let plan = plan_of(&wish, &fleet, reason);
        let said = said(&plan);
        let [(is, of)] = said.as_slice() else {
            panic!("{said:?}")
        };
        assert_eq!(of, "model:churn");
        // The form of the end of a freeze is somebody else's matter.
        let start = text.split(", until").next().expect("a start");
        assert!(is.starts_with(start), "{is}\n{text}");
        let end = text.rsplit(" by ").next().expect("an end");
        assert!(text.ends_with("· ") || is.ends_with(end), "{is}\n{text}");
    }
}

#[test]
fn what_is_about_no_model_and_what_may_not_be_written_is_left_out() {
    let mut fleet = Made::new(Vec::new()).fleet();
    assert_eq!(said(&plan_of(&silence(None), &fleet, "")), []);
    let end = Wish::Unsilence(UnsilenceRequest {
        at: SourceId::new("am"),
        id: Key::new("1"),
    });
    assert_eq!(said(&plan_of(&end, &fleet, "")), []);
    let denied = vec![(Clean::name("annotate"), Right::Denied)];
    fleet.set_rights(&SourceId::new("graf"), denied);
    let plan = plan_of(&mark(Purpose::Acknowledge), &fleet, "");
    assert_eq!(said(&plan), []);
    assert!(says(&plan.notes, "teammates will not see all"), "{plan:?}");
    assert_eq!(plan.blocked, Vec::<Clean>::new());
}

#[test]
fn taking_back_is_annotated_as_such_and_takes_no_annotation_back() {
    let fleet = Made::new(Vec::new()).fleet();
    let old = plan_of(&mark(Purpose::Acknowledge), &fleet, "");
    let begun = Record::PlanBegun {
        plan: Arc::new(old.clone()),
        reason: Clean::empty(),
        actor: ana(),
    };
    let ended = (0..old.steps.len()).map(|step| Record::StepEnded {
        plan: old.id.clone(),
        step,
        end: StepEnd::new(How::Done, ""),
        receipt: Receipt::default(),
    });
    let over = Record::PlanEnded {
        plan: old.id.clone(),
        outcome: Outcome::Done,
        words: Clean::empty(),
    };
    let records = std::iter::once(begun).chain(ended).chain([over]);
    let writes = Writes::of(&Journals {
        records: records.map(|record| (at(NOW), record)).collect(),
        ..Journals::default()
    });
    let plan = with(&fleet, |with| {
        let with = Planning {
            writes: &writes,
            ..*with
        };
        let undo = Wish::Undo(Some(old.id.clone()));
        undo.plan(PlanId::new(at(NOW), [8; 10]), &with, &Clean::empty())
    });
    let said = said(&plan.expect("a plan"));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].0.starts_with("undo churn · takes back: "),
        "{said:?}"
    );
}
