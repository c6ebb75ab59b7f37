//! What the root makes of others: who refuses, who claims, who writes over what we wrote.

use std::sync::Arc;

use super::sheet_tests::{app, app_of, promoted};
use super::tests::{model, observed};
use super::{App, update};
use crate::domain::action::claims::Book;
use crate::domain::action::{Act, Actor, Plan, PlanId, Receipt, Record, Step, StepEnd, Verb, Wish};
use crate::domain::key::SourceId;
use crate::domain::observation::{Abilities, Feed, Right, Rows};
use crate::domain::query::{Detail, Query};
use crate::domain::settings::Writes;
use crate::domain::text::Clean;
use crate::domain::time::{Millis, Now};
use crate::intent::msg::{Effect, Msg};

fn tell(app: &mut App, msg: Msg) {
    update(app, msg, Now::default());
}

fn blocked(app: &mut App) -> Vec<Clean> {
    app.sheet = None;
    app.open_sheet(vec![Wish::Undo(None)], Vec::new())
        .expect("a sheet");
    let sheet = app.sheet.as_ref().expect("a sheet");
    sheet.parts[0]
        .plan
        .as_ref()
        .expect("a plan")
        .blocked
        .clone()
}

#[test]
fn a_missing_right_is_remembered_until_rights_are_asked_for_anew() {
    let mut app = app(Writes::Confirm, false);
    let mlflow = SourceId::new("mlflow");
    assert_eq!(blocked(&mut app), Vec::<Clean>::new());
    let [Record::PlanBegun { plan, .. }, ..] = promoted() else {
        panic!("a plan")
    };
    let act: Act = plan.steps[0].act.inverse(None).expect("an inverse");
    let id = PlanId::new(Millis(2), [2; 10]);
    let back = Plan {
        id: id.clone(),
        verb: Verb::Undo,
        steps: vec![Step::required(&mlflow, act.clone())],
        ..Plan::clone(&plan)
    };
    let begun = Record::PlanBegun {
        plan: Arc::new(back),
        reason: Clean::empty(),
        actor: Actor::default(),
    };
    let refused = Record::StepEnded {
        plan: id,
        step: 0,
        end: StepEnd::forbidden("403: Permission denied"),
        receipt: Receipt::default(),
    };
    let context = Arc::clone(app.context());
    for record in [begun, refused] {
        let msg = Msg::Wrote(Arc::clone(&context), Millis(2), Box::new(record));
        tell(&mut app, msg);
    }
    assert_eq!(app.fleet().right(&mlflow, &act), Right::Denied);
    let why = blocked(&mut app);
    assert!(
        why.iter().any(|line| line
            .as_str()
            .contains("this account lacks EDIT on the model")),
        "{why:?}"
    );
    // Asked anew: nobody says whether it may.
    let abilities = Abilities::default();
    let probed = Msg::Probed {
        context,
        source: mlflow.clone(),
        abilities: Ok(abilities),
    };
    tell(&mut app, probed);
    assert_eq!(app.fleet().right(&mlflow, &act), Right::NotKnown);
    assert_eq!(blocked(&mut app), Vec::<Clean>::new());
}

#[test]
fn where_claims_are_on_a_sheet_reads_them_before_it_can_be_confirmed() {
    let mut app = app_of(Writes::Confirm, false, true);
    let why = blocked(&mut app);
    assert!(
        why.iter()
            .any(|line| line.as_str().contains("still being read")),
        "{why:?}"
    );
    let effects = super::settle(&mut app, Now::default());
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Fetch { source, query } if matches!(query, Query::Claims(_)) => {
            Some((source.clone(), query.clone()))
        }
        _ => None,
    });
    let (source, query) = asked.expect("a question");
    let fetched = Msg::Fetched {
        context: Arc::clone(app.context()),
        source,
        query,
        asked_at: Millis(1),
        result: Ok(Detail::Claims(Book::default())),
    };
    tell(&mut app, fetched);
    let sheet = app.sheet.as_ref().expect("a sheet");
    let plan = sheet.parts[0].plan.as_ref().expect("a plan");
    let words: Vec<&str> = plan.steps.iter().map(|step| step.act.word()).collect();
    assert_eq!(
        words,
        [
            "make-ledger",
            "make-ledger-run",
            "claim",
            "move-alias",
            "end-claim"
        ]
    );
    assert_eq!(plan.blocked, Vec::<Clean>::new());
}

#[test]
fn what_somebody_else_writes_over_ours_is_told() {
    for (to, told) in [("13", true), ("14", false)] {
        let mut app = app(Writes::Confirm, false);
        let moved = observed(
            &Arc::clone(app.context()),
            "mlflow",
            Feed::Models,
            60_000,
            Rows::Models(vec![model(to)]),
        );
        app.notice = None;
        update(&mut app, moved, Now::default());
        let notice = app.notice.as_ref().map(|n| n.text.to_string());
        let words = "fraud: somebody else wrote over it: champion is v13 now, not v14";
        assert_eq!(
            notice.is_some_and(|text| text.starts_with(words)),
            told,
            "{to}"
        );
    }
}

#[test]
fn plans_name_the_account_that_the_registry_takes_us_for() {
    let mut app = app_of(Writes::Confirm, false, false);
    let acting = |app: &App| app.fleet().acting(app.actor(), None);
    assert_eq!(acting(&app).account, None);
    let context = Arc::clone(app.context());
    let told = |user: Option<&str>| Msg::Probed {
        context: Arc::clone(&context),
        source: SourceId::new("mlflow"),
        abilities: Ok(Abilities {
            user: user.map(Clean::name),
            ..Abilities::default()
        }),
    };
    tell(&mut app, told(Some("ana.l")));
    assert_eq!(acting(&app).name(), "ana.l");
    tell(&mut app, told(None));
    assert_eq!(acting(&app).account, None);
}
