use super::*;
use crate::domain::action::{Actor, How, PlanId, Record, Verb};
use crate::panes::journal::testing::{Told, done, id, move_alias, plan, promoted, world};
use crate::panes::testing::{World, ago, model_key};

fn stands(world: &World, writes: &Writes) -> (Phase, String) {
    let written = writes.get(&id(1)).expect("it");
    let standing = world.fleet.write_standing(written, writes, world.now.wall);
    (standing.phase, standing.short.to_string())
}

#[test]
fn a_write_on_its_way_tells_its_step_and_one_whose_process_is_gone_does_not_pretend() {
    let world = world("13", None);
    let told = promoted(30);
    let mut here = Writes::new();
    for (at, record) in &told.journals().records {
        here.wrote(record, *at);
    }
    assert_eq!(
        stands(&world, &here),
        (Phase::Applying, "applying 1/1".to_owned())
    );
    assert_eq!(stands(&world, &told.writes()).0, Phase::Unknown);
    let mut journals = told.journals();
    journals.living.insert(id(1));
    assert_eq!(stands(&world, &Writes::of(&journals)).0, Phase::Applying);
}

#[test]
fn done_is_not_converged_before_the_world_has_followed() {
    let writes = done(600).writes();
    let (phase, short) = stands(&world("14", Some("13")), &writes);
    assert_eq!(phase, Phase::NotConverged);
    assert!(short.starts_with("not converged: fraud-eu"), "{short}");
    assert_eq!(stands(&world("14", None), &writes).0, Phase::Done);
}

#[test]
fn what_the_registry_said_before_the_move_is_no_sign_of_it() {
    let writes = done(2).writes();
    assert_eq!(stands(&world("13", None), &writes).0, Phase::Verifying);
}

#[test]
fn who_was_overtaken_is_told_so_and_a_later_write_of_ours_takes_the_place() {
    let (phase, short) = stands(&world("13", None), &done(600).writes());
    assert_eq!(phase, Phase::Done);
    assert!(short.contains("champion reads v13, not v14"), "{short}");
    let fraud = model_key("fraud");
    let mut told = done(600);
    let acts = vec![move_alias(&fraud, "14", "13")];
    let back = plan(2, Verb::RollBack, &fraud, "champion v14 → v13", acts);
    told.begins(ago(300), back, "").sends(ago(300), 2, 0);
    told.ends(ago(299), 2, 0, (How::Done, "champion is v13"));
    told.is(ago(299), 2, Outcome::Done, "champion is v13");
    let writes = told.writes();
    let (phase, short) = stands(&world("13", None), &writes);
    assert_eq!(phase, Phase::Done);
    assert!(short.contains("moved on since"), "{short}");
}

#[test]
fn the_last_write_is_followed_for_a_while_and_one_that_stands_wrong_for_longer() {
    let follows = |world: &World, seconds| {
        let writes = done(seconds).writes();
        world.fleet.to_follow(&writes, world.now.wall).is_some()
    };
    assert!(follows(&world("14", None), 600));
    assert!(!follows(&world("14", None), 1_000));
    assert!(follows(&world("14", Some("13")), 80_000));
    assert!(!follows(&world("14", Some("13")), 90_000));
}

/// The same writes, and a silence of a moment ago that is done.
fn then_silenced(mut told: Told) -> Told {
    let fraud = model_key("fraud");
    let silence = plan(9, Verb::Silence, &fraud, "silences it", Vec::new());
    told.begins(ago(60), silence, "");
    told.is(ago(59), 9, Outcome::Done, "it is silenced");
    told
}

fn followed(world: &World, told: &Told) -> Option<PlanId> {
    let writes = told.writes();
    let found = world.fleet.to_follow(&writes, world.now.wall);
    found.map(|(written, _)| written.plan.id.clone())
}

#[test]
fn what_has_not_converged_is_followed_before_a_newer_write_that_is_done() {
    let told = then_silenced(done(600));
    assert_eq!(followed(&world("14", Some("13")), &told), Some(id(1)));
    // Once it has, the last one is.
    assert_eq!(followed(&world("14", None), &told), Some(id(9)));
}

#[test]
fn what_was_taken_back_superseded_or_closed_is_followed_no_more() {
    let unseen = || promoted(600);
    let world = world("14", Some("13"));
    assert_eq!(followed(&world, &then_silenced(unseen())), Some(id(1)));
    let fraud = model_key("fraud");
    // Another write has moved the alias since.
    let mut again = unseen();
    let acts = vec![move_alias(&fraud, "14", "13")];
    let back = plan(2, Verb::RollBack, &fraud, "champion v14 → v13", acts);
    again.begins(ago(300), back, "").sends(ago(300), 2, 0);
    again.ends(ago(299), 2, 0, (How::Done, "champion is v13"));
    again.is(ago(299), 2, Outcome::Done, "champion is v13");
    assert_ne!(followed(&world, &then_silenced(again)), Some(id(1)));
    // Somebody has closed it.
    let mut closed = unseen().journals();
    let seen_to = Record::SeenTo {
        plan: id(1),
        actor: Actor::default(),
        words: Clean::text("nobody can tell"),
    };
    closed.records.push((ago(100), seen_to));
    closed
        .records
        .extend(then_silenced(Told::default()).journals().records);
    let writes = Writes::of(&closed);
    let found = world.fleet.to_follow(&writes, world.now.wall);
    assert_eq!(found.map(|(w, _)| w.plan.id.clone()), Some(id(9)));
}
